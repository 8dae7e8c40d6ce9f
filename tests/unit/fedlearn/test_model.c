/* The model's octets, and its exports read back by readers written here from the formats' descriptions. */
#include "tests/support/cm.h"

#include "base/random.h"
#include "fedlearn/round/model_eval.h"
#include "fedlearn/vehicle/model.h"
#include "fedlearn/vehicle/quantise.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>

static struct fl_model sample(uint16_t hidden, uint64_t seed) {
    static const char text[] = "label risk low \"very \\ high\" mid\n"
                               "feature speed - limit\nfeature \"a \\ b\"\nfeature \xc3\xa4";
    struct fl_schema schema;
    struct ws_err err;
    if (fl_schema_read(span_of(text, sizeof(text) - 1), &schema, &err) != 0)
        fail_msg("%s", err.text);
    struct ws_random rnd = ws_random_seeded(seed);
    struct fl_norm norm[3];
    int32_t params[200];
    for (size_t i = 0; i < 3; i++)
        norm[i] = (struct fl_norm){(int64_t)ws_random_below(&rnd, 1 << 26) - (1 << 25),
            (int64_t)ws_random_below(&rnd, (uint64_t)1 << 33)};
    for (size_t i = 0; i < ARRAY_LEN(params); i++)
        params[i] = (int32_t)ws_random_below(&rnd, 4 << 20) - (2 << 20);
    struct fl_model m;
    if (fl_model_new(&schema, hidden, norm, params, &m, &err) != 0)
        fail_msg("%s", err.text);
    m.steps = 7;
    m.parent[0] = 0xab;
    return m;
}

static void test_octets(void **state) {
    (void)state;
    for (uint16_t hidden = 0; hidden <= 8; hidden += 4) {
        struct fl_model m = sample(hidden, hidden);
        assert_string_equal(m.inputs[0], "speed - limit");
        assert_string_equal(m.classes[1], "very \\ high");
        struct buf b = {0};
        struct buf again = {0};
        fl_model_encode(&m, &b);
        struct fl_model back;
        struct ws_err err;
        if (fl_model_decode(buf_span(&b), &back, &err) != 0)
            fail_msg("%s", err.text);
        fl_model_encode(&back, &again);
        assert_true(span_equal(buf_span(&b), buf_span(&again)));
        uint8_t h[32];
        uint8_t k[32];
        fl_model_hash(&m, h);
        fl_model_hash(&back, k);
        assert_memory_equal(h, k, 32);
        fl_model_free(&back);
        for (size_t n = 0; n < b.n; n++) {
            uint8_t *cut =
                ws_memdup(b.p, n + 1); /* exact size: the sanitizer sees an octet too far */
            assert_int_not_equal(fl_model_decode((struct span){cut, n}, &back, NULL), 0);
            free(cut);
        }
        for (size_t i = 0; i < b.n * 8; i++) {
            b.p[i / 8] ^= (uint8_t)(1U << i % 8);
            if (fl_model_decode(buf_span(&b), &back, NULL) == 0) {
                buf_clear(&again);
                fl_model_encode(&back, &again);
                assert_true(span_equal(buf_span(&b), buf_span(&again)));
                fl_model_free(&back);
            }
            b.p[i / 8] ^= (uint8_t)(1U << i % 8);
        }
        buf_u8(&b, 0);
        assert_int_equal(fl_model_decode(buf_span(&b), &back, &err), WS_EINPUT);
        buf_free(&b);
        buf_free(&again);
        fl_model_free(&m);
    }
}

/* Offsets: domain 16, form, kind, inputs 18, hidden 20, classes 22, fraction 24, version 25, parent 33, names 65 */
static void refused(size_t at, uint8_t value, enum ws_code code, const char *why) {
    struct fl_model m = sample(4, 1);
    struct buf b = {0};
    struct fl_model back;
    struct ws_err err;
    fl_model_encode(&m, &b);
    b.p[at] = value;
    assert_int_equal(fl_model_decode(buf_span(&b), &back, &err), code);
    if (strstr(err.text, why) == NULL)
        fail_msg("%s", err.text);
    buf_free(&b);
    fl_model_free(&m);
}

static void test_refusals(void **state) {
    (void)state;
    refused(0, 'X', WS_EINPUT, "does not begin with WAYSIDE-FL-MODEL");
    refused(16, 2, WS_ENOTSUP, "form 2");
    refused(17, 2, WS_ENOTSUP, "kind 2");
    refused(18, 0xff, WS_EINPUT, "inputs");
    refused(19, 0, WS_EINPUT, "a model of 0 inputs");
    refused(23, 1, WS_EINPUT, "classes");
    refused(24, 21, WS_ENOTSUP, "21 fraction bits");
    refused(25, 0x80, WS_EINPUT, "steps above");
    refused(65, 0, WS_EINPUT, "name of input 0");
    refused(66, '\n', WS_EINPUT, "name of input 0");
    refused(66, 0xc3, WS_EINPUT, "name of input 0"); /* not UTF-8 */
    refused(66 + 13, 0x40, WS_EINPUT, "constants of input 0");
    struct fl_model m = sample(4, 1);
    m.params[5] = FL_PARAM_MAX + 1;
    struct buf b = {0};
    struct fl_model back;
    struct ws_err err;
    fl_model_encode(&m, &b);
    assert_int_equal(fl_model_decode(buf_span(&b), &back, &err), WS_EINPUT);
    assert_string_equal(err.text, "parameter 5 is out of range");
    buf_free(&b);
    fl_model_free(&m);
}

static uint64_t le(const uint8_t *p, size_t n) {
    uint64_t v = 0;
    for (size_t i = n; i-- > 0;)
        v = v << 8 | p[i];
    return v;
}

static float float_at(const uint8_t *p) {
    uint32_t bits = (uint32_t)le(p, 4);
    float v;
    memcpy(&v, &bits, 4);
    return v;
}

/* Offset of a tensor in the data; asserts its type and number of values. */
static size_t tensor_at(const json_t *root, const char *name, const char *type, size_t values) {
    const json_t *t = json_object_get(root, name);
    const json_t *offsets = json_object_get(t, "data_offsets");
    const json_t *shape = json_object_get(t, "shape");
    assert_string_equal(json_string_value(json_object_get(t, "dtype")), type);
    size_t n = 1;
    for (size_t i = 0; i < json_array_size(shape); i++)
        n *= (size_t)json_integer_value(json_array_get(shape, i));
    assert_int_equal(n, values);
    json_int_t from = json_integer_value(json_array_get(offsets, 0));
    assert_int_equal(json_integer_value(json_array_get(offsets, 1)) - from, 4 * values);
    return (size_t)from;
}

static void test_safetensors(void **state) {
    (void)state;
    struct fl_model m = sample(4, 3);
    struct buf b = {0};
    fl_model_safetensors(&m, 12, &b);
    size_t head = le(b.p, 8);
    assert_int_equal(head % 8, 0);
    json_error_t why;
    json_t *root = json_loadb((const char *)b.p + 8, head, JSON_REJECT_DUPLICATES, &why);
    if (root == NULL)
        fail_msg("%s", why.text);
    const json_t *meta = json_object_get(root, "__metadata__");
    assert_string_equal(
        json_string_value(json_object_get(meta, "classes")), "low\nvery \\ high\nmid");
    assert_string_equal(
        json_string_value(json_object_get(meta, "inputs")), "speed - limit\na \\ b\n\xc3\xa4");
    assert_string_equal(json_string_value(json_object_get(meta, "steps")), "7");
    assert_string_equal(json_string_value(json_object_get(meta, "version")), "12");
    struct buf bare = {0};
    fl_model_safetensors(&m, 0, &bare); /* of a file that is no version of a cell */
    assert_null(memmem(bare.p, bare.n, "version", 7));
    buf_free(&bare);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)meta, key, value) assert_true(json_is_string(value));
    const uint8_t *data = b.p + 8 + head;
    size_t at = tensor_at(root, "fixed.params", "I32", 4 * 3 + 4 + 3 * 4 + 3);
    for (size_t i = 0; i < fl_shape_params(&m.shape); i++)
        assert_int_equal((int32_t)le(data + at + 4 * i, 4), m.params[i]);
    assert_int_equal(
        8 + head + at + 4 * fl_shape_params(&m.shape), b.n); /* no gap, nothing behind */
    at = tensor_at(root, "hidden.bias", "F32", 4);
    assert_true(float_at(data + at) == (float)ldexp(m.params[12], -20));
    at = tensor_at(root, "output.weight", "F32", 12);
    assert_true(float_at(data + at + 44) == (float)ldexp(m.params[16 + 11], -20));
    at = tensor_at(root, "input.middle", "F32", 3);
    assert_true(float_at(data + at + 4) == (float)ldexp((double)m.norm[1].middle, -20));
    json_decref(root);
    buf_free(&b);
    fl_model_free(&m);
}

/* ---- a reader of protobuf and of the few operators ---- */

struct field {
    unsigned number;
    uint64_t value;
    struct span octets;
};

static uint64_t varint(struct span s, size_t *at) {
    uint64_t v = 0;
    for (unsigned shift = 0;; shift += 7) {
        assert_true(*at < s.n && shift < 64);
        uint8_t c = s.p[(*at)++];
        v |= (uint64_t)(c & 0x7f) << shift;
        if (c < 0x80)
            return v;
    }
}

static bool next(struct span s, size_t *at, struct field *f) {
    if (*at == s.n)
        return false;
    uint64_t key = varint(s, at);
    *f = (struct field){.number = (unsigned)(key >> 3)};
    f->value = varint(s, at);
    if ((key & 7) == 0)
        return true;
    assert_int_equal(key & 7, 2);
    assert_true(f->value <= s.n - *at);
    f->octets = (struct span){s.p + *at, f->value};
    *at += f->value;
    return true;
}

/* n-th field of that number, or number 0. */
static struct field get(struct span s, unsigned number, size_t n) {
    struct field f;
    for (size_t at = 0; next(s, &at, &f);)
        if (f.number == number && n-- == 0)
            return f;
    return (struct field){0};
}

struct value {
    char name[32];
    float v[64];
    size_t n, rows;
};

struct values {
    struct value v[32];
    size_t n;
};

static struct value *named(struct values *all, struct span name) {
    for (size_t i = 0; i < all->n; i++)
        if (span_equal(span_of(all->v[i].name, strlen(all->v[i].name)), name))
            return &all->v[i];
    fail_msg("no value %.*s", (int)name.n, (const char *)name.p);
    return NULL;
}

static struct value *make(struct values *all, struct span name) {
    struct value *v = &all->v[all->n++];
    assert_true(name.p != NULL && name.n < sizeof(v->name) && all->n <= ARRAY_LEN(all->v));
    *v = (struct value){0};
    for (size_t i = 0; i < name.n; i++)
        v->name[i] = (char)name.p[i];
    return v;
}

static bool is(struct span s, const char *text) {
    return span_equal(s, span_of(text, strlen(text)));
}

static void run_node(struct span node, struct values *all) {
    struct span op = get(node, 4, 0).octets;
    const struct value *a = named(all, get(node, 1, 0).octets);
    const struct value *b = get(node, 1, 1).number != 0 ? named(all, get(node, 1, 1).octets) : NULL;
    const struct value *c = get(node, 1, 2).number != 0 ? named(all, get(node, 1, 2).octets) : NULL;
    struct value *out = make(all, get(node, 2, 0).octets);
    struct span attribute = get(node, 5, 0).octets;
    out->n = a->n;
    float sum = 0;
    if (is(op, "Gemm")) {
        assert_true(is(get(attribute, 1, 0).octets, "transB"));
        assert_int_equal(get(attribute, 3, 0).value, 1);
        assert_int_equal(get(attribute, 20, 0).value, 2);
        out->n = b->rows;
        assert_int_equal(b->n, b->rows * a->n);
        assert_int_equal(c->n, b->rows);
    }
    float top = a->v[0];
    for (size_t i = 1; i < a->n; i++)
        top = fmaxf(top, a->v[i]);
    for (size_t i = 0; i < out->n; i++) {
        float x = i < a->n ? a->v[i] : 0;
        if (is(op, "Sub"))
            out->v[i] = x - b->v[i];
        else if (is(op, "Mul"))
            out->v[i] = x * b->v[i];
        else if (is(op, "Clip"))
            out->v[i] = fminf(fmaxf(x, b->v[0]), c->v[0]);
        else if (is(op, "Relu"))
            out->v[i] = fmaxf(x, 0);
        else if (is(op, "Softmax"))
            out->v[i] = expf(x - top);
        else if (is(op, "Gemm")) {
            out->v[i] = c->v[i];
            for (size_t k = 0; k < a->n; k++)
                out->v[i] += a->v[k] * b->v[i * a->n + k];
        } else
            fail_msg("operator %.*s", (int)op.n, (const char *)op.p);
        sum += out->v[i];
    }
    for (size_t i = 0; i < out->n && is(op, "Softmax"); i++)
        out->v[i] /= sum;
}

static void read_initializers(struct span graph, struct values *all) {
    struct field f;
    for (size_t n = 0; (f = get(graph, 5, n)).number != 0; n++) {
        struct value *v = make(all, get(f.octets, 8, 0).octets);
        assert_int_equal(get(f.octets, 2, 0).value, 1);
        struct span raw = get(f.octets, 9, 0).octets;
        struct field rows = get(f.octets, 1, 0);
        struct field columns = get(f.octets, 1, 1);
        v->n = raw.n / 4;
        v->rows = columns.number != 0 ? rows.value : 1;
        assert_int_equal(v->n * 4, raw.n);
        assert_int_equal(
            v->n, (rows.number != 0 ? rows.value : 1) * (columns.number != 0 ? columns.value : 1));
        for (size_t i = 0; i < v->n; i++)
            v->v[i] = float_at(raw.p + 4 * i);
    }
}

/* The graph says of raw inputs what the integers say of normalised ones. */
static void test_onnx(void **state) {
    (void)state;
    static struct values all;
    for (uint16_t hidden = 0; hidden <= 8; hidden += 4) {
        struct fl_model m = sample(hidden, 10 + hidden);
        struct buf b = {0};
        fl_model_onnx(&m, 12, &b);
        struct span model = buf_span(&b);
        assert_int_equal(get(model, 1, 0).value, 8);
        assert_int_equal(get(model, 5, 0).value, 12);
        assert_int_equal(get(get(model, 8, 0).octets, 2, 0).value, 13);
        assert_true(is(get(get(model, 14, 1).octets, 2, 0).octets, "low\nvery \\ high\nmid"));
        struct span graph = get(model, 7, 0).octets;
        assert_true(is(get(get(graph, 11, 0).octets, 1, 0).octets, "features"));
        assert_true(is(get(get(graph, 12, 0).octets, 1, 0).octets, "probabilities"));
        struct ws_random rnd = ws_random_seeded(hidden);
        for (unsigned round = 0; round < 50; round++) {
            all.n = 0;
            read_initializers(graph, &all);
            struct value *in = make(&all, span_of("features", 8));
            int32_t x[3];
            in->n = 3;
            for (size_t i = 0; i < 3; i++) {
                in->v[i] = (float)ws_random_below(&rnd, 1000) / 10 - 50;
                x[i] = fl_normalise(&m.norm[i], (double)in->v[i]);
            }
            struct field node;
            for (size_t n = 0; (node = get(graph, 1, n)).number != 0; n++)
                run_node(node.octets, &all);
            const struct value *out = named(&all, span_of("probabilities", 13));
            int32_t room[8];
            int64_t scores[3];
            (void)fl_predict(&m.shape, m.params, x, room, scores);
            double sum = 0;
            for (size_t c = 0; c < 3; c++)
                sum += exp(ldexp((double)(scores[c] - scores[0]), -36));
            for (size_t c = 0; c < 3; c++)
                assert_true(fabs((double)out->v[c] -
                                 exp(ldexp((double)(scores[c] - scores[0]), -36)) / sum) < 2e-3);
        }
        buf_free(&b);
        fl_model_free(&m);
    }
}

int main(int argc, char **argv) {
    if (argc == 3) { /* FILE.onnx FILE.model: for other readers and for the corpus */
        struct fl_model m = sample(4, 3);
        struct buf b = {0};
        for (int i = 1; i < 3; i++) {
            buf_clear(&b);
            i == 1 ? fl_model_onnx(&m, 0, &b) : fl_model_encode(&m, &b);
            FILE *f = fopen(argv[i], "wb");
            if (f == NULL || fwrite(b.p, 1, b.n, f) != b.n || fclose(f) != 0)
                return 1;
        }
        buf_free(&b);
        fl_model_free(&m);
        return 0;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_octets),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_safetensors),
        cmocka_unit_test(test_onnx)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
