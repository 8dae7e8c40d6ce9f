/* Tiles, net diffs over several versions, and whole maps that say what comes next. */
#include "tests/support/cm.h"

#include <stdlib.h>

#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "ledger/light/merkle.h"
#include "mapsvc/fuse/contract_internal.h"
#include "mapsvc/fuse/map_state.h"
#include "mapsvc/fuse/range.h"
#include "tests/support/map_rig.h"

enum { SIGNS = 12 };

static void town(struct map_rig *r) {
    struct mapset m = {.ns = "rig"};
    for (uint32_t i = 0; i < SIGNS; i++) { /* over 11 km: several tiles */
        struct element e = rig_sign(i, 50, (int32_t)(1000000 * i), -4000, 0);
        mapset_add(&m, &e);
    }
    struct element nowhere = rig_sign(SIGNS, 1, 0, 0, 0);
    nowhere.n_points = 0;
    mapset_add(&m, &nowhere);
    rig_start(r, &m);
}

static void order(struct map_rig *r, struct map_order o, uint8_t ret_id[static 32]) {
    struct buf b = {0};
    map_order_encode(&o, &b);
    rig_begin(r, r->now_ms + 1000);
    assert_int_equal(rig_order(r, MAP_ORDER_CHANGE, buf_span(&b), ret_id), MAP_OK);
    rig_end(r);
    buf_free(&b);
    map_order_free(&o);
}

static void take_back(struct map_rig *r, const uint8_t id[static 32]) {
    struct buf b = {0};
    uint8_t own[32];
    map_withdraw_encode(id, &b);
    rig_begin(r, r->now_ms + 1000);
    assert_int_equal(rig_order(r, MAP_ORDER_WITHDRAW, buf_span(&b), own), MAP_OK);
    rig_end(r);
    buf_free(&b);
}

static struct map_order set(uint32_t n, int32_t value) {
    struct map_order o = {.op = MAP_MODIFY,
        .element = {.kind = EL_SIGN, .has_value = true, .value = value, .valid_to_ms = INT64_MAX}};
    rig_id(n, o.element.id);
    return o;
}

static struct map_order away(uint32_t n) {
    struct map_order o = {.op = MAP_DELETE, .element = {.kind = EL_SIGN, .valid_to_ms = INT64_MAX}};
    rig_id(n, o.element.id);
    return o;
}

static struct map_order new_at(enum element_kind kind, int32_t x) {
    struct map_order o = {.op = MAP_CREATE, .element = {.kind = kind, .valid_to_ms = INT64_MAX}};
    bool ok = element_add_point(&o.element, (struct map_point){x, 3000, 0});
    assert_true(ok);
    return o;
}

/* Versions 2 to 9: changed (2), moved into another tile (3), created (4), created (5), deleted (6), the first creation
 * withdrawn (7), the deletion withdrawn (8), deleted (9). */
static void history(struct map_rig *r) {
    uint8_t id[32];
    uint8_t made[32];
    uint8_t gone[32];
    town(r);
    order(r, set(1, 30), id);
    struct map_order o = set(2, 50);
    bool ok = element_add_point(&o.element, (struct map_point){9000000, -4000, 0});
    assert_true(ok);
    order(r, o, id);
    order(r, new_at(EL_SIGN, 500000), made);
    order(r, new_at(EL_HAZARD, 700000), id);
    order(r, away(3), gone);
    take_back(r, made);
    take_back(r, gone);
    order(r, away(4), id);
    assert_int_equal(r->n_versions, 8);
}

static const struct map_version **list_of(const struct map_rig *r, size_t from, size_t n) {
    const struct map_version **list = ws_calloc(n, sizeof(struct map_version *));
    for (size_t i = 0; i < n; i++)
        list[i] = &r->versions[from + i];
    return list;
}

static const struct range_change *find(const struct map_range *g, uint32_t n) {
    uint8_t id[16];
    rig_id(n, id);
    for (size_t i = 0; i < g->n; i++)
        if (memcmp(g->changes[i].element_id, id, 16) == 0)
            return &g->changes[i];
    return NULL;
}

static void test_net(void **state) {
    (void)state;
    struct map_rig r;
    history(&r);
    const struct map_version **all = list_of(&r, 0, 8);
    struct map_range g;
    assert_int_equal(map_range_of(all, 8, &g, NULL), WS_OK);
    assert_int_equal(g.from, 1);
    assert_int_equal(g.to, 9);
    assert_true(g.geometry);
    assert_int_equal(g.n, 6);
    for (size_t i = 1; i < g.n; i++) { /* by kind, then id */
        const struct range_change *a = &g.changes[i - 1];
        const struct range_change *b = &g.changes[i];
        assert_true(a->kind < b->kind ||
                    (a->kind == b->kind && memcmp(a->element_id, b->element_id, 16) < 0));
    }
    assert_int_equal(find(&g, 1)->op, MAP_MODIFY);
    assert_int_equal(find(&g, 1)->after->value, 30);
    assert_int_equal(find(&g, 4)->op, MAP_DELETE);
    /* Went and came back: as it was, but for its revision. */
    assert_int_equal(find(&g, 3)->op, MAP_MODIFY);
    assert_true(element_same_content(find(&g, 3)->before, find(&g, 3)->after));
    assert_int_equal(find(&g, 3)->first_version, 6);
    assert_int_equal(find(&g, 3)->last_version, 8);
    size_t stones = 0;
    for (size_t i = 0; i < g.n; i++)
        if (g.changes[i].tombstone) {
            stones++;
            assert_int_equal(g.changes[i].op, MAP_DELETE);
            assert_int_equal(g.changes[i].first_version, 4);
            assert_int_equal(g.changes[i].last_version, 7);
            assert_null(g.changes[i].before);
            assert_null(g.changes[i].after);
        }
    assert_int_equal(stones, 1);
    map_range_free(&g);
    free((void *)all);
    rig_free(&r);
}

/* Any A to any B is the same map as one version after the other. */
static void test_ranges_apply(void **state) {
    (void)state;
    struct map_rig r;
    history(&r);
    for (size_t a = 0; a < 8; a++) {
        for (size_t b = a; b < 8; b++) {
            struct buf octets = {0};
            struct mapset m;
            mapset_encode(&r.base, &octets);
            assert_int_equal(mapset_decode(buf_span(&octets), &m, NULL), WS_OK);
            for (size_t i = 0; i < a; i++)
                assert_int_equal(map_version_apply(&r.versions[i], &m, NULL), WS_OK);
            const struct map_version **list = list_of(&r, a, b - a + 1);
            struct map_range g;
            assert_int_equal(map_range_of(list, b - a + 1, &g, NULL), WS_OK);
            assert_int_equal(map_range_apply(&g, &m, NULL), WS_OK);
            uint8_t root[32];
            map_root(&m, root);
            assert_memory_equal(root, r.versions[b].root, 32);
            /* Twice is refused, and leaves it alone. */
            struct ws_err err;
            assert_int_equal(map_range_apply(&g, &m, &err), WS_EINPUT);
            map_root(&m, root);
            assert_memory_equal(root, r.versions[b].root, 32);
            map_range_free(&g);
            free((void *)list);
            mapset_free(&m);
            buf_free(&octets);
        }
    }
    rig_free(&r);
}

static void test_gaps(void **state) {
    (void)state;
    struct map_rig r;
    history(&r);
    struct map_range g;
    struct ws_err err;
    const struct map_version *gap[] = {&r.versions[0], &r.versions[2]};
    assert_int_equal(map_range_of(gap, 2, &g, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "4 follows 2: a gap"));
    assert_int_equal(map_range_of(gap, 0, &g, &err), WS_EINPUT);
    r.versions[1].policy_hash[0] ^= 1; /* another record */
    const struct map_version *bent[] = {&r.versions[1], &r.versions[2]};
    assert_int_equal(map_range_of(bent, 2, &g, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "4 does not follow on this 3"));
    rig_free(&r);
}

/* ---- the map out of the state ---- */

/* All entries, those of other things among them; the first `most` octets of values. */
static int take_state(struct map_rig *r, size_t most, struct map_state *s, struct ws_err *err) {
    uint8_t after[EXEC_KEY_MAX];
    size_t n = 0;
    struct span key;
    struct span value;
    *s = (struct map_state){0};
    while (exec_next(&r->host, span_of("", 0), span_of(after, n), &key, &value)) {
        memcpy(after, key.p, key.n);
        n = key.n;
        int rc = map_state_take(s, key, span_of(value.p, value.n < most ? value.n : most), err);
        if (rc != WS_OK) {
            map_state_free(s);
            return rc;
        }
    }
    int rc = map_state_end(s, err);
    if (rc != WS_OK)
        map_state_free(s);
    return rc;
}

static void test_map_state(void **state) {
    (void)state;
    struct map_rig r;
    struct map_state s;
    struct ws_err err = {0};
    uint8_t root[32];
    uint8_t record[32];
    struct buf b = {0};
    struct buf own = {0};
    struct buf taken = {0};
    history(&r);
    if (take_state(&r, SIZE_MAX, &s, &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(s.version, 9);
    map_root(&s.map, root);
    assert_memory_equal(root, s.root, 32);
    assert_memory_equal(root, r.versions[7].root, 32);
    map_version_encode(&r.versions[7], &b);
    exec_sha256_one(buf_span(&b), record);
    assert_memory_equal(record, s.record, 32);
    mapset_encode(map_contract_current(r.contract.self), &own);
    mapset_encode(&s.map, &taken);
    assert_int_equal(own.n, taken.n);
    assert_memory_equal(own.p, taken.p, own.n);
    map_state_free(&s);
    buf_free(&b);
    buf_free(&own);
    buf_free(&taken);
    /* Values cut off anywhere. */
    for (size_t most = 0; most < 100; most++) {
        assert_int_equal(take_state(&r, most, &s, &err), WS_EINPUT);
        assert_non_null(strstr(err.text, "map state: "));
    }
    s = (struct map_state){0};
    assert_int_equal(map_state_end(&s, &err), WS_ENOTFOUND);
    assert_int_equal(map_state_take(&s, span_of("", 0), span_of("", 0), &err), WS_OK);
    assert_int_equal(map_state_take(&s, span_of("v", 1), span_of("\2", 1), &err), WS_EINPUT);
    assert_int_equal(map_state_take(&s, span_of("eee", 3), span_of("\1x", 2), &err), WS_EINPUT);
    map_state_free(&s);
    rig_free(&r);
}

static void snapshot_of(struct map_rig *r, struct buf *b) {
    struct map_state s;
    assert_int_equal(take_state(r, SIZE_MAX, &s, NULL), WS_OK);
    struct map_snapshot of = {.version = s.version, .map = s.map};
    memcpy(of.cell_id, r->host.cell_id, sizeof(of.cell_id));
    memcpy(of.root, s.root, sizeof(of.root));
    memcpy(of.record, s.record, sizeof(of.record));
    map_snapshot_encode(&of, b);
    map_state_free(&s);
}

static void test_snapshot(void **state) {
    (void)state;
    struct map_rig r;
    history(&r);
    struct buf b = {0};
    snapshot_of(&r, &b);
    struct map_snapshot s;
    assert_int_equal(map_snapshot_decode(buf_span(&b), &s, NULL), WS_OK);
    assert_int_equal(s.version, 9);
    /* It says what goes on from it. */
    uint8_t id[32];
    order(&r, set(5, 70), id);
    const struct map_version *next = &r.versions[8];
    assert_int_equal(next->version, s.version + 1);
    assert_memory_equal(next->previous_record, s.record, 32);
    assert_int_equal(map_version_apply(next, &s.map, NULL), WS_OK);
    mapset_free(&s.map);
    for (size_t n = 0; n < b.n; n += n < 160 ? 1 : 37)
        assert_int_not_equal(map_snapshot_decode(span_of(b.p, n), &s, NULL), WS_OK);
    for (size_t i = 8 * 81; i < 8 * b.n;
         i += 61) { /* behind version and record, everything is bound by the root */
        if (i / 8 >= 8 + 1 + 32 + 8 && i / 8 < 8 + 1 + 32 + 8 + 32)
            continue;
        b.p[i / 8] ^= (uint8_t)(1U << i % 8);
        if (map_snapshot_decode(buf_span(&b), &s, NULL) == WS_OK)
            mapset_free(&s.map); /* the frame and the name of the base are not in the root */
        b.p[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    struct ws_err err;
    b.p[b.n - 1] ^= 1;
    assert_int_equal(map_snapshot_decode(buf_span(&b), &s, &err), WS_EINPUT);
    buf_free(&b);
    rig_free(&r);
}

/* ---- nets as files ---- */

static struct mapset copy_map(const struct mapset *m) {
    struct buf octets = {0};
    struct mapset copy;
    mapset_encode(m, &octets);
    assert_int_equal(mapset_decode(buf_span(&octets), &copy, NULL), WS_OK);
    buf_free(&octets);
    return copy;
}

static void test_net_file(void **state) {
    (void)state;
    struct map_rig r;
    struct map_range g;
    struct map_range again;
    struct ws_err err = {0};
    struct buf b = {0};
    history(&r);
    const struct map_version **all = list_of(&r, 0, 8);
    assert_int_equal(map_range_of(all, 8, &g, NULL), WS_OK);
    map_range_encode(&g, &b);
    if (map_range_decode(buf_span(&b), &again, &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(again.from, 1);
    assert_int_equal(again.to, 9);
    assert_int_equal(again.n, g.n);
    size_t tombstones = 0;
    for (size_t i = 0; i < g.n; i++) {
        char a[1024];
        char c[1024];
        range_change_describe(&g.changes[i], a, sizeof(a));
        range_change_describe(&again.changes[i], c, sizeof(c));
        assert_string_equal(a, c);
        assert_int_equal(g.changes[i].tombstone, again.changes[i].tombstone);
        tombstones += again.changes[i].tombstone;
    }
    assert_int_equal(tombstones, 1);
    /* It leads from the base map to the last version, and from nowhere else. */
    struct mapset m = copy_map(&r.base);
    assert_int_equal(map_range_apply(&again, &m, &err), WS_OK);
    assert_int_equal(map_range_apply(&again, &m, &err), WS_EINPUT);
    mapset_free(&m);
    map_range_free(&again);
    /* Cut anywhere; and with a bit turned over it is refused, or does not lead to the root that it names, or says the same
     * but for the head. */
    for (size_t n = 0; n < b.n; n++)
        assert_int_not_equal(map_range_decode(span_of(b.p, n), &again, NULL), WS_OK);
    for (size_t bit = 0; bit < 8 * b.n; bit++) {
        b.p[bit / 8] = (uint8_t)(b.p[bit / 8] ^ 1U << bit % 8);
        if (map_range_decode(buf_span(&b), &again, &err) == WS_OK) {
            struct buf c = {0};
            map_range_encode(&again, &c);
            assert_true(span_equal(buf_span(&b), buf_span(&c)));
            buf_free(&c);
            m = copy_map(&r.base);
            uint8_t root[32];
            if (map_range_apply(&again, &m, &err) == WS_OK) {
                map_root(&m, root);
                assert_memory_equal(root, g.root, 32);
            }
            mapset_free(&m);
            map_range_free(&again);
        }
        b.p[bit / 8] = (uint8_t)(b.p[bit / 8] ^ 1U << bit % 8);
    }
    buf_u8(&b, 0);
    assert_int_equal(map_range_decode(buf_span(&b), &again, NULL), WS_EINPUT);
    buf_free(&b);
    map_range_free(&g);
    free((void *)all);
    rig_free(&r);
}

/* ---- tiles ---- */

static void test_tile_ids(void **state) {
    (void)state;
    assert_int_equal(tile_at(487597690, 114231700), 545556639);
    static const int32_t places[][2] = {{487597690, 114231700}, {-337000000, -704000000}, {-1, -1},
        {0, 0}, {599999999, 1799999999}, {-899999999, -1800000000}};
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        int32_t lat = 0;
        int32_t lon = 0;
        int32_t edge = 0;
        uint32_t id = tile_at(places[i][0], places[i][1]);
        assert_true(tile_bounds(id, &lat, &lon, &edge));
        assert_true(edge > 219000 && edge < 220000);
        assert_in_range(places[i][0] - lat, 0, edge + 1);
        assert_in_range(places[i][1] - lon, 0, edge + 1);
        assert_int_equal(tile_at(lat + edge / 2, lon + edge / 2), id);
        assert_int_not_equal(tile_at(lat + edge / 2, lon + edge + edge / 2), id);
    }
    int32_t x = 0;
    assert_false(tile_bounds(0, &x, &x, &x));
    assert_false(tile_bounds(UINT32_MAX, &x, &x, &x));
}

/* Every member is found in the map, however much came and went since the tiles were built. */
static void finds_all(const struct tiles *t, const struct mapset *m) {
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++) {
        for (size_t k = 0; k < t->v[i].n; k++, n++) {
            const struct element *e = tiles_element(t, m, &t->v[i].members[k]);
            assert_non_null(e);
            assert_ptr_equal(e, mapset_find(m, t->v[i].members[k].id));
        }
    }
    assert_int_equal(n, m->n);
}

/* Follows every change as if it were built anew; and one tile can be checked against the root alone. */
static void test_tiles(void **state) {
    (void)state;
    struct map_rig r;
    history(&r);
    struct tiles t = {0};
    uint8_t root[32];
    tiles_build(&t, &r.base);
    tiles_root(&t, root);
    assert_memory_equal(root, r.versions[0].previous_root, 32);
    assert_true(t.n >= 4);
    assert_int_equal(t.v[0].id, 0); /* what has no place */
    struct mapset m = copy_map(&r.base);
    finds_all(&t, &m);
    for (size_t i = 0; i < r.n_versions; i++) {
        tiles_apply(&t, &r.base.frame, r.versions[i].changes, r.versions[i].n_changes);
        assert_int_equal(
            map_changes_apply(r.versions[i].changes, r.versions[i].n_changes, &m, NULL), WS_OK);
        finds_all(&t, &m);
        tiles_root(&t, root);
        assert_memory_equal(root, r.versions[i].root, 32);
    }
    const struct tile_member nobody = {.at = 0};
    assert_null(tiles_element(&t, &m, &nobody));
    assert_true(t.drift > 0);
    mapset_free(&m);
    size_t at = tiles_find(&t, tile_at(487597690, 114231700));
    assert_true(at < t.n);
    assert_int_equal(tiles_find(&t, 1), t.n);
    uint8_t(*leaves)[32] = tiles_leaves(&t);
    uint8_t(*scratch)[32] = ws_calloc(t.n, 32);
    struct list_proof proof;
    uint8_t leaf[32];
    list_prove(exec_sha256, (const hash32 *)leaves, t.n, at, scratch, &proof);
    tile_leaf(t.v[at].id, t.v[at].root, leaf);
    assert_true(list_verify(exec_sha256, &proof, leaf, root));
    tile_leaf(t.v[at].id ^ 1, t.v[at].root, leaf);
    assert_false(list_verify(exec_sha256, &proof, leaf, root));
    free(scratch);
    free(leaves);
    tiles_free(&t);
    rig_free(&r);
}

static void test_empty_map(void **state) {
    (void)state;
    struct mapset m = {0};
    uint8_t root[32];
    uint8_t empty[32];
    map_root(&m, root);
    exec_list_root(NULL, 0, empty);
    assert_memory_equal(root, empty, 32);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_net),
        cmocka_unit_test(test_ranges_apply),
        cmocka_unit_test(test_gaps),
        cmocka_unit_test(test_map_state),
        cmocka_unit_test(test_snapshot),
        cmocka_unit_test(test_net_file),
        cmocka_unit_test(test_tile_ids),
        cmocka_unit_test(test_tiles),
        cmocka_unit_test(test_empty_map),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
