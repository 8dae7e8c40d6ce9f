/* Tiles with their path: what decodes leads to its root, and in order. */
#include "base/assert.h"
#include "rsu/proofs/tile_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct cell_frame frame = frame_at(487597690, 114231700);
    struct tile_file f;
    if (tile_file_decode(span_of(data, size), &f, NULL) != WS_OK)
        return 0;
    WS_ASSERT(f.n > 0 && f.version > 0);
    for (size_t i = 1; i < f.n; i++)
        WS_ASSERT(memcmp(f.elements[i - 1].id, f.elements[i].id, 16) < 0);
    int placed = tile_file_places(&f, &frame, NULL);
    WS_ASSERT(placed == WS_OK || placed == WS_EINPUT);
    tile_file_free(&f);
    return 0;
}
