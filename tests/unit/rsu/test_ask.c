/* rsu/ctl/http.h before a unit that means harm: answers without an end, or that do not get there. */
#include "tests/support/cm.h"

#include "base/clock.h"
#include "rsu/ctl/http.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum manner {
    ENDLESS, /* a body that goes on and on */
    DRIPPING, /* an octet of it now and then */
    SILENT, /* nothing at all */
    HEADERS, /* headers that go on and on */
    LONG_OBJECT, /* {"bundle": LONG digits} */
    NO_OBJECT,
};
enum { LONG = 2 << 20, DRIP_MS = 50 };

struct crook {
    enum manner manner;
    int listener;
    pthread_t thread;
    char address[32];
};

static bool put(int fd, const char *octets, size_t n) {
    while (n > 0) {
        const ssize_t sent = send(fd, octets, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        octets += sent;
        n -= (size_t)sent;
    }
    return true;
}

static bool put_text(int fd, const char *text) {
    return put(fd, text, strlen(text));
}

static void wait_for_the_end(int fd) {
    char octets[4096];
    while (recv(fd, octets, sizeof(octets), 0) > 0)
        continue;
}

static void answer(enum manner manner, int fd) {
    static const char head[] = "HTTP/1.1 200 OK\r\nConnection: close\r\n";
    static char digits[LONG];
    char question[2048];
    memset(digits, '0', sizeof(digits));
    if (recv(fd, question, sizeof(question), 0) <= 0)
        return;
    bool more = manner != SILENT && put_text(fd, head);
    while (manner == HEADERS && more)
        more = put_text(fd, "X-More: and more\r\n");
    more = more && put_text(fd, "\r\n");
    while (manner == ENDLESS && more)
        more = put(fd, digits, 4096);
    while (manner == DRIPPING && more) {
        (void)poll(NULL, 0, DRIP_MS);
        more = put(fd, " ", 1);
    }
    if (manner == LONG_OBJECT && put_text(fd, "{\"bundle\": \"") && put(fd, digits, LONG) &&
        put_text(fd, "\"}"))
        return;
    if (manner == NO_OBJECT && put_text(fd, "[1, 2]"))
        return;
    wait_for_the_end(fd);
}

static void *serve(void *ctx) {
    struct crook *c = ctx;
    int fd;
    while ((fd = accept(c->listener, NULL, NULL)) >= 0) {
        answer(c->manner, fd);
        (void)close(fd);
    }
    return NULL;
}

static void crook_open(struct crook *c, enum manner manner) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(at);
    *c = (struct crook){.manner = manner, .listener = socket(AF_INET, SOCK_STREAM, 0)};
    assert_int_equal(bind(c->listener, (const struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(c->listener, 4), 0);
    assert_int_equal(getsockname(c->listener, (struct sockaddr *)&at, &n), 0);
    (void)snprintf(c->address, sizeof(c->address), "127.0.0.1:%u", (unsigned)ntohs(at.sin_port));
    assert_int_equal(pthread_create(&c->thread, NULL, serve, c), 0);
}

static void crook_close(struct crook *c) {
    (void)shutdown(c->listener, SHUT_RDWR);
    (void)pthread_join(c->thread, NULL);
    (void)close(c->listener);
}

static struct ctl_http *ask(const struct crook *c, long patience_s) {
    const struct ctl_face face = {.address = c->address, .patience_s = patience_s};
    struct ctl_http *h = NULL;
    assert_int_equal(ctl_http_open(&face, &h, NULL), WS_OK);
    return h;
}

/* Refused with these words, by somebody who has a second's patience, and in a time that goes with it. */
static void refused(enum manner manner, size_t most, const char *words) {
    const struct ws_clock clock = {.kind = WS_CLOCK_SYSTEM};
    const uint64_t begun = ws_clock_now(&clock).mono_us;
    struct crook c;
    struct ws_err err = {0};
    struct buf body = {0};
    crook_open(&c, manner);
    struct ctl_http *h = ask(&c, 1);
    assert_int_equal(ctl_http_get(h, "/v1/x", most, &body, &err), WS_EIO);
    if (strstr(err.text, words) == NULL || strstr(err.text, "/v1/x") == NULL)
        fail_msg("not '%s': %s", words, err.text);
    assert_int_equal(body.n, 0);
    assert_true(ws_clock_now(&clock).mono_us - begun < 30000000);
    ctl_http_close(h);
    crook_close(&c);
    buf_free(&body);
}

static void an_answer_without_end(void **state) {
    (void)state;
    refused(ENDLESS, 100000, "an answer of more than 100000 octets");
}

/* Each octet comes in time; all of them never do. */
static void an_answer_that_trickles(void **state) {
    (void)state;
    refused(DRIPPING, 100000, "an answer that is not whole after 2 s");
    refused(DRIPPING, 10, "an answer of more than 10 octets");
}

static void no_answer(void **state) {
    (void)state;
    refused(SILENT, 100000, "");
    refused(HEADERS, 100000, "");
}

static void objects_have_a_bound_of_their_own(void **state) {
    (void)state;
    struct crook c;
    struct ws_err err = {0};
    struct buf octets = {0};
    json_t *o = NULL;
    crook_open(&c, LONG_OBJECT);
    struct ctl_http *h = ask(&c, 0);
    assert_int_equal(ctl_http_json(h, "/v1/x", &o, &err), WS_EIO);
    assert_non_null(strstr(err.text, "an answer of more than 1048576 octets"));
    if (ctl_http_json_most(h, "/v1/x", 2 * LONG, &o, &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(strlen(ctl_json_text(o, "bundle")), LONG);
    json_decref(o);
    if (ctl_http_bundle(h, "/v1/x", &octets, &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(octets.n, LONG / 2);
    buf_free(&octets);
    ctl_http_close(h);
    crook_close(&c);
}

static void another_value_is_no_answer(void **state) {
    (void)state;
    struct crook c;
    struct buf octets = {0};
    json_t *o = NULL;
    crook_open(&c, NO_OBJECT);
    struct ctl_http *h = ask(&c, 0);
    assert_int_equal(ctl_http_json(h, "/v1/x", &o, NULL), WS_EIO);
    assert_int_equal(ctl_http_bundle(h, "/v1/x", &octets, NULL), WS_EINPUT);
    assert_int_equal(octets.n, 0);
    ctl_http_close(h);
    crook_close(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_without_end),
        cmocka_unit_test(an_answer_that_trickles),
        cmocka_unit_test(no_answer),
        cmocka_unit_test(objects_have_a_bound_of_their_own),
        cmocka_unit_test(another_value_is_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
