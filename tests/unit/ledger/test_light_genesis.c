/* Genesis: one form, and every limit that its decoder promises. */
#include "tests/support/cm.h"
#include "tests/support/light_samples.h"

#include "ledger/exec/hash.h"

static struct sample_cell cell;

static int make_cell(void **state) {
    (void)state;
    static const uint64_t powers[] = {40, 30, 20, 10};
    sample_cell_make(&cell, 4, powers);
    return 0;
}

static int free_cell(void **state) {
    (void)state;
    sample_cell_free(&cell);
    return 0;
}

/* Encodes and decodes; the error's text must contain `why` (NULL: accepted). */
static void expect(const struct genesis *g, const char *why) {
    struct buf b = {0};
    struct genesis got;
    struct ws_err err = {0};
    genesis_encode(g, &b);
    int rc = genesis_decode(exec_sha256, buf_span(&b), &got, &err);
    if (why == NULL) {
        assert_int_equal(rc, WS_OK);
        struct buf again = {0};
        genesis_encode(&got, &again);
        assert_true(span_equal(buf_span(&b), buf_span(&again)));
        buf_free(&again);
    } else {
        assert_int_equal(rc, WS_EINPUT);
        assert_non_null(strstr(err.text, why));
    }
    buf_free(&b);
}

static bool accepts(struct span s) {
    uint8_t *copy = ws_memdup(s.p, s.n);
    struct genesis g;
    struct buf again = {0};
    bool ok = genesis_decode(exec_sha256, span_of(copy, s.n), &g, NULL) == WS_OK;
    if (ok) {
        genesis_encode(&g, &again);
        assert_true(span_equal(buf_span(&again), s));
    }
    buf_free(&again);
    free(copy);
    return ok;
}

static void one_form(void **state) {
    (void)state;
    struct span s = buf_span(&cell.octets);
    assert_true(accepts(s));
    for (size_t n = 0; n < s.n; n++)
        assert_false(accepts(span_of(s.p, n)));
    uint8_t *more = ws_alloc(s.n + 1);
    memcpy(more, s.p, s.n);
    assert_false(accepts(span_of(more, s.n + 1)));
    for (size_t i = 0; i < 8 * s.n; i++) {
        more[i / 8] ^= (uint8_t)(1U << i % 8);
        (void)accepts(span_of(more, s.n));
        more[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    free(more);
}

static void decodes_what_was_put(void **state) {
    (void)state;
    struct genesis g;
    assert_int_equal(genesis_decode(exec_sha256, buf_span(&cell.octets), &g, NULL), WS_OK);
    const struct genesis *w = &cell.genesis;
    assert_string_equal(g.name, w->name);
    assert_int_equal(g.time, w->time);
    assert_int_equal(g.validators.n, 4);
    assert_int_equal(g.validators.total, 100);
    for (size_t i = 0; i < 4; i++) {
        assert_memory_equal(g.validators.v[i].key, w->validators.v[i].key, KEY_OCTETS);
        assert_memory_equal(g.validators.v[i].curve_key, w->validators.v[i].curve_key, KEY_OCTETS);
        assert_memory_equal(g.validators.v[i].address, w->validators.v[i].address, 32);
        assert_int_equal(g.validators.v[i].power, w->validators.v[i].power);
        assert_string_equal(g.validators.v[i].mast, w->validators.v[i].mast);
    }
    assert_int_equal(g.n_authorities, 2);
    assert_string_equal(g.authorities[1].name, w->authorities[1].name);
    assert_memory_equal(g.quorum, w->quorum, sizeof(g.quorum));
    assert_int_equal(g.n_roots, 2);
    assert_true(span_equal(g.roots[0], w->roots[0]));
    assert_true(span_equal(g.policy, w->policy));
    assert_memory_equal(&g.params, &w->params, sizeof(g.params));
    assert_int_equal(g.frame_lon0, w->frame_lon0);
    assert_int_equal(g.frame_east, w->frame_east);
    assert_int_equal(g.region[2][0], w->region[2][0]);
}

static void cell_id_covers_every_octet(void **state) {
    (void)state;
    for (size_t i = 0; i < cell.octets.n; i++) {
        hash32 id;
        cell.octets.p[i] ^= 1;
        genesis_cell_id(exec_sha256, buf_span(&cell.octets), id);
        assert_memory_not_equal(id, cell.id, 32);
        cell.octets.p[i] ^= 1;
    }
}

static void validators_limits(void **state) {
    (void)state;
    struct genesis g = cell.genesis;
    g.validators.n = 0;
    expect(&g, "validators: 0");
    g = cell.genesis;
    g.validators.v[1].power = 0;
    expect(&g, "power 0");
    g = cell.genesis;
    g.validators.v[0].power = POWER_MAX;
    expect(&g, "2^60");
    g.validators.v[0].power = POWER_MAX - 60; /* the others have 30, 20 and 10 */
    expect(&g, NULL);
    g.validators.v[0].power = POWER_MAX - 59;
    expect(&g, "2^60");
    g.validators.v[0].power = UINT64_MAX;
    expect(&g, "2^60");
    g = cell.genesis;
    memcpy(g.validators.v[1].key, g.validators.v[0].key, KEY_OCTETS);
    expect(&g, "same key");
    g = cell.genesis;
    g.validators.v[2].alg = (enum key_alg)2;
    expect(&g, "malformed");
    g.validators.v[2].alg = (enum key_alg)0;
    expect(&g, "malformed");
}

/* One cell, one genesis: the same validators in another order would be another cell id for the same set, and the
 * encoder would not give back what was decoded. */
static void validators_in_canonical_order_only(void **state) {
    (void)state;
    struct genesis g = cell.genesis;
    struct validator first = g.validators.v[0];
    g.validators.v[0] = g.validators.v[1];
    g.validators.v[1] = first;
    expect(&g, "order");
    g = cell.genesis;
    for (size_t i = 0; i < 4; i++)
        g.validators.v[i].power = 10; /* now the addresses decide */
    struct genesis sorted = g;
    assert_int_equal(validator_set_prepare(exec_sha256, &sorted.validators, NULL), WS_OK);
    expect(&sorted, NULL);
    /* With four equal powers no order but one is right: turn the set round. */
    for (size_t i = 0; i < 4; i++)
        g.validators.v[i] = sorted.validators.v[3 - i];
    expect(&g, "order");
}

static void many_validators(void **state) {
    (void)state;
    struct sample_cell big;
    sample_cell_make(&big, VALIDATORS_MAX, NULL);
    expect(&big.genesis, NULL);
    size_t at = 1 + 1 + strlen(big.genesis.name) + 8;
    assert_int_equal(be16(big.octets.p + at), VALIDATORS_MAX);
    put_be16(big.octets.p + at, VALIDATORS_MAX + 1);
    assert_false(accepts(buf_span(&big.octets)));
    put_be16(big.octets.p + at, UINT16_MAX);
    assert_false(accepts(buf_span(&big.octets)));
    sample_cell_free(&big);
}

static void authorities_limits(void **state) {
    (void)state;
    struct genesis g = cell.genesis;
    g.quorum[0] = 3; /* two hold it */
    expect(&g, "role 1");
    g = cell.genesis;
    g.quorum[7] = 1; /* nobody holds it */
    expect(&g, "role 8");
    g = cell.genesis;
    g.n_authorities = 0;
    expect(&g, "role 1");
    memset(g.quorum, 0, sizeof(g.quorum));
    expect(&g, NULL);
    g = cell.genesis;
    g.n_authorities = AUTHORITIES_MAX;
    for (size_t i = 0; i < AUTHORITIES_MAX; i++)
        g.authorities[i].key[0] = (uint8_t)i;
    expect(&g, NULL);
}

/* Orders count signers by their place in the list: the same key twice would sign for two. */
static void an_authority_is_listed_once(void **state) {
    (void)state;
    struct genesis g = cell.genesis;
    memcpy(g.authorities[1].key, g.authorities[0].key, KEY_OCTETS);
    expect(&g, "same key");
}

static void counts_above_their_limits(void **state) {
    (void)state;
    struct buf b = {0};
    struct genesis g = cell.genesis;
    memset(g.name, 'n', NAME_MAX_OCTETS);
    expect(&g, NULL);
    genesis_encode(&g, &b);
    b.p[1] = NAME_MAX_OCTETS + 1;
    assert_false(accepts(buf_span(&b)));
    b.p[1] = NAME_MAX_OCTETS;
    b.p[5] = 0; /* a name that would read shorter than it is */
    assert_false(accepts(buf_span(&b)));
    buf_clear(&b);
    /* The region is the last thing: its count stands before its points. */
    genesis_encode(&cell.genesis, &b);
    size_t at = b.n - 3 * 8 - 1;
    assert_int_equal(b.p[at], 3);
    for (unsigned n = 0; n < 256; n++) {
        struct buf c = {0};
        buf_put(&c, b.p, at);
        buf_u8(&c, (uint8_t)n);
        for (unsigned i = 0; i < 2 * n; i++)
            buf_i32(&c, (int32_t)i);
        assert_int_equal(accepts(buf_span(&c)), n == 0 || (n >= 3 && n <= REGION_POINTS_MAX));
        buf_free(&c);
    }
    buf_free(&b);
}

static void long_parts(void **state) {
    (void)state;
    uint8_t *octets = ws_alloc((1U << 20) + 1);
    struct genesis g = cell.genesis;
    g.policy = span_of(octets, 1U << 20);
    expect(&g, NULL);
    g.policy.n++;
    expect(&g, "malformed");
    g = cell.genesis;
    g.roots[1] = span_of(octets, 65535);
    expect(&g, NULL);
    g.roots[1].n++;
    expect(&g, "malformed");
    g = cell.genesis;
    g.n_roots = TRUST_ROOTS_MAX;
    expect(&g, NULL);
    free(octets);
}

static void each_parameter_has_its_range(void **state) {
    (void)state;
    static const struct {
        const char *name;
        size_t at;
        uint64_t lo, hi;
    } rows[] = {
#define X(name, lo, hi, help) {#name, offsetof(struct cell_params, name), lo, hi},
        CELL_PARAMS(X)
#undef X
    };
    assert_int_equal(cell_params_check(&cell.genesis.params, NULL), WS_OK);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct {
            uint64_t value;
            bool inside;
        } tries[] = {{rows[i].lo, true}, {rows[i].hi, true}, {rows[i].hi + 1, false},
            {rows[i].lo - 1, false}, {UINT64_MAX, false}};
        for (size_t k = 0; k < ARRAY_LEN(tries); k++) {
            struct genesis g = cell.genesis;
            struct ws_err err = {0};
            memcpy((uint8_t *)&g.params + rows[i].at, &tries[k].value, 8);
            int rc = cell_params_check(&g.params, &err);
            bool outside = rc != WS_OK && strstr(err.text, "is outside") != NULL;
            assert_int_equal(outside, !tries[k].inside);
            if (outside) {
                assert_non_null(strstr(err.text, rows[i].name));
                expect(&g, rows[i].name);
            }
        }
    }
    struct genesis g = cell.genesis;
    g.params.tx_octets_max = g.params.block_octets_max + 1;
    expect(&g, "tx_octets_max");
    g = cell.genesis;
    g.params.block_min_us = g.params.block_interval_us + 1;
    expect(&g, "block_min_us");
}

static void set_hash_covers_key_and_power(void **state) {
    (void)state;
    hash32 base;
    hash32 got;
    validator_set_hash(exec_sha256, &cell.genesis.validators, base);
    for (size_t i = 0; i < 4; i++) {
        struct validator_set s = cell.genesis.validators;
        s.v[i].key[31] ^= 1;
        validator_set_hash(exec_sha256, &s, got);
        assert_memory_not_equal(got, base, 32);
        s = cell.genesis.validators;
        s.v[i].power ^= 1;
        validator_set_hash(exec_sha256, &s, got);
        assert_memory_not_equal(got, base, 32);
        assert_int_equal(validator_set_find(&cell.genesis.validators, s.v[i].address), i);
    }
    struct validator_set s = cell.genesis.validators;
    s.n = 3;
    validator_set_hash(exec_sha256, &s, got);
    assert_memory_not_equal(got, base, 32);
    assert_int_equal(validator_set_find(&s, base), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_form),
        cmocka_unit_test(decodes_what_was_put),
        cmocka_unit_test(cell_id_covers_every_octet),
        cmocka_unit_test(validators_limits),
        cmocka_unit_test(validators_in_canonical_order_only),
        cmocka_unit_test(many_validators),
        cmocka_unit_test(authorities_limits),
        cmocka_unit_test(an_authority_is_listed_once),
        cmocka_unit_test(counts_above_their_limits),
        cmocka_unit_test(long_parts),
        cmocka_unit_test(each_parameter_has_its_range),
        cmocka_unit_test(set_hash_covers_key_and_power),
    };
    return cmocka_run_group_tests(tests, make_cell, free_cell);
}
