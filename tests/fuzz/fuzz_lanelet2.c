/* Octets as a Lanelet2 file: parse and build; what comes out must encode and decode again. */
#include "base/assert.h"
#include "mapsvc/formats/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct map_import_options opt = {
        .has_origin = true, .lat0 = 487600000, .lon0 = 114200000};
    struct mapset m = {.ns = "lanelet2"};
    struct ws_err err;
    struct map_reader r = {.file = "fuzz", .opt = &opt, .map = &m, .err = &err};
    lanelet2_import(&r, span_of(data, size));
    if (r.rc == WS_OK && m.n > 0) {
        mapset_sort(&m);
        struct buf b = {0};
        mapset_encode(&m, &b);
        struct mapset again;
        WS_ASSERT(mapset_decode(buf_span(&b), &again, &err) == WS_OK);
        struct map_delta d;
        map_compare(&m, &again, &d);
        WS_ASSERT(d.n == 0);
        map_delta_free(&d);
        mapset_free(&again);
        buf_free(&b);
    }
    mapset_free(&m);
    return 0;
}
