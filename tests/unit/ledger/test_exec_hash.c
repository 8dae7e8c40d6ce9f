/* Hashes made many at a time are those made one by one. */
#include "tests/support/cm.h"

#include "ledger/exec/hash.h"
#include "ledger/light/merkle.h"

enum { MOST = 700 };

static void roots_are_those_of_the_definition(void **state) {
    (void)state;
    hash32 *leaves = ws_calloc(MOST, sizeof(hash32));
    hash32 *scratch = ws_calloc(MOST, sizeof(hash32));
    for (size_t i = 0; i < MOST; i++)
        exec_sha256_one(span_of(&i, sizeof(i)), leaves[i]);
    for (size_t n = 0; n <= MOST; n++) {
        hash32 want;
        hash32 got;
        list_root(exec_sha256, (const uint8_t(*)[32])leaves, n, scratch, want);
        exec_list_root((const uint8_t(*)[32])leaves, n, got);
        assert_memory_equal(got, want, 32);
    }
    free(leaves);
    free(scratch);
}

static void many_are_as_one(void **state) {
    (void)state;
    uint8_t octets[300];
    for (size_t i = 0; i < sizeof(octets); i++)
        octets[i] = (uint8_t)(i * 7);
    struct span data[200];
    hash32 got[200];
    for (size_t i = 0; i < 200; i++)
        data[i] = span_of(octets + i % 5, i);
    exec_sha256_many(data, 200, got);
    for (size_t i = 0; i < 200; i++) {
        hash32 want;
        exec_sha256_one(data[i], want);
        assert_memory_equal(got[i], want, 32);
    }
    exec_sha256_many(data, 0, got);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roots_are_those_of_the_definition),
        cmocka_unit_test(many_are_as_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
