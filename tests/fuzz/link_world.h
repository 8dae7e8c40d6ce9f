/* A live cell of four whose fourth validator lies to the first, for the fuzz targets of links. */
#ifndef WAYSIDE_TESTS_FUZZ_LINK_WORLD_H
#define WAYSIDE_TESTS_FUZZ_LINK_WORLD_H

#include "ledger/node/node_internal.h"
#include "tests/support/townbox.h"

enum { LINK_N = 4, LINK_VICTIM = 0, LINK_LIAR = 3, LINK_LIFE = 400, LINK_SECOND = 1000000 };

struct link_world {
    struct townbox box;
    struct buf report; /* a signed message transaction */
    unsigned age;
};

/* The world of now; a new one when there is none. Every other one mutes nobody, so that lies go deep. */
struct link_world *link_world(void);
struct node *link_victim(void);
struct signer *link_liar(void);
/* The victim hears it from a slot, and time goes on. After LINK_LIFE of them the world ends: the cell must have gone on. */
void link_hear(size_t from, struct span msg, uint64_t us);

#endif
