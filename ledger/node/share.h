/* Snapshots over links (ledger/net/link.proto, kinds 10 to 13): who has one answers, who begins joins by one. No socket,
 * no clock, no thread: messages and time come in, messages go out, files are read and written here.
 *
 * A message of another kind, or one that makes no sense, is nobody's: the caller counts it. One thread for each object. */
#ifndef WAYSIDE_LEDGER_NODE_SHARE_H
#define WAYSIDE_LEDGER_NODE_SHARE_H

#include "ledger/snapshot/manifest.h"

#define SHARE_PEERS_MAX 128

typedef void (*share_send_fn)(void *ctx, size_t peer, struct span msg);

/* False: a message of the ledger, or of something else. Looks at the first octet only. */
bool share_owns(struct span msg);

/* ---- who has snapshots ---- */
struct share_server_config {
    const char *folder; /* of finished snapshots (make.h); copied */
    uint64_t octets_per_s; /* for each peer */
    share_send_fn send;
    void *ctx;
};
struct share_server;
struct share_server *share_server_new(const struct share_server_config *cfg);
void share_server_free(struct share_server *s); /* NULL is allowed */
/* False: no question. */
bool share_server_message(struct share_server *s, size_t peer, struct span msg, uint64_t mono_us);
/* Sends what budgets allow; when it wants to be called again, monotonic. */
uint64_t share_server_tick(struct share_server *s, uint64_t mono_us);

/* ---- who joins ---- */
enum share_state {
    SHARE_ASKING, /* for offers */
    SHARE_FETCHING,
    SHARE_DONE, /* the file is whole and durable */
    SHARE_NONE, /* nobody has one that can be trusted, in time: fetch blocks */
};
struct share_join_config {
    const char *folder; /* where the file grows; what an earlier run left is taken up. Copied */
    size_t n_peers;
    /* Whether a manifest is the cell's, under whatever is trusted already. WS_OK: yes. */
    int (*trust)(void *ctx, const struct manifest *m, struct ws_err *err);
    uint64_t least_height; /* older ones are of no use */
    uint64_t patience_us; /* without an offer, or without any chunk */
    share_send_fn send;
    void *ctx;
};
struct share_counters {
    uint64_t offers, distrusted, chunks, octets, refused, gone, timeouts;
};
struct share_join;
struct share_join *share_join_new(const struct share_join_config *cfg, uint64_t mono_us);
void share_join_free(struct share_join *j); /* keeps an unfinished file for the next time */
bool share_join_message(struct share_join *j, size_t peer, struct span msg, uint64_t mono_us);
uint64_t share_join_tick(struct share_join *j, uint64_t mono_us); /* as above */
enum share_state share_join_state(const struct share_join *j);
const char *share_join_path(const struct share_join *j); /* of the file; SHARE_DONE */
struct share_counters share_join_counters(const struct share_join *j);
/* For a line of progress: chunks held and of how many; SHARE_FETCHING. */
void share_join_progress(const struct share_join *j, size_t *ret_held, size_t *ret_all);

#endif
