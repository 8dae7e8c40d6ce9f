/* Evidence in bits (hd-map facts, section 5): one bit is odds doubled, held as signed Q16 in int64.
 * Pure integer arithmetic; the same on every machine. Any thread. */
#ifndef WAYSIDE_MAPSVC_FUSE_FUSION_H
#define WAYSIDE_MAPSVC_FUSE_FUSION_H

#include "mapsvc/fuse/observation.h"

#define BIT_Q16 INT64_C(65536)

/* floor-like log2 in Q16, by squaring; x > 0. It defines all weights, so it never changes. */
int64_t fusion_log2(uint32_t x);

/* What one look adds when it reports the change, and when it passes without seeing it. Rates in ppm,
 * 1..999999. A sensor that is right no more often than by chance weighs nothing, never less. */
struct fusion_weight {
    int64_t detect; /* >= 0 */
    int64_t miss; /* <= 0 */
};
struct fusion_weight fusion_weigh(uint32_t tpr_ppm, uint32_t fpr_ppm);

/* What a look weighs depends on its class of sensor and on the record of its source (reputation.h): a rank is
 * tier * SENSOR_CLASS_COUNT + class; the first tier is that of the class itself. */
#define SENSOR_TIERS 3
#define SENSOR_RANKS (SENSOR_TIERS * SENSOR_CLASS_COUNT)

/* Looks of one group (software family, direction, time bucket), which may all be wrong together. */
struct fusion_counts {
    uint16_t detect[SENSOR_RANKS], miss[SENSOR_RANKS];
};
/* What the group is worth: members weigh 1, 1/2, 1/4, 1/8, 1/8, ... of their bits, strongest first,
 * reports and misses apart; the sum is held to +-cap. A function of the counts alone, so order and
 * merging do not matter. */
int64_t fusion_group_bits(const struct fusion_counts *counts,
    const struct fusion_weight weight[static SENSOR_RANKS], int64_t cap);

/* bits after so many eighths of a half-life; towards zero. */
int64_t fusion_decay(int64_t bits, uint64_t eighths);

/* Position of one thing from several sightings, each with its standard deviation per axis (1..20000 mm). */
struct fusion_point {
    int32_t x, y;
    uint32_t sigma_mm;
};
#define FUSION_MAX_POINTS 32
/* Mean per axis, weighed by inverse variance; but from FUSION_JUDGED sightings on no one has more than a quarter of the weight,
 * however exact it says it is, and while more than FUSION_JUDGED stay, the sighting that lies the most of its standard
 * deviations from the median (unweighted, per axis) is left out when that is more than 3. The error of the median is allowed for.
 * sigma_mm of the result follows from the weights as they were used. n in 1..FUSION_MAX_POINTS; points are borrowed and may
 * come in any order: the result is the same. */
#define FUSION_JUDGED 5 /* of fewer, nobody can say which is wrong */
struct fusion_point fusion_position(const struct fusion_point *points, size_t n);

uint32_t fusion_sqrt(uint64_t x); /* floor */

#endif
