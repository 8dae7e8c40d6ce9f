#include "mapsvc/fuse/sighting.h"

#include "mapsvc/fuse/contract_internal.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdlib.h>

enum {
    AROUND_MM = 128000, /* reach of a move and of the gates of what stands beside */
    BESIDE_MM = 32000, /* of a line, along it */
    ALONG_MAX = 256,
    ELEMENTS_MAX = 4096,
    POINTS_MAX = 200000, /* of all of them together: the owner has other things to do */
    PLACES_MAX = 256,
};

struct sighting_reader {
    struct contract part; /* a map contract of the surroundings alone; it never runs a block */
    uint64_t ref; /* of the thing, as in votes */
};

const char *map_saying_name(enum map_saying s) {
    static const char *const names[] = {
#define X(id, text) text,
        MAP_SAYINGS(X)
#undef X
    };
    return s < ARRAY_LEN(names) ? names[s] : "unknown";
}

/* ---- the surroundings ---- */

struct refs {
    uint32_t list[ELEMENTS_MAX];
    size_t n;
};

static int by_number(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void once(struct refs *r) {
    if (r->n > 1)
        qsort(r->list, r->n, sizeof(r->list[0]), by_number);
    size_t to = 0;
    for (size_t i = 0; i < r->n; i++)
        if (i == 0 || r->list[i] != r->list[to - 1])
            r->list[to++] = r->list[i];
    r->n = to;
}

static void add_around(
    const struct map_contract *c, int32_t x, int32_t y, int32_t reach, struct refs *r) {
    struct grid_look near = grid_around(&c->grid, x, y, reach);
    for (const struct grid_entry *e = NULL; grid_next(&near, &e);) {
        if (r->n == ELEMENTS_MAX)
            once(r);
        if (r->n == ELEMENTS_MAX)
            return;
        r->list[r->n++] = e->ref;
    }
}

static void add_along(const struct map_contract *c, const struct element *e, struct refs *r) {
    const struct map_point *last = NULL;
    for (size_t i = 0, n = 0; i < e->n_points && n < ALONG_MAX; i++) {
        const struct map_point *p = &e->points[i];
        if (last != NULL &&
            distance2(p->x, p->y, last->x, last->y) < (uint64_t)BESIDE_MM * BESIDE_MM)
            continue;
        add_around(c, p->x, p->y, BESIDE_MM, r);
        last = p;
        n++;
    }
}

static struct subject *subject_copy(const struct subject *s) {
    struct subject *to = ws_alloc(sizeof(*to));
    memcpy(to->key, s->key, sizeof(to->key));
    to->kind = s->kind;
    to->opened = s->opened;
    to->spot = s->spot;
    for (size_t i = 0; i < s->n_hyps; i++) {
        const struct hypothesis *y = &s->hyps[i];
        struct hypothesis *copy = subject_add(to, y->cls, y->has_value, y->value);
        copy->s = y->s;
        if (y->spot != NULL)
            *copy->spot = *y->spot;
    }
    return to;
}

static void copy_element(
    const struct map_contract *c, size_t ref, const struct map_thing *t, struct map_contract *to) {
    const struct element *e = &c->map.elements[ref];
    if (memcmp(e->id, t->id, sizeof(t->id)) == 0)
        return;
    struct element copy = element_copy(e);
    mapset_add(&to->map, &copy);
    uint8_t key[SUBJECT_KEY] = {SUBJECT_ELEMENT};
    memcpy(key + 1, e->id, sizeof(e->id));
    const struct subject *s = is_suspected(c, ref) ? contract_subject(c, key) : NULL;
    if (s != NULL)
        contract_add_subject(to, subject_copy(s));
}

static void copy_surroundings(
    const struct map_contract *c, const struct map_thing *t, struct map_contract *to) {
    struct refs *refs = ws_alloc(sizeof(*refs));
    add_around(c, t->x, t->y, AROUND_MM, refs);
    if (t->element != NULL)
        add_along(c, t->element, refs);
    once(refs);
    size_t points = 0;
    for (size_t i = 0; i < refs->n && points <= POINTS_MAX; i++) {
        copy_element(c, refs->list[i], t, to);
        points += c->map.elements[refs->list[i]].n_points;
    }
    free(refs);
    struct grid_look near = grid_around(&c->places_grid, t->x, t->y, AROUND_MM);
    size_t n = 0;
    for (const struct grid_entry *e = NULL; grid_next(&near, &e) && n < PLACES_MAX;)
        if (memcmp(subject_id(c->places[e->ref]), t->id, sizeof(t->id)) != 0) {
            contract_add_subject(to, subject_copy(c->places[e->ref]));
            n++;
        }
}

/* ---- the thing ---- */

/* What is suspected about it; of a published change, what it was published for. */
static struct subject *subject_of(const struct map_contract *c, const struct map_thing *t) {
    uint8_t key[SUBJECT_KEY] = {t->element != NULL ? SUBJECT_ELEMENT : SUBJECT_PLACE};
    memcpy(key + 1, t->id, sizeof(t->id));
    const struct subject *now = contract_subject(c, key);
    if (now != NULL && !t->moved)
        return subject_copy(now);
    if (t->element != NULL && !t->moved)
        return NULL;
    struct subject *s = ws_alloc(sizeof(*s));
    memcpy(s->key, key, sizeof(key));
    s->kind = t->kind;
    if (t->element == NULL) {
        spot_open(&s->spot, (struct fusion_point){t->x, t->y, 1}, t->heading);
    } else {
        struct hypothesis *y = subject_add(s, HYP_MOVED, true, 0);
        spot_open(y->spot, (struct fusion_point){t->to_x, t->to_y, 1}, t->heading);
        y->s = c->params.v[MAP_POLICY_CONFIRM_BITS] * BIT_Q16;
    }
    return s;
}

static uint64_t ref_of(const struct map_contract *part, const struct map_thing *t) {
    if (t->element != NULL)
        return (uint64_t)(mapset_find(&part->map, t->id) - part->map.elements);
    for (size_t i = 0; i < part->n_places; i++)
        if (memcmp(subject_id(part->places[i]), t->id, sizeof(t->id)) == 0)
            return PLACE_BASE + i;
    return PLACE_UNKNOWN;
}

struct sighting_reader *sighting_reader_new(const void *contract, const struct map_thing *t) {
    const struct map_contract *c = contract;
    struct sighting_reader *r = ws_alloc(sizeof(*r));
    r->part = map_contract_new(NULL);
    struct map_contract *part = r->part.self;
    part->params = c->params;
    part->map.frame = c->map.frame;
    memcpy(part->map.ns, c->map.ns, sizeof(part->map.ns));
    copy_surroundings(c, t, part);
    if (t->element != NULL) {
        WS_ASSERT(memcmp(t->element->id, t->id, sizeof(t->id)) == 0);
        struct element e = element_copy(t->element);
        mapset_add(&part->map, &e);
    }
    mapset_sort(&part->map);
    struct subject *s = subject_of(c, t);
    if (s != NULL)
        contract_add_subject(part, s);
    contract_index(part);
    contract_list_places(part);
    r->ref = ref_of(part, t);
    WS_ASSERT(r->ref != PLACE_UNKNOWN);
    return r;
}

void sighting_reader_free(struct sighting_reader *r) {
    if (r == NULL)
        return;
    r->part.ops->free(r->part.self);
    free(r);
}

/* ---- reading ---- */

static enum map_saying saying_of(const struct map_contract *c, const struct vote *v) {
    const struct element *e = v->ref < PLACE_BASE ? &c->map.elements[v->ref] : NULL;
    switch (v->says) {
    case SAYS_GONE:
        return MAP_SAYS_GONE;
    case SAYS_COVERED:
        return MAP_SAYS_COVERED;
    case SAYS_NOTHING:
        return MAP_SAYS_SILENT;
    case SAYS_HERE:
    case SAYS_VALUE:
        break;
    }
    if (e == NULL)
        return MAP_SAYS_NEW;
    if (v->off)
        return MAP_SAYS_ELSEWHERE;
    return v->says == SAYS_VALUE && (!e->has_value || e->value != v->value) ? MAP_SAYS_VALUE
                                                                            : MAP_SAYS_UNCHANGED;
}

/* Of several reports about one thing the contract takes where it stands before whether, and that before silence. */
static int rank(enum map_saying s) {
    switch (s) {
    case MAP_SAYS_ELSEWHERE:
        return 4;
    case MAP_SAYS_NEW:
    case MAP_SAYS_VALUE:
    case MAP_SAYS_GONE:
    case MAP_SAYS_COVERED:
        return 3;
    case MAP_SAYS_UNCHANGED:
        return 2;
    case MAP_SAYS_SILENT:
        return 1;
    case MAP_SAYS_NOTHING:
        break;
    }
    return 0;
}

enum map_saying sighting_reader_says(struct sighting_reader *r, const struct observation *o,
    const struct observer_class *who, bool *ret_has_value, int32_t *ret_value) {
    struct map_contract *c = r->part.self;
    *ret_has_value = false;
    *ret_value = 0;
    enum map_saying best = MAP_SAYS_NOTHING;
    if (!contract_read_look(c, o, who))
        return best;
    for (size_t i = 0; i < c->n_votes; i++) {
        const struct vote *v = &c->votes[i];
        enum map_saying s = v->ref == r->ref ? saying_of(c, v) : MAP_SAYS_NOTHING;
        if (rank(s) <= rank(best))
            continue;
        best = s;
        *ret_has_value = v->says == SAYS_VALUE;
        *ret_value = v->says == SAYS_VALUE ? v->value : 0;
    }
    return best;
}
