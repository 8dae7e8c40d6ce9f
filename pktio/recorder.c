#include "pktio/recorder.h"

#include "base/cond.h"
#include "base/fileio.h"
#include "base/log.h"
#include "base/mem.h"
#include "pktio/backoff.h"
#include "pktio/capture.h"
#include "pktio/record_queue.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

enum {
    LOOK_EVERY_US = 100000,
    FLUSH_EVERY_US = 1000000,
    FLUSH_OCTETS = 1 << 17,
    NAME_MAX_OCTETS = 64,
    PREFIX_OCTETS = 8, /* "wayside-" */
    COMMENT_OCTETS = 512,
};

struct recording {
    unsigned number;
    uint64_t octets;
    char name[NAME_MAX_OCTETS];
};

struct recorder {
    struct recorder_config cfg;
    char *folder;
    struct record_queue *queue;
    pthread_t thread;
    pthread_mutex_t lock; /* of wake and closing */
    pthread_cond_t wake;
    bool closing, nudged;
    atomic_uint_fast64_t frames, octets, dropped_queue, dropped_disk, files, deleted;
    atomic_bool stuck;

    /* the thread's own */
    struct recording *kept; /* by number */
    size_t n_kept, cap_kept;
    uint64_t kept_octets;
    unsigned next_number;
    struct capture_writer *writer; /* NULL: none yet, or the disk takes nothing */
    char name[NAME_MAX_OCTETS]; /* of its file */
    uint64_t counted_octets, counted_frames; /* of its progress */
    uint64_t flushed_us, retry_us; /* monotonic */
    struct backoff backoff;
};

static uint64_t mono_now_us(void) {
    const struct ws_clock clock = {.kind = WS_CLOCK_SYSTEM};
    return ws_clock_now(&clock).mono_us;
}

static void path_of(const struct recorder *r, const char *name, char *dst, size_t size) {
    (void)snprintf(dst, size, "%s/%s", r->folder, name);
}

/* ---- files that are there ---- */

static void keep(struct recorder *r, const char *name, unsigned number, uint64_t octets) {
    if (r->n_kept == r->cap_kept) {
        r->cap_kept = r->cap_kept == 0 ? 64 : r->cap_kept * 2;
        r->kept = ws_realloc(r->kept, r->cap_kept * sizeof(*r->kept));
    }
    struct recording *k = &r->kept[r->n_kept++];
    *k = (struct recording){.number = number, .octets = octets};
    (void)snprintf(k->name, sizeof(k->name), "%s", name);
    r->kept_octets += octets;
    if (number >= r->next_number)
        r->next_number = number + 1;
}

/* "wayside-00000012-20260601T080000Z.pcapng", maybe with ".tmp.PID" behind it. False: another file. */
static bool is_recording(const char *name, unsigned *ret_number, size_t *ret_octets) {
    static const char form[] = "wayside-dddddddd-ddddddddTddddddZ.pcapng";
    size_t n = sizeof(form) - 1;
    if (strlen(name) < n)
        return false;
    for (size_t i = 0; i < n; i++) {
        bool digit = name[i] >= '0' && name[i] <= '9';
        if (i >= PREFIX_OCTETS && form[i] == 'd' ? !digit : form[i] != name[i])
            return false;
    }
    *ret_number = (unsigned)strtoul(name + PREFIX_OCTETS, NULL, 10);
    *ret_octets = n;
    return name[n] == '\0' || strncmp(name + n, ".tmp.", 5) == 0;
}

static int by_number(const void *a, const void *b) {
    unsigned x = ((const struct recording *)a)->number;
    unsigned y = ((const struct recording *)b)->number;
    return (x > y) - (x < y);
}

static int find_kept(struct recorder *r, struct ws_err *err) {
    DIR *dir = opendir(r->folder);
    if (dir == NULL)
        return ws_fail(err, WS_EIO, "%s: %s", r->folder, strerror(errno));
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        unsigned number = 0;
        size_t n = 0;
        struct stat st;
        char name[NAME_MAX_OCTETS];
        if (!is_recording(e->d_name, &number, &n) ||
            fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
            continue;
        (void)snprintf(name, sizeof(name), "%.*s", (int)n, e->d_name);
        /* Left by a process that was killed. */
        if (e->d_name[n] != '\0' && renameat(dirfd(dir), e->d_name, dirfd(dir), name) != 0)
            continue;
        keep(r, name, number, (uint64_t)st.st_size);
    }
    (void)closedir(dir);
    if (r->n_kept > 0)
        qsort(r->kept, r->n_kept, sizeof(*r->kept), by_number);
    return WS_OK;
}

/* Room for one more file. False, and why: one cannot be deleted; it stays on the list, and the bound stays one. */
static bool delete_oldest(struct recorder *r, char ret_why[static WS_ERR_TEXT]) {
    size_t n = 0;
    bool all = true;
    while (n < r->n_kept && (r->n_kept - n >= r->cfg.files ||
                                r->kept_octets + r->cfg.file_octets > r->cfg.total_octets)) {
        char path[4096];
        path_of(r, r->kept[n].name, path, sizeof(path));
        if (unlink(path) != 0 && errno != ENOENT) {
            (void)snprintf(ret_why, WS_ERR_TEXT, "%s: cannot be deleted: %s", r->kept[n].name,
                strerror(errno));
            all = false;
            break;
        }
        r->kept_octets -= r->kept[n].octets;
        atomic_fetch_add_explicit(&r->deleted, 1, memory_order_relaxed);
        n++;
    }
    r->n_kept -= n;
    if (n > 0)
        memmove(r->kept, r->kept + n, r->n_kept * sizeof(*r->kept));
    return all;
}

/* ---- writing ---- */

/* What became safe since the last look is counted as written, and what never will be as lost. */
static void count(struct recorder *r, bool final) {
    struct capture_progress p = capture_progress(r->writer);
    atomic_fetch_add_explicit(&r->frames, p.safe_frames - r->counted_frames, memory_order_relaxed);
    r->counted_frames = p.safe_frames;
    if (!p.failed) {
        atomic_fetch_add_explicit(&r->octets, p.octets - r->counted_octets, memory_order_relaxed);
        r->counted_octets = p.octets;
    }
    if (final)
        atomic_fetch_add_explicit(&r->dropped_disk, p.frames - p.safe_frames, memory_order_relaxed);
}

/* Said once until it goes on. */
static void get_stuck(struct recorder *r, const char *why) {
    if (!atomic_exchange(&r->stuck, true))
        ws_log(WS_LOG_WARN, "record", "recording pauses: %s", why);
    r->retry_us = mono_now_us() + backoff_next_us(&r->backoff);
}

static void end_file(struct recorder *r) {
    struct ws_err err = {0};
    if (r->writer == NULL)
        return;
    (void)capture_flush(r->writer);
    count(r, true);
    unsigned number = 0;
    size_t n = 0;
    bool any = r->counted_octets > 0 && is_recording(r->name, &number, &n);
    int rc = capture_keep(r->writer, &err);
    r->writer = NULL;
    if (rc != WS_OK)
        get_stuck(r, err.text);
    if (any)
        keep(r, r->name, number, r->counted_octets);
}

static bool has_room(struct recorder *r) {
    struct statvfs v;
    char why[WS_ERR_TEXT];
    if (r->cfg.reserve_octets == 0 || statvfs(r->folder, &v) != 0)
        return true;
    uint64_t left = (uint64_t)v.f_bavail * v.f_frsize;
    if (left >= r->cfg.reserve_octets)
        return true;
    (void)snprintf(why, sizeof(why), "%s: %" PRIu64 " MB left, %" PRIu64 " MB are kept free",
        r->folder, left >> 20, r->cfg.reserve_octets >> 20);
    end_file(r);
    get_stuck(r, why);
    return false;
}

static bool begin_file(struct recorder *r, uint64_t stamp_ns) {
    char path[4096];
    struct tm tm = {0};
    struct ws_err err = {0};
    time_t s = (time_t)(stamp_ns / 1000000000);
    if (mono_now_us() < r->retry_us || !has_room(r))
        return false;
    char why[WS_ERR_TEXT];
    if (!delete_oldest(r, why)) {
        get_stuck(r, why);
        return false;
    }
    (void)gmtime_r(&s, &tm);
    (void)snprintf(r->name, sizeof(r->name), "wayside-%08u-%04d%02d%02dT%02d%02d%02dZ.pcapng",
        r->next_number % 100000000, (tm.tm_year + 1900) % 10000, tm.tm_mon + 1, tm.tm_mday,
        tm.tm_hour, tm.tm_min, tm.tm_sec);
    path_of(r, r->name, path, sizeof(path));
    if (capture_create_annotated(path, 0600, &r->writer, &err) != WS_OK) {
        get_stuck(r, err.text);
        return false;
    }
    r->next_number++;
    r->counted_octets = r->counted_frames = 0;
    atomic_fetch_add_explicit(&r->files, 1, memory_order_relaxed);
    if (atomic_exchange(&r->stuck, false)) {
        ws_log(WS_LOG_INFO, "record", "recording goes on: %s", path);
    }
    return true;
}

static void flush(struct recorder *r, uint64_t now_us) {
    r->flushed_us = now_us;
    if (r->writer == NULL)
        return;
    if (!capture_flush(r->writer)) {
        end_file(r);
        return;
    }
    count(r, false);
    backoff_reset(&r->backoff);
    (void)has_room(r);
}

static void write_one(struct recorder *r, const struct record *d) {
    char comment[COMMENT_OCTETS];
    if (r->writer == NULL && !begin_file(r, d->frame.stamp_ns)) {
        atomic_fetch_add_explicit(&r->dropped_disk, 1, memory_order_relaxed);
        return;
    }
    (void)snprintf(comment, sizeof(comment), "%s%s%.*s", pkt_verdict_name(d->verdict),
        d->detail.n == 0 ? "" : ": ", (int)d->detail.n, (const char *)d->detail.p);
    capture_put_annotated(
        r->writer, &d->frame, d->port < r->cfg.n_ports ? r->cfg.ports[d->port] : NULL, comment);
    struct capture_progress p = capture_progress(r->writer);
    if (p.octets - r->counted_octets >= FLUSH_OCTETS || p.failed)
        flush(r, mono_now_us());
    if (r->writer != NULL && p.octets >= r->cfg.file_octets)
        end_file(r);
}

/* ---- the thread ---- */

/* Writes what waited long enough, and more while the queue is over half full. */
static void work(struct recorder *r, bool all) {
    uint64_t now = mono_now_us();
    struct record d;
    record_queue_look(r->queue, now);
    uint64_t came = now > r->cfg.hold_us ? now - r->cfg.hold_us : 0;
    while (record_queue_first(r->queue,
        all || record_queue_used(r->queue) > r->cfg.queue_octets / 2 ? UINT64_MAX : came, &d)) {
        write_one(r, &d);
        record_queue_drop(r->queue);
    }
    if (now - r->flushed_us >= FLUSH_EVERY_US)
        flush(r, now);
}

/* True: closing. */
static bool rest(struct recorder *r) {
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += LOOK_EVERY_US * 1000L;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    (void)pthread_mutex_lock(&r->lock);
    while (!r->closing && !r->nudged &&
           pthread_cond_timedwait(&r->wake, &r->lock, &until) != ETIMEDOUT)
        ;
    r->nudged = false;
    bool closing = r->closing;
    (void)pthread_mutex_unlock(&r->lock);
    return closing;
}

static void *run(void *arg) {
    struct recorder *r = arg;
    (void)pthread_setname_np(pthread_self(), "ws-record");
    while (!rest(r))
        work(r, false);
    r->retry_us = 0;
    work(r, true);
    end_file(r);
    return NULL;
}

void recorder_put(struct recorder *r, uint16_t port, const struct pkt_frame *f, enum pkt_verdict v,
    const char *detail) {
    if (!record_queue_put(r->queue, port, f, v, detail)) {
        atomic_fetch_add_explicit(&r->dropped_queue, 1, memory_order_relaxed);
        return;
    }
    if (record_queue_used(r->queue) <= r->cfg.queue_octets / 2)
        return;
    (void)pthread_mutex_lock(&r->lock);
    bool first = !r->nudged;
    r->nudged = true;
    (void)pthread_mutex_unlock(&r->lock);
    if (first)
        (void)pthread_cond_signal(&r->wake);
}

void recorder_read_counters(struct recorder *r, struct recorder_counters *ret) {
    *ret = (struct recorder_counters){
        .frames = atomic_load_explicit(&r->frames, memory_order_relaxed),
        .octets = atomic_load_explicit(&r->octets, memory_order_relaxed),
        .dropped_queue = atomic_load_explicit(&r->dropped_queue, memory_order_relaxed),
        .dropped_disk = atomic_load_explicit(&r->dropped_disk, memory_order_relaxed),
        .files = atomic_load_explicit(&r->files, memory_order_relaxed),
        .deleted = atomic_load_explicit(&r->deleted, memory_order_relaxed),
        .queued = record_queue_used(r->queue),
        .queued_max = r->cfg.queue_octets,
        .stuck = atomic_load(&r->stuck),
    };
}

/* ---- open and close ---- */

static void release(struct recorder *r) {
    record_queue_free(r->queue);
    (void)pthread_cond_destroy(&r->wake);
    (void)pthread_mutex_destroy(&r->lock);
    free(r->kept);
    free(r->folder);
    free(r);
}

int recorder_open(const struct recorder_config *cfg, struct recorder **ret, struct ws_err *err) {
    if (mkdir(cfg->folder, 0700) != 0 && errno != EEXIST)
        return ws_fail(err, WS_EIO, "%s: %s", cfg->folder, strerror(errno));
    struct recorder *r = ws_alloc(sizeof(*r));
    r->cfg = *cfg;
    r->folder = ws_strdup(cfg->folder);
    r->cfg.folder = r->folder;
    r->queue = record_queue_new(cfg->queue_octets);
    r->backoff.random = ws_random_seeded(1);
    (void)pthread_mutex_init(&r->lock, NULL);
    ws_cond_init(&r->wake);
    int rc = find_kept(r, err);
    if (rc == WS_OK) {
        char undeleted[WS_ERR_TEXT];
        (void)delete_oldest(r, undeleted); /* tried again, and said, before the first file */
        int why = pthread_create(&r->thread, NULL, run, r);
        if (why != 0)
            rc = ws_fail(err, WS_EIO, "the recorder: %s", strerror(why));
    }
    if (rc != WS_OK) {
        release(r);
        return rc;
    }
    *ret = r;
    return WS_OK;
}

void recorder_close(struct recorder *r) {
    if (r == NULL)
        return;
    (void)pthread_mutex_lock(&r->lock);
    r->closing = true;
    (void)pthread_mutex_unlock(&r->lock);
    (void)pthread_cond_signal(&r->wake);
    (void)pthread_join(r->thread, NULL);
    release(r);
}
