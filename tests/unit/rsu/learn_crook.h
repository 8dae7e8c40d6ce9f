/* A car that cheats in a world that learns (learn_world.h): what it makes for the round that is on. Asserts on failure; one thread. */
#ifndef WAYSIDE_TESTS_UNIT_RSU_LEARN_CROOK_H
#define WAYSIDE_TESTS_UNIT_RSU_LEARN_CROOK_H

#include "tests/unit/fedlearn/crooked.h"
#include "tests/unit/rsu/learn_world.h"

struct crook {
    const int32_t *symbols; /* NULL: what it has learned */
    const uint8_t *key_seed; /* 16 octets; NULL: drawn */
    int8_t
        longer; /* added to each value of the key that is shared; the ciphertext is under the other one */
    void (*spoil_wire)(void *ctx, const struct fl_open *open, uint8_t *wire); /* may be NULL */
    void *ctx;
    enum spoil spoil; /* of the bundle of `victim`, 1..n; 0: nobody's */
    unsigned victim;
};
struct crook_made {
    uint8_t id[32];
    uint8_t cover[FL_COVER_OCTETS_MAX], bundles[FL_BUNDLES_OCTETS_MAX];
    struct buf wire;
    struct fl_material material; /* of these */
    int32_t *symbols; /* that went in */
};
struct crook_made *crook_make(struct world *x, size_t car, const struct crook *how);
void crook_free(struct crook_made *m);
/* Makes it, stores it with all and says it; the id is in x->ids. */
void crook_drive(struct world *x, size_t car, const struct crook *how);

#endif
