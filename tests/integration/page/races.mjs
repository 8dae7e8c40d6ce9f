// What the unit says and what people do at the same moment, in every order: the page must not mind.

import assert from "node:assert/strict";

// Every answer with changes is held back until it is let go.
const SLOW = `const quick = window.fetch;
  let open;
  window.held = { asked: 0, gate: Promise.resolve(), shut() { this.gate = new Promise((done) => { open = done; }); }, open() { open(); } };
  window.fetch = async (path, ...rest) => {
    const answer = await quick(path, ...rest);
    if (String(path).startsWith("/v1/map/diffs")) {
      window.held.asked++;
      await window.held.gate;
    }
    return answer;
  };`;

// The first message of the stream is from before the last version, as if it had been on its way while the map was read.
const BEHIND = `const listen = EventSource.prototype.addEventListener;
  let first = true;
  EventSource.prototype.addEventListener = function (type, heard) {
    listen.call(this, type, type !== "now" ? heard : (e) => {
      const message = JSON.parse(e.data);
      if (first) message.status.map.published--;
      first = false;
      heard({ data: JSON.stringify(message) });
    });
  };`;

async function withScript(b, source, fn) {
  await b.open("about:blank");
  const { identifier } = await b.send("Page.addScriptToEvaluateOnNewDocument", { source });
  try {
    await fn();
  } finally {
    await b.send("Page.removeScriptToEvaluateOnNewDocument", { identifier });
  }
}

// Somebody walks to an older version while a new one is being read: that is where the page stays.
export async function walkedMeanwhile(b, url, ready) {
  await withScript(b, SLOW, async () => {
    await b.send("Page.navigate", { url: `${url}/` });
    await ready();
    const newest = await b.run(`const { model } = wayside;
      const newest = model.newest;
      held.shut();
      held.asked = 0;
      model.go(newest - 1);
      model.versions.delete(newest);
      model.newest = newest - 1;
      return newest;`);
    await b.until("held.asked > 0", "the page asks for what it has not");
    await b.run("const s = document.getElementById('to'); s.value = 1; s.dispatchEvent(new Event('input', { bubbles: true })); held.open();");
    await b.until(`wayside.model.newest >= ${newest}`, "the version in the gap");
    await b.run("await new Promise((done) => setTimeout(done, 0))"); // what follows on it in the page has been done
    assert.equal(await b.run("return wayside.model.at"), 1, "the page went to the newest version, and its reader was at an older one");
    await b.run("document.getElementById('now').click()");
  });
}

// One message that is older than the map is no reason to begin anew; a unit that goes on saying so is another one than it was.
export async function setBack(b, url, ready) {
  const began = "performance.getEntriesByType('navigation')[0].type";
  await withScript(b, BEHIND, async () => {
    await b.send("Page.navigate", { url: `${url}/` });
    await ready();
    await b.until("wayside.state.status.map.published >= wayside.model.newest", "a message that is up to date");
    assert.equal(await b.run(`return ${began}`), "navigate", "an old message made the page begin anew");
  });
  await b.run("wayside.model.newest += 1000");
  await b.until(`${began} === 'reload'`, "a page that begins anew, because the unit was set back");
  await ready();
}
