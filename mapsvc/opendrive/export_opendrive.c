/* A map back into its OpenDRIVE file: what differs, what can be said, and whether it was. */
#include "mapsvc/formats/export_into.h"

#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "mapsvc/model/compare.h"
#include "mapsvc/model/text.h"
#include "mapsvc/opendrive/export_opendrive_edit.h"

#include <stdio.h>
#include <stdlib.h>

/* Reads octets as the map's file was read: in its frame, around its origin. */
static int read_as(const char *name, struct span data, const struct mapset *like,
    struct mapset *ret_map, struct od_map *m, struct od_build *b, struct map_reader *r,
    struct map_import_options *opt, struct ws_err *err) {
    *opt = (struct map_import_options){.has_origin = true,
        .lat0 = like->frame.lat0,
        .lon0 = like->frame.lon0,
        .has_frame = true,
        .frame = like->frame};
    (void)snprintf(ret_map->ns, sizeof(ret_map->ns), "opendrive");
    exec_sha256_one(data, ret_map->base_digest);
    *r = (struct map_reader){.file = name, .opt = opt, .map = ret_map, .err = err};
    opendrive_read(r, data, m, b);
    if (r->rc == WS_OK && ret_map->n == 0 && like->n > 0)
        r->rc = ws_fail(err, WS_EINPUT, "%s: holds no OpenDRIVE road that could be read", name);
    if (r->rc == WS_OK)
        mapset_sort(ret_map);
    return r->rc;
}

static int64_t first_free_id(const struct od_map *m) {
    int64_t most = 0;
    for (size_t i = 0; i < m->n_signals + m->n_objects; i++) {
        int64_t v = 0;
        uint32_t id = i < m->n_signals ? m->signals[i].id : m->objects[i - m->n_signals].id;
        if (text_to_i64(od_text(m, id), &v) && v > most && v < INT32_MAX / 2)
            most = v;
    }
    return most + 1;
}

static const struct element *either(const struct map_change *c) {
    return c->after != NULL ? c->after : c->before;
}

static void edit(struct xe *x, const struct map_change *c) {
    switch (either(c)->kind) {
    case EL_SIGN:
    case EL_LIGHT:
        xe_signal(x, c);
        break;
    case EL_STOP_LINE:
    case EL_CROSSWALK:
        xe_object(x, c);
        break;
    case EL_BOUNDARY:
        xe_boundary(x, c);
        break;
    case EL_LANE:
        xe_lane(x, c);
        break;
    case EL_HAZARD:
        xe_unsaid(x, either(c), "a hazard is no part of a base map");
        break;
    case EL_AREA:
        xe_unsaid(x, either(c), "OpenDRIVE has no areas");
        break;
    case EL_SPEED_LIMIT: /* together, in xe_limits */
        break;
    }
}

/* ---- what the new file says ---- */

/* "de274-30" and "30" show 30: the cell changes a figure, and the code that repeats it follows in the file. */
static bool repeats_figure(const char *key, const char *text, const struct element *map) {
    if (!map->has_value || (strcmp(key, "code") != 0 && strcmp(key, "subtype") != 0))
        return false;
    char figure[16];
    int k = snprintf(figure, sizeof(figure), "%d", map->value);
    size_t n = strlen(text);
    if (k <= 0 || n < (size_t)k || strcmp(text + n - (size_t)k, figure) != 0)
        return false;
    return n == (size_t)k || text[n - (size_t)k - 1] == '-';
}

static const char *unlike_texts(const struct element *file, const struct element *map) {
    for (size_t i = 0; i < map->n_attrs; i++) {
        const char *v = element_attr(file, map->attrs[i].key);
        if (strcmp(map->attrs[i].key, "successors") == 0)
            continue;
        if (v == NULL ||
            (strcmp(v, map->attrs[i].value) != 0 && !repeats_figure(map->attrs[i].key, v, map)))
            return map->attrs[i].key;
    }
    return NULL;
}

/* What the map's element says and the file's does not; NULL: nothing. A new sign has fewer texts than the file needs
 * of it. */
static const char *unlike(const struct element *file, const struct element *map) {
    if (file->has_value != map->has_value || (file->has_value && file->value != map->value))
        return "figure";
    int turn = (int16_t)(uint16_t)(file->heading - map->heading);
    if (file->has_heading != map->has_heading || (map->has_heading && (turn > 8 || turn < -8)))
        return "direction";
    /* two drawings of one curve by chords that leave it by up to a centimetre each */
    enum { DRAWN_TWICE = 20 };
    if (file->kind == EL_BOUNDARY)
        return compare_lines(file->points, file->n_points, map->points, map->n_points, DRAWN_TWICE)
                   ? unlike_texts(file, map)
                   : "place or shape";
    bool same = file->n_points == map->n_points;
    for (size_t i = 0; i < map->n_points && same; i++) {
        int64_t dx = (int64_t)file->points[i].x - map->points[i].x;
        int64_t dy = (int64_t)file->points[i].y - map->points[i].y;
        same = dx * dx + dy * dy <= 10 * 10;
    }
    if (!same)
        return "place or shape";
    return unlike_texts(file, map);
}

static const char *reason_of(const struct xe *x, const struct map_change *c) {
    const struct element *e = either(c);
    for (size_t i = 0; i < x->n_whys; i++) {
        const struct element *o = x->whys[i].e;
        if (o == e || (o->kind == e->kind && o->n_aliases > 0 && e->n_aliases > 0 &&
                          strcmp(o->aliases[0], e->aliases[0]) == 0))
            return x->whys[i].reason;
    }
    return NULL;
}

static void report(const struct xe *x, const struct map_delta *left, struct map_report *unsaid) {
    for (size_t i = 0; i < left->n; i++) {
        const struct map_change *c = &left->changes[i];
        const char *what = c->op == MAP_MODIFY ? unlike(c->before, c->after) : "";
        if (what == NULL)
            continue;
        const struct element *e = either(c);
        const char *reason = reason_of(x, c);
        char id[33];
        char text[160];
        hex_encode(id, e->id, 16);
        if (reason == NULL && c->op == MAP_MODIFY)
            (void)snprintf(text, sizeof(text), "the file says another \"%.64s\"", what);
        else if (reason == NULL)
            (void)snprintf(text, sizeof(text), "OpenDRIVE has no place for it here");
        unsaid->skipped++;
        map_report_add(unsaid, "%s %s: %s", element_kind_name(e->kind),
            e->n_aliases > 0 ? e->aliases[0] : id, reason != NULL ? reason : text);
    }
}

static int verify(const char *name, struct span out, const struct xe *x, struct map_report *unsaid,
    struct ws_err *err) {
    struct mapset again = {0};
    struct od_map m = {0};
    struct od_build b;
    struct map_reader r;
    struct map_import_options opt;
    int rc = read_as(name, out, x->map, &again, &m, &b, &r, &opt, err);
    if (rc == WS_OK) {
        struct map_delta left;
        map_compare(&again, x->map, &left);
        report(x, &left, unsaid);
        map_delta_free(&left);
    }
    od_map_free(&m);
    mapset_free(&again);
    return rc;
}

int opendrive_export_into(const struct mapset *m, const char *base_path, struct span base,
    struct buf *b, struct map_report *unsaid, struct ws_err *err) {
    if (strcmp(m->ns, "opendrive") != 0)
        return ws_fail(err, WS_ENOTSUP, "%s: the map does not come from OpenDRIVE but from %s",
            base_path, m->ns);
    if (base.n > UINT32_MAX / 2 || (base.n > 0 && memchr(base.p, 0, base.n) != NULL))
        return ws_fail(err, WS_ENOTSUP,
            "%s: changes are written into files up to 2 GiB in UTF-8 and its like, not UTF-16",
            base_path);
    struct mapset base_map = {0};
    struct od_map od = {0};
    struct od_build build;
    struct map_reader r;
    struct map_import_options opt;
    struct map_delta delta = {0};
    struct xe x = {.base = base, .m = &od, .b = &build, .map = m, .delta = &delta};
    size_t start = b->n;
    int rc = read_as(base_path, base, m, &base_map, &od, &build, &r, &opt, err);
    if (rc == WS_OK) {
        map_compare(&base_map, m, &delta);
        if (delta.shifted)
            rc = ws_fail(
                err, WS_ENOTSUP, "%s: the map lies elsewhere than the file, as a whole", base_path);
    }
    if (rc == WS_OK) {
        x.next_id = first_free_id(&od);
        xe_index(&x);
        for (size_t i = 0; i < delta.n; i++)
            edit(&x, &delta.changes[i]);
        xe_limits(&x, &base_map);
        xe_shapes(&x);
        xe_apply(&x, b);
        struct span out = {b->p + start, b->n - start};
        rc = verify(base_path, out, &x, unsaid, err);
    }
    xe_free(&x);
    map_delta_free(&delta);
    od_map_free(&od);
    mapset_free(&base_map);
    return rc;
}
