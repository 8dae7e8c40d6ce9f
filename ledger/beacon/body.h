/* Bodies of the beacon's records (docs/formats/beacon.md): fixed octets with one form each. The decoders look at form
 * alone: canonical points and scalars, counts, order; whether what is said is true is not theirs. Any thread. */
#ifndef WAYSIDE_LEDGER_BEACON_BODY_H
#define WAYSIDE_LEDGER_BEACON_BODY_H

#include "ledger/beacon/key.h"

enum beacon_record {
    BEACON_REGISTER = 1,
    BEACON_DEAL = 2,
    BEACON_REVIEW = 3,
    BEACON_PARTIAL = 4,
};

void registration_encode(const struct registration *r, struct buf *b);
WARN_UNUSED bool registration_decode(struct span s, struct registration *ret_registration);

void dealing_encode(const struct dealing *d, struct buf *b);
WARN_UNUSED bool dealing_decode(struct span s, struct dealing *ret_dealing);

/* A member's word on all dealings of a generation: those that it does not complain about are good for it. */
struct review {
    uint64_t serial;
    size_t n;
    struct complaint complaint[BEACON_MEMBERS_MAX]; /* ascending dealer */
};
void review_encode(const struct review *r, struct buf *b);
WARN_UNUSED bool review_decode(struct span s, struct review *ret_review);

/* One member's partial values of one height, all its tickets, ascending. */
struct partials {
    uint64_t serial, height;
    size_t n; /* from 1 */
    struct partial p[BEACON_TICKETS_MAX];
};
void partials_encode(const struct partials *p, struct buf *b);
WARN_UNUSED bool partials_decode(struct span s, struct partials *ret_partials);

#endif
