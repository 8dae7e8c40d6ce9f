/* Proven certificates on their way from the threads that proved them to one sibling: bounded, copied in by any number of
 * threads and taken out by one other. Memory is allocated at the start; nothing waits longer than a copy takes. What finds
 * no room is proven again by whoever needs it. */
#ifndef WAYSIDE_PKTIO_LESSONS_H
#define WAYSIDE_PKTIO_LESSONS_H

#include "pktio/pipeline.h"

struct lessons;

struct lessons *lessons_new(size_t slots); /* a power of two (asserted) */
void lessons_free(struct lessons *q); /* NULL is fine */
/* Any thread. Takes a reference of the key. False: no room, or the certificate is too long to be remembered. */
WARN_UNUSED bool lessons_put(struct lessons *q, const struct pipeline_proven *c);
/* Consumer: the oldest one, valid until lessons_drop; false: there is none. */
bool lessons_first(struct lessons *q, struct pipeline_proven *ret);
void lessons_drop(struct lessons *q);

#endif
