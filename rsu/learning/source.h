/* A unit's store as the source of fl_find: what vehicles sent is checked here, whole, as the store gives it as the disk has it. */
#ifndef WAYSIDE_RSU_LEARNING_SOURCE_H
#define WAYSIDE_RSU_LEARNING_SOURCE_H

#include "fedlearn/round/find.h"
#include "rsu/learning/materials.h"

struct materials_source {
    struct materials *materials;
    const struct fl_round_record *record;
    struct fl_round sealed_for;
};
/* All borrowed; s outlives the source. Several threads may use it. */
struct fl_source materials_source(struct materials_source *s, struct materials *m,
    const struct fl_round_record *record, const uint8_t cell[static 32]);

#endif
