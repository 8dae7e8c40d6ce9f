/* Sharing of a vehicle's one-time key among the validators of a round: dealt by the vehicle, taken and checked by each
 * validator, and added up per group (docs/formats/learning.md, Key shares).
 *
 * The key is 2048 values in [-42, 42]. It is extended by 8 uniform values (masks), and each of the 2056 values is
 * shared with a polynomial p of degree f over the integers modulo 4093: p(0) is the value, p(v) belongs to validator
 * v = 1..n; f = floor((n - 1) / 3). Any f shares are uniform and say nothing about the key.
 *
 * A validator never stores a share it cannot vouch for: once everything is committed to, a challenge is drawn by
 * hashing it, and the vehicle publishes 8 polynomials z_j = mask_j + sum of c_ji p_i (their values at 0..f). The masks
 * hide everything. A share that is not on the polynomials of the others fails z_j(v) = mask share + sum of c_ji share_i
 * but with probability (2/4093)^8 = 2^-88, and whoever sees the share sees that. So no vehicle can make an honest
 * validator's sum look wrong later. What the check does not show: that the key is short, or that it is the key under
 * which the ciphertext was made. That is seen in the group's sum only.
 *
 * Secrets: keys, seeds, shares. Dealing and taking work in time and with addresses that do not depend on them (which of
 * a seed's candidates are left out is seen, and says nothing about those used); nothing is put on the heap. Callers wipe
 * what they were given. Pure but for the randomness handed in; any thread, one struct each. */
#ifndef WAYSIDE_FEDLEARN_VEHICLE_SHARE_H
#define WAYSIDE_FEDLEARN_VEHICLE_SHARE_H

#include "base/compiler.h"
#include "base/random.h"
#include "base/span.h"

#define FL_SHARE_PRIME 4093U
#define FL_KEY_VALUES 2048
#define FL_KEY_MAX 42 /* greatest absolute value of a key's coefficient */
#define FL_SHARE_CHECKS 8
#define FL_SHARE_VALUES (FL_KEY_VALUES + FL_SHARE_CHECKS)
#define FL_SHARE_OCTETS (FL_SHARE_VALUES / 2 * 3) /* 3084: packed, 12 bits each */
#define FL_SHARE_SEED 16
#define FL_SHARE_SALT 32
#define FL_CHALLENGE 32
#define FL_VALIDATORS_MIN 4
#define FL_VALIDATORS_MAX 22
#define FL_FAULTS_MAX 7
#define FL_PIECES_MAX 36 /* subsets of 2 out of 9 */
#define FL_CHECK_OCTETS(f) (FL_SHARE_CHECKS / 2 * 3 * ((f) + 1U))
#define FL_CHECK_OCTETS_MAX FL_CHECK_OCTETS(FL_FAULTS_MAX)
#define FL_PLAIN_OCTETS_MAX FL_SHARE_OCTETS

/* How the rows of a sharing travel; an octet of the format. Both end in the same shares. */
enum fl_share_kind {
    /* f validators get a seed that expands to their share, the polynomials follow, the other n - f shares are sent.
     * Where the seeds go is turned from submission to submission. */
    FL_SHARE_POINTS = 1,
    /* One piece for each subset A of f validators, from a seed that all but A get; the pieces and one correction
     * add up to the values. share of v = sum over A without v of piece A * F_A(v), F_A of degree f with F_A(0) = 1
     * and zeros at A. Little to send when f is 1 or 2. */
    FL_SHARE_PIECES = 2,
};

static inline unsigned fl_faults(unsigned n) {
    return (n - 1) / 3;
}

/* What follows from the number of validators and the salt of a submission: pieces when f <= 2, points above. */
struct fl_share_plan {
    enum fl_share_kind kind;
    uint8_t n, f;
    uint8_t first; /* points: the first of the f neighbours (after n comes 1) that get seeds */
    uint8_t salt[FL_SHARE_SALT];
};
/* n is FL_VALIDATORS_MIN..FL_VALIDATORS_MAX (asserted). salt: fl_salt's. */
struct fl_share_plan fl_share_plan(unsigned n, const uint8_t salt[static FL_SHARE_SALT]);
/* Octets that validator v (1..n) gets in secret. */
size_t fl_plain_octets(const struct fl_share_plan *p, unsigned v);

/* ---- dealing ---- */
struct fl_dealer { /* about 40 kB; no need to zero it; fl_dealer_wipe after use */
    struct fl_share_plan plan;
    uint8_t x[FL_FAULTS_MAX + 1]; /* points at which the polynomials are kept: 0 and f others */
    uint16_t at[FL_FAULTS_MAX + 1][FL_SHARE_VALUES];
    uint16_t correction[FL_SHARE_VALUES]; /* pieces */
    uint16_t work[FL_SHARE_VALUES];
    uint8_t seed[FL_PIECES_MAX][FL_SHARE_SEED];
};
/* key: 2048 values, each in [-42, 42]; borrowed for the call. */
void fl_dealer_begin(struct fl_dealer *ret_dealer, const struct fl_share_plan *plan,
    const int8_t key[static FL_KEY_VALUES], struct ws_random *random);
/* ret_plain: fl_plain_octets. Any order, any number of times. */
void fl_dealer_plain(struct fl_dealer *d, unsigned v, uint8_t *ret_plain);
/* Public, for everybody; only where the kind is pieces. */
void fl_dealer_correction(const struct fl_dealer *d, uint8_t ret_octets[static FL_SHARE_OCTETS]);
/* ret_checks: FL_CHECK_OCTETS(f). Once for a dealer: answers to two challenges would show two mixtures of the key. */
void fl_dealer_checks(
    struct fl_dealer *d, const uint8_t challenge[static FL_CHALLENGE], uint8_t *ret_checks);
void fl_dealer_wipe(struct fl_dealer *d);

/* ---- taking ---- */
enum fl_share_fault {
    FL_SHARE_GOOD,
    FL_SHARE_BAD_LENGTH, /* not fl_plain_octets */
    FL_SHARE_BAD_VALUE, /* 4093 or more in a share, the correction or the checks */
    FL_SHARE_OFF_POLYNOMIAL, /* the check fails */
};
const char *fl_share_fault_name(enum fl_share_fault f);
/* Validator v's share from what it got and what everybody sees. correction: FL_SHARE_OCTETS octets where the kind is
 * pieces, else empty; checks: FL_CHECK_OCTETS(f) octets. ret_share is written only when all is good. */
WARN_UNUSED enum fl_share_fault fl_share_take(const struct fl_share_plan *p, unsigned v,
    struct span plain, struct span correction, const uint8_t challenge[static FL_CHALLENGE],
    struct span checks, uint16_t ret_share[static FL_SHARE_VALUES]);

/* ---- packing: 12 bits each, the first value in the high bits ---- */
void fl_pack12(
    const uint16_t *values, size_t n, uint8_t *ret_octets); /* n even; n / 2 * 3 octets */
/* False if a value is 4093 or more; then ret_values is not to be used. Constant time. */
WARN_UNUSED bool fl_unpack12(const uint8_t *octets, size_t n, uint16_t *ret_values);

#endif
