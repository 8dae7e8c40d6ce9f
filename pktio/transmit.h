/* What a roadside unit says on the radio: its own CAM, DENM about events, and notices of the map, signed with its own
 * ticket, within a budget of octets. Makes frames; a port sends them. No clock: the cell's time comes with each call. One
 * thread per object.
 *
 * The ticket goes with the messages as TS 103 097 v2.1.1, 7.1, says: CAM once a second, and at once when somebody asked for
 * it or an unknown ticket was heard; DENM always; notices once a second. Certificates that neighbours ask for, and those
 * this unit waits for, go through the CAM's header (peer-to-peer distribution, IEEE 1609.2 clause 8).
 *
 * The unit is named after its ticket, as vehicles are (wire formats, 4): the last octets of its HashedId8 are link
 * address, GeoNetworking address and station id. */
#ifndef WAYSIDE_PKTIO_TRANSMIT_H
#define WAYSIDE_PKTIO_TRANSMIT_H

#include "base/error.h"
#include "v2x/facility.h"
#include "v2x/sign.h"

#define TRANSMIT_ASK_MAX 8 /* HashedId3 in one CAM */
/* A GeoNetworking SDU; with the ticket and the signature around it (EN 302 636-4-1, 10.2). */
#define TRANSMIT_FRAME_MAX 1492

struct transmit_config {
    struct span ticket; /* copied; explicit */
    struct span
        issuer; /* the issuing certificate, for neighbours that ask for it; may be empty; copied */
    const struct sign_key *key; /* borrowed; must be the ticket's */
    int32_t lat, lon; /* of the antenna, 0.1 microdegree */
    uint32_t octets_per_s; /* budget, whole frames; > 0 */
    uint32_t burst_octets; /* at least TRANSMIT_FRAME_MAX */
};

#define TRANSMIT_OUTCOMES(X)                                                                       \
    X(TRANSMIT_SENT, "sent", "handed to the port")                                                 \
    X(TRANSMIT_BUDGET, "over_budget", "the budget of octets was used up; may be tried again")      \
    X(TRANSMIT_PORT, "port_full", "the port took no more")                                         \
    X(TRANSMIT_NO_PERMISSION, "no_permission", "the unit's ticket does not permit this PSID")      \
    X(TRANSMIT_TICKET_TIME, "ticket_time", "the unit's ticket is not valid now")                   \
    X(TRANSMIT_TOO_LONG, "too_long", "longer than a frame may be")
enum transmit_outcome {
#define X(id, name, text) id,
    TRANSMIT_OUTCOMES(X)
#undef X
        TRANSMIT_OUTCOME_COUNT
};
const char *transmit_outcome_name(enum transmit_outcome o);

struct transmit_counters {
    uint64_t outcome[TRANSMIT_OUTCOME_COUNT];
    uint64_t cam, denm, notices; /* of those sent */
    uint64_t octets;
    uint64_t tickets; /* sent along */
    uint64_t asked, answered; /* certificates asked for in own CAM; requests of others answered */
};

struct transmit;

/* Takes a frame for the air (copies it); false: no room. */
typedef bool (*transmit_send)(void *ctx, struct span frame);

/* Fails where ticket, issuer and key do not belong together. */
WARN_UNUSED int transmit_new(const struct transmit_config *cfg, transmit_send send, void *ctx,
    struct transmit **ret_transmit, struct ws_err *err);
void transmit_free(struct transmit *t); /* NULL is fine */

/* The unit's own CAM (station type roadside unit). */
enum transmit_outcome transmit_cam(struct transmit *t, uint64_t its_us);
/* f's station_id, station_type and, when zero, action_station are filled in. Sent into a circle around its place. */
enum transmit_outcome transmit_denm(
    struct transmit *t, const struct denm_fields *f, uint16_t radius_m, uint64_t its_us);
/* A record of ours for vehicles (PSID of map observations), to whoever is in radio reach. */
enum transmit_outcome transmit_notice(struct transmit *t, struct span payload, uint64_t its_us);

/* A message came in whose signer this unit does not know: asked for in the next CAM. Kept for two seconds. */
void transmit_want(struct transmit *t, const uint8_t hashed_id3[static 3], uint64_t its_us);
/* Somebody asked for certificates (n HashedId3). A HashedId3 is a hint: answering costs a longer CAM at most. */
void transmit_asked(struct transmit *t, struct span hashed_id3s);
/* A ticket was heard for the first time: whoever sent it may not know ours either. */
void transmit_heard_new(struct transmit *t);

uint32_t transmit_station_id(const struct transmit *t);
const uint8_t *transmit_mac(const struct transmit *t); /* 6 octets */
const struct transmit_counters *transmit_counters(const struct transmit *t);

#endif
