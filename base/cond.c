#include "base/cond.h"

#include "base/assert.h"

#include <time.h>

void ws_cond_init(pthread_cond_t *c) {
    pthread_condattr_t attr;
    int rc = pthread_condattr_init(&attr);
    rc = rc == 0 ? pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) : rc;
    rc = rc == 0 ? pthread_cond_init(c, &attr) : rc;
    WS_ASSERT(rc == 0);
    (void)pthread_condattr_destroy(&attr);
}
