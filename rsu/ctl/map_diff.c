/* rsuctl map diff. */
#include "rsu/ctl/map.h"

#include "mapsvc/formats/objects.h"
#include "rsu/json/map.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static int print_json(const struct ctl_verb *v, json_t *j) {
    int code = ctl_print_json(v, j);
    json_decref(j);
    return code;
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
    char words[CHANGE_WORDS_OCTETS];
    hex_encode(id, e->id, 16);
    describe(p, c, words, sizeof(words));
    json_t *o = json_pack("{s:s, s:s, s:s, s:s}", "op", json_change_op(c->op), "kind",
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
        char words[CHANGE_WORDS_OCTETS];
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

static int print_tnits(const struct ctl_verb *v, const struct mapset *a, const struct mapset *b,
    const struct map_delta *d, const struct ctl_tnits *how) {
    struct buf out = {0};
    ctl_tnits_update(a, b, d, how, &out);
    int code = ctl_print(v, buf_span(&out));
    buf_free(&out);
    return code;
}

static int run_diff(const struct ctl_verb *v, int argc, char **argv) {
    bool json = false;
    bool quiet = false;
    const char *format = NULL;
    struct ctl_tnits how_tnits = {.provider = "wayside"};
    struct ctl_place origin = {0};
    struct ctl_list words = {0};
    const struct ctl_option options[] = {
        {"origin", CTL_PLACE, &origin, 0, 0},
        {"quiet", CTL_FLAG, &quiet, 0, 0},
        {"format", CTL_TEXT, (void *)&format, 0, 0},
        {"time", CTL_TEXT, (void *)&how_tnits.time, 0, 0},
        {"provider", CTL_TEXT, (void *)&how_tnits.provider, 0, 0},
        {"json", CTL_FLAG, &json, 0, 0},
    };
    int code;
    if (!ctl_options(v, argc, argv, options, ARRAY_LEN(options), &words, 2, 2, &code))
        return code;
    if (format != NULL && strcmp(format, "tnits") != 0)
        return ctl_misuse(v, "--format: tnits");
    if (!ctl_tnits_read(&how_tnits))
        return ctl_misuse(
            v, "--time: '%.80s' is not a time like 2026-11-21T09:30:00Z", how_tnits.time);
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
            code = print_tnits(v, &a, &b, &d, &how_tnits);
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
    "A and B are maps in any form that map export reads. "
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
    "  --provider NAME     providerId in it; wayside unless given\n"
    "  --time TIME         when it was made and the changes came, like 2026-11-21T09:30:00Z; "
    "unless "
    "given, the\n"
    "                      latest time from which something in B is valid\n",
    run_diff};
