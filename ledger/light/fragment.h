/* Objects that do not fit one radio message: cut into at most FRAGMENTS_MAX fragments and put together again in any
 * order, within fixed memory. A fragment is believed as little as the whole: the tag only tells objects apart, and
 * what comes out is checked like any handover. Pure; one thread per pool. */
#ifndef WAYSIDE_LEDGER_LIGHT_FRAGMENT_H
#define WAYSIDE_LEDGER_LIGHT_FRAGMENT_H

#include "ledger/light/handover.h"

/* So large that two hold any handover below 2 kB, and so small that one goes into a frame with its signature and the sender's
 * ticket. */
#define FRAGMENT_OCTETS_MAX 1037
#define FRAGMENT_HEAD (1 + 8 + 1 + 1 + 2) /* version, tag, index, count, length of the whole */
#define FRAGMENT_PAYLOAD (FRAGMENT_OCTETS_MAX - FRAGMENT_HEAD)
#define FRAGMENTS_MAX 8 /* of HANDOVER_OCTETS_MAX octets */
/* On the air: first octet of a payload under PSID 1D whose rest is a fragment (01: observation, 02: notice). */
#define FRAGMENT_ON_AIR 3

/* How many fragments an object of n octets takes; 0: none can be made (empty or too large). */
size_t fragment_count(size_t n);
/* Appends fragment `index` of the object; index < fragment_count (asserted). */
void fragment_put(light_hash_fn h, struct span object, size_t index, struct buf *b);

#define FRAGMENT_SLOTS 4
struct fragment_pool {
    uint64_t turn;
    struct fragment_slot {
        uint64_t touched; /* 0: free */
        uint8_t tag[8];
        size_t total;
        uint8_t have; /* a bit for each fragment */
        uint8_t octets[HANDOVER_OCTETS_MAX];
    } slot[FRAGMENT_SLOTS];
};

enum fragment_verdict {
    FRAGMENT_MALFORMED, /* no fragment, or not as fragment_put makes it */
    FRAGMENT_HELD, /* more are needed */
    FRAGMENT_KNOWN, /* held already */
    FRAGMENT_WHOLE, /* *ret_object: the whole, in the pool until the next call */
    FRAGMENT_SPOILED, /* complete, but not what the tag says: somebody forged one; begins anew */
};
/* When all slots are taken, the one that nothing came for longest is given up. Zero-initialised is an empty pool. */
enum fragment_verdict fragment_take(
    light_hash_fn h, struct fragment_pool *p, struct span fragment, struct span *ret_object);

#endif
