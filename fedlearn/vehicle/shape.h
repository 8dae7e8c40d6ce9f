/* What a model takes and says, and the rows it is tried on: integers, for validators as for vehicles. No heap; any thread.
 *
 * Parameters are one array: hidden weights [hidden][inputs], hidden biases, output weights [classes][hidden],
 * output biases; without a hidden layer output weights [classes][inputs], output biases. */
#ifndef WAYSIDE_FEDLEARN_VEHICLE_SHAPE_H
#define WAYSIDE_FEDLEARN_VEHICLE_SHAPE_H

#include "base/error.h"

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
/* Values that the last layer takes; parameters in front of that layer; all. */
static inline size_t fl_shape_last_inputs(const struct fl_shape *shape) {
    return shape->hidden != 0 ? shape->hidden : shape->inputs;
}
static inline size_t fl_shape_hidden_params(const struct fl_shape *shape) {
    return shape->hidden * ((size_t)shape->inputs + 1);
}
size_t fl_shape_params(const struct fl_shape *shape);

/* Rows of normalised inputs and their classes; borrowed. */
struct fl_rows {
    const int32_t *x; /* n rows of `inputs` values in 2^-16, |x| <= FL_INPUT_MAX */
    const uint8_t *y; /* n classes, each < classes */
    size_t n;
};

#endif
