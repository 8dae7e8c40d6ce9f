/* The uniform grid: ordered entries with a hash over the buckets. */
#include "base/mem.h"
#include "mapsvc/associate.h"

#include <stdlib.h>

enum { BUCKET_SHIFT = 14, BUCKETS = 1 << 18 };

/* Biased so that the bucket number grows with the coordinate: dividing negatives does not floor in C. */
static uint32_t bucket_of(int32_t v) {
    return ((uint32_t)v ^ UINT32_C(0x80000000)) >> BUCKET_SHIFT;
}

static uint64_t spread(uint64_t v) {
    v = (v | v << 16) & UINT64_C(0x0000ffff0000ffff);
    v = (v | v << 8) & UINT64_C(0x00ff00ff00ff00ff);
    v = (v | v << 4) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    v = (v | v << 2) & UINT64_C(0x3333333333333333);
    return (v | v << 1) & UINT64_C(0x5555555555555555);
}

static uint64_t morton(uint32_t bx, uint32_t by) {
    return spread(bx) | spread(by) << 1;
}

uint64_t grid_key(int32_t x, int32_t y) {
    return morton(bucket_of(x), bucket_of(y));
}

void grid_free(struct grid *g) {
    free(g->entries);
    free(g->slots);
    *g = (struct grid){0};
}

void grid_clear(struct grid *g) {
    g->n = 0;
    if (g->n_slots > 0)
        memset(g->slots, 0, g->n_slots * sizeof(g->slots[0]));
}

void grid_add(struct grid *g, int32_t x, int32_t y, uint32_t ref) {
    if (g->n == g->cap) {
        g->cap = g->cap == 0 ? 64 : g->cap * 2;
        g->entries = ws_realloc(g->entries, g->cap * sizeof(g->entries[0]));
    }
    g->entries[g->n++] = (struct grid_entry){grid_key(x, y), ref, x, y};
}

/* An entry every 8 m along the segment: whatever is within a gate of the line is within reach of one. */
static void add_segment(
    struct grid *g, const struct map_point *a, const struct map_point *b, uint32_t ref) {
    int64_t dx = (int64_t)b->x - a->x;
    int64_t dy = (int64_t)b->y - a->y;
    int64_t longest = llabs(dx) > llabs(dy) ? llabs(dx) : llabs(dy);
    int64_t steps = longest / 8192 + 1;
    /* A segment of more than 100 km is in the index at its ends only. */
    if (steps > 12800)
        steps = 1;
    for (int64_t i = 0; i <= steps; i++)
        grid_add(g, (int32_t)(a->x + dx * i / steps), (int32_t)(a->y + dy * i / steps), ref);
}

void grid_add_element(struct grid *g, const struct element *e, uint32_t ref) {
    if (e->n_points == 0)
        return;
    if (e->kind != EL_SPEED_LIMIT || e->n_points == 1) {
        int32_t x = 0;
        int32_t y = 0;
        element_anchor(e, &x, &y);
        grid_add(g, x, y, ref);
        return;
    }
    for (size_t i = 0; i + 1 < e->n_points; i++)
        add_segment(g, &e->points[i], &e->points[i + 1], ref);
}

static int by_key(const void *a, const void *b) {
    const struct grid_entry *x = a;
    const struct grid_entry *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    if (x->ref != y->ref)
        return x->ref < y->ref ? -1 : 1;
    if (x->x != y->x)
        return x->x < y->x ? -1 : 1;
    return (x->y > y->y) - (x->y < y->y);
}

static struct grid_slot *slot_for(const struct grid *g, uint64_t key) {
    /* Fibonacci hashing: neighbours in Morton order land apart. */
    size_t i = (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (g->n_slots - 1);
    while (g->slots[i].n != 0 && g->slots[i].key != key)
        i = (i + 1) & (g->n_slots - 1);
    return &g->slots[i];
}

void grid_build(struct grid *g) {
    if (g->n > 1)
        qsort(g->entries, g->n, sizeof(g->entries[0]), by_key);
    size_t buckets = 0;
    for (size_t i = 0; i < g->n; i++)
        buckets += i == 0 || g->entries[i - 1].key != g->entries[i].key ? 1 : 0;
    size_t want = 16;
    while (want < 2 * buckets)
        want *= 2;
    if (want > g->n_slots) {
        g->slots = ws_realloc(g->slots, want * sizeof(g->slots[0]));
        g->n_slots = want;
    }
    memset(g->slots, 0, g->n_slots * sizeof(g->slots[0]));
    for (size_t i = 0; i < g->n; i++) {
        struct grid_slot *s = slot_for(g, g->entries[i].key);
        if (s->n == 0)
            *s = (struct grid_slot){g->entries[i].key, (uint32_t)i, 0};
        s->n++;
    }
}

size_t grid_bucket(const struct grid *g, int32_t x, int32_t y, int dx, int dy,
    const struct grid_entry **ret_first) {
    int64_t bx = (int64_t)bucket_of(x) + dx;
    int64_t by = (int64_t)bucket_of(y) + dy;
    if (g->n == 0 || bx < 0 || by < 0 || bx >= BUCKETS || by >= BUCKETS)
        return 0;
    const struct grid_slot *s = slot_for(g, morton((uint32_t)bx, (uint32_t)by));
    if (s->n == 0)
        return 0;
    *ret_first = &g->entries[s->first];
    return s->n;
}

struct grid_look grid_near(const struct grid *g, int32_t x, int32_t y) {
    struct grid_look l = {.grid = g, .x = x, .y = y};
    if (g->n == 0) {
        l.by = 1; /* past by_last: nothing to come */
        return l;
    }
    const int32_t reach = GRID_REACH_MM;
    l.bx_first = l.bx = bucket_of(x < INT32_MIN + reach ? INT32_MIN : x - reach);
    l.bx_last = bucket_of(x > INT32_MAX - reach ? INT32_MAX : x + reach);
    l.by = bucket_of(y < INT32_MIN + reach ? INT32_MIN : y - reach);
    l.by_last = bucket_of(y > INT32_MAX - reach ? INT32_MAX : y + reach);
    return l;
}

bool grid_next(struct grid_look *l, const struct grid_entry **ret_entry) {
    for (;;) {
        for (; l->at < l->end; l->at++) {
            int64_t dx = (int64_t)l->at->x - l->x;
            int64_t dy = (int64_t)l->at->y - l->y;
            if (dx <= GRID_REACH_MM && dx >= -GRID_REACH_MM && dy <= GRID_REACH_MM &&
                dy >= -GRID_REACH_MM) {
                *ret_entry = l->at++;
                return true;
            }
        }
        if (l->by > l->by_last)
            return false;
        const struct grid_slot *s = slot_for(l->grid, morton(l->bx, l->by));
        l->at = &l->grid->entries[s->first];
        l->end = l->at + s->n;
        if (l->bx == l->bx_last) {
            l->bx = l->bx_first;
            l->by++;
        } else {
            l->bx++;
        }
    }
}
