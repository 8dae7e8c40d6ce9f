#include "rsu/ctl/order.h"

#include "base/clock.h"
#include "base/mem.h"
#include "ledger/exec/crypto.h"
#include "rsu/config/value.h"
#include "rsu/ctl/http.h"
#include "rsu/host/admin.h"
#include "rsu/host/secret.h"
#include "rsu/proofs/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void ctl_order_options(struct ctl_order *d, const struct ctl_verb *v,
    struct ctl_option ret[static CTL_ORDER_OPTIONS]) {
    const struct ctl_option options[CTL_ORDER_OPTIONS] = {
        {"genesis", CTL_TEXT, (void *)&d->genesis_file, 0, 0},
        {"key", CTL_LIST, &d->keys, 0, 0},
        {"admin", CTL_TEXT, (void *)&d->admin, 0, 0},
        {"sequence", CTL_NUMBER, &d->sequence, 1, INT64_MAX},
        {"valid-for", CTL_NUMBER, &d->valid_for_s, 1, 31536000},
        {"http", CTL_FACE, &d->http, 0, 0},
        {"wait", CTL_NUMBER, &d->wait_s, 0, 86400},
        {"json", CTL_FLAG, &d->json, 0, 0},
    };
    d->v = v;
    d->valid_for_s = 3600;
    d->wait_s = 30;
    memcpy(ret, options, sizeof(options));
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
    const struct ctl_order *d, struct ctl_http *h, uint64_t *ret_last, struct ws_err *err) {
    struct buf octets = {0};
    struct proof_entry e = {0};
    /* State of the identity contract: 's' and the role lead to the last sequence. */
    const uint8_t key[] = {'s', (uint8_t)d->order.role};
    char path[PROOF_PATH];
    proof_state_path("identity", span_of(key, sizeof(key)), path);
    int rc = ctl_http_bundle(h, path, &octets, err);
    if (rc == WS_OK)
        rc = proof_check_state(
            buf_span(&d->genesis.octets), buf_span(&octets), 0, span_of(key, sizeof(key)), &e, err);
    if (rc == WS_OK && e.present && e.value.n != 8)
        rc = ws_fail(err, WS_EIO, "the unit proved something else than the last order");
    if (rc == WS_OK)
        *ret_last = e.present ? be64(e.value.p) : 0;
    buf_free(&octets);
    return rc;
}

static int number_and_date(struct ctl_order *d, struct ws_err *err) {
    const struct ws_clock clock = {.kind = WS_CLOCK_SYSTEM};
    uint64_t now = ws_clock_now(&clock).its_us;
    d->order.sequence = d->sequence;
    int rc = WS_OK;
    if (d->http.address != NULL) {
        struct ctl_http *h = NULL;
        uint64_t last = 0;
        rc = ctl_http_open(&d->http, &h, err);
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

static int sign_with(
    struct ctl_order *d, const char *file, struct span message, struct ws_err *err) {
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

static int sign(struct ctl_order *d, struct ws_err *err) {
    struct buf message = {0};
    order_sign_bytes(d->genesis.cell_id, &d->order, &message);
    int rc = WS_OK;
    for (size_t i = 0; i < d->keys.n && rc == WS_OK; i++)
        rc = sign_with(d, d->keys.v[i], buf_span(&message), err);
    buf_free(&message);
    unsigned need = d->genesis.g.quorum[d->order.role - 1];
    if (rc == WS_OK && (need == 0 || d->order.n_sigs < need))
        rc = ws_fail(err, WS_EINPUT,
            need == 0 ? "this cell has no authorities for that"
                      : "%u authorities must sign, %zu did",
            need, d->order.n_sigs);
    return rc;
}

/* ---- what became of it ---- */

struct result {
    bool known, overtaken;
    uint64_t height;
    char word[64];
};

static int ask_result(struct ctl_http *h, const char *id, struct result *ret, struct ws_err *err) {
    char path[sizeof("/v1/tx/") + 64];
    json_t *page = NULL;
    (void)snprintf(path, sizeof(path), "/v1/tx/%.64s", id);
    int rc = ctl_http_json(h, path, &page, err);
    if (rc == WS_OK) {
        ret->known = true;
        ret->height = (uint64_t)ctl_json_number(page, "height");
        (void)snprintf(ret->word, sizeof(ret->word), "%s", ctl_json_text(page, "result"));
    }
    json_decref(page);
    return rc == WS_ENOTFOUND ? WS_OK : rc;
}

/* Until it is in a block, or cannot be any more: a later number is, so that nobody may propose it. */
static int await(
    const struct ctl_order *d, const char *id, struct result *ret, struct ws_err *err) {
    enum { PAUSE_US = 200000, LOOK_EVERY = 10 };
    struct ctl_http *h = NULL;
    int rc = ctl_http_open(&d->http, &h, err);
    for (uint64_t i = 0; rc == WS_OK && !ret->known && !ret->overtaken; i++) {
        uint64_t last = 0;
        bool later = i % LOOK_EVERY == LOOK_EVERY - 1 && ask_sequence(d, h, &last, err) == WS_OK &&
                     last >= d->order.sequence;
        rc = ask_result(h, id, ret, err);
        ret->overtaken = !ret->known && later;
        if (i * PAUSE_US >= d->wait_s * 1000000)
            break;
        if (rc == WS_OK && !ret->known && !ret->overtaken)
            (void)usleep(PAUSE_US);
    }
    ctl_http_close(h);
    return rc;
}

static int say(const struct ctl_order *d, const char *id, const struct result *r) {
    struct buf b = {0};
    int code;
    if (d->json) {
        json_t *o = json_pack("{s:s, s:I, s:I}", "order", id, "sequence",
            (json_int_t)d->order.sequence, "signatures", (json_int_t)d->order.n_sigs);
        if (r->known) {
            json_object_set_new(o, "height", json_integer((json_int_t)r->height));
            json_object_set_new(o, "result", json_string(r->word));
        }
        code = ctl_print_json(d->v, o);
        json_decref(o);
    } else {
        buf_printf(&b, "taken: order %s, sequence %llu, %zu signatures\n", id,
            (unsigned long long)d->order.sequence, d->order.n_sigs);
        if (r->known && strcmp(r->word, "ok") == 0)
            buf_printf(&b, "accepted in block %llu\n", (unsigned long long)r->height);
        if (d->http.address == NULL || d->wait_s == 0)
            buf_printf(&b,
                "whether the cell accepts it is not known yet: ask a unit for /v1/tx/%s, or give "
                "--http and wait\n",
                id);
        code = ctl_print(d->v, buf_span(&b));
    }
    buf_free(&b);
    return code;
}

static int follow(struct ctl_order *d, const char *id) {
    struct result r = {0};
    struct ws_err err = {0};
    int rc = d->http.address != NULL && d->wait_s > 0 ? await(d, id, &r, &err) : WS_OK;
    int code = say(d, id, &r);
    if (rc != WS_OK) {
        (void)ws_fail_in(&err, "whether the cell accepts it is not known");
        return ctl_fail(d->v, CTL_UNREACHABLE, &err);
    }
    if (r.known && strcmp(r.word, "ok") != 0) {
        const char *why = ctl_sentence(r.word);
        (void)ws_fail(&err, WS_EINPUT, "refused in block %llu: %s%s%s",
            (unsigned long long)r.height, r.word, why[0] == '\0' ? "" : ": ", why);
        return ctl_fail(d->v, CTL_NO, &err);
    }
    if (r.overtaken) {
        (void)ws_fail(&err, WS_EINPUT,
            "refused: another order with this number or a later one is in a block already: give "
            "the order again");
        return ctl_fail(d->v, CTL_NO, &err);
    }
    if (!r.known && d->http.address != NULL && d->wait_s > 0) {
        (void)ws_fail(&err, WS_EBUSY,
            "in no block after %llu s; the unit keeps it until it is void. Ask later for /v1/tx/%s",
            (unsigned long long)d->wait_s, id);
        return ctl_fail(d->v, CTL_UNREACHABLE, &err);
    }
    return code;
}

/* ---- hand over ---- */

int ctl_order_refused(const struct ctl_verb *v, const char *answer) {
    struct ws_err err = {0};
    if (strncmp(answer, "no ", 3) == 0)
        answer += 3;
    const char *word = strrchr(answer, ' ');
    const char *why = ctl_sentence(word == NULL ? answer : word + 1);
    (void)ws_fail(&err, WS_EINPUT, "refused: %s%s%s", answer, why[0] == '\0' ? "" : ": ", why);
    return ctl_fail(v, CTL_NO, &err);
}

static int hand_over(struct ctl_order *d) {
    struct buf tx = {0};
    struct buf line = {0};
    struct ws_err err = {0};
    tx_put_order(&tx, &d->order);
    int rc = admin_send(d->admin, buf_span(&tx), &line, &err);
    buf_free(&tx);
    int code;
    buf_u8(&line, 0);
    const char *answer = (const char *)line.p;
    if (rc != WS_OK)
        code = ctl_fail(d->v, CTL_UNREACHABLE, &err);
    else if (strncmp(answer, "ok ", 3) == 0)
        code = follow(d, answer + 3);
    else
        code = ctl_order_refused(d->v, answer);
    buf_free(&line);
    return code;
}

int ctl_order_begin(struct ctl_order *d) {
    if (d->genesis_file == NULL || d->admin == NULL || d->keys.n == 0)
        return ctl_misuse(d->v, "--genesis, --admin and at least one --key are needed");
    return ctl_genesis_load(d->v, d->genesis_file, NULL, &d->genesis);
}

int ctl_order_send(struct ctl_order *d) {
    struct ws_err err = {0};
    int rc = number_and_date(d, &err);
    if (rc == WS_OK)
        rc = sign(d, &err);
    if (rc != WS_OK)
        return ctl_fail(d->v, rc == WS_EINPUT || rc == WS_ELIMIT ? CTL_NO : CTL_UNREACHABLE, &err);
    return hand_over(d);
}

void ctl_order_free(struct ctl_order *d) {
    ctl_genesis_free(&d->genesis);
}
