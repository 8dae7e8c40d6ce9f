/* A snapshot onto the data folder of a unit, which may have validated before and lost its store: what it said since is in its
 * logs, which do not fit the restored state. They are read before anything changes, nothing is signed up to the heights they
 * speak of, and they are put aside. Power may go at any step: until the last one the store is marked as unfinished and no
 * node starts on it, the restore can be begun again, and the floor below which nothing is signed is in the store before the
 * logs leave their place. One thread; no node has the folder. */
#ifndef WAYSIDE_LEDGER_SNAPSHOT_FOLDER_H
#define WAYSIDE_LEDGER_SNAPSHOT_FOLDER_H

#include "ledger/snapshot/restore.h"

#define FOLDER_LOG_EVEN "consensus-even.log"
#define FOLDER_LOG_ODD "consensus-odd.log"
#define FOLDER_LOG_ASIDE ".before-restore" /* behind either name */

/* Places where a test can stand; see ledger/store/fault.h for those within a batch. */
enum folder_point {
    FOLDER_POINT_READ, /* the logs are read, nothing is written */
    FOLDER_POINT_STATE, /* the state is in and is what the header commits to */
    FOLDER_POINT_ASIDE, /* one log is put aside */
    FOLDER_POINT_SYNC, /* all are, the folder is not synced */
    FOLDER_POINT_SYNCED,
    FOLDER_POINT_DONE,
    FOLDER_POINT_COUNT
};
/* False: it ends there as if the power had gone. */
typedef bool (*folder_point_fn)(void *ctx, enum folder_point at);

struct folder_restore {
    struct snapshot *from; /* its manifest is trusted already */
    const char *data; /* folder with the logs, if there are any */
    struct store *into; /* of that folder */
    folder_point_fn point; /* tests only; may be NULL */
    void *ctx;
};
/* WS_EEXIST: the store holds blocks; nothing changed. Any other failure: call again. */
WARN_UNUSED int folder_restore(const struct folder_restore *how, struct ws_err *err);

#endif
