/* What a frame is, from its first octet to the header of the message in it: each verdict on that is reached by a frame made for
 * it, and what is handed on has all its fields. */
#include "tests/unit/pktio/pipe_rig.h"

#include "v2x/carrier.h"
#include "v2x/psid.h"

#include <stdio.h>

/* ---- handed on ---- */

static void verified_with_all_its_fields(void **state) {
    struct pipe_rig *f = *state;
    rig_expect(f, rig_cam(f, &f->car, f->now - 5, true), PKT_VERIFIED);
    rig_make(f, &f->car, PSID_MAP_OBSERVATION, f->now - 4, false);
    rig_expect(f, rig_run(f), PKT_VERIFIED);
    assert_int_equal(f->n_got, 2);
    struct spdu spdu;
    struct carrier carrier;
    size_t at;
    uint8_t hash[32];
    uint8_t ca_hash[32];
    uint8_t id[32];
    struct cert cert;
    assert_int_equal(carrier_read(LINK_ETHERNET, buf_span(&f->frame), &carrier), CARRIER_SECURED);
    assert_int_equal(spdu_parse(carrier.message, &spdu, &at), COER_OK);
    assert_int_equal(cert_parse(buf_span(&f->car.cert), &cert, &at), COER_OK);
    cert_hash256(&cert, hash);
    spdu_identity(&spdu, hash, id);
    assert_int_equal(cert_parse(buf_span(&f->pki.ca), &cert, &at), COER_OK);
    cert_hash256(&cert, ca_hash);
    struct pkt_message *m = f->got[1];
    assert_true(span_equal(m->spdu, spdu.all));
    assert_true(span_equal(m->cert, buf_span(&f->car.cert)));
    assert_memory_equal(m->id, id, 32);
    assert_memory_equal(m->cert_hash, hash, 32);
    assert_memory_equal(m->issuer_hash, ca_hash, 32);
    assert_int_equal(m->psid, PSID_MAP_OBSERVATION);
    assert_int_equal(m->generation_time, f->now - 4);
    assert_int_equal(m->received_its_us, f->now);
    assert_int_equal(m->frame, 7);
    assert_int_equal(m->capture, 2);
    assert_false(m->has_location);
    rig_make(f, &f->car, PSID_DENM, f->now, true);
    rig_expect(f, rig_run(f), PKT_VERIFIED);
    assert_true(f->got[2]->has_location);
    assert_int_equal(f->got[2]->lat, 480000000);
    assert_int_equal(f->got[2]->lon, 110000000);
}

static void verified_over_wsmp_and_udp(void **state) {
    struct pipe_rig *f = *state;
    struct spdu_request rq = {.psid = PSID_BSM,
        .generation_time = f->now,
        .payload = RIG_HELLO,
        .with_certificate = true};
    struct buf spdu = {0};
    spdu_put_signed(&spdu, &rq, f->car.key, buf_span(&f->car.cert));
    buf_clear(&f->frame);
    carrier_put_wsmp(&f->frame, f->car.mac, PSID_BSM, buf_span(&spdu));
    rig_expect(f, rig_run(f), PKT_VERIFIED);
    buf_clear(&spdu);
    rq.generation_time++;
    spdu_put_signed(&spdu, &rq, f->car.key, buf_span(&f->car.cert));
    buf_clear(&f->frame);
    const uint8_t src[16] = {0xfe, 0x80, [15] = 1};
    const uint8_t dst[16] = {0xff, 0x02, [15] = 1};
    carrier_put_udp6(&f->frame, f->car.mac, src, dst, 5000, buf_span(&spdu));
    rig_expect(f, rig_run(f), PKT_VERIFIED);
    buf_free(&spdu);
}

static void verified_under_a_brainpool_key(void **state) {
    struct pipe_rig *f = *state;
    const struct sign_permission app = {.psid = PSID_CAM};
    struct cert_request rq = {
        .valid_from_s = PKI_FROM_S, .valid_hours = 24, .app = &app, .n_app = 1};
    struct station s = {.key = sign_key_new(CURVE_BP256, &f->pki.rnd), .mac = {2}};
    cert_put(&s.cert, &rq, s.key, f->pki.ca_key, buf_span(&f->pki.ca));
    rig_expect(f, rig_cam(f, &s, f->now, true), PKT_VERIFIED);
    rig_expect(f, rig_cam(f, &s, f->now + 1, false), PKT_VERIFIED);
    station_free(&s);
}

static void ring_full_and_then_not_a_duplicate(void **state) {
    struct pipe_rig *f = *state;
    f->sink_full = true;
    rig_expect(f, rig_cam(f, &f->car, f->now, true), PKT_RING_FULL);
    f->sink_full = false;
    rig_expect(f, rig_run(f), PKT_VERIFIED);
    rig_expect(f, rig_run(f), PKT_DUPLICATE);
}

static void no_message_free(void **state) {
    struct pipe_rig *f = *state;
    f->cfg.limits.message_pool = 2;
    rig_start(f);
    rig_expect(f, rig_cam(f, &f->car, f->now, true), PKT_VERIFIED);
    rig_expect(f, rig_cam(f, &f->car, f->now + 1, true), PKT_VERIFIED);
    rig_expect(f, rig_cam(f, &f->car, f->now + 2, true), PKT_RING_FULL);
    pkt_message_release(f->got[0]);
    rig_expect(f, rig_run(f), PKT_VERIFIED);
}

/* ---- classify ---- */

static void not_v2x(void **state) {
    struct pipe_rig *f = *state;
    uint8_t arp[60] = {[12] = 0x08, [13] = 0x06};
    rig_expect(f, rig_run_span(f, span_of(arp, sizeof(arp))), PKT_NOT_V2X);
}

static void carrier_truncated_at_every_length(void **state) {
    struct pipe_rig *f = *state;
    rig_make(f, &f->car, PSID_CAM, f->now, true);
    bool seen[PKT_VERDICT_COUNT] = {false};
    for (size_t n = 0; n < f->frame.n; n++) {
        uint8_t *copy = ws_memdup(f->frame.p, n);
        enum pkt_verdict v = rig_run_span(f, span_of(copy, n));
        free(copy);
        assert_int_not_equal(v, PKT_VERIFIED);
        seen[v] = true;
    }
    assert_true(seen[PKT_TRUNCATED_CARRIER]);
    assert_true(seen[PKT_BAD_SPDU]);
    rig_expect(f, rig_run(f), PKT_VERIFIED);
}

static void carrier_malformed(void **state) {
    struct pipe_rig *f = *state;
    rig_make(f, &f->car, PSID_CAM, f->now, true);
    f->frame.p[14] = 0x52; /* GeoNetworking version 5 */
    rig_expect(f, rig_run(f), PKT_BAD_CARRIER);
}

static void ip_fragment(void **state) {
    struct pipe_rig *f = *state;
    uint8_t ip[60] = {[12] = 8, [14] = 0x45, [17] = 46, [20] = 0x20, [22] = 64, [23] = 17};
    rig_expect(f, rig_run_span(f, span_of(ip, sizeof(ip))), PKT_IP_FRAGMENT);
}

static void cut_frame(void **state) {
    struct pipe_rig *f = *state;
    rig_make(f, &f->car, PSID_CAM, f->now, true);
    struct pkt_frame fr = {
        .data = span_of(f->frame.p, f->frame.n - 40),
        .link = LINK_ETHERNET,
        .original_octets = (uint32_t)f->frame.n,
    };
    rig_expect(f, rig_run_as(f, fr), PKT_CUT_FRAME);
    fr.data.n = 16; /* inside a header */
    rig_expect(f, rig_run_as(f, fr), PKT_CUT_FRAME);
}

static void unsecured(void **state) {
    struct pipe_rig *f = *state;
    rig_make(f, &f->car, PSID_CAM, f->now, true);
    uint8_t gn[80] = {[12] = 0x89,
        [13] = 0x47,
        [14] = 0x11,
        [16] = 5,
        [17] = 1,
        [18] = 0x20,
        [19] = 0x50,
        [22] = 0,
        [23] = 10,
        [24] = 1,
        [54] = 0x07,
        [55] = 0xd1};
    rig_expect(f, rig_run_span(f, span_of(gn, sizeof(gn))), PKT_UNSECURED);
}

/* ---- source budget ---- */

static void source_budget(void **state) {
    struct pipe_rig *f = *state;
    f->cfg.limits.source_burst = 3;
    f->cfg.limits.source_rate = 10;
    rig_start(f);
    for (unsigned i = 0; i < 3; i++)
        rig_expect(f, rig_cam(f, &f->car, f->now + i, true), PKT_VERIFIED);
    uint64_t before = pipeline_counters(f->p)->signatures;
    rig_expect(f, rig_cam(f, &f->car, f->now + 3, true), PKT_SOURCE_BUDGET);
    assert_int_equal(pipeline_counters(f->p)->signatures, before);
    rig_expect(f, rig_cam(f, &f->truck, f->now, true), PKT_VERIFIED);
    f->now += 100000;
    rig_expect(f, rig_cam(f, &f->car, f->now, true), PKT_VERIFIED);
}

/* ---- decode and profile ---- */

/* What the header of a message has, in the order of HeaderInfo. */
enum { GEN = 0x40, EXPIRY = 0x20, PLACE = 0x10, LEARNING = 0x08, CRL = 0x04, ENCRYPTION = 0x02 };
enum { BY_DIGEST = 0x80, BY_SELF = 0x82 };

static void craft(struct buf *b, struct pipe_rig *f, uint64_t psid, unsigned has, unsigned signer,
    size_t payload) {
    buf_put(b, "\x03\x81\x00\x40\x03\x80", 6);
    coer_put_length(b, payload);
    memset(buf_grow(b, payload), 0x55, payload);
    buf_u8(b, (uint8_t)has);
    coer_put_uint(b, psid);
    if (has & GEN)
        buf_u64(b, f->now);
    if (has & EXPIRY)
        buf_u64(b, f->now + 5);
    if (has & PLACE) {
        buf_u32(b, 480000000);
        buf_u32(b, 110000000);
        buf_u16(b, 0);
    }
    if (has & LEARNING)
        buf_put(b, "abc", 3);
    if (has & CRL)
        buf_put(b, "\0abcde", 6);
    if (has & ENCRYPTION)
        buf_put(b,
            "\x81\x80"
            "0123456789abcdef",
            18);
    buf_u8(b, (uint8_t)signer);
    if (signer == BY_DIGEST)
        buf_put(b, "unheard!", 8);
    buf_put(b, "\x80\x80", 2);
    memset(buf_grow(b, 64), 0x11, 64);
}

static void profile_rules(void **state) {
    struct pipe_rig *f = *state;
    static const struct {
        uint64_t psid;
        unsigned has, signer;
        size_t payload;
        const char *rule; /* NULL: no rule is broken, the signer is unknown */
    } cases[] = {
        {PSID_CAM, GEN, BY_DIGEST, 5, NULL},
        {PSID_CAM, 0, BY_DIGEST, 5, "generationTime"},
        {PSID_BSM, 0, BY_DIGEST, 5, "generationTime"},
        {PSID_MAP_OBSERVATION, 0, BY_DIGEST, 5, "generationTime"},
        {PSID_LEARNING_RECORD, 0, BY_DIGEST, 5, "generationTime"},
        {PSID_CAM, GEN, BY_SELF, 5, "self"},
        {PSID_CAM, GEN | PLACE, BY_DIGEST, 5, "generationLocation"},
        {PSID_CAM, GEN | EXPIRY, BY_DIGEST, 5, "expiryTime"},
        {PSID_CAM, GEN | LEARNING, BY_DIGEST, 5, "p2pcdLearningRequest"},
        {PSID_CAM, GEN | CRL, BY_DIGEST, 5, "missingCrlIdentifier"},
        {PSID_CAM, GEN | ENCRYPTION, BY_DIGEST, 5, "encryptionKey"},
        {PSID_CAM, GEN, BY_DIGEST, 0, "payload"},
        {PSID_DENM, GEN, BY_DIGEST, 5, "generationLocation"},
        {PSID_DENM, GEN | PLACE, BY_DIGEST, 5, "digest"},
        {PSID_BSM, GEN | PLACE | EXPIRY, BY_DIGEST, 5, NULL},
        {PSID_BSM, GEN, BY_DIGEST, 4200, "too long"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf b = {0};
        craft(&b, f, cases[i].psid, cases[i].has, cases[i].signer, cases[i].payload);
        enum pkt_verdict v = rig_run_spdu(f, buf_span(&b));
        rig_expect(f, v, cases[i].rule == NULL ? PKT_SIGNER_UNKNOWN : PKT_BAD_PROFILE);
        if (cases[i].rule != NULL)
            assert_non_null(strstr(f->detail, cases[i].rule));
        buf_free(&b);
    }
}

static void learning_tells_no_place(void **state) {
    struct pipe_rig *f = *state;
    struct buf with = {0};
    struct buf without = {0};
    craft(&with, f, PSID_LEARNING_RECORD, GEN | PLACE, BY_DIGEST, 5);
    craft(&without, f, PSID_LEARNING_RECORD, GEN, BY_DIGEST, 5);
    rig_expect(f, rig_run_spdu(f, buf_span(&with)), PKT_TELLS_PLACE);
    rig_expect(f, rig_run_spdu(f, buf_span(&without)), PKT_SIGNER_UNKNOWN);
    assert_string_equal(pkt_verdict_name(PKT_TELLS_PLACE), "tells_place");
    buf_free(&with);
    buf_free(&without);
}

static void certificate_too_long(void **state) {
    struct pipe_rig *f = *state;
    uint8_t ssp[2100] = {1};
    const struct sign_permission app = {.psid = PSID_CAM, .ssp = span_of(ssp, sizeof(ssp))};
    struct cert_request rq = {
        .valid_from_s = PKI_FROM_S, .valid_hours = 24, .app = &app, .n_app = 1};
    struct station s = {.key = sign_key_new(CURVE_P256, &f->pki.rnd), .mac = {2}};
    cert_put(&s.cert, &rq, s.key, f->pki.ca_key, buf_span(&f->pki.ca));
    rig_expect(f, rig_cam(f, &s, f->now, true), PKT_BAD_PROFILE);
    assert_non_null(strstr(f->detail, "certificate is too long"));
    station_free(&s);
}

static void spdu_malformed_says_where(void **state) {
    struct pipe_rig *f = *state;
    struct buf b = {0};
    craft(&b, f, PSID_CAM, GEN, BY_DIGEST, 5);
    b.p[0] = 2; /* the carrier wants a 3 there */
    rig_expect(f, rig_run_spdu(f, buf_span(&b)), PKT_BAD_SPDU);
    b.p[0] = 3;
    b.p[b.n - 65] = 0x85; /* form of r */
    rig_expect(f, rig_run_spdu(f, buf_span(&b)), PKT_BAD_SPDU);
    char at[32];
    (void)snprintf(at, sizeof(at), "octet %zu", b.n - 65);
    assert_non_null(strstr(f->detail, at));
    buf_free(&b);
}

static void not_signed(void **state) {
    struct pipe_rig *f = *state;
    rig_expect(f, rig_run_spdu(f, span_of("\x03\x80\x02hi", 5)), PKT_NOT_SIGNED);
}

static void algorithm_unsupported(void **state) {
    struct pipe_rig *f = *state;
    struct buf b = {0};
    craft(&b, f, PSID_CAM, GEN, BY_DIGEST, 5);
    b.p[2] = 2;
    rig_expect(f, rig_run_spdu(f, buf_span(&b)), PKT_NOT_COUNTED_ALG);
    b.p[2] = 3;
    rig_expect(f, rig_run_spdu(f, buf_span(&b)), PKT_BAD_SPDU);
    buf_free(&b);
}

static void psid_mismatch(void **state) {
    struct pipe_rig *f = *state;
    struct buf b = {0};
    craft(&b, f, PSID_CAM, GEN, BY_DIGEST, 5);
    buf_clear(&f->frame);
    carrier_put_wsmp(&f->frame, f->car.mac, PSID_BSM, buf_span(&b));
    rig_expect(f, rig_run(f), PKT_PSID_MISMATCH);
    buf_free(&b);
}

/* ---- freshness ---- */

static void stale_and_future_at_the_edge(void **state) {
    struct pipe_rig *f = *state;
    uint64_t now = f->now;
    rig_expect(f, rig_cam(f, &f->car, now - 2000000, true), PKT_VERIFIED);
    rig_expect(f, rig_cam(f, &f->car, now - 2000001, true), PKT_STALE);
    rig_expect(f, rig_cam(f, &f->car, now + 500000, true), PKT_VERIFIED);
    rig_expect(f, rig_cam(f, &f->car, now + 500001, true), PKT_FUTURE);
    rig_make(
        f, &f->car, PSID_MAP_OBSERVATION, now - 10000000, true); /* ours have their own window */
    rig_expect(f, rig_run(f), PKT_VERIFIED);
    rig_make(f, &f->car, PSID_LEARNING_RECORD, now - 10000001, true);
    rig_expect(f, rig_run(f), PKT_STALE);
    rig_expect(f, rig_cam(f, &f->car, 0, true), PKT_STALE);
    rig_expect(f, rig_cam(f, &f->car, UINT64_MAX, true), PKT_FUTURE);
}

static void expired(void **state) {
    struct pipe_rig *f = *state;
    struct buf b = {0};
    craft(&b, f, PSID_BSM, GEN | EXPIRY, BY_DIGEST, 5);
    f->now += 5;
    rig_expect(f, rig_run_spdu(f, buf_span(&b)), PKT_SIGNER_UNKNOWN);
    f->now += 1;
    rig_expect(f, rig_run_spdu(f, buf_span(&b)), PKT_STALE);
    assert_non_null(strstr(f->detail, "expiryTime"));
    buf_free(&b);
}

static void out_of_region(void **state) {
    struct pipe_rig *f = *state;
    f->cfg.has_region = true;
    f->cfg.lat_min = f->cfg.lat_max = 480000000;
    f->cfg.lon_min = f->cfg.lon_max = 110000000;
    rig_start(f);
    rig_make(f, &f->car, PSID_DENM, f->now, true);
    rig_expect(f, rig_run(f), PKT_VERIFIED);
    f->cfg.lon_min++;
    f->cfg.lon_max++;
    rig_start(f);
    rig_expect(f, rig_run(f), PKT_OUT_OF_REGION);
    rig_expect(f, rig_cam(f, &f->car, f->now, true), PKT_VERIFIED); /* has no location to check */
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        T(verified_with_all_its_fields),
        T(verified_over_wsmp_and_udp),
        T(verified_under_a_brainpool_key),
        T(ring_full_and_then_not_a_duplicate),
        T(no_message_free),
        T(not_v2x),
        T(carrier_truncated_at_every_length),
        T(carrier_malformed),
        T(ip_fragment),
        T(cut_frame),
        T(unsecured),
        T(source_budget),
        T(profile_rules),
        T(certificate_too_long),
        T(spdu_malformed_says_where),
        T(not_signed),
        T(algorithm_unsupported),
        T(psid_mismatch),
        T(learning_tells_no_place),
        T(stale_and_future_at_the_edge),
        T(expired),
        T(out_of_region),
    };
    return cmocka_run_group_tests_name("pipeline_frames", tests, NULL, NULL);
}
