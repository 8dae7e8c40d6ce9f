// SHA-256 and SHA-512 (FIPS 180-4), because browsers give pages that come over plain HTTP no cryptography. The constants are
// what the standard says they are: the first bits of the fractional parts of square and cube roots of the first primes.

const MASK = (1n << 64n) - 1n;

function primes(n) {
  const list = [];
  for (let k = 2; list.length < n; k++) if (list.every((p) => k % p !== 0)) list.push(k);
  return list;
}

// floor(x ^ (1/k)) by bisection.
function root(x, k) {
  let low = 0n;
  let high = 1n << 80n;
  while (high - low > 1n) {
    const mid = (low + high) / 2n;
    if (mid ** k <= x) low = mid;
    else high = mid;
  }
  return low;
}

const K512 = primes(80).map((p) => root(BigInt(p) << 192n, 3n) & MASK);
const H512 = primes(8).map((p) => root(BigInt(p) << 128n, 2n) & MASK);
const K256 = Uint32Array.from(K512.slice(0, 64), (k) => Number(k >> 32n));
const H256 = Uint32Array.from(H512, (h) => Number(h >> 32n));

export function concat(...parts) {
  const all = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    all.set(p, at);
    at += p.length;
  }
  return all;
}

// The message, a one bit, zeros, and the length in bits at the end of the last block.
function padded(message, block) {
  const tail = block / 8;
  const n = Math.ceil((message.length + 1 + tail) / block) * block;
  const all = new Uint8Array(n);
  all.set(message);
  all[message.length] = 0x80;
  new DataView(all.buffer).setBigUint64(n - 8, BigInt(message.length) * 8n);
  return new DataView(all.buffer);
}

export function sha256(...parts) {
  const data = padded(concat(...parts), 64);
  const h = H256.slice();
  const w = new Uint32Array(64);
  const turn = (x, n) => (x >>> n) | (x << (32 - n));
  for (let at = 0; at < data.byteLength; at += 64) {
    for (let i = 0; i < 16; i++) w[i] = data.getUint32(at + 4 * i);
    for (let i = 16; i < 64; i++) {
      const s0 = turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ (w[i - 15] >>> 3);
      const s1 = turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ (w[i - 2] >>> 10);
      w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    let [a, b, c, d, e, f, g, k] = h;
    for (let i = 0; i < 64; i++) {
      const t1 = (k + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + K256[i] + w[i]) | 0;
      const t2 = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [k, g, f, e, d, c, b, a] = [g, f, e, (d + t1) | 0, c, b, a, (t1 + t2) | 0];
    }
    for (const [i, v] of [a, b, c, d, e, f, g, k].entries()) h[i] += v;
  }
  const out = new DataView(new ArrayBuffer(32));
  h.forEach((v, i) => out.setUint32(4 * i, v));
  return new Uint8Array(out.buffer);
}

export function sha512(...parts) {
  const data = padded(concat(...parts), 128);
  const h = H512.slice();
  const w = new Array(80);
  const turn = (x, n) => ((x >> n) | (x << (64n - n))) & MASK;
  for (let at = 0; at < data.byteLength; at += 128) {
    for (let i = 0; i < 16; i++) w[i] = data.getBigUint64(at + 8 * i);
    for (let i = 16; i < 80; i++) {
      const s0 = turn(w[i - 15], 1n) ^ turn(w[i - 15], 8n) ^ (w[i - 15] >> 7n);
      const s1 = turn(w[i - 2], 19n) ^ turn(w[i - 2], 61n) ^ (w[i - 2] >> 6n);
      w[i] = (w[i - 16] + s0 + w[i - 7] + s1) & MASK;
    }
    let [a, b, c, d, e, f, g, k] = h;
    for (let i = 0; i < 80; i++) {
      const t1 = (k + (turn(e, 14n) ^ turn(e, 18n) ^ turn(e, 41n)) + ((e & f) ^ (~e & MASK & g)) + K512[i] + w[i]) & MASK;
      const t2 = ((turn(a, 28n) ^ turn(a, 34n) ^ turn(a, 39n)) + ((a & b) ^ (a & c) ^ (b & c))) & MASK;
      [k, g, f, e, d, c, b, a] = [g, f, e, (d + t1) & MASK, c, b, a, (t1 + t2) & MASK];
    }
    for (const [i, v] of [a, b, c, d, e, f, g, k].entries()) h[i] = (h[i] + v) & MASK;
  }
  const out = new DataView(new ArrayBuffer(64));
  h.forEach((v, i) => out.setBigUint64(8 * i, v));
  return new Uint8Array(out.buffer);
}
