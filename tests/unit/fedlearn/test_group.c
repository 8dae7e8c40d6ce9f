/* Groups: everybody once, sizes as promised, drawn as written, and no better for whoever would like to choose. */
#include "base/random.h"
#include "fedlearn/round/group.h"
#include "fedlearn/vehicle/share_domain.h"
#include "tests/support/cm.h"

#include <sodium.h>

enum { MEMBERS = 3000 };
struct draw {
    struct fl_drawing d;
    struct fl_groups g;
    uint32_t order[MEMBERS], first[MEMBERS];
    uint32_t suspects[MEMBERS];
};

static void begin(struct draw *w, size_t n, uint64_t seed) {
    struct ws_random r = ws_random_seeded(seed);
    memset(&w->d, 0, sizeof(w->d));
    ws_random_bytes(&r, w->d.cell, 32);
    ws_random_bytes(&r, w->d.round, 32);
    ws_random_bytes(&r, w->d.beacon, 32);
    w->d.sizes = (struct fl_group_sizes){.wanted = 16, .min = 8, .max = 64};
    w->d.n = n;
    w->d.suspects = w->suspects;
    w->g.order = w->order;
    w->g.first = w->first;
}

static int setup(void **state) {
    *state = ws_alloc(sizeof(struct draw));
    return 0;
}
static int teardown(void **state) {
    free(*state);
    return 0;
}

/* Everybody is somewhere once; suspects and others never meet; sizes are right. */
static void check(const struct draw *w) {
    static bool seen[MEMBERS], suspect[MEMBERS];
    const struct fl_groups *g = &w->g;
    const size_t n = w->d.n, n_suspects = w->d.n_suspects;
    memset(seen, 0, sizeof(seen));
    memset(suspect, 0, sizeof(suspect));
    for (size_t i = 0; i < n_suspects; i++)
        suspect[w->suspects[i]] = true;
    for (size_t i = 0; i < n; i++) {
        assert_true(g->order[i] < n && !seen[g->order[i]]);
        seen[g->order[i]] = true;
    }
    assert_int_equal(g->first[0], 0);
    size_t low[2] = {SIZE_MAX, SIZE_MAX}, high[2] = {0, 0};
    for (uint32_t k = 0; k < g->groups; k++) {
        const bool of_suspects = k >= g->free_groups;
        const size_t size = g->first[k + 1] - g->first[k];
        assert_in_range(size, w->d.sizes.min, w->d.sizes.max);
        low[of_suspects] = size < low[of_suspects] ? size : low[of_suspects];
        high[of_suspects] = size > high[of_suspects] ? size : high[of_suspects];
        for (uint32_t i = g->first[k]; i < g->first[k + 1]; i++)
            assert_int_equal(suspect[g->order[i]], of_suspects);
    }
    assert_true(high[0] <= low[0] + 1);
    assert_true(g->groups == g->free_groups || high[1] <= low[1] + 1);
    const size_t out = n - g->first[g->groups];
    assert_int_equal(out, n_suspects < w->d.sizes.min ? n_suspects : 0);
    for (size_t i = g->first[g->groups]; i < n; i++)
        assert_true(suspect[g->order[i]]);
}

static void everybody_has_one_place(void **state) {
    struct draw *w = *state;
    struct ws_random r = ws_random_seeded(1);
    for (unsigned trial = 0; trial < 1500; trial++) {
        const size_t n = 16 + ws_random_below(&r, trial % 10 == 0 ? 2900 : 200);
        begin(w, n, trial);
        const unsigned min = 2 + (unsigned)ws_random_below(&r, 7);
        const unsigned wanted = min + (unsigned)ws_random_below(&r, 60);
        const unsigned least = 2 * min - 1 > wanted ? 2 * min - 1 : wanted;
        w->d.sizes = (struct fl_group_sizes){(uint16_t)wanted, (uint16_t)min,
            (uint16_t)(least + ws_random_below(&r, 3) * ws_random_below(&r, 40))};
        const unsigned out_of = 1 + (unsigned)ws_random_below(&r, 40);
        for (uint32_t i = 0; i < n && trial % 3 != 0; i++)
            if (ws_random_below(&r, out_of) == 0 && n - w->d.n_suspects > 2UL * min)
                w->suspects[w->d.n_suspects++] = i;
        assert_int_equal(fl_groups_draw(&w->d, &w->g), FL_GROUPS_DRAWN);
        check(w);
    }
}

static void sizes_are_as_promised(void **state) {
    struct draw *w = *state;
    static const struct {
        size_t n;
        uint16_t wanted, max;
        uint32_t groups;
    } cases[] = {{16, 16, 64, 1}, {31, 16, 64, 1}, {32, 16, 64, 2}, {1024, 16, 64, 64},
        {1039, 16, 64, 64}, {17, 64, 64, 1}, {64, 64, 64, 1}, {65, 64, 64, 2}, {100, 64, 64, 2},
        {127, 64, 64, 2}, {129, 64, 64, 3}, {23, 8, 64, 2}, {24, 8, 15, 3}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        begin(w, cases[i].n, i);
        w->d.sizes.wanted = cases[i].wanted;
        w->d.sizes.max = cases[i].max;
        assert_int_equal(fl_groups_draw(&w->d, &w->g), FL_GROUPS_DRAWN);
        assert_int_equal(w->g.groups, cases[i].groups);
        check(w);
    }
}

/* Attack list: |I| below minimum; and whatever else cannot be drawn. */
static void what_cannot_be_drawn_is_refused_by_name(void **state) {
    struct draw *w = *state;
    begin(w, 15, 1);
    assert_int_equal(fl_groups_draw(&w->d, &w->g), FL_GROUPS_TOO_FEW);
    begin(w, 0, 1);
    assert_int_equal(fl_groups_draw(&w->d, &w->g), FL_GROUPS_TOO_FEW);
    begin(w, 16, 1);
    assert_int_equal(fl_groups_draw(&w->d, &w->g), FL_GROUPS_DRAWN);
    w->suspects[0] = 3;
    w->d.n_suspects = 1;
    assert_int_equal(fl_groups_draw(&w->d, &w->g), FL_GROUPS_TOO_FEW);
    begin(w, (size_t)FL_MEMBERS_MAX + 1, 1);
    assert_int_equal(fl_groups_draw(&w->d, &w->g), FL_GROUPS_TOO_MANY);
    static const struct fl_group_sizes bad[] = {
        {16, 1, 64}, {7, 8, 64}, {16, 8, 14}, {65, 8, 64}, {8, 8, 14}, {0, 0, 0}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        begin(w, 100, 1);
        w->d.sizes = bad[i];
        assert_int_equal(fl_groups_draw(&w->d, &w->g), FL_GROUPS_BAD_SIZES);
    }
    static const uint32_t lists[][3] = {{5, 4, 6}, {5, 5, 6}, {5, 6, 100}, {5, 6, UINT32_MAX}};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        begin(w, 100, 1);
        memcpy(w->suspects, lists[i], sizeof(lists[i]));
        w->d.n_suspects = 3;
        assert_int_equal(fl_groups_draw(&w->d, &w->g), FL_GROUPS_BAD_SUSPECTS);
    }
    begin(w, 20, 1);
    for (uint32_t i = 0; i < 20; i++)
        w->suspects[i] = i;
    w->d.n_suspects = 20; /* nobody but suspects */
    assert_int_equal(fl_groups_draw(&w->d, &w->g), FL_GROUPS_TOO_FEW);
    assert_string_equal(fl_groups_verdict_name(FL_GROUPS_TOO_FEW), "too few members");
}

static void few_suspects_sit_out(void **state) {
    struct draw *w = *state;
    begin(w, 64, 4);
    for (uint32_t i = 0; i < 7; i++)
        w->suspects[i] = 9 * i;
    w->d.n_suspects = 7;
    assert_int_equal(fl_groups_draw(&w->d, &w->g), FL_GROUPS_DRAWN);
    assert_int_equal(w->g.groups, w->g.free_groups);
    assert_int_equal(w->g.first[w->g.groups], 57);
    check(w);
    w->suspects[7] = 63;
    w->d.n_suspects = 8;
    assert_int_equal(fl_groups_draw(&w->d, &w->g), FL_GROUPS_DRAWN);
    assert_int_equal(w->g.groups, w->g.free_groups + 1);
    assert_int_equal(w->g.first[w->g.groups], 64);
    check(w);
}

/* The draw as docs/formats/learning.md has it, the slow way: the whole stream at once, bound by bound. */
static void drawn_as_written(void **state) {
    struct draw *w = *state;
    static uint8_t stream[8 * MEMBERS];
    static const uint8_t zero[8];
    for (unsigned trial = 0; trial < 20; trial++) {
        uint32_t want[MEMBERS];
        uint8_t key[32];
        const size_t n = 100 + 140 * trial;
        begin(w, n, trial);
        assert_int_equal(fl_groups_draw(&w->d, &w->g), FL_GROUPS_DRAWN);
        const uint8_t class = 0;
        const struct span parts[4] = {span_of(w->d.cell, 32), span_of(w->d.round, 32),
            span_of(w->d.beacon, 32), span_of(&class, 1)};
        fl_hash(FL_FOR_GROUPS, parts, 4, key);
        assert_int_equal(crypto_stream_chacha20(stream, sizeof(stream), zero, key), 0);
        for (uint32_t i = 0; i < n; i++)
            want[i] = i;
        size_t at = 0;
        for (uint64_t bound = n; bound > 1; bound--) {
            const uint64_t limit = ((uint64_t)1 << 32) / bound * bound;
            uint64_t v = limit;
            for (; v >= limit; at += 4)
                v = be32(stream + at);
            const uint32_t t = want[bound - 1];
            want[bound - 1] = want[v % bound];
            want[v % bound] = t;
        }
        assert_memory_equal(w->order, want, n * sizeof(*want));
    }
}

/* Attack list: group grinding. Another beacon value, round or cell is another draw; whom one meets is as good as chance: over
 * 20000 draws of 16 members in two groups of 8, members 0 and 1 meet in 7 of 15. */
static void nobody_chooses_companions(void **state) {
    struct draw *w = *state;
    enum { DRAWS = 20000 };
    unsigned together[16] = {0}, in_first[16] = {0};
    begin(w, 16, 5);
    w->d.sizes.wanted = 8;
    for (unsigned i = 0; i < DRAWS; i++) {
        put_be32(w->d.beacon, i);
        assert_int_equal(fl_groups_draw(&w->d, &w->g), FL_GROUPS_DRAWN);
        bool first[16] = {false};
        for (size_t k = 0; k < 8; k++)
            first[w->order[k]] = true;
        for (size_t m = 0; m < 16; m++) {
            in_first[m] += first[m];
            together[m] += first[m] == first[0];
        }
    }
    for (size_t m = 0; m < 16; m++) {
        assert_in_range(in_first[m], DRAWS / 2 - 350, DRAWS / 2 + 350); /* sd 71 */
        if (m > 0)
            assert_in_range(together[m], DRAWS * 7 / 15 - 350, DRAWS * 7 / 15 + 350);
    }
    uint32_t before[16];
    memcpy(before, w->order, sizeof(before));
    w->d.round[0] ^= 1;
    assert_int_equal(fl_groups_draw(&w->d, &w->g), FL_GROUPS_DRAWN);
    assert_memory_not_equal(before, w->order, sizeof(before));
    w->d.round[0] ^= 1;
    w->d.cell[0] ^= 1;
    assert_int_equal(fl_groups_draw(&w->d, &w->g), FL_GROUPS_DRAWN);
    assert_memory_not_equal(before, w->order, sizeof(before));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(everybody_has_one_place, setup, teardown),
        cmocka_unit_test_setup_teardown(sizes_are_as_promised, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_drawn_is_refused_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(few_suspects_sit_out, setup, teardown),
        cmocka_unit_test_setup_teardown(drawn_as_written, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_chooses_companions, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
