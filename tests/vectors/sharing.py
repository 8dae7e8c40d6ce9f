#!/usr/bin/env python3
"""Second implementation of key shares, bundles, commitments, complaints and groups, from docs/formats/learning.md and RFCs 5869,
6962, 8439 and 9496 alone: whole-number arithmetic, no library, nothing in common with the C code. Prints the known answers that
tests/unit/fedlearn/test_share_known.c compares with:  python3 tests/vectors/sharing.py > tests/vectors/sharing.txt
It is slow and not constant-time: never for keys that protect anything."""
import hashlib
import hmac
from itertools import combinations

from beacon import BASE, L, encode, mul, say, to_scalar

P = 4093
VALUES, KEY, CHECKS = 2056, 2048, 8


def domain(purpose):
    return b"WAYSIDE-FL".ljust(16, b"\0") + bytes([1, purpose])


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def h(purpose, *parts):
    return sha(domain(purpose), *parts)


def digest(purpose, *parts):
    return hashlib.sha512(domain(purpose) + b"".join(parts)).digest()


def drawn(name, n):
    """Octets that stand for random ones."""
    return b"".join(sha(name.encode(), bytes([i])) for i in range((n + 31) // 32))[:n]


# ---- RFC 8439 ----
def rotate(x, n):
    return (x << n | x >> (32 - n)) & 0xffffffff


def block(key, counter16):
    start = list(b"expand 32-byte k"[i:i + 4] for i in range(0, 16, 4))
    words = [int.from_bytes(w, "little") for w in start]
    words += [int.from_bytes((key + counter16)[i:i + 4], "little") for i in range(0, 48, 4)]
    s = list(words)

    def quarter(a, b, c, d):
        s[a] = (s[a] + s[b]) & 0xffffffff
        s[d] = rotate(s[d] ^ s[a], 16)
        s[c] = (s[c] + s[d]) & 0xffffffff
        s[b] = rotate(s[b] ^ s[c], 12)
        s[a] = (s[a] + s[b]) & 0xffffffff
        s[d] = rotate(s[d] ^ s[a], 8)
        s[c] = (s[c] + s[d]) & 0xffffffff
        s[b] = rotate(s[b] ^ s[c], 7)

    for _ in range(10):
        quarter(0, 4, 8, 12), quarter(1, 5, 9, 13), quarter(2, 6, 10, 14), quarter(3, 7, 11, 15)
        quarter(0, 5, 10, 15), quarter(1, 6, 11, 12), quarter(2, 7, 8, 13), quarter(3, 4, 9, 14)
    return b"".join(((a + b) & 0xffffffff).to_bytes(4, "little") for a, b in zip(s, words))


def keystream(key):
    """Counter of 8 octets from 0, nonce of 8 zeros, octet by octet."""
    n = 0
    while True:
        yield from block(key, n.to_bytes(8, "little") + bytes(8))
        n += 1


def seal(key, nonce, text):
    def at(counter):
        return block(key, counter.to_bytes(4, "little") + nonce)
    pad = b"".join(at(i + 1) for i in range(len(text) // 64 + 1))
    sealed = bytes(a ^ b for a, b in zip(text, pad))
    one = at(0)
    r = int.from_bytes(one[:16], "little") & 0x0ffffffc0ffffffc0ffffffc0fffffff
    data = sealed + bytes(-len(sealed) % 16) + bytes(8) + len(sealed).to_bytes(8, "little")
    tag = 0
    for i in range(0, len(data), 16):
        tag = (tag + int.from_bytes(data[i:i + 16] + b"\1", "little")) * r % (2**130 - 5)
    return sealed + ((tag + int.from_bytes(one[16:], "little")) % 2**128).to_bytes(16, "little")


def hkdf(secret, info, n):
    prk = hmac.new(bytes(32), secret, "sha256").digest()
    out, t = b"", b""
    while len(out) < n:
        t = hmac.new(prk, t + info + bytes([len(out) // 32 + 1]), "sha256").digest()
        out += t
    return out[:n]


# ---- RFC 6962 ----
def leaf(data):
    return sha(b"\0", data)


def root(leaves):
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return sha(b"\1", root(leaves[:k]), root(leaves[k:]))


# ---- shares ----
def uniform(key, n):
    out, bits = [], ""
    for octet in keystream(key):
        bits += format(octet, "08b")
        while len(bits) >= 12:
            v, bits = int(bits[:12], 2), bits[12:]
            if v < P:
                out.append(v)
                if len(out) == n:
                    return out


def packed(values):
    bits = "".join(format(v, "012b") for v in values)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def inverse(a):
    return pow(a, P - 2, P)


def weights(xs, at):
    out = []
    for x in xs:
        w = 1
        for y in xs:
            if y != x:
                w = w * (at - y) * inverse((x - y) % P) % P
        out.append(w)
    return out


def through(xs, rows, at):
    w = weights(xs, at)
    return [sum(a * b for a, b in zip(w, column)) % P for column in zip(*rows)]


class Dealing:
    def __init__(self, n, salt, name, key):
        self.n, self.f = n, (n - 1) // 3
        self.kind = 2 if self.f <= 2 else 1
        secret = [k % P for k in key] + uniform(drawn(name + " masks", 32), CHECKS)
        seed = [drawn(f"{name} seed {i}", 16) for i in range(40)]

        def expand(index, s):
            return uniform(h(2, salt, bytes([self.kind, index]), s), VALUES)

        self.plain, self.correction = {}, b""
        if self.kind == 1:
            first = 1 + int.from_bytes(salt[:4], "big") % n
            xs, rows = [0], [secret]
            for j in range(self.f):
                v = (first + j - 1) % n + 1
                self.plain[v] = seed[j]
                xs.append(v)
                rows.append(expand(v, seed[j]))
            self.share = {v: through(xs, rows, v) for v in range(1, n + 1)}
            for v in range(1, n + 1):
                self.plain.setdefault(v, packed(self.share[v]))
            self.xs, self.rows = xs, rows
            return
        sets = sorted(combinations(range(1, n + 1), self.f), key=lambda s: sum(2**(v - 1) for v in s))
        pieces = [expand(k, seed[k]) for k in range(len(sets))]
        correction = [(y - sum(column)) % P for y, column in zip(secret, zip(*pieces))]
        self.correction = packed(correction)
        pieces[0] = [(a + b) % P for a, b in zip(pieces[0], correction)]
        self.share = {}
        for v in range(1, n + 1):
            mine = [k for k, s in enumerate(sets) if v not in s]
            self.plain[v] = b"".join(seed[k] for k in mine)
            w = []
            for k in mine:
                f = 1
                for a in sets[k]:
                    f = f * (a - v) * inverse(a) % P
                w.append(f)
            self.share[v] = [sum(a * pieces[k][i] for a, k in zip(w, mine)) % P for i in range(VALUES)]
        self.xs = list(range(self.f + 1))
        self.rows = [secret] + [self.share[v] for v in self.xs[1:]]

    def checks(self, challenge):
        drawn_values = uniform(challenge, CHECKS * 96)
        out = b""
        mixed = []
        for row in self.rows:
            z = []
            for j in range(CHECKS):
                r, c = drawn_values[96 * j:96 * j + 32], drawn_values[96 * j + 32:96 * j + 96]
                z.append((row[KEY + j] + sum(r[i // 64] * c[i % 64] * row[i] for i in range(KEY))) % P)
            mixed.append(z)
        for t in range(self.f + 1):
            out += packed(through(self.xs, mixed, t))
        return out


# ---- proofs ----
def octets(s):
    return s.to_bytes(32, "little")


def prove(purpose, statement, x, second=None):
    full = [statement, encode(mul(x, BASE))]
    if second is not None:
        full += [encode(second), encode(mul(x, second))]
    k = to_scalar(digest(10, octets(x), digest(purpose, *full)))
    full.append(encode(mul(k, BASE)))
    if second is not None:
        full.append(encode(mul(k, second)))
    c = to_scalar(digest(purpose, *full))
    return octets(c) + octets((k - c * x) % L)


# ---- a round ----
class Round:
    def __init__(self, name, n, profile):
        self.name, self.n, self.profile = name, n, profile
        self.cell, self.id = drawn(name + " cell", 32), drawn(name + " round", 32)
        self.address = [drawn(f"{name} address {v}", 32) for v in range(1, n + 1)]
        self.secret = [drawn(f"{name} secret {v}", 32) for v in range(1, n + 1)]
        self.e = [to_scalar(digest(11, s)) for s in self.secret]
        self.key = [encode(mul(e, BASE)) for e in self.e]

    def submission(self, name, spoilt=None):
        sender, nonce = drawn(name + " sender", 32), drawn(name + " nonce", 16)
        key = [b % 85 - 42 for b in drawn(name + " key", 2 * KEY)[::2]] if name != "edge" else [42, -42] * 1024
        ciphertext = drawn(name + " ciphertext", 3000)
        c_root = root([leaf(ciphertext[i:i + 1024]) for i in range(0, len(ciphertext), 1024)])
        length = len(ciphertext).to_bytes(4, "big")
        d = Dealing(self.n, h(1, self.cell, self.id, nonce), name, key)
        r = to_scalar(digest(12, drawn(name + " ephemeral", 32)))
        ephemeral = encode(mul(r, BASE))
        bundles = []
        for v in range(1, self.n + 1):
            text = bytearray(d.plain[v])
            if v == spoilt:
                text[-1] ^= 1
            shared = encode(mul(r * self.e[v - 1] % L, BASE))
            info = (domain(6) + bytes([1, self.profile, self.n, v]) + self.cell + self.id + nonce + self.address[v - 1] +
                    self.key[v - 1] + ephemeral + c_root)
            okm = hkdf(shared, info, 44)
            bundles.append(seal(okm[:32], okm[32:], bytes(text)))
        leaves = [leaf(domain(13) + bytes([1, self.profile, self.n]) + self.cell + self.id + nonce + sender),
                  leaf(length + c_root), leaf(ephemeral + d.correction)] + [leaf(b) for b in bundles]
        challenge = h(3, *leaves)
        checks, proof = d.checks(challenge), prove(7, challenge, r)
        submission = root(leaves + [leaf(proof + checks)])
        cover = (bytes([1, 1, self.profile, self.n]) + self.id + nonce + length + c_root + ephemeral + b"".join(leaves[3:]) +
                 proof + checks + d.correction)
        say("submission", sender, cover, submission, challenge, sha(ciphertext), c_root)
        for v in range(1, self.n + 1):
            if v != spoilt:
                say("share", v, sha(packed(d.share[v])))
            if self.n <= 7 or v in (1, 6) or v == spoilt:
                say("bundle", v, bundles[v - 1])
        if spoilt is not None:
            e, g = self.e[spoilt - 1], mul(r, BASE)
            statement = self.cell + self.id + submission + bytes([spoilt]) + self.address[spoilt - 1]
            say("complaint", spoilt, bytes([1]) + submission + bytes([spoilt]) + encode(mul(e, g)) + prove(9, statement, e, g))
        return d, key


def rounds(name, n, profile, spoilt):
    r = Round(name, n, profile)
    say("round", r.cell, r.id, profile, n)
    for v in range(1, n + 1):
        say("seat", v, r.address[v - 1], r.secret[v - 1], r.key[v - 1],
            prove(8, r.cell + r.address[v - 1] + (7).to_bytes(8, "big"), r.e[v - 1]))
    a, key_a = r.submission(name + " a")
    b, key_b = r.submission("edge")
    # the group of both, weights 1 and 3
    for v in range(1, n + 1):
        say("sum", v, sha(packed([(x + 3 * y) % P for x, y in zip(a.share[v], b.share[v])][:KEY])))
    say("opened", sha(b"".join((x + 3 * y).to_bytes(2, "big", signed=True) for x, y in zip(key_a, key_b))))
    r.submission(name + " crooked", spoilt)


# ---- groups ----
def groups(name, n, wanted, least, most, suspects):
    cell, rnd, beacon = (drawn(f"{name} {what}", 32) for what in ("cell", "round", "beacon"))
    out = []
    for kind in (0, 1):
        members = [i for i in range(n) if (i in suspects) == bool(kind)]
        if kind == 1 and len(members) < least:
            break
        octet = keystream(h(5, cell, rnd, beacon, bytes([kind])))
        for i in range(len(members) - 1, 0, -1):
            while True:
                w = int.from_bytes(bytes(next(octet) for _ in range(4)), "big")
                if w < 2**32 // (i + 1) * (i + 1):
                    break
            j = w % (i + 1)
            members[i], members[j] = members[j], members[i]
        k = max(len(members) // wanted, -(-len(members) // most))
        whole, more = divmod(len(members), k)
        for i in range(k):
            size = whole + (i < more)
            out.append(members[:size])
            members = members[size:]
    say("draw", cell, rnd, beacon, n, wanted, least, most, *suspects)
    for g in out:
        say("group", *g)


def main():
    # RFC 8439, 2.8.2 without its associated data cannot be quoted; 2.3.2 can.
    assert block(bytes(range(32)), bytes.fromhex("01000000000000090000004a00000000")).hex()[:32] == \
        "10f1e7e4d13b5915500fdd1fa32071c4"
    print("# made by sharing.py; octets in hexadecimal")
    rounds("four", 4, 2, 3)
    rounds("seven", 7, 1, 7)
    rounds("ten", 10, 3, 2)
    groups("small", 20, 8, 8, 64, [])
    groups("quarantine", 61, 8, 4, 12, [1, 5, 7, 20, 33, 60])
    groups("few", 40, 16, 8, 64, [0, 39])


if __name__ == "__main__":
    main()
