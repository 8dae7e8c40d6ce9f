/* Admission: which verified messages become transactions (design, section 2). What a contract takes goes to the
 * mempool, its signer's certificate before it; beacons stay local. Owner thread. */
#ifndef WAYSIDE_RSU_CELL_ADMIT_H
#define WAYSIDE_RSU_CELL_ADMIT_H

#include "ledger/node/node.h"
#include "pktio/message.h"

#define ADMIT_OUTCOMES(X)                                                                          \
    X(ADMIT_TAKEN, "taken", "became a transaction")                                                \
    X(ADMIT_BEACON, "beacon", "no contract takes this PSID; stays in the local picture")           \
    X(ADMIT_NOTICE, "notice", "what a roadside unit told vehicles; nothing new to the ledger")     \
    X(ADMIT_KNOWN, "known", "another RSU or an earlier block has it")                              \
    X(ADMIT_REFUSED, "refused", "breaks a rule of the ledger; see the transaction counters")       \
    X(ADMIT_FULL, "full", "the mempool has no room")
enum admit_outcome {
#define X(id, name, text) id,
    ADMIT_OUTCOMES(X)
#undef X
        ADMIT_OUTCOME_COUNT
};
const char *admit_outcome_name(enum admit_outcome o);

struct admit_counters {
    uint64_t outcome[ADMIT_OUTCOME_COUNT];
    uint64_t certificates; /* submitted */
};

/* How believable it is, into m->plausibility; of our observations by the place and time in them. Nothing is refused
 * for it, and no transaction carries it: validators agree on messages, not on what one antenna thinks of them. ret_sample (may be NULL):
 * what was read of it. */
void admit_judge(
    struct plausibility_tracks *t, struct pkt_message *m, struct plausibility_sample *ret_sample);

/* One signed message, its signer's certificate before it unless the node has that. certificates is counted up when it is
 * new; err (may be NULL): why not. */
enum admit_outcome admit_submit(struct node *n, const uint8_t cert_hash[static 32],
    struct span cert, struct span spdu, bool signature_good, struct ws_now now,
    uint64_t *certificates, struct ws_err *err);

enum admit_outcome admit_message(struct node *n, const struct pkt_message *m, struct ws_now now,
    struct admit_counters *counters);

#endif
