#include "tests/support/beacon_rig.h"

#include "ledger/exec/hash.h"

#include <time.h>

static void sha256_parts(const struct span *parts, size_t n, hash32 ret) {
    exec_sha256(parts, n, ret);
}

static uint64_t now_ns(const struct beacon_rig *r) {
    struct timespec t = {0};
    if (r->clock)
        (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static size_t set_at(const struct beacon_rig *r, uint64_t height) {
    size_t at = 0;
    for (size_t i = 0; i < r->n_sets; i++)
        if (r->sets[i].from <= height)
            at = i;
    return at;
}

static const struct validator_set *rig_set(const void *self, uint64_t height) {
    const struct beacon_rig *r = self;
    assert_true(height <= r->host.height + 1); /* more is not known while a block is executed */
    return &r->sets[set_at(r, height)].set;
}

static const uint8_t *rig_set_hash(const void *self, uint64_t height) {
    const struct beacon_rig *r = self;
    assert_true(height <= r->host.height + 1);
    return r->sets[set_at(r, height)].hash;
}

static void attach(struct beacon_rig *r, struct contract *c) {
    const struct beacon_committee committee = {rig_set, rig_set_hash, r};
    beacon_contract_attach(c->self, &committee);
}

static void derive(const char *what, size_t i, uint8_t ret[32]) {
    uint8_t octet = (uint8_t)i;
    const struct span parts[] = {span_of(what, strlen(what)), span_of(&octet, 1)};
    exec_sha256(parts, 2, ret);
}

void beacon_rig_restart(struct beacon_rig *r, size_t person) {
    beacon_member_free(r->member[person]);
    r->member[person] =
        beacon_member_new(r->host.cell_id, r->person[person].address, r->secret[person]);
}

void beacon_rig_open(
    struct beacon_rig *r, const struct beacon_params *params, size_t n, const uint64_t *power) {
    memset(r, 0, sizeof(*r));
    r->params = *params;
    r->twin = true;
    derive("cell", 0, r->host.cell_id);
    size_t people[RIG_PEOPLE];
    for (size_t i = 0; i < RIG_PEOPLE; i++) {
        people[i] = i;
        r->person[i].alg = KEY_ED25519;
        derive("key", i, r->person[i].key);
        derive("link", i, r->person[i].curve_key);
        validator_address(sha256_parts, &r->person[i]);
        derive("secret", i, r->secret[i]);
        beacon_rig_restart(r, i);
    }
    beacon_rig_set(r, 1, people, n, power);
    r->contract = beacon_contract_new(params);
    attach(r, &r->contract);
    struct ws_err err;
    assert_int_equal(
        r->contract.ops->genesis(r->contract.self, &r->host, span_of("", 0), &err), WS_OK);
}

void beacon_rig_close(struct beacon_rig *r) {
    r->contract.ops->free(r->contract.self);
    fake_exec_free(&r->host);
    for (size_t i = 0; i < RIG_PEOPLE; i++)
        beacon_member_free(r->member[i]);
    for (size_t i = 0; i < RIG_POOL; i++)
        buf_free(&r->pool[i].body);
}

void beacon_rig_set(
    struct beacon_rig *r, uint64_t height, const size_t *people, size_t n, const uint64_t *power) {
    assert_true(r->n_sets < RIG_SETS);
    struct validator_set *s = &r->sets[r->n_sets].set;
    memset(s, 0, sizeof(*s));
    s->n = n;
    for (size_t i = 0; i < n; i++) {
        s->v[i] = r->person[people[i]];
        s->v[i].power = power != NULL ? power[i] : 10;
    }
    assert_int_equal(validator_set_prepare(sha256_parts, s, NULL), WS_OK);
    validator_set_hash(sha256_parts, s, r->sets[r->n_sets].hash);
    r->sets[r->n_sets++].from = height;
}

const struct beacon_contract *beacon_rig_state(const struct beacon_rig *r) {
    return r->contract.self;
}

void beacon_rig_submit(struct beacon_rig *r, size_t person, uint16_t kind, struct span body) {
    assert_true(r->n_pool < RIG_POOL);
    struct rig_record *k = &r->pool[r->n_pool++];
    k->kind = kind;
    memcpy(k->signer, r->person[person].address, 32);
    buf_clear(&k->body);
    buf_put(&k->body, body.p, body.n);
    if (kind < ARRAY_LEN(r->submitted))
        r->submitted[kind]++;
}

static struct exec_record record_of(const struct rig_record *k) {
    struct exec_record e = {.kind = k->kind, .validator = -1, .body = buf_span(&k->body)};
    memcpy(e.signer, k->signer, 32);
    const struct span parts[] = {
        span_of(&k->kind, sizeof(k->kind)), span_of(k->signer, 32), buf_span(&k->body)};
    exec_sha256(parts, ARRAY_LEN(parts), e.leaf);
    return e;
}

enum beacon_code beacon_rig_check(
    struct beacon_rig *r, size_t person, uint16_t kind, struct span body, bool *ret_later) {
    struct rig_record k = {.kind = kind};
    memcpy(k.signer, r->person[person].address, 32);
    buf_put(&k.body, body.p, body.n);
    const struct exec_record e = record_of(&k);
    bool later = false;
    enum beacon_code code = r->contract.ops->check_record(r->contract.self, &e, &later);
    if (ret_later != NULL)
        *ret_later = later;
    buf_free(&k.body);
    return code;
}

/* What may be in the next block; those that may be later stay in the pool, the rest is gone. */
static size_t choose(struct beacon_rig *r, struct rig_record **chosen, struct rig_record *keep) {
    size_t n = 0, kept = 0;
    for (size_t i = 0; i < r->n_pool; i++) {
        const struct exec_record e = record_of(&r->pool[i]);
        bool later;
        exec_code code = r->contract.ops->check_record(r->contract.self, &e, &later);
        r->codes[code]++;
        if (code == EXEC_OK)
            chosen[n++] = &r->pool[i];
        else if (later) {
            keep[kept] = r->pool[i];
            keep[kept].body = (struct buf){0};
            buf_put(&keep[kept++].body, r->pool[i].body.p, r->pool[i].body.n);
        }
    }
    r->n_pool = kept;
    return n;
}

static void execute(struct contract *c, struct exec_host *h, struct rig_record *const *chosen,
    size_t n, exec_code *ret_codes) {
    c->ops->begin_block(c->self, h);
    for (size_t i = 0; i < n; i++) {
        const struct exec_record e = record_of(chosen[i]);
        ret_codes[i] = c->ops->record(c->self, h, &e);
    }
    c->ops->end_block(c->self, h);
}

/* The same block by a contract that knows nothing but the state. */
static void execute_twin(struct beacon_rig *r, struct exec_host *h,
    struct rig_record *const *chosen, size_t n, exec_code *ret_codes) {
    struct contract twin = beacon_contract_new(&r->params);
    struct ws_err err = {0};
    attach(r, &twin);
    if (twin.ops->load(twin.self, h, &err) != WS_OK)
        fail_msg("height %llu: %s", (unsigned long long)h->height, err.text);
    h->height++;
    execute(&twin, h, chosen, n, ret_codes);
    twin.ops->free(twin.self);
}

static void step_members(struct beacon_rig *r) {
    for (size_t i = 0; i < RIG_PEOPLE; i++) {
        if (r->off[i])
            continue;
        const struct beacon_wish *wish;
        size_t n = beacon_member_step(r->member[i], r->contract.self, &wish);
        for (size_t k = 0; k < n; k++) {
            struct buf body = {0};
            buf_put(&body, wish[k].body.p, wish[k].body.n);
            if (r->bend == NULL || r->bend(r, i, wish[k].kind, &body))
                beacon_rig_submit(r, i, wish[k].kind, buf_span(&body));
            buf_free(&body);
        }
    }
}

void beacon_rig_block(struct beacon_rig *r) {
    struct rig_record *chosen[RIG_POOL], *keep = ws_calloc(RIG_POOL, sizeof(*keep));
    exec_code codes[RIG_POOL], twin_codes[RIG_POOL];
    uint64_t at = now_ns(r);
    size_t n = choose(r, chosen, keep);
    r->check_ns += now_ns(r) - at;
    struct exec_host copy = {0};
    if (r->twin) {
        copy = fake_exec_copy(&r->host);
        r->host.height++;
        execute_twin(r, &copy, chosen, n, twin_codes);
        r->host.height--;
    }
    at = now_ns(r);
    r->host.height++;
    r->host.time += 1000000;
    execute(&r->contract, &r->host, chosen, n, codes);
    r->block_ns += now_ns(r) - at;
    for (size_t i = 0; i < n; i++)
        r->octets += chosen[i]->body.n;
    if (r->twin) {
        uint8_t mine[32], others[32];
        fake_exec_digest(&r->host, mine);
        fake_exec_digest(&copy, others);
        assert_memory_equal(mine, others, 32);
        assert_memory_equal(codes, twin_codes, n * sizeof(codes[0]));
        fake_exec_free(&copy);
    }
    for (size_t i = 0; i < r->n_pool; i++) {
        buf_free(&r->pool[i].body);
        r->pool[i] = keep[i];
    }
    free(keep);
    at = now_ns(r);
    step_members(r);
    r->member_ns += now_ns(r) - at;
}

void beacon_rig_blocks(struct beacon_rig *r, size_t n) {
    for (size_t i = 0; i < n; i++)
        beacon_rig_block(r);
}

void beacon_rig_until_key(struct beacon_rig *r, size_t most) {
    for (size_t i = 0; beacon_rig_state(r)->in_force == 0; i++) {
        if (i == most)
            fail_msg("no key after %zu blocks", most);
        beacon_rig_block(r);
    }
}
