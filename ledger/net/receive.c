/* Taking messages in: whose they are, whether they are whole, and whether the sender's budget has room for them. */
#include "ledger/net/net_internal.h"

#include "base/assert.h"

#include <stdlib.h>
#include <unistd.h>

enum { REFUSED_EACH_CALL = 64, MICRO = 1000000 };

void receive_fill(const struct net_limits *l, struct slot *s) {
    for (size_t i = 0; i < NET_LANES; i++) {
        s->left[i].messages = l->messages_per_s[i] * NET_BURST_S * MICRO;
        s->left[i].octets = l->octets_per_s[i] * NET_BURST_S * MICRO;
    }
}

void receive_refill(struct net *n, uint64_t mono_us) {
    const struct net_limits *l = &n->cfg.limits;
    uint64_t us = mono_us > n->mono_us ? mono_us - n->mono_us : 0;
    us = us > NET_BURST_S * MICRO ? NET_BURST_S * MICRO : us;
    n->mono_us = mono_us;
    for (size_t i = 0; i < NET_PEERS_MAX; i++) {
        struct slot *s = &n->slot[i];
        for (size_t k = 0; s->used && k < NET_LANES; k++) {
            struct bucket *b = &s->left[k];
            uint64_t messages = l->messages_per_s[k] * NET_BURST_S * MICRO;
            uint64_t octets = l->octets_per_s[k] * NET_BURST_S * MICRO;
            b->messages += l->messages_per_s[k] * us;
            b->octets += l->octets_per_s[k] * us;
            b->messages = b->messages < messages ? b->messages : messages;
            b->octets = b->octets < octets ? b->octets : octets;
        }
    }
}

/* One part is all we ever send. */
static bool take_one(struct net *n, bool *ret_whole) {
    if (n->msg_open)
        (void)zmq_msg_close(&n->msg);
    (void)zmq_msg_init(&n->msg);
    n->msg_open = true;
    if (zmq_msg_recv(&n->msg, n->pull, ZMQ_DONTWAIT) < 0)
        return false;
    *ret_whole = !zmq_msg_more(&n->msg);
    for (bool more = !*ret_whole; more;) {
        zmq_msg_t rest;
        (void)zmq_msg_init(&rest);
        more = zmq_msg_recv(&rest, n->pull, ZMQ_DONTWAIT) >= 0 && zmq_msg_more(&rest);
        (void)zmq_msg_close(&rest);
    }
    return true;
}

static int connection_of(struct net *n) {
    return zmq_msg_get(&n->msg, ZMQ_SRCFD);
}

/* The slot that the door gave the sender's key, or NET_NOBODY when it is another's by now. */
static size_t sender_of(struct net *n) {
    const char *user = zmq_msg_gets(&n->msg, "User-Id");
    if (user == NULL || user[0] < '0' || user[0] > '9')
        return NET_NOBODY;
    char *end = NULL;
    unsigned long peer = strtoul(user, &end, 10);
    if (*end != '.' || peer >= NET_PEERS_MAX)
        return NET_NOBODY;
    unsigned long generation = strtoul(end + 1, &end, 10);
    const struct slot *s = &n->slot[peer];
    return *end == '\0' && s->used && s->generation == generation ? peer : NET_NOBODY;
}

static bool within_budget(struct slot *s, size_t lane, size_t octets) {
    struct bucket *b = &s->left[lane];
    if (b->messages < MICRO || b->octets < (uint64_t)octets * MICRO)
        return false;
    b->messages -= MICRO;
    b->octets -= (uint64_t)octets * MICRO;
    return true;
}

/* What the caller gets of the message in hand, or false: nothing. */
static bool judge(struct net *n, bool whole, size_t *ret_peer, struct span *ret_msg) {
    size_t peer = sender_of(n);
    const uint8_t *p = zmq_msg_data(&n->msg);
    size_t size = zmq_msg_size(&n->msg);
    if (peer == NET_NOBODY) {
        guard_cut(n->guard, connection_of(n));
        n->counters.refused_parts++;
        return false;
    }
    /* Several parts count as what was held, not as what was taken: the guard loses patience with them in time. */
    if (!whole) {
        n->counters.refused_parts++;
        return false;
    }
    guard_took(n->guard, connection_of(n), size, peer, zap_now_ms());
    if (size == 0)
        return false; /* the greeting */
    if (p[0] >= NET_LANES) {
        n->counters.refused_parts++;
        return false;
    }
    struct slot *s = &n->slot[peer];
    if (!within_budget(s, p[0], size)) {
        s->counters.dropped_budget++;
        n->counters.dropped_budget++;
        return false;
    }
    *ret_peer = peer;
    *ret_msg = span_of(p + 1, size - 1);
    s->counters.received++;
    s->counters.received_octets += ret_msg->n;
    n->counters.received++;
    n->counters.received_octets += ret_msg->n;
    return true;
}

static void signal_more(struct net *n, bool more) {
    if (n->more == more)
        return;
    n->more = more;
    uint64_t count = 1;
    ssize_t done =
        more ? write(n->more_fd, &count, sizeof(count)) : read(n->more_fd, &count, sizeof(count));
    WS_ASSERT(done == (ssize_t)sizeof(count));
}

bool net_receive(struct net *n, size_t *ret_peer, struct span *ret_msg) {
    bool whole = false;
    for (unsigned i = 0; i < REFUSED_EACH_CALL; i++) {
        if (!take_one(n, &whole)) {
            signal_more(n, false);
            return false;
        }
        if (judge(n, whole, ret_peer, ret_msg)) {
            signal_more(n, true);
            return true;
        }
    }
    /* Somebody floods us with what we refuse: the caller has other work, too. */
    signal_more(n, true);
    return false;
}
