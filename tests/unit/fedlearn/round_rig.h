/* A learning contract over a ledger in memory, with validators that hold their keys and vehicles that encrypt: rounds are driven
 * block by block, and anybody may lie. Real ciphertexts, shares and sums; no node, no clock. One thread. */
#ifndef WAYSIDE_TESTS_UNIT_FEDLEARN_ROUND_RIG_H
#define WAYSIDE_TESTS_UNIT_FEDLEARN_ROUND_RIG_H

#include "fedlearn/round/outcome.h"
#include "fedlearn/vehicle/bundle_tree.h"
#include "tests/support/cm.h"
#include "tests/support/fake_exec.h"

enum {
    RIG_VALIDATORS = 4,
    RIG_VEHICLES = 40,
    RIG_INPUTS = 74,
    RIG_PARAMS = 4 * (RIG_INPUTS + 1),
    RIG_ROWS = 200,
    RIG_SECOND = 1000000
};

struct rig_vehicle {
    uint8_t token[32];
    int32_t update[RIG_PARAMS];
    struct fl_submission submission;
    uint8_t cover[FL_COVER_OCTETS_MAX];
    uint8_t bundles[FL_BUNDLES_OCTETS_MAX];
    struct buf wire;
};

struct rig {
    struct exec_host host;
    struct contract contract;
    struct fl_validator set[FL_VALIDATORS_MAX];
    size_t n;
    struct fl_reader *reader[FL_VALIDATORS_MAX]; /* of each validator of the set */
    struct ws_random random;
    const struct fl_ring *ring;
    struct fl_mask mask;
    struct fl_round round; /* of the round that is on */
    struct fl_model model, parent, next; /* in force, before it, and what rig_outcome found last */
    bool has_parent;
    struct fl_rows root_set;
    int32_t root_x[RIG_ROWS * RIG_INPUTS];
    uint8_t root_y[RIG_ROWS];
    uint64_t
        long_keys; /* bit i: vehicle i encrypts under, and shares, a key whose first value is 127 */
    struct rig_vehicle vehicle[RIG_VEHICLES];
};

/* n validators with registered keys, a model, a policy of groups of 8; the first round is open for submissions. */
struct rig *rig_open(size_t n);
void rig_close(struct rig *r);
struct rig *rig_new(size_t n); /* the same, with neither keys nor model */
void rig_set_policy(struct rig *r, const char *name, int64_t value);

/* ---- blocks ---- */
void rig_begin(struct rig *r, uint64_t us); /* so much later than the last */
void rig_end(struct rig *r);
void rig_block(struct rig *r, uint64_t us); /* an empty one */
/* Within a block. check_record has to say the same first. */
exec_code rig_record(struct rig *r, unsigned v, enum fl_record kind, struct buf *body /* freed */);
exec_code rig_message(struct rig *r, const uint8_t token[static 32], const struct fl_submit *s);
exec_code rig_order(struct rig *r, enum fl_order kind, struct span body);
exec_code rig_order_model(struct rig *r);
/* The contract starts again from the state; it must go on with the same digest. */
void rig_restart(struct rig *r);

/* ---- who takes part ---- */
exec_code rig_key(struct rig *r, unsigned v);
/* Vehicle i: makes an update, encrypts and seals it for the round that is on. */
void rig_make(struct rig *r, size_t i);
/* The same, but validator v's bundle is sealed for another's key. */
void rig_make_unreadable(struct rig *r, size_t i, unsigned v);
struct fl_submit rig_submit_of(const struct rig *r, size_t i);
exec_code rig_submit(struct rig *r, size_t i); /* made before */
exec_code rig_attest(struct rig *r, unsigned v, uint64_t without /* bit i: not submission i */);
exec_code rig_complain(struct rig *r, unsigned v, size_t vehicle);
/* Vehicle i's share for v, as v opens it. */
enum fl_bundle_verdict rig_share(
    struct rig *r, size_t i, unsigned v, uint16_t ret_share[static FL_SHARE_VALUES]);
/* v's sum of shares of group g; v's record of groups first .. first + n - 1, `spoil` added to each first value. */
void rig_sum(struct rig *r, unsigned v, size_t g, struct fl_share_sum *ret_sum);
exec_code rig_shares(struct rig *r, unsigned v, size_t first, size_t n, uint16_t spoil);
/* What an honest validator finds (outcome.h); the model that follows becomes r->next. */
void rig_outcome(struct rig *r, struct fl_outcome *ret_outcome);
/* The round has closed with this outcome, r->next beside it. */
void rig_move_on(struct rig *r, const struct fl_outcome *o);
exec_code rig_say_outcome(struct rig *r, unsigned v, const struct fl_outcome *o);

/* ---- whole steps: `vehicles` submit (from 0 on), everybody honest; ends with the block that leaves the step ---- */
void rig_submitting(struct rig *r, size_t vehicles);
/* Bit i of bad: vehicle i's bundle for validator v cannot be read. */
void rig_submitting_bad(struct rig *r, size_t vehicles, uint64_t bad, unsigned v);
void rig_attesting(struct rig *r);
/* Everybody attests to all; but the first `lacking` not to those in `without`, of which they have no bundle (yet). */
void rig_attesting_without(struct rig *r, uint64_t without, unsigned lacking);
void rig_drawing(struct rig *r);
void rig_opening(struct rig *r);
void rig_judging(struct rig *r);

struct fl_round_view rig_view(const struct rig *r);
size_t rig_events(const struct rig *r, enum fl_event type); /* since the last rig_begin */

#endif
