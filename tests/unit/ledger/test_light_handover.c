/* Handovers: small enough for the radio, one form, and nobody gets over a boundary without the old committee. */
#include "tests/support/cm.h"
#include "tests/support/light_chain.h"

#include "ledger/exec/hash.h"
#include "ledger/light/fragment.h"

static struct chain chain;
static const struct light_params forever = {.clock_drift = 10000000};

static void make(size_t members, size_t fresh, uint64_t term, uint64_t heights) {
    const struct chain_plan plan = {members, fresh, term, heights, 0};
    chain_make(&chain, &plan);
}

static int free_chain(void **state) {
    (void)state;
    chain_free(&chain);
    return 0;
}

static struct light_trust genesis_trust(void) {
    struct light_trust t;
    assert_int_equal(
        light_trust_genesis(exec_sha256, buf_span(&chain.cell.octets), &t, NULL), WS_OK);
    return t;
}

static bool decodes(struct span s) {
    uint8_t *copy = ws_memdup(s.p, s.n); /* exact: one octet too far is seen */
    struct handover *o = ws_alloc(sizeof(*o));
    struct buf again = {0};
    bool ok = handover_decode(exec_sha256, span_of(copy, s.n), o, NULL) == WS_OK;
    if (ok) {
        handover_encode(o, &again);
        assert_true(span_equal(buf_span(&again), s));
    }
    buf_free(&again);
    free(o);
    free(copy);
    return ok;
}

/* ---- octets ---- */

static void two_fragments_for_22(void **state) {
    (void)state;
    make(22, 22, 2, 4);
    struct handover o;
    struct buf b = {0};
    chain_handover(&chain, 0, &o);
    handover_encode(&o, &b);
    print_message("handover of 22 validators: %zu octets\n", b.n);
    assert_true(b.n < 2000);
    assert_int_equal(fragment_count(b.n), 2);
    /* Powers of eight octets. */
    buf_clear(&b);
    for (size_t i = 0; i < 22; i++)
        o.next.v[i].power = POWER_MAX / 32;
    o.next.total = 0;
    assert_int_equal(validator_set_prepare(exec_sha256, &o.next, NULL), WS_OK);
    handover_encode(&o, &b);
    assert_true(b.n < 2000);
    buf_free(&b);
}

static void the_largest_has_room(void **state) {
    (void)state;
    make(64, 64, 1, 2);
    struct handover o;
    struct buf b = {0};
    chain_handover(&chain, 0, &o);
    handover_encode(&o, &b);
    assert_int_equal(b.n, 117 + 4 + 2 + 8 + 43 * 64 + 5 + 64 * 33 + 32 - 4);
    assert_true(b.n < HANDOVER_OCTETS_MAX);
    assert_true(decodes(buf_span(&b)));
    buf_free(&b);
}

static void one_form(void **state) {
    (void)state;
    make(4, 4, 2, 4);
    struct handover o;
    struct buf b = {0};
    chain_handover(&chain, 0, &o);
    handover_encode(&o, &b);
    assert_true(decodes(buf_span(&b)));
    for (size_t n = 0; n < b.n; n++)
        assert_false(decodes(span_of(b.p, n)));
    const struct light_trust start = genesis_trust();
    for (size_t i = 0; i < 8 * b.n; i++) { /* no bit is free */
        b.p[i / 8] ^= (uint8_t)(1U << i % 8);
        if (decodes(buf_span(&b)) &&
            handover_decode(exec_sha256, buf_span(&b), &o, NULL) == WS_OK) {
            struct light_trust t = start;
            assert_int_not_equal(
                light_cross(&sample_crypto, &forever, &t, &o, LIGHT_NO_CLOCK, NULL), LIGHT_OK);
        }
        b.p[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    buf_u8(&b, 0);
    assert_false(decodes(buf_span(&b)));
    buf_clear(&b);
    memset(buf_grow(&b, HANDOVER_OCTETS_MAX + 1), 1, HANDOVER_OCTETS_MAX + 1);
    assert_false(decodes(buf_span(&b)));
    buf_free(&b);
}

static void sets_in_the_vehicle_form(void **state) {
    (void)state;
    make(4, 4, 2, 4);
    struct validator_set s = chain.sets[0];
    static const uint64_t largest[] = {1, 255, 256, 65535, 65536, UINT64_C(1) << 32, POWER_MAX - 3};
    for (size_t k = 0; k < ARRAY_LEN(largest); k++) {
        for (size_t i = 0; i < 4; i++)
            s.v[i].power = i == 0 ? largest[k] : 1;
        assert_int_equal(validator_set_prepare(exec_sha256, &s, NULL), WS_OK);
        hash32 seats;
        hash32 back_seats;
        hash32 want;
        hash32 got;
        struct validator_set back;
        struct buf b = {0};
        validator_set_seats(exec_sha256, &s, seats);
        valset_light_put(&s, seats, &b);
        struct rd r = rd_of(buf_span(&b));
        assert_int_equal(valset_light_read(exec_sha256, &r, &back, back_seats, NULL), WS_OK);
        assert_true(rd_done(&r));
        validator_set_hash(exec_sha256, &s, want);
        validator_set_hash_with(exec_sha256, &back, back_seats, got);
        assert_memory_equal(want, got, 32);
        /* A wider form of the same powers is refused. */
        if (b.p[2] < 8) {
            struct buf wide = {0};
            buf_put(&wide, b.p, 5);
            wide.p[2]++;
            for (size_t i = 0; i < 4; i++) {
                buf_put(&wide, b.p + 5 + i * (32U + b.p[2]), 32);
                buf_u8(&wide, 0);
                buf_put(&wide, b.p + 5 + i * (32U + b.p[2]) + 32, b.p[2]);
            }
            buf_put(&wide, seats, 32);
            r = rd_of(buf_span(&wide));
            assert_int_not_equal(
                valset_light_read(exec_sha256, &r, &back, back_seats, NULL), WS_OK);
            buf_free(&wide);
        }
        buf_clear(&b);
        valset_encode(&s, &b);
        assert_int_equal(valset_decode(exec_sha256, buf_span(&b), &back, NULL), WS_OK);
        validator_set_hash(exec_sha256, &back, got);
        assert_memory_equal(want, got, 32);
        assert_memory_equal(&back, &s, sizeof(s));
        for (size_t n = 0; n < b.n; n++)
            assert_int_not_equal(valset_decode(exec_sha256, span_of(b.p, n), &back, NULL), WS_OK);
        buf_u8(&b, 0);
        assert_int_not_equal(valset_decode(exec_sha256, buf_span(&b), &back, NULL), WS_OK);
        buf_free(&b);
    }
    /* Out of order, the same key twice, nobody: no set. */
    struct buf b = {0};
    struct validator_set other = chain.sets[0];
    other.v[0] = chain.sets[0].v[1];
    other.v[1] = chain.sets[0].v[0];
    valset_encode(&other, &b);
    assert_int_not_equal(valset_decode(exec_sha256, buf_span(&b), &s, NULL), WS_OK);
    buf_clear(&b);
    other.v[1] = other.v[0];
    valset_encode(&other, &b);
    assert_int_not_equal(valset_decode(exec_sha256, buf_span(&b), &s, NULL), WS_OK);
    buf_clear(&b);
    other.n = 0;
    valset_encode(&other, &b);
    assert_int_not_equal(valset_decode(exec_sha256, buf_span(&b), &s, NULL), WS_OK);
    buf_free(&b);
}

static void a_commit_is_cut_to_the_largest_powers(void **state) {
    (void)state;
    static const uint64_t powers[] = {6, 3, 2, 1};
    struct sample_cell cell;
    sample_cell_make(&cell, 4, powers);
    hash32 id = {9};
    for (uint64_t who = 0; who < 16; who++) {
        struct commit c = sample_signed(&cell, 3, 1, id, who);
        uint64_t power = 0;
        for (size_t i = 0; i < 4; i++)
            power += (who >> i & 1U) * powers[i];
        assert_int_equal(commit_trim(&cell.genesis.validators, &c), power > 8);
        if (power > 8) {
            assert_int_equal(
                commit_check(test_verify, cell.id, &cell.genesis.validators, &c, NULL), WS_OK);
            assert_false(c.present[3] && who == 15); /* six and three do */
        }
    }
    struct commit c = sample_signed(&cell, 3, 1, id, 15);
    c.n = 3;
    assert_false(commit_trim(&cell.genesis.validators, &c));
    sample_cell_free(&cell);
}

static void made_of_what_belongs_together(void **state) {
    (void)state;
    make(4, 4, 2, 6);
    struct handover o;
    const struct header *hd = chain_header(&chain, 2);
    struct commit c = chain_commit(&chain, 2, 0xf);
    const struct validator_set *s = chain.sets;
    assert_int_equal(handover_make(exec_sha256, hd, &c, &s[0], &s[1], &o, NULL), WS_OK);
    assert_int_not_equal(handover_make(exec_sha256, hd, &c, &s[1], &s[1], &o, NULL), WS_OK);
    assert_int_not_equal(handover_make(exec_sha256, hd, &c, &s[0], &s[0], &o, NULL), WS_OK);
    struct commit other = chain_commit(&chain, 3, 0xf);
    assert_int_not_equal(handover_make(exec_sha256, hd, &other, &s[0], &s[1], &o, NULL), WS_OK);
    other = chain_commit(&chain, 2, 0x3);
    assert_int_not_equal(handover_make(exec_sha256, hd, &other, &s[0], &s[1], &o, NULL), WS_OK);
}

/* ---- crossing ---- */

static void over_committees_without_a_common_member(void **state) {
    (void)state;
    make(7, 7, 5, 100);
    struct light_trust t = genesis_trust();
    for (size_t k = 0; k < 20; k++) {
        struct handover o;
        chain_handover(&chain, k, &o);
        assert_int_equal(
            light_cross(&sample_crypto, &forever, &t, &o, LIGHT_NO_CLOCK, NULL), LIGHT_OK);
        assert_int_equal(t.height, (k + 1) * 5);
        assert_true(t.has_next);
        struct light_trust again = t;
        assert_int_equal(light_cross(&sample_crypto, &forever, &again, &o, LIGHT_NO_CLOCK, NULL),
            LIGHT_NOT_NEWER);
    }
}

static void nobody_else_opens_the_boundary(void **state) {
    (void)state;
    make(4, 4, 5, 20);
    const struct light_trust start = genesis_trust();
    struct light_trust t = start;
    struct handover o;
    chain_handover(&chain, 1, &o); /* the one after the next */
    assert_int_equal(
        light_cross(&sample_crypto, &forever, &t, &o, LIGHT_NO_CLOCK, NULL), LIGHT_NOT_SUCCESSOR);
    /* The next committee signs for itself. */
    chain_handover(&chain, 0, &o);
    struct header hd = *chain_header(&chain, 5);
    o.commit = chain_sign(&chain, 1, &hd, 0, 0xf);
    assert_int_equal(
        light_cross(&sample_crypto, &forever, &t, &o, LIGHT_NO_CLOCK, NULL), LIGHT_BAD_SIGNATURE);
    /* Exactly two thirds do not do; nor does a set the header does not commit to. */
    o.commit = chain_sign(&chain, 0, &hd, 0, 0x3);
    assert_int_equal(
        light_cross(&sample_crypto, &forever, &t, &o, LIGHT_NO_CLOCK, NULL), LIGHT_NO_QUORUM);
    chain_handover(&chain, 0, &o);
    o.next = chain.sets[2];
    validator_set_hash_with(exec_sha256, &o.next, o.seats, o.front.next_validators);
    assert_int_equal(
        light_cross(&sample_crypto, &forever, &t, &o, LIGHT_NO_CLOCK, NULL), LIGHT_WRONG_COMMIT);
    o.front.cell_id[0] ^= 1;
    assert_int_equal(
        light_cross(&sample_crypto, &forever, &t, &o, LIGHT_NO_CLOCK, NULL), LIGHT_OTHER_CELL);
    const struct light_params week = {.trusting_period = 7, .clock_drift = 1};
    chain_handover(&chain, 0, &o);
    assert_int_equal(
        light_cross(&sample_crypto, &week, &t, &o, o.front.time + 8, NULL), LIGHT_EXPIRED);
    assert_memory_equal(&t, &start, sizeof(t));
}

static void put_chain(struct buf *b, size_t first, size_t n) {
    struct buf each[64] = {{0}};
    struct span spans[64] = {{NULL, 0}};
    for (size_t i = 0; i < n; i++) {
        struct handover o;
        chain_handover(&chain, first + i, &o);
        handover_encode(&o, &each[i]);
        spans[i] = buf_span(&each[i]);
    }
    handovers_put(spans, n, b);
    for (size_t i = 0; i < n; i++)
        buf_free(&each[i]);
}

static void a_chain_since_the_last_visit(void **state) {
    (void)state;
    make(4, 4, 3, 45);
    struct buf b = {0};
    put_chain(&b, 0, 15);
    struct rd r = rd_of(buf_span(&b));
    struct handovers list;
    handovers_read(&r, &list);
    assert_true(rd_done(&r));
    assert_int_equal(list.n, 15);
    /* From the genesis, from inside a term, and from a boundary whose next set is only a hash. */
    for (uint64_t from = 0; from <= 45; from++) {
        struct light_trust t = genesis_trust();
        if (from > 0) {
            const struct header *hd = chain_header(&chain, from);
            hash32 id;
            header_id(exec_sha256, hd, id);
            assert_int_equal(
                light_trust_header(exec_sha256, chain.cell.id, hd, from, id, &t, NULL), LIGHT_OK);
        }
        size_t crossed = 0;
        enum light_verdict v =
            light_follow(&sample_crypto, &forever, &t, &list, LIGHT_NO_CLOCK, &crossed, NULL);
        /* Below the first boundary nothing in the list holds the genesis's own set. */
        assert_int_equal(v, from == 1 || from == 2 ? LIGHT_SET_UNKNOWN : LIGHT_OK);
        if (v == LIGHT_OK) {
            assert_int_equal(t.height, 45);
            assert_int_equal(crossed, 15 - from / 3);
            assert_true(t.has_next);
        }
    }
    /* One missing, one twice, out of order. */
    buf_clear(&b);
    put_chain(&b, 1, 3);
    r = rd_of(buf_span(&b));
    handovers_read(&r, &list);
    struct light_trust t = genesis_trust();
    assert_int_equal(light_follow(&sample_crypto, &forever, &t, &list, LIGHT_NO_CLOCK, NULL, NULL),
        LIGHT_NOT_SUCCESSOR);
    struct handover o;
    struct buf one = {0};
    chain_handover(&chain, 0, &o);
    handover_encode(&o, &one);
    const struct span twice[] = {buf_span(&one), buf_span(&one)};
    buf_clear(&b);
    handovers_put(twice, 2, &b);
    r = rd_of(buf_span(&b));
    handovers_read(&r, &list);
    assert_int_equal(light_follow(&sample_crypto, &forever, &t, &list, LIGHT_NO_CLOCK, NULL, NULL),
        LIGHT_MALFORMED);
    assert_int_equal(t.height, 3); /* the first held */
    /* A count beyond the limit or beyond what is there. */
    put_be16(b.p, HANDOVERS_MAX + 1);
    r = rd_of(buf_span(&b));
    handovers_read(&r, &list);
    assert_true(r.bad);
    put_be16(b.p, 3);
    r = rd_of(buf_span(&b));
    handovers_read(&r, &list);
    assert_true(r.bad);
    assert_int_equal(list.n, 0);
    buf_free(&one);
    buf_free(&b);
}

/* ---- fragments ---- */

static struct span fragment_of(struct span object, size_t i, struct buf *b) {
    buf_clear(b);
    fragment_put(exec_sha256, object, i, b);
    assert_true(b->n <= FRAGMENT_OCTETS_MAX);
    return buf_span(b);
}

static void fragments_in_any_order(void **state) {
    (void)state;
    struct ws_random rnd = ws_random_seeded(3);
    uint8_t octets[HANDOVER_OCTETS_MAX];
    ws_random_bytes(&rnd, octets, sizeof(octets));
    struct fragment_pool *p = ws_alloc(sizeof(*p));
    struct buf b = {0};
    static const size_t sizes[] = {1, FRAGMENT_PAYLOAD - 1, FRAGMENT_PAYLOAD, FRAGMENT_PAYLOAD + 1,
        1866, 2 * FRAGMENT_PAYLOAD, 5000, HANDOVER_OCTETS_MAX};
    assert_int_equal(fragment_count(0), 0);
    assert_int_equal(fragment_count(HANDOVER_OCTETS_MAX), FRAGMENTS_MAX);
    assert_int_equal(fragment_count(HANDOVER_OCTETS_MAX + 1), 0);
    for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
        struct span object = span_of(octets, sizes[k]);
        size_t n = fragment_count(sizes[k]);
        for (size_t first = 0; first < n; first++) {
            struct span whole = {0};
            for (size_t i = 0; i < n; i++) {
                struct span f = fragment_of(object, (first + i) % n, &b);
                enum fragment_verdict v = fragment_take(exec_sha256, p, f, &whole);
                assert_int_equal(v, i + 1 == n ? FRAGMENT_WHOLE : FRAGMENT_HELD);
                if (v == FRAGMENT_HELD)
                    assert_int_equal(fragment_take(exec_sha256, p, f, &whole), FRAGMENT_KNOWN);
            }
            assert_true(span_equal(whole, object));
        }
    }
    free(p);
    buf_free(&b);
}

static void forged_fragments_cost_one_turn(void **state) {
    (void)state;
    uint8_t octets[2000] = {7};
    struct fragment_pool *p = ws_alloc(sizeof(*p));
    struct buf b = {0};
    struct span whole;
    struct span object = span_of(octets, sizeof(octets));
    struct span f = fragment_of(object, 1, &b);
    b.p[b.n - 1] ^= 1;
    assert_int_equal(fragment_take(exec_sha256, p, f, &whole), FRAGMENT_HELD);
    f = fragment_of(object, 0, &b);
    assert_int_equal(fragment_take(exec_sha256, p, f, &whole), FRAGMENT_SPOILED);
    f = fragment_of(object, 0, &b);
    assert_int_equal(fragment_take(exec_sha256, p, f, &whole), FRAGMENT_HELD);
    (void)fragment_of(object, 1, &b);
    for (size_t n = 0; n < b.n; n++)
        assert_int_equal(
            fragment_take(exec_sha256, p, span_of(b.p, n), &whole), FRAGMENT_MALFORMED);
    for (size_t i = 9; i < FRAGMENT_HEAD; i++) { /* index, count, length */
        f = fragment_of(object, 1, &b);
        b.p[i] ^= 0x80;
        assert_int_equal(fragment_take(exec_sha256, p, f, &whole), FRAGMENT_MALFORMED);
    }
    f = fragment_of(object, 1, &b);
    assert_int_equal(fragment_take(exec_sha256, p, f, &whole), FRAGMENT_WHOLE);
    /* More objects than slots: the oldest is given up, nothing else. */
    for (uint8_t k = 0; k <= FRAGMENT_SLOTS; k++) {
        octets[0] = k;
        f = fragment_of(object, 0, &b);
        assert_int_equal(fragment_take(exec_sha256, p, f, &whole), FRAGMENT_HELD);
    }
    for (uint8_t k = FRAGMENT_SLOTS + 1; k-- > 0;) {
        octets[0] = k;
        f = fragment_of(object, 1, &b);
        assert_int_equal(
            fragment_take(exec_sha256, p, f, &whole), k == 0 ? FRAGMENT_HELD : FRAGMENT_WHOLE);
    }
    free(p);
    buf_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_teardown(name, free_chain)
        T(two_fragments_for_22),
        T(the_largest_has_room),
        T(one_form),
        T(sets_in_the_vehicle_form),
        T(made_of_what_belongs_together),
        T(over_committees_without_a_common_member),
        T(nobody_else_opens_the_boundary),
        T(a_chain_since_the_last_visit),
#undef T
        cmocka_unit_test(a_commit_is_cut_to_the_largest_powers),
        cmocka_unit_test(fragments_in_any_order),
        cmocka_unit_test(forged_fragments_cost_one_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
