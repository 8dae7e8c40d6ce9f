/* Lines, fields and numbers of text tables. Internal to features. Any thread. */
#ifndef WAYSIDE_FEDLEARN_VEHICLE_FEATURES_TEXT_H
#define WAYSIDE_FEDLEARN_VEHICLE_FEATURES_TEXT_H

#include "base/span.h"

/* The line from *at on without its LF; *at moves behind it. */
static inline struct span fl_line(struct span text, size_t *at) {
    const uint8_t *p = text.p + *at;
    size_t left = text.n - *at;
    const uint8_t *end = (const uint8_t *)memchr(p, '\n', left);
    size_t n = end != NULL ? (size_t)(end - p) : left;
    *at += end != NULL ? n + 1 : n;
    return (struct span){p, n};
}

/* A decimal number (point, optional exponent), or a time of day in hours; blanks around it do not count. False for
 * anything else, for values that are not finite, and for more than 40 octets. Independent of the locale. */
bool fl_number(struct span text, double *ret);

#endif
