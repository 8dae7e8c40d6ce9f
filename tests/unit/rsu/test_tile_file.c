/* One tile as a file: whoever knows the version's root believes it, and nothing that was altered. */
#include "tests/support/cm.h"

#include "base/fileio.h"
#include "base/mem.h"
#include "mapsvc/fuse/associate.h"
#include "rsu/proofs/tile_file.h"

#include <stdlib.h>

static const uint8_t cell[32] = {7, 7};

/* Signs over 11 km: several tiles. */
static struct mapset town(void) {
    struct mapset m = {.ns = "t", .frame = frame_at(487597690, 114231700)};
    for (uint32_t i = 0; i < 24; i++) {
        struct element e = {
            .kind = EL_SIGN, .has_value = true, .value = 50, .valid_to_ms = INT64_MAX};
        put_be32(e.id, i * 2654435761U);
        put_be32(e.id + 12, i);
        assert_true(element_add_point(&e, (struct map_point){(int32_t)(500000 * i), -4000, 0}));
        mapset_add(&m, &e);
    }
    mapset_sort(&m);
    return m;
}

static void encode(const struct mapset *m, size_t index, struct buf *b, uint8_t root[32]) {
    struct tiles t = {0};
    tiles_build(&t, m);
    tiles_root(&t, root);
    assert_true(t.n >= 4);
    tile_file_encode(cell, 3, &t, index, m, b);
    tiles_free(&t);
}

static void test_each_tile(void **state) {
    (void)state;
    struct mapset m = town();
    size_t n = 0;
    struct tiles t = {0};
    tiles_build(&t, &m);
    size_t tiles = t.n;
    tiles_free(&t);
    for (size_t i = 0; i < tiles; i++) {
        struct buf b = {0};
        uint8_t root[32];
        struct tile_file f;
        struct ws_err err = {0};
        encode(&m, i, &b, root);
        if (tile_file_decode(buf_span(&b), &f, &err) != WS_OK)
            fail_msg("%s", err.text);
        assert_memory_equal(f.root, root, 32);
        assert_memory_equal(f.cell_id, cell, 32);
        assert_int_equal(f.version, 3);
        assert_int_equal(tile_file_places(&f, &m.frame, &err), WS_OK);
        for (size_t k = 0; k < f.n; k++) {
            const struct element *e = mapset_find(&m, f.elements[k].id);
            assert_non_null(e);
            assert_true(element_same_content(e, &f.elements[k]));
        }
        n += f.n;
        /* In another frame they lie elsewhere. */
        struct cell_frame other = frame_at(-337597690, 114231700);
        assert_int_equal(tile_file_places(&f, &other, &err), WS_EINPUT);
        tile_file_free(&f);
        buf_free(&b);
    }
    assert_int_equal(n, m.n);
    mapset_free(&m);
}

static void test_damage(void **state) {
    (void)state;
    struct mapset m = town();
    struct buf b = {0};
    struct tile_file f;
    uint8_t root[32];
    encode(&m, 1, &b, root);
    for (size_t n = 0; n < b.n; n++)
        assert_int_not_equal(tile_file_decode(span_of(b.p, n), &f, NULL), WS_OK);
    size_t held = 0;
    for (size_t bit = 0; bit < 8 * b.n; bit++) {
        struct ws_err err = {0};
        b.p[bit / 8] = (uint8_t)(b.p[bit / 8] ^ 1U << bit % 8);
        if (tile_file_decode(buf_span(&b), &f, &err) == WS_OK) {
            /* Cell and version are not under the root: who asked compares them. Nor is all of the place in the list. */
            assert_true(bit / 8 >= 9 && bit / 8 < 9 + 32 + 8 + 4 + 32 + 16);
            assert_memory_equal(f.root, root, 32);
            held++;
            tile_file_free(&f);
        } else {
            assert_string_not_equal(err.text, "");
        }
        b.p[bit / 8] = (uint8_t)(b.p[bit / 8] ^ 1U << bit % 8);
    }
    assert_true(held < 8 * (32 + 8 + 16));
    buf_u8(&b, 0);
    assert_int_equal(tile_file_decode(buf_span(&b), &f, NULL), WS_EINPUT);
    buf_free(&b);
    mapset_free(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_tile), cmocka_unit_test(test_damage)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
