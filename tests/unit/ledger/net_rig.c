#include "tests/unit/ledger/net_rig.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

uint64_t rig_now_ms(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void rig_free_endpoint(char *dst, size_t n) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    socklen_t size = sizeof(a);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
    (void)snprintf(dst, n, "tcp://127.0.0.1:%u", ntohs(a.sin_port));
    (void)close(fd);
}

void rig_make(struct net_rig *c, size_t n) {
    *c = (struct net_rig){.n = n, .queue = 100};
    for (size_t i = 0; i < n; i++) {
        /* Any 32 octets are a secret. */
        memset(c->secret[i], (int)(i + 1), 32);
        net_curve_public(c->secret[i], c->public_key[i]);
        rig_free_endpoint(c->endpoint[i], sizeof(c->endpoint[i]));
    }
}

struct net_config rig_config(const struct net_rig *c, size_t i) {
    struct net_config cfg = {
        .secret = c->secret[i], .bind = c->endpoint[i], .limits = net_limits_default(RIG_LARGEST)};
    cfg.limits.queue_messages = c->queue;
    if (c->held > 0)
        cfg.limits.held_octets = c->held;
    if (c->messages_per_s > 0)
        cfg.limits.messages_per_s[NET_URGENT] = c->messages_per_s;
    memcpy(cfg.public_key, c->public_key[i], 32);
    return cfg;
}

void rig_put(struct net_rig *c, size_t i, size_t k) {
    struct ws_err err = {0};
    if (net_put(c->net[i], k, c->public_key[k], c->endpoint[k], &err) != WS_OK)
        fail_msg("%s", err.text);
}

void rig_open(struct net_rig *c, size_t i) {
    struct net_config cfg = rig_config(c, i);
    struct ws_err err = {0};
    if (net_open(&cfg, &c->net[i], &err) != WS_OK)
        fail_msg("%s", err.text);
    for (size_t k = 0; k < c->n; k++) {
        if (k != i)
            rig_put(c, i, k);
    }
}

void rig_close(struct net_rig *c) {
    for (size_t i = 0; i < c->n; i++)
        net_close(c->net[i]);
}

void rig_tick(struct net_rig *c) {
    for (size_t i = 0; i < c->n; i++) {
        if (c->net[i] != NULL)
            net_tick(c->net[i], rig_now_ms() * 1000);
    }
    (void)usleep(1000);
}

void rig_wait_link(struct net_rig *c, size_t to, size_t peer, bool up) {
    uint64_t end = rig_now_ms() + RIG_PATIENCE_MS;
    while (net_peer_up(c->net[to], peer) != up) {
        assert_true(rig_now_ms() < end);
        rig_tick(c);
    }
}

void rig_wait_mesh(struct net_rig *c) {
    for (size_t i = 0; i < c->n; i++) {
        for (size_t k = 0; k < c->n; k++) {
            if (i != k)
                rig_wait_link(c, i, k, true);
        }
        assert_int_equal(net_counters(c->net[i])->connected, c->n - 1);
        assert_false(net_peer_up(c->net[i], i));
    }
}

bool rig_receive_within(
    struct net_rig *c, size_t at, uint64_t ms, size_t *ret_peer, struct span *ret_msg) {
    uint64_t end = rig_now_ms() + ms;
    do {
        if (net_receive(c->net[at], ret_peer, ret_msg))
            return true;
        rig_tick(c);
    } while (rig_now_ms() < end);
    return false;
}

void rig_receives(struct net_rig *c, size_t at, size_t from, const char *text) {
    size_t peer = 99;
    struct span msg;
    assert_true(rig_receive_within(c, at, RIG_PATIENCE_MS, &peer, &msg));
    assert_int_equal(peer, from);
    assert_true(span_equal(msg, span_of(text, strlen(text))));
}

bool rig_send(struct net_rig *c, size_t from, size_t to, const char *text) {
    return net_send(c->net[from], to, NET_URGENT, span_of(text, strlen(text)));
}

void rig_mesh(struct net_rig *c, size_t n) {
    rig_make(c, n);
    for (size_t i = 0; i < n; i++)
        rig_open(c, i);
    rig_wait_mesh(c);
}
