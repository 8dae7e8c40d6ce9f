#include "ledger/beacon/contract_internal.h"

/* A record comes before its time on a node that lags behind: keep it. */
static enum beacon_code early(bool *ret_later) {
    *ret_later = true;
    return BEACON_TOO_EARLY;
}

static bool known_good(const struct beacon_contract *c, const uint8_t leaf[32]) {
    for (size_t i = 0; i < c->memo->n; i++)
        if (memcmp(c->memo->leaf[i], leaf, 32) == 0)
            return true;
    return false;
}

static void remember_good(const struct beacon_contract *c, const uint8_t leaf[32]) {
    memcpy(c->memo->leaf[c->memo->next], leaf, 32);
    c->memo->next = (c->memo->next + 1) % BEACON_MEMO;
    c->memo->n += c->memo->n < BEACON_MEMO;
}

static bool find_member(
    const struct generation *g, const struct exec_record *r, struct judged *ret_judged) {
    int i = generation_find(g, r->signer);
    ret_judged->member = i < 0 ? 0 : (size_t)i;
    return i >= 0;
}

static enum beacon_code judge_registration(const struct beacon_contract *c,
    const struct exec_record *r, bool *ret_later, struct judged *j) {
    const struct registration *g = &j->body.registration;
    if (!registration_decode(r->body, &j->body.registration))
        return BEACON_MALFORMED;
    if (g->epoch > c->epoch)
        return early(ret_later);
    if (g->epoch < c->epoch)
        return BEACON_TOO_LATE;
    if (!find_member(&c->roster, r, j))
        return BEACON_NO_MEMBER;
    const struct seat *s = &c->roster.seat[j->member];
    if (s->registered && memcmp(s->key.b, g->key.b, 32) == 0)
        return BEACON_ALREADY;
    if (g->since != c->registered_at[j->member])
        return BEACON_TOO_LATE;
    if (s->registered && c->height < c->registered_at[j->member] + c->params.again)
        return early(ret_later);
    return known_good(c, r->leaf) || registration_check(g, c->cell, r->signer) ? BEACON_OK
                                                                               : BEACON_BAD_PROOF;
}

static enum beacon_code judge_dealing(const struct beacon_contract *c, const struct exec_record *r,
    bool *ret_later, struct judged *j) {
    struct dealing *d = &j->body.dealing;
    if (!dealing_decode(r->body, d))
        return BEACON_MALFORMED;
    if (d->serial > c->serial)
        return early(ret_later);
    if (d->serial < c->serial || c->phase != BEACON_DEALING)
        return BEACON_TOO_LATE;
    if (!find_member(&c->gen, r, j))
        return BEACON_NO_MEMBER;
    if (c->barred[j->member])
        return BEACON_BARRED;
    if (c->dealing[j->member] != NULL)
        return BEACON_ALREADY;
    return known_good(c, r->leaf) || dealing_check(&c->gen, j->member, d) ? BEACON_OK
                                                                          : BEACON_BAD_PROOF;
}

/* Every complaint of a review must be right, or the review is nothing. `proven`: the proofs need not be looked at
 * again; whom they are about must, because that changes. */
static enum beacon_code judge_complaints(const struct generation *g,
    struct dealing *const dealing[BEACON_MEMBERS_MAX], const struct judged *j, bool proven) {
    for (size_t i = 0; i < j->body.review.n; i++) {
        const struct complaint *c = &j->body.review.complaint[i];
        if (c->dealer >= g->n || dealing[c->dealer] == NULL)
            return BEACON_BAD_PROOF;
        if (proven)
            continue;
        switch (complaint_judge(g, j->member, c, dealing[c->dealer])) {
        case COMPLAINT_UPHELD:
            break;
        case COMPLAINT_FALSE:
            return BEACON_FALSE_COMPLAINT;
        case COMPLAINT_UNPROVEN:
            return BEACON_BAD_PROOF;
        }
    }
    return BEACON_OK;
}

/* A member that could not speak in time may still show what was dealt to it, as long as the key is in force. */
static enum beacon_code judge_late_review(
    const struct beacon_contract *c, const struct exec_record *r, struct judged *j) {
    const struct live_key *k = beacon_find_key(c, j->body.review.serial);
    if (k == NULL || k->key.g.serial != c->in_force || j->body.review.n == 0)
        return BEACON_TOO_LATE;
    if (!find_member(&k->key.g, r, j) || !generation_has_shares(&k->key.g, j->member))
        return BEACON_NO_MEMBER;
    if (k->reviewed[j->member])
        return BEACON_ALREADY;
    return judge_complaints(&k->key.g, k->dealing, j, known_good(c, r->leaf));
}

static enum beacon_code judge_review(const struct beacon_contract *c, const struct exec_record *r,
    bool *ret_later, struct judged *j) {
    const struct review *v = &j->body.review;
    if (!review_decode(r->body, &j->body.review))
        return BEACON_MALFORMED;
    if (v->serial > c->serial || (v->serial == c->serial && c->phase == BEACON_DEALING))
        return early(ret_later);
    if (v->serial < c->serial || c->phase != BEACON_REVIEWING)
        return judge_late_review(c, r, j);
    if (!find_member(&c->gen, r, j) || !generation_has_shares(&c->gen, j->member))
        return BEACON_NO_MEMBER;
    if (c->reviewed[j->member])
        return BEACON_ALREADY;
    return judge_complaints(&c->gen, c->dealing, j, known_good(c, r->leaf));
}

static enum beacon_code check_values(
    const struct beacon_key *k, const struct seat *s, const struct partials *p) {
    struct point at;
    height_point(k, p->height, &at);
    for (uint16_t i = 0; i < s->tickets; i++)
        if (!partial_check(k, p->height, &at, (uint16_t)(s->first + i), &p->p[i]))
            return BEACON_BAD_PROOF;
    return BEACON_OK;
}

static enum beacon_code judge_partials(const struct beacon_contract *c, const struct exec_record *r,
    bool *ret_later, struct judged *j) {
    const struct partials *p = &j->body.partials;
    if (!partials_decode(r->body, &j->body.partials))
        return BEACON_MALFORMED;
    const struct live_key *k = beacon_find_key(c, p->serial);
    if (k == NULL)
        return p->serial > c->in_force && p->serial >= c->serial ? early(ret_later)
                                                                 : BEACON_TOO_LATE;
    if (!find_member(&k->key.g, r, j))
        return BEACON_NO_MEMBER;
    const struct seat *s = &k->key.g.seat[j->member];
    if (p->n != s->tickets)
        return BEACON_MALFORMED;
    const struct moment *m = beacon_find_moment(c, p->height);
    if (m == NULL)
        return p->height > c->height && p->height % c->params.every == 0 ? early(ret_later)
                                                                         : BEACON_TOO_LATE;
    if (m->state != MOMENT_BOUND || m->serial != p->serial)
        return BEACON_TOO_LATE;
    if (m->value != NULL && !point_is_identity(&m->value[s->first - 1]))
        return BEACON_ALREADY;
    return known_good(c, r->leaf) ? BEACON_OK : check_values(&k->key, s, p);
}

enum beacon_code beacon_judge(const struct beacon_contract *c, const struct exec_record *r,
    bool *ret_later, struct judged *ret_judged) {
    enum beacon_code code = BEACON_UNKNOWN_KIND;
    *ret_later = false;
    if (r->kind == BEACON_REGISTER)
        code = judge_registration(c, r, ret_later, ret_judged);
    else if (r->kind == BEACON_DEAL)
        code = judge_dealing(c, r, ret_later, ret_judged);
    else if (r->kind == BEACON_REVIEW)
        code = judge_review(c, r, ret_later, ret_judged);
    else if (r->kind == BEACON_PARTIAL)
        code = judge_partials(c, r, ret_later, ret_judged);
    if (code == BEACON_OK && !known_good(c, r->leaf))
        remember_good(c, r->leaf);
    return code;
}
