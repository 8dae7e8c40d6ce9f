// The page's own cryptography and proof check, in Node: known vectors, Node's crypto as a second opinion, and the chain of
// committees that tests/support/make_light_proofs writes. usage: node proof.mjs FOLDER-OF-MODULES FOLDER-OF-CHAIN

import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const [modules, chain] = process.argv.slice(2);
const { sha256, sha512 } = await import(join(modules, "sha2.js"));
const { verify } = await import(join(modules, "ed25519.js"));
const proof = await import(join(modules, "proof.js"));
const hex = (o) => Buffer.from(o).toString("hex");
const un = (h) => new Uint8Array(Buffer.from(h, "hex"));
let n = 0;
function test(name, fn) {
  fn();
  n++;
  console.log(`ok ${n} ${name}`);
}

test("SHA-256 and SHA-512 of the standard's examples", () => {
  assert.equal(hex(sha256(new TextEncoder().encode("abc"))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  assert.equal(hex(sha256(new Uint8Array())), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  assert.equal(hex(sha512(new TextEncoder().encode("abc"))), "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a" +
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
});

test("hashes of every length around the block sizes, in one piece and in parts", () => {
  for (let length = 0; length < 300; length++) {
    const m = new Uint8Array(randomBytes(length));
    const cut = Math.floor(length / 3);
    assert.equal(hex(sha256(m.subarray(0, cut), m.subarray(cut))), createHash("sha256").update(m).digest("hex"));
    assert.equal(hex(sha512(m)), createHash("sha512").update(m).digest("hex"));
  }
});

test("the root over a list, as RFC 6962 splits it", () => {
  const leaf = (i) => sha256(new Uint8Array([0, i]));
  const inner = (l, r) => sha256(new Uint8Array([1]), l, r);
  const [a, b, c, d, e] = [1, 2, 3, 4, 5].map(leaf);
  const root = (...leaves) => hex(proof.listRoot(leaves));
  assert.equal(root(), hex(sha256()));
  assert.equal(root(a), hex(a));
  assert.equal(root(a, b), hex(inner(a, b)));
  assert.equal(root(a, b, c), hex(inner(inner(a, b), c)));
  assert.equal(root(a, b, c, d), hex(inner(inner(a, b), inner(c, d))));
  assert.equal(root(a, b, c, d, e), hex(inner(inner(inner(a, b), inner(c, d)), e)));
});

// RFC 8032, section 7.1: key, message, signature.
const RFC = [
  ["d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"],
  ["3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"],
  ["fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"],
];

test("Ed25519 of the standard's examples; any changed bit is refused", () => {
  for (const [key, message, signature] of RFC) {
    assert.equal(verify(un(key), un(message), un(signature)), true);
    for (let bit = 0; bit < 512; bit += 37) {
      const bad = un(signature);
      bad[bit >> 3] ^= 1 << (bit & 7);
      assert.equal(verify(un(key), un(message), bad), false);
    }
    const other = un(key);
    other[3] ^= 1;
    assert.equal(verify(other, un(message), un(signature)), false);
    assert.equal(verify(un(key), un(`${message}00`), un(signature)), false);
  }
});

test("Ed25519 agrees with another implementation", () => {
  for (let i = 0; i < 12; i++) {
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    const key = new Uint8Array(publicKey.export({ type: "spki", format: "der" }).subarray(-32));
    const m = new Uint8Array(randomBytes(i * 13));
    assert.equal(verify(key, m, new Uint8Array(sign(null, m, privateKey))), true);
  }
});

test("a signature has one form: S + L, keys that are no point, and short ones are refused", () => {
  const [key, , signature] = RFC[0];
  const L = (1n << 252n) + 27742317777372353535851937790883648493n;
  let s = 0n;
  for (let i = 31; i >= 0; i--) s = (s << 8n) | BigInt(un(signature)[32 + i]);
  s += L;
  const other = un(signature);
  for (let i = 0; i < 32; i++, s >>= 8n) other[32 + i] = Number(s & 255n);
  assert.equal(verify(un(key), new Uint8Array(), other), false);
  assert.equal(verify(un("ff".repeat(32)), new Uint8Array(), un(signature)), false);
  assert.equal(verify(un("02".padEnd(64, "0")), new Uint8Array(), un(signature)), false);
  assert.equal(verify(un(key), new Uint8Array(), un(signature).subarray(0, 63)), false);
  assert.equal(verify(un(key).subarray(1), new Uint8Array(), un(signature)), false);
});

// ---- the committees of make_light_proofs: 22 founders, and handovers over committees that share nobody ----

const read = (name) => new Uint8Array(readFileSync(join(chain, name)));
function handovers() {
  const list = [];
  for (let i = 0, rest = null; existsSync(join(chain, `fragment.${i}`)); i++) {
    const f = read(`fragment.${i}`); // version, tag, index, count, length; then up to 1024 octets
    rest = f[9] === 0 ? f.subarray(13) : new Uint8Array([...rest, ...f.subarray(13)]);
    if (f[9] === f[10] - 1) list.push(rest);
  }
  return list;
}
const pause = async () => {};
const fresh = () => proof.trustGenesis(proof.readGenesis(read("genesis.0")));
const list = handovers();

async function refusal(promise, words) {
  await assert.rejects(promise, (e) => e instanceof proof.Refusal && words.test(e.message));
  n++;
  console.log(`ok ${n} refused: ${words.source}`);
}

assert.equal(list.length, 4);
await proof.follow(fresh(), list, pause);
n++;
console.log(`ok ${n} four handovers lead to the last committee`);
await refusal(proof.follow(fresh(), [list[0], list[2]], pause), /another committee/);
await refusal(proof.follow(fresh(), [list[0], list[0]], pause), /does not come after/);
for (const at of [1, 33, 49, 57, 90, 121, 130, 400, 900, list[0].length - 1]) {
  const bad = list[0].slice();
  bad[at] ^= 0x04;
  await refusal(proof.follow(fresh(), [bad], pause), /./);
}
for (let cut = 0; cut < list[0].length; cut += 97) await refusal(proof.follow(fresh(), [list[0].subarray(0, cut)], pause), /cut off|left over|limit/);
await refusal(proof.check(read("genesis.0"), new Uint8Array([1, 2, 0, 0]), pause), /another version or kind/);
await refusal(proof.check(read("genesis.0").subarray(1), new Uint8Array(), pause), /genesis/);
// A change of an element, told as the difference: what does not change is there on both sides.
{
  const octets = new Uint8Array(readFileSync(new URL("../../fuzz/corpus/map_version/modify", import.meta.url)));
  const [change] = proof.readVersion(octets).changes;
  assert.equal(change.op, "modify");
  assert.deepEqual([change.before.value, change.after.value], [30, -5]);
  assert.equal(change.after.revision, change.before.revision + 1);
  assert.deepEqual(change.before.points, [[1000, 2, 0]]);
  for (const key of ["id", "kind", "points", "attributes", "aliases"]) assert.deepEqual(change.after[key], change.before[key]);
  for (let n = 0; n < octets.length; n++) assert.throws(() => proof.readVersion(octets.subarray(0, n)));
}

console.log(`${n} checks passed`);
