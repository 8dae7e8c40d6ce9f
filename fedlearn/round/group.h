/* Groups of a round, drawn from a beacon value that nobody chose and nobody knew when the included set was cut off: a
 * permutation (Fisher and Yates, by rejection from a counter-mode stream), cut into runs of nearly equal length
 * (docs/formats/learning.md, Groups).
 *
 * Members are named by their places 0..n-1 in the included set, whose order is fixed at the cut-off (ascending submission
 * ids). Suspects are grouped among themselves; while there are too few of them for a group they sit the round out, since
 * opening a small group would open single updates. Pure, allocates nothing; any thread. */
#ifndef WAYSIDE_FEDLEARN_ROUND_GROUP_H
#define WAYSIDE_FEDLEARN_ROUND_GROUP_H

#include "base/compiler.h"
#include "base/span.h"

#define FL_MEMBERS_MAX 65536

struct fl_group_sizes {
    uint16_t wanted; /* min <= wanted <= max */
    uint16_t min; /* at least 2: no smaller sum is ever opened */
    uint16_t
        max; /* what the profile can add up; at least 2 min - 1, so that there is always a way to cut */
};

enum fl_groups_verdict {
    FL_GROUPS_DRAWN,
    FL_GROUPS_TOO_FEW, /* fewer than 2 min members that are not suspects: the round is aborted */
    FL_GROUPS_TOO_MANY, /* more than FL_MEMBERS_MAX */
    FL_GROUPS_BAD_SIZES, /* sizes break the rules above */
    FL_GROUPS_BAD_SUSPECTS, /* not strictly ascending, or not in the set */
};
const char *fl_groups_verdict_name(enum fl_groups_verdict v);

struct fl_groups {
    uint32_t groups; /* numbered from 0; those of suspects come last */
    uint32_t free_groups; /* of members that are not suspects */
    uint32_t *order; /* n places, memory of the caller: group k is order[first[k]..first[k + 1]) */
    uint32_t *
        first; /* n / min + 1 entries are enough; memory of the caller. order[first[groups]..n) sit out */
};

struct fl_drawing {
    uint8_t cell[32];
    uint8_t round[32];
    uint8_t beacon[32]; /* value of a height after the cut-off */
    struct fl_group_sizes sizes;
    size_t n; /* included */
    const uint32_t *suspects; /* borrowed; strictly ascending */
    size_t n_suspects;
};
/* groups->order and groups->first are set by the caller; everything is written only when DRAWN. */
WARN_UNUSED enum fl_groups_verdict fl_groups_draw(
    const struct fl_drawing *d, struct fl_groups *groups);

#endif
