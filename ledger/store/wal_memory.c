/* A consensus log in memory: what a disk would hold, and how much of it is synced. */
#include "base/assert.h"
#include "base/mem.h"
#include "ledger/store/wal_medium.h"

#include <stdlib.h>

struct memory {
    struct wal_medium m;
    struct buf all;
    uint64_t synced;
    bool replaced; /* and not synced since: a crash may bring `old` back */
    struct buf old;
};

static int memory_read(
    struct wal_medium *m, uint64_t at, uint8_t *dst, size_t n, struct ws_err *err) {
    (void)err;
    struct memory *mem = (struct memory *)m;
    WS_ASSERT(at <= mem->all.n && n <= mem->all.n - at);
    if (n > 0)
        memcpy(dst, mem->all.p + at, n);
    return WS_OK;
}

static int memory_append(
    struct wal_medium *m, struct span head, struct span body, struct ws_err *err) {
    struct memory *mem = (struct memory *)m;
    size_t before = mem->all.n;
    buf_put(&mem->all, head.p, head.n);
    buf_put(&mem->all, body.p, body.n);
    size_t whole = mem->all.n;
    mem->all.n = before + (whole - before) / 2;
    int rc = wal_at(m, WAL_POINT_APPEND_HALF, err);
    if (rc == WS_OK)
        mem->all.n = whole;
    m->size = mem->all.n;
    return rc;
}

static int memory_sync(struct wal_medium *m, struct ws_err *err) {
    struct memory *mem = (struct memory *)m;
    if (m->fail_armed && m->syncs_left == 0)
        return ws_fail(err, WS_EIO, "%s: syncing: failure ordered by a test", m->name);
    m->syncs_left -= m->fail_armed;
    mem->synced = mem->all.n;
    mem->replaced = false;
    return wal_at(m, WAL_POINT_SYNC_FOLDER, err);
}

static int memory_cut(struct wal_medium *m, uint64_t size, struct ws_err *err) {
    (void)err;
    struct memory *mem = (struct memory *)m;
    WS_ASSERT(size <= mem->all.n);
    mem->all.n = (size_t)size;
    mem->synced = size;
    mem->replaced = false;
    m->size = size;
    return WS_OK;
}

static int memory_replace(struct wal_medium *m, struct span all, struct ws_err *err) {
    struct memory *mem = (struct memory *)m;
    int rc = wal_at(m, WAL_POINT_RESTART_WRITTEN, err);
    if (rc == WS_OK)
        rc = wal_at(m, WAL_POINT_RESTART_SYNCED, err);
    if (rc != WS_OK)
        return rc;
    if (!mem->replaced) {
        buf_clear(&mem->old);
        buf_put(&mem->old, mem->all.p, (size_t)mem->synced);
    }
    mem->replaced = mem->old.n > 0;
    buf_clear(&mem->all);
    buf_put(&mem->all, all.p, all.n);
    mem->synced = all.n;
    m->size = all.n;
    return wal_at(m, WAL_POINT_RESTART_RENAMED, err);
}

static void memory_close(struct wal_medium *m) {
    struct memory *mem = (struct memory *)m;
    buf_free(&mem->all);
    buf_free(&mem->old);
    free(mem);
}

static const struct wal_medium_ops memory_ops = {
    memory_read, memory_append, memory_sync, memory_cut, memory_replace, memory_close};

struct wal_medium *wal_medium_memory(void) {
    struct memory *mem = ws_alloc(sizeof(*mem));
    mem->m.ops = &memory_ops;
    mem->m.name = "consensus log in memory";
    return &mem->m;
}

struct wal_medium *wal_medium_octets(struct span all) {
    struct wal_medium *m = wal_medium_memory();
    struct memory *mem = (struct memory *)m;
    buf_put(&mem->all, all.p, all.n);
    mem->synced = all.n;
    m->size = all.n;
    return m;
}

void wal_medium_crash(struct wal_medium *m, uint64_t keep) {
    WS_ASSERT(m->ops == &memory_ops);
    struct memory *mem = (struct memory *)m;
    if (mem->replaced && keep == 0) {
        buf_clear(&mem->all);
        buf_put(&mem->all, mem->old.p, mem->old.n);
        mem->synced = mem->all.n;
    }
    mem->replaced = false;
    uint64_t loose = mem->all.n - mem->synced;
    mem->all.n = (size_t)(mem->synced + (keep < loose ? keep : loose));
    m->size = mem->all.n;
    m->fail_armed = false;
}
