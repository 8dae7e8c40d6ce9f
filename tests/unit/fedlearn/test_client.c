/* What a vehicle makes in one call is what validators take: whole rounds of clients' updates, and what a client refuses. */
#include "base/mem.h"
#include "fedlearn/vehicle/client.h"
#include "tests/unit/fedlearn/round_rig.h"

#include <math.h>
#include <stdlib.h>

enum { VEHICLES = 16 };

static struct fl_client *client_new(void) {
    struct fl_client *c = aligned_alloc(64, (sizeof(*c) + 63) / 64 * 64);
    assert_non_null(c);
    assert_int_equal(fl_client_open(c, NULL), WS_OK);
    return c;
}

static void client_free(struct fl_client *c) {
    fl_client_close(c);
    free(c);
}

static void update_of(size_t i, float *ret) {
    for (size_t k = 0; k < RIG_PARAMS; k++)
        ret[k] = (float)((int)((i * 13 + k * 5) % 41) - 20) / 1000;
}

/* Vehicle i of the rig sends what a client made. */
static void make(struct rig *r, struct fl_client *c, size_t i) {
    struct rig_vehicle *to = &r->vehicle[i];
    const struct fl_round_view view = rig_view(r);
    float update[RIG_PARAMS];
    int32_t symbols[RIG_PARAMS];
    struct fl_client_made made;
    struct fl_cover cover;
    uint8_t *octets = ws_alloc(fl_client_octets(view.open));
    memset(to->token, (int)i + 1, sizeof(to->token));
    update_of(i, update);
    const struct fl_client_round round = {r->host.cell_id, view.open, view.seed, to->token};
    assert_int_equal(
        fl_client_make(c, &round, update, symbols, &r->random, octets, &made, NULL), WS_OK);
    assert_int_equal((size_t)made.cover_octets + made.bundle_octets + made.wire_octets,
        fl_client_octets(view.open));
    for (size_t k = 0; k < RIG_PARAMS; k++)
        assert_int_equal(symbols[k], 0);
    for (size_t k = 0; k < sizeof(c->key); k++)
        assert_int_equal(c->key[k], 0);
    assert_false(made.quantised.clipped);

    fl_open_round(view.open, r->host.cell_id, &r->round);
    assert_int_equal(fl_cover_read(span_of(octets, made.cover_octets), &cover, NULL), WS_OK);
    assert_int_equal(
        fl_submission_accept(&r->round, to->token, &cover, &to->submission), FL_ACCEPT_GOOD);
    assert_memory_equal(to->submission.id, made.id, 32);
    memcpy(to->cover, octets, made.cover_octets);
    memcpy(to->bundles, octets + made.cover_octets, made.bundle_octets);
    buf_clear(&to->wire);
    buf_put(&to->wire, octets + made.cover_octets + made.bundle_octets, made.wire_octets);
    assert_int_equal(
        fl_wire_check(view.open->config.profile, view.open->params, buf_span(&to->wire), NULL),
        WS_OK);
    free(octets);
}

/* The round closes, and its step is the mean of what the clients wanted. */
static void clients_make_a_round(void **state) {
    (void)state;
    struct rig *r = rig_open(RIG_VALIDATORS);
    struct fl_client *c = client_new();
    rig_begin(r, RIG_SECOND);
    for (size_t i = 0; i < VEHICLES; i++) {
        make(r, c, i);
        assert_int_equal(rig_submit(r, i), FL_ROUND_OK);
    }
    rig_end(r);
    rig_block(r, 60 * (uint64_t)RIG_SECOND);
    rig_attesting(r);
    rig_drawing(r);
    rig_opening(r);
    struct fl_outcome *o = ws_alloc(sizeof(*o));
    rig_outcome(r, o);
    assert_true(o->step);
    assert_int_equal(o->vehicles, VEHICLES);
    /* Stochastic rounding moves each symbol by less than one: 16 of them a mean by less than their width. */
    const double symbol = rig_view(r).open->config.scale.clip_inf / 2047.0;
    for (size_t k = 0; k < RIG_PARAMS; k++) {
        double mean = 0;
        for (size_t i = 0; i < VEHICLES; i++) {
            float u[RIG_PARAMS];
            update_of(i, u);
            mean += ldexp((double)u[k], FL_PARAM_FRACTION) / VEHICLES;
        }
        assert_true(fabs(r->next.params[k] - r->model.params[k] - mean) <= symbol + 2);
    }
    free(o);
    client_free(c);
    rig_close(r);
}

/* Two submissions of one client share nothing: other keys, other ciphertexts, another id. */
static void nothing_is_used_twice(void **state) {
    (void)state;
    struct rig *r = rig_open(RIG_VALIDATORS);
    struct fl_client *c = client_new();
    make(r, c, 0);
    struct buf first = {0};
    buf_put(&first, r->vehicle[0].wire.p, r->vehicle[0].wire.n);
    struct fl_submission was = r->vehicle[0].submission;
    make(r, c, 0);
    assert_memory_not_equal(was.id, r->vehicle[0].submission.id, 32);
    assert_memory_not_equal(was.cover.ephemeral.b, r->vehicle[0].submission.cover.ephemeral.b, 32);
    size_t same = 0;
    for (size_t i = 0; i < first.n; i++)
        same += first.p[i] == r->vehicle[0].wire.p[i];
    assert_true(same < first.n / 16); /* one in 256 by chance */
    buf_free(&first);
    client_free(c);
    rig_close(r);
}

static void what_is_no_number_is_refused(void **state) {
    (void)state;
    struct rig *r = rig_open(RIG_VALIDATORS);
    struct fl_client *c = client_new();
    const struct fl_round_view view = rig_view(r);
    const uint8_t token[32] = {1};
    const struct fl_client_round round = {r->host.cell_id, view.open, view.seed, token};
    uint8_t *octets = ws_alloc(fl_client_octets(view.open));
    int32_t symbols[RIG_PARAMS];
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        float update[RIG_PARAMS] = {0};
        struct fl_client_made made;
        struct ws_err err = {0};
        update[17] = bad[i];
        assert_int_equal(
            fl_client_make(c, &round, update, symbols, &r->random, octets, &made, &err), WS_EINPUT);
        assert_non_null(strstr(err.text, "17"));
    }
    free(octets);
    client_free(c);
    rig_close(r);
}

/* What is too long is cut to the round's bound, so that an honest vehicle with a strange day breaks no group. */
static void a_long_update_is_clipped(void **state) {
    (void)state;
    struct rig *r = rig_open(RIG_VALIDATORS);
    struct fl_client *c = client_new();
    const struct fl_round_view view = rig_view(r);
    const uint8_t token[32] = {1};
    const struct fl_client_round round = {r->host.cell_id, view.open, view.seed, token};
    uint8_t *octets = ws_alloc(fl_client_octets(view.open));
    int32_t symbols[RIG_PARAMS];
    float update[RIG_PARAMS];
    struct fl_client_made made;
    for (size_t k = 0; k < RIG_PARAMS; k++)
        update[k] = 1e6F;
    assert_int_equal(
        fl_client_make(c, &round, update, symbols, &r->random, octets, &made, NULL), WS_OK);
    assert_true(made.quantised.clipped);
    free(octets);
    client_free(c);
    rig_close(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_make_a_round),
        cmocka_unit_test(nothing_is_used_twice),
        cmocka_unit_test(what_is_no_number_is_refused),
        cmocka_unit_test(a_long_update_is_clipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
