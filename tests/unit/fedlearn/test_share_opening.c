/* A group's whole way: vehicles encrypt and seal, validators open their bundles and add up, the sum of keys is decoded and the sum of
 * updates falls out; and what becomes of it when validators or vehicles lie. */
#include "base/assert.h"
#include "fedlearn/vehicle/bundle.h"
#include "fedlearn/vehicle/bundle_tree.h"
#include "fedlearn/vehicle/mask.h"
#include "fedlearn/vehicle/share_field.h"
#include "fedlearn/vehicle/share_sum.h"
#include "tests/support/cm.h"

enum { N = 7, F = 2, VEHICLES = 6, D = 2500 };

struct world {
    struct fl_ring ring;
    struct fl_mask mask;
    const struct fl_profile *profile;
    struct ws_random random;
    struct fl_round round;
    struct fl_reader *reader[N];
    uint8_t round_seed[32];
    uint16_t weight[VEHICLES];
    int32_t update[VEHICLES][D], want[D];
    uint8_t *wire[VEHICLES];
    struct fl_share_sum sum[N];
    const struct fl_share_sum *sums[N];
    struct fl_key_sum opened;
};

static int setup(void **state) {
    struct world *w = aligned_alloc(64, sizeof(*w)); /* struct fl_mask wants it */
    WS_ASSERT(w != NULL);
    memset(w, 0, sizeof(*w));
    uint8_t secret[FL_SECRET_OCTETS];
    struct ws_err err;
    *state = w;
    w->random = ws_random_seeded(6);
    w->profile = fl_profile_by_name("standard");
    assert_non_null(w->profile);
    assert_int_equal(fl_ring_init(&w->ring, NULL, &err), WS_OK);
    assert_int_equal(fl_mask_open(&w->mask, &w->ring, &err), WS_OK);
    ws_random_bytes(&w->random, w->round.cell, 32);
    ws_random_bytes(&w->random, w->round.id, 32);
    ws_random_bytes(&w->random, w->round_seed, 32);
    w->round.n = N;
    w->round.profile = w->profile->octet;
    for (unsigned v = 0; v < N; v++) {
        ws_random_bytes(&w->random, secret, sizeof(secret));
        ws_random_bytes(&w->random, w->round.seat[v].address, 32);
        w->reader[v] = fl_reader_new(secret);
        assert_non_null(w->reader[v]);
        fl_reader_public(w->reader[v], &w->round.seat[v].key);
        w->sums[v] = &w->sum[v];
    }
    return 0;
}

static int teardown(void **state) {
    struct world *w = *state;
    fl_mask_close(&w->mask);
    for (unsigned v = 0; v < N; v++)
        fl_reader_free(w->reader[v]);
    for (unsigned k = 0; k < VEHICLES; k++)
        free(w->wire[k]);
    free(w);
    return 0;
}

/* One vehicle's message to the validators, who all find it good. forged: it shares another key than the ciphertext's. */
static void submit(struct world *w, unsigned k, bool forged) {
    static struct fl_sealer sealer;
    static struct fl_submission made, got;
    static uint8_t bundles[FL_BUNDLES_OCTETS_MAX];
    uint8_t seed[FL_SEED_OCTETS], sender[32] = {(uint8_t)k}, root[32];
    int8_t key[FL_N];
    uint16_t share[FL_SHARE_VALUES];
    const size_t octets = fl_wire_octets(w->profile, D);
    w->weight[k] = (uint16_t)(1 + k % 3);
    w->wire[k] = ws_alloc(octets);
    ws_random_bytes(&w->random, seed, sizeof(seed));
    fl_mask_round(&w->mask, w->round_seed);
    fl_mask_draw_key(&w->mask, seed, key);
    size_t at = 0, parameter = 0;
    for (size_t i = 0; i < D; i++) {
        w->update[k][i] = (int32_t)ws_random_below(&w->random, 2 * 2047 + 1) - 2047;
        w->want[i] += w->weight[k] * w->update[k][i];
    }
    for (size_t c = 0; c < fl_chunks(w->profile, D); c++) {
        fl_mask_encrypt(&w->mask, w->profile, D, c, w->update[k] + parameter, w->wire[k] + at);
        at += fl_chunk_octets(w->profile, D, c);
        parameter += fl_chunk_params(w->profile, D, c);
    }
    assert_int_equal(at, octets);
    fl_data_root(span_of(w->wire[k], octets), root);
    if (forged)
        key[77] = (int8_t)(key[77] > 0 ? key[77] - 1 : key[77] + 1);
    const struct fl_parcel p = {&w->round, sender, key, (uint32_t)octets, root};
    fl_seal(&sealer, &p, &w->random, &made, bundles);
    assert_int_equal(fl_submission_accept(&w->round, sender, &made.cover, &got), FL_ACCEPT_GOOD);
    for (unsigned v = 1; v <= N; v++) {
        const struct span bundle =
            span_of(bundles + fl_bundle_offset(&got.plan, v), fl_bundle_octets(&got.plan, v));
        assert_int_equal(
            fl_bundle_open(&w->round, &got, v, bundle, w->reader[v - 1], share), FL_BUNDLE_GOOD);
        fl_share_sum_add(&w->sum[v - 1], share, w->weight[k]);
    }
}

/* What anybody does with an opened key and the ciphertexts. */
static enum fl_opening_verdict unmask(struct world *w, bool *ret_right) {
    struct fl_weights weights;
    struct fl_opening o = FL_OPENING_NONE;
    static int32_t sums[2 * FL_CHUNK_PARAMS_MAX];
    static uint64_t words[FL_N];
    assert_int_equal(fl_weights_check(w->profile, w->weight, VEHICLES, &weights, NULL), WS_OK);
    fl_mask_open_key(&w->mask, w->opened.key);
    size_t parameter = 0;
    for (size_t c = 0; c < fl_chunks(w->profile, D); c++) {
        fl_sum_chunk(&w->ring, w->profile, D, (const uint8_t *const *)w->wire, w->weight, VEHICLES,
            c, words);
        fl_mask_unmask(&w->mask, w->profile, D, c, weights, words, sums + parameter, &o);
        parameter += fl_chunk_params(w->profile, D, c);
    }
    *ret_right = memcmp(sums, w->want, sizeof(w->want)) == 0;
    return fl_opening_judge(w->profile, weights, &o);
}

static void the_sum_of_updates_falls_out(void **state) {
    struct world *w = *state;
    bool right;
    for (unsigned k = 0; k < VEHICLES; k++)
        submit(w, k, false);
    /* f validators lie, each in its own way */
    w->sum[0].v[3] = (uint16_t)((w->sum[0].v[3] + 1) % FL_SHARE_PRIME);
    memset(&w->sum[5], 0, sizeof(w->sum[5]));
    fl_shares_decode(w->sums, N, &w->opened);
    assert_int_equal(w->opened.state, FL_DECODE_DONE);
    assert_int_equal(w->opened.liars, 1U << 0 | 1U << 5);
    assert_true(fl_key_sum_in_bound(w->opened.key, 12));
    assert_int_equal(unmask(w, &right), FL_OPENING_GOOD);
    assert_true(right);
}

/* f + 1 validators that agree on their lie can make it the opening, and f honest ones look like liars. The ciphertexts say that this
 * is not their key: nobody may be blamed before that was asked. */
static void an_opening_of_more_than_f_liars_fails_the_residual_test(void **state) {
    struct world *w = *state;
    bool right;
    for (unsigned k = 0; k < VEHICLES; k++)
        submit(w, k, false);
    for (uint16_t v = 3; v <= 5; v++) /* (x - 1) (x - 2) is nothing at the honest 1 and 2 */
        w->sum[v - 1].v[9] = fl_field_add(w->sum[v - 1].v[9], (uint16_t)((v - 1) * (v - 2)));
    fl_shares_decode(w->sums, N, &w->opened);
    assert_int_equal(w->opened.state, FL_DECODE_DONE);
    assert_int_equal(w->opened.liars, 1U << 5 | 1U << 6);
    assert_int_equal(unmask(w, &right), FL_OPENING_RESIDUAL);
    assert_false(right);
}

/* A vehicle that shares another key than it encrypted with, by one in one value: no validator is blamed, the group is refused. */
static void a_key_that_is_not_the_ciphertexts_fails_the_residual_test(void **state) {
    struct world *w = *state;
    bool right;
    for (unsigned k = 0; k < VEHICLES; k++)
        submit(w, k, k == 4);
    fl_shares_decode(w->sums, N, &w->opened);
    assert_int_equal(w->opened.state, FL_DECODE_DONE);
    assert_int_equal(w->opened.liars, 0);
    assert_int_equal(unmask(w, &right), FL_OPENING_RESIDUAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_sum_of_updates_falls_out, setup, teardown),
        cmocka_unit_test_setup_teardown(
            an_opening_of_more_than_f_liars_fails_the_residual_test, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_key_that_is_not_the_ciphertexts_fails_the_residual_test, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
