#include "fedlearn/vehicle/model.h"

#include "base/mem.h"
#include "ledger/exec/hash.h"

#include <stdio.h>
#include <stdlib.h>

enum { FORM = 1, KIND_NETWORK = 1, HEAD = 16 + 1 + 1 + 3 * 2 + 1 + 8 + 32 };
_Static_assert((int)HEAD == (int)FL_MODEL_HEAD, "the head in the header");
static const char domain[16] = "WAYSIDE-FL-MODEL";
static const int64_t norm_max = (int64_t)1 << 52;

/* Length of the UTF-8 sequence at p, 0 for what is none, is overlong, a surrogate or beyond U+10FFFF. */
static size_t utf8_length(const uint8_t *p, size_t n) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (p[0] < 0x80)
        return 1;
    size_t k = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || n < k)
        return 0;
    uint32_t c = p[0] & (0x7fU >> k);
    for (size_t i = 1; i < k; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3fU);
    }
    return c < least[k] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0 : k;
}

static bool is_name(struct span s, size_t room) {
    if (s.n == 0 || s.n >= room)
        return false;
    for (size_t i = 0; i < s.n;) {
        size_t k = utf8_length(s.p + i, s.n - i);
        if (k == 0 || s.p[i] < 0x20 || s.p[i] == 0x7f)
            return false;
        i += k;
    }
    return true;
}

static bool is_norm(const struct fl_norm *n) {
    return n->middle >= -norm_max && n->middle <= norm_max && n->factor >= 0 &&
           n->factor <= norm_max;
}

static void reserve(struct fl_model *m) {
    m->norm = ws_calloc(m->shape.inputs, sizeof(*m->norm));
    m->inputs = ws_calloc(m->shape.inputs, sizeof(*m->inputs));
    m->classes = ws_calloc(m->shape.classes, sizeof(*m->classes));
    m->params = ws_calloc(fl_shape_params(&m->shape), sizeof(*m->params));
}

void fl_model_free(struct fl_model *m) {
    free(m->norm);
    free(m->inputs);
    free(m->classes);
    free(m->params);
    *m = (struct fl_model){0};
}

static void name_input(const struct fl_schema *s, size_t i, char *ret) {
    static const char *const parts[FL_WINDOW_STATISTICS] = {
        ".mean", ".deviation", ".least", ".greatest", ".step"};
    const struct fl_feature *f = &s->feature[s->window != 0 ? i / FL_WINDOW_STATISTICS : i];
    (void)snprintf(ret, FL_INPUT_NAME, "%s%s%s%s", f->column.names[0], f->difference ? " - " : "",
        f->difference ? f->minus.names[0] : "",
        s->window != 0 ? parts[i % FL_WINDOW_STATISTICS] : "");
}

static int check(const struct fl_model *m, struct ws_err *err) {
    if (m->steps > INT64_MAX)
        return ws_fail(err, WS_EINPUT, "steps above 2^63 - 1");
    for (size_t i = 0; i < m->shape.inputs; i++) {
        if (!is_norm(&m->norm[i]))
            return ws_fail(err, WS_EINPUT, "constants of input %zu are out of range", i);
        if (!is_name(span_of(m->inputs[i], strlen(m->inputs[i])), FL_INPUT_NAME))
            return ws_fail(err, WS_EINPUT, "the name of input %zu is not UTF-8", i);
    }
    for (size_t i = 0; i < m->shape.classes; i++)
        if (!is_name(span_of(m->classes[i], strlen(m->classes[i])), FL_NAME))
            return ws_fail(err, WS_EINPUT, "the name of class %zu is not UTF-8", i);
    for (size_t i = 0; i < fl_shape_params(&m->shape); i++)
        if (m->params[i] > FL_PARAM_MAX || m->params[i] < -FL_PARAM_MAX)
            return ws_fail(err, WS_EINPUT, "parameter %zu is out of range", i);
    return 0;
}

int fl_model_new(const struct fl_schema *schema, uint16_t hidden, const struct fl_norm *norm,
    const int32_t *params, struct fl_model *ret, struct ws_err *err) {
    struct fl_model m = {.shape = {fl_schema_inputs(schema), hidden, schema->classes}};
    if (fl_shape_check(&m.shape, err) != 0)
        return WS_EINPUT;
    reserve(&m);
    for (size_t i = 0; i < m.shape.inputs; i++) {
        m.norm[i] = norm[i];
        name_input(schema, i, m.inputs[i]);
    }
    memcpy(m.classes, schema->values, schema->classes * sizeof(*m.classes));
    if (params != NULL)
        memcpy(m.params, params, fl_shape_params(&m.shape) * sizeof(*params));
    int rc = check(&m, err);
    if (rc == 0)
        *ret = m;
    else
        fl_model_free(&m);
    return rc;
}

static void put_name(struct buf *b, const char *name) {
    size_t n = strlen(name);
    buf_u8(b, (uint8_t)n);
    buf_put(b, name, n);
}

void fl_model_encode(const struct fl_model *m, struct buf *ret) {
    buf_put(ret, domain, sizeof(domain));
    buf_u8(ret, FORM);
    buf_u8(ret, KIND_NETWORK);
    buf_u16(ret, m->shape.inputs);
    buf_u16(ret, m->shape.hidden);
    buf_u16(ret, m->shape.classes);
    buf_u8(ret, FL_PARAM_FRACTION);
    buf_u64(ret, m->steps);
    buf_put(ret, m->parent, sizeof(m->parent));
    for (size_t i = 0; i < m->shape.inputs; i++) {
        put_name(ret, m->inputs[i]);
        buf_i64(ret, m->norm[i].middle);
        buf_i64(ret, m->norm[i].factor);
    }
    for (size_t i = 0; i < m->shape.classes; i++)
        put_name(ret, m->classes[i]);
    for (size_t i = 0; i < fl_shape_params(&m->shape); i++)
        buf_i32(ret, m->params[i]);
}

static int read_name(
    struct rd *r, size_t room, const char *what, size_t number, char *ret, struct ws_err *err) {
    struct span s = rd_take(r, rd_u8(r));
    if (r->bad)
        return ws_fail(err, WS_EINPUT, "the model ends in %s %zu", what, number);
    if (!is_name(s, room))
        return ws_fail(
            err, WS_EINPUT, "the name of %s %zu is empty, too long or not UTF-8", what, number);
    if (ret != NULL)
        memcpy(ret, s.p, s.n);
    return 0;
}

/* Names and constants; with m == NULL only walked over, so that the length is known before anything is allocated. */
static int read_names(
    struct rd *r, const struct fl_shape *shape, struct fl_model *m, struct ws_err *err) {
    for (size_t i = 0; i < shape->inputs; i++) {
        if (read_name(r, FL_INPUT_NAME, "input", i, m != NULL ? m->inputs[i] : NULL, err) != 0)
            return WS_EINPUT;
        struct fl_norm norm = {.middle = rd_i64(r)};
        norm.factor = rd_i64(r);
        if (r->bad || !is_norm(&norm))
            return ws_fail(err, WS_EINPUT, "constants of input %zu are missing or out of range", i);
        if (m != NULL)
            m->norm[i] = norm;
    }
    for (size_t i = 0; i < shape->classes; i++)
        if (read_name(r, FL_NAME, "class", i, m != NULL ? m->classes[i] : NULL, err) != 0)
            return WS_EINPUT;
    return 0;
}

int fl_model_decode(struct span octets, struct fl_model *ret, struct ws_err *err) {
    struct rd r = rd_of(octets);
    struct span head = rd_take(&r, sizeof(domain));
    uint8_t form = rd_u8(&r);
    if (r.bad || memcmp(head.p, domain, sizeof(domain)) != 0)
        return ws_fail(err, WS_EINPUT, "no model: it does not begin with %.16s", domain);
    if (form != FORM)
        return ws_fail(err, WS_ENOTSUP, "a model of form %u; %d is read", form, FORM);
    uint8_t kind = rd_u8(&r);
    if (!r.bad && kind != KIND_NETWORK)
        return ws_fail(err, WS_ENOTSUP, "a model of kind %u; %d is read", kind, KIND_NETWORK);
    struct fl_model m = {.shape.inputs = rd_u16(&r)};
    m.shape.hidden = rd_u16(&r);
    m.shape.classes = rd_u16(&r);
    uint8_t fraction = rd_u8(&r);
    m.steps = rd_u64(&r);
    rd_copy(&r, m.parent, sizeof(m.parent));
    if (r.bad)
        return ws_fail(err, WS_EINPUT, "the model ends in its head of %d octets", HEAD);
    if (fl_shape_check(&m.shape, err) != 0)
        return WS_EINPUT;
    if (fraction != FL_PARAM_FRACTION)
        return ws_fail(
            err, WS_ENOTSUP, "%u fraction bits; %d are read", fraction, FL_PARAM_FRACTION);
    struct rd walk = r;
    if (read_names(&walk, &m.shape, NULL, err) != 0)
        return WS_EINPUT;
    size_t d = fl_shape_params(&m.shape);
    if (rd_left(&walk) != d * 4)
        return ws_fail(err, WS_EINPUT, "%zu octets for %zu parameters", rd_left(&walk), d);
    reserve(&m);
    int rc = read_names(&r, &m.shape, &m, err);
    for (size_t i = 0; rc == 0 && i < d; i++)
        m.params[i] = rd_i32(&r);
    if (rc == 0)
        rc = check(&m, err);
    if (rc == 0)
        *ret = m;
    else
        fl_model_free(&m);
    return rc;
}

bool fl_model_peek_parent(struct span head, uint8_t ret_parent[static 32]) {
    if (head.n < HEAD || memcmp(head.p, domain, sizeof(domain)) != 0)
        return false;
    memcpy(ret_parent, head.p + HEAD - 32, 32);
    return true;
}

void fl_model_hash(const struct fl_model *m, uint8_t ret_hash[static 32]) {
    struct buf b = {0};
    fl_model_encode(m, &b);
    exec_sha256_one(buf_span(&b), ret_hash);
    buf_free(&b);
}
