// The strip on top and the sentences of trouble.

import { byId, el, show } from "./dom.js";
import { clock, count, duration, octets, plain } from "./format.js";

const PROOFS_SHOWN = 2;
const OPENED_MS = 5000; // what is wrong so soon was wrong before this page was opened
const opened = Date.now();
const began = new Map(); // when a trouble was first seen here

// The committee, and behind it those who were convicted.
export function states(status) {
  return [...status.validators, ...status.jailed.map((v) => ({ ...v, power: 0, state: "jailed" }))];
}

export class Strip {
  constructor(open) {
    this.open = open;
    this.last = null; // the status before, for rates
    this.dots = "";
  }

  update(status, received) {
    const name = plain(status.cell.name, 60);
    show(byId("cell"), name);
    document.title = `${name} – Wayside`;
    show(byId("height"), count(status.height));
    show(byId("version"), count(status.map.published));
    show(byId("policy"), `${plain(status.policy.name, 40)} ${status.policy.sequence}`);
    this.rate(status, received);
    this.putDots(states(status));
    this.tick(status, received);
  }

  // Between two statuses only the age of the last block moves.
  tick(status, received) {
    const age = status.block ? status.block.age_s + (performance.now() - received) / 1000 : NaN;
    show(byId("age"), status.block ? `${duration(age)} ago` : "none yet");
  }

  rate(status, received) {
    const verified = status.ports.reduce((n, p) => n + (p.verdicts.verified || 0), 0);
    if (this.last && received - this.last.received > 400) {
      const rate = ((verified - this.last.verified) * 1000) / (received - this.last.received);
      show(byId("frames"), `${count(Math.max(0, Math.round(rate)))} frames/s`);
    }
    if (!this.last || received - this.last.received > 1500) this.last = { verified, received };
  }

  putDots(list) {
    const now = JSON.stringify(list.map((v) => [v.owner, v.mast, v.state, v.address]));
    if (now === this.dots) return;
    this.dots = now;
    const box = byId("validators");
    const focused = document.activeElement?.dataset?.address;
    box.replaceChildren(...list.map((v) => el("button", {
      type: "button", class: `dot ${v.state}`, "data-address": v.address, title: `${plain(v.owner, 40)} ${plain(v.mast, 40)}: ${v.state}`,
      "aria-label": `Validator ${plain(v.owner, 40)} ${plain(v.mast, 40)}: ${v.state}`, on: { click: () => this.open(v.address) },
    })));
    if (focused !== undefined) box.querySelector(`[data-address="${focused}"]`)?.focus();
  }
}

// One sentence each, with what to do; `since` is added where the unit does not know it itself.
export function troubles(status, stream) {
  const list = [];
  if (stream.lost)
    list.push(["stream", `The connection to the unit is lost; what is shown is what it said last. The page reconnects by itself; ` +
      `if this lasts, see whether rsud runs (systemctl status rsud).`, stream.lost]);
  if (stream.map) list.push(["map", `The map could not be shown: ${stream.map}. The page tries again by itself, unless the map is too large for it.`]);
  for (const [version, why] of stream.failed || [])
    list.push([`proof ${version}`, `The proof of version ${count(version)} does not hold: ${why}. Do not rely on what it changed; ask another unit ` +
      "of the cell, and tell its operator."]);
  if (!status) return list;
  if (!status.healthy) list.push(["unit", `${plain(status.trouble, 300).replace(/\.?$/, ".")} See the log of rsud (journalctl -u rsud).`]);
  const set = status.validators;
  const total = set.reduce((n, v) => n + v.power, 0);
  const voting = set.reduce((n, v) => n + (v.state === "voting" ? v.power : 0), 0);
  if (total > 0 && 3 * voting <= 2 * total)
    list.push(["quorum", `The cell is below quorum: ${set.filter((v) => v.state === "voting").length} of ${set.length} validators ` +
      `vote, and no change can be confirmed until more come back. See which dots are not grey and look after those units.`]);
  if (status.consensus.clock_agrees === false)
    list.push(["agree", "The clock of this unit is not that of the others: what it sees is refused as too old or too new. See whether " +
      "GNSS or NTP reach it (chronyc tracking)."]);
  if (!status.consensus.clock_trusted)
    list.push(["clock", "The clock of this unit is not certain enough: it votes, but proposes no blocks. See whether GNSS or NTP " +
      "reach it (chronyc tracking)."]);
  if (status.consensus.syncing) list.push(["sync", "This unit is catching up with the cell; what is shown may be behind. Nothing is to be done."]);
  const disk = status.disk;
  if (disk && disk.state !== "good")
    list.push(["disk", `The disk of the unit is in trouble (${disk.state.replace(/_/g, " ")}): ${octets(disk.data_octets)} used, ` +
      `${octets(disk.free_octets)} free. Give it room, or lower node.keep_heights.`]);
  else if (disk && disk.budget_octets > 0 && disk.data_octets > 0.9 * disk.budget_octets)
    list.push(["disk", `The data folder is near its budget: ${octets(disk.data_octets)} of ${octets(disk.budget_octets)}. ` +
      `Raise disk.budget_mb, or let fewer heights be kept.`]);
  return list;
}

// More of one kind than a reader wants are told as one.
function fewer(list) {
  const proofs = list.filter(([key]) => key.startsWith("proof "));
  if (proofs.length <= PROOFS_SHOWN) return list;
  const rest = list.filter((one) => !proofs.slice(PROOFS_SHOWN).includes(one));
  rest.push(["proofs", `${count(proofs.length - PROOFS_SHOWN)} more versions have proofs that do not hold. Rely on nothing that this unit shows.`]);
  return rest;
}

export function sayTroubles(list, box) {
  const now = Date.now();
  for (const key of began.keys()) if (!list.some(([k]) => k === key)) began.delete(key);
  const lines = fewer(list).map(([key, words, since]) => {
    if (!began.has(key)) began.set(key, { at: since || now, before: !since && now - opened < OPENED_MS });
    const { at, before } = began.get(key);
    return `${words} Since ${clock(at)}${before ? " or before" : ""}.`;
  });
  if (box.dataset.said === lines.join("\n")) return;
  box.dataset.said = lines.join("\n");
  box.replaceChildren(...lines.map((words) => el("p", {}, words)));
}
