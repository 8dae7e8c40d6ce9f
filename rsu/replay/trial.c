#include "rsu/replay/trial.h"

#include "base/assert.h"
#include "base/mem.h"
#include "mapsvc/fuse/associate.h"
#include "mapsvc/fuse/policy_fields.h"

#include <stdlib.h>

/* New or moved things this near are one: what the map contract itself takes for one place. */
enum { SAME_PLACE_MM = 4000 };

/* ---- life ---- */

int trial_open(struct trial *t, struct span genesis, const struct mapset *map,
    const struct buf *policy_body, struct ws_err *err) {
    memset(t, 0, sizeof(*t));
    int rc = cell_open(genesis, map, &t->cell, err);
    if (rc != WS_OK)
        return rc;
    cell_take_any_map_version(&t->cell);
    if (policy_body != NULL)
        t->cell.sections[0] = buf_span(policy_body);
    return executor_init(t->cell.ex, t->cell.sections, err);
}

static void change_clear(struct trial_change *c) {
    change_free(&c->record);
    if (c->advisories > 0)
        change_free(&c->advisory);
}

void trial_close(struct trial *t) {
    for (size_t i = 0; i < t->n; i++)
        change_clear(&t->changes[i]);
    free(t->changes);
    if (t->cell.ex != NULL)
        cell_close(&t->cell);
    memset(t, 0, sizeof(*t));
}

const int64_t *trial_policy(const struct trial *t) {
    size_t n = 0;
    const int64_t *v = policy_contract_values(t->cell.policy, &n);
    WS_ASSERT(n >= MAP_POLICY_COUNT);
    return v;
}

/* ---- what is the same ---- */

static bool same_points(const struct element *a, const struct element *b) {
    return a->n_points == b->n_points &&
           (a->n_points == 0 ||
               memcmp(a->points, b->points, a->n_points * sizeof(a->points[0])) == 0);
}

static enum trial_class class_of(const struct change_record *r) {
    if (r->op == MAP_CREATE)
        return TRIAL_NEW;
    if (r->op == MAP_DELETE)
        return TRIAL_REMOVED;
    if (element_attr(&r->after, "covered") != NULL && element_attr(&r->before, "covered") == NULL)
        return TRIAL_COVERED;
    return same_points(&r->before, &r->after) ? TRIAL_VALUE : TRIAL_MOVED;
}

static const struct element *thing_of(const struct change_record *r) {
    return r->has_after ? &r->after : &r->before;
}

static bool near(const struct element *a, const struct element *b) {
    int32_t x[2] = {0};
    int32_t y[2] = {0};
    element_anchor(a, &x[0], &y[0]);
    element_anchor(b, &x[1], &y[1]);
    return distance2(x[0], y[0], x[1], y[1]) <= (uint64_t)SAME_PLACE_MM * SAME_PLACE_MM &&
           (!a->has_heading || !b->has_heading ||
               heading_gap(a->heading, b->heading) <= HEADING_45);
}

static bool same_value(const struct element *a, const struct element *b) {
    return a->has_value == b->has_value && (!a->has_value || a->value == b->value);
}

/* A new element gets its id when it is confirmed, so that is told by its place. */
bool trial_same_thing(const struct trial_change *a, const struct trial_change *b) {
    const struct element *ea = thing_of(&a->record);
    const struct element *eb = thing_of(&b->record);
    if (a->cls != b->cls || ea->kind != eb->kind)
        return false;
    if (a->cls == TRIAL_NEW)
        return same_value(ea, eb) && near(ea, eb);
    if (memcmp(a->record.element_id, b->record.element_id, 16) != 0)
        return false;
    if (a->cls == TRIAL_MOVED)
        return near(ea, eb);
    return a->cls != TRIAL_VALUE || same_value(ea, eb);
}

/* ---- listening ---- */

/* The entry that news of this change belongs to: the last that is not confirmed yet, else a new one. Takes the record. */
static struct trial_change *entry_of(struct trial *t, struct change_record *r) {
    struct trial_change fresh = {.cls = class_of(r), .record = *r};
    memset(r, 0, sizeof(*r));
    for (size_t i = t->n; i-- > 0;) {
        struct trial_change *c = &t->changes[i];
        if (c->confirmed || !trial_same_thing(c, &fresh))
            continue;
        change_free(&c->record);
        c->record = fresh.record;
        return c;
    }
    if (t->n == t->cap) {
        t->cap = t->cap == 0 ? 16 : 2 * t->cap;
        t->changes = ws_realloc(t->changes, t->cap * sizeof(t->changes[0]));
    }
    t->changes[t->n] = fresh;
    return &t->changes[t->n++];
}

static struct trial_change *by_record(struct trial *t, const uint8_t *id) {
    for (size_t i = t->n; i-- > 0;) {
        if (t->changes[i].confirmed && memcmp(t->changes[i].record.id, id, 32) == 0)
            return &t->changes[i];
    }
    return NULL;
}

static struct change_record copy_of(const struct change_record *r) {
    struct change_record c;
    struct ws_err err;
    struct buf b = {0};
    change_encode(r, &b);
    WS_ASSERT(change_decode(buf_span(&b), &c, &err) == WS_OK);
    buf_free(&b);
    return c;
}

static void hear_confirmed(struct trial *t, const struct change_record *r, uint64_t now) {
    if (r->tier != TIER_PERMANENT || by_record(t, r->id) != NULL)
        return;
    struct change_record copy = copy_of(r);
    struct trial_change *c = entry_of(t, &copy);
    c->confirmed = true;
    c->confirmed_at = now;
}

static void hear_advisory(struct trial *t, const struct event *e) {
    struct map_advisory a;
    struct ws_err err;
    WS_ASSERT(map_advisory_decode(e->body, &a, &err) == WS_OK);
    struct change_record copy = copy_of(&a.change);
    struct trial_change *c = entry_of(t, &copy);
    if (c->advisories++ == 0) {
        c->advisory = a.change;
        c->advised_at = a.block_time;
    } else {
        change_free(&a.change);
    }
    memcpy(c->advisory_id, c->record.id, 32);
    c->advisory_until = a.valid_to;
    c->advisory_over = false;
}

static void hear_end(struct trial *t, const struct event *e) {
    struct map_advisory_end end;
    struct ws_err err;
    WS_ASSERT(map_advisory_end_decode(e->body, &end, &err) == WS_OK);
    for (size_t i = t->n; i-- > 0;) {
        struct trial_change *c = &t->changes[i];
        if (c->advisories == 0 || memcmp(c->advisory_id, end.change_id, 32) != 0)
            continue;
        c->advisory_over = true;
        c->advisory_over_at = end.block_time;
        c->advisory_why = end.why;
        return;
    }
}

static void hear_version(struct trial *t, const struct event *e) {
    struct map_version v;
    struct ws_err err;
    WS_ASSERT(map_version_decode(e->body, &v, &err) == WS_OK);
    for (size_t i = 0; i < v.n_changes; i++) {
        hear_confirmed(t, &v.changes[i], v.block_time);
        struct trial_change *c = by_record(t, v.changes[i].id);
        if (c == NULL)
            continue;
        c->published = true;
        c->published_at = v.block_time;
        c->version = v.version;
    }
    map_version_free(&v);
}

static void hear(struct trial *t, const struct event *e) {
    if (e->contract != CELL_CONTRACT_MAP)
        return;
    if (e->type == MAP_EVENT_ADVISORY)
        hear_advisory(t, e);
    else if (e->type == MAP_EVENT_ADVISORY_END)
        hear_end(t, e);
    else if (e->type == MAP_EVENT_VERSION)
        hear_version(t, e);
}

void trial_block(struct trial *t, const struct block *b) {
    struct exec_outcome o;
    executor_run(t->cell.ex, b, &o);
    state_changes_clear(executor_state(t->cell.ex)); /* there is no store to write them to */
    t->blocks++;
    for (size_t i = 0; i < o.n_results; i++) {
        if (o.results[i].code < TRIAL_CODES_MAX)
            t->results[o.results[i].contract][o.results[i].code]++;
    }
    for (size_t i = 0; i < o.n_events; i++)
        hear(t, &o.events[i]);
    exec_outcome_free(&o);
    /* What is confirmed and waits for its version was confirmed in this block, or is known already. */
    const struct change_record *r = NULL;
    for (size_t i = 0; (r = map_contract_waiting(t->cell.map, i)) != NULL; i++)
        hear_confirmed(t, r, b->header.time);
}

/* ---- standing ---- */

bool trial_standing(
    const struct trial *t, const struct trial_change *c, struct map_suspicion *ret) {
    const struct element *e = thing_of(&c->record);
    /* A place has an id of its own, which is not the one that its element gets. */
    const uint8_t *subject = c->advisories > 0 ? c->advisory.element_id : c->record.element_id;
    if (c->cls == TRIAL_COVERED || !map_contract_suspicion(t->cell.map, subject, ret))
        return false;
    if (ret->op != c->record.op || ret->moved != (c->cls == TRIAL_MOVED))
        return false;
    return (c->cls != TRIAL_NEW && c->cls != TRIAL_VALUE) ||
           (ret->has_value == e->has_value && (!e->has_value || ret->value == e->value));
}
