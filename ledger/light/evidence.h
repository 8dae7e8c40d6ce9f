/* Evidence: signed statements that no honest validator makes, and who made them (consensus facts, section 8;
 * decision 24). It proves itself: nobody signs it, and whoever sends it is not believed. Time and power are never in
 * it; they come from the chain. Pure; hash and signature are callbacks. Any thread.
 *
 * One offence has one form: halves stand in the order of what was signed, and the id leaves signatures out, so that
 * swapping halves or signing anew gives no second piece of evidence. */
#ifndef WAYSIDE_LEDGER_LIGHT_EVIDENCE_H
#define WAYSIDE_LEDGER_LIGHT_EVIDENCE_H

#include "ledger/light/trust.h"

#define EVIDENCE_OCTETS_MAX 16384

#define EVIDENCE_KINDS(X)                                                                          \
    X(EVIDENCE_DOUBLE_VOTE, 1, "double_vote") /* same height, round and type, other octets */      \
    X(EVIDENCE_DOUBLE_PROPOSAL, 2, "double_proposal")                                              \
    X(EVIDENCE_BAD_PROPOSAL, 3, "bad_proposal") /* out of turn, or valid_round out of range */     \
    X(EVIDENCE_PHANTOM_VOTE, 4, "phantom_vote") /* for a height whose set the signer is not in */  \
    X(EVIDENCE_LOCK, 5, "lock") /* a precommit, and a later prevote that denies it */              \
    X(EVIDENCE_ATTACK, 6, "light_client_attack") /* another header of a decided height */
enum evidence_kind {
#define X(id, number, text) id = (number),
    EVIDENCE_KINDS(X)
#undef X
        EVIDENCE_KIND_END
};
const char *evidence_kind_text(enum evidence_kind k);

struct signed_proposal {
    uint64_t height;
    int32_t round; /* from 0 */
    int32_t valid_round; /* any: being out of range is an offence */
    hash32 id;
    uint8_t sig[SIG_OCTETS];
};

struct evidence {
    enum evidence_kind kind;
    /* all but EVIDENCE_ATTACK */
    enum key_alg alg;
    uint8_t key[KEY_OCTETS];
    struct vote
        vote[2]; /* validator index 0; LOCK: precommit, prevote; PHANTOM_VOTE: the first only */
    struct signed_proposal proposal[2]; /* BAD_PROPOSAL: the first only */
    /* EVIDENCE_ATTACK */
    struct header header;
    struct commit commit;
    uint64_t common; /* height that the deceived client trusted; below header.height, 0: genesis */
    bool has_set; /* the header names another set than the chain's: it comes along */
    struct validator_set set;
    hash32 seats;
};

uint64_t evidence_height(const struct evidence *e);
/* Brings the halves into order first. */
void evidence_encode(const struct evidence *e, struct buf *b);
/* Refuses every other form, also two halves that say the same. */
WARN_UNUSED int evidence_decode(
    light_hash_fn h, struct span s, struct evidence *ret_evidence, struct ws_err *err);
/* SHA-256(TAG_EVIDENCE || version || kind || statements and signer without signatures). */
void evidence_id(light_hash_fn h, const struct evidence *e, hash32 ret_id);

/* What the chain keeps of a height to judge by; small, as there is one for each height of the window. */
struct block_facts {
    hash32 id;
    uint64_t time;
    /* SHA-256 over what follows from the blocks before: previous, state, results, events, validators, next validators,
     * parameters, extension. Nobody honest signs a header that has them otherwise; the carried commit, transactions,
     * time and proposer are free. */
    hash32 derived;
    /* The commit that block height + 1 carries. */
    bool has_commit;
    int32_t round;
    uint64_t signers; /* bit i: validator i of the set */
};
_Static_assert(VALIDATORS_MAX <= 64, "signers are bits of one number");
void block_facts_of(light_hash_fn h, const struct header *hd, struct block_facts *ret_facts);
#define BLOCK_FACTS_OCTETS (1 + 32 + 8 + 32 + 1 + 4 + 8)
void block_facts_encode(const struct block_facts *f, struct buf *b);
WARN_UNUSED bool block_facts_read(struct rd *r, struct block_facts *ret_facts);
/* SHA-256 as in block_facts.derived. */
void header_derived(light_hash_fn h, const struct header *hd, hash32 ret_hash);

struct evidence_facts {
    const uint8_t *cell_id;
    const struct validator_set *set; /* of evidence_height; NULL: not known */
    const uint8_t *set_hash; /* ATTACK: its hash, as in that height's header */
    const struct validator_set *common; /* ATTACK: of the height behind `common` */
    const struct block_facts
        *block; /* ATTACK: of evidence_height; NULL: not decided, or forgotten */
    const uint8_t
        *proposer; /* BAD_PROPOSAL: address whose turn (height, round) was; NULL: not known */
    /* PHANTOM_VOTE: is this the address of somebody the chain knows from another height? */
    bool (*known)(const void *ctx, const hash32 address);
    const void *ctx;
};

/* Does the prevote deny the lock that the precommit of the same validator and height made? */
bool evidence_denies_lock(const struct vote *precommit, const struct vote *prevote);

#define EVIDENCE_VERDICTS(X)                                                                       \
    X(EVIDENCE_GOOD, "good")                                                                       \
    X(EVIDENCE_OTHER_CELL, "other_cell")                                                           \
    X(EVIDENCE_NO_FACTS, "no_facts") /* the chain does not know the height, or no longer */        \
    X(EVIDENCE_NOT_MEMBER, "not_member") /* the signer is in no set that could be blamed */        \
    X(EVIDENCE_NO_OFFENCE, "no_offence")                                                           \
    X(EVIDENCE_BAD_SIGNATURE, "bad_signature")                                                     \
    X(EVIDENCE_WRONG_PARTS, "wrong_parts") /* set or commit do not belong to the header */         \
    X(EVIDENCE_NOBODY, "nobody") /* a fork for which these octets name nobody: amnesia */
enum evidence_verdict {
#define X(id, text) id,
    EVIDENCE_VERDICTS(X)
#undef X
};
const char *evidence_verdict_text(enum evidence_verdict v);

struct guilty {
    size_t n;
    hash32 address[VALIDATORS_MAX]; /* in the order of the set that signed */
};
/* *ret_guilty is written on EVIDENCE_GOOD, with at least one address. */
WARN_UNUSED enum evidence_verdict evidence_check(const struct light_crypto *c,
    const struct evidence *e, const struct evidence_facts *f, struct guilty *ret_guilty);

#endif
