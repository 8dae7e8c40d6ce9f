/* Whatever is accepted is within its ranges and survives writing and reading again. */
#include "base/assert.h"
#include "mapsvc/fuse/notice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct notice n;
    if (notice_read(span_of(data, size), &n, NULL) != WS_OK)
        return 0;
    struct buf one = {0};
    notice_put(&one, &n);
    struct notice again;
    WS_ASSERT(notice_read(buf_span(&one), &again, NULL) == WS_OK);
    struct buf two = {0};
    notice_put(&two, &again);
    WS_ASSERT(span_equal(buf_span(&one), buf_span(&two)));
    buf_free(&one);
    buf_free(&two);
    return 0;
}
