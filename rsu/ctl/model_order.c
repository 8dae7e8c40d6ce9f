/* rsuctl model order, stop: orders of the policy authorities about the model in force. The files themselves come to a unit through its
 * admin socket; the order names them by hash. */
#include "base/fileio.h"
#include "base/mem.h"
#include "fedlearn/round/records.h"
#include "ledger/exec/hash.h"
#include "rsu/ctl/http.h"
#include "rsu/ctl/model.h"
#include "rsu/ctl/order.h"
#include "rsu/host/admin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct model_order {
    struct ctl_order o;
    const char *model_file, *roots_file, *parent_file, *name;
    struct buf model_octets;
    struct fl_model model;
    struct fl_model_order what;
    struct buf body;
};

/* CTL_DONE, or CTL_USAGE after saying why. */
static int take_name(struct model_order *d) {
    const char *from = d->name;
    size_t n = from == NULL ? 0 : strlen(from);
    if (from == NULL) {
        from = strrchr(d->model_file, '/');
        from = from == NULL ? d->model_file : from + 1;
        n = strcspn(from, ".");
    }
    if (!fl_model_name_good(span_of(from, n)))
        return ctl_misuse(d->o.v, "'%.*s' is no name of a model: 1 to %d of a-z 0-9 -: --name",
            (int)(n > 60 ? 60 : n), from, FL_MODEL_NAME - 1);
    memcpy(d->what.name, from, n);
    return CTL_DONE;
}

static int read_model(struct model_order *d) {
    int code = ctl_model_load(d->o.v, d->model_file, &d->model_octets, &d->model);
    d->what.params = (uint32_t)(code == CTL_DONE ? fl_shape_params(&d->model.shape) : 0);
    exec_sha256_one(buf_span(&d->model_octets), d->what.hash);
    return code;
}

/* learn.safety_classes of the policy in force; 0 where no unit is asked, or it does not say: the order does not hang on it. */
static uint64_t guarded_classes(const struct model_order *d) {
    struct ctl_http *h = NULL;
    json_t *page = NULL;
    uint64_t guarded = 0;
    size_t i;
    json_t *f;
    if (d->o.http.address == NULL)
        return 0;
    if (ctl_http_open(&d->o.http, &h, NULL) == WS_OK &&
        ctl_http_json_most(h, "/v1/policies", CTL_POLICIES_MAX, &page, NULL) == WS_OK) {
        json_array_foreach(json_object_get(json_object_get(page, "current"), "table"), i, f) {
            if (strcmp(ctl_json_text(f, "field"), "learn.safety_classes") == 0)
                guarded = (uint64_t)ctl_json_number(f, "value");
        }
    }
    ctl_http_close(h);
    json_decref(page);
    return guarded;
}

static void tell_unguarded(const struct model_order *d, const struct fl_roots *roots) {
    const uint64_t guarded = guarded_classes(d);
    size_t rows[FL_MAX_CLASSES] = {0};
    for (size_t i = 0; guarded != 0 && i < roots->rows.n; i++)
        rows[roots->y[i]]++;
    for (unsigned k = 0; k < roots->classes; k++)
        if ((guarded >> k & 1) != 0 && rows[k] < FL_CLASS_ROWS_MIN)
            (void)fprintf(stderr,
                "%s: the policy in force guards class %u \"%s\" (learn.safety_classes), of which "
                "there are %zu rows: with fewer than %d it has no say\n",
                d->roots_file, k, d->model.classes[k], rows[k], FL_CLASS_ROWS_MIN);
}

static int read_roots(struct model_order *d) {
    struct ws_err err = {0};
    struct buf octets = {0};
    struct fl_roots roots = {0};
    int code = CTL_DONE;
    int rc = file_read(d->roots_file, FL_MAX_ROOTS_OCTETS, &octets, &err);
    if (rc == WS_OK) {
        rc = fl_roots_decode(buf_span(&octets), &roots, &err);
        if (rc != WS_OK)
            (void)ws_fail_in(&err, "%s", d->roots_file);
    }
    if (rc != WS_OK) {
        code = ctl_fail(d->o.v, CTL_UNREACHABLE, &err);
    } else if (fl_roots_fit(&roots, &d->model.shape, &err) != WS_OK) {
        (void)ws_fail_in(&err, "%s", d->roots_file);
        code = ctl_fail(d->o.v, CTL_NO, &err);
    } else {
        d->what.classes = (uint8_t)roots.classes;
        exec_sha256_one(buf_span(&octets), d->what.root_set);
        tell_unguarded(d, &roots);
    }
    fl_roots_free(&roots);
    buf_free(&octets);
    return code;
}

/* A model that continues another one is judged beside it: which way the last step went. */
static int check_parent(const struct model_order *d) {
    static const uint8_t zero[32];
    struct ws_err err = {0};
    struct buf octets = {0};
    struct fl_model parent = {0};
    uint8_t hash[32];
    char want[65];
    hex_encode(want, d->model.parent, 32);
    const bool has = memcmp(d->model.parent, zero, 32) != 0;
    if (d->parent_file == NULL) {
        if (has)
            (void)fprintf(stderr,
                "%s continues model %s: no round ends before the units have that one, too "
                "(--parent)\n",
                d->model_file, want);
        return CTL_DONE;
    }
    int code = ctl_model_load(d->o.v, d->parent_file, &octets, &parent);
    exec_sha256_one(buf_span(&octets), hash);
    if (code == CTL_DONE && memcmp(hash, d->model.parent, 32) != 0) {
        (void)ws_fail(&err, WS_EINPUT, "%s is not the model that %s continues (%s)", d->parent_file,
            d->model_file, has ? want : "none");
        code = ctl_fail(d->o.v, CTL_NO, &err);
    }
    fl_model_free(&parent);
    buf_free(&octets);
    return code;
}

/* Into the unit's store; it must find what we have read. */
static int put_file(const struct model_order *d, const char *path, const uint8_t hash[static 32]) {
    struct buf word = {0};
    struct buf line = {0};
    struct ws_err err = {0};
    char want[65];
    int code = CTL_DONE;
    hex_encode(want, hash, 32);
    char *full = realpath(path, NULL);
    if (full == NULL) {
        (void)ws_fail(&err, WS_EIO, "%s: %s", path, strerror(errno));
        return ctl_fail(d->o.v, CTL_UNREACHABLE, &err);
    }
    buf_printf(&word, "learn file %s", full);
    if (admin_send(d->o.admin, buf_span(&word), &line, &err) != WS_OK) {
        code = ctl_fail(d->o.v, CTL_UNREACHABLE, &err);
    } else {
        buf_u8(&line, 0);
        const char *answer = (const char *)line.p;
        if (strncmp(answer, "ok ", 3) != 0)
            code = ctl_order_refused(d->o.v, answer);
        else if (strncmp(answer + 3, want, 64) != 0) {
            (void)ws_fail(&err, WS_EINPUT,
                "%s: the unit reads another file by this name (%.64s): is it the same machine?",
                full, answer + 3);
            code = ctl_fail(d->o.v, CTL_NO, &err);
        }
    }
    free(full);
    buf_free(&line);
    buf_free(&word);
    return code;
}

static int send_order(struct model_order *d, enum fl_order kind) {
    d->o.order.role = ROLE_POLICY;
    d->o.order.kind = (uint16_t)kind;
    d->o.order.body = buf_span(&d->body);
    return ctl_order_send(&d->o);
}

static int order(struct model_order *d) {
    int code = take_name(d);
    if (code == CTL_DONE)
        code = read_model(d);
    if (code == CTL_DONE && d->roots_file != NULL)
        code = read_roots(d);
    if (code == CTL_DONE)
        code = check_parent(d);
    if (code == CTL_DONE)
        code = ctl_order_begin(&d->o);
    if (code == CTL_DONE)
        code = put_file(d, d->model_file, d->what.hash);
    if (code == CTL_DONE && d->parent_file != NULL)
        code = put_file(d, d->parent_file, d->model.parent);
    if (code == CTL_DONE && d->roots_file != NULL)
        code = put_file(d, d->roots_file, d->what.root_set);
    if (code != CTL_DONE)
        return code;
    fl_model_order_encode(&d->what, &d->body);
    return send_order(d, FL_ORDER_MODEL);
}

static void free_order(struct model_order *d) {
    ctl_order_free(&d->o);
    fl_model_free(&d->model);
    buf_free(&d->model_octets);
    buf_free(&d->body);
    free(d);
}

static int run_order(const struct ctl_verb *v, int argc, char **argv) {
    struct ctl_list words = {0};
    struct model_order *d = ws_alloc(sizeof(*d));
    struct ctl_option options[CTL_ORDER_OPTIONS + 3] = {
        [CTL_ORDER_OPTIONS] = {"roots", CTL_TEXT, (void *)&d->roots_file, 0, 0},
        {"parent", CTL_TEXT, (void *)&d->parent_file, 0, 0},
        {"name", CTL_TEXT, (void *)&d->name, 0, 0},
    };
    int code;
    ctl_order_options(&d->o, v, options);
    if (ctl_options(v, argc, argv, options, ARRAY_LEN(options), &words, 1, 1, &code)) {
        d->model_file = words.v[0];
        code = order(d);
    }
    free_order(d);
    return code;
}

const struct ctl_verb ctl_model_order = {"model", "order",
    "put a model in force, signed by the policy authorities",
    "MODEL [--roots FILE] [--parent FILE] [--name NAME] --genesis FILE --key FILE --admin SOCKET "
    "[options]\n"
    "\n"
    "The unit takes the files into its store, from which the other units get them, then the order, "
    "which names them by\n"
    "hash. Rounds begin with it as soon as they can; one that is on is aborted. Without a root set "
    "nothing is tried and\n"
    "nothing vetoed. The unit must be able to read the files: it is on this machine. Exit code 1: "
    "refused, with the\n"
    "reason. With --http it is said when the policy in force guards a class that the root set has "
    "too few rows of.\n"
    "\n"
    "  --roots FILE          root set of `model roots`\n"
    "  --parent FILE         the model that this one continues, when it is not a first one\n"
    "  --name NAME           a-z, 0-9, -; the file's, up to its first dot, unless "
    "given\n" CTL_ORDER_USAGE,
    run_order};

static int run_stop(const struct ctl_verb *v, int argc, char **argv) {
    struct model_order *d = ws_alloc(sizeof(*d));
    struct ctl_option options[CTL_ORDER_OPTIONS];
    int code;
    ctl_order_options(&d->o, v, options);
    if (ctl_options(v, argc, argv, options, ARRAY_LEN(options), NULL, 0, 0, &code)) {
        code = ctl_order_begin(&d->o);
        if (code == CTL_DONE)
            code = send_order(d, FL_ORDER_STOP);
    }
    free_order(d);
    return code;
}

const struct ctl_verb ctl_model_stop = {"model", "stop",
    "take the model out of force, signed by the policy authorities",
    "--genesis FILE --key FILE --admin SOCKET [options]\n"
    "\n"
    "A round that is on is aborted, and none begins until there is a model again.\n"
    "\n" CTL_ORDER_USAGE,
    run_stop};
