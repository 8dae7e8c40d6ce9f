/* Certificate requests on their way from the packet workers to the transmitter (TS 103 097, 7.1.1): which certificates
 * messages wait for, or whose issuer is unknown, and which of ours others asked for; and certificates that others gave. A small bounded box behind a lock: what finds no room is
 * dropped and counted, since whoever needs a certificate asks again. Any number of workers put, one owner takes. */
#ifndef WAYSIDE_RSU_RADIO_REQUESTS_H
#define WAYSIDE_RSU_RADIO_REQUESTS_H

#include "pktio/pipeline.h"
#include "pktio/transmit.h"

struct requests;

struct requests *requests_new(void);
void requests_free(struct requests *r); /* NULL is fine */
/* For the pipelines of workers; r is borrowed as long as they run. */
struct pipeline_hooks requests_hooks(struct requests *r);
/* Certificates of authorities that verified messages carried, for whoever may believe them. */
#define REQUESTS_OFFERS 4
#define REQUESTS_OFFER_OCTETS 1024
/* The next one, appended to ret_cert; false: none. Any thread. */
bool requests_offer(struct requests *r, struct buf *ret_cert);
/* Owner: hands everything that came in to the transmitter. */
void requests_take(struct requests *r, struct transmit *t, uint64_t its_us);
uint64_t requests_dropped(struct requests *r); /* any thread */

#endif
