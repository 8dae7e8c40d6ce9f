/* Handover: the smallest thing that carries a client from a committee it trusts to the next one. The last header of
 * the old committee commits to the next set; more than two thirds of the old committee's power signed it; the next set
 * comes along in its vehicle form. Under 2 kB for 22 validators of one power: two radio fragments (decision 19).
 * Pure; any thread. */
#ifndef WAYSIDE_LEDGER_LIGHT_HANDOVER_H
#define WAYSIDE_LEDGER_LIGHT_HANDOVER_H

#include "ledger/light/trust.h"

struct handover {
    struct header_front front; /* next_validators follows from the next set and is not carried */
    struct commit commit; /* of as few validators as make a quorum; its id follows from the front */
    struct validator_set next;
    hash32 seats; /* of the next set */
};

/* Cuts a commit down to the fewest signatures that are a quorum of the set; false when there is none. */
bool commit_trim(const struct validator_set *set, struct commit *c);

/* The handover at a boundary: header and commit of the last height of `set`, and the set that follows. WS_EINPUT when
 * they do not belong together. Signatures are not checked. */
WARN_UNUSED int handover_make(light_hash_fn h, const struct header *hd, const struct commit *commit,
    const struct validator_set *set, const struct validator_set *next,
    struct handover *ret_handover, struct ws_err *err);
/* The same from a front; `validators` and `next_validators` are believed to be the hashes of the sets. */
WARN_UNUSED int handover_make_front(light_hash_fn h, const struct header_front *f,
    const struct commit *commit, const struct validator_set *set, const struct validator_set *next,
    struct handover *ret_handover, struct ws_err *err);
/* Height of an encoding; 0: it is none. */
uint64_t handover_height(struct span octets);
void handover_encode(const struct handover *o, struct buf *b);
/* At most HANDOVER_OCTETS_MAX octets. */
#define HANDOVER_OCTETS_MAX 8192
WARN_UNUSED int handover_decode(
    light_hash_fn h, struct span s, struct handover *ret_handover, struct ws_err *err);

/* Moves belief over the boundary; *t changes on LIGHT_OK only. */
WARN_UNUSED enum light_verdict light_cross(const struct light_crypto *c,
    const struct light_params *p, struct light_trust *t, const struct handover *o, uint64_t now,
    struct ws_err *err);

/* ---- a chain of them, since the client's last visit ---- */
#define HANDOVERS_MAX 1024
/* Encodings of handovers, ascending by height, each as a var behind a count of 2 octets. */
struct handovers {
    size_t n;
    struct span octets; /* what follows the count; borrowed */
};
void handovers_put(const struct span *each, size_t n, struct buf *b);
/* Bounds and shape of the list; the handovers themselves are decoded one after the other by light_follow. */
void handovers_read(struct rd *r, struct handovers *ret_list);
/* Crosses all that lie above the trusted height. One at or below it is only looked at for the set that the trusted
 * header names. *ret_crossed (may be NULL) counts. What was crossed stays believed even when a later one fails. */
WARN_UNUSED enum light_verdict light_follow(const struct light_crypto *c,
    const struct light_params *p, struct light_trust *t, const struct handovers *list, uint64_t now,
    size_t *ret_crossed, struct ws_err *err);

#endif
