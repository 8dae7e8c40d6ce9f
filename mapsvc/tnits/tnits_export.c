/* TN-ITS data sets out of the canonical diff. */
#include "mapsvc/model/compare.h"
#include "mapsvc/tnits/tnits.h"

#include "base/clock.h"
#include "base/mem.h"
#include "mapsvc/formats/export_osm.h"
#include "mapsvc/model/text.h"

#include <stdio.h>
#include <stdlib.h>

const char *tnits_left_name(enum tnits_left why) {
    static const char *const names[] = {"geometry", "dynamic", "no word for it", "no place"};
    return (size_t)why < ARRAY_LEN(names) ? names[why] : "unknown";
}

size_t tnits_left_out(const struct tnits_tally *t) {
    size_t n = 0;
    for (size_t i = 0; i < TNITS_LEFT_KINDS; i++)
        n += t->left[i];
    return n;
}

/* ---- net changes ---- */

struct placed {
    struct tnits_change c;
    const uint8_t *id;
    size_t order;
};

static int placed_order(const void *a, const void *b) {
    const struct placed *p = a;
    const struct placed *q = b;
    int c = memcmp(p->id, q->id, 16);
    return c != 0 ? c : (p->order > q->order) - (p->order < q->order);
}

struct tnits_change *tnits_net(const struct map_version *const *v, size_t n, size_t *ret_n) {
    size_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += v[i]->n_changes;
    struct placed *all = ws_calloc(total, sizeof(*all));
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < v[i]->n_changes; j++) {
            const struct change_record *r = &v[i]->changes[j];
            if (!r->has_before && !r->has_after)
                continue;
            all[k] = (struct placed){.id = r->element_id, .order = k};
            all[k].c = (struct tnits_change){.before = r->has_before ? &r->before : NULL,
                .after = r->has_after ? &r->after : NULL,
                .last = r->has_after ? &r->after : &r->before,
                .at_ms = its_to_unix_us(v[i]->block_time) / 1000,
                .order = r->tier == TIER_ORDER && !(r->has_withdraws && r->has_after)};
            k++;
        }
    }
    if (k > 1)
        qsort(all, k, sizeof(*all), placed_order);
    struct tnits_change *list = ws_calloc(k, sizeof(*list));
    size_t kept = 0;
    for (size_t i = 0; i < k; i++) {
        if (i > 0 && memcmp(all[i - 1].id, all[i].id, 16) == 0) {
            const struct element *before = list[kept - 1].before;
            list[kept - 1] = all[i].c;
            list[kept - 1].before = before;
        } else {
            list[kept++] = all[i].c;
        }
    }
    free(all);
    *ret_n = kept;
    return list;
}

/* ---- what TN-ITS can say of an element ---- */

struct said {
    const char *type; /* RoadFeatureTypeCode; NULL: nothing */
    const char *code; /* national number of a sign, or NULL */
    bool has_value;
    int32_t value;
    const char *uom;
    int64_t valid_from_ms, valid_to_ms;
};

/* Figures of the German catalogue that the code list has a type of its own for; others are road signs. */
static const char *sign_type(const char *code) {
    static const struct {
        const char *number, *type;
    } known[] = {{"250", "closedToAllVehiclesInBothDirections"}, {"267", "noEntry"},
        {"276", "startOfProhibitionOfOvertaking"}, {"278", "endOfSpeedLimit"},
        {"282", "endOfProhibitionOrRestriction"}, {"310", "startOfBuiltUpArea"},
        {"311", "endOfBuiltUpArea"}, {"325.1", "startOfResidentialArea"},
        {"325.2", "endOfResidentialArea"}, {"330.1", "startOfMotorway"}, {"330.2", "endOfMotorway"},
        {"331.1", "startOfRoadForMotorVehicles"}, {"331.2", "endOfRoadForMotorVehicles"}};
    if (code == NULL || (code[0] | 0x20) != 'd' || (code[1] | 0x20) != 'e')
        return "roadSign";
    size_t n = strcspn(code + 2, "-_");
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (strlen(known[i].number) == n && strncmp(code + 2, known[i].number, n) == 0)
            return known[i].type;
    return "roadSign";
}

static struct said say(const struct element *e) {
    struct said s = {.has_value = e->has_value,
        .value = e->value,
        .uom = "kph",
        .valid_from_ms = e->valid_from_ms,
        .valid_to_ms = e->valid_to_ms};
    const char *unit = element_attr(e, "unit");
    if (unit != NULL && strcmp(unit, "mph") == 0)
        s.uom = "mph";
    const char *as_imported = element_attr(e, "tnits.type");
    if (e->kind == EL_SPEED_LIMIT) {
        s.type = e->has_value ? "speedLimit" : NULL;
    } else if (e->kind == EL_SIGN) {
        s.code = element_attr(e, "code");
        if (s.code == NULL)
            s.code = element_attr(e, "subtype");
        s.type = as_imported != NULL ? as_imported : sign_type(s.code);
    } else if (e->kind == EL_CROSSWALK) {
        s.type = "pedestrianCrossing";
        s.has_value = false;
    }
    return s;
}

static bool same_words(const struct said *a, const struct said *b) {
    return (a->type == NULL) == (b->type == NULL) &&
           (a->type == NULL || strcmp(a->type, b->type) == 0) &&
           (a->code == NULL) == (b->code == NULL) &&
           (a->code == NULL || strcmp(a->code, b->code) == 0) && a->has_value == b->has_value &&
           (!a->has_value || (a->value == b->value && strcmp(a->uom, b->uom) == 0)) &&
           a->valid_from_ms == b->valid_from_ms && a->valid_to_ms == b->valid_to_ms;
}

static bool same_shape(const struct element *a, const struct element *b) {
    return a->has_heading == b->has_heading && (!a->has_heading || a->heading == b->heading) &&
           a->n_points == b->n_points &&
           (a->n_points == 0 ||
               memcmp(a->points, b->points, a->n_points * sizeof(a->points[0])) == 0);
}

/* False: it goes out as a feature. */
static bool left_out(const struct tnits_change *c, enum tnits_left *ret_why) {
    const struct element *e = c->last;
    bool changed = c->before != NULL && c->after != NULL;
    struct said now = say(e);
    if (e->kind == EL_HAZARD) {
        *ret_why = TNITS_DYNAMIC;
    } else if (e->kind == EL_LANE || e->kind == EL_BOUNDARY || e->kind == EL_AREA) {
        *ret_why = changed && same_shape(c->before, c->after) ? TNITS_NO_WORD : TNITS_GEOMETRY;
    } else if (now.type == NULL) {
        *ret_why = TNITS_NO_WORD;
    } else if (e->n_points == 0) {
        *ret_why = TNITS_NO_PLACE;
    } else if (changed) {
        struct said was = say(c->before);
        *ret_why = same_shape(c->before, c->after) ? TNITS_NO_WORD : TNITS_GEOMETRY;
        return same_words(&was, &now);
    } else {
        return false;
    }
    return true;
}

/* ---- times ---- */

enum { DAY_MS = 86400000 };
/* 0001-01-01 and the end of 9999-12-31. */
static const int64_t YEAR_1_MS = INT64_C(-62135596800000);
static const int64_t YEAR_10000_MS = INT64_C(253402300800000);

/* Date, and with_time also the time of day, of Unix ms in the years 1 to 9999 (clamped to them). */
static void put_date(struct buf *b, int64_t ms, bool with_time) {
    ms = ms < YEAR_1_MS ? YEAR_1_MS : ms >= YEAR_10000_MS ? YEAR_10000_MS - 1 : ms;
    uint64_t since = (uint64_t)(ms - YEAR_1_MS);
    unsigned in_day = (unsigned)(since % DAY_MS) / 1000;
    /* Days since 0000-03-01, so that the leap day is a year's last. */
    uint32_t days = (uint32_t)(since / DAY_MS) + 306;
    uint32_t era = days / 146097;
    uint32_t in_era = days % 146097;
    uint32_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    uint32_t in_year = in_era - (365 * year + year / 4 - year / 100);
    uint32_t month = (5 * in_year + 2) / 153; /* from March */
    uint32_t day = in_year - (153 * month + 2) / 5 + 1;
    uint32_t whole = era * 400 + year + (month >= 10 ? 1 : 0);
    buf_printf(b, "%04u-%02u-%02u", whole, month < 10 ? month + 3 : month - 9, day);
    if (with_time)
        buf_printf(b, "T%02u:%02u:%02uZ", in_day / 3600, in_day / 60 % 60, in_day % 60);
}

/* ---- writing ---- */

static void put_literal(struct buf *b, const char *s) {
    buf_put(b, s, strlen(s));
}

static void put_text(struct buf *b, const char *element, const char *text) {
    buf_printf(b, "<%s>", element);
    text_put_xml(b, text);
    buf_printf(b, "</%s>", element);
}

static void put_code(struct buf *b, const char *element, const char *list, const char *code) {
    buf_printf(b, "<%s xlink:href=\"" TNITS_CODES "%s#", element, list);
    text_put_xml(b, code);
    put_literal(b, "\"/>");
}

static void put_property(struct buf *b, const char *type) {
    put_literal(b, "      <properties><GenericRoadFeatureProperty>");
    put_code(b, "type", "RoadFeaturePropertyTypeCode", type);
    put_literal(b, "<value>");
}

static void put_properties(struct buf *b, const struct said *s) {
    static const char end[] = "</value></GenericRoadFeatureProperty></properties>\n";
    if (s->has_value) {
        put_property(b, "maximumSpeedLimit");
        buf_printf(b, "<gml:measure uom=\"%s\">%d</gml:measure>", s->uom, s->value);
        put_literal(b, end);
    }
    if (s->code != NULL) {
        put_property(b, "roadSignType");
        text_put_xml(b, s->code);
        put_literal(b, end);
    }
}

static const char *source_of(const struct element *e, bool order) {
    const char *as_imported = element_attr(e, "tnits.source");
    const char *dynamic = element_attr(e, "dynamic");
    if (order)
        return "regulation";
    if (as_imported != NULL)
        return as_imported;
    if (e->kind == EL_CROSSWALK)
        return "otherRoadFeature";
    return dynamic != NULL && strcmp(dynamic, "yes") == 0 ? "variableMessageSign"
                                                          : "fixedPlateRoadSign";
}

/* The name under which another data set brought the element, else the element's id. */
static void put_id(struct buf *b, const struct tnits_head *head, const struct element *e) {
    char hex[33];
    hex_encode(hex, e->id, sizeof(e->id));
    char provider[ELEMENT_MAX_TEXT + 1];
    (void)snprintf(provider, sizeof(provider), "%s", head->provider);
    const char *id = hex;
    for (size_t i = 0; i < e->n_aliases; i++) {
        const char *name = e->aliases[i];
        const char *slash = strchr(name, '/');
        if (strncmp(name, "tnits:", 6) == 0 && slash != NULL) {
            (void)snprintf(provider, sizeof(provider), "%.*s", (int)(slash - name - 6), name + 6);
            id = slash + 1;
            break;
        }
    }
    put_literal(b, "      <id><RoadFeatureId>");
    put_text(b, "providerId", provider);
    put_text(b, "id", id);
    put_literal(b, "</RoadFeatureId></id>\n");
}

static void put_position(struct buf *b, const struct cell_frame *f, int32_t x, int32_t y) {
    int64_t lat = 0;
    int64_t lon = 0;
    frame_to_wgs10(f, x, y, &lat, &lon);
    export_degrees(b, lon);
    buf_u8(b, ' ');
    export_degrees(b, lat);
}

static void put_place(struct buf *b, const struct cell_frame *f, const struct element *e) {
    char hex[33];
    hex_encode(hex, e->id, sizeof(e->id));
    bool line = e->n_points > 1 && e->kind != EL_CROSSWALK;
    const char *what = line ? "LineString" : "Point";
    const char *list = line ? "posList" : "pos";
    buf_printf(b,
        "      <locationReference><GeometryLocationReference><encodedGeometry>\n"
        "        <gml:%s gml:id=\"g%s\" srsName=\"EPSG:4326\" srsDimension=\"2\"><gml:%s>",
        what, hex, list);
    if (line) {
        for (size_t i = 0; i < e->n_points; i++) {
            if (i > 0)
                buf_u8(b, ' ');
            put_position(b, f, e->points[i].x, e->points[i].y);
        }
    } else {
        struct map_point p = compare_middle(e->points, e->n_points);
        put_position(b, f, p.x, p.y);
    }
    buf_printf(b,
        "</gml:%s></gml:%s>\n"
        "      </encodedGeometry></GeometryLocationReference></locationReference>\n",
        list, what);
}

static void put_times(struct buf *b, const struct said *s, const struct tnits_change *c) {
    bool gone = c->after == NULL;
    put_literal(b, "      <validFrom>");
    put_date(b, s->valid_from_ms != 0 ? s->valid_from_ms : c->at_ms, false);
    put_literal(b, "</validFrom>\n");
    if (gone || s->valid_to_ms != INT64_MAX) {
        put_literal(b, "      <validTo>");
        put_date(b, gone ? c->at_ms : s->valid_to_ms, false);
        put_literal(b, "</validTo>\n");
    }
    put_literal(b, "      <beginLifespanVersion>");
    put_date(b, c->at_ms, true);
    put_literal(b, "</beginLifespanVersion>\n");
    if (gone) {
        put_literal(b, "      <endLifespanVersion>");
        put_date(b, c->at_ms, true);
        put_literal(b, "</endLifespanVersion>\n");
    }
}

static void put_feature(
    struct buf *b, const struct tnits_head *head, const struct tnits_change *c) {
    const struct element *e = c->last;
    struct said s = say(e);
    const char *what = c->after == NULL ? "Remove" : c->before == NULL ? "Add" : "Modify";
    char hex[33];
    hex_encode(hex, e->id, sizeof(e->id));
    buf_printf(b, "  <roadFeatures>\n    <RoadFeature gml:id=\"f%s\">\n", hex);
    put_times(b, &s, c);
    if (!head->snapshot)
        buf_printf(
            b, "      <updateInfo><UpdateInfo><type>%s</type></UpdateInfo></updateInfo>\n", what);
    put_literal(b, "      ");
    put_code(b, "source", "RoadFeatureSourceCode", source_of(e, c->order));
    put_literal(b, "\n      ");
    put_code(b, "type", "RoadFeatureTypeCode", s.type);
    put_literal(b, "\n");
    put_properties(b, &s);
    put_id(b, head, e);
    put_place(b, c->frame != NULL ? c->frame : head->frame, e);
    put_literal(b, "    </RoadFeature>\n  </roadFeatures>\n");
}

void tnits_provider_of_cell(const uint8_t cell_id[static 32], char ret_name[static 32]) {
    char hex[17];
    hex_encode(hex, cell_id, 8);
    (void)snprintf(ret_name, 32, "wayside.%s", hex);
}

void tnits_export(const struct tnits_head *head, const struct tnits_change *changes, size_t n,
    struct buf *b, struct tnits_tally *ret_tally) {
    struct tnits_tally t = {0};
    put_literal(b,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<RoadFeatureDataset gml:id=\"dataset\" xmlns=\"http://spec.tn-its.eu/schemas/\" "
        "xmlns:gml=\"http://www.opengis.net/gml/3.2\" "
        "xmlns:xlink=\"http://www.w3.org/1999/xlink\">\n  <metadata><Metadata>");
    put_text(b, "datasetId", head->dataset);
    put_literal(b, "<datasetCreationTime>");
    put_date(b, head->created_ms, true);
    buf_printf(b, "</datasetCreationTime></Metadata></metadata>\n  <type>%s</type>\n",
        head->snapshot ? "Snapshot" : "Update");
    for (size_t i = 0; i < n; i++) {
        enum tnits_left why = TNITS_NO_WORD;
        if (left_out(&changes[i], &why)) {
            t.left[why]++;
        } else {
            put_feature(b, head, &changes[i]);
            t.features++;
        }
    }
    if (t.features == 0)
        put_literal(b, "  <roadFeatures/>\n"); /* the schema wants one, and lets it be empty */
    put_literal(b, "  <!-- left out:");
    for (size_t i = 0; i < TNITS_LEFT_KINDS; i++)
        buf_printf(
            b, "%s %s %zu", i == 0 ? "" : ",", tnits_left_name((enum tnits_left)i), t.left[i]);
    put_literal(b, " -->\n</RoadFeatureDataset>\n");
    if (ret_tally != NULL)
        *ret_tally = t;
}
