/* Signals of OpenDRIVE roads: signs and lights. Ids repeat in real files, so the key is road, id and s. */
#include "base/mem.h"
#include "mapsvc/ieee.h"
#include "mapsvc/opendrive.h"
#include "mapsvc/text.h"

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

/* road, s and id: what tells signals apart. */
struct key {
    uint32_t road;
    int64_t mm;
    const char *id;
    const struct od_signal *g;
};

static int same_key(const struct key *p, const struct key *q) {
    if (p->road != q->road)
        return p->road < q->road ? -1 : 1;
    if (p->mm != q->mm)
        return p->mm < q->mm ? -1 : 1;
    return strcmp(p->id, q->id);
}

static int key_order(const void *a, const void *b) {
    const struct key *p = a;
    const struct key *q = b;
    int c = same_key(p, q);
    return c != 0 ? c : (p->g > q->g) - (p->g < q->g);
}

struct named {
    const char *id;
    unsigned line;
};

static int named_order(const void *a, const void *b) {
    const struct named *p = a;
    const struct named *q = b;
    int c = strcmp(p->id, q->id);
    return c != 0 ? c : (p->line > q->line) - (p->line < q->line);
}

static void report_repeated_ids(struct od_build *b) {
    const struct od_map *m = b->m;
    struct named *list = ws_calloc(m->n_signals, sizeof(list[0]));
    for (size_t i = 0; i < m->n_signals; i++)
        list[i] = (struct named){od_text(m, m->signals[i].id), m->signals[i].line};
    if (m->n_signals > 1)
        qsort(list, m->n_signals, sizeof(list[0]), named_order);
    for (size_t i = 1; i < m->n_signals; i++)
        if (strcmp(list[i].id, list[i - 1].id) == 0)
            map_note(b->r, list[i].line,
                "signal %s: the id is used before, on line %u; told apart by road and s",
                list[i].id, list[i - 1].line);
    free(list);
}

static void emit(struct od_build *b, const struct od_signal *g, const char *native) {
    const struct od_road *road = &b->m->roads[g->road];
    struct element e = {.kind = g->dynamic ? EL_LIGHT : EL_SIGN};
    struct od_pose at = od_road_at(b->m, road, g->s);
    double s = 0.0;
    double c = 0.0;
    ieee_sincos(at.hdg, &s, &c);
    double z = od_poly_at(&b->m->elevation, road->elevation, g->s) + g->z;
    struct map_point p;
    if (!od_place(b, at.x - g->t * s, at.y + g->t * c, z, &p)) {
        map_skip(b->r, g->line, native, "out of reach of the frame");
        return;
    }
    (void)element_add_point(&e, p);
    if (g->orientation == '+' || g->orientation == '-') {
        /* '+' is for traffic along s. The direction goes through the frame, whose east need not be x. */
        double sign = g->orientation == '+' ? 1000.0 : -1000.0;
        struct map_point q;
        e.has_heading = od_place(b, at.x - g->t * s + sign * c, at.y + g->t * c + sign * s, z, &q);
        if (e.has_heading)
            e.heading = ieee_heading((double)q.x - p.x, (double)q.y - p.y);
    }
    set_attrs(b->m, g, &e);
    map_emit(b->r, &e, native);
}

void opendrive_signals(struct od_build *b) {
    struct od_map *m = b->m;
    report_repeated_ids(b);
    struct key *keys = ws_calloc(m->n_signals, sizeof(keys[0]));
    for (size_t i = 0; i < m->n_signals; i++) {
        const struct od_signal *g = &m->signals[i];
        keys[i] = (struct key){.road = g->road, .id = od_text(m, g->id), .g = g};
        (void)ieee_round(g->s * 1000.0, &keys[i].mm);
    }
    if (m->n_signals > 1)
        qsort(keys, m->n_signals, sizeof(keys[0]), key_order);
    unsigned twin = 1;
    for (size_t i = 0; i < m->n_signals && b->r->rc == WS_OK; i++) {
        const struct od_signal *g = keys[i].g;
        const struct od_road *road = &m->roads[g->road];
        twin = i > 0 && same_key(&keys[i - 1], &keys[i]) == 0 ? twin + 1 : 1;
        if (road->broken != NULL)
            continue;
        char native[OD_NATIVE_MAX];
        int n = snprintf(native, sizeof(native), "road/%s/signal/%s/s/%lld", od_text(m, road->id),
            keys[i].id, (long long)keys[i].mm);
        if (twin > 1 && n > 0 && (size_t)n < sizeof(native))
            (void)snprintf(native + n, sizeof(native) - (size_t)n, "/%u", twin);
        if (g->s < 0.0 || g->s > road->length + 0.1)
            map_skip(
                b->r, g->line, native, "s is not on the road, which is %.1f m long", road->length);
        else
            emit(b, g, native);
    }
    free(keys);
}
