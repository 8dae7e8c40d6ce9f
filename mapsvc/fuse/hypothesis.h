/* What may have changed about one thing on the road, and the evidence for it (hd-map facts, 5).
 *
 * A subject is an element of the map, or a place where something new may stand. Its hypotheses exclude
 * each other. S of a hypothesis is the sum over its groups of what each is worth; when S falls to zero
 * the hypothesis is forgotten, groups and all. That is CUSUM, S = max(0, S + D), with D the block's
 * change of the groups' worth: between two zeros nothing is cut off, so the sum of the changes is the
 * sum of the worths. Forgetting at zero also bounds the state: without suspicion nothing is kept.
 *
 * Pure but for memory; one thread per object. */
#ifndef WAYSIDE_MAPSVC_FUSE_HYPOTHESIS_H
#define WAYSIDE_MAPSVC_FUSE_HYPOTHESIS_H

#include "mapsvc/fuse/evidence.h"
#include "mapsvc/fuse/fusion.h"
#include "mapsvc/fuse/policy_fields.h"
#include "mapsvc/fuse/spot.h"

/* How a true change is told where a share of the vehicles may lie: by all who see it, or only by those who do not lie,
 * while the others say that nothing has changed. A lie is told by that share alone. */
enum lie_arm { LIE_UNCONTRADICTED, LIE_CONTRADICTED, LIE_ARMS };

/* Policy in force, read once per block. */
struct map_params {
    int64_t v[MAP_POLICY_GENERAL_COUNT];
    struct fusion_weight weight[RATE_KIND_COUNT][SENSOR_RANKS];
    uint32_t fpr_ppm[RATE_KIND_COUNT][SENSOR_CLASS_COUNT];
    struct fusion_weight liars[RATE_KIND_COUNT][LIE_ARMS]
                              [SENSOR_CLASS_COUNT]; /* against the share that may lie */
};
enum map_rate_kind rate_kind_of(enum element_kind k);
/* Time64 difference of half a life of evidence on things of this kind. */
uint64_t half_life_us(const struct map_params *p, enum element_kind k);

/* HYP_MOVED: it stands elsewhere, within reach of where the map has it. Its `value` names the grid place (moved.h), which
 * only tells two such hypotheses of one element apart. HYP_OBEYS: the road shows what the authority ordered (decree.h).
 * HYP_COVERED: it stands, but is covered or out of force for now; an advisory at most, for a cover comes off again. */
enum hyp_class {
    HYP_REMOVED = 1,
    HYP_VALUE = 2,
    HYP_NEW = 3,
    HYP_MOVED = 4,
    HYP_OBEYS = 5,
    HYP_COVERED = 6
};

/* Bounds of one subject. Beyond the groups, votes go to the group of the unknown family. */
#define HYP_MAX 8
#define GROUPS_MAX 64
#define ISSUERS_MAX 16

struct hyp_group {
    uint64_t bucket; /* block time / group length */
    uint16_t family;
    uint8_t octant; /* direction of travel of the observers, relative to the thing's own */
    bool open; /* bucket still runs: bits follow from counts; else bits are what is left of them */
    struct fusion_counts counts;
    int64_t bits;
};
/* Which issuers speak for it: plain sums, so one lucky report among many misses does not count. */
struct hyp_issuer {
    uint8_t id[8];
    int64_t bits;
};
/* Looks that spoke for it and against it, 65536 to one, aged with the evidence. */
struct hyp_tally {
    uint32_t in_favour, against;
};
/* Who said what about it, for their record (reputation.h). When there is no room the one that said least gives way, among
 * equals the one with the greatest key: its record is not touched then. */
#define SOURCE_KEY 9 /* first octets of the issuer, class of sensor */
#define HYP_SOURCES_MAX 32
struct hyp_source {
    uint8_t key[SOURCE_KEY];
    struct hyp_tally said;
};
enum advisory_state { ADVISORY_NONE = 0, ADVISORY_ACTIVE = 1, ADVISORY_OVER = 2 };

struct hypothesis {
    enum hyp_class cls;
    bool has_value;
    int32_t value;
    struct spot *spot; /* HYP_MOVED: where it stands now; else NULL */
    int64_t s; /* sum of folded and all groups' bits */
    int64_t folded; /* of groups no longer kept apart */
    uint32_t vehicles; /* in favour, each once per window */
    /* Who is counted again in a later window cannot be told from somebody else, because nothing about vehicles is kept
     * beyond one. So the most that spoke for it within one window is what is known of how many there are. */
    uint64_t window; /* end of the last one in which somebody did */
    uint32_t in_window, most_in_window;
    uint64_t views; /* lines of sight in favour, one bit per 1/64 turn */
    uint64_t first_seen, last_seen; /* Time64 of observations in favour */
    uint64_t supported_at; /* block time of the last one */
    enum advisory_state advisory;
    uint64_t advisory_until;
    uint8_t advisory_id[32];
    struct hyp_group *groups; /* ascending (bucket, family, octant) */
    size_t n_groups;
    struct hyp_issuer issuers[ISSUERS_MAX];
    size_t n_issuers;
    int64_t other_issuers; /* <= 0: of those against it for whom there was no room */
    struct hyp_tally heard[SENSOR_CLASS_COUNT]; /* since it was first suspected */
    struct hyp_source *sources;
    size_t n_sources;
    struct evidence_leaf *leaves; /* evidence in favour, the first EVIDENCE_MAX */
    size_t n_leaves;
};

#define SUBJECT_KEY 17
#define SUBJECT_ELEMENT 'e'
#define SUBJECT_PLACE 'n'
struct subject {
    uint8_t key
        [SUBJECT_KEY]; /* SUBJECT_ELEMENT and element id, or SUBJECT_PLACE and an id of its own */
    enum element_kind kind;
    uint64_t decayed_at; /* Time64 up to which evidence was aged */
    uint64_t opened; /* block time */
    struct spot spot; /* of a place */
    struct hypothesis *hyps;
    size_t n_hyps;
    bool touched; /* has to be written at the end of this block */
};
static inline bool subject_is_place(const struct subject *s) {
    return s->key[0] == SUBJECT_PLACE;
}

void subject_free(struct subject *s); /* and the memory of s itself */
struct hypothesis *subject_find(
    struct subject *s, enum hyp_class cls, bool has_value, int32_t value); /* or NULL */
struct hypothesis *subject_add(
    struct subject *s, enum hyp_class cls, bool has_value, int32_t value);
void subject_drop(struct subject *s, size_t hyp);
/* One look counted for or against. */
struct hyp_look {
    uint8_t rank; /* index of its weight */
    const uint8_t *source; /* SOURCE_KEY octets */
    uint16_t family;
    uint8_t octant;
    const uint8_t *issuer; /* first 8 octets matter */
    const uint8_t *leaf; /* 32 octets */
    uint64_t height; /* of the block that holds it */
    uint64_t window; /* end of the one in which its vehicle counts once */
    unsigned view; /* 0..63 */
    uint64_t time; /* Time64 */
};
void hyp_count(struct hypothesis *y, const struct hyp_look *l, bool in_favour, uint64_t bucket,
    uint64_t block_time, const struct fusion_weight weight[static SENSOR_RANKS]);
/* Takes back a silence that was counted in this bucket: the vehicle saw the thing after all. */
void hyp_uncount_miss(struct hypothesis *y, const struct hyp_look *l, uint64_t bucket,
    const struct fusion_weight weight[static SENSOR_RANKS]);
/* After a block's counts: sorts the block's leaves (from n_before on) and recomputes s. */
void hyp_settle(struct hypothesis *y, size_t leaves_before,
    const struct fusion_weight weight[static SENSOR_RANKS], int64_t cap);
/* Closes groups of other buckets than this, and ages what is closed. True when anything changed. */
bool subject_age(
    struct subject *s, uint64_t bucket, uint64_t block_time, const struct map_params *p);

struct hyp_summary {
    uint32_t groups, families, issuers, views; /* in favour */
    int64_t without_issuer, without_family; /* what is left without the one that says most */
};
struct hyp_summary hyp_summarise(const struct hypothesis *y);
/* Bits by which all that was heard tells a true change from a lie of the share that may lie. Undiscounted: each vehicle is
 * one. Of two ways in which a true change is told, whichever fits; what may be chosen is paid for, so that a lie passes any
 * bound of b bits with a chance of 2^-b at most. */
int64_t hyp_over_liars(const struct hypothesis *y,
    const struct fusion_weight weight[static LIE_ARMS][SENSOR_CLASS_COUNT]);
/* Looks, rounded. */
uint32_t hyp_looks(uint32_t tally);

#endif
