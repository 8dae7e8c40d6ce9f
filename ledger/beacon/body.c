#include "ledger/beacon/body.h"

static void put_point(struct buf *b, const struct point *p) {
    buf_put(b, p->b, sizeof(p->b));
}

static bool good_version(struct rd *r) {
    if (rd_u8(r) != BEACON_VERSION)
        r->bad = true;
    return !r->bad;
}

void registration_encode(const struct registration *r, struct buf *b) {
    buf_u8(b, BEACON_VERSION);
    buf_u64(b, r->epoch);
    buf_u64(b, r->since);
    put_point(b, &r->key);
    proof_put(b, &r->proof);
}

bool registration_decode(struct span s, struct registration *ret_registration) {
    struct rd r = rd_of(s);
    if (!good_version(&r))
        return false;
    ret_registration->epoch = rd_u64(&r);
    ret_registration->since = rd_u64(&r);
    point_read(&r, &ret_registration->key);
    proof_read(&r, &ret_registration->proof);
    return rd_done(&r);
}

void dealing_encode(const struct dealing *d, struct buf *b) {
    buf_u8(b, BEACON_VERSION);
    buf_u64(b, d->serial);
    buf_u16(b, d->threshold);
    buf_u16(b, d->total);
    for (size_t k = 0; k < d->threshold; k++)
        put_point(b, &d->commitment[k]);
    put_point(b, &d->ephemeral);
    proof_put(b, &d->of_constant);
    proof_put(b, &d->of_ephemeral);
    for (size_t j = 0; j < d->total; j++)
        buf_put(b, d->share[j].b, sizeof(d->share[j].b));
}

bool dealing_decode(struct span s, struct dealing *ret_dealing) {
    struct dealing *d = ret_dealing;
    struct rd r = rd_of(s);
    if (!good_version(&r))
        return false;
    d->serial = rd_u64(&r);
    d->threshold = rd_u16(&r);
    d->total = rd_u16(&r);
    /* Before anything costs a decompression: the size must be the one that the counts ask for. */
    if (d->threshold < 1 || d->total > BEACON_TICKETS_MAX || d->threshold > d->total ||
        rd_left(&r) != (d->threshold + 1U + d->total) * 32U + 2U * PROOF_OCTETS)
        return false;
    for (size_t k = 0; k < d->threshold && !r.bad; k++)
        point_read(&r, &d->commitment[k]);
    point_read(&r, &d->ephemeral);
    proof_read(&r, &d->of_constant);
    proof_read(&r, &d->of_ephemeral);
    for (size_t j = 0; j < d->total; j++)
        scalar_read(&r, &d->share[j]);
    return rd_done(&r);
}

void review_encode(const struct review *v, struct buf *b) {
    buf_u8(b, BEACON_VERSION);
    buf_u64(b, v->serial);
    buf_u16(b, (uint16_t)v->n);
    for (size_t i = 0; i < v->n; i++) {
        buf_u16(b, v->complaint[i].dealer);
        put_point(b, &v->complaint[i].dh);
        proof_put(b, &v->complaint[i].proof);
    }
}

bool review_decode(struct span s, struct review *ret_review) {
    struct review *v = ret_review;
    struct rd r = rd_of(s);
    if (!good_version(&r))
        return false;
    v->serial = rd_u64(&r);
    v->n = rd_u16(&r);
    if (v->n > BEACON_MEMBERS_MAX || rd_left(&r) != v->n * (2U + 32U + PROOF_OCTETS))
        return false;
    for (size_t i = 0; i < v->n && !r.bad; i++) {
        v->complaint[i].dealer = rd_u16(&r);
        if (v->complaint[i].dealer >= BEACON_MEMBERS_MAX ||
            (i > 0 && v->complaint[i].dealer <= v->complaint[i - 1].dealer))
            return false;
        point_read(&r, &v->complaint[i].dh);
        proof_read(&r, &v->complaint[i].proof);
    }
    return rd_done(&r);
}

void partials_encode(const struct partials *p, struct buf *b) {
    buf_u8(b, BEACON_VERSION);
    buf_u64(b, p->serial);
    buf_u64(b, p->height);
    buf_u16(b, (uint16_t)p->n);
    for (size_t i = 0; i < p->n; i++) {
        put_point(b, &p->p[i].value);
        proof_put(b, &p->p[i].proof);
    }
}

bool partials_decode(struct span s, struct partials *ret_partials) {
    struct partials *p = ret_partials;
    struct rd r = rd_of(s);
    if (!good_version(&r))
        return false;
    p->serial = rd_u64(&r);
    p->height = rd_u64(&r);
    p->n = rd_u16(&r);
    if (p->n < 1 || p->n > BEACON_TICKETS_MAX || rd_left(&r) != p->n * (32U + PROOF_OCTETS))
        return false;
    for (size_t i = 0; i < p->n && !r.bad; i++) {
        point_read(&r, &p->p[i].value);
        proof_read(&r, &p->p[i].proof);
    }
    return rd_done(&r);
}
