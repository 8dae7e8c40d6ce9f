#include "ledger/beacon/dealing.h"

#include "base/assert.h"

void own_key_derive(const uint8_t secret[static BEACON_SECRET_OCTETS],
    const uint8_t cell[static 32], const uint8_t address[static 32], struct own_key *ret_key) {
    struct transcript t;
    transcript_begin(&t, BEACON_FOR_OWN_KEY);
    transcript_add(&t, secret, BEACON_SECRET_OCTETS);
    transcript_add(&t, cell, 32);
    transcript_add(&t, address, 32);
    transcript_scalar(&t, &ret_key->secret);
    point_base(&ret_key->key, &ret_key->secret);
}

static void registration_statement(struct transcript *t, const uint8_t cell[static 32],
    const uint8_t address[static 32], const struct registration *r) {
    transcript_begin(t, BEACON_FOR_KEY_PROOF);
    transcript_add(t, cell, 32);
    transcript_add(t, address, 32);
    transcript_u64(t, r->epoch);
    transcript_u64(t, r->since);
}

void registration_make(const struct own_key *own, const uint8_t cell[static 32],
    const uint8_t address[static 32], struct registration *registration) {
    struct transcript t;
    registration_statement(&t, cell, address, registration);
    registration->key = own->key;
    proof_make(&t, &own->secret, &own->key, NULL, NULL, &registration->proof);
}

bool registration_check(
    const struct registration *r, const uint8_t cell[static 32], const uint8_t address[static 32]) {
    struct transcript t;
    registration_statement(&t, cell, address, r);
    return proof_check(&t, &r->key, NULL, NULL, &r->proof);
}

static void dealing_statement(struct transcript *t, enum beacon_purpose purpose,
    const struct generation *g, size_t dealer, const struct dealing *d) {
    transcript_begin(t, purpose);
    transcript_add(t, g->context, sizeof(g->context));
    transcript_u16(t, (uint16_t)dealer);
    transcript_add(t, d->ephemeral.b, sizeof(d->ephemeral.b));
    for (size_t k = 0; k < d->threshold; k++)
        transcript_add(t, d->commitment[k].b, sizeof(d->commitment[k].b));
}

static void pad(const struct generation *g, size_t dealer, const struct dealing *d, size_t member,
    uint16_t ticket, const struct point *dh, struct scalar *ret) {
    struct transcript t;
    transcript_begin(&t, BEACON_FOR_SHARE);
    transcript_add(&t, g->context, sizeof(g->context));
    transcript_u16(&t, (uint16_t)dealer);
    transcript_u16(&t, ticket);
    transcript_add(&t, g->seat[member].key.b, sizeof(g->seat[member].key.b));
    transcript_add(&t, d->ephemeral.b, sizeof(d->ephemeral.b));
    transcript_add(&t, dh->b, sizeof(dh->b));
    transcript_scalar(&t, ret);
}

static void own_scalar(enum beacon_purpose purpose, const uint8_t *secret,
    const struct generation *g, uint16_t k, struct scalar *ret) {
    struct transcript t;
    transcript_begin(&t, purpose);
    transcript_add(&t, secret, BEACON_SECRET_OCTETS);
    transcript_add(&t, g->context, sizeof(g->context));
    transcript_u16(&t, k);
    transcript_scalar(&t, ret);
}

static void polynomial_at(
    const struct scalar *coefficient, uint16_t n, uint16_t ticket, struct scalar *ret) {
    struct scalar x = scalar_of(ticket), sum = {{0}};
    for (size_t k = n; k-- > 0;) {
        scalar_mul(&sum, &sum, &x);
        scalar_add(&sum, &sum, &coefficient[k]);
    }
    *ret = sum;
    sodium_memzero(&sum, sizeof(sum));
}

void dealing_make(const struct generation *g, size_t dealer,
    const uint8_t secret[static BEACON_SECRET_OCTETS], struct dealing *ret_dealing) {
    struct dealing *d = ret_dealing;
    struct scalar coefficient[BEACON_TICKETS_MAX], r, p;
    *d = (struct dealing){.serial = g->serial, .threshold = g->threshold, .total = g->total};
    for (uint16_t k = 0; k < g->threshold; k++) {
        own_scalar(BEACON_FOR_OWN_DEALING, secret, g, k, &coefficient[k]);
        point_base(&d->commitment[k], &coefficient[k]);
    }
    own_scalar(BEACON_FOR_OWN_EPHEMERAL, secret, g, 0, &r);
    point_base(&d->ephemeral, &r);
    for (size_t i = 0; i < g->n; i++) {
        const struct seat *s = &g->seat[i];
        if (!generation_has_shares(g, i))
            continue;
        struct point dh;
        point_mul(&dh, &r, &s->key);
        for (uint16_t j = s->first; j < s->first + s->tickets; j++) {
            polynomial_at(coefficient, g->threshold, j, &d->share[j - 1]);
            pad(g, dealer, d, i, j, &dh, &p);
            scalar_add(&d->share[j - 1], &d->share[j - 1], &p);
        }
        sodium_memzero(&dh, sizeof(dh));
    }
    struct transcript t;
    dealing_statement(&t, BEACON_FOR_CONSTANT_PROOF, g, dealer, d);
    proof_make(&t, &coefficient[0], &d->commitment[0], NULL, NULL, &d->of_constant);
    dealing_statement(&t, BEACON_FOR_EPHEMERAL_PROOF, g, dealer, d);
    proof_make(&t, &r, &d->ephemeral, NULL, NULL, &d->of_ephemeral);
    sodium_memzero(coefficient, sizeof(coefficient));
    sodium_memzero(&r, sizeof(r));
    sodium_memzero(&p, sizeof(p));
}

bool dealing_check(const struct generation *g, size_t dealer, const struct dealing *d) {
    if (d->serial != g->serial || d->threshold != g->threshold || d->total != g->total)
        return false;
    for (size_t i = 0; i < g->n; i++)
        for (uint16_t j = 0; j < g->seat[i].tickets && !g->seat[i].registered; j++)
            if (!scalar_is_zero(&d->share[g->seat[i].first + j - 1]))
                return false;
    struct transcript t;
    dealing_statement(&t, BEACON_FOR_CONSTANT_PROOF, g, dealer, d);
    if (!proof_check(&t, &d->commitment[0], NULL, NULL, &d->of_constant))
        return false;
    dealing_statement(&t, BEACON_FOR_EPHEMERAL_PROOF, g, dealer, d);
    return proof_check(&t, &d->ephemeral, NULL, NULL, &d->of_ephemeral);
}

void commitments_at(
    const struct point *commitment, uint16_t threshold, uint16_t ticket, struct point *ret) {
    struct scalar x = scalar_of(ticket);
    struct point sum = commitment[threshold - 1];
    for (size_t k = threshold - 1U; k-- > 0;) {
        point_mul(&sum, &x, &sum);
        point_add(&sum, &sum, &commitment[k]);
    }
    *ret = sum;
}

void dealing_exchange(const struct dealing *d, const struct scalar *secret, struct point *ret_dh) {
    point_mul(ret_dh, secret, &d->ephemeral);
}

bool dealing_open(const struct generation *g, size_t dealer, const struct dealing *d, size_t member,
    const struct point *dh, struct scalar *ret_shares) {
    const struct seat *s = &g->seat[member];
    WS_ASSERT(generation_has_shares(g, member));
    bool good = true;
    for (uint16_t i = 0; i < s->tickets; i++) {
        const uint16_t ticket = (uint16_t)(s->first + i);
        struct scalar p;
        struct point is, should;
        pad(g, dealer, d, member, ticket, dh, &p);
        scalar_sub(&ret_shares[i], &d->share[ticket - 1], &p);
        point_base(&is, &ret_shares[i]);
        commitments_at(d->commitment, d->threshold, ticket, &should);
        good = good && memcmp(is.b, should.b, sizeof(is.b)) == 0;
        sodium_memzero(&p, sizeof(p));
    }
    return good;
}

static void complaint_statement(
    struct transcript *t, const struct generation *g, size_t dealer, size_t member) {
    transcript_begin(t, BEACON_FOR_COMPLAINT);
    transcript_add(t, g->context, sizeof(g->context));
    transcript_u16(t, (uint16_t)dealer);
    transcript_u16(t, (uint16_t)member);
}

void complaint_make(const struct generation *g, size_t member, const struct own_key *own,
    size_t dealer, const struct dealing *d, struct complaint *ret_complaint) {
    struct transcript t;
    ret_complaint->dealer = (uint16_t)dealer;
    dealing_exchange(d, &own->secret, &ret_complaint->dh);
    complaint_statement(&t, g, dealer, member);
    proof_make(
        &t, &own->secret, &own->key, &d->ephemeral, &ret_complaint->dh, &ret_complaint->proof);
}

enum complaint_verdict complaint_judge(
    const struct generation *g, size_t member, const struct complaint *c, const struct dealing *d) {
    struct transcript t;
    complaint_statement(&t, g, c->dealer, member);
    if (!proof_check(&t, &g->seat[member].key, &d->ephemeral, &c->dh, &c->proof))
        return COMPLAINT_UNPROVEN;
    struct scalar shares[BEACON_TICKETS_MAX]; /* no secret any more: dh is public */
    return dealing_open(g, c->dealer, d, member, &c->dh, shares) ? COMPLAINT_FALSE
                                                                 : COMPLAINT_UPHELD;
}
