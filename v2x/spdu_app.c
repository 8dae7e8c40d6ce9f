/* Apart from spdu.c, because only this needs GeoNetworking. */
#include "v2x/gn.h"
#include "v2x/spdu.h"

struct span spdu_app_payload(const struct spdu *m, uint16_t *ret_port) {
    *ret_port = 0;
    /* The first octet of a common header is the next header in the high nibble (1 BTP-A, 2 BTP-B, 3 IPv6)
     * over a reserved zero. US payloads begin with 00, our own records with 01. */
    if (m->payload.n == 0 || (m->payload.p[0] != 0x10 && m->payload.p[0] != 0x20))
        return m->payload;
    struct gn_pdu pdu;
    if (gn_read(m->payload, &pdu) != GN_OK)
        return m->payload;
    *ret_port = pdu.btp_port;
    return pdu.payload;
}
