/* Shared by the parts of the audit. One thread. */
#ifndef WAYSIDE_RSU_LEARNING_AUDIT_INTERNAL_H
#define WAYSIDE_RSU_LEARNING_AUDIT_INTERNAL_H

#include "fedlearn/round/events.h"
#include "fedlearn/round/find.h"
#include "rsu/learning/audit.h"

struct audit {
    const struct audit_claim *claim;
    const struct audit_source *from;
    const struct audit_hearer *to;
    size_t failed, missing; /* lines */
    bool decoded; /* record is there, to be freed */
    struct fl_round_record record;
    struct fl_round sealed_for; /* of the record */
    struct fl_event_body event; /* the one looked at */
    bool *looked; /* record.n: at what it sent */
    size_t absent; /* submissions of which nothing was given */
};

void audit_say(struct audit *a, enum audit_mark mark, const char *place, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* The event's body into a->event; false after saying that it is wrong, or missing. */
bool audit_event(struct audit *a, enum fl_event type);

/* The record beside the events before CLOSED, and the draw. */
void audit_look_at_record(struct audit *a);
/* Found again beside the outcome that was signed: every field that differs is a line. */
void audit_compare(
    struct audit *a, const struct fl_outcome *found, const struct fl_outcome *signed_one);

#endif
