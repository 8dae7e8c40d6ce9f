#include "v2x/trust.h"

#include "base/assert.h"
#include "base/mem.h"
#include "v2x/ecqv.h"

#include <stdlib.h>

/* What a certificate's holder signs with: the key in it, or the one that it and its issuer make together. */
struct public_key {
    enum ec_curve curve;
    struct ec_point point; /* into the certificate, or xy */
    uint8_t xy[2 * EC_MAX_OCTETS];
};

struct issuer {
    uint8_t *octets; /* what cert points into */
    struct cert cert;
    struct public_key public;
    uint8_t hash256[32];
    uint8_t hash384[48];
    struct verify_key *key;
    /* The certificate whose region counts for this one: itself, or the next one above that has a region
     * (6.4.8). In the store; NO_REGION if there is none up to the root. */
    size_t region_from;
    size_t above; /* TRUST_ROOT or index */
    enum cert_family family;
};
#define NO_REGION SIZE_MAX

struct trust_store {
    size_t max;
    size_t n;
    struct issuer *issuers;
};

const char *trust_verdict_text(enum trust_verdict v) {
    static const char *const text[] = {
#define X(id, t) t,
        TRUST_VERDICTS(X)
#undef X
    };
    WS_ASSERT((size_t)v < ARRAY_LEN(text));
    return text[v];
}

struct trust_store *trust_store_new(size_t max_issuers) {
    struct trust_store *t = ws_alloc(sizeof(*t));
    t->max = max_issuers;
    t->issuers = ws_calloc(max_issuers, sizeof(*t->issuers));
    return t;
}

void trust_store_free(struct trust_store *t) {
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->n; i++) {
        verify_key_unref(t->issuers[i].key);
        free(t->issuers[i].octets);
    }
    free(t->issuers);
    free(t);
}

size_t trust_count(const struct trust_store *t) {
    return t->n;
}

struct trust_issuer trust_issuer_at(const struct trust_store *t, size_t i) {
    WS_ASSERT(i < t->n);
    const struct issuer *e = &t->issuers[i];
    return (struct trust_issuer){
        .cert = &e->cert,
        .hash256 = e->hash256,
        .hash384 = e->hash384,
        .key = e->key,
        .curve = e->public.curve,
        .point = &e->public.point,
        .above = e->above,
        .family = e->family,
    };
}

static bool known(const struct trust_store *t, const uint8_t hash256[static 32]) {
    for (size_t i = 0; i < t->n; i++) {
        if (memcmp(t->issuers[i].hash256, hash256, 32) == 0)
            return true;
    }
    return false;
}

static void public_key_explicit(const struct cert *c, struct public_key *ret_public) {
    ret_public->curve = c->key_curve;
    ret_public->point = c->key;
}

static bool public_key_implicit(
    const struct cert *c, const struct issuer *e, struct public_key *ret_public) {
    bool sha384 = c->issuer_kind == ISSUER_SHA384;
    ret_public->curve = e->public.curve;
    ret_public->point = (struct ec_point){
        EC_UNCOMPRESSED, span_of(ret_public->xy, 2 * ec_octets(ret_public->curve))};
    return ecqv_cert_key(c, sha384 ? e->hash384 : e->hash256, sha384, e->public.curve,
        &e->public.point, ret_public->xy);
}

/* Takes the reference to key, which is that of `source` (NULL: the one in c). issuer: the one above, NULL for a root. */
static void keep(struct trust_store *t, const struct cert *c,
    const struct verify_key_source *source, struct verify_key *key, const struct issuer *issuer) {
    WS_ASSERT(t->issuers != NULL && t->n < t->max);
    struct issuer *e = &t->issuers[t->n];
    e->above = issuer == NULL ? TRUST_ROOT : (size_t)(issuer - t->issuers);
    e->family = issuer == NULL ? cert_family_of_root(c) : issuer->family;
    e->region_from = issuer == NULL ? NO_REGION : issuer->region_from;
    if (c->region.present)
        e->region_from = t->n;
    t->n++;
    size_t at;
    e->octets = ws_memdup(c->all.p, c->all.n);
    WS_ASSERT(cert_parse(span_of(e->octets, c->all.n), &e->cert, &at) == COER_OK);
    cert_hash256(&e->cert, e->hash256);
    cert_hash384(&e->cert, e->hash384);
    if (c->type == CERT_EXPLICIT) {
        public_key_explicit(&e->cert, &e->public);
    } else {
        memcpy(e->public.xy, source->point.octets.p, source->point.octets.n);
        e->public.curve = source->curve;
        e->public.point =
            (struct ec_point){source->point.form, span_of(e->public.xy, source->point.octets.n)};
    }
    e->key = key;
}

/* The question whether `key` signed c; false: they are of different curves. */
static bool signature_item(const struct cert *c, const uint8_t *issuer_hash, bool sha384,
    struct verify_key *key, struct verify_item *ret_item) {
    size_t n;
    *ret_item = (struct verify_item){.key = key};
    if (!verify_item_signature(ret_item, &c->signature))
        return false;
    cert_digest(c, issuer_hash, sha384, ret_item->digest, &n);
    ret_item->digest_octets = (uint8_t)n;
    return true;
}

static enum trust_verdict root_verdict(const struct cert *c, struct verify_key **ret_key) {
    if (c->unsupported != 0)
        return TRUST_ALGORITHM;
    if (cert_profile_broken(c, CERT_ROLE_ROOT, cert_family_of_root(c)) != NULL)
        return TRUST_PROFILE;
    struct verify_key *key = verify_key_new(c->key_curve, &c->key);
    if (key == NULL)
        return TRUST_BAD_KEY;
    struct verify_item item;
    enum trust_verdict v = TRUST_CURVE_MISMATCH;
    if (signature_item(c, NULL, c->self_hash == CERT_HASH_SHA384, key, &item))
        v = verify_one(&item) == VERIFY_GOOD ? TRUST_OK : TRUST_BAD_SIGNATURE;
    if (v != TRUST_OK) {
        verify_key_unref(key);
        return v;
    }
    *ret_key = key;
    return TRUST_OK;
}

int trust_add_root(struct trust_store *t, struct span cert, struct ws_err *err) {
    struct cert c;
    size_t at;
    enum coer_fail f = cert_parse(cert, &c, &at);
    if (f != COER_OK)
        return ws_fail(err, WS_EINPUT, "root certificate: octet %zu: %s", at, coer_fail_text(f));
    uint8_t hash[32];
    char id[17];
    cert_hash256(&c, hash);
    hex_encode(id, hash + 24, 8);
    if (known(t, hash))
        return WS_OK;
    if (t->n == t->max)
        return ws_fail(
            err, WS_ELIMIT, "root certificate %s: the store holds %zu issuers already", id, t->max);
    struct verify_key *key = NULL;
    switch (root_verdict(&c, &key)) {
    case TRUST_OK:
        keep(t, &c, NULL, key, NULL);
        return WS_OK;
    case TRUST_PROFILE:
        return ws_fail(err, WS_EINPUT, "root certificate %s: %s", id,
            cert_profile_broken(&c, CERT_ROLE_ROOT, cert_family_of_root(&c)));
    case TRUST_ALGORITHM:
        return ws_fail(err, WS_EINPUT, "root certificate %s: %s, which is not read", id,
            cert_unsupported_text(c.unsupported));
    case TRUST_BAD_KEY:
        return ws_fail(err, WS_EINPUT, "root certificate %s: its key is no point of the curve", id);
    case TRUST_CURVE_MISMATCH:
        return ws_fail(
            err, WS_EINPUT, "root certificate %s: signature and key are of different curves", id);
    default:
        return ws_fail(err, WS_EINPUT, "root certificate %s: its self-signature is wrong", id);
    }
}

/* HashedId8 of the issuer under the hash that the certificate names. */
static bool is_issuer_of(const struct issuer *e, const struct cert *c) {
    switch (c->issuer_kind) {
    case ISSUER_SHA256:
        return memcmp(e->hash256 + 24, c->issuer_id, 8) == 0;
    case ISSUER_SHA384:
        return memcmp(e->hash384 + 40, c->issuer_id, 8) == 0;
    case ISSUER_SELF:
    case ISSUER_SM3:
        return false;
    }
    return false;
}

static void set_key(struct trust_check *k, enum ec_curve curve, const struct ec_point *point) {
    k->curve = curve;
    k->form = point->form;
    if (point->octets.n > 0)
        memcpy(k->octets, point->octets.p, point->octets.n);
}

/* All rules but the signature itself; TRUST_OK: it is left open, or there is none (implicit: the key is reconstructed, not yet
 * known to be on its curve). */
static enum trust_verdict verdict_under(const struct trust_store *t, const struct cert *c,
    const struct issuer *e, struct trust_check *k) {
    enum cert_role role = c->n_issue > 0 ? CERT_ROLE_ISSUER : CERT_ROLE_TICKET;
    if (cert_profile_broken(c, role, e->family) != NULL)
        return TRUST_PROFILE;
    if (c->valid_from_s < e->cert.valid_from_s || c->valid_until_s > e->cert.valid_until_s)
        return TRUST_VALIDITY_OUTSIDE;
    if (!cert_permissions_within(c, &e->cert))
        return TRUST_PERMISSION;
    if (e->region_from != NO_REGION && !cert_region_inside(c, &t->issuers[e->region_from].cert))
        return TRUST_REGION;
    if (c->type == CERT_IMPLICIT) {
        struct public_key public;
        if (ec_octets(e->public.curve) != 32)
            return TRUST_CURVE_MISMATCH;
        if (!public_key_implicit(c, e, &public))
            return TRUST_BAD_KEY;
        set_key(k, public.curve, &public.point);
        return TRUST_OK;
    }
    bool sha384 = c->issuer_kind == ISSUER_SHA384;
    uint64_t tag = k->item.tag;
    if (!signature_item(c, sha384 ? e->hash384 : e->hash256, sha384, e->key, &k->item))
        return TRUST_CURVE_MISMATCH;
    k->item.tag = tag;
    set_key(k, c->key_curve, &c->key);
    k->open = true;
    return TRUST_OK;
}

static const struct issuer *first_issuer(const struct trust_store *t, const struct cert *c) {
    for (size_t i = 0; i < t->n; i++) {
        if (is_issuer_of(&t->issuers[i], c))
            return &t->issuers[i];
    }
    return NULL;
}

/* Goes on to the next issuer, from k->at on, that the rules allow. None: the verdict is that of the first. */
static void next_issuer(const struct trust_store *t, const struct cert *c, struct trust_check *k) {
    for (; k->at < t->n; k->at++) {
        const struct issuer *e = &t->issuers[k->at];
        if (!is_issuer_of(e, c))
            continue;
        enum trust_verdict v = verdict_under(t, c, e, k);
        if (k->at == k->first)
            k->first_verdict = v;
        if (v != TRUST_OK)
            continue;
        k->result.verdict = TRUST_OK;
        memcpy(k->result.issuer_hash, e->hash256, sizeof(e->hash256));
        return;
    }
    k->result.verdict = k->first_verdict;
    memcpy(k->result.issuer_hash, t->issuers[k->first].hash256, 32);
}

/* The chain alone. */
static void chain_begin(const struct trust_store *t, const struct cert *c, struct trust_check *k) {
    const struct issuer *first = first_issuer(t, c);
    if (first == NULL) {
        k->result.verdict = TRUST_UNKNOWN_ISSUER;
        return;
    }
    k->at = k->first = (size_t)(first - t->issuers);
    next_issuer(t, c, k);
}

void trust_check_answer(const struct trust_store *t, const struct cert *c,
    struct trust_check *check, enum verify_answer_kind answer) {
    WS_ASSERT(check->open);
    check->open = false;
    if (answer == VERIFY_GOOD) {
        check->result.proven = true;
        return;
    }
    if (check->at == check->first)
        check->first_verdict = TRUST_BAD_SIGNATURE;
    check->at++;
    next_issuer(t, c, check);
}

/* To the end, one signature after the other. */
static void chain_end(const struct trust_store *t, const struct cert *c, struct trust_check *k) {
    while (k->open)
        trust_check_answer(t, c, k, verify_one(&k->item));
}

struct verify_key_source trust_check_key(const struct trust_check *check) {
    WS_ASSERT(check->result.verdict == TRUST_OK);
    size_t n = ec_octets(check->curve);
    return (struct verify_key_source){.curve = check->curve,
        .point = {check->form, span_of(check->octets, check->form == EC_UNCOMPRESSED ? 2 * n : n)},
        .unproven = check->open};
}

/* The chain of an issuing certificate; TRUST_OK: *ret_check has its key. */
static enum trust_verdict issuer_verdict(
    const struct trust_store *t, const struct cert *c, struct trust_check *ret_check) {
    if (c->unsupported != 0)
        return TRUST_ALGORITHM;
    if (cert_profile_broken(c, CERT_ROLE_ISSUER, CERT_FAMILY_PLAIN) != NULL)
        return TRUST_PROFILE;
    *ret_check = (struct trust_check){0};
    chain_begin(t, c, ret_check);
    chain_end(t, c, ret_check);
    return ret_check->result.verdict;
}

enum trust_verdict trust_issuer_verdict(const struct trust_store *t, struct span cert) {
    struct cert c;
    size_t at;
    uint8_t hash[32];
    struct trust_check k;
    if (cert_parse(cert, &c, &at) != COER_OK)
        return TRUST_MALFORMED;
    cert_hash256(&c, hash);
    return known(t, hash) ? TRUST_OK : issuer_verdict(t, &c, &k);
}

enum trust_verdict trust_add_issuer(struct trust_store *t, struct span cert) {
    struct cert c;
    size_t at;
    struct trust_check k;
    if (cert_parse(cert, &c, &at) != COER_OK)
        return TRUST_MALFORMED;
    uint8_t hash[32];
    cert_hash256(&c, hash);
    if (known(t, hash))
        return TRUST_OK;
    if (t->n == t->max && c.unsupported == 0 &&
        cert_profile_broken(&c, CERT_ROLE_ISSUER, CERT_FAMILY_PLAIN) == NULL)
        return TRUST_STORE_FULL;
    enum trust_verdict v = issuer_verdict(t, &c, &k);
    if (v != TRUST_OK)
        return v;
    struct verify_key_source source = trust_check_key(&k);
    struct verify_key *key = verify_key_new(source.curve, &source.point);
    if (key == NULL)
        return TRUST_BAD_KEY;
    keep(t, &c, &source, key, &t->issuers[k.at]);
    return TRUST_OK;
}

void trust_check_begin(
    const struct trust_store *t, const struct cert *c, uint32_t now_s, struct trust_check *ret) {
    memset(ret, 0, sizeof(*ret));
    struct trust_result *result = &ret->result;
    cert_hash256(c, result->hash);
    if (c->unsupported != 0) {
        result->verdict = TRUST_ALGORITHM;
        return;
    }
    if (cert_profile_broken(c, CERT_ROLE_TICKET, CERT_FAMILY_PLAIN) != NULL) {
        result->verdict = TRUST_PROFILE;
        return;
    }
    const struct issuer *first = first_issuer(t, c);
    if (first != NULL && (now_s < c->valid_from_s || now_s >= c->valid_until_s)) {
        memcpy(result->issuer_hash, first->hash256, sizeof(result->issuer_hash));
        result->verdict = now_s < c->valid_from_s ? TRUST_NOT_YET_VALID : TRUST_EXPIRED;
        return;
    }
    chain_begin(t, c, ret);
}

struct trust_result trust_check(const struct trust_store *t, const struct cert *c, uint32_t now_s) {
    struct trust_check k;
    trust_check_begin(t, c, now_s, &k);
    chain_end(t, c, &k);
    if (k.result.verdict != TRUST_OK)
        return k.result;
    struct verify_key_source source = trust_check_key(&k);
    verify_keys_new(&source, 1, &k.result.key);
    if (k.result.key == NULL) {
        k.result.verdict = TRUST_BAD_KEY;
        k.result.proven = false;
    }
    return k.result;
}

bool trust_region_contains(
    const struct trust_store *t, const struct cert *c, int32_t lat, int32_t lon) {
    if (c->region.present)
        return cert_region_contains(c, lat, lon);
    for (size_t i = 0; i < t->n; i++) {
        const struct issuer *e = &t->issuers[i];
        if (is_issuer_of(e, c) && e->region_from != NO_REGION &&
            !cert_region_contains(&t->issuers[e->region_from].cert, lat, lon))
            return false;
    }
    return true;
}

const struct cert *trust_region_from(
    const struct trust_store *t, const struct cert *c, const uint8_t issuer_hash[static 32]) {
    if (c->region.present)
        return c;
    for (size_t i = 0; i < t->n; i++) {
        const struct issuer *e = &t->issuers[i];
        if (memcmp(e->hash256, issuer_hash, 32) == 0)
            return e->region_from == NO_REGION ? NULL : &t->issuers[e->region_from].cert;
    }
    return NULL;
}

struct verify_key *trust_unproven_key(const struct cert *c) {
    if (c->type != CERT_EXPLICIT)
        return NULL;
    return verify_key_new_unproven(c->key_curve, &c->key);
}
