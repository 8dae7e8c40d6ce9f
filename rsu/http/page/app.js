// Puts the parts together: what is known, what is shown, and the address that says so.

import * as api from "./api.js";
import { byId, el, put, show } from "./dom.js";
import * as evidence from "./evidence.js";
import { changeTitle, count, zoneName } from "./format.js";
import * as link from "./link.js";
import { Guard } from "./guard.js";
import { follow } from "./live.js";
import { Model, middleOf, readSequence } from "./model.js";
import { Overlay } from "./overlay.js";
import { Past } from "./past.js";
import { Scene } from "./scene.js";
import { announcement, answers, changes, expiryWords, going } from "./side.js";
import { Stage } from "./stage.js";
import { Strip, sayTroubles, states, troubles } from "./strip.js";
import { TimeBar } from "./timebar.js";
import { checker } from "./verify.js";
import { View, steer } from "./view.js";

const CLICK_PX = 16;
const RETRY_MS = 5000;
const ANSWERS_MS = 60000;
const CHECKED = 8; // of the newest versions, whose proofs are checked at the start
const BEHIND_MAX = 4; // a message or two may have been on their way while the map was read

const view = new View();
const model = new Model(view);
const scene = new Scene(view);
const overlay = new Overlay(view, scene);
const strip = new Strip((address) => open(`n:${address}`));
const past = new Past(model);
const guard = new Guard((version) => past.proof(version), () => { say(); if (!state.see) putList(); });
const stream = { lost: 0, map: "", failed: guard.failed };
const state = { model, status: null, received: 0, begun: false, feedback: [], live: true, chosen: false, filter: "", range: { from: 1, to: 1 }, see: "", candidates: [], candidatesTotal: 0, orders: [], failed: guard.failed };
state.find = (words) => { state.filter = words; putList(); };
const trails = new Map(); // bits of candidates since the page was opened
overlay.failed = guard.failed;
const bar = new TimeBar(state, past, {
  show: (from, to, push) => { showRange(from, to); address(push); },
  zone: () => { open(state.see, true); say(); },
});
const stage = new Stage(view, scene, overlay);
let panel = null; // the open panel's own update, if it has one

// ---- the address ----

let addressTimer = 0;
function address(push) {
  clearTimeout(addressTimer);
  const put = () => {
    const [lat, lon] = view.degrees(view.x, view.y);
    const hash = link.write({
      v: state.live ? 0 : state.range.to, from: state.chosen ? state.range.from : 0,
      see: state.see, at: { lat, lon, scale: view.scale },
    });
    if (hash === location.hash) return;
    if (push) history.pushState(null, "", hash);
    else history.replaceState(null, "", hash);
  };
  if (push) put();
  else addressTimer = setTimeout(put, 250);
}

function place(found) {
  stage.land(true);
  if (found.at) {
    [view.x, view.y] = view.metres(found.at.lon, found.at.lat);
    view.scale = found.at.scale;
  } else {
    view.fit(scene.box);
  }
}

function moved() {
  stage.land(true);
  stage.ask(false);
  address(false);
}

// ---- what is shown ----

// `from` 0: nobody chose an end. Then the accent stays on the newest version until the next one.
function showRange(from, to) {
  const newest = model.newest;
  const last = Math.min(Math.max(to, model.oldest), newest);
  const first = Math.min(Math.max(from, model.oldest), last);
  state.live = last === newest;
  state.chosen = from > 0;
  state.range = { from: first, to: last };
  const walked = model.at === last ? null : model.go(last);
  if (walked) scene.renew(walked);
  overlay.changes = model.between(state.chosen || !state.live ? first : Math.max(model.oldest, last - 1), last);
  overlay.candidates = state.live ? state.candidates : [];
  overlay.orders = state.live ? state.orders : [];
  bar.put();
  putGrip();
  if (!state.see) putList();
  stage.ask(Boolean(walked));
}

function putGrip() {
  const n = model.between(state.range.from, state.range.to).length;
  show(byId("grip"), `${count(n)} ${n === 1 ? "change" : "changes"}${state.live && state.candidatesTotal > 0 ? `, ${count(state.candidatesTotal)} gathering` : ""}`);
}

// The list has two parts that change at their own times; each is made anew only then, and keeps what is focused in it.
const shown = { going: "", changes: "", answered: "" };
function putList() {
  if (!byId("going")) {
    put(byId("panel"), el("section", { id: "going" }), el("section", { id: "changes" }), el("section", { id: "answered" }));
    shown.going = shown.changes = shown.answered = "";
  }
  const { live, chosen, range, filter, candidates, candidatesTotal, orders } = state;
  putPart("going", going, JSON.stringify([live, live && [candidates, candidatesTotal, orders, model.newest]]));
  putPart("changes", changes, JSON.stringify([live, chosen, range, filter, model.changes.size, guard.failed.size, zoneName()]));
  putPart("answered", answers, JSON.stringify([state.feedback.map((a) => a.id), zoneName()]));
}

function putPart(id, make, key) {
  if (shown[id] === key) return;
  shown[id] = key;
  const focused = document.activeElement;
  const at = focused?.id === "filter" ? focused.selectionStart : 0;
  put(byId(id), make(state, open));
  if (focused?.id === "filter" && focused !== document.activeElement) {
    byId("filter")?.focus();
    byId("filter")?.setSelectionRange(at, at);
  } else if (focused?.dataset?.see && !focused.isConnected) {
    byId(id).querySelector(`[data-see="${focused.dataset.see}"]`)?.focus();
  }
}

function back() {
  open("");
}

function sheet(isOpen) {
  byId("side").classList.toggle("open", isOpen);
  byId("grip").setAttribute("aria-expanded", String(isOpen));
}

// `see` names a change, an element, a candidate or a validator; "" is the list.
function open(see, quiet) {
  const was = state.see;
  state.see = see;
  panel = null;
  overlay.selected = null;
  const nodes = see ? opened(see) : null;
  if (nodes) {
    put(byId("panel"), nodes);
    byId("panel").scrollTop = 0;
    if (!quiet) byId("title")?.focus({ preventScroll: true });
    sheet(true);
  } else {
    if (see) state.see = "";
    putList();
    if (was && !quiet) byId("panel").querySelector(`[data-see="${was}"]`)?.focus();
  }
  stage.ask(false);
  if (!quiet) address(true);
}

function opened(see) {
  const [what, id] = [see[0], see.slice(2)];
  if (what === "c") {
    const c = model.changes.get(id);
    if (!c) return null;
    select(c.after || c.before);
    return evidence.change(c, { back, open, model, order: state.orders.find((o) => o.id === c.order), failed: state.failed.has(c.version),
      checker: (one) => checker(one, () => past.proof(one.version), state.failed.get(one.version)) });
  }
  if (what === "e") {
    const e = model.elements.get(id);
    if (!e) return null;
    select(e);
    return evidence.element(e, [...model.changes.values()].filter((c) => c.element === id).reverse(), back, open);
  }
  if (what === "k") {
    const k = state.candidates.find((one) => one.subject === id);
    if (!k) return null;
    overlay.selected = { at: [k.x, k.y] };
    stage.flyTo(k.x, k.y, 4);
    const made = evidence.candidate(k, model.elements.get(id), back, (now) => evidence.bitsChart(trails.get(now.subject) || [], now.threshold_bits));
    panel = () => {
      made.update(state.candidates.find((one) => one.subject === id));
    };
    return made.nodes;
  }
  const v = state.status && states(state.status).find((one) => one.address === id);
  return v ? evidence.validator(v, v.index !== undefined && v.index === state.status.validator, back) : null;
}

function select(element) {
  overlay.selected = { element };
  const at = scene.anchor(element);
  if (at) stage.flyTo(...at, 4);
}

function tapped(px, py, reach = CLICK_PX) {
  const near = (p) => Math.hypot(p[0] - px, p[1] - py);
  const marks = [
    ...overlay.candidates.map((k) => [near(view.pixel(k.x, k.y)), () => open(`k:${k.subject}`)]),
    ...overlay.marked().map((m) => [near(m.at), m.n > 1
      ? () => stage.flyTo(...view.at(...m.at), view.scale * 4)
      : () => open(`c:${m.change.id}`)]),
  ].filter(([d]) => d <= Math.max(reach, overlay.radius())).sort((a, b) => a[0] - b[0]);
  if (marks.length > 0) {
    marks[0][1]();
    return;
  }
  const e = scene.hit(px, py, reach);
  if (e) open(`e:${e.id}`);
  else if (state.see) back();
}

// ---- what arrives ----

function heard(message) {
  stream.lost = 0;
  if (state.status && state.status.cell.id !== message.status.cell.id) {
    location.reload(); // another cell under the same address
    return;
  }
  state.status = message.status;
  state.received = performance.now();
  strip.update(message.status, state.received);
  takeCandidates(message);
  past.keeps(message.status.map.oldest_diff);
  catchUp(message.status.map.published);
  say();
}

function takeCandidates(message) {
  if (!message.candidates || !scene.box) return;
  const now = performance.now();
  state.orders = message.orders?.orders || [];
  state.candidatesTotal = message.candidates.total;
  state.candidates = message.candidates.candidates.map((k) => {
    const [x, y] = view.metres(...k.at);
    const trail = trails.get(k.subject) || [];
    if (trail.length === 0 || trail[trail.length - 1].bits !== k.bits) trail.push({ t: now, bits: k.bits });
    if (trail.length > 500) trail.shift();
    trails.set(k.subject, trail);
    return { ...k, x, y, expiry: k.advisory ? expiryWords(k.advisory.until, message.status.time) : "" };
  });
  for (const id of trails.keys()) if (!state.candidates.some((k) => k.subject === id)) trails.delete(id);
  if (state.live) overlay.candidates = state.candidates;
  if (state.live) overlay.orders = state.orders;
  putGrip();
  if (!state.see) putList();
  panel?.();
  stage.ask(false);
}

let reading = false;
let behind = 0; // messages one after the other that know less than this page
async function catchUp(published) {
  if (!state.begun) return;
  behind = published < model.newest ? behind + 1 : 0;
  if (behind === BEHIND_MAX) location.reload(); // the unit was set back, or is another one: what is shown may never have been
  if (reading || published <= model.newest) return;
  reading = true;
  try {
    const fresh = await past.follow(published);
    guard.watch(fresh);
    const news = fresh.flatMap((v) => v.changes);
    if (state.live) { // still: meanwhile somebody may have walked to an older version
      const from = state.chosen ? state.range.from : 0;
      past.trim(from || published);
      showRange(from, model.newest);
      overlay.pulse(news);
      show(byId("said"), announcement(news)); // for those who do not see the map
    } else {
      bar.put();
    }
    document.documentElement.dataset.newest = String(model.newest);
  } catch (e) {
    if (e.status === 410) location.reload(); // too far back for this unit: begin anew
    /* Anything else is tried again with what the unit says next. */
  } finally {
    reading = false;
  }
}

// Answers come seldom, so they are asked for seldom.
async function readAnswers() {
  try {
    state.feedback = (await api.json("/v1/map/feedback")).feedback;
    if (!state.see) putList();
  } catch (e) {
    if (e.status === 404) return; // a unit that takes none
  }
  setTimeout(readAnswers, ANSWERS_MS);
}

function say() {
  sayTroubles(troubles(state.status, stream), byId("trouble"));
}

// ---- the start ----

function theme() {
  scene.theme();
  stage.ask(true);
}

function listen() {
  const map = byId("map");
  steer(map, view, moved, tapped);
  map.addEventListener("keydown", (e) => {
    if (e.target === map && e.key === "0") {
      view.fit(scene.box);
      moved();
    }
  });
  const cross = () => {
    overlay.cross = map.matches(":focus-visible");
    stage.ask(false);
  };
  map.addEventListener("focus", cross);
  map.addEventListener("blur", cross);
  byId("nearer").addEventListener("click", () => { view.zoom(1.6, view.width / 2, view.height / 2); moved(); });
  byId("farther").addEventListener("click", () => { view.zoom(1 / 1.6, view.width / 2, view.height / 2); moved(); });
  byId("whole").addEventListener("click", () => { view.fit(scene.box); moved(); });
  byId("skip").addEventListener("click", (e) => {
    e.preventDefault();
    sheet(true);
    byId("panel").querySelector("button, a, summary, input")?.focus();
  });
  byId("grip").addEventListener("click", () => sheet(!byId("side").classList.contains("open")));
  document.addEventListener("keydown", (e) => { if (e.key === "Escape" && state.see) back(); });
  addEventListener("popstate", watchHash);
  addEventListener("hashchange", watchHash);
  new ResizeObserver(() => stage.resize()).observe(map);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", theme);
  addEventListener("beforeprint", () => stage.paper(true));
  addEventListener("afterprint", () => stage.paper(false));
  setInterval(() => { if (state.status) strip.tick(state.status, state.received); say(); }, 1000);
}

function arrive(found) {
  showRange(found.from || 0, found.v || model.newest);
  if ((found.see || "") !== state.see) open(found.see || "", true);
  if (found.at || !state.see) place(found);
  stage.ask(false);
}

// A link may name what is further back than what is read at the start.
async function follows(found) {
  let back = Math.min(found.from || found.v || model.newest, found.v || model.newest);
  try {
    if (found.see?.startsWith("c:") && !model.changes.has(found.see.slice(2)))
      back = Math.min(back, (await api.json(`/v1/map/changes/${found.see.slice(2)}`)).version - 1);
    await past.reach(back, () => {});
  } catch {
    // what the unit no longer has, nobody can show
  }
  arrive(found);
}

function watchHash() {
  const found = link.read(location.hash);
  if (state.begun) follows(found);
}

async function readMap(early) {
  const { version, text } = await api.map(early);
  const elements = readSequence(text);
  const middle = middleOf(elements);
  if (middle) view.setOrigin(...middle);
  model.take(elements, version);
  scene.build(elements);
  stage.ask(true);
  performance.mark("drawn");
  show(byId("loading"), elements.size === 0 ? "The map of this cell is empty." : "");
  byId("loading").hidden = elements.size > 0;
  arrive(link.read(location.hash));
  await past.begin(version);
  await follows(link.read(location.hash));
  guard.watch([...model.versions.values()].slice(-CHECKED));
}

export async function begin(early) {
  listen();
  stage.onFit = () => { if (scene.box && !state.see) place(link.read(location.hash)); };
  stage.onLanding = () => address(false);
  theme();
  stage.resize();
  follow({ heard, lost: (since) => { stream.lost = since; say(); } });
  for (let answer = early; !state.begun; answer = undefined) {
    try {
      await readMap(answer);
      state.begun = true;
      stream.map = "";
    } catch (e) {
      stream.map = e.message;
      byId("loading").hidden = true;
      say();
      if (e.status === 413) return; // it will not become smaller
      await new Promise((done) => setTimeout(done, RETRY_MS));
    }
  }
  say();
  if (state.status) catchUp(state.status.map.published);
  document.documentElement.dataset.ready = "yes";
  readAnswers();
}

window.wayside = { view, model, scene, overlay, stage, state, moved, changeTitle }; // for whoever looks under the bonnet
