/* ledger/net/guard: connections that make libzmq hold too much, played with bare TCP. */
#include "tests/support/cm.h"

#include "ledger/net/guard.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LARGEST = 100000, HELD = 300000, PEER = 5 };

/* What libzmq adds to a message on the wire. */
static size_t framed(size_t octets) {
    return octets + 33 + (octets + 33 > 255 ? 9 : 2);
}

struct pair {
    int ours, theirs;
};

static void pair_open(struct pair *p) {
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(a);
    assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &size), 0);
    p->theirs = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(p->theirs, (struct sockaddr *)&a, sizeof(a)), 0);
    p->ours = accept(listener, NULL, NULL);
    assert_true(p->ours >= 0);
    (void)close(listener);
}

static void pair_close(struct pair *p) {
    (void)close(p->ours);
    (void)close(p->theirs);
}

/* They send, and "libzmq" reads it all into memory. */
static void swallow(struct pair *p, size_t octets) {
    static uint8_t chunk[50000];
    while (octets > 0) {
        size_t n = octets < sizeof(chunk) ? octets : sizeof(chunk);
        assert_int_equal(send(p->theirs, chunk, n, MSG_NOSIGNAL), n);
        for (size_t got = 0; got < n;) {
            ssize_t k = recv(p->ours, chunk, n - got, 0);
            assert_true(k > 0);
            got += (size_t)k;
        }
        octets -= n;
    }
}

static bool is_shut(const struct pair *p) {
    char c;
    return recv(p->theirs, &c, 1, MSG_DONTWAIT) == 0;
}

static struct guard *new_guard(void) {
    struct net_limits l = net_limits_default(LARGEST);
    l.held_octets = HELD;
    l.strangers = 3;
    return guard_new(&l);
}

static void what_is_taken_is_not_held(void **state) {
    (void)state;
    struct guard *g = new_guard();
    struct pair p;
    pair_open(&p);
    guard_opened(g, p.ours, GUARD_IN, 1000);
    uint64_t now = 1000;
    /* A thousand times what may be held, in whole messages of all sizes, each taken: exact to the octet. */
    for (size_t i = 0; i < 3000; i++) {
        size_t octets = i * 37 % LARGEST;
        swallow(&p, framed(octets));
        guard_took(g, p.ours, octets, PEER, now);
        now += 200;
        assert_in_range(guard_scan(g, now), 1, 100);
    }
    assert_false(is_shut(&p));
    /* And still the bound is where it was: at it ... */
    swallow(&p, HELD);
    (void)guard_scan(g, now += 200);
    assert_false(is_shut(&p));
    /* ... and an octet above it. */
    swallow(&p, 1);
    (void)guard_scan(g, now += 200);
    assert_true(is_shut(&p));
    assert_int_equal(guard_counters(g).cut_held, 1);
    (void)guard_scan(g, now + 200);
    assert_int_equal(guard_counters(g).cut_held, 1); /* once */
    pair_close(&p);
    guard_free(g);
}

/* What the kernel still has is bounded by the kernel. */
static void what_waits_in_the_kernel_is_not_held(void **state) {
    (void)state;
    struct guard *g = new_guard();
    struct pair p;
    pair_open(&p);
    guard_opened(g, p.ours, GUARD_IN, 0);
    guard_took(g, p.ours, 0, PEER, 0);
    static uint8_t chunk[10000];
    assert_int_equal(fcntl(p.theirs, F_SETFL, O_NONBLOCK), 0);
    size_t sent = 0;
    for (ssize_t n = 0; n >= 0 && sent<4U << 20; sent += n> 0 ? (size_t)n : 0)
        n = send(p.theirs, chunk, sizeof(chunk), MSG_NOSIGNAL);
    assert_true(sent > HELD);
    (void)usleep(50000);
    (void)guard_scan(g, 200);
    assert_false(is_shut(&p));
    pair_close(&p);
    guard_free(g);
}

static void nothing_comes_back_on_our_links(void **state) {
    (void)state;
    struct guard *g = new_guard();
    struct pair p;
    pair_open(&p);
    guard_opened(g, p.ours, GUARD_OUT, 0);
    swallow(&p, 1 << 20);
    (void)guard_scan(g, 200);
    assert_false(is_shut(&p));
    swallow(&p, 1000);
    (void)guard_scan(g, 400);
    assert_true(is_shut(&p));
    pair_close(&p);
    guard_free(g);
}

static void the_silent_go_and_the_oldest_first(void **state) {
    (void)state;
    struct guard *g = new_guard();
    struct pair p[6];
    for (unsigned i = 0; i < 6; i++) {
        pair_open(&p[i]);
        guard_opened(g, p[i].ours, GUARD_IN, 100 + i);
    }
    guard_took(g, p[1].ours, 0, PEER, 200); /* a peer's */
    (void)guard_scan(g, 300);
    const bool gone[6] = {true, false, true, false, false, false};
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(is_shut(&p[i]), gone[i]);
    (void)guard_scan(g, 11000);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(is_shut(&p[i]), i != 1);
    assert_int_equal(guard_counters(g).cut_silent, 5);
    for (unsigned i = 0; i < 6; i++)
        pair_close(&p[i]);
    guard_free(g);
}

static void a_peer_s_connections_are_cut(void **state) {
    (void)state;
    struct guard *g = new_guard();
    struct pair p[3];
    for (unsigned i = 0; i < 3; i++) {
        pair_open(&p[i]);
        guard_took(g, p[i].ours, 1, i < 2 ? PEER : PEER + 1, 0);
    }
    guard_cut_peer(g, PEER);
    assert_true(is_shut(&p[0]) && is_shut(&p[1]) && !is_shut(&p[2]));
    guard_cut(g, p[2].ours);
    assert_true(is_shut(&p[2]));
    guard_cut(g, 60000);
    guard_cut(g, -1);
    assert_int_equal(guard_counters(g).cut_removed, 3);
    for (unsigned i = 0; i < 3; i++)
        pair_close(&p[i]);
    guard_free(g);
}

/* libzmq closed the connection and another one, perhaps no concern of ours, got its number. */
static void a_reused_number_is_another_connection(void **state) {
    (void)state;
    struct guard *g = new_guard();
    struct pair old;
    struct pair other;
    pair_open(&old);
    guard_opened(g, old.ours, GUARD_IN, 0);
    guard_took(g, old.ours, 0, PEER, 0);
    pair_open(&other);
    int number = old.ours;
    assert_int_equal(dup2(other.ours, number), number);
    swallow(&other, HELD * 2);
    (void)guard_scan(g, 200);
    guard_cut_peer(g, PEER);
    guard_cut(g, number);
    assert_false(is_shut(&other));
    /* Told of it, the guard begins anew. */
    guard_closed(g, number);
    guard_opened(g, number, GUARD_IN, 300);
    (void)guard_scan(g, 400);
    assert_true(is_shut(&other));
    (void)close(other.ours);
    (void)close(other.theirs);
    pair_close(&old);
    guard_free(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_taken_is_not_held),
        cmocka_unit_test(what_waits_in_the_kernel_is_not_held),
        cmocka_unit_test(nothing_comes_back_on_our_links),
        cmocka_unit_test(the_silent_go_and_the_oldest_first),
        cmocka_unit_test(a_peer_s_connections_are_cut),
        cmocka_unit_test(a_reused_number_is_another_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
