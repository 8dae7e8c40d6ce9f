/* What the daemon does about its disk: the keeper's thread, and the bundle of a divergence. */
#include "rsu/daemon/rsud_internal.h"

#include "base/fileio.h"
#include "base/log.h"
#include "base/random.h"
#include "ledger/exec/hash.h"
#include "ledger/snapshot/bundle.h"
#include "ledger/snapshot/meta.h"
#include "rsu/host/sign_command.h"

#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { DISK_CHECK_US = 10000000, COMPACT_HEIGHTS = 5000, GENESIS_MAX = 16U << 20 };

/* Of the folder, or of the one that it will be made in. */
static int check_room(const struct config *c, struct ws_err *err) {
    struct statvfs fs;
    char above[4096];
    (void)snprintf(above, sizeof(above), "%s", c->data);
    char *slash = strrchr(above, '/');
    if (slash != NULL)
        slash[slash == above ? 1 : 0] = '\0';
    if (statvfs(c->data, &fs) != 0 && statvfs(slash == NULL ? "." : above, &fs) != 0)
        return WS_OK;
    uint64_t free_octets = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (free_octets >= c->disk.reserve_octets)
        return WS_OK;
    return ws_fail(err, WS_EIO,
        "the disk of %s has %llu octets free, fewer than disk.reserve_mb: nothing was opened, "
        "nothing "
        "is damaged; make room and start again",
        c->data, (unsigned long long)free_octets);
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
            "written down in %s: compare with another unit, which may run (rsuctl ledger diff %s "
            "ITS-DATA-FOLDER; when it is too far ahead the command says what to do), then, with "
            "the cause mended, rsuctl ledger rollback %s --blocks 1",
            path, path, d->config.data);
    else
        ws_log(WS_LOG_ERROR, "rsud", "the divergence could not be written down: %s", err.text);
    buf_free(&octets);
}

void daemon_say_way_out(const struct config *c, enum daemon_part damaged) {
    const char *data = c->data;
    switch (damaged) {
    case PART_STORE:
        (void)fprintf(stderr,
            "rsud: to go on, while the other units run:\n"
            "  mv %s %s.damaged\n"
            "and start again: the unit fetches everything from them, and listens before it speaks. "
            "With a snapshot instead: see rsuctl ledger --help\n",
            data, data);
        break;
    case PART_LOGS:
        (void)fprintf(stderr,
            "rsud: to go on, if no other machine runs with this key:\n"
            "  rm -f %s/consensus-even.log %s/consensus-odd.log\n"
            "and start again: blocks and state stay, and the unit hears from the others what it "
            "has "
            "said before it speaks\n",
            data, data);
        break;
    case PART_STATE:
        (void)fprintf(stderr,
            "rsud: what it is:\n"
            "  rsuctl ledger replay %s --genesis %s --map base.wmap\n"
            "taking the last block back, to be executed again:\n"
            "  rsuctl ledger rollback %s --blocks 1\n"
            "if that is refused, or does not help, while the other units run:\n"
            "  mv %s %s.damaged\n"
            "and start again: the unit fetches everything from them, and listens before it "
            "speaks\n",
            data, c->genesis, data, data, data);
        break;
    case PART_NONE:
        break;
    }
}

static struct sign_counter counter_of(const struct config *c) {
    static const char file[] = "file:";
    static const char command[] = "command:";
    char *spec = c->sign_counter;
    if (spec == NULL)
        return (struct sign_counter){NULL, NULL, NULL};
    if (strncmp(spec, file, sizeof(file) - 1) == 0)
        return (struct sign_counter){
            sign_counter_file_read, sign_counter_file_advance, spec + sizeof(file) - 1};
    return (struct sign_counter){
        sign_command_read, sign_command_advance, spec + sizeof(command) - 1};
}

static int check_guard(const struct config *c, struct ws_err *err) {
    char path[4096];
    const struct sign_counter counter = counter_of(c);
    if (c->key == NULL)
        return WS_OK;
    if (counter.read == sign_counter_file_read &&
        config_check_folder_of(counter.ctx, "sign_counter", err) != WS_OK)
        return err->code;
    (void)snprintf(path, sizeof(path), "%s/sign-guard", c->data);
    return sign_guard_check(path, c->sign_counter == NULL ? NULL : &counter, err);
}

int daemon_check_disk(
    const struct config *c, bool *ret_running, enum daemon_part *ret_damaged, struct ws_err *err) {
    char path[4096];
    *ret_running = false;
    int rc = check_room(c, err);
    for (int i = 0; i < 2 && rc == WS_OK; i++) {
        (void)snprintf(path, sizeof(path), "%s/consensus-%s.log", c->data, i == 0 ? "even" : "odd");
        rc = wal_check_file(path, err);
        if (rc == WS_EBUSY) { /* a unit runs on it: it has looked, and goes on changing it */
            *ret_running = true;
            return WS_OK;
        }
        if (rc == WS_EINPUT)
            *ret_damaged = PART_LOGS;
    }
    return rc == WS_OK ? check_guard(c, err) : rc;
}

int daemon_check_store(const struct config *c, enum daemon_part *ret_damaged, struct ws_err *err) {
    char path[4096];
    struct store *s = NULL;
    struct meta_node meta;
    struct buf genesis = {0};
    hash32 id;
    (void)snprintf(path, sizeof(path), "%s/store/CURRENT", c->data);
    if (access(path, F_OK) != 0)
        return WS_OK;
    path[strlen(path) - strlen("/CURRENT")] = '\0';
    int rc = store_open_rocks_read(path, (size_t)c->store_cache_mb << 20, &s, err);
    if (rc == WS_OK)
        rc = meta_read_node(s, &meta, err);
    if (rc == WS_EINPUT)
        *ret_damaged = PART_STORE;
    bool has_node = rc == WS_OK;
    if (rc == WS_ENOTFOUND)
        rc = WS_OK;
    if (rc == WS_OK)
        rc = file_read(c->genesis, GENESIS_MAX, &genesis, err);
    if (rc == WS_OK) {
        genesis_cell_id(exec_sha256, buf_span(&genesis), id);
        if (has_node && memcmp(id, meta.cell_id, sizeof(id)) != 0)
            rc = ws_fail(err, WS_EINPUT, "%s: belongs to another cell than %s", path, c->genesis);
    }
    buf_free(&genesis);
    store_close(s);
    return rc;
}

int daemon_open_guard(struct daemon *d, struct ws_err *err) {
    if (d->signer == NULL)
        return WS_OK;
    const char *spec = d->config.sign_counter;
    d->sign_counter = counter_of(&d->config);
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
