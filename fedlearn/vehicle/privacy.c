#include "fedlearn/vehicle/privacy.h"

#include "base/assert.h"

#include <math.h>
#include <string.h>

typedef unsigned __int128 u128;

enum { POOL = 512, NOISE_FRACTION = 8, NOISE_MAX = 1 << 23, DRAW_MAX = 1 << 30 };

/* Random octets, many at a time: the system's generator is a call to the kernel. */
struct pool {
    struct ws_random *rnd;
    size_t at;
    uint8_t octets[POOL];
};

static uint8_t octet(struct pool *p) {
    if (p->at == POOL) {
        ws_random_bytes(p->rnd, p->octets, POOL);
        p->at = 0;
    }
    return p->octets[p->at++];
}

/* Uniform in [0, bound), bound > 0: as many bits as bound has, again while too large. */
static u128 below(struct pool *p, u128 bound) {
    u128 top = bound - 1;
    unsigned bits = 0;
    while (bits < 128 && top >> bits != 0)
        bits++;
    u128 mask = bits == 128 ? ~(u128)0 : ((u128)1 << bits) - 1;
    for (;;) {
        u128 v = 0;
        for (unsigned i = 0; i < bits; i += 8)
            v = v << 8 | octet(p);
        v &= mask;
        if (v < bound)
            return v;
    }
}

/* True with probability exp(-num / den), num <= den: von Neumann's series. den * k stays below 2^127 since k > 2^10
 * has no chance to be reached and den < 2^100. */
static bool exp_below_one(struct pool *p, u128 num, u128 den) {
    unsigned k = 1;
    while (below(p, den * k) < num)
        k++;
    return k % 2 == 1;
}

/* The same for any num. */
static bool exp_minus(struct pool *p, u128 num, u128 den) {
    for (; num > den; num -= den)
        if (!exp_below_one(p, 1, 1))
            return false;
    return exp_below_one(p, num, den);
}

/* Discrete Laplace of scale t: probability of x proportional to exp(-|x| / t). */
static int64_t laplace(struct pool *p, uint64_t t) {
    for (;;) {
        u128 u = below(p, t);
        if (!exp_below_one(p, u, t))
            continue;
        uint64_t v = 0;
        while (exp_below_one(p, 1, 1))
            v++;
        int64_t x = (int64_t)((uint64_t)u + t * v);
        bool minus = (octet(p) & 1) != 0;
        if (minus && x == 0)
            continue;
        return minus ? -x : x;
    }
}

/* Deviation noise / 256. Laplace y is kept with probability exp(-(|y| - s2 / t)^2 / (2 s2)), s2 = n / 2^16 with
 * n = noise^2 <= 2^46; times (2^16 t)^2: exp(-(|y| 2^16 t - n)^2 / (2 n 2^16 t^2)). |y| < 2^24 (63 t), t <= 2^15 + 1:
 * the square is below 2^112, the divisor below 2^94. */
static int32_t draw(struct pool *p, uint32_t noise) {
    uint64_t n = (uint64_t)noise * noise;
    uint64_t t = (noise >> NOISE_FRACTION) + 1;
    for (;;) {
        int64_t y = laplace(p, t);
        int64_t size = y < 0 ? -y : y;
        WS_ASSERT(size < DRAW_MAX);
        u128 have = (u128)size << (2 * NOISE_FRACTION);
        have *= t;
        u128 off = have > n ? have - n : n - have;
        u128 den = ((u128)n << (2 * NOISE_FRACTION + 1)) * (t * t);
        if (exp_minus(p, off * off, den))
            return (int32_t)y;
    }
}

int32_t fl_noise_draw(uint32_t noise, struct ws_random *rnd) {
    WS_ASSERT(noise >= 1 && noise <= NOISE_MAX);
    struct pool p = {.rnd = rnd, .at = POOL};
    int32_t v = draw(&p, noise);
    explicit_bzero(&p, sizeof(p));
    return v;
}

void fl_noise_add(const struct fl_scale *scale, int32_t *symbols, size_t d, struct ws_random *rnd) {
    if (scale->noise == 0)
        return;
    int32_t max = fl_symbol_max(scale);
    struct pool p = {.rnd = rnd, .at = POOL};
    for (size_t i = 0; i < d; i++) {
        int64_t v = (int64_t)symbols[i] + draw(&p, scale->noise);
        symbols[i] = (int32_t)(v > max ? max : v < -max ? -max : v);
    }
    explicit_bzero(&p, sizeof(p));
}

double fl_privacy_rho(const struct fl_scale *scale, size_t d, uint32_t honest) {
    WS_ASSERT(honest >= 1);
    if (scale->noise == 0)
        return INFINITY;
    double sigma2 = ldexp((double)scale->noise * scale->noise, -2 * NOISE_FRACTION);
    double reach = sqrt((double)fl_member_bound2(scale, d) / (honest * sigma2));
    /* The sum of discrete Gaussians is tau-close to one. */
    double tau = 0;
    const double pi = 3.14159265358979323846;
    for (uint32_t k = 1; k < honest; k++)
        tau += 10 * exp(-2 * pi * pi * sigma2 * k / (k + 1.0));
    double e = fmin(sqrt(reach * reach + tau * (double)d / 2), reach + tau * sqrt((double)d));
    return e * e / 2;
}

void fl_privacy_spend(
    struct fl_privacy *p, const struct fl_scale *scale, size_t d, uint32_t honest) {
    p->rho += fl_privacy_rho(scale, d, honest);
    p->rounds++;
}

static double epsilon_at(double rho, double delta, double alpha) {
    return rho * alpha + log1p(-1 / alpha) - log(alpha * delta) / (alpha - 1);
}

double fl_privacy_epsilon(double rho, double delta) {
    if (!(rho > 0))
        return rho == 0 ? 0 : INFINITY;
    if (isinf(rho))
        return INFINITY;
    /* One minimum in alpha: looked for in log(alpha - 1) by golden section; every alpha gives a valid epsilon. */
    const double g = 0.61803398874989484820;
    double low = log(1e-9);
    double high = log(1e9);
    for (unsigned i = 0; i < 120; i++) {
        double a = high - g * (high - low);
        double b = low + g * (high - low);
        if (epsilon_at(rho, delta, 1 + exp(a)) < epsilon_at(rho, delta, 1 + exp(b)))
            high = b;
        else
            low = a;
    }
    return fmax(0, epsilon_at(rho, delta, 1 + exp((low + high) / 2)));
}

int fl_privacy_noise(const struct fl_scale *scale, size_t d, uint32_t honest, uint32_t rounds,
    double epsilon, double delta, uint32_t *ret_noise, struct ws_err *err) {
    struct fl_scale s = *scale;
    s.noise = 0;
    if (fl_scale_check(&s, err) != 0)
        return WS_EINPUT;
    if (d == 0 || d > FL_MAX_PARAMS || honest == 0 || honest > FL_MAX_WEIGHT || rounds == 0 ||
        !(epsilon > 0) || !(delta > 0) || !(delta < 1))
        return ws_fail(err, WS_EINPUT,
            "privacy of %zu parameters, %u vehicles, %u rounds, epsilon %g, delta %g", d, honest,
            rounds, epsilon, delta);
    uint32_t low = 0; /* does not do */
    uint32_t high = (uint32_t)fl_symbol_max(&s) << NOISE_FRACTION;
    s.noise = high;
    if (fl_privacy_epsilon(rounds * fl_privacy_rho(&s, d, honest), delta) > epsilon)
        return ws_fail(err, WS_ENOTFOUND,
            "no noise of symbols of %u bits hides a vehicle over %u rounds that well", s.bits,
            rounds);
    while (high - low > 1) {
        s.noise = low + (high - low) / 2;
        bool does = fl_privacy_epsilon(rounds * fl_privacy_rho(&s, d, honest), delta) <= epsilon;
        *(does ? &high : &low) = s.noise;
    }
    *ret_noise = high;
    return 0;
}
