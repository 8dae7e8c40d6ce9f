/* The way from a trusted header to another one, asking somebody who is not believed. */
#include "ledger/light/handover.h"
#include "ledger/light/light_internal.h"

#include "base/mem.h"

#include <stdlib.h>

struct way {
    const struct light_crypto *c;
    const struct light_params *p;
    const struct light_source *from;
    struct ws_err *err;
    uint32_t steps;
};

static enum light_verdict count_step(struct way *w) {
    if (w->steps++ < w->from->steps_max)
        return LIGHT_OK;
    return light_refuse(LIGHT_TOO_MANY_STEPS, w->err, "not reached within %u answers",
        (unsigned)w->from->steps_max);
}

static enum light_verdict ask_block(struct way *w, uint64_t height, struct light_block *ret) {
    enum light_verdict v = count_step(w);
    if (v != LIGHT_OK)
        return v;
    struct ws_err why = {0};
    if (w->from->block(w->from->ctx, height, ret, &why) != WS_OK)
        return light_refuse(LIGHT_NO_SOURCE, w->err, "header %llu: %s", H(height), why.text);
    if (ret->header.height != height)
        return light_refuse(LIGHT_NO_SOURCE, w->err, "asked for header %llu, got %llu", H(height),
            H(ret->header.height));
    return LIGHT_OK;
}

/* True: a handover below the goal was crossed. Any trouble with handovers leaves the way by headers open. */
static bool try_handover(struct way *w, struct light_trust *t, uint64_t goal, uint64_t now) {
    if (w->from->handover == NULL || count_step(w) != LIGHT_OK)
        return false;
    struct handover *o = ws_alloc(sizeof(*o));
    bool crossed = w->from->handover(w->from->ctx, t->height, o, NULL) == WS_OK &&
                   o->front.height < goal && light_cross(w->c, w->p, t, o, now, NULL) == LIGHT_OK;
    free(o);
    return crossed;
}

/* Ends: each turn either moves *t up or halves the distance to `at`, and each costs a step. */
static enum light_verdict climb(
    struct way *w, struct light_trust *t, uint64_t goal, uint64_t now, struct light_block *last) {
    struct light_block *mid = ws_alloc(sizeof(*mid));
    enum light_verdict v = ask_block(w, goal, last);
    uint64_t at = goal;
    bool by_handover = true;
    while (v == LIGHT_OK && t->height < goal) {
        const struct light_block *b = last;
        if (at != goal) {
            v = ask_block(w, at, mid);
            if (v != LIGHT_OK)
                break;
            b = mid;
        }
        v = light_advance(w->c, w->p, t, &b->header, &b->commit, &b->set, now, w->err);
        if (v == LIGHT_OK) {
            at = goal;
        } else if (v == LIGHT_TRUST_TOO_LOW || v == LIGHT_SET_UNKNOWN) {
            v = LIGHT_OK; /* never the answer to an adjacent header */
            by_handover = by_handover && try_handover(w, t, goal, now);
            at = by_handover ? goal : t->height + (at - t->height) / 2;
        }
    }
    free(mid);
    return v;
}

static struct way way_of(const struct light_crypto *c, const struct light_params *p,
    const struct light_source *from, struct ws_err *err) {
    return (struct way){.c = c, .p = p, .from = from, .err = err};
}

/* What one believes already. */
static enum light_verdict same_height(
    struct way *w, const struct light_trust *t, struct light_block *ret_block) {
    hash32 id;
    hash32 set;
    enum light_verdict v = ask_block(w, t->height, ret_block);
    if (v != LIGHT_OK)
        return v;
    header_id(w->c->hash, &ret_block->header, id);
    if (memcmp(id, t->id, 32) != 0)
        return light_refuse(LIGHT_CONFLICT, w->err,
            "header %llu is another one than the one trusted: keep both, they are evidence",
            H(t->height));
    validator_set_hash(w->c->hash, &ret_block->set, set);
    if (memcmp(set, ret_block->header.validators, 32) != 0)
        return light_refuse(
            LIGHT_WRONG_SET, w->err, "header %llu names another validator set", H(t->height));
    return LIGHT_OK;
}

enum light_verdict light_reach(const struct light_crypto *c, const struct light_params *p,
    struct light_trust *t, const struct light_source *from, uint64_t height, uint64_t now,
    struct light_block *ret_block, struct ws_err *err) {
    struct way w = way_of(c, p, from, err);
    if (height < t->height || height == 0)
        return light_refuse(LIGHT_NOT_NEWER, err, "height %llu is below the trusted height %llu",
            H(height), H(t->height));
    if (height == t->height)
        return same_height(&w, t, ret_block);
    return climb(&w, t, height, now, ret_block);
}

enum light_verdict light_reach_back(const struct light_crypto *c, const struct light_trust *t,
    const struct light_source *from, uint64_t height, struct light_block *ret_block,
    struct ws_err *err) {
    struct way w = way_of(c, NULL, from, err);
    if (height == 0 || height > t->height)
        return light_refuse(LIGHT_NOT_NEWER, err,
            "height %llu is not below the trusted height %llu", H(height), H(t->height));
    enum light_verdict v = same_height(&w, t, ret_block);
    struct header newer;
    while (v == LIGHT_OK && ret_block->header.height > height) {
        newer = ret_block->header;
        v = ask_block(&w, newer.height - 1, ret_block);
        if (v == LIGHT_OK)
            v = light_step_back(c->hash, &newer, &ret_block->header, err);
    }
    if (v == LIGHT_OK) { /* the set is an answer, too */
        hash32 set;
        validator_set_hash(c->hash, &ret_block->set, set);
        if (memcmp(set, ret_block->header.validators, 32) != 0)
            v = light_refuse(
                LIGHT_WRONG_SET, err, "header %llu names another validator set", H(height));
    }
    return v;
}
