/* Making revocation sets: lists are taken apart once, then seeds go from period to period in slices. */
#include "base/assert.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "v2x/revocation_parts.h"

#include <stdlib.h>

/* A device or group; its seeds are those of period i. */
struct seed {
    uint8_t seed1[LINKAGE_SEED_OCTETS], seed2[LINKAGE_SEED_OCTETS];
    uint16_t la1, la2, i_max, scope, list;
    uint16_t i;
    uint8_t jmax;
    bool group, single;
};

struct authority_ids {
    uint8_t authority[32];
    uint8_t id[8];
    uint16_t list;
};

struct revocation_source {
    struct revocation_limits limits;
    struct revocation_clock clock;
    struct linkage *linkage;
    struct buf names, scopes, hashes, seeds, issuers; /* arrays of the structs above */
    size_t n_groups, n_values;
    struct rev_period *ready[REV_PERIODS];
    size_t n_ready;
    /* the period in work */
    struct rev_period *work;
    size_t at; /* next seed */
};

#define COUNT(b, type) ((b).n / sizeof(type))
#define AT(b, type) ((type *)(void *)(b).p)

struct revocation_limits revocation_limits_default(void) {
    return (struct revocation_limits){.entries = 200000, .values = 8000000, .groups = 256};
}

struct revocation_source *revocation_source_new(
    const struct revocation_limits *l, const struct revocation_clock *clock) {
    WS_ASSERT(clock->length_s > 0);
    struct revocation_source *s = ws_alloc(sizeof(*s));
    s->limits = *l;
    s->clock = *clock;
    s->linkage = linkage_new();
    return s;
}

void revocation_source_free(struct revocation_source *s) {
    if (s == NULL)
        return;
    for (size_t i = 0; i < COUNT(s->names, char *); i++)
        free(AT(s->names, char *)[i]);
    for (size_t i = 0; i < s->n_ready; i++)
        rev_period_unref(s->ready[i]);
    rev_period_unref(s->work);
    linkage_free(s->linkage);
    struct buf *const own[] = {&s->names, &s->scopes, &s->hashes, &s->seeds, &s->issuers};
    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        buf_free(own[i]);
    free(s);
}

/* ---- taking lists ---- */

static int name_of(
    struct revocation_source *s, const char *name, uint16_t *ret_list, struct ws_err *err) {
    size_t n = COUNT(s->names, char *);
    if (n == REV_LISTS_MAX)
        return ws_fail(err, WS_ELIMIT, "more than %d revocation lists", REV_LISTS_MAX);
    char *copy = ws_strdup(name);
    buf_put(&s->names, (const void *)&copy, sizeof(copy));
    *ret_list = (uint16_t)(n + 1);
    return WS_OK;
}

static uint16_t scope_of(struct revocation_source *s, const uint8_t *authority, uint16_t series) {
    size_t n = COUNT(s->scopes, struct rev_scope);
    for (size_t i = 0; i < n; i++) {
        const struct rev_scope *e = &AT(s->scopes, struct rev_scope)[i];
        if (e->series == series && memcmp(e->authority, authority, 32) == 0)
            return (uint16_t)i;
    }
    struct rev_scope fresh = {.series = series};
    memcpy(fresh.authority, authority, 32);
    buf_put(&s->scopes, &fresh, sizeof(fresh));
    return (uint16_t)n;
}

struct taking {
    struct revocation_source *s;
    uint16_t scope, list, i_rev;
};

static void take_hash(void *ctx, const uint8_t id[static 10], uint32_t expiry_s) {
    struct taking *t = ctx;
    struct rev_hash h = {.scope = t->scope, .list = t->list};
    (void)
        expiry_s; /* an expired certificate is refused for that; the entry goes with the next full list */
    memcpy(h.id, id, sizeof(h.id));
    buf_put(&t->s->hashes, &h, sizeof(h));
}

static void take_seeds(void *ctx, const struct crl_seeds *from) {
    struct taking *t = ctx;
    struct seed e = {.la1 = from->la1,
        .la2 = from->la2,
        .i_max = from->i_max,
        .scope = t->scope,
        .list = t->list,
        .i = t->i_rev,
        .jmax = from->jmax,
        .group = from->group,
        .single = from->seed2 == NULL};
    memcpy(e.seed1, from->seed1, LINKAGE_SEED_OCTETS);
    t->s->n_values += e.group ? 0 : ((size_t)e.jmax + 1) * REV_PERIODS;
    if (from->seed2 != NULL)
        memcpy(e.seed2, from->seed2, LINKAGE_SEED_OCTETS);
    buf_put(&t->s->seeds, &e, sizeof(e));
}

int revocation_add_crl(struct revocation_source *s, const struct crl *crl,
    const uint8_t authority[static 32], const char *name, struct ws_err *err) {
    static const struct crl_visitor visitor = {take_hash, take_seeds};
    size_t have = COUNT(s->hashes, struct rev_hash) + COUNT(s->seeds, struct seed);
    size_t more = crl->n_hashes + crl->n_devices + crl->n_groups;
    if (more > s->limits.entries - have)
        return ws_fail(
            err, WS_ELIMIT, "%s: more than %zu revocations in all", name, s->limits.entries);
    if (crl->n_groups > s->limits.groups - s->n_groups)
        return ws_fail(
            err, WS_ELIMIT, "%s: more than %zu revoked groups in all", name, s->limits.groups);
    struct taking t = {.s = s, .i_rev = crl->i_rev};
    int rc = name_of(s, name, &t.list, err);
    if (rc != WS_OK)
        return rc;
    t.scope = scope_of(s, authority, crl->series);
    s->n_groups += crl->n_groups;
    crl_walk(crl, &visitor, &t);
    if (s->n_values > s->limits.values)
        return ws_fail(
            err, WS_ELIMIT, "%s: more than %zu linkage values in all", name, s->limits.values);
    return WS_OK;
}

int revocation_add_issuers(struct revocation_source *s, struct span ids,
    const uint8_t authority[static 32], const char *name, struct ws_err *err) {
    size_t have = COUNT(s->issuers, struct authority_ids);
    struct authority_ids e = {0};
    if (ids.n / 8 > s->limits.entries - have)
        return ws_fail(
            err, WS_ELIMIT, "%s: more than %zu revoked issuers in all", name, s->limits.entries);
    int rc = name_of(s, name, &e.list, err);
    if (rc != WS_OK)
        return rc;
    memcpy(e.authority, authority, 32);
    for (size_t i = 0; i < ids.n / 8; i++) {
        memcpy(e.id, ids.p + i * 8, 8);
        buf_put(&s->issuers, &e, sizeof(e));
    }
    return WS_OK;
}

/* ---- periods ---- */

/* Certificates count j from 1 in published vectors, and from 0 by another reading: both ends are covered. */
static size_t values_of(const struct seed *e) {
    return e->group ? 0 : (size_t)e->jmax + 1;
}

static void period_begin(struct revocation_source *s, uint16_t i) {
    struct rev_period *p = ws_alloc(sizeof(*p));
    size_t values = 0;
    size_t groups = 0;
    for (size_t k = 0; k < COUNT(s->seeds, struct seed); k++) {
        const struct seed *e = &AT(s->seeds, struct seed)[k];
        if (i < e->i || i > e->i_max)
            continue;
        values += values_of(e);
        groups += e->group;
    }
    atomic_init(&p->refs, 1);
    p->i = i;
    p->cap = values == 0 ? 0 : values + values / 2 + 1;
    p->slot = ws_calloc(p->cap, sizeof(*p->slot));
    p->groups = ws_calloc(groups, sizeof(*p->groups));
    s->work = p;
    s->at = 0;
}

static void period_add(struct rev_period *p, const struct seed *e, const uint8_t *value) {
    size_t at = rev_home(value, p->cap);
    while (p->slot[at].list != 0)
        at = at + 1 == p->cap ? 0 : at + 1;
    struct rev_value *v = &p->slot[at];
    memcpy(v->value, value, LINKAGE_OCTETS);
    v->list = e->list;
    v->scope = e->scope;
    p->n++;
}

/* One seed into the period in work; answers the work it took. The source keeps the seeds of the earliest period that
 * may be needed again, so e is moved only up to where all later periods start from. */
static size_t period_seed(struct revocation_source *s, struct seed *e) {
    struct rev_period *p = s->work;
    size_t work = 1;
    if (p->i < e->i || p->i > e->i_max)
        return work;
    for (; e->i < p->i; e->i++) {
        linkage_evolve(s->linkage, e->la1, e->seed1);
        if (!e->single)
            linkage_evolve(s->linkage, e->la2, e->seed2);
        work++;
    }
    if (e->group) {
        struct rev_group *g = &p->groups[p->n_groups++];
        *g = (struct rev_group){e->scope, e->list, e->la1, e->la2, e->single, {0}, {0}};
        memcpy(g->seed1, e->seed1, sizeof(g->seed1));
        memcpy(g->seed2, e->seed2, sizeof(g->seed2));
        return work;
    }
    uint8_t values[LINKAGE_RUN * LINKAGE_OCTETS];
    struct linkage_seeds seeds = {e->la1, e->la2, e->seed1, e->single ? NULL : e->seed2};
    linkage_values(s->linkage, &seeds, 0, values_of(e), values);
    for (size_t j = 0; j < values_of(e); j++)
        period_add(p, e, values + j * LINKAGE_OCTETS);
    return work + values_of(e) / 4;
}

static bool is_ready(const struct revocation_source *s, uint16_t i) {
    for (size_t k = 0; k < s->n_ready; k++) {
        if (s->ready[k]->i == i)
            return true;
    }
    return false;
}

/* First and last period wanted at now_s. */
static void wanted(
    const struct revocation_source *s, uint32_t now_s, uint16_t *ret_first, uint16_t *ret_last) {
    uint32_t since = now_s < s->clock.start_s ? 0 : now_s - s->clock.start_s;
    uint32_t i = since / s->clock.length_s;
    i = i > UINT16_MAX - 1 ? UINT16_MAX - 1 : i;
    *ret_first = (uint16_t)(i == 0 ? 0 : i - 1);
    *ret_last = (uint16_t)(i + 1);
}

static void forget(struct revocation_source *s, uint16_t first, uint16_t last) {
    size_t n = 0;
    for (size_t k = 0; k < s->n_ready; k++) {
        if (s->ready[k]->i >= first && s->ready[k]->i <= last)
            s->ready[n++] = s->ready[k];
        else
            rev_period_unref(s->ready[k]);
    }
    s->n_ready = n;
    if (s->work != NULL && (s->work->i < first || s->work->i > last)) {
        rev_period_unref(s->work);
        s->work = NULL;
    }
}

bool revocation_step(struct revocation_source *s, uint32_t now_s, size_t work) {
    uint16_t first, last;
    size_t n = COUNT(s->seeds, struct seed);
    wanted(s, now_s, &first, &last);
    forget(s, first, last);
    for (uint32_t i = first; i <= last && n > 0;) {
        if (is_ready(s, (uint16_t)i)) {
            i++;
            continue;
        }
        /* Periods are made in order: seeds only go forward. */
        if (s->work == NULL)
            period_begin(s, (uint16_t)i);
        for (; s->at < n; s->at++) {
            if (work == 0)
                return true;
            size_t took = period_seed(s, &AT(s->seeds, struct seed)[s->at]);
            work = took > work ? 0 : work - took;
        }
        s->ready[s->n_ready++] = s->work;
        s->work = NULL;
        i++;
    }
    return false;
}

/* ---- the set ---- */

static void build_hashes(const struct revocation_source *s, struct revocation_set *set) {
    size_t n = COUNT(s->hashes, struct rev_hash);
    if (n == 0)
        return;
    set->hash_cap = n + n / 2 + 1;
    set->hashes = ws_calloc(set->hash_cap, sizeof(*set->hashes));
    for (size_t i = 0; i < n; i++) {
        const struct rev_hash *h = &AT(s->hashes, struct rev_hash)[i];
        size_t at = rev_home(h->id, set->hash_cap);
        while (set->hashes[at].list != 0)
            at = at + 1 == set->hash_cap ? 0 : at + 1;
        set->hashes[at] = *h;
    }
}

/* Does `authority` stand above issuer i, or is it that issuer? */
static bool under(const struct trust_store *t, size_t i, const uint8_t *authority) {
    for (size_t depth = 0; i != TRUST_ROOT && depth < trust_count(t); depth++) {
        struct trust_issuer e = trust_issuer_at(t, i);
        if (memcmp(e.hash256, authority, 32) == 0)
            return true;
        i = e.above;
    }
    return false;
}

static uint16_t issuer_revoked(const struct revocation_source *s, const struct revocation_set *set,
    const struct trust_store *t, size_t i, const struct rev_issuer *above) {
    struct trust_issuer e = trust_issuer_at(t, i);
    if (above != NULL && above->revoked != 0)
        return above->revoked;
    for (size_t k = 0; k < COUNT(s->issuers, struct authority_ids); k++) {
        const struct authority_ids *a = &AT(s->issuers, struct authority_ids)[k];
        if ((memcmp(a->id, e.hash256 + 24, 8) == 0 || memcmp(a->id, e.hash384 + 40, 8) == 0) &&
            under(t, i, a->authority))
            return a->list;
    }
    /* Hash lists may name issuing certificates too. */
    for (size_t at = set->hash_cap == 0 ? 0 : rev_home(e.hash256 + 22, set->hash_cap);
         set->hash_cap > 0 && set->hashes[at].list != 0;
         at = at + 1 == set->hash_cap ? 0 : at + 1) {
        const struct rev_hash *h = &set->hashes[at];
        if (memcmp(h->id, e.hash256 + 22, sizeof(h->id)) == 0 &&
            set->scopes[h->scope].series == e.cert->crl_series &&
            under(t, i, set->scopes[h->scope].authority))
            return h->list;
    }
    return 0;
}

static int by_hash(const void *a, const void *b) {
    return memcmp(((const struct rev_issuer *)a)->hash, ((const struct rev_issuer *)b)->hash, 32);
}

static void build_issuers(
    const struct revocation_source *s, struct revocation_set *set, const struct trust_store *t) {
    size_t n = trust_count(t);
    set->n_issuers = n;
    set->issuers = ws_calloc(n, sizeof(*set->issuers));
    set->scope_of = ws_calloc(n * set->n_scopes, sizeof(*set->scope_of));
    for (size_t i = 0; i < n; i++) {
        struct trust_issuer e = trust_issuer_at(t, i);
        struct rev_issuer *to = &set->issuers[i];
        memcpy(to->hash, e.hash256, 32);
        to->revoked =
            issuer_revoked(s, set, t, i, e.above == TRUST_ROOT ? NULL : &set->issuers[e.above]);
        to->scope = set->scope_of + i * set->n_scopes;
        for (size_t k = 0; k < set->n_scopes; k++) {
            if (under(t, i, set->scopes[k].authority))
                to->scope[to->n_scopes++] = (uint16_t)k;
        }
    }
    qsort(set->issuers, n, sizeof(*set->issuers), by_hash);
}

struct revocation_set *revocation_take(
    struct revocation_source *s, const struct trust_store *store, uint32_t now_s) {
    struct revocation_set *set = ws_alloc(sizeof(*set));
    uint16_t first, last;
    wanted(s, now_s, &first, &last);
    atomic_init(&set->refs, 1);
    set->n_names = COUNT(s->names, char *);
    set->names = ws_calloc(set->n_names, sizeof(*set->names));
    for (size_t i = 0; i < set->n_names; i++)
        set->names[i] = ws_strdup(AT(s->names, char *)[i]);
    set->n_scopes = COUNT(s->scopes, struct rev_scope);
    set->scopes = ws_memdup(s->scopes.p, s->scopes.n);
    build_hashes(s, set);
    build_issuers(s, set, store);
    for (size_t i = 0; i < s->n_ready; i++) {
        if (s->ready[i]->i < first || s->ready[i]->i > last)
            continue;
        (void)atomic_fetch_add_explicit(&s->ready[i]->refs, 1, memory_order_relaxed);
        set->period[set->n_periods++] = s->ready[i];
    }
    return set;
}
