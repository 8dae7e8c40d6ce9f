#include "fedlearn/vehicle/submit.h"

#include "fedlearn/vehicle/open.h"
#include "fedlearn/vehicle/profile.h"

void fl_submit_put(const struct fl_submit *s, uint8_t ret_octets[static FL_SUBMIT_OCTETS]) {
    ret_octets[0] = FL_RECORDS_VERSION;
    put_be64(ret_octets + 1, s->round);
    ret_octets[9] = s->profile;
    put_be32(ret_octets + 10, s->params);
    memcpy(ret_octets + 14, s->id, sizeof(s->id));
    memcpy(ret_octets + 46, s->upload_key, sizeof(s->upload_key));
}

void fl_submit_encode(const struct fl_submit *s, struct buf *b) {
    fl_submit_put(s, buf_grow(b, FL_SUBMIT_OCTETS));
}

bool fl_submit_decode(struct span octets, struct fl_submit *ret) {
    struct rd r = rd_of(octets);
    const struct fl_profile *p = NULL;
    r.bad = rd_u8(&r) != FL_RECORDS_VERSION || r.bad;
    ret->round = rd_u64(&r);
    ret->profile = rd_u8(&r);
    ret->params = rd_u32(&r);
    rd_copy(&r, ret->id, sizeof(ret->id));
    rd_copy(&r, ret->upload_key, sizeof(ret->upload_key));
    return rd_done(&r) && fl_profile_by_octet(ret->profile, &p, NULL) == WS_OK &&
           ret->params >= 1 && ret->params <= FL_MAX_PARAMS;
}
