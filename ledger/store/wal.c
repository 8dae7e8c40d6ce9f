/* One implementation over a small sink: a file, or memory for replay and simulation. */
#include "ledger/store/wal.h"

#include "base/assert.h"
#include "base/fileio.h"
#include "base/mem.h"
#include "ledger/store/crc32c.h"
#include "ledger/store/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FRONT = 9 }; /* length 4, type 1, checksum 4 */

struct wal {
    char *path; /* NULL: in memory */
    int fd;
    struct buf memory;
    size_t synced; /* memory: octets that would survive */
    uint64_t octets;
    bool dirty, broken;
    bool failing;
    uint64_t syncs_left;
};

static uint32_t checksum(uint8_t type, struct span payload) {
    return crc32c(crc32c(0, span_of(&type, 1)), payload);
}

/* Length of the sound prefix of the log; *ret_damaged when what follows is no torn tail but damage: a record that
 * is whole and wrong, with more after it. */
static size_t sound_prefix(struct span log, bool *ret_damaged) {
    size_t at = 0;
    *ret_damaged = false;
    while (log.n - at >= FRONT) {
        const uint8_t *p = log.p + at;
        size_t n = be32(p);
        if (n > WAL_RECORD_MAX || n > log.n - at - FRONT) {
            /* A length that points beyond the end is what a torn write leaves; so is a length that was never written. */
            *ret_damaged = n > WAL_RECORD_MAX && n != 0;
            break;
        }
        if (be32(p + 5) != checksum(p[4], span_of(p + FRONT, n))) {
            *ret_damaged = at + FRONT + n < log.n;
            break;
        }
        at += FRONT + n;
    }
    return at;
}

static int sync_folder(const char *path) {
    char dir[PATH_MAX];
    (void)snprintf(dir, sizeof(dir), "%s", path);
    char *slash = strrchr(dir, '/');
    if (slash == NULL)
        (void)snprintf(dir, sizeof(dir), ".");
    else
        slash[slash == dir ? 1 : 0] = '\0';
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : fsync(fd);
    if (fd >= 0)
        (void)close(fd);
    return rc;
}

int wal_open_file(const char *path, struct wal **ret_wal, uint64_t *ret_cut, struct ws_err *err) {
    struct buf log = {0};
    int rc = file_read(path, SIZE_MAX / 2, &log, err);
    if (rc != WS_OK && rc != WS_ENOTFOUND)
        return rc;
    bool damaged = false;
    size_t sound = sound_prefix(buf_span(&log), &damaged);
    uint64_t cut = log.n - sound;
    buf_free(&log);
    if (damaged)
        return ws_fail(err, WS_EIO,
            "%s: damaged at octet %zu; blocks in the store are safe; move the log away to start "
            "without it, but "
            "only if this validator's key signs nowhere else and the cell has passed this height",
            path, sound);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_APPEND, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)sound) != 0 || fdatasync(fd) != 0 ||
        sync_folder(path) != 0) {
        int why = errno;
        if (fd >= 0)
            (void)close(fd);
        return ws_fail(err, WS_EIO, "%s: %s", path, strerror(why));
    }
    struct wal *w = ws_alloc(sizeof(*w));
    *w = (struct wal){.path = ws_strdup(path), .fd = fd, .octets = sound};
    if (ret_cut != NULL)
        *ret_cut = cut;
    *ret_wal = w;
    return WS_OK;
}

struct wal *wal_open_memory(void) {
    struct wal *w = ws_alloc(sizeof(*w));
    w->fd = -1;
    return w;
}

void wal_close(struct wal *w) {
    if (w == NULL)
        return;
    if (w->fd >= 0)
        (void)close(w->fd);
    free(w->path);
    buf_free(&w->memory);
    free(w);
}

int wal_replay(struct wal *w, wal_each_fn fn, void *ctx, struct ws_err *err) {
    struct buf log = {0};
    if (w->path == NULL)
        buf_put(&log, w->memory.p, w->memory.n);
    else if (file_read(w->path, SIZE_MAX / 2, &log, err) != WS_OK)
        return WS_EIO;
    int rc = WS_OK;
    for (size_t at = 0; rc == WS_OK && log.n - at >= FRONT;) {
        const uint8_t *p = log.p + at;
        size_t n = be32(p);
        WS_ASSERT(n <= log.n - at - FRONT); /* opening has cut and checked it */
        rc = fn(ctx, p[4], span_of(p + FRONT, n), err);
        at += FRONT + n;
    }
    buf_free(&log);
    return rc;
}

static int latch(struct wal *w, const char *what, struct ws_err *err) {
    w->broken = true;
    return ws_fail(err, WS_EIO, "%s: %s: %s", w->path == NULL ? "log" : w->path, what,
        w->path == NULL ? "injected" : strerror(errno));
}

int wal_append(struct wal *w, uint8_t type, struct span payload, struct ws_err *err) {
    WS_ASSERT(payload.n <= WAL_RECORD_MAX);
    if (w->broken)
        return ws_fail(err, WS_EIO, "the log failed before and takes nothing more");
    struct buf record = {0};
    buf_u32(&record, (uint32_t)payload.n);
    buf_u8(&record, type);
    buf_u32(&record, checksum(type, payload));
    buf_put(&record, payload.p, payload.n);
    int rc = WS_OK;
    if (w->path == NULL) {
        buf_put(&w->memory, record.p, record.n);
    } else {
        for (size_t at = 0; at < record.n && rc == WS_OK;) {
            ssize_t put = write(w->fd, record.p + at, record.n - at);
            if (put < 0 && errno == EINTR)
                continue;
            if (put < 0)
                rc = latch(w, "write", err);
            else
                at += (size_t)put;
        }
    }
    w->octets += record.n;
    w->dirty = true;
    buf_free(&record);
    return rc;
}

int wal_sync(struct wal *w, struct ws_err *err) {
    if (w->broken)
        return ws_fail(err, WS_EIO, "the log failed before and takes nothing more");
    if (!w->dirty)
        return WS_OK;
    if (w->path == NULL) {
        if (w->failing && w->syncs_left == 0)
            return latch(w, "sync", err);
        w->syncs_left -= w->failing ? 1 : 0;
        w->synced = w->memory.n;
    } else if (fdatasync(w->fd) != 0) {
        /* The kernel may have dropped the pages: what is on the disk is unknown from here on. */
        return latch(w, "fdatasync", err);
    }
    w->dirty = false;
    return WS_OK;
}

/* The block is durable, so nothing in the log is needed; cutting the file to nothing is atomic enough: a crash leaves
 * the old records, which name a height that the store has passed, or none. */
int wal_restart(struct wal *w, struct ws_err *err) {
    if (w->broken)
        return ws_fail(err, WS_EIO, "the log failed before and takes nothing more");
    if (w->path == NULL) {
        buf_clear(&w->memory);
        w->synced = 0;
    } else if (ftruncate(w->fd, 0) != 0) {
        return latch(w, "truncate", err);
    }
    w->octets = 0;
    w->dirty = true; /* the cut itself is synced with the next signature */
    return WS_OK;
}

uint64_t wal_octets(const struct wal *w) {
    return w->octets;
}

void wal_memory_lose_unsynced(struct wal *w) {
    w->memory.n = w->synced;
    w->octets = w->synced;
}

void wal_memory_fail_after(struct wal *w, uint64_t syncs) {
    w->failing = true;
    w->syncs_left = syncs;
}
