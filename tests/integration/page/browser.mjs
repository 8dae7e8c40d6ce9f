// A headless Chromium, driven through its own pipe: no library, no port. One page at a time.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

export class Browser {
  static async start(program = "chromium") {
    const b = new Browser();
    b.folder = mkdtempSync(join(tmpdir(), "wayside-browser-"));
    b.child = spawn(program, ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
      "--no-first-run", "--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", // no outside host
       "--remote-debugging-pipe", `--user-data-dir=${b.folder}`, "about:blank"],
    { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    b.number = 0;
    b.waiting = new Map();
    b.complaints = []; // what the page wrote to its console as an error, and what it threw
    b.requests = [];
    let rest = "";
    b.child.stdio[4].on("data", (octets) => {
      rest += octets;
      for (let end = rest.indexOf("\0"); end >= 0; end = rest.indexOf("\0")) {
        b.heard(JSON.parse(rest.slice(0, end)));
        rest = rest.slice(end + 1);
      }
    });
    b.child.on("exit", () => { for (const { fail } of b.waiting.values()) fail(new Error("the browser ended")); });
    return b;
  }

  heard(m) {
    if (m.id !== undefined) {
      const w = this.waiting.get(m.id);
      this.waiting.delete(m.id);
      if (m.error) w.fail(new Error(`${w.method}: ${m.error.message}`));
      else w.done(m.result);
      return;
    }
    if (m.method === "Runtime.exceptionThrown")
      this.complaints.push(m.params.exceptionDetails.exception?.description || m.params.exceptionDetails.text);
    if (m.method === "Log.entryAdded" && m.params.entry.level === "error") this.complaints.push(`${m.params.entry.text} ${m.params.entry.url || ""}`);
    if (m.method === "Network.requestWillBeSent") this.requests.push(m.params.request.url);
  }

  send(method, params = {}, session = this.session) {
    const id = ++this.number;
    return new Promise((done, fail) => {
      this.waiting.set(id, { done, fail, method });
      this.child.stdio[3].write(`${JSON.stringify({ id, method, params, ...(session ? { sessionId: session } : {}) })}\0`);
    });
  }

  async open(url, { width = 1280, height = 800, scale = 1, dark = false, touch = false } = {}) {
    if (this.target) await this.send("Target.closeTarget", { targetId: this.target }, null);
    const { targetId } = await this.send("Target.createTarget", { url: "about:blank" }, null);
    this.target = targetId;
    this.session = (await this.send("Target.attachToTarget", { targetId, flatten: true }, null)).sessionId;
    for (const domain of ["Page", "Runtime", "Log", "Network"]) await this.send(`${domain}.enable`);
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

  // Until the expression is true.
  async until(expression, what, ms = 40000) {
    const end = Date.now() + ms;
    for (;;) {
      let value;
      try {
        value = await this.run(`return ${expression};`);
      } catch {
        value = undefined; // the document is on its way
      }
      if (value) return value;
      if (Date.now() > end) throw new Error(`never came: ${what || expression}`);
      await sleep(50);
    }
  }

  // As a finger would: the browser counts it as a wish of the user.
  async click(selector) {
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
    const gone = new Promise((done) => this.child.once("exit", done));
    this.send("Browser.close", {}, null).catch(() => {});
    await Promise.race([gone, sleep(5000)]);
    this.child.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
