/* The map that rsuctl map watch carries along a catch-up. A unit makes the map of an old version by undoing all versions since,
 * and only so far back; from here it is undone once, and then goes forward with the catch-up. */
#include "base/mem.h"
#include "mapsvc/fuse/range.h"
#include "rsu/ctl/map_proof.h"
#include "rsu/ctl/map_watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_VERSIONS = 256 };

void watch_map_drop(struct watch *w) {
    if (w->carried.there)
        mapset_free(&w->carried.map);
    map_names_free(&w->carried.names);
    w->carried = (struct watch_map){0};
}

/* The unit's whole map. */
static int fetch_map(struct watch *w, struct ws_err *err) {
    struct buf b = {0};
    struct map_snapshot s;
    char cell[65];
    int rc = ctl_http_get(w->http, "/v1/map/snapshot", CTL_FILE_MAX, &b, err);
    if (rc == WS_OK)
        rc = map_snapshot_decode(buf_span(&b), &s, err);
    buf_free(&b);
    if (rc != WS_OK)
        return rc;
    w->carried = (struct watch_map){.there = true, .version = s.version, .map = s.map};
    hex_encode(cell, s.cell_id, 32);
    if (strcmp(cell, w->cell_id) != 0)
        return ws_fail(err, WS_EINPUT, "the unit's map is one of cell %s", cell);
    return WS_OK;
}

static int undo(struct watch *w, const json_t *version, struct ws_err *err) {
    char name[32];
    (void)snprintf(name, sizeof(name), "version %llu", (unsigned long long)w->carried.version);
    struct proven *p = ws_alloc(sizeof(*p));
    p->file = name;
    int rc = ctl_json_octets(version, "proof", &p->octets, err);
    if (rc == WS_OK && ctl_map_look(p, err) != CTL_DONE)
        rc = WS_EINPUT;
    if (rc == WS_OK && p->version.version != w->carried.version)
        rc = ws_fail(err, WS_EINPUT, "%s: the proof is one of version %llu", name,
            (unsigned long long)p->version.version);
    if (rc == WS_OK)
        rc = map_version_undo(&p->version, &w->carried.map, err);
    if (rc == WS_OK)
        w->carried.version--;
    proven_free(p);
    free(p);
    return rc;
}

/* Undoes up to *span versions. An answer has room for fewer when they are large: it holds the first ones, but the last are
 * undone first, so less is asked for until they all fit. */
static int go_back_a_page(struct watch *w, uint64_t version, uint64_t *span, struct ws_err *err) {
    uint64_t at = w->carried.version;
    if (*span > at - version)
        *span = at - version;
    char path[96];
    json_t *answer = NULL;
    (void)snprintf(path, sizeof(path), "/v1/map/diffs?from=%llu&to=%llu",
        (unsigned long long)(at - *span), (unsigned long long)at);
    int rc = ctl_http_json_most(w->http, path, CTL_DIFFS_MAX, &answer, err);
    if (rc != WS_OK)
        return rc == WS_ENOTFOUND && ctl_http_status(w->http) == 404 ? WS_EBUSY : rc;
    const json_t *list = json_object_get(answer, "versions");
    size_t n = json_array_size(list);
    if (n<*span && * span> 1)
        *span /= 2;
    else if (n != *span)
        rc = ws_fail(err, WS_EIO, "the unit sent %zu versions, wanted were %llu", n,
            (unsigned long long)*span);
    else
        while (n-- > 0 && rc == WS_OK)
            rc = undo(w, json_array_get(list, n), err);
    json_decref(answer);
    return rc;
}

static int make_map(struct watch *w, const struct map_version *next, struct ws_err *err) {
    uint64_t version = next->version - 1;
    uint64_t span = PAGE_VERSIONS;
    (void)fprintf(stderr,
        "rsuctl map watch: the unit does not make the map of version %llu any more; made here, "
        "from its whole map\n",
        (unsigned long long)version);
    int rc = fetch_map(w, err);
    if (rc == WS_OK && w->carried.version < version)
        rc = ws_fail(err, WS_EBUSY, "the unit's map is version %llu: it is behind",
            (unsigned long long)w->carried.version);
    while (rc == WS_OK && w->carried.version > version) {
        rc = watch_stop_asked(w) ? ws_fail(err, WS_EBUSY, "told to stop")
                                 : go_back_a_page(w, version, &span, err);
    }
    uint8_t root[32] = {0};
    if (rc == WS_OK)
        map_root(&w->carried.map, root);
    /* The next record, checked before, names the root of this map: the unit need not be believed. */
    if (rc == WS_OK && memcmp(root, next->previous_root, 32) != 0)
        rc = ws_fail(err, WS_EINPUT,
            "the unit's map and its versions do not lead back to the map of version %llu",
            (unsigned long long)version);
    if (rc == WS_OK)
        map_names_build(&w->carried.names, &w->carried.map);
    return rc;
}

/* Names of what went are only forgotten when all are made anew. */
static void follow_names(struct watch_map *c, const struct map_version *v) {
    map_names_apply(&c->names, v->changes, v->n_changes);
    if (c->names.added <= 1024 + c->names.n / 4)
        return;
    map_names_free(&c->names);
    map_names_build(&c->names, &c->map);
}

int watch_map_reach(struct watch *w, const struct map_version *v, struct ws_err *err) {
    int rc = WS_OK;
    if (w->carried.there && w->carried.version == v->version)
        return WS_OK; /* for a format before */
    if (w->carried.there && w->carried.version + 1 != v->version)
        watch_map_drop(w);
    if (!w->carried.there)
        rc = make_map(w, v, err);
    if (rc == WS_OK)
        rc = map_changes_apply(v->changes, v->n_changes, &w->carried.map, err);
    if (rc == WS_OK) {
        follow_names(&w->carried, v);
        w->carried.version = v->version;
    } else {
        watch_map_drop(w);
    }
    return rc;
}
