/* Walking the state in a store chunk by chunk, in bounded memory: one chunk at a time, and the hashes of a contract's
 * subtrees. The store is a view, or one that nobody writes to. Any thread. */
#ifndef WAYSIDE_LEDGER_SNAPSHOT_SCAN_H
#define WAYSIDE_LEDGER_SNAPSHOT_SCAN_H

#include "ledger/snapshot/chunk.h"
#include "ledger/snapshot/entries.h"

struct scan {
    struct store *store;
    const struct entries_past *past; /* may be NULL */
    /* Asked now and then, with the octets of state that were read since; may wait, or end it (false: WS_EBUSY). NULL:
     * goes on. */
    bool (*go_on)(void *ctx, uint64_t octets);
    void *ctx;
};

struct scan_size {
    uint64_t entries, octets;
    unsigned bits; /* so that no chunk is larger than CHUNK_OCTETS, if that can be */
};
/* WS_ELIMIT: even TREE_BITS_MAX bits leave a chunk larger than readers take. */
WARN_UNUSED int scan_size(
    const struct scan *s, uint8_t contract, struct scan_size *ret_size, struct ws_err *err);

/* Calls fn for each prefix that has entries, ascending; the entries are borrowed for the call. fn returns WS_OK or an
 * error that ends it. WS_EINPUT: a stored key does not have its own hash in front. */
typedef int (*scan_fn)(
    void *ctx, uint32_t prefix, const struct chunk_entries *entries, struct ws_err *err);
WARN_UNUSED int scan_chunks(const struct scan *s, uint8_t contract, unsigned bits, scan_fn fn,
    void *ctx, struct ws_err *err);
/* The same for one prefix alone. */
WARN_UNUSED int scan_chunk(const struct scan *s, uint8_t contract, unsigned bits, uint32_t prefix,
    scan_fn fn, void *ctx, struct ws_err *err);

/* The roots of all subtrees. On success ret_top is the caller's to free. */
WARN_UNUSED int scan_top(const struct scan *s, uint8_t contract, unsigned bits,
    struct tree_top *ret_top, struct ws_err *err);
/* Of the first n contracts; the state root they make. */
WARN_UNUSED int scan_state_root(
    const struct scan *s, size_t n, hash32 *ret_roots, hash32 ret_state_root, struct ws_err *err);

#endif
