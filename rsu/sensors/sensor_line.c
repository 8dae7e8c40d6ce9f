#include "rsu/sensors/sensor_line.h"

#include "base/mem.h"
#include "mapsvc/fuse/associate.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RANGE_SLACK_MM = 5000, /* as the map contract has it */
    FAR_MM = 10000000, /* no sensor sees so far */
};

const char *sensor_outcome_name(enum sensor_outcome o) {
    static const char *const names[] = {
#define X(id, name, text) name,
        SENSOR_OUTCOMES(X)
#undef X
    };
    return names[o];
}

uint16_t sensor_heading(double degrees) {
    double turns = (90.0 - degrees) / 360.0;
    if (turns < 0)
        turns += 1.0;
    return (uint16_t)((uint32_t)(turns * 65536.0 + 0.5) & 0xffff);
}

/* ---- fields ---- */

/* A reader with a sticky error, so that a look is read as one list of fields. */
struct look {
    const json_t *object;
    char where[32]; /* "" or "detections[3]." */
    bool bad;
    struct ws_err *err;
};

static void complain(struct look *l, const char *key, const char *what) {
    if (!l->bad)
        (void)ws_fail(l->err, WS_EINPUT, "%s%s: %s", l->where, key, what);
    l->bad = true;
}

static const json_t *field(struct look *l, const char *key, bool needed) {
    const json_t *v = l->bad ? NULL : json_object_get(l->object, key);
    if (v == NULL && needed)
        complain(l, key, "missing");
    return v;
}

static bool get_integer(
    struct look *l, const char *key, bool needed, int64_t lo, int64_t hi, int64_t *ret) {
    const json_t *v = field(l, key, needed);
    if (v == NULL)
        return false;
    json_int_t n = json_integer_value(v);
    if (!json_is_integer(v) || n < lo || n > hi) {
        char words[80];
        (void)snprintf(
            words, sizeof(words), "not an integer from %lld to %lld", (long long)lo, (long long)hi);
        complain(l, key, words);
        return false;
    }
    *ret = n;
    return true;
}

static bool get_number(
    struct look *l, const char *key, bool needed, double lo, double hi, double *ret) {
    const json_t *v = field(l, key, needed);
    if (v == NULL)
        return false;
    double n = json_number_value(v);
    if (!json_is_number(v) || !(n >= lo && n <= hi)) {
        char words[80];
        (void)snprintf(words, sizeof(words), "not a number from %g to %g", lo, hi);
        complain(l, key, words);
        return false;
    }
    *ret = n;
    return true;
}

static bool get_heading(struct look *l, uint16_t *ret) {
    double degrees = 0;
    if (!get_number(l, "heading_deg", false, 0, 359.999999, &degrees))
        return false;
    *ret = sensor_heading(degrees);
    return true;
}

static bool get_bool(struct look *l, const char *key) {
    const json_t *v = field(l, key, false);
    if (v != NULL && !json_is_boolean(v))
        complain(l, key, "not true or false");
    return json_is_true(v);
}

/* Index of the word in the list of n. */
static size_t get_word(struct look *l, const char *key, const char *const *words, size_t n) {
    const json_t *v = field(l, key, true);
    const char *text = json_string_value(v);
    for (size_t i = 0; text != NULL && i < n; i++)
        if (strlen(words[i]) == json_string_length(v) && strcmp(words[i], text) == 0)
            return i;
    complain(l, key, "none of its words");
    return 0;
}

/* A misspelt field would otherwise be one that is silently left out. */
static void no_others(struct look *l, const char *const *known, size_t n) {
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)l->object, key, value) {
        bool found = false;
        for (size_t i = 0; i < n; i++)
            found = found || strcmp(known[i], key) == 0;
        char name[40];
        (void)snprintf(name, sizeof(name), "%.32s", key);
        for (char *p = name; *p != '\0'; p++)
            *p = (unsigned char)*p < ' ' || (unsigned char)*p > '~' ? '?' : *p;
        if (!found)
            complain(l, name, "no field of this format");
    }
}

/* ---- one detection ---- */

static const char *const report_words[] = {"detected", "not_detected", "covered", "mismatch"};

struct scene {
    const struct cell_frame *frame;
    const struct observation *o; /* what is known of the look */
    int32_t x, y; /* of the sensor */
};

static int32_t to_1e7(double degrees) {
    return (int32_t)(degrees * 1e7 + (degrees < 0 ? -0.5 : 0.5));
}

/* Degrees, or millimetres in the cell frame. False: the place is none. */
static bool get_place(struct look *l, const struct scene *s, struct obs_report *r) {
    double lat = 0;
    double lon = 0;
    int64_t x_mm = 0;
    int64_t y_mm = 0;
    int64_t sigma = 0;
    bool plane =
        json_object_get(l->object, "x_mm") != NULL || json_object_get(l->object, "y_mm") != NULL;
    bool sphere =
        json_object_get(l->object, "lat") != NULL || json_object_get(l->object, "lon") != NULL;
    bool sure = json_object_get(l->object, "sigma_mm") != NULL;
    if (plane && sphere)
        complain(l, "x_mm", "a place is given once: lat and lon, or x_mm and y_mm");
    if (!plane && !sphere) {
        if (sure)
            complain(l, "sigma_mm", "without a place");
        if (r->kind == REPORT_DETECTED)
            complain(l, "lat", "missing: what is detected has a place");
        return true;
    }
    (void)get_integer(l, "sigma_mm", true, 1, 20000, &sigma);
    bool fits = true;
    if (plane) {
        (void)get_integer(l, "x_mm", true, INT32_MIN, INT32_MAX, &x_mm);
        (void)get_integer(l, "y_mm", true, INT32_MIN, INT32_MAX, &y_mm);
        /* Within reach of a sensor that is in the frame: what follows cannot overflow. */
        fits = llabs(x_mm - s->x) < FAR_MM && llabs(y_mm - s->y) < FAR_MM;
        if (fits && !l->bad)
            frame_to_wgs(s->frame, (int32_t)x_mm, (int32_t)y_mm, &r->lat, &r->lon);
    } else {
        (void)get_number(l, "lat", true, -90, 90, &lat);
        (void)get_number(l, "lon", true, -180, 180, &lon);
        r->lat = to_1e7(lat);
        r->lon = to_1e7(lon);
    }
    if (l->bad)
        return true;
    r->has_position = true;
    r->sigma_mm = (uint32_t)sigma;
    int32_t x = 0;
    int32_t y = 0;
    uint64_t reach = (uint64_t)s->o->range_mm + RANGE_SLACK_MM + 4 * (uint64_t)sigma;
    return fits && frame_from_wgs(s->frame, r->lat, r->lon, &x, &y) &&
           distance2(x, y, s->x, s->y) <= reach * reach;
}

static void get_element(struct look *l, struct obs_report *r) {
    const json_t *v = field(l, "element", r->kind != REPORT_DETECTED);
    if (v == NULL)
        return;
    const char *hex = json_string_value(v);
    r->has_element = hex != NULL && strlen(hex) == 2 * sizeof(r->element_id) &&
                     hex_decode(r->element_id, sizeof(r->element_id), hex);
    if (!r->has_element)
        complain(l, "element", "not 32 hex digits");
}

static bool read_report(struct look *l, const struct scene *s, struct obs_report *r) {
    static const char *const known[] = {"report", "kind", "element", "lat", "lon", "x_mm", "y_mm",
        "sigma_mm", "value", "heading_deg"};
    const char *kinds[EL_HAZARD];
    int64_t value = 0;
    for (int k = EL_LANE; k <= EL_HAZARD; k++)
        kinds[k - EL_LANE] = element_kind_name((enum element_kind)k);
    no_others(l, known, ARRAY_LEN(known));
    *r = (struct obs_report){0};
    r->kind = (enum report_kind)(
        REPORT_DETECTED + (int)get_word(l, "report", report_words, ARRAY_LEN(report_words)));
    r->element_kind =
        (enum element_kind)(EL_LANE + (int)get_word(l, "kind", kinds, ARRAY_LEN(kinds)));
    get_element(l, r);
    r->has_value =
        get_integer(l, "value", r->kind == REPORT_MISMATCH, INT32_MIN, INT32_MAX, &value);
    r->value = (int32_t)value;
    r->has_heading = get_heading(l, &r->heading);
    return get_place(l, s, r);
}

/* ---- the look ---- */

static void read_view(struct look *l, struct observation *o) {
    double number = 0;
    (void)get_heading(l, &o->heading);
    if (get_number(l, "view_deg", false, 0, 360, &number))
        o->half_angle = (uint16_t)(number * 65536.0 / 720.0 + 0.5);
    if (get_number(l, "range_m", false, 0.001, 1000, &number))
        o->range_mm = (uint32_t)(number * 1000.0 + 0.5);
    o->occluded = get_bool(l, "occluded");
}

static enum sensor_outcome read_look(const json_t *object, const struct sensor_mount *mount,
    const struct cell_frame *frame, uint64_t its_us, uint64_t map_version, struct observation *o,
    struct ws_err *err) {
    static const char *const known[] = {
        "age_ms", "map_version", "heading_deg", "view_deg", "range_m", "occluded", "detections"};
    struct look l = {.object = object, .err = err};
    struct scene s = {.frame = frame, .o = o};
    int64_t age_ms = 0;
    int64_t version = (int64_t)map_version;
    *o = (struct observation){.lat = mount->lat,
        .lon = mount->lon,
        .heading = mount->heading,
        .half_angle = mount->half_angle,
        .range_mm = mount->range_mm};
    no_others(&l, known, ARRAY_LEN(known));
    (void)get_integer(&l, "age_ms", false, 0, SENSOR_AGE_MS_MAX, &age_ms);
    (void)get_integer(&l, "map_version", false, 1, (int64_t)map_version, &version);
    if (!l.bad && (uint64_t)age_ms * 1000 > its_us)
        complain(&l, "age_ms", "before time began");
    o->map_version = (uint64_t)version;
    o->time = its_us - (uint64_t)age_ms * 1000;
    read_view(&l, o);
    const json_t *list = field(&l, "detections", true);
    if (list != NULL && (!json_is_array(list) || json_array_size(list) > OBS_MAX_REPORTS))
        complain(&l, "detections", "not a list of at most 64");
    if (!frame_from_wgs(frame, mount->lat, mount->lon, &s.x, &s.y)) {
        (void)ws_fail(err, WS_EINPUT, "the sensor itself is outside the map's frame");
        return SENSOR_IMPOSSIBLE_PLACE;
    }
    for (size_t i = 0; !l.bad && i < json_array_size(list); i++) {
        struct look d = {.object = json_array_get(list, i), .err = err};
        (void)snprintf(d.where, sizeof(d.where), "detections[%zu].", i + 1);
        if (!json_is_object(d.object))
            complain(&d, "", "no object");
        bool fits = d.bad || read_report(&d, &s, &o->reports[i]);
        l.bad = d.bad;
        if (!l.bad && !fits) {
            (void)ws_fail(err, WS_EINPUT, "%slat: further away than the range", d.where);
            return SENSOR_IMPOSSIBLE_PLACE;
        }
        o->n_reports = i + 1;
    }
    return l.bad ? SENSOR_MALFORMED : SENSOR_TAKEN;
}

enum sensor_outcome sensor_line_read(struct span line, const struct sensor_mount *mount,
    const struct cell_frame *frame, uint64_t its_us, uint64_t map_version,
    struct observation *ret_obs, struct ws_err *err) {
    json_error_t why;
    json_t *object = json_loadb((const char *)line.p, line.n, JSON_REJECT_DUPLICATES, &why);
    if (!json_is_object(object)) {
        (void)ws_fail(
            err, WS_EINPUT, "not a JSON object, at octet %d", object == NULL ? why.position : 0);
        json_decref(object);
        return SENSOR_NOT_JSON;
    }
    enum sensor_outcome o = read_look(object, mount, frame, its_us, map_version, ret_obs, err);
    json_decref(object);
    return o;
}
