/* The beacon contract: one randomness per height that nobody can bias or know before the height is decided
 * (decision 20). It generates a key for each committee from what the members deal, and takes their partial values.
 *
 * State (docs/formats/beacon.md): "c" control; "g" and serial: a generation; "d", serial and dealer: a dealing; "k" and
 * serial: a key; "h" and height: what became of the height. Event BEACON_EVENT_KEY tells of a new key. A height's
 * randomness is state, no event: an event makes the cell cut the next block at once, and there is one each height.
 *
 * One thread, as contract.h says. */
#ifndef WAYSIDE_LEDGER_BEACON_CONTRACT_H
#define WAYSIDE_LEDGER_BEACON_CONTRACT_H

#include "ledger/exec/contract.h"
#include "ledger/light/types.h"

#define BEACON_CODES(X)                                                                            \
    X(BEACON_OK, "ok")                                                                             \
    X(BEACON_MALFORMED, "malformed")                                                               \
    X(BEACON_UNKNOWN_KIND, "unknown_kind")                                                         \
    X(BEACON_NO_MEMBER, "no_member")                                                               \
    X(BEACON_TOO_EARLY, "too_early")                                                               \
    X(BEACON_TOO_LATE, "too_late")                                                                 \
    X(BEACON_ALREADY, "already")                                                                   \
    X(BEACON_BARRED, "barred")                                                                     \
    X(BEACON_BAD_PROOF, "bad_proof")                                                               \
    X(BEACON_FALSE_COMPLAINT, "false_complaint")
enum beacon_code {
#define X(id, text) id,
    BEACON_CODES(X)
#undef X
        BEACON_CODE_COUNT
};

enum {
    BEACON_EVENT_KEY = 1
}; /* version, serial (8), height (8) from which it is in force, key id (32) */

/* All validators of a cell use the same; state remembers them and refuses others. */
struct beacon_params {
    uint32_t every; /* heights that are multiples of it have randomness; from 1 */
    uint32_t window; /* how many of those are kept; 16..4096 */
    uint32_t settle; /* heights that a phase waits for stragglers once enough have spoken */
    uint32_t
        attempt; /* heights that an unfinished generation goes on although a member has registered since */
    uint32_t again; /* heights between two generations for one committee */
};
struct beacon_params beacon_params_default(void);

/* Where the validators of a height are looked up: ledger/committee's face. */
struct beacon_committee {
    const struct validator_set *(*set)(const void *self, uint64_t height);
    const uint8_t *(*hash)(const void *self, uint64_t height); /* 32 octets */
    const void *self;
};

struct contract beacon_contract_new(const struct beacon_params *params);
/* Before the first block is executed. `self` is contract.self. */
void beacon_contract_attach(void *self, const struct beacon_committee *committee);

/* ---- for other contracts and for the host; `self` is contract.self ---- */
/* What exec_beacon and exec_beacon_height tell other contracts; as of the last block that has been executed. */
enum beacon_answer beacon_contract_value(
    const void *self, uint64_t height, uint8_t ret_value[static 32]);
/* The first height from `height` on that has randomness. */
uint64_t beacon_contract_height(const void *self, uint64_t height);

/* ---- for whoever holds a proof of state ---- */
#define BEACON_HEIGHT_KEY_OCTETS 9
void beacon_height_key(uint64_t height, uint8_t ret_key[static BEACON_HEIGHT_KEY_OCTETS]);
/* The randomness in the value of such a key. False: the entry has none (yet), or is no such entry. */
bool beacon_height_value(struct span value, uint8_t ret_randomness[static 32]);

enum beacon_phase { BEACON_IDLE, BEACON_REGISTERING, BEACON_DEALING, BEACON_REVIEWING };
const char *beacon_phase_name(enum beacon_phase p);
struct beacon_status {
    uint64_t height; /* last executed */
    uint64_t epoch; /* committees so far */
    enum beacon_phase phase;
    uint64_t serial; /* of the last generation */
    uint64_t in_force; /* serial of the key that new heights get; 0: none yet */
    uint8_t key_id[32]; /* of it; zero when none */
    uint16_t threshold, tickets; /* of the committee */
    size_t members, registered, dealt, reviewed;
    uint64_t newest; /* newest height whose value is known; 0: none */
    size_t pending; /* heights without a value */
    uint64_t upheld; /* complaints in this committee */
};
void beacon_contract_status(const void *self, struct beacon_status *ret_status);

#endif
