/* Who signed what: commits under weighted sets, and bundles that must prove exactly one place. */
#include "tests/support/cm.h"
#include "tests/support/light_samples.h"

#include "ledger/exec/hash.h"

#include <stdio.h>

static struct sample_cell cell;

static int free_cell(void **state) {
    (void)state;
    sample_cell_free(&cell);
    return 0;
}

/* ---- commits ---- */

static void quorum_is_strictly_more_than_two_thirds(void **state) {
    (void)state;
    static const struct {
        uint64_t power, total;
        bool quorum, skip;
    } rows[] = {{0, 1, false, false}, {1, 1, true, true}, {2, 3, false, true}, {3, 3, true, true},
        {1, 3, false, false}, {2, 4, false, true}, {3, 4, true, true}, {1, 4, false, false},
        {4, 6, false, true}, {5, 6, true, true}, {2, 6, false, false}, {14, 22, false, true},
        {15, 22, true, true}, {7, 22, false, false}, {8, 22, false, true},
        {POWER_MAX / 3 * 2, POWER_MAX, false, true}, {POWER_MAX / 3 * 2 + 1, POWER_MAX, true, true},
        {POWER_MAX / 3, POWER_MAX, false, false}, {POWER_MAX / 3 + 1, POWER_MAX, false, true},
        {POWER_MAX, POWER_MAX, true, true}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(power_is_quorum(rows[i].power, rows[i].total), rows[i].quorum);
        assert_int_equal(power_is_skip(rows[i].power, rows[i].total), rows[i].skip);
    }
}

static int check(const struct commit *c, struct ws_err *err) {
    return commit_check(test_verify, cell.id, &cell.genesis.validators, c, err);
}

static void commit_by_every_subset(void **state) {
    (void)state;
    static const uint64_t powers[] = {6, 3, 2, 1}; /* 8 of 12 is exactly two thirds */
    sample_cell_make(&cell, 4, powers);
    hash32 id = {9};
    for (uint64_t who = 0; who < 16; who++) {
        uint64_t power = 0;
        for (size_t i = 0; i < 4; i++)
            power += (who >> i & 1U) * powers[i]; /* descending already: set order */
        struct commit c = sample_signed(&cell, 3, 1, id, who);
        struct ws_err err = {0};
        int rc = check(&c, &err);
        assert_int_equal(rc, power > 8 ? WS_OK : WS_EINPUT);
        assert_int_equal(strstr(err.text, "no quorum") != NULL, power <= 8);
    }
}

static void commit_exactly_two_thirds_refused(void **state) {
    (void)state;
    sample_cell_make(&cell, 6, NULL);
    hash32 id = {9};
    struct ws_err err = {0};
    struct commit c = sample_signed(&cell, 3, 0, id, 0x0f);
    assert_int_equal(check(&c, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "40 of 60"));
    c = sample_signed(&cell, 3, 0, id, 0x1f);
    assert_int_equal(check(&c, NULL), WS_OK);
}

static void commit_signature_binds_everything(void **state) {
    (void)state;
    sample_cell_make(&cell, 4, NULL);
    hash32 id = {9};
    const struct commit good = sample_signed(&cell, 3, 1, id, 0xf);
    struct ws_err err = {0};
    struct commit c = good;
    assert_int_equal(check(&c, &err), WS_OK);
    c.height++;
    assert_int_equal(check(&c, &err), WS_EINPUT);
    c = good;
    c.round++;
    assert_int_equal(check(&c, &err), WS_EINPUT);
    c = good;
    c.id[31] ^= 1;
    assert_int_equal(check(&c, &err), WS_EINPUT);
    hash32 other_cell;
    memcpy(other_cell, cell.id, 32);
    other_cell[0] ^= 1;
    assert_int_equal(
        commit_check(test_verify, other_cell, &cell.genesis.validators, &good, &err), WS_EINPUT);
    /* One bad signature spoils a commit that has a quorum without it: no room for passengers. */
    for (size_t i = 0; i < 4; i++) {
        for (size_t k = 0; k < SIG_OCTETS; k++) {
            c = good;
            c.sig[i][k] ^= 1;
            char place[32];
            (void)snprintf(place, sizeof(place), "validator %zu", i);
            assert_int_equal(check(&c, &err), WS_EINPUT);
            assert_non_null(strstr(err.text, place));
        }
    }
    /* The same signature in another validator's place. */
    c = good;
    memcpy(c.sig[0], c.sig[1], SIG_OCTETS);
    assert_int_equal(check(&c, &err), WS_EINPUT);
    c = good;
    c.n = 3;
    assert_int_equal(check(&c, &err), WS_EINPUT);
    c = good;
    c.n = 5;
    assert_int_equal(check(&c, &err), WS_EINPUT);
}

static void prevotes_are_no_commit(void **state) {
    (void)state;
    sample_cell_make(&cell, 4, NULL);
    struct commit c = {.height = 3, .n = 4};
    struct vote v = {.type = VOTE_PREVOTE, .height = 3, .locked_round = -1, .valid_round = -1};
    struct buf b = {0};
    vote_sign_bytes(cell.id, &v, &b);
    for (size_t i = 0; i < 4; i++) {
        c.present[i] = true;
        test_sign(&cell.keys[i], buf_span(&b), c.sig[i]);
    }
    assert_int_equal(check(&c, NULL), WS_EINPUT);
    /* Nor are precommits for nil, though a zero id reads the same in the commit. */
    buf_clear(&b);
    v.type = VOTE_PRECOMMIT;
    v.nil = true;
    vote_sign_bytes(cell.id, &v, &b);
    for (size_t i = 0; i < 4; i++)
        test_sign(&cell.keys[i], buf_span(&b), c.sig[i]);
    assert_int_equal(check(&c, NULL), WS_EINPUT);
    buf_free(&b);
}

/* ---- bundles ---- */

static void event_bundle_holds_for_its_place_only(void **state) {
    (void)state;
    sample_cell_make(&cell, 4, NULL);
    for (size_t n = 1; n <= 16; n++) {
        for (size_t i = 0; i < n; i++) {
            struct buf b = {0};
            struct event_bundle p = sample_event_bundle(&cell, n, i, &b);
            struct event e;
            struct ws_err err = {0};
            if (n < 3 || i == 0 || i + 1 == n) { /* signatures are dear */
                assert_int_equal(
                    light_check_event(&sample_crypto, buf_span(&cell.octets), &p, &e, &err), WS_OK);
                assert_int_equal(e.sequence, i);
                assert_int_equal(e.type, i + 1);
            }
            buf_free(&b);
        }
    }
    /* Another way to read the same path: refused, since the event itself says where it is. */
    struct buf b = {0};
    struct event_bundle p = sample_event_bundle(&cell, 5, 4, &b);
    struct event e;
    struct ws_err err = {0};
    p.proof.total = 2;
    p.proof.index = 1;
    assert_int_equal(
        light_check_event(&sample_crypto, buf_span(&cell.octets), &p, &e, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "another place"));
    buf_free(&b);
}

static void event_of_another_height_refused(void **state) {
    (void)state;
    sample_cell_make(&cell, 4, NULL);
    struct buf b = {0};
    struct event_bundle p = sample_event_bundle(&cell, 1, 0, &b);
    struct event e;
    struct ws_err err = {0};
    /* A header that really commits to an event of another height: the quorum signs what it likes, the reader checks. */
    p.header.height = 6;
    hash32 id;
    header_id(exec_sha256, &p.header, id);
    p.commit = sample_signed(&cell, 6, 0, id, UINT64_MAX);
    assert_int_equal(
        light_check_event(&sample_crypto, buf_span(&cell.octets), &p, &e, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "another place"));
    buf_free(&b);
}

static void header_of_another_cell_set_or_commit_refused(void **state) {
    (void)state;
    sample_cell_make(&cell, 4, NULL);
    struct buf b = {0};
    const struct event_bundle good = sample_event_bundle(&cell, 3, 1, &b);
    struct event e;
    struct ws_err err = {0};
    struct event_bundle p = good;
    p.header.cell_id[5] ^= 1;
    assert_int_equal(
        light_check_event(&sample_crypto, buf_span(&cell.octets), &p, &e, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "another cell"));
    p = good;
    p.header.validators[5] ^= 1;
    assert_int_equal(
        light_check_event(&sample_crypto, buf_span(&cell.octets), &p, &e, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "another validator set"));
    p = good;
    p.header.time ^= 1;
    assert_int_equal(
        light_check_event(&sample_crypto, buf_span(&cell.octets), &p, &e, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "not for header"));
    p = good;
    p.commit.present[0] = false;
    p.commit.present[1] = false;
    assert_int_equal(
        light_check_event(&sample_crypto, buf_span(&cell.octets), &p, &e, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "no quorum"));
    /* The whole cell replaced: same validators' names, other keys. */
    struct buf other = {0};
    struct genesis g = cell.genesis;
    g.time++;
    genesis_encode(&g, &other);
    assert_int_equal(
        light_check_event(&sample_crypto, buf_span(&other), &good, &e, &err), WS_EINPUT);
    buf_free(&other);
    buf_free(&b);
}

/* Belief in a header by its id replaces the quorum; belief in a newer one says nothing of it. */
static void bundles_under_a_trusted_header(void **state) {
    (void)state;
    sample_cell_make(&cell, 4, NULL);
    struct buf b = {0};
    const struct light_params p = light_params_default();
    struct event_bundle bundle = sample_event_bundle(&cell, 3, 1, &b);
    struct event e;
    struct light_trust t;
    struct ws_err err = {0};
    hash32 id;
    header_id(exec_sha256, &bundle.header, id);
    assert_int_equal(
        light_trust_header(exec_sha256, cell.id, &bundle.header, 5, id, &t, NULL), LIGHT_OK);
    const struct light_trust at = t;
    memset(bundle.commit.present, 0, sizeof(bundle.commit.present));
    assert_int_equal(
        light_prove_event(&sample_crypto, &p, &t, &bundle, LIGHT_NO_CLOCK, &e, &err), LIGHT_OK);
    assert_int_equal(e.sequence, 1);
    bundle.proof.index = 0;
    assert_int_equal(light_prove_event(&sample_crypto, &p, &t, &bundle, LIGHT_NO_CLOCK, &e, &err),
        LIGHT_NOT_INCLUDED);
    bundle.proof.index = 1;
    t.id[0] ^= 1;
    assert_int_equal(light_prove_event(&sample_crypto, &p, &t, &bundle, LIGHT_NO_CLOCK, &e, &err),
        LIGHT_CONFLICT);
    t = at;
    t.height = 6;
    assert_int_equal(light_prove_event(&sample_crypto, &p, &t, &bundle, LIGHT_NO_CLOCK, &e, &err),
        LIGHT_NOT_NEWER);
    t = at;
    t.height = 4;
    t.time = 0;
    t.has_next = false;
    assert_int_equal(light_prove_event(&sample_crypto, &p, &t, &bundle, LIGHT_NO_CLOCK, &e, &err),
        LIGHT_SET_UNKNOWN);
    struct state_bundle s = sample_state_bundle(&cell, 6, 2, "k");
    header_id(exec_sha256, &s.header, id);
    assert_int_equal(
        light_trust_header(exec_sha256, cell.id, &s.header, 5, id, &t, NULL), LIGHT_OK);
    assert_int_equal(light_prove_state(&sample_crypto, &p, &t, &s, LIGHT_NO_CLOCK, &err), LIGHT_OK);
    s.value = span_of("vX", 2);
    assert_int_equal(
        light_prove_state(&sample_crypto, &p, &t, &s, LIGHT_NO_CLOCK, &err), LIGHT_NOT_INCLUDED);
    buf_free(&b);
}

static void state_bundle_presence_and_absence(void **state) {
    (void)state;
    sample_cell_make(&cell, 4, NULL);
    for (size_t i = 0; i < 6; i++) {
        struct state_bundle p = sample_state_bundle(&cell, 6, i, "k");
        assert_int_equal(
            light_check_state(&sample_crypto, buf_span(&cell.octets), &p, NULL), WS_OK);
        p.value = span_of("vX", 2);
        assert_int_equal(
            light_check_state(&sample_crypto, buf_span(&cell.octets), &p, NULL), WS_EINPUT);
        p.present = false;
        assert_int_equal(
            light_check_state(&sample_crypto, buf_span(&cell.octets), &p, NULL), WS_EINPUT);
        p = sample_state_bundle(&cell, 6, i, "another key");
        assert_int_equal(
            light_check_state(&sample_crypto, buf_span(&cell.octets), &p, NULL), WS_OK);
    }
}

/* Whoever asks what contract 2 holds must not be answered from contract 4: with six leaves the path of leaf 4
 * reads as the path of leaf 2 in a list of four. */
static void state_bundle_names_one_contract_only(void **state) {
    (void)state;
    sample_cell_make(&cell, 4, NULL);
    for (size_t n = 1; n <= 8; n++) {
        for (size_t i = 0; i < n; i++) {
            struct state_bundle p = sample_state_bundle(&cell, n, i, "k");
            for (size_t total = 1; total <= 9; total++) {
                for (size_t index = 0; index < total; index++) {
                    p.contract.total = total;
                    p.contract.index = index;
                    if (light_check_state(&sample_crypto, buf_span(&cell.octets), &p, NULL) ==
                        WS_OK)
                        assert_int_equal(index, i);
                }
            }
            p.contract.total = UINT64_MAX;
            p.contract.index = i + 256;
            assert_int_equal(
                light_check_state(&sample_crypto, buf_span(&cell.octets), &p, NULL), WS_EINPUT);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quorum_is_strictly_more_than_two_thirds),
#define T(name) cmocka_unit_test_teardown(name, free_cell)
        T(commit_by_every_subset),
        T(commit_exactly_two_thirds_refused),
        T(commit_signature_binds_everything),
        T(prevotes_are_no_commit),
        T(event_bundle_holds_for_its_place_only),
        T(event_of_another_height_refused),
        T(header_of_another_cell_set_or_commit_refused),
        T(bundles_under_a_trusted_header),
        T(state_bundle_presence_and_absence),
        T(state_bundle_names_one_contract_only),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
