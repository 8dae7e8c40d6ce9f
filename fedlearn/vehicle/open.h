/* The OPEN record: a round's constants, members and keys, in fixed octets (docs/formats/learning.md, Rounds). The ledger says
 * it, vehicles take part by it, auditors judge by it. Pure; any thread. */
#ifndef WAYSIDE_FEDLEARN_VEHICLE_OPEN_H
#define WAYSIDE_FEDLEARN_VEHICLE_OPEN_H

#include "base/bytes.h"
#include "fedlearn/round/group.h"
#include "fedlearn/round/judge.h"
#include "fedlearn/round/suspicion.h"
#include "fedlearn/vehicle/bundle.h"
#include "fedlearn/vehicle/profile.h"
#include "fedlearn/vehicle/shape.h"

enum {
    FL_RECORDS_VERSION = 1,
    FL_MODEL_NAME = 32, /* with its final zero; a-z, 0-9, '-' */
    FL_SUBMISSIONS_MAX = 4096, /* of one round */
    FL_SUM_VALUES_MAX =
        1
        << 26, /* parameters times groups of one round: whoever judges it holds 4 octets of each */
    FL_OPEN_OCTETS_MAX = 2048, /* of the record, whatever is in it */
};

/* Constants of a round, taken from the policy when it opens. */
struct fl_round_config {
    const struct fl_profile *profile;
    struct fl_scale scale;
    struct fl_rules rules;
    struct fl_suspicion_rules suspicion;
    uint32_t group_min, group; /* vehicles: least and aimed at */
    uint32_t submissions_max;
    uint64_t submit_us, attest_us, open_us, judge_us; /* of its steps */
    uint64_t epoch_us; /* suspicion is forgotten at its multiples */
    uint32_t veto_ppm; /* loss of recall of a safety class that vetoes a step */
    uint32_t veto_total_ppm; /* and against the best since the model was ordered */
    uint32_t safety_classes; /* sum of 2^class */
};

/* The OPEN record: all that a vehicle needs to take part, but the round seed, and all that an auditor needs to know of the rules. */
struct fl_open {
    uint64_t round, height, time_us;
    uint64_t seed_height; /* whose randomness gives the round seed */
    char model[FL_MODEL_NAME];
    uint64_t model_version;
    uint8_t model_hash[32], root_set[32];
    uint32_t params;
    /* Of each class of the root set, the most rows that a model has got right since the last order. 0 classes: not known yet. */
    uint8_t classes;
    uint32_t best[FL_MAX_CLASSES];
    struct fl_round_config config;
    uint8_t n;
    struct fl_seat seat[FL_VALIDATORS_MAX];
};
/* Constants that fit together and can be computed with. */
bool fl_round_config_good(const struct fl_round_config *k);
/* Of a validator that has registered no key: it holds nothing, attests to nothing and opens nothing; one of the f who may be silent. */
bool fl_seat_is_empty(const struct fl_seat *s);
/* How members are divided, from the constants. */
struct fl_group_sizes fl_round_sizes(const struct fl_round_config *k);
void fl_open_encode(const struct fl_open *o, struct buf *b);
WARN_UNUSED bool fl_open_decode(struct span octets, struct fl_open *ret);
/* What bundles are bound to (bundle.h): id is SHA-256 of the OPEN record. */
void fl_open_round(
    const struct fl_open *o, const uint8_t cell[static 32], struct fl_round *ret_round);
/* SHA-256 of the OPEN record and the randomness of its seed height. */
void fl_round_seed(
    const struct fl_open *o, const uint8_t randomness[static 32], uint8_t ret_seed[static 32]);

#endif
