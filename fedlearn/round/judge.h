/* Robust aggregation of opened group sums, in integers: every validator, and everybody who checks a round later,
 * gets the same verdicts and the same step, whatever the order in which the groups are handed in and whatever the
 * processor. Rules in their order:
 *
 *   malformed   the residual test said so (the caller's)
 *   key         the opened sum of keys is none of short keys (the caller's)
 *   range       a coordinate beyond weight * (2^(bits-1) - 1)
 *   norm        the sum is longer than fl_group_bound: some member was outside C. Needs no majority, so it comes first
 *   direction   the cosine against a reference step is below a bound
 *   location    distance filter around the coordinate-wise median, or Multi-Krum
 *   clip        what is left is scaled down to a multiple of the median norm (no verdict)
 *   step        mean of what is left, or its coordinate-wise trimmed mean; momentum adds a part of the step before
 *
 * Distances are taken before the clip: a clipped attacker would look near.
 *
 * Groups of suspects are measured by what the free groups say, for the suspects' score: they never enter median, distance
 * statistics, choice, clip or step, so who lets itself be set apart to choose its companions moves nothing.
 *
 * Units: a group's mean is its sum / weight, in symbols with 24 fraction bits; distances have 12 (2^-12 symbols);
 * the step is in model units, 2^-FL_PARAM_FRACTION. Medians of an even number are the lower of the two in the
 * middle, but the coordinate-wise median, which is half their sum, rounded down.
 *
 * Heap: n * 3 kB, whatever d is, freed before it returns. Time: three to four passes over the sums. Any thread. */
#ifndef WAYSIDE_FEDLEARN_ROUND_JUDGE_H
#define WAYSIDE_FEDLEARN_ROUND_JUDGE_H

#include "base/error.h"
#include "fedlearn/vehicle/scale.h"

#include <stdbool.h>

enum { FL_MAX_GROUPS = 256, FL_KRUM_GROUPS = 20, FL_TRIM_GROUPS = 8 };

enum fl_location {
    FL_LOCATION_MEAN, /* no defence beyond the bounds */
    FL_LOCATION_TRIMMED, /* below FL_TRIM_GROUPS groups: distance */
    FL_LOCATION_DISTANCE,
    FL_LOCATION_KRUM, /* FL_KRUM_GROUPS groups and more: distance */
    FL_LOCATION_COUNT
};

/* Constants of the region's policy. Thousandths are in units of 1/1000. */
struct fl_rules {
    uint32_t min_groups; /* with fewer left at the end there is no step; 1..FL_MAX_GROUPS */
    uint32_t clip_thousandths; /* of the median norm; 0: no clip; ..1000000 */
    int32_t cosine_thousandths; /* least cosine, -1000..1000; -1000: no rule */
    enum fl_location location;
    uint32_t trim_thousandths; /* of the groups, cut on each side; below 500 */
    uint32_t mad_thousandths; /* distance: median + this * median absolute deviation; ..1000000 */
    uint32_t
        spread_thousandths; /* distance: and up to this * median whatever the deviation; ..1000000 */
    uint32_t krum_thousandths; /* of the groups, assumed bad; below 500 */
    uint32_t momentum_thousandths; /* of the reference, added to the step; ..990 */
};

/* mad: 2.36 deviations of a bell. Honest groups are flagged now and then (one in twenty); the score lives with
 * that, and offenders inside the bounds are seen far more often than at the usual 4. */
#define FL_RULES_DEFAULT                                                                           \
    ((struct fl_rules){.min_groups = 3,                                                            \
        .clip_thousandths = 2000,                                                                  \
        .cosine_thousandths = -1000,                                                               \
        .location = FL_LOCATION_DISTANCE,                                                          \
        .trim_thousandths = 250,                                                                   \
        .mad_thousandths = 3500,                                                                   \
        .spread_thousandths = 1000,                                                                \
        .krum_thousandths = 300,                                                                   \
        .momentum_thousandths = 900})

WARN_UNUSED int fl_rules_check(const struct fl_rules *rules, struct ws_err *err);

#define FL_VERDICTS(X)                                                                             \
    X(FL_ACCEPTED, "accepted")                                                                     \
    X(FL_MALFORMED, "malformed")                                                                   \
    X(FL_OUT_OF_RANGE, "range")                                                                    \
    X(FL_OUT_OF_NORM, "norm")                                                                      \
    X(FL_AGAINST, "direction")                                                                     \
    X(FL_DISTANT, "distance")                                                                      \
    X(FL_NOT_CHOSEN, "not_chosen") /* Multi-Krum leaves out a fixed share: says nothing bad */     \
    X(FL_LONG_KEY, "key")                                                                          \
    X(FL_GIVEN_UP, "given_up") /* not used: a member's bundle was bad. Says nothing of the others */
enum fl_verdict_code {
#define X(id, text) id,
    FL_VERDICTS(X)
#undef X
        FL_VERDICT_COUNT
};
const char *fl_verdict_name(enum fl_verdict_code code);

/* Does a verdict count against the members (suspicion.h)? */
static inline bool fl_verdict_flags(enum fl_verdict_code code) {
    return code != FL_ACCEPTED && code != FL_NOT_CHOSEN && code != FL_GIVEN_UP;
}

struct fl_group {
    uint32_t id;
    uint32_t weight; /* vehicles (sum of their weights), 1..FL_MAX_WEIGHT */
    enum fl_verdict_code
        found; /* before its sum was looked at; another than FL_ACCEPTED: it is out, for that */
    bool suspects; /* its members are quarantined */
    const int32_t *sum; /* d symbols; may be NULL when it is out; borrowed */
};

struct fl_verdict {
    uint32_t id, weight;
    enum fl_verdict_code code;
    bool clipped;
    uint64_t
        norm; /* of the sum, in symbols, rounded down; 0 when found out before, or out of range */
    uint64_t
        distance; /* of the mean to the coordinate-wise median, 2^-12 symbols; 0 when not asked for */
};

struct fl_judged {
    bool step; /* there is one: at least min_groups groups made it */
    uint32_t accepted; /* groups in the step: none of suspects */
    uint32_t vehicles; /* and their weight */
    enum fl_location location; /* the one used */
    uint64_t bound_clip; /* norm of a mean above which it was clipped, 2^-24 symbols; 0: none */
    uint64_t bound_distance; /* 2^-12 symbols; 0: none */
    uint64_t step_norm; /* 2^-20 */
};

/* groups: n of 1..FL_MAX_GROUPS with different ids; reference: the step before, d values in +-FL_PARAM_MAX, or NULL
 * (no rule of direction, no momentum). ret_step: d values in +-FL_PARAM_MAX, all zero when ret->step is false. ret_verdicts: n, by group id.
 * WS_EINPUT, naming the thing, for constants, counts, ids or references outside what is said here. */
WARN_UNUSED int fl_judge(const struct fl_scale *scale, const struct fl_rules *rules,
    const struct fl_group *groups, size_t n, const int32_t *reference, size_t d, int32_t *ret_step,
    struct fl_verdict *ret_verdicts, struct fl_judged *ret, struct ws_err *err);

/* model += step, each parameter kept in +-FL_PARAM_MAX; returns how many had to be kept. */
size_t fl_model_apply(int32_t *model, const int32_t *step, size_t d);

#endif
