/*~ A capture file as a port: a reader thread of our own fills buffers and hands them through a ring to a net_ring
 * port (why not net_pcap: dpdk facts, section 4). Nothing is ever dropped: the reader takes a buffer before it
 * reads a record and waits when there is none; the ring has room for every buffer there is. */
#include "pktio/port.h"

#include "base/assert.h"
#include "base/mem.h"
#include "pktio/capture.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_eth_ring.h>
#include <rte_ring.h>

enum {
    /* Two buffers of this size share a page of 4 KiB, beyond it each takes one (dpdk facts, section 2). */
    DATA_ROOM = 1792,
    SEGMENT = DATA_ROOM - RTE_PKTMBUF_HEADROOM,
    FRAME_MAX = 65535, /* longer records are cut; no carrier of ours is that long */
    SEGMENTS_MAX = FRAME_MAX / SEGMENT + 1,
    MBUFS_MIN = 64,
    MBUFS_DEFAULT = 2047,
    BATCH = 32,
    DUE_TOGETHER_US = 200, /* real time */
};
/* A stamp further ahead than this is a fault of the capture, not a pause on the road. */
#define JUMP_US (3600ULL * 1000000)

_Static_assert(SEGMENTS_MAX < MBUFS_MIN, "the longest frame must fit into the smallest pool");

struct capture_source {
    struct port *port;
    const struct ws_clock *clock;
    struct rte_ring *ring;
    char **paths;
    size_t n_paths;
    bool paced;
    pthread_t thread;
    bool running;
    int space_fd; /* buffers came back */
    int stop_fd;
    atomic_bool stop;
    atomic_bool worker_sleeps, reader_waits;
    /* The rings of DPDK order the two threads; these make it visible to ThreadSanitizer, which does not see
     * into the library, and cost an addition per burst. */
    atomic_uint_fast64_t handed, freed;
    atomic_uint_fast64_t jumps;
    char failure[WS_ERR_TEXT];

    /* the reader's own */
    struct rte_mbuf *batch[BATCH];
    unsigned n_batch;
    uint64_t last_stamp_ns;
};

static struct frame_meta *meta_of(struct rte_mbuf *m) {
    return rte_mbuf_to_priv(m);
}

/* ---- between the threads ---- */

static void signal_fd(int fd) {
    (void)eventfd_write(fd, 1); /* fails only when it is readable already */
}

static void drain_fd(int fd) {
    eventfd_t n;
    (void)eventfd_read(fd, &n);
}

static void hand_batch(struct capture_source *s) {
    if (s->n_batch == 0)
        return;
    atomic_fetch_add_explicit(&s->handed, s->n_batch, memory_order_release);
    unsigned put = rte_ring_sp_enqueue_bulk(s->ring, (void **)s->batch, s->n_batch, NULL);
    WS_ASSERT(put == s->n_batch);
    s->n_batch = 0;
    if (atomic_exchange(&s->worker_sleeps, false))
        signal_fd(s->port->ready_fd);
}

void capture_source_tell(struct capture_source *s, bool on) {
    (void)atomic_exchange(&s->worker_sleeps, on);
}

void port_received(struct port *p) {
    if (p->source != NULL)
        (void)atomic_load_explicit(&p->source->handed, memory_order_acquire);
}

void port_freeing(struct port *p) {
    if (p->source != NULL)
        atomic_fetch_add_explicit(&p->source->freed, 1, memory_order_release);
}

void port_freed(struct port *p) {
    if (p->source != NULL && atomic_exchange(&p->source->reader_waits, false))
        signal_fd(p->source->space_fd);
}

/* Sleeps on fd (-1: none) for at most the given time; false: the source is being stopped. */
static bool sleep_on(struct capture_source *s, int fd, uint64_t us) {
    struct pollfd fds[2] = {{.fd = s->stop_fd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    struct timespec t = {(time_t)(us / 1000000), (long)(us % 1000000) * 1000};
    (void)ppoll(fds, fd >= 0 ? 2 : 1, &t, NULL);
    if (fd >= 0)
        drain_fd(fd);
    return !atomic_load(&s->stop);
}

/* ---- buffers ---- */

static bool take_buffers(struct capture_source *s, struct rte_mbuf **ret, unsigned n) {
    bool got = rte_pktmbuf_alloc_bulk(s->port->pool, ret, n) == 0;
    while (!got) {
        hand_batch(s); /* what the worker is to give back, it must have first */
        (void)atomic_exchange(&s->reader_waits, true);
        got = rte_pktmbuf_alloc_bulk(s->port->pool, ret, n) == 0;
        if (!got && !sleep_on(s, s->space_fd, 100000))
            return false;
    }
    (void)atomic_load_explicit(&s->freed, memory_order_acquire);
    return true;
}

static void add_to_batch(struct capture_source *s, struct rte_mbuf *m) {
    s->batch[s->n_batch++] = m;
    if (s->n_batch == BATCH)
        hand_batch(s);
}

static bool send_frame(struct capture_source *s, const struct pkt_frame *f) {
    struct rte_mbuf *seg[SEGMENTS_MAX];
    size_t left = f->data.n < FRAME_MAX ? f->data.n : FRAME_MAX;
    unsigned n = left == 0 ? 1 : (unsigned)((left + SEGMENT - 1) / SEGMENT);
    if (!take_buffers(s, seg, n))
        return false;
    const uint8_t *from = f->data.p;
    for (unsigned i = 0; i < n; i++) {
        size_t part = left < SEGMENT ? left : SEGMENT;
        if (part > 0)
            memcpy(rte_pktmbuf_mtod(seg[i], void *), from, part);
        seg[i]->data_len = (uint16_t)part;
        seg[i]->next = i + 1 < n ? seg[i + 1] : NULL;
        seg[0]->pkt_len += (uint32_t)part;
        from += part;
        left -= part;
    }
    seg[0]->nb_segs = (uint16_t)n;
    *meta_of(seg[0]) = (struct frame_meta){
        .stamp_ns = f->stamp_ns,
        .number = f->number,
        .original_octets = f->original_octets,
        .capture = f->capture,
        .link = f->link,
    };
    add_to_batch(s, seg[0]);
    return true;
}

/* The end comes through the same ring, behind every frame. */
static void send_end(struct capture_source *s) {
    struct rte_mbuf *m;
    if (!take_buffers(s, &m, 1))
        return;
    *meta_of(m) = (struct frame_meta){.end = 1};
    add_to_batch(s, m);
    hand_batch(s);
}

/* ---- pacing ---- */

static uint64_t real_us(const struct ws_clock *c, uint64_t cell_us) {
    if (c->kind != WS_CLOCK_SCALED)
        return cell_us;
    return c->rate_ppm == 0 ? 1000000 : cell_us * 1000000 / c->rate_ppm;
}

/* Waits until the cell clock reaches the stamp. Stamps that repeat or go back are due at once, one that jumps far
 * ahead is not waited for; both are counted, and the order of the file stays. */
static bool wait_due(struct capture_source *s, uint64_t stamp_ns) {
    uint64_t due = its_from_unix_us((int64_t)(stamp_ns / 1000));
    if (stamp_ns < s->last_stamp_ns)
        atomic_fetch_add_explicit(&s->jumps, 1, memory_order_relaxed);
    s->last_stamp_ns = stamp_ns;
    for (;;) {
        uint64_t now = ws_clock_now(s->clock).its_us;
        if (due <= now)
            return true;
        if (due - now > JUMP_US) {
            atomic_fetch_add_explicit(&s->jumps, 1, memory_order_relaxed);
            return true;
        }
        uint64_t us = real_us(s->clock, due - now);
        if (us <= DUE_TOGETHER_US)
            return true;
        hand_batch(s);
        if (!sleep_on(s, -1, us < 1000000 ? us : 1000000))
            return false;
    }
}

/* ---- the reader ---- */

static bool comes_live(const char *path) {
    struct stat st;
    int rc = strcmp(path, "-") == 0 ? fstat(STDIN_FILENO, &st) : stat(path, &st);
    return rc == 0 && !S_ISREG(st.st_mode);
}

/* False: no further file is to be read. */
static bool read_file(struct capture_source *s, size_t i) {
    struct ws_err err = {0};
    struct capture *c = NULL;
    struct pkt_frame f;
    bool live = comes_live(s->paths[i]);
    int rc = capture_open_until(s->paths[i], (uint32_t)i, s->stop_fd, &c, &err);
    bool go_on = rc == WS_OK;
    while (go_on && (rc = capture_next(c, &f, &err)) == 1) {
        go_on = (!s->paced || wait_due(s, f.stamp_ns)) && send_frame(s, &f);
        if (live)
            hand_batch(s); /* the next read may wait */
    }
    capture_close(c);
    if (rc < 0)
        (void)snprintf(s->failure, sizeof(s->failure), "%s", err.text);
    return rc == 0;
}

static void *reader(void *arg) {
    struct capture_source *s = arg;
    (void)pthread_setname_np(pthread_self(), "ws-capture");
    (void)prctl(PR_SET_TIMERSLACK, 1UL);
    for (size_t i = 0; i < s->n_paths && read_file(s, i); i++)
        ;
    if (!atomic_load(&s->stop))
        send_end(s);
    return NULL;
}

int port_begin(struct port *p, struct ws_err *err) {
    struct capture_source *s = p->source;
    if (s == NULL)
        return WS_OK;
    int rc = pthread_create(&s->thread, NULL, reader, s);
    if (rc != 0)
        return ws_fail(err, WS_EIO, "the capture's reader: %s", strerror(rc));
    s->running = true;
    return WS_OK;
}

void capture_source_stop(struct capture_source *s) {
    if (!s->running)
        return;
    atomic_store(&s->stop, true);
    signal_fd(s->stop_fd);
    (void)pthread_join(s->thread, NULL);
    s->running = false;
}

void capture_source_free(struct capture_source *s) {
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->n_paths; i++)
        free(s->paths[i]);
    free((void *)s->paths);
    rte_ring_free(s->ring);
    if (s->space_fd >= 0)
        (void)close(s->space_fd);
    if (s->stop_fd >= 0)
        (void)close(s->stop_fd);
    free(s);
}

const char *capture_source_failure(const struct capture_source *s) {
    return s->failure;
}

uint64_t capture_source_jumps(struct capture_source *s) {
    return atomic_load_explicit(&s->jumps, memory_order_relaxed);
}

/* ---- the port ---- */

static int make_ring(struct port *p, unsigned mbufs, struct ws_err *err) {
    char name[RTE_RING_NAMESIZE];
    (void)snprintf(name, sizeof(name), "ws%lx", (unsigned long)(uintptr_t)p);
    struct capture_source *s = p->source;
    s->ring = rte_ring_create(
        name, rte_align32pow2(mbufs + 1), SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
    if (s->ring == NULL)
        return ws_fail(
            err, WS_ELIMIT, "a ring for %u packet buffers: %s", mbufs, rte_strerror(rte_errno));
    /* The driver refuses a port without a transmit ring; nobody transmits here. */
    int id = rte_eth_from_rings(name, &s->ring, 1, &s->ring, 1, rte_socket_id());
    if (id < 0)
        return ws_fail(err, WS_EIO, "the ring port of a capture: %s", rte_strerror(rte_errno));
    p->id = (uint16_t)id;
    return rte_eth_dev_get_name_by_port(p->id, p->device) == 0
               ? port_setup(p, 0, err)
               : ws_fail(err, WS_EIO, "the ring port of a capture has no name");
}

int port_capture_open(struct port *p, const struct port_config *cfg, const struct ws_clock *clock,
    struct ws_err *err) {
    unsigned mbufs = cfg->mbufs == 0 ? MBUFS_DEFAULT : cfg->mbufs;
    if (cfg->n_captures == 0)
        return ws_fail(err, WS_EINPUT, "no capture is named");
    if (cfg->paced && clock->kind == WS_CLOCK_MANUAL)
        return ws_fail(err, WS_EINPUT, "a paced capture needs a clock that runs by itself");
    if (mbufs < MBUFS_MIN)
        return ws_fail(
            err, WS_EINPUT, "%u packet buffers: a capture needs at least %u", mbufs, MBUFS_MIN);
    struct capture_source *s = ws_alloc(sizeof(*s));
    p->source = s;
    s->port = p;
    s->clock = clock;
    s->paced = cfg->paced;
    s->n_paths = cfg->n_captures;
    s->paths = ws_calloc(s->n_paths, sizeof(*s->paths));
    for (size_t i = 0; i < s->n_paths; i++)
        s->paths[i] = ws_strdup(cfg->captures[i]);
    s->space_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    p->ready_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->space_fd < 0 || s->stop_fd < 0 || p->ready_fd < 0)
        return ws_fail(err, WS_EIO, "event descriptors: %s", strerror(errno));
    int rc = port_pool(p, mbufs, DATA_ROOM, err);
    return rc != WS_OK ? rc : make_ring(p, mbufs, err);
}
