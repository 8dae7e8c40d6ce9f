/* What another program writes about the site: read or refused with a line, never outside what it may say. */
#include "base/assert.h"
#include "rsu/decide/inputs.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct decide_row site = {0};
    struct ws_err err = {0};
    if (decide_read_site(span_of(data, size), &site, &err) != WS_OK) {
        WS_ASSERT(err.text[0] != '\0' && site.known == 0);
        return 0;
    }
    WS_ASSERT((site.known & ~DECIDE_OF_SITE) == 0);
    for (unsigned q = 0; q < DECIDE_QUANTITY_COUNT; q++)
        WS_ASSERT(abs(site.v[q]) <= 1000000000);
    return 0;
}
