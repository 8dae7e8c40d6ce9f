/* One-time-key masking: an update goes out as c_j = a_j s + e_j + delta m_j mod q, chunk by chunk, under a key s used
 * for this one submission; the validators add ciphertexts, open the sum of the keys, and the sum of the updates falls out.
 *
 *   vehicle:   fl_mask_open, fl_mask_round, fl_mask_draw_key, fl_mask_encrypt for each chunk, fl_mask_close
 *   validator: fl_wire_check on arrival; fl_sum_wires (block-wise over many) or fl_sum_add (one at a time);
 *              fl_mask_round, fl_mask_open_key, fl_mask_unmask for each chunk, fl_opening_judge
 *   auditor:   the same as a validator, from the records: every step after encryption is public and gives the same
 *              integers everywhere.
 *
 * Secrets (a vehicle's seed, key, errors, parameters) are handled without secret-dependent branches or addresses, and wiped by
 * fl_mask_forget and fl_mask_close. A seed must never be used for a second submission.
 *
 * thread: one per struct fl_mask; the functions on sums write only what they are given. Memory: fl_mask_open lets libcrypto
 * allocate two cipher contexts; nothing else allocates. Source: docs/formats/learning.md. */
#ifndef WAYSIDE_FEDLEARN_MASK_H
#define WAYSIDE_FEDLEARN_MASK_H

#include "base/span.h"
#include "fedlearn/vehicle/mask_stream.h"
#include "fedlearn/vehicle/ring.h"

#define FL_ERROR_MAX 42 /* centred binomial of 42 + 42 bits: |s|, |e| at most this, variance 21 */

typedef unsigned __int128 fl_u128;

/* Working space of one thread, about 100 KiB, in memory of the caller (64-octet aligned as the type says). Zeroed is closed. */
struct fl_mask {
    struct fl_multiplier key; /* secret while `holds` is FL_HOLDS_SECRET */
    _Alignas(64) uint64_t a[FL_N];
    _Alignas(64) int64_t m[FL_N];
    _Alignas(64) int8_t small[FL_N]; /* s or e */
    _Alignas(64) uint8_t octets[16 * FL_N]; /* of key streams */
    struct fl_stream round; /* expands public elements */
    struct fl_stream own; /* expands the vehicle's seed */
    const struct fl_ring *ring; /* borrowed */
    enum { FL_HOLDS_NONE, FL_HOLDS_SECRET, FL_HOLDS_SUM } holds;
    bool round_set;
};

/* ring must outlive m. */
WARN_UNUSED int fl_mask_open(struct fl_mask *m, const struct fl_ring *ring, struct ws_err *err);
/* Wipes, frees; a closed one may be closed again. */
void fl_mask_close(struct fl_mask *m);
/* Wipes the key and all working space; the round stays. */
void fl_mask_forget(struct fl_mask *m);

/* The public elements of a round: key = first 16 octets of SHA-256(round_seed || "A"). */
void fl_mask_round(struct fl_mask *m, const uint8_t round_seed[static 32]);
/* a_j as it is drawn: a transform, each value below q, uniform (50-bit words, those not below q skipped). */
void fl_mask_element(struct fl_mask *m, size_t chunk, uint64_t ret_a[static FL_N]);

/* ---- vehicle ---- */

/* Key s from the submission's seed; ret_s (for the dealing of shares, secret, the caller wipes it) may be NULL. */
void fl_mask_draw_key(
    struct fl_mask *m, const uint8_t seed[static FL_SEED_OCTETS], int8_t ret_s[FL_N]);

/* Encrypts one chunk of an update of d parameters.
 * in      u      the chunk's parameters, fl_chunk_params(p, d, chunk) of them. Values beyond +-limit are clamped to it, in
 *                constant time: quantise.h yields none
 *         chunk  below fl_chunks(p, d); not to be encrypted twice with other parameters
 * out     wire   fl_chunk_octets(p, d, chunk) octets, all written; chunks follow each other without a gap */
void fl_mask_encrypt(struct fl_mask *m, const struct fl_profile *p, size_t d, size_t chunk,
    const int32_t *u, uint8_t *wire);

/* ---- sums of ciphertexts ---- */

/* Is this the ciphertext of d parameters: length, zero bits after the last coefficient, every value one that encryption
 * can send. WS_EINPUT names the rule and the place. d is not trusted. Everything below assumes a checked wire. */
WARN_UNUSED int fl_wire_check(
    const struct fl_profile *p, size_t d, struct span wire, struct ws_err *err);

/* sum[i] += weight * w_i over all fl_coefs(p, d) coefficients. Sums start from zero and stay unreduced; a group within
 * fl_weights_check cannot overflow them. */
void fl_sum_add(const struct fl_ring *r, const struct fl_profile *p, size_t d, const uint8_t *wire,
    uint16_t weight, uint64_t *sum);
/* The same for n wires at once, each read once, and only for chunks first .. first + chunks - 1, so that threads share a group:
 * `sum` is that of the whole vector, and only these chunks' part of it is touched. weights NULL: all 1. */
void fl_sum_wires(const struct fl_ring *r, const struct fl_profile *p, size_t d,
    const uint8_t *const *wires, const uint16_t *weights, size_t n, size_t first, size_t chunks,
    uint64_t *sum);
/* One chunk of it, written and not added to: fl_chunk_coefs(p, d, chunk) words, at most 16 KiB, ready for fl_mask_unmask
 * while it is still in the cache. Opening a group this way keeps no vector of sums. n <= weight_max. */
void fl_sum_chunk(const struct fl_ring *r, const struct fl_profile *p, size_t d,
    const uint8_t *const *wires, const uint16_t *weights, size_t n, size_t chunk,
    uint64_t *ret_sum);

/* ---- opening a group ---- */

/* S_G, the sum of the members' keys times their weights, centred modulo 4093 as it is decoded. Public. */
void fl_mask_open_key(struct fl_mask *m, const int16_t s[static FL_N]);

/* What the checks on an opened group go by; starts as zero, filled chunk by chunk. The parts of several threads are added by
 * fl_opening_add. All exact integers. */
struct fl_opening {
    fl_u128 residual; /* sum of squares of C - A S - delta M, centred, over all coefficients */
    fl_u128 norm; /* sum of squares of the parameters' sums */
    uint64_t coefs;
    uint64_t params;
    uint64_t beyond; /* parameters outside +-weights.sum * limit */
    uint64_t first_beyond; /* the least of them, UINT64_MAX if none */
};
#define FL_OPENING_NONE ((struct fl_opening){.first_beyond = UINT64_MAX})

/* One chunk of a group.
 * in      sum[]  the chunk's part of the group's sum: fl_chunk_coefs(p, d, chunk) words
 * out     u[]    sums of the members' parameters: fl_chunk_params(p, d, chunk)
 *         o      added to */
void fl_mask_unmask(struct fl_mask *m, const struct fl_profile *p, size_t d, size_t chunk,
    struct fl_weights weights, const uint64_t *sum, int32_t *u, struct fl_opening *o);
void fl_opening_add(struct fl_opening *o, const struct fl_opening *other);

enum fl_opening_verdict {
    FL_OPENING_GOOD = 0,
    FL_OPENING_RESIDUAL, /* the opened key is not that of these ciphertexts, or one of them is malformed */
    FL_OPENING_RANGE, /* no sum of members within the limit */
};
/* Residual first: mean square at most (1.5 sigma)^2, sigma as in profile.h. A wrong key passes with a chance of about
 * 2^-2.2 per coefficient, of which there are at least FL_COEFS_MIN. */
enum fl_opening_verdict fl_opening_judge(
    const struct fl_profile *p, struct fl_weights weights, const struct fl_opening *o);
const char *fl_opening_verdict_name(enum fl_opening_verdict v);
/* floor(residual / coefs), for the record; 0 for an empty opening. */
uint64_t fl_opening_mean_square(const struct fl_opening *o);

#endif
