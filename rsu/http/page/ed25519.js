// Ed25519 signatures (RFC 8032, section 5.1.7), checking only: nothing here is secret, so time may depend on anything.

import { sha512 } from "./sha2.js";

const P = (1n << 255n) - 19n;
const L = (1n << 252n) + 27742317777372353535851937790883648493n;

function mod(x) {
  const r = x % P;
  return r < 0n ? r + P : r;
}

function power(x, e) {
  let r = 1n;
  for (let b = x; e > 0n; e >>= 1n, b = (b * b) % P) if (e & 1n) r = (r * b) % P;
  return r;
}

const invert = (x) => power(x, P - 2n);
const D = mod(-121665n * invert(121666n));
const ROOT = power(2n, (P - 1n) / 4n); // of -1

function number(octets) {
  let x = 0n;
  for (let i = octets.length; i-- > 0; ) x = (x << 8n) | BigInt(octets[i]);
  return x;
}

// Points as X, Y, Z, T with x = X/Z, y = Y/Z, xy = T/Z (RFC 8032, section 5.1.4).
const ZERO = [0n, 1n, 1n, 0n];

function add([x1, y1, z1, t1], [x2, y2, z2, t2]) {
  const a = mod((y1 - x1) * (y2 - x2));
  const b = mod((y1 + x1) * (y2 + x2));
  const c = mod(2n * t1 * t2 * D);
  const d = mod(2n * z1 * z2);
  const [e, f, g, h] = [b - a, d - c, d + c, b + a];
  return [mod(e * f), mod(g * h), mod(f * g), mod(e * h)];
}

// a * p + b * q in one pass.
function twice(a, p, b, q) {
  const both = add(p, q);
  let r = ZERO;
  for (let i = 255n; i >= 0n; i--) {
    r = add(r, r);
    const [x, y] = [(a >> i) & 1n, (b >> i) & 1n];
    if (x & y) r = add(r, both);
    else if (x) r = add(r, p);
    else if (y) r = add(r, q);
  }
  return r;
}

// null: no point of the curve.
function decode(octets) {
  const all = number(octets);
  const y = all & ((1n << 255n) - 1n);
  const odd = all >> 255n;
  if (y >= P) return null;
  const u = mod(y * y - 1n);
  const v = mod(D * y * y + 1n);
  let x = mod(u * power(v, 3n) * power(mod(u * power(v, 7n)), (P - 5n) / 8n));
  const w = mod(v * x * x);
  if (w === mod(-u)) x = mod(x * ROOT);
  else if (w !== u) return null;
  if (x === 0n && odd === 1n) return null;
  if ((x & 1n) !== odd) x = P - x;
  return [x, y, 1n, mod(x * y)];
}

function encode([x, y, z]) {
  const i = invert(z);
  let all = mod(y * i) | ((mod(x * i) & 1n) << 255n);
  return Uint8Array.from({ length: 32 }, () => {
    const octet = Number(all & 255n);
    all >>= 8n;
    return octet;
  });
}

const BASE = (() => {
  const y = mod(4n * invert(5n));
  const octets = new Uint8Array(32);
  let rest = y;
  for (let i = 0; i < 32; i++, rest >>= 8n) octets[i] = Number(rest & 255n);
  return decode(octets);
})();

export function verify(key, message, signature) {
  if (key.length !== 32 || signature.length !== 64) return false;
  const a = decode(key);
  const s = number(signature.subarray(32));
  if (a === null || s >= L) return false;
  const r = signature.subarray(0, 32);
  const k = number(sha512(r, key, message)) % L;
  const minusA = [mod(-a[0]), a[1], a[2], mod(-a[3])];
  const got = encode(twice(s, BASE, k, minusA));
  return got.every((octet, i) => octet === r[i]);
}
