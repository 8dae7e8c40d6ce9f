/* How an update is written as numbers of the ring: packing profiles, their noise budget and the sizes that follow.
 *
 * An update is d signed integers ("parameters"), each within +-limit. `fields` neighbouring parameters share one
 * coefficient: with fields of F bits a coefficient carries m = u[0] + 2^F u[1] + 2^2F u[2]. FL_N coefficients make a
 * chunk, which is one ring element; the last chunk is cut after its last coefficient, whose missing fields are zero. An
 * update has at least FL_COEFS_MIN coefficients, the missing ones zero, so that the residual test of a group means
 * something: over 128 coefficients it fails an honest group with a chance below 2^-45, over ten with one in a hundred.
 * A ciphertext coefficient travels as its upper wire_bits bits: w = ((c + 2^(drop-1)) >> drop) mod 2^wire_bits.
 *
 * Budget: with sigma^2 = (sum of squared weights) * (21 + 4^drop / 12) a group decodes without error, but for a chance
 * below 2^-64 over 2^20 coefficients, while 10.86 sigma < 0.98 delta / 2. weight_max bounds the sum of weights (fields
 * must not touch), square_max the sum of their squares (noise).
 *
 * Pure, no allocation, any thread. Source: docs/formats/learning.md; security of the ring: ePrint 2019/939, quantum
 * column (log2 q <= 51 at N = 2048). */
#ifndef WAYSIDE_FEDLEARN_VEHICLE_PROFILE_H
#define WAYSIDE_FEDLEARN_VEHICLE_PROFILE_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

#define FL_N 2048 /* coefficients of a ring element */
#define FL_Q UINT64_C(1125899904679937) /* 2^50 - 33 * 2^16 + 1, prime, 1 modulo 2^16 */
#define FL_D_MAX ((size_t)1 << 20) /* parameters of an update; the noise budget is made for it */
#define FL_COEFS_MIN 128
#define FL_FIELDS_MAX 3
#define FL_CHUNK_PARAMS_MAX (FL_N * FL_FIELDS_MAX)
#define FL_CHUNK_WIRE_MAX ((size_t)FL_N * 42 / 8)
#define FL_WEIGHT_RATIO 4 /* largest weight of a group over its smallest (hint security) */

/* On the wire and on the ledger: append only. 0 is never a profile; 17..31 are kept for profiles whose key travels
 * under a collective public key, and refused by name until there are any. */
enum fl_profile_octet {
    FL_COMPACT = 1, /* 8 bits, two to a coefficient */
    FL_STANDARD = 2, /* 12 bits */
    FL_PRECISE = 3, /* 16 bits */
    FL_CELL = 4, /* 16 bits, one group for the whole cell */
    FL_TINY = 5, /* 6 bits, three to a coefficient */
    FL_HPK_FIRST = 17,
    FL_HPK_LAST = 31,
};

struct fl_profile {
    uint8_t octet; /* enum fl_profile_octet */
    uint8_t bits; /* of a parameter, sign included */
    uint8_t fields; /* parameters in a coefficient */
    uint8_t field_bits; /* F */
    uint8_t plain_bits; /* T: a coefficient's sum lies within +-2^(T-1) */
    uint8_t drop; /* low bits not sent */
    uint8_t wire_bits; /* 50 - drop */
    int32_t limit; /* 2^(bits-1) - 1 */
    uint32_t weight_max; /* sum of a group's weights */
    uint32_t square_max; /* sum of their squares */
    uint64_t delta; /* floor(q / 2^T), at most 2^32 */
    uint64_t wire_max; /* largest value that a coefficient below q is sent as */
    const char *name;
};

/* NULL if there is none. */
const struct fl_profile *fl_profile_by_name(const char *name);
/* WS_ENOTSUP for an octet kept for later, WS_EINPUT for any other that is no profile. */
WARN_UNUSED int fl_profile_by_octet(
    uint8_t octet, const struct fl_profile **ret_profile, struct ws_err *err);

/* Sizes; d in 1..FL_D_MAX is the caller's duty (asserted). */
size_t fl_coefs(const struct fl_profile *p, size_t d);
size_t fl_chunks(const struct fl_profile *p, size_t d);
size_t fl_wire_octets(const struct fl_profile *p, size_t d);
/* Of chunk `chunk` alone: parameters, coefficients and octets; chunk < fl_chunks (asserted). */
size_t fl_chunk_params(const struct fl_profile *p, size_t d, size_t chunk);
size_t fl_chunk_coefs(const struct fl_profile *p, size_t d, size_t chunk);
size_t fl_chunk_octets(const struct fl_profile *p, size_t d, size_t chunk);
/* Of every chunk but the last. */
static inline size_t fl_full_params(const struct fl_profile *p) {
    return (size_t)FL_N * p->fields;
}
static inline size_t fl_full_octets(const struct fl_profile *p) {
    return (size_t)FL_N / 8 * p->wire_bits;
}

/* What a group's weights come to. */
struct fl_weights {
    uint32_t sum;
    uint32_t squares;
};
/* n >= 1 weights of a group, each >= 1: sum and sum of squares within the profile's budget, none above FL_WEIGHT_RATIO
 * times the smallest. WS_EINPUT names the rule. ret_weights may be NULL. */
WARN_UNUSED int fl_weights_check(const struct fl_profile *p, const uint16_t *weights, size_t n,
    struct fl_weights *ret_weights, struct ws_err *err);

#endif
