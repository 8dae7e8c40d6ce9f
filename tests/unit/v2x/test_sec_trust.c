/* v2x/trust.h: every verdict has a certificate that earns it, and nothing else of it is wrong. */
#include "tests/support/cm.h"

#include "tests/unit/v2x/sec_support.h"

#include "base/assert.h"
#include "v2x/ec_curve.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>

#define T0 700000000U
#define HOUR 3600U
static const struct span no_cert = {NULL, 0};

/* The octet of b that a span of something parsed from it points to, to be changed. */
static uint8_t *octet_in(struct buf *b, const uint8_t *at) {
    WS_ASSERT(b->p != NULL);
    return b->p + (size_t)(at - b->p);
}

struct world {
    struct sign_key *root_key, *ca_key, *ticket_key;
    struct buf root, ca, ticket;
    struct cert_request root_rq, ca_rq, ticket_rq;
    struct sign_permission app[2];
    struct trust_store *store;
};

static void world_make(struct world *w) {
    struct ws_random rnd = ws_random_seeded(11);
    *w = (struct world){0};
    w->root_key = sign_key_new(CURVE_P256, &rnd);
    w->ca_key = sign_key_new(CURVE_BP256, &rnd);
    w->ticket_key = sign_key_new(CURVE_P256, &rnd);
    w->root_rq = (struct cert_request){.name = "root",
        .valid_from_s = T0,
        .valid_hours = 10000,
        .issue_all = true,
        .issue_min_chain = 2,
        .issue_chain_range = 0,
        .has_circle = true,
        .circle_lat = 450000000,
        .circle_lon = 76000000,
        .circle_radius_m = 50000};
    w->ca_rq = w->root_rq;
    w->ca_rq.name = "ca";
    w->ca_rq.issue_min_chain = 1;
    w->ca_rq.valid_from_s = T0 + 10 * HOUR;
    w->ca_rq.valid_hours = 5000;
    w->app[0] =
        (struct sign_permission){.psid = 36, .ssp = span_of("\x01\x00\x00", 3), .bitmap = true};
    w->app[1] = (struct sign_permission){.psid = 37};
    w->ticket_rq = (struct cert_request){.valid_from_s = T0 + 20 * HOUR,
        .valid_hours = 100,
        .app = w->app,
        .n_app = 2,
        .has_circle = true,
        .circle_lat = 450000000,
        .circle_lon = 76000000,
        .circle_radius_m = 1000};
    cert_put(&w->root, &w->root_rq, w->root_key, NULL, no_cert);
    cert_put(&w->ca, &w->ca_rq, w->ca_key, w->root_key, buf_span(&w->root));
    cert_put(&w->ticket, &w->ticket_rq, w->ticket_key, w->ca_key, buf_span(&w->ca));
    w->store = trust_store_new(4);
    struct ws_err err;
    assert_int_equal(trust_add_root(w->store, buf_span(&w->root), &err), WS_OK);
    assert_int_equal(trust_add_issuer(w->store, buf_span(&w->ca)), TRUST_OK);
}

static void world_free(struct world *w) {
    sign_key_free(w->root_key);
    sign_key_free(w->ca_key);
    sign_key_free(w->ticket_key);
    buf_free(&w->root);
    buf_free(&w->ca);
    buf_free(&w->ticket);
    trust_store_free(w->store);
}

/* In two halves it is the same; and nobody's signature makes it something else. */
static void check_halves(const struct trust_store *store, const struct cert *c, uint32_t now,
    const struct trust_result *want) {
    struct trust_check k;
    struct verify_key *key = NULL;
    bool asked = false;
    trust_check_begin(store, c, now, &k);
    for (; k.open; asked = true) {
        struct verify_key_source source = trust_check_key(&k);
        assert_true(source.unproven);
        trust_check_answer(store, c, &k, verify_one(&k.item));
    }
    if (k.result.verdict == TRUST_OK) {
        struct verify_key_source source = trust_check_key(&k);
        assert_false(source.unproven);
        verify_keys_new(&source, 1, &key);
    }
    assert_int_equal(k.result.verdict == TRUST_OK && key == NULL ? TRUST_BAD_KEY : k.result.verdict,
        want->verdict);
    assert_memory_equal(k.result.hash, want->hash, 32);
    assert_memory_equal(k.result.issuer_hash, want->issuer_hash, 32);
    if (want->verdict == TRUST_OK)
        assert_int_equal(k.result.proven, want->proven);
    assert_true(asked == (want->verdict == TRUST_BAD_SIGNATURE ||
                             ((want->verdict == TRUST_OK || want->verdict == TRUST_BAD_KEY) &&
                                 c->type == CERT_EXPLICIT)));
    verify_key_unref(key);
    static const enum verify_answer_kind other[] = {VERIFY_BAD, VERIFY_BROKEN, VERIFY_DECLINED};
    for (size_t i = 0; asked && i < ARRAY_LEN(other); i++) {
        trust_check_begin(store, c, now, &k);
        while (k.open)
            trust_check_answer(store, c, &k, other[i]);
        assert_int_equal(k.result.verdict, TRUST_BAD_SIGNATURE);
        assert_false(k.result.proven);
    }
}

static enum trust_verdict check(const struct trust_store *store, struct span octets, uint32_t now) {
    struct cert c;
    size_t at;
    assert_int_equal(cert_parse(octets, &c, &at), COER_OK);
    struct trust_result r = trust_check(store, &c, now);
    assert_true((r.key != NULL) == (r.verdict == TRUST_OK));
    uint8_t hash[32];
    cert_hash256(&c, hash);
    assert_memory_equal(r.hash, hash, 32);
    check_halves(store, &c, now, &r);
    verify_key_unref(r.key);
    return r.verdict;
}

/* The verdict on a ticket made from the world's request. */
static enum trust_verdict check_ticket(struct world *w) {
    struct buf b = {0};
    cert_put(&b, &w->ticket_rq, w->ticket_key, w->ca_key, buf_span(&w->ca));
    enum trust_verdict v = check(w->store, buf_span(&b), T0 + 50 * HOUR);
    buf_free(&b);
    return v;
}

static enum trust_verdict add_ca(struct world *w) {
    struct buf b = {0};
    cert_put(&b, &w->ca_rq, w->ca_key, w->root_key, buf_span(&w->root));
    enum trust_verdict v = trust_add_issuer(w->store, buf_span(&b));
    buf_free(&b);
    return v;
}

/* A ticket's signature and its holder's first message in the same kernel at once. The key has no table before both are
 * good and it is proven. */
static void side_by_side(void **state) {
    (void)state;
    struct world w;
    world_make(&w);
    struct cert c;
    size_t at;
    assert_int_equal(cert_parse(buf_span(&w.ticket), &c, &at), COER_OK);
    struct trust_check k;
    trust_check_begin(w.store, &c, T0 + 50 * HOUR, &k);
    assert_true(k.open);
    struct verify_key_source source = trust_check_key(&k);
    struct verify_key *key;
    verify_keys_new(&source, 1, &key);
    struct verify_item items[2] = {k.item, {.key = key, .digest_octets = 32, .tag = 1}};
    sign_digest(w.ticket_key, items[1].digest, items[1].r, items[1].s);
    struct verify_config cfg = verify_config_default(8);
    cfg.table_octets = (size_t)1 << 20;
    struct verify_kernel *kernel = verify_kernel_new(&cfg);
    struct verify_counters n;
    for (unsigned round = 0; round < 3; round++) {
        struct verify_answer answers[2];
        assert_int_equal(verify_submit(kernel, items, 2), 2);
        for (size_t got = 0; got < 2;) {
            size_t more = verify_poll(kernel, answers, 2);
            for (size_t i = 0; i < more; i++) {
                assert_int_equal(answers[i].kind, VERIFY_GOOD);
                if (answers[i].tag == 0 && round == 0)
                    trust_check_answer(w.store, &c, &k, answers[i].kind);
            }
            got += more;
        }
        assert_int_equal(verify_poll(kernel, answers, 2), 0);
        while (verify_build(kernel))
            ; /* what waits */
        verify_kernel_counters(kernel, &n);
        /* The issuer's from the first on; the ticket's with the first message after it was proven. */
        assert_int_equal(n.tables[VERIFY_MID], round < 2 ? 1 : 2);
        if (round == 1)
            verify_key_prove(key);
    }
    assert_int_equal(k.result.verdict, TRUST_OK);
    assert_true(k.result.proven);
    verify_kernel_free(kernel);
    verify_key_unref(key);
    world_free(&w);
}

static void times(void **state) {
    (void)state;
    struct world w;
    world_make(&w);
    struct span t = buf_span(&w.ticket);
    assert_int_equal(check(w.store, t, T0 + 20 * HOUR - 1), TRUST_NOT_YET_VALID);
    assert_int_equal(check(w.store, t, T0 + 20 * HOUR), TRUST_OK);
    assert_int_equal(check(w.store, t, T0 + 120 * HOUR - 1), TRUST_OK);
    assert_int_equal(check(w.store, t, T0 + 120 * HOUR), TRUST_EXPIRED);
    world_free(&w);
}

static void issuer_unknown_or_known(void **state) {
    (void)state;
    struct world w;
    world_make(&w);
    struct trust_store *empty = trust_store_new(1);
    /* Unknown comes before the times, which say nothing about strangers. */
    assert_int_equal(check(empty, buf_span(&w.ticket), 0), TRUST_UNKNOWN_ISSUER);
    assert_int_equal(trust_add_issuer(empty, buf_span(&w.ca)), TRUST_UNKNOWN_ISSUER);
    trust_store_free(empty);
    /* A verdict other than OK still names the known issuer. */
    struct cert c, ca;
    size_t at;
    assert_int_equal(cert_parse(buf_span(&w.ticket), &c, &at), COER_OK);
    assert_int_equal(cert_parse(buf_span(&w.ca), &ca, &at), COER_OK);
    struct trust_result r = trust_check(w.store, &c, 0);
    assert_int_equal(r.verdict, TRUST_NOT_YET_VALID);
    uint8_t hash[32];
    cert_hash256(&ca, hash);
    assert_memory_equal(r.issuer_hash, hash, 32);
    world_free(&w);
}

static void outside_of_the_issuer(void **state) {
    (void)state;
    struct world w;
    world_make(&w);
    assert_int_equal(check_ticket(&w), TRUST_OK);
    w.ticket_rq.valid_from_s = T0 + 10 * HOUR - 1;
    assert_int_equal(check_ticket(&w), TRUST_VALIDITY_OUTSIDE);
    w.ticket_rq.valid_from_s = T0 + 20 * HOUR;
    w.ticket_rq.valid_hours = 5000;
    assert_int_equal(check_ticket(&w), TRUST_VALIDITY_OUTSIDE);
    w.ticket_rq.valid_hours = 4990;
    assert_int_equal(check_ticket(&w), TRUST_OK);
    w.ticket_rq.circle_radius_m = 50001;
    assert_int_equal(check_ticket(&w), TRUST_REGION);
    w.ticket_rq.has_circle = false; /* inherits */
    assert_int_equal(check_ticket(&w), TRUST_OK);
    world_free(&w);
}

/* The region of the root reaches through a CA that has none. */
static void regions_are_inherited(void **state) {
    (void)state;
    struct world w;
    world_make(&w);
    trust_store_free(w.store);
    w.store = trust_store_new(2);
    buf_clear(&w.ca);
    w.ca_rq.has_circle = false;
    cert_put(&w.ca, &w.ca_rq, w.ca_key, w.root_key, buf_span(&w.root));
    struct ws_err err;
    assert_int_equal(trust_add_root(w.store, buf_span(&w.root), &err), WS_OK);
    assert_int_equal(trust_add_issuer(w.store, buf_span(&w.ca)), TRUST_OK);
    assert_int_equal(check_ticket(&w), TRUST_OK);
    w.ticket_rq.circle_lat += 10000000; /* 111 km north */
    assert_int_equal(check_ticket(&w), TRUST_REGION);
    w.ticket_rq.has_circle = false;
    assert_int_equal(check_ticket(&w), TRUST_OK);
    struct buf b = {0};
    struct cert c;
    size_t at;
    cert_put(&b, &w.ticket_rq, w.ticket_key, w.ca_key, buf_span(&w.ca));
    assert_int_equal(cert_parse(buf_span(&b), &c, &at), COER_OK);
    assert_true(cert_region_contains(&c, 460000000, 76000000)); /* on its own */
    assert_true(trust_region_contains(w.store, &c, 450000000, 76000000));
    assert_false(trust_region_contains(w.store, &c, 460000000, 76000000));
    /* A region of its own comes first; without a known issuer nothing restricts. */
    assert_int_equal(cert_parse(buf_span(&w.ticket), &c, &at), COER_OK);
    assert_true(trust_region_contains(w.store, &c, 450000000, 76000000));
    assert_false(trust_region_contains(w.store, &c, 450300000, 76000000));
    struct trust_store *empty = trust_store_new(1);
    assert_int_equal(cert_parse(buf_span(&b), &c, &at), COER_OK);
    assert_true(trust_region_contains(empty, &c, 460000000, 76000000));
    trust_store_free(empty);
    buf_free(&b);
    world_free(&w);
}

static void profile_of_tickets(void **state) {
    (void)state;
    struct world w;
    world_make(&w);
    w.ticket_rq.n_app = 0;
    assert_int_equal(check_ticket(&w), TRUST_PROFILE);
    w.ticket_rq.n_app = 2;
    w.app[1].psid = 36;
    assert_int_equal(check_ticket(&w), TRUST_PROFILE);
    w.app[1].psid = 37;
    w.ticket_rq.issue_all = true;
    w.ticket_rq.issue_min_chain = 1;
    assert_int_equal(check_ticket(&w), TRUST_PROFILE);
    /* Roots and issuers do not sign messages; tickets do not issue. */
    assert_int_equal(check(w.store, buf_span(&w.root), T0 + HOUR), TRUST_PROFILE);
    assert_int_equal(check(w.store, buf_span(&w.ca), T0 + 20 * HOUR), TRUST_PROFILE);
    assert_int_equal(trust_add_issuer(w.store, buf_span(&w.ticket)), TRUST_PROFILE);
    world_free(&w);
}

static void permissions(void **state) {
    (void)state;
    struct world w;
    world_make(&w);
    w.ca_rq.name = "second";
    w.ca_rq.issue_chain_range = 1; /* longer chains than the root allows */
    assert_int_equal(add_ca(&w), TRUST_PERMISSION);
    w.ca_rq.issue_chain_range = 0;
    w.ca_rq.app = w.app; /* the root issues only over an intermediate */
    w.ca_rq.n_app = 1;
    assert_int_equal(add_ca(&w), TRUST_PERMISSION);
    w.ca_rq.n_app = 0;
    w.ca_rq.valid_hours = 10000;
    assert_int_equal(add_ca(&w), TRUST_VALIDITY_OUTSIDE);
    w.ca_rq.valid_hours = 1000;
    w.ca_rq.circle_lat += 10000000;
    assert_int_equal(add_ca(&w), TRUST_REGION);
    w.ca_rq.circle_lat -= 10000000;
    assert_int_equal(add_ca(&w), TRUST_OK);
    assert_int_equal(trust_count(w.store), 3);
    /* A ticket straight from the root is none. */
    struct buf b = {0};
    cert_put(&b, &w.ticket_rq, w.ticket_key, w.root_key, buf_span(&w.root));
    assert_int_equal(check(w.store, buf_span(&b), T0 + 50 * HOUR), TRUST_PERMISSION);
    buf_free(&b);
    world_free(&w);
}

static void signatures(void **state) {
    (void)state;
    struct world w;
    world_make(&w);
    struct buf b = {0};
    /* Every bit of the signed part matters. */
    struct cert t;
    size_t at;
    assert_int_equal(cert_parse(buf_span(&w.ticket), &t, &at), COER_OK);
    unsigned bad = 0;
    for (size_t i = 0; i < t.tbs.n; i += 7) {
        uint8_t *octet = octet_in(&w.ticket, t.tbs.p + i);
        *octet ^= 1;
        struct cert c;
        if (cert_parse(buf_span(&w.ticket), &c, &at) == COER_OK) {
            enum trust_verdict v = check(w.store, buf_span(&w.ticket), T0 + 50 * HOUR);
            assert_int_not_equal(v, TRUST_OK);
            bad += v == TRUST_BAD_SIGNATURE;
        }
        *octet ^= 1;
    }
    assert_true(bad > 5);
    /* Signed by someone else, in the issuer's name: same curve, then another one. */
    struct ws_random rnd = ws_random_seeded(12);
    struct sign_key *stranger = sign_key_new(CURVE_BP256, &rnd);
    cert_put(&b, &w.ticket_rq, w.ticket_key, stranger, buf_span(&w.ca));
    assert_int_equal(check(w.store, buf_span(&b), T0 + 50 * HOUR), TRUST_BAD_SIGNATURE);
    buf_clear(&b);
    cert_put(&b, &w.ticket_rq, w.ticket_key, w.root_key, buf_span(&w.ca));
    assert_int_equal(check(w.store, buf_span(&b), T0 + 50 * HOUR), TRUST_CURVE_MISMATCH);
    buf_free(&b);
    sign_key_free(stranger);
    world_free(&w);
}

/* A key that is no point, signed by the issuer all the same. */
static void bad_keys(void **state) {
    (void)state;
    struct world w;
    world_make(&w);
    struct cert c, ca;
    size_t at;
    assert_int_equal(cert_parse(buf_span(&w.ca), &ca, &at), COER_OK);
    assert_int_equal(cert_parse(buf_span(&w.ticket), &c, &at), COER_OK);
    /* About half of all x have no y. */
    uint8_t *x = octet_in(&w.ticket, c.key.octets.p);
    struct verify_key *key = trust_unproven_key(&c);
    while (key != NULL) {
        verify_key_unref(key);
        x[31]++;
        key = trust_unproven_key(&c);
    }
    uint8_t issuer_hash[32], digest[48];
    size_t n;
    cert_hash256(&ca, issuer_hash);
    cert_digest(&c, issuer_hash, false, digest, &n);
    uint8_t *r = octet_in(&w.ticket, c.signature.r.octets.p);
    uint8_t *s = octet_in(&w.ticket, c.signature.s.p);
    sign_digest(w.ca_key, digest, r, s);
    assert_int_equal(check(w.store, buf_span(&w.ticket), T0 + 50 * HOUR), TRUST_BAD_KEY);
    world_free(&w);
}

static void roots(void **state) {
    (void)state;
    struct world w;
    world_make(&w);
    struct ws_err err;
    assert_int_equal(trust_add_root(w.store, buf_span(&w.root), &err), WS_OK); /* twice is fine */
    assert_int_equal(trust_add_issuer(w.store, buf_span(&w.ca)), TRUST_OK);
    assert_int_equal(trust_count(w.store), 2);
    assert_int_equal(trust_add_root(w.store, buf_span(&w.ticket), &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "self-signed"));
    *octet_in(&w.root, w.root.p + w.root.n - 1) ^= 1;
    assert_int_equal(trust_add_root(w.store, buf_span(&w.root), &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "self-signature is wrong"));
    assert_int_equal(trust_add_root(w.store, span_of(w.root.p, w.root.n - 1), &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "octet"));
    assert_int_equal(trust_add_issuer(w.store, span_of(w.ca.p, 10)), TRUST_MALFORMED);
    /* The store has a bound. */
    struct trust_store *small = trust_store_new(1);
    *octet_in(&w.root, w.root.p + w.root.n - 1) ^= 1;
    assert_int_equal(trust_add_root(small, buf_span(&w.root), &err), WS_OK);
    assert_int_equal(trust_add_issuer(small, buf_span(&w.ca)), TRUST_STORE_FULL);
    struct buf other = {0};
    w.root_rq.name = "other";
    cert_put(&other, &w.root_rq, w.ca_key, NULL, no_cert);
    assert_int_equal(trust_add_root(small, buf_span(&other), &err), WS_ELIMIT);
    trust_store_free(small);
    buf_free(&other);
    for (unsigned v = 0; v < TRUST_VERDICT_COUNT; v++)
        assert_true(strlen(trust_verdict_text((enum trust_verdict)v)) > 1);
    world_free(&w);
}

/* A PKI on long curves, signed by OpenSSL: the certificates are put together with empty signatures, and the
 * digest that our code asks for is signed. */
struct long_key {
    enum ec_curve curve;
    EVP_PKEY *pkey;
    uint8_t sec1[1 + 2 * EC_MAX_OCTETS];
};

static void long_key_make(struct long_key *k, enum ec_curve curve) {
    size_t n = 0;
    k->curve = curve;
    k->pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", ec_curve_name(curve));
    assert_non_null(k->pkey);
    assert_int_equal(EVP_PKEY_get_octet_string_param(
                         k->pkey, OSSL_PKEY_PARAM_PUB_KEY, k->sec1, sizeof(k->sec1), &n),
        1);
}

static void put_curve(struct buf *b, enum ec_curve curve, struct buf *value) {
    buf_u8(b, (uint8_t)(0x80 + curve));
    if (curve >= CURVE_BP384)
        coer_put_length(b, value->n);
    buf_put(b, value->p, value->n);
    buf_free(value);
}

static void put_long_key(struct buf *b, const struct long_key *k) {
    struct buf point = {0};
    buf_u8(&point, 0x84);
    buf_put(&point, k->sec1 + 1, 2 * ec_octets(k->curve));
    put_curve(b, k->curve, &point);
}

static void put_empty_signature(struct buf *b, enum ec_curve curve) {
    struct buf value = {0};
    buf_u8(&value, 0x80);
    memset(buf_grow(&value, 2 * ec_octets(curve)), 0, 2 * ec_octets(curve));
    put_curve(b, curve, &value);
}

static void sign_in_place(const struct long_key *k, const uint8_t *digest, size_t digest_n,
    struct buf *b, const struct ec_signature *sig) {
    uint8_t der[160];
    size_t der_n = sizeof(der), n = ec_octets(k->curve);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(k->pkey, NULL);
    assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
    assert_int_equal(EVP_PKEY_sign(ctx, der, &der_n, digest, digest_n), 1);
    EVP_PKEY_CTX_free(ctx);
    const uint8_t *at = der;
    ECDSA_SIG *parts = d2i_ECDSA_SIG(NULL, &at, (long)der_n);
    assert_non_null(parts);
    BN_bn2binpad(ECDSA_SIG_get0_r(parts), octet_in(b, sig->r.octets.p), (int)n);
    BN_bn2binpad(ECDSA_SIG_get0_s(parts), octet_in(b, sig->s.p), (int)n);
    ECDSA_SIG_free(parts);
}

/* issuer_cert empty: a root. */
static void long_cert(struct buf *b, const struct long_key *key, const struct long_key *issuer,
    const struct cert *issuer_cert) {
    uint8_t issuer_hash[48], digest[48];
    size_t n, at;
    buf_put(b, "\x80\x03\x00", 3);
    if (issuer_cert == NULL) {
        buf_put(b, "\x81\x01", 2);
    } else {
        cert_hash384(issuer_cert, issuer_hash);
        buf_put(b, "\x82\x08", 2);
        buf_put(b, issuer_hash + 40, 8);
    }
    buf_u8(b, issuer_cert == NULL ? 0x08 : 0x10);
    buf_put(b, "\x83\x00\x00\x00\x00\x00", 6);
    buf_u32(b, T0);
    buf_put(b, "\x84\x00\x64", 3);
    if (issuer_cert == NULL)
        buf_put(b, "\x01\x01\x00\x81", 4);
    else
        buf_put(b, "\x01\x01\x00\x01\x24", 5);
    buf_u8(b, 0x80);
    put_long_key(b, key);
    put_empty_signature(b, issuer->curve);
    struct cert c;
    assert_int_equal(cert_parse(buf_span(b), &c, &at), COER_OK);
    cert_digest(&c, issuer_cert == NULL ? NULL : issuer_hash, true, digest, &n);
    assert_int_equal(n, 48);
    sign_in_place(issuer, digest, n, b, &c.signature);
}

static void long_curves(void **state) {
    (void)state;
    static const enum ec_curve curves[][2] = {
        {CURVE_P384, CURVE_BP384}, {CURVE_BP384, CURVE_P384}, {CURVE_P384, CURVE_P256}};
    for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
        struct long_key root_key, ticket_key;
        struct buf root = {0}, ticket = {0}, message = {0};
        struct cert root_cert, ticket_cert;
        struct ws_err err;
        size_t at, n;
        long_key_make(&root_key, curves[i][0]);
        long_key_make(&ticket_key, curves[i][1]);
        long_cert(&root, &root_key, &root_key, NULL);
        assert_int_equal(cert_parse(buf_span(&root), &root_cert, &at), COER_OK);
        long_cert(&ticket, &ticket_key, &root_key, &root_cert);
        assert_int_equal(cert_parse(buf_span(&ticket), &ticket_cert, &at), COER_OK);
        assert_int_equal(ticket_cert.issuer_kind, ISSUER_SHA384);
        struct trust_store *store = trust_store_new(1);
        if (trust_add_root(store, buf_span(&root), &err) != WS_OK)
            fail_msg("%s", err.text);
        struct trust_result r = trust_check(store, &ticket_cert, T0 + 1);
        assert_int_equal(r.verdict, TRUST_OK);
        assert_int_equal(verify_key_curve(r.key), curves[i][1]);
        /* A message under it, with SHA-384. */
        buf_put(&message, "\x03\x81\x01\x40\x03\x80\x01x\x00\x01\x24\x81\x01\x01", 14);
        buf_put(&message, ticket.p, ticket.n);
        put_empty_signature(&message, curves[i][1]);
        struct spdu m = test_spdu(buf_span(&message));
        assert_int_equal(m.hash_id, 1);
        uint8_t hash[48];
        struct verify_item item = {.key = r.key};
        cert_hash384(&m.cert, hash);
        assert_true(spdu_digest(&m, span_of(hash, 48), item.digest, &n));
        assert_int_equal(n, 48);
        item.digest_octets = 48;
        sign_in_place(&ticket_key, item.digest, n, &message, &m.signature);
        assert_true(verify_item_signature(&item, &m.signature));
        assert_int_equal(verify_one(&item), VERIFY_GOOD);
        item.digest[47] ^= 1;
        /* Only the leftmost 256 bits count on a 256-bit curve. */
        assert_int_equal(verify_one(&item), curves[i][1] == CURVE_P256 ? VERIFY_GOOD : VERIFY_BAD);
        item.digest[0] ^= 1;
        assert_int_equal(verify_one(&item), VERIFY_BAD);
        verify_key_unref(r.key);
        trust_store_free(store);
        EVP_PKEY_free(root_key.pkey);
        EVP_PKEY_free(ticket_key.pkey);
        buf_free(&root);
        buf_free(&ticket);
        buf_free(&message);
    }
}

/* What the store tells about what it holds. */
static void issuers_are_listed(void **state) {
    struct world w;
    uint8_t hash[32];
    (void)state;
    world_make(&w);
    assert_int_equal(trust_count(w.store), 2);
    struct trust_issuer root = trust_issuer_at(w.store, 0);
    struct trust_issuer ca = trust_issuer_at(w.store, 1);
    assert_true(root.above == TRUST_ROOT);
    assert_int_equal(ca.above, 0);
    assert_true(span_equal(ca.cert->all, buf_span(&w.ca)));
    cert_hash256(root.cert, hash);
    assert_memory_equal(root.hash256, hash, 32);
    assert_non_null(ca.key);
    world_free(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(issuers_are_listed),
        cmocka_unit_test(side_by_side),
        cmocka_unit_test(times),
        cmocka_unit_test(issuer_unknown_or_known),
        cmocka_unit_test(outside_of_the_issuer),
        cmocka_unit_test(regions_are_inherited),
        cmocka_unit_test(profile_of_tickets),
        cmocka_unit_test(permissions),
        cmocka_unit_test(signatures),
        cmocka_unit_test(bad_keys),
        cmocka_unit_test(roots),
        cmocka_unit_test(long_curves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
