/* Signals of OpenDRIVE roads: signs and lights. Ids repeat in real files, so the key is road, id and s. */
#include "base/mem.h"
#include "mapsvc/model/ieee.h"
#include "mapsvc/model/text.h"
#include "mapsvc/opendrive/opendrive.h"

#include <stdio.h>
#include <stdlib.h>

/* "de274-50": country, type and subtype, as Lanelet2 maps write codes. */
static void set_code(const struct od_map *m, const struct od_signal *g, struct element *e) {
    const char *country = od_text(m, g->country);
    const char *type = od_text(m, g->type);
    const char *subtype = od_text(m, g->subtype);
    char code[ELEMENT_MAX_TEXT + 1];
    char lower[4] = "";
    for (size_t i = 0; i < 3 && country[i] != '\0' && strlen(country) <= 3; i++)
        lower[i] =
            (char)(country[i] >= 'A' && country[i] <= 'Z' ? country[i] - 'A' + 'a' : country[i]);
    bool has_subtype = subtype[0] != '\0' && strcmp(subtype, "-1") != 0;
    if (type[0] == '\0' || strcmp(type, "-1") == 0)
        return;
    (void)snprintf(code, sizeof(code), "%s%s%s%s", lower, type, has_subtype ? "-" : "",
        has_subtype ? subtype : "");
    (void)element_set_attr(e, "code", code);
    e->has_value = map_speed_of_code(code, &e->value);
}

static void set_attrs(const struct od_map *m, const struct od_signal *g, struct element *e) {
    const struct {
        const char *key;
        uint32_t text;
    } kept[] = {{"name", g->name}, {"type", g->type}, {"subtype", g->subtype},
        {"country", g->country}, {"unit", g->unit}};
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        if (od_text(m, kept[i].text)[0] != '\0')
            (void)element_set_attr(e, kept[i].key, od_text(m, kept[i].text));
    set_code(m, g, e);
    double v = 0.0;
    int32_t figure = 0;
    /* -1 stands for "none" in many files, and so does 0 */
    if (text_to_double(od_text(m, g->value), &v) && v > 0.0 && ieee_round_i32(v, &figure)) {
        e->has_value = true;
        e->value = figure;
    }
}

/* ---- native names ---- */

struct key {
    const char *id;
    int64_t mm;
    struct od_placed at;
};

static int same_key(const struct key *p, const struct key *q) {
    if (p->at.road != q->at.road)
        return p->at.road < q->at.road ? -1 : 1;
    if (p->mm != q->mm)
        return p->mm < q->mm ? -1 : 1;
    return strcmp(p->id, q->id);
}

static int key_order(const void *a, const void *b) {
    const struct key *p = a;
    const struct key *q = b;
    int c = same_key(p, q);
    return c != 0 ? c : (p->at.index > q->at.index) - (p->at.index < q->at.index);
}

static int id_order(const void *a, const void *b) {
    const struct key *p = a;
    const struct key *q = b;
    int c = strcmp(p->id, q->id);
    return c != 0 ? c : (p->at.index > q->at.index) - (p->at.index < q->at.index);
}

static void report_repeated_ids(struct od_build *b, const char *what, struct key *keys, size_t n) {
    if (n > 1)
        qsort(keys, n, sizeof(keys[0]), id_order);
    for (size_t i = 1; i < n; i++)
        if (strcmp(keys[i].id, keys[i - 1].id) == 0 &&
            (keys[i].at.id == 0 || keys[i].at.id != keys[i - 1].at.id)) /* of one record: repeat */
            map_note(b->r, keys[i].at.line,
                "%s %s: the id is used before, on line %u; told apart by road and s", what,
                keys[i].id, keys[i - 1].at.line);
}

void od_each_placed(struct od_build *b, const char *what, const struct od_placed *list, size_t n,
    void (*emit)(struct od_build *b, uint32_t index, const char *native)) {
    const struct od_map *m = b->m;
    struct key *keys = ws_calloc(n, sizeof(keys[0]));
    for (size_t i = 0; i < n; i++) {
        keys[i] = (struct key){.id = od_text(m, list[i].id), .at = list[i]};
        (void)ieee_round(list[i].s * 1000.0, &keys[i].mm);
    }
    report_repeated_ids(b, what, keys, n);
    if (n > 1)
        qsort(keys, n, sizeof(keys[0]), key_order);
    unsigned twin = 1;
    for (size_t i = 0; i < n && b->r->rc == WS_OK; i++) {
        const struct od_road *road = &m->roads[keys[i].at.road];
        twin = i > 0 && same_key(&keys[i - 1], &keys[i]) == 0 ? twin + 1 : 1;
        if (road->broken != NULL)
            continue;
        char native[OD_NATIVE_MAX];
        int k = snprintf(native, sizeof(native), "road/%s/%s/%s/s/%lld", od_text(m, road->id), what,
            keys[i].id, (long long)keys[i].mm);
        if (twin > 1 && k > 0 && (size_t)k < sizeof(native))
            (void)snprintf(native + k, sizeof(native) - (size_t)k, "/%u", twin);
        if (keys[i].at.s < 0.0 || keys[i].at.s > road->length + 0.1)
            map_skip(b->r, keys[i].at.line, native, "s is not on the road, which is %.1f m long",
                road->length);
        else
            emit(b, keys[i].at.index, native);
    }
    free(keys);
}

/* ---- elements ---- */

bool od_place_at(const struct od_build *b, const struct od_road *road, double s, double t, double z,
    struct map_point *ret_p, struct od_pose *ret_pose) {
    struct od_pose at = od_road_at(b->m, road, s);
    double sine = 0.0;
    double cosine = 0.0;
    ieee_sincos(at.hdg, &sine, &cosine);
    at.x -= t * sine;
    at.y += t * cosine;
    *ret_pose = at;
    return od_place(b, at.x, at.y, od_poly_at(&b->m->elevation, road->elevation, s) + z, ret_p);
}

/* Where the plate stands and the direction, on the map's plane, of those who read it. */
static bool stand(struct od_build *b, const struct od_signal *g, struct map_point *ret_p,
    struct od_pose *ret_pose) {
    const struct od_road *road = &b->m->roads[g->road];
    double turn = g->turn;
    if (g->position == OD_AT_PLACE) {
        *ret_pose = (struct od_pose){g->at[0], g->at[1], g->at[3]};
        return od_place(b, g->at[0], g->at[1], g->at[2], ret_p);
    }
    double s = g->s;
    double t = g->t;
    double z = g->z;
    if (g->position == OD_AT_OTHER_ROAD) {
        const struct od_road *other = od_road_named(b->m, od_text(b->m, g->at_road));
        if (other != NULL) {
            road = other;
            s = g->at[0];
            t = g->at[1];
            z = g->at[2];
            turn = g->at[3];
        } else {
            map_note(b->r, g->line, "signal %s: stands at road %s, which is not there",
                od_text(b->m, g->id), od_text(b->m, g->at_road));
        }
    }
    bool ok = od_place_at(b, road, s, t, z, ret_p, ret_pose);
    ret_pose->hdg += turn + (g->orientation == '-' ? IEEE_PI : 0.0);
    return ok;
}

/* Sign 294 is a line across the lanes it is for. */
static bool is_stop_line(const struct od_map *m, const struct od_signal *g) {
    const char *country = od_text(m, g->country);
    return !g->dynamic && strcmp(od_text(m, g->type), "294") == 0 &&
           (country[0] == '\0' || strcmp(country, "DE") == 0 || strcmp(country, "de") == 0 ||
               strcmp(country, "DEU") == 0 || strcmp(country, "OpenDRIVE") == 0 ||
               strcmp(country, "OPENDRIVE") == 0);
}

/* Outermost edges of the lanes a stop line is for; false when there are none. */
static bool across(struct od_build *b, const struct od_signal *g, double *ret_t) {
    const struct od_map *m = b->m;
    const struct od_road *road = &m->roads[g->road];
    bool any = false;
    for (int side = -1; side <= 1; side += 2) {
        const struct od_section *sec = od_section_at(m, road, side, g->s);
        for (uint32_t i = 0; sec != NULL && i < sec->lanes.n && b->budget > 0; i++) {
            const struct od_lane *lane = &m->lanes[sec->lanes.first + i];
            bool meant = g->validity.n == 0 && od_is_driven(lane) &&
                         (g->orientation == '+'      ? od_runs_along(road, lane)
                             : g->orientation == '-' ? !od_runs_along(road, lane)
                                                     : true);
            for (uint32_t k = 0; k < g->validity.n; k++) {
                const struct od_validity *v = &m->validities[g->validity.first + k];
                meant = meant || (lane->id >= v->from && lane->id <= v->to);
            }
            if (lane->id * side <= 0 || !meant)
                continue;
            double t[2] = {
                od_edge_at(b, road, lane->id - side, g->s), od_edge_at(b, road, lane->id, g->s)};
            for (size_t k = 0; k < 2; k++) {
                ret_t[0] = !any || t[k] < ret_t[0] ? t[k] : ret_t[0];
                ret_t[1] = !any || t[k] > ret_t[1] ? t[k] : ret_t[1];
                any = true;
            }
        }
    }
    return any && ret_t[1] - ret_t[0] > 0.1;
}

static bool draw_stop_line(
    struct od_build *b, const struct od_signal *g, const char *native, struct element *e) {
    double t[2] = {0.0, 0.0};
    if (!across(b, g, t)) {
        map_skip(b->r, g->line, native, "a stop line without a lane to cross");
        return false;
    }
    for (size_t i = 0; i < 2; i++) {
        struct map_point p;
        struct od_pose at;
        if (!od_place_at(b, &b->m->roads[g->road], g->s, t[i], g->z, &p, &at)) {
            map_skip(b->r, g->line, native, "out of reach of the frame");
            return false;
        }
        (void)element_add_point(e, p);
    }
    return true;
}

static void emit(struct od_build *b, uint32_t index, const char *native) {
    struct od_signal *g = &b->m->signals[index];
    struct element e = {.kind = g->dynamic ? EL_LIGHT : EL_SIGN};
    struct map_point p;
    struct od_pose at;
    if (!stand(b, g, &p, &at)) {
        map_skip(b->r, g->line, native, "out of reach of the frame");
        return;
    }
    if (is_stop_line(b->m, g)) {
        e.kind = EL_STOP_LINE;
        if (!draw_stop_line(b, g, native, &e)) {
            element_free(&e);
            return;
        }
    } else {
        (void)element_add_point(&e, p);
    }
    if (g->orientation == '+' || g->orientation == '-') {
        /* The direction goes through the frame, whose east need not be x. */
        double sine = 0.0;
        double cosine = 0.0;
        struct map_point q;
        ieee_sincos(at.hdg, &sine, &cosine);
        e.has_heading = od_place(b, at.x + 1000.0 * cosine, at.y + 1000.0 * sine, 0.0, &q);
        if (e.has_heading)
            e.heading = ieee_heading((double)q.x - p.x, (double)q.y - p.y);
    }
    set_attrs(b->m, g, &e);
    if (e.kind != EL_SIGN)
        e.has_value = false;
    od_govern(b, g, &e);
    map_emit(b->r, &e, native);
    g->native = od_keep_name(b->m, native);
}

void opendrive_signals(struct od_build *b) {
    struct od_map *m = b->m;
    struct od_placed *list = ws_calloc(m->n_signals, sizeof(list[0]));
    for (size_t i = 0; i < m->n_signals; i++) {
        const struct od_signal *g = &m->signals[i];
        list[i] = (struct od_placed){g->road, g->id, g->s, g->line, (uint32_t)i};
    }
    od_govern_begin(b);
    od_each_placed(b, "signal", list, m->n_signals, emit);
    od_govern_end(b);
    free(list);
}
