#include "fedlearn/round/model_eval.h"

#include "fedlearn/vehicle/scale.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { HIDDEN_MAX = 1 << 26 };

/* Weights [rows][inputs], biases [rows]; `in` in 2^-16, result in 2^-36. */
static int64_t neuron(const int32_t *weights, const int32_t *in, size_t inputs, int32_t bias) {
    int64_t sum = (int64_t)bias * (1 << FL_INPUT_FRACTION);
    for (size_t i = 0; i < inputs; i++)
        sum += (int64_t)weights[i] * in[i];
    return sum;
}

uint8_t fl_predict(const struct fl_shape *shape, const int32_t *params, const int32_t *x,
    int32_t *hidden, int64_t *ret_out) {
    size_t inputs = shape->inputs;
    const int32_t *in = x;
    if (shape->hidden != 0) {
        const int32_t *bias = params + shape->hidden * inputs;
        for (size_t h = 0; h < shape->hidden; h++) {
            int64_t v = neuron(params + h * inputs, x, inputs, bias[h]);
            v = v <= 0 ? 0 : (v + (1 << (FL_PARAM_FRACTION - 1))) >> FL_PARAM_FRACTION;
            hidden[h] = (int32_t)(v > HIDDEN_MAX ? HIDDEN_MAX : v);
        }
        params = bias + shape->hidden;
        inputs = shape->hidden;
        in = hidden;
    }
    uint8_t best = 0;
    for (size_t c = 0; c < shape->classes; c++) {
        ret_out[c] = neuron(params + c * inputs, in, inputs, params[shape->classes * inputs + c]);
        if (ret_out[c] > ret_out[best])
            best = (uint8_t)c;
    }
    return best;
}

void fl_confuse(const struct fl_shape *shape, const int32_t *params, const struct fl_rows *rows,
    struct fl_confusion *ret) {
    WS_ASSERT(rows->n <= UINT32_MAX);
    *ret = (struct fl_confusion){.classes = shape->classes};
    int32_t *hidden = ws_calloc(shape->hidden, sizeof(*hidden));
    int64_t out[FL_MAX_CLASSES];
    for (size_t i = 0; i < rows->n; i++) {
        WS_ASSERT(rows->y[i] < shape->classes);
        uint8_t said = fl_predict(shape, params, rows->x + i * shape->inputs, hidden, out);
        ret->n[rows->y[i]][said]++;
    }
    free(hidden);
}

uint32_t fl_confusion_rows(const struct fl_confusion *c, size_t class) {
    uint32_t n = 0;
    for (size_t k = 0; k < c->classes; k++)
        n += c->n[class][k];
    return n;
}

uint32_t fl_confusion_right(const struct fl_confusion *c) {
    uint32_t n = 0;
    for (size_t k = 0; k < c->classes; k++)
        n += c->n[k][k];
    return n;
}

static bool is_beyond(int64_t lost, uint32_t ppm, uint64_t rows) {
    return lost > 0 && (uint64_t)lost * 1000000 > ppm * rows;
}

enum fl_veto fl_veto(
    const struct fl_veto_rules *rules, unsigned class, const struct fl_class_recall *n) {
    const int64_t lost = (int64_t)n->before - n->after;
    const int64_t of_best = (int64_t)n->best - n->after;
    if ((rules->safety >> class & 1) == 0 || n->rows == 0 || n->rows < rules->min_rows)
        return FL_VETO_NONE;
    if (is_beyond(lost, rules->loss_ppm, n->rows))
        return FL_VETO_STEP;
    return lost > 0 && is_beyond(of_best, rules->total_ppm, n->rows) ? FL_VETO_TOTAL : FL_VETO_NONE;
}

const char *fl_veto_name(enum fl_veto veto) {
    return veto == FL_VETO_STEP ? "veto_ppm" : veto == FL_VETO_TOTAL ? "veto_total_ppm" : "none";
}

static uint64_t size_of(const struct fl_change *c) {
    int64_t v = (int64_t)c->after - c->before;
    return (uint64_t)(v < 0 ? -v : v);
}

size_t fl_top_changes(const int32_t *before, const int32_t *after, size_t d, size_t k,
    struct fl_change *ret_changes) {
    WS_ASSERT(k <= FL_MAX_CHANGES);
    size_t n = 0;
    for (size_t i = 0; i < d; i++) {
        struct fl_change c = {(uint32_t)i, before[i], after[i]};
        if (c.before == c.after || k == 0 ||
            (n == k && size_of(&c) <= size_of(&ret_changes[n - 1])))
            continue;
        size_t at = n < k ? n++ : n - 1;
        for (; at > 0 && size_of(&ret_changes[at - 1]) < size_of(&c); at--)
            ret_changes[at] = ret_changes[at - 1];
        ret_changes[at] = c;
    }
    return n;
}
