// What the page says in words, in Node: changes, troubles, addresses. usage: node words.mjs FOLDER-OF-MODULES

import assert from "node:assert/strict";
import { join } from "node:path";

globalThis.matchMedia = () => ({ matches: false });
const from = (name) => import(join(process.argv[2], name));
process.env.TZ = "Europe/Berlin";
const { bound, changeMeta, changeTitle, count, clock, duration, elementTitle, fateWords, instant, nextZone, octets, plain, plate, zoneName } = await from("format.js");
const { troubles } = await from("strip.js");
const { codeWords, roadWords } = await from("side.js");
const { lackWords } = await from("evidence.js");
const link = await from("link.js");
const { Model, readSequence } = await from("model.js");
const { View } = await from("view.js");

const element = (more) => ({ kind: "sign", attributes: {}, aliases: [], line: [[11, 48]], ring: false, heading: 90, ...more });
const sign = (value, code = "de274-50") => element({ value, attributes: code ? { code } : {} });
const evidence = { bits: 21.44, threshold_bits: 20, vehicles: 12, software_families: 3, issuers: 3, groups: 6 };

// Changes.
assert.equal(changeTitle({ before: sign(50), after: sign(30) }), "Speed sign 50 → 30 km/h");
const limit = (value) => element({ kind: "speed_limit", value, attributes: { unit: "mph", road_name: "Ring Road" } });
assert.equal(changeTitle({ before: limit(50), after: limit(30) }), "Speed limit 50 → 30 mph");
assert.equal(changeMeta({ after: limit(30), evidence, tier: "permanent" }, 17),
  "Ring Road eastbound, version 17, 12 vehicles, 3 software families, 21.4 bits of 20");
assert.equal(changeMeta({ after: sign(30), evidence: { ...evidence, vehicles: 1, software_families: 1 }, tier: "permanent" }, 2),
  "eastbound, version 2, 1 vehicle, 1 software family, 21.4 bits of 20");
assert.equal(changeMeta({ after: sign(30), evidence: { ...evidence, vehicles: 0, threshold_bits: 0 }, tier: "order" }, 4),
  "eastbound, version 4, by order of the authority");
assert.equal(changeMeta({ after: sign(50), withdraws: "ab", evidence: { ...evidence, vehicles: 0, threshold_bits: 0 }, tier: "order" }, 5),
  "eastbound, version 5, back, as an order of the authority is over");
assert.equal(changeTitle({ before: element({ attributes: { code: "de205" } }), after: null }), "Yield sign removed");
assert.equal(changeTitle({ before: null, after: sign(30, "") }), "New speed sign 30 km/h");
assert.equal(changeTitle({ before: null, after: element({ kind: "hazard", value: 3 }) }), "New hazard 3");
assert.equal(changeTitle({ before: sign(50), after: sign(50), moved_m: 3.21 }), "Speed sign 50 km/h moved by 3.2 m");
assert.deepEqual(plate(sign(30, "de274.1-30")), { number: 274, zone: true, name: "speed" });
assert.deepEqual(plate(element({ attributes: { code: "206" } })).name, "stop");
assert.equal(plate(element({ attributes: { code: "1000001" } })), null);
assert.equal(plate(element({})), null);
assert.deepEqual([0, 44, 91, 225, 359, undefined].map(bound),
  ["northbound", "northeastbound", "eastbound", "southwestbound", "northbound", ""]);
assert.deepEqual([count(999), count(1234567), octets(1), octets(1234), octets(5e9)], ["999", "1\u202f234\u202f567", "1 B", "1.2 kB", "5.0 GB"]);
assert.deepEqual([0.04, 12.2, 119, 3600, 86400, 1e6, Number.NaN].map(duration), ["0.0 s", "12 s", "119 s", "60 min", "24 h", "12 days", "–"]);

assert.equal(roadWords({ in_force: false }), "waits for its time");
assert.equal(roadWords({ in_force: true, road: "obeyed" }), "the road obeys");
assert.equal(roadWords({ in_force: true, road: "disobeyed", seen: "another_value" }), "the road does not obey: it shows another value");
assert.match(roadWords({ in_force: true, road: null }), /no vehicle has told yet/);

// Words of other people: what turns, hides or ends the words around it is seen, and nothing is longer than a line.
assert.equal(plain("Ring\u202eRoad\u0000\u200b"), "Ring\ufffdRoad\ufffd\ufffd");
assert.equal(plain("\u2066a\u2069\ufeff\u2028"), "\ufffda\ufffd\ufffd\ufffd");
assert.equal(plain("Straße 北京 🚧 <b>"), "Straße 北京 🚧 <b>");
assert.equal(plain("x".repeat(255)).length, 160);
assert.equal(plain("x".repeat(255), 12), `${"x".repeat(11)}…`);
assert.equal(elementTitle(element({ kind: "speed_limit", value: 30, attributes: { unit: "\u202ehpm" } })), "Speed limit 30 \ufffdhpm");
assert.equal(elementTitle(element({ kind: "constructor" })), "constructor");
assert.equal(elementTitle(element({ attributes: { code: "constructor" } })), "Sign");
assert.deepEqual(["stop_sign", "us_r1-1", "yield", "de205"].map((code) => plate(element({ attributes: { code } })).number), [206, 206, 205, 205]);

assert.deepEqual([fateWords(undefined), fateWords({ supersedes: "a" }), fateWords({ withdraws: "a" })], ["", "superseded", "withdrawn"]);

// Times in UTC, or where the reader is, summer and winter.
assert.deepEqual([instant("2026-06-01T23:30:00.5Z"), clock("2026-12-01T08:00:00Z"), zoneName()], ["2026-06-01 23:30:00 UTC", "08:00:00 UTC", "UTC"]);
nextZone();
assert.deepEqual([instant("2026-06-01T23:30:00Z"), instant("2026-12-31T23:30:00Z"), instant("x")],
  ["2026-06-02 01:30:00 UTC+2", "2027-01-01 00:30:00 UTC+1", "–"]);
nextZone();

assert.deepEqual(["unknownFeature", "SUCCESS", "out_of_area", undefined, "<b>"].map(codeWords), ["unknown feature", "SUCCESS", "out of area", "", "<b>"]);
const open = { op: "modify", bits: 12, threshold_bits: 20, groups: 2, software_families: 1, issuers: 3, views: 1, window_vehicles: 1 };
assert.equal(lackWords({ ...open, lacks: ["bits", "vehicles", "families", "constructor"] }),
  "Still wanted by the policy: evidence; vehicles within one window of time (1 so far); software families, or evidence without the one that says most (1 so far); constructor.");
assert.match(lackWords({ ...open, bits: 21, lacks: [] }), /waits for the block/);
assert.match(lackWords({ ...open, op: "create", bits: 21, lacks: [] }), /missing elsewhere/);
assert.equal(lackWords({ ...open, lacks: [] }), "");

// Troubles: nothing when all is well; else one sentence each, which names what to do.
const well = { healthy: true, trouble: "", validator: 0, consensus: { clock_trusted: true, clock_agrees: true, syncing: false },
  validators: [0, 1, 2, 3].map((index) => ({ index, power: 1, state: "voting" })), jailed: [],
  disk: { state: "good", data_octets: 5e8, free_octets: 1e9, budget_octets: 1e9 } };
const none = { lost: 0, map: "" };
const said = (more, stream = none) => troubles({ ...well, ...more }, stream);
assert.deepEqual(said({}), []);
const cases = [
  [said({ healthy: false, trouble: "Port 0 stopped: torn" }), "unit", /Port 0 stopped: torn\. .*journalctl/],
  [said({ validators: well.validators.map((v, i) => ({ ...v, state: i < 2 ? "silent" : "voting" })) }), "quorum", /2 of 4 validators vote/],
  [said({ consensus: { ...well.consensus, clock_trusted: false } }), "clock", /GNSS or NTP/],
  [said({ consensus: { ...well.consensus, clock_agrees: false } }), "agree", /not that of the others/],
  [said({ consensus: { ...well.consensus, syncing: true } }), "sync", /catching up/],
  [said({ disk: { ...well.disk, data_octets: 9.5e8 } }), "disk", /950\.0 MB of 1\.0 GB/],
  [said({ disk: { ...well.disk, state: "disk_full" } }), "disk", /disk full/],
  [said({}, { lost: 5, map: "" }), "stream", /reconnects by itself/],
  [said({}, { ...none, failed: new Map([[7, "the signature of 2 is not good"]]) }), "proof 7", /version 7 does not hold: the signature of 2 is not good\. Do not rely/],
  [troubles(null, { lost: 0, map: "it has 300 MB" }), "map", /300 MB/],
];
for (const [list, key, words] of cases) {
  assert.equal(list.length, 1, key);
  assert.equal(list[0][0], key);
  assert.match(list[0][1], words);
  assert.match(list[0][1], /\.$/);
}
assert.deepEqual(said({ validators: well.validators.map((v, i) => ({ ...v, state: i < 1 ? "silent" : "voting" })) }), []);
assert.deepEqual(said({ disk: null }), []);

// Addresses: what is written is read again; what somebody made up is left out.
const hex = "ab".repeat(32);
const state = { v: 17, from: 12, see: `c:${hex}`, at: { lat: 48.761234, lon: 11.4, scale: 2.5 } };
assert.deepEqual(link.read(link.write(state)), state);
for (const bad of ["#v=-1", "#v=1e9", "#see=c:<b>", "#see=x:00", "#at=99,0,1", "#at=1,2", "#at=a,b,c", "#__proto__=1", "#from=%3Cscript"])
  assert.deepEqual(link.read(bad), {}, bad);

// The model walks back and forth.
const feature = (id, value) => `\u001e{"type":"Feature","geometry":{"type":"Point","coordinates":[11,48]},"properties":{"kind":"sign","element":"${id}","value":${value},"revision":0}}\n`;
const side = (id, value) => ({ id, kind: "sign", value, geometry: { type: "Point", coordinates: [11, 48] } });
const model = new Model(new View());
model.take(readSequence(feature("a", 30) + feature("c", 80)), 3);
model.oldest = 3;
model.learn([
  { version: 2, changes: [{ id: "1", op: "modify", before: side("a", 50), after: side("a", 30) }] },
  { version: 3, changes: [{ id: "2", op: "create", before: null, after: side("c", 80) }, { id: "3", op: "delete", before: side("b", 60), after: null }] },
]);
const now = () => [...model.elements].map(([id, e]) => `${id}${e.value}`).sort().join(" ");
assert.equal(now(), "a30 c80");
assert.ok(model.go(1));
assert.equal(now(), "a50 b60");
assert.ok(model.go(2));
assert.equal(now(), "a30 b60");
assert.ok(model.go(3));
assert.equal(now(), "a30 c80");
assert.equal(model.go(5), false);
assert.equal(now(), "a30 c80");
assert.deepEqual([...model.go(1)].sort(), ["a", "b", "c"]);
model.forget(2);
assert.equal(model.oldest, 1); // what is shown is not forgotten
model.go(3);
model.forget(2);
assert.deepEqual([model.oldest, model.changes.has("1"), model.changes.has("2"), model.go(1)], [2, false, true, false]);
assert.ok(model.go(2));
assert.equal(now(), "a30 b60");
assert.deepEqual(model.between(1, 3).map((c) => c.id), ["2", "3"]);

// What the unit lets go moves the start, but never past what is here.
const { Past } = await from("past.js");
const past = new Past({ oldest: 7 });
for (const [oldest, floor] of [[2, 1], [undefined, 1], [5, 4], [3, 4], [20, 7]]) {
  past.keeps(oldest);
  assert.equal(past.floor, floor);
}
console.log("words: all as they should be");
