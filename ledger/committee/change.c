#include "ledger/committee/change.h"

#include <stdlib.h>

const char *committee_code_text(enum committee_code code) {
    static const char *const names[] = {
#define X(id, text) text,
        COMMITTEE_CODES(X)
#undef X
    };
    return (size_t)code < ARRAY_LEN(names) ? names[code] : "unknown";
}

/* ---- members ---- */

static int by_octets(const void *a, const void *b) {
    return memcmp(a, b, sizeof(hash32));
}

static int by_address(const void *a, const void *b) {
    const struct validator *x = a;
    const struct validator *y = b;
    return memcmp(x->address, y->address, sizeof(hash32));
}

void set_change_prepare(light_hash_fn h, struct set_change *c) {
    for (size_t i = 0; i < c->n_in; i++)
        validator_address(h, &c->in[i]);
    qsort(c->out, c->n_out, sizeof(c->out[0]), by_octets);
    qsort(c->in, c->n_in, sizeof(c->in[0]), by_address);
}

/* Validators travel in the one form that a set has. */
void set_change_encode(const struct set_change *c, struct buf *b) {
    buf_u8(b, LEDGER_VERSION);
    buf_u8(b, (uint8_t)c->n_out);
    buf_put(b, c->out, c->n_out * sizeof(c->out[0]));
    struct validator_set in = {.n = c->n_in};
    memcpy(in.v, c->in, c->n_in * sizeof(c->in[0]));
    validator_set_encode(&in, b);
}

static bool ascending(const struct set_change *c) {
    for (size_t i = 1; i < c->n_out; i++) {
        if (by_octets(c->out[i - 1], c->out[i]) >= 0)
            return false;
    }
    for (size_t i = 1; i < c->n_in; i++) {
        if (by_address(&c->in[i - 1], &c->in[i]) >= 0)
            return false;
    }
    return true;
}

static bool goes(const struct set_change *c, const hash32 address) {
    return bsearch(address, c->out, c->n_out, sizeof(c->out[0]), by_octets) != NULL;
}

int set_change_decode(
    light_hash_fn h, struct span s, struct set_change *ret_change, struct ws_err *err) {
    struct set_change *c = ret_change;
    struct validator_set in;
    struct rd r = rd_of(s);
    memset(c, 0, sizeof(*c));
    if (rd_u8(&r) != LEDGER_VERSION)
        return ws_fail(err, WS_EINPUT, "set change: version octet is not %d", LEDGER_VERSION);
    c->n_out = rd_u8(&r);
    if (c->n_out > VALIDATORS_MAX) {
        c->n_out = 0;
        r.bad = true;
    }
    for (size_t i = 0; i < c->n_out; i++)
        rd_copy(&r, c->out[i], 32);
    if (!validator_set_read(&r, &in) || !rd_done(&r))
        return ws_fail(err, WS_EINPUT, "set change: malformed near octet %zu of %zu", r.at, r.n);
    c->n_in = in.n;
    memcpy(c->in, in.v, in.n * sizeof(in.v[0]));
    for (size_t i = 0; i < c->n_in; i++)
        validator_address(h, &c->in[i]);
    if (!ascending(c))
        return ws_fail(err, WS_EINPUT, "set change: addresses are not ascending");
    for (size_t i = 0; i < c->n_in; i++) {
        if (goes(c, c->in[i].address))
            return ws_fail(err, WS_EINPUT, "set change: validator %zu goes and comes", i);
    }
    if (c->n_out + c->n_in == 0)
        return ws_fail(err, WS_EINPUT, "set change: nobody goes and nobody comes");
    return WS_OK;
}

static bool same_member(const struct validator *a, const struct validator *b) {
    return a->power == b->power && memcmp(a->curve_key, b->curve_key, KEY_OCTETS) == 0 &&
           strcmp(a->owner, b->owner) == 0 && strcmp(a->mast, b->mast) == 0;
}

/* Who holds a third of the power can stop the cell alone, since the others are no quorum then; with fewer than four
 * members somebody always can, and the cell was founded so. */
bool set_too_heavy(const struct validator_set *s) {
    return s->n >= COMMITTEE_LEAST && !power_is_quorum(s->total - s->v[0].power, s->total);
}

/* The largest share of a is below that of b: a step out of a set that was founded, or left by a conviction, too heavy. */
static bool lighter(const struct validator_set *a, const struct validator_set *b) {
    return (unsigned __int128)a->v[0].power * b->total <
           (unsigned __int128)b->v[0].power * a->total;
}

enum committee_code set_change_apply(light_hash_fn h, const struct validator_set *now,
    const struct set_change *c, struct validator_set *ret_set) {
    struct validator_set next = {0};
    bool changed = c->n_out > 0;
    for (size_t i = 0; i < c->n_out; i++) {
        if (validator_set_find(now, c->out[i]) < 0)
            return COMMITTEE_UNKNOWN_VALIDATOR;
    }
    for (size_t i = 0; i < now->n; i++) {
        if (!goes(c, now->v[i].address))
            next.v[next.n++] = now->v[i];
    }
    for (size_t i = 0; i < c->n_in; i++) {
        int at = validator_set_find(&next, c->in[i].address);
        if (at >= 0 && same_member(&next.v[at], &c->in[i]))
            continue;
        changed = true;
        if (at < 0 && next.n == VALIDATORS_MAX)
            return COMMITTEE_TOO_MANY;
        next.v[at >= 0 ? (size_t)at : next.n++] = c->in[i];
    }
    if (!changed)
        return COMMITTEE_NO_CHANGE;
    if (next.n < COMMITTEE_LEAST && next.n < now->n)
        return COMMITTEE_TOO_FEW;
    if (validator_set_prepare(h, &next, NULL) != WS_OK)
        return COMMITTEE_BAD_SET;
    if (set_too_heavy(&next) && !lighter(&next, now))
        return COMMITTEE_TOO_HEAVY;
    *ret_set = next;
    return COMMITTEE_OK;
}

/* ---- parameters ---- */

void params_change_encode(const struct cell_params *p, struct buf *b) {
    buf_u8(b, LEDGER_VERSION);
    cell_params_encode(p, b);
}

int params_change_decode(struct span s, struct cell_params *ret_params, struct ws_err *err) {
    struct rd r = rd_of(s);
    if (rd_u8(&r) != LEDGER_VERSION)
        return ws_fail(err, WS_EINPUT, "parameters: version octet is not %d", LEDGER_VERSION);
    cell_params_read(&r, ret_params);
    if (!rd_done(&r))
        return ws_fail(err, WS_EINPUT, "parameters: malformed near octet %zu of %zu", r.at, r.n);
    return WS_OK;
}

enum committee_code params_change_check(
    const struct cell_params *founded, const struct cell_params *p) {
    if (cell_params_check(p, NULL) != WS_OK)
        return COMMITTEE_BAD_PARAMS;
    if (p->tx_octets_max < COMMITTEE_TX_OCTETS_LEAST || p->tx_octets_max > founded->tx_octets_max ||
        p->block_octets_max > founded->block_octets_max ||
        p->block_txs_max > founded->block_txs_max ||
        p->body_horizon_us > founded->body_horizon_us ||
        p->message_age_us > founded->message_age_us)
        return COMMITTEE_UNSAFE_PARAMS;
    return COMMITTEE_OK;
}
