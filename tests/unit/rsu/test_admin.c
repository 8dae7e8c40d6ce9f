/* The admin socket: who may connect, what a caller can do wrong, and what it is told. */
#include "tests/support/cm.h"

#include "rsu/host/admin.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { OCTETS_MAX = 200000, CALLERS = 8 };

static char dir[64], path[80];
static uint64_t mono_us = 1000;

struct desk {
    struct admin *a;
    size_t orders, octets;
    uint8_t first;
    int socket; /* taken over */
    atomic_bool stop;
    pthread_t thread;
};

static void answer(void *ctx, struct span order, struct buf *ret_line) {
    struct desk *d = ctx;
    d->orders++;
    d->octets = order.n;
    d->first = order.n > 0 ? order.p[0] : 0;
    buf_printf(ret_line, "ok %zu", order.n);
}

/* Takes the socket and answers later; what is said here must not arrive. */
static void answer_later(void *ctx, struct span order, struct buf *ret_line) {
    struct desk *d = ctx;
    d->orders++;
    d->octets = order.n;
    d->socket = admin_take_socket(d->a);
    buf_printf(ret_line, "no never");
}

static void open_desk(struct desk *d) {
    struct ws_err err = {0};
    memset(d, 0, sizeof(*d));
    if (admin_open(path, OCTETS_MAX, answer, d, &d->a, &err) != WS_OK)
        fail_msg("%s", err.text);
}

static int make_folder(void **state) {
    (void)state;
    (void)snprintf(dir, sizeof(dir), "%s/wayside-admin-XXXXXX",
        getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    if (mkdtemp(dir) == NULL)
        return -1;
    (void)snprintf(path, sizeof(path), "%s/socket", dir);
    return 0;
}

static int remove_folder(void **state) {
    (void)state;
    (void)unlink(path);
    return rmdir(dir);
}

static int call(void) {
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    memcpy(sa.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&sa, sizeof(sa)), 0);
    return fd;
}

static void serve(struct desk *d) {
    for (int i = 0; i < 3; i++)
        admin_serve(d->a, mono_us);
}

static void expect_line(int fd, const char *want) {
    char got[256] = {0};
    size_t n = 0;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (n < sizeof(got) - 1 && poll(&p, 1, 30000) == 1) {
        ssize_t k = recv(fd, got + n, sizeof(got) - 1 - n, 0);
        if (k <= 0)
            break;
        n += (size_t)k;
    }
    assert_string_equal(got, want);
}

static void say(int fd, const void *octets, size_t n) {
    assert_int_equal(send(fd, octets, n, MSG_NOSIGNAL), n);
}

static void only_owner_and_group_may_connect(void **state) {
    (void)state;
    static const mode_t masks[] = {0, 022, 077};
    for (size_t i = 0; i < 3; i++) {
        mode_t old = umask(masks[i]);
        struct desk d;
        open_desk(&d);
        assert_int_equal(umask(old), masks[i]); /* left as it was */
        struct stat st;
        assert_int_equal(lstat(path, &st), 0);
        assert_true(S_ISSOCK(st.st_mode));
        assert_int_equal(st.st_mode & 07777, 0660);
        admin_close(d.a);
        assert_int_equal(lstat(path, &st), -1); /* the file goes with the desk */
    }
}

static void an_order_may_come_octet_by_octet(void **state) {
    (void)state;
    struct desk d;
    open_desk(&d);
    int fd = call();
    static const uint8_t order[] = {0, 0, 0, 5, 'h', 'e', 'l', 'l', 'o'};
    for (size_t i = 0; i < sizeof(order); i++) {
        assert_int_equal(d.orders, 0);
        say(fd, &order[i], 1);
        serve(&d);
    }
    assert_int_equal(d.orders, 1);
    assert_int_equal(d.octets, 5);
    assert_int_equal(d.first, 'h');
    expect_line(fd, "ok 5\n");
    (void)close(fd);
    /* An order of nothing is the contract's to refuse. */
    fd = call();
    say(fd, "\0\0\0", 4);
    serve(&d);
    expect_line(fd, "ok 0\n");
    (void)close(fd);
    admin_close(d.a);
}

static void a_caller_that_hangs_up_leaves_no_trace(void **state) {
    (void)state;
    struct desk d;
    open_desk(&d);
    for (size_t i = 0; i < 4 * CALLERS; i++) {
        int fd = call();
        say(fd, "\0\0\1\0abc", i % 8);
        serve(&d);
        (void)close(fd);
        serve(&d);
    }
    /* Gone before the answer. */
    int fd = call();
    say(fd, "\0\0\0\1x", 5);
    (void)close(fd);
    serve(&d);
    assert_int_equal(d.orders, 1);
    fd = call();
    say(fd, "\0\0\0\1y", 5);
    serve(&d);
    expect_line(fd, "ok 1\n");
    (void)close(fd);
    admin_close(d.a);
}

static void too_large_is_refused_at_its_length(void **state) {
    (void)state;
    struct desk d;
    open_desk(&d);
    int fd = call();
    say(fd, "\xff\xff\xff\xff", 4);
    serve(&d);
    expect_line(fd, "no order of 4294967295 octets, at most 200000\n");
    (void)close(fd);
    fd = call();
    say(fd, "\x00\x03\x0d\x41", 4); /* 200001 */
    serve(&d);
    expect_line(fd, "no order of 200001 octets, at most 200000\n");
    (void)close(fd);
    assert_int_equal(d.orders, 0);
    admin_close(d.a);
}

/* The word as it comes in, octet by octet; as soon as it is another one the ordinary bound holds. */
static void only_what_begins_with_the_word_may_be_long(void **state) {
    (void)state;
    enum { LONG = OCTETS_MAX + 1000 };
    static const uint8_t length[] = {0, LONG >> 16, LONG >> 8 & 0xff, LONG & 0xff};
    struct desk d;
    open_desk(&d);
    admin_allow_long(d.a, "story ", LONG);
    int fd = call();
    say(fd, length, 4);
    serve(&d);
    for (const char *c = "story "; *c != '\0'; c++) {
        say(fd, c, 1);
        serve(&d);
    }
    uint8_t *rest = ws_alloc(LONG);
    memset(rest, 'x', LONG);
    size_t left = LONG - 6;
    while (left > 0) {
        size_t n = left < 8192 ? left : 8192;
        say(fd, rest, n);
        left -= n;
        serve(&d);
    }
    for (int i = 0; i < 40; i++)
        serve(&d);
    assert_int_equal(d.orders, 1);
    assert_int_equal(d.octets, LONG);
    (void)close(fd);
    static const char *const others[] = {"stork", "x", "storyx"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        fd = call();
        say(fd, length, 4);
        say(fd, others[i], strlen(others[i]));
        serve(&d);
        expect_line(fd, "no order of 201000 octets, at most 200000\n");
        (void)close(fd);
    }
    fd = call();
    say(fd, "\x00\x03\x11\x29", 4); /* one more than the long ones have */
    serve(&d);
    expect_line(fd, "no order of 201001 octets, at most 201000\n");
    (void)close(fd);
    assert_int_equal(d.orders, 1);
    free(rest);
    admin_close(d.a);
}

static void silent_callers_are_dropped_after_a_while(void **state) {
    (void)state;
    struct desk d;
    open_desk(&d);
    int fd[CALLERS + 1];
    for (size_t i = 0; i < CALLERS; i++) {
        fd[i] = call();
        admin_serve(d.a, mono_us);
    }
    fd[CALLERS] = call();
    serve(&d);
    expect_line(fd[CALLERS], "no busy\n");
    (void)close(fd[CALLERS]);
    /* One of them speaks after all. */
    say(fd[3], "\0\0\0\1z", 5);
    serve(&d);
    expect_line(fd[3], "ok 1\n");
    mono_us += 5000001;
    serve(&d);
    for (size_t i = 0; i < CALLERS; i++) {
        if (i != 3)
            expect_line(fd[i], "");
        (void)close(fd[i]);
    }
    int again = call();
    say(again, "\0\0\0\1z", 5);
    serve(&d);
    expect_line(again, "ok 1\n");
    (void)close(again);
    admin_close(d.a);
}

static void an_answer_may_come_later_from_elsewhere(void **state) {
    (void)state;
    struct ws_err err = {0};
    struct desk d = {0};
    assert_int_equal(admin_open(path, OCTETS_MAX, answer_later, &d, &d.a, &err), WS_OK);
    for (size_t i = 0; i < 2 * CALLERS; i++) { /* its seat is free at once */
        int fd = call();
        say(fd, "\0\0\0\2hi", 6);
        serve(&d);
        assert_int_equal(d.orders, i + 1);
        assert_int_equal(d.octets, 2);
        mono_us += 5000001; /* nobody hangs up on a caller that is no longer the desk's */
        serve(&d);
        say(d.socket, "ok then\n", 8);
        (void)close(d.socket);
        expect_line(fd, "ok then\n");
        (void)close(fd);
    }
    admin_close(d.a);
}

/* ---- the file ---- */

static void a_socket_left_behind_is_replaced(void **state) {
    (void)state;
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    memcpy(sa.sun_path, path, strlen(path) + 1);
    int dead = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(dead, (const struct sockaddr *)&sa, sizeof(sa)), 0);
    assert_int_equal(listen(dead, 1), 0);
    (void)close(dead); /* killed: the file stays */
    assert_int_equal(access(path, F_OK), 0);
    struct desk d;
    open_desk(&d);
    int fd = call();
    say(fd, "\0\0\0\1z", 5);
    serve(&d);
    expect_line(fd, "ok 1\n");
    (void)close(fd);
    admin_close(d.a);
}

static void a_living_desk_is_not_pushed_aside(void **state) {
    (void)state;
    struct desk d;
    open_desk(&d);
    struct admin *second = NULL;
    struct ws_err err = {0};
    assert_int_equal(admin_open(path, OCTETS_MAX, answer, &d, &second, &err), WS_EBUSY);
    assert_non_null(strstr(err.text, path));
    assert_null(second);
    int fd = call();
    say(fd, "\0\0\0\1z", 5);
    serve(&d);
    serve(&d);
    expect_line(fd, "ok 1\n");
    (void)close(fd);
    admin_close(d.a);
}

static void a_file_that_is_no_socket_is_left_alone(void **state) {
    (void)state;
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "precious", 8), 8);
    (void)close(fd);
    struct admin *a = NULL;
    struct ws_err err = {0};
    assert_int_equal(admin_open(path, OCTETS_MAX, answer, NULL, &a, &err), WS_EIO);
    assert_non_null(strstr(err.text, "socket"));
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 8);
    (void)unlink(path);
}

static void paths_that_cannot_be_are_named(void **state) {
    (void)state;
    char longest[300];
    memset(longest, 'a', sizeof(longest) - 1);
    longest[0] = '/';
    longest[sizeof(longest) - 1] = '\0';
    struct admin *a = NULL;
    struct ws_err err = {0};
    assert_int_equal(admin_open(longest, OCTETS_MAX, answer, NULL, &a, &err), WS_EINPUT);
    assert_int_equal(
        admin_open("/nowhere/at/all/socket", OCTETS_MAX, answer, NULL, &a, &err), WS_EIO);
    struct buf line = {0};
    assert_int_equal(admin_send(longest, span_of("x", 1), &line, &err), WS_EINPUT);
    assert_int_equal(admin_send(path, span_of("x", 1), &line, &err), WS_EIO);
    assert_non_null(strstr(err.text, path));
    assert_non_null(strstr(err.text, "No such file"));
    buf_free(&line);
}

/* ---- the caller's side ---- */

static void *serve_until_told(void *arg) {
    struct desk *d = arg;
    while (!d->stop) {
        struct pollfd p = {.fd = admin_fd(d->a), .events = POLLIN};
        (void)poll(&p, 1, 10);
        admin_serve(d->a, mono_us);
    }
    return NULL;
}

struct client {
    size_t octets;
    int rc;
    struct buf line;
    struct ws_err err;
    pthread_t thread;
};

static void *send_order(void *arg) {
    struct client *c = arg;
    uint8_t *order = ws_alloc(c->octets);
    c->rc = admin_send(path, span_of(order, c->octets), &c->line, &c->err);
    free(order);
    return NULL;
}

static void callers_in_other_threads_get_their_lines(void **state) {
    (void)state;
    struct desk d;
    open_desk(&d);
    assert_int_equal(pthread_create(&d.thread, NULL, serve_until_told, &d), 0);
    /* More than a socket buffers; the largest; too large, with the rest of it still on the way when it is refused. */
    static const size_t sizes[] = {1, 70000, OCTETS_MAX, OCTETS_MAX + 1, 8U << 20, 0};
    struct client c[ARRAY_LEN(sizes)];
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        c[i] = (struct client){.octets = sizes[i]};
        assert_int_equal(pthread_create(&c[i].thread, NULL, send_order, &c[i]), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        assert_int_equal(pthread_join(c[i].thread, NULL), 0);
        char want[100];
        (void)snprintf(want, sizeof(want),
            sizes[i] <= OCTETS_MAX ? "ok %zu" : "no order of %zu octets, at most %d", sizes[i],
            OCTETS_MAX);
        if (c[i].rc != WS_OK)
            fail_msg("%zu octets: %s", sizes[i], c[i].err.text);
        assert_int_equal(c[i].line.n, strlen(want));
        assert_memory_equal(c[i].line.p, want, strlen(want));
        buf_free(&c[i].line);
    }
    d.stop = true;
    assert_int_equal(pthread_join(d.thread, NULL), 0);
    admin_close(d.a);
}

static void many_callers_are_served_or_told_to_come_again(void **state) {
    (void)state;
    struct desk d;
    open_desk(&d);
    assert_int_equal(pthread_create(&d.thread, NULL, serve_until_told, &d), 0);
    size_t ok = 0;
    for (size_t round = 0; round < 5; round++) {
        struct client c[20];
        for (size_t i = 0; i < 20; i++) {
            c[i] = (struct client){.octets = 10 + i};
            assert_int_equal(pthread_create(&c[i].thread, NULL, send_order, &c[i]), 0);
        }
        for (size_t i = 0; i < 20; i++) {
            assert_int_equal(pthread_join(c[i].thread, NULL), 0);
            if (c[i].rc != WS_OK)
                fail_msg("%s", c[i].err.text);
            bool busy = c[i].line.n == 7 && memcmp(c[i].line.p, "no busy", 7) == 0;
            bool good = c[i].line.n == 5 && memcmp(c[i].line.p, "ok ", 3) == 0;
            assert_true(busy || good);
            ok += good;
            buf_free(&c[i].line);
        }
    }
    d.stop = true;
    assert_int_equal(pthread_join(d.thread, NULL), 0);
    assert_int_equal(d.orders, ok);
    assert_true(ok > 0);
    admin_close(d.a);
}

/* Listens, takes an order in and says nothing. */
static void *hang_up(void *arg) {
    int listener = *(int *)arg;
    int fd = accept(listener, NULL, NULL);
    char c[16];
    (void)recv(fd, c, sizeof(c), 0);
    (void)close(fd);
    return NULL;
}

static void no_answer_is_said_to_be_none(void **state) {
    (void)state;
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    memcpy(sa.sun_path, path, strlen(path) + 1);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (const struct sockaddr *)&sa, sizeof(sa)), 0);
    assert_int_equal(listen(listener, 1), 0);
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, hang_up, &listener), 0);
    struct client c = {.octets = 3};
    errno = ENOENT; /* left over from something else */
    (void)send_order(&c);
    assert_int_equal(c.rc, WS_EIO);
    assert_non_null(strstr(c.err.text, "without an answer"));
    assert_int_equal(pthread_join(t, NULL), 0);
    (void)close(listener);
    (void)unlink(path);
    buf_free(&c.line);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_owner_and_group_may_connect),
        cmocka_unit_test(an_order_may_come_octet_by_octet),
        cmocka_unit_test(a_caller_that_hangs_up_leaves_no_trace),
        cmocka_unit_test(too_large_is_refused_at_its_length),
        cmocka_unit_test(only_what_begins_with_the_word_may_be_long),
        cmocka_unit_test(silent_callers_are_dropped_after_a_while),
        cmocka_unit_test(an_answer_may_come_later_from_elsewhere),
        cmocka_unit_test(a_socket_left_behind_is_replaced),
        cmocka_unit_test(a_living_desk_is_not_pushed_aside),
        cmocka_unit_test(a_file_that_is_no_socket_is_left_alone),
        cmocka_unit_test(paths_that_cannot_be_are_named),
        cmocka_unit_test(callers_in_other_threads_get_their_lines),
        cmocka_unit_test(many_callers_are_served_or_told_to_come_again),
        cmocka_unit_test(no_answer_is_said_to_be_none),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
