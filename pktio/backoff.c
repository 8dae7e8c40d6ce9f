#include "pktio/backoff.h"

uint64_t backoff_next_us(struct backoff *b) {
    uint64_t us = BACKOFF_FIRST_US;
    for (unsigned i = 0; i < b->tries && us < BACKOFF_LAST_US; i++)
        us *= 2;
    us = us < BACKOFF_LAST_US ? us : BACKOFF_LAST_US;
    b->tries += us < BACKOFF_LAST_US ? 1 : 0;
    return us - us / 4 + ws_random_below(&b->random, us / 2 + 1);
}

void backoff_reset(struct backoff *b) {
    b->tries = 0;
}
