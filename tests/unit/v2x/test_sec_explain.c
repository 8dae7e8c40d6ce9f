/* v2x/trust_explain.h: the rule that fails is named with its values, and those behind it are judged as well. */
#include "tests/support/cm.h"

#include "tests/unit/v2x/sec_support.h"

#include "v2x/trust_explain.h"

#define T0 700000000U
#define HOUR 3600U
static const struct span no_cert = {NULL, 0};

struct world {
    struct sign_key *root_key, *ca_key, *ticket_key;
    struct buf root, ca, ticket;
    struct sign_permission app;
    struct cert_request ticket_rq;
    struct trust_store *store, *empty;
};

static void world_make(struct world *w) {
    struct ws_random rnd = ws_random_seeded(21);
    struct ws_err err;
    *w = (struct world){0};
    w->root_key = sign_key_new(CURVE_P256, &rnd);
    w->ca_key = sign_key_new(CURVE_BP256, &rnd);
    w->ticket_key = sign_key_new(CURVE_P256, &rnd);
    struct cert_request rq = {.name = "root",
        .valid_from_s = T0,
        .valid_hours = 1000,
        .issue_all = true,
        .issue_min_chain = 2,
        .has_circle = true,
        .circle_lat = 450000000,
        .circle_lon = 76000000,
        .circle_radius_m = 50000};
    cert_put(&w->root, &rq, w->root_key, NULL, no_cert);
    rq.name = "ca";
    rq.issue_min_chain = 1;
    rq.has_circle = false;
    cert_put(&w->ca, &rq, w->ca_key, w->root_key, buf_span(&w->root));
    w->app = (struct sign_permission){.psid = 37};
    w->ticket_rq = (struct cert_request){
        .valid_from_s = T0 + HOUR, .valid_hours = 100, .app = &w->app, .n_app = 1};
    w->store = trust_store_new(4);
    w->empty = trust_store_new(1);
    assert_int_equal(trust_add_root(w->store, buf_span(&w->root), &err), WS_OK);
    assert_int_equal(trust_add_issuer(w->store, buf_span(&w->ca)), TRUST_OK);
    cert_put(&w->ticket, &w->ticket_rq, w->ticket_key, w->ca_key, buf_span(&w->ca));
}

static void world_free(struct world *w) {
    sign_key_free(w->root_key);
    sign_key_free(w->ca_key);
    sign_key_free(w->ticket_key);
    buf_free(&w->root);
    buf_free(&w->ca);
    buf_free(&w->ticket);
    trust_store_free(w->store);
    trust_store_free(w->empty);
}

static struct cert parsed(struct span octets) {
    struct cert c;
    size_t at;
    assert_int_equal(cert_parse(octets, &c, &at), COER_OK);
    return c;
}

/* Exactly these rules are not "ok" in the link, in this order, and the first says this. */
static void expect(
    const struct explain_link *l, enum explain_outcome o, const char *rules, const char *words) {
    struct buf got = {0};
    const char *text = "";
    for (size_t i = 0; i < l->n; i++) {
        if (l->check[i].outcome == EXPLAIN_OK)
            continue;
        assert_int_equal(l->check[i].outcome, o);
        if (got.n == 0)
            text = l->check[i].text;
        buf_printf(&got, "%s%s", got.n == 0 ? "" : " ", l->check[i].rule);
    }
    buf_u8(&got, 0);
    assert_string_equal((const char *)got.p, rules);
    buf_free(&got);
    if (strstr(text, words) == NULL)
        fail_msg("'%s' is not in '%s'", words, text);
}

static void a_good_chain(void **state) {
    (void)state;
    struct world w;
    struct explanation x;
    world_make(&w);
    struct cert c = parsed(buf_span(&w.ticket));
    trust_explain(w.store, &c, 1, T0 + 2 * HOUR, &x);
    assert_int_equal(x.outcome, EXPLAIN_OK);
    assert_int_equal(x.n_links, 3);
    assert_string_equal(x.link[0].name, "no name");
    assert_string_equal(x.link[1].name, "ca");
    assert_string_equal(x.link[2].name, "root");
    assert_false(x.link[0].in_store);
    assert_true(x.link[1].in_store && x.link[2].in_store);
    world_free(&w);
}

static void every_rule(void **state) {
    (void)state;
    struct world w;
    struct explanation x;
    struct buf b = {0};
    world_make(&w);
    struct cert c = parsed(buf_span(&w.ticket));
    trust_explain(w.store, &c, 1, T0, &x);
    expect(&x.link[0], EXPLAIN_FAILS, "time", "valid from 2026-");
    assert_int_equal(x.outcome, EXPLAIN_FAILS);
    assert_int_equal(x.n_links, 3); /* goes on */
    /* Three rules at once. */
    w.ticket_rq.valid_hours = 5000;
    w.ticket_rq.has_circle = true;
    w.ticket_rq.circle_lat = 470000000;
    w.ticket_rq.circle_lon = 76000000;
    w.ticket_rq.circle_radius_m = 10;
    cert_put(&b, &w.ticket_rq, w.ticket_key, w.root_key, buf_span(&w.ca));
    c = parsed(buf_span(&b));
    trust_explain(w.store, &c, 1, T0 + 2 * HOUR, &x);
    expect(&x.link[0], EXPLAIN_FAILS, "validity region signature", "issuer until 2026-");
    assert_non_null(strstr(x.link[0].check[x.link[0].n - 1].text, "brainpoolP256r1"));
    /* Straight from the root, which issues only over an authority. */
    buf_clear(&b);
    w.ticket_rq.valid_hours = 100;
    w.ticket_rq.circle_lat = 450000000;
    cert_put(&b, &w.ticket_rq, w.ticket_key, w.root_key, buf_span(&w.root));
    c = parsed(buf_span(&b));
    trust_explain(w.store, &c, 1, T0 + 2 * HOUR, &x);
    expect(&x.link[0], EXPLAIN_FAILS, "permissions", "issuer may not issue PSID 37");
    /* Signed by another key of the right curve. */
    buf_clear(&b);
    struct ws_random rnd = ws_random_seeded(3);
    struct sign_key *other = sign_key_new(CURVE_BP256, &rnd);
    cert_put(&b, &w.ticket_rq, w.ticket_key, other, buf_span(&w.ca));
    c = parsed(buf_span(&b));
    trust_explain(w.store, &c, 1, T0 + 2 * HOUR, &x);
    expect(&x.link[0], EXPLAIN_FAILS, "signature", "brainpoolP256r1");
    sign_key_free(other);
    buf_free(&b);
    world_free(&w);
}

static void missing_issuers(void **state) {
    (void)state;
    struct world w;
    struct explanation x;
    char want[64], id[17];
    world_make(&w);
    struct cert c[3] = {
        parsed(buf_span(&w.ticket)), parsed(buf_span(&w.ca)), parsed(buf_span(&w.root))};
    hex_encode(id, c[0].issuer_id, 8);
    (void)snprintf(want, sizeof(want), "issuer %s is not in the store", id);
    trust_explain(w.empty, c, 1, T0 + 2 * HOUR, &x);
    assert_int_equal(x.outcome, EXPLAIN_OPEN);
    assert_int_equal(x.n_links, 1);
    expect(&x.link[0], EXPLAIN_OPEN, "issuer", want);
    /* What came along is looked at, and makes nobody believed. */
    trust_explain(w.empty, c, 3, T0 + 2 * HOUR, &x);
    assert_int_equal(x.outcome, EXPLAIN_OPEN);
    assert_int_equal(x.n_links, 3);
    expect(&x.link[0], EXPLAIN_OPEN, "", "");
    expect(&x.link[2], EXPLAIN_OPEN, "issuer", "a root that is not in the store");
    world_free(&w);
}

static void messages(void **state) {
    (void)state;
    struct world w;
    struct explanation x;
    struct buf b = {0};
    world_make(&w);
    struct spdu_request rq = {.psid = 37,
        .generation_time = (uint64_t)(T0 + 2 * HOUR) * 1000000,
        .has_location = true,
        .lat = 450000000,
        .lon = 76000000,
        .payload = span_of("x", 1),
        .with_certificate = true};
    spdu_put_signed(&b, &rq, w.ticket_key, buf_span(&w.ticket));
    struct spdu m = test_spdu(buf_span(&b));
    trust_explain_message(w.store, &m, &m.cert, 1, 0, &x);
    assert_int_equal(x.outcome, EXPLAIN_OK);
    assert_int_equal(x.message.n, 4);
    trust_explain_message(w.empty, &m, &m.cert, 1, 0, &x);
    assert_int_equal(x.outcome, EXPLAIN_OPEN);
    expect(&x.message, EXPLAIN_OPEN, "", "");
    buf_clear(&b);
    rq.psid = 36;
    rq.lat = 490000000;
    spdu_put_signed(&b, &rq, w.root_key, buf_span(&w.ticket));
    m = test_spdu(buf_span(&b));
    trust_explain_message(w.store, &m, &m.cert, 1, 0, &x);
    expect(&x.message, EXPLAIN_FAILS, "permission generationLocation signature",
        "does not permit PSID 36");
    buf_free(&b);
    world_free(&w);
}

/* A roadside unit on the air in Norway: its ticket is signed on another curve than it signs on itself. */
static void real_message(void **state) {
    (void)state;
    struct test_frames f;
    struct explanation x;
    if (!test_frames_load("its-g5-denm-secured-npra.pcap", &f))
        skip();
    struct trust_store *empty = trust_store_new(1);
    for (size_t i = 0; i < f.n; i++) {
        struct spdu m = test_spdu_of_gn_frame(test_frame(&f, i));
        trust_explain_message(empty, &m, &m.cert, 1, 0, &x);
        expect(&x.link[0], EXPLAIN_OPEN, "issuer",
            "issuer 09707265a61774e8 is not in the store; it signed on brainpoolP256r1");
        expect(&x.message, EXPLAIN_OPEN, "", "");
    }
    trust_store_free(empty);
    test_frames_free(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_chain),
        cmocka_unit_test(every_rule),
        cmocka_unit_test(missing_issuers),
        cmocka_unit_test(messages),
        cmocka_unit_test(real_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
