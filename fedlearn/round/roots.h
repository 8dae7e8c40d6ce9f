/* The root set: rows that the operator publishes by hash, on which every validator tries a model before it is taken.
 * The file's SHA-256 is what the ledger names; rows are normalised as the model says (fl_normalise_rows), so that
 * nothing about them is left to compute. Layout: docs/formats/learning.md, Root set. One thread per object. */
#ifndef WAYSIDE_FEDLEARN_ROUND_ROOTS_H
#define WAYSIDE_FEDLEARN_ROUND_ROOTS_H

#include "base/bytes.h"
#include "fedlearn/vehicle/shape.h"

enum {
    FL_MAX_ROOTS = 1 << 20,
    FL_MAX_ROOTS_OCTETS = 1 << 28,
    FL_CLASS_ROWS_MIN = 20, /* rows of a class, for it to have a say in the veto */
};

struct fl_roots {
    uint16_t inputs, classes;
    struct fl_rows rows; /* borrows x and y */
    int32_t *x;
    uint8_t *y;
};

/* rows: at most FL_MAX_ROOTS, values in +-FL_INPUT_MAX, classes below shape->classes (asserted). */
void fl_roots_encode(const struct fl_shape *shape, const struct fl_rows *rows, struct buf *ret);

/* Everything but the one encoding is refused, with the row. Allocates after the length has been found to be right. */
WARN_UNUSED int fl_roots_decode(struct span octets, struct fl_roots *ret, struct ws_err *err);
void fl_roots_free(struct fl_roots *r);

/* Rows times parameters of a trial: every validator needs half a minute of a core for as many, before and after together. */
#define FL_TRIAL_MAX (UINT64_C(1) << 34)

/* 0 when a model of this shape can be tried on it. WS_ELIMIT: that would take too long. */
WARN_UNUSED int fl_roots_fit(
    const struct fl_roots *r, const struct fl_shape *shape, struct ws_err *err);

#endif
