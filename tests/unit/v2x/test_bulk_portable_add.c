/* The shared-inversion adder from inside. With the windows in use no multiplier makes two nodes of a tree equal (a half
 * needs the top bits of n, cut at a merge, to be odd; they are even for both curves at both cuts), so signatures cannot
 * reach its repair of equal operands: here they are put into the queue. */
#include "tests/support/cm.h"

#define PT_P256 0
#define PT_ADX 0
#define PT_CORE core_from_inside

#include "v2x/bulk/portable_core.h"

enum { N = 40 };

static void equal_and_opposite_operands(void **state) {
    (void)state;
    struct bulk_base *base = bulk_portable_plain.base_new(PT_CURVE);
    struct pt_scratch *s = aligned_alloc(64, (sizeof(*s) + 63) / 64 * 64);
    assert_non_null(s);
    struct pt_adder *q = &s->adder;
    struct pt_aff sum[N], back[N];
    for (int negative = 0; negative < 2; negative++) {
        memset(q, 0, sizeof(*q));
        for (size_t i = 0; i < N; i++) {
            const pt_operand p = (pt_operand)&base->row[i % 7][i];
            /* p + p (both signs), p - p, p + another point, in turn */
            const pt_operand a = p + negative;
            const pt_operand b = i % 3 == 0   ? a
                                 : i % 3 == 1 ? p + !negative
                                              : (pt_operand)&base->row[9][i];
            add_later(q, a, b, &sum[i], i, true);
        }
        add_end(q, true);
        for (size_t i = 0; i < N; i++) {
            assert_int_equal(q->infinite[i], i % 3 == 1);
            if (i % 3 != 1)
                add_later(q, (pt_operand)&sum[i], (pt_operand)&base->row[i % 7][i] + !negative,
                    &back[i], i, true);
        }
        add_end(q, true);
        /* (a + b) - a is b, and a + a - a is a: no formula but the chord takes part in the second sum. */
        for (size_t i = 0; i < N; i++) {
            if (i % 3 == 1)
                continue;
            const struct pt_aff *want = i % 3 == 0 ? &base->row[i % 7][i] : &base->row[9][i];
            fe y;
            fe_signed(&y, &want->y, i % 3 == 0 && negative);
            assert_memory_equal(&back[i].x, &want->x, sizeof(fe));
            assert_memory_equal(&back[i].y, &y, sizeof(fe));
        }
    }
    free(s), free(base);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(equal_and_opposite_operands)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
