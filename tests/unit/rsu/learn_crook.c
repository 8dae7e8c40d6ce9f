#include "tests/unit/rsu/learn_crook.h"

#include "base/mem.h"
#include "fedlearn/vehicle/bundle_tree.h"
#include "fedlearn/vehicle/mask.h"
#include "fedlearn/vehicle/quantise.h"

#include <stdlib.h>

static void symbols_of(
    struct world *x, size_t car, const struct fl_open *open, const int32_t *given, int32_t *ret) {
    if (given != NULL) {
        memcpy(ret, given, open->params * sizeof(*ret));
        return;
    }
    struct fl_quantised q;
    float *update = ws_calloc(open->params, sizeof(*update));
    world_update(x, car, update);
    assert_int_equal(
        fl_quantise(&open->config.scale, update, open->params, &x->random, ret, &q, NULL), WS_OK);
    free(update);
}

static void encrypt(struct world *x, const struct fl_round_view *view, const struct crook *how,
    const int32_t *symbols, int8_t *ret_key, uint8_t *wire) {
    const struct fl_profile *p = view->open->config.profile;
    const size_t d = view->open->params;
    struct fl_ring *ring = aligned_alloc(64, (sizeof(*ring) + 63) / 64 * 64);
    struct fl_mask *mask = aligned_alloc(64, (sizeof(*mask) + 63) / 64 * 64);
    uint8_t seed[FL_SEED_OCTETS];
    assert_non_null(ring);
    assert_non_null(mask);
    ws_random_bytes(&x->random, seed, sizeof(seed));
    assert_int_equal(fl_ring_init(ring, NULL, NULL), WS_OK);
    assert_int_equal(fl_mask_open(mask, ring, NULL), WS_OK);
    fl_mask_round(mask, view->seed);
    fl_mask_draw_key(mask, how->key_seed != NULL ? how->key_seed : seed, ret_key);
    for (size_t k = 0; k < fl_chunks(p, d); k++)
        fl_mask_encrypt(
            mask, p, d, k, symbols + k * fl_full_params(p), wire + k * fl_full_octets(p));
    fl_mask_close(mask);
    free(mask);
    free(ring);
}

struct crook_made *crook_make(struct world *x, size_t car, const struct crook *how) {
    const struct fl_round_view view = world_round(x, 0);
    const struct fl_open *open = view.open;
    struct crook_made *m = ws_alloc(sizeof(*m));
    struct fl_submission *s = ws_alloc(sizeof(*s));
    struct fl_round round;
    int8_t key[FL_N];
    uint8_t root[32];
    m->symbols = ws_calloc(open->params, sizeof(*m->symbols));
    symbols_of(x, car, open, how->symbols, m->symbols);
    uint8_t *wire = buf_grow(&m->wire, fl_wire_octets(open->config.profile, open->params));
    encrypt(x, &view, how, m->symbols, key, wire);
    if (how->spoil_wire != NULL)
        how->spoil_wire(how->ctx, open, wire);
    assert_int_equal(
        fl_wire_check(open->config.profile, open->params, buf_span(&m->wire), NULL), WS_OK);
    for (size_t i = 0; i < FL_N; i++)
        key[i] = (int8_t)(key[i] + how->longer);
    fl_open_round(open, x->w->cell_id, &round);
    fl_data_root(buf_span(&m->wire), root);
    const struct fl_parcel parcel = {&round, x->ticket[car].hash, key, (uint32_t)m->wire.n, root};
    const unsigned victim = how->victim == 0 ? 1 : how->victim;
    struct buf bad = crooked_seal(
        &parcel, &x->random, victim, how->victim == 0 ? SPOIL_NOTHING : how->spoil, s, m->bundles);
    fl_cover_put(&s->cover, m->cover);
    memcpy(m->id, s->id, 32);
    m->material = (struct fl_material){span_of(m->cover, fl_cover_octets(open->n)),
        span_of(m->bundles, fl_bundles_octets(open->n)), buf_span(&m->wire)};
    buf_free(&bad);
    free(s);
    return m;
}

void crook_free(struct crook_made *m) {
    buf_free(&m->wire);
    free(m->symbols);
    free(m);
}

void crook_drive(struct world *x, size_t car, const struct crook *how) {
    struct crook_made *m = crook_make(x, car, how);
    const struct fl_submit s = world_submit_of(x, m->id);
    memcpy(x->ids[car], m->id, 32);
    world_store(x, m->id, &m->material, (1U << x->n) - 1);
    assert_int_equal(world_say(x, car, &s, 0), TX_GOOD);
    crook_free(m);
}
