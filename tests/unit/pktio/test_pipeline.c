/* Each verdict is reached by a frame made for it; verdicts do not depend on how frames fall into bursts; the
 * counters add up. */
#include "tests/support/cm.h"
#include "tests/support/dot2.h"
#include "tests/support/pki.h"

#include "pktio/pipeline.h"
#include "v2x/carrier.h"
#include "v2x/psid.h"

#include <stdio.h>

enum { SINK_MAX = 512 };

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

struct fixture {
    struct pki pki, foreign; /* foreign: its root is not configured */
    struct station car, truck, stranger;
    struct station silent; /* its certificate is never sent */
    struct pipeline_config cfg;
    struct pipeline *p;
    struct buf frame;
    uint64_t now;
    bool sink_full;
    struct pkt_message *got[SINK_MAX];
    size_t n_got;
    /* what was said about frames */
    size_t n_said;
    enum pkt_verdict last;
    char detail[160];
    enum pkt_verdict *by_number; /* frame numbers count from 1 */
    uint64_t said[SINK_MAX]; /* numbers, in order */
};

static const struct span HELLO = {(const uint8_t *)"hello", 5};

static bool sink(void *ctx, struct pkt_message *m) {
    struct fixture *f = ctx;
    if (f->sink_full || f->n_got == SINK_MAX)
        return false;
    f->got[f->n_got++] = m;
    return true;
}

static void note(void *ctx, const struct pkt_frame *fr, enum pkt_verdict v, const char *detail) {
    struct fixture *f = ctx;
    uint8_t sum = 0; /* the frame can be read */
    for (size_t i = 0; i < fr->data.n; i++)
        sum ^= fr->data.p[i];
    (void)sum;
    assert_true(strlen(detail) > 0);
    (void)snprintf(f->detail, sizeof(f->detail), "%s", detail);
    f->last = v;
    if (f->by_number != NULL) {
        assert_int_equal(f->by_number[fr->number - 1], PKT_VERDICT_COUNT); /* once for each */
        f->by_number[fr->number - 1] = v;
    }
    f->said[f->n_said++ % SINK_MAX] = fr->number;
}

static void start(struct fixture *f) {
    pipeline_free(f->p);
    f->n_got = 0;
    f->n_said = 0;
    f->p = pipeline_new(&f->cfg, sink, f, note, f);
}

static void take(struct fixture *f, const struct pkt_frame *fr, size_t n) {
    pipeline_take(f->p, fr, n, f->now);
    while (pipeline_work(f->p, f->now))
        ;
}

static int setup(void **state) {
    struct fixture *f = ws_alloc(sizeof(*f));
    pki_init(&f->pki, 1);
    pki_init(&f->foreign, 2);
    pki_vehicle(&f->pki, &f->car);
    pki_vehicle(&f->pki, &f->truck);
    pki_vehicle(&f->foreign, &f->stranger);
    pki_vehicle(&f->pki, &f->silent);
    f->now = PKI_NOW_US;
    f->cfg = (struct pipeline_config){
        .limits =
            {
                .source_slots = 64,
                .source_rate = 1000,
                .source_burst = 1000,
                .replay_slots = 1024,
                .cert_slots = 64,
                .message_pool = 256,
                .freshness_us = 2000000,
                .freshness_own_us = 10000000,
                .future_us = 500000,
            },
        .trust = f->pki.trust,
        .verify = true,
    };
    start(f);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    f->by_number = NULL;
    pipeline_finish(f->p, f->now);
    const struct pipeline_counters *n = pipeline_counters(f->p);
    uint64_t sum = 0;
    for (unsigned v = 0; v < PKT_VERDICT_COUNT; v++)
        sum += n->verdict[v];
    int rc = sum == n->frames ? 0 : -1; /* of every test: a verdict for each frame */
    pipeline_free(f->p);
    buf_free(&f->frame);
    station_free(&f->car);
    station_free(&f->truck);
    station_free(&f->stranger);
    station_free(&f->silent);
    pki_free(&f->pki);
    pki_free(&f->foreign);
    library_fails = false;
    free(f);
    return rc;
}

static enum pkt_verdict run_as(struct fixture *f, struct pkt_frame fr) {
    f->n_said = 0;
    take(f, &fr, 1);
    if (f->n_said == 0) /* it would wait for its certificate */
        pipeline_finish(f->p, f->now);
    assert_int_equal(f->n_said, 1);
    return f->last;
}

static enum pkt_verdict run_span(struct fixture *f, struct span octets) {
    struct pkt_frame fr = {
        .data = octets,
        .link = LINK_ETHERNET,
        .original_octets = (uint32_t)octets.n,
        .number = 7,
        .capture = 2,
    };
    return run_as(f, fr);
}

static enum pkt_verdict run(struct fixture *f) {
    return run_span(f, buf_span(&f->frame));
}

static void expect(struct fixture *f, enum pkt_verdict got, enum pkt_verdict want) {
    if (got != want)
        print_error("%s (%s)\n", pkt_verdict_name(got), f->detail);
    assert_string_equal(pkt_verdict_name(got), pkt_verdict_name(want));
}

/* Makes the frame of the fixture. */
static void make(
    struct fixture *f, const struct station *s, uint64_t psid, uint64_t gen, bool cert) {
    buf_clear(&f->frame);
    station_frame(&f->frame, s, psid, gen, HELLO, cert);
}

static enum pkt_verdict cam(struct fixture *f, const struct station *s, uint64_t gen, bool cert) {
    make(f, s, PSID_CAM, gen, cert);
    return run(f);
}

/* Puts a 1609.2 structure of our own making into a frame. */
static enum pkt_verdict run_spdu(struct fixture *f, struct span spdu) {
    buf_clear(&f->frame);
    carrier_put_gn_secured(&f->frame, f->car.mac, spdu);
    return run(f);
}

/* ---- handed on ---- */

static void verified_with_all_its_fields(void **state) {
    struct fixture *f = *state;
    expect(f, cam(f, &f->car, f->now - 5, true), PKT_VERIFIED);
    make(f, &f->car, PSID_MAP_OBSERVATION, f->now - 4, false);
    expect(f, run(f), PKT_VERIFIED);
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
    make(f, &f->car, PSID_DENM, f->now, true);
    expect(f, run(f), PKT_VERIFIED);
    assert_true(f->got[2]->has_location);
    assert_int_equal(f->got[2]->lat, 480000000);
    assert_int_equal(f->got[2]->lon, 110000000);
}

static void verified_over_wsmp_and_udp(void **state) {
    struct fixture *f = *state;
    struct spdu_request rq = {
        .psid = PSID_BSM, .generation_time = f->now, .payload = HELLO, .with_certificate = true};
    struct buf spdu = {0};
    spdu_put_signed(&spdu, &rq, f->car.key, buf_span(&f->car.cert));
    buf_clear(&f->frame);
    carrier_put_wsmp(&f->frame, f->car.mac, PSID_BSM, buf_span(&spdu));
    expect(f, run(f), PKT_VERIFIED);
    buf_clear(&spdu);
    rq.generation_time++;
    spdu_put_signed(&spdu, &rq, f->car.key, buf_span(&f->car.cert));
    buf_clear(&f->frame);
    const uint8_t src[16] = {0xfe, 0x80, [15] = 1};
    const uint8_t dst[16] = {0xff, 0x02, [15] = 1};
    carrier_put_udp6(&f->frame, f->car.mac, src, dst, 5000, buf_span(&spdu));
    expect(f, run(f), PKT_VERIFIED);
    buf_free(&spdu);
}

static void verified_under_a_brainpool_key(void **state) {
    struct fixture *f = *state;
    const struct sign_permission app = {.psid = PSID_CAM};
    struct cert_request rq = {
        .valid_from_s = PKI_FROM_S, .valid_hours = 24, .app = &app, .n_app = 1};
    struct station s = {.key = sign_key_new(CURVE_BP256, &f->pki.rnd), .mac = {2}};
    cert_put(&s.cert, &rq, s.key, f->pki.ca_key, buf_span(&f->pki.ca));
    expect(f, cam(f, &s, f->now, true), PKT_VERIFIED);
    expect(f, cam(f, &s, f->now + 1, false), PKT_VERIFIED);
    station_free(&s);
}

static void ring_full_and_then_not_a_duplicate(void **state) {
    struct fixture *f = *state;
    f->sink_full = true;
    expect(f, cam(f, &f->car, f->now, true), PKT_RING_FULL);
    f->sink_full = false;
    expect(f, run(f), PKT_VERIFIED);
    expect(f, run(f), PKT_DUPLICATE);
}

static void no_message_free(void **state) {
    struct fixture *f = *state;
    f->cfg.limits.message_pool = 2;
    start(f);
    expect(f, cam(f, &f->car, f->now, true), PKT_VERIFIED);
    expect(f, cam(f, &f->car, f->now + 1, true), PKT_VERIFIED);
    expect(f, cam(f, &f->car, f->now + 2, true), PKT_RING_FULL);
    pkt_message_release(f->got[0]);
    expect(f, run(f), PKT_VERIFIED);
}

/* ---- classify ---- */

static void not_v2x(void **state) {
    struct fixture *f = *state;
    uint8_t arp[60] = {[12] = 0x08, [13] = 0x06};
    expect(f, run_span(f, span_of(arp, sizeof(arp))), PKT_NOT_V2X);
}

static void carrier_truncated_at_every_length(void **state) {
    struct fixture *f = *state;
    make(f, &f->car, PSID_CAM, f->now, true);
    bool seen[PKT_VERDICT_COUNT] = {false};
    for (size_t n = 0; n < f->frame.n; n++) {
        uint8_t *copy = ws_memdup(f->frame.p, n);
        enum pkt_verdict v = run_span(f, span_of(copy, n));
        free(copy);
        assert_int_not_equal(v, PKT_VERIFIED);
        seen[v] = true;
    }
    assert_true(seen[PKT_TRUNCATED_CARRIER]);
    assert_true(seen[PKT_BAD_SPDU]);
    expect(f, run(f), PKT_VERIFIED);
}

static void carrier_malformed(void **state) {
    struct fixture *f = *state;
    make(f, &f->car, PSID_CAM, f->now, true);
    f->frame.p[14] = 0x52; /* GeoNetworking version 5 */
    expect(f, run(f), PKT_BAD_CARRIER);
}

static void ip_fragment(void **state) {
    struct fixture *f = *state;
    uint8_t ip[60] = {[12] = 8, [14] = 0x45, [17] = 46, [20] = 0x20, [22] = 64, [23] = 17};
    expect(f, run_span(f, span_of(ip, sizeof(ip))), PKT_IP_FRAGMENT);
}

static void cut_frame(void **state) {
    struct fixture *f = *state;
    make(f, &f->car, PSID_CAM, f->now, true);
    struct pkt_frame fr = {
        .data = span_of(f->frame.p, f->frame.n - 40),
        .link = LINK_ETHERNET,
        .original_octets = (uint32_t)f->frame.n,
    };
    expect(f, run_as(f, fr), PKT_CUT_FRAME);
    fr.data.n = 16; /* inside a header */
    expect(f, run_as(f, fr), PKT_CUT_FRAME);
}

static void unsecured(void **state) {
    struct fixture *f = *state;
    make(f, &f->car, PSID_CAM, f->now, true);
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
    expect(f, run_span(f, span_of(gn, sizeof(gn))), PKT_UNSECURED);
}

/* ---- source budget ---- */

static void source_budget(void **state) {
    struct fixture *f = *state;
    f->cfg.limits.source_burst = 3;
    f->cfg.limits.source_rate = 10;
    start(f);
    for (unsigned i = 0; i < 3; i++)
        expect(f, cam(f, &f->car, f->now + i, true), PKT_VERIFIED);
    uint64_t before = pipeline_counters(f->p)->signatures;
    expect(f, cam(f, &f->car, f->now + 3, true), PKT_SOURCE_BUDGET);
    assert_int_equal(pipeline_counters(f->p)->signatures, before);
    expect(f, cam(f, &f->truck, f->now, true), PKT_VERIFIED);
    f->now += 100000;
    expect(f, cam(f, &f->car, f->now, true), PKT_VERIFIED);
}

/* ---- decode and profile ---- */

/* What the header of a message has, in the order of HeaderInfo. */
enum { GEN = 0x40, EXPIRY = 0x20, PLACE = 0x10, LEARNING = 0x08, CRL = 0x04, ENCRYPTION = 0x02 };
enum { BY_DIGEST = 0x80, BY_SELF = 0x82 };

static void craft(struct buf *b, struct fixture *f, uint64_t psid, unsigned has, unsigned signer,
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
    struct fixture *f = *state;
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
        enum pkt_verdict v = run_spdu(f, buf_span(&b));
        expect(f, v, cases[i].rule == NULL ? PKT_SIGNER_UNKNOWN : PKT_BAD_PROFILE);
        if (cases[i].rule != NULL)
            assert_non_null(strstr(f->detail, cases[i].rule));
        buf_free(&b);
    }
}

static void certificate_too_long(void **state) {
    struct fixture *f = *state;
    uint8_t ssp[2100] = {1};
    const struct sign_permission app = {.psid = PSID_CAM, .ssp = span_of(ssp, sizeof(ssp))};
    struct cert_request rq = {
        .valid_from_s = PKI_FROM_S, .valid_hours = 24, .app = &app, .n_app = 1};
    struct station s = {.key = sign_key_new(CURVE_P256, &f->pki.rnd), .mac = {2}};
    cert_put(&s.cert, &rq, s.key, f->pki.ca_key, buf_span(&f->pki.ca));
    expect(f, cam(f, &s, f->now, true), PKT_BAD_PROFILE);
    assert_non_null(strstr(f->detail, "certificate is too long"));
    station_free(&s);
}

static void spdu_malformed_says_where(void **state) {
    struct fixture *f = *state;
    struct buf b = {0};
    craft(&b, f, PSID_CAM, GEN, BY_DIGEST, 5);
    b.p[0] = 2; /* the carrier wants a 3 there */
    expect(f, run_spdu(f, buf_span(&b)), PKT_BAD_SPDU);
    b.p[0] = 3;
    b.p[b.n - 65] = 0x85; /* form of r */
    expect(f, run_spdu(f, buf_span(&b)), PKT_BAD_SPDU);
    char at[32];
    (void)snprintf(at, sizeof(at), "octet %zu", b.n - 65);
    assert_non_null(strstr(f->detail, at));
    buf_free(&b);
}

static void not_signed(void **state) {
    struct fixture *f = *state;
    expect(f, run_spdu(f, span_of("\x03\x80\x02hi", 5)), PKT_NOT_SIGNED);
}

static void algorithm_unsupported(void **state) {
    struct fixture *f = *state;
    struct buf b = {0};
    craft(&b, f, PSID_CAM, GEN, BY_DIGEST, 5);
    b.p[2] = 2;
    expect(f, run_spdu(f, buf_span(&b)), PKT_NOT_COUNTED_ALG);
    b.p[2] = 3;
    expect(f, run_spdu(f, buf_span(&b)), PKT_BAD_SPDU);
    buf_free(&b);
}

static void psid_mismatch(void **state) {
    struct fixture *f = *state;
    struct buf b = {0};
    craft(&b, f, PSID_CAM, GEN, BY_DIGEST, 5);
    buf_clear(&f->frame);
    carrier_put_wsmp(&f->frame, f->car.mac, PSID_BSM, buf_span(&b));
    expect(f, run(f), PKT_PSID_MISMATCH);
    buf_free(&b);
}

/* ---- freshness ---- */

static void stale_and_future_at_the_edge(void **state) {
    struct fixture *f = *state;
    uint64_t now = f->now;
    expect(f, cam(f, &f->car, now - 2000000, true), PKT_VERIFIED);
    expect(f, cam(f, &f->car, now - 2000001, true), PKT_STALE);
    expect(f, cam(f, &f->car, now + 500000, true), PKT_VERIFIED);
    expect(f, cam(f, &f->car, now + 500001, true), PKT_FUTURE);
    make(f, &f->car, PSID_MAP_OBSERVATION, now - 10000000, true); /* ours have their own window */
    expect(f, run(f), PKT_VERIFIED);
    make(f, &f->car, PSID_LEARNING_RECORD, now - 10000001, true);
    expect(f, run(f), PKT_STALE);
    expect(f, cam(f, &f->car, 0, true), PKT_STALE);
    expect(f, cam(f, &f->car, UINT64_MAX, true), PKT_FUTURE);
}

static void expired(void **state) {
    struct fixture *f = *state;
    struct buf b = {0};
    craft(&b, f, PSID_BSM, GEN | EXPIRY, BY_DIGEST, 5);
    f->now += 5;
    expect(f, run_spdu(f, buf_span(&b)), PKT_SIGNER_UNKNOWN);
    f->now += 1;
    expect(f, run_spdu(f, buf_span(&b)), PKT_STALE);
    assert_non_null(strstr(f->detail, "expiryTime"));
    buf_free(&b);
}

static void out_of_region(void **state) {
    struct fixture *f = *state;
    f->cfg.has_region = true;
    f->cfg.lat_min = f->cfg.lat_max = 480000000;
    f->cfg.lon_min = f->cfg.lon_max = 110000000;
    start(f);
    make(f, &f->car, PSID_DENM, f->now, true);
    expect(f, run(f), PKT_VERIFIED);
    f->cfg.lon_min++;
    f->cfg.lon_max++;
    start(f);
    expect(f, run(f), PKT_OUT_OF_REGION);
    expect(f, cam(f, &f->car, f->now, true), PKT_VERIFIED); /* has no location to check */
}

/* ---- replay ---- */

static void duplicate_by_certificate_and_by_digest(void **state) {
    struct fixture *f = *state;
    expect(f, cam(f, &f->car, f->now, true), PKT_VERIFIED);
    expect(f, run(f), PKT_DUPLICATE);
    expect(f, cam(f, &f->car, f->now, false), PKT_DUPLICATE); /* the same message by digest */
    expect(f, cam(f, &f->car, f->now + 1, false), PKT_VERIFIED);
    expect(f, cam(f, &f->truck, f->now, true), PKT_VERIFIED); /* same octets, another signer */
    f->now += 2000000;
    expect(f, cam(f, &f->car, PKI_NOW_US, true), PKT_DUPLICATE);
    f->now += 1;
    expect(f, cam(f, &f->car, PKI_NOW_US, true), PKT_STALE);
}

static void a_forgery_does_not_shut_out_the_real_one(void **state) {
    struct fixture *f = *state;
    make(f, &f->car, PSID_CAM, f->now, true);
    f->frame.p[f->frame.n - 1] ^= 1;
    expect(f, run(f), PKT_BAD_SIGNATURE);
    f->frame.p[f->frame.n - 1] ^= 1;
    expect(f, run(f), PKT_VERIFIED);
}

/* ---- signer ---- */

static void signer_unknown_until_heard(void **state) {
    struct fixture *f = *state;
    expect(f, cam(f, &f->car, f->now, false), PKT_SIGNER_UNKNOWN);
    expect(f, cam(f, &f->car, f->now + 1, true), PKT_VERIFIED);
    expect(f, cam(f, &f->car, f->now, false), PKT_VERIFIED);
}

static void cert_breaks_its_profile(void **state) {
    struct fixture *f = *state;
    const struct sign_permission app = {.psid = PSID_CAM};
    struct cert_request rq = {.valid_from_s = PKI_FROM_S,
        .valid_hours = 24,
        .app = &app,
        .n_app = 1,
        .issue_all = true,
        .issue_min_chain = 1};
    struct station s = {.key = sign_key_new(CURVE_P256, &f->pki.rnd), .mac = {2}};
    cert_put(&s.cert, &rq, s.key, f->pki.ca_key, buf_span(&f->pki.ca));
    expect(f, cam(f, &s, f->now, true), PKT_BAD_CERT);
    expect(f, cam(f, &s, f->now, true), PKT_BAD_CERT);
    expect(f, cam(f, &s, f->now, false), PKT_BAD_CERT);
    station_free(&s);
}

static void cert_key_is_no_point(void **state) {
    struct fixture *f = *state;
    struct cert c;
    size_t at;
    assert_int_equal(cert_parse(buf_span(&f->stranger.cert), &c, &at), COER_OK);
    uint8_t *key = f->stranger.cert.p + (c.key.octets.p - f->stranger.cert.p);
    struct verify_key *k = verify_key_new(CURVE_P256, &c.key);
    for (; k != NULL; k = verify_key_new(CURVE_P256, &c.key)) {
        verify_key_unref(k);
        key[31]++;
    }
    expect(f, cam(f, &f->stranger, f->now, true), PKT_BAD_CERT);
}

static void implicit_station(struct pki *k, struct station *s) {
    struct sign_permission app = {.psid = PSID_CAM};
    struct cert_request rq = {
        .valid_from_s = PKI_FROM_S, .valid_hours = 168, .app = &app, .n_app = 1};
    *s = (struct station){.mac = {2}};
    s->key = cert_put_implicit(&s->cert, &rq, k->ca_key, buf_span(&k->ca), &k->rnd);
}

static void implicit_is_issuer_unknown_by_digest_too(void **state) {
    struct fixture *f = *state;
    struct station s;
    implicit_station(&f->foreign, &s);
    expect(f, cam(f, &s, f->now, false), PKT_SIGNER_UNKNOWN);
    expect(f, cam(f, &s, f->now, true), PKT_ISSUER_UNKNOWN);
    expect(f, cam(f, &s, f->now, false), PKT_ISSUER_UNKNOWN);
    station_free(&s);
}

/* Who has an implicit certificate is known from his first good message on. What he says in the same burst comes behind it,
 * and behind what waited for it. */
static void implicit_in_one_burst_comes_in_order(void **state) {
    struct fixture *f = *state;
    struct station s;
    implicit_station(&f->pki, &s);
    struct buf frames[4] = {{0}};
    struct pkt_frame fr[4];
    /* One by digest; two with the certificate; the first again, with it. */
    for (unsigned i = 0; i < 4; i++) {
        station_frame(&frames[i], &s, PSID_CAM, f->now + i % 3, HELLO, i > 0);
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
        start(f);
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
    struct fixture *f = *state;
    struct station s;
    implicit_station(&f->pki, &s);
    struct sign_key *other = sign_key_new(CURVE_P256, &f->pki.rnd);
    struct sign_key *own = s.key;
    s.key = other;
    expect(f, cam(f, &s, f->now, true), PKT_BAD_SIGNATURE);
    assert_int_equal(pipeline_counters(f->p)->certs, 0);
    s.key = own;
    expect(f, cam(f, &s, f->now, false), PKT_SIGNER_UNKNOWN);
    expect(f, cam(f, &s, f->now, true), PKT_VERIFIED);
    assert_int_equal(pipeline_counters(f->p)->certs, 1);
    expect(f, cam(f, &s, f->now, true), PKT_DUPLICATE);
    expect(f, cam(f, &s, f->now + 1, false), PKT_VERIFIED);
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
    struct fixture *f = *state;
    f->car.cert.p[f->car.cert.n - 1] ^= 1;
    expect(f, cam(f, &f->car, f->now, true), PKT_CERT_INVALID);
    assert_non_null(strstr(f->detail, "signature"));
    uint64_t before = pipeline_counters(f->p)->signatures;
    expect(f, cam(f, &f->car, f->now + 1, true), PKT_CERT_INVALID);
    expect(f, cam(f, &f->car, f->now + 1, false), PKT_CERT_INVALID);
    assert_int_equal(pipeline_counters(f->p)->signatures, before);
}

static void location_outside_the_certificates_region(void **state) {
    struct fixture *f = *state;
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
    make(f, &s, PSID_DENM, f->now, true);
    expect(f, run(f), PKT_CERT_INVALID);
    assert_non_null(strstr(f->detail, "region"));
    station_free(&s);
}

static void no_permission(void **state) {
    struct fixture *f = *state;
    struct station s;
    const uint64_t only_cam[] = {PSID_CAM};
    pki_station(&f->pki, &s, only_cam, 1, PKI_FROM_S, 24);
    make(f, &s, PSID_MAP_OBSERVATION, f->now, true);
    expect(f, run(f), PKT_NO_PERMISSION);
    expect(f, cam(f, &s, f->now, true), PKT_VERIFIED);
    make(f, &s, PSID_MAP_OBSERVATION, f->now, false); /* and when the certificate is known */
    expect(f, run(f), PKT_NO_PERMISSION);
    station_free(&s);
}

static void cert_time_at_the_edge(void **state) {
    struct fixture *f = *state;
    struct station s;
    const uint64_t only_cam[] = {PSID_CAM};
    pki_station(&f->pki, &s, only_cam, 1, PKI_FROM_S + 3600, 1);
    f->now = (uint64_t)(PKI_FROM_S + 3600) * 1000000;
    expect(f, cam(f, &s, f->now - 1, true), PKT_CERT_TIME);
    expect(f, cam(f, &s, f->now, true), PKT_VERIFIED);
    f->now += 3600ULL * 1000000;
    expect(f, cam(f, &s, f->now - 1, false), PKT_VERIFIED);
    expect(f, cam(f, &s, f->now, false), PKT_CERT_TIME);
    expect(f, cam(f, &s, f->now, true), PKT_CERT_TIME);
    station_free(&s);
}

/* ---- verify ---- */

static void bad_signature(void **state) {
    struct fixture *f = *state;
    make(f, &f->car, PSID_CAM, f->now, true);
    f->frame.p[f->frame.n - 40] ^= 1;
    expect(f, run(f), PKT_BAD_SIGNATURE);
    make(f, &f->car, PSID_CAM, f->now, false);
    f->frame.p[f->frame.n - 1] ^= 1;
    expect(f, run(f), PKT_BAD_SIGNATURE);
    assert_int_equal(f->n_got, 0);
}

static void signature_of_another_curve(void **state) {
    struct fixture *f = *state;
    make(f, &f->car, PSID_CAM, f->now, true);
    f->frame.p[f->frame.n - 66] = 0x81; /* says Brainpool under a NIST key */
    expect(f, run(f), PKT_BAD_SIGNATURE);
    assert_non_null(strstr(f->detail, "curve"));
}

static void issuer_unknown_but_signature_good(void **state) {
    struct fixture *f = *state;
    expect(f, cam(f, &f->stranger, f->now, false), PKT_SIGNER_UNKNOWN);
    /* A message that does not verify brings no certificate into the cache. */
    make(f, &f->stranger, PSID_CAM, f->now, true);
    f->frame.p[f->frame.n - 1] ^= 1;
    expect(f, run(f), PKT_BAD_SIGNATURE);
    assert_int_equal(pipeline_counters(f->p)->certs, 0);
    expect(f, cam(f, &f->stranger, f->now, false), PKT_SIGNER_UNKNOWN);
    expect(f, cam(f, &f->stranger, f->now, true), PKT_GOOD_ISSUER_UNKNOWN);
    assert_int_equal(pipeline_counters(f->p)->certs, 1);
    expect(f, cam(f, &f->stranger, f->now + 1, false), PKT_GOOD_ISSUER_UNKNOWN);
    f->frame.p[f->frame.n - 1] ^= 1;
    expect(f, run(f), PKT_BAD_SIGNATURE);
    expect(f, cam(f, &f->stranger, f->now + 1, true), PKT_GOOD_ISSUER_UNKNOWN);
    assert_int_equal(pipeline_counters(f->p)->certs, 1);
    assert_int_equal(pipeline_counters(f->p)->identities, 0);
    assert_int_equal(f->n_got, 0);
}

static void library_failure(void **state) {
    struct fixture *f = *state;
    library_fails = true;
    expect(f, cam(f, &f->car, f->now, true), PKT_VERIFY_BROKEN);
    library_fails = false;
    expect(f, run(f), PKT_VERIFIED);
}

static void unchecked_admits_nothing(void **state) {
    struct fixture *f = *state;
    f->cfg.verify = false;
    start(f);
    expect(f, cam(f, &f->car, f->now, false), PKT_SIGNER_UNKNOWN);
    expect(f, cam(f, &f->car, f->now, true), PKT_UNCHECKED);
    expect(f, run(f), PKT_DUPLICATE);
    expect(f, cam(f, &f->car, f->now + 1, false), PKT_UNCHECKED);
    assert_int_equal(f->n_got, 0);
    assert_int_equal(pipeline_counters(f->p)->signatures, 0);
}

/* ---- bursts and bounds ---- */

enum { MIX = 240 };

/* A stretch of traffic in which most frames depend on one before. */
static void make_mix(struct fixture *f, struct buf *frames, struct pkt_frame *fr) {
    struct ws_random rnd = ws_random_seeded(4);
    struct station implicit[2];
    for (size_t i = 0; i < 2; i++)
        implicit_station(&f->pki, &implicit[i]);
    const struct station *who[] = {
        &f->car, &f->truck, &f->stranger, &f->silent, &implicit[0], &implicit[1]};
    for (size_t i = 0; i < MIX; i++) {
        const struct station *s = who[ws_random_below(&rnd, 6)];
        uint64_t gen = f->now + ws_random_below(&rnd, 20);
        frames[i] = (struct buf){0};
        bool cert = ws_random_below(&rnd, 4) == 0 && s != &f->silent;
        station_frame(&frames[i], s, PSID_CAM, gen, HELLO, cert);
        if (ws_random_below(&rnd, 5) == 0)
            frames[i].p[frames[i].n - 1] ^= 1;
        fr[i] = (struct pkt_frame){.data = buf_span(&frames[i]),
            .link = LINK_ETHERNET,
            .original_octets = (uint32_t)frames[i].n,
            .number = i + 1};
    }
    for (size_t i = 0; i < 2; i++)
        station_free(&implicit[i]);
}

static void forget(struct fixture *f, enum pkt_verdict *by_number) {
    f->by_number = by_number;
    for (size_t i = 0; i < MIX; i++)
        by_number[i] = PKT_VERDICT_COUNT;
}

static void verdicts_do_not_depend_on_bursts(void **state) {
    struct fixture *f = *state;
    static struct buf frames[MIX];
    static struct pkt_frame fr[MIX];
    static enum pkt_verdict one[MIX];
    static enum pkt_verdict many[MIX];
    make_mix(f, frames, fr);
    bool seen[PKT_VERDICT_COUNT] = {false};
    forget(f, one);
    for (size_t i = 0; i < MIX; i++)
        take(f, &fr[i], 1);
    pipeline_finish(f->p, f->now);
    for (size_t i = 0; i < MIX; i++)
        seen[one[i]] = true;
    assert_true(seen[PKT_VERIFIED] && seen[PKT_DUPLICATE] && seen[PKT_BAD_SIGNATURE]);
    assert_true(seen[PKT_SIGNER_UNKNOWN] && seen[PKT_GOOD_ISSUER_UNKNOWN]);
    struct pipeline_counters first = *pipeline_counters(f->p);
    size_t handed = f->n_got;
    static uint64_t order[SINK_MAX];
    for (size_t i = 0; i < handed; i++)
        order[i] = f->got[i]->frame;
    struct ws_random rnd = ws_random_seeded(9);
    for (unsigned round = 0; round < 10; round++) {
        f->cfg.limits.cert_slots = round % 2 == 0 ? 64 : 4096; /* more of them, a longer line */
        start(f);
        forget(f, many);
        for (size_t i = 0; i < MIX;) {
            size_t n = round < 2 ? PIPELINE_BURST_MAX
                                 : 1 + (size_t)ws_random_below(&rnd, PIPELINE_BURST_MAX);
            n = n > MIX - i ? MIX - i : n;
            pipeline_take(f->p, &fr[i], n, f->now);
            (void)pipeline_work(f->p, f->now); /* the line stays standing */
            i += n;
        }
        pipeline_finish(f->p, f->now);
        assert_memory_equal(one, many, sizeof(one));
        assert_memory_equal(first.verdict, pipeline_counters(f->p)->verdict, sizeof(first.verdict));
        assert_int_equal(f->n_got, handed);
        for (size_t i = 0; i < f->n_got; i++) /* and they are handed on in the same order */
            assert_int_equal(f->got[i]->frame, order[i]);
    }
    for (size_t i = 0; i < MIX; i++)
        buf_free(&frames[i]);
}

/* Whoever says again what he hears takes nothing from the others: copies wait for their twin in the line, and batches stay
 * as full as without them. A forged copy does not help either, and one that comes first does not hide the true one. */
static uint64_t batches_of(struct fixture *f, unsigned copies, bool forged_first) {
    enum { EACH = 16, COPIES_MAX = 2 };
    static struct buf frames[EACH * (COPIES_MAX + 1)];
    static struct pkt_frame fr[EACH * (COPIES_MAX + 1)];
    static enum pkt_verdict said[EACH * (COPIES_MAX + 1)];
    struct verify_counters before, after;
    size_t n = 0;
    start(f);
    f->by_number = NULL;
    expect(f, cam(f, &f->car, f->now, true), PKT_VERIFIED);
    for (unsigned i = 0; i < EACH; i++) {
        for (unsigned k = 0; k <= copies; k++, n++) {
            buf_clear(&frames[n]);
            station_frame(&frames[n], &f->car, PSID_CAM, f->now + 1 + i, HELLO, false);
            if (k == (forged_first ? 0U : 1U))
                frames[n].p[frames[n].n - 1] ^= 1;
            fr[n] = (struct pkt_frame){.data = buf_span(&frames[n]),
                .link = LINK_ETHERNET,
                .original_octets = (uint32_t)frames[n].n,
                .number = n + 1};
            said[n] = PKT_VERDICT_COUNT;
        }
    }
    f->by_number = said;
    pipeline_verify_counters(f->p, &before);
    pipeline_take(f->p, fr, n, f->now);
    pipeline_finish(f->p, f->now);
    pipeline_verify_counters(f->p, &after);
    f->by_number = NULL;
    for (size_t i = 0; i < n; i++) {
        size_t k = i % (copies + 1);
        enum pkt_verdict first = forged_first ? PKT_BAD_SIGNATURE : PKT_VERIFIED;
        enum pkt_verdict second = forged_first ? PKT_VERIFIED : PKT_DUPLICATE;
        assert_int_equal(said[i], k == 0 ? first : k == 1 ? second : PKT_DUPLICATE);
        buf_free(&frames[i]);
    }
    assert_int_equal(f->n_got, 1 + EACH);
    return after.batches - before.batches;
}

static void copies_leave_batches_full(void **state) {
    struct fixture *f = *state;
    f->cfg.limits.cert_slots = 4096; /* for a long line */
    uint64_t alone = batches_of(f, 0, false);
    assert_int_equal(batches_of(f, 2, false), alone);
    assert_true(batches_of(f, 2, true) <= 2 * alone + 2);
}

/* More signers than the cache holds, within one burst: entries are dropped while others still wait. */
static void more_signers_than_slots(void **state) {
    struct fixture *f = *state;
    enum { SIGNERS = 40 };
    f->cfg.limits.cert_slots = 3;
    start(f);
    static struct station s[SIGNERS];
    static struct buf frames[SIGNERS];
    static struct pkt_frame fr[SIGNERS];
    static enum pkt_verdict v[SIGNERS];
    for (size_t i = 0; i < SIGNERS; i++) {
        pki_vehicle(i % 4 == 3 ? &f->foreign : &f->pki, &s[i]);
        frames[i] = (struct buf){0};
        station_frame(&frames[i], &s[i], PSID_CAM, f->now, HELLO, true);
        fr[i] = (struct pkt_frame){.data = buf_span(&frames[i]),
            .link = LINK_ETHERNET,
            .original_octets = (uint32_t)frames[i].n,
            .number = i + 1};
        v[i] = PKT_VERDICT_COUNT;
    }
    f->by_number = v;
    take(f, fr, SIGNERS);
    for (size_t i = 0; i < SIGNERS; i++) {
        assert_int_equal(v[i], i % 4 == 3 ? PKT_GOOD_ISSUER_UNKNOWN : PKT_VERIFIED);
        buf_free(&frames[i]);
        station_free(&s[i]);
    }
    assert_int_equal(pipeline_counters(f->p)->certs, 3);
    assert_int_equal(pipeline_counters(f->p)->certs_max, 3);
    assert_int_equal(f->n_got, 30);
}

static void replay_window_too_small_is_counted(void **state) {
    struct fixture *f = *state;
    f->cfg.limits.replay_slots = 4;
    start(f);
    for (unsigned i = 0; i < 6; i++)
        expect(f, cam(f, &f->car, f->now + i, true), PKT_VERIFIED);
    assert_int_equal(pipeline_counters(f->p)->identities, 4);
    assert_int_equal(pipeline_counters(f->p)->identities_evicted, 2);
}

/* ---- a window that several pipelines share ---- */

static void end_shared(struct fixture *f) {
    struct replay_window *w = f->cfg.window;
    f->cfg.window = NULL;
    start(f);
    replay_window_free(w);
}

/* Of the fixture's frame, which its car has signed. */
static void identity(const struct fixture *f, uint8_t ret[static 32]) {
    uint8_t hash[32];
    struct carrier carrier;
    struct spdu spdu;
    struct cert cert;
    size_t at;
    assert_int_equal(carrier_read(LINK_ETHERNET, buf_span(&f->frame), &carrier), CARRIER_SECURED);
    assert_int_equal(spdu_parse(carrier.message, &spdu, &at), COER_OK);
    assert_int_equal(cert_parse(buf_span(&f->car.cert), &cert, &at), COER_OK);
    cert_hash256(&cert, hash);
    spdu_identity(&spdu, hash, ret);
}

static void what_another_pipeline_handed_on_is_a_duplicate(void **state) {
    struct fixture *f = *state;
    f->cfg.window = replay_window_new(64, 1);
    start(f);
    struct pipeline *other = pipeline_new(&f->cfg, sink, f, note, f);
    struct pipeline *mine = f->p;
    expect(f, cam(f, &f->car, f->now, true), PKT_VERIFIED);
    f->p = other;
    expect(f, run(f), PKT_DUPLICATE);
    assert_string_equal(f->detail, pkt_verdict_text(PKT_DUPLICATE));
    f->sink_full = true;
    expect(f, cam(f, &f->car, f->now + 1, true), PKT_RING_FULL);
    f->sink_full = false;
    f->p = mine;
    expect(f, run(f), PKT_VERIFIED); /* the claim was given back */
    assert_int_equal(pipeline_counters(f->p)->identities_max, 0);
    assert_int_equal(replay_window_counters(f->cfg.window).used, 2);
    pipeline_free(other);
    end_shared(f);
}

static void neighbours_news_spares_the_check_but_not_the_certificate(void **state) {
    struct fixture *f = *state;
    f->cfg.window = replay_window_new(64, 1);
    start(f);
    for (unsigned i = 0; i < 2; i++) {
        uint8_t id[32];
        make(f, &f->car, PSID_CAM, f->now + i, i == 0);
        identity(f, id);
        replay_window_hear(f->cfg.window, id, f->now + 2000000, f->now);
        uint64_t before = pipeline_counters(f->p)->signatures;
        expect(f, run(f), PKT_DUPLICATE);
        assert_string_equal(f->detail, "heard by a neighbour");
        /* The first brings a certificate that is new here: its chain is checked for those that come. */
        assert_int_equal(pipeline_counters(f->p)->signatures - before, i == 0 ? 1 : 0);
        assert_int_equal(f->n_got, 0);
    }
    expect(f, cam(f, &f->car, f->now + 2, false), PKT_VERIFIED);
    end_shared(f);
}

static void what_the_cell_agrees_on_needs_more_than_a_neighbours_word(void **state) {
    struct fixture *f = *state;
    uint8_t id[32];
    f->cfg.window = replay_window_new(64, 1);
    start(f);
    make(f, &f->car, PSID_DENM, f->now, true);
    identity(f, id);
    replay_window_hear(f->cfg.window, id, f->now + 2000000, f->now);
    expect(f, run(f), PKT_VERIFIED);
    expect(f, run(f), PKT_DUPLICATE);
    make(f, &f->car, PSID_DENM, f->now + 1, true);
    identity(f, id);
    replay_window_hear(f->cfg.window, id, f->now + 2000000, f->now);
    replay_window_hold(f->cfg.window, id, f->now + 2000000, f->now);
    expect(f, run(f), PKT_DUPLICATE);
    assert_string_equal(f->detail, "the cell has it from a neighbour");
    end_shared(f);
}

static void bit_flips_are_never_verified(void **state) {
    struct fixture *f = *state;
    f->cfg.limits.source_rate = 0;
    start(f);
    make(f, &f->car, PSID_CAM, f->now, true);
    /* Octets before the 1609.2 structure (addresses, hop limit) are not signed. */
    const size_t from = 18;
    for (size_t bit = from * 8; bit < f->frame.n * 8; bit += 3) {
        f->frame.p[bit / 8] ^= (uint8_t)(1U << bit % 8);
        enum pkt_verdict v = run(f);
        /* The parity of R is not part of an ECDSA signature: the same message, and so is its identity. */
        bool form_of_r = bit / 8 == f->frame.n - 65;
        if (v == PKT_VERIFIED && !form_of_r)
            fail_msg("bit %zu", bit);
        f->frame.p[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
}

/* ---- waiting for a certificate ---- */

static struct pkt_frame frame_of(struct buf *b, const struct station *s, uint64_t psid,
    uint64_t gen, bool cert, uint64_t number) {
    *b = (struct buf){0};
    station_frame(b, s, psid, gen, HELLO, cert);
    return (struct pkt_frame){.data = buf_span(b),
        .link = LINK_ETHERNET,
        .original_octets = (uint32_t)b->n,
        .number = number};
}

static void take_one(
    struct fixture *f, const struct station *s, uint64_t gen, bool cert, uint64_t number) {
    struct buf b;
    struct pkt_frame fr = frame_of(&b, s, PSID_CAM, gen, cert, number);
    take(f, &fr, 1);
    buf_free(&b); /* what the frame pointed to is not needed any more */
}

static void waits_and_goes_before_what_brought_the_certificate(void **state) {
    struct fixture *f = *state;
    for (uint64_t i = 1; i <= 3; i++)
        take_one(f, &f->car, f->now + i, false, i);
    take_one(f, &f->truck, f->now, false, 9);
    assert_int_equal(f->n_said, 0);
    assert_int_equal(pipeline_counters(f->p)->waiting, 4);
    uint64_t came = f->now;
    f->now += 700000;
    take_one(f, &f->car, f->now, true, 4);
    assert_int_equal(f->n_said, 4);
    assert_int_equal(f->n_got, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(f->got[i]->frame, i + 1);
        assert_int_equal(f->said[i], i + 1);
        assert_int_equal(f->got[i]->received_its_us, i < 3 ? came : f->now);
    }
    assert_int_equal(pipeline_counters(f->p)->waiting, 1);
    pipeline_finish(f->p, f->now);
    expect(f, f->last, PKT_SIGNER_UNKNOWN);
    assert_non_null(strstr(f->detail, "waited 700 ms"));
}

static void waits_no_longer_than_it_may(void **state) {
    struct fixture *f = *state;
    f->cfg.limits.wait_us = 300000;
    start(f);
    take_one(f, &f->car, f->now, false, 1);
    f->now += 299999;
    pipeline_tick(f->p, f->now);
    assert_int_equal(f->n_said, 0);
    f->now += 1;
    pipeline_tick(f->p, f->now);
    assert_int_equal(f->n_said, 1);
    expect(f, f->last, PKT_SIGNER_UNKNOWN);
    assert_non_null(strstr(f->detail, "waited 300 ms"));
    /* A clock that goes back does not keep anybody waiting for ever. */
    take_one(f, &f->car, f->now, false, 2);
    f->now -= 200000;
    pipeline_tick(f->p, f->now);
    f->now += 300000;
    pipeline_tick(f->p, f->now);
    assert_int_equal(f->n_said, 2);
}

static void stale_when_its_certificate_comes(void **state) {
    struct fixture *f = *state;
    f->cfg.limits.wait_us = 5000000;
    start(f);
    take_one(f, &f->car, f->now, false, 1);
    f->now += 2000001;
    take_one(f, &f->car, f->now, true, 2);
    assert_int_equal(f->n_got, 1);
    assert_int_equal(f->got[0]->frame, 2);
    assert_int_equal(pipeline_counters(f->p)->verdict[PKT_SHED_AGE], 1);
}

static void a_refused_certificate_ends_the_wait(void **state) {
    struct fixture *f = *state;
    f->car.cert.p[f->car.cert.n - 1] ^= 1;
    take_one(f, &f->car, f->now, false, 1);
    take_one(f, &f->car, f->now + 1, true, 2);
    assert_int_equal(f->n_said, 2);
    assert_int_equal(pipeline_counters(f->p)->verdict[PKT_CERT_INVALID], 2);
    take_one(f, &f->stranger, f->now, false, 3);
    take_one(f, &f->stranger, f->now + 1, true, 4);
    assert_int_equal(pipeline_counters(f->p)->verdict[PKT_GOOD_ISSUER_UNKNOWN], 2);
    assert_int_equal(f->n_got, 0);
}

static void the_waiting_room_is_bounded(void **state) {
    struct fixture *f = *state;
    f->cfg.limits.queue_slots = 64;
    f->cfg.limits.wait_slots = 8;
    f->cfg.limits.wait_share = 5;
    start(f);
    for (uint64_t i = 0; i < 6; i++)
        take_one(f, &f->car, f->now + i, false, i + 1);
    assert_int_equal(f->n_said, 1);
    assert_non_null(strstr(f->detail, "this sender"));
    for (uint64_t i = 0; i < 5; i++)
        take_one(f, &f->truck, f->now + i, false, i + 11);
    assert_int_equal(f->n_said, 3);
    assert_non_null(strstr(f->detail, "too many wait"));
    assert_int_equal(pipeline_counters(f->p)->waiting, 8);
    uint8_t id3[4][3];
    assert_int_equal(pipeline_missing(f->p, id3, 4), 2);
    assert_int_equal(pipeline_missing(f->p, id3, 1), 1);
    take_one(f, &f->car, f->now + 50, true, 21);
    assert_int_equal(f->n_got, 6); /* those that found a place, and the one with the certificate */
    f->cfg.limits.wait_octets = 200;
    start(f);
    for (uint64_t i = 0; i < 3; i++)
        take_one(f, &f->car, f->now + i, false, i + 1);
    assert_true(f->n_said >= 1);
    assert_non_null(strstr(f->detail, "too many octets"));
}

struct heard {
    unsigned missing;
    uint8_t id8[8];
};

static void note_missing(void *ctx, const uint8_t id8[static 8], uint64_t its_us) {
    struct heard *h = ctx;
    h->missing++;
    memcpy(h->id8, id8, 8);
    assert_int_equal(its_us, PKI_NOW_US);
}

static void tells_what_it_waits_for(void **state) {
    struct fixture *f = *state;
    struct heard h = {0};
    f->cfg.hooks = (struct pipeline_hooks){.ctx = &h, .missing = note_missing};
    start(f);
    take_one(f, &f->car, f->now, false, 1);
    assert_int_equal(h.missing, 1);
    struct cert c;
    size_t at;
    uint8_t hash[32];
    assert_int_equal(cert_parse(buf_span(&f->car.cert), &c, &at), COER_OK);
    cert_hash256(&c, hash);
    assert_memory_equal(h.id8, hash + 24, 8);
    uint8_t id3[1][3];
    assert_int_equal(pipeline_missing(f->p, id3, 1), 1);
    assert_memory_equal(id3[0], hash + 29, 3);
}

/* ---- overload ---- */

enum { CROWD = 192 };

/* Frames of known signers, queued without being worked off: one DENM in eight, and some of another application. */
static void crowd(struct fixture *f, struct buf *b, uint64_t *ret_safety) {
    *ret_safety = 0;
    take_one(f, &f->car, f->now, true, 1);
    for (size_t i = 0; i < CROWD; i++) {
        static const uint64_t kind[8] = {
            PSID_CAM, PSID_BSM, PSID_CAM, PSID_DENM, PSID_CAM, PSID_BSM, PSID_CAM, PSID_CAM};
        uint64_t psid = kind[i % 8];
        *ret_safety += psid == PSID_DENM;
        struct pkt_frame fr = frame_of(&b[i], &f->car, psid, f->now + i, psid == PSID_DENM, i + 2);
        pipeline_take(f->p, &fr, 1, f->now);
    }
}

static void routine_gives_way_and_safety_comes_out(void **state) {
    struct fixture *f = *state;
    static struct buf b[CROWD];
    uint64_t safety;
    f->cfg.limits.queue_slots = 100;
    start(f);
    crowd(f, b, &safety);
    const struct pipeline_counters *n = pipeline_counters(f->p);
    assert_int_equal(n->queued, 100);
    assert_int_equal(n->verdict[PKT_SHED_OVERLOAD], CROWD - 100);
    /* What came when there was no place went unread, until a DENM took the place of the oldest routine message. */
    assert_int_equal(f->said[1], 102);
    assert_int_equal(f->said[8], 2);
    (void)pipeline_work(f->p, f->now);
    uint64_t got = 0;
    for (size_t i = 1; i < f->n_got && f->got[i]->psid == PSID_DENM; i++)
        got++;
    assert_int_equal(got, safety); /* all, and before the others */
    pipeline_finish(f->p, f->now);
    assert_int_equal(n->verdict[PKT_VERIFIED], 101);
    for (size_t i = 0; i < CROWD; i++)
        buf_free(&b[i]);
}

static void nothing_old_comes_out(void **state) {
    struct fixture *f = *state;
    static struct buf b[CROWD];
    uint64_t safety;
    f->cfg.limits.max_age_us = 30000;
    f->cfg.limits.max_age_safety_us = 60000;
    start(f);
    crowd(f, b, &safety);
    f->now += 30001;
    pipeline_finish(f->p, f->now);
    const struct pipeline_counters *n = pipeline_counters(f->p);
    assert_int_equal(n->verdict[PKT_VERIFIED], 1 + safety);
    assert_int_equal(n->verdict[PKT_SHED_AGE], CROWD - safety);
    for (size_t i = 0; i < CROWD; i++)
        buf_free(&b[i]);
}

/* New certificates, all bad, beside known signers: they get their share of the checks and no more. */
static void flood(struct fixture *f, const struct station *like, enum pkt_verdict verdict,
    unsigned most_checked) {
    enum { EACH = 128 };
    static struct buf b[2 * EACH];
    f->cfg.limits.source_rate = 0;
    f->cfg.limits.fresh_percent = 10;
    start(f);
    take_one(f, &f->car, f->now, true, 1);
    struct station bad = *like;
    bad.cert = (struct buf){0};
    for (size_t i = 0; i < EACH; i++) {
        buf_clear(&bad.cert);
        buf_put(&bad.cert, like->cert.p, like->cert.n);
        bad.cert.p[bad.cert.n - 1] ^= (uint8_t)(1 + i); /* of its signature: another certificate */
        struct pkt_frame fr = frame_of(&b[i], &bad, PSID_CAM, f->now, true, 2 + i);
        pipeline_take(f->p, &fr, 1, f->now);
    }
    for (size_t i = EACH; i < sizeof(b) / sizeof(b[0]); i++) {
        struct pkt_frame fr = frame_of(&b[i], &f->car, PSID_CAM, f->now + i, false, 2 + i);
        pipeline_take(f->p, &fr, 1, f->now);
    }
    (void)pipeline_work(f->p, f->now);
    (void)pipeline_work(f->p, f->now);
    const struct pipeline_counters *n = pipeline_counters(f->p);
    assert_true(n->verdict[PKT_VERIFIED] >= 1 + EACH - 3 - 8); /* some stand in the line */
    assert_in_range(n->verdict[verdict], most_checked > 0, most_checked);
    pipeline_finish(f->p, f->now);
    assert_int_equal(n->verdict[PKT_VERIFIED], 1 + EACH);
    assert_int_equal(n->verdict[verdict], EACH);
    assert_int_equal(n->certs, 1); /* none of them took a place */
    buf_free(&bad.cert);
    for (size_t i = 0; i < sizeof(b) / sizeof(b[0]); i++)
        buf_free(&b[i]);
}

static void fresh_tickets_do_not_hold_up_known_signers(void **state) {
    struct fixture *f = *state;
    flood(f, &f->car, PKT_CERT_INVALID, 3);
}

/* A check on a 384-bit curve takes as long as hundreds of others. */
static void wide_fresh_tickets_neither(void **state) {
    struct fixture *f = *state;
    const uint64_t psid = PSID_CAM;
    struct dot2_cert_spec spec = {.curve = DOT2_P384,
        .authority = true,
        .chain_length = 1,
        .key_form = DOT2_COMPRESSED,
        .from_s = PKI_FROM_S,
        .hours = 24};
    struct dot2_cert root, ticket;
    dot2_cert_make(&root, &spec, NULL, &f->pki.rnd);
    spec.authority = false;
    spec.psids = &psid;
    spec.n_psids = 1;
    dot2_cert_make(&ticket, &spec, &root, &f->pki.rnd);
    struct station wide = {.key = f->car.key, .cert = ticket.octets, .mac = {2}};
    flood(f, &wide, PKT_BAD_SIGNATURE, 0);
    dot2_cert_free(&ticket);
    dot2_cert_free(&root);
}

static void bad_signatures_cost_their_sender(void **state) {
    struct fixture *f = *state;
    f->cfg.limits.source_rate = 10;
    f->cfg.limits.source_burst = 10;
    start(f);
    take_one(f, &f->car, f->now, true, 1);
    for (unsigned i = 0; i < 3; i++) {
        f->now++;
        make(f, &f->car, PSID_CAM, f->now, false);
        f->frame.p[f->frame.n - 1] ^= 1;
        expect(f, run(f), PKT_BAD_SIGNATURE);
    }
    /* One for the first, then three times a message that was bad. */
    const unsigned spent = 1 + 3 * (1 + PIPELINE_COST_BAD_SIGNATURE);
    assert_true(spent > 9);
    f->now++;
    expect(f, cam(f, &f->car, f->now, false), PKT_SOURCE_BUDGET);
    expect(f, cam(f, &f->truck, f->now, true), PKT_VERIFIED);
}

/* ---- revocation while it runs ---- */

static struct trust_view *view_over(struct fixture *f, struct trust_store *store,
    struct revocation_source *s, uint64_t generation) {
    uint32_t now_s = (uint32_t)(f->now / 1000000);
    while (revocation_step(s, now_s, 1000)) {
    }
    return trust_view_new(store, NULL, NULL, revocation_take(s, store, now_s), generation);
}

/* One certificate by hash, then everybody under the authority; a view that knows nothing of it sets them free. */
static void revoked_from_the_next_view_on(void **state) {
    struct fixture *f = *state;
    struct trust_issuer root = trust_issuer_at(f->pki.trust, 0);
    struct trust_issuer ca = trust_issuer_at(f->pki.trust, 1);
    const struct revocation_clock clock = REVOCATION_CLOCK_SCMS;
    const struct revocation_limits limits = revocation_limits_default();
    struct revocation_source *none = revocation_source_new(&limits, &clock);
    struct revocation_source *by_hash = revocation_source_new(&limits, &clock);
    struct revocation_source *by_issuer = revocation_source_new(&limits, &clock);
    struct ws_err err;
    struct cert car;
    size_t at;
    uint8_t hash[32];
    assert_int_equal(cert_parse(buf_span(&f->car.cert), &car, &at), COER_OK);
    cert_hash256(&car, hash);
    /* A full hash list of series 0 with one entry. */
    struct buf list = {0};
    buf_put(&list, "\x01\x00\x00", 3);
    buf_put(&list, root.hash256 + 24, 8);
    buf_put(&list, "\x00\x00\x00\x01\x00\x00\x00\x02\x00\x80\x00\x00\x00\x00\x01\x01\x01", 17);
    buf_put(&list, hash + 22, 10);
    buf_u32(&list, UINT32_MAX);
    struct coer c = coer_of(buf_span(&list));
    struct crl crl;
    assert_true(crl_read(&c, &crl));
    assert_int_equal(revocation_add_crl(by_hash, &crl, root.hash256, "one.crl", &err), WS_OK);
    assert_int_equal(revocation_add_issuers(
                         by_issuer, span_of(ca.hash256 + 24, 8), root.hash256, "ca.crl", &err),
        WS_OK);

    struct trust_slot *slot = trust_slot_new(view_over(f, f->pki.trust, none, 1));
    f->cfg.views = slot;
    start(f);
    expect(f, cam(f, &f->car, f->now, true), PKT_VERIFIED);
    expect(f, cam(f, &f->car, f->now + 1, false), PKT_VERIFIED);
    trust_slot_publish(slot, view_over(f, f->pki.trust, by_hash, 2));
    expect(f, cam(f, &f->car, f->now + 2, false), PKT_REVOKED);
    assert_string_equal(f->detail, "one.crl");
    expect(f, cam(f, &f->car, f->now + 3, true), PKT_REVOKED);
    expect(f, cam(f, &f->truck, f->now + 4, true), PKT_VERIFIED);
    trust_slot_publish(slot, view_over(f, f->pki.trust, by_issuer, 3));
    expect(f, cam(f, &f->truck, f->now + 5, false), PKT_REVOKED);
    assert_string_equal(f->detail, "ca.crl");
    expect(f, cam(f, &f->silent, f->now + 6, true), PKT_REVOKED); /* heard for the first time */
    trust_slot_publish(slot, view_over(f, f->pki.trust, none, 4));
    expect(f, cam(f, &f->car, f->now + 7, false), PKT_VERIFIED);
    /* Another store: what the first one proved does not count, and what it lacked does. */
    expect(f, cam(f, &f->stranger, f->now + 8, true), PKT_GOOD_ISSUER_UNKNOWN);
    trust_slot_publish(slot, view_over(f, f->foreign.trust, none, 5));
    expect(f, cam(f, &f->stranger, f->now + 9, true), PKT_VERIFIED);
    expect(f, cam(f, &f->car, f->now + 10, true), PKT_GOOD_ISSUER_UNKNOWN);
    pipeline_free(f->p);
    f->cfg.views = NULL;
    trust_slot_free(slot);
    f->p = NULL;
    start(f);
    revocation_source_free(none);
    revocation_source_free(by_hash);
    revocation_source_free(by_issuer);
    buf_free(&list);
}

/* ---- what another pipeline proved ---- */

static void learn_there(void *ctx, const struct pipeline_proven *c) {
    struct pipeline **other = ctx;
    pipeline_learn(*other, c, PKI_NOW_US);
}

static void learns_what_a_sibling_proved(void **state) {
    struct fixture *f = *state;
    struct pipeline *sibling = NULL;
    f->cfg.hooks = (struct pipeline_hooks){.ctx = &sibling, .proven = learn_there};
    struct pipeline *p = f->p;
    pipeline_free(p);
    sibling = pipeline_new(&f->cfg, sink, f, note, f);
    f->cfg.hooks = (struct pipeline_hooks){0};
    f->p = pipeline_new(&f->cfg, sink, f, note, f);
    struct pipeline *teacher = sibling;
    sibling = f->p;
    /* One message waits here, the certificate is heard there. */
    make(f, &f->car, PSID_CAM, f->now, false);
    struct pkt_frame fr = {.data = buf_span(&f->frame),
        .link = LINK_ETHERNET,
        .original_octets = (uint32_t)f->frame.n,
        .number = 1};
    take(f, &fr, 1);
    assert_int_equal(f->n_said, 0);
    struct buf other = {0};
    station_frame(&other, &f->car, PSID_CAM, f->now + 1, HELLO, true);
    struct pkt_frame first = {
        .data = buf_span(&other), .link = LINK_ETHERNET, .original_octets = (uint32_t)other.n};
    pipeline_take(teacher, &first, 1, f->now);
    while (pipeline_work(teacher, f->now))
        ;
    assert_int_equal(f->n_said, 1);
    expect(f, f->last, PKT_VERIFIED);
    while (pipeline_work(f->p, f->now))
        ;
    assert_int_equal(f->n_said, 2);
    expect(f, f->last, PKT_VERIFIED);
    assert_int_equal(pipeline_counters(f->p)->signatures, 1); /* not the chain's */
    /* Under another store it does not count. */
    f->cfg.trust = f->foreign.trust;
    start(f);
    sibling = f->p;
    buf_clear(&other);
    station_frame(&other, &f->truck, PSID_CAM, f->now + 2, HELLO, true);
    first.data = buf_span(&other);
    pipeline_take(teacher, &first, 1, f->now);
    while (pipeline_work(teacher, f->now))
        ;
    expect(f, f->last, PKT_VERIFIED);
    assert_int_equal(pipeline_counters(f->p)->certs, 0);
    expect(f, cam(f, &f->truck, f->now, false), PKT_SIGNER_UNKNOWN);
    pipeline_free(teacher);
    buf_free(&other);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(revoked_from_the_next_view_on),
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
        T(stale_and_future_at_the_edge),
        T(expired),
        T(out_of_region),
        T(duplicate_by_certificate_and_by_digest),
        T(a_forgery_does_not_shut_out_the_real_one),
        T(signer_unknown_until_heard),
        T(cert_breaks_its_profile),
        T(cert_key_is_no_point),
        T(implicit_is_issuer_unknown_by_digest_too),
        T(implicit_is_verified),
        T(implicit_in_one_burst_comes_in_order),
        T(cert_signature_wrong_is_checked_once),
        T(location_outside_the_certificates_region),
        T(no_permission),
        T(cert_time_at_the_edge),
        T(bad_signature),
        T(signature_of_another_curve),
        T(issuer_unknown_but_signature_good),
        T(library_failure),
        T(unchecked_admits_nothing),
        T(verdicts_do_not_depend_on_bursts),
        T(copies_leave_batches_full),
        T(more_signers_than_slots),
        T(replay_window_too_small_is_counted),
        T(what_another_pipeline_handed_on_is_a_duplicate),
        T(what_the_cell_agrees_on_needs_more_than_a_neighbours_word),
        T(neighbours_news_spares_the_check_but_not_the_certificate),
        T(bit_flips_are_never_verified),
        T(waits_and_goes_before_what_brought_the_certificate),
        T(waits_no_longer_than_it_may),
        T(stale_when_its_certificate_comes),
        T(a_refused_certificate_ends_the_wait),
        T(the_waiting_room_is_bounded),
        T(tells_what_it_waits_for),
        T(routine_gives_way_and_safety_comes_out),
        T(nothing_old_comes_out),
        T(fresh_tickets_do_not_hold_up_known_signers),
        T(wide_fresh_tickets_neither),
        T(bad_signatures_cost_their_sender),
        T(learns_what_a_sibling_proved),
    };
    return cmocka_run_group_tests_name("pipeline", tests, NULL, NULL);
}
