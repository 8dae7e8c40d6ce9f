#include "rsu/host/keeper.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/cond.h"
#include "base/fileio.h"
#include "base/log.h"
#include "base/mem.h"
#include "ledger/snapshot/make.h"
#include "ledger/snapshot/prune.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

enum { HOURS = 24, PATH = 4096 };
#define HOUR_US (UINT64_C(3600) * 1000000)

struct keeper {
    struct keeper_config cfg;
    char data[PATH - 64], folder[PATH];
    struct store *store;
    pthread_t thread;
    pthread_mutex_t lock; /* what follows, up to the next remark */
    pthread_cond_t wake;
    bool stop;
    struct store *view; /* of the height to be snapped; NULL: none waits */
    struct keeper_counters n;
    char why[256];
    /* (any) */
    atomic_uint_least64_t newest;
    atomic_bool busy, full;
    /* of the thread */
    uint64_t hour, hours[HOURS]; /* written octets by hour */
    uint64_t counted; /* of the process, last looked at */
    uint64_t compacted_to;
    uint64_t paced_us;
};

const char *keeper_state_name(enum keeper_state s) {
    static const char *const names[] = {
#define X(id, text) text,
        KEEPER_STATES(X)
#undef X
    };
    return names[s];
}

static uint64_t now_us(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void lock(struct keeper *k) {
    int rc = pthread_mutex_lock(&k->lock);
    WS_ASSERT(rc == 0);
}

static void unlock(struct keeper *k) {
    int rc = pthread_mutex_unlock(&k->lock);
    WS_ASSERT(rc == 0);
}

/* With the lock. False: it is time to end. */
static bool wait_us(struct keeper *k, uint64_t us) {
    uint64_t until = now_us() + us;
    struct timespec t = ws_clock_deadline(us);
    while (!k->stop && k->view == NULL && now_us() < until)
        (void)pthread_cond_timedwait(&k->wake, &k->lock, &t);
    return !k->stop;
}

/* ---- the disk ---- */

static uint64_t folder_octets(const char *path, int depth) {
    DIR *d = opendir(path);
    uint64_t sum = 0;
    if (d == NULL)
        return 0;
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        struct stat st;
        if (e->d_name[0] == '.' || fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue; /* files come and go under a running store */
        if (S_ISREG(st.st_mode))
            sum += (uint64_t)st.st_blocks * 512;
        if (S_ISDIR(st.st_mode) && depth > 0) {
            char sub[2 * PATH];
            (void)snprintf(sub, sizeof(sub), "%s/%s", path, e->d_name);
            sum += folder_octets(sub, depth - 1);
        }
    }
    (void)closedir(d);
    return sum;
}

/* What this process caused to be written to storage (proc(5), write_bytes): logs, store with its rewriting, snapshots and
 * recordings alike. */
static uint64_t process_written(void) {
    struct buf b = {0};
    uint64_t v = 0;
    if (file_read("/proc/self/io", 4096, &b, NULL) == WS_OK) {
        buf_u8(&b, 0);
        const char *at = strstr((const char *)b.p, "\nwrite_bytes: ");
        if (at != NULL)
            v = strtoull(at + strlen("\nwrite_bytes: "), NULL, 10);
    }
    buf_free(&b);
    return v;
}

static uint64_t wear_of_day(struct keeper *k) {
    uint64_t hour = now_us() / HOUR_US;
    for (; k->hour < hour; k->hour++)
        k->hours[(k->hour + 1) % HOURS] = 0;
    uint64_t all = process_written();
    k->hours[hour % HOURS] += all - k->counted;
    k->counted = all;
    uint64_t sum = 0;
    for (size_t i = 0; i < HOURS; i++)
        sum += k->hours[i];
    return sum;
}

static enum keeper_state judge(const struct keeper *k, const struct keeper_counters *n) {
    if (n->free_octets < k->cfg.reserve_octets)
        return KEEPER_FULL;
    if (k->cfg.budget_octets > 0 && n->data_octets > k->cfg.budget_octets)
        return KEEPER_BUDGET;
    if (k->cfg.wear_octets_day > 0 && n->written_day_octets > k->cfg.wear_octets_day)
        return KEEPER_WEAR;
    return KEEPER_GOOD;
}

static void look_at_disk(struct keeper *k) {
    struct keeper_counters n = {0};
    struct statvfs fs;
    n.data_octets = folder_octets(k->data, 2);
    n.free_octets = UINT64_MAX;
    if (statvfs(k->data, &fs) == 0)
        n.free_octets = (uint64_t)fs.f_bavail * fs.f_frsize;
    n.written_day_octets = wear_of_day(k);
    enum keeper_state state = judge(k, &n);
    lock(k);
    enum keeper_state before = k->n.state;
    k->n.state = state;
    k->n.data_octets = n.data_octets;
    k->n.free_octets = n.free_octets;
    k->n.written_octets = k->counted;
    k->n.written_day_octets = n.written_day_octets;
    if (state == KEEPER_FULL)
        (void)snprintf(k->why, sizeof(k->why),
            "the disk of %.100s has %llu octets free, fewer than disk.reserve_mb: stopping before "
            "a "
            "write is torn. Nothing is damaged: make room and start again",
            k->data, (unsigned long long)n.free_octets);
    unlock(k);
    if (state != before)
        ws_log(state == KEEPER_GOOD ? WS_LOG_INFO : WS_LOG_WARN, "keeper",
            "%s: %llu octets in %s, %llu free, %llu written in 24 hours", keeper_state_name(state),
            (unsigned long long)n.data_octets, k->data, (unsigned long long)n.free_octets,
            (unsigned long long)n.written_day_octets);
    if (state == KEEPER_FULL)
        atomic_store(&k->full, true);
}

/* ---- snapshots ---- */

/* Not faster than it may. */
static bool go_on(void *ctx, uint64_t octets) {
    struct keeper *k = ctx;
    k->paced_us += octets * 1000000 / k->cfg.snapshot_octets_s;
    uint64_t now = now_us();
    lock(k);
    bool more = !k->stop;
    if (more && k->paced_us > now)
        more = wait_us(k, k->paced_us - now);
    unlock(k);
    return more && !atomic_load(&k->full);
}

static void drop_old(struct keeper *k, unsigned keep) {
    uint64_t newest = 0;
    struct ws_err err = {0};
    if (snapshot_keep(k->folder, keep, &newest, &err) != WS_OK)
        ws_log(WS_LOG_WARN, "keeper", "%s", err.text);
    atomic_store(&k->newest, newest);
    lock(k);
    k->n.snapshot_height = newest;
    unlock(k);
}

static void make(struct keeper *k, struct store *view) {
    struct ws_err err = {0};
    struct manifest *m = ws_alloc(sizeof(*m));
    uint64_t begin = now_us();
    k->paced_us = begin;
    struct snapshot_make how = {.store = view, .folder = k->folder, .go_on = go_on, .ctx = k};
    int rc = snapshot_make(&how, m, &err);
    uint64_t octets = 0;
    for (size_t i = 0; rc == WS_OK && i < m->n; i++)
        octets += m->contract[i].octets;
    uint64_t height = m->last.height;
    free(m);
    lock(k);
    bool stopped = k->stop;
    k->n.snapshots_made += rc == WS_OK;
    k->n.snapshots_failed += rc != WS_OK && rc != WS_EEXIST && !stopped;
    if (rc == WS_OK) {
        k->n.snapshot_octets = octets;
        k->n.snapshot_us = now_us() - begin;
    }
    bool tight = k->n.state == KEEPER_BUDGET || k->n.state == KEEPER_FULL;
    unlock(k);
    if (rc == WS_OK)
        ws_log(WS_LOG_INFO, "keeper", "snapshot of height %llu: %llu octets of state",
            (unsigned long long)height, (unsigned long long)octets);
    else if (rc != WS_EEXIST && !stopped)
        ws_log(WS_LOG_WARN, "keeper", "no snapshot: %s", err.text);
    drop_old(k, tight ? 1 : k->cfg.snapshots);
}

static void give_back(struct keeper *k) {
    struct meta_pruned pruned;
    struct ws_err err = {0};
    if (meta_read_pruned(k->store, &pruned, &err) != WS_OK ||
        pruned.bodies_from < k->compacted_to + k->cfg.compact_heights)
        return;
    if (prune_compact(k->store, &pruned, &err) != WS_OK) {
        ws_log(WS_LOG_WARN, "keeper", "pruned space is not given back: %s", err.text);
        return;
    }
    k->compacted_to = pruned.bodies_from;
    lock(k);
    k->n.compactions++;
    unlock(k);
}

static void *run(void *ctx) {
    struct keeper *k = ctx;
    uint64_t due = 0;
    for (;;) {
        uint64_t now = now_us();
        if (now >= due) {
            look_at_disk(k);
            give_back(k);
            due = now_us() + k->cfg.check_us;
        }
        lock(k);
        now = now_us();
        bool more = wait_us(k, due > now ? due - now : 0);
        struct store *view = k->view;
        k->view = NULL;
        unlock(k);
        if (more && view != NULL)
            make(k, view);
        store_close(view);
        atomic_store(&k->busy, false);
        if (!more)
            return NULL;
    }
}

/* ---- outside ---- */

int keeper_open(const struct keeper_config *cfg, struct store *s, struct keeper **ret_keeper,
    struct ws_err *err) {
    WS_ASSERT(cfg->snapshot_octets_s > 0);
    struct keeper *k = ws_alloc(sizeof(*k));
    k->cfg = *cfg;
    k->store = s;
    (void)snprintf(k->data, sizeof(k->data), "%s", cfg->data);
    (void)snprintf(k->folder, sizeof(k->folder), "%s/snapshots", k->data);
    k->hour = now_us() / HOUR_US;
    k->counted = process_written();
    struct meta_pruned pruned = {1, 1};
    int rc = meta_read_pruned(s, &pruned, err);
    k->compacted_to = pruned.bodies_from;
    if (rc != WS_OK) {
        free(k);
        return rc;
    }
    (void)pthread_mutex_init(&k->lock, NULL);
    ws_cond_init(&k->wake);
    drop_old(k, k->cfg.snapshots);
    int bad = pthread_create(&k->thread, NULL, run, k);
    if (bad != 0) {
        rc = ws_fail(err, WS_EIO, "keeper: no thread: %s", strerror(bad));
        (void)pthread_mutex_destroy(&k->lock);
        (void)pthread_cond_destroy(&k->wake);
        free(k);
        return rc;
    }
    *ret_keeper = k;
    return WS_OK;
}

void keeper_close(struct keeper *k) {
    if (k == NULL)
        return;
    lock(k);
    k->stop = true;
    (void)pthread_cond_broadcast(&k->wake);
    unlock(k);
    (void)pthread_join(k->thread, NULL);
    store_close(k->view);
    (void)pthread_mutex_destroy(&k->lock);
    (void)pthread_cond_destroy(&k->wake);
    free(k);
}

void keeper_committed(struct keeper *k, uint64_t height) {
    uint64_t every = k->cfg.snapshot_blocks;
    /* The state of a height is committed to by the next header. */
    if (every == 0 || height < 2 || (height - 1) % every != 0)
        return;
    lock(k);
    /* Beyond the wear budget only the first is made: without any nobody can join. Beyond the disk budget they go on: what
     * is below the newest may be pruned, and nothing else gives space back. */
    bool skip = atomic_load(&k->busy) ||
                (k->n.state == KEEPER_WEAR && atomic_load(&k->newest) != 0) ||
                k->n.state == KEEPER_FULL;
    if (skip) {
        k->n.snapshots_skipped++;
    } else {
        atomic_store(&k->busy, true);
        k->view = store_view(k->store);
        (void)pthread_cond_signal(&k->wake);
    }
    unlock(k);
}

uint64_t keeper_newest(const struct keeper *k) {
    return atomic_load(&k->newest);
}

struct keeper_counters keeper_look(struct keeper *k) {
    lock(k);
    struct keeper_counters n = k->n;
    unlock(k);
    return n;
}

bool keeper_must_stop(struct keeper *k, const char **ret_why) {
    if (!atomic_load(&k->full))
        return false;
    *ret_why = k->why; /* complete before `full` is set */
    return true;
}
