/* A cell of the town in one process on virtual time (rsu/cell/onebox.h): every validator a shipped node with one vote, its links
 * and disk twins. For tests that look at one thing of a cell that works; those that bend the network, the disks or the
 * clocks take tests/support/nodes.h. Asserts on failure. One thread. */
#ifndef WAYSIDE_TESTS_SUPPORT_TOWNBOX_H
#define WAYSIDE_TESTS_SUPPORT_TOWNBOX_H

#include "ledger/exec/crypto.h"
#include "rsu/cell/onebox.h"
#include "tests/support/town.h"

enum { TOWNBOX_MAX = 8, TOWNBOX_DELAY_US = 5000 };

struct townbox_plan {
    size_t n; /* validators, at most TOWNBOX_MAX */
    uint64_t delay_us; /* one way, between any two; 0: TOWNBOX_DELAY_US */
    uint64_t mono_us; /* at the start; 0: one second */
    const struct node_limits *limits; /* NULL: as by default */
    /* As in onebox_config; may be NULL. */
    void (*committed)(void *ctx, const struct block *b, const struct exec_outcome *o);
    void (*taken)(void *ctx, size_t validator, const struct tx *t);
    void *ctx;
};

struct townbox {
    struct town town;
    struct buf genesis;
    hash32 cell_id;
    size_t n;
    struct signer *signer[TOWNBOX_MAX]; /* by index in the genesis set */
    struct onebox *box;
    uint64_t highest; /* block that is durable somewhere */
    exec_code committee_code; /* last result of the committee's contract */
    struct townbox_plan plan;
};

void townbox_open(struct townbox *b, const struct townbox_plan *plan);
void townbox_close(struct townbox *b);

void townbox_run(struct townbox *b, uint64_t us);
/* Until a block of this height is durable; asserts that it takes no longer than `us`. */
void townbox_run_to(struct townbox *b, uint64_t height, uint64_t us);
void townbox_restart(struct townbox *b, size_t validator);

/* A car's message is handed to a validator, its certificate before it when that is not there yet. signature_good: as of
 * node_submit. */
enum tx_verdict townbox_hand_in(
    struct townbox *b, size_t validator, size_t car, struct span spdu, bool signature_good);
/* The same with a message of now, of a car that sees the sign with this value. */
enum tx_verdict townbox_report(struct townbox *b, size_t validator, size_t car, int32_t value);
/* The authority's order is handed to a validator. sequence: above all before it of this role. */
enum tx_verdict townbox_order(struct townbox *b, size_t validator, enum exec_role role,
    uint16_t kind, struct span body, uint64_t sequence);
/* That signs the next height. */
const struct validator_set *townbox_set(struct townbox *b);

#endif
