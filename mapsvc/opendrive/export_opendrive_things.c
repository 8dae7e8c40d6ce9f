/* Changed signs, lights, stop lines and crosswalks as edits of an OpenDRIVE file. */
#include "base/mem.h"
#include "mapsvc/model/ieee.h"
#include "mapsvc/model/text.h"
#include "mapsvc/opendrive/export_opendrive_edit.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- names ---- */

const struct od_road *xe_alias_road(
    const struct xe *x, const struct element *e, const char *what, char *ret_id, double *ret_s) {
    const char *native = xe_native(e);
    char mid[32];
    *ret_s = -1.0;
    ret_id[0] = '\0';
    (void)snprintf(mid, sizeof(mid), "/%s/", what);
    const char *at = strstr(native, mid);
    if (strncmp(native, "road/", 5) != 0 || at == NULL)
        return NULL;
    char road[OD_NATIVE_MAX];
    (void)snprintf(road, sizeof(road), "%.*s", (int)(at - native - 5), native + 5);
    const char *id = at + strlen(mid);
    const char *s = strstr(id, "/s/");
    if (s == NULL)
        return NULL;
    (void)snprintf(ret_id, OD_NATIVE_MAX, "%.*s", (int)(s - id), id);
    char figure[24];
    size_t n = strcspn(s + 3, "/");
    int64_t mm = 0;
    (void)snprintf(figure, sizeof(figure), "%.*s", (int)(n < 20 ? n : 20), s + 3);
    if (text_to_i64(figure, &mm))
        *ret_s = (double)mm / 1000.0;
    return od_road_named(x->m, road);
}

/* ---- signals ---- */

/* References and controls of a signal that is gone name nobody any more. */
void xe_remove_signal(struct xe *x, const struct od_signal *g) {
    const char *id = od_text(x->m, g->id);
    bool gone = true;
    xe_remove(x, g->source);
    for (size_t i = 0; i < x->m->n_signals && gone; i++)
        gone = &x->m->signals[i] == g || strcmp(od_text(x->m, x->m->signals[i].id), id) != 0;
    for (size_t i = 0; i < x->m->n_references && gone; i++)
        if (strcmp(od_text(x->m, x->m->references[i].id), id) == 0)
            xe_remove(x, x->m->references[i].source);
    for (size_t i = 0; i < x->m->n_controls && gone; i++)
        if (strcmp(od_text(x->m, x->m->controls[i].signal), id) == 0)
            xe_remove(x, x->m->controls[i].source);
}

static int order_int(const void *a, const void *b) {
    return *(const int *)a - *(const int *)b;
}

/* The lanes of its own road a sign says it is for, as runs. */
static void put_validity(
    const struct element *e, const char *road, struct span indent, struct buf *b) {
    int ids[400];
    size_t n = 0;
    char prefix[OD_NATIVE_MAX];
    int k = snprintf(prefix, sizeof(prefix), "road/%s/section/", road);
    for (int part = 1; part <= 8 && k > 0; part++) {
        char key[16];
        (void)snprintf(key, sizeof(key), part == 1 ? "lanes" : "lanes.%d", part);
        for (const char *at = xe_text(e, key); *at != '\0'; at += strcspn(at, " ")) {
            at += *at == ' ';
            size_t len = strcspn(at, " ");
            int64_t id = 0;
            char word[OD_NATIVE_MAX];
            (void)snprintf(word, sizeof(word), "%.*s", (int)(len < 159 ? len : 159), at);
            const char *lane = strstr(word, "/lane/");
            if (strncmp(word, prefix, (size_t)k) == 0 && lane != NULL &&
                text_to_i64(lane + 6, &id) && id >= -200 && id <= 200 && n < ARRAY_LEN(ids))
                ids[n++] = (int)id;
        }
    }
    if (n > 1)
        qsort(ids, n, sizeof(ids[0]), order_int);
    for (size_t i = 0; i < n;) {
        size_t to = i;
        while (to + 1 < n && ids[to + 1] <= ids[to] + 1)
            to++;
        buf_put(b, indent.p, indent.n);
        buf_printf(b, "<validity fromLane=\"%d\" toLane=\"%d\"/>", ids[i], ids[to]);
        i = to + 1;
    }
}

/* Country, type and subtype, from what the element says of them or else from its code ("de274-30"). */
struct kind_of_sign {
    char country[64], type[64], subtype[64];
};

static void sign_kind(const struct element *e, struct kind_of_sign *k) {
    const char *code = xe_text(e, "code");
    (void)snprintf(k->country, sizeof(k->country), "%.63s", xe_text(e, "country"));
    (void)snprintf(k->type, sizeof(k->type), "%.63s", xe_text(e, "type"));
    (void)snprintf(k->subtype, sizeof(k->subtype), "%.63s", xe_text(e, "subtype"));
    if (k->type[0] == '\0' && element_attr(e, "type") == NULL && code[0] != '\0') {
        size_t n = 0;
        while (code[n] >= 'a' && code[n] <= 'z' && n < 3)
            n++;
        (void)snprintf(k->country, sizeof(k->country), "%.*s", (int)n, code);
        size_t len = strcspn(code + n, "-");
        (void)snprintf(k->type, sizeof(k->type), "%.*s", (int)(len < 63 ? len : 63), code + n);
        if (code[n + len] == '-')
            (void)snprintf(k->subtype, sizeof(k->subtype), "%.63s", code + n + len + 1);
    }
    bool is_known =
        k->type[0] != '\0' || element_attr(e, "type") != NULL || element_attr(e, "name") != NULL;
    if (!is_known) {
        (void)snprintf(k->type, sizeof(k->type), "-1");
        (void)snprintf(k->subtype, sizeof(k->subtype), "-1");
    }
}

static const char *orientation_word(char c) {
    return c == '+' ? "+" : c == '-' ? "-" : "none";
}

static void create_signal(struct xe *x, const struct element *e) {
    char id[OD_NATIVE_MAX];
    double want = -1.0;
    const struct od_road *road = xe_alias_road(x, e, "signal", id, &want);
    struct xe_stand at;
    if (road == NULL || !xe_stand(x, road, e, want, 0, &at)) {
        road = xe_road_for(x, e, 0.1);
        if (road == NULL || !xe_stand(x, road, e, -1.0, 0, &at)) {
            xe_unsaid(x, e, "no road within 30 m");
            return;
        }
    }
    if (id[0] == '\0')
        xe_new_id(x, id, sizeof(id));
    struct kind_of_sign kind;
    sign_kind(e, &kind);
    char s[XE_NUMBER];
    char t[XE_NUMBER];
    char z[XE_NUMBER];
    char turn[XE_NUMBER];
    xe_number(s, at.s);
    xe_number(t, at.t);
    xe_number(z, at.z);
    xe_number(turn, at.turn);
    char value[16] = "-1";
    if (e->has_value)
        (void)snprintf(value, sizeof(value), "%d", e->value);
    const char *const list[][2] = {{"name", xe_text(e, "name")}, {"id", id}, {"s", s}, {"t", t},
        {"zOffset", z}, {"hOffset", turn}, {"orientation", orientation_word(at.orientation)},
        {"dynamic", e->kind == EL_LIGHT ? "yes" : "no"}, {"country", kind.country},
        {"type", kind.type}, {"subtype", kind.subtype}, {"value", value}};
    struct buf b = {0};
    buf_printf(&b, "<signal");
    for (size_t i = 0; i < ARRAY_LEN(list); i++)
        xe_put_attr(&b, list[i][0], list[i][1]);
    if (element_attr(e, "unit") != NULL)
        xe_put_attr(&b, "unit", xe_text(e, "unit"));
    struct buf inside = {0};
    put_validity(e, od_text(x->m, road->id), (struct span){NULL, 0}, &inside);
    if (inside.n > 0) {
        buf_u8(&b, '>');
        buf_put(&b, inside.p, inside.n);
        buf_printf(&b, "</signal>");
    } else {
        buf_printf(&b, "/>");
    }
    xe_child(x, road, false, &b);
    buf_free(&inside);
    buf_free(&b);
}

static bool stands_elsewhere(const struct element *a, const struct element *b) {
    return a->n_points != b->n_points || a->points[0].x != b->points[0].x ||
           a->points[0].y != b->points[0].y || a->points[0].z != b->points[0].z;
}

/* New values for attributes of one signal. */
struct edits {
    const char *name[12];
    char value[12][72];
    size_t n;
};

static void set(struct edits *l, const char *name, const char *value) {
    l->name[l->n] = name;
    (void)snprintf(l->value[l->n++], sizeof(l->value[0]), "%s", value);
}

static void set_number(struct edits *l, const char *name, double v) {
    char text[XE_NUMBER];
    xe_number(text, v);
    set(l, name, text);
}

static void set_place(struct edits *l, const struct xe_stand *at, bool moved) {
    if (moved) {
        set_number(l, "s", at->s);
        set_number(l, "t", at->t);
        set_number(l, "zOffset", at->z);
    }
    /* the road's own direction may be another at the new place */
    set(l, "orientation", orientation_word(at->orientation));
    set_number(l, "hOffset", at->turn);
}

static void set_texts(struct edits *l, const struct element *before, const struct element *e) {
    struct kind_of_sign was;
    struct kind_of_sign is;
    sign_kind(before, &was);
    sign_kind(e, &is);
    const char *const texts[][3] = {{"name", xe_text(before, "name"), xe_text(e, "name")},
        {"unit", xe_text(before, "unit"), xe_text(e, "unit")}, {"country", was.country, is.country},
        {"type", was.type, is.type}, {"subtype", was.subtype, is.subtype}};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (strcmp(texts[i][1], texts[i][2]) != 0)
            set(l, texts[i][0], texts[i][2]);
    if (before->has_value != e->has_value || before->value != e->value) {
        char value[16] = "-1";
        if (e->has_value)
            (void)snprintf(value, sizeof(value), "%d", e->value);
        set(l, "value", value);
        /* 274-50 that shows 30 now is 274-30, though the cell speaks of the figure only */
        char old[16];
        (void)snprintf(old, sizeof(old), "%d", before->value);
        if (before->has_value && e->has_value && strcmp(was.subtype, is.subtype) == 0 &&
            strcmp(is.subtype, old) == 0)
            set(l, "subtype", value);
    }
}

/* The signal as it is, with its edits, under another road. */
static void rehang(
    struct xe *x, const struct od_signal *g, const struct od_road *road, const struct edits *l) {
    struct buf text = {0};
    size_t tag_n = g->source.n;
    buf_put(&text, x->base.p + g->source.at, g->source.end - g->source.at);
    for (size_t i = 0; i < l->n; i++)
        xe_attr_in(&text, &tag_n, l->name[i], l->value[i]);
    xe_remove(x, g->source);
    xe_child(x, road, false, &text);
    buf_free(&text);
}

static void modify_signal(struct xe *x, const struct od_signal *g, const struct element *before,
    const struct element *e) {
    struct edits l = {.n = 0};
    struct xe_stand at;
    const struct od_road *road = &x->m->roads[g->road];
    bool moved = stands_elsewhere(before, e);
    bool turned = before->has_heading != e->has_heading || before->heading != e->heading;
    set_texts(&l, before, e);
    if ((moved || turned) && g->position != OD_AT_ROAD) {
        xe_unsaid(x, e, "its place is not given by s and t of its road");
    } else if ((moved || turned) && e->n_points == 1) {
        /* orientation says who it is for as well: a file that turns plates by hOffset keeps doing so */
        if (xe_stand(x, road, e, -1.0, g->turn != 0.0 ? g->orientation : 0, &at)) {
            set_place(&l, &at, moved);
        } else {
            road = xe_road_for(x, e, 0.1);
            if (road == NULL || !xe_stand(x, road, e, -1.0, 0, &at)) {
                xe_unsaid(x, e, "it moved to where no road reaches");
            } else {
                set_place(&l, &at, true);
                rehang(x, g, road, &l);
                return;
            }
        }
    }
    for (size_t i = 0; i < l.n; i++)
        xe_attr(x, g->source, l.name[i], l.value[i]);
}

void xe_signal(struct xe *x, const struct map_change *c) {
    if (c->op == MAP_CREATE) {
        create_signal(x, c->after);
        return;
    }
    const struct od_signal *g = xe_named(x, c->before)->signal;
    if (g == NULL)
        xe_unsaid(x, c->after != NULL ? c->after : c->before, "the file has no signal for it");
    else if (c->op == MAP_DELETE)
        xe_remove_signal(x, g);
    else
        modify_signal(x, g, c->before, c->after);
}
