/* Rounds of learning and models as JSON. Each function returns a new reference. Any thread. */
#ifndef WAYSIDE_RSU_JSON_LEARNING_H
#define WAYSIDE_RSU_JSON_LEARNING_H

#include "fedlearn/round/events.h"
#include "rsu/json/base.h"

/* Where an event is: what a proof of it is asked for by. height 0: it was not said (yet). */
struct json_place {
    uint64_t height;
    uint32_t sequence;
};
json_t *json_place(const struct json_place *p); /* null for none */

/* What a round says once at most. */
enum json_learn_step {
    JSON_LEARN_OPEN,
    JSON_LEARN_SEED,
    JSON_LEARN_CUT_OFF,
    JSON_LEARN_GROUPS,
    JSON_LEARN_OPENED,
    JSON_LEARN_END, /* closed or aborted */
    JSON_LEARN_SUSPECT, /* with closed: whose standing it changed */
    JSON_LEARN_STEPS
};
/* An object with a place or null under each step's name. */
json_t *json_learn_steps(const struct json_place at[static JSON_LEARN_STEPS]);

/* 32 octets as hex; null when they are all zero. */
json_t *json_hash_or_null(const uint8_t hash[static 32]);
/* null when none is in force. height 0: where it came into force is not known. */
json_t *json_model_view(const struct fl_model_view *m, uint64_t height);
/* Its members, with their keys. */
json_t *json_learn_members(const struct fl_open *o);
const char *json_learn_record(enum fl_record kind); /* "key", "attest" ... */
/* The constants that a round goes by. */
json_t *json_learn_rules(const struct fl_round_config *k);

/* How many groups got each verdict. */
json_t *json_learn_verdicts(const struct fl_outcome *o);
/* Rows of the root set that were right before and after, all and by class; null when there was none. */
json_t *json_learn_recall(const struct fl_outcome *o);
json_t *json_learn_changes(const struct fl_outcome *o);
/* All of it; `open` is the round's, and says by which bound a class has vetoed. */
json_t *json_learn_outcome(const struct fl_open *open, const struct fl_outcome *o);
/* e is of the type, p where it is. */
json_t *json_learn_fault(const struct fl_event_body *e, const struct json_place *p);
json_t *json_learn_exclusion(const struct fl_event_body *e, const struct json_place *p);
/* Each vehicle whose standing the round changed, added to the list. */
void json_learn_standings(const struct fl_event_body *e, const struct json_place *p, json_t *list);

#endif
