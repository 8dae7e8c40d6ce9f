/* Which transactions may stand in a block, to the microsecond: each verdict by name. */
#include "tests/support/cm.h"

#include "ledger/identity/identity.h"
#include "tests/support/exec_rig.h"
#include "v2x/psid.h"

#include <stdio.h>

#define SECOND UINT64_C(1000000)

struct rig {
    struct exec_rig r;
    uint64_t t0; /* time of the first block */
};

static const struct cell_params *params(const struct rig *g) {
    return &executor_genesis_of(g->r.ex)->params;
}

static void short_memory(struct genesis *g) {
    g->params.body_horizon_us = 60 * SECOND;
    g->params.message_age_us = 20 * SECOND;
    g->params.certs_max = 16;
    g->params.messages_max = 1024;
}

static struct rig *open_rig(void) {
    struct rig *g = ws_alloc(sizeof(*g));
    exec_rig_open(&g->r, short_memory);
    g->t0 = g->r.town.epoch;
    return g;
}

static void close_rig(struct rig *g) {
    exec_rig_close(&g->r);
    free(g);
}

/* Judges and lets go. */
static void expect(struct rig *g, uint64_t time, struct tx *t, enum tx_verdict want) {
    enum tx_verdict v = rig_verdict(&g->r, time, t);
    if (v != want)
        fail_msg("%s instead of %s", tx_verdict_text(v), tx_verdict_text(want));
    tx_unref(t);
}

/* A block of these, all of them good: runs it and lets go. */
static void run(struct rig *g, uint64_t time, struct tx **txs, size_t n) {
    struct check *c = check_new(g->r.ex, time);
    for (size_t i = 0; i < n; i++) {
        enum tx_verdict v = check_tx(c, txs[i]);
        if (v != TX_GOOD)
            fail_msg("transaction %zu: %s", i, tx_verdict_text(v));
    }
    check_free(c);
    rig_run(&g->r, time, txs, n);
    for (size_t i = 0; i < n; i++) {
        if (g->r.outcome.results[i].code != EXEC_OK)
            fail_msg("result %zu: %s", i, executor_code_name(g->r.ex, g->r.outcome.results[i]));
        tx_unref(txs[i]);
    }
}

static struct rig *open_with_car(void) {
    struct rig *g = open_rig();
    struct tx *cert = rig_cert(&g->r, 0);
    run(g, g->t0, &cert, 1);
    return g;
}

/* ---- order inside a block ---- */

static void a_certificate_comes_before_its_messages(void **state) {
    (void)state;
    struct rig *g = open_rig();
    struct tx *cert = rig_cert(&g->r, 0);
    struct tx *m[2] = {rig_message(&g->r, 0, g->t0, 50), rig_message(&g->r, 0, g->t0 + 1, 50)};
    struct check *c = check_new(g->r.ex, g->t0);
    assert_int_equal(check_tx(c, m[0]), TX_UNKNOWN_CERT);
    assert_int_equal(check_tx(c, cert), TX_GOOD);
    assert_int_equal(check_tx(c, cert), TX_DUPLICATE);
    assert_int_equal(check_tx(c, m[0]), TX_GOOD);
    assert_int_equal(check_tx(c, m[1]), TX_GOOD);
    assert_int_equal(check_tx(c, m[0]), TX_DUPLICATE);
    check_free(c);
    /* What one check has seen is nothing to the next. */
    assert_int_equal(rig_verdict(&g->r, g->t0, m[0]), TX_UNKNOWN_CERT);
    struct tx *all[] = {cert, m[0], m[1]};
    for (size_t i = 0; i < 3; i++)
        (void)tx_ref(all[i]);
    run(g, g->t0, all, 3);
    expect(g, g->t0 + 1, cert, TX_DUPLICATE);
    expect(g, g->t0 + 1, m[0], TX_DUPLICATE);
    expect(g, g->t0 + 1, m[1], TX_DUPLICATE);
    close_rig(g);
}

static void limits_of_the_block_count_what_is_in_it(void **state) {
    (void)state;
    struct rig *g = open_rig();
    struct executor *ex = g->r.ex;
    struct cell_params *p = (struct cell_params *)executor_params(ex); /* its own, for this test */
    struct tx *cert = rig_cert(&g->r, 0);
    struct tx *m = rig_message(&g->r, 0, g->t0, 50);
    p->block_txs_max = 1;
    struct check *c = check_new(ex, g->t0);
    assert_int_equal(check_tx(c, m), TX_UNKNOWN_CERT); /* takes no room */
    assert_int_equal(check_tx(c, cert), TX_GOOD);
    assert_int_equal(check_tx(c, m), TX_TOO_LARGE);
    check_free(c);
    p->block_txs_max = 10;
    p->block_octets_max = cert->octets.n + m->octets.n - 1;
    c = check_new(ex, g->t0);
    assert_int_equal(check_tx(c, cert), TX_GOOD);
    assert_int_equal(check_tx(c, m), TX_TOO_LARGE);
    check_free(c);
    p->block_octets_max++;
    c = check_new(ex, g->t0);
    assert_int_equal(check_tx(c, cert), TX_GOOD);
    assert_int_equal(check_tx(c, m), TX_GOOD);
    check_free(c);
    p->tx_octets_max = cert->octets.n - 1;
    assert_int_equal(rig_verdict(&g->r, g->t0, cert), TX_OVERSIZE);
    assert_false(tx_verdict_final(TX_TOO_LARGE));
    assert_true(tx_verdict_final(TX_OVERSIZE));
    tx_unref(cert);
    tx_unref(m);
    close_rig(g);
}

/* ---- time ---- */

static void freshness_ends_to_the_microsecond(void **state) {
    (void)state;
    struct rig *g = open_with_car();
    uint64_t t = g->t0 + 5 * SECOND;
    expect(g, t + 20 * SECOND, rig_message(&g->r, 0, t, 50), TX_GOOD);
    expect(g, t + 20 * SECOND + 1, rig_message(&g->r, 0, t, 50), TX_STALE);
    uint64_t ahead = params(g)->message_future_us;
    expect(g, t - ahead, rig_message(&g->r, 0, t, 50), TX_GOOD);
    expect(g, t - ahead - 1, rig_message(&g->r, 0, t, 50), TX_FUTURE);
    /* Sums that would wrap. */
    expect(g, t, rig_message(&g->r, 0, UINT64_MAX, 50), TX_STALE);
    expect(g, t, rig_message(&g->r, 0, UINT64_MAX - 20 * SECOND + 1, 50), TX_STALE);
    expect(g, t, rig_message(&g->r, 0, 0, 50), TX_STALE);
    assert_true(tx_verdict_final(TX_STALE));
    assert_false(tx_verdict_final(TX_FUTURE));
    close_rig(g);
}

static bool in_state(struct rig *g, char kind, const uint8_t *hash) {
    uint8_t key[33] = {(uint8_t)kind};
    struct span v;
    memcpy(key + 1, hash, 32);
    return state_get(executor_state(g->r.ex), EXECUTOR_IDENTITY, span_of(key, 33), &v);
}

/* In the entry of its block. */
static bool remembered(struct rig *g, const uint8_t *id) {
    uint8_t prefix = 'm';
    struct buf at = {0};
    struct span k;
    struct span v;
    bool found = false;
    while (!found && state_next(executor_state(g->r.ex), EXECUTOR_IDENTITY, span_of(&prefix, 1),
                         buf_span(&at), &k, &v)) {
        for (size_t i = 0; i < v.n; i += 32)
            found = found || memcmp(v.p + i, id, 32) == 0;
        buf_clear(&at);
        buf_put(&at, k.p, k.n);
    }
    buf_free(&at);
    const void *identity = executor_contract(g->r.ex, EXECUTOR_IDENTITY)->self;
    assert_int_equal(identity_seen(identity, id), found);
    return found;
}

/* An identity stays exactly as long as the message could come again. */
static void identities_are_forgotten_when_freshness_has_passed(void **state) {
    (void)state;
    struct rig *g = open_with_car();
    uint64_t t = g->t0 + 2 * SECOND;
    size_t before = state_entries(executor_state(g->r.ex), EXECUTOR_IDENTITY);
    struct tx *m = tx_ref(rig_message(&g->r, 0, t, 50));
    run(g, t, &m, 1);
    assert_true(remembered(g, m->id));
    run(g, t + 20 * SECOND, NULL, 0);
    assert_true(remembered(g, m->id));
    assert_int_equal(rig_verdict(&g->r, t + 20 * SECOND, m), TX_DUPLICATE);
    assert_int_equal(rig_verdict(&g->r, t + 20 * SECOND + 1, m), TX_STALE);
    run(g, t + 20 * SECOND + 1, NULL, 0);
    assert_false(remembered(g, m->id));
    assert_int_equal(state_entries(executor_state(g->r.ex), EXECUTOR_IDENTITY), before);
    tx_unref(m);
    close_rig(g);
}

/* The entry of a block is there until its last message is stale, in whatever order they came; each is refused until then. */
static void a_block_is_forgotten_as_a_whole(void **state) {
    (void)state;
    struct rig *g = open_with_car();
    uint64_t t = g->t0 + 5 * SECOND;
    struct tx *m[3];
    const uint64_t age[3] = {2 * SECOND, 0, SECOND};
    size_t before = state_entries(executor_state(g->r.ex), EXECUTOR_IDENTITY);
    for (size_t i = 0; i < 3; i++)
        m[i] = tx_ref(rig_message(&g->r, 0, t - age[i], 50));
    run(g, t, m, 3);
    assert_int_equal(state_entries(executor_state(g->r.ex), EXECUTOR_IDENTITY), before + 1);
    run(g, t + 19 * SECOND + 1, NULL, 0);
    for (size_t i = 0; i < 3; i++)
        assert_true(remembered(g, m[i]->id));
    assert_int_equal(rig_verdict(&g->r, t + 19 * SECOND + 2, m[0]), TX_STALE);
    assert_int_equal(rig_verdict(&g->r, t + 19 * SECOND + 2, m[1]), TX_DUPLICATE);
    run(g, t + 20 * SECOND + 1, NULL, 0);
    for (size_t i = 0; i < 3; i++) {
        assert_false(remembered(g, m[i]->id));
        tx_unref(m[i]);
    }
    assert_int_equal(state_entries(executor_state(g->r.ex), EXECUTOR_IDENTITY), before);
    close_rig(g);
}

/* What the check calls good must find its certificate when it runs: also where the certificate is forgotten with the
 * very block. */
static void certificates_are_forgotten_at_the_horizon(void **state) {
    (void)state;
    struct rig *g = open_with_car();
    const uint8_t *hash = g->r.town.car_hash[0];
    uint64_t end = g->t0 + 60 * SECOND;
    assert_true(in_state(g, 'c', hash));
    expect(g, end, rig_message(&g->r, 0, end, 50), TX_GOOD);
    expect(g, end, rig_cert(&g->r, 0), TX_DUPLICATE);
    expect(g, end + 1, rig_message(&g->r, 0, end, 50), TX_UNKNOWN_CERT);
    struct tx *m = rig_message(&g->r, 0, end, 50);
    run(g, end, &m, 1);
    assert_true(in_state(g, 'c', hash));
    /* It may be committed again in the block that forgets it, and its messages with it. */
    struct tx *again[] = {rig_cert(&g->r, 0), rig_message(&g->r, 0, end + 1, 50)};
    run(g, end + 1, again, 2);
    assert_true(in_state(g, 'c', hash));
    run(g, end + 60 * SECOND + 1, NULL, 0);
    assert_true(in_state(g, 'c', hash));
    run(g, end + 60 * SECOND + 2, NULL, 0);
    assert_false(in_state(g, 'c', hash));
    /* Nothing of the car is left. */
    run(g, end + 200 * SECOND, NULL, 0);
    assert_int_equal(state_entries(executor_state(g->r.ex), EXECUTOR_IDENTITY), 1);
    close_rig(g);
}

static void certificates_end_with_their_validity(void **state) {
    (void)state;
    struct rig *g = open_rig();
    struct tx *cert = rig_cert(&g->r, 0);
    uint64_t until = cert->cert.valid_until_s * SECOND;
    uint64_t from = (uint64_t)cert->cert.valid_from_s * SECOND;
    tx_unref(cert);
    expect(g, until, rig_cert(&g->r, 0), TX_CERT_TIME);
    expect(g, from - SECOND, rig_cert(&g->r, 0), TX_FUTURE);
    assert_int_equal(rig_verdict(&g->r, until - SECOND, cert = rig_cert(&g->r, 0)), TX_GOOD);
    run(g, until - SECOND, &cert, 1);
    expect(g, until - 1, rig_message(&g->r, 0, until - 1, 50), TX_GOOD);
    expect(g, until, rig_message(&g->r, 0, until - 1, 50), TX_GOOD);
    expect(g, until + 1, rig_message(&g->r, 0, until - 1, 50), TX_UNKNOWN_CERT);
    expect(g, until - 1, rig_message(&g->r, 0, until, 50), TX_CERT_TIME);
    run(g, until, NULL, 0);
    assert_true(in_state(g, 'c', g->r.town.car_hash[0]));
    run(g, until + 1, NULL, 0);
    assert_false(in_state(g, 'c', g->r.town.car_hash[0]));
    close_rig(g);
}

static void a_message_older_than_its_certificate_is_refused(void **state) {
    (void)state;
    struct rig *g = open_with_car();
    struct tx *cert = rig_cert(&g->r, 0);
    uint64_t from = (uint64_t)cert->cert.valid_from_s * SECOND;
    tx_unref(cert);
    expect(g, from + SECOND, rig_message(&g->r, 0, from - 1, 50), TX_CERT_TIME);
    expect(g, from + SECOND, rig_message(&g->r, 0, from, 50), TX_GOOD);
    close_rig(g);
}

/* ---- the other verdicts on messages ---- */

static struct spdu_request request(const struct rig *g) {
    return (struct spdu_request){.psid = PSID_MAP_OBSERVATION,
        .generation_time = g->t0,
        .payload = span_of("\1payload", 8),
        .lat = 487600000,
        .lon = 114200000,
        .has_location = true};
}

static void what_is_not_allowed_is_named(void **state) {
    (void)state;
    struct rig *g = open_with_car();
    struct spdu_request rq = request(g);
    expect(g, g->t0, rig_spdu(&g->r, 0, &rq), TX_GOOD);
    rq.psid = PSID_DENM; /* the probe takes it, the certificate does not allow it */
    expect(g, g->t0, rig_spdu(&g->r, 0, &rq), TX_NO_PERMISSION);
    rq.psid = PSID_CAM;
    expect(g, g->t0, rig_spdu(&g->r, 0, &rq), TX_NO_CONTRACT);
    rq.psid = PSID_LEARNING_RECORD;
    expect(g, g->t0, rig_spdu(&g->r, 0, &rq), TX_TELLS_PLACE);
    rq.has_location = false;
    expect(g, g->t0, rig_spdu(&g->r, 0, &rq), TX_GOOD);
    rq = request(g);
    rq.lat += 10000000;
    expect(g, g->t0, rig_spdu(&g->r, 0, &rq), TX_OUT_OF_REGION);
    close_rig(g);
}

/* The same statement in every form of the signer's name; names of somebody else are refused. */
static void the_signer_named_inside_must_be_the_signer(void **state) {
    (void)state;
    struct rig *g = open_with_car();
    struct spdu_request rq = request(g);
    struct tx *digest = rig_spdu(&g->r, 0, &rq);
    rq.with_certificate = true;
    struct tx *whole = rig_spdu(&g->r, 0, &rq);
    assert_memory_equal(digest->id, whole->id, 32);
    expect(g, g->t0, digest, TX_GOOD);
    expect(g, g->t0, whole, TX_GOOD);
    /* Signed by car 0, the certificate of car 1 attached: its octets are not under the signature. */
    struct buf b = {0};
    struct buf spdu = {0};
    spdu_put_signed(&spdu, &rq, g->r.town.car_key[0], buf_span(&g->r.town.car_cert[0]));
    struct span cert0 = buf_span(&g->r.town.car_cert[0]);
    struct span cert1 = buf_span(&g->r.town.car_cert[3]); /* same issuer, same length */
    assert_int_equal(cert0.n, cert1.n);
    uint8_t *at = memmem(spdu.p, spdu.n, cert0.p, cert0.n);
    assert_non_null(at);
    memcpy(at, cert1.p, cert1.n);
    tx_put_message(&b, g->r.town.car_hash[0], buf_span(&spdu));
    struct tx *mixed = NULL;
    assert_int_equal(tx_parse(buf_span(&b), &mixed, NULL), WS_OK);
    expect(g, g->t0, mixed, TX_BAD_SIGNATURE);
    buf_free(&b);
    buf_free(&spdu);
    close_rig(g);
}

static void every_octet_of_a_message_counts(void **state) {
    (void)state;
    struct rig *g = open_with_car();
    struct spdu_request rq = request(g);
    struct tx *t = rig_spdu(&g->r, 0, &rq);
    size_t parsed = 0;
    for (size_t i = 2; i < t->octets.n; i++) {
        uint8_t *copy = ws_memdup(t->octets.p, t->octets.n);
        copy[i] ^= 4;
        struct tx *other = NULL;
        if (tx_parse(span_of(copy, t->octets.n), &other, NULL) == WS_OK) {
            enum tx_verdict v = rig_verdict(&g->r, g->t0, other);
            if (v == TX_GOOD)
                fail_msg("octet %zu does not count", i);
            parsed++;
            tx_unref(other);
        }
        free(copy);
    }
    assert_true(parsed > 100);
    tx_unref(t);
    close_rig(g);
}

/* ---- full ---- */

static void a_full_registry_has_a_name(void **state) {
    (void)state;
    struct rig *g = open_rig();
    struct tx *cert[18];
    for (size_t i = 0; i < 16; i++)
        cert[i] = rig_cert(&g->r, i);
    run(g, g->t0, cert, 16);
    expect(g, g->t0 + 1, rig_cert(&g->r, 16), TX_NO_ROOM);
    expect(g, g->t0 + 1, rig_cert(&g->r, 15), TX_DUPLICATE);
    assert_false(tx_verdict_final(TX_NO_ROOM));
    /* Should a block carry it all the same, the answer is the same everywhere. */
    cert[0] = rig_cert(&g->r, 16);
    cert[1] = rig_message(&g->r, 16, g->t0, 50);
    cert[2] = rig_message(&g->r, 3, g->t0, 50);
    rig_run(&g->r, g->t0 + 1, cert, 3);
    struct tx_result *res = g->r.outcome.results;
    assert_string_equal(executor_code_name(g->r.ex, res[0]), "identity_full");
    assert_string_equal(executor_code_name(g->r.ex, res[1]), "cert_untrusted");
    assert_int_equal(res[2].code, EXEC_OK);
    assert_false(in_state(g, 'c', g->r.town.car_hash[16]));
    for (size_t i = 0; i < 3; i++)
        tx_unref(cert[i]);
    /* Room again when the first are forgotten. */
    run(g, g->t0 + 60 * SECOND + 1, NULL, 0);
    struct tx *again = rig_cert(&g->r, 16);
    run(g, g->t0 + 60 * SECOND + 2, &again, 1);
    assert_true(in_state(g, 'c', g->r.town.car_hash[16]));
    close_rig(g);
}

static void more_messages_than_can_be_remembered_have_a_name(void **state) {
    (void)state;
    struct rig *g = open_with_car();
    enum { MORE = 1030 };
    struct tx **m = (struct tx **)ws_calloc(MORE, sizeof(struct tx *));
    for (size_t i = 0; i < MORE; i++)
        m[i] = rig_message(&g->r, 0, g->t0 + i, 50);
    rig_run(&g->r, g->t0 + 1, m, MORE);
    for (size_t i = 0; i < MORE; i++) {
        const char *name = executor_code_name(g->r.ex, g->r.outcome.results[i]);
        assert_string_equal(name, i < 1024 ? "ok" : "identity_full");
        assert_int_equal(remembered(g, m[i]->id), i < 1024);
    }
    expect(g, g->t0 + 1, rig_message(&g->r, 0, g->t0 + 3 * MORE, 50), TX_NO_ROOM);
    /* Those that found no room did nothing, and come in when there is some. */
    assert_int_equal(g->r.outcome.n_events, 1024);
    uint64_t later = g->t0 + 20 * SECOND + 1024;
    rig_run(&g->r, later, m + 1024, 6);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(g->r.outcome.results[i].code, EXEC_OK);
    for (size_t i = 0; i < MORE; i++)
        tx_unref(m[i]);
    free((void *)m);
    close_rig(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_certificate_comes_before_its_messages),
        cmocka_unit_test(limits_of_the_block_count_what_is_in_it),
        cmocka_unit_test(freshness_ends_to_the_microsecond),
        cmocka_unit_test(identities_are_forgotten_when_freshness_has_passed),
        cmocka_unit_test(a_block_is_forgotten_as_a_whole),
        cmocka_unit_test(certificates_are_forgotten_at_the_horizon),
        cmocka_unit_test(certificates_end_with_their_validity),
        cmocka_unit_test(a_message_older_than_its_certificate_is_refused),
        cmocka_unit_test(what_is_not_allowed_is_named),
        cmocka_unit_test(the_signer_named_inside_must_be_the_signer),
        cmocka_unit_test(every_octet_of_a_message_counts),
        cmocka_unit_test(a_full_registry_has_a_name),
        cmocka_unit_test(more_messages_than_can_be_remembered_have_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
