/* Taking the newest blocks of a store back, on a unit that stands still: the state becomes what it was, and what execution
 * made of those blocks (headers as accepted, events, index, places of transactions) goes. The blocks themselves and
 * their commits stay: a node that starts on the store executes them anew before it does anything else, so no committed
 * block is lost even when all units of a cell go back. */
#ifndef WAYSIDE_LEDGER_SNAPSHOT_ROLLBACK_H
#define WAYSIDE_LEDGER_SNAPSHOT_ROLLBACK_H

#include "base/error.h"
#include "ledger/store/store.h"

struct rollback_done {
    uint64_t from, to;
};
/* to < height of the store. The validator of this store signs nothing up to the height it was at; what it said of the next
 * one is in its log, which stays as it is. WS_ENOTFOUND: undo records reach less far (the text says how far). WS_EINPUT: the state would not be what header
 * to + 1 commits to; nothing changed. */
WARN_UNUSED int rollback(
    struct store *s, uint64_t to, struct rollback_done *ret_done, struct ws_err *err);

#endif
