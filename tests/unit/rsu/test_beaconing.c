/* Whole nodes that make randomness: records through mempool, network, consensus and execution. */
#include "rsu/cell/beaconing.h"
#include "tests/support/cm.h"
#include "tests/support/nodes.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { N = 4, STEP_US = 20000 };

struct world {
    struct nodes *w;
    size_t n;
    struct beaconing *b[NODES_VALIDATORS_MAX];
    bool mute[NODES_VALIDATORS_MAX];
};

static void secret_of(size_t i, unsigned life, uint8_t ret[32]) {
    memset(ret, (int)(i + 1), 32);
    ret[31] = (uint8_t)life;
}

static void begin(struct world *x, size_t i, unsigned life) {
    uint8_t secret[32];
    secret_of(i, life, secret);
    beaconing_free(x->b[i]);
    x->b[i] = beaconing_new(x->w->cell_id, x->w->m[i].signer, secret);
}

static void open_many(struct world *x, size_t n, uint64_t seed) {
    *x = (struct world){.w = ws_alloc(sizeof(*x->w)), .n = n};
    nodes_open(x->w, n, seed);
    for (size_t i = 0; i < n; i++)
        begin(x, i, 0);
}

static void open_world(struct world *x, uint64_t seed) {
    open_many(x, N, seed);
}

static void close_world(struct world *x) {
    for (size_t i = 0; i < x->n; i++)
        beaconing_free(x->b[i]);
    nodes_close(x->w);
    free(x->w);
}

static void run(struct world *x, uint64_t us) {
    for (uint64_t t = 0; t < us; t += STEP_US) {
        nodes_run(x->w, STEP_US);
        for (size_t i = 0; i < x->n; i++)
            if (x->w->m[i].node != NULL && !x->mute[i])
                beaconing_run(x->b[i], x->w->m[i].node, x->w->m[i].cell.beacon, nodes_now(x->w, i));
        assert_string_equal(x->w->broken, "");
    }
}

static enum beacon_answer ask(struct world *x, size_t i, uint64_t height, uint8_t ret[32]) {
    return beacon_contract_value(x->w->m[i].cell.beacon, height, ret);
}

/* All nodes that are up know the same value of each height up to `to`. */
static void expect_same(struct world *x, uint64_t from, uint64_t to) {
    for (uint64_t h = from; h <= to; h++) {
        uint8_t first[32], other[32];
        bool any = false;
        for (size_t i = 0; i < x->n; i++) {
            if (x->w->m[i].node == NULL)
                continue;
            assert_int_equal(ask(x, i, h, any ? other : first), BEACON_IS);
            if (any)
                assert_memory_equal(first, other, 32);
            any = true;
        }
    }
}

static void test_four_nodes(void **state) {
    (void)state;
    struct world x;
    open_world(&x, 1);
    run(&x, 15000000);
    const uint64_t height = nodes_height(x.w, 0);
    assert_true(height > 8);
    expect_same(&x, 1, height - 4);
    close_world(&x);
}

/* The largest cell that is measured, a third of it silent from the start. */
static void test_twenty_two(void **state) {
    (void)state;
    struct world x;
    open_many(&x, 22, 5);
    for (size_t i = 0; i < 7; i++)
        x.mute[3 * i] = true;
    run(&x, 16000000);
    const uint64_t height = nodes_height(x.w, 0);
    assert_true(height > 12);
    expect_same(&x, 1, height - 6);
    struct beacon_status s;
    beacon_contract_status(x.w->m[0].cell.beacon, &s);
    assert_int_equal(s.threshold, 8);
    assert_int_equal(s.registered, 15);
    close_world(&x);
}

/* An idle cell with a beacon cuts as many blocks as one without. */
static void test_idle_pace(void **state) {
    (void)state;
    uint64_t height[2];
    for (int with = 0; with < 2; with++) {
        struct world x;
        open_world(&x, 2);
        for (size_t i = 0; i < N; i++)
            x.mute[i] = with == 0;
        run(&x, 30000000);
        height[with] = nodes_height(x.w, 0);
        close_world(&x);
    }
    assert_true(height[1] <= height[0] + 2 && height[1] + 2 >= height[0]);
}

/* One is killed and comes back with the secret it had; another comes back with a new one. */
static void test_restarts(void **state) {
    (void)state;
    struct world x;
    open_world(&x, 3);
    run(&x, 10000000);
    nodes_kill(x.w, 1, true);
    run(&x, 5000000);
    nodes_start_all(x.w);
    begin(&x, 1, 0);
    run(&x, 5000000);
    nodes_kill(x.w, 2, true);
    nodes_start_all(x.w);
    begin(&x, 2, 1);
    run(&x, 15000000);
    expect_same(&x, 1, nodes_height(x.w, 0) - 6);
    assert_true(beaconing_read(x.b[2])->sent[1] >= 1);
    close_world(&x);
}

/* Under load and with messages lost. */
static void test_lossy(void **state) {
    (void)state;
    struct world x;
    open_world(&x, 4);
    x.w->loss = 100;
    x.w->repeat = 50;
    for (int i = 0; i < 60; i++) {
        (void)nodes_report(x.w, (size_t)i % N, (size_t)i % 3, i);
        run(&x, 250000);
    }
    x.w->loss = 0;
    run(&x, 12000000);
    expect_same(&x, 1, nodes_height(x.w, 0) - 6);
    close_world(&x);
}

static void test_secret_file(void **state) {
    (void)state;
    char dir[] = "/tmp/wayside-beacon-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/beacon.key", dir);
    struct ws_random random = ws_random_seeded(5);
    struct ws_err err;
    uint8_t first[32], again[32];
    assert_int_equal(beaconing_secret(path, &random, first, &err), WS_OK);
    assert_int_equal(beaconing_secret(path, &random, again, &err), WS_OK);
    assert_memory_equal(first, again, 32);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(chmod(path, 0644), 0); /* others have seen it */
    assert_int_equal(beaconing_secret(path, &random, again, &err), WS_EINPUT);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secret_file),
        cmocka_unit_test(test_four_nodes),
        cmocka_unit_test(test_twenty_two),
        cmocka_unit_test(test_idle_pace),
        cmocka_unit_test(test_restarts),
        cmocka_unit_test(test_lossy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
