/* Snapshot files while their chunks come in. */
#include "ledger/snapshot/file_internal.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "ledger/store/crc32c.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* So much at most waits in the page cache: the end must not be one long burst of writing. */
#define SYNC_EVERY (32U << 20)

struct snapshot_part {
    int fd;
    char *path; /* finished */
    char *temp;
    uint64_t size, synced;
    struct manifest manifest;
    size_t n, missing;
    uint64_t *offset; /* 0: not here */
    snapshot_point_fn point;
    void *point_ctx;
};

static int failed(const char *path, const char *doing, struct ws_err *err) {
    return ws_fail(err, WS_EIO, "%s: %s: %s", path, doing, strerror(errno));
}

static int at_point(struct snapshot_part *p, enum snapshot_point at, struct ws_err *err) {
    if (p->point == NULL || p->point(p->point_ctx, at))
        return WS_OK;
    return ws_fail(err, WS_EIO, "%s: failure ordered by a test", p->temp);
}

static int write_at(struct snapshot_part *p, struct span octets, struct ws_err *err) {
    while (octets.n > 0) {
        ssize_t put = pwrite(p->fd, octets.p, octets.n, (off_t)p->size);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return failed(p->temp, "writing", err);
        octets.p += put;
        octets.n -= (size_t)put;
        p->size += (uint64_t)put;
    }
    return WS_OK;
}

static int write_record(struct snapshot_part *p, struct span octets, struct ws_err *err) {
    uint8_t head[SNAPSHOT_HEAD_OCTETS];
    snapshot_head_encode(head, octets);
    size_t half = octets.n / 2;
    int rc = write_at(p, span_of(head, sizeof(head)), err);
    if (rc == WS_OK)
        rc = write_at(p, span_of(octets.p, half), err);
    if (rc == WS_OK)
        rc = at_point(p, SNAPSHOT_POINT_CHUNK_HALF, err);
    return rc == WS_OK ? write_at(p, span_of(octets.p + half, octets.n - half), err) : rc;
}

static int cut(struct snapshot_part *p, uint64_t size, struct ws_err *err) {
    if (ftruncate(p->fd, (off_t)size) != 0)
        return failed(p->temp, "cutting off a torn end", err);
    p->size = size;
    return WS_OK;
}

static int begin(struct snapshot_part *p, struct ws_err *err) {
    int rc = cut(p, 0, err);
    if (rc == WS_OK)
        rc = write_at(p, span_of(snapshot_magic, SNAPSHOT_START_OCTETS), err);
    struct buf b = {0};
    manifest_encode(&p->manifest, &b);
    if (rc == WS_OK)
        rc = write_record(p, buf_span(&b), err);
    buf_free(&b);
    return rc;
}

/* What is whole and true stays; from the first octet that is not, everything comes anew. */
static int take_up(struct snapshot_part *p, struct ws_err *err) {
    struct manifest *old = ws_alloc(sizeof(*old));
    uint64_t at = 0;
    int rc = snapshot_read_start(p->fd, p->temp, p->size, old, &at, NULL);
    hash32 theirs = {0};
    hash32 ours;
    if (rc == WS_OK)
        manifest_id(old, theirs);
    manifest_id(&p->manifest, ours);
    bool same = rc == WS_OK && memcmp(theirs, ours, 32) == 0;
    if (same)
        p->manifest = *old;
    free(old);
    if (!same)
        return rc == WS_EIO ? failed(p->temp, "reading", err) : begin(p, err);
    struct buf octets = {0};
    uint64_t next = at;
    while (at < p->size) {
        buf_clear(&octets);
        if (snapshot_record(p->fd, p->temp, at, p->size, CHUNK_OCTETS_MAX, &octets, &next, NULL) !=
            WS_OK)
            break;
        struct chunk c;
        bool good = chunk_open(&p->manifest, buf_span(&octets), &c, NULL) == WS_OK;
        size_t i = good ? manifest_chunk_of(&p->manifest, c.contract, c.prefix) : 0;
        chunk_entries_free(&c.entries);
        if (!good)
            break;
        p->missing -= p->offset[i] == 0;
        p->offset[i] = at;
        at = next;
    }
    buf_free(&octets);
    return at < p->size ? cut(p, at, err) : WS_OK;
}

static int open_temp(struct snapshot_part *p, struct ws_err *err) {
    p->fd = open(p->temp, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (p->fd < 0)
        return failed(p->temp, "opening", err);
    if (flock(p->fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK
                   ? ws_fail(err, WS_EBUSY, "%s: in use by another process", p->temp)
                   : failed(p->temp, "locking", err);
    struct stat st;
    if (fstat(p->fd, &st) != 0)
        return failed(p->temp, "opening", err);
    p->size = (uint64_t)st.st_size;
    return p->size == 0 ? begin(p, err) : take_up(p, err);
}

int snapshot_part_open(const char *path, const struct manifest *m, struct snapshot_part **ret_part,
    struct ws_err *err) {
    struct snapshot_part *p = ws_alloc(sizeof(*p));
    size_t octets = strlen(path) + sizeof(".part");
    p->path = ws_strdup(path);
    p->temp = ws_alloc(octets);
    (void)snprintf(p->temp, octets, "%s.part", path);
    p->manifest = *m;
    p->n = manifest_chunks(m);
    p->missing = p->n;
    p->offset = ws_calloc(p->n, sizeof(*p->offset));
    int rc = open_temp(p, err);
    if (rc != WS_OK) {
        snapshot_part_close(p, true);
        return rc;
    }
    p->synced = p->size;
    *ret_part = p;
    return WS_OK;
}

const struct manifest *snapshot_part_manifest(const struct snapshot_part *p) {
    return &p->manifest;
}

bool snapshot_part_has(const struct snapshot_part *p, size_t chunk) {
    return chunk < p->n && p->offset[chunk] != 0;
}

size_t snapshot_part_missing(const struct snapshot_part *p) {
    return p->missing;
}

int snapshot_part_put(
    struct snapshot_part *p, size_t chunk, struct span octets, struct ws_err *err) {
    WS_ASSERT(chunk < p->n);
    WS_ASSERT(octets.n <= CHUNK_OCTETS_MAX);
    if (p->offset[chunk] != 0)
        return WS_OK;
    uint64_t at = p->size;
    int rc = at_point(p, SNAPSHOT_POINT_CHUNK, err);
    if (rc == WS_OK)
        rc = write_record(p, octets, err);
    if (rc == WS_OK && p->size - p->synced >= SYNC_EVERY) {
        rc = fdatasync(p->fd) == 0 ? WS_OK : failed(p->temp, "syncing", err);
        p->synced = p->size;
    }
    if (rc != WS_OK)
        return rc;
    p->offset[chunk] = at;
    p->missing--;
    return WS_OK;
}

int snapshot_part_take(
    struct snapshot_part *p, struct span octets, size_t *ret_chunk, struct ws_err *err) {
    struct chunk c;
    int rc = chunk_open(&p->manifest, octets, &c, err);
    size_t i = rc == WS_OK ? manifest_chunk_of(&p->manifest, c.contract, c.prefix) : 0;
    chunk_entries_free(&c.entries);
    if (rc != WS_OK)
        return rc;
    if (ret_chunk != NULL)
        *ret_chunk = i;
    return snapshot_part_put(p, i, octets, err);
}

static int write_end(struct snapshot_part *p, struct ws_err *err) {
    struct buf b = {0};
    for (size_t i = 0; i < p->n; i++)
        buf_u64(&b, p->offset[i]);
    buf_u32(&b, (uint32_t)p->n);
    buf_u32(&b, crc32c(0, b.p, b.n));
    buf_put(&b, snapshot_end, sizeof(snapshot_end));
    int rc = write_at(p, buf_span(&b), err);
    buf_free(&b);
    return rc;
}

static int sync_folder(const char *path, struct ws_err *err) {
    char *dir = ws_strdup(path);
    char *slash = strrchr(dir, '/');
    if (slash != NULL)
        slash[slash == dir ? 1 : 0] = '\0';
    int fd = open(slash == NULL ? "." : dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd >= 0 && fsync(fd) == 0 ? WS_OK : failed(dir, "syncing the folder", err);
    if (fd >= 0)
        (void)close(fd);
    free(dir);
    return rc;
}

int snapshot_part_finish(struct snapshot_part *p, struct ws_err *err) {
    WS_ASSERT(p->missing == 0);
    uint64_t before = p->size;
    int rc = at_point(p, SNAPSHOT_POINT_END, err);
    if (rc == WS_OK)
        rc = write_end(p, err);
    if (rc == WS_OK)
        rc = at_point(p, SNAPSHOT_POINT_SYNC, err);
    if (rc == WS_OK && fsync(p->fd) != 0)
        rc = failed(p->temp, "syncing", err);
    if (rc == WS_OK)
        rc = at_point(p, SNAPSHOT_POINT_RENAME, err);
    if (rc == WS_OK && rename(p->temp, p->path) != 0)
        rc = failed(p->path, "renaming the finished file", err);
    if (rc != WS_OK) {
        (void)cut(p, before, NULL); /* so that a second call finds what the first one found */
        return rc;
    }
    rc = at_point(p, SNAPSHOT_POINT_RENAMED, err);
    if (rc == WS_OK)
        rc = sync_folder(p->path, err);
    if (rc == WS_OK)
        rc = at_point(p, SNAPSHOT_POINT_DONE, err);
    if (rc == WS_OK)
        snapshot_part_close(p, true);
    return rc;
}

void snapshot_part_close(struct snapshot_part *p, bool keep) {
    if (p == NULL)
        return;
    if (!keep)
        (void)unlink(p->temp);
    if (p->fd >= 0)
        (void)close(p->fd);
    free(p->offset);
    free(p->path);
    free(p->temp);
    free(p);
}

void snapshot_part_on_point(struct snapshot_part *p, snapshot_point_fn fn, void *ctx) {
    p->point = fn;
    p->point_ctx = ctx;
}
