/* Scores of tokens: weights against logarithms, the same table in any order, quarantine and the way out of it. */
#include "tests/support/cm.h"

#include "base/random.h"
#include "fedlearn/round/suspicion.h"
#include "fedlearn/vehicle/standing.h"

#include <math.h>

static void name(uint8_t *token, uint32_t number) {
    memset(token, (int)(number * 37 % 251), FL_TOKEN);
    put_be32(token, number * 2654435761U);
}

static void test_weights(void **state) {
    (void)state;
    struct fl_suspicion_rules rules = FL_SUSPICION_DEFAULT;
    for (uint32_t g = 1; g <= 60; g++) {
        double good = fmax(1 - pow(0.95, g - 1), 0.02);
        struct fl_flag_weights w = fl_suspicion_weights(&rules, g, 0);
        if (good >= 0.95) {
            assert_int_equal(w.flagged, 0);
            assert_int_equal(w.clean, 0);
            continue;
        }
        assert_true(fabs(w.flagged / 65536.0 - log(0.95 / good)) < 1e-3);
        assert_true(fabs(w.clean / 65536.0 - log(0.05 / (1 - good))) < 1e-3);
    }
    assert_int_equal(fl_suspicion_weights(&rules, 1024, 0).flagged, 0);
}

static void sight(
    struct fl_suspicion *s, uint32_t token, unsigned times, bool flagged, uint16_t group_size) {
    for (unsigned i = 0; i < times; i++) {
        struct fl_sighting g = {.group_size = group_size, .flagged = flagged, .evidence = 1000 + i};
        name(g.token, token);
        (void)fl_suspicion_round(s, &g, 1, 0, NULL);
    }
}

static enum fl_standing standing(const struct fl_suspicion *s, uint32_t token) {
    uint8_t t[FL_TOKEN];
    name(t, token);
    return fl_suspicion_standing(s, t);
}

static void test_standing(void **state) {
    (void)state;
    struct fl_suspicion_rules rules = FL_SUSPICION_DEFAULT;
    struct fl_suspicion s = fl_suspicion_new(&rules, 10);
    assert_int_equal(standing(&s, 1), FL_FREE);
    sight(&s, 1, 11, true, 8); /* 11 * 1.147 < 13 */
    assert_int_equal(standing(&s, 1), FL_FREE);
    sight(&s, 1, 1, true, 8);
    assert_int_equal(standing(&s, 1), FL_QUARANTINED);
    assert_int_equal(s.all[0].evidence, 1000);
    /* In succession: one clean group in between begins anew. */
    sight(&s, 1, 3, true, 8);
    sight(&s, 1, 1, false, 8);
    sight(&s, 1, 3, true, 8);
    assert_int_equal(standing(&s, 1), FL_QUARANTINED);
    sight(&s, 1, 1, true, 8);
    assert_int_equal(standing(&s, 1), FL_EXCLUDED);
    sight(&s, 1, 50, false, 8);
    assert_int_equal(standing(&s, 1), FL_EXCLUDED);
    /* The way out, with half the threshold: six flags more and it is back. */
    sight(&s, 2, 12, true, 8);
    sight(&s, 2, 4, false, 8);
    assert_int_equal(standing(&s, 2), FL_FREE);
    sight(&s, 2, 5, true, 8);
    assert_int_equal(standing(&s, 2), FL_FREE);
    sight(&s, 2, 1, true, 8);
    assert_int_equal(standing(&s, 2), FL_QUARANTINED);
    /* Good conduct is not saved up. */
    sight(&s, 3, 1000, false, 8);
    sight(&s, 3, 12, true, 8);
    assert_int_equal(standing(&s, 3), FL_QUARANTINED);
    fl_suspicion_epoch(&s, 0);
    assert_int_equal(s.n, 3);
    fl_suspicion_epoch(&s, 1);
    assert_int_equal(s.n, 0);
    assert_int_equal(standing(&s, 1), FL_FREE);
    fl_suspicion_free(&s);
}

/* A cell of many rounds: the table does not depend on the order within a round, nor on going through octets. */
static void test_order(void **state) {
    (void)state;
    struct fl_suspicion_rules rules = FL_SUSPICION_DEFAULT;
    enum { N = 200, MAX = 30 };
    struct fl_suspicion a = fl_suspicion_new(&rules, MAX);
    struct fl_suspicion b = fl_suspicion_new(&rules, MAX);
    struct ws_random rnd = ws_random_seeded(3);
    struct buf x = {0};
    struct buf y = {0};
    for (unsigned round = 0; round < 60; round++) {
        struct fl_sighting v[N + 5];
        struct fl_sighting w[N + 5];
        size_t n = 0;
        for (uint32_t i = 0; i < N; i++) {
            if (ws_random_below(&rnd, 4) == 0)
                continue;
            v[n] = (struct fl_sighting){.group_size = (uint16_t)(8 + i % 3),
                .flagged = i < 20 || ws_random_below(&rnd, 5) == 0,
                .evidence = round * 100 + i / 8 + 1};
            name(v[n++].token, i);
        }
        for (unsigned twins = 0; twins < 5; twins++) {
            v[n] = v[ws_random_below(&rnd, n)];
            v[n++].evidence += twins % 2;
        }
        memcpy(w, v, sizeof(v));
        for (size_t i = n; i > 1; i--) {
            size_t k = ws_random_below(&rnd, i);
            struct fl_sighting swap = w[i - 1];
            w[i - 1] = w[k];
            w[k] = swap;
        }
        struct fl_suspect left[N + 5];
        struct fl_suspect right[N + 5];
        const size_t changed = fl_suspicion_round(&a, v, n, 200000, left);
        assert_int_equal(fl_suspicion_round(&b, w, n, 200000, right), changed);
        for (size_t i = 0; i < changed; i++) {
            assert_memory_equal(left[i].token, right[i].token, FL_TOKEN);
            assert_int_equal(left[i].standing, right[i].standing);
            assert_int_equal(fl_suspicion_standing(&a, left[i].token), left[i].standing);
            assert_true(i == 0 || memcmp(left[i - 1].token, left[i].token, FL_TOKEN) < 0);
        }
        buf_clear(&x);
        buf_clear(&y);
        fl_suspicion_encode(&a, &x);
        fl_suspicion_encode(&b, &y);
        assert_true(span_equal(buf_span(&x), buf_span(&y)));
        struct ws_err err;
        if (fl_suspicion_decode(&b, buf_span(&y), &err) != 0)
            fail_msg("%s", err.text);
        uint8_t p[32];
        uint8_t q[32];
        fl_suspicion_root(&a, p);
        fl_suspicion_root(&b, q);
        assert_memory_equal(p, q, 32);
    }
    assert_int_equal(a.n, MAX);
    assert_true(a.full > 0 && a.full == b.full);
    size_t caught = 0;
    for (size_t i = 0; i < a.n; i++)
        caught += a.all[i].standing != FL_FREE;
    assert_true(caught > 8 && caught <= 20);
    for (uint32_t i = 20; i < N; i++)
        assert_int_equal(standing(&a, i), FL_FREE);
    /* Octets cut short or changed: refused by name, or another table that is encoded the same way. */
    for (size_t n = 0; n < x.n; n++)
        assert_int_not_equal(fl_suspicion_decode(&b, (struct span){x.p, n}, NULL), 0);
    for (size_t i = 0; i < x.n * 8; i += 5) {
        x.p[i / 8] ^= (uint8_t)(1U << i % 8);
        if (fl_suspicion_decode(&b, buf_span(&x), NULL) == 0) {
            buf_clear(&y);
            fl_suspicion_encode(&b, &y);
            assert_true(span_equal(buf_span(&x), buf_span(&y)));
        }
        x.p[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    buf_free(&x);
    buf_free(&y);
    fl_suspicion_free(&a);
    fl_suspicion_free(&b);
}

/* The policy changes in the middle of an epoch: the table of before is read, and follows the new rules. */
static void test_new_rules(void **state) {
    (void)state;
    struct fl_suspicion_rules before = FL_SUSPICION_DEFAULT;
    before.floor = -20 * FL_NAT;
    before.quarantine_rounds = 9;
    struct fl_suspicion_rules after = FL_SUSPICION_DEFAULT;
    after.quarantine_rounds = 2;
    struct fl_suspicion a = fl_suspicion_new(&before, 10);
    struct fl_suspicion b = fl_suspicion_new(&after, 10);
    sight(&a, 1, 30, false, 8); /* at the floor of before */
    sight(&a, 2, 12, true, 8); /* quarantined */
    sight(&a, 2, 5, true, 8);
    struct buf x = {0};
    struct ws_err err;
    fl_suspicion_encode(&a, &x);
    if (fl_suspicion_decode(&b, buf_span(&x), &err) != 0)
        fail_msg("%s", err.text);
    sight(&b, 1, 13, true, 8); /* the first takes it to the new floor */
    assert_int_equal(standing(&b, 1), FL_QUARANTINED);
    assert_int_equal(standing(&b, 2), FL_QUARANTINED);
    sight(&b, 2, 1, true, 8);
    assert_int_equal(standing(&b, 2), FL_EXCLUDED);
    buf_free(&x);
    fl_suspicion_free(&a);
    fl_suspicion_free(&b);
}

static void test_rules(void **state) {
    (void)state;
    struct ws_err err;
    struct fl_suspicion_rules rules = FL_SUSPICION_DEFAULT;
    assert_int_equal(fl_suspicion_check(&rules, &err), 0);
    rules.bad_ppm = 500000;
    assert_int_equal(fl_suspicion_check(&rules, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "bad_ppm of 500000"));
    rules = FL_SUSPICION_DEFAULT;
    rules.floor = 1;
    assert_int_equal(fl_suspicion_check(&rules, &err), WS_EINPUT);
    rules = FL_SUSPICION_DEFAULT;
    rules.quarantine_rounds = 0;
    assert_int_equal(fl_suspicion_check(&rules, &err), WS_EINPUT);
}

/* At once, known before or not, and as good as any other entry when it is read back. */
static void test_conviction(void **state) {
    (void)state;
    struct fl_suspicion_rules rules = FL_SUSPICION_DEFAULT;
    struct fl_suspicion s = fl_suspicion_new(&rules, 3);
    struct fl_suspicion back = fl_suspicion_new(&rules, 3);
    uint8_t token[FL_TOKEN];
    struct buf b = {0};
    sight(&s, 2, 1, true, 8);
    for (uint32_t t = 1; t <= 3; t++) {
        name(token, t);
        fl_suspicion_convict(&s, token, 70 + t);
        assert_int_equal(standing(&s, t), FL_EXCLUDED);
    }
    name(token, 4);
    fl_suspicion_convict(
        &s, token, 74); /* whoever was convicted longest ago has had the most of it */
    assert_int_equal(s.full, 1);
    assert_int_equal(s.n, 3);
    assert_int_equal(standing(&s, 4), FL_EXCLUDED);
    assert_int_equal(standing(&s, 1), FL_FREE);
    for (size_t i = 1; i < s.n; i++)
        assert_true(memcmp(s.all[i - 1].token, s.all[i].token, FL_TOKEN) < 0);
    sight(&s, 2, 5, false, 8); /* nothing sets it free */
    assert_int_equal(standing(&s, 2), FL_EXCLUDED);
    fl_suspicion_encode(&s, &b);
    assert_int_equal(fl_suspicion_decode(&back, buf_span(&b), NULL), 0);
    assert_int_equal(standing(&back, 3), FL_EXCLUDED);
    fl_suspicion_epoch(&s, 9);
    assert_int_equal(standing(&s, 2), FL_FREE);
    buf_free(&b);
    fl_suspicion_free(&s);
    fl_suspicion_free(&back);
}

/* Strangers by the thousand leave nothing behind, flagged ones give way to whom the score is higher of, and a conviction takes the place
 * of the least suspected. */
static void test_strangers(void **state) {
    (void)state;
    struct fl_suspicion_rules rules = FL_SUSPICION_DEFAULT;
    enum { MAX = 100 };
    struct fl_suspicion s = fl_suspicion_new(&rules, MAX);
    uint8_t token[FL_TOKEN];
    for (uint32_t t = 0; t < 5000; t++)
        sight(&s, 100000 + t, 1, false, 8);
    assert_int_equal(s.n, 0);
    assert_int_equal(s.full, 0);
    sight(&s, 3, 2, true, 8);
    assert_int_equal(s.n, 1);
    sight(&s, 3, 1, false, 8); /* a flag that was answered for is forgotten */
    assert_int_equal(s.n, 0);
    sight(&s, 1, 12, true, 8); /* quarantined */
    sight(&s, 2, 6, true, 8);
    for (uint32_t t = 0; t < 500; t++)
        sight(&s, 100000 + t, 1, true, 8);
    assert_int_equal(s.n, MAX);
    assert_int_equal(s.full, 500 + 2 - MAX);
    assert_int_equal(standing(&s, 1), FL_QUARANTINED);
    name(token, 7);
    fl_suspicion_convict(&s, token, 5);
    assert_int_equal(standing(&s, 7), FL_EXCLUDED);
    assert_int_equal(s.n, MAX);
    sight(&s, 2, 6, true, 8); /* its six flags have not been forgotten */
    assert_int_equal(standing(&s, 2), FL_QUARANTINED);
    /* Convictions alone fill it, and each still finds room. */
    for (uint32_t t = 0; t < 2 * MAX; t++) {
        name(token, 200000 + t);
        fl_suspicion_convict(&s, token, 1000 + t);
        assert_int_equal(standing(&s, 200000 + t), FL_EXCLUDED);
    }
    assert_int_equal(s.n, MAX);
    fl_suspicion_free(&s);
}

/* A vehicle finds its own entry in the octets of the table, and nobody else's; of octets that are none, nothing. */
static void test_own_standing(void **state) {
    (void)state;
    struct fl_suspicion_rules rules = FL_SUSPICION_DEFAULT;
    struct fl_suspicion s = fl_suspicion_new(&rules, 100);
    struct fl_suspect own;
    struct buf b = {0};
    uint8_t token[FL_TOKEN];
    fl_suspicion_encode(&s, &b);
    name(token, 0);
    assert_int_equal(fl_standing_find(buf_span(&b), token, &own, NULL), WS_OK);
    assert_int_equal(own.standing, FL_FREE);
    for (uint32_t t = 0; t < 30; t++)
        sight(&s, t, 3 + t % 14, true, 8); /* 12 quarantine, 16 exclude */
    buf_clear(&b);
    fl_suspicion_encode(&s, &b);
    unsigned seen[FL_STANDING_COUNT] = {0};
    for (uint32_t t = 0; t < 60; t++) {
        name(token, t);
        assert_int_equal(fl_standing_find(buf_span(&b), token, &own, NULL), WS_OK);
        assert_memory_equal(own.token, token, FL_TOKEN);
        assert_int_equal(own.standing, standing(&s, t));
        assert_int_equal(own.flagged, t < 30 ? 3 + t % 14 : 0);
        assert_int_equal(own.score != 0, t < 30);
        seen[own.standing]++;
    }
    for (size_t i = 0; i < FL_STANDING_COUNT; i++)
        assert_true(seen[i] > 0);
    struct ws_err err;
    for (size_t n = 0; n < b.n; n++)
        assert_int_equal(fl_standing_find(span_of(b.p, n), token, &own, &err), WS_EINPUT);
    for (size_t i = 0; i < b.n * 8; i++) {
        b.p[i / 8] ^= (uint8_t)(1U << i % 8);
        if (fl_standing_find(buf_span(&b), token, &own, NULL) == WS_OK)
            assert_in_range(own.standing, 0, FL_STANDING_COUNT - 1);
        b.p[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    buf_free(&b);
    fl_suspicion_free(&s);
}

/* When most groups fail a flag says next to nothing, and the constant holds when few do. */
static void test_many_flags(void **state) {
    (void)state;
    struct fl_suspicion_rules rules = FL_SUSPICION_DEFAULT;
    const struct fl_flag_weights none = fl_suspicion_weights(&rules, 8, 0);
    const struct fl_flag_weights few = fl_suspicion_weights(&rules, 8, 300000);
    assert_int_equal(few.flagged, none.flagged);
    assert_int_equal(few.clean, none.clean);
    for (uint32_t seen = 400000; seen <= 900000; seen += 100000) {
        const double good = seen / 1e6;
        const struct fl_flag_weights w = fl_suspicion_weights(&rules, 8, seen);
        assert_true(fabs(w.flagged / 65536.0 - log(0.95 / good)) < 1e-3);
        assert_true(fabs(w.clean / 65536.0 - log(0.05 / (1 - good))) < 1e-3);
    }
    /* One in five is bad: four of five groups fail, and an honest vehicle in four of five rounds. */
    struct fl_suspicion s = fl_suspicion_new(&rules, 100);
    struct ws_random rnd = ws_random_seeded(8);
    for (unsigned round = 0; round < 400; round++) {
        struct fl_sighting v[100];
        for (uint32_t i = 0; i < ARRAY_LEN(v); i++) {
            v[i] = (struct fl_sighting){.group_size = 8,
                .flagged = ws_random_below(&rnd, 1000) < 790,
                .evidence = round + 1};
            name(v[i].token, i);
        }
        (void)fl_suspicion_round(&s, v, ARRAY_LEN(v), 832000, NULL);
    }
    for (uint32_t i = 0; i < 100; i++)
        assert_int_equal(standing(&s, i), FL_FREE);
    assert_int_equal(fl_suspicion_weights(&rules, 1024, 1000000).flagged, 0);
    fl_suspicion_free(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_weights),
        cmocka_unit_test(test_strangers), cmocka_unit_test(test_own_standing),
        cmocka_unit_test(test_many_flags), cmocka_unit_test(test_standing),
        cmocka_unit_test(test_conviction), cmocka_unit_test(test_order),
        cmocka_unit_test(test_new_rules), cmocka_unit_test(test_rules)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
