#include "ledger/store/sign_guard.h"

#include "base/fileio.h"
#include "ledger/store/crc32c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOT_KNOWN UINT64_MAX
enum { RECORD_OCTETS = 60, COUNTER_MAX_OCTETS = 32 };
static const uint8_t magic[8] = {'W', 'S', 'G', 'U', 'A', 'R', 'D', 1};

static int write_record(const struct sign_guard *g, struct ws_err *err) {
    struct buf b = {0};
    buf_put(&b, magic, sizeof(magic));
    buf_put(&b, g->instance, SIGN_INSTANCE_OCTETS);
    buf_u64(&b, g->starts);
    buf_u64(&b, g->at);
    buf_u64(&b, g->height);
    buf_u64(&b, g->listen);
    buf_u32(&b, crc32c(0, b.p, b.n));
    int rc = file_write(g->path, buf_span(&b), 0600, err);
    buf_free(&b);
    return rc;
}

static int damaged(const struct sign_guard *g, struct ws_err *err) {
    return ws_fail(err, WS_EINPUT,
        "%s: damaged, or written by another version. Blocks and state are safe. If no other "
        "machine runs with this key: rm %s; the unit then listens before it speaks",
        g->path, g->path);
}

/* WS_ENOTFOUND: there is none. */
static int read_record(struct sign_guard *g, struct ws_err *err) {
    struct buf b = {0};
    int rc = file_read(g->path, RECORD_OCTETS + 1, &b, err);
    if (rc == WS_OK && (b.n != RECORD_OCTETS || memcmp(b.p, magic, sizeof(magic)) != 0 ||
                           crc32c(0, b.p, RECORD_OCTETS - 4) != be32(b.p + RECORD_OCTETS - 4)))
        rc = damaged(g, err);
    if (rc == WS_OK) {
        struct rd r = rd_of(buf_span(&b));
        (void)rd_take(&r, sizeof(magic));
        rd_copy(&r, g->instance, SIGN_INSTANCE_OCTETS);
        g->starts = rd_u64(&r);
        g->at = rd_u64(&r);
        g->height = rd_u64(&r);
        g->listen = rd_u64(&r);
    }
    buf_free(&b);
    return rc == WS_ELIMIT ? damaged(g, err) : rc;
}

/* The record is on the disk with the next value before the counter has it. */
static int move(struct sign_guard *g, uint64_t now, struct ws_err *err) {
    g->at = now + 1;
    int rc = write_record(g, err);
    uint64_t value = 0;
    if (rc == WS_OK)
        rc = g->counter->advance(g->counter->ctx, &value, err);
    if (rc == WS_OK && value != g->at)
        rc = ws_fail(err, WS_EIO,
            "sign counter: is %llu after it was advanced from %llu: somebody else uses it, too",
            (unsigned long long)value, (unsigned long long)now);
    return rc;
}

static int compare(const struct sign_guard *g, uint64_t now, struct ws_err *err) {
    if (g->at < now)
        return ws_fail(err, WS_EINPUT,
            "%s: this disk is older than the machine remembers (%llu, the counter is at %llu): it "
            "was "
            "put back from a copy, and signing with it could contradict what this validator has "
            "said. "
            "Nothing is damaged. If no other copy of it runs: rm %s; the unit then listens before "
            "it speaks",
            g->path, (unsigned long long)g->at, (unsigned long long)now, g->path);
    if (g->at > now + 1)
        return ws_fail(err, WS_EINPUT,
            "%s: belongs to another machine (%llu, the counter here is at %llu): its key may still "
            "sign there. Nothing is damaged. If that machine is gone for good: rm %s; the unit "
            "then listens before it speaks",
            g->path, (unsigned long long)g->at, (unsigned long long)now, g->path);
    return WS_OK;
}

/* A counter that does not answer says nothing of the past. */
static int unread(const struct sign_guard *g, struct ws_err *err) {
    const struct ws_err why = *err;
    return ws_fail(err, why.code,
        "sign_counter: %.200s. Blocks, state and keys are safe. Mend it and start again; if it is "
        "lost for good and begins anew, and no other machine runs with this key: rm -f %s; the "
        "unit "
        "then listens before it speaks",
        why.text, g->path);
}

/* The record, or a fresh one that is not written yet, and what the counter says; WS_EINPUT when they do not fit. */
static int look(struct sign_guard *g, const char *path, const struct sign_counter *counter,
    bool *ret_fresh, uint64_t *ret_now, struct ws_err *err) {
    memset(g, 0, sizeof(*g));
    (void)snprintf(g->path, sizeof(g->path), "%s", path);
    g->counter = counter;
    *ret_now = 0;
    int rc = read_record(g, err);
    *ret_fresh = rc == WS_ENOTFOUND;
    if (*ret_fresh)
        rc = WS_OK;
    if (rc == WS_OK && counter != NULL && counter->read(counter->ctx, ret_now, err) != WS_OK)
        rc = unread(g, err);
    return rc == WS_OK && counter != NULL && !*ret_fresh ? compare(g, *ret_now, err) : rc;
}

int sign_guard_check(const char *path, const struct sign_counter *counter, struct ws_err *err) {
    struct sign_guard g;
    bool fresh;
    uint64_t now;
    return look(&g, path, counter, &fresh, &now, err);
}

int sign_guard_open(const char *path, const struct sign_counter *counter, uint64_t every,
    const uint8_t instance[static SIGN_INSTANCE_OCTETS], struct sign_guard *ret_guard,
    struct ws_err *err) {
    struct sign_guard *g = ret_guard;
    bool fresh;
    uint64_t now;
    int rc = look(g, path, counter, &fresh, &now, err);
    if (rc != WS_OK)
        return rc;
    g->every = every;
    if (fresh) {
        memcpy(g->instance, instance, SIGN_INSTANCE_OCTETS);
        g->listen = counter != NULL ? NOT_KNOWN : 0;
    }
    g->starts++;
    return counter == NULL ? write_record(g, err) : move(g, now, err);
}

int sign_guard_height(struct sign_guard *g, uint64_t height, struct ws_err *err) {
    if (g->counter == NULL)
        return WS_OK;
    /* A log that was found at the start is of the next height, or of the one after it. */
    if (g->listen == NOT_KNOWN)
        g->listen = height + 2;
    else if (height > g->listen)
        g->listen = 0;
    if (height < g->height + g->every)
        return WS_OK;
    g->height = height;
    return move(g, g->at, err);
}

/* ---- a file ---- */

int sign_counter_file_read(void *ctx, uint64_t *ret_value, struct ws_err *err) {
    const char *path = ctx;
    struct buf b = {0};
    *ret_value = 0;
    int rc = file_read(path, COUNTER_MAX_OCTETS, &b, err);
    if (rc == WS_OK) {
        char *end = NULL;
        buf_u8(&b, 0);
        *ret_value = strtoull((const char *)b.p, &end, 10);
        if (end == (const char *)b.p || (*end != '\n' && *end != '\0'))
            rc = ws_fail(err, WS_EIO, "%s: not a counter", path);
    }
    buf_free(&b);
    return rc == WS_ENOTFOUND ? WS_OK : rc;
}

int sign_counter_file_advance(void *ctx, uint64_t *ret_value, struct ws_err *err) {
    const char *path = ctx;
    int rc = sign_counter_file_read(ctx, ret_value, err);
    if (rc != WS_OK)
        return rc;
    struct buf b = {0};
    buf_printf(&b, "%llu\n", (unsigned long long)++*ret_value);
    rc = file_write(path, buf_span(&b), 0600, err);
    buf_free(&b);
    return rc;
}
