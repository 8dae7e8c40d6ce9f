#include "ledger/snapshot/meta.h"

#include "ledger/light/types.h"

static const char node_key[] = "node";
static const char pruned_key[] = "pruned";
static const char restoring_key[] = "restoring";
static const char floor_key[] = "sign_floor";

static struct span text(const char *s) {
    return span_of(s, strlen(s));
}

static int damaged(struct ws_err *err, const char *what) {
    return ws_fail(
        err, WS_EINPUT, "store: the record \"%s\" is damaged, or written by another version", what);
}

void meta_put_node(struct store_batch *batch, const struct meta_node *m) {
    struct buf b = {0};
    buf_u8(&b, LEDGER_VERSION);
    buf_put(&b, m->cell_id, 32);
    buf_u64(&b, m->height);
    buf_put(&b, m->state_root, 32);
    buf_put(&b, m->result_root, 32);
    buf_put(&b, m->event_root, 32);
    buf_u8(&b, m->events_pending ? 1 : 0);
    store_batch_put(batch, STORE_META, text(node_key), buf_span(&b));
    buf_free(&b);
}

int meta_read_node(struct store *s, struct meta_node *ret_meta, struct ws_err *err) {
    struct buf b = {0};
    int rc = store_get(s, STORE_META, text(node_key), &b, err);
    if (rc == WS_OK) {
        struct rd r = rd_of(buf_span(&b));
        uint8_t version = rd_u8(&r);
        rd_copy(&r, ret_meta->cell_id, 32);
        ret_meta->height = rd_u64(&r);
        rd_copy(&r, ret_meta->state_root, 32);
        rd_copy(&r, ret_meta->result_root, 32);
        rd_copy(&r, ret_meta->event_root, 32);
        ret_meta->events_pending = rd_u8(&r) == 1;
        if (version != LEDGER_VERSION || !rd_done(&r))
            rc = damaged(err, node_key);
    }
    buf_free(&b);
    return rc;
}

void meta_put_pruned(struct store_batch *batch, const struct meta_pruned *m) {
    uint8_t octets[17] = {LEDGER_VERSION};
    put_be64(octets + 1, m->bodies_from);
    put_be64(octets + 9, m->headers_from);
    store_batch_put(batch, STORE_META, text(pruned_key), span_of(octets, sizeof(octets)));
}

int meta_read_pruned(struct store *s, struct meta_pruned *ret_meta, struct ws_err *err) {
    struct buf b = {0};
    *ret_meta = (struct meta_pruned){1, 1};
    int rc = store_get(s, STORE_META, text(pruned_key), &b, err);
    if (rc == WS_OK) {
        struct rd r = rd_of(buf_span(&b));
        uint8_t version = rd_u8(&r);
        ret_meta->bodies_from = rd_u64(&r);
        ret_meta->headers_from = rd_u64(&r);
        if (version != LEDGER_VERSION || !rd_done(&r) || ret_meta->headers_from == 0 ||
            ret_meta->bodies_from < ret_meta->headers_from)
            rc = damaged(err, pruned_key);
    }
    buf_free(&b);
    return rc == WS_ENOTFOUND ? WS_OK : rc;
}

static void put_height(struct store_batch *batch, const char *key, uint64_t height) {
    uint8_t octets[9] = {LEDGER_VERSION};
    put_be64(octets + 1, height);
    store_batch_put(batch, STORE_META, text(key), span_of(octets, sizeof(octets)));
}

static int read_height(struct store *s, const char *key, uint64_t *ret_height, struct ws_err *err) {
    struct buf b = {0};
    *ret_height = 0;
    int rc = store_get(s, STORE_META, text(key), &b, err);
    if (rc == WS_OK && (b.n != 9 || b.p[0] != LEDGER_VERSION))
        rc = damaged(err, key);
    if (rc == WS_OK)
        *ret_height = be64(b.p + 1);
    buf_free(&b);
    return rc == WS_ENOTFOUND ? WS_OK : rc;
}

void meta_put_restoring(struct store_batch *batch, uint64_t height) {
    put_height(batch, restoring_key, height);
}

void meta_end_restoring(struct store_batch *batch) {
    store_batch_del(batch, STORE_META, text(restoring_key));
}

int meta_read_restoring(struct store *s, uint64_t *ret_height, struct ws_err *err) {
    return read_height(s, restoring_key, ret_height, err);
}

void meta_put_floor(struct store_batch *batch, uint64_t height) {
    put_height(batch, floor_key, height);
}

int meta_read_floor(struct store *s, uint64_t *ret_height, struct ws_err *err) {
    return read_height(s, floor_key, ret_height, err);
}
