/* Text that stands for octets: never longer than what it was made of, and octets stay what they are. */
#include "base/assert.h"
#include "base/mem.h"
#include "rsu/trust/cert_text.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct buf b = {0};
    struct ws_err err = {0};
    bool text = false;
    buf_put(&b, data, size);
    int rc = cert_text_decode(&b, &text, &err);
    WS_ASSERT(rc == WS_OK || (rc == WS_EINPUT && text && err.text[0] != '\0'));
    WS_ASSERT(b.n <= size);
    WS_ASSERT(text || span_equal(buf_span(&b), span_of(data, size)));
    buf_free(&b);
    return 0;
}
