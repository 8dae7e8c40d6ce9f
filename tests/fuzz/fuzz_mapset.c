/* What decodes must encode to the same octets: the form is canonical. */
#include "base/assert.h"
#include "mapsvc/mapset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct mapset m;
    if (mapset_decode(span_of(data, size), &m, NULL) == WS_OK) {
        struct buf b = {0};
        mapset_encode(&m, &b);
        WS_ASSERT(span_equal(buf_span(&b), span_of(data, size)));
        buf_free(&b);
        mapset_free(&m);
    }
    struct element e;
    if (element_decode(span_of(data, size), &e, NULL) == WS_OK)
        element_free(&e);
    return 0;
}
