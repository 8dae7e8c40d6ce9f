/* Shared by the parts of the audit. One thread. */
#ifndef WAYSIDE_RSU_LEARNING_AUDIT_INTERNAL_H
#define WAYSIDE_RSU_LEARNING_AUDIT_INTERNAL_H

#include "fedlearn/round/events.h"
#include "fedlearn/round/find.h"
#include "rsu/learning/audit.h"

/* Of a member that was counted in, as the ledger says it. */
enum audit_exclusion {
    AUDIT_NOT_ASKED,
    AUDIT_NOT_EXCLUDED, /* nothing was given that says so */
    AUDIT_EXCLUDED, /* proven */
    AUDIT_EXCLUSION_UNKNOWN /* what was given for it could not be used; that was said */
};

struct audit {
    const struct audit_claim *claim;
    const struct audit_source *from;
    const struct audit_hearer *to;
    size_t failed, unfit, missing; /* lines; unfit: also what the caller has said so of */
    bool decoded; /* record is there, to be freed */
    struct fl_round_record record;
    struct fl_round sealed_for; /* of the record */
    struct fl_event_body event; /* the one looked at */
    bool *looked; /* record.n: at what it sent */
    size_t absent; /* submissions of which nothing was given */
    bool found; /* the outcome, from what all vehicles of opened groups sent */
    enum audit_exclusion *exclusion; /* record.n */
    size_t unproven; /* tokens that are excluded without the event that says why */
    bool unclear; /* or with one that could not be used, which was said */
};

void audit_say(struct audit *a, enum audit_mark mark, const char *place, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* Nothing so far that leaves open, or wrong, what the record has to be. */
static inline bool audit_is_bound(const struct audit *a) {
    return a->failed + a->unfit + a->missing == 0;
}
/* The event's body into a->event; false after saying that it is unfit, or missing. */
bool audit_event(struct audit *a, enum fl_event type);

/* The record beside the events before CLOSED, and the draw. */
void audit_look_at_record(struct audit *a);
/* Found again beside the outcome that was signed: every field that differs is a line. */
void audit_compare(
    struct audit *a, const struct fl_outcome *found, const struct fl_outcome *signed_one);

/* Asks once for each. */
enum audit_exclusion audit_excluded(struct audit *a, const struct fl_round_member *m);
/* Why groups were not opened, and that the outcome has the same ones. */
void audit_look_at_given_up(struct audit *a);
size_t audit_count_given_up(const struct audit *a);
/* SUSPECT beside groups and verdicts. */
void audit_look_at_standings(struct audit *a);

#endif
