/* A validator's part in learning (fedlearn/round/member.h), inside a unit: its keys and what it opened are files of its own, what it wishes
 * for becomes signed records of its node, and what a round found is computed beside the owner thread, from the materials that vehicles
 * sent (rsu/learning/materials.h) and the models and root sets that are kept with them by hash.
 *
 * Nothing is said while no model is in force. Owner thread; what takes long or waits for the disk is done in a thread of its own, so
 * that it is not in the way of the ledger's. */
#ifndef WAYSIDE_RSU_LEARNING_LEARNING_H
#define WAYSIDE_RSU_LEARNING_LEARNING_H

#include "fedlearn/round/member.h"
#include "ledger/node/node.h"
#include "rsu/learning/needs.h"

#include <limits.h>

struct learning_config {
    uint8_t cell[32];
    const struct signer
        *signer; /* borrowed; NULL: a unit that only follows: it keeps models, and says nothing */
    const char *folder; /* of this unit alone; made when it is not there (0700). Copied */
    struct materials *materials; /* borrowed */
    struct ws_random *random; /* borrowed; the system's: it draws secrets */
};

struct learning_counters {
    struct fl_member_counters member;
    size_t looking; /* submissions that its thread is looking at */
    uint64_t sent[FL_RECORD_OUTCOME + 1]; /* records handed to our node, by kind */
    uint64_t refused; /* that our own node did not take */
    uint64_t found; /* rounds whose outcome was computed */
    uint64_t
        not_found; /* tries that failed: a model, a root set or materials are not here, or are others than the round's */
};

struct learning;
WARN_UNUSED int learning_open(
    const struct learning_config *cfg, struct learning **ret, struct ws_err *err);
/* Waits for its own thread. Wipes; NULL is fine. */
void learning_close(struct learning *l);

/* Readable when its thread has done something: call learning_run. */
int learning_fd(const struct learning *l);

/* After a block, and when learning_fd says so; cheap when there was nothing. contract: the learning contract's self, of the node's executor. Must not be called
 * from the node's callbacks. */
void learning_run(struct learning *l, struct node *n, const void *contract, struct ws_now now);

/* A model or a root set from a file of this machine, into the store; anything else is refused, so that nobody learns of files that only
 * this process may read. The socket gets one line, "ok SHA256 WHAT" or "no REASON", when it is done, and is closed. */
void learning_take_file(struct learning *l, const char *path, int socket);

/* What is missing here and could be had from others (rsu/learning/needs.h; blobs.h asks for it). At most LEARNING_LACKS_MAX SHA-256;
 * returns how many. */
#define LEARNING_LACKS_MAX LEARNING_NEEDS_MAX
size_t learning_lacks(const struct learning *l, const void *contract, uint8_t (*ret_hashes)[32]);

struct learning_counters learning_read(const struct learning *l);

#endif
