/* A model as named tensors: what its exports have in common. Internal to model. Any thread. */
#ifndef WAYSIDE_FEDLEARN_VEHICLE_MODEL_TENSORS_H
#define WAYSIDE_FEDLEARN_VEHICLE_MODEL_TENSORS_H

#include "fedlearn/vehicle/model.h"

enum { FL_MAX_TENSORS = 6 };

/* Exactly one of norm and params is there: `columns` of the model's constants (middle or factor), or rows * columns
 * parameters. A bias has no rows (0). */
struct fl_tensor {
    const char *name;
    size_t rows, columns;
    const struct fl_norm *norm;
    bool factor;
    const int32_t *params;
};

static inline size_t fl_tensor_values(const struct fl_tensor *t) {
    return (t->rows != 0 ? t->rows : 1) * t->columns;
}

size_t fl_model_tensors(const struct fl_model *m, struct fl_tensor ret[static FL_MAX_TENSORS]);
/* Its values, F32, little-endian. */
void fl_tensor_put(const struct fl_tensor *t, struct buf *ret);
void fl_put_le(struct buf *b, uint64_t v, size_t octets);

#endif
