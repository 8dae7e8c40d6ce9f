/* The reference trainer of a vehicle: logistic regression and a perceptron with one hidden layer (ReLU), softmax
 * cross-entropy, plain minibatch SGD. Deterministic: the same seed and data give the same parameters on the same
 * machine and C library. No heap: the caller brings the scratch. One thread per scratch.
 *
 * Parameters are one array: hidden weights [hidden][inputs], hidden biases, output weights [classes][hidden],
 * output biases; without a hidden layer output weights [classes][inputs], output biases. */
#ifndef WAYSIDE_FEDLEARN_VEHICLE_TRAIN_H
#define WAYSIDE_FEDLEARN_VEHICLE_TRAIN_H

#include "base/error.h"
#include "base/random.h"

#include <stddef.h>
#include <stdint.h>

enum {
    FL_MAX_INPUTS = 1023,
    FL_MAX_HIDDEN = 1000,
    FL_MAX_CLASSES = 23, /* 1024 * 1000 + 1001 * 23 is the largest model below FL_MAX_PARAMS */
    FL_INPUT_FRACTION = 16, /* normalised inputs are multiples of 2^-16 */
    FL_INPUT_MAX = 16 << FL_INPUT_FRACTION, /* and at most 16 standard deviations away */
};

struct fl_shape {
    uint16_t inputs; /* 1..FL_MAX_INPUTS */
    uint16_t hidden; /* 0: logistic regression; ..FL_MAX_HIDDEN */
    uint16_t classes; /* 2..FL_MAX_CLASSES */
};

WARN_UNUSED int fl_shape_check(const struct fl_shape *shape, struct ws_err *err);
size_t fl_shape_params(const struct fl_shape *shape);

/* Rows of normalised inputs and their classes; borrowed. */
struct fl_rows {
    const int32_t *x; /* n rows of `inputs` values in 2^-16, |x| <= FL_INPUT_MAX */
    const uint8_t *y; /* n classes, each < classes */
    size_t n;
};

struct fl_train {
    uint32_t steps; /* minibatches */
    uint32_t batch; /* rows of a minibatch, drawn with replacement */
    float rate;
    float decay; /* L2 penalty on weights and biases */
};

/* floats that fl_train_run needs as scratch. */
size_t fl_train_scratch(const struct fl_shape *shape);

/* Moves `params` (fl_shape_params floats) by opts->steps steps. WS_EINPUT: no rows, a class out of range, options
 * that are not finite or zero, or parameters that ceased to be finite (named by their index). */
WARN_UNUSED int fl_train_run(const struct fl_shape *shape, const struct fl_rows *rows,
    const struct fl_train *opts, struct ws_random *rnd, float *params, float *scratch,
    struct ws_err *err);

/* First parameters: uniform in +-sqrt(6 / (in + out)) for weights, zero biases, as fixed point. */
void fl_model_start(const struct fl_shape *shape, struct ws_random *rnd, int32_t *ret_params);

#endif
