/* What a contract sees of the ledger, and what the ledger sees of a contract: the only ledger header
 * that mapsvc/ and fedlearn/ use (with hash.h).
 *
 * A contract is deterministic: its answers depend on its state, the block's header values and the
 * transactions in order, never on a clock, an address, floating point or anything outside. The
 * authoritative state is what it puts through exec_put; memory of its own is a cache that `load`
 * rebuilds after a restart and that must give the same answers.
 *
 * A callback that returns another code than EXEC_OK must have put, deleted and emitted nothing.
 * One thread: the ledger's owner thread calls everything. */
#ifndef WAYSIDE_LEDGER_EXEC_CONTRACT_H
#define WAYSIDE_LEDGER_EXEC_CONTRACT_H

#include "base/error.h"
#include "base/span.h"

struct exec_host; /* the ledger's side, valid during one callback */

/* ---- the block being executed ---- */
uint64_t exec_height(const struct exec_host *h);
uint64_t exec_block_time(
    const struct exec_host *h); /* ITS Time64, us; strictly growing with height */
const uint8_t *exec_cell_id(const struct exec_host *h); /* 32 octets */

/* ---- state: octet keys (1..EXEC_KEY_MAX) to octet values (0..EXEC_VALUE_MAX), this contract's own ---- */
#define EXEC_KEY_MAX 128
#define EXEC_VALUE_MAX (1U << 20)
bool exec_get(struct exec_host *h, struct span key,
    struct span *ret_value); /* borrowed until the next put or del */
void exec_put(struct exec_host *h, struct span key, struct span value);
void exec_del(struct exec_host *h, struct span key); /* absent is fine */
/* First key that has the prefix and is greater than `after` (empty `after`: the first with the prefix),
 * in octet order. False when there is none. Borrowed until the next put or del. */
bool exec_next(struct exec_host *h, struct span prefix, struct span after, struct span *ret_key,
    struct span *ret_value);

/* ---- events: octets that are committed by the next header and that anyone may prove ---- */
#define EXEC_EVENT_MAX (1U << 20)
void exec_event(struct exec_host *h, uint16_t type, struct span body);

/* ---- policy: integers that a region's script computed (decision 5) ---- */
struct policy_field {
    const char *name; /* dotted path in the script's table, e.g. "map.confirm_bits" */
    const char *unit; /* e.g. "bit", "ms", "ppm", "1" */
    int64_t min, max; /* inclusive */
    const char *help; /* one sentence */
};
/* Value in force for field `index` of this contract's own list. */
int64_t exec_policy(const struct exec_host *h, size_t index);
/* SHA-256 over script and table in force; goes into every map version record. */
const uint8_t *exec_policy_hash(const struct exec_host *h);

/* ---- randomness of a height: 32 octets that nobody could bias, or know before it was final (decision 20) ---- */
enum beacon_answer {
    BEACON_IS, /* ret_value is set; it never changes */
    BEACON_COMES, /* the height is not there yet, or its values are not */
    BEACON_NEVER, /* it has none and will have none */
    BEACON_FORGOTTEN, /* older than what is kept, or no height that has any */
};
/* Close what is drawn from at height h, then draw with exec_beacon_height(h) as soon as it is there: later heights
 * may be known to whoever makes a block before he makes it, and "the newest known" is his choice. */
enum beacon_answer exec_beacon(
    const struct exec_host *h, uint64_t height, uint8_t ret_value[static 32]);
/* The first height from `height` on that has randomness. */
uint64_t exec_beacon_height(const struct exec_host *h, uint64_t height);

/* ---- what arrives ---- */

/* A vehicle's signed message whose certificate chain, permissions and signature the ledger has checked. */
struct exec_message {
    uint32_t index; /* position in the block */
    uint64_t psid;
    struct span payload; /* application payload (framing removed) */
    uint8_t id[32]; /* message identity */
    uint8_t leaf[32]; /* hash of the committed octets: what evidence commitments name */
    uint8_t signer[32]; /* SHA-256 of the signer's certificate: the pseudonym */
    uint8_t issuer[32]; /* SHA-256 of its direct issuer */
    struct span ssp; /* service specific permissions of the signer for psid; may be empty */
    uint32_t permissions; /* PSIDs that the signer's certificate is for, psid among them */
    uint64_t valid_from_s,
        valid_until_s; /* of that certificate: TAI seconds since 2004, the latter exclusive */
    uint64_t generation_time; /* Time64, us */
    bool has_location;
    int32_t lat, lon; /* 0.1 microdegree */
};

/* A transaction of the authorities of one role; quorum, sequence and expiry are checked. */
enum exec_role { ROLE_POLICY = 1, ROLE_COMMITTEE = 2, ROLE_MAP = 3, ROLE_IDENTITY = 4 };
struct exec_order {
    uint32_t index;
    enum exec_role role;
    uint16_t kind; /* meaning is the contract's */
    struct span body;
    uint8_t id[32]; /* hash of what the authorities signed: the same whoever of them did */
    uint8_t leaf[32];
};

/* A validator's own signed statement for one contract (design, decision 11); its signature is checked. */
struct exec_record {
    uint32_t index;
    uint16_t kind; /* meaning is the contract's */
    uint8_t signer[32]; /* address */
    int validator; /* index in the set of this height; -1: of an earlier set (record_heights) */
    struct span body;
    uint8_t leaf[32];
};

/* Result of one transaction; every value has a name (contract_ops.code_name). */
typedef uint16_t exec_code;
#define EXEC_OK 0

struct contract_ops {
    const char *name; /* e.g. "map"; also the name under /v1/proofs/state/NAME */
    const struct policy_field *fields;
    size_t n_fields;
    /* Writes the first state (height 0). The section is the contract's part of the genesis. */
    int (*genesis)(void *self, struct exec_host *h, struct span section, struct ws_err *err);
    /* Rebuilds memory from state after a restart; never called together with genesis. */
    int (*load)(void *self, struct exec_host *h, struct ws_err *err);
    bool (*takes_psid)(uint64_t psid); /* NULL: no vehicle messages */
    /* Such messages must not tell where they were made: one with a generation location is in no block. NULL: they may. */
    bool (*hides_place)(uint64_t psid);
    bool (*takes_order)(enum exec_role role, uint16_t kind); /* NULL: no orders */
    /* May this order be proposed at all? Asked before every prevote; pure: depends on the order alone, writes nothing.
     * NULL: any order of a kind that it takes. */
    exec_code (*check_order)(const void *self, const struct exec_order *o);
    /* May this record stand in the next block? Reads the contract's memory, writes nothing. Not EXEC_OK: no, and
     * *ret_later tells whether it may become good. NULL: the contract takes no records. */
    exec_code (*check_record)(const void *self, const struct exec_record *r, bool *ret_later);
    /* How many heights after it has left the set a validator's records may still be needed; at most
     * COMMITTEE_KEEP_HEIGHTS. NULL: none. */
    uint64_t (*record_heights)(const void *self);
    void (*begin_block)(void *self, struct exec_host *h); /* may be NULL */
    exec_code (*message)(void *self, struct exec_host *h, const struct exec_message *m);
    exec_code (*order)(void *self, struct exec_host *h, const struct exec_order *o);
    exec_code (*record)(void *self, struct exec_host *h, const struct exec_record *r);
    void (*end_block)(void *self, struct exec_host *h); /* may be NULL */
    const char *(*code_name)(exec_code code); /* static text, e.g. "unknown_element" */
    void (*free)(void *self);
};

struct contract {
    const struct contract_ops *ops;
    void *self;
};

#endif
