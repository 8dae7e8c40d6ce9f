/* ledger/net and those who are no peers: with other keys, with none, at a peer's address, or in words that no program of ours sends. */
#include "tests/unit/ledger/net_rig.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

/* A ZeroMQ socket of a stranger who knows the addresses, and has the keys it is given. */
struct stranger {
    void *context;
    void *socket;
    void *monitor;
};

static void stranger_open(struct stranger *s, const struct net_rig *c, size_t to,
    const uint8_t *secret, const uint8_t *server_key) {
    s->context = zmq_ctx_new();
    s->socket = zmq_socket(s->context, ZMQ_PUSH);
    int zero = 0;
    int interval = 50;
    assert_int_equal(zmq_setsockopt(s->socket, ZMQ_LINGER, &zero, sizeof(zero)), 0);
    assert_int_equal(zmq_setsockopt(s->socket, ZMQ_RECONNECT_IVL, &interval, sizeof(interval)), 0);
    if (secret != NULL) {
        uint8_t public_key[32];
        net_curve_public(secret, public_key);
        assert_int_equal(zmq_setsockopt(s->socket, ZMQ_CURVE_SERVERKEY, server_key, 32), 0);
        assert_int_equal(zmq_setsockopt(s->socket, ZMQ_CURVE_PUBLICKEY, public_key, 32), 0);
        assert_int_equal(zmq_setsockopt(s->socket, ZMQ_CURVE_SECRETKEY, secret, 32), 0);
    }
    assert_int_equal(zmq_socket_monitor(s->socket, "inproc://events",
                         ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED |
                             ZMQ_EVENT_HANDSHAKE_FAILED_AUTH),
        0);
    s->monitor = zmq_socket(s->context, ZMQ_PAIR);
    assert_int_equal(zmq_connect(s->monitor, "inproc://events"), 0);
    assert_int_equal(zmq_connect(s->socket, c->endpoint[to]), 0);
}

static void stranger_close(struct stranger *s) {
    (void)zmq_socket_monitor(s->socket, NULL, 0);
    (void)zmq_close(s->socket);
    (void)zmq_close(s->monitor);
    (void)zmq_ctx_term(s->context);
}

/* Waits for this event and skips others. */
static void stranger_sees(struct stranger *s, struct net_rig *c, int want) {
    uint64_t end = rig_now_ms() + RIG_PATIENCE_MS;
    for (;;) {
        assert_true(rig_now_ms() < end);
        zmq_msg_t part;
        (void)zmq_msg_init(&part);
        int got = zmq_msg_recv(&part, s->monitor, ZMQ_DONTWAIT);
        uint16_t event = 0;
        if (got >= 2 && zmq_msg_more(&part))
            memcpy(&event, zmq_msg_data(&part), sizeof(event));
        (void)zmq_msg_close(&part);
        if (event == want)
            return;
        if (got < 0)
            rig_tick(c);
    }
}

static void wait_refused(struct net_rig *c, size_t at, uint64_t n) {
    uint64_t end = rig_now_ms() + RIG_PATIENCE_MS;
    while (net_counters(c->net[at])->refused_key < n) {
        assert_true(rig_now_ms() < end);
        rig_tick(c);
    }
}

static void unknown_keys_stay_out(void **state) {
    (void)state;
    struct net_rig c;
    rig_make(&c, 2);
    rig_open(&c, 0);
    uint8_t unknown[32];
    memset(unknown, 77, 32);
    size_t peer;
    struct span msg;
    struct stranger s;
    stranger_open(&s, &c, 0, unknown, c.public_key[0]);
    (void)zmq_send(s.socket, "let me in", 9, ZMQ_DONTWAIT);
    wait_refused(&c, 0, 1);
    stranger_sees(&s, &c, ZMQ_EVENT_HANDSHAKE_FAILED_AUTH);
    assert_false(rig_receive_within(&c, 0, 200, &peer, &msg));
    stranger_close(&s);
    /* A copy of the node's own key is no peer's key. */
    uint64_t before = net_counters(c.net[0])->refused_key;
    stranger_open(&s, &c, 0, c.secret[0], c.public_key[0]);
    (void)zmq_send(s.socket, "I am you", 8, ZMQ_DONTWAIT);
    wait_refused(&c, 0, before + 1);
    assert_false(rig_receive_within(&c, 0, 200, &peer, &msg));
    stranger_close(&s);
    /* Without CURVE nothing gets as far as a key. */
    stranger_open(&s, &c, 0, NULL, NULL);
    (void)zmq_send(s.socket, "plain", 5, ZMQ_DONTWAIT);
    assert_false(rig_receive_within(&c, 0, 500, &peer, &msg));
    stranger_close(&s);
    /* The peer itself still gets in. */
    rig_open(&c, 1);
    rig_wait_mesh(&c);
    assert_true(rig_send(&c, 1, 0, "it is me"));
    rig_receives(&c, 0, 1, "it is me");
    rig_close(&c);
}

/* The first event of a stranger's link. */
static int stranger_outcome(struct stranger *s) {
    uint16_t event = 0;
    while (event == 0) {
        zmq_msg_t part;
        (void)zmq_msg_init(&part);
        if (zmq_msg_recv(&part, s->monitor, 0) >= 2 && zmq_msg_more(&part))
            memcpy(&event, zmq_msg_data(&part), sizeof(event));
        (void)zmq_msg_close(&part);
    }
    return event;
}

/* A handshake is work: a peer that comes back again and again is let in only so often. */
static void handshakes_are_counted(void **state) {
    (void)state;
    struct net_rig c;
    rig_make(&c, 2);
    rig_open(&c, 0);
    uint64_t end = rig_now_ms() + RIG_PATIENCE_MS;
    unsigned let_in = 0;
    /* Several at a time, so that a slow machine does as many as are too often. */
    while (net_counters(c.net[0])->refused_often == 0) {
        assert_true(rig_now_ms() < end);
        struct stranger s[8];
        for (size_t i = 0; i < ARRAY_LEN(s); i++)
            stranger_open(&s[i], &c, 0, c.secret[1], c.public_key[0]);
        for (size_t i = 0; i < ARRAY_LEN(s); i++) {
            let_in += stranger_outcome(&s[i]) == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
            stranger_close(&s[i]);
        }
        net_tick(c.net[0], rig_now_ms() * 1000);
        (void)usleep(15000); /* counters are looked at each ten milliseconds */
        net_tick(c.net[0], rig_now_ms() * 1000);
    }
    assert_in_range(let_in, 20, 64);
    assert_int_equal(net_counters(c.net[0])->refused_key, 0);
    rig_close(&c);
}

/* Whoever sits at a peer's address without its key gets nothing from us. */
static void impostor_at_a_peer_s_address(void **state) {
    (void)state;
    struct net_rig c;
    rig_make(&c, 2);
    rig_open(&c, 0);
    struct net_rig other = c;
    other.net[0] = NULL;
    memset(other.secret[1], 99, 32);
    net_curve_public(other.secret[1], other.public_key[1]);
    rig_open(&other, 1);
    size_t peer;
    struct span msg;
    uint64_t end = rig_now_ms() + 1500;
    while (rig_now_ms() < end) {
        rig_tick(&c);
        net_tick(other.net[1], rig_now_ms() * 1000);
        assert_false(net_peer_up(c.net[0], 1));
        assert_false(rig_send(&c, 0, 1, "secret"));
        assert_false(net_receive(other.net[1], &peer, &msg));
    }
    assert_int_equal(net_counters(c.net[0])->sent, 0);
    net_close(other.net[1]);
    /* The peer comes to its address at last. Such a failure is one after which ZeroMQ does not dial again. */
    rig_open(&c, 1);
    rig_wait_mesh(&c);
    assert_true(rig_send(&c, 0, 1, "secret"));
    rig_receives(&c, 1, 0, "secret");
    rig_close(&c);
}

/* A peer that refused us, because it learns of us only later, lets us in then. */
static void refused_link_is_dialled_again(void **state) {
    (void)state;
    struct net_rig c;
    rig_make(&c, 2);
    struct net_rig old = c;
    memset(old.secret[0], 55, 32); /* another key for us in the peer's genesis */
    net_curve_public(old.secret[0], old.public_key[0]);
    rig_open(&old, 1);
    rig_open(&c, 0);
    uint64_t end = rig_now_ms() + RIG_PATIENCE_MS;
    while (net_counters(old.net[1])->refused_key < 3) { /* again and again, at a pace */
        assert_true(rig_now_ms() < end);
        net_tick(old.net[1], rig_now_ms() * 1000);
        rig_tick(&c);
    }
    assert_false(net_peer_up(c.net[0], 1));
    net_close(old.net[1]);
    rig_open(&c, 1);
    rig_wait_mesh(&c);
    rig_close(&c);
}

/* Something that is not ZeroMQ answers at a peer's address for a while. */
static void foreign_service_at_a_peer_s_address(void **state) {
    (void)state;
    struct net_rig c;
    rig_make(&c, 2);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    a.sin_port = htons((uint16_t)strtoul(strrchr(c.endpoint[1], ':') + 1, NULL, 10));
    int one = 1;
    assert_int_equal(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(listener, 5), 0);
    rig_open(&c, 0);
    uint64_t end = rig_now_ms() + RIG_PATIENCE_MS;
    for (unsigned answered = 0; answered < 3;) {
        assert_true(rig_now_ms() < end);
        rig_tick(&c);
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            continue;
        static const char reply[] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
                                    "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
        assert_int_equal(send(fd, reply, sizeof(reply), MSG_NOSIGNAL), sizeof(reply));
        (void)usleep(20000);
        (void)close(fd);
        answered++;
    }
    (void)close(listener);
    rig_open(&c, 1);
    rig_wait_mesh(&c);
    rig_close(&c);
}

/* As our program frames it: the octet of the lane, then the message. */
static int stranger_push(struct stranger *s, const char *text, int flags) {
    uint8_t framed[256] = {NET_URGENT};
    size_t n = strnlen(text, sizeof(framed) - 1);
    memcpy(framed + 1, text, n);
    return zmq_send(s->socket, framed, n + 1, flags);
}

static void several_parts_are_refused(void **state) {
    (void)state;
    struct net_rig c;
    rig_make(&c, 2);
    rig_open(&c, 0);
    struct stranger s;
    stranger_open(&s, &c, 0, c.secret[1], c.public_key[0]); /* the peer, but not our program */
    stranger_sees(&s, &c, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    assert_int_equal(stranger_push(&s, "one", ZMQ_SNDMORE), 4);
    assert_int_equal(stranger_push(&s, "two", 0), 4);
    assert_int_equal(zmq_send(s.socket, "", 0, ZMQ_SNDMORE), 0);
    assert_int_equal(zmq_send(s.socket, "", 0, ZMQ_SNDMORE), 0);
    assert_int_equal(stranger_push(&s, "with delimiter", 0), 15);
    assert_int_equal(zmq_send(s.socket, "\x02no such lane", 13, 0), 13);
    assert_int_equal(stranger_push(&s, "good", 0), 5);
    rig_receives(&c, 0, 1, "good"); /* the framing is not lost */
    assert_int_equal(net_counters(c.net[0])->refused_parts, 3);
    assert_int_equal(net_counters(c.net[0])->received, 1);
    /* A flood of them does not hold the caller, and does not bury what comes after it. */
    enum { FLOOD = 300 };
    for (unsigned i = 0; i < FLOOD; i++) {
        assert_int_equal(zmq_send(s.socket, "", 0, ZMQ_SNDMORE), 0);
        assert_int_equal(zmq_send(s.socket, "", 0, 0), 0);
    }
    assert_int_equal(stranger_push(&s, "after", 0), 6);
    rig_receives(&c, 0, 1, "after");
    assert_int_equal(net_counters(c.net[0])->refused_parts, 3 + FLOOD);
    stranger_close(&s);
    rig_close(&c);
}

static void oversize_closes_the_connection(void **state) {
    (void)state;
    struct net_rig c;
    rig_mesh(&c, 2);
    uint8_t *p = ws_alloc(RIG_LARGEST + 2);
    assert_false(net_send(c.net[0], 1, NET_URGENT, span_of(p, RIG_LARGEST + 1)));
    assert_int_equal(net_counters(c.net[0])->dropped_large, 1);
    /* The largest allowed one gets through. */
    assert_true(net_send(c.net[0], 1, NET_URGENT, span_of(p, RIG_LARGEST)));
    size_t peer = 99;
    struct span msg;
    assert_true(rig_receive_within(&c, 1, RIG_PATIENCE_MS, &peer, &msg));
    assert_int_equal(msg.n, RIG_LARGEST);
    net_close(c.net[1]);
    c.net[1] = NULL;
    /* A peer that ignores the limit. */
    struct stranger s;
    stranger_open(&s, &c, 0, c.secret[1], c.public_key[0]);
    stranger_sees(&s, &c, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    assert_int_equal(
        zmq_send(s.socket, p, RIG_LARGEST + 2, 0), RIG_LARGEST + 2); /* with the lane */
    stranger_sees(&s, &c, ZMQ_EVENT_DISCONNECTED);
    assert_false(rig_receive_within(&c, 0, 200, &peer, &msg));
    stranger_close(&s);
    free(p);
    rig_close(&c);
}

/* Whoever dials and stays silent without a key is put out, the oldest first. */
static void strangers_are_thinned_out(void **state) {
    (void)state;
    struct net_rig c;
    rig_make(&c, 2);
    rig_open(&c, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    a.sin_port = htons((uint16_t)strtoul(strrchr(c.endpoint[0], ':') + 1, NULL, 10));
    enum { DIALS = 100 };
    int fd[DIALS];
    for (unsigned i = 0; i < DIALS; i++) {
        fd[i] = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(fd[i], (struct sockaddr *)&a, sizeof(a)), 0);
    }
    uint64_t end = rig_now_ms() + RIG_PATIENCE_MS;
    while (net_counters(c.net[0])->cut_silent < DIALS - 64) {
        assert_true(rig_now_ms() < end);
        rig_tick(&c);
    }
    rig_open(&c, 1);
    rig_wait_mesh(&c);
    for (unsigned i = 0; i < DIALS; i++)
        (void)close(fd[i]);
    rig_close(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_keys_stay_out),
        cmocka_unit_test(handshakes_are_counted),
        cmocka_unit_test(impostor_at_a_peer_s_address),
        cmocka_unit_test(refused_link_is_dialled_again),
        cmocka_unit_test(foreign_service_at_a_peer_s_address),
        cmocka_unit_test(several_parts_are_refused),
        cmocka_unit_test(oversize_closes_the_connection),
        cmocka_unit_test(strangers_are_thinned_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
