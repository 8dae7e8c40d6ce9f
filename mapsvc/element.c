#include "mapsvc/element.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "mapsvc/text.h"

#include <stdlib.h>

enum { ENCODING_VERSION = 1, FLAG_VALUE = 1, FLAG_HEADING = 2, POINT_OCTETS = 12 };

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
    for (size_t i = 0; i < e->n_attrs; i++) {
        free(e->attrs[i].key);
        free(e->attrs[i].value);
    }
    for (size_t i = 0; i < e->n_aliases; i++)
        free(e->aliases[i]);
    free(e->attrs);
    free((void *)e->aliases);
    free(e->points);
    *e = (struct element){0};
}

struct element element_copy(const struct element *e) {
    struct element c = *e;
    c.points = e->n_points == 0 ? NULL : ws_memdup(e->points, e->n_points * sizeof(e->points[0]));
    c.attrs = e->n_attrs == 0 ? NULL : ws_calloc(e->n_attrs, sizeof(e->attrs[0]));
    for (size_t i = 0; i < e->n_attrs; i++)
        c.attrs[i] = (struct map_attr){ws_strdup(e->attrs[i].key), ws_strdup(e->attrs[i].value)};
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
    if (found) {
        free(k);
        free(e->attrs[at].value);
        e->attrs[at].value = v;
        return true;
    }
    if (k[0] == '\0' || e->n_attrs == ELEMENT_MAX_ATTRS) {
        free(k);
        free(v);
        return false;
    }
    e->attrs = ws_realloc(e->attrs, (e->n_attrs + 1) * sizeof(e->attrs[0]));
    memmove(e->attrs + at + 1, e->attrs + at, (e->n_attrs - at) * sizeof(e->attrs[0]));
    e->attrs[at] = (struct map_attr){k, v};
    e->n_attrs++;
    return true;
}

const char *element_attr(const struct element *e, const char *key) {
    bool found = false;
    size_t at = attr_place(e, key, &found);
    return found ? e->attrs[at].value : NULL;
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

static void put_text(struct buf *b, const char *s) {
    size_t n = strlen(s);
    WS_ASSERT(n <= ELEMENT_MAX_TEXT);
    buf_u8(b, (uint8_t)n);
    buf_put(b, s, n);
}

void element_encode(const struct element *e, struct buf *b) {
    WS_ASSERT(e->n_points <= ELEMENT_MAX_POINTS);
    WS_ASSERT(e->n_attrs <= ELEMENT_MAX_ATTRS);
    WS_ASSERT(e->n_aliases <= ELEMENT_MAX_ALIASES);
    buf_u8(b, ENCODING_VERSION);
    buf_put(b, e->id, sizeof(e->id));
    buf_u8(b, (uint8_t)e->kind);
    buf_u32(b, e->revision);
    buf_u8(b, (uint8_t)((e->has_value ? FLAG_VALUE : 0) | (e->has_heading ? FLAG_HEADING : 0)));
    if (e->has_value)
        buf_i32(b, e->value);
    if (e->has_heading)
        buf_u16(b, e->heading);
    buf_i64(b, e->valid_from_ms);
    buf_i64(b, e->valid_to_ms);
    buf_u16(b, (uint16_t)e->n_points);
    for (size_t i = 0; i < e->n_points; i++) {
        buf_i32(b, e->points[i].x);
        buf_i32(b, e->points[i].y);
        buf_i32(b, e->points[i].z);
    }
    buf_u8(b, (uint8_t)e->n_attrs);
    for (size_t i = 0; i < e->n_attrs; i++) {
        put_text(b, e->attrs[i].key);
        put_text(b, e->attrs[i].value);
    }
    buf_u8(b, (uint8_t)e->n_aliases);
    for (size_t i = 0; i < e->n_aliases; i++)
        put_text(b, e->aliases[i]);
}

/* A new string, or NULL with the reader marked bad. */
static char *get_text(struct rd *r, bool may_be_empty) {
    size_t n = rd_u8(r);
    struct span s = rd_take(r, n);
    if (r->bad || (n == 0 && !may_be_empty) || !text_is_clean(s)) {
        r->bad = true;
        return NULL;
    }
    char *t = ws_alloc(n + 1);
    if (n > 0)
        memcpy(t, s.p, n);
    return t;
}

static void decode_points(struct rd *r, struct element *e) {
    size_t n = rd_u16(r);
    if (n > ELEMENT_MAX_POINTS || rd_left(r) < n * POINT_OCTETS)
        r->bad = true;
    if (r->bad || n == 0)
        return;
    e->points = ws_calloc(n, sizeof(e->points[0]));
    e->n_points = n;
    for (size_t i = 0; i < n; i++) {
        e->points[i].x = rd_i32(r);
        e->points[i].y = rd_i32(r);
        e->points[i].z = rd_i32(r);
    }
}

static void decode_attrs(struct rd *r, struct element *e) {
    size_t n = rd_u8(r);
    if (n > ELEMENT_MAX_ATTRS)
        r->bad = true;
    if (r->bad || n == 0)
        return;
    e->attrs = ws_calloc(n, sizeof(e->attrs[0]));
    for (size_t i = 0; i < n && !r->bad; i++) {
        char *key = get_text(r, false);
        char *value = get_text(r, true);
        e->attrs[i] = (struct map_attr){key, value};
        e->n_attrs = i + 1;
        if (key == NULL || value == NULL)
            return;
        if (i > 0 && strcmp(e->attrs[i - 1].key, key) >= 0)
            r->bad = true;
    }
}

static void decode_aliases(struct rd *r, struct element *e) {
    size_t n = rd_u8(r);
    if (n > ELEMENT_MAX_ALIASES)
        r->bad = true;
    if (r->bad || n == 0)
        return;
    e->aliases = ws_calloc(n, sizeof(e->aliases[0]));
    for (size_t i = 0; i < n && !r->bad; i++) {
        char *alias = get_text(r, false);
        if (alias == NULL)
            return;
        e->aliases[i] = alias;
        e->n_aliases = i + 1;
        if (i > 0 && strcmp(e->aliases[i - 1], alias) >= 0)
            r->bad = true;
    }
}

int element_decode(struct span s, struct element *ret_element, struct ws_err *err) {
    struct rd r = rd_of(s);
    struct element e = {0};
    const char *part = "head";
    uint8_t version = rd_u8(&r);
    if (!r.bad && version != ENCODING_VERSION)
        return ws_fail(err, WS_ENOTSUP, "element: encoding version %u is not 1", version);
    rd_copy(&r, e.id, sizeof(e.id));
    unsigned kind = rd_u8(&r);
    e.kind = (enum element_kind)kind;
    e.revision = rd_u32(&r);
    unsigned flags = rd_u8(&r);
    if (kind < EL_LANE || kind > EL_AREA || (flags & ~(unsigned)(FLAG_VALUE | FLAG_HEADING)) != 0)
        r.bad = true;
    e.has_value = (flags & FLAG_VALUE) != 0;
    e.has_heading = (flags & FLAG_HEADING) != 0;
    if (e.has_value)
        e.value = rd_i32(&r);
    if (e.has_heading)
        e.heading = rd_u16(&r);
    e.valid_from_ms = rd_i64(&r);
    e.valid_to_ms = rd_i64(&r);
    if (!r.bad) {
        part = "points";
        decode_points(&r, &e);
    }
    if (!r.bad) {
        part = "attributes";
        decode_attrs(&r, &e);
    }
    if (!r.bad) {
        part = "aliases";
        decode_aliases(&r, &e);
    }
    if (!r.bad && !rd_done(&r)) {
        part = "octets after the end";
        r.bad = true;
    }
    if (r.bad) {
        element_free(&e);
        return ws_fail(err, WS_EINPUT, "element: octet %zu of %zu: malformed %s", r.at, s.n, part);
    }
    *ret_element = e;
    return WS_OK;
}

void element_hash(const struct element *e, uint8_t ret_hash[static 32]) {
    struct buf b = {0};
    element_encode(e, &b);
    exec_sha256_one(buf_span(&b), ret_hash);
    buf_free(&b);
}

bool element_same_content(const struct element *a, const struct element *b) {
    if (a->kind != b->kind || a->has_value != b->has_value || a->has_heading != b->has_heading ||
        a->valid_from_ms != b->valid_from_ms || a->valid_to_ms != b->valid_to_ms ||
        a->n_points != b->n_points || a->n_attrs != b->n_attrs)
        return false;
    if ((a->has_value && a->value != b->value) || (a->has_heading && a->heading != b->heading))
        return false;
    for (size_t i = 0; i < a->n_points; i++) {
        struct map_point p = a->points[i];
        struct map_point q = b->points[i];
        if (p.x != q.x || p.y != q.y || p.z != q.z)
            return false;
    }
    for (size_t i = 0; i < a->n_attrs; i++)
        if (strcmp(a->attrs[i].key, b->attrs[i].key) != 0 ||
            strcmp(a->attrs[i].value, b->attrs[i].value) != 0)
            return false;
    return true;
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
