/* A vehicle's update as small integers: clip, scale, stochastic rounding, symmetric clamp. Units as in scale.h.
 *
 * Floating point is allowed here: a vehicle is alone with its update. No heap; any thread. */
#ifndef WAYSIDE_FEDLEARN_VEHICLE_QUANTISE_H
#define WAYSIDE_FEDLEARN_VEHICLE_QUANTISE_H

#include "base/error.h"
#include "base/random.h"
#include "fedlearn/vehicle/scale.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fl_quantised {
    double norm; /* of the update as it came in */
    bool clipped; /* it was longer than C */
    size_t clamped; /* symbols that hit the largest magnitude */
    unsigned redrawn; /* times rounding broke the bound and was drawn again, a little shorter */
};

/* u = local - global. */
void fl_update(const float *local, const int32_t *global, size_t d, float *ret_update);

/* ret_symbols: d symbols. The random numbers need not be secret (they round); hand in a generator seeded from the
 * system's: a call to the kernel per symbol would cost more than the rest. A value that is NaN or infinite makes
 * WS_EINPUT with its index, d = 0 or above FL_MAX_PARAMS too. Adds no privacy noise: fl_noise_add (privacy.h). */
WARN_UNUSED int fl_quantise(const struct fl_scale *scale, const float *update, size_t d,
    struct ws_random *rnd, int32_t *ret_symbols, struct fl_quantised *ret, struct ws_err *err);

#endif
