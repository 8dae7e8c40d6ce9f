/* Messages that name a certificate nobody has shown yet. They wait for it a bounded time, in bounded number and
 * memory, and no sender takes more than its share of the places; whoever finds no place does not wait. Which
 * certificate is a hint only (HashedId8): what comes out is looked up anew. Private to pktio. One thread per object. */
#ifndef WAYSIDE_PKTIO_WAITING_H
#define WAYSIDE_PKTIO_WAITING_H

#include "pktio/slots.h"

struct waiting;

/* slots: messages, may be 0; octets: of their frames; share: messages of one sender; salt: spreads the names that
 * senders choose. */
struct waiting *waiting_new(
    size_t slots, size_t octets, size_t share, uint64_t wait_us, uint64_t salt);
void waiting_free(struct waiting *r);
/* NULL: it waits, since now_us. Else why there is no place for it. */
const char *waiting_put(struct waiting *r, struct slot *s, uint64_t now_us);
/* Does any wait for this certificate? */
bool waiting_has(const struct waiting *r, const uint8_t id8[static 8]);
/* The one that waits longest for this certificate, and no longer waits; NULL: none. */
struct slot *waiting_take(struct waiting *r, const uint8_t id8[static 8]);
/* The same for one whose time is over; with `all` any one. */
struct slot *waiting_expired(struct waiting *r, uint64_t now_us, bool all);
size_t waiting_used(const struct waiting *r);
/* Ends (HashedId3) of the names that are waited for, oldest first, each once; returns how many were written. */
size_t waiting_names(const struct waiting *r, uint8_t (*ret_id3)[3], size_t max);

#endif
