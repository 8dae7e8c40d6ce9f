/* TN-ITS data sets as a base map: limits along GML lines, signs and crosswalks at GML points. */
#include "base/mem.h"
#include "mapsvc/ieee.h"
#include "mapsvc/import.h"
#include "mapsvc/text.h"
#include "mapsvc/tnits.h"
#include "mapsvc/tnits_read.h"

#include <stdio.h>
#include <stdlib.h>

struct wgs {
    int64_t lat, lon; /* 1e-10 degree */
};

struct feature {
    unsigned line; /* in the file */
    char provider[96], id[128], type[64], source[64], code[64];
    char property[64]; /* type of the property at hand */
    bool has_value;
    int32_t value;
    bool mph;
    int64_t from_ms, to_ms;
    bool removed, is_line;
    bool openlr; /* it has an OpenLR reference that only a road network could resolve */
    struct wgs *points;
    size_t n_points;
    const char *wrong; /* why it is left out; "" for none */
    char detail[48];
};

struct reader {
    struct map_reader *r;
    struct tnits_walk w;
    struct feature *all;
    size_t n, cap;
    bool open; /* all[n - 1] is being read */
    bool lat_first; /* of the geometry at hand */
    size_t dimension; /* numbers to a point */
    char uom[16];
    char dataset[64];
    bool update;
};

/* ---- values ---- */

/* xs:date or the date of xs:dateTime, as Unix ms; zones are not looked at. */
static bool date_ms(const char *s, int64_t *ret) {
    int v[3] = {0};
    static const unsigned width[] = {4, 2, 2};
    for (size_t i = 0; i < 3; i++) {
        for (unsigned k = 0; k < width[i]; k++, s++) {
            if (*s < '0' || *s > '9')
                return false;
            v[i] = v[i] * 10 + (*s - '0');
        }
        if (i < 2 && *s++ != '-')
            return false;
    }
    if (v[0] < 1 || v[1] < 1 || v[1] > 12 || v[2] < 1 || v[2] > 31)
        return false;
    int64_t y = v[1] <= 2 ? v[0] - 1 : v[0];
    int64_t m = v[1] <= 2 ? v[1] + 9 : v[1] - 3;
    int64_t days = y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + v[2] - 1 - 719468;
    *ret = days * 86400000;
    return true;
}

static void wrong(struct feature *f, const char *why, const char *detail) {
    if (f->wrong[0] != '\0')
        return;
    f->wrong = why;
    char *clean = text_clean(detail, sizeof(f->detail) - 1);
    (void)snprintf(f->detail, sizeof(f->detail), "%s", clean);
    free(clean);
}

static void put_field(char *dst, size_t size, const char *s) {
    char *clean = text_clean(s, size - 1);
    (void)snprintf(dst, size, "%s", clean);
    free(clean);
}

/* ---- places ---- */

static void add_point(struct feature *f, struct wgs p) {
    if (f->n_points == ELEMENT_MAX_POINTS) {
        wrong(f, "more points than an element may have", "");
        return;
    }
    if ((f->n_points & (f->n_points - 1)) == 0)
        f->points =
            ws_realloc(f->points, (f->n_points == 0 ? 1 : 2 * f->n_points) * sizeof(f->points[0]));
    f->points[f->n_points++] = p;
}

/* "lon lat lon lat ..." or, where the reference system is named as a URN or URL, as that has them. */
static void read_positions(struct reader *d, struct feature *f, char *s, size_t dimension) {
    static const int64_t most[] = {INT64_C(1800000000000), INT64_C(900000000000)};
    int64_t v[3] = {0};
    size_t k = 0;
    char *rest = NULL;
    for (char *word = strtok_r(s, " \t\r\n", &rest); word != NULL;
         word = strtok_r(NULL, " \t\r\n", &rest)) {
        bool lon = k == (d->lat_first ? 1U : 0U);
        int64_t limit = k == 2 ? INT64_C(100000000000000) : most[lon ? 0 : 1];
        if (!text_to_fixed(word, 10, limit, &v[k])) {
            wrong(f, "not a coordinate", word);
            return;
        }
        if (++k == dimension) {
            add_point(f, d->lat_first ? (struct wgs){v[0], v[1]} : (struct wgs){v[1], v[0]});
            k = 0;
        }
    }
    if (k != 0)
        wrong(f, "coordinates do not come in pairs", "");
}

static void begin_geometry(struct reader *d, struct feature *f, const char **attrs) {
    const char *srs = xml_attr(attrs, "srsName");
    const char *crs = srs == NULL ? "EPSG:4326" : srs;
    const char *dimension = xml_attr(attrs, "srsDimension");
    d->dimension = dimension != NULL && strcmp(dimension, "3") == 0 ? 3 : 2;
    size_t n = strlen(crs);
    bool known = false;
    static const char *const ends[] = {"4326", "4258", "CRS84"};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        size_t k = strlen(ends[i]);
        known =
            known || (n > k && strcmp(crs + n - k, ends[i]) == 0 &&
                         (crs[n - k - 1] == ':' || crs[n - k - 1] == '/' || crs[n - k - 1] == '#'));
    }
    if (!known)
        wrong(f, "reference system is none of EPSG:4326, EPSG:4258, CRS84", crs);
    /* The short name is used with longitude first, as the published examples do; URNs mean the register's order. */
    d->lat_first = strncmp(crs, "EPSG:", 5) != 0 && strstr(crs, "CRS84") == NULL;
}

static int base64_digit(char c) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *p = c == '\0' ? NULL : strchr(digits, c);
    return p == NULL ? -1 : (int)(p - digits);
}

/* OpenLR binary, version 3: of its location types only a geo-coordinate (two times 24 bits, a 2^24th of the circle, half a step
 * off zero) stands without a road network. */
static bool openlr_point(const char *s, struct wgs *ret) {
    uint8_t o[7] = {0};
    size_t n = 0;
    uint32_t bits = 0;
    unsigned have = 0;
    for (; base64_digit(*s) >= 0; s++) {
        bits = bits << 6 | (uint32_t)base64_digit(*s);
        have += 6;
        if (have >= 8) {
            have -= 8;
            if (n == sizeof(o))
                return false;
            o[n++] = (uint8_t)(bits >> have);
        }
    }
    if (n != sizeof(o) || o[0] != 0x23)
        return false;
    int64_t v[2];
    for (size_t i = 0; i < 2; i++) {
        const uint8_t *p = o + 1 + 3 * i;
        int64_t w = (int64_t)p[0] << 16 | p[1] << 8 | p[2];
        w -= w >= 0x800000 ? 0x1000000 : 0;
        int64_t twice = 2 * w - (w > 0) + (w < 0);
        v[i] = (int64_t)((__int128)twice * INT64_C(3600000000000) / 0x2000000);
    }
    *ret = (struct wgs){.lat = v[1], .lon = v[0]};
    return v[1] >= INT64_C(-900000000000) && v[1] <= INT64_C(900000000000);
}

/* ---- the document ---- */

static void begin_feature(struct reader *d, unsigned line) {
    if (d->n == d->cap) {
        d->cap = d->cap == 0 ? 64 : d->cap * 2;
        d->all = ws_realloc(d->all, d->cap * sizeof(d->all[0]));
    }
    d->all[d->n++] = (struct feature){.line = line, .to_ms = INT64_MAX, .wrong = ""};
    d->open = true;
}

static void on_start(struct xml *x, void *user, const char *name, const char **attrs) {
    struct reader *d = user;
    tnits_walk_start(&d->w, name);
    const char *local = tnits_walk_name(&d->w, 0);
    if (strcmp(local, "RoadFeature") == 0)
        begin_feature(d, xml_line(x));
    if (!d->open)
        return;
    struct feature *f = &d->all[d->n - 1];
    const char *code = tnits_code_of(attrs);
    if (code != NULL && tnits_walk_is(&d->w, "type", "RoadFeature"))
        put_field(f->type, sizeof(f->type), code);
    else if (code != NULL && tnits_walk_is(&d->w, "source", "RoadFeature"))
        put_field(f->source, sizeof(f->source), code);
    else if (code != NULL && tnits_walk_is(&d->w, "type", "GenericRoadFeatureProperty"))
        put_field(f->property, sizeof(f->property), code);
    else if (code != NULL && strcmp(local, "gddCode") == 0)
        put_field(f->code, sizeof(f->code), code);
    else if (strcmp(local, "measure") == 0)
        put_field(
            d->uom, sizeof(d->uom), xml_attr(attrs, "uom") == NULL ? "" : xml_attr(attrs, "uom"));
    else if (strcmp(local, "Point") == 0 || strcmp(local, "LineString") == 0)
        begin_geometry(d, f, attrs);
}

static void on_text(struct xml *x, void *user, const char *s, size_t n) {
    struct reader *d = user;
    (void)x;
    tnits_walk_text(&d->w, s, n);
}

static void end_value(struct feature *f, const char *s, const char *uom) {
    if (s[0] == '\0')
        return;
    if (strcmp(f->property, "roadSignType") == 0) {
        put_field(f->code, sizeof(f->code), s);
    } else if (strcmp(f->property, "maximumSpeedLimit") == 0) {
        const char *unit = "km/h";
        if (!map_speed_of(s, uom[0] == '\0' ? NULL : uom, &f->value, &unit))
            wrong(f, "no speed", s);
        f->has_value = true;
        f->mph = strcmp(unit, "mph") == 0;
    }
}

static void end_geometry(struct reader *d, struct feature *f, bool line) {
    /* More than one reference of a feature are parts of it; the first with a place is taken. */
    if (f->n_points > 0) {
        wrong(
            f, "more than one geometry; a provider that splits its lines needs an id for each", "");
        return;
    }
    f->is_line = line;
    (void)tnits_walk_value(&d->w);
    read_positions(d, f, (char *)d->w.text.p, d->dimension);
}

static void end_in_feature(struct reader *d, struct feature *f) {
    struct tnits_walk *w = &d->w;
    const char *s = tnits_walk_value(w);
    if (w->cut)
        wrong(f, "text of more than 1 MiB", tnits_walk_name(w, 0));
    else if (tnits_walk_is(w, "providerId", "RoadFeatureId"))
        put_field(f->provider, sizeof(f->provider), s);
    else if (tnits_walk_is(w, "id", "RoadFeatureId"))
        put_field(f->id, sizeof(f->id), s);
    else if (tnits_walk_is(w, "type", "UpdateInfo"))
        f->removed = strcmp(s, "Remove") == 0;
    else if (tnits_walk_is(w, "validFrom", "RoadFeature") && !date_ms(s, &f->from_ms))
        wrong(f, "not a date", s);
    else if (tnits_walk_is(w, "validTo", "RoadFeature") && !date_ms(s, &f->to_ms))
        wrong(f, "not a date", s);
    else if (tnits_walk_is(w, "measure", "value"))
        end_value(f, s, d->uom);
    else if (tnits_walk_is(w, "value", "GenericRoadFeatureProperty"))
        end_value(f, s, "");
    else if (tnits_walk_is(w, "pos", "Point"))
        end_geometry(d, f, false);
    else if (tnits_walk_is(w, "posList", "LineString"))
        end_geometry(d, f, true);
    else if (tnits_walk_is(w, "base64String", "BinaryLocationReference")) {
        struct wgs p;
        if (f->n_points == 0 && openlr_point(s, &p))
            add_point(f, p);
        else
            f->openlr = true;
    }
}

static void on_end(struct xml *x, void *user, const char *name) {
    struct reader *d = user;
    (void)x;
    (void)name;
    if (d->open)
        end_in_feature(d, &d->all[d->n - 1]);
    else if (tnits_walk_is(&d->w, "datasetId", "Metadata"))
        put_field(d->dataset, sizeof(d->dataset), tnits_walk_value(&d->w));
    else if (tnits_walk_is(&d->w, "type", "RoadFeatureDataset"))
        d->update = strcmp(tnits_walk_value(&d->w), "Update") == 0;
    if (strcmp(tnits_walk_name(&d->w, 0), "RoadFeature") == 0)
        d->open = false;
    tnits_walk_end(&d->w);
}

/* ---- into elements ---- */

struct counts {
    size_t removed, unlocated, unread;
    char first_unread[64];
};

/* What a feature becomes; 0: the map has no place for such. */
static enum element_kind kind_of(const struct feature *f) {
    static const char *const signs[] = {"startOfSpeedLimit", "endOfSpeedLimit", "noEntry",
        "roadSign", "prohibitionOfOvertaking", "startOfProhibitionOfOvertaking",
        "endOfProhibitionOrRestriction", "prohibitedTurn", "directionToBeFollowed",
        "passingWithoutStoppingProhibited", "closedToAllVehiclesInBothDirections",
        "startOfMotorway", "endOfMotorway", "startOfBuiltUpArea", "endOfBuiltUpArea",
        "startOfResidentialArea", "endOfResidentialArea", "startOfRoadForMotorVehicles",
        "endOfRoadForMotorVehicles"};
    if (strcmp(f->type, "speedLimit") == 0)
        return f->is_line ? EL_SPEED_LIMIT : EL_SIGN;
    if (strcmp(f->type, "pedestrianCrossing") == 0)
        return EL_CROSSWALK;
    for (size_t i = 0; i < ARRAY_LEN(signs); i++)
        if (strcmp(f->type, signs[i]) == 0)
            return EL_SIGN;
    return (enum element_kind)0;
}

static bool place(const struct feature *f, const struct cell_frame *frame, struct element *e) {
    for (size_t i = 0; i < f->n_points; i++) {
        struct map_point p = {0};
        if (!frame_from_wgs10(frame, f->points[i].lat, f->points[i].lon, &p.x, &p.y))
            return false;
        const struct map_point *last = e->n_points == 0 ? NULL : &e->points[e->n_points - 1];
        if (last == NULL || last->x != p.x || last->y != p.y)
            (void)element_add_point(e, p);
    }
    return true;
}

/* The line says in which direction a feature holds; a sign stands where it begins. */
static void orient(struct element *e, bool is_line) {
    if (is_line && e->n_points > 1)
        e->has_heading = e->kind == EL_SIGN ? map_heading_mid(e->points, 2, &e->heading)
                                            : map_heading_mid(e->points, e->n_points, &e->heading);
    if (e->kind == EL_SIGN && e->n_points > 1)
        e->n_points = 1;
}

static void emit(struct reader *d, const struct feature *f, enum element_kind kind) {
    struct map_reader *r = d->r;
    char native[ELEMENT_MAX_TEXT - 8];
    (void)snprintf(native, sizeof(native), "%s/%s", f->provider, f->id);
    struct element e = {.kind = kind};
    bool near = place(f, &r->map->frame, &e);
    if (!near || (kind == EL_SPEED_LIMIT && e.n_points < 2)) {
        map_skip(r, f->line, native, "%s",
            near ? "a line without length" : "too far from the rest for one map");
        element_free(&e);
        return;
    }
    orient(&e, f->is_line);
    e.has_value = f->has_value;
    e.value = f->value;
    e.valid_from_ms = f->from_ms > 0 ? f->from_ms : 0;
    (void)element_set_attr(&e, "tnits.type", f->type);
    if (f->source[0] != '\0')
        (void)element_set_attr(&e, "tnits.source", f->source);
    if (f->code[0] != '\0')
        (void)element_set_attr(&e, "code", f->code);
    if (f->mph)
        (void)element_set_attr(&e, "unit", "mph");
    map_emit(r, &e, native);
    static const int64_t year_9999_ms = INT64_C(253370764800000);
    if (f->to_ms < year_9999_ms) /* 9999-12-31 is how providers write "no end" */
        r->map->elements[r->map->n - 1].valid_to_ms = f->to_ms > 0 ? f->to_ms : 0;
}

static int name_order(const void *a, const void *b) {
    const struct feature *p = *(const struct feature *const *)a;
    const struct feature *q = *(const struct feature *const *)b;
    int c = strcmp(p->provider, q->provider);
    c = c != 0 ? c : strcmp(p->id, q->id);
    return c != 0 ? c : (p->line > q->line) - (p->line < q->line);
}

/* One id, one element: what repeats it is left out. */
static void find_repeated(struct reader *d) {
    struct feature **list = ws_calloc(d->n, sizeof(struct feature *));
    for (size_t i = 0; i < d->n; i++)
        list[i] = &d->all[i];
    if (d->n > 1)
        qsort((void *)list, d->n, sizeof(struct feature *), name_order);
    for (size_t i = 1; i < d->n; i++)
        if (strcmp(list[i - 1]->provider, list[i]->provider) == 0 &&
            strcmp(list[i - 1]->id, list[i]->id) == 0)
            wrong(list[i], "the id of another feature of this file", "");
    free((void *)list);
}

static void take(struct reader *d, const struct feature *f, struct counts *c) {
    char name[240];
    (void)snprintf(name, sizeof(name), "RoadFeature %s/%s", f->provider, f->id);
    enum element_kind kind = kind_of(f);
    if (f->provider[0] == '\0' || f->id[0] == '\0') {
        map_skip(d->r, f->line, name, "providerId or id is missing");
    } else if (strchr(f->provider, '/') != NULL) {
        map_skip(d->r, f->line, name, "a slash in providerId: it could not be told from the id");
    } else if (f->removed) {
        c->removed++;
    } else if (kind == 0) {
        if (c->unread++ == 0)
            (void)snprintf(c->first_unread, sizeof(c->first_unread), "%s", f->type);
    } else if (f->wrong[0] != '\0') {
        map_skip(
            d->r, f->line, name, f->detail[0] != '\0' ? "%s: \"%s\"" : "%s%s", f->wrong, f->detail);
    } else if (kind == EL_SPEED_LIMIT && !f->has_value) {
        map_skip(d->r, f->line, name, "a speed limit without maximumSpeedLimit");
    } else if (f->n_points == 0) {
        c->unlocated++;
        map_note(d->r, f->line, "%.150s: not located: %s", name,
            f->openlr ? "only by OpenLR on a road network" : "no GML point or line");
    } else {
        emit(d, f, kind);
    }
}

static int by_value(const void *a, const void *b) {
    int64_t p = *(const int64_t *)a;
    int64_t q = *(const int64_t *)b;
    return (p > q) - (p < q);
}

/* Frame around the median of the first points. */
static void choose_frame(struct reader *d) {
    int64_t *lat = ws_calloc(d->n, sizeof(*lat));
    int64_t *lon = ws_calloc(d->n, sizeof(*lon));
    size_t n = 0;
    for (size_t i = 0; i < d->n; i++) {
        if (d->all[i].n_points == 0)
            continue;
        lat[n] = d->all[i].points[0].lat;
        lon[n++] = d->all[i].points[0].lon;
    }
    if (n > 0) {
        qsort(lat, n, sizeof(*lat), by_value);
        qsort(lon, n, sizeof(*lon), by_value);
        d->r->map->frame =
            map_frame_around(d->r->opt, (int32_t)(lat[n / 2] / 1000), (int32_t)(lon[n / 2] / 1000));
    } else {
        d->r->map->frame = map_frame_around(d->r->opt, 0, 0);
    }
    free(lat);
    free(lon);
}

void tnits_import(struct map_reader *r, struct span data) {
    struct reader *d = ws_alloc(sizeof(*d));
    *d = (struct reader){.r = r};
    const struct xml_handler h = {.user = d, .start = on_start, .end = on_end, .text = on_text};
    r->rc = xml_parse(r->file, data, &h, r->err);
    struct counts c = {0};
    if (r->rc == WS_OK) {
        choose_frame(d);
        find_repeated(d);
        for (size_t i = 0; i < d->n && r->rc == WS_OK; i++)
            take(d, &d->all[i], &c);
        if (d->update)
            map_note(r, 0, "an update (%s): what it does not name is not in the map", d->dataset);
        if (c.removed > 0)
            map_note(r, 0, "%zu features are removals: not in the map", c.removed);
        if (c.unread > 0)
            map_note(r, 0, "%zu features of other types are not read, the first is %s", c.unread,
                c.first_unread);
        if (c.unlocated > 0)
            map_note(r, 0,
                "%zu features are not located: OpenLR needs a road network, which is not here",
                c.unlocated);
    }
    for (size_t i = 0; i < d->n; i++)
        free(d->all[i].points);
    free(d->all);
    tnits_walk_free(&d->w);
    free(d);
}
