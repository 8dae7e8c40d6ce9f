/* Scenarios by name (consensus facts, section 18) that no unit test plays yet; tests/sim/README.md says where each of
 * them is. Cells of shipped nodes on virtual time; tests/support/nodes.h checks everything else all the while. */
#include "tests/support/cm.h"

#include "ledger/node/node_internal.h"
#include "tests/sim/sim.h"
#include "tests/support/orders.h"

enum { N = 4, SECOND = 1000000, MS = 1000 };

static struct nodes *open_cell(uint64_t seed, size_t spares) {
    struct nodes *w = ws_alloc(sizeof(*w));
    struct nodes_plan plan = {.n = N, .spares = spares, .seed = seed, .job_max_us = 5 * MS};
    nodes_begin(w, &plan);
    assert_string_equal(w->broken, "");
    nodes_run_to(w, 1, 10ULL * SECOND);
    return w;
}

static void run(struct nodes *w, uint64_t us) {
    nodes_run(w, us);
    if (w->broken[0] != '\0')
        fail_msg("%s", w->broken);
}

static void close_cell(struct nodes *w) {
    nodes_heal(w);
    nodes_run_to(w, w->highest + 3, 60ULL * SECOND);
    nodes_check_end(w);
    assert_string_equal(w->broken, "");
    nodes_close(w);
    free(w);
}

static uint64_t late_rounds(const struct nodes *w, size_t i) {
    return node_counters(w->m[i].node)->rounds_beyond_zero;
}

/* ---- leaders ---- */

static void a_silent_leader_costs_less_than_a_second(void **state) {
    (void)state;
    struct nodes *w = open_cell(1, 0);
    nodes_kill(w, 2, false);
    uint64_t before = w->highest;
    run(w, 40ULL * SECOND);
    /* Blocks of a second each; every fourth has a leader who is not there. */
    assert_true(w->highest - before >= 33);
    close_cell(w);
}

static uint64_t txs_of(struct nodes *w, uint64_t height, int32_t *ret_round) {
    uint8_t key[8];
    struct buf b = {0};
    struct commit c;
    put_be64(key, height);
    assert_int_equal(store_get(w->m[0].store, STORE_COMMIT, span_of(key, 8), &b, NULL), WS_OK);
    struct rd r = rd_of(buf_span(&b));
    assert_true(commit_read(&r, &c));
    *ret_round = c.round;
    buf_clear(&b);
    struct block *blk = NULL;
    assert_int_equal(store_get(w->m[0].store, STORE_BLOCK, span_of(key, 8), &b, NULL), WS_OK);
    assert_int_equal(block_decode(buf_span(&b), &w->params, &blk, NULL), WS_OK);
    uint64_t n = blk->n_txs;
    block_free(blk);
    buf_free(&b);
    return n;
}

/* What nobody could take in time is not offered again in the same size. */
static void a_block_of_a_later_round_has_half_the_room(void **state) {
    (void)state;
    struct nodes *w = open_cell(7, 0);
    enum { MOST = 8 };
    struct cell_params params = w->params;
    params.block_txs_max = MOST;
    assert_int_equal(orders_change_params(w, 0, &params, 1), TX_GOOD);
    run(w, 5ULL * SECOND);
    w->kind = WAYSIDE__LINK__LINK__BODY_PROPOSAL;
    w->kind_to = UINT32_MAX;
    w->kind_loss = 600;
    uint64_t before = w->highest;
    uint64_t late = 0;
    uint64_t most = 0;
    for (size_t t = 0; t < 60; t++) {
        for (size_t k = 0; k < TOWN_CARS; k++)
            (void)nodes_report(w, k % 2, k, t % 2 == 0 ? 30 : 50);
        run(w, 200ULL * MS);
    }
    for (uint64_t h = before + 1; h <= w->highest; h++) {
        int32_t round;
        uint64_t n = txs_of(w, h, &round);
        assert_true(n <= (unsigned)MOST >> (round < 2 ? 0 : round - 1));
        late += round > 1 && n > 0;
        most = n > most ? n : most;
    }
    assert_true(late > 0 && most == MOST);
    close_cell(w);
}

static void slow_leader(uint64_t us, bool in_time) {
    struct nodes *w = open_cell(2, 0);
    for (size_t k = 0; k < N; k++)
        w->slow_us[0][k] = us;
    uint64_t late = late_rounds(w, 1);
    uint64_t before = w->highest;
    run(w, 24ULL * SECOND);
    assert_true(w->highest - before >= 16);
    if (in_time)
        assert_int_equal(late_rounds(w, 1), late);
    else
        assert_true(late_rounds(w, 1) >= late + 3);
    close_cell(w);
}

static void a_leader_just_in_time_is_waited_for(void **state) {
    (void)state;
    slow_leader(200ULL * MS, true);
}

static void a_leader_just_too_late_is_passed_over(void **state) {
    (void)state;
    slow_leader(400ULL * MS, false);
}

/* ---- partitions ---- */

static void cut_in_two(struct nodes *w, uint32_t side) {
    for (size_t i = 0; i < w->n; i++) {
        for (size_t k = 0; k < w->n; k++)
            w->cut[i][k] = (side >> i & 1U) != (side >> k & 1U);
    }
}

static void two_and_two_wait_three_and_one_go_on(void **state) {
    (void)state;
    for (uint32_t side = 1; side < 8; side++) {
        struct nodes *w = open_cell(side, 0);
        cut_in_two(w, side);
        uint64_t before = w->highest;
        run(w, 12ULL * SECOND);
        bool three = side == 1 || side == 2 || side == 4 || side == 7;
        if (three)
            assert_true(w->highest >= before + 7);
        else
            assert_true(w->highest <= before + 1); /* what was decided when the cut came */
        cut_in_two(w, 0);
        nodes_run_to(w, w->highest + 2, 10ULL * SECOND);
        close_cell(w);
    }
}

/* Links for which the cell's time-outs are too short: one height finds out what is needed, those after it know. When the
 * links are as before, a silent leader costs what it did. */
static void a_slow_network_is_learnt_once(void **state) {
    (void)state;
    struct nodes *w = open_cell(6, 0);
    w->delay_min_us = 560 * MS;
    w->delay_max_us = 600 * MS;
    run(w, 60ULL * SECOND);
    uint64_t late = late_rounds(w, 1);
    uint64_t before = w->highest;
    assert_true(late > 0);
    run(w, 60ULL * SECOND);
    assert_true(w->highest - before >= 18);
    assert_int_equal(late_rounds(w, 1), late);
    w->delay_min_us = 2 * MS;
    w->delay_max_us = 8 * MS;
    run(w, 10ULL * SECOND);
    nodes_kill(w, 2, false);
    before = w->highest;
    run(w, 40ULL * SECOND);
    assert_true(w->highest - before >= 33);
    close_cell(w);
}

/* ---- clocks ---- */

static void a_clock_an_hour_off_moves_nobody(void **state) {
    (void)state;
    static const int64_t hours[] = {1, -1};
    for (size_t k = 0; k < ARRAY_LEN(hours); k++) {
        struct nodes *w = open_cell(3, 0);
        w->m[1].clock_offset_us = hours[k] * 3600 * SECOND;
        uint64_t before = w->highest;
        run(w, 24ULL * SECOND);
        assert_true(w->highest >= before + 16);
        for (uint64_t h = before + 1; h <= w->highest; h++)
            assert_true(w->height[h].time <= w->now.its_us);
        w->m[1].clock_offset_us = 0;
        close_cell(w);
    }
}

static uint64_t blocks_of(struct nodes *w, size_t slot, uint64_t from) {
    uint64_t n = 0;
    for (uint64_t h = from; h <= w->highest; h++) {
        uint8_t key[8];
        struct buf b = {0};
        struct header hd;
        put_be64(key, h);
        assert_int_equal(store_get(w->m[0].store, STORE_HEADER, span_of(key, 8), &b, NULL), WS_OK);
        struct rd r = rd_of(buf_span(&b));
        assert_true(header_read(&r, &hd));
        n += memcmp(hd.proposer, w->who[slot].address, 32) == 0;
        buf_free(&b);
    }
    return n;
}

static void who_has_lost_gnss_votes_and_does_not_propose(void **state) {
    (void)state;
    struct nodes *w = open_cell(4, 0);
    nodes_lose_clock(w, 3, true);
    run(w, 2ULL * SECOND);
    uint64_t before = w->highest + 1;
    nodes_kill(w, 2, false); /* its vote is needed now */
    run(w, 24ULL * SECOND);
    assert_true(w->highest >= before + 10);
    nodes_heal(w);
    nodes_lose_clock(w, 3, true);
    run(w, SECOND);
    assert_int_equal(blocks_of(w, 3, before), 0);
    nodes_lose_clock(w, 3, false);
    before = w->highest + 1;
    run(w, 12ULL * SECOND);
    assert_true(blocks_of(w, 3, before) > 0);
    close_cell(w);
}

/* The log of the height says that the clock was lost; the unit that reads it again has its clock back. */
static void a_log_from_the_time_without_gnss_silences_nobody(void **state) {
    (void)state;
    struct nodes *w = open_cell(5, 0);
    for (size_t i = 0; i < N; i++)
        nodes_lose_clock(w, i, true);
    run(w, 4ULL * SECOND);
    uint64_t before = w->highest;
    run(w, 4ULL * SECOND);
    assert_int_equal(w->highest, before); /* nobody knows the time, nobody proposes */
    for (size_t i = 0; i < N; i++) {
        nodes_kill(w, i, true);
        w->m[i].clock_lost = false;
    }
    nodes_start_all(w);
    run(w, 20ULL * SECOND);
    assert_true(w->highest >= before + 4);
    close_cell(w);
}

/* ---- load ---- */

/* Ten times what goes into a block between two ticks, for a minute; then nothing. */
static void after_an_overload_all_is_as_before(void **state) {
    (void)state;
    struct nodes *w = ws_alloc(sizeof(*w));
    struct nodes_plan plan = {.n = N, .seed = 5, .mempool_txs = 40, .job_max_us = 5 * MS};
    nodes_begin(w, &plan);
    nodes_run_to(w, 1, 10ULL * SECOND);
    for (size_t i = 0; i < TOWN_CARS; i++) {
        (void)nodes_report(w, i % N, i, 30);
        run(w, 200ULL * MS);
    }
    size_t refused = 0;
    size_t taken = 0;
    for (size_t t = 0; t < 120; t++) {
        for (size_t k = 0; k < 24; k++) {
            if (nodes_report(w, k % N, (t + k) % TOWN_CARS, k % 2 == 0 ? 30 : 50) == TX_GOOD)
                taken++;
            else
                refused++;
        }
        run(w, 20ULL * MS);
    }
    assert_true(refused > 100 && taken > 100);
    uint64_t last = w->highest;
    run(w, 3ULL * SECOND);
    for (size_t i = 0; i < N; i++) {
        struct node_status s;
        node_status(w->m[i].node, &s);
        assert_int_equal(s.mempool_txs, 0);
        assert_int_equal(s.mempool_octets, 0);
    }
    /* Two blocks later an idle cell cuts one block a second again, and takes what comes. */
    assert_true(w->highest >= last + 2);
    uint64_t idle = w->highest;
    run(w, 10ULL * SECOND);
    assert_in_range(w->highest - idle, 9, 11);
    assert_int_equal(nodes_report(w, 0, 0, 30), TX_GOOD);
    close_cell(w);
}

/* ---- committees ---- */

static void check_new_set(const struct nodes *w) {
    const struct validator_set *set = nodes_set_at(w, w->highest);
    assert_int_equal(set->n, N);
    for (size_t i = 0; i < N; i++)
        assert_true(nodes_index_of(w, N + i, w->highest) >= 0);
}

/* Nobody of the old committee is in the new one. All boxes lose power at an instant around the boundary; and one of the
 * new ones may be down when its time comes. */
static void committee_without_overlap(uint64_t crash_us, bool one_down) {
    struct nodes *w = open_cell(6, N);
    if (one_down)
        nodes_kill(w, N + 1, false);
    assert_int_equal(orders_change_set(w, 0, 0x0f, 0xf0, 1), TX_GOOD);
    if (crash_us > 0) {
        run(w, crash_us);
        for (size_t i = 0; i < w->n; i++) {
            nodes_kill(w, i, true);
            if (!one_down || i != N + 1)
                nodes_start_later(w, i, 100ULL * MS * (1 + i % 3));
        }
    }
    uint64_t before = w->highest;
    run(w, 20ULL * SECOND);
    assert_true(w->highest >= before + 9);
    if (w->order_sequence[ROLE_COMMITTEE] == 0) { /* it was lost with the power: once more */
        assert_int_equal(orders_change_set(w, 0, 0x0f, 0xf0, 1), TX_GOOD);
        run(w, 20ULL * SECOND);
    }
    check_new_set(w);
    before = w->highest;
    for (size_t i = 0; i < N; i++)
        nodes_kill(w, i, false); /* the old ones are not needed any more */
    run(w, 12ULL * SECOND);
    assert_true(w->highest >= before + (one_down ? 6 : 9));
    close_cell(w);
}

static void a_committee_without_overlap_takes_over(void **state) {
    (void)state;
    committee_without_overlap(0, false);
}

static void power_fails_everywhere_at_the_boundary(void **state) {
    (void)state;
    for (uint64_t ms = 20; ms < 1400; ms += 115)
        committee_without_overlap(ms * MS, false);
}

static void a_new_validator_is_down_when_its_time_comes(void **state) {
    (void)state;
    committee_without_overlap(0, true);
    committee_without_overlap(300ULL * MS, true);
}

/* ---- more than a third ---- */

static void cast(
    struct nodes_height *h, size_t by, enum vote_type type, int32_t round, char block) {
    h->votes = ws_realloc(h->votes, (h->n_votes + 1) * sizeof(*h->votes));
    struct vote *v = &h->votes[h->n_votes++];
    *v = (struct vote){.type = type, .height = 5, .round = round, .validator = (uint16_t)by};
    v->nil = block == 0;
    memset(v->id, block, sizeof(v->id));
    h->cap_votes = h->n_votes;
}

/* 0, 1, 2 decide A in round 0; then 1 and 2 forget that and decide B with 3. No two of their statements are for one
 * place. */
static void amnesia_names_its_makers(void **state) {
    (void)state;
    struct nodes *w = open_cell(7, 0);
    struct nodes_height *h = nodes_height_at(w, 5);
    w->fork_height = 5;
    for (size_t i = 0; i < 3; i++) {
        cast(h, i, VOTE_PREVOTE, 0, 'A');
        cast(h, i, VOTE_PRECOMMIT, 0, 'A');
        cast(h, i + 1, VOTE_PREVOTE, 1, 'B');
        cast(h, i + 1, VOTE_PRECOMMIT, 1, 'B');
    }
    char text[64];
    assert_true(culprits_find(w, 0x6, text, sizeof(text)));
    assert_string_equal(text, " 1 2");
    /* An honest one among them, or too few: the check of the simulator would say so. */
    assert_false(culprits_find(w, 0x4, text, sizeof(text)));
    /* With a quorum for B in round 0, nobody has forgotten anything. */
    for (size_t i = 1; i < 4; i++)
        cast(h, i, VOTE_PREVOTE, 0, 'B');
    (void)culprits_find(w, 0x6, text, sizeof(text));
    assert_string_equal(text, " 1 2"); /* who prevoted A and B in round 0 */
    w->fork_height = 0;
    nodes_close(w);
    free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_silent_leader_costs_less_than_a_second),
        cmocka_unit_test(a_leader_just_in_time_is_waited_for),
        cmocka_unit_test(a_leader_just_too_late_is_passed_over),
        cmocka_unit_test(two_and_two_wait_three_and_one_go_on),
        cmocka_unit_test(a_block_of_a_later_round_has_half_the_room),
        cmocka_unit_test(a_slow_network_is_learnt_once),
        cmocka_unit_test(a_clock_an_hour_off_moves_nobody),
        cmocka_unit_test(a_log_from_the_time_without_gnss_silences_nobody),
        cmocka_unit_test(who_has_lost_gnss_votes_and_does_not_propose),
        cmocka_unit_test(after_an_overload_all_is_as_before),
        cmocka_unit_test(a_committee_without_overlap_takes_over),
        cmocka_unit_test(power_fails_everywhere_at_the_boundary),
        cmocka_unit_test(a_new_validator_is_down_when_its_time_comes),
        cmocka_unit_test(amnesia_names_its_makers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
