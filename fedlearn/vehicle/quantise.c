#include "fedlearn/vehicle/quantise.h"

#include "base/assert.h"

#include <math.h>

enum {
    RATIO_LOG2 = 15, /* C / C_inf at most: keeps (C S)^2 in 60 bits */
    DRAWS = 64, /* random words taken from the generator at once */
    TRIES = 32,
};

uint64_t fl_isqrt(unsigned __int128 x) {
    if (x == 0)
        return 0;
    unsigned __int128 root = 0;
    uint64_t high = (uint64_t)(x >> 64);
    int top = high != 0 ? 127 - __builtin_clzll(high) : 63 - __builtin_clzll((uint64_t)x);
    unsigned __int128 bit = (unsigned __int128)1 << (top & ~1);
    while (bit != 0) {
        if (x >= root + bit) {
            x -= root + bit;
            root = (root >> 1) + bit;
        } else {
            root >>= 1;
        }
        bit >>= 2;
    }
    return (uint64_t)root;
}

static uint64_t isqrt_up(unsigned __int128 x) {
    uint64_t r = fl_isqrt(x);
    return (unsigned __int128)r * r == x ? r : r + 1;
}

int fl_scale_check(const struct fl_scale *scale, struct ws_err *err) {
    if (scale->bits < FL_MIN_BITS || scale->bits > FL_MAX_BITS)
        return ws_fail(err, WS_EINPUT, "symbols of %u bits; %d to %d are possible", scale->bits,
            FL_MIN_BITS, FL_MAX_BITS);
    if (scale->clip == 0 || scale->clip > 1U << 30)
        return ws_fail(err, WS_EINPUT, "clip bound C of %u; 1 to 2^30 are possible", scale->clip);
    if (scale->clip_inf == 0 || scale->clip_inf > scale->clip ||
        (uint64_t)scale->clip_inf << RATIO_LOG2 < scale->clip)
        return ws_fail(err, WS_EINPUT, "C_inf of %u; it is at most C = %u and at least C / 2^%d",
            scale->clip_inf, scale->clip, RATIO_LOG2);
    if (scale->noise > (uint32_t)fl_symbol_max(scale) << 8)
        return ws_fail(
            err, WS_EINPUT, "noise of %u / 256 symbols is above the largest symbol", scale->noise);
    return 0;
}

uint64_t fl_member_bound2(const struct fl_scale *scale, size_t d) {
    WS_ASSERT(scale->clip_inf != 0);
    /* C * max <= 2^45; its square over C_inf^2 <= 2^60 by fl_scale_check. */
    unsigned __int128 cs = (unsigned __int128)scale->clip * (uint32_t)fl_symbol_max(scale);
    uint64_t inf2 = (uint64_t)scale->clip_inf * scale->clip_inf;
    return (uint64_t)(cs * cs / inf2) + (d + 3) / 4;
}

uint64_t fl_group_bound(const struct fl_scale *scale, size_t d, uint32_t weight) {
    /* weight^2 * bound2 <= 2^20 * 2^61; noise: 2 d weight (2^23)^2 / 2^16 <= 2^62. */
    unsigned __int128 members =
        (unsigned __int128)fl_member_bound2(scale, d) * ((uint64_t)weight * weight);
    unsigned __int128 noise =
        (unsigned __int128)2 * d * weight * ((uint64_t)scale->noise * scale->noise) >> 16;
    return isqrt_up(members) + isqrt_up(noise);
}

void fl_update(const float *local, const int32_t *global, size_t d, float *ret_update) {
    for (size_t i = 0; i < d; i++)
        ret_update[i] = (float)((double)local[i] - ldexp(global[i], -FL_PARAM_FRACTION));
}

/* One rounding of update * factor; returns the square of its norm. */
static uint64_t draw(const float *update, size_t d, double factor, int32_t max,
    struct ws_random *rnd, int32_t *ret_symbols, size_t *ret_clamped) {
    uint8_t words[DRAWS * 4];
    uint64_t norm2 = 0; /* d max^2 <= 2^20 * 2^30 */
    *ret_clamped = 0;
    for (size_t i = 0; i < d; i++) {
        if (i % DRAWS == 0)
            ws_random_bytes(rnd, words, d - i < DRAWS ? (d - i) * 4 : sizeof(words));
        const uint8_t *w = words + i % DRAWS * 4;
        uint32_t word =
            (uint32_t)w[0] | (uint32_t)w[1] << 8 | (uint32_t)w[2] << 16 | (uint32_t)w[3] << 24;
        double v = floor((double)update[i] * factor + (double)word * 0x1p-32);
        if (v > max || v < -max) {
            v = v > 0 ? max : -max;
            ++*ret_clamped;
        }
        ret_symbols[i] = (int32_t)v;
        norm2 += (uint64_t)((int64_t)ret_symbols[i] * ret_symbols[i]);
    }
    return norm2;
}

int fl_quantise(const struct fl_scale *scale, const float *update, size_t d, struct ws_random *rnd,
    int32_t *ret_symbols, struct fl_quantised *ret, struct ws_err *err) {
    if (fl_scale_check(scale, err) != 0)
        return WS_EINPUT;
    if (d == 0 || d > FL_MAX_PARAMS)
        return ws_fail(
            err, WS_EINPUT, "an update of %zu parameters; 1 to %d are possible", d, FL_MAX_PARAMS);
    double sum = 0;
    for (size_t i = 0; i < d; i++) {
        if (!isfinite(update[i]))
            return ws_fail(err, WS_EINPUT, "parameter %zu of the update is %s", i,
                isnan(update[i]) ? "not a number" : "infinite");
        sum += (double)update[i] * (double)update[i];
    }
    int32_t max = fl_symbol_max(scale);
    double clip = ldexp(scale->clip, -FL_PARAM_FRACTION);
    double symbols = max / ldexp(scale->clip_inf, -FL_PARAM_FRACTION);
    *ret = (struct fl_quantised){.norm = sqrt(sum)};
    ret->clipped = ret->norm > clip;
    double factor = ret->clipped ? symbols * (clip / ret->norm) : symbols;
    uint64_t bound2 = fl_member_bound2(scale, d);
    while (draw(update, d, factor, max, rnd, ret_symbols, &ret->clamped) > bound2) {
        factor *= 0.97;
        if (++ret->redrawn == TRIES)
            break;
    }
    if (ret->redrawn < TRIES)
        return 0;
    /* Towards zero nothing grows: the bound holds by the clip. */
    factor *= 0.97;
    for (size_t i = 0; i < d; i++) {
        double v = trunc((double)update[i] * factor);
        ret_symbols[i] = (int32_t)fmax(fmin(v, max), -max);
    }
    return 0;
}
