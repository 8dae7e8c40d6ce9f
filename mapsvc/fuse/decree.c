#include "mapsvc/fuse/decree.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"

#include <stdlib.h>

enum { FLAG_IN_FORCE = 1, FLAG_WITHDRAWN = 2, FLAG_CHAINED = 4 };

static void decree_free(struct decree *d) {
    map_order_free(&d->order);
    element_free(&d->before);
}

void decrees_free(struct map_contract *c) {
    decree_forget_noted(c);
    free(c->noted);
    for (size_t i = 0; i < c->n_decrees; i++)
        decree_free(&c->decrees[i]);
    free(c->decrees);
    free(c->decree_refs);
}

static int by_element(const void *a, const void *b) {
    return memcmp(a, b, 16);
}

/* Every vote asks for the order on its element; orders themselves are rare. */
void decrees_index(struct map_contract *c) {
    c->decree_refs = ws_realloc(c->decree_refs, (c->n_decrees + 1) * sizeof(c->decree_refs[0]));
    for (size_t i = 0; i < c->n_decrees; i++) {
        memcpy(c->decree_refs[i].element_id, c->decrees[i].element_id, 16);
        c->decree_refs[i].at = (uint32_t)i;
    }
    if (c->n_decrees > 1)
        qsort(c->decree_refs, c->n_decrees, sizeof(c->decree_refs[0]), by_element);
}

static int by_id(const void *id, const void *decree) {
    return memcmp(id, ((const struct decree *)decree)->id, 32);
}

static struct decree *find(const struct map_contract *c, const uint8_t *id) {
    return c->n_decrees == 0 ? NULL
                             : bsearch(id, c->decrees, c->n_decrees, sizeof(c->decrees[0]), by_id);
}

/* The one that has the last word on an element, waiting or in force. */
static struct decree *find_on(const struct map_contract *c, const uint8_t *element_id) {
    if (c->n_decrees == 0)
        return NULL;
    const struct decree_ref *r =
        bsearch(element_id, c->decree_refs, c->n_decrees, sizeof(c->decree_refs[0]), by_element);
    return r == NULL ? NULL : &c->decrees[r->at];
}

struct decree *decree_of(const struct map_contract *c, const uint8_t element_id[static 16]) {
    struct decree *d = find_on(c, element_id);
    return d != NULL && d->in_force ? d : NULL;
}

void decree_add(struct map_contract *c, struct decree *d) {
    c->decrees = ws_realloc(c->decrees, (c->n_decrees + 1) * sizeof(c->decrees[0]));
    size_t at = c->n_decrees;
    while (at > 0 && memcmp(c->decrees[at - 1].id, d->id, 32) > 0)
        at--;
    memmove(&c->decrees[at + 1], &c->decrees[at], (c->n_decrees - at) * sizeof(c->decrees[0]));
    c->decrees[at] = *d;
    c->n_decrees++;
    *d = (struct decree){0};
}

static void drop(struct map_contract *c, struct exec_host *h, struct decree *d) {
    size_t at = (size_t)(d - c->decrees);
    state_del_decree(h, d->id);
    decree_free(d);
    memmove(d, d + 1, (c->n_decrees - at - 1) * sizeof(*d));
    c->n_decrees--;
}

static void store(struct exec_host *h, const struct decree *d) {
    struct buf b = {0};
    decree_put(d, &b);
    state_put_decree(h, d->id, buf_span(&b));
    buf_free(&b);
}

void decree_put(const struct decree *d, struct buf *b) {
    struct buf one = {0};
    buf_u8(b, (uint8_t)((d->in_force ? FLAG_IN_FORCE : 0) | (d->withdrawn ? FLAG_WITHDRAWN : 0) |
                        (d->chained ? FLAG_CHAINED : 0)));
    buf_put(b, d->element_id, sizeof(d->element_id));
    buf_put(b, d->change_id, sizeof(d->change_id));
    buf_u8(b, (uint8_t)d->reported);
    buf_u8(b, (uint8_t)d->seen);
    buf_i32(b, d->seen_value);
    map_order_encode(&d->order, &one);
    buf_var(b, buf_span(&one));
    buf_u8(b, d->has_before ? 1 : 0);
    if (d->has_before) {
        buf_clear(&one);
        element_encode(&d->before, &one);
        buf_var(b, buf_span(&one));
    }
    buf_free(&one);
}

bool decree_get(struct rd *r, struct decree *ret_decree) {
    unsigned flags = rd_u8(r);
    struct decree d = {.in_force = (flags & FLAG_IN_FORCE) != 0,
        .withdrawn = (flags & FLAG_WITHDRAWN) != 0,
        .chained = (flags & FLAG_CHAINED) != 0};
    rd_copy(r, d.element_id, sizeof(d.element_id));
    rd_copy(r, d.change_id, sizeof(d.change_id));
    d.reported = (enum map_order_news)rd_u8(r);
    d.seen = (enum map_order_seen)rd_u8(r);
    d.seen_value = rd_i32(r);
    struct span order = rd_var(r, MAP_ORDER_MAX);
    bool before = rd_u8(r) == 1;
    struct span element = before ? rd_var(r, CHANGE_MAX_OCTETS) : span_of(NULL, 0);
    if (!rd_done(r) || map_order_decode(order, &d.order, NULL) != WS_OK)
        return false;
    if (before && element_decode(element, &d.before, NULL) != WS_OK) {
        decree_free(&d);
        return false;
    }
    d.has_before = before;
    *ret_decree = d;
    return true;
}

/* ---- what comes in ---- */

exec_code decree_check(const struct exec_order *o) {
    struct map_order order;
    uint8_t id[32];
    if (o->kind == MAP_ORDER_WITHDRAW)
        return map_withdraw_decode(o->body, id, NULL) == WS_OK ? MAP_OK : MAP_BAD_ORDER;
    if (map_order_decode(o->body, &order, NULL) != WS_OK)
        return MAP_BAD_ORDER;
    map_order_free(&order);
    return MAP_OK;
}

static int64_t now_ms(const struct exec_host *h) {
    return its_to_unix_us(exec_block_time(h)) / 1000;
}

static void element_of(
    const struct exec_host *h, const struct map_order *o, const uint8_t *id, uint8_t *ret_id) {
    static const char domain[] = "wayside/element/order/1";
    if (o->op != MAP_CREATE) {
        memcpy(ret_id, o->element.id, 16);
        return;
    }
    const struct span parts[] = {
        span_of(domain, sizeof(domain) - 1), span_of(exec_cell_id(h), 32), span_of(id, 32)};
    uint8_t hash[32];
    exec_sha256(parts, ARRAY_LEN(parts), hash);
    memcpy(ret_id, hash, 16);
}

/* Whether the order may stand, against the state and what this block noted before it. */
static exec_code judge(const struct map_contract *c, const struct exec_host *h,
    const struct map_order *o, const uint8_t *element_id) {
    static const uint8_t none[32];
    if (o->element.valid_to_ms <= now_ms(h))
        return MAP_ORDER_OVER;
    if (c->n_decrees + c->n_noted >= DECREES_MAX)
        return MAP_TOO_MANY_ORDERS;
    if (o->element.valid_from_ms > now_ms(h) && memcmp(o->supersedes, none, sizeof(none)) != 0)
        return MAP_ORDER_TOO_EARLY;
    bool replaces = memcmp(o->supersedes, none, sizeof(none)) != 0;
    const struct decree *old = replaces ? find(c, o->supersedes) : NULL;
    if (replaces && (old == NULL || memcmp(old->element_id, element_id, 16) != 0))
        return MAP_UNKNOWN_ORDER;
    const struct decree *on = find_on(c, element_id);
    if (on != NULL && on != old)
        return MAP_ORDER_IN_FORCE;
    for (size_t i = 0; i < c->n_noted; i++) {
        const struct noted_order *n = &c->noted[i];
        if (n->kind == MAP_ORDER_CHANGE && memcmp(n->element_id, element_id, 16) == 0)
            return MAP_ORDER_IN_FORCE;
    }
    if (o->op == MAP_CREATE)
        return MAP_OK;
    const struct element *e = mapset_find(&c->map, element_id);
    if (e == NULL || e->kind != o->element.kind)
        return MAP_UNKNOWN_ELEMENT;
    return o->op == MAP_DELETE || map_order_fits(&o->element, e) ? MAP_OK : MAP_ORDER_NO_ROOM;
}

static void note(struct map_contract *c, struct noted_order *n) {
    c->noted = ws_realloc(c->noted, (c->n_noted + 1) * sizeof(c->noted[0]));
    c->noted[c->n_noted++] = *n;
}

exec_code decree_note(
    struct map_contract *c, const struct exec_host *h, const struct exec_order *o) {
    struct noted_order n = {.kind = o->kind};
    memcpy(n.id, o->id, sizeof(n.id));
    if (o->kind == MAP_ORDER_WITHDRAW) {
        if (map_withdraw_decode(o->body, n.target, NULL) != WS_OK)
            return MAP_BAD_ORDER;
        if (find(c, n.target) == NULL)
            return MAP_UNKNOWN_ORDER;
        if (c->n_noted >= DECREES_MAX)
            return MAP_TOO_MANY_ORDERS;
        note(c, &n);
        return MAP_OK;
    }
    if (map_order_decode(o->body, &n.order, NULL) != WS_OK)
        return MAP_BAD_ORDER;
    element_of(h, &n.order, n.id, n.element_id);
    exec_code rc = judge(c, h, &n.order, n.element_id);
    if (rc == MAP_OK)
        note(c, &n);
    else
        map_order_free(&n.order);
    return rc;
}

void decree_forget_noted(struct map_contract *c) {
    for (size_t i = 0; i < c->n_noted; i++)
        map_order_free(&c->noted[i].order);
    c->n_noted = 0;
}

/* ---- changes ---- */

static void tell(struct exec_host *h, struct map_order_report *r, const struct decree *d) {
    r->height = exec_height(h);
    r->block_time = exec_block_time(h);
    memcpy(r->order, d->id, sizeof(r->order));
    memcpy(r->element_id, d->element_id, sizeof(r->element_id));
    struct buf b = {0};
    map_order_report_encode(r, &b);
    exec_event(h, MAP_EVENT_ORDER, buf_span(&b));
    buf_free(&b);
}

static void tell_news(struct exec_host *h, const struct decree *d, enum map_order_news news) {
    struct map_order_report r = {.news = news};
    tell(h, &r, d);
}

/* A change of the element from what it is to `after` (NULL: gone). Takes after's memory. */
static void publish(struct map_contract *c, struct exec_host *h, struct decree *d,
    struct element *after, const uint8_t *withdraws) {
    const struct element *now = mapset_find(&c->map, d->element_id);
    struct pending p = {.confirmed_at = exec_block_time(h)};
    struct change_record *r = &p.change;
    r->tier = TIER_ORDER;
    r->op = now == NULL ? MAP_CREATE : after == NULL ? MAP_DELETE : MAP_MODIFY;
    r->has_order = true;
    memcpy(r->order, d->id, sizeof(r->order));
    memcpy(r->element_id, d->element_id, sizeof(r->element_id));
    r->has_withdraws = withdraws != NULL;
    if (withdraws != NULL)
        memcpy(r->withdraws, withdraws, sizeof(r->withdraws));
    if (now != NULL) {
        r->has_before = true;
        r->before = element_copy(now);
    }
    if (after != NULL) {
        r->has_after = true;
        r->after = *after;
        *after = (struct element){0};
    }
    versions_seal(h, r);
    memcpy(d->change_id, r->id, sizeof(d->change_id));
    state_put_pending(h, &p);
    versions_add_pending(c, &p);
    versions_forget_subject(c, h, d->element_id);
}

/* An order on this element that waits for its version has the next word; a change that the field confirmed and
 * that is not out yet gives way to the authority. False: try again in the next block. */
static bool make_way(struct map_contract *c, struct exec_host *h, const uint8_t *element_id) {
    const struct pending *p = contract_pending(c, element_id);
    if (p == NULL)
        return true;
    if (p->change.tier == TIER_ORDER)
        return false;
    versions_drop_pending(c, h, element_id);
    return true;
}

static void begin(struct map_contract *c, struct exec_host *h, struct decree *d) {
    const struct element *now = mapset_find(&c->map, d->element_id);
    const struct element *template = &d->order.element;
    struct element after = {0};
    if (!d->chained) {
        d->has_before = now != NULL;
        d->before = now != NULL ? element_copy(now) : (struct element){0};
    }
    if (d->order.op == MAP_CREATE) {
        after = element_copy(template);
        memcpy(after.id, d->element_id, sizeof(after.id));
    } else if (d->order.op == MAP_MODIFY && now != NULL) {
        after = map_order_apply(template, now);
    }
    d->in_force = true;
    publish(c, h, d, d->order.op == MAP_DELETE ? NULL : &after, NULL);
    tell_news(h, d, ORDER_IN_FORCE);
    store(h, d);
}

/* Takes back what the order did, if there is anything to take back. */
static void restore(struct map_contract *c, struct exec_host *h, struct decree *d) {
    const struct element *now = mapset_find(&c->map, d->element_id);
    if (now == NULL && !d->has_before)
        return;
    uint8_t change[32];
    memcpy(change, d->change_id, sizeof(change));
    if (!d->has_before) {
        publish(c, h, d, NULL, change);
        return;
    }
    struct element after = element_copy(&d->before);
    after.revision = now != NULL ? now->revision + 1 : d->before.revision + 1;
    publish(c, h, d, &after, change);
}

static void end(
    struct map_contract *c, struct exec_host *h, struct decree *d, enum map_order_news why) {
    if (d->in_force)
        restore(c, h, d);
    tell_news(h, d, why);
    drop(c, h, d);
}

static void supersede(struct map_contract *c, struct exec_host *h, struct decree *fresh) {
    struct decree *old = find(c, fresh->order.supersedes);
    if (old == NULL)
        return;
    /* What comes back one day is what was there before the first of them. */
    fresh->chained = old->in_force || old->chained;
    fresh->has_before = old->has_before;
    fresh->before = old->before;
    old->has_before = false;
    old->before = (struct element){0};
    tell_news(h, old, ORDER_SUPERSEDED);
    drop(c, h, old);
}

static void take_up(struct map_contract *c, struct exec_host *h, struct noted_order *n) {
    if (n->kind == MAP_ORDER_WITHDRAW) {
        struct decree *d = find(c, n->target);
        if (d != NULL) { /* one block may withdraw it twice */
            d->withdrawn = true;
            store(h, d);
        }
        return;
    }
    struct decree d = {.order = n->order};
    n->order = (struct map_order){0};
    memcpy(d.id, n->id, sizeof(d.id));
    memcpy(d.element_id, n->element_id, sizeof(d.element_id));
    supersede(c, h, &d);
    store(h, &d);
    decree_add(c, &d);
}

/* True when something was done, which moves the list. */
static bool run_one(struct map_contract *c, struct exec_host *h, struct decree *d, int64_t now) {
    const struct element *t = &d->order.element;
    bool over = d->withdrawn || t->valid_to_ms <= now;
    if (!over && (d->in_force || t->valid_from_ms > now))
        return false;
    if (!make_way(c, h, d->element_id))
        return false;
    if (over) {
        end(c, h, d, d->withdrawn ? ORDER_WITHDRAWN : ORDER_LAPSED);
        return true;
    }
    const struct element *e = mapset_find(&c->map, d->element_id);
    if ((e == NULL) != (d->order.op == MAP_CREATE) ||
        (d->order.op == MAP_MODIFY && !map_order_fits(t, e))) {
        tell_news(h, d, ORDER_VOID);
        drop(c, h, d);
        return true;
    }
    begin(c, h, d);
    return false;
}

void decrees_run(struct map_contract *c, struct exec_host *h) {
    for (size_t i = 0; i < c->n_noted; i++)
        take_up(c, h, &c->noted[i]);
    decree_forget_noted(c);
    for (size_t i = 0; i < c->n_decrees;)
        if (!run_one(c, h, &c->decrees[i], now_ms(h)))
            i++;
    decrees_index(c);
}

/* ---- what the road shows ---- */

struct decree *decree_for(
    const struct map_contract *c, const struct subject *s, const struct hypothesis *y) {
    if (!subject_is_place(s))
        return decree_of(c, subject_id(s));
    for (size_t i = 0; i < c->n_decrees; i++) {
        struct decree *d = &c->decrees[i];
        const struct element *e = &d->before;
        if (!d->in_force || d->order.op != MAP_DELETE || !d->has_before || e->kind != s->kind ||
            e->n_points == 0 || e->has_value != y->has_value ||
            (y->has_value && e->value != y->value) ||
            (e->has_heading && heading_gap(e->heading, s->spot.heading) > HEADING_45))
            continue;
        int32_t x = 0;
        int32_t y0 = 0;
        element_anchor(e, &x, &y0);
        if (distance2(x, y0, s->spot.place.x, s->spot.place.y) <=
            (uint64_t)PLACE_GATE_MM * PLACE_GATE_MM)
            return d;
    }
    return NULL;
}

static enum map_order_seen seen_of(const struct hypothesis *y) {
    switch (y->cls) {
    case HYP_REMOVED:
        return SEEN_GONE;
    case HYP_VALUE:
        return SEEN_VALUE;
    case HYP_MOVED:
        return SEEN_ELSEWHERE;
    case HYP_NEW:
        return SEEN_STILL_THERE;
    case HYP_OBEYS:
    case HYP_COVERED:
        break;
    }
    return SEEN_AS_ORDERED;
}

void decree_report(struct map_contract *c, struct exec_host *h, struct decree *d,
    const struct subject *s, const struct hypothesis *y) {
    enum map_order_seen seen = seen_of(y);
    int32_t value = seen == SEEN_VALUE ? y->value : 0;
    enum map_order_news news = seen == SEEN_AS_ORDERED ? ORDER_OBEYED : ORDER_DISOBEYED;
    if (d->reported == news && d->seen == seen && d->seen_value == value)
        return;
    d->reported = news;
    d->seen = seen;
    d->seen_value = value;
    store(h, d);
    struct hyp_summary sum = hyp_summarise(y);
    struct map_order_report r = {.news = news,
        .seen = seen,
        .has_value = seen == SEEN_VALUE,
        .value = value,
        .bits_q16 = y->s,
        .threshold_q16 = c->params.v[MAP_POLICY_CONFIRM_BITS] * BIT_Q16,
        .vehicles = y->vehicles,
        .groups = sum.groups,
        .issuers = sum.issuers,
        .families = sum.families,
        .first_seen = y->first_seen,
        .last_seen = y->last_seen};
    const struct spot *at = seen == SEEN_ELSEWHERE     ? y->spot
                            : seen == SEEN_STILL_THERE ? &s->spot
                                                       : NULL;
    const struct element *e = mapset_find(&c->map, d->element_id);
    if (at != NULL)
        r.at = (struct map_point){at->place.x, at->place.y, 0};
    else if (e != NULL)
        element_anchor(e, &r.at.x, &r.at.y);
    evidence_root(y->leaves, y->n_leaves, r.evidence_root);
    tell(h, &r, d);
}
