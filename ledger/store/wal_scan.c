#include "ledger/store/wal_scan.h"

#include "base/mem.h"
#include "ledger/store/crc32c.h"

#include <inttypes.h>
#include <stdlib.h>

/* Name, and the version of the layout in the last octet. */
static const uint8_t magic[8] = {'W', 'S', 'C', 'S', 'L', 'O', 'G', 1};

enum { CHUNK = 65536 };

void wal_start_encode(uint8_t dst[static WAL_START_OCTETS], uint64_t nonce) {
    memcpy(dst, magic, sizeof(magic));
    put_be64(dst + 8, nonce);
    put_be32(dst + 16, crc32c(0, dst, 16));
}

void wal_head_encode(uint8_t dst[static WAL_HEAD_OCTETS], uint8_t type, struct span payload) {
    put_be32(dst, (uint32_t)payload.n);
    dst[4] = type;
    put_be32(dst + 5, crc32c(crc32c(0, dst, 5), payload.p, payload.n));
}

/* What a damaged log leaves as it is, and what it takes away. */
#define SAFE                                                                                       \
    "blocks and state in the store are safe, what this validator said at its last height may be "  \
    "lost"

void wal_mark_encode(uint8_t dst[static WAL_MARK_OCTETS], uint64_t at, uint64_t nonce) {
    put_be64(dst + WAL_HEAD_OCTETS, at);
    put_be64(dst + WAL_HEAD_OCTETS + 8, nonce);
    wal_head_encode(dst, WAL_TYPE_MARK, span_of(dst + WAL_HEAD_OCTETS, 16));
}

static int scan_start(struct wal_medium *m, uint64_t *ret_nonce, struct ws_err *err) {
    uint8_t start[WAL_START_OCTETS];
    /* The start is renamed into place synced, so a short one is no torn tail. */
    if (m->size < WAL_START_OCTETS)
        return ws_fail(err, WS_EINPUT,
            "%s: damaged: %" PRIu64 " octets, shorter than the start of a consensus log; " SAFE,
            m->name, m->size);
    int rc = m->ops->read_at(m, 0, start, sizeof(start), err);
    if (rc != WS_OK)
        return rc;
    if (memcmp(start, magic, 7) != 0)
        return ws_fail(
            err, WS_EINPUT, "%s: not a consensus log, or damaged at offset 0; " SAFE, m->name);
    if (be32(start + 16) != crc32c(0, start, 16))
        return ws_fail(err, WS_EINPUT, "%s: damaged in the first %d octets; " SAFE, m->name,
            (int)WAL_START_OCTETS);
    if (start[7] != magic[7])
        return ws_fail(err, WS_ENOTSUP,
            "%s: layout version %u of the consensus log is not read by this program", m->name,
            (unsigned)start[7]);
    *ret_nonce = be64(start + 8);
    return WS_OK;
}

/* *ret_next: offset after the record at `at`, or 0 when no whole record is there. */
static int scan_record(struct wal_medium *m, uint64_t at, uint64_t nonce, uint8_t *chunk,
    uint64_t *ret_next, bool *ret_mark, struct ws_err *err) {
    *ret_next = 0;
    uint8_t head[WAL_HEAD_OCTETS];
    if (m->size - at < WAL_HEAD_OCTETS)
        return WS_OK;
    int rc = m->ops->read_at(m, at, head, sizeof(head), err);
    if (rc != WS_OK)
        return rc;
    uint32_t length = be32(head);
    uint64_t from = at + WAL_HEAD_OCTETS;
    if (length > WAL_RECORD_MAX || length > m->size - from)
        return WS_OK;
    uint32_t crc = crc32c(0, head, 5);
    uint32_t done = 0;
    while (done < length) {
        uint32_t step = length - done < CHUNK ? length - done : CHUNK;
        rc = m->ops->read_at(m, from + done, chunk, step, err);
        if (rc != WS_OK)
            return rc;
        crc = crc32c(crc, chunk, step);
        done += step;
    }
    if (crc != be32(head + 5))
        return WS_OK;
    *ret_mark = head[4] == WAL_TYPE_MARK;
    if (*ret_mark && (length != 16 || be64(chunk) != at || be64(chunk + 8) != nonce))
        return WS_OK;
    *ret_next = from + length;
    return WS_OK;
}

/* Offset of the first mark that begins after `at`, or 0. */
static int find_mark(struct wal_medium *m, uint64_t at, uint64_t nonce, uint8_t *chunk,
    uint64_t *ret_mark, struct ws_err *err) {
    uint8_t want[8];
    put_be64(want, nonce);
    *ret_mark = 0;
    uint64_t from = at + 1;
    while (from < m->size) {
        size_t n = m->size - from < CHUNK ? (size_t)(m->size - from) : CHUNK;
        int rc = m->ops->read_at(m, from, chunk, n, err);
        if (rc != WS_OK)
            return rc;
        /* The random number ends a mark: look for it, then for the rest before it. */
        for (size_t i = WAL_MARK_OCTETS - 8; i + 8 <= n; i++) {
            if (chunk[i] != want[0] || memcmp(chunk + i, want, 8) != 0)
                continue;
            size_t begin = i + 8 - WAL_MARK_OCTETS;
            uint8_t mark[WAL_MARK_OCTETS];
            wal_mark_encode(mark, from + begin, nonce);
            if (memcmp(mark, chunk + begin, sizeof(mark)) == 0) {
                *ret_mark = from + begin;
                return WS_OK;
            }
        }
        if (n < CHUNK)
            break;
        from += n - (WAL_MARK_OCTETS - 1);
    }
    return WS_OK;
}

int wal_scan(struct wal_medium *m, struct wal_scan *ret_scan, struct ws_err *err) {
    struct wal_scan s = {.end = WAL_START_OCTETS};
    int rc = scan_start(m, &s.nonce, err);
    if (rc != WS_OK)
        return rc;
    uint8_t *chunk = ws_alloc(CHUNK);
    while (s.end < m->size) {
        uint64_t next = 0;
        bool mark = false;
        rc = scan_record(m, s.end, s.nonce, chunk, &next, &mark, err);
        if (rc != WS_OK || next == 0)
            break;
        s.records += !mark;
        s.marked = mark;
        s.end = next;
    }
    uint64_t later = 0;
    if (rc == WS_OK && s.end < m->size)
        rc = find_mark(m, s.end, s.nonce, chunk, &later, err);
    if (later != 0)
        rc = ws_fail(err, WS_EINPUT,
            "%s: damaged at offset %" PRIu64 ": octets up to offset %" PRIu64
            " had been on the disk. The %" PRIu64 " records before it are whole; " SAFE,
            m->name, s.end, later, s.records);
    free(chunk);
    if (rc == WS_OK)
        *ret_scan = s;
    return rc;
}
