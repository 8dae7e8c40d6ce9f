/* The reference trainer of a vehicle: logistic regression and a perceptron with one hidden layer (ReLU), softmax
 * cross-entropy, plain minibatch SGD. Deterministic: the same seed and data give the same parameters on the same
 * machine and C library. No heap: the caller brings the scratch. One thread per scratch.
 * Parameters are laid out as in shape.h. */
#ifndef WAYSIDE_FEDLEARN_VEHICLE_TRAIN_H
#define WAYSIDE_FEDLEARN_VEHICLE_TRAIN_H

#include "base/error.h"
#include "base/random.h"
#include "fedlearn/vehicle/shape.h"

#include <stddef.h>
#include <stdint.h>

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
