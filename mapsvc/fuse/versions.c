/* What reached a threshold: advisories, confirmed changes, map versions. */
#include "mapsvc/fuse/contract_internal.h"
#include "mapsvc/fuse/decree.h"
#include "mapsvc/fuse/moved.h"
#include "mapsvc/fuse/reputation.h"
#include "mapsvc/fuse/suspicion.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* A version record stays well under EXEC_EVENT_MAX; what does not fit goes into the next one. */
enum { VERSION_OCTETS_MAX = 700 << 10 };
#define HOUR_US UINT64_C(3600000000)

/* ---- change records ---- */

/* National codes carry the figure at their end (de274-50): it changes with the plate. */
static void follow_figure(struct element *e, int32_t before, int32_t after) {
    const char *code = element_attr(e, "code");
    char figure[16];
    char text[ELEMENT_MAX_TEXT + 1];
    (void)snprintf(figure, sizeof(figure), "-%" PRId32, before);
    size_t tail = strlen(figure);
    if (code == NULL || strlen(code) < tail)
        return;
    size_t n = strlen(code);
    if (strcmp(code + n - tail, figure) != 0)
        return;
    int put = snprintf(text, sizeof(text), "%.*s-%" PRId32, (int)(n - tail), code, after);
    if (put > 0 && (size_t)put < sizeof(text))
        (void)element_set_attr(e, "code", text);
}

/* The change as the hypothesis has it now; new things are called `id`. The caller frees it. */
static struct change_record describe(const struct map_contract *c, const struct subject *s,
    const struct hypothesis *y, enum change_tier tier, int64_t threshold_bits, const uint8_t *id) {
    struct hyp_summary sum = hyp_summarise(y);
    struct change_record r = {.tier = tier,
        .bits_q16 = y->s,
        .threshold_q16 = threshold_bits * BIT_Q16,
        .vehicles = y->vehicles,
        .groups = sum.groups,
        .issuers = sum.issuers,
        .families = sum.families,
        .first_seen = y->first_seen,
        .last_seen = y->last_seen};
    memcpy(r.element_id, id, sizeof(r.element_id));
    evidence_root(y->leaves, y->n_leaves, r.evidence_root);
    if (y->cls == HYP_NEW) {
        r.op = MAP_CREATE;
        r.has_after = true;
        r.after = newcomer_element(s, y, id);
    } else {
        const struct element *e = mapset_find(&c->map, subject_id(s));
        WS_ASSERT(e != NULL);
        r.has_before = true;
        r.before = element_copy(e);
        r.op = y->cls == HYP_REMOVED ? MAP_DELETE : MAP_MODIFY;
        if (y->cls == HYP_VALUE) {
            r.has_after = true;
            r.after = element_copy(e);
            r.after.revision++;
            if (e->has_value)
                follow_figure(&r.after, e->value, y->value);
            r.after.has_value = true;
            r.after.value = y->value;
        } else if (y->cls == HYP_MOVED) {
            r.has_after = true;
            r.after = moved_element(e, y->spot);
        } else if (y->cls == HYP_COVERED) {
            r.has_after = true;
            r.after = element_copy(e);
            r.after.revision++;
            (void)element_set_attr(&r.after, "covered", "yes"); /* full: the words stay away */
        }
    }
    change_seal(&r);
    return r;
}

/* ---- advisories ---- */

void versions_end_advisory(
    struct exec_host *h, const struct subject *s, struct hypothesis *y, enum advisory_end why) {
    struct map_advisory_end e = {
        .height = exec_height(h), .block_time = exec_block_time(h), .why = why};
    memcpy(e.change_id, y->advisory_id, sizeof(e.change_id));
    memcpy(e.element_id, subject_id(s), sizeof(e.element_id));
    struct buf b = {0};
    map_advisory_end_encode(&e, &b);
    exec_event(h, MAP_EVENT_ADVISORY_END, buf_span(&b));
    buf_free(&b);
    y->advisory = ADVISORY_OVER;
}

static void begin_advisory(const struct map_contract *c, struct exec_host *h,
    const struct subject *s, struct hypothesis *y) {
    uint64_t now = exec_block_time(h);
    struct map_advisory a = {.height = exec_height(h),
        .block_time = now,
        .valid_to = now + (uint64_t)c->params.v[MAP_POLICY_ADVISORY_MS] * 1000,
        .change =
            describe(c, s, y, TIER_ADVISORY, c->params.v[MAP_POLICY_ADVISORY_BITS], subject_id(s))};
    struct buf b = {0};
    map_advisory_encode(&a, &b);
    exec_event(h, MAP_EVENT_ADVISORY, buf_span(&b));
    buf_free(&b);
    y->advisory = ADVISORY_ACTIVE;
    y->advisory_until = a.valid_to;
    memcpy(y->advisory_id, a.change.id, sizeof(y->advisory_id));
    change_free(&a.change);
}

/* An advisory that has run out begins again only when somebody reports the change again. */
static bool advisory_due(const struct map_contract *c, const struct hypothesis *y, uint64_t now) {
    return y->s >= c->params.v[MAP_POLICY_ADVISORY_BITS] * BIT_Q16 &&
           y->most_in_window >= (uint64_t)c->params.v[MAP_POLICY_ADVISORY_VEHICLES] &&
           (y->advisory == ADVISORY_NONE ||
               (y->advisory == ADVISORY_OVER && y->supported_at == now && now > y->advisory_until));
}

/* ---- confirmation ---- */

/* Two hypotheses of which only one can be true. That a thing stands elsewhere is no rival of its value; and what speaks
 * for its being moved speaks for its being gone from here as well, so it need not lead that. */
static bool rivals(const struct hypothesis *y, const struct hypothesis *other) {
    if (y->cls == HYP_COVERED || other->cls == HYP_COVERED)
        return false;
    if (y->cls == HYP_MOVED)
        return other->cls == HYP_MOVED || other->cls == HYP_OBEYS;
    return !(y->cls == HYP_VALUE && other->cls == HYP_MOVED);
}

static int64_t strongest_rival(const struct subject *s, const struct hypothesis *y) {
    int64_t next = 0;
    for (size_t i = 0; i < s->n_hyps; i++) {
        const struct hypothesis *o = &s->hyps[i];
        if (o != y && rivals(y, o) && o->s > next)
            next = o->s;
    }
    return next;
}

/* A new place is told only when it is known well enough. */
static bool place_known(
    const struct map_contract *c, const struct subject *s, const struct hypothesis *y) {
    const struct spot_needs needs = {c->params.v[MAP_POLICY_PLACE_SIGMA_MM],
        c->params.v[MAP_POLICY_PLACE_SIGHTINGS], c->params.v[MAP_POLICY_PLACE_FAMILIES]};
    if (y->cls == HYP_NEW)
        return spot_is_settled(&s->spot, &needs);
    if (y->cls != HYP_MOVED)
        return true;
    const struct element *e = mapset_find(&c->map, subject_id(s));
    WS_ASSERT(e != NULL);
    return spot_is_settled(y->spot, &needs) && moved_is_off(c, e, &y->spot->place);
}

unsigned versions_lacking(
    const struct map_contract *c, const struct subject *s, const struct hypothesis *y) {
    const int64_t *v = c->params.v;
    struct hyp_summary sum = hyp_summarise(y);
    unsigned lacks = 0;
    if (y->s < v[MAP_POLICY_CONFIRM_BITS] * BIT_Q16)
        lacks |= MAP_LACKS_BITS;
    if (y->s - strongest_rival(s, y) < v[MAP_POLICY_MARGIN_BITS] * BIT_Q16)
        lacks |= MAP_LACKS_MARGIN;
    if (y->most_in_window < v[MAP_POLICY_MIN_VEHICLES])
        lacks |= MAP_LACKS_VEHICLES;
    /* One lorry hides a sign from one side only, and one reflection shows one to one side only; a
     * value that is read is there. A limit in force is no thing that a lorry could hide, and a lane is
     * driven in one direction. Paint lies ahead: on a straight road all lines of sight to it are one, and whoever
     * is in the way drives on. */
    bool one_view = y->cls == HYP_VALUE || y->cls == HYP_OBEYS || s->kind == EL_SPEED_LIMIT ||
                    s->kind == EL_STOP_LINE || s->kind == EL_CROSSWALK;
    if (!one_view && sum.views < v[MAP_POLICY_MIN_VIEWS])
        lacks |= MAP_LACKS_VIEWS;
    if (sum.groups < v[MAP_POLICY_MIN_GROUPS])
        lacks |= MAP_LACKS_GROUPS;
    /* Whoever speaks with one voice must not be what decides: a second voice that was wrong by chance would do. */
    const int64_t rest = v[MAP_POLICY_REST_BITS] * BIT_Q16;
    if (sum.families < v[MAP_POLICY_MIN_FAMILIES] ||
        (v[MAP_POLICY_MIN_FAMILIES] > 1 && sum.without_family < rest))
        lacks |= MAP_LACKS_FAMILIES;
    if (sum.issuers < v[MAP_POLICY_MIN_ISSUERS] ||
        (v[MAP_POLICY_MIN_ISSUERS] > 1 && sum.without_issuer < rest))
        lacks |= MAP_LACKS_ISSUERS;
    if (v[MAP_POLICY_LIARS_BITS] > 0 && hyp_over_liars(y, c->params.liars[rate_kind_of(s->kind)]) <
                                            v[MAP_POLICY_LIARS_BITS] * BIT_Q16)
        lacks |= MAP_LACKS_SHARE;
    if (!place_known(c, s, y))
        lacks |= MAP_LACKS_PLACE;
    return lacks;
}

/* Most have too little evidence: that is seen at once. */
static bool confirmed(
    const struct map_contract *c, const struct subject *s, const struct hypothesis *y) {
    return y->cls != HYP_COVERED && y->s >= c->params.v[MAP_POLICY_CONFIRM_BITS] * BIT_Q16 &&
           versions_lacking(c, s, y) == 0 && !(y->cls == HYP_NEW && moved_may_explain(c, s, y));
}

/* Forgets everything about the subject; it goes at the end of the block. */
static void settle(struct exec_host *h, struct subject *s, const struct hypothesis *winner) {
    while (s->n_hyps > 0) {
        struct hypothesis *y = &s->hyps[s->n_hyps - 1];
        if (y->advisory == ADVISORY_ACTIVE)
            versions_end_advisory(h, s, y, y == winner ? ADVISORY_PERMANENT : ADVISORY_SUPERSEDED);
        state_del_evidence(h, s, y);
        subject_drop(s, s->n_hyps - 1);
    }
}

/* Other places that what stands at this spot explains. */
static void settle_rivals(
    struct map_contract *c, struct exec_host *h, const struct subject *won, const struct spot *at) {
    for (size_t i = 0; i < c->n_places; i++) {
        struct subject *p = c->places[i];
        if (p != won && p->kind == won->kind &&
            same_facing(p->kind, p->spot.heading, at->heading) &&
            distance2(p->spot.place.x, p->spot.place.y, at->place.x, at->place.y) <=
                (uint64_t)PLACE_GATE_MM * PLACE_GATE_MM)
            settle(h, p, NULL);
    }
}

static void new_element_id(struct map_contract *c, const struct exec_host *h, uint8_t *ret_id) {
    static const char domain[] = "wayside/element/new/1";
    uint8_t what[12];
    put_be64(what, exec_height(h));
    put_be32(what + 8, c->n_created++);
    const struct span parts[] = {span_of(domain, sizeof(domain) - 1), span_of(exec_cell_id(h), 32),
        span_of(what, sizeof(what))};
    uint8_t hash[32];
    exec_sha256(parts, ARRAY_LEN(parts), hash);
    memcpy(ret_id, hash, 16);
}

void versions_add_pending(struct map_contract *c, struct pending *p) {
    c->pending = ws_realloc(c->pending, (c->n_pending + 1) * sizeof(c->pending[0]));
    size_t at = c->n_pending;
    while (at > 0 && change_compare(&c->pending[at - 1].change, &p->change) > 0)
        at--;
    memmove(&c->pending[at + 1], &c->pending[at], (c->n_pending - at) * sizeof(c->pending[0]));
    c->pending[at] = *p;
    c->n_pending++;
    *p = (struct pending){0};
}

static void confirm(
    struct map_contract *c, struct exec_host *h, struct subject *s, struct hypothesis *y) {
    uint8_t id[16];
    memcpy(id, subject_id(s), sizeof(id));
    if (y->cls == HYP_NEW)
        new_element_id(c, h, id);
    struct pending p = {.confirmed_at = exec_block_time(h)};
    p.change = describe(c, s, y, TIER_PERMANENT, c->params.v[MAP_POLICY_CONFIRM_BITS], id);
    versions_seal(h, &p.change);
    state_put_pending(h, &p);
    evidence_keep(h, p.change.id, y->leaves, y->n_leaves,
        exec_block_time(h) + (uint64_t)c->params.v[MAP_POLICY_EVIDENCE_HOURS] * HOUR_US,
        &c->n_evidence);
    versions_add_pending(c, &p);
    reputation_note_outcome(c, y, true);
    for (size_t i = 0; i < s->n_hyps; i++)
        if (&s->hyps[i] != y && rivals(y, &s->hyps[i]))
            reputation_note_rival(c, &s->hyps[i]);
    if (y->cls == HYP_NEW)
        settle_rivals(c, h, s, &s->spot);
    if (y->cls == HYP_MOVED)
        settle_rivals(c, h, s, y->spot);
    settle(h, s, y);
}

/* The strongest that is ripe; among equals the older. */
void versions_review(struct map_contract *c, struct exec_host *h, struct subject *s) {
    struct hypothesis *best = NULL;
    for (size_t i = 0; i < s->n_hyps; i++) {
        struct hypothesis *y = &s->hyps[i];
        if (s->touched && decree_for(c, s, y) == NULL && y->s > strongest_rival(s, y) &&
            advisory_due(c, y, exec_block_time(h)))
            begin_advisory(c, h, s, y);
        if (confirmed(c, s, y) && (best == NULL || y->s > best->s))
            best = y;
    }
    if (best == NULL)
        return;
    struct decree *d = decree_for(c, s, best);
    if (d == NULL) {
        confirm(c, h, s, best);
        return;
    }
    decree_report(c, h, d, s, best);
    settle(h, s, best);
}

/* ---- what orders need ---- */

void versions_seal(struct exec_host *h, struct change_record *r) {
    /* What is withdrawn is superseded as well; it is said once. */
    r->has_supersedes = !r->has_withdraws && r->op != MAP_CREATE &&
                        state_last_change(h, r->element_id, r->supersedes);
    change_seal(r);
}

void versions_drop_pending(
    struct map_contract *c, struct exec_host *h, const uint8_t element_id[static 16]) {
    for (size_t i = 0; i < c->n_pending; i++) {
        struct pending *p = &c->pending[i];
        if (memcmp(p->change.element_id, element_id, 16) != 0)
            continue;
        state_del_pending(h, p);
        change_free(&p->change);
        memmove(p, p + 1, (c->n_pending - i - 1) * sizeof(*p));
        c->n_pending--;
        return;
    }
}

void versions_forget_subject(
    struct map_contract *c, struct exec_host *h, const uint8_t element_id[static 16]) {
    uint8_t key[SUBJECT_KEY] = {SUBJECT_ELEMENT};
    memcpy(key + 1, element_id, 16);
    struct subject *s = contract_subject(c, key);
    if (s != NULL)
        settle(h, s, NULL);
}

/* ---- versions ---- */

static bool publication_due(const struct map_contract *c, uint64_t now) {
    const int64_t *v = c->params.v;
    if (c->n_pending >= (uint64_t)v[MAP_POLICY_VERSION_CHANGES])
        return true;
    for (size_t i = 0; i < c->n_pending; i++) {
        const struct change_record *r = &c->pending[i].change;
        enum element_kind kind = r->has_after ? r->after.kind : r->before.kind;
        if (r->tier == TIER_ORDER || (v[MAP_POLICY_IMMEDIATE_KINDS] >> kind & 1) != 0 ||
            now - c->pending[i].confirmed_at >= (uint64_t)v[MAP_POLICY_VERSION_AGE_MS] * 1000)
            return true;
    }
    return false;
}

static void apply(struct map_contract *c, struct exec_host *h, const struct map_version *v) {
    tiles_apply(&c->tiles, &c->map.frame, v->changes, v->n_changes);
    contract_follow(c, v->changes, v->n_changes);
    for (size_t i = 0; i < v->n_changes; i++) {
        const struct change_record *r = &v->changes[i];
        if (r->has_after)
            state_put_element(h, &r->after);
        else
            state_del_element(h, r->element_id);
        state_put_last_change(h, r->element_id, r->has_after ? r->id : NULL);
    }
}

/* Moves pending changes into v until one is left or the record would grow too large. */
static void take_pending(struct map_contract *c, struct exec_host *h, struct map_version *v) {
    v->changes = ws_calloc(c->n_pending, sizeof(v->changes[0]));
    size_t octets = 0;
    struct buf b = {0};
    while (v->n_changes < c->n_pending && v->n_changes < MAP_VERSION_MAX_CHANGES) {
        struct pending *p = &c->pending[v->n_changes];
        buf_clear(&b);
        change_encode(&p->change, &b);
        if (v->n_changes > 0 && octets + b.n > VERSION_OCTETS_MAX)
            break;
        octets += b.n + 4;
        state_del_pending(h, p);
        v->geometry = v->geometry || change_is_geometry(&p->change);
        v->changes[v->n_changes++] = p->change;
    }
    buf_free(&b);
    c->n_pending -= v->n_changes;
    memmove(&c->pending[0], &c->pending[v->n_changes], c->n_pending * sizeof(c->pending[0]));
}

void versions_publish(struct map_contract *c, struct exec_host *h) {
    if (c->n_pending == 0 || !publication_due(c, exec_block_time(h)))
        return;
    struct map_version v = {
        .version = c->head.version + 1, .height = exec_height(h), .block_time = exec_block_time(h)};
    memcpy(v.cell_id, exec_cell_id(h), sizeof(v.cell_id));
    memcpy(v.previous_root, c->head.root, sizeof(v.previous_root));
    memcpy(v.previous_record, c->head.record, sizeof(v.previous_record));
    memcpy(v.policy_hash, exec_policy_hash(h), sizeof(v.policy_hash));
    memcpy(v.base_digest, c->head.base, sizeof(v.base_digest));
    take_pending(c, h, &v);
    apply(c, h, &v);
    tiles_root(&c->tiles, v.root);
    struct buf b = {0};
    map_version_encode(&v, &b);
    exec_event(h, MAP_EVENT_VERSION, buf_span(&b));
    c->head.version = v.version;
    memcpy(c->head.root, v.root, sizeof(v.root));
    exec_sha256_one(buf_span(&b), c->head.record);
    state_put_head(h, &c->head);
    buf_free(&b);
    map_version_free(&v);
}
