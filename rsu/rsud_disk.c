/* What the daemon does about its disk: the keeper's thread, and the bundle of a divergence. */
#include "rsu/rsud_internal.h"

#include "base/fileio.h"
#include "base/log.h"
#include "base/random.h"
#include "ledger/snapshot/bundle.h"
#include "rsu/sign_command.h"

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

int daemon_open_guard(struct daemon *d, struct ws_err *err) {
    if (d->signer == NULL)
        return WS_OK;
    static const char file[] = "file:";
    static const char command[] = "command:";
    char *spec = d->config.sign_counter;
    if (spec != NULL && strncmp(spec, file, sizeof(file) - 1) == 0)
        d->sign_counter = (struct sign_counter){
            sign_counter_file_read, sign_counter_file_advance, spec + sizeof(file) - 1};
    else if (spec != NULL)
        d->sign_counter = (struct sign_counter){
            sign_command_read, sign_command_advance, spec + sizeof(command) - 1};
    uint8_t instance[SIGN_INSTANCE_OCTETS];
    struct ws_random random = ws_random_system();
    ws_random_bytes(&random, instance, sizeof(instance));
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/sign-guard", d->config.data);
    int rc = sign_guard_open(path, spec == NULL ? NULL : &d->sign_counter,
        d->config.sign_counter_blocks, instance, &d->sign_guard, err);
    if (rc == WS_OK && d->sign_guard.listen != 0) {
        d->config.node.listen_always = true;
        ws_log(WS_LOG_WARN, "rsud",
            "%s was missing: what this validator has said is not known for sure, so it listens "
            "before it speaks; blocks and state are safe, and nothing needs to be done",
            path);
    }
    if (rc == WS_OK) {
        char hex[2 * SIGN_INSTANCE_OCTETS + 1];
        hex_encode(hex, d->sign_guard.instance, SIGN_INSTANCE_OCTETS);
        ws_log(WS_LOG_INFO, "rsud", "instance %s, start %llu%s", hex,
            (unsigned long long)d->sign_guard.starts, spec == NULL ? "" : ", sign counter in use");
    }
    return rc;
}

bool daemon_guard_height(struct daemon *d) {
    if (d->signer == NULL)
        return true;
    struct node_status s;
    struct ws_err err = {0};
    node_status(d->face.node, &s);
    if (sign_guard_height(&d->sign_guard, s.height, &err) == WS_OK)
        return true;
    ws_log(WS_LOG_ERROR, "rsud", "%s", err.text);
    return false;
}
