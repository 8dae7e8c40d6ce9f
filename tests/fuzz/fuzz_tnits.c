/* Octets as a TN-ITS data set and as feedback. What is imported must encode and decode again, and what is exported
 * from it must be read again under the same names. */
#include "base/assert.h"
#include "mapsvc/formats/import.h"
#include "mapsvc/tnits/tnits.h"
#include "mapsvc/tnits/tnits_feedback.h"

#include "base/mem.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void back(const struct mapset *m) {
    struct tnits_change *all = ws_calloc(m->n, sizeof(*all));
    for (size_t i = 0; i < m->n; i++)
        all[i] = (struct tnits_change){.after = &m->elements[i], .last = &m->elements[i]};
    const struct tnits_head head = {
        .dataset = "again", .provider = "fuzz", .snapshot = true, .frame = &m->frame};
    struct tnits_tally tally;
    struct buf b = {0};
    tnits_export(&head, all, m->n, &b, &tally);
    /* Signs, limits with a figure and crosswalks are all it makes. */
    WS_ASSERT(tally.features == m->n);
    const struct map_import_options opt = {.has_frame = true, .frame = m->frame};
    struct mapset again = {.ns = "tnits"};
    struct ws_err err;
    struct map_reader r = {.file = "again", .opt = &opt, .map = &again, .err = &err};
    tnits_import(&r, buf_span(&b));
    WS_ASSERT(r.rc == WS_OK);
    mapset_sort(&again);
    for (size_t i = 0; i < again.n; i++)
        WS_ASSERT(mapset_find(m, again.elements[i].id) != NULL);
    mapset_free(&again);
    buf_free(&b);
    free(all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct map_import_options opt = {0};
    struct mapset m = {.ns = "tnits"};
    struct ws_err err;
    struct map_reader r = {.file = "fuzz", .opt = &opt, .map = &m, .err = &err};
    tnits_import(&r, span_of(data, size));
    if (r.rc == WS_OK && m.n > 0) {
        mapset_sort(&m);
        struct buf b = {0};
        mapset_encode(&m, &b);
        struct mapset decoded;
        WS_ASSERT(mapset_decode(buf_span(&b), &decoded, &err) == WS_OK);
        back(&decoded);
        mapset_free(&decoded);
        buf_free(&b);
    }
    mapset_free(&m);
    struct tnits_feedback *f = ws_alloc(sizeof(*f));
    if (tnits_feedback_read("fuzz", span_of(data, size), f, &err) == WS_OK) {
        WS_ASSERT(f->n_events <= f->n_all && f->failures <= f->n_all);
        tnits_feedback_free(f);
    }
    free(f);
    return 0;
}
