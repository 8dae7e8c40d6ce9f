#include "mapsvc/formats/import.h"

#include "base/fileio.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "mapsvc/formats/xml.h"
#include "mapsvc/model/ieee.h"
#include "mapsvc/model/ints.h"
#include "mapsvc/model/text.h"
#include "mapsvc/tnits/tnits_read.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void map_skip(struct map_reader *r, unsigned line, const char *what, const char *fmt, ...) {
    if (r->rc != WS_OK)
        return;
    char why[160];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);
    if (r->opt->strict) {
        r->rc = ws_fail(r->err, WS_EINPUT, "%s:%u: %s: %s", r->file, line, what, why);
        return;
    }
    if (r->report != NULL)
        r->report->skipped++;
    map_report_add(r->report, "%s:%u: %s: %s; left out", r->file, line, what, why);
}

void map_note(struct map_reader *r, unsigned line, const char *fmt, ...) {
    char text[200];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (line == 0)
        map_report_add(r->report, "%s: %s", r->file, text);
    else
        map_report_add(r->report, "%s:%u: %s", r->file, line, text);
}

void map_emit(struct map_reader *r, struct element *e, const char *native) {
    char alias[ELEMENT_MAX_TEXT + 1];
    (void)snprintf(alias, sizeof(alias), "%s:%s", r->map->ns, native);
    (void)element_add_alias(e, alias);
    element_id_import(r->map->ns, r->map->base_digest, native, e->id);
    e->valid_to_ms = INT64_MAX;
    mapset_add(r->map, e);
}

struct cell_frame map_frame_around(const struct map_import_options *opt, int32_t lat, int32_t lon) {
    enum { STEP = 10000, NEAR = 2000000 };
    int64_t dlat = (int64_t)lat - opt->frame.lat0;
    int64_t dlon = (int64_t)lon - opt->frame.lon0;
    bool near = dlat <= NEAR && dlat >= -NEAR && dlon <= NEAR && dlon >= -NEAR;
    if (opt->has_frame && (near || !opt->frame_is_hint))
        return opt->frame;
    return frame_at(lat / STEP * STEP, lon / STEP * STEP);
}

struct cell_frame map_frame_of_places(
    const struct map_import_options *opt, int64_t *lat, int64_t *lon, size_t n) {
    qsort(lat, n, sizeof(lat[0]), order_i64);
    qsort(lon, n, sizeof(lon[0]), order_i64);
    return map_frame_around(opt, (int32_t)(lat[n / 2] / 1000), (int32_t)(lon[n / 2] / 1000));
}

struct cell_frame map_frame_local(struct map_reader *r) {
    if (!r->opt->has_origin)
        map_note(r, 0,
            "local coordinates and no place of their origin: taken as 0 N 0 E; give the origin "
            "(latitude, longitude) to put the map where it belongs");
    return r->opt->has_origin ? frame_at(r->opt->lat0, r->opt->lon0) : frame_at(0, 0);
}

bool map_speed_of(const char *text, const char *unit, int32_t *ret_value, const char **ret_unit) {
    char figure[40];
    while (*text == ' ')
        text++;
    size_t n = strspn(text, "0123456789.");
    if (n > 0 && (text[n] == 'e' || text[n] == 'E')) { /* "1.3888888889e+01" */
        size_t sign = text[n + 1] == '+' || text[n + 1] == '-' ? 1 : 0;
        size_t digits = strspn(text + n + 1 + sign, "0123456789");
        n += digits > 0 ? 1 + sign + digits : 0;
    }
    if (n >= sizeof(figure))
        return false;
    memcpy(figure, text, n);
    figure[n] = '\0';
    const char *rest = text + n;
    while (*rest == ' ')
        rest++;
    if (*rest == '\0')
        rest = unit == NULL ? "km/h" : unit;
    double v = 0.0;
    if (!text_to_double(figure, &v))
        return false;
    if (strcmp(rest, "m/s") == 0) {
        v *= 3.6;
        rest = "km/h";
    }
    if (strcmp(rest, "mph") == 0)
        *ret_unit = "mph";
    else if (strcmp(rest, "km/h") == 0 || strcmp(rest, "kmh") == 0 || strcmp(rest, "kph") == 0)
        *ret_unit = "km/h";
    else
        return false;
    return v < 1000.0 && ieee_round_i32(v, ret_value);
}

bool map_speed_of_code(const char *code, int32_t *ret_value) {
    while ((*code >= 'a' && *code <= 'z') || (*code >= 'A' && *code <= 'Z'))
        code++;
    if (strncmp(code, "274", 3) != 0 && strncmp(code, "278", 3) != 0)
        return false;
    code += 3;
    if ((code[0] == '.' || code[0] == '_') && (code[1] == '1' || code[1] == '2') &&
        (code[2] == '-' || code[2] == '_'))
        code += 2;
    if (code[0] != '-' && code[0] != '_')
        return false;
    int64_t v = 0;
    /* Older sign lists number the figures (274-55 is 50): such a number is not a figure. */
    if (!text_to_i64(code + 1, &v) || v < 5 || v > 130 || (v != 5 && v % 10 != 0))
        return false;
    *ret_value = (int32_t)v;
    return true;
}

/* ---- what kind of file ---- */

struct root {
    char name[64];
};

static void root_start(struct xml *x, void *user, const char *name, const char **attrs) {
    (void)attrs;
    struct root *root = user;
    (void)snprintf(root->name, sizeof(root->name), "%s", name);
    xml_stop(x);
}

static bool looks_like_xml(struct span s) {
    size_t i = 0;
    /* UTF-8 and UTF-16 byte order marks, and UTF-16 without one */
    while (i < s.n && i < 16 &&
           (s.p[i] == 0xef || s.p[i] == 0xbb || s.p[i] == 0xbf || s.p[i] >= 0xfe || s.p[i] == 0 ||
               s.p[i] == ' ' || s.p[i] == '\t' || s.p[i] == '\r' || s.p[i] == '\n'))
        i++;
    return i < s.n && s.p[i] == '<';
}

int map_xml_root(const char *file, struct span data, char ret_name[static 64], struct ws_err *err) {
    struct root root = {""};
    const struct xml_handler h = {.user = &root, .start = root_start};
    ret_name[0] = '\0';
    if (!looks_like_xml(data))
        return WS_OK;
    int rc = xml_parse(file, data, &h, err);
    memcpy(ret_name, root.name, sizeof(root.name));
    return rc;
}

static void import_xml(struct map_reader *r, struct span data) {
    struct root root = {""};
    r->rc = map_xml_root(r->file, data, root.name, r->err);
    if (r->rc != WS_OK)
        return;
    if (strcmp(root.name, "osm") == 0) {
        (void)snprintf(r->map->ns, sizeof(r->map->ns), "lanelet2");
        lanelet2_import(r, data);
    } else if (strcmp(root.name, "OpenDRIVE") == 0) {
        (void)snprintf(r->map->ns, sizeof(r->map->ns), "opendrive");
        opendrive_import(r, data);
    } else if (strcmp(tnits_local(root.name), "RoadFeatureDataset") == 0 ||
               strcmp(tnits_local(root.name), "FeatureCollection") == 0) {
        (void)snprintf(r->map->ns, sizeof(r->map->ns), "tnits");
        tnits_import(r, data);
    } else {
        r->rc = ws_fail(r->err, WS_ENOTSUP,
            "%s: element %s: read are Lanelet2 (osm), OpenDRIVE (OpenDRIVE), TN-ITS "
            "(RoadFeatureDataset) and our own form",
            r->file, root.name);
    }
}

int map_import(const char *path, const struct map_import_options *opt, struct mapset *ret_map,
    struct map_report *report, struct ws_err *err) {
    static const struct map_import_options none = {0};
    struct mapset m = {0};
    struct buf data = {0};
    struct map_reader r = {.file = path,
        .opt = opt == NULL ? &none : opt,
        .report = report,
        .map = &m,
        .err = err,
        .octets = &data};
    size_t max = r.opt->max_octets == 0 ? MAP_FILE_OCTETS_MAX : r.opt->max_octets;
    if (report != NULL)
        *report = (struct map_report){0};
    r.rc = file_read(path, max, &data, err);
    if (r.rc == WS_OK && data.n >= 5 && memcmp(data.p, "WSMAP", 5) == 0) {
        r.rc = mapset_decode(buf_span(&data), &m, err);
        if (r.rc != WS_OK)
            r.rc = ws_fail_in(err, "%s", path);
    } else if (r.rc == WS_OK && looks_like_xml(buf_span(&data))) {
        exec_sha256_one(buf_span(&data), m.base_digest);
        import_xml(&r, buf_span(&data));
    } else if (r.rc == WS_OK) {
        r.rc = ws_fail(err, WS_EINPUT, "%s: neither XML nor a Wayside map", path);
    }
    if (r.rc == WS_OK && m.n == 0)
        r.rc = ws_fail(err, WS_EINPUT, "%s: holds no map element that could be read", path);
    buf_free(&data);
    if (r.rc != WS_OK) {
        mapset_free(&m);
        return r.rc;
    }
    mapset_sort(&m);
    *ret_map = m;
    return WS_OK;
}
