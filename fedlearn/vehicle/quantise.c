#include "fedlearn/vehicle/quantise.h"

#include <math.h>

enum {
    DRAWS = 64, /* random words taken from the generator at once */
    TRIES = 32,
};

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
