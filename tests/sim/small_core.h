/* One consensus core of a world of four as a value among many: local states are found by the events that lead to them,
 * equal ones are one. For the exhaustive search (test_small_world.c), which compiles the core with room for four. */
#ifndef WAYSIDE_TESTS_SIM_SMALL_CORE_H
#define WAYSIDE_TESTS_SIM_SMALL_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SMALL_N = 4, SMALL_ROUNDS = 2 };

/* Values: nil, what the honest proposers of rounds 0 and 1 build, two valid blocks of a liar, an invalid one. */
enum small_value { V_NIL, V_A, V_B, V_L, V_M, V_X, V_COUNT };
enum small_kind { M_PROPOSAL, M_PREVOTE, M_PRECOMMIT };

struct small_msg {
    uint8_t sender, kind, round, value;
    int8_t valid_round, locked_round;
};

/* Everything that anybody can hear; honest statements first, as they come up (at most 64), then the liar's. */
enum { HONEST_MAX = 64, LIAR_MAX = 40, MSGS_MAX = HONEST_MAX + LIAR_MAX };
/* Events of one node: hear message i; then its own. */
enum {
    E_TIMER = MSGS_MAX, /* + 3 * round + timer */
    E_VALIDATED = E_TIMER + 3 * SMALL_ROUNDS, /* + value */
    E_BUILT = E_VALIDATED + V_COUNT, /* + round */
    E_BEGIN = E_BUILT + SMALL_ROUNDS,
    E_COUNT
};

struct small {
    int liar; /* -1: nobody */
    size_t n_honest;
    struct small_msg msg[MSGS_MAX];
    size_t n_liar;
    uint64_t handled; /* events that real cores have handled */
    char broken[200];
};

struct small_next {
    int32_t to; /* local state; -1: nothing happens */
    uint64_t said; /* statements made on the way, as a set of messages */
};

/* The local states of one node. */
struct small_node;
struct small_node *small_node_new(struct small *s, size_t me);
void small_node_free(struct small_node *n);
size_t small_node_states(const struct small_node *n);
/* What an event other than a vote does in a state; remembered. */
struct small_next small_node_step(struct small_node *n, int32_t state, size_t e);
/* What votes can do: those of `said` (the honest, of one round and type, or of rounds to come) and the liar's of the same
 * places, heard together, as few of them as do anything. Remembered, borrowed until the next call. */
const struct small_next *small_node_hear(
    struct small_node *n, int32_t state, uint64_t said, uint8_t round, int kind, size_t *ret_n);
int small_node_round(const struct small_node *n, int32_t state);
enum small_value small_node_decided(const struct small_node *n, int32_t state); /* V_NIL: not yet */
bool small_node_over(const struct small_node *n, int32_t state); /* decided, or beyond the rounds */

#endif
