/* The face of ledger/light for programs outside: opaque objects, octets in, verdicts out. */
#include "ledger/light/fragment.h"
#include "ledger/light/proof.h"

#include "base/mem.h"
#include "ledger/light/wayside_light.h"

#include <stdlib.h>

#define SAME(a, b) _Static_assert((int)(a) == (int)(b), "the library's numbers are for ever")
SAME(WSL_OK, LIGHT_OK);
SAME(WSL_MALFORMED, LIGHT_MALFORMED);
SAME(WSL_OTHER_CELL, LIGHT_OTHER_CELL);
SAME(WSL_NOT_NEWER, LIGHT_NOT_NEWER);
SAME(WSL_TIME_NOT_LATER, LIGHT_TIME_NOT_LATER);
SAME(WSL_FROM_FUTURE, LIGHT_FROM_FUTURE);
SAME(WSL_EXPIRED, LIGHT_EXPIRED);
SAME(WSL_WRONG_SET, LIGHT_WRONG_SET);
SAME(WSL_WRONG_COMMIT, LIGHT_WRONG_COMMIT);
SAME(WSL_NOT_SUCCESSOR, LIGHT_NOT_SUCCESSOR);
SAME(WSL_BAD_SIGNATURE, LIGHT_BAD_SIGNATURE);
SAME(WSL_NO_QUORUM, LIGHT_NO_QUORUM);
SAME(WSL_TRUST_TOO_LOW, LIGHT_TRUST_TOO_LOW);
SAME(WSL_SET_UNKNOWN, LIGHT_SET_UNKNOWN);
SAME(WSL_CONFLICT, LIGHT_CONFLICT);
SAME(WSL_BROKEN_LINK, LIGHT_BROKEN_LINK);
SAME(WSL_NOT_INCLUDED, LIGHT_NOT_INCLUDED);
SAME(WSL_NO_SOURCE, LIGHT_NO_SOURCE);
SAME(WSL_TOO_MANY_STEPS, LIGHT_TOO_MANY_STEPS);
SAME(WSL_FRAGMENT_MALFORMED, FRAGMENT_MALFORMED);
SAME(WSL_FRAGMENT_HELD, FRAGMENT_HELD);
SAME(WSL_FRAGMENT_KNOWN, FRAGMENT_KNOWN);
SAME(WSL_FRAGMENT_WHOLE, FRAGMENT_WHOLE);
SAME(WSL_FRAGMENT_SPOILED, FRAGMENT_SPOILED);

struct wsl_client {
    struct light_crypto crypto;
    struct light_params params;
    struct light_trust trust;
    bool begun;
    struct ws_err err;
};

const char *wsl_verdict_text(int verdict) {
    if (verdict == WSL_OTHER_FINGERPRINT)
        return "other_fingerprint";
    if (verdict == WSL_NO_TRUST)
        return "no_trust";
    return verdict < 0 ? "unknown" : light_verdict_text((enum light_verdict)verdict);
}

struct wsl_client *wsl_client_new(const struct wsl_crypto *crypto) {
    struct wsl_client *c = ws_alloc(sizeof(*c));
    c->crypto = (struct light_crypto){crypto->hash, crypto->verify};
    c->params = light_params_default();
    return c;
}

void wsl_client_free(struct wsl_client *c) {
    free(c);
}

void wsl_client_set_params(struct wsl_client *c, const struct wsl_params *p) {
    c->params = (struct light_params){.trusting_period = p->trusting_period_us,
        .clock_drift = p->clock_drift_us,
        .level_num = p->level_num,
        .level_den = p->level_den,
        .every_signature = p->every_signature};
}

const char *wsl_error(const struct wsl_client *c) {
    return c->err.text;
}

static int say(struct wsl_client *c, int verdict, const char *text) {
    (void)ws_fail(&c->err, WS_EINPUT, "%s", text);
    return verdict;
}

/* ---- where trust begins ---- */

int wsl_trust_genesis(struct wsl_client *c, struct span genesis, const uint8_t *fingerprint) {
    struct light_trust *t = ws_alloc(sizeof(*t));
    int v = WSL_OK;
    if (light_trust_genesis(c->crypto.hash, genesis, t, &c->err) != WS_OK)
        v = WSL_MALFORMED;
    else if (fingerprint != NULL && memcmp(fingerprint, t->cell_id, 32) != 0)
        v = say(c, WSL_OTHER_FINGERPRINT, "the genesis has another fingerprint");
    if (v == WSL_OK) {
        c->trust = *t;
        c->begun = true;
    }
    free(t);
    return v;
}

int wsl_trust_header(struct wsl_client *c, const uint8_t *cell_id, uint64_t height,
    const uint8_t *id, struct span header) {
    struct header hd;
    struct rd r = rd_of(header);
    if (!header_read(&r, &hd) || !rd_done(&r))
        return say(c, WSL_MALFORMED, "malformed header");
    struct light_trust *t = ws_alloc(sizeof(*t));
    enum light_verdict v = light_trust_header(c->crypto.hash, cell_id, &hd, height, id, t, &c->err);
    if (v == LIGHT_OK) {
        c->trust = *t;
        c->begun = true;
    }
    free(t);
    return (int)v;
}

int wsl_trust_load(struct wsl_client *c, struct span kept) {
    struct light_trust *t = ws_alloc(sizeof(*t));
    int rc = light_trust_decode(c->crypto.hash, kept, t, &c->err);
    if (rc == WS_OK) {
        c->trust = *t;
        c->begun = true;
    }
    free(t);
    return rc == WS_OK ? WSL_OK : WSL_MALFORMED;
}

size_t wsl_trust_save(const struct wsl_client *c, uint8_t *dst, size_t size) {
    struct buf b = {0};
    if (!c->begun)
        return 0;
    light_trust_encode(&c->trust, &b);
    if (b.n <= size)
        memcpy(dst, b.p, b.n);
    size_t n = b.n;
    buf_free(&b);
    return n;
}

uint64_t wsl_height(const struct wsl_client *c) {
    return c->trust.height;
}

uint64_t wsl_time(const struct wsl_client *c) {
    return c->trust.time;
}

void wsl_id(const struct wsl_client *c, uint8_t *ret_id) {
    memcpy(ret_id, c->trust.id, 32);
}

void wsl_cell_id(const struct wsl_client *c, uint8_t *ret_id) {
    memcpy(ret_id, c->trust.cell_id, 32);
}

/* ---- how it moves ---- */

static int no_trust(struct wsl_client *c) {
    return say(c, WSL_NO_TRUST, "the client has not begun with a genesis or a header");
}

int wsl_advance(
    struct wsl_client *c, struct span header, struct span commit, struct span set, uint64_t now) {
    if (!c->begun)
        return no_trust(c);
    struct light_block *b = ws_alloc(sizeof(*b));
    struct rd rh = rd_of(header);
    struct rd rc = rd_of(commit);
    int v = WSL_OK;
    if (!header_read(&rh, &b->header) || !rd_done(&rh))
        v = say(c, WSL_MALFORMED, "malformed header");
    else if (!commit_read(&rc, &b->commit) || !rd_done(&rc))
        v = say(c, WSL_MALFORMED, "malformed commit");
    else if (set.n > 0 && valset_decode(c->crypto.hash, set, &b->set, &c->err) != WS_OK)
        v = WSL_MALFORMED;
    if (v == WSL_OK)
        v = (int)light_advance(&c->crypto, &c->params, &c->trust, &b->header, &b->commit,
            set.n > 0 ? &b->set : NULL, now, &c->err);
    free(b);
    return v;
}

int wsl_cross(struct wsl_client *c, struct span handover, uint64_t now) {
    if (!c->begun)
        return no_trust(c);
    struct handover *o = ws_alloc(sizeof(*o));
    int v = WSL_MALFORMED;
    if (handover_decode(c->crypto.hash, handover, o, &c->err) == WS_OK)
        v = (int)light_cross(&c->crypto, &c->params, &c->trust, o, now, &c->err);
    free(o);
    return v;
}

/* ---- what it proves ---- */

int wsl_prove_event(
    struct wsl_client *c, struct span bundle, uint64_t now, struct wsl_event *ret_event) {
    if (!c->begun)
        return no_trust(c);
    struct event_bundle *b = ws_alloc(sizeof(*b));
    struct event e;
    int v = WSL_MALFORMED;
    if (event_bundle_decode(bundle, b, &c->err) == WS_OK)
        v = (int)light_prove_event(&c->crypto, &c->params, &c->trust, b, now, &e, &c->err);
    if (v == WSL_OK)
        *ret_event = (struct wsl_event){.contract = e.contract,
            .type = e.type,
            .sequence = e.sequence,
            .height = e.height,
            .body = e.body};
    free(b);
    return v;
}

int wsl_prove_state(
    struct wsl_client *c, struct span bundle, uint64_t now, struct wsl_entry *ret_entry) {
    if (!c->begun)
        return no_trust(c);
    struct state_bundle *b = ws_alloc(sizeof(*b));
    int v = WSL_MALFORMED;
    if (state_bundle_decode(bundle, b, &c->err) == WS_OK)
        v = (int)light_prove_state(&c->crypto, &c->params, &c->trust, b, now, &c->err);
    if (v == WSL_OK)
        *ret_entry = (struct wsl_entry){.contract = (uint8_t)b->contract.index,
            .present = b->present,
            .height = b->header.height - 1,
            .key = b->key,
            .value = b->value};
    free(b);
    return v;
}

/* ---- fragments ---- */

struct wsl_pool {
    light_hash_fn hash;
    struct fragment_pool pool;
};

struct wsl_pool *wsl_pool_new(const struct wsl_crypto *crypto) {
    struct wsl_pool *p = ws_alloc(sizeof(*p));
    p->hash = crypto->hash;
    return p;
}

void wsl_pool_free(struct wsl_pool *p) {
    free(p);
}

enum wsl_fragment wsl_fragment_take(
    struct wsl_pool *p, struct span fragment, struct span *ret_object) {
    return (enum wsl_fragment)fragment_take(p->hash, &p->pool, fragment, ret_object);
}
