#include "rsu/ctl/committee.h"

#include "base/mem.h"
#include "ledger/committee/change.h"
#include "ledger/exec/crypto.h"
#include "ledger/exec/hash.h"
#include "rsu/config/value.h"
#include "rsu/ctl/light.h"
#include "rsu/ctl/order.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct committee {
    struct ctl_order o;
    struct ctl_list words;
    const char *key, *link_key, *owner, *mast;
    bool anyway;
    uint64_t power;
    struct buf body;
    /* what a unit says and a quorum signed; with --http only */
    bool asked;
    struct light_block now;
    struct cell_params params;
};

/* ---- what is in force, proven from the genesis ---- */

static int ask_params(
    struct committee *c, struct ctl_http *h, uint64_t *ret_height, struct ws_err *err) {
    json_t *page = NULL;
    struct buf octets = {0};
    int rc = ctl_http_json(h, "/v1/params", &page, err);
    if (rc == WS_OK)
        rc = ctl_json_octets(page, "encoding", &octets, err);
    if (rc == WS_OK) {
        struct rd r = rd_of(buf_span(&octets));
        cell_params_read(&r, &c->params);
        *ret_height = (uint64_t)ctl_json_number(page, "height");
        if (!rd_done(&r))
            rc = ws_fail(err, WS_EIO, "the unit sent malformed parameters");
    }
    buf_free(&octets);
    json_decref(page);
    return rc;
}

static int prove_now(struct committee *c, struct ctl_http *h, struct ws_err *err) {
    uint64_t height = 0;
    if (ask_params(c, h, &height, err) != WS_OK)
        return CTL_UNREACHABLE;
    struct ctl_light *l = ws_alloc(sizeof(*l));
    int code = ctl_light_begin(&c->o.genesis, h, NULL, l, err);
    if (code == CTL_DONE)
        code = ctl_light_code(l, ctl_light_block(l, height, &c->now, err));
    hash32 hash;
    cell_params_hash(exec_sha256, &c->params, hash);
    if (code == CTL_DONE && memcmp(hash, c->now.header.params, 32) != 0) {
        (void)ws_fail(err, WS_EINPUT, "the unit's parameters are not those of header %llu",
            (unsigned long long)height);
        code = CTL_NO;
    }
    c->asked = code == CTL_DONE;
    free(l);
    return code;
}

/* A validator that is not there is a vote that the cell needs and does not get. */
static int see_newcomer(const struct committee *c, struct ctl_http *h, struct ws_err *err) {
    enum { RECENT_S = 30, NEAR = 100 };
    static const char *const lists[] = {"followers", "validators"};
    json_t *status = NULL;
    if (ctl_http_json(h, "/v1/status", &status, err) != WS_OK)
        return CTL_UNREACHABLE;
    int rc = ws_fail(err, WS_EINPUT,
        "add: the unit at %s has no peer with that link key: first let it follow (peers or "
        "followers "
        "in rsud.yaml, then SIGHUP), or --anyway",
        c->o.http.address);
    for (size_t k = 0; k < ARRAY_LEN(lists); k++) {
        size_t i;
        json_t *v;
        json_array_foreach(json_object_get(status, lists[k]), i, v) {
            if (strcasecmp(ctl_json_text(v, "link_key"), c->link_key) != 0)
                continue;
            double ago = json_number_value(json_object_get(v, "heard_s_ago"));
            if (!json_is_integer(json_object_get(v, "height")) || ago > RECENT_S)
                rc = ws_fail(err, WS_EINPUT,
                    "add: nothing is heard of that unit now; a committee that counts on it may "
                    "stand "
                    "still: start it first, or --anyway");
            else if (ctl_json_number(v, "height") + NEAR < ctl_json_number(status, "height"))
                rc = ws_fail(err, WS_EINPUT,
                    "add: that unit is at height %lld and the cell at %lld: let it catch up first, "
                    "or "
                    "--anyway",
                    ctl_json_number(v, "height"), ctl_json_number(status, "height"));
            else
                rc = WS_OK;
        }
    }
    json_decref(status);
    return rc == WS_OK ? CTL_DONE : CTL_NO;
}

static int look_for_newcomer(const struct committee *c) {
    struct ws_err err = {0};
    struct ctl_http *h = NULL;
    if (c->o.http.address == NULL || c->link_key == NULL || c->anyway)
        return CTL_DONE;
    int code =
        ctl_http_open(&c->o.http, &h, &err) == WS_OK ? see_newcomer(c, h, &err) : CTL_UNREACHABLE;
    ctl_http_close(h);
    return code == CTL_DONE ? code : ctl_fail(c->o.v, (enum ctl_code)code, &err);
}

static int ask_now(struct committee *c) {
    struct ws_err err = {0};
    struct ctl_http *h = NULL;
    if (c->o.http.address == NULL)
        return CTL_DONE;
    int code =
        ctl_http_open(&c->o.http, &h, &err) == WS_OK ? prove_now(c, h, &err) : CTL_UNREACHABLE;
    ctl_http_close(h);
    return code == CTL_DONE ? code : ctl_fail(c->o.v, (enum ctl_code)code, &err);
}

/* ---- bodies ---- */

static int refuse(const struct committee *c, enum committee_code code) {
    return ctl_order_refused(c->o.v, committee_code_text(code));
}

/* The cell would say the same; better before anybody signs. */
static int put_change(struct committee *c, struct set_change *change) {
    set_change_prepare(exec_sha256, change);
    set_change_encode(change, &c->body);
    struct set_change *read = ws_alloc(sizeof(*read));
    struct validator_set *next = ws_alloc(sizeof(*next));
    struct ws_err err = {0};
    int code = CTL_DONE;
    if (set_change_decode(exec_sha256, buf_span(&c->body), read, &err) != WS_OK) {
        code = ctl_fail(c->o.v, CTL_NO, &err);
    } else if (c->asked) {
        enum committee_code said = set_change_apply(exec_sha256, &c->now.set, read, next);
        code = said == COMMITTEE_OK ? CTL_DONE : refuse(c, said);
    }
    free(next);
    free(read);
    c->o.order.kind = COMMITTEE_ORDER_SET;
    return code;
}

static bool take_name(const char *text, char dst[static NAME_MAX_OCTETS + 1]) {
    size_t n = text == NULL ? 0 : strlen(text);
    if (n > NAME_MAX_OCTETS)
        return false;
    memset(dst, 0, NAME_MAX_OCTETS + 1);
    memcpy(dst, text == NULL ? "" : text, n);
    return true;
}

static int make_add(struct committee *c) {
    struct set_change *change = ws_alloc(sizeof(*change));
    struct validator *v = &change->in[0];
    int code = CTL_DONE;
    change->n_in = 1;
    v->alg = KEY_ED25519;
    v->power = c->power;
    if (c->key == NULL || c->link_key == NULL || strlen(c->key) != 64 ||
        strlen(c->link_key) != 64 || !hex_decode(v->key, KEY_OCTETS, c->key) ||
        !hex_decode(v->curve_key, KEY_OCTETS, c->link_key))
        code = ctl_misuse(
            c->o.v, "add: --validator-key and --link-key are needed, 64 hex digits each");
    else if (!take_name(c->owner, v->owner) || !take_name(c->mast, v->mast))
        code = ctl_misuse(c->o.v, "add: a name has at most %d octets", NAME_MAX_OCTETS);
    else
        code = put_change(c, change);
    free(change);
    return code;
}

static int make_remove(struct committee *c) {
    struct set_change *change = ws_alloc(sizeof(*change));
    int code = CTL_DONE;
    for (size_t i = 0; i < c->words.n && code == CTL_DONE; i++) {
        if (strlen(c->words.v[i]) != 64 ||
            !hex_decode(change->out[change->n_out++], 32, c->words.v[i]))
            code =
                ctl_misuse(c->o.v, "remove: '%.70s' is no address: 64 hex digits", c->words.v[i]);
    }
    if (code == CTL_DONE)
        code = put_change(c, change);
    free(change);
    return code;
}

struct param {
    const char *name;
    size_t at;
    uint64_t lo, hi;
};
static const struct param params[] = {
#define X(id, least, most, help) {#id, offsetof(struct cell_params, id), least, most},
    CELL_PARAMS(X)
#undef X
};

static int set_param(struct committee *c, const char *word) {
    size_t n = strcspn(word, "=");
    for (size_t i = 0; i < ARRAY_LEN(params); i++) {
        const struct param *p = &params[i];
        if (strlen(p->name) != n || memcmp(p->name, word, n) != 0)
            continue;
        uint64_t value = 0;
        if (word[n] != '=' || !value_u64(word + n + 1, 0, INT64_MAX, &value))
            return ctl_misuse(c->o.v, "params: %.80s: %s=N, a number from %llu to %llu", word,
                p->name, (unsigned long long)p->lo, (unsigned long long)p->hi);
        memcpy((uint8_t *)&c->params + p->at, &value, sizeof(value));
        return CTL_DONE;
    }
    return ctl_misuse(c->o.v,
        "params: '%.*s' is no parameter; rsuctl cell validators --help names them all",
        n > 60 ? 60 : (int)n, word);
}

static int make_params(struct committee *c) {
    struct ws_err err = {0};
    if (!c->asked)
        return ctl_misuse(c->o.v, "params: --http is needed: parameters are ordered as a whole, "
                                  "so those in force must be known");
    for (size_t i = 0; i < c->words.n; i++) {
        int code = set_param(c, c->words.v[i]);
        if (code != CTL_DONE)
            return code;
    }
    enum committee_code said = params_change_check(&c->o.genesis.g.params, &c->params);
    if (said == COMMITTEE_BAD_PARAMS && cell_params_check(&c->params, &err) != WS_OK) {
        (void)ws_fail_in(&err, "refused: %s", committee_code_text(said));
        return ctl_fail(c->o.v, CTL_NO, &err);
    }
    if (said != COMMITTEE_OK)
        return refuse(c, said);
    params_change_encode(&c->params, &c->body);
    c->o.order.kind = COMMITTEE_ORDER_PARAMS;
    return CTL_DONE;
}

/* ---- the verb's words ---- */

struct action {
    const char *word;
    size_t least, most; /* words behind it */
    int (*make)(struct committee *c);
};
static const struct action actions[] = {
    {"add", 0, 0, make_add},
    {"remove", 1, CTL_LIST_MAX, make_remove},
    {"params", 1, CTL_LIST_MAX, make_params},
};

static int run(const struct ctl_verb *v, const struct action *a, int argc, char **argv) {
    enum { OWN = 6 };
    struct committee *c = ws_alloc(sizeof(*c));
    struct ctl_option options[CTL_ORDER_OPTIONS + OWN];
    const struct ctl_option own[OWN] = {
        {"validator-key", CTL_TEXT, (void *)&c->key, 0, 0},
        {"link-key", CTL_TEXT, (void *)&c->link_key, 0, 0},
        {"owner", CTL_TEXT, (void *)&c->owner, 0, 0},
        {"mast", CTL_TEXT, (void *)&c->mast, 0, 0},
        {"power", CTL_NUMBER, &c->power, 1, POWER_MAX},
        {"anyway", CTL_FLAG, &c->anyway, 0, 0},
    };
    int code;
    c->power = 1;
    ctl_order_options(&c->o, v, options);
    memcpy(options + CTL_ORDER_OPTIONS, own, sizeof(own));
    size_t n = a->make == make_add ? CTL_ORDER_OPTIONS + OWN : CTL_ORDER_OPTIONS;
    if (ctl_options(v, argc, argv, options, n, &c->words, a->least, a->most, &code)) {
        c->o.order.role = ROLE_COMMITTEE;
        code = ctl_order_begin(&c->o);
        if (code == CTL_DONE)
            code = ask_now(c);
        if (code == CTL_DONE)
            code = a->make(c);
        if (code == CTL_DONE)
            code = look_for_newcomer(c);
        c->o.order.body = buf_span(&c->body);
        if (code == CTL_DONE)
            code = ctl_order_send(&c->o);
    }
    ctl_order_free(&c->o);
    buf_free(&c->body);
    free(c);
    return code;
}

bool ctl_committee(const struct ctl_verb *v, int argc, char **argv, int *ret_code) {
    for (size_t i = 0; argc > 0 && i < ARRAY_LEN(actions); i++) {
        if (strcmp(argv[0], actions[i].word) != 0)
            continue;
        *ret_code = run(v, &actions[i], argc - 1, argv + 1);
        return true;
    }
    return false;
}
