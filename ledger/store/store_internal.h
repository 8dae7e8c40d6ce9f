/* One table of functions for each kind of store; store.c dispatches and remembers failures. Private to
 * ledger/store. Semantics of each entry: the function of the same name in store.h. */
#ifndef WAYSIDE_LEDGER_STORE_STORE_INTERNAL_H
#define WAYSIDE_LEDGER_STORE_STORE_INTERNAL_H

#include "ledger/store/fault.h"

#include <stdatomic.h>

struct store_ops {
    void (*close)(struct store *s);
    int (*get)(struct store *s, enum store_space space, struct span key, struct buf *ret_value,
        struct ws_err *err);
    int (*each)(struct store *s, enum store_space space, struct span prefix, struct span from,
        store_each_fn fn, void *ctx, struct ws_err *err);
    int (*last)(struct store *s, enum store_space space, struct span prefix, struct buf *ret_key,
        struct buf *ret_value, struct ws_err *err);
    struct store_batch *(*batch_new)(struct store *s);
    void (*put)(struct store_batch *b, enum store_space space, struct span key, struct span value);
    void (*del)(struct store_batch *b, enum store_space space, struct span key);
    void (*del_range)(
        struct store_batch *b, enum store_space space, struct span from, struct span to);
    int (*write)(struct store *s, struct store_batch *b, bool synced, struct ws_err *err);
    void (*batch_free)(struct store_batch *b);
    uint64_t (*disk_octets)(struct store *s);
    struct store *(*view)(struct store *s);
    struct store_bulk *(*bulk_new)(struct store *s);
    int (*bulk_put)(struct store_bulk *b, struct span key, struct span value, struct ws_err *err);
    int (*bulk_end)(struct store_bulk *b, struct ws_err *err);
    void (*bulk_free)(struct store_bulk *b);
    int (*compact)(struct store *s, enum store_space space, struct span from, struct span to,
        struct ws_err *err);
};

/* First member of each kind's own structure. */
struct store {
    const struct store_ops *ops;
    atomic_bool failed; /* set after `why` is complete, by the thread that writes batches */
    struct ws_err why;
    bool read_only; /* a view, or opened to read */
    store_point_fn point;
    void *point_ctx;
};

struct store_batch {
    struct store *store;
    struct buf state_keys; /* var each: keys of STORE_STATE that the batch changes */
};

struct store_bulk {
    struct store *store;
    enum store_space space;
};

/* The smallest key above all keys with this prefix goes to ret_above; false when there is none (the prefix is
 * empty or all ones). */
bool store_prefix_above(struct span prefix, struct buf *ret_above);

#endif
