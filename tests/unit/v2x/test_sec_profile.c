/* v2x/cert_profile.h and the edges of trust_check: what each kind of certificate may look like under which root, and
 * certificates that exceed their issuer by a bit, a unit, a second or a country. */
#include "tests/support/cm.h"

#include "tests/unit/v2x/cert_parts.h"
#include "tests/unit/v2x/sec_support.h"

#include "base/assert.h"
#include "v2x/trust_explain.h"

#define T0 700000000U
static const struct span no_cert = {NULL, 0};

struct world {
    struct sign_key *root_key, *ca_key, *key;
    struct buf root, ca;
    struct cert_parts root_parts, ca_parts, ticket;
    struct trust_store *store;
    char text[200]; /* of the explanation's first failing check */
};

/* "all", chain length 1 or 2, any end-entity type. */
#define ISSUE_BOTH                                                                                 \
    "0101608101"                                                                                   \
    "01c0"
#define ISSUE_ALL                                                                                  \
    "0101"                                                                                         \
    "2081c0"
#define APP_36 "0101000124"

static void world_make(
    struct world *w, const struct cert_parts *root, const struct cert_parts *ca) {
    struct ws_random rnd = ws_random_seeded(31);
    *w = (struct world){.root_parts = *root, .ca_parts = *ca};
    w->root_key = sign_key_new(CURVE_P256, &rnd);
    w->ca_key = sign_key_new(CURVE_BP256, &rnd);
    w->key = sign_key_new(CURVE_P256, &rnd);
    if (w->root_parts.from_s == 0)
        w->root_parts.from_s = T0;
    if (w->ca_parts.from_s == 0)
        w->ca_parts.from_s = T0;
    cert_put_parts(&w->root, &w->root_parts, w->root_key, NULL, no_cert);
    cert_put_parts(&w->ca, &w->ca_parts, w->ca_key, w->root_key, buf_span(&w->root));
    w->ticket = (struct cert_parts){.from_s = T0, .app = APP_36};
    w->store = trust_store_new(8);
    struct ws_err err = {0};
    if (trust_add_root(w->store, buf_span(&w->root), &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_string_equal(trust_verdict_text(trust_add_issuer(w->store, buf_span(&w->ca))), "ok");
}

static void world_free(struct world *w) {
    sign_key_free(w->root_key);
    sign_key_free(w->ca_key);
    sign_key_free(w->key);
    buf_free(&w->root);
    buf_free(&w->ca);
    trust_store_free(w->store);
}

/* The verdict on a ticket made from these parts; explain must agree with it. */
static enum trust_verdict judge(struct world *w, const struct cert_parts *p) {
    struct buf b = {0};
    struct cert c;
    size_t at;
    cert_put_parts(&b, p, w->key, w->ca_key, buf_span(&w->ca));
    enum coer_fail fail = cert_parse(buf_span(&b), &c, &at);
    if (fail != COER_OK)
        fail_msg("octet %zu: %s", at, coer_fail_text(fail));
    struct trust_result r = trust_check(w->store, &c, T0 + 1);
    verify_key_unref(r.key);
    struct explanation x;
    trust_explain(w->store, &c, 1, T0 + 1, &x);
    w->text[0] = '\0';
    for (size_t i = 0; i < x.link[0].n && w->text[0] == '\0'; i++) {
        if (x.link[0].check[i].outcome != EXPLAIN_OK)
            (void)snprintf(w->text, sizeof(w->text), "%s: %s", x.link[0].check[i].rule,
                x.link[0].check[i].text);
    }
    if (p->issue == NULL && (x.outcome == EXPLAIN_OK) != (r.verdict == TRUST_OK))
        fail_msg("explained as %s, judged as %s", w->text, trust_verdict_text(r.verdict));
    buf_free(&b);
    return r.verdict;
}

static void expect(struct world *w, const struct cert_parts *p, enum trust_verdict v) {
    enum trust_verdict got = judge(w, p);
    if (got != v)
        fail_msg("%s instead of %s (%s)", trust_verdict_text(got), trust_verdict_text(v), w->text);
}

static void expect_broken(struct world *w, const struct cert_parts *p, const char *rule) {
    expect(w, p, TRUST_PROFILE);
    if (strstr(w->text, rule) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", w->text, rule);
}

/* ---- families ---- */

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

static const struct cert_parts plain_root = {.id = "8104726f6f74", .issue = ISSUE_BOTH};
static const struct cert_parts etsi_root = {
    .id = "8104726f6f74", .issue = ISSUE_BOTH, .app = ETSI_ROOT_APP};
static const struct cert_parts scms_root = {
    .id = "8104726f6f74", .issue = ISSUE_BOTH, .app = SCMS_ROOT_APP};
static const struct cert_parts root_of_both = {.id = "8104726f6f74",
    .issue = ISSUE_BOTH,
    .app = "0102"
           "8002026e80"
           "0101"
           "80020100"
           "80"
           "0101"};
static const struct cert_parts plain_ca = {.id = "81024141", .issue = ISSUE_ALL};
static const struct cert_parts scms_ca = {
    .id = "81024141", .crl = "0102030002", .issue = ISSUE_ALL};

#define LINKAGE "8000004d313131313131313131"

static void the_root_tells_the_family(void **state) {
    (void)state;
    static const struct {
        const struct cert_parts *root;
        enum cert_family family;
    } v[] = {{&plain_root, CERT_FAMILY_PLAIN}, {&etsi_root, CERT_FAMILY_ETSI},
        {&scms_root, CERT_FAMILY_SCMS}, {&root_of_both, CERT_FAMILY_PLAIN}};
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        struct world w;
        world_make(&w, v[i].root, &plain_ca);
        for (size_t k = 0; k < trust_count(w.store); k++)
            assert_int_equal(trust_issuer_at(w.store, k).family, v[i].family);
        assert_true(strlen(cert_family_text(v[i].family)) > 3);
        expect(&w, &w.ticket, TRUST_OK);
        world_free(&w);
    }
}

static void rules_of_1609_2(void **state) {
    (void)state;
    struct world w;
    world_make(&w, &plain_root, &plain_ca);
    struct cert_parts p = w.ticket;
    /* What the families ask for more is nothing to a plain root. */
    p.id = LINKAGE;
    p.crl = "0000000000";
    p.rollover = true;
    p.assurance = "ff";
    expect(&w, &p, TRUST_OK);
    p = w.ticket;
    p.id = "84020102"; /* of a later edition */
    expect(&w, &p, TRUST_OK);
    p = w.ticket;
    p.app = "0102000124"
            "000124";
    expect_broken(&w, &p, "twice");
    p.app = "0102000124"
            "80012480020100"; /* with another SSP as well */
    expect_broken(&w, &p, "twice");
    p = w.ticket;
    p.request = ISSUE_ALL;
    expect_broken(&w, &p, "enrolment");
    p = w.ticket;
    p.issue = ISSUE_ALL;
    expect(&w, &p, TRUST_PROFILE);
    /* A key to encrypt for, and no permission at all. */
    p = w.ticket;
    p.app = NULL;
    p.encryption_key = "008082"
                       "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296";
    expect_broken(&w, &p, "no permission");
    p.app = "0100";
    expect_broken(&w, &p, "no permission");
    p.app = APP_36;
    expect(&w, &p, TRUST_OK);
    world_free(&w);
}

static void rules_of_ts_103_097(void **state) {
    (void)state;
    struct world w;
    world_make(&w, &etsi_root, &plain_ca);
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
        p.from_s = T0;
        p.app = APP_36;
        expect_broken(&w, &p, v[i].rule);
    }
    struct cert_parts p = w.ticket;
    p.assurance = "80";
    expect(&w, &p, TRUST_OK);
    /* Implicit ones are not of Europe. */
    struct sign_permission app = {.psid = 36};
    struct cert_request rq = {.valid_from_s = T0, .valid_hours = 100, .app = &app, .n_app = 1};
    struct ws_random rnd = ws_random_seeded(3);
    struct buf b = {0};
    struct cert c;
    size_t at;
    sign_key_free(cert_put_implicit(&b, &rq, w.ca_key, buf_span(&w.ca), &rnd));
    assert_int_equal(cert_parse(buf_span(&b), &c, &at), COER_OK);
    assert_int_equal(trust_check(w.store, &c, T0 + 1).verdict, TRUST_PROFILE);
    /* Authorities: a name or none, and the rest as for tickets. */
    static const struct cert_parts authorities[] = {{.id = "82020102", .issue = ISSUE_ALL},
        {.crl = "0102030000", .issue = ISSUE_ALL}, {.crl = "0000000002", .issue = ISSUE_ALL},
        {.request = ISSUE_ALL, .issue = ISSUE_ALL}};
    for (size_t i = 0; i <= ARRAY_LEN(authorities); i++) {
        p = i == 0 ? (struct cert_parts){.issue = ISSUE_ALL} : authorities[i - 1];
        p.from_s = T0;
        buf_clear(&b);
        cert_put_parts(&b, &p, w.key, w.root_key, buf_span(&w.root));
        assert_string_equal(trust_verdict_text(trust_add_issuer(w.store, buf_span(&b))),
            i == 0 ? "ok" : "cert_profile");
    }
    /* A root that breaks them is none. */
    struct ws_err err = {0};
    p = etsi_root;
    p.from_s = T0;
    p.crl = "0000000001";
    buf_clear(&b);
    cert_put_parts(&b, &p, w.key, NULL, no_cert);
    assert_int_equal(trust_add_root(w.store, buf_span(&b), &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "crlSeries"));
    buf_free(&b);
    world_free(&w);
}

static void rules_of_the_scms(void **state) {
    (void)state;
    struct world w;
    world_make(&w, &scms_root, &scms_ca);
    struct cert_parts p = w.ticket;
    p.id = LINKAGE;
    p.crl = "0102030001";
    expect(&w, &p, TRUST_OK);
    p.crl = "0000000000";
    expect_broken(&w, &p, "linkage data");
    p.id = "82020102";
    expect(&w, &p, TRUST_OK);
    p.id = "8100";
    expect(&w, &p, TRUST_OK);
    p = w.ticket;
    p.app = SCMS_ROOT_APP;
    expect_broken(&w, &p, "root");
    p.app = "0101"
            "80012380"
            "03860001"; /* a list generator */
    expect(&w, &p, TRUST_OK);
    struct buf b = {0};
    p = (struct cert_parts){.from_s = T0, .id = LINKAGE, .crl = "0102030001", .issue = ISSUE_ALL};
    cert_put_parts(&b, &p, w.key, w.root_key, buf_span(&w.root));
    assert_int_equal(trust_add_issuer(w.store, buf_span(&b)), TRUST_PROFILE);
    buf_free(&b);
    world_free(&w);
}

static void roots_may_not_issue_at_length_0(void **state) {
    (void)state;
    struct ws_random rnd = ws_random_seeded(5);
    struct sign_key *k = sign_key_new(CURVE_P256, &rnd);
    struct cert_parts p = {.from_s = T0,
        .issue = "0101"
                 "a081"
                 "0100"
                 "c0"};
    struct trust_store *t = trust_store_new(1);
    struct ws_err err = {0};
    struct buf b = {0};
    cert_put_parts(&b, &p, k, NULL, no_cert);
    assert_int_equal(trust_add_root(t, buf_span(&b), &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "minChainLength 0"));
    trust_store_free(t);
    buf_free(&b);
    sign_key_free(k);
}

/* ---- a bit, a unit, a second, a country too many ---- */

/* 36 with a bitmap: octet 1 is 01, of octets 2 and 3 the mask fixes the bits of 0f03 to zero. */
#define RANGE_36                                                                                   \
    "80012482"                                                                                     \
    "08"                                                                                           \
    "03010000"                                                                                     \
    "03ff0f03"
#define ISSUE_36                                                                                   \
    "0101"                                                                                         \
    "2080"                                                                                         \
    "0101" RANGE_36 "c0"
#define SSP_36(bits)                                                                               \
    "0101"                                                                                         \
    "80012481"                                                                                     \
    "04"                                                                                           \
    "0301" bits

static void one_bit_too_many(void **state) {
    (void)state;
    struct world w;
    struct cert_parts ca = plain_ca;
    ca.issue = ISSUE_36;
    world_make(&w, &plain_root, &ca);
    struct cert_parts p = w.ticket;
    for (unsigned bit = 0; bit < 16; bit++) {
        char app[64], bits[5];
        (void)snprintf(bits, sizeof(bits), "%04x", 1U << bit);
        (void)snprintf(app, sizeof(app),
            "0101"
            "80012481"
            "04"
            "0301"
            "%s",
            bits);
        p.app = app;
        expect(&w, &p, (0x0f03U >> bit & 1) != 0 ? TRUST_PERMISSION : TRUST_OK);
    }
    p.app = SSP_36("f0fc");
    expect(&w, &p, TRUST_OK);
    p.app = "0101"
            "80012481"
            "04"
            "03000000"; /* a fixed bit that is missing */
    expect(&w, &p, TRUST_PERMISSION);
    p.app = "0101"
            "80012481"
            "03"
            "020100"; /* shorter, */
    expect(&w, &p, TRUST_PERMISSION);
    p.app = "0101"
            "80012481"
            "05"
            "0401000000"; /* longer, */
    expect(&w, &p, TRUST_PERMISSION);
    p.app = "0101"
            "80012480"
            "03010000"; /* opaque instead, */
    expect(&w, &p, TRUST_PERMISSION);
    p.app = APP_36; /* none instead, */
    expect(&w, &p, TRUST_PERMISSION);
    p.app = "0102"
            "80012481"
            "04"
            "03010000"
            "000125"; /* a PSID more */
    expect(&w, &p, TRUST_PERMISSION);
    world_free(&w);
}

/* "all" does not speak of a PSID that is named beside it, in the same group list, whatever the order. */
static void all_beside_explicit(void **state) {
    (void)state;
    static const char *const issue[] = {
        "0102"
        "2081c0"
        "2080"
        "0101" RANGE_36 "c0",
        "0102"
        "2080"
        "0101" RANGE_36 "c0"
        "2081c0",
    };
    for (size_t i = 0; i < ARRAY_LEN(issue); i++) {
        struct world w;
        struct cert_parts ca = plain_ca;
        ca.issue = issue[i];
        world_make(&w, &plain_root, &ca);
        struct cert_parts p = w.ticket;
        p.app = "0101000125";
        expect(&w, &p, TRUST_OK);
        p.app = SSP_36("0000");
        expect(&w, &p, TRUST_OK);
        p.app = SSP_36("0001");
        expect(&w, &p, TRUST_PERMISSION);
        p.app = APP_36;
        expect(&w, &p, TRUST_PERMISSION);
        world_free(&w);
    }
}

/* Lists of opaque SSPs: the octets are one of them, or they are not. */
static void opaque_by_list(void **state) {
    (void)state;
    struct world w;
    struct cert_parts ca = plain_ca;
    ca.issue = "0101"
               "2080"
               "0101"
               "80012480"
               "0102"
               "02aabb"
               "03aabbcc"
               "c0";
    world_make(&w, &plain_root, &ca);
    struct cert_parts p = w.ticket;
    static const struct {
        const char *app;
        enum trust_verdict v;
    } v[] = {
        {"0101"
         "80012480"
         "02aabb",
            TRUST_OK},
        {"0101"
         "80012480"
         "03aabbcc",
            TRUST_OK},
        {"0101"
         "80012480"
         "02aaba",
            TRUST_PERMISSION},
        {"0101"
         "80012480"
         "01aa",
            TRUST_PERMISSION},
        {"0101"
         "80012480"
         "00",
            TRUST_PERMISSION},
        {"0101"
         "80012481"
         "03"
         "02aabb",
            TRUST_PERMISSION}, /* as a bitmap */
        {APP_36, TRUST_PERMISSION},
    };
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        p.app = v[i].app;
        expect(&w, &p, v[i].v);
    }
    world_free(&w);
}

static void one_second_too_many(void **state) {
    (void)state;
    struct world w;
    world_make(&w, &plain_root, &plain_ca);
    struct cert_parts p = w.ticket; /* 100 hours from T0, as its issuer */
    expect(&w, &p, TRUST_OK);
    p.from_s = T0 - 1;
    expect(&w, &p, TRUST_VALIDITY_OUTSIDE);
    p.from_s = T0 + 1;
    p.duration = "821388"; /* 5000 s */
    struct cert_parts late = p;
    late.from_s = T0 + 360000 - 5000;
    struct buf b = {0};
    for (uint32_t more = 0; more < 2; more++) {
        late.from_s += more;
        buf_clear(&b);
        struct cert c;
        size_t at;
        cert_put_parts(&b, &late, w.key, w.ca_key, buf_span(&w.ca));
        assert_int_equal(cert_parse(buf_span(&b), &c, &at), COER_OK);
        struct trust_result r = trust_check(w.store, &c, late.from_s);
        assert_int_equal(r.verdict, more == 0 ? TRUST_OK : TRUST_VALIDITY_OUTSIDE);
        verify_key_unref(r.key);
    }
    /* Longer by a microsecond: the end is rounded up to a whole second. */
    p.from_s = T0 + 359999;
    p.duration = "808001";
    buf_clear(&b);
    cert_put_parts(&b, &p, w.key, w.ca_key, buf_span(&w.ca));
    struct cert c;
    size_t at;
    assert_int_equal(cert_parse(buf_span(&b), &c, &at), COER_OK);
    struct trust_result r = trust_check(w.store, &c, T0 + 359999);
    assert_int_equal(r.verdict, TRUST_OK);
    verify_key_unref(r.key);
    /* A duration of nothing is never. */
    p.duration = "820000";
    p.from_s = T0 + 1;
    expect(&w, &p, TRUST_EXPIRED);
    buf_free(&b);
    world_free(&w);
}

/* Rectangle: 46 N 7 E to 45 N 8 E in 0.1 microdegree. */
#define BOX(nw, se) "810101" nw se
static void one_unit_outside(void **state) {
    (void)state;
    struct world w;
    struct cert_parts ca = plain_ca;
    ca.region = BOX("1b6b0b00042c1d80", "1ad27480"
                                        "04c4b400");
    world_make(&w, &plain_root, &ca);
    static const struct {
        const char *region;
        enum trust_verdict v;
    } v[] = {
        {BOX("1b6b0b00042c1d80", "1ad2748004c4b400"), TRUST_OK},
        {BOX("1b6b0b01042c1d80", "1ad2748004c4b400"), TRUST_REGION},
        {BOX("1b6b0b00042c1d7f", "1ad2748004c4b400"), TRUST_REGION},
        {BOX("1b6b0b00042c1d80", "1ad2747f04c4b400"), TRUST_REGION},
        {BOX("1b6b0b00042c1d80", "1ad2748004c4b401"), TRUST_REGION},
        {BOX("1b6b0aff042c1d81", "1ad2748104c4b3ff"), TRUST_OK},
        /* two rectangles, one of them outside by a unit */
        {"810102"
         "1b6b0b00042c1d80"
         "1ad2748004c4b400"
         "1b6b0b01042c1d80"
         "1ad2748004c4b400",
            TRUST_REGION},
        /* corners the wrong way round: across the antimeridian, all around the earth */
        {BOX("1b6b0b0004c4b400", "1ad27480042c1d80"), TRUST_REGION},
        /* a country, which nobody can measure */
        {"83010180017c", TRUST_REGION},
    };
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        struct cert_parts p = w.ticket;
        p.region = v[i].region;
        expect(&w, &p, v[i].v);
    }
    world_free(&w);
}

static void one_country_too_many(void **state) {
    (void)state;
    /* Italy (380), of Germany (276) regions 9 and 10, of Austria (40) region 1 with subregions 7 and 8. */
    struct world w;
    struct cert_parts ca = plain_ca;
    ca.region = "830103"
                "80017c"
                "8101140102090a"
                "8200280101010102"
                "00070008";
    world_make(&w, &plain_root, &ca);
    static const struct {
        const char *region;
        enum trust_verdict v;
    } v[] = {
        {"830101"
         "80017c",
            TRUST_OK},
        {"830101"
         "81017c010103",
            TRUST_OK},
        {"830102"
         "80017c"
         "8101140101"
         "09",
            TRUST_OK},
        {"830101"
         "800114",
            TRUST_REGION}, /* all of Germany */
        {"830101"
         "81011401020908",
            TRUST_REGION}, /* region 8 */
        {"830101"
         "82011401010a01020001"
         "0002",
            TRUST_OK}, /* within region 10 */
        {"830101"
         "82002801010101010007",
            TRUST_OK},
        {"830101"
         "82002801010101010009",
            TRUST_REGION}, /* subregion 9 */
        {"830101"
         "810028010101",
            TRUST_REGION}, /* region 1 as a whole */
        {"830102"
         "80017c"
         "8000fa",
            TRUST_REGION}, /* and France */
    };
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        struct cert_parts p = w.ticket;
        p.region = v[i].region;
        expect(&w, &p, v[i].v);
    }
    world_free(&w);
}

/* Chain lengths and end-entity types of an authority below an authority. */
static void chain_lengths(void **state) {
    (void)state;
    /* The root: chains of 2 or 3 below it, applications only. */
    struct cert_parts root = {.issue = "0101"
                                       "e081"
                                       "0102"
                                       "0101"
                                       "80"};
    struct cert_parts ca = {.issue = "0101"
                                     "e081"
                                     "0101"
                                     "0101"
                                     "80"};
    struct world w;
    world_make(&w, &root, &ca);
    static const struct {
        const char *issue;
        enum trust_verdict v;
    } under_root[] = {
        {"0101"
         "e081"
         "0101"
         "0100"
         "80",
            TRUST_OK}, /* 2 */
        {"0101"
         "e081"
         "0102"
         "0100"
         "80",
            TRUST_OK}, /* 3 */
        {"0101"
         "e081"
         "0103"
         "0100"
         "80",
            TRUST_PERMISSION}, /* 4 */
        {"0101"
         "e081"
         "0101"
         "0102"
         "80",
            TRUST_PERMISSION}, /* 2 to 4 */
        {"0101"
         "e081"
         "0101"
         "01ff"
         "80",
            TRUST_PERMISSION}, /* 2 and more */
        {"0101"
         "e081"
         "0100"
         "0101"
         "80",
            TRUST_PERMISSION}, /* 0 is no length */
        {"0101"
         "e081"
         "0101"
         "0100"
         "40",
            TRUST_PERMISSION}, /* enrolment */
        {"0101"
         "e081"
         "0101"
         "0100"
         "c0",
            TRUST_PERMISSION}, /* both */
        {"0102"
         "e081"
         "0101"
         "0100"
         "80"
         "e081"
         "0103"
         "0100"
         "80",
            TRUST_PERMISSION},
    };
    for (size_t i = 0; i < ARRAY_LEN(under_root); i++) {
        struct cert_parts p = {.from_s = T0, .issue = under_root[i].issue};
        struct buf b = {0};
        char serial[16];
        (void)snprintf(serial, sizeof(serial), "8101%02zx", 0x41 + i);
        p.id = serial;
        cert_put_parts(&b, &p, w.key, w.root_key, buf_span(&w.root));
        enum trust_verdict v = trust_add_issuer(w.store, buf_span(&b));
        if (v != under_root[i].v)
            fail_msg("case %zu: %s", i, trust_verdict_text(v));
        buf_free(&b);
    }
    expect(&w, &w.ticket, TRUST_OK);
    world_free(&w);
    /* An authority for enrolment alone issues no tickets. */
    struct cert_parts enrol = {.issue = "0101"
                                        "208140"};
    struct cert_parts any = {.issue = ISSUE_BOTH};
    world_make(&w, &any, &enrol);
    expect(&w, &w.ticket, TRUST_PERMISSION);
    world_free(&w);
}

/* ---- algorithms that are not read ---- */

#define SM2_POINT                                                                                  \
    "82"                                                                                           \
    "3131313131313131313131313131313131313131313131313131313131313131"
#define SM2_KEY                                                                                    \
    "80"                                                                                           \
    "84"                                                                                           \
    "21" SM2_POINT
#define SM2_SIGNATURE                                                                              \
    "84"                                                                                           \
    "40"                                                                                           \
    "1111111111111111111111111111111111111111111111111111111111111111"                             \
    "2222222222222222222222222222222222222222222222222222222222222222"

static void algorithms_that_are_not_read(void **state) {
    (void)state;
    struct world w;
    world_make(&w, &plain_root, &plain_ca);
    static const struct {
        struct cert_parts p;
        unsigned bits;
        const char *word;
    } v[] = {
        {{.key = SM2_KEY}, CERT_SM2_KEY, "SM2 key"},
        {{.signature = SM2_SIGNATURE}, CERT_SM2_SIGNATURE, "SM2 signature"},
        {{.issuer = "83080102030405060708"}, CERT_SM3_HASH, "SM3 hash"},
        {{.issuer = "83080102030405060708", .key = SM2_KEY, .signature = SM2_SIGNATURE},
            CERT_SM2_KEY | CERT_SM2_SIGNATURE | CERT_SM3_HASH, "SM2 key"},
    };
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        struct cert_parts p = v[i].p;
        p.from_s = T0;
        p.app = APP_36;
        expect(&w, &p, TRUST_ALGORITHM);
        assert_non_null(strstr(w.text, v[i].word));
        struct buf b = {0};
        struct cert c;
        size_t at;
        uint8_t hash[32], plain[32];
        cert_put_parts(&b, &p, w.key, w.ca_key, buf_span(&w.ca));
        assert_int_equal(cert_parse(buf_span(&b), &c, &at), COER_OK);
        assert_int_equal(c.unsupported, v[i].bits);
        assert_string_equal(cert_unsupported_text(c.unsupported), v[i].word);
        cert_hash256(&c, hash);
        v2x_sha256(c.all, no_cert, plain);
        assert_memory_equal(hash, plain, 32);
        cert_hash384(&c, (uint8_t[48]){0});
        if (c.unsupported & CERT_SM2_KEY)
            assert_null(trust_unproven_key(&c));
        /* Whether its issuer is known does not matter, nor for an authority. */
        struct trust_store *empty = trust_store_new(1);
        assert_int_equal(trust_check(empty, &c, T0 + 1).verdict, TRUST_ALGORITHM);
        trust_store_free(empty);
        p.app = NULL;
        p.issue = ISSUE_ALL;
        buf_clear(&b);
        cert_put_parts(&b, &p, w.key, w.root_key, buf_span(&w.root));
        assert_int_equal(trust_add_issuer(w.store, buf_span(&b)), TRUST_ALGORITHM);
        /* Cut anywhere it is no certificate. */
        for (size_t n = 0; n < b.n; n++) {
            uint8_t *cut = ws_memdup(b.p, n);
            assert_int_equal(cert_parse(span_of(cut, n), &c, &at), COER_TRUNCATED);
            free(cut);
        }
        buf_free(&b);
    }
    assert_null(cert_unsupported_text(0));
    /* Roots. */
    static const struct cert_parts roots[] = {{.issuer = "8102", .issue = ISSUE_ALL},
        {.key = SM2_KEY, .signature = SM2_SIGNATURE, .issue = ISSUE_ALL}};
    for (size_t i = 0; i < ARRAY_LEN(roots); i++) {
        struct buf b = {0};
        struct ws_err err = {0};
        cert_put_parts(&b, &roots[i], w.key, NULL, no_cert);
        assert_int_equal(trust_add_root(w.store, buf_span(&b), &err), WS_EINPUT);
        assert_non_null(strstr(err.text, i == 0 ? "SM3" : "SM2"));
        buf_free(&b);
    }
    /* A key to encrypt for on SM2 is none of our business. */
    struct cert_parts p = w.ticket;
    p.encryption_key = "01"
                       "82"
                       "21" SM2_POINT;
    expect(&w, &p, TRUST_OK);
    world_free(&w);
}

/* With a point in full the certificate is put together anew for its hash; an SM2 signature stays as it is. */
static void hash_with_an_sm2_signature(void **state) {
    (void)state;
    struct world w;
    world_make(&w, &plain_root, &plain_ca);
    struct cert_parts p = {.from_s = T0,
        .app = APP_36,
        .signature = SM2_SIGNATURE,
        .key = "808083"
               "3131313131313131313131313131313131313131313131313131313131313131"};
    struct buf a = {0}, b = {0};
    struct cert c;
    size_t at;
    uint8_t ha[32], hb[32];
    cert_put_parts(&a, &p, w.key, w.ca_key, buf_span(&w.ca));
    p.key = "808084"
            "3131313131313131313131313131313131313131313131313131313131313131"
            "4141414141414141414141414141414141414141414141414141414141414141";
    cert_put_parts(&b, &p, w.key, w.ca_key, buf_span(&w.ca));
    assert_int_equal(cert_parse(buf_span(&a), &c, &at), COER_OK);
    cert_hash256(&c, ha);
    assert_int_equal(cert_parse(buf_span(&b), &c, &at), COER_OK);
    assert_true(c.key_uncompressed);
    cert_hash256(&c, hb);
    assert_memory_equal(ha, hb, 32);
    buf_free(&a);
    buf_free(&b);
    world_free(&w);
}

/* Messages: the hash is SM3, the signature SM2; the rest of the header and the signer are read all the same. */
static void messages_with_sm(void **state) {
    (void)state;
    static const struct {
        const char *hash, *signature, *word;
    } v[] = {{"02",
                 "8080"
                 "1111111111111111111111111111111111111111111111111111111111111111"
                 "2222222222222222222222222222222222222222222222222222222222222222",
                 "SM3"},
        {"00", SM2_SIGNATURE, "SM2"}};
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        char hex[400];
        (void)snprintf(hex, sizeof(hex),
            "0381%s4003800155"
            "000124"
            "800102030405060708"
            "%s",
            v[i].hash, v[i].signature);
        struct buf b = test_unhex(hex);
        struct spdu m = test_spdu(buf_span(&b));
        assert_non_null(m.unsupported);
        assert_non_null(strstr(m.unsupported, v[i].word));
        assert_int_equal(m.psid, 36);
        assert_int_equal(m.all.n, b.n);
        uint8_t digest[48], hash[48] = {0};
        size_t n;
        if (i == 0) {
            assert_false(spdu_digest(&m, span_of(hash, 32), digest, &n));
            assert_false(spdu_digest(&m, span_of(hash, 48), digest, &n));
        }
        for (size_t cut = 0; cut < b.n; cut++) {
            size_t at;
            struct spdu x;
            assert_int_equal(spdu_parse(span_of(b.p, cut), &x, &at), COER_TRUNCATED);
        }
        buf_free(&b);
    }
    size_t at;
    struct spdu x;
    struct buf b = test_unhex("0381034003800155");
    assert_int_equal(spdu_parse(buf_span(&b), &x, &at), COER_VALUE);
    assert_int_equal(at, 2);
    buf_free(&b);
}

/* ---- extensions ---- */

/* Where these octets are in b. */
static struct span place_of(const struct buf *b, const char *hex) {
    struct buf part = test_unhex(hex);
    size_t at = 0;
    while (at + part.n <= b->n && memcmp(b->p + at, part.p, part.n) != 0)
        at++;
    assert_true(at + part.n <= b->n);
    struct span found = span_of(b->p + at, part.n);
    buf_free(&part);
    return found;
}

/* Additions behind the key: known to 1609.2-2022 (flags, three lists of extensions), of a later edition, in a bitmap of any
 * length. They are hashed, and change nothing else. */
static void certificate_extensions(void **state) {
    (void)state;
    struct world w;
    world_make(&w, &plain_root, &plain_ca);
    static const char *const additions[] = {
        "0204"
        "80"
        "0180", /* flags: usesCubk */
        "0204"
        "40"
        "07"
        "010101"
        "0301"
        "2a"
        "03", /* an operating organisation */
        "0204"
        "20"
        "05"
        "0101"
        "01"
        "81"
        "00", /* all of a kind may be issued */
        "0204"
        "f0"
        "0180"
        "020100"
        "020100"
        "020100", /* all four, empty */
        "0201"
        "02"
        "03aabbcc", /* the seventh */
        "0307"
        "00"
        "80"
        "00", /* the ninth, and nothing in it */
        "0404"
        "00"
        "00"
        "10"
        "01ff", /* the twentieth */
    };
    uint8_t seen[ARRAY_LEN(additions)][32];
    for (size_t i = 0; i < ARRAY_LEN(additions); i++) {
        struct cert_parts p = w.ticket;
        p.additions = additions[i];
        expect(&w, &p, TRUST_OK);
        struct buf b = {0};
        struct cert c;
        size_t at;
        cert_put_parts(&b, &p, w.key, w.ca_key, buf_span(&w.ca));
        assert_int_equal(cert_parse(buf_span(&b), &c, &at), COER_OK);
        assert_true(c.has_additions);
        uint8_t plain[32];
        cert_hash256(&c, seen[i]);
        v2x_sha256(buf_span(&b), no_cert, plain);
        assert_memory_equal(seen[i], plain, 32);
        for (size_t k = 0; k < i; k++)
            assert_memory_not_equal(seen[i], seen[k], 32);
        /* They are under the signature. */
        struct span tail = place_of(&b, additions[i]);
        b.p[(size_t)(tail.p - b.p) + tail.n - 1] ^= 1;
        if (cert_parse(buf_span(&b), &c, &at) == COER_OK) {
            struct trust_result r = trust_check(w.store, &c, T0 + 1);
            assert_int_equal(r.verdict, TRUST_BAD_SIGNATURE);
        }
        buf_free(&b);
    }
    static const struct {
        const char *additions;
        enum coer_fail fail;
    } bad[] = {
        {"0204"
         "00",
            COER_VALUE}, /* the bit says there is one, the bitmap that there is none */
        {"0201"
         "03"
         "0100",
            COER_VALUE}, /* an unused bit is set */
        {"0208"
         "80"
         "0100",
            COER_VALUE}, /* eight unused bits */
        {"00", COER_VALUE},
        {"0104", COER_VALUE},
        {"0204"
         "80"
         "81010180",
            COER_LENGTH_FORM},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct cert_parts p = w.ticket;
        struct buf b = {0};
        struct cert c;
        size_t at;
        p.additions = bad[i].additions;
        cert_put_parts(&b, &p, w.key, w.ca_key, buf_span(&w.ca));
        enum coer_fail fail = cert_parse(buf_span(&b), &c, &at);
        if (fail != bad[i].fail)
            fail_msg("case %zu: octet %zu: %s", i, at, coer_fail_text(fail));
        buf_free(&b);
    }
    world_free(&w);
}

/* HeaderInfo: pduFunctionalType is told, contributed extensions and later ones are passed over. */
static void header_extensions(void **state) {
    (void)state;
    static const struct {
        const char *additions;
        bool functional;
        uint8_t type;
    } v[] = {
        {"0204"
         "20"
         "0101",
            true, 1},
        {"0204"
         "10"
         "0d"
         "0101"
         "01"
         "0101"
         "05"
         "0102030405"
         "00"
         "00",
            false, 0},
        {"0204"
         "30"
         "0103"
         "03"
         "0100ff",
            true, 3},
        {"0302"
         "00"
         "04"
         "0411223344",
            false, 0},
        {"0206"
         "40"
         "00",
            false, 0}, /* requestedCertificate, and nothing in it */
    };
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        char hex[600];
        (void)snprintf(hex, sizeof(hex),
            "0381004003800155"
            "c00124"
            "0000000000000001"
            "%s"
            "800102030405060708"
            "8080"
            "1111111111111111111111111111111111111111111111111111111111111111"
            "2222222222222222222222222222222222222222222222222222222222222222",
            v[i].additions);
        struct buf b = test_unhex(hex);
        size_t at;
        struct spdu m;
        enum coer_fail fail = spdu_parse(buf_span(&b), &m, &at);
        if (i == 4) {
            assert_int_equal(fail, COER_TRUNCATED);
        } else {
            if (fail != COER_OK)
                fail_msg("case %zu: octet %zu: %s", i, at, coer_fail_text(fail));
            assert_int_equal(m.has_functional_type, v[i].functional);
            assert_int_equal(m.functional_type, v[i].type);
            assert_int_equal(m.all.n, b.n);
            assert_int_equal(m.digest[7], 8);
        }
        buf_free(&b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_root_tells_the_family),
        cmocka_unit_test(rules_of_1609_2),
        cmocka_unit_test(rules_of_ts_103_097),
        cmocka_unit_test(rules_of_the_scms),
        cmocka_unit_test(roots_may_not_issue_at_length_0),
        cmocka_unit_test(one_bit_too_many),
        cmocka_unit_test(all_beside_explicit),
        cmocka_unit_test(opaque_by_list),
        cmocka_unit_test(one_second_too_many),
        cmocka_unit_test(one_unit_outside),
        cmocka_unit_test(one_country_too_many),
        cmocka_unit_test(chain_lengths),
        cmocka_unit_test(algorithms_that_are_not_read),
        cmocka_unit_test(hash_with_an_sm2_signature),
        cmocka_unit_test(messages_with_sm),
        cmocka_unit_test(certificate_extensions),
        cmocka_unit_test(header_extensions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
