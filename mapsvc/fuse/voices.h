/* Who spoke for a hypothesis and who against it: by issuer, by source and by class of sensor. Bounded; who comes first
 * has no place for ever. Part of hypothesis.h, for hypothesis.c alone; hyp_over_liars and hyp_looks are here too. */
#ifndef WAYSIDE_MAPSVC_FUSE_VOICES_H
#define WAYSIDE_MAPSVC_FUSE_VOICES_H

#include "mapsvc/fuse/hypothesis.h"

void voices_count(struct hypothesis *y, const struct hyp_look *l, bool in_favour,
    const struct fusion_weight weight[static SENSOR_RANKS]);
void voices_uncount_miss(struct hypothesis *y, const struct hyp_look *l,
    const struct fusion_weight weight[static SENSOR_RANKS]);
void voices_age(struct hypothesis *y, uint64_t eighths);

#endif
