/* A borrowed run of octets. Owns nothing; valid as long as what it points into. */
#ifndef WAYSIDE_BASE_SPAN_H
#define WAYSIDE_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const uint8_t *p;
    size_t n;
};

static inline struct span span_of(const void *p, size_t n) {
    return (struct span){(const uint8_t *)p, n};
}

static inline bool span_equal(struct span a, struct span b) {
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Order by octets, a prefix before what it is a prefix of: the order of every key in state. */
static inline int span_compare(struct span a, struct span b) {
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n == 0 ? 0 : memcmp(a.p, b.p, n);
    if (c != 0)
        return c;
    return (a.n > b.n) - (a.n < b.n);
}

#endif
