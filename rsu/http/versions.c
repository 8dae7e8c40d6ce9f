/* An index of the map versions in the store, kept in memory because lists, diffs and streams all start from it.
 * A version counts as published once the header after it is final: from then on its proof can be given along. */
#include "rsu/http/internal.h"

#include "base/mem.h"
#include "ledger/snapshot/entry.h"
#include "ledger/snapshot/meta.h"
#include "rsu/json/map.h"

#include <inttypes.h>
#include <stdlib.h>

struct change_ids {
    uint8_t (*id)[32];
};

struct versions {
    struct store *store;
    pthread_mutex_t lock;
    uint64_t keep; /* published ones; 0: all */
    size_t n, cap, n_published;
    struct version_ref *ref; /* consecutive versions, ascending */
    struct change_ids *ids; /* of each one */
    uint64_t base; /* without any: the version that is current, of which no record is kept */
};

struct versions *versions_new(struct store *store, uint64_t keep) {
    struct versions *v = ws_alloc(sizeof(*v));
    v->keep = keep;
    v->store = store;
    v->base = 1;
    (void)pthread_mutex_init(&v->lock, NULL);
    return v;
}

void versions_free(struct versions *v) {
    if (v == NULL)
        return;
    (void)pthread_mutex_destroy(&v->lock);
    for (size_t i = 0; i < v->n; i++)
        free(v->ids[i].id);
    free(v->ids);
    free(v->ref);
    free(v);
}

struct gather {
    struct versions *v;
    int rc;
    struct ws_err *err;
};

static bool note(void *ctx, const struct event *e) {
    struct gather *g = ctx;
    struct versions *v = g->v;
    struct map_version m;
    g->rc = map_version_decode(e->body, &m, g->err);
    if (g->rc != WS_OK)
        return false;
    struct version_ref ref = {.version = m.version,
        .height = e->height,
        .block_time = m.block_time,
        .sequence = e->sequence,
        .octets = (uint32_t)e->body.n,
        .n_changes = (uint32_t)m.n_changes,
        .geometry = m.geometry};
    memcpy(ref.root, m.root, 32);
    uint8_t(*ids)[32] = ws_calloc(m.n_changes, 32);
    for (size_t i = 0; i < m.n_changes; i++)
        memcpy(ids[i], m.changes[i].id, 32);
    map_version_free(&m);
    uint64_t last = v->n == 0 ? 0 : v->ref[v->n - 1].version;
    if (last != 0 && ref.version <= last) {
        free(ids);
        return true; /* of a height that was read before */
    }
    if (last != 0 && ref.version != last + 1) {
        free(ids);
        g->rc = ws_fail(
            g->err, WS_EIO, "store: map version %" PRIu64 " follows %" PRIu64, ref.version, last);
        return false;
    }
    if (v->n == v->cap) {
        v->cap = v->cap == 0 ? 16 : v->cap * 2;
        v->ref = ws_realloc(v->ref, v->cap * sizeof(*v->ref));
        v->ids = ws_realloc(v->ids, v->cap * sizeof(*v->ids));
    }
    v->ids[v->n].id = ids;
    v->ref[v->n++] = ref;
    return true;
}

static bool is_final(struct store *s, uint64_t height) {
    uint8_t key[8];
    put_be64(key, height);
    struct buf b = {0};
    bool here = store_get(s, STORE_COMMIT, span_of(key, 8), &b, NULL) == WS_OK;
    buf_free(&b);
    return here;
}

static uint64_t current(const struct versions *v) {
    if (v->n_published > 0)
        return v->ref[v->n_published - 1].version;
    return v->n > 0 ? v->ref[0].version - 1 : v->base;
}

static void drop_first(struct versions *v, size_t gone) {
    if (gone == 0)
        return;
    v->base = v->ref[gone - 1].version;
    v->n -= gone;
    v->n_published -= gone < v->n_published ? gone : v->n_published;
    for (size_t i = 0; i < gone; i++)
        free(v->ids[i].id);
    memmove(v->ref, v->ref + gone, v->n * sizeof(*v->ref));
    memmove(v->ids, v->ids + gone, v->n * sizeof(*v->ids));
}

/* Records go with the headers they are proven by (decision 21). */
static int drop_pruned(struct versions *v, struct ws_err *err) {
    struct meta_pruned pruned;
    int rc = meta_read_pruned(v->store, &pruned, err);
    size_t gone = 0;
    while (rc == WS_OK && gone < v->n && v->ref[gone].height < pruned.headers_from)
        gone++;
    if (rc == WS_OK)
        drop_first(v, gone);
    return rc;
}

/* A unit that joined by a snapshot, or has kept no record: state says which version it is (mapsvc/fuse/contract_internal.h, "v"). */
static int read_base(struct versions *v, struct ws_err *err) {
    struct buf key = {0};
    struct buf value = {0};
    entry_key_put(&key, CELL_CONTRACT_MAP, span_of("v", 1));
    int rc = store_get(v->store, STORE_STATE, buf_span(&key), &value, err);
    if (rc == WS_OK && value.n >= 9)
        v->base = be64(value.p + 1);
    buf_free(&key);
    buf_free(&value);
    return rc == WS_ENOTFOUND ? WS_OK : rc;
}

int versions_refresh(struct versions *v, uint64_t *ret_current, struct ws_err *err) {
    (void)pthread_mutex_lock(&v->lock);
    uint64_t from = v->n == 0 ? 0 : v->ref[v->n - 1].height;
    struct gather g = {v, WS_OK, err};
    int rc = query_events(v->store, CELL_CONTRACT_MAP, MAP_EVENT_VERSION, from, note, &g, err);
    if (rc == WS_OK)
        rc = g.rc;
    if (rc == WS_OK)
        rc = drop_pruned(v, err);
    if (rc == WS_OK && v->n == 0)
        rc = read_base(v, err);
    while (v->n_published < v->n && is_final(v->store, v->ref[v->n_published].height + 1))
        v->n_published++;
    /* The last one stays in any case: the next is asked for from its height on. */
    if (rc == WS_OK && v->keep > 0 && v->n_published > v->keep)
        drop_first(v, v->n_published - (size_t)v->keep);
    if (rc == WS_OK)
        *ret_current = current(v);
    (void)pthread_mutex_unlock(&v->lock);
    return rc;
}

void versions_range(struct versions *v, uint64_t *ret_lowest, uint64_t *ret_current) {
    (void)pthread_mutex_lock(&v->lock);
    *ret_lowest = v->n == 0 ? v->base + 1 : v->ref[0].version;
    *ret_current = current(v);
    (void)pthread_mutex_unlock(&v->lock);
}

bool versions_find_change(struct versions *v, const uint8_t id[static 32],
    struct version_ref *ret_version, size_t *ret_change) {
    bool found = false;
    (void)pthread_mutex_lock(&v->lock);
    for (size_t i = v->n_published; i-- > 0 && !found;) {
        for (size_t k = 0; k < v->ref[i].n_changes && !found; k++) {
            found = memcmp(v->ids[i].id[k], id, 32) == 0;
            *ret_version = v->ref[i];
            *ret_change = k;
        }
    }
    (void)pthread_mutex_unlock(&v->lock);
    return found;
}

enum versions_place versions_find(struct versions *v, uint64_t version, struct version_ref *ret) {
    enum versions_place at = VERSION_ABSENT;
    (void)pthread_mutex_lock(&v->lock);
    if (v->n > 0 && version >= v->ref[0].version && version <= v->ref[v->n - 1].version) {
        size_t i = (size_t)(version - v->ref[0].version);
        at = i < v->n_published ? VERSION_HERE : VERSION_PENDING;
        *ret = v->ref[i];
    }
    (void)pthread_mutex_unlock(&v->lock);
    return at;
}

int versions_read(struct versions *v, const struct version_ref *ref,
    struct map_version *ret_version, struct ws_err *err) {
    uint8_t key[12];
    put_be64(key, ref->height);
    put_be32(key + 8, ref->sequence);
    struct buf b = {0};
    int rc = store_get(v->store, STORE_EVENT, span_of(key, sizeof(key)), &b, err);
    if (rc == WS_ENOTFOUND)
        rc = ws_fail(err, WS_EIO, "store: map version %" PRIu64 " is gone", ref->version);
    if (rc == WS_OK) {
        struct rd r = rd_of(buf_span(&b));
        struct event e;
        if (!event_read(&r, &e) || !rd_done(&r) ||
            map_version_decode(e.body, ret_version, err) != 0)
            rc = ws_fail(err, WS_EIO, "store: map version %" PRIu64 " is damaged", ref->version);
    }
    buf_free(&b);
    return rc;
}

int versions_json(struct versions *v, const struct version_ref *ref, const struct cell_frame *f,
    json_t **ret, struct ws_err *err) {
    struct map_version m;
    struct buf bundle = {0};
    int rc = query_event_bundle(v->store, ref->height, ref->sequence, &bundle, err);
    if (rc == WS_OK)
        rc = versions_read(v, ref, &m, err);
    if (rc == WS_OK) {
        *ret = json_version(&m, f);
        json_put(*ret, "sequence", json_count(ref->sequence));
        json_put(*ret, "proof", json_hex(bundle.p, bundle.n));
        map_version_free(&m);
    }
    buf_free(&bundle);
    return rc;
}

bool versions_from(struct versions *v, const char *text, uint64_t *ret_from, uint64_t *ret_current,
    struct http_reply *r) {
    struct ws_err err = {0};
    int rc = WS_OK;
    if (text == NULL)
        rc = ws_fail(&err, WS_EINPUT, "parameter from: missing; it names the version you have");
    if (rc == WS_OK)
        rc = http_number(text, "parameter from", INT64_MAX, ret_from, &err);
    if (rc == WS_OK)
        rc = versions_refresh(v, ret_current, &err);
    if (rc != WS_OK) {
        http_fail_err(r, rc, &err);
        return false;
    }
    uint64_t lowest = 0;
    versions_range(v, &lowest, ret_current);
    if (*ret_from == 0) {
        http_fail(r, MHD_HTTP_BAD_REQUEST, "parameter from: versions begin with 1, the base map");
        return false;
    }
    if (*ret_from + 1 < lowest) {
        http_gone(r, lowest, *ret_current,
            "changes after version %" PRIu64
            " are not kept here any more; the oldest kept is %" PRIu64
            ": begin again from /v1/map/snapshot",
            *ret_from, lowest);
        return false;
    }
    return true;
}
