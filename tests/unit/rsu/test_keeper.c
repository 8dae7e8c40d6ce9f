/* rsu/keeper: snapshots at fixed heights, what is kept, the states of the disk. */
#include "tests/support/cm.h"
#include "tests/support/folder.h"

#include "base/log.h"
#include "ledger/snapshot/make.h"
#include "ledger/snapshot/prune.h"
#include "rsu/host/keeper.h"
#include "tests/support/chain.h"

#include <time.h>

struct place {
    struct folder folder;
    struct store *s;
    struct chain chain;
    struct keeper_config cfg;
};

static int set_up(void **state) {
    struct place *p = ws_alloc(sizeof(*p));
    ws_log_set_level(WS_LOG_ERROR);
    if (folder_make(&p->folder) != 0)
        return -1;
    p->s = store_open_memory();
    chain_open(&p->chain, p->s, 3, 4);
    p->cfg = (struct keeper_config){.data = p->folder.top,
        .snapshot_blocks = 4,
        .snapshots = 2,
        .snapshot_octets_s = UINT64_C(1) << 40,
        .check_us = 20000,
        .compact_heights = 3};
    *state = p;
    return 0;
}

static int tear_down(void **state) {
    struct place *p = *state;
    chain_close(&p->chain);
    store_close(p->s);
    int rc = folder_remove(&p->folder);
    free(p);
    return rc;
}

static struct keeper *open_ok(struct place *p) {
    struct keeper *k = NULL;
    struct ws_err err = {0};
    if (keeper_open(&p->cfg, p->s, &k, &err) != WS_OK)
        fail_msg("%s", err.text);
    return k;
}

static void sleep_ms(long ms) {
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    (void)nanosleep(&t, NULL);
}

/* True when the counter reaches `want` within two minutes. */
static bool reaches(struct keeper *k, size_t offset, uint64_t want) {
    for (int i = 0; i < 12000; i++) {
        struct keeper_counters n = keeper_look(k);
        uint64_t now;
        memcpy(&now, (const uint8_t *)&n + offset, sizeof(now));
        if (now >= want)
            return true;
        sleep_ms(10);
    }
    return false;
}
#define REACHES(k, member, want) reaches(k, offsetof(struct keeper_counters, member), want)

static void block(struct place *p, struct keeper *k) {
    chain_block(&p->chain, 20, 200);
    keeper_committed(k, p->chain.height);
}

static void snapshots_come_at_fixed_heights(void **state) {
    struct place *p = *state;
    struct keeper *k = open_ok(p);
    assert_int_equal(keeper_newest(k), 0);
    for (uint64_t made = 1; made <= 4; made++) {
        while (p->chain.height < made * 4 + 1)
            block(p, k);
        assert_true(REACHES(k, snapshots_made, made));
        assert_true(REACHES(k, snapshot_height, made * 4));
    }
    assert_int_equal(keeper_newest(k), 16);
    keeper_close(k);
    char path[FOLDER_PATH];
    for (uint64_t h = 4; h <= 16; h += 4) {
        char name[64];
        (void)snprintf(name, sizeof(name), "snapshots/%020llu.wsnap", (unsigned long long)h);
        assert_int_equal(access(folder_path(&p->folder, path, name), F_OK) == 0, h >= 12);
    }
    /* The next start finds them. */
    k = open_ok(p);
    assert_int_equal(keeper_newest(k), 16);
    assert_int_equal(keeper_look(k).snapshot_height, 16);
    keeper_close(k);
}

/* Closing ends a writer that is held back by its rate, and the next one begins anew. */
static void closing_does_not_wait(void **state) {
    struct place *p = *state;
    p->cfg.snapshot_octets_s = 1;
    struct keeper *k = open_ok(p);
    while (p->chain.height < 9)
        block(p, k); /* the second is due while the first is on its way */
    assert_true(REACHES(k, snapshots_skipped, 1));
    time_t begin = time(NULL);
    keeper_close(k);
    assert_true(time(NULL) - begin < 5);
    p->cfg.snapshot_octets_s = UINT64_C(1) << 40;
    k = open_ok(p);
    assert_int_equal(keeper_newest(k), 0);
    while (p->chain.height < 13)
        block(p, k);
    assert_true(REACHES(k, snapshots_made, 1));
    assert_int_equal(keeper_newest(k), 12);
    keeper_close(k);
}

static void a_full_disk_stops_the_unit(void **state) {
    struct place *p = *state;
    const char *why = "";
    struct keeper *k = open_ok(p);
    assert_true(REACHES(k, free_octets, 1));
    assert_false(keeper_must_stop(k, &why));
    keeper_close(k);
    p->cfg.reserve_octets = UINT64_MAX - 1; /* more than any disk has */
    k = open_ok(p);
    assert_true(REACHES(k, free_octets, 1));
    for (int i = 0; i < 12000 && !keeper_must_stop(k, &why); i++)
        sleep_ms(10);
    assert_true(keeper_must_stop(k, &why));
    assert_non_null(strstr(why, "make room and start again"));
    assert_int_equal(keeper_look(k).state, KEEPER_FULL);
    while (p->chain.height < 5)
        block(p, k);
    assert_int_equal(keeper_look(k).snapshots_skipped, 1);
    keeper_close(k);
}

static void budgets_are_told_and_slow_snapshots_down(void **state) {
    struct place *p = *state;
    p->cfg.budget_octets = 1;
    struct keeper *k = open_ok(p);
    while (p->chain.height < 5)
        block(p, k);
    /* The first is made all the same: without any nobody can join. */
    assert_true(REACHES(k, snapshots_made, 1));
    assert_true(REACHES(k, data_octets, 2));
    assert_int_equal(keeper_look(k).state, KEEPER_BUDGET);
    /* So are the next: without them nothing below would be pruned, and space never come back. */
    while (p->chain.height < 9)
        block(p, k);
    assert_true(REACHES(k, snapshots_made, 2));
    assert_int_equal(keeper_look(k).snapshots_skipped, 0);
    keeper_close(k);
    p->cfg.budget_octets = 0;
    p->cfg.wear_octets_day = 1;
    k = open_ok(p);
    /* Something that really goes to the disk. */
    char path[FOLDER_PATH];
    FILE *f = fopen(folder_path(&p->folder, path, "big"), "w");
    assert_non_null(f);
    for (int i = 0; i < 1 << 16; i++)
        (void)fputs("0123456789abcdef0123456789abcdef", f);
    (void)fflush(f);
    (void)fsync(fileno(f));
    (void)fclose(f);
    for (int i = 0; i < 3000 && keeper_look(k).state != KEEPER_WEAR; i++)
        sleep_ms(10);
    struct keeper_counters n = keeper_look(k);
    if (n.written_octets == 0)
        skip(); /* a file system in memory: the kernel counts nothing */
    assert_string_equal(keeper_state_name(n.state), "wear_budget_exceeded");
    keeper_close(k);
}

static void pruned_space_is_given_back(void **state) {
    struct place *p = *state;
    p->cfg.snapshot_blocks = 0;
    struct keeper *k = open_ok(p);
    while (p->chain.height < 10)
        block(p, k);
    assert_int_equal(keeper_newest(k), 0);
    struct store_batch *b = store_batch_new(p->s);
    struct meta_pruned pruned = {.bodies_from = 6, .headers_from = 2};
    meta_put_pruned(b, &pruned);
    assert_int_equal(store_batch_write(b, NULL), WS_OK);
    assert_true(REACHES(k, compactions, 1));
    keeper_close(k);
}

#define HERE(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        HERE(snapshots_come_at_fixed_heights),
        HERE(closing_does_not_wait),
        HERE(a_full_disk_stops_the_unit),
        HERE(budgets_are_told_and_slow_snapshots_down),
        HERE(pruned_space_is_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
