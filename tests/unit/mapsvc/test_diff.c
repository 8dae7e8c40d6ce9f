/* Version records: canonical both ways, every cut and flip refused or harmless, applied exactly. */
#include "tests/support/cm.h"

#include <stdio.h>

#include "base/random.h"
#include "ledger/exec/hash.h"
#include "mapsvc/fuse/diff.h"
#include "mapsvc/model/text.h"

static struct element sign(uint8_t id, int32_t value, int32_t x) {
    struct element e = {.kind = EL_SIGN,
        .has_value = true,
        .value = value,
        .has_heading = true,
        .heading = 16384,
        .valid_to_ms = INT64_MAX};
    memset(e.id, id, sizeof(e.id));
    assert_true(element_add_point(&e, (struct map_point){x, 2000, 0}));
    assert_true(element_set_attr(&e, "country", "DE"));
    char alias[32];
    (void)snprintf(alias, sizeof(alias), "lanelet2:way/%u", id);
    assert_true(element_add_alias(&e, alias));
    return e;
}

static struct mapset base_map(void) {
    struct mapset m = {0};
    for (uint8_t id = 1; id <= 5; id++) {
        struct element e = sign(id, 10 * id, 1000 * id);
        mapset_add(&m, &e);
    }
    mapset_sort(&m);
    return m;
}

static struct change_record change(enum map_change_op op, const struct mapset *m, uint8_t id) {
    struct change_record c = {.op = op,
        .tier = TIER_PERMANENT,
        .bits_q16 = 1402470,
        .threshold_q16 = 20 * 65536,
        .vehicles = 12,
        .groups = 4,
        .issuers = 2,
        .families = 3,
        .first_seen = 700000000000000,
        .last_seen = 700000100000000};
    memset(c.element_id, id, sizeof(c.element_id));
    memset(c.evidence_root, 0xe0, sizeof(c.evidence_root));
    c.has_before = op != MAP_CREATE;
    c.has_after = op != MAP_DELETE;
    if (c.has_before)
        c.before = element_copy(mapset_find(m, c.element_id));
    if (op == MAP_CREATE)
        c.after = sign(id, 30, 77000);
    if (op == MAP_MODIFY) {
        c.after = element_copy(&c.before);
        c.after.revision++;
        c.after.value = 99;
    }
    change_seal(&c);
    return c;
}

/* Deletes 1, changes 3, creates 9. */
static struct map_version sample(const struct mapset *m) {
    struct map_version v = {
        .version = 2, .height = 40, .block_time = 700000200000000, .geometry = true};
    memset(v.cell_id, 0xce, sizeof(v.cell_id));
    memset(v.policy_hash, 0x90, sizeof(v.policy_hash));
    v.changes = ws_calloc(3, sizeof(v.changes[0]));
    v.n_changes = 3;
    v.changes[0] = change(MAP_DELETE, m, 1);
    v.changes[1] = change(MAP_MODIFY, m, 3);
    v.changes[2] = change(MAP_CREATE, m, 9);
    map_root(m, v.previous_root);
    struct mapset after = {0};
    for (size_t i = 0; i < m->n; i++) {
        struct element e = element_copy(&m->elements[i]);
        mapset_add(&after, &e);
    }
    assert_int_equal(map_changes_apply(v.changes, v.n_changes, &after, NULL), WS_OK);
    map_root(&after, v.root);
    mapset_free(&after);
    return v;
}

static void test_round_trip(void **state) {
    (void)state;
    struct mapset m = base_map();
    struct map_version v = sample(&m);
    struct buf a = {0};
    map_version_encode(&v, &a);
    struct map_version back;
    assert_int_equal(map_version_decode(buf_span(&a), &back, NULL), WS_OK);
    assert_int_equal(back.n_changes, 3);
    assert_int_equal(back.changes[1].after.value, 99);
    assert_int_equal(back.changes[1].before.value, 30);
    struct buf b = {0};
    map_version_encode(&back, &b);
    assert_true(span_equal(buf_span(&a), buf_span(&b)));
    buf_free(&a);
    buf_free(&b);
    map_version_free(&back);
    map_version_free(&v);
    mapset_free(&m);
}

/* Goal of the product: the diff of one speed limit fits in 1 kB, also when its lane bends: the shape is in it once. */
static void test_one_limit_is_small(void **state) {
    (void)state;
    struct mapset m = {0};
    struct element e = sign(3, 50, 1000);
    e.kind = EL_SPEED_LIMIT;
    for (int32_t i = 0; i < 40; i++)
        assert_true(element_add_point(&e, (struct map_point){1000 * i, 7 * i * i, -i}));
    mapset_add(&m, &e);
    struct map_version v = {.version = 2, .n_changes = 1};
    v.changes = ws_calloc(1, sizeof(v.changes[0]));
    v.changes[0] = change(MAP_MODIFY, &m, 3);
    struct buf b = {0};
    map_version_encode(&v, &b);
    assert_true(b.n <= 1000);
    struct map_version back;
    assert_int_equal(map_version_decode(buf_span(&b), &back, NULL), WS_OK);
    uint8_t want[32];
    uint8_t have[32];
    element_hash(&v.changes[0].after, want);
    element_hash(&back.changes[0].after, have);
    assert_memory_equal(want, have, sizeof(want));
    map_version_free(&back);
    buf_free(&b);
    map_version_free(&v);
    mapset_free(&m);
}

/* Two elements that differ in the parts of `set`, in the order of the encoding. */
static struct element differing(const struct element *from, unsigned set) {
    struct element e = element_copy(from);
    e.revision += 7;
    if ((set & 1) != 0) {
        e.has_value = !e.has_value;
        e.value = e.has_value ? 30 : 0;
    }
    if ((set & 2) != 0)
        e.heading ^= 0x101;
    if ((set & 4) != 0)
        e.valid_from_ms = -5;
    if ((set & 8) != 0)
        assert_true(element_add_point(&e, (struct map_point){-1, INT32_MIN, INT32_MAX}));
    if ((set & 16) != 0)
        assert_true(element_set_attr(&e, "covered", "yes"));
    if ((set & 32) != 0)
        assert_true(element_add_alias(&e, "was:something"));
    return e;
}

static void test_differences(void **state) {
    (void)state;
    struct element from = sign(9, 50, 4000);
    struct ws_random rnd = ws_random_seeded(31);
    for (unsigned set = 0; set < 64; set++) {
        struct element to = differing(&from, set);
        struct buf b = {0};
        element_encode_difference(&from, &to, &b);
        assert_int_equal(b.p[5], set);
        assert_true(set != 0 || b.n == 6);
        struct element back;
        struct ws_err err;
        assert_int_equal(element_decode_difference(buf_span(&b), &from, &back, &err), WS_OK);
        uint8_t want[32];
        uint8_t have[32];
        element_hash(&to, want);
        element_hash(&back, have);
        assert_memory_equal(want, have, sizeof(want));
        element_free(&back);
        for (size_t n = 0; n < b.n; n++)
            assert_int_equal(
                element_decode_difference((struct span){b.p, n}, &from, &back, &err), WS_EINPUT);
        for (unsigned i = 0; i < 400; i++) {
            size_t at = (size_t)ws_random_below(&rnd, b.n);
            uint8_t bit = (uint8_t)(1U << ws_random_below(&rnd, 8));
            b.p[at] ^= bit;
            if (element_decode_difference(buf_span(&b), &from, &back, NULL) == WS_OK) {
                struct buf again = {0};
                element_encode_difference(&from, &back, &again);
                assert_true(span_equal(buf_span(&again), buf_span(&b)));
                buf_free(&again);
                element_free(&back);
            }
            b.p[at] ^= bit;
        }
        buf_free(&b);
        element_free(&to);
    }
    /* What is the same may not be said again. */
    struct buf b = {0};
    buf_u8(&b, 1);
    buf_u32(&b, 1);
    buf_u8(&b, 1);
    buf_u8(&b, 1);
    buf_i32(&b, 50);
    struct element back;
    struct ws_err err;
    assert_int_equal(element_decode_difference(buf_span(&b), &from, &back, &err), WS_EINPUT);
    b.p[b.n - 1]++;
    assert_int_equal(element_decode_difference(buf_span(&b), &from, &back, &err), WS_OK);
    assert_int_equal(back.value, 51);
    element_free(&back);
    b.p[0] = 2;
    assert_int_equal(element_decode_difference(buf_span(&b), &from, &back, &err), WS_ENOTSUP);
    buf_free(&b);
    element_free(&from);
}

static void test_cut_and_flipped(void **state) {
    (void)state;
    struct mapset m = base_map();
    struct map_version v = sample(&m);
    struct buf b = {0};
    map_version_encode(&v, &b);
    struct map_version back;
    struct ws_err err;
    for (size_t n = 0; n < b.n; n++) {
        assert_true(map_version_decode((struct span){b.p, n}, &back, &err) != WS_OK);
        assert_true(err.text[0] != '\0');
    }
    buf_u8(&b, 0);
    assert_int_equal(map_version_decode(buf_span(&b), &back, &err), WS_EINPUT);
    b.n--;
    /* Changes are bound by their ids: no flip inside them passes. Only the head's free fields can differ. */
    struct ws_random rnd = ws_random_seeded(3);
    const size_t head = 1 + 32 + 8 + 5 * 32 + 8 + 8;
    for (unsigned i = 0; i < 5000; i++) {
        size_t at = (size_t)ws_random_below(&rnd, b.n);
        uint8_t bit = (uint8_t)(1U << ws_random_below(&rnd, 8));
        b.p[at] ^= bit;
        int rc = map_version_decode(buf_span(&b), &back, NULL);
        if (rc == WS_OK) {
            assert_true(at < head);
            map_version_free(&back);
        }
        b.p[at] ^= bit;
    }
    buf_free(&b);
    map_version_free(&v);
    mapset_free(&m);
}

static void refused(struct map_version *v, const char *why) {
    struct buf b = {0};
    for (size_t i = 0; i < v->n_changes; i++)
        change_seal(&v->changes[i]);
    map_version_encode(v, &b);
    struct map_version back;
    struct ws_err err;
    assert_int_equal(map_version_decode(buf_span(&b), &back, &err), WS_EINPUT);
    if (strstr(err.text, why) == NULL)
        fail_msg("'%s' does not say '%s'", err.text, why);
    buf_free(&b);
}

static void test_contradictions(void **state) {
    (void)state;
    struct mapset m = base_map();
    struct map_version v = sample(&m);
    v.geometry = false;
    refused(&v, "class");
    v.geometry = true;
    v.changes[1].after.revision++;
    refused(&v, "revision");
    v.changes[1].after.revision--;
    v.changes[2].after.id[0] ^= 1;
    refused(&v, "another id");
    v.changes[2].after.id[0] ^= 1;
    v.changes[1].before.id[0] ^= 1;
    refused(&v, "another id");
    v.changes[1].before.id[0] ^= 1;
    v.changes[1].tier = TIER_ADVISORY;
    refused(&v, "advisory");
    v.changes[1].tier = TIER_PERMANENT;
    v.changes[1].first_seen = v.changes[1].last_seen + 1;
    refused(&v, "last seen");
    v.changes[1].first_seen = 0;
    v.changes[2].op = MAP_MODIFY;
    refused(&v, "do not fit");
    v.changes[2].op = MAP_CREATE;
    v.version = 1;
    refused(&v, "head");
    map_version_free(&v);
    mapset_free(&m);
}

static void assert_refuses(const struct map_version *v, struct mapset *m, const char *why) {
    uint8_t before[32];
    uint8_t after[32];
    mapset_digest(m, before);
    struct ws_err err;
    assert_int_equal(map_version_apply(v, m, &err), WS_EINPUT);
    if (strstr(err.text, why) == NULL)
        fail_msg("'%s' does not say '%s'", err.text, why);
    mapset_digest(m, after);
    assert_memory_equal(before, after, 32);
}

static void test_apply(void **state) {
    (void)state;
    struct mapset m = base_map();
    struct map_version v = sample(&m);
    v.root[0] ^= 1;
    assert_refuses(&v, &m, "do not give its root");
    v.root[0] ^= 1;
    v.previous_root[0] ^= 1;
    assert_refuses(&v, &m, "predecessor");
    v.previous_root[0] ^= 1;
    v.changes[1].before.value++;
    assert_refuses(&v, &m, "`before`");
    v.changes[1].before.value--;

    assert_int_equal(map_version_apply(&v, &m, NULL), WS_OK);
    assert_int_equal(m.n, 5);
    uint8_t id[16];
    memset(id, 1, sizeof(id));
    assert_null(mapset_find(&m, id));
    memset(id, 3, sizeof(id));
    assert_int_equal(mapset_find(&m, id)->value, 99);
    assert_int_equal(mapset_find(&m, id)->revision, 1);
    memset(id, 9, sizeof(id));
    assert_int_equal(mapset_find(&m, id)->points[0].x, 77000);
    /* Not a second time. */
    assert_refuses(&v, &m, "predecessor");
    map_root(&m, v.previous_root);
    assert_refuses(&v, &m, "not there");
    map_version_free(&v);
    mapset_free(&m);
}

static void test_undo(void **state) {
    (void)state;
    struct mapset m = base_map();
    struct map_version v = sample(&m);
    uint8_t before[32];
    uint8_t after[32];
    struct ws_err err;
    mapset_digest(&m, before);
    assert_int_equal(map_version_undo(&v, &m, &err), WS_EINPUT); /* it was not applied */
    mapset_digest(&m, after);
    assert_memory_equal(before, after, 32);
    assert_int_equal(map_version_apply(&v, &m, &err), WS_OK);
    assert_int_equal(map_version_undo(&v, &m, &err), WS_OK);
    mapset_digest(&m, after);
    assert_memory_equal(before, after, 32);
    map_version_free(&v);
    mapset_free(&m);
}

static void test_describe(void **state) {
    (void)state;
    struct mapset m = base_map();
    struct map_version v = sample(&m);
    char text[512];
    change_describe(&v.changes[0], text, sizeof(text));
    assert_string_equal(
        text, "sign 10 removed, lanelet2:way/1: 12 vehicles, 3 software families, 21.3 bits of 20");
    change_describe(&v.changes[1], text, sizeof(text));
    assert_string_equal(
        text, "sign 30 -> 99, lanelet2:way/3: 12 vehicles, 3 software families, 21.3 bits of 20");
    v.changes[1].before.kind = v.changes[1].after.kind = EL_SPEED_LIMIT;
    v.changes[1].vehicles = v.changes[1].families = 1;
    v.changes[1].tier = TIER_ADVISORY;
    change_describe(&v.changes[1], text, sizeof(text));
    assert_string_equal(text, "advisory: speed limit 30 -> 99 km/h, lanelet2:way/3: 1 vehicle, 1 "
                              "software family, 21.3 bits of 20");
    v.changes[1].tier = TIER_ORDER;
    change_describe(&v.changes[1], text, sizeof(text));
    assert_string_equal(
        text, "speed limit 30 -> 99 km/h, lanelet2:way/3: by order of the authority");
    v.changes[1].has_withdraws = true;
    change_describe(&v.changes[1], text, sizeof(text));
    assert_string_equal(text, "speed limit 30 -> 99 km/h, lanelet2:way/3: as it was before an "
                              "order of the authority that is over or withdrawn");
    change_describe(&v.changes[2], text, 10);
    assert_string_equal(text, "new sign ");
    map_version_free(&v);
    mapset_free(&m);
}

static void expect_what(const struct change_record *c, const char *want) {
    char text[512];
    change_describe_what(c, text, sizeof(text));
    assert_string_equal(text, want);
}

/* What differs is said, also when it is neither figure nor place. */
static void test_describe_attributes(void **state) {
    (void)state;
    struct change_record c = {.op = MAP_MODIFY, .has_before = true, .has_after = true};
    struct element *was = &c.before;
    struct element *is = &c.after;
    was->kind = is->kind = EL_BOUNDARY;
    for (int i = 0; i < 3; i++) {
        const struct map_point p = {i * 10000, 0, 0};
        assert_true(element_add_point(was, p) && element_add_point(is, p));
    }
    assert_true(
        element_add_alias(was, "lanelet2:way/7") && element_add_alias(is, "lanelet2:way/7"));
    assert_true(element_set_attr(was, "subtype", "solid"));
    assert_true(element_set_attr(is, "subtype", "dashed"));
    expect_what(&c, "boundary changed: subtype solid -> dashed, lanelet2:way/7");
    assert_true(element_set_attr(is, "color", "white"));
    assert_true(element_set_attr(is, "successors", "way/9")); /* what other elements say */
    expect_what(
        &c, "boundary changed: color none -> white, subtype solid -> dashed, lanelet2:way/7");
    assert_true(element_set_attr(was, "a", "1") && element_set_attr(was, "b", "2"));
    expect_what(&c, "boundary changed: a 1 -> none, b 2 -> none, color none -> white and 1 more, "
                    "lanelet2:way/7");
    is->points[1].y = 30; /* below what one sees */
    expect_what(&c, "boundary changed: a 1 -> none, b 2 -> none, color none -> white and 1 more, "
                    "lanelet2:way/7");
    is->points[1].y = 2000;
    expect_what(&c,
        "boundary moved 2.0 m, a 1 -> none, b 2 -> none, color none -> white and 1 more, "
        "lanelet2:way/7");
    element_free(was);
    *was = element_copy(is);
    was->points[1].y = 1970;
    expect_what(&c, "boundary changed: shape, lanelet2:way/7");
    was->points[1].y = 2000;
    is->has_heading = true;
    expect_what(&c, "boundary changed: heading, lanelet2:way/7");
    is->has_heading = false;
    is->valid_to_ms = 5;
    expect_what(&c, "boundary changed: validity, lanelet2:way/7");
    char long_text[ELEMENT_MAX_TEXT + 1];
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    for (int k = 'p'; k < 's'; k++) {
        memset(long_text, k, 200);
        assert_true(element_set_attr(is, long_text, long_text));
    }
    char text[1024];
    change_describe_what(&c, text, sizeof(text));
    assert_non_null(strstr(text, ", lanelet2:way/7"));
    assert_true(strlen(text) < 400);
    /* cut between characters, wherever */
    assert_true(element_set_attr(is, "p", "stra\xc3\x9f\x65 \xe2\x82\xac \xf0\x9f\x9a\xa6 end"));
    for (size_t size = 1; size < sizeof(text); size++) {
        change_describe_what(&c, text, size);
        assert_true(text_is_clean(span_of(text, strlen(text))));
    }
    element_free(was);
    element_free(is);
}

static void test_advisories(void **state) {
    (void)state;
    struct mapset m = base_map();
    struct map_advisory a = {.height = 5, .block_time = 6, .valid_to = 7};
    a.change = change(MAP_MODIFY, &m, 2);
    a.change.tier = TIER_ADVISORY;
    change_seal(&a.change);
    struct buf b = {0};
    map_advisory_encode(&a, &b);
    struct map_advisory back;
    assert_int_equal(map_advisory_decode(buf_span(&b), &back, NULL), WS_OK);
    assert_int_equal(back.valid_to, 7);
    assert_memory_equal(back.change.id, a.change.id, 32);
    change_free(&back.change);
    for (size_t n = 0; n < b.n; n++)
        assert_true(map_advisory_decode((struct span){b.p, n}, &back, NULL) != WS_OK);
    buf_free(&b);
    a.change.tier = TIER_PERMANENT;
    change_seal(&a.change);
    map_advisory_encode(&a, &b);
    assert_int_equal(map_advisory_decode(buf_span(&b), &back, NULL), WS_EINPUT);
    buf_free(&b);
    change_free(&a.change);

    struct map_advisory_end e = {.height = 9, .block_time = 10, .why = ADVISORY_PERMANENT};
    memset(e.change_id, 3, sizeof(e.change_id));
    map_advisory_end_encode(&e, &b);
    struct map_advisory_end got;
    assert_int_equal(map_advisory_end_decode(buf_span(&b), &got, NULL), WS_OK);
    assert_memory_equal(got.change_id, e.change_id, 32);
    assert_int_equal(got.why, ADVISORY_PERMANENT);
    b.p[b.n - 1] = 5;
    assert_int_equal(map_advisory_end_decode(buf_span(&b), &got, NULL), WS_EINPUT);
    buf_free(&b);
    mapset_free(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_one_limit_is_small),
        cmocka_unit_test(test_differences),
        cmocka_unit_test(test_cut_and_flipped),
        cmocka_unit_test(test_contradictions),
        cmocka_unit_test(test_apply),
        cmocka_unit_test(test_undo),
        cmocka_unit_test(test_describe),
        cmocka_unit_test(test_describe_attributes),
        cmocka_unit_test(test_advisories),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
