// The two ends of the time that is shown, under the map, and the zone that times are told in.

import { byId, show } from "./dom.js";
import { count, instant, nextZone, zoneName } from "./format.js";

export class TimeBar {
  // `show(from, to, push)` shows a range, `from` 0 when nobody chose one; `zone()` tells times anew.
  constructor(state, past, { show: showRange, zone }) {
    Object.assign(this, { state, past, showRange });
    const { model } = state;
    byId("from").addEventListener("input", (e) => {
      const from = Math.min(Number(e.target.value), state.range.to);
      this.walk(from > past.floor || !state.live ? from : 0, state.range.to);
    });
    byId("to").addEventListener("input", (e) => {
      const to = Number(e.target.value);
      this.walk(state.chosen || to < model.newest ? Math.min(state.range.from, to) : 0, to);
    });
    byId("now").addEventListener("click", () => this.showRange(0, model.newest, true));
    byId("zone").addEventListener("click", () => {
      nextZone();
      this.put();
      zone();
    });
  }

  // Older versions may have to be read first.
  async walk(from, to) {
    const { model } = this.state;
    const first = Math.min(from || to, to);
    if (first < model.oldest && first >= this.past.floor) {
      try {
        await this.past.reach(first, (a, b) => show(byId("span"), `Reading versions ${count(a)} to ${count(b)}…`));
      } catch (e) {
        show(byId("span"), `Versions before ${count(model.oldest)} could not be read: ${e.message}.`);
        return;
      }
    }
    this.showRange(from, to, false);
  }

  put() {
    const { state, past } = this;
    const { from, to } = state.range;
    for (const [id, value] of [["from", from], ["to", to]]) {
      const input = byId(id);
      input.min = past.floor;
      input.max = state.model.newest;
      if (document.activeElement !== input || !past.busy) input.value = value;
      input.disabled = state.model.newest === past.floor;
      input.setAttribute("aria-valuetext", `version ${value}`);
    }
    const v = state.model.versions.get(to);
    const n = state.model.between(from, to).length;
    show(byId("span"), `version ${count(to)}${state.live ? " (now)" : ""}${v ? `, ${instant(v.time)}` : to === 1 ? ", as founded" : ""}; ` +
      `${count(n)} ${n === 1 ? "change" : "changes"} since version ${count(from)}`);
    byId("now").hidden = state.live && !state.chosen;
    show(byId("zone"), zoneName());
  }
}
