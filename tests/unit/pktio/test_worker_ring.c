/* The port that hears itself: no interface, no rights, so this runs everywhere. */
#include "tests/unit/pktio/worker_support.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "v2x/psid.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

static int setup(void **state) {
    struct bench *b = bench_new();
    struct ws_clock mono = {.kind = WS_CLOCK_SYSTEM};
    b->clock = (struct ws_clock){.kind = WS_CLOCK_SCALED,
        .epoch_its_us = PKI_NOW_US,
        .start_mono_us = ws_clock_now(&mono).mono_us,
        .rate_ppm = 1000000};
    *state = b;
    return 0;
}

static int teardown(void **state) {
    bench_free(*state);
    return 0;
}

static void wait_heard(struct worker *w, uint64_t n, struct worker_counters *c) {
    for (unsigned i = 0; i < 240000; i++) {
        worker_read_counters(w, c);
        if (c->pipe.frames >= n)
            return;
        (void)usleep(1000);
    }
}

static struct worker *start(struct bench *b, unsigned frames) {
    struct port_config cfg = {.kind = PORT_RING, .ring_frames = frames};
    return bench_start(b, &cfg);
}

static void what_is_sent_comes_back(void **state) {
    struct bench *b = *state;
    enum { FRAMES = 1000 };
    struct buf frame = {0};
    struct worker *w = start(b, 0);
    uint64_t octets = 0;
    for (unsigned i = 0; i < FRAMES; i++) {
        buf_clear(&frame);
        station_frame(&frame, &b->car, PSID_CAM, ws_clock_now(&b->clock).its_us,
            span_of("hello", 5), i % 10 == 0);
        while (!worker_send(w, buf_span(&frame)))
            (void)usleep(100);
        octets += frame.n;
    }
    struct worker_counters c;
    wait_heard(w, FRAMES, &c);
    worker_stop(w);
    worker_read_counters(w, &c);
    assert_int_equal(c.sent, FRAMES);
    assert_int_equal(c.sent_octets, octets);
    assert_int_equal(c.send_errors, 0);
    assert_int_equal(c.pipe.frames, FRAMES);
    assert_int_equal(c.pipe.octets, octets);
    assert_int_equal(c.pipe.verdict[PKT_VERIFIED], FRAMES);
    assert_int_equal(c.kernel_ring + c.port_missed, 0);
    assert_int_equal(bench_drain(b), FRAMES);
    worker_free(w);
    buf_free(&frame);
}

/* More than there are buffers, with the reader slow: nothing is lost but what worker_send refuses. */
static void a_slow_reader_holds_the_sender_up(void **state) {
    struct bench *b = *state;
    enum { FRAMES = 20000 };
    struct buf frame = {0};
    b->slow_us = 20;
    struct worker *w = start(b, 1024);
    station_frame(&frame, &b->car, PSID_CAM, 1, span_of("old", 3), true); /* stale: cheap */
    uint64_t taken = 0;
    for (unsigned i = 0; i < FRAMES; i++)
        taken += worker_send(w, buf_span(&frame)) ? 1 : 0;
    struct worker_counters c;
    wait_heard(w, taken, &c);
    worker_stop(w);
    worker_read_counters(w, &c);
    assert_int_equal(c.pipe.verdict[PKT_STALE], taken);
    assert_int_equal(c.sent, taken);
    assert_int_equal(c.send_dropped, FRAMES - taken);
    worker_free(w);
    buf_free(&frame);
}

/* One frame at a time, each into a worker that sleeps: none is left lying until the next. */
static void each_frame_wakes(void **state) {
    struct bench *b = *state;
    enum { FRAMES = 50 };
    struct buf frame = {0};
    struct worker *w = start(b, 0);
    struct worker_counters c;
    unsigned quick = 0;
    (void)usleep(300000);
    worker_read_counters(w, &c);
    assert_true(c.sleeps < 20);
    station_frame(&frame, &b->car, PSID_CAM, 1, span_of("old", 3), true);
    const struct ws_clock mono = {.kind = WS_CLOCK_SYSTEM};
    for (uint64_t i = 1; i <= FRAMES; i++) {
        uint64_t from = ws_clock_now(&mono).mono_us;
        assert_true(worker_send(w, buf_span(&frame)));
        wait_heard(w, i, &c);
        quick += ws_clock_now(&mono).mono_us - from < 50000 ? 1 : 0;
    }
    assert_int_equal(c.pipe.frames, FRAMES);
    /* Left to the worker's own time each would take a tenth of a second; on a busy machine some do all the same. */
    assert_true(quick >= FRAMES / 5);
    worker_free(w);
    buf_free(&frame);
}

static void again_and_with_frames_left(void **state) {
    struct bench *b = *state;
    struct buf frame = {0};
    station_frame(&frame, &b->car, PSID_CAM, 1, span_of("old", 3), true);
    for (unsigned i = 0; i < 5; i++) {
        b->slow_us = 1000;
        struct worker *w = start(b, 0);
        unsigned taken = 0;
        for (unsigned k = 0; k < 200; k++)
            taken += worker_send(w, buf_span(&frame)) ? 1 : 0;
        assert_int_equal(taken, 200);
        (void)usleep(5000);
        worker_free(w); /* while frames are under way */
    }
    buf_free(&frame);
}

static void sizes_are_checked(void **state) {
    struct bench *b = *state;
    struct worker *w = NULL;
    struct ws_err err = {0};
    const struct port_config cfg = {.kind = PORT_RING, .ring_frames = 1000};
    struct ring *out[] = {b->out};
    assert_int_equal(
        worker_start(&cfg, &b->cfg, &b->clock, out, b->out_fd, NULL, NULL, &w, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "power of two"));
}

int main(void) {
    struct ws_err err;
    if (pktio_start(32, &err) != WS_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        return 1;
    }
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(what_is_sent_comes_back),
        T(a_slow_reader_holds_the_sender_up),
        T(each_frame_wakes),
        T(again_and_with_frames_left),
        T(sizes_are_checked),
    };
    int rc = cmocka_run_group_tests_name("a port that hears itself", tests, NULL, NULL);
    pktio_stop();
    return rc;
}
