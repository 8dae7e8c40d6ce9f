/* One port, several threads: the same verdicts as with one, certificates shared, nothing lost and everything counted. */
#include "tests/unit/pktio/worker_support.h"

#include "base/clock.h"
#include "v2x/psid.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

enum { CARS = 24, ROUNDS = 12, FRAMES_MAX = 2048, STRANDS_MAX = 4 };

struct group {
    struct bench *b;
    struct station car[CARS];
    struct ring *out[STRANDS_MAX];
    /* by frame number; written once each, by whichever thread had the frame */
    enum pkt_verdict verdict[FRAMES_MAX + 1];
    atomic_uint n_verdicts;
    useconds_t slow_us;
};

static int setup(void **state) {
    struct group *g = ws_alloc(sizeof(*g));
    g->b = bench_new();
    for (size_t i = 0; i < CARS; i++)
        pki_vehicle(&g->b->pki, &g->car[i]);
    for (size_t i = 0; i < STRANDS_MAX; i++)
        g->out[i] = ring_create(OUT_RING);
    g->b->cfg.limits.freshness_us = 600000000; /* this machine may be slow */
    g->b->cfg.limits.max_age_us = g->b->cfg.limits.max_age_safety_us = 600000000;
    g->b->cfg.limits.wait_us = 5000000;
    g->b->cfg.limits.wait_share = 512;
    g->b->cfg.salt = 7;
    struct ws_clock mono = {.kind = WS_CLOCK_SYSTEM};
    /* Every stamp is due at once. */
    g->b->clock = (struct ws_clock){.kind = WS_CLOCK_SCALED,
        .epoch_its_us = PKI_NOW_US + 60000000,
        .start_mono_us = ws_clock_now(&mono).mono_us,
        .rate_ppm = 1000000};
    *state = g;
    return 0;
}

static int teardown(void **state) {
    struct group *g = *state;
    for (size_t i = 0; i < CARS; i++)
        station_free(&g->car[i]);
    for (size_t i = 0; i < STRANDS_MAX; i++)
        ring_destroy(g->out[i]);
    bench_free(g->b);
    free(g);
    return 0;
}

static void note(void *ctx, const struct pkt_frame *f, enum pkt_verdict v, const char *detail) {
    struct group *g = ctx;
    assert_non_null(detail);
    assert_true(f->number >= 1 && f->number <= FRAMES_MAX);
    assert_int_equal(g->verdict[f->number], PKT_VERDICT_COUNT); /* once for each */
    g->verdict[f->number] = v;
    atomic_fetch_add(&g->n_verdicts, 1);
    if (g->slow_us > 0)
        (void)usleep(g->slow_us);
}

static struct worker *start(struct group *g, unsigned workers) {
    const char *paths[] = {g->b->path};
    struct port_config cfg = {.kind = PORT_CAPTURE,
        .captures = paths,
        .n_captures = 1,
        .paced = true,
        .workers = workers};
    struct worker *w = NULL;
    struct ws_err err = {0};
    for (size_t i = 0; i <= FRAMES_MAX; i++)
        g->verdict[i] = PKT_VERDICT_COUNT;
    atomic_store(&g->n_verdicts, 0);
    if (worker_start(&cfg, &g->b->cfg, &g->b->clock, g->out, g->b->out_fd, note, g, &w, &err) !=
        WS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(worker_threads(w), workers);
    return w;
}

/* Releases what came out; by thread. */
static size_t drain(struct group *g, size_t by_strand[static STRANDS_MAX]) {
    size_t n = 0;
    for (size_t i = 0; i < STRANDS_MAX; i++) {
        by_strand[i] = 0;
        for (struct pkt_message *m; (m = ring_pop(g->out[i])) != NULL; n++, by_strand[i]++)
            pkt_message_release(m);
    }
    return n;
}

static uint64_t sum_of(const struct worker_counters *c) {
    uint64_t sum = 0;
    for (unsigned v = 0; v < PKT_VERDICT_COUNT; v++)
        sum += c->pipe.verdict[v];
    return sum;
}

/* Good ones, tickets by digest, a flipped bit, no V2X at all, the same message again. */
static size_t write_traffic(struct group *g) {
    struct capture_writer *cw = NULL;
    struct ws_err err;
    struct buf frame = {0};
    size_t n = 0;
    assert_int_equal(capture_create(g->b->path, &cw, &err), WS_OK);
    for (size_t r = 0; r < ROUNDS; r++) {
        for (size_t i = 0; i < CARS; i++) {
            buf_clear(&frame);
            uint64_t us = r * 100000 + i * 100;
            station_frame(
                &frame, &g->car[i], PSID_CAM, PKI_NOW_US + us, span_of("hello", 5), r % 4 == 0);
            if ((r + i) % 7 == 6)
                frame.p[frame.n - 3] ^= 1;
            else if ((r + i) % 11 == 10)
                frame.p[12] = 0x12;
            capture_put(cw, bench_stamp_ns() + us * 1000, buf_span(&frame));
            n++;
            if ((r + i) % 5 == 0) {
                capture_put(cw, bench_stamp_ns() + us * 1000, buf_span(&frame));
                n++;
            }
        }
    }
    buf_free(&frame);
    assert_int_equal(capture_finish(cw, &err), WS_OK);
    assert_true(n <= FRAMES_MAX);
    return n;
}

static void the_same_verdicts_with_any_number(void **state) {
    struct group *g = *state;
    enum pkt_verdict one[FRAMES_MAX + 1];
    size_t frames = write_traffic(g);
    for (unsigned workers = 1; workers <= STRANDS_MAX; workers++) {
        struct worker *w = start(g, workers);
        struct worker_counters c;
        bench_wait(w, &c);
        worker_stop(w);
        assert_string_equal(c.failure, "");
        assert_int_equal(c.pipe.frames, frames);
        assert_int_equal(sum_of(&c), frames);
        assert_int_equal(c.handover_dropped, 0); /* a capture waits */
        assert_int_equal(atomic_load(&g->n_verdicts), frames);
        assert_true(c.pipe.verdict[PKT_BAD_SIGNATURE] > 10);
        assert_true(c.pipe.verdict[PKT_NOT_V2X] > 10);
        assert_true(c.pipe.verdict[PKT_DUPLICATE] > 10);
        /* What the threads say of themselves adds up. */
        uint64_t sum = 0, answered = 0;
        for (unsigned i = 0; i < workers; i++) {
            struct worker_thread_counters own;
            worker_read_thread(w, i, &own);
            assert_true(own.pipe.frames > 0 && own.verify.batches > 0);
            assert_true(own.verify.table_octets <= own.verify.table_octets_max);
            assert_int_not_equal(own.verify.backend, VERIFY_AUTO);
            sum += own.pipe.frames;
            for (unsigned tier = 0; tier < VERIFY_TIERS; tier++)
                answered += own.verify.answered[tier];
        }
        assert_int_equal(sum, frames);
        assert_true(answered >= c.pipe.verdict[PKT_VERIFIED] + c.pipe.verdict[PKT_BAD_SIGNATURE]);
        size_t by_strand[STRANDS_MAX];
        assert_int_equal(drain(g, by_strand), c.pipe.verdict[PKT_VERIFIED]);
        for (unsigned i = 0; i < STRANDS_MAX; i++)
            assert_int_equal(by_strand[i] > 0, i < workers);
        if (workers == 1)
            memcpy(one, g->verdict, sizeof(one));
        for (size_t i = 1; i <= frames; i++) {
            if (one[i] != g->verdict[i])
                fail_msg("%u workers, frame %zu: %s, not %s", workers, i,
                    pkt_verdict_name(g->verdict[i]), pkt_verdict_name(one[i]));
        }
        worker_free(w);
    }
}

/* One ticket, heard once, under many addresses: the threads that did not hear it learn of it. */
static void a_certificate_is_shared(void **state) {
    struct group *g = *state;
    enum { ADDRESSES = 200 };
    struct capture_writer *cw = NULL;
    struct ws_err err;
    struct buf frame = {0};
    struct station *car = &g->car[0];
    assert_int_equal(capture_create(g->b->path, &cw, &err), WS_OK);
    for (size_t i = 0; i < ADDRESSES; i++) {
        buf_clear(&frame);
        car->mac[4] = (uint8_t)i;
        /* The ticket comes in the middle: those before it wait, those after it know or wait. */
        station_frame(
            &frame, car, PSID_CAM, PKI_NOW_US + i, span_of("hello", 5), i == ADDRESSES / 2);
        capture_put(cw, bench_stamp_ns() + i, buf_span(&frame));
    }
    buf_free(&frame);
    assert_int_equal(capture_finish(cw, &err), WS_OK);
    for (unsigned workers = 1; workers <= STRANDS_MAX; workers += 3) {
        struct worker *w = start(g, workers);
        struct worker_counters c;
        bench_wait(w, &c);
        assert_int_equal(c.pipe.verdict[PKT_VERIFIED], ADDRESSES);
        assert_int_equal(c.lessons_dropped, 0);
        worker_stop(w);
        size_t by_strand[STRANDS_MAX];
        assert_int_equal(drain(g, by_strand), ADDRESSES);
        worker_free(w);
    }
}

static void stopped_in_the_middle(void **state) {
    struct group *g = *state;
    (void)write_traffic(g);
    g->slow_us = 5000;
    for (unsigned i = 0; i < 4; i++) {
        struct worker *w = start(g, 3);
        (void)usleep(10000 * i);
        worker_stop(w);
        struct worker_counters c;
        worker_read_counters(w, &c);
        assert_false(c.finished);
        assert_int_equal(atomic_load(&g->n_verdicts), sum_of(&c));
        size_t by_strand[STRANDS_MAX];
        (void)drain(g, by_strand);
        worker_free(w);
    }
}

/* Threads without work sleep, and are woken for each frame that is theirs. */
static void siblings_sleep(void **state) {
    struct group *g = *state;
    size_t frames = write_traffic(g);
    struct worker *w = start(g, STRANDS_MAX);
    struct worker_counters c;
    bench_wait(w, &c);
    assert_int_equal(c.pipe.frames, frames);
    uint64_t before = c.sleeps;
    (void)usleep(500000);
    worker_read_counters(w, &c);
    assert_true(c.sleeps > before);
    assert_true(c.sleeps - before < 100 * STRANDS_MAX);
    worker_stop(w);
    size_t by_strand[STRANDS_MAX];
    (void)drain(g, by_strand);
    worker_free(w);
}

static void refused_with_a_reason(void **state) {
    struct group *g = *state;
    const char *paths[] = {g->b->path};
    struct worker *w = NULL;
    struct ws_err err = {0};
    struct port_config cfg = {
        .kind = PORT_CAPTURE, .captures = paths, .n_captures = 1, .workers = 2};
    assert_int_equal(
        worker_start(&cfg, &g->b->cfg, &g->b->clock, g->out, g->b->out_fd, NULL, NULL, &w, &err),
        WS_EINPUT);
    assert_non_null(strstr(err.text, "one worker"));
    cfg.paced = true;
    cfg.workers = WORKER_THREADS_MAX + 1;
    assert_int_equal(
        worker_start(&cfg, &g->b->cfg, &g->b->clock, g->out, g->b->out_fd, NULL, NULL, &w, &err),
        WS_EINPUT);
    assert_non_null(strstr(err.text, "at most"));
}

int main(void) {
    struct ws_err err;
    if (pktio_start(64, &err) != WS_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        return 1;
    }
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(the_same_verdicts_with_any_number),
        T(a_certificate_is_shared),
        T(stopped_in_the_middle),
        T(siblings_sleep),
        T(refused_with_a_reason),
    };
    int rc = cmocka_run_group_tests_name("several threads on one port", tests, NULL, NULL);
    pktio_stop();
    return rc;
}
