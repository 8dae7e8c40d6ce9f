// A map, orders and addresses that mean harm: what they say is shown as the words that they are, nothing of it runs, and the
// browser would refuse it if it did.

import assert from "node:assert/strict";

// Attributes of an element as somebody might order or draw them.
export const WORDS = [
  "<img src=x onerror=window.taken=1>", "<script>window.taken=1</script>", "\"><svg onload=window.taken=1>", "javascript:window.taken=1",
  "{{constructor.constructor('window.taken=1')()}}", "${window.taken=1}", "&lt;b&gt;", "';window.taken=1//", "https://outside.example/x.png",
];

const GUARDS = {
  "content-security-policy": [/default-src 'none'/, /script-src 'self'/, /style-src 'self'/, /img-src 'self'/, /connect-src 'self'/, /base-uri 'none'/,
    /form-action 'none'/, /frame-ancestors 'none'/, /require-trusted-types-for 'script'/, /trusted-types 'none'/],
  "x-frame-options": [/^DENY$/], "referrer-policy": [/^no-referrer$/], "x-content-type-options": [/^nosniff$/],
  "cross-origin-opener-policy": [/^same-origin$/], "cross-origin-resource-policy": [/^same-origin$/],
};

export async function headers(url) {
  for (const path of ["/", "/page/app.js", "/page/page.css", "/page/icon.svg"]) {
    const answer = await fetch(url + path);
    assert.equal(answer.status, 200, path);
    for (const [name, rules] of Object.entries(GUARDS))
      for (const rule of rules) assert.match(answer.headers.get(name) || "", rule, `${path}: ${name}`);
    assert.doesNotMatch(answer.headers.get("content-security-policy"), /unsafe|\*|https?:|data:|blob:/);
  }
  for (const path of ["/page/../rsud.c", "/page/%2e%2e/index.html", "/page/", "/page/app.js/x", "/page/none.js"])
    assert.notEqual((await fetch(url + path)).status, 200, path);
}

// Runs in the page: each of these must be refused, and be told as a violation of the policy or of Trusted Types.
const ATTEMPTS = `
  const told = [];
  document.addEventListener("securitypolicyviolation", (e) => told.push(e.effectiveDirective));
  const attempts = {
    markup: () => { document.createElement("p").innerHTML = "<b>x</b>"; },
    outer: () => { document.getElementById("said").outerHTML = "<b>x</b>"; },
    insert: () => document.body.insertAdjacentHTML("beforeend", "<b>x</b>"),
    write: () => document.write("<b>x</b>"),
    eval: () => eval("window.taken = 1"),
    function: () => new Function("window.taken = 1")(),
    timer: () => setTimeout("window.taken = 1", 0),
    parse: () => new DOMParser().parseFromString("<b>x</b>", "text/html"),
    policy: () => trustedTypes.createPolicy("mine", { createHTML: (s) => s }),
    worker: () => new Worker("/page/app.js"),
  };
  const refused = [];
  for (const [name, attempt] of Object.entries(attempts)) {
    try { attempt(); } catch { refused.push(name); }
  }
  const later = [];
  const load = (node) => new Promise((done) => { node.onload = () => done("loaded"); node.onerror = () => done("refused"); document.body.append(node); });
  const image = new Image();
  image.src = "http://outside.example/x.png";
  later.push(await load(image));
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = "http://outside.example/x.css";
  later.push(await load(link));
  later.push(await fetch("http://outside.example/").then(() => "loaded", () => "refused"));
  const inline = document.createElement("p");
  inline.setAttribute("style", "color: red");
  document.body.append(inline);
  later.push(getComputedStyle(inline).color === "rgb(255, 0, 0)" ? "loaded" : "refused");
  const frame = document.createElement("iframe");
  frame.src = "/";
  document.body.append(frame);
  const wanted = ["img-src", "style-src-elem", "connect-src", "style-src-attr", "require-trusted-types-for", "frame-src"];
  const end = Date.now() + 60000; // told a little later than it is refused
  while (Date.now() < end && !wanted.every((d) => told.includes(d))) await new Promise((done) => setTimeout(done, 50));
  for (const node of [image, link, inline, frame]) node.remove();
  return { refused, later, told: [...new Set(told)], all: Object.keys(attempts) };`;

export async function policy(b) {
  const r = await b.run(ATTEMPTS);
  assert.deepEqual(r.refused.sort(), r.all.sort());
  assert.deepEqual(r.later, ["refused", "refused", "refused", "refused"]);
  for (const directive of ["img-src", "style-src-elem", "connect-src", "style-src-attr", "require-trusted-types-for", "frame-src"])
    assert.ok(r.told.includes(directive), `${directive} is not among ${r.told}`);
  assert.equal(await b.run("return window.taken"), undefined);
}

// The element that carries the words was opened: all of them are there, as text.
export async function shown(b) {
  const text = await b.run("return document.getElementById('panel').textContent");
  for (const words of WORDS) assert.ok(text.includes(words), words);
  assert.equal(await b.run("return window.taken"), undefined);
  assert.deepEqual(await b.run(`return [...document.querySelectorAll("img, script:not([src='/page/start.js']), iframe, object, embed, #panel a, form, svg [onload]")].map((e) => e.outerHTML)`), []);
}

export const ADDRESSES = ["#see=c:<img src=x onerror=window.taken=1>", "#v=<script>window.taken=1</script>&at=1e400,NaN,Infinity", "#at=91,181,-1&from=99999999999999999999",
  "#see=e:javascript:window.taken=1", "#__proto__=1&constructor=2", `#${"a=b&".repeat(5000)}`, "#%E0%A4%A", "#see=k:" + "f".repeat(32), "#see=n:" + "0".repeat(64)];
