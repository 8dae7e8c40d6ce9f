#include "ledger/light/proof.h"

#include "base/mem.h"
#include "ledger/light/light_internal.h"

#include <stdlib.h>

enum { BUNDLE_EVENT = 1, BUNDLE_STATE = 2 };

static void put_list_proof(const struct list_proof *p, struct buf *b) {
    buf_u64(b, p->total);
    buf_u64(b, p->index);
    buf_u8(b, (uint8_t)p->n);
    for (size_t i = 0; i < p->n; i++)
        buf_put(b, p->aunts[i], 32);
}

static void read_list_proof(struct rd *r, struct list_proof *p) {
    p->total = rd_u64(r);
    p->index = rd_u64(r);
    p->n = rd_u8(r);
    if (p->n > LIST_PROOF_MAX) {
        p->n = 0;
        r->bad = true;
    }
    for (size_t i = 0; i < p->n; i++)
        rd_copy(r, p->aunts[i], 32);
}

static void put_front(uint8_t kind, const struct handovers *o, const struct header *hd,
    const struct commit *c, struct buf *b) {
    buf_u8(b, LEDGER_VERSION);
    buf_u8(b, kind);
    buf_u16(b, (uint16_t)o->n);
    buf_put(b, o->octets.p, o->octets.n);
    header_encode(hd, b);
    commit_encode(c, b);
}

static int read_front(struct rd *r, uint8_t kind, struct handovers *o, struct header *hd,
    struct commit *c, struct ws_err *err) {
    if (rd_u8(r) != LEDGER_VERSION || rd_u8(r) != kind)
        return ws_fail(err, WS_EINPUT, "proof: not a bundle of this kind and version");
    handovers_read(r, o);
    if (r->bad)
        return ws_fail(err, WS_EINPUT, "proof: malformed handovers near octet %zu", r->at);
    if (!header_read(r, hd))
        return ws_fail(err, WS_EINPUT, "proof: malformed header near octet %zu", r->at);
    if (!commit_read(r, c))
        return ws_fail(err, WS_EINPUT, "proof: malformed commit near octet %zu", r->at);
    return WS_OK;
}

void event_bundle_encode(const struct event_bundle *p, struct buf *b) {
    put_front(BUNDLE_EVENT, &p->handovers, &p->header, &p->commit, b);
    put_list_proof(&p->proof, b);
    buf_var(b, p->event);
}

int event_bundle_decode(struct span s, struct event_bundle *ret_bundle, struct ws_err *err) {
    struct rd r = rd_of(s);
    int rc = read_front(
        &r, BUNDLE_EVENT, &ret_bundle->handovers, &ret_bundle->header, &ret_bundle->commit, err);
    if (rc != WS_OK)
        return rc;
    read_list_proof(&r, &ret_bundle->proof);
    ret_bundle->event = rd_var(&r, UINT32_MAX);
    if (!rd_done(&r))
        return ws_fail(err, WS_EINPUT, "proof: malformed near octet %zu of %zu", r.at, r.n);
    return WS_OK;
}

void state_bundle_encode(const struct state_bundle *p, struct buf *b) {
    put_front(BUNDLE_STATE, &p->handovers, &p->header, &p->commit, b);
    put_list_proof(&p->contract, b);
    buf_put(b, p->contract_root, 32);
    buf_u8(b, (uint8_t)p->proof.end);
    buf_put(b, p->proof.leaf_key, 32);
    buf_put(b, p->proof.leaf_value, 32);
    buf_u16(b, (uint16_t)p->proof.n);
    for (size_t i = 0; i < p->proof.n; i++)
        buf_put(b, p->proof.siblings[i], 32);
    buf_var(b, p->key);
    buf_u8(b, p->present ? 1 : 0);
    if (p->present)
        buf_var(b, p->value);
}

int state_bundle_decode(struct span s, struct state_bundle *ret_bundle, struct ws_err *err) {
    struct state_bundle *p = ret_bundle;
    struct rd r = rd_of(s);
    int rc = read_front(&r, BUNDLE_STATE, &p->handovers, &p->header, &p->commit, err);
    if (rc != WS_OK)
        return rc;
    read_list_proof(&r, &p->contract);
    rd_copy(&r, p->contract_root, 32);
    uint8_t end = rd_u8(&r);
    p->proof.end = end == SPARSE_LEAF ? SPARSE_LEAF : SPARSE_EMPTY;
    if (end > SPARSE_LEAF)
        r.bad = true;
    rd_copy(&r, p->proof.leaf_key, 32);
    rd_copy(&r, p->proof.leaf_value, 32);
    static const hash32 zero = {0};
    if (p->proof.end == SPARSE_EMPTY &&
        (memcmp(p->proof.leaf_key, zero, 32) != 0 || memcmp(p->proof.leaf_value, zero, 32) != 0))
        r.bad = true; /* nobody would look at them: a second form of the same proof */
    p->proof.n = rd_u16(&r);
    if (p->proof.n > SPARSE_PROOF_MAX) {
        p->proof.n = 0;
        r.bad = true;
    }
    for (size_t i = 0; i < p->proof.n; i++)
        rd_copy(&r, p->proof.siblings[i], 32);
    p->key = rd_var(&r, UINT16_MAX);
    uint8_t present = rd_u8(&r);
    if (present > 1)
        r.bad = true;
    p->present = present == 1;
    p->value = p->present ? rd_var(&r, UINT32_MAX) : (struct span){NULL, 0};
    if (!rd_done(&r))
        return ws_fail(err, WS_EINPUT, "proof: malformed near octet %zu of %zu", r.at, r.n);
    return WS_OK;
}

int light_check_header(const struct light_crypto *c, const hash32 cell_id,
    const struct validator_set *set, const struct header *hd, const struct commit *commit,
    struct ws_err *err) {
    if (memcmp(hd->cell_id, cell_id, 32) != 0)
        return ws_fail(
            err, WS_EINPUT, "header %llu belongs to another cell", (unsigned long long)hd->height);
    hash32 got;
    validator_set_hash(c->hash, set, got);
    if (memcmp(hd->validators, got, 32) != 0)
        return ws_fail(err, WS_EINPUT, "header %llu names another validator set",
            (unsigned long long)hd->height);
    header_id(c->hash, hd, got);
    if (commit->height != hd->height || memcmp(commit->id, got, 32) != 0)
        return ws_fail(
            err, WS_EINPUT, "the commit is not for header %llu", (unsigned long long)hd->height);
    return commit_check(c->verify, cell_id, set, commit, err);
}

/* ---- inclusion ---- */

enum light_verdict light_event_in(
    light_hash_fn h, const struct event_bundle *p, struct event *ret_event, struct ws_err *err) {
    hash32 leaf;
    list_leaf(h, p->event, leaf);
    if (!list_verify(h, &p->proof, leaf, p->header.event_root))
        return light_refuse(LIGHT_NOT_INCLUDED, err,
            "the event is not in the event root of header %llu", H(p->header.height));
    struct rd r = rd_of(p->event);
    if (!event_read(&r, ret_event) || !rd_done(&r))
        return light_refuse(LIGHT_NOT_INCLUDED, err, "the event is malformed near octet %zu", r.at);
    if (ret_event->height + 1 != p->header.height || ret_event->sequence != p->proof.index)
        return light_refuse(
            LIGHT_NOT_INCLUDED, err, "the event names another place than the proof");
    return LIGHT_OK;
}

enum light_verdict light_state_in(
    light_hash_fn h, const struct state_bundle *p, struct ws_err *err) {
    hash32 leaf;
    contract_leaf(h, (uint8_t)p->contract.index, p->contract_root, leaf);
    if (p->contract.index > UINT8_MAX || !list_verify(h, &p->contract, leaf, p->header.state_root))
        return light_refuse(LIGHT_NOT_INCLUDED, err,
            "the contract's root is not in the state root of header %llu", H(p->header.height));
    hash32 key_hash;
    hash32 value_hash;
    h(&p->key, 1, key_hash);
    h(&p->value, 1, value_hash);
    if (!sparse_verify(h, &p->proof, key_hash, p->present ? value_hash : NULL, p->contract_root))
        return light_refuse(LIGHT_NOT_INCLUDED, err, "the entry is not %s in the contract's state",
            p->present ? "present" : "absent");
    return LIGHT_OK;
}

/* ---- from a belief to the bundle's header ---- */

static enum light_verdict believe(const struct light_crypto *c, const struct light_params *p,
    struct light_trust *t, const struct handovers *o, const struct header *hd,
    const struct commit *commit, uint64_t now, struct ws_err *err) {
    enum light_verdict v = light_follow(c, p, t, o, now, NULL, err);
    if (v != LIGHT_OK || hd->height != t->height)
        return v != LIGHT_OK ? v : light_advance(c, p, t, hd, commit, NULL, now, err);
    hash32 id;
    header_id(c->hash, hd, id);
    if (memcmp(id, t->id, 32) == 0)
        return LIGHT_OK;
    return light_refuse(
        LIGHT_CONFLICT, err, "header %llu is another one than the one trusted", H(hd->height));
}

enum light_verdict light_prove_event(const struct light_crypto *c, const struct light_params *p,
    struct light_trust *t, const struct event_bundle *b, uint64_t now, struct event *ret_event,
    struct ws_err *err) {
    enum light_verdict v = believe(c, p, t, &b->handovers, &b->header, &b->commit, now, err);
    return v == LIGHT_OK ? light_event_in(c->hash, b, ret_event, err) : v;
}

enum light_verdict light_prove_state(const struct light_crypto *c, const struct light_params *p,
    struct light_trust *t, const struct state_bundle *b, uint64_t now, struct ws_err *err) {
    enum light_verdict v = believe(c, p, t, &b->handovers, &b->header, &b->commit, now, err);
    return v == LIGHT_OK ? light_state_in(c->hash, b, err) : v;
}

/* ---- with the genesis alone ---- */

static const struct light_params archive = {
    .level_num = 1, .level_den = 3, .every_signature = true};

static struct light_trust *from_genesis(
    light_hash_fn h, struct span genesis, int *ret_rc, struct ws_err *err) {
    struct light_trust *t = ws_alloc(sizeof(*t));
    *ret_rc = light_trust_genesis(h, genesis, t, err);
    return t;
}

int light_check_event(const struct light_crypto *c, struct span genesis,
    const struct event_bundle *p, struct event *ret_event, struct ws_err *err) {
    int rc;
    struct light_trust *t = from_genesis(c->hash, genesis, &rc, err);
    if (rc == WS_OK &&
        light_prove_event(c, &archive, t, p, LIGHT_NO_CLOCK, ret_event, err) != LIGHT_OK)
        rc = WS_EINPUT;
    free(t);
    return rc;
}

int light_check_state(const struct light_crypto *c, struct span genesis,
    const struct state_bundle *p, struct ws_err *err) {
    int rc;
    struct light_trust *t = from_genesis(c->hash, genesis, &rc, err);
    if (rc == WS_OK && light_prove_state(c, &archive, t, p, LIGHT_NO_CLOCK, err) != LIGHT_OK)
        rc = WS_EINPUT;
    free(t);
    return rc;
}
