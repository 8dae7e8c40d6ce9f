/* What a round found: from ciphertexts, opened keys, the model and the root set to the outcome that goes on the ledger and the model
 * that follows. A validator says it, an auditor says it again from what is public: the same octets for both, integers only.
 *
 *   for each group, in any order, in any thread:  fl_find_group
 *   then once:                                    fl_find_outcome
 *
 * Memory: 4 octets a parameter and group that the caller brings, 8 a coefficient while a group is found, 12 a parameter while the
 * outcome is. Nothing here is secret. */
#ifndef WAYSIDE_FEDLEARN_ROUND_OUTCOME_H
#define WAYSIDE_FEDLEARN_ROUND_OUTCOME_H

#include "fedlearn/round/model_eval.h"
#include "fedlearn/round/rounds.h"
#include "fedlearn/vehicle/mask.h"
#include "fedlearn/vehicle/model.h"

struct fl_found_group {
    uint32_t vehicles;
    bool suspects; /* a group of them: judged, and never in the step */
    bool given_up; /* nothing is known of it but its vehicles */
    enum fl_opening_verdict verdict;
    bool
        long_key; /* no sum of short keys (fl_key_sum_in_bound): somebody encrypted under a longer one */
    uint64_t residual; /* mean square */
    int32_t *
        sum; /* params of the round; the caller's memory, filled unless verdict is FL_OPENING_RESIDUAL */
};

/* wires: the members' ciphertexts, vehicles of them, each checked with fl_wire_check; key: the group's sum of keys as the ledger has
 * it (fl_contract_key_sum). ret->vehicles, ret->suspects and ret->sum are set by the caller. Fails only when libcrypto does. */
WARN_UNUSED int fl_find_group(const struct fl_open *open, const uint8_t seed[static 32],
    const struct fl_ring *ring, const uint8_t *const *wires, const int16_t key[static FL_N],
    struct fl_found_group *ret, struct ws_err *err);

/* The same from the sum of the ciphertexts (fl_sum_wires), fl_coefs of them. */
WARN_UNUSED int fl_find_group_of_sum(const struct fl_open *open, const uint8_t seed[static 32],
    const struct fl_ring *ring, const uint64_t *sum, const int16_t key[static FL_N],
    struct fl_found_group *ret, struct ws_err *err);

struct fl_find {
    const struct fl_open *open;
    const struct fl_found_group *group;
    uint16_t n_groups;
    const struct fl_model *model; /* in force when the round opened: its hash is open->model_hash */
    const struct fl_model
        *parent; /* of that model, for the direction of the last step; NULL: it has none */
    const struct fl_rows *root_set; /* normalised as the model says; NULL: there is none */
};
/* ret_next: the model that follows, to be freed; a copy of the one in force when there is no step or it is vetoed. WS_EINPUT:
 * model, parent and root set do not fit the round. */
WARN_UNUSED int fl_find_outcome(const struct fl_find *f, struct fl_outcome *ret_outcome,
    struct fl_model *ret_next, struct ws_err *err);

/* Which bound class k (below o->classes) has for its veto, from OPEN and the counters of the outcome; o->step and o->vetoed are not looked at.
 * ret_recall: what that is taken from; NULL: not asked. */
enum fl_veto fl_outcome_veto(const struct fl_open *open, const struct fl_outcome *o, unsigned k,
    struct fl_class_recall *ret_recall);

#endif
