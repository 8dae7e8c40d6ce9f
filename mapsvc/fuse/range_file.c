/* The net of several versions as octets. */
#include "mapsvc/fuse/range.h"

#include "base/mem.h"

#include <stdio.h>

static const uint8_t magic[8] = {'W', 'S', 'N', 'E', 'T', 0x0d, 0x0a, 0x1a};
enum {
    FILE_VERSION = 1,
    OP_TOMBSTONE = 3,
    CHANGE_OCTETS = 34, /* without elements */
};

/* What the change leaves; a modify as the difference to what was. */
static void put_element(const struct element *from, const struct element *e, struct buf *b) {
    struct buf x = {0};
    if (e == NULL)
        return;
    if (from == NULL)
        element_encode(e, &x);
    else
        element_encode_difference(from, e, &x);
    buf_var(b, buf_span(&x));
    buf_free(&x);
}

void map_range_encode(const struct map_range *r, struct buf *b) {
    buf_put(b, magic, sizeof(magic));
    buf_u8(b, FILE_VERSION);
    buf_u64(b, r->from);
    buf_u64(b, r->to);
    buf_put(b, r->previous_root, sizeof(r->previous_root));
    buf_put(b, r->root, sizeof(r->root));
    buf_put(b, r->record, sizeof(r->record));
    buf_u8(b, r->geometry ? 1 : 0);
    buf_u32(b, (uint32_t)r->n);
    for (size_t i = 0; i < r->n; i++) {
        const struct range_change *c = &r->changes[i];
        buf_u8(b, c->tombstone ? OP_TOMBSTONE : (uint8_t)c->op);
        buf_u8(b, (uint8_t)c->kind);
        buf_put(b, c->element_id, sizeof(c->element_id));
        buf_u64(b, c->first_version);
        buf_u64(b, c->last_version);
        put_element(NULL, c->before, b);
        put_element(c->before, c->after, b);
    }
}

static bool take_element(struct rd *r, const struct range_change *c, const struct element *from,
    struct element *to, struct ws_err *err) {
    struct span s = rd_var(r, CHANGE_MAX_OCTETS);
    if (r->bad)
        return false;
    int rc =
        from == NULL ? element_decode(s, to, err) : element_decode_difference(s, from, to, err);
    if (rc != WS_OK)
        return false;
    if (to->kind == c->kind && memcmp(to->id, c->element_id, sizeof(to->id)) == 0)
        return true;
    (void)ws_fail(err, WS_EINPUT, "another element than its change");
    return false;
}

/* Elements go into two[2], of which the change borrows. */
static bool take_change(struct rd *r, const struct map_range *net, struct range_change *c,
    struct element *two, struct ws_err *err) {
    unsigned op = rd_u8(r);
    unsigned kind = rd_u8(r);
    *c = (struct range_change){.tombstone = op == OP_TOMBSTONE, .kind = (enum element_kind)kind};
    c->op = c->tombstone ? MAP_DELETE : (enum map_change_op)op;
    rd_copy(r, c->element_id, sizeof(c->element_id));
    c->first_version = rd_u64(r);
    c->last_version = rd_u64(r);
    if (r->bad || op > OP_TOMBSTONE || kind < EL_LANE || c->first_version <= net->from ||
        c->first_version > c->last_version || c->last_version > net->to) {
        (void)ws_fail(err, WS_EINPUT, "op, kind or versions");
        return false;
    }
    bool before = !c->tombstone && c->op != MAP_CREATE;
    bool after = !c->tombstone && c->op != MAP_DELETE;
    if (before && !take_element(r, c, NULL, &two[0], err))
        return false;
    c->before = before ? &two[0] : NULL;
    if (after && !take_element(r, c, c->before, &two[1], err))
        return false;
    c->after = after ? &two[1] : NULL;
    return true;
}

static bool ascends(const struct range_change *a, const struct range_change *b) {
    return a->kind != b->kind ? a->kind < b->kind
                              : memcmp(a->element_id, b->element_id, sizeof(a->element_id)) < 0;
}

static int take_changes(struct rd *r, size_t n, struct map_range *net, struct ws_err *err) {
    net->changes = ws_calloc(n, sizeof(net->changes[0]));
    net->owned = ws_calloc(2 * n, sizeof(net->owned[0]));
    net->n = n;
    for (size_t i = 0; i < n; i++) {
        struct ws_err why = {0};
        bool good = take_change(r, net, &net->changes[i], &net->owned[2 * i], &why);
        if (good && i > 0 && !ascends(&net->changes[i - 1], &net->changes[i])) {
            (void)ws_fail(&why, WS_EINPUT, "not in order");
            good = false;
        }
        if (!good)
            return ws_fail(err, WS_EINPUT, "net: octet %zu of %zu: change %zu: %.200s", r->at, r->n,
                i + 1, why.text);
    }
    return WS_OK;
}

int map_range_decode(struct span s, struct map_range *ret_range, struct ws_err *err) {
    struct rd r = rd_of(s);
    struct map_range x = {0};
    struct span head = rd_take(&r, sizeof(magic));
    if (r.bad || memcmp(head.p, magic, sizeof(magic)) != 0)
        return ws_fail(err, WS_EINPUT, "net: this is none");
    unsigned version = rd_u8(&r);
    if (!r.bad && version != FILE_VERSION)
        return ws_fail(err, WS_ENOTSUP, "net: encoding version %u is not 1", version);
    x.from = rd_u64(&r);
    x.to = rd_u64(&r);
    rd_copy(&r, x.previous_root, sizeof(x.previous_root));
    rd_copy(&r, x.root, sizeof(x.root));
    rd_copy(&r, x.record, sizeof(x.record));
    unsigned geometry = rd_u8(&r);
    size_t n = rd_u32(&r);
    if (r.bad || x.from == 0 || x.to <= x.from || geometry > 1 || n > rd_left(&r) / CHANGE_OCTETS)
        return ws_fail(err, WS_EINPUT, "net: octet %zu of %zu: malformed head", r.at, r.n);
    x.geometry = geometry == 1;
    int rc = take_changes(&r, n, &x, err);
    if (rc == WS_OK && !rd_done(&r))
        rc = ws_fail(err, WS_EINPUT, "net: octet %zu of %zu: something follows", r.at, r.n);
    if (rc == WS_OK)
        *ret_range = x;
    else
        map_range_free(&x);
    return rc;
}

void range_change_describe(const struct range_change *c, char *dst, size_t size) {
    char id[33];
    if (c->tombstone) {
        hex_encode(id, c->element_id, sizeof(c->element_id));
        (void)snprintf(dst, size, "%s came and went, %s", element_kind_name(c->kind), id);
        return;
    }
    struct change_record r = {.op = c->op,
        .tier = TIER_PERMANENT,
        .has_before = c->before != NULL,
        .has_after = c->after != NULL};
    if (r.has_before)
        r.before = *c->before; /* borrowed, as c has it */
    if (r.has_after)
        r.after = *c->after;
    change_describe_what(&r, dst, size);
}
