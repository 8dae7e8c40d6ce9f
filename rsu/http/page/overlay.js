// What colour is spent on: changes, candidates, advisories, and what is selected.

import { isWeak } from "./side.js";
import { drawSymbol } from "./signs.js";

const PULSE_MS = 1400;
const APART_MAX = 200; // marks; more are gathered where they are close
const CELL_PX = 56;
const still = matchMedia("(prefers-reduced-motion: reduce)");

export class Overlay {
  constructor(view, scene) {
    this.view = view;
    this.scene = scene;
    this.changes = []; // shown with an accent
    this.candidates = [];
    this.orders = []; // of the authority
    this.failed = new Map(); // versions whose proofs do not hold
    this.cross = false; // the keyboard is on the map
    this.selected = null; // { element } or { at: [x, y] }
    this.pulses = new Map(); // change id -> begun
  }

  pulse(changes) {
    if (still.matches) return;
    for (const c of changes) this.pulses.set(c.id, performance.now());
  }

  // True while something moves.
  draw(g, ratio, now) {
    g.setTransform(1, 0, 0, 1, 0, 0);
    g.clearRect(0, 0, g.canvas.width, g.canvas.height);
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    const marked = this.marked();
    for (const m of marked) {
      if (m.n > 1) this.drawMany(g, m);
      else this.drawChange(g, m.change, m.at);
      this.drawPulse(g, m, now);
    }
    for (const o of this.orders) if (o.road === "disobeyed") this.drawDisobeyed(g, o);
    for (const k of this.candidates) this.drawCandidate(g, k);
    if (this.selected) this.drawSelected(g);
    if (this.cross) this.drawCross(g);
    return this.pulses.size > 0;
  }

  // The changes in view, each element once (as the newest change left it); where many are in one place, as one mark.
  marked() {
    const v = this.view;
    const seen = new Set();
    const list = [];
    for (const c of this.changes) {
      if (seen.has(c.element)) continue;
      seen.add(c.element);
      const at = this.place(c.after || c.before);
      if (!at || at[0] < -60 || at[1] < -60 || at[0] > v.width + 60 || at[1] > v.height + 60) {
        this.pulses.delete(c.id); // nobody saw it
        continue;
      }
      list.push({ change: c, at, n: 1, pulse: this.pulses.get(c.id) });
    }
    if (list.length <= APART_MAX) return list;
    const cells = new Map();
    for (const m of list) {
      const key = `${Math.floor(m.at[0] / CELL_PX)},${Math.floor(m.at[1] / CELL_PX)}`;
      const first = cells.get(key);
      if (!first) cells.set(key, m);
      else {
        first.n++;
        first.pulse ??= m.pulse;
        if (m.pulse !== undefined) this.pulses.delete(m.change.id);
      }
    }
    return [...cells.values()];
  }

  place(element) {
    const at = this.scene.anchor(element);
    return at ? this.view.pixel(...at) : null;
  }

  radius() {
    return this.scene.symbolRadius() + 5;
  }

  alongLine(g, element) {
    const line = this.scene.line(element);
    if (line.length < 2) return false;
    g.beginPath();
    for (const p of line) g.lineTo(...this.view.pixel(...p));
    g.stroke();
    return true;
  }

  drawChange(g, c, at) {
    const element = c.after || c.before;
    const colours = this.scene.colours;
    const colour = this.failed.has(c.version) ? colours.bad : colours.accent;
    g.strokeStyle = colour;
    g.lineWidth = 3;
    if (c.after && this.scene.line(element).length > 1) this.alongLine(g, element);
    if (!c.after) this.drawGone(g, c.before, at, colour);
    else if (c.before && c.moved_m >= 0.05) this.drawMoved(g, c, at, colour);
    g.lineWidth = 2;
    g.beginPath();
    g.arc(at[0], at[1], this.radius(), 0, 2 * Math.PI);
    g.stroke();
  }

  drawMany(g, m) {
    const colours = this.scene.colours;
    const words = m.n > 999 ? "999+" : String(m.n);
    const r = 9 + 3 * words.length;
    g.fillStyle = colours["accent-soft"];
    g.strokeStyle = colours.accent;
    g.lineWidth = 2;
    g.beginPath();
    g.arc(m.at[0], m.at[1], r, 0, 2 * Math.PI);
    g.fill();
    g.stroke();
    g.fillStyle = colours.text;
    g.font = '600 12px Inter, system-ui, sans-serif';
    g.textAlign = "center";
    g.textBaseline = "middle";
    g.fillText(words, m.at[0], m.at[1] + 0.5);
  }

  drawPulse(g, m, now) {
    if (m.pulse === undefined) return;
    const t = (now - m.pulse) / PULSE_MS;
    if (t >= 1) {
      this.pulses.delete(m.change.id);
      return;
    }
    g.strokeStyle = this.scene.colours.accent;
    g.globalAlpha = Math.min(1, 1 - t);
    g.lineWidth = 4;
    g.beginPath();
    g.arc(m.at[0], m.at[1], this.radius() + 46 * Math.max(0, t), 0, 2 * Math.PI);
    g.stroke();
    g.globalAlpha = 1;
  }

  // The road does not do what was ordered: trouble, so it has its colour.
  drawDisobeyed(g, o) {
    const element = this.scene.elements.get(o.element);
    const at = element && this.place(element);
    if (!at) return;
    const colours = this.scene.colours;
    const r = this.radius() + 4;
    g.strokeStyle = colours.bad;
    g.lineWidth = 2.5;
    g.setLineDash([5, 3]);
    g.beginPath();
    g.arc(at[0], at[1], r, 0, 2 * Math.PI);
    g.stroke();
    g.setLineDash([]);
    g.fillStyle = colours.bad;
    g.beginPath();
    g.arc(at[0] + r * 0.75, at[1] - r * 0.75, 7, 0, 2 * Math.PI);
    g.fill();
    g.fillStyle = colours.panel;
    g.font = '700 11px Inter, system-ui, sans-serif';
    g.textAlign = "center";
    g.textBaseline = "middle";
    g.fillText("!", at[0] + r * 0.75, at[1] - r * 0.75 + 0.5);
  }

  // What stood there, faint and struck out.
  drawGone(g, element, at, colour) {
    const r = this.scene.symbolRadius();
    g.globalAlpha = 0.45;
    if (element.line.length === 1 && r >= 5) drawSymbol(g, element, at[0], at[1], r);
    g.globalAlpha = 1;
    g.strokeStyle = colour; // a plate has its own
    g.lineWidth = 2;
    g.beginPath();
    g.moveTo(at[0] - r, at[1] + r);
    g.lineTo(at[0] + r, at[1] - r);
    g.stroke();
  }

  // An arrow from where it stood to where it stands. When the two are one dot on the glass, there is nothing to point at.
  drawMoved(g, c, at, colour) {
    const from = this.place(c.before);
    if (!from) return;
    const d = Math.hypot(at[0] - from[0], at[1] - from[1]);
    if (d < 6) return;
    const r = Math.min(this.scene.symbolRadius(), d / 2);
    g.globalAlpha = 0.4;
    if (c.before.line.length === 1 && r >= 5) drawSymbol(g, c.before, from[0], from[1], r);
    else this.alongLine(g, c.before);
    g.globalAlpha = 1;
    const u = [(at[0] - from[0]) / d, (at[1] - from[1]) / d];
    const room = Math.min(this.radius() + 1, d * 0.4); // the head ends at the ring
    const tip = [at[0] - u[0] * room, at[1] - u[1] * room];
    const head = Math.min(9, d * 0.4);
    g.fillStyle = g.strokeStyle = colour;
    g.lineWidth = 2.5;
    g.beginPath();
    g.moveTo(...from);
    g.lineTo(tip[0] - u[0] * head * 0.7, tip[1] - u[1] * head * 0.7);
    g.stroke();
    g.beginPath();
    g.moveTo(...tip);
    g.lineTo(tip[0] - head * (u[0] + 0.5 * u[1]), tip[1] - head * (u[1] - 0.5 * u[0]));
    g.lineTo(tip[0] - head * (u[0] - 0.5 * u[1]), tip[1] - head * (u[1] + 0.5 * u[0]));
    g.closePath();
    g.fill();
  }

  // What Enter opens.
  drawCross(g) {
    const [x, y] = [this.view.width / 2, this.view.height / 2];
    g.strokeStyle = this.scene.colours.text;
    g.lineWidth = 1.5;
    g.beginPath();
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      g.moveTo(x + 5 * dx, y + 5 * dy);
      g.lineTo(x + 14 * dx, y + 14 * dy);
    }
    g.stroke();
  }

  drawCandidate(g, k) {
    const [x, y] = this.view.pixel(k.x, k.y);
    if (x < -40 || y < -40 || x > this.view.width + 40 || y > this.view.height + 40) return;
    const colours = this.scene.colours;
    const r = isWeak(k) ? 5 : this.radius() + 3;
    const full = Math.max(0.02, Math.min(1, k.bits / k.threshold_bits));
    if (k.advisory) {
      this.hatch(g, x, y, r, colours.advisory);
      g.fillStyle = colours.advisory;
      g.font = '600 11px Inter, system-ui, sans-serif';
      g.textAlign = "center";
      g.textBaseline = "top";
      if (this.view.scale > 0.8) g.fillText(k.expiry || "", x, y + r + 4);
    }
    /* Faint while only a little speaks for it: most of these are ghosts. */
    const weak = isWeak(k);
    g.globalAlpha = weak ? 0.7 : 1;
    g.lineWidth = weak ? 2 : 4;
    g.strokeStyle = colours.edge;
    g.beginPath();
    g.arc(x, y, r, 0, 2 * Math.PI);
    g.stroke();
    g.strokeStyle = k.advisory ? colours.advisory : colours.accent;
    g.beginPath();
    g.arc(x, y, r, -Math.PI / 2, -Math.PI / 2 + full * 2 * Math.PI);
    g.stroke();
    g.globalAlpha = 1;
  }

  hatch(g, x, y, r, colour) {
    g.save();
    g.beginPath();
    g.arc(x, y, r, 0, 2 * Math.PI);
    g.clip();
    g.strokeStyle = colour;
    g.globalAlpha = 0.6;
    g.lineWidth = 1.5;
    g.beginPath();
    for (let d = -2 * r; d <= 2 * r; d += 5) {
      g.moveTo(x + d - r, y + r);
      g.lineTo(x + d + r, y - r);
    }
    g.stroke();
    g.restore();
  }

  drawSelected(g) {
    const colours = this.scene.colours;
    const s = this.selected;
    const at = s.element ? this.place(s.element) : this.view.pixel(...s.at);
    if (!at) return;
    g.strokeStyle = colours.accent;
    g.lineWidth = 4;
    if (s.element && this.alongLine(g, s.element)) return;
    const r = this.radius() + 7;
    g.lineWidth = 2.5;
    for (let i = 0; i < 4; i++) {
      const a = (i * Math.PI) / 2;
      g.beginPath();
      g.arc(at[0], at[1], r, a + 0.35, a + Math.PI / 2 - 0.35);
      g.stroke();
    }
  }
}
