/* Who has spoken: vehicle certificates committed by full hash, identities of committed messages, and the last
 * sequence of each authority role. The first contract of every cell ("identity").
 *
 * Privacy (decision 7): a certificate stays in state until its validity ends or body_horizon after it was
 * committed, whichever comes first; the message identities of one block until the freshness of the last of them has passed by
 * block time. Both are deleted at block begin, in key order. One thread (the ledger's owner). */
#ifndef WAYSIDE_LEDGER_IDENTITY_IDENTITY_H
#define WAYSIDE_LEDGER_IDENTITY_IDENTITY_H

#include "ledger/exec/contract.h"
#include "ledger/light/types.h"
#include "v2x/trust.h"

/* A certificate whose chain was checked. Shared by the transaction that brings it and, once it is committed, by the table of
 * those; one thread. */
struct identity_cert {
    uint32_t refs;
    struct cert cert; /* spans into octets */
    struct buf octets;
    hash32 hash, issuer;
    struct verify_key *key;
    uint64_t forget_at; /* Time64 us; 0: not committed */
};

#define IDENTITY_CODES(X)                                                                          \
    X(IDENTITY_OK, "ok")                                                                           \
    X(IDENTITY_FULL, "identity_full")                                                              \
    X(IDENTITY_UNTRUSTED, "cert_untrusted")
enum identity_code {
#define X(id, text) id,
    IDENTITY_CODES(X)
#undef X
};

struct contract identity_contract_new(
    const struct cell_params *params, const struct trust_store *trust);

/* ---- for the executor ---- */
/* The parameters of the next block. */
void identity_set_params(void *self, const struct cell_params *params);
const struct identity_cert *identity_find(const void *self, const hash32 cert_hash);
bool identity_seen(const void *self, const hash32 message_id);
void identity_hint(const void *self, const hash32 message_id); /* it will be asked for soon */
/* Commits a certificate / the identity of a message at the present block. */
/* checked: what identity_check_cert gave for these octets, at whatever time; NULL: it is checked here. */
exec_code identity_add_cert(
    void *self, struct exec_host *h, struct span cert, struct identity_cert *checked);
exec_code identity_add_message(void *self, const hash32 id, uint64_t generation_time);
uint64_t identity_last_sequence(struct exec_host *h, enum exec_role role);
void identity_set_sequence(struct exec_host *h, enum exec_role role, uint64_t sequence);
/* Checks a certificate against the cell's roots at a block time without committing it; NULL and a verdict when it
 * fails. Drop the reference with identity_cert_free. */
struct identity_cert *identity_check_cert(
    const void *self, struct span cert, uint64_t its_us, enum trust_verdict *ret_verdict);
void identity_cert_free(struct identity_cert *c);
/* How full the tables are; a block that would overfill them is not valid. */
size_t identity_cert_count(const void *self);
uint64_t identity_message_count(const void *self);

#endif
