// What colour is spent on: changes, candidates, advisories, and what is selected.

import { isWeak } from "./side.js";
import { drawSymbol } from "./signs.js";

const PULSE_MS = 1400;
const still = matchMedia("(prefers-reduced-motion: reduce)");

export class Overlay {
  constructor(view, scene) {
    this.view = view;
    this.scene = scene;
    this.changes = []; // shown with an accent
    this.candidates = [];
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
    for (const c of this.changes) this.drawChange(g, c, now);
    for (const k of this.candidates) this.drawCandidate(g, k);
    if (this.selected) this.drawSelected(g);
    return this.pulses.size > 0;
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

  drawChange(g, c, now) {
    const element = c.after || c.before;
    const at = this.place(element);
    if (!at) return;
    const colours = this.scene.colours;
    g.strokeStyle = colours.accent;
    g.lineWidth = 3;
    this.alongLine(g, element);
    if (!c.after) this.drawGone(g, c.before, at);
    else if (c.before && c.moved_m >= 0.05) this.drawMoved(g, c, at);
    g.lineWidth = 2;
    g.beginPath();
    g.arc(at[0], at[1], this.radius(), 0, 2 * Math.PI);
    g.stroke();
    const begun = this.pulses.get(c.id);
    if (begun === undefined) return;
    const t = (now - begun) / PULSE_MS;
    if (t >= 1) {
      this.pulses.delete(c.id);
      return;
    }
    g.globalAlpha = 1 - t;
    g.lineWidth = 4;
    g.beginPath();
    g.arc(at[0], at[1], this.radius() + 46 * t, 0, 2 * Math.PI);
    g.stroke();
    g.globalAlpha = 1;
  }

  // What stood there, faint and struck out.
  drawGone(g, element, at) {
    const r = this.scene.symbolRadius();
    g.globalAlpha = 0.45;
    if (element.line.length === 1 && r >= 5) drawSymbol(g, element, at[0], at[1], r);
    g.globalAlpha = 1;
    g.lineWidth = 2;
    g.beginPath();
    g.moveTo(at[0] - r, at[1] + r);
    g.lineTo(at[0] + r, at[1] - r);
    g.stroke();
  }

  drawMoved(g, c, at) {
    const from = this.place(c.before);
    if (!from) return;
    g.lineWidth = 1.5;
    g.setLineDash([4, 3]);
    g.beginPath();
    g.moveTo(...from);
    g.lineTo(...at);
    g.stroke();
    g.setLineDash([]);
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
      g.font = '600 11px Inter, system-ui, "Liberation Sans", sans-serif';
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
