/* A small public-key infrastructure and the stations under it, for tests, fuzz targets and benchmarks: the same
 * seed gives the same octets. Stops the process when something in it fails. */
#ifndef WAYSIDE_TESTS_SUPPORT_PKI_H
#define WAYSIDE_TESTS_SUPPORT_PKI_H

#include "base/bytes.h"
#include "v2x/sign.h"
#include "v2x/trust.h"

/* Tickets are valid from here for a week; an instant in 2026. */
#define PKI_FROM_S 700000000U
#define PKI_NOW_US ((uint64_t)(PKI_FROM_S + 3600) * 1000000U)

struct pki {
    struct ws_random rnd;
    struct sign_key *root_key, *ca_key;
    struct buf root, ca;
    struct trust_store *trust; /* root and CA */
};

struct station {
    struct sign_key *key;
    struct buf cert;
    uint8_t mac[6];
};

void pki_init(struct pki *k, uint64_t seed);
void pki_free(struct pki *k);
/* A ticket for psids[n]; from_s and hours: its validity. */
void pki_station(struct pki *k, struct station *s, const uint64_t *psids, size_t n, uint32_t from_s,
    uint16_t hours);
/* The usual one: CAM, DENM, BSM and our own records, for a week from PKI_FROM_S. */
void pki_vehicle(struct pki *k, struct station *s);
void station_free(struct station *s);
/* Appends a GeoNetworking frame with a signed message; DENM get a location. */
void station_frame(struct buf *b, const struct station *s, uint64_t psid, uint64_t generation_time,
    struct span payload, bool with_certificate);

#endif
