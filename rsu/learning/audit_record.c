/* The record of a round beside what the ledger says of it. */
#include "rsu/learning/audit_internal.h"

#include "base/mem.h"
#include "fedlearn/round/group.h"

#include <stdlib.h>
#include <string.h>

bool audit_event(struct audit *a, enum fl_event type) {
    const struct span body = a->claim->event[type];
    const char *name = fl_event_name(type);
    if (a->claim->unfit[type])
        a->unfit++; /* said */
    else if (body.n == 0)
        audit_say(a, AUDIT_MISSING, name, "the ledger's event was not given");
    else if (!fl_event_decode((uint16_t)type, body, &a->event))
        audit_say(a, AUDIT_UNFIT, name, "what is given for it is no such event");
    else if ((type == FL_EVENT_OPEN ? a->event.open.round : a->event.round) != a->claim->round)
        audit_say(a, AUDIT_UNFIT, name, "it is of another round than %llu",
            (unsigned long long)a->claim->round);
    else
        return true;
    return false;
}

static bool look_at_open(struct audit *a) {
    struct buf ours = {0};
    if (!audit_event(a, FL_EVENT_OPEN))
        return false;
    fl_open_encode(&a->record.open, &ours);
    const bool same = span_equal(buf_span(&ours), a->claim->event[FL_EVENT_OPEN]);
    buf_free(&ours);
    if (same)
        audit_say(a, AUDIT_OK, "open",
            "the record begins with the ledger's OPEN record: round %llu, %u validators, %u "
            "parameters, profile %s",
            (unsigned long long)a->record.open.round, a->record.open.n, a->record.open.params,
            a->record.open.config.profile->name);
    else
        audit_say(a, AUDIT_UNFIT, "open", "the record has another OPEN record than the ledger");
    return same;
}

static const char *no_value(bool unfit) {
    return unfit ? "what was given does not prove that randomness"
                 : "no proof of that randomness was given";
}

static void look_at_seed(struct audit *a) {
    uint8_t seed[32];
    if (!audit_event(a, FL_EVENT_SEED))
        return;
    if (memcmp(a->event.seed, a->record.seed, 32) != 0) {
        audit_say(a, AUDIT_UNFIT, "seed", "the record has another round seed than the ledger");
        return;
    }
    if (a->claim->seed_value == NULL) {
        audit_say(a, AUDIT_OK, "seed", "the record has the one that the ledger says");
        audit_say(a, AUDIT_SKIPPED, "seed value",
            "whether the seed follows from the randomness of height %llu was not looked at: %s",
            (unsigned long long)a->record.open.seed_height, no_value(a->claim->unfit_seed_value));
        return;
    }
    fl_round_seed(&a->record.open, a->claim->seed_value, seed);
    if (memcmp(seed, a->record.seed, 32) == 0)
        audit_say(a, AUDIT_OK, "seed",
            "it follows from the OPEN record and the randomness of height %llu, which is proven",
            (unsigned long long)a->record.open.seed_height);
    else
        audit_say(a, AUDIT_FAILS, "seed",
            "it does not follow from the OPEN record and the randomness of height %llu",
            (unsigned long long)a->record.open.seed_height);
}

/* Height whose randomness draws the groups; 0: not known. */
static uint64_t look_at_cut_off(struct audit *a) {
    uint8_t root[32];
    if (!audit_event(a, FL_EVENT_CUT_OFF))
        return 0;
    fl_round_record_ids(&a->record, root);
    if (a->event.cut_off.included != a->record.n)
        audit_say(a, AUDIT_UNFIT, "cut_off", "the record has %u submissions, the ledger %u",
            a->record.n, a->event.cut_off.included);
    else if (memcmp(root, a->event.cut_off.root, 32) != 0)
        audit_say(a, AUDIT_UNFIT, "cut_off",
            "the ids in the record are not those that were included: another root");
    else
        audit_say(a, AUDIT_OK, "cut_off",
            "%u submissions were counted in, those under the ledger's root", a->record.n);
    return a->event.cut_off.draw_height;
}

/* height: as the cut-off said it; 0: it is not here. */
static void look_at_groups(struct audit *a, uint64_t height) {
    uint8_t root[32];
    if (!audit_event(a, FL_EVENT_GROUPS))
        return;
    fl_round_record_groups(&a->record, root);
    if (a->event.groups.n != a->record.n_groups || a->event.groups.n_free != a->record.free_groups)
        audit_say(a, AUDIT_UNFIT, "groups",
            "the record has %u groups, %u of them of suspects, the ledger %u and %u",
            a->record.n_groups, a->record.n_groups - a->record.free_groups, a->event.groups.n,
            a->event.groups.n - a->event.groups.n_free);
    else if (height != 0 && height != a->event.groups.height)
        audit_say(a, AUDIT_FAILS, "groups",
            "CUT_OFF has them drawn by the randomness of height %llu, GROUPS by that of %llu",
            (unsigned long long)height, (unsigned long long)a->event.groups.height);
    else if (a->event.groups.height != a->record.draw_height ||
             memcmp(a->event.groups.draw, a->record.draw, 32) != 0)
        audit_say(a, AUDIT_UNFIT, "groups",
            "the record has them drawn by another randomness than the ledger");
    else if (memcmp(root, a->event.groups.root, 32) != 0)
        audit_say(
            a, AUDIT_UNFIT, "groups", "who is where in the record is not under the ledger's root");
    else
        audit_say(a, AUDIT_OK, "groups",
            "%u groups, and who is in which of them is what the ledger's root stands for",
            a->record.n_groups);
}

/* What drew, and that it draws these; the record is the ledger's as far as GROUPS goes, so the validators answer for both. Suspects' groups come last, and who is in none is a suspect, too. */
static void look_at_draw(struct audit *a) {
    const unsigned long long height = a->record.draw_height;
    const uint8_t *known = a->claim->draw_value;
    if (known != NULL && memcmp(known, a->record.draw, 32) != 0)
        audit_say(a, AUDIT_FAILS, "draw",
            "GROUPS says another randomness of height %llu than the cell proves", height);
    else if (!fl_round_record_drawn(&a->record, a->claim->cell))
        audit_say(a, AUDIT_FAILS, "draw",
            "the groups are not those that the randomness of height %llu draws", height);
    else
        audit_say(a, AUDIT_OK, "draw",
            "they are the groups that the randomness of height %llu draws, %s; %u of them are of "
            "vehicles under suspicion",
            height, known != NULL ? "which is proven" : "as GROUPS says it",
            a->record.n_groups - a->record.free_groups);
    if (known == NULL)
        audit_say(a, AUDIT_SKIPPED, "draw value",
            "whether GROUPS says the randomness of height %llu was not looked at: %s", height,
            no_value(a->claim->unfit_draw_value));
}

/* ---- keys ---- */

static bool is_zero(const uint8_t hash[static 32]) {
    static const uint8_t zero[32];
    return memcmp(hash, zero, 32) == 0;
}

static void look_at_opened(struct audit *a) {
    bool good = true;
    uint8_t hash[32];
    if (!audit_event(a, FL_EVENT_OPENED))
        return;
    if (a->event.opened.n != a->record.n_groups) {
        audit_say(a, audit_is_bound(a) ? AUDIT_FAILS : AUDIT_UNFIT, "opened",
            "the record has %u groups, the ledger opened %u", a->record.n_groups,
            a->event.opened.n);
        return;
    }
    for (size_t g = 0; g < a->record.n_groups; g++) {
        fl_round_record_key(&a->record, g, hash);
        const uint8_t *said = a->event.opened.hashes.p + 32 * g;
        const bool same = memcmp(hash, said, 32) == 0;
        if (!same)
            audit_say(a, AUDIT_UNFIT, "opened", "group %zu: %s", g,
                a->record.given_up[g] ? "given up in the record, and opened in the ledger"
                : is_zero(said)       ? "opened in the record, and given up in the ledger"
                                      : "another sum of keys than the ledger's");
        good = good && same;
    }
    if (good)
        audit_say(a, AUDIT_OK, "opened",
            "%zu groups were opened, and their sums of keys have the ledger's hashes; %zu were "
            "given "
            "up",
            a->record.n_groups - audit_count_given_up(a), audit_count_given_up(a));
}

/* ---- all of it ---- */

void audit_look_at_record(struct audit *a) {
    struct ws_err err = {0};
    if (fl_round_record_decode(a->claim->record, &a->record, &err) != WS_OK) {
        audit_say(a, AUDIT_UNFIT, "record", "%s", err.text);
        return;
    }
    a->decoded = true;
    fl_open_round(&a->record.open, a->claim->cell, &a->sealed_for);
    if (!look_at_open(a))
        return;
    look_at_seed(a);
    const uint64_t height = look_at_cut_off(a);
    look_at_groups(a, height);
    if (audit_is_bound(a))
        look_at_draw(a);
    look_at_opened(a);
}
