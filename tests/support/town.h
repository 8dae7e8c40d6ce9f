/* A tiny road with one speed limit sign, authorities, and cars that drive past it and report: what tests of a
 * whole cell feed to it. Seeded; asserts on failure. */
#ifndef WAYSIDE_TESTS_SUPPORT_TOWN_H
#define WAYSIDE_TESTS_SUPPORT_TOWN_H

#include "mapsvc/fuse/observation.h"
#include "mapsvc/model/mapset.h"
#include "rsu/cell/founding.h"
#include "v2x/sign.h"

enum { TOWN_ISSUERS = 3, TOWN_CARS = 32 };

struct town {
    struct mapset map;
    const struct element *sign; /* value 50, read by eastbound traffic */
    struct trust_files trust;
    struct sign_key *root_key, *issuer_key[TOWN_ISSUERS], *car_key[TOWN_CARS];
    struct buf car_cert[TOWN_CARS];
    uint8_t car_hash[TOWN_CARS][32];
    uint64_t epoch; /* Time64 us; certificates are valid from an hour before */
};
void town_build(struct town *t, uint64_t seed);
void town_free(struct town *t);
/* Genesis of a cell over this town; seeds[n] make the validators' keys. One authority has all roles, of which policy and
 * committee are in use. */
void town_genesis(
    const struct town *t, const uint8_t (*seeds)[32], size_t n, struct buf *ret_genesis);
/* The authority's key; the caller frees it. */
struct signer *town_authority(void);
/* Signed message of a car that saw the sign with this value at `time`. */
void town_report(
    const struct town *t, size_t car, uint64_t time, int32_t value, struct buf *ret_spdu);

#endif
