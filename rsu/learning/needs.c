#include "rsu/learning/needs.h"

#include "fedlearn/round/roots.h"
#include "fedlearn/vehicle/model.h"

static size_t add(
    struct learning_need *ret, size_t n, const uint8_t hash[static 32], uint32_t max) {
    static const uint8_t zero[32];
    if (memcmp(hash, zero, 32) == 0)
        return n;
    for (size_t i = 0; i < n; i++)
        if (memcmp(ret[i].sha256, hash, 32) == 0)
            return n;
    memcpy(ret[n].sha256, hash, 32);
    ret[n].octets_max = max;
    return n + 1;
}

size_t learning_needs(struct materials *m, const struct fl_model_view *in_force,
    struct learning_need ret[static LEARNING_NEEDS_MAX]) {
    uint8_t parent[32];
    size_t n = 0;
    if (in_force->name[0] == 0)
        return 0;
    n = add(ret, n, in_force->hash, FL_MODEL_OCTETS_MAX);
    n = add(ret, n, in_force->root_set, FL_MAX_ROOTS_OCTETS);
    if (materials_model_parent(m, in_force->hash, parent))
        n = add(ret, n, parent, FL_MODEL_OCTETS_MAX);
    return add(ret, n, in_force->parent, FL_MODEL_OCTETS_MAX);
}
