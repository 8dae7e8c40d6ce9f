/* The record of a round beside what the ledger says of it. */
#include "rsu/learning/audit_internal.h"

#include "base/mem.h"
#include "fedlearn/round/group.h"

#include <stdlib.h>
#include <string.h>

bool audit_event(struct audit *a, enum fl_event type) {
    const struct span body = a->claim->event[type];
    const char *name = fl_event_name(type);
    if (body.n == 0)
        audit_say(a, AUDIT_FAILS, name, "the ledger's event is not here");
    else if (!fl_event_decode((uint16_t)type, body, &a->event))
        audit_say(a, AUDIT_FAILS, name, "what is given for it is no such event");
    else if ((type == FL_EVENT_OPEN ? a->event.open.round : a->event.round) != a->claim->round)
        audit_say(a, AUDIT_FAILS, name, "it is of another round than %llu",
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
        audit_say(a, AUDIT_OK, "open", "round %llu, %u members, %u parameters, profile %s",
            (unsigned long long)a->record.open.round, a->record.open.n, a->record.open.params,
            a->record.open.config.profile->name);
    else
        audit_say(a, AUDIT_FAILS, "open", "the record has another OPEN record than the ledger");
    return same;
}

static void look_at_seed(struct audit *a) {
    uint8_t seed[32];
    if (!audit_event(a, FL_EVENT_SEED))
        return;
    if (memcmp(a->event.seed, a->record.seed, 32) != 0) {
        audit_say(a, AUDIT_FAILS, "seed", "the record has another round seed than the ledger");
        return;
    }
    if (a->claim->seed_value == NULL) {
        audit_say(a, AUDIT_OK, "seed",
            "the ledger's; that it follows from the randomness of height %llu is not looked at: "
            "the "
            "cell does not prove that one any more",
            (unsigned long long)a->record.open.seed_height);
        return;
    }
    fl_round_seed(&a->record.open, a->claim->seed_value, seed);
    if (memcmp(seed, a->record.seed, 32) == 0)
        audit_say(a, AUDIT_OK, "seed", "from the OPEN record and the randomness of height %llu",
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
        audit_say(a, AUDIT_FAILS, "cut_off", "the record has %u submissions, the ledger %u",
            a->record.n, a->event.cut_off.included);
    else if (memcmp(root, a->event.cut_off.root, 32) != 0)
        audit_say(a, AUDIT_FAILS, "cut_off",
            "the ids in the record are not those that were included: another root");
    else
        audit_say(
            a, AUDIT_OK, "cut_off", "%u submissions, the ids under the ledger's root", a->record.n);
    return a->event.cut_off.draw_height;
}

static void look_at_groups(struct audit *a) {
    uint8_t root[32];
    if (!audit_event(a, FL_EVENT_GROUPS))
        return;
    fl_round_record_groups(&a->record, root);
    if (a->event.groups.n != a->record.n_groups)
        audit_say(a, AUDIT_FAILS, "groups", "the record has %u groups, the ledger %u",
            a->record.n_groups, a->event.groups.n);
    else if (memcmp(root, a->event.groups.root, 32) != 0)
        audit_say(
            a, AUDIT_FAILS, "groups", "who is where in the record is not under the ledger's root");
    else
        audit_say(a, AUDIT_OK, "groups", "%u groups, who is where under the ledger's root",
            a->record.n_groups);
}

/* ---- the draw ---- */

struct draw {
    const struct fl_round_member **order; /* ascending id */
    uint32_t *suspects;
    struct fl_groups drawn;
    struct fl_drawing d;
};

static int by_id(const void *x, const void *y) {
    const struct fl_round_member *const *p = x;
    const struct fl_round_member *const *q = y;
    return memcmp((*p)->id, (*q)->id, 32);
}

/* Would the draw have made these groups, had the first `free_groups` been those of vehicles without suspicion? */
static bool draws(struct audit *a, struct draw *w, uint32_t free_groups) {
    w->d.n_suspects = 0;
    for (uint32_t k = 0; k < a->record.n; k++)
        if (w->order[k]->group >= free_groups)
            w->suspects[w->d.n_suspects++] = k;
    if (fl_groups_draw(&w->d, &w->drawn) != FL_GROUPS_DRAWN ||
        w->drawn.groups != a->record.n_groups || w->drawn.free_groups != free_groups)
        return false;
    for (uint32_t g = 0; g < w->drawn.groups; g++)
        for (uint32_t k = w->drawn.first[g]; k < w->drawn.first[g + 1]; k++)
            if (w->order[w->drawn.order[k]]->group != g)
                return false;
    return true;
}

/* Who was a suspect is not public by itself: groups say it, as those of suspects come last and nobody else sits out. */
static void look_at_draw(struct audit *a, uint64_t height) {
    const uint32_t n = a->record.n;
    struct draw w = {.d = {.sizes = fl_round_sizes(&a->record.open.config), .n = n}};
    if (a->claim->draw_value == NULL) {
        audit_say(a, AUDIT_SKIPPED, "draw",
            "that the groups follow from the randomness of height %llu is not looked at: the cell "
            "does not prove that one any more",
            (unsigned long long)height);
        return;
    }
    w.order = (const struct fl_round_member **)ws_calloc(n, sizeof(struct fl_round_member *));
    w.suspects = ws_calloc(n, sizeof(*w.suspects));
    w.drawn.order = ws_calloc(n, sizeof(*w.drawn.order));
    w.drawn.first = ws_calloc(n / w.d.sizes.min + 2, sizeof(*w.drawn.first));
    w.d.suspects = w.suspects;
    memcpy(w.d.cell, a->claim->cell, 32);
    memcpy(w.d.round, a->sealed_for.id, 32);
    memcpy(w.d.beacon, a->claim->draw_value, 32);
    for (uint32_t i = 0; i < n; i++)
        w.order[i] = &a->record.member[i];
    qsort((void *)w.order, n, sizeof(struct fl_round_member *), by_id);
    uint32_t free_groups = a->record.n_groups;
    while (free_groups > 0 && !draws(a, &w, free_groups))
        free_groups--;
    if (free_groups == 0)
        audit_say(a, AUDIT_FAILS, "draw",
            "the groups are not those that the randomness of height %llu draws",
            (unsigned long long)height);
    else
        audit_say(a, AUDIT_OK, "draw",
            "the groups are those that the randomness of height %llu draws, %u of them of vehicles "
            "under suspicion",
            (unsigned long long)height, a->record.n_groups - free_groups);
    free((void *)w.order);
    free(w.suspects);
    free(w.drawn.order);
    free(w.drawn.first);
}

/* ---- keys ---- */

static void look_at_opened(struct audit *a) {
    bool good = true;
    uint8_t hash[32];
    if (!audit_event(a, FL_EVENT_OPENED))
        return;
    if (a->event.opened.n != a->record.n_groups) {
        audit_say(a, AUDIT_FAILS, "opened", "the record has %u groups, the ledger opened %u",
            a->record.n_groups, a->event.opened.n);
        return;
    }
    for (size_t g = 0; g < a->record.n_groups; g++) {
        fl_round_record_key(&a->record, g, hash);
        const bool same = memcmp(hash, a->event.opened.hashes.p + 32 * g, 32) == 0;
        if (!same)
            audit_say(
                a, AUDIT_FAILS, "opened", "group %zu: another sum of keys than the ledger's", g);
        good = good && same;
    }
    if (good)
        audit_say(a, AUDIT_OK, "opened", "the sums of keys of %u groups have the ledger's hashes",
            a->record.n_groups);
}

/* ---- all of it ---- */

/* A sum that is opened must not be of more than the profile adds up. */
static bool sizes_good(struct audit *a) {
    const struct fl_group_sizes s = fl_round_sizes(&a->record.open.config);
    uint32_t size[FL_MAX_GROUPS] = {0};
    for (uint32_t i = 0; i < a->record.n; i++)
        if (a->record.member[i].group != FL_MAX_GROUPS)
            size[a->record.member[i].group]++;
    for (size_t g = 0; g < a->record.n_groups; g++) {
        if (size[g] <= s.max)
            continue;
        audit_say(a, AUDIT_FAILS, "record", "group %zu: %u members, the profile adds up %u", g,
            size[g], s.max);
        return false;
    }
    return true;
}

void audit_look_at_record(struct audit *a) {
    struct ws_err err = {0};
    if (fl_round_record_decode(a->claim->record, &a->record, &err) != WS_OK) {
        audit_say(a, AUDIT_FAILS, "record", "%s", err.text);
        return;
    }
    a->decoded = true;
    fl_open_round(&a->record.open, a->claim->cell, &a->sealed_for);
    if (!sizes_good(a) || !look_at_open(a))
        return;
    look_at_seed(a);
    const uint64_t height = look_at_cut_off(a);
    look_at_groups(a);
    if (a->failed == 0)
        look_at_draw(a, height);
    look_at_opened(a);
}
