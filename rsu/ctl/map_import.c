/* rsuctl map import. */
#include "base/fileio.h"
#include "base/mem.h"
#include "rsu/ctl/map.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static int print_json(const struct ctl_verb *v, json_t *j) {
    int code = ctl_print_json(v, j);
    json_decref(j);
    return code;
}

static size_t count(const struct mapset *m, enum element_kind kind) {
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++)
        n += m->elements[i].kind == kind;
    return n;
}

static json_t *identity_json(const struct map_identity *kept) {
    if (kept == NULL)
        return json_null();
    json_t *shift = kept->shifted ? json_pack("{s:I, s:I}", "east_mm", (json_int_t)kept->shift_x_mm,
                                        "north_mm", (json_int_t)kept->shift_y_mm)
                                  : json_null();
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:o}", "by_name", (json_int_t)kept->by_name,
        "by_place", (json_int_t)kept->by_place, "changed", (json_int_t)kept->changed, "new",
        (json_int_t)kept->created, "gone", (json_int_t)kept->gone, "re_georeferenced", shift);
}

/* kept: NULL without --previous. */
static int tell_import(const struct ctl_verb *v, const struct mapset *m,
    const struct map_report *report, const struct map_identity *kept, const char *out, bool json) {
    uint8_t digest[32];
    char hex[65];
    mapset_digest(m, digest);
    hex_encode(hex, digest, 32);
    if (json) {
        json_t *kinds = json_object();
        for (int k = EL_LANE; k <= EL_AREA; k++)
            (void)json_object_set_new(kinds, element_kind_name((enum element_kind)k),
                json_integer((json_int_t)count(m, (enum element_kind)k)));
        return print_json(v,
            json_pack("{s:s, s:s, s:I, s:o, s:I, s:I, s:o}", "out", out, "digest", hex, "elements",
                (json_int_t)m->n, "kinds", kinds, "skipped", (json_int_t)report->skipped, "notes",
                (json_int_t)report->notes, "previous", identity_json(kept)));
    }
    struct buf b = {0};
    buf_printf(&b, "%s: %zu elements", out, m->n);
    for (int k = EL_LANE; k <= EL_AREA; k++) {
        if (count(m, (enum element_kind)k) > 0)
            buf_printf(&b, ", %s %zu", element_kind_name((enum element_kind)k),
                count(m, (enum element_kind)k));
    }
    if (kept != NULL)
        buf_printf(&b,
            "\nkept: %zu by name, %zu by place, %zu of them changed; new: %zu; gone for good: "
            "%zu%s",
            kept->by_name, kept->by_place, kept->changed, kept->created, kept->gone,
            kept->shifted ? "; re-georeferenced as a whole" : "");
    buf_printf(
        &b, "\nleft out: %zu, notes: %zu\ndigest: %s\n", report->skipped, report->notes, hex);
    int code = ctl_print(v, buf_span(&b));
    buf_free(&b);
    return code;
}

/* So that places can be compared to the millimetre, and a change of the map is not one of its frame. */
static void stay_in_frame(const struct cell_frame *f, struct map_import_options *how) {
    how->has_frame = true;
    how->frame_is_hint = true;
    how->frame = *f;
    if (!how->has_origin) {
        how->has_origin = true;
        how->lat0 = f->lat0;
        how->lon0 = f->lon0;
    }
}

static void keep(const struct mapset *old, struct mapset *m, struct map_identity *kept) {
    struct map_report *report = ws_alloc(sizeof(*report));
    map_keep_identities(old, m, kept, report);
    ctl_map_tell(report, "note");
    free(report);
}

static int run_import(const struct ctl_verb *v, int argc, char **argv) {
    const char *out = NULL;
    const char *previous = NULL;
    uint64_t max_octets = 0;
    uint64_t max_objects = 0;
    bool strict = false;
    bool json = false;
    struct ctl_place origin = {0};
    struct ctl_list words = {0};
    const struct ctl_option options[] = {
        {"out", CTL_TEXT, (void *)&out, 0, 0},
        {"previous", CTL_TEXT, (void *)&previous, 0, 0},
        {"origin", CTL_PLACE, &origin, 0, 0},
        {"max-octets", CTL_NUMBER, &max_octets, 1, UINT32_MAX},
        {"max-objects", CTL_NUMBER, &max_objects, 1, 250000000},
        {"strict", CTL_FLAG, &strict, 0, 0},
        {"json", CTL_FLAG, &json, 0, 0},
    };
    int code;
    if (!ctl_options(v, argc, argv, options, ARRAY_LEN(options), &words, 1, 1, &code))
        return code;
    if (out == NULL)
        return ctl_misuse(v, "--out is needed");
    struct map_import_options how = {.strict = strict,
        .has_origin = origin.given,
        .lat0 = origin.lat,
        .lon0 = origin.lon,
        .max_octets = (size_t)max_octets,
        .max_objects = (size_t)max_objects};
    struct mapset m = {0};
    struct map_report *report = ws_alloc(sizeof(*report));
    struct ws_err err = {0};
    struct buf b = {0};
    struct mapset old = {0};
    struct map_identity kept = {0};
    int rc = previous == NULL ? WS_OK : ctl_map_load(previous, NULL, &old, NULL, &err);
    if (previous != NULL)
        stay_in_frame(&old.frame, &how);
    if (rc == WS_OK)
        rc = ctl_map_load(words.v[0], &how, &m, report, &err);
    if (rc == WS_OK && previous != NULL)
        keep(&old, &m, &kept);
    /* All ids would be new, and the map one that nobody's changes refer to: a wrong file's name, most likely. */
    const bool foreign = previous != NULL && old.n > 0 && kept.by_name + kept.by_place == 0;
    if (rc == WS_OK && foreign)
        rc = ws_fail(&err, WS_EINPUT,
            "nothing of %s is in %s; without --previous it is a map of its own", previous,
            words.v[0]);
    mapset_free(&old);
    if (rc == WS_OK) {
        mapset_encode(&m, &b);
        rc = file_write(out, buf_span(&b), 0644, &err);
        buf_free(&b);
    }
    code = rc == WS_OK ? tell_import(v, &m, report, previous == NULL ? NULL : &kept, out, json)
                       : ctl_fail(v, foreign ? CTL_NO : CTL_UNREACHABLE, &err);
    mapset_free(&m);
    free(report);
    return code;
}

const struct ctl_verb ctl_map_import = {"map", "import", "read a map into the cell's own form",
    "FILE --out FILE.wmap [options]\n"
    "\n"
    "Reads Lanelet2 (.osm), OpenDRIVE (.xodr) or TN-ITS, told by content, and says what is in it. "
    "Broken "
    "elements are\n"
    "left out and told on standard error.\n"
    "\n"
    "  --out FILE.wmap     the map in its canonical form, whose digest a genesis names\n"
    "  --previous OLD.wmap the map that this one replaces: elements that are still there keep "
    "their ids, by name, "
    "then\n"
    "                      by place; what is new gets an id that never was; both are told on "
    "standard error\n"
    "  --origin LAT,LON    place of (0,0) of a map with local coordinates only\n"
    "  --max-octets N      refuse a larger file (1 GiB)\n"
    "  --max-objects N     refuse a Lanelet2 file with more nodes, ways and relations "
    "(10,000,000)\n"
    "  --strict            any broken element refuses the file\n"
    "  --json              print JSON\n",
    run_import};
