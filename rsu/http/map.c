/* /v1/map, /v1/map/snapshot and /v1/map/versions. */
#include "rsu/http/map.h"

#include "base/mem.h"
#include "mapsvc/formats/export.h"
#include "mapsvc/fuse/range.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    VERSIONS_LISTED = 1000, /* in one answer */
    STEPS_BACK = 4096, /* so far back the map itself is given out */
};

/* ---- the map at a version ---- */

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

static void put_snapshot(const struct http *h, const struct reader_map *m, struct buf *b) {
    struct map_snapshot s = {.version = m->version, .map = m->map}; /* borrowed */
    memcpy(s.cell_id, h->d->cell_id, sizeof(s.cell_id));
    memcpy(s.record, m->record, sizeof(s.record));
    memcpy(s.root, m->root, sizeof(s.root));
    map_snapshot_encode(&s, b);
}

/* In the lane's thread. Another call may have had it made meanwhile. */
static void make_page(
    struct http *h, const struct http_call *c, enum page_kind kind, struct http_reply *r) {
    uint64_t version = 0;
    struct buf text = {0};
    if (!http_map_version(h, c, &version, r) || !http_map_reachable(h, version, r) ||
        http_page_give(h, kind, version, r))
        return;
    const struct reader_map *m = http_map_at(h, r->lane, version, r);
    if (m == NULL)
        return;
    if (kind == PAGE_GEOJSON)
        export_geojsonseq_map(&m->map, &text);
    else
        put_snapshot(h, m, &text);
    http_page_put(h, kind, version, &text, r);
}

static void make_map(struct http *h, const struct http_call *c, struct http_reply *r) {
    make_page(h, c, PAGE_GEOJSON, r);
}

static void make_snapshot(struct http *h, const struct http_call *c, struct http_reply *r) {
    make_page(h, c, PAGE_SNAPSHOT, r);
}

static void get_page(struct http *h, const struct http_call *c, enum page_kind kind, http_fn make,
    struct http_reply *r) {
    uint64_t version = 0;
    if (http_map_version(h, c, &version, r) && http_map_reachable(h, version, r) &&
        !http_page_give(h, kind, version, r))
        http_later(r, http_map_lane(h, version), make);
}

void http_get_map(struct http *h, const struct http_call *c, struct http_reply *r) {
    get_page(h, c, PAGE_GEOJSON, make_map, r);
}

void http_get_snapshot(struct http *h, const struct http_call *c, struct http_reply *r) {
    get_page(h, c, PAGE_SNAPSHOT, make_snapshot, r);
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
