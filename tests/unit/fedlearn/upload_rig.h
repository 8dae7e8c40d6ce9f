/* A vehicle's material for uploads, and a unit that can sign: made up, but with lengths and hashes that fit. One thread. */
#ifndef WAYSIDE_TESTS_UNIT_FEDLEARN_UPLOAD_RIG_H
#define WAYSIDE_TESTS_UNIT_FEDLEARN_UPLOAD_RIG_H

#include "fedlearn/vehicle/upload_send.h"
#include "tests/support/cm.h"

enum { UPLOAD_UNITS = 4, UPLOAD_CELL = 0xc3 };

struct upload_unit {
    uint8_t seed[32], signer[32], secret[64]; /* Ed25519 */
};
/* A round of UPLOAD_UNITS members, whose addresses are those of the units. */
struct upload_world {
    struct ws_random random;
    struct fl_round round;
    struct upload_unit unit[UPLOAD_UNITS];
    struct fl_reader *reader[UPLOAD_UNITS];
};
void upload_world_open(struct upload_world *w, uint64_t seed);
void upload_world_close(struct upload_world *w);
void upload_sign(const struct upload_unit *u, struct span octets, uint8_t ret[static 64]);

struct upload_vehicle {
    uint8_t token[32];
    struct fl_submission submission;
    uint8_t cover[FL_COVER_OCTETS_MAX];
    uint8_t bundles[FL_BUNDLES_OCTETS_MAX];
    struct buf wire;
    struct fl_upload_pair key;
    struct fl_material material;
};
void upload_vehicle_make(struct upload_world *w, struct upload_vehicle *v, size_t wire_octets);
void upload_vehicle_free(struct upload_vehicle *v);

#endif
