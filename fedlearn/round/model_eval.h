/* What a fixed-point model says, in integers: every validator counts the same answers on a root set, so that the
 * counters go on the ledger and the veto needs no vote on figures. One hidden layer with ReLU, or none; the shape and
 * the order of parameters are those of train.h.
 *
 * Units: inputs 2^-16, parameters 2^-20, hidden values 2^-16 (cut at 2^26, that is 1024), outputs 2^-36 and
 * compared as they are. Bits: 2^26 * 2^20 * 2^10 = 2^56 in the hidden layer, 2^26 * 2^26 * 2^10 = 2^62 in the
 * outputs. No heap but in fl_confuse; any thread. */
#ifndef WAYSIDE_FEDLEARN_ROUND_MODEL_EVAL_H
#define WAYSIDE_FEDLEARN_ROUND_MODEL_EVAL_H

#include "fedlearn/vehicle/shape.h"

#include <stdbool.h>

/* params: fl_shape_params values in +-FL_PARAM_MAX; x: inputs in +-FL_INPUT_MAX; hidden: room for shape->hidden
 * values (NULL without a hidden layer). Writes one value for each class; returns the class of the largest, the lower
 * one of equals. */
uint8_t fl_predict(const struct fl_shape *shape, const int32_t *params, const int32_t *x,
    int32_t *hidden, int64_t *ret_out);

struct fl_confusion {
    uint16_t classes;
    uint32_t n[FL_MAX_CLASSES][FL_MAX_CLASSES]; /* [true][said] */
};

/* Counts the model's answers on rows (at most UINT32_MAX, classes below shape->classes: asserted). */
void fl_confuse(const struct fl_shape *shape, const int32_t *params, const struct fl_rows *rows,
    struct fl_confusion *ret);

uint32_t fl_confusion_rows(const struct fl_confusion *c, size_t class); /* of that true class */
uint32_t fl_confusion_right(const struct fl_confusion *c); /* all classes */

/* Constants of the region's policy. */
struct fl_veto_rules {
    uint32_t safety; /* bit c: class c is one whose recall must not fall */
    uint32_t loss_ppm; /* of the class's rows: a larger loss is a veto; ..1000000 */
    uint32_t total_ppm; /* likewise, against the best there has been */
    uint32_t min_rows; /* classes with fewer rows have no say */
};

/* Of one class: its rows, and how many of them are right: by the model before, by the best since the order, by the candidate. */
struct fl_class_recall {
    uint64_t rows;
    uint32_t before, best, after;
};
enum fl_veto { FL_VETO_NONE, FL_VETO_STEP, FL_VETO_TOTAL };

/* Does the candidate lose too much of a safety class: of what the model before it got right (STEP), or, step by step, of the most that one
 * has (TOTAL)? Who is far below the best already may still get better. */
enum fl_veto fl_veto(
    const struct fl_veto_rules *rules, unsigned class, const struct fl_class_recall *n);
/* The policy's name of the bound: "veto_ppm", "veto_total_ppm"; "none". */
const char *fl_veto_name(enum fl_veto veto);

struct fl_change {
    uint32_t index;
    int32_t before, after;
};

enum { FL_MAX_CHANGES = 256 };

/* The k <= FL_MAX_CHANGES parameters that changed most, the largest change first, the lower index first among equals;
 * returns how many (fewer when fewer changed). */
size_t fl_top_changes(
    const int32_t *before, const int32_t *after, size_t d, size_t k, struct fl_change *ret_changes);

#endif
