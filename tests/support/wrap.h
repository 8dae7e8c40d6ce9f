/* Every way a secured message is carried, written down by hand from the formats, for tests: link layers times network
 * layers. Shares nothing with the readers and writers in v2x/. */
#ifndef WAYSIDE_TESTS_SUPPORT_WRAP_H
#define WAYSIDE_TESTS_SUPPORT_WRAP_H

#include "base/bytes.h"

#include <stddef.h>

struct wrapped {
    struct buf frame;
    uint32_t link; /* as capture files number it */
    size_t message_at; /* of the 1609.2 data in the frame */
    char name[64];
};

size_t wrap_links(void);
size_t wrap_networks(void);
bool wrap_goes(size_t link, size_t network); /* do the two go together? */
/* False: they do not. The frame is the caller's to free. source: last octet of the sender's MAC. */
WARN_UNUSED bool wrap(size_t link, size_t network, struct span message, uint64_t psid,
    uint16_t source, struct wrapped *ret);

#endif
