#include "mapsvc/model/element.h"

#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "mapsvc/model/text.h"

#include <stdlib.h>

const char *element_kind_name(enum element_kind k) {
    switch (k) {
    case EL_LANE:
        return "lane";
    case EL_BOUNDARY:
        return "boundary";
    case EL_SIGN:
        return "sign";
    case EL_SPEED_LIMIT:
        return "speed_limit";
    case EL_STOP_LINE:
        return "stop_line";
    case EL_CROSSWALK:
        return "crosswalk";
    case EL_LIGHT:
        return "light";
    case EL_HAZARD:
        return "hazard";
    case EL_AREA:
        return "area";
    }
    return "unknown";
}

void element_free(struct element *e) {
    for (size_t i = 0; i < e->n_attrs; i++)
        free(e->attrs[i].key);
    for (size_t i = 0; i < e->n_aliases; i++)
        free(e->aliases[i]);
    free(e->attrs);
    free((void *)e->aliases);
    free(e->points);
    *e = (struct element){0};
}

static struct span text_of(const char *s) {
    return span_of(s, strlen(s));
}

struct map_attr map_attr_of(struct span key, struct span value) {
    char *p = ws_alloc(key.n + value.n + 2);
    if (key.n > 0)
        memcpy(p, key.p, key.n);
    if (value.n > 0)
        memcpy(p + key.n + 1, value.p, value.n);
    return (struct map_attr){p, p + key.n + 1};
}

struct element element_copy(const struct element *e) {
    struct element c = *e;
    c.points = e->n_points == 0 ? NULL : ws_memdup(e->points, e->n_points * sizeof(e->points[0]));
    c.attrs = e->n_attrs == 0 ? NULL : ws_calloc(e->n_attrs, sizeof(e->attrs[0]));
    for (size_t i = 0; i < e->n_attrs; i++)
        c.attrs[i] = map_attr_of(text_of(e->attrs[i].key), text_of(e->attrs[i].value));
    c.aliases = e->n_aliases == 0 ? NULL : ws_calloc(e->n_aliases, sizeof(e->aliases[0]));
    for (size_t i = 0; i < e->n_aliases; i++)
        c.aliases[i] = ws_strdup(e->aliases[i]);
    return c;
}

/* Place of key in the sorted attributes, or of the first one after it. */
static size_t attr_place(const struct element *e, const char *key, bool *ret_found) {
    size_t lo = 0;
    size_t hi = e->n_attrs;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (strcmp(e->attrs[mid].key, key) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    *ret_found = lo < e->n_attrs && strcmp(e->attrs[lo].key, key) == 0;
    return lo;
}

bool element_set_attr(struct element *e, const char *key, const char *value) {
    char *k = text_clean(key, ELEMENT_MAX_TEXT);
    char *v = text_clean(value, ELEMENT_MAX_TEXT);
    bool found = false;
    size_t at = attr_place(e, k, &found);
    bool room = found || (k[0] != '\0' && e->n_attrs < ELEMENT_MAX_ATTRS);
    struct map_attr attr = {0};
    if (room)
        attr = map_attr_of(text_of(k), text_of(v));
    free(k);
    free(v);
    if (!room)
        return false;
    if (found) {
        free(e->attrs[at].key);
    } else {
        e->attrs = ws_realloc(e->attrs, (e->n_attrs + 1) * sizeof(e->attrs[0]));
        memmove(e->attrs + at + 1, e->attrs + at, (e->n_attrs - at) * sizeof(e->attrs[0]));
        e->n_attrs++;
    }
    e->attrs[at] = attr;
    return true;
}

bool element_remove_attr(struct element *e, const char *key) {
    bool found = false;
    size_t at = attr_place(e, key, &found);
    if (!found)
        return false;
    free(e->attrs[at].key);
    e->n_attrs--;
    memmove(e->attrs + at, e->attrs + at + 1, (e->n_attrs - at) * sizeof(e->attrs[0]));
    return true;
}

const char *element_attr(const struct element *e, const char *key) {
    bool found = false;
    size_t at = attr_place(e, key, &found);
    return found ? e->attrs[at].value : NULL;
}

bool attr_is_derived(const char *key) {
    static const char *const names[] = {"bulb_ways", "governs", "inner_of", "left_lane", "nodes",
        "opposite_lane", "outer_of", "regulatory", "right_lane", "rules", "stop_lines",
        "successors"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(key, names[i]) == 0)
            return true;
    return false;
}

bool attr_is_reference(const char *key) {
    static const char *const names[] = {"all_way_stop", "bulbs", "inner", "lane", "left", "outer",
        "right", "right_of_way", "yield"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(key, names[i]) == 0)
            return true;
    return attr_is_derived(key);
}

bool element_add_alias(struct element *e, const char *alias) {
    char *a = text_clean(alias, ELEMENT_MAX_TEXT);
    size_t at = 0;
    while (at < e->n_aliases && strcmp(e->aliases[at], a) < 0)
        at++;
    bool known = at < e->n_aliases && strcmp(e->aliases[at], a) == 0;
    if (a[0] == '\0' || known || e->n_aliases == ELEMENT_MAX_ALIASES) {
        free(a);
        return known;
    }
    e->aliases = (char **)ws_realloc((void *)e->aliases, (e->n_aliases + 1) * sizeof(char *));
    memmove((void *)(e->aliases + at + 1), (const void *)(e->aliases + at),
        (e->n_aliases - at) * sizeof(char *));
    e->aliases[at] = a;
    e->n_aliases++;
    return true;
}

bool element_add_point(struct element *e, struct map_point p) {
    if (e->n_points == ELEMENT_MAX_POINTS)
        return false;
    e->points = ws_realloc(e->points, (e->n_points + 1) * sizeof(e->points[0]));
    e->points[e->n_points++] = p;
    return true;
}

bool element_same_points(const struct element *a, const struct element *b) {
    if (a->n_points != b->n_points)
        return false;
    for (size_t i = 0; i < a->n_points; i++) {
        struct map_point p = a->points[i];
        struct map_point q = b->points[i];
        if (p.x != q.x || p.y != q.y || p.z != q.z)
            return false;
    }
    return true;
}

bool element_same_attrs(const struct element *a, const struct element *b) {
    if (a->n_attrs != b->n_attrs)
        return false;
    for (size_t i = 0; i < a->n_attrs; i++)
        if (strcmp(a->attrs[i].key, b->attrs[i].key) != 0 ||
            strcmp(a->attrs[i].value, b->attrs[i].value) != 0)
            return false;
    return true;
}

bool element_same_content(const struct element *a, const struct element *b) {
    if (a->kind != b->kind || a->has_value != b->has_value || a->has_heading != b->has_heading ||
        a->valid_from_ms != b->valid_from_ms || a->valid_to_ms != b->valid_to_ms)
        return false;
    if ((a->has_value && a->value != b->value) || (a->has_heading && a->heading != b->heading))
        return false;
    return element_same_points(a, b) && element_same_attrs(a, b);
}

void element_id_import(const char *ns, const uint8_t base_digest[static 32], const char *native,
    uint8_t ret_id[static 16]) {
    static const char tag[] = "wayside/element/import/1";
    struct buf b = {0};
    buf_put(&b, tag, sizeof(tag) - 1);
    buf_var(&b, span_of(ns, strlen(ns)));
    buf_put(&b, base_digest, 32);
    buf_var(&b, span_of(native, strlen(native)));
    uint8_t hash[32];
    exec_sha256_one(buf_span(&b), hash);
    memcpy(ret_id, hash, 16);
    buf_free(&b);
}
