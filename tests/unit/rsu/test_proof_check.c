/* What a bundle proves, and that it is about what was asked: another entry of the same cell is as well proven. */
#include "tests/support/cm.h"

#include "rsu/proofs/check.h"
#include "tests/support/light_samples.h"

struct rig {
    struct sample_cell cell, other;
    struct buf event, octets;
};

static void rig_open(struct rig *r) {
    *r = (struct rig){0};
    sample_cell_make(&r->cell, 4, NULL);
    sample_cell_make(&r->other, 3, NULL);
}

static void rig_close(struct rig *r) {
    sample_cell_free(&r->cell);
    sample_cell_free(&r->other);
    buf_free(&r->event);
    buf_free(&r->octets);
}

static void an_event_of_its_contract(void **state) {
    (void)state;
    struct rig r;
    struct event e;
    struct ws_err err = {0};
    rig_open(&r);
    const struct event_bundle p = sample_event_bundle(&r.cell, 5, 3, &r.event);
    event_bundle_encode(&p, &r.octets);
    const struct span genesis = buf_span(&r.cell.octets);
    const struct span bundle = buf_span(&r.octets);
    if (proof_check_event(genesis, bundle, 2, &e, &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(e.sequence, 3);
    assert_int_equal(e.height, 4);
    assert_int_equal(e.body.n, 18);
    assert_int_equal(proof_check_event(genesis, bundle, 5, &e, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "of contract 2, not of 5"));
    assert_int_equal(proof_check_event(buf_span(&r.other.octets), bundle, 2, &e, NULL), WS_EINPUT);
    assert_int_equal(
        proof_check_event(genesis, span_of(bundle.p, bundle.n - 1), 2, &e, NULL), WS_EINPUT);
    r.octets.p[r.octets.n - 2] ^= 1;
    assert_int_equal(proof_check_event(genesis, bundle, 2, &e, NULL), WS_EINPUT);
    rig_close(&r);
}

static void an_entry_under_its_key(void **state) {
    (void)state;
    struct rig r;
    struct proof_entry e;
    struct ws_err err = {0};
    rig_open(&r);
    const struct state_bundle p = sample_state_bundle(&r.cell, 8, 5, "k");
    state_bundle_encode(&p, &r.octets);
    const struct span genesis = buf_span(&r.cell.octets);
    const struct span bundle = buf_span(&r.octets);
    if (proof_check_state(genesis, bundle, 5, span_of("k", 1), &e, &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_true(e.present);
    assert_true(span_equal(e.value, span_of("v5", 2)));
    assert_int_equal(e.height, p.header.height - 1);
    assert_int_equal(proof_check_state(genesis, bundle, 4, span_of("k", 1), &e, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "another entry"));
    assert_int_equal(proof_check_state(genesis, bundle, 5, span_of("j", 1), &e, NULL), WS_EINPUT);
    assert_int_equal(
        proof_check_state(buf_span(&r.other.octets), bundle, 5, span_of("k", 1), &e, NULL),
        WS_EINPUT);
    rig_close(&r);
}

static void that_there_is_none_is_proven_too(void **state) {
    (void)state;
    struct rig r;
    struct proof_entry e;
    struct ws_err err = {0};
    rig_open(&r);
    const struct state_bundle p = sample_state_bundle(&r.cell, 8, 5, "absent");
    state_bundle_encode(&p, &r.octets);
    if (proof_check_state(buf_span(&r.cell.octets), buf_span(&r.octets), 5, span_of("absent", 6),
            &e, &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_false(e.present);
    assert_int_equal(e.value.n, 0);
    rig_close(&r);
}

static void where_units_give_them(void **state) {
    (void)state;
    char path[PROOF_PATH];
    proof_event_path(12, 3, path);
    assert_string_equal(path, "/v1/proofs/event/12/3");
    proof_state_path("learn", span_of("q", 1), path);
    assert_string_equal(path, "/v1/proofs/state/learn/71");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_of_its_contract),
        cmocka_unit_test(an_entry_under_its_key),
        cmocka_unit_test(that_there_is_none_is_proven_too),
        cmocka_unit_test(where_units_give_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
