/* Arithmetic in R_q = Z_q[X] / (X^N + 1), N = FL_N, q = FL_Q (profile.h), on the fastest path this processor has.
 *
 * Polynomials are arrays of FL_N words, 64-octet aligned, each below q in and out. The transform is the negacyclic
 * number-theoretic one: out[k] = a(psi^(2 bitrev_11(k) + 1)), psi = 1920065766511, the least primitive 4096th root.
 * Every path gives the same numbers. No function branches on, or indexes by, what the polynomials hold: they may be
 * secret. Nothing allocates.
 *
 * thread: struct fl_ring is not written after fl_ring_init and may be shared by any number of threads.
 * Source: docs/formats/learning.md. Harvey 2014 (arXiv:1205.2926) for the lazy butterflies, written anew. */
#ifndef WAYSIDE_FEDLEARN_VEHICLE_RING_H
#define WAYSIDE_FEDLEARN_VEHICLE_RING_H

#include "base/compiler.h"
#include "fedlearn/vehicle/profile.h"

#define FL_PSI UINT64_C(1920065766511)
#define FL_RING_PATHS_MAX 3

struct fl_path;

/* Roots of unity and the path chosen: 96 KiB of public constants, in memory of the caller. No clean-up. */
struct fl_ring {
    _Alignas(64) uint64_t root[FL_N]; /* psi^bitrev(i) */
    _Alignas(64) uint64_t root_quot[FL_N]; /* floor(root 2^64 / q) */
    _Alignas(64) uint64_t back[FL_N]; /* psi^-bitrev(i) */
    _Alignas(64) uint64_t back_quot[FL_N];
    _Alignas(64) uint32_t
        back_limbs[4][FL_N]; /* of 2^26 back and 2^52 back: low 26 bits, high, low, high */
    const struct fl_path *path;
};

/* A polynomial made ready to be multiplied with many others (transformed, with quotients): 32 KiB. As secret as what
 * it was made of; whoever owns it wipes it. */
struct fl_multiplier {
    _Alignas(64) uint64_t w[FL_N];
    _Alignas(64) uint64_t quot[FL_N];
};

/* path: "portable", "avx2", "avx512ifma", or NULL for the best this processor has. WS_ENOTFOUND: no such name;
 * WS_ENOTSUP: this processor (or this build) has not got it. */
WARN_UNUSED int fl_ring_init(struct fl_ring *r, const char *path, struct ws_err *err);
const char *fl_ring_path(const struct fl_ring *r);
/* Names of the paths this processor can run, slowest first; returns how many. */
size_t fl_ring_paths(const char *ret_names[static FL_RING_PATHS_MAX]);

/* In place. fl_ring_inverse undoes fl_ring_forward, the factor 1/N included. */
void fl_ring_forward(const struct fl_ring *r, uint64_t x[static FL_N]);
void fl_ring_inverse(const struct fl_ring *r, uint64_t x[static FL_N]);

/* s is transformed in place and left in *ret_m; s is a polynomial, not a transform. */
void fl_ring_prepare(const struct fl_ring *r, uint64_t s[static FL_N], struct fl_multiplier *ret_m);
/* a: a transform in; the polynomial a * s out. */
void fl_ring_multiply(
    const struct fl_ring *r, const struct fl_multiplier *s, uint64_t a[static FL_N]);

#endif
