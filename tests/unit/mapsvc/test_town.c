/* The demo town (configs/demo): three changes, no more, and one town in both languages. */
#include "tests/unit/mapsvc/map_files.h"

static struct mapset load(const char *name) {
    char path[128];
    (void)snprintf(path, sizeof(path), "configs/demo/%s", name);
    struct mapset m;
    struct ws_err err;
    struct map_report report;
    struct map_import_options strict = {.strict = true};
    if (map_import(path, &strict, &m, &report, &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(report.notes, 0);
    return m;
}

static void the_world_differs_in_three_signs(void **state) {
    (void)state;
    struct mapset map = load("town.osm");
    struct mapset world = load("town-world.osm");
    struct map_delta d;
    map_compare(&map, &world, &d);
    assert_false(d.shifted);
    assert_int_equal(d.n, 3);
    assert_int_equal(count_changes(&d, MAP_MODIFY, EL_SIGN), 1);
    assert_int_equal(count_changes(&d, MAP_DELETE, EL_SIGN), 1);
    assert_int_equal(count_changes(&d, MAP_CREATE, EL_SIGN), 1);
    for (size_t i = 0; i < d.n; i++) {
        const struct map_change *c = &d.changes[i];
        const struct element *e = c->before != NULL ? c->before : c->after;
        const char *want = c->op == MAP_MODIFY   ? "lanelet2:way/2003"
                           : c->op == MAP_DELETE ? "lanelet2:way/2010"
                                                 : "lanelet2:way/2015";
        assert_string_equal(e->aliases[0], want);
        if (c->op == MAP_MODIFY && c->before != NULL && c->after != NULL) {
            assert_int_equal(c->before->value, 50);
            assert_int_equal(c->after->value, 30);
            assert_string_equal(element_attr(c->after, "code"), "de274-30");
        }
    }
    map_delta_free(&d);
    mapset_free(&map);
    mapset_free(&world);
}

/* Every lane leads to every other: vehicles can drive for ever. */
static void the_town_can_be_driven(void **state) {
    (void)state;
    struct mapset m = load("town.osm");
    assert_int_equal(count_kind(&m, EL_LANE), 48);
    assert_int_equal(count_kind(&m, EL_SPEED_LIMIT), 48);
    assert_int_equal(count_kind(&m, EL_SIGN), 14);
    for (size_t start = 0; start < m.n; start++) {
        if (m.elements[start].kind != EL_LANE)
            continue;
        bool *seen = ws_calloc(m.n, sizeof(bool));
        size_t *todo = ws_calloc(m.n, sizeof(size_t));
        size_t n = 1;
        size_t reached = 1;
        todo[0] = start;
        seen[start] = true;
        while (n > 0) {
            const char *next = element_attr(&m.elements[todo[--n]], "successors");
            assert_non_null(next);
            for (size_t k = 0; k < m.n; k++) {
                if (m.elements[k].kind != EL_LANE || seen[k] ||
                    strstr(next, m.elements[k].aliases[0]) == NULL)
                    continue;
                seen[k] = true;
                reached++;
                todo[n++] = k;
            }
        }
        assert_int_equal(reached, 48);
        free(seen);
        free(todo);
    }
    mapset_free(&m);
}

/* Plates are read by traffic of a lane near by: heading within 30 degrees, at most 12 m beside it. */
static void signs_face_their_lanes(void **state) {
    (void)state;
    struct mapset m = load("town.osm");
    for (size_t i = 0; i < m.n; i++) {
        const struct element *s = &m.elements[i];
        if (s->kind != EL_SIGN || strcmp(element_attr(s, "code"), "de267") == 0)
            continue;
        bool found = false;
        for (size_t k = 0; k < m.n && !found; k++) {
            const struct element *l = &m.elements[k];
            for (size_t p = 1; l->kind == EL_LANE && p < l->n_points && !found; p++) {
                double dx = (double)l->points[p].x - l->points[p - 1].x;
                double dy = (double)l->points[p].y - l->points[p - 1].y;
                double len2 = dx * dx + dy * dy;
                double px = (double)s->points[0].x - l->points[p - 1].x;
                double py = (double)s->points[0].y - l->points[p - 1].y;
                double t = (px * dx + py * dy) / len2;
                double side = (px * dy - py * dx); /* to the right of the lane */
                int d = (int16_t)(uint16_t)(l->heading - s->heading);
                found = t >= 0 && t <= 1 && side > 0 && side * side < 12000.0 * 12000.0 * len2 &&
                        l->n_points == 2 && d < 5461 && d > -5461;
                /* curved lanes have another heading at each end: take the segment's side only */
                found = found || (l->n_points > 2 && t >= 0 && t <= 1 && side > 0 &&
                                     side * side < 12000.0 * 12000.0 * len2);
            }
        }
        assert_true(found);
    }
    mapset_free(&m);
}

/* OpenDRIVE has no stop lines of its own; all else is one town, sign for sign. */
static void both_languages_say_the_same(void **state) {
    (void)state;
    struct mapset osm = load("town.osm");
    struct mapset xodr = load("town.xodr");
    assert_int_equal(count_kind(&xodr, EL_SIGN), count_kind(&osm, EL_SIGN));
    assert_int_equal(count_kind(&xodr, EL_LANE), count_kind(&osm, EL_LANE));
    size_t found = 0;
    for (size_t i = 0; i < osm.n; i++) {
        const struct element *a = &osm.elements[i];
        for (size_t k = 0; k < xodr.n && a->kind == EL_SIGN; k++) {
            const struct element *b = &xodr.elements[k];
            int32_t x = 0;
            int32_t y = 0;
            if (b->kind != EL_SIGN ||
                !frame_convert(&xodr.frame, &osm.frame, b->points[0].x, b->points[0].y, &x, &y))
                continue;
            int64_t dx = x - a->points[0].x;
            int64_t dy = y - a->points[0].y;
            int turn = (int16_t)(uint16_t)(a->heading - b->heading);
            if (dx * dx + dy * dy > 500 * 500)
                continue;
            found++;
            assert_true(dx * dx + dy * dy <= 10 * 10);
            assert_int_equal(a->has_value, b->has_value);
            assert_int_equal(a->value, b->value);
            assert_in_range(turn + 20, 0, 40);
            assert_string_equal(element_attr(a, "code"), element_attr(b, "code"));
        }
    }
    assert_int_equal(found, 14);
    struct map_delta d;
    map_compare(&osm, &xodr, &d);
    assert_false(d.shifted);
    assert_int_equal(count_changes(&d, MAP_DELETE, EL_STOP_LINE), 4);
    assert_int_equal(d.n, 4);
    map_delta_free(&d);
    mapset_free(&osm);
    mapset_free(&xodr);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_world_differs_in_three_signs),
        cmocka_unit_test(both_languages_say_the_same),
        cmocka_unit_test(the_town_can_be_driven),
        cmocka_unit_test(signs_face_their_lanes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
