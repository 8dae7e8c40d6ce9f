/* rsuctl ledger snapshot: the state as one file, made on a unit that stands still, checked, and put on a new one. */
#include "rsu/ctl_ledger.h"

#include "base/fileio.h"
#include "ledger/snapshot/meta.h"
#include "ledger/snapshot/restore.h"
#include "ledger/store/wal.h"
#include "rsu/json_base.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct snap_args {
    const struct ctl_verb *v;
    const char *out, *into;
    struct ctl_ledger_trust trust;
    bool json;
    const char *word; /* data folder or file */
};

static int tell(const struct snap_args *a, const struct manifest *m, const char *key,
    const char *value, const char *line) {
    int code;
    if (a->json) {
        json_t *o = ctl_ledger_manifest(m);
        if (key != NULL)
            json_put(o, key, value == NULL ? json_true() : json_string(value));
        code = ctl_print_json(a->v, o);
        json_decref(o);
        return code;
    }
    struct buf b = {0};
    ctl_ledger_tell(m, &b);
    if (line != NULL)
        buf_printf(&b, "%s%s\n", line, value == NULL ? "" : value);
    code = ctl_print(a->v, buf_span(&b));
    buf_free(&b);
    return code;
}

/* ---- create ---- */

static int create(const struct snap_args *a) {
    struct store *s = NULL;
    struct ws_err err = {0};
    struct manifest m;
    char folder[CTL_PATH];
    char path[CTL_PATH + SNAPSHOT_NAME + 1];
    char name[SNAPSHOT_NAME];
    if (a->out == NULL)
        (void)snprintf(folder, sizeof(folder), "%s/snapshots", a->word);
    else
        (void)snprintf(folder, sizeof(folder), "%s", a->out);
    int rc = ctl_ledger_read(a->word, &s, &err);
    if (rc != WS_OK)
        return ctl_fail(a->v, CTL_UNREACHABLE, &err);
    struct snapshot_make how = {.store = s, .folder = folder};
    rc = snapshot_make(&how, &m, &err);
    store_close(s);
    if (rc != WS_OK)
        return ctl_fail(a->v, ctl_ledger_code(rc), &err);
    snapshot_name(name, m.last.height);
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    return tell(a, &m, "file", path, "written to ");
}

/* ---- show, verify ---- */

static int open_file(const struct snap_args *a, const char *path, struct snapshot **ret) {
    struct ws_err err = {0};
    int rc = snapshot_open(path, ret, &err);
    return rc == WS_OK
               ? CTL_DONE
               : ctl_fail(a->v, rc == WS_ENOTFOUND ? CTL_UNREACHABLE : ctl_ledger_code(rc), &err);
}

static int show(const struct snap_args *a) {
    struct snapshot *s = NULL;
    int code = open_file(a, a->word, &s);
    if (code != CTL_DONE)
        return code;
    code = tell(a, snapshot_manifest(s), NULL, NULL, NULL);
    snapshot_close(s);
    return code;
}

static int check_chunks(const struct snap_args *a, struct snapshot *s) {
    struct buf b = {0};
    struct ws_err err = {0};
    int rc = WS_OK;
    for (size_t i = 0; i < manifest_chunks(snapshot_manifest(s)) && rc == WS_OK; i++) {
        struct chunk c;
        buf_clear(&b);
        rc = snapshot_read(s, i, &b, &c, &err);
        chunk_entries_free(&c.entries);
    }
    buf_free(&b);
    return rc == WS_OK ? CTL_DONE : ctl_fail(a->v, ctl_ledger_code(rc), &err);
}

static int verify(const struct snap_args *a) {
    struct snapshot *s = NULL;
    int code = open_file(a, a->word, &s);
    if (code != CTL_DONE)
        return code;
    code = ctl_ledger_believe(a->v, &a->trust, snapshot_manifest(s));
    if (code == CTL_DONE)
        code = check_chunks(a, s);
    if (code == CTL_DONE)
        code = tell(a, snapshot_manifest(s), "holds", NULL, "every chunk holds");
    snapshot_close(s);
    return code;
}

/* ---- restore ---- */

/* Event records begin with a version octet and their height (ledger/node/recover.c). */
static int highest(void *ctx, uint8_t type, struct span payload, struct ws_err *err) {
    (void)err;
    uint64_t *most = ctx;
    if (type == 1 && payload.n >= 9 && be64(payload.p + 1) > *most)
        *most = be64(payload.p + 1);
    return WS_OK;
}

/* What the validator of this folder said is in its logs, which do not fit the restored store. They are put aside, and
 * nothing is signed up to the heights they speak of. */
static int put_logs_aside(const char *data, uint64_t *ret_floor, struct ws_err *err) {
    static const char *const logs[] = {"consensus-even.log", "consensus-odd.log"};
    *ret_floor = 0;
    for (size_t i = 0; i < 2; i++) {
        char path[CTL_PATH];
        char aside[CTL_PATH + 32];
        struct wal *w = NULL;
        (void)snprintf(path, sizeof(path), "%s/%s", data, logs[i]);
        (void)snprintf(aside, sizeof(aside), "%s.before-restore", path);
        if (access(path, F_OK) != 0)
            continue;
        int rc = wal_open_file(path, &w, NULL, err);
        if (rc == WS_OK)
            rc = wal_replay(w, highest, ret_floor, err);
        wal_close(w);
        if (rc == WS_OK && rename(path, aside) != 0)
            rc = ws_fail(err, WS_EIO, "%s: %s", path, strerror(errno));
        if (rc != WS_OK)
            return rc;
    }
    return WS_OK;
}

/* Read back and compared: the last word is what is on the disk. */
static int check_store(struct store *s, const struct manifest *m, struct ws_err *err) {
    struct scan scan = {.store = s};
    hash32 roots[STATE_CONTRACTS_MAX];
    hash32 root;
    int rc = scan_state_root(&scan, m->n, roots, root, err);
    if (rc == WS_OK && memcmp(root, m->next.state_root, 32) != 0)
        rc = ws_fail(err, WS_EIO,
            "what was written is not what was read: the disk or the memory of "
            "this machine is broken");
    return rc;
}

static int put_floor(struct store *s, uint64_t floor, struct ws_err *err) {
    if (floor == 0)
        return WS_OK;
    struct store_batch *b = store_batch_new(s);
    meta_put_floor(b, floor);
    return store_batch_write(b, err);
}

static int fill(const struct snap_args *a, struct snapshot *from, struct ws_err *err) {
    struct store *s = NULL;
    uint64_t floor = 0;
    int rc = dir_make(a->into, err);
    if (rc == WS_OK)
        rc = ctl_ledger_write(a->into, &s, err);
    struct snapshot_restore how = {.from = from, .into = s};
    if (rc == WS_OK)
        rc = snapshot_restore(&how, err);
    if (rc == WS_OK)
        rc = check_store(s, snapshot_manifest(from), err);
    if (rc == WS_OK)
        rc = put_logs_aside(a->into, &floor, err);
    if (rc == WS_OK)
        rc = put_floor(s, floor, err);
    store_close(s);
    return rc;
}

static int restore(const struct snap_args *a) {
    if (a->into == NULL)
        return ctl_misuse(a->v, "--into is needed: the data folder of the new unit");
    struct snapshot *s = NULL;
    struct ws_err err = {0};
    int code = open_file(a, a->word, &s);
    if (code != CTL_DONE)
        return code;
    code = ctl_ledger_believe(a->v, &a->trust, snapshot_manifest(s));
    if (code == CTL_DONE) {
        int rc = fill(a, s, &err);
        code = rc == WS_OK ? tell(a, snapshot_manifest(s), "into", a->into, "restored into ")
                           : ctl_fail(a->v, ctl_ledger_code(rc), &err);
    }
    snapshot_close(s);
    return code;
}

static int run(const struct ctl_verb *v, int argc, char **argv) {
    struct snap_args a = {.v = v};
    struct ctl_list words = {0};
    const struct ctl_option options[] = {
        {"out", CTL_TEXT, (void *)&a.out, 0, 0},
        {"into", CTL_TEXT, (void *)&a.into, 0, 0},
        {"genesis", CTL_TEXT, (void *)&a.trust.genesis, 0, 0},
        {"fingerprint", CTL_TEXT, (void *)&a.trust.fingerprint, 0, 0},
        {"block-id", CTL_TEXT, (void *)&a.trust.block_id, 0, 0},
        {"json", CTL_FLAG, &a.json, 0, 0},
    };
    int code;
    if (!ctl_options(v, argc, argv, options, ARRAY_LEN(options), &words, 2, 2, &code))
        return code;
    static const struct {
        const char *name;
        int (*run)(const struct snap_args *a);
    } actions[] = {{"create", create}, {"show", show}, {"verify", verify}, {"restore", restore}};
    a.word = words.v[1];
    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        if (strcmp(words.v[0], actions[i].name) == 0)
            return actions[i].run(&a);
    }
    return ctl_misuse(v, "'%.40s' is none of create, show, verify, restore", words.v[0]);
}

const struct ctl_verb ctl_ledger_snapshot = {"ledger", "snapshot",
    "the state as one file: create, show, verify, restore",
    "create DATA [--out FOLDER] [--json]\n"
    "       rsuctl ledger snapshot show FILE [--json]\n"
    "       rsuctl ledger snapshot verify FILE --genesis FILE|--block-id HEX [--json]\n"
    "       rsuctl ledger snapshot restore FILE --into DATA --genesis FILE|--block-id HEX "
    "[--json]\n"
    "\n"
    "DATA is the data folder of a unit that does not run. Exit code 1: the state or the file is "
    "not "
    "what the cell\n"
    "committed to, or the folder holds blocks already.\n"
    "\n"
    "  --out FOLDER        of the file HEIGHT.wsnap; DATA/snapshots unless given\n"
    "  --into DATA         of a unit that has no blocks yet\n"
    "  --genesis FILE      of the cell, whose validators signed the block that commits to the "
    "state\n"
    "  --fingerprint HEX   what the genesis must be\n"
    "  --block-id HEX      id of that block, believed from elsewhere: needed once validators have "
    "changed\n"
    "  --json              print JSON\n",
    run};
