#include "tests/support/light_chain.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"

#include <stdio.h>
#include <stdlib.h>

static void make_set(struct chain *c, size_t k) {
    struct validator_set *s = &c->sets[k];
    struct test_key made[VALIDATORS_MAX];
    s->n = c->plan.members;
    for (size_t i = 0; i < s->n; i++) {
        made[i] = test_key_of(5000 + k * c->plan.fresh + i);
        struct validator *v = &s->v[i];
        v->alg = KEY_ED25519;
        memcpy(v->key, made[i].key, KEY_OCTETS);
        memset(v->curve_key, (int)(k * c->plan.fresh + i), KEY_OCTETS);
        v->power = 10;
        (void)snprintf(v->owner, sizeof(v->owner), "agency %zu", i % 3);
        (void)snprintf(v->mast, sizeof(v->mast), "mast %zu", k * c->plan.fresh + i);
    }
    WS_ASSERT(validator_set_prepare(exec_sha256, s, NULL) == WS_OK);
    for (size_t i = 0; i < s->n; i++) {
        for (size_t m = 0; m < s->n; m++) {
            if (memcmp(s->v[i].key, made[m].key, KEY_OCTETS) == 0)
                c->keys[k][i] = made[m];
        }
    }
}

static void make_genesis(struct chain *c) {
    sample_cell_make(&c->cell, c->plan.members, NULL);
    c->cell.genesis.validators = c->sets[0];
    memcpy(c->cell.keys, c->keys[0], sizeof(c->keys[0]));
    buf_clear(&c->cell.octets);
    genesis_encode(&c->cell.genesis, &c->cell.octets);
    genesis_cell_id(exec_sha256, buf_span(&c->cell.octets), c->cell.id);
}

void chain_make(struct chain *c, const struct chain_plan *plan) {
    memset(c, 0, sizeof(*c));
    c->plan = *plan;
    uint64_t step = plan->step_us == 0 ? 1000000 : plan->step_us;
    c->n_sets = (size_t)(plan->heights / plan->term) + 2;
    c->sets = ws_calloc(c->n_sets, sizeof(*c->sets));
    c->keys = ws_calloc(c->n_sets, sizeof(*c->keys));
    c->headers = ws_calloc(plan->heights, sizeof(*c->headers));
    for (size_t k = 0; k < c->n_sets; k++)
        make_set(c, k);
    make_genesis(c);
    hash32 previous = {0};
    for (uint64_t h = 1; h <= plan->heights; h++) {
        struct ws_random r = ws_random_seeded(h);
        struct header *hd = &c->headers[h - 1];
        *hd = sample_header(&r);
        memcpy(hd->cell_id, c->cell.id, 32);
        memcpy(hd->previous, previous, 32);
        hd->height = h;
        hd->time = c->cell.genesis.time + h * step;
        validator_set_hash(exec_sha256, &c->sets[chain_set_at(c, h)], hd->validators);
        validator_set_hash(exec_sha256, &c->sets[chain_set_at(c, h + 1)], hd->next_validators);
        header_id(exec_sha256, hd, previous);
    }
}

void chain_free(struct chain *c) {
    sample_cell_free(&c->cell);
    free(c->sets);
    free(c->keys);
    free(c->headers);
}

const struct header *chain_header(const struct chain *c, uint64_t height) {
    return &c->headers[height - 1];
}

size_t chain_set_at(const struct chain *c, uint64_t height) {
    return (size_t)((height - 1) / c->plan.term);
}

struct commit chain_sign(
    const struct chain *c, size_t set, const struct header *hd, int32_t round, uint64_t who) {
    struct commit out = {.height = hd->height, .round = round, .n = c->sets[set].n};
    struct vote v = {.type = VOTE_PRECOMMIT,
        .height = hd->height,
        .round = round,
        .locked_round = -1,
        .valid_round = -1};
    header_id(exec_sha256, hd, out.id);
    memcpy(v.id, out.id, 32);
    struct buf b = {0};
    vote_sign_bytes(c->cell.id, &v, &b);
    for (size_t i = 0; i < out.n; i++) {
        out.present[i] = (who >> i & 1U) == 1;
        if (out.present[i])
            test_sign(&c->keys[set][i], buf_span(&b), out.sig[i]);
    }
    buf_free(&b);
    return out;
}

struct commit chain_commit(const struct chain *c, uint64_t height, uint64_t who) {
    return chain_sign(c, chain_set_at(c, height), chain_header(c, height), 0, who);
}

void chain_handover(const struct chain *c, size_t set, struct handover *ret_handover) {
    uint64_t height = (set + 1) * c->plan.term;
    struct commit commit = chain_commit(c, height, UINT64_MAX);
    WS_ASSERT(handover_make(exec_sha256, chain_header(c, height), &commit, &c->sets[set],
                  &c->sets[set + 1], ret_handover, NULL) == WS_OK);
}

static int give_block(
    void *ctx, uint64_t height, struct light_block *ret_block, struct ws_err *err) {
    struct chain *c = ctx;
    c->asked++;
    if (height == 0 || height > c->plan.heights)
        return ws_fail(err, WS_ENOTFOUND, "no such height");
    ret_block->header = *chain_header(c, height);
    ret_block->commit = chain_commit(c, height, UINT64_MAX);
    ret_block->set = c->sets[chain_set_at(c, height)];
    return WS_OK;
}

static int give_handover(
    void *ctx, uint64_t after, struct handover *ret_handover, struct ws_err *err) {
    struct chain *c = ctx;
    c->asked++;
    size_t set = (size_t)(after / c->plan.term);
    if ((set + 1) * c->plan.term > c->plan.heights)
        return ws_fail(err, WS_ENOTFOUND, "no handover yet");
    chain_handover(c, set, ret_handover);
    return WS_OK;
}

struct light_source chain_source(struct chain *c, bool handovers) {
    return (struct light_source){.ctx = c,
        .block = give_block,
        .handover = handovers ? give_handover : NULL,
        .steps_max = 100000};
}
