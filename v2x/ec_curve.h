/* Parameters of the four curves (FIPS 186-4 D.1.2, RFC 5639 3.4 and 3.6), big-endian, ec_octets(curve) long.
 * Static memory; any thread. */
#ifndef WAYSIDE_V2X_EC_CURVE_H
#define WAYSIDE_V2X_EC_CURVE_H

#include "v2x/cert.h"

const char *ec_curve_name(enum ec_curve curve); /* as OpenSSL calls it */
const uint8_t *ec_curve_order(
    enum ec_curve curve); /* n, prime; below the field prime on all four */
const uint8_t *ec_curve_prime(enum ec_curve curve); /* p */

#endif
