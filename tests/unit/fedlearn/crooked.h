/* A vehicle that cheats where it can: a bundle that it spoils and commits to, and a ciphertext with more in it than encryption puts there.
 * Asserts on misuse; one thread. */
#ifndef WAYSIDE_TESTS_UNIT_FEDLEARN_CROOKED_H
#define WAYSIDE_TESTS_UNIT_FEDLEARN_CROOKED_H

#include "base/bytes.h"
#include "fedlearn/vehicle/bundle.h"
#include "fedlearn/vehicle/profile.h"

enum spoil {
    SPOIL_SEAL, /* does not decrypt */
    SPOIL_LENGTH, /* an octet more */
    SPOIL_VALUE, /* a value out of the field (committees of ten and more: shares as they are) */
    SPOIL_SHARE, /* a share that is not on the polynomials of the others */
    SPOIL_NOTHING,
};

/* Everything right but validator v's bundle, committed to as it is, with all the proofs that the vehicle can make. ret_bundles: room
 * for all of them where they belong (FL_BUNDLES_OCTETS_MAX); the spoilt one is there too unless its length is wrong. It is returned;
 * free it. Who accepts the cover finds it GOOD. */
struct buf crooked_seal(const struct fl_parcel *parcel, struct ws_random *random, unsigned v,
    enum spoil how, struct fl_submission *ret_submission, uint8_t *ret_bundles);

/* Adds k * delta / of to coefficient i of a ciphertext (of: a power of two): with 1 it is part of the message, with more it is error. */
void crooked_add(const struct fl_profile *p, uint8_t *wire, size_t i, int64_t k, unsigned of);

#endif
