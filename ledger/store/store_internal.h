/* What an implementation of the store answers to. Internal to ledger/store. */
#ifndef WAYSIDE_LEDGER_STORE_STORE_INTERNAL_H
#define WAYSIDE_LEDGER_STORE_STORE_INTERNAL_H

#include "ledger/store/store.h"

struct store_ops {
    void (*close)(struct store *s);
    int (*get)(struct store *s, enum store_space space, struct span key, struct buf *ret_value,
        struct ws_err *err);
    int (*each)(struct store *s, enum store_space space, struct span prefix, struct span from,
        store_each_fn fn, void *ctx, struct ws_err *err);
    int (*last)(struct store *s, enum store_space space, struct span prefix, struct buf *ret_key,
        struct buf *ret_value, struct ws_err *err);
    struct store_batch *(*batch_new)(struct store *s);
    void (*batch_put)(
        struct store_batch *b, enum store_space space, struct span key, struct span value);
    void (*batch_del)(struct store_batch *b, enum store_space space, struct span key);
    int (*batch_write)(struct store_batch *b, struct ws_err *err);
    uint64_t (*disk_octets)(struct store *s);
};

/* First member of each implementation's own structures. */
struct store {
    const struct store_ops *ops;
};
struct store_batch {
    struct store *store;
};

#endif
