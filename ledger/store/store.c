#include "ledger/store/store_internal.h"

const char *store_space_name(enum store_space s) {
    static const char *const names[STORE_SPACE_COUNT] = {
        "meta", "block", "commit", "state", "event", "index", "tx", "header"};
    return names[s];
}

void store_close(struct store *s) {
    if (s != NULL)
        s->ops->close(s);
}

int store_get(struct store *s, enum store_space space, struct span key, struct buf *ret_value,
    struct ws_err *err) {
    return s->ops->get(s, space, key, ret_value, err);
}

int store_each(struct store *s, enum store_space space, struct span prefix, struct span from,
    store_each_fn fn, void *ctx, struct ws_err *err) {
    return s->ops->each(s, space, prefix, from, fn, ctx, err);
}

int store_last(struct store *s, enum store_space space, struct span prefix, struct buf *ret_key,
    struct buf *ret_value, struct ws_err *err) {
    return s->ops->last(s, space, prefix, ret_key, ret_value, err);
}

struct store_batch *store_batch_new(struct store *s) {
    return s->ops->batch_new(s);
}

void store_batch_put(
    struct store_batch *b, enum store_space space, struct span key, struct span value) {
    b->store->ops->batch_put(b, space, key, value);
}

void store_batch_del(struct store_batch *b, enum store_space space, struct span key) {
    b->store->ops->batch_del(b, space, key);
}

int store_batch_write(struct store_batch *b, struct ws_err *err) {
    return b->store->ops->batch_write(b, err);
}

uint64_t store_disk_octets(struct store *s) {
    return s->ops->disk_octets(s);
}
