/* The way of a proven certificate from one thread to another. */
#include "tests/support/cm.h"
#include "tests/support/pki.h"

#include "pktio/cert_cache.h"
#include "pktio/lessons.h"

#include <pthread.h>
#include <sched.h>

static const uint8_t octets[CERT_CACHE_OCTETS + 1] = {1, 2, 3};

struct rig {
    struct pki pki;
    struct station car;
    struct verify_key *key;
    struct lessons *q;
    unsigned by; /* producer */
};

static int setup(void **state) {
    struct rig *r = ws_alloc(sizeof(*r));
    struct cert c;
    size_t at = 0;
    pki_init(&r->pki, 3);
    pki_vehicle(&r->pki, &r->car);
    assert_int_equal(cert_parse(buf_span(&r->car.cert), &c, &at), COER_OK);
    r->key = verify_key_new(c.key_curve, &c.key);
    assert_non_null(r->key);
    r->q = lessons_new(8);
    *state = r;
    return 0;
}

static int teardown(void **state) {
    struct rig *r = *state;
    lessons_free(r->q);
    verify_key_unref(r->key);
    station_free(&r->car);
    pki_free(&r->pki);
    free(r);
    return 0;
}

static struct pipeline_proven proven(struct rig *r, const uint8_t *hash, size_t n) {
    static const uint8_t issuer[32] = {9};
    return (struct pipeline_proven){.cert = span_of(octets, n),
        .hash = hash,
        .issuer_hash = issuer,
        .key = r->key,
        .store = r->pki.trust};
}

static void in_order_and_bounded(void **state) {
    struct rig *r = *state;
    struct pipeline_proven got;
    assert_false(lessons_first(r->q, &got));
    for (unsigned turn = 0; turn < 3; turn++) {
        for (unsigned i = 0; i < 8; i++) {
            uint8_t hash[32] = {(uint8_t)i};
            struct pipeline_proven c = proven(r, hash, 100 + i);
            assert_true(lessons_put(r->q, &c));
        }
        uint8_t hash[32] = {8};
        struct pipeline_proven more = proven(r, hash, 10);
        assert_false(lessons_put(r->q, &more));
        for (unsigned i = 0; i < 8; i++) {
            assert_true(lessons_first(r->q, &got));
            assert_int_equal(got.hash[0], i);
            assert_int_equal(got.issuer_hash[0], 9);
            assert_int_equal(got.cert.n, 100 + i);
            assert_memory_equal(got.cert.p, octets, got.cert.n);
            assert_ptr_equal(got.key, r->key);
            assert_ptr_equal(got.store, r->pki.trust);
            lessons_drop(r->q);
        }
        assert_false(lessons_first(r->q, &got));
    }
    uint8_t hash[32] = {0};
    struct pipeline_proven longest = proven(r, hash, CERT_CACHE_OCTETS);
    struct pipeline_proven longer = proven(r, hash, CERT_CACHE_OCTETS + 1);
    assert_true(lessons_put(r->q, &longest)); /* left for lessons_free */
    assert_false(lessons_put(r->q, &longer));
}

enum { EACH = 20000 };

static void *produce(void *arg) {
    struct rig *r = arg;
    for (uint32_t i = 0; i < EACH;) {
        uint8_t hash[32] = {(uint8_t)r->by};
        memcpy(hash + 4, &i, sizeof(i));
        struct pipeline_proven c = proven(r, hash, 200);
        if (lessons_put(r->q, &c))
            i++;
        else
            (void)sched_yield();
    }
    return NULL;
}

static void from_several_threads(void **state) {
    struct rig *r = *state;
    struct rig by[3] = {*r, *r, *r};
    pthread_t t[3];
    uint32_t next[3] = {0};
    for (unsigned i = 0; i < 3; i++) {
        by[i].by = i;
        assert_int_equal(pthread_create(&t[i], NULL, produce, &by[i]), 0);
    }
    for (unsigned n = 0; n < 3 * EACH;) {
        struct pipeline_proven got;
        if (!lessons_first(r->q, &got)) {
            (void)sched_yield();
            continue;
        }
        uint32_t i = 0;
        memcpy(&i, got.hash + 4, sizeof(i));
        assert_int_equal(i, next[got.hash[0]]++); /* in order of each */
        lessons_drop(r->q);
        n++;
    }
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(pthread_join(t[i], NULL), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(in_order_and_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(from_several_threads, setup, teardown),
    };
    return cmocka_run_group_tests_name("lessons", tests, NULL, NULL);
}
