/* What a consensus log is written on: a file, or memory. Private to the log. Sizes and offsets are octets
 * from the start of the medium. One thread. */
#ifndef WAYSIDE_LEDGER_STORE_WAL_MEDIUM_H
#define WAYSIDE_LEDGER_STORE_WAL_MEDIUM_H

#include "ledger/store/fault.h"

struct wal_medium;

struct wal_medium_ops {
    int (*read_at)(struct wal_medium *m, uint64_t at, uint8_t *dst, size_t n, struct ws_err *err);
    int (*append)(struct wal_medium *m, struct span head, struct span body, struct ws_err *err);
    int (*sync)(struct wal_medium *m, struct ws_err *err);
    int (*cut)(struct wal_medium *m, uint64_t size, struct ws_err *err); /* synced */
    /* The medium holds `all` and nothing else; after a crash before the next sync it may hold the old content. */
    int (*replace)(struct wal_medium *m, struct span all, struct ws_err *err);
    void (*close)(struct wal_medium *m);
};

struct wal_medium {
    const struct wal_medium_ops *ops;
    uint64_t size;
    const char *name; /* for texts */
    wal_point_fn point;
    void *point_ctx;
    bool fail_armed; /* sync fails after this many */
    uint64_t syncs_left;
};

/* WS_OK, or the failure a test asked for at this point. */
WARN_UNUSED int wal_at(struct wal_medium *m, enum wal_point at, struct ws_err *err);

struct wal_medium *wal_medium_memory(void);
/* Takes a copy: what a file with these octets would be. */
struct wal_medium *wal_medium_octets(struct span all);
/* Only the first `keep` of the octets that are not synced stay. */
void wal_medium_crash(struct wal_medium *m, uint64_t keep);
/* *ret_new: the file was not there and is empty now. */
WARN_UNUSED int wal_medium_file(
    const char *path, struct wal_medium **ret_medium, bool *ret_new, struct ws_err *err);

/* To read from only: nothing is made, cut or removed. *ret_medium is NULL when there is no file; WS_EBUSY: another process has it
 * open. */
WARN_UNUSED int wal_medium_look(
    const char *path, struct wal_medium **ret_medium, struct ws_err *err);

/* Makes a log of a medium with content (checks, cuts, syncs) or of an empty one (writes the start). Owns the
 * medium, also on failure. */
WARN_UNUSED int wal_open_medium(struct wal_medium *m, bool fresh, uint64_t nonce,
    struct wal **ret_wal, uint64_t *ret_cut, struct ws_err *err);

#endif
