/* The committee's court: what it remembers of each height, who was convicted of what, and what follows (decision 24).
 * Everything is state of the committee contract, so a conviction and its effect are in one block's batch. Works through
 * the contract's public face; one thread (the ledger's owner). */
#ifndef WAYSIDE_LEDGER_COMMITTEE_COURT_H
#define WAYSIDE_LEDGER_COMMITTEE_COURT_H

#include "ledger/committee/committee.h"
#include "ledger/light/evidence.h"

/* Events of the contract. */
enum committee_event {
    COMMITTEE_EVENT_SET =
        1, /* version, height from which it signs (8), the set as in genesis; one for each boundary */
    COMMITTEE_EVENT_PARAMS = 2, /* version, height from which they hold (8), the parameters */
    COMMITTEE_EVENT_JAILED =
        3, /* version, address (32), evidence kind (1), its height (8), its id (32) */
    COMMITTEE_EVENT_ALARM =
        4, /* version, address (32), members left (2): convicted, but the cell needs everybody */
};

/* ---- called by the contract as blocks go by ---- */
void court_genesis(const void *self, struct exec_host *h);
void court_block(
    const void *self, struct exec_host *h, const struct header *hd, const struct commit *last);
/* Behind the last transaction: says what changed. */
void court_end_block(const void *self, struct exec_host *h);
/* The oldest height that evidence may be about or that turns are told from; UINT64_MAX: none yet. */
uint64_t court_oldest(struct exec_host *h);
/* The priorities before `committee_next`, now and then, so that turns of the past can be told. */
void court_checkpoint(const void *self, struct exec_host *h);

/* ---- evidence ---- */

/* What the block after the last one would do with it; changes nothing. COMMITTEE_OK: *ret_guilty are those who are not
 * convicted of it yet. c->verify may be a function that says yes: then the signatures were checked before. */
exec_code court_judge(const void *self, struct exec_host *h, const struct light_crypto *c,
    const struct evidence *e, uint64_t block_time, struct guilty *ret_guilty);
/* May its answer become COMMITTEE_OK later? */
bool court_later(exec_code code);
/* In a block: marks, jails, and takes the guilty out of the set of h + 2. */
exec_code court_take(void *self, struct exec_host *h, const struct evidence *e);

bool court_jailed(struct exec_host *h, const hash32 address);
/* Takes everybody who is jailed out of the coming set, as long as COMMITTEE_LEAST stay; says so when they would not. */
void court_enforce(void *self, struct exec_host *h);
/* Address of the proposer of a past or the next height; false: forgotten. */
bool court_proposer(
    const void *self, struct exec_host *h, uint64_t height, int32_t round, hash32 ret_address);

/* ---- orders (orders.c): the contract's callbacks ---- */
bool committee_takes_order(enum exec_role role, uint16_t kind);
exec_code committee_check_order(const void *self, const struct exec_order *o);
exec_code committee_order(void *self, struct exec_host *h, const struct exec_order *o);

#endif
