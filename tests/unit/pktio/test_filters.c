/* The fixed-size tables of the packet path at their bounds. */
#include "tests/support/cm.h"

#include "base/random.h"
#include "pktio/message.h"
#include "pktio/signer_notes.h"
#include "pktio/source_budget.h"
#include "pktio/verdict.h"

#define S 1000000U

static void every_verdict_has_its_own_name(void **state) {
    (void)state;
    for (unsigned i = 0; i < PKT_VERDICT_COUNT; i++) {
        assert_true(strlen(pkt_verdict_text((enum pkt_verdict)i)) > 0);
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(
                pkt_verdict_name((enum pkt_verdict)i), pkt_verdict_name((enum pkt_verdict)k));
    }
}

static void budget_burst_then_rate(void **state) {
    (void)state;
    struct source_budget *b = source_budget_new(8, 10, 5);
    uint64_t now = 100 * S;
    for (int i = 0; i < 5; i++)
        assert_true(source_budget_charge(b, 1, now));
    assert_false(source_budget_charge(b, 1, now));
    assert_true(source_budget_charge(b, 2, now)); /* another sender is not touched */
    assert_false(source_budget_charge(b, 1, now + S / 10 - 1));
    assert_true(source_budget_charge(b, 1, now + S / 10)); /* ten a second: one each 100 ms */
    assert_false(source_budget_charge(b, 1, now + S / 10));
    now += 3600ULL * S;
    for (int i = 0; i < 5; i++)
        assert_true(source_budget_charge(b, 1, now)); /* never more than the burst */
    assert_false(source_budget_charge(b, 1, now));
    assert_int_equal(source_budget_used(b), 2);
    source_budget_free(b);
}

static void budget_clock_goes_back(void **state) {
    (void)state;
    struct source_budget *b = source_budget_new(8, 1, 1);
    assert_true(source_budget_charge(b, 1, 100 * S));
    assert_false(source_budget_charge(b, 1, 50 * S));
    assert_false(source_budget_charge(b, 1, 50 * S + S / 2));
    assert_true(source_budget_charge(b, 1, 51 * S + S / 2));
    assert_true(source_budget_charge(b, 1, UINT64_MAX)); /* no overflow on a jump */
    source_budget_free(b);
}

static void budget_of_zero_rate_is_no_limit(void **state) {
    (void)state;
    struct source_budget *b = source_budget_new(8, 0, 0);
    for (int i = 0; i < 1000; i++)
        assert_true(source_budget_charge(b, 1, 1));
    source_budget_free(b);
}

static void budget_forgets_the_longest_silent(void **state) {
    (void)state;
    struct source_budget *b = source_budget_new(SOURCE_BUDGET_WAYS, 1, 1);
    for (uint64_t i = 0; i < SOURCE_BUDGET_WAYS; i++)
        assert_true(source_budget_charge(b, i, S + i));
    assert_false(source_budget_charge(b, 0, S + 100)); /* 0 spoke again, 1 is silent longest */
    assert_true(source_budget_charge(b, 99, S + 101));
    assert_int_equal(source_budget_used(b), SOURCE_BUDGET_WAYS);
    assert_false(source_budget_charge(b, 0, S + 102));
    assert_true(source_budget_charge(b, 1, S + 103)); /* starts anew */
    source_budget_free(b);
}

static void make_id(uint8_t id[static 32], uint64_t seed) {
    struct ws_random rnd = ws_random_seeded(seed);
    ws_random_bytes(&rnd, id, 32);
}

static void notes_by_hash_and_by_id8(void **state) {
    (void)state;
    struct signer_notes *n = signer_notes_new(1);
    uint8_t a[32];
    uint8_t b[32];
    make_id(a, 1);
    make_id(b, 2);
    signer_notes_put(n, a, 3);
    assert_int_equal(signer_notes_of(n, a), 3);
    assert_int_equal(signer_notes_of_id8(n, a + 24), 3);
    assert_int_equal(signer_notes_of(n, b), 0);
    assert_int_equal(signer_notes_of_id8(n, b + 24), 0);
    signer_notes_put(n, a, 9);
    assert_int_equal(signer_notes_of(n, a), 9);
    memcpy(b + 24, a + 24, 8); /* same HashedId8, another certificate */
    assert_int_equal(signer_notes_of(n, b), 0);
    for (uint64_t i = 100; i < 10000; i++) { /* a flood is forgotten, not stored */
        make_id(b, i);
        signer_notes_put(n, b, 1);
    }
    assert_int_equal(signer_notes_of(n, a), 0);
    signer_notes_free(n);
}

static void message_pool_gives_and_takes(void **state) {
    (void)state;
    struct pkt_message_pool *p = pkt_message_pool_new(4);
    struct pkt_message *m[4];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 4; i++) {
            m[i] = pkt_message_take(p);
            assert_non_null(m[i]);
            assert_ptr_equal(m[i]->pool, p);
        }
        assert_null(pkt_message_take(p));
        for (int i = 0; i < 4; i++)
            pkt_message_release(m[i]);
    }
    pkt_message_pool_free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_verdict_has_its_own_name),
        cmocka_unit_test(budget_burst_then_rate),
        cmocka_unit_test(budget_clock_goes_back),
        cmocka_unit_test(budget_of_zero_rate_is_no_limit),
        cmocka_unit_test(budget_forgets_the_longest_silent),
        cmocka_unit_test(notes_by_hash_and_by_id8),
        cmocka_unit_test(message_pool_gives_and_takes),
    };
    return cmocka_run_group_tests_name("filters", tests, NULL, NULL);
}
