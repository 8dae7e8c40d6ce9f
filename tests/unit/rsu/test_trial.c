/* Two policies' changes side by side: what is the same thing, what comes first, who is alone. The course of whole captures is
 * tests/integration/try.sh. */
#include "tests/support/cm.h"

#include "base/mem.h"
#include "rsu/replay/trial.h"

#include <stdlib.h>

enum { MOST = 8, SECOND = 1000000, EPOCH = 700000000 };

struct course {
    struct trial t;
    struct trial_change list[MOST];
};

static void course_free(struct course *c) {
    for (size_t i = 0; i < c->t.n; i++) {
        change_free(&c->list[i].record);
        if (c->list[i].advisories > 0)
            change_free(&c->list[i].advisory);
    }
}

static struct element sign_at(uint8_t id, int32_t x, int32_t value) {
    struct element e = {.kind = EL_SIGN,
        .id = {id},
        .has_value = true,
        .value = value,
        .has_heading = true,
        .heading = 100,
        .valid_to_ms = INT64_MAX};
    assert_true(element_add_point(&e, (struct map_point){x, 0, 0}));
    return e;
}

static struct change_record record(enum trial_class cls, uint8_t id, int32_t x, int32_t value) {
    struct change_record r = {.tier = TIER_PERMANENT, .element_id = {id}, .vehicles = 5};
    r.op = cls == TRIAL_NEW ? MAP_CREATE : cls == TRIAL_REMOVED ? MAP_DELETE : MAP_MODIFY;
    r.has_before = cls != TRIAL_NEW;
    r.has_after = cls != TRIAL_REMOVED;
    if (r.has_before)
        r.before = sign_at(id, 0, 50);
    if (r.has_after)
        r.after = sign_at(id, x, value);
    change_seal(&r);
    return r;
}

/* advised, confirmed: seconds; 0: never */
static struct trial_change *add(struct course *c, enum trial_class cls, uint8_t id, int32_t x,
    int32_t value, uint64_t advised, uint64_t confirmed) {
    struct trial_change *e = &c->list[c->t.n++];
    *e = (struct trial_change){.cls = cls, .record = record(cls, id, x, value)};
    if (advised > 0) {
        e->advisories = 1;
        e->advisory = record(cls, id, x, value);
        e->advisory.vehicles = 2;
        e->advised_at = EPOCH + advised * SECOND;
    }
    e->confirmed = confirmed > 0;
    e->confirmed_at = EPOCH + confirmed * SECOND;
    c->t.changes = c->list;
    return e;
}

static void things_are_told_apart_by_what_and_where_they_are(void **state) {
    (void)state;
    struct course c = {0};
    const struct trial_change *base = add(&c, TRIAL_VALUE, 1, 0, 30, 1, 2);
    static const struct {
        enum trial_class cls;
        uint8_t id;
        int32_t x, value;
        bool same;
    } other[] = {
        {TRIAL_VALUE, 1, 0, 30, true},
        {TRIAL_VALUE, 1, 0, 20, false},
        {TRIAL_VALUE, 2, 0, 30, false},
        {TRIAL_REMOVED, 1, 0, 30, false},
        {TRIAL_MOVED, 1, 0, 30, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(other); i++) {
        struct course d = {0};
        const struct trial_change *o =
            add(&d, other[i].cls, other[i].id, other[i].x, other[i].value, 1, 0);
        assert_int_equal(trial_same_thing(base, o), other[i].same);
        assert_int_equal(trial_same_thing(o, base), other[i].same);
        course_free(&d);
    }
    course_free(&c);
}

/* What is new gets its id when it is confirmed, so two policies call one sign by two ids. */
static void what_is_new_or_moved_is_the_same_where_it_stands_together(void **state) {
    (void)state;
    static const struct {
        enum trial_class cls;
        uint8_t id;
        int32_t x, value;
        bool same;
    } other[] = {
        {TRIAL_NEW, 9, 103000, 30, true},
        {TRIAL_NEW, 9, 105000, 30, false},
        {TRIAL_NEW, 1, 100000, 50, false},
        {TRIAL_MOVED, 1, 103000, 30, false},
    };
    struct course c = {0};
    const struct trial_change *base = add(&c, TRIAL_NEW, 1, 100000, 30, 1, 2);
    const struct trial_change *moved = add(&c, TRIAL_MOVED, 7, 8000, 50, 1, 2);
    for (size_t i = 0; i < ARRAY_LEN(other); i++) {
        struct course d = {0};
        const struct trial_change *o =
            add(&d, other[i].cls, other[i].id, other[i].x, other[i].value, 0, 9);
        assert_int_equal(trial_same_thing(base, o), other[i].same);
        course_free(&d);
    }
    for (int32_t x = 8000; x <= 16000; x += 2000) {
        struct course d = {0};
        assert_int_equal(trial_same_thing(moved, add(&d, TRIAL_MOVED, 7, x, 50, 0, 9)), x <= 12000);
        assert_false(trial_same_thing(moved, add(&d, TRIAL_MOVED, 6, x, 50, 0, 9)));
        course_free(&d);
    }
    course_free(&c);
}

static void each_change_of_either_is_in_one_row_in_order_of_time(void **state) {
    (void)state;
    struct course a = {0};
    struct course b = {0};
    size_t n = 0;
    (void)add(&a, TRIAL_VALUE, 1, 0, 30, 10, 60);
    (void)add(&a, TRIAL_REMOVED, 2, 0, 0, 20, 90);
    (void)add(&a, TRIAL_NEW, 3, 50000, 80, 30, 0);
    (void)add(&a, TRIAL_REMOVED, 4, 0, 0, 0, 100);
    struct trial_change *fast = add(&b, TRIAL_VALUE, 1, 0, 30, 10, 20);
    fast->record.vehicles = 3;
    (void)add(&b, TRIAL_REMOVED, 5, 0, 0, 15, 0);
    (void)add(&b, TRIAL_NEW, 33, 51000, 80, 25, 80);
    (void)add(&b, TRIAL_REMOVED, 4, 0, 0, 95, 100);
    struct trial_row *rows = trial_compare(&a.t, &b.t, &n);
    assert_int_equal(n, 5);
    static const struct {
        int first, second; /* in its list; -1: none */
        enum trial_verdict permanent, advisory;
    } want[] = {
        {0, 0, TRIAL_EARLIER, TRIAL_SAME},
        {-1, 1, TRIAL_NEITHER, TRIAL_ONLY_SECOND},
        {1, -1, TRIAL_ONLY_FIRST, TRIAL_ONLY_FIRST},
        {2, 2, TRIAL_ONLY_SECOND, TRIAL_EARLIER},
        {3, 3, TRIAL_SAME, TRIAL_ONLY_SECOND},
    };
    for (size_t i = 0; i < n; i++) {
        assert_ptr_equal(rows[i].first, want[i].first < 0 ? NULL : &a.list[want[i].first]);
        assert_ptr_equal(rows[i].second, want[i].second < 0 ? NULL : &b.list[want[i].second]);
        assert_int_equal(rows[i].permanent, want[i].permanent);
        assert_int_equal(rows[i].advisory, want[i].advisory);
    }
    assert_int_equal(rows[0].permanent_us, -40 * SECOND);
    assert_int_equal(rows[0].permanent_vehicles, -2);
    assert_int_equal(rows[0].advisory_us, 0);
    assert_int_equal(rows[3].advisory_us, -5 * SECOND);
    assert_int_equal(rows[3].permanent_us, 0);
    free(rows);
    /* Seen from the other side, it is the other way round. */
    rows = trial_compare(&b.t, &a.t, &n);
    assert_int_equal(n, 5);
    assert_int_equal(rows[0].permanent, TRIAL_LATER);
    assert_int_equal(rows[0].permanent_us, 40 * SECOND);
    assert_int_equal(rows[2].permanent, TRIAL_ONLY_SECOND);
    free(rows);
    course_free(&a);
    course_free(&b);
}

/* A plate that is turned back and forth: the first of one is not compared with the second of the other. */
static void what_comes_again_is_paired_in_that_order(void **state) {
    (void)state;
    struct course a = {0};
    struct course b = {0};
    size_t n = 0;
    (void)add(&a, TRIAL_VALUE, 1, 0, 30, 10, 20);
    (void)add(&a, TRIAL_VALUE, 1, 0, 50, 30, 40);
    (void)add(&a, TRIAL_VALUE, 1, 0, 30, 50, 60);
    (void)add(&b, TRIAL_VALUE, 1, 0, 30, 10, 25);
    (void)add(&b, TRIAL_VALUE, 1, 0, 50, 30, 45);
    (void)add(&b, TRIAL_VALUE, 1, 0, 30, 50, 0);
    struct trial_row *rows = trial_compare(&a.t, &b.t, &n);
    assert_int_equal(n, 3);
    for (size_t i = 0; i < n; i++) {
        assert_ptr_equal(rows[i].first, &a.list[i]);
        assert_ptr_equal(rows[i].second, &b.list[i]);
        assert_int_equal(rows[i].permanent, i < 2 ? TRIAL_LATER : TRIAL_ONLY_FIRST);
    }
    free(rows);
    rows = trial_compare(&a.t, &(struct trial){0}, &n);
    assert_int_equal(n, 3);
    assert_int_equal(rows[2].permanent, TRIAL_ONLY_FIRST);
    free(rows);
    rows = trial_compare(&(struct trial){0}, &(struct trial){0}, &n);
    assert_int_equal(n, 0);
    free(rows);
    course_free(&a);
    course_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(things_are_told_apart_by_what_and_where_they_are),
        cmocka_unit_test(what_is_new_or_moved_is_the_same_where_it_stands_together),
        cmocka_unit_test(each_change_of_either_is_in_one_row_in_order_of_time),
        cmocka_unit_test(what_comes_again_is_paired_in_that_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
