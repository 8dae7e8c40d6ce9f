/* What a version does to a map, and what it says to people. */
#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "mapsvc/fuse/associate.h"
#include "mapsvc/fuse/diff.h"
#include "mapsvc/fuse/fusion.h"
#include "mapsvc/fuse/tiles.h"
#include "mapsvc/model/text.h"

#include <inttypes.h>
#include <stdio.h>
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

/* ---- in words ---- */

static void kind_in_words(enum element_kind k, char *dst, size_t size) {
    (void)snprintf(dst, size, "%s", element_kind_name(k));
    for (char *p = dst; *p != '\0'; p++)
        if (*p == '_')
            *p = ' ';
}

/* " 50", " de205", or nothing for what has neither figure nor code. */
static void value_in_words(const struct element *e, char *dst, size_t size) {
    const char *code = element_attr(e, "code");
    dst[0] = '\0';
    if (e->has_value) {
        (void)snprintf(dst, size, " %" PRId32, e->value);
    } else if (code != NULL) {
        char *whole = text_clean(code, size - 2); /* cut between characters */
        (void)snprintf(dst, size, " %s", whole);
        free(whole);
    }
}

/* Tenths of a bit, rounded towards zero, without floating point. */
static void bits_in_words(int64_t q16, char *dst, size_t size) {
    int64_t tenths = q16 / 65536 * 10 + q16 % 65536 * 10 / 65536;
    uint64_t u = tenths < 0 ? 0 - (uint64_t)tenths : (uint64_t)tenths;
    if (u % 10 == 0)
        (void)snprintf(dst, size, "%s%" PRIu64, tenths < 0 ? "-" : "", u / 10);
    else
        (void)snprintf(dst, size, "%s%" PRIu64 ".%" PRIu64, tenths < 0 ? "-" : "", u / 10, u % 10);
}

/* How far the farthest point of one line is from the other. */
static uint64_t farthest2(const struct element *a, const struct element *b) {
    uint64_t worst = 0;
    for (size_t i = 0; i < a->n_points; i++) {
        size_t segment = 0;
        uint64_t d =
            distance2_line(b->points, b->n_points, a->points[i].x, a->points[i].y, &segment);
        worst = d > worst ? d : worst;
    }
    return worst;
}

enum { DESCRIBED_MAX = 2048 }; /* points of a line that are looked at one against all others */

/* Metres and tenths, without floating point. */
static void distance_in_words(
    const struct element *a, const struct element *b, char *dst, size_t size) {
    int32_t ax = 0;
    int32_t ay = 0;
    int32_t bx = 0;
    int32_t by = 0;
    element_anchor(a, &ax, &ay);
    element_anchor(b, &bx, &by);
    uint64_t d2 = distance2(ax, ay, bx, by);
    if (a->n_points > 1 && b->n_points > 1 && a->n_points <= DESCRIBED_MAX &&
        b->n_points <= DESCRIBED_MAX) {
        d2 = farthest2(a, b);
        uint64_t back = farthest2(b, a);
        d2 = back > d2 ? back : d2;
    }
    uint32_t tenths = (fusion_sqrt(d2) + 50) / 100;
    (void)snprintf(dst, size, "%" PRIu32 ".%" PRIu32 " m", tenths / 10, tenths % 10);
}

static void modify_in_words(const struct change_record *c, const char *kind, const char *from,
    const char *to, const char *unit, char *dst, size_t size) {
    const char *space = unit[0] == '\0' ? "" : " ";
    char distance[32];
    if (strcmp(from, to) != 0) {
        (void)snprintf(dst, size, "%s%s ->%s%s%s", kind, from[0] == '\0' ? " none" : from,
            to[0] == '\0' ? " none" : to, space, unit);
    } else if (change_is_geometry(c) && c->before.n_points > 0 && c->after.n_points > 0) {
        distance_in_words(&c->before, &c->after, distance, sizeof(distance));
        (void)snprintf(dst, size, "%s%s%s%s moved %s", kind, to, space, unit, distance);
    } else {
        (void)snprintf(dst, size, "%s%s%s%s changed", kind, to, space, unit);
    }
}

static void what_in_words(const struct change_record *c, char *dst, size_t size) {
    const struct element *e = c->has_after ? &c->after : &c->before;
    char kind[32];
    char from[32];
    char to[32];
    kind_in_words(e->kind, kind, sizeof(kind));
    value_in_words(&c->before, from, sizeof(from));
    value_in_words(&c->after, to, sizeof(to));
    const char *unit = "";
    if (e->has_value && e->kind == EL_SPEED_LIMIT) {
        const char *named = element_attr(e, "unit");
        unit = named != NULL ? named : "km/h";
    }
    const char *space = unit[0] == '\0' ? "" : " ";
    switch (c->op) {
    case MAP_CREATE:
        (void)snprintf(dst, size, "new %s%s%s%s", kind, to, space, unit);
        break;
    case MAP_DELETE:
        (void)snprintf(dst, size, "%s%s%s%s removed", kind, from, space, unit);
        break;
    case MAP_MODIFY:
        modify_in_words(c, kind, from, to, unit, dst, size);
        break;
    }
}

void change_describe_what(const struct change_record *c, char *dst, size_t size) {
    const struct element *e = c->has_after ? &c->after : &c->before;
    char what[ELEMENT_MAX_TEXT + 128];
    char name[ELEMENT_MAX_TEXT + 1];
    what_in_words(c, what, sizeof(what));
    if (e->n_aliases > 0)
        (void)snprintf(name, sizeof(name), "%s", e->aliases[0]);
    else
        hex_encode(name, e->id, sizeof(e->id));
    (void)snprintf(dst, size, "%s, %s", what, name);
}

void change_describe(const struct change_record *c, char *dst, size_t size) {
    char what[2 * ELEMENT_MAX_TEXT + 132];
    char bits[32];
    char threshold[32];
    change_describe_what(c, what, sizeof(what));
    bits_in_words(c->bits_q16, bits, sizeof(bits));
    bits_in_words(c->threshold_q16, threshold, sizeof(threshold));
    if (c->tier == TIER_ORDER) {
        (void)snprintf(dst, size, "%s: by order of the authority", what);
        return;
    }
    (void)snprintf(dst, size,
        "%s%s: %" PRIu32 " vehicle%s, %" PRIu32 " software famil%s, %s bits of %s",
        c->tier == TIER_ADVISORY ? "advisory: " : "", what, c->vehicles,
        c->vehicles == 1 ? "" : "s", c->families, c->families == 1 ? "y" : "ies", bits, threshold);
}
