#include "ledger/beacon/key.h"

#include "base/assert.h"

bool key_assemble(const struct generation *g, struct dealing *const dealings[BEACON_MEMBERS_MAX],
    const bool qualified[BEACON_MEMBERS_MAX], struct beacon_key *ret_key) {
    struct beacon_key *k = ret_key;
    memset(k, 0, sizeof(*k));
    k->g = *g;
    bool none = true;
    for (size_t i = 0; i < g->n; i++) {
        k->qualified[i] = qualified[i];
        for (size_t c = 0; c < g->threshold && qualified[i]; c++) {
            if (none)
                k->commitment[c] = dealings[i]->commitment[c];
            else
                point_add(&k->commitment[c], &k->commitment[c], &dealings[i]->commitment[c]);
        }
        none = none && !qualified[i];
    }
    WS_ASSERT(!none);
    if (point_is_identity(&k->commitment[0]))
        return false;
    for (uint16_t j = 1; j <= g->total; j++) {
        commitments_at(k->commitment, g->threshold, j, &k->share[j - 1]);
        if (point_is_identity(&k->share[j - 1]))
            return false;
    }
    key_identify(k);
    return true;
}

void key_identify(struct beacon_key *k) {
    struct transcript t;
    transcript_begin(&t, BEACON_FOR_KEY);
    transcript_add(&t, k->g.context, sizeof(k->g.context));
    for (size_t i = 0; i < k->g.n; i++) {
        uint8_t in = k->qualified[i];
        transcript_add(&t, &in, 1);
    }
    for (size_t c = 0; c < k->g.threshold; c++)
        transcript_add(&t, k->commitment[c].b, sizeof(k->commitment[c].b));
    transcript_hash(&t, k->id);
}

bool key_shares(const struct beacon_key *k, struct dealing *const dealings[BEACON_MEMBERS_MAX],
    size_t member, const struct own_key *own, struct scalar *ret_shares,
    bool ret_bad[BEACON_MEMBERS_MAX]) {
    struct scalar one[BEACON_TICKETS_MAX];
    const uint16_t n = k->g.seat[member].tickets;
    bool good = true;
    memset(ret_shares, 0, n * sizeof(*ret_shares));
    for (size_t i = 0; i < k->g.n; i++) {
        ret_bad[i] = false;
        if (!k->qualified[i])
            continue;
        struct point dh;
        dealing_exchange(dealings[i], &own->secret, &dh);
        ret_bad[i] = !dealing_open(&k->g, i, dealings[i], member, &dh, one);
        good = good && !ret_bad[i];
        for (uint16_t j = 0; j < n; j++)
            scalar_add(&ret_shares[j], &ret_shares[j], &one[j]);
        sodium_memzero(&dh, sizeof(dh));
    }
    sodium_memzero(one, sizeof(one));
    return good;
}

void height_point(const struct beacon_key *k, uint64_t height, struct point *ret) {
    struct transcript t;
    transcript_begin(&t, BEACON_FOR_HEIGHT);
    transcript_add(&t, k->id, sizeof(k->id));
    transcript_u64(&t, height);
    transcript_point(&t, ret);
}

static void partial_statement(
    struct transcript *t, const struct beacon_key *k, uint64_t height, uint16_t ticket) {
    transcript_begin(t, BEACON_FOR_PARTIAL);
    transcript_add(t, k->id, sizeof(k->id));
    transcript_u64(t, height);
    transcript_u16(t, ticket);
}

void partial_make(const struct beacon_key *k, uint64_t height, uint16_t ticket,
    const struct scalar *share, struct partial *ret_partial) {
    struct transcript t;
    struct point at;
    height_point(k, height, &at);
    point_mul(&ret_partial->value, share, &at);
    partial_statement(&t, k, height, ticket);
    proof_make(&t, share, &k->share[ticket - 1], &at, &ret_partial->value, &ret_partial->proof);
}

bool partial_check(const struct beacon_key *k, uint64_t height, const struct point *at_height,
    uint16_t ticket, const struct partial *p) {
    struct transcript t;
    partial_statement(&t, k, height, ticket);
    return proof_check(&t, &k->share[ticket - 1], at_height, &p->value, &p->proof);
}

/* Lagrange at 0: the product of x_m / (x_m - x_i) over the others m. */
static void coefficient(const uint16_t *tickets, size_t n, size_t i, struct scalar *ret) {
    struct scalar up = scalar_of(1), down = scalar_of(1);
    const struct scalar mine = scalar_of(tickets[i]);
    for (size_t m = 0; m < n; m++) {
        if (m == i)
            continue;
        struct scalar x = scalar_of(tickets[m]), difference;
        scalar_mul(&up, &up, &x);
        scalar_sub(&difference, &x, &mine);
        scalar_mul(&down, &down, &difference);
    }
    scalar_invert(&down, &down); /* asserts that no ticket comes twice */
    scalar_mul(ret, &up, &down);
}

void partials_combine(const struct beacon_key *k, const uint16_t *tickets,
    const struct point *values, struct point *ret_value) {
    for (size_t i = 0; i < k->g.threshold; i++) {
        struct scalar l;
        struct point p;
        coefficient(tickets, k->g.threshold, i, &l);
        point_mul(&p, &l, &values[i]);
        if (i == 0)
            *ret_value = p;
        else
            point_add(ret_value, ret_value, &p);
    }
}

void randomness_of(const struct beacon_key *k, uint64_t height, const struct point *value,
    uint8_t ret_randomness[static 32]) {
    struct transcript t;
    transcript_begin(&t, BEACON_FOR_VALUE);
    transcript_add(&t, k->id, sizeof(k->id));
    transcript_u64(&t, height);
    transcript_add(&t, value->b, sizeof(value->b));
    transcript_hash(&t, ret_randomness);
}
