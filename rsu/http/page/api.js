// Questions to the unit that served this page. Nothing is ever sent but these.

const TRIES = 15;
const PAUSE_MS = 400; // longer with each try
const PAUSE_MAX_MS = 3000;

export class Refused extends Error {
  constructor(status, words) {
    super(words);
    this.status = status;
  }
}

async function once(path, early) {
  const response = await (early || fetch(path, { cache: "no-store", credentials: "omit" }));
  if (response.ok) return response;
  let words = `the unit answered ${response.status}`;
  try {
    words = (await response.json()).error || words;
  } catch {
    // not JSON: the status must do
  }
  throw new Refused(response.status, words);
}

// A unit that is busy says so; a few tries later it seldom is, half a minute later hardly ever. `early`: the first try, if it was
// made already.
async function ask(path, early) {
  for (let tries = 1; ; tries++) {
    try {
      return await once(path, tries === 1 ? early : undefined);
    } catch (e) {
      if (e.status !== 503 || tries === TRIES) throw e;
      await new Promise((done) => setTimeout(done, Math.min(PAUSE_MAX_MS, PAUSE_MS * tries)));
    }
  }
}

export async function json(path) {
  return (await ask(path)).json();
}

export async function octets(path) {
  return new Uint8Array(await (await ask(path)).arrayBuffer());
}

const MAP_OCTETS_MAX = 100e6; // some 200,000 elements; beyond, a browser would stand still for long

// `early`: the answer that was asked for before this was read.
export async function map(early) {
  const response = await ask("/v1/map", early);
  const size = Number(response.headers.get("Content-Length"));
  if (size > MAP_OCTETS_MAX) {
    await response.body.cancel();
    throw new Refused(413, `it has ${Math.round(size / 1e6)} MB, more than a page can draw; use /v1/map with a tool for maps`);
  }
  return { version: Number(response.headers.get("Wayside-Map-Version")), text: await response.text() };
}

// Versions after `from` up to `to`, in as many answers as it takes; `some` is told of all at once. Returns their numbers.
export async function diffs(from, to, some) {
  const parts = [];
  let at = from;
  while (at < to) {
    const page = await json(`/v1/map/diffs?from=${at}&to=${to}`);
    parts.push(page.versions);
    if (page.to <= at) break;
    at = page.to;
  }
  if (at < to) throw new Refused(503, "the unit told of fewer versions than it has");
  const all = parts.flat();
  some(all);
  return all.map((v) => v.version);
}
