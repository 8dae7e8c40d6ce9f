/* /v1/map/tiles: which tiles a map version has, and one of them with the path to the version's root.
 *
 * What of a tile's file are its elements is kept, and follows the changes: a tile that did not change is sent again as it is,
 * one that did costs what changed. The rest of the file is small and made for each version. */
#include "rsu/http/map.h"

#include "base/mem.h"
#include "rsu/proofs/tile_file.h"

#include <inttypes.h>
#include <stdlib.h>

enum { SHELF = 64 /* tiles kept */ };

/* The elements part of a tile's file; shared by the answers that send it, and never changed. */
struct tile_body {
    atomic_uint refs;
    struct http *h;
    uint8_t root[32]; /* of the tile */
    struct buf octets;
};

struct tile_shelf {
    pthread_mutex_t lock; /* held for moments only */
    uint64_t turn;
    struct place {
        uint32_t id;
        uint64_t used; /* turn; 0: free */
        uint64_t version; /* that the head is of; 0: none is made */
        struct buf head;
        struct tile_body *body;
    } place[SHELF];
};

static void body_unref(struct tile_body *b) {
    if (b == NULL || atomic_fetch_sub(&b->refs, 1) > 1)
        return;
    http_leave_octets(b->h, b->octets.n);
    buf_free(&b->octets);
    free(b);
}

/* Takes over the octets; NULL: there is no room, and they are gone. */
static struct tile_body *body_new(
    struct http *h, const uint8_t root[static 32], struct buf *octets) {
    if (!http_take_octets(h, octets->n)) {
        buf_free(octets);
        return NULL;
    }
    struct tile_body *b = ws_alloc(sizeof(*b));
    *b = (struct tile_body){.h = h, .octets = *octets};
    atomic_init(&b->refs, 1);
    memcpy(b->root, root, sizeof(b->root));
    return b;
}

/* ---- the shelf ---- */

struct tile_shelf *tile_shelf_new(void) {
    struct tile_shelf *s = ws_alloc(sizeof(*s));
    (void)pthread_mutex_init(&s->lock, NULL);
    return s;
}

void tile_shelf_drop(struct http *h) {
    struct tile_shelf *s = h->shelf;
    struct tile_body *gone[SHELF];
    (void)pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < SHELF; i++) {
        gone[i] = s->place[i].body;
        buf_free(&s->place[i].head);
        s->place[i] = (struct place){0};
    }
    (void)pthread_mutex_unlock(&s->lock);
    for (size_t i = 0; i < SHELF; i++)
        body_unref(gone[i]);
}

void tile_shelf_free(struct http *h) {
    if (h->shelf == NULL)
        return;
    tile_shelf_drop(h);
    (void)pthread_mutex_destroy(&h->shelf->lock);
    free(h->shelf);
}

/* With the lock held. NULL: it is not there. */
static struct place *find(struct tile_shelf *s, uint32_t id) {
    for (size_t i = 0; i < SHELF; i++)
        if (s->place[i].used > 0 && s->place[i].id == id)
            return &s->place[i];
    return NULL;
}

/* A reference of the caller's own, or NULL. */
static struct tile_body *borrow(struct tile_shelf *s, uint32_t id) {
    (void)pthread_mutex_lock(&s->lock);
    struct place *p = find(s, id);
    struct tile_body *b = p == NULL ? NULL : p->body;
    if (b != NULL)
        (void)atomic_fetch_add(&b->refs, 1);
    (void)pthread_mutex_unlock(&s->lock);
    return b;
}

/* Takes over a reference. In the place of what is there of the tile, or of what was not asked for the longest.
 * head: of this version; taken over, empty: none. */
static void put(struct tile_shelf *s, uint32_t id, struct tile_body *b, uint64_t version,
    const struct buf *head) {
    (void)pthread_mutex_lock(&s->lock);
    struct place *there = find(s, id);
    struct place *p = there != NULL ? there : &s->place[0];
    for (size_t i = 0; there == NULL && i < SHELF; i++)
        p = s->place[i].used < p->used ? &s->place[i] : p;
    struct tile_body *old = p->body;
    buf_free(&p->head);
    *p = (struct place){.id = id, .used = ++s->turn, .version = version, .body = b};
    buf_put(&p->head, head->p, head->n);
    (void)pthread_mutex_unlock(&s->lock);
    body_unref(old);
}

/* ---- following the map ---- */

struct edit {
    uint32_t tile;
    struct tile_edit what;
};

static int by_tile(const void *pa, const void *pb) {
    const struct edit *a = pa;
    const struct edit *b = pb;
    if (a->tile != b->tile)
        return a->tile < b->tile ? -1 : 1;
    return memcmp(a->what.id, b->what.id, 16);
}

/* What each tile gets and loses: one edit for each element and tile. */
static struct edit *edits_of(
    const struct cell_frame *f, const struct change_record *changes, size_t n, size_t *ret_n) {
    struct edit *list = ws_calloc(2 * n, sizeof(*list));
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        const struct change_record *c = &changes[i];
        uint32_t to = c->has_after ? tile_of(f, &c->after) : 0;
        uint32_t from = c->has_before ? tile_of(f, &c->before) : 0;
        if (c->has_after)
            list[k++] = (struct edit){to, {c->element_id, &c->after}};
        if (c->has_before && (!c->has_after || from != to))
            list[k++] = (struct edit){from, {c->element_id, NULL}};
    }
    if (k > 1)
        qsort(list, k, sizeof(*list), by_tile);
    *ret_n = k;
    return list;
}

static void renew(struct http *h, const struct reader_map *m, uint32_t id,
    const struct tile_edit *edits, size_t n) {
    struct tile_body *old = borrow(h->shelf, id);
    size_t at = tiles_find(&m->tiles, id);
    struct buf octets = {0};
    if (old == NULL)
        return;
    if (at < m->tiles.n && memcmp(old->root, m->tiles.v[at].root, 32) != 0) {
        tile_file_patch(buf_span(&old->octets), edits, n, &octets);
        struct tile_body *b = body_new(h, m->tiles.v[at].root, &octets);
        if (b != NULL)
            put(h->shelf, id, b, 0, &(struct buf){0});
    }
    body_unref(old);
}

void tile_shelf_follow(
    void *ctx, const struct reader_map *m, const struct change_record *changes, size_t n) {
    struct http *h = ctx;
    size_t all = 0;
    struct edit *list = edits_of(&m->map.frame, changes, n, &all);
    struct tile_edit *edits = ws_calloc(all, sizeof(*edits));
    for (size_t i = 0; i < all;) {
        size_t k = 0;
        for (; i + k < all && list[i + k].tile == list[i].tile; k++)
            edits[k] = list[i + k].what;
        renew(h, m, list[i].tile, edits, k);
        i += k;
    }
    free(edits);
    free(list);
}

/* ---- answers ---- */

/* A file in two parts. */
struct sent {
    struct buf head;
    struct tile_body *body;
};

static void sent_free(void *cls) {
    struct sent *s = cls;
    body_unref(s->body);
    buf_free(&s->head);
    free(s);
}

/* Takes over head and a reference of body. */
static void reply_with(
    struct tile_body *body, struct buf *head, uint64_t version, struct http_reply *r) {
    struct sent *s = ws_alloc(sizeof(*s));
    *s = (struct sent){*head, body};
    const struct MHD_IoVec parts[] = {{s->head.p, s->head.n}, {body->octets.p, body->octets.n}};
    r->made = MHD_create_response_from_iovec(parts, ARRAY_LEN(parts), sent_free, s);
    if (r->made == NULL) {
        sent_free(s);
        http_fail(r, MHD_HTTP_SERVICE_UNAVAILABLE, "no memory for the tile");
        return;
    }
    r->status = MHD_HTTP_OK;
    r->type = HTTP_OCTETS;
    http_header(r, "Wayside-Map-Version", "%" PRIu64, version);
}

/* As it is on the shelf. */
static bool give_kept(struct http *h, uint32_t id, uint64_t version, struct http_reply *r) {
    struct tile_shelf *s = h->shelf;
    struct buf head = {0};
    struct tile_body *body = NULL;
    (void)pthread_mutex_lock(&s->lock);
    struct place *p = find(s, id);
    if (p != NULL && p->version == version) {
        p->used = ++s->turn;
        body = p->body;
        (void)atomic_fetch_add(&body->refs, 1);
        buf_put(&head, p->head.p, p->head.n);
    }
    (void)pthread_mutex_unlock(&s->lock);
    if (body == NULL)
        return false;
    reply_with(body, &head, version, r);
    return true;
}

/* The body on the shelf if it is the one, else it is made. */
static struct tile_body *body_of(struct http *h, const struct reader_map *m, size_t at) {
    const struct tile *t = &m->tiles.v[at];
    struct tile_body *b = borrow(h->shelf, t->id);
    if (b != NULL && memcmp(b->root, t->root, sizeof(b->root)) == 0)
        return b;
    body_unref(b);
    struct buf octets = {0};
    tile_file_elements(&m->tiles, at, &m->map, &octets);
    return body_new(h, t->root, &octets);
}

static bool read_id(const struct http_call *c, uint32_t *ret_id, struct http_reply *r) {
    struct ws_err err = {0};
    uint64_t id = 0;
    int rc = http_number(c->target.segment[3], "tile", UINT32_MAX, &id, &err);
    if (rc != WS_OK)
        http_fail_err(r, rc, &err);
    *ret_id = (uint32_t)id;
    return rc == WS_OK;
}

static void make_tile(struct http *h, const struct http_call *c, struct http_reply *r) {
    uint64_t version = 0;
    uint32_t id = 0;
    struct buf head = {0};
    if (!http_map_version(h, c, &version, r) || !http_map_reachable(h, version, r) ||
        !read_id(c, &id, r) || give_kept(h, id, version, r))
        return;
    struct reader_map *m = http_map_at(h, r->lane, version, r);
    if (m == NULL)
        return;
    size_t at = tiles_find(&m->tiles, id);
    if (at == m->tiles.n) {
        http_fail(r, MHD_HTTP_NOT_FOUND,
            "version %" PRIu64 " of the map has nothing in tile %" PRIu32, m->version, id);
        return;
    }
    struct tile_body *body = body_of(h, m, at);
    if (body == NULL) {
        http_no_room(h, r);
        return;
    }
    tile_file_head(h->d->cell_id, m->version, &m->tiles, at, &head);
    if (r->lane == LANE_NEAR) {
        (void)atomic_fetch_add(&body->refs, 1);
        put(h->shelf, id, body, m->version, &head);
    }
    reply_with(body, &head, m->version, r);
}

void http_get_tile(struct http *h, const struct http_call *c, struct http_reply *r) {
    uint64_t version = 0;
    uint32_t id = 0;
    if (http_map_version(h, c, &version, r) && http_map_reachable(h, version, r) &&
        read_id(c, &id, r) && !give_kept(h, id, version, r))
        http_later(r, http_map_lane(h, version), make_tile);
}

/* ---- the list ---- */

static json_t *tile_entry(const struct tile *t) {
    int32_t lat = 0;
    int32_t lon = 0;
    int32_t edge = 0;
    json_t *o = json_object();
    json_put(o, "id", json_count(t->id));
    json_put(o, "elements", json_count(t->n));
    json_put(o, "root", json_hex(t->root, sizeof(t->root)));
    if (tile_bounds(t->id, &lat, &lon, &edge)) {
        json_put(o, "south", json_degrees(lat));
        json_put(o, "west", json_degrees(lon));
        json_put(o, "edge", json_degrees(edge));
    }
    return o;
}

static void make_list(struct http *h, const struct http_call *c, struct http_reply *r) {
    uint64_t version = 0;
    if (!http_map_version(h, c, &version, r) || !http_map_reachable(h, version, r))
        return;
    const struct reader_map *m = http_map_at(h, r->lane, version, r);
    if (m == NULL)
        return;
    json_t *list = json_array();
    for (size_t i = 0; i < m->tiles.n; i++)
        json_add(list, tile_entry(&m->tiles.v[i]));
    json_t *o = json_object();
    json_put(o, "version", json_count(m->version));
    json_put(o, "root", json_hex(m->root, sizeof(m->root)));
    json_put(o, "tiles", list);
    http_json(r, o);
}

void http_get_tiles(struct http *h, const struct http_call *c, struct http_reply *r) {
    uint64_t version = 0;
    if (http_map_version(h, c, &version, r) && http_map_reachable(h, version, r))
        http_later(r, http_map_lane(h, version), make_list);
}
