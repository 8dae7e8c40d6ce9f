#include "rsu/ctl/ledger.h"

#include "base/clock.h"
#include "ledger/exec/crypto.h"
#include "rsu/json/base.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { CACHE_OCTETS = 64 << 20 };

const char ctl_ledger_help[] =
    "\n"
    "snapshot create, bundle, diff and replay only read: also the folder of a unit that runs, as "
    "it is "
    "at that moment.\n"
    "rollback and snapshot restore need a unit that is stopped, and refuse another.\n"
    "\n"
    "What to do; DATA is the data folder of the unit in question, OTHER that of another one. The "
    "last "
    "step is always to\n"
    "start the unit: it fetches what it lacks, and hears from the others what it has said before "
    "it "
    "speaks.\n"
    "\n"
    "The store is damaged or gone, other units run:\n"
    "  mv DATA DATA.damaged\n"
    "The same, with a snapshot (DATA/snapshots of any unit, every disk.snapshot_blocks; or made "
    "now):\n"
    "  rsuctl ledger snapshot create OTHER --out .\n"
    "  mv DATA/store DATA/store.damaged\n"
    "  rsuctl ledger snapshot restore HEIGHT.wsnap --into DATA --genesis genesis.bin\n"
    "A consensus log is damaged (and no other machine runs with this key):\n"
    "  rm -f DATA/consensus-even.log DATA/consensus-odd.log\n"
    "The sign guard is damaged, or belongs to another disk or counter (and no other machine runs "
    "with "
    "this key):\n"
    "  rm DATA/sign-guard\n"
    "The state does not have its root, or the unit stopped at height H because the cell committed "
    "to "
    "another state:\n"
    "  rsuctl ledger replay DATA --genesis genesis.bin --map base.wmap\n"
    "  rsuctl ledger replay OTHER --genesis genesis.bin --map base.wmap --to H --out state-H\n"
    "  rsuctl ledger diff DATA state-H\n"
    "  rsuctl ledger rollback DATA --blocks 1\n"
    "which say whether disk or software is at fault, which key differs, and take the block back "
    "once "
    "the cause is mended.\n";

static void store_path(const char *data, char dst[static CTL_PATH]) {
    (void)snprintf(dst, CTL_PATH, "%s/store", data);
}

int ctl_ledger_there(const char *data, struct ws_err *err) {
    char path[CTL_PATH];
    struct stat st;
    store_path(data, path);
    if (stat(data, &st) != 0)
        return ws_fail(err, WS_ENOTFOUND, "%s: %s", data, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return ws_fail(err, WS_ENOTFOUND, "%s: is no folder", data);
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return ws_fail(err, WS_ENOTFOUND,
            "%s: no data folder of a unit, or its store is gone: there is no folder \"store\" in "
            "it",
            data);
    return WS_OK;
}

int ctl_ledger_free(const char *folder, struct ws_err *err) {
    struct stat st;
    return stat(folder, &st) == 0 ? ws_fail(err, WS_EEXIST, "%s: is there already", folder) : WS_OK;
}

int ctl_ledger_at(struct store *s, struct meta_node *ret_at, struct ws_err *err) {
    int rc = meta_read_node(s, ret_at, err);
    return rc == WS_ENOTFOUND ? ws_fail(err, rc, "the store holds no block") : rc;
}

int ctl_ledger_read(const char *data, struct store **ret_store, struct ws_err *err) {
    char path[CTL_PATH];
    int rc = ctl_ledger_there(data, err);
    if (rc != WS_OK)
        return rc;
    store_path(data, path);
    return store_open_rocks_read(path, CACHE_OCTETS, ret_store, err);
}

int ctl_ledger_write(const char *data, struct store **ret_store, struct ws_err *err) {
    char path[CTL_PATH];
    store_path(data, path);
    int rc = store_open_rocks(path, CACHE_OCTETS, ret_store, err);
    return rc == WS_EBUSY ? ws_fail_in(err, "stop the unit first") : rc;
}

enum ctl_code ctl_ledger_code(int rc) {
    return rc == WS_EINPUT || rc == WS_ENOTFOUND || rc == WS_EEXIST || rc == WS_ENOTSUP ||
                   rc == WS_ELIMIT
               ? CTL_NO
               : CTL_UNREACHABLE;
}

const char *ctl_ledger_contract(size_t i) {
    static const char *const names[] = {"identity", "committee", "policy", "map", "beacon"};
    return i < ARRAY_LEN(names) ? names[i] : "unknown";
}

json_t *ctl_ledger_manifest(const struct manifest *m) {
    hash32 id;
    manifest_id(m, id);
    json_t *o = json_object();
    json_put(o, "id", json_hex(id, 32));
    json_put(o, "height", json_count(m->last.height));
    json_put(o, "time", json_instant(m->last.time));
    json_put(o, "block_id", json_hex(m->last_commit.id, 32));
    json_put(o, "committed_by", json_hex(m->next_commit.id, 32));
    json_put(o, "state_root", json_hex(m->next.state_root, 32));
    json_put(o, "chunks", json_count(manifest_chunks(m)));
    json_t *list = json_array();
    for (size_t i = 0; i < m->n; i++) {
        json_t *c = json_object();
        json_put(c, "root", json_hex(m->contract[i].root, 32));
        json_put(c, "entries", json_count(m->contract[i].entries));
        json_put(c, "octets", json_count(m->contract[i].octets));
        json_put(c, "bits", json_count(m->contract[i].bits));
        json_add(list, c);
    }
    json_put(o, "contracts", list);
    return o;
}

void ctl_ledger_tell(const struct manifest *m, struct buf *out) {
    char when[32];
    char hex[65];
    its_format(when, m->last.time);
    hex_encode(hex, m->next.state_root, 32);
    buf_printf(out, "state after height %llu, %s\n  state root   %s\n",
        (unsigned long long)m->last.height, when, hex);
    hex_encode(hex, m->next_commit.id, 32);
    buf_printf(out, "  committed by block %llu, %s\n", (unsigned long long)m->next.height, hex);
    for (size_t i = 0; i < m->n; i++) {
        hex_encode(hex, m->contract[i].root, 32);
        buf_printf(out, "  contract %zu: %s, %llu entries, %llu octets in %u chunks, root %s\n", i,
            ctl_ledger_contract(i), (unsigned long long)m->contract[i].entries,
            (unsigned long long)m->contract[i].octets, 1U << m->contract[i].bits, hex);
    }
}

static int by_genesis(
    const struct ctl_verb *v, const struct ctl_ledger_trust *t, const struct manifest *m) {
    struct ctl_genesis g;
    struct ws_err err = {0};
    int code = ctl_genesis_load(v, t->genesis, t->fingerprint, &g);
    if (code == CTL_DONE && memcmp(m->next.cell_id, g.cell_id, 32) != 0) {
        (void)ws_fail(&err, WS_EINPUT, "it is of another cell than the genesis");
        code = ctl_fail(v, CTL_NO, &err);
    } else if (code == CTL_DONE &&
               manifest_check_set(m, exec_verify, g.cell_id, &g.g.validators, &err) != WS_OK) {
        hash32 hash;
        validator_set_hash(exec_light_crypto.hash, &g.g.validators, hash);
        if (memcmp(hash, m->next.validators, 32) != 0)
            (void)ws_fail(&err, WS_EINPUT,
                "the validators of height %llu are not those of the genesis: name the block by "
                "--block-id, as a light client that you trust believes it",
                (unsigned long long)m->next.height);
        code = ctl_fail(v, CTL_NO, &err);
    }
    ctl_genesis_free(&g);
    return code;
}

int ctl_ledger_believe(
    const struct ctl_verb *v, const struct ctl_ledger_trust *t, const struct manifest *m) {
    struct ws_err err = {0};
    if (t->block_id == NULL && t->genesis == NULL)
        return ctl_misuse(v, "--genesis or --block-id is needed: a file cannot vouch for itself");
    if (t->block_id == NULL)
        return by_genesis(v, t, m);
    hash32 id;
    if (!hex_decode(id, sizeof(id), t->block_id))
        return ctl_misuse(v, "--block-id: '%.70s' is not 64 hex digits", t->block_id);
    return manifest_check_id(m, id, &err) == WS_OK ? CTL_DONE : ctl_fail(v, CTL_NO, &err);
}
