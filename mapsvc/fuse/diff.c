#include "mapsvc/fuse/diff.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"

#include <stdlib.h>

enum {
    ENCODING_VERSION = 1,
    FLAG_BEFORE = 1,
    FLAG_AFTER = 2,
    FLAG_SUPERSEDES = 4,
    FLAG_WITHDRAWS = 8,
    FLAG_ORDER = 16,
    FLAGS_ALL = 31
};

void change_free(struct change_record *c) {
    element_free(&c->before);
    element_free(&c->after);
    *c = (struct change_record){0};
}

void map_version_free(struct map_version *v) {
    for (size_t i = 0; i < v->n_changes; i++)
        change_free(&v->changes[i]);
    free(v->changes);
    *v = (struct map_version){0};
}

static const struct element *subject(const struct change_record *c) {
    return c->has_after ? &c->after : &c->before;
}

int change_compare(const struct change_record *a, const struct change_record *b) {
    enum element_kind ka = subject(a)->kind;
    enum element_kind kb = subject(b)->kind;
    if (ka != kb)
        return ka < kb ? -1 : 1;
    return memcmp(a->element_id, b->element_id, sizeof(a->element_id));
}

bool change_is_geometry(const struct change_record *c) {
    const struct element *a = &c->before;
    const struct element *b = &c->after;
    return c->op != MAP_MODIFY || a->has_heading != b->has_heading || a->heading != b->heading ||
           !element_same_points(a, b);
}

/* ---- change record ---- */

static void put_element(struct buf *b, const struct element *e) {
    struct buf one = {0};
    element_encode(e, &one);
    buf_var(b, buf_span(&one));
    buf_free(&one);
}

static void put_difference(struct buf *b, const struct change_record *c) {
    struct buf one = {0};
    element_encode_difference(&c->before, &c->after, &one);
    buf_var(b, buf_span(&one));
    buf_free(&one);
}

static void put_change(struct buf *b, const struct change_record *c, bool with_id) {
    buf_u8(b, ENCODING_VERSION);
    buf_u8(b, (uint8_t)c->op);
    buf_u8(b, (uint8_t)c->tier);
    if (with_id)
        buf_put(b, c->id, sizeof(c->id));
    buf_put(b, c->element_id, sizeof(c->element_id));
    buf_u8(b, (uint8_t)((c->has_before ? FLAG_BEFORE : 0) | (c->has_after ? FLAG_AFTER : 0) |
                        (c->has_supersedes ? FLAG_SUPERSEDES : 0) |
                        (c->has_withdraws ? FLAG_WITHDRAWS : 0) | (c->has_order ? FLAG_ORDER : 0)));
    if (c->has_before)
        put_element(b, &c->before);
    if (c->has_before && c->has_after)
        put_difference(b, c);
    else if (c->has_after)
        put_element(b, &c->after);
    if (c->has_supersedes)
        buf_put(b, c->supersedes, sizeof(c->supersedes));
    if (c->has_withdraws)
        buf_put(b, c->withdraws, sizeof(c->withdraws));
    if (c->has_order)
        buf_put(b, c->order, sizeof(c->order));
    buf_i64(b, c->bits_q16);
    buf_i64(b, c->threshold_q16);
    buf_u32(b, c->vehicles);
    buf_u32(b, c->groups);
    buf_u32(b, c->issuers);
    buf_u32(b, c->families);
    buf_u64(b, c->first_seen);
    buf_u64(b, c->last_seen);
    buf_put(b, c->evidence_root, sizeof(c->evidence_root));
}

static void change_id(const struct change_record *c, uint8_t ret_id[static 32]) {
    struct buf b = {0};
    put_change(&b, c, false);
    exec_sha256_one(buf_span(&b), ret_id);
    buf_free(&b);
}

void change_seal(struct change_record *c) {
    change_id(c, c->id);
}

void change_encode(const struct change_record *c, struct buf *b) {
    put_change(b, c, true);
}

/* op says which elements there are; what they say about themselves must agree with it. */
static const char *contradiction(const struct change_record *c) {
    bool before = c->op != MAP_CREATE;
    bool after = c->op != MAP_DELETE;
    if (c->has_before != before || c->has_after != after)
        return "op and elements do not fit";
    if ((before && memcmp(c->before.id, c->element_id, 16) != 0) ||
        (after && memcmp(c->after.id, c->element_id, 16) != 0))
        return "element of another id";
    if (c->op == MAP_MODIFY &&
        (c->before.revision == UINT32_MAX || c->after.revision != c->before.revision + 1))
        return "the revision does not grow by one";
    if (c->has_order != (c->tier == TIER_ORDER))
        return "an order is named where there is none, or none where there is one";
    if (c->has_supersedes && c->has_withdraws)
        return "what is withdrawn is not superseded as well";
    if (c->first_seen > c->last_seen)
        return "last seen before first seen";
    uint8_t id[32];
    change_id(c, id);
    if (memcmp(id, c->id, sizeof(id)) != 0)
        return "the id is not the record's hash";
    return NULL;
}

/* before: what it is told as a difference to, or NULL. */
static int get_element(struct rd *r, const char *which, const struct element *before,
    struct element *ret_element, struct ws_err *err) {
    struct span s = rd_var(r, CHANGE_MAX_OCTETS);
    if (r->bad)
        return ws_fail(err, WS_EINPUT, "change: octet %zu: `%s` is cut off", r->at, which);
    int rc = before == NULL ? element_decode(s, ret_element, err)
                            : element_decode_difference(s, before, ret_element, err);
    return rc == WS_OK ? WS_OK : ws_fail_in(err, "change: `%s`", which);
}

static int read_change(struct rd *r, struct change_record *c, struct ws_err *err) {
    unsigned version = rd_u8(r);
    if (!r->bad && version != ENCODING_VERSION)
        return ws_fail(err, WS_ENOTSUP, "change: encoding version %u is not 1", version);
    unsigned op = rd_u8(r);
    unsigned tier = rd_u8(r);
    rd_copy(r, c->id, sizeof(c->id));
    rd_copy(r, c->element_id, sizeof(c->element_id));
    unsigned flags = rd_u8(r);
    if (r->bad || op > MAP_DELETE || tier < TIER_ADVISORY || tier > TIER_ORDER ||
        (flags & ~(unsigned)FLAGS_ALL) != 0)
        return ws_fail(err, WS_EINPUT, "change: octet %zu: malformed head", r->at);
    c->op = (enum map_change_op)op;
    c->tier = (enum change_tier)tier;
    if ((flags & FLAG_BEFORE) != 0) {
        int rc = get_element(r, "before", NULL, &c->before, err);
        if (rc != WS_OK)
            return rc;
        c->has_before = true;
    }
    if ((flags & FLAG_AFTER) != 0) {
        int rc = get_element(r, "after", c->has_before ? &c->before : NULL, &c->after, err);
        if (rc != WS_OK)
            return rc;
        c->has_after = true;
    }
    c->has_supersedes = (flags & FLAG_SUPERSEDES) != 0;
    c->has_withdraws = (flags & FLAG_WITHDRAWS) != 0;
    c->has_order = (flags & FLAG_ORDER) != 0;
    if (c->has_supersedes)
        rd_copy(r, c->supersedes, sizeof(c->supersedes));
    if (c->has_withdraws)
        rd_copy(r, c->withdraws, sizeof(c->withdraws));
    if (c->has_order)
        rd_copy(r, c->order, sizeof(c->order));
    c->bits_q16 = rd_i64(r);
    c->threshold_q16 = rd_i64(r);
    c->vehicles = rd_u32(r);
    c->groups = rd_u32(r);
    c->issuers = rd_u32(r);
    c->families = rd_u32(r);
    c->first_seen = rd_u64(r);
    c->last_seen = rd_u64(r);
    rd_copy(r, c->evidence_root, sizeof(c->evidence_root));
    if (!rd_done(r))
        return ws_fail(
            err, WS_EINPUT, "change: octet %zu of %zu: octets missing or left over", r->at, r->n);
    const char *why = contradiction(c);
    return why == NULL ? WS_OK : ws_fail(err, WS_EINPUT, "change: %s", why);
}

int change_decode(struct span s, struct change_record *ret_change, struct ws_err *err) {
    struct rd r = rd_of(s);
    struct change_record c = {0};
    int rc = read_change(&r, &c, err);
    if (rc == WS_OK)
        *ret_change = c;
    else
        change_free(&c);
    return rc;
}

static void put_change_var(struct buf *b, const struct change_record *c) {
    struct buf one = {0};
    change_encode(c, &one);
    buf_var(b, buf_span(&one));
    buf_free(&one);
}

/* ---- version record ---- */

void map_version_encode(const struct map_version *v, struct buf *b) {
    WS_ASSERT(v->n_changes <= MAP_VERSION_MAX_CHANGES);
    buf_u8(b, ENCODING_VERSION);
    buf_put(b, v->cell_id, sizeof(v->cell_id));
    buf_u64(b, v->version);
    buf_put(b, v->previous_root, sizeof(v->previous_root));
    buf_put(b, v->root, sizeof(v->root));
    buf_put(b, v->previous_record, sizeof(v->previous_record));
    buf_put(b, v->policy_hash, sizeof(v->policy_hash));
    buf_put(b, v->base_digest, sizeof(v->base_digest));
    buf_u64(b, v->height);
    buf_u64(b, v->block_time);
    buf_u8(b, v->geometry ? 1 : 0);
    buf_u32(b, (uint32_t)v->n_changes);
    for (size_t i = 0; i < v->n_changes; i++) {
        WS_ASSERT(i == 0 || change_compare(&v->changes[i - 1], &v->changes[i]) < 0);
        put_change_var(b, &v->changes[i]);
    }
}

static int read_changes(struct rd *r, struct map_version *v, struct ws_err *err) {
    uint32_t n = rd_u32(r);
    if (r->bad || n == 0 || n > MAP_VERSION_MAX_CHANGES)
        return ws_fail(err, WS_EINPUT, "map version: octet %zu: %u changes", r->at, n);
    v->changes = ws_calloc(n, sizeof(v->changes[0]));
    bool geometry = false;
    for (uint32_t i = 0; i < n; i++) {
        size_t at = r->at;
        struct span s = rd_var(r, CHANGE_MAX_OCTETS);
        if (r->bad)
            return ws_fail(err, WS_EINPUT, "map version: octet %zu: change %u is cut off", at, i);
        struct change_record *c = &v->changes[i];
        int rc = change_decode(s, c, err);
        if (rc != WS_OK)
            return ws_fail_in(err, "map version: octet %zu: change %u", at, i);
        v->n_changes = i + 1;
        geometry = geometry || change_is_geometry(c);
        if (c->tier == TIER_ADVISORY)
            return ws_fail(
                err, WS_EINPUT, "map version: octet %zu: change %u is an advisory", at, i);
        if (i > 0 && change_compare(&v->changes[i - 1], c) >= 0)
            return ws_fail(
                err, WS_EINPUT, "map version: octet %zu: change %u is out of order", at, i);
    }
    if (geometry != v->geometry)
        return ws_fail(err, WS_EINPUT, "map version: the class does not fit the changes");
    return WS_OK;
}

static int read_version(struct rd *r, struct map_version *v, struct ws_err *err) {
    unsigned version = rd_u8(r);
    if (!r->bad && version != ENCODING_VERSION)
        return ws_fail(err, WS_ENOTSUP, "map version: encoding version %u is not 1", version);
    rd_copy(r, v->cell_id, sizeof(v->cell_id));
    v->version = rd_u64(r);
    rd_copy(r, v->previous_root, sizeof(v->previous_root));
    rd_copy(r, v->root, sizeof(v->root));
    rd_copy(r, v->previous_record, sizeof(v->previous_record));
    rd_copy(r, v->policy_hash, sizeof(v->policy_hash));
    rd_copy(r, v->base_digest, sizeof(v->base_digest));
    v->height = rd_u64(r);
    v->block_time = rd_u64(r);
    unsigned geometry = rd_u8(r);
    if (r->bad || v->version < 2 || geometry > 1)
        return ws_fail(err, WS_EINPUT, "map version: octet %zu: malformed head", r->at);
    v->geometry = geometry == 1;
    int rc = read_changes(r, v, err);
    if (rc == WS_OK && !rd_done(r))
        rc =
            ws_fail(err, WS_EINPUT, "map version: octet %zu of %zu: octets left over", r->at, r->n);
    return rc;
}

int map_version_decode(struct span s, struct map_version *ret_version, struct ws_err *err) {
    struct rd r = rd_of(s);
    struct map_version v = {0};
    int rc = read_version(&r, &v, err);
    if (rc == WS_OK)
        *ret_version = v;
    else
        map_version_free(&v);
    return rc;
}

/* ---- advisories ---- */

void map_advisory_encode(const struct map_advisory *a, struct buf *b) {
    buf_u8(b, ENCODING_VERSION);
    buf_u64(b, a->height);
    buf_u64(b, a->block_time);
    buf_u64(b, a->valid_to);
    put_change_var(b, &a->change);
}

int map_advisory_decode(struct span s, struct map_advisory *ret_advisory, struct ws_err *err) {
    struct rd r = rd_of(s);
    unsigned version = rd_u8(&r);
    if (!r.bad && version != ENCODING_VERSION)
        return ws_fail(err, WS_ENOTSUP, "advisory: encoding version %u is not 1", version);
    struct map_advisory a = {0};
    a.height = rd_u64(&r);
    a.block_time = rd_u64(&r);
    a.valid_to = rd_u64(&r);
    struct span one = rd_var(&r, CHANGE_MAX_OCTETS);
    if (!rd_done(&r))
        return ws_fail(
            err, WS_EINPUT, "advisory: octet %zu of %zu: octets missing or left over", r.at, r.n);
    int rc = change_decode(one, &a.change, err);
    if (rc != WS_OK)
        return ws_fail_in(err, "advisory");
    if (a.change.tier != TIER_ADVISORY) {
        change_free(&a.change);
        return ws_fail(err, WS_EINPUT, "advisory: the change is of another tier");
    }
    *ret_advisory = a;
    return WS_OK;
}

void map_advisory_end_encode(const struct map_advisory_end *e, struct buf *b) {
    buf_u8(b, ENCODING_VERSION);
    buf_u64(b, e->height);
    buf_u64(b, e->block_time);
    buf_put(b, e->change_id, sizeof(e->change_id));
    buf_put(b, e->element_id, sizeof(e->element_id));
    buf_u8(b, (uint8_t)e->why);
}

int map_advisory_end_decode(struct span s, struct map_advisory_end *ret_end, struct ws_err *err) {
    struct rd r = rd_of(s);
    unsigned version = rd_u8(&r);
    if (!r.bad && version != ENCODING_VERSION)
        return ws_fail(err, WS_ENOTSUP, "advisory end: encoding version %u is not 1", version);
    struct map_advisory_end e = {0};
    e.height = rd_u64(&r);
    e.block_time = rd_u64(&r);
    rd_copy(&r, e.change_id, sizeof(e.change_id));
    rd_copy(&r, e.element_id, sizeof(e.element_id));
    unsigned why = rd_u8(&r);
    if (!rd_done(&r) || why < ADVISORY_WITHDRAWN || why > ADVISORY_SUPERSEDED)
        return ws_fail(err, WS_EINPUT, "advisory end: octet %zu of %zu: malformed", r.at, r.n);
    e.why = (enum advisory_end)why;
    *ret_end = e;
    return WS_OK;
}
