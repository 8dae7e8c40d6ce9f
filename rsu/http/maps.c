/* The maps that answers are made of: one that keeps up with what is published, and one that goes where it is asked for in the
 * past; each its lane's own. With the second, copies at intervals, so that it never has far to go. And the pages that were
 * made of them, shared. */
#include "rsu/http/map.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    NEAR_BACK = 8, /* versions: so far the near lane steps back for a question */
    KEEP_EVERY = 1024, /* versions between two copies */
    KEPT = 4, /* copies */
    ANEW = 256, /* what making a map anew is worth, in versions stepped */
    NEAR_IDLE_S = 600,
    FAR_IDLE_S = 60,
};

struct page {
    atomic_uint refs;
    struct http *h;
    uint64_t version;
    struct buf text;
    size_t counted;
};

struct near {
    struct reader_map map;
    atomic_bool following; /* it holds a map that should keep up */
    uint64_t used_us;
};

struct far {
    struct reader_map map;
    uint64_t used_us;
    bool too_large; /* for copies */
    size_t n;
    struct copy {
        uint64_t version;
        struct buf octets;
    } copy[KEPT];
};

struct maps {
    struct near near; /* LANE_NEAR's */
    struct far far; /* LANE_FAR's */
    pthread_mutex_t lock; /* of the pages; held for moments only */
    struct page *page[2][PAGE_KINDS]; /* of the current map, and of an old one */
};

/* ---- pages ---- */

static void page_unref(void *cls) {
    struct page *p = cls;
    if (p == NULL || atomic_fetch_sub(&p->refs, 1) > 1)
        return;
    http_leave_octets(p->h, p->counted);
    buf_free(&p->text);
    free(p);
}

/* The reply takes over a reference. */
static void reply_with(
    struct page *p, enum page_kind kind, uint64_t version, struct http_reply *r) {
    r->made =
        MHD_create_response_from_buffer_with_free_callback_cls(p->text.n, p->text.p, page_unref, p);
    if (r->made == NULL) {
        page_unref(p);
        http_fail(r, MHD_HTTP_SERVICE_UNAVAILABLE, "no memory for the map");
        return;
    }
    r->status = MHD_HTTP_OK;
    r->type = kind == PAGE_GEOJSON ? HTTP_GEOJSONSEQ : HTTP_OCTETS;
    http_header(r, "Wayside-Map-Version", "%" PRIu64, version);
}

bool http_page_give(struct http *h, enum page_kind kind, uint64_t version, struct http_reply *r) {
    struct maps *m = h->maps;
    (void)pthread_mutex_lock(&m->lock);
    struct page *p = m->page[0][kind];
    bool here = p != NULL && p->version == version;
    if (!here) {
        p = m->page[1][kind];
        here = p != NULL && p->version == version;
    }
    if (here)
        (void)atomic_fetch_add(&p->refs, 1);
    (void)pthread_mutex_unlock(&m->lock);
    if (here)
        reply_with(p, kind, version, r);
    return here;
}

void http_page_put(
    struct http *h, enum page_kind kind, uint64_t version, struct buf *text, struct http_reply *r) {
    struct maps *m = h->maps;
    if (!http_take_octets(h, text->n)) {
        buf_free(text);
        http_no_room(h, r);
        return;
    }
    struct page *p = ws_alloc(sizeof(*p));
    *p = (struct page){.h = h, .version = version, .text = *text, .counted = text->n};
    atomic_init(&p->refs, 2); /* the reply's, and the one kept */
    (void)pthread_mutex_lock(&m->lock);
    struct page **at = &m->page[r->lane == LANE_FAR ? 1 : 0][kind];
    struct page *old = *at;
    *at = p;
    (void)pthread_mutex_unlock(&m->lock);
    page_unref(old);
    reply_with(p, kind, version, r);
}

void http_pages_drop(struct http *h) {
    struct maps *m = h->maps;
    struct page *old[2][PAGE_KINDS];
    (void)pthread_mutex_lock(&m->lock);
    memcpy((void *)old, (void *)m->page, sizeof(old));
    memset((void *)m->page, 0, sizeof(m->page));
    (void)pthread_mutex_unlock(&m->lock);
    for (size_t i = 0; i < PAGE_KINDS; i++) {
        page_unref(old[0][i]);
        page_unref(old[1][i]);
    }
    tile_shelf_drop(h);
}

/* ---- the near map ---- */

static uint64_t now_us(const struct http *h) {
    return ws_clock_now(&h->d->clock).mono_us;
}

static int near_at(struct http *h, uint64_t version, struct ws_err *err) {
    struct near *n = &h->maps->near;
    int rc = WS_OK;
    n->used_us = now_us(h);
    if (n->map.version == 0)
        rc = reader_load(h, &n->map, err);
    if (rc == WS_OK)
        rc = reader_go(h, &n->map, version, tile_shelf_follow, h, err);
    atomic_store(&n->following, n->map.version != 0);
    return rc;
}

static void near_idle(struct http *h) {
    struct near *n = &h->maps->near;
    if (n->map.version == 0 || now_us(h) - n->used_us < NEAR_IDLE_S * UINT64_C(1000000))
        return;
    atomic_store(&n->following, false);
    reader_free(&n->map);
    tile_shelf_drop(h);
}

/* What is published now, before anybody asks for it. */
static void follow(struct http *h, void *ctx) {
    struct near *n = &h->maps->near;
    uint64_t current = 0;
    struct ws_err err = {0};
    (void)ctx;
    near_idle(h);
    if (n->map.version == 0 || versions_refresh(h->versions, &current, &err) != WS_OK ||
        current <= n->map.version)
        return;
    int rc = reader_go(h, &n->map, current, tile_shelf_follow, h, &err);
    if (rc != WS_OK && rc != WS_EBUSY)
        ws_log(WS_LOG_ERROR, "http", "map: %s", err.text); /* it holds no map now */
    atomic_store(&n->following, n->map.version != 0);
}

void maps_wake(struct http *h) {
    if (atomic_load(&h->maps->near.following))
        (void)lanes_post(h->lanes, LANE_NEAR, follow, NULL);
}

/* ---- the far one ---- */

static uint64_t distance(uint64_t a, uint64_t b) {
    return a > b ? a - b : b - a;
}

static void forget_copy(struct far *f, size_t i) {
    buf_free(&f->copy[i].octets);
    f->n--;
    memmove(&f->copy[i], &f->copy[i + 1], (f->n - i) * sizeof(f->copy[0]));
}

static void far_forget(struct far *f) {
    reader_free(&f->map);
    while (f->n > 0)
        forget_copy(f, f->n - 1);
    f->too_large = false;
}

static bool has_copy(const struct far *f, uint64_t version) {
    for (size_t i = 0; i < f->n; i++)
        if (f->copy[i].version == version)
            return true;
    return false;
}

static size_t lowest_copy(const struct far *f) {
    size_t low = 0;
    for (size_t i = 1; i < f->n; i++)
        low = f->copy[i].version < f->copy[low].version ? i : low;
    return low;
}

/* Copies together take a quarter of what answers may; those of the lowest versions go first. */
static void keep_copy(const struct http *h, struct far *f) {
    size_t most = h->octets_max / 4;
    size_t have = 0;
    struct buf b = {0};
    if (f->too_large || has_copy(f, f->map.version))
        return;
    reader_encode(&f->map, &b);
    f->too_large = b.n > most;
    for (size_t i = 0; i < f->n; i++)
        have += f->copy[i].octets.n;
    while (f->n > 0 && (f->n == KEPT || have + b.n > most)) {
        size_t low = lowest_copy(f);
        have -= f->copy[low].octets.n;
        forget_copy(f, low);
    }
    if (f->too_large)
        buf_free(&b);
    else
        f->copy[f->n++] = (struct copy){f->map.version, b};
}

/* From what is at hand, whatever is least work: the map as it stands, a copy, or the state. */
static int far_begin(struct http *h, struct far *f, uint64_t version, struct ws_err *err) {
    uint64_t current = 0;
    uint64_t lowest = 0;
    const struct copy *from = NULL;
    versions_range(h->versions, &lowest, &current);
    uint64_t best = distance(current, version) + ANEW;
    bool stay = f->map.version != 0 && distance(f->map.version, version) <= best;
    best = stay ? distance(f->map.version, version) : best;
    for (size_t i = 0; i < f->n; i++) {
        if (distance(f->copy[i].version, version) + ANEW >= best)
            continue;
        best = distance(f->copy[i].version, version) + ANEW;
        from = &f->copy[i];
    }
    if (from != NULL)
        return reader_decode(buf_span(&from->octets), &f->map, err);
    return stay ? WS_OK : reader_load(h, &f->map, err);
}

/* To the next place of a copy on the way, or where it ends. */
static uint64_t next_leg(uint64_t at, uint64_t to) {
    uint64_t stop =
        at < to ? (at / KEEP_EVERY + 1) * KEEP_EVERY : (at - 1) / KEEP_EVERY * KEEP_EVERY;
    return (at < to ? stop > to : stop < to) ? to : stop;
}

static int far_at(struct http *h, uint64_t version, struct ws_err *err) {
    struct far *f = &h->maps->far;
    int rc = far_begin(h, f, version, err);
    while (rc == WS_OK && f->map.version != version) {
        rc = reader_go(h, &f->map, next_leg(f->map.version, version), NULL, NULL, err);
        if (rc == WS_OK && f->map.version % KEEP_EVERY == 0)
            keep_copy(h, f);
    }
    f->used_us = now_us(h);
    return rc;
}

/* ---- both ---- */

enum http_lane http_map_lane(struct http *h, uint64_t version) {
    uint64_t current = 0;
    uint64_t lowest = 0;
    versions_range(h->versions, &lowest, &current);
    return version + NEAR_BACK >= current ? LANE_NEAR : LANE_FAR;
}

struct reader_map *http_map_at(
    struct http *h, enum http_lane lane, uint64_t version, struct http_reply *r) {
    struct ws_err err = {0};
    int rc = lane == LANE_FAR ? far_at(h, version, &err) : near_at(h, version, &err);
    if (rc == WS_OK)
        return lane == LANE_FAR ? &h->maps->far.map : &h->maps->near.map;
    http_fail_err(r, rc == WS_EBUSY ? WS_EBUSY : WS_EIO, &err);
    return NULL;
}

void http_maps_idle(struct http *h, enum http_lane lane) {
    struct far *f = &h->maps->far;
    if (lane == LANE_NEAR)
        near_idle(h);
    else if (lane == LANE_FAR && now_us(h) - f->used_us >= FAR_IDLE_S * UINT64_C(1000000))
        far_forget(f);
}

struct maps *maps_new(void) {
    struct maps *m = ws_alloc(sizeof(*m));
    (void)pthread_mutex_init(&m->lock, NULL);
    return m;
}

void maps_free(struct maps *m) {
    if (m == NULL)
        return;
    for (size_t i = 0; i < PAGE_KINDS; i++) {
        page_unref(m->page[0][i]);
        page_unref(m->page[1][i]);
    }
    reader_free(&m->near.map);
    far_forget(&m->far);
    (void)pthread_mutex_destroy(&m->lock);
    free(m);
}
