/* What the map contract suspects, for people to look at: read-only views of its state. Between blocks, owner thread. */
#ifndef WAYSIDE_MAPSVC_FUSE_SUSPICION_H
#define WAYSIDE_MAPSVC_FUSE_SUSPICION_H

#include "mapsvc/fuse/diff.h"
#include "mapsvc/fuse/evidence.h"

/* What a hypothesis lacks, under the policy in force, to become a permanent change. */
#define MAP_LACKS(X)                                                                               \
    X(BITS, "bits")                                                                                \
    X(MARGIN, "margin") /* over the next hypothesis about the same thing */                        \
    X(VEHICLES, "vehicles") /* within one window */                                                \
    X(GROUPS, "groups")                                                                            \
    X(FAMILIES, "families") /* or evidence without the one that says most */                       \
    X(ISSUERS, "issuers") /* likewise */                                                           \
    X(SHARE, "share") /* of the vehicles: as many may lie */                                       \
    X(VIEWS, "views")                                                                              \
    X(PLACE, "place") /* not known well enough, or not clear of where it stood */
enum map_lack_bit {
#define X(id, text) MAP_LACK_BIT_##id,
    MAP_LACKS(X)
#undef X
        MAP_LACK_COUNT
};
enum map_lack {
#define X(id, text) MAP_LACKS_##id = 1 << MAP_LACK_BIT_##id,
    MAP_LACKS(X)
#undef X
};

/* The strongest hypothesis about one thing of the map, or about one place where something new may stand. */
struct map_suspicion {
    uint8_t subject[16]; /* id of the element, or of the place */
    bool is_place;
    enum element_kind kind;
    enum map_change_op op;
    bool moved; /* with MAP_MODIFY: it stands elsewhere, at x, y */
    bool
        covered; /* with MAP_MODIFY: it stands, but is covered or out of force; only while its advisory is in force */
    bool has_value;
    int32_t value;
    int32_t x, y; /* mm in the cell frame */
    bool has_heading;
    uint16_t heading; /* as in element.h */
    int64_t bits_q16,
        threshold_q16; /* threshold: of a permanent change; 0 before the first block of a cell */
    uint32_t vehicles, groups, issuers, families, views; /* in favour */
    uint32_t window_vehicles; /* the most of them within one window: what a policy asks for */
    uint32_t
        wanted_vehicles; /* so many; with fewer, single ones must not be told of (MAP_LACKS_VEHICLES) */
    /* enum map_lack. 0 of something new: it may be what is missing elsewhere. Before the first block of a cell nothing is known of it. */
    unsigned lacks;
    uint32_t rivals; /* weaker hypotheses about the same thing */
    uint64_t first_seen, last_seen; /* Time64, us */
    bool advisory; /* in force */
    uint64_t advisory_until; /* Time64, us */
    uint8_t advisory_id[32]; /* of its change record */
};

/* The `max` with the most evidence, strongest first; at most 1024. ret_total: how many there are. */
#define MAP_SUSPICIONS_MAX 1024
size_t map_contract_suspicions(
    const void *self, struct map_suspicion *ret, size_t max, size_t *ret_total);
/* False: nothing is suspected about it. */
bool map_contract_suspicion(
    const void *self, const uint8_t subject[static 16], struct map_suspicion *ret);
/* Which messages counted for it so far, the first EVIDENCE_MAX; 0: nothing is suspected about it. */
size_t map_contract_suspicion_evidence(const void *self, const uint8_t subject[static 16],
    struct evidence_leaf ret[static EVIDENCE_MAX]);
/* Confirmed changes that wait for the next version; borrowed until the next block. NULL: no more. */
const struct change_record *map_contract_waiting(const void *self, size_t i);

#endif
