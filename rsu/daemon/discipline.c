#include "rsu/daemon/discipline.h"

#include <sys/timex.h>

bool discipline_read(struct discipline *ret) {
    struct timex t = {.modes = 0};
    int state = adjtimex(&t);
    if (state < 0)
        return false;
    ret->synchronised = state != TIME_ERROR && (t.status & STA_UNSYNC) == 0;
    ret->max_error_us = t.maxerror < 0 ? 0 : (uint64_t)t.maxerror;
    return true;
}

bool discipline_good(const struct discipline *d, uint64_t max_error_us) {
    return d->synchronised && d->max_error_us <= max_error_us;
}
