#include "fedlearn/vehicle/train.h"

#include "fedlearn/vehicle/scale.h"

#include <math.h>
#include <string.h>

size_t fl_train_scratch(const struct fl_shape *shape) {
    /* gradient, inputs of a row, hidden values, their errors, outputs */
    return fl_shape_params(shape) + shape->inputs + 2U * shape->hidden + shape->classes;
}

/* A sum in eight lanes, so that it can be vectorised and still is one and the same sum everywhere. */
static float product(const float *restrict a, const float *restrict b, size_t n) {
    enum { LANES = 8 };
    float lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t k = 0; k < LANES; k++)
            lane[k] += a[i + k] * b[i + k];
    float sum = 0;
    for (; i < n; i++)
        sum += a[i] * b[i];
    for (size_t k = 0; k < LANES; k++)
        sum += lane[k];
    return sum;
}

/* out = W in + b over `rows` rows of W. */
static void layer(const float *w, const float *in, size_t inputs, size_t rows, float *ret_out) {
    const float *bias = w + rows * inputs;
    for (size_t r = 0; r < rows; r++)
        ret_out[r] = bias[r] + product(w + r * inputs, in, inputs);
}

static void add_scaled(float *restrict to, const float *restrict v, size_t n, float factor) {
    for (size_t i = 0; i < n; i++)
        to[i] += factor * v[i];
}

/* Adds error (x) in to the layer's gradient. */
static void layer_gradient(
    const float *error, const float *in, size_t inputs, size_t rows, float *gradient) {
    for (size_t r = 0; r < rows; r++)
        if (error[r] != 0) /* half of the ReLUs, as a rule */
            add_scaled(gradient + r * inputs, in, inputs, error[r]);
    add_scaled(gradient + rows * inputs, error, rows, 1);
}

static void softmax(float *v, size_t n) {
    float top = v[0];
    for (size_t i = 1; i < n; i++)
        top = v[i] > top ? v[i] : top;
    float sum = 0;
    for (size_t i = 0; i < n; i++) {
        v[i] = expf(v[i] - top);
        sum += v[i];
    }
    for (size_t i = 0; i < n; i++)
        v[i] /= sum;
}

struct work {
    float *gradient, *x, *hidden, *error, *out;
};

static void add_row(const struct fl_shape *s, const int32_t *row, uint8_t class, const float *p,
    const struct work *w) {
    for (size_t i = 0; i < s->inputs; i++)
        w->x[i] = (float)row[i] * 0x1p-16F;
    const float *last = p + fl_shape_hidden_params(s);
    const float *in = w->x;
    if (s->hidden != 0) {
        layer(p, w->x, s->inputs, s->hidden, w->hidden);
        for (size_t h = 0; h < s->hidden; h++)
            w->hidden[h] = w->hidden[h] > 0 ? w->hidden[h] : 0;
        in = w->hidden;
    }
    layer(last, in, fl_shape_last_inputs(s), s->classes, w->out);
    softmax(w->out, s->classes);
    w->out[class] -= 1;
    layer_gradient(
        w->out, in, fl_shape_last_inputs(s), s->classes, w->gradient + fl_shape_hidden_params(s));
    if (s->hidden == 0)
        return;
    memset(w->error, 0, s->hidden * sizeof(float));
    for (size_t c = 0; c < s->classes; c++)
        add_scaled(w->error, last + c * s->hidden, s->hidden, w->out[c]);
    for (size_t h = 0; h < s->hidden; h++)
        w->error[h] = w->hidden[h] > 0 ? w->error[h] : 0;
    layer_gradient(w->error, w->x, s->inputs, s->hidden, w->gradient);
}

int fl_train_run(const struct fl_shape *shape, const struct fl_rows *rows,
    const struct fl_train *opts, struct ws_random *rnd, float *params, float *scratch,
    struct ws_err *err) {
    if (fl_shape_check(shape, err) != 0)
        return WS_EINPUT;
    if (rows->n == 0)
        return ws_fail(err, WS_EINPUT, "no rows to learn from");
    if (opts->batch == 0 || !isfinite(opts->rate) || opts->rate <= 0 || !isfinite(opts->decay) ||
        opts->decay < 0)
        return ws_fail(err, WS_EINPUT,
            "options of learning: batch %u, rate %g, decay %g; positive, positive, not negative",
            opts->batch, (double)opts->rate, (double)opts->decay);
    for (size_t i = 0; i < rows->n; i++)
        if (rows->y[i] >= shape->classes)
            return ws_fail(err, WS_EINPUT, "row %zu is of class %u; the model has %u classes", i,
                rows->y[i], shape->classes);
    size_t d = fl_shape_params(shape);
    struct work w = {.gradient = scratch, .x = scratch + d};
    w.hidden = w.x + shape->inputs;
    w.error = w.hidden + shape->hidden;
    w.out = w.error + shape->hidden;
    for (uint32_t step = 0; step < opts->steps; step++) {
        memset(w.gradient, 0, d * sizeof(float));
        for (uint32_t k = 0; k < opts->batch; k++) {
            size_t i = ws_random_below(rnd, rows->n);
            add_row(shape, rows->x + i * shape->inputs, rows->y[i], params, &w);
        }
        float rate = opts->rate / (float)opts->batch;
        float keep = 1 - opts->rate * opts->decay;
        for (size_t i = 0; i < d; i++)
            params[i] = params[i] * keep - rate * w.gradient[i];
    }
    for (size_t i = 0; i < d; i++)
        if (!isfinite(params[i]))
            return ws_fail(err, WS_EINPUT, "learning ran away: parameter %zu is not finite", i);
    return 0;
}

static void start_layer(size_t inputs, size_t rows, struct ws_random *rnd, int32_t *ret_params) {
    uint64_t bound =
        fl_isqrt((unsigned __int128)6 * ((uint64_t)1 << (2 * FL_PARAM_FRACTION)) / (inputs + rows));
    for (size_t i = 0; i < inputs * rows; i++)
        ret_params[i] = (int32_t)ws_random_below(rnd, 2 * bound + 1) - (int32_t)bound;
    memset(ret_params + inputs * rows, 0, rows * sizeof(int32_t));
}

void fl_model_start(const struct fl_shape *shape, struct ws_random *rnd, int32_t *ret_params) {
    if (shape->hidden != 0)
        start_layer(shape->inputs, shape->hidden, rnd, ret_params);
    start_layer(fl_shape_last_inputs(shape), shape->classes, rnd,
        ret_params + fl_shape_hidden_params(shape));
}
