/* Fixed-width big-endian octets: writer and reader with a sticky error, used for everything the cell
 * hashes or signs. The writer appends to memory of the caller or to a growing buffer; the reader
 * borrows. Neither allocates per field. One thread per object. */
#ifndef WAYSIDE_BASE_BYTES_H
#define WAYSIDE_BASE_BYTES_H

#include "base/compiler.h"
#include "base/span.h"

/* Growing octet buffer. Zero-initialised is empty and valid; free with buf_free. Out of memory stops
 * the process (decision 8 of the design: a broken machine is not worked around). */
struct buf {
    uint8_t *p;
    size_t n;
    size_t cap;
};

void buf_free(struct buf *b);
void buf_clear(struct buf *b); /* keeps the memory */
uint8_t *buf_grow(struct buf *b, size_t n); /* appends n octets, not written yet */
void buf_put(struct buf *b, const void *p, size_t n);
void buf_u8(struct buf *b, uint8_t v);
void buf_u16(struct buf *b, uint16_t v);
void buf_u32(struct buf *b, uint32_t v);
void buf_u64(struct buf *b, uint64_t v);
static inline void buf_i32(struct buf *b, int32_t v) {
    buf_u32(b, (uint32_t)v);
}
static inline void buf_i64(struct buf *b, int64_t v) {
    buf_u64(b, (uint64_t)v);
}
/* Length (4 octets) and octets. */
void buf_var(struct buf *b, struct span s);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3); /* text, no final zero */
static inline struct span buf_span(const struct buf *b) {
    return (struct span){b->p, b->n};
}

/* Reader. After the first failure every further read yields zeros and `bad` stays set; `at` is the
 * offset of the first octet not read, so a message can name the place. */
struct rd {
    const uint8_t *p;
    size_t n;
    size_t at;
    bool bad;
};

static inline struct rd rd_of(struct span s) {
    return (struct rd){s.p, s.n, 0, false};
}
uint8_t rd_u8(struct rd *r);
uint16_t rd_u16(struct rd *r);
uint32_t rd_u32(struct rd *r);
uint64_t rd_u64(struct rd *r);
static inline int32_t rd_i32(struct rd *r) {
    return (int32_t)rd_u32(r);
}
static inline int64_t rd_i64(struct rd *r) {
    return (int64_t)rd_u64(r);
}
struct span rd_take(struct rd *r, size_t n); /* borrowed */
void rd_copy(struct rd *r, void *dst, size_t n);
struct span rd_var(struct rd *r, size_t max); /* length above max is an error */
static inline size_t rd_left(const struct rd *r) {
    return r->bad ? 0 : r->n - r->at;
}
/* All read, nothing left, nothing wrong: the only way to accept an encoding. */
static inline bool rd_done(const struct rd *r) {
    return !r->bad && r->at == r->n;
}

static inline uint16_t be16(const uint8_t *p) {
    return (uint16_t)((unsigned)p[0] << 8 | p[1]);
}
static inline uint32_t be32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline uint64_t be64(const uint8_t *p) {
    return (uint64_t)be32(p) << 32 | be32(p + 4);
}
static inline void put_be16(uint8_t *p, uint16_t v) {
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}
static inline void put_be32(uint8_t *p, uint32_t v) {
    put_be16(p, (uint16_t)(v >> 16));
    put_be16(p + 2, (uint16_t)v);
}
static inline void put_be64(uint8_t *p, uint64_t v) {
    put_be32(p, (uint32_t)(v >> 32));
    put_be32(p + 4, (uint32_t)v);
}

/* Lower-case hex. dst holds 2*n+1 chars. */
void hex_encode(char *dst, const uint8_t *src, size_t n);
/* Exactly n octets from 2*n hex digits (either case); false on anything else. */
bool hex_decode(uint8_t *dst, size_t n, const char *hex);

#endif
