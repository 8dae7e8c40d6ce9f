#include "ledger/snapshot/bundle.h"

#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "ledger/snapshot/make.h"
#include "ledger/snapshot/meta.h"
#include "ledger/store/crc32c.h"

#include <stdio.h>
#include <stdlib.h>

static const uint8_t magic[8] = {'W', 'S', 'D', 'I', 'V', 'R', 0, 1};

static int get_at(struct store *s, enum store_space space, uint64_t height, struct buf *ret) {
    uint8_t key[8];
    put_be64(key, height);
    buf_clear(ret);
    return store_get(s, space, span_of(key, 8), ret, NULL);
}

static void put_text(struct buf *out, const char *text, size_t max) {
    size_t n = strnlen(text, max);
    buf_u8(out, (uint8_t)n);
    buf_put(out, text, n);
}

static void put_recent(struct store *s, uint64_t height, struct buf *out) {
    struct buf b = {0};
    size_t at = out->n;
    uint8_t n = 0;
    buf_u8(out, 0);
    for (uint64_t h = height; h > 0 && n < BUNDLE_RECENT; h--) {
        struct header hd;
        hash32 id;
        if (get_at(s, STORE_HEADER, h, &b) != WS_OK)
            break;
        struct rd r = rd_of(buf_span(&b));
        if (!header_read(&r, &hd))
            break;
        header_id(exec_sha256, &hd, id);
        buf_u64(out, h);
        buf_put(out, id, 32);
        buf_put(out, hd.state_root, 32);
        n++;
    }
    out->p[at] = n;
    buf_free(&b);
}

static int put_changes(struct store *s, uint64_t height, struct buf *out, struct ws_err *err) {
    struct undo u;
    int rc = undo_read(s, height, &u, err);
    if (rc != WS_OK)
        return rc;
    struct buf b = {0};
    buf_u32(out, (uint32_t)u.n);
    for (size_t i = 0; i < u.n && rc == WS_OK; i++) {
        buf_clear(&b);
        rc = store_get(s, STORE_STATE, u.entry[i].key, &b, err);
        bool there = rc == WS_OK;
        rc = rc == WS_ENOTFOUND ? WS_OK : rc;
        buf_var(out, u.entry[i].key);
        buf_u8(out, u.entry[i].had ? 1 : 0);
        buf_var(out, u.entry[i].had ? u.entry[i].value : span_of("", 0));
        buf_u8(out, there ? 1 : 0);
        buf_var(out, buf_span(&b));
    }
    buf_free(&b);
    undo_free(&u);
    return rc;
}

static int put_roots(
    struct store *s, const struct bundle_about *about, struct buf *out, struct ws_err *err) {
    struct scan scan = {.store = s};
    hash32 roots[STATE_CONTRACTS_MAX];
    hash32 all;
    static const hash32 empty = {0};
    size_t n = about->contracts == 0 ? STATE_CONTRACTS_MAX : about->contracts;
    int rc = scan_state_root(&scan, n, roots, all, err);
    while (about->contracts == 0 && n > 1 && memcmp(roots[n - 1], empty, 32) == 0)
        n--;
    buf_u8(out, (uint8_t)n);
    for (size_t i = 0; i < n && rc == WS_OK; i++)
        buf_put(out, roots[i], 32);
    return rc;
}

int bundle_make(
    struct store *s, const struct bundle_about *about, struct buf *ret_octets, struct ws_err *err) {
    struct meta_node at;
    int rc = meta_read_node(s, &at, err);
    if (rc != WS_OK || at.height == 0)
        return rc == WS_OK || rc == WS_ENOTFOUND
                   ? ws_fail(err, WS_ENOTFOUND, "the store holds no block")
                   : rc;
    struct buf *out = ret_octets;
    struct buf b = {0};
    static const hash32 none = {0};
    size_t start = out->n;
    buf_put(out, magic, sizeof(magic));
    buf_u64(out, at.height);
    put_text(out, about->software, 31);
    put_text(out, about->why, 255);
    buf_put(out, at.cell_id, 32);
    buf_put(out, about->policy_hash == NULL ? none : about->policy_hash, 32);
    buf_put(out, at.state_root, 32);
    buf_put(out, at.result_root, 32);
    buf_put(out, at.event_root, 32);
    rc = put_roots(s, about, out, err);
    buf_u8(out, about->next == NULL ? 0 : 1);
    if (about->next != NULL) {
        header_encode(about->next, out);
        commit_encode(about->next_commit, out);
    }
    (void)get_at(s, STORE_BLOCK, at.height, &b);
    buf_var(out, buf_span(&b));
    put_recent(s, at.height, out);
    if (rc == WS_OK)
        rc = put_changes(s, at.height, out, err);
    buf_u32(out, crc32c(0, out->p + start, out->n - start));
    buf_free(&b);
    if (rc != WS_OK)
        out->n = start;
    return rc;
}

/* ---- reading ---- */

static bool read_text(struct rd *r, char *dst, size_t room) {
    size_t n = rd_u8(r);
    struct span s = rd_take(r, n);
    if (r->bad || n >= room || memchr(s.p, 0, n) != NULL)
        return false;
    memcpy(dst, s.p, n);
    dst[n] = '\0';
    return true;
}

static bool read_flag(struct rd *r, bool *ret) {
    uint8_t v = rd_u8(r);
    *ret = v == 1;
    return v <= 1;
}

static bool read_front(struct rd *r, struct bundle *b) {
    b->height = rd_u64(r);
    if (!read_text(r, b->software, sizeof(b->software)) || !read_text(r, b->why, sizeof(b->why)))
        return false;
    rd_copy(r, b->cell_id, 32);
    rd_copy(r, b->policy_hash, 32);
    rd_copy(r, b->state_root, 32);
    rd_copy(r, b->result_root, 32);
    rd_copy(r, b->event_root, 32);
    b->n = rd_u8(r);
    if (b->n > STATE_CONTRACTS_MAX)
        return false;
    for (size_t i = 0; i < b->n; i++)
        rd_copy(r, b->contract[i], 32);
    return read_flag(r, &b->has_next) &&
           (!b->has_next || (header_read(r, &b->next) && commit_read(r, &b->next_commit)));
}

static bool read_recent(struct rd *r, struct bundle *b) {
    b->n_recent = rd_u8(r);
    if (b->n_recent > BUNDLE_RECENT)
        return false;
    for (size_t i = 0; i < b->n_recent; i++) {
        b->recent[i].height = rd_u64(r);
        rd_copy(r, b->recent[i].id, 32);
        rd_copy(r, b->recent[i].state_root, 32);
    }
    return !r->bad;
}

static bool read_changes(struct rd *r, struct bundle *b) {
    size_t n = rd_u32(r);
    /* A change takes 14 octets or more. */
    if (r->bad || n > rd_left(r) / 14)
        return false;
    b->change = ws_calloc(n, sizeof(*b->change));
    b->n_changes = n;
    for (size_t i = 0; i < n; i++) {
        struct bundle_change *c = &b->change[i];
        c->key = rd_var(r, SIZE_MAX);
        bool good = read_flag(r, &c->before_there);
        c->before = rd_var(r, SIZE_MAX);
        good = good && read_flag(r, &c->after_there);
        c->after = rd_var(r, SIZE_MAX);
        if (!good || r->bad || (i > 0 && span_compare(b->change[i - 1].key, c->key) >= 0))
            return false;
    }
    return rd_done(r);
}

int bundle_read(struct span octets, struct bundle *ret_bundle, struct ws_err *err) {
    if (octets.n < sizeof(magic) + 4 || memcmp(octets.p, magic, 7) != 0)
        return ws_fail(err, WS_EINPUT, "not a bundle of a divergence");
    if (octets.p[7] != magic[7])
        return ws_fail(err, WS_ENOTSUP, "version %u of such bundles is not read by this program",
            (unsigned)octets.p[7]);
    if (crc32c(0, octets.p, octets.n - 4) != be32(octets.p + octets.n - 4))
        return ws_fail(err, WS_EINPUT, "damaged: the checksum is wrong");
    struct bundle b = {0};
    buf_put(&b.octets, octets.p, octets.n - 4);
    struct rd r = rd_of(buf_span(&b.octets));
    (void)rd_take(&r, sizeof(magic));
    bool good = read_front(&r, &b);
    b.block = rd_var(&r, SIZE_MAX);
    if (!good || r.bad || !read_recent(&r, &b) || !read_changes(&r, &b)) {
        int rc = ws_fail(err, WS_EINPUT, "malformed near octet %zu", r.at);
        bundle_free(&b);
        return rc;
    }
    *ret_bundle = b;
    return WS_OK;
}

void bundle_free(struct bundle *b) {
    free(b->change);
    buf_free(&b->octets);
    *b = (struct bundle){0};
}
