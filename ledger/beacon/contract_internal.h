/* What the beacon contract is made of, shared by its own files and by beacon_member, which reads it. */
#ifndef WAYSIDE_LEDGER_BEACON_CONTRACT_INTERNAL_H
#define WAYSIDE_LEDGER_BEACON_CONTRACT_INTERNAL_H

#include "ledger/beacon/body.h"
#include "ledger/beacon/contract.h"

#define BEACON_KEYS_MAX 8
#define BEACON_MEMO 1024

/* A key that is in force, or that older heights still need. */
struct live_key {
    struct beacon_key key;
    struct dealing *dealing[BEACON_MEMBERS_MAX]; /* owned; NULL: not qualified */
    bool reviewed[BEACON_MEMBERS_MAX];
    uint64_t since; /* height whose end made it */
};

enum moment_state { MOMENT_WAITS = 0, MOMENT_BOUND = 1, MOMENT_DONE = 2, MOMENT_NEVER = 3 };
/* What became of one height. */
struct moment {
    uint64_t height; /* 0: empty place */
    enum moment_state state;
    bool dirty;
    uint64_t serial; /* bound or done: under which key */
    uint16_t got; /* bound: tickets */
    struct point *
        value; /* bound: by ticket - 1, as many as the key has; the identity where there is none; NULL: none */
    uint8_t randomness[32]; /* done */
};

/* Records whose proofs have been found good, by leaf: each is checked once, before the vote or when executed. No state:
 * the answer would be the same. */
struct memo {
    uint8_t leaf[BEACON_MEMO][32];
    size_t n, next;
};

struct beacon_contract {
    struct beacon_params params;
    struct beacon_committee committee;
    uint8_t cell[32];
    struct memo *memo;
    uint64_t height; /* last executed, or being executed */

    /* ---- the committee ---- */
    uint64_t epoch;
    uint8_t set_hash[32];
    struct generation
        roster; /* serial 0: members, tickets, registered keys; n is 0 before the first block */
    uint64_t registered_at[BEACON_MEMBERS_MAX];
    bool barred[BEACON_MEMBERS_MAX]; /* has dealt a wrong share */

    /* ---- the generation that is under way ---- */
    enum beacon_phase phase;
    uint64_t serial; /* of the last one begun */
    uint64_t phase_height, attempt_height;
    struct generation gen; /* DEALING, REVIEWING */
    struct dealing *dealing[BEACON_MEMBERS_MAX];
    bool reviewed[BEACON_MEMBERS_MAX];
    bool upheld[BEACON_MEMBERS_MAX]; /* complaints against this dealer */
    bool control_dirty;

    /* ---- keys and heights ---- */
    uint64_t in_force;
    size_t n_keys;
    struct live_key *key[BEACON_KEYS_MAX]; /* ascending serial */
    struct moment *moment; /* params.window places; a height's is (height / every) % window */
};

struct live_key *beacon_find_key(const struct beacon_contract *c, uint64_t serial);
struct moment *beacon_find_moment(const struct beacon_contract *c, uint64_t height);
void live_key_free(struct live_key *k);
void beacon_drop_dealings(struct dealing *dealing[BEACON_MEMBERS_MAX]);

/* judge.c: what a record is worth now. member is set as soon as it is known. */
struct judged {
    size_t member;
    union {
        struct registration registration;
        struct dealing dealing;
        struct review review;
        struct partials partials;
    } body;
};
enum beacon_code beacon_judge(const struct beacon_contract *c, const struct exec_record *r,
    bool *ret_later, struct judged *ret_judged);

/* phases.c */
void beacon_begin(struct beacon_contract *c, struct exec_host *h);
void beacon_end(struct beacon_contract *c, struct exec_host *h);

/* saved.c: state's octets. */
void beacon_save_control(const struct beacon_contract *c, struct exec_host *h);
void beacon_save_generation(const struct beacon_contract *c, struct exec_host *h);
void beacon_save_dealing(
    const struct beacon_contract *c, struct exec_host *h, size_t dealer, struct span body);
void beacon_save_key(const struct live_key *k, struct exec_host *h);
void beacon_save_moment(const struct beacon_contract *c, struct exec_host *h, struct moment *m);
void beacon_forget_generation(struct exec_host *h, uint64_t serial);
void beacon_forget_moment(struct exec_host *h, uint64_t height);
WARN_UNUSED int beacon_load(struct beacon_contract *c, struct exec_host *h, struct ws_err *err);

#endif
