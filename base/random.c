#include "base/random.h"

#include "base/assert.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static uint64_t rotl(uint64_t x, unsigned k) {
    return x << k | x >> (64U - k);
}

static uint64_t splitmix64(uint64_t *x) {
    uint64_t z = *x += 0x9e3779b97f4a7c15U;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return z ^ z >> 31;
}

struct ws_random ws_random_system(void) {
    return (struct ws_random){.seeded = false};
}

struct ws_random ws_random_seeded(uint64_t seed) {
    struct ws_random r = {.seeded = true};
    for (size_t i = 0; i < 4; i++)
        r.s[i] = splitmix64(&seed);
    return r;
}

static void from_kernel(void *dst, size_t n) {
    uint8_t *p = dst;
    while (n > 0) {
        ssize_t got = getrandom(p, n, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            (void)fprintf(stderr, "wayside: the kernel gives no random octets; stopping\n");
            abort();
        }
        p += got;
        n -= (size_t)got;
    }
}

uint64_t ws_random_u64(struct ws_random *r) {
    uint64_t v;
    if (!r->seeded) {
        from_kernel(&v, sizeof(v));
        return v;
    }
    uint64_t *s = r->s;
    v = rotl(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return v;
}

void ws_random_bytes(struct ws_random *r, void *dst, size_t n) {
    if (!r->seeded) {
        from_kernel(dst, n);
        return;
    }
    uint8_t *p = dst;
    while (n > 0) {
        uint64_t v = ws_random_u64(r);
        size_t k = n < 8 ? n : 8;
        for (size_t i = 0; i < k; i++)
            p[i] = (uint8_t)(v >> (8 * i)); /* octet order fixed on every machine */
        p += k;
        n -= k;
    }
}

uint64_t ws_random_below(struct ws_random *r, uint64_t bound) {
    WS_ASSERT(bound > 0);
    uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
    uint64_t v;
    do {
        v = ws_random_u64(r);
    } while (v >= limit);
    return v % bound;
}
