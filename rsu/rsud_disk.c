/* What the daemon does about its disk: the keeper's thread, and the bundle of a divergence. */
#include "rsu/rsud_internal.h"

#include "base/fileio.h"
#include "base/log.h"
#include "ledger/snapshot/bundle.h"

#include <stdio.h>
#include <sys/statvfs.h>

enum { DISK_CHECK_US = 10000000, COMPACT_HEIGHTS = 5000 };

int daemon_check_room(const struct daemon *d, struct ws_err *err) {
    struct statvfs fs;
    int rc = dir_make(d->config.data, err);
    if (rc != WS_OK || statvfs(d->config.data, &fs) != 0)
        return rc;
    uint64_t free_octets = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (free_octets >= d->config.disk.reserve_octets)
        return WS_OK;
    return ws_fail(err, WS_EIO,
        "the disk of %s has %llu octets free, fewer than disk.reserve_mb: nothing was opened, "
        "nothing "
        "is damaged; make room and start again",
        d->config.data, (unsigned long long)free_octets);
}

int daemon_open_keeper(struct daemon *d, struct ws_err *err) {
    struct keeper_config cfg = d->config.disk;
    cfg.data = d->config.data;
    cfg.check_us = DISK_CHECK_US;
    cfg.compact_heights = COMPACT_HEIGHTS;
    return keeper_open(&cfg, d->face.store, &d->face.keeper, err);
}

void daemon_write_bundle(struct daemon *d) {
    struct header next;
    struct commit commit;
    const char *why = "";
    if (d->face.node == NULL || node_healthy(d->face.node, &why) ||
        !node_diverged(d->face.node, &next, &commit))
        return;
    struct bundle_about about = {.software = "rsud 0.1.0",
        .why = why,
        .policy_hash = policy_contract_hash(d->face.cell.policy),
        .next = &next,
        .next_commit = &commit,
        .contracts = executor_contracts(node_executor(d->face.node))};
    struct buf octets = {0};
    struct ws_err err = {0};
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/divergence-%llu" BUNDLE_SUFFIX, d->config.data,
        (unsigned long long)next.height - 1);
    int rc = bundle_make(d->face.store, &about, &octets, &err);
    if (rc == WS_OK)
        rc = file_write(path, buf_span(&octets), 0600, &err);
    if (rc == WS_OK)
        ws_log(WS_LOG_ERROR, "rsud",
            "written down in %s: compare with another unit (rsuctl ledger diff), then rsuctl "
            "ledger "
            "rollback %s --blocks 1",
            path, d->config.data);
    else
        ws_log(WS_LOG_ERROR, "rsud", "the divergence could not be written down: %s", err.text);
    buf_free(&octets);
}
