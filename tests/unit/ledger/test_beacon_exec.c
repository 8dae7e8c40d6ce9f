/* The beacon in the contract host: real transactions, the real committee contract, and another contract that draws. */
#include "ledger/beacon/member.h"
#include "ledger/committee/committee.h"
#include "ledger/exec/executor_internal.h"
#include "ledger/exec/hash.h"
#include "tests/support/cm.h"
#include "tests/support/exec_rig.h"

enum { VALIDATORS = 4, BEACON = EXECUTOR_OWN, ASKER, LAG = 3 };

/* ---- a contract that writes down what it is told about the height LAG blocks before ---- */

static int asker_nothing(void *self, struct exec_host *h, struct ws_err *err) {
    (void)self;
    (void)h;
    (void)err;
    return WS_OK;
}
static int asker_genesis(void *self, struct exec_host *h, struct span section, struct ws_err *err) {
    (void)section;
    return asker_nothing(self, h, err);
}
static void asker_end(void *self, struct exec_host *h) {
    (void)self;
    uint8_t value[33] = {0};
    if (exec_height(h) <= LAG)
        return;
    const uint64_t of = exec_beacon_height(h, exec_height(h) - LAG);
    value[32] = (uint8_t)exec_beacon(h, of, value);
    uint8_t key[8];
    put_be64(key, of);
    exec_put(h, span_of(key, sizeof(key)), span_of(value, sizeof(value)));
}
static void asker_free(void *self) {
    (void)self;
}
static const struct contract_ops asker_ops = {.name = "asker",
    .genesis = asker_genesis,
    .load = asker_nothing,
    .end_block = asker_end,
    .free = asker_free};

static const int64_t *no_values(const void *self, size_t *ret_n) {
    (void)self;
    *ret_n = 0;
    return NULL;
}
static const uint8_t *no_hash(const void *self) {
    return self;
}

struct world {
    struct exec_rig rig; /* its genesis */
    struct executor *ex;
    const void *beacon;
    struct signer *signer[VALIDATORS];
    hash32 address[VALIDATORS];
    struct beacon_member *member[VALIDATORS];
    uint64_t time;
    size_t n;
    struct tx *tx[64];
};

static void open_world_of(struct world *w, uint32_t window) {
    static const hash32 zero = {0};
    memset(w, 0, sizeof(*w));
    exec_rig_open(&w->rig, NULL);
    struct beacon_params p = beacon_params_default();
    p.window = window;
    struct contract contracts[] = {beacon_contract_new(&p), {&asker_ops, NULL}};
    const struct exec_policy_source policy = {no_values, no_hash, zero};
    assert_int_equal(
        executor_new(buf_span(&w->rig.genesis), contracts, 2, &policy, &w->ex, NULL), WS_OK);
    w->beacon = contracts[0].self;
    const struct beacon_committee committee = {
        committee_set, committee_set_hash, executor_committee(w->ex)};
    beacon_contract_attach(contracts[0].self, &committee);
    const struct exec_beacon_source source = {
        beacon_contract_value, beacon_contract_height, w->beacon};
    executor_set_beacon(w->ex, &source);
    const struct span sections[] = {span_of("", 0), span_of("", 0)};
    assert_int_equal(executor_init(w->ex, sections, NULL), WS_OK);
    w->time = executor_genesis_of(w->ex)->time;
    for (size_t i = 0; i < VALIDATORS; i++) {
        uint8_t seed[32], secret[32];
        memset(seed, (int)(i + 1), 32); /* as exec_rig has them */
        memset(secret, (int)(i + 65), 32);
        struct validator v = {.alg = KEY_ED25519};
        w->signer[i] = signer_new(seed);
        signer_public(w->signer[i], v.key);
        validator_address(exec_sha256, &v);
        memcpy(w->address[i], v.address, 32);
        assert_true(validator_set_find(&executor_genesis_of(w->ex)->validators, v.address) >= 0);
        w->member[i] = beacon_member_new(executor_cell_id(w->ex), v.address, secret);
    }
}

static void open_world(struct world *w) {
    open_world_of(w, beacon_params_default().window);
}

static void close_world(struct world *w) {
    for (size_t i = 0; i < w->n; i++)
        tx_unref(w->tx[i]);
    for (size_t i = 0; i < VALIDATORS; i++) {
        beacon_member_free(w->member[i]);
        signer_free(w->signer[i]);
    }
    executor_free(w->ex);
    exec_rig_close(&w->rig);
}

static struct tx *record(const struct world *w, size_t i, const struct beacon_wish *wish) {
    struct record k = {.contract = BEACON, .kind = wish->kind, .body = buf_span(&wish->body)};
    memcpy(k.signer, w->address[i], 32);
    struct buf b = {0};
    record_sign_bytes(executor_cell_id(w->ex), &k, &b);
    signer_sign(w->signer[i], buf_span(&b), k.sig);
    buf_clear(&b);
    tx_put_record(&b, &k);
    struct tx *t = NULL;
    assert_int_equal(tx_parse(buf_span(&b), &t, NULL), WS_OK);
    buf_free(&b);
    return t;
}

static enum tx_verdict verdict(struct world *w, struct tx *t) {
    struct check *c = check_new(w->ex, w->time + 1000000);
    enum tx_verdict v = check_tx(c, t);
    check_free(c);
    return v;
}

/* One block with every record that may be in it, then the members' next. */
static void block(struct world *w) {
    struct tx *good[64] = {0};
    size_t n = 0;
    for (size_t i = 0; i < w->n; i++)
        if (verdict(w, w->tx[i]) == TX_GOOD)
            good[n++] = w->tx[i];
    struct exec_outcome o;
    w->time += 1000000;
    rig_run_on(w->ex, w->time, good, n, &o);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(o.results[i].contract, BEACON);
        assert_string_equal(executor_code_name(w->ex, o.results[i]), "ok");
    }
    exec_outcome_free(&o);
    while (w->n > 0)
        tx_unref(w->tx[--w->n]);
    for (size_t i = 0; i < VALIDATORS; i++) {
        const struct beacon_wish *wish;
        size_t wishes = beacon_member_step(w->member[i], w->beacon, &wish);
        for (size_t k = 0; k < wishes; k++)
            w->tx[w->n++] = record(w, i, &wish[k]);
    }
}

static void test_contracts_draw(void **state) {
    (void)state;
    struct world *w = ws_alloc(sizeof(*w));
    open_world(w);
    for (int i = 0; i < 30; i++)
        block(w);
    for (uint64_t h = 1; h <= 30 - LAG; h++) {
        uint8_t key[8], value[32];
        struct span told;
        put_be64(key, h);
        assert_true(state_get(executor_state(w->ex), ASKER, span_of(key, sizeof(key)), &told));
        assert_int_equal(beacon_contract_value(w->beacon, h, value), BEACON_IS);
        /* Height 1 was asked for before the first key could answer. */
        assert_int_equal(told.p[32], h > 1 ? BEACON_IS : BEACON_COMES);
        if (h > 1)
            assert_memory_equal(told.p, value, 32);
    }
    close_world(w);
    free(w);
}

static void test_no_beacon(void **state) {
    (void)state;
    struct world *w = ws_alloc(sizeof(*w));
    open_world(w);
    const struct exec_beacon_source none = {0};
    executor_set_beacon(w->ex, &none);
    for (int i = 0; i < 5; i++)
        block(w);
    uint8_t key[8];
    struct span told;
    put_be64(key, 1);
    assert_true(state_get(executor_state(w->ex), ASKER, span_of(key, sizeof(key)), &told));
    assert_int_equal(told.p[32], BEACON_NEVER);
    close_world(w);
    free(w);
}

/* Who is no validator, or has not signed, is refused before the beacon looks at anything. */
static void test_signatures(void **state) {
    (void)state;
    struct world *w = ws_alloc(sizeof(*w));
    open_world(w);
    block(w);
    assert_true(w->n >= VALIDATORS);
    assert_int_equal(verdict(w, w->tx[0]), TX_GOOD);
    struct buf b = {0};
    buf_put(&b, w->tx[1]->octets.p, w->tx[1]->octets.n);
    b.p[b.n - 1] ^= 1;
    struct tx *forged = NULL;
    assert_int_equal(tx_parse(buf_span(&b), &forged, NULL), WS_OK);
    assert_int_equal(verdict(w, forged), TX_BAD_SIGNATURE);
    tx_unref(forged);
    struct record k = w->tx[1]->record;
    k.signer[0] ^= 1;
    buf_clear(&b);
    tx_put_record(&b, &k);
    assert_int_equal(tx_parse(buf_span(&b), &forged, NULL), WS_OK);
    assert_int_equal(verdict(w, forged), TX_NOT_VALIDATOR);
    tx_unref(forged);
    /* Another validator signs the same body: not his. */
    struct beacon_wish wish = {.kind = 1};
    buf_put(&wish.body, w->tx[1]->record.body.p, w->tx[1]->record.body.n);
    forged = record(w, 0, &wish);
    assert_int_equal(verdict(w, forged), TX_CONTRACT_REFUSES);
    tx_unref(forged);
    buf_free(&wish.body);
    buf_free(&b);
    close_world(w);
    free(w);
}

/* What member i states, and no contract takes. */
static enum tx_verdict says_junk(struct world *w, size_t i) {
    struct beacon_wish wish = {.kind = 1};
    buf_u64(&wish.body, w->time);
    struct tx *t = record(w, i, &wish);
    enum tx_verdict v = verdict(w, t);
    tx_unref(t);
    buf_free(&wish.body);
    return v;
}

/* Who has left the committee is heard as long as heights of its time may lack their value, and not for ever. */
static void test_former_members(void **state) {
    (void)state;
    enum { WINDOW = 16, GONE = 3 };
    struct world *w = ws_alloc(sizeof(*w));
    open_world_of(w, WINDOW);
    block(w);
    struct exec_host host = {w->ex, EXECUTOR_COMMITTEE};
    void *committee = w->ex->contract[EXECUTOR_COMMITTEE].self;
    struct validator_set set = *committee_coming_set(committee);
    struct validator *v = &set.v[validator_set_find(&set, w->address[GONE])];
    memset(v->key, 0x42, KEY_OCTETS);
    assert_int_equal(validator_set_prepare(exec_sha256, &set, NULL), WS_OK);
    committee_change_set(committee, &host, &set);
    uint64_t first = executor_height(w->ex) + 3; /* that it does not sign */
    while (executor_height(w->ex) + 1 < first + WINDOW) {
        assert_int_equal(says_junk(w, GONE), TX_CONTRACT_REFUSES);
        while (w->n > 0)
            tx_unref(w->tx[--w->n]);
        block(w);
    }
    assert_int_equal(says_junk(w, GONE), TX_NOT_VALIDATOR);
    assert_int_equal(says_junk(w, 0), TX_CONTRACT_REFUSES);
    close_world(w);
    free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contracts_draw),
        cmocka_unit_test(test_no_beacon),
        cmocka_unit_test(test_signatures),
        cmocka_unit_test(test_former_members),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
