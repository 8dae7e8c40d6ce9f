#include "rsu/learning/audit_internal.h"

#include "base/mem.h"
#include "fedlearn/round/outcome.h"
#include "fedlearn/vehicle/mask.h"
#include "fedlearn/vehicle/material.h"
#include "ledger/exec/hash.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void audit_say(struct audit *a, enum audit_mark mark, const char *place, const char *fmt, ...) {
    char text[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    a->failed += mark == AUDIT_FAILS;
    a->unfit += mark == AUDIT_UNFIT;
    a->missing += mark == AUDIT_MISSING;
    a->to->say(a->to->ctx, mark, place, text);
}

/* ---- what vehicles sent ---- */

enum { ABSENT_LINES = 8 }; /* of what was not given; the rest is counted */

static void place_of(const struct fl_round_member *m, char *dst, size_t size) {
    (void)snprintf(dst, size, "group %u, submission %u", m->group, m->number);
}

/* The parts of a material: length of the cover, cover, ciphertext. */
static bool split(struct span octets, struct span *ret_cover, struct span *ret_wire) {
    struct rd r = rd_of(octets);
    *ret_cover = rd_take(&r, rd_u32(&r));
    *ret_wire = rd_take(&r, rd_left(&r));
    return !r.bad;
}

static const char *refusal(enum fl_accept_verdict v) {
    switch (v) {
    case FL_ACCEPT_GOOD:
        break;
    case FL_ACCEPT_OTHER_ROUND:
        return "its cover was made for another round";
    case FL_ACCEPT_OTHER_PROFILE:
        return "its cover was made for another profile";
    case FL_ACCEPT_OTHER_COMMITTEE:
        return "its cover was made for other validators";
    case FL_ACCEPT_BAD_PROOF:
        return "its proof that the vehicle knew the key that it dealt does not hold";
    }
    return NULL;
}

/* NULL: it is what this member committed to, and a ciphertext of the round. */
static const char *wrong_with(
    const struct audit *a, const struct fl_round_member *m, struct span octets, struct span *wire) {
    const struct fl_round_config *k = &a->record.open.config;
    struct span cover;
    struct fl_cover c;
    if (!split(octets, &cover, wire))
        return "cut off before its ciphertext";
    if (fl_cover_read(cover, &c, NULL) != WS_OK)
        return "its cover cannot be read";
    uint8_t id[32];
    fl_cover_id(&a->sealed_for, m->token, &c, id);
    if (memcmp(id, m->id, 32) != 0)
        return "its cover is not what the vehicle signed for this round";
    struct fl_submission *s = ws_alloc(sizeof(*s));
    const char *why = refusal(fl_submission_accept(&a->sealed_for, m->token, &c, s));
    if (why == NULL && !fl_material_wire_fits(&c, *wire))
        why = "its ciphertext is not the one that the cover commits to";
    else if (why == NULL && fl_wire_check(k->profile, a->record.open.params, *wire, NULL) != WS_OK)
        why = "its ciphertext is none of this round's profile and parameters";
    free(s);
    return why;
}

/* Looked at once, however often it is asked for; ret_wire is of octets. */
static bool look_at(
    struct audit *a, const struct fl_round_member *m, struct buf *octets, struct span *ret_wire) {
    char place[64];
    struct ws_err err = {0};
    place_of(m, place, sizeof(place));
    a->looked[m - a->record.member] = true;
    if (a->from->material(a->from->ctx, m->id, octets, &err) != WS_OK) {
        if (a->absent++ < ABSENT_LINES)
            audit_say(a, AUDIT_MISSING, place, "what it sent was not given: %s", err.text);
        return false;
    }
    const char *why = wrong_with(a, m, buf_span(octets), ret_wire);
    if (why != NULL)
        audit_say(a, AUDIT_UNFIT, place, "%s", why);
    return why == NULL;
}

static bool lend_wire(void *ctx, const struct fl_round_member *m, struct fl_lent *ret) {
    struct audit *a = ctx;
    struct buf *octets = ws_alloc(sizeof(*octets));
    *ret = (struct fl_lent){.hold = octets};
    if (look_at(a, m, octets, &ret->octets))
        return true;
    buf_free(octets);
    free(octets);
    return false;
}

static void give_back(void *ctx, struct fl_lent *lent) {
    (void)ctx;
    buf_free(lent->hold);
    free(lent->hold);
}

/* The rest, so that whoever is told of one bad submission is told of all. */
static void look_at_others(struct audit *a) {
    for (uint32_t i = 0; i < a->record.n; i++) {
        const struct fl_round_member *m = &a->record.member[i];
        struct buf octets = {0};
        struct span wire;
        if (a->looked[i] || m->group == FL_MAX_GROUPS)
            continue;
        (void)look_at(a, m, &octets, &wire);
        buf_free(&octets);
    }
    if (a->absent > ABSENT_LINES)
        audit_say(a, AUDIT_MISSING, "submissions", "what %zu more vehicles sent was not given",
            a->absent - ABSENT_LINES);
}

/* ---- models ---- */

static const char *file_words(const struct audit *a, const uint8_t sha256[static 32]) {
    if (memcmp(sha256, a->record.open.model_hash, 32) == 0)
        return "the model that the round began with";
    return memcmp(sha256, a->record.open.root_set, 32) == 0 ? "the root set"
                                                            : "the model before that one";
}

static bool lend_blob(void *ctx, const uint8_t sha256[static 32], struct fl_lent *ret) {
    struct audit *a = ctx;
    struct ws_err err = {0};
    char hex[65];
    char place[80];
    uint8_t got[32];
    struct buf *octets = ws_alloc(sizeof(*octets));
    hex_encode(hex, sha256, 32);
    (void)snprintf(place, sizeof(place), "file %s", hex);
    const bool here = a->from->blob(a->from->ctx, sha256, octets, &err) == WS_OK;
    exec_sha256_one(buf_span(octets), got);
    const bool good = here && memcmp(got, sha256, 32) == 0;
    *ret = (struct fl_lent){buf_span(octets), octets};
    if (good)
        audit_say(
            a, AUDIT_OK, place, "%s: %zu octets of this SHA-256", file_words(a, sha256), octets->n);
    else if (!here)
        audit_say(a, AUDIT_MISSING, place, "%s was not given: %s", file_words(a, sha256), err.text);
    else
        audit_say(a, AUDIT_UNFIT, place, "%s: the %zu octets given for it have another SHA-256",
            file_words(a, sha256), octets->n);
    if (!good)
        give_back(ctx, ret);
    return good;
}

/* ---- the outcome ---- */

/* A step that was found and is not applied. */
static void say_veto(struct audit *a, const struct fl_outcome *found) {
    for (unsigned k = 0; found->vetoed && k < found->classes; k++) {
        struct fl_class_recall n;
        const enum fl_veto veto = fl_outcome_veto(&a->record.open, found, k, &n);
        if (veto != FL_VETO_NONE)
            audit_say(a, AUDIT_OK, "veto",
                "the step is not applied: of %llu rows of class %u, %u are right %s it and %u "
                "after, more lost than %s allows",
                (unsigned long long)n.rows, k, veto == FL_VETO_STEP ? n.before : n.best,
                veto == FL_VETO_STEP ? "before" : "at best before", n.after, fl_veto_name(veto));
    }
}

/* Groups that are good do not make a step when they are too few. */
static void say_outcome(struct audit *a, const struct fl_outcome *found) {
    const size_t given_up = audit_count_given_up(a);
    char step[64];
    if (found->step)
        (void)snprintf(step, sizeof(step), "%u are in the step%s", found->accepted,
            found->vetoed ? ", which is not applied" : "");
    else
        (void)snprintf(step, sizeof(step), "0 in the step: %u accepted, %u needed", found->accepted,
            a->record.open.config.rules.min_groups);
    audit_say(a, AUDIT_OK, "outcome",
        "computed again, it is what CLOSED says in every field: of %u groups %zu were opened and "
        "%zu given up, and %s",
        found->n_groups, found->n_groups - given_up, given_up, step);
}

static void compare_closed(
    struct audit *a, const struct fl_outcome *found, const struct fl_model *next) {
    const struct fl_open *open = &a->record.open;
    struct fl_event_body *e = &a->event;
    if (!audit_event(a, FL_EVENT_CLOSED))
        return;
    const size_t failed = a->failed;
    const uint64_t version = open->model_version + (found->step && !found->vetoed);
    uint8_t hash[32];
    audit_compare(a, found, &e->closed.outcome);
    if (e->closed.model_version != version)
        audit_say(a, AUDIT_FAILS, "closed", "model version %llu follows, CLOSED says %llu",
            (unsigned long long)version, (unsigned long long)e->closed.model_version);
    if (memcmp(e->closed.parent, open->model_hash, 32) != 0)
        audit_say(a, AUDIT_FAILS, "closed", "the model before is another one than the round's");
    if (a->failed == failed)
        say_outcome(a, found);
    say_veto(a, found);
    fl_model_hash(next, hash);
    if (memcmp(hash, e->closed.outcome.model_hash, 32) != 0)
        return; /* said */
    if (found->step && !found->vetoed)
        audit_say(a, AUDIT_OK, "model",
            "the model that was computed here is the one in force after the round, version %llu",
            (unsigned long long)version);
    else
        audit_say(a, AUDIT_OK, "model", "no step is applied: the model stays in force as it was");
}

static void find_again(struct audit *a, struct buf *ret_model) {
    const struct fl_source from = {lend_wire, lend_blob, give_back, a};
    struct fl_outcome *found = ws_alloc(sizeof(*found));
    struct fl_model next = {0};
    struct ws_err err = {0};
    const size_t lines = a->failed + a->unfit + a->missing;
    const int rc = fl_find(&a->record, &from, found, &next, &err);
    if (rc == WS_OK) {
        a->found = true;
        audit_say(a, AUDIT_OK, "submissions",
            "what was given for the %zu opened groups is what the vehicles in them signed",
            a->record.n_groups - audit_count_given_up(a));
        compare_closed(a, found, &next);
        if (ret_model != NULL)
            fl_model_encode(&next, ret_model);
    } else {
        if (a->failed + a->unfit + a->missing == lines) /* all that was given is as it was signed */
            audit_say(a, rc == WS_EINPUT ? AUDIT_FAILS : AUDIT_MISSING, "outcome", "%s", err.text);
        look_at_others(a);
        audit_say(a, AUDIT_SKIPPED, "outcome",
            "not computed again: what is named above is unfit, or was not given");
    }
    fl_model_free(&next);
    free(found);
}

/* ---- all of it ---- */

enum audit_result audit_round(const struct audit_claim *c, const struct audit_source *from,
    const struct audit_hearer *to, struct buf *ret_model) {
    struct audit *a = ws_alloc(sizeof(*a));
    a->claim = c;
    a->from = from;
    a->to = to;
    audit_look_at_record(a);
    if (audit_is_bound(a)) {
        a->looked = ws_calloc(a->record.n, sizeof(*a->looked));
        a->exclusion = ws_calloc(a->record.n, sizeof(*a->exclusion));
        find_again(a, ret_model);
        audit_look_at_given_up(a);
        audit_look_at_standings(a);
        free(a->exclusion);
        free(a->looked);
    } else {
        audit_say(a, AUDIT_SKIPPED, "outcome",
            "not computed again: the record is not known to be what the ledger says, so it would "
            "prove nothing");
    }
    const enum audit_result result = a->failed > 0       ? AUDIT_WRONG
                                     : audit_is_bound(a) ? AUDIT_HOLDS
                                                         : AUDIT_OPEN;
    if (a->decoded)
        fl_round_record_free(&a->record);
    free(a);
    return result;
}
