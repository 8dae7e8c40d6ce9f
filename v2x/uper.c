#include "v2x/uper.h"

#include "base/assert.h"

struct uper uper_of(struct span s) {
    size_t octets = s.n <= SIZE_MAX / 8 ? s.n : SIZE_MAX / 8;
    return (struct uper){.p = s.p, .bits = octets * 8};
}

static void set_fail(struct uper *r, enum uper_fail fail) {
    if (r->fail == UPER_OK)
        r->fail = fail;
}

/* True if n more bits are there and nothing failed before. */
static bool have(struct uper *r, size_t n) {
    if (r->fail == UPER_OK && r->bits - r->at < n)
        r->fail = UPER_TRUNCATED;
    return r->fail == UPER_OK;
}

uint64_t uper_bits(struct uper *r, unsigned n) {
    WS_ASSERT(n <= 64);
    if (!have(r, n))
        return 0;
    uint64_t v = 0;
    while (n > 0) {
        unsigned in_octet = 8 - (unsigned)(r->at % 8);
        unsigned take = n < in_octet ? n : in_octet;
        unsigned octet = r->p[r->at / 8];
        v = v << take | (octet >> (in_octet - take) & ((1U << take) - 1));
        r->at += take;
        n -= take;
    }
    return v;
}

bool uper_flag(struct uper *r) {
    return uper_bits(r, 1) != 0;
}

/* Difference and width in unsigned arithmetic, where the full range of int64_t does not overflow. */
static unsigned width(int64_t lo, int64_t hi) {
    WS_ASSERT(lo <= hi);
    uint64_t range = (uint64_t)hi - (uint64_t)lo;
    return range == 0 ? 0 : 64 - (unsigned)__builtin_clzll(range);
}

int64_t uper_int(struct uper *r, int64_t lo, int64_t hi) {
    uint64_t v = uper_bits(r, width(lo, hi));
    if (v > (uint64_t)hi - (uint64_t)lo) {
        set_fail(r, UPER_VALUE);
        v = 0;
    }
    return (int64_t)((uint64_t)lo + v);
}

void uper_skip(struct uper *r, size_t bits) {
    if (have(r, bits))
        r->at += bits;
}

/* General length determinant, X.691 11.9, in octets; fragments (11 in front) are not read. */
size_t uper_open_type(struct uper *r) {
    if (!uper_flag(r))
        return (size_t)uper_bits(r, 7);
    if (uper_flag(r)) {
        set_fail(r, UPER_FORM);
        return 0;
    }
    return (size_t)uper_bits(r, 14);
}

void uper_skip_additions(struct uper *r) {
    /* Normally small length, 11.9.3.4: up to 64 in seven bits. */
    if (uper_flag(r)) {
        set_fail(r, UPER_FORM);
        return;
    }
    unsigned n = (unsigned)uper_bits(r, 6) + 1;
    uint64_t present = uper_bits(r, n);
    for (; present != 0 && r->fail == UPER_OK; present &= present - 1)
        uper_skip(r, uper_open_type(r) * 8);
}

void uper_put_bits(struct uper_out *w, unsigned n, uint64_t v) {
    WS_ASSERT(n <= 64);
    WS_ASSERT(n == 64 || v >> n == 0);
    while (n-- > 0) {
        if (w->used == 0)
            buf_u8(w->b, 0);
        if ((v >> n & 1) != 0)
            w->b->p[w->b->n - 1] |= (uint8_t)(0x80U >> w->used);
        w->used = (w->used + 1) % 8;
    }
}

void uper_put_int(struct uper_out *w, int64_t lo, int64_t hi, int64_t v) {
    WS_ASSERT(v >= lo);
    WS_ASSERT(v <= hi);
    uper_put_bits(w, width(lo, hi), (uint64_t)v - (uint64_t)lo);
}

void uper_put_end(struct uper_out *w) {
    w->used = 0;
}
