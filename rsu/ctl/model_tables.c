/* Tables, schemas and models as the verbs of rsuctl model read them. */
#include "rsu/ctl/model.h"

#include "base/fileio.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SCHEMA_MAX = 1 << 20,
    TABLE_MAX = 1 << 30,
    MODEL_MAX = 1 << 23, /* FL_MAX_PARAMS of 4 octets, names and norms */
    FEW_BLOCKS = 5,
};

void ctl_tables_options(struct ctl_tables *t, const struct ctl_verb *v,
    struct ctl_option ret[static CTL_TABLES_OPTIONS]) {
    const struct ctl_option options[CTL_TABLES_OPTIONS] = {
        {"schema", CTL_TEXT, (void *)&t->schema_file, 0, 0},
        {"data", CTL_LIST, &t->data, 0, 0},
        {"train", CTL_NUMBER, &t->train_percent, 1, 99},
        {"split", CTL_NUMBER, &t->split, 0, UINT64_MAX},
    };
    *t = (struct ctl_tables){.v = v, .train_percent = 80, .split = 1};
    memcpy(ret, options, sizeof(options));
}

static int read_schema(struct ctl_tables *t, struct ws_err *err) {
    struct buf text = {0};
    int rc = file_read(t->schema_file, SCHEMA_MAX, &text, err);
    if (rc == WS_OK) {
        rc = fl_schema_read(buf_span(&text), &t->schema, err);
        if (rc != WS_OK)
            (void)ws_fail_in(err, "%s", t->schema_file);
    }
    buf_free(&text);
    return rc;
}

/* What of this table was left out; `before`: the counts when it was not read yet. */
static void tell_left_out(
    struct ctl_tables *t, const char *file, const size_t *before, bool quiet) {
    for (size_t k = 0; k < FL_BAD_ROW_COUNT; k++) {
        const size_t n = t->set.bad[k] - before[k];
        const char *kind = fl_bad_row_name((enum fl_bad_row)k);
        if (n == 0)
            continue;
        json_t *o =
            json_pack("{s:s, s:s, s:I}", "table", file, "kind", kind, "rows", (json_int_t)n);
        /* The set keeps the first line of the first table with such a row. */
        const bool first = before[k] == 0;
        if (first)
            (void)json_object_set_new(
                o, "first_line", json_integer((json_int_t)t->set.first_bad[k]));
        (void)json_array_append_new(t->left_out, o);
        if (quiet)
            continue;
        (void)fprintf(stderr, "%s: %zu rows left out: %s", file, n, kind);
        if (first)
            (void)fprintf(stderr, ", the first in line %zu", t->set.first_bad[k]);
        (void)fputc('\n', stderr);
    }
}

static int read_table(struct ctl_tables *t, const char *file, bool quiet, struct ws_err *err) {
    struct buf text = {0};
    size_t before[FL_BAD_ROW_COUNT];
    memcpy(before, t->set.bad, sizeof(before));
    int rc = file_read(file, TABLE_MAX, &text, err);
    if (rc == WS_OK) {
        rc = fl_dataset_read(&t->set, &t->schema, buf_span(&text), err);
        if (rc != WS_OK)
            (void)ws_fail_in(err, "%s", file);
    }
    buf_free(&text);
    if (rc == WS_OK)
        tell_left_out(t, file, before, quiet);
    return rc;
}

int ctl_tables_read(struct ctl_tables *t, const char *const *more, size_t n_more, bool quiet) {
    struct ws_err err = {0};
    if (t->schema_file == NULL || t->data.n == 0)
        return ctl_misuse(t->v, "--schema and --data are needed");
    t->left_out = json_array();
    int rc = read_schema(t, &err);
    for (size_t i = 0; i < t->data.n && rc == WS_OK; i++)
        rc = read_table(t, t->data.v[i], quiet, &err);
    for (size_t i = 0; i < n_more && rc == WS_OK; i++)
        rc = read_table(t, more[i], quiet, &err);
    if (rc == WS_OK && t->set.n == 0)
        rc = ws_fail(&err, WS_EINPUT, "the tables have no row that can be read");
    if (rc != WS_OK)
        return ctl_fail(t->v, CTL_UNREACHABLE, &err);
    t->rows = ws_calloc(t->set.n, sizeof(*t->rows));
    t->train = fl_split(&t->set, (unsigned)t->train_percent, t->split, t->rows);
    t->blocks = fl_split_blocks(&t->set, (unsigned)t->train_percent);
    return CTL_DONE;
}

void ctl_tables_tell_split(const struct ctl_tables *t) {
    const size_t test = t->blocks.all - t->blocks.train;
    const bool learn = t->blocks.train < test;
    const size_t fewer = learn ? t->blocks.train : test;
    char name[CTL_NAME];
    ctl_name(t->v, name);
    if (fewer < FEW_BLOCKS)
        (void)fprintf(stderr,
            "%s: only %zu of %zu blocks of %u rows %s to %s: chance decides what is in fewer than "
            "%d. Give more tables, or a smaller `block` in the schema\n",
            name, fewer, t->blocks.all, t->schema.block, fewer == 1 ? "is" : "are",
            learn ? "learn from" : "test on", FEW_BLOCKS);
    else if (t->schema.block == 1)
        (void)fprintf(stderr,
            "%s: rows are dealt out one by one, for the schema has no `block`: in a table of one "
            "row after another in time each row to test on has neighbours to learn from\n",
            name);
}

void ctl_tables_free(struct ctl_tables *t) {
    fl_dataset_free(&t->set);
    free(t->rows);
    json_decref(t->left_out);
}

int ctl_tables_fit(const struct ctl_tables *t, const struct fl_model *m) {
    struct ws_err err = {0};
    struct fl_model of = {0};
    const uint16_t inputs = fl_schema_inputs(&t->schema);
    struct fl_norm *norm = ws_calloc(inputs, sizeof(*norm));
    int rc = fl_model_new(&t->schema, 0, norm, NULL, &of, &err);
    if (rc == WS_OK && (of.shape.inputs != m->shape.inputs || of.shape.classes != m->shape.classes))
        rc =
            ws_fail(&err, WS_EINPUT, "the schema has %u inputs and %u classes, the model %u and %u",
                of.shape.inputs, of.shape.classes, m->shape.inputs, m->shape.classes);
    for (size_t i = 0; rc == WS_OK && i < of.shape.inputs; i++)
        if (strcmp(of.inputs[i], m->inputs[i]) != 0)
            rc = ws_fail(&err, WS_EINPUT, "input %zu is '%s' in the schema, '%s' in the model", i,
                of.inputs[i], m->inputs[i]);
    for (size_t i = 0; rc == WS_OK && i < of.shape.classes; i++)
        if (strcmp(of.classes[i], m->classes[i]) != 0)
            rc = ws_fail(&err, WS_EINPUT, "class %zu is '%s' in the schema, '%s' in the model", i,
                of.classes[i], m->classes[i]);
    fl_model_free(&of);
    free(norm);
    return rc == WS_OK ? CTL_DONE : ctl_fail(t->v, CTL_NO, &err);
}

int ctl_model_load(const struct ctl_verb *v, const char *path, struct buf *ret_octets,
    struct fl_model *ret_model) {
    struct ws_err err = {0};
    int rc = file_read(path, MODEL_MAX, ret_octets, &err);
    if (rc == WS_OK) {
        rc = fl_model_decode(buf_span(ret_octets), ret_model, &err);
        if (rc != WS_OK)
            (void)ws_fail_in(&err, "%s", path);
    }
    return rc == WS_OK ? CTL_DONE : ctl_fail(v, CTL_UNREACHABLE, &err);
}

void ctl_model_name(const struct fl_model *m, char ret_hex[static 65]) {
    uint8_t hash[32];
    fl_model_hash(m, hash);
    hex_encode(ret_hex, hash, 32);
}

/* ---- counters ---- */

static double recall_of(const struct fl_confusion *c, size_t class) {
    const uint32_t n = fl_confusion_rows(c, class);
    return n == 0 ? 0 : (double)c->n[class][class] / n;
}

json_t *ctl_confusion_json(const struct fl_confusion *c, const char (*classes)[FL_NAME]) {
    json_t *list = json_array();
    for (size_t t = 0; t < c->classes; t++) {
        json_t *said = json_array();
        for (size_t s = 0; s < c->classes; s++)
            (void)json_array_append_new(said, json_integer(c->n[t][s]));
        const uint32_t n = fl_confusion_rows(c, t);
        json_t *o = json_pack("{s:s, s:I, s:o, s:o}", "class", classes[t], "rows", (json_int_t)n,
            "said", said, "recall", n == 0 ? json_null() : json_real(recall_of(c, t)));
        (void)json_array_append_new(list, o);
    }
    return list;
}

void ctl_confusion_put(
    const struct fl_confusion *c, const char (*classes)[FL_NAME], struct buf *b) {
    buf_printf(b, "  %-20s %9s %8s   said", "class", "rows", "recall");
    for (size_t s = 0; s < c->classes; s++)
        buf_printf(b, " %9.9s", classes[s]);
    buf_printf(b, "\n");
    for (size_t t = 0; t < c->classes; t++) {
        const uint32_t n = fl_confusion_rows(c, t);
        buf_printf(b, "  %-20s %9u ", classes[t], n);
        if (n == 0)
            buf_printf(b, "%8s       ", "-");
        else
            buf_printf(b, "%8.4f       ", recall_of(c, t));
        for (size_t s = 0; s < c->classes; s++)
            buf_printf(b, " %9u", c->n[t][s]);
        buf_printf(b, "\n");
    }
}
