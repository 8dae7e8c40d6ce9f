#include "tests/unit/pktio/worker_support.h"

#include "base/clock.h"
#include "v2x/psid.h"

#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

uint64_t bench_stamp_ns(void) {
    return (uint64_t)its_to_unix_us(PKI_NOW_US) * 1000;
}

struct bench *bench_new(void) {
    struct bench *b = ws_alloc(sizeof(*b));
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(b->dir, sizeof(b->dir), "%s/wayside-XXXXXX", tmp != NULL ? tmp : P_tmpdir);
    assert_non_null(mkdtemp(b->dir));
    (void)snprintf(b->path, sizeof(b->path), "%s/c.pcap", b->dir);
    pki_init(&b->pki, 1);
    pki_vehicle(&b->pki, &b->car);
    b->clock = (struct ws_clock){.kind = WS_CLOCK_SYSTEM};
    b->out = ring_create(OUT_RING);
    b->out_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    b->cfg = (struct pipeline_config){
        .limits =
            {
                .source_slots = 64,
                .source_rate = 0,
                .replay_slots = 4096,
                .cert_slots = 64,
                .message_pool = OUT_RING,
                .freshness_us = 2000000,
                .freshness_own_us = 2000000,
                .future_us = 500000,
                .max_age_us = 10000000, /* this machine may be slow */
                .max_age_safety_us = 10000000,
            },
        .trust = b->pki.trust,
        .verify = true,
    };
    return b;
}

void bench_free(struct bench *b) {
    (void)unlink(b->path);
    assert_int_equal(rmdir(b->dir), 0);
    station_free(&b->car);
    pki_free(&b->pki);
    ring_destroy(b->out);
    (void)close(b->out_fd);
    free(b);
}

void bench_capture(struct bench *b, const char *path, size_t n, uint64_t gap_us) {
    struct capture_writer *w = NULL;
    struct ws_err err;
    assert_int_equal(capture_create(path, &w, &err), WS_OK);
    struct buf frame = {0};
    for (size_t i = 0; i < n; i++) {
        buf_clear(&frame);
        station_frame(
            &frame, &b->car, PSID_CAM, PKI_NOW_US + i * gap_us, span_of("hello", 5), i % 10 == 0);
        capture_put(w, bench_stamp_ns() + i * gap_us * 1000, buf_span(&frame));
    }
    buf_free(&frame);
    assert_int_equal(capture_finish(w, &err), WS_OK);
}

static void note(void *ctx, const struct pkt_frame *f, enum pkt_verdict v, const char *detail) {
    struct bench *b = ctx;
    if (b->slow_us > 0)
        (void)usleep(b->slow_us);
    if (b->n_seen == SEEN_MAX || detail == NULL)
        return;
    b->seen[b->n_seen++] = (struct seen){.number = f->number,
        .stamp_ns = f->stamp_ns,
        .capture = f->capture,
        .original_octets = f->original_octets,
        .octets = f->data.n,
        .verdict = v};
}

struct worker *bench_start(struct bench *b, struct port_config *cfg) {
    struct worker *w = NULL;
    struct ws_err err = {0};
    const char *paths[] = {b->path};
    if (cfg->kind == PORT_CAPTURE && cfg->captures == NULL) {
        cfg->captures = paths;
        cfg->n_captures = 1;
    }
    b->n_seen = 0;
    int rc = worker_start(cfg, &b->cfg, &b->clock, &b->out, b->out_fd, note, b, &w, &err);
    if (cfg->captures == paths)
        cfg->captures = NULL;
    if (rc != WS_OK)
        fail_msg("%s", err.text);
    return w;
}

void bench_wait(struct worker *w, struct worker_counters *ret) {
    for (unsigned i = 0; i < 240000; i++) {
        worker_read_counters(w, ret);
        if (ret->finished)
            return;
        (void)usleep(1000);
    }
    fail_msg("the capture was not processed to its end");
}

size_t bench_drain(struct bench *b) {
    size_t n = 0;
    for (struct pkt_message *m = ring_pop(b->out); m != NULL; m = ring_pop(b->out)) {
        pkt_message_release(m);
        n++;
    }
    return n;
}
