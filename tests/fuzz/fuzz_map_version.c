/* Version records, advisories and their ends: what decodes must encode to the same octets. */
#include "base/assert.h"
#include "mapsvc/fuse/diff.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct span s = span_of(data, size);
    struct buf b = {0};
    struct map_version v;
    if (map_version_decode(s, &v, NULL) == WS_OK) {
        map_version_encode(&v, &b);
        WS_ASSERT(span_equal(buf_span(&b), s));
        char text[256];
        for (size_t i = 0; i < v.n_changes; i++)
            change_describe(&v.changes[i], text, sizeof(text));
        struct mapset m = {0};
        if (map_version_apply(&v, &m, NULL) != WS_OK)
            WS_ASSERT(m.n == 0);
        mapset_free(&m);
        map_version_free(&v);
        buf_clear(&b);
    }
    struct map_advisory a;
    if (map_advisory_decode(s, &a, NULL) == WS_OK) {
        map_advisory_encode(&a, &b);
        WS_ASSERT(span_equal(buf_span(&b), s));
        change_free(&a.change);
        buf_clear(&b);
    }
    struct map_advisory_end e;
    if (map_advisory_end_decode(s, &e, NULL) == WS_OK) {
        map_advisory_end_encode(&e, &b);
        WS_ASSERT(span_equal(buf_span(&b), s));
    }
    buf_free(&b);
    return 0;
}
