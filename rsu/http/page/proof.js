// A map version is checked with the genesis alone, as docs/formats/ledger.md ("Bundles") and docs/formats/map.md say: from the
// founders over each handover to the header that commits to the event, every signature of every step.

import { verify } from "./ed25519.js";
import { concat, sha256 } from "./sha2.js";

export class Refusal extends Error {}

const CONTRACT_MAP = 3;
const EVENT_VERSION = 1;
const VALIDATORS_MAX = 64;
const HEADER_OCTETS = 405;
const words = new TextDecoder("utf-8", { fatal: true });

export function hex(octets) {
  return Array.from(octets, (o) => o.toString(16).padStart(2, "0")).join("");
}

export function unhex(text) {
  if (text.length % 2 !== 0 || /[^0-9a-fA-F]/.test(text)) throw new Refusal("the proof is no hexadecimal text");
  return Uint8Array.from({ length: text.length / 2 }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16));
}

export function same(a, b) {
  return a.length === b.length && a.every((o, i) => o === b[i]);
}

function tag(name) {
  const octets = new Uint8Array(16);
  octets.set(new TextEncoder().encode(name));
  return octets;
}

function be(value, n) {
  const octets = new Uint8Array(n);
  for (let i = n, v = BigInt(value); i-- > 0; v >>= 8n) octets[i] = Number(v & 255n);
  return octets;
}

class Reader {
  constructor(octets, what) {
    this.octets = octets;
    this.what = what;
    this.at = 0;
  }

  refuse(why) {
    throw new Refusal(`${this.what}: ${why} near octet ${this.at} of ${this.octets.length}`);
  }

  take(n) {
    if (n > this.octets.length - this.at) this.refuse("it is cut off");
    this.at += n;
    return this.octets.subarray(this.at - n, this.at);
  }

  big(n) {
    return this.take(n).reduce((v, o) => (v << 8n) | BigInt(o), 0n);
  }

  // A whole number that this language holds exactly.
  number(n) {
    const v = this.big(n);
    if (v > BigInt(Number.MAX_SAFE_INTEGER)) this.refuse("a number is too large");
    return Number(v);
  }

  signed(n) {
    return Number(BigInt.asIntN(8 * n, this.big(n)));
  }

  one(value) {
    if (this.number(1) !== value) this.refuse("another version or kind");
  }

  counted(n, most) {
    const length = this.number(n);
    if (length > most) this.refuse("a count is beyond its limit");
    return length;
  }

  var(most = 0xffffffff) {
    return this.take(this.counted(4, most));
  }

  text(n = 1) {
    try {
      return words.decode(this.take(this.number(n)));
    } catch {
      return this.refuse("a text is no UTF-8");
    }
  }

  end() {
    if (this.at !== this.octets.length) this.refuse("octets are left over");
  }
}

// ---- committees ----

function setHash(set, seats) {
  return sha256(tag("WAYSIDE-VALSET"), be(1, 1), be(set.length, 2),
    ...set.map((v) => concat(be(1, 1), v.key, be(v.power, 8))), seats);
}

function fullSet(r) {
  const n = r.counted(2, VALIDATORS_MAX);
  const set = [];
  const seats = [be(1, 1), be(n, 2)];
  for (let i = 0; i < n; i++) {
    r.one(1);
    const v = { key: r.take(32), curve: r.take(32), power: r.big(8) };
    const names = r.at;
    v.owner = r.text();
    v.mast = r.text();
    seats.push(v.curve, r.octets.subarray(names, r.at));
    set.push(v);
  }
  return { set, hash: setHash(set, sha256(tag("WAYSIDE-SEATS"), ...seats)) };
}

// As vehicles get it, without names: theirs stand in a hash.
function shortSet(r) {
  r.one(1);
  r.one(1);
  const width = r.number(1);
  if (width < 1 || width > 8) r.refuse("powers of impossible width");
  const n = r.counted(2, VALIDATORS_MAX);
  const set = [];
  for (let i = 0; i < n; i++) set.push({ key: r.take(32), power: r.big(width) });
  return { set, hash: setHash(set, r.take(32)) };
}

export function readGenesis(octets) {
  const r = new Reader(octets, "genesis");
  r.one(1);
  const name = r.text();
  const time = r.big(8);
  const { set, hash } = fullSet(r);
  for (let i = r.counted(1, 16); i > 0; i--) {
    r.take(33);
    r.text();
  }
  r.take(8);
  for (let i = r.number(1); i > 0; i--) r.var(65535);
  r.take(18 * 8);
  r.var(1 << 20);
  const base = r.take(32);
  const frame = { lat0: r.signed(4), lon0: r.signed(4), north: r.signed(8), east: r.signed(8) };
  return { name, time, set, hash, base, frame, id: sha256(tag("WAYSIDE-GENESIS"), octets) };
}

// ---- headers and who signed them ----

function blockId(f) {
  return sha256(tag("WAYSIDE-HEADER"), be(1, 1), f.cell, be(f.height, 8), be(f.time, 8), f.validators, f.next, f.body);
}

function readHeader(r) {
  const octets = r.take(HEADER_OCTETS);
  const h = new Reader(octets, "header");
  h.one(1);
  const f = { cell: h.take(32), height: h.number(8), time: h.big(8) };
  const before = h.take(32 * 3 + 4 + 32 * 2); // previous to results
  f.events = h.take(32);
  f.validators = h.take(32);
  f.next = h.take(32);
  const after = h.take(32 * 3); // parameters to extension
  f.body = sha256(tag("WAYSIDE-BODY"), be(1, 1), before, f.events, after);
  return f;
}

function readSigners(r) {
  const n = r.counted(2, VALIDATORS_MAX);
  const bits = r.take(Math.ceil(n / 8));
  const who = [];
  for (let i = 0; i < 8 * bits.length; i++) {
    if (!(bits[i >> 3] & (0x80 >> (i & 7)))) continue;
    if (i >= n) r.refuse("a signer beyond the committee");
    who.push(i);
  }
  return { n, signatures: who.map((index) => ({ index, octets: r.take(64) })) };
}

function readCommit(r) {
  r.one(1);
  return { height: r.number(8), round: r.big(4), id: r.take(32), ...readSigners(r) };
}

function readHandover(octets) {
  const r = new Reader(octets, "handover");
  r.one(1);
  const f = { cell: r.take(32), height: r.number(8), time: r.big(8), validators: r.take(32), body: r.take(32) };
  const round = r.big(4);
  const commit = { height: f.height, round, ...readSigners(r) };
  const next = shortSet(r);
  r.end();
  f.next = next.hash;
  commit.id = blockId(f);
  return { front: f, commit, next };
}

// One step of trust: the committee that is trusted signed this header with more than two thirds of its votes.
async function advance(trust, f, commit, pause) {
  const at = `header ${f.height}`;
  if (!same(f.cell, trust.cell)) throw new Refusal(`${at} belongs to another cell`);
  if (f.height <= trust.height || f.time <= trust.time) throw new Refusal(`${at} does not come after what is trusted`);
  if (!same(f.validators, trust.hash)) throw new Refusal(`${at} is by another committee than the one trusted since height ${trust.height}`);
  if (commit.height !== f.height || !same(commit.id, blockId(f))) throw new Refusal(`the signatures are not for ${at}`);
  if (commit.n !== trust.set.length) throw new Refusal(`the signatures of ${at} are over another committee`);
  const statement = concat(tag("WAYSIDE-VOTE"), be(1, 1), trust.cell, be(2, 1), be(f.height, 8), be(commit.round, 4), be(0, 1),
    commit.id, be(0xffffffff, 4), be(0xffffffff, 4));
  let power = 0n;
  for (const s of commit.signatures) {
    const v = trust.set[s.index];
    if (!verify(v.key, statement, s.octets)) throw new Refusal(`the signature of validator ${s.index + 1} under ${at} is bad`);
    power += v.power;
    await pause();
  }
  const total = trust.set.reduce((n, v) => n + v.power, 0n);
  if (3n * power <= 2n * total) throw new Refusal(`${at} is signed by ${power} of ${total} votes, which is no quorum`);
  trust.height = f.height;
  trust.time = f.time;
  return { power, total, signers: commit.signatures.map((s) => trust.set[s.index]) };
}

// Over all handovers; afterwards `trust` is that of the newest committee.
export async function follow(trust, handovers, pause) {
  for (const octets of handovers) {
    const h = readHandover(octets);
    await advance(trust, h.front, h.commit, pause);
    trust.set = h.next.set;
    trust.hash = h.next.hash;
  }
}

export function trustGenesis(g) {
  return { cell: g.id, height: 0, time: g.time, set: g.set, hash: g.hash };
}

// ---- the tree of events ----

function included(leaf, total, index, aunts, root) {
  let node = leaf;
  let at = index;
  let last = total - 1;
  let used = 0;
  if (total === 0 || index >= total) return false;
  for (; last > 0; at = Math.floor(at / 2), last = Math.floor(last / 2)) {
    if (at % 2 === 0 && at === last) continue; // nobody beside it on this level
    if (used === aunts.length) return false;
    node = at % 2 === 1 ? sha256(be(1, 1), aunts[used], node) : sha256(be(1, 1), node, aunts[used]);
    used++;
  }
  return used === aunts.length && same(node, root);
}

// The root over leaf hashes, split at the largest power of two below their number.
export function listRoot(leaves) {
  if (leaves.length === 0) return sha256();
  if (leaves.length === 1) return leaves[0];
  const half = 2 ** Math.floor(Math.log2(leaves.length - 1));
  return sha256(be(1, 1), listRoot(leaves.slice(0, half)), listRoot(leaves.slice(half)));
}

// ---- map records ----

const KINDS = ["", "lane", "boundary", "sign", "speed_limit", "stop_line", "crosswalk", "light", "hazard", "area"];
const OPS = ["create", "modify", "delete"];

function readPoints(r) {
  const points = [];
  for (let i = r.counted(2, 4096); i > 0; i--) points.push([r.signed(4), r.signed(4), r.signed(4)]);
  return points;
}

function readAttributes(r) {
  const attributes = Object.create(null); // a key may be any word, __proto__ too
  for (let i = r.counted(1, 64); i > 0; i--) {
    const key = r.text();
    attributes[key] = r.text();
  }
  return attributes;
}

function readAliases(r) {
  const aliases = [];
  for (let i = r.counted(1, 16); i > 0; i--) aliases.push(r.text());
  return aliases;
}

function readElement(octets) {
  const r = new Reader(octets, "element");
  r.one(1);
  const e = { id: hex(r.take(16)), kind: KINDS[r.number(1)], revision: r.number(4) };
  const flags = r.number(1);
  if (flags & 1) e.value = r.signed(4);
  if (flags & 2) e.heading = r.number(2);
  r.take(16);
  e.points = readPoints(r);
  e.attributes = readAttributes(r);
  e.aliases = readAliases(r);
  r.end();
  return e;
}

// An element as what differs from another one.
function readDifference(octets, from) {
  const r = new Reader(octets, "difference");
  r.one(1);
  const e = { ...from, revision: r.number(4) };
  const set = r.number(1);
  if (set > 63) r.refuse("an unknown field");
  if (set & 1) e.value = r.number(1) ? r.signed(4) : undefined;
  if (set & 2) e.heading = r.number(1) ? r.number(2) : undefined;
  if (set & 4) r.take(16);
  if (set & 8) e.points = readPoints(r);
  if (set & 16) e.attributes = readAttributes(r);
  if (set & 32) e.aliases = readAliases(r);
  r.end();
  return e;
}

const TIERS = [null, "advisory", "permanent", "order"];

function readChange(octets) {
  const r = new Reader(octets, "change");
  r.one(1);
  const c = { op: OPS[r.number(1)], tier: r.number(1), id: r.take(32) };
  if (!same(c.id, sha256(octets.subarray(0, 3), octets.subarray(35)))) r.refuse("its id is not its hash");
  c.element = hex(r.take(16));
  const flags = r.number(1);
  c.before = flags & 1 ? readElement(r.var()) : null;
  c.after = flags & 2 ? (c.before ? readDifference(r.var(), c.before) : readElement(r.var())) : null;
  for (const [bit, key] of [[4, "supersedes"], [8, "withdraws"], [16, "order"]]) if (flags & bit) c[key] = hex(r.take(32));
  c.bits = r.signed(8) / 65536;
  c.threshold = r.signed(8) / 65536;
  [c.vehicles, c.groups, c.issuers, c.families] = [r.number(4), r.number(4), r.number(4), r.number(4)];
  r.take(8 + 8); // first and last seen
  c.commitment = r.take(32);
  return c;
}

export function readVersion(octets) {
  const r = new Reader(octets, "map version");
  r.one(1);
  const v = { cell: r.take(32), version: r.number(8), previousRoot: r.take(32), root: r.take(32) };
  r.take(32 + 32); // previous record, policy
  v.base = r.take(32);
  v.height = r.number(8);
  v.time = r.big(8);
  r.take(1);
  v.changes = [];
  for (let i = r.counted(4, 1024); i > 0; i--) v.changes.push(readChange(r.var()));
  r.end();
  return v;
}

// Throws a Refusal that says why, or tells what the proof proves and who signed it. `pause` is awaited between signatures.
export async function check(genesisOctets, bundle, pause = async () => {}) {
  const genesis = readGenesis(genesisOctets);
  const r = new Reader(bundle, "proof");
  r.one(1);
  r.one(1);
  const handovers = [];
  for (let i = r.counted(2, 1024); i > 0; i--) handovers.push(r.var(8192));
  const header = readHeader(r);
  const commit = readCommit(r);
  const total = r.number(8);
  const index = r.number(8);
  const aunts = [];
  for (let i = r.counted(1, 40); i > 0; i--) aunts.push(r.take(32));
  const octets = r.var();
  r.end();

  const trust = trustGenesis(genesis);
  await follow(trust, handovers, pause);
  const quorum = await advance(trust, header, commit, pause);

  if (!included(sha256(be(0, 1), octets), total, index, aunts, header.events))
    throw new Refusal(`the event is not among those that header ${header.height} commits to`);
  const e = new Reader(octets, "event");
  e.one(1);
  const place = { contract: e.number(1), type: e.number(2), height: e.number(8), sequence: e.number(4) };
  const body = e.var();
  e.end();
  if (place.height + 1 !== header.height || place.sequence !== index) throw new Refusal("the event names another place than the proof");
  if (place.contract !== CONTRACT_MAP || place.type !== EVENT_VERSION) throw new Refusal("the event is no map version");
  const version = readVersion(body);
  if (!same(version.cell, genesis.id) || !same(version.base, genesis.base)) throw new Refusal("the map version is of another cell or base map");
  return { genesis, header, quorum, handovers: handovers.length, version };
}

// What differs between a change as the page shows it and as it is proven: a list of words, empty when nothing does.
export function differences(shown, proven, frame) {
  const list = [];
  const compare = (what, a, b) => {
    if (a !== b) list.push(`${what} is ${a ?? "none"} here and ${b ?? "none"} in the proof`);
  };
  compare("the kind of change", shown.op, proven.op);
  compare("the element", shown.element, proven.element);
  compare("the tier", shown.tier, TIERS[proven.tier]);
  for (const key of ["supersedes", "withdraws", "order"]) compare(`what it ${key === "order" ? "is ordered by" : key}`, shown[key], proven[key]);
  for (const side of ["before", "after"]) {
    const a = shown[side];
    const b = proven[side];
    if (!a || !b) {
      if (Boolean(a) !== Boolean(b)) list.push(`what was ${side} is missing on one side`);
      continue;
    }
    compare(`the kind ${side}`, a.kind, b.kind);
    compare(`the value ${side}`, a.value, b.value);
    for (const key of new Set([...Object.keys(a.attributes), ...Object.keys(b.attributes)]))
      compare(`${key} ${side}`, a.attributes[key], b.attributes[key]);
    if (!samePlace(a, b, frame)) list.push(`the place ${side} is another one`);
  }
  compare("the number of vehicles", shown.evidence.vehicles, proven.vehicles);
  compare("the number of software families", shown.evidence.software_families, proven.families);
  compare("the number of issuers", shown.evidence.issuers, proven.issuers);
  compare("the number of groups", shown.evidence.groups, proven.groups);
  if (Math.abs(shown.evidence.threshold_bits - proven.threshold) > 0.001)
    compare("the threshold", shown.evidence.threshold_bits, proven.threshold);
  if (Math.abs(shown.evidence.bits - proven.bits) > 0.001) compare("the evidence", shown.evidence.bits, proven.bits);
  return list;
}

// Degrees are shown to 1e-7, which is a centimetre.
function samePlace(shown, proven, frame) {
  const n = shown.ring ? proven.points.length : shown.line.length;
  if (n !== proven.points.length || (n > 0 && shown.line.length < n)) return false;
  const near = (a, b) => Math.abs(a - b) < 40;
  return shown.line.slice(0, n).every(([lon, lat], i) => {
    const x = ((lon * 1e7 - frame.lon0) * frame.east) / 2 ** 30;
    const y = ((lat * 1e7 - frame.lat0) * frame.north) / 2 ** 30;
    return near(x, proven.points[i][0]) && near(y, proven.points[i][1]);
  });
}
