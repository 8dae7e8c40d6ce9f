/* Inside map_compare: which element is which, and where b's points lie in a's plane. Private. */
#ifndef WAYSIDE_MAPSVC_MODEL_COMPARE_H
#define WAYSIDE_MAPSVC_MODEL_COMPARE_H

#include "mapsvc/model/mapset.h"

struct compare {
    const struct mapset *a, *b;
    bool same_ns; /* else attributes mean different things and are not compared */
    uint32_t *of_a, *of_b; /* 1 + index of the partner, 0: none */
    /* b's points: into a's frame by the frames' places, unless own_planes; then by the similarity
     * around (from_x, from_y) -> (to_x, to_y) when fitted. */
    bool own_planes, fitted;
    double from_x, from_y, to_x, to_y, turn_cos, turn_sin;
    int64_t tolerance; /* mm */
    int64_t along_x, along_y; /* direction in which lines of two formats are taken to run */
};

/* Both lines have one course and the same ends, whatever their points. */
bool compare_lines(
    const struct map_point *p, size_t n, const struct map_point *q, size_t m, int64_t tolerance);
/* Of the box around them. */
struct map_point compare_middle(const struct map_point *p, size_t n);

bool compare_place(const struct compare *c, struct map_point p, struct map_point *ret_p);
void compare_match_alias(struct compare *c);
/* OpenDRIVE names lanes by counting: where one was inserted, the same name is another lane. A line whose name
 * does not last and whose both ends lie elsewhere is not the one of that name. */
void compare_unmatch_far(struct compare *c);
/* Elements left over: same kind, nearest within the gate, and nobody else as near. */
void compare_match_place(struct compare *c);
/* All of what names say: alias, common shift, names that do not last. compare_match_place comes behind it. */
void compare_match_names(struct compare *c, struct map_delta *ret_delta);
/* Whether partners say the same; see mapset.h. */
bool compare_same(const struct compare *c, const struct element *a, const struct element *b);
void compare_find_shift(struct compare *c, struct map_delta *ret_delta);

#endif
