/* Values as people write them, in the configuration and on rsuctl's command line. Whole text or nothing: no
 * blanks around, no sign, no rest. Pure; any thread. */
#ifndef WAYSIDE_RSU_CONFIG_VALUE_H
#define WAYSIDE_RSU_CONFIG_VALUE_H

#include <stdbool.h>
#include <stdint.h>

/* Decimal digits; false if outside lo..hi. *ret is written only on success, as below. */
bool value_u64(const char *text, uint64_t lo, uint64_t hi, uint64_t *ret);
/* 0.001 to 1000 with up to six places, in millionths. */
bool value_ppm(const char *text, uint64_t *ret_ppm);
/* "2026-11-21T09:30:00Z" with up to six places of the second (2017 on, so that the leap seconds are
 * known; no leap second itself), or ITS microseconds as decimal digits. */
bool value_time(const char *text, uint64_t *ret_its_us);
/* "48.1234567,-11.5": degrees with up to seven places, in 1e-7 degree. */
bool value_place(const char *text, int32_t *ret_lat, int32_t *ret_lon);
/* "tcp://HOST:PORT"; bind also takes "*" as host. */
bool value_endpoint(const char *text, bool bind);
/* "ADDRESS:PORT", IPv6 addresses in brackets. */
bool value_listen(const char *text);
/* A name the kernel takes for an interface. */
bool value_interface(const char *text);

#endif
