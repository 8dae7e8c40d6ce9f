#include "base/bytes.h"
#include "v2x/revocation_parts.h"

#include <stdlib.h>

const char *revocation_kind_text(enum revocation_kind k) {
    switch (k) {
    case REVOCATION_NONE:
        return "not revoked";
    case REVOCATION_HASH:
        return "certificate";
    case REVOCATION_LINKAGE:
        return "linkage value";
    case REVOCATION_GROUP:
        return "group linkage value";
    case REVOCATION_ISSUER:
        return "issuer";
    }
    return "?";
}

struct revocation_set *revocation_ref(struct revocation_set *s) {
    (void)atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void rev_period_unref(struct rev_period *p) {
    if (p == NULL || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1)
        return;
    free(p->slot);
    free(p->groups);
    free(p);
}

void revocation_unref(struct revocation_set *s) {
    if (s == NULL || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < s->n_names; i++)
        free(s->names[i]);
    for (size_t i = 0; i < s->n_periods; i++)
        rev_period_unref(s->period[i]);
    free((void *)s->names);
    free(s->scopes);
    free(s->hashes);
    free(s->issuers);
    free(s->scope_of);
    free(s);
}

static struct revocation_answer answer(
    const struct revocation_set *s, enum revocation_kind kind, uint16_t list) {
    return (struct revocation_answer){kind, s->names[list - 1]};
}

static const struct rev_issuer *issuer_of(
    const struct revocation_set *s, const struct cert *c, const uint8_t *hash) {
    if (hash != NULL) {
        size_t lo = 0;
        size_t hi = s->n_issuers;
        while (lo < hi) {
            size_t mid = lo + (hi - lo) / 2;
            int order = memcmp(s->issuers[mid].hash, hash, 32);
            if (order == 0)
                return &s->issuers[mid];
            if (order < 0)
                lo = mid + 1;
            else
                hi = mid;
        }
        return NULL;
    }
    for (size_t i = 0; i < s->n_issuers && c->issuer_kind == ISSUER_SHA256; i++) {
        if (memcmp(s->issuers[i].hash + 24, c->issuer_id, 8) == 0)
            return &s->issuers[i];
    }
    return NULL;
}

/* Is there a list that speaks about this issuer's certificates of the series? */
static bool in_scope(const struct revocation_set *s, const struct rev_issuer *issuer,
    const struct cert *c, uint16_t scope) {
    if (s->scopes[scope].series != c->crl_series)
        return false;
    for (size_t i = 0; i < issuer->n_scopes; i++) {
        if (issuer->scope[i] == scope)
            return true;
    }
    return false;
}

static uint16_t hash_list(const struct revocation_set *s, const struct rev_issuer *issuer,
    const struct cert *c, const uint8_t *id) {
    if (s->hash_cap == 0)
        return 0;
    for (size_t at = rev_home(id, s->hash_cap); s->hashes[at].list != 0;
         at = at + 1 == s->hash_cap ? 0 : at + 1) {
        const struct rev_hash *h = &s->hashes[at];
        if (memcmp(h->id, id, sizeof(h->id)) == 0 && in_scope(s, issuer, c, h->scope))
            return h->list;
    }
    return 0;
}

static uint16_t value_list(const struct revocation_set *s, const struct rev_issuer *issuer,
    const struct cert *c, const struct rev_period *p, const uint8_t *value) {
    if (p->cap == 0)
        return 0;
    for (size_t at = rev_home(value, p->cap); p->slot[at].list != 0;
         at = at + 1 == p->cap ? 0 : at + 1) {
        const struct rev_value *v = &p->slot[at];
        if (memcmp(v->value, value, LINKAGE_OCTETS) == 0 && in_scope(s, issuer, c, v->scope))
            return v->list;
    }
    return 0;
}

/* A group's values depend on j of the certificate: one out of 2^32, so they are made here and not ahead. */
static uint16_t group_list(const struct revocation_set *s, const struct rev_issuer *issuer,
    const struct cert *c, const struct rev_period *p, const uint8_t *group) {
    uint16_t found = 0;
    struct linkage *l = NULL;
    for (size_t i = 0; i < p->n_groups && found == 0; i++) {
        const struct rev_group *g = &p->groups[i];
        uint8_t value[LINKAGE_OCTETS];
        if (!in_scope(s, issuer, c, g->scope))
            continue;
        if (l == NULL)
            l = linkage_new();
        struct linkage_seeds seeds = {g->la1, g->la2, g->seed1, g->single ? NULL : g->seed2};
        linkage_values(l, &seeds, be32(group), 1, value);
        if (memcmp(value, group + 4, LINKAGE_OCTETS) == 0)
            found = g->list;
    }
    linkage_free(l);
    return found;
}

static struct revocation_answer by_linkage(
    const struct revocation_set *s, const struct rev_issuer *issuer, const struct cert *c) {
    const uint8_t *id = c->id.p; /* preamble, iCert, value, group's j and value */
    uint16_t i = be16(id + 1);
    for (size_t k = 0; k < s->n_periods; k++) {
        const struct rev_period *p = s->period[k];
        if (p->i != i)
            continue;
        uint16_t list = value_list(s, issuer, c, p, id + 3);
        if (list != 0)
            return answer(s, REVOCATION_LINKAGE, list);
        list = (id[0] & 0x80) != 0 ? group_list(s, issuer, c, p, id + 3 + LINKAGE_OCTETS) : 0;
        if (list != 0)
            return answer(s, REVOCATION_GROUP, list);
    }
    return (struct revocation_answer){REVOCATION_NONE, ""};
}

struct revocation_answer revocation_find(const struct revocation_set *s, const struct cert *c,
    const uint8_t hash[static 32], const uint8_t *issuer_hash) {
    const struct rev_issuer *issuer = issuer_of(s, c, issuer_hash);
    if (issuer == NULL)
        return (struct revocation_answer){REVOCATION_NONE, ""};
    if (issuer->revoked != 0)
        return answer(s, REVOCATION_ISSUER, issuer->revoked);
    uint16_t list = hash_list(s, issuer, c, hash + 22);
    if (list == 0 && ec_octets(c->key_curve) == 48) {
        uint8_t hash384[48];
        cert_hash384(c, hash384);
        list = hash_list(s, issuer, c, hash384 + 38);
    }
    if (list != 0)
        return answer(s, REVOCATION_HASH, list);
    if (c->id_kind == CERT_ID_LINKAGE)
        return by_linkage(s, issuer, c);
    return (struct revocation_answer){REVOCATION_NONE, ""};
}

size_t revocation_values(const struct revocation_set *s) {
    size_t n = 0;
    for (size_t i = 0; i < s->n_periods; i++)
        n += s->period[i]->n;
    return n;
}

size_t revocation_octets(const struct revocation_set *s) {
    size_t n = s->hash_cap * sizeof(*s->hashes) + s->n_issuers * sizeof(*s->issuers);
    for (size_t i = 0; i < s->n_periods; i++)
        n += s->period[i]->cap * sizeof(struct rev_value) +
             s->period[i]->n_groups * sizeof(struct rev_group);
    return n;
}
