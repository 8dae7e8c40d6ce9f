// What opens when something is clicked: a change with its evidence, a candidate, an element, a validator.

import * as api from "./api.js";
import { el, put, svg } from "./dom.js";
import { bits, bound, changeMeta, changeTitle, clock, count, duration, elementTitle, fateWords, instant, kindName, many, plain, tierName } from "./format.js";
import { candidateMeta, candidateTitle, codeWords, roadWords } from "./side.js";

const CLASSES = ["good_camera", "basic_camera", "lidar", "roadside", "unknown"];
const SAYS = {
  __proto__: null,
  new: "saw it", value: "read it", gone: "found it gone", covered: "found it covered", unchanged: "saw it as in the map",
  silent: "looked there, reported nothing", elsewhere: "saw it elsewhere",
};

function facts(rows) {
  return el("dl", {}, rows.filter(Boolean).map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

function bitsBar(have, threshold, advisory) {
  const share = Math.max(0, Math.min(100, threshold > 0 ? (100 * have) / threshold : 0));
  return el("div", {}, el("p", {}, `${bits(have)} bits of ${bits(threshold)} needed`),
    el("span", { class: `bar ${advisory ? "advisory" : ""}`, role: "img", "aria-label": `${Math.round(share)} percent of the threshold` },
      el("i", { "width%": share })));
}

// ---- sightings ----

// What counted is known: of published changes for as long as the unit keeps it, of candidates up to a number. Else what the unit, which
// reads messages as its cell does, says of each.
function favours(s, subject) {
  if (subject.counted) return subject.counted.has(s.leaf);
  if (s.counted !== undefined) return s.counted;
  if (subject.covered) return s.says === "covered";
  if (subject.moved) return s.says === "elsewhere";
  if (subject.op === "delete") return s.says === "gone";
  if (subject.op === "create") return s.says === "new" && (subject.value === undefined || s.value === subject.value);
  return s.says === "value" && (subject.value === undefined || s.value === subject.value);
}

function timeline(list, subject) {
  const rows = CLASSES.filter((c) => list.some((s) => s.class === c));
  const t0 = Math.min(...list.map((s) => Date.parse(s.time)));
  const t1 = Math.max(...list.map((s) => Date.parse(s.time)));
  const width = 360;
  const left = 92;
  const height = 24 + rows.length * 26;
  const x = (s) => left + (t1 > t0 ? ((Date.parse(s.time) - t0) / (t1 - t0)) * (width - left - 14) : (width - left) / 2);
  const marks = list.map((s) => {
    const y = 16 + rows.indexOf(s.class) * 26;
    const turn = typeof s.heading_deg === "number" ? s.heading_deg : 0;
    return svg("path", { d: "M0-6 4 5 0 2.5-4 5Z", class: favours(s, subject) ? "for" : "against",
      transform: `translate(${x(s).toFixed(1)} ${y}) rotate(${turn})` },
    svg("title", {}, `${clock(s.time)}: ${SAYS[s.says] || s.says}${s.value === undefined ? "" : ` ${s.value}`}, ${bound(s.heading_deg)}`));
  });
  return svg("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": `Sightings by source and time, ${list.length} of them; the table below says the same` },
  rows.map((c, i) => [svg("text", { x: 0, y: 20 + i * 26 }, c.replace("_", " ")),
    svg("line", { class: "rule", x1: left, x2: width, y1: 16 + i * 26, y2: 16 + i * 26 })]),
  marks,
  svg("text", { x: left, y: height - 2 }, clock(new Date(t0).toISOString())),
  svg("text", { x: width, y: height - 2, "text-anchor": "end" }, clock(new Date(t1).toISOString())));
}

function byDirection(list, subject) {
  const groups = new Map();
  for (const s of list) {
    const key = `${s.class}|${bound(s.heading_deg)}`;
    const g = groups.get(key) || { class: s.class, way: bound(s.heading_deg), yes: 0, no: 0, silent: 0 };
    if (favours(s, subject)) g.yes++;
    else if (s.says === "silent") g.silent++;
    else g.no++;
    groups.set(key, g);
  }
  const rows = [...groups.values()].sort((a, b) => b.yes - a.yes || a.way.localeCompare(b.way));
  return el("table", {}, el("thead", {}, el("tr", {}, el("th", {}, "Source"), el("th", {}, "Travelling"),
    el("th", { class: "n" }, "for it"), el("th", { class: "n" }, "saw the old"), el("th", { class: "n" }, "saw nothing"))),
  el("tbody", {}, rows.map((g) => el("tr", {}, el("td", {}, g.class.replace("_", " ")), el("td", {}, g.way || "–"),
    el("td", { class: "n" }, g.yes), el("td", { class: "n" }, g.no), el("td", { class: "n" }, g.silent)))));
}

function sightingsTable(list, subject) {
  return el("details", {}, el("summary", {}, `Each of the ${list.length} (${list.filter((s) => favours(s, subject)).length} for it)`), el("table", { class: "sightings" },
    el("thead", {}, el("tr", {}, el("th", {}, "Time"), el("th", {}, "Said"), el("th", {}, "Source"), el("th", {}, "Block"))),
    el("tbody", {}, list.map((s) => el("tr", {}, el("td", {}, clock(s.time)),
      el("td", {}, `${SAYS[s.says] || s.says}${s.value === undefined ? "" : `: ${s.value}`}, ${bound(s.heading_deg)}`),
      el("td", {}, `${s.class.replace("_", " ")}${s.family ? `, software ${s.family}` : ""}`), el("td", {}, count(s.height)))))));
}

const ANEW_MS = 60000;
const KEPT_ROWS = 256;

// Sightings of a candidate: read on from where the last answer ended, so that the unit does not search all blocks once a second;
// anew after a minute, as the place that they are told for may have moved with what came since.
function reader(path) {
  let had = null;
  let since = 0;
  return async () => {
    const anew = !had || performance.now() - since > ANEW_MS;
    const page = await api.json(anew ? path : `${path}?since=${had.to_height}`);
    if (anew || !had || !page.complete || page.withheld) {
      had = page.withheld ? null : page;
      since = performance.now();
      return page;
    }
    const leaves = new Set(had.sightings.map((s) => s.leaf));
    const all = [...had.sightings, ...page.sightings.filter((s) => !leaves.has(s.leaf))];
    had = { ...had, to_height: Math.max(had.to_height, page.to_height), complete: had.complete && all.length <= KEPT_ROWS, sightings: all.slice(-KEPT_ROWS) };
    return had;
  };
}

async function putSightings(box, read, subject) {
  try {
    const [page, kept] = await Promise.all([read(), subject.id ? api.json(`/v1/map/changes/${subject.id}/evidence`).catch(() => null) : null]);
    if (kept) subject.counted = new Set(kept.messages.map((m) => m.leaf));
    const list = page.sightings;
    if (page.withheld) {
      put(box, el("p", { class: "soft", id: "withheld" }, `Single messages are not shown before ${many(page.withheld.needed, "vehicle", "vehicles")} ` +
        `said so within one window of time (${count(page.withheld.vehicles)} so far): fewer could be told apart.`));
      return;
    }
    if (list.length === 0) {
      put(box, el("p", { class: "soft" }, page.complete ? "No message in the blocks kept here is about this place."
        : "The blocks with these messages are no longer kept by this unit."));
      return;
    }
    const ways = new Set(list.filter((s) => favours(s, subject)).map((s) => bound(s.heading_deg)));
    const other = list.filter((s) => !favours(s, subject) && !ways.has(bound(s.heading_deg)));
    put(box, timeline(list, subject), byDirection(list, subject),
      el("p", { class: "soft" }, other.length > 0
        ? `${many(other.length, "vehicle", "vehicles")} passed in other directions without seeing the change.`
        : "No vehicle passed in another direction without seeing the change."),
      page.complete ? null : el("p", { class: "soft" }, `Blocks ${count(page.from_height)} to ${count(page.to_height)}; not all that counted are in them.`),
      sightingsTable(list, subject));
  } catch (e) {
    put(box, el("p", { class: "soft" }, `The sightings could not be read: ${e.message}.`));
  }
}

// ---- the panels ----

function head(title, back) {
  return [el("div", { class: "buttons" }, el("button", { type: "button", id: "back", on: { click: back } }, "← All changes")), el("h2", { tabindex: -1, id: "title" }, title)];
}

function who(v) {
  return v.owner === v.mast ? plain(v.owner) : `${plain(v.owner)}, ${plain(v.mast)}`;
}

function quorum(height) {
  const box = el("div", {}, el("p", { class: "soft" }, "Reading who signed…"));
  api.json(`/v1/headers/${height + 1}`).then(({ commit }) => {
    put(box,
      el("p", {}, `${many(commit.signers.length, "validator", "validators")} with ${count(commit.power)} of ${count(commit.total_power)} votes signed block ${count(height + 1)}, which commits to this change.`),
      el("ul", { class: "list" }, commit.signers.map((s) => el("li", {}, who(s)))));
  }).catch((e) => put(box, el("p", { class: "soft" }, `Not known here: ${e.message}.`)));
  return box;
}

// Another change by name, when it is known here.
function other(id, model, open) {
  const c = model.changes.get(id);
  if (!c) return el("code", {}, id);
  return el("button", { type: "button", class: "link", on: { click: () => open(`c:${id}`) } }, `${changeTitle(c)}, version ${count(c.version)}`);
}

// How the road answers an order of the authority, where it cannot be overlooked.
function obedience(c, order) {
  if (!c.order) return null;
  if (!order) return el("p", { class: "note" }, "The order behind this change is no longer in force.");
  return el("p", { class: `note ${order.road === "disobeyed" ? "bad" : ""}`, id: "obedience" },
    `By signed order of the authority: ${roadWords(order)}.`);
}

export function change(c, { back, open, model, order, failed, checker }) {
  const e = c.evidence;
  const seen = el("div", {}, el("p", { class: "soft" }, "Reading the sightings…"));
  const later = model.fates.get(c.id);
  const answers = el("div", {});
  putAnswers(answers, c.id);
  if (e.vehicles > 0) putSightings(seen, () => api.json(`/v1/map/changes/${c.id}/sightings`), { id: c.id, op: c.op, value: c.after?.value, moved: c.moved_m >= 0.05 });
  else put(seen, el("p", { class: "soft" }, c.withdraws ? "No vehicle had to speak for it: the order that had changed it is over." : "No vehicle had to speak for it: it was ordered."));
  return [
    ...head(changeTitle(c), back),
    el("p", {}, changeMeta(c, c.version)),
    failed && el("p", { class: "note bad", role: "alert" }, "The proof of this change does not hold. Do not rely on it; see below."),
    later && el("p", { class: "note" }, `Not the last word: ${fateWords(later)} by `, other(later.id, model, open), "."),
    obedience(c, order),
    facts([
      ["published", `${instant(c.time)}, block ${count(c.height)}`], ["kind", c.tier === "order" && c.withdraws ? "end of an order" : tierName(c.tier)],
      e.vehicles > 0 && ["seen", `${clock(e.first_seen)} to ${clock(e.last_seen)}`],
      e.vehicles > 0 && ["by", `${many(e.vehicles, "vehicle", "vehicles")}, ${many(e.software_families, "software family", "software families")}, ` +
        `${many(e.issuers, "issuer", "issuers")}, ${many(e.groups, "group", "groups")}`],
      c.supersedes && ["supersedes", other(c.supersedes, model, open)],
      c.withdraws && ["withdraws", other(c.withdraws, model, open)],
      c.order && ["order", el("code", {}, c.order)],
      ["in the map as", (c.after || c.before).aliases.map((a) => plain(a)).join(", ") || c.element],
    ]),
    e.threshold_bits > 0 ? bitsBar(e.bits, e.threshold_bits, false) : null,
    ...differs(c),
    answers,
    el("h3", {}, "Sightings"), seen,
    el("h3", {}, "Who signed"), quorum(c.height),
    ...checker(c),
  ];
}

// What map providers answered about a change; nothing is said while nobody has.
async function putAnswers(box, id) {
  let list = [];
  try {
    list = (await api.json(`/v1/map/changes/${id}`)).feedback || [];
  } catch {
    return; // no longer kept: then its answers are not, either
  }
  if (list.length === 0) return;
  put(box, el("h3", {}, "What map providers answered"), el("table", { id: "answers" },
    el("thead", {}, el("tr", {}, ["Received", "Data set", "Answer"].map((words) => el("th", {}, words)))),
    el("tbody", {}, list.map((a) => el("tr", {}, el("td", {}, instant(a.received)), el("td", {}, plain(a.dataset)),
      el("td", {}, [codeWords(a.code), a.property && plain(a.property)].filter(Boolean).join(", ")))))));
}

// What else a change changes, besides what its title says.
function differs(c) {
  if (!c.before || !c.after) return [];
  const rows = [];
  const keys = new Set([...Object.keys(c.before.attributes), ...Object.keys(c.after.attributes)]);
  for (const k of [...keys].sort()) {
    const [a, b] = [c.before.attributes[k], c.after.attributes[k]];
    if (a !== b) rows.push([plain(k), `${plain(a ?? "none")} → ${plain(b ?? "none")}`]);
  }
  if (c.moved_m >= 0.05) rows.push(["place", `${c.moved_m.toFixed(1)} m from where it was`]);
  return rows.length > 0 ? [el("h3", {}, "What else changed"), facts(rows)] : [];
}

const LACKS = {
  __proto__: null,
  bits: () => "evidence", margin: () => "a clear lead over what else may be so",
  vehicles: (k) => `vehicles within one window of time (${count(k.window_vehicles)} so far)`,
  groups: (k) => `groups of vehicles (${count(k.groups)} so far)`,
  families: (k) => `software families, or evidence without the one that says most (${count(k.software_families)} so far)`,
  issuers: (k) => `issuers of certificates, or evidence without the one that says most (${count(k.issuers)} so far)`,
  share: () => "so many honest vehicles that the liars among them could not have decided it",
  views: (k) => `lines of sight (${count(k.views)} so far)`,
  place: () => "a better known place",
};

// What the policy still asks for before this becomes a change.
export function lackWords(k) {
  const list = (k.lacks || []).map((one) => (LACKS[one] ? LACKS[one](k) : plain(one)));
  if (list.length > 0) return `Still wanted by the policy: ${list.join("; ")}.`;
  if (k.bits < k.threshold_bits) return "";
  return k.op === "create"
    ? "Enough bits. It waits for the block that publishes it, or may be what is missing elsewhere."
    : "The policy asks for no more: it waits for the block that publishes it.";
}

export function candidate(k, element, back, history) {
  const seen = el("div", {}, el("p", { class: "soft" }, "Reading the sightings…"));
  let known = null; // what the sightings below were read for
  const read = reader(`/v1/map/candidates/${k.subject}/sightings`);
  const box = el("div", { id: "progress" });
  const renew = (now) => {
    if (!now) {
      put(box, el("p", {}, "This gathers no evidence any more: it was published (see the list of changes), or later looks spoke against it."));
      return;
    }
    if (known !== now.last_seen) putSightings(seen, read, now);
    known = now.last_seen;
    show(now);
  };
  const show = (now) => put(box, 
    el("p", {}, candidateMeta(now)),
    bitsBar(now.bits, now.threshold_bits, Boolean(now.advisory)),
    history(now),
    !now.covered && el("p", { class: "soft" }, lackWords(now)),
    facts([["first seen", instant(now.first_seen)], ["last seen", instant(now.last_seen)],
      ["groups", `${count(now.groups)} (software family, direction and time)`], ["issuers", count(now.issuers)],
      now.advisory && ["advisory", `told to vehicles; ${now.expiry} if nothing more is seen`]]));
  renew(k);
  return { nodes: [...head(candidateTitle(k, element), back),
    el("p", { class: "soft" }, k.covered
      ? "It stands, but is covered or out of force for now. Vehicles are told while that lasts; the map stays as it is."
      : "Not in the map: this is what vehicles have said so far."), box, el("h3", {}, "Sightings"), seen], update: renew };
}

export function bitsChart(points, threshold) {
  if (points.length < 2) return null;
  const width = 360;
  const height = 90;
  const top = Math.max(threshold, ...points.map((p) => p.bits)) * 1.1;
  const t0 = points[0].t;
  const span = Math.max(1, points[points.length - 1].t - t0);
  const y = (b) => height - 14 - (Math.max(0, b) / top) * (height - 20);
  return svg("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Bits of evidence since this page was opened" },
    svg("line", { class: "threshold", x1: 0, x2: width, y1: y(threshold), y2: y(threshold) }),
    svg("polyline", { class: "line", points: points.map((p) => `${(((p.t - t0) / span) * width).toFixed(1)},${y(p.bits).toFixed(1)}`).join(" ") }),
    svg("text", { x: 0, y: height - 2 }, `since ${duration(span / 1000)}`),
    svg("text", { x: width, y: y(threshold) - 3, "text-anchor": "end" }, "threshold"));
}

export function element(e, changes, back, open) {
  return [
    ...head(elementTitle(e), back),
    facts([["kind", kindName(e.kind)], typeof e.heading === "number" && ["for traffic", bound(e.heading)],
      ["revision", count(e.revision)], ["identity", el("code", {}, e.id)], ["in the source", e.aliases.map((a) => plain(a)).join(", ") || "none"],
      ...Object.entries(e.attributes).map(([k, v]) => [plain(k), plain(v)])]),
    el("h3", {}, "Its changes"),
    changes.length === 0 ? el("p", { class: "soft" }, "None in the versions read so far.")
      : el("ul", { class: "list" }, changes.map((c) => el("li", {}, el("button", { type: "button", class: "row", on: { click: () => open(`c:${c.id}`) } },
        el("span", { class: "what" }, changeTitle(c)), el("span", { class: "meta" }, changeMeta(c, c.version)))))),
  ];
}

const STATES = {
  __proto__: null,
  voting: "votes", behind: "is connected, but behind the others", silent: "has not been heard for a while",
};

function jailed(v, back) {
  return [
    ...head(v.owner ? who(v) : "A former validator", back),
    el("p", {}, `Convicted and out of the committee: ${String(v.evidence_kind).replace(/_/g, " ")}. The signed proof of what it did is in the ledger.`),
    facts([["offence at", `height ${count(v.evidence_height)}`], ["convicted in", `block ${count(v.height)}`], ["address", el("code", {}, v.address)]]),
  ];
}

export function validator(v, mine, back) {
  if (v.state === "jailed") return jailed(v, back);
  const story = el("div", {}, el("p", { class: "soft" }, "Reading its last blocks…"));
  api.json(`/v1/validators/${v.address}`).then((s) => {
    put(story, blocksOf(s));
  }).catch((e) => put(story, el("p", { class: "soft" }, `Its blocks could not be read: ${e.message}.`)));
  return [
    ...head(who(v), back),
    el("p", {}, mine ? "This is the unit that serves this page." : `This validator ${STATES[v.state] || v.state}.`),
    facts([["state", v.state], ["votes", count(v.power)], typeof v.height === "number" && ["height", count(v.height)],
      v.heard_s_ago !== undefined && ["last heard", `${duration(v.heard_s_ago)} ago`],
      v.link_up !== undefined && ["link", v.link_up ? "up" : "down"], v.software && ["software", v.software],
      v.misdeeds > 0 && ["misdeeds", count(v.misdeeds)], v.muted && ["muted", "only its votes, proposals and states are taken for now"],
      ["address", el("code", {}, v.address)]]),
    el("h3", {}, "Its last blocks"), story,
  ];
}

function blocksOf(s) {
  const n = s.blocks.length;
  if (n === 0) return [el("p", { class: "soft" }, "No block with its committee is kept here.")];
  const signed = s.blocks.filter((b) => b.signed).length;
  const proposed = s.blocks.filter((b) => b.proposed).length;
  const cell = 6;
  const across = 60;
  const rows = Math.ceil(n / across);
  return [
    el("p", {}, `Of the last ${many(n, "block", "blocks")} it signed ${count(signed)} and proposed ${count(proposed)}.`),
    svg("svg", { class: "chart", viewBox: `0 0 ${across * cell} ${rows * (cell + 2)}`, role: "img", "aria-label": `Signed ${signed} of ${n}` },
      s.blocks.map((b, i) => svg("rect", { x: (i % across) * cell, y: Math.floor(i / across) * (cell + 2), width: cell - 1, height: cell,
        class: b.signed ? "yes" : "no" }, svg("title", {}, `block ${b.height}: ${b.signed ? "signed" : "not in the commit"}${b.proposed ? ", proposed" : ""}`)))),
    el("p", { class: "soft" }, `Blocks ${count(s.blocks[0].height)} to ${count(s.blocks[n - 1].height)}. A commit needs two thirds of the votes, so a good validator is not in every one.`),
  ];
}
