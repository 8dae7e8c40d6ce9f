/* Octets as a Lanelet2 file that a map is written into: unchanged, it comes out as it was; changed by the last
 * octets of the input, it is read again by lanelet2_export_into itself. */
#include "base/assert.h"
#include "mapsvc/formats/export_into.h"
#include "mapsvc/formats/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct map_import_options opt = {
        .has_origin = true, .lat0 = 487600000, .lon0 = 114200000};
    struct mapset m = {.ns = "lanelet2"};
    struct ws_err err;
    struct map_report unsaid = {0};
    struct buf b = {0};
    struct span file = span_of(data, size);
    struct map_reader r = {.file = "fuzz", .opt = &opt, .map = &m, .err = &err};
    lanelet2_import(&r, file);
    mapset_sort(&m);
    if (r.rc == WS_OK && m.n > 0) {
        int rc = lanelet2_export_into(&m, "fuzz", file, &b, &unsaid, &err);
        WS_ASSERT(rc == WS_ENOTSUP || (rc == WS_OK && span_equal(buf_span(&b), file)));
        for (size_t i = 0; i < m.n; i++) {
            struct element *e = &m.elements[i];
            uint8_t dice = data[size - 1 - i % size];
            e->value += dice % 3 * 10;
            if (e->n_points > 0)
                e->points[dice % e->n_points].x += dice % 5 == 0 ? 1000 : 0;
            if (dice % 7 == 0)
                (void)element_set_attr(e, "note", "a<b");
        }
        if (data[0] % 4 == 0 && m.n > 1)
            element_free(&m.elements[--m.n]);
        buf_clear(&b);
        if (rc == WS_OK)
            rc = lanelet2_export_into(&m, "fuzz", file, &b, &unsaid, &err);
        WS_ASSERT(rc != WS_OK || b.n > 0);
    }
    buf_free(&b);
    mapset_free(&m);
    return 0;
}
