// The list beside the map: what gathers evidence, and what changed, newest first.

import { el } from "./dom.js";
import { bits, bound, count, changeMeta, changeTitle, duration, elementTitle, fateWords, instant, kindName, many, placeWords, plain } from "./format.js";

const SHOWN = 60; // candidates of either kind
const LIST_MAX = 300; // rows; the rest is behind the slider
const ANSWERS_SHOWN = 20;
const FILTER_FROM = 8; // changes; fewer are seen at a glance

export function candidateTitle(k, element) {
  if (k.op === "create") return `New ${kindName(k.kind).toLowerCase()}${k.value === undefined ? "" : ` ${k.value}`}?`;
  const what = element ? elementTitle(element) : kindName(k.kind);
  if (k.covered) return `${what} covered?`;
  if (k.moved) return `${what} moved?`;
  return k.op === "delete" ? `${what} gone?` : `${what} → ${k.value ?? "other"}?`;
}

export function candidateMeta(k) {
  return [bound(k.heading_deg), many(k.vehicles, "vehicle", "vehicles"),
    many(k.software_families, "software family", "software families"),
    `${bits(k.bits)} bits of ${Math.round(k.threshold_bits)}`].filter(Boolean).join(", ");
}

// Most of what one vehicle says alone is a ghost.
export function isWeak(k) {
  return !k.advisory && k.bits < 0.4 * k.threshold_bits;
}

// `now` is the cell's time, which need not be this browser's.
export function expiryWords(until, now) {
  const s = (Date.parse(until) - Date.parse(now)) / 1000;
  return s > 0 ? `ends in ${duration(s)}` : "ends now";
}

// "unknownFeature", a code of TN-ITS, as words.
export function codeWords(code) {
  return plain(code || "").replace(/([a-z])([A-Z])/g, (_, a, b) => `${a} ${b.toLowerCase()}`).replace(/_/g, " ");
}

function answerRow(a, state, open) {
  const whose = typeof a.from === "number" ? `versions ${count(a.from)} to ${count(a.to)}` : "no data set of this cell";
  const events = a.events.slice(0, ANSWERS_SHOWN);
  return el("li", {}, el("details", { class: "answer" }, el("summary", {}, `${plain(a.dataset, 60)}: ${count(a.success)} taken, `,
    el("span", { class: a.failure > 0 ? "tag bad" : "" }, `${count(a.failure)} refused`)),
  el("p", { class: "soft" }, [instant(a.received), whose, a.processed && plain(a.processed)].filter(Boolean).join("; ")),
  a.texts.map((words) => el("p", {}, plain(words))),
  el("ul", { class: "list" }, events.map((e) => {
    const element = e.element && state.model.elements.get(e.element);
    const words = [codeWords(e.code), e.property && plain(e.property)].filter(Boolean).join(", ");
    return el("li", {}, element
      ? el("button", { type: "button", class: "row", on: { click: () => open(`e:${e.element}`) } },
        el("span", { class: "what" }, elementTitle(element)), el("span", { class: "tag" }, ""), el("span", { class: "meta" }, words))
      : `${plain(e.provider, 40)} ${plain(e.id, 60)}: ${words}`);
  })),
  (a.events_all ?? a.events.length) > events.length && el("p", { class: "soft" }, `${count((a.events_all ?? a.events.length) - events.length)} more under /v1/map/feedback/${a.id}.`)));
}

// What map providers answered to the data sets that they were given.
export function answers(state, open) {
  if (state.feedback.length === 0) return [];
  return [el("h2", {}, "Answers of map providers"), el("ul", { class: "list", id: "feedback" },
    state.feedback.slice(0, ANSWERS_SHOWN).map((a) => answerRow(a, state, open)))];
}

function candidateRow(k, element, against, open) {
  const share = Math.max(0, Math.min(100, (100 * k.bits) / k.threshold_bits));
  return el("li", {}, el("button", { type: "button", class: "row", "data-see": `k:${k.subject}`, on: { click: () => open(`k:${k.subject}`) } },
    el("span", { class: "what" }, candidateTitle(k, element)),
    el("span", { class: `tag ${k.advisory ? "advisory" : ""}` }, k.advisory ? `advisory, ${k.expiry}` : against ? "against an order" : "gathering"),
    el("span", { class: "meta" }, candidateMeta(k)),
    el("span", { class: `bar ${k.advisory ? "advisory" : ""}`, "aria-hidden": "true" }, el("i", { "width%": share }))));
}

// The one word beside a change that matters most now.
function changeTag(c, latest, state) {
  if (state.failed?.has(c.version)) return ["bad", "proof fails"];
  const later = state.model.fates.get(c.id);
  if (later && later.version <= state.range.to) return ["", fateWords(later)];
  return latest ? ["new", "newest"] : ["", ""];
}

function changeRow(c, latest, state, open) {
  const [tone, words] = changeTag(c, latest, state);
  return el("li", {}, el("button", { type: "button", class: "row", "data-see": `c:${c.id}`, on: { click: () => open(`c:${c.id}`) } },
    el("span", { class: "what" }, changeTitle(c)),
    el("span", { class: `tag ${tone}` }, words),
    el("span", { class: "meta" }, changeMeta(c, c.version))));
}

const SEEN = { __proto__: null, gone: "it is not there", another_value: "it shows another value", elsewhere: "it stands elsewhere", still_there: "it still stands there" };

// Whether the road does what the authority ordered.
export function roadWords(o) {
  if (!o.in_force) return "waits for its time";
  if (o.road === "obeyed") return "the road obeys";
  if (o.road === "disobeyed") return `the road does not obey: ${SEEN[o.seen] || o.seen || "it shows something else"}`;
  return "in force; no vehicle has told yet whether the road obeys";
}

function orderRow(o, state, open) {
  const element = state.model.elements.get(o.element);
  const change = [...state.model.changes.values()].reverse().find((c) => c.order === o.id);
  const what = change ? changeTitle(change) : element ? elementTitle(element) : kindName(o.kind);
  const until = o.valid_to_ms ? `, until ${instant(o.valid_to_ms)}` : "";
  return el("li", {}, el("button", { type: "button", class: "row", "data-see": `e:${o.element}`, on: { click: () => open(change ? `c:${change.id}` : `e:${o.element}`) } },
    el("span", { class: "what" }, what), el("span", { class: `tag ${o.road === "disobeyed" ? "bad" : ""}` }, o.road === "disobeyed" ? "not obeyed" : "order"),
    el("span", { class: "meta" }, `${roadWords(o)}${until}`)));
}

export function announcement(news) {
  const first = news.slice(0, 3).map((c) => [changeTitle(c), placeWords(c.after || c.before)].filter(Boolean).join(", "));
  return `${count(news.length)} new: ${first.join("; ")}${news.length > 3 ? "; and more" : ""}.`;
}

// What is going on now: orders and what gathers evidence. Nothing when an older version is looked at.
export function going(state, open) {
  const parts = [];
  if (!state.live) return parts;
  if (state.orders.length > 0)
    parts.push(el("h2", {}, "Orders of the authority"), el("ul", { class: "list", id: "orders" }, state.orders.slice(0, SHOWN).map((o) => orderRow(o, state, open))));
  if (state.candidates.length === 0) return parts;
  parts.push(el("h2", {}, "Gathering evidence"));
  const ordered = new Set(state.orders.filter((o) => o.in_force).map((o) => o.element));
  const rows = (list) => list.map((k) => candidateRow(k, state.model.elements.get(k.subject), ordered.has(k.subject), open));
  const strong = state.candidates.filter((k) => !isWeak(k)).slice(0, SHOWN);
  const rest = state.candidates.filter((k) => !strong.includes(k)).slice(0, SHOWN);
  if (strong.length > 0) parts.push(el("ul", { class: "list", id: "candidates" }, rows(strong)));
  if (rest.length > 0)
    parts.push(el("details", { id: "rest", open: state.restOpen, on: { toggle: (e) => { state.restOpen = e.target.open; } } },
      el("summary", {}, `${count(state.candidatesTotal - strong.length)} with little to speak for ${state.candidatesTotal - strong.length === 1 ? "it" : "them"}`),
      el("ul", { class: "list" }, rows(rest))));
  return parts;
}

// What of a change a reader may look for.
function sought(c) {
  const e = c.after || c.before;
  return [changeTitle(c), changeMeta(c, c.version), kindName(e.kind), c.id, c.element, ...e.aliases, ...Object.values(e.attributes)]
    .join("\n").toLowerCase();
}

function filterBox(state, total) {
  if (total < FILTER_FROM && !state.filter) return null;
  return el("label", { class: "field" }, "Find (road, kind, value, id)",
    el("input", { id: "filter", type: "search", autocomplete: "off", spellcheck: "false", maxlength: 80, value: state.filter,
      on: { input: (e) => state.find(e.target.value) } }));
}

// The same changes for the tools that read maps.
function takeAlong({ from, to }) {
  const links = [["json", "JSON with proofs", "json"], ["geojsonseq", "GeoJSON", "geojsons"], ["osc", "OsmChange", "osc"], ["tnits", "TN-ITS", "xml"]];
  return el("p", { class: "soft", id: "along" }, "Take along: ", links.map(([format, name, ending], i) => [i > 0 && ", ",
    el("a", { href: `/v1/map/diffs?from=${from}&to=${to}&format=${format}`, download: `changes-${from}-${to}.${ending}` }, name)]), ".");
}

// What changed in the range that is shown.
export function changes(state, open) {
  const { from, to } = state.range;
  const all = state.model.between(from, to);
  const word = state.filter.trim().toLowerCase();
  const found = word ? all.filter((c) => sought(c).includes(word)) : all;
  const parts = [el("h2", {}, state.live && !state.chosen ? "Changes" : `Changes from version ${count(from)} to ${count(to)}`), filterBox(state, all.length)];
  if (all.length === 0)
    parts.push(el("p", { class: "soft" }, to <= 1 ? "The road is as the map had it when the cell was founded." : "No change in these versions."));
  else if (found.length === 0)
    parts.push(el("p", { class: "soft" }, `None of the ${count(all.length)} changes has these words.`));
  parts.push(el("ul", { class: "list", id: "list" },
    found.slice(0, LIST_MAX).map((c) => changeRow(c, state.live && c.version === to, state, open))));
  if (found.length > LIST_MAX)
    parts.push(el("p", { class: "soft" }, `${count(found.length - LIST_MAX)} more: look for a word, or move the ends of the slider.`));
  if (all.length > 0) parts.push(takeAlong(state.range));
  return parts;
}
