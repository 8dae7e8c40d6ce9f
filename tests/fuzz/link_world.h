/* A live cell of four whose fourth validator lies to the first, for the fuzz targets of links. */
#ifndef WAYSIDE_TESTS_FUZZ_LINK_WORLD_H
#define WAYSIDE_TESTS_FUZZ_LINK_WORLD_H

#include "ledger/node/node_internal.h"
#include "rsu/onebox.h"
#include "tests/support/town.h"

enum { LINK_N = 4, LINK_VICTIM = 0, LINK_LIAR = 3, LINK_LIFE = 400, LINK_SECOND = 1000000 };

struct link_world {
    struct town town;
    struct buf genesis;
    uint8_t seeds[LINK_N][32];
    struct onebox *box;
    struct signer *liar;
    struct buf report; /* a signed message transaction */
    unsigned age;
};

/* The world of now; a new one when there is none. Every other one mutes nobody, so that lies go deep. */
struct link_world *link_world(void);
struct node *link_victim(void);
/* The victim hears it from a slot, and time goes on. After LINK_LIFE of them the world ends: the cell must have gone on. */
void link_hear(size_t from, struct span msg, uint64_t us);

#endif
