/* What peers say to one another when they hand models on: an octet for each message says who and what, the rest is what the peer said. What is
 * kept has the hash that the ledger names; what is read has one form. */
#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "rsu/learning/blobs.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OCTETS = 100001, PEERS = 3 };

struct world {
    uint8_t octets[OCTETS], sha256[32];
    bool has;
};

static bool up(void *ctx, size_t peer) {
    (void)ctx;
    return peer < PEERS;
}
static void sends(void *ctx, size_t peer, struct span msg) {
    struct blobs_said s;
    (void)ctx;
    WS_ASSERT(peer < PEERS && blobs_owns(msg) && blobs_read(msg, &s));
}
static bool is_it(void *ctx, const uint8_t sha256[static 32]) {
    const struct world *w = ctx;
    return memcmp(sha256, w->sha256, 32) == 0;
}
static bool has(void *ctx, const uint8_t sha256[static 32]) {
    const struct world *w = ctx;
    return w->has && is_it(ctx, sha256);
}
static bool get(void *ctx, const uint8_t sha256[static 32], struct materials_hold *ret) {
    const struct world *w = ctx;
    *ret = (struct materials_hold){0};
    if (!has(ctx, sha256))
        return false;
    ret->memory = ws_memdup(w->octets, OCTETS);
    ret->blob = span_of(ret->memory, OCTETS);
    return true;
}
static int keep(
    void *ctx, const uint8_t sha256[static 32], struct span octets, struct ws_err *err) {
    struct world *w = ctx;
    WS_ASSERT(is_it(ctx, sha256) && octets.n >= 1 && octets.n <= OCTETS + 1);
    if (octets.n != OCTETS || memcmp(octets.p, w->octets, OCTETS) != 0)
        return ws_fail(err, WS_EINPUT, "another hash");
    w->has = true;
    return WS_OK;
}
static void blame(void *ctx, size_t peer, const uint8_t sha256[static 32]) {
    WS_ASSERT(peer < PEERS && is_it(ctx, sha256));
}

/* A message of this kind about the one file there is; good pieces but for the octet that says otherwise. */
static void about_it(const struct world *w, struct rd *r, struct buf *b) {
    struct blobs_said s = {.kind = (enum blobs_kind)(BLOBS_WANT + rd_u8(r) % 3), .length = OCTETS};
    s.piece = rd_u8(r) % 5;
    s.n = rd_u8(r);
    memcpy(s.sha256, w->sha256, 32);
    const size_t at = (size_t)s.piece * BLOBS_OCTETS;
    if (at < OCTETS)
        s.octets = span_of(w->octets + at, OCTETS - at < BLOBS_OCTETS ? OCTETS - at : BLOBS_OCTETS);
    if (s.n > 240)
        s.length = s.n % 2 == 0 ? OCTETS + 1 : 65536;
    blobs_put(&s, b);
    if (s.kind == BLOBS_PIECE && s.n > 200 && s.n <= 240 && s.octets.n > s.n)
        b->p[b->n - s.n] ^= 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct world *w = ws_alloc(sizeof(*w));
    const struct blobs_config cfg = {.n_peers = PEERS,
        .first = 1,
        .octets_per_s = 1 << 16,
        .patience_us = 100000,
        .up = up,
        .send = sends,
        .named = is_it,
        .has = has,
        .get = get,
        .keep = keep,
        .blame = blame,
        .ctx = w};
    for (size_t i = 0; i < OCTETS; i++)
        w->octets[i] = (uint8_t)(i * 7);
    exec_sha256_one(span_of(w->octets, OCTETS), w->sha256);
    struct blobs *blobs = blobs_new(&cfg);
    struct blobs_want want = {.octets_max = OCTETS + 1};
    memcpy(want.sha256, w->sha256, 32);
    struct rd r = rd_of(span_of(data, size));
    uint64_t now = 1000000;
    for (unsigned i = 0; i < 96 && rd_left(&r) > 0; i++) {
        const uint8_t what = rd_u8(&r);
        struct buf b = {0};
        if (what % 8 == 0)
            blobs_wants(blobs, &want, what / 8 % 2 == 0 && !w->has, now);
        if (what % 8 == 1)
            now += UINT64_C(1000) << rd_u8(&r) % 12;
        if (what % 8 >= 2 && what % 8 < 6)
            about_it(w, &r, &b);
        if (what == 6)
            blobs_gone(blobs, rd_u8(&r) % PEERS);
        if (what % 8 == 7) {
            const size_t n = rd_u8(&r);
            const struct span s = rd_take(&r, n < rd_left(&r) ? n : rd_left(&r));
            struct blobs_said said;
            buf_put(&b, s.p, s.n);
            if (blobs_read(buf_span(&b), &said)) {
                struct buf again = {0};
                blobs_put(&said, &again);
                WS_ASSERT(blobs_owns(buf_span(&b)) && span_equal(buf_span(&b), buf_span(&again)));
                buf_free(&again);
            }
        }
        if (b.n > 0)
            blobs_message(blobs, what / 8U % (PEERS + 1), buf_span(&b), now);
        (void)blobs_tick(blobs, now);
        buf_free(&b);
    }
    blobs_free(blobs);
    free(w);
    return 0;
}
