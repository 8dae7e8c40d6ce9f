/* rsuctl ledger rollback: taking the newest blocks of a unit back. */
#include "rsu/ctl/ledger.h"

#include "ledger/snapshot/meta.h"
#include "ledger/snapshot/rollback.h"
#include "rsu/json/base.h"

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
    int rc = ctl_ledger_there(words.v[0], &err);
    if (rc == WS_OK)
        rc = ctl_ledger_write(words.v[0], &s, &err);
    if (rc != WS_OK)
        return ctl_fail(v, CTL_UNREACHABLE, &err);
    rc = ctl_ledger_at(s, &at, &err);
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
