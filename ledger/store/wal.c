#include "ledger/store/wal.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/random.h"
#include "ledger/store/wal_scan.h"

#include <inttypes.h>
#include <stdlib.h>

struct wal {
    struct wal_medium *m;
    uint64_t nonce;
    uint64_t synced; /* everything before this offset is on the disk */
    bool marked; /* nothing was appended since the last mark */
    bool failed;
    struct ws_err why;
    struct buf payload; /* of the record being replayed */
};

int wal_at(struct wal_medium *m, enum wal_point at, struct ws_err *err) {
    if (m->point == NULL || m->point(m->point_ctx, at))
        return WS_OK;
    return ws_fail(err, WS_EIO, "%s: failure ordered by a test at point %d", m->name, (int)at);
}

void wal_on_point(struct wal *w, wal_point_fn fn, void *ctx) {
    w->m->point = fn;
    w->m->point_ctx = ctx;
}

/* What a failed write left behind is unknown: nothing may follow it. */
static int stop(struct wal *w, struct ws_err *err) {
    w->failed = true;
    if (err != NULL)
        *err = w->why;
    return w->why.code;
}

static int stopped(const struct wal *w, struct ws_err *err) {
    return ws_fail(err, WS_EIO, "consensus log stopped by an earlier failure: %.400s", w->why.text);
}

static int begin(struct wal *w, struct ws_err *err) {
    uint8_t start[WAL_START_OCTETS];
    wal_start_encode(start, w->nonce);
    int rc = w->m->ops->replace(w->m, span_of(start, sizeof(start)), err);
    w->synced = WAL_START_OCTETS;
    w->marked = false;
    return rc;
}

/* Reads what is there and makes it the durable truth. */
static int take_over(struct wal *w, uint64_t *ret_cut, struct ws_err *err) {
    struct wal_scan scan;
    int rc = wal_scan(w->m, &scan, err);
    if (rc != WS_OK)
        return rc;
    uint64_t torn = w->m->size - scan.end;
    /* A killed process leaves records in the kernel's memory that no sync has seen: they are about to be acted
     * upon, so they go to the disk first. */
    rc = torn > 0 ? w->m->ops->cut(w->m, scan.end, err) : w->m->ops->sync(w->m, err);
    if (rc != WS_OK)
        return rc;
    w->nonce = scan.nonce;
    w->synced = scan.end;
    w->marked = scan.marked;
    if (ret_cut != NULL)
        *ret_cut = torn;
    return WS_OK;
}

int wal_open_medium(struct wal_medium *m, bool fresh, uint64_t nonce, struct wal **ret_wal,
    uint64_t *ret_cut, struct ws_err *err) {
    struct wal *w = ws_alloc(sizeof(*w));
    w->m = m;
    w->nonce = nonce;
    uint64_t cut = 0;
    int rc = fresh ? begin(w, err) : take_over(w, &cut, err);
    if (rc == WS_OK && fresh)
        rc = m->ops->sync(m, err);
    if (rc != WS_OK) {
        w->failed = true;
        wal_close(w);
        return rc;
    }
    if (ret_cut != NULL)
        *ret_cut = cut;
    *ret_wal = w;
    return WS_OK;
}

int wal_open_file(const char *path, struct wal **ret_wal, uint64_t *ret_cut, struct ws_err *err) {
    struct wal_medium *m = NULL;
    bool fresh = false;
    int rc = wal_medium_file(path, &m, &fresh, err);
    if (rc != WS_OK)
        return rc;
    struct ws_random rnd = ws_random_system();
    return wal_open_medium(m, fresh, ws_random_u64(&rnd), ret_wal, ret_cut, err);
}

int wal_check_file(const char *path, struct ws_err *err) {
    struct wal_medium *m = NULL;
    struct wal_scan scan;
    int rc = wal_medium_look(path, &m, err);
    if (rc != WS_OK || m == NULL)
        return rc;
    rc = wal_scan(m, &scan, err);
    m->ops->close(m);
    return rc;
}

struct wal *wal_open_memory(void) {
    struct wal *w = NULL;
    /* Always the same, so that runs repeat; nothing is at stake should somebody guess it. */
    const uint64_t nonce = 0x2545f4914f6cdd1d;
    int rc = wal_open_medium(wal_medium_memory(), true, nonce, &w, NULL, NULL);
    WS_ASSERT(rc == WS_OK);
    return w;
}

static int append_mark(struct wal *w, struct ws_err *err) {
    uint8_t mark[WAL_MARK_OCTETS];
    wal_mark_encode(mark, w->m->size, w->nonce);
    w->marked = true;
    return w->m->ops->append(w->m, span_of(mark, sizeof(mark)), span_of(NULL, 0), err);
}

static bool mark_due(const struct wal *w) {
    return w->synced == w->m->size && w->synced > WAL_START_OCTETS && !w->marked;
}

void wal_close(struct wal *w) {
    if (w == NULL)
        return;
    /* An orderly end lets the next start tell damage from a torn tail for the last records, too. Nothing
     * depends on it, so a failure is no matter. */
    if (!w->failed && mark_due(w))
        (void)append_mark(w, NULL);
    w->m->ops->close(w->m);
    buf_free(&w->payload);
    free(w);
}

int wal_replay(struct wal *w, wal_each_fn fn, void *ctx, struct ws_err *err) {
    if (w->failed)
        return stopped(w, err);
    uint64_t at = WAL_START_OCTETS;
    uint64_t end = w->m->size;
    while (at < end) {
        uint8_t head[WAL_HEAD_OCTETS];
        int rc = w->m->ops->read_at(w->m, at, head, sizeof(head), err);
        if (rc != WS_OK)
            return rc;
        uint32_t length = be32(head);
        uint64_t from = at + WAL_HEAD_OCTETS;
        /* The scan at open has accepted this; a disk that answers differently now is broken. */
        if (length > WAL_RECORD_MAX || length > end - from)
            return ws_fail(
                err, WS_EIO, "%s: offset %" PRIu64 " reads differently now", w->m->name, at);
        buf_clear(&w->payload);
        rc = length == 0
                 ? WS_OK
                 : w->m->ops->read_at(w->m, from, buf_grow(&w->payload, length), length, err);
        if (rc != WS_OK)
            return rc;
        uint8_t again[WAL_HEAD_OCTETS];
        wal_head_encode(again, head[4], buf_span(&w->payload));
        if (memcmp(again, head, sizeof(head)) != 0)
            return ws_fail(
                err, WS_EIO, "%s: offset %" PRIu64 " reads differently now", w->m->name, at);
        if (head[4] != WAL_TYPE_MARK) {
            rc = fn(ctx, head[4], buf_span(&w->payload), err);
            if (rc != WS_OK)
                return rc;
        }
        at = from + length;
    }
    return WS_OK;
}

int wal_append(struct wal *w, uint8_t type, struct span payload, struct ws_err *err) {
    WS_ASSERT(type != WAL_TYPE_MARK);
    if (w->failed)
        return stopped(w, err);
    if (payload.n > WAL_RECORD_MAX)
        return ws_fail(err, WS_ELIMIT, "%s: a record of %zu octets is above the limit of %u",
            w->m->name, payload.n, WAL_RECORD_MAX);
    if (wal_at(w->m, WAL_POINT_APPEND, &w->why) != WS_OK)
        return stop(w, err);
    if (mark_due(w) && append_mark(w, &w->why) != WS_OK)
        return stop(w, err);
    uint8_t head[WAL_HEAD_OCTETS];
    wal_head_encode(head, type, payload);
    if (w->m->ops->append(w->m, span_of(head, sizeof(head)), payload, &w->why) != WS_OK)
        return stop(w, err);
    w->marked = false;
    return WS_OK;
}

int wal_sync(struct wal *w, struct ws_err *err) {
    if (w->failed)
        return stopped(w, err);
    if (w->synced == w->m->size)
        return WS_OK;
    if (wal_at(w->m, WAL_POINT_SYNC, &w->why) != WS_OK || w->m->ops->sync(w->m, &w->why) != WS_OK ||
        wal_at(w->m, WAL_POINT_SYNCED, &w->why) != WS_OK)
        return stop(w, err);
    w->synced = w->m->size;
    return WS_OK;
}

int wal_restart(struct wal *w, struct ws_err *err) {
    if (w->failed)
        return stopped(w, err);
    if (w->m->size == WAL_START_OCTETS)
        return WS_OK;
    if (wal_at(w->m, WAL_POINT_RESTART, &w->why) != WS_OK || begin(w, &w->why) != WS_OK)
        return stop(w, err);
    return WS_OK;
}

uint64_t wal_octets(const struct wal *w) {
    return w->m->size - WAL_START_OCTETS;
}

uint64_t wal_memory_crash(struct wal *w, uint64_t keep) {
    wal_medium_crash(w->m, keep);
    w->failed = false;
    uint64_t cut = 0;
    int rc = take_over(w, &cut, NULL);
    WS_ASSERT(rc == WS_OK);
    return cut;
}

void wal_memory_lose_unsynced(struct wal *w) {
    (void)wal_memory_crash(w, 0);
}

void wal_memory_fail_after(struct wal *w, uint64_t syncs) {
    w->m->fail_armed = true;
    w->m->syncs_left = syncs;
}
