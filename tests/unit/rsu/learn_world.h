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
#include "v2x/sign.h"

enum { WORLD_N = 4, WORLD_MAX = 8, WORLD_CARS = 24, WORLD_PARAMS = 30, WORLD_EDITS = 6 };
#define WORLD_SECOND UINT64_C(1000000)

/* A line of the region's policy becomes another of at most its length. */
struct world_edit {
    const char *from, *to; /* NULL: no more */
};
struct world_plan {
    uint64_t seed;
    size_t n, spares; /* validators (0: WORLD_N) and who may become one; WORLD_MAX together */
    unsigned inputs, classes; /* of the model: classes (inputs + 1) parameters; 0: 9, 3 */
    struct world_edit edit[WORLD_EDITS];
};

struct world {
    struct nodes *w;
    struct world_plan plan;
    size_t n; /* members: validators and spares */
    struct folder folder[WORLD_MAX];
    struct materials *store[WORLD_MAX];
    struct learning *l[WORLD_MAX];
    struct beaconing *beacon[WORLD_MAX]; /* seeds and groups are drawn from its randomness */
    bool mute[WORLD_MAX];
    uint64_t found[WORLD_MAX]; /* the last round whose outcome was waited for */
    struct ws_random random;
    struct buf policy; /* of the genesis */
    struct fl_model model;
    bool with_roots; /* the order names a root set of 90 rows */
    uint64_t orders;
    uint8_t ids[WORLD_CARS][32];
    struct world_ticket {
        struct sign_key *key;
        struct buf cert;
        uint8_t hash[32]; /* the token */
    } ticket[WORLD_CARS]; /* for learning alone */
};

void world_open(struct world *x, uint64_t seed);
void world_open_as(struct world *x, const struct world_plan *plan);
void world_close(struct world *x);
/* A unit's learning alone; its node goes on. */
void world_start(struct world *x, size_t i);
void world_stop(struct world *x, size_t i);

struct fl_round_view world_round(const struct world *x, size_t i);
void world_run(struct world *x, uint64_t us);
/* One step of a tenth of a second: time and beacons; then the units' learning. */
void world_tick(struct world *x);
void world_learn(struct world *x, size_t i);
/* At member 0, or fails. */
void world_until(struct world *x, enum fl_phase phase, uint64_t us);
/* The model of the world into all stores, and an order that puts it in force, again if need be: a round may begin at once. */
void world_order_model(struct world *x);

/* ---- cars ---- */
struct fl_client *world_client(void);
void world_client_free(struct fl_client *c);
/* What car i learned. */
void world_update(const struct world *x, size_t car, float *ret_update);
/* The car says it to the ledger, through member `at`; what its node answers to the message. */
enum tx_verdict world_say(struct world *x, size_t car, const struct fl_submit *s, size_t at);
/* The same, signed with another certificate. */
enum tx_verdict world_say_as(
    struct world *x, const struct world_ticket *as, const struct fl_submit *s, size_t at);
/* A ticket of a car's issuer, for these PSIDs and hours; to be freed. */
void world_ticket_new(const struct world *x, size_t car, const uint64_t *psids, size_t n,
    uint16_t hours, struct world_ticket *ret);
void world_ticket_free(struct world_ticket *t);
/* What it says about something that it made for the round that is on. */
struct fl_submit world_submit_of(const struct world *x, const uint8_t id[static 32]);
/* What it sends gets to the units of `to`. */
void world_store(
    struct world *x, const uint8_t id[static 32], const struct fl_material *m, uint32_t to);
struct fl_material world_material(const uint8_t *octets, const struct fl_client_made *made);
/* Car i takes part as it should; what it sends is with the units of `to`. */
void world_drive(struct world *x, struct fl_client *c, size_t car, uint32_t to);
/* Cars first .. WORLD_CARS - 1. */
void world_drive_from(struct world *x, size_t first, uint32_t to);
void world_drive_all(struct world *x, uint32_t to);

/* ---- what became of it ---- */
/* Bodies of the events of learning of one type that member i's store has, one after the other: fn(ctx, body). Returns how many. */
typedef void (*world_event_fn)(void *ctx, struct span body);
size_t world_events(
    const struct world *x, size_t i, enum fl_event type, world_event_fn fn, void *ctx);
/* The round of that number as member i wrote it down, and its outcome as the ledger has it; the record is to be freed. */
void world_closed(const struct world *x, size_t i, uint64_t round,
    struct fl_round_record *ret_record, struct fl_outcome *ret_outcome);
/* Every unit that runs has erased the bundles of `n` submissions. */
void world_expect_erased(struct world *x, uint64_t n);

#endif
