#include "mapsvc/model/ieee.h"

#include "base/compiler.h"

#include <stddef.h>

/* pi/2 as a sum of three parts; the first two have zero low bits, so that k * part is exact for
 * |k| < 2^20 (Cody and Waite's reduction). */
static const double pio2_a = 1.57079632673412561417e+00;
static const double pio2_b = 6.07710050630396597660e-11;
static const double pio2_c = 2.02226624879595063154e-21;

bool ieee_floor(double x, int64_t *ret_v) {
    if (!(x >= -9.0e18 && x <= 9.0e18))
        return false;
    int64_t v = (int64_t)x;
    if ((double)v > x)
        v--;
    *ret_v = v;
    return true;
}

bool ieee_round(double x, int64_t *ret_v) {
    return ieee_floor(x + 0.5, ret_v);
}

bool ieee_round_i32(double x, int32_t *ret_v) {
    int64_t v = 0;
    if (!ieee_round(x, &v) || v < INT32_MIN || v > INT32_MAX)
        return false;
    *ret_v = (int32_t)v;
    return true;
}

double ieee_sqrt(double x) {
    /* IEEE 754 requires a correctly rounded square root, so the library's is the same everywhere. */
    return __builtin_sqrt(x);
}

/* Taylor series on [-pi/4, pi/4]; the first term left out is below 1e-18. The factorials are divided by when this is
 * compiled, correctly rounded: divisions one after another were most of the time of a large OpenDRIVE map. */
static const double sin_terms[] = {-1.0 / 6.0, 1.0 / 120.0, -1.0 / 5040.0, 1.0 / 362880.0,
    -1.0 / 39916800.0, 1.0 / 6227020800.0, -1.0 / 1307674368000.0, 1.0 / 355687428096000.0,
    -1.0 / 121645100408832000.0};
static const double cos_terms[] = {-1.0 / 2.0, 1.0 / 24.0, -1.0 / 720.0, 1.0 / 40320.0,
    -1.0 / 3628800.0, 1.0 / 479001600.0, -1.0 / 87178291200.0, 1.0 / 20922789888000.0,
    -1.0 / 6402373705728000.0, 1.0 / 2432902008176640000.0};

static double series(const double *term, size_t n, double s) {
    double t = term[n - 1];
    for (size_t i = n - 1; i-- > 0;)
        t = term[i] + s * t;
    return t;
}

static double sin_small(double r) {
    double s = r * r;
    return r + r * (s * series(sin_terms, ARRAY_LEN(sin_terms), s));
}

static double cos_small(double r) {
    double s = r * r;
    return 1.0 + s * series(cos_terms, ARRAY_LEN(cos_terms), s);
}

void ieee_sincos(double x, double *ret_sin, double *ret_cos) {
    int64_t k = 0;
    if (!ieee_round(x * (2.0 / IEEE_PI), &k) || k > (1 << 20) || k < -(1 << 20)) {
        /* Callers bound angles long before; a huge one has no meaningful sine. */
        *ret_sin = 0.0;
        *ret_cos = 1.0;
        return;
    }
    double kd = (double)k;
    double r = ((x - kd * pio2_a) - kd * pio2_b) - kd * pio2_c;
    double s = sin_small(r);
    double c = cos_small(r);
    switch ((unsigned)k & 3U) {
    case 0:
        *ret_sin = s;
        *ret_cos = c;
        break;
    case 1:
        *ret_sin = c;
        *ret_cos = -s;
        break;
    case 2:
        *ret_sin = -s;
        *ret_cos = -c;
        break;
    default:
        *ret_sin = -c;
        *ret_cos = s;
        break;
    }
}

/* 0 <= z <= 1. Above tan(pi/8) the angle difference to pi/4 is taken, so the series sees |z| < 0.415. */
static double atan_unit(double z) {
    double base = 0.0;
    if (z > 0.41421356237309503) {
        z = (z - 1.0) / (z + 1.0);
        base = IEEE_PI / 4.0;
    }
    double s = z * z;
    double t = 0.0;
    for (int k = 45; k >= 1; k -= 2)
        t = 1.0 / (double)k - s * t;
    return base + z * t;
}

double ieee_atan2(double y, double x) {
    double ax = x < 0.0 ? -x : x;
    double ay = y < 0.0 ? -y : y;
    if (!(ax > 0.0) && !(ay > 0.0))
        return 0.0;
    double a = ax >= ay ? atan_unit(ay / ax) : IEEE_PI / 2.0 - atan_unit(ax / ay);
    if (x < 0.0)
        a = IEEE_PI - a;
    return y < 0.0 ? -a : a;
}

uint16_t ieee_heading(double dx, double dy) {
    int64_t v = 0;
    if (!ieee_round(ieee_atan2(dy, dx) * (32768.0 / IEEE_PI), &v))
        return 0;
    return (uint16_t)((uint64_t)v & 0xffffU);
}
