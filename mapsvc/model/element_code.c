/* Elements as octets: whole, and as what differs from another one (docs/formats/map.md). */
#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "mapsvc/model/element.h"
#include "mapsvc/model/text.h"

#include <stdlib.h>

enum { ENCODING_VERSION = 1, FLAG_VALUE = 1, FLAG_HEADING = 2, POINT_OCTETS = 12 };

static void put_text(struct buf *b, const char *s) {
    size_t n = strlen(s);
    WS_ASSERT(n <= ELEMENT_MAX_TEXT);
    buf_u8(b, (uint8_t)n);
    buf_put(b, s, n);
}

static void put_points(struct buf *b, const struct element *e) {
    WS_ASSERT(e->n_points <= ELEMENT_MAX_POINTS);
    buf_u16(b, (uint16_t)e->n_points);
    for (size_t i = 0; i < e->n_points; i++) {
        buf_i32(b, e->points[i].x);
        buf_i32(b, e->points[i].y);
        buf_i32(b, e->points[i].z);
    }
}

static void put_attrs(struct buf *b, const struct element *e) {
    WS_ASSERT(e->n_attrs <= ELEMENT_MAX_ATTRS);
    buf_u8(b, (uint8_t)e->n_attrs);
    for (size_t i = 0; i < e->n_attrs; i++) {
        put_text(b, e->attrs[i].key);
        put_text(b, e->attrs[i].value);
    }
}

static void put_aliases(struct buf *b, const struct element *e) {
    WS_ASSERT(e->n_aliases <= ELEMENT_MAX_ALIASES);
    buf_u8(b, (uint8_t)e->n_aliases);
    for (size_t i = 0; i < e->n_aliases; i++)
        put_text(b, e->aliases[i]);
}

void element_encode(const struct element *e, struct buf *b) {
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
    put_points(b, e);
    put_attrs(b, e);
    put_aliases(b, e);
}

/* Clean text, or the reader is marked bad. */
static struct span get_text(struct rd *r, bool may_be_empty) {
    size_t n = rd_u8(r);
    struct span s = rd_take(r, n);
    if (!r->bad && ((n == 0 && !may_be_empty) || !text_is_clean(s)))
        r->bad = true;
    return s;
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
        struct span key = get_text(r, false);
        struct span value = get_text(r, true);
        if (r->bad)
            return;
        e->attrs[i] = map_attr_of(key, value);
        e->n_attrs = i + 1;
        if (i > 0 && strcmp(e->attrs[i - 1].key, e->attrs[i].key) >= 0)
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
        struct span alias = get_text(r, false);
        if (r->bad)
            return;
        e->aliases[i] = ws_alloc(alias.n + 1);
        memcpy(e->aliases[i], alias.p, alias.n);
        e->n_aliases = i + 1;
        if (i > 0 && strcmp(e->aliases[i - 1], e->aliases[i]) >= 0)
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

/* ---- what differs ---- */

enum {
    DIFF_VALUE = 1,
    DIFF_HEADING = 2,
    DIFF_VALID = 4,
    DIFF_POINTS = 8,
    DIFF_ATTRS = 16,
    DIFF_ALIASES = 32,
    DIFF_ALL = 63
};

static bool same_aliases(const struct element *a, const struct element *b) {
    if (a->n_aliases != b->n_aliases)
        return false;
    for (size_t i = 0; i < a->n_aliases; i++)
        if (strcmp(a->aliases[i], b->aliases[i]) != 0)
            return false;
    return true;
}

static unsigned difference(const struct element *a, const struct element *b) {
    unsigned set = 0;
    if (a->has_value != b->has_value || (a->has_value && a->value != b->value))
        set |= DIFF_VALUE;
    if (a->has_heading != b->has_heading || (a->has_heading && a->heading != b->heading))
        set |= DIFF_HEADING;
    if (a->valid_from_ms != b->valid_from_ms || a->valid_to_ms != b->valid_to_ms)
        set |= DIFF_VALID;
    if (!element_same_points(a, b))
        set |= DIFF_POINTS;
    if (!element_same_attrs(a, b))
        set |= DIFF_ATTRS;
    if (!same_aliases(a, b))
        set |= DIFF_ALIASES;
    return set;
}

void element_encode_difference(
    const struct element *from, const struct element *to, struct buf *b) {
    unsigned set = difference(from, to);
    buf_u8(b, ENCODING_VERSION);
    buf_u32(b, to->revision);
    buf_u8(b, (uint8_t)set);
    if ((set & DIFF_VALUE) != 0) {
        buf_u8(b, to->has_value ? 1 : 0);
        if (to->has_value)
            buf_i32(b, to->value);
    }
    if ((set & DIFF_HEADING) != 0) {
        buf_u8(b, to->has_heading ? 1 : 0);
        if (to->has_heading)
            buf_u16(b, to->heading);
    }
    if ((set & DIFF_VALID) != 0) {
        buf_i64(b, to->valid_from_ms);
        buf_i64(b, to->valid_to_ms);
    }
    if ((set & DIFF_POINTS) != 0)
        put_points(b, to);
    if ((set & DIFF_ATTRS) != 0)
        put_attrs(b, to);
    if ((set & DIFF_ALIASES) != 0)
        put_aliases(b, to);
}

static bool get_presence(struct rd *r) {
    unsigned there = rd_u8(r);
    if (there > 1)
        r->bad = true;
    return there == 1;
}

/* Into a copy of what it differs from: a list that follows takes the place of the one that is there. */
static void get_difference(struct rd *r, unsigned set, struct element *e) {
    if ((set & DIFF_VALUE) != 0) {
        e->has_value = get_presence(r);
        e->value = e->has_value ? rd_i32(r) : 0;
    }
    if ((set & DIFF_HEADING) != 0) {
        e->has_heading = get_presence(r);
        e->heading = e->has_heading ? rd_u16(r) : 0;
    }
    if ((set & DIFF_VALID) != 0) {
        e->valid_from_ms = rd_i64(r);
        e->valid_to_ms = rd_i64(r);
    }
    struct element lists = {0};
    if ((set & DIFF_POINTS) != 0) {
        lists.points = e->points;
        e->points = NULL;
        e->n_points = 0;
        decode_points(r, e);
    }
    if ((set & DIFF_ATTRS) != 0) {
        lists.attrs = e->attrs;
        lists.n_attrs = e->n_attrs;
        e->attrs = NULL;
        e->n_attrs = 0;
        decode_attrs(r, e);
    }
    if ((set & DIFF_ALIASES) != 0) {
        lists.aliases = e->aliases;
        lists.n_aliases = e->n_aliases;
        e->aliases = NULL;
        e->n_aliases = 0;
        decode_aliases(r, e);
    }
    element_free(&lists);
}

int element_decode_difference(
    struct span s, const struct element *from, struct element *ret_to, struct ws_err *err) {
    struct rd r = rd_of(s);
    uint8_t version = rd_u8(&r);
    if (!r.bad && version != ENCODING_VERSION)
        return ws_fail(err, WS_ENOTSUP, "difference: encoding version %u is not 1", version);
    struct element e = element_copy(from);
    e.revision = rd_u32(&r);
    unsigned set = rd_u8(&r);
    if ((set & ~(unsigned)DIFF_ALL) != 0)
        r.bad = true;
    if (!r.bad)
        get_difference(&r, set, &e);
    /* What does not differ is not repeated: one encoding for each value. */
    if (!rd_done(&r) || difference(from, &e) != set) {
        element_free(&e);
        return ws_fail(err, WS_EINPUT, "difference: octet %zu of %zu: malformed", r.at, s.n);
    }
    *ret_to = e;
    return WS_OK;
}
