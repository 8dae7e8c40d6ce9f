#include "ledger/store/undo.h"

#include "base/mem.h"
#include "ledger/store/store_internal.h"

#include <stdlib.h>

enum { UNDO_VERSION = 1 };

static int by_key(const void *a, const void *b) {
    return span_compare(*(const struct span *)a, *(const struct span *)b);
}

/* The keys a batch changes, ascending, each once. *ret_keys is the caller's to free; they borrow from the batch. */
static size_t changed_keys(const struct store_batch *b, struct span **ret_keys) {
    size_t n = 0;
    for (struct rd r = rd_of(buf_span(&b->state_keys)); rd_left(&r) > 0; n++)
        (void)rd_var(&r, SIZE_MAX);
    struct span *keys = ws_calloc(n, sizeof(*keys));
    struct rd r = rd_of(buf_span(&b->state_keys));
    for (size_t i = 0; i < n; i++)
        keys[i] = rd_var(&r, SIZE_MAX);
    if (n > 1)
        qsort(keys, n, sizeof(*keys), by_key);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || !span_equal(keys[kept - 1], keys[i]))
            keys[kept++] = keys[i];
    }
    *ret_keys = keys;
    return kept;
}

static int put_before(
    struct store *s, struct span key, struct buf *value, struct buf *out, struct ws_err *err) {
    buf_clear(value);
    int rc = store_get(s, STORE_STATE, key, value, err);
    if (rc != WS_OK && rc != WS_ENOTFOUND)
        return rc;
    buf_var(out, key);
    buf_u8(out, rc == WS_OK ? 1 : 0);
    if (rc == WS_OK)
        buf_var(out, buf_span(value));
    return WS_OK;
}

int undo_put(struct store_batch *b, uint64_t height, unsigned keep, struct ws_err *err) {
    uint8_t at[8];
    if (height > keep) {
        put_be64(at, height - keep);
        store_batch_del(b, STORE_UNDO, span_of(at, 8));
    }
    if (keep == 0)
        return WS_OK;
    struct span *keys = NULL;
    size_t n = changed_keys(b, &keys);
    struct buf value = {0};
    struct buf out = {0};
    buf_u8(&out, UNDO_VERSION);
    buf_u32(&out, (uint32_t)n);
    int rc = WS_OK;
    for (size_t i = 0; i < n && rc == WS_OK; i++)
        rc = put_before(b->store, keys[i], &value, &out, err);
    put_be64(at, height);
    if (rc == WS_OK)
        store_batch_put(b, STORE_UNDO, span_of(at, 8), buf_span(&out));
    buf_free(&value);
    buf_free(&out);
    free(keys);
    return rc;
}

static bool decode(struct undo *u) {
    struct rd r = rd_of(buf_span(&u->octets));
    bool good = rd_u8(&r) == UNDO_VERSION;
    size_t n = rd_u32(&r);
    /* An entry takes 5 octets or more: a count beyond what is there is damage, not a reason to ask for memory. */
    if (!good || r.bad || n > rd_left(&r) / 5)
        return false;
    u->entry = ws_calloc(n, sizeof(*u->entry));
    u->n = n;
    for (size_t i = 0; i < n; i++) {
        struct undo_entry *e = &u->entry[i];
        e->key = rd_var(&r, SIZE_MAX);
        uint8_t had = rd_u8(&r);
        e->had = had == 1;
        if (e->had)
            e->value = rd_var(&r, SIZE_MAX);
        if (r.bad || had > 1 || (i > 0 && span_compare(u->entry[i - 1].key, e->key) >= 0))
            return false;
    }
    return rd_done(&r);
}

int undo_read(struct store *s, uint64_t height, struct undo *ret_undo, struct ws_err *err) {
    uint8_t at[8];
    put_be64(at, height);
    struct undo u = {0};
    int rc = store_get(s, STORE_UNDO, span_of(at, 8), &u.octets, err);
    if (rc == WS_ENOTFOUND)
        (void)ws_fail(
            err, rc, "the store keeps no undo record of block %llu", (unsigned long long)height);
    if (rc == WS_OK && !decode(&u))
        rc = ws_fail(err, WS_EINPUT, "store: the undo record of block %llu is damaged",
            (unsigned long long)height);
    if (rc != WS_OK) {
        undo_free(&u);
        return rc;
    }
    *ret_undo = u;
    return WS_OK;
}

void undo_free(struct undo *u) {
    buf_free(&u->octets);
    free(u->entry);
    *u = (struct undo){0};
}
