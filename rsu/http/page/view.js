// Where the window looks: metres east and north of an origin, and pixels a metre.

const RADIUS = 6378137;
const SCALE_MIN = 0.002;
const SCALE_MAX = 80;

export class View {
  constructor() {
    this.lat0 = 0;
    this.lon0 = 0;
    this.kx = 0;
    this.ky = (Math.PI / 180) * RADIUS;
    this.x = 0;
    this.y = 0;
    this.scale = 1;
    this.width = 1;
    this.height = 1;
  }

  setOrigin(lat, lon) {
    this.lat0 = lat;
    this.lon0 = lon;
    this.kx = this.ky * Math.cos((lat * Math.PI) / 180);
  }

  metres(lon, lat) {
    return [(lon - this.lon0) * this.kx, (lat - this.lat0) * this.ky];
  }

  degrees(x, y) {
    return [this.lat0 + y / this.ky, this.lon0 + x / this.kx];
  }

  pixel(x, y) {
    return [(x - this.x) * this.scale + this.width / 2, this.height / 2 - (y - this.y) * this.scale];
  }

  at(px, py) {
    return [this.x + (px - this.width / 2) / this.scale, this.y - (py - this.height / 2) / this.scale];
  }

  // Metres that are seen, with a border of pixels around them.
  box(border) {
    const w = (this.width / 2 + border) / this.scale;
    const h = (this.height / 2 + border) / this.scale;
    return [this.x - w, this.y - h, this.x + w, this.y + h];
  }

  pan(px, py) {
    this.x -= px / this.scale;
    this.y += py / this.scale;
  }

  zoom(factor, px, py) {
    const [x, y] = this.at(px, py);
    this.scale = Math.min(SCALE_MAX, Math.max(SCALE_MIN, this.scale * factor));
    const [u, v] = this.at(px, py);
    this.x += x - u;
    this.y += y - v;
  }

  fit([x0, y0, x1, y1]) {
    this.x = (x0 + x1) / 2;
    this.y = (y0 + y1) / 2;
    const s = Math.min((this.width * 0.9) / Math.max(x1 - x0, 20), (this.height * 0.86) / Math.max(y1 - y0, 20));
    this.scale = Math.min(SCALE_MAX, Math.max(SCALE_MIN, s));
  }
}

// Gestures of finger, mouse and keys on `node`; `changed` after each, `tapped(px, py)` for a click.
export function steer(node, view, changed, tapped) {
  const fingers = new Map();
  let moved = 0;
  const place = (e) => {
    const r = node.getBoundingClientRect();
    return [e.clientX - r.left, e.clientY - r.top];
  };
  node.addEventListener("pointerdown", (e) => {
    if (e.target.closest("button")) return;
    node.setPointerCapture(e.pointerId);
    fingers.set(e.pointerId, place(e));
    if (fingers.size === 1) moved = 0;
  });
  node.addEventListener("pointermove", (e) => {
    const was = fingers.get(e.pointerId);
    if (!was) return;
    const is = place(e);
    const other = [...fingers].find(([id]) => id !== e.pointerId);
    if (other) {
      const before = Math.hypot(was[0] - other[1][0], was[1] - other[1][1]);
      const after = Math.hypot(is[0] - other[1][0], is[1] - other[1][1]);
      if (before > 8) view.zoom(after / before, (is[0] + other[1][0]) / 2, (is[1] + other[1][1]) / 2);
      view.pan((is[0] - was[0]) / 2, (is[1] - was[1]) / 2);
    } else {
      view.pan(is[0] - was[0], is[1] - was[1]);
    }
    moved += Math.hypot(is[0] - was[0], is[1] - was[1]);
    fingers.set(e.pointerId, is);
    changed();
  });
  const lift = (e) => {
    if (!fingers.delete(e.pointerId) || e.type === "pointercancel") return;
    if (fingers.size === 0 && moved < 6) tapped(...place(e));
  };
  node.addEventListener("pointerup", lift);
  node.addEventListener("pointercancel", lift);
  node.addEventListener("wheel", (e) => {
    e.preventDefault();
    view.zoom(Math.exp(-e.deltaY * (e.deltaMode === 1 ? 0.05 : 0.0016)), ...place(e));
    changed();
  }, { passive: false });
  const keys = {
    ArrowLeft: () => view.pan(60, 0), ArrowRight: () => view.pan(-60, 0),
    ArrowUp: () => view.pan(0, 60), ArrowDown: () => view.pan(0, -60),
    "+": () => view.zoom(1.4, view.width / 2, view.height / 2), "=": () => view.zoom(1.4, view.width / 2, view.height / 2),
    "-": () => view.zoom(1 / 1.4, view.width / 2, view.height / 2),
  };
  node.addEventListener("keydown", (e) => {
    if (e.target !== node || e.ctrlKey || e.metaKey || e.altKey) return;
    if (keys[e.key]) keys[e.key]();
    else if (e.key === "Enter") tapped(view.width / 2, view.height / 2, 60);
    else return;
    e.preventDefault();
    changed();
  });
}
