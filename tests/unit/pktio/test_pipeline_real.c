/* Every real capture is read to its last frame with the verdict that its source records. */
#include "tests/support/cm.h"

#include "base/clock.h"
#include "pktio/capture.h"

#include <stdio.h>
#include <unistd.h>

static bool no_sink(void *ctx, struct pkt_message *m) {
    (void)m;
    fail_msg("a message was admitted without a root");
    return ctx == NULL;
}

static void note(void *ctx, const struct pkt_frame *f, enum pkt_verdict v, const char *detail) {
    enum pkt_verdict *out = ctx;
    assert_true(strlen(detail) > 0);
    out[f->number - 1] = v;
}

static struct pipeline *make(const struct trust_store *trust, enum pkt_verdict *out) {
    struct pipeline_config cfg = {
        .limits =
            {
                .source_slots = 64,
                .source_rate = 1000,
                .source_burst = 1000,
                .replay_slots = 4096,
                .cert_slots = 64,
                .message_pool = 4,
                .freshness_us =
                    60000000, /* one capture's clock is 18.7 s ahead of the signed time */
                .freshness_own_us = 60000000,
                .future_us = 60000000,
                .wait_us = 60000000,
            },
        .trust = trust,
        .verify = true,
    };
    return pipeline_new(&cfg, no_sink, NULL, note, out);
}

/* Runs a capture on its own time; `out`: verdict of each frame. Returns the number of frames. */
static size_t run(const char *name, enum pkt_verdict *out, size_t max) {
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/v2x/captures/%s", test_data_dir(), name);
    if (access(path, R_OK) != 0)
        skip();
    struct trust_store *trust = trust_store_new(4);
    struct pipeline *p = make(trust, out);
    struct capture *c = NULL;
    struct ws_err err;
    assert_int_equal(capture_open(path, 0, &c, &err), WS_OK);
    struct pkt_frame f;
    size_t n = 0;
    uint64_t its_us = 0;
    while (capture_next(c, &f, &err) == 1) {
        assert_true(n < max);
        its_us = its_from_unix_us((int64_t)(f.stamp_ns / 1000));
        pipeline_tick(p, its_us);
        pipeline_take(p, &f, 1, its_us);
        while (pipeline_work(p, its_us))
            ;
        n++;
    }
    pipeline_finish(p, its_us);
    const struct pipeline_counters *k = pipeline_counters(p);
    uint64_t sum = 0;
    for (unsigned v = 0; v < PKT_VERDICT_COUNT; v++)
        sum += k->verdict[v];
    assert_int_equal(sum, n);
    assert_int_equal(k->frames, n);
    capture_close(c);
    pipeline_free(p);
    trust_store_free(trust);
    return n;
}

static void all_are(const char *name, size_t frames, enum pkt_verdict v) {
    static enum pkt_verdict out[1000];
    assert_int_equal(run(name, out, ARRAY_LEN(out)), frames);
    for (size_t i = 0; i < frames; i++)
        assert_string_equal(pkt_verdict_name(out[i]), pkt_verdict_name(v));
}

static void production_car(void **state) {
    (void)state;
    all_are("its-g5-cam-secured-boslx.pcapng", 9, PKT_GOOD_ISSUER_UNKNOWN);
}

static void digest_before_certificate(void **state) {
    (void)state;
    enum pkt_verdict out[2];
    assert_int_equal(run("its-g5-cam-secured-vanetza.pcap", out, 2), 2);
    assert_int_equal(out[0], PKT_GOOD_ISSUER_UNKNOWN); /* it waited for the second */
    assert_int_equal(out[1], PKT_GOOD_ISSUER_UNKNOWN);
}

static void roadside_denm(void **state) {
    (void)state;
    all_are("its-g5-denm-secured-npra.pcap", 5, PKT_GOOD_ISSUER_UNKNOWN);
}

static void unsecured_station(void **state) {
    (void)state;
    all_are("its-g5-cam-cpm-unsecured-msvan3t.pcapng", 929, PKT_UNSECURED);
}

static void implicit_map(void **state) {
    (void)state;
    all_are("wsmp-map-signed-commsignia.pcap", 103, PKT_ISSUER_UNKNOWN);
}

/* One implicit certificate every half second: from its first appearance on, digests are known to be of it. */
static void implicit_bsm(void **state) {
    (void)state;
    static enum pkt_verdict out[511];
    assert_int_equal(run("wsmp-bsm-signed-commsignia.pcap", out, ARRAY_LEN(out)), 511);
    size_t i = 0;
    while (i < 511 && out[i] == PKT_SIGNER_UNKNOWN)
        i++;
    assert_true(i < 5);
    for (; i < 511; i++)
        assert_string_equal(pkt_verdict_name(out[i]), pkt_verdict_name(PKT_ISSUER_UNKNOWN));
}

int main(void) {
    if (access(test_data_dir(), R_OK) != 0)
        return TEST_SKIPPED;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(production_car),
        cmocka_unit_test(digest_before_certificate),
        cmocka_unit_test(roadside_denm),
        cmocka_unit_test(unsecured_station),
        cmocka_unit_test(implicit_map),
        cmocka_unit_test(implicit_bsm),
    };
    return cmocka_run_group_tests_name("pipeline on real captures", tests, NULL, NULL);
}
