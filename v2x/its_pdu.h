/* Inside the facility reader and writer only: what CAM and DENM share. See v2x/facility.h. */
#ifndef WAYSIDE_V2X_ITS_PDU_H
#define WAYSIDE_V2X_ITS_PDU_H

#include "v2x/facility.h"
#include "v2x/uper.h"

#define ITS_MESSAGE_DENM 1
#define ITS_MESSAGE_CAM 2
#define ITS_VERSION_1 1 /* EN 302 637-2 v1.3.2, -3 v1.2.2: data dictionary TS 102 894-2 v1.2.1 */
#define ITS_VERSION_2 2 /* EN 302 637-2 v1.4.1, -3 v1.3.1 and release 2: dictionary v1.3.1 on */

/* The rest of the PDU behind its header; failures stay in r. */
void cam_read(struct uper *r, struct its_pdu *pdu);
void denm_read(struct uper *r, struct its_pdu *pdu);

/* ReferencePosition of TS 102 894-2, the same in both dictionaries. */
void its_read_position(struct uper *r, struct station_state *s);
/* PathHistory; s NULL: passed over. */
void its_read_path(struct uper *r, struct station_state *s);
/* CauseCode, CauseCodeV2: the same bits. */
void its_read_cause(
    struct uper *r, uint8_t protocol_version, uint8_t *ret_cause, uint8_t *ret_sub_cause);
/* DeltaReferencePosition and an optional PathDeltaTime, whose presence bit comes first. */
struct station_path_point its_read_path_point(struct uper *r);
/* Confidence and altitude "unavailable". */
void its_put_position(struct uper_out *w, int32_t lat, int32_t lon);
/* ItsPduHeader, version 2. */
void its_put_header(struct uper_out *w, uint8_t message_id, uint32_t station_id);

#endif
