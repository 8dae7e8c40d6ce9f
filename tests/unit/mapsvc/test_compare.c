/* map_compare on maps built by hand: rounding, moves, shifts, renumbering, neighbours. */
#include "tests/unit/mapsvc/map_files.h"

static void add(struct mapset *m, enum element_kind kind, const char *alias, int32_t x, int32_t y,
    int32_t value) {
    struct element e = {.kind = kind, .has_value = true, .value = value, .valid_to_ms = INT64_MAX};
    assert_true(element_add_point(&e, (struct map_point){x, y, 0}));
    if (kind != EL_SIGN)
        assert_true(element_add_point(&e, (struct map_point){x + 20000, y + 3000, 0}));
    assert_true(element_add_alias(&e, alias));
    element_id_import(m->ns, m->base_digest, alias, e.id);
    mapset_add(m, &e);
}

/* 24 signs and 24 lines on a grid, named prefix + number. */
static struct mapset grid(const char *ns, const char *prefix, int32_t dx, int32_t dy) {
    struct mapset m = {.frame = frame_at(487600000, 114200000)};
    (void)snprintf(m.ns, sizeof(m.ns), "%s", ns);
    for (int i = 0; i < 24; i++) {
        char alias[64];
        (void)snprintf(alias, sizeof(alias), "%s%d", prefix, i);
        add(&m, EL_SIGN, alias, i % 5 * 30000 + dx, i / 5 * 40000 + dy, 30);
        (void)snprintf(alias, sizeof(alias), "%s%d", prefix, 100 + i);
        add(&m, EL_BOUNDARY, alias, i % 5 * 30000 + 5000 + dx, i / 5 * 40000 + dy, 0);
    }
    mapset_sort(&m);
    return m;
}

static struct element *sign_of(struct mapset *m, int i) {
    char alias[64];
    (void)snprintf(alias, sizeof(alias), "lanelet2:way/%d", i);
    for (size_t k = 0; k < m->n; k++)
        if (strcmp(m->elements[k].aliases[0], alias) == 0)
            return &m->elements[k];
    fail();
    return NULL;
}

static void rounding_is_no_change(void **state) {
    (void)state;
    struct mapset a = grid("lanelet2", "lanelet2:way/", 0, 0);
    struct mapset b = grid("lanelet2", "lanelet2:way/", 0, 0);
    struct map_delta d;
    sign_of(&b, 3)->points[0].x += 10;
    sign_of(&b, 4)->points[0].x += 11;
    sign_of(&b, 5)->points[0].z += 5000;
    sign_of(&b, 104)->points[1].y += 8;
    /* one more node on a straight line */
    struct element *line = sign_of(&b, 105);
    struct map_point last = line->points[1];
    line->points[1] = (struct map_point){line->points[0].x + 10000, line->points[0].y + 1500, 0};
    assert_true(element_add_point(line, last));
    map_compare(&a, &b, &d);
    assert_false(d.shifted);
    assert_int_equal(d.n, 1);
    assert_string_equal(d.changes[0].before->aliases[0], "lanelet2:way/4");
    map_delta_free(&d);
    mapset_free(&a);
    mapset_free(&b);
}

static void every_op_is_seen(void **state) {
    (void)state;
    struct mapset a = grid("lanelet2", "lanelet2:way/", 0, 0);
    struct mapset b = grid("lanelet2", "lanelet2:way/", 0, 0);
    struct map_delta d;
    sign_of(&b, 7)->value = 50;
    assert_true(element_set_attr(sign_of(&b, 8), "code", "de274-30"));
    assert_true(element_set_attr(sign_of(&b, 9), "successors", "x")); /* not compared */
    sign_of(&b, 10)->has_heading = true;
    add(&b, EL_SIGN, "lanelet2:way/77", 1234, 5678, 30);
    add(&a, EL_SIGN, "lanelet2:way/78", 91234, 5678, 30);
    mapset_sort(&a);
    mapset_sort(&b);
    map_compare(&a, &b, &d);
    assert_int_equal(d.n, 5);
    assert_int_equal(count_changes(&d, MAP_CREATE, EL_SIGN), 1);
    assert_int_equal(count_changes(&d, MAP_DELETE, EL_SIGN), 1);
    assert_int_equal(count_changes(&d, MAP_MODIFY, EL_SIGN), 3);
    for (size_t i = 1; i < d.n; i++) {
        const struct element *p =
            d.changes[i - 1].before != NULL ? d.changes[i - 1].before : d.changes[i - 1].after;
        const struct element *q =
            d.changes[i].before != NULL ? d.changes[i].before : d.changes[i].after;
        assert_true(p->kind < q->kind || strlen(p->aliases[0]) < strlen(q->aliases[0]) ||
                    strcmp(p->aliases[0], q->aliases[0]) < 0);
    }
    map_delta_free(&d);
    mapset_free(&a);
    mapset_free(&b);
}

static void a_common_shift_is_told_once(void **state) {
    (void)state;
    struct mapset a = grid("lanelet2", "lanelet2:way/", 0, 0);
    struct mapset b = grid("lanelet2", "lanelet2:way/", 4000, -2500);
    struct map_delta d;
    sign_of(&b, 2)->value = 70;
    sign_of(&b, 3)->points[0].x += 300; /* and one really moved */
    map_compare(&a, &b, &d);
    assert_true(d.shifted);
    assert_int_equal(d.shift_x_mm, 4000);
    assert_int_equal(d.shift_y_mm, -2500);
    assert_int_equal(d.n, 2);
    map_delta_free(&d);
    /* When a fifth has moved otherwise there is no common shift. */
    for (int i = 0; i < 12; i++)
        sign_of(&b, i)->points[0].y += 700 * (i + 1);
    map_compare(&a, &b, &d);
    assert_false(d.shifted);
    assert_int_equal(d.n, 48);
    map_delta_free(&d);
    mapset_free(&a);
    mapset_free(&b);
}

static void other_frames_are_converted(void **state) {
    (void)state;
    struct mapset a = grid("lanelet2", "lanelet2:way/", 0, 0);
    struct mapset b = grid("lanelet2", "lanelet2:way/", 0, 0);
    struct cell_frame to = frame_at(487650000, 114250000);
    for (size_t i = 0; i < b.n; i++)
        for (size_t k = 0; k < b.elements[i].n_points; k++) {
            struct map_point *p = &b.elements[i].points[k];
            assert_true(frame_convert(&b.frame, &to, p->x, p->y, &p->x, &p->y));
        }
    b.frame = to;
    struct map_delta d;
    map_compare(&a, &b, &d);
    assert_false(d.shifted);
    assert_int_equal(d.n, 0);
    map_delta_free(&d);
    mapset_free(&a);
    mapset_free(&b);
}

/* Other names everywhere (another format, or negative ids renumbered): place and kind decide. */
static void place_matches_where_names_do_not(void **state) {
    (void)state;
    struct mapset a = grid("lanelet2", "lanelet2:way/", 0, 0);
    struct mapset b = grid("opendrive", "opendrive:road/1/signal/", 300, 200);
    struct map_delta d;
    b.elements[0].value = b.elements[0].kind == EL_SIGN ? 50 : 1;
    map_compare(&a, &b, &d);
    assert_int_equal(count_changes(&d, MAP_CREATE, EL_SIGN), 0);
    assert_int_equal(count_changes(&d, MAP_DELETE, EL_SIGN), 0);
    assert_int_equal(count_changes(&d, MAP_DELETE, EL_BOUNDARY), 0);
    map_delta_free(&d);
    mapset_free(&b);
    /* Two candidates as near as each other: neither is taken. */
    b = grid("opendrive", "opendrive:road/1/signal/", 0, 0);
    add(&b, EL_SIGN, "opendrive:twin/1", 30000 + 400, 0, 30);
    add(&b, EL_SIGN, "opendrive:twin/2", 30000 - 400, 0, 30);
    for (size_t i = 0; i < b.n; i++) {
        struct element *e = &b.elements[i];
        if (e->kind == EL_SIGN && e->points[0].x == 30000 && e->points[0].y == 0)
            e->points[0].y = 100000000;
    }
    mapset_sort(&b);
    map_compare(&a, &b, &d);
    assert_int_equal(count_changes(&d, MAP_DELETE, EL_SIGN), 1);
    assert_int_equal(count_changes(&d, MAP_CREATE, EL_SIGN), 3);
    map_delta_free(&d);
    mapset_free(&a);
    mapset_free(&b);
}

static void a_new_lanelet2_id_is_a_new_element(void **state) {
    (void)state;
    struct mapset a = grid("lanelet2", "lanelet2:way/", 0, 0);
    struct mapset b = grid("lanelet2", "lanelet2:way/", 0, 0);
    struct map_delta d;
    struct element *e = sign_of(&b, 6);
    free(e->aliases[0]);
    e->aliases[0] = ws_strdup("lanelet2:way/999");
    map_compare(&a, &b, &d);
    assert_int_equal(d.n, 2);
    map_delta_free(&d);
    mapset_free(&b);
    b = grid("lanelet2", "lanelet2:way/5000", 0, 0); /* all renumbered */
    map_compare(&a, &b, &d);
    assert_int_equal(d.n, 0);
    map_delta_free(&d);
    mapset_free(&a);
    mapset_free(&b);
}

/* A lane section put in before the others renames all behind it. */
static void counted_names_move_on(void **state) {
    (void)state;
    struct mapset m[2];
    for (int i = 0; i < 2; i++) {
        m[i] = (struct mapset){.frame = frame_at(487600000, 114200000)};
        (void)snprintf(m[i].ns, sizeof(m[i].ns), "opendrive");
        for (int k = -i; k < 20; k++) {
            char alias[64];
            (void)snprintf(alias, sizeof(alias), "opendrive:road/1/section/%d/border/1", k + i);
            add(&m[i], EL_BOUNDARY, alias, k * 30000, k * k * 2000, 0);
        }
        mapset_sort(&m[i]);
    }
    struct map_delta d;
    map_compare(&m[0], &m[1], &d);
    assert_false(d.shifted);
    assert_int_equal(d.n, 1);
    assert_int_equal(d.changes[0].op, MAP_CREATE);
    assert_int_equal(d.changes[0].after->points[0].x, -30000);
    map_delta_free(&d);
    mapset_free(&m[0]);
    mapset_free(&m[1]);
}

/* A bound moves: the bound is the change, not the lane and its limit too. */
static void one_edit_is_one_change(void **state) {
    (void)state;
    struct mapset m[2];
    for (int i = 0; i < 2; i++) {
        m[i] = grid("lanelet2", "lanelet2:way/", 0, 0);
        add(&m[i], EL_LANE, "lanelet2:relation/1", 1000 + i * 500, 0, 0);
        assert_true(element_set_attr(&m[i].elements[48], "left", "lanelet2:way/100"));
        assert_true(element_set_attr(&m[i].elements[48], "right", "lanelet2:way/101"));
        add(&m[i], EL_SPEED_LIMIT, "lanelet2:relation/1#speed_limit", 1000 + i * 500, 0, 50);
        assert_true(element_set_attr(&m[i].elements[49], "lane", "lanelet2:relation/1"));
        mapset_sort(&m[i]);
    }
    sign_of(&m[1], 100)->points[0].y += 900;
    struct map_delta d;
    map_compare(&m[0], &m[1], &d);
    assert_int_equal(d.n, 1);
    assert_int_equal(d.changes[0].before->kind, EL_BOUNDARY);
    map_delta_free(&d);
    mapset_free(&m[0]);
    mapset_free(&m[1]);
}

/* A sign that the cell found has a number of its own until a survey gives it one. */
static void a_survey_renames_ours(void **state) {
    (void)state;
    struct mapset a = grid("lanelet2", "lanelet2:way/", 0, 0);
    struct mapset b = grid("lanelet2", "lanelet2:way/", 0, 0);
    struct map_delta d;
    /* the same, 0.3 m away; another figure; too far; both surveyed: four pairs, of which one is one thing */
    add(&a, EL_SIGN, "lanelet2:way/-7", 1000000, 0, 30);
    add(&b, EL_SIGN, "lanelet2:way/4711", 1000240, 180, 30);
    add(&a, EL_SIGN, "lanelet2:way/-8", 1100000, 0, 30);
    add(&b, EL_SIGN, "lanelet2:way/4712", 1100240, 180, 50);
    add(&a, EL_SIGN, "lanelet2:way/-9", 1200000, 0, 30);
    add(&b, EL_SIGN, "lanelet2:way/4713", 1201100, 0, 30);
    add(&a, EL_SIGN, "lanelet2:way/4714", 1300000, 0, 30);
    add(&b, EL_SIGN, "lanelet2:way/4715", 1300100, 0, 30);
    /* an edge that was drawn again */
    add(&a, EL_BOUNDARY, "lanelet2:way/-10", 1400000, 0, 0);
    add(&b, EL_BOUNDARY, "lanelet2:way/4716", 1400300, 0, 0);
    mapset_sort(&a);
    mapset_sort(&b);
    map_compare(&a, &b, &d);
    assert_int_equal(count_changes(&d, MAP_MODIFY, EL_SIGN), 1);
    assert_int_equal(count_changes(&d, MAP_CREATE, EL_SIGN), 3);
    assert_int_equal(count_changes(&d, MAP_DELETE, EL_SIGN), 3);
    assert_int_equal(count_changes(&d, MAP_CREATE, EL_BOUNDARY), 1);
    assert_int_equal(count_changes(&d, MAP_DELETE, EL_BOUNDARY), 1);
    assert_int_equal(d.n, 9);
    map_delta_free(&d);
    map_compare(&b, &a, &d);
    assert_int_equal(count_changes(&d, MAP_MODIFY, EL_SIGN), 1);
    assert_int_equal(d.n, 9);
    map_delta_free(&d);
    mapset_free(&a);
    mapset_free(&b);
}

/* As a person would list them. */
static void changes_come_by_name(void **state) {
    (void)state;
    static const char *const names[] = {
        "a:way/9", "a:way/10", "a:way/010x", "a:way/100", "b:1", "c"};
    struct mapset a = grid("lanelet2", "lanelet2:way/", 0, 0);
    struct mapset b = grid("lanelet2", "lanelet2:way/", 0, 0);
    struct map_delta d;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        add(&b, EL_SIGN, names[(i * 5 + 3) % ARRAY_LEN(names)], (int32_t)i * 9000000, 3000000, 1);
    mapset_sort(&b);
    map_compare(&a, &b, &d);
    assert_int_equal(d.n, ARRAY_LEN(names));
    for (size_t i = 0; i < d.n; i++)
        assert_string_equal(d.changes[i].after->aliases[0], names[i]);
    map_delta_free(&d);
    mapset_free(&a);
    mapset_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounding_is_no_change),
        cmocka_unit_test(every_op_is_seen),
        cmocka_unit_test(a_common_shift_is_told_once),
        cmocka_unit_test(other_frames_are_converted),
        cmocka_unit_test(place_matches_where_names_do_not),
        cmocka_unit_test(a_new_lanelet2_id_is_a_new_element),
        cmocka_unit_test(counted_names_move_on),
        cmocka_unit_test(one_edit_is_one_change),
        cmocka_unit_test(a_survey_renames_ours),
        cmocka_unit_test(changes_come_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
