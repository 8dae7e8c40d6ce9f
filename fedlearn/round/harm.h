/* What each group's own step would do to the model, tried on the root set: a rule that needs no majority of good groups, so it
 * holds where there are three of them, and sees what sums alone do not show (flipped labels, a little). Integers; the same marks for everybody.
 * (Asking what a contribution does to held-out rows: Barreno and others, "The security of machine learning", 2010, RONI; Xie and
 * others, "Zeno", ICML 2019.) */
#ifndef WAYSIDE_FEDLEARN_ROUND_HARM_H
#define WAYSIDE_FEDLEARN_ROUND_HARM_H

#include "fedlearn/round/judge.h"
#include "fedlearn/vehicle/shape.h"

/* Rows times parameters of all groups' trials: a tenth of a second of a core. So many rows of the root set are tried, evenly spread over it;
 * where that would be fewer than FL_HARM_ROWS, the rule is not asked: such a round has many groups, which judge each other. */
#define FL_HARM_TRIAL (UINT64_C(1) << 26)
enum { FL_HARM_ROWS = 20 };

struct fl_harm {
    const struct fl_scale *scale;
    const struct fl_rules *rules; /* harm_ppm */
    const struct fl_shape *shape;
    const int32_t *model; /* in force; fl_shape_params values */
    const struct fl_rows *root_set; /* of this shape; NULL: there is none, and no marks */
};

/* Sets `harmful` of each of the n groups: the model and the mean of its sum, nothing else added, have fewer rows right than the model alone, by more
 * than the rules' share and by more than one (which is chance). A group that was found out before (`found`) is not tried. Any thread. */
void fl_harm_mark(const struct fl_harm *h, struct fl_group *groups, size_t n);

#endif
