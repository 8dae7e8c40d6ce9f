/* The end of a block: what its vehicles say about each thing is counted (stance.h says which of it counts). */
#include "mapsvc/fuse/contract_internal.h"
#include "mapsvc/fuse/decree.h"
#include "mapsvc/fuse/moved.h"
#include "mapsvc/fuse/reputation.h"
#include "mapsvc/fuse/room.h"
#include "mapsvc/fuse/stance.h"
#include "mapsvc/model/ints.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdlib.h>

/* Evidence that has aged below this is forgotten. */
#define S_FORGOTTEN (BIT_Q16 / 4)

/* ---- for or against ---- */

struct counting {
    struct map_contract *c;
    struct exec_host *h;
    const struct element *element; /* NULL for a place */
    uint64_t bucket, now;
    const struct fusion_weight *weight;
    int64_t cap;
};

/* Direction of approach: relative to the way the thing faces, so that the cars of one lane are in the
 * middle of an octant and noise does not make two directions of one. */
static struct hyp_look hyp_look_of(
    const struct counting *k, const struct subject *s, const struct vote *v) {
    const struct look *l = &k->c->looks[v->look];
    uint16_t facing = s->spot.heading0;
    int32_t x = s->spot.place.x;
    int32_t y = s->spot.place.y;
    if (k->element != NULL) {
        element_anchor(k->element, &x, &y);
        if (!element_heading_at(k->element, l->x, l->y, &facing))
            facing = 0;
    }
    if (v->at) {
        x = v->point.x;
        y = v->point.y;
    }
    uint16_t sight = heading_of((int64_t)x - l->x, (int64_t)y - l->y);
    /* From which mast the model is asked says nothing about what it was asked. */
    const uint8_t octant =
        l->judged ? 0 : (uint8_t)((uint16_t)(l->heading - facing + HEADING_45 / 2) >> 13);
    return (struct hyp_look){.rank = l->rank,
        .source = l->source,
        .family = l->observer.family,
        .octant = octant,
        .issuer = l->issuer,
        .leaf = l->leaf,
        .height = exec_height(k->h),
        .window = k->c->window_end,
        .view = sight >> 10,
        .time = l->time};
}

static void count_one(const struct counting *k, const struct subject *s, struct hypothesis *y,
    const struct vote *v, bool in_favour) {
    if (k->c->looks[v->look].judged && !in_favour)
        return; /* that traffic is dangerous here denies nothing else that is said of the place */
    struct hyp_look look = hyp_look_of(k, s, v);
    hyp_count(y, &look, in_favour, k->bucket, k->now, k->weight);
}

/* Whether a vote says that an element is as the map has it. */
static bool agrees(const struct element *e, const struct vote *v) {
    if (v->off)
        return false;
    return v->says == SAYS_VALUE ? e->has_value && v->value == e->value
                                 : v->says == SAYS_HERE && !e->has_value;
}

/* What a vehicle says about the whole element: what it reads, when there is something to read, or that it is gone. */
static const struct vote *verdict(const struct element *e, const struct stance *s) {
    const struct vote *v = s->existence;
    if (v != NULL && v->says == SAYS_COVERED)
        return NULL;
    if (!e->has_value || (v != NULL && v->says == SAYS_GONE))
        return v;
    return s->value;
}

/* For or against y, or neither. */
static void weigh_element(
    const struct counting *k, const struct subject *e, struct hypothesis *y, struct stance *s) {
    WS_ASSERT(k->element != NULL);
    if (s->existence != NULL && s->existence->says == SAYS_GONE)
        s->counted |= COUNTED_GONE;
    if (y->cls == HYP_REMOVED && s->place != NULL && s->place->off) {
        /* Not here, but there: that is not gone, whatever else the vehicle says of the old place. */
        count_one(k, e, y, s->place, false);
        s->counted |= COUNTED_EXISTENCE | COUNTED_PLACE;
    } else if (y->cls == HYP_REMOVED && s->existence != NULL) {
        count_one(k, e, y, s->existence, s->existence->says == SAYS_GONE);
        s->counted |= COUNTED_EXISTENCE;
    }
    /* One that is not seen at all may be covered; whoever reads it says that it is not. */
    if (y->cls == HYP_COVERED && s->existence != NULL && s->existence->says != SAYS_GONE) {
        count_one(k, e, y, s->existence, s->existence->says == SAYS_COVERED);
        s->counted |= COUNTED_EXISTENCE;
    }
    if (y->cls == HYP_OBEYS && verdict(k->element, s) != NULL) {
        const struct vote *v = verdict(k->element, s);
        count_one(k, e, y, v, agrees(k->element, v));
        s->counted |= v == s->value ? COUNTED_VALUE : COUNTED_EXISTENCE;
    }
    /* Whoever reads another value than this speaks against it, also one that the map does not have. */
    if (y->cls == HYP_VALUE && s->value != NULL) {
        count_one(k, e, y, s->value, s->value->value == y->value);
        s->counted |= COUNTED_VALUE;
    }
}

/* For or against its standing elsewhere, or neither. */
static void weigh_moved(const struct counting *k, struct subject *e, size_t hyp, struct stance *s) {
    struct hypothesis *y = &e->hyps[hyp];
    const struct vote *v = s->place;
    enum moved_says says = v == NULL ? MOVED_NEITHER : moved_judge(k->c, k->element, e, hyp, v);
    if (says == MOVED_NEITHER)
        return;
    if (s->was_silent) {
        struct hyp_look look = hyp_look_of(k, e, v);
        hyp_uncount_miss(y, &look, k->bucket, k->weight);
    }
    count_one(k, e, y, v, says == MOVED_FOR);
    s->counted |= v->says == SAYS_NOTHING ? COUNTED_SILENCE : COUNTED_PLACE;
}

static void weigh_place(
    const struct counting *k, const struct subject *p, struct hypothesis *y, struct stance *s) {
    const struct vote *v = s->existence;
    if (v == NULL || (v->says == SAYS_HERE && y->has_value))
        return; /* seen, but not read: no word on what it shows */
    bool in_favour =
        v->says == SAYS_VALUE ? y->has_value && v->value == y->value : v->says == SAYS_HERE;
    if (s->was_silent) {
        struct hyp_look look = hyp_look_of(k, p, v);
        hyp_uncount_miss(y, &look, k->bucket, k->weight);
    }
    count_one(k, p, y, v, in_favour);
    s->counted |= v->says == SAYS_NOTHING ? COUNTED_SILENCE : COUNTED_EXISTENCE;
}

static void drop_hyp(struct exec_host *h, struct subject *s, size_t i) {
    struct hypothesis *y = &s->hyps[i];
    if (y->advisory == ADVISORY_ACTIVE)
        versions_end_advisory(h, s, y, ADVISORY_WITHDRAWN);
    state_del_evidence(h, s, y);
    subject_drop(s, i);
}

/* Keeps the HYP_MAX with the most evidence; among equals the lower class and value. */
static void trim(struct exec_host *h, struct subject *s) {
    while (s->n_hyps > HYP_MAX) {
        size_t worst = 0;
        for (size_t i = 1; i < s->n_hyps; i++) {
            const struct hypothesis *a = &s->hyps[i];
            const struct hypothesis *b = &s->hyps[worst];
            int r = compare_i64(b->s, a->s);
            r = r != 0 ? r : compare_i64((int64_t)a->cls, (int64_t)b->cls);
            r = r != 0 ? r : compare_i64(a->value, b->value);
            if (r > 0)
                worst = i;
        }
        drop_hyp(h, s, worst);
    }
}

/* Where the vehicle saw it, once it has been weighed. */
static void note_spot(const struct counting *k, struct subject *s, const struct stance *t) {
    if (subject_is_place(s)) {
        const struct vote *v = t->existence;
        if (v == NULL || !v->at)
            return;
        /* What looks the same from both sides lies along the same axis, whoever sees it. */
        bool behind = !kind_faces(s->kind) && heading_gap(v->heading, s->spot.heading0) > 16384;
        spot_add(&s->spot, v->point, (uint16_t)(v->heading + (behind ? 32768 : 0)),
            k->c->looks[v->look].observer.family);
        return;
    }
    for (size_t y = 0; y < s->n_hyps && t->place != NULL; y++)
        if (s->hyps[y].cls == HYP_MOVED &&
            moved_judge(k->c, k->element, s, y, t->place) == MOVED_FOR) {
            spot_add(s->hyps[y].spot, t->place->point, t->place->heading,
                k->c->looks[t->place->look].observer.family);
            return;
        }
}

static void count_subject(const struct counting *k, struct subject *s, struct stances *stances) {
    bool place = subject_is_place(s);
    size_t *leaves = ws_calloc(s->n_hyps, sizeof(*leaves));
    for (size_t i = 0; i < s->n_hyps; i++)
        leaves[i] = s->hyps[i].n_leaves;
    for (size_t i = 0; i < stances->n; i++) {
        struct stance *t = &stances->list[i];
        for (size_t y = 0; y < s->n_hyps; y++) {
            if (place)
                weigh_place(k, s, &s->hyps[y], t);
            else if (s->hyps[y].cls == HYP_MOVED)
                weigh_moved(k, s, y, t);
            else
                weigh_element(k, s, &s->hyps[y], t);
        }
        note_spot(k, s, t);
    }
    for (size_t i = 0; i < s->n_hyps; i++) {
        struct hypothesis *y = &s->hyps[i];
        hyp_settle(y, leaves[i], k->weight, k->cap);
        if (y->s > 0 && y->n_leaves > leaves[i])
            state_put_evidence(k->h, s, y);
    }
    free(leaves);
    for (size_t i = s->n_hyps; i-- > 0;)
        if (s->hyps[i].s <= 0) {
            reputation_note_outcome(k->c, &s->hyps[i], false);
            drop_hyp(k->h, s, i);
        }
    trim(k->h, s);
    s->touched = true;
}

/* True when a vote makes a new hypothesis about the element, which `s` (or NULL) does not have. */
static bool supports_new(
    const struct element *e, const struct vote *v, struct subject *s, enum hyp_class *ret_cls) {
    if (v->says == SAYS_GONE)
        *ret_cls = HYP_REMOVED;
    else if (v->says == SAYS_COVERED)
        *ret_cls = HYP_COVERED;
    else if (v->says == SAYS_VALUE && (!e->has_value || e->value != v->value))
        *ret_cls = HYP_VALUE;
    else
        return false;
    bool value = *ret_cls == HYP_VALUE;
    return s == NULL || subject_find(s, *ret_cls, value, v->value) == NULL;
}

/* Without room for a new suspicion *s stays NULL. */
static void suspect_moved(struct map_contract *c, const struct exec_host *h,
    const struct element *e, const uint8_t *key, const struct vote *v, struct subject **s) {
    int32_t value = 0;
    if (!moved_opens(e, *s, v, &value))
        return;
    if (*s == NULL)
        *s = room_for_element(c, h, e, key, &c->looks[v->look]);
    if (*s != NULL && subject_find(*s, HYP_MOVED, true, value) == NULL)
        spot_open(subject_add(*s, HYP_MOVED, true, value)->spot, v->point, v->heading);
}

static struct counting counting_of(
    struct map_contract *c, struct exec_host *h, enum element_kind kind, const struct element *e) {
    return (struct counting){c, h, e, contract_bucket(c, h), exec_block_time(h),
        c->params.weight[rate_kind_of(kind)], c->params.v[MAP_POLICY_GROUP_CAP_BITS] * BIT_Q16};
}

static void count_element(struct map_contract *c, struct exec_host *h, const struct vote *v,
    size_t n, struct stances *stances) {
    const struct element *e = &c->map.elements[v->ref];
    uint8_t key[SUBJECT_KEY] = {SUBJECT_ELEMENT};
    memcpy(key + 1, e->id, sizeof(e->id));
    struct subject *s = contract_subject(c, key);
    if (contract_pending(c, e->id) != NULL)
        return;
    struct counting k = counting_of(c, h, e->kind, e);
    const struct decree *decree = decree_of(c, e->id);
    stances_take(c, h, false, v, n, e->id, stances);
    if (s != NULL && subject_age(s, k.bucket, k.now, &c->params))
        s->touched = true;
    enum hyp_class cls = HYP_REMOVED;
    for (size_t i = 0; i < stances->n; i++) {
        const struct vote *said[] = {stances->list[i].existence, stances->list[i].value};
        for (size_t j = 0; j < ARRAY_LEN(said); j++) {
            /* Each class takes its own vote: a value that was counted before opens nothing. */
            if (said[j] == NULL || !supports_new(e, said[j], s, &cls) ||
                (cls == HYP_VALUE) != (j == 1))
                continue;
            if (s == NULL)
                s = room_for_element(c, h, e, key, &c->looks[said[j]->look]);
            if (s != NULL)
                (void)subject_add(s, cls, cls == HYP_VALUE, said[j]->value);
        }
        const struct vote *whole = verdict(e, &stances->list[i]);
        if (decree != NULL && decree->reported != ORDER_OBEYED && whole != NULL &&
            agrees(e, whole)) {
            if (s == NULL)
                s = room_for_element(c, h, e, key, NULL);
            if (s != NULL && subject_find(s, HYP_OBEYS, false, 0) == NULL)
                (void)subject_add(s, HYP_OBEYS, false, 0);
        }
        if (stances->list[i].place != NULL)
            suspect_moved(c, h, e, key, stances->list[i].place, &s);
    }
    if (s == NULL)
        return;
    count_subject(&k, s, stances);
    stances_remember(c, h, stances, e->id);
}

static void count_place(struct map_contract *c, struct exec_host *h, const struct vote *v, size_t n,
    struct stances *stances) {
    struct subject *s = c->places[v->ref - PLACE_BASE];
    struct counting k = counting_of(c, h, s->kind, NULL);
    stances_take(c, h, true, v, n, subject_id(s), stances);
    if (stances->n == 0)
        return;
    (void)subject_age(s, k.bucket, k.now, &c->params);
    for (size_t i = 0; i < stances->n; i++) {
        const struct vote *e = stances->list[i].existence;
        if (e == NULL || (e->says != SAYS_HERE && e->says != SAYS_VALUE))
            continue;
        bool value = e->says == SAYS_VALUE;
        if (subject_find(s, HYP_NEW, value, e->value) == NULL)
            (void)subject_add(s, HYP_NEW, value, e->value);
    }
    count_subject(&k, s, stances);
    stances_remember(c, h, stances, subject_id(s));
}

/* ---- time ---- */

static void age_all(struct map_contract *c, struct exec_host *h) {
    uint64_t epoch = exec_block_time(h) / ((uint64_t)c->params.v[MAP_POLICY_EPOCH_MS] * 1000);
    if (epoch == c->epoch)
        return;
    c->epoch = epoch;
    state_put_epoch(h, epoch);
    reputation_judge(c);
    uint64_t bucket = contract_bucket(c, h);
    for (size_t i = 0; i < c->n_subjects; i++) {
        struct subject *s = c->subjects[i];
        if (!subject_age(s, bucket, exec_block_time(h), &c->params))
            continue;
        for (size_t y = s->n_hyps; y-- > 0;)
            if (s->hyps[y].s < S_FORGOTTEN)
                drop_hyp(h, s, y);
        s->touched = true;
    }
    room_let_die(c, h);
}

static void expire_advisories(struct map_contract *c, struct exec_host *h) {
    for (size_t i = 0; i < c->n_subjects; i++)
        for (size_t y = 0; y < c->subjects[i]->n_hyps; y++) {
            struct hypothesis *hyp = &c->subjects[i]->hyps[y];
            if (hyp->advisory != ADVISORY_ACTIVE || hyp->advisory_until > exec_block_time(h))
                continue;
            versions_end_advisory(h, c->subjects[i], hyp, ADVISORY_EXPIRED);
            c->subjects[i]->touched = true;
        }
}

/* ---- the block ---- */

static void keep_or_forget(struct map_contract *c, struct exec_host *h) {
    size_t to = 0;
    for (size_t i = 0; i < c->n_subjects; i++) {
        struct subject *s = c->subjects[i];
        if (s->n_hyps == 0) {
            state_del_subject(h, s);
            subject_free(s);
            continue;
        }
        if (s->touched)
            state_put_subject(h, s);
        s->touched = false;
        c->subjects[to++] = s;
    }
    c->n_subjects = to;
    for (size_t i = 0; i < c->vehicles.n_touched; i++) {
        state_put_vehicle(h, c->vehicles.touched[i]);
        c->vehicles.touched[i]->touched = false;
    }
    c->vehicles.n_touched = 0;
}

/* Drops the votes on elements that nobody suspects, which are nearly all: each says what the map says. */
static void drop_idle_votes(struct map_contract *c) {
    uint64_t *suspected = ws_calloc(c->n_suspected, sizeof(*suspected));
    memcpy(suspected, c->suspected, c->n_suspected * sizeof(*suspected));
    for (size_t i = 0; i < c->n_decrees; i++) {
        const struct element *e = mapset_find(&c->map, c->decrees[i].element_id);
        if (e == NULL || !c->decrees[i].in_force)
            continue;
        size_t at = (size_t)(e - c->map.elements);
        suspected[at / 64] |= UINT64_C(1) << at % 64;
    }
    enum hyp_class cls = HYP_REMOVED;
    for (size_t i = 0; i < c->n_votes; i++) {
        uint64_t at = c->votes[i].ref;
        if (at < PLACE_BASE &&
            (c->votes[i].off || supports_new(&c->map.elements[at], &c->votes[i], NULL, &cls)))
            suspected[at / 64] |= UINT64_C(1) << at % 64;
    }
    size_t to = 0;
    for (size_t i = 0; i < c->n_votes; i++) {
        uint64_t at = c->votes[i].ref;
        if (at >= PLACE_BASE || (suspected[at / 64] >> at % 64 & 1) != 0)
            c->votes[to++] = c->votes[i];
        else
            c->looks[c->votes[i].look].idle++;
    }
    c->n_votes = to;
    free(suspected);
}

void block_count(struct map_contract *c, struct exec_host *h) {
    age_all(c, h);
    drop_idle_votes(c);
    reputation_note_looks(c);
    places_open(c, h);
    silence_hear(c, h);
    votes_sort(c);
    struct stances stances = {0};
    for (size_t i = 0; i < c->n_votes;) {
        uint64_t ref = c->votes[i].ref;
        size_t n = 1;
        while (i + n < c->n_votes && c->votes[i + n].ref == ref)
            n++;
        if (ref < PLACE_BASE)
            count_element(c, h, &c->votes[i], n, &stances);
        else if (ref != PLACE_UNKNOWN)
            count_place(c, h, &c->votes[i], n, &stances);
        i += n;
    }
    free(stances.list);
    contract_add_subjects(c, c->places + c->n_places_before, c->n_places - c->n_places_before);
    expire_advisories(c, h);
    for (size_t i = 0; i < c->n_subjects; i++)
        if (c->subjects[i]->touched)
            versions_review(c, h, c->subjects[i]);
    room_make(c, h);
    keep_or_forget(c, h);
}
