/* Groups that were not opened: that the outcome has the same ones as the ledger, and why each of them was given up. */
#include "rsu/learning/audit_internal.h"

#include <stdio.h>
#include <string.h>

/* Does the event say that this member, counted in, was shown to have sent a bad share? */
static const char *wrong_with(const struct audit *a, const struct fl_round_member *m) {
    if (a->event.round != a->claim->round)
        return "the event given for it is of another round";
    if (a->event.excluded.submission != m->number)
        return "the event given for it is of another submission";
    if (a->event.excluded.reason != FL_EXCLUDED_BAD_BUNDLE)
        return "the event given for it has a reason that nobody is excluded for after the cut-off";
    if (memcmp(a->event.excluded.token, m->token, sizeof(m->token)) != 0)
        return "the record has another token for it than the ledger";
    return NULL;
}

static enum audit_exclusion ask(struct audit *a, const struct fl_round_member *m) {
    struct buf body = {0};
    struct ws_err err = {0};
    char place[48];
    enum audit_exclusion is = AUDIT_NOT_EXCLUDED;
    (void)snprintf(place, sizeof(place), "exclusion of submission %u", m->number);
    const int rc = a->claim->excluded == NULL
                       ? WS_ENOTFOUND
                       : a->claim->excluded(a->claim->excluded_ctx, m->number, &body, &err);
    if (rc == WS_OK) {
        const char *why = fl_event_decode(FL_EVENT_EXCLUDED, buf_span(&body), &a->event)
                              ? wrong_with(a, m)
                              : "what is given for it is no such event";
        is = why == NULL ? AUDIT_EXCLUDED : AUDIT_EXCLUSION_UNKNOWN;
        if (why != NULL)
            audit_say(a, AUDIT_UNFIT, place, "%s", why);
    } else if (rc != WS_ENOTFOUND) {
        is = AUDIT_EXCLUSION_UNKNOWN;
        a->unfit += rc == WS_EINPUT; /* said */
        if (rc != WS_EINPUT)
            audit_say(a, AUDIT_MISSING, place, "the ledger's event is not proven: %s", err.text);
    }
    buf_free(&body);
    return is;
}

enum audit_exclusion audit_excluded(struct audit *a, const struct fl_round_member *m) {
    enum audit_exclusion *known = &a->exclusion[m - a->record.member];
    if (*known == AUDIT_NOT_ASKED)
        *known = ask(a, m);
    return *known;
}

/* ---- why ---- */

static void say_why(struct audit *a, size_t g) {
    char place[32];
    bool unknown = false;
    (void)snprintf(place, sizeof(place), "group %zu", g);
    for (uint32_t i = 0; i < a->record.n; i++) {
        const struct fl_round_member *m = &a->record.member[i];
        if (m->group != g)
            continue;
        const enum audit_exclusion is = audit_excluded(a, m);
        unknown = unknown || is == AUDIT_EXCLUSION_UNKNOWN;
        if (is != AUDIT_EXCLUDED)
            continue;
        audit_say(a, AUDIT_OK, place,
            "given up, because submission %u, a member of it, was shown after the cut-off to have "
            "sent a bad share",
            m->number);
        return;
    }
    if (unknown)
        audit_say(a, AUDIT_SKIPPED, place, "given up; why is not known, see above");
    else
        audit_say(a, AUDIT_OK, place,
            "given up, because it was not opened in time: nothing was given that excludes a member "
            "of it");
}

/* Without the outcome found again: CLOSED has given up what OPENED has no sum of keys for, and nothing else. */
static void compare(struct audit *a) {
    if (a->claim->event[FL_EVENT_CLOSED].n == 0 || !audit_event(a, FL_EVENT_CLOSED))
        return;
    const struct fl_outcome *o = &a->event.closed.outcome;
    if (o->n_groups != a->record.n_groups) {
        audit_say(a, AUDIT_FAILS, "closed", "the outcome has %u groups, the ledger opened %u",
            o->n_groups, a->record.n_groups);
        return;
    }
    for (size_t g = 0; g < o->n_groups; g++) {
        const bool given_up = o->group[g].verdict == FL_GIVEN_UP;
        if (given_up && !a->record.given_up[g])
            audit_say(a, AUDIT_FAILS, "closed",
                "group %zu is given up, though OPENED has a sum of keys for it", g);
        if (!given_up && a->record.given_up[g])
            audit_say(a, AUDIT_FAILS, "closed",
                "group %zu has the verdict %s, though OPENED has no sum of keys for it", g,
                fl_verdict_name(o->group[g].verdict));
    }
}

void audit_look_at_given_up(struct audit *a) {
    if (!a->found)
        compare(a);
    for (size_t g = 0; g < a->record.n_groups; g++)
        if (a->record.given_up[g])
            say_why(a, g);
}

size_t audit_count_given_up(const struct audit *a) {
    size_t n = 0;
    for (size_t g = 0; g < a->record.n_groups; g++)
        n += a->record.given_up[g];
    return n;
}
