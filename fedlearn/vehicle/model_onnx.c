/* The ONNX form: protobuf written by hand, because only these few fields of onnx.proto are needed. Numbers of fields
 * are in the comments' order: ModelProto, GraphProto, NodeProto, AttributeProto, TensorProto, ValueInfoProto. */
#include "fedlearn/vehicle/model_tensors.h"

#include "base/assert.h"

#include <stdio.h>

enum wire { VARINT = 0, OCTETS = 2 };
enum {
    MODEL_IR_VERSION = 1,
    MODEL_PRODUCER = 2,
    MODEL_VERSION = 5,
    MODEL_GRAPH = 7,
    MODEL_OPSET = 8,
    MODEL_METADATA = 14,
    OPSET_VERSION = 2,
    ENTRY_KEY = 1,
    ENTRY_VALUE = 2,
    GRAPH_NODE = 1,
    GRAPH_NAME = 2,
    GRAPH_INITIALIZER = 5,
    GRAPH_INPUT = 11,
    GRAPH_OUTPUT = 12,
    NODE_INPUT = 1,
    NODE_OUTPUT = 2,
    NODE_NAME = 3,
    NODE_OP = 4,
    NODE_ATTRIBUTE = 5,
    ATTRIBUTE_NAME = 1,
    ATTRIBUTE_I = 3,
    ATTRIBUTE_TYPE = 20,
    ATTRIBUTE_TYPE_INT = 2,
    TENSOR_DIMS = 1,
    TENSOR_TYPE = 2,
    TENSOR_NAME = 8,
    TENSOR_RAW = 9,
    TENSOR_TYPE_FLOAT = 1,
    VALUE_NAME = 1,
    VALUE_TYPE = 2,
    TYPE_TENSOR = 1,
    TYPE_ELEMENT = 1,
    TYPE_SHAPE = 2,
    SHAPE_DIM = 1,
    DIM_VALUE = 1,
    DIM_NAME = 2,
    IR = 8,
    OPSET = 13,
};

static void varint(struct buf *b, uint64_t v) {
    for (; v >= 0x80; v >>= 7)
        buf_u8(b, (uint8_t)(v | 0x80));
    buf_u8(b, (uint8_t)v);
}

static void number(struct buf *b, unsigned field, uint64_t v) {
    varint(b, field << 3 | VARINT);
    varint(b, v);
}

static void octets(struct buf *b, unsigned field, struct span s) {
    varint(b, field << 3 | OCTETS);
    varint(b, s.n);
    buf_put(b, s.p, s.n);
}

static void text(struct buf *b, unsigned field, const char *s) {
    octets(b, field, span_of(s, strlen(s)));
}

/* Puts a message made in `part` and empties it. */
static void message(struct buf *b, unsigned field, struct buf *part) {
    octets(b, field, buf_span(part));
    buf_clear(part);
}

static void put_tensor(struct buf *graph, const struct fl_tensor *t) {
    struct buf b = {0};
    struct buf raw = {0};
    if (t->rows != 0)
        number(&b, TENSOR_DIMS, t->rows);
    number(&b, TENSOR_DIMS, t->columns);
    number(&b, TENSOR_TYPE, TENSOR_TYPE_FLOAT);
    text(&b, TENSOR_NAME, t->name);
    fl_tensor_put(t, &raw);
    message(&b, TENSOR_RAW, &raw);
    message(graph, GRAPH_INITIALIZER, &b);
    buf_free(&raw);
    buf_free(&b);
}

static void put_scalar(struct buf *graph, const char *name, float v) {
    struct buf b = {0};
    uint32_t bits;
    uint8_t raw[4];
    memcpy(&bits, &v, sizeof(bits));
    for (size_t i = 0; i < 4; i++)
        raw[i] = (uint8_t)(bits >> (8 * i));
    number(&b, TENSOR_TYPE, TENSOR_TYPE_FLOAT);
    text(&b, TENSOR_NAME, name);
    octets(&b, TENSOR_RAW, span_of(raw, sizeof(raw)));
    message(graph, GRAPH_INITIALIZER, &b);
    buf_free(&b);
}

/* An operator over `first` and up to two more, with at most one attribute, an integer. */
static void put_node(struct buf *graph, const char *op, const char *const inputs[3],
    const char *output, const char *attribute, uint64_t value) {
    struct buf b = {0};
    struct buf a = {0};
    for (size_t i = 0; i < 3 && inputs[i] != NULL; i++)
        text(&b, NODE_INPUT, inputs[i]);
    text(&b, NODE_OUTPUT, output);
    text(&b, NODE_NAME, output);
    text(&b, NODE_OP, op);
    if (attribute != NULL) {
        text(&a, ATTRIBUTE_NAME, attribute);
        number(&a, ATTRIBUTE_I, value);
        number(&a, ATTRIBUTE_TYPE, ATTRIBUTE_TYPE_INT);
        message(&b, NODE_ATTRIBUTE, &a);
    }
    message(graph, GRAPH_NODE, &b);
    buf_free(&a);
    buf_free(&b);
}

/* float [N, columns] */
static void put_value(struct buf *graph, unsigned field, const char *name, size_t columns) {
    struct buf dim = {0};
    struct buf shape = {0};
    struct buf tensor = {0};
    struct buf type = {0};
    struct buf value = {0};
    text(&dim, DIM_NAME, "N");
    message(&shape, SHAPE_DIM, &dim);
    number(&dim, DIM_VALUE, columns);
    message(&shape, SHAPE_DIM, &dim);
    number(&tensor, TYPE_ELEMENT, TENSOR_TYPE_FLOAT);
    message(&tensor, TYPE_SHAPE, &shape);
    message(&type, TYPE_TENSOR, &tensor);
    text(&value, VALUE_NAME, name);
    message(&value, VALUE_TYPE, &type);
    message(graph, field, &value);
    buf_free(&dim);
    buf_free(&shape);
    buf_free(&tensor);
    buf_free(&type);
    buf_free(&value);
}

static void put_graph(const struct fl_model *m, struct buf *g) {
    put_node(g, "Sub", (const char *const[3]){"features", "input.middle"}, "centred", NULL, 0);
    put_node(g, "Mul", (const char *const[3]){"centred", "input.factor"}, "scaled", NULL, 0);
    put_node(g, "Clip", (const char *const[3]){"scaled", "input.least", "input.greatest"},
        "normalised", NULL, 0);
    const char *last = "normalised";
    if (m->shape.hidden != 0) {
        put_node(g, "Gemm", (const char *const[3]){last, "hidden.weight", "hidden.bias"},
            "hidden.sum", "transB", 1);
        put_node(g, "Relu", (const char *const[3]){"hidden.sum"}, "hidden", NULL, 0);
        last = "hidden";
    }
    put_node(g, "Gemm", (const char *const[3]){last, "output.weight", "output.bias"}, "scores",
        "transB", 1);
    put_node(g, "Softmax", (const char *const[3]){"scores"}, "probabilities", "axis", 1);
    text(g, GRAPH_NAME, "wayside");
    struct fl_tensor t[FL_MAX_TENSORS];
    size_t n = fl_model_tensors(m, t);
    for (size_t i = 0; i < n; i++)
        put_tensor(g, &t[i]);
    const float most = (float)(FL_INPUT_MAX >> FL_INPUT_FRACTION);
    put_scalar(g, "input.least", -most);
    put_scalar(g, "input.greatest", most);
    put_value(g, GRAPH_INPUT, "features", m->shape.inputs);
    put_value(g, GRAPH_OUTPUT, "probabilities", m->shape.classes);
}

static void put_metadata(struct buf *model, const char *key, struct span value) {
    struct buf b = {0};
    text(&b, ENTRY_KEY, key);
    octets(&b, ENTRY_VALUE, value);
    message(model, MODEL_METADATA, &b);
    buf_free(&b);
}

static void put_names(
    struct buf *model, const char *key, const char *names, size_t n, size_t width) {
    struct buf lines = {0};
    for (size_t i = 0; i < n; i++)
        buf_printf(&lines, "%s%s", i != 0 ? "\n" : "", names + i * width);
    put_metadata(model, key, buf_span(&lines));
    buf_free(&lines);
}

void fl_model_onnx(const struct fl_model *m, uint64_t version, struct buf *ret) {
    struct buf part = {0};
    uint8_t hash[32];
    char hex[65];
    number(ret, MODEL_IR_VERSION, IR);
    text(ret, MODEL_PRODUCER, "wayside");
    /* The format's version is signed. */
    WS_ASSERT(version <= INT64_MAX);
    if (version != 0)
        number(ret, MODEL_VERSION, version);
    put_graph(m, &part);
    message(ret, MODEL_GRAPH, &part);
    number(&part, OPSET_VERSION, OPSET);
    message(ret, MODEL_OPSET, &part);
    put_names(ret, "inputs", m->inputs[0], m->shape.inputs, FL_INPUT_NAME);
    put_names(ret, "classes", m->classes[0], m->shape.classes, FL_NAME);
    fl_model_hash(m, hash);
    hex_encode(hex, hash, sizeof(hash));
    put_metadata(ret, "hash", span_of(hex, 64));
    buf_free(&part);
}
