/* Captures through DPDK: nothing lost, nothing reordered, the end as an event. One EAL for the program. */
#include "tests/unit/pktio/worker_support.h"

#include "base/clock.h"
#include "base/fileio.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int setup(void **state) {
    *state = bench_new();
    return 0;
}

static int teardown(void **state) {
    bench_free(*state);
    return 0;
}

static uint64_t sum_of(const struct worker_counters *c) {
    uint64_t sum = 0;
    for (unsigned v = 0; v < PKT_VERDICT_COUNT; v++)
        sum += c->pipe.verdict[v];
    return sum;
}

/* The smallest pool and a slow worker: the reader waits for buffers most of the time. */
static void a_small_pool_loses_nothing(void **state) {
    struct bench *b = *state;
    enum { FRAMES = 1000 };
    bench_capture(b, b->path, FRAMES, 1000);
    b->slow_us = 20;
    struct port_config cfg = {.kind = PORT_CAPTURE, .mbufs = 64};
    struct worker *w = bench_start(b, &cfg);
    struct worker_counters c;
    bench_wait(w, &c);
    assert_string_equal(c.failure, "");
    assert_int_equal(c.pipe.frames, FRAMES);
    assert_int_equal(c.pipe.verdict[PKT_VERIFIED], FRAMES);
    assert_int_equal(sum_of(&c), FRAMES);
    assert_int_equal(c.port_missed, 0);
    worker_stop(w);
    assert_int_equal(b->n_seen, FRAMES);
    for (size_t i = 0; i < FRAMES; i++) {
        assert_int_equal(b->seen[i].number, i + 1);
        assert_int_equal(b->seen[i].stamp_ns, bench_stamp_ns() + i * 1000000);
    }
    /* After the stop the messages are still there. */
    assert_int_equal(bench_drain(b), FRAMES);
    worker_free(w);
}

static void the_consumer_is_woken(void **state) {
    struct bench *b = *state;
    bench_capture(b, b->path, 10, 1000);
    struct port_config cfg = {.kind = PORT_CAPTURE};
    struct worker *w = bench_start(b, &cfg);
    size_t got = 0;
    while (got < 10) {
        struct pollfd p = {.fd = b->out_fd, .events = POLLIN};
        assert_int_equal(poll(&p, 1, 120000), 1);
        uint64_t n;
        assert_int_equal(read(b->out_fd, &n, sizeof(n)), sizeof(n));
        got += bench_drain(b);
    }
    worker_free(w);
}

/* The same verdicts as the pipeline gives without any port. */
static void same_as_without_a_port(void **state) {
    struct bench *b = *state;
    enum { FRAMES = 300 };
    bench_capture(b, b->path, FRAMES, 300);
    struct port_config cfg = {.kind = PORT_CAPTURE};
    const char *twice[] = {b->path, b->path};
    cfg.captures = twice;
    cfg.n_captures = 2;
    struct worker *w = bench_start(b, &cfg);
    struct worker_counters c;
    bench_wait(w, &c);
    worker_stop(w);
    assert_int_equal(b->n_seen, 2 * FRAMES);
    assert_int_equal(c.pipe.verdict[PKT_VERIFIED], FRAMES);
    assert_int_equal(c.pipe.verdict[PKT_DUPLICATE], FRAMES);
    for (size_t i = 0; i < 2 * FRAMES; i++) {
        assert_int_equal(b->seen[i].capture, i / FRAMES);
        assert_int_equal(b->seen[i].number, i % FRAMES + 1);
        assert_int_equal(b->seen[i].verdict, i < FRAMES ? PKT_VERIFIED : PKT_DUPLICATE);
    }
    (void)bench_drain(b);
    worker_free(w);
}

static void a_file_cut_in_a_record(void **state) {
    struct bench *b = *state;
    bench_capture(b, b->path, 20, 1000);
    struct stat st;
    assert_int_equal(stat(b->path, &st), 0);
    assert_int_equal(truncate(b->path, st.st_size - 10), 0);
    struct port_config cfg = {.kind = PORT_CAPTURE};
    struct worker *w = bench_start(b, &cfg);
    struct worker_counters c;
    bench_wait(w, &c);
    assert_false(worker_send(w, span_of("nobody hears", 12))); /* captures only receive */
    worker_read_counters(w, &c);
    assert_int_equal(c.send_dropped, 1);
    assert_false(worker_order(w, false)); /* nor can they be stopped */
    assert_int_equal(c.sent, 0);
    assert_int_equal(c.pipe.frames, 19);
    assert_non_null(strstr(c.failure, b->path));
    assert_non_null(strstr(c.failure, "record 20:"));
    (void)bench_drain(b);
    worker_free(w);
}

static void an_absent_file(void **state) {
    struct bench *b = *state;
    struct port_config cfg = {.kind = PORT_CAPTURE};
    struct worker *w = bench_start(b, &cfg);
    struct worker_counters c;
    bench_wait(w, &c);
    assert_int_equal(c.pipe.frames, 0);
    assert_non_null(strstr(c.failure, b->path));
    worker_free(w);
}

/* Empty, exactly one buffer, one octet more, jumbo, longest, longer than that. */
static void frames_of_all_sizes(void **state) {
    struct bench *b = *state;
    static const size_t sizes[] = {0, 1, 1663, 1664, 1665, 3328, 3329, 9000, 65535, 65536, 100000};
    static uint8_t octets[100000];
    struct capture_writer *cw = NULL;
    struct ws_err err;
    assert_int_equal(capture_create(b->path, &cw, &err), WS_OK);
    for (size_t i = 0; i < 20 * ARRAY_LEN(sizes); i++)
        capture_put(cw, bench_stamp_ns(), span_of(octets, sizes[i % ARRAY_LEN(sizes)]));
    assert_int_equal(capture_finish(cw, &err), WS_OK);
    struct port_config cfg = {.kind = PORT_CAPTURE, .mbufs = 64};
    struct worker *w = bench_start(b, &cfg);
    struct worker_counters c;
    bench_wait(w, &c);
    worker_stop(w);
    assert_string_equal(c.failure, "");
    assert_int_equal(b->n_seen, 20 * ARRAY_LEN(sizes));
    for (size_t i = 0; i < b->n_seen; i++) {
        size_t want = sizes[i % ARRAY_LEN(sizes)];
        assert_int_equal(b->seen[i].number, i + 1);
        assert_int_equal(b->seen[i].original_octets, want);
        assert_int_equal(b->seen[i].octets, want < 65535 ? want : 65535);
    }
    worker_free(w);
}

static void paced_by_a_scaled_clock(void **state) {
    struct bench *b = *state;
    enum { FRAMES = 100 };
    bench_capture(b, b->path, FRAMES, 20000); /* two seconds of traffic at twenty times the speed */
    struct ws_clock mono = {.kind = WS_CLOCK_SYSTEM};
    b->clock = (struct ws_clock){.kind = WS_CLOCK_SCALED,
        .epoch_its_us = PKI_NOW_US - 400000,
        .start_mono_us = ws_clock_now(&mono).mono_us,
        .rate_ppm = 20000000};
    struct port_config cfg = {.kind = PORT_CAPTURE, .paced = true};
    uint64_t before = ws_clock_now(&b->clock).its_us;
    struct worker *w = bench_start(b, &cfg);
    struct worker_counters c;
    bench_wait(w, &c);
    uint64_t took = ws_clock_now(&b->clock).its_us - before;
    assert_int_equal(c.pipe.frames, FRAMES);
    assert_int_equal(c.stamp_jumps, 0);
    assert_true(took >= (FRAMES - 1) * 20000ULL);
    /* Fresh by the cell clock, although the capture is from another day; lateness of a busy machine allowed. */
    assert_int_equal(c.pipe.verdict[PKT_VERIFIED] + c.pipe.verdict[PKT_STALE], FRAMES);
    assert_true(c.pipe.verdict[PKT_VERIFIED] > 0);
    (void)bench_drain(b);
    worker_free(w);
}

static void stamps_that_jump_are_not_waited_for(void **state) {
    struct bench *b = *state;
    struct capture_writer *cw = NULL;
    struct ws_err err;
    const uint64_t hour = 3600ULL * 1000000000;
    const uint64_t t = bench_stamp_ns();
    const uint64_t stamps[] = {t, t + 100000 * hour, t + 1000, t + 500, t + 2000};
    assert_int_equal(capture_create(b->path, &cw, &err), WS_OK);
    for (size_t i = 0; i < ARRAY_LEN(stamps); i++)
        capture_put(cw, stamps[i], span_of("0123456789abcdef", 16));
    assert_int_equal(capture_finish(cw, &err), WS_OK);
    struct ws_clock mono = {.kind = WS_CLOCK_SYSTEM};
    b->clock = (struct ws_clock){.kind = WS_CLOCK_SCALED,
        .epoch_its_us = PKI_NOW_US,
        .start_mono_us = ws_clock_now(&mono).mono_us,
        .rate_ppm = 1000000};
    struct port_config cfg = {.kind = PORT_CAPTURE, .paced = true};
    struct worker *w = bench_start(b, &cfg);
    struct worker_counters c;
    bench_wait(w, &c);
    worker_stop(w);
    for (size_t i = 0; i < ARRAY_LEN(stamps); i++)
        assert_int_equal(b->seen[i].stamp_ns, stamps[i]); /* never reordered */
    assert_int_equal(c.stamp_jumps, 3); /* one ahead, two back */
    worker_free(w);
}

static void *feed_fifo(void *ctx) {
    struct bench *b = ctx;
    bench_capture(b, b->path, 50, 1000);
    return NULL;
}

static void a_fifo(void **state) {
    struct bench *b = *state;
    assert_int_equal(mkfifo(b->path, 0600), 0);
    struct port_config cfg = {.kind = PORT_CAPTURE};
    struct worker *w = bench_start(b, &cfg);
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, feed_fifo, b), 0);
    struct worker_counters c;
    bench_wait(w, &c);
    assert_int_equal(pthread_join(t, NULL), 0);
    assert_string_equal(c.failure, "");
    assert_int_equal(c.pipe.frames, 50);
    (void)bench_drain(b);
    worker_free(w);
}

/* Nobody ever writes, or the writer stops in the middle: stopping does not hang. */
static void a_silent_fifo_can_be_stopped(void **state) {
    struct bench *b = *state;
    assert_int_equal(mkfifo(b->path, 0600), 0);
    int fd = open(b->path, O_RDWR | O_CLOEXEC); /* so that the reader's open returns */
    assert_true(fd >= 0);
    static const uint8_t part[24] = {0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, [18] = 4, [20] = 1};
    assert_int_equal(write(fd, part, sizeof(part)), sizeof(part));
    for (unsigned i = 0; i < 2; i++) {
        struct port_config cfg = {.kind = PORT_CAPTURE};
        struct worker *w = bench_start(b, &cfg);
        (void)usleep(50000);
        worker_stop(w);
        struct worker_counters c;
        worker_read_counters(w, &c);
        assert_false(c.finished);
        worker_free(w);
        if (i == 0)
            (void)close(fd); /* the second time nobody has it open */
    }
}

static void stopped_in_the_middle(void **state) {
    struct bench *b = *state;
    bench_capture(b, b->path, 2000, 1000);
    b->slow_us = 3000;
    for (unsigned i = 0; i < 3; i++) {
        struct port_config cfg = {.kind = PORT_CAPTURE, .mbufs = 64};
        struct worker *w = bench_start(b, &cfg);
        (void)usleep(20000 * i);
        worker_stop(w);
        struct worker_counters c;
        worker_read_counters(w, &c);
        assert_false(c.finished);
        assert_int_equal(c.pipe.frames, sum_of(&c));
        assert_true(c.pipe.frames < 2000);
        (void)bench_drain(b);
        worker_free(w);
    }
}

static void two_workers_side_by_side(void **state) {
    struct bench *b = *state;
    bench_capture(b, b->path, 500, 1000);
    struct bench *other = bench_new();
    struct port_config cfg = {.kind = PORT_CAPTURE};
    const char *paths[] = {b->path};
    cfg.captures = paths;
    cfg.n_captures = 1;
    struct worker *w[2] = {bench_start(b, &cfg), bench_start(other, &cfg)};
    for (unsigned i = 0; i < 2; i++) {
        struct worker_counters c;
        bench_wait(w[i], &c);
        assert_int_equal(c.pipe.verdict[PKT_VERIFIED], 500);
    }
    assert_int_equal(bench_drain(b), 500);
    assert_int_equal(bench_drain(other), 500);
    worker_free(w[0]);
    worker_free(w[1]);
    bench_free(other);
}

static void a_finished_worker_sleeps(void **state) {
    struct bench *b = *state;
    bench_capture(b, b->path, 10, 1000);
    struct port_config cfg = {.kind = PORT_CAPTURE};
    struct worker *w = bench_start(b, &cfg);
    struct worker_counters c;
    bench_wait(w, &c);
    uint64_t before = c.sleeps;
    (void)usleep(500000);
    worker_read_counters(w, &c);
    assert_true(c.sleeps > before); /* it does sleep */
    assert_true(c.sleeps - before < 100); /* and not for microseconds */
    (void)bench_drain(b);
    worker_free(w);
}

static void refused_with_a_reason(void **state) {
    struct bench *b = *state;
    const char *paths[] = {b->path};
    struct ws_clock manual = {.kind = WS_CLOCK_MANUAL};
    const struct {
        struct port_config cfg;
        const struct ws_clock *clock;
        int code;
        const char *word;
    } cases[] = {
        {{.kind = PORT_CAPTURE}, &b->clock, WS_EINPUT, "no capture"},
        {{.kind = PORT_CAPTURE, .captures = paths, .n_captures = 1, .mbufs = 63}, &b->clock,
            WS_EINPUT, "at least 64"},
        {{.kind = PORT_CAPTURE, .captures = paths, .n_captures = 1, .mbufs = 1000000}, &b->clock,
            WS_ELIMIT, "1000000 packet buffers"},
        {{.kind = PORT_CAPTURE, .captures = paths, .n_captures = 1, .paced = true}, &manual,
            WS_EINPUT, "clock"},
        {{.kind = PORT_AF_PACKET, .interface = "absent0"}, &b->clock, WS_ENOTFOUND, "absent0"},
        {{.kind = PORT_AF_PACKET}, &b->clock, WS_EINPUT, "no interface"},
        {{.kind = PORT_AF_PACKET, .interface = "a,b"}, &b->clock, WS_EINPUT, "a,b"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct worker *w = NULL;
        struct ws_err err = {0};
        assert_int_equal(worker_start(&cases[i].cfg, &b->cfg, cases[i].clock, &b->out, b->out_fd,
                             NULL, NULL, &w, &err),
            cases[i].code);
        assert_non_null(strstr(err.text, cases[i].word));
    }
}

static void started_once(void **state) {
    (void)state;
    struct ws_err err = {0};
    assert_int_equal(pktio_start(64, &err), WS_EEXIST);
    assert_non_null(strstr(err.text, "second time"));
    assert_int_equal(pktio_start(1, &err), WS_EINPUT);
}

static cpu_set_t cpus_before;

static void nobody_is_pinned(void **state) {
    (void)state;
    cpu_set_t now;
    assert_int_equal(sched_getaffinity(0, sizeof(now), &now), 0);
    assert_true(CPU_EQUAL(&now, &cpus_before));
}

int main(void) {
    struct ws_err err;
    (void)sched_getaffinity(0, sizeof(cpus_before), &cpus_before);
    if (pktio_start(64, &err) != WS_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        return 1;
    }
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_small_pool_loses_nothing),
        T(the_consumer_is_woken),
        T(same_as_without_a_port),
        T(a_file_cut_in_a_record),
        T(an_absent_file),
        T(frames_of_all_sizes),
        T(paced_by_a_scaled_clock),
        T(stamps_that_jump_are_not_waited_for),
        T(a_fifo),
        T(a_silent_fifo_can_be_stopped),
        T(stopped_in_the_middle),
        T(two_workers_side_by_side),
        T(a_finished_worker_sleeps),
        T(refused_with_a_reason),
        cmocka_unit_test(started_once),
        cmocka_unit_test(nobody_is_pinned),
    };
    int rc = cmocka_run_group_tests_name("captures through DPDK", tests, NULL, NULL);
    pktio_stop();
    return rc;
}
