/* The cell's fixed bytes: genesis, validators, headers, votes, commits, events and their proofs
 * (docs/formats/ledger.md). Every encoding has a version octet, fixed-width big-endian integers and exactly
 * one form; decoders refuse everything else. Pure; hash and signature checks come in as callbacks, so
 * that a checker links nothing but this folder. Decoded values own no memory unless said. Any thread. */
#ifndef WAYSIDE_LEDGER_LIGHT_TYPES_H
#define WAYSIDE_LEDGER_LIGHT_TYPES_H

#include "base/bytes.h"
#include "base/error.h"
#include "ledger/light/merkle.h"

#define LEDGER_VERSION 1
#ifndef VALIDATORS_MAX /* the exhaustive search of tests/sim compiles the core with room for four */
#define VALIDATORS_MAX 64
#endif
#define AUTHORITIES_MAX 16
#define TRUST_ROOTS_MAX 255
#define REGION_POINTS_MAX 64
#define KEY_OCTETS 32
#define SIG_OCTETS 64
#define NAME_MAX_OCTETS 64
/* Cap on the total power P, so that 3 * P fits 64 bits with room (consensus facts, section 0). */
#define POWER_MAX (UINT64_C(1) << 60)

/* Domain tags: 16 octets, zero padded; first octets of everything hashed or signed by the cell. */
#define TAG_OCTETS 16
extern const uint8_t TAG_HEADER[TAG_OCTETS], TAG_VOTE[TAG_OCTETS], TAG_PROPOSAL[TAG_OCTETS],
    TAG_ORDER[TAG_OCTETS], TAG_VALSET[TAG_OCTETS], TAG_ADDRESS[TAG_OCTETS], TAG_COMMIT[TAG_OCTETS],
    TAG_PARAMS[TAG_OCTETS], TAG_GENESIS[TAG_OCTETS], TAG_RECORD[TAG_OCTETS], TAG_BODY[TAG_OCTETS],
    TAG_SEATS[TAG_OCTETS], TAG_HANDOVER[TAG_OCTETS], TAG_EVIDENCE[TAG_OCTETS];

/* Ed25519 is 1; 2 is kept for ECDSA P-256 with low s in a TPM or HSM (decision 2). */
enum key_alg { KEY_ED25519 = 1 };

/* True if sig is alg's signature of key over msg. */
typedef bool (*light_verify_fn)(enum key_alg alg, const uint8_t key[static KEY_OCTETS],
    struct span msg, const uint8_t sig[static SIG_OCTETS]);

struct validator {
    enum key_alg alg;
    uint8_t key[KEY_OCTETS];
    uint8_t curve_key[KEY_OCTETS]; /* CURVE25519 key of its links */
    uint64_t power; /* 1..POWER_MAX */
    hash32 address; /* SHA-256(TAG_ADDRESS || alg || key) */
    char owner[NAME_MAX_OCTETS + 1]; /* agency */
    char mast[NAME_MAX_OCTETS + 1]; /* where it hangs; seats per owner and mast are limited later */
};

/* Order everywhere (hash, indices in votes, bitmaps): power descending, address ascending. */
struct validator_set {
    size_t n;
    uint64_t total;
    struct validator v[VALIDATORS_MAX];
};
void validator_address(light_hash_fn h, struct validator *v);
/* Sorts, sums, and refuses: none or too many, zero power, the same key or CURVE key twice, total above the cap. */
WARN_UNUSED int validator_set_prepare(light_hash_fn h, struct validator_set *s, struct ws_err *err);
/* The same for sets that came without link keys. */
WARN_UNUSED int validator_set_prepare_keys(
    light_hash_fn h, struct validator_set *s, struct ws_err *err);
/* Two levels: keys and power, which signatures are checked with, and the hash of everything else about the seats
 * (link keys, owners, masts), so that a vehicle checks a set without the words (decision 19). */
void validator_set_seats(light_hash_fn h, const struct validator_set *s, hash32 ret_seats);
void validator_set_hash_with(
    light_hash_fn h, const struct validator_set *s, const hash32 seats, hash32 ret_hash);
void validator_set_hash(light_hash_fn h, const struct validator_set *s, hash32 ret_hash);
/* The whole set as genesis and state hold it. Reading checks the layout only: validator_set_prepare does the rest. */
void validator_set_encode(const struct validator_set *s, struct buf *b);
WARN_UNUSED bool validator_set_read(struct rd *r, struct validator_set *ret_set);
int validator_set_find(const struct validator_set *s, const hash32 address); /* index or -1 */

static inline bool power_is_quorum(uint64_t power, uint64_t total) {
    return 3 * power > 2 * total;
}
static inline bool power_is_skip(uint64_t power, uint64_t total) {
    return 3 * power > total;
}

/* Consensus parameters and limits of the cell; in genesis, hashed into every header. Times in us. */
#define CELL_PARAMS(X)                                                                             \
    X(block_interval_us, 1000, 60000000, "an empty block is cut after this long (monotonic)")      \
    X(block_min_us, 0, 60000000, "pause between blocks even when there is work (monotonic)")       \
    X(timeout_propose_us, 1000, 60000000, "base, round 0")                                         \
    X(timeout_prevote_us, 1000, 60000000, "base, round 0")                                         \
    X(timeout_precommit_us, 1000, 60000000, "base, round 0")                                       \
    X(timeout_delta_us, 1000, 60000000, "added with each round")                                   \
    X(time_precision_us, 0, 3600000000, "how far validators' cell clocks may differ (cell time)")  \
    X(time_delay_us, 1000, 3600000000, "longest way of a proposal, round 0 (cell time)")           \
    X(block_octets_max, 1024, 33554432, "transactions of one block together")                      \
    X(block_txs_max, 1, 65535, "transactions of one block")                                        \
    X(tx_octets_max, 256, 4194304, "one transaction")                                              \
    X(message_age_us, 1000000, 86400000000,                                                        \
        "oldest generation time that a block may carry (cell time)")                               \
    X(message_future_us, 0, 60000000, "newest generation time beyond block time (cell time)")      \
    X(body_horizon_us, 60000000, 31536000000000,                                                   \
        "vehicles' certificates leave state after this (cell time); bodies: decision 9")           \
    X(certs_max, 16, 10000000, "vehicle certificates kept in state")                               \
    X(messages_max, 1024, 100000000, "message identities kept in state")                           \
    X(evidence_heights, 16, 10000000,                                                              \
        "evidence older than this many heights and evidence_us is too late")                       \
    X(evidence_us, 1000000, 31536000000000, "the same in cell time")

struct cell_params {
#define X(name, lo, hi, help) uint64_t name;
    CELL_PARAMS(X)
#undef X
};
struct cell_params cell_params_default(void);
WARN_UNUSED int cell_params_check(const struct cell_params *p, struct ws_err *err);
void cell_params_encode(const struct cell_params *p, struct buf *b);
void cell_params_read(struct rd *r, struct cell_params *ret_params); /* r remembers what is short */
void cell_params_hash(light_hash_fn h, const struct cell_params *p, hash32 ret_hash);

struct authority {
    uint8_t key[KEY_OCTETS]; /* Ed25519 */
    uint8_t roles; /* bit (role - 1) of enum exec_role */
    char name[NAME_MAX_OCTETS + 1];
};

struct genesis {
    char name[NAME_MAX_OCTETS + 1];
    uint64_t time; /* Time64 us; block 1 is later */
    struct validator_set validators;
    size_t n_authorities;
    struct authority authorities[AUTHORITIES_MAX];
    uint8_t quorum[8]; /* per role - 1: how many of its authorities must sign; 0: role not in use */
    size_t n_roots;
    struct span
        roots[TRUST_ROOTS_MAX]; /* certificates of the vehicles' trust roots and their issuing
                                           authorities, roots first; borrowed from the decoded octets */
    struct cell_params params;
    struct span policy; /* section of the policy contract (borrowed) */
    hash32 map_digest; /* section of the map contract */
    int32_t frame_lat0, frame_lon0; /* cell frame constants, as in the map (1e-7 degree) */
    int64_t frame_north, frame_east;
    size_t n_region; /* polygon, at least 3 points, or 0: no bound */
    int32_t region[REGION_POINTS_MAX][2]; /* lat, lon in 1e-7 degree */
};
/* Validators as validator_set_prepare leaves them; the decoder refuses any other order. */
void genesis_encode(const struct genesis *g, struct buf *b);
WARN_UNUSED int genesis_decode(
    light_hash_fn h, struct span s, struct genesis *ret_genesis, struct ws_err *err);
/* Cell id: SHA-256(TAG_GENESIS || octets). */
void genesis_cell_id(light_hash_fn h, struct span octets, hash32 ret_id);

struct header {
    hash32 cell_id;
    uint64_t height; /* from 1 */
    uint64_t time; /* Time64 us, strictly growing */
    hash32 previous; /* block id of height - 1; zero at 1 */
    hash32 last_commit; /* SHA-256(TAG_COMMIT || commit of height - 1); zero at 1 */
    hash32 tx_root;
    uint32_t tx_count;
    hash32 state_root; /* after height - 1: list root over contract_leaf of each contract */
    hash32 result_root; /* of height - 1 */
    hash32 event_root; /* of height - 1 */
    hash32 validators; /* hash of the set that signs this height */
    hash32 next_validators;
    hash32 params;
    hash32 proposer; /* address */
    hash32 extension; /* zero: room for anchoring to other cells */
};
#define HEADER_OCTETS (1 + 32 + 8 + 8 + 32 * 11 + 4)
void header_encode(const struct header *hd, struct buf *b);
WARN_UNUSED bool header_read(struct rd *r, struct header *ret_header);
/* What a client needs of a header to follow the committee; `body` is SHA-256(TAG_BODY || version || the other fields).
 * Block id: SHA-256(TAG_HEADER || version || front), so that a front stands for its header (decision 19). */
struct header_front {
    hash32 cell_id;
    uint64_t height;
    uint64_t time;
    hash32 validators;
    hash32 next_validators;
    hash32 body;
};
struct header_front header_front_of(light_hash_fn h, const struct header *hd);
void header_front_id(light_hash_fn h, const struct header_front *f, hash32 ret_id);
void header_id(light_hash_fn h, const struct header *hd, hash32 ret_id);

enum vote_type { VOTE_PREVOTE = 1, VOTE_PRECOMMIT = 2 };
struct vote {
    uint64_t height;
    enum vote_type type;
    int32_t round; /* from 0 */
    /* Prevotes: the signer's lock and the quorum it relied on, -1 none; precommits: -1. */
    int32_t locked_round;
    int32_t valid_round;
    uint16_t validator; /* index in the set of the height; not signed */
    bool nil;
    hash32 id; /* zero when nil */
    uint8_t sig[SIG_OCTETS];
};
#define VOTE_OCTETS (1 + 1 + 8 + 4 + 1 + 32 + 4 + 4 + 2 + SIG_OCTETS)
void vote_sign_bytes(const hash32 cell_id, const struct vote *v, struct buf *b);
void vote_encode(const struct vote *v, struct buf *b);
WARN_UNUSED bool vote_read(struct rd *r, struct vote *ret_vote);

void proposal_sign_bytes(const hash32 cell_id, uint64_t height, int32_t round, const hash32 id,
    int32_t valid_round, struct buf *b);

/* Precommits of more than two thirds of the power for one block: the quorum certificate. */
struct commit {
    uint64_t height;
    int32_t round;
    hash32 id;
    size_t n; /* validators in the set */
    bool present[VALIDATORS_MAX];
    uint8_t sig[VALIDATORS_MAX][SIG_OCTETS];
};
void commit_encode(const struct commit *c, struct buf *b);
WARN_UNUSED bool commit_read(struct rd *r, struct commit *ret_commit);
/* Its part from n on: how many validators, who signed, signatures. */
void commit_put_signers(const struct commit *c, struct buf *b);
void commit_read_signers(struct rd *r, struct commit *c);
void commit_hash(light_hash_fn h, const struct commit *c, hash32 ret_hash);
/* Every signature present is checked; together they must be a quorum of the set. */
WARN_UNUSED int commit_check(light_verify_fn verify, const hash32 cell_id,
    const struct validator_set *set, const struct commit *c, struct ws_err *err);

/* One event as committed: its leaf is list_leaf(encoding). */
struct event {
    uint8_t contract; /* index in registration order */
    uint16_t type;
    uint64_t height; /* of the block that emitted it */
    uint32_t sequence; /* within the block */
    struct span body; /* borrowed */
};
void event_encode(const struct event *e, struct buf *b);
WARN_UNUSED bool event_read(struct rd *r, struct event *ret_event);

#endif
