/* The uniform grid: ordered entries with a hash over the buckets. */
#include "base/assert.h"
#include "base/mem.h"
#include "mapsvc/fuse/associate.h"
#include "mapsvc/model/ints.h"

#include <stdlib.h>

static unsigned shift_of(const struct grid *g) {
    return g->shift == 0 ? GRID_FINE : g->shift;
}

/* Biased so that the bucket number grows with the coordinate: dividing negatives does not floor in C. */
static uint32_t bucket_of(int32_t v, unsigned shift) {
    return ((uint32_t)v ^ UINT32_C(0x80000000)) >> shift;
}

uint64_t grid_key(int32_t x, int32_t y) {
    return morton_of(bucket_of(x, GRID_FINE), bucket_of(y, GRID_FINE));
}

void grid_free(struct grid *g) {
    free(g->entries);
    free(g->pages);
    free(g->starts);
    *g = (struct grid){.shift = g->shift};
}

void grid_clear(struct grid *g) {
    g->n = g->n_ordered = 0;
    if (g->n_pages > 0)
        memset(g->pages, 0, g->n_pages * sizeof(g->pages[0]));
}

static void add(struct grid *g, struct grid_entry e) {
    if (g->n == g->cap) {
        g->cap = g->cap == 0 ? 64 : g->cap * 2;
        g->entries = ws_realloc(g->entries, g->cap * sizeof(g->entries[0]));
    }
    e.key = morton_of(bucket_of(e.x, shift_of(g)), bucket_of(e.y, shift_of(g)));
    g->entries[g->n++] = e;
}

void grid_add(struct grid *g, int32_t x, int32_t y, uint32_t ref) {
    add(g, (struct grid_entry){.ref = ref, .x = x, .y = y});
}

/* An entry every 8 m along the segment: whatever is within a gate of the line is within reach of one. */
static void add_segment(
    struct grid *g, const struct map_point *a, const struct map_point *b, struct grid_entry e) {
    int64_t dx = (int64_t)b->x - a->x;
    int64_t dy = (int64_t)b->y - a->y;
    int64_t longest = llabs(dx) > llabs(dy) ? llabs(dx) : llabs(dy);
    int64_t steps = longest / 8192 + 1;
    /* A segment of more than 100 km is in the index at its ends only. */
    if (steps > 12800)
        steps = 1;
    for (int64_t i = 0; i <= steps; i++) {
        e.x = (int32_t)(a->x + dx * i / steps);
        e.y = (int32_t)(a->y + dy * i / steps);
        add(g, e);
    }
}

void grid_add_element(struct grid *g, const struct element *e, uint32_t ref) {
    if (e->n_points == 0)
        return;
    struct grid_entry at = {
        .ref = ref, .heading = e->heading, .kind = (uint8_t)e->kind, .has_heading = e->has_heading};
    if (e->kind != EL_SPEED_LIMIT || e->n_points == 1) {
        element_anchor(e, &at.x, &at.y);
        add(g, at);
        return;
    }
    for (size_t i = 0; i + 1 < e->n_points; i++)
        add_segment(g, &e->points[i], &e->points[i + 1], at);
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

static struct grid_page *page_for(const struct grid *g, uint64_t key) {
    /* Fibonacci hashing: neighbours in Morton order land apart. */
    size_t i = (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (g->n_pages - 1);
    while (g->pages[i].occupied != 0 && g->pages[i].key != key)
        i = (i + 1) & (g->n_pages - 1);
    return &g->pages[i];
}

static void make_pages(struct grid *g, size_t pages) {
    size_t want = 16;
    while (want < 2 * pages)
        want *= 2;
    if (want > g->n_pages) {
        g->pages = ws_realloc(g->pages, want * sizeof(g->pages[0]));
        g->n_pages = want;
    }
    memset(g->pages, 0, g->n_pages * sizeof(g->pages[0]));
}

static void order_entries(struct grid *g) {
    size_t n = g->n - g->n_ordered;
    if (n > 1)
        qsort(g->entries + g->n_ordered, n, sizeof(g->entries[0]), by_key);
    if (n > 0 && g->n_ordered > 0) {
        /* From the back, so that what lies before the first of the new ones stays where it is. */
        struct grid_entry *fresh = ws_calloc(n, sizeof(*fresh));
        memcpy(fresh, g->entries + g->n_ordered, n * sizeof(*fresh));
        size_t old = g->n_ordered;
        for (size_t to = g->n; n > 0; to--) {
            if (old > 0 && by_key(&g->entries[old - 1], &fresh[n - 1]) > 0)
                g->entries[to - 1] = g->entries[--old];
            else
                g->entries[to - 1] = fresh[--n];
        }
        free(fresh);
    }
    g->n_ordered = g->n;
}

/* How many of v[n] (ascending) are below x. */
static size_t below(const uint32_t *v, size_t n, uint32_t x) {
    size_t lo = 0;
    while (lo < n) {
        size_t mid = lo + (n - lo) / 2;
        if (v[mid] < x)
            lo = mid + 1;
        else
            n = mid;
    }
    return lo;
}

void grid_recount(
    struct grid *g, const uint32_t *gone, size_t n_gone, const uint32_t *fresh, size_t n_fresh) {
    WS_ASSERT(g->n_ordered == g->n);
    /* How many keep their entries before each fresh one. */
    uint32_t *before = ws_calloc(n_fresh, sizeof(*before));
    for (size_t k = 0; k < n_fresh; k++)
        before[k] = fresh[k] - (uint32_t)k;
    size_t to = 0;
    for (size_t i = 0; i < g->n; i++) {
        struct grid_entry e = g->entries[i];
        size_t k = below(gone, n_gone, e.ref);
        if (k < n_gone && gone[k] == e.ref)
            continue;
        e.ref -= (uint32_t)k;
        e.ref += (uint32_t)below(before, n_fresh, e.ref + 1);
        g->entries[to++] = e;
    }
    g->n = g->n_ordered = to;
    free(before);
}

void grid_build(struct grid *g) {
    order_entries(g);
    size_t buckets = 0;
    size_t pages = 0;
    for (size_t i = 0; i < g->n; i++) {
        uint64_t differs = i == 0 ? UINT64_MAX : g->entries[i - 1].key ^ g->entries[i].key;
        buckets += differs != 0 ? 1 : 0;
        pages += differs > 63 ? 1 : 0;
    }
    make_pages(g, pages);
    if (buckets + 1 > g->cap_starts) {
        g->cap_starts = buckets + 1;
        g->starts = ws_realloc(g->starts, g->cap_starts * sizeof(g->starts[0]));
    }
    uint32_t n = 0;
    for (size_t i = 0; i < g->n; i++) {
        uint64_t key = g->entries[i].key;
        if (i > 0 && g->entries[i - 1].key == key)
            continue;
        struct grid_page *p = page_for(g, key >> 6);
        if (p->occupied == 0)
            *p = (struct grid_page){.key = key >> 6, .first = n};
        p->occupied |= UINT64_C(1) << (key & 63);
        g->starts[n++] = (uint32_t)i;
    }
    g->starts[n] = (uint32_t)g->n;
}

/* The entries of a bucket of this page: how many. */
static size_t run_of(const struct grid *g, const struct grid_page *p, uint64_t key,
    const struct grid_entry **ret_first) {
    uint64_t bit = UINT64_C(1) << (key & 63);
    if ((p->occupied & bit) == 0)
        return 0;
    const uint32_t *start =
        &g->starts[p->first + (uint32_t)__builtin_popcountll(p->occupied & (bit - 1))];
    *ret_first = &g->entries[start[0]];
    return start[1] - start[0];
}

size_t grid_bucket(const struct grid *g, int32_t x, int32_t y, int dx, int dy,
    const struct grid_entry **ret_first) {
    const int64_t buckets = INT64_C(1) << (32 - shift_of(g));
    int64_t bx = (int64_t)bucket_of(x, shift_of(g)) + dx;
    int64_t by = (int64_t)bucket_of(y, shift_of(g)) + dy;
    if (g->n == 0 || bx < 0 || by < 0 || bx >= buckets || by >= buckets)
        return 0;
    uint64_t key = morton_of((uint32_t)bx, (uint32_t)by);
    return run_of(g, page_for(g, key >> 6), key, ret_first);
}

struct grid_look grid_around(const struct grid *g, int32_t x, int32_t y, int32_t reach_mm) {
    struct grid_look l = {.grid = g, .x = x, .y = y, .reach = reach_mm};
    if (g->n == 0) {
        l.by = 1; /* past by_last: nothing to come */
        return l;
    }
    const unsigned shift = shift_of(g);
    l.bx_first = l.bx = bucket_of(x < INT32_MIN + reach_mm ? INT32_MIN : x - reach_mm, shift);
    l.bx_last = bucket_of(x > INT32_MAX - reach_mm ? INT32_MAX : x + reach_mm, shift);
    l.by = bucket_of(y < INT32_MIN + reach_mm ? INT32_MIN : y - reach_mm, shift);
    l.by_last = bucket_of(y > INT32_MAX - reach_mm ? INT32_MAX : y + reach_mm, shift);
    return l;
}

static void next_bucket(struct grid_look *l) {
    uint64_t key = morton_of(l->bx, l->by);
    if (l->page == NULL || l->page->occupied == 0 || l->page->key != key >> 6)
        l->page = page_for(l->grid, key >> 6);
    l->at = l->grid->entries;
    size_t n = run_of(l->grid, l->page, key, &l->at);
    l->end = l->at + n;
    if (l->bx == l->bx_last) {
        l->bx = l->bx_first;
        l->by++;
    } else {
        l->bx++;
    }
}

bool grid_next(struct grid_look *l, const struct grid_entry **ret_entry) {
    for (;;) {
        for (; l->at < l->end; l->at++) {
            int64_t dx = (int64_t)l->at->x - l->x;
            int64_t dy = (int64_t)l->at->y - l->y;
            if (dx <= l->reach && dx >= -l->reach && dy <= l->reach && dy >= -l->reach) {
                *ret_entry = l->at++;
                return true;
            }
        }
        if (l->by > l->by_last)
            return false;
        next_bucket(l);
    }
}
