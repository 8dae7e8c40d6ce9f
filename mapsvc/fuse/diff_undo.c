/* A version taken back from a map. */
#include "base/mem.h"
#include "mapsvc/fuse/diff.h"

#include <stdlib.h>

int map_version_undo(const struct map_version *v, struct mapset *m, struct ws_err *err) {
    struct change_record *undo = ws_memdup(v->changes, v->n_changes * sizeof(*undo));
    for (size_t i = 0; i < v->n_changes; i++) {
        const struct change_record *was = &v->changes[i];
        struct change_record *c = &undo[i];
        c->op = was->op == MAP_CREATE   ? MAP_DELETE
                : was->op == MAP_DELETE ? MAP_CREATE
                                        : MAP_MODIFY;
        c->has_before = was->has_after;
        c->before = was->after;
        c->has_after = was->has_before;
        c->after = was->before;
    }
    int rc = map_changes_apply(undo, v->n_changes, m, err);
    free(undo); /* its elements are the version's */
    return rc;
}
