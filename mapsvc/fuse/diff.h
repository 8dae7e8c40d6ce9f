/* What the cell publishes when the road changed: change records gathered into versions, with one
 * canonical encoding (docs/formats/map.md). A version record is the body of an event of the map
 * contract, so an inclusion proof and the genesis suffice to check it. */
#ifndef WAYSIDE_MAPSVC_FUSE_DIFF_H
#define WAYSIDE_MAPSVC_FUSE_DIFF_H

#include "mapsvc/model/element.h"
#include "mapsvc/model/mapset.h"

/* Event types of the map contract. */
#define MAP_EVENT_VERSION 1
#define MAP_EVENT_ADVISORY 2
#define MAP_EVENT_ADVISORY_END 3
#define MAP_EVENT_ORDER 4 /* mapsvc/fuse/order.h */

enum change_tier { TIER_ADVISORY = 1, TIER_PERMANENT = 2, TIER_ORDER = 3 };

struct change_record {
    enum map_change_op op;
    enum change_tier tier;
    uint8_t id[32]; /* SHA-256 of the encoding with this field left out */
    uint8_t element_id[16];
    bool has_before, has_after, has_supersedes, has_withdraws, has_order;
    struct element before, after; /* owned */
    uint8_t supersedes[32]; /* the last change of this element, when that was one of the cell's */
    uint8_t withdraws[32]; /* the change that this one takes back */
    uint8_t order[32]; /* id of the authority's order; with tier TIER_ORDER */
    int64_t bits_q16; /* evidence at confirmation, 65536 = 1 bit */
    int64_t threshold_q16;
    uint32_t vehicles, groups, issuers, families;
    uint64_t first_seen,
        last_seen; /* Time64, us: generation times of the supporting observations */
    uint8_t evidence_root
        [32]; /* RFC 6962 root over the leaf hashes of the supporting transactions, in order of
                 height and, within one block, of the hash, so that a block's order does not matter */
};

struct map_version {
    uint8_t cell_id[32];
    uint64_t version; /* 1 is the base map; the first change makes 2 */
    uint8_t previous_root[32]; /* over the map's tiles (mapsvc/fuse/tiles.h), before */
    uint8_t root[32]; /* and after */
    uint8_t previous_record
        [32]; /* SHA-256 of the previous version record's encoding; zero for the first */
    uint8_t policy_hash[32];
    uint8_t base_digest[32]; /* of the base map, as the genesis names it */
    uint64_t height;
    uint64_t block_time; /* Time64, us */
    bool geometry; /* false: only attributes changed */
    struct change_record *changes; /* sorted by kind, then element id */
    size_t n_changes;
};

/* Limits of one version record and of one change in it. */
#define MAP_VERSION_MAX_CHANGES 1024
#define CHANGE_MAX_OCTETS (256U << 10)

void change_free(struct change_record *c);
/* Sets c->id from everything else. */
void change_seal(struct change_record *c);
void change_encode(const struct change_record *c, struct buf *b);
/* WS_EINPUT with the offset also when op, flags and elements contradict each other or id is wrong. */
WARN_UNUSED int change_decode(struct span s, struct change_record *ret_change, struct ws_err *err);
/* Octet order of kind, then element id. */
int change_compare(const struct change_record *a, const struct change_record *b);
/* True when a consumer has to look at more than the attributes of an element it has. */
bool change_is_geometry(const struct change_record *c);

void map_version_free(struct map_version *v);
void map_version_encode(const struct map_version *v, struct buf *b);
WARN_UNUSED int map_version_decode(
    struct span s, struct map_version *ret_version, struct ws_err *err);

/* Root over the tiles and their elements (mapsvc/fuse/tiles.h). */
void map_root(const struct mapset *m, uint8_t ret_root[static 32]);
/* Replaces, adds and removes elements; m stays sorted. A `before` that is not what m holds, or a create
 * of what is there already, is WS_EINPUT and leaves m as it was. Changes are sorted (change_compare). */
WARN_UNUSED int map_changes_check(
    const struct change_record *changes, size_t n, const struct mapset *m, struct ws_err *err);
WARN_UNUSED int map_changes_apply(
    const struct change_record *changes, size_t n, struct mapset *m, struct ws_err *err);
/* Applies a version to a copy of the map a consumer holds: previous_root, each `before` and root are
 * checked first, so on failure m is as it was. */
WARN_UNUSED int map_version_apply(
    const struct map_version *v, struct mapset *m, struct ws_err *err);
/* Takes v's changes back: m becomes the map before it. Each `after` is checked, no root. On failure m is as it was. */
WARN_UNUSED int map_version_undo(const struct map_version *v, struct mapset *m, struct ws_err *err);

/* Bodies of the advisory events. An advisory is never part of the base map: it has an end of its own,
 * and may be withdrawn before. */
struct map_advisory {
    uint64_t height, block_time; /* Time64, us */
    uint64_t valid_to; /* Time64, us: ends then if nothing ends it before */
    struct change_record change; /* tier TIER_ADVISORY */
};
enum advisory_end {
    ADVISORY_WITHDRAWN = 1, /* later evidence spoke against it */
    ADVISORY_EXPIRED = 2,
    ADVISORY_PERMANENT = 3, /* the change went into the map */
    ADVISORY_SUPERSEDED = 4, /* another change of the same element went into the map */
};
struct map_advisory_end {
    uint64_t height, block_time;
    uint8_t change_id[32]; /* of the advisory's change record */
    uint8_t element_id[16];
    enum advisory_end why;
};
void map_advisory_encode(const struct map_advisory *a, struct buf *b);
WARN_UNUSED int map_advisory_decode(
    struct span s, struct map_advisory *ret_advisory, struct ws_err *err); /* free its change */
void map_advisory_end_encode(const struct map_advisory_end *e, struct buf *b);
WARN_UNUSED int map_advisory_end_decode(
    struct span s, struct map_advisory_end *ret_end, struct ws_err *err);

/* Room for either of these; with less, they are cut between characters. */
#define CHANGE_WORDS_OCTETS 1280
/* What changed, without the evidence: "speed limit 50 -> 30 km/h, lanelet2:relation/12". */
void change_describe_what(const struct change_record *c, char *dst, size_t size);
/* One sentence for people: "speed limit 50 -> 30 km/h, lanelet2:relation/12: 12 vehicles, 3 software families, 21.4 bits of 20". */
void change_describe(const struct change_record *c, char *dst, size_t size);

#endif
