/* A contract host over the town's trust roots with a contract of the tests' own: blocks are made by hand, checked and
 * run. No node, no consensus. One thread. */
#ifndef WAYSIDE_TESTS_SUPPORT_EXEC_RIG_H
#define WAYSIDE_TESTS_SUPPORT_EXEC_RIG_H

#include "ledger/exec/crypto.h"
#include "ledger/exec/executor.h"
#include "tests/support/town.h"

enum { RIG_AUTHORITIES = 3, RIG_PROBE = 3, RIG_REFUSED = 7, RIG_TXS_MAX = 2048 };

struct exec_rig {
    struct town town;
    struct buf genesis;
    struct executor *ex;
    struct signer *authority[RIG_AUTHORITIES];
    uint64_t time; /* of the last block */
    struct exec_outcome outcome; /* of the last block */
};

/* The genesis before it is used: three authorities; role policy needs two of 0, 1, 2; map one of 0, 1; identity one
 * of 0; committee is not in use. */
typedef void (*rig_edit_fn)(struct genesis *g);
void exec_rig_open(struct exec_rig *r, rig_edit_fn edit);
void exec_rig_close(struct exec_rig *r);
/* Another executor on the state of this one, as after a restart; the caller frees it. */
struct executor *exec_rig_restarted(struct exec_rig *r);

/* The probe takes map observations (psid 0x1d), DENM and orders of kind 1: a message leaves its leaf under its identity
 * and an event; an order "refuse" is not agreed to, "fail" gives RIG_REFUSED, anything else is kept under its role. */

/* Each gives one transaction; free with tx_unref. */
struct tx *rig_cert(const struct exec_rig *r, size_t car);
struct tx *rig_message(const struct exec_rig *r, size_t car, uint64_t time, int32_t value);
struct tx *rig_spdu(const struct exec_rig *r, size_t car, const struct spdu_request *rq);
struct rig_order {
    uint64_t sequence, expiry;
    enum exec_role role;
    uint16_t kind;
    const char *body;
    unsigned signers; /* bit i: authority i */
};
struct tx *rig_order(const struct exec_rig *r, const struct rig_order *o);

/* Verdict on one transaction in a block of its own at `time`. */
enum tx_verdict rig_verdict(struct exec_rig *r, uint64_t time, struct tx *t);
/* Runs a block (not checked) at `time` on ex; txs are borrowed. */
void rig_run_on(struct executor *ex, uint64_t time, struct tx *const *txs, size_t n,
    struct exec_outcome *ret_outcome);
/* The same on the rig's own; the outcome stays until the next. */
void rig_run(struct exec_rig *r, uint64_t time, struct tx *const *txs, size_t n);

#endif
