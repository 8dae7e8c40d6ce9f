/* A whole round of learning, gone through again by somebody who believes nobody: from the events that the ledger is known to have said,
 * the round's record and what vehicles sent to the outcome that the cell signed, and where it is not so (docs/learning.md). Touches
 * neither disk nor network: everything is asked of the caller, and nothing of it is believed but what is said here.
 *
 * Memory: eight ciphertexts, 4 octets a parameter and group, the models and the root set. One thread. */
#ifndef WAYSIDE_RSU_LEARNING_AUDIT_H
#define WAYSIDE_RSU_LEARNING_AUDIT_H

#include "base/bytes.h"
#include "base/error.h"
#include "fedlearn/round/rounds.h"

struct audit_claim {
    uint8_t cell[32];
    uint64_t round;
    struct span record; /* fl_round_record_encode; not believed */
    /* Bodies of contract learn's events OPEN, SEED, CUT_OFF, GROUPS, OPENED, CLOSED and SUSPECT, by type; believed: the caller has seen
     * that the chain has them. Empty: it could not. */
    struct span event[FL_EVENT_SUSPECT + 1];
    bool unfit[FL_EVENT_SUSPECT +
               1]; /* empty, because what was given does not prove it; the caller has said so */
    /* The cell's randomness of the OPEN record's seed height and the CUT_OFF's height; 32 octets, believed. NULL: not known any more;
     * the draw is then looked at with what GROUPS says. unfit_...: NULL, because what was given does not prove it; the caller has said so. */
    const uint8_t *seed_value, *draw_value;
    bool unfit_seed_value, unfit_draw_value;
    /* The body of this round's event EXCLUDED of a submission, believed as those above are; asked for members of groups that were given up, and
     * for who is excluded. WS_ENOTFOUND: there is none that the caller knows of; WS_EINPUT: what was given does not prove it, and the
     * caller has said so; another error: there is, and it could not be seen that the chain has it. ret_body: empty, the caller's to free.
     * NULL: there is nobody to ask. */
    int (*excluded)(void *ctx, uint32_t submission, struct buf *ret_body, struct ws_err *err);
    void *excluded_ctx;
};

/* Where the rest comes from; none of it is believed. WS_OK, or err says why it is not there. ret_octets: empty, the caller's to free. */
struct audit_source {
    /* Length of the cover (4), cover, ciphertext of a submission. */
    int (*material)(
        void *ctx, const uint8_t id[static 32], struct buf *ret_octets, struct ws_err *err);
    /* A model or a root set. */
    int (*blob)(
        void *ctx, const uint8_t sha256[static 32], struct buf *ret_octets, struct ws_err *err);
    void *ctx;
};
/* No more octets of a submission are of any use. */
#define AUDIT_MATERIAL_MAX (4U + FL_COVER_OCTETS_MAX + FL_CIPHERTEXT_MAX)

enum audit_mark {
    AUDIT_OK,
    AUDIT_FAILS, /* what a quorum signed does not follow from what else was proven: this says that the round is wrong, and nothing else does */
    AUDIT_UNFIT, /* given, and damaged or another's: not what the ledger stands for, so it says nothing of the round */
    AUDIT_MISSING, /* needed, and not given: nothing is said against it, and nothing for it */
    AUDIT_SKIPPED /* not looked at, says why; the result hangs on other lines, or on none */
};
enum audit_result {
    AUDIT_HOLDS,
    AUDIT_WRONG, /* a line fails */
    AUDIT_OPEN /* none does, and something is missing or unfit */
};
struct audit_hearer {
    /* One line of what was looked at: a place ("cut_off", "group 2, submission 17", "outcome") and what is to be said of it. */
    void (*say)(void *ctx, enum audit_mark mark, const char *place, const char *text);
    void *ctx;
};

/* All of it. ret_model (may be NULL): the model that follows, as it was found here, when it came so far. */
WARN_UNUSED enum audit_result audit_round(const struct audit_claim *c,
    const struct audit_source *from, const struct audit_hearer *to, struct buf *ret_model);

#endif
