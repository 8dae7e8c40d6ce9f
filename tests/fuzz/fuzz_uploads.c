/* The unit's side of uploads: datagrams of anybody, some sealed as only the vehicle can, in any order and at any time. What is kept is
 * what the vehicle signed; memory stays inside its bounds. */
#include "base/assert.h"
#include "base/mem.h"
#include "rsu/learning/uploads.h"

#include <sodium.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WIRE = 3000, STEPS = 96, VEHICLES = 3 };

struct vehicle {
    struct fl_submission submission;
    struct fl_upload_pair key;
    uint8_t token[32], name[32];
    uint8_t cover[FL_COVER_OCTETS_MAX], bundles[FL_BUNDLES_OCTETS_MAX], wire[WIRE];
};
/* Made once, the same each time, and not changed. */
struct makings {
    struct fl_round round;
    struct vehicle v[VEHICLES];
};
struct world {
    const struct makings *m;
    struct uploads_round round;
    bool changed, full;
    unsigned kept[VEHICLES];
    struct uploads *uploads;
    struct ws_random random;
    struct ws_now now;
    struct uploads_source from;
    uint8_t unit_key[32];
    uint64_t probe;
};

static const struct makings *makings(void) {
    static struct makings *once;
    if (once != NULL)
        return once;
    struct ws_random random = ws_random_seeded(1);
    struct fl_sealer *work = ws_alloc(sizeof(*work));
    struct fl_ephemeral any;
    int8_t key[FL_KEY_VALUES] = {0};
    once = ws_alloc(sizeof(*once));
    int rc = sodium_init();
    WS_ASSERT(rc >= 0);
    once->round.n = 4;
    once->round.profile = 2;
    for (size_t i = 0; i < 4; i++) {
        fl_ephemeral_draw(&random, &any);
        once->round.seat[i].key = any.public;
    }
    for (size_t i = 0; i < VEHICLES; i++) {
        struct vehicle *v = &once->v[i];
        uint8_t root[32];
        ws_random_bytes(&random, v->wire, WIRE);
        ws_random_bytes(&random, v->token, 32);
        fl_data_root(span_of(v->wire, WIRE), root);
        const struct fl_parcel p = {&once->round, v->token, key, WIRE, root};
        fl_seal(work, &p, &random, &v->submission, v->bundles);
        fl_cover_put(&v->submission.cover, v->cover);
        fl_upload_draw(&random, &v->key);
        fl_upload_name(once->round.cell, v->submission.id, v->key.public, v->name);
    }
    free(work);
    return once;
}

static bool ledger_round(void *ctx, struct uploads_round *ret) {
    struct world *w = ctx;
    const bool changed = w->changed;
    *ret = w->round;
    w->changed = false;
    return changed;
}

static bool ledger_claim(
    void *ctx, const uint8_t name[static 32], size_t k, struct uploads_claim *ret) {
    const struct world *w = ctx;
    for (size_t i = 0; i < VEHICLES && k == 0; i++) {
        const struct vehicle *v = &w->m->v[i];
        if (memcmp(v->name, name, 32) != 0)
            continue;
        memcpy(ret->id, v->submission.id, 32);
        memcpy(ret->token, v->token, 32);
        memcpy(ret->upload_key, v->key.public, 32);
        ret->excluded = false;
        return true;
    }
    return false;
}

static void says(void *ctx, const struct uploads_source *to, struct span datagram) {
    struct world *w = ctx;
    struct fl_upload_welcome m;
    (void)to;
    if (fl_upload_welcome_read(datagram, &m))
        memcpy(w->unit_key, m.unit.key, 32);
}

static int keeps(void *ctx, uint64_t round, const uint8_t id[static 32],
    const struct fl_material *m, struct ws_err *err) {
    struct world *w = ctx;
    (void)round;
    for (size_t i = 0; i < VEHICLES; i++) {
        const struct vehicle *v = &w->m->v[i];
        if (memcmp(v->submission.id, id, 32) != 0)
            continue;
        WS_ASSERT(span_equal(m->wire, span_of(v->wire, WIRE)));
        WS_ASSERT(memcmp(m->cover.p, v->cover, m->cover.n) == 0);
        WS_ASSERT(memcmp(m->bundles.p, v->bundles, m->bundles.n) == 0);
        if (w->full)
            return ws_fail(err, WS_EIO, "full");
        w->kept[i]++;
        WS_ASSERT(w->kept[i] == 1);
        return WS_OK;
    }
    WS_ASSERT(false);
    return WS_EINPUT;
}

static bool has(void *ctx, const uint8_t id[static 32]) {
    const struct world *w = ctx;
    for (size_t i = 0; i < VEHICLES; i++)
        if (w->kept[i] > 0 && memcmp(w->m->v[i].submission.id, id, 32) == 0)
            return true;
    return false;
}

static void signs(void *ctx, struct span octets, uint8_t ret[static 64]) {
    (void)ctx;
    memset(ret, octets.p[0], 64);
}

static void hear(struct world *w, const uint8_t *p, size_t n) {
    uint8_t *copy = malloc(n == 0 ? 1 : n);
    if (copy == NULL)
        abort();
    memcpy(copy, p, n);
    (void)uploads_hear(w->uploads, &w->from, span_of(copy, n), w->now);
    free(copy);
}

static void ask(struct world *w, const struct vehicle *v, struct rd *r) {
    struct fl_upload_ask a = {.nonce = rd_u8(r), .length = fl_upload_length(&w->round.shape)};
    uint8_t o[FL_UPLOAD_REQUEST_OCTETS];
    a.length += rd_u8(r) % 8 == 7;
    memcpy(a.name, v->name, 32);
    fl_upload_ask_put(&a, o);
    hear(w, o, sizeof(o));
}

static void sealed(struct world *w, const struct vehicle *v, struct rd *r) {
    struct fl_upload_keys keys;
    uint8_t o[FL_UPLOAD_DATAGRAM_MAX], all[FL_COVER_OCTETS_MAX + FL_BUNDLES_OCTETS_MAX + WIRE];
    const struct fl_upload_shape *s = &w->round.shape;
    const uint8_t what = rd_u8(r), from = rd_u8(r);
    if (!fl_upload_agree(&v->key, w->unit_key, false, w->round.round.cell, v->name, &keys))
        return;
    if (what % 4 == 0) {
        w->probe += what / 4 % 2;
        fl_upload_probe_put(v->name, w->probe + 1, &keys, o);
        hear(w, o, FL_UPLOAD_REQUEST_OCTETS);
        return;
    }
    memcpy(all, v->cover, s->cover);
    memcpy(all + s->cover, v->bundles, s->bundles);
    memcpy(all + s->cover + s->bundles, v->wire, s->wire);
    all[0] = (uint8_t)(all[0] ^ (what == 0xff)); /* sealed well, and not what was signed */
    for (uint32_t i = from % 16; i < fl_upload_pieces(s); i += 1 + what / 64U) {
        size_t at = 0;
        const size_t n = fl_upload_piece(s, i, &at);
        hear(w, o, fl_upload_part_put(v->name, i, span_of(all + at, n), &keys, o));
    }
}

static void raw(struct world *w, const struct vehicle *v, struct rd *r) {
    uint8_t o[FL_UPLOAD_DATAGRAM_MAX + 1] = {FL_UPLOAD_VERSION};
    o[1] = rd_u8(r) % 10;
    memcpy(o + 2, v->name, 32);
    const size_t most = rd_u16(r) % (sizeof(o) - FL_UPLOAD_HEAD);
    const struct span s = rd_take(r, most < rd_left(r) ? most : rd_left(r));
    if (s.n > 0)
        memcpy(o + FL_UPLOAD_HEAD, s.p, s.n);
    hear(w, o, FL_UPLOAD_HEAD + most);
}

static void step(struct world *w, struct rd *r) {
    const uint8_t what = rd_u8(r);
    const struct vehicle *v = &w->m->v[what / 8 % VEHICLES];
    switch (what % 8) {
    case 0:
        raw(w, v, r);
        break;
    case 1:
        ask(w, v, r);
        break;
    case 2:
    case 3:
    case 4:
        sealed(w, v, r);
        break;
    case 5:
        w->now.mono_us += UINT64_C(1000) << rd_u8(r) % 16;
        uploads_flush(w->uploads, w->now);
        break;
    case 6:
        w->full = !w->full;
        w->from.address[7] = rd_u8(r);
        break;
    default:
        w->round.open = rd_u8(r) % 4 != 0;
        w->changed = true;
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct world *w = ws_alloc(sizeof(*w));
    struct rd r = rd_of(span_of(data, size));
    const struct uploads_ledger ledger = {ledger_round, ledger_claim, w};
    const struct uploads_io io = {.send = says,
        .send_ctx = w,
        .keep = keeps,
        .has = has,
        .sign = signs,
        .random = &w->random,
        .ctx = w};
    w->m = makings();
    w->random = ws_random_seeded(2);
    w->now = (struct ws_now){1000000, UINT64_C(700000000000000)};
    w->round = (struct uploads_round){.number = 5,
        .open = true,
        .round = w->m->round,
        .shape = {(uint32_t)fl_cover_octets(4), (uint32_t)fl_bundles_octets(4), WIRE}};
    w->changed = true;
    const struct uploads_limits limits = {.uploads = 2,
        .octets = 2 * (size_t)fl_upload_length(&w->round.shape),
        .per_source = 100,
        .sources = 4,
        .idle_us = 1000000};
    w->uploads = uploads_new(&limits, &ledger, &io);
    uploads_flush(w->uploads, w->now);
    for (unsigned i = 0; i < STEPS && rd_left(&r) > 0; i++) {
        step(w, &r);
        const struct uploads_counters *c = uploads_counters(w->uploads);
        WS_ASSERT(c->octets_now <= limits.octets && c->under_way <= limits.uploads);
    }
    uploads_free(w->uploads);
    free(w);
    return 0;
}
