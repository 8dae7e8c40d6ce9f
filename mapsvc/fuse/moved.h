/* "It stands elsewhere": the hypothesis that explains a thing missing here and one like it standing near, so that the
 * two are published as one change and never as two. Part of the map contract. */
#ifndef WAYSIDE_MAPSVC_FUSE_MOVED_H
#define WAYSIDE_MAPSVC_FUSE_MOVED_H

#include "mapsvc/fuse/contract_internal.h"

/* True when a sighting of e is so far from where the map has it that its own error does not explain it: by at least
 * map.move_min_mm, and four standard deviations. */
bool moved_is_off(
    const struct map_contract *c, const struct element *e, const struct fusion_point *at);
/* The same for a thing of this kind that the map has at x, y. */
bool moved_is_off_from(const struct map_contract *c, enum element_kind kind, int32_t x, int32_t y,
    const struct fusion_point *at);
/* The element that an unexplained sighting may be of: of the same kind and value, read in the same direction, within
 * map.move_reach_mm, and missing: by the word of this very vehicle, in the same message or earlier in this window, or
 * with as much evidence as an advisory needs. (Were it enough that somebody misses it, one mistake about a thing would
 * turn every new one near it into that thing, moved, while those who see it in its place drive elsewhere.) `others` are
 * the votes of the message; what it saw in its place is not missing. PLACE_UNKNOWN when there is none, or several. */
uint64_t moved_origin(const struct map_contract *c, const struct exec_host *h, struct look *l,
    const struct vote *v, const struct vote *others, size_t n);
/* Notes what is missing and where it may stand now; after the end of a block. */
void moved_index(struct map_contract *c);

/* What a vote on the element says about its hypothesis `hyp`, of HYP_MOVED. */
enum moved_says { MOVED_NEITHER, MOVED_FOR, MOVED_AGAINST };
enum moved_says moved_judge(const struct map_contract *c, const struct element *e,
    const struct subject *s, size_t hyp, const struct vote *v);
/* The hypothesis that a sighting opens; false when one of s (or NULL) explains it, or the map does. *ret_value is its
 * `value`. */
bool moved_opens(
    const struct element *e, const struct subject *s, const struct vote *v, int32_t *ret_value);
/* The element after the change. */
struct element moved_element(const struct element *e, const struct spot *to);
/* True while the cell suspects that this new thing is one that was moved here. */
bool moved_may_explain(
    const struct map_contract *c, const struct subject *place, const struct hypothesis *y);

#endif
