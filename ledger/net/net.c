/* One context per net: a PULL that all peers dial, two PUSH to each peer, and a thread at the door (zap.h) that lets in
 * exactly the CURVE keys of the directory and names the sender by its slot. */
#include "ledger/net/net_internal.h"

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
    TURN_S = 1,
    EVENTS_US = 10000,
    PAGE = 4096,
    /* ZMQ_ZAP_ENFORCE_DOMAIN: no link at all without the authenticator. zmq.h hides the name from builds without
     * draft interfaces, the library has it in all of them. */
    OPTION_ZAP_ENFORCE_DOMAIN = 93,
};

struct net_limits net_limits_default(size_t message_octets_max) {
    uint64_t two = 2 * (uint64_t)message_octets_max;
    uint64_t held = 16U << 20;
    uint64_t urgent = 16U << 20;
    return (struct net_limits){
        .queue_messages =
            256, /* a full queue is no loss: the status exchange resends what matters */
        .message_octets_max = message_octets_max,
        .held_octets = held > two ? held : two,
        .messages_per_s = {5000, 50000},
        .octets_per_s = {urgent > two ? urgent : two, 64U << 20},
        .strangers = 64,
    };
}

static int open_pull(struct net *n, const struct net_config *cfg, struct ws_err *err) {
    n->pull = zmq_socket(n->context, ZMQ_PULL);
    if (n->pull == NULL || !net_set_common(n->pull, cfg->limits.message_octets_max) ||
        !net_set_int(n->pull, ZMQ_RCVHWM, cfg->limits.queue_messages) ||
        !net_set_int(n->pull, ZMQ_CURVE_SERVER, 1) ||
        zmq_setsockopt(n->pull, ZMQ_CURVE_SECRETKEY, n->secret, 32) != 0 ||
        zmq_setsockopt(n->pull, ZMQ_ZAP_DOMAIN, "cell", 4) != 0 ||
        !net_set_int(n->pull, OPTION_ZAP_ENFORCE_DOMAIN, 1) || !zap_watch(n->zap, n->pull))
        return net_zmq_failed(err, "socket");
    if (zmq_bind(n->pull, cfg->bind) != 0)
        return ws_fail(err, WS_EIO, "bind: %s: %s", cfg->bind, zmq_strerror(zmq_errno()));
    return WS_OK;
}

/* ZeroMQ's own descriptor fires on edges only; with one of ours beside it, who sleeps with messages left is woken. */
static int open_fd(struct net *n, struct ws_err *err) {
    int fd = -1;
    size_t size = sizeof(fd);
    struct epoll_event ev = {.events = EPOLLIN};
    if (zmq_getsockopt(n->pull, ZMQ_FD, &fd, &size) != 0)
        return net_zmq_failed(err, "descriptor");
    n->fd = epoll_create1(EPOLL_CLOEXEC);
    n->more_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    n->turn_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    struct itimerspec turn = {{TURN_S, 0}, {TURN_S, 0}};
    if (n->fd < 0 || n->more_fd < 0 || n->turn_fd < 0 ||
        timerfd_settime(n->turn_fd, 0, &turn, NULL) != 0 ||
        epoll_ctl(n->fd, EPOLL_CTL_ADD, fd, &ev) != 0 ||
        epoll_ctl(n->fd, EPOLL_CTL_ADD, n->more_fd, &ev) != 0)
        return net_zmq_failed(err, "descriptor");
    return WS_OK;
}

static int check_config(const struct net_config *cfg, const uint8_t *secret, struct ws_err *err) {
    const struct net_limits *l = &cfg->limits;
    uint8_t derived[32];
    net_curve_public(secret, derived);
    if (memcmp(derived, cfg->public_key, 32) != 0)
        return ws_fail(err, WS_EINPUT, "links: the secret key does not belong to the public one");
    if (l->queue_messages < 1 || l->message_octets_max < NET_MESSAGE_MAX_LEAST ||
        l->message_octets_max > INT32_MAX / 2)
        return ws_fail(err, WS_EINPUT,
            "links: queue of %d messages of at most %zu octets (allowed: 1 and more; %d to %d)",
            l->queue_messages, l->message_octets_max, NET_MESSAGE_MAX_LEAST, INT32_MAX / 2);
    if (l->held_octets < 2 * (uint64_t)l->message_octets_max || l->strangers < 1)
        return ws_fail(err, WS_EINPUT,
            "links: %llu octets held of a connection, %u strangers (allowed: twice a message, %zu "
            "octets, and more; 1 and more)",
            (unsigned long long)l->held_octets, l->strangers, 2 * l->message_octets_max);
    for (size_t i = 0; i < NET_LANES; i++) {
        if (l->messages_per_s[i] < 1 || l->octets_per_s[i] * NET_BURST_S < l->message_octets_max)
            return ws_fail(err, WS_EINPUT,
                "links: budget of %llu messages and %llu octets a second: too small for one "
                "message of %zu octets",
                (unsigned long long)l->messages_per_s[i], (unsigned long long)l->octets_per_s[i],
                l->message_octets_max);
    }
    if (strncmp(cfg->bind, "tcp://", 6) != 0)
        return ws_fail(err, WS_EINPUT, "links: bind: %s: not tcp://HOST:PORT", cfg->bind);
    return WS_OK;
}

static int open_sockets(struct net *n, const struct net_config *cfg, struct ws_err *err) {
    n->context = zmq_ctx_new();
    if (n->context == NULL)
        return net_zmq_failed(err, "context");
    int rc = zap_start(n->context, n->guard, &n->zap, err);
    if (rc == WS_OK)
        rc = open_pull(n, cfg, err);
    return rc == WS_OK ? open_fd(n, err) : rc;
}

static int open_secret(struct net *n, const uint8_t *secret, struct ws_err *err) {
    n->secret = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (n->secret == MAP_FAILED) {
        n->secret = NULL;
        return ws_fail(err, WS_ENOMEM, "links: no memory for the key");
    }
    (void)madvise(n->secret, PAGE, MADV_DONTDUMP);
    if (mlock(n->secret, PAGE) != 0)
        ws_log(WS_LOG_WARN, "net", "the key may be swapped out: mlock failed");
    memcpy(n->secret, secret, 32);
    return WS_OK;
}

int net_open(const struct net_config *cfg, struct net **ret_net, struct ws_err *err) {
    struct net *n = ws_alloc(sizeof(*n));
    n->fd = -1;
    n->more_fd = -1;
    n->turn_fd = -1;
    n->cfg = *cfg;
    n->guard = guard_new(&cfg->limits);
    int rc = open_secret(n, cfg->secret, err);
    if (rc == WS_OK)
        rc = check_config(cfg, n->secret, err);
    if (rc == WS_OK)
        rc = open_sockets(n, cfg, err);
    if (rc != WS_OK) {
        net_close(n);
        return rc;
    }
    *ret_net = n;
    return WS_OK;
}

static void close_links(struct slot *s) {
    for (size_t i = 0; i < NET_LANES; i++)
        link_close(&s->link[i]);
}

void net_close(struct net *n) {
    if (n == NULL)
        return;
    if (n->msg_open)
        (void)zmq_msg_close(&n->msg);
    for (size_t i = 0; i < NET_PEERS_MAX; i++)
        close_links(&n->slot[i]);
    if (n->pull != NULL) {
        (void)zmq_socket_monitor(n->pull, NULL, 0);
        (void)zmq_close(n->pull);
    }
    zap_stop(n->zap);
    if (n->context != NULL)
        (void)zmq_ctx_term(n->context);
    guard_free(n->guard);
    const int own[] = {n->fd, n->more_fd, n->turn_fd};
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (own[i] >= 0)
            (void)close(own[i]);
    }
    if (n->secret != NULL) {
        explicit_bzero(n->secret, PAGE);
        (void)munmap(n->secret, PAGE);
    }
    free(n);
}

/* ---- the directory ---- */

void net_remove(struct net *n, size_t peer) {
    WS_ASSERT(peer < NET_PEERS_MAX);
    struct slot *s = &n->slot[peer];
    if (!s->used)
        return;
    /* The door first: who is cut off must not come back by it. */
    zap_remove(n->zap, peer);
    guard_cut_peer(n->guard, peer);
    close_links(s);
    *s = (struct slot){.used = false};
}

size_t net_find(const struct net *n, const uint8_t key[static 32]) {
    for (size_t i = 0; i < NET_PEERS_MAX; i++) {
        if (n->slot[i].used && memcmp(n->slot[i].key, key, 32) == 0)
            return i;
    }
    return NET_NOBODY;
}

static int open_links(struct net *n, size_t peer, const char *endpoint, struct ws_err *err) {
    struct link_config cfg = {.context = n->context,
        .net = &n->cfg,
        .secret = n->secret,
        .key = n->slot[peer].key,
        .endpoint = endpoint};
    for (size_t i = 0; i < NET_LANES; i++) {
        cfg.number = n->links_made++;
        int rc = link_open(&n->slot[peer].link[i], &cfg, err);
        if (rc != WS_OK)
            return ws_fail_in(err, "peer %zu", peer);
    }
    return WS_OK;
}

int net_put(struct net *n, size_t peer, const uint8_t key[static 32], const char *endpoint,
    struct ws_err *err) {
    WS_ASSERT(peer < NET_PEERS_MAX);
    struct slot *s = &n->slot[peer];
    bool same = s->used && memcmp(s->key, key, 32) == 0;
    const char *old = s->link[0].endpoint;
    if (same && (old == NULL) == (endpoint == NULL) && (old == NULL || strcmp(old, endpoint) == 0))
        return WS_OK;
    if (!same)
        net_remove(n, peer);
    /* A second box with a copy of our key stays out, and we do not dial ourselves. */
    if (memcmp(key, n->cfg.public_key, 32) == 0)
        return ws_fail(err, WS_EINPUT, "peer %zu: has this node's own key", peer);
    size_t other = net_find(n, key);
    if (other != NET_NOBODY && other != peer)
        return ws_fail(err, WS_EINPUT, "peers %zu and %zu have the same key", other, peer);
    close_links(s);
    if (!same) {
        s->used = true;
        memcpy(s->key, key, 32);
        s->generation = ++n->generations;
        receive_fill(&n->cfg.limits, s);
    }
    int rc = WS_OK;
    if (endpoint != NULL && strncmp(endpoint, "tcp://", 6) != 0)
        rc = ws_fail(err, WS_EINPUT, "peer %zu: %s: not tcp://HOST:PORT", peer, endpoint);
    else if (endpoint != NULL)
        rc = open_links(n, peer, endpoint, err);
    if (rc != WS_OK)
        net_remove(n, peer);
    else if (!same)
        zap_put(n->zap, peer, key, s->generation);
    return rc;
}

/* ---- sending ---- */

bool net_send(struct net *n, size_t peer, enum net_lane lane, struct span msg) {
    WS_ASSERT(peer < NET_PEERS_MAX);
    if (msg.n > n->cfg.limits.message_octets_max) {
        n->counters.dropped_large++;
        return false;
    }
    struct slot *s = &n->slot[peer];
    enum link_sent sent =
        s->used ? link_send(&s->link[lane], lane, msg, n->cfg.limits.held_octets) : LINK_DOWN;
    n->counters.dropped_full += sent == LINK_FULL;
    n->counters.dropped_down += sent == LINK_DOWN;
    if (sent != LINK_SENT)
        return false;
    n->counters.sent++;
    n->counters.sent_octets += msg.n;
    return true;
}

int net_fd(const struct net *n) {
    return n->fd;
}

/* ---- housekeeping ---- */

/* Whoever is refused tries again for ever: a line each time the number has doubled. */
static void say(uint64_t now, uint64_t *said, const char *text) {
    if (now == 0 || now < 2 * *said)
        return;
    *said = now;
    ws_log(WS_LOG_WARN, "net", "%llu %s", (unsigned long long)now, text);
}

void net_tick(struct net *n, uint64_t mono_us) {
    uint64_t turns;
    bool turn = read(n->turn_fd, &turns, sizeof(turns)) == (ssize_t)sizeof(turns);
    receive_refill(n, mono_us);
    if (!turn && n->events_us != 0 && mono_us - n->events_us < EVENTS_US)
        return;
    n->events_us = mono_us == 0 ? 1 : mono_us;
    uint64_t up = 0;
    for (size_t i = 0; i < NET_PEERS_MAX; i++) {
        struct slot *s = &n->slot[i];
        for (size_t k = 0; k < NET_LANES && s->used && s->link[k].socket != NULL; k++) {
            link_events(&s->link[k], n->guard, zap_now_ms());
            if (turn)
                link_turn(&s->link[k]);
        }
        up += net_peer_up(n, i);
    }
    struct guard_counters cuts = guard_counters(n->guard);
    struct net_counters *c = &n->counters;
    c->connected = up;
    c->refused_key = zap_refused(n->zap);
    c->refused_often = zap_refused_often(n->zap);
    c->cut_held = cuts.cut_held;
    c->cut_silent = cuts.cut_silent;
    c->cut_removed = cuts.cut_removed;
    say(c->refused_key, &n->refused_said, "handshakes refused under keys that are no peer's");
    say(c->cut_held, &n->held_said, "connections cut that made us hold more than a link may");
}

const struct net_counters *net_counters(const struct net *n) {
    return &n->counters;
}

struct net_peer_counters net_peer_counters(const struct net *n, size_t peer) {
    WS_ASSERT(peer < NET_PEERS_MAX);
    return n->slot[peer].counters;
}

bool net_peer_up(const struct net *n, size_t peer) {
    WS_ASSERT(peer < NET_PEERS_MAX);
    const struct slot *s = &n->slot[peer];
    return s->used && s->link[NET_URGENT].up && s->link[NET_BULK].up;
}

void net_curve_public(const uint8_t secret[static 32], uint8_t ret_public[static 32]) {
    char text[41];
    char public_text[41];
    WS_ASSERT(zmq_z85_encode(text, secret, 32) != NULL);
    WS_ASSERT(zmq_curve_public(public_text, text) == 0);
    WS_ASSERT(zmq_z85_decode(ret_public, public_text) != NULL);
    explicit_bzero(text, sizeof(text));
}
