/* Canonical OER as IEEE 1609.2 uses it (ITU-T X.696): strict, zero-copy reader and a writer.
 * The reader borrows its input, never reads past `end`, keeps the first failure and the offset where
 * it happened, and refuses every non-canonical length. One thread per object; allocates nothing. */
#ifndef WAYSIDE_V2X_COER_H
#define WAYSIDE_V2X_COER_H

#include "base/bytes.h"

enum coer_fail {
    COER_OK = 0,
    COER_TRUNCATED, /* a field runs past the end of the input */
    COER_LENGTH_FORM, /* length not in its shortest form, or above the bound */
    COER_INTEGER_FORM, /* variable-size integer with superfluous octets */
    COER_CHOICE, /* alternative that this structure does not have */
    COER_VALUE, /* value outside its range (version, enumeration, count) */
    COER_PREAMBLE, /* padding bits of a preamble are not zero */
    COER_TRAILING, /* octets left inside an open type or at the end */
    COER_DEPTH, /* nested deeper than the bound */
};
const char *coer_fail_text(enum coer_fail f); /* a few words, static */

struct coer {
    const uint8_t *start;
    const uint8_t *p;
    const uint8_t *end;
    enum coer_fail fail;
    size_t fail_at; /* offset from start */
};

struct coer coer_of(struct span s);
void coer_set_fail(struct coer *c, enum coer_fail f); /* here; keeps an earlier one */
void coer_set_fail_at(struct coer *c, size_t at, enum coer_fail f);
static inline size_t coer_at(const struct coer *c) {
    return (size_t)(c->p - c->start);
}

/* Inline: reading one message takes a hundred of these. */
static inline struct span coer_take(struct coer *c, size_t n) {
    if (c->fail != COER_OK)
        return (struct span){NULL, 0};
    if ((size_t)(c->end - c->p) < n) {
        coer_set_fail(c, COER_TRUNCATED);
        return (struct span){NULL, 0};
    }
    struct span s = {c->p, n};
    if (n > 0)
        c->p += n;
    return s;
}

static inline uint8_t coer_u8(struct coer *c) {
    struct span s = coer_take(c, 1);
    return s.p == NULL ? 0 : s.p[0];
}

static inline uint16_t coer_u16(struct coer *c) {
    struct span s = coer_take(c, 2);
    return s.p == NULL ? 0 : be16(s.p);
}

static inline uint32_t coer_u32(struct coer *c) {
    struct span s = coer_take(c, 4);
    return s.p == NULL ? 0 : be32(s.p);
}

static inline uint64_t coer_u64(struct coer *c) {
    struct span s = coer_take(c, 8);
    return s.p == NULL ? 0 : be64(s.p);
}

size_t coer_length(struct coer *c); /* X.696 8.6, shortest form only */
uint64_t coer_uint(struct coer *c); /* INTEGER (0..MAX), at most 8 octets */
int64_t coer_int(struct coer *c); /* unbounded INTEGER, at most 8 octets */
size_t coer_count(struct coer *c, size_t max); /* SEQUENCE OF count */
unsigned coer_choice(struct coer *c); /* 0x80 + index -> index */
struct span coer_octets(struct coer *c); /* length + octets */
/* One preamble octet; the bits set in `padding` must be zero. */
uint8_t coer_preamble(struct coer *c, uint8_t padding);
/* Open type (what comes after an extension marker): a cursor over its contents, with the same start so
 * that offsets stay those of the whole input. coer_close hands a failure up and refuses a rest. */
struct coer coer_open(struct coer *c);
void coer_close(struct coer *c, const struct coer *inner);

/* Extension additions of a SEQUENCE (X.696 16.4): a presence bitmap of any length, then one open type for
 * each bit set. coer_next_addition answers the index of the next one present, which the caller reads
 * with coer_open/coer_close or passes over with coer_octets; SIZE_MAX after the last or on a failure. */
struct coer_additions {
    struct span bitmap;
    size_t bits;
    size_t next;
};
struct coer_additions coer_read_additions(struct coer *c);
size_t coer_next_addition(const struct coer *c, struct coer_additions *a);
void coer_skip_additions(struct coer *c);

/* Writer: the same shapes appended to a growing buffer. */
void coer_put_length(struct buf *b, size_t n);
void coer_put_uint(struct buf *b, uint64_t v);
void coer_put_int(struct buf *b, int64_t v);
void coer_put_count(struct buf *b, size_t n);
void coer_put_octets(struct buf *b, struct span s);

#endif
