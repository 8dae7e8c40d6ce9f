/* The parts of /metrics about each thread of the ports, and about recordings. */
#include "rsu/http/internal.h"
#include "rsu/http/prometheus.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

struct thread {
    char port[4], worker[4];
    struct worker_thread_counters n;
};

struct threads {
    struct metrics *m;
    struct thread *t;
    size_t n;
};

static struct threads read_threads(struct metrics *m, const struct http *h) {
    struct threads all = {.m = m};
    all.t = ws_calloc((size_t)CONFIG_PORTS_MAX * WORKER_THREADS_MAX, sizeof(*all.t));
    for (size_t i = 0; i < h->d->n_workers; i++) {
        for (unsigned k = 0; k < h->d->config->ports[i].workers; k++) {
            struct thread *t = &all.t[all.n++];
            (void)snprintf(t->port, sizeof(t->port), "%zu", i);
            (void)snprintf(t->worker, sizeof(t->worker), "%u", k);
            worker_read_thread(h->d->workers[i], k, &t->n);
        }
    }
    return all;
}

/* A family with one sample for each thread. */
#define THREAD_FAMILY(all, name, type, help, member)                                               \
    do {                                                                                           \
        metrics_family((all)->m, name, type, help);                                                \
        for (size_t i_ = 0; i_ < (all)->n; i_++)                                                   \
            metrics_value((all)->m, (uint64_t)(all)->t[i_].n.member, "port", (all)->t[i_].port,    \
                "worker", (all)->t[i_].worker, NULL);                                              \
    } while (0)

static const char *const tiers[VERIFY_TIERS] = {[VERIFY_REFERENCE] = "reference",
    [VERIFY_COLD] = "cold",
    [VERIFY_MID] = "mid",
    [VERIFY_FULL] = "full"};

/* The same for each tier from the given one on. */
#define TIER_FAMILY(all, first, name, type, help, member)                                          \
    do {                                                                                           \
        metrics_family((all)->m, name, type, help);                                                \
        for (size_t i_ = 0; i_ < (all)->n; i_++) {                                                 \
            for (unsigned tier_ = (first); tier_ < VERIFY_TIERS; tier_++)                          \
                metrics_value((all)->m, (uint64_t)(all)->t[i_].n.member[tier_], "port",            \
                    (all)->t[i_].port, "worker", (all)->t[i_].worker, "tier", tiers[tier_], NULL); \
        }                                                                                          \
    } while (0)

static void put_verify(const struct threads *all) {
    TIER_FAMILY(all, VERIFY_REFERENCE, "wayside_verify_answered_total", METRIC_COUNTER,
        "Signatures checked, by what was known of the signer", verify.answered);
    THREAD_FAMILY(all, "wayside_verify_refused_total", METRIC_COUNTER,
        "Signatures refused for their ranges alone", verify.refused);
    THREAD_FAMILY(all, "wayside_verify_exceptional_total", METRIC_COUNTER,
        "Signatures of a kind that only the reference decides", verify.exceptional);
    THREAD_FAMILY(all, "wayside_verify_declined_total", METRIC_COUNTER,
        "Of these, not checked because there were too many", verify.declined);
    THREAD_FAMILY(all, "wayside_verify_batches_total", METRIC_COUNTER,
        "Batches that signatures were checked in", verify.batches);
    TIER_FAMILY(all, VERIFY_MID, "wayside_verify_tables_built_total", METRIC_COUNTER,
        "Tables built for signers", verify.built);
    TIER_FAMILY(all, VERIFY_MID, "wayside_verify_tables_evicted_total", METRIC_COUNTER,
        "Tables that made room for others", verify.evicted);
    THREAD_FAMILY(all, "wayside_verify_build_failures_total", METRIC_COUNTER,
        "Keys that cannot have a table", verify.build_failed);
    TIER_FAMILY(
        all, VERIFY_MID, "wayside_verify_tables", METRIC_GAUGE, "Tables of signers", verify.tables);
    TIER_FAMILY(all, VERIFY_MID, "wayside_verify_tables_max", METRIC_GAUGE, "Their bounds",
        verify.tables_max);
    THREAD_FAMILY(all, "wayside_verify_table_octets", METRIC_GAUGE, "Octets of tables in use",
        verify.table_octets);
    THREAD_FAMILY(all, "wayside_verify_table_octets_max", METRIC_GAUGE,
        "Their bound: this thread's part of table_memory_mb", verify.table_octets_max);
    metrics_family(all->m, "wayside_verify_backend", METRIC_GAUGE,
        "How signatures are checked; the value is always 1");
    for (size_t i = 0; i < all->n; i++)
        metrics_value(all->m, 1, "port", all->t[i].port, "worker", all->t[i].worker, "backend",
            verify_backend_name(all->t[i].n.verify.backend), NULL);
}

void http_put_workers(struct metrics *m, const struct http *h) {
    struct threads all = read_threads(m, h);
    if (all.n > 0) {
        THREAD_FAMILY(&all, "wayside_worker_frames_total", METRIC_COUNTER,
            "Frames taken up by this thread", pipe.frames);
        THREAD_FAMILY(&all, "wayside_worker_wakeups_total", METRIC_COUNTER,
            "Times it woke on a descriptor", wakeups);
        THREAD_FAMILY(
            &all, "wayside_worker_sleeps_total", METRIC_COUNTER, "Times it went to sleep", sleeps);
        put_verify(&all);
    }
    free(all.t);
}

static void one(
    struct metrics *m, const char *name, enum metric_type type, const char *help, uint64_t value) {
    metrics_family(m, name, type, help);
    metrics_value(m, value, NULL);
}

void http_put_recorder(struct metrics *m, const struct http *h) {
    struct recorder_counters n = {0};
    if (h->d->recorder != NULL)
        recorder_read_counters(h->d->recorder, &n);
    one(m, "wayside_record_frames_total", METRIC_COUNTER, "Frames written to recordings", n.frames);
    one(m, "wayside_record_octets_total", METRIC_COUNTER, "Octets of these files", n.octets);
    metrics_family(m, "wayside_record_drops_total", METRIC_COUNTER,
        "Frames not recorded: no room in the queue, or on the disk");
    metrics_value(m, n.dropped_queue, "reason", "queue", NULL);
    metrics_value(m, n.dropped_disk, "reason", "disk", NULL);
    one(m, "wayside_record_files_total", METRIC_COUNTER, "Files begun", n.files);
    one(m, "wayside_record_deleted_total", METRIC_COUNTER,
        "Files deleted because there were enough of them", n.deleted);
    one(m, "wayside_record_queue_octets", METRIC_GAUGE, "Octets on their way to the disk",
        n.queued);
    one(m, "wayside_record_queue_octets_max", METRIC_GAUGE, "Its bound", n.queued_max);
    one(m, "wayside_record_stuck", METRIC_GAUGE,
        "1 while the disk takes nothing: no room, or it failed", n.stuck);
}
