#include "tests/unit/fedlearn/upload_rig.h"

#include "base/mem.h"

#include <stdlib.h>

static void address_of(const uint8_t signer[static 32], uint8_t ret[static 32]) {
    static const uint8_t tag[16] = "WAYSIDE-ADDRESS";
    uint8_t octets[49];
    memcpy(octets, tag, 16);
    octets[16] = 1;
    memcpy(octets + 17, signer, 32);
    crypto_hash_sha256(ret, octets, sizeof(octets));
}

void upload_world_open(struct upload_world *w, uint64_t seed) {
    *w = (struct upload_world){.random = ws_random_seeded(seed)};
    assert_true(sodium_init() >= 0);
    memset(w->round.cell, UPLOAD_CELL, sizeof(w->round.cell));
    memset(w->round.id, 0x11, sizeof(w->round.id));
    w->round.profile = 2;
    w->round.n = UPLOAD_UNITS;
    for (size_t i = 0; i < UPLOAD_UNITS; i++) {
        uint8_t secret[FL_SECRET_OCTETS];
        ws_random_bytes(&w->random, w->unit[i].seed, 32);
        ws_random_bytes(&w->random, secret, sizeof(secret));
        assert_int_equal(
            crypto_sign_seed_keypair(w->unit[i].signer, w->unit[i].secret, w->unit[i].seed), 0);
        w->reader[i] = fl_reader_new(secret);
        assert_non_null(w->reader[i]);
        address_of(w->unit[i].signer, w->round.seat[i].address);
        fl_reader_public(w->reader[i], &w->round.seat[i].key);
    }
}

void upload_world_close(struct upload_world *w) {
    for (size_t i = 0; i < UPLOAD_UNITS; i++)
        fl_reader_free(w->reader[i]);
}

void upload_sign(const struct upload_unit *u, struct span octets, uint8_t ret[static 64]) {
    assert_int_equal(crypto_sign_detached(ret, NULL, octets.p, octets.n, u->secret), 0);
}

void upload_vehicle_make(struct upload_world *w, struct upload_vehicle *v, size_t wire_octets) {
    struct fl_sealer *work = ws_alloc(sizeof(*work));
    int8_t key[FL_KEY_VALUES];
    uint8_t root[32];
    memset(v, 0, sizeof(*v));
    ws_random_bytes(&w->random, v->token, sizeof(v->token));
    for (size_t i = 0; i < FL_KEY_VALUES; i++)
        key[i] = (int8_t)(ws_random_below(&w->random, 2 * FL_KEY_MAX + 1)) - FL_KEY_MAX;
    ws_random_bytes(&w->random, buf_grow(&v->wire, wire_octets), wire_octets);
    fl_data_root(buf_span(&v->wire), root);
    const struct fl_parcel parcel = {&w->round, v->token, key, (uint32_t)wire_octets, root};
    fl_seal(work, &parcel, &w->random, &v->submission, v->bundles);
    fl_cover_put(&v->submission.cover, v->cover);
    fl_upload_draw(&w->random, &v->key);
    v->material = (struct fl_material){span_of(v->cover, fl_cover_octets(w->round.n)),
        span_of(v->bundles, fl_bundles_octets(w->round.n)), buf_span(&v->wire)};
    free(work);
}

void upload_vehicle_free(struct upload_vehicle *v) {
    buf_free(&v->wire);
}
