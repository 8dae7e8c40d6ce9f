/* What was put up elsewhere is one change, at the place where it now stands. */
#include "tests/support/cm.h"

#include <stdio.h>
#include <stdlib.h>

#include "mapsvc/fuse/contract_internal.h"
#include "mapsvc/fuse/moved.h"
#include "tests/support/map_rig.h"

#define EAST 0
enum { SIGNS = 10, STOP = 50 };

/* A road to the east along y = 0 with signs every 200 m at its right side, and a stop line at 900 m. */
static void town(struct map_rig *r) {
    struct mapset m = {.ns = "rig"};
    for (uint32_t i = 0; i < SIGNS; i++) {
        struct element e = rig_sign(i, 50, (int32_t)(200000 * i), -4000, EAST);
        mapset_add(&m, &e);
    }
    struct element stop = rig_sign(STOP, 0, 900000, -2000, EAST);
    stop.kind = EL_STOP_LINE;
    stop.has_value = false;
    bool ok = element_add_point(&stop, (struct map_point){900000, 2000, 0});
    assert_true(ok);
    mapset_add(&m, &stop);
    rig_start(r, &m);
    rig_set(r, MAP_POLICY_VERSION_AGE_MS, 0);
}

static const struct element *element_at(const struct map_rig *r, uint32_t n) {
    uint8_t id[16];
    rig_id(n, id);
    return mapset_find(map_contract_current(r->contract.self), id);
}

/* What stands where, and how the cars tell of it. */
struct scene {
    uint32_t n; /* the sign that the map has at 200 m times n */
    bool stands, other; /* it is in its place; one like it is at x, y */
    int32_t x, y;
    bool names, says_gone;
    int32_t value;
    uint32_t sigma_mm;
    bool one_view;
};

static int32_t noise(struct ws_random *rnd, uint32_t sigma) {
    int64_t sum = 0;
    for (int i = 0; i < 12; i++)
        sum += (int64_t)ws_random_below(rnd, 65536);
    return (int32_t)((sum - 6 * INT64_C(65536)) * (int64_t)sigma / 65536);
}

/* One car passes, and tells of what it sees of the scene. */
static exec_code pass(struct map_rig *r, const struct scene *s, struct ws_random *rnd) {
    uint32_t i = (uint32_t)r->messages;
    int32_t at = s->other ? s->x : (int32_t)(200000 * s->n);
    struct rig_car car = {.id = 1000 + i,
        .issuer = (uint16_t)(i % 3),
        .family = (uint16_t)(1 + i % 4),
        .sensor = SENSOR_CAMERA_GOOD,
        .x = at - 30000 - (s->one_view ? 0 : (int32_t)(i % 4) * 5000),
        .y = s->one_view || i % 2 == 0 ? 0 : 3000, /* two lanes */
        .heading = EAST};
    rig_begin(r, r->now_ms + 5000);
    struct observation o = rig_look(r, &car);
    const struct element *e = element_at(r, s->n);
    if (!s->stands && s->says_gone && e != NULL && e->revision == 0)
        rig_missed(&o, e);
    for (int k = 0; k < 2; k++) {
        if (k == 0 ? !s->stands : !s->other)
            continue;
        int32_t x = k == 0 ? (int32_t)(200000 * s->n) : s->x;
        int32_t y = k == 0 ? -4000 : s->y;
        rig_saw(r, &o, EL_SIGN, x + noise(rnd, s->sigma_mm), y + noise(rnd, s->sigma_mm),
            s->sigma_mm, s->value, EAST);
        struct obs_report *p = &o.reports[o.n_reports - 1];
        p->has_element = s->names && e != NULL;
        if (p->has_element)
            memcpy(p->element_id, e->id, sizeof(e->id));
    }
    exec_code rc = rig_send(r, &car, &o);
    rig_end(r);
    return rc;
}

/* Passes until the first version; 0 when there is none. */
static unsigned passes(
    struct map_rig *r, const struct scene *s, unsigned most, struct ws_random *rnd) {
    for (unsigned i = 1; i <= most; i++) {
        assert_int_equal(pass(r, s, rnd), MAP_OK);
        if (r->n_versions > 0)
            return i;
    }
    return 0;
}

static void assert_moved(struct map_rig *r, const struct scene *s, unsigned n) {
    assert_in_range(n, 4, 16);
    assert_int_equal(r->n_versions, 1);
    assert_int_equal(r->versions[0].n_changes, 1);
    assert_true(r->versions[0].geometry);
    const struct change_record *c = &r->versions[0].changes[0];
    assert_int_equal(c->op, MAP_MODIFY);
    assert_int_equal(c->before.points[0].x, 200000 * s->n);
    assert_true(abs(c->after.points[0].x - s->x) < 600);
    assert_true(abs(c->after.points[0].y - s->y) < 600);
    assert_int_equal(c->after.value, 50);
    assert_int_equal(c->after.revision, 1);
    assert_true(c->vehicles >= 3 && c->families >= 2 && c->issuers >= 2);
    char text[256];
    change_describe(c, text, sizeof(text));
    assert_non_null(strstr(text, "sign 50 moved "));
}

/* The version is followed by silence: what is seen is what the map says now. */
static void assert_settled(struct map_rig *r, const struct scene *s, struct ws_random *rnd) {
    for (int i = 0; i < 20; i++)
        assert_int_equal(pass(r, s, rnd), MAP_OK);
    assert_int_equal(r->n_versions, 1);
    struct map_candidate list[4];
    assert_int_equal(map_contract_candidates(r->contract.self, list, 4), 0);
    assert_int_equal(fake_exec_count(&r->host, 'h'), 0);
    assert_int_equal(fake_exec_count(&r->host, 'r'), 0);
    struct ws_err err;
    if (map_version_apply(&r->versions[0], &r->base, &err) != WS_OK)
        fail_msg("%s", err.text);
}

static void check_move(int32_t dx, int32_t dy, bool names, bool says_gone) {
    (void)printf("move %d %d %d %d\n", dx, dy, names, says_gone);
    struct map_rig r;
    town(&r);
    struct ws_random rnd = ws_random_seeded((uint64_t)(uint32_t)dx);
    struct scene s = {.n = 3,
        .other = true,
        .x = 600000 + dx,
        .y = -4000 + dy,
        .names = names,
        .says_gone = says_gone,
        .value = 50,
        .sigma_mm = 300};
    unsigned n = passes(&r, &s, 30, &rnd);
    assert_moved(&r, &s, n);
    assert_settled(&r, &s, &rnd);
    rig_free(&r);
}

static void test_moved(void **state) {
    (void)state;
    check_move(3000, 0, false, false); /* inside its gate */
    check_move(3000, 0, false, true);
    check_move(-6000, 2000, true, true);
    check_move(6000, -2000, true, false);
    check_move(20000, 1000, false, true); /* far outside it */
    check_move(-20000, 0, false, true);
    check_move(25000, 0, true, false);
}

/* Six passes of a car that misses it and does not see it elsewhere: it is gone. */
static void test_removed_is_not_moved(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    struct ws_random rnd = ws_random_seeded(2);
    struct scene moved = {.n = 3, .other = true, .x = 606000, .y = -4000, .says_gone = true};
    moved.value = 50;
    moved.sigma_mm = 300;
    assert_int_equal(pass(&r, &moved, &rnd), MAP_OK); /* one mistaken car */
    struct scene gone = {.n = 3, .says_gone = true};
    unsigned n = passes(&r, &gone, 30, &rnd);
    assert_in_range(n, 3, 16);
    assert_int_equal(r.versions[0].n_changes, 1);
    assert_int_equal(r.versions[0].changes[0].op, MAP_DELETE);
    assert_settled(&r, &gone, &rnd);
    rig_free(&r);
}

/* One that stands, and a new one like it beside, near or far. */
static void test_one_more_is_not_moved(void **state) {
    (void)state;
    static const int32_t dx[] = {6000, 20000};
    for (size_t i = 0; i < ARRAY_LEN(dx); i++) {
        struct map_rig r;
        town(&r);
        struct ws_random rnd = ws_random_seeded(3);
        struct scene s = {.n = 3,
            .stands = true,
            .other = true,
            .x = 600000 + dx[i],
            .y = -4000,
            .says_gone = true,
            .value = 50,
            .sigma_mm = 300};
        unsigned n = passes(&r, &s, 30, &rnd);
        assert_in_range(n, 3, 16);
        assert_int_equal(r.versions[0].n_changes, 1);
        assert_int_equal(r.versions[0].changes[0].op, MAP_CREATE);
        assert_settled(&r, &s, &rnd);
        rig_free(&r);
    }
}

/* Another plate than the one that is gone is no move. */
static void test_another_is_not_moved(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    struct ws_random rnd = ws_random_seeded(4);
    struct scene s = {.n = 3, .other = true, .x = 620000, .y = -4000, .says_gone = true};
    s.value = 70;
    s.sigma_mm = 300;
    for (int i = 0; i < 20; i++)
        assert_int_equal(pass(&r, &s, &rnd), MAP_OK);
    size_t created = 0;
    size_t deleted = 0;
    for (size_t i = 0; i < r.n_versions; i++)
        for (size_t k = 0; k < r.versions[i].n_changes; k++) {
            created += r.versions[i].changes[k].op == MAP_CREATE;
            deleted += r.versions[i].changes[k].op == MAP_DELETE;
        }
    assert_int_equal(created, 1);
    assert_int_equal(deleted, 1);
    rig_free(&r);
}

/* A receiver's error moves nothing: neither a little, nor much when it says so itself. */
static void test_noise_moves_nothing(void **state) {
    (void)state;
    static const uint32_t sigma[] = {300, 500, 1000, 2000};
    for (size_t i = 0; i < ARRAY_LEN(sigma); i++) {
        struct map_rig r;
        town(&r);
        struct ws_random rnd = ws_random_seeded(5);
        struct scene s = {.n = 3, .stands = true, .value = 50, .sigma_mm = sigma[i]};
        for (int k = 0; k < 1500; k++)
            assert_int_equal(pass(&r, &s, &rnd), MAP_OK);
        assert_int_equal(r.n_versions, 0);
        assert_int_equal(r.advisories, 0);
        rig_free(&r);
    }
}

static void test_one_view_moves_nothing(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    struct ws_random rnd = ws_random_seeded(6);
    struct scene s = {.n = 3, .other = true, .x = 620000, .y = -4000, .says_gone = true};
    s.value = 50;
    s.sigma_mm = 50;
    s.one_view = true;
    /* Of a plate far to the side the noise is one line of sight. */
    s.y = -6500;
    for (int i = 0; i < 40; i++)
        (void)pass(&r, &s, &rnd);
    assert_int_equal(r.n_versions, 0);
    s.one_view = false;
    assert_true(passes(&r, &s, 20, &rnd) > 0);
    rig_free(&r);
}

/* Two things missing, one seen between them: whichever it was, nothing is guessed. */
static void test_two_origins(void **state) {
    (void)state;
    struct map_rig r;
    struct mapset m = {.ns = "rig"};
    for (uint32_t i = 0; i < 2; i++) {
        struct element e = rig_sign(i, 50, (int32_t)(30000 * i), -4000, EAST);
        mapset_add(&m, &e);
    }
    rig_start(&r, &m);
    rig_set(&r, MAP_POLICY_VERSION_AGE_MS, 0);
    for (uint32_t i = 0; i < 30; i++) {
        struct rig_car car = {.id = i,
            .issuer = (uint16_t)(i % 3),
            .family = (uint16_t)(1 + i % 4),
            .sensor = SENSOR_CAMERA_GOOD,
            .x = -20000 - (int32_t)(i % 4) * 2000,
            .y = (int32_t)(i % 4) * 3000,
            .heading = EAST};
        rig_begin(&r, r.now_ms + 5000);
        struct observation o = rig_look(&r, &car);
        for (uint32_t k = 0; k < 2; k++)
            if (element_at(&r, k) != NULL)
                rig_missed(&o, element_at(&r, k));
        rig_saw(&r, &o, EL_SIGN, 15000, -4000, 200, 50, EAST);
        assert_int_equal(rig_send(&r, &car, &o), MAP_OK);
        rig_end(&r);
    }
    for (size_t i = 0; i < r.n_versions; i++)
        for (size_t k = 0; k < r.versions[i].n_changes; k++)
            assert_int_not_equal(r.versions[i].changes[k].op, MAP_MODIFY);
    assert_null(element_at(&r, 0));
    assert_null(element_at(&r, 1));
    assert_int_equal(map_contract_current(r.contract.self)->n, 1);
    rig_free(&r);
}

static void test_stop_line(void **state) {
    (void)state;
    struct map_rig r;
    town(&r);
    struct ws_random rnd = ws_random_seeded(7);
    unsigned n = 0;
    while (r.n_versions == 0 && n < 30) {
        struct rig_car car = {.id = n,
            .issuer = (uint16_t)(n % 3),
            .family = (uint16_t)(1 + n % 4),
            .sensor = SENSOR_CAMERA_GOOD,
            .x = 860000 - (int32_t)(n % 4) * 4000,
            .y = n % 2 == 0 ? -1500 : 1500,
            .heading = EAST};
        rig_begin(&r, r.now_ms + 5000);
        struct observation o = rig_look(&r, &car);
        rig_saw(&r, &o, EL_STOP_LINE, 905000 + noise(&rnd, 300), noise(&rnd, 300), 300, 0, EAST);
        o.reports[0].has_value = false;
        rig_missed(&o, element_at(&r, STOP));
        assert_int_equal(rig_send(&r, &car, &o), MAP_OK);
        rig_end(&r);
        n++;
    }
    assert_in_range(n, 3, 16);
    const struct change_record *c = &r.versions[0].changes[0];
    assert_int_equal(c->op, MAP_MODIFY);
    assert_int_equal(c->after.n_points, 2);
    assert_int_equal(c->after.points[1].y - c->after.points[0].y, 4000);
    assert_true(abs(c->after.points[0].x - 905000) < 500);
    rig_free(&r);
}

/* Sigma 0.5 m per axis: root mean square error per axis of what is published, and after how many passes. */
static void check_rmse(bool is_new) {
    enum { RUNS = 150 };
    double sx = 0;
    double sy = 0;
    unsigned sum = 0;
    unsigned most = 0;
    struct ws_random rnd = ws_random_seeded(is_new ? 8 : 9);
    for (int i = 0; i < RUNS; i++) {
        struct map_rig r;
        town(&r);
        struct scene s = {.n = 3,
            .other = true,
            .x = is_new ? 700000 : 606000,
            .y = -4000,
            .says_gone = !is_new,
            .value = 50,
            .sigma_mm = 500};
        unsigned n = passes(&r, &s, 40, &rnd);
        assert_true(n > 0);
        const struct element *e = &r.versions[0].changes[0].after;
        assert_int_equal(r.versions[0].changes[0].op, is_new ? MAP_CREATE : MAP_MODIFY);
        sx += (double)(e->points[0].x - s.x) * (e->points[0].x - s.x);
        sy += (double)(e->points[0].y - s.y) * (e->points[0].y - s.y);
        sum += n;
        most = n > most ? n : most;
        rig_free(&r);
    }
    (void)printf("%s, sigma 500 mm: mean square error %.0f and %.0f mm2 (200 mm is 40000), %.1f "
                 "passes in the mean, %u at most\n",
        is_new ? "new" : "moved", sx / RUNS, sy / RUNS, (double)sum / RUNS, most);
    assert_true(sx / RUNS <= 200.0 * 200.0);
    assert_true(sy / RUNS <= 200.0 * 200.0);
    assert_true((double)sum / RUNS <= 10.0);
}

static void test_position(void **state) {
    (void)state;
    check_rmse(true);
    check_rmse(false);
}

/* A snapshot of a suspicion is the suspicion: restarted after each pass, it comes to the same octets. */
static void test_restart(void **state) {
    (void)state;
    struct map_rig a;
    struct map_rig b;
    town(&a);
    town(&b);
    struct scene s = {.n = 3, .other = true, .x = 606000, .y = -4000, .says_gone = true};
    s.value = 50;
    s.sigma_mm = 400;
    struct ws_random ra = ws_random_seeded(11);
    struct ws_random rb = ws_random_seeded(11);
    while (a.n_versions == 0) {
        assert_int_equal(pass(&a, &s, &ra), MAP_OK);
        assert_int_equal(pass(&b, &s, &rb), MAP_OK);
        rig_restart(&b);
        uint8_t da[32];
        uint8_t db[32];
        fake_exec_digest(&a.host, da);
        fake_exec_digest(&b.host, db);
        assert_memory_equal(da, db, 32);
        assert_true(a.messages < 40);
    }
    assert_int_equal(b.n_versions, 1);
    assert_memory_equal(a.versions[0].changes[0].id, b.versions[0].changes[0].id, 32);
    rig_free(&a);
    rig_free(&b);
}

/* The plane ends; what is moved over its edge stands there. */
static void test_edge_of_the_plane(void **state) {
    (void)state;
    struct element e = {.kind = EL_STOP_LINE};
    assert_true(element_add_point(&e, (struct map_point){INT32_MAX - 6000, INT32_MIN, 0}));
    assert_true(element_add_point(&e, (struct map_point){INT32_MAX - 2000, INT32_MIN + 4000, 0}));
    const struct spot to = {.place = {INT32_MAX - 1000, INT32_MIN + 1000, 100}};
    struct element r = moved_element(&e, &to);
    assert_int_equal(r.points[0].x, INT32_MAX - 3000);
    assert_int_equal(r.points[1].x, INT32_MAX);
    assert_int_equal(r.points[0].y, INT32_MIN);
    assert_int_equal(r.points[1].y, INT32_MIN + 3000);
    element_free(&r);
    element_free(&e);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moved),
        cmocka_unit_test(test_removed_is_not_moved),
        cmocka_unit_test(test_one_more_is_not_moved),
        cmocka_unit_test(test_another_is_not_moved),
        cmocka_unit_test(test_noise_moves_nothing),
        cmocka_unit_test(test_one_view_moves_nothing),
        cmocka_unit_test(test_two_origins),
        cmocka_unit_test(test_stop_line),
        cmocka_unit_test(test_position),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_edge_of_the_plane),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
