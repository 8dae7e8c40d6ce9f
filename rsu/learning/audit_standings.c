/* Whose standing the round changed, as SUSPECT says it, beside the groups and verdicts of the round. The scores themselves hang on all
 * rounds of the epoch, and are not computed again. */
#include "rsu/learning/audit_internal.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* One of those that SUSPECT names, and where it was. */
struct standing {
    struct fl_suspect s;
    const struct fl_round_member *m;
    uint64_t round; /* of the evidence */
    uint32_t place; /* of the evidence: a group; of who was convicted, a submission */
    bool flagged; /* its group was */
};

/* Tokens are known from what vehicles sent: who is in a group that was opened comes first. */
static const struct fl_round_member *member_of(const struct audit *a, const uint8_t *token) {
    const struct fl_round_member *found = NULL;
    for (uint32_t i = 0; i < a->record.n; i++)
        if (memcmp(a->record.member[i].token, token, FL_TOKEN) == 0 &&
            (found == NULL || a->looked[i]))
            found = &a->record.member[i];
    return found;
}

/* By its score, and not because it was convicted. NULL: it may be so. */
static const char *wrong_by_score(
    const struct audit *a, const struct fl_outcome *o, const struct standing *t) {
    const struct fl_suspicion_rules *rules = &a->record.open.config.suspicion;
    const bool this_round = t->round == a->claim->round;
    const bool suspects = t->m->group >= a->record.free_groups;
    if (t->m->group == FL_MAX_GROUPS)
        return "its submission was in no group";
    if (o->group[t->m->group].verdict == FL_GIVEN_UP)
        return "its group was given up, which counts for and against nobody";
    if (t->flagged && !this_round)
        return "its group was flagged, and the evidence names another round";
    if (!t->flagged && this_round)
        return "the evidence names this round, in which its group was not flagged";
    if (this_round && t->place != t->m->group)
        return "the evidence names a group that its submission was not in";
    if ((t->s.standing == FL_QUARANTINED) == suspects)
        return suspects ? "it is quarantined, and was in a group of suspects before"
                        : "it was in a group of vehicles that are free";
    if (t->s.standing == FL_EXCLUDED && !t->flagged)
        return "it is excluded, and its group was not flagged";
    if (t->s.standing == FL_FREE && t->flagged)
        return "it is free again, and its group was flagged";
    if (t->s.standing == FL_QUARANTINED && t->s.score < rules->quarantine)
        return "it is quarantined with a score below that of quarantine";
    if (t->s.standing == FL_FREE && t->s.score != rules->quarantine / 2)
        return "it is free again with another score than half of that of quarantine";
    return NULL;
}

/* A member's token is the vehicle's own as far as what it sent was looked at; before, it is what the record has. */
static bool is_sure(const struct audit *a, const struct fl_round_member *m) {
    for (uint32_t i = 0; m == NULL && i < a->record.n; i++)
        if (!a->looked[i])
            return false;
    return m == NULL || a->looked[m - a->record.member];
}

/* ret_sure: else the record's token for it may be the one that is wrong. */
static const char *wrong_with(
    struct audit *a, const struct fl_outcome *o, const struct fl_suspect *s, bool *ret_sure) {
    struct standing t = {.s = *s,
        .m = member_of(a, s->token),
        .round = s->evidence >> 16,
        .place = (uint32_t)(s->evidence & 0xffff)};
    *ret_sure = is_sure(a, t.m);
    if (t.m == NULL)
        return "it is the token of no submission of this round";
    if (t.round == 0 || t.round > a->claim->round)
        return "the evidence names no round, or one to come";
    t.flagged = t.m->group < o->n_groups && fl_verdict_flags(o->group[t.m->group].verdict);
    const char *why = wrong_by_score(a, o, &t);
    /* Convicted: then the evidence is its submission. */
    if (why == NULL || s->standing != FL_EXCLUDED || t.round != a->claim->round ||
        t.place != t.m->number)
        return why;
    const enum audit_exclusion is = audit_excluded(a, t.m);
    a->unproven += is == AUDIT_NOT_EXCLUDED;
    a->unclear = a->unclear || is == AUDIT_EXCLUSION_UNKNOWN;
    return NULL;
}

/* Who was convicted is told with the others. */
static void look_for_convicted(struct audit *a, const struct fl_event_body *e) {
    for (uint32_t i = 0; i < a->record.n; i++) {
        const struct fl_round_member *m = &a->record.member[i];
        bool told = false;
        if (a->exclusion[i] != AUDIT_EXCLUDED)
            continue;
        for (size_t k = 0; k < e->suspects.n && !told; k++) {
            struct fl_suspect s;
            fl_event_suspect(e, k, &s);
            told = memcmp(s.token, m->token, FL_TOKEN) == 0 && s.standing == FL_EXCLUDED;
        }
        if (!told)
            audit_say(a, AUDIT_FAILS, "suspect",
                "submission %u was shown to be bad, and is not among those that were excluded",
                m->number);
    }
}

static void look_at_each(
    struct audit *a, const struct fl_event_body *e, const struct fl_outcome *closed) {
    const size_t wrong = a->failed + a->unfit;
    bool sure;
    for (size_t i = 0; i < e->suspects.n; i++) {
        struct fl_suspect s;
        char hex[2 * FL_TOKEN + 1];
        fl_event_suspect(e, i, &s);
        hex_encode(hex, s.token, FL_TOKEN);
        const char *why = wrong_with(a, closed, &s, &sure);
        if (why != NULL)
            audit_say(a, sure ? AUDIT_FAILS : AUDIT_UNFIT, "suspect",
                "token %s, %s, evidence round %llu, %u: %s", hex, fl_standing_name(s.standing),
                (unsigned long long)(s.evidence >> 16), (unsigned)(s.evidence & 0xffff), why);
    }
    look_for_convicted(a, e);
    if (a->unproven > 0)
        audit_say(a, AUDIT_MISSING, "suspect",
            "for %zu of the tokens that are excluded for a bad share, the ledger's event that says "
            "so was not given",
            a->unproven);
    if (a->failed + a->unfit != wrong || a->unproven > 0 || a->unclear)
        return;
    if (e->suspects.n == 0)
        audit_say(a, AUDIT_OK, "suspect", "the round changed nobody's standing");
    else
        audit_say(a, AUDIT_OK, "suspect",
            "the standing of %u vehicles changed, of each as the verdict on its group, or a bad "
            "share of its own, has it; the scores are not computed again",
            e->suspects.n);
}

void audit_look_at_standings(struct audit *a) {
    if (!a->found) {
        audit_say(a, AUDIT_SKIPPED, "suspect",
            "not looked at: whose tokens they are is only known from what vehicles sent");
        return;
    }
    if (!audit_event(a, FL_EVENT_SUSPECT) || a->claim->event[FL_EVENT_CLOSED].n == 0)
        return;
    struct fl_event_body *suspect = ws_memdup(&a->event, sizeof(a->event));
    if (fl_event_decode(FL_EVENT_CLOSED, a->claim->event[FL_EVENT_CLOSED], &a->event) &&
        a->event.closed.outcome.n_groups == a->record.n_groups) {
        struct fl_outcome *closed =
            ws_memdup(&a->event.closed.outcome, sizeof(a->event.closed.outcome));
        look_at_each(a, suspect, closed);
        free(closed);
    }
    free(suspect);
}
