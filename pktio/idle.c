#include "pktio/idle.h"

struct idle_rest idle_next(const struct idle_look *l) {
    if (l->busy)
        return (struct idle_rest){.step = IDLE_GO};
    if (l->told)
        return (struct idle_rest){IDLE_WAIT, l->unsent ? IDLE_UNSENT_US : IDLE_WAIT_US};
    if (l->quiet_us < IDLE_QUIET_US)
        return (struct idle_rest){IDLE_NAP, 100};
    return (struct idle_rest){IDLE_NAP, l->quiet_us < IDLE_ASLEEP_US ? 500 : 900};
}
