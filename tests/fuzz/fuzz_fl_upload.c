/* The vehicle's side of an upload: what a unit, or somebody on the way, may say to it, in any order. The first octet of each step says
 * what: datagrams as they are, or octets that are sealed or signed first, so that what is behind the seal is reached, too. */
#include "base/assert.h"
#include "base/mem.h"
#include "fedlearn/vehicle/upload_send.h"

#include <sodium.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WIRE = 40000, STEPS = 64 };

struct world {
    struct fl_round round;
    struct fl_upload send;
    struct fl_upload_pair vehicle, unit;
    struct fl_upload_keys keys;
    uint8_t signer[32], secret[64], id[32];
    uint8_t cover[FL_COVER_OCTETS_MAX], bundles[FL_BUNDLES_OCTETS_MAX], wire[WIRE];
    struct ws_random random;
    struct ws_now now;
    uint64_t number;
};

static void open_world(struct world *w) {
    static const uint8_t seed[32] = {1}, tag[16] = "WAYSIDE-ADDRESS";
    uint8_t octets[49] = {0};
    int rc = sodium_init();
    WS_ASSERT(rc >= 0);
    rc = crypto_sign_seed_keypair(w->signer, w->secret, seed);
    WS_ASSERT(rc == 0);
    memcpy(octets, tag, 16);
    octets[16] = 1;
    memcpy(octets + 17, w->signer, 32);
    w->round.n = 4;
    crypto_hash_sha256(w->round.seat[3].address, octets, sizeof(octets));
    w->random = ws_random_seeded(1);
    w->now = (struct ws_now){1000000, UINT64_C(700000000000000)};
    fl_upload_draw(&w->random, &w->vehicle);
    fl_upload_draw(&w->random, &w->unit);
    const struct fl_upload_parcel p = {.round = &w->round,
        .number = 5,
        .id = w->id,
        .key = &w->vehicle,
        .material = {span_of(w->cover, fl_cover_octets(4)),
            span_of(w->bundles, fl_bundles_octets(4)), span_of(w->wire, WIRE)},
        .give_up_us = UINT64_C(1000000000)};
    fl_upload_begin(&w->send, &p, w->now);
    bool good =
        fl_upload_agree(&w->unit, w->vehicle.public, true, w->round.cell, w->send.name, &w->keys);
    WS_ASSERT(good);
}

static void sign(struct world *w, struct span octets, uint8_t ret[static 64]) {
    (void)crypto_sign_detached(ret, NULL, octets.p, octets.n, w->secret);
}

static void hear(struct world *w, const uint8_t *p, size_t n) {
    fl_upload_hear(&w->send, span_of(p, n), w->now);
}

static void welcome(struct world *w) {
    struct fl_upload_welcome m = {
        .nonce = w->send.nonce, .unit = {.alg = 1, .since_us = w->now.its_us}};
    uint8_t octets[FL_UPLOAD_WELCOME_OCTETS], text[FL_UNIT_KEY_SIGNED];
    memcpy(m.name, w->send.name, 32);
    memcpy(m.unit.key, w->unit.public, 32);
    memcpy(m.unit.signer, w->signer, 32);
    fl_unit_key_signed(w->round.cell, &m.unit, text);
    sign(w, span_of(text, sizeof(text)), m.unit.signature);
    fl_upload_welcome_put(&m, octets);
    hear(w, octets, sizeof(octets));
}

static void have(struct world *w, struct rd *r) {
    struct fl_upload_have h = {.number = ++w->number, .probe = w->send.probe + rd_u8(r) % 2};
    uint8_t octets[FL_UPLOAD_HAVE_OCTETS_MAX];
    memcpy(h.name, w->send.name, 32);
    h.first = rd_u16(r) % 80;
    const size_t n = rd_u8(r) % (sizeof(h.bits) + 1);
    const struct span bits = rd_take(r, n < rd_left(r) ? n : rd_left(r));
    if (bits.n > 0)
        memcpy(h.bits, bits.p, bits.n);
    hear(w, octets, fl_upload_have_put(&h, &w->keys, octets));
}

static void denial(struct world *w, struct rd *r) {
    struct fl_upload_refusal d = {.nonce = ++w->number,
        .reason = (enum fl_upload_reason)(1 + rd_u8(r) % (FL_UPLOAD_REASON_COUNT - 1)),
        .wait_ms = rd_u32(r)};
    uint8_t octets[FL_UPLOAD_DENIAL_OCTETS];
    memcpy(d.name, w->send.name, 32);
    fl_upload_denial_put(&d, &w->keys, octets);
    hear(w, octets, sizeof(octets));
}

static void receipt(struct world *w, struct rd *r) {
    struct fl_receipt m = {.round = rd_u8(r), .octets = fl_upload_length(&w->send.shape), .alg = 1};
    uint8_t octets[FL_UPLOAD_RECEIPT_OCTETS], text[FL_RECEIPT_SIGNED];
    memcpy(m.id, w->id, 32);
    memcpy(m.signer, w->signer, 32);
    fl_receipt_signed(w->round.cell, &m, text);
    sign(w, span_of(text, sizeof(text)), m.signature);
    fl_upload_receipt_put(w->send.name, w->send.nonce, &m, octets);
    hear(w, octets, sizeof(octets));
}

static void raw(struct world *w, struct rd *r) {
    uint8_t octets[FL_UPLOAD_DATAGRAM_MAX];
    const size_t most = rd_u8(r) * UINT64_C(5) % (sizeof(octets) - FL_UPLOAD_HEAD);
    const struct span s = rd_take(r, most < rd_left(r) ? most : rd_left(r));
    octets[0] = FL_UPLOAD_VERSION;
    octets[1] = rd_u8(r);
    memcpy(octets + 2, w->send.name, 32);
    if (s.n > 0)
        memcpy(octets + FL_UPLOAD_HEAD, s.p, s.n);
    hear(w, octets, FL_UPLOAD_HEAD + s.n);
}

/* All that is due now: bounded, well formed, and never before its time. */
static void say(struct world *w) {
    uint8_t out[FL_UPLOAD_DATAGRAM_MAX];
    for (unsigned n = 0; n < 2 * FL_UPLOAD_WINDOW; n++) {
        const bool due = fl_upload_when(&w->send) <= w->now.mono_us;
        const size_t octets = fl_upload_next(&w->send, w->now, &w->random, out);
        enum fl_upload_kind kind;
        uint8_t name[32];
        if (octets == 0)
            return;
        WS_ASSERT(due && fl_upload_head(span_of(out, octets), &kind, name));
    }
    WS_ASSERT(false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct world *w = ws_alloc(sizeof(*w));
    struct rd r = rd_of(span_of(data, size));
    open_world(w);
    for (unsigned i = 0; i < STEPS && rd_left(&r) > 0; i++) {
        say(w);
        switch (rd_u8(&r) % 8) {
        case 0:
            raw(w, &r);
            break;
        case 1:
            welcome(w);
            break;
        case 2:
        case 3:
            have(w, &r);
            break;
        case 4:
            denial(w, &r);
            break;
        case 5:
            receipt(w, &r);
            break;
        case 6: {
            const uint64_t us = UINT64_C(1000) << rd_u8(&r) % 12;
            w->now.mono_us += us;
            w->now.its_us += us;
            break;
        }
        default:
            if (rd_u8(&r) % 8 == 0)
                fl_upload_change(&w->send, w->now);
            break;
        }
    }
    say(w);
    fl_upload_end(&w->send);
    free(w);
    return 0;
}
