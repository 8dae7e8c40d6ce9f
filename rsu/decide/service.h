/* The decision service with its thread: the ledger's thread gives it what was heard, which model is in force, maps and
 * hazards, and takes what is to be said to the cell; neither waits for the other. Queues are bounded, and what finds no room
 * is dropped and counted. Decisions are written down in FOLDER/decisions.jsonl, a line of JSON for each when it begins, when
 * the cell has taken it, and when it ends (log.h). */
#ifndef WAYSIDE_RSU_DECIDE_SERVICE_H
#define WAYSIDE_RSU_DECIDE_SERVICE_H

#include "base/clock.h"
#include "rsu/decide/decide.h"
#include "rsu/learning/materials.h"

struct decide_service_config {
    struct decide_config decide;
    struct materials *materials; /* borrowed: models by hash */
    const char *folder; /* made when it is not there (0700); copied */
    uint64_t log_octets;
    uint64_t
        keep_us; /* no decision is kept longer than this after its line was written, or after its end */
    const char
        *site; /* file that another program writes (decide_read_site); NULL: none. Borrowed */
    uint64_t site_us; /* what is older says nothing */
    struct ws_clock clock;
};

struct decide_service;
WARN_UNUSED int decide_service_open(const struct decide_service_config *cfg,
    struct decide_service **ret_service, struct ws_err *err);
void decide_service_close(struct decide_service *s); /* ends its thread; NULL is fine */

/* ---- the ledger's thread ---- */
/* A verified beacon with a position. implausible: what it says cannot be (pktio/plausibility.h); it is counted and not looked at. */
void decide_service_heard(struct decide_service *s, const struct decide_heard *h, bool implausible);
/* The model in force, and its version on the ledger; NULL: none. Cheap when it is the one it was. */
void decide_service_model(struct decide_service *s, const uint8_t *hash, uint64_t version);
/* From now on decisions are kept so long; what is older is erased within the hour, and when this becomes another at once. */
void decide_service_keep(struct decide_service *s, uint64_t keep_us);
void decide_service_ground(struct decide_service *s, struct ground *g); /* takes over */
/* Of more than DECIDE_HAZARDS_MAX the one that ends first goes. */
void decide_service_hazard(struct decide_service *s, const struct decide_hazard *h);
void decide_service_hazard_ends(struct decide_service *s, const uint8_t id[static 32]);
/* Something to be said to the cell; false: nothing. Answered with what became of it: the transaction, or NULL: it is tried again. */
bool decide_service_next(struct decide_service *s, struct decide_filing *ret);
void decide_service_filed(struct decide_service *s, uint64_t number, const uint8_t *tx);

/* ---- any thread ---- */
struct decide_service_view {
    struct decide_state state;
    uint64_t dropped; /* messages that found no room in the queue */
    uint64_t implausible;
    uint64_t hazards_dropped; /* more than there is room for */
    uint64_t filed, not_filed; /* observations that the cell took, and did not */
    bool site; /* what the site says is known, and not too old */
    uint64_t
        log_failed; /* lines that the disk did not take, and times that it did not erase what is too old */
    size_t n;
    struct decide_decision decision[2 * DECIDE_LISTED]; /* as decide_list gives them */
};
void decide_service_read(struct decide_service *s, struct decide_service_view *ret);

#endif
