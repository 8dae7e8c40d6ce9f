/* What a unit that joins believes of the cell's committees: it begins with the genesis (or any belief of a light client) and
 * moves over the handovers that come with offers of snapshots. Every boundary that was crossed is kept, so that an
 * older snapshot of another peer can be judged, too. Each handover is checked by ledger/light before anything follows from
 * it; whose it is does not matter. No clock: it believes what a unit believes that executes all blocks since the genesis,
 * that former committees' keys have stayed secret (decision 19). One thread for each object. */
#ifndef WAYSIDE_LEDGER_NODE_SHARE_BELIEF_H
#define WAYSIDE_LEDGER_NODE_SHARE_BELIEF_H

#include "ledger/light/handover.h"
#include "ledger/snapshot/manifest.h"

struct share_belief;
/* from has its next set (asserted); copied. */
struct share_belief *share_belief_new(const struct light_trust *from, light_verify_fn verify);
void share_belief_free(struct share_belief *b); /* NULL is allowed */
/* The last boundary that was crossed: what lies above it is of use. */
uint64_t share_belief_height(const struct share_belief *b);
/* Crosses what of a list (its encoding, with the count) lies above that height. LIGHT_OK, also when nothing does; else why,
 * and what was crossed before stays. At most HANDOVERS_MAX in all (LIGHT_TOO_MANY_STEPS). */
WARN_UNUSED enum light_verdict share_belief_follow(
    struct share_belief *b, struct span list, size_t *ret_crossed, struct ws_err *err);
/* WS_OK: a quorum of the committee of its height signed it. WS_ENOTFOUND: that committee is not known, or lies below
 * where belief begins. WS_EINPUT: it is not the cell's. */
WARN_UNUSED int share_belief_judge(
    const struct share_belief *b, const struct manifest *m, struct ws_err *err);

#endif
