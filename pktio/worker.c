#include "pktio/worker_internal.h"

#include "base/mem.h"
#include "pktio/send_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

unsigned worker_threads(const struct worker *w) {
    return w->n_strands;
}

/* ---- sending ---- */

bool worker_send(struct worker *w, struct span frame) {
    if (w->send == NULL || !send_queue_put(w->send, frame)) {
        atomic_fetch_add_explicit(&w->send_dropped, 1, memory_order_relaxed);
        return false;
    }
    strand_wake(&w->strand[0]);
    return true;
}

/* ---- start and stop ---- */

static int open_strand(struct strand *s, struct ws_err *err) {
    s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->wake_fd < 0)
        return ws_fail(err, WS_EIO, "descriptors of a packet worker: %s", strerror(errno));
    strand_open(s);
    if (s->index == 0)
        return WS_OK;
    /* All buffers of a capture fit in, and nothing is lost. For an interface the ring is a short way to the pipeline, which
     * decides better than a full ring what is to go. */
    bool capture = s->w->port->kind == PORT_CAPTURE;
    s->in = ring_create(capture ? rte_align32pow2(s->w->port->pool->size) : PORT_HANDOVER_SLOTS);
    return WS_OK;
}

static int launch(struct worker *w, struct ws_err *err) {
    for (unsigned i = w->n_strands; i-- > 0;) {
        struct strand *s = &w->strand[i];
        int rc = pthread_create(&s->thread, NULL, i == 0 ? worker_first : worker_sibling, s);
        if (rc != 0)
            return ws_fail(err, WS_EIO, "a packet worker: %s", strerror(rc));
        s->running = true;
    }
    return WS_OK;
}

/* Captures are never opened again. */
static void keep_config(struct worker *w, const struct port_config *port) {
    w->cfg = *port;
    w->cfg.captures = NULL;
    w->cfg.n_captures = 0;
    if (port->interface != NULL)
        w->cfg.interface = w->names[0] = ws_strdup(port->interface);
    if (port->device != NULL)
        w->cfg.device = w->names[1] = ws_strdup(port->device);
}

static int check(const struct port_config *port, struct ws_err *err) {
    if (port->workers > WORKER_THREADS_MAX)
        return ws_fail(
            err, WS_EINPUT, "%u workers for a port: at most %d", port->workers, WORKER_THREADS_MAX);
    if (port->workers > 1 && port->kind == PORT_CAPTURE && !port->paced)
        return ws_fail(err, WS_EINPUT,
            "a capture that is not paced has one worker, so that it gives the same answer every "
            "time");
    return WS_OK;
}

int worker_start(const struct port_config *port, const struct pipeline_config *pipe,
    const struct ws_clock *clock, struct ring *const *out, int out_fd, worker_verdict_fn verdict_fn,
    void *verdict_ctx, struct worker **ret_worker, struct ws_err *err) {
    struct port *p = NULL;
    int rc = check(port, err);
    if (rc == WS_OK)
        rc = worker_open(port, clock, &p, err);
    if (rc != WS_OK)
        return rc;
    struct worker *w = ws_alloc(sizeof(*w));
    w->port = p;
    w->source = p->source;
    w->send = p->send;
    keep_config(w, port);
    (void)pthread_mutex_init(&w->trouble_lock, NULL);
    w->changes_said = (struct ws_log_limit){.burst = 20, .period_us = 60000000};
    w->backoff.random = ws_random_seeded(pipe->salt ^ p->id);
    w->pipe = *pipe;
    if (port->workers > 1 && pipe->window == NULL)
        w->pipe.window = w->own_window = replay_window_new(pipe->limits.replay_slots, pipe->salt);
    w->clock = clock;
    w->paced = port->kind == PORT_CAPTURE && port->paced;
    w->own_time = port->kind == PORT_CAPTURE && !port->paced;
    w->verdict_fn = verdict_fn;
    w->verdict_ctx = verdict_ctx;
    w->out_fd = out_fd;
    w->n_strands = port->workers == 0 ? 1 : port->workers;
    w->strand = ws_calloc(w->n_strands, sizeof(*w->strand));
    for (unsigned i = 0; i < w->n_strands; i++) {
        w->strand[i].w = w;
        w->strand[i].index = i;
        w->strand[i].wake_fd = -1;
        w->strand[i].out = out[i];
    }
    for (unsigned i = 0; i < w->n_strands && rc == WS_OK; i++)
        rc = open_strand(&w->strand[i], err);
    if (rc == WS_OK)
        rc = port_begin(p, err);
    if (rc == WS_OK)
        rc = launch(w, err);
    if (rc != WS_OK) {
        worker_free(w);
        return rc;
    }
    *ret_worker = w;
    return WS_OK;
}

void worker_stop(struct worker *w) {
    if (w->source != NULL)
        capture_source_stop(w->source);
    atomic_store(&w->stop, true);
    for (unsigned i = 0; i < w->n_strands; i++) {
        struct strand *s = &w->strand[i];
        if (!s->running)
            continue;
        (void)eventfd_write(s->wake_fd, 1);
        (void)pthread_join(s->thread, NULL);
        s->running = false;
    }
}

static void close_strand(struct strand *s) {
    struct rte_mbuf *m[PIPELINE_BURST_MAX];
    size_t n;
    while (s->in != NULL && (n = ring_pop_some(s->in, (void **)m, PIPELINE_BURST_MAX)) > 0)
        rte_pktmbuf_free_bulk(m, (unsigned)n);
    ring_destroy(s->in);
    if (s->wake_fd >= 0)
        (void)close(s->wake_fd);
}

void worker_free(struct worker *w) {
    if (w == NULL)
        return;
    worker_stop(w);
    for (unsigned i = 0; i < w->n_strands; i++)
        close_strand(&w->strand[i]);
    if (w->port != NULL)
        w->port->send = NULL;
    worker_close(w->port);
    send_queue_free(w->send);
    for (unsigned i = 0; i < w->n_strands; i++) {
        lessons_free(w->strand[i].lessons);
        pipeline_free(w->strand[i].pipe);
        free(w->strand[i].whole);
    }
    replay_window_free(w->own_window);
    (void)pthread_mutex_destroy(&w->trouble_lock);
    for (size_t i = 0; i < ARRAY_LEN(w->names); i++)
        free(w->names[i]);
    free(w->strand);
    free(w);
}
