/* rsuctl ledger diff and ledger bundle: where two states differ, and what a node that differs can show. */
#include "rsu/ctl/ledger.h"

#include "base/fileio.h"
#include "ledger/exec/hash.h"
#include "ledger/snapshot/diff.h"
#include "ledger/snapshot/meta.h"
#include "rsu/json/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { VALUE_SHOWN = 64 };

/* One side, opened by what it is. */
struct opened {
    struct store *store;
    struct snapshot *snapshot;
    struct bundle bundle;
    struct buf octets;
    struct diff_side *side;
};

static bool ends_with(const char *s, const char *tail) {
    size_t n = strlen(s);
    size_t m = strlen(tail);
    return n >= m && strcmp(s + n - m, tail) == 0;
}

static int open_side(const char *path, struct opened *o, struct ws_err *err) {
    struct stat st;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        int rc = ctl_ledger_read(path, &o->store, err);
        return rc == WS_OK ? diff_of_store(o->store, &o->side, err) : rc;
    }
    if (ends_with(path, BUNDLE_SUFFIX)) {
        int rc = file_read(path, BUNDLE_OCTETS_MAX, &o->octets, err);
        if (rc == WS_OK && bundle_read(buf_span(&o->octets), &o->bundle, err) != WS_OK)
            rc = ws_fail_in(err, "%s", path);
        if (rc == WS_OK)
            o->side = diff_of_bundle(&o->bundle);
        return rc;
    }
    int rc = snapshot_open(path, &o->snapshot, err);
    if (rc == WS_OK)
        o->side = diff_of_snapshot(o->snapshot);
    return rc;
}

static void close_side(struct opened *o) {
    diff_side_free(o->side);
    store_close(o->store);
    snapshot_close(o->snapshot);
    bundle_free(&o->bundle);
    buf_free(&o->octets);
}

/* ---- telling ---- */

/* The first octet in which two values differ, or the end of the shorter. */
static size_t parting(const struct diff_value v[2]) {
    size_t i = 0;
    while (i < v[0].octets.n && i < v[1].octets.n && v[0].octets.p[i] == v[1].octets.p[i])
        i++;
    return v[0].there && v[1].there ? i : 0;
}

static json_t *value_json(const struct diff_value *v, size_t part) {
    if (!v->there)
        return json_null();
    hash32 hash;
    exec_sha256_one(buf_span(&v->octets), hash);
    json_t *o = json_object();
    json_put(o, "octets", json_count(v->octets.n));
    json_put(o, "sha256", json_hex(hash, 32));
    size_t left = v->octets.n - part;
    json_put(
        o, "begins", json_hex(v->octets.p, v->octets.n < VALUE_SHOWN ? v->octets.n : VALUE_SHOWN));
    json_put(o, "parts_at", json_count(part));
    json_put(
        o, "from_there", json_hex(v->octets.p + part, left < VALUE_SHOWN ? left : VALUE_SHOWN));
    return o;
}

static json_t *contract_json(size_t i, const struct diff_contract *c) {
    json_t *o = json_object();
    json_put(o, "contract", json_count(i));
    json_put(o, "name", json_string(ctl_ledger_contract(i)));
    json_put(o, "differs", json_boolean(c->differs));
    json_put(o, "root_a", c->known[0] ? json_hex(c->root[0], 32) : json_null());
    json_put(o, "root_b", c->known[1] ? json_hex(c->root[1], 32) : json_null());
    if (c->found) {
        json_put(o, "first_key", json_hex(c->key.p, c->key.n));
        json_put(o, "first_key_text", json_words(buf_span(&c->key)));
        json_put(o, "value_a", value_json(&c->value[0], parting(c->value)));
        json_put(o, "value_b", value_json(&c->value[1], parting(c->value)));
    }
    return o;
}

static void put_value(struct buf *b, char side, const struct diff_value *v, size_t from) {
    if (!v->there) {
        buf_printf(b, "    %c: not there\n", side);
        return;
    }
    char hex[2 * VALUE_SHOWN + 1];
    size_t left = v->octets.n - from;
    size_t n = left < VALUE_SHOWN ? left : VALUE_SHOWN;
    hex_encode(hex, v->octets.p + from, n);
    buf_printf(b, "    %c: %zu octets: %s%s%s\n", side, v->octets.n, from > 0 ? "..." : "", hex,
        n < left ? "..." : "");
}

static void put_contract(struct buf *b, size_t i, const struct diff_contract *c) {
    char hex[2 * 128 + 1];
    if (!c->differs) {
        buf_printf(b, "  contract %zu: the same (%s)\n", i, ctl_ledger_contract(i));
        return;
    }
    buf_printf(b, "  contract %zu differs (%s)\n", i, ctl_ledger_contract(i));
    for (int k = 0; k < 2; k++) {
        hex_encode(hex, c->root[k], 32);
        buf_printf(b, "    root %c: %s\n", 'A' + k, c->known[k] ? hex : "not known");
    }
    if (!c->found) {
        buf_printf(b, "    not by a key that the bundle's block changed\n");
        return;
    }
    hex_encode(hex, c->key.p, c->key.n < 128 ? c->key.n : 128);
    buf_printf(b, "    first key: %s (", hex);
    for (size_t k = 0; k < c->key.n && k < 128; k++)
        buf_printf(b, "%c", c->key.p[k] >= 0x20 && c->key.p[k] < 0x7f ? c->key.p[k] : '.');
    buf_printf(b, ")\n");
    size_t part = parting(c->value);
    size_t from = part < VALUE_SHOWN / 2 ? 0 : part - VALUE_SHOWN / 4;
    if (c->value[0].there && c->value[1].there)
        buf_printf(b, "    they part at octet %zu, shown from %zu on\n", part, from);
    put_value(b, 'A', &c->value[0], from);
    put_value(b, 'B', &c->value[1], from);
}

/* A bundle is somebody's file: only what can be printed is. */
static void put_words(struct buf *b, const char *text) {
    for (; *text != '\0'; text++)
        buf_printf(b, "%c", *text >= 0x20 && *text < 0x7f ? *text : '.');
}

/* What a bundle says beside the state: whose account it is. */
static void put_witness(struct buf *b, char side, const struct opened *o) {
    char hex[65];
    if (o->bundle.height == 0)
        return;
    hex_encode(hex, o->bundle.policy_hash, 32);
    buf_printf(b, "%c: ", side);
    put_words(b, o->bundle.software);
    buf_printf(b, ", policy %s: ", hex);
    put_words(b, o->bundle.why);
    buf_printf(b, "\n");
}

static json_t *witness_json(const struct opened *o) {
    const struct bundle *b = &o->bundle;
    if (b->height == 0)
        return json_null();
    json_t *w = json_object();
    json_put(w, "software", json_words(span_of(b->software, strlen(b->software))));
    json_put(w, "policy", json_hex(b->policy_hash, 32));
    json_put(w, "why", json_words(span_of(b->why, strlen(b->why))));
    json_put(w, "block", b->n_recent > 0 ? json_hex(b->recent[0].id, 32) : json_null());
    json_put(w, "state", json_hex(b->state_root, 32));
    json_put(w, "committed_state", b->has_next ? json_hex(b->next.state_root, 32) : json_null());
    return w;
}

static int tell(
    const struct ctl_verb *v, const struct diff *d, const struct opened *sides[2], bool json) {
    bool differs = false;
    struct buf b = {0};
    json_t *list = json_array();
    buf_printf(&b, "state after height %llu\n", (unsigned long long)d->height);
    for (int k = 0; k < 2; k++)
        put_witness(&b, (char)('A' + k), sides[k]);
    for (size_t i = 0; i < d->n; i++) {
        differs = differs || d->contract[i].differs;
        put_contract(&b, i, &d->contract[i]);
        json_add(list, contract_json(i, &d->contract[i]));
    }
    int code;
    if (json) {
        json_t *o = json_object();
        json_put(o, "height", json_count(d->height));
        json_put(o, "differs", json_boolean(differs));
        json_put(o, "bundle_a", witness_json(sides[0]));
        json_put(o, "bundle_b", witness_json(sides[1]));
        json_put(o, "contracts", json_incref(list));
        code = ctl_print_json(v, o);
        json_decref(o);
    } else {
        code = ctl_print(v, buf_span(&b));
    }
    json_decref(list);
    buf_free(&b);
    return code == CTL_DONE && differs ? CTL_NO : code;
}

/* A unit that stopped and one that went on have no height in common any more: the way to one. */
static void say_way(const struct opened o[2], const char *const *path, struct ws_err *err) {
    const struct opened *low = diff_height(o[0].side) < diff_height(o[1].side) ? &o[0] : &o[1];
    const struct opened *high = low == &o[0] ? &o[1] : &o[0];
    unsigned long long h = diff_height(low->side);
    if (high->store != NULL)
        (void)ws_fail(err, WS_ENOTFOUND,
            "no height in common: %s is at %llu, and %s at %llu cannot be taken back to it. rsuctl "
            "ledger replay %s --genesis genesis.bin --map base.wmap --to %llu --out state-%llu "
            "gives a "
            "folder to compare with",
            path[low - o], h, path[high - o], (unsigned long long)diff_height(high->side),
            path[high - o], h, h);
    else
        (void)ws_fail(err, WS_ENOTFOUND,
            "no height in common: %s is at %llu and %s at %llu, and only a data folder can be "
            "taken "
            "back: give the data folder of a unit that has reached both in place of the second, or "
            "what rsuctl ledger replay --to --out makes of it",
            path[low - o], h, path[high - o], (unsigned long long)diff_height(high->side));
}

static int run_diff(const struct ctl_verb *v, int argc, char **argv) {
    bool json = false;
    struct ctl_list words = {0};
    const struct ctl_option options[] = {{"json", CTL_FLAG, &json, 0, 0}};
    int code;
    if (!ctl_options(v, argc, argv, options, ARRAY_LEN(options), &words, 2, 2, &code))
        return code;
    struct ws_err err = {0};
    struct opened o[2] = {{0}};
    struct diff d = {0};
    int rc = open_side(words.v[0], &o[0], &err);
    if (rc == WS_OK)
        rc = open_side(words.v[1], &o[1], &err);
    if (rc == WS_OK) {
        rc = diff_states(o[0].side, o[1].side, &d, &err);
        if (rc == WS_ENOTFOUND)
            say_way(o, words.v, &err);
    }
    const struct opened *sides[2] = {&o[0], &o[1]};
    code = rc == WS_OK ? tell(v, &d, sides, json) : ctl_fail(v, CTL_UNREACHABLE, &err);
    diff_free(&d);
    close_side(&o[0]);
    close_side(&o[1]);
    return code;
}

const struct ctl_verb ctl_ledger_diff = {"ledger", "diff",
    "where the states of two units differ, by contract and first key",
    "A B [--json]\n"
    "\n"
    "Each is the data folder of a unit, also of one that runs, a snapshot (.wsnap) or a bundle of "
    "a "
    "divergence (.wsdiverge).\n"
    "What a bundle says of its unit (software, policy, why it stopped) is told, too. They are "
    "compared at the lower of their heights; a folder that is ahead is taken back as far "
    "as "
    "it keeps undo\n"
    "records. Exit code 1: they differ.\n"
    "\n"
    "  --json   print JSON\n",
    run_diff};

/* ---- bundle ---- */

static int run_bundle(const struct ctl_verb *v, int argc, char **argv) {
    const char *out = NULL;
    struct ctl_list words = {0};
    const struct ctl_option options[] = {{"out", CTL_TEXT, (void *)&out, 0, 0}};
    int code;
    if (!ctl_options(v, argc, argv, options, ARRAY_LEN(options), &words, 1, 1, &code))
        return code;
    struct ws_err err = {0};
    struct store *s = NULL;
    struct buf octets = {0};
    struct meta_node at = {0};
    struct bundle_about about = {.software = "rsuctl 0.1.0", .why = "asked for"};
    char path[CTL_PATH];
    int rc = ctl_ledger_read(words.v[0], &s, &err);
    if (rc != WS_OK)
        return ctl_fail(v, CTL_UNREACHABLE, &err);
    if (rc == WS_OK)
        rc = bundle_make(s, &about, &octets, &err);
    if (rc == WS_OK)
        rc = meta_read_node(s, &at, &err);
    if (out == NULL)
        (void)snprintf(path, sizeof(path), "%s/divergence-%llu" BUNDLE_SUFFIX, words.v[0],
            (unsigned long long)at.height);
    else
        (void)snprintf(path, sizeof(path), "%s", out);
    if (rc == WS_OK)
        rc = file_write(path, buf_span(&octets), 0600, &err);
    store_close(s);
    buf_free(&octets);
    if (rc != WS_OK)
        return ctl_fail(v, ctl_ledger_code(rc), &err);
    struct buf b = {0};
    buf_printf(&b, "%s\n", path);
    code = ctl_print(v, buf_span(&b));
    buf_free(&b);
    return code;
}

const struct ctl_verb ctl_ledger_bundle = {"ledger", "bundle",
    "what a unit knows of its last block, to compare elsewhere",
    "DATA [--out FILE]\n"
    "\n"
    "Roots by contract, the block, and every key that it changed with its values before and after. "
    "A "
    "unit that stops\n"
    "because its state is not what the cell committed to writes one by itself. It may hold "
    "vehicles' "
    "messages.\n"
    "\n"
    "  --out FILE   DATA/divergence-HEIGHT.wsdiverge unless given\n",
    run_bundle};
