/* Changes to the octets of a file that is otherwise copied as it is. One thread per object. */
#ifndef WAYSIDE_MAPSVC_FORMATS_SPLICE_H
#define WAYSIDE_MAPSVC_FORMATS_SPLICE_H

#include "base/bytes.h"

struct splice {
    size_t at, drop; /* octets of the file that go */
    size_t text, n; /* what comes instead, in splices.text */
    size_t order;
};
struct splices {
    struct splice *v;
    size_t n, cap;
    struct buf text;
};

void splices_free(struct splices *s);
void splice_add(struct splices *s, size_t at, size_t drop, struct span text);
/* The file with all changes. What lies inside octets that go as part of something larger is left out; insertions at
 * one place keep their order. */
void splices_apply(struct splices *s, struct span file, struct buf *b);

/* ---- XML in octets: a start tag, from '<' to behind '>', in an encoding that has ASCII below 128 ---- */

/* Where the value of an attribute lies within the tag, without its quotes. False when there is none. */
bool splice_find_attr(struct span tag, const char *name, size_t *ret_at, size_t *ret_n);
/* Text for an attribute value in either quotes, in ASCII alone. text is UTF-8; what is not becomes '?'. */
void splice_put_value(struct buf *b, const char *text);
/* Begin of the white space before a place. */
size_t splice_space_before(struct span file, size_t at);

#endif
