/* Two policies' changes, side by side. */
#include "base/assert.h"
#include "base/mem.h"
#include "rsu/replay/trial.h"

#include <stdlib.h>

const char *trial_verdict_name(enum trial_verdict v) {
    static const char *const names[TRIAL_VERDICTS] = {
        [TRIAL_NEITHER] = "neither",
        [TRIAL_SAME] = "same",
        [TRIAL_EARLIER] = "earlier",
        [TRIAL_LATER] = "later",
        [TRIAL_ONLY_FIRST] = "only_in_force",
        [TRIAL_ONLY_SECOND] = "only_tried",
    };
    WS_ASSERT(v < TRIAL_VERDICTS);
    return names[v];
}

static enum trial_verdict judge(bool first, bool second, uint64_t at_first, uint64_t at_second) {
    if (!first || !second)
        return first ? TRIAL_ONLY_FIRST : second ? TRIAL_ONLY_SECOND : TRIAL_NEITHER;
    return at_first == at_second ? TRIAL_SAME : at_second < at_first ? TRIAL_EARLIER : TRIAL_LATER;
}

static struct trial_row row_of(const struct trial_change *a, const struct trial_change *b) {
    static const struct trial_change none;
    const struct trial_change *x = a == NULL ? &none : a;
    const struct trial_change *y = b == NULL ? &none : b;
    struct trial_row r = {.first = a,
        .second = b,
        .permanent = judge(x->confirmed, y->confirmed, x->confirmed_at, y->confirmed_at),
        .advisory = judge(x->advisories > 0, y->advisories > 0, x->advised_at, y->advised_at)};
    if (x->confirmed && y->confirmed) {
        r.permanent_us = (int64_t)(y->confirmed_at - x->confirmed_at);
        r.permanent_vehicles = (int64_t)y->record.vehicles - x->record.vehicles;
    }
    if (x->advisories > 0 && y->advisories > 0) {
        r.advisory_us = (int64_t)(y->advised_at - x->advised_at);
        r.advisory_vehicles = (int64_t)y->advisory.vehicles - x->advisory.vehicles;
    }
    return r;
}

static uint64_t heard_at(const struct trial_change *c) {
    if (c == NULL)
        return UINT64_MAX;
    return c->advisories > 0 ? c->advised_at : c->confirmed_at;
}

static uint64_t row_at(const struct trial_row *r) {
    uint64_t a = heard_at(r->first);
    uint64_t b = heard_at(r->second);
    return a < b ? a : b;
}

struct trial_row *trial_compare(
    const struct trial *first, const struct trial *second, size_t *ret_n) {
    struct trial_row *rows = ws_calloc(first->n + second->n, sizeof(*rows));
    bool *taken = ws_calloc(second->n, sizeof(*taken));
    size_t n = 0;
    /* What came again, in the one as in the other, is paired in that order. */
    for (size_t i = 0; i < first->n; i++) {
        size_t k = 0;
        while (k < second->n &&
               (taken[k] || !trial_same_thing(&first->changes[i], &second->changes[k])))
            k++;
        if (k < second->n)
            taken[k] = true;
        rows[n++] = row_of(&first->changes[i], k < second->n ? &second->changes[k] : NULL);
    }
    for (size_t k = 0; k < second->n; k++) {
        if (!taken[k])
            rows[n++] = row_of(NULL, &second->changes[k]);
    }
    /* Both lists are in their order already: this only merges them, and keeps the order of equals. */
    for (size_t i = 1; i < n; i++) {
        struct trial_row r = rows[i];
        size_t at = i;
        for (; at > 0 && row_at(&rows[at - 1]) > row_at(&r); at--)
            rows[at] = rows[at - 1];
        rows[at] = r;
    }
    free(taken);
    *ret_n = n;
    return rows;
}
