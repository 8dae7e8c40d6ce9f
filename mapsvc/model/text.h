/* Text from map files: kept as UTF-8 that every output format can carry. Clean text is valid UTF-8
 * without control characters and without the non-characters XML 1.0 forbids. Pure; any thread. */
#ifndef WAYSIDE_MAPSVC_MODEL_TEXT_H
#define WAYSIDE_MAPSVC_MODEL_TEXT_H

#include "base/bytes.h"

bool text_is_clean(struct span s);
/* A new clean string of at most max octets, cut between characters; what is not allowed becomes a space
 * (a control character) or '?' (an octet that is no UTF-8). The caller frees it. */
char *text_clean(const char *s, size_t max);

/* Appends text escaped for a JSON string (without quotes) or for XML character data and attributes. */
void text_put_json(struct buf *b, const char *s);
void text_put_xml(struct buf *b, const char *s);

/* A decimal number as map files write them, read without libc's locale and without libm: optional
 * sign, digits, fraction, exponent. Correct to the last bit for up to 15 digits and |exponent| <= 22,
 * within 2 units of the last place otherwise, the same on every machine. False on anything else,
 * including nan, inf, an empty string and magnitudes of 1e30 and more. */
bool text_to_double(const char *s, double *ret_v);
/* A decimal as an integer number of 10^-places, rounded half away from zero in decimal arithmetic (degrees
 * as 1e-10 degree, metres as millimetres). False also when |v| exceeds max (at most 9e18). */
bool text_to_fixed(const char *s, int places, int64_t max, int64_t *ret_v);
/* A decimal integer with optional sign; false outside the range or with anything else around it. */
bool text_to_i64(const char *s, int64_t *ret_v);

#endif
