// The map as this page holds it: elements by id, and the changes that lead from version to version. Elements come in two
// shapes (features of /v1/map, sides of changes); both become { id, kind, value, heading, attributes, aliases, line, ring }.

function points(geometry) {
  if (!geometry) return { line: [], ring: false };
  if (geometry.type === "Point") return { line: [geometry.coordinates], ring: false };
  if (geometry.type === "Polygon") return { line: geometry.coordinates[0] || [], ring: true };
  return { line: geometry.coordinates || [], ring: false };
}

export function fromFeature(f) {
  const p = f.properties;
  return { id: p.element, kind: p.kind, value: p.value, heading: p.heading, attributes: p.attributes || {},
    aliases: p.aliases || [], revision: p.revision, ...points(f.geometry) };
}

export function fromSide(e) {
  if (!e) return null;
  return { id: e.id, kind: e.kind, value: e.value, heading: e.heading_deg, attributes: e.attributes || {},
    aliases: e.aliases || [], revision: e.revision, ...points(e.geometry) };
}

export function readSequence(text) {
  const elements = new Map();
  for (const record of text.split("\u001e")) {
    if (record.trim() === "") continue;
    const e = fromFeature(JSON.parse(record));
    elements.set(e.id, e);
  }
  return elements;
}

// Latitude and longitude of the middle: the origin, so that metres stay small and true. Null of an empty map.
export function middleOf(elements) {
  let [s, w, n, e] = [90, 180, -90, -180];
  for (const one of elements.values()) {
    for (const [lon, lat] of one.line) {
      s = Math.min(s, lat);
      n = Math.max(n, lat);
      w = Math.min(w, lon);
      e = Math.max(e, lon);
    }
  }
  return s <= n ? [(s + n) / 2, (w + e) / 2] : null;
}

function apart(view, a, b) {
  if (!a || !b || a.line.length === 0 || b.line.length === 0) return 0;
  const p = view.metres(...a.line[0]);
  const q = view.metres(...b.line[0]);
  return Math.hypot(p[0] - q[0], p[1] - q[1]);
}

export class Model {
  constructor(view) {
    this.view = view;
    this.elements = new Map();
    this.at = 1; // version that `elements` is
    this.newest = 1;
    this.oldest = 1; // version before the first one whose changes are here
    this.versions = new Map();
    this.changes = new Map(); // by id
    this.fates = new Map(); // id of a change -> the later one that superseded or withdrew it
  }

  take(elements, version) {
    this.elements = elements;
    this.at = version;
    this.newest = Math.max(this.newest, version);
  }

  // Changes of consecutive versions, as /v1/map/diffs tells them.
  learn(versions) {
    for (const v of versions) {
      const changes = v.changes.map((c) => {
        const change = { ...c, version: v.version, time: v.time, height: v.height, sequence: v.sequence,
          before: fromSide(c.before), after: fromSide(c.after) };
        change.moved_m = apart(this.view, change.before, change.after);
        this.changes.set(c.id, change);
        const fate = c.withdraws || c.supersedes;
        if (fate) this.fates.set(fate, change);
        return change;
      });
      this.versions.set(v.version, { version: v.version, time: v.time, height: v.height, sequence: v.sequence,
        proof: v.proof, changes });
      this.newest = Math.max(this.newest, v.version);
      this.oldest = Math.min(this.oldest, v.version - 1);
    }
  }

  // Forgets the versions up to `version`, but none that `elements` has yet to walk over.
  forget(version) {
    const until = Math.min(version, this.at);
    for (; this.oldest < until; this.oldest++) {
      const v = this.versions.get(this.oldest + 1);
      for (const c of v?.changes || []) {
        this.changes.delete(c.id);
        this.fates.delete(c.id);
      }
      this.versions.delete(this.oldest + 1);
    }
  }

  // Walks `elements` to another version, if all between are here. Returns the ids of what that touched, or false.
  go(version) {
    const step = version > this.at ? 1 : -1;
    const record = (at) => this.versions.get(step > 0 ? at + 1 : at);
    for (let at = this.at; at !== version; at += step) if (!record(at)) return false;
    const touched = new Set();
    for (; this.at !== version; this.at += step) {
      for (const c of record(this.at).changes) {
        const side = step > 0 ? c.after : c.before;
        const id = (c.after || c.before).id;
        touched.add(id);
        if (side) this.elements.set(id, side);
        else this.elements.delete(id);
      }
    }
    return touched;
  }

  // Changes of versions in (from, to], newest first.
  between(from, to) {
    const list = [];
    for (let v = to; v > from; v--) list.push(...(this.versions.get(v)?.changes || []));
    return list;
  }
}
