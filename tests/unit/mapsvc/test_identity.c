/* Ids over several imports: kept by name and by place, never given again. */
#include "tests/unit/mapsvc/map_files.h"

#include <stdlib.h>

static const struct cell_frame frame = {487600000, 114200000, 11940000000, 7900000000};

static void add(struct mapset *m, enum element_kind kind, const char *native, int32_t x, int32_t y,
    int32_t value) {
    struct element e = {.kind = kind, .has_value = true, .value = value, .valid_to_ms = INT64_MAX};
    char alias[128];
    assert_true(element_add_point(&e, (struct map_point){x, y, 0}));
    (void)snprintf(alias, sizeof(alias), "%s:%s", m->ns, native);
    assert_true(element_add_alias(&e, alias));
    element_id_import(m->ns, m->base_digest, native, e.id);
    mapset_add(m, &e);
}

static struct mapset empty(uint8_t digest) {
    struct mapset m = {.frame = frame, .ns = "lanelet2"};
    memset(m.base_digest, digest, sizeof(m.base_digest));
    return m;
}

/* Signs 1..n 10 m apart, named prefix + number. */
static struct mapset row(uint8_t digest, const char *prefix, int n) {
    struct mapset m = empty(digest);
    for (int i = 1; i <= n; i++) {
        char native[64];
        (void)snprintf(native, sizeof(native), "%s%d", prefix, i);
        add(&m, EL_SIGN, native, i * 10000, 0, 30);
    }
    mapset_sort(&m);
    return m;
}

static const struct element *at(const struct mapset *m, int i) {
    for (size_t k = 0; k < m->n; k++)
        if (m->elements[k].points[0].x == i * 10000)
            return &m->elements[k];
    fail();
    return NULL;
}

static bool has_alias(const struct element *e, const char *alias) {
    for (size_t i = 0; i < e->n_aliases; i++)
        if (strcmp(e->aliases[i], alias) == 0)
            return true;
    return false;
}

static void names_keep_ids(void **state) {
    (void)state;
    struct mapset a = row(1, "way/", 12);
    struct mapset b = row(2, "way/", 12);
    struct map_identity r;
    struct map_report report = {0};
    assert_memory_not_equal(at(&a, 5)->id, at(&b, 5)->id, 16);
    ((struct element *)at(&b, 5))->value = 50;
    ((struct element *)at(&a, 6))->revision = 4;
    ((struct element *)at(&b, 6))->value = 50;
    add(&b, EL_SIGN, "way/77", 500000, 0, 30);
    add(&a, EL_SIGN, "way/78", 600000, 0, 30);
    mapset_sort(&a);
    mapset_sort(&b);
    map_keep_identities(&a, &b, &r, &report);
    assert_int_equal(r.by_name, 12);
    assert_int_equal(r.by_place, 0);
    assert_int_equal(r.changed, 2);
    assert_int_equal(r.created, 1);
    assert_int_equal(r.gone, 1);
    assert_true(report_says(&report, "gone: sign lanelet2:way/78"));
    assert_true(report_says(&report, "new: sign lanelet2:way/77"));
    for (int i = 1; i <= 12; i++)
        assert_memory_equal(at(&a, i)->id, at(&b, i)->id, 16);
    assert_int_equal(at(&b, 5)->revision, 1);
    assert_int_equal(at(&b, 6)->revision, 5);
    assert_int_equal(at(&b, 7)->revision, 0);
    for (size_t i = 1; i < b.n; i++)
        assert_true(memcmp(b.elements[i - 1].id, b.elements[i].id, 16) < 0);
    struct buf octets = {0};
    struct mapset again;
    struct ws_err err;
    mapset_encode(&b, &octets); /* asserts that ids are unique and ascending */
    assert_int_equal(mapset_decode(buf_span(&octets), &again, &err), WS_OK);
    assert_memory_equal(again.lineage, b.lineage, 32);
    mapset_free(&again);
    for (size_t n = 0; n < octets.n; n++)
        assert_int_not_equal(mapset_decode(span_of(octets.p, n), &again, &err), WS_OK);
    size_t at_lineage = 8 + 1 + 8 + 16 + 1 + strlen(b.ns) + 32;
    memset(octets.p + at_lineage, 0, 32);
    assert_int_equal(mapset_decode(buf_span(&octets), &again, &err), WS_EINPUT);
    buf_free(&octets);
    mapset_free(&a);
    mapset_free(&b);
}

static void places_keep_ids_and_former_names(void **state) {
    (void)state;
    struct mapset a = row(1, "way/-", 12); /* an editor's own ids do not last */
    struct mapset b = row(2, "way/-1000", 12);
    struct mapset c = row(3, "way/-", 12);
    struct map_identity r;
    map_keep_identities(&a, &b, &r, NULL);
    assert_int_equal(r.by_name, 0);
    assert_int_equal(r.by_place, 12);
    assert_int_equal(r.created + r.gone + r.changed, 0);
    assert_memory_equal(at(&a, 3)->id, at(&b, 3)->id, 16);
    assert_true(has_alias(at(&b, 3), "lanelet2:way/-10003"));
    assert_true(has_alias(at(&b, 3), "was:lanelet2:way/-3"));
    map_keep_identities(&b, &c, &r, NULL);
    assert_memory_equal(at(&a, 3)->id, at(&c, 3)->id, 16);
    assert_true(has_alias(at(&c, 3), "was:lanelet2:way/-10003"));
    assert_false(has_alias(at(&c, 3), "was:lanelet2:way/-3")); /* it has that name again */
    mapset_free(&a);
    mapset_free(&b);
    mapset_free(&c);
}

/* Two signs that change names: each name is where it now is. */
static void a_name_that_moved_on_is_not_kept(void **state) {
    (void)state;
    struct mapset a = row(1, "way/-", 3);
    struct mapset b = row(2, "way/-1", 2); /* -11, -12 */
    struct map_identity r;
    add(&b, EL_SIGN, "way/-3", 10000, 70000, 30); /* the name is taken: by name, though far */
    mapset_sort(&b);
    map_keep_identities(&a, &b, &r, NULL);
    for (size_t i = 0; i < b.n; i++)
        assert_false(has_alias(&b.elements[i], "was:lanelet2:way/-3"));
    assert_int_equal(r.by_name, 1);
    assert_int_equal(r.by_place, 2);
    mapset_free(&a);
    mapset_free(&b);
}

/* What was removed and comes back with the very same file is a new element. */
static void ids_are_never_given_again(void **state) {
    (void)state;
    struct mapset v[5];
    struct map_identity r;
    for (int i = 0; i < 5; i++) {
        v[i] = row((uint8_t)(1 + i % 2), "way/", i % 2 == 0 ? 12 : 11);
        if (i > 0)
            map_keep_identities(&v[i - 1], &v[i], &r, NULL);
        assert_memory_equal(at(&v[i], 5)->id, at(&v[0], 5)->id, 16);
    }
    assert_memory_not_equal(at(&v[0], 12)->id, at(&v[2], 12)->id, 16);
    assert_memory_not_equal(at(&v[0], 12)->id, at(&v[4], 12)->id, 16);
    assert_memory_not_equal(at(&v[2], 12)->id, at(&v[4], 12)->id, 16);
    for (int i = 0; i < 5; i++)
        mapset_free(&v[i]);
}

/* Lookup by id in maps of many sizes, with ids spread evenly, bunched, and at the ends of the range. */
static void every_id_is_found(void **state) {
    (void)state;
    for (size_t n = 0; n < 200; n += n < 20 ? 1 : 37) {
        for (int shape = 0; shape < 4; shape++) {
            struct mapset m = empty(1);
            for (size_t i = 0; i < n; i++) {
                char native[32];
                (void)snprintf(native, sizeof(native), "way/%zu", i);
                add(&m, EL_SIGN, native, (int32_t)i, 0, 0);
                uint8_t *id = m.elements[i].id;
                memset(id, shape == 1 ? 0 : shape == 2 ? 0xff : id[0], shape == 0 ? 0 : 12);
                if (shape == 3) /* half of them at each end */
                    memset(id, i % 2 == 0 ? 0 : 0xff, 8);
            }
            mapset_sort(&m);
            for (size_t i = 0; i < n; i++) {
                uint8_t id[16];
                const struct element *e = mapset_find(&m, m.elements[i].id);
                assert_ptr_equal(e, &m.elements[i]);
                memcpy(id, e->id, 16);
                id[15] ^= 1; /* is there only by chance */
                e = mapset_find(&m, id);
                assert_true(e == NULL || memcmp(e->id, id, 16) == 0);
            }
            static const uint8_t ends[2][16] = {
                {0}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                         0xff, 0xff, 0xff}};
            assert_null(mapset_find(&m, ends[0]));
            assert_null(mapset_find(&m, ends[1]));
            mapset_free(&m);
        }
    }
}

/* ---- the real version pairs ---- */

static void real_pairs_keep_their_ids(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
        size_t changes;
    } of[] = {{"karlsruhe_v6_ddb6b0f", "karlsruhe_v8_e835f61", 3},
        {"kashiwanoha_base", "kashiwanoha_shoulder", 12},
        {"zalazone_unitrack_mapversion6", "zalazone_unitrack_mapversion7", 2}};
    for (size_t i = 0; i < ARRAY_LEN(of); i++) {
        char path[2][512];
        struct mapset a;
        struct mapset b;
        struct map_identity r;
        struct map_delta d;
        for (size_t k = 0; k < 2; k++)
            (void)snprintf(path[k], sizeof(path[k]), "%s/maps/lanelet2/%s.osm", test_data_dir(),
                k == 0 ? of[i].a : of[i].b);
        if (access(path[0], R_OK) != 0)
            skip();
        assert_int_equal(map_import(path[0], NULL, &a, NULL, NULL), WS_OK);
        const struct map_import_options near = {
            .has_frame = true, .frame_is_hint = true, .frame = a.frame};
        assert_int_equal(map_import(path[1], &near, &b, NULL, NULL), WS_OK);
        size_t n = b.n;
        map_keep_identities(&a, &b, &r, NULL);
        assert_int_equal(r.by_name + r.by_place + r.created, n);
        assert_int_equal(r.by_name + r.by_place + r.gone, a.n);
        assert_int_equal(r.changed + r.created + r.gone, of[i].changes);
        assert_int_equal(r.shifted, strstr(of[i].a, "unitrack") != NULL);
        map_compare(&a, &b, &d);
        assert_int_equal(d.n, of[i].changes);
        for (size_t k = 0; k < d.n; k++)
            if (d.changes[k].op == MAP_MODIFY)
                assert_memory_equal(d.changes[k].before->id, d.changes[k].after->id, 16);
        map_delta_free(&d);
        mapset_free(&a);
        mapset_free(&b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_keep_ids),
        cmocka_unit_test(places_keep_ids_and_former_names),
        cmocka_unit_test(a_name_that_moved_on_is_not_kept),
        cmocka_unit_test(ids_are_never_given_again),
        cmocka_unit_test(every_id_is_found),
        cmocka_unit_test(real_pairs_keep_their_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
