/* Tables, and which vehicle has seen which of their rows. */
#include "rsu/obus/learn.h"

#include "base/assert.h"
#include "base/fileio.h"
#include "base/mem.h"

#include <stdlib.h>

enum { SCHEMA_MAX = 1 << 20, TABLE_MAX = 1 << 30 };

static int read_tables(struct learn_slices *s, const struct learn_options *o, struct ws_err *err) {
    struct buf text = {0};
    int rc = file_read(o->schema, SCHEMA_MAX, &text, err);
    if (rc == WS_OK && fl_schema_read(buf_span(&text), &s->schema, err) != WS_OK)
        rc = ws_fail_in(err, "%s", o->schema);
    for (size_t i = 0; i < o->n_data && rc == WS_OK; i++) {
        buf_clear(&text);
        rc = file_read(o->data[i], TABLE_MAX, &text, err);
        if (rc == WS_OK && fl_dataset_read(&s->set, &s->schema, buf_span(&text), err) != WS_OK)
            rc = ws_fail_in(err, "%s", o->data[i]);
    }
    buf_free(&text);
    return rc;
}

static void remark(const struct fl_dataset *set, struct buf *notes) {
    for (int k = 0; k < FL_BAD_ROW_COUNT; k++)
        if (set->bad[k] > 0)
            buf_printf(notes, "%zu rows left out: %s; the first of a table in line %zu\n",
                set->bad[k], fl_bad_row_name((enum fl_bad_row)k), set->first_bad[k]);
}

/* Runs of neighbouring rows, a few for each vehicle, drawn: what one vehicle has seen is far from what there is. */
static void deal(struct learn_slices *s, struct ws_random *rnd) {
    const size_t all = s->vehicles * s->pieces;
    WS_ASSERT(all > 0);
    size_t *order = ws_calloc(all, sizeof(*order));
    size_t at = 0;
    for (size_t i = 0; i < all; i++)
        order[i] = i;
    for (size_t i = all; i > 1; i--) {
        const size_t k = ws_random_below(rnd, i);
        const size_t swap = order[i - 1];
        order[i - 1] = order[k];
        order[k] = swap;
    }
    for (size_t v = 0; v < s->vehicles; v++) {
        s->from[v] = at;
        for (size_t p = 0; p < s->pieces; p++) {
            const size_t piece = order[v * s->pieces + p];
            const size_t end = s->n_train * (piece + 1) / all;
            for (size_t i = s->n_train * piece / all; i < end; i++)
                s->dealt[at++] = s->order[i];
        }
    }
    s->from[s->vehicles] = at;
    free(order);
}

int learn_slices_read(
    struct learn_slices *s, const struct learn_options *o, struct buf *notes, struct ws_err *err) {
    *s = (struct learn_slices){.vehicles = o->vehicles, .pieces = o->pieces};
    int rc = read_tables(s, o, err);
    if (rc != WS_OK)
        return rc;
    remark(&s->set, notes);
    s->order = ws_calloc(s->set.n, sizeof(*s->order));
    s->n_train = s->set.n == 0 ? 0 : fl_split(&s->set, o->train_percent, o->split, s->order);
    if (s->n_train / s->pieces < s->vehicles || s->n_train == s->set.n)
        return ws_fail(err, WS_EINPUT,
            "%zu rows to train with and %zu held out are too few for %zu vehicles with %zu runs of "
            "rows each",
            s->n_train, s->set.n - s->n_train, s->vehicles, s->pieces);
    s->dealt = ws_calloc(s->n_train, sizeof(*s->dealt));
    s->from = ws_calloc(s->vehicles + 1, sizeof(*s->from));
    struct ws_random rnd = ws_random_seeded(o->seed);
    deal(s, &rnd);
    return WS_OK;
}

void learn_slices_free(struct learn_slices *s) {
    fl_dataset_free(&s->set);
    free(s->order);
    free(s->dealt);
    free(s->from);
    free(s->norm);
    free(s->x);
    free(s->y);
    free(s->own_x);
    free(s->own_y);
    *s = (struct learn_slices){0};
}

/* A model of this schema has these names, so one that has others is no model for these tables. */
static int check_model(const struct learn_slices *s, const struct fl_model *m, struct ws_err *err) {
    const uint16_t inputs = fl_schema_inputs(&s->schema);
    struct fl_norm *none = ws_calloc(inputs, sizeof(*none));
    struct fl_model like = {0};
    int rc = fl_model_new(&s->schema, 0, none, NULL, &like, err);
    free(none);
    if (rc != WS_OK)
        return rc;
    if (m->shape.inputs != inputs || m->shape.classes != s->schema.classes)
        rc = ws_fail(err, WS_EINPUT, "the model has %u inputs and %u classes, the schema %u and %u",
            m->shape.inputs, m->shape.classes, inputs, s->schema.classes);
    for (size_t i = 0; rc == WS_OK && i < inputs; i++)
        if (strcmp(m->inputs[i], like.inputs[i]) != 0)
            rc = ws_fail(err, WS_EINPUT, "input %zu of the model is %s, that of the schema %s", i,
                m->inputs[i], like.inputs[i]);
    for (size_t i = 0; rc == WS_OK && i < m->shape.classes; i++)
        if (strcmp(m->classes[i], like.classes[i]) != 0)
            rc = ws_fail(err, WS_EINPUT, "class %zu of the model is %s, that of the schema %s", i,
                m->classes[i], like.classes[i]);
    fl_model_free(&like);
    return rc;
}

int learn_slices_fit(struct learn_slices *s, const struct fl_model *m, struct ws_err *err) {
    int rc = check_model(s, m, err);
    if (rc != WS_OK)
        return rc;
    const size_t inputs = m->shape.inputs;
    const size_t held = s->set.n - s->n_train;
    if (s->norm != NULL && memcmp(s->norm, m->norm, inputs * sizeof(*s->norm)) == 0)
        return WS_OK;
    if (s->norm == NULL) {
        s->norm = ws_calloc(inputs, sizeof(*s->norm));
        s->x = ws_calloc(held * inputs, sizeof(*s->x));
        s->y = ws_calloc(held, 1);
        s->own_x = ws_calloc(s->n_train * inputs, sizeof(*s->own_x));
        s->own_y = ws_calloc(s->n_train, 1);
    }
    memcpy(s->norm, m->norm, inputs * sizeof(*s->norm));
    fl_normalise_rows(&s->set, s->norm, s->order + s->n_train, held, s->x, s->y);
    fl_normalise_rows(&s->set, s->norm, s->dealt, s->n_train, s->own_x, s->own_y);
    return WS_OK;
}

struct fl_rows learn_slice(const struct learn_slices *s, size_t vehicle) {
    const size_t from = s->from[vehicle];
    return (struct fl_rows){
        s->own_x + from * s->set.inputs, s->own_y + from, s->from[vehicle + 1] - from};
}

struct fl_rows learn_held_out(const struct learn_slices *s) {
    return (struct fl_rows){s->x, s->y, s->set.n - s->n_train};
}
