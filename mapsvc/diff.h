/* What the cell publishes when the road changed: change records gathered into versions, with one
 * canonical encoding (docs/formats/map.md). A version record is the body of an event of the map
 * contract, so an inclusion proof and the genesis suffice to check it. */
#ifndef WAYSIDE_MAPSVC_DIFF_H
#define WAYSIDE_MAPSVC_DIFF_H

#include "mapsvc/element.h"
#include "mapsvc/mapset.h"

/* Event types of the map contract. */
#define MAP_EVENT_VERSION 1
#define MAP_EVENT_ADVISORY 2
#define MAP_EVENT_ADVISORY_END 3

enum change_tier { TIER_ADVISORY = 1, TIER_PERMANENT = 2, TIER_ORDER = 3 };

struct change_record {
    enum map_change_op op;
    enum change_tier tier;
    uint8_t id[32]; /* SHA-256 of the encoding with this field left out */
    uint8_t element_id[16];
    bool has_before, has_after;
    struct element before, after; /* owned */
    int64_t bits_q16; /* evidence at confirmation, 65536 = 1 bit */
    int64_t threshold_q16;
    uint32_t vehicles, groups, issuers, families;
    uint64_t first_seen,
        last_seen; /* Time64, us: generation times of the supporting observations */
    uint8_t evidence_root
        [32]; /* RFC 6962 root over the leaf hashes of the supporting transactions, in order of commit */
};

struct map_version {
    uint8_t cell_id[32];
    uint64_t version; /* 1 is the base map; the first change makes 2 */
    uint8_t previous_root[32]; /* root over element hashes sorted by id (RFC 6962 shape), before */
    uint8_t root[32]; /* and after */
    uint8_t previous_record
        [32]; /* SHA-256 of the previous version record's encoding; zero for the first */
    uint8_t policy_hash[32];
    uint8_t base_digest[32];
    uint64_t height;
    uint64_t block_time; /* Time64, us */
    bool geometry; /* false: only attributes changed */
    struct change_record *changes; /* sorted by kind, then element id */
    size_t n_changes;
};

void map_version_free(struct map_version *v);
void map_version_encode(const struct map_version *v, struct buf *b);
WARN_UNUSED int map_version_decode(
    struct span s, struct map_version *ret_version, struct ws_err *err);

/* Applies a version to a copy of the map a consumer holds. Refuses when a `before` does not match. */
WARN_UNUSED int map_version_apply(
    const struct map_version *v, struct mapset *m, struct ws_err *err);

/* One sentence for people: "speed limit 50 -> 30 km/h, lanelet2:relation/12: 12 vehicles, 3 software families, 21.4 bits of 20". */
void change_describe(const struct change_record *c, char *dst, size_t size);

#endif
