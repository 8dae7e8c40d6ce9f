// A headless Chromium, driven through its own pipe: no library, no port. One page at a time.
// Nothing here is a measure of speed: each wait ends when what it waits for is there, and gives up only where a machine that is
// slow, busy and has a slow disk would have come through long before.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

const WAIT_MS = 120000; // for a condition
const ANSWER_MS = 240000; // for an answer of the browser itself; some are measurements that take long
const SAID_LINES = 5; // of what the browser wrote last

export class Browser {
  static async start(program = "chromium") {
    const b = new Browser();
    b.folder = mkdtempSync(join(tmpdir(), "wayside-browser-"));
    b.child = spawn(program, ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
      "--no-first-run", "--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", // no outside host
      "--disable-background-timer-throttling", "--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows",
      "--disable-hang-monitor", "--disable-extensions", "--disable-component-update", "--disable-sync", "--disable-breakpad",
      "--remote-debugging-pipe", `--user-data-dir=${b.folder}`, "about:blank"],
    { stdio: ["ignore", "ignore", "pipe", "pipe", "pipe"] });
    b.number = 0;
    b.waiting = new Map();
    b.complaints = []; // what the page wrote to its console as an error, and what it threw
    b.busy = 0; // answers 503, which the page asks for again
    b.said = []; // what the browser itself wrote last
    b.ended = "";
    b.child.stderr.on("data", (octets) => { b.said = [...b.said, ...String(octets).trim().split("\n")].slice(-SAID_LINES); });
    b.requests = [];
    let rest = "";
    b.child.stdio[4].on("data", (octets) => {
      rest += octets;
      for (let end = rest.indexOf("\0"); end >= 0; end = rest.indexOf("\0")) {
        b.heard(JSON.parse(rest.slice(0, end)));
        rest = rest.slice(end + 1);
      }
    });
    const over = (words) => {
      b.ended = words;
      for (const { fail } of b.waiting.values()) fail(new Error(words));
      b.waiting.clear();
    };
    b.child.on("error", (e) => over(`the browser does not start: ${e.message}`));
    b.child.on("exit", (code, signal) => over(`the browser ended: ${signal ? `killed by ${signal}` : `exit code ${code}`}`));
    b.child.stdio[3].on("error", () => {}); // it ended; that is told above
    await b.send("Browser.getVersion", {}, null);
    return b;
  }

  heard(m) {
    if (m.id !== undefined) {
      const w = this.waiting.get(m.id);
      this.waiting.delete(m.id);
      if (!w) return; // nobody waits any more
      if (m.error) w.fail(new Error(`${w.method}: ${m.error.message}`));
      else w.done(m.result);
      return;
    }
    if (m.method === "Runtime.exceptionThrown")
      this.complaints.push(m.params.exceptionDetails.exception?.description || m.params.exceptionDetails.text);
    if (m.method === "Log.entryAdded" && m.params.entry.level === "error") {
      const { text, url } = m.params.entry;
      if (/status of 503/.test(text)) this.busy++;
      else this.complaints.push(`${text} ${url || ""}`);
    }
    if (m.method === "Inspector.targetCrashed") this.complaints.push("the page crashed: no memory?");
    if (m.method === "Network.requestWillBeSent") this.requests.push(m.params.request.url);
  }

  send(method, params = {}, session = this.session, ms = ANSWER_MS) {
    if (this.ended) return Promise.reject(new Error(this.ended));
    const id = ++this.number;
    return new Promise((done, fail) => {
      const timer = setTimeout(() => {
        this.waiting.delete(id);
        fail(new Error(`${method}: the browser did not answer within ${ms / 1000} s`));
      }, ms);
      const end = (how) => (value) => {
        clearTimeout(timer);
        how(value);
      };
      this.waiting.set(id, { done: end(done), fail: end(fail), method });
      this.child.stdio[3].write(`${JSON.stringify({ id, method, params, ...(session ? { sessionId: session } : {}) })}\0`);
    });
  }

  async open(url, { width = 1280, height = 800, scale = 1, dark = false, touch = false } = {}) {
    if (this.target) await this.send("Target.closeTarget", { targetId: this.target }, null);
    const { targetId } = await this.send("Target.createTarget", { url: "about:blank" }, null);
    this.target = targetId;
    this.session = (await this.send("Target.attachToTarget", { targetId, flatten: true }, null)).sessionId;
    for (const domain of ["Page", "Runtime", "Log", "Network", "Inspector"]) await this.send(`${domain}.enable`);
    await this.send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: scale, mobile: touch });
    await this.send("Emulation.setTouchEmulationEnabled", { enabled: touch });
    await this.send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }] });
    await this.send("Page.navigate", { url });
  }

  async run(code) {
    const r = await this.send("Runtime.evaluate", { expression: `(async () => { ${code} })()`, awaitPromise: true, returnByValue: true,
      allowUnsafeEvalBlockedByCSP: false });
    if (r.exceptionDetails) throw new Error(r.exceptionDetails.exception?.description || r.exceptionDetails.text);
    return r.result.value;
  }

  // Until the expression is true; its value. What it threw or was last is told when it never is.
  async until(expression, what, ms = WAIT_MS) {
    const end = Date.now() + ms;
    for (let last; ;) {
      let value;
      try {
        value = await this.run(`return ${expression};`);
        last = value;
      } catch (e) {
        if (this.ended) throw e;
        last = e.message.split("\n")[0]; // the document is on its way, or what is looked for is not there yet
      }
      if (value) return value;
      if (Date.now() > end)
        throw new Error(`never came, in ${ms / 1000} s: ${what || "a condition"}\n    condition: ${expression}\n    at last: ${JSON.stringify(last)}`);
      await sleep(50);
    }
  }

  // Until the expression has the value.
  async becomes(expression, wanted, what, ms = WAIT_MS) {
    await this.until(`(() => { const v = ${expression}; if (v !== ${JSON.stringify(wanted)}) throw new Error("it is " + JSON.stringify(v)); return true; })()`,
      `${what || expression}: ${JSON.stringify(wanted)}`, ms);
  }

  // Until there is such a node, and a click on it: both in one turn, as the page may put another in its place at any time.
  async press(node, what, ms = WAIT_MS) {
    await this.until(`(() => { const e = ${node}; if (!e || e.disabled) return false; e.click(); return true; })()`, what || node, ms);
  }

  // As a finger would: the browser counts it as a wish of the user.
  async click(selector) {
    await this.until(`document.querySelector(${JSON.stringify(selector)}) !== null`, selector);
    const at = await this.run(`const e = document.querySelector(${JSON.stringify(selector)}); e.scrollIntoView({ block: "center" });
      const r = e.getBoundingClientRect(); return { x: r.x + r.width / 2, y: r.y + r.height / 2 };`);
    for (const type of ["mousePressed", "mouseReleased"])
      await this.send("Input.dispatchMouseEvent", { type, ...at, button: "left", clickCount: 1 });
  }

  async key(key, code = key) {
    const text = key.length === 1 ? key : key === "Enter" ? "\r" : undefined;
    const virtual = { Enter: 13, Escape: 27, Tab: 9, ArrowLeft: 37, ArrowUp: 38, ArrowRight: 39, ArrowDown: 40 }[key];
    await this.send("Input.dispatchKeyEvent", { type: "keyDown", key, code, text, windowsVirtualKeyCode: virtual });
    await this.send("Input.dispatchKeyEvent", { type: "keyUp", key, code, windowsVirtualKeyCode: virtual });
  }

  async picture(path) {
    writeFileSync(path, Buffer.from((await this.send("Page.captureScreenshot", { format: "png" })).data, "base64"));
  }

  async paper(path) {
    const { data } = await this.send("Page.printToPDF", { printBackground: true, preferCSSPageSize: true });
    const octets = Buffer.from(data, "base64");
    if (path) writeFileSync(path, octets);
    return octets;
  }

  async stop() {
    const gone = this.ended ? null : new Promise((done) => this.child.once("exit", done));
    this.send("Browser.close", {}, null).catch(() => {});
    await Promise.race([gone, sleep(10000)]);
    this.child.kill("SIGKILL");
    await Promise.race([this.ended ? null : gone, sleep(10000)]);
    try {
      rmSync(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
    } catch {
      // a helper of the browser still writes there; the folder is in the system's one for such things
    }
  }
}
