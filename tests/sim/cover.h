/* What a number of runs has reached: one row for each rule, refusal, fault, lie and state. A row that stays zero says
 * that the generator does not go there. Counters are plain memory of the process (of its own page in vopr, so that
 * a parent reads them); one thread. */
#ifndef WAYSIDE_TESTS_SIM_COVER_H
#define WAYSIDE_TESTS_SIM_COVER_H

#include "ledger/node/node.h"
#include "ledger/store/fault.h"

#include <stdio.h>

/* Rules of the consensus facts, section 3: id, text, must be reached by the short runs of `make check`. */
#define COVER_RULES(X)                                                                             \
    X(RULE_R1_BUILD, "R1 proposer asks for a fresh block", 1)                                      \
    X(RULE_R1_AGAIN, "R1 proposer proposes its valid value again", 1)                              \
    X(RULE_R1_TIMER, "R1 time-out of the proposal is started", 1)                                  \
    X(RULE_EARLY, "round 0 begins because its proposal is there", 1)                               \
    X(RULE_R2, "R2 prevote for a fresh proposal", 1)                                               \
    X(RULE_R2_INVALID, "R2 prevote nil: the block is invalid", 1)                                  \
    X(RULE_R2_LOCK, "R2/R3 prevote nil: locked on another value", 1)                               \
    X(RULE_R2_UNTIMELY, "R2 prevote nil: not timely", 1)                                           \
    X(RULE_R3, "R3 prevote for a re-proposal with its quorum", 1)                                  \
    X(RULE_R4, "R4 mixed prevote quorum starts the time-out", 1)                                   \
    X(RULE_R5_LOCK, "R5 first lock of a height", 1)                                                \
    X(RULE_R5_AGAIN, "R5 lock in a later round, on the same or another value", 1)                  \
    X(RULE_R5_VALID, "R5 valid value only: precommit was cast before", 1)                          \
    X(RULE_R6, "R6 quorum for nil: precommit nil", 1)                                              \
    X(RULE_R7, "R7 mixed precommit quorum starts the time-out", 1)                                 \
    X(RULE_NIL_CUT, "quorum of nil precommits starts the next round at once", 1)                   \
    X(RULE_R8, "R8 decides in the round it is in", 1)                                              \
    X(RULE_R8_PAST, "R8 decides for a past round", 1)                                              \
    X(RULE_R9, "R9 skips to a round that more than a third has reached", 1)                        \
    X(RULE_R9_FAR, "R9 skips more than one round", 1)                                              \
    X(RULE_T1, "T1 no proposal in time: prevote nil", 1)                                           \
    X(RULE_T2, "T2 prevotes stay mixed: precommit nil", 1)                                         \
    X(RULE_T3, "T3 precommits stay mixed: next round", 1)                                          \
    X(RULE_STALE_TIMER, "a timer of an older round or step is ignored", 1)                         \
    X(RULE_LATE_BUILD, "a block is built for a round that has passed", 0)                          \
    X(RULE_EVIDENCE, "two statements of one validator are noticed", 1)                             \
    X(RULE_QUORUM_FIRST, "a quorum asks for a block that no proposal brought", 1)
#define COVER_FAULTS(X)                                                                            \
    X(FAULT_LOSS, "messages are lost, repeated, late, out of order", 1)                            \
    X(FAULT_SPLIT, "the cell is cut in two", 1)                                                    \
    X(FAULT_ONE_WAY, "links work in one direction only", 1)                                        \
    X(FAULT_ISOLATE, "one validator is cut off", 1)                                                \
    X(FAULT_SLOW_LINKS, "links of one validator are slow", 1)                                      \
    X(FAULT_UNEVEN, "each link has a delay of its own, some about a time-out", 1)                  \
    X(FAULT_KIND, "messages of one kind do not reach some, or late", 1)                            \
    X(FAULT_KILL, "a process is killed", 1)                                                        \
    X(FAULT_POWER, "a box loses power", 1)                                                         \
    X(FAULT_MANY, "several boxes lose power at once", 1)                                           \
    X(FAULT_ALL, "all boxes lose power at once", 1)                                                \
    X(FAULT_CRASH_AT, "power goes at a write of the log", 1)                                       \
    X(FAULT_SYNC_FAILS, "a sync of the log fails", 1)                                              \
    X(FAULT_BATCH_FAILS, "a batch of the store fails and is lost", 1)                              \
    X(FAULT_BATCH_FAILS_KEPT, "a batch of the store fails and has taken effect", 1)                \
    X(FAULT_DISK_FULL, "a disk is full", 1)                                                        \
    X(FAULT_SLOW_DISK, "a disk syncs slowly", 1)                                                   \
    X(FAULT_CLOCK_JUMP, "a clock jumps by up to an hour", 1)                                       \
    X(FAULT_CLOCK_LOST, "a clock is known to be unsure: GNSS is lost", 1)                          \
    X(FAULT_CLOCK_DRIFT, "a clock drifts", 1)                                                      \
    X(FAULT_CLOCKS_OFF, "clocks of many or all are off at once", 1)                                \
    X(FAULT_CLOCKS_LOST, "many or all lose GNSS at once", 1)                                       \
    X(FAULT_WIPED, "a unit comes back with an empty disk", 1)                                      \
    X(FAULT_PUT_BACK, "a unit comes back with its disk of some time ago, and no log", 1)           \
    X(FAULT_JOIN, "a unit with an empty disk asks its peers for a snapshot", 1)                    \
    X(FAULT_RESTORED, "a unit comes back with another's snapshot on an empty disk", 1)             \
    X(FAULT_VERSION, "a unit is started again with the protocol before, or after", 1)
#define COVER_LIES(X)                                                                              \
    X(LIE_SPLIT_VOTES, "votes differ from listener to listener", 1)                                \
    X(LIE_SPLIT_PROPOSALS, "two proposals for one round", 1)                                       \
    X(LIE_GRIND, "many proposals for one round", 1)                                                \
    X(LIE_SPOIL, "a proposal breaks a rule", 1)                                                    \
    X(LIE_OUT_OF_TURN, "a proposal out of turn", 1)                                                \
    X(LIE_WITHHOLD, "messages are kept back", 1)                                                   \
    X(LIE_HEIGHTS, "heights and rounds are made up in statuses", 1)                                \
    X(LIE_ROUNDS, "votes for rounds and heights to come", 1)                                       \
    X(LIE_AMNESIA, "votes for what others voted for, whatever the lock", 1)                        \
    X(LIE_REPLAY, "old messages are sent again", 1)                                                \
    X(LIE_MUTATE, "messages are damaged", 1)                                                       \
    X(LIE_GARBAGE, "octets that are no message", 1)                                                \
    X(LIE_ASK, "requests in floods", 1)                                                            \
    X(LIE_FORGE_BLOCK, "blocks with forged commits are handed over", 1)                            \
    X(LIE_JUNK_TXS, "transactions that nobody can judge or that are false", 1)                     \
    X(LIE_TWINS, "two machines with one key", 1)                                                   \
    X(LIE_TIME, "a proposal that is good but for its time", 1)                                     \
    X(LIE_FLOOD, "thousands of messages that cost, of one kind", 1)
#define COVER_STATES(X)                                                                            \
    X(STATE_DOWN_WAIT, "goes down between heights", 1)                                             \
    X(STATE_DOWN_PROPOSE, "goes down in step propose", 1)                                          \
    X(STATE_DOWN_PREVOTE, "goes down in step prevote", 1)                                          \
    X(STATE_DOWN_PRECOMMIT, "goes down in step precommit", 1)                                      \
    X(STATE_DOWN_LOCKED, "goes down while it is locked", 1)                                        \
    X(STATE_BACK_LOCKED, "comes back with its lock", 1)                                            \
    X(STATE_BACK_MID_ROUND, "comes back in the middle of a round", 1)                              \
    X(STATE_SYNCING, "catches up by blocks", 1)                                                    \
    X(STATE_LATE_ROUND, "a height ends beyond round 0", 1)                                         \
    X(STATE_FULL_POOL, "a mempool is full", 0)                                                     \
    X(STATE_ORDER, "an order is committed", 1)                                                     \
    X(STATE_COMMITTEE_ORDER, "an order changes the committee", 1)                                  \
    X(STATE_PARAMS_ORDER, "an order changes the parameters", 1)                                    \
    X(STATE_NEW_SET, "another committee comes into force", 1)                                      \
    X(STATE_CONVICTED, "evidence is committed and its author convicted", 1)                        \
    X(STATE_REPORT, "a report is committed", 1)                                                    \
    X(STATE_HEALED, "progress after everything was healed", 1)                                     \
    X(STATE_RANDOMNESS, "a height has its randomness", 1)                                          \
    X(STATE_AGE_RAISED, "an old message is given in again after its age was raised by an order",   \
        1)                                                                                         \
    X(STATE_SMALLER, "limits are lowered below what waits", 1)                                     \
    X(STATE_JOINED, "a unit begins with a snapshot that its peers sent", 1)                        \
    X(STATE_RANDOMNESS_HEALED, "randomness comes again after everything was healed", 1)

enum cover_row {
#define X(id, text, must) id,
    COVER_RULES(X) COVER_FAULTS(X) COVER_LIES(X) COVER_STATES(X)
#undef X
        COVER_NAMED,
    COVER_REFUSAL = COVER_NAMED, /* + enum cs_refusal */
    COVER_DROP = COVER_REFUSAL + CS_REFUSAL_COUNT, /* + enum node_drop */
    COVER_VERDICT = COVER_DROP + NODE_DROP_COUNT, /* + enum tx_verdict */
    COVER_POINT = COVER_VERDICT + TX_VERDICT_COUNT, /* + enum wal_point: crashes there */
    COVER_COUNT = COVER_POINT + WAL_POINT_COUNT,
};

enum {
    COVER_FAULTS_N = LIE_SPLIT_VOTES - FAULT_LOSS,
    COVER_FAULTS_FIRST = FAULT_CLOCK_DRIFT - FAULT_LOSS + 1, /* drawn together; the others apart */
    COVER_LIES_N = STATE_DOWN_WAIT - LIE_SPLIT_VOTES,
    COVER_LIES_FIRST = LIE_TWINS - LIE_SPLIT_VOTES + 1,
};

struct cover {
    uint64_t count[COVER_COUNT];
};

/* Where counts go; the caller's memory. NULL (at first): nowhere. */
void cover_use(struct cover *c);
void cover_add(enum cover_row row, uint64_t n);
static inline void cover_hit(enum cover_row row) {
    cover_add(row, 1);
}
void cover_sum(struct cover *to, const struct cover *from);
const char *cover_text(enum cover_row row);
/* A table, zero rows marked; how many rows that must be reached are zero. */
size_t cover_print(const struct cover *c, FILE *to);

#endif
