#include "fedlearn/vehicle/scale.h"

#include "base/assert.h"

enum { RATIO_LOG2 = 15 }; /* C / C_inf at most: keeps (C S)^2 in 60 bits */

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
