#include "fedlearn/vehicle/client.h"

#include "fedlearn/vehicle/bundle_tree.h"
#include "fedlearn/vehicle/privacy.h"

#include <sodium.h>
#include <string.h>

int fl_client_open(struct fl_client *c, struct ws_err *err) {
    memset(c, 0, sizeof(*c));
    int rc = fl_ring_init(&c->ring, NULL, err);
    return rc != WS_OK ? rc : fl_mask_open(&c->mask, &c->ring, err);
}

void fl_client_close(struct fl_client *c) {
    fl_mask_close(&c->mask);
    sodium_memzero(c, sizeof(*c));
}

/* Whose bundle is long depends on the submission; all of them together do not. */
static size_t bundle_octets(unsigned n) {
    static const uint8_t any[FL_SHARE_SALT];
    struct fl_share_plan plan = fl_share_plan(n, any);
    return fl_bundle_offset(&plan, n + 1U);
}

size_t fl_client_octets(const struct fl_open *open) {
    return fl_cover_octets(open->n) + bundle_octets(open->n) +
           fl_wire_octets(open->config.profile, open->params);
}

/* The update under a fresh key, which stays in c->key until it is shared out. */
static void encrypt(struct fl_client *c, const struct fl_client_round *round,
    const int32_t *symbols, struct ws_random *random, uint8_t *ret_wire) {
    const struct fl_profile *p = round->open->config.profile;
    const size_t d = round->open->params;
    uint8_t seed[FL_SEED_OCTETS];
    ws_random_bytes(random, seed, sizeof(seed));
    fl_mask_round(&c->mask, round->seed);
    fl_mask_draw_key(&c->mask, seed, c->key);
    for (size_t k = 0; k < fl_chunks(p, d); k++)
        fl_mask_encrypt(
            &c->mask, p, d, k, symbols + k * fl_full_params(p), ret_wire + k * fl_full_octets(p));
    fl_mask_forget(&c->mask);
    sodium_memzero(seed, sizeof(seed));
}

void fl_client_seal(struct fl_client *c, const struct fl_client_round *round,
    const int32_t *symbols, struct ws_random *random, uint8_t *ret_octets,
    struct fl_client_made *ret) {
    const struct fl_open *open = round->open;
    ret->cover_octets = (uint32_t)fl_cover_octets(open->n);
    ret->bundle_octets = (uint32_t)bundle_octets(open->n);
    ret->wire_octets = (uint32_t)fl_wire_octets(open->config.profile, open->params);
    uint8_t *bundles = ret_octets + ret->cover_octets;
    uint8_t *wire = bundles + ret->bundle_octets;
    encrypt(c, round, symbols, random, wire);

    struct fl_round sealed_for;
    struct fl_submission submission;
    uint8_t root[32];
    fl_open_round(open, round->cell, &sealed_for);
    fl_data_root(span_of(wire, ret->wire_octets), root);
    const struct fl_parcel parcel = {.round = &sealed_for,
        .sender = round->sender,
        .key = c->key,
        .ciphertext_octets = ret->wire_octets,
        .ciphertext_root = root};
    fl_seal(&c->sealer, &parcel, random, &submission, bundles);
    sodium_memzero(c->key, sizeof(c->key));
    fl_cover_put(&submission.cover, ret_octets);
    memcpy(ret->id, submission.id, sizeof(ret->id));
}

int fl_client_make(struct fl_client *c, const struct fl_client_round *round, const float *update,
    int32_t *symbols, struct ws_random *random, uint8_t *ret_octets, struct fl_client_made *ret,
    struct ws_err *err) {
    const struct fl_open *open = round->open;
    uint8_t rounding_seed[8];
    ws_random_bytes(random, rounding_seed, sizeof(rounding_seed));
    struct ws_random rounding = ws_random_seeded(be64(rounding_seed));
    int rc = fl_quantise(
        &open->config.scale, update, open->params, &rounding, symbols, &ret->quantised, err);
    if (rc != WS_OK)
        return rc;
    fl_noise_add(&open->config.scale, symbols, open->params, random);
    fl_client_seal(c, round, symbols, random, ret_octets, ret);
    sodium_memzero(symbols, open->params * sizeof(*symbols));
    return WS_OK;
}
