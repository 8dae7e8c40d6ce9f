/* rsuctl model show, export, test: models as files. */
#include "base/fileio.h"
#include "base/mem.h"
#include "rsu/ctl/http.h"
#include "rsu/ctl/model_named.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- show ---- */

static double middle_of(const struct fl_norm *n) {
    return ldexp((double)n->middle, -20);
}

/* 0: the input never changes. */
static double deviation_of(const struct fl_norm *n) {
    return n->factor == 0 ? 0 : 1 / ldexp((double)n->factor, -32);
}

/* Of the cell: versions are what its ledger counts. 0: nobody has said. */
static uint64_t version_of(const struct ctl_named *n) {
    const json_int_t version = json_integer_value(json_object_get(n->line, "version"));
    return version > 0 ? (uint64_t)version : 0;
}

static json_t *model_json(const struct fl_model *m) {
    char hash[65];
    char parent[65];
    ctl_model_name(m, hash);
    hex_encode(parent, m->parent, 32);
    json_t *inputs = json_array();
    for (size_t i = 0; i < m->shape.inputs; i++)
        (void)json_array_append_new(
            inputs, json_pack("{s:s, s:f, s:f}", "name", m->inputs[i], "middle",
                        middle_of(&m->norm[i]), "deviation", deviation_of(&m->norm[i])));
    json_t *classes = json_array();
    for (size_t i = 0; i < m->shape.classes; i++)
        (void)json_array_append_new(classes, json_string(m->classes[i]));
    return json_pack("{s:s, s:I, s:s, s:i, s:I, s:o, s:o}", "hash", hash, "steps",
        (json_int_t)m->steps, "parent", parent, "hidden", (int)m->shape.hidden, "parameters",
        (json_int_t)fl_shape_params(&m->shape), "inputs", inputs, "classes", classes);
}

static void put_model(const struct fl_model *m, struct buf *b) {
    static const uint8_t zero[32];
    char hash[65];
    char parent[65];
    ctl_model_name(m, hash);
    hex_encode(parent, m->parent, 32);
    buf_printf(b, "hash:       %s\nsteps:      %llu since its first\nparent:     %s\n", hash,
        (unsigned long long)m->steps, memcmp(m->parent, zero, 32) == 0 ? "none" : parent);
    buf_printf(b, "parameters: %zu\nhidden:     %u%s\nclasses:    %u:", fl_shape_params(&m->shape),
        m->shape.hidden, m->shape.hidden == 0 ? " (logistic regression)" : "", m->shape.classes);
    for (size_t i = 0; i < m->shape.classes; i++)
        buf_printf(b, "%s %s", i == 0 ? "" : ",", m->classes[i]);
    buf_printf(
        b, "\ninputs:     %u\n  %-40s %14s %14s\n", m->shape.inputs, "name", "middle", "deviation");
    for (size_t i = 0; i < m->shape.inputs; i++)
        buf_printf(b, "  %-40s %14.6g %14.6g\n", m->inputs[i], middle_of(&m->norm[i]),
            deviation_of(&m->norm[i]));
}

/* What a unit says of a version. */
static void put_line(const json_t *line, struct buf *b) {
    if (line == NULL)
        return;
    buf_printf(b, "version:    %lld of the cell", ctl_json_number(line, "version"));
    if (json_is_string(json_object_get(line, "name")))
        buf_printf(b, ", called %s", ctl_json_text(line, "name"));
    if (json_is_integer(json_object_get(line, "round")))
        buf_printf(b, ", of round %lld", ctl_json_number(line, "round"));
    if (json_is_integer(json_object_get(line, "height")))
        buf_printf(b, ", in force from block %lld on", ctl_json_number(line, "height"));
    buf_printf(b, "\n");
    if (json_is_string(json_object_get(line, "root_set")))
        buf_printf(b, "root set:   %s\n", ctl_json_text(line, "root_set"));
    else if (json_is_integer(json_object_get(line, "params")))
        buf_printf(b, "root set:   none: nothing is tried, nothing vetoed\n");
}

static int tell_model(const struct ctl_verb *v, const struct ctl_named *n, bool json) {
    struct buf b = {0};
    int code;
    if (json) {
        json_t *o = model_json(&n->model);
        (void)json_object_set_new(o, "version",
            version_of(n) == 0 ? json_null() : json_integer((json_int_t)version_of(n)));
        (void)json_object_set_new(o, "unit", n->line == NULL ? json_null() : json_incref(n->line));
        code = ctl_print_json(v, o);
        json_decref(o);
    } else {
        put_line(n->line, &b);
        put_model(&n->model, &b);
        code = ctl_print(v, buf_span(&b));
    }
    buf_free(&b);
    return code;
}

static int run_show(const struct ctl_verb *v, int argc, char **argv) {
    struct ctl_face face = {.address = CTL_FACE_HERE};
    struct ctl_list words = {0};
    struct ctl_named n;
    bool json = false;
    const struct ctl_option options[] = {
        {"http", CTL_FACE, &face, 0, 0},
        {"json", CTL_FLAG, &json, 0, 0},
    };
    int code;
    if (!ctl_options(v, argc, argv, options, ARRAY_LEN(options), &words, 0, 1, &code))
        return code;
    code = ctl_named_load(v, words.n == 0 ? NULL : words.v[0], &face, &n);
    if (code == CTL_DONE)
        code = tell_model(v, &n, json);
    ctl_named_free(&n);
    return code;
}

const struct ctl_verb ctl_model_show = {"model", "show", "what a model is",
    "[FILE|VERSION|HASH] [--http ADDR] [--json]\n"
    "\n"
    "Its hash, steps since the first of its line, shape, classes, and each input with its middle "
    "and "
    "deviation; of the one\n"
    "in force at a unit when none is named.\n" CTL_NAMED_USAGE
    "Versions are what the cell counts: a file, or a model that is asked for by its hash, has none "
    "here. Which one\nthat is, the unit is believed; `model verify` checks.\n"
    "\n"
    "  --http ADDR         of the unit: HOST:PORT or unix:PATH; 127.0.0.1:8100 unless given\n"
    "  --json              print JSON\n",
    run_show};

/* ---- export ---- */

static int run_export(const struct ctl_verb *v, int argc, char **argv) {
    struct ctl_face face = {.address = CTL_FACE_HERE};
    struct ctl_list words = {0};
    struct ctl_named n;
    struct buf made = {0};
    struct ws_err err = {0};
    const char *format = NULL;
    const char *out = NULL;
    const struct ctl_option options[] = {
        {"http", CTL_FACE, &face, 0, 0},
        {"format", CTL_TEXT, (void *)&format, 0, 0},
        {"out", CTL_TEXT, (void *)&out, 0, 0},
    };
    int code;
    if (!ctl_options(v, argc, argv, options, ARRAY_LEN(options), &words, 1, 1, &code))
        return code;
    const bool onnx = format != NULL && strcmp(format, "onnx") == 0;
    const bool tensors = format != NULL && strcmp(format, "safetensors") == 0;
    if (!onnx && !tensors && (format == NULL || strcmp(format, "wsfl") != 0))
        return ctl_misuse(v, "--format: onnx, safetensors or wsfl");
    if (out == NULL && isatty(STDOUT_FILENO))
        return ctl_misuse(v, "a model is nothing for a terminal: --out FILE, or > FILE");
    code = ctl_named_load(v, words.v[0], &face, &n);
    if (code == CTL_DONE) {
        if (onnx)
            fl_model_onnx(&n.model, version_of(&n), &made);
        else if (tensors)
            fl_model_safetensors(&n.model, version_of(&n), &made);
        else
            fl_model_encode(&n.model, &made);
        if (out == NULL)
            code = ctl_print(v, buf_span(&made));
        else if (file_write(out, buf_span(&made), 0644, &err) != WS_OK)
            code = ctl_fail(v, CTL_UNREACHABLE, &err);
    }
    buf_free(&made);
    ctl_named_free(&n);
    return code;
}

const struct ctl_verb ctl_model_export = {"model", "export",
    "write a model in a format that other tools read",
    "FILE|VERSION|HASH --format onnx|safetensors|wsfl [--out FILE] [--http ADDR]\n"
    "\n" CTL_NAMED_USAGE "\n"
    "  --format onnx         ONNX: from inputs in their own units to probabilities of the classes\n"
    "  --format safetensors  tensors in floating point, and the parameters as the cell agreed on "
    "them\n"
    "  --format wsfl         the cell's own form, whose SHA-256 is on the ledger\n"
    "  --out FILE            instead of standard output\n"
    "  --http ADDR           of the unit: HOST:PORT or unix:PATH; 127.0.0.1:8100 unless given\n"
    "\n"
    "ONNX and safetensors say the version of the cell when that is what was asked for; of a FILE "
    "or "
    "HASH, the hash.\n",
    run_export};

/* ---- test ---- */

struct test {
    struct ctl_tables t;
    const char *part, *roots_file;
    bool json;
    struct buf octets;
    struct fl_model model;
    struct fl_confusion counts;
};

static int tell_test(const struct test *x) {
    const struct fl_confusion *c = &x->counts;
    const char(*names)[FL_NAME] = (const char(*)[FL_NAME])x->model.classes;
    char hash[65];
    size_t rows = 0;
    for (size_t i = 0; i < c->classes; i++)
        rows += fl_confusion_rows(c, i);
    const uint32_t right = fl_confusion_right(c);
    const double accuracy = rows == 0 ? 0 : (double)right / (double)rows;
    int code;
    ctl_model_name(&x->model, hash);
    if (x->json) {
        json_t *o = json_pack("{s:s, s:s, s:I, s:I, s:f, s:o}", "hash", hash, "part", x->part,
            "rows", (json_int_t)rows, "right", (json_int_t)right, "accuracy", accuracy, "classes",
            ctl_confusion_json(c, names));
        if (x->t.left_out != NULL)
            (void)json_object_set(o, "left_out", x->t.left_out);
        code = ctl_print_json(x->t.v, o);
        json_decref(o);
        return code;
    }
    struct buf b = {0};
    buf_printf(&b, "model:    %s\nrows:     %zu (%s)\naccuracy: %.4f (%u right)\n", hash, rows,
        x->part, accuracy, right);
    ctl_confusion_put(c, names, &b);
    code = ctl_print(x->t.v, buf_span(&b));
    buf_free(&b);
    return code;
}

static int test_on_tables(struct test *x, const struct ctl_list *words) {
    const struct ctl_tables *t = &x->t;
    struct ws_err err = {0};
    int code = ctl_tables_read(&x->t, words->v + 1, words->n - 1, x->json);
    if (code == CTL_DONE)
        code = ctl_tables_fit(t, &x->model);
    if (code != CTL_DONE)
        return code;
    const bool all = strcmp(x->part, "all") == 0;
    const bool train = strcmp(x->part, "train") == 0;
    const uint32_t *from = all || train ? t->rows : t->rows + t->train;
    const size_t n = all ? t->set.n : train ? t->train : t->set.n - t->train;
    if (n == 0) {
        (void)ws_fail(&err, WS_EINPUT,
            "none of the %zu rows is in the part '%s': blocks of %u rows are dealt out whole",
            t->set.n, x->part, t->schema.block);
        return ctl_fail(t->v, CTL_NO, &err);
    }
    int32_t *in = ws_calloc(n * t->set.inputs, sizeof(*in));
    uint8_t *y = ws_calloc(n, sizeof(*y));
    fl_normalise_rows(&t->set, x->model.norm, from, n, in, y);
    const struct fl_rows rows = {in, y, n};
    fl_confuse(&x->model.shape, x->model.params, &rows, &x->counts);
    free(in);
    free(y);
    return CTL_DONE;
}

static int test_on_roots(struct test *x) {
    struct buf octets = {0};
    struct fl_roots roots = {0};
    struct ws_err err = {0};
    int code = CTL_DONE;
    int rc = file_read(x->roots_file, FL_MAX_ROOTS_OCTETS, &octets, &err);
    if (rc == WS_OK) {
        rc = fl_roots_decode(buf_span(&octets), &roots, &err);
        if (rc != WS_OK)
            (void)ws_fail_in(&err, "%s", x->roots_file);
    }
    if (rc != WS_OK)
        code = ctl_fail(x->t.v, CTL_UNREACHABLE, &err);
    else if (fl_roots_fit(&roots, &x->model.shape, &err) != WS_OK)
        code = ctl_fail(x->t.v, CTL_NO, &err);
    else
        fl_confuse(&x->model.shape, x->model.params, &roots.rows, &x->counts);
    x->part = "root set";
    fl_roots_free(&roots);
    buf_free(&octets);
    return code;
}

static int test_it(struct test *x, const struct ctl_list *words) {
    static const char *const parts[] = {"all", "train", "test"};
    size_t p = 0;
    while (p < ARRAY_LEN(parts) && strcmp(x->part, parts[p]) != 0)
        p++;
    if (p == ARRAY_LEN(parts))
        return ctl_misuse(x->t.v, "--part: all, train or test");
    if (x->roots_file != NULL && (x->t.schema_file != NULL || x->t.data.n > 0 || words->n > 1))
        return ctl_misuse(x->t.v, "--roots goes without tables");
    int code = ctl_model_load(x->t.v, words->v[0], &x->octets, &x->model);
    if (code == CTL_DONE)
        code = x->roots_file != NULL ? test_on_roots(x) : test_on_tables(x, words);
    return code == CTL_DONE ? tell_test(x) : code;
}

static int run_test(const struct ctl_verb *v, int argc, char **argv) {
    struct test *x = ws_alloc(sizeof(*x));
    struct ctl_list words = {0};
    struct ctl_option options[CTL_TABLES_OPTIONS + 3] = {
        [CTL_TABLES_OPTIONS] = {"part", CTL_TEXT, (void *)&x->part, 0, 0},
        {"roots", CTL_TEXT, (void *)&x->roots_file, 0, 0},
        {"json", CTL_FLAG, &x->json, 0, 0},
    };
    int code;
    x->part = "all";
    ctl_tables_options(&x->t, v, options);
    if (ctl_options(v, argc, argv, options, ARRAY_LEN(options), &words, 1, CTL_LIST_MAX, &code))
        code = test_it(x, &words);
    ctl_tables_free(&x->t);
    fl_model_free(&x->model);
    buf_free(&x->octets);
    free(x);
    return code;
}

const struct ctl_verb ctl_model_test = {"model", "test", "count a model's answers on tables",
    "MODEL --schema FILE --data FILE... [options]\n"
    "       rsuctl model test MODEL --roots FILE [--json]\n"
    "\n"
    "Accuracy, recall of each class, and what it says for rows of each, in the integers that "
    "validators count with.\n"
    "Rows that cannot be read are told with their line. Exit code 1: the schema or the root set is "
    "not the model's.\n"
    "\n" CTL_TABLES_USAGE
    "  --part PART         all rows, those to learn from (train) or the others (test); all unless "
    "given\n"
    "  --roots FILE        a root set instead of tables\n"
    "  --json              print JSON\n",
    run_test};
