#include "ledger/beacon/member.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/beacon/contract_internal.h"

#include <stdlib.h>

enum { SENT_MAX = 64, WAVE_HEIGHTS = 2 };

/* What has been wished for, so that it is not each block again. */
struct sent {
    uint16_t kind;
    uint64_t serial, height; /* of the record */
    uint64_t at;
};

/* The member's shares of one key. */
struct holding {
    uint64_t serial; /* 0: empty */
    bool whole; /* all dealers gave good shares */
    bool bad[BEACON_MEMBERS_MAX];
    struct scalar share[BEACON_TICKETS_MAX];
};

struct beacon_member {
    uint8_t cell[32], address[32], secret[BEACON_SECRET_OCTETS];
    struct own_key own;
    struct holding holding[BEACON_KEYS_MAX];
    struct sent sent[SENT_MAX];
    size_t next_sent;
    struct beacon_wish wish[BEACON_WISHES_MAX];
    size_t n;
};

struct beacon_member *beacon_member_new(const uint8_t cell[static 32],
    const uint8_t address[static 32], const uint8_t secret[static BEACON_SECRET_OCTETS]) {
    int rc = sodium_init();
    WS_ASSERT(rc >= 0);
    struct beacon_member *m = ws_alloc(sizeof(*m));
    (void)sodium_mlock(m, sizeof(*m)); /* a bound on locked memory is no reason not to work */
    memcpy(m->cell, cell, sizeof(m->cell));
    memcpy(m->address, address, sizeof(m->address));
    memcpy(m->secret, secret, sizeof(m->secret));
    own_key_derive(secret, cell, address, &m->own);
    return m;
}

void beacon_member_free(struct beacon_member *m) {
    if (m == NULL)
        return;
    for (size_t i = 0; i < BEACON_WISHES_MAX; i++)
        buf_free(&m->wish[i].body);
    (void)sodium_munlock(m, sizeof(*m)); /* wipes */
    free(m);
}

/* True if this record should be wished for at `at`; notes it then. */
static bool is_due(
    struct beacon_member *m, uint16_t kind, uint64_t serial, uint64_t height, uint64_t at) {
    for (size_t i = 0; i < SENT_MAX; i++) {
        struct sent *s = &m->sent[i];
        if (s->kind != kind || s->serial != serial || s->height != height)
            continue;
        if (at < s->at + BEACON_WISH_AGAIN && at >= s->at)
            return false;
        s->at = at;
        return true;
    }
    m->sent[m->next_sent] =
        (struct sent){.kind = kind, .serial = serial, .height = height, .at = at};
    m->next_sent = (m->next_sent + 1) % SENT_MAX;
    return true;
}

static struct buf *add_wish(struct beacon_member *m, uint16_t kind) {
    WS_ASSERT(m->n < BEACON_WISHES_MAX);
    struct beacon_wish *w = &m->wish[m->n++];
    w->kind = kind;
    buf_clear(&w->body);
    return &w->body;
}

static void wish_to_register(struct beacon_member *m, const struct beacon_contract *c) {
    int me = generation_find(&c->roster, m->address);
    if (me < 0)
        return;
    const struct seat *s = &c->roster.seat[me];
    if (s->registered && memcmp(s->key.b, m->own.key.b, sizeof(s->key.b)) == 0)
        return;
    struct registration r = {.epoch = c->epoch, .since = c->registered_at[me]};
    if (!is_due(m, BEACON_REGISTER, r.epoch, r.since, c->height))
        return;
    registration_make(&m->own, m->cell, m->address, &r);
    registration_encode(&r, add_wish(m, BEACON_REGISTER));
}

static void wish_to_deal(struct beacon_member *m, const struct beacon_contract *c) {
    int me = c->phase == BEACON_DEALING ? generation_find(&c->gen, m->address) : -1;
    if (me < 0 || c->dealing[me] != NULL || c->barred[me] ||
        !is_due(m, BEACON_DEAL, c->serial, 0, c->height))
        return;
    struct dealing *d = ws_alloc(sizeof(*d));
    dealing_make(&c->gen, (size_t)me, m->secret, d);
    dealing_encode(d, add_wish(m, BEACON_DEAL));
    free(d);
}

/* The seat that can open what was dealt: with a key that is ours. -1: none. */
static int seat_with_shares(const struct beacon_member *m, const struct generation *g) {
    int me = generation_find(g, m->address);
    if (me < 0 || !generation_has_shares(g, (size_t)me) ||
        memcmp(g->seat[me].key.b, m->own.key.b, sizeof(m->own.key.b)) != 0)
        return -1;
    return me;
}

static void complain(const struct beacon_member *m, const struct generation *g, size_t me,
    size_t dealer, const struct dealing *d, struct review *v) {
    complaint_make(g, me, &m->own, dealer, d, &v->complaint[v->n++]);
}

static void wish_to_review(struct beacon_member *m, const struct beacon_contract *c) {
    int me = c->phase == BEACON_REVIEWING ? seat_with_shares(m, &c->gen) : -1;
    if (me < 0 || c->reviewed[me] || !is_due(m, BEACON_REVIEW, c->serial, 0, c->height))
        return;
    struct review v = {.serial = c->serial};
    struct scalar share[BEACON_TICKETS_MAX];
    for (size_t i = 0; i < c->gen.n; i++) {
        if (c->dealing[i] == NULL)
            continue;
        struct point dh;
        dealing_exchange(c->dealing[i], &m->own.secret, &dh);
        if (!dealing_open(&c->gen, i, c->dealing[i], (size_t)me, &dh, share))
            complain(m, &c->gen, (size_t)me, i, c->dealing[i], &v);
        sodium_memzero(&dh, sizeof(dh));
    }
    sodium_memzero(share, sizeof(share));
    review_encode(&v, add_wish(m, BEACON_REVIEW));
}

/* Our shares of a key; opened once. */
static const struct holding *holding_of(
    struct beacon_member *m, const struct beacon_contract *c, const struct live_key *k, size_t me) {
    struct holding *place = NULL;
    for (size_t i = 0; i < BEACON_KEYS_MAX; i++) {
        struct holding *at = &m->holding[i];
        if (at->serial == k->key.g.serial)
            return at;
        if (place == NULL && (at->serial == 0 || beacon_find_key(c, at->serial) == NULL))
            place = at;
    }
    WS_ASSERT(place != NULL); /* as many places as there can be keys */
    sodium_memzero(place, sizeof(*place));
    place->serial = k->key.g.serial;
    place->whole = key_shares(&k->key, k->dealing, me, &m->own, place->share, place->bad);
    return place;
}

/* We were not there when complaints were asked for. */
static void wish_to_complain_late(struct beacon_member *m, const struct beacon_contract *c) {
    const struct live_key *k = beacon_find_key(c, c->in_force);
    int me = k != NULL ? seat_with_shares(m, &k->key.g) : -1;
    if (me < 0 || k->reviewed[me])
        return;
    const struct holding *mine = holding_of(m, c, k, (size_t)me);
    if (mine->whole || !is_due(m, BEACON_REVIEW, k->key.g.serial, 0, c->height))
        return;
    struct review v = {.serial = k->key.g.serial};
    for (size_t i = 0; i < k->key.g.n; i++)
        if (mine->bad[i])
            complain(m, &k->key.g, (size_t)me, i, k->dealing[i], &v);
    review_encode(&v, add_wish(m, BEACON_REVIEW));
}

/* Not everybody speaks at once: first, in an order that turns with the height, as many as are enough and a quarter more,
 * and the next so many when the height still has no value WAVE_HEIGHTS later. No rule of the cell: it saves work. */
static uint64_t wave_of(const struct beacon_key *k, size_t me, uint64_t turn) {
    const struct generation *g = &k->g;
    const size_t first = turn % g->n;
    unsigned before = 0;
    for (size_t i = first; i != me; i = (i + 1) % g->n)
        before += generation_has_shares(g, i) ? g->seat[i].tickets : 0;
    const unsigned slack = g->threshold / 4U > 0 ? g->threshold / 4U : 1;
    return before / (g->threshold + slack);
}

static void wish_for_height(
    struct beacon_member *m, const struct beacon_contract *c, const struct moment *at) {
    const struct live_key *k = beacon_find_key(c, at->serial);
    int me = seat_with_shares(m, &k->key.g);
    if (me < 0)
        return;
    const struct seat *s = &k->key.g.seat[me];
    if (at->value != NULL && !point_is_identity(&at->value[s->first - 1]))
        return;
    const uint64_t from = at->height > k->since ? at->height : k->since;
    const uint64_t turn = at->height / c->params.every;
    if (c->height < from + WAVE_HEIGHTS * wave_of(&k->key, (size_t)me, turn))
        return;
    const struct holding *mine = holding_of(m, c, k, (size_t)me);
    if (!mine->whole || !is_due(m, BEACON_PARTIAL, at->serial, at->height, c->height))
        return;
    struct partials *p = ws_alloc(sizeof(*p));
    p->serial = at->serial;
    p->height = at->height;
    p->n = s->tickets;
    for (uint16_t i = 0; i < s->tickets; i++)
        partial_make(&k->key, at->height, (uint16_t)(s->first + i), &mine->share[i], &p->p[i]);
    partials_encode(p, add_wish(m, BEACON_PARTIAL));
    free(p);
}

size_t beacon_member_step(
    struct beacon_member *m, const void *contract, const struct beacon_wish **ret_wishes) {
    const struct beacon_contract *c = contract;
    m->n = 0;
    wish_to_register(m, c);
    wish_to_deal(m, c);
    wish_to_review(m, c);
    if (m->n < BEACON_WISHES_MAX)
        wish_to_complain_late(m, c);
    /* The oldest height stands right behind the newest. */
    const size_t first = (c->height / c->params.every + 1) % c->params.window;
    for (size_t i = 0; i < c->params.window && m->n < BEACON_WISHES_MAX; i++) {
        const struct moment *at = &c->moment[(first + i) % c->params.window];
        if (at->height != 0 && at->state == MOMENT_BOUND)
            wish_for_height(m, c, at);
    }
    *ret_wishes = m->wish;
    return m->n;
}
