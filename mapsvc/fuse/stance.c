#include "mapsvc/fuse/stance.h"
#include "mapsvc/model/ints.h"

#include "base/mem.h"

#include <stdlib.h>

/* Subject, vehicle, then what the vehicle said first; having seen a new thing outweighs having passed it
 * in the same block. */
static int by_subject(const void *pa, const void *pb, void *self) {
    const struct map_contract *c = self;
    const struct vote *a = pa;
    const struct vote *b = pb;
    if (a->ref != b->ref)
        return a->ref < b->ref ? -1 : 1;
    const struct look *la = &c->looks[a->look];
    const struct look *lb = &c->looks[b->look];
    int r = memcmp(la->root, lb->root, sizeof(la->root));
    r = r != 0 ? r : (a->says == SAYS_NOTHING) - (b->says == SAYS_NOTHING);
    r = r != 0 ? r : (la->time > lb->time) - (la->time < lb->time);
    r = r != 0 ? r : memcmp(la->leaf, lb->leaf, 32);
    return r != 0 ? r : compare_i64(a->report, b->report);
}

void votes_sort(struct map_contract *c) {
    if (c->n_votes > 0)
        qsort_r(c->votes, c->n_votes, sizeof(c->votes[0]), by_subject, c);
}

/* Silence is about where a new thing may stand, or an old one that may have been moved. */
static void take_existence(const struct vote *v, bool place, uint8_t used, struct stance *s) {
    bool silent = v->says == SAYS_NOTHING;
    uint8_t counted = place ? COUNTED_EXISTENCE : COUNTED_PLACE;
    uint8_t spent = silent ? counted | COUNTED_SILENCE : counted;
    const struct vote **slot = place ? &s->existence : &s->place;
    if ((place || silent || v->at) && *slot == NULL && (used & spent) == 0) {
        *slot = v;
        s->was_silent = !silent && (used & COUNTED_SILENCE) != 0;
    }
    if (!place && !silent && s->existence == NULL && (used & COUNTED_EXISTENCE) == 0)
        s->existence = v;
}

void stances_take(struct map_contract *c, const struct exec_host *h, bool is_place,
    const struct vote *v, size_t n, const uint8_t *id, struct stances *ret) {
    ret->n = 0;
    size_t newcomers = 0; /* vehicles that would be remembered for the first time */
    for (size_t i = 0; i < n;) {
        struct look *l = &c->looks[v[i].look];
        const struct vehicle *by =
            c->vehicles.n == 0 ? NULL : vehicles_find(&c->vehicles, look_vehicle(c, h, l));
        uint8_t used = by == NULL ? 0 : vehicle_counted(by, id);
        struct stance s = {0};
        for (; i < n && memcmp(c->looks[v[i].look].root, l->root, 32) == 0; i++) {
            take_existence(&v[i], is_place, used, &s);
            if (s.value == NULL && v[i].says == SAYS_VALUE && (used & COUNTED_VALUE) == 0)
                s.value = &v[i];
        }
        if (s.existence == NULL && s.value == NULL && s.place == NULL)
            continue;
        if (by == NULL ? c->vehicles.n + newcomers++ >= VEHICLES_MAX
                       : !vehicles_remember(&c->vehicles, by, id))
            continue;
        if (ret->n == ret->cap) {
            ret->cap = ret->cap == 0 ? 64 : 2 * ret->cap;
            ret->list = ws_realloc(ret->list, ret->cap * sizeof(ret->list[0]));
        }
        ret->list[ret->n++] = s;
    }
}

void stances_remember(struct map_contract *c, const struct exec_host *h,
    const struct stances *stances, const uint8_t *id) {
    for (size_t i = 0; i < stances->n; i++) {
        const struct stance *s = &stances->list[i];
        if (s->counted == 0)
            continue;
        const struct vote *v = s->existence != NULL ? s->existence
                               : s->value != NULL   ? s->value
                                                    : s->place;
        struct vehicle *by =
            vehicles_add(&c->vehicles, look_vehicle(c, h, &c->looks[v->look]), c->window_end);
        vehicles_touch(&c->vehicles, by);
        vehicle_count(by, id, s->counted);
    }
}
