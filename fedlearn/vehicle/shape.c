#include "fedlearn/vehicle/shape.h"

#include "fedlearn/vehicle/scale.h"

_Static_assert(
    (FL_MAX_INPUTS + 1) * FL_MAX_HIDDEN + (FL_MAX_HIDDEN + 1) * FL_MAX_CLASSES <= FL_MAX_PARAMS,
    "every shape fits a model");

int fl_shape_check(const struct fl_shape *shape, struct ws_err *err) {
    if (shape->inputs == 0 || shape->inputs > FL_MAX_INPUTS)
        return ws_fail(err, WS_EINPUT, "a model of %u inputs; 1 to %d are possible", shape->inputs,
            FL_MAX_INPUTS);
    if (shape->hidden > FL_MAX_HIDDEN)
        return ws_fail(
            err, WS_EINPUT, "a hidden layer of %u; %d at most", shape->hidden, FL_MAX_HIDDEN);
    if (shape->classes < 2 || shape->classes > FL_MAX_CLASSES)
        return ws_fail(err, WS_EINPUT, "a model of %u classes; 2 to %d are possible",
            shape->classes, FL_MAX_CLASSES);
    return 0;
}

size_t fl_shape_params(const struct fl_shape *shape) {
    return fl_shape_hidden_params(shape) + shape->classes * (fl_shape_last_inputs(shape) + 1);
}
