#!/usr/bin/env python3
"""Second implementation of ledger/beacon, from docs/formats/beacon.md and RFC 9496 alone: whole-number arithmetic, no
library, nothing in common with the C code. Prints the known answers that tests/unit/ledger/test_beacon_vectors.c compares
with:  python3 tests/vectors/beacon.py > tests/vectors/beacon.txt
It is slow and not constant-time: never for keys that protect anything."""
import hashlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = (-121665 * pow(121666, P - 2, P)) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)


def negative(x):
    return x & 1


def absolute(x):
    return P - x if negative(x) else x


def sqrt_ratio(u, v):
    """RFC 9496, 4.2."""
    r = u * pow(v, 3, P) % P * pow(u * pow(v, 7, P) % P, (P - 5) // 8, P) % P
    check = v * r * r % P
    correct, flipped, flipped_i = check == u % P, check == -u % P, check == -u * SQRT_M1 % P
    if flipped or flipped_i:
        r = r * SQRT_M1 % P
    return correct or flipped, absolute(r)


INVSQRT_A_MINUS_D = sqrt_ratio(1, (-1 - D) % P)[1]
SQRT_AD_MINUS_ONE = sqrt_ratio((-D - 1) % P, 1)[1]
# RFC 9496, 4.1: the constant is the odd root.
if not negative(SQRT_AD_MINUS_ONE):
    SQRT_AD_MINUS_ONE = P - SQRT_AD_MINUS_ONE
ONE_MINUS_D_SQ = (1 - D * D) % P
D_MINUS_ONE_SQ = (D - 1) ** 2 % P

# Points: extended coordinates (X, Y, Z, T).
ZERO = (0, 1, 1, 0)


def add(p, q):
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def mul(s, p):
    r = ZERO
    while s:
        if s & 1:
            r = add(r, p)
        p = add(p, p)
        s >>= 1
    return r


def encode(p):
    """RFC 9496, 4.3.2."""
    x0, y0, z0, t0 = p
    u1 = (z0 + y0) * (z0 - y0) % P
    u2 = x0 * y0 % P
    _, inv = sqrt_ratio(1, u1 * u2 * u2 % P)
    den1, den2 = inv * u1 % P, inv * u2 % P
    z_inv = den1 * den2 * t0 % P
    if negative(t0 * z_inv % P):
        x, y, den = y0 * SQRT_M1 % P, x0 * SQRT_M1 % P, den1 * INVSQRT_A_MINUS_D % P
    else:
        x, y, den = x0, y0, den2
    if negative(x * z_inv % P):
        y = -y % P
    return absolute(den * (z0 - y) % P).to_bytes(32, "little")


def one_way_half(b):
    """RFC 9496, 4.3.4: one half of the map."""
    t = (int.from_bytes(b, "little") & (2**255 - 1)) % P
    r = SQRT_M1 * t * t % P
    u = (r + 1) * ONE_MINUS_D_SQ % P
    v = (-1 - r * D) * (r + D) % P
    square, s = sqrt_ratio(u, v)
    s_prime = -absolute(s * t % P) % P
    if not square:
        s = s_prime
    c = -1 if square else r
    n = (c * (r - 1) * D_MINUS_ONE_SQ - v) % P
    w0, w1, w2, w3 = 2 * s * v % P, n * SQRT_AD_MINUS_ONE % P, (1 - s * s) % P, (1 + s * s) % P
    return (w0 * w3 % P, w2 * w1 % P, w1 * w3 % P, w0 * w2 % P)


def one_way(b):
    return add(one_way_half(b[:32]), one_way_half(b[32:]))


BY = 4 * pow(5, P - 2, P) % P
BX = absolute(sqrt_ratio(BY * BY - 1, D * BY * BY + 1)[1])
BASE = (BX, BY, 1, BX * BY % P)


# ---- hashing ----
def digest(purpose, *parts):
    return hashlib.sha512(b"WAYSIDE-BEACON\0\0" + bytes([1, purpose]) + b"".join(parts)).digest()


def to_scalar(wide):
    return int.from_bytes(wide, "little") % L


def u16(v):
    return v.to_bytes(2, "big")


def u64(v):
    return v.to_bytes(8, "big")


def scalar(v):
    return v.to_bytes(32, "little")


# ---- proofs ----
def prove(purpose, parts, x, second=None):
    full = list(parts) + [encode(mul(x, BASE))]
    if second is not None:
        full += [encode(second), encode(mul(x, second))]
    k = to_scalar(digest(11, scalar(x), digest(purpose, *full)))
    full.append(encode(mul(k, BASE)))
    if second is not None:
        full.append(encode(mul(k, second)))
    c = to_scalar(digest(purpose, *full))
    return scalar(c) + scalar((k - c * x) % L)


# ---- tickets: by trying every set of validators ----
def small_most(powers, of):
    most = 0
    for bits in range(1 << len(powers)):
        mine = [i for i in range(len(powers)) if bits >> i & 1]
        if 3 * sum(powers[i] for i in mine) < sum(powers):
            most = max(most, sum(of[i] for i in mine))
    return most


def tickets(powers):
    from fractions import Fraction
    n, of, weak = len(powers), [0] * len(powers), None
    while True:
        turn = [Fraction(3 * of[i] + 2, powers[i]) for i in range(n)]
        first = min(turn)
        of = [of[i] + (turn[i] == first) for i in range(n)]
        total = sum(of)
        if total < n:
            continue
        a = small_most(powers, of)
        if 3 * a < total:
            break
        if 2 * a < total and weak is None:
            weak = (list(of), a)
        if total >= 4 * n and weak is not None:
            of, a = weak
            break
    total = sum(of)
    return of, total, a, max(a + 1, total - 2 * a)


# ---- the protocol ----
class Cell:
    def __init__(self, name, powers, unregistered=()):
        self.cell = hashlib.sha256(name.encode()).digest()
        self.n = len(powers)
        self.powers = powers
        self.address = [hashlib.sha256(f"{name} validator {i}".encode()).digest() for i in range(self.n)]
        self.secret = [hashlib.sha256(f"{name} secret {i}".encode()).digest() for i in range(self.n)]
        self.own = [to_scalar(digest(12, s, self.cell, a)) for s, a in zip(self.secret, self.address)]
        self.key = [encode(mul(e, BASE)) for e in self.own]
        self.registered = [i not in unregistered for i in range(self.n)]
        self.of, self.total, self.small, self.threshold = tickets(powers)
        self.first = [1 + sum(self.of[:i]) for i in range(self.n)]

    def registration(self, i, epoch, since):
        return (bytes([1]) + u64(epoch) + u64(since) + self.key[i] +
                prove(1, [self.cell, self.address[i], u64(epoch), u64(since)], self.own[i]))

    def generation(self, serial):
        self.serial = serial
        seats = b"".join(
            self.address[i] + u64(self.powers[i]) + bytes([self.registered[i]]) +
            (self.key[i] if self.registered[i] else bytes(32)) for i in range(self.n))
        self.context = digest(2, self.cell, u64(serial), u16(self.n), u16(self.total), u16(self.threshold), seats)[:32]

    def polynomial(self, i):
        return [to_scalar(digest(13, self.secret[i], self.context, u16(k))) for k in range(self.threshold)]

    def dealing(self, i, spoil=None):
        a = self.polynomial(i)
        commitments = [encode(mul(c, BASE)) for c in a]
        r = to_scalar(digest(14, self.secret[i], self.context, u16(0)))
        ephemeral = encode(mul(r, BASE))
        shares = []
        for m in range(self.n):
            dh = mul(r * self.own[m] % L, BASE)
            for j in range(self.first[m], self.first[m] + self.of[m]):
                if not self.registered[m]:
                    shares.append(bytes(32))
                    continue
                share = sum(c * pow(j, k, L) for k, c in enumerate(a)) % L
                pad = to_scalar(digest(5, self.context, u16(i), u16(j), self.key[m], ephemeral, encode(dh)))
                shares.append(scalar((share + pad + (spoil == m)) % L))
        parts = [self.context, u16(i), ephemeral] + commitments
        return (bytes([1]) + u64(self.serial) + u16(self.threshold) + u16(self.total) + b"".join(commitments) +
                ephemeral + prove(3, parts, a[0]) + prove(4, parts, r) + b"".join(shares))

    def complaint(self, member, dealer):
        r = to_scalar(digest(14, self.secret[dealer], self.context, u16(0)))
        ephemeral = mul(r, BASE)
        dh = encode(mul(self.own[member], ephemeral))
        return (bytes([1]) + u64(self.serial) + u16(1) + u16(dealer) + dh +
                prove(6, [self.context, u16(dealer), u16(member)], self.own[member], ephemeral))

    def assemble(self, qualified):
        total = [sum(c) % L for c in zip(*[self.polynomial(i) for i in qualified])]
        self.x = [sum(c * pow(j, k, L) for k, c in enumerate(total)) % L for j in range(self.total + 1)]
        self.id = digest(7, self.context, bytes(i in qualified for i in range(self.n)),
                         *[encode(mul(c, BASE)) for c in total])[:32]

    def partials(self, member, height):
        at = one_way(digest(8, self.id, u64(height)))
        out = bytes([1]) + u64(self.serial) + u64(height) + u16(self.of[member])
        for j in range(self.first[member], self.first[member] + self.of[member]):
            out += encode(mul(self.x[j], at))
            out += prove(9, [self.id, u64(height), u16(j)], self.x[j], at)
        return out

    def randomness(self, height):
        """By the secret itself, which the protocol never puts together."""
        at = one_way(digest(8, self.id, u64(height)))
        return digest(10, self.id, u64(height), encode(mul(self.x[0], at)))[:32]


def say(name, *values):
    print(name, *[v.hex() if isinstance(v, bytes) else v for v in values])


def scenario(name, powers, serial, qualified, heights, unregistered=()):
    c = Cell(name, powers, unregistered)
    say("cell", c.cell, c.n, *powers)
    say("tickets", *c.of)
    say("numbers", c.total, c.small, c.threshold)
    for i in range(c.n):
        say("member", c.address[i], c.secret[i], int(c.registered[i]))
        say("registration", 3, 1000 * i, c.registration(i, 3, 1000 * i))
    c.generation(serial)
    say("generation", serial, c.context)
    for i in range(c.n):
        say("dealing", c.dealing(i))
    say("spoilt", 1, 0, c.dealing(1, spoil=0))
    say("complaint", 0, 1, c.complaint(0, 1))
    c.assemble(qualified)
    say("key", c.id, *[int(i in qualified) for i in range(c.n)])
    for h in heights:
        for i in range(c.n):
            if c.of[i] and c.registered[i]:
                say("partials", h, i, c.partials(i, h))
        say("randomness", h, c.randomness(h))


def main():
    # RFC 9496, A.1: multiples of the generator; A.3: the one-way map.
    assert encode(BASE).hex() == "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76"
    assert encode(mul(2, BASE)).hex() == "6a493210f7499cd17fecb510ae0cea23a110e8d5b901f8acadd3095c73a3b919"
    assert encode(mul(3, BASE)).hex() == "94741f5d5d52755ece4f23f044ee27d5d1ea1e2bd196b462166b16152a9d0259"
    assert encode(one_way(bytes.fromhex(
        "5d1be09e3d0c82fc538112490e35701979d99e06ca3e2b5b54bffe8b4dc772c1"
        "4d98b696a1bbfb5ca32c436cc61c16563790306c79eaca7705668b47dffe5bb6"))).hex() == \
        "3066f82a1a747d45120d1740f14358531a8f04bbffe6a819f86dfe50f44a0a46"
    print("# made by beacon.py; one value a line, octets in hexadecimal")
    scenario("four of one kind", [10, 10, 10, 10], 1, [0, 1, 2, 3], [1, 77])
    scenario("five of three kinds", [50, 30, 20, 10, 10], 7, [0, 2, 3, 4], [2**40], unregistered=(2,))


if __name__ == "__main__":
    main()
