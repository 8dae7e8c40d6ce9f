/* Whole maps with their version: what decodes must encode to the same octets. */
#include "base/assert.h"
#include "mapsvc/fuse/range.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct map_snapshot s;
    if (map_snapshot_decode(span_of(data, size), &s, NULL) != WS_OK)
        return 0;
    struct buf b = {0};
    map_snapshot_encode(&s, &b);
    WS_ASSERT(span_equal(buf_span(&b), span_of(data, size)));
    buf_free(&b);
    mapset_free(&s.map);
    return 0;
}
