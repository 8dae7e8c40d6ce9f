#include "tests/unit/rsu/audit_rig.h"

#include "base/mem.h"
#include "fedlearn/round/roots.h"
#include "fedlearn/round/round_record.h"

#include <stdlib.h>

static void keep(struct dossier *d) {
    for (size_t i = 0; i < d->r->host.n_events; i++) {
        const struct fake_event *e = &d->r->host.events[i];
        if (e->type < DOSSIER_EVENTS && d->event[e->type].n == 0)
            buf_put(&d->event[e->type], e->body.p, e->body.n);
    }
}

static void keep_material(struct dossier *d, size_t i) {
    const struct rig_vehicle *v = &d->r->vehicle[i];
    const size_t cover = fl_cover_octets((unsigned)d->r->n);
    buf_clear(&d->material[i]);
    buf_u32(&d->material[i], (uint32_t)cover);
    buf_put(&d->material[i], v->cover, cover);
    buf_put(&d->material[i], v->wire.p, v->wire.n);
    memcpy(d->id[i], v->submission.id, 32);
}

static void put_model(struct dossier *d, const struct fl_model *m) {
    assert_true(d->files < DOSSIER_FILES);
    fl_model_encode(m, &d->file[d->files++]);
}

static void value_of(const struct dossier *d, uint64_t height, uint8_t ret[static 32]) {
    assert_int_equal(exec_beacon(&d->r->host, height, ret), BEACON_IS);
}

static int excluded(void *ctx, uint32_t submission, struct buf *ret_body, struct ws_err *err) {
    const struct dossier *d = ctx;
    const struct span body = d->claim.event[FL_EVENT_EXCLUDED];
    if (body.n == 0 || submission != DOSSIER_LATE)
        return ws_fail(err, WS_ENOTFOUND, "404");
    if (d->lost != WS_OK)
        return ws_fail(err, d->lost, "it is gone");
    buf_put(ret_body, body.p, body.n);
    return WS_OK;
}

void dossier_claim(struct dossier *d) {
    d->claim.record = buf_span(&d->record);
    for (size_t t = 0; t < DOSSIER_EVENTS; t++)
        d->claim.event[t] = buf_span(&d->event[t]);
    d->claim.excluded = excluded;
    d->claim.excluded_ctx = d;
}

/* All groups but one. */
static void open_the_rest(struct dossier *d) {
    struct rig *r = d->r;
    struct fl_submission_view s;
    assert_true(fl_contract_submission(r->contract.self, DOSSIER_LATE, &s));
    d->without = s.group;
    if (d->unopened == DOSSIER_BAD_SHARE) {
        rig_begin(r, RIG_SECOND);
        assert_int_equal(rig_complain(r, 1, DOSSIER_LATE), FL_ROUND_OK);
        rig_end(r);
        keep(d);
    }
    for (unsigned v = 1; v <= 3; v++) {
        rig_begin(r, RIG_SECOND);
        for (size_t g = 0; g < rig_view(r).groups; g++)
            if (g != d->without)
                assert_int_equal(rig_shares(r, v, g, 1, 0), FL_ROUND_OK);
        rig_end(r);
        keep(d);
    }
    if (d->unopened == DOSSIER_NO_SHARES) {
        rig_block(r, rig_view(r).open->config.open_us);
        keep(d);
    }
    assert_int_equal(rig_view(r).phase, FL_JUDGING);
}

void dossier_round(struct dossier *d) {
    struct fl_round_record record;
    const struct fl_round_view view = rig_view(d->r);
    d->files = 0;
    memcpy(d->claim.cell, d->r->host.cell_id, 32);
    d->claim.round = view.number;
    buf_clear(&d->record);
    for (size_t t = 0; t < DOSSIER_EVENTS; t++)
        buf_clear(&d->event[t]);
    for (size_t i = 0; i < DOSSIER_FILES; i++)
        buf_clear(&d->file[i]);
    /* Said in blocks before. */
    fl_open_encode(view.open, &d->event[FL_EVENT_OPEN]);
    buf_u8(&d->event[FL_EVENT_SEED], FL_RECORDS_VERSION);
    buf_u64(&d->event[FL_EVENT_SEED], view.number);
    buf_put(&d->event[FL_EVENT_SEED], view.seed, 32);
    value_of(d, view.open->seed_height, d->seed_value);
    /* One vehicle's bundle is bad for member 1, which gets it after the cut-off. */
    const uint64_t late = d->unopened == DOSSIER_BAD_SHARE ? UINT64_C(1) << DOSSIER_LATE : 0;
    rig_submitting_bad(d->r, DOSSIER_VEHICLES, late, 1);
    for (size_t i = 0; i < DOSSIER_VEHICLES; i++)
        keep_material(d, i);
    rig_attesting_without(d->r, late, 1);
    keep(d);
    for (unsigned i = 0; i < 2; i++) {
        rig_block(d->r, RIG_SECOND);
        keep(d);
    }
    value_of(d, be64(d->event[FL_EVENT_CUT_OFF].p + 45), d->draw_value);
    if (d->unopened == DOSSIER_ALL_OPENED)
        rig_opening(d->r);
    else
        open_the_rest(d);
    keep(d);
    fl_round_record_of(d->r->contract.self, &record);
    fl_round_record_encode(&record, &d->record);
    fl_round_record_free(&record);
    put_model(d, &d->r->model);
    if (d->r->has_parent)
        put_model(d, &d->r->parent);
    fl_roots_encode(&d->r->model.shape, &d->r->root_set, &d->file[d->files++]);
    rig_judging(d->r);
    keep(d);
    d->claim.seed_value = d->seed_value;
    d->claim.draw_value = d->draw_value;
    dossier_claim(d);
    for (size_t t = FL_EVENT_OPEN; t <= FL_EVENT_CLOSED; t++)
        assert_true(d->event[t].n > 0);
    assert_true(d->event[FL_EVENT_SUSPECT].n > 0);
}

void dossier_next(struct dossier *d) {
    rig_block(d->r, 600 * (uint64_t)RIG_SECOND);
    rig_block(d->r, RIG_SECOND);
    rig_block(d->r, RIG_SECOND);
    assert_int_equal(rig_view(d->r).phase, FL_SUBMITTING);
}

struct dossier *dossier_open(enum dossier_unopened unopened) {
    struct dossier *d = ws_alloc(sizeof(*d));
    d->r = rig_open(RIG_VALIDATORS);
    d->unopened = unopened;
    dossier_round(d);
    return d;
}

void dossier_free(struct dossier *d) {
    buf_free(&d->record);
    for (size_t t = 0; t < DOSSIER_EVENTS; t++)
        buf_free(&d->event[t]);
    for (size_t i = 0; i < DOSSIER_VEHICLES; i++)
        buf_free(&d->material[i]);
    for (size_t i = 0; i < DOSSIER_FILES; i++)
        buf_free(&d->file[i]);
    rig_close(d->r);
    free(d);
}
