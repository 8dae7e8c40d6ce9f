/* How often those who speak under one issuer with one class of sensor were right, and what that costs them (hd-map facts, 5).
 * Vehicles cannot be followed, their issuers can. What a source reported is held against what came of it: the map as it
 * stands, changes that were confirmed, suspicions that were refuted. At each epoch's end it gets one of a few ranks; a
 * worse one takes bits from each report, never its sign. Part of the map contract.
 *
 * State key "q" issuer(8) class(1). One thread. */
#ifndef WAYSIDE_MAPSVC_FUSE_REPUTATION_H
#define WAYSIDE_MAPSVC_FUSE_REPUTATION_H

#include "mapsvc/fuse/contract_internal.h"

#define SOURCES_MAX 1024 /* beyond, sources have the rank of those without a record */

struct source {
    uint8_t key[SOURCE_KEY];
    uint32_t agree, disagree;
    uint8_t tier; /* 0..SENSOR_TIERS - 1 */
    bool touched;
};

/* Rank of a source as of the last epoch. */
uint8_t reputation_tier(const struct map_contract *c, const uint8_t key[static SOURCE_KEY]);
/* What the looks of this block said of things that nobody suspects. */
void reputation_note_looks(struct map_contract *c);
/* What came of a hypothesis: confirmed, or refuted. */
void reputation_note_outcome(struct map_contract *c, const struct hypothesis *y, bool confirmed);
/* Of a rival of what was confirmed: whoever spoke for it was wrong. */
void reputation_note_rival(struct map_contract *c, const struct hypothesis *y);
void reputation_judge(struct map_contract *c); /* at the end of an epoch */
void reputation_store(struct map_contract *c, struct exec_host *h); /* at the end of a block */
void reputation_load(struct map_contract *c, const struct source *s); /* ascending keys */

#endif
