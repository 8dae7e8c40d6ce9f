#include "mapsvc/fuse/suspicion.h"

#include "base/assert.h"
#include "mapsvc/fuse/contract_internal.h"

/* That the road is as ordered, or a plate covered, is no suspicion of a change. But vehicles are told of a cover, and what they
 * are told is shown. */
static bool shown(const struct hypothesis *y) {
    if (y->cls == HYP_COVERED)
        return y->advisory == ADVISORY_ACTIVE;
    return y->cls != HYP_OBEYS && y->s > 0;
}

static const struct hypothesis *strongest(const struct subject *s) {
    const struct hypothesis *best = NULL;
    for (size_t i = 0; i < s->n_hyps; i++) {
        if (shown(&s->hyps[i]) && (best == NULL || s->hyps[i].s > best->s))
            best = &s->hyps[i];
    }
    return best;
}

static enum map_change_op op_of(const struct hypothesis *y) {
    return y->cls == HYP_NEW ? MAP_CREATE : y->cls == HYP_REMOVED ? MAP_DELETE : MAP_MODIFY;
}

static void put_where(const struct map_contract *c, const struct subject *s,
    const struct hypothesis *y, struct map_suspicion *m) {
    m->is_place = subject_is_place(s);
    m->x = s->spot.place.x;
    m->y = s->spot.place.y;
    m->has_heading = m->is_place;
    m->heading = s->spot.heading;
    const struct element *e = m->is_place ? NULL : mapset_find(&c->map, subject_id(s));
    if (e == NULL)
        return;
    element_anchor(e, &m->x, &m->y);
    m->has_heading = element_heading_at(e, m->x, m->y, &m->heading);
    if (y->cls != HYP_MOVED)
        return;
    m->moved = true;
    m->x = y->spot->place.x;
    m->y = y->spot->place.y;
}

static struct map_suspicion describe(
    const struct map_contract *c, const struct subject *s, const struct hypothesis *y) {
    struct hyp_summary sum = hyp_summarise(y);
    struct map_suspicion m = {.kind = s->kind,
        .op = op_of(y),
        .covered = y->cls == HYP_COVERED,
        .has_value = y->has_value && y->cls != HYP_MOVED,
        .value = y->cls == HYP_MOVED ? 0 : y->value,
        .bits_q16 = y->s,
        .threshold_q16 = c->params.v[MAP_POLICY_CONFIRM_BITS] * BIT_Q16,
        .vehicles = y->vehicles,
        .groups = sum.groups,
        .issuers = sum.issuers,
        .families = sum.families,
        .views = sum.views,
        .window_vehicles = y->most_in_window,
        .wanted_vehicles = (uint32_t)c->params.v[MAP_POLICY_MIN_VEHICLES],
        .lacks = versions_lacking(c, s, y),
        .rivals = (uint32_t)(s->n_hyps - 1),
        .first_seen = y->first_seen,
        .last_seen = y->last_seen,
        .advisory = y->advisory == ADVISORY_ACTIVE,
        .advisory_until = y->advisory_until};
    memcpy(m.subject, subject_id(s), sizeof(m.subject));
    memcpy(m.advisory_id, y->advisory_id, sizeof(m.advisory_id));
    put_where(c, s, y, &m);
    return m;
}

size_t map_contract_suspicions(
    const void *self, struct map_suspicion *ret, size_t max, size_t *ret_total) {
    const struct map_contract *c = self;
    const struct subject *top[MAP_SUSPICIONS_MAX];
    int64_t bits[MAP_SUSPICIONS_MAX];
    size_t n = 0;
    WS_ASSERT(max <= MAP_SUSPICIONS_MAX);
    *ret_total = 0;
    for (size_t i = 0; i < c->n_subjects; i++) {
        const struct hypothesis *y = strongest(c->subjects[i]);
        if (y == NULL)
            continue;
        ++*ret_total;
        if (n == max && (n == 0 || bits[n - 1] >= y->s))
            continue;
        size_t at = n < max ? n++ : n - 1;
        for (; at > 0 && bits[at - 1] < y->s; at--) {
            bits[at] = bits[at - 1];
            top[at] = top[at - 1];
        }
        bits[at] = y->s;
        top[at] = c->subjects[i];
    }
    for (size_t i = 0; i < n; i++)
        ret[i] = describe(c, top[i], strongest(top[i]));
    return n;
}

/* NULL: nothing is suspected about it. */
static const struct subject *find(const struct map_contract *c, const uint8_t *id) {
    uint8_t key[SUBJECT_KEY] = {SUBJECT_ELEMENT};
    memcpy(key + 1, id, 16);
    const struct subject *s = contract_subject(c, key);
    key[0] = SUBJECT_PLACE;
    s = s == NULL ? contract_subject(c, key) : s;
    return s != NULL && strongest(s) != NULL ? s : NULL;
}

bool map_contract_suspicion(
    const void *self, const uint8_t subject[static 16], struct map_suspicion *ret) {
    const struct subject *s = find(self, subject);
    if (s == NULL)
        return false;
    *ret = describe(self, s, strongest(s));
    return true;
}

size_t map_contract_suspicion_evidence(const void *self, const uint8_t subject[static 16],
    struct evidence_leaf ret[static EVIDENCE_MAX]) {
    const struct subject *s = find(self, subject);
    const struct hypothesis *y = s == NULL ? NULL : strongest(s);
    if (y == NULL || y->n_leaves == 0)
        return 0;
    memcpy(ret, y->leaves, y->n_leaves * sizeof(ret[0]));
    return y->n_leaves;
}

const struct change_record *map_contract_waiting(const void *self, size_t i) {
    const struct map_contract *c = self;
    return i < c->n_pending ? &c->pending[i].change : NULL;
}
