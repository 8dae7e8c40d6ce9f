/* The kernel above the engines, with an engine of the test's own: tiers, memory, eviction, builds, exceptional cases. */
#include "tests/support/cm.h"

#include "tests/unit/v2x/sec_support.h"

#include "base/assert.h"
#include "base/random.h"
#include "v2x/sign.h"
#include "v2x/verify_parts.h"

#include <stdlib.h>

/* ---- an engine that knows the answer from the digest's last octet, and looks that it is handed the right things ---- */

enum { OUGHT_GOOD = 1, OUGHT_BAD = 2, OUGHT_ASK = 3 };
enum { MID_OCTETS = 128, FULL_OCTETS = 512 };

struct fake_batch {
    enum bulk_tier tier;
    size_t n;
    enum bulk_answer answer[BULK_BATCH];
};

struct fake_seen {
    unsigned batches[BULK_TIERS], builds[BULK_TIERS], with_next;
    size_t largest;
    uint64_t poison_x; /* build fails for this key */
    bool cold_loses;
};
static struct fake_seen seen;

static bool fake_usable(void) {
    return true;
}

static bool fake_cold_pays(enum bulk_curve c) {
    (void)c;
    return !seen.cold_loses;
}

static struct bulk_base *fake_base(enum bulk_curve c) {
    int *p = malloc(sizeof(*p));
    WS_ASSERT(p != NULL);
    *p = (int)c;
    return (struct bulk_base *)(void *)p;
}

static void fake_prepare(const struct bulk_base *base, enum bulk_tier tier,
    const struct bulk_job *jobs, size_t n, void *batch) {
    struct fake_batch *b = batch;
    assert_non_null(base);
    assert_in_range(n, 1, BULK_BATCH);
    b->tier = tier;
    b->n = n;
    for (size_t i = 0; i < n; i++) {
        uint64_t ought = jobs[i].e[0] & 0xff;
        b->answer[i] = ought == OUGHT_GOOD ? BULK_GOOD : ought == OUGHT_ASK ? BULK_ASK : BULK_BAD;
        if (tier == BULK_COLD) {
            assert_null(jobs[i].table);
            continue;
        }
        /* The table is this key's, of this tier. */
        assert_int_equal((uintptr_t)jobs[i].table % 64, 0);
        const uint64_t *table = jobs[i].table;
        assert_int_equal(table[0], jobs[i].key->x[0]);
        assert_int_equal(table[1], tier);
    }
}

static void fake_compute(
    const void *batch, const void *next, void *scratch, enum bulk_answer *ret) {
    const struct fake_batch *b = batch;
    memset(scratch, 0x5a, 64);
    seen.batches[b->tier]++;
    seen.with_next += next != NULL;
    assert_ptr_not_equal(batch, next);
    if (b->n > seen.largest)
        seen.largest = b->n;
    memcpy(ret, b->answer, b->n * sizeof(*ret));
}

static bool fake_build(const struct bulk_base *base, enum bulk_tier tier,
    const struct bulk_point *const *key, void *const *table, size_t n, void *scratch) {
    assert_non_null(base);
    assert_in_range(n, 1, BULK_BUILD);
    memset(scratch, 0x5a, 64);
    seen.builds[tier]++;
    for (size_t i = 0; i < n; i++) {
        memset(table[i], 0, tier == BULK_MID ? MID_OCTETS : FULL_OCTETS);
        if (seen.poison_x != 0 && key[i]->x[0] == seen.poison_x)
            return false;
        uint64_t *t = table[i];
        t[0] = key[i]->x[0];
        t[1] = tier;
    }
    return true;
}

static const struct bulk_engine fake = {
    .name = "fake",
    .usable = fake_usable,
    .cold_pays = fake_cold_pays,
    .table_octets = {0, MID_OCTETS, FULL_OCTETS},
    .batch_octets = sizeof(struct fake_batch),
    .scratch_octets = 64,
    .base_new = fake_base,
    .prepare = fake_prepare,
    .compute = fake_compute,
    .build = fake_build,
};

/* ---- signers ---- */

/* Keys whose points the fake engine does not look into further than x. OpenSSL does: x = 0 leaves the point as it is. */
static struct verify_key *fake_key(uint64_t x, bool unproven) {
    static const uint8_t g[64] = {0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6,
        0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1,
        0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e,
        0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce,
        0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5};
    struct ec_point point = {EC_UNCOMPRESSED, span_of(g, 64)};
    struct verify_key *key =
        unproven ? verify_key_new_unproven(CURVE_P256, &point) : verify_key_new(CURVE_P256, &point);
    assert_non_null(key);
    if (x != 0)
        key->point.x[0] = x;
    return key;
}

static struct verify_item item_of(struct verify_key *key, uint8_t ought) {
    struct verify_item item = {.key = key, .digest_octets = 32, .r_form = EC_X_ONLY};
    item.digest[31] = ought;
    item.r[31] = item.s[31] = 7;
    return item;
}

static struct verify_kernel *kernel_of(size_t table_octets, unsigned build_percent) {
    struct verify_config cfg = {.capacity = 512,
        .table_octets = table_octets,
        .build_percent = build_percent,
        .exceptional_percent = 25};
    memset(&seen, 0, sizeof(seen));
    return verify_kernel_over(&cfg, &fake);
}

/* Submits one item per key, polls all answers; they must be `want`. */
static void round_of(struct verify_kernel *k, struct verify_key **keys, size_t n, uint8_t ought,
    enum verify_answer_kind want) {
    size_t sent = 0, got = 0;
    struct verify_answer answers[64];
    while (got < n) {
        for (size_t more = 1; sent < n && more > 0; sent += more) {
            struct verify_item item = item_of(keys[sent], ought);
            more = verify_submit(k, &item, 1);
        }
        size_t now = verify_poll(k, answers, ARRAY_LEN(answers));
        assert_int_not_equal(now, 0);
        for (size_t i = 0; i < now; i++)
            assert_int_equal(answers[i].kind, want);
        got += now;
    }
    assert_int_equal(verify_in_flight(k), 0);
}

static struct verify_counters counters_of(const struct verify_kernel *k) {
    struct verify_counters c;
    verify_kernel_counters(k, &c);
    assert_true(c.table_octets <= c.table_octets_max);
    assert_true(c.tables[VERIFY_MID] <= c.tables_max[VERIFY_MID]);
    assert_true(c.tables[VERIFY_FULL] <= c.tables_max[VERIFY_FULL]);
    return c;
}

enum { KEYS = 256 };

static void make_keys(struct verify_key **keys, size_t n, bool unproven) {
    for (size_t i = 0; i < n; i++)
        keys[i] = fake_key(1000 + i, unproven);
}

static void drop_keys(struct verify_key **keys, size_t n) {
    for (size_t i = 0; i < n; i++)
        verify_key_unref(keys[i]);
}

/* ---- tests ---- */

static void tiers_move_up(void **state) {
    (void)state;
    struct verify_key *keys[KEYS];
    struct verify_kernel *k = kernel_of(1U << 20, 1000);
    make_keys(keys, 64, false);
    round_of(k, keys, 64, OUGHT_GOOD, VERIFY_GOOD);
    struct verify_counters c = counters_of(k);
    assert_int_equal(c.answered[VERIFY_COLD], 64);
    assert_int_equal(c.answered[VERIFY_MID], 0);
    for (unsigned i = 0; i < 100; i++)
        round_of(k, keys, 64, OUGHT_GOOD, VERIFY_GOOD);
    c = counters_of(k);
    assert_int_equal(c.built[VERIFY_MID], 64);
    assert_int_equal(c.built[VERIFY_FULL], 64);
    assert_int_equal(c.tables[VERIFY_FULL], 64);
    assert_in_range(c.answered[VERIFY_MID], 64 * 25, 64 * 60);
    assert_true(c.answered[VERIFY_FULL] > 64 * 30);
    assert_int_equal(
        c.answered[VERIFY_COLD] + c.answered[VERIFY_MID] + c.answered[VERIFY_FULL], 64 * 101);
    assert_int_equal(c.table_octets, 64 * (MID_OCTETS + FULL_OCTETS));
    assert_int_equal(seen.builds[BULK_MID], 8); /* in full groups */
    verify_kernel_free(k);
    drop_keys(keys, 64);
}

static void bad_signatures_earn_no_table(void **state) {
    (void)state;
    struct verify_key *keys[KEYS];
    struct verify_kernel *k = kernel_of(1U << 20, 1000);
    make_keys(keys, 64, false);
    for (unsigned i = 0; i < 50; i++)
        round_of(k, keys, 64, OUGHT_BAD, VERIFY_BAD);
    struct verify_counters c = counters_of(k);
    assert_int_equal(c.answered[VERIFY_COLD], 64 * 50);
    assert_int_equal(c.tables[VERIFY_MID], 0);
    assert_int_equal(seen.builds[BULK_MID], 0);
    verify_kernel_free(k);
    drop_keys(keys, 64);
}

static void unproven_keys_get_no_table(void **state) {
    (void)state;
    struct verify_key *keys[KEYS];
    struct verify_kernel *k = kernel_of(1U << 20, 1000);
    make_keys(keys, 64, true);
    for (unsigned i = 0; i < 50; i++)
        round_of(k, keys, 64, OUGHT_GOOD, VERIFY_GOOD);
    struct verify_counters c = counters_of(k);
    assert_int_equal(c.answered[VERIFY_COLD], 64 * 50);
    assert_int_equal(c.tables[VERIFY_MID], 0);
    verify_kernel_free(k);
    drop_keys(keys, 64);
}

/* Room for a few signers: the first keep their tables, the others are checked without; those who fall silent make room. */
static void eviction_and_bound(void **state) {
    (void)state;
    struct verify_key *keys[KEYS];
    struct verify_kernel *k = kernel_of(20000, 1000);
    make_keys(keys, KEYS, false);
    for (unsigned i = 0; i < 50; i++)
        round_of(k, keys, KEYS, OUGHT_GOOD, VERIFY_GOOD);
    struct verify_counters c = counters_of(k);
    size_t mid = c.tables_max[VERIFY_MID], full = c.tables_max[VERIFY_FULL];
    assert_in_range(mid, 4, 32);
    assert_in_range(full, 4, 32);
    assert_int_equal(c.tables[VERIFY_MID], mid);
    uint64_t evicted = c.evicted[VERIFY_MID] + c.evicted[VERIFY_FULL];
    /* More signers than memory, all equally busy: tables do not change hands in each round. */
    for (unsigned i = 0; i < 20; i++)
        round_of(k, keys, KEYS, OUGHT_GOOD, VERIFY_GOOD);
    c = counters_of(k);
    assert_true(c.evicted[VERIFY_MID] + c.evicted[VERIFY_FULL] - evicted < 20 * mid * 4);
    /* Four signers alone from now on, which had no part in that: they get theirs, both tiers. */
    struct verify_key *late[4];
    make_keys(late, 4, false);
    uint64_t before = c.answered[VERIFY_FULL];
    for (unsigned i = 0; i < 400; i++)
        round_of(k, late, 4, OUGHT_GOOD, VERIFY_GOOD);
    c = counters_of(k);
    assert_true(c.answered[VERIFY_FULL] - before > 4 * 200);
    assert_true(c.evicted[VERIFY_MID] > 0);
    assert_true(c.table_octets <= 20000);
    verify_kernel_free(k);
    drop_keys(keys, KEYS);
    drop_keys(late, 4);
}

static void no_memory_no_tables(void **state) {
    (void)state;
    struct verify_key *keys[8];
    static const size_t octets[] = {0, 1, 100, 2000};
    make_keys(keys, 8, false);
    for (size_t i = 0; i < ARRAY_LEN(octets); i++) {
        struct verify_kernel *k = kernel_of(octets[i], 100);
        for (unsigned r = 0; r < 40; r++)
            round_of(k, keys, 8, OUGHT_GOOD, VERIFY_GOOD);
        struct verify_counters c = counters_of(k);
        assert_true(c.table_octets <= octets[i]);
        if (octets[i] < 1000)
            assert_int_equal(c.answered[VERIFY_COLD], 320);
        verify_kernel_free(k);
    }
    drop_keys(keys, 8);
}

static void builds_keep_to_their_share(void **state) {
    (void)state;
    struct verify_key *keys[KEYS];
    struct verify_kernel *k = kernel_of(1U << 20, 0);
    make_keys(keys, 64, false);
    for (unsigned i = 0; i < 50; i++)
        round_of(k, keys, 64, OUGHT_GOOD, VERIFY_GOOD);
    struct verify_counters c = counters_of(k);
    assert_int_equal(c.built[VERIFY_MID], 0); /* 0 percent while there is work */
    assert_true(verify_build(k));
    c = counters_of(k);
    assert_int_equal(c.built[VERIFY_MID], 8); /* one group in idle time */
    verify_kernel_free(k);
    /* 10 percent: a group of MID tables is worth 24 signatures, so one for each 240. */
    k = kernel_of(1U << 20, 10);
    for (unsigned i = 0; i < 15; i++)
        round_of(k, keys, 64, OUGHT_GOOD, VERIFY_GOOD);
    c = counters_of(k);
    assert_in_range(c.built[VERIFY_MID], 16, 40);
    verify_kernel_free(k);
    drop_keys(keys, 64);
}

/* A key that the engine cannot build for costs its neighbours nothing but the time. */
static void hopeless_key(void **state) {
    (void)state;
    struct verify_key *keys[KEYS];
    struct verify_kernel *k = kernel_of(1U << 20, 1000);
    make_keys(keys, 16, false);
    seen.poison_x = 1003;
    for (unsigned i = 0; i < 200; i++)
        round_of(k, keys, 16, OUGHT_GOOD, VERIFY_GOOD);
    struct verify_counters c = counters_of(k);
    assert_int_equal(c.build_failed, 1); /* and is not tried again */
    assert_int_equal(c.tables[VERIFY_MID], 15);
    assert_int_equal(c.tables[VERIFY_FULL], 15);
    assert_true(c.answered[VERIFY_COLD] >= 200);
    verify_kernel_free(k);
    drop_keys(keys, 16);
}

/* Keys go while their tables live; other keys come: never somebody else's table (the engine looks). */
static void keys_come_and_go(void **state) {
    (void)state;
    struct verify_kernel *k = kernel_of(50000, 1000);
    struct verify_key *keys[32];
    for (unsigned generation = 0; generation < 60; generation++) {
        for (size_t i = 0; i < 32; i++)
            keys[i] = fake_key(generation * 100 + i, false);
        for (unsigned r = 0; r < 5 + generation % 50; r++)
            round_of(k, keys, 32, OUGHT_GOOD, VERIFY_GOOD);
        drop_keys(keys, 32);
    }
    struct verify_counters c = counters_of(k);
    assert_true(c.evicted[VERIFY_MID] > 100);
    assert_true(c.answered[VERIFY_FULL] > 0);
    verify_kernel_free(k);
}

/* Two keys of the same point are two keys. */
static void tables_follow_the_serial(void **state) {
    (void)state;
    struct verify_key *a = fake_key(5, false), *b = fake_key(5, false);
    assert_int_not_equal(a->serial, b->serial);
    struct verify_kernel *k = kernel_of(1U << 20, 1000);
    for (unsigned i = 0; i < 40; i++)
        round_of(k, &a, 1, OUGHT_GOOD, VERIFY_GOOD);
    struct verify_counters before = counters_of(k);
    assert_int_equal(before.tables[VERIFY_MID], 1);
    round_of(k, &b, 1, OUGHT_GOOD, VERIFY_GOOD);
    struct verify_counters c = counters_of(k);
    assert_int_equal(c.answered[VERIFY_COLD], before.answered[VERIFY_COLD] + 1);
    verify_kernel_free(k);
    verify_key_unref(a);
    verify_key_unref(b);
}

/* What the engine leaves open is OpenSSL's; a flood of that is cut off, and honest traffic goes on. */
static void exceptional_cases_are_metered(void **state) {
    (void)state;
    struct verify_key *keys[KEYS];
    struct verify_kernel *k = kernel_of(1U << 20, 100);
    for (size_t i = 0; i < 8; i++)
        keys[i] = fake_key(0, false);
    round_of(k, keys, 8, OUGHT_ASK, VERIFY_BAD); /* OpenSSL's answer: these are no signatures */
    struct verify_counters c = counters_of(k);
    assert_int_equal(c.exceptional, 8);
    assert_int_equal(c.answered[VERIFY_REFERENCE], 8);
    assert_int_equal(c.declined, 0);
    size_t sent = 0, declined = 0, bad = 0, good = 0;
    struct verify_answer answers[64];
    while (sent < 6400) {
        struct verify_item items[64];
        for (size_t i = 0; i < 64; i++)
            items[i] = item_of(keys[i % 8], i % 8 == 0 ? OUGHT_GOOD : OUGHT_ASK);
        sent += verify_submit(k, items, 64);
        size_t n;
        while ((n = verify_poll(k, answers, 64)) > 0) {
            for (size_t i = 0; i < n; i++) {
                declined += answers[i].kind == VERIFY_DECLINED;
                bad += answers[i].kind == VERIFY_BAD;
                good += answers[i].kind == VERIFY_GOOD;
            }
        }
    }
    assert_int_equal(good, sent / 8);
    /* A quarter of 6 us for each that is cold, and 50 us for each that the reference decides. */
    assert_in_range(bad, sent * 7 / 8 * 6 / 4 / 50, sent * 6 / 4 / 50 + 16);
    assert_int_equal(declined, sent - good - bad);
    c = counters_of(k);
    assert_int_equal(c.declined, declined);
    assert_int_equal(c.exceptional, 8 + sent - good);
    verify_kernel_free(k);
    drop_keys(keys, 8);
}

/* Where the engine is slower at first messages than OpenSSL, OpenSSL answers them, in the same batches. */
static void first_messages_where_openssl_is_faster(void **state) {
    (void)state;
    struct verify_key *keys[KEYS];
    struct verify_kernel *k = kernel_of(1U << 20, 100);
    seen.cold_loses = true;
    for (size_t i = 0; i < 100; i++)
        keys[i] = fake_key(0, false);
    round_of(k, keys, 100, OUGHT_GOOD, VERIFY_BAD); /* the engine would say GOOD */
    struct verify_counters c = counters_of(k);
    assert_int_equal(c.answered[VERIFY_COLD], 100);
    assert_int_equal(c.answered[VERIFY_REFERENCE], 0);
    assert_int_equal(seen.batches[BULK_COLD], 0);
    assert_int_equal(c.batches, 2);
    struct verify_item item = item_of(keys[0], 0);
    struct verify_answer a;
    struct ws_random rnd = ws_random_seeded(3);
    struct sign_key *secret = sign_key_new(CURVE_P256, &rnd);
    struct buf b = {0};
    struct cert_request rq = {.name = "k", .issue_all = true, .issue_min_chain = 1};
    struct cert cert;
    size_t at;
    cert_put(&b, &rq, secret, NULL, (struct span){NULL, 0});
    assert_int_equal(cert_parse(buf_span(&b), &cert, &at), COER_OK);
    item.key = verify_key_new(cert.key_curve, &cert.key);
    sign_digest(secret, item.digest, item.r, item.s);
    assert_int_equal(verify_submit(k, &item, 1), 1);
    assert_int_equal(verify_poll(k, &a, 1), 1);
    assert_int_equal(a.kind, VERIFY_GOOD);
    assert_true(verify_build(k)); /* it let the signer in */
    assert_int_equal(counters_of(k).tables[VERIFY_MID], 1);
    verify_kernel_free(k);
    verify_key_unref(item.key);
    sign_key_free(secret);
    buf_free(&b);
    drop_keys(keys, 100);
}

/* Batches are full when there is enough, the next is prepared before one is computed, and short queues have their turn. */
static void batches(void **state) {
    (void)state;
    struct verify_key *keys[KEYS], *few[2];
    struct verify_kernel *k = kernel_of(1U << 20, 1000);
    struct verify_answer answers[64];
    make_keys(keys, KEYS, false);
    few[0] = fake_key(1, true);
    few[1] = fake_key(2, true);
    for (unsigned i = 0; i < 100; i++)
        round_of(k, keys, KEYS, OUGHT_GOOD, VERIFY_GOOD);
    assert_int_equal(seen.largest, BULK_BATCH);
    assert_true(seen.with_next > 0);
    struct verify_item cold = item_of(few[0], OUGHT_BAD);
    cold.tag = 99;
    assert_int_equal(verify_submit(k, &cold, 1), 1);
    bool came = false;
    unsigned polls = 0;
    for (; !came && polls < 40; polls++) {
        for (size_t i = 0; i < 64; i++) {
            struct verify_item item = item_of(keys[i], OUGHT_GOOD);
            (void)verify_submit(k, &item, 1);
        }
        size_t n = verify_poll(k, answers, 64);
        for (size_t i = 0; i < n; i++)
            came = came || answers[i].tag == 99;
    }
    assert_true(came);
    assert_in_range(polls, 1, 12);
    verify_kernel_free(k); /* with items in flight */
    drop_keys(keys, KEYS);
    drop_keys(few, 2);
}

/* Ranges are looked at before any engine is. */
static void ranges(void **state) {
    (void)state;
    struct verify_kernel *k = kernel_of(1U << 20, 100);
    struct verify_key *key = fake_key(3, false);
    struct verify_item items[4];
    struct verify_answer answers[4];
    for (size_t i = 0; i < 4; i++)
        items[i] = item_of(key, OUGHT_GOOD);
    memset(items[0].r, 0, 32);
    memset(items[1].s, 0, 32);
    memset(items[2].r, 0xff, 32);
    memset(items[3].s, 0xff, 32);
    assert_int_equal(verify_submit(k, items, 4), 4);
    assert_int_equal(verify_in_flight(k), 4);
    assert_int_equal(verify_poll(k, answers, 4), 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(answers[i].kind, VERIFY_BAD);
    assert_int_equal(counters_of(k).refused, 4);
    assert_int_equal(seen.batches[BULK_COLD], 0);
    verify_kernel_free(k);
    verify_key_unref(key);
}

static void names_of_backends(void **state) {
    (void)state;
    for (unsigned i = 0; i < VERIFY_BACKENDS; i++) {
        enum verify_backend b;
        assert_true(verify_backend_of_name(verify_backend_name((enum verify_backend)i), &b));
        assert_int_equal(b, i);
    }
    enum verify_backend b;
    assert_false(verify_backend_of_name("fast", &b));
    assert_true(verify_backend_usable(VERIFY_OPENSSL));
    assert_true(verify_backend_usable(verify_backend_resolve(VERIFY_AUTO)));
    assert_int_not_equal(verify_backend_resolve(VERIFY_AUTO), VERIFY_AUTO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiers_move_up),
        cmocka_unit_test(bad_signatures_earn_no_table),
        cmocka_unit_test(unproven_keys_get_no_table),
        cmocka_unit_test(eviction_and_bound),
        cmocka_unit_test(no_memory_no_tables),
        cmocka_unit_test(builds_keep_to_their_share),
        cmocka_unit_test(hopeless_key),
        cmocka_unit_test(keys_come_and_go),
        cmocka_unit_test(tables_follow_the_serial),
        cmocka_unit_test(exceptional_cases_are_metered),
        cmocka_unit_test(first_messages_where_openssl_is_faster),
        cmocka_unit_test(batches),
        cmocka_unit_test(ranges),
        cmocka_unit_test(names_of_backends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
