/* The decision service of a unit: the cell's model, applied to what the unit hears, and places where several vehicles drive
 * as the model knows it from dangerous situations (decision 52). What comes out is a place, a class, a count and the model
 * that said so; nothing about any vehicle: nothing is said of fewer than RISK_VEHICLES_MIN, values in whole steps (inputs.h), times in
 * whole minutes.
 *
 * A state machine: messages, models, maps and time come in; decisions come out. No socket, clock, disk or thread of its own;
 * one thread. Memory is bounded by the configuration and the model. */
#ifndef WAYSIDE_RSU_DECIDE_DECIDE_H
#define WAYSIDE_RSU_DECIDE_DECIDE_H

#include "rsu/decide/ground.h"
#include "rsu/decide/looks.h"
#include "rsu/decide/risk.h"

/* TS 102 894-2, DE_CauseCode: dangerousSituation. */
enum { DECIDE_CAUSE = 99, DECIDE_HAZARDS_MAX = 256, DECIDE_LISTED = 64 };

struct decide_config {
    struct cell_frame frame;
    int32_t lat, lon; /* of the unit, 1e-7 degree */
    int32_t range_mm; /* around it: what is judged, and may be said; 1000 or more */
    struct looks_config looks; /* its window: looks, as in the model's schema; 0: not said */
    struct risk_config risk;
    const char *
        class_name; /* of the model or its number: the lowest class that counts; NULL: the upper half */
    int16_t utc_offset_min; /* of the local time */
    uint64_t repeat_us; /* what goes on is said again so often */
};

/* What became of a message that was heard. */
#define DECIDE_OUTCOMES(X)                                                                         \
    X(DECIDE_JUDGED, "judged", "the model has judged a look")                                      \
    X(DECIDE_TOO_SOON, "too_soon", "the next look at this vehicle is not due yet")                 \
    X(DECIDE_WINDOW, "window", "too few looks yet to fill the model's window")                     \
    X(DECIDE_UNKNOWN, "unknown", "it lacks what the model needs, or the map knows no limit there") \
    X(DECIDE_FAR, "far", "beyond the range that this unit speaks for")                             \
    X(DECIDE_LATE, "late", "older than what was heard of the vehicle before")                      \
    X(DECIDE_TABLE_FULL, "table_full", "no room for another vehicle")                              \
    X(DECIDE_NO_PLACE, "places_full", "judged, and no room for another place")                     \
    X(DECIDE_NO_MODEL, "no_model", "there is no model that can be applied")
enum decide_outcome {
#define X(id, ...) id,
    DECIDE_OUTCOMES(X)
#undef X
        DECIDE_OUTCOME_COUNT
};
const char *decide_outcome_name(enum decide_outcome o);

#define DECIDE_ENDS(X)                                                                             \
    X(DECIDE_GOES_ON, "on")                                                                        \
    X(DECIDE_QUIET, "quiet") /* fewer than half as many for quiet_us */                            \
    X(DECIDE_MODEL_CHANGED, "model_changed") /* another model is in force: it decides anew */
enum decide_end {
#define X(id, text) id,
    DECIDE_ENDS(X)
#undef X
};
const char *decide_end_name(enum decide_end e);

/* One decision, as it can be asked for afterwards. */
struct decide_decision {
    uint64_t number; /* 1 and up, of this start of the unit */
    int32_t lat, lon; /* what is said to the cell */
    uint16_t heading; /* middle of the quarter, 1/65536 turn counter-clockwise from east */
    uint8_t threshold; /* the class that counts, and those above */
    uint8_t class; /* the highest class in it so far */
    char class_name[FL_NAME]; /* of threshold */
    uint32_t vehicles, judged; /* most at or above the class within the time, and all judged then */
    uint64_t since_us, until_us; /* ITS, whole minutes; until 0: it goes on */
    enum decide_end end;
    uint64_t model_version; /* of the ledger */
    uint8_t model_hash[32];
    uint32_t needs; /* bit by quantity: what the model looked at */
    int32_t least
        [DECIDE_QUANTITY_COUNT]; /* over the judgements that counted; thousandths, whole steps */
    int32_t greatest[DECIDE_QUANTITY_COUNT];
    uint32_t filings; /* observations that the cell took */
    uint8_t tx[32]; /* the first of them; zero: none yet */
};

/* Something to be said to the cell. */
struct decide_filing {
    uint64_t number; /* of the decision */
    int32_t lat, lon;
    uint16_t heading;
};

struct decide_state {
    bool applied;
    uint64_t model_version; /* of the ledger; 0: none is in force */
    uint8_t model_hash[32];
    char why_not[WS_ERR_TEXT]; /* not applied: the input that is missing, or what else */
    uint8_t threshold;
    char class_name[FL_NAME];
    uint64_t outcome[DECIDE_OUTCOME_COUNT]; /* messages */
    uint64_t judged[FL_MAX_CLASSES]; /* looks, by class of the model in force */
    uint8_t classes;
    uint64_t begun, ended; /* decisions */
    size_t vehicles, places; /* in use */
};

struct decide_hazard {
    uint8_t id[32]; /* of the change record */
    int32_t x, y; /* mm in the cell frame */
    uint64_t until_us; /* ITS */
};

struct decide;
struct decide *decide_new(const struct decide_config *cfg); /* strings are copied */
void decide_free(struct decide *d); /* NULL is fine */

/* The model in force, which it takes over (NULL: there is none, or it is not here; why says which), and what the ledger calls it (version 0:
 * there is none). Windows and counts begin anew, and what went on ends. */
void decide_model(struct decide *d, struct fl_model *m, const uint8_t hash[static 32],
    uint64_t version, uint64_t its_us, const char *why);
void decide_ground(struct decide *d, struct ground *g); /* takes over */
/* Advisories about hazards that are in force, not ours: from now on these, DECIDE_HAZARDS_MAX at most. */
void decide_hazards(struct decide *d, const struct decide_hazard *list, size_t n);

/* Of what the site says (DECIDE_OF_SITE), from now on this. */
void decide_site(struct decide *d, const struct decide_row *site);

enum decide_outcome decide_hear(struct decide *d, const struct decide_heard *h);
/* Some times a second: ends what has ended. */
void decide_tick(struct decide *d, uint64_t its_us);
/* What is to be said now; false: nothing. Each is given once, and again after repeat_us while it goes on. */
bool decide_next_filing(struct decide *d, uint64_t its_us, struct decide_filing *ret);
/* What became of it: taken with this transaction, or to be tried again after retry_us. */
void decide_filed(struct decide *d, uint64_t number, const uint8_t tx[static 32]);
void decide_not_filed(struct decide *d, uint64_t number, uint64_t its_us, uint64_t retry_us);
/* Decisions that began (ended false) or ended since the last call: for the log. */
bool decide_next_news(struct decide *d, struct decide_decision *ret);

/* What ended before that ITS time is forgotten. */
void decide_forget(struct decide *d, uint64_t before_us);
/* The minute (of UTC) in which it was, as ITS time. */
uint64_t decide_minute(uint64_t its_us);
/* Newest first: those that go on, then those that are over, DECIDE_LISTED at most of the latter. */
size_t decide_list(const struct decide *d, struct decide_decision *ret, size_t max);
void decide_read(const struct decide *d, struct decide_state *ret);

#endif
