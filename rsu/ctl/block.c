/* rsuctl block show, block verify: one block as a unit tells it, and its quorum under the genesis. */
#include "rsu/ctl/light.h"
#include "rsu/ctl/witness.h"

#include "base/clock.h"
#include "base/mem.h"
#include "ledger/exec/crypto.h"
#include "ledger/exec/hash.h"
#include "ledger/light/proof.h"
#include "rsu/config/value.h"

#include <stdlib.h>

struct question {
    const struct ctl_verb *v;
    struct ctl_face face;
    const char *genesis, *fingerprint, *trusted, *evidence;
    struct ctl_list witnesses;
    bool json;
    uint64_t height;
};

static bool read_question(struct question *q, int argc, char **argv, bool genesis, int *ret_code) {
    struct ctl_list words = {0};
    q->face.address = CTL_FACE_HERE;
    const struct ctl_option options[] = {
        {"http", CTL_FACE, &q->face, 0, 0},
        {"json", CTL_FLAG, &q->json, 0, 0},
        {"genesis", CTL_TEXT, (void *)&q->genesis, 0, 0},
        {"fingerprint", CTL_TEXT, (void *)&q->fingerprint, 0, 0},
        {"trusted", CTL_TEXT, (void *)&q->trusted, 0, 0},
        {"witness", CTL_LIST, &q->witnesses, 0, 0},
        {"evidence", CTL_TEXT, (void *)&q->evidence, 0, 0},
    };
    size_t n = genesis ? ARRAY_LEN(options) : 2;
    if (!ctl_options(q->v, argc, argv, options, n, &words, 1, 1, ret_code))
        return false;
    if (!value_u64(words.v[0], 1, INT64_MAX, &q->height))
        *ret_code = ctl_misuse(q->v, "'%.40s' is no height: blocks begin with 1", words.v[0]);
    else if (genesis && q->genesis == NULL)
        *ret_code = ctl_misuse(q->v, "--genesis is needed");
    return *ret_code == CTL_DONE;
}

static int ask(const struct question *q, json_t **ret_block, struct ws_err *err) {
    char path[64];
    struct ctl_http *h = NULL;
    struct buf b = {0};
    buf_printf(&b, "/v1/blocks/%llu", (unsigned long long)q->height);
    memcpy(path, b.p, b.n);
    path[b.n] = '\0';
    buf_free(&b);
    int rc = ctl_http_open(&q->face, &h, err);
    if (rc == WS_OK)
        rc = ctl_http_json_most(h, path, CTL_BLOCK_MAX, ret_block, err);
    ctl_http_close(h);
    return rc;
}

/* ---- show ---- */

static void put_block(const json_t *block, struct buf *b) {
    static const char *const fields[] = {
        "id", "time", "previous", "proposer", "tx_root", "state_root", "result_root", "event_root"};
    const json_t *header = json_object_get(block, "header");
    const json_t *commit = json_object_get(block, "commit");
    buf_printf(b, "block %lld\n", ctl_json_number(header, "height"));
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        buf_printf(b, "  %-12s %s\n", fields[i], ctl_json_text(header, fields[i]));
    size_t i;
    json_t *item;
    buf_printf(b,
        "  committed in round %lld by power %lld of %lld:", ctl_json_number(commit, "round"),
        ctl_json_number(commit, "power"), ctl_json_number(commit, "total_power"));
    json_array_foreach(json_object_get(commit, "signers"), i, item)
        buf_printf(b, " %s", ctl_json_text(item, "owner"));
    buf_printf(b, "\n");
    if (json_is_true(json_object_get(block, "pruned")))
        buf_printf(b, "  %lld transactions, pruned\n", ctl_json_number(header, "tx_count"));
    json_array_foreach(json_object_get(block, "transactions"), i, item) {
        const char *why = ctl_sentence(ctl_json_text(item, "result"));
        buf_printf(b, "  tx %lld: %s, %lld octets, %s: %s%s%s\n", ctl_json_number(item, "index"),
            ctl_json_text(item, "kind"), ctl_json_number(item, "octets"),
            ctl_json_text(item, "identity"), ctl_json_text(item, "result"),
            why[0] == '\0' ? "" : ": ", why);
    }
    json_array_foreach(json_object_get(block, "events"), i, item)
        buf_printf(b, "  event %lld: %s, type %lld, %lld octets\n",
            ctl_json_number(item, "sequence"), ctl_json_text(item, "contract"),
            ctl_json_number(item, "type"), ctl_json_number(item, "octets"));
}

static int run_show(const struct ctl_verb *v, int argc, char **argv) {
    struct question q = {.v = v};
    int code;
    if (!read_question(&q, argc, argv, false, &code))
        return code;
    json_t *block = NULL;
    struct ws_err err = {0};
    int rc = ask(&q, &block, &err);
    if (rc != WS_OK)
        return ctl_fail(v, rc == WS_ENOTFOUND ? CTL_NO : CTL_UNREACHABLE, &err);
    struct buf b = {0};
    if (q.json) {
        code = ctl_print_json(v, block);
    } else {
        put_block(block, &b);
        code = ctl_print(v, buf_span(&b));
    }
    buf_free(&b);
    json_decref(block);
    return code;
}

const struct ctl_verb ctl_block_show = {"block", "show", "one block as a unit has it",
    "HEIGHT [--http ADDR] [--json]\n"
    "\n"
    "Exit code 1: the unit has no such block.\n"
    "\n"
    "  --http ADDR   of the unit: HOST:PORT or unix:PATH; 127.0.0.1:8100 unless given\n"
    "  --json        print JSON\n",
    run_show};

/* ---- verify ---- */

static int tell(const struct question *q, const struct light_block *p) {
    const struct validator_set *set = &p->set;
    hash32 id;
    char hex[65];
    char when[32];
    uint64_t power = 0;
    header_id(exec_sha256, &p->header, id);
    hex_encode(hex, id, 32);
    its_format(when, p->header.time);
    json_t *signers = json_array();
    for (size_t i = 0; i < p->commit.n; i++) {
        if (!p->commit.present[i])
            continue;
        power += set->v[i].power;
        (void)json_array_append_new(signers, json_string(set->v[i].owner));
    }
    int code;
    if (q->json) {
        json_t *o = json_pack("{s:b, s:I, s:s, s:s, s:O, s:I, s:I, s:I}", "holds", 1, "height",
            (json_int_t)p->header.height, "id", hex, "time", when, "signers", signers, "power",
            (json_int_t)power, "total_power", (json_int_t)set->total, "witnesses",
            (json_int_t)q->witnesses.n);
        code = ctl_print_json(q->v, o);
        json_decref(o);
    } else {
        struct buf b = {0};
        buf_printf(&b,
            "block %llu holds\n  id %s, time %s\n  signed by %zu of %zu validators (power %llu of "
            "%llu):",
            (unsigned long long)p->header.height, hex, when, json_array_size(signers), set->n,
            (unsigned long long)power, (unsigned long long)set->total);
        size_t i;
        json_t *name;
        json_array_foreach(signers, i, name) buf_printf(&b, " %s", json_string_value(name));
        buf_printf(&b, "\n");
        for (i = 0; i < q->witnesses.n; i++)
            buf_printf(&b, "  %s proves the same block\n", q->witnesses.v[i]);
        code = ctl_print(q->v, buf_span(&b));
        buf_free(&b);
    }
    json_decref(signers);
    return code;
}

static int verify(const struct question *q, struct ctl_genesis *g, struct light_block *p) {
    struct ws_err err = {0};
    struct ctl_http *h = NULL;
    int code = ctl_genesis_load(q->v, q->genesis, q->fingerprint, g);
    if (code != CTL_DONE)
        return code;
    struct ctl_light *l = ws_alloc(sizeof(*l));
    code = ctl_http_open(&q->face, &h, &err) == WS_OK ? ctl_light_begin(g, h, q->trusted, l, &err)
                                                      : CTL_UNREACHABLE;
    enum light_verdict v = code == CTL_DONE ? ctl_light_block(l, q->height, p, &err) : LIGHT_OK;
    if (v != LIGHT_OK) {
        code = ctl_light_code(l, v);
        (void)ws_fail_in(&err,
            code == CTL_NO ? "block %llu does not hold" : "cannot tell whether block %llu holds",
            (unsigned long long)q->height);
    }
    if (code != CTL_DONE)
        code = ctl_fail(q->v, (enum ctl_code)code, &err);
    const struct ctl_witness w = {q->v, g, q->trusted, q->witnesses, q->evidence, &q->face};
    if (code == CTL_DONE)
        code = ctl_witness_ask(&w, p);
    if (code == CTL_DONE)
        code = tell(q, p);
    ctl_http_close(h);
    free(l);
    return code;
}

static int run_verify(const struct ctl_verb *v, int argc, char **argv) {
    struct question q = {.v = v};
    int code;
    if (!read_question(&q, argc, argv, true, &code))
        return code;
    struct ctl_genesis *g = ws_alloc(sizeof(*g));
    struct light_block *p = ws_alloc(sizeof(*p));
    code = verify(&q, g, p);
    ctl_genesis_free(g);
    free(g);
    free(p);
    return code;
}

const struct ctl_verb ctl_block_verify = {"block", "verify",
    "check a block's quorum without believing the unit",
    "HEIGHT --genesis FILE [--fingerprint HEX] [--trusted HEIGHT:ID] [--http ADDR]\n"
    "       [--witness ADDR]... [--evidence FILE] [--json]\n"
    "\n"
    "Fetches headers, commits, sets and handovers from a unit and checks the way from the genesis, "
    "or from the trusted\n"
    "block, to this one, over changes of the committee. Exit code 1: it does not hold, or a "
    "witness "
    "proves another one;\n"
    "3: it cannot be told, because the unit does not answer or does not have what is needed (yet, "
    "or "
    "any more).\n"
    "\n"
    "  --genesis FILE      the cell's genesis\n"
    "  --fingerprint HEX   what its fingerprint must be; bring it from elsewhere than the unit you "
    "check\n" CTL_TRUSTED_USAGE
    "  --http ADDR         of the unit: HOST:PORT or unix:PATH; 127.0.0.1:8100 unless given\n"
    "  --witness ADDR      another unit that must prove the same block; may be given again\n"
    "  --evidence FILE     when one proves another: keep both blocks in FILE.1 and FILE.2, for "
    "rsuctl cell report\n"
    "  --json              print JSON\n",
    run_verify};
