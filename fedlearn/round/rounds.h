/* The learning contract: rounds of federated learning on the ledger (docs/formats/learning.md, Rounds; decision 38). It says which
 * round is on and what it is made of, which vehicles' submissions are in, in which groups their keys are opened, what the
 * validators found in them, and which model follows. It never sees a ciphertext or an update: what cannot be computed from the
 * ledger alone, a quorum of the round's committee has to say in the same octets.
 *
 *   IDLE -> SEEDING -> SUBMITTING -> ATTESTING -> DRAWING -> OPENING -> JUDGING -> IDLE
 *
 * SEEDING and DRAWING wait for the cell's randomness of a height that was still to come; every other step ends when all have
 * spoken or its time is over (block time). A round that lacks vehicles, validators, randomness or agreement is aborted by name,
 * and with it everything that was sent for it: the next one has other public elements, so nothing of this one can be used again.
 *
 * A round belongs to the committee of the height that opened it: n members, equal powers (a share is a share), f = (n - 1) / 3.
 * A submission is in when n - f members attest that they hold all of it (ciphertext, cover and every member's bundle) with a
 * share of their own they can vouch for, and no member has shown its own bundle to be bad. So f + 1 honest members can give
 * any other one the bundle that the vehicle kept from it.
 *
 * State (all of it under the state root): "c" control, "m" the model in force, "k" and address: a validator's key, "s" and
 * number: a submission, "a" and member: an attestation, "u", group and member: a sum of shares, "d" and group: which
 * sums opened it, "o" and member: an outcome,
 * "q" the table of suspicion, "h" and number: what became of a round. One thread, as contract.h says. */
#ifndef WAYSIDE_FEDLEARN_ROUND_ROUNDS_H
#define WAYSIDE_FEDLEARN_ROUND_ROUNDS_H

#include "fedlearn/round/records.h"
#include "fedlearn/vehicle/open.h"
#include "ledger/exec/contract.h"

#define FL_ROUND_CODES(X)                                                                          \
    X(FL_ROUND_OK, "ok")                                                                           \
    X(FL_ROUND_MALFORMED, "malformed")                                                             \
    X(FL_ROUND_UNKNOWN_KIND, "unknown_kind")                                                       \
    X(FL_ROUND_OTHER_ROUND, "other_round") /* not the one that is on */                            \
    X(FL_ROUND_TOO_EARLY, "too_early")                                                             \
    X(FL_ROUND_TOO_LATE, "too_late")                                                               \
    X(FL_ROUND_NO_MEMBER, "no_member")                                                             \
    X(FL_ROUND_ALREADY, "already")                                                                 \
    X(FL_ROUND_BAD_PROOF, "bad_proof")                                                             \
    X(FL_ROUND_FALSE_COMPLAINT, "false_complaint")                                                 \
    X(FL_ROUND_WRONG_COUNT, "wrong_count") /* of submissions or groups */                          \
    X(FL_ROUND_OTHER_PROFILE, "other_profile")                                                     \
    X(FL_ROUND_OTHER_MODEL, "other_model") /* another number of parameters */                      \
    X(FL_ROUND_FULL, "round_full")                                                                 \
    X(FL_ROUND_EXCLUDED, "excluded") /* the token is, until its epoch ends */                      \
    X(FL_ROUND_TWO_SUBMISSIONS, "two_submissions") /* of one token: neither counts */              \
    X(FL_ROUND_NO_MODEL, "no_model")                                                               \
    X(FL_ROUND_NO_TICKET, "no_learning_ticket") /* not for learning alone, or not within an epoch */
enum fl_round_code {
#define X(id, text) id,
    FL_ROUND_CODES(X)
#undef X
        FL_ROUND_CODE_COUNT
};

enum fl_phase {
    FL_IDLE,
    FL_SEEDING,
    FL_SUBMITTING,
    FL_ATTESTING,
    FL_DRAWING,
    FL_OPENING,
    FL_JUDGING,
    FL_PHASE_COUNT
};
const char *fl_phase_name(enum fl_phase p);

/* Why the last round did not come to its end, or why none begins. */
#define FL_ABORTS(X)                                                                               \
    X(FL_ABORT_NONE, "none")                                                                       \
    X(FL_ABORT_NO_RANDOMNESS, "no_randomness")                                                     \
    X(FL_ABORT_TOO_FEW, "too_few_submissions")                                                     \
    X(FL_ABORT_NOT_OPENED,                                                                         \
        "not_opened") /* no group's key was, in time: more than f silent or lying */               \
    X(FL_ABORT_NO_AGREEMENT, "no_agreement") /* no outcome of a quorum in time */                  \
    X(FL_ABORT_ORDERED, "ordered") /* an order changed or stopped the model */                     \
    X(FL_ABORT_NO_MODEL, "no_model") /* from here on: no round begins */                           \
    X(FL_ABORT_KEYS, "validators_without_key")                                                     \
    X(FL_ABORT_POWERS, "unequal_powers")                                                           \
    X(FL_ABORT_COMMITTEE, "committee_size")                                                        \
    X(FL_ABORT_POLICY, "policy") /* its numbers do not fit together */
enum fl_abort {
#define X(id, text) id,
    FL_ABORTS(X)
#undef X
        FL_ABORT_COUNT
};
const char *fl_abort_name(enum fl_abort a);

enum fl_event {
    FL_EVENT_OPEN = 1, /* the OPEN record: fl_open */
    FL_EVENT_SEED = 2, /* version, round (8), round seed (32) */
    FL_EVENT_CUT_OFF =
        3, /* version, round (8), included (4), root over their ids, ascending, height whose randomness draws (8) */
    FL_EVENT_GROUPS =
        4, /* version, round (8), groups (2), free ones among them (2), height whose randomness drew (8), that randomness (32), root over fl_group_leaf in order of group and number */
    FL_EVENT_OPENED =
        5, /* version, round (8), groups (2), per group: SHA-256 of the key sum as i16 each, zero for one that was given up */
    FL_EVENT_CLOSED = 6, /* version, model version (8), parent hash (32), the outcome's octets */
    FL_EVENT_ABORTED = 7, /* version, round (8), reason (1) */
    FL_EVENT_FAULT =
        8, /* version, round (8), validator's address (32), fault (1), group or submission (4) */
    FL_EVENT_EXCLUDED = 9, /* version, round (8), token (32), reason (1), submission (4) */
    FL_EVENT_MODEL =
        10, /* an order's model is in force: version, model version (8), the order's body */
    FL_EVENT_SUSPECT =
        11, /* with CLOSED: version, round (8), root of the table of scores (32), tokens in it (4), tokens n whose standing the round changed (4), n times by token: token (32), standing (1), score (i4), evidence (8) */
};
enum fl_fault {
    FL_FAULT_WRONG_SUM =
        1, /* its sum of shares is not on the polynomials of the others; true while at most f lie, which a
                             * round that closes has shown (its residual tests) */
    FL_FAULT_TWO_SUMS = 2, /* it signed two different sums for one group */
    FL_FAULT_FALSE_COMPLAINT = 3,
    FL_FAULT_OTHER_OUTCOME = 4, /* it signed another outcome than the quorum's */
};
enum fl_exclusion {
    FL_EXCLUDED_TWO_SUBMISSIONS = 1,
    FL_EXCLUDED_BAD_BUNDLE = 2,
};

/* Where the validators of a height are looked up; all of them, in the order of the set. */
struct fl_validator {
    uint8_t address[32];
    uint64_t power;
};
struct fl_committee {
    size_t (*validators)(const void *self, uint64_t height, struct fl_validator *ret, size_t max);
    const void *self;
};

#define FL_POLICY_FIELDS 31
extern const struct policy_field fl_policy_fields[FL_POLICY_FIELDS];
/* Before a policy is deployed: do its numbers (each in its field's range) fit together, so that rounds begin, can a step come of them, and
 * does an epoch last long enough for an offender to be found? WS_EINPUT says which do not. */
WARN_UNUSED int fl_policy_check(const int64_t values[static FL_POLICY_FIELDS], struct ws_err *err);

struct contract fl_contract_new(void);
/* Before the first block is executed. `self` is contract.self. */
void fl_contract_attach(void *self, const struct fl_committee *committee);

/* Leaf of the list that GROUPS has the root of: who is where. */
void fl_group_leaf(
    uint16_t group, uint32_t number, const uint8_t id[static 32], uint8_t ret_leaf[static 32]);

/* ---- read-only views; `self` is contract.self; as of the last block that has been executed ---- */
struct fl_model_view {
    char name[FL_MODEL_NAME]; /* empty: none is in force */
    uint64_t version; /* goes on over all models of the cell */
    uint32_t params;
    uint8_t classes;
    uint8_t hash[32], parent[32], root_set[32];
    uint8_t counted; /* classes of `best`; 0: no round has counted yet */
    uint32_t best[FL_MAX_CLASSES]; /* most rows of the root set that were right since the order */
    bool vetoed; /* the last step that was found from it was */
};
void fl_contract_model(const void *self, struct fl_model_view *ret);

struct fl_round_view {
    uint64_t number; /* 0: there was none yet */
    enum fl_phase phase;
    enum fl_abort why; /* of the last round that ended; IDLE: or why none begins */
    uint64_t until_us; /* end of the step, ITS time */
    uint8_t seed[32]; /* from SUBMITTING on */
    uint32_t submissions, included;
    uint16_t groups, free_groups, opened; /* groups of suspects are the last ones */
    uint64_t draw_height; /* from DRAWING on: whose randomness draws */
    uint8_t draw[32]; /* from OPENING on: that randomness */
    uint8_t attested, outcomes; /* members */
    const struct fl_open *open; /* NULL when IDLE; borrowed until the next block */
};
void fl_contract_round(const void *self, struct fl_round_view *ret);

/* Submission i of the round that is on. */
struct fl_submission_view {
    uint8_t id[32], token[32], upload_key[32];
    bool excluded; /* two of one token, or a bad bundle */
    bool included; /* from DRAWING on */
    uint16_t group; /* from OPENING on; FL_MAX_GROUPS: none */
    uint32_t attested; /* bit v - 1: member v does */
};
bool fl_contract_submission(const void *self, size_t i, struct fl_submission_view *ret);
/* Members of a group, by number of submission; from OPENING on. ret has room for `max`. */
size_t fl_contract_members(const void *self, size_t group, uint32_t *ret, size_t max);
/* It never is opened: a member turned out to be bad after the cut-off, or too few sums agreed in time (JUDGING). */
bool fl_contract_given_up(const void *self, size_t group);
/* The opened key sum of a group, NULL when it is not opened (yet). Borrowed until the next block. */
const int16_t *fl_contract_key_sum(const void *self, size_t group);
/* Has member v (1..n) of the round spoken: its share sum of that group; its attestation; its outcome. */
bool fl_contract_has_sum(const void *self, size_t group, unsigned v);
bool fl_contract_has_attested(const void *self, unsigned v);
bool fl_contract_has_outcome(const void *self, unsigned v);
/* Serial of the key that a validator has registered; 0: none. */
uint64_t fl_contract_key_serial(const void *self, const uint8_t address[static 32]);
const struct fl_suspicion *fl_contract_suspicion(const void *self);

#endif
