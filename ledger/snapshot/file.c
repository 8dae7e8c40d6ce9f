/* Finished snapshot files. */
#include "ledger/snapshot/file_internal.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/store/crc32c.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Name, and the version of the layout in the last octet. */
const uint8_t snapshot_magic[SNAPSHOT_START_OCTETS] = {'W', 'S', 'S', 'N', 'A', 'P', 0, 1};
const uint8_t snapshot_end[8] = {'W', 'S', 'N', 'A', 'P', 'E', 'N', 'D'};

struct snapshot {
    int fd;
    char *path;
    uint64_t size, chunks_end; /* where the offsets begin */
    struct manifest manifest;
    size_t n;
    uint64_t *offset;
};

int snapshot_read_at(
    int fd, const char *path, uint64_t at, void *dst, size_t n, struct ws_err *err) {
    uint8_t *to = dst;
    while (n > 0) {
        ssize_t got = pread(fd, to, n, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return ws_fail(err, WS_EIO, "%s: reading at offset %llu: %s", path,
                (unsigned long long)at, strerror(errno));
        if (got == 0)
            return ws_fail(err, WS_EINPUT, "%s: ends at offset %llu", path, (unsigned long long)at);
        to += got;
        at += (uint64_t)got;
        n -= (size_t)got;
    }
    return WS_OK;
}

void snapshot_head_encode(uint8_t dst[static SNAPSHOT_HEAD_OCTETS], struct span octets) {
    put_be32(dst, (uint32_t)octets.n);
    put_be32(dst + 4, crc32c(crc32c(0, dst, 4), octets.p, octets.n));
}

static int damaged(const char *path, uint64_t at, const char *what, struct ws_err *err) {
    return ws_fail(
        err, WS_EINPUT, "%s: damaged at offset %llu: %s", path, (unsigned long long)at, what);
}

int snapshot_record(int fd, const char *path, uint64_t at, uint64_t size, size_t max,
    struct buf *ret_octets, uint64_t *ret_next, struct ws_err *err) {
    uint8_t head[SNAPSHOT_HEAD_OCTETS];
    if (at > size || size - at < sizeof(head))
        return damaged(path, at, "no record begins here", err);
    int rc = snapshot_read_at(fd, path, at, head, sizeof(head), err);
    if (rc != WS_OK)
        return rc;
    uint32_t n = be32(head);
    if (n > max || n > size - at - sizeof(head))
        return damaged(path, at, "the record's length is wrong", err);
    size_t before = ret_octets->n;
    uint8_t *to = buf_grow(ret_octets, n);
    rc = snapshot_read_at(fd, path, at + sizeof(head), to, n, err);
    if (rc == WS_OK && crc32c(crc32c(0, head, 4), to, n) != be32(head + 4))
        rc = damaged(path, at, "the record's checksum is wrong", err);
    if (rc != WS_OK)
        ret_octets->n = before;
    else
        *ret_next = at + sizeof(head) + n;
    return rc;
}

int snapshot_read_start(int fd, const char *path, uint64_t size, struct manifest *ret_manifest,
    uint64_t *ret_next, struct ws_err *err) {
    uint8_t start[SNAPSHOT_START_OCTETS];
    if (size < sizeof(start))
        return ws_fail(
            err, WS_EINPUT, "%s: not a snapshot: only %llu octets", path, (unsigned long long)size);
    int rc = snapshot_read_at(fd, path, 0, start, sizeof(start), err);
    if (rc != WS_OK)
        return rc;
    if (memcmp(start, snapshot_magic, sizeof(start) - 1) != 0)
        return ws_fail(err, WS_EINPUT, "%s: not a snapshot", path);
    if (start[7] != snapshot_magic[7])
        return ws_fail(err, WS_ENOTSUP, "%s: version %u of snapshots is not read by this program",
            path, (unsigned)start[7]);
    struct buf octets = {0};
    rc =
        snapshot_record(fd, path, sizeof(start), size, MANIFEST_OCTETS_MAX, &octets, ret_next, err);
    if (rc == WS_OK && manifest_decode(buf_span(&octets), ret_manifest, err) != WS_OK)
        rc = ws_fail_in(err, "%s", path);
    buf_free(&octets);
    return rc;
}

/* The offsets at the end, each of which must lie among the records. */
static int read_end(struct snapshot *s, uint64_t first, struct ws_err *err) {
    uint8_t tail[SNAPSHOT_TAIL_OCTETS];
    s->n = manifest_chunks(&s->manifest);
    uint64_t octets = (uint64_t)s->n * 8 + sizeof(tail);
    if (s->size < first || s->size - first < octets)
        return ws_fail(err, WS_EINPUT, "%s: cut off: %llu octets have no room for its %zu chunks",
            s->path, (unsigned long long)s->size, s->n);
    uint64_t at = s->size - sizeof(tail);
    int rc = snapshot_read_at(s->fd, s->path, at, tail, sizeof(tail), err);
    if (rc != WS_OK)
        return rc;
    if (memcmp(tail + 8, snapshot_end, 8) != 0)
        return damaged(s->path, at, "no end of a snapshot (cut off?)", err);
    if (be32(tail) != s->n)
        return damaged(s->path, at, "another number of chunks than in the manifest", err);
    s->chunks_end = s->size - octets;
    uint8_t *table = ws_alloc(s->n * 8);
    rc = snapshot_read_at(s->fd, s->path, s->chunks_end, table, s->n * 8, err);
    if (rc == WS_OK && crc32c(crc32c(0, table, s->n * 8), tail, 4) != be32(tail + 4))
        rc = damaged(s->path, s->chunks_end, "the checksum of the chunks' places is wrong", err);
    s->offset = ws_calloc(s->n, sizeof(*s->offset));
    for (size_t i = 0; i < s->n && rc == WS_OK; i++) {
        s->offset[i] = be64(table + i * 8);
        if (s->offset[i] < first || s->offset[i] >= s->chunks_end)
            rc = damaged(s->path, s->chunks_end + i * 8, "a chunk's place is outside", err);
    }
    free(table);
    return rc;
}

int snapshot_open(const char *path, struct snapshot **ret_snapshot, struct ws_err *err) {
    struct snapshot *s = ws_alloc(sizeof(*s));
    s->path = ws_strdup(path);
    s->fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc = WS_OK;
    struct stat st = {0};
    if (s->fd < 0 || fstat(s->fd, &st) != 0)
        rc = ws_fail(err, errno == ENOENT ? WS_ENOTFOUND : WS_EIO, "%s: %s", path, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        rc = ws_fail(err, WS_EINPUT, "%s: not a regular file", path);
    uint64_t first = 0;
    if (rc == WS_OK) {
        s->size = (uint64_t)st.st_size;
        rc = snapshot_read_start(s->fd, path, s->size, &s->manifest, &first, err);
    }
    if (rc == WS_OK)
        rc = read_end(s, first, err);
    if (rc != WS_OK) {
        snapshot_close(s);
        return rc;
    }
    *ret_snapshot = s;
    return WS_OK;
}

void snapshot_close(struct snapshot *s) {
    if (s == NULL)
        return;
    if (s->fd >= 0)
        (void)close(s->fd);
    free(s->offset);
    free(s->path);
    free(s);
}

const struct manifest *snapshot_manifest(const struct snapshot *s) {
    return &s->manifest;
}

uint64_t snapshot_octets(const struct snapshot *s) {
    return s->size;
}

int snapshot_chunk(struct snapshot *s, size_t chunk, struct buf *ret_octets, struct ws_err *err) {
    WS_ASSERT(chunk < s->n);
    uint64_t next;
    size_t before = ret_octets->n;
    int rc = snapshot_record(
        s->fd, s->path, s->offset[chunk], s->chunks_end, CHUNK_OCTETS_MAX, ret_octets, &next, err);
    if (rc != WS_OK)
        return rc;
    uint8_t contract;
    uint32_t prefix;
    struct span octets = span_of(ret_octets->p + before, ret_octets->n - before);
    if (chunk_place(octets, &contract, &prefix) &&
        manifest_chunk_of(&s->manifest, contract, prefix) == chunk)
        return WS_OK;
    ret_octets->n = before;
    return damaged(s->path, s->offset[chunk], "another chunk stands here", err);
}

int snapshot_read(struct snapshot *s, size_t chunk, struct buf *ret_octets, struct chunk *ret_chunk,
    struct ws_err *err) {
    size_t before = ret_octets->n;
    *ret_chunk = (struct chunk){0};
    int rc = snapshot_chunk(s, chunk, ret_octets, err);
    if (rc != WS_OK)
        return rc;
    rc = chunk_open(
        &s->manifest, span_of(ret_octets->p + before, ret_octets->n - before), ret_chunk, err);
    return rc == WS_OK ? rc
                       : ws_fail_in(err, "%s: chunk %zu at offset %llu", s->path, chunk,
                             (unsigned long long)s->offset[chunk]);
}
