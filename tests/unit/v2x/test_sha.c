/* v2x_sha256_batch against OpenSSL for all short lengths and odd splits, and against FIPS 180-4's examples; both ways of
 * computing are looked at, whichever this machine would take. */
#include "tests/support/cm.h"

#include "base/bytes.h"
#include "base/random.h"

#include "v2x/sha_batch.c" /* its statics */

#include <openssl/evp.h>

static void reference(const void *p, size_t n, uint8_t *ret) {
    unsigned len = 0;
    assert_int_equal(EVP_Digest(p, n, ret, &len, EVP_sha256(), NULL), 1);
    assert_int_equal(len, 32);
}

typedef void (*way_fn)(const struct v2x_sha256_job *jobs, size_t n);

static size_t ways(way_fn ret[static 2]) {
    size_t n = 0;
    ret[n++] = one_by_one;
#if defined(__x86_64__)
    if (usable())
        ret[n++] = four_by_four;
#endif
    return n;
}

static void every_length(void **state) {
    (void)state;
    enum { MOST = 301 };
    static uint8_t text[MOST];
    struct span parts[MOST];
    struct v2x_sha256_job jobs[MOST];
    uint8_t got[MOST][32], want[32];
    struct ws_random rnd = ws_random_seeded(7);
    ws_random_bytes(&rnd, text, sizeof(text));
    for (size_t i = 0; i < MOST; i++) {
        parts[i] = span_of(text, i);
        jobs[i] = (struct v2x_sha256_job){&parts[i], 1, got[i]};
    }
    way_fn way[2];
    size_t n_ways = ways(way);
    for (size_t w = 0; w < n_ways; w++) {
        memset(got, 0, sizeof(got));
        way[w](jobs, MOST);
        for (size_t i = 0; i < MOST; i++) {
            reference(text, i, want);
            assert_memory_equal(got[i], want, 32);
        }
    }
    memset(got, 0, sizeof(got));
    v2x_sha256_batch(jobs, MOST);
    reference(text, MOST - 1, want);
    assert_memory_equal(got[MOST - 1], want, 32);
    v2x_sha256_batch(jobs, 0);
}

/* Any number of parts, empty ones among them, batches of any size. */
static void parts_and_batches(void **state) {
    (void)state;
    enum { MOST = 70, PARTS = 5 };
    static uint8_t text[2000];
    struct ws_random rnd = ws_random_seeded(8);
    ws_random_bytes(&rnd, text, sizeof(text));
    way_fn way[2];
    size_t n_ways = ways(way);
    for (size_t n = 0; n < MOST; n++) {
        struct span parts[MOST][PARTS];
        struct v2x_sha256_job jobs[MOST];
        uint8_t got[MOST][32];
        for (size_t i = 0; i < n; i++) {
            size_t k = ws_random_below(&rnd, PARTS + 1);
            for (size_t p = 0; p < k; p++) {
                size_t len = ws_random_below(&rnd, 4) == 0 ? 0 : ws_random_below(&rnd, 200);
                parts[i][p] = span_of(text + ws_random_below(&rnd, 1000), len);
            }
            jobs[i] = (struct v2x_sha256_job){parts[i], k, got[i]};
        }
        for (size_t w = 0; w < n_ways; w++) {
            memset(got, 0, sizeof(got));
            way[w](jobs, n);
            for (size_t i = 0; i < n; i++) {
                struct buf b = {0};
                uint8_t want[32];
                for (size_t p = 0; p < jobs[i].n_parts; p++)
                    buf_put(&b, parts[i][p].p, parts[i][p].n);
                reference(b.p, b.n, want);
                assert_memory_equal(got[i], want, 32);
                buf_free(&b);
            }
        }
    }
}

/* FIPS 180-4 / NIST example values: "abc", the two-block message, nothing, a million "a". */
static void examples(void **state) {
    (void)state;
    static char million[1000000];
    memset(million, 'a', sizeof(million));
    static const char *const text[] = {
        "abc", "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", ""};
    static const char *const hash[] = {
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"};
    way_fn way[2];
    size_t n_ways = ways(way);
    for (size_t w = 0; w < n_ways; w++) {
        struct span parts[4];
        struct v2x_sha256_job jobs[4];
        uint8_t got[4][32], want[32];
        for (size_t i = 0; i < 4; i++) {
            parts[i] = i < 3 ? span_of(text[i], strlen(text[i])) : span_of(million, 1000000);
            jobs[i] = (struct v2x_sha256_job){&parts[i], 1, got[i]};
        }
        way[w](jobs, 4);
        for (size_t i = 0; i < 4; i++) {
            assert_true(hex_decode(want, 32, hash[i]));
            assert_memory_equal(got[i], want, 32);
        }
    }
}

static void single_hashes(void **state) {
    (void)state;
    static uint8_t text[300];
    struct ws_random rnd = ws_random_seeded(9);
    ws_random_bytes(&rnd, text, sizeof(text));
    for (size_t n = 0; n <= 300; n++) {
        uint8_t got[48], want[48];
        unsigned len;
        v2x_sha256(span_of(text, n / 3), span_of(text + n / 3, n - n / 3), got);
        reference(text, n, want);
        assert_memory_equal(got, want, 32);
        v2x_sha384(span_of(text, n / 3), span_of(text + n / 3, n - n / 3), got);
        assert_int_equal(EVP_Digest(text, n, want, &len, EVP_sha384(), NULL), 1);
        assert_memory_equal(got, want, 48);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length),
        cmocka_unit_test(parts_and_batches),
        cmocka_unit_test(examples),
        cmocka_unit_test(single_hashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
