/* Real OpenDRIVE files written into: the same map gives the same octets, versions become each other. */
#include "base/fileio.h"
#include "base/mem.h"
#include "tests/unit/mapsvc/opendrive_files.h"

#include <stdlib.h>

static const char *const names[] = {"testfeld_niedersachsen", "carla_town01", "carla_town10hd",
    "fabriksgatan", "fabriksgatan_traffic_lights", "e6mini", "soderleden", "jolengatan",
    "signs500m_v1_852351c1", "signs500m_v2_50efcb48", "signs500m_v3_c714d564",
    "signs500m_v4_8e2d6584", "signs500m_v5_e02896c2"};

static struct buf file_of(const char *name, struct mapset *ret_map) {
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/maps/opendrive/%s.xodr", test_data_dir(), name);
    struct buf b = {0};
    struct ws_err err;
    if (access(path, R_OK) != 0)
        skip();
    assert_int_equal(file_read(path, 1 << 24, &b, &err), WS_OK);
    assert_int_equal(map_import(path, NULL, ret_map, NULL, &err), WS_OK);
    return b;
}

static void same_map_same_octets(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct mapset m;
        struct map_report unsaid;
        struct buf base = file_of(names[i], &m);
        struct buf out = into(&m, buf_span(&base), &unsaid);
        assert_int_equal(unsaid.skipped, 0);
        assert_int_equal(out.n, base.n);
        assert_memory_equal(out.p, base.p, base.n);
        buf_free(&base);
        buf_free(&out);
        mapset_free(&m);
    }
}

/* Each version of the street with signs, and the junction with and without lights, made out of each other. */
static void versions_become_each_other(void **state) {
    (void)state;
    static const size_t first[] = {3, 8};
    static const size_t count[] = {2, 5};
    for (size_t g = 0; g < 2; g++) {
        for (size_t k = 0; k < count[g] * count[g]; k++) {
            struct mapset a;
            struct mapset b;
            struct map_report unsaid;
            struct buf base = file_of(names[first[g] + k / count[g]], &a);
            struct buf other = file_of(names[first[g] + k % count[g]], &b);
            struct buf out = into(&b, buf_span(&base), &unsaid);
            if (unsaid.skipped > 0)
                fail_msg("%s", unsaid.text[0]);
            struct mapset again = read_again(&out, &b);
            check_same(&again, &b);
            mapset_free(&again);
            mapset_free(&a);
            mapset_free(&b);
            buf_free(&base);
            buf_free(&other);
            buf_free(&out);
        }
    }
}

static int line_order(const void *a, const void *b) {
    const struct span *p = a;
    const struct span *q = b;
    int c = memcmp(p->p, q->p, p->n < q->n ? p->n : q->n);
    return c != 0 ? c : (p->n > q->n) - (p->n < q->n);
}

static struct span *lines_of(struct span s, size_t *ret_n) {
    struct span *list = ws_calloc(s.n + 1, sizeof(list[0]));
    size_t from = 0;
    *ret_n = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '\n')
            continue;
        list[(*ret_n)++] = (struct span){s.p + from, i - from};
        from = i + 1;
    }
    qsort(list, *ret_n, sizeof(list[0]), line_order);
    return list;
}

/* Lines of a that b does not have. */
static size_t lines_gone(struct span a, struct span b) {
    size_t n = 0;
    size_t m = 0;
    struct span *p = lines_of(a, &n);
    struct span *q = lines_of(b, &m);
    size_t gone = 0;
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        while (k < m && line_order(&q[k], &p[i]) < 0)
            k++;
        if (k < m && line_order(&q[k], &p[i]) == 0)
            k++;
        else
            gone++;
    }
    free(p);
    free(q);
    return gone;
}

/* Every value, every place and a third of the things of every real map, one kind of change after the other. */
static void real_maps_change_in_place(void **state) {
    (void)state;
    for (size_t f = 0; f < ARRAY_LEN(names); f++) {
        struct mapset m;
        struct map_report unsaid;
        struct buf base = file_of(names[f], &m);
        size_t figures = 0;
        for (size_t i = 0; i < m.n; i++) {
            struct element *e = &m.elements[i];
            if (e->kind == EL_CROSSWALK || e->kind == EL_STOP_LINE)
                e->points[0].x += 1313;
            if (e->kind != EL_SIGN && e->kind != EL_LIGHT)
                continue;
            e->has_value = e->kind == EL_SIGN;
            e->value = e->kind == EL_SIGN ? 40 : e->value;
            figures += e->kind == EL_SIGN;
            e->points[0].x += 777;
            e->points[0].y -= 55;
            e->points[0].z += 3;
            if (e->has_heading)
                e->heading = (uint16_t)(e->heading + 4321);
        }
        struct buf out = into(&m, buf_span(&base), &unsaid);
        /* at the very end of the last road a thing cannot move beyond it; on the next road a light is for others */
        for (size_t i = 0; i < unsaid.n; i++)
            assert_true(strstr(unsaid.text[i], "no road reaches") != NULL ||
                        strstr(unsaid.text[i], "another \"lanes\"") != NULL);
        assert_true(unsaid.skipped <= 2);
        struct mapset again = read_again(&out, &m);
        assert_int_equal(again.n, m.n);
        assert_in_range(lines_gone(buf_span(&base), buf_span(&out)), figures,
            figures + count_kind(&m, EL_LIGHT) +
                12 * (count_kind(&m, EL_CROSSWALK) + count_kind(&m, EL_STOP_LINE)));
        mapset_free(&again);
        buf_free(&out);
        mapset_free(&m);
        buf_free(&base);
    }
}

static void limits_change_in_place(void **state) {
    (void)state;
    for (size_t f = 0; f < ARRAY_LEN(names); f++) {
        for (unsigned step = 1; step <= 7; step += 3) {
            struct mapset m;
            struct map_report unsaid;
            struct buf base = file_of(names[f], &m);
            size_t n = 0;
            for (size_t i = 0; i < m.n; i++) {
                struct element *e = &m.elements[i];
                if (e->kind == EL_SPEED_LIMIT && n++ % step == 0)
                    e->value = e->value == 30 ? 20 : 30;
            }
            struct buf out = into(&m, buf_span(&base), &unsaid);
            if (unsaid.skipped > 0)
                fail_msg("%s: %s", names[f], unsaid.text[0]);
            struct mapset again = read_again(&out, &m);
            check_same(&again, &m);
            mapset_free(&again);
            buf_free(&out);
            mapset_free(&m);
            buf_free(&base);
        }
    }
}

/* Things go, and as many come at other places, as the cell's contract makes them: without names. */
static void things_go_and_come(void **state) {
    (void)state;
    for (size_t f = 0; f < ARRAY_LEN(names); f++) {
        struct mapset m;
        struct map_report unsaid;
        struct buf base = file_of(names[f], &m);
        size_t lane = 0;
        while (lane < m.n && (m.elements[lane].kind != EL_LANE || m.elements[lane].n_points < 2))
            lane++;
        assert_true(lane < m.n);
        struct map_point at = m.elements[lane].points[m.elements[lane].n_points / 2 - 1];
        uint16_t heading = m.elements[lane].heading;
        size_t gone = 0;
        for (size_t i = m.n; i-- > 0;) {
            enum element_kind k = m.elements[i].kind;
            if ((k == EL_SIGN || k == EL_LIGHT || k == EL_CROSSWALK || k == EL_STOP_LINE) &&
                gone++ % 3 == 0)
                drop(&m, i);
        }
        struct element sign = {.kind = EL_SIGN,
            .id = {1},
            .has_value = true,
            .value = 70,
            .has_heading = true,
            .heading = heading,
            .valid_to_ms = INT64_MAX};
        (void)element_add_point(&sign, at);
        (void)element_set_attr(&sign, "code", "de274-70");
        struct element walk = {.kind = EL_CROSSWALK, .id = {2}, .valid_to_ms = INT64_MAX};
        static const int32_t corners[4][2] = {{0, 0}, {2000, 100}, {1900, 1500}, {-100, 1400}};
        for (size_t i = 0; i < 4; i++)
            (void)element_add_point(
                &walk, (struct map_point){at.x + corners[i][0], at.y + corners[i][1], at.z});
        struct element line = {.kind = EL_STOP_LINE, .id = {3}, .valid_to_ms = INT64_MAX};
        (void)element_add_point(&line, at);
        (void)element_add_point(&line, (struct map_point){at.x + 1500, at.y + 700, at.z});
        mapset_add(&m, &sign);
        mapset_add(&m, &walk);
        mapset_add(&m, &line);
        mapset_sort(&m);
        struct buf out = into(&m, buf_span(&base), &unsaid);
        if (unsaid.skipped > 0)
            fail_msg("%s: %s", names[f], unsaid.text[0]);
        struct mapset again = read_again(&out, &m);
        for (int k = EL_LANE; k <= EL_HAZARD; k++)
            assert_int_equal(
                count_kind(&again, (enum element_kind)k), count_kind(&m, (enum element_kind)k));
        mapset_free(&again);
        buf_free(&out);
        mapset_free(&m);
        buf_free(&base);
    }
}

int main(void) {
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/maps/opendrive", test_data_dir());
    if (access(path, R_OK) != 0)
        return TEST_SKIPPED;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_map_same_octets),
        cmocka_unit_test(versions_become_each_other),
        cmocka_unit_test(real_maps_change_in_place),
        cmocka_unit_test(limits_change_in_place),
        cmocka_unit_test(things_go_and_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
