/* A validator's side of the beacon: told what the contract holds after a block, it says which records the validator
 * should submit now. Pure: all that is secret comes from one secret of 32 octets, so that the same blocks give the
 * same records, after a crash too, and a member never deals twice differently (decision 20). What it keeps beside
 * the secret only saves work. Never prints or hands out a secret; wipes what it frees. One thread. */
#ifndef WAYSIDE_LEDGER_BEACON_MEMBER_H
#define WAYSIDE_LEDGER_BEACON_MEMBER_H

#include "base/bytes.h"
#include "ledger/beacon/contract.h"

#define BEACON_SECRET_OCTETS 32
/* At most this many records of one step: one registration, dealing and review, and partial values, oldest first. */
#define BEACON_WISHES_MAX 11
/* A record that is not on the ledger is wished for again after this many heights. */
#define BEACON_WISH_AGAIN 4

struct beacon_member;
struct beacon_member *beacon_member_new(const uint8_t cell[static 32],
    const uint8_t address[static 32], const uint8_t secret[static BEACON_SECRET_OCTETS]);
void beacon_member_free(struct beacon_member *m);

struct beacon_wish {
    uint16_t kind;
    struct buf body; /* owned by the member until the next step */
};
/* contract: a beacon contract's self, as of the last block that is executed. Call it once for each block that is
 * committed while the node is not catching up. The wishes are borrowed until the next step. */
size_t beacon_member_step(
    struct beacon_member *m, const void *contract, const struct beacon_wish **ret_wishes);

#endif
