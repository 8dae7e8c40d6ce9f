// The buttons under a change: check its proof here, or take it along.

import * as api from "./api.js";
import { el, put } from "./dom.js";
import { count, many, plain } from "./format.js";
import { Refusal, check, differences, hex, listRoot, same, unhex } from "./proof.js";

const KEY = "wayside.fingerprint";

export function remembered() {
  try {
    return localStorage.getItem(KEY) || "";
  } catch {
    return ""; // a browser that keeps nothing
  }
}

function remember(text) {
  try {
    localStorage.setItem(KEY, text);
  } catch {
    // it is asked for again
  }
}

// The clipboard of today is not for pages over plain HTTP; a selected text is for all.
async function copy(text) {
  const area = el("textarea", { readonly: true, "aria-hidden": "true" }, text);
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) await navigator.clipboard.writeText(text);
}

function anchorWords(fingerprint, entered) {
  if (entered === fingerprint)
    return ["Trust anchor: ", el("strong", {}, "the fingerprint that you entered."), " The genesis that this unit gave has it, so the chain of signatures begins with the committee that you trust."];
  return ["Trust anchor: ", el("strong", {}, "none of your own."), " The genesis came from the same unit as the proof, with the fingerprint ",
    el("code", {}, fingerprint), ". Compare it with the one that the operator of the cell gave you, or enter that one above and check again."];
}

const CAVEAT = "The checking code came from this unit, too. Against a unit that lies on purpose, copy the proof and check it on your own machine: " +
  "rsuctl map verify --genesis FILE --fingerprint HEX PROOF.";

const MESSAGES = {
  same: (n) => `The ${many(n, "message", "messages")} of vehicles that this unit lists as its evidence are exactly those that the change commits to.`,
  gone: () => "Which messages spoke for it is not kept here any more; the change commits to them all the same.",
  none: () => "No messages of vehicles are behind it.",
};

function holds(result, change, entered, messages) {
  const { genesis, header, quorum, handovers, version } = result;
  return el("div", { class: "verdict holds", id: "verdict", "data-verdict": entered ? "holds" : "holds-unanchored" },
    el("strong", {}, entered ? "The proof holds." : "The proof holds, as far as this unit's own genesis goes."),
    el("ol", {},
      el("li", {}, `Genesis of “${plain(genesis.name)}”: ${many(genesis.set.length, "founder", "founders")}.`),
      el("li", {}, handovers === 0 ? "The founders still sign." : `${many(handovers, "handover", "handovers")} from committee to committee, every signature checked.`),
      el("li", {}, `Header ${count(header.height)}: ${many(quorum.signers.length, "signature", "signatures")} checked, ${quorum.power} of ${quorum.total} votes.`),
      el("li", {}, `Version ${count(version.version)} is in that header's tree of events, and this change is in the version, as shown here.`),
      el("li", {}, MESSAGES[messages.kind](messages.n))),
    el("p", {}, anchorWords(hex(genesis.id), entered)), el("p", { class: "soft" }, CAVEAT), el("p", { class: "soft" }, change.id));
}

function fails(why) {
  return el("div", { class: "verdict fails", id: "verdict", "data-verdict": "fails", role: "alert" },
    el("strong", {}, "The proof does not hold."), el("p", {}, `${why}.`),
    el("p", {}, "Do not rely on this change. Ask another unit of the cell, and tell its operator."));
}

function unchecked(why) {
  return el("div", { class: "verdict", id: "verdict", "data-verdict": "unchecked" }, el("strong", {}, "Not checked."), el("p", {}, `${why}.`));
}

const pause = () => new Promise((done) => setTimeout(done, 0));

let genesisRead = null; // one for all checks: it never changes

async function genesis() {
  genesisRead ??= api.octets("/v1/genesis");
  try {
    return await genesisRead;
  } catch (e) {
    genesisRead = null;
    throw e;
  }
}

// What the proof proves; a Refusal when it does not hold.
export async function prove(proof, between = pause) {
  const octets = await genesis();
  return check(octets, unhex(proof), between);
}

export function fingerprintOf(result) {
  return hex(result.genesis.id);
}

// Why the change that is shown is not the one that is proven; "" when it is.
export function compare(change, result) {
  const proven = result.version.changes.find((c) => hex(c.id) === change.id);
  if (!proven || result.version.version !== change.version || result.version.height !== change.height)
    return "the proof is good, but of something else than this change";
  const other = differences(change, proven, result.genesis.frame);
  return other.length > 0 ? `the proof is good, but the page was told something else: ${other.join("; ")}` : "";
}

const sentence = (words) => words[0].toUpperCase() + words.slice(1);

async function judge(change, proof, entered) {
  try {
    const result = await prove(proof);
    const fingerprint = fingerprintOf(result);
    if (entered && entered !== fingerprint)
      return fails(`The unit's genesis has the fingerprint ${fingerprint}, not the one that you entered: this is another cell, or a unit that lies`);
    const why = compare(change, result);
    if (why) return fails(sentence(why));
    const messages = await messagesOf(result.version.changes.find((c) => hex(c.id) === change.id));
    if (messages.kind === "other") return fails("The proof is good, but the unit lists other messages as evidence than the change commits to");
    return holds(result, change, entered, messages);
  } catch (e) {
    if (e instanceof Refusal) return fails(sentence(e.message));
    return unchecked(`The check could not be made: ${e.message}`);
  }
}

// Whether the messages that the unit names are those that the proven change commits to.
async function messagesOf(proven) {
  if (proven.vehicles === 0) return { kind: "none", n: 0 };
  try {
    const { messages } = await api.json(`/v1/map/changes/${hex(proven.id)}/evidence`);
    const kind = same(listRoot(messages.map((m) => unhex(m.leaf))), proven.commitment) ? "same" : "other";
    return { kind, n: messages.length };
  } catch (e) {
    if (e instanceof Refusal) throw e;
    return { kind: "gone", n: 0 };
  }
}

// `proofOf()` gives the version's proof in hex.
export function checker(change, proofOf, failed) {
  const box = el("div", { "aria-live": "polite" });
  const input = el("input", { id: "fingerprint", spellcheck: "false", autocomplete: "off", maxlength: 64, value: remembered(),
    placeholder: "64 hex digits, from the operator of the cell" });
  const verifyHere = async () => {
    const entered = input.value.trim().toLowerCase();
    if (entered && !/^[0-9a-f]{64}$/.test(entered)) {
      put(box, unchecked("A fingerprint has 64 hex digits"));
      return;
    }
    remember(entered);
    put(box, el("p", { class: "soft" }, "Checking every signature…"));
    button.disabled = true;
    try {
      put(box, await judge(change, await proofOf(), entered));
    } catch (e) {
      put(box, unchecked(`The proof could not be read: ${e.message}`));
    }
    button.disabled = false;
    box.scrollIntoView({ block: "nearest" });
  };
  const copyProof = async () => {
    try {
      await copy(await proofOf());
      put(box, el("p", { class: "soft", id: "copied" }, `The proof of version ${change.version} is in the clipboard, as hex (xxd -r -p makes a file of it).`));
    } catch (e) {
      put(box, el("p", {}, `Could not copy: ${e.message}. It is under /v1/proofs/map/${change.version}.`));
    }
  };
  const button = el("button", { type: "button", id: "verify", on: { click: verifyHere } }, "Verify here");
  if (failed) put(box, fails(sentence(failed)));
  return [
    el("h3", {}, "Proof"),
    el("label", { class: "field" }, "Fingerprint of the cell that you know from elsewhere (optional)", input),
    el("div", { class: "buttons" }, button,
      el("button", { type: "button", id: "copy", on: { click: copyProof } }, "Copy proof"),
      el("button", { type: "button", on: { click: () => print() } }, "Print")),
    box,
  ];
}
