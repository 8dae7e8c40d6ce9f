#include "mapsvc/fuse/pseudonyms.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "mapsvc/fuse/associate.h"

#include <stdlib.h>
#include <string.h>

/* Between two presences further apart in time than this, a vehicle may have been anywhere near. */
#define TOGETHER_US 1000000
#define NO_KIN 0

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

/* ---- who is who ---- */

/* What is looked at of each certificate for every look of a block, close together. */
struct mark {
    uint64_t
        kin; /* equal where issuer, class and family are; NO_KIN: never changes its certificate for another's sake */
    uint64_t time; /* of the last presence; 0: not heard yet */
    int32_t x, y;
    uint32_t root; /* of the list of roots */
};
struct resolver {
    const struct pseudonyms *t;
    const struct pseudonym_rule *r;
    struct pseudonym_joins *joins;
    struct mark *marks; /* as t->list */
    uint8_t (*roots)[32];
    size_t n_roots, cap_roots;
    size_t newcomers;
};

static uint64_t kin_of(const struct pseudonym *p) {
    if (p->observer.sensor == SENSOR_ROADSIDE)
        return NO_KIN;
    uint64_t of = (uint64_t)p->observer.family << 8 | (uint64_t)p->observer.sensor;
    uint64_t kin = be64(p->issuer) + of * UINT64_C(0x9e3779b97f4a7c15);
    return kin == NO_KIN ? 1 : kin;
}

static bool akin(const struct pseudonym *a, const struct pseudonym *b) {
    return a->observer.family == b->observer.family && a->observer.sensor == b->observer.sensor &&
           memcmp(a->issuer, b->issuer, sizeof(a->issuer)) == 0;
}

static int by_root(const void *pa, const void *pb) {
    struct pseudonym *const *a = pa;
    struct pseudonym *const *b = pb;
    return memcmp((*a)->root, (*b)->root, 32);
}

static uint32_t root_of(struct resolver *v, const uint8_t *root) {
    for (size_t i = 0; i < v->n_roots; i++)
        if (memcmp(v->roots[i], root, 32) == 0)
            return (uint32_t)i;
    if (v->n_roots == v->cap_roots) {
        v->cap_roots = 2 * v->cap_roots + 16;
        v->roots = ws_realloc(v->roots, v->cap_roots * sizeof(v->roots[0]));
    }
    memcpy(v->roots[v->n_roots], root, 32);
    return (uint32_t)v->n_roots++;
}

static void take_marks(struct resolver *v) {
    const struct pseudonyms *t = v->t;
    v->marks = ws_calloc(t->n, sizeof(v->marks[0]));
    v->cap_roots = t->n + 16;
    v->roots = ws_calloc(v->cap_roots, sizeof(v->roots[0]));
    struct pseudonym **sorted = (struct pseudonym **)ws_calloc(t->n, sizeof(struct pseudonym *));
    for (size_t i = 0; i < t->n; i++) {
        struct pseudonym *p = t->list[i];
        p->at = (uint32_t)i;
        sorted[i] = p;
        v->marks[i] = (struct mark){
            .kin = kin_of(p), .time = p->placed ? p->last.time : 0, .x = p->last.x, .y = p->last.y};
    }
    qsort((void *)sorted, t->n, sizeof(struct pseudonym *), by_root);
    for (size_t i = 0; i < t->n; i++) {
        if (i == 0 || memcmp(sorted[i - 1]->root, sorted[i]->root, 32) != 0)
            memcpy(v->roots[v->n_roots++], sorted[i]->root, 32);
        v->marks[sorted[i]->at].root = (uint32_t)(v->n_roots - 1);
    }
    free((void *)sorted);
}

static void join(struct resolver *v, uint32_t into, const uint8_t *from) {
    struct pseudonym_joins *js = v->joins;
    if (memcmp(v->roots[into], from, 32) == 0)
        return;
    if (js->n == js->cap) {
        js->cap = js->cap == 0 ? 16 : 2 * js->cap;
        js->list = ws_realloc(js->list, js->cap * sizeof(js->list[0]));
    }
    memcpy(js->list[js->n].into, v->roots[into], 32);
    memcpy(js->list[js->n++].from, from, 32);
}

/* The first word under a certificate: whose successor it is. */
static void succeed(struct resolver *v, struct pseudonym *p, const struct presence *at) {
    struct mark *mine = &v->marks[p->at];
    if (++v->newcomers > PSEUDONYMS_NEW_MAX) {
        static const uint8_t nobody[32] = {0};
        mine->root = root_of(v, nobody);
        return;
    }
    struct pseudonym *best = NULL;
    uint64_t least = 0;
    for (size_t i = 0; i < v->t->n && mine->kin != NO_KIN; i++) {
        const struct mark *m = &v->marks[i];
        if (m->kin != mine->kin || m->time == 0 || m->time >= at->time ||
            at->time - m->time > v->r->gap_us)
            continue;
        struct pseudonym *q = v->t->list[i];
        uint64_t off = 0;
        if (q == p || q->after != NULL || q->latest >= at->time || !akin(p, q) ||
            !successor_possible(q, at, v->r, &off) || (best != NULL && off >= least))
            continue; /* of equals the lower certificate, which is the order of the list */
        best = q;
        least = off;
    }
    if (best == NULL)
        return;
    pseudonym_succeeds(p, best);
    mine->root = v->marks[best->at].root;
    p->speed = presence_speed(&best->last, at, best->speed, v->r->speed_mm_s);
    join(v, mine->root, p->signer);
}

/* Whether m can be on the line, before it is looked at more closely. */
static bool is_beside(
    const struct mark *m, const struct presence *from, const struct presence *to, int64_t reach) {
    int64_t west = from->x < to->x ? from->x : to->x;
    int64_t east = from->x < to->x ? to->x : from->x;
    int64_t south = from->y < to->y ? from->y : to->y;
    int64_t north = from->y < to->y ? to->y : from->y;
    return m->x >= west - reach && m->x <= east + reach && m->y >= south - reach &&
           m->y <= north + reach;
}

/* Two vehicles are never in one place: whoever was where this one was, at a time between two of its presences, is this one. */
static void meet(struct resolver *v, struct pseudonym *p, const struct presence *from,
    const struct presence *to) {
    const struct mark *mine = &v->marks[p->at];
    if (to->time - from->time > TOGETHER_US || mine->kin == NO_KIN)
        return;
    int64_t reach = (int64_t)v->r->overlap_mm + (int64_t)presence_between(from, to, to).slack_mm;
    for (size_t i = 0; i < v->t->n; i++) {
        const struct mark *m = &v->marks[i];
        if (m->kin != mine->kin || m->root == mine->root || m->time < from->time ||
            m->time > to->time || m->time == 0 || !is_beside(m, from, to, reach))
            continue;
        const struct pseudonym *q = v->t->list[i];
        if (!akin(p, q) || heading_gap(q->last.heading, to->heading) > HEADING_45 ||
            presence_between(from, to, &q->last).off_mm > (uint64_t)reach)
            continue;
        bool lower = memcmp(v->roots[mine->root], v->roots[m->root], 32) < 0;
        uint32_t into = lower ? mine->root : m->root;
        uint32_t old = lower ? m->root : mine->root;
        join(v, into, v->roots[old]);
        for (size_t k = 0; k < v->t->n; k++)
            v->marks[k].root = v->marks[k].root == old ? into : v->marks[k].root;
    }
}

/* Two that were taken for one, and were in two places at one time: the later certificate is another vehicle's, and with it those
 * that came after it. */
static void part(struct resolver *v, struct pseudonym *p, const struct presence *from,
    const struct presence *to) {
    struct pseudonym *others[] = {p->before, p->after};
    for (size_t i = 0; i < 2; i++) {
        const struct pseudonym *q = others[i];
        if (q == NULL || q->last.time < from->time || q->last.time > to->time)
            continue;
        struct presence_gap g = presence_between(from, to, &q->last);
        if (g.off_mm <= v->r->overlap_mm + g.slack_mm)
            continue;
        struct pseudonym *later = i == 0 ? p : others[i];
        later->before->after = NULL;
        later->before = NULL;
        later->touched = true;
        uint32_t root = root_of(v, later->signer);
        for (struct pseudonym *k = later; k != NULL; k = k->after)
            v->marks[k->at].root = root;
    }
}

static void hear(struct resolver *v, struct pseudonym *p, const struct presence *at) {
    p->heard = v->r->now;
    p->touched = true;
    if (p->placed && at->time <= p->last.time)
        return; /* a message that was overtaken */
    struct presence from = p->placed ? p->last : *at;
    if (p->placed) {
        part(v, p, &from, at);
        p->speed = presence_speed(&from, at, p->speed, v->r->speed_mm_s);
    } else {
        succeed(v, p, at);
    }
    p->placed = true;
    p->last = *at;
    struct mark *m = &v->marks[p->at];
    m->time = at->time;
    m->x = at->x;
    m->y = at->y;
    meet(v, p, &from, at);
}

void pseudonyms_resolve(
    struct pseudonyms *t, const struct pseudonym_rule *r, struct pseudonym_joins *ret) {
    if (t->n_looks == 0)
        return;
    qsort(t->looks, t->n_looks, sizeof(t->looks[0]), by_time);
    add_newcomers(t);
    struct resolver v = {.t = t, .r = r, .joins = ret};
    take_marks(&v);
    struct pseudonym **who = (struct pseudonym **)ws_calloc(t->n_looks, sizeof(struct pseudonym *));
    for (size_t i = 0; i < t->n_looks; i++) {
        who[i] = pseudonyms_find(t, t->looks[i].signer);
        WS_ASSERT(who[i] != NULL);
        if (t->looks[i].at.time > who[i]->latest)
            who[i]->latest = t->looks[i].at.time;
    }
    for (size_t i = 0; i < t->n_looks; i++)
        hear(&v, who[i], &t->looks[i].at);
    for (size_t i = 0; i < t->n; i++) {
        struct pseudonym *p = t->list[i];
        const uint8_t *root = v.roots[v.marks[i].root];
        p->touched = p->touched || memcmp(p->root, root, 32) != 0;
        memcpy(p->root, root, 32);
    }
    free((void *)who);
    free(v.marks);
    free(v.roots);
    t->n_looks = 0;
}
