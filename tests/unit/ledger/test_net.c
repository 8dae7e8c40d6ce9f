/* ledger/net: several nets in one process over loopback, and strangers that speak ZeroMQ to them. */
#include "tests/support/cm.h"

#include "ledger/net/net.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

enum { NETS_MAX = 4, PATIENCE_MS = 20000, LARGEST = 200000 };

struct cell {
    size_t n;
    uint8_t secret[NETS_MAX][32];
    uint8_t public_key[NETS_MAX][32];
    char endpoint[NETS_MAX][64];
    int queue;
    uint64_t held, messages_per_s; /* 0: default */
    struct net *net[NETS_MAX];
};

static uint64_t now_ms(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void free_endpoint(char *dst, size_t n) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    socklen_t size = sizeof(a);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
    (void)snprintf(dst, n, "tcp://127.0.0.1:%u", ntohs(a.sin_port));
    (void)close(fd);
}

static void make_cell(struct cell *c, size_t n) {
    *c = (struct cell){.n = n, .queue = 100};
    for (size_t i = 0; i < n; i++) {
        /* Any 32 octets are a secret. */
        memset(c->secret[i], (int)(i + 1), 32);
        net_curve_public(c->secret[i], c->public_key[i]);
        free_endpoint(c->endpoint[i], sizeof(c->endpoint[i]));
    }
}

static struct net_config config_of(const struct cell *c, size_t i) {
    struct net_config cfg = {
        .secret = c->secret[i], .bind = c->endpoint[i], .limits = net_limits_default(LARGEST)};
    cfg.limits.queue_messages = c->queue;
    if (c->held > 0)
        cfg.limits.held_octets = c->held;
    if (c->messages_per_s > 0)
        cfg.limits.messages_per_s[NET_URGENT] = c->messages_per_s;
    memcpy(cfg.public_key, c->public_key[i], 32);
    return cfg;
}

static void put(struct cell *c, size_t i, size_t k) {
    struct ws_err err = {0};
    if (net_put(c->net[i], k, c->public_key[k], c->endpoint[k], &err) != WS_OK)
        fail_msg("%s", err.text);
}

static void open_one(struct cell *c, size_t i) {
    struct net_config cfg = config_of(c, i);
    struct ws_err err = {0};
    if (net_open(&cfg, &c->net[i], &err) != WS_OK)
        fail_msg("%s", err.text);
    for (size_t k = 0; k < c->n; k++) {
        if (k != i)
            put(c, i, k);
    }
}

static void close_all(struct cell *c) {
    for (size_t i = 0; i < c->n; i++)
        net_close(c->net[i]);
}

static void tick_all(struct cell *c) {
    for (size_t i = 0; i < c->n; i++) {
        if (c->net[i] != NULL)
            net_tick(c->net[i], now_ms() * 1000);
    }
    (void)usleep(1000);
}

/* Until `to` says that its link to `peer` is `up`. */
static void wait_link(struct cell *c, size_t to, size_t peer, bool up) {
    uint64_t end = now_ms() + PATIENCE_MS;
    while (net_peer_up(c->net[to], peer) != up) {
        assert_true(now_ms() < end);
        tick_all(c);
    }
}

static void wait_mesh(struct cell *c) {
    for (size_t i = 0; i < c->n; i++) {
        for (size_t k = 0; k < c->n; k++) {
            if (i != k)
                wait_link(c, i, k, true);
        }
        assert_int_equal(net_counters(c->net[i])->connected, c->n - 1);
        assert_false(net_peer_up(c->net[i], i));
    }
}

static bool receive_within(
    struct cell *c, size_t at, uint64_t ms, size_t *ret_peer, struct span *ret_msg) {
    uint64_t end = now_ms() + ms;
    do {
        if (net_receive(c->net[at], ret_peer, ret_msg))
            return true;
        tick_all(c);
    } while (now_ms() < end);
    return false;
}

static void receives(struct cell *c, size_t at, size_t from, const char *text) {
    size_t peer = 99;
    struct span msg;
    assert_true(receive_within(c, at, PATIENCE_MS, &peer, &msg));
    assert_int_equal(peer, from);
    assert_true(span_equal(msg, span_of(text, strlen(text))));
}

static bool send_text(struct cell *c, size_t from, size_t to, const char *text) {
    return net_send(c->net[from], to, NET_URGENT, span_of(text, strlen(text)));
}

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
    struct cell c;
    make_cell(&c, 2);
    open_one(&c, 0);
    /* Nobody is there yet: dropped, not queued. */
    assert_false(send_text(&c, 0, 1, "early"));
    assert_int_equal(net_counters(c.net[0])->dropped_down, 1);
    open_one(&c, 1);
    wait_mesh(&c);
    assert_true(send_text(&c, 0, 1, "hello"));
    assert_true(send_text(&c, 0, 1, ""));
    assert_true(send_text(&c, 1, 0, "answer"));
    receives(&c, 1, 0, "hello");
    receives(&c, 1, 0, "");
    receives(&c, 0, 1, "answer");
    assert_int_equal(net_counters(c.net[0])->sent, 2);
    assert_int_equal(net_counters(c.net[0])->sent_octets, 5);
    assert_int_equal(net_counters(c.net[0])->received, 1);
    assert_int_equal(net_counters(c.net[0])->received_octets, 6);
    assert_int_equal(net_counters(c.net[1])->received, 2);
    size_t peer;
    struct span msg;
    assert_false(net_receive(c.net[0], &peer, &msg));
    close_all(&c);
    net_close(NULL);
}

static void four_know_each_other(void **state) {
    (void)state;
    struct cell c;
    make_cell(&c, 4);
    for (size_t i = 0; i < 4; i++)
        open_one(&c, i);
    wait_mesh(&c);
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
            assert_true(receive_within(&c, j, PATIENCE_MS, &peer, &msg));
            assert_int_equal(msg.n, 6);
            assert_int_equal(msg.p[0], peer);
            assert_int_equal(msg.p[1], j);
            assert_int_equal(be32(msg.p + 2), next[peer]++);
        }
    }
    close_all(&c);
}

/* A ZeroMQ socket of a stranger who knows the addresses, and has the keys it is given. */
struct stranger {
    void *context;
    void *socket;
    void *monitor;
};

static void stranger_open(struct stranger *s, const struct cell *c, size_t to,
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
static void stranger_sees(struct stranger *s, struct cell *c, int want) {
    uint64_t end = now_ms() + PATIENCE_MS;
    for (;;) {
        assert_true(now_ms() < end);
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
            tick_all(c);
    }
}

static void wait_refused(struct cell *c, size_t at, uint64_t n) {
    uint64_t end = now_ms() + PATIENCE_MS;
    while (net_counters(c->net[at])->refused_key < n) {
        assert_true(now_ms() < end);
        tick_all(c);
    }
}

static void unknown_keys_stay_out(void **state) {
    (void)state;
    struct cell c;
    make_cell(&c, 2);
    open_one(&c, 0);
    uint8_t unknown[32];
    memset(unknown, 77, 32);
    size_t peer;
    struct span msg;
    struct stranger s;
    stranger_open(&s, &c, 0, unknown, c.public_key[0]);
    (void)zmq_send(s.socket, "let me in", 9, ZMQ_DONTWAIT);
    wait_refused(&c, 0, 1);
    stranger_sees(&s, &c, ZMQ_EVENT_HANDSHAKE_FAILED_AUTH);
    assert_false(receive_within(&c, 0, 200, &peer, &msg));
    stranger_close(&s);
    /* A copy of the node's own key is no peer's key. */
    uint64_t before = net_counters(c.net[0])->refused_key;
    stranger_open(&s, &c, 0, c.secret[0], c.public_key[0]);
    (void)zmq_send(s.socket, "I am you", 8, ZMQ_DONTWAIT);
    wait_refused(&c, 0, before + 1);
    assert_false(receive_within(&c, 0, 200, &peer, &msg));
    stranger_close(&s);
    /* Without CURVE nothing gets as far as a key. */
    stranger_open(&s, &c, 0, NULL, NULL);
    (void)zmq_send(s.socket, "plain", 5, ZMQ_DONTWAIT);
    assert_false(receive_within(&c, 0, 500, &peer, &msg));
    stranger_close(&s);
    /* The peer itself still gets in. */
    open_one(&c, 1);
    wait_mesh(&c);
    assert_true(send_text(&c, 1, 0, "it is me"));
    receives(&c, 0, 1, "it is me");
    close_all(&c);
}

/* A handshake is work: a peer that comes back again and again is let in only so often. */
static void handshakes_are_counted(void **state) {
    (void)state;
    struct cell c;
    make_cell(&c, 2);
    open_one(&c, 0);
    uint64_t end = now_ms() + PATIENCE_MS;
    unsigned let_in = 0;
    while (net_counters(c.net[0])->refused_often == 0) {
        assert_true(now_ms() < end);
        struct stranger s;
        stranger_open(&s, &c, 0, c.secret[1], c.public_key[0]);
        int event = 0;
        while (event == 0) {
            zmq_msg_t part;
            (void)zmq_msg_init(&part);
            if (zmq_msg_recv(&part, s.monitor, 0) >= 2 && zmq_msg_more(&part)) {
                uint16_t v;
                memcpy(&v, zmq_msg_data(&part), sizeof(v));
                event = v;
            }
            (void)zmq_msg_close(&part);
        }
        let_in += event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
        stranger_close(&s);
        net_tick(c.net[0], now_ms() * 1000);
        (void)usleep(15000); /* counters are looked at each ten milliseconds */
        net_tick(c.net[0], now_ms() * 1000);
    }
    assert_in_range(let_in, 20, 64);
    assert_int_equal(net_counters(c.net[0])->refused_key, 0);
    close_all(&c);
}

/* Whoever sits at a peer's address without its key gets nothing from us. */
static void impostor_at_a_peer_s_address(void **state) {
    (void)state;
    struct cell c;
    make_cell(&c, 2);
    open_one(&c, 0);
    struct cell other = c;
    other.net[0] = NULL;
    memset(other.secret[1], 99, 32);
    net_curve_public(other.secret[1], other.public_key[1]);
    open_one(&other, 1);
    size_t peer;
    struct span msg;
    uint64_t end = now_ms() + 1500;
    while (now_ms() < end) {
        tick_all(&c);
        net_tick(other.net[1], now_ms() * 1000);
        assert_false(net_peer_up(c.net[0], 1));
        assert_false(send_text(&c, 0, 1, "secret"));
        assert_false(net_receive(other.net[1], &peer, &msg));
    }
    assert_int_equal(net_counters(c.net[0])->sent, 0);
    net_close(other.net[1]);
    /* The peer comes to its address at last. Such a failure is one after which ZeroMQ does not dial again. */
    open_one(&c, 1);
    wait_mesh(&c);
    assert_true(send_text(&c, 0, 1, "secret"));
    receives(&c, 1, 0, "secret");
    close_all(&c);
}

/* A peer that refused us, because it learns of us only later, lets us in then. */
static void refused_link_is_dialled_again(void **state) {
    (void)state;
    struct cell c;
    make_cell(&c, 2);
    struct cell old = c;
    memset(old.secret[0], 55, 32); /* another key for us in the peer's genesis */
    net_curve_public(old.secret[0], old.public_key[0]);
    open_one(&old, 1);
    open_one(&c, 0);
    uint64_t end = now_ms() + PATIENCE_MS;
    while (net_counters(old.net[1])->refused_key < 3) { /* again and again, at a pace */
        assert_true(now_ms() < end);
        net_tick(old.net[1], now_ms() * 1000);
        tick_all(&c);
    }
    assert_false(net_peer_up(c.net[0], 1));
    net_close(old.net[1]);
    open_one(&c, 1);
    wait_mesh(&c);
    close_all(&c);
}

/* Something that is not ZeroMQ answers at a peer's address for a while. */
static void foreign_service_at_a_peer_s_address(void **state) {
    (void)state;
    struct cell c;
    make_cell(&c, 2);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    a.sin_port = htons((uint16_t)strtoul(strrchr(c.endpoint[1], ':') + 1, NULL, 10));
    int one = 1;
    assert_int_equal(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(listener, 5), 0);
    open_one(&c, 0);
    uint64_t end = now_ms() + PATIENCE_MS;
    for (unsigned answered = 0; answered < 3;) {
        assert_true(now_ms() < end);
        tick_all(&c);
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
    open_one(&c, 1);
    wait_mesh(&c);
    close_all(&c);
}

/* As our program frames it: the octet of the lane, then the message. */
static int push(struct stranger *s, const char *text, int flags) {
    uint8_t framed[256] = {NET_URGENT};
    size_t n = strnlen(text, sizeof(framed) - 1);
    memcpy(framed + 1, text, n);
    return zmq_send(s->socket, framed, n + 1, flags);
}

static void several_parts_are_refused(void **state) {
    (void)state;
    struct cell c;
    make_cell(&c, 2);
    open_one(&c, 0);
    struct stranger s;
    stranger_open(&s, &c, 0, c.secret[1], c.public_key[0]); /* the peer, but not our program */
    stranger_sees(&s, &c, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    assert_int_equal(push(&s, "one", ZMQ_SNDMORE), 4);
    assert_int_equal(push(&s, "two", 0), 4);
    assert_int_equal(zmq_send(s.socket, "", 0, ZMQ_SNDMORE), 0);
    assert_int_equal(zmq_send(s.socket, "", 0, ZMQ_SNDMORE), 0);
    assert_int_equal(push(&s, "with delimiter", 0), 15);
    assert_int_equal(zmq_send(s.socket, "\x02no such lane", 13, 0), 13);
    assert_int_equal(push(&s, "good", 0), 5);
    receives(&c, 0, 1, "good"); /* the framing is not lost */
    assert_int_equal(net_counters(c.net[0])->refused_parts, 3);
    assert_int_equal(net_counters(c.net[0])->received, 1);
    /* A flood of them does not hold the caller, and does not bury what comes after it. */
    enum { FLOOD = 300 };
    for (unsigned i = 0; i < FLOOD; i++) {
        assert_int_equal(zmq_send(s.socket, "", 0, ZMQ_SNDMORE), 0);
        assert_int_equal(zmq_send(s.socket, "", 0, 0), 0);
    }
    assert_int_equal(push(&s, "after", 0), 6);
    receives(&c, 0, 1, "after");
    assert_int_equal(net_counters(c.net[0])->refused_parts, 3 + FLOOD);
    stranger_close(&s);
    close_all(&c);
}

/* Whoever dials and stays silent without a key is put out, the oldest first. */
static void strangers_are_thinned_out(void **state) {
    (void)state;
    struct cell c;
    make_cell(&c, 2);
    open_one(&c, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    a.sin_port = htons((uint16_t)strtoul(strrchr(c.endpoint[0], ':') + 1, NULL, 10));
    enum { DIALS = 100 };
    int fd[DIALS];
    for (unsigned i = 0; i < DIALS; i++) {
        fd[i] = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(fd[i], (struct sockaddr *)&a, sizeof(a)), 0);
    }
    uint64_t end = now_ms() + PATIENCE_MS;
    while (net_counters(c.net[0])->cut_silent < DIALS - 64) {
        assert_true(now_ms() < end);
        tick_all(&c);
    }
    open_one(&c, 1);
    wait_mesh(&c);
    for (unsigned i = 0; i < DIALS; i++)
        (void)close(fd[i]);
    close_all(&c);
}

/* Above its budget a peer is not read; what another says, and what it says itself later, is. */
static void budget_is_per_peer(void **state) {
    (void)state;
    struct cell c;
    make_cell(&c, 3);
    c.messages_per_s = 10;
    for (size_t i = 0; i < 3; i++)
        open_one(&c, i);
    wait_mesh(&c);
    for (unsigned i = 0; i < 60; i++)
        assert_true(send_text(&c, 1, 0, "flood"));
    uint64_t got = 0;
    size_t peer;
    struct span msg;
    while (receive_within(&c, 0, 300, &peer, &msg))
        got++;
    assert_in_range(got, 20, 30); /* two seconds' worth, and what the time of reading gave */
    assert_int_equal(net_counters(c.net[0])->dropped_budget, 60 - got);
    assert_int_equal(net_peer_counters(c.net[0], 1).dropped_budget, 60 - got);
    assert_int_equal(net_peer_counters(c.net[0], 2).dropped_budget, 0);
    assert_true(send_text(&c, 2, 0, "calm"));
    receives(&c, 0, 2, "calm");
    /* The other lane has a budget of its own. */
    assert_true(net_send(c.net[1], 0, NET_BULK, span_of("bulk", 4)));
    receives(&c, 0, 1, "bulk");
    (void)usleep(300000);
    tick_all(&c);
    assert_true(send_text(&c, 1, 0, "calm, too"));
    receives(&c, 0, 1, "calm, too");
    close_all(&c);
}

/* What is urgent does not wait for the bulk before it. */
static void lanes_do_not_wait_for_each_other(void **state) {
    (void)state;
    struct cell c;
    make_cell(&c, 2);
    open_one(&c, 0);
    open_one(&c, 1);
    wait_mesh(&c);
    uint8_t *p = ws_alloc(LARGEST);
    unsigned bulk = 0;
    while (bulk < 1000 && net_send(c.net[0], 1, NET_BULK, span_of(p, LARGEST)))
        bulk++;
    assert_in_range(bulk, 50, 999);
    assert_true(send_text(&c, 0, 1, "urgent"));
    (void)usleep(100000); /* both lanes have something to read now */
    size_t peer;
    struct span msg;
    unsigned before = 0;
    for (;;) {
        assert_true(receive_within(&c, 1, PATIENCE_MS, &peer, &msg));
        if (msg.n != LARGEST)
            break;
        before++;
    }
    assert_in_range(before, 0, 20); /* and not all of them */
    free(p);
    close_all(&c);
}

/* Peers come, go and change while the net runs. */
static void directory_changes_while_running(void **state) {
    (void)state;
    struct cell c;
    make_cell(&c, 3);
    for (size_t i = 0; i < 3; i++)
        open_one(&c, i);
    wait_mesh(&c);
    assert_int_equal(net_find(c.net[0], c.public_key[2]), 2);
    /* Removed at one end: neither is heard by it any more, nor told anything; the others go on. */
    size_t peer;
    struct span msg;
    assert_false(receive_within(&c, 0, 100, &peer, &msg)); /* greetings */
    assert_true(send_text(&c, 2, 0, "on its way"));
    (void)usleep(50000);
    uint64_t before = now_ms();
    net_remove(c.net[0], 2);
    assert_int_equal(net_find(c.net[0], c.public_key[2]), NET_NOBODY);
    assert_false(send_text(&c, 0, 2, "nothing"));
    wait_link(&c, 2, 0, false);
    assert_in_range(now_ms() - before, 0, 3000);
    assert_false(receive_within(&c, 0, 300, &peer, &msg));
    assert_true(net_counters(c.net[0])->cut_removed == 2);
    assert_true(send_text(&c, 1, 0, "still here"));
    receives(&c, 0, 1, "still here");
    /* Another key takes the slot; who had it before stays out. */
    memset(c.secret[2], 42, 32);
    net_curve_public(c.secret[2], c.public_key[2]);
    char old_endpoint[64];
    memcpy(old_endpoint, c.endpoint[2], sizeof(old_endpoint));
    struct net *old = c.net[2];
    c.net[2] = NULL;
    free_endpoint(c.endpoint[2], sizeof(c.endpoint[2]));
    open_one(&c, 2);
    put(&c, 0, 2);
    put(&c, 1, 2);
    wait_mesh(&c);
    assert_true(send_text(&c, 2, 0, "new"));
    receives(&c, 0, 2, "new");
    net_tick(old, now_ms() * 1000);
    assert_false(net_peer_up(old, 0));
    net_close(old);
    /* It moves: only the endpoint changes, and what it sends goes on meanwhile. */
    net_close(c.net[2]);
    memcpy(c.endpoint[2], old_endpoint, sizeof(old_endpoint));
    open_one(&c, 2);
    wait_link(&c, 2, 0, true);
    put(&c, 0, 2);
    put(&c, 1, 2);
    wait_mesh(&c);
    assert_true(send_text(&c, 0, 2, "moved"));
    receives(&c, 2, 0, "moved");
    put(&c, 0, 2); /* the same again is no news */
    assert_true(net_peer_up(c.net[0], 2));
    close_all(&c);
}

/* A slot's next peer is not blamed for, nor credited with, what the one before sent. */
static void late_message_of_a_slot_s_former_peer(void **state) {
    (void)state;
    struct cell c;
    make_cell(&c, 2);
    open_one(&c, 0);
    open_one(&c, 1);
    wait_mesh(&c);
    assert_true(send_text(&c, 1, 0, "seen"));
    receives(&c, 0, 1, "seen");
    assert_true(send_text(&c, 1, 0, "late"));
    (void)usleep(100000);
    uint8_t other[32];
    uint8_t other_public[32];
    memset(other, 43, 32);
    net_curve_public(other, other_public);
    assert_int_equal(net_put(c.net[0], 1, other_public, c.endpoint[1], NULL), WS_OK);
    size_t peer;
    struct span msg;
    assert_false(receive_within(&c, 0, 300, &peer, &msg));
    assert_true(net_counters(c.net[0])->refused_parts >= 1);
    close_all(&c);
}

static void oversize_closes_the_connection(void **state) {
    (void)state;
    struct cell c;
    make_cell(&c, 2);
    open_one(&c, 0);
    open_one(&c, 1);
    wait_mesh(&c);
    uint8_t *p = ws_alloc(LARGEST + 2);
    assert_false(net_send(c.net[0], 1, NET_URGENT, span_of(p, LARGEST + 1)));
    assert_int_equal(net_counters(c.net[0])->dropped_large, 1);
    /* The largest allowed one gets through. */
    assert_true(net_send(c.net[0], 1, NET_URGENT, span_of(p, LARGEST)));
    size_t peer = 99;
    struct span msg;
    assert_true(receive_within(&c, 1, PATIENCE_MS, &peer, &msg));
    assert_int_equal(msg.n, LARGEST);
    net_close(c.net[1]);
    c.net[1] = NULL;
    /* A peer that ignores the limit. */
    struct stranger s;
    stranger_open(&s, &c, 0, c.secret[1], c.public_key[0]);
    stranger_sees(&s, &c, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    assert_int_equal(zmq_send(s.socket, p, LARGEST + 2, 0), LARGEST + 2); /* with the lane */
    stranger_sees(&s, &c, ZMQ_EVENT_DISCONNECTED);
    assert_false(receive_within(&c, 0, 200, &peer, &msg));
    stranger_close(&s);
    free(p);
    close_all(&c);
}

static void restarted_peer_is_dialled_again(void **state) {
    (void)state;
    struct cell c;
    make_cell(&c, 2);
    open_one(&c, 0);
    open_one(&c, 1);
    wait_mesh(&c);
    for (unsigned round = 0; round < 2; round++) {
        net_close(c.net[1]);
        c.net[1] = NULL;
        wait_link(&c, 0, 1, false);
        assert_int_equal(net_counters(c.net[0])->connected, 0);
        assert_false(send_text(&c, 0, 1, "lost"));
        open_one(&c, 1);
        wait_mesh(&c);
        assert_true(send_text(&c, 0, 1, "there again"));
        receives(&c, 1, 0, "there again"); /* and nothing old before it */
        assert_true(send_text(&c, 1, 0, "me too"));
        receives(&c, 0, 1, "me too");
    }
    close_all(&c);
}

/* Everybody is busy for a while: the link goes down at most, memory stays bounded, and it comes back. */
static void full_queue_is_counted(void **state) {
    (void)state;
    struct cell c;
    make_cell(&c, 2);
    c.queue = 5;
    open_one(&c, 0);
    open_one(&c, 1);
    wait_mesh(&c);
    uint8_t *p = ws_alloc(LARGEST);
    uint64_t end = now_ms() + PATIENCE_MS;
    uint32_t sent = 0;
    while (net_counters(c.net[0])->dropped_full < 10) {
        assert_true(now_ms() < end);
        put_be32(p, sent);
        if (net_send(c.net[0], 1, NET_URGENT, span_of(p, LARGEST)))
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
        assert_true(receive_within(&c, 1, PATIENCE_MS, &peer, &msg));
        assert_int_equal(msg.n, LARGEST);
        assert_int_equal(be32(msg.p), i);
    }
    assert_true(net_send(c.net[0], 1, NET_URGENT, span_of("x", 1)));
    receives(&c, 1, 0, "x");
    free(p);
    close_all(&c);
}

static bool readable(struct net *n, int ms) {
    struct pollfd p = {.fd = net_fd(n), .events = POLLIN};
    return poll(&p, 1, ms) == 1 && (p.revents & POLLIN) != 0;
}

/* A loop that takes one message a turn and sleeps on the descriptor misses none. */
static void descriptor_fires_until_drained(void **state) {
    (void)state;
    struct cell c;
    make_cell(&c, 2);
    open_one(&c, 0);
    open_one(&c, 1);
    wait_mesh(&c);
    size_t peer;
    struct span msg;
    enum { BURSTS = 20, EACH = 30 };
    for (unsigned b = 0; b < BURSTS; b++) {
        for (unsigned i = 0; i < EACH; i++)
            assert_true(net_send(c.net[0], 1, NET_URGENT, span_of(&i, sizeof(i))));
        unsigned got = 0;
        while (got < EACH) {
            assert_true(readable(c.net[1], PATIENCE_MS));
            got += net_receive(c.net[1], &peer, &msg);
        }
    }
    while (net_receive(c.net[1], &peer, &msg))
        fail();
    assert_false(readable(c.net[1], 0));
    close_all(&c);
}

static void refused(struct cell *c, const struct net_config *cfg, int want, const char *text) {
    struct ws_err err = {0};
    struct net *n = NULL;
    (void)c;
    assert_int_equal(net_open(cfg, &n, &err), want);
    if (strstr(err.text, text) == NULL)
        fail_msg("%s", err.text);
    assert_null(n);
}

static void put_refused(
    struct cell *c, size_t slot, const uint8_t *key, const char *endpoint, const char *text) {
    struct ws_err err = {0};
    assert_int_equal(net_put(c->net[0], slot, key, endpoint, &err), WS_EINPUT);
    if (strstr(err.text, text) == NULL)
        fail_msg("%s", err.text);
    assert_false(send_text(c, 0, slot, "x"));
}

static void bad_configs_are_named(void **state) {
    (void)state;
    struct cell c;
    make_cell(&c, 3);
    struct net_config cfg = config_of(&c, 0);
    cfg.secret = c.secret[1];
    refused(&c, &cfg, WS_EINPUT, "secret key does not belong");
    cfg = config_of(&c, 0);
    cfg.bind = "ipc://somewhere";
    refused(&c, &cfg, WS_EINPUT, "ipc://somewhere");
    cfg = config_of(&c, 0);
    cfg.limits.queue_messages = 0;
    refused(&c, &cfg, WS_EINPUT, "queue of 0");
    cfg = config_of(&c, 0);
    cfg.limits.message_octets_max = NET_MESSAGE_MAX_LEAST - 1;
    refused(&c, &cfg, WS_EINPUT, "1023");
    cfg = config_of(&c, 0);
    cfg.limits.held_octets = LARGEST;
    refused(&c, &cfg, WS_EINPUT, "200000 octets held");
    cfg = config_of(&c, 0);
    cfg.limits.octets_per_s[NET_BULK] = 99999;
    refused(&c, &cfg, WS_EINPUT, "99999 octets a second");
    cfg = config_of(&c, 0);
    cfg.limits.strangers = 0;
    refused(&c, &cfg, WS_EINPUT, "0 strangers");
    /* The directory. */
    open_one(&c, 0);
    put_refused(&c, 2, c.public_key[1], c.endpoint[2], "peers 1 and 2 have the same key");
    assert_int_equal(net_find(c.net[0], c.public_key[2]), NET_NOBODY);
    put_refused(&c, 2, c.public_key[0], c.endpoint[2], "peer 2: has this node's own key");
    put_refused(&c, 2, c.public_key[2], "inproc://x", "peer 2: inproc://x");
    put_refused(&c, 2, c.public_key[2], "tcp://no-port", "peer 2: tcp://no-port");
    /* An address that is taken. */
    cfg = config_of(&c, 1);
    cfg.bind = c.endpoint[0];
    refused(&c, &cfg, WS_EIO, "in use");
    close_all(&c);
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
    struct cell c;
    make_cell(&c, 2);
    for (size_t i = 0; i < 2; i++) {
        char port[16];
        (void)snprintf(port, sizeof(port), "%s", strrchr(c.endpoint[i], ':') + 1);
        (void)snprintf(c.endpoint[i], sizeof(c.endpoint[i]), "tcp://[::1]:%s", port);
    }
    open_one(&c, 0);
    open_one(&c, 1);
    wait_mesh(&c);
    assert_true(send_text(&c, 0, 1, "six"));
    receives(&c, 1, 0, "six");
    close_all(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(curve_public_is_the_library_s),
        cmocka_unit_test(two_talk),
        cmocka_unit_test(four_know_each_other),
        cmocka_unit_test(unknown_keys_stay_out),
        cmocka_unit_test(handshakes_are_counted),
        cmocka_unit_test(impostor_at_a_peer_s_address),
        cmocka_unit_test(refused_link_is_dialled_again),
        cmocka_unit_test(foreign_service_at_a_peer_s_address),
        cmocka_unit_test(several_parts_are_refused),
        cmocka_unit_test(strangers_are_thinned_out),
        cmocka_unit_test(budget_is_per_peer),
        cmocka_unit_test(lanes_do_not_wait_for_each_other),
        cmocka_unit_test(directory_changes_while_running),
        cmocka_unit_test(late_message_of_a_slot_s_former_peer),
        cmocka_unit_test(oversize_closes_the_connection),
        cmocka_unit_test(restarted_peer_is_dialled_again),
        cmocka_unit_test(full_queue_is_counted),
        cmocka_unit_test(descriptor_fires_until_drained),
        cmocka_unit_test(bad_configs_are_named),
        cmocka_unit_test(ipv6_works_where_there_is_ipv6),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
