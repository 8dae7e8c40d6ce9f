/* rsuctl ledger rollback and ledger replay: taking blocks back, and executing all of them again to see which differs. */
#include "rsu/ctl_ledger.h"

#include "base/fileio.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "ledger/node/query.h"
#include "ledger/snapshot/meta.h"
#include "ledger/snapshot/rollback.h"
#include "rsu/cell.h"
#include "rsu/json_base.h"

#include <stdlib.h>
#include <string.h>

static int run_rollback(const struct ctl_verb *v, int argc, char **argv) {
    uint64_t to = UINT64_MAX;
    uint64_t blocks = 0;
    bool json = false;
    struct ctl_list words = {0};
    const struct ctl_option options[] = {
        {"to-height", CTL_NUMBER, &to, 1, INT64_MAX},
        {"blocks", CTL_NUMBER, &blocks, 1, 1000},
        {"json", CTL_FLAG, &json, 0, 0},
    };
    int code;
    if (!ctl_options(v, argc, argv, options, ARRAY_LEN(options), &words, 1, 1, &code))
        return code;
    if ((to == UINT64_MAX) == (blocks == 0))
        return ctl_misuse(v, "either --to-height or --blocks is needed");
    struct ws_err err = {0};
    struct store *s = NULL;
    struct meta_node at;
    struct rollback_done done = {0};
    int rc = ctl_ledger_write(words.v[0], &s, &err);
    if (rc == WS_OK)
        rc = meta_read_node(s, &at, &err);
    if (rc == WS_OK && blocks > 0)
        to = at.height > blocks ? at.height - blocks : 0;
    if (rc == WS_OK)
        rc = rollback(s, to, &done, &err);
    store_close(s);
    if (rc != WS_OK)
        return ctl_fail(v, ctl_ledger_code(rc), &err);
    if (json) {
        json_t *o = json_object();
        json_put(o, "from", json_count(done.from));
        json_put(o, "height", json_count(done.to));
        code = ctl_print_json(v, o);
        json_decref(o);
        return code;
    }
    struct buf b = {0};
    buf_printf(&b,
        "taken back from height %llu to %llu; the blocks above stay and are executed again when "
        "the "
        "unit starts\n",
        (unsigned long long)done.from, (unsigned long long)done.to);
    code = ctl_print(v, buf_span(&b));
    buf_free(&b);
    return code;
}

const struct ctl_verb ctl_ledger_rollback = {"ledger", "rollback",
    "take the newest blocks of a unit back",
    "DATA --blocks N|--to-height H [--json]\n"
    "\n"
    "For a unit that stopped because its state is not what the cell committed to, after its "
    "software "
    "was mended: the\n"
    "state becomes what it was; the blocks stay and are executed again at the next start. Reaches "
    "as "
    "far back as undo\n"
    "records do (16 blocks); beyond that restore a snapshot. Exit code 1: that is too far, or the "
    "state there is wrong,\n"
    "too. The unit must not run.\n"
    "\n"
    "  --blocks N      so many\n"
    "  --to-height H   what its last block shall be\n"
    "  --json          print JSON\n",
    run_rollback};

/* ---- replay ---- */

struct replaying {
    const struct ctl_verb *v;
    const char *data, *genesis, *map, *from;
    uint64_t to;
    bool json;
    struct store *s;
    struct mapset base_map;
    bool has_map;
    struct ctl_genesis g;
    struct cell cell;
    uint64_t first, last;
    /* the answer */
    uint64_t differs_at; /* 0: none does */
    const char *what;
    hash32 ours, theirs;
};

static int load_map(struct replaying *r, struct ws_err *err) {
    enum { MAP_FILE_MAX = 1U << 30 };
    if (r->map == NULL)
        return WS_OK;
    struct buf b = {0};
    int rc = file_read(r->map, MAP_FILE_MAX, &b, err);
    if (rc == WS_OK && mapset_decode(buf_span(&b), &r->base_map, err) != WS_OK)
        rc = ws_fail_in(err, "%s", r->map);
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
    struct meta_node at;
    rc = meta_read_node(r->s, &at, err);
    if (rc != WS_OK)
        return rc == WS_ENOTFOUND ? ws_fail(err, rc, "the store holds no block") : rc;
    if (memcmp(at.cell_id, r->g.cell_id, 32) != 0)
        return ws_fail(err, WS_EINPUT, "the store belongs to another cell than the genesis");
    r->last = at.height < r->to ? at.height : r->to;
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

static int replay_all(struct replaying *r, struct ws_err *err) {
    struct exec_outcome roots = {0};
    int rc = set_out(r, err);
    if (rc == WS_OK)
        executor_first_roots(r->cell.ex, &roots);
    for (uint64_t h = r->first; rc == WS_OK && h <= r->last && r->differs_at == 0; h++)
        rc = replay_one(r, h, &roots, err);
    struct meta_node at;
    if (rc == WS_OK && r->differs_at == 0)
        rc = meta_read_node(r->s, &at, err);
    if (rc == WS_OK && r->differs_at == 0 && r->last == at.height && r->last >= r->first)
        (void)agrees(r, r->last, &roots, at.state_root, at.result_root, at.event_root);
    exec_outcome_free(&roots);
    return rc;
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
        code = ctl_print(r->v, buf_span(&b));
        buf_free(&b);
    }
    return code == CTL_DONE && r->differs_at > 0 ? CTL_NO : code;
}

static int run_replay(const struct ctl_verb *v, int argc, char **argv) {
    struct replaying r = {.v = v, .to = UINT64_MAX};
    struct ctl_list words = {0};
    const struct ctl_option options[] = {
        {"genesis", CTL_TEXT, (void *)&r.genesis, 0, 0},
        {"map", CTL_TEXT, (void *)&r.map, 0, 0},
        {"from", CTL_TEXT, (void *)&r.from, 0, 0},
        {"to", CTL_NUMBER, &r.to, 1, INT64_MAX},
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
    int rc = ctl_ledger_read(words.v[0], &r.s, &err);
    code = rc == WS_OK ? CTL_DONE : ctl_fail(v, CTL_UNREACHABLE, &err);
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
    "DATA --genesis FILE --map FILE|--from SNAPSHOT [--to H] [--json]\n"
    "\n"
    "Says the first block whose state, results or events come out otherwise with this software. "
    "Exit "
    "code 1: one does,\n"
    "or blocks are pruned (begin with --from then). Changes nothing; the unit must not run.\n"
    "\n"
    "  --genesis FILE    of the cell\n"
    "  --map FILE        that the cell was founded on\n"
    "  --from SNAPSHOT   begin with the state of a snapshot instead of the genesis\n"
    "  --to H            up to this height\n"
    "  --json            print JSON\n",
    run_replay};
