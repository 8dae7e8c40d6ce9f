#include "pktio/worker.h"

#include "base/log.h"
#include "base/mem.h"
#include "pktio/port.h"
#include "pktio/send_queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_lcore.h>

enum {
    IDLE_MS = 100, /* longest sleep; then the kernel's counters are read again */
    FRAME_MAX = 65535,
    LOSSES_EVERY_US = 100000,
    VIRTUAL_STEP_US = 1000,
};

/* Counters as the worker last published them: a reader never touches what the pipeline writes. */
enum cell {
    CELL_FRAMES,
    CELL_OCTETS,
    CELL_SIGNATURES,
    CELL_EVICTED,
    CELL_CERTS,
    CELL_SOURCES,
    CELL_IDENTITIES,
    CELL_QUEUED,
    CELL_WAITING,
    CELL_KERNEL_RING,
    CELL_PORT_MISSED,
    CELL_WAKEUPS,
    CELL_SLEEPS,
    CELL_LATE,
    CELL_SENT,
    CELL_SENT_OCTETS,
    CELL_SEND_ERRORS,
    CELL_VERDICT,
    CELLS = CELL_VERDICT + PKT_VERDICT_COUNT
};

struct worker {
    struct port *port;
    struct pipeline *pipe;
    struct pipeline_limits limits;
    size_t queued_max, waiting_max;
    const struct ws_clock *clock;
    bool paced;
    bool own_time; /* a capture as fast as it goes: each frame at its own stamp */
    struct ring *out;
    int out_fd;
    pthread_t thread;
    bool running;
    atomic_bool stop;
    int wake_fd, epoll_fd;
    atomic_bool sleeps_now; /* set before the last look at the send queue */
    atomic_uint_fast64_t send_dropped;
    atomic_uint_fast64_t cell[CELLS];
    atomic_bool finished;

    /* the thread's own */
    bool pushed; /* since out_fd was written last */
    uint64_t port_missed, wakeups, sleeps, late_us_max;
    uint64_t losses_read_us;
    uint64_t its_us; /* the time of the latest frames */
    bool backlog; /* frames are queued */
    uint8_t *whole; /* a frame that came in several buffers */
};

/* ---- frames ---- */

static bool push_out(void *ctx, struct pkt_message *m) {
    struct worker *w = ctx;
    if (!ring_push(w->out, m))
        return false;
    w->pushed = true;
    return true;
}

static uint64_t its_of_stamp(uint64_t stamp_ns) {
    return its_from_unix_us((int64_t)(stamp_ns / 1000));
}

/* Own time goes in steps, so that frames close together share a burst, and where the steps lie does not depend
 * on how they were received. */
static uint64_t own_time_of(const struct pkt_frame *f) {
    uint64_t its = its_of_stamp(f->stamp_ns);
    return its - its % VIRTUAL_STEP_US + VIRTUAL_STEP_US;
}

/* On its own time nothing is in a hurry: each group is worked off before the next comes, so nothing is shed. */
static void run_group(struct worker *w, const struct pkt_frame *f, size_t n, uint64_t its_us) {
    pipeline_tick(w->pipe, its_us);
    pipeline_take(w->pipe, f, n, its_us);
    w->its_us = its_us;
    if (!w->own_time)
        return;
    while (pipeline_work(w->pipe, its_us))
        ;
}

static void run_frames(struct worker *w, const struct pkt_frame *f, size_t n, struct ws_now now) {
    if (!w->own_time) {
        run_group(w, f, n, now.its_us);
        return;
    }
    for (size_t i = 0; i < n;) {
        uint64_t its = own_time_of(&f[i]);
        size_t k = i + 1;
        while (k < n && own_time_of(&f[k]) == its)
            k++;
        run_group(w, f + i, k - i, its);
        i = k;
    }
}

static struct pkt_frame frame_of(struct worker *w, struct rte_mbuf *m, struct ws_now now) {
    struct span data = span_of(rte_pktmbuf_mtod(m, const uint8_t *), rte_pktmbuf_data_len(m));
    if (w->port->kind != PORT_CAPTURE) {
        return (struct pkt_frame){
            .data = data,
            .link = LINK_ETHERNET,
            .original_octets = rte_pktmbuf_pkt_len(m),
            .stamp_ns = (uint64_t)its_to_unix_us(now.its_us) * 1000,
        };
    }
    const struct frame_meta *meta = rte_mbuf_to_priv(m);
    return (struct pkt_frame){
        .data = data,
        .link = (enum frame_link)meta->link,
        .original_octets = meta->original_octets,
        .stamp_ns = meta->stamp_ns,
        .capture = meta->capture,
        .number = meta->number,
    };
}

static bool is_end(const struct worker *w, struct rte_mbuf *m) {
    return w->port->kind == PORT_CAPTURE && ((struct frame_meta *)rte_mbuf_to_priv(m))->end != 0;
}

static void note_lateness(struct worker *w, const struct pkt_frame *f, struct ws_now now) {
    uint64_t due = its_of_stamp(f->stamp_ns);
    if (w->paced && now.its_us > due && now.its_us - due > w->late_us_max)
        w->late_us_max = now.its_us - due;
}

static void run_long(struct worker *w, struct rte_mbuf *m, struct ws_now now) {
    struct pkt_frame f = frame_of(w, m, now);
    size_t n = rte_pktmbuf_pkt_len(m);
    const void *p = rte_pktmbuf_read(m, 0, (uint32_t)n, w->whole);
    f.data = span_of(p, n);
    run_frames(w, &f, 1, now);
}

/* True: the end marker was among them. */
static bool run_burst(struct worker *w, struct rte_mbuf **m, size_t n) {
    struct pkt_frame f[PIPELINE_BURST_MAX];
    struct ws_now now = ws_clock_now(w->clock);
    size_t k = 0;
    bool end = false;
    for (size_t i = 0; i < n; i++) {
        if (is_end(w, m[i])) {
            end = true;
            continue;
        }
        f[k] = frame_of(w, m[i], now);
        note_lateness(w, &f[k], now);
        if (m[i]->nb_segs == 1) {
            k++;
            continue;
        }
        /* In several buffers: by itself, but in its place. */
        run_frames(w, f, k, now);
        run_long(w, m[i], now);
        k = 0;
    }
    run_frames(w, f, k, now);
    return end;
}

/* ---- counters ---- */

static void set(struct worker *w, unsigned cell, uint64_t value) {
    atomic_store_explicit(&w->cell[cell], value, memory_order_relaxed);
}

static void publish(struct worker *w) {
    const struct pipeline_counters *n = pipeline_counters(w->pipe);
    set(w, CELL_FRAMES, n->frames);
    set(w, CELL_OCTETS, n->octets);
    set(w, CELL_SIGNATURES, n->signatures);
    set(w, CELL_EVICTED, n->identities_evicted);
    set(w, CELL_CERTS, n->certs);
    set(w, CELL_SOURCES, n->sources);
    set(w, CELL_IDENTITIES, n->identities);
    set(w, CELL_QUEUED, n->queued);
    set(w, CELL_WAITING, n->waiting);
    set(w, CELL_KERNEL_RING, w->port->kernel_ring);
    set(w, CELL_PORT_MISSED, w->port_missed);
    set(w, CELL_WAKEUPS, w->wakeups);
    set(w, CELL_SLEEPS, w->sleeps);
    set(w, CELL_LATE, w->late_us_max);
    set(w, CELL_SENT, w->port->sent.frames - w->port->sent.refused);
    set(w, CELL_SENT_OCTETS, w->port->sent.octets);
    set(w, CELL_SEND_ERRORS, w->port->sent.errors + w->port->sent.refused);
    for (unsigned v = 0; v < PKT_VERDICT_COUNT; v++)
        set(w, CELL_VERDICT + v, n->verdict[v]);
}

static void read_losses(struct worker *w) {
    uint64_t now = ws_clock_now(w->clock).mono_us;
    if (now - w->losses_read_us < LOSSES_EVERY_US)
        return;
    w->losses_read_us = now;
    w->port_missed = port_losses(w->port);
}

void worker_read_counters(struct worker *w, struct worker_counters *ret) {
    uint64_t c[CELLS];
    /* First, so that whoever sees "finished" sees every frame counted. */
    bool finished = atomic_load_explicit(&w->finished, memory_order_acquire);
    for (unsigned i = 0; i < CELLS; i++)
        c[i] = atomic_load_explicit(&w->cell[i], memory_order_relaxed);
    *ret = (struct worker_counters){
        .pipe =
            {
                .frames = c[CELL_FRAMES],
                .octets = c[CELL_OCTETS],
                .signatures = c[CELL_SIGNATURES],
                .identities_evicted = c[CELL_EVICTED],
                .certs = c[CELL_CERTS],
                .certs_max = w->limits.cert_slots,
                .sources = c[CELL_SOURCES],
                .sources_max = w->limits.source_slots,
                .identities = c[CELL_IDENTITIES],
                .identities_max = w->limits.replay_slots,
                .queued = c[CELL_QUEUED],
                .queued_max = w->queued_max,
                .waiting = c[CELL_WAITING],
                .waiting_max = w->waiting_max,
            },
        .kernel_ring = c[CELL_KERNEL_RING],
        .port_missed = c[CELL_PORT_MISSED],
        .wakeups = c[CELL_WAKEUPS],
        .sleeps = c[CELL_SLEEPS],
        .late_us_max = c[CELL_LATE],
        .sent = c[CELL_SENT],
        .sent_octets = c[CELL_SENT_OCTETS],
        .send_dropped = atomic_load_explicit(&w->send_dropped, memory_order_relaxed),
        .send_errors = c[CELL_SEND_ERRORS],
        .stamp_jumps = w->port->source != NULL ? capture_source_jumps(w->port->source) : 0,
        .finished = finished,
    };
    for (unsigned v = 0; v < PKT_VERDICT_COUNT; v++)
        ret->pipe.verdict[v] = c[CELL_VERDICT + v];
    if (finished && w->port->source != NULL)
        (void)snprintf(
            ret->failure, sizeof(ret->failure), "%s", capture_source_failure(w->port->source));
}

/* ---- sending ---- */

bool worker_send(struct worker *w, struct span frame) {
    if (w->port->send == NULL || !send_queue_put(w->port->send, frame)) {
        atomic_fetch_add_explicit(&w->send_dropped, 1, memory_order_relaxed);
        return false;
    }
    if (atomic_exchange(&w->sleeps_now, false))
        (void)eventfd_write(w->wake_fd, 1);
    return true;
}

/* ---- the loop ---- */

static size_t receive(struct worker *w, struct rte_mbuf **m) {
    size_t n = rte_eth_rx_burst(w->port->id, 0, m, PIPELINE_BURST_MAX);
    if (n > 0)
        port_received(w->port);
    return n;
}

static void sleep_until_frames(struct worker *w) {
    struct epoll_event e[2];
    eventfd_t count;
    w->sleeps++;
    bool soon = w->port->n_unsent > 0 || w->port->sleep == PORT_SLEEP_TIMED;
    int n = epoll_wait(w->epoll_fd, e, 2, soon ? 1 : IDLE_MS);
    if (n > 0)
        w->wakeups++;
    (void)eventfd_read(w->wake_fd, &count);
}

static void tell(struct worker *w) {
    if (!w->pushed)
        return;
    w->pushed = false;
    if (w->out_fd >= 0)
        (void)eventfd_write(w->out_fd, 1);
}

/* Work between two bursts: one batch, and whoever waited long enough. */
static void work(struct worker *w) {
    if (w->own_time)
        return; /* time stands still between frames */
    uint64_t its_us = ws_clock_now(w->clock).its_us;
    pipeline_tick(w->pipe, its_us);
    w->backlog = pipeline_work(w->pipe, its_us);
}

static void *loop(void *arg) {
    struct worker *w = arg;
    struct rte_mbuf *m[PIPELINE_BURST_MAX];
    (void)pthread_setname_np(pthread_self(), "ws-packet");
    bool registered = rte_thread_register() == 0;
    if (!registered)
        ws_log(
            WS_LOG_WARN, "pktio", "packet worker runs without a place in DPDK's list of threads");
    while (!atomic_load_explicit(&w->stop, memory_order_relaxed)) {
        bool sending = port_send(w->port);
        size_t n = receive(w, m);
        if (n == 0 && (sending || w->backlog)) {
            work(w);
            tell(w);
            continue;
        }
        if (n == 0) {
            (void)atomic_exchange(&w->sleeps_now, true);
            port_before_sleep(w->port);
            n = receive(w, m); /* what came before the other side knew that we sleep */
            if (n == 0 && !port_send(w->port)) {
                read_losses(w);
                publish(w);
                sleep_until_frames(w);
            }
            port_after_sleep(w->port);
            atomic_store(&w->sleeps_now, false);
            if (n == 0) {
                work(w);
                tell(w);
                continue;
            }
        }
        bool end = run_burst(w, m, n);
        port_freeing(w->port);
        rte_pktmbuf_free_bulk(m, (unsigned)n);
        port_freed(w->port);
        work(w);
        if (end)
            pipeline_finish(w->pipe, w->own_time ? w->its_us : ws_clock_now(w->clock).its_us);
        read_losses(w);
        publish(w);
        if (end)
            atomic_store_explicit(&w->finished, true, memory_order_release);
        w->pushed |= end;
        tell(w);
    }
    while (port_send(w->port))
        ;
    w->losses_read_us = 0;
    read_losses(w);
    publish(w);
    if (registered)
        rte_thread_unregister();
    return NULL;
}

/* ---- start and stop ---- */

static int watch(struct worker *w, int fd) {
    struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
    return epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, fd, &e);
}

static int launch(struct worker *w, struct ws_err *err) {
    w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (w->wake_fd < 0 || w->epoll_fd < 0 || watch(w, w->wake_fd) != 0 ||
        (w->port->sleep != PORT_SLEEP_TIMED && watch(w, w->port->ready_fd) != 0))
        return ws_fail(err, WS_EIO, "descriptors of a packet worker: %s", strerror(errno));
    int rc = pthread_create(&w->thread, NULL, loop, w);
    if (rc != 0)
        return ws_fail(err, WS_EIO, "a packet worker: %s", strerror(rc));
    w->running = true;
    return port_begin(w->port, err);
}

int worker_start(const struct port_config *port, const struct pipeline_config *pipe,
    const struct ws_clock *clock, struct ring *out, int out_fd, worker_verdict_fn verdict_fn,
    void *verdict_ctx, struct worker **ret_worker, struct ws_err *err) {
    struct port *p = NULL;
    int rc = port_open(port, clock, &p, err);
    if (rc != WS_OK)
        return rc;
    struct worker *w = ws_alloc(sizeof(*w));
    w->port = p;
    w->pipe = pipeline_new(pipe, push_out, w, verdict_fn, verdict_ctx);
    w->limits = pipe->limits;
    w->queued_max = pipeline_counters(w->pipe)->queued_max;
    w->waiting_max = pipeline_counters(w->pipe)->waiting_max;
    w->clock = clock;
    w->paced = port->kind == PORT_CAPTURE && port->paced;
    w->own_time = port->kind == PORT_CAPTURE && !port->paced;
    w->out = out;
    w->out_fd = out_fd;
    w->wake_fd = w->epoll_fd = -1;
    w->whole = ws_alloc(FRAME_MAX);
    rc = launch(w, err);
    if (rc != WS_OK) {
        worker_free(w);
        return rc;
    }
    *ret_worker = w;
    return WS_OK;
}

void worker_stop(struct worker *w) {
    if (!w->running)
        return;
    if (w->port->source != NULL)
        capture_source_stop(w->port->source);
    atomic_store(&w->stop, true);
    (void)eventfd_write(w->wake_fd, 1);
    (void)pthread_join(w->thread, NULL);
    w->running = false;
}

void worker_free(struct worker *w) {
    if (w == NULL)
        return;
    worker_stop(w);
    if (w->wake_fd >= 0)
        (void)close(w->wake_fd);
    if (w->epoll_fd >= 0)
        (void)close(w->epoll_fd);
    port_close(w->port);
    pipeline_free(w->pipe);
    free(w->whole);
    free(w);
}
