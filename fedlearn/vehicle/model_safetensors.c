/* Tensors of a model, and the safetensors form: length of the header (8 octets, little-endian), header in JSON, padded
 * with blanks to a multiple of 8, data little-endian. */
#include "fedlearn/vehicle/model_tensors.h"

#include "fedlearn/vehicle/quantise.h"

#include <inttypes.h>
#include <math.h>

void fl_put_le(struct buf *b, uint64_t v, size_t octets) {
    for (size_t i = 0; i < octets; i++)
        buf_u8(b, (uint8_t)(v >> (8 * i)));
}

static void put_float(struct buf *b, float v) {
    uint32_t bits;
    memcpy(&bits, &v, sizeof(bits));
    fl_put_le(b, bits, 4);
}

size_t fl_model_tensors(const struct fl_model *m, struct fl_tensor ret[static FL_MAX_TENSORS]) {
    size_t in = m->shape.inputs;
    size_t hidden = m->shape.hidden;
    const int32_t *p = m->params;
    size_t n = 0;
    ret[n++] = (struct fl_tensor){"input.middle", 0, in, m->norm, false, NULL};
    ret[n++] = (struct fl_tensor){"input.factor", 0, in, m->norm, true, NULL};
    if (hidden != 0) {
        ret[n++] =
            (struct fl_tensor){.name = "hidden.weight", .rows = hidden, .columns = in, .params = p};
        p += hidden * in;
        ret[n++] = (struct fl_tensor){.name = "hidden.bias", .columns = hidden, .params = p};
        p += hidden;
        in = hidden;
    }
    ret[n++] = (struct fl_tensor){
        .name = "output.weight", .rows = m->shape.classes, .columns = in, .params = p};
    p += m->shape.classes * in;
    ret[n++] = (struct fl_tensor){.name = "output.bias", .columns = m->shape.classes, .params = p};
    return n;
}

void fl_tensor_put(const struct fl_tensor *t, struct buf *ret) {
    for (size_t i = 0; i < fl_tensor_values(t); i++) {
        double v = t->params != NULL ? ldexp(t->params[i], -FL_PARAM_FRACTION)
                   : t->factor       ? ldexp((double)t->norm[i].factor, -32)
                                     : ldexp((double)t->norm[i].middle, -20);
        put_float(ret, (float)v);
    }
}

/* Names have no control characters. A line between them. */
static void put_text(struct buf *b, const char *names, size_t n, size_t width) {
    buf_printf(b, "\"");
    for (size_t i = 0; i < n; i++) {
        buf_printf(b, "%s", i != 0 ? "\\n" : "");
        for (const char *c = names + i * width; *c != '\0'; c++)
            buf_printf(b, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
    }
    buf_printf(b, "\"");
}

static void put_entry(struct buf *b, const struct fl_tensor *t, const char *type, size_t at) {
    buf_printf(b, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[", t->name, type);
    if (t->rows != 0)
        buf_printf(b, "%zu,", t->rows);
    buf_printf(b, "%zu],\"data_offsets\":[%zu,%zu]}", t->columns, at, at + 4 * fl_tensor_values(t));
}

void fl_model_safetensors(const struct fl_model *m, uint64_t version, struct buf *ret) {
    struct fl_tensor t[FL_MAX_TENSORS];
    size_t n = fl_model_tensors(m, t);
    uint8_t hash[32];
    char hex[65];
    struct buf head = {0};
    fl_model_hash(m, hash);
    hex_encode(hex, hash, sizeof(hash));
    buf_printf(&head, "{\"__metadata__\":{\"classes\":");
    put_text(&head, m->classes[0], m->shape.classes, FL_NAME);
    buf_printf(&head, ",\"inputs\":");
    put_text(&head, m->inputs[0], m->shape.inputs, FL_INPUT_NAME);
    buf_printf(&head, ",\"fraction_bits\":\"%d\",\"hash\":\"%s\",\"steps\":\"%" PRIu64 "\"",
        FL_PARAM_FRACTION, hex, m->steps);
    if (version != 0)
        buf_printf(&head, ",\"version\":\"%" PRIu64 "\"", version);
    hex_encode(hex, m->parent, sizeof(m->parent));
    buf_printf(&head, ",\"parent\":\"%s\"}", hex);
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        put_entry(&head, &t[i], "F32", at);
        at += 4 * fl_tensor_values(&t[i]);
    }
    struct fl_tensor fixed = {.name = "fixed.params", .columns = fl_shape_params(&m->shape)};
    put_entry(&head, &fixed, "I32", at);
    buf_printf(&head, "}");
    while (head.n % 8 != 0)
        buf_printf(&head, " ");
    fl_put_le(ret, head.n, 8);
    buf_put(ret, head.p, head.n);
    for (size_t i = 0; i < n; i++)
        fl_tensor_put(&t[i], ret);
    for (size_t i = 0; i < fixed.columns; i++)
        fl_put_le(ret, (uint32_t)m->params[i], 4);
    buf_free(&head);
}
