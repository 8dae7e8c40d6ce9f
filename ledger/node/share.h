/* Snapshots over links (ledger/net/link.proto, kinds 10 to 13): who has one answers, who begins joins by one. No socket,
 * no clock, no thread: messages and time come in, messages go out, files are read and written here.
 *
 * A message of another kind, or one that makes no sense, is nobody's: the caller counts it. One thread for each object. */
#ifndef WAYSIDE_LEDGER_NODE_SHARE_H
#define WAYSIDE_LEDGER_NODE_SHARE_H

#include "ledger/node/query.h"
#include "ledger/node/share_belief.h"

#define SHARE_PEERS_MAX 128
/* Handovers with one offer; who needs more asks again. */
#define SHARE_HANDOVERS_MAX 64
#define SHARE_HANDOVERS_OCTETS_MAX (1U << 17)

typedef void (*share_send_fn)(void *ctx, size_t peer, struct span msg);

/* False: a message of the ledger, or of something else. Looks at the first octet only. */
bool share_owns(struct span msg);

/* ---- who has snapshots ---- */
struct share_server_config {
    const char *folder; /* of finished snapshots (make.h); copied */
    uint64_t octets_per_s; /* for each peer */
    /* As query_handovers (the first three arguments behind the store are its own). */
    int (*handovers)(void *ctx, uint64_t after, uint64_t below, size_t max,
        struct query_handovers *ret, struct ws_err *err);
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
    const struct light_trust *trust; /* where belief begins; has its next set. Copied */
    light_verify_fn verify;
    uint64_t least_height; /* older ones are of no use */
    uint64_t patience_us; /* without an offer, or without any chunk */
    /* So many peers that say they have none are answer enough, before the patience ends: in a cell that begins, nobody
     * should wait for what nobody has. 0: they never are; SHARE_PEERS_MAX is the most. */
    size_t none_enough;
    share_send_fn send;
    void *ctx;
};
struct share_counters {
    uint64_t offers, distrusted, chunks, octets, refused, gone, timeouts;
    uint64_t handovers; /* crossed */
    uint64_t bad_handovers; /* offers refused for theirs: counted as distrusted, too */
    uint64_t unproven; /* offers of a committee that the way shown did not reach (yet) */
    uint64_t restarts; /* snapshots given up because their sources lost them or fell silent */
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
