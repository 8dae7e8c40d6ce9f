/* A cell of shipped nodes whose power, disks and network fail: nothing forks, nobody contradicts itself, nothing that
 * was committed is lost, and the cell goes on. tests/support/nodes checks the first three all the time. */
#include "tests/support/cm.h"

#include "ledger/store/fault.h"
#include "tests/support/nodes.h"

enum { N = 4 };

static struct nodes *open_cell(uint64_t seed) {
    struct nodes *w = ws_alloc(sizeof(*w));
    nodes_open(w, N, seed);
    return w;
}

/* Settles; some traffic must have been there to lose. */
static void close_cell(struct nodes *w) {
    nodes_settle(w);
    assert_true(w->committed.n > 2);
    nodes_close(w);
    free(w);
}

static uint64_t some(struct nodes *w, uint64_t below) {
    return ws_random_below(&w->random, below);
}

static void traffic(struct nodes *w) {
    size_t i = some(w, N);
    if (nodes_healthy(w, i))
        (void)nodes_report(w, i, some(w, TOWN_CARS), 30);
}

/* Two of four stop and start again together, so that the others wait for them, at instants that fall into every part
 * of a height. */
static void two_of_four_restart_together(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        struct nodes *w = open_cell(seed);
        for (size_t round = 0; round < 12; round++) {
            traffic(w);
            nodes_run(w, some(w, 400000));
            size_t a = some(w, N);
            size_t b = (a + 1 + some(w, N - 1)) % N;
            nodes_kill(w, a, false);
            nodes_run(w, some(w, 20000));
            nodes_kill(w, b, round % 2 == 0);
            nodes_run(w, some(w, 300000));
            nodes_start_all(w);
            nodes_run_to(w, w->highest + 1, 60 * 1000000ULL);
        }
        close_cell(w);
    }
}

/* The mast loses power: everything that no disk had is gone at all four at once. */
static void power_fails_everywhere_at_once(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        struct nodes *w = open_cell(seed);
        for (size_t round = 0; round < 15; round++) {
            for (size_t k = 0; k < 3; k++)
                traffic(w);
            nodes_run(w, some(w, 250000));
            for (size_t i = 0; i < N; i++)
                nodes_kill(w, i, true);
            nodes_run(w, some(w, 100000));
            nodes_start_all(w);
            nodes_run(w, some(w, 4000000)); /* who finds its log empty listens for a second */
        }
        assert_true(w->highest > 3);
        close_cell(w);
    }
}

/* The disk of one node fails at its k-th write of either kind, for every k of a few heights. */
static void break_disk(struct nodes_member *m, size_t kind, uint64_t after) {
    m->may_fail = true;
    if (kind == 0)
        store_memory_fail_after(m->store, after);
    else if (kind == 1)
        store_memory_fail_after_applying(m->store, after);
    else
        wal_memory_fail_after(m->wal[m->promised % 2], after);
}

static void a_failed_disk_stops_that_node_alone(void **state) {
    (void)state;
    for (size_t kind = 0; kind < 3; kind++) {
        for (uint64_t after = 0; after < 9; after++) {
            struct nodes *w = open_cell(100 + after);
            nodes_run_to(w, 1, 20 * 1000000ULL);
            size_t who = after % N;
            for (size_t i = 0; i < N; i++)
                (void)nodes_report(w, i, i, 30);
            break_disk(&w->m[who], kind, after);
            uint64_t before = w->highest;
            nodes_run(w, 30 * 1000000ULL);
            const char *why = "";
            assert_false(node_healthy(w->m[who].node, &why));
            assert_non_null(strstr(why, kind == 2 ? "log" : "durable"));
            /* It says nothing any more; three are enough. */
            assert_true(w->highest > before + 10);
            assert_true(nodes_height(w, who) <= before + 10);
            nodes_kill(w, who, true);
            struct ws_err err = {0};
            if (nodes_start(w, who, &err) != WS_OK)
                fail_msg("kind %zu after %llu: %s", kind, (unsigned long long)after, err.text);
            close_cell(w);
        }
    }
}

/* All disks fail within the same height, in different ways. */
static void all_disks_fail_together(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        struct nodes *w = open_cell(seed);
        for (size_t round = 0; round < 5; round++) {
            nodes_run_to(w, w->highest + 1, 30 * 1000000ULL);
            traffic(w);
            for (size_t i = 0; i < N; i++)
                break_disk(&w->m[i], some(w, 3), some(w, 4));
            nodes_run(w, 8 * 1000000ULL);
            for (size_t i = 0; i < N; i++)
                nodes_kill(w, i, true);
            nodes_start_all(w);
        }
        close_cell(w);
    }
}

static void loss_and_reordering_only_cost_time(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        struct nodes *w = open_cell(seed);
        w->loss = 200;
        w->reorder = true;
        w->delay_max_us = 60000;
        for (size_t i = 0; i < 40; i++) {
            traffic(w);
            nodes_run(w, 1000000);
            if (i % 7 == 3) {
                size_t who = some(w, N);
                nodes_kill(w, who, true);
                nodes_start_all(w);
            }
        }
        assert_true(w->highest > 8);
        close_cell(w);
    }
}

static void partitions_heal(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        struct nodes *w = open_cell(seed);
        for (size_t round = 0; round < 6; round++) {
            /* Any pattern of one-way links. */
            for (size_t i = 0; i < N; i++) {
                for (size_t k = 0; k < N; k++)
                    w->cut[i][k] = some(w, 3) == 0;
            }
            traffic(w);
            nodes_run(w, some(w, 20 * 1000000));
            memset(w->cut, 0, sizeof(w->cut));
            nodes_run_to(w, w->highest + 1, 120 * 1000000ULL);
        }
        close_cell(w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_of_four_restart_together),
        cmocka_unit_test(power_fails_everywhere_at_once),
        cmocka_unit_test(a_failed_disk_stops_that_node_alone),
        cmocka_unit_test(all_disks_fail_together),
        cmocka_unit_test(loss_and_reordering_only_cost_time),
        cmocka_unit_test(partitions_heal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
