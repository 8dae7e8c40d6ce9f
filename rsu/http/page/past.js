// Versions as they come: the newest at the start, each new one when it is published, older ones when somebody asks for them.

import * as api from "./api.js";

const FIRST = 400; // versions whose changes are read at the start
const KEPT = 3000; // versions that a page that stays open keeps
const PROOFS = 300; // newest versions whose proofs are kept; others are asked for again

export class Past {
  constructor(model) {
    this.model = model;
    this.floor = 1; // version before the first one that the unit still tells of
    this.busy = false;
    this.wish = null;
  }

  async begin(version) {
    const { oldest } = await api.json(`/v1/map/versions?from=${version}`);
    this.floor = Math.max(1, oldest - 1);
    this.model.oldest = version;
    await this.read(Math.max(this.floor, version - FIRST), version);
  }

  // The unit lets old versions go while the page is open; what is here stays.
  keeps(oldest) {
    if (oldest > 1) this.floor = Math.max(this.floor, Math.min(oldest - 1, this.model.oldest));
  }

  async read(from, to) {
    const fresh = await api.diffs(from, to, (some) => this.model.learn(some));
    for (const [n, v] of this.model.versions) if (v.proof && n <= this.model.newest - PROOFS) v.proof = null;
    return fresh;
  }

  // Versions after `from` are here afterwards, if the unit has them. Only the last wish counts.
  async reach(from, progress) {
    const want = Math.max(this.floor, from);
    this.wish = want;
    if (this.busy) return;
    this.busy = true;
    try {
      while (this.wish < this.model.oldest) {
        progress(this.wish, this.model.oldest);
        await this.read(Math.max(this.wish, this.model.oldest - FIRST), this.model.oldest);
      }
    } finally {
      this.busy = false;
    }
  }

  // What was published since; the changes, oldest first.
  async follow(published) {
    const fresh = await this.read(this.model.newest, published);
    return fresh.map((v) => this.model.versions.get(v));
  }

  // Drops what is far back and not looked at.
  trim(from) {
    this.model.forget(Math.min(from, this.model.newest - KEPT));
  }

  // The version's proof in hex.
  async proof(version) {
    const v = this.model.versions.get(version);
    return v.proof || (await api.json(`/v1/proofs/map/${version}`)).bundle;
  }
}
