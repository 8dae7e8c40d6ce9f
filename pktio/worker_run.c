/* What the threads of a worker do. The first one:
 *
 *   receive -> [more than one thread: by sender, own share or a sibling's ring] -> own pipeline -> send -> sleep
 *
 * A sibling: take from the ring -> pipeline -> sleep. Frames of one sender always meet the same pipeline, so its budget, its
 * certificate and the order of its messages are in one place. */
#include "pktio/worker_internal.h"

#include "base/log.h"
#include "pktio/idle.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

enum {
    LOSSES_EVERY_US = 100000,
    /* Taking frames is cheap and decides, by their class, which of them are worked on; so under load several bursts are
     * taken for each batch that is checked. But a capture waits, and is better late than shed. */
    BURSTS = 8,
};

static unsigned bursts_of(const struct worker *w) {
    return w->source != NULL ? 1 : BURSTS;
}

static void read_losses(struct worker *w) {
    uint64_t now = ws_clock_now(w->clock).mono_us;
    if (w->port == NULL || now - w->losses_read_us < LOSSES_EVERY_US)
        return;
    w->losses_read_us = now;
    w->port_missed = port_losses(w->port);
}

static void publish_all(struct strand *s) {
    strand_publish(s);
    worker_publish_losses(s->w);
}

/* ---- spreading ---- */

static bool is_end(const struct worker *w, struct rte_mbuf *m) {
    return w->port->kind == PORT_CAPTURE && ((struct frame_meta *)rte_mbuf_to_priv(m))->end != 0;
}

static void stamp(struct worker *w, struct rte_mbuf *const *m, size_t n, struct ws_now now) {
    if (w->port->kind == PORT_CAPTURE)
        return;
    for (size_t i = 0; i < n; i++) {
        *(struct frame_meta *)rte_mbuf_to_priv(m[i]) = (struct frame_meta){
            .stamp_ns = (uint64_t)its_to_unix_us(now.its_us) * 1000,
            .number = ++w->running_number,
            .original_octets = rte_pktmbuf_pkt_len(m[i]),
            .link = LINK_ETHERNET,
        };
    }
}

/* Salted, so that nobody can choose addresses that all meet one thread. */
static unsigned strand_of(const struct worker *w, struct rte_mbuf *m) {
    struct pkt_frame f = worker_frame_of(m);
    struct carrier c;
    (void)carrier_read(f.link, f.data, &c);
    uint64_t x = (c.source ^ w->pipe.salt) * UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 32)) * UINT64_C(0xd6e8feb86659fd93);
    return (unsigned)(((x >> 32) * w->n_strands) >> 32);
}

static void drop(struct worker *w, struct rte_mbuf *const *m, size_t n) {
    for (size_t i = 0; i < n; i++) {
        struct pkt_frame f = worker_frame_of(m[i]);
        w->handover_dropped++;
        w->handover_octets += f.data.n;
        if (w->verdict_fn != NULL)
            w->verdict_fn(
                w->verdict_ctx, &f, PKT_HANDOVER_FULL, pkt_verdict_text(PKT_HANDOVER_FULL));
    }
}

static void give_back(struct worker *w, struct rte_mbuf **m, size_t n) {
    if (n == 0)
        return;
    port_freeing(w->port);
    rte_pktmbuf_free_bulk(m, (unsigned)n);
    port_freed(w->port);
}

/* Their buffers are the sibling's from here on, but for those that found no room. */
static void hand(struct worker *w, struct strand *s, struct rte_mbuf **m, unsigned n) {
    unsigned put = (unsigned)ring_push_some(s->in, (void *const *)m, n);
    s->handed += put;
    if (put < n) {
        drop(w, m + put, n - put);
        give_back(w, m + put, n - put);
    }
    strand_wake(s);
}

/* Leaves the own share at the front of m; returns how many. */
static size_t spread(struct worker *w, struct rte_mbuf **m, size_t n) {
    struct rte_mbuf *share[WORKER_THREADS_MAX][PIPELINE_BURST_MAX];
    unsigned n_share[WORKER_THREADS_MAX] = {0};
    size_t own = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned at = strand_of(w, m[i]);
        if (at == 0)
            m[own++] = m[i];
        else
            share[at][n_share[at]++] = m[i];
    }
    for (unsigned i = 1; i < w->n_strands; i++) {
        if (n_share[i] > 0)
            hand(w, &w->strand[i], share[i], n_share[i]);
    }
    return own;
}

/* ---- the first ---- */

static size_t receive(struct worker *w, struct rte_mbuf **m) {
    size_t n = rte_eth_rx_burst(w->port->id, 0, m, PIPELINE_BURST_MAX);
    if (n > 0)
        port_received(w->port);
    return n;
}

/* True: the end marker was among them. It is the last frame of all. */
static bool run_burst(struct strand *s, struct rte_mbuf **m, size_t n) {
    struct worker *w = s->w;
    struct ws_now now = ws_clock_now(w->clock);
    bool end = n > 0 && is_end(w, m[n - 1]);
    w->frame_at_us = now.mono_us;
    if (end)
        give_back(w, &m[--n], 1);
    stamp(w, m, n, now);
    if (w->n_strands > 1)
        n = spread(w, m, n);
    strand_run(s, m, n, now);
    give_back(w, m, n);
    return end;
}

static bool run_bursts(struct strand *s, struct rte_mbuf **m, size_t n) {
    for (unsigned i = 0; n > 0; i++) {
        if (run_burst(s, m, n))
            return true;
        read_losses(s->w);
        worker_publish_losses(s->w); /* the pipeline's when the work is done */
        if (n < PIPELINE_BURST_MAX || i + 1 == bursts_of(s->w))
            break;
        n = receive(s->w, m);
    }
    return false;
}

/* Sleeps until a descriptor of ours fires or the time is over; true: something is wrong with the port's own. */
static bool sleep_on(struct strand *s, int port_fd, uint64_t us) {
    struct pollfd p[2] = {{.fd = s->wake_fd, .events = POLLIN}, {.fd = port_fd, .events = POLLIN}};
    struct timespec t = {(time_t)(us / 1000000), (long)(us % 1000000) * 1000};
    eventfd_t count;
    s->sleeps++;
    if (ppoll(p, port_fd < 0 ? 1 : 2, &t, NULL) > 0)
        s->wakeups++;
    (void)eventfd_read(s->wake_fd, &count);
    return port_fd >= 0 && (p[1].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0;
}

static bool ordered(struct worker *w) {
    return atomic_load(&w->want_stopped) != (atomic_load(&w->state) == WORKER_STOPPED);
}

static bool rest_by_ladder(struct strand *s) {
    struct worker *w = s->w;
    struct port *p = w->port;
    uint64_t now = ws_clock_now(w->clock).mono_us;
    struct idle_look look = {.told = p->sleep != PORT_SLEEP_TIMED,
        .unsent = p->n_unsent > 0,
        .quiet_us = now - w->frame_at_us};
    struct idle_rest r = idle_next(&look);
    if (r.step == IDLE_NAP && !w->naps_said) {
        w->naps_said = true;
        (void)prctl(PR_SET_TIMERSLACK, 1UL);
        ws_log(WS_LOG_INFO, "pktio",
            "port %s has neither a descriptor nor an interrupt to sleep on: it is looked at every "
            "0.1 to 0.9 ms",
            p->device);
    }
    return sleep_on(s, look.told ? p->ready_fd : -1, r.us);
}

/* Returns what came before the other side knew that we sleep; *ret_look: the port's descriptor complains. */
static size_t rest(struct strand *s, struct rte_mbuf **m, bool *ret_look) {
    struct worker *w = s->w;
    (void)atomic_exchange(&s->sleeps_now, true);
    port_before_sleep(w->port);
    size_t n = receive(w, m);
    if (n == 0 && !port_send(w->port) && !strand_has_lessons(s) && !ordered(w)) {
        read_losses(w);
        publish_all(s);
        *ret_look = rest_by_ladder(s);
    }
    port_after_sleep(w->port);
    atomic_store(&s->sleeps_now, false);
    return n;
}

/* The port is lost or stopped; those who wait for a certificate are still told when it is too late. */
static void rest_without_port(struct strand *s) {
    struct worker *w = s->w;
    strand_work(s);
    strand_tell(s);
    publish_all(s);
    (void)atomic_exchange(&s->sleeps_now, true);
    uint64_t now = ws_clock_now(w->clock).mono_us;
    bool stopped = atomic_load(&w->state) == WORKER_STOPPED;
    uint64_t left = w->open_at_us > now ? w->open_at_us - now : 0;
    uint64_t us = stopped || left > IDLE_WAIT_US ? IDLE_WAIT_US : left;
    if (!s->backlog && !ordered(w))
        (void)sleep_on(s, -1, us);
    atomic_store(&s->sleeps_now, false);
}

static bool all_ended(struct worker *w) {
    for (unsigned i = 1; i < w->n_strands; i++) {
        if (!atomic_load(&w->strand[i].ended))
            return false;
    }
    return true;
}

/* The capture was read to its end: the siblings finish what they have, then so do we. */
static void finish(struct strand *s) {
    struct worker *w = s->w;
    while (s->backlog)
        strand_work(s);
    for (unsigned i = 1; i < w->n_strands; i++) {
        atomic_store(&w->strand[i].ending, true);
        strand_wake(&w->strand[i]);
    }
    while (!all_ended(w) && !atomic_load_explicit(&w->stop, memory_order_relaxed))
        (void)usleep(200);
    strand_finish(s);
    read_losses(w);
    publish_all(s);
    if (all_ended(w))
        atomic_store_explicit(&w->finished, true, memory_order_release);
    s->pushed = true;
}

static bool begin(const char *name) {
    (void)pthread_setname_np(pthread_self(), name);
    bool registered = rte_thread_register() == 0;
    if (!registered)
        ws_log(
            WS_LOG_WARN, "pktio", "packet worker runs without a place in DPDK's list of threads");
    return registered;
}

void *worker_first(void *strand) {
    struct strand *s = strand;
    struct worker *w = s->w;
    struct rte_mbuf *m[PIPELINE_BURST_MAX];
    bool registered = begin("ws-packet");
    bool look = false;
    while (!atomic_load_explicit(&w->stop, memory_order_relaxed)) {
        if (!worker_attend(w, look)) {
            rest_without_port(s);
            continue;
        }
        look = false;
        bool sending = port_send(w->port);
        size_t n = receive(w, m);
        if (n == 0 && !sending && !s->backlog)
            n = rest(s, m, &look);
        bool end = run_bursts(s, m, n);
        strand_work(s);
        if (end)
            finish(s);
        else if (n > 0)
            publish_all(s);
        strand_tell(s);
    }
    while (w->port != NULL && port_send(w->port))
        ;
    strand_finish(s); /* a verdict for every frame that was taken */
    strand_tell(s);
    w->losses_read_us = 0;
    read_losses(w);
    publish_all(s);
    if (registered)
        rte_thread_unregister();
    return NULL;
}

/* ---- siblings ---- */

static size_t take(struct strand *s, struct rte_mbuf **m) {
    return ring_pop_some(s->in, (void **)m, PIPELINE_BURST_MAX);
}

static void sibling_rest(struct strand *s) {
    (void)atomic_exchange(&s->sleeps_now, true);
    if (ring_used(s->in) == 0 && !strand_has_lessons(s) &&
        atomic_load(&s->ending) == atomic_load(&s->ended)) {
        strand_publish(s);
        (void)sleep_on(s, -1, IDLE_WAIT_US);
    }
    atomic_store(&s->sleeps_now, false);
}

static void sibling_end(struct strand *s) {
    strand_finish(s);
    strand_publish(s);
    s->pushed = true;
    atomic_store(&s->ended, true);
}

void *worker_sibling(void *strand) {
    struct strand *s = strand;
    struct worker *w = s->w;
    struct rte_mbuf *m[PIPELINE_BURST_MAX];
    bool registered = begin("ws-packet+");
    while (!atomic_load_explicit(&w->stop, memory_order_relaxed)) {
        bool ending = atomic_load(&s->ending); /* before the look into the ring */
        size_t n = take(s, m);
        if (n == 0 && !s->backlog && ending && !atomic_load(&s->ended))
            sibling_end(s);
        else if (n == 0 && !s->backlog)
            sibling_rest(s);
        bool any = n > 0;
        for (unsigned i = 0; n > 0; i++) {
            size_t took = n;
            strand_run(s, m, took, ws_clock_now(w->clock));
            give_back(w, m, took);
            atomic_fetch_add_explicit(&s->returned, took, memory_order_release);
            n = took == PIPELINE_BURST_MAX && i + 1 < bursts_of(w) ? take(s, m) : 0;
        }
        strand_work(s);
        if (any)
            strand_publish(s);
        strand_tell(s);
    }
    strand_finish(s);
    strand_tell(s);
    strand_publish(s);
    if (registered)
        rte_thread_unregister();
    return NULL;
}
