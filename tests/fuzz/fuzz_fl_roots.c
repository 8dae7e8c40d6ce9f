/* Octets as a root set: what is read is written the same way. */
#include "base/assert.h"
#include "fedlearn/round/roots.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fl_roots r;
    if (fl_roots_decode((struct span){data, size}, &r, NULL) != 0)
        return 0;
    struct fl_shape shape = {r.inputs, 0, r.classes};
    struct buf b = {0};
    fl_roots_encode(&shape, &r.rows, &b);
    WS_ASSERT(span_equal(buf_span(&b), (struct span){data, size}));
    buf_free(&b);
    fl_roots_free(&r);
    return 0;
}
