/* Is the machine's clock kept by something? The kernel knows what PTP or NTP daemons tell it (adjtimex(2)): synchronised
 * or not, and an upper bound of the error, which grows by 500 ppm from the last correction. A unit that has lost GNSS
 * and its network gets there by itself. Any thread. */
#ifndef WAYSIDE_RSU_DAEMON_DISCIPLINE_H
#define WAYSIDE_RSU_DAEMON_DISCIPLINE_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stdint.h>

struct discipline {
    bool synchronised;
    uint64_t max_error_us;
};
/* False: the kernel does not answer. */
bool discipline_read(struct discipline *ret);
/* Good for a cell that demands at most this error. */
bool discipline_good(const struct discipline *d, uint64_t max_error_us);

#endif
