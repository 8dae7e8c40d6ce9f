/* rsuctl ledger replay: executing all stored blocks again, to see which comes out otherwise, whether the stored state is what they
 * make, and what the state of an older height was. */
#include "rsu/ctl/ledger.h"

#include "base/fileio.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "ledger/node/query.h"
#include "ledger/snapshot/entry.h"
#include "ledger/snapshot/meta.h"
#include "ledger/snapshot/scan.h"
#include "rsu/cell/cell.h"
#include "rsu/json/base.h"

#include <stdlib.h>
#include <string.h>

struct replaying {
    const struct ctl_verb *v;
    const char *data, *genesis, *map, *from, *out;
    uint64_t to;
    bool json;
    struct store *s;
    struct mapset base_map;
    bool has_map;
    struct ctl_genesis g;
    struct cell cell;
    uint64_t first, last;
    struct meta_node at; /* where the store is */
    /* the answer */
    uint64_t differs_at; /* 0: none does */
    const char *what;
    hash32 ours, theirs;
    enum { STORED_NOT_LOOKED_AT, STORED_AGREES, STORED_DIFFERS } stored;
};

static int load_map(struct replaying *r, struct ws_err *err) {
    enum { MAP_FILE_MAX = 1U << 30 };
    if (r->map == NULL)
        return WS_OK;
    struct buf b = {0};
    int rc = file_read(r->map, MAP_FILE_MAX, &b, err);
    if (rc == WS_OK && mapset_decode(buf_span(&b), &r->base_map, err) != WS_OK)
        rc = ws_fail_in(
            err, "%s: needed is the map that the cell was founded on, base.wmap", r->map);
    r->has_map = rc == WS_OK;
    buf_free(&b);
    return rc;
}

static int take_snapshot(struct replaying *r, struct ws_err *err) {
    struct snapshot *s = NULL;
    struct buf b = {0};
    int rc = snapshot_open(r->from, &s, err);
    if (rc != WS_OK)
        return rc;
    const struct manifest *m = snapshot_manifest(s);
    for (size_t i = 0; i < manifest_chunks(m) && rc == WS_OK; i++) {
        struct chunk c;
        buf_clear(&b);
        rc = snapshot_read(s, i, &b, &c, err);
        for (size_t k = 0; k < c.entries.n && rc == WS_OK; k++)
            executor_restore(r->cell.ex, c.contract, c.entries.e[k].key, c.entries.e[k].value);
        chunk_entries_free(&c.entries);
    }
    if (rc == WS_OK)
        rc = executor_resume(r->cell.ex, m->last.height, err);
    r->first = m->last.height + 1;
    buf_free(&b);
    snapshot_close(s);
    return rc;
}

static int set_out(struct replaying *r, struct ws_err *err) {
    int rc = load_map(r, err);
    if (rc == WS_OK)
        rc = cell_open(buf_span(&r->g.octets), r->has_map ? &r->base_map : NULL, &r->cell, err);
    if (rc != WS_OK)
        return rc;
    rc = ctl_ledger_at(r->s, &r->at, err);
    if (rc != WS_OK)
        return rc;
    if (memcmp(r->at.cell_id, r->g.cell_id, 32) != 0)
        return ws_fail(err, WS_EINPUT, "the store belongs to another cell than the genesis");
    if (r->to != UINT64_MAX && r->to > r->at.height)
        return ws_fail(err, WS_EIO, "block %llu is not here: the last one is %llu",
            (unsigned long long)r->to, (unsigned long long)r->at.height);
    r->last = r->at.height < r->to ? r->at.height : r->to;
    r->first = 1;
    if (r->from != NULL)
        return take_snapshot(r, err);
    return executor_init(r->cell.ex, r->cell.sections, err);
}

static bool same(struct replaying *r, uint64_t height, const char *what, const uint8_t *ours,
    const uint8_t *theirs) {
    if (memcmp(ours, theirs, 32) == 0)
        return true;
    r->differs_at = height;
    r->what = what;
    memcpy(r->ours, ours, 32);
    memcpy(r->theirs, theirs, 32);
    return false;
}

/* What block h - 1 gave here against what header h says. */
static bool agrees(struct replaying *r, uint64_t height, const struct exec_outcome *o,
    const hash32 state, const hash32 results, const hash32 events) {
    return same(r, height, "state", o->state_root, state) &&
           same(r, height, "results", o->result_root, results) &&
           same(r, height, "events", o->event_root, events);
}

static int replay_one(
    struct replaying *r, uint64_t height, struct exec_outcome *roots, struct ws_err *err) {
    struct block *b = NULL;
    int rc = query_block(r->s, executor_params(r->cell.ex), height, &b, err);
    if (rc == WS_ENOTFOUND && r->from == NULL)
        (void)ws_fail_in(err, "begin with --from SNAPSHOT");
    if (rc != WS_OK)
        return rc;
    const struct header *hd = &b->header;
    /* A snapshot's roots are those of the header after it: nothing has been executed yet. */
    bool known = height > r->first || r->from == NULL;
    if (!known || agrees(r, height - 1, roots, hd->state_root, hd->result_root, hd->event_root)) {
        exec_outcome_free(roots);
        executor_run(r->cell.ex, b, roots);
        state_changes_clear(executor_state(r->cell.ex));
    }
    block_free(b);
    return WS_OK;
}

/* ---- the state at the end ---- */

/* What the disk holds against what the blocks make: the blocks alone can be whole while the state is not. */
static int look_at_stored(
    struct replaying *r, const struct exec_outcome *roots, struct ws_err *err) {
    struct scan scan = {.store = r->s};
    hash32 contracts[STATE_CONTRACTS_MAX];
    hash32 root;
    int rc = scan_state_root(&scan, executor_contracts(r->cell.ex), contracts, root, err);
    if (rc == WS_OK)
        r->stored = memcmp(root, roots->state_root, 32) == 0 ? STORED_AGREES : STORED_DIFFERS;
    return rc;
}

static int put_entries(
    struct store *to, const struct state *from, size_t contract, struct ws_err *err) {
    enum { TOGETHER = 4096 };
    struct span key;
    struct span value;
    struct span after = {0};
    struct buf stored = {0};
    int rc = WS_OK;
    for (bool more = true; more && rc == WS_OK;) {
        struct store_batch *batch = store_batch_new(to);
        for (size_t i = 0; i < TOGETHER && more; i++) {
            more = state_next(from, contract, span_of("", 0), after, &key, &value);
            if (!more)
                break;
            buf_clear(&stored);
            entry_key_put(&stored, (uint8_t)contract, key);
            store_batch_put(batch, STORE_STATE, buf_span(&stored), value);
            after = key;
        }
        rc = store_batch_write(batch, err);
    }
    buf_free(&stored);
    return rc;
}

/* A folder for rsuctl ledger diff. Its height is written last: what was interrupted says that it holds no block. */
static int put_out(struct replaying *r, const struct exec_outcome *roots, struct ws_err *err) {
    struct store *to = NULL;
    struct meta_node at = {.height = r->last};
    int rc = dir_make(r->out, err);
    if (rc == WS_OK)
        rc = ctl_ledger_write(r->out, &to, err);
    for (size_t i = 0; rc == WS_OK && i < executor_contracts(r->cell.ex); i++)
        rc = put_entries(to, executor_state(r->cell.ex), i, err);
    if (rc == WS_OK) {
        struct store_batch *batch = store_batch_new(to);
        memcpy(at.cell_id, r->g.cell_id, 32);
        memcpy(at.state_root, roots->state_root, 32);
        memcpy(at.result_root, roots->result_root, 32);
        memcpy(at.event_root, roots->event_root, 32);
        meta_put_node(batch, &at);
        rc = store_batch_write(batch, err);
    }
    store_close(to);
    return rc;
}

static int replay_all(struct replaying *r, struct ws_err *err) {
    struct exec_outcome roots = {0};
    int rc = set_out(r, err);
    if (rc == WS_OK)
        executor_first_roots(r->cell.ex, &roots);
    for (uint64_t h = r->first; rc == WS_OK && h <= r->last && r->differs_at == 0; h++)
        rc = replay_one(r, h, &roots, err);
    bool whole = rc == WS_OK && r->differs_at == 0 && r->last >= r->first;
    if (whole && r->last == r->at.height &&
        agrees(r, r->last, &roots, r->at.state_root, r->at.result_root, r->at.event_root))
        rc = look_at_stored(r, &roots, err);
    if (whole && rc == WS_OK && r->out != NULL)
        rc = put_out(r, &roots, err);
    exec_outcome_free(&roots);
    return rc;
}

static void tell_stored(const struct replaying *r, struct buf *b) {
    if (r->stored == STORED_AGREES)
        buf_printf(b, "the stored state is what these blocks make\n");
    if (r->stored == STORED_DIFFERS)
        buf_printf(b,
            "the stored state is not what these blocks make: it is damaged, the blocks are not\n");
    if (r->stored == STORED_NOT_LOOKED_AT && r->differs_at == 0)
        buf_printf(b, "the stored state, of height %llu, was not looked at\n",
            (unsigned long long)r->at.height);
    if (r->out != NULL && r->last >= r->first && r->differs_at == 0)
        buf_printf(
            b, "state after height %llu written to %s\n", (unsigned long long)r->last, r->out);
}

static int tell_replay(const struct replaying *r) {
    char ours[65];
    char theirs[65];
    hex_encode(ours, r->ours, 32);
    hex_encode(theirs, r->theirs, 32);
    uint64_t n = r->last >= r->first ? r->last - r->first + 1 : 0;
    int code;
    if (r->json) {
        json_t *o = json_object();
        json_put(o, "first", json_count(r->first));
        json_put(o, "last", json_count(r->last));
        json_put(o, "agrees", json_boolean(r->differs_at == 0));
        json_put(o, "stored_state",
            r->stored == STORED_NOT_LOOKED_AT ? json_null()
                                              : json_boolean(r->stored == STORED_AGREES));
        if (r->differs_at > 0) {
            json_put(o, "differs_at", json_count(r->differs_at));
            json_put(o, "what", json_string(r->what));
            json_put(o, "here", json_string(ours));
            json_put(o, "recorded", json_string(theirs));
        }
        code = ctl_print_json(r->v, o);
        json_decref(o);
    } else {
        struct buf b = {0};
        if (r->differs_at == 0)
            buf_printf(&b, "%llu blocks, %llu to %llu, executed again: every root is the same\n",
                (unsigned long long)n, (unsigned long long)r->first, (unsigned long long)r->last);
        else
            buf_printf(&b,
                "block %llu is the first that differs: %s\n  here      %s\n  recorded  %s\n",
                (unsigned long long)r->differs_at, r->what, ours, theirs);
        tell_stored(r, &b);
        code = ctl_print(r->v, buf_span(&b));
        buf_free(&b);
    }
    bool good = r->differs_at == 0 && r->stored != STORED_DIFFERS;
    return code == CTL_DONE && !good ? CTL_NO : code;
}

static int run_replay(const struct ctl_verb *v, int argc, char **argv) {
    struct replaying r = {.v = v, .to = UINT64_MAX};
    struct ctl_list words = {0};
    const struct ctl_option options[] = {
        {"genesis", CTL_TEXT, (void *)&r.genesis, 0, 0},
        {"map", CTL_TEXT, (void *)&r.map, 0, 0},
        {"from", CTL_TEXT, (void *)&r.from, 0, 0},
        {"to", CTL_NUMBER, &r.to, 1, INT64_MAX},
        {"out", CTL_TEXT, (void *)&r.out, 0, 0},
        {"json", CTL_FLAG, &r.json, 0, 0},
    };
    int code;
    if (!ctl_options(v, argc, argv, options, ARRAY_LEN(options), &words, 1, 1, &code))
        return code;
    if (r.genesis == NULL)
        return ctl_misuse(v, "--genesis is needed");
    if (r.map == NULL && r.from == NULL)
        return ctl_misuse(v, "--map is needed: the map of the genesis, or --from a snapshot");
    code = ctl_genesis_load(v, r.genesis, NULL, &r.g);
    if (code != CTL_DONE)
        return code;
    struct ws_err err = {0};
    int rc = r.out == NULL ? WS_OK : ctl_ledger_free(r.out, &err);
    if (rc == WS_OK)
        rc = ctl_ledger_read(words.v[0], &r.s, &err);
    code = rc == WS_OK ? CTL_DONE : ctl_fail(v, rc == WS_EEXIST ? CTL_NO : CTL_UNREACHABLE, &err);
    if (rc == WS_OK) {
        rc = replay_all(&r, &err);
        code = rc == WS_OK ? tell_replay(&r) : ctl_fail(v, ctl_ledger_code(rc), &err);
    }
    cell_close(&r.cell);
    store_close(r.s);
    mapset_free(&r.base_map);
    ctl_genesis_free(&r.g);
    return code;
}

const struct ctl_verb ctl_ledger_replay = {"ledger", "replay",
    "execute the stored blocks again and compare every root",
    "DATA --genesis FILE --map FILE|--from SNAPSHOT [--to H] [--out FOLDER] [--json]\n"
    "\n"
    "Says the first block whose state, results or events come out otherwise with this software, "
    "and "
    "whether the\n"
    "stored state is what the blocks make (looked at without --to only). Exit code 1: one does or "
    "it is not, or blocks are\n"
    "pruned (begin with --from then). Changes nothing, also on the folder of a unit that runs.\n"
    "\n"
    "With --out the state at the end is kept for rsuctl ledger diff: so a unit that stopped at H "
    "is "
    "compared with one\n"
    "that went on.\n"
    "\n"
    "  --genesis FILE    of the cell\n"
    "  --map FILE        that the cell was founded on: base.wmap, beside the genesis\n"
    "  --from SNAPSHOT   begin with the state of a snapshot instead of the genesis\n"
    "  --to H            up to this height\n"
    "  --out FOLDER      a new folder for the state after the last of these blocks\n"
    "  --json            print JSON\n",
    run_replay};
