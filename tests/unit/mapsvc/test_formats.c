/* One road in several formats: what only one of them can say is no difference, all else is. */
#include "base/mem.h"
#include "mapsvc/formats/export.h"
#include "mapsvc/tnits/tnits.h"
#include "tests/unit/mapsvc/map_files.h"

#include <dirent.h>
#include <stdlib.h>

static struct mapset empty(const char *ns) {
    struct mapset m = {.frame = frame_at(487600000, 114200000)};
    (void)snprintf(m.ns, sizeof(m.ns), "%s", ns);
    return m;
}

/* Takes n places as x, y, x, y, ... in metres. */
static void add(
    struct mapset *m, enum element_kind kind, const char *alias, const int *xy, size_t n) {
    struct element e = {.kind = kind, .valid_to_ms = INT64_MAX};
    e.id[0] = (uint8_t)(m->n + 1);
    e.id[1] = (uint8_t)m->ns[0];
    for (size_t i = 0; i < n; i++)
        assert_true(
            element_add_point(&e, (struct map_point){1000 * xy[2 * i], 1000 * xy[2 * i + 1], 0}));
    assert_true(element_add_alias(&e, alias));
    mapset_add(m, &e);
}

#define ADD(m, kind, alias, ...)                                                                   \
    add(m, kind, alias, (const int[]){__VA_ARGS__}, ARRAY_LEN(((const int[]){__VA_ARGS__})) / 2)

static size_t differences(const struct mapset *a, const struct mapset *b, struct map_delta *ret) {
    map_compare(a, b, ret);
    return ret->n;
}

static void rings_and_directions_say_nothing(void **state) {
    (void)state;
    struct mapset a = empty("opendrive");
    struct mapset b = empty("lanelet2");
    struct map_delta d;
    ADD(&a, EL_CROSSWALK, "opendrive:c", 0, 0, 4, 0, 4, 10, 0, 10);
    ADD(&b, EL_CROSSWALK, "lanelet2:way/1", 4, 10, 4, 0, 0, 0, 0, 5, 0, 10); /* the other way */
    ADD(&a, EL_STOP_LINE, "opendrive:s", 20, 0, 20, 3);
    ADD(&b, EL_STOP_LINE, "lanelet2:way/2", 20, 3, 20, 0);
    ADD(&a, EL_STOP_LINE, "opendrive:t", 30, 0, 33, 4); /* across the direction looked along */
    ADD(&b, EL_STOP_LINE, "lanelet2:way/3", 33, 4, 30, 0);
    mapset_sort(&a);
    mapset_sort(&b);
    assert_int_equal(differences(&a, &b, &d), 0);
    map_delta_free(&d);
    /* a corner elsewhere is a change, and so is a line turned round in one and the same format */
    for (size_t i = 0; i < b.n; i++)
        if (b.elements[i].kind == EL_CROSSWALK)
            b.elements[i].points[0].y += 500;
    assert_int_equal(differences(&a, &b, &d), 1);
    map_delta_free(&d);
    mapset_free(&a);
    mapset_free(&b);
}

static void what_has_no_word_is_counted(void **state) {
    (void)state;
    struct mapset a = empty("lanelet2");
    struct mapset b = empty("tnits");
    struct map_delta d;
    ADD(&a, EL_LANE, "lanelet2:relation/1", 0, 0, 50, 0);
    ADD(&a, EL_AREA, "lanelet2:relation/2", 0, 0, 5, 0, 5, 5);
    ADD(&a, EL_CROSSWALK, "lanelet2:relation/3", 10, 0, 14, 0, 14, 10, 10, 10);
    ADD(&b, EL_CROSSWALK, "tnits:x/3", 12, 5); /* its middle */
    ADD(&a, EL_SIGN, "lanelet2:way/4", 20, 0);
    mapset_sort(&a);
    mapset_sort(&b);
    assert_int_equal(differences(&a, &b, &d), 1); /* the sign */
    assert_int_equal(d.changes[0].before->kind, EL_SIGN);
    assert_int_equal(d.no_word[EL_LANE], 1);
    assert_int_equal(d.no_word[EL_AREA], 1);
    assert_int_equal(d.no_word[EL_CROSSWALK], 0);
    map_delta_free(&d);
    b.elements[0].points[0].x += 1000;
    assert_int_equal(differences(&a, &b, &d), 2); /* the crosswalk's middle lies elsewhere */
    map_delta_free(&d);
    mapset_free(&a);
    mapset_free(&b);
}

/* Two plates on one pole are told apart by what they show. */
static void plates_on_one_pole(void **state) {
    (void)state;
    struct mapset a = empty("opendrive");
    struct mapset b = empty("tnits");
    struct map_delta d;
    for (int i = 0; i < 4; i++) {
        ADD(&a, EL_SIGN,
            i == 0   ? "opendrive:a"
            : i == 1 ? "opendrive:b"
            : i == 2 ? "opendrive:c"
                     : "opendrive:d",
            7, 7);
        ADD(&b, EL_SIGN,
            i == 0   ? "tnits:x/1"
            : i == 1 ? "tnits:x/2"
            : i == 2 ? "tnits:x/3"
                     : "tnits:x/4",
            7, 7);
        a.elements[i].has_value = b.elements[i].has_value = true;
        a.elements[i].value = 10 * i;
        b.elements[i].value = 10 * (3 - i);
    }
    mapset_sort(&a);
    mapset_sort(&b);
    assert_int_equal(differences(&a, &b, &d), 0);
    map_delta_free(&d);
    mapset_free(&a);
    mapset_free(&b);
}

/* ---- real maps ---- */

static void fail_with(const struct map_delta *d, const char *name, const char *format) {
    const struct map_change *c = &d->changes[0];
    const struct element *e = c->before != NULL ? c->before : c->after;
    fail_msg("%s as %s: %zu changes, the first of %s %s", name, format, d->n,
        element_kind_name(e->kind), e->aliases[0]);
}

/* Lanelet2 has one limit for a lane. */
static bool has_parts(const struct mapset *m) {
    for (size_t i = 0; i < m->n; i++)
        for (size_t k = 0; k < m->elements[i].n_aliases; k++)
            if (strstr(m->elements[i].aliases[k], "#speed_limit/s/") != NULL)
                return true;
    return false;
}

static void put_tnits(const struct mapset *m, struct buf *b) {
    struct tnits_change *all = ws_calloc(m->n, sizeof(*all));
    for (size_t i = 0; i < m->n; i++)
        all[i] = (struct tnits_change){.after = &m->elements[i], .last = &m->elements[i]};
    const struct tnits_head head = {
        .dataset = "test", .provider = "test", .snapshot = true, .frame = &m->frame};
    tnits_export(&head, all, m->n, b, NULL);
    free(all);
}

static void check_map(const char *path, const char *name) {
    struct mapset m;
    struct ws_err err;
    if (map_import(path, NULL, &m, NULL, &err) != WS_OK)
        fail_msg("%s", err.text);
    for (int format = 0; format < 2; format++) {
        struct buf b = {0};
        struct mapset other;
        struct map_delta d;
        if (format == 0)
            export_lanelet2(&m, &b);
        else
            put_tnits(&m, &b);
        bool nothing = format == 1 && count_kind(&m, EL_SIGN) + count_kind(&m, EL_SPEED_LIMIT) +
                                              count_kind(&m, EL_CROSSWALK) ==
                                          0;
        if (!nothing && !(format == 0 && has_parts(&m))) {
            if (import_octets(buf_span(&b), NULL, &other, NULL, &err) != WS_OK)
                fail_msg("%s", err.text);
            if (differences(&m, &other, &d) > 0)
                fail_with(&d, name, format == 0 ? "Lanelet2" : "TN-ITS");
            map_delta_free(&d);
            mapset_free(&other);
        }
        buf_free(&b);
    }
    mapset_free(&m);
}

static void real_maps_are_the_same_in_every_format(void **state) {
    (void)state;
    static const char *const folders[] = {"lanelet2", "opendrive"};
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        char folder[400];
        (void)snprintf(folder, sizeof(folder), "%s/maps/%s", test_data_dir(), folders[i]);
        DIR *dir = opendir(folder);
        for (struct dirent *e = dir == NULL ? NULL : readdir(dir); e != NULL; e = readdir(dir)) {
            char path[700];
            if (strstr(e->d_name, ".osm") == NULL && strstr(e->d_name, ".xodr") == NULL)
                continue;
            (void)snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
            check_map(path, e->d_name);
            n++;
        }
        if (dir != NULL)
            (void)closedir(dir);
    }
    if (n == 0)
        skip();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rings_and_directions_say_nothing),
        cmocka_unit_test(what_has_no_word_is_counted),
        cmocka_unit_test(plates_on_one_pole),
        cmocka_unit_test(real_maps_are_the_same_in_every_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
