// The page over a living cell, as people use it. usage: node page.mjs URL FINGERPRINT FOLDER-FOR-PICTURES PID...
// The pids are those of the units: the first serves the page, the others are stopped near the end to see the page say so.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { Browser, sleep } from "./browser.mjs";
import * as hostile from "./hostile.mjs";
import { crowd, speed } from "./load.mjs";
import { bare } from "./bare.mjs";

const [url, fingerprint, pictures, ...pids] = process.argv.slice(2);
mkdirSync(pictures, { recursive: true });
const NAME = "demo <b>town</b>";
const PHONE = { width: 390, height: 800, scale: 2, touch: true };
const b = await Browser.start();
let n = 0;
const ok = (what) => console.log(`ok ${++n} ${what}`);
const ready = () => b.until("document.documentElement.dataset.ready === 'yes' && wayside.state.status", "the map and the unit's state", 40000);
const shot = (name) => b.picture(join(pictures, `${name}.png`));
const open = async (hash, options) => {
  b.complaints.length = 0;
  await b.open(`${url}/${hash}`, options);
  await ready();
};
const verdict = async (entered) => {
  await b.run(`document.getElementById("fingerprint").value = ${JSON.stringify(entered)};
    document.getElementById("verdict")?.remove(); document.getElementById("verify").click();`);
  return b.until("document.getElementById('verdict')?.dataset.verdict", "a verdict");
};

// Runs in the page: every text that is seen has 4.5:1 against what is behind it (3:1 when large).
const CONTRAST = `
  const channel = (v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
  const parse = (t) => { const m = t.match(/[\\d.]+/g).map(Number); return { rgb: m.slice(0, 3), a: m[3] ?? 1 }; };
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.a === 1) return c.rgb; } return [255, 255, 255]; };
  const bad = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let seen = 0;
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (walk.currentNode.textContent.trim() === "" || !e.checkVisibility() || e.closest("svg, noscript") || e.disabled) continue;
    const style = getComputedStyle(e);
    const [f, g] = [light(parse(style.color).rgb), light(behind(e))];
    const ratio = (Math.max(f, g) + 0.05) / (Math.min(f, g) + 0.05);
    seen++;
    if (ratio < (parseFloat(style.fontSize) >= 24 ? 3 : 4.5)) bad.push(e.textContent.slice(0, 30) + " " + ratio.toFixed(2));
  }
  return { seen, bad };`;

async function firstLook() {
  const looks = [];
  const baseline = [];
  const other = await bare();
  for (let i = 0; i < 6; i++) {
    await b.open(other.url);
    baseline.push(await b.until("performance.getEntriesByName('first-contentful-paint')[0]?.startTime", "a paint"));
    await open("");
    looks.push(await b.until(`(() => {
      const [nav] = performance.getEntriesByType("navigation");
      const css = performance.getEntriesByName(location.origin + "/page/page.css")[0];
      const paint = performance.getEntriesByName("first-contentful-paint")[0]?.startTime;
      return paint && { answer: nav.responseStart, style: css.responseEnd, paint, map: performance.getEntriesByName("drawn")[0].startTime };
    })()`, "a paint"));
  }
  other.stop();
  b.requests.length = 0;
  await open("");
  const [first, ...rest] = looks;
  const middle = (key) => rest.map((l) => l[key]).sort((x, y) => x - y)[2].toFixed(0);
  console.log(`first paint after ${middle("paint")} ms, ${first.paint.toFixed(0)} ms in a browser that has just started (goal: less than 300 ms); of these ` +
    `${middle("answer")} ms until the unit answers, ${middle("style")} ms until the style is here; a bare page paints after ${baseline.slice(1).sort((x, y) => x - y)[2].toFixed(0)} ms; the map is ready to be drawn after ` +
    `${middle("map")} ms`);
  const median = Number(middle("paint"));
  assert.ok(median < 2000);
  assert.equal(await b.run("return document.getElementById('cell').textContent"), NAME);
  assert.equal(await b.run("return document.querySelectorAll('#strip b').length"), 0);
  assert.equal(await b.run("return document.querySelectorAll('.dot').length"), 4);
  assert.ok(await b.run("return wayside.model.elements.size > 100 && wayside.scene.tiles.size > 3"));
  assert.ok(b.requests.every((r) => r.startsWith(`${url}/`) || r === "about:blank"), b.requests.join(" "));
  ok("the map is drawn, the cell's name is text, nothing comes from elsewhere");
}

async function liveChanges() {
  await b.until("document.querySelectorAll('#candidates li').length > 0", "a candidate with something to speak for it", 60000);
  assert.ok(await b.run("return wayside.overlay.candidates.length > 0"));
  await shot("gathering-light");
  ok("candidates appear as their evidence comes");
  await b.run("document.querySelector('#candidates button').click()");
  await b.until("/[\\d.]+ bits of 20.0 needed/.test(document.getElementById('progress')?.innerText)", "the candidate's evidence");
  await b.until("document.querySelectorAll('svg.chart path').length > 0", "its sightings");
  assert.match(await b.run("return document.getElementById('panel').innerText"), /Not in the map/);
  await sleep(2500);
  await shot("candidate-light");
  await b.until("/gathers no evidence any more/.test(document.getElementById('progress').innerText)", "the end of the candidate", 60000);
  await b.key("Escape");
  ok("a candidate opens with its evidence, which grows until it is published");
  const before = await b.run("performance.mark('x'); return performance.getEntriesByType('navigation').length");
  await b.until("Number(document.documentElement.dataset.newest) >= 2", "a version", 90000);
  await b.until("document.querySelectorAll('#list li').length >= 1", "a change in the list");
  assert.equal(await b.run("return performance.getEntriesByName('x').length"), before);
  ok("a change appears without a reload");
  await b.until("wayside.model.changes.size >= 3", "the three changes of the drive", 120000);
  const titles = await b.run("return [...wayside.model.changes.values()].map((c) => wayside.changeTitle(c))");
  for (const title of ["Speed sign 50 → 30 km/h", "Yield sign removed", "New speed sign 30 km/h"])
    assert.ok(titles.includes(title), `${title}: ${titles.join("; ")}`);
  const line = await b.run("return document.querySelector('#list .meta').textContent");
  assert.match(line, /version \d+, \d+ vehicles, \d software families, [\d.]+ bits of 20/);
  ok("changes are told in words");
}

async function slider() {
  const newest = await b.run("return wayside.model.newest");
  const limit = "[...wayside.model.elements.values()].find((e) => e.aliases.includes('lanelet2:way/2003')).value";
  await b.run("const s = document.getElementById('to'); s.value = 1; s.dispatchEvent(new Event('input', { bubbles: true }));");
  assert.equal(await b.run("return wayside.model.at"), 1);
  assert.equal(await b.run(`return ${limit} ?? 50`), 50);
  await b.until("location.hash.includes('v=1&')", "the version in the address");
  await b.run("const s = document.getElementById('to'); s.value = 2; s.dispatchEvent(new Event('input', { bubbles: true }));");
  assert.equal(await b.run("return document.querySelectorAll('#list li').length"), await b.run("return wayside.model.between(1, 2).length"));
  await b.until("location.hash.includes('v=2&')", "the version in the address");
  const link = await b.run("return location.hash");
  const state = "JSON.stringify([wayside.state.range, wayside.view.scale.toPrecision(3), wayside.view.x.toFixed(0), wayside.model.at])";
  const shown = await b.run(`return ${state}`);
  await open(link);
  assert.equal(await b.run(`return ${state}`), shown);
  assert.equal(await b.run("return document.getElementById('now').hidden"), false);
  await b.run("document.getElementById('now').click()");
  assert.equal(await b.run("return wayside.model.at"), await b.run("return wayside.model.newest"));
  assert.equal(await b.run(`return ${limit}`), 30);
  assert.ok(newest >= 2);
  ok("the slider walks through versions, and a link opens the same view");
}

async function evidence() {
  await b.run("[...document.querySelectorAll('#list button')].find((e) => e.textContent.includes('50 → 30')).click()");
  await b.until("document.querySelectorAll('svg.chart path').length > 0", "sightings");
  await b.until("document.querySelectorAll('#panel ul.list li').length >= 3", "who signed");
  const text = await b.run("return document.getElementById('panel').innerText");
  assert.match(text, /\d+\.\d bits of 20\.0 needed/);
  assert.match(text, /good camera/);
  assert.match(text, /3 of 4 votes|4 of 4 votes/);
  assert.match(text, /eastbound/);
  assert.match(await b.run("return location.hash"), /see=c:[0-9a-f]{64}/);
  ok("a change opens with its evidence and who signed");
}

async function proofs() {
  assert.equal(await verdict(""), "holds-unanchored");
  assert.match(await b.run("return document.getElementById('verdict').innerText"), /none of your own/);
  assert.equal(await verdict(fingerprint), "holds");
  const said = await b.run("return document.getElementById('verdict').innerText");
  assert.match(said, /fingerprint that you entered/);
  assert.match(said, /The \d+ messages of vehicles that this unit lists as its evidence are exactly those/);
  await shot("proof-light");
  await b.click("#copy");
  await b.until("/in the clipboard/.test(document.getElementById('copied')?.textContent)", "the copy");
  ok("the proof holds, and the page says against which anchor");
  assert.equal(await verdict(fingerprint.replace(/^./, (c) => (c === "0" ? "1" : "0"))), "fails");
  assert.equal(await verdict("abc"), "unchecked");
  const see = await b.run("return wayside.state.see.slice(2)");
  const proof = await b.run(`const v = wayside.model.versions.get(wayside.model.changes.get("${see}").version); return v.proof`);
  const put = (text) => b.run(`wayside.model.versions.get(wayside.model.changes.get("${see}").version).proof = ${JSON.stringify(text)}`);
  let refused = 0;
  for (let i = 0; i < 24; i++) {
    const at = Math.floor((i * (proof.length - 1)) / 23);
    const digit = (Number.parseInt(proof[at], 16) ^ (1 << (i % 4))).toString(16);
    await put(proof.slice(0, at) + digit + proof.slice(at + 1));
    assert.equal(await verdict(fingerprint), "fails", `digit ${at}`);
    refused++;
  }
  await put(proof.slice(0, -2));
  assert.equal(await verdict(fingerprint), "fails");
  await put(proof);
  ok(`${refused + 1} altered proofs do not hold`);
  await b.run(`wayside.model.changes.get("${see}").after.value = 130`);
  assert.equal(await verdict(fingerprint), "fails");
  assert.match(await b.run("return document.getElementById('verdict').innerText"), /the value after is 130 here and 30 in the proof/);
  await shot("proof-fails-light");
  await b.run(`wayside.model.changes.get("${see}").after.value = 30`);
  assert.equal(await verdict(fingerprint), "holds");
  ok("a change that is shown otherwise than proven is noticed");
}

async function paper() {
  await b.send("Emulation.setEmulatedMedia", { media: "print" });
  await b.send("Emulation.setDeviceMetricsOverride", { width: 688, height: 1010, deviceScaleFactor: 1, mobile: false });
  await b.run("dispatchEvent(new Event('beforeprint'))");
  await sleep(300);
  await shot("paper");
  await b.run("dispatchEvent(new Event('afterprint'))");
  await b.send("Emulation.setEmulatedMedia", { media: "", features: [{ name: "prefers-color-scheme", value: "dark" }] });
  await b.send("Emulation.setDeviceMetricsOverride", { width: 1280, height: 800, deviceScaleFactor: 1, mobile: false });
  await sleep(300);

  const pdf = (await b.paper(join(pictures, "change.pdf"))).toString("latin1");
  assert.equal((pdf.match(/\/Type\s*\/Page\b(?!s)/g) || []).length, 1);
  await b.send("Emulation.setEmulatedMedia", { media: "", features: [{ name: "prefers-color-scheme", value: "light" }] });
  ok("a change with its evidence is one sheet of paper");
}

async function keys() {
  await b.run("document.getElementById('map').focus()");
  const scale = await b.run("return wayside.view.scale");
  await b.key("+");
  await b.key("ArrowLeft");
  assert.ok((await b.run("return wayside.view.scale")) > scale);
  await b.key("Escape");
  assert.equal(await b.run("return wayside.state.see"), "");
  await b.key("Enter");
  assert.match(await b.run("return wayside.state.see"), /^[ce]:/);
  await b.key("Escape");
  const reached = new Set();
  await b.run("document.activeElement.blur(); getSelection().removeAllRanges()");
  for (let i = 0; i < 40; i++) {
    await b.key("Tab");
    reached.add(await b.run("const e = document.activeElement; return e.id || e.className || e.tagName"));
  }
  for (const id of ["map", "nearer", "whole", "row", "from", "to"]) assert.ok(reached.has(id), `${id} is not reached: ${[...reached]}`);
  assert.ok([...reached].some((r) => r.startsWith("dot")));
  ok("keys move the map and reach everything");
}

// The authority orders what the road does not show: in the map at once, and later said not to be obeyed.
async function order() {
  const id = await b.run("return [...wayside.model.elements.values()].find((e) => e.aliases.includes('lanelet2:way/2001')).id");
  await promisify(execFile)("bash", [process.env.ORDER, id, "70"]);
  await b.until("document.querySelectorAll('#orders li').length === 1", "the order");
  await b.until(`wayside.model.elements.get("${id}").value === 70`, "the ordered value");
  await b.run("document.querySelector('#orders button').click()");
  await b.until("/by order of the authority/.test(document.getElementById('panel').innerText)", "the change by order");
  assert.equal(await verdict(fingerprint), "holds");
  await b.key("Escape");
  ok("an order is in the map at once, and its proof holds");
}

// Words that mean harm, ordered into the map by an authority whose key was stolen.
async function harm() {
  await hostile.headers(url);
  const id = await b.run("return [...wayside.model.elements.values()].find((e) => e.kind === 'sign' && e.aliases.includes('lanelet2:way/2002')).id");
  const attributes = hostile.WORDS.flatMap((words, i) => ["--attr", `${i % 2 ? `<i>${i}` : ["name", "road_name", "street", "unit", "note"][i / 2]}=${words}`]);
  await promisify(execFile)("bash", [process.env.ORDER, id, "60", ...attributes, "--attr", "__proto__=polluted", "--attr", "constructor=polluted",
    "--attr", `long=${"W".repeat(255)}`, "--attr", "turned=abc\u202edef"]);
  await b.until(`wayside.model.elements.get("${id}").value === 60`, "the ordered words");
  const change = await b.run(`return [...wayside.model.changes.values()].filter((c) => c.element === "${id}").pop().id`);
  await b.run(`document.querySelector('#list [data-see="c:${change}"]').click()`);
  await b.until("document.querySelectorAll('#panel ul.list li').length >= 3", "who signed");
  await hostile.shown(b);
  assert.equal(await verdict(fingerprint), "holds");
  await shot("hostile-change");
  await b.key("Escape");
  await open(`#see=e:${id}`);
  await hostile.shown(b);
  assert.ok(await b.run("return document.getElementById('panel').textContent.includes('abc\ufffddef')"), "what turns the text is seen");
  await open(`#see=e:${id}`, PHONE);
  await hostile.shown(b);
  assert.ok(await b.run("return document.documentElement.scrollWidth <= innerWidth"), "long words stick out");
  await shot("hostile-phone");
  for (const address of hostile.ADDRESSES) {
    await open(address);
    assert.equal(await b.run("return window.taken"), undefined, address);
    assert.ok(await b.run("return wayside.view.scale > 0 && Number.isFinite(wayside.view.x) && wayside.stage.frames > 0"), address);
    assert.deepEqual(b.complaints, [], address);
  }
  await open("");
  assert.deepEqual(b.requests.filter((r) => !r.startsWith(`${url}/`) && r !== "about:blank"), []);
  await hostile.policy(b); // makes requests of its own, which the browser refuses
  b.complaints.length = 0; // the refusals
  ok("words that mean harm are words, and the browser would refuse more; no other host is asked");
}

async function disobeyed() {
  await b.until("/does not obey/.test(document.getElementById('orders')?.innerText)", "what the road says to the order", 90000);
  await b.run("document.getElementById('orders').scrollIntoView()");
  await shot("order-light");
  ok("where the road does not obey, the page says so");
}

async function validator() {
  await b.run("document.querySelectorAll('.dot')[2].click()");
  await b.until("document.querySelectorAll('svg.chart rect').length > 10", "its blocks");
  assert.match(await b.run("return document.getElementById('panel').innerText"), /it signed \d+ and proposed \d+/);
  await shot("validator-light");
  ok("a dot opens its validator's story");
}

// What a screen reader would say of each control.
async function named(where) {
  await b.send("Accessibility.enable");
  const { nodes } = await b.send("Accessibility.getFullAXTree");
  const controls = nodes.filter((n) => !n.ignored && ["button", "link", "slider", "textbox", "searchbox", "image", "img", "application"].includes(n.role?.value));
  assert.ok(controls.length > 8, `${where}: ${controls.length} controls`);
  assert.deepEqual(controls.filter((n) => !(n.name?.value || "").trim()).map((n) => n.role.value), [], `${where}: controls without a name`);
  const headings = nodes.filter((n) => !n.ignored && n.role?.value === "heading");
  assert.ok(headings.length >= 1 && headings.every((n) => n.name.value.trim()), `${where}: headings`);
  await b.send("Accessibility.disable");
}

async function looks() {
  const see = `#see=c:${await b.run("return [...wayside.model.changes.values()].find((c) => c.op === 'modify').id")}`;
  for (const [name, options] of Object.entries({
    "desktop-light": {}, "desktop-dark": { dark: true }, "phone-light": PHONE, "phone-dark": { ...PHONE, dark: true },
  })) {
    await open("", options);
    await sleep(700);
    await shot(name);
    const list = await b.run(CONTRAST);
    await named(name);
    await open(see, options);
    await b.until("document.querySelectorAll('svg.chart path').length > 0", "sightings");
    await sleep(300);
    await shot(`${name}-evidence`);
    const change = await b.run(CONTRAST);
    await named(`${name}-evidence`);
    assert.deepEqual([...list.bad, ...change.bad], []);
    assert.ok(list.seen > 12 && change.seen > 20);
    const wide = await b.run("return document.documentElement.scrollWidth <= innerWidth");
    assert.ok(wide, `${name} is wider than its window`);
    assert.deepEqual(b.complaints, []);
  }
  ok("desktop and phone, light and dark: enough contrast, every control has a name, nothing sticks out, no complaint of the browser");
}

// What map providers answered, as the unit would tell it.
async function answers() {
  await open("");
  await b.run(`const { state } = wayside;
    const id = [...wayside.model.elements.values()].find((e) => e.kind === "sign").id;
    state.feedback = [{ id: 1, received: "2026-06-01T09:00:00Z", dataset: "cell-<i>1", from: 1, to: 3, processed: "today", success: 2, failure: 1, codes: [],
      texts: ["one is <b>unknown</b>"], events: [{ element: id, provider: "p", id: "x", property: "speedLimit", code: "unknownFeature" },
        { element: null, provider: "p", id: "y", property: "", code: "notLocated" }] }];
    state.find("");`);
  await b.run("document.querySelector('#feedback summary').click()");
  const text = await b.run("return document.getElementById('feedback').innerText");
  for (const words of ["cell-<i>1", "2 taken", "1 refused", "versions 1 to 3", "one is <b>unknown</b>", "unknown feature, speedLimit", "p y: not located"])
    assert.ok(text.includes(words), `${words}: ${text}`);
  await shot("feedback-light");
  await b.run("document.querySelector('#feedback button').click()");
  assert.match(await b.run("return wayside.state.see"), /^e:/);
  await b.key("Escape");
  ok("answers of map providers are shown, and lead to their elements");
}

// A unit that lies about one change and spoils the proof of another: nobody asks, and the page says so all the same.
const LIAR = `const honest = window.fetch;
  window.fetch = async (path, ...rest) => {
    const answer = await honest(path, ...rest);
    if (!String(path).startsWith("/v1/map/diffs")) return answer;
    const page = await answer.json();
    for (const v of page.versions) {
      const told = v.changes.find((c) => c.after && c.after.value === 30 && c.before);
      if (told) told.after.value = 80;
      else if (v.changes.some((c) => !c.before)) v.proof = v.proof.replace(/.$/, (d) => (d === "0" ? "1" : "0"));
    }
    return new Response(JSON.stringify(page), { status: 200 });
  };`;
async function liar() {
  await b.open("about:blank");
  const { identifier } = await b.send("Page.addScriptToEvaluateOnNewDocument", { source: LIAR });
  await b.send("Page.navigate", { url: `${url}/` });
  await ready();
  await b.until("wayside.state.failed.size === 2", "both lies");
  const said = await b.until("(() => { const t = document.getElementById('trouble').innerText; return t.split('does not hold').length === 3 && t; })()", "the sentences");
  assert.match(said, /the value after is 80 here and 30 in the proof/);
  const tags = await b.run("return [...document.querySelectorAll('#list li')].filter((e) => /proof fails/.test(e.innerText)).map((e) => e.innerText)");
  assert.ok(tags.some((words) => /50 → 80/.test(words)), tags.join("; "));
  await b.run("[...document.querySelectorAll('#list button')].find((e) => /50 → 80/.test(e.innerText)).click()");
  await b.until("document.getElementById('verdict')?.dataset.verdict === 'fails'", "the verdict");
  assert.ok(await b.run("return document.querySelectorAll('#panel [role=alert]').length >= 2"));
  await b.until("document.querySelectorAll('svg.chart path').length > 0", "sightings");
  const colours = await b.run(CONTRAST);
  assert.deepEqual(colours.bad, []);
  await shot("liar-light");
  await b.send("Page.removeScriptToEvaluateOnNewDocument", { identifier });
  await open("");
  await b.until("[...wayside.model.versions.values()].every((v) => v.checked === 'holds')", "the proofs of an honest unit");
  assert.equal(await b.run("return document.getElementById('trouble').textContent"), "");
  ok("what does not hold is found without asking, and said loudly; what holds is not talked about");
}

// Who wants no motion gets none: no flight, no pulse.
async function motionless() {
  await open("");
  await b.send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-reduced-motion", value: "reduce" }] });
  const r = await b.run(`const { overlay, stage, model } = wayside;
    document.querySelector("#list button").click();
    const flying = stage.flight !== null;
    overlay.pulse([...model.changes.values()]);
    return { flying, pulses: overlay.pulses.size, scale: wayside.view.scale };`);
  assert.deepEqual([r.flying, r.pulses, r.scale >= 4], [false, 0, true]);
  await b.send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-reduced-motion", value: "no-preference" }] });
  assert.equal(await b.run("wayside.stage.flyTo(0, 0, 9); return wayside.stage.flight !== null"), true);
  await b.until("wayside.stage.flight === null && wayside.view.x === 0 && wayside.view.scale === 9", "the landing");
  await b.key("Escape");
  ok("those who want no motion get none");
}

// The unit stands still, then goes on: the page says so, and comes back by itself with what it missed.
async function reconnects() {
  await open("");
  const seen = await b.run("return wayside.state.status.height");
  process.kill(Number(pids[0]), "SIGSTOP");
  try {
    await b.until("/connection to the unit is lost/.test(document.getElementById('trouble').textContent)", "the stream's trouble", 30000);
  } finally {
    process.kill(Number(pids[0]), "SIGCONT");
  }
  await b.until("document.getElementById('trouble').textContent === ''", "the end of the trouble", 60000);
  await b.until(`wayside.state.status.height > ${seen} && wayside.model.newest === wayside.state.status.map.published`, "what was missed", 60000);
  assert.equal(await b.run("return performance.getEntriesByType('navigation')[0].type"), "navigate");
  /* Versions that the page has not heard of, though the stream said nothing in between. */
  const missed = await b.run(`const { model } = wayside;
    const newest = model.newest;
    model.go(newest - 1);
    model.versions.delete(newest);
    model.newest = newest - 1;
    return newest;`);
  await b.until(`wayside.model.newest === ${missed} && wayside.model.at === ${missed}`, "the version in the gap", 20000);
  ok("a unit that stood still is followed again, and nothing is left out");
}

// The map does not come at first: the page says so, and shows it when it does.
async function lateMap() {
  await b.open("about:blank");
  await b.send("Network.setBlockedURLs", { urls: ["*/v1/map"] });
  await b.send("Page.navigate", { url: `${url}/` });
  await b.until("/map could not be shown/.test(document.getElementById('trouble').textContent)", "what is wrong with the map");
  assert.equal(await b.run("return document.documentElement.dataset.ready"), undefined);
  await b.send("Network.setBlockedURLs", { urls: [] });
  await ready();
  await b.until("document.getElementById('trouble').textContent === ''", "the end of the trouble");
  assert.ok(await b.run("return wayside.model.elements.size > 100"));
  ok("a map that does not come at first is shown when it comes");
}

async function trouble() {
  await open("");
  for (const pid of pids.slice(1, 3)) process.kill(Number(pid), "SIGTERM");
  await b.until("/below quorum/.test(document.getElementById('trouble').textContent)", "the quorum's trouble", 60000);
  assert.ok(await b.run("return document.querySelectorAll('.dot.silent').length >= 2"));
  await shot("trouble-light");
  process.kill(Number(pids[0]), "SIGTERM");
  await b.until("/connection to the unit is lost/.test(document.getElementById('trouble').textContent)", "the stream's trouble", 60000);
  const text = await b.run("return document.getElementById('trouble').innerText");
  assert.match(text, /Since \d\d:\d\d:\d\d UTC/);
  ok("trouble is said in a sentence: no quorum, no connection");
}

try {
  await firstLook();
  await liveChanges();
  await slider();
  await evidence();
  await proofs();
  await paper();
  await keys();
  await order();
  await harm();
  await validator();
  await looks();
  await speed(b, open);
  ok("10,000 and 40,000 elements move");
  await crowd(b, open);
  ok("10,000 changes are listed, found, gathered on the map, and move");
  await liar();
  await answers();
  await motionless();
  await lateMap();
  await reconnects();
  await open("");
  await disobeyed();
  await trouble();
  console.log(`${n} checks passed`);
} catch (e) {
  console.log(`FAILED: ${e.stack}`);
  console.log(`trouble: ${await b.run("return document.getElementById('trouble').innerText").catch(() => "")}`);
  for (const c of b.complaints) console.log(`browser: ${c}`);
  await shot("failed").catch(() => {});
  process.exitCode = 1;
} finally {
  await b.stop();
}
