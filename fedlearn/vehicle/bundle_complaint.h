/* A validator shows everybody that a vehicle gave it a bad bundle: it reveals the point that it shares with the vehicle for
 * this one submission, and proves that it is that point. Everybody opens the bundle with it and sees.
 *
 * What can be shown: a bundle of the wrong length, one that does not decrypt, one with a value out of the field, one whose share is off
 * the polynomial. What cannot: that a bundle never came, that it came changed (the vehicle did not sign those octets), that
 * the key is not short. The last shows in the sum of a group only, where it is nobody's in particular.
 *
 * A complaint about a good bundle reveals the complaining validator's own share, which it could have given away anyhow; it counts
 * for nothing and is evidence against the validator. Any thread; allocates nothing. */
#ifndef WAYSIDE_FEDLEARN_VEHICLE_BUNDLE_COMPLAINT_H
#define WAYSIDE_FEDLEARN_VEHICLE_BUNDLE_COMPLAINT_H

#include "fedlearn/vehicle/bundle.h"

struct fl_complaint {
    uint8_t submission[32]; /* id */
    uint8_t validator; /* 1..n */
    struct fl_point shared;
    struct fl_proof proof;
};
#define FL_COMPLAINT_OCTETS (1 + 32 + 1 + FL_POINT_OCTETS + FL_PROOF_OCTETS)
void fl_complaint_put(const struct fl_complaint *c, uint8_t ret_octets[static FL_COMPLAINT_OCTETS]);
WARN_UNUSED int fl_complaint_read(
    struct span octets, struct fl_complaint *ret_complaint, struct ws_err *err);

/* After fl_bundle_open said that the vehicle is to blame. */
void fl_complaint_make(const struct fl_round *round, const struct fl_submission *s, unsigned v,
    const struct fl_reader *reader, struct fl_complaint *ret_complaint);

enum fl_complaint_verdict {
    FL_COMPLAINT_UPHELD, /* the vehicle is out, and to blame */
    FL_COMPLAINT_FALSE, /* the bundle is good: the validator is to blame */
    FL_COMPLAINT_UNPROVEN, /* not the shared point: counts for nothing, and the signed record is the validator's */
    FL_COMPLAINT_OTHER_SUBMISSION, /* about another one than this */
    FL_COMPLAINT_NO_VALIDATOR, /* no such number in the round */
    FL_COMPLAINT_OTHER_BUNDLE, /* the octets at hand are not those committed to: nothing can be said */
};
const char *fl_complaint_verdict_name(enum fl_complaint_verdict v);
/* s: accepted as GOOD. ret_reason, when not NULL, gets what was found in the bundle (UPHELD, FALSE, OTHER_BUNDLE). */
WARN_UNUSED enum fl_complaint_verdict fl_complaint_judge(const struct fl_round *round,
    const struct fl_submission *s, const struct fl_complaint *complaint, struct span bundle,
    enum fl_bundle_verdict *ret_reason);

#endif
