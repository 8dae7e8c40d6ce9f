// Figures with units, instants, and changes in words.

const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb]/gu;
const WORDS_MAX = 160;

// Words of other people (names of streets, masts, signs): what turns or hides the words around it is made visible, and what
// is too long for a line ends in dots.
export function plain(words, most = WORDS_MAX) {
  const text = String(words).replace(UNSEEN, "\ufffd");
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

export function count(n) {
  return String(n).replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
}

export function bits(n) {
  return n.toFixed(1);
}

export function many(n, one, more) {
  return `${count(n)} ${n === 1 ? one : more}`;
}

// Times are told in UTC, as the records are, or in the zone of whoever reads them, with how far that is from UTC then.
let local = false;

export function nextZone() {
  local = !local;
}

export function zoneName(t = new Date()) {
  if (!local) return "UTC";
  const minutes = -t.getTimezoneOffset();
  const [h, m] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  return `UTC${minutes < 0 ? "−" : "+"}${h}${m ? `:${String(m).padStart(2, "0")}` : ""}`;
}

function words(text) {
  const t = new Date(text);
  if (Number.isNaN(t.getTime())) return null;
  const shifted = local ? new Date(t.getTime() - t.getTimezoneOffset() * 60000) : t;
  const iso = shifted.toISOString();
  return { date: iso.slice(0, 10), time: iso.slice(11, 19), zone: zoneName(t) };
}

export function instant(text) {
  const w = words(text);
  return w ? `${w.date} ${w.time} ${w.zone}` : "–";
}

export function clock(text) {
  const w = words(text);
  return w ? `${w.time} ${w.zone}` : "–";
}

export function duration(seconds) {
  if (!(seconds >= 0)) return "–";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

export function octets(n) {
  if (n < 1000) return `${n} B`;
  if (n < 1e6) return `${(n / 1e3).toFixed(1)} kB`;
  return n < 1e9 ? `${(n / 1e6).toFixed(1)} MB` : `${(n / 1e9).toFixed(1)} GB`;
}

const KINDS = {
  __proto__: null,
  lane: "Lane", boundary: "Boundary", sign: "Sign", speed_limit: "Speed limit", stop_line: "Stop line",
  crosswalk: "Crosswalk", light: "Traffic light", hazard: "Hazard", area: "Area", area: "Area",
};
export function kindName(kind) {
  return KINDS[kind] || plain(kind).replace(/_/g, " ");
}

const BOUND = ["northbound", "northeastbound", "eastbound", "southeastbound", "southbound", "southwestbound",
  "westbound", "northwestbound"];
export function bound(degrees) {
  return typeof degrees === "number" ? BOUND[Math.round(degrees / 45) % 8] : "";
}

const WORDS = { stop_sign: 206, stop: 206, yield: 205, give_way: 205, no_entry: 267, r1_1: 206, r1_2: 205, r2_1: 274, r5_1: 267, speed_limit: 274 };
const PLATES = { 205: "yield", 206: "stop", 267: "no entry", 274: "speed", 282: "end of limits", 301: "priority", 306: "priority road" };
// What the plate is, from its code with or without a country before it: {number: 274, zone: true}, or null.
export function plate(element) {
  const code = element.attributes.code || element.attributes.subtype || "";
  const word = code.toLowerCase().replace(/^(us|de)[_.-]?(?=[a-z])/, "").replaceAll("-", "_");
  if (Object.hasOwn(WORDS, word)) return { number: WORDS[word], zone: false, name: PLATES[WORDS[word]] };
  const m = /^[a-z]{0,2}(\d{3})(\.1|_1)?(?:\D|$)/.exec(code);
  return m ? { number: Number(m[1]), zone: Boolean(m[2]), name: PLATES[Number(m[1])] || `sign ${m[1]}` } : null;
}

export function unitOf(element) {
  if (element.kind === "speed_limit" || (element.kind === "sign" && isSpeed(element)))
    return plain(element.attributes.unit || "km/h", 12);
  return "";
}

export function isSpeed(element) {
  const p = plate(element);
  return element.kind === "sign" && (p ? p.number === 274 : typeof element.value === "number");
}

export function thing(element) {
  if (element.kind !== "sign") return kindName(element.kind);
  if (isSpeed(element)) return "Speed sign";
  const p = plate(element);
  return p ? `${p.name[0].toUpperCase()}${p.name.slice(1)} sign` : "Sign";
}

function figure(element) {
  const unit = unitOf(element);
  return typeof element.value === "number" ? ` ${element.value}${unit ? ` ${unit}` : ""}` : "";
}

export function elementTitle(element) {
  return `${thing(element)}${figure(element)}`;
}

// "Speed limit 50 → 30 km/h"
export function changeTitle(change) {
  const before = change.before;
  const after = change.after;
  if (!after) return `${elementTitle(before)} removed`;
  if (!before) return `New ${elementTitle(after).replace(/^./, (c) => c.toLowerCase())}`;
  if (before.value !== after.value) {
    const unit = unitOf(after);
    return `${thing(after)} ${before.value ?? "none"} → ${after.value ?? "none"}${unit ? ` ${unit}` : ""}`;
  }
  return `${elementTitle(after)} ${change.moved_m >= 0.05 ? `moved by ${change.moved_m.toFixed(1)} m` : "changed"}`;
}

export function placeWords(element) {
  const a = element.attributes;
  const road = a.road_name || a.street || a.name || "";
  return [plain(road, 60), bound(element.heading)].filter(Boolean).join(" ");
}

// What became of a change: "" while it stands.
export function fateWords(later) {
  if (!later) return "";
  return later.withdraws ? "withdrawn" : "superseded";
}

const TIERS = { __proto__: null, advisory: "advisory", permanent: "permanent", order: "by order of the authority" };
export function changeMeta(change, version) {
  const e = change.evidence;
  const parts = [placeWords(change.after || change.before), version ? `version ${version}` : ""];
  if (change.tier === "order") parts.push(change.withdraws ? "back, as an order of the authority is over" : TIERS.order);
  if (e.vehicles > 0)
    parts.push(many(e.vehicles, "vehicle", "vehicles"), many(e.software_families, "software family", "software families"));
  if (e.threshold_bits > 0) parts.push(`${bits(e.bits)} bits of ${Math.round(e.threshold_bits)}`);
  return parts.filter(Boolean).join(", ");
}

export function tierName(tier) {
  return TIERS[tier] || tier;
}
