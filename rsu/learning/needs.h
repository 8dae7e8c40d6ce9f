/* Which models and root sets a unit has to have: what the ledger names, and the parent that the file of the model in force names, which a step
 * refers to (an order may put a model in force whose parent was never in force here). Any thread. */
#ifndef WAYSIDE_RSU_LEARNING_NEEDS_H
#define WAYSIDE_RSU_LEARNING_NEEDS_H

#include "fedlearn/round/rounds.h"
#include "rsu/learning/materials.h"

/* Model in force, the one before it, its file's parent, its root set. */
#define LEARNING_NEEDS_MAX 4

struct learning_need {
    uint8_t sha256[32];
    uint32_t octets_max; /* no file of its kind is longer */
};
/* Each once; 0 when no model is in force. */
size_t learning_needs(struct materials *m, const struct fl_model_view *in_force,
    struct learning_need ret[static LEARNING_NEEDS_MAX]);

#endif
