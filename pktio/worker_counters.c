/* Figures of a worker: each thread publishes its own, readers sum them up without a lock. */
#include "pktio/worker_internal.h"

#include <stdio.h>

/* ---- the kernel's, as a row of numbers ---- */

/* In the order of the cells: by tier what was answered, built, evicted and is there, then the rest. */
static void verify_to_row(
    const struct verify_counters *n, uint64_t ret_row[static STRAND_VERIFY_CELLS]) {
    for (unsigned t = 0; t < VERIFY_TIERS; t++) {
        ret_row[t] = n->answered[t];
        ret_row[VERIFY_TIERS + t] = n->built[t];
        ret_row[2 * VERIFY_TIERS + t] = n->evicted[t];
        ret_row[3 * VERIFY_TIERS + t] = n->tables[t];
    }
    const uint64_t rest[] = {
        n->refused, n->exceptional, n->declined, n->build_failed, n->batches, n->table_octets};
    _Static_assert(ARRAY_LEN(rest) + 4 * VERIFY_TIERS == STRAND_VERIFY_CELLS, "no cell is left");
    memcpy(ret_row + 4 * (size_t)VERIFY_TIERS, rest, sizeof(rest));
}

static void verify_from_row(
    const uint64_t row[static STRAND_VERIFY_CELLS], struct verify_counters *ret) {
    for (unsigned t = 0; t < VERIFY_TIERS; t++) {
        ret->answered[t] = row[t];
        ret->built[t] = row[VERIFY_TIERS + t];
        ret->evicted[t] = row[2 * VERIFY_TIERS + t];
        ret->tables[t] = (size_t)row[3 * VERIFY_TIERS + t];
    }
    const uint64_t *rest = row + 4 * (size_t)VERIFY_TIERS;
    ret->refused = rest[0];
    ret->exceptional = rest[1];
    ret->declined = rest[2];
    ret->build_failed = rest[3];
    ret->batches = rest[4];
    ret->table_octets = (size_t)rest[5];
}

/* ---- publishing ---- */

static void set(struct strand *s, unsigned cell, uint64_t value) {
    atomic_store_explicit(&s->cell[cell], value, memory_order_relaxed);
}

void strand_publish(struct strand *s) {
    const struct pipeline_counters *n = pipeline_counters(s->pipe);
    struct verify_counters verify;
    uint64_t row[STRAND_VERIFY_CELLS];
    set(s, CELL_FRAMES, n->frames);
    set(s, CELL_OCTETS, n->octets);
    set(s, CELL_SIGNATURES, n->signatures);
    set(s, CELL_EVICTED, n->identities_evicted);
    set(s, CELL_CERTS, n->certs);
    set(s, CELL_SOURCES, n->sources);
    set(s, CELL_IDENTITIES, n->identities);
    set(s, CELL_QUEUED, n->queued);
    set(s, CELL_WAITING, n->waiting);
    set(s, CELL_WAKEUPS, s->wakeups);
    set(s, CELL_SLEEPS, s->sleeps);
    set(s, CELL_LATE, s->late_us_max);
    pipeline_verify_counters(s->pipe, &verify);
    verify_to_row(&verify, row);
    for (unsigned i = 0; i < STRAND_VERIFY_CELLS; i++)
        set(s, CELL_VERIFY + i, row[i]);
    for (unsigned v = 0; v < PKT_VERDICT_COUNT; v++)
        set(s, CELL_VERDICT + v, n->verdict[v]);
}

void worker_publish_losses(struct worker *w) {
    static const struct port_sent nothing;
    struct strand *s = &w->strand[0];
    const struct port_sent *n = w->port == NULL ? &nothing : &w->port->sent;
    set(s, CELL_KERNEL_RING, w->past.kernel_ring + (w->port == NULL ? 0 : w->port->kernel_ring));
    set(s, CELL_PORT_MISSED, w->past.missed + w->port_missed);
    set(s, CELL_SENT, w->past.sent + n->frames - n->refused);
    set(s, CELL_SENT_OCTETS, w->past.octets + n->octets);
    set(s, CELL_SEND_ERRORS, w->past.errors + n->errors + n->refused);
    set(s, CELL_HANDOVER_DROPPED, w->handover_dropped);
    set(s, CELL_HANDOVER_OCTETS, w->handover_octets);
}

/* ---- reading ---- */

static uint64_t at(struct strand *s, unsigned cell) {
    return atomic_load_explicit(&s->cell[cell], memory_order_relaxed);
}

static void add_strand(struct strand *s, struct worker_counters *to) {
    const struct pipeline_limits *l = &s->w->pipe.limits;
    struct pipeline_counters *p = &to->pipe;
    p->frames += at(s, CELL_FRAMES);
    p->octets += at(s, CELL_OCTETS);
    p->signatures += at(s, CELL_SIGNATURES);
    p->identities_evicted += at(s, CELL_EVICTED);
    p->certs += at(s, CELL_CERTS);
    p->certs_max += l->cert_slots;
    p->sources += at(s, CELL_SOURCES);
    p->sources_max += l->source_slots;
    p->identities += at(s, CELL_IDENTITIES);
    p->identities_max += s->w->pipe.window == NULL ? l->replay_slots : 0;
    p->queued += at(s, CELL_QUEUED);
    p->queued_max += s->queued_max;
    p->waiting += at(s, CELL_WAITING);
    p->waiting_max += s->waiting_max;
    for (unsigned v = 0; v < PKT_VERDICT_COUNT; v++)
        p->verdict[v] += at(s, CELL_VERDICT + v);
    to->wakeups += at(s, CELL_WAKEUPS);
    to->sleeps += at(s, CELL_SLEEPS);
    to->lessons_dropped += atomic_load_explicit(&s->lessons_dropped, memory_order_relaxed);
    uint64_t late = at(s, CELL_LATE);
    to->late_us_max = late > to->late_us_max ? late : to->late_us_max;
}

void worker_read_counters(struct worker *w, struct worker_counters *ret) {
    struct strand *first = &w->strand[0];
    /* First, so that whoever sees "finished" sees every frame counted. */
    bool finished = atomic_load_explicit(&w->finished, memory_order_acquire);
    *ret = (struct worker_counters){
        .kernel_ring = at(first, CELL_KERNEL_RING),
        .port_missed = at(first, CELL_PORT_MISSED),
        .handover_dropped = at(first, CELL_HANDOVER_DROPPED),
        .sent = at(first, CELL_SENT),
        .sent_octets = at(first, CELL_SENT_OCTETS),
        .send_dropped = atomic_load_explicit(&w->send_dropped, memory_order_relaxed),
        .send_errors = at(first, CELL_SEND_ERRORS),
        .stamp_jumps = w->source != NULL ? capture_source_jumps(w->source) : 0,
        .state = (enum worker_state)atomic_load(&w->state),
        .state_changes = atomic_load_explicit(&w->changes, memory_order_relaxed),
        .reopened = atomic_load_explicit(&w->opened, memory_order_relaxed),
        .reopen_failures = atomic_load_explicit(&w->open_failures, memory_order_relaxed),
        .finished = finished,
    };
    (void)pthread_mutex_lock(&w->trouble_lock);
    (void)snprintf(ret->trouble, sizeof(ret->trouble), "%s", w->trouble);
    (void)pthread_mutex_unlock(&w->trouble_lock);
    for (unsigned i = 0; i < w->n_strands; i++)
        add_strand(&w->strand[i], ret);
    if (w->own_window != NULL) {
        struct replay_window_counters n = replay_window_counters(w->own_window);
        ret->pipe.identities = n.used;
        ret->pipe.identities_max = n.slots;
        ret->pipe.identities_evicted = n.evicted;
    }
    ret->pipe.frames += ret->handover_dropped;
    ret->pipe.octets += at(first, CELL_HANDOVER_OCTETS);
    ret->pipe.verdict[PKT_HANDOVER_FULL] += ret->handover_dropped;
    if (finished && w->source != NULL)
        (void)snprintf(ret->failure, sizeof(ret->failure), "%s", capture_source_failure(w->source));
}

void worker_read_thread(struct worker *w, unsigned thread, struct worker_thread_counters *ret) {
    struct strand *s = &w->strand[thread];
    struct worker_counters own = {0};
    uint64_t row[STRAND_VERIFY_CELLS];
    add_strand(s, &own);
    *ret = (struct worker_thread_counters){
        .pipe = own.pipe, .wakeups = own.wakeups, .sleeps = own.sleeps, .verify = s->verify};
    for (unsigned i = 0; i < STRAND_VERIFY_CELLS; i++)
        row[i] = at(s, CELL_VERIFY + i);
    verify_from_row(row, &ret->verify);
}
