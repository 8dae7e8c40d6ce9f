/* Against a disk that comes back: a validator whose data folder is put back from a copy, or runs twice from one, has forgotten
 * what it said since, and would contradict itself. A record beside the store counts starts and, when the machine has
 * a counter that goes up only (a TPM's, or anything behind the callbacks), follows that counter: a record that is
 * behind it is a copy, and nothing is signed with it (consensus facts, section 11).
 *
 * The record moves first and durably, then the counter; so at a start the record is at the counter or one ahead of
 * it, whatever died in between. It moves at each start and every `every` heights: of a younger copy only the heights since
 * the last move are unguarded, and these the node guards by listening (node_limits.listen_us).
 *
 * A machine with a counter that finds no record does not know what this key has said: the record was removed (which is how an
 * operator who is sure ends a refusal), or the folder is a copy without it. The unit then listens before it speaks even where
 * a log is found, because the log may be the copy's; the new record says so until the heights of that log are behind it.
 *
 * Record, 60 octets: "WSGUARD" 01, instance (16), starts (8), counter (8), height (8), listens up to height (8; 0: no, all ones:
 * not known yet), CRC32C (4). One thread. */
#ifndef WAYSIDE_LEDGER_STORE_SIGN_GUARD_H
#define WAYSIDE_LEDGER_STORE_SIGN_GUARD_H

#include "base/bytes.h"
#include "base/error.h"

#define SIGN_INSTANCE_OCTETS 16

/* Both return WS_OK or WS_EIO with a text. */
struct sign_counter {
    int (*read)(void *ctx, uint64_t *ret_value, struct ws_err *err);
    /* By one; the new value. */
    int (*advance)(void *ctx, uint64_t *ret_value, struct ws_err *err);
    void *ctx;
};

struct sign_guard {
    char path[4096];
    const struct sign_counter *counter; /* NULL: the machine has none */
    uint64_t every; /* heights between moves */
    uint8_t instance[SIGN_INSTANCE_OCTETS]; /* drawn when the record began */
    uint64_t starts; /* this one included */
    uint64_t at; /* of the counter */
    uint64_t height; /* of the last move */
    uint64_t listen; /* at heights up to it logs are not believed to be whole; 0: they are */
};
/* instance: 16 random octets, used when there is no record yet. counter is borrowed. WS_EINPUT: a copy, another machine's
 * record, or damaged; nothing changed. WS_EIO. When ret_guard->listen is not 0 the node must listen before it speaks
 * (node_limits.listen_always). */
WARN_UNUSED int sign_guard_open(const char *path, const struct sign_counter *counter,
    uint64_t every, const uint8_t instance[static SIGN_INSTANCE_OCTETS],
    struct sign_guard *ret_guard, struct ws_err *err);
/* Whether sign_guard_open would take it; nothing is written and the counter does not move. */
WARN_UNUSED int sign_guard_check(
    const char *path, const struct sign_counter *counter, struct ws_err *err);
/* The validator is at this height; cheap unless it is time to move. An error stops it from signing. */
WARN_UNUSED int sign_guard_height(struct sign_guard *g, uint64_t height, struct ws_err *err);

/* Reference: a counter in a file, which should be on another disk than what it guards. ctx is the path. */
WARN_UNUSED int sign_counter_file_read(void *ctx, uint64_t *ret_value, struct ws_err *err);
WARN_UNUSED int sign_counter_file_advance(void *ctx, uint64_t *ret_value, struct ws_err *err);

#endif
