/* v2x/cert_profile.h: what each kind of certificate may look like under which root. */
#include "tests/unit/v2x/cert_world.h"

/* ITS-AIDs 622 with SSP 01 and 624 with 0138. */
#define ETSI_ROOT_APP                                                                              \
    "0102"                                                                                         \
    "8002026e80"                                                                                   \
    "0101"                                                                                         \
    "8002027080"                                                                                   \
    "020138"
/* PSID 35 with the SSP of a root. */
#define SCMS_ROOT_APP                                                                              \
    "0101"                                                                                         \
    "80012380"                                                                                     \
    "03810001"

static const struct cert_parts etsi_root = {
    .id = "8104726f6f74", .issue = PARTS_ISSUE_BOTH, .app = ETSI_ROOT_APP};
static const struct cert_parts scms_root = {
    .id = "8104726f6f74", .issue = PARTS_ISSUE_BOTH, .app = SCMS_ROOT_APP};
static const struct cert_parts root_of_both = {.id = "8104726f6f74",
    .issue = PARTS_ISSUE_BOTH,
    .app = "0102"
           "8002026e80"
           "0101"
           "80020100"
           "80"
           "0101"};
static const struct cert_parts scms_ca = {
    .id = "81024141", .crl = "0102030002", .issue = PARTS_ISSUE_ALL};

#define LINKAGE "8000004d313131313131313131"

static void the_root_tells_the_family(void **state) {
    (void)state;
    static const struct {
        const struct cert_parts *root;
        enum cert_family family;
    } v[] = {{&PLAIN_ROOT, CERT_FAMILY_PLAIN}, {&etsi_root, CERT_FAMILY_ETSI},
        {&scms_root, CERT_FAMILY_SCMS}, {&root_of_both, CERT_FAMILY_PLAIN}};
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        struct cert_world w;
        cert_world_make(&w, v[i].root, &PLAIN_CA);
        for (size_t k = 0; k < trust_count(w.store); k++)
            assert_int_equal(trust_issuer_at(w.store, k).family, v[i].family);
        assert_true(strlen(cert_family_text(v[i].family)) > 3);
        cert_world_expect(&w, &w.ticket, TRUST_OK);
        cert_world_free(&w);
    }
}

static void rules_of_1609_2(void **state) {
    (void)state;
    struct cert_world w;
    cert_world_make(&w, &PLAIN_ROOT, &PLAIN_CA);
    struct cert_parts p = w.ticket;
    /* What the families ask for more is nothing to a plain root. */
    p.id = LINKAGE;
    p.crl = "0000000000";
    p.rollover = true;
    p.assurance = "ff";
    cert_world_expect(&w, &p, TRUST_OK);
    p = w.ticket;
    p.id = "84020102"; /* of a later edition */
    cert_world_expect(&w, &p, TRUST_OK);
    p = w.ticket;
    p.app = "0102000124"
            "000124";
    cert_world_expect_broken(&w, &p, "twice");
    p.app = "0102000124"
            "80012480020100"; /* with another SSP as well */
    cert_world_expect_broken(&w, &p, "twice");
    p = w.ticket;
    p.request = PARTS_ISSUE_ALL;
    cert_world_expect_broken(&w, &p, "enrolment");
    p = w.ticket;
    p.issue = PARTS_ISSUE_ALL;
    cert_world_expect(&w, &p, TRUST_PROFILE);
    /* A key to encrypt for, and no permission at all. */
    p = w.ticket;
    p.app = NULL;
    p.encryption_key = "008082"
                       "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296";
    cert_world_expect_broken(&w, &p, "no permission");
    p.app = "0100";
    cert_world_expect_broken(&w, &p, "no permission");
    p.app = PARTS_APP_36;
    cert_world_expect(&w, &p, TRUST_OK);
    cert_world_free(&w);
}

static void rules_of_ts_103_097(void **state) {
    (void)state;
    struct cert_world w;
    cert_world_make(&w, &etsi_root, &PLAIN_CA);
    static const struct {
        struct cert_parts p;
        const char *rule;
    } v[] = {
        {{.id = "81024141"}, "name"},
        {{.id = "8100"}, "name"},
        {{.id = LINKAGE}, "id is neither"},
        {{.id = "82020102"}, "id is neither"},
        {{.id = "84020102"}, "id is neither"},
        {{.crl = "0000010000"}, "cracaId"},
        {{.crl = "0000000001"}, "crlSeries"},
        {{.rollover = true}, "canRequestRollover"},
    };
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        struct cert_parts p = v[i].p;
        p.from_s = CERT_WORLD_T0;
        p.app = PARTS_APP_36;
        cert_world_expect_broken(&w, &p, v[i].rule);
    }
    struct cert_parts p = w.ticket;
    p.assurance = "80";
    cert_world_expect(&w, &p, TRUST_OK);
    /* Implicit ones are not of Europe. */
    struct sign_permission app = {.psid = 36};
    struct cert_request rq = {
        .valid_from_s = CERT_WORLD_T0, .valid_hours = 100, .app = &app, .n_app = 1};
    struct ws_random rnd = ws_random_seeded(3);
    struct buf b = {0};
    struct cert c;
    size_t at;
    sign_key_free(cert_put_implicit(&b, &rq, w.ca_key, buf_span(&w.ca), &rnd));
    assert_int_equal(cert_parse(buf_span(&b), &c, &at), COER_OK);
    assert_int_equal(trust_check(w.store, &c, CERT_WORLD_T0 + 1).verdict, TRUST_PROFILE);
    /* Authorities: a name or none, and the rest as for tickets. */
    static const struct cert_parts authorities[] = {{.id = "82020102", .issue = PARTS_ISSUE_ALL},
        {.crl = "0102030000", .issue = PARTS_ISSUE_ALL},
        {.crl = "0000000002", .issue = PARTS_ISSUE_ALL},
        {.request = PARTS_ISSUE_ALL, .issue = PARTS_ISSUE_ALL}};
    for (size_t i = 0; i <= ARRAY_LEN(authorities); i++) {
        p = i == 0 ? (struct cert_parts){.issue = PARTS_ISSUE_ALL} : authorities[i - 1];
        p.from_s = CERT_WORLD_T0;
        buf_clear(&b);
        cert_put_parts(&b, &p, w.key, w.root_key, buf_span(&w.root));
        assert_string_equal(trust_verdict_text(trust_add_issuer(w.store, buf_span(&b))),
            i == 0 ? "ok" : "cert_profile");
    }
    /* A root that breaks them is none. */
    struct ws_err err = {0};
    p = etsi_root;
    p.from_s = CERT_WORLD_T0;
    p.crl = "0000000001";
    buf_clear(&b);
    cert_put_parts(&b, &p, w.key, NULL, NO_CERT);
    assert_int_equal(trust_add_root(w.store, buf_span(&b), &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "crlSeries"));
    buf_free(&b);
    cert_world_free(&w);
}

static void rules_of_the_scms(void **state) {
    (void)state;
    struct cert_world w;
    cert_world_make(&w, &scms_root, &scms_ca);
    struct cert_parts p = w.ticket;
    p.id = LINKAGE;
    p.crl = "0102030001";
    cert_world_expect(&w, &p, TRUST_OK);
    p.crl = "0000000000";
    cert_world_expect_broken(&w, &p, "linkage data");
    p.id = "82020102";
    cert_world_expect(&w, &p, TRUST_OK);
    p.id = "8100";
    cert_world_expect(&w, &p, TRUST_OK);
    p = w.ticket;
    p.app = SCMS_ROOT_APP;
    cert_world_expect_broken(&w, &p, "root");
    p.app = "0101"
            "80012380"
            "03860001"; /* a list generator */
    cert_world_expect(&w, &p, TRUST_OK);
    struct buf b = {0};
    p = (struct cert_parts){
        .from_s = CERT_WORLD_T0, .id = LINKAGE, .crl = "0102030001", .issue = PARTS_ISSUE_ALL};
    cert_put_parts(&b, &p, w.key, w.root_key, buf_span(&w.root));
    assert_int_equal(trust_add_issuer(w.store, buf_span(&b)), TRUST_PROFILE);
    buf_free(&b);
    cert_world_free(&w);
}

static void roots_may_not_issue_at_length_0(void **state) {
    (void)state;
    struct ws_random rnd = ws_random_seeded(5);
    struct sign_key *k = sign_key_new(CURVE_P256, &rnd);
    struct cert_parts p = {.from_s = CERT_WORLD_T0,
        .issue = "0101"
                 "a081"
                 "0100"
                 "c0"};
    struct trust_store *t = trust_store_new(1);
    struct ws_err err = {0};
    struct buf b = {0};
    cert_put_parts(&b, &p, k, NULL, NO_CERT);
    assert_int_equal(trust_add_root(t, buf_span(&b), &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "minChainLength 0"));
    trust_store_free(t);
    buf_free(&b);
    sign_key_free(k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_root_tells_the_family),
        cmocka_unit_test(rules_of_1609_2),
        cmocka_unit_test(rules_of_ts_103_097),
        cmocka_unit_test(rules_of_the_scms),
        cmocka_unit_test(roots_may_not_issue_at_length_0),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
