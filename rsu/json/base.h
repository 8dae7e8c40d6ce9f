/* Pieces of JSON bodies that rsud and rsuctl print alike. Integers stay integers; what has a fraction is given
 * in thousandths and printed without noise. Each function returns a new reference. Any thread. */
#ifndef WAYSIDE_RSU_JSON_BASE_H
#define WAYSIDE_RSU_JSON_BASE_H

#include "base/bytes.h"

#include <jansson.h>

json_t *json_hex(const uint8_t *p, size_t n); /* lower case */
json_t *json_count(
    uint64_t v); /* JSON readers know no more than 2^63 - 1: larger ones stay there */
json_t *json_instant(uint64_t its_us); /* "2026-11-21T09:30:00.123Z" */
/* Any octets as a string: what is not UTF-8 becomes '?'. */
json_t *json_words(struct span s);
/* thousandths / 1000 as a number; |thousandths| below 10^12. */
json_t *json_milli(int64_t thousandths);
/* Degrees from 1e-7 degree. */
json_t *json_degrees(int32_t e7);
/* Bits of evidence from 1/65536 bit, rounded to a thousandth. */
json_t *json_bits(int64_t q16);

/* Takes over `value`; a NULL value stops the process (out of memory). */
void json_put(json_t *object, const char *key, json_t *value);
void json_add(json_t *array, json_t *value);

/* Appends the text and a newline; takes over `value`. */
enum json_shape { JSON_LINE, JSON_PAGE };
void json_print(json_t *value, enum json_shape shape, struct buf *b);

#endif
