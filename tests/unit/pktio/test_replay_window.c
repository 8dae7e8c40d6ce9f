/* The replay window: against a plain list, at its bounds, with neighbours who flood it, and with several threads. */
#include "tests/support/cm.h"

#include "base/random.h"
#include "pktio/replay_window.h"

#include <pthread.h>
#include <stdatomic.h>

#define S 1000000U

static void make_id(uint8_t id[static 32], uint64_t seed) {
    struct ws_random rnd = ws_random_seeded(seed);
    ws_random_bytes(&rnd, id, 32);
}

static enum replay_state seen(struct replay_window *w, uint64_t seed) {
    uint8_t id[32];
    make_id(id, seed);
    replay_window_prefetch(w, id);
    return replay_window_seen(w, id);
}

static enum replay_state claim(
    struct replay_window *w, uint64_t seed, uint64_t until, uint64_t now) {
    uint8_t id[32];
    make_id(id, seed);
    return replay_window_claim(w, id, until, now, true);
}

static void hear(struct replay_window *w, uint64_t seed, uint64_t until, uint64_t now) {
    uint8_t id[32];
    make_id(id, seed);
    replay_window_hear(w, id, until, now);
}

static void remembers_until_the_time_is_over(void **state) {
    (void)state;
    struct replay_window *w = replay_window_new(100, 1);
    for (uint64_t i = 0; i < 50; i++) {
        assert_int_equal(seen(w, i), REPLAY_NEW);
        assert_int_equal(claim(w, i, 1000 + i, 900), REPLAY_NEW);
        assert_int_equal(seen(w, i), REPLAY_HERE);
        assert_int_equal(claim(w, i, 1000 + i, 900), REPLAY_HERE);
    }
    replay_window_age(w, 1025);
    assert_int_equal(replay_window_counters(w).used, 25);
    for (uint64_t i = 0; i < 50; i++)
        assert_int_equal(seen(w, i), i >= 25 ? REPLAY_HERE : REPLAY_NEW);
    assert_int_equal(replay_window_counters(w).evicted, 0);
    replay_window_free(w);
}

static void long_lives_do_not_hold_up_short_ones(void **state) {
    (void)state;
    struct replay_window *w = replay_window_new(64, 1);
    assert_int_equal(claim(w, 1000, 60 * S, 0), REPLAY_NEW);
    for (uint64_t i = 0; i < 600; i++)
        assert_int_equal(claim(w, i, (i + 2 * 10) * S / 10, i * S / 10), REPLAY_NEW);
    struct replay_window_counters n = replay_window_counters(w);
    assert_int_equal(n.evicted, 0);
    assert_in_range(n.used, 21, 23);
    assert_int_equal(seen(w, 1000), REPLAY_HERE);
    replay_window_free(w);
}

static void full_says_so_and_forgets_the_oldest(void **state) {
    (void)state;
    enum { SLOTS = 7, ROUNDS = 200 }; /* no power of two */
    struct replay_window *w = replay_window_new(SLOTS, 3);
    for (uint64_t i = 0; i < ROUNDS; i++) {
        assert_int_equal(claim(w, i, S, 1), REPLAY_NEW);
        assert_int_equal(replay_window_counters(w).evicted, i < SLOTS ? 0 : i + 1 - SLOTS);
        for (uint64_t k = 0; k <= i; k++)
            assert_int_equal(seen(w, k), k + SLOTS > i ? REPLAY_HERE : REPLAY_NEW);
    }
    assert_int_equal(replay_window_counters(w).used, SLOTS);
    replay_window_free(w);
}

static void a_claim_is_given_back(void **state) {
    (void)state;
    struct replay_window *w = replay_window_new(16, 1);
    uint8_t id[32];
    make_id(id, 1);
    assert_int_equal(claim(w, 0, 100, 1), REPLAY_NEW);
    assert_int_equal(claim(w, 1, 100, 1), REPLAY_NEW);
    assert_int_equal(claim(w, 2, 100, 1), REPLAY_NEW);
    replay_window_forget(w, id);
    replay_window_forget(w, id);
    assert_int_equal(seen(w, 0), REPLAY_HERE);
    assert_int_equal(seen(w, 1), REPLAY_NEW);
    assert_int_equal(seen(w, 2), REPLAY_HERE);
    assert_int_equal(replay_window_counters(w).used, 2);
    assert_int_equal(claim(w, 1, 100, 1), REPLAY_NEW);
    hear(w, 3, 100, 1);
    make_id(id, 3);
    replay_window_forget(w, id); /* what neighbours said is not ours to take back */
    assert_int_equal(seen(w, 3), REPLAY_NEIGHBOUR);
    replay_window_free(w);
}

static void identities_alike_in_all_but_the_last_octet_kept(void **state) {
    (void)state;
    struct replay_window *w = replay_window_new(256, 0);
    uint8_t id[32] = {0};
    for (unsigned i = 0; i < 256; i++) {
        id[15] = (uint8_t)i;
        assert_int_equal(replay_window_claim(w, id, 100, 1, true), REPLAY_NEW);
    }
    for (unsigned i = 0; i < 256; i++) {
        id[15] = (uint8_t)i;
        assert_int_equal(replay_window_seen(w, id), REPLAY_HERE);
    }
    id[14] = 1;
    assert_int_equal(replay_window_seen(w, id), REPLAY_NEW);
    replay_window_age(w, 101);
    assert_int_equal(replay_window_counters(w).used, 0);
    replay_window_free(w);
}

/* ---- neighbours ---- */

static void told_is_not_the_same_as_heard(void **state) {
    (void)state;
    struct replay_window *w = replay_window_new(64, 1);
    hear(w, 1, 100, 1);
    assert_int_equal(seen(w, 1), REPLAY_NEIGHBOUR);
    assert_int_equal(claim(w, 1, 100, 2), REPLAY_NEIGHBOUR);
    assert_int_equal(claim(w, 2, 100, 2), REPLAY_NEW);
    hear(w, 2, 100, 3); /* both heard it: it stays ours */
    assert_int_equal(seen(w, 2), REPLAY_HERE);
    struct replay_window_counters n = replay_window_counters(w);
    assert_int_equal(n.told, 1);
    assert_int_equal(n.told_known, 1);
    assert_int_equal(n.told_used, 1);
    assert_int_equal(n.used, 2);
    replay_window_age(w, 101);
    assert_int_equal(seen(w, 1), REPLAY_NEW);
    replay_window_free(w);
}

static void hold(struct replay_window *w, uint64_t seed, uint64_t until, uint64_t now) {
    uint8_t id[32];
    make_id(id, seed);
    replay_window_hold(w, id, until, now);
}

static void a_word_is_not_what_the_node_holds(void **state) {
    (void)state;
    struct replay_window *w = replay_window_new(64, 1);
    uint8_t id[32];
    make_id(id, 1);
    hear(w, 1, 100, 1);
    assert_int_equal(replay_window_claim(w, id, 100, 2, false), REPLAY_NEW); /* not believed */
    assert_int_equal(seen(w, 1), REPLAY_HERE);
    assert_int_equal(replay_window_claim(w, id, 100, 2, false), REPLAY_HERE);
    hear(w, 2, 100, 1);
    hold(w, 2, 100, 1);
    assert_int_equal(seen(w, 2), REPLAY_HELD);
    make_id(id, 2);
    assert_int_equal(replay_window_claim(w, id, 100, 2, false), REPLAY_HELD);
    hold(w, 3, 100, 1);
    hear(w, 3, 100, 1);
    assert_int_equal(seen(w, 3), REPLAY_HELD);
    hold(w, 1, 100, 1);
    assert_int_equal(seen(w, 1), REPLAY_HERE); /* it was ours before */
    struct replay_window_counters n = replay_window_counters(w);
    assert_int_equal(n.used, 3);
    assert_int_equal(n.told_used, 0);
    replay_window_age(w, 101);
    assert_int_equal(replay_window_counters(w).used, 0);
    replay_window_free(w);
}

static void a_flood_from_neighbours_displaces_nothing_of_ours(void **state) {
    (void)state;
    enum { SLOTS = 4096, OURS = 3500 };
    struct replay_window *w = replay_window_new(SLOTS, 9);
    for (uint64_t i = 0; i < OURS; i++)
        assert_int_equal(claim(w, i, 10 * S, S), REPLAY_NEW);
    for (uint64_t i = 0; i < 100000; i++)
        hear(w, 1000000 + i, 10 * S, S);
    struct replay_window_counters n = replay_window_counters(w);
    assert_int_equal(n.used, SLOTS);
    assert_int_equal(n.told_used, SLOTS - OURS);
    assert_int_equal(n.told_evicted, 100000 - (SLOTS - OURS));
    assert_int_equal(n.evicted, 0);
    for (uint64_t i = 0; i < OURS; i++)
        assert_int_equal(seen(w, i), REPLAY_HERE);
    /* And ours take their places again when they are needed. */
    for (uint64_t i = OURS; i < SLOTS; i++)
        assert_int_equal(claim(w, i, 10 * S, S), REPLAY_NEW);
    n = replay_window_counters(w);
    assert_int_equal(n.told_used, 0);
    assert_int_equal(n.evicted, 0);
    hear(w, 5, 10 * S, S);
    hear(w, 77777777, 10 * S, S); /* no room for news at all */
    assert_int_equal(seen(w, 77777777), REPLAY_NEW);
    replay_window_free(w);
}

static void a_neighbour_has_a_quarter_at_most(void **state) {
    (void)state;
    struct replay_window *w = replay_window_new(1000, 9);
    for (uint64_t i = 0; i < 5000; i++)
        hear(w, i, 10 * S, S);
    struct replay_window_counters n = replay_window_counters(w);
    assert_int_equal(n.told_slots, 250);
    assert_int_equal(n.told_used, 250);
    assert_int_equal(seen(w, 4999), REPLAY_NEIGHBOUR);
    assert_int_equal(seen(w, 4749), REPLAY_NEW);
    replay_window_free(w);
    w = replay_window_new(3, 9); /* a quarter of three is none */
    hear(w, 1, 10 * S, S);
    assert_int_equal(seen(w, 1), REPLAY_NEW);
    replay_window_free(w);
}

/* ---- against a plain list ---- */

enum { MODEL = 3000 };

/* Time stands still and there is room, so what is known follows from the calls alone. */
static void compare(size_t slots, uint64_t salt, bool neighbours) {
    struct replay_window *w = replay_window_new(slots, salt);
    enum replay_state known[MODEL] = {REPLAY_NEW};
    struct ws_random rnd = ws_random_seeded(salt + slots);
    for (unsigned round = 0; round < 300000; round++) {
        uint64_t i = ws_random_below(&rnd, MODEL);
        uint64_t until = S + 1 + ws_random_below(&rnd, 100 * S);
        uint8_t id[32];
        make_id(id, i);
        switch (ws_random_below(&rnd, 8)) {
        case 0:
            replay_window_forget(w, id);
            if (known[i] == REPLAY_HERE)
                known[i] = REPLAY_NEW;
            break;
        case 1:
            if (!neighbours)
                break;
            replay_window_hear(w, id, until, S);
            if (known[i] == REPLAY_NEW)
                known[i] = REPLAY_NEIGHBOUR;
            break;
        case 2:
        case 3:
        case 4:
        case 5:
            assert_int_equal(replay_window_claim(w, id, until, S, true), known[i]);
            if (known[i] == REPLAY_NEW)
                known[i] = REPLAY_HERE;
            break;
        default:
            assert_int_equal(replay_window_seen(w, id), known[i]);
            break;
        }
    }
    size_t used = 0;
    for (uint64_t i = 0; i < MODEL; i++) {
        used += known[i] != REPLAY_NEW;
        assert_int_equal(seen(w, i), known[i]);
    }
    struct replay_window_counters n = replay_window_counters(w);
    assert_int_equal(n.used, used);
    assert_int_equal(n.evicted + n.told_evicted, 0);
    replay_window_age(w, 102 * S);
    assert_int_equal(replay_window_counters(w).used, 0);
    replay_window_free(w);
}

static void same_as_a_plain_list(void **state) {
    (void)state;
    compare(MODEL, 0, false); /* as full as it gets */
    compare(MODEL, 1, false);
    compare((size_t)4 * MODEL, 2, true);
    compare(200000, 3, true); /* many shards */
}

static void forgets_exactly_when_queues_are_in_order(void **state) {
    (void)state;
    struct replay_window *w = replay_window_new(20000, 5);
    for (uint64_t i = 0; i < 5000; i++)
        assert_int_equal(claim(w, i, i + 2 * S, i), REPLAY_NEW);
    for (uint64_t t = 0; t < 5000; t += 100) {
        replay_window_age(w, t + 2 * S);
        assert_int_equal(replay_window_counters(w).used, 5000 - t);
        for (uint64_t i = 0; i < 5000; i += 37)
            assert_int_equal(seen(w, i), i < t ? REPLAY_NEW : REPLAY_HERE);
    }
    replay_window_free(w);
}

/* ---- threads ---- */

enum { THREADS = 4, MESSAGES = 20000 };
struct race {
    struct replay_window *w;
    atomic_uint *won; /* by message */
};

static void *claim_all(void *arg) {
    struct race *r = arg;
    for (uint64_t i = 0; i < MESSAGES; i++) {
        if (claim(r->w, i, 10 * S, S) == REPLAY_NEW)
            atomic_fetch_add(&r->won[i], 1);
        if (i % 3 == 0)
            hear(r->w, i, 10 * S, S);
        if (i % 1000 == 0)
            replay_window_age(r->w, S);
    }
    return NULL;
}

static void each_message_has_one_winner(void **state) {
    (void)state;
    struct race r = {replay_window_new(4 * MESSAGES, 1), ws_calloc(MESSAGES, sizeof(atomic_uint))};
    pthread_t t[THREADS];
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, claim_all, &r), 0);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(t[i], NULL), 0);
    for (uint64_t i = 0; i < MESSAGES; i++)
        assert_int_equal(atomic_load(&r.won[i]), 1);
    assert_int_equal(replay_window_counters(r.w).used, MESSAGES);
    replay_window_free(r.w);
    free(r.won);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(remembers_until_the_time_is_over),
        cmocka_unit_test(long_lives_do_not_hold_up_short_ones),
        cmocka_unit_test(full_says_so_and_forgets_the_oldest),
        cmocka_unit_test(a_claim_is_given_back),
        cmocka_unit_test(identities_alike_in_all_but_the_last_octet_kept),
        cmocka_unit_test(told_is_not_the_same_as_heard),
        cmocka_unit_test(a_word_is_not_what_the_node_holds),
        cmocka_unit_test(a_flood_from_neighbours_displaces_nothing_of_ours),
        cmocka_unit_test(a_neighbour_has_a_quarter_at_most),
        cmocka_unit_test(same_as_a_plain_list),
        cmocka_unit_test(forgets_exactly_when_queues_are_in_order),
        cmocka_unit_test(each_message_has_one_winner),
    };
    return cmocka_run_group_tests_name("replay_window", tests, NULL, NULL);
}
