/* The vehicles of obusim --learn together: one thread, one loop. In each round every vehicle that takes part makes its submission, one
 * after the other, says so by a frame, and uploads; at most LEARN_UNDER_WAY upload at a time. Internal to obusim --learn. */
#ifndef WAYSIDE_RSU_OBUS_LEARN_FLEET_H
#define WAYSIDE_RSU_OBUS_LEARN_FLEET_H

#include "fedlearn/round/judge.h"
#include "fedlearn/vehicle/upload_send.h"
#include "rsu/obus/learn_cell.h"

#include <stdio.h>

enum { LEARN_UNDER_WAY = 256, LEARN_REASONS_MAX = 24 };

/* ---- a vehicle's way through one round (learn_trip.c) ---- */

enum learn_stage {
    LEARN_HOME, /* it does not take part (any more) */
    LEARN_WAITING, /* it will */
    LEARN_UPLOADING,
    LEARN_DONE, /* it has a receipt */
    LEARN_LOST, /* it has none, and gave up */
};
struct learn_trip {
    enum learn_stage stage;
    size_t unit; /* that it talks to */
    int fd;
    uint8_t *octets; /* what it sends */
    struct fl_client_made made;
    struct fl_upload_pair key;
    struct fl_upload upload;
    uint64_t heard_us,
        said_us; /* monotonic: last heard from the unit, last frame (0: none went out) */
    unsigned said; /* frames through this unit */
    bool vanishes, unreachable;
    const char *why; /* LOST */
};

/* What became of a round's vehicles. */
struct learn_tally {
    uint64_t took_part, absent, private, set_apart /* not free: stayed away */, vanished, receipts,
        changes /* of units */;
    uint64_t on_ledger; /* submissions of the round, whoever's, as last told by a unit */
    uint64_t octets; /* of all uploads */
    uint64_t train_ns, make_ns; /* of this thread's time, all vehicles */
    struct {
        const char *why;
        uint64_t n;
    } lost[LEARN_REASONS_MAX];
    size_t n_lost;
};
void learn_tally_lost(struct learn_tally *t, const char *why);

struct learn_fleet {
    const struct learn_options *o;
    struct ws_clock clock;
    struct learn_genesis genesis;
    struct learn_slices slices;
    struct learn_desk desk;
    struct sim_pki pki;
    struct learn_unit *units;
    size_t n_units, at; /* at: the one asked last */
    struct learn_driver *drivers;
    struct learn_trip *trips; /* as many as options say, like drivers */
    struct fl_model model; /* of the round, or in force */
    bool has_model;
    uint8_t model_hash[32];
    struct learn_round *round; /* that vehicles are in */
    struct buf standings; /* table of scores when it began; empty: nobody has one */
    bool in_round;
    uint64_t last; /* round that was taken part in, or given up */
    uint64_t deadline_us; /* monotonic: of the round's uploads */
    size_t next; /* vehicle that may be waiting */
    size_t under_way;
    struct learn_tally tally, all;
    uint64_t rounds;
    double accuracy; /* of f->model; below 0: not known */
    struct fl_confusion confusion;
    struct learn_end *end;
    bool end_known; /* `end` is that of the round which is told */
    uint64_t over_us; /* monotonic: since when the round is over; 0: it is not */
    unsigned complaints;
};

/* Looks up how the vehicle stands, trains, makes and says it; from then on the trip is UPLOADING, HOME when the vehicle is not free, or LOST
 * when it could not train. */
void learn_trip_begin(struct learn_fleet *f, size_t vehicle, struct ws_now now);
/* Sends what is due; changes the unit when that one is silent. */
void learn_trip_run(struct learn_fleet *f, size_t vehicle, struct ws_now now);
void learn_trip_hear(struct learn_fleet *f, size_t vehicle, struct ws_now now);
/* Monotonic time of the next call that is worth it. */
uint64_t learn_trip_when(const struct learn_trip *t);
/* The round is over; wipes. */
void learn_trip_end(struct learn_fleet *f, size_t vehicle, const char *why);

/* ---- rounds (learn_rounds.c) ---- */

#define LEARN_DELTA 1e-5 /* of the account of privacy */

/* Asks a unit; calls vehicles to a round that is believed, and tells of one that is over. */
void learn_rounds_run(struct learn_fleet *f, struct ws_now now);

/* ---- the whole (learn_fleet.c) ---- */

void learn_print(const struct buf *b, FILE *to); /* at once */

/* WS_EBUSY: out of time (--within). Lines go to standard output as they come. */
WARN_UNUSED int learn_run(const struct learn_options *o, struct ws_err *err);
/* --prepare */
WARN_UNUSED int learn_prepare(const struct learn_options *o, struct ws_err *err);

/* ---- what is told (learn_report.c) ---- */

/* One line on a round that is over; suspicion may be NULL. */
void learn_report_round(
    const struct learn_fleet *f, const struct fl_suspicion *suspicion, struct buf *b);
void learn_report_start(const struct learn_fleet *f, struct buf *b);
void learn_report_cost(const struct learn_fleet *f, struct buf *b);

#endif
