#include "rsu/learning/source.h"

#include "base/mem.h"
#include "fedlearn/vehicle/mask.h"

#include <stdlib.h>

static bool lend_wire(void *ctx, const struct fl_round_member *m, struct fl_lent *ret) {
    const struct materials_source *s = ctx;
    const struct fl_open *open = &s->record->open;
    struct materials_hold *hold = ws_alloc(sizeof(*hold));
    struct fl_submission *sub = ws_alloc(sizeof(*sub));
    struct fl_cover cover;
    const bool good =
        materials_get(s->materials, m->id, hold) &&
        fl_cover_read(hold->material.cover, &cover, NULL) == WS_OK &&
        fl_submission_accept(&s->sealed_for, m->token, &cover, sub) == FL_ACCEPT_GOOD &&
        memcmp(sub->id, m->id, 32) == 0 && fl_material_wire_fits(&cover, hold->material.wire) &&
        fl_wire_check(open->config.profile, open->params, hold->material.wire, NULL) == WS_OK;
    free(sub);
    *ret = (struct fl_lent){hold->material.wire, hold};
    if (!good) {
        materials_release(hold);
        free(hold);
    }
    return good;
}

static bool lend_blob(void *ctx, const uint8_t sha256[static 32], struct fl_lent *ret) {
    const struct materials_source *s = ctx;
    struct materials_hold *hold = ws_alloc(sizeof(*hold));
    if (!materials_get_blob(s->materials, sha256, hold)) {
        free(hold);
        return false;
    }
    *ret = (struct fl_lent){hold->blob, hold};
    return true;
}

static void give_back(void *ctx, struct fl_lent *lent) {
    (void)ctx;
    materials_release(lent->hold);
    free(lent->hold);
}

struct fl_source materials_source(struct materials_source *s, struct materials *m,
    const struct fl_round_record *record, const uint8_t cell[static 32]) {
    s->materials = m;
    s->record = record;
    fl_open_round(&record->open, cell, &s->sealed_for);
    return (struct fl_source){lend_wire, lend_blob, give_back, s};
}
