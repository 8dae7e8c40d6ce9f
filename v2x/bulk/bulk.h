/* Bulk ECDSA verification over 256-bit curves: sums of affine points in trees that share their inversions, with
 * per-signer tables in two tiers. Public data only: everything here takes variable time.
 *
 * An engine is one implementation of the arithmetic (AVX-512 IFMA: eight lanes; portable: 4x64 limbs); all engines
 * answer alike. Who keeps tables, decides tiers and asks the reference in the rare case BULK_ASK is v2x/verify.c;
 * nothing here allocates behind the caller's back, keeps state between calls or knows OpenSSL. Numbers are
 * little-endian limbs of 64 bits, canonical, not in Montgomery form, unless a comment says otherwise.
 *
 * Private to v2x/. Sources: FIPS 186-4 6.4 (verification), RFC 5639 3.4 (Brainpool), Montgomery's simultaneous inversion. */
#ifndef WAYSIDE_V2X_BULK_BULK_H
#define WAYSIDE_V2X_BULK_BULK_H

#include "base/assert.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bulk_curve { BULK_P256, BULK_BP256, BULK_CURVES };

/* COLD: no table. MID: a few multiples and some doublings. FULL: a multiple for each digit, no doublings. */
enum bulk_tier { BULK_COLD, BULK_MID, BULK_FULL, BULK_TIERS };

#define BULK_BATCH 64 /* most jobs of a verify call; engines are at their best from 32 on */
#define BULK_BUILD 8 /* most tables of a build call */

struct bulk_point {
    uint64_t x[4],
        y[4]; /* < p, on the curve, not infinity: the caller's promise (bulk_engine.decompress checks) */
};

struct bulk_job {
    const struct bulk_point *key;
    const void *table; /* of the call's tier and engine, 64-octet aligned; NULL when COLD */
    uint64_t r[4], s[4]; /* in [1, n-1]: checked by the caller */
    uint64_t e[4]; /* leftmost 256 bits of the digest, not reduced */
};

/* ASK: an exceptional case that this engine does not decide (facts page, section 7); the reference does. */
enum bulk_answer { BULK_BAD, BULK_GOOD, BULK_ASK };

/* Multiples of the base point; made once per engine and curve, then read by all threads. */
struct bulk_base;

struct bulk_engine {
    const char *name; /* "ifma", "portable" */
    bool (*usable)(void); /* CPU and operating system have what it needs */
    /* False: on this CPU, a constant of the machine, OpenSSL checks one signature faster than this does when COLD. */
    bool (*cold_pays)(enum bulk_curve c);
    size_t table_octets[BULK_TIERS]; /* per signer, a multiple of 64; [COLD] is 0 */
    size_t batch_octets; /* a prepared batch */
    /* One thread's working memory for compute and build; keeps nothing between calls. */
    size_t scratch_octets;

    /* Allocates (about 5 MiB, 0.1 s); freed with free(). */
    struct bulk_base *(*base_new)(enum bulk_curve c);
    /* A verification is two calls, so that the table lines of one batch are fetched while another is computed.
     * prepare: multipliers and digits of n jobs of one tier, 0 < n <= BULK_BATCH; `batch` is written, and borrows the
     * tables and keys that the jobs name until it was computed. compute: ret[i] is written for each job of `batch`;
     * `next` (NULL: none) is another prepared batch of the same engine, of any curve and tier. Memory handed in is
     * 64-octet aligned. */
    void (*prepare)(const struct bulk_base *base, enum bulk_tier tier, const struct bulk_job *jobs,
        size_t n, void *batch);
    void (*compute)(const void *batch, const void *next, void *scratch, enum bulk_answer *ret);
    /* Tables of n <= BULK_BUILD keys (different or not) at once, tier MID or FULL. False: key[i] for some i leads to
     * an exceptional case (small multiples of the base point do not; a point off the curve may): no table is valid. */
    bool (*build)(const struct bulk_base *base, enum bulk_tier tier,
        const struct bulk_point *const *key, void *const *table, size_t n, void *scratch);
    /* y from x and its parity. ret_ok[i] false: x >= p, or no point has this x. Any n. */
    void (*decompress)(enum bulk_curve c, const uint64_t (*x)[4], const bool *odd, size_t n,
        struct bulk_point *ret, bool *ret_ok);
};

extern const struct bulk_engine bulk_portable; /* everywhere */
#if defined(__x86_64__)
/* AVX512F, VL, DQ, IFMA, VBMI2 and the system's ZMM state. */
extern const struct bulk_engine bulk_ifma;
#endif

#endif
