#include "fedlearn/vehicle/turns.h"

#include <string.h>

enum { PART = 4 };

uint32_t fl_turns_max(const struct fl_open *open) {
    return open->config.group_min < PART ? 1 : open->config.group_min / PART;
}

/* Turns that may have been opened. A model that was put in force again has another version, and its openings are counted anew. */
static uint32_t spent(const struct fl_turns *t, const struct fl_open *open) {
    if (memcmp(t->model_hash, open->model_hash, sizeof(t->model_hash)) != 0)
        return 0;
    const bool unopened = t->model_version == open->model_version && t->openings == open->openings;
    return t->taken + !unopened;
}

bool fl_turn_is_free(const struct fl_turns *t, const struct fl_open *open) {
    return spent(t, open) < fl_turns_max(open);
}

void fl_turn_take(struct fl_turns *t, const struct fl_open *open) {
    t->taken = spent(t, open);
    memcpy(t->model_hash, open->model_hash, sizeof(t->model_hash));
    t->model_version = open->model_version;
    t->openings = open->openings;
}
