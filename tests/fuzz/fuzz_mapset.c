/* What decodes must encode to the same octets, since the form is canonical, and its exports are well formed. */
#include "base/assert.h"
#include "mapsvc/formats/export.h"
#include "mapsvc/formats/xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct mapset m;
    if (mapset_decode(span_of(data, size), &m, NULL) == WS_OK) {
        struct buf b = {0};
        mapset_encode(&m, &b);
        WS_ASSERT(span_equal(buf_span(&b), span_of(data, size)));
        buf_clear(&b);
        export_geojsonseq_map(&m, &b);
        buf_clear(&b);
        export_lanelet2(&m, &b);
        struct ws_err err;
        const struct xml_handler nothing = {0};
        WS_ASSERT(xml_parse("export", buf_span(&b), &nothing, &err) == WS_OK);
        buf_free(&b);
        mapset_free(&m);
    }
    struct element e;
    if (element_decode(span_of(data, size), &e, NULL) == WS_OK)
        element_free(&e);
    return 0;
}
