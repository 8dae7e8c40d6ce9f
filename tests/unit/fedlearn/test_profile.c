/* Profiles: the table against the budget it is made from, sizes, weights. */
#include "tests/support/cm.h"

#include "fedlearn/vehicle/profile.h"

#include <math.h>

static const struct fl_profile *all[5];
static const uint8_t octets[] = {FL_COMPACT, FL_STANDARD, FL_PRECISE, FL_CELL, FL_TINY};

static int setup(void **state) {
    (void)state;
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(fl_profile_by_octet(octets[i], &all[i], NULL), WS_OK);
    return 0;
}

static void budget(void **state) {
    (void)state;
    const double z2 = 2 * log(2 * pow(2, 20) * pow(2, 64));
    for (size_t i = 0; i < 5; i++) {
        const struct fl_profile *p = all[i];
        const double half = 0.98 * (double)p->delta / 2;
        const double one = 21 + pow(4, p->drop) / 12;
        assert_true(z2 * p->square_max * one < half * half);
        assert_true(z2 * (p->square_max + 1) * one >= half * half);
        assert_true(p->square_max >= p->weight_max); /* weights of 1 up to the full group */
        assert_int_equal(p->delta, FL_Q / ((uint64_t)1 << p->plain_bits));
        assert_int_equal(p->wire_bits + p->drop, 50);
        assert_int_equal(p->limit, (1 << p->bits) / 2 - 1);
        /* a field holds the sum of all members, and the fields fill the plaintext */
        assert_true((int64_t)p->weight_max * p->limit < (int64_t)1 << (p->field_bits - 1));
        assert_int_equal(p->fields * p->field_bits, p->plain_bits);
        /* a sum of ciphertexts fits a word after it is put back to its place */
        assert_true((double)p->weight_max * pow(2, p->wire_bits + p->drop) < pow(2, 64));
        assert_ptr_equal(fl_profile_by_name(p->name), p);
    }
}

static void octets_are_fixed(void **state) {
    (void)state;
    const struct fl_profile *p = NULL;
    struct ws_err err;
    assert_int_equal(fl_profile_by_octet(1, &p, &err), WS_OK);
    assert_string_equal(p->name, "compact");
    assert_int_equal(fl_profile_by_octet(5, &p, &err), WS_OK);
    assert_string_equal(p->name, "tiny");
    for (unsigned i = 0; i < 256; i++) {
        const int rc = fl_profile_by_octet((uint8_t)i, &p, &err);
        const int want = i >= 1 && i <= 5 ? WS_OK : i >= 17 && i <= 31 ? WS_ENOTSUP : WS_EINPUT;
        assert_int_equal(rc, want);
    }
    assert_null(fl_profile_by_name("Standard"));
}

static void sizes(void **state) {
    (void)state;
    const struct fl_profile *standard = all[1];
    assert_int_equal(fl_wire_octets(standard, 100000), 300000); /* 3.0 octets a parameter */
    assert_int_equal(fl_wire_octets(all[0], 100000), 212500);
    assert_int_equal(fl_wire_octets(all[4], 3 * 129), 678); /* 42 bits each */
    assert_int_equal(fl_wire_octets(all[4], 2), fl_wire_octets(all[4], 3 * FL_COEFS_MIN));
    assert_int_equal(fl_coefs(standard, 1), FL_COEFS_MIN);
    assert_int_equal(fl_chunk_coefs(standard, 2049, 1), 1);
    assert_int_equal(fl_chunks(standard, 2048), 1);
    assert_int_equal(fl_chunks(standard, 2049), 2);
    assert_int_equal(fl_chunk_params(standard, 2049, 1), 1);
    assert_int_equal(fl_chunks(all[4], 6144), 1);
    assert_int_equal(fl_chunks(all[4], 6145), 2);
    for (size_t i = 0; i < 5; i++) {
        static const size_t ds[] = {
            1, 2, 3, 2047, 2048, 4095, 4097, 6143, 10001, FL_D_MAX - 1, FL_D_MAX};
        for (size_t k = 0; k < ARRAY_LEN(ds); k++) {
            size_t params = 0;
            size_t coefs = 0;
            size_t n = 0;
            for (size_t c = 0; c < fl_chunks(all[i], ds[k]); c++) {
                params += fl_chunk_params(all[i], ds[k], c);
                coefs += fl_chunk_coefs(all[i], ds[k], c);
                n += fl_chunk_octets(all[i], ds[k], c);
                if (c + 1 < fl_chunks(all[i], ds[k])) {
                    assert_int_equal(fl_chunk_params(all[i], ds[k], c), fl_full_params(all[i]));
                    assert_int_equal(fl_chunk_octets(all[i], ds[k], c), fl_full_octets(all[i]));
                }
            }
            assert_int_equal(params, ds[k]);
            assert_int_equal(coefs, fl_coefs(all[i], ds[k]));
            assert_int_equal(n, fl_wire_octets(all[i], ds[k]));
        }
    }
}

static void refused(const struct fl_profile *p, const uint16_t *w, size_t n, const char *word) {
    struct ws_err err;
    struct fl_weights sums = {1, 2};
    assert_int_equal(fl_weights_check(p, w, n, &sums, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, word));
    assert_int_equal(sums.sum, 1); /* untouched */
}

static void weights(void **state) {
    (void)state;
    uint16_t w[1100];
    for (size_t i = 0; i < 1100; i++)
        w[i] = 1;
    struct fl_weights sums;
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(fl_weights_check(all[i], w, all[i]->weight_max, &sums, NULL), WS_OK);
        assert_int_equal(sums.sum, all[i]->weight_max);
        assert_int_equal(sums.squares, all[i]->weight_max);
        refused(all[i], w, all[i]->weight_max + 1, "their sum is above");
    }
    w[0] = 4;
    assert_int_equal(fl_weights_check(all[1], w, 20, &sums, NULL), WS_OK);
    assert_int_equal(sums.sum, 23);
    assert_int_equal(sums.squares, 35);
    w[0] = 5;
    refused(all[1], w, 20, "more than 4 times");
    for (size_t i = 0; i < 20; i++)
        w[i] = 3;
    refused(all[1], w, 20, "squares"); /* sum 60, squares 180 */
    w[3] = 0;
    refused(all[1], w, 8, "has none");
    refused(all[1], w, 0, "empty");
    for (size_t i = 0; i < 1100; i++)
        w[i] = UINT16_MAX;
    refused(all[3], w, 1100, "sum");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(budget),
        cmocka_unit_test(octets_are_fixed),
        cmocka_unit_test(sizes),
        cmocka_unit_test(weights),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
