#include "mapsvc/fuse/room.h"

#include "base/assert.h"
#include "base/mem.h"
#include "mapsvc/fuse/decree.h"

#include <stdlib.h>

/* A square of places: a bucket of places_wide. */
uint64_t room_cell(int32_t x, int32_t y) {
    return grid_key(x, y) >> 2 * (GRID_WIDE - GRID_FINE);
}

/* ---- what may go ---- */

/* One voice: fewer groups, families or issuers speak for any one of its hypotheses than two, of what the policy asks for more
 * than one of. */
static bool is_alone(const struct map_contract *c, const struct subject *s) {
    for (size_t i = 0; i < s->n_hyps; i++) {
        if (s->hyps[i].n_groups <
            2) /* nearly all of a full table: their groups are not even read */
            continue;
        struct hyp_summary sum = hyp_summarise(&s->hyps[i]);
        if (sum.groups > 1 && (sum.families > 1 || c->params.v[MAP_POLICY_MIN_FAMILIES] < 2) &&
            (sum.issuers > 1 || c->params.v[MAP_POLICY_MIN_ISSUERS] < 2))
            return false;
    }
    return true;
}

/* What drivers are told, and what the authority waits for, stays. */
static bool is_held(const struct subject *s) {
    for (size_t i = 0; i < s->n_hyps; i++)
        if (s->hyps[i].advisory == ADVISORY_ACTIVE || s->hyps[i].cls == HYP_OBEYS)
            return true;
    return false;
}

static uint64_t supported_at(const struct subject *s) {
    uint64_t last = 0;
    for (size_t i = 0; i < s->n_hyps; i++)
        last = s->hyps[i].supported_at > last ? s->hyps[i].supported_at : last;
    return last;
}

/* May go for another: one voice alone speaks for it, or nobody did in this window and the one before. */
static bool is_loose(const struct map_contract *c, const struct subject *s) {
    uint64_t window = (uint64_t)c->params.v[MAP_POLICY_WINDOW_MS] * 1000;
    return s->n_hyps > 0 && !is_held(s) &&
           (is_alone(c, s) || supported_at(s) + 2 * window < c->window_end);
}

static void forget(struct exec_host *h, struct subject *s) {
    while (s->n_hyps > 0) {
        struct hypothesis *y = &s->hyps[s->n_hyps - 1];
        WS_ASSERT(y->advisory != ADVISORY_ACTIVE);
        state_del_evidence(h, s, y);
        subject_drop(s, s->n_hyps - 1);
    }
    s->opened = exec_block_time(h); /* votes of this block may bring it back */
    s->touched = true;
}

void room_let_die(struct map_contract *c, struct exec_host *h) {
    uint64_t now = exec_block_time(h);
    uint64_t alone = (uint64_t)c->params.v[MAP_POLICY_ALONE_MS] * 1000;
    for (size_t i = 0; i < c->n_subjects; i++) {
        struct subject *s = c->subjects[i];
        if (s->n_hyps == 0 || s->opened + alone > now || is_held(s) || !is_alone(c, s))
            continue;
        forget(h, s);
        c->dropped[MAP_DROP_ALONE]++;
    }
}

/* ---- before and while a block runs ---- */

static bool place_is_loose(const struct map_contract *c, size_t place) {
    return (c->room.loose[place / 64] >> place % 64 & 1) != 0;
}

void room_begin(struct map_contract *c) {
    struct room *r = &c->room;
    r->n_loose = r->opened_places = r->opened_elements = r->n_cells = 0;
    size_t words = c->n_places / 64 + 1;
    if (words > r->n_words) {
        r->loose = ws_realloc(r->loose, words * sizeof(r->loose[0]));
        r->n_words = words;
    }
    memset(r->loose, 0, r->n_words * sizeof(r->loose[0]));
    /* The places are the last of the subjects, in the same order. */
    size_t elements = c->n_subjects - c->n_places;
    for (size_t i = 0; i < c->n_subjects; i++) {
        if (!is_loose(c, c->subjects[i]))
            continue;
        r->n_loose++;
        if (i >= elements)
            r->loose[(i - elements) / 64] |= UINT64_C(1) << (i - elements) % 64;
    }
}

bool room_in_table(const struct map_contract *c) {
    size_t n = c->n_subjects + c->n_places - c->n_places_before;
    return n < SUBJECTS_MAX + c->room.n_loose;
}

size_t room_in_cell(const struct map_contract *c, int32_t x, int32_t y) {
    size_t most = (size_t)c->params.v[MAP_POLICY_PLACES_PER_CELL];
    const struct grid_entry *e = NULL;
    size_t n = grid_bucket(&c->places_wide, x, y, 0, 0, &e);
    size_t stay = 0;
    for (size_t i = 0; i < n && stay < most; i++)
        stay += place_is_loose(c, e[i].ref) ? 0 : 1;
    return most - stay;
}

bool room_of_vehicle(const struct map_contract *c, const struct vehicle *by) {
    return vehicles_remember(&c->vehicles, by, NULL) &&
           (by == NULL || by->opened < (size_t)c->params.v[MAP_POLICY_SUSPICIONS_PER_VEHICLE]);
}

bool room_refuses(const struct map_contract *c, const struct vote *v, const struct vehicle *by) {
    if (v->ref >= PLACE_BASE && v->ref != PLACE_UNKNOWN)
        return false;
    if (v->ref < PLACE_BASE &&
        (is_suspected(c, v->ref) || decree_of(c, c->map.elements[v->ref].id) != NULL))
        return false;
    return !room_of_vehicle(c, by) || !room_in_table(c) ||
           (v->ref == PLACE_UNKNOWN && room_in_cell(c, v->point.x, v->point.y) == 0);
}

/* ---- opening ---- */

void room_charge(
    struct map_contract *c, const struct exec_host *h, struct look *by, const struct subject *s) {
    struct vehicle *v = vehicles_add(&c->vehicles, look_vehicle(c, h, by), c->window_end);
    vehicles_touch(&c->vehicles, v);
    vehicle_count(v, subject_id(s), COUNTED_OPENED);
}

struct subject *room_for_element(struct map_contract *c, const struct exec_host *h,
    const struct element *e, const uint8_t key[static SUBJECT_KEY], struct look *by) {
    if (by != NULL && !room_of_vehicle(c, vehicles_find(&c->vehicles, look_vehicle(c, h, by)))) {
        c->dropped[MAP_DROP_OPENED_BY_VEHICLE]++;
        return NULL;
    }
    if (c->room.opened_elements == OPENED_PER_BLOCK) {
        c->dropped[MAP_DROP_OPENED_IN_BLOCK]++;
        return NULL;
    }
    if (!room_in_table(c)) {
        c->dropped[MAP_DROP_TABLE_FULL]++;
        return NULL;
    }
    struct subject *s = ws_alloc(sizeof(*s));
    memcpy(s->key, key, SUBJECT_KEY);
    s->kind = e->kind;
    s->opened = s->decayed_at = exec_block_time(h);
    contract_add_subject(c, s);
    c->room.opened_elements++;
    if (by != NULL)
        room_charge(c, h, by, s);
    return s;
}

/* ---- making room ---- */

/* What may go, the first to go first. */
struct goer {
    bool
        strong; /* opened by this block with more than one voice: goes only when nothing else can */
    uint64_t supported_at;
    int64_t evidence;
    struct subject *s;
};

static int by_turn(const void *pa, const void *pb) {
    const struct goer *a = pa;
    const struct goer *b = pb;
    if (a->strong != b->strong)
        return a->strong ? 1 : -1;
    if (a->supported_at != b->supported_at)
        return a->supported_at < b->supported_at ? -1 : 1;
    if (a->evidence != b->evidence)
        return a->evidence < b->evidence ? -1 : 1;
    return memcmp(a->s->key, b->s->key, SUBJECT_KEY);
}

struct goers {
    struct goer *list;
    size_t n, there; /* subjects looked at that have anything to say */
};

static void consider(
    const struct map_contract *c, uint64_t now, struct subject *s, struct goers *ret) {
    if (s->n_hyps == 0)
        return;
    ret->there++;
    bool loose = is_loose(c, s);
    if (loose || (s->opened == now && !is_held(s)))
        ret->list[ret->n++] = (struct goer){!loose, supported_at(s), subject_evidence(s), s};
}

static void shrink(
    struct map_contract *c, struct exec_host *h, struct goers *g, size_t most, enum map_drop why) {
    if (g->there <= most)
        return;
    qsort(g->list, g->n, sizeof(g->list[0]), by_turn);
    size_t gone = g->there - most < g->n ? g->there - most : g->n;
    for (size_t i = 0; i < gone; i++)
        forget(h, g->list[i].s);
    c->dropped[why] += gone;
}

void room_make(struct map_contract *c, struct exec_host *h) {
    if (c->room.n_cells == 0 && c->n_subjects <= SUBJECTS_MAX)
        return;
    uint64_t now = exec_block_time(h);
    struct goers g = {.list = ws_calloc(c->n_subjects, sizeof(g.list[0]))};
    for (size_t k = 0; k < c->room.n_cells; k++) {
        const struct map_point *at = &c->room.cells[k];
        const struct grid_entry *e = NULL;
        size_t n = grid_bucket(&c->places_wide, at->x, at->y, 0, 0, &e);
        if (n <= (size_t)c->params.v[MAP_POLICY_PLACES_PER_CELL])
            continue;
        g.n = g.there = 0;
        for (size_t i = 0; i < n; i++)
            consider(c, now, c->places[e[i].ref], &g);
        shrink(c, h, &g, (size_t)c->params.v[MAP_POLICY_PLACES_PER_CELL], MAP_DROP_CELL_WEAKEST);
    }
    if (c->n_subjects > SUBJECTS_MAX) {
        g.n = g.there = 0;
        for (size_t i = 0; i < c->n_subjects; i++)
            consider(c, now, c->subjects[i], &g);
        shrink(c, h, &g, SUBJECTS_MAX, MAP_DROP_TABLE_WEAKEST);
    }
    free(g.list);
}
