#include "base/bytes.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buf_free(struct buf *b) {
    free(b->p);
    *b = (struct buf){0};
}

void buf_clear(struct buf *b) {
    b->n = 0;
}

uint8_t *buf_grow(struct buf *b, size_t n) {
    WS_ASSERT(n <= SIZE_MAX / 4);
    if (b->p == NULL || b->cap - b->n < n) {
        size_t cap = b->cap == 0 ? 64 : b->cap;
        while (cap - b->n < n)
            cap *= 2;
        b->p = ws_realloc(b->p, cap);
        b->cap = cap;
    }
    uint8_t *at = b->p + b->n;
    b->n += n;
    return at;
}

void buf_put(struct buf *b, const void *p, size_t n) {
    if (n > 0)
        memcpy(buf_grow(b, n), p, n);
}

void buf_u8(struct buf *b, uint8_t v) {
    *buf_grow(b, 1) = v;
}

void buf_u16(struct buf *b, uint16_t v) {
    put_be16(buf_grow(b, 2), v);
}

void buf_u32(struct buf *b, uint32_t v) {
    put_be32(buf_grow(b, 4), v);
}

void buf_u64(struct buf *b, uint64_t v) {
    put_be64(buf_grow(b, 8), v);
}

void buf_var(struct buf *b, struct span s) {
    WS_ASSERT(s.n <= UINT32_MAX);
    buf_u32(b, (uint32_t)s.n);
    buf_put(b, s.p, s.n);
}

void buf_printf(struct buf *b, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    va_list again;
    va_copy(again, ap);
    int need = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    WS_ASSERT(need >= 0);
    size_t old = b->n;
    uint8_t *at = buf_grow(b, (size_t)need + 1);
    (void)vsnprintf((char *)at, (size_t)need + 1, fmt, again);
    va_end(again);
    b->n = old + (size_t)need;
}

struct span rd_take(struct rd *r, size_t n) {
    if (r->bad || r->n - r->at < n) {
        r->bad = true;
        return (struct span){NULL, 0};
    }
    struct span s = {r->p + r->at, n};
    r->at += n;
    return s;
}

uint8_t rd_u8(struct rd *r) {
    struct span s = rd_take(r, 1);
    return s.p == NULL ? 0 : s.p[0];
}

uint16_t rd_u16(struct rd *r) {
    struct span s = rd_take(r, 2);
    return s.p == NULL ? 0 : be16(s.p);
}

uint32_t rd_u32(struct rd *r) {
    struct span s = rd_take(r, 4);
    return s.p == NULL ? 0 : be32(s.p);
}

uint64_t rd_u64(struct rd *r) {
    struct span s = rd_take(r, 8);
    return s.p == NULL ? 0 : be64(s.p);
}

void rd_copy(struct rd *r, void *dst, size_t n) {
    struct span s = rd_take(r, n);
    if (n == 0)
        return;
    if (s.p != NULL)
        memcpy(dst, s.p, n);
    else
        memset(dst, 0, n);
}

struct span rd_var(struct rd *r, size_t max) {
    uint32_t n = rd_u32(r);
    if (r->bad || n > max) {
        r->bad = true;
        return (struct span){NULL, 0};
    }
    return rd_take(r, n);
}

void hex_encode(char *dst, const uint8_t *src, size_t n) {
    static const char digit[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        dst[2 * i] = digit[src[i] >> 4];
        dst[2 * i + 1] = digit[src[i] & 15];
    }
    dst[2 * n] = '\0';
}

static int nibble(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool hex_decode(uint8_t *dst, size_t n, const char *hex) {
    for (size_t i = 0; i < n; i++) {
        int hi = nibble(hex[2 * i]);
        int lo = hi < 0 ? -1 : nibble(hex[2 * i + 1]);
        if (hi < 0 || lo < 0)
            return false;
        dst[i] = (uint8_t)(hi << 4 | lo);
    }
    return hex[2 * n] == '\0';
}
