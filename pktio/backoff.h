/* When to try again what failed: after 100 ms, then twice as long each time up to 10 s, each time a quarter more or less, so
 * that many who lost the same thing do not all come back at once. One thread per object. */
#ifndef WAYSIDE_PKTIO_BACKOFF_H
#define WAYSIDE_PKTIO_BACKOFF_H

#include "base/random.h"

struct backoff {
    unsigned tries;
    struct ws_random random;
};

#define BACKOFF_FIRST_US 100000U
#define BACKOFF_LAST_US 10000000U

/* How long to wait from now. Counts the try. */
uint64_t backoff_next_us(struct backoff *b);
void backoff_reset(struct backoff *b);

#endif
