/* From the hooks of a pipeline to the CAM: what is waited for is asked for, what is asked for is given; a flood of either
 * takes no more room than there is. */
#include "rsu/radio/requests.h"
#include "tests/support/cm.h"
#include "tests/support/pki.h"
#include "v2x/carrier.h"
#include "v2x/spdu.h"

static bool take(void *ctx, struct span frame) {
    struct buf *b = ctx;
    buf_clear(b);
    buf_put(b, frame.p, frame.n);
    return true;
}

static struct spdu cam(struct transmit *t, struct buf *frame, uint64_t now) {
    struct carrier c;
    struct spdu m;
    size_t at;
    assert_int_equal(transmit_cam(t, now), TRANSMIT_SENT);
    assert_int_equal(carrier_read(LINK_ETHERNET, buf_span(frame), &c), CARRIER_SECURED);
    assert_int_equal(spdu_parse(c.message, &m, &at), COER_OK);
    return m;
}

static void test_requests(void **state) {
    (void)state;
    struct pki pki;
    struct station unit;
    struct buf frame = {0};
    struct transmit *t = NULL;
    struct ws_err err;
    struct cert ticket;
    uint8_t hash[32];
    size_t at;
    uint64_t now = PKI_NOW_US;
    pki_init(&pki, 5);
    pki_vehicle(&pki, &unit);
    const struct transmit_config cfg = {.ticket = buf_span(&unit.cert),
        .key = unit.key,
        .octets_per_s = 1000000,
        .burst_octets = 1000000};
    assert_int_equal(transmit_new(&cfg, take, &frame, &t, &err), WS_OK);
    assert_int_equal(cert_parse(buf_span(&unit.cert), &ticket, &at), COER_OK);
    cert_hash256(&ticket, hash);
    struct requests *r = requests_new();
    struct pipeline_hooks h = requests_hooks(r);

    assert_int_equal(cam(t, &frame, now).signer, SIGNER_CERTIFICATE);
    requests_take(r, t, now);
    assert_int_equal(cam(t, &frame, now).signer, SIGNER_DIGEST);
    const uint8_t id8[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    h.missing(h.ctx, id8, now);
    requests_take(r, t, now);
    struct spdu m = cam(t, &frame, now);
    assert_int_equal(m.inline_p2pcd.n, 3);
    assert_memory_equal(m.inline_p2pcd.p, id8 + 5, 3);
    assert_int_equal(m.signer, SIGNER_CERTIFICATE); /* who is new to us has not met us */
    const uint8_t asked[6] = {9, 9, 9, hash[29], hash[30], hash[31]};
    h.requested(h.ctx, span_of(asked, 6), now);
    requests_take(r, t, now);
    assert_int_equal(cam(t, &frame, now).signer, SIGNER_CERTIFICATE);
    requests_take(r, t, now); /* taken once */
    assert_int_equal(cam(t, &frame, now).signer, SIGNER_DIGEST);

    /* Issuers have a small part of it, and nobody need show himself for them. */
    for (uint8_t i = 0; i < 10; i++) {
        const uint8_t issuer[8] = {[5] = 7, [7] = i};
        h.issuer_missing(h.ctx, issuer, now);
        h.issuer_missing(h.ctx, issuer, now);
    }
    now += 3000000; /* what was asked for before is forgotten */
    (void)cam(t, &frame, now);
    requests_take(r, t, now);
    m = cam(t, &frame, now);
    assert_int_equal(m.signer, SIGNER_DIGEST);
    assert_int_equal(m.inline_p2pcd.n, 2 * 3);
    assert_memory_equal(m.inline_p2pcd.p, "\x07\x00\x00\x07\x00\x01", 6);
    uint64_t dropped = requests_dropped(r);
    assert_int_equal(dropped, 16);

    /* Certificates that others give, each once, and no more than there is room for. */
    struct buf got = {0};
    uint8_t big[REQUESTS_OFFER_OCTETS + 1] = {0};
    assert_false(requests_offer(r, &got));
    for (uint8_t i = 0; i < 6; i++) {
        const uint8_t cert[3] = {1, 2, i};
        h.offered(h.ctx, span_of(cert, 3), now);
        h.offered(h.ctx, span_of(cert, 3), now);
    }
    h.offered(h.ctx, span_of(big, sizeof(big)), now);
    assert_int_equal(requests_dropped(r), dropped + 2 * 2 + 1);
    for (uint8_t i = 0; i < REQUESTS_OFFERS; i++) {
        buf_clear(&got);
        assert_true(requests_offer(r, &got));
        assert_int_equal(got.n, 3);
    }
    assert_false(requests_offer(r, &got));
    buf_free(&got);
    dropped = requests_dropped(r);

    for (unsigned i = 0; i < 1000; i++) {
        const uint8_t many[8] = {[6] = (uint8_t)(i >> 8), [7] = (uint8_t)i};
        h.missing(h.ctx, many, now);
        h.missing(h.ctx, many, now);
    }
    assert_int_equal(requests_dropped(r), dropped + UINT64_C(2) * (1000 - 64));
    requests_take(r, t, now);
    assert_int_equal(cam(t, &frame, now).inline_p2pcd.n, 3 * TRANSMIT_ASK_MAX);
    requests_free(r);
    transmit_free(t);
    station_free(&unit);
    pki_free(&pki);
    buf_free(&frame);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_requests)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
