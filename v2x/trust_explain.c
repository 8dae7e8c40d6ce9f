#include "v2x/trust_explain.h"

#include "base/assert.h"
#include "v2x/cert_parts.h"
#include "v2x/ec_curve.h"
#include "v2x/ecqv.h"
#include "v2x/psid.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

/* 2004-01-01 in Unix time, less the five leap seconds since. */
#define TIME32_UNIX (1072915200 - 5)

const char *explain_outcome_text(enum explain_outcome o) {
    switch (o) {
    case EXPLAIN_OK:
        return "ok";
    case EXPLAIN_FAILS:
        return "fails";
    case EXPLAIN_OPEN:
        return "open";
    }
    return "?";
}

void explain_time(uint64_t time32, char dst[static EXPLAIN_TIME]) {
    time_t t = (time_t)time32 + TIME32_UNIX;
    struct tm tm;
    if (gmtime_r(&t, &tm) == NULL || strftime(dst, EXPLAIN_TIME, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        (void)snprintf(dst, EXPLAIN_TIME, "-");
}

static void add(struct explanation *x, struct explain_link *l, const char *rule,
    enum explain_outcome o, const char *fmt, ...) PRINTF_LIKE(5, 6);
static void add(struct explanation *x, struct explain_link *l, const char *rule,
    enum explain_outcome o, const char *fmt, ...) {
    WS_ASSERT(l->n < EXPLAIN_CHECKS);
    struct explain_check *c = &l->check[l->n++];
    c->rule = rule;
    c->outcome = o;
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(c->text, sizeof(c->text), fmt, args);
    va_end(args);
    if (o == EXPLAIN_FAILS || (o == EXPLAIN_OPEN && x->outcome == EXPLAIN_OK))
        x->outcome = o;
}

static enum explain_outcome ok_if(bool good) {
    return good ? EXPLAIN_OK : EXPLAIN_FAILS;
}

static void name_of(const struct cert *c, char dst[static 80]) {
    switch (c->id_kind) {
    case CERT_ID_NAME: {
        size_t n = c->id.n < 79 ? c->id.n : 79;
        for (size_t i = 0; i < n; i++)
            dst[i] = (char)(c->id.p[i] >= 0x20 && c->id.p[i] < 0x7f ? c->id.p[i] : '?');
        dst[n] = '\0';
        break;
    }
    case CERT_ID_BINARY: {
        (void)snprintf(dst, 80, "binary id ");
        hex_encode(dst + 10, c->id.p, c->id.n < 32 ? c->id.n : 32);
        break;
    }
    case CERT_ID_LINKAGE:
        (void)snprintf(dst, 80, "linkage value ");
        hex_encode(dst + 14, c->id.p + 3, 9); /* behind the preamble and the period */
        break;
    case CERT_ID_OTHER:
        (void)snprintf(dst, 80, "a kind of id that is not read");
        break;
    case CERT_ID_NONE:
        (void)snprintf(dst, 80, "no name");
        break;
    }
}

/* An issuer, from the store or from what came along. */
struct above {
    const struct cert *cert;
    bool in_store;
    size_t index; /* in the store */
    uint8_t hash256[32], hash384[48];
    bool has_key;
    enum ec_curve curve;
    struct ec_point point;
    enum cert_family family; /* PLAIN unless in the store */
};

/* above: NULL if there is none. */
static enum cert_family family_of(const struct cert *c, const struct above *above) {
    if (c->issuer_kind == ISSUER_SELF)
        return cert_family_of_root(c);
    return above == NULL ? CERT_FAMILY_PLAIN : above->family;
}

static bool names(const struct cert *c, const uint8_t *hash256, const uint8_t *hash384) {
    if (c->issuer_kind == ISSUER_SHA256)
        return memcmp(c->issuer_id, hash256 + 24, 8) == 0;
    return c->issuer_kind == ISSUER_SHA384 && memcmp(c->issuer_id, hash384 + 40, 8) == 0;
}

static bool find_above(const struct trust_store *t, const struct cert *c, const struct cert *certs,
    size_t n, struct above *ret) {
    *ret = (struct above){0};
    for (size_t i = 0; i < trust_count(t); i++) {
        struct trust_issuer e = trust_issuer_at(t, i);
        if (!names(c, e.hash256, e.hash384))
            continue;
        *ret = (struct above){.cert = e.cert,
            .in_store = true,
            .index = i,
            .has_key = true,
            .curve = e.curve,
            .point = *e.point,
            .family = e.family};
        memcpy(ret->hash256, e.hash256, 32);
        memcpy(ret->hash384, e.hash384, 48);
        return true;
    }
    for (size_t i = 1; i < n; i++) {
        cert_hash256(&certs[i], ret->hash256);
        cert_hash384(&certs[i], ret->hash384);
        if (&certs[i] == c || !names(c, ret->hash256, ret->hash384))
            continue;
        ret->cert = &certs[i];
        ret->has_key = certs[i].type == CERT_EXPLICIT;
        ret->curve = certs[i].key_curve;
        ret->point = certs[i].key;
        return true;
    }
    return false;
}

/* The certificate whose region counts for an issuer of the store; NULL: none restricts. */
static const struct cert *region_above(const struct trust_store *t, const struct above *a) {
    if (!a->in_store || a->cert->region.present)
        return a->cert->region.present ? a->cert : NULL;
    for (size_t i = trust_issuer_at(t, a->index).above; i != TRUST_ROOT;
         i = trust_issuer_at(t, i).above) {
        if (trust_issuer_at(t, i).cert->region.present)
            return trust_issuer_at(t, i).cert;
    }
    return NULL;
}

/* What a certificate is taken for by its looks; the signer of a message has to be a ticket. */
static enum cert_role role_of(const struct cert *c, bool signs) {
    if (!signs && c->issuer_kind == ISSUER_SELF)
        return CERT_ROLE_ROOT;
    return !signs && c->n_issue > 0 ? CERT_ROLE_ISSUER : CERT_ROLE_TICKET;
}

static void explain_profile(struct explanation *x, struct explain_link *l, const struct cert *c,
    enum cert_role role, enum cert_family family) {
    static const char *const word[] = {"a root", "an issuing authority", "a ticket"};
    const char *broken = cert_profile_broken(c, role, family);
    if (c->unsupported != 0)
        add(x, l, "algorithm", EXPLAIN_FAILS, "%s, which is not read",
            cert_unsupported_text(c->unsupported));
    if (broken != NULL)
        add(x, l, "profile", EXPLAIN_FAILS, "%s", broken);
    else
        add(x, l, "profile", EXPLAIN_OK, "%s, %s, by the rules of %s", word[role],
            c->type == CERT_IMPLICIT ? "implicit" : "explicit", cert_family_text(family));
}

static void explain_validity(
    struct explanation *x, struct explain_link *l, const struct cert *c, uint32_t now_s) {
    char from[EXPLAIN_TIME], until[EXPLAIN_TIME], now[EXPLAIN_TIME];
    explain_time(c->valid_from_s, from);
    explain_time(c->valid_until_s, until);
    explain_time(now_s, now);
    if (now_s < c->valid_from_s)
        add(x, l, "time", EXPLAIN_FAILS, "valid from %s, and it is %s", from, now);
    else if (now_s >= c->valid_until_s)
        add(x, l, "time", EXPLAIN_FAILS, "valid until %s, and it is %s", until, now);
    else
        add(x, l, "time", EXPLAIN_OK, "valid from %s until %s, at %s", from, until, now);
}

static void explain_nesting(struct explanation *x, struct explain_link *l, const struct cert *c,
    const struct cert *issuer) {
    char own[EXPLAIN_TIME], its[EXPLAIN_TIME];
    bool early = c->valid_from_s < issuer->valid_from_s;
    bool late = c->valid_until_s > issuer->valid_until_s;
    explain_time(early ? c->valid_from_s : c->valid_until_s, own);
    explain_time(early ? issuer->valid_from_s : issuer->valid_until_s, its);
    add(x, l, "validity", ok_if(!early && !late), "valid %s %s, issuer %s %s",
        early ? "from" : "until", own, early ? "from" : "until", its);
}

static void explain_permissions(struct explanation *x, struct explain_link *l, const struct cert *c,
    const struct cert *issuer) {
    if (cert_permissions_within(c, issuer)) {
        add(x, l, "permissions", EXPLAIN_OK, "the issuer may issue all that is in it");
        return;
    }
    struct coer list = coer_of(c->app_permissions);
    for (size_t i = 0; i < c->n_app; i++) {
        struct psid_ssp entry;
        psid_ssp_read(&list, &entry);
        if (!cert_may_issue(issuer, entry.psid, 1)) {
            add(x, l, "permissions", EXPLAIN_FAILS, "issuer may not issue PSID %llu",
                (unsigned long long)entry.psid);
            return;
        }
        struct cert one = *c;
        one.n_issue = 0;
        struct coer again = coer_of(c->app_permissions);
        struct psid_ssp skipped;
        for (size_t k = 0; k < i; k++)
            psid_ssp_read(&again, &skipped);
        one.app_permissions = span_of(again.p, (size_t)(list.p - again.p));
        one.n_app = 1;
        if (!cert_permissions_within(&one, issuer)) {
            char ssp[65] = "none";
            if (entry.has_ssp)
                hex_encode(ssp, entry.ssp.p, entry.ssp.n < 32 ? entry.ssp.n : 32);
            add(x, l, "permissions", EXPLAIN_FAILS,
                "issuer may issue PSID %llu, but not with SSP %s", (unsigned long long)entry.psid,
                ssp);
            return;
        }
    }
    add(x, l, "permissions", EXPLAIN_FAILS,
        "its right to issue is wider than its issuer's, or its chain longer");
}

static void explain_region(
    struct explanation *x, struct explain_link *l, const struct cert *c, const struct cert *outer) {
    static const char *const kind[] = {
        "circle", "rectangles", "polygon", "countries and their parts"};
    if (outer == NULL)
        add(x, l, "region", EXPLAIN_OK, "nothing above it restricts the region");
    else if (!c->region.present)
        add(x, l, "region", EXPLAIN_OK, "inherits the region above it (%s)",
            kind[outer->region.kind]);
    else
        add(x, l, "region", ok_if(cert_region_inside(c, outer)),
            "its region (%s) is %s the one above (%s)", kind[c->region.kind],
            cert_region_inside(c, outer) ? "inside" : "not inside", kind[outer->region.kind]);
}

static bool signed_by(const struct cert *c, const uint8_t *issuer_hash, bool sha384,
    enum ec_curve curve, const struct ec_point *point) {
    struct verify_item item = {.key = verify_key_new(curve, point)};
    size_t n = 0;
    if (item.key == NULL)
        return false;
    bool good = verify_item_signature(&item, &c->signature);
    if (good) {
        cert_digest(c, issuer_hash, sha384, item.digest, &n);
        item.digest_octets = (uint8_t)n;
        good = verify_one(&item) == VERIFY_GOOD;
    }
    verify_key_unref(item.key);
    return good;
}

/* Signature of an explicit certificate, reconstruction of an implicit one; *key is made where it can be. */
static void explain_proof(struct explanation *x, struct explain_link *l, const struct cert *c,
    const struct above *a, struct verify_key **ret_key) {
    bool sha384 = c->issuer_kind == ISSUER_SHA384;
    const uint8_t *hash = sha384 ? a->hash384 : a->hash256;
    if (!a->has_key) {
        add(x, l, "signature", EXPLAIN_OPEN,
            "the issuer is implicit itself, and its issuer unknown");
        return;
    }
    if (c->type == CERT_IMPLICIT) {
        uint8_t xy[2 * EC_MAX_OCTETS];
        bool good = ecqv_cert_key(c, hash, sha384, a->curve, &a->point, xy);
        add(x, l, "key", ok_if(good),
            good ? "reconstructed with the issuer's key, on %s"
                 : "cannot be reconstructed with the issuer's key, on %s",
            ec_curve_name(a->curve));
        struct ec_point point = {EC_UNCOMPRESSED, span_of(xy, 2 * ec_octets(a->curve))};
        if (good)
            *ret_key = verify_key_new(a->curve, &point);
        return;
    }
    if (c->signature.curve != a->curve)
        add(x, l, "signature", EXPLAIN_FAILS, "made on %s, but the issuer's key is on %s",
            ec_curve_name(c->signature.curve), ec_curve_name(a->curve));
    else {
        bool good = signed_by(c, hash, sha384, a->curve, &a->point);
        add(x, l, "signature", ok_if(good),
            good ? "the issuer's, on %s" : "not of the issuer's key, on %s",
            ec_curve_name(a->curve));
    }
}

static void explain_own_key(struct explanation *x, struct explain_link *l, const struct cert *c,
    struct verify_key **ret_key) {
    if (c->type != CERT_EXPLICIT)
        return;
    *ret_key = trust_unproven_key(c);
    add(x, l, "key", ok_if(*ret_key != NULL), *ret_key != NULL ? "a point of %s" : "no point of %s",
        ec_curve_name(c->key_curve));
}

static void explain_missing(struct explanation *x, struct explain_link *l, const struct cert *c) {
    char id[17];
    hex_encode(id, c->issuer_id, 8);
    if (c->issuer_kind == ISSUER_SM3)
        add(x, l, "issuer", EXPLAIN_FAILS, "issuer %s is named by SM3, which is not read", id);
    else if (c->unsupported != 0)
        add(x, l, "issuer", EXPLAIN_OPEN, "issuer %s is not in the store", id);
    else if (c->type == CERT_IMPLICIT)
        add(x, l, "issuer", EXPLAIN_OPEN,
            "issuer %s is not in the store; without it nobody knows the key", id);
    else
        add(x, l, "issuer", EXPLAIN_OPEN, "issuer %s is not in the store; it signed on %s", id,
            ec_curve_name(c->signature.curve));
}

static bool in_store(const struct trust_store *t, const uint8_t hash[static 32]) {
    for (size_t i = 0; i < trust_count(t); i++) {
        if (memcmp(trust_issuer_at(t, i).hash256, hash, 32) == 0)
            return true;
    }
    return false;
}

static void explain_root(
    struct explanation *x, struct explain_link *l, const struct cert *c, bool known) {
    bool good = signed_by(c, NULL, c->self_hash == CERT_HASH_SHA384, c->key_curve, &c->key);
    add(x, l, "signature", ok_if(good), good ? "its own, on %s" : "not of its own key, on %s",
        ec_curve_name(c->signature.curve));
    add(x, l, "issuer", known ? EXPLAIN_OK : EXPLAIN_OPEN,
        known ? "a root of the store" : "a root that is not in the store: nothing under it counts");
}

/* *ret_key: the signer's, if it can be known; the caller's. */
static void explain_chain(const struct trust_store *t, const struct cert *certs, size_t n,
    uint32_t now_s, bool signs, struct explanation *x, struct verify_key **ret_key) {
    const struct cert *c = &certs[0];
    struct above a = {0};
    for (size_t depth = 0; depth < EXPLAIN_LINKS; depth++) {
        struct explain_link *l = &x->link[x->n_links++];
        struct verify_key *key = NULL;
        cert_hash256(c, l->hash);
        name_of(c, l->name);
        l->in_store = in_store(t, l->hash);
        bool found = c->issuer_kind != ISSUER_SELF && find_above(t, c, certs, n, &a);
        explain_profile(x, l, c, role_of(c, signs && depth == 0), family_of(c, found ? &a : NULL));
        explain_validity(x, l, c, now_s);
        explain_own_key(x, l, c, &key);
        bool more = false;
        if (c->issuer_kind == ISSUER_SELF) {
            explain_root(x, l, c, l->in_store);
        } else if (!found) {
            explain_missing(x, l, c);
        } else {
            char id[17];
            hex_encode(id, c->issuer_id, 8);
            add(x, l, "issuer", EXPLAIN_OK, "issuer %s %s", id,
                a.in_store ? "is in the store" : "came along with it");
            explain_nesting(x, l, c, a.cert);
            explain_permissions(x, l, c, a.cert);
            explain_region(x, l, c, region_above(t, &a));
            explain_proof(x, l, c, &a, &key);
            more = true;
        }
        if (depth == 0)
            *ret_key = key;
        else
            verify_key_unref(key);
        if (!more)
            return;
        c = a.cert;
    }
}

void trust_explain_add(struct explanation *x, size_t link, const char *rule, enum explain_outcome o,
    const char *text) {
    WS_ASSERT(link < x->n_links);
    add(x, &x->link[link], rule, o, "%s", text);
}

void trust_explain(const struct trust_store *t, const struct cert *certs, size_t n, uint32_t now_s,
    struct explanation *ret) {
    WS_ASSERT(n > 0);
    struct verify_key *key = NULL;
    *ret = (struct explanation){.outcome = EXPLAIN_OK};
    explain_chain(t, certs, n, now_s, false, ret, &key);
    verify_key_unref(key);
}

static enum explain_outcome message_signature(
    const struct spdu *m, const struct cert *c, struct verify_key *key) {
    struct verify_item item = {.key = key};
    uint8_t hash[48];
    size_t n;
    if (key == NULL)
        return EXPLAIN_OPEN;
    if (m->unsupported != NULL)
        return EXPLAIN_FAILS;
    if (m->hash_id == 1)
        cert_hash384(c, hash);
    else
        cert_hash256(c, hash);
    if (!verify_item_signature(&item, &m->signature) ||
        !spdu_digest(m, span_of(hash, m->hash_id == 1 ? 48 : 32), item.digest, &n))
        return EXPLAIN_FAILS;
    item.digest_octets = (uint8_t)n;
    return ok_if(verify_one(&item) == VERIFY_GOOD);
}

void trust_explain_message(const struct trust_store *t, const struct spdu *m,
    const struct cert *certs, size_t n, uint32_t now_s, struct explanation *ret) {
    WS_ASSERT(n > 0);
    struct verify_key *key = NULL;
    struct explain_link *l = &ret->message;
    const struct cert *c = &certs[0];
    *ret = (struct explanation){.outcome = EXPLAIN_OK, .has_message = true};
    if (m->has_generation_time)
        now_s = (uint32_t)(m->generation_time / 1000000);
    explain_chain(t, certs, n, now_s, true, ret, &key);
    bool may = cert_app_permission(c, m->psid, NULL, NULL);
    add(ret, l, "permission", ok_if(may), "the ticket %s PSID %llu",
        may ? "permits" : "does not permit", (unsigned long long)m->psid);
    if (m->has_functional_type)
        add(ret, l, "profile", EXPLAIN_FAILS, "pduFunctionalType %u: not for an application",
            m->functional_type);
    add(ret, l, "generationTime", m->has_generation_time ? EXPLAIN_OK : EXPLAIN_FAILS,
        m->has_generation_time ? "present" : "absent");
    if (m->psid == PSID_LEARNING_RECORD && m->has_location) {
        add(ret, l, "place", EXPLAIN_FAILS, "a learning message tells where its vehicle is");
    } else if (m->has_location) {
        bool inside = trust_region_contains(t, c, m->lat, m->lon);
        add(ret, l, "generationLocation", ok_if(inside), "%s the ticket's region",
            inside ? "inside" : "outside");
    }
    enum explain_outcome o = message_signature(m, c, key);
    if (m->unsupported != NULL)
        add(ret, l, "algorithm", EXPLAIN_FAILS, "%s, which is not read", m->unsupported);
    add(ret, l, "signature", o,
        o == EXPLAIN_OPEN ? "no key to check it with" : "%s the ticket's key, on %s",
        o == EXPLAIN_OK ? "fits" : "does not fit", ec_curve_name(m->signature.curve));
    verify_key_unref(key);
}
