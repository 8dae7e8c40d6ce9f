/* rsuctl policy deploy: an order of the policy authorities, signed here and handed to a unit's admin socket. */
#include "rsu/ctl.h"
#include "rsu/ctl_http.h"

#include "base/clock.h"
#include "base/fileio.h"
#include "base/mem.h"
#include "ledger/exec/crypto.h"
#include "ledger/exec/tx.h"
#include "ledger/policy/contract.h"
#include "rsu/admin.h"
#include "rsu/cell.h"
#include "rsu/config_value.h"
#include "rsu/secret.h"

#include <stdlib.h>
#include <string.h>

struct deploy {
    const struct ctl_verb *v;
    const char *script_file, *genesis_file, *admin, *http;
    struct ctl_list keys;
    uint64_t sequence, valid_for_s;
    bool json;

    struct ctl_genesis genesis;
    struct buf body;
    struct order order;
};

static int name_of_policy(
    const char *path, char dst[static POLICY_NAME_MAX + 1], struct ws_err *err) {
    const char *stem = strrchr(path, '/');
    stem = stem == NULL ? path : stem + 1;
    size_t n = strlen(stem);
    if (n > 4 && strcmp(stem + n - 4, ".lua") == 0)
        n -= 4;
    if (!policy_name_ok(span_of(stem, n)))
        return ws_fail(err, WS_EINPUT,
            "%s: a policy is called after its file: 1 to %d of a-z 0-9 . _ -", path,
            POLICY_NAME_MAX);
    memcpy(dst, stem, n);
    dst[n] = '\0';
    return WS_OK;
}

static int make_body(struct deploy *d, struct ws_err *err) {
    char name[POLICY_NAME_MAX + 1];
    struct buf script = {0};
    int rc = file_read(d->script_file, (size_t)cell_policy_limits()->source + 1, &script, err);
    if (rc == WS_OK)
        rc = name_of_policy(d->script_file, name, err);
    if (rc == WS_OK)
        rc = policy_make_body(
            name, buf_span(&script), cell_policy_schema(), cell_policy_limits(), &d->body, err);
    buf_free(&script);
    return rc;
}

/* ---- what the cell knows: its clock, and the last order of the role, proven under the genesis ---- */

static int ask_time(struct ctl_http *h, uint64_t *ret_its_us, struct ws_err *err) {
    json_t *status = NULL;
    int rc = ctl_http_json(h, "/v1/status", &status, err);
    if (rc == WS_OK && !value_time(ctl_json_text(status, "time"), ret_its_us))
        rc = ws_fail(err, WS_EIO, "the unit does not say what time it is");
    json_decref(status);
    return rc;
}

static int ask_sequence(
    const struct deploy *d, struct ctl_http *h, uint64_t *ret_last, struct ws_err *err) {
    json_t *page = NULL;
    struct buf octets = {0};
    struct state_bundle *p = ws_alloc(sizeof(*p));
    /* State of the identity contract: 's' and the role lead to the last sequence. */
    int rc = ctl_http_json(h, "/v1/proofs/state/identity/7301", &page, err);
    if (rc == WS_OK)
        rc = ctl_json_octets(page, "bundle", &octets, err);
    if (rc == WS_OK)
        rc = state_bundle_decode(buf_span(&octets), p, err);
    if (rc == WS_OK)
        rc = light_check_state(&exec_light_crypto, buf_span(&d->genesis.octets), p, err);
    static const uint8_t key[] = {'s', ROLE_POLICY};
    if (rc == WS_OK && (p->contract.index != 0 || !span_equal(p->key, span_of(key, sizeof(key))) ||
                           (p->present && p->value.n != 8)))
        rc = ws_fail(err, WS_EIO, "the unit proved something else than the last order");
    if (rc == WS_OK)
        *ret_last = p->present ? be64(p->value.p) : 0;
    free(p);
    buf_free(&octets);
    json_decref(page);
    return rc;
}

static int number_and_date(struct deploy *d, struct ws_err *err) {
    const struct ws_clock clock = {.kind = WS_CLOCK_SYSTEM};
    uint64_t now = ws_clock_now(&clock).its_us;
    d->order.sequence = d->sequence;
    int rc = WS_OK;
    if (d->http != NULL) {
        struct ctl_http *h = NULL;
        uint64_t last = 0;
        rc = ctl_http_open(d->http, &h, err);
        if (rc == WS_OK)
            rc = ask_time(h, &now, err);
        if (rc == WS_OK && d->sequence == 0)
            rc = ask_sequence(d, h, &last, err);
        if (d->sequence == 0)
            d->order.sequence = last + 1;
        ctl_http_close(h);
    } else if (d->sequence == 0) {
        d->order.sequence = now; /* grows from order to order without asking anybody */
    }
    d->order.expiry = now + d->valid_for_s * 1000000;
    return rc;
}

/* ---- signatures ---- */

static int authority_of(const struct genesis *g, const uint8_t *key) {
    for (size_t i = 0; i < g->n_authorities; i++) {
        if (memcmp(g->authorities[i].key, key, KEY_OCTETS) == 0)
            return (int)i;
    }
    return -1;
}

static int sign_with(struct deploy *d, const char *file, struct span message, struct ws_err *err) {
    uint8_t secret[32];
    uint8_t key[KEY_OCTETS];
    int rc = secret_read(file, secret, err);
    if (rc != WS_OK)
        return rc;
    struct signer *s = signer_new(secret);
    explicit_bzero(secret, sizeof(secret));
    if (s == NULL)
        return ws_fail(err, WS_ECRYPTO, "%s: no usable key", file);
    signer_public(s, key);
    int who = authority_of(&d->genesis.g, key);
    /* The list is kept ascending by authority; the same key twice counts once. */
    struct order *o = &d->order;
    size_t at = 0;
    while (at < o->n_sigs && (int)o->sigs[at].authority < who)
        at++;
    bool known = at < o->n_sigs && (int)o->sigs[at].authority == who;
    if (who >= 0 && !known && o->n_sigs < AUTHORITIES_MAX) {
        memmove(&o->sigs[at + 1], &o->sigs[at], (o->n_sigs - at) * sizeof(o->sigs[0]));
        o->sigs[at].authority = (uint8_t)who;
        signer_sign(s, message, o->sigs[at].sig);
        o->n_sigs++;
    }
    signer_free(s);
    if (who < 0)
        return ws_fail(err, WS_EINPUT, "%s: no authority of this genesis", file);
    return WS_OK;
}

static int sign(struct deploy *d, struct ws_err *err) {
    struct buf message = {0};
    order_sign_bytes(d->genesis.cell_id, &d->order, &message);
    int rc = WS_OK;
    for (size_t i = 0; i < d->keys.n && rc == WS_OK; i++)
        rc = sign_with(d, d->keys.v[i], buf_span(&message), err);
    buf_free(&message);
    unsigned need = d->genesis.g.quorum[ROLE_POLICY - 1];
    if (rc == WS_OK && (need == 0 || d->order.n_sigs < need))
        rc = ws_fail(err, WS_EINPUT,
            need == 0 ? "this cell has no authorities for policies"
                      : "%u authorities must sign, %zu did",
            need, d->order.n_sigs);
    return rc;
}

/* ---- hand over ---- */

static int hand_over(struct deploy *d) {
    struct buf tx = {0};
    struct buf line = {0};
    struct ws_err err = {0};
    tx_put_order(&tx, &d->order);
    int rc = admin_send(d->admin, buf_span(&tx), &line, &err);
    buf_free(&tx);
    int code = CTL_UNREACHABLE;
    buf_u8(&line, 0);
    const char *answer = (const char *)line.p;
    if (rc != WS_OK) {
        code = ctl_fail(d->v, CTL_UNREACHABLE, &err);
    } else if (strncmp(answer, "ok ", 3) == 0) {
        struct buf b = {0};
        if (d->json) {
            json_t *o = json_pack("{s:s, s:I, s:I}", "order", answer + 3, "sequence",
                (json_int_t)d->order.sequence, "signatures", (json_int_t)d->order.n_sigs);
            code = ctl_print_json(d->v, o);
            json_decref(o);
        } else {
            buf_printf(&b, "taken: order %s, sequence %llu, %zu signatures\n", answer + 3,
                (unsigned long long)d->order.sequence, d->order.n_sigs);
            code = ctl_print(d->v, buf_span(&b));
        }
        buf_free(&b);
    } else {
        (void)ws_fail(
            &err, WS_EINPUT, "refused: %s", strncmp(answer, "no ", 3) == 0 ? answer + 3 : answer);
        code = ctl_fail(d->v, CTL_NO, &err);
    }
    buf_free(&line);
    return code;
}

static int deploy(struct deploy *d) {
    struct ws_err err = {0};
    int code = ctl_genesis_load(d->v, d->genesis_file, NULL, &d->genesis);
    if (code != CTL_DONE)
        return code;
    int rc = make_body(d, &err);
    if (rc == WS_OK) {
        d->order.role = ROLE_POLICY;
        d->order.kind = POLICY_DEPLOY;
        d->order.body = buf_span(&d->body);
        rc = number_and_date(d, &err);
    }
    if (rc == WS_OK)
        rc = sign(d, &err);
    if (rc != WS_OK)
        return ctl_fail(d->v, rc == WS_EINPUT || rc == WS_ELIMIT ? CTL_NO : CTL_UNREACHABLE, &err);
    return hand_over(d);
}

static int run(const struct ctl_verb *v, int argc, char **argv) {
    struct ctl_list words = {0};
    struct deploy *d = ws_alloc(sizeof(*d));
    *d = (struct deploy){.v = v, .valid_for_s = 3600};
    const struct ctl_option options[] = {
        {"genesis", CTL_TEXT, (void *)&d->genesis_file, 0, 0},
        {"key", CTL_LIST, &d->keys, 0, 0},
        {"admin", CTL_TEXT, (void *)&d->admin, 0, 0},
        {"sequence", CTL_NUMBER, &d->sequence, 1, INT64_MAX},
        {"valid-for", CTL_NUMBER, &d->valid_for_s, 1, 31536000},
        {"http", CTL_TEXT, (void *)&d->http, 0, 0},
        {"json", CTL_FLAG, &d->json, 0, 0},
    };
    int code;
    if (ctl_options(v, argc, argv, options, ARRAY_LEN(options), &words, 1, 1, &code)) {
        d->script_file = words.v[0];
        if (d->genesis_file == NULL || d->admin == NULL || d->keys.n == 0)
            code = ctl_misuse(v, "--genesis, --admin and at least one --key are needed");
        else
            code = deploy(d);
    }
    ctl_genesis_free(&d->genesis);
    buf_free(&d->body);
    free(d);
    return code;
}

const struct ctl_verb ctl_policy_deploy = {"policy", "deploy",
    "give the cell a new policy, signed by its authorities",
    "FILE.lua --genesis FILE --key FILE --admin SOCKET [options]\n"
    "\n"
    "Runs the script, signs an order that carries script and table, and hands it to a unit. The "
    "policy is called\n"
    "after its file and is in force a block after the one that takes it. Exit code 1: refused, "
    "with the reason.\n"
    "\n"
    "  --genesis FILE        of the cell: the order is good in no other\n"
    "  --key FILE            of an authority; once for each that signs\n"
    "  --admin SOCKET        of a unit, as `admin` in its configuration\n"
    "  --http ADDR           ask this unit for the cell's time and the number of the last order\n"
    "  --sequence N          must be larger than the last order's; without --http the time unless "
    "given\n"
    "  --valid-for SECONDS   the order is void after that; 3600 unless given\n"
    "  --json                print JSON\n",
    run};
