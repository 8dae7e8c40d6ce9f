/* A bad frame costs no memory: 100,000 of every kind of drop through the pipeline, with the allocations counted. The
 * program is linked so that ours pass here (--wrap), and OpenSSL's are counted by its own hook. Each kind first runs a
 * while, so that tables are touched and buffers have grown. */
#include "tests/support/cm.h"
#include "tests/support/pki.h"

#include "pktio/pipeline.h"
#include "v2x/carrier.h"
#include "v2x/psid.h"

#include <openssl/crypto.h>
#include <stdio.h>

enum { MANY = 100000, FEW = 4000, VARIANTS = 64, WARM = 1000 };

static uint64_t ours, openssl;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n) {
    ours++;
    return __real_malloc(n);
}
void *__wrap_calloc(size_t n, size_t size) {
    ours++;
    return __real_calloc(n, size);
}
void *__wrap_realloc(void *p, size_t n) {
    ours++;
    return __real_realloc(p, n);
}

static void *count_malloc(size_t n, const char *file, int line) {
    (void)file;
    (void)line;
    openssl++;
    return __real_malloc(n);
}
static void *count_realloc(void *p, size_t n, const char *file, int line) {
    (void)file;
    (void)line;
    openssl++;
    return __real_realloc(p, n);
}
static void plain_free(void *p, const char *file, int line) {
    (void)file;
    (void)line;
    free(p);
}

struct rig {
    struct pki pki, foreign;
    struct station car, stranger, silent, narrow, implicit;
    struct pipeline_config cfg;
    struct pipeline *p;
    bool sink_full;
    uint64_t now;
    struct buf frame[VARIANTS];
    enum frame_link link;
    uint32_t missing; /* octets that the capture cut off */
    uint64_t verdict[PKT_VERDICT_COUNT];
};

static const struct span HELLO = {(const uint8_t *)"hello", 5};

static bool sink(void *ctx, struct pkt_message *m) {
    struct rig *r = ctx;
    if (!r->sink_full)
        pkt_message_release(m);
    return !r->sink_full;
}

static void note(void *ctx, const struct pkt_frame *f, enum pkt_verdict v, const char *detail) {
    struct rig *r = ctx;
    (void)f;
    (void)detail;
    r->verdict[v]++;
}

/* ---- kinds ---- */

static void cam(
    struct rig *r, const struct station *s, uint64_t time_us, bool with_cert, struct buf *b) {
    (void)r;
    station_frame(b, s, PSID_CAM, time_us, HELLO, with_cert);
}

/* One number for each variant, so that frames differ. */
typedef void (*make_fn)(struct rig *r, unsigned i, struct buf *b);

static void other_protocol(struct rig *r, unsigned i, struct buf *b) {
    cam(r, &r->car, r->now + i, true, b);
    b->p[12] = 0x08;
    b->p[13] = 0x06;
}
static void short_carrier(struct rig *r, unsigned i, struct buf *b) {
    cam(r, &r->car, r->now + i, true, b);
    b->n = 15 + i % 3;
}
static void bad_carrier(struct rig *r, unsigned i, struct buf *b) {
    cam(r, &r->car, r->now + i, true, b);
    b->p[14] = 0x52;
}
static void encrypted_80211(struct rig *r, unsigned i, struct buf *b) {
    uint8_t h[40] = {8, 0x40, [10] = 2, [15] = (uint8_t)i};
    buf_put(b, h, sizeof(h));
    r->link = LINK_80211;
}
static void damaged(struct rig *r, unsigned i, struct buf *b) {
    uint8_t h[60] = {0, 0, 9, 0, 2, [8] = 0x40, [9] = 8, [24] = (uint8_t)i};
    buf_put(b, h, sizeof(h));
    r->link = LINK_RADIOTAP;
}
static void ip_fragment(struct rig *r, unsigned i, struct buf *b) {
    (void)r;
    uint8_t ip[60] = {
        [11] = (uint8_t)i, [12] = 8, [14] = 0x45, [17] = 46, [20] = 0x20, [22] = 64, [23] = 17};
    buf_put(b, ip, sizeof(ip));
}
static void cut(struct rig *r, unsigned i, struct buf *b) {
    cam(r, &r->car, r->now + i, true, b);
    b->n -= 40;
    r->missing = 40;
}
static void beacon(struct rig *r, unsigned i, struct buf *b) {
    (void)r;
    uint8_t gn[80] = {
        [11] = (uint8_t)i, [12] = 0x89, [13] = 0x47, [14] = 0x11, [18] = 0, [19] = 0x10};
    buf_put(b, gn, sizeof(gn));
}
static void bad_structure(struct rig *r, unsigned i, struct buf *b) {
    cam(r, &r->car, r->now + i, true, b);
    b->p[21] = 0x1f;
}
static void not_signed(struct rig *r, unsigned i, struct buf *b) {
    uint8_t data[5] = {3, 0x80, 2, (uint8_t)i};
    carrier_put_gn_secured(b, r->car.mac, span_of(data, sizeof(data)));
}
static void denm_by_digest(struct rig *r, unsigned i, struct buf *b) {
    station_frame(b, &r->car, PSID_DENM, r->now + i, HELLO, false);
}
static void other_psid(struct rig *r, unsigned i, struct buf *b) {
    struct buf gn = {0};
    cam(r, &r->car, r->now + i, true, &gn);
    carrier_put_wsmp(b, r->car.mac, PSID_BSM, span_of(gn.p + 18, gn.n - 18));
    buf_free(&gn);
}
static void sm3(struct rig *r, unsigned i, struct buf *b) {
    cam(r, &r->car, r->now + i, true, b);
    b->p[20] = 2;
}
static void stale(struct rig *r, unsigned i, struct buf *b) {
    cam(r, &r->car, r->now - 3000000 - i, true, b);
}
static void future(struct rig *r, unsigned i, struct buf *b) {
    cam(r, &r->car, r->now + 3000000 + i, true, b);
}
static void elsewhere(struct rig *r, unsigned i, struct buf *b) {
    r->cfg.has_region = true;
    r->cfg.lat_max = 1;
    r->cfg.lon_max = 1;
    station_frame(b, &r->car, PSID_DENM, r->now + i, HELLO, true);
}
static void the_same(struct rig *r, unsigned i, struct buf *b) {
    (void)i;
    cam(r, &r->car, r->now, true, b);
}
static void unheard_signer(struct rig *r, unsigned i, struct buf *b) {
    cam(r, &r->silent, r->now + i, false, b);
}
/* Each with a certificate of its own: five octets of it are free. */
static void vary_certificate(const struct station *s, struct buf *b, size_t from) {
    uint8_t *c = memmem(b->p, b->n, s->cert.p, s->cert.n);
    assert_non_null(c);
    put_be32(c + from, (uint32_t)(from + b->p[b->n - 1] + ((unsigned)b->p[b->n - 2] << 8)));
}
static void bad_key(struct rig *r, unsigned i, struct buf *b) {
    cam(r, &r->stranger, r->now + i, true, b);
    uint8_t *c = memmem(b->p, b->n, r->stranger.cert.p, r->stranger.cert.n);
    struct cert cert;
    size_t at;
    assert_int_equal(cert_parse(span_of(c, r->stranger.cert.n), &cert, &at), COER_OK);
    size_t x = (size_t)(cert.key.octets.p - c);
    vary_certificate(&r->stranger, b, 14);
    memset(c + x, 0xff, 32);
}
static void unknown_implicit(struct rig *r, unsigned i, struct buf *b) {
    cam(r, &r->implicit, r->now + i, true, b);
    vary_certificate(&r->implicit, b, 4);
}
static void forged_certificate(struct rig *r, unsigned i, struct buf *b) {
    cam(r, &r->car, r->now + i, true, b);
    vary_certificate(&r->car, b, 14);
}
static void fresh_stranger(struct rig *r, unsigned i, struct buf *b) {
    cam(r, &r->stranger, r->now + i, true, b);
    vary_certificate(&r->stranger, b, 14);
}
static void no_permission(struct rig *r, unsigned i, struct buf *b) {
    station_frame(b, &r->narrow, PSID_BSM, r->now + i, HELLO, true);
}
static void before_certificate(struct rig *r, unsigned i, struct buf *b) {
    cam(r, &r->narrow, r->now - 1 - i, true, b);
}
static void forged_message(struct rig *r, unsigned i, struct buf *b) {
    cam(r, &r->car, r->now + i, true, b);
    b->p[b->n - 1] ^= 1;
}
static void good_stranger(struct rig *r, unsigned i, struct buf *b) {
    cam(r, &r->stranger, r->now + i, true, b);
}
static void good(struct rig *r, unsigned i, struct buf *b) {
    r->sink_full = true;
    cam(r, &r->car, r->now + i, true, b);
}

/* Two kinds still cost a constant number of allocations, given back at once: a certificate heard first has its key made,
 * and a certificate's own signature is checked by OpenSSL. Everything else has none. */
static const struct kind {
    enum pkt_verdict verdict;
    make_fn make;
    unsigned frames;
    unsigned most; /* allocations of a frame */
} kinds[] = {
    {PKT_NOT_V2X, other_protocol, MANY, 0},
    {PKT_TRUNCATED_CARRIER, short_carrier, MANY, 0},
    {PKT_BAD_CARRIER, bad_carrier, MANY, 0},
    {PKT_LINK_UNREAD, encrypted_80211, MANY, 0},
    {PKT_BAD_FCS, damaged, MANY, 0},
    {PKT_IP_FRAGMENT, ip_fragment, MANY, 0},
    {PKT_CUT_FRAME, cut, MANY, 0},
    {PKT_UNSECURED, beacon, MANY, 0},
    {PKT_BAD_SPDU, bad_structure, MANY, 0},
    {PKT_NOT_SIGNED, not_signed, MANY, 0},
    {PKT_BAD_PROFILE, denm_by_digest, MANY, 0},
    {PKT_PSID_MISMATCH, other_psid, MANY, 0},
    {PKT_NOT_COUNTED_ALG, sm3, MANY, 0},
    {PKT_STALE, stale, MANY, 0},
    {PKT_FUTURE, future, MANY, 0},
    {PKT_OUT_OF_REGION, elsewhere, MANY, 0},
    {PKT_DUPLICATE, the_same, MANY, 0},
    {PKT_SIGNER_UNKNOWN, unheard_signer, MANY, 0},
    {PKT_ISSUER_UNKNOWN, unknown_implicit, MANY, 0},
    {PKT_NO_PERMISSION, no_permission, MANY, 0},
    {PKT_CERT_TIME, before_certificate, MANY, 0},
    {PKT_BAD_SIGNATURE, forged_message, FEW, 0},
    {PKT_GOOD_ISSUER_UNKNOWN, good_stranger, FEW, 0},
    {PKT_RING_FULL, good, FEW, 0},
    {PKT_BAD_CERT, bad_key, FEW, 0},
    {PKT_BAD_SIGNATURE, fresh_stranger, FEW, 1},
    {PKT_CERT_INVALID, forged_certificate, FEW, 24},
};

/* ---- running ---- */

static void run(struct rig *r, unsigned frames) {
    for (unsigned i = 0; i < frames; i++) {
        const struct buf *b = &r->frame[i % VARIANTS];
        struct pkt_frame f = {.data = buf_span(b),
            .link = r->link,
            .original_octets = (uint32_t)b->n + r->missing,
            .number = i};
        pipeline_take(r->p, &f, 1, r->now);
        if (i % 16 == 15 || i + 1 == frames) {
            while (pipeline_work(r->p, r->now))
                ;
        }
    }
    pipeline_finish(r->p, r->now);
}

static void one_kind(struct rig *r, const struct kind *k) {
    struct pipeline_config before = r->cfg;
    r->link = LINK_ETHERNET;
    r->missing = 0;
    r->sink_full = false;
    for (unsigned i = 0; i < VARIANTS; i++) {
        buf_clear(&r->frame[i]);
        k->make(r, i, &r->frame[i]);
    }
    r->p = pipeline_new(&r->cfg, sink, r, note, r);
    run(r, WARM);
    memset(r->verdict, 0, sizeof(r->verdict));
    uint64_t ours_before = ours, openssl_before = openssl;
    run(r, k->frames);
    uint64_t ours_now = ours - ours_before, openssl_now = openssl - openssl_before;
    for (unsigned v = 0; v < PKT_VERDICT_COUNT; v++) {
        if (v != k->verdict && r->verdict[v] != 0)
            fail_msg("%llu frames are %s instead of %s", (unsigned long long)r->verdict[v],
                pkt_verdict_name((enum pkt_verdict)v), pkt_verdict_name(k->verdict));
    }
    print_message("%-30s %6u frames, %llu allocations of ours, %llu of OpenSSL\n",
        pkt_verdict_name(k->verdict), k->frames, (unsigned long long)ours_now,
        (unsigned long long)openssl_now);
    assert_int_equal(r->verdict[k->verdict], k->frames);
    assert_true(ours_now + openssl_now <= (uint64_t)k->most * k->frames);
    pipeline_free(r->p);
    r->cfg = before;
}

static void no_memory_for_a_bad_frame(void **state) {
    (void)state;
    struct rig *r = ws_alloc(sizeof(*r));
    static const uint64_t narrow[] = {PSID_CAM};
    pki_init(&r->pki, 1);
    pki_init(&r->foreign, 2);
    pki_vehicle(&r->pki, &r->car);
    pki_vehicle(&r->pki, &r->silent);
    pki_vehicle(&r->foreign, &r->stranger);
    r->now = PKI_NOW_US;
    pki_station(&r->pki, &r->narrow, narrow, 1, (uint32_t)(r->now / 1000000), 24);
    const struct sign_permission app = {.psid = PSID_CAM};
    struct cert_request rq = {
        .valid_from_s = PKI_FROM_S, .valid_hours = 168, .app = &app, .n_app = 1};
    r->implicit.key = cert_put_implicit(
        &r->implicit.cert, &rq, r->foreign.ca_key, buf_span(&r->foreign.ca), &r->foreign.rnd);
    r->cfg = (struct pipeline_config){
        .limits =
            {
                .source_slots = 64,
                .source_rate = 0,
                .source_burst = 1000,
                .replay_slots = 1024,
                .cert_slots = 256,
                .message_pool = 64,
                .wait_share = 512,
                .freshness_us = 2000000,
                .freshness_own_us = 2000000,
                .future_us = 2000000,
                .table_octets = 4U << 20,
            },
        .trust = r->pki.trust,
        .verify = true,
    };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        one_kind(r, &kinds[i]);
    for (unsigned i = 0; i < VARIANTS; i++)
        buf_free(&r->frame[i]);
    station_free(&r->car);
    station_free(&r->silent);
    station_free(&r->stranger);
    station_free(&r->narrow);
    station_free(&r->implicit);
    pki_free(&r->pki);
    pki_free(&r->foreign);
    free(r);
}

int main(void) {
    if (CRYPTO_set_mem_functions(count_malloc, count_realloc, plain_free) != 1)
        return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_memory_for_a_bad_frame)};
    return cmocka_run_group_tests_name("memory of bad frames", tests, NULL, NULL);
}
