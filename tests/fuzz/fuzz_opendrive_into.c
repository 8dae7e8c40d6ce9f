/* Octets as an OpenDRIVE file into which changes are written: every sign moves and shows another figure, every third
 * thing goes, limits change. The exporter reads its own output; unchanged, the file comes back octet for octet. */
#include "base/assert.h"
#include "mapsvc/formats/export_into.h"
#include "mapsvc/formats/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void change(struct mapset *m) {
    for (size_t i = m->n; i-- > 0;) {
        struct element *e = &m->elements[i];
        if (e->kind == EL_LANE || e->kind == EL_BOUNDARY)
            continue;
        if (i % 3 == 0) {
            element_free(e);
            memmove(e, e + 1, (--m->n - i) * sizeof(*e));
            continue;
        }
        if (e->has_value)
            e->value = 30 + (int32_t)(i % 5);
        for (size_t k = 0; k < e->n_points && e->kind != EL_SPEED_LIMIT; k++)
            if (e->points[k].x < INT32_MAX - 2000)
                e->points[k].x += 1500;
        e->heading = e->has_heading ? (uint16_t)(e->heading + 5000) : 0;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct map_import_options opt = {
        .has_origin = true, .lat0 = 487600000, .lon0 = 114200000};
    struct span file = span_of(data, size);
    struct mapset m = {.ns = "opendrive"};
    struct ws_err err;
    struct map_reader r = {.file = "fuzz", .opt = &opt, .map = &m, .err = &err};
    opendrive_import(&r, file);
    if (r.rc == WS_OK && m.n > 0) {
        struct map_report unsaid = {0};
        struct buf b = {0};
        mapset_sort(&m);
        int rc = opendrive_export_into(&m, "fuzz", file, &b, &unsaid, &err);
        WS_ASSERT(rc != WS_OK || (b.n == size && memcmp(b.p, data, size) == 0));
        change(&m);
        buf_clear(&b);
        int again = opendrive_export_into(&m, "fuzz", file, &b, &unsaid, &err);
        WS_ASSERT(rc != WS_OK || again == WS_OK || again == WS_ENOTSUP || again == WS_ELIMIT);
        buf_free(&b);
    }
    mapset_free(&m);
    return 0;
}
