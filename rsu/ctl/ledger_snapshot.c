/* rsuctl ledger snapshot: the state as one file, made on a unit that stands still, checked, and put on a new one. */
#include "rsu/ctl/ledger.h"

#include "base/fileio.h"
#include "ledger/snapshot/folder.h"
#include "rsu/json/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static int fill(const struct snap_args *a, struct snapshot *from, struct ws_err *err) {
    struct store *s = NULL;
    int rc = dir_make(a->into, err);
    if (rc == WS_OK)
        rc = ctl_ledger_write(a->into, &s, err);
    const struct folder_restore how = {.from = from, .data = a->into, .into = s};
    if (rc == WS_OK)
        rc = folder_restore(&how, err);
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
        code = rc == WS_OK ? tell(a, snapshot_manifest(s), "into", a->into,
                                 "blocks and map versions before it are not on this unit: ask "
                                 "another one for those\nrestored into ")
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
    "create reads the data folder of any unit, also of one that runs. restore fills that of a unit "
    "that does not run and has\n"
    "no blocks (any more): what else is in it may stay. Exit code 1: the state or the file is not "
    "what the cell committed\n"
    "to, or the folder holds blocks already.\n"
    "\n"
    "A restored unit has blocks and map versions from the snapshot on only: map watch asks another "
    "unit for older ones,\n"
    "or begins behind them with --from.\n"
    "\n"
    "  --out FOLDER        of the file HEIGHT.wsnap; DATA/snapshots unless given\n"
    "  --into DATA         of a unit that has no blocks\n"
    "  --genesis FILE      of the cell, whose validators signed the block that commits to the "
    "state\n"
    "  --fingerprint HEX   what the genesis must be\n"
    "  --block-id HEX      id of that block, believed from elsewhere: needed once validators have "
    "changed\n"
    "  --json              print JSON\n",
    run};
