#include "fedlearn/vehicle/material.h"

#include "fedlearn/vehicle/bundle_tree.h"
#include "ledger/exec/hash.h"

const char *fl_material_verdict_name(enum fl_material_verdict v) {
    static const char *const names[] = {
#define X(id, text) [(id)] = (text),
        FL_MATERIAL_VERDICTS(X)
#undef X
    };
    return (unsigned)v < FL_MATERIAL_VERDICT_COUNT ? names[v] : "unknown";
}

/* Which of them get seeds turns with the salt, and their sum stays. */
size_t fl_bundles_octets(unsigned n) {
    static const uint8_t any[FL_SHARE_SALT];
    const struct fl_share_plan p = fl_share_plan(n, any);
    return fl_bundle_offset(&p, n + 1U);
}

bool fl_material_wire_fits(const struct fl_cover *cover, struct span wire) {
    uint8_t root[32];
    if (wire.n != cover->ciphertext_octets)
        return false;
    fl_data_root(wire, root);
    return memcmp(root, cover->ciphertext_root, sizeof(root)) == 0;
}

static bool fits(const struct fl_share_plan *plan, const struct fl_cover *cover,
    struct span bundles, struct span wire) {
    if (bundles.n != fl_bundle_offset(plan, cover->n + 1U))
        return false;
    for (unsigned v = 1; v <= cover->n; v++) {
        uint8_t leaf[32];
        exec_list_leaf(
            span_of(bundles.p + fl_bundle_offset(plan, v), fl_bundle_octets(plan, v)), leaf);
        if (memcmp(leaf, cover->bundle_leaf[v - 1], sizeof(leaf)) != 0)
            return false;
    }
    return fl_material_wire_fits(cover, wire);
}

bool fl_material_fits(const uint8_t cell[static 32], const struct fl_cover *cover,
    struct span bundles, struct span wire) {
    const struct fl_share_plan plan = fl_cover_plan(cell, cover);
    return fits(&plan, cover, bundles, wire);
}

enum fl_material_verdict fl_material_check(const struct fl_round *round,
    const uint8_t sender[static 32], const uint8_t id[static 32], const struct fl_material *m,
    struct fl_submission *ret_submission) {
    struct fl_cover cover;
    if (fl_cover_read(m->cover, &cover, NULL) != WS_OK)
        return FL_MATERIAL_UNREADABLE;
    if (fl_submission_accept(round, sender, &cover, ret_submission) != FL_ACCEPT_GOOD)
        return FL_MATERIAL_NOT_ACCEPTED;
    if (memcmp(ret_submission->id, id, sizeof(ret_submission->id)) != 0)
        return FL_MATERIAL_OTHER_ID;
    return fits(&ret_submission->plan, &cover, m->bundles, m->wire) ? FL_MATERIAL_GOOD
                                                                    : FL_MATERIAL_NOT_WHOLE;
}
