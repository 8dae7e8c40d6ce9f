#include "mapsvc/formats/export_part.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- names ---- */

/* FNV-1a. What shares a hash is told apart by the alias itself. */
static uint64_t hash_of(const char *s, size_t n) {
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < n; i++)
        h = (h ^ (uint8_t)s[i]) * UINT64_C(0x100000001b3);
    return h;
}

static int name_order(const void *pa, const void *pb) {
    const struct map_name *a = pa;
    const struct map_name *b = pb;
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    return memcmp(a->id, b->id, sizeof(a->id));
}

static struct map_name name_of(const struct element *e, size_t alias) {
    struct map_name x = {.hash = hash_of(e->aliases[alias], strlen(e->aliases[alias]))};
    memcpy(x.id, e->id, sizeof(x.id));
    return x;
}

void map_names_build(struct map_names *x, const struct mapset *m) {
    size_t total = 0;
    for (size_t i = 0; i < m->n; i++)
        total += m->elements[i].n_aliases;
    x->v = ws_calloc(total, sizeof(x->v[0]));
    for (size_t i = 0; i < m->n; i++)
        for (size_t k = 0; k < m->elements[i].n_aliases; k++)
            x->v[x->n++] = name_of(&m->elements[i], k);
    if (x->n > 1)
        qsort(x->v, x->n, sizeof(x->v[0]), name_order);
}

void map_names_free(struct map_names *x) {
    free(x->v);
    *x = (struct map_names){0};
}

/* The first entry with this hash or a higher one. */
static size_t slot(const struct map_names *x, uint64_t hash) {
    size_t lo = 0;
    size_t hi = x->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (x->v[mid].hash < hash)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool has(const struct map_names *x, const struct map_name *one) {
    for (size_t i = slot(x, one->hash); i < x->n && x->v[i].hash == one->hash; i++)
        if (memcmp(x->v[i].id, one->id, sizeof(one->id)) == 0)
            return true;
    return false;
}

/* Both ascending, from behind, in place. */
static void merge(struct map_names *x, const struct map_name *more, size_t n) {
    x->v = ws_realloc(x->v, (x->n + n) * sizeof(x->v[0]));
    size_t at = x->n + n;
    size_t have = x->n;
    x->n += n;
    x->added += n;
    while (n > 0) {
        bool old = have > 0 && name_order(&x->v[have - 1], &more[n - 1]) > 0;
        x->v[--at] = old ? x->v[--have] : more[--n];
    }
}

void map_names_apply(struct map_names *x, const struct change_record *changes, size_t n) {
    size_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += changes[i].has_after ? changes[i].after.n_aliases : 0;
    struct map_name *more = ws_calloc(total, sizeof(more[0]));
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t a = 0; changes[i].has_after && a < changes[i].after.n_aliases; a++) {
            more[k] = name_of(&changes[i].after, a);
            if (!has(x, &more[k]))
                k++;
        }
    }
    if (k > 1)
        qsort(more, k, sizeof(more[0]), name_order);
    if (k > 0)
        merge(x, more, k);
    free(more);
}

/* ---- the part ---- */

struct gather {
    const struct mapset *m;
    const struct map_names *names;
    uint8_t *taken; /* bit for each element of m */
    const struct element **list;
    size_t n, cap;
};

static void take(struct gather *g, const struct element *e) {
    if (e == NULL)
        return;
    size_t at = (size_t)(e - g->m->elements);
    uint8_t bit = (uint8_t)(1U << at % 8);
    if ((g->taken[at / 8] & bit) != 0)
        return;
    g->taken[at / 8] |= bit;
    if (g->n == g->cap) {
        g->cap = g->cap == 0 ? 64 : 2 * g->cap;
        g->list = (const struct element **)ws_realloc(
            (void *)g->list, g->cap * sizeof(const struct element *));
    }
    g->list[g->n++] = e;
}

static bool has_alias(const struct element *e, const char *name, size_t n) {
    for (size_t i = 0; e != NULL && i < e->n_aliases; i++)
        if (strncmp(e->aliases[i], name, n) == 0 && e->aliases[i][n] == '\0')
            return true;
    return false;
}

/* All that bear the name: which of them is meant is the writer's business. */
static void take_named(struct gather *g, const char *name, size_t n) {
    const struct map_names *x = g->names;
    uint64_t hash = hash_of(name, n);
    for (size_t i = slot(x, hash); i < x->n && x->v[i].hash == hash; i++) {
        const struct element *e = mapset_find(g->m, x->v[i].id);
        if (has_alias(e, name, n))
            take(g, e);
    }
}

/* A limit is written with its lane, a lane with its bounds and limits, an area with its edges. */
static void take_what_goes_with(struct gather *g, const struct element *e) {
    static const char *const keys[] = {"lane", "left", "right", "outer", "inner"};
    char limit[ELEMENT_MAX_TEXT + 16];
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const char *list = element_attr(e, keys[i]);
        /* As a whole, and word by word where it is a list. */
        if (list != NULL)
            take_named(g, list, strlen(list));
        while (list != NULL && *list != '\0') {
            size_t n = strcspn(list, " ");
            take_named(g, list, n);
            list += n;
            list += strspn(list, " ");
        }
    }
    for (size_t i = 0; e->kind == EL_LANE && i < e->n_aliases; i++) {
        (void)snprintf(limit, sizeof(limit), "%s#speed_limit", e->aliases[i]);
        take_named(g, limit, strlen(limit));
    }
}

static int by_id(const void *a, const void *b) {
    return memcmp(((const struct element *)a)->id, ((const struct element *)b)->id, 16);
}

void map_part_of(const struct mapset *m, const struct map_names *x,
    const struct map_version *const *v, size_t n, struct mapset *ret_part) {
    struct gather g = {.m = m, .names = x, .taken = ws_calloc(m->n / 8 + 1, 1)};
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < v[i]->n_changes; k++) {
            const struct change_record *c = &v[i]->changes[k];
            take(&g, mapset_find(m, c->element_id));
            if (c->has_before)
                take_what_goes_with(&g, &c->before);
            if (c->has_after)
                take_what_goes_with(&g, &c->after);
        }
    }
    for (size_t i = 0; i < g.n; i++) /* grows meanwhile */
        take_what_goes_with(&g, g.list[i]);
    *ret_part = *m;
    ret_part->elements = ws_calloc(g.n, sizeof(ret_part->elements[0]));
    ret_part->n = ret_part->cap = g.n;
    for (size_t i = 0; i < g.n; i++)
        ret_part->elements[i] = *g.list[i];
    if (g.n > 1)
        qsort(ret_part->elements, g.n, sizeof(ret_part->elements[0]), by_id);
    free((void *)g.list);
    free(g.taken);
}

void map_part_free(struct mapset *part) {
    free(part->elements);
    *part = (struct mapset){0};
}
