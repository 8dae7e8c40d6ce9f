/* Blocks made up in a store, for an HTTP face to read: headers and commits that nobody signed, and map versions. */
#ifndef WAYSIDE_TESTS_UNIT_RSU_HTTP_HISTORY_H
#define WAYSIDE_TESTS_UNIT_RSU_HTTP_HISTORY_H

#include "tests/unit/rsu/http_rig.h"

void history_put(struct store_batch *b, enum store_space space, struct span key, struct buf *value);
/* Block `height`, with an event that publishes this version record unless it is empty. */
void history_put_block(struct store *s, uint64_t height, struct span record);

#endif
