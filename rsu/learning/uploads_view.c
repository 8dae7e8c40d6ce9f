#include "rsu/learning/uploads_view.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/table.h"
#include "fedlearn/round/rounds.h"

#include <pthread.h>
#include <stdlib.h>

#define NO_MORE UINT32_MAX

struct seen {
    struct uploads_claim claim;
    uint32_t next_name, next_id; /* of the same */
};

struct uploads_view {
    pthread_mutex_t lock;
    uint8_t cell[32];
    bool changed;
    struct uploads_round round;
    uint32_t n;
    struct seen *seen; /* FL_SUBMISSIONS_MAX places */
    struct table by_name, by_id; /* the last with that name or id */
};

struct uploads_view *uploads_view_new(const uint8_t cell[static 32]) {
    struct uploads_view *v = ws_alloc(sizeof(*v));
    memcpy(v->cell, cell, sizeof(v->cell));
    v->seen = ws_calloc(FL_SUBMISSIONS_MAX, sizeof(*v->seen));
    int rc = pthread_mutex_init(&v->lock, NULL);
    WS_ASSERT(rc == 0);
    return v;
}

static void clear(struct uploads_view *v) {
    v->n = 0;
    table_free(&v->by_name);
    table_free(&v->by_id);
    v->by_name = v->by_id = (struct table){0};
}

void uploads_view_free(struct uploads_view *v) {
    if (v == NULL)
        return;
    clear(v);
    (void)pthread_mutex_destroy(&v->lock);
    free(v->seen);
    free(v);
}

/* ---- the ledger's thread ---- */

static struct uploads_round round_of(const struct uploads_view *v, const struct fl_round_view *r) {
    struct uploads_round now = {0};
    if (r->open == NULL)
        return now;
    const struct fl_open *o = r->open;
    now.number = r->number;
    now.open = r->phase == FL_SUBMITTING || r->phase == FL_ATTESTING;
    now.deadline_us = r->until_us + (r->phase == FL_SUBMITTING ? o->config.attest_us : 0);
    fl_open_round(o, v->cell, &now.round);
    now.shape = (struct fl_upload_shape){(uint32_t)fl_cover_octets(o->n),
        (uint32_t)fl_bundles_octets(o->n), (uint32_t)fl_wire_octets(o->config.profile, o->params)};
    return now;
}

static void add(struct uploads_view *v, const struct fl_submission_view *s) {
    struct seen *n = &v->seen[v->n++];
    uint8_t name[32];
    memcpy(n->claim.id, s->id, 32);
    memcpy(n->claim.token, s->token, 32);
    memcpy(n->claim.upload_key, s->upload_key, 32);
    n->claim.excluded = s->excluded;
    n->claim.included = s->included;
    fl_upload_name(v->cell, s->id, s->upload_key, name);
    const struct seen *same = table_put(&v->by_name, name, n);
    n->next_name = same == NULL ? NO_MORE : (uint32_t)(same - v->seen);
    same = table_put(&v->by_id, s->id, n);
    n->next_id = same == NULL ? NO_MORE : (uint32_t)(same - v->seen);
}

static bool is_same(const struct uploads_claim *c, const struct fl_submission_view *s) {
    return memcmp(c->id, s->id, 32) == 0 && memcmp(c->token, s->token, 32) == 0 &&
           memcmp(c->upload_key, s->upload_key, 32) == 0;
}

static void take_submissions(struct uploads_view *v, const void *contract, uint32_t n) {
    struct fl_submission_view s;
    for (uint32_t i = 0; i < n && i < FL_SUBMISSIONS_MAX; i++) {
        if (!fl_contract_submission(contract, i, &s))
            return;
        if (i < v->n && !is_same(&v->seen[i].claim, &s)) {
            /* Another history under the same number of a round: a ledger was put back. */
            clear(v);
            take_submissions(v, contract, n);
            return;
        }
        if (i < v->n) {
            v->seen[i].claim.excluded = s.excluded;
            v->seen[i].claim.included = s.included;
        } else {
            add(v, &s);
        }
    }
}

void uploads_view_update(struct uploads_view *v, const void *contract) {
    struct fl_round_view r;
    fl_contract_round(contract, &r);
    const struct uploads_round now = round_of(v, &r);
    (void)pthread_mutex_lock(&v->lock);
    const bool other = now.number != v->round.number ||
                       memcmp(now.round.id, v->round.round.id, sizeof(now.round.id)) != 0;
    v->changed =
        v->changed || other || now.open != v->round.open || now.deadline_us != v->round.deadline_us;
    if (other || r.submissions < v->n)
        clear(v);
    v->round = now;
    if (now.number != 0)
        take_submissions(v, contract, r.submissions);
    (void)pthread_mutex_unlock(&v->lock);
}

/* ---- readers ---- */

static bool tell_round(void *ctx, struct uploads_round *ret) {
    struct uploads_view *v = ctx;
    (void)pthread_mutex_lock(&v->lock);
    const bool changed = v->changed;
    v->changed = false;
    *ret = v->round;
    (void)pthread_mutex_unlock(&v->lock);
    return changed;
}

/* The k-th of a chain from its end. Chains are short but for those who copy others' ids. */
static bool tell(struct uploads_view *v, const struct table *from, const uint8_t key[static 32],
    size_t k, struct uploads_claim *ret) {
    (void)pthread_mutex_lock(&v->lock);
    const struct seen *s = table_get(from, key);
    for (; s != NULL && k > 0; k--) {
        const uint32_t next = from == &v->by_id ? s->next_id : s->next_name;
        s = next == NO_MORE ? NULL : &v->seen[next];
    }
    if (s != NULL)
        *ret = s->claim;
    (void)pthread_mutex_unlock(&v->lock);
    return s != NULL;
}

static bool tell_claim(
    void *ctx, const uint8_t name[static 32], size_t k, struct uploads_claim *ret) {
    struct uploads_view *v = ctx;
    return tell(v, &v->by_name, name, k, ret);
}

struct uploads_ledger uploads_view_ledger(struct uploads_view *v) {
    return (struct uploads_ledger){tell_round, tell_claim, v};
}

bool uploads_view_round(struct uploads_view *v, struct uploads_round *ret) {
    (void)pthread_mutex_lock(&v->lock);
    *ret = v->round;
    (void)pthread_mutex_unlock(&v->lock);
    return ret->number != 0;
}

bool uploads_view_by_id(
    struct uploads_view *v, const uint8_t id[static 32], size_t k, struct uploads_claim *ret) {
    return tell(v, &v->by_id, id, k, ret);
}

bool uploads_view_at(struct uploads_view *v, size_t i, struct uploads_claim *ret) {
    (void)pthread_mutex_lock(&v->lock);
    const bool is = i < v->n;
    if (is)
        *ret = v->seen[i].claim;
    (void)pthread_mutex_unlock(&v->lock);
    return is;
}
