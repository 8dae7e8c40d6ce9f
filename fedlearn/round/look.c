#include "fedlearn/round/look.h"

#include "base/mem.h"
#include "fedlearn/round/records.h"
#include "fedlearn/vehicle/bundle_complaint.h"
#include "fedlearn/vehicle/mask.h"

#include <stdlib.h>

static struct span own_bundle(
    const struct fl_look *l, const struct fl_submission *s, const struct fl_material *have) {
    return span_of(
        have->bundles.p + fl_bundle_offset(&s->plan, l->v), fl_bundle_octets(&s->plan, l->v));
}

static void complain(
    struct fl_look *l, const struct fl_submission *s, const struct fl_material *have) {
    struct fl_complaint c;
    uint8_t octets[FL_COMPLAINT_OCTETS];
    fl_complaint_make(&l->sealed_for, s, l->v, l->reader, &c);
    fl_complaint_put(&c, octets);
    const struct fl_complaint_record rec = {.round = l->round,
        .submission = l->submission,
        .complaint = span_of(octets, sizeof(octets)),
        .cover = have->cover,
        .bundle = own_bundle(l, s, have)};
    fl_complaint_record_encode(&rec, &l->complaint);
}

void fl_look_run(struct fl_look *l, const struct fl_material *have) {
    struct fl_submission *s = ws_alloc(sizeof(*s));
    l->result = FL_LOOK_OTHER;
    if (fl_material_check(&l->sealed_for, l->token, l->id, have, s) == FL_MATERIAL_GOOD) {
        if (fl_wire_check(l->profile, l->params, have->wire, NULL) != WS_OK) {
            l->result = FL_LOOK_BAD;
        } else if (fl_bundle_open(&l->sealed_for, s, l->v, own_bundle(l, s, have), l->reader,
                       l->share) == FL_BUNDLE_GOOD) {
            l->result = FL_LOOK_GOOD;
        } else {
            l->result = FL_LOOK_COMPLAINT;
            complain(l, s, have);
        }
    }
    free(s);
}

void fl_look_free(struct fl_look *l) {
    if (l == NULL)
        return;
    fl_reader_free(l->reader);
    sodium_memzero(l->share, sizeof(l->share));
    buf_free(&l->complaint);
    free(l);
}
