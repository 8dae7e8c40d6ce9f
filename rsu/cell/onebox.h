/* A whole cell in one process on virtual time: the shipped node, the twins of store and log, and a network that
 * delivers each message after a fixed delay. Same calls, same answers, on every machine. One thread. */
#ifndef WAYSIDE_RSU_CELL_ONEBOX_H
#define WAYSIDE_RSU_CELL_ONEBOX_H

#include "ledger/node/node.h"
#include "rsu/cell/cell.h"

struct onebox;

struct onebox_config {
    struct span genesis; /* all validators' seeds must be given */
    const struct mapset *map;
    size_t n; /* validators */
    const uint8_t (*seeds)[32]; /* Ed25519 seeds, in any order */
    uint64_t delay_us; /* one way, between any two */
    struct node_limits limits;
    struct ws_now start;
    bool any_map_version; /* cell_take_any_map_version */
    /* Called once for each block, when the first validator has made it durable. */
    void (*committed)(void *ctx, size_t validator, const struct block *b, const struct commit *c,
        const struct exec_outcome *o);
    /* A vehicle's message is in the validator's mempool; may be NULL. */
    void (*taken)(void *ctx, size_t validator, const struct tx *t);
    void *ctx;
};
WARN_UNUSED int onebox_new(
    const struct onebox_config *cfg, struct onebox **ret_box, struct ws_err *err);
void onebox_free(struct onebox *b);

struct ws_now onebox_now(const struct onebox *b);
/* Runs everything that is due up to the instant (both clocks advance together). */
WARN_UNUSED int onebox_run_until(struct onebox *b, uint64_t mono_us, struct ws_err *err);
/* Moves the cell clock ahead without running anything: a gap in a capture during which nothing happens. */
void onebox_skip(struct onebox *b, uint64_t us);
/* No transaction waits anywhere, no message is on its way to change anything, the last block had no events. */
bool onebox_quiet(const struct onebox *b);

/* A crash and a start: the node is thrown away where it stands and opened again on what its store and log hold;
 * messages on their way to it are lost. */
WARN_UNUSED int onebox_restart(struct onebox *b, size_t validator, struct ws_err *err);

struct node *onebox_node(struct onebox *b, size_t validator); /* index in the genesis set */
const struct cell *onebox_cell(const struct onebox *b, size_t validator);
struct store *onebox_store(struct onebox *b, size_t validator);

#endif
