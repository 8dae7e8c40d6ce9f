// Looks over the unit's shoulder: the proof of each version that arrives is checked here, unasked, one signature at a time while
// nothing else is to be done. What does not hold is said loudly (strip.js) and stays on its rows.

import { Refusal } from "./proof.js";
import { compare, fingerprintOf, prove, remembered } from "./verify.js";

const QUEUE_MAX = 64; // versions; what is older is checked when somebody asks

// A moment in which the page has nothing else to do.
function idle() {
  return new Promise((done) => (window.requestIdleCallback ? requestIdleCallback(() => done(), { timeout: 500 }) : setTimeout(done, 20)));
}

export class Guard {
  constructor(proofOf, told) {
    this.proofOf = proofOf;
    this.told = told; // after each verdict
    this.queue = [];
    this.busy = false;
    this.failed = new Map(); // version -> why
    this.held = 0; // versions whose proofs held
  }

  // Versions as the model holds them; newest last.
  watch(versions) {
    this.queue.push(...versions.filter((v) => v.checked === undefined));
    this.queue.splice(0, this.queue.length - QUEUE_MAX);
    if (!this.busy) this.work();
  }

  async work() {
    this.busy = true;
    for (let v; (v = this.queue.pop());) {
      await idle();
      try {
        const result = await prove(await this.proofOf(v.version), idle);
        this.judge(v, result);
      } catch (e) {
        if (!(e instanceof Refusal)) continue; // could not be read: no verdict, and "verify here" says why
        this.refuse(v, e.message);
      }
      this.told();
    }
    this.busy = false;
  }

  judge(v, result) {
    const entered = remembered();
    const fingerprint = fingerprintOf(result);
    if (entered && entered !== fingerprint) {
      this.refuse(v, `the unit's genesis has the fingerprint ${fingerprint}, not the one that you entered. If the cell was founded anew, ` +
        "enter its new fingerprint under a change");
      return;
    }
    for (const c of v.changes) {
      const why = compare(c, result);
      if (why) {
        this.refuse(v, why);
        return;
      }
    }
    v.checked = "holds";
    this.held++;
    this.failed.delete(v.version);
  }

  refuse(v, why) {
    v.checked = "fails";
    this.failed.set(v.version, why);
  }
}
