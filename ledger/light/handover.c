#include "ledger/light/handover.h"

#include "base/mem.h"
#include "ledger/light/light_internal.h"

#include <stdlib.h>

/* Sets are in order of power, so taking them from the front takes the fewest. */
bool commit_trim(const struct validator_set *set, struct commit *c) {
    uint64_t power = 0;
    if (c->n != set->n)
        return false;
    for (size_t i = 0; i < c->n; i++) {
        if (!c->present[i])
            continue;
        if (power_is_quorum(power, set->total)) {
            c->present[i] = false;
            memset(c->sig[i], 0, SIG_OCTETS);
        } else {
            power += set->v[i].power;
        }
    }
    return power_is_quorum(power, set->total);
}

int handover_make_front(light_hash_fn h, const struct header_front *f, const struct commit *commit,
    const struct validator_set *set, const struct validator_set *next,
    struct handover *ret_handover, struct ws_err *err) {
    struct handover *o = ret_handover;
    hash32 got;
    o->front = *f;
    o->commit = *commit;
    o->next = *next;
    validator_set_seats(h, next, o->seats);
    header_front_id(h, f, got);
    if (commit->height != f->height || memcmp(commit->id, got, 32) != 0)
        return ws_fail(err, WS_EINPUT, "handover: the commit is not for header %llu", H(f->height));
    if (!commit_trim(set, &o->commit))
        return ws_fail(
            err, WS_EINPUT, "handover: the commit of height %llu is no quorum", H(f->height));
    return WS_OK;
}

int handover_make(light_hash_fn h, const struct header *hd, const struct commit *commit,
    const struct validator_set *set, const struct validator_set *next,
    struct handover *ret_handover, struct ws_err *err) {
    hash32 got;
    validator_set_hash(h, set, got);
    if (memcmp(got, hd->validators, 32) != 0)
        return ws_fail(err, WS_EINPUT, "handover: header %llu names another set", H(hd->height));
    validator_set_hash(h, next, got);
    if (memcmp(got, hd->next_validators, 32) != 0)
        return ws_fail(
            err, WS_EINPUT, "handover: header %llu names another next set", H(hd->height));
    const struct header_front f = header_front_of(h, hd);
    return handover_make_front(h, &f, commit, set, next, ret_handover, err);
}

uint64_t handover_height(struct span octets) {
    struct rd r = rd_of(octets);
    if (rd_u8(&r) != LEDGER_VERSION)
        return 0;
    (void)rd_take(&r, 32);
    return rd_u64(&r);
}

/* Height and block id of the commit follow from the front and are left out. */
void handover_encode(const struct handover *o, struct buf *b) {
    const struct header_front *f = &o->front;
    buf_u8(b, LEDGER_VERSION);
    buf_put(b, f->cell_id, 32);
    buf_u64(b, f->height);
    buf_u64(b, f->time);
    buf_put(b, f->validators, 32);
    buf_put(b, f->body, 32);
    buf_i32(b, o->commit.round);
    commit_put_signers(&o->commit, b);
    valset_light_put(&o->next, o->seats, b);
}

int handover_decode(
    light_hash_fn h, struct span s, struct handover *ret_handover, struct ws_err *err) {
    struct handover *o = ret_handover;
    struct header_front *f = &o->front;
    memset(o, 0, sizeof(*o));
    if (s.n > HANDOVER_OCTETS_MAX)
        return ws_fail(
            err, WS_ELIMIT, "handover: %zu octets, at most %d", s.n, HANDOVER_OCTETS_MAX);
    struct rd r = rd_of(s);
    if (rd_u8(&r) != LEDGER_VERSION)
        return ws_fail(err, WS_EINPUT, "handover: version octet is not %d", LEDGER_VERSION);
    rd_copy(&r, f->cell_id, 32);
    f->height = rd_u64(&r);
    f->time = rd_u64(&r);
    rd_copy(&r, f->validators, 32);
    rd_copy(&r, f->body, 32);
    o->commit.round = rd_i32(&r);
    if (f->height == 0 || o->commit.round < 0)
        r.bad = true;
    commit_read_signers(&r, &o->commit);
    if (r.bad)
        return ws_fail(err, WS_EINPUT, "handover: malformed near octet %zu of %zu", r.at, r.n);
    int rc = valset_light_read(h, &r, &o->next, o->seats, err);
    if (rc != WS_OK)
        return ws_fail_in(err, "handover: next set"), rc;
    if (!rd_done(&r))
        return ws_fail(err, WS_EINPUT, "handover: octets behind the end, at %zu of %zu", r.at, r.n);
    validator_set_hash_with(h, &o->next, o->seats, f->next_validators);
    o->commit.height = f->height;
    header_front_id(h, f, o->commit.id);
    return WS_OK;
}

enum light_verdict light_cross(const struct light_crypto *c, const struct light_params *p,
    struct light_trust *t, const struct handover *o, uint64_t now, struct ws_err *err) {
    if (memcmp(o->front.cell_id, t->cell_id, 32) == 0 && o->front.height > t->height &&
        memcmp(o->front.validators, t->next_validators, 32) != 0)
        return light_refuse(LIGHT_NOT_SUCCESSOR, err,
            "the handover at height %llu is by another set than the one trusted since height %llu",
            H(o->front.height), H(t->height));
    enum light_verdict v = light_advance_front(c, p, t, &o->front, &o->commit, NULL, now, err);
    if (v == LIGHT_OK) { /* next_validators was computed from this very set */
        t->next = o->next;
        t->has_next = true;
    }
    return v;
}

void handovers_put(const struct span *each, size_t n, struct buf *b) {
    buf_u16(b, (uint16_t)n);
    for (size_t i = 0; i < n; i++)
        buf_var(b, each[i]);
}

void handovers_read(struct rd *r, struct handovers *ret_list) {
    ret_list->n = rd_u16(r);
    if (ret_list->n > HANDOVERS_MAX)
        r->bad = true;
    size_t from = r->at;
    for (size_t i = 0; i < ret_list->n && !r->bad; i++)
        (void)rd_var(r, HANDOVER_OCTETS_MAX);
    if (r->bad)
        ret_list->n = 0;
    ret_list->octets = r->bad ? span_of(r->p, 0) : span_of(r->p + from, r->at - from);
}

enum light_verdict light_follow(const struct light_crypto *c, const struct light_params *p,
    struct light_trust *t, const struct handovers *list, uint64_t now, size_t *ret_crossed,
    struct ws_err *err) {
    enum light_verdict v = LIGHT_OK;
    struct rd r = rd_of(list->octets);
    size_t crossed = 0;
    uint64_t last = 0;
    struct handover *o = ws_alloc(sizeof(*o));
    for (size_t i = 0; i < list->n && v == LIGHT_OK; i++) {
        if (handover_decode(c->hash, rd_var(&r, HANDOVER_OCTETS_MAX), o, err) != WS_OK) {
            v = LIGHT_MALFORMED;
        } else if (o->front.height <= last) {
            v = light_refuse(
                LIGHT_MALFORMED, err, "handover %zu of %zu is out of order", i + 1, list->n);
        } else if (o->front.height > t->height) {
            v = light_cross(c, p, t, o, now, err);
            crossed += v == LIGHT_OK;
        } else if (!t->has_next && memcmp(o->front.next_validators, t->next_validators, 32) == 0) {
            v = light_learn(c->hash, t, &o->next, o->seats, err);
        }
        last = o->front.height;
    }
    free(o);
    if (ret_crossed != NULL)
        *ret_crossed = crossed;
    return v;
}
