#include "rsu/http/reader.h"

#include "base/mem.h"
#include "ledger/snapshot/entry.h"
#include "mapsvc/fuse/map_state.h"
#include "mapsvc/fuse/range.h"
#include "rsu/http/lanes.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    STEP_VERSIONS = 256, /* done as one */
    STEP_OCTETS = 8 << 20, /* of their records */
};

void reader_free(struct reader_map *m) {
    mapset_free(&m->map);
    tiles_free(&m->tiles);
    map_names_free(&m->names);
    *m = (struct reader_map){0};
}

/* The map is there: tiles, and whether it is what it should be. */
static int settle(struct reader_map *m, const uint8_t root[static 32], struct ws_err *err) {
    tiles_build(&m->tiles, &m->map);
    tiles_root(&m->tiles, m->root);
    if (memcmp(m->root, root, 32) == 0)
        return WS_OK;
    reader_free(m);
    return ws_fail(err, WS_EIO, "the map in the store does not have the root that it should have");
}

/* ---- from the state ---- */

struct loading {
    struct http *h;
    struct map_state state;
    int rc;
    struct ws_err *err;
};

static bool load_entry(void *ctx, struct span stored, struct span value) {
    struct loading *l = ctx;
    uint8_t contract = 0;
    struct span key;
    if (lanes_stopping(l->h->lanes))
        l->rc = ws_fail(l->err, WS_EBUSY, "the unit stops");
    else if (!entry_key_read(stored, &contract, &key))
        l->rc = ws_fail(l->err, WS_EIO, "store: an entry of the state is damaged");
    else if (map_state_take(&l->state, key, value, l->err) != WS_OK)
        l->rc = WS_EIO;
    return l->rc == WS_OK;
}

/* The state is written with the first block. */
static int load_base(struct http *h, struct reader_map *m, struct ws_err *err) {
    const struct mapset *base = h->d->base_map;
    if (base == NULL)
        return ws_fail(err, WS_EBUSY, "the unit has no map yet; ask again");
    reader_free(m);
    m->version = 1;
    m->map = *base;
    m->map.cap = base->n;
    m->map.elements = ws_calloc(base->n, sizeof(m->map.elements[0]));
    for (size_t i = 0; i < base->n; i++)
        m->map.elements[i] = element_copy(&base->elements[i]);
    tiles_build(&m->tiles, &m->map);
    tiles_root(&m->tiles, m->root);
    return WS_OK;
}

int reader_load(struct http *h, struct reader_map *m, struct ws_err *err) {
    struct loading l = {.h = h, .err = err};
    uint8_t contract = CELL_CONTRACT_MAP;
    int rc = store_each(
        h->d->store, STORE_STATE, span_of(&contract, 1), span_of("", 0), load_entry, &l, err);
    if (rc == WS_OK)
        rc = l.rc;
    if (rc == WS_OK)
        rc = map_state_end(&l.state, err);
    if (rc != WS_OK) {
        map_state_free(&l.state);
        if (rc == WS_ENOTFOUND)
            return load_base(h, m, err);
        return rc == WS_EBUSY ? rc : WS_EIO;
    }
    reader_free(m);
    m->version = l.state.version;
    m->map = l.state.map; /* ours now */
    memcpy(m->record, l.state.record, sizeof(m->record));
    return settle(m, l.state.root, err);
}

/* ---- copies ---- */

void reader_encode(const struct reader_map *m, struct buf *b) {
    struct map_snapshot s = {.version = m->version, .map = m->map}; /* borrowed */
    memcpy(s.record, m->record, sizeof(s.record));
    memcpy(s.root, m->root, sizeof(s.root));
    map_snapshot_encode(&s, b);
}

int reader_decode(struct span s, struct reader_map *m, struct ws_err *err) {
    struct map_snapshot copy;
    int rc = map_snapshot_decode(s, &copy, err);
    if (rc != WS_OK)
        return rc;
    reader_free(m);
    m->version = copy.version;
    m->map = copy.map;
    memcpy(m->record, copy.record, sizeof(m->record));
    return settle(m, copy.root, err);
}

/* ---- steps ---- */

/* Consecutive versions, ascending, and what they come to. */
struct stretch {
    size_t n;
    struct map_version *v;
    const struct map_version **chain;
    struct map_range net;
    bool has_net;
};

static void stretch_free(struct stretch *s) {
    if (s->has_net)
        map_range_free(&s->net);
    for (size_t i = 0; i < s->n; i++)
        map_version_free(&s->v[i]);
    free((void *)s->chain);
    free(s->v);
}

static int find(struct http *h, uint64_t version, struct version_ref *ret, struct ws_err *err) {
    if (versions_find(h->versions, version, ret) == VERSION_ABSENT)
        return ws_fail(err, WS_EBUSY, "map version %" PRIu64 " is not in the store now", version);
    return WS_OK;
}

/* As many as are done as one, beginning next to where the map is; at least one. */
static int choose(struct http *h, uint64_t at, uint64_t to, uint64_t *ret_first, uint64_t *ret_last,
    struct ws_err *err) {
    size_t octets = 0;
    uint64_t most = at < to ? to - at : at - to;
    *ret_first = at < to ? at + 1 : at;
    *ret_last = *ret_first;
    for (uint64_t n = 0; n < most && n < STEP_VERSIONS; n++) {
        uint64_t version = at < to ? at + 1 + n : at - n;
        struct version_ref ref;
        int rc = find(h, version, &ref, err);
        octets += rc == WS_OK ? ref.octets : 0;
        if (rc != WS_OK && n == 0)
            return rc;
        if (rc != WS_OK || (n > 0 && octets > STEP_OCTETS))
            break;
        *(at < to ? ret_last : ret_first) = version;
    }
    return WS_OK;
}

static int read_stretch(
    struct http *h, uint64_t first, uint64_t last, struct stretch *s, struct ws_err *err) {
    size_t n = (size_t)(last - first + 1);
    s->v = ws_calloc(n, sizeof(s->v[0]));
    s->chain = ws_calloc(n, sizeof(const struct map_version *));
    for (; s->n < n; s->n++) {
        struct version_ref ref;
        int rc = find(h, first + s->n, &ref, err);
        if (rc == WS_OK)
            rc = versions_read(h->versions, &ref, &s->v[s->n], err);
        if (rc != WS_OK)
            return rc;
        s->chain[s->n] = &s->v[s->n];
    }
    if (map_range_of(s->chain, s->n, &s->net, err) != WS_OK)
        return WS_EIO; /* the store's own chain */
    s->has_net = true;
    return WS_OK;
}

/* As records that a map takes; elements are borrowed. */
static struct change_record *records_of(const struct map_range *net, bool back, size_t *ret_n) {
    struct change_record *list = ws_calloc(net->n, sizeof(*list));
    size_t n = 0;
    for (size_t i = 0; i < net->n; i++) {
        const struct range_change *c = &net->changes[i];
        const struct element *before = back ? c->after : c->before;
        const struct element *after = back ? c->before : c->after;
        if (c->tombstone)
            continue;
        struct change_record *to = &list[n++];
        to->op = before == NULL ? MAP_CREATE : after == NULL ? MAP_DELETE : MAP_MODIFY;
        memcpy(to->element_id, c->element_id, sizeof(to->element_id));
        to->has_before = before != NULL;
        to->has_after = after != NULL;
        if (before != NULL)
            to->before = *before;
        if (after != NULL)
            to->after = *after;
    }
    *ret_n = n;
    return list;
}

/* Names that went stay in the list: when they are many, it is made anew. */
static void follow_names(struct reader_map *m, const struct change_record *changes, size_t n) {
    if (!m->has_names)
        return;
    map_names_apply(&m->names, changes, n);
    if (m->names.added > 1024 + m->names.n / 4) {
        map_names_free(&m->names);
        m->has_names = false;
    }
}

static int apply(struct reader_map *m, const struct stretch *s, bool back,
    atomic_uint_fast64_t *steps, reader_fn fn, void *ctx, struct ws_err *err) {
    size_t n = 0;
    struct change_record *list = records_of(&s->net, back, &n);
    const uint8_t *root = back ? s->net.previous_root : s->net.root;
    int rc = map_changes_check(list, n, &m->map, err);
    if (rc == WS_OK) {
        tiles_apply(&m->tiles, &m->map.frame, list, n);
        rc = map_changes_apply(list, n, &m->map, err);
    }
    if (rc == WS_OK) {
        tiles_root(&m->tiles, m->root);
        if (memcmp(m->root, root, 32) != 0)
            rc = ws_fail(err, WS_EIO, "map version %" PRIu64 " is not what its record says",
                back ? s->net.from : s->net.to);
    }
    if (rc == WS_OK) {
        (void)atomic_fetch_add(steps, s->n);
        m->version = back ? s->net.from : s->net.to;
        memcpy(m->record, back ? s->v[0].previous_record : s->net.record, sizeof(m->record));
        follow_names(m, list, n);
        if (fn != NULL)
            fn(ctx, m, list, n);
    } else {
        rc = WS_EIO;
        reader_free(m);
    }
    free(list);
    return rc;
}

int reader_go(struct http *h, struct reader_map *m, uint64_t version, reader_fn fn, void *ctx,
    struct ws_err *err) {
    int rc = WS_OK;
    while (rc == WS_OK && m->version != version) {
        uint64_t first = 0;
        uint64_t last = 0;
        struct stretch s = {0};
        if (lanes_stopping(h->lanes))
            return ws_fail(err, WS_EBUSY, "the unit stops");
        rc = choose(h, m->version, version, &first, &last, err);
        if (rc == WS_OK)
            rc = read_stretch(h, first, last, &s, err);
        if (rc == WS_OK)
            rc = apply(m, &s, version < m->version, &h->map_steps, fn, ctx, err);
        stretch_free(&s);
    }
    return rc;
}

const struct map_names *reader_names(struct reader_map *m) {
    if (!m->has_names)
        map_names_build(&m->names, &m->map);
    m->has_names = true;
    return &m->names;
}
