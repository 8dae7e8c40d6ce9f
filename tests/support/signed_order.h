/* Orders as transactions, signed by authorities whose keys a test holds. Any thread. */
#ifndef WAYSIDE_TESTS_SUPPORT_SIGNED_ORDER_H
#define WAYSIDE_TESTS_SUPPORT_SIGNED_ORDER_H

#include "ledger/exec/crypto.h"
#include "ledger/exec/tx.h"

/* Signs o, which has no signature yet, for authority i of the genesis when bit i of `who` is set, with authority[i], and
 * appends the transaction. */
void signed_order_put(struct buf *ret_tx, const hash32 cell_id, struct order *o,
    struct signer *const *authority, unsigned who);

#endif
