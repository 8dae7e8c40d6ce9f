/* Bodies of what learning puts on the ledger (docs/formats/learning.md, Rounds): fixed octets with one form each. Encoders and
 * decoders look at form alone: lengths, counts, order, ranges; whether it is true, and whether it is time for it, is the contract's
 * business (rounds.h). Decoders borrow from the octets they are given. Pure; any thread. */
#ifndef WAYSIDE_FEDLEARN_ROUND_RECORDS_H
#define WAYSIDE_FEDLEARN_ROUND_RECORDS_H

#include "base/bytes.h"
#include "fedlearn/round/model_eval.h"
#include "fedlearn/vehicle/bundle_complaint.h"
#include "fedlearn/vehicle/open.h"
#include "fedlearn/vehicle/share_sum.h"
#include "fedlearn/vehicle/submit.h"

enum {
    FL_CHANGES_MAX = 32, /* parameters that an outcome lists */
    FL_SHARES_MAX = 16, /* groups in one record of share sums */
};

/* ---- validators' records ---- */
enum fl_record {
    FL_RECORD_KEY = 1, /* its encryption key for the rounds to come */
    FL_RECORD_ATTEST = 2, /* which submissions it holds, with a share that it can vouch for */
    FL_RECORD_COMPLAINT = 3, /* a bundle that is bad, with proof */
    FL_RECORD_SHARES = 4, /* its sums of shares, for some groups */
    FL_RECORD_OUTCOME = 5, /* what it found in the opened groups, and the model that follows */
};

struct fl_key_record {
    uint64_t serial; /* of this validator's keys, from 1, ascending */
    struct fl_point key;
    struct fl_proof proof;
};
void fl_key_record_encode(const struct fl_key_record *k, struct buf *b);
WARN_UNUSED bool fl_key_record_decode(struct span octets, struct fl_key_record *ret);

struct fl_attest {
    uint64_t round;
    uint32_t n; /* submissions of the round */
    struct span
        bits; /* bit i (from the high end of octet 0) for submission i; those behind n are zero */
};
void fl_attest_encode(const struct fl_attest *a, struct buf *b);
WARN_UNUSED bool fl_attest_decode(struct span octets, struct fl_attest *ret);
static inline bool fl_attest_has(const struct fl_attest *a, size_t i) {
    return (a->bits.p[i / 8] & 0x80U >> (i % 8)) != 0;
}

struct fl_complaint_record {
    uint64_t round;
    uint32_t submission;
    struct span complaint; /* FL_COMPLAINT_OCTETS, bundle_complaint.h */
    struct span cover,
        bundle; /* of the submission and for this validator, as the vehicle sent them */
};
void fl_complaint_record_encode(const struct fl_complaint_record *c, struct buf *b);
WARN_UNUSED bool fl_complaint_record_decode(struct span octets, struct fl_complaint_record *ret);

struct fl_shares_record {
    uint64_t round;
    uint16_t first, n; /* groups; n is 1..FL_SHARES_MAX */
    struct span sums; /* n times FL_SUM_OCTETS; values in the field */
};
void fl_shares_record_encode(const struct fl_shares_record *s, struct buf *b);
WARN_UNUSED bool fl_shares_record_decode(struct span octets, struct fl_shares_record *ret);

struct fl_group_outcome {
    enum fl_verdict_code verdict;
    bool clipped;
    uint64_t residual; /* mean square, fl_opening_mean_square */
    uint64_t norm, distance; /* fl_verdict */
    uint8_t sum_hash[32]; /* SHA-256 of the group's sums, i32 each; zero when it was not unmasked */
};
struct fl_outcome {
    uint64_t round;
    uint16_t n_groups;
    struct fl_group_outcome group[FL_MAX_GROUPS];
    bool step, vetoed; /* a step was found; it is not applied */
    uint32_t accepted, vehicles; /* fl_judged */
    uint64_t step_norm; /* 2^-20 */
    uint8_t model_hash[32]; /* of the model that is in force from now on */
    /* Rows are the true classes of the root set, columns what the model says; zero classes: there is no root set. */
    uint8_t classes;
    uint32_t before[FL_MAX_CLASSES * FL_MAX_CLASSES], after[FL_MAX_CLASSES * FL_MAX_CLASSES];
    uint8_t n_changes; /* the largest, by |after - before| descending, then by index */
    struct fl_change change[FL_CHANGES_MAX];
};
/* What contradicts itself (a step that is vetoed and not there, changes out of order) is refused, too. */
void fl_outcome_encode(const struct fl_outcome *o, struct buf *b);
WARN_UNUSED bool fl_outcome_decode(struct span octets, struct fl_outcome *ret);

/* ---- orders of the authorities of role policy ---- */
enum fl_order {
    FL_ORDER_MODEL = 16, /* this model is in force from now on; a round under way is aborted */
    FL_ORDER_STOP = 17, /* no model is; empty body */
};
struct fl_model_order {
    char name[FL_MODEL_NAME];
    uint32_t params; /* 1..FL_MAX_PARAMS */
    uint8_t classes; /* of the root set; 0: none */
    uint8_t hash[32]; /* SHA-256 of the model file (model.h) */
    uint8_t root_set[32]; /* SHA-256 of the root set's file; zero: none */
};
/* a-z, 0-9, '-' but not first; 1..FL_MODEL_NAME - 1 octets. */
bool fl_model_name_good(struct span name);
void fl_model_order_encode(const struct fl_model_order *m, struct buf *b);
WARN_UNUSED bool fl_model_order_decode(struct span octets, struct fl_model_order *ret);

#endif
