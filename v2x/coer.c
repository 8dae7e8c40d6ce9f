#include "v2x/coer.h"

const char *coer_fail_text(enum coer_fail f) {
    switch (f) {
    case COER_OK:
        return "well formed";
    case COER_TRUNCATED:
        return "truncated";
    case COER_LENGTH_FORM:
        return "length not in shortest form or too large";
    case COER_INTEGER_FORM:
        return "integer not in shortest form or too large";
    case COER_CHOICE:
        return "unknown alternative";
    case COER_VALUE:
        return "value out of range";
    case COER_PREAMBLE:
        return "padding bits of a preamble are set";
    case COER_TRAILING:
        return "octets left over";
    case COER_DEPTH:
        return "nested too deep";
    }
    return "unknown failure";
}

struct coer coer_of(struct span s) {
    return (struct coer){.start = s.p, .p = s.p, .end = s.n == 0 ? s.p : s.p + s.n};
}

void coer_set_fail_at(struct coer *c, size_t at, enum coer_fail f) {
    if (c->fail == COER_OK) {
        c->fail = f;
        c->fail_at = at;
    }
}

void coer_set_fail(struct coer *c, enum coer_fail f) {
    coer_set_fail_at(c, coer_at(c), f);
}

static uint64_t big_endian(struct span s) {
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++)
        v = v << 8 | s.p[i];
    return v;
}

size_t coer_length(struct coer *c) {
    size_t at = coer_at(c);
    uint8_t first = coer_u8(c);
    if (first < 0x80)
        return first;
    /* Four octets of length are far above any bound of ours; longer ones are refused unread. */
    size_t n = first & 0x7fU;
    if (n == 0 || n > 4) {
        coer_set_fail_at(c, at, COER_LENGTH_FORM);
        return 0;
    }
    struct span s = coer_take(c, n);
    if (s.p == NULL)
        return 0;
    uint64_t v = big_endian(s);
    if (v < 0x80 || s.p[0] == 0) {
        coer_set_fail_at(c, at, COER_LENGTH_FORM);
        return 0;
    }
    return (size_t)v;
}

/* Contents of an INTEGER whose size is not fixed; sets the failure when it has no or too many octets. */
static struct span integer_octets(struct coer *c) {
    size_t at = coer_at(c);
    size_t n = coer_length(c);
    if (c->fail == COER_OK && (n == 0 || n > 8))
        coer_set_fail_at(c, at, COER_INTEGER_FORM);
    return coer_take(c, n);
}

uint64_t coer_uint(struct coer *c) {
    size_t at = coer_at(c);
    struct span s = integer_octets(c);
    if (s.p == NULL)
        return 0;
    if (s.n > 1 && s.p[0] == 0) {
        coer_set_fail_at(c, at, COER_INTEGER_FORM);
        return 0;
    }
    return big_endian(s);
}

int64_t coer_int(struct coer *c) {
    size_t at = coer_at(c);
    struct span s = integer_octets(c);
    if (s.p == NULL)
        return 0;
    bool negative = (s.p[0] & 0x80) != 0;
    /* A first octet that only repeats the sign of the second is superfluous. */
    if (s.n > 1 && s.p[0] == (negative ? 0xff : 0) && ((s.p[1] & 0x80) != 0) == negative) {
        coer_set_fail_at(c, at, COER_INTEGER_FORM);
        return 0;
    }
    uint64_t v = big_endian(s);
    if (negative && s.n < 8)
        v |= UINT64_MAX << (8 * s.n);
    return (int64_t)v;
}

size_t coer_count(struct coer *c, size_t max) {
    size_t at = coer_at(c);
    uint64_t n = coer_uint(c);
    if (n > max) {
        coer_set_fail_at(c, at, COER_VALUE);
        return 0;
    }
    return (size_t)n;
}

unsigned coer_choice(struct coer *c) {
    size_t at = coer_at(c);
    uint8_t tag = coer_u8(c);
    if (c->fail != COER_OK)
        return 0;
    /* Context class; number 63 would announce further tag octets, which no structure here needs. */
    if ((tag & 0xc0) != 0x80 || (tag & 0x3f) == 0x3f) {
        coer_set_fail_at(c, at, COER_CHOICE);
        return 0;
    }
    return tag & 0x3fU;
}

struct span coer_octets(struct coer *c) {
    return coer_take(c, coer_length(c));
}

uint8_t coer_preamble(struct coer *c, uint8_t padding) {
    size_t at = coer_at(c);
    uint8_t bits = coer_u8(c);
    if ((bits & padding) != 0) {
        coer_set_fail_at(c, at, COER_PREAMBLE);
        return 0;
    }
    return bits;
}

struct coer coer_open(struct coer *c) {
    struct span s = coer_octets(c);
    struct coer inner = *c;
    if (s.p != NULL) {
        inner.p = s.p;
        inner.end = s.p + s.n;
    }
    return inner;
}

void coer_close(struct coer *c, const struct coer *inner) {
    if (inner->fail != COER_OK)
        coer_set_fail_at(c, inner->fail_at, inner->fail);
    else if (inner->p != inner->end)
        coer_set_fail_at(c, coer_at(inner), COER_TRAILING);
}

struct coer_additions coer_read_additions(struct coer *c) {
    struct coer_additions none = {0};
    size_t at = coer_at(c);
    struct span s = coer_octets(c);
    if (c->fail != COER_OK)
        return none;
    /* A bit string: count of unused bits, then the bits, unused ones zero. The extension bit would not
     * have been set without an addition, so an all-zero bitmap is not canonical either. */
    unsigned unused = s.n < 2 ? 8 : s.p[0];
    if (unused > 7 || (s.p[s.n - 1] & ((1U << unused) - 1)) != 0) {
        coer_set_fail_at(c, at, COER_VALUE);
        return none;
    }
    struct coer_additions a = {
        .bitmap = {s.p + 1, s.n - 1}, .bits = (s.n - 1) * 8 - unused, .next = 0};
    struct coer_additions probe = a;
    if (coer_next_addition(c, &probe) == SIZE_MAX) {
        coer_set_fail_at(c, at, COER_VALUE);
        return none;
    }
    return a;
}

size_t coer_next_addition(const struct coer *c, struct coer_additions *a) {
    if (c->fail != COER_OK)
        return SIZE_MAX;
    for (; a->next < a->bits; a->next++) {
        if ((a->bitmap.p[a->next / 8] & (0x80U >> a->next % 8)) != 0)
            return a->next++;
    }
    return SIZE_MAX;
}

void coer_skip_additions(struct coer *c) {
    struct coer_additions a = coer_read_additions(c);
    while (coer_next_addition(c, &a) != SIZE_MAX)
        (void)coer_octets(c);
}

void coer_put_length(struct buf *b, size_t n) {
    if (n < 0x80) {
        buf_u8(b, (uint8_t)n);
        return;
    }
    unsigned octets = 1;
    while (octets < sizeof(n) && n >> (8 * octets) != 0)
        octets++;
    buf_u8(b, (uint8_t)(0x80 | octets));
    for (unsigned i = octets; i-- > 0;)
        buf_u8(b, (uint8_t)(n >> (8 * i)));
}

void coer_put_uint(struct buf *b, uint64_t v) {
    unsigned octets = 1;
    while (octets < 8 && v >> (8 * octets) != 0)
        octets++;
    buf_u8(b, (uint8_t)octets);
    for (unsigned i = octets; i-- > 0;)
        buf_u8(b, (uint8_t)(v >> (8 * i)));
}

void coer_put_int(struct buf *b, int64_t v) {
    /* Smallest number of octets whose sign bit is the sign of v. */
    unsigned octets = 1;
    while (octets < 8 && v >> (8 * octets - 1) != 0 && v >> (8 * octets - 1) != -1)
        octets++;
    buf_u8(b, (uint8_t)octets);
    for (unsigned i = octets; i-- > 0;)
        buf_u8(b, (uint8_t)((uint64_t)v >> (8 * i)));
}

void coer_put_count(struct buf *b, size_t n) {
    coer_put_uint(b, n);
}

void coer_put_octets(struct buf *b, struct span s) {
    coer_put_length(b, s.n);
    buf_put(b, s.p, s.n);
}
