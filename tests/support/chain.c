#include "tests/support/chain.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/contract.h"
#include "ledger/exec/hash.h"
#include "ledger/snapshot/entry.h"
#include "ledger/snapshot/meta.h"
#include "ledger/store/undo.h"

#include <stdlib.h>

static struct signer *make_set(uint8_t seed, struct validator_set *ret) {
    uint8_t secret[32] = {seed};
    struct signer *signer = signer_new(secret);
    WS_ASSERT(signer != NULL);
    *ret = (struct validator_set){.n = 1};
    ret->v[0] = (struct validator){.alg = KEY_ED25519, .power = 1};
    signer_public(signer, ret->v[0].key);
    memset(ret->v[0].curve_key, 1, KEY_OCTETS);
    WS_ASSERT(validator_set_prepare(exec_sha256, ret, NULL) == WS_OK);
    return signer;
}

void chain_open(struct chain *c, struct store *s, size_t contracts, uint64_t seed) {
    *c = (struct chain){.store = s, .contracts = contracts, .undo = 16, .block_us = 1000000};
    c->state = state_new(contracts);
    c->random = ws_random_seeded(seed);
    c->signer = make_set(9, &c->set);
    memset(c->cell_id, 0xce, 32);
    c->time = 1000000000;
}

void chain_close(struct chain *c) {
    state_free(c->state);
    signer_free(c->signer);
    for (size_t i = 0; i < c->n_handovers; i++)
        buf_free(&c->handover[i]);
}

void chain_change(struct chain *c) {
    c->changing = true;
}

/* hd and its commit are the last of the present set. */
static void hand_over(struct chain *c, const struct header *hd, const struct validator_set *next,
    struct signer *signer) {
    struct handover *o = ws_alloc(sizeof(*o));
    WS_ASSERT(c->n_handovers < CHAIN_HANDOVERS_MAX);
    WS_ASSERT(handover_make(exec_sha256, hd, &c->commit, &c->set, next, o, NULL) == WS_OK);
    handover_encode(o, &c->handover[c->n_handovers++]);
    free(o);
    signer_free(c->signer);
    c->signer = signer;
    c->set = *next;
    c->changing = false;
}

void chain_put(struct chain *c, size_t contract, struct span key, struct span value) {
    state_put(c->state, contract, key, value);
}

static void put_change(void *ctx, size_t contract, struct span key, struct span value) {
    struct store_batch *b = ctx;
    struct buf k = {0};
    entry_key_put(&k, (uint8_t)contract, key);
    if (value.p == NULL)
        store_batch_del(b, STORE_STATE, buf_span(&k));
    else
        store_batch_put(b, STORE_STATE, buf_span(&k), value);
    buf_free(&k);
}

static void sign(struct chain *c, const struct header *hd, struct commit *ret) {
    *ret = (struct commit){.height = hd->height, .n = 1, .present = {true}};
    header_id(exec_sha256, hd, ret->id);
    struct vote v = {
        .height = hd->height, .type = VOTE_PRECOMMIT, .locked_round = -1, .valid_round = -1};
    memcpy(v.id, ret->id, 32);
    struct buf b = {0};
    vote_sign_bytes(c->cell_id, &v, &b);
    signer_sign(c->signer, buf_span(&b), ret->sig[0]);
    buf_free(&b);
}

static void put_at(struct store_batch *b, enum store_space space, uint64_t height, struct buf *o) {
    uint8_t key[8];
    put_be64(key, height);
    store_batch_put(b, space, span_of(key, 8), buf_span(o));
    buf_clear(o);
}

void chain_commit(struct chain *c) {
    struct header hd = {.height = ++c->height, .time = c->time += c->block_us};
    memcpy(hd.cell_id, c->cell_id, 32);
    static const hash32 none = {0};
    struct meta_node at = {.height = c->height};
    hash32 before; /* after the last block: what this header commits to */
    if (c->height == 1)
        memcpy(before, none, 32);
    else
        memcpy(before, c->last.extension, 32);
    memcpy(hd.state_root, before, 32);
    exec_sha256(NULL, 0, hd.tx_root);
    exec_sha256(NULL, 0, hd.result_root);
    exec_sha256(NULL, 0, hd.event_root);
    validator_set_hash(exec_sha256, &c->set, hd.validators);
    memcpy(hd.next_validators, hd.validators, 32);
    struct validator_set next;
    struct signer *next_signer = NULL;
    if (c->changing) {
        next_signer = make_set((uint8_t)(10 + c->n_handovers), &next);
        validator_set_hash(exec_sha256, &next, hd.next_validators);
    }
    memcpy(hd.proposer, c->set.v[0].address, 32);
    if (c->height > 1) {
        memcpy(hd.previous, c->last_id, 32);
        commit_hash(exec_sha256, &c->commit, hd.last_commit);
    }
    struct commit carried = c->commit;
    sign(c, &hd, &c->commit);
    memcpy(c->last_id, c->commit.id, 32);
    struct store_batch *b = store_batch_new(c->store);
    struct buf o = {0};
    buf_u8(&o, LEDGER_VERSION);
    header_encode(&hd, &o);
    commit_encode(&carried, &o);
    buf_u32(&o, 0);
    put_at(b, STORE_BLOCK, c->height, &o);
    header_encode(&hd, &o);
    put_at(b, STORE_HEADER, c->height, &o);
    commit_encode(&c->commit, &o);
    put_at(b, STORE_COMMIT, c->height, &o);
    buf_free(&o);
    state_changes(c->state, put_change, b);
    state_changes_clear(c->state);
    state_root(c->state, at.state_root);
    memcpy(at.cell_id, c->cell_id, 32);
    memcpy(at.result_root, hd.result_root, 32);
    memcpy(at.event_root, hd.event_root, 32);
    meta_put_node(b, &at);
    WS_ASSERT(undo_put(b, c->height, c->undo, NULL) == WS_OK);
    WS_ASSERT(store_batch_write(b, NULL) == WS_OK);
    c->last = hd;
    if (c->changing)
        hand_over(c, &hd, &next, next_signer);
    memcpy(c->last.extension, at.state_root, 32); /* only here: what the next header says */
}

static void random_key(struct chain *c, struct buf *ret) {
    buf_clear(ret);
    size_t n = 1 + ws_random_below(&c->random, 40);
    ws_random_bytes(&c->random, buf_grow(ret, n), n);
}

static void del_some(struct chain *c, size_t contract) {
    struct buf from = {0};
    struct span key;
    struct span value;
    random_key(c, &from);
    if (state_next(c->state, contract, span_of("", 0), buf_span(&from), &key, &value)) {
        buf_clear(&from);
        buf_put(&from, key.p, key.n);
        state_del(c->state, contract, buf_span(&from));
    }
    buf_free(&from);
}

void chain_block(struct chain *c, size_t puts, size_t octets) {
    struct buf key = {0};
    uint8_t *value = ws_alloc(octets + 1);
    for (size_t i = 0; i < puts; i++) {
        size_t contract = (size_t)ws_random_below(&c->random, c->contracts);
        size_t n = (size_t)ws_random_below(&c->random, octets + 1);
        random_key(c, &key);
        ws_random_bytes(&c->random, value, n);
        state_put(c->state, contract, buf_span(&key), span_of(value, n));
        if (i % 5 == 4)
            del_some(c, contract);
    }
    free(value);
    buf_free(&key);
    chain_commit(c);
}
