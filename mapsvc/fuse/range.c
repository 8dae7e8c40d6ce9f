#include "mapsvc/fuse/range.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "mapsvc/fuse/tiles.h"

#include <inttypes.h>
#include <stdlib.h>

static void record_of(const struct map_version *v, uint8_t *ret) {
    struct buf b = {0};
    map_version_encode(v, &b);
    exec_sha256_one(buf_span(&b), ret);
    buf_free(&b);
}

static int check_chain(
    const struct map_version *const *v, size_t n, uint8_t *ret_record, struct ws_err *err) {
    record_of(v[0], ret_record);
    for (size_t i = 1; i < n; i++) {
        if (v[i]->version != v[i - 1]->version + 1)
            return ws_fail(err, WS_EINPUT, "map versions: %" PRIu64 " follows %" PRIu64 ": a gap",
                v[i]->version, v[i - 1]->version);
        if (memcmp(v[i]->previous_record, ret_record, 32) != 0 ||
            memcmp(v[i]->previous_root, v[i - 1]->root, 32) != 0)
            return ws_fail(err, WS_EINPUT,
                "map versions: %" PRIu64 " does not follow on this %" PRIu64, v[i]->version,
                v[i - 1]->version);
        record_of(v[i], ret_record);
    }
    return WS_OK;
}

/* One step of one element, to be put in the order of elements and then of versions. */
struct step {
    const struct change_record *c;
    uint64_t version;
};

static enum element_kind kind_of(const struct change_record *c) {
    return c->has_after ? c->after.kind : c->before.kind;
}

static int by_element(const void *pa, const void *pb) {
    const struct step *a = pa;
    const struct step *b = pb;
    int r = change_compare(a->c, b->c);
    return r != 0 ? r : (a->version > b->version) - (a->version < b->version);
}

static bool same_element(const struct step *a, const struct step *b) {
    return memcmp(a->c->element_id, b->c->element_id, 16) == 0;
}

static struct range_change net(const struct step *s, size_t n) {
    const struct change_record *first = s[0].c;
    const struct change_record *last = s[n - 1].c;
    struct range_change r = {.kind = kind_of(last),
        .before = first->has_before ? &first->before : NULL,
        .after = last->has_after ? &last->after : NULL,
        .last = last,
        .first_version = s[0].version,
        .last_version = s[n - 1].version};
    memcpy(r.element_id, last->element_id, sizeof(r.element_id));
    r.tombstone = r.before == NULL && r.after == NULL;
    r.op = r.after == NULL ? MAP_DELETE : r.before == NULL ? MAP_CREATE : MAP_MODIFY;
    return r;
}

int map_range_of(const struct map_version *const *versions, size_t n, struct map_range *ret_range,
    struct ws_err *err) {
    if (n == 0)
        return ws_fail(err, WS_EINPUT, "map versions: none");
    struct map_range r = {.from = versions[0]->version - 1, .to = versions[n - 1]->version};
    int rc = check_chain(versions, n, r.record, err);
    if (rc != WS_OK)
        return rc;
    memcpy(r.previous_root, versions[0]->previous_root, sizeof(r.previous_root));
    memcpy(r.root, versions[n - 1]->root, sizeof(r.root));
    size_t steps = 0;
    for (size_t i = 0; i < n; i++) {
        steps += versions[i]->n_changes;
        r.geometry = r.geometry || versions[i]->geometry;
    }
    struct step *list = ws_calloc(steps, sizeof(*list));
    steps = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < versions[i]->n_changes; k++)
            list[steps++] = (struct step){&versions[i]->changes[k], versions[i]->version};
    if (steps > 0)
        qsort(list, steps, sizeof(*list), by_element);
    r.changes = ws_calloc(steps, sizeof(r.changes[0]));
    for (size_t i = 0; i < steps;) {
        size_t k = 1;
        while (i + k < steps && same_element(&list[i], &list[i + k]))
            k++;
        r.changes[r.n++] = net(&list[i], k);
        i += k;
    }
    free(list);
    *ret_range = r;
    return WS_OK;
}

void map_range_free(struct map_range *r) {
    for (size_t i = 0; r->owned != NULL && i < 2 * r->n; i++)
        element_free(&r->owned[i]);
    free(r->owned);
    free(r->changes);
    *r = (struct map_range){0};
}

/* The net as records that map_changes_apply takes; elements are borrowed, only the list is freed. */
static struct change_record *records(const struct map_range *r, size_t *ret_n) {
    struct change_record *list = ws_calloc(r->n, sizeof(*list));
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++) {
        const struct range_change *c = &r->changes[i];
        if (c->tombstone)
            continue;
        struct change_record *to = &list[n++];
        to->op = c->op;
        memcpy(to->element_id, c->element_id, sizeof(to->element_id));
        to->has_before = c->before != NULL;
        to->has_after = c->after != NULL;
        if (to->has_before)
            to->before = *c->before;
        if (to->has_after)
            to->after = *c->after;
    }
    *ret_n = n;
    return list;
}

int map_range_apply(const struct map_range *r, struct mapset *m, struct ws_err *err) {
    struct tiles t = {0};
    uint8_t root[32];
    size_t n = 0;
    struct change_record *list = records(r, &n);
    tiles_build(&t, m);
    tiles_root(&t, root);
    int rc = WS_OK;
    if (memcmp(root, r->previous_root, sizeof(root)) != 0)
        rc = ws_fail(err, WS_EINPUT, "this map is not version %" PRIu64 " (root differs)", r->from);
    if (rc == WS_OK)
        rc = map_changes_check(list, n, m, err);
    if (rc == WS_OK) {
        tiles_apply(&t, &m->frame, list, n);
        tiles_root(&t, root);
        if (memcmp(root, r->root, sizeof(root)) != 0)
            rc = ws_fail(
                err, WS_EINPUT, "the changes do not give the root of version %" PRIu64, r->to);
    }
    if (rc == WS_OK)
        rc = map_changes_apply(list, n, m, err);
    tiles_free(&t);
    free(list);
    return rc;
}

/* ---- a whole map ---- */

static const uint8_t magic[8] = {'W', 'S', 'M', 'S', 'N', 0x0d, 0x0a, 0x1a};
enum { SNAPSHOT_VERSION = 1 };

void map_snapshot_encode(const struct map_snapshot *s, struct buf *b) {
    const size_t from = b->n;
    buf_put(b, magic, sizeof(magic));
    buf_u8(b, SNAPSHOT_VERSION);
    buf_put(b, s->cell_id, sizeof(s->cell_id));
    buf_u64(b, s->version);
    buf_put(b, s->record, sizeof(s->record));
    buf_put(b, s->root, sizeof(s->root));
    WS_ASSERT(b->n - from == MAP_SNAPSHOT_HEAD);
    mapset_encode(&s->map, b);
}

bool map_snapshot_begins(struct span head) {
    return head.n >= sizeof(magic) && memcmp(head.p, magic, sizeof(magic)) == 0;
}

int map_snapshot_decode(struct span s, struct map_snapshot *ret_snapshot, struct ws_err *err) {
    static const uint8_t zero[32];
    struct rd r = rd_of(s);
    struct span head = rd_take(&r, sizeof(magic));
    if (r.bad || memcmp(head.p, magic, sizeof(magic)) != 0)
        return ws_fail(err, WS_EINPUT, "map snapshot: this is none");
    unsigned version = rd_u8(&r);
    if (!r.bad && version != SNAPSHOT_VERSION)
        return ws_fail(err, WS_ENOTSUP, "map snapshot: encoding version %u is not 1", version);
    struct map_snapshot x = {0};
    rd_copy(&r, x.cell_id, sizeof(x.cell_id));
    x.version = rd_u64(&r);
    rd_copy(&r, x.record, sizeof(x.record));
    rd_copy(&r, x.root, sizeof(x.root));
    if (r.bad || x.version == 0 || (x.version == 1) != (memcmp(x.record, zero, 32) == 0))
        return ws_fail(err, WS_EINPUT, "map snapshot: octet %zu of %zu: malformed head", r.at, r.n);
    int rc = mapset_decode(rd_take(&r, rd_left(&r)), &x.map, err);
    if (rc != WS_OK)
        return ws_fail_in(err, "map snapshot");
    uint8_t root[32];
    map_root(&x.map, root);
    if (memcmp(root, x.root, sizeof(root)) != 0) {
        mapset_free(&x.map);
        return ws_fail(err, WS_EINPUT, "map snapshot: the map has another root");
    }
    *ret_snapshot = x;
    return WS_OK;
}
