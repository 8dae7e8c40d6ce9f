/* Numbers of the region's policy that learning reads, and how they become the constants of a round. */
#include "fedlearn/round/rounds_internal.h"

#define SECOND_US UINT64_C(1000000)

/* An epoch has so many times the rounds that it takes to shut an offender out: it does not come to every one, nor does every one of its
 * groups fail. */
enum { OFTEN = 4 };

/* An update that is cut to less than a thousandth is lost in the rounding of a group's mean. In 2^-20. */
enum { CLIP_LEAST = 1 << 10 };

/* X(id, name, unit, min, max, help) */
#define FIELDS(X)                                                                                  \
    X(EVERY_S, "every_s", "s", 0, 31536000, "time from one round to the next; 0: none begins")     \
    X(SUBMIT_S, "submit_s", "s", 1, 86400, "how long vehicles may submit")                         \
    X(ATTEST_S, "attest_s", "s", 1, 86400, "how long validators have to gather and attest")        \
    X(OPEN_S, "open_s", "s", 1, 86400,                                                             \
        "how long validators have to open the groups, and the longest wait for randomness")        \
    X(JUDGE_S, "judge_s", "s", 1, 86400, "how long validators have to agree on the outcome")       \
    X(EPOCH_S, "epoch_s", "s", 3600, 2678400, "suspicion is forgotten at multiples of this time")  \
    X(PROFILE, "profile", "1", 1, 5,                                                               \
        "how updates are written: 1 compact, 2 standard, 3 precise, 4 cell, 5 tiny")               \
    X(SUBMISSIONS_MAX, "submissions_max", "1", 2, FL_SUBMISSIONS_MAX, "vehicles of one round")     \
    X(GROUP_MIN, "group_min", "1", 8, FL_MAX_WEIGHT,                                               \
        "vehicles whose sum may be opened at the least (privacy)")                                 \
    X(GROUP, "group", "1", 8, FL_MAX_WEIGHT, "vehicles of one group, as a rule")                   \
    X(CLIP, "clip", "2^-20", 1, 1 << 30, "largest L2 norm of an update")                           \
    X(CLIP_INF, "clip_inf", "2^-20", 1, 1 << 30, "largest change of one parameter")                \
    X(NOISE, "noise", "2^-8", 0, 1 << 24,                                                          \
        "standard deviation of each vehicle's privacy noise, in symbols; 0: none")                 \
    X(MIN_GROUPS, "min_groups", "1", 1, FL_MAX_GROUPS, "groups that a step needs")                 \
    X(NORM_CLIP, "norm_clip", "1/1000", 0, 1000000,                                                \
        "groups are cut to this times the median norm")                                            \
    X(COSINE, "cosine", "1/1000", -1000, 1000,                                                     \
        "least cosine against the last step; -1000: no such rule")                                 \
    X(LOCATION, "location", "1", 0, FL_LOCATION_COUNT - 1,                                         \
        "0 mean, 1 trimmed mean, 2 distance filter, 3 Multi-Krum")                                 \
    X(TRIM, "trim", "1/1000", 0, 499, "share of groups cut on each side of a trimmed mean")        \
    X(MAD, "mad", "1/1000", 0, 1000000, "distance filter: median and this many deviations")        \
    X(SPREAD, "spread", "1/1000", 0, 1000000,                                                      \
        "distance filter: never nearer than this many medians")                                    \
    X(KRUM, "krum", "1/1000", 0, 499, "share of groups that Multi-Krum takes for bad")             \
    X(MOMENTUM, "momentum", "1/1000", 0, 990, "part of the last step that is added to a step")     \
    X(BAD_PPM, "bad_ppm", "ppm", 1000, 400000, "assumed share of bad vehicles")                    \
    X(FLAG_BAD_PPM, "flag_bad_ppm", "ppm", 500000, 999000,                                         \
        "chance that the group of a bad vehicle is found bad")                                     \
    X(FLAG_GOOD_PPM, "flag_good_ppm", "ppm", 1000, 400000,                                         \
        "least chance that a group of good vehicles is found bad")                                 \
    X(QUARANTINE, "quarantine", "2^-16 nat", FL_NAT, 100 * FL_NAT, "score of quarantine")          \
    X(SCORE_FLOOR, "score_floor", "2^-16 nat", -100 * FL_NAT, 0, "least score")                    \
    X(QUARANTINE_ROUNDS, "quarantine_rounds", "1", 1, 1000,                                        \
        "quarantined groups in succession that exclude, or set free")                              \
    X(VETO_PPM, "veto_ppm", "ppm", 0, 1000000, "loss of recall of a safety class that vetoes")     \
    X(VETO_TOTAL_PPM, "veto_total_ppm", "ppm", 0, 1000000,                                         \
        "the same, against the best since the model was ordered")                                  \
    X(SAFETY_CLASSES, "safety_classes", "1", 0, (1 << FL_MAX_CLASSES) - 1,                         \
        "sum of 2^class of the classes that a step may not harm")

enum field {
#define X(id, name, unit, min, max, help) id,
    FIELDS(X)
#undef X
        FIELD_COUNT
};

const struct policy_field fl_policy_fields[FL_POLICY_FIELDS] = {
#define X(id, name, unit, min, max, help) {"learn." name, unit, min, max, help},
    FIELDS(X)
#undef X
};

_Static_assert((int)FIELD_COUNT == FL_POLICY_FIELDS, "one entry for each field");

static bool config_of(const int64_t *v, struct fl_round_config *ret) {
#define GET(id) (v[id])
#define GET_U32(id) ((uint32_t)v[id])
#define GET_US(id) ((uint64_t)v[id] * SECOND_US)
    memset(ret, 0, sizeof(*ret));
    if (fl_profile_by_octet((uint8_t)GET(PROFILE), &ret->profile, NULL) != WS_OK)
        return false;
    ret->scale = (struct fl_scale){.bits = ret->profile->bits,
        .clip = GET_U32(CLIP),
        .clip_inf = GET_U32(CLIP_INF),
        .noise = GET_U32(NOISE)};
    ret->rules = (struct fl_rules){.min_groups = GET_U32(MIN_GROUPS),
        .clip_thousandths = GET_U32(NORM_CLIP),
        .cosine_thousandths = (int32_t)GET(COSINE),
        .location = (enum fl_location)GET(LOCATION),
        .trim_thousandths = GET_U32(TRIM),
        .mad_thousandths = GET_U32(MAD),
        .spread_thousandths = GET_U32(SPREAD),
        .krum_thousandths = GET_U32(KRUM),
        .momentum_thousandths = GET_U32(MOMENTUM)};
    ret->suspicion = (struct fl_suspicion_rules){.bad_ppm = GET_U32(BAD_PPM),
        .flag_bad_ppm = GET_U32(FLAG_BAD_PPM),
        .flag_good_ppm = GET_U32(FLAG_GOOD_PPM),
        .quarantine = (int32_t)GET(QUARANTINE),
        .floor = (int32_t)GET(SCORE_FLOOR),
        .quarantine_rounds = GET_U32(QUARANTINE_ROUNDS)};
    ret->group_min = GET_U32(GROUP_MIN);
    ret->group = GET_U32(GROUP);
    ret->submissions_max = GET_U32(SUBMISSIONS_MAX);
    ret->submit_us = GET_US(SUBMIT_S);
    ret->attest_us = GET_US(ATTEST_S);
    ret->open_us = GET_US(OPEN_S);
    ret->judge_us = GET_US(JUDGE_S);
    ret->epoch_us = GET_US(EPOCH_S);
    ret->veto_ppm = GET_U32(VETO_PPM);
    ret->veto_total_ppm = GET_U32(VETO_TOTAL_PPM);
    ret->safety_classes = GET_U32(SAFETY_CLASSES);
    return fl_round_config_good(ret);
}

bool rounds_config(const struct exec_host *h, struct fl_round_config *ret, uint64_t *ret_every_us) {
    int64_t v[FL_POLICY_FIELDS];
    for (uint16_t i = 0; i < FL_POLICY_FIELDS; i++)
        v[i] = exec_policy(h, i);
    *ret_every_us = (uint64_t)v[EVERY_S] * SECOND_US;
    return config_of(v, ret);
}

/* Which parts of fl_round_config_good do not hold, with the names that the authority knows. WS_OK: none that is known here. */
static int sizes_check(const struct fl_round_config *k, struct ws_err *err) {
    const struct fl_group_sizes s = fl_round_sizes(k);
    if (k->group < k->group_min)
        return ws_fail(err, WS_EINPUT, "learn: group is %u, below group_min, which is %u", k->group,
            k->group_min);
    if (k->group > s.max)
        return ws_fail(err, WS_EINPUT, "learn: group is %u; profile %s adds up at most %u vehicles",
            k->group, k->profile->name, s.max);
    if (2 * k->group_min - 1 > s.max)
        return ws_fail(err, WS_EINPUT,
            "learn: group_min is %u: a group may come to have %u vehicles, and profile %s adds up "
            "at most %u",
            k->group_min, 2 * k->group_min - 1, k->profile->name, s.max);
    if (k->submissions_max < 2 * k->group_min)
        return ws_fail(err, WS_EINPUT,
            "learn: submissions_max is %u; a round needs 2 group_min vehicles, which are %u",
            k->submissions_max, 2 * k->group_min);
    if (k->submissions_max / k->group_min > FL_MAX_GROUPS)
        return ws_fail(err, WS_EINPUT,
            "learn: submissions_max is %u: more than %d groups of group_min, which is %u",
            k->submissions_max, FL_MAX_GROUPS, k->group_min);
    return WS_OK;
}

static int scale_check(const struct fl_scale *s, struct ws_err *err) {
    const uint32_t most = (uint32_t)fl_symbol_max(s) << 8;
    if (s->clip_inf > s->clip)
        return ws_fail(
            err, WS_EINPUT, "learn: clip_inf is %u, above clip, which is %u", s->clip_inf, s->clip);
    if (s->noise > most)
        return ws_fail(err, WS_EINPUT,
            "learn: noise is %u; symbols of %u bits hold at most %u of it", s->noise, s->bits,
            most);
    if (fl_scale_check(s, NULL) != WS_OK)
        return ws_fail(err, WS_EINPUT,
            "learn: clip_inf is %u, too small a part of clip, which is %u: 1 / 32768 at the least",
            s->clip_inf, s->clip);
    return WS_OK;
}

/* Rounds would begin with these, and no step ever come of them. */
static int steps_check(const struct fl_round_config *k, struct ws_err *err) {
    if (k->rules.min_groups > k->submissions_max / k->group)
        return ws_fail(err, WS_EINPUT,
            "learn: no step would ever be made: min_groups is %u, and submissions_max, %u, is %u "
            "groups of group, %u",
            k->rules.min_groups, k->submissions_max, k->submissions_max / k->group, k->group);
    if (k->scale.clip < CLIP_LEAST)
        return ws_fail(err, WS_EINPUT,
            "learn: clip is %u: nothing is learned from updates shorter than %d (2^-10)",
            k->scale.clip, CLIP_LEAST);
    return WS_OK;
}

int fl_policy_check(const int64_t values[static FL_POLICY_FIELDS], struct ws_err *err) {
    struct fl_round_config k;
    const bool good = config_of(values, &k);
    if (k.profile != NULL && (sizes_check(&k, err) != WS_OK || scale_check(&k.scale, err) != WS_OK))
        return WS_EINPUT;
    if (!good)
        return ws_fail(err, WS_EINPUT, "learn: these numbers do not fit together");
    if (steps_check(&k, err) != WS_OK)
        return WS_EINPUT;
    const int32_t flag = fl_suspicion_weights(&k.suspicion, k.group, 0).flagged;
    if (flag <= 0)
        return ws_fail(err, WS_EINPUT,
            "learn: in groups of %u a flag tells nothing: with this bad_ppm all of them fail",
            k.group);
    const uint64_t rounds =
        (uint64_t)((k.suspicion.quarantine + flag - 1) / flag) + k.suspicion.quarantine_rounds;
    const uint64_t epoch =
        values[EVERY_S] == 0 ? UINT64_MAX : (uint64_t)(values[EPOCH_S] / values[EVERY_S]);
    if (OFTEN * rounds > epoch)
        return ws_fail(err, WS_EINPUT,
            "learn: shutting a vehicle out takes %llu rounds in which its group fails, and an "
            "epoch has %llu rounds; have %u times as many",
            (unsigned long long)rounds, (unsigned long long)epoch, (unsigned)OFTEN);
    return WS_OK;
}
