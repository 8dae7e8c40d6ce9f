#include "mapsvc/fuse/order.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdlib.h>

enum { ENCODING_VERSION = 1 };

void map_order_free(struct map_order *o) {
    element_free(&o->element);
    *o = (struct map_order){0};
}

void map_order_encode(const struct map_order *o, struct buf *b) {
    buf_u8(b, ENCODING_VERSION);
    buf_u8(b, (uint8_t)o->op);
    buf_put(b, o->supersedes, sizeof(o->supersedes));
    element_encode(&o->element, b);
}

static const char *out_of_reach(const struct element *e) {
    for (size_t i = 0; i < e->n_points; i++) {
        const int32_t v[] = {e->points[i].x, e->points[i].y, e->points[i].z};
        for (size_t k = 0; k < ARRAY_LEN(v); k++)
            if (v[k] > MAP_ORDER_REACH_MM || v[k] < -MAP_ORDER_REACH_MM)
                return "a point is outside the cell";
    }
    return NULL;
}

static const char *misfit(const struct map_order *o) {
    static const uint8_t none[16];
    const struct element *e = &o->element;
    if (e->revision != 0 || e->n_aliases != 0)
        return "a template has no revision and no aliases";
    if (e->valid_from_ms >= e->valid_to_ms)
        return "it is valid to before it is valid from";
    bool has_id = memcmp(e->id, none, sizeof(none)) != 0;
    if (has_id != (o->op != MAP_CREATE))
        return "only what is there has an id";
    bool empty = !e->has_value && !e->has_heading && e->n_points == 0 && e->n_attrs == 0;
    if (o->op == MAP_CREATE && e->n_points == 0)
        return "a new element has a place";
    if (o->op == MAP_MODIFY && empty)
        return "nothing is modified";
    if (o->op == MAP_DELETE && !empty)
        return "what is deleted needs no more than its id and kind";
    for (size_t i = 0; o->op == MAP_CREATE && i < e->n_attrs; i++)
        if (e->attrs[i].value[0] == '\0')
            return "a new element has no empty attributes";
    return out_of_reach(e);
}

int map_order_decode(struct span s, struct map_order *ret_order, struct ws_err *err) {
    struct rd r = rd_of(s);
    unsigned version = rd_u8(&r);
    if (!r.bad && version != ENCODING_VERSION)
        return ws_fail(err, WS_ENOTSUP, "map order: encoding version %u is not 1", version);
    struct map_order o = {0};
    unsigned op = rd_u8(&r);
    rd_copy(&r, o.supersedes, sizeof(o.supersedes));
    if (r.bad || op > MAP_DELETE || s.n > MAP_ORDER_MAX)
        return ws_fail(err, WS_EINPUT, "map order: octet %zu of %zu: malformed head", r.at, s.n);
    o.op = (enum map_change_op)op;
    int rc = element_decode(rd_take(&r, rd_left(&r)), &o.element, err);
    if (rc != WS_OK)
        return ws_fail_in(err, "map order");
    const char *why = misfit(&o);
    if (why == NULL) {
        *ret_order = o;
        return WS_OK;
    }
    map_order_free(&o);
    return ws_fail(err, WS_EINPUT, "map order: %s", why);
}

void map_withdraw_encode(const uint8_t order[static 32], struct buf *b) {
    buf_u8(b, ENCODING_VERSION);
    buf_put(b, order, 32);
}

int map_withdraw_decode(struct span s, uint8_t ret_order[static 32], struct ws_err *err) {
    struct rd r = rd_of(s);
    unsigned version = rd_u8(&r);
    if (!r.bad && version != ENCODING_VERSION)
        return ws_fail(err, WS_ENOTSUP, "map order: encoding version %u is not 1", version);
    uint8_t id[32];
    rd_copy(&r, id, sizeof(id));
    if (!rd_done(&r))
        return ws_fail(err, WS_EINPUT, "map order: octet %zu of %zu: malformed", r.at, r.n);
    memcpy(ret_order, id, sizeof(id));
    return WS_OK;
}

bool map_order_fits(const struct element *template, const struct element *now) {
    size_t n = now->n_attrs;
    for (size_t i = 0; i < template->n_attrs; i++) {
        bool here = element_attr(now, template->attrs[i].key) != NULL;
        bool wanted = template->attrs[i].value[0] != '\0';
        n = n + (wanted && !here ? 1 : 0) - (!wanted && here ? 1 : 0);
    }
    return n <= ELEMENT_MAX_ATTRS;
}

struct element map_order_apply(const struct element *template, const struct element *now) {
    struct element e = element_copy(now);
    e.revision++;
    if (template->has_value) {
        e.has_value = true;
        e.value = template->value;
    }
    if (template->has_heading) {
        e.has_heading = true;
        e.heading = template->heading;
    }
    if (template->n_points > 0) {
        free(e.points);
        e.points = ws_memdup(template->points, template->n_points * sizeof(e.points[0]));
        e.n_points = template->n_points;
    }
    for (size_t i = 0; i < template->n_attrs; i++)
        if (template->attrs[i].value[0] == '\0')
            (void)element_remove_attr(&e, template->attrs[i].key);
    for (size_t i = 0; i < template->n_attrs; i++) {
        const struct map_attr *a = &template->attrs[i];
        bool ok = a->value[0] == '\0' || element_set_attr(&e, a->key, a->value);
        WS_ASSERT(ok);
    }
    e.valid_from_ms = template->valid_from_ms;
    e.valid_to_ms = template->valid_to_ms;
    return e;
}

/* ---- event 4 ---- */

static bool is_evidence(enum map_order_news n) {
    return n == ORDER_OBEYED || n == ORDER_DISOBEYED;
}

void map_order_report_encode(const struct map_order_report *r, struct buf *b) {
    buf_u8(b, ENCODING_VERSION);
    buf_u64(b, r->height);
    buf_u64(b, r->block_time);
    buf_put(b, r->order, sizeof(r->order));
    buf_put(b, r->element_id, sizeof(r->element_id));
    buf_u8(b, (uint8_t)r->news);
    if (!is_evidence(r->news))
        return;
    buf_u8(b, (uint8_t)r->seen);
    buf_u8(b, r->has_value ? 1 : 0);
    buf_i32(b, r->value);
    buf_i32(b, r->at.x);
    buf_i32(b, r->at.y);
    buf_i32(b, r->at.z);
    buf_i64(b, r->bits_q16);
    buf_i64(b, r->threshold_q16);
    buf_u32(b, r->vehicles);
    buf_u32(b, r->groups);
    buf_u32(b, r->issuers);
    buf_u32(b, r->families);
    buf_u64(b, r->first_seen);
    buf_u64(b, r->last_seen);
    buf_put(b, r->evidence_root, sizeof(r->evidence_root));
}

static void get_evidence(struct rd *r, struct map_order_report *o) {
    unsigned seen = rd_u8(r);
    unsigned has_value = rd_u8(r);
    o->value = rd_i32(r);
    o->at.x = rd_i32(r);
    o->at.y = rd_i32(r);
    o->at.z = rd_i32(r);
    o->bits_q16 = rd_i64(r);
    o->threshold_q16 = rd_i64(r);
    o->vehicles = rd_u32(r);
    o->groups = rd_u32(r);
    o->issuers = rd_u32(r);
    o->families = rd_u32(r);
    o->first_seen = rd_u64(r);
    o->last_seen = rd_u64(r);
    rd_copy(r, o->evidence_root, sizeof(o->evidence_root));
    o->seen = (enum map_order_seen)seen;
    o->has_value = has_value == 1;
    if (seen > SEEN_STILL_THERE || (seen == SEEN_AS_ORDERED) != (o->news == ORDER_OBEYED) ||
        has_value > 1 || (!o->has_value && o->value != 0) || o->first_seen > o->last_seen)
        r->bad = true;
}

int map_order_report_decode(
    struct span s, struct map_order_report *ret_report, struct ws_err *err) {
    struct rd r = rd_of(s);
    unsigned version = rd_u8(&r);
    if (!r.bad && version != ENCODING_VERSION)
        return ws_fail(err, WS_ENOTSUP, "order report: encoding version %u is not 1", version);
    struct map_order_report o = {0};
    o.height = rd_u64(&r);
    o.block_time = rd_u64(&r);
    rd_copy(&r, o.order, sizeof(o.order));
    rd_copy(&r, o.element_id, sizeof(o.element_id));
    unsigned news = rd_u8(&r);
    if (news < ORDER_IN_FORCE || news > ORDER_DISOBEYED)
        r.bad = true;
    o.news = (enum map_order_news)news;
    if (!r.bad && is_evidence(o.news))
        get_evidence(&r, &o);
    if (!rd_done(&r))
        return ws_fail(err, WS_EINPUT, "order report: octet %zu of %zu: malformed", r.at, r.n);
    *ret_report = o;
    return WS_OK;
}

const char *map_order_news_name(enum map_order_news n) {
    static const char *const names[] = {
        "unknown", "in_force", "lapsed", "withdrawn", "superseded", "void", "obeyed", "disobeyed"};
    return names[n < ARRAY_LEN(names) ? n : 0];
}

const char *map_order_seen_name(enum map_order_seen s) {
    static const char *const names[] = {
        "as_ordered", "gone", "another_value", "elsewhere", "still_there"};
    return s < ARRAY_LEN(names) ? names[s] : "unknown";
}
