/* Keys and octets of the map contract's state (contract_internal.h lists the keys). */
#include "mapsvc/fuse/contract_internal.h"
#include "mapsvc/fuse/decree.h"
#include "mapsvc/fuse/reputation.h"

#include "base/assert.h"
#include "base/mem.h"

static void put(struct exec_host *h, const struct buf *key, struct buf *value) {
    exec_put(h, buf_span(key), buf_span(value));
    buf_clear(value);
}

static struct buf key_of(char prefix) {
    struct buf k = {0};
    buf_u8(&k, (uint8_t)prefix);
    return k;
}

static struct buf value_of(void) {
    struct buf v = {0};
    buf_u8(&v, STATE_VERSION);
    return v;
}

static void put_and_free(struct exec_host *h, struct buf *key, struct buf *value) {
    put(h, key, value);
    buf_free(key);
    buf_free(value);
}

static void del_and_free(struct exec_host *h, struct buf *key) {
    exec_del(h, buf_span(key));
    buf_free(key);
}

/* ---- map and head ---- */

void state_put_map(struct exec_host *h, const struct mapset *m) {
    struct mapset head = *m;
    head.elements = NULL;
    head.n = head.cap = 0;
    struct buf k = key_of('m');
    struct buf v = value_of();
    mapset_encode(&head, &v);
    put_and_free(h, &k, &v);
}

static struct buf element_key(const uint8_t *id) {
    struct buf k = key_of('e');
    buf_put(&k, id, 16);
    return k;
}

void state_put_element(struct exec_host *h, const struct element *e) {
    struct buf k = element_key(e->id);
    struct buf v = value_of();
    element_encode(e, &v);
    put_and_free(h, &k, &v);
}

void state_del_element(struct exec_host *h, const uint8_t id[static 16]) {
    struct buf k = element_key(id);
    del_and_free(h, &k);
}

void state_put_head(struct exec_host *h, const struct map_head *head) {
    struct buf k = key_of('v');
    struct buf v = value_of();
    buf_u64(&v, head->version);
    buf_put(&v, head->root, sizeof(head->root));
    buf_put(&v, head->record, sizeof(head->record));
    buf_put(&v, head->base, sizeof(head->base));
    put_and_free(h, &k, &v);
}

void state_put_epoch(struct exec_host *h, uint64_t epoch) {
    struct buf k = key_of('s');
    struct buf v = value_of();
    buf_u64(&v, epoch);
    put_and_free(h, &k, &v);
}

/* ---- subjects ---- */

static struct buf subject_key(const struct subject *s) {
    struct buf k = key_of('h');
    buf_put(&k, s->key, sizeof(s->key));
    return k;
}

static void put_group(struct buf *v, const struct hyp_group *g) {
    buf_u64(v, g->bucket);
    buf_u16(v, g->family);
    buf_u8(v, g->octant);
    buf_u8(v, g->open ? 1 : 0);
    buf_i64(v, g->bits);
    for (size_t i = 0; g->open && i < SENSOR_RANKS; i++) {
        buf_u16(v, g->counts.detect[i]);
        buf_u16(v, g->counts.miss[i]);
    }
}

static void put_tally(struct buf *v, const struct hyp_tally *t) {
    buf_u32(v, t->in_favour);
    buf_u32(v, t->against);
}

static void put_hyp(struct buf *v, const struct hypothesis *y) {
    buf_u8(v, (uint8_t)y->cls);
    buf_u8(v, y->has_value ? 1 : 0);
    buf_i32(v, y->value);
    buf_i64(v, y->folded);
    buf_u32(v, y->vehicles);
    buf_u64(v, y->window);
    buf_u32(v, y->in_window);
    buf_u32(v, y->most_in_window);
    buf_u64(v, y->views);
    buf_u64(v, y->first_seen);
    buf_u64(v, y->last_seen);
    buf_u64(v, y->supported_at);
    buf_u8(v, (uint8_t)y->advisory);
    buf_u64(v, y->advisory_until);
    buf_put(v, y->advisory_id, sizeof(y->advisory_id));
    buf_u8(v, (uint8_t)y->n_groups);
    for (size_t i = 0; i < y->n_groups; i++)
        put_group(v, &y->groups[i]);
    buf_u8(v, (uint8_t)y->n_issuers);
    for (size_t i = 0; i < y->n_issuers; i++) {
        buf_put(v, y->issuers[i].id, sizeof(y->issuers[i].id));
        buf_i64(v, y->issuers[i].bits);
    }
    buf_i64(v, y->other_issuers);
    if (y->cls == HYP_MOVED)
        spot_put(v, y->spot);
    buf_u8(v, (uint8_t)y->n_sources);
    for (size_t i = 0; i < y->n_sources; i++) {
        buf_put(v, y->sources[i].key, SOURCE_KEY);
        put_tally(v, &y->sources[i].said);
    }
    for (size_t i = 0; i < SENSOR_CLASS_COUNT; i++)
        put_tally(v, &y->heard[i]);
}

void state_put_subject(struct exec_host *h, const struct subject *s) {
    struct buf k = subject_key(s);
    struct buf v = value_of();
    buf_u8(&v, (uint8_t)s->kind);
    buf_u64(&v, s->opened);
    buf_u64(&v, s->decayed_at);
    spot_put(&v, &s->spot);
    buf_u8(&v, (uint8_t)s->n_hyps);
    for (size_t i = 0; i < s->n_hyps; i++)
        put_hyp(&v, &s->hyps[i]);
    put_and_free(h, &k, &v);
}

void state_del_subject(struct exec_host *h, const struct subject *s) {
    struct buf k = subject_key(s);
    del_and_free(h, &k);
}

struct buf state_evidence_key(const struct subject *s, const struct hypothesis *y) {
    struct buf k = key_of('r');
    buf_put(&k, s->key, sizeof(s->key));
    buf_u8(&k, (uint8_t)y->cls);
    buf_u8(&k, y->has_value ? 1 : 0);
    buf_i32(&k, y->value);
    return k;
}

void state_put_evidence(struct exec_host *h, const struct subject *s, const struct hypothesis *y) {
    struct buf k = state_evidence_key(s, y);
    struct buf v = {0};
    evidence_put(&v, y->leaves, y->n_leaves);
    put_and_free(h, &k, &v);
}

void state_del_evidence(struct exec_host *h, const struct subject *s, const struct hypothesis *y) {
    struct buf k = state_evidence_key(s, y);
    del_and_free(h, &k);
}

/* ---- pending changes ---- */

static struct buf pending_key(const struct pending *p) {
    const struct change_record *r = &p->change;
    struct buf k = key_of('p');
    buf_u8(&k, (uint8_t)(r->has_after ? r->after.kind : r->before.kind));
    buf_put(&k, r->element_id, sizeof(r->element_id));
    return k;
}

void state_put_pending(struct exec_host *h, const struct pending *p) {
    struct buf k = pending_key(p);
    struct buf v = value_of();
    buf_u64(&v, p->confirmed_at);
    change_encode(&p->change, &v);
    put_and_free(h, &k, &v);
}

void state_del_pending(struct exec_host *h, const struct pending *p) {
    struct buf k = pending_key(p);
    del_and_free(h, &k);
}

/* ---- orders and history ---- */

static struct buf id_key(char prefix, const uint8_t *id, size_t n) {
    struct buf k = key_of(prefix);
    buf_put(&k, id, n);
    return k;
}

void state_put_decree(struct exec_host *h, const uint8_t id[static 32], struct span value) {
    struct buf k = id_key('o', id, 32);
    struct buf v = value_of();
    buf_put(&v, value.p, value.n);
    put_and_free(h, &k, &v);
}

void state_del_decree(struct exec_host *h, const uint8_t id[static 32]) {
    struct buf k = id_key('o', id, 32);
    del_and_free(h, &k);
}

void state_put_last_change(
    struct exec_host *h, const uint8_t element_id[static 16], const uint8_t *change) {
    struct buf k = id_key('c', element_id, 16);
    if (change == NULL) {
        del_and_free(h, &k);
        return;
    }
    struct buf v = value_of();
    buf_put(&v, change, 32);
    put_and_free(h, &k, &v);
}

bool state_last_change(
    struct exec_host *h, const uint8_t element_id[static 16], uint8_t ret_change[static 32]) {
    struct buf k = id_key('c', element_id, 16);
    struct span v;
    bool there = exec_get(h, buf_span(&k), &v);
    buf_free(&k);
    if (!there || v.n != 33 || v.p[0] != STATE_VERSION)
        return false;
    memcpy(ret_change, v.p + 1, 32);
    return true;
}

void state_put_source(struct exec_host *h, const struct source *s) {
    struct buf k = id_key('q', s->key, SOURCE_KEY);
    struct buf v = value_of();
    buf_u32(&v, s->agree);
    buf_u32(&v, s->disagree);
    buf_u8(&v, s->tier);
    put_and_free(h, &k, &v);
}

/* ---- vehicles ---- */

void state_put_vehicle(struct exec_host *h, const struct vehicle *t) {
    struct buf k = key_of('t');
    buf_u64(&k, t->window_end);
    buf_put(&k, t->id, sizeof(t->id));
    struct buf v = value_of();
    for (size_t i = 0; i < t->n; i++) {
        buf_put(&v, t->things[i].subject, sizeof(t->things[i].subject));
        buf_u8(&v, t->things[i].counted);
    }
    put_and_free(h, &k, &v);
}

void state_del_vehicles(struct exec_host *h, uint64_t until) {
    static const uint8_t prefix[] = {'t'};
    struct span key;
    struct span value;
    while (exec_next(h, span_of(prefix, 1), span_of(NULL, 0), &key, &value)) {
        uint8_t copy[1 + 8 + VEHICLE_OCTETS];
        WS_ASSERT(key.n == sizeof(copy));
        memcpy(copy, key.p, sizeof(copy));
        if (be64(copy + 1) > until)
            return;
        exec_del(h, span_of(copy, sizeof(copy)));
    }
}

/* ---- pseudonyms ---- */

void state_put_pseudonym(struct exec_host *h, const struct pseudonym *p) {
    static const uint8_t none[32] = {0};
    struct buf k = id_key('u', p->signer, sizeof(p->signer));
    struct buf v = value_of();
    buf_put(&v, p->root, sizeof(p->root));
    buf_put(&v, p->before == NULL ? none : p->before->signer, sizeof(none));
    buf_put(&v, p->issuer, sizeof(p->issuer));
    buf_u8(&v, (uint8_t)p->observer.sensor);
    buf_u16(&v, p->observer.family);
    buf_u64(&v, p->last.time);
    buf_u32(&v, (uint32_t)p->last.x);
    buf_u32(&v, (uint32_t)p->last.y);
    buf_u16(&v, p->last.heading);
    buf_u32(&v, p->speed);
    buf_u64(&v, p->heard);
    put_and_free(h, &k, &v);
}

void state_del_pseudonym(struct exec_host *h, const struct pseudonym *p) {
    struct buf k = id_key('u', p->signer, sizeof(p->signer));
    exec_del(h, buf_span(&k));
    buf_free(&k);
}
