/* Who signed a message, and whether the signature fits: each verdict on that is reached by a frame made for it. */
#include "tests/unit/pktio/pipe_rig.h"

#include "v2x/psid.h"

/* The cryptographic library failing is not something a frame can bring about. */
static bool library_fails;
size_t __real_verify_poll(struct verify_kernel *k, struct verify_answer *ret, size_t max);
size_t __wrap_verify_poll(struct verify_kernel *k, struct verify_answer *ret, size_t max);
size_t __wrap_verify_poll(struct verify_kernel *k, struct verify_answer *ret, size_t max) {
    size_t n = __real_verify_poll(k, ret, max);
    for (size_t i = 0; i < n && library_fails; i++)
        ret[i].kind = VERIFY_BROKEN;
    return n;
}

/* ---- replay ---- */

static void duplicate_by_certificate_and_by_digest(void **state) {
    struct pipe_rig *f = *state;
    rig_expect(f, rig_cam(f, &f->car, f->now, true), PKT_VERIFIED);
    rig_expect(f, rig_run(f), PKT_DUPLICATE);
    rig_expect(
        f, rig_cam(f, &f->car, f->now, false), PKT_DUPLICATE); /* the same message by digest */
    rig_expect(f, rig_cam(f, &f->car, f->now + 1, false), PKT_VERIFIED);
    rig_expect(
        f, rig_cam(f, &f->truck, f->now, true), PKT_VERIFIED); /* same octets, another signer */
    f->now += 2000000;
    rig_expect(f, rig_cam(f, &f->car, PKI_NOW_US, true), PKT_DUPLICATE);
    f->now += 1;
    rig_expect(f, rig_cam(f, &f->car, PKI_NOW_US, true), PKT_STALE);
}

static void a_forgery_does_not_shut_out_the_real_one(void **state) {
    struct pipe_rig *f = *state;
    rig_make(f, &f->car, PSID_CAM, f->now, true);
    f->frame.p[f->frame.n - 1] ^= 1;
    rig_expect(f, rig_run(f), PKT_BAD_SIGNATURE);
    f->frame.p[f->frame.n - 1] ^= 1;
    rig_expect(f, rig_run(f), PKT_VERIFIED);
}

/* ---- signer ---- */

static void signer_unknown_until_heard(void **state) {
    struct pipe_rig *f = *state;
    rig_expect(f, rig_cam(f, &f->car, f->now, false), PKT_SIGNER_UNKNOWN);
    rig_expect(f, rig_cam(f, &f->car, f->now + 1, true), PKT_VERIFIED);
    rig_expect(f, rig_cam(f, &f->car, f->now, false), PKT_VERIFIED);
}

static void cert_breaks_its_profile(void **state) {
    struct pipe_rig *f = *state;
    const struct sign_permission app = {.psid = PSID_CAM};
    struct cert_request rq = {.valid_from_s = PKI_FROM_S,
        .valid_hours = 24,
        .app = &app,
        .n_app = 1,
        .issue_all = true,
        .issue_min_chain = 1};
    struct station s = {.key = sign_key_new(CURVE_P256, &f->pki.rnd), .mac = {2}};
    cert_put(&s.cert, &rq, s.key, f->pki.ca_key, buf_span(&f->pki.ca));
    rig_expect(f, rig_cam(f, &s, f->now, true), PKT_BAD_CERT);
    rig_expect(f, rig_cam(f, &s, f->now, true), PKT_BAD_CERT);
    rig_expect(f, rig_cam(f, &s, f->now, false), PKT_BAD_CERT);
    station_free(&s);
}

static void cert_key_is_no_point(void **state) {
    struct pipe_rig *f = *state;
    struct cert c;
    size_t at;
    assert_int_equal(cert_parse(buf_span(&f->stranger.cert), &c, &at), COER_OK);
    uint8_t *key = f->stranger.cert.p + (c.key.octets.p - f->stranger.cert.p);
    struct verify_key *k = verify_key_new(CURVE_P256, &c.key);
    for (; k != NULL; k = verify_key_new(CURVE_P256, &c.key)) {
        verify_key_unref(k);
        key[31]++;
    }
    rig_expect(f, rig_cam(f, &f->stranger, f->now, true), PKT_BAD_CERT);
}

static void implicit_is_issuer_unknown_by_digest_too(void **state) {
    struct pipe_rig *f = *state;
    struct station s;
    rig_implicit_station(&f->foreign, &s);
    rig_expect(f, rig_cam(f, &s, f->now, false), PKT_SIGNER_UNKNOWN);
    rig_expect(f, rig_cam(f, &s, f->now, true), PKT_ISSUER_UNKNOWN);
    rig_expect(f, rig_cam(f, &s, f->now, false), PKT_ISSUER_UNKNOWN);
    station_free(&s);
}

/* Who has an implicit certificate is known from his first good message on. What he says in the same burst comes behind it,
 * and behind what waited for it. */
static void implicit_in_one_burst_comes_in_order(void **state) {
    struct pipe_rig *f = *state;
    struct station s;
    rig_implicit_station(&f->pki, &s);
    struct buf frames[4] = {{0}};
    struct pkt_frame fr[4];
    /* One by digest; two with the certificate; the first again, with it. */
    for (unsigned i = 0; i < 4; i++) {
        station_frame(&frames[i], &s, PSID_CAM, f->now + i % 3, RIG_HELLO, i > 0);
        fr[i] = (struct pkt_frame){.data = buf_span(&frames[i]),
            .link = LINK_ETHERNET,
            .original_octets = (uint32_t)frames[i].n,
            .number = i + 1};
    }
    for (size_t burst = 1; burst <= 4; burst++) {
        enum pkt_verdict said[4];
        for (size_t i = 0; i < 4; i++)
            said[i] = PKT_VERDICT_COUNT;
        f->by_number = said;
        rig_start(f);
        for (size_t i = 0; i < 4; i += burst) {
            pipeline_take(f->p, &fr[i], i + burst > 4 ? 4 - i : burst, f->now);
            (void)pipeline_work(f->p, f->now);
        }
        pipeline_finish(f->p, f->now);
        assert_int_equal(f->n_got, 3);
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(said[i], PKT_VERIFIED);
            assert_int_equal(f->got[i]->frame, i + 1);
        }
        assert_int_equal(said[3], PKT_DUPLICATE);
    }
    f->by_number = NULL;
    for (unsigned i = 0; i < 4; i++)
        buf_free(&frames[i]);
    station_free(&s);
}

/* An implicit ticket is known from the first message whose signature fits, and not before: anybody can write
 * one in the name of a known authority. */
static void implicit_is_verified(void **state) {
    struct pipe_rig *f = *state;
    struct station s;
    rig_implicit_station(&f->pki, &s);
    struct sign_key *other = sign_key_new(CURVE_P256, &f->pki.rnd);
    struct sign_key *own = s.key;
    s.key = other;
    rig_expect(f, rig_cam(f, &s, f->now, true), PKT_BAD_SIGNATURE);
    assert_int_equal(pipeline_counters(f->p)->certs, 0);
    s.key = own;
    rig_expect(f, rig_cam(f, &s, f->now, false), PKT_SIGNER_UNKNOWN);
    rig_expect(f, rig_cam(f, &s, f->now, true), PKT_VERIFIED);
    assert_int_equal(pipeline_counters(f->p)->certs, 1);
    rig_expect(f, rig_cam(f, &s, f->now, true), PKT_DUPLICATE);
    rig_expect(f, rig_cam(f, &s, f->now + 1, false), PKT_VERIFIED);
    assert_int_equal(f->n_got, 2);
    uint8_t ca_hash[32];
    struct cert ca;
    size_t at;
    assert_int_equal(cert_parse(buf_span(&f->pki.ca), &ca, &at), COER_OK);
    cert_hash256(&ca, ca_hash);
    for (size_t i = 0; i < 2; i++) {
        assert_memory_equal(f->got[i]->issuer_hash, ca_hash, 32);
        assert_true(span_equal(f->got[i]->cert, buf_span(&s.cert)));
    }
    sign_key_free(other);
    station_free(&s);
}

static void cert_signature_wrong_is_checked_once(void **state) {
    struct pipe_rig *f = *state;
    f->car.cert.p[f->car.cert.n - 1] ^= 1;
    rig_expect(f, rig_cam(f, &f->car, f->now, true), PKT_CERT_INVALID);
    assert_non_null(strstr(f->detail, "signature"));
    uint64_t before = pipeline_counters(f->p)->signatures;
    rig_expect(f, rig_cam(f, &f->car, f->now + 1, true), PKT_CERT_INVALID);
    rig_expect(f, rig_cam(f, &f->car, f->now + 1, false), PKT_CERT_INVALID);
    assert_int_equal(pipeline_counters(f->p)->signatures, before);
}

static void location_outside_the_certificates_region(void **state) {
    struct pipe_rig *f = *state;
    const struct sign_permission app = {.psid = PSID_DENM};
    struct cert_request rq = {.valid_from_s = PKI_FROM_S,
        .valid_hours = 24,
        .app = &app,
        .n_app = 1,
        .has_circle = true,
        .circle_lat = 490000000,
        .circle_lon = 110000000,
        .circle_radius_m = 1000};
    struct station s = {.key = sign_key_new(CURVE_P256, &f->pki.rnd), .mac = {2}};
    cert_put(&s.cert, &rq, s.key, f->pki.ca_key, buf_span(&f->pki.ca));
    rig_make(f, &s, PSID_DENM, f->now, true);
    rig_expect(f, rig_run(f), PKT_CERT_INVALID);
    assert_non_null(strstr(f->detail, "region"));
    station_free(&s);
}

static void no_permission(void **state) {
    struct pipe_rig *f = *state;
    struct station s;
    const uint64_t only_cam[] = {PSID_CAM};
    pki_station(&f->pki, &s, only_cam, 1, PKI_FROM_S, 24);
    rig_make(f, &s, PSID_MAP_OBSERVATION, f->now, true);
    rig_expect(f, rig_run(f), PKT_NO_PERMISSION);
    rig_expect(f, rig_cam(f, &s, f->now, true), PKT_VERIFIED);
    rig_make(f, &s, PSID_MAP_OBSERVATION, f->now, false); /* and when the certificate is known */
    rig_expect(f, rig_run(f), PKT_NO_PERMISSION);
    station_free(&s);
}

static void cert_time_at_the_edge(void **state) {
    struct pipe_rig *f = *state;
    struct station s;
    const uint64_t only_cam[] = {PSID_CAM};
    pki_station(&f->pki, &s, only_cam, 1, PKI_FROM_S + 3600, 1);
    f->now = (uint64_t)(PKI_FROM_S + 3600) * 1000000;
    rig_expect(f, rig_cam(f, &s, f->now - 1, true), PKT_CERT_TIME);
    rig_expect(f, rig_cam(f, &s, f->now, true), PKT_VERIFIED);
    f->now += 3600ULL * 1000000;
    rig_expect(f, rig_cam(f, &s, f->now - 1, false), PKT_VERIFIED);
    rig_expect(f, rig_cam(f, &s, f->now, false), PKT_CERT_TIME);
    rig_expect(f, rig_cam(f, &s, f->now, true), PKT_CERT_TIME);
    station_free(&s);
}

/* ---- verify ---- */

static void bad_signature(void **state) {
    struct pipe_rig *f = *state;
    rig_make(f, &f->car, PSID_CAM, f->now, true);
    f->frame.p[f->frame.n - 40] ^= 1;
    rig_expect(f, rig_run(f), PKT_BAD_SIGNATURE);
    rig_make(f, &f->car, PSID_CAM, f->now, false);
    f->frame.p[f->frame.n - 1] ^= 1;
    rig_expect(f, rig_run(f), PKT_BAD_SIGNATURE);
    assert_int_equal(f->n_got, 0);
}

static void signature_of_another_curve(void **state) {
    struct pipe_rig *f = *state;
    rig_make(f, &f->car, PSID_CAM, f->now, true);
    f->frame.p[f->frame.n - 66] = 0x81; /* says Brainpool under a NIST key */
    rig_expect(f, rig_run(f), PKT_BAD_SIGNATURE);
    assert_non_null(strstr(f->detail, "curve"));
}

static void issuer_unknown_but_signature_good(void **state) {
    struct pipe_rig *f = *state;
    rig_expect(f, rig_cam(f, &f->stranger, f->now, false), PKT_SIGNER_UNKNOWN);
    /* A message that does not verify brings no certificate into the cache. */
    rig_make(f, &f->stranger, PSID_CAM, f->now, true);
    f->frame.p[f->frame.n - 1] ^= 1;
    rig_expect(f, rig_run(f), PKT_BAD_SIGNATURE);
    assert_int_equal(pipeline_counters(f->p)->certs, 0);
    rig_expect(f, rig_cam(f, &f->stranger, f->now, false), PKT_SIGNER_UNKNOWN);
    rig_expect(f, rig_cam(f, &f->stranger, f->now, true), PKT_GOOD_ISSUER_UNKNOWN);
    assert_int_equal(pipeline_counters(f->p)->certs, 1);
    rig_expect(f, rig_cam(f, &f->stranger, f->now + 1, false), PKT_GOOD_ISSUER_UNKNOWN);
    f->frame.p[f->frame.n - 1] ^= 1;
    rig_expect(f, rig_run(f), PKT_BAD_SIGNATURE);
    rig_expect(f, rig_cam(f, &f->stranger, f->now + 1, true), PKT_GOOD_ISSUER_UNKNOWN);
    assert_int_equal(pipeline_counters(f->p)->certs, 1);
    assert_int_equal(pipeline_counters(f->p)->identities, 0);
    assert_int_equal(f->n_got, 0);
}

static void library_failure(void **state) {
    struct pipe_rig *f = *state;
    library_fails = true;
    enum pkt_verdict v = rig_cam(f, &f->car, f->now, true);
    library_fails = false;
    rig_expect(f, v, PKT_VERIFY_BROKEN);
    rig_expect(f, rig_run(f), PKT_VERIFIED);
}

static void unchecked_admits_nothing(void **state) {
    struct pipe_rig *f = *state;
    f->cfg.verify = false;
    rig_start(f);
    rig_expect(f, rig_cam(f, &f->car, f->now, false), PKT_SIGNER_UNKNOWN);
    rig_expect(f, rig_cam(f, &f->car, f->now, true), PKT_UNCHECKED);
    rig_expect(f, rig_run(f), PKT_DUPLICATE);
    rig_expect(f, rig_cam(f, &f->car, f->now + 1, false), PKT_UNCHECKED);
    assert_int_equal(f->n_got, 0);
    assert_int_equal(pipeline_counters(f->p)->signatures, 0);
}

static void bit_flips_are_never_verified(void **state) {
    struct pipe_rig *f = *state;
    f->cfg.limits.source_rate = 0;
    rig_start(f);
    rig_make(f, &f->car, PSID_CAM, f->now, true);
    /* Octets before the 1609.2 structure (addresses, hop limit) are not signed. */
    const size_t from = 18;
    for (size_t bit = from * 8; bit < f->frame.n * 8; bit += 3) {
        f->frame.p[bit / 8] ^= (uint8_t)(1U << bit % 8);
        enum pkt_verdict v = rig_run(f);
        /* The parity of R is not part of an ECDSA signature: the same message, and so is its identity. */
        bool form_of_r = bit / 8 == f->frame.n - 65;
        if (v == PKT_VERIFIED && !form_of_r)
            fail_msg("bit %zu", bit);
        f->frame.p[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        T(duplicate_by_certificate_and_by_digest),
        T(a_forgery_does_not_shut_out_the_real_one),
        T(signer_unknown_until_heard),
        T(cert_breaks_its_profile),
        T(cert_key_is_no_point),
        T(implicit_is_issuer_unknown_by_digest_too),
        T(implicit_in_one_burst_comes_in_order),
        T(implicit_is_verified),
        T(cert_signature_wrong_is_checked_once),
        T(location_outside_the_certificates_region),
        T(no_permission),
        T(cert_time_at_the_edge),
        T(bad_signature),
        T(signature_of_another_curve),
        T(issuer_unknown_but_signature_good),
        T(library_failure),
        T(unchecked_admits_nothing),
        T(bit_flips_are_never_verified),
    };
    return cmocka_run_group_tests_name("pipeline_signer", tests, NULL, NULL);
}
