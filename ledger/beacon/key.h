/* A generated key, and the randomness of a height under it: partial values with proofs, any `threshold` of which give
 * the same value (docs/formats/beacon.md, decision 20). Pure; any thread. */
#ifndef WAYSIDE_LEDGER_BEACON_KEY_H
#define WAYSIDE_LEDGER_BEACON_KEY_H

#include "ledger/beacon/dealing.h"

struct beacon_key {
    struct generation g;
    bool qualified[BEACON_MEMBERS_MAX]; /* whose dealings it is the sum of */
    struct point commitment[BEACON_TICKETS_MAX]; /* g.threshold; the first is the public key */
    struct point share[BEACON_TICKETS_MAX]; /* g.total public shares; ticket j at j - 1 */
    uint8_t id[32];
};

/* False in the case, of no probability, that a public share is the identity: generate again. dealings[i] is not NULL
 * where qualified[i]. At least one is. */
WARN_UNUSED bool key_assemble(const struct generation *g,
    struct dealing *const dealings[BEACON_MEMBERS_MAX], const bool qualified[BEACON_MEMBERS_MAX],
    struct beacon_key *ret_key);
/* Sets id from the rest. */
void key_identify(struct beacon_key *k);

/* The member's secret shares: the sums of what the qualified dealers sent to it. False if one of them is wrong:
 * ret_bad[i] says whose. ret_shares: one per ticket; wipe after use. */
WARN_UNUSED bool key_shares(const struct beacon_key *k,
    struct dealing *const dealings[BEACON_MEMBERS_MAX], size_t member, const struct own_key *own,
    struct scalar *ret_shares, bool ret_bad[BEACON_MEMBERS_MAX]);

/* The height as a point of which nobody knows the discrete logarithm. */
void height_point(const struct beacon_key *k, uint64_t height, struct point *ret);

struct partial {
    struct point value; /* share times height_point */
    struct proof proof;
};
void partial_make(const struct beacon_key *k, uint64_t height, uint16_t ticket,
    const struct scalar *share, struct partial *ret_partial);
WARN_UNUSED bool partial_check(const struct beacon_key *k, uint64_t height,
    const struct point *at_height, uint16_t ticket, const struct partial *p);

/* Exactly g.threshold different tickets and their checked values, in any order. */
void partials_combine(const struct beacon_key *k, const uint16_t *tickets,
    const struct point *values, struct point *ret_value);
void randomness_of(const struct beacon_key *k, uint64_t height, const struct point *value,
    uint8_t ret_randomness[static 32]);

#endif
