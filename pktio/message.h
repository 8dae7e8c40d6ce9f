/* A verified message on its way from a packet worker to the admission in rsu/. Fixed-size memory from a
 * bounded pool of its worker; the receiver gives it back with pkt_message_release (any thread).
 * The spans point into `octets` of the same message. */
#ifndef WAYSIDE_PKTIO_MESSAGE_H
#define WAYSIDE_PKTIO_MESSAGE_H

#include "pktio/plausibility.h"
#include "v2x/carrier.h"
#include "v2x/spdu.h"

#define PKT_MESSAGE_OCTETS                                                                         \
    4096 /* SPDU and signer certificate together; longer ones: PKT_BAD_PROFILE */

struct pkt_message_pool;

struct pkt_message {
    struct span spdu; /* as received */
    struct span cert; /* the signer's whole certificate, also when the message named a digest */
    uint8_t id[32]; /* identity of the message */
    uint8_t cert_hash[32];
    uint8_t issuer_hash[32];
    uint64_t psid;
    uint64_t generation_time; /* Time64, us */
    bool has_location;
    int32_t lat, lon; /* 0.1 microdegree */
    uint64_t received_its_us; /* cell clock when the frame was taken up */
    enum carrier_kind carrier;
    uint64_t source; /* as struct carrier has it */
    struct plausibility plausibility; /* filled by whoever keeps the tracks; unjudged before */
    uint32_t capture; /* replay: index of the capture file; else 0 */
    uint64_t frame; /* replay: number of the frame in it, from 1; else running number */
    struct pkt_message_pool *pool;
    struct pkt_message *next; /* the pool's, like the following */
    bool taken;
    uint8_t octets[PKT_MESSAGE_OCTETS];
};

struct pkt_message_pool *pkt_message_pool_new(size_t n);
void pkt_message_pool_free(struct pkt_message_pool *p);
struct pkt_message *pkt_message_take(
    struct pkt_message_pool *p); /* the pool's worker; NULL when used up */
void pkt_message_release(struct pkt_message *m); /* any thread */

#endif
