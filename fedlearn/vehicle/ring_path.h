/* Private to ring*.c, mask*.c and their tests: the kernels that each path has. Same numbers from all of them;
 * branch-free in the data. Arrays of FL_N words are 64-octet aligned; others need no alignment. */
#ifndef WAYSIDE_FEDLEARN_VEHICLE_RING_PATH_H
#define WAYSIDE_FEDLEARN_VEHICLE_RING_PATH_H

#include "fedlearn/vehicle/mask.h"

#include <stdbool.h>

struct fl_path {
    const char *name;
    bool (*usable)(void);
    /* In place, values below q in and out. */
    void (*forward)(const struct fl_ring *r, uint64_t *x);
    /* Without the factor 1/N; in: below q; out: below q. */
    void (*inverse)(const struct fl_ring *r, uint64_t *x);
    /* a[i] = a[i] * s->w[i]; in below q, out below q. */
    void (*pointwise)(const struct fl_multiplier *s, uint64_t *a);
    /* e[i] = popcount(42 bits) - popcount(42 bits) of 16 octets each, FL_N of them. */
    void (*binomial)(const uint8_t *octets, int8_t *e);
    /* m[n] = u[n], what is beyond +-limit made limit. */
    void (*clamp)(const int32_t *u, size_t n, int32_t limit, int64_t *m);
    /* u[n] = m[n], |m| < 2^26; adds the squares; returns how many are beyond +-limit. Public. */
    uint64_t (*narrow)(const int64_t *m, size_t n, int64_t limit, int32_t *u, uint64_t *squares);
    /* c[i] = c[i] + e[i] + delta m[i] mod q; |delta m| < q / 2. */
    void (*blind)(uint64_t *c, const int8_t *e, const int64_t *m, uint64_t delta);
    /* c[n], below q, to ceil(n wire_bits / 8) octets. */
    void (*pack)(const struct fl_profile *p, const uint64_t *c, size_t n, uint8_t *wire);
    /* sum[n] += weight * wire values. */
    void (*add)(
        const struct fl_profile *p, const uint8_t *wire, size_t n, uint16_t weight, uint64_t *sum);
    /* The same from many wires at offset `at`; sum[n], n <= FL_N. */
    void (*add_many)(const struct fl_profile *p, const uint8_t *const *wires,
        const uint16_t *weights, size_t n_wires, size_t at, size_t n, uint64_t *sum);
    /* x = sum << drop - as, centred; m = floor((x + delta / 2) / delta); returns the sum of squares of x - delta m. */
    fl_u128 (*decode)(
        const struct fl_profile *p, const uint64_t *sum, const uint64_t *as, size_t n, int64_t *m);
};

extern const struct fl_path fl_path_portable;
extern const struct fl_path fl_path_avx2;
extern const struct fl_path fl_path_avx512;

/* Building blocks of the portable path that the others use for what is not worth lanes. */
void fl_portable_forward(const struct fl_ring *r, uint64_t *x);
void fl_portable_pointwise(const struct fl_multiplier *s, uint64_t *a);
void fl_portable_clamp(const int32_t *u, size_t n, int32_t limit, int64_t *m);
uint64_t fl_portable_narrow(
    const int64_t *m, size_t n, int64_t limit, int32_t *u, uint64_t *squares);
void fl_portable_pack(const struct fl_profile *p, const uint64_t *c, size_t n, uint8_t *wire);
uint64_t fl_wire_value(const uint8_t *wire, unsigned bits, size_t i, size_t octets);
void fl_portable_add(
    const struct fl_profile *p, const uint8_t *wire, size_t n, uint16_t weight, uint64_t *sum);
void fl_portable_add_many(const struct fl_profile *p, const uint8_t *const *wires,
    const uint16_t *weights, size_t n_wires, size_t at, size_t n, uint64_t *sum);
fl_u128 fl_portable_decode(
    const struct fl_profile *p, const uint64_t *sum, const uint64_t *as, size_t n, int64_t *m);

static inline uint64_t fl_mulhi(uint64_t a, uint64_t b) {
    return (uint64_t)((fl_u128)a * b >> 64);
}
/* a * w mod q, in [0, 2q), for any a; quot = floor(w 2^64 / q). */
static inline uint64_t fl_mul_lazy(uint64_t a, uint64_t w, uint64_t quot) {
    return a * w - fl_mulhi(a, quot) * FL_Q;
}
/* x - q if x >= q else x; x < 2^63. */
static inline uint64_t fl_once(uint64_t x) {
    x -= FL_Q;
    return x + (FL_Q & (0 - (x >> 63)));
}
/* v within +-limit, limit < 2^31, without a branch. */
static inline int64_t fl_clamp(int64_t v, int64_t limit) {
    const int64_t over = limit - v;
    v += over & over >> 63;
    const int64_t under = -limit - v;
    return v + (under & ~(under >> 63));
}
/* floor(w 2^64 / q) for w < q, without dividing: w may be secret. */
uint64_t fl_quotient(uint64_t w);

#endif
