/* Which messages speak for a change: their leaf hashes, with the heights of their blocks. A change record commits to them
 * by their root; the state keeps the list for some time, so that any one of them can be shown and checked.
 *
 * State keys of the map contract: "x" change id(32) the list; "y" until(8) change id(32), empty, when it goes. Pure but for
 * the host; any thread for the list. */
#ifndef WAYSIDE_MAPSVC_FUSE_EVIDENCE_H
#define WAYSIDE_MAPSVC_FUSE_EVIDENCE_H

#include "base/bytes.h"
#include "ledger/exec/contract.h"

#define EVIDENCE_MAX 256 /* messages of one change */
#define EVIDENCE_KEPT_MAX 8192 /* changes; beyond, the oldest list goes */
#define EVIDENCE_LEAF_OCTETS 40

struct evidence_leaf {
    uint64_t height;
    uint8_t leaf[32]; /* of the transaction */
};
void evidence_root(const struct evidence_leaf *list, size_t n, uint8_t ret_root[static 32]);
void evidence_put(struct buf *b, const struct evidence_leaf *list, size_t n);
/* Of a value of state: version octet 01 and the list. False, and nothing read, for anything else. */
bool evidence_read(struct span value, struct evidence_leaf ret[static EVIDENCE_MAX], size_t *ret_n);

/* Keeps the list of a change until a time; *n_kept: how many are kept. */
void evidence_keep(struct exec_host *h, const uint8_t change[static 32],
    const struct evidence_leaf *list, size_t n, uint64_t until, size_t *n_kept);
/* Lets go of what is due. */
void evidence_forget(struct exec_host *h, uint64_t now, size_t *n_kept);
size_t evidence_count(struct exec_host *h); /* after a restart */

#endif
