// Where things are drawn: the canvases, the frames, the scale, the way from one place to another, and paper.

import { byId, show } from "./dom.js";
import { count } from "./format.js";
import { Road } from "./road.js";

const FLY_MS = 500;
const still = matchMedia("(prefers-reduced-motion: reduce)");

function ratio() {
  return Math.min(2, window.devicePixelRatio || 1);
}

export class Stage {
  constructor(view, scene, overlay) {
    Object.assign(this, { view, scene, overlay });
    this.road = new Road(view, scene, byId("road"));
    this.marks = byId("marks").getContext("2d");
    this.asked = 0;
    this.flight = null;
    this.frames = 0;
    this.onFit = () => {};
    this.onLanding = () => {};
  }

  // A frame, soon; with `road` the road is drawn anew.
  ask(road) {
    if (road) this.road.renew();
    if (!this.asked && !this.onPaper()) this.asked = requestAnimationFrame((now) => this.frame(now));
  }

  frame(now) {
    this.asked = 0;
    this.frames++;
    const flying = this.fly(now);
    const drawing = this.scene.box ? this.road.frame(now) : false;
    const moving = this.overlay.draw(this.marks, ratio(), now);
    this.putScale();
    if (flying || drawing || moving) this.ask(false);
  }

  resize() {
    if (this.onPaper()) return;
    const node = byId("map");
    const fits = this.view.width > 1;
    this.view.width = Math.max(1, node.clientWidth);
    this.view.height = Math.max(1, node.clientHeight);
    this.road.resize(ratio());
    this.marks.canvas.width = Math.round(this.view.width * ratio());
    this.marks.canvas.height = Math.round(this.view.height * ratio());
    if (!fits) this.onFit();
    this.ask(false);
  }

  putScale() {
    const target = 110 / this.view.scale;
    const power = 10 ** Math.floor(Math.log10(target));
    const metres = [5, 2, 1].find((k) => k * power <= target) * power;
    byId("scalebar").style.width = `${(metres * this.view.scale).toFixed(0)}px`;
    show(byId("scaletext"), metres >= 1000 ? `${count(metres / 1000)} km` : `${metres < 1 ? metres.toFixed(1) : count(metres)} m`);
  }

  // ---- flights ----

  // To a place, at least so near; at once for those who want no motion.
  flyTo(x, y, scale) {
    const to = { x, y, scale: Math.max(this.view.scale, scale) };
    if (still.matches || !this.scene.box) {
      Object.assign(this.view, to);
      this.onLanding();
    } else {
      const { x: x0, y: y0, scale: s0 } = this.view;
      this.flight = { from: { x: x0, y: y0, scale: s0 }, to, began: performance.now() };
    }
    this.ask(false);
  }

  fly(now) {
    const f = this.flight;
    if (!f) return false;
    const t = Math.min(1, Math.max(0, (now - f.began) / FLY_MS));
    const e = t < 0.5 ? 2 * t * t : 1 - 2 * (1 - t) * (1 - t);
    const s = f.from.scale * (f.to.scale / f.from.scale) ** e;
    /* The place moves as the scale does, so that the way is straight on the glass. */
    const share = f.to.scale === f.from.scale ? e : (1 / f.from.scale - 1 / s) / (1 / f.from.scale - 1 / f.to.scale);
    this.view.scale = s;
    this.view.x = f.from.x + (f.to.x - f.from.x) * share;
    this.view.y = f.from.y + (f.to.y - f.from.y) * share;
    if (t < 1) return true;
    this.land();
    return false;
  }

  // A finger, a key or a link takes over.
  land(cut) {
    const f = this.flight;
    this.flight = null;
    if (!f) return;
    if (!cut) Object.assign(this.view, f.to);
    this.onLanding();
  }

  // ---- paper ----

  onPaper() {
    return document.documentElement.hasAttribute("data-paper");
  }

  // The strip of map on a sheet: drawn at once, because the page does not run while it is printed.
  paper(begins) {
    this.land();
    document.documentElement.toggleAttribute("data-paper", begins);
    this.scene.theme();
    if (!begins) {
      this.resize();
      return;
    }
    const s = 2;
    this.view.width = 688;
    this.view.height = 234;
    this.marks.canvas.width = this.view.width * s;
    this.marks.canvas.height = this.view.height * s;
    this.road.paper(s);
    this.overlay.draw(this.marks, s, 0);
  }
}
