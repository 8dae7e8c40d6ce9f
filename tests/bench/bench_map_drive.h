/* Vehicles on real roads before a map contract, for the benches of the map. Roads, trips and perception are obusim's; what they
 * say goes to the contract of a map_rig as it is, without radio and signatures. Each trip is another vehicle, of one of so
 * many families and issuers. One thread. */
#ifndef WAYSIDE_TESTS_BENCH_MAP_DRIVE_H
#define WAYSIDE_TESTS_BENCH_MAP_DRIVE_H

#include "rsu/obus/obusim.h"
#include "tests/support/map_rig.h"

enum { BENCH_FAMILIES = 4, BENCH_ISSUERS = 3, BENCH_BLOCK_TICKS = 10 /* a block each second */ };

struct bench_car {
    struct sim_vehicle v;
    uint32_t trip; /* from 1 */
    struct rig_car car;
};

struct bench_drive {
    struct sim_world world;
    struct sim_roads roads;
    struct map_rig rig;
    struct ws_random rnd;
    uint32_t trips;
    /* Set by who runs it: */
    void *self;
    void (*told)(void *self, struct bench_car *car,
        struct sim_look *look); /* may change the look; not any: says nothing */
    void (*block)(void *self); /* after each; may be NULL */
    bool (*done)(void *self); /* asked once in a minute; may be NULL */
    /* This car tells what its map says, whatever stands there; may be NULL: none does. */
    bool (*denies)(void *self, const struct bench_car *car);
};

/* Folder of the maps, or NULL with a sentence on standard error. */
const char *bench_maps(void);
/* A region's policy with the rates 0.95 and 0.02 for good cameras and all kinds; false after a sentence. */
bool bench_policy(const char *name, int64_t *values);
/* Map a is registered, b (NULL: a) is what stands on the road. False after a sentence; free it all the same. */
bool bench_drive_start(
    struct bench_drive *d, const char *a, const char *b, const int64_t *policy, uint64_t seed);
void bench_drive_free(struct bench_drive *d);
/* For so long, in virtual time, each lane once in `spacing`. */
void bench_drive_run(struct bench_drive *d, unsigned spacing_s, uint64_t seconds);

#endif
