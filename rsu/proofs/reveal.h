/* One message that spoke for a change of the map, with the path that leads from it to the evidence root in the change's
 * record: whoever has the proven record can check it with nothing else. Any thread. */
#ifndef WAYSIDE_RSU_PROOFS_REVEAL_H
#define WAYSIDE_RSU_PROOFS_REVEAL_H

#include "ledger/exec/tx.h"
#include "ledger/light/merkle.h"
#include "mapsvc/fuse/diff.h"
#include "mapsvc/fuse/evidence.h"
#include "mapsvc/fuse/observation.h"

#define REVEAL_TX_MAX (64U << 10) /* an observation and its signature are far smaller */
#define REVEAL_MAX (REVEAL_TX_MAX + 4096)

struct reveal {
    hash32 change;
    struct list_proof proof; /* index: which of the first `total` messages in favour */
    struct span tx; /* borrowed */
};
void reveal_encode(const struct reveal *r, struct buf *b);
WARN_UNUSED int reveal_decode(struct span s, struct reveal *ret_reveal, struct ws_err *err);
/* The path of message `index` in the list; its transaction is the caller's to add. index < n. */
void reveal_make(const hash32 change, const struct evidence_leaf *list, size_t n, size_t index,
    struct reveal *ret_reveal);
/* WS_EINPUT when the message is not among those the change's evidence root commits to, or is no observation. */
WARN_UNUSED int reveal_check(const struct reveal *r, const struct change_record *c,
    struct observation *ret_observation, struct ws_err *err);

#endif
