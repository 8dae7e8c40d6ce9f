/* Nets of versions: what decodes must encode to the same octets. */
#include "base/assert.h"
#include "mapsvc/fuse/range.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct map_range r;
    if (map_range_decode(span_of(data, size), &r, NULL) != WS_OK)
        return 0;
    struct buf b = {0};
    char words[1024];
    map_range_encode(&r, &b);
    WS_ASSERT(span_equal(buf_span(&b), span_of(data, size)));
    for (size_t i = 0; i < r.n; i++)
        range_change_describe(&r.changes[i], words, sizeof(words));
    buf_free(&b);
    map_range_free(&r);
    return 0;
}
