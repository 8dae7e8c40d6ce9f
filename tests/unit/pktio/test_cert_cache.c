/* The certificate cache: what gives way to what, and HashedId8 collisions, which only a test can make. */
#include "tests/support/cm.h"
#include "tests/support/dot2.h"
#include "tests/support/pki.h"

#include "pktio/cert_cache.h"

struct fixture {
    struct pki pki;
    struct station s;
    struct cert cert;
};

static int setup(void **state) {
    struct fixture *f = ws_alloc(sizeof(*f));
    size_t at;
    pki_init(&f->pki, 1);
    pki_vehicle(&f->pki, &f->s);
    if (cert_parse(buf_span(&f->s.cert), &f->cert, &at) != COER_OK)
        return -1;
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    station_free(&f->s);
    pki_free(&f->pki);
    free(f);
    return 0;
}

/* The cache takes the hash as given, so the test may choose it. */
static struct cert_entry *add(
    struct fixture *f, struct cert_cache *c, uint8_t first, uint8_t last, bool proven) {
    static const uint8_t issuer[32] = {9};
    uint8_t hash[32] = {first, [31] = last};
    return cert_cache_add(
        c, &f->cert, hash, verify_key_new(f->cert.key_curve, &f->cert.key), proven ? issuer : NULL);
}

static bool has(struct cert_cache *c, uint8_t first, uint8_t last) {
    uint8_t hash[32] = {first, [31] = last};
    return cert_cache_find(c, hash) != NULL;
}

static void the_least_recently_used_gives_way(void **state) {
    struct fixture *f = *state;
    struct cert_cache *c = cert_cache_new(3);
    for (uint8_t i = 0; i < 3; i++) {
        assert_non_null(add(f, c, 1, i, true));
    }
    assert_true(has(c, 1, 0)); /* used again: 1 is the oldest now */
    assert_non_null(add(f, c, 1, 3, true));
    assert_int_equal(cert_cache_used(c), 3);
    assert_false(has(c, 1, 1));
    assert_true(has(c, 1, 0) && has(c, 1, 2) && has(c, 1, 3));
    cert_cache_free(c);
}

static void the_pinned_do_not_give_way(void **state) {
    struct fixture *f = *state;
    struct cert_cache *c = cert_cache_new(2);
    struct cert_entry *oldest = add(f, c, 1, 0, true);
    cert_cache_pin(oldest);
    assert_non_null(add(f, c, 1, 1, true));
    assert_true(cert_cache_room(c));
    struct cert_entry *other = add(f, c, 1, 2, true);
    assert_true(has(c, 1, 0) && !has(c, 1, 1));
    cert_cache_pin(other);
    assert_false(cert_cache_room(c));
    assert_null(add(f, c, 1, 3, true));
    cert_cache_unpin(oldest);
    assert_non_null(add(f, c, 1, 3, true));
    assert_true(!has(c, 1, 0) && has(c, 1, 2));
    cert_cache_unpin(other);
    cert_cache_free(c);
}

static void unproven_never_displaces_proven(void **state) {
    struct fixture *f = *state;
    struct cert_cache *c = cert_cache_new(3);
    assert_non_null(add(f, c, 1, 0, true));
    assert_non_null(add(f, c, 2, 1, false));
    assert_non_null(add(f, c, 2, 2, false));
    assert_non_null(add(f, c, 2, 3, false)); /* displaces an unproven one */
    assert_true(has(c, 1, 0) && has(c, 2, 2) && has(c, 2, 3));
    assert_false(has(c, 2, 1));
    assert_non_null(add(f, c, 1, 4, true)); /* and unproven ones go first for a proven one */
    assert_non_null(add(f, c, 1, 5, true));
    assert_true(has(c, 1, 0) && has(c, 1, 4) && has(c, 1, 5));
    assert_null(add(f, c, 2, 6, false));
    assert_int_equal(cert_cache_used(c), 3);
    cert_cache_free(c);
}

static void same_hashed_id8(void **state) {
    struct fixture *f = *state;
    struct cert_cache *c = cert_cache_new(16);
    struct cert_entry *found[CERT_CACHE_SAME_ID];
    const uint8_t id8[8] = {[7] = 7};
    assert_int_equal(cert_cache_find_id8(c, id8, CERT_HASH_SHA256, found), 0);
    assert_non_null(add(f, c, 1, 7, false));
    assert_non_null(add(f, c, 2, 7, true));
    assert_non_null(add(f, c, 3, 7, false));
    assert_non_null(add(f, c, 4, 8, true));
    assert_int_equal(cert_cache_find_id8(c, id8, CERT_HASH_SHA256, found), 3);
    assert_int_equal(found[0]->hash[0], 2); /* proven first */
    assert_true(found[0]->proven);
    assert_false(found[1]->proven || found[2]->proven);
    assert_int_equal(cert_cache_find_id8(c, id8, CERT_HASH_SHA384, found), 0);
    for (uint8_t i = 10; i < 20; i++)
        assert_non_null(add(f, c, i, 7, true));
    assert_int_equal(cert_cache_find_id8(c, id8, CERT_HASH_SHA256, found), CERT_CACHE_SAME_ID);
    cert_cache_free(c);
}

/* Certificates ground to share a bucket make no long chain. */
static void unproven_of_one_bucket_are_few(void **state) {
    struct fixture *f = *state;
    struct cert_cache *c = cert_cache_new(64);
    for (uint8_t i = 0; i < 60; i++)
        assert_non_null(add(f, c, i, 5, false));
    assert_int_equal(cert_cache_used(c), 8);
    for (uint8_t i = 0; i < 60; i++)
        assert_int_equal(has(c, i, 5), i >= 52);
    cert_cache_free(c);
}

/* Nor do those with a 384-bit key under their other name. */
static void unproven_of_one_wide_bucket_are_few(void **state) {
    struct fixture *f = *state;
    enum { SLOTS = 64, TRIES = 4000, LEAST = 30 };
    struct cert_cache *c = cert_cache_new(SLOTS);
    struct dot2_cert_spec spec = {.curve = DOT2_P384,
        .authority = true,
        .chain_length = 1,
        .key_form = DOT2_COMPRESSED,
        .from_s = PKI_FROM_S,
        .hours = 24};
    struct dot2_cert made;
    dot2_cert_make(&made, &spec, NULL, &f->pki.rnd);
    uint8_t *end = made.octets.p + made.octets.n;
    unsigned added = 0;
    for (unsigned i = 0; i < TRIES;
         i++) { /* the last octets of s, until the hash falls where it should */
        struct cert cert;
        size_t at;
        uint8_t hash[32], hash384[48];
        end[-1] = (uint8_t)i;
        end[-2] = (uint8_t)(i >> 8);
        assert_int_equal(cert_parse(buf_span(&made.octets), &cert, &at), COER_OK);
        cert_hash384(&cert, hash384);
        cert_hash256(&cert, hash);
        if (hash384[47] % SLOTS != 1)
            continue;
        assert_non_null(cert_cache_add(c, &cert, hash, NULL, NULL));
        added++;
    }
    assert_true(added >= LEAST);
    assert_int_equal(cert_cache_used(c), 8);
    dot2_cert_free(&made);
    cert_cache_free(c);
}

static void entries_keep_their_own_octets(void **state) {
    struct fixture *f = *state;
    struct cert_cache *c = cert_cache_new(4);
    struct cert_entry *e = add(f, c, 1, 1, true);
    assert_true(span_equal(e->cert.all, f->cert.all));
    assert_ptr_not_equal(e->cert.all.p, f->cert.all.p);
    assert_true(e->cert.tbs.p > e->cert.all.p && e->cert.tbs.p < e->cert.all.p + e->cert.all.n);
    cert_cache_free(c);
}

/* Random use against a plain list that does the same slowly. */
static void agrees_with_a_model(void **state) {
    struct fixture *f = *state;
    enum { SLOTS = 5, KINDS = 12, STEPS = 3000 };
    struct cert_cache *c = cert_cache_new(SLOTS);
    struct ws_random rnd = ws_random_seeded(3);
    uint8_t list[SLOTS]; /* oldest first; odd values are proven */
    size_t n = 0;
    for (unsigned step = 0; step < STEPS; step++) {
        uint8_t v = (uint8_t)ws_random_below(&rnd, KINDS);
        size_t at = 0;
        while (at < n && list[at] != v)
            at++;
        bool here = has(c, 0, v);
        assert_int_equal(here, at < n);
        if (here) {
            memmove(list + at, list + at + 1, n - at - 1);
            list[n - 1] = v;
            continue;
        }
        size_t victim = 0;
        while (victim < n && list[victim] % 2 == 1)
            victim++;
        bool room = n < SLOTS || victim < n || v % 2 == 1;
        assert_int_equal(add(f, c, 0, v, v % 2 == 1) != NULL, room);
        if (!room)
            continue;
        if (n == SLOTS) {
            victim = victim == n ? 0 : victim;
            memmove(list + victim, list + victim + 1, n - victim - 1);
            n--;
        }
        list[n++] = v;
        assert_int_equal(cert_cache_used(c), n);
    }
    cert_cache_free(c);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(the_least_recently_used_gives_way),
        T(the_pinned_do_not_give_way),
        T(unproven_never_displaces_proven),
        T(same_hashed_id8),
        T(unproven_of_one_bucket_are_few),
        T(unproven_of_one_wide_bucket_are_few),
        T(entries_keep_their_own_octets),
        T(agrees_with_a_model),
    };
    return cmocka_run_group_tests_name("certificate cache", tests, NULL, NULL);
}
