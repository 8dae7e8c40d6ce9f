/* rsuctl model new, roots: what an authority begins with, made from tables. */
#include "base/fileio.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "rsu/ctl/model.h"

#include <stdlib.h>
#include <string.h>

/* Classes with fewer rows of the root set have no say in the veto (docs/formats/learning.md, Rounds); octets of a root set without its
 * head. */
enum { SAY_ROWS = 20, ROOTS_OCTETS = FL_MAX_ROOTS_OCTETS - 64 };

static int save(const struct ctl_verb *v, const char *path, const struct buf *octets) {
    struct ws_err err = {0};
    if (file_write(path, buf_span(octets), 0644, &err) != WS_OK)
        return ctl_fail(v, CTL_UNREACHABLE, &err);
    return CTL_DONE;
}

/* ---- new ---- */

static int tell_new(
    const struct ctl_tables *t, const struct fl_model *m, const char *out, bool json) {
    char hash[65];
    ctl_model_name(m, hash);
    const size_t params = fl_shape_params(&m->shape);
    if (json) {
        json_t *o = json_pack("{s:s, s:s, s:i, s:i, s:i, s:I, s:I, s:I, s:I, s:I, s:O}", "file",
            out, "hash", hash, "inputs", (int)m->shape.inputs, "hidden", (int)m->shape.hidden,
            "classes", (int)m->shape.classes, "parameters", (json_int_t)params, "rows",
            (json_int_t)t->set.n, "train_rows", (json_int_t)t->train, "blocks",
            (json_int_t)t->blocks.all, "train_blocks", (json_int_t)t->blocks.train, "left_out",
            t->left_out);
        int code = ctl_print_json(t->v, o);
        json_decref(o);
        return code;
    }
    struct buf b = {0};
    buf_printf(&b,
        "%s: model of %u inputs, %u hidden, %u classes: %zu parameters\nhash: %s\nnorms from %zu "
        "of %zu rows, %zu of %zu blocks\n",
        out, m->shape.inputs, m->shape.hidden, m->shape.classes, params, hash, t->train, t->set.n,
        t->blocks.train, t->blocks.all);
    int code = ctl_print(t->v, buf_span(&b));
    buf_free(&b);
    return code;
}

struct fresh {
    struct ctl_tables t;
    uint64_t hidden, seed; /* seed: of the parameters */
    const char *out;
    bool json;
};

static int make(struct fresh *f, struct fl_model *ret, struct ws_err *err) {
    struct ctl_tables *t = &f->t;
    const uint16_t hidden = (uint16_t)f->hidden;
    const struct fl_shape shape = {fl_schema_inputs(&t->schema), hidden, t->schema.classes};
    int rc = fl_shape_check(&shape, err);
    if (rc != WS_OK)
        return rc;
    struct ws_random random = ws_random_seeded(f->seed);
    struct fl_norm *norm = ws_calloc(shape.inputs, sizeof(*norm));
    int32_t *params = ws_calloc(fl_shape_params(&shape), sizeof(*params));
    fl_norm_of(&t->set, t->rows, t->train, norm);
    fl_model_start(&shape, &random, params);
    rc = fl_model_new(&t->schema, hidden, norm, params, ret, err);
    free(params);
    free(norm);
    return rc;
}

static int make_new(struct fresh *f) {
    struct ctl_tables *t = &f->t;
    struct ws_err err = {0};
    struct fl_model m = {0};
    struct buf octets = {0};
    int code;
    if (t->train == 0) {
        (void)ws_fail(&err, WS_EINPUT,
            "none of the %zu rows is to learn from: blocks of %u rows are dealt out whole, so more "
            "are needed",
            t->set.n, t->schema.block);
        return ctl_fail(t->v, CTL_NO, &err);
    }
    if (make(f, &m, &err) != WS_OK)
        return ctl_fail(t->v, CTL_NO, &err);
    fl_model_encode(&m, &octets);
    code = save(t->v, f->out, &octets);
    if (code == CTL_DONE)
        code = tell_new(t, &m, f->out, f->json);
    if (code == CTL_DONE && !f->json)
        ctl_tables_tell_split(t);
    buf_free(&octets);
    fl_model_free(&m);
    return code;
}

static int run_new(const struct ctl_verb *v, int argc, char **argv) {
    struct fresh *f = ws_alloc(sizeof(*f));
    struct ctl_list words = {0};
    struct ctl_option options[CTL_TABLES_OPTIONS + 4] = {
        [CTL_TABLES_OPTIONS] = {"hidden", CTL_NUMBER, &f->hidden, 0, FL_MAX_HIDDEN},
        {"seed", CTL_NUMBER, &f->seed, 0, UINT64_MAX},
        {"out", CTL_TEXT, (void *)&f->out, 0, 0},
        {"json", CTL_FLAG, &f->json, 0, 0},
    };
    int code;
    ctl_tables_options(&f->t, v, options);
    f->seed = 1;
    if (ctl_options(v, argc, argv, options, ARRAY_LEN(options), &words, 0, CTL_LIST_MAX, &code)) {
        code = f->out == NULL ? ctl_misuse(v, "--out is needed")
                              : ctl_tables_read(&f->t, words.v, words.n, f->json);
        if (code == CTL_DONE)
            code = make_new(f);
    }
    ctl_tables_free(&f->t);
    free(f);
    return code;
}

const struct ctl_verb ctl_model_new = {"model", "new", "make a first model for a schema",
    "--schema FILE --data FILE... --out FILE [options]\n"
    "\n"
    "Inputs and classes are the schema's; how inputs are normalised comes from the tables' rows to "
    "learn from. The\n"
    "parameters are drawn by the seed: the model has learned nothing yet. Rows that cannot be read "
    "are told.\n"
    "\n" CTL_TABLES_USAGE
    "  --seed N            draws the parameters: the same tables, split and seed, the same file; 1 "
    "unless given\n"
    "  --hidden N          size of the hidden layer, up to 1000; 0, logistic regression, unless "
    "given\n"
    "  --out FILE          where the model goes\n"
    "  --json              print JSON\n",
    run_new};

/* ---- roots ---- */

struct roots {
    struct ctl_tables t;
    uint64_t per_class;
    const char *model_file, *out;
    bool json;
    struct fl_model model;
    size_t n, of_class[FL_MAX_CLASSES];
};

/* The first rows of each class among those to test on, in the order in which they were dealt out. */
static uint32_t *choose(struct roots *r) {
    const struct ctl_tables *t = &r->t;
    uint32_t *chosen = ws_calloc(t->set.n, sizeof(*chosen));
    for (size_t i = t->train; i < t->set.n && r->n < FL_MAX_ROOTS; i++) {
        const uint8_t class = t->set.y[t->rows[i]];
        if (r->of_class[class] == r->per_class)
            continue;
        r->of_class[class]++;
        chosen[r->n++] = t->rows[i];
    }
    return chosen;
}

static int tell_roots(const struct roots *r, const struct buf *octets) {
    char hash[65];
    uint8_t digest[32];
    exec_sha256_one(buf_span(octets), digest);
    hex_encode(hash, digest, 32);
    json_t *classes = json_array();
    struct buf b = {0};
    buf_printf(&b, "%s: root set of %zu rows\nhash: %s\n", r->out, r->n, hash);
    for (size_t c = 0; c < r->model.shape.classes; c++) {
        const bool say = r->of_class[c] >= SAY_ROWS;
        buf_printf(&b, "  %-20s %9zu rows%s\n", r->model.classes[c], r->of_class[c],
            say ? "" : ", too few to have a say in the veto");
        (void)json_array_append_new(
            classes, json_pack("{s:s, s:I, s:b}", "class", r->model.classes[c], "rows",
                         (json_int_t)r->of_class[c], "has_say", say));
    }
    int code;
    if (r->json) {
        json_t *o = json_pack("{s:s, s:s, s:I, s:o, s:O}", "file", r->out, "hash", hash, "rows",
            (json_int_t)r->n, "classes", classes, "left_out", r->t.left_out);
        code = ctl_print_json(r->t.v, o);
        json_decref(o);
    } else {
        json_decref(classes);
        code = ctl_print(r->t.v, buf_span(&b));
    }
    buf_free(&b);
    return code;
}

static int make_roots(struct roots *r) {
    struct ws_err err = {0};
    uint32_t *chosen = choose(r);
    if (r->n == 0) {
        free(chosen);
        (void)ws_fail(&err, WS_EINPUT,
            "none of the %zu rows is to test on: blocks of %u rows are dealt out whole, so more "
            "are "
            "needed",
            r->t.set.n, r->t.schema.block);
        return ctl_fail(r->t.v, CTL_NO, &err);
    }
    const size_t inputs = r->model.shape.inputs;
    const struct fl_roots asked = {
        .inputs = r->model.shape.inputs, .classes = r->model.shape.classes, .rows = {.n = r->n}};
    int rc = fl_roots_fit(&asked, &r->model.shape, &err);
    if (rc == WS_OK && r->n * (1 + 4 * inputs) > ROOTS_OCTETS)
        rc = ws_fail(
            &err, WS_ELIMIT, "%zu rows of %zu inputs are more than a root set holds", r->n, inputs);
    if (rc != WS_OK) {
        free(chosen);
        (void)ws_fail_in(&err, "--rows");
        return ctl_fail(r->t.v, CTL_NO, &err);
    }
    struct buf octets = {0};
    int32_t *x = ws_calloc(r->n * inputs, sizeof(*x));
    uint8_t *y = ws_calloc(r->n, sizeof(*y));
    fl_normalise_rows(&r->t.set, r->model.norm, chosen, r->n, x, y);
    const struct fl_rows rows = {x, y, r->n};
    fl_roots_encode(&r->model.shape, &rows, &octets);
    int code = save(r->t.v, r->out, &octets);
    if (code == CTL_DONE)
        code = tell_roots(r, &octets);
    if (code == CTL_DONE && !r->json)
        ctl_tables_tell_split(&r->t);
    buf_free(&octets);
    free(x);
    free(y);
    free(chosen);
    return code;
}

static int roots_of(struct roots *r, const struct ctl_list *words) {
    struct buf octets = {0};
    if (r->model_file == NULL || r->out == NULL)
        return ctl_misuse(r->t.v, "--model and --out are needed");
    int code = ctl_model_load(r->t.v, r->model_file, &octets, &r->model);
    if (code == CTL_DONE)
        code = ctl_tables_read(&r->t, words->v, words->n, r->json);
    if (code == CTL_DONE)
        code = ctl_tables_fit(&r->t, &r->model);
    if (code == CTL_DONE)
        code = make_roots(r);
    buf_free(&octets);
    return code;
}

static int run_roots(const struct ctl_verb *v, int argc, char **argv) {
    struct roots *r = ws_alloc(sizeof(*r));
    struct ctl_list words = {0};
    struct ctl_option options[CTL_TABLES_OPTIONS + 4] = {
        [CTL_TABLES_OPTIONS] = {"model", CTL_TEXT, (void *)&r->model_file, 0, 0},
        {"rows", CTL_NUMBER, &r->per_class, 1, FL_MAX_ROOTS},
        {"out", CTL_TEXT, (void *)&r->out, 0, 0},
        {"json", CTL_FLAG, &r->json, 0, 0},
    };
    int code;
    ctl_tables_options(&r->t, v, options);
    r->per_class = 1000;
    if (ctl_options(v, argc, argv, options, ARRAY_LEN(options), &words, 0, CTL_LIST_MAX, &code))
        code = roots_of(r, &words);
    ctl_tables_free(&r->t);
    fl_model_free(&r->model);
    free(r);
    return code;
}

const struct ctl_verb ctl_model_roots = {"model", "roots",
    "make the root set on which every validator tries a model",
    "--model FILE --schema FILE --data FILE... --out FILE [options]\n"
    "\n"
    "Takes rows to test on, normalised as the model says: the rows that `model new` with the same "
    "tables, --train\n"
    "and --split did not look at. The file becomes public. Exit code 1: the schema is not the "
    "model's.\n"
    "\n"
    "  --model FILE        the first model\n" CTL_TABLES_USAGE
    "  --rows N            of each class, at most; 1000 unless given. A class with fewer than 20 "
    "has no say in the\n"
    "                      veto\n"
    "  --out FILE          where the root set goes\n"
    "  --json              print JSON\n",
    run_roots};
