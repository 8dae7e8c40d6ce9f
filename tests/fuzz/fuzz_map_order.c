/* Bodies of map orders and reports about them: what decodes must encode to the same octets. */
#include "base/assert.h"
#include "mapsvc/fuse/order.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct span s = span_of(data, size);
    struct buf b = {0};
    struct map_order o;
    if (map_order_decode(s, &o, NULL) == WS_OK) {
        map_order_encode(&o, &b);
        WS_ASSERT(span_equal(buf_span(&b), s));
        if (o.op == MAP_MODIFY) {
            struct element e = map_order_apply(&o.element, &o.element);
            element_free(&e);
        }
        map_order_free(&o);
        buf_clear(&b);
    }
    struct map_order_report r;
    if (map_order_report_decode(s, &r, NULL) == WS_OK) {
        map_order_report_encode(&r, &b);
        WS_ASSERT(span_equal(buf_span(&b), s));
        buf_clear(&b);
    }
    uint8_t id[32];
    if (map_withdraw_decode(s, id, NULL) == WS_OK) {
        map_withdraw_encode(id, &b);
        WS_ASSERT(span_equal(buf_span(&b), s));
    }
    buf_free(&b);
    return 0;
}
