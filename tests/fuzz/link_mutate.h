/* Changes a link message by its schema (ledger/net/link.proto), whatever is in it: numbers to their neighbours and to the ends
 * of their range, octets by bits, lengths and copies, repeated fields by entries, the message by its kind. */
#ifndef WAYSIDE_TESTS_FUZZ_LINK_MUTATE_H
#define WAYSIDE_TESTS_FUZZ_LINK_MUTATE_H

#include "base/bytes.h"
#include "base/random.h"

/* What does not parse becomes an empty message of some kind first. Appends the result to ret. */
void link_mutate(struct ws_random *r, struct span msg, struct buf *ret);

#endif
