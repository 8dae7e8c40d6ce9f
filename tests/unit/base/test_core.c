/* base/: clock, random numbers, ring, files, errors. */
#include "tests/support/cm.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/fileio.h"
#include "base/random.h"
#include "base/ring.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void time64_matches_a_recorded_frame(void **state) {
    (void)state;
    /* 2024-01-01 00:00:00 UTC is 631152005 s after the ITS epoch, five leap seconds included. */
    assert_true(its_from_unix_us(1704067200LL * 1000000) == 631152005ULL * 1000000);
    assert_true(its_to_unix_us(631152005ULL * 1000000) == 1704067200LL * 1000000);
    assert_true(its_from_unix_us(0) == 0);
    char text[32];
    its_format(text, 631152005ULL * 1000000 + 250000);
    assert_string_equal(text, "2024-01-01T00:00:00.250Z");
}

static void scaled_clock(void **state) {
    (void)state;
    struct ws_clock sys = {.kind = WS_CLOCK_SYSTEM};
    uint64_t start = ws_clock_now(&sys).mono_us;
    struct ws_clock fast = {.kind = WS_CLOCK_SCALED,
        .epoch_its_us = 5000,
        .start_mono_us = start,
        .rate_ppm = 20000000};
    struct ws_now a = ws_clock_now(&fast);
    assert_true(a.its_us == 5000 + (a.mono_us - start) * 20);
    struct ws_clock later = fast;
    later.start_mono_us = a.mono_us + 60000000;
    assert_true(ws_clock_now(&later).its_us == 5000);
}

static void seeded_random_repeats(void **state) {
    (void)state;
    struct ws_random a = ws_random_seeded(7);
    struct ws_random b = ws_random_seeded(7);
    struct ws_random c = ws_random_seeded(8);
    uint8_t x[37];
    uint8_t y[37];
    ws_random_bytes(&a, x, sizeof(x));
    ws_random_bytes(&b, y, sizeof(y));
    assert_memory_equal(x, y, sizeof(x));
    ws_random_bytes(&c, y, sizeof(y));
    assert_memory_not_equal(x, y, sizeof(x));
    unsigned seen[6] = {0};
    for (unsigned i = 0; i < 6000; i++)
        seen[ws_random_below(&a, 6)]++;
    for (unsigned i = 0; i < 6; i++)
        assert_in_range(seen[i], 800, 1200);
}

enum { ITEMS = 200000 };
static char items[ITEMS]; /* their addresses are what goes through the ring */

static void *produce(void *arg) {
    struct ring *r = arg;
    for (size_t i = 0; i < ITEMS; i++) {
        while (!ring_push(r, &items[i]))
            (void)sched_yield();
    }
    return NULL;
}

static void ring_keeps_order_across_threads(void **state) {
    (void)state;
    struct ring *r = ring_create(64);
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, produce, r), 0);
    for (size_t want = 0; want < ITEMS;) {
        void *got = ring_pop(r);
        if (got == NULL) {
            (void)sched_yield();
            continue;
        }
        assert_ptr_equal(got, &items[want]);
        want++;
    }
    assert_int_equal(pthread_join(t, NULL), 0);
    assert_null(ring_pop(r));
    ring_destroy(r);
}

static void *produce_some(void *arg) {
    struct ring *r = arg;
    void *next[7];
    for (size_t i = 0; i < ITEMS;) {
        size_t n = 0;
        for (; n < 7 && i + n < ITEMS; n++)
            next[n] = &items[i + n];
        i += ring_push_some(r, next, n);
    }
    return NULL;
}

static void ring_keeps_order_of_several(void **state) {
    (void)state;
    struct ring *r = ring_create(16);
    pthread_t t;
    void *got[5];
    assert_int_equal(ring_pop_some(r, got, 5), 0);
    assert_int_equal(pthread_create(&t, NULL, produce_some, r), 0);
    for (size_t next = 0; next < ITEMS;) {
        size_t n = ring_pop_some(r, got, 5);
        for (size_t i = 0; i < n; i++)
            assert_ptr_equal(got[i], &items[next++]);
    }
    assert_int_equal(pthread_join(t, NULL), 0);
    /* Full is full: the first so many find room. */
    void *many[20];
    for (size_t i = 0; i < 20; i++)
        many[i] = &items[i];
    assert_int_equal(ring_push_some(r, many, 20), 16);
    assert_int_equal(ring_push_some(r, many, 1), 0);
    assert_int_equal(ring_pop_some(r, got, 5), 5);
    assert_int_equal(ring_push_some(r, many + 16, 4), 4);
    assert_int_equal(ring_used(r), 15);
    ring_destroy(r);
}

static void ring_is_bounded(void **state) {
    (void)state;
    struct ring *r = ring_create(4);
    int v = 0;
    for (int i = 0; i < 4; i++)
        assert_true(ring_push(r, &v));
    assert_false(ring_push(r, &v));
    assert_int_equal(ring_used(r), 4);
    assert_ptr_equal(ring_pop(r), &v);
    assert_true(ring_push(r, &v));
    ring_destroy(r);
}

static void files_are_whole_or_absent(void **state) {
    (void)state;
    char dir[] = "/tmp/wayside-base-XXXXXX";
    assert_non_null(mkdtemp(dir));
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/a/b", dir);
    struct ws_err err;
    assert_int_equal(dir_make(path, &err), 0);
    (void)snprintf(path, sizeof(path), "%s/a/b/secret", dir);
    assert_int_equal(file_write(path, span_of("12345", 5), 0600, &err), 0);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    struct buf b = {0};
    assert_int_equal(file_read(path, 4, &b, &err), WS_ELIMIT);
    assert_int_equal(b.n, 0);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(file_read(path, 5, &b, &err), 0);
    assert_int_equal(b.n, 5);
    assert_int_equal(file_read("/nonexistent/x", 5, &b, &err), WS_ENOTFOUND);
    buf_free(&b);
    (void)snprintf(path, sizeof(path), "rm -r %s", dir);
    assert_int_equal(system(path), 0); /* NOLINT(cert-env33-c) */
}

static void errors_carry_their_way(void **state) {
    (void)state;
    struct ws_err err;
    assert_int_equal(ws_fail(&err, WS_EINPUT, "lane %d", 7), WS_EINPUT);
    assert_int_equal(ws_fail_in(&err, "town.osm line %d", 12), WS_EINPUT);
    assert_string_equal(err.text, "town.osm line 12: lane 7");
    assert_int_equal(ws_fail(NULL, WS_EIO, "unseen"), WS_EIO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time64_matches_a_recorded_frame),
        cmocka_unit_test(scaled_clock),
        cmocka_unit_test(seeded_random_repeats),
        cmocka_unit_test(ring_keeps_order_across_threads),
        cmocka_unit_test(ring_keeps_order_of_several),
        cmocka_unit_test(ring_is_bounded),
        cmocka_unit_test(files_are_whole_or_absent),
        cmocka_unit_test(errors_carry_their_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
