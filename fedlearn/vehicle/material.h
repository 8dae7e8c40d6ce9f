/* What a vehicle sends for a round, whole: the cover, every member's sealed bundle, the ciphertext (docs/formats/learning.md,
 * Bundles and Upload). Whoever takes it checks it against the id that the vehicle signed, so it does not matter which way it came.
 * Pure; allocates nothing; any thread. */
#ifndef WAYSIDE_FEDLEARN_VEHICLE_MATERIAL_H
#define WAYSIDE_FEDLEARN_VEHICLE_MATERIAL_H

#include "fedlearn/vehicle/bundle.h"

struct fl_material {
    struct span cover, bundles /* all members', in order */, wire /* the ciphertext */;
};

/* Octets of all bundles for a committee of n (asserted: FL_VALIDATORS_MIN..FL_VALIDATORS_MAX). */
size_t fl_bundles_octets(unsigned n);

/* The bundles and the ciphertext are those that the cover commits to. cell: of the round. */
WARN_UNUSED bool fl_material_fits(const uint8_t cell[static 32], const struct fl_cover *cover,
    struct span bundles, struct span wire);
/* The same of the ciphertext alone, once the bundles have been erased. */
WARN_UNUSED bool fl_material_wire_fits(const struct fl_cover *cover, struct span wire);

#define FL_MATERIAL_VERDICTS(X)                                                                    \
    X(FL_MATERIAL_GOOD, "good")                                                                    \
    X(FL_MATERIAL_UNREADABLE, "unreadable_cover")                                                  \
    X(FL_MATERIAL_NOT_ACCEPTED, "cover_of_another_round_or_sender")                                \
    X(FL_MATERIAL_OTHER_ID, "not_what_was_signed")                                                 \
    X(FL_MATERIAL_NOT_WHOLE, "not_what_the_cover_says")
enum fl_material_verdict {
#define X(id, text) id,
    FL_MATERIAL_VERDICTS(X)
#undef X
        FL_MATERIAL_VERDICT_COUNT
};
const char *fl_material_verdict_name(enum fl_material_verdict v);

/* Every octet is what the sender (the token of its signed message) committed to by this id. ret_submission is complete when GOOD.
 * That the ciphertext and a bundle are any good shows later (fl_wire_check, fl_bundle_open). */
WARN_UNUSED enum fl_material_verdict fl_material_check(const struct fl_round *round,
    const uint8_t sender[static 32], const uint8_t id[static 32], const struct fl_material *m,
    struct fl_submission *ret_submission);

#endif
