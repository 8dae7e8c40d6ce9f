/* ledger/net among those who know each other: what is sent arrives, in order, within its bounds, and after a break again. */
#include "tests/unit/ledger/net_rig.h"

#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

static void curve_public_is_the_library_s(void **state) {
    (void)state;
    char public_text[41];
    char secret_text[41];
    assert_int_equal(zmq_curve_keypair(public_text, secret_text), 0);
    uint8_t secret[32];
    uint8_t want[32];
    uint8_t got[32];
    assert_non_null(zmq_z85_decode(secret, secret_text));
    assert_non_null(zmq_z85_decode(want, public_text));
    net_curve_public(secret, got);
    assert_memory_equal(got, want, 32);
}

static void two_talk(void **state) {
    (void)state;
    struct net_rig c;
    rig_make(&c, 2);
    rig_open(&c, 0);
    /* Nobody is there yet: dropped, not queued. */
    assert_false(rig_send(&c, 0, 1, "early"));
    assert_int_equal(net_counters(c.net[0])->dropped_down, 1);
    rig_open(&c, 1);
    rig_wait_mesh(&c);
    assert_true(rig_send(&c, 0, 1, "hello"));
    assert_true(rig_send(&c, 0, 1, ""));
    assert_true(rig_send(&c, 1, 0, "answer"));
    rig_receives(&c, 1, 0, "hello");
    rig_receives(&c, 1, 0, "");
    rig_receives(&c, 0, 1, "answer");
    assert_int_equal(net_counters(c.net[0])->sent, 2);
    assert_int_equal(net_counters(c.net[0])->sent_octets, 5);
    assert_int_equal(net_counters(c.net[0])->received, 1);
    assert_int_equal(net_counters(c.net[0])->received_octets, 6);
    assert_int_equal(net_counters(c.net[1])->received, 2);
    size_t peer;
    struct span msg;
    assert_false(net_receive(c.net[0], &peer, &msg));
    rig_close(&c);
    net_close(NULL);
}

static void four_know_each_other(void **state) {
    (void)state;
    struct net_rig c;
    rig_mesh(&c, 4);
    enum { EACH = 50 };
    for (unsigned k = 0; k < EACH; k++) {
        for (size_t i = 0; i < 4; i++) {
            for (size_t j = 0; j < 4; j++) {
                uint8_t msg[6] = {(uint8_t)i, (uint8_t)j};
                put_be32(msg + 2, k);
                if (i != j)
                    assert_true(net_send(c.net[i], j, NET_URGENT, span_of(msg, sizeof(msg))));
            }
        }
    }
    /* From each sender everything, in order, and no word about who it is taken from the message. */
    for (size_t j = 0; j < 4; j++) {
        uint32_t next[4] = {0};
        for (unsigned k = 0; k < 3 * EACH; k++) {
            size_t peer = 99;
            struct span msg;
            assert_true(rig_receive_within(&c, j, RIG_PATIENCE_MS, &peer, &msg));
            assert_int_equal(msg.n, 6);
            assert_int_equal(msg.p[0], peer);
            assert_int_equal(msg.p[1], j);
            assert_int_equal(be32(msg.p + 2), next[peer]++);
        }
    }
    rig_close(&c);
}

/* Above its budget a peer is not read; what another says, and what it says itself later, is. */
static void budget_is_per_peer(void **state) {
    (void)state;
    struct net_rig c;
    rig_make(&c, 3);
    c.messages_per_s = 10;
    for (size_t i = 0; i < 3; i++)
        rig_open(&c, i);
    rig_wait_mesh(&c);
    for (unsigned i = 0; i < 60; i++)
        assert_true(rig_send(&c, 1, 0, "flood"));
    uint64_t got = 0;
    size_t peer;
    struct span msg;
    uint64_t began = rig_now_ms();
    while (got + net_counters(c.net[0])->dropped_budget < 60) {
        assert_true(rig_now_ms() - began < RIG_PATIENCE_MS);
        if (rig_receive_within(&c, 0, 10, &peer, &msg))
            got++;
    }
    /* Two seconds' worth, and what the time of reading gave. */
    assert_in_range(got, 20, 21 + (rig_now_ms() - began) / 100);
    assert_int_equal(net_counters(c.net[0])->dropped_budget, 60 - got);
    assert_int_equal(net_peer_counters(c.net[0], 1).dropped_budget, 60 - got);
    assert_int_equal(net_peer_counters(c.net[0], 2).dropped_budget, 0);
    assert_true(rig_send(&c, 2, 0, "calm"));
    rig_receives(&c, 0, 2, "calm");
    /* The other lane has a budget of its own. */
    assert_true(net_send(c.net[1], 0, NET_BULK, span_of("bulk", 4)));
    rig_receives(&c, 0, 1, "bulk");
    (void)usleep(300000);
    rig_tick(&c);
    assert_true(rig_send(&c, 1, 0, "calm, too"));
    rig_receives(&c, 0, 1, "calm, too");
    rig_close(&c);
}

/* What is urgent does not wait for the bulk before it. */
static void lanes_do_not_wait_for_each_other(void **state) {
    (void)state;
    struct net_rig c;
    rig_mesh(&c, 2);
    uint8_t *p = ws_alloc(RIG_LARGEST);
    unsigned bulk = 0;
    while (bulk < 1000 && net_send(c.net[0], 1, NET_BULK, span_of(p, RIG_LARGEST)))
        bulk++;
    assert_in_range(bulk, 50, 999);
    assert_true(rig_send(&c, 0, 1, "urgent"));
    (void)usleep(1000000); /* both lanes have something to read now */
    size_t peer;
    struct span msg;
    unsigned before = 0;
    for (;;) {
        assert_true(rig_receive_within(&c, 1, RIG_PATIENCE_MS, &peer, &msg));
        if (msg.n != RIG_LARGEST)
            break;
        before++;
    }
    assert_in_range(before, 0, 20); /* and not all of them */
    free(p);
    rig_close(&c);
}

static void restarted_peer_is_dialled_again(void **state) {
    (void)state;
    struct net_rig c;
    rig_mesh(&c, 2);
    for (unsigned round = 0; round < 2; round++) {
        net_close(c.net[1]);
        c.net[1] = NULL;
        rig_wait_link(&c, 0, 1, false);
        assert_int_equal(net_counters(c.net[0])->connected, 0);
        assert_false(rig_send(&c, 0, 1, "lost"));
        rig_open(&c, 1);
        rig_wait_mesh(&c);
        assert_true(rig_send(&c, 0, 1, "there again"));
        rig_receives(&c, 1, 0, "there again"); /* and nothing old before it */
        assert_true(rig_send(&c, 1, 0, "me too"));
        rig_receives(&c, 0, 1, "me too");
    }
    rig_close(&c);
}

/* Everybody is busy for a while: the link goes down at most, memory stays bounded, and it comes back. */
static void full_queue_is_counted(void **state) {
    (void)state;
    struct net_rig c;
    rig_make(&c, 2);
    c.queue = 5;
    rig_open(&c, 0);
    rig_open(&c, 1);
    rig_wait_mesh(&c);
    uint8_t *p = ws_alloc(RIG_LARGEST);
    uint64_t end = rig_now_ms() + RIG_PATIENCE_MS;
    uint32_t sent = 0;
    while (net_counters(c.net[0])->dropped_full < 10) {
        assert_true(rig_now_ms() < end);
        put_be32(p, sent);
        if (net_send(c.net[0], 1, NET_URGENT, span_of(p, RIG_LARGEST)))
            sent++;
        else
            (void)usleep(10000);
    }
    assert_int_equal(net_counters(c.net[0])->sent, sent);
    /* Two queues of five and what the kernel holds. */
    assert_in_range(sent, 10, 200);
    /* What was taken arrives, whole and in order. */
    for (uint32_t i = 0; i < sent; i++) {
        size_t peer = 99;
        struct span msg;
        assert_true(rig_receive_within(&c, 1, RIG_PATIENCE_MS, &peer, &msg));
        assert_int_equal(msg.n, RIG_LARGEST);
        assert_int_equal(be32(msg.p), i);
    }
    assert_true(net_send(c.net[0], 1, NET_URGENT, span_of("x", 1)));
    rig_receives(&c, 1, 0, "x");
    free(p);
    rig_close(&c);
}

static bool readable(struct net *n, int ms) {
    struct pollfd p = {.fd = net_fd(n), .events = POLLIN};
    return poll(&p, 1, ms) == 1 && (p.revents & POLLIN) != 0;
}

/* A loop that takes one message a turn and sleeps on the descriptor misses none. */
static void descriptor_fires_until_drained(void **state) {
    (void)state;
    struct net_rig c;
    rig_mesh(&c, 2);
    size_t peer;
    struct span msg;
    enum { BURSTS = 20, EACH = 30 };
    for (unsigned b = 0; b < BURSTS; b++) {
        for (unsigned i = 0; i < EACH; i++)
            assert_true(net_send(c.net[0], 1, NET_URGENT, span_of(&i, sizeof(i))));
        unsigned got = 0;
        while (got < EACH) {
            assert_true(readable(c.net[1], RIG_PATIENCE_MS));
            got += net_receive(c.net[1], &peer, &msg);
        }
    }
    while (net_receive(c.net[1], &peer, &msg))
        fail();
    assert_false(readable(c.net[1], 0));
    rig_close(&c);
}

static void ipv6_works_where_there_is_ipv6(void **state) {
    (void)state;
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0;
    if (fd >= 0)
        (void)close(fd);
    if (!has)
        skip();
    struct net_rig c;
    rig_make(&c, 2);
    for (size_t i = 0; i < 2; i++) {
        char port[16];
        (void)snprintf(port, sizeof(port), "%s", strrchr(c.endpoint[i], ':') + 1);
        (void)snprintf(c.endpoint[i], sizeof(c.endpoint[i]), "tcp://[::1]:%s", port);
    }
    rig_open(&c, 0);
    rig_open(&c, 1);
    rig_wait_mesh(&c);
    assert_true(rig_send(&c, 0, 1, "six"));
    rig_receives(&c, 1, 0, "six");
    rig_close(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(curve_public_is_the_library_s),
        cmocka_unit_test(two_talk),
        cmocka_unit_test(four_know_each_other),
        cmocka_unit_test(budget_is_per_peer),
        cmocka_unit_test(lanes_do_not_wait_for_each_other),
        cmocka_unit_test(restarted_peer_is_dialled_again),
        cmocka_unit_test(full_queue_is_counted),
        cmocka_unit_test(descriptor_fires_until_drained),
        cmocka_unit_test(ipv6_works_where_there_is_ipv6),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
