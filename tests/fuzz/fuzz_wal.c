/* A consensus log of any octets either opens or is refused by name; what opens can be replayed, appended to
 * and opened again with nothing lost. The first octet chooses: 0, the rest is the file; otherwise the rest
 * is a list of steps that writes a log, loses power and comes back. */
#include "base/assert.h"
#include "ledger/store/crc32c.h"
#include "ledger/store/wal_medium.h"
#include "ledger/store/wal_scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int collect(void *ctx, uint8_t type, struct span payload, struct ws_err *err) {
    (void)err;
    struct buf *b = ctx;
    buf_u8(b, type);
    buf_var(b, payload);
    return WS_OK;
}

static struct buf contents(struct wal *w) {
    struct buf b = {0};
    int rc = wal_replay(w, collect, &b, NULL);
    WS_ASSERT(rc == WS_OK);
    return b;
}

static void as_file(struct span all) {
    struct wal *w = NULL;
    uint64_t cut = 0;
    struct ws_err err = {0};
    if (wal_open_medium(wal_medium_octets(all), false, 0, &w, &cut, &err) != WS_OK) {
        WS_ASSERT(err.text[0] != '\0');
        return;
    }
    WS_ASSERT(cut + wal_octets(w) + WAL_START_OCTETS == all.n);
    struct buf before = contents(w);
    uint8_t payload[] = "next";
    int rc = wal_append(w, 7, span_of(payload, 4), NULL);
    WS_ASSERT(rc == WS_OK);
    rc = wal_sync(w, NULL);
    WS_ASSERT(rc == WS_OK);
    WS_ASSERT(wal_memory_crash(w, 0) == 0);
    struct buf after = contents(w);
    collect(&before, 7, span_of(payload, 4), NULL);
    WS_ASSERT(span_equal(buf_span(&before), buf_span(&after)));
    buf_free(&before);
    buf_free(&after);
    wal_close(w);
}

static void as_steps(struct rd r) {
    /* A payload can hold a mark for whoever knows the log's number, and a fuzzer sees all comparisons: let the
     * number change with every octet of the input. */
    uint64_t nonce = (uint64_t)crc32c(1, r.p, r.n) << 32 | crc32c(0, r.p, r.n);
    struct wal *w = NULL;
    int opened = wal_open_medium(wal_medium_memory(), true, nonce, &w, NULL, NULL);
    WS_ASSERT(opened == WS_OK);
    struct buf all = {0}; /* what was appended since the last restart */
    size_t synced = 0;
    while (rd_left(&r) > 0) {
        uint8_t step = rd_u8(&r);
        int rc = WS_OK;
        if (step < 0xc0) {
            size_t n = rd_u8(&r);
            struct span payload = rd_take(&r, n < rd_left(&r) ? n : rd_left(&r));
            rc = wal_append(w, (uint8_t)(step + 1), payload, NULL);
            collect(&all, (uint8_t)(step + 1), payload, NULL);
        } else if (step < 0xe0) {
            rc = wal_sync(w, NULL);
            synced = all.n;
        } else if (step < 0xf0) {
            /* With the sync of the next record; without it the old log may come back. */
            rc = wal_restart(w, NULL);
            if (rc == WS_OK)
                rc = wal_append(w, 1, span_of("r", 1), NULL);
            if (rc == WS_OK)
                rc = wal_sync(w, NULL);
            buf_clear(&all);
            collect(&all, 1, span_of("r", 1), NULL);
            synced = all.n;
        } else {
            (void)wal_memory_crash(w, rd_u8(&r));
            struct buf left = contents(w);
            WS_ASSERT(left.n >= synced && left.n <= all.n);
            WS_ASSERT(left.n == 0 || memcmp(left.p, all.p, left.n) == 0);
            buf_clear(&all);
            buf_put(&all, left.p, left.n);
            synced = all.n;
            buf_free(&left);
        }
        WS_ASSERT(rc == WS_OK);
    }
    buf_free(&all);
    wal_close(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    if (data[0] == 0)
        as_file(span_of(data + 1, size - 1));
    else
        as_steps(rd_of(span_of(data + 1, size - 1)));
    return 0;
}
