#include "mapsvc/pseudonyms.h"

#include "base/assert.h"
#include "base/mem.h"
#include "mapsvc/associate.h"

#include <stdlib.h>
#include <string.h>

/* Between two presences further apart in time than this, a vehicle may have been anywhere near. */
#define TOGETHER_US 1000000

/* ---- the list ---- */

struct pseudonym *pseudonyms_find(const struct pseudonyms *t, const uint8_t signer[static 32]) {
    size_t lo = 0;
    size_t hi = t->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int r = memcmp(t->list[mid]->signer, signer, 32);
        if (r == 0)
            return t->list[mid];
        if (r < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

static void make_room(struct pseudonyms *t, size_t n) {
    if (t->cap >= n)
        return;
    t->cap = 2 * n;
    t->list = (struct pseudonym **)ws_realloc((void *)t->list, t->cap * sizeof(struct pseudonym *));
}

struct pseudonym *pseudonyms_load(struct pseudonyms *t, const struct pseudonym *p) {
    make_room(t, t->n + 1);
    struct pseudonym *copy = ws_alloc(sizeof(*copy));
    *copy = *p;
    copy->placed = true;
    copy->latest = p->last.time;
    t->list[t->n++] = copy;
    return copy;
}

void pseudonym_succeeds(struct pseudonym *p, struct pseudonym *before) {
    p->before = before;
    before->after = p;
}

void pseudonyms_note(struct pseudonyms *t, const struct pseudonym_look *l) {
    if (t->n_looks == t->cap_looks) {
        t->cap_looks = t->cap_looks == 0 ? 64 : 2 * t->cap_looks;
        t->looks = ws_realloc(t->looks, t->cap_looks * sizeof(t->looks[0]));
    }
    t->looks[t->n_looks++] = *l;
}

void pseudonyms_forget(struct pseudonyms *t, const struct pseudonym_rule *r,
    void (*gone)(void *self, const struct pseudonym *p), void *self) {
    size_t to = 0;
    for (size_t i = 0; i < t->n; i++) {
        struct pseudonym *p = t->list[i];
        if (r->now - p->heard < r->gap_us) {
            t->list[to++] = p;
            continue;
        }
        if (p->before != NULL)
            p->before->after = NULL;
        if (p->after != NULL) {
            p->after->before = NULL;
            p->after->touched = true;
        }
        gone(self, p);
        free(p);
    }
    t->n = to;
}

void pseudonyms_free(struct pseudonyms *t) {
    for (size_t i = 0; i < t->n; i++)
        free(t->list[i]);
    free((void *)t->list);
    free(t->looks);
}

/* ---- the block ---- */

static int by_time(const void *pa, const void *pb) {
    const struct pseudonym_look *a = pa;
    const struct pseudonym_look *b = pb;
    if (a->at.time != b->at.time)
        return a->at.time < b->at.time ? -1 : 1;
    int r = memcmp(a->signer, b->signer, 32);
    return r != 0 ? r : memcmp(a->leaf, b->leaf, 32);
}

static int by_signer(const void *pa, const void *pb) {
    struct pseudonym *const *a = pa;
    struct pseudonym *const *b = pb;
    return memcmp((*a)->signer, (*b)->signer, 32);
}

/* An entry for each certificate that is heard for the first time. */
static void add_newcomers(struct pseudonyms *t) {
    struct pseudonym **fresh =
        (struct pseudonym **)ws_calloc(t->n_looks, sizeof(struct pseudonym *));
    size_t n = 0;
    for (size_t i = 0; i < t->n_looks; i++) {
        const struct pseudonym_look *l = &t->looks[i];
        if (pseudonyms_find(t, l->signer) != NULL)
            continue;
        struct pseudonym *p = ws_calloc(1, sizeof(*p));
        memcpy(p->signer, l->signer, sizeof(p->signer));
        memcpy(p->root, l->signer, sizeof(p->root));
        memcpy(p->issuer, l->issuer, sizeof(p->issuer));
        p->observer = l->observer;
        p->speed = SPEED_UNKNOWN;
        fresh[n++] = p;
    }
    if (n > 0)
        qsort((void *)fresh, n, sizeof(struct pseudonym *), by_signer);
    size_t unique = 0;
    for (size_t i = 0; i < n; i++)
        if (unique == 0 ||
            by_signer((const void *)&fresh[unique - 1], (const void *)&fresh[i]) != 0)
            fresh[unique++] = fresh[i];
        else
            free(fresh[i]);
    make_room(t, t->n + unique);
    /* Merged from the end. */
    size_t from = t->n;
    t->n += unique;
    for (size_t to = t->n; unique > 0;) {
        if (from > 0 && memcmp(t->list[from - 1]->signer, fresh[unique - 1]->signer, 32) > 0)
            t->list[--to] = t->list[--from];
        else
            t->list[--to] = fresh[--unique];
    }
    free((void *)fresh);
}

/* Of what the certificates say of themselves: whether both can be one vehicle's. What stands at the roadside never changes its
 * certificate for another's sake. */
static bool akin(const struct pseudonym *a, const struct pseudonym *b) {
    return a->observer.family == b->observer.family && a->observer.sensor == b->observer.sensor &&
           a->observer.sensor != SENSOR_ROADSIDE &&
           memcmp(a->issuer, b->issuer, sizeof(a->issuer)) == 0;
}

static void join(struct pseudonym_joins *js, const uint8_t *into, const uint8_t *from) {
    if (memcmp(into, from, 32) == 0)
        return;
    if (js->n == js->cap) {
        js->cap = js->cap == 0 ? 16 : 2 * js->cap;
        js->list = ws_realloc(js->list, js->cap * sizeof(js->list[0]));
    }
    memcpy(js->list[js->n].into, into, 32);
    memcpy(js->list[js->n++].from, from, 32);
}

static void set_root(struct pseudonym *p, const uint8_t *root) {
    memcpy(p->root, root, sizeof(p->root));
    p->touched = true;
}

/* The first word under a certificate: whose successor it is. */
static void succeed(const struct pseudonyms *t, const struct pseudonym_rule *r, struct pseudonym *p,
    const struct presence *at, struct pseudonym_joins *joins) {
    struct pseudonym *best = NULL;
    uint64_t least = 0;
    for (size_t i = 0; i < t->n; i++) {
        struct pseudonym *q = t->list[i];
        uint64_t off = 0;
        if (q == p || !q->placed || q->after != NULL || q->latest >= at->time || !akin(p, q) ||
            !successor_possible(q, at, r, &off) || (best != NULL && off >= least))
            continue; /* of equals the lower certificate, which is the order of the list */
        best = q;
        least = off;
    }
    if (best == NULL)
        return;
    pseudonym_succeeds(p, best);
    set_root(p, best->root);
    p->speed = presence_speed(&best->last, at, best->speed, r->speed_mm_s);
    join(joins, best->root, p->signer);
}

/* Two vehicles are never in one place: whoever was where this one was, at a time between two of its presences, is this one. */
static void meet(const struct pseudonyms *t, const struct pseudonym_rule *r, struct pseudonym *p,
    const struct presence *from, const struct presence *to, struct pseudonym_joins *joins) {
    if (to->time - from->time > TOGETHER_US)
        return;
    for (size_t i = 0; i < t->n; i++) {
        const struct pseudonym *q = t->list[i];
        if (q->last.time < from->time || q->last.time > to->time || !q->placed || q == p ||
            !akin(p, q) || memcmp(p->root, q->root, 32) == 0 ||
            heading_gap(q->last.heading, to->heading) > HEADING_45)
            continue;
        struct presence_gap g = presence_between(from, to, &q->last);
        if (g.off_mm > r->overlap_mm + g.slack_mm)
            continue;
        bool lower = memcmp(p->root, q->root, 32) < 0;
        uint8_t into[32];
        uint8_t old[32];
        memcpy(into, lower ? p->root : q->root, 32);
        memcpy(old, lower ? q->root : p->root, 32);
        join(joins, into, old);
        for (size_t k = 0; k < t->n; k++)
            if (memcmp(t->list[k]->root, old, 32) == 0)
                set_root(t->list[k], into);
    }
}

/* Two that were taken for one, and were in two places at one time: the later certificate is another vehicle's, and with it those
 * that came after it. */
static void part(const struct pseudonym_rule *r, struct pseudonym *p, const struct presence *from,
    const struct presence *to) {
    struct pseudonym *others[] = {p->before, p->after};
    for (size_t i = 0; i < 2; i++) {
        const struct pseudonym *q = others[i];
        if (q == NULL || q->last.time < from->time || q->last.time > to->time)
            continue;
        struct presence_gap g = presence_between(from, to, &q->last);
        if (g.off_mm <= r->overlap_mm + g.slack_mm)
            continue;
        struct pseudonym *later = i == 0 ? p : others[i];
        later->before->after = NULL;
        later->before = NULL;
        for (struct pseudonym *k = later; k != NULL; k = k->after)
            set_root(k, later->signer);
    }
}

static void hear(const struct pseudonyms *t, const struct pseudonym_rule *r, struct pseudonym *p,
    const struct presence *at, struct pseudonym_joins *joins) {
    p->heard = r->now;
    p->touched = true;
    if (p->placed && at->time <= p->last.time)
        return; /* a message that was overtaken */
    struct presence from = p->placed ? p->last : *at;
    if (p->placed) {
        part(r, p, &from, at);
        p->speed = presence_speed(&from, at, p->speed, r->speed_mm_s);
    } else {
        succeed(t, r, p, at, joins);
    }
    p->placed = true;
    p->last = *at;
    meet(t, r, p, &from, at, joins);
}

void pseudonyms_resolve(
    struct pseudonyms *t, const struct pseudonym_rule *r, struct pseudonym_joins *ret) {
    if (t->n_looks == 0)
        return;
    qsort(t->looks, t->n_looks, sizeof(t->looks[0]), by_time);
    add_newcomers(t);
    struct pseudonym **who = (struct pseudonym **)ws_calloc(t->n_looks, sizeof(struct pseudonym *));
    for (size_t i = 0; i < t->n_looks; i++) {
        who[i] = pseudonyms_find(t, t->looks[i].signer);
        WS_ASSERT(who[i] != NULL);
        if (t->looks[i].at.time > who[i]->latest)
            who[i]->latest = t->looks[i].at.time;
    }
    for (size_t i = 0; i < t->n_looks; i++)
        hear(t, r, who[i], &t->looks[i].at, ret);
    free((void *)who);
    t->n_looks = 0;
}
