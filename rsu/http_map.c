/* /v1/map, /v1/map/snapshot and /v1/map/versions.
 *
 * The map lives in the owner's thread. It is copied out in its canonical form once for each version, however
 * often it is asked for; everything after that (older versions, GeoJSON) is made here from the copy. */
#include "rsu/http_map.h"

#include "base/mem.h"
#include "mapsvc/export.h"
#include "mapsvc/range.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
    VERSIONS_LISTED = 1000, /* in one answer */
    STEPS_BACK = 4096, /* versions undone for one answer */
};

/* ---- the map at a version ---- */

enum page_kind { PAGE_GEOJSON, PAGE_SNAPSHOT, PAGE_KINDS };

/* A map as it is sent, shared by the answers that send it. */
struct page {
    atomic_uint refs;
    uint64_t version;
    struct buf text;
};

struct map_cache {
    pthread_mutex_t lock; /* one map is made at a time */
    uint64_t version; /* of octets; 0: none */
    struct buf octets; /* map_snapshot_encode */
    struct page *page[PAGE_KINDS]; /* the last ones made */
};

static void page_unref(void *cls) {
    struct page *p = cls;
    if (p == NULL || atomic_fetch_sub(&p->refs, 1) > 1)
        return;
    buf_free(&p->text);
    free(p);
}

struct map_cache *map_cache_new(void) {
    struct map_cache *m = ws_alloc(sizeof(*m));
    (void)pthread_mutex_init(&m->lock, NULL);
    return m;
}

void map_cache_free(struct map_cache *m) {
    if (m == NULL)
        return;
    buf_free(&m->octets);
    for (size_t i = 0; i < PAGE_KINDS; i++)
        page_unref(m->page[i]);
    (void)pthread_mutex_destroy(&m->lock);
    free(m);
}

struct map_question {
    uint64_t have; /* version that need not be copied again */
    uint64_t version;
    struct buf octets;
};

static void copy_map(void *owner, void *ctx) {
    const struct rsud *d = owner;
    struct map_question *q = ctx;
    q->version = map_contract_version(d->cell.map);
    if (q->version != q->have)
        map_contract_snapshot(d->cell.map, d->cell_id, &q->octets);
}

/* Makes sure that the copy is at least of `version`. */
static bool renew_copy(struct http *h, uint64_t version, struct http_reply *r) {
    struct map_cache *m = h->map;
    if (m->version >= version)
        return true;
    struct map_question q = {.have = m->version};
    if (!http_ask(h, copy_map, &q, r))
        return false;
    if (q.version != m->version) {
        buf_free(&m->octets);
        m->octets = q.octets;
        m->version = q.version;
    }
    /* It may have a version that was made since the index was looked at. */
    struct ws_err err = {0};
    uint64_t current = 0;
    int rc = versions_refresh(h->versions, &current, &err);
    if (rc != WS_OK)
        http_fail_err(r, rc, &err);
    return rc == WS_OK;
}

static int undone_root(const struct map_version *v, const struct mapset *map, struct ws_err *err) {
    uint8_t root[32];
    map_root(map, root);
    if (memcmp(root, v->previous_root, 32) != 0)
        return ws_fail(err, WS_EIO, "map version %" PRIu64 " does not lead back to the one before",
            v->version);
    return WS_OK;
}

/* The copy may be newer than the newest published version, or than what the client wants. */
static int go_back(struct http *h, uint64_t version, struct mapset *map, struct ws_err *err) {
    int rc = WS_OK;
    for (uint64_t at = h->map->version; at > version && rc == WS_OK; at--) {
        struct version_ref ref;
        struct map_version v;
        if (versions_find(h->versions, at, &ref) == VERSION_ABSENT)
            return ws_fail(err, WS_EIO, "map version %" PRIu64 " is not in the store", at);
        rc = versions_read(h->versions, &ref, &v, err);
        if (rc != WS_OK)
            return rc;
        rc = map_version_undo(&v, map, err);
        if (rc == WS_OK && at == version + 1)
            rc = undone_root(&v, map, err);
        map_version_free(&v);
    }
    return rc;
}

/* Under the cache's lock. */
static bool map_at(struct http *h, uint64_t version, struct mapset *ret_map, struct http_reply *r) {
    struct ws_err err = {0};
    if (!renew_copy(h, version, r))
        return false;
    const struct buf *all = &h->map->octets;
    int rc = mapset_decode(
        span_of(all->p + MAP_SNAPSHOT_HEAD, all->n - MAP_SNAPSHOT_HEAD), ret_map, &err);
    if (rc == WS_OK) {
        rc = go_back(h, version, ret_map, &err);
        if (rc != WS_OK)
            mapset_free(ret_map);
    }
    if (rc != WS_OK)
        http_fail_err(r, WS_EIO, &err);
    return rc == WS_OK;
}

bool http_map_at(struct http *h, uint64_t version, struct mapset *ret_map, struct http_reply *r) {
    (void)pthread_mutex_lock(&h->map->lock);
    bool good = map_at(h, version, ret_map, r);
    (void)pthread_mutex_unlock(&h->map->lock);
    return good;
}

/* What the next version will name: its own words, where it is there; else the contract's, of its current version. */
static int put_head(struct http *h, uint64_t version, struct buf *b, struct ws_err *err) {
    struct version_ref next;
    struct map_version v;
    if (version == h->map->version) {
        buf_put(b, h->map->octets.p, MAP_SNAPSHOT_HEAD);
        return WS_OK;
    }
    if (versions_find(h->versions, version + 1, &next) == VERSION_ABSENT)
        return ws_fail(err, WS_EBUSY, "map version %" PRIu64 " went just now", version + 1);
    int rc = versions_read(h->versions, &next, &v, err);
    if (rc != WS_OK)
        return rc;
    struct map_snapshot s = {.version = version};
    struct buf whole = {0};
    memcpy(s.cell_id, h->d->cell_id, sizeof(s.cell_id));
    memcpy(s.record, v.previous_record, sizeof(s.record));
    memcpy(s.root, v.previous_root, sizeof(s.root));
    map_snapshot_encode(&s, &whole);
    buf_put(b, whole.p, MAP_SNAPSHOT_HEAD);
    buf_free(&whole);
    map_version_free(&v);
    return WS_OK;
}

static int put_snapshot(
    struct http *h, uint64_t version, const struct mapset *map, struct buf *b, struct ws_err *err) {
    int rc = put_head(h, version, b, err);
    if (rc == WS_OK)
        mapset_encode(map, b);
    return rc;
}

static struct page *make_page(
    struct http *h, enum page_kind kind, uint64_t version, struct http_reply *r) {
    struct mapset map;
    struct ws_err err = {0};
    if (!map_at(h, version, &map, r))
        return NULL;
    struct page *p = ws_alloc(sizeof(*p));
    atomic_init(&p->refs, 1);
    p->version = version;
    int rc = WS_OK;
    if (kind == PAGE_GEOJSON)
        export_geojsonseq_map(&map, &p->text);
    else
        rc = put_snapshot(h, version, &map, &p->text, &err);
    mapset_free(&map);
    if (rc == WS_OK)
        return p;
    page_unref(p);
    http_fail_err(r, rc, &err);
    return NULL;
}

/* Under the cache's lock. */
static struct page *page_at(
    struct http *h, enum page_kind kind, uint64_t version, struct http_reply *r) {
    struct page **at = &h->map->page[kind];
    if (*at == NULL || (*at)->version != version) {
        struct page *fresh = make_page(h, kind, version, r);
        if (fresh == NULL)
            return NULL;
        page_unref(*at);
        *at = fresh;
    }
    (void)atomic_fetch_add(&(*at)->refs, 1);
    return *at;
}

static void give_page(struct http *h, enum page_kind kind, uint64_t version, struct http_reply *r) {
    (void)pthread_mutex_lock(&h->map->lock);
    struct page *p = page_at(h, kind, version, r);
    (void)pthread_mutex_unlock(&h->map->lock);
    if (p == NULL)
        return;
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

bool http_map_reachable(struct http *h, uint64_t version, struct http_reply *r) {
    uint64_t current = 0;
    uint64_t lowest = 0;
    versions_range(h->versions, &lowest, &current);
    if (version + 1 >= lowest && current - version <= STEPS_BACK)
        return true;
    http_gone(r, lowest, current,
        "the map of version %" PRIu64 " is too far back; the current version is %" PRIu64, version,
        current);
    return false;
}

bool http_map_version(
    struct http *h, const struct http_call *c, uint64_t *ret_version, struct http_reply *r) {
    struct ws_err err = {0};
    uint64_t current = 0;
    uint64_t lowest = 0;
    const char *text = http_target_arg(&c->target, "version");
    int rc = versions_refresh(h->versions, &current, &err);
    uint64_t version = current;
    if (rc == WS_OK && text != NULL)
        rc = http_number(text, "parameter version", INT64_MAX, &version, &err);
    if (rc != WS_OK) {
        http_fail_err(r, rc, &err);
        return false;
    }
    versions_range(h->versions, &lowest, &current);
    if (version == 0 || version > current) {
        http_fail(r, MHD_HTTP_NOT_FOUND, "no map version %" PRIu64 "; the current one is %" PRIu64,
            version, current);
        return false;
    }
    *ret_version = version;
    return true;
}

static void get_page(
    struct http *h, const struct http_call *c, enum page_kind kind, struct http_reply *r) {
    uint64_t version = 0;
    if (http_map_version(h, c, &version, r) && http_map_reachable(h, version, r))
        give_page(h, kind, version, r);
}

void http_get_map(struct http *h, const struct http_call *c, struct http_reply *r) {
    get_page(h, c, PAGE_GEOJSON, r);
}

void http_get_snapshot(struct http *h, const struct http_call *c, struct http_reply *r) {
    get_page(h, c, PAGE_SNAPSHOT, r);
}

/* ---- the list ---- */

static json_t *list_entry(const struct version_ref *ref) {
    json_t *o = json_object();
    json_put(o, "version", json_count(ref->version));
    json_put(o, "height", json_count(ref->height));
    json_put(o, "sequence", json_count(ref->sequence));
    json_put(o, "time", json_instant(ref->block_time));
    json_put(o, "changes", json_count(ref->n_changes));
    json_put(o, "geometry", json_boolean(ref->geometry));
    json_put(o, "root", json_hex(ref->root, 32));
    return o;
}

void http_get_versions(struct http *h, const struct http_call *c, struct http_reply *r) {
    uint64_t current = 0;
    uint64_t lowest = 0;
    uint64_t from = 0;
    struct ws_err err = {0};
    const char *text = http_target_arg(&c->target, "from");
    if (text != NULL && !versions_from(h->versions, text, &from, &current, r))
        return;
    int rc = versions_refresh(h->versions, &current, &err);
    if (rc != WS_OK) {
        http_fail_err(r, rc, &err);
        return;
    }
    versions_range(h->versions, &lowest, &current);
    if (text == NULL)
        from = lowest - 1;
    json_t *list = json_array();
    struct version_ref ref;
    for (uint64_t v = from + 1; v <= current && json_array_size(list) < VERSIONS_LISTED &&
                                versions_find(h->versions, v, &ref) == VERSION_HERE;
         v++)
        json_add(list, list_entry(&ref));
    json_t *o = json_object();
    json_put(o, "current", json_count(current));
    json_put(o, "oldest", json_count(lowest));
    json_put(o, "base_digest", json_hex(h->d->genesis->map_digest, 32));
    json_put(o, "more", json_boolean(from + json_array_size(list) < current));
    json_put(o, "versions", list);
    http_json(r, o);
}
