/* What one vehicle says about one thing in one block, of all that its messages say. Part of the map contract. */
#ifndef WAYSIDE_MAPSVC_FUSE_STANCE_H
#define WAYSIDE_MAPSVC_FUSE_STANCE_H

#include "mapsvc/fuse/contract_internal.h"

struct stance {
    /* NULL: nothing, or counted before in this window. place: of an element that may stand elsewhere */
    const struct vote *existence, *value, *place;
    bool was_silent; /* counted as silent before, and now reports the thing */
    uint8_t counted; /* what of it made a difference */
};
struct stances {
    struct stance *list; /* the caller frees it */
    size_t n, cap;
};

/* Puts the block's votes into one order that does not depend on the order of its transactions: by thing, then by
 * vehicle. */
void votes_sort(struct map_contract *c);
/* v[n]: the votes on one thing, sorted; is_place: it is a place where something new may stand. `id` is its id (the first
 * 8 octets matter). Votes are borrowed. */
void stances_take(struct map_contract *c, const struct exec_host *h, bool is_place,
    const struct vote *v, size_t n, const uint8_t *id, struct stances *ret);
/* Notes with the vehicles what was counted. */
void stances_remember(struct map_contract *c, const struct exec_host *h,
    const struct stances *stances, const uint8_t *id);

#endif
