#include "ledger/net/guard.h"

#include "base/mem.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    FDS_MAX = 1 << 16,
    SCAN_MS = 100,
    SCAN_BUSY_MS = 20, /* while somebody sends faster than BUSY_OCTETS a scan */
    BUSY_OCTETS = 1 << 20,
    SILENT_MS = 10000,
    OUT_OCTETS = 1 << 20,
    /* What CURVE adds to a message: command name (8), nonce (8), authenticator (16), flags (1). */
    CURVE_OVERHEAD = 33,
};

struct conn {
    bool used, known, cut;
    enum guard_kind kind;
    size_t peer; /* known */
    uint64_t cookie;
    uint64_t opened_ms;
    uint64_t taken; /* octets of whole messages, as they were on the wire */
    uint64_t seen; /* octets that had come at the last scan */
};

struct guard {
    pthread_mutex_t lock;
    uint64_t held_octets;
    unsigned strangers;
    struct conn *conn; /* by descriptor */
    size_t cap;
    uint64_t due_ms; /* of the next scan */
    struct guard_counters counters;
};

struct guard *guard_new(const struct net_limits *limits) {
    struct guard *g = ws_alloc(sizeof(*g));
    (void)pthread_mutex_init(&g->lock, NULL);
    g->held_octets = limits->held_octets;
    g->strangers = limits->strangers;
    return g;
}

void guard_free(struct guard *g) {
    if (g == NULL)
        return;
    (void)pthread_mutex_destroy(&g->lock);
    free(g->conn);
    free(g);
}

static uint64_t cookie_of(int fd) {
    uint64_t cookie = 0;
    socklen_t size = sizeof(cookie);
    return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 ? cookie : 0;
}

/* NULL: no descriptor that can be watched. */
static struct conn *at(struct guard *g, int fd) {
    if (fd < 0 || fd >= FDS_MAX)
        return NULL;
    if ((size_t)fd >= g->cap) {
        size_t cap = g->cap == 0 ? 64 : g->cap;
        while (cap <= (size_t)fd)
            cap *= 2;
        g->conn = ws_realloc(g->conn, cap * sizeof(*g->conn));
        memset(g->conn + g->cap, 0, (cap - g->cap) * sizeof(*g->conn));
        g->cap = cap;
    }
    return &g->conn[fd];
}

static struct conn *open_at(struct guard *g, int fd, enum guard_kind kind, uint64_t mono_ms) {
    struct conn *c = at(g, fd);
    uint64_t cookie = cookie_of(fd);
    if (c == NULL || cookie == 0)
        return NULL; /* closed already */
    if (c->used && c->cookie == cookie)
        return c;
    *c = (struct conn){.used = true, .kind = kind, .cookie = cookie, .opened_ms = mono_ms};
    return c;
}

void guard_opened(struct guard *g, int fd, enum guard_kind kind, uint64_t mono_ms) {
    (void)pthread_mutex_lock(&g->lock);
    (void)open_at(g, fd, kind, mono_ms);
    (void)pthread_mutex_unlock(&g->lock);
}

void guard_closed(struct guard *g, int fd) {
    (void)pthread_mutex_lock(&g->lock);
    /* The number may be another connection's by now: what is still open stays watched. */
    if (fd >= 0 && (size_t)fd < g->cap && g->conn[fd].used && g->conn[fd].cookie != cookie_of(fd))
        g->conn[fd].used = false;
    (void)pthread_mutex_unlock(&g->lock);
}

void guard_took(struct guard *g, int fd, size_t octets, size_t peer, uint64_t mono_ms) {
    (void)pthread_mutex_lock(&g->lock);
    struct conn *c = at(g, fd);
    /* Its first message may be here before the news of its opening. */
    if (c != NULL && !c->used)
        c = open_at(g, fd, GUARD_IN, mono_ms);
    if (c != NULL) {
        size_t body = octets + CURVE_OVERHEAD;
        c->taken += body + (body > UINT8_MAX ? 9 : 2);
        c->known = true;
        c->peer = peer;
    }
    (void)pthread_mutex_unlock(&g->lock);
}

/* The descriptor is libzmq's, and may be closed and given to another at any time: a duplicate cannot. */
static bool shut(const struct conn *c, int fd) {
    int own = dup(fd);
    if (own < 0)
        return false;
    bool same = cookie_of(own) == c->cookie;
    if (same)
        (void)shutdown(own, SHUT_RDWR);
    (void)close(own);
    return same;
}

static void cut(struct guard *g, int fd, uint64_t *counter) {
    struct conn *c = &g->conn[fd];
    if (c->cut)
        return;
    if (shut(c, fd))
        (*counter)++;
    c->cut = true;
}

void guard_cut(struct guard *g, int fd) {
    (void)pthread_mutex_lock(&g->lock);
    if (fd >= 0 && (size_t)fd < g->cap && g->conn[fd].used)
        cut(g, fd, &g->counters.cut_removed);
    (void)pthread_mutex_unlock(&g->lock);
}

void guard_cut_peer(struct guard *g, size_t peer) {
    (void)pthread_mutex_lock(&g->lock);
    for (size_t i = 0; i < g->cap; i++) {
        if (g->conn[i].used && g->conn[i].known && g->conn[i].peer == peer)
            cut(g, (int)i, &g->counters.cut_removed);
    }
    (void)pthread_mutex_unlock(&g->lock);
}

/* The time that a caller tells may be a little older than the last one's. */
static uint64_t age_of(const struct conn *c, uint64_t mono_ms) {
    return mono_ms > c->opened_ms ? mono_ms - c->opened_ms : 0;
}

/* What libzmq may hold of it; of a stranger it holds no more than a step of the handshake. */
static uint64_t bound_of(const struct guard *g, const struct conn *c) {
    return c->kind == GUARD_OUT ? OUT_OCTETS : g->held_octets;
}

/* Octets that came in since the last look; the connection is cut when libzmq holds too many. */
static uint64_t look(struct guard *g, int fd, uint64_t mono_ms) {
    struct conn *c = &g->conn[fd];
    struct tcp_info info;
    socklen_t size = sizeof(info);
    memset(&info, 0, sizeof(info));
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 ||
        info.tcpi_bytes_received < c->seen) {
        c->used = false; /* closed, and perhaps another's since */
        return 0;
    }
    uint64_t came = info.tcpi_bytes_received - c->seen;
    c->seen = info.tcpi_bytes_received;
    if (c->cut)
        return came;
    uint64_t bound = bound_of(g, c);
    if (c->seen > c->taken + bound) {
        int queued = 0; /* in the kernel, which has bounds of its own */
        if (ioctl(fd, FIONREAD, &queued) != 0 || queued < 0)
            queued = 0;
        if (c->seen > c->taken + bound + (uint64_t)queued)
            cut(g, fd, &g->counters.cut_held);
    }
    if (c->kind == GUARD_IN && !c->known && age_of(c, mono_ms) > SILENT_MS)
        cut(g, fd, &g->counters.cut_silent);
    return came;
}

/* Handshakes take milliseconds and strangers never get through one: of too many, the oldest goes. */
static void thin_out(struct guard *g) {
    for (;;) {
        size_t n = 0;
        size_t oldest = SIZE_MAX;
        for (size_t i = 0; i < g->cap; i++) {
            const struct conn *c = &g->conn[i];
            if (!c->used || c->known || c->cut || c->kind != GUARD_IN)
                continue;
            n++;
            if (oldest == SIZE_MAX || c->opened_ms < g->conn[oldest].opened_ms)
                oldest = i;
        }
        if (n <= g->strangers)
            return;
        cut(g, (int)oldest, &g->counters.cut_silent);
    }
}

long guard_scan(struct guard *g, uint64_t mono_ms) {
    (void)pthread_mutex_lock(&g->lock);
    if (mono_ms >= g->due_ms) {
        uint64_t most = 0;
        for (size_t i = 0; i < g->cap; i++) {
            uint64_t came = g->conn[i].used ? look(g, (int)i, mono_ms) : 0;
            most = came > most ? came : most;
        }
        thin_out(g);
        g->due_ms = mono_ms + (most > BUSY_OCTETS ? SCAN_BUSY_MS : SCAN_MS);
    }
    long wait = g->due_ms > mono_ms ? (long)(g->due_ms - mono_ms) : 1;
    (void)pthread_mutex_unlock(&g->lock);
    return wait;
}

struct guard_counters guard_counters(struct guard *g) {
    (void)pthread_mutex_lock(&g->lock);
    struct guard_counters c = g->counters;
    (void)pthread_mutex_unlock(&g->lock);
    return c;
}
