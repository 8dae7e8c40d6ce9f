/* Octets as a model: what is read is written the same way, and can be exported. */
#include "base/assert.h"
#include "fedlearn/vehicle/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fl_model m;
    if (fl_model_decode((struct span){data, size}, &m, NULL) != 0)
        return 0;
    struct buf b = {0};
    fl_model_encode(&m, &b);
    WS_ASSERT(span_equal(buf_span(&b), (struct span){data, size}));
    buf_clear(&b);
    fl_model_safetensors(&m, 1, &b);
    fl_model_onnx(&m, 0, &b);
    buf_free(&b);
    fl_model_free(&m);
    return 0;
}
