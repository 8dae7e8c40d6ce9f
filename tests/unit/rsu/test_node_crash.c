/* Every durable write of a validator, with its power going there: what was not synced is lost, or a torn part of it stays. One
 * of four and two of four at once, the first time that the place is passed and later ones. Nobody may contradict itself,
 * no block that was told of may be lost, and the cell goes on (consensus facts, sections 11 and 18). */
#include "tests/support/cm.h"

#include "ledger/store/fault.h"
#include "tests/support/nodes.h"

#define SECOND UINT64_C(1000000)

/* A batch of the store, at one of its points. */
struct trap {
    struct nodes_member *m;
    enum store_point at;
    unsigned after;
    bool armed, sprung;
};

static bool spring(void *ctx, enum store_point at) {
    struct trap *t = ctx;
    if (t->m->dying)
        return false;
    if (!t->armed || at != t->at)
        return true;
    if (t->after > 0) {
        t->after--;
        return true;
    }
    t->armed = false;
    t->sprung = true;
    t->m->dying = true;
    return false;
}

static void sound(const struct nodes *w, const char *where, unsigned after, size_t victims) {
    if (w->broken[0] != '\0')
        fail_msg("%s, passed %u times, %zu at once: %s", where, after, victims, w->broken);
}

/* Whoever died is up again at the latest now. */
static void raise_all(struct nodes *w) {
    for (size_t i = 0; i < w->n; i++) {
        const char *why = "";
        struct ws_err err = {0};
        struct nodes_member *m = &w->m[i];
        if (m->node != NULL && !node_healthy(m->node, &why))
            nodes_kill(w, i, true);
        if (m->node == NULL && nodes_start(w, i, &err) != WS_OK)
            fail_msg("validator %zu does not start: %s", i, err.text);
    }
}

static void goes_on(struct nodes *w, const char *where, unsigned after, size_t victims) {
    nodes_run(w, SECOND);
    raise_all(w);
    uint64_t from = w->highest;
    nodes_run(w, 12 * SECOND);
    sound(w, where, after, victims);
    if (w->highest < from + 3)
        fail_msg("%s, passed %u times, %zu at once: the cell stands still at height %llu", where,
            after, victims, (unsigned long long)from);
    for (size_t i = 0; i < w->n; i++) {
        if (nodes_height(w, i) + 2 < w->highest)
            fail_msg("%s, passed %u times, %zu at once: validator %zu is left behind", where, after,
                victims, i);
    }
    nodes_check_end(w);
    sound(w, where, after, victims);
}

static void begin(struct nodes *w, uint64_t seed, const struct town *town) {
    struct nodes_plan plan = {.n = 4, .seed = seed, .job_max_us = 20000, .town = town};
    nodes_begin(w, &plan);
    w->restarts = true;
    (void)nodes_report(w, 0, 0, 1);
    nodes_run(w, 2 * SECOND);
    (void)nodes_report(w, 0, 0, 2);
}

static void power_goes_at_a_batch(void **state) {
    const struct town *town = *state;
    static const char *const names[] = {"before a batch", "after a batch"};
    for (enum store_point at = 0; at < STORE_POINT_COUNT; at++) {
        for (unsigned after = 0; after < 4; after++) {
            for (size_t victims = 1; victims <= 2; victims++) {
                struct nodes *w = ws_alloc(sizeof(*w));
                struct trap trap[2] = {0};
                begin(w, 100 + after, town);
                for (size_t i = 0; i < victims; i++) {
                    trap[i] =
                        (struct trap){.m = &w->m[i + 1], .at = at, .after = after, .armed = true};
                    store_on_point(w->m[i + 1].store, spring, &trap[i]);
                }
                nodes_run(w, 8 * SECOND);
                goes_on(w, names[at], after, victims);
                assert_true(trap[0].sprung);
                nodes_close(w);
                free(w);
            }
        }
    }
}

static void power_goes_at_a_log(void **state) {
    const struct town *town = *state;
    static const char *const names[] = {"before a record", "in the middle of a record",
        "before a sync", "after a sync", "before a log begins anew", "new log written",
        "new log synced", "new log renamed", "before the folder is synced"};
    uint64_t reached[WAL_POINT_COUNT] = {0};
    assert_int_equal(ARRAY_LEN(names), WAL_POINT_COUNT);
    for (enum wal_point at = 0; at < WAL_POINT_COUNT; at++) {
        for (unsigned after = 0; after < 3; after++) {
            for (size_t victims = 1; victims <= 2; victims++) {
                struct nodes *w = ws_alloc(sizeof(*w));
                begin(w, 200 + after, town);
                for (size_t i = 0; i < victims; i++)
                    nodes_crash_at(w, i + 1, at, after * 5);
                nodes_run(w, 8 * SECOND);
                for (size_t i = 0; i < WAL_POINT_COUNT; i++)
                    reached[i] += w->crashes_at[i];
                goes_on(w, names[at], after, victims);
                nodes_close(w);
                free(w);
            }
        }
    }
    for (size_t i = 0; i < WAL_POINT_COUNT; i++) {
        if (reached[i] == 0)
            fail_msg("nobody died %s", names[i]);
    }
}

static int set_up(void **state) {
    struct town *town = ws_alloc(sizeof(*town));
    town_build(town, 1);
    *state = town;
    return 0;
}

static int tear_down(void **state) {
    town_free(*state);
    free(*state);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(power_goes_at_a_batch),
        cmocka_unit_test(power_goes_at_a_log),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
