/* What a vehicle signs to take part in a round: the payload of its signed message (docs/formats/learning.md, Rounds), 78 octets in one
 * form. The ledger carries it; everything else goes the way of upload.h. Decoding looks at form alone. Pure; allocates nothing but
 * what the caller's buffer needs; any thread. */
#ifndef WAYSIDE_FEDLEARN_VEHICLE_SUBMIT_H
#define WAYSIDE_FEDLEARN_VEHICLE_SUBMIT_H

#include "base/bytes.h"

#define FL_PSID 0x1e /* decision 5: of the signed message */
#define FL_SUBMIT_OCTETS 78U

struct fl_submit {
    uint64_t round;
    uint8_t profile; /* enum fl_profile_octet */
    uint32_t params; /* 1..FL_MAX_PARAMS */
    uint8_t id[32]; /* fl_submission: stands for all that is sent */
    /* X25519, drawn for this submission: what is uploaded comes under it (upload.h). */
    uint8_t upload_key[32];
};
void fl_submit_put(const struct fl_submit *s, uint8_t ret_octets[static FL_SUBMIT_OCTETS]);
void fl_submit_encode(const struct fl_submit *s, struct buf *b);
WARN_UNUSED bool fl_submit_decode(struct span octets, struct fl_submit *ret);

#endif
