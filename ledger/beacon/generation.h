/* Who takes part in one generation of a key, and under which numbers: everything that its dealings, complaints
 * and shares are bound to. Fixed when dealing starts. Pure; any thread. */
#ifndef WAYSIDE_LEDGER_BEACON_GENERATION_H
#define WAYSIDE_LEDGER_BEACON_GENERATION_H

#include "ledger/beacon/group.h"
#include "ledger/beacon/tickets.h"

struct seat {
    uint8_t address[32];
    uint64_t power;
    uint16_t first; /* its tickets are first .. first + tickets - 1; tickets count from 1 */
    uint16_t tickets;
    bool registered; /* only then shares can be encrypted to it */
    struct point key; /* of the member; zero when not registered */
};

struct generation {
    uint8_t cell[32];
    uint64_t serial; /* from 1; never used twice in a cell */
    size_t n;
    struct seat seat[BEACON_MEMBERS_MAX];
    uint16_t total, threshold, enough; /* tickets */
    uint8_t context[32]; /* hash of all the above */
};

/* Cell, serial, n and the seats' address, power, registered and key are set; the rest is worked out. */
void generation_finish(struct generation *g);
int generation_find(const struct generation *g, const uint8_t address[static 32]); /* -1: no seat */
bool generation_has_shares(const struct generation *g, size_t member);

/* State form: version, serial, n, and address, power, registered, key of each. */
void generation_encode(const struct generation *g, struct buf *b);
WARN_UNUSED bool generation_decode(
    struct span s, const uint8_t cell[static 32], struct generation *ret_generation);

#endif
