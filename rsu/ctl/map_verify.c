/* rsuctl map verify: map versions checked with the genesis alone, or with a trusted block. Of the ledger this uses
 * ledger/light, of the map service what decodes a version. */
#include "base/clock.h"
#include "base/fileio.h"
#include "base/mem.h"
#include "ledger/exec/crypto.h"
#include "ledger/exec/hash.h"
#include "ledger/light/proof.h"
#include "mapsvc/fuse/diff.h"
#include "rsu/cell/cell.h"
#include "rsu/ctl/map_proof.h"
#include "rsu/proofs/reveal.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROOF_MAX = 8U << 20 }; /* as hex digits */

struct verify {
    const struct ctl_verb *v;
    struct ctl_genesis genesis;
    struct ctl_light light;
    const char *trusted;
    struct ctl_face face;
    struct ctl_http *http;
    size_t n;
    struct proven proven[CTL_LIST_MAX];
    struct ctl_list reveals; /* files */
    struct buf told; /* of them */
    json_t *told_json;
};

static int no(const char *file, struct ws_err *err) {
    (void)ws_fail_in(err, "%s: the proof does not hold", file);
    return CTL_NO;
}

/* A bundle as HTTP answers give it: hex digits, and nothing else but white space behind them. */
static void take_hex(struct buf *octets) {
    size_t n = octets->n;
    while (n > 0 && strchr(" \t\r\n", octets->p[n - 1]) != NULL)
        n--;
    if (n == 0 || n % 2 != 0)
        return;
    struct buf bytes = {0};
    char *text = ws_alloc(n + 1);
    memcpy(text, octets->p, n);
    if (strlen(text) == n && hex_decode(buf_grow(&bytes, n / 2), n / 2, text)) {
        buf_free(octets);
        *octets = bytes;
    } else {
        buf_free(&bytes);
    }
    free(text);
}

/* CTL_DONE, CTL_NO or CTL_UNREACHABLE, with err. */
static int check(struct verify *o, struct proven *p, struct ws_err *err) {
    if (file_read(p->file, PROOF_MAX, &p->octets, err) != WS_OK)
        return err->code == WS_ELIMIT ? no(p->file, err) : CTL_UNREACHABLE;
    take_hex(&p->octets);
    return ctl_map_prove(&o->genesis, &o->light, p, err);
}

static int by_version(const void *a, const void *b) {
    const struct proven *x = a;
    const struct proven *y = b;
    return x->version.version < y->version.version ? -1 : x->version.version > y->version.version;
}

/* Versions that follow on one another must say so themselves. */
static int check_chain(struct verify *o, struct ws_err *err) {
    static const uint8_t zero[32];
    for (size_t i = 0; i < o->n; i++) {
        const struct map_version *m = &o->proven[i].version;
        const struct proven *before = i == 0 ? NULL : &o->proven[i - 1];
        bool good = true;
        if (m->version == 2)
            good = memcmp(m->previous_record, zero, 32) == 0;
        if (before != NULL && before->version.version == m->version)
            good = good && memcmp(before->record, o->proven[i].record, 32) == 0;
        if (before != NULL && before->version.version + 1 == m->version)
            good = good && memcmp(m->previous_record, before->record, 32) == 0 &&
                   memcmp(m->previous_root, before->version.root, 32) == 0;
        if (good)
            continue;
        (void)ws_fail(err, WS_EINPUT, "version %llu does not follow on the one before it",
            (unsigned long long)m->version);
        return no(o->proven[i].file, err);
    }
    return CTL_DONE;
}

/* ---- messages that speak for a change ---- */

static const struct change_record *proven_change(const struct verify *o, const uint8_t *id) {
    for (size_t i = 0; i < o->n; i++)
        for (size_t k = 0; k < o->proven[i].version.n_changes; k++)
            if (memcmp(o->proven[i].version.changes[k].id, id, 32) == 0)
                return &o->proven[i].version.changes[k];
    return NULL;
}

static void tell_reveal(struct verify *o, const char *file, const struct reveal *x,
    const struct change_record *c, const struct observation *seen) {
    char when[32];
    char what[CHANGE_WORDS_OCTETS];
    its_format(when, seen->time);
    change_describe_what(c, what, sizeof(what));
    buf_printf(&o->told,
        "%s: holds\n  message %llu of %llu for: %s\n  seen at %s from %.7f,%.7f, %zu reports\n",
        file, (unsigned long long)x->proof.index + 1, (unsigned long long)x->proof.total, what,
        when, (double)seen->lat / 1e7, (double)seen->lon / 1e7, seen->n_reports);
    (void)json_array_append_new(o->told_json,
        json_pack("{s:s, s:b, s:I, s:I, s:s, s:s, s:f, s:f, s:I}", "file", file, "holds", 1,
            "index", (json_int_t)x->proof.index, "total", (json_int_t)x->proof.total, "what", what,
            "time", when, "lat", (double)seen->lat / 1e7, "lon", (double)seen->lon / 1e7, "reports",
            (json_int_t)seen->n_reports));
}

static int check_reveal(struct verify *o, const char *file, struct ws_err *err) {
    struct buf octets = {0};
    struct reveal x;
    struct observation seen;
    int code = CTL_DONE;
    if (file_read(file, REVEAL_MAX, &octets, err) != WS_OK) {
        code = err->code == WS_ELIMIT ? no(file, err) : CTL_UNREACHABLE;
    } else if (reveal_decode(buf_span(&octets), &x, err) != WS_OK) {
        code = no(file, err);
    } else {
        const struct change_record *c = proven_change(o, x.change);
        if (c == NULL)
            (void)ws_fail(err, WS_EINPUT, "no proof given has the change that it speaks for");
        if (c == NULL || reveal_check(&x, c, &seen, err) != WS_OK)
            code = no(file, err);
        else
            tell_reveal(o, file, &x, c, &seen);
    }
    buf_free(&octets);
    return code;
}

static uint64_t signed_power(const struct proven *p, size_t *ret_n) {
    const struct commit *c = &p->bundle.commit;
    uint64_t power = 0;
    *ret_n = 0;
    for (size_t i = 0; i < c->n && p->has_set; i++) {
        if (!c->present[i])
            continue;
        power += p->set.v[i].power;
        ++*ret_n;
    }
    return power;
}

/* A vehicle form has no names: then the address, as short as people say it. */
static void put_signers(const struct proven *p, struct buf *b) {
    size_t n;
    uint64_t power = signed_power(p, &n);
    if (!p->has_set) {
        buf_printf(b, "  its block is trusted, or below the trusted one\n");
        return;
    }
    buf_printf(b, "  signed by %zu of %zu validators (power %llu of %llu):", n, p->set.n,
        (unsigned long long)power, (unsigned long long)p->set.total);
    for (size_t i = 0; i < p->bundle.commit.n; i++) {
        char address[17];
        hex_encode(address, p->set.v[i].address, 8);
        if (p->bundle.commit.present[i])
            buf_printf(b, " %s", p->named ? p->set.v[i].owner : address);
    }
    buf_printf(b, "\n");
}

static void put_words(const struct proven *p, struct buf *b) {
    const struct map_version *m = &p->version;
    char when[32];
    its_format(when, m->block_time);
    buf_printf(b, "%s: holds\n  map version %llu, block %llu, %s\n", p->file,
        (unsigned long long)m->version, (unsigned long long)m->height, when);
    for (size_t i = 0; i < m->n_changes; i++) {
        char words[CHANGE_WORDS_OCTETS];
        change_describe(&m->changes[i], words, sizeof(words));
        buf_printf(b, "  - %s\n", words);
    }
    put_signers(p, b);
}

static json_t *to_json(const struct proven *p) {
    const struct map_version *m = &p->version;
    const struct commit *c = &p->bundle.commit;
    char when[32];
    char root[65];
    size_t n;
    its_format(when, m->block_time);
    hex_encode(root, m->root, 32);
    json_t *changes = json_array();
    for (size_t i = 0; i < m->n_changes; i++) {
        char words[CHANGE_WORDS_OCTETS];
        char id[65];
        change_describe(&m->changes[i], words, sizeof(words));
        hex_encode(id, m->changes[i].id, 32);
        (void)json_array_append_new(changes, json_pack("{s:s, s:s}", "id", id, "what", words));
    }
    json_t *signers = json_array();
    for (size_t i = 0; i < c->n && p->has_set; i++) {
        const struct validator *val = &p->set.v[i];
        char address[65];
        if (!c->present[i])
            continue;
        hex_encode(address, val->address, 32);
        (void)json_array_append_new(
            signers, json_pack("{s:s, s:s}", "address", address, "owner", val->owner));
    }
    uint64_t power = signed_power(p, &n);
    return json_pack("{s:s, s:b, s:I, s:I, s:s, s:s, s:o, s:o, s:I, s:I}", "file", p->file, "holds",
        1, "version", (json_int_t)m->version, "height", (json_int_t)m->height, "time", when, "root",
        root, "changes", changes, "signers", signers, "power", (json_int_t)power, "total_power",
        (json_int_t)(p->has_set ? p->set.total : 0));
}

static int tell(const struct verify *o, bool json) {
    struct buf b = {0};
    char hex[65];
    hex_encode(hex, o->genesis.cell_id, 32);
    if (json) {
        json_t *list = json_array();
        for (size_t i = 0; i < o->n; i++)
            (void)json_array_append_new(list, to_json(&o->proven[i]));
        json_t *j = json_pack("{s:s, s:o, s:O}", "genesis_fingerprint", hex, "proofs", list,
            "revealed", o->told_json);
        int code = ctl_print_json(o->v, j);
        json_decref(j);
        return code;
    }
    buf_printf(&b, "genesis fingerprint: %s\n", hex);
    for (size_t i = 0; i < o->n; i++)
        put_words(&o->proven[i], &b);
    for (size_t i = 1; i < o->n; i++) {
        uint64_t was = o->proven[i - 1].version.version;
        if (o->proven[i].version.version > was + 1)
            buf_printf(&b, "note: no proof given between versions %llu and %llu\n",
                (unsigned long long)was, (unsigned long long)o->proven[i].version.version);
    }
    buf_put(&b, o->told.p, o->told.n);
    int code = ctl_print(o->v, buf_span(&b));
    buf_free(&b);
    return code;
}

static int verify_all(struct verify *o, const char *genesis, const char *fingerprint, bool json) {
    struct ws_err err = {0};
    int code = ctl_genesis_load(o->v, genesis, fingerprint, &o->genesis);
    if (code != CTL_DONE)
        return code;
    if (o->face.address != NULL && ctl_http_open(&o->face, &o->http, &err) != WS_OK)
        return ctl_fail(o->v, CTL_UNREACHABLE, &err);
    code = ctl_light_begin(&o->genesis, o->http, o->trusted, &o->light, &err);
    if (code != CTL_DONE)
        return ctl_fail(o->v, (enum ctl_code)code, &err);
    for (size_t i = 0; i < o->n; i++) {
        code = check(o, &o->proven[i], &err);
        if (code != CTL_DONE)
            return ctl_fail(o->v, (enum ctl_code)code, &err);
    }
    qsort(o->proven, o->n, sizeof(o->proven[0]), by_version);
    if (check_chain(o, &err) != CTL_DONE)
        return ctl_fail(o->v, CTL_NO, &err);
    for (size_t i = 0; i < o->reveals.n; i++) {
        code = check_reveal(o, o->reveals.v[i], &err);
        if (code != CTL_DONE)
            return ctl_fail(o->v, (enum ctl_code)code, &err);
    }
    return tell(o, json);
}

static int run(const struct ctl_verb *v, int argc, char **argv) {
    const char *genesis = NULL;
    const char *fingerprint = NULL;
    const char *trusted = NULL;
    struct ctl_face http = {0};
    bool json = false;
    struct ctl_list files = {0};
    struct ctl_list reveals = {0};
    const struct ctl_option options[] = {
        {"reveal", CTL_LIST, &reveals, 0, 0},
        {"genesis", CTL_TEXT, (void *)&genesis, 0, 0},
        {"fingerprint", CTL_TEXT, (void *)&fingerprint, 0, 0},
        {"trusted", CTL_TEXT, (void *)&trusted, 0, 0},
        {"http", CTL_FACE, &http, 0, 0},
        {"json", CTL_FLAG, &json, 0, 0},
    };
    int code;
    if (!ctl_options(v, argc, argv, options, ARRAY_LEN(options), &files, 1, CTL_LIST_MAX, &code))
        return code;
    if (genesis == NULL)
        return ctl_misuse(v, "--genesis is needed");
    if (trusted != NULL && http.address == NULL)
        return ctl_misuse(v, "--trusted needs --http: a unit is asked for the trusted header");
    struct verify *o = ws_alloc(sizeof(*o));
    o->v = v;
    o->trusted = trusted;
    o->face = http;
    o->n = files.n;
    o->reveals = reveals;
    o->told_json = json_array();
    for (size_t i = 0; i < files.n; i++)
        o->proven[i].file = files.v[i];
    code = verify_all(o, genesis, fingerprint, json);
    for (size_t i = 0; i < o->n; i++)
        proven_free(&o->proven[i]);
    buf_free(&o->told);
    json_decref(o->told_json);
    ctl_http_close(o->http);
    ctl_genesis_free(&o->genesis);
    free(o);
    return code;
}

const struct ctl_verb ctl_map_verify = {"map", "verify",
    "check map versions with the genesis alone",
    "--genesis FILE [--fingerprint HEX] [--trusted HEIGHT:ID --http ADDR] PROOF...\n"
    "\n"
    "PROOF is a file of map watch, or the hex digits in `bundle` of /v1/proofs/map/N.\n"
    "Checks that a quorum of the cell's validators signed each version, with nothing but the "
    "genesis: no unit is\n"
    "asked. Versions that follow on one another are checked to do so. Exit code 1: a proof does "
    "not hold.\n"
    "\n"
    "  --genesis FILE      the cell's genesis\n"
    "  --fingerprint HEX   what its fingerprint must be; bring it from elsewhere than the unit you "
    "check\n" CTL_TRUSTED_USAGE "  --http ADDR         of a unit that is asked for the trusted "
    "header and what leads back from it; "
    "it is not believed\n"
    "  --reveal FILE       a message from `map evidence`: checked against the change it speaks "
    "for; may be "
    "given again\n"
    "  --json              print JSON\n",
    run};
