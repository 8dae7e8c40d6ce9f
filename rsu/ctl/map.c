/* rsuctl map export, diff: maps as files. */
#include "rsu/ctl/map.h"
#include "base/fileio.h"
#include "base/mem.h"
#include "mapsvc/formats/export.h"
#include "mapsvc/formats/export_into.h"
#include "mapsvc/formats/objects.h"
#include "mapsvc/tnits/tnits.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int print_json(const struct ctl_verb *v, json_t *j) {
    int code = ctl_print_json(v, j);
    json_decref(j);
    return code;
}

/* ---- export ---- */

static int export_into(const struct mapset *m, const char *base, struct buf *b, size_t *ret_unsaid,
    struct ws_err *err) {
    struct map_report *unsaid = ws_alloc(sizeof(*unsaid));
    int rc = map_export_into(m, base, b, unsaid, err);
    *ret_unsaid = rc == WS_OK ? unsaid->skipped : 0;
    if (rc == WS_OK)
        ctl_map_tell(unsaid, "not said");
    free(unsaid);
    return rc;
}

/* ---- TN-ITS ---- */

/* What was left out, by reason; silent when nothing was. */
static void tell_left_out(const struct tnits_tally *t) {
    for (size_t i = 0; i < TNITS_LEFT_KINDS; i++)
        if (t->left[i] > 0)
            (void)fprintf(
                stderr, "left out: %zu, %s\n", t->left[i], tnits_left_name((enum tnits_left)i));
}

static int64_t now_ms(void) {
    return (int64_t)time(NULL) * 1000;
}

/* The digest of the map a data set is about, as its id. */
static void dataset_of(const struct mapset *m, char ret_name[static 65]) {
    uint8_t digest[32];
    mapset_digest(m, digest);
    hex_encode(ret_name, digest, 32);
}

static void export_snapshot(const struct mapset *m, const char *provider, struct buf *b) {
    struct tnits_change *all = ws_calloc(m->n, sizeof(*all));
    for (size_t i = 0; i < m->n; i++)
        all[i] = (struct tnits_change){.after = &m->elements[i], .last = &m->elements[i]};
    char dataset[65];
    dataset_of(m, dataset);
    const struct tnits_head head = {.dataset = dataset,
        .provider = provider,
        .created_ms = now_ms(),
        .snapshot = true,
        .frame = &m->frame};
    struct tnits_tally tally;
    tnits_export(&head, all, m->n, b, &tally);
    tell_left_out(&tally);
    free(all);
}

/* after.id of a changed element may be another file's; the feature keeps the name it had. */
static int tell_tnits(const struct ctl_verb *v, const struct mapset *a, const struct mapset *b,
    const struct map_delta *d, const char *provider) {
    struct tnits_change *all = ws_calloc(d->n, sizeof(*all));
    struct element *named = ws_calloc(d->n, sizeof(*named));
    int64_t now = now_ms();
    for (size_t i = 0; i < d->n; i++) {
        const struct map_change *c = &d->changes[i];
        all[i] = (struct tnits_change){.before = c->before, .at_ms = now};
        if (c->after != NULL) {
            named[i] = *c->after; /* borrowed but for the id */
            if (c->before != NULL)
                memcpy(named[i].id, c->before->id, sizeof(named[i].id));
            all[i].after = &named[i];
            all[i].frame = &b->frame;
        }
        all[i].last = c->after != NULL ? all[i].after : c->before;
    }
    char dataset[65];
    dataset_of(b, dataset);
    const struct tnits_head head = {
        .dataset = dataset, .provider = provider, .created_ms = now, .frame = &a->frame};
    struct tnits_tally tally;
    struct buf out = {0};
    tnits_export(&head, all, d->n, &out, &tally);
    tell_left_out(&tally);
    int code = ctl_print(v, buf_span(&out));
    buf_free(&out);
    free(named);
    free(all);
    return code;
}

static int run_export(const struct ctl_verb *v, int argc, char **argv) {
    const char *format = NULL;
    const char *base = NULL;
    const char *out = NULL;
    const char *provider = "wayside";
    struct ctl_place origin = {0};
    struct ctl_list words = {0};
    const struct ctl_option options[] = {
        {"provider", CTL_TEXT, (void *)&provider, 0, 0},
        {"format", CTL_TEXT, (void *)&format, 0, 0},
        {"to", CTL_TEXT, (void *)&format, 0, 0},
        {"base", CTL_TEXT, (void *)&base, 0, 0},
        {"out", CTL_TEXT, (void *)&out, 0, 0},
        {"origin", CTL_PLACE, &origin, 0, 0},
    };
    int code;
    if (!ctl_options(v, argc, argv, options, ARRAY_LEN(options), &words, 1, 1, &code))
        return code;
    bool osm = format != NULL && (strcmp(format, "osm") == 0 || strcmp(format, "lanelet2") == 0);
    bool xodr = format != NULL && strcmp(format, "opendrive") == 0;
    bool tnits = format != NULL && strcmp(format, "tnits") == 0;
    if (!osm && !xodr && !tnits && (format == NULL || strcmp(format, "geojsonseq") != 0))
        return ctl_misuse(v, "--to: geojsonseq, lanelet2, opendrive or tnits");
    if (base != NULL && !osm && !xodr)
        return ctl_misuse(v, "--base goes with --to lanelet2 or opendrive");
    if (xodr && base == NULL)
        return ctl_misuse(v, "--to opendrive needs --base");
    struct map_import_options how = {
        .has_origin = origin.given, .lat0 = origin.lat, .lon0 = origin.lon};
    struct mapset m = {0};
    struct ws_err err = {0};
    if (ctl_map_load(words.v[0], &how, &m, NULL, &err) != WS_OK)
        return ctl_fail(v, CTL_UNREACHABLE, &err);
    if (base != NULL && strcmp(m.ns, osm ? "lanelet2" : "opendrive") != 0) {
        mapset_free(&m);
        return ctl_misuse(
            v, "--base: changes are written into the language that the map came from");
    }
    struct buf b = {0};
    size_t unsaid = 0;
    int rc = WS_OK;
    if (base != NULL)
        rc = export_into(&m, base, &b, &unsaid, &err);
    else if (osm)
        export_lanelet2(&m, &b);
    else if (tnits)
        export_snapshot(&m, provider, &b);
    else
        export_geojsonseq_map(&m, &b);
    mapset_free(&m);
    if (rc == WS_OK && out != NULL)
        rc = file_write(out, buf_span(&b), 0644, &err);
    code = rc != WS_OK   ? ctl_fail(v, CTL_UNREACHABLE, &err)
           : out == NULL ? ctl_print(v, buf_span(&b))
                         : CTL_DONE;
    buf_free(&b);
    return code == CTL_DONE && unsaid > 0 ? CTL_NO : code;
}

const struct ctl_verb ctl_map_export = {"map", "export",
    "write a map in a format that other tools read",
    "FILE --to geojsonseq|lanelet2|opendrive|tnits [--base FILE] [--out FILE]\n"
    "\n"
    "FILE is a map in the cell's own form (.wmap), Lanelet2 or OpenDRIVE.\n"
    "\n"
    "  --to geojsonseq       a GeoJSON text sequence (RFC 8142), a feature for each element\n"
    "  --to lanelet2         Lanelet2 in OSM XML (--format is another word for --to, osm for "
    "lanelet2)\n"
    "  --to opendrive        the OpenDRIVE file it was imported from, given with --base\n"
    "  --to tnits            a TN-ITS data set (Snapshot) of limits, signs and crosswalks; what is "
    "left out is "
    "counted\n"
    "                        on standard error\n"
    "  --provider NAME       providerId in a TN-ITS data set; wayside unless given\n"
    "  --base FILE           the file that the map was imported from: what has changed is written "
    "into it, the "
    "rest\n"
    "                        stays octet for octet; what cannot be said is told on standard error, "
    "exit code "
    "1\n"
    "  --out FILE            instead of standard output\n"
    "  --origin LAT,LON      place of (0,0) of a map with local coordinates only\n",
    run_export};

/* ---- diff ---- */

static const char *op_name(enum map_change_op op) {
    static const char *const names[] = {"create", "modify", "delete"};
    return names[op];
}

/* The two maps whose difference it is. */
struct pair {
    const struct mapset *a, *b;
    const struct map_delta *d;
};

/* e of b with its points where they lie in a's frame. */
static struct element seen_from_a(const struct pair *p, const struct element *e) {
    struct element seen = element_copy(e);
    for (size_t i = 0; i < seen.n_points; i++) {
        struct map_point *q = &seen.points[i];
        if (!frame_convert(&p->b->frame, &p->a->frame, q->x, q->y, &q->x, &q->y))
            break;
        if (p->d->shifted) {
            q->x = (int32_t)(q->x - p->d->shift_x_mm);
            q->y = (int32_t)(q->y - p->d->shift_y_mm);
        }
    }
    return seen;
}

static void describe(const struct pair *p, const struct map_change *c, char *dst, size_t size) {
    struct change_record r = {
        .op = c->op, .has_before = c->before != NULL, .has_after = c->after != NULL};
    if (c->before != NULL)
        r.before = *c->before; /* borrowed: r is never freed */
    if (c->after != NULL)
        r.after = seen_from_a(p, c->after);
    change_describe_what(&r, dst, size);
    element_free(&r.after);
}

static json_t *change_json(const struct pair *p, const struct map_change *c) {
    const struct element *e = c->after != NULL ? c->after : c->before;
    char id[33];
    char words[1024];
    hex_encode(id, e->id, 16);
    describe(p, c, words, sizeof(words));
    json_t *o = json_pack("{s:s, s:s, s:s, s:s}", "op", op_name(c->op), "kind",
        element_kind_name(e->kind), "element", id, "what", words);
    if (c->before != NULL && c->before->has_value)
        (void)json_object_set_new(o, "before", json_integer(c->before->value));
    if (c->after != NULL && c->after->has_value)
        (void)json_object_set_new(o, "after", json_integer(c->after->value));
    if (e->n_points > 0) {
        int32_t lat;
        int32_t lon;
        frame_to_wgs(c->after != NULL ? &p->b->frame : &p->a->frame, e->points[0].x, e->points[0].y,
            &lat, &lon);
        (void)json_object_set_new(o, "lat", json_real((double)lat / 1e7));
        (void)json_object_set_new(o, "lon", json_real((double)lon / 1e7));
    }
    return o;
}

static json_t *counts_json(const struct object_counts *c) {
    return json_pack("{s:I, s:I, s:I, s:I}", "created", (json_int_t)c->created, "deleted",
        (json_int_t)c->deleted, "retagged", (json_int_t)c->retagged, "rewired",
        (json_int_t)c->rewired);
}

static json_t *text_json(const char *s) {
    return s == NULL ? json_null() : json_string(s);
}

/* NULL: the files are not both Lanelet2. */
static json_t *objects_json(const struct objects_delta *d) {
    if (d == NULL)
        return json_null();
    json_t *tags = json_array();
    for (size_t i = 0; i < d->n_tags; i++)
        (void)json_array_append_new(tags,
            json_pack("{s:s, s:s, s:o, s:o, s:I}", "of", d->tags[i].relation ? "relations" : "ways",
                "key", d->tags[i].key, "before", text_json(d->tags[i].before), "after",
                text_json(d->tags[i].after), "count", (json_int_t)d->tags[i].count));
    json_t *nodes = counts_json(&d->nodes);
    (void)json_object_set_new(nodes, "moved", json_integer((json_int_t)d->moved));
    (void)json_object_set_new(nodes, "moved_far", json_integer((json_int_t)d->moved_far));
    (void)json_object_set_new(nodes, "farthest_mm", json_integer(d->farthest_mm));
    (void)json_object_set_new(nodes, "raised", json_integer((json_int_t)d->raised));
    return json_pack("{s:b, s:o, s:o, s:o, s:o}", "re_georeferenced", d->shifted, "nodes", nodes,
        "ways", counts_json(&d->ways), "relations", counts_json(&d->relations), "tags", tags);
}

enum { TAGS_SHOWN = 12 };

static void put_objects(struct buf *b, const struct objects_delta *d) {
    const struct object_counts *c = &d->nodes;
    buf_printf(b, "in the files, by id:\n  nodes      +%zu -%zu, %zu moved%s", c->created,
        c->deleted, d->moved, d->shifted ? " beyond the common shift" : "");
    if (d->moved > 0)
        buf_printf(b, " (%zu by more than 0.2 m, the farthest %.2f m)", d->moved_far,
            (double)d->farthest_mm / 1000.0);
    buf_printf(b, ", %zu with another height, %zu retagged\n", d->raised, c->retagged);
    c = &d->ways;
    buf_printf(b, "  ways       +%zu -%zu, %zu with another list of nodes, %zu retagged\n",
        c->created, c->deleted, c->rewired, c->retagged);
    c = &d->relations;
    buf_printf(b, "  relations  +%zu -%zu, %zu with other members, %zu retagged\n", c->created,
        c->deleted, c->rewired, c->retagged);
    for (size_t i = 0; i < d->n_tags && i < TAGS_SHOWN; i++)
        buf_printf(b, "    %zu %s: %.64s %.64s -> %.64s\n", d->tags[i].count,
            d->tags[i].relation ? "relations" : "ways", d->tags[i].key,
            d->tags[i].before == NULL ? "(none)" : d->tags[i].before,
            d->tags[i].after == NULL ? "(none)" : d->tags[i].after);
    if (d->n_tags > TAGS_SHOWN)
        buf_printf(b, "    ... %zu more with --json\n", d->n_tags - TAGS_SHOWN);
}

static json_t *no_word_json(const struct map_delta *d) {
    json_t *o = json_object();
    for (size_t k = EL_LANE; k < ARRAY_LEN(d->no_word); k++)
        if (d->no_word[k] > 0)
            (void)json_object_set_new(o, element_kind_name((enum element_kind)k),
                json_integer((json_int_t)d->no_word[k]));
    return o;
}

static void put_no_word(struct buf *b, const struct map_delta *d) {
    bool any = false;
    for (size_t k = EL_LANE; k < ARRAY_LEN(d->no_word); k++) {
        if (d->no_word[k] == 0)
            continue;
        buf_printf(b, "%s %s %zu",
            any ? "," : "not compared, as one of the formats has no word for them:",
            element_kind_name((enum element_kind)k), d->no_word[k]);
        any = true;
    }
    if (any)
        buf_printf(b, "\n");
}

/* objects: NULL unless both files are Lanelet2. */
static int tell_diff(const struct ctl_verb *v, const struct mapset *a, const struct mapset *b,
    const struct map_delta *d, const struct objects_delta *objects, bool json) {
    const struct pair p = {a, b, d};
    size_t n[3] = {0};
    for (size_t i = 0; i < d->n; i++)
        n[d->changes[i].op]++;
    if (json) {
        json_t *list = json_array();
        for (size_t i = 0; i < d->n; i++)
            (void)json_array_append_new(list, change_json(&p, &d->changes[i]));
        json_t *shift = d->shifted ? json_pack("{s:I, s:I}", "east_mm", (json_int_t)d->shift_x_mm,
                                         "north_mm", (json_int_t)d->shift_y_mm)
                                   : json_null();
        return print_json(
            v, json_pack("{s:o, s:I, s:I, s:I, s:o, s:o, s:o}", "re_georeferenced", shift, "create",
                   (json_int_t)n[MAP_CREATE], "modify", (json_int_t)n[MAP_MODIFY], "delete",
                   (json_int_t)n[MAP_DELETE], "changes", list, "not_compared", no_word_json(d),
                   "objects", objects_json(objects)));
    }
    struct buf text = {0};
    if (d->shifted)
        buf_printf(&text, "re-georeferenced: everything moved %.3f m %s and %.3f m %s\n",
            (double)llabs(d->shift_y_mm) / 1000.0, d->shift_y_mm < 0 ? "south" : "north",
            (double)llabs(d->shift_x_mm) / 1000.0, d->shift_x_mm < 0 ? "west" : "east");
    for (size_t i = 0; i < d->n; i++) {
        char words[1024];
        describe(&p, &d->changes[i], words, sizeof(words));
        buf_printf(&text, "%s\n", words);
    }
    buf_printf(&text, "%zu changes: %zu new, %zu modified, %zu removed\n", d->n, n[MAP_CREATE],
        n[MAP_MODIFY], n[MAP_DELETE]);
    put_no_word(&text, d);
    if (objects != NULL)
        put_objects(&text, objects);
    int code = ctl_print(v, buf_span(&text));
    buf_free(&text);
    return code;
}

static int tell_files(const struct ctl_verb *v, const char *const *files, const struct mapset *a,
    const struct mapset *b, const struct map_delta *d, bool json) {
    struct objects_delta objects = {0};
    struct ws_err err = {0};
    int rc = map_compare_objects(files[0], files[1], NULL, &objects, &err);
    if (rc != WS_OK && rc != WS_ENOTSUP)
        return ctl_fail(v, CTL_UNREACHABLE, &err);
    int code = tell_diff(v, a, b, d, rc == WS_OK ? &objects : NULL, json);
    objects_delta_free(&objects);
    return code;
}

static int run_diff(const struct ctl_verb *v, int argc, char **argv) {
    bool json = false;
    bool quiet = false;
    const char *format = NULL;
    const char *provider = "wayside";
    struct ctl_place origin = {0};
    struct ctl_list words = {0};
    const struct ctl_option options[] = {
        {"origin", CTL_PLACE, &origin, 0, 0},
        {"quiet", CTL_FLAG, &quiet, 0, 0},
        {"format", CTL_TEXT, (void *)&format, 0, 0},
        {"provider", CTL_TEXT, (void *)&provider, 0, 0},
        {"json", CTL_FLAG, &json, 0, 0},
    };
    int code;
    if (!ctl_options(v, argc, argv, options, ARRAY_LEN(options), &words, 2, 2, &code))
        return code;
    if (format != NULL && strcmp(format, "tnits") != 0)
        return ctl_misuse(v, "--format: tnits");
    struct map_import_options how = {
        .has_origin = origin.given, .lat0 = origin.lat, .lon0 = origin.lon};
    struct mapset a = {0};
    struct mapset b = {0};
    struct ws_err err = {0};
    int rc = ctl_map_load(words.v[0], &how, &a, NULL, &err);
    if (rc == WS_OK)
        rc = ctl_map_load(words.v[1], &how, &b, NULL, &err);
    if (rc != WS_OK) {
        code = ctl_fail(v, CTL_UNREACHABLE, &err);
    } else {
        struct map_delta d = {0};
        map_compare(&a, &b, &d);
        if (quiet)
            code = d.n > 0 || d.shifted ? CTL_NO : CTL_DONE;
        else if (format != NULL)
            code = tell_tnits(v, &a, &b, &d, provider);
        else
            code = tell_files(v, words.v, &a, &b, &d, json);
        map_delta_free(&d);
    }
    mapset_free(&a);
    mapset_free(&b);
    return code;
}

const struct ctl_verb ctl_map_diff = {"map", "diff", "list what differs between two maps",
    "A B [options]\n"
    "\n"
    "Elements are matched by their ids, kinds and places; rounding, another order and another "
    "numbering are\n"
    "no changes. A map that was moved as a whole is reported as re-georeferenced, once. Of two "
    "Lanelet2 "
    "files the\n"
    "objects that differ are counted, too. Between two formats, what one of them has no word for "
    "is "
    "counted as\n"
    "not compared.\n"
    "\n"
    "  --origin LAT,LON    place of (0,0) of maps with local coordinates only\n"
    "  --quiet             print nothing; exit code 1 when they differ\n"
    "  --json              print JSON\n"
    "  --format tnits      print a TN-ITS data set (Update) of what it has words for; the rest is "
    "counted on "
    "standard error\n"
    "  --provider NAME     providerId in it; wayside unless given\n",
    run_diff};
