/* What peers say to one another when they hand materials on: a header octet for each message says who and when, the rest is what the
 * peer said. What is kept is what the vehicle signed; what is read has one form. */
#include "base/assert.h"
#include "base/mem.h"
#include "rsu/learning/handing.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WIRE = 40000, PEERS = 3 };

struct world {
    struct fl_round round;
    struct fl_submission submission;
    uint8_t token[32], octets[FL_COVER_OCTETS_MAX + FL_BUNDLES_OCTETS_MAX + WIRE];
    struct fl_upload_shape shape;
    bool has;
    unsigned kept;
};

/* Made once, the same each time. */
static const struct world *making(void) {
    static struct world *once;
    if (once != NULL)
        return once;
    struct ws_random random = ws_random_seeded(1);
    struct fl_sealer *work = ws_alloc(sizeof(*work));
    struct fl_ephemeral any;
    int8_t key[FL_KEY_VALUES] = {0};
    uint8_t root[32];
    once = ws_alloc(sizeof(*once));
    int rc = sodium_init();
    WS_ASSERT(rc >= 0);
    once->round.n = 4;
    once->round.profile = 2;
    for (size_t i = 0; i < 4; i++) {
        fl_ephemeral_draw(&random, &any);
        once->round.seat[i].key = any.public;
    }
    once->shape = (struct fl_upload_shape){
        (uint32_t)fl_cover_octets(4), (uint32_t)fl_bundles_octets(4), WIRE};
    uint8_t *wire = once->octets + once->shape.cover + once->shape.bundles;
    ws_random_bytes(&random, wire, WIRE);
    fl_data_root(span_of(wire, WIRE), root);
    const struct fl_parcel p = {&once->round, once->token, key, WIRE, root};
    fl_seal(work, &p, &random, &once->submission, once->octets + once->shape.cover);
    fl_cover_put(&once->submission.cover, once->octets);
    free(work);
    return once;
}

static bool up(void *ctx, size_t peer) {
    (void)ctx;
    return peer < PEERS;
}
static void sends(void *ctx, size_t peer, struct span msg) {
    struct handing_said s;
    (void)ctx;
    WS_ASSERT(peer < PEERS && handing_owns(msg) && handing_read(msg, &s));
}
static bool round_is(void *ctx, struct uploads_round *ret) {
    const struct world *w = ctx;
    *ret = (struct uploads_round){.number = 2, .open = true, .round = w->round, .shape = w->shape};
    return true;
}
static bool claim(void *ctx, const uint8_t id[static 32], size_t k, struct uploads_claim *ret) {
    const struct world *w = ctx;
    *ret = (struct uploads_claim){0};
    memcpy(ret->id, id, 32);
    memcpy(ret->token, w->token, 32);
    return k == 0 && memcmp(id, w->submission.id, 32) == 0;
}
static bool has(void *ctx, const uint8_t id[static 32]) {
    const struct world *w = ctx;
    return w->has && memcmp(id, w->submission.id, 32) == 0;
}
static bool get(void *ctx, const uint8_t id[static 32], struct materials_hold *ret) {
    const struct world *w = ctx;
    const struct fl_upload_shape *s = &w->shape;
    *ret = (struct materials_hold){0};
    if (!has(ctx, id))
        return false;
    ret->memory = ws_alloc(1);
    ret->material = (struct fl_material){span_of(w->octets, s->cover),
        span_of(w->octets + s->cover, s->bundles),
        span_of(w->octets + s->cover + s->bundles, s->wire)};
    return true;
}
static int keep(void *ctx, uint64_t round, const uint8_t id[static 32], const struct fl_material *m,
    struct ws_err *err) {
    struct world *w = ctx;
    (void)err;
    WS_ASSERT(round == 2 && memcmp(id, w->submission.id, 32) == 0);
    WS_ASSERT(memcmp(m->cover.p, w->octets, fl_upload_length(&w->shape)) == 0);
    w->has = true;
    return WS_OK;
}
static void blame(void *ctx, size_t peer, const uint8_t id[static 32]) {
    const struct world *w = ctx;
    WS_ASSERT(peer < PEERS && memcmp(id, w->submission.id, 32) == 0);
}

/* A message of this kind about the one submission there is; good pieces but for the octet that says otherwise. */
static void about_it(const struct world *w, struct rd *r, struct buf *b) {
    struct handing_said s = {.kind = (enum handing_kind)(1 + rd_u8(r) % 4)};
    const size_t all = fl_upload_length(&w->shape);
    s.piece = rd_u8(r) % 3;
    s.n = rd_u8(r);
    memcpy(s.id, w->submission.id, 32);
    const size_t at = (size_t)s.piece * HANDING_OCTETS;
    if (at < all)
        s.octets = span_of(w->octets + at, all - at < HANDING_OCTETS ? all - at : HANDING_OCTETS);
    handing_put(&s, b);
    if (s.kind == HANDING_PIECE && s.n > 200 && s.octets.n > s.n)
        b->p[b->n - s.n] ^= 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct world *w = ws_memdup(making(), sizeof(*w));
    const struct handing_config cfg = {.n_peers = PEERS,
        .fetches = 2,
        .octets = 1 << 20,
        .octets_per_s = 1 << 16,
        .patience_us = 100000,
        .up = up,
        .send = sends,
        .round = round_is,
        .claim = claim,
        .has = has,
        .get = get,
        .keep = keep,
        .blame = blame,
        .ctx = w};
    struct handing *h = handing_new(&cfg);
    struct rd r = rd_of(span_of(data, size));
    uint64_t now = 1000000;
    for (unsigned i = 0; i < 64 && rd_left(&r) > 0; i++) {
        const uint8_t what = rd_u8(&r);
        struct buf b = {0};
        if (what % 8 == 0)
            handing_want(h, w->submission.id, now);
        if (what % 8 == 1)
            now += UINT64_C(1000) << rd_u8(&r) % 12;
        if (what % 8 >= 2 && what % 8 < 6)
            about_it(w, &r, &b);
        if (what % 8 >= 6) {
            const size_t n = rd_u8(&r);
            const struct span s = rd_take(&r, n < rd_left(&r) ? n : rd_left(&r));
            struct handing_said said;
            buf_put(&b, s.p, s.n);
            if (handing_read(buf_span(&b), &said)) {
                struct buf again = {0};
                handing_put(&said, &again);
                WS_ASSERT(span_equal(buf_span(&b), buf_span(&again)));
                buf_free(&again);
            }
        }
        if (b.n > 0)
            handing_message(h, what / 8U % (PEERS + 1), buf_span(&b), now);
        (void)handing_tick(h, now);
        buf_free(&b);
    }
    handing_free(h);
    free(w);
    return 0;
}
