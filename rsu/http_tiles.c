/* /v1/map/tiles: which tiles a map version has, and one of them with the path to the version's root.
 *
 * The map and its tiles are kept for the newest version that was asked for, so that one tile costs what it holds, not what
 * the map holds; later versions are reached by their changes, earlier ones are made for the one answer. */
#include "rsu/http_map.h"

#include "base/mem.h"
#include "rsu/tile_file.h"

#include <inttypes.h>
#include <stdlib.h>

enum { STEPS_ON = 64 }; /* further than that the map is read anew */

struct view {
    uint64_t version; /* 0: none */
    struct mapset map;
    struct tiles tiles; /* roots up to date */
};

struct tile_cache {
    pthread_mutex_t lock;
    struct view view;
};

static void view_free(struct view *v) {
    mapset_free(&v->map);
    tiles_free(&v->tiles);
    *v = (struct view){0};
}

struct tile_cache *tile_cache_new(void) {
    struct tile_cache *t = ws_alloc(sizeof(*t));
    (void)pthread_mutex_init(&t->lock, NULL);
    return t;
}

void tile_cache_free(struct tile_cache *t) {
    if (t == NULL)
        return;
    view_free(&t->view);
    (void)pthread_mutex_destroy(&t->lock);
    free(t);
}

static bool view_make(struct http *h, uint64_t version, struct view *v, struct http_reply *r) {
    uint8_t root[32];
    if (!http_map_reachable(h, version, r) || !http_map_at(h, version, &v->map, r))
        return false;
    tiles_build(&v->tiles, &v->map);
    tiles_root(&v->tiles, root);
    v->version = version;
    return true;
}

/* One version further; false: it cannot be, and v is as it was. */
static bool view_step(struct http *h, struct view *v) {
    struct version_ref ref;
    struct map_version m;
    struct ws_err err = {0};
    uint8_t root[32];
    if (versions_find(h->versions, v->version + 1, &ref) != VERSION_HERE ||
        versions_read(h->versions, &ref, &m, &err) != WS_OK)
        return false;
    bool good = map_changes_check(m.changes, m.n_changes, &v->map, &err) == WS_OK;
    if (good) {
        tiles_apply(&v->tiles, &v->map.frame, m.changes, m.n_changes);
        good = map_changes_apply(m.changes, m.n_changes, &v->map, &err) == WS_OK;
        tiles_root(&v->tiles, root);
        v->version++;
    }
    map_version_free(&m);
    return good;
}

/* Under the cache's lock. */
static bool view_at(struct http *h, uint64_t version, struct http_reply *r) {
    struct view *v = &h->tiles->view;
    bool near = v->version != 0 && version > v->version && version - v->version <= STEPS_ON;
    while (near && v->version < version)
        near = view_step(h, v);
    if (v->version == version)
        return true;
    view_free(v);
    return view_make(h, version, v, r);
}

typedef void (*view_fn)(
    struct http *h, const struct http_call *c, struct view *v, struct http_reply *r);

static void with_view(struct http *h, const struct http_call *c, view_fn fn, struct http_reply *r) {
    uint64_t version = 0;
    if (!http_map_version(h, c, &version, r))
        return;
    (void)pthread_mutex_lock(&h->tiles->lock);
    if (h->tiles->view.version > version) {
        struct view old = {0};
        if (view_make(h, version, &old, r))
            fn(h, c, &old, r);
        view_free(&old);
    } else if (view_at(h, version, r)) {
        fn(h, c, &h->tiles->view, r);
    }
    (void)pthread_mutex_unlock(&h->tiles->lock);
}

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

static void give_list(
    struct http *h, const struct http_call *c, struct view *v, struct http_reply *r) {
    uint8_t root[32];
    (void)h;
    (void)c;
    tiles_root(&v->tiles, root);
    json_t *list = json_array();
    for (size_t i = 0; i < v->tiles.n; i++)
        json_add(list, tile_entry(&v->tiles.v[i]));
    json_t *o = json_object();
    json_put(o, "version", json_count(v->version));
    json_put(o, "root", json_hex(root, sizeof(root)));
    json_put(o, "tiles", list);
    http_json(r, o);
}

void http_get_tiles(struct http *h, const struct http_call *c, struct http_reply *r) {
    with_view(h, c, give_list, r);
}

static void give_tile(
    struct http *h, const struct http_call *c, struct view *v, struct http_reply *r) {
    uint64_t id = 0;
    struct ws_err err = {0};
    int rc = http_number(c->target.segment[3], "tile", UINT32_MAX, &id, &err);
    if (rc != WS_OK) {
        http_fail_err(r, rc, &err);
        return;
    }
    size_t at = tiles_find(&v->tiles, (uint32_t)id);
    if (at == v->tiles.n) {
        http_fail(r, MHD_HTTP_NOT_FOUND,
            "version %" PRIu64 " of the map has nothing in tile %" PRIu64, v->version, id);
        return;
    }
    tile_file_encode(h->d->cell_id, v->version, &v->tiles, at, &v->map, &r->body);
    r->status = MHD_HTTP_OK;
    r->type = HTTP_OCTETS;
    http_header(r, "Wayside-Map-Version", "%" PRIu64, v->version);
}

void http_get_tile(struct http *h, const struct http_call *c, struct http_reply *r) {
    with_view(h, c, give_tile, r);
}
