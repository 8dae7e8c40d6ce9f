/* From buffers through a pipeline to the consumer. */
#include "pktio/worker_internal.h"

#include "base/mem.h"

#include <sys/eventfd.h>
#include <unistd.h>

enum {
    VIRTUAL_STEP_US = 1000,
    FRAME_MAX = 65535,
    LESSONS = 256,
};

/* ---- hooks ---- */

static bool push_out(void *ctx, struct pkt_message *m) {
    struct strand *s = ctx;
    if (!ring_push(s->out, m))
        return false;
    s->pushed = true;
    return true;
}

void strand_wake(struct strand *s) {
    if (atomic_exchange(&s->sleeps_now, false))
        (void)eventfd_write(s->wake_fd, 1);
}

static void on_missing(void *ctx, const uint8_t id8[static 8], uint64_t its_us) {
    const struct pipeline_hooks *h = &((struct strand *)ctx)->w->pipe.hooks;
    h->missing(h->ctx, id8, its_us);
}

static void on_issuer_missing(void *ctx, const uint8_t id8[static 8], uint64_t its_us) {
    const struct pipeline_hooks *h = &((struct strand *)ctx)->w->pipe.hooks;
    h->issuer_missing(h->ctx, id8, its_us);
}

static void on_requested(void *ctx, struct span id3s, uint64_t its_us) {
    const struct pipeline_hooks *h = &((struct strand *)ctx)->w->pipe.hooks;
    h->requested(h->ctx, id3s, its_us);
}

static void on_offered(void *ctx, struct span cert, uint64_t its_us) {
    const struct pipeline_hooks *h = &((struct strand *)ctx)->w->pipe.hooks;
    h->offered(h->ctx, cert, its_us);
}

/* A sibling that sleeps is woken: messages may wait there for this very certificate, and its counters, which say whether any
 * do, may be older than the last of them. A certificate is proven once. */
static void on_proven(void *ctx, const struct pipeline_proven *c) {
    struct strand *s = ctx;
    struct worker *w = s->w;
    const struct pipeline_hooks *h = &w->pipe.hooks;
    if (h->proven != NULL)
        h->proven(h->ctx, c);
    for (unsigned i = 0; i < w->n_strands; i++) {
        struct strand *other = &w->strand[i];
        if (other == s)
            continue;
        if (!lessons_put(other->lessons, c))
            atomic_fetch_add_explicit(&other->lessons_dropped, 1, memory_order_relaxed);
        else
            strand_wake(other);
    }
}

void strand_open(struct strand *s) {
    struct worker *w = s->w;
    struct pipeline_config cfg = w->pipe;
    cfg.repeatable = cfg.repeatable || w->own_time;
    const struct pipeline_hooks *h = &w->pipe.hooks;
    bool siblings = w->n_strands > 1;
    cfg.hooks = (struct pipeline_hooks){
        .ctx = s,
        .missing = h->missing == NULL ? NULL : on_missing,
        .issuer_missing = h->issuer_missing == NULL ? NULL : on_issuer_missing,
        .requested = h->requested == NULL ? NULL : on_requested,
        .offered = h->offered == NULL ? NULL : on_offered,
        .proven = h->proven == NULL && !siblings ? NULL : on_proven,
    };
    s->pipe = pipeline_new(&cfg, push_out, s, w->verdict_fn, w->verdict_ctx);
    s->queued_max = pipeline_counters(s->pipe)->queued_max;
    s->waiting_max = pipeline_counters(s->pipe)->waiting_max;
    pipeline_verify_counters(s->pipe, &s->verify);
    s->lessons = siblings ? lessons_new(LESSONS) : NULL;
    s->whole = ws_alloc(FRAME_MAX);
}

bool strand_has_lessons(struct strand *s) {
    struct pipeline_proven c;
    return s->lessons != NULL && lessons_first(s->lessons, &c);
}

static void learn(struct strand *s, uint64_t its_us) {
    struct pipeline_proven c;
    while (s->lessons != NULL && lessons_first(s->lessons, &c)) {
        pipeline_learn(s->pipe, &c, its_us);
        lessons_drop(s->lessons);
    }
}

/* ---- frames ---- */

static uint64_t its_of_stamp(uint64_t stamp_ns) {
    return its_from_unix_us((int64_t)(stamp_ns / 1000));
}

/* Own time goes in steps, so that frames close together share a burst, and where the steps lie does not depend
 * on how they were received. */
static uint64_t own_time_of(const struct pkt_frame *f) {
    uint64_t its = its_of_stamp(f->stamp_ns);
    return its - its % VIRTUAL_STEP_US + VIRTUAL_STEP_US;
}

/* A capture that is read as fast as it goes waits for whoever takes its messages. */
static void wait_for_consumer(struct strand *s) {
    struct worker *w = s->w;
    while (ring_used(s->out) > w->pipe.limits.message_pool / 2 &&
           !atomic_load_explicit(&w->stop, memory_order_relaxed)) {
        strand_tell(s);
        (void)usleep(50);
    }
}

/* On its own time nothing is in a hurry: what is queued is taken up before the next burst comes, so nothing is shed, and
 * all is brought to its end before time moves on, so nothing grows old. */
static void run_group(struct strand *s, const struct pkt_frame *f, size_t n, uint64_t its_us) {
    bool own = s->w->own_time;
    while (own && its_us != s->its_us && pipeline_work(s->pipe, s->its_us))
        wait_for_consumer(s);
    if (!own || its_us != s->its_us)
        pipeline_tick(s->pipe, its_us);
    pipeline_take(s->pipe, f, n, its_us);
    if (own) {
        do {
            (void)pipeline_work(s->pipe, its_us);
            wait_for_consumer(s);
        } while (pipeline_counters(s->pipe)->queued > 0); /* also those whose certificate came */
    }
    s->its_us = its_us;
}

static void run_frames(struct strand *s, const struct pkt_frame *f, size_t n, struct ws_now now) {
    if (!s->w->own_time) {
        run_group(s, f, n, now.its_us);
        return;
    }
    for (size_t i = 0; i < n;) {
        uint64_t its = own_time_of(&f[i]);
        size_t k = i + 1;
        while (k < n && own_time_of(&f[k]) == its)
            k++;
        run_group(s, f + i, k - i, its);
        i = k;
    }
}

struct pkt_frame worker_frame_of(struct rte_mbuf *m) {
    const struct frame_meta *meta = rte_mbuf_to_priv(m);
    return (struct pkt_frame){
        .data = span_of(rte_pktmbuf_mtod(m, const uint8_t *), rte_pktmbuf_data_len(m)),
        .link = (enum frame_link)meta->link,
        .original_octets = meta->original_octets,
        .stamp_ns = meta->stamp_ns,
        .capture = meta->capture,
        .number = meta->number,
    };
}

static void note_lateness(struct strand *s, const struct pkt_frame *f, struct ws_now now) {
    uint64_t due = its_of_stamp(f->stamp_ns);
    if (s->w->paced && now.its_us > due && now.its_us - due > s->late_us_max)
        s->late_us_max = now.its_us - due;
}

static void run_long(struct strand *s, struct rte_mbuf *m, struct ws_now now) {
    struct pkt_frame f = worker_frame_of(m);
    size_t n = rte_pktmbuf_pkt_len(m);
    const void *p = rte_pktmbuf_read(m, 0, (uint32_t)n, s->whole);
    f.data = span_of(p, n);
    run_frames(s, &f, 1, now);
}

void strand_run(struct strand *s, struct rte_mbuf *const *m, size_t n, struct ws_now now) {
    struct pkt_frame f[PIPELINE_BURST_MAX];
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        f[k] = worker_frame_of(m[i]);
        note_lateness(s, &f[k], now);
        if (m[i]->nb_segs == 1) {
            k++;
            continue;
        }
        /* In several buffers: by itself, but in its place. */
        run_frames(s, f, k, now);
        run_long(s, m[i], now);
        k = 0;
    }
    run_frames(s, f, k, now);
}

void strand_work(struct strand *s) {
    if (s->w->own_time)
        return; /* time stands still between frames */
    uint64_t its_us = ws_clock_now(s->w->clock).its_us;
    learn(s, its_us);
    pipeline_tick(s->pipe, its_us);
    s->backlog = pipeline_work(s->pipe, its_us);
}

void strand_finish(struct strand *s) {
    uint64_t its_us = s->w->own_time ? s->its_us : ws_clock_now(s->w->clock).its_us;
    learn(s, its_us);
    pipeline_finish(s->pipe, its_us);
}

void strand_tell(struct strand *s) {
    if (!s->pushed)
        return;
    s->pushed = false;
    if (s->w->out_fd >= 0)
        (void)eventfd_write(s->w->out_fd, 1);
}
