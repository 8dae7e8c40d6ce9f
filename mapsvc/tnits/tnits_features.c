/* TN-ITS data sets: reading the document. */
#include "mapsvc/tnits/tnits_features.h"

#include "base/assert.h"
#include "base/mem.h"
#include "mapsvc/model/text.h"

#include <stdio.h>
#include <stdlib.h>

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

static void put_field(char *dst, size_t size, const char *s) {
    char *clean = text_clean(s, size - 1);
    (void)snprintf(dst, size, "%s", clean);
    free(clean);
}

/* Why the feature at hand is left out; only the first reason counts. */
static void wrong(struct tnits_features *d, const char *why, const char *detail) {
    struct tnits_feature *f = &d->all[d->n - 1];
    if (f->wrong[0] != '\0')
        return;
    f->wrong = why;
    put_field(d->words.detail, sizeof(d->words.detail), detail);
}

/* ---- places ---- */

static void add_point(struct tnits_features *d, struct tnits_feature *f, struct tnits_place p) {
    if (f->n_points == ELEMENT_MAX_POINTS) {
        wrong(d, "more points than an element may have", "");
        return;
    }
    if ((f->n_points & (f->n_points - 1)) == 0)
        f->points = ws_realloc(
            f->points, (f->n_points == 0 ? 1U : 2U * f->n_points) * sizeof(f->points[0]));
    f->points[f->n_points++] = p;
}

/* "lon lat lon lat ..." or, where the reference system is named as a URN or URL, as that has them. */
static void read_positions(
    struct tnits_features *d, struct tnits_feature *f, char *s, size_t dimension) {
    static const int64_t most[] = {INT64_C(1800000000000), INT64_C(900000000000)};
    int64_t v[3] = {0};
    size_t k = 0;
    char *rest = NULL;
    for (char *word = strtok_r(s, " \t\r\n", &rest); word != NULL;
         word = strtok_r(NULL, " \t\r\n", &rest)) {
        bool lon = k == (d->lat_first ? 1U : 0U);
        int64_t limit = k == 2 ? INT64_C(100000000000000) : most[lon ? 0 : 1];
        if (!text_to_fixed(word, 10, limit, &v[k])) {
            wrong(d, "not a coordinate", word);
            return;
        }
        if (++k == dimension) {
            add_point(d, f,
                d->lat_first ? (struct tnits_place){v[0], v[1]} : (struct tnits_place){v[1], v[0]});
            k = 0;
        }
    }
    if (k != 0)
        wrong(d, "coordinates do not come in pairs", "");
}

static void begin_geometry(struct tnits_features *d, const char **attrs) {
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
        wrong(d, "reference system is none of EPSG:4326, EPSG:4258, CRS84", crs);
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
static bool openlr_point(const char *s, struct tnits_place *ret) {
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
    *ret = (struct tnits_place){.lat = v[1], .lon = v[0]};
    return v[1] >= INT64_C(-900000000000) && v[1] <= INT64_C(900000000000);
}

/* ---- the document ---- */

const char *tnits_word(
    const struct tnits_features *d, const struct tnits_feature *f, enum tnits_word w) {
    return (const char *)d->text.p + f->word[w];
}

/* Most features of a data set have one provider, source and type. */
static uint32_t keep_word(struct tnits_features *d, enum tnits_word w, const char *s) {
    const struct tnits_feature *last = d->n > 1 ? &d->all[d->n - 2] : NULL;
    if (s[0] == '\0')
        return 0;
    if (last != NULL && strcmp(tnits_word(d, last, w), s) == 0)
        return last->word[w];
    WS_ASSERT(
        d->text.n <
        UINT32_MAX); /* words are shorter than the markup around them in a file of 4 GiB at most */
    uint32_t at = (uint32_t)d->text.n;
    buf_put(&d->text, s, strlen(s) + 1);
    return at;
}

static void end_feature(struct tnits_features *d) {
    struct tnits_feature *f = &d->all[d->n - 1];
    const struct tnits_words *w = &d->words;
    const char *const words[TNITS_WORDS] = {
        w->provider, w->id, w->type, w->source, w->code, w->detail};
    for (size_t i = 0; i < TNITS_WORDS; i++)
        f->word[i] = keep_word(d, (enum tnits_word)i, words[i]);
    if (f->n_points > 0)
        f->points = ws_realloc(f->points, f->n_points * sizeof(f->points[0]));
    d->open = false;
}

static void begin_feature(struct tnits_features *d, unsigned line) {
    if (d->open)
        end_feature(d); /* one inside another */
    if (d->n == d->cap) {
        d->cap = d->cap == 0 ? 64 : d->cap * 2;
        d->all = ws_realloc(d->all, d->cap * sizeof(d->all[0]));
    }
    d->all[d->n++] = (struct tnits_feature){.line = line, .to_ms = INT64_MAX, .wrong = ""};
    d->words = (struct tnits_words){0};
    d->open = true;
}

static void on_start(struct xml *x, void *user, const char *name, const char **attrs) {
    struct tnits_features *d = user;
    tnits_walk_start(&d->w, name);
    const char *local = tnits_walk_name(&d->w, 0);
    if (strcmp(local, "RoadFeature") == 0)
        begin_feature(d, xml_line(x));
    if (!d->open)
        return;
    const char *code = tnits_code_of(attrs);
    if (code != NULL && tnits_walk_is(&d->w, "type", "RoadFeature"))
        put_field(d->words.type, sizeof(d->words.type), code);
    else if (code != NULL && tnits_walk_is(&d->w, "source", "RoadFeature"))
        put_field(d->words.source, sizeof(d->words.source), code);
    else if (code != NULL && tnits_walk_is(&d->w, "type", "GenericRoadFeatureProperty"))
        put_field(d->words.property, sizeof(d->words.property), code);
    else if (code != NULL && strcmp(local, "gddCode") == 0)
        put_field(d->words.code, sizeof(d->words.code), code);
    else if (strcmp(local, "measure") == 0)
        put_field(
            d->uom, sizeof(d->uom), xml_attr(attrs, "uom") == NULL ? "" : xml_attr(attrs, "uom"));
    else if (strcmp(local, "Point") == 0 || strcmp(local, "LineString") == 0)
        begin_geometry(d, attrs);
}

static void on_text(struct xml *x, void *user, const char *s, size_t n) {
    struct tnits_features *d = user;
    (void)x;
    tnits_walk_text(&d->w, s, n);
}

static void end_value(
    struct tnits_features *d, struct tnits_feature *f, const char *s, const char *uom) {
    if (s[0] == '\0')
        return;
    if (strcmp(d->words.property, "roadSignType") == 0) {
        put_field(d->words.code, sizeof(d->words.code), s);
    } else if (strcmp(d->words.property, "maximumSpeedLimit") == 0) {
        const char *unit = "km/h";
        if (!map_speed_of(s, uom[0] == '\0' ? NULL : uom, &f->value, &unit))
            wrong(d, "no speed", s);
        f->has_value = true;
        f->mph = strcmp(unit, "mph") == 0;
    }
}

static void end_geometry(struct tnits_features *d, struct tnits_feature *f, bool line) {
    /* More than one reference of a feature are parts of it; the first with a place is taken. */
    if (f->n_points > 0) {
        wrong(
            d, "more than one geometry; a provider that splits its lines needs an id for each", "");
        return;
    }
    f->is_line = line;
    (void)tnits_walk_value(&d->w);
    read_positions(d, f, (char *)d->w.text.p, d->dimension);
}

static void end_in_feature(struct tnits_features *d, struct tnits_feature *f) {
    struct tnits_walk *w = &d->w;
    const char *s = tnits_walk_value(w);
    if (w->cut)
        wrong(d, "text of more than 1 MiB", tnits_walk_name(w, 0));
    else if (tnits_walk_is(w, "providerId", "RoadFeatureId"))
        put_field(d->words.provider, sizeof(d->words.provider), s);
    else if (tnits_walk_is(w, "id", "RoadFeatureId"))
        put_field(d->words.id, sizeof(d->words.id), s);
    else if (tnits_walk_is(w, "type", "UpdateInfo"))
        f->removed = strcmp(s, "Remove") == 0;
    else if (tnits_walk_is(w, "validFrom", "RoadFeature") && !date_ms(s, &f->from_ms))
        wrong(d, "not a date", s);
    else if (tnits_walk_is(w, "validTo", "RoadFeature") && !date_ms(s, &f->to_ms))
        wrong(d, "not a date", s);
    else if (tnits_walk_is(w, "measure", "value"))
        end_value(d, f, s, d->uom);
    else if (tnits_walk_is(w, "value", "GenericRoadFeatureProperty"))
        end_value(d, f, s, "");
    else if (tnits_walk_is(w, "pos", "Point"))
        end_geometry(d, f, false);
    else if (tnits_walk_is(w, "posList", "LineString"))
        end_geometry(d, f, true);
    else if (tnits_walk_is(w, "base64String", "BinaryLocationReference")) {
        struct tnits_place p;
        if (f->n_points == 0 && openlr_point(s, &p))
            add_point(d, f, p);
        else
            f->openlr = true;
    }
}

static void on_end(struct xml *x, void *user, const char *name) {
    struct tnits_features *d = user;
    (void)x;
    (void)name;
    if (d->open)
        end_in_feature(d, &d->all[d->n - 1]);
    else if (tnits_walk_is(&d->w, "datasetId", "Metadata"))
        put_field(d->dataset, sizeof(d->dataset), tnits_walk_value(&d->w));
    else if (tnits_walk_is(&d->w, "type", "RoadFeatureDataset"))
        d->update = strcmp(tnits_walk_value(&d->w), "Update") == 0;
    if (d->open && strcmp(tnits_walk_name(&d->w, 0), "RoadFeature") == 0)
        end_feature(d);
    tnits_walk_end(&d->w);
}

void tnits_features_read(struct map_reader *r, struct span data, struct tnits_features *ret) {
    *ret = (struct tnits_features){.r = r};
    buf_u8(&ret->text, 0);
    const struct xml_handler h = {.user = ret, .start = on_start, .end = on_end, .text = on_text};
    r->rc = xml_parse(r->file, data, &h, r->err);
}

void tnits_features_free(struct tnits_features *d) {
    for (size_t i = 0; i < d->n; i++)
        free(d->all[i].points);
    free(d->all);
    buf_free(&d->text);
    tnits_walk_free(&d->w);
}
