/* A beacon contract on a ledger in memory with its members, block by block, without consensus: what members wish for
 * goes through a test's own hands into the next block. A second contract is loaded from state before each block and must
 * leave the same state behind. One thread. */
#ifndef WAYSIDE_TESTS_SUPPORT_BEACON_RIG_H
#define WAYSIDE_TESTS_SUPPORT_BEACON_RIG_H

#include "ledger/beacon/contract_internal.h"
#include "ledger/beacon/member.h"
#include "tests/support/cm.h"
#include "tests/support/fake_exec.h"

enum { RIG_PEOPLE = 24, RIG_POOL = 4096, RIG_SETS = 64 };

struct rig_record {
    uint16_t kind;
    uint8_t signer[32];
    struct buf body;
};

struct beacon_rig {
    struct beacon_params params;
    struct exec_host host;
    struct contract contract;
    bool twin; /* run the reloaded contract, too (default) */
    bool clock; /* add up what each side costs */

    /* Everybody who may ever be a validator. */
    struct validator person[RIG_PEOPLE];
    uint8_t secret[RIG_PEOPLE][32];
    struct beacon_member *member[RIG_PEOPLE];
    bool off[RIG_PEOPLE]; /* says nothing */

    /* The sets by the height from which they hold. */
    size_t n_sets;
    struct {
        uint64_t from;
        struct validator_set set;
        uint8_t hash[32];
    } sets[RIG_SETS];

    struct rig_record pool[RIG_POOL];
    size_t n_pool;
    /* Every wish passes here; false: it is not submitted. body may be changed. NULL: all pass. */
    bool (*bend)(struct beacon_rig *r, size_t person, uint16_t kind, struct buf *body);
    uint64_t codes[BEACON_CODE_COUNT]; /* what check_record said of pooled records */
    uint64_t submitted[5]; /* by kind */
    uint64_t octets; /* of the records that went into blocks */
    uint64_t member_ns, check_ns, block_ns;
};

/* The first `n` people, each with `power[i]` (NULL: 10). */
void beacon_rig_open(
    struct beacon_rig *r, const struct beacon_params *params, size_t n, const uint64_t *power);
void beacon_rig_close(struct beacon_rig *r);
/* From `height` on the set is these people. */
void beacon_rig_set(
    struct beacon_rig *r, uint64_t height, const size_t *people, size_t n, const uint64_t *power);
void beacon_rig_submit(struct beacon_rig *r, size_t person, uint16_t kind, struct span body);
/* A record's code right now. */
enum beacon_code beacon_rig_check(
    struct beacon_rig *r, size_t person, uint16_t kind, struct span body, bool *ret_later);
/* One block with everything from the pool that may be in it. */
void beacon_rig_block(struct beacon_rig *r);
void beacon_rig_blocks(struct beacon_rig *r, size_t n);
/* Blocks until a key is in force; fails the test after `most`. */
void beacon_rig_until_key(struct beacon_rig *r, size_t most);
/* Loses a member's memory: it starts again from its secret. */
void beacon_rig_restart(struct beacon_rig *r, size_t person);

const struct beacon_contract *beacon_rig_state(const struct beacon_rig *r);

#endif
