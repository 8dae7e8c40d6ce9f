/* Octets of transactions and blocks: one form each, and nothing else is taken. The region of a cell. */
#include "tests/support/cm.h"

#include "base/random.h"
#include "ledger/exec/block.h"
#include "ledger/exec/hash.h"
#include "ledger/exec/region.h"
#include "tests/support/exec_rig.h"

static struct exec_rig *rig;
static struct tx *samples[5];

static int open_samples(void **state) {
    (void)state;
    rig = ws_alloc(sizeof(*rig));
    exec_rig_open(rig, NULL);
    struct rig_order o = {
        .sequence = 1, .expiry = 2, .role = ROLE_POLICY, .kind = 3, .body = "body", .signers = 7};
    samples[0] = rig_cert(rig, 0);
    samples[1] = rig_message(rig, 0, rig->town.epoch, 30); /* with its certificate */
    samples[2] = rig_message(rig, 1, rig->town.epoch, 30); /* with a digest */
    samples[3] = rig_order(rig, &o);
    o.signers = 0;
    o.body = "";
    samples[4] = rig_order(rig, &o);
    return 0;
}

static int close_samples(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(samples); i++)
        tx_unref(samples[i]);
    exec_rig_close(rig);
    free(rig);
    return 0;
}

static void encode(const struct tx *t, struct buf *b) {
    if (t->kind == TX_MESSAGE)
        tx_put_message(b, t->cert_hash, t->spdu.all);
    else if (t->kind == TX_CERTIFICATE)
        tx_put_certificate(b, t->cert.all);
    else
        tx_put_order(b, &t->order);
}

/* From memory of the exact size, so that ASan sees an octet too far. */
static struct tx *parse(const uint8_t *p, size_t n) {
    uint8_t *copy = ws_memdup(p, n);
    struct tx *t = NULL;
    struct ws_err err = {0};
    int rc = tx_parse(span_of(copy, n), &t, &err);
    free(copy);
    assert_int_equal(rc == WS_OK, t != NULL);
    assert_int_equal(rc == WS_OK, err.text[0] == '\0');
    return t;
}

static void what_is_read_is_written_again(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        struct tx *t = parse(samples[i]->octets.p, samples[i]->octets.n);
        struct buf b = {0};
        encode(t, &b);
        assert_true(span_equal(buf_span(&b), samples[i]->octets));
        assert_memory_equal(t->id, samples[i]->id, 32);
        hash32 leaf;
        exec_list_leaf(t->octets, leaf);
        assert_memory_equal(t->leaf, leaf, 32);
        buf_free(&b);
        tx_unref(t);
    }
}

static void every_other_length_is_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        struct span s = samples[i]->octets;
        for (size_t n = 0; n < s.n; n++)
            assert_null(parse(s.p, n));
        struct buf longer = {0};
        buf_put(&longer, s.p, s.n);
        buf_u8(&longer, 0);
        assert_null(parse(longer.p, longer.n));
        buf_free(&longer);
    }
    struct tx *t = NULL;
    assert_int_equal(tx_parse(span_of(NULL, 0), &t, NULL), WS_EINPUT);
    assert_null(t);
}

static void a_changed_octet_is_refused_or_another_transaction(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        struct span s = samples[i]->octets;
        size_t taken = 0;
        for (size_t bit = 0; bit < s.n * 8; bit++) {
            uint8_t *copy = ws_memdup(s.p, s.n);
            copy[bit / 8] = (uint8_t)(copy[bit / 8] ^ 1U << bit % 8);
            struct tx *t = parse(copy, s.n);
            if (t != NULL) {
                struct buf b = {0};
                encode(t, &b);
                assert_true(span_equal(buf_span(&b), span_of(copy, s.n)));
                assert_memory_not_equal(t->leaf, samples[i]->leaf, 32);
                buf_free(&b);
                tx_unref(t);
                taken++;
            }
            free(copy);
        }
        assert_true(taken > 0 && taken < s.n * 8 - 8);
    }
}

static void an_order_names_each_signer_once_and_in_order(void **state) {
    (void)state;
    struct order o = {.sequence = 1, .expiry = 2, .role = ROLE_MAP, .kind = 3, .n_sigs = 2};
    static const uint8_t pairs[][2] = {{0, 1}, {3, 200}, {1, 1}, {2, 1}, {255, 0}};
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        struct buf b = {0};
        o.sigs[0].authority = pairs[i][0];
        o.sigs[1].authority = pairs[i][1];
        tx_put_order(&b, &o);
        struct tx *t = parse(b.p, b.n);
        assert_int_equal(t != NULL, i < 2);
        tx_unref(t);
        buf_free(&b);
    }
    /* As many as there can be authorities, and one more. */
    for (size_t n = AUTHORITIES_MAX; n <= AUTHORITIES_MAX + 1; n++) {
        struct buf b = {0};
        o.n_sigs = 0;
        tx_put_order(&b, &o);
        b.p[b.n - 1] = (uint8_t)n;
        for (size_t i = 0; i < n; i++) {
            buf_u8(&b, (uint8_t)i);
            memset(buf_grow(&b, SIG_OCTETS), 0, SIG_OCTETS);
        }
        struct tx *t = parse(b.p, b.n);
        assert_int_equal(t != NULL, n == AUTHORITIES_MAX);
        tx_unref(t);
        buf_free(&b);
    }
}

/* The identity is what the authorities say; who has signed it does not change it. */
static void an_orders_identity_is_its_statement(void **state) {
    (void)state;
    struct rig_order base = {
        .sequence = 1, .expiry = 2, .role = ROLE_POLICY, .kind = 3, .body = "body", .signers = 7};
    struct rig_order other[6] = {base, base, base, base, base, base};
    other[0].signers = 1;
    other[1].sequence++;
    other[2].expiry++;
    other[3].role = ROLE_MAP;
    other[4].kind++;
    other[5].body = "bodies";
    struct tx *t = rig_order(rig, &base);
    for (size_t i = 0; i < 6; i++) {
        struct tx *u = rig_order(rig, &other[i]);
        assert_int_equal(memcmp(t->id, u->id, 32) == 0, i == 0);
        assert_memory_not_equal(t->leaf, u->leaf, 32);
        tx_unref(u);
    }
    tx_unref(t);
}

/* ---- blocks ---- */

static void fill_block(struct block *b, size_t n) {
    memset(b, 0, sizeof(*b));
    b->header.height = 1;
    b->n_txs = n;
    b->txs = (struct tx **)ws_calloc(n, sizeof(struct tx *));
    b->tx_ids = ws_calloc(n, sizeof(hash32));
    b->tx_leaves = ws_calloc(n, sizeof(hash32));
    for (size_t i = 0; i < n; i++) {
        memcpy(b->tx_leaves[i], samples[i]->leaf, 32);
        block_put_tx(b, i, samples[i]);
    }
    block_seal(b);
}

static bool decodes(struct span s, const struct cell_params *limits, bool compact) {
    struct block *b = NULL;
    uint8_t *copy = ws_memdup(s.p, s.n);
    int rc = (compact ? block_decode_compact : block_decode)(span_of(copy, s.n), limits, &b, NULL);
    free(copy);
    assert_int_equal(rc == WS_OK, b != NULL);
    block_free(b);
    return rc == WS_OK;
}

static void limits_of_the_cell_bound_a_block(void **state) {
    (void)state;
    struct block b;
    struct buf whole = {0};
    struct buf compact = {0};
    fill_block(&b, 4);
    block_encode(&b, &whole);
    block_encode_compact(&b, &compact);
    size_t octets = 0;
    size_t most = 0;
    for (size_t i = 0; i < 4; i++) {
        octets += samples[i]->octets.n;
        most = samples[i]->octets.n > most ? samples[i]->octets.n : most;
    }
    struct cell_params p = cell_params_default();
    p.block_txs_max = 4;
    p.tx_octets_max = most;
    p.block_octets_max = octets;
    assert_true(decodes(buf_span(&whole), &p, false));
    assert_true(decodes(buf_span(&compact), &p, true));
    p.tx_octets_max--;
    assert_false(decodes(buf_span(&whole), &p, false));
    p.tx_octets_max++;
    p.block_octets_max--;
    assert_false(decodes(buf_span(&whole), &p, false));
    p.block_octets_max++;
    p.block_txs_max--;
    assert_false(decodes(buf_span(&whole), &p, false));
    assert_false(decodes(buf_span(&compact), &p, true));
    block_clear(&b);
    buf_free(&whole);
    buf_free(&compact);
}

/* A count that the octets cannot hold is refused before memory is taken for it. */
static void a_claimed_count_takes_no_memory(void **state) {
    (void)state;
    static const uint32_t counts[] = {1, 2, 1000, 65535, 65536, 1U << 30, UINT32_MAX};
    struct cell_params p = cell_params_default();
    p.block_txs_max = UINT32_MAX; /* no help from the limit */
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        for (unsigned compact = 0; compact < 2; compact++) {
            struct block b;
            struct buf octets = {0};
            fill_block(&b, 0);
            b.header.tx_count = counts[i];
            block_encode_compact(&b, &octets);
            put_be32(octets.p + octets.n - 4, counts[i]);
            memset(buf_grow(&octets, 40), 0, 40);
            assert_false(decodes(buf_span(&octets), &p, compact != 0));
            buf_free(&octets);
            block_clear(&b);
        }
    }
}

static void an_empty_block_has_one_form(void **state) {
    (void)state;
    struct block b;
    struct buf whole = {0};
    struct buf compact = {0};
    fill_block(&b, 0);
    block_encode(&b, &whole);
    block_encode_compact(&b, &compact);
    assert_true(span_equal(buf_span(&whole), buf_span(&compact)));
    struct cell_params p = cell_params_default();
    assert_true(decodes(buf_span(&whole), &p, false));
    assert_true(block_complete(&b));
    buf_u8(&whole, 0);
    assert_false(decodes(buf_span(&whole), &p, false));
    assert_false(decodes(buf_span(&whole), &p, true));
    block_clear(&b);
    buf_free(&whole);
    buf_free(&compact);
}

/* ---- region ---- */

static struct genesis *polygon(const int32_t (*points)[2], size_t n) {
    struct genesis *g = ws_alloc(sizeof(*g));
    g->n_region = n;
    memcpy(g->region, points, n * sizeof(points[0]));
    return g;
}

static void simple_regions(void **state) {
    (void)state;
    /* An L, drawn both ways around. */
    static const int32_t l[][2] = {{0, 0}, {0, 30}, {10, 30}, {10, 10}, {30, 10}, {30, 0}};
    int32_t back[6][2];
    for (size_t i = 0; i < 6; i++)
        memcpy(back[i], l[5 - i], sizeof(back[i]));
    struct genesis *g = polygon(l, 6);
    struct genesis *h = polygon((const int32_t(*)[2])back, 6);
    for (int32_t lat = -5; lat < 36; lat++) {
        for (int32_t lon = -5; lon < 36; lon++) {
            bool strictly = (lat > 0 && lat < 10 && lon > 0 && lon < 30) ||
                            (lat > 0 && lat < 30 && lon > 0 && lon < 10);
            bool outside = lat < 0 || lon < 0 || lat > 30 || lon > 30 || (lat > 10 && lon > 10);
            if (strictly)
                assert_true(region_contains(g, lat, lon));
            if (outside)
                assert_false(region_contains(g, lat, lon));
            assert_int_equal(region_contains(g, lat, lon), region_contains(h, lat, lon));
        }
    }
    g->n_region = 0;
    assert_true(region_contains(g, 123, -456));
    free(g);
    free(h);
}

static void the_whole_range_overflows_nothing(void **state) {
    (void)state;
    static const int32_t all[][2] = {{INT32_MIN, INT32_MIN}, {INT32_MIN, INT32_MAX},
        {INT32_MAX, INT32_MAX}, {INT32_MAX, INT32_MIN}};
    static const int32_t slope[][2] = {
        {INT32_MIN, INT32_MIN}, {INT32_MAX, INT32_MAX}, {INT32_MAX, INT32_MIN}};
    struct genesis *g = polygon(all, 4);
    struct genesis *s = polygon(slope, 3);
    assert_true(region_contains(g, 0, 0));
    assert_true(region_contains(g, INT32_MAX - 1, INT32_MIN + 1));
    assert_true(region_contains(s, 1, 0));
    assert_false(region_contains(s, -1, 0));
    assert_true(region_contains(s, INT32_MAX - 1, INT32_MIN + 5));
    assert_false(region_contains(s, INT32_MIN + 5, INT32_MAX - 1));
    free(g);
    free(s);
}

/* A rectangle cut in two along any broken line: each place belongs to exactly one of the parts, also on the line. */
static void neighbours_share_no_place_and_leave_none_out(void **state) {
    (void)state;
    struct ws_random rnd = ws_random_seeded(1);
    enum { SIDE = 40, STEPS = 6 };
    for (size_t round = 0; round < 200; round++) {
        int32_t left[STEPS + 2][2] = {{0, 0}, {SIDE, 0}};
        int32_t right[STEPS + 2][2] = {{0, SIDE}, {SIDE, SIDE}};
        /* Upwards, at any longitudes inside. */
        for (size_t i = 0; i < STEPS; i++) {
            int32_t lat = (int32_t)(SIDE * i / (STEPS - 1));
            int32_t lon = (int32_t)(1 + ws_random_below(&rnd, SIDE - 1));
            int32_t point[2] = {lat, lon};
            memcpy(left[STEPS + 1 - i], point, sizeof(point));
            memcpy(right[STEPS + 1 - i], point, sizeof(point));
        }
        struct genesis *a = polygon((const int32_t(*)[2])left, STEPS + 2);
        struct genesis *b = polygon((const int32_t(*)[2])right, STEPS + 2);
        static const int32_t all[][2] = {{0, 0}, {SIDE, 0}, {SIDE, SIDE}, {0, SIDE}};
        struct genesis *both = polygon(all, 4);
        for (int32_t lat = -1; lat <= SIDE + 1; lat++) {
            for (int32_t lon = -1; lon <= SIDE + 1; lon++) {
                int n = region_contains(a, lat, lon) + region_contains(b, lat, lon);
                assert_int_equal(n, region_contains(both, lat, lon));
            }
        }
        free(a);
        free(b);
        free(both);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_is_written_again),
        cmocka_unit_test(every_other_length_is_refused),
        cmocka_unit_test(a_changed_octet_is_refused_or_another_transaction),
        cmocka_unit_test(an_order_names_each_signer_once_and_in_order),
        cmocka_unit_test(an_orders_identity_is_its_statement),
        cmocka_unit_test(limits_of_the_cell_bound_a_block),
        cmocka_unit_test(a_claimed_count_takes_no_memory),
        cmocka_unit_test(an_empty_block_has_one_form),
        cmocka_unit_test(simple_regions),
        cmocka_unit_test(the_whole_range_overflows_nothing),
        cmocka_unit_test(neighbours_share_no_place_and_leave_none_out),
    };
    return cmocka_run_group_tests(tests, open_samples, close_samples);
}
