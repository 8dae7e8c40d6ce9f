/* A model by the name somebody gives it. Internal to rsu/ctl/model*.c. One thread. */
#ifndef WAYSIDE_RSU_CTL_MODEL_NAMED_H
#define WAYSIDE_RSU_CTL_MODEL_NAMED_H

#include "rsu/ctl/model.h"

#define CTL_NAMED_USAGE                                                                            \
    "FILE: a model file; one whose name is a number is ./7, not 7. VERSION as the cell counts "    \
    "them, or HASH, 64\nhex digits: asked of the unit, whose file must have the hash.\n"

struct ctl_named {
    struct buf octets;
    struct fl_model model;
    json_t *line; /* what the unit says of it; NULL: it is a file, or was asked for by its hash */
};
/* word: a file; digits: a version, 64 hex digits: a hash, NULL: the one in force, of the unit. What a unit gives has the hash that it is
 * asked for by. CTL_DONE, or everything has been said. ctl_named_free in any case. */
WARN_UNUSED int ctl_named_load(
    const struct ctl_verb *v, const char *word, const struct ctl_face *face, struct ctl_named *ret);
void ctl_named_free(struct ctl_named *n);

#endif
