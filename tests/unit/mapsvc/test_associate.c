/* Integer geometry against libm, and the gates' worked example. */
#include "tests/support/cm.h"

#include <math.h>

#include "base/random.h"
#include "mapsvc/fuse/associate.h"

static void test_headings(void **state) {
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        int32_t x = 0;
        int32_t y = 0;
        heading_vector((uint16_t)h, &x, &y);
        double a = (double)h * 2 * M_PI / 65536;
        assert_true(fabs(x / 1073741824.0 - cos(a)) < 1e-4);
        assert_true(fabs(y / 1073741824.0 - sin(a)) < 1e-4);
        uint16_t back = heading_of(x, y);
        assert_true(heading_gap(back, (uint16_t)h) <= 1);
    }
    assert_int_equal(heading_of(0, 0), 0);
    assert_int_equal(heading_of(5, 0), 0);
    assert_int_equal(heading_of(0, 5), 16384);
    assert_int_equal(heading_of(-5, 0), 32768);
    assert_int_equal(heading_of(0, -5), 49152);
    assert_int_equal(heading_of(INT32_MAX, INT32_MAX), 8192);
    assert_int_equal(heading_of(-4294967295, -4294967295), 32768 + 8192);
    struct ws_random r = ws_random_seeded(1);
    for (int i = 0; i < 20000; i++) {
        int64_t x = (int64_t)ws_random_below(&r, 200000) - 100000;
        int64_t y = (int64_t)ws_random_below(&r, 200000) - 100000;
        double want = atan2((double)y, (double)x) / (2 * M_PI) * 65536;
        double gap = fabs(remainder(heading_of(x, y) - want, 65536));
        assert_true(gap < 3);
    }
    assert_int_equal(heading_gap(10, 65530), 16);
    assert_int_equal(heading_gap(0, 32768), 32768);
}

static void test_line_distance(void **state) {
    (void)state;
    const struct map_point line[] = {{0, 0, 0}, {10000, 0, 0}, {10000, 10000, 0}};
    size_t at = 9;
    assert_int_equal(distance2_line(line, 3, 5000, 3000, &at), 9000000);
    assert_int_equal(at, 0);
    assert_int_equal(distance2_line(line, 3, 12000, 7000, &at), 4000000);
    assert_int_equal(at, 1);
    assert_int_equal(distance2_line(line, 3, -3, -4, &at), 25);
    assert_int_equal(distance2_line(line, 1, 3, 4, &at), 25);
    struct ws_random r = ws_random_seeded(2);
    for (int i = 0; i < 20000; i++) {
        struct map_point p[2];
        for (int k = 0; k < 2; k++) {
            p[k].x = (int32_t)ws_random_below(&r, 200000000) - 100000000;
            p[k].y = (int32_t)ws_random_below(&r, 200000000) - 100000000;
            p[k].z = 0;
        }
        int32_t x = (int32_t)ws_random_below(&r, 200000000) - 100000000;
        int32_t y = (int32_t)ws_random_below(&r, 200000000) - 100000000;
        double ux = (double)p[1].x - p[0].x;
        double uy = (double)p[1].y - p[0].y;
        double t = ((x - p[0].x) * ux + (y - p[0].y) * uy) / (ux * ux + uy * uy);
        t = t < 0 ? 0 : t > 1 ? 1 : t;
        double want = hypot(p[0].x + t * ux - x, p[0].y + t * uy - y);
        assert_true(fabs(sqrt((double)distance2_line(p, 2, x, y, &at)) - want) < 2);
    }
    /* Absurd maps are far away, not undefined. */
    const struct map_point wide[] = {{INT32_MIN, INT32_MIN, 0}, {INT32_MAX, INT32_MAX, 0}};
    assert_true(distance2_line(wide, 2, 0, 0, &at) == UINT64_MAX);
}

static void test_gate(void **state) {
    (void)state;
    /* sigma 300 and 150 mm, d = 900 mm: outside before the floor applies. */
    assert_false(gate_inside((struct gate){0, 4000}, 900, 300, 150));
    assert_true(gate_inside((struct gate){0, 4000}, 864, 300, 150));
    assert_true(gate_inside((struct gate){1000, 4000}, -900, 300, 150));
    assert_true(gate_inside((struct gate){1000, 4000}, -1000, 1, 0));
    assert_true(gate_inside((struct gate){1000, 4000}, 4000, 20000, 20000));
    assert_false(gate_inside((struct gate){1000, 4000}, 4001, 20000, 20000));
    assert_false(gate_inside((struct gate){1000, 4000}, INT64_MIN, 20000, 20000));
    int64_t ahead = 0;
    int64_t left = 0;
    frame_offset(16384, 100, 100, 100, 5100, &ahead, &left);
    assert_int_equal(ahead, 5000);
    assert_int_equal(left, 0);
    frame_offset(16384, 100, 100, 5100, 100, &ahead, &left);
    assert_int_equal(ahead, 0);
    assert_int_equal(left, -5000);
}

static void test_sighting(void **state) {
    (void)state;
    struct map_point p = {100000, 200000, 0};
    struct element e = {
        .kind = EL_SIGN, .has_heading = true, .heading = 16384, .points = &p, .n_points = 1};
    struct sighting s = {EL_SIGN, 100900, 202900, 100, 16384};
    assert_true(sighting_fits(&s, &e, 150));
    s.heading = 16384 + 8192;
    assert_true(sighting_fits(&s, &e, 150));
    s.heading++;
    assert_false(sighting_fits(&s, &e, 150));
    s.heading = 16384;
    s.kind = EL_LIGHT;
    assert_false(sighting_fits(&s, &e, 150));
    s.kind = EL_SIGN;
    s.x = 101100; /* 1.1 m to the side: beyond the floor, and sigma is small */
    assert_false(sighting_fits(&s, &e, 150));
    s.sigma_mm = 1500; /* 3.9 m at 99 % */
    s.x = 103800;
    assert_true(sighting_fits(&s, &e, 150));
    s.x = 104100;
    s.sigma_mm = 20000;
    assert_false(sighting_fits(&s, &e, 150));

    struct map_point lane[] = {{0, 0, 0}, {100000, 0, 0}};
    struct element limit = {.kind = EL_SPEED_LIMIT, .points = lane, .n_points = 2};
    struct sighting l = {EL_SPEED_LIMIT, 50000, 900, 300, 0};
    assert_true(sighting_fits(&l, &limit, 150));
    l.heading = 32768; /* the other direction's lane */
    assert_false(sighting_fits(&l, &limit, 150));
    l.heading = 0;
    l.y = 3500; /* the next lane */
    assert_false(sighting_fits(&l, &limit, 150));
}

static size_t near(const struct grid *g, int32_t x, int32_t y, uint32_t ref) {
    size_t found = 0;
    struct grid_look l = grid_near(g, x, y);
    for (const struct grid_entry *e = NULL; grid_next(&l, &e);)
        found += e->ref == ref ? 1 : 0;
    return found;
}

static void test_grid(void **state) {
    (void)state;
    struct grid g = {0};
    const struct grid_entry *none = NULL;
    assert_int_equal(grid_bucket(&g, 0, 0, 0, 0, &none), 0);
    struct ws_random r = ws_random_seeded(4);
    enum { N = 3000 };
    static int32_t x[N];
    static int32_t y[N];
    for (uint32_t i = 0; i < N; i++) {
        x[i] = (int32_t)ws_random_below(&r, 1000000) - 500000;
        y[i] = (int32_t)ws_random_below(&r, 1000000) - 500000;
        grid_add(&g, x[i], y[i], i);
    }
    grid_add(&g, INT32_MIN, INT32_MAX, N);
    struct map_point lane[] = {{-700000, -700000, 0}, {-200000, 300000, 0}};
    struct element limit = {.kind = EL_SPEED_LIMIT, .points = lane, .n_points = 2};
    grid_add_element(&g, &limit, N + 1);
    grid_build(&g);
    for (uint32_t i = 0; i < N; i++) {
        assert_int_equal(near(&g, x[i], y[i], i), 1);
        /* Everything within 16 m is found, once. */
        for (uint32_t k = 0; k < 50; k++)
            if (distance2(x[i], y[i], x[k], y[k]) <= UINT64_C(16000) * 16000)
                assert_int_equal(near(&g, x[i], y[i], k), 1);
    }
    assert_int_equal(near(&g, INT32_MIN, INT32_MAX, N), 1);
    for (int32_t i = 0; i <= 1000; i++) /* anywhere along the lane, and 4 m beside it */
        assert_true(near(&g, -700000 + 500 * i + 3000, -700000 + 1000 * i - 2000, N + 1) >= 1);
    assert_int_equal(near(&g, 600000, 600000, N + 1), 0);
    for (size_t i = 1; i < g.n; i++)
        assert_true(g.entries[i - 1].key <= g.entries[i].key);
    grid_clear(&g);
    grid_build(&g);
    assert_int_equal(near(&g, x[0], y[0], 0), 0);
    grid_free(&g);
}

/* ---- following changes ---- */

struct stand {
    struct map_point at;
    uint16_t heading;
    bool line;
};

static void add_stand(struct grid *g, const struct stand *s, uint32_t ref) {
    struct map_point p[2] = {s->at, {s->at.x + 90000, s->at.y - 40000, 0}};
    const struct element e = {.kind = s->line ? EL_SPEED_LIMIT : EL_SIGN,
        .has_heading = true,
        .heading = s->heading,
        .points = p,
        .n_points = s->line ? 2 : 1};
    grid_add_element(g, &e, ref);
}

static struct stand some_stand(struct ws_random *r) {
    struct stand s = {.line = ws_random_below(r, 4) == 0};
    s.at.x = (int32_t)ws_random_below(r, 400000) - 200000;
    s.at.y = (int32_t)ws_random_below(r, 400000) - 200000;
    s.heading = (uint16_t)ws_random_below(r, 65536);
    return s;
}

/* Entry for entry and bucket for bucket what one built from nothing has. */
static void assert_same_grid(const struct grid *g, const struct grid *fresh) {
    assert_int_equal(g->n, fresh->n);
    size_t starts = 0;
    for (size_t i = 0; i < g->n; i++) {
        const struct grid_entry *a = &g->entries[i];
        const struct grid_entry *b = &fresh->entries[i];
        assert_int_equal(a->key, b->key);
        assert_int_equal(a->ref, b->ref);
        assert_int_equal(a->x, b->x);
        assert_int_equal(a->y, b->y);
        assert_int_equal(a->heading, b->heading);
        assert_int_equal(a->kind, b->kind);
        starts += i == 0 || a->key != g->entries[i - 1].key ? 1 : 0;
        assert_true(near(g, a->x, a->y, a->ref) >= 1);
    }
    assert_memory_equal(g->starts, fresh->starts, (starts + 1) * sizeof(g->starts[0]));
}

static void test_grid_follows_changes(void **state) {
    (void)state;
    enum { MOST = 400, ROUNDS = 300, EDITS = 6 };
    struct ws_random r = ws_random_seeded(17);
    static struct stand now[MOST + EDITS];
    size_t n = 0;
    struct grid g = {0};
    grid_build(&g);
    for (unsigned round = 0; round < ROUNDS; round++) {
        static struct stand next[MOST + EDITS];
        uint32_t gone[MOST];
        uint32_t fresh[MOST + EDITS];
        size_t n_gone = 0;
        size_t n_fresh = 0;
        size_t k = 0;
        uint64_t often = round % 50 == 49 ? 2 : 60; /* now and then most of them go */
        for (size_t i = 0; i < n; i++) {
            uint64_t what = ws_random_below(&r, often);
            if (what == 0 || k >= MOST) {
                gone[n_gone++] = (uint32_t)i;
                continue;
            }
            if (what == 1) { /* it moves */
                gone[n_gone++] = (uint32_t)i;
                fresh[n_fresh++] = (uint32_t)k;
                next[k++] = some_stand(&r);
                continue;
            }
            if (ws_random_below(&r, 40) == 0 && k < MOST) { /* one comes before it */
                fresh[n_fresh++] = (uint32_t)k;
                next[k++] = some_stand(&r);
            }
            next[k++] = now[i];
        }
        for (uint64_t more = ws_random_below(&r, EDITS); more > 0 && k < MOST; more--) {
            fresh[n_fresh++] = (uint32_t)k;
            next[k++] = some_stand(&r);
        }
        n = k;
        memcpy(now, next, n * sizeof(now[0]));
        grid_recount(&g, gone, n_gone, fresh, n_fresh);
        for (size_t i = 0; i < n_fresh; i++)
            add_stand(&g, &now[fresh[i]], fresh[i]);
        grid_build(&g);
        struct grid whole = {0};
        for (size_t i = 0; i < n; i++)
            add_stand(&whole, &now[i], (uint32_t)i);
        grid_build(&whole);
        assert_same_grid(&g, &whole);
        grid_free(&whole);
    }
    assert_true(n > 20);
    grid_free(&g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headings),
        cmocka_unit_test(test_line_distance),
        cmocka_unit_test(test_gate),
        cmocka_unit_test(test_sighting),
        cmocka_unit_test(test_grid),
        cmocka_unit_test(test_grid_follows_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
