#include "tests/support/light_samples.h"

#include "base/assert.h"
#include "ledger/exec/hash.h"

#include <stdio.h>

const struct light_crypto sample_crypto = {exec_sha256, test_verify};

void sample_cell_make(struct sample_cell *c, size_t n, const uint64_t *powers) {
    static const uint8_t root_a[] = {1, 2, 3, 4, 5};
    static const uint8_t root_b[] = {6};
    memset(c, 0, sizeof(*c));
    struct genesis *g = &c->genesis;
    (void)snprintf(g->name, sizeof(g->name), "test cell");
    g->time = UINT64_C(600000000000000);
    g->validators.n = n;
    struct test_key made[VALIDATORS_MAX];
    for (size_t i = 0; i < n; i++) {
        struct validator *v = &g->validators.v[i];
        made[i] = test_key_of(1000 + i);
        v->alg = KEY_ED25519;
        memcpy(v->key, made[i].key, KEY_OCTETS);
        memset(v->curve_key, (int)i + 1, KEY_OCTETS);
        v->power = powers == NULL ? 10 : powers[i];
        (void)snprintf(v->owner, sizeof(v->owner), "agency %zu", i % 2);
        (void)snprintf(v->mast, sizeof(v->mast), "mast %zu", i);
    }
    WS_ASSERT(validator_set_prepare(exec_sha256, &g->validators, NULL) == WS_OK);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < n; k++) {
            if (memcmp(g->validators.v[i].key, made[k].key, KEY_OCTETS) == 0)
                c->keys[i] = made[k];
        }
    }
    g->n_authorities = 2;
    for (size_t i = 0; i < 2; i++) {
        memcpy(g->authorities[i].key, test_key_of(2000 + i).key, KEY_OCTETS);
        g->authorities[i].roles = 3;
        (void)snprintf(g->authorities[i].name, sizeof(g->authorities[i].name), "road %zu", i);
    }
    g->quorum[0] = 2;
    g->quorum[1] = 1;
    g->n_roots = 2;
    g->roots[0] = span_of(root_a, sizeof(root_a));
    g->roots[1] = span_of(root_b, sizeof(root_b));
    g->params = cell_params_default();
    g->policy = span_of("return {}", 9);
    memset(g->map_digest, 0x3c, 32);
    g->frame_lat0 = 481234567;
    g->frame_lon0 = -112345678;
    g->frame_north = INT64_C(11951234567);
    g->frame_east = -7;
    g->n_region = 3;
    for (size_t i = 0; i < 3; i++) {
        g->region[i][0] = 481000000 + (int32_t)(i % 2) * 1000;
        g->region[i][1] = -112000000 + (int32_t)(i / 2) * 1000;
    }
    genesis_encode(g, &c->octets);
    genesis_cell_id(exec_sha256, buf_span(&c->octets), c->id);
}

void sample_cell_free(struct sample_cell *c) {
    buf_free(&c->octets);
}

struct header sample_header(struct ws_random *r) {
    struct header h;
    ws_random_bytes(r, &h, sizeof(h)); /* integers and octets only: every value is one */
    h.height |= 1;
    return h;
}

struct vote sample_vote(struct ws_random *r) {
    struct vote v = {.type = ws_random_below(r, 2) == 0 ? VOTE_PREVOTE : VOTE_PRECOMMIT,
        .height = ws_random_u64(r) | 1,
        .round = (int32_t)ws_random_below(r, INT32_MAX),
        .nil = ws_random_below(r, 3) == 0,
        .locked_round = -1,
        .valid_round = -1,
        .validator = (uint16_t)ws_random_below(r, VALIDATORS_MAX)};
    if (!v.nil)
        ws_random_bytes(r, v.id, 32);
    if (v.type == VOTE_PREVOTE && v.round > 0) {
        v.locked_round = (int32_t)ws_random_below(r, (uint64_t)v.round) - 1;
        if (!v.nil)
            v.valid_round = (int32_t)ws_random_below(r, (uint64_t)v.round) - 1;
    }
    ws_random_bytes(r, v.sig, SIG_OCTETS);
    return v;
}

struct commit sample_commit(struct ws_random *r, size_t n) {
    struct commit c = {
        .height = ws_random_u64(r) | 1, .round = (int32_t)ws_random_below(r, INT32_MAX), .n = n};
    ws_random_bytes(r, c.id, 32);
    for (size_t i = 0; i < n; i++) {
        c.present[i] = ws_random_below(r, 2) == 1;
        if (c.present[i])
            ws_random_bytes(r, c.sig[i], SIG_OCTETS);
    }
    return c;
}

struct commit sample_signed(
    const struct sample_cell *c, uint64_t height, int32_t round, const hash32 id, uint64_t who) {
    struct commit out = {.height = height, .round = round, .n = c->genesis.validators.n};
    memcpy(out.id, id, 32);
    struct vote v = {.type = VOTE_PRECOMMIT,
        .height = height,
        .round = round,
        .locked_round = -1,
        .valid_round = -1};
    memcpy(v.id, id, 32);
    struct buf b = {0};
    vote_sign_bytes(c->id, &v, &b);
    for (size_t i = 0; i < out.n; i++) {
        out.present[i] = (who >> i & 1U) == 1;
        if (out.present[i])
            test_sign(&c->keys[i], buf_span(&b), out.sig[i]);
    }
    buf_free(&b);
    return out;
}

static struct header header_of(const struct sample_cell *c, uint64_t height) {
    struct ws_random r = ws_random_seeded(height);
    struct header h = sample_header(&r);
    memcpy(h.cell_id, c->id, 32);
    h.height = height;
    validator_set_hash(exec_sha256, &c->genesis.validators, h.validators);
    return h;
}

static struct commit commit_of(const struct sample_cell *c, const struct header *h) {
    hash32 id;
    header_id(exec_sha256, h, id);
    return sample_signed(c, h->height, 0, id, UINT64_MAX);
}

struct event_bundle sample_event_bundle(
    const struct sample_cell *c, size_t n, size_t index, struct buf *b) {
    struct event_bundle p = {.header = header_of(c, 5)};
    hash32 leaves[16];
    hash32 scratch[16];
    for (size_t i = 0; i < n; i++) {
        struct buf one = {0};
        struct event e = {.contract = 2,
            .type = (uint16_t)(i + 1),
            .height = 4,
            .sequence = (uint32_t)i,
            .body = span_of("a sign has changed", 18)};
        event_encode(&e, &one);
        list_leaf(exec_sha256, buf_span(&one), leaves[i]);
        if (i == index)
            buf_put(b, one.p, one.n);
        buf_free(&one);
    }
    p.event = buf_span(b);
    list_root(exec_sha256, leaves, n, scratch, p.header.event_root);
    list_prove(exec_sha256, leaves, n, index, scratch, &p.proof);
    p.commit = commit_of(c, &p.header);
    return p;
}

struct state_bundle sample_entry_bundle(const struct sample_cell *c, uint64_t height,
    size_t contracts, size_t contract, struct span key, const struct span *value) {
    struct state_bundle p = {.header = header_of(c, height + 1), .key = key};
    hash32 key_hash;
    exec_sha256_one(key, key_hash);
    hash32 leaves[8];
    hash32 scratch[8];
    for (size_t i = 0; i < contracts; i++) {
        hash32 value_hash;
        hash32 root;
        exec_sha256_one(value[i], value_hash);
        sparse_leaf(exec_sha256, key_hash, value_hash, root);
        contract_leaf(exec_sha256, (uint8_t)i, root, leaves[i]);
        if (i != contract)
            continue;
        memcpy(p.contract_root, root, 32);
        memcpy(p.proof.leaf_key, key_hash, 32);
        memcpy(p.proof.leaf_value, value_hash, 32);
    }
    p.proof.end = SPARSE_LEAF;
    p.present = true;
    p.value = value[contract];
    list_root(exec_sha256, leaves, contracts, scratch, p.header.state_root);
    list_prove(exec_sha256, leaves, contracts, contract, scratch, &p.contract);
    p.commit = commit_of(c, &p.header);
    return p;
}

struct state_bundle sample_state_bundle(
    const struct sample_cell *c, size_t contracts, size_t contract, const char *key) {
    static const char *const words[8] = {"v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7"};
    struct span values[8];
    for (size_t i = 0; i < 8; i++)
        values[i] = span_of(words[i], 2);
    struct state_bundle p = sample_entry_bundle(c, 4, contracts, contract, span_of("k", 1), values);
    p.key = span_of(key, strlen(key));
    p.present = strcmp(key, "k") == 0;
    if (!p.present)
        p.value = (struct span){0};
    return p;
}
