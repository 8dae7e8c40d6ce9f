/* A store filled block by block as a node fills it, without a node: headers that follow each other, commits of one
 * validator (which may be another one from some height on), state of several contracts with its roots, undo records. For whatever reads stores. One thread. */
#ifndef WAYSIDE_TESTS_SUPPORT_CHAIN_H
#define WAYSIDE_TESTS_SUPPORT_CHAIN_H

#include "base/random.h"
#include "ledger/exec/crypto.h"
#include "ledger/exec/state.h"
#include "ledger/light/handover.h"
#include "ledger/store/store.h"

#define CHAIN_HANDOVERS_MAX 256

struct chain {
    struct store *store; /* borrowed */
    struct state *state;
    size_t contracts;
    struct ws_random random;
    struct signer *signer;
    struct validator_set set;
    hash32 cell_id;
    uint64_t height, time;
    struct header last;
    struct commit commit;
    hash32 last_id;
    unsigned undo; /* blocks kept */
    uint64_t block_us; /* between blocks */
    bool changing; /* another validator signs from the block after the next one on */
    size_t n_handovers;
    struct buf handover[CHAIN_HANDOVERS_MAX];
};

void chain_open(struct chain *c, struct store *s, size_t contracts, uint64_t seed);
void chain_close(struct chain *c);
/* `puts` entries of random contracts get random values of up to `octets` octets, about a fifth as many known keys go; then
 * the block is written. */
void chain_block(struct chain *c, size_t puts, size_t octets);
/* Changes by hand, before chain_commit. */
void chain_put(struct chain *c, size_t contract, struct span key, struct span value);
void chain_commit(struct chain *c);
/* The next block is the last that the present validator signs; nobody of the old committee is in the new one. */
void chain_change(struct chain *c);

#endif
