/* One consensus core under a test's hand: events in with one call each, the actions of the last event to
 * look at. Blocks are named by a letter: 'A' is the id of 32 octets 'A'; 0 is nil. One thread. */
#ifndef WAYSIDE_TESTS_SUPPORT_CS_DRIVE_H
#define WAYSIDE_TESTS_SUPPORT_CS_DRIVE_H

#include "ledger/consensus/consensus.h"

#define DRIVE_HEIGHT 7
#define DRIVE_TIME UINT64_C(1000000000)

struct drive {
    struct consensus *c;
    struct validator_set set;
    struct cell_params params;
    struct proposer_state proposers;
    int me;
    struct cs_actions out; /* of the last event */
};

/* n validators of equal power when powers is NULL; proposer of round r is then validator r % n. */
struct validator_set drive_set(size_t n, const uint64_t *powers);
void drive_open(struct drive *d, size_t n, const uint64_t *powers, int me);
void drive_close(struct drive *d);
void drive_start(struct drive *d, uint64_t height);

enum cs_refusal drive_begin(struct drive *d);
/* From the round's own proposer, received at its block time. */
enum cs_refusal drive_proposal(struct drive *d, int32_t round, char block, int32_t valid_round);
enum cs_refusal drive_vote(
    struct drive *d, size_t validator, enum vote_type type, int32_t round, char block);
/* Votes of validators first..last. */
void drive_votes(
    struct drive *d, size_t first, size_t last, enum vote_type type, int32_t round, char block);
enum cs_refusal drive_validated(struct drive *d, char block, bool ok);
enum cs_refusal drive_timeout(struct drive *d, enum cs_timer timer, int32_t round);
enum cs_refusal drive_built(struct drive *d, int32_t round, char block);
/* Answers every signing request of the last event; the actions that follow are in out. */
void drive_sign(struct drive *d);
/* Proposal and verdict of a block that is valid. */
void drive_valid_proposal(struct drive *d, int32_t round, char block, int32_t valid_round);

struct cs_proposal drive_make_proposal(
    const struct drive *d, int32_t round, char block, int32_t valid_round);
struct vote drive_make_vote(size_t validator, enum vote_type type, int32_t round, char block);
void drive_id(char block, hash32 ret_id);

/* How many actions of a kind the last event gave; the first of them (NULL: none). */
size_t drive_count(const struct drive *d, enum cs_action_kind kind);
const struct cs_action *drive_find(const struct drive *d, enum cs_action_kind kind);
/* The last event asks for exactly this vote, and no other. */
bool drive_asks_vote(const struct drive *d, enum vote_type type, int32_t round, char block);
bool drive_asks_timer(const struct drive *d, enum cs_timer timer, int32_t round);
bool drive_asks_validation(const struct drive *d, char block);
bool drive_decided(const struct drive *d, int32_t round, char block);

#endif
