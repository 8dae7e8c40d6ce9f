#include "fl_slow.h"

uint64_t slow_mul(uint64_t a, uint64_t b) {
    return (uint64_t)((fl_u128)a * b % FL_Q);
}

uint64_t slow_mod(int64_t v) {
    const int64_t r = v % (int64_t)FL_Q;
    return (uint64_t)(r < 0 ? r + (int64_t)FL_Q : r);
}

static uint64_t power(uint64_t b, uint64_t e) {
    uint64_t r = 1;
    for (; e > 0; e /= 2) {
        if (e % 2 == 1)
            r = slow_mul(r, b);
        b = slow_mul(b, b);
    }
    return r;
}

static uint64_t exponent(size_t k) {
    uint64_t r = 0;
    for (unsigned i = 0; i < 11; i++)
        r = 2 * r + (k >> i & 1);
    return 2 * r + 1;
}

uint64_t slow_at(const uint64_t a[FL_N], size_t k) {
    const uint64_t x = power(FL_PSI, exponent(k));
    uint64_t v = 0;
    for (size_t i = FL_N; i-- > 0;)
        v = (slow_mul(v, x) + a[i]) % FL_Q;
    return v;
}

void slow_product(const uint64_t a[FL_N], const uint64_t b[FL_N], uint64_t r[FL_N]) {
    for (size_t k = 0; k < FL_N; k++) {
        fl_u128 plus = 0;
        fl_u128 minus = 0;
        for (size_t i = 0; i <= k; i++)
            plus += (fl_u128)a[i] * b[k - i];
        for (size_t i = k + 1; i < FL_N; i++)
            minus += (fl_u128)a[i] * b[FL_N + k - i];
        r[k] = (uint64_t)((plus % FL_Q + FL_Q - minus % FL_Q) % FL_Q);
    }
}

void slow_from_transform(const uint64_t t[FL_N], uint64_t r[FL_N]) {
    const uint64_t n_inverse = power(FL_N, FL_Q - 2);
    static uint64_t base[FL_N];
    static uint64_t term[FL_N];
    for (size_t k = 0; k < FL_N; k++) {
        base[k] = power(FL_PSI, 2 * FL_N - exponent(k)); /* the inverse of the root */
        term[k] = slow_mul(t[k], n_inverse);
    }
    for (size_t i = 0; i < FL_N; i++) {
        fl_u128 v = 0;
        for (size_t k = 0; k < FL_N; k++) {
            v += term[k];
            term[k] = slow_mul(term[k], base[k]);
        }
        r[i] = (uint64_t)(v % FL_Q);
    }
}

uint64_t slow_bits(const uint8_t *wire, unsigned bits, size_t i) {
    uint64_t v = 0;
    for (unsigned k = 0; k < bits; k++) {
        const size_t bit = i * bits + k;
        v |= (uint64_t)(wire[bit / 8] >> bit % 8 & 1) << k;
    }
    return v;
}

int slow_binomial(const uint8_t octets[16]) {
    int v = 0;
    for (unsigned k = 0; k < 42; k++)
        v += (octets[k / 8] >> k % 8 & 1) - (octets[8 + k / 8] >> k % 8 & 1);
    return v;
}

int64_t slow_nearest(int64_t a, int64_t b) {
    const int64_t twice = 2 * a + b;
    const int64_t quot = twice / (2 * b);
    return twice % (2 * b) < 0 ? quot - 1 : quot;
}
