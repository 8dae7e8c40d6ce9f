/* Shared by the verbs of rsuctl ledger: data folders of units that stand still, and what is said of them. */
#ifndef WAYSIDE_RSU_CTL_LEDGER_H
#define WAYSIDE_RSU_CTL_LEDGER_H

#include "ledger/snapshot/make.h"
#include "ledger/snapshot/meta.h"
#include "rsu/ctl/ctl.h"

enum { CTL_PATH = 4096 };

/* WS_ENOTFOUND, with a sentence, unless this is a data folder with a store. */
WARN_UNUSED int ctl_ledger_there(const char *data, struct ws_err *err);
/* WS_EEXIST when something is there. */
WARN_UNUSED int ctl_ledger_free(const char *folder, struct ws_err *err);
/* Where a store is. WS_ENOTFOUND: it holds no block. */
WARN_UNUSED int ctl_ledger_at(struct store *s, struct meta_node *ret_at, struct ws_err *err);
/* The store of a data folder, to read from: as it is at this moment, also while a unit runs on it. */
WARN_UNUSED int ctl_ledger_read(const char *data, struct store **ret_store, struct ws_err *err);
/* To write to: refuses while a unit runs on it, and makes it when there is none. */
WARN_UNUSED int ctl_ledger_write(const char *data, struct store **ret_store, struct ws_err *err);
/* CTL_NO for what is wrong with the content, CTL_UNREACHABLE for what cannot be reached or read. */
enum ctl_code ctl_ledger_code(int rc);

/* The contracts of every cell, by their place. */
const char *ctl_ledger_contract(size_t i);
json_t *ctl_ledger_manifest(const struct manifest *m);
void ctl_ledger_tell(const struct manifest *m, struct buf *out);

/* How a header is trusted: by genesis, or by an id from elsewhere. */
struct ctl_ledger_trust {
    const char *genesis, *fingerprint, *block_id;
};
/* CTL_DONE: the manifest is of this cell and true. Else everything has been said. */
WARN_UNUSED int ctl_ledger_believe(
    const struct ctl_verb *v, const struct ctl_ledger_trust *t, const struct manifest *m);

#endif
