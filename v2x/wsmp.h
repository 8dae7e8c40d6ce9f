/* WAVE Short Message Protocol, version 3 (IEEE 1609.3): network and transport header around one
 * message. Spans point into the given octets. Any thread; the reader allocates nothing. */
#ifndef WAYSIDE_V2X_WSMP_H
#define WAYSIDE_V2X_WSMP_H

#include "base/bytes.h"

enum wsmp_fail {
    WSMP_OK = 0,
    WSMP_TRUNCATED, /* a field, or the length of the message, runs past the octets */
    WSMP_VERSION, /* not version 3 */
    WSMP_HEADER, /* networking subtype, transport or number form that is not read */
};

struct wsmp {
    uint64_t psid;
    struct span message; /* of the length the header names; may be empty */
};

/* Largest PSID the four-octet form holds, and longest message the two-octet length holds. */
#define WSMP_PSID_MAX 0x1020407fU
#define WSMP_MESSAGE_MAX 16383U

/* Octets behind the message are ignored (padding of the carrier). *ret_wsmp is set only on WSMP_OK. */
WARN_UNUSED enum wsmp_fail wsmp_read(struct span from_n_header, struct wsmp *ret_wsmp);

/* Appends headers without options and the message; psid and length within the bounds above. */
void wsmp_put(struct buf *b, uint64_t psid, struct span message);

#endif
