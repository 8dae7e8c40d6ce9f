/* What the unit says on the radio, and when: its own CAM, and what the cell decided about the road within reach, most
 * urgent first. A hazard goes out as DENM and as notice, everything else as notice (mapsvc/fuse/notice.h), each again and again
 * while it counts: advisories until they end, what became permanent for a while, since vehicles pass at any time. And the
 * handovers by which a vehicle follows the cell's committees without any other link.
 * Bounded; the transmitter keeps the budget of octets. Owner thread; time is the cell's. */
#ifndef WAYSIDE_RSU_RADIO_BROADCAST_H
#define WAYSIDE_RSU_RADIO_BROADCAST_H

#include "ledger/light/types.h"
#include "mapsvc/model/frame.h"
#include "pktio/transmit.h"

struct broadcast_config {
    int32_t lat, lon; /* of the antenna, 1e-7 degree */
    uint32_t reach_m; /* what is further away is not said */
    uint64_t cam_us; /* own CAM; 0: none */
    uint64_t repeat_us; /* of an advisory or hazard */
    uint64_t change_repeat_us, change_for_us; /* of what became permanent */
    size_t items; /* things being said at once, > 0 */
    uint64_t handover_us; /* between two fragments of handovers; 0: none are sent */
    size_t
        handovers; /* the newest so many go out in turn, at most BROADCAST_HANDOVERS_MAX; 0: none */
};
#define BROADCAST_HANDOVERS_MAX 16

struct broadcast_counters {
    uint64_t out_of_reach; /* changes too far away */
    uint64_t
        crowded_out; /* dropped for something more urgent, or because nothing less urgent was there */
    uint64_t unreadable; /* events of a form that this version does not know */
    size_t items; /* being said now */
    size_t handovers; /* the same of handovers */
    uint64_t fragments; /* of handovers, sent */
};

struct broadcast;

/* transmit and frame are borrowed. */
struct broadcast *broadcast_new(const struct broadcast_config *cfg, const struct cell_frame *frame,
    const uint8_t cell_id[static 32], struct transmit *transmit);
void broadcast_free(struct broadcast *b); /* NULL is fine */

/* An event of the map contract, in order; others are not looked at. Also fed with those of the last blocks after a
 * start: what is over by its_us is not taken up. map_version: in force. */
void broadcast_event(
    struct broadcast *b, const struct event *e, uint64_t map_version, uint64_t its_us);
/* The handover at a boundary of committees, in its encoding (copied; at most HANDOVER_OCTETS_MAX), newer than all before. Goes
 * out in fragments (ledger/light/fragment.h), one at a time, after everything else that is due; the newest first, then all in
 * turn, so that who passes and missed some crosses them in order. */
void broadcast_handover(struct broadcast *b, struct span octets, uint64_t its_us);
/* Sends what is due. */
void broadcast_run(struct broadcast *b, uint64_t its_us);
const struct broadcast_counters *broadcast_counters(const struct broadcast *b);

#endif
