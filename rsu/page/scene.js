// The road as paths, cut into tiles so that only what is seen is drawn, and drawn in metres so that panning and zooming
// change one matrix and nothing else.

import { drawSymbol } from "./signs.js";

const TILE = 200; // metres
const LANE_WIDTH = 3.25; // where the map names no bounds

const WALKS = new Set(["walkway", "sidewalk", "bicycle_lane", "biking", "pedestrian", "shared_walkway", "stairs"]);
const PLAIN = new Set(["shoulder", "median", "none", "border", "parking", "restricted", "curb", "stop", "rail", "tram"]);
const EDGES = new Set(["curbstone", "curb", "road_border", "guard_rail", "wall", "fence", "grass"]);
const UNSEEN = new Set(["virtual", "none", ""]);

function boxOf(line) {
  const b = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [x, y] of line) {
    b[0] = Math.min(b[0], x);
    b[1] = Math.min(b[1], y);
    b[2] = Math.max(b[2], x);
    b[3] = Math.max(b[3], y);
  }
  return b;
}

function grow(b, c) {
  b[0] = Math.min(b[0], c[0]);
  b[1] = Math.min(b[1], c[1]);
  b[2] = Math.max(b[2], c[2]);
  b[3] = Math.max(b[3], c[3]);
}

function meets(a, b) {
  return a[0] <= b[2] && a[2] >= b[0] && a[1] <= b[3] && a[3] >= b[1];
}

function far2(p, q) {
  return (p[0] - q[0]) ** 2 + (p[1] - q[1]) ** 2;
}

function trace(path, line, close) {
  path.moveTo(line[0][0], line[0][1]);
  for (let i = 1; i < line.length; i++) path.lineTo(line[i][0], line[i][1]);
  if (close) path.closePath();
}

// Neighbours of one path must wind the same way, or they would cut holes into each other.
function windLeft(ring) {
  let area = 0;
  for (let i = 0; i < ring.length; i++) {
    const p = ring[i];
    const q = ring[(i + 1) % ring.length];
    area += p[0] * q[1] - q[0] * p[1];
  }
  return area < 0 ? ring.slice().reverse() : ring;
}

// The lane between its bounds, which may run either way.
function between(centre, left, right) {
  const start = centre[0];
  const l = far2(left[0], start) <= far2(left[left.length - 1], start) ? left : left.slice().reverse();
  const r = far2(right[0], start) <= far2(right[right.length - 1], start) ? right : right.slice().reverse();
  return windLeft([...l, ...r.slice().reverse()]);
}

class Tile {
  constructor() {
    this.box = [Infinity, Infinity, -Infinity, -Infinity];
    this.fill = { road: null, walk: null, other: null };
    this.bare = null; // lanes without bounds: centre lines, stroked wide
    this.edge = null;
    this.solid = null;
    this.dashed = null;
    this.thick = null;
    this.stop = null;
    this.zebras = [];
    this.points = [];
    this.limits = [];
  }
}

function axis(ring) {
  // Of an outline: the line between the middles of its two shortest sides that are not neighbours, and how wide it is.
  const n = ring.length - 1;
  if (n < 4) return null;
  const sides = [];
  for (let i = 0; i < n; i++) sides.push([far2(ring[i], ring[i + 1]), i]);
  sides.sort((a, b) => a[0] - b[0]);
  const first = sides[0][1];
  const other = sides.find(([, i]) => i !== first && (i - first + n) % n !== 1 && (first - i + n) % n !== 1);
  if (!other) return null;
  const mid = (i) => [(ring[i][0] + ring[i + 1][0]) / 2, (ring[i][1] + ring[i + 1][1]) / 2];
  return { a: mid(first), b: mid(other[1]), width: Math.sqrt(Math.min(sides[0][0], other[0])) };
}

export class Scene {
  constructor(view) {
    this.view = view;
    this.tiles = new Map();
    this.box = null;
    this.lines = new Map(); // metres by element id
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

  tile(line) {
    const box = boxOf(line);
    const key = `${Math.floor((box[0] + box[2]) / 2 / TILE)},${Math.floor((box[1] + box[3]) / 2 / TILE)}`;
    let t = this.tiles.get(key);
    if (!t) this.tiles.set(key, (t = new Tile()));
    grow(t.box, box);
    grow(this.box, box);
    return t;
  }

  build(elements) {
    this.tiles.clear();
    this.lines = new Map();
    this.box = [Infinity, Infinity, -Infinity, -Infinity];
    const bounds = new Map();
    for (const e of elements.values())
      if (e.kind === "boundary") for (const alias of e.aliases) bounds.set(alias, e);
    for (const e of elements.values()) {
      if (e.line.length === 0) continue;
      if (e.kind === "lane") this.addLane(e, bounds);
      else if (e.kind === "boundary") this.addBoundary(e);
      else if (e.kind === "stop_line") this.add(e, "stop", false);
      else if (e.kind === "crosswalk") this.addCrosswalk(e);
      else if (e.kind === "speed_limit") this.tile(this.line(e)).limits.push(e);
      else this.tile(this.line(e)).points.push(e);
    }
    if (this.box[0] > this.box[2]) this.box = [-50, -50, 50, 50];
  }

  add(e, which, close) {
    const line = this.line(e);
    const t = this.tile(line);
    t[which] ??= new Path2D();
    trace(t[which], line, close);
  }

  addLane(e, bounds) {
    const left = bounds.get(e.attributes.left);
    const right = bounds.get(e.attributes.right);
    if (!left || !right || left.line.length < 2 || right.line.length < 2) {
      this.add(e, "bare", false);
      return;
    }
    const ring = between(this.line(e), this.line(left), this.line(right));
    const t = this.tile(ring);
    const subtype = e.attributes.subtype || "";
    const which = WALKS.has(subtype) ? "walk" : PLAIN.has(subtype) ? "other" : "road";
    t.fill[which] ??= new Path2D();
    trace(t.fill[which], ring, true);
  }

  addBoundary(e) {
    const type = e.attributes.type || "";
    const subtype = e.attributes.subtype || "";
    if (UNSEEN.has(type) || e.line.length < 2) return;
    if (EDGES.has(type)) this.add(e, "edge", false);
    else if (type.startsWith("broken") || subtype.startsWith("dashed")) this.add(e, "dashed", false);
    else this.add(e, type === "line_thick" ? "thick" : "solid", false);
  }

  addCrosswalk(e) {
    const line = this.line(e);
    const zebra = e.ring ? axis(line) : null;
    if (zebra) this.tile(line).zebras.push(zebra);
    else this.add(e, "solid", false);
  }

  theme() {
    const style = getComputedStyle(document.documentElement);
    for (const name of ["ground", "road", "walk", "other", "edge", "paint", "ink", "accent", "advisory", "text", "panel",
      "soft", "rule", "bad", "accent-soft"])
      this.colours[name] = style.getPropertyValue(`--${name}`).trim();
  }

  draw(g, ratio) {
    const v = this.view;
    const c = this.colours;
    const s = v.scale;
    g.setTransform(1, 0, 0, 1, 0, 0);
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
    for (const which of ["walk", "other", "road"]) {
      g.fillStyle = c[which];
      for (const t of seen) if (t.fill[which]) g.fill(t.fill[which]);
    }
    const stroke = (which, colour, wide) => {
      g.strokeStyle = colour;
      g.lineWidth = wide;
      for (const t of seen) if (t[which]) g.stroke(t[which]);
    };
    stroke("bare", c.road, width(LANE_WIDTH, 1));
    if (s > 0.25) stroke("edge", c.edge, width(0.12, 0.6));
    if (s > 0.8) {
      this.drawZebras(g, seen);
      stroke("solid", c.paint, width(0.12, 0.7));
      stroke("thick", c.paint, width(0.25, 1));
      g.setLineDash([3, 3]);
      stroke("dashed", c.paint, width(0.12, 0.7));
      g.setLineDash([]);
      stroke("stop", c.paint, width(0.5, 1.5));
    }
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (s > 5) this.drawLimits(g, seen);
    if (s > 0.12) this.drawPoints(g, seen);
    return seen.length;
  }

  drawZebras(g, seen) {
    g.strokeStyle = this.colours.paint;
    g.setLineDash([0.5, 0.5]);
    for (const t of seen) {
      for (const z of t.zebras) {
        g.lineWidth = z.width;
        g.beginPath();
        g.moveTo(...z.a);
        g.lineTo(...z.b);
        g.stroke();
      }
    }
    g.setLineDash([]);
  }

  // The limit in force, as if it were painted on the lane.
  drawLimits(g, seen) {
    g.fillStyle = this.colours.ink;
    g.font = '600 11px Inter, system-ui, "Liberation Sans", sans-serif';
    g.textAlign = "center";
    g.textBaseline = "middle";
    for (const t of seen) {
      for (const e of t.limits) {
        const at = this.anchor(e);
        if (at) g.fillText(String(e.value ?? ""), ...this.view.pixel(...at));
      }
    }
  }

  symbolRadius() {
    return Math.min(14, Math.max(3, this.view.scale * 2.8));
  }

  drawPoints(g, seen) {
    const r = this.symbolRadius();
    for (const t of seen) {
      for (const e of t.points) {
        const [x, y] = this.view.pixel(...this.line(e)[0]);
        if (x < -20 || y < -20 || x > this.view.width + 20 || y > this.view.height + 20) continue;
        if (r >= 5) {
          drawSymbol(g, e, x, y, r);
          continue;
        }
        g.fillStyle = this.colours.ink;
        g.beginPath();
        g.arc(x, y, 2, 0, 2 * Math.PI);
        g.fill();
      }
    }
  }

  // The element nearest to a pixel, at most `reach` pixels away.
  hit(elements, px, py, reach) {
    const [x, y] = this.view.at(px, py);
    const limit = reach / this.view.scale;
    let best = null;
    let least = limit;
    for (const e of elements.values()) {
      if (e.kind === "boundary" || e.line.length === 0) continue;
      const line = this.line(e);
      const weight = e.kind === "lane" || e.kind === "speed_limit" ? 1.5 : 0.6;
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

function toSegment(x, y, [ax, ay], [bx, by]) {
  const dx = bx - ax;
  const dy = by - ay;
  const n = dx * dx + dy * dy;
  const t = n === 0 ? 0 : Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / n));
  return Math.hypot(x - ax - t * dx, y - ay - t * dy);
}
