/* A model as a thing of its own: shape, what its inputs are and how they are normalised, names of its classes, its
 * steps since the first of its line, parameters in fixed point. One encoding (docs/formats/learning.md, Model), so its
 * hash is what the ledger names; exports for other tools.
 *
 * A model owns its memory; fl_model_free. One thread per model. */
#ifndef WAYSIDE_FEDLEARN_VEHICLE_MODEL_H
#define WAYSIDE_FEDLEARN_VEHICLE_MODEL_H

#include "base/bytes.h"
#include "fedlearn/vehicle/features.h"
#include "fedlearn/vehicle/scale.h"
#include "fedlearn/vehicle/shape.h"

enum {
    FL_INPUT_NAME = 112,
    FL_MODEL_HEAD = 65, /* octets up to the first input; the parent is the last 32 of them */
    FL_MODEL_OCTETS_MAX = FL_MODEL_HEAD + FL_MAX_INPUTS * (FL_INPUT_NAME + 16) +
                          FL_MAX_CLASSES * FL_NAME + 4 * FL_MAX_PARAMS,
};

struct fl_model {
    struct fl_shape shape;
    uint64_t
        steps; /* since the first of its line, 0 for that; at most INT64_MAX. No version: those the cell counts (rounds.h) */
    uint8_t parent[32]; /* hash of the model before; zero for the first */
    struct fl_norm *norm; /* shape.inputs */
    char (*inputs)[FL_INPUT_NAME]; /* names in UTF-8 without control characters, not empty */
    char (*classes)[FL_NAME]; /* likewise, shape.classes */
    int32_t *params; /* fl_shape_params, in +-FL_PARAM_MAX */
};

/* The first of a line for a schema, with a hidden layer of that size (0: none). norm: one for each input; params: NULL for
 * zeros. All copied. Names of inputs: the column, `a - b` for a difference, with windows `.mean`, `.deviation`, `.least`,
 * `.greatest`, `.step` behind it. WS_EINPUT: a shape, constant or name that a model cannot have. */
WARN_UNUSED int fl_model_new(const struct fl_schema *schema, uint16_t hidden,
    const struct fl_norm *norm, const int32_t *params, struct fl_model *ret, struct ws_err *err);
void fl_model_free(struct fl_model *m);

void fl_model_encode(const struct fl_model *m, struct buf *ret);
/* Everything but the one encoding is refused, with the place. At most FL_MAX_PARAMS parameters are allocated, after
 * the length has been found to be right. */
WARN_UNUSED int fl_model_decode(struct span octets, struct fl_model *ret, struct ws_err *err);
/* The parent that a model's first FL_MODEL_HEAD octets name; false: no model begins so. The rest is not looked at. */
bool fl_model_peek_parent(struct span head, uint8_t ret_parent[static 32]);
void fl_model_hash(const struct fl_model *m, uint8_t ret_hash[static 32]);

/* safetensors: F32 tensors `input.middle`, `input.factor`, `hidden.weight`, `hidden.bias`, `output.weight`,
 * `output.bias`, and I32 `fixed.params`, the parameters as the cell agreed on them; names, hashes and steps as metadata, and
 * the version that the cell counts it as (0: not known, and not said). */
void fl_model_safetensors(const struct fl_model *m, uint64_t version, struct buf *ret);

/* ONNX, IR version 8, operator set 13: from `features` [N, inputs], in the units of the table, to `probabilities`
 * [N, classes]: normalisation, Gemm, Relu, Gemm, Softmax. Names of inputs and classes as metadata, a line each.
 * version as above, at most INT64_MAX: `model_version`. */
void fl_model_onnx(const struct fl_model *m, uint64_t version, struct buf *ret);

#endif
