#include "ledger/snapshot/folder.h"

#include "base/fileio.h"
#include "ledger/snapshot/meta.h"
#include "ledger/snapshot/scan.h"
#include "ledger/store/wal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATH = 4096, LOG_EVENT = 1 };
static const char *const logs[] = {FOLDER_LOG_EVEN, FOLDER_LOG_ODD};

static int at_point(const struct folder_restore *how, enum folder_point at, struct ws_err *err) {
    return how->point == NULL || how->point(how->ctx, at)
               ? WS_OK
               : ws_fail(err, WS_EIO, "stopped at point %d", (int)at);
}

static int path_of(const struct folder_restore *how, size_t log, const char *more,
    char ret_path[static PATH], struct ws_err *err) {
    int n = snprintf(ret_path, PATH, "%s/%s%s", how->data, logs[log], more);
    return n < PATH ? WS_OK : ws_fail(err, WS_EINPUT, "%s: the path is too long", how->data);
}

/* ---- what was said ---- */

/* Event records begin with a version octet and their height (ledger/node/recover.c). */
static int highest(void *ctx, uint8_t type, struct span payload, struct ws_err *err) {
    (void)err;
    uint64_t *most = ctx;
    if (type == LOG_EVENT && payload.n >= 9 && be64(payload.p + 1) > *most)
        *most = be64(payload.p + 1);
    return WS_OK;
}

static int read_log(const char *path, uint64_t *floor, struct ws_err *err) {
    struct wal *w = NULL;
    if (access(path, F_OK) != 0)
        return errno == ENOENT ? WS_OK : ws_fail(err, WS_EIO, "%s: %s", path, strerror(errno));
    int rc = wal_open_file(path, &w, NULL, err);
    if (rc == WS_OK)
        rc = wal_replay(w, highest, floor, err);
    wal_close(w);
    return rc;
}

/* Also in what an earlier restore put aside: its store may be gone since. */
static int read_floor(const struct folder_restore *how, uint64_t *ret_floor, struct ws_err *err) {
    int rc = WS_OK;
    *ret_floor = 0;
    for (size_t i = 0; i < ARRAY_LEN(logs) && rc == WS_OK; i++) {
        char path[PATH];
        char aside[PATH];
        rc = path_of(how, i, "", path, err);
        if (rc == WS_OK)
            rc = path_of(how, i, FOLDER_LOG_ASIDE, aside, err);
        if (rc == WS_OK)
            rc = read_log(path, ret_floor, err);
        if (rc == WS_OK)
            rc = read_log(aside, ret_floor, err);
    }
    return rc;
}

/* ---- before the end ---- */

/* Read back and compared: the last word is what is on the disk. */
static int check_store(const struct folder_restore *how, struct ws_err *err) {
    const struct manifest *m = snapshot_manifest(how->from);
    struct scan scan = {.store = how->into};
    hash32 roots[STATE_CONTRACTS_MAX];
    hash32 root;
    int rc = scan_state_root(&scan, m->n, roots, root, err);
    if (rc == WS_OK && memcmp(root, m->next.state_root, 32) != 0)
        rc = ws_fail(err, WS_EIO,
            "what was written is not what was read: the disk or the memory of "
            "this machine is broken");
    return rc;
}

static int put_aside(const struct folder_restore *how, size_t log, struct ws_err *err) {
    char path[PATH];
    char aside[PATH];
    int rc = path_of(how, log, "", path, err);
    if (rc == WS_OK)
        rc = path_of(how, log, FOLDER_LOG_ASIDE, aside, err);
    if (rc == WS_OK && rename(path, aside) != 0 && errno != ENOENT)
        rc = ws_fail(err, WS_EIO, "%s: %s", path, strerror(errno));
    return rc;
}

/* State and floor are on the disk, the mark still stands. */
static int before_end(void *ctx, struct ws_err *err) {
    const struct folder_restore *how = ctx;
    int rc = check_store(how, err);
    if (rc == WS_OK)
        rc = at_point(how, FOLDER_POINT_STATE, err);
    if (rc == WS_OK)
        rc = put_aside(how, 0, err);
    if (rc == WS_OK)
        rc = at_point(how, FOLDER_POINT_ASIDE, err);
    if (rc == WS_OK)
        rc = put_aside(how, 1, err);
    if (rc == WS_OK)
        rc = at_point(how, FOLDER_POINT_SYNC, err);
    if (rc == WS_OK)
        rc = dir_sync(how->data, err);
    return rc == WS_OK ? at_point(how, FOLDER_POINT_SYNCED, err) : rc;
}

int folder_restore(const struct folder_restore *how, struct ws_err *err) {
    struct folder_restore here = *how;
    struct snapshot_restore restore = {
        .from = how->from, .into = how->into, .before_end = before_end, .ctx = &here};
    int rc = read_floor(how, &restore.floor, err);
    if (rc == WS_OK)
        rc = at_point(how, FOLDER_POINT_READ, err);
    if (rc == WS_OK)
        rc = snapshot_restore(&restore, err);
    return rc == WS_OK ? at_point(how, FOLDER_POINT_DONE, err) : rc;
}
