/* What is not a good request: truncated, flipped, oversized, of other methods, slow. The face answers with an error or
 * closes, and goes on serving. */
#include "tests/unit/rsu/http_rig.h"

#include "base/random.h"

#include <stdio.h>
#include <unistd.h>

static struct rig *rig;

static int open_shared(void **state) {
    (void)state;
    rig = ws_alloc(sizeof(*rig));
    rig_open(rig, &(struct rig_options){.heartbeat_ms = 20});
    rig_step(rig, 2000000);
    rig_change(rig, 30);
    return 0;
}

static int close_shared(void **state) {
    (void)state;
    rig_close(rig);
    free(rig);
    return 0;
}

static void assert_alive(void) {
    struct answer a;
    rig_get(rig, "/healthz", &a);
    assert_int_equal(a.status, 200);
    answer_free(&a);
}

static unsigned status_of(const char *request, size_t n) {
    struct answer a;
    rig_exchange(rig, span_of(request, n), &a);
    answer_free(&a);
    return a.status;
}

/* What is answered at once; 0: nothing. */
static unsigned poke(const void *request, size_t n) {
    struct answer a;
    rig_poke(rig, span_of(request, n), 10, &a);
    answer_free(&a);
    return a.status;
}

static void other_methods_are_not_allowed(void **state) {
    (void)state;
    static const char *const methods[] = {
        "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "get", "BREW"};
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        struct buf rq = {0};
        struct answer a;
        buf_printf(&rq, "%s /v1/status HTTP/1.1\r\nHost: x\r\n\r\n", methods[i]);
        rig_exchange(rig, buf_span(&rq), &a);
        assert_int_equal(a.status, 405);
        assert_true(answer_has(&a, "Allow: GET, HEAD\r\n"));
        assert_true(answer_has(&a, "Content-Type: application/json\r\n"));
        answer_free(&a);
        buf_free(&rq);
    }
    static const char post[] =
        "POST /v1/status HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";
    assert_int_equal(status_of(post, sizeof(post) - 1), 405);
    assert_alive();
}

static void bodies_are_refused(void **state) {
    (void)state;
    static const char length[] =
        "GET /v1/status HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nabc";
    static const char chunked[] = "GET /v1/status HTTP/1.1\r\nHost: x\r\n"
                                  "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    static const char none[] = "GET /v1/status HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n"
                               "Connection: close\r\n\r\n";
    assert_int_equal(status_of(length, sizeof(length) - 1), 413);
    assert_int_equal(status_of(chunked, sizeof(chunked) - 1), 413);
    assert_int_equal(status_of(none, sizeof(none) - 1), 200);
    assert_alive();
}

static void unknown_paths_are_not_found(void **state) {
    (void)state;
    static const char *const paths[] = {"/page", "/page/", "/page/a/b", "/v1", "/v1/",
        "/v1/status/", "/v1/Status", "/v2/status", "/v1/blocks", "/v1/blocks/", "/v1/blocks/1/2",
        "/v1/../metrics", "/../../../etc/passwd", "/v1/map/../../../../etc/shadow",
        "/%2e%2e/%2e%2e/etc/passwd", "/v1%2fstatus", "/v1/proofs/state/map/",
        "/v1/proofs/state//00", "//metrics", "/.git/config"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        rig_refused(rig, 404, "nothing is served", paths[i]);
}

static void malformed_targets_say_where(void **state) {
    (void)state;
    rig_refused(rig, 400, "target, octet 5", "/v1/%zz");
    rig_refused(rig, 400, "encoded control character", "/v1/status%00");
    rig_refused(rig, 400, "encoded control character", "/v1/map/diffs?from=%0d%0aX:");
    rig_refused(rig, 400, "target, octet 5", "/v1/\xff\xfe");
    rig_refused(rig, 400, "a path starts with", "http://elsewhere/v1/status");
    rig_refused(rig, 400, "not known to /v1/status", "/v1/status?x=1");
    char *longest = ws_alloc(HTTP_TARGET_MAX + 100);
    memset(longest, 'a', HTTP_TARGET_MAX + 50);
    longest[0] = '/';
    rig_refused(rig, 414, "longer than 2048", longest);
    free(longest);
}

static void hugeness_is_bounded(void **state) {
    (void)state;
    struct buf rq = {0};
    buf_printf(&rq, "GET /v1/status HTTP/1.1\r\nHost: x\r\nX: ");
    for (size_t i = 0; i < 1 << 20; i++)
        buf_u8(&rq, 'a');
    unsigned one = status_of((const char *)rq.p, rq.n);
    assert_true(one == 431 || one == 413 || one == 0);
    buf_clear(&rq);
    buf_printf(&rq, "GET /v1/status HTTP/1.1\r\nHost: x\r\n");
    for (size_t i = 0; i < 20000; i++)
        buf_printf(&rq, "X-%zu: y\r\n", i);
    unsigned many = status_of((const char *)rq.p, rq.n);
    assert_true(many == 431 || many == 413 || many == 0);
    buf_clear(&rq);
    buf_printf(&rq, "GET /");
    for (size_t i = 0; i < 1 << 20; i++)
        buf_u8(&rq, 'a');
    unsigned target = status_of((const char *)rq.p, rq.n);
    assert_true(target == 414 || target == 431 || target == 0);
    buf_free(&rq);
    assert_alive();
}

static const char good[] = "GET /v1/map/diffs?from=1&format=json HTTP/1.1\r\nHost: rsu\r\n"
                           "Last-Event-ID: 1\r\nAccept: */*\r\nConnection: close\r\n\r\n";

static void cut_off_requests_are_let_go(void **state) {
    (void)state;
    for (size_t n = 0; n < sizeof(good) - 1; n++) {
        unsigned s = poke(good, n);
        assert_true(s == 0 || s == 400 || s == 408);
    }
    assert_int_equal(status_of(good, sizeof(good) - 1), 200);
}

static void flipped_bits_are_survived(void **state) {
    (void)state;
    struct ws_random rnd = ws_random_seeded(1609);
    char copy[sizeof(good)];
    for (size_t bit = 0; bit < (sizeof(good) - 1) * 8; bit++) {
        memcpy(copy, good, sizeof(good));
        copy[bit / 8] = (char)(copy[bit / 8] ^ (1 << bit % 8));
        /* A stream would stay open; this target never is one. */
        unsigned s = poke(copy, sizeof(good) - 1);
        assert_true(s == 0 || s == 200 || (s >= 400 && s < 500) || s == 505);
    }
    for (size_t i = 0; i < 400; i++) {
        uint8_t noise[200];
        size_t n = ws_random_below(&rnd, sizeof(noise));
        ws_random_bytes(&rnd, noise, n);
        unsigned s = poke(noise, n);
        assert_true(s == 0 || (s >= 400 && s < 600));
    }
    assert_alive();
}

/* Octet by octet, with clients that go away in the middle between. */
static void slow_and_vanishing_clients_do_no_harm(void **state) {
    (void)state;
    for (size_t i = 0; i < 60; i++) {
        int fd = rig_connect(rig);
        rig_send(fd, "GET /v1/map/stream?from=1 HTTP/1.1\r\nHost: x\r\n");
        if (i % 2 == 0)
            rig_send(fd, "\r\n");
        (void)close(fd);
    }
    int fd = rig_connect(rig);
    for (size_t i = 0; i < sizeof(good) - 1; i++) {
        char one[2] = {good[i], '\0'};
        rig_send(fd, one);
    }
    char first[16] = {0};
    size_t got = 0;
    while (got < 12) {
        ssize_t n = recv(fd, first + got, 12 - got, 0);
        assert_true(n > 0);
        got += (size_t)n;
    }
    assert_string_equal(first, "HTTP/1.1 200");
    (void)close(fd);
    assert_alive();
}

/* Half a request holds its seat for the server's patience, no longer. */
static void patience_ends(void **state) {
    (void)state;
    struct rig *r = ws_alloc(sizeof(*r));
    rig_open(r, &(struct rig_options){.patience_s = 1, .connections = 2});
    rig_step(r, 2000000);
    struct answer a;
    for (size_t i = 0; i < 3; i++) {
        rig_exchange(r, span_of(good, sizeof(good) - 3), &a);
        assert_true(a.status == 0 || a.status == 408);
        answer_free(&a);
    }
    json_decref(rig_json(r, 200, "/v1/status"));
    rig_close(r);
    free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_methods_are_not_allowed),
        cmocka_unit_test(bodies_are_refused),
        cmocka_unit_test(unknown_paths_are_not_found),
        cmocka_unit_test(malformed_targets_say_where),
        cmocka_unit_test(hugeness_is_bounded),
        cmocka_unit_test(cut_off_requests_are_let_go),
        cmocka_unit_test(flipped_bits_are_survived),
        cmocka_unit_test(patience_ends),
        cmocka_unit_test(slow_and_vanishing_clients_do_no_harm),
    };
    return cmocka_run_group_tests(tests, open_shared, close_shared);
}
