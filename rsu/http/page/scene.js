// The road as paths, cut into tiles so that only what is seen is drawn, and drawn in metres so that panning and zooming
// change one matrix and nothing else.

import { axis, between, boxOf, grow, meets, thin, toSegment, trace, windLeft } from "./shapes.js";
import { drawSymbol } from "./signs.js";

const TILE = 200; // metres
const LANE_WIDTH = 3.25; // where the map names no bounds
const FAR_SCALE = 0.3; // pixels a metre; below, lanes are lines
const FAR_M = 4; // and so far apart are their points

const WALKS = new Set(["walkway", "sidewalk", "bicycle_lane", "biking", "pedestrian", "shared_walkway", "stairs"]);
const PLAIN = new Set(["shoulder", "median", "none", "border", "parking", "restricted", "curb", "stop", "rail", "tram"]);
const BROAD = new Set(["lane", "speed_limit", "area"]);
const EDGES = new Set(["curbstone", "curb", "road_border", "guard_rail", "wall", "fence", "grass"]);
const WALLED = new Set(["building", "traffic_island", "keepout", "hedge", "wall"]);
const UNSEEN = new Set(["virtual", "none", ""]);

class Tile {
  constructor() {
    this.box = [Infinity, Infinity, -Infinity, -Infinity];
    this.elements = new Set();
    this.paths = null; // made when first seen
  }
}

// What a tile looks like, as paths in metres; `points` tells how long drawing takes.
class Paths {
  constructor() {
    this.by = {}; // name -> Path2D
    this.points = {};
    this.zebras = [];
    this.symbols = [];
    this.limits = [];
  }

  add(name, line, close) {
    this.by[name] ??= new Path2D();
    trace(this.by[name], line, close);
    this.points[name] = (this.points[name] || 0) + line.length;
  }
}

export class Scene {
  constructor(view) {
    this.view = view;
    this.tiles = new Map();
    this.box = null;
    this.lines = new WeakMap(); // metres by element
    this.home = new Map();
    this.bounds = new Map();
    this.elements = new Map();
    this.colours = {};
  }

  line(element) {
    let line = this.lines.get(element);
    if (!line) {
      line = element.line.map(([lon, lat]) => this.view.metres(lon, lat));
      this.lines.set(element, line);
    }
    return line;
  }

  anchor(element) {
    const line = this.line(element);
    return line.length === 0 ? null : line[element.ring ? 0 : Math.floor(line.length / 2)];
  }

  build(elements) {
    this.tiles.clear();
    this.lines = new WeakMap();
    this.home = new Map(); // element id -> its tile
    this.elements = elements;
    this.box = [Infinity, Infinity, -Infinity, -Infinity];
    this.bounds = new Map();
    for (const e of elements.values())
      if (e.kind === "boundary") for (const alias of e.aliases) this.bounds.set(alias, e);
    for (const e of elements.values()) this.settle(e);
    if (this.box[0] > this.box[2]) this.box = [-50, -50, 50, 50];
  }

  // Into its tile, whose paths are then to be made again.
  settle(e) {
    if (e.line.length === 0) return;
    const box = boxOf(this.line(e));
    const key = `${Math.floor((box[0] + box[2]) / 2 / TILE)},${Math.floor((box[1] + box[3]) / 2 / TILE)}`;
    let t = this.tiles.get(key);
    if (!t) this.tiles.set(key, (t = new Tile()));
    t.elements.add(e);
    t.paths = null;
    this.home.set(e.id, { tile: t, element: e });
    grow(t.box, box);
    grow(this.box, box);
    for (const side of this.sides(e)) grow(t.box, boxOf(side));
  }

  // Elements of these ids have changed. Lanes hang on their boundaries, so those make everything new.
  renew(ids) {
    for (const id of ids) {
      const kinds = [this.home.get(id)?.element.kind, this.elements.get(id)?.kind];
      if (kinds.includes("boundary") || kinds.includes("lane")) {
        this.build(this.elements);
        return;
      }
    }
    for (const id of ids) {
      const was = this.home.get(id);
      if (was) {
        was.tile.elements.delete(was.element);
        was.tile.paths = null;
        this.lines.delete(was.element);
        this.home.delete(id);
      }
      const now = this.elements.get(id);
      if (now) this.settle(now);
    }
  }

  // The lines of a lane's left and right bound, or nothing.
  sides(e) {
    if (e.kind !== "lane") return [];
    const left = this.bounds.get(e.attributes.left);
    const right = this.bounds.get(e.attributes.right);
    return left && right && left.line.length > 1 && right.line.length > 1 ? [this.line(left), this.line(right)] : [];
  }

  paths(tile) {
    if (tile.paths) return tile.paths;
    const p = (tile.paths = new Paths());
    for (const e of tile.elements) {
      const line = this.line(e);
      if (e.kind === "lane") this.addLane(p, e, line);
      else if (e.kind === "boundary") this.addBoundary(p, e, line);
      else if (e.kind === "stop_line") p.add("stop", line, false);
      else if (e.kind === "crosswalk") this.addCrosswalk(p, e, line);
      else if (e.kind === "speed_limit") p.limits.push(e);
      else if (e.kind === "area") this.addArea(p, e, line);
      else if (line.length === 1) p.symbols.push(e);
      else p.add("edge", line, e.ring); // of a kind that this page has not met
    }
    return p;
  }

  addLane(p, e, line) {
    const subtype = e.attributes.subtype || "";
    const which = WALKS.has(subtype) ? "walk" : PLAIN.has(subtype) ? "other" : "road";
    p.add(`${which}-far`, thin(line, FAR_M), false);
    const [left, right] = this.sides(e);
    if (left) p.add(which, between(line, left, right), true);
    else p.add(`${which}-bare`, line, false);
  }

  addArea(p, e, line) {
    const what = e.attributes.subtype || e.attributes.type || "";
    if (line.length < 3) return;
    p.add(WALKS.has(what) ? "walk-area" : "other-area", windLeft(line), true);
    if (WALLED.has(what)) p.add("edge", line, true);
  }

  addBoundary(p, e, line) {
    const type = e.attributes.type || "";
    const subtype = e.attributes.subtype || "";
    if (UNSEEN.has(type) || line.length < 2) return;
    if (EDGES.has(type)) p.add("edge", line, false);
    else if (type.startsWith("broken") || subtype.startsWith("dashed")) p.add("dashed", line, false);
    else p.add(type === "line_thick" ? "thick" : "solid", line, false);
  }

  addCrosswalk(p, e, line) {
    const zebra = e.ring ? axis(line) : null;
    if (zebra) p.zebras.push(zebra);
    else p.add("solid", line, false);
  }

  theme() {
    const style = getComputedStyle(document.documentElement);
    for (const name of ["ground", "road", "walk", "other", "edge", "paint", "ink", "accent", "advisory", "text", "panel",
      "soft", "rule", "bad", "accent-soft"])
      this.colours[name] = style.getPropertyValue(`--${name}`).trim();
  }

  // Draws what `v` shows, a part at each step; yields how many points the part had.
  *paint(g, v, ratio) {
    const c = this.colours;
    const s = v.scale;
    g.setTransform(1, 0, 0, 1, 0, 0);
    g.setLineDash([]);
    g.fillStyle = c.ground;
    g.fillRect(0, 0, g.canvas.width, g.canvas.height);
    const k = s * ratio;
    g.setTransform(k, 0, 0, -k, (v.width / 2 - v.x * s) * ratio, (v.height / 2 + v.y * s) * ratio);
    const seen = [];
    const box = v.box(40);
    for (const t of this.tiles.values()) if (meets(t.box, box)) seen.push(t);
    const width = (metres, pixels) => Math.max(metres, pixels / s);
    g.lineJoin = "round";
    g.lineCap = "butt";
    const stroke = function* (scene, which, colour, wide, dash = []) {
      g.strokeStyle = colour;
      g.lineWidth = wide;
      g.setLineDash(dash);
      for (const t of seen) {
        const p = scene.paths(t);
        if (!p.by[which]) continue;
        g.stroke(p.by[which]);
        yield p.points[which];
      }
      g.setLineDash([]);
    };
    const fill = function* (scene, which, colour) {
      g.fillStyle = g.strokeStyle = colour;
      g.lineWidth = 0.7 / s; // neighbours touch, and no seam is left between them
      for (const t of seen) {
        const p = scene.paths(t);
        if (!p.by[which]) continue;
        g.fill(p.by[which]);
        g.stroke(p.by[which]);
        yield 2 * p.points[which];
      }
    };
    for (const which of ["other", "walk"]) yield* fill(this, `${which}-area`, c[which]);
    for (const which of ["walk", "other", "road"]) {
      if (s < FAR_SCALE) {
        /* From afar a lane is thinner than a pixel: its middle is drawn, so that roads do not fade away. */
        yield* stroke(this, `${which}-far`, c[which], width(LANE_WIDTH, 1.6));
      } else {
        yield* fill(this, which, c[which]);
        yield* stroke(this, `${which}-bare`, c[which], width(LANE_WIDTH, 1));
      }
    }
    if (s > 0.25) yield* stroke(this, "edge", c.edge, width(0.12, 0.6));
    if (s > 0.8) {
      yield this.drawZebras(g, seen);
      yield* stroke(this, "solid", c.paint, width(0.12, 0.7));
      yield* stroke(this, "thick", c.paint, width(0.25, 1));
      yield* stroke(this, "dashed", c.paint, width(0.12, 0.7), [3, 3]);
      yield* stroke(this, "stop", c.paint, width(0.5, 1.5));
    }
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (s > 5) yield this.drawLimits(g, v, seen);
    if (s > 0.12) yield* this.drawSymbols(g, v, seen);
  }

  drawZebras(g, seen) {
    let n = 0;
    g.strokeStyle = this.colours.paint;
    g.setLineDash([0.5, 0.5]);
    for (const t of seen) {
      for (const z of this.paths(t).zebras) {
        n += 20;
        g.lineWidth = z.width;
        g.beginPath();
        g.moveTo(...z.a);
        g.lineTo(...z.b);
        g.stroke();
      }
    }
    g.setLineDash([]);
    return n;
  }

  // The limit in force, as if it were painted on the lane.
  drawLimits(g, v, seen) {
    let n = 0;
    g.fillStyle = this.colours.ink;
    g.font = '600 11px Inter, system-ui, sans-serif';
    g.textAlign = "center";
    g.textBaseline = "middle";
    for (const t of seen) {
      for (const e of this.paths(t).limits) {
        n += 10;
        const at = this.anchor(e);
        if (at) g.fillText(String(e.value ?? ""), ...v.pixel(...at));
      }
    }
    return n;
  }

  symbolRadius(scale = this.view.scale) {
    return Math.min(14, Math.max(3, scale * 2.8));
  }

  *drawSymbols(g, v, seen) {
    const r = this.symbolRadius(v.scale);
    for (const t of seen) {
      let n = 0;
      for (const e of this.paths(t).symbols) {
        const [x, y] = v.pixel(...this.line(e)[0]);
        if (x < -20 || y < -20 || x > v.width + 20 || y > v.height + 20) continue;
        n += r >= 5 ? 40 : 6;
        if (r >= 5) {
          drawSymbol(g, e, x, y, r);
          continue;
        }
        g.fillStyle = this.colours.ink;
        g.beginPath();
        g.arc(x, y, 2, 0, 2 * Math.PI);
        g.fill();
      }
      yield n;
    }
  }

  *near(box) {
    for (const t of this.tiles.values()) if (meets(t.box, box)) yield* t.elements;
  }

  // The element nearest to a pixel, at most `reach` pixels away.
  hit(px, py, reach) {
    const [x, y] = this.view.at(px, py);
    const limit = reach / this.view.scale;
    let best = null;
    let least = limit;
    const far = 2 * limit; // signs count as nearer than they are
    const box = [x - far, y - far, x + far, y + far];
    for (const e of this.near(box)) {
      if (e.kind === "boundary") continue;
      const line = this.line(e);
      const weight = BROAD.has(e.kind) ? 1.5 : 0.6;
      for (let i = 0; i < line.length; i++) {
        const d = weight * toSegment(x, y, line[i], line[i + 1] || line[i]);
        if (d < least) {
          least = d;
          best = e;
        }
      }
    }
    return best;
  }
}

