/* Noise that hides one vehicle in the opened sum of its group, and the account of what a vehicle has given away.
 *
 * Each vehicle adds discrete Gaussian noise (Canonne, Kamath, Steinke, The Discrete Gaussian for Differential Privacy,
 * 2020, algorithms 1 to 3: exact, no floating point) to its symbols before it encrypts them. A group of which at
 * least `honest` vehicles add theirs carries noise of honest * sigma^2. Neighbouring sums differ in one vehicle being
 * there or sending nothing; they are at most sqrt(fl_member_bound2) apart.
 *
 * Account: zero-concentrated differential privacy, which adds up over rounds. rho of one opened sum follows Kairouz,
 * Liu, Steinke (The Distributed Discrete Gaussian Mechanism, 2021, theorem 1: a sum of discrete Gaussians is not quite
 * one, and the difference is charged); (epsilon, delta) follows Canonne, Kamath, Steinke, proposition 12, minimised
 * over alpha. No gain is claimed from absent vehicles: who was there is not secret.
 *
 * Floating point in the account only. No heap; any thread. The sampler's running time depends on what it draws. */
#ifndef WAYSIDE_FEDLEARN_VEHICLE_PRIVACY_H
#define WAYSIDE_FEDLEARN_VEHICLE_PRIVACY_H

#include "fedlearn/vehicle/quantise.h"

/* Adds noise of scale->noise / 256 symbols to each symbol and keeps it in the symbols' range. rnd protects something
 * here: ws_random_system, but in tests. Nothing happens when scale->noise is 0. */
void fl_noise_add(const struct fl_scale *scale, int32_t *symbols, size_t d, struct ws_random *rnd);

/* One draw of deviation noise / 256 symbols, 1 <= noise <= 2^23: |draw| below 2^30 (asserted; further out has a chance
 * below 2^-100). */
int32_t fl_noise_draw(uint32_t noise, struct ws_random *rnd);

struct fl_privacy {
    double rho; /* spent */
    uint32_t rounds; /* in which something was spent */
};

/* rho of one opened sum of d symbols with `honest` >= 1 noisy vehicles; infinity when scale->noise is 0. The scale
 * has passed fl_scale_check. */
double fl_privacy_rho(const struct fl_scale *scale, size_t d, uint32_t honest);

/* One round that the vehicle uploaded in, whatever became of it: f + 1 sums of shares open a group, and they may be public in a round
 * that was aborted, or of a group that was given up. */
void fl_privacy_spend(
    struct fl_privacy *p, const struct fl_scale *scale, size_t d, uint32_t honest);

/* Least epsilon that the account shows for delta in (0, 1). */
double fl_privacy_epsilon(double rho, double delta);

/* Least noise (2^-8 symbols) with which `rounds` rounds stay within (epsilon, delta); WS_ENOTFOUND when even noise as
 * large as the largest symbol does not do, WS_EINPUT for arguments that mean nothing. */
WARN_UNUSED int fl_privacy_noise(const struct fl_scale *scale, size_t d, uint32_t honest,
    uint32_t rounds, double epsilon, double delta, uint32_t *ret_noise, struct ws_err *err);

#endif
