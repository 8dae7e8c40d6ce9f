/* Whole nodes that learn, on virtual time: a cell of four, its vehicles, each unit's part in learning and its store. What the upload
 * brings is put into the stores here. Asserts on failure; one thread. */
#ifndef WAYSIDE_TESTS_UNIT_RSU_LEARN_WORLD_H
#define WAYSIDE_TESTS_UNIT_RSU_LEARN_WORLD_H

#include "tests/support/cm.h"

#include "fedlearn/round/find.h"
#include "fedlearn/vehicle/client.h"
#include "rsu/cell/beaconing.h"
#include "rsu/learning/learning.h"
#include "tests/support/folder.h"
#include "tests/support/nodes.h"

enum { WORLD_N = 4, WORLD_CARS = 24, WORLD_PARAMS = 30 };
#define WORLD_SECOND UINT64_C(1000000)

struct world {
    struct nodes *w;
    struct folder folder[WORLD_N];
    struct materials *store[WORLD_N];
    struct learning *l[WORLD_N];
    struct beaconing *beacon[WORLD_N]; /* seeds and groups are drawn from its randomness */
    bool mute[WORLD_N];
    struct ws_random random;
    struct buf policy; /* of the genesis */
    struct fl_model model;
    bool with_roots; /* the order names a root set of 90 rows */
    uint64_t orders;
    uint8_t ids[WORLD_CARS][32];
};

void world_open(struct world *x, uint64_t seed);
void world_close(struct world *x);
/* A unit's learning alone; its node goes on. */
void world_start(struct world *x, size_t i);
void world_stop(struct world *x, size_t i);

struct fl_round_view world_round(const struct world *x, size_t i);
void world_run(struct world *x, uint64_t us);
/* At member 0, or fails. */
void world_until(struct world *x, enum fl_phase phase, uint64_t us);
/* The model of the world into all stores, and an order that puts it in force, again if need be: a round may begin at once. */
void world_order_model(struct world *x);
/* Car i takes part; what it sends is with the units of `to`. */
void world_drive(struct world *x, struct fl_client *c, size_t car, uint32_t to);
void world_drive_all(struct world *x, uint32_t to);

#endif
