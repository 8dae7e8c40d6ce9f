// The road's picture: drawn a little larger than the window and then only moved, so that a finger never waits for ten thousand
// lanes. A new picture is drawn beside it, some tiles in each frame, and takes its place when it is whole.

import { View } from "./view.js";

const MARGIN = 0.25; // of the window, on each side
const PIXELS_MAX = 16e6; // of one picture; beyond, the margin goes
const WORK_MIN = 2000; // points of paths that are drawn in one frame
const WORK_MAX = 1e6;
const FRAME_MS = 16.7;
const COARSE = 1.7; // a picture may be stretched so far
const SETTLE_MS = 120;

function margins(view, ratio) {
  const share = view.width * view.height * ratio * ratio * (1 + 2 * MARGIN) ** 2 > PIXELS_MAX ? 0.04 : MARGIN;
  return [Math.round(view.width * share), Math.round(view.height * share)];
}

export class Road {
  constructor(view, scene, canvas) {
    this.view = view;
    this.scene = scene;
    const other = canvas.cloneNode();
    other.id = "road-next";
    canvas.before(other);
    this.front = { g: canvas.getContext("2d", { alpha: false }), of: null };
    this.back = { g: other.getContext("2d", { alpha: false }), of: null };
    this.job = null;
    this.stale = true; // what is drawn is not what is known
    this.work = 60000;
    this.last = 0;
    this.drawn = { points: 0, ms: 0, began: 0 }; // of the last picture that became whole
    this.ratio = 1;
    this.scale = 0;
    this.zoomed = 0;
  }

  renew() {
    this.stale = true;
    this.job = null;
  }

  resize(ratio) {
    this.ratio = ratio;
    this.renew();
    this.front.of = null;
  }

  // Whether the picture holds all that the window shows.
  holds(p) {
    const v = this.view;
    const half = (across, window) => across / p.scale / 2 - window / v.scale / 2;
    return Math.abs(p.x - v.x) <= half(p.width, v.width) && Math.abs(p.y - v.y) <= half(p.height, v.height);
  }

  // Whether another picture is wanted. A little too coarse or too fine it may be until the zooming ends.
  wants(now) {
    const p = this.front.of;
    if (this.view.scale !== this.scale) {
      this.scale = this.view.scale;
      this.zoomed = now;
    }
    if (this.stale || !p || !this.holds(p)) return true;
    const k = this.view.scale / p.scale;
    return k !== 1 && (k < 1 / COARSE || k > COARSE || now - this.zoomed > SETTLE_MS);
  }

  begin() {
    const v = this.view;
    const of = Object.assign(new View(), v);
    const [mx, my] = margins(v, this.ratio);
    of.width = v.width + 2 * mx;
    of.height = v.height + 2 * my;
    const c = this.back.g.canvas;
    const [w, h] = [Math.round(of.width * this.ratio), Math.round(of.height * this.ratio)];
    if (c.width !== w || c.height !== h) {
      c.width = w;
      c.height = h;
      c.style.width = `${of.width}px`;
      c.style.height = `${of.height}px`;
    }
    this.stale = false;
    this.job = { of, steps: this.scene.paint(this.back.g, of, this.ratio), points: 0, began: performance.now() };
  }

  // Some more of the picture that is in work. True when it is whole.
  go(limit) {
    for (let points = 0; points < limit;) {
      const step = this.job.steps.next();
      if (step.done) return true;
      points += step.value;
      this.job.points += step.value;
    }
    return false;
  }

  swap() {
    const { job } = this;
    this.drawn = { points: job.points, ms: performance.now() - job.began };
    this.back.of = job.of;
    [this.front, this.back] = [this.back, this.front];
    this.back.g.canvas.style.visibility = "hidden";
    this.front.g.canvas.style.visibility = "visible";
    this.job = null;
  }

  // What a frame can hold is learnt from how late the next one comes.
  learn(now) {
    const late = now - this.last;
    this.last = now;
    if (!this.job || late > 500) return;
    this.work = late > 1.7 * FRAME_MS ? Math.max(WORK_MIN, this.work * 0.6) : Math.min(WORK_MAX, this.work * 1.3);
  }

  // True: there is more to do in the next frame.
  frame(now) {
    this.learn(now);
    if (!this.job && this.wants(now)) this.begin();
    if (this.job && this.go(this.front.of ? this.work : Infinity)) this.swap();
    this.put();
    return this.job !== null || this.stale || !this.holds(this.front.of) || this.front.of.scale !== this.view.scale;
  }

  put() {
    const { of, g } = this.front;
    if (!of) return;
    const k = this.view.scale / of.scale;
    const [x, y] = this.view.pixel(of.x, of.y);
    g.canvas.style.transform = `translate(${x - (of.width / 2) * k}px, ${y - (of.height / 2) * k}px) scale(${k})`;
  }

  // The whole picture at once, without a margin.
  paper(ratio) {
    const c = this.front.g.canvas;
    c.width = this.view.width * ratio;
    c.height = this.view.height * ratio;
    for (const step of this.scene.paint(this.front.g, this.view, ratio)) void step;
    this.front.of = null;
  }
}
