/* Linkage values of IEEE 1609.2 (5.1.3.4): what makes certificates of one device in one period recognisable to
 * whoever knows its seeds. A seed goes one period on with SHA-256 and cannot go back. Any thread; an
 * object belongs to one. */
#ifndef WAYSIDE_V2X_LINKAGE_H
#define WAYSIDE_V2X_LINKAGE_H

#include "base/span.h"

#define LINKAGE_SEED_OCTETS 16
#define LINKAGE_OCTETS 9

/* Seed of the next period: first octets of SHA-256(la_id || seed || zeros). */
struct linkage;
struct linkage *linkage_new(void); /* contexts of the cryptographic library, kept between calls */
void linkage_free(struct linkage *l);
void linkage_evolve(struct linkage *l, uint16_t la_id, uint8_t seed[static LINKAGE_SEED_OCTETS]);

/* Linkage values for j, j + 1, ... j + n - 1, n * LINKAGE_OCTETS octets. A device or group with a single seed has
 * seed2 NULL. n at most LINKAGE_RUN. */
#define LINKAGE_RUN 256
struct linkage_seeds {
    uint16_t la1, la2;
    const uint8_t *seed1;
    const uint8_t *seed2;
};
void linkage_values(
    struct linkage *l, const struct linkage_seeds *s, uint32_t j, size_t n, uint8_t *ret_values);

#endif
