/* What a version does to a map. */
#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "mapsvc/fuse/diff.h"
#include "mapsvc/fuse/tiles.h"

#include <inttypes.h>
#include <stdlib.h>

void map_root(const struct mapset *m, uint8_t ret_root[static 32]) {
    struct tiles t = {0};
    tiles_build(&t, m);
    tiles_root(&t, ret_root);
    tiles_free(&t);
}

int map_changes_check(
    const struct change_record *changes, size_t n, const struct mapset *m, struct ws_err *err) {
    for (size_t i = 0; i < n; i++) {
        const struct change_record *c = &changes[i];
        char id[33];
        hex_encode(id, c->element_id, sizeof(c->element_id));
        const struct element *have = mapset_find(m, c->element_id);
        if (c->op == MAP_CREATE) {
            if (have != NULL)
                return ws_fail(err, WS_EINPUT, "change %zu creates %s, which is there", i, id);
            continue;
        }
        if (have == NULL)
            return ws_fail(err, WS_EINPUT, "change %zu is about %s, which is not there", i, id);
        uint8_t a[32];
        uint8_t b[32];
        element_hash(have, a);
        element_hash(&c->before, b);
        if (memcmp(a, b, sizeof(a)) != 0)
            return ws_fail(err, WS_EINPUT, "change %zu: %s is not what `before` says", i, id);
    }
    return WS_OK;
}

static int by_index(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static int by_id(const void *a, const void *b) {
    return memcmp(((const struct element *)a)->id, ((const struct element *)b)->id, 16);
}

static void apply_checked(const struct change_record *changes, size_t n, struct mapset *m) {
    uint32_t *gone = ws_calloc(n, sizeof(*gone));
    struct element *fresh = ws_calloc(n, sizeof(*fresh));
    size_t n_gone = 0;
    size_t n_fresh = 0;
    for (size_t i = 0; i < n; i++) {
        const struct change_record *c = &changes[i];
        if (c->op == MAP_CREATE) {
            fresh[n_fresh++] = element_copy(&c->after);
            continue;
        }
        const struct element *e = mapset_find(m, c->element_id);
        size_t at = (size_t)(e - m->elements);
        if (c->op == MAP_DELETE) {
            gone[n_gone++] = (uint32_t)at;
        } else {
            element_free(&m->elements[at]);
            m->elements[at] = element_copy(&c->after);
        }
    }
    /* Changes are ordered by kind first. */
    if (n_gone > 1)
        qsort(gone, n_gone, sizeof(*gone), by_index);
    if (n_fresh > 1)
        qsort(fresh, n_fresh, sizeof(*fresh), by_id);
    mapset_edit(m, gone, n_gone, fresh, n_fresh);
    free(gone);
    free(fresh);
}

int map_changes_apply(
    const struct change_record *changes, size_t n, struct mapset *m, struct ws_err *err) {
    int rc = map_changes_check(changes, n, m, err);
    if (rc == WS_OK)
        apply_checked(changes, n, m);
    return rc;
}

/* The root is computed beside m, so that a refused version leaves m alone. */
static int check_version(
    const struct map_version *v, const struct mapset *m, struct tiles *t, struct ws_err *err) {
    uint8_t root[32];
    tiles_build(t, m);
    tiles_root(t, root);
    if (memcmp(root, v->previous_root, sizeof(root)) != 0)
        return ws_fail(err, WS_EINPUT,
            "map version %" PRIu64 ": this map is not its predecessor (root differs)", v->version);
    int rc = map_changes_check(v->changes, v->n_changes, m, err);
    if (rc != WS_OK)
        return ws_fail_in(err, "map version %" PRIu64, v->version);
    tiles_apply(t, &m->frame, v->changes, v->n_changes);
    tiles_root(t, root);
    if (memcmp(root, v->root, sizeof(root)) != 0)
        return ws_fail(
            err, WS_EINPUT, "map version %" PRIu64 ": changes do not give its root", v->version);
    return WS_OK;
}

int map_version_apply(const struct map_version *v, struct mapset *m, struct ws_err *err) {
    struct tiles t = {0};
    int rc = check_version(v, m, &t, err);
    tiles_free(&t);
    if (rc == WS_OK)
        apply_checked(v->changes, v->n_changes, m);
    return rc;
}
