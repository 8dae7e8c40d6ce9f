#include "v2x/lists.h"

#include "v2x/psid.h"

enum {
    ETSI_CRL_CHOICE = 4,
    ETSI_ECTL_CHOICE = 5,
    ETSI_CTL_CHOICE = 6,
};

const char *list_kind_text(enum list_kind k) {
    switch (k) {
    case LIST_CRL:
        return "1609.2 CRL";
    case LIST_ETSI_CRL:
        return "ETSI CRL";
    case LIST_RCA_CTL:
        return "ETSI CTL";
    case LIST_ECTL:
        return "ETSI ECTL";
    }
    return "?";
}

const char *list_verdict_text(enum list_verdict v) {
    switch (v) {
    case LIST_OK:
        return "ok";
    case LIST_SIGNER_UNKNOWN:
        return "its signer is not known here";
    case LIST_SIGNER_INVALID:
        return "its signer's certificate does not chain to a root, or was not valid when the list "
               "was "
               "issued";
    case LIST_BAD_SIGNATURE:
        return "its signature is wrong";
    case LIST_NO_PERMISSION:
        return "its signer may not sign such a list";
    case LIST_WRONG_AUTHORITY:
        return "its signer is not of the authority that the list names";
    case LIST_NOT_YET:
        return "it is issued in the future";
    case LIST_ALGORITHM:
        return "it is signed with SM2 or SM3, which are not read";
    case LIST_OUTDATED:
        return "its next update is overdue";
    }
    return "?";
}

bool list_is_delta(const struct signed_list *l) {
    switch (l->kind) {
    case LIST_CRL:
        return crl_is_delta(&l->crl);
    case LIST_ETSI_CRL:
        return false;
    case LIST_RCA_CTL:
    case LIST_ECTL:
        return !l->ctl.full;
    }
    return false;
}

uint32_t list_sequence(const struct signed_list *l) {
    switch (l->kind) {
    case LIST_CRL:
        return l->crl.serial;
    case LIST_ETSI_CRL:
        return l->etsi.this_update_s;
    case LIST_RCA_CTL:
    case LIST_ECTL:
        return l->ctl.sequence;
    }
    return 0;
}

/* ---- reading ---- */

static int malformed(size_t at, enum coer_fail f, struct ws_err *err) {
    return ws_fail(err, WS_EINPUT, "no list: octet %zu: %s", at, coer_fail_text(f));
}

static bool is_etsi(uint64_t psid) {
    return psid == PSID_ETSI_CRL || psid == PSID_ETSI_CTL || psid == 623;
}

/* Behind the envelope. at: of the payload in the file. */
static int content_read(struct signed_list *l, size_t at, struct ws_err *err) {
    struct coer c = coer_of(l->spdu.payload);
    if (!is_etsi(l->spdu.psid)) {
        l->kind = LIST_CRL;
        return crl_read(&c, &l->crl) ? WS_OK : malformed(at + c.fail_at, c.fail, err);
    }
    bool ok = true; /* failures are in the cursor */
    size_t version_at = coer_at(&c);
    if (coer_u8(&c) != 1)
        coer_set_fail_at(&c, version_at, COER_VALUE);
    size_t choice_at = coer_at(&c);
    switch (coer_choice(&c)) {
    case ETSI_CRL_CHOICE:
        l->kind = LIST_ETSI_CRL;
        ok = etsi_crl_read(&c, &l->etsi);
        break;
    case ETSI_ECTL_CHOICE:
    case ETSI_CTL_CHOICE:
        l->kind =
            l->spdu.payload.p[choice_at] == 0x80 + ETSI_ECTL_CHOICE ? LIST_ECTL : LIST_RCA_CTL;
        ok = ctl_read(&c, &l->ctl);
        break;
    default:
        coer_set_fail_at(&c, choice_at, COER_CHOICE);
    }
    return ok && c.fail == COER_OK ? WS_OK : malformed(at + c.fail_at, c.fail, err);
}

static int one_read(
    struct span file, size_t at, struct signed_list *ret, size_t *ret_end, struct ws_err *err) {
    size_t fail_at;
    ret->at = at;
    enum coer_fail f = spdu_parse_list(span_of(file.p + at, file.n - at), &ret->spdu, &fail_at);
    if (f != COER_OK)
        return malformed(at + fail_at, f, err);
    if (ret->spdu.content != SPDU_SIGNED || ret->spdu.payload.n == 0)
        return ws_fail(err, WS_EINPUT, "no list: octet %zu: not signed, or without content", at);
    *ret_end = at + ret->spdu.all.n;
    return content_read(ret, (size_t)(ret->spdu.payload.p - file.p), err);
}

int lists_read(struct span file, struct signed_list *ret_lists, size_t *ret_n, struct ws_err *err) {
    size_t end = 0;
    *ret_n = 0;
    if (file.n > 0 && file.p[0] == 3) {
        int rc = one_read(file, 0, &ret_lists[0], &end, err);
        if (rc == WS_OK && end != file.n)
            return malformed(end, COER_TRAILING, err);
        *ret_n = rc == WS_OK;
        return rc;
    }
    struct coer c = coer_of(file);
    if (coer_preamble(&c, 0x7f) != 0)
        coer_set_fail_at(&c, 0, COER_PREAMBLE);
    size_t n = coer_count(&c, LISTS_IN_FILE);
    if (c.fail != COER_OK)
        return malformed(c.fail_at, c.fail, err);
    end = coer_at(&c);
    for (size_t i = 0; i < n; i++) {
        int rc = one_read(file, end, &ret_lists[i], &end, err);
        if (rc != WS_OK)
            return rc;
    }
    /* Ballots about roots and electors follow: their voters are not known here, so only empty ones are read. */
    c.p = file.p + end;
    size_t roots = coer_count(&c, 0);
    size_t electors = coer_count(&c, 0);
    if (roots != 0 || electors != 0 || c.fail != COER_OK)
        return ws_fail(err, WS_ENOTSUP, "octet %zu: ballots of electors are not read", c.fail_at);
    if (c.p != c.end)
        return malformed(coer_at(&c), COER_TRAILING, err);
    *ret_n = n;
    return WS_OK;
}

/* ---- signer ---- */

struct signer {
    const struct cert *cert;
    uint8_t hash[32], hash384[48];
    uint8_t issuer[32]; /* of a certificate that is no issuer itself */
    struct verify_key *key; /* a reference */
    bool manager; /* self-signed and not in the store */
};

static bool names(const struct spdu *m, const uint8_t *hash256, const uint8_t *hash384) {
    return memcmp(m->digest, m->hash_id == 1 ? hash384 + 40 : hash256 + 24, 8) == 0;
}

/* A root's or other authority's own certificate. */
static bool from_store(const struct signed_list *l, const struct list_trust *t, struct signer *s) {
    uint8_t hash[32];
    bool whole = l->spdu.signer == SIGNER_CERTIFICATE;
    if (whole)
        cert_hash256(&l->spdu.cert, hash);
    for (size_t i = 0; i < trust_count(t->store); i++) {
        struct trust_issuer e = trust_issuer_at(t->store, i);
        if (whole ? memcmp(e.hash256, hash, 32) != 0 : !names(&l->spdu, e.hash256, e.hash384))
            continue;
        s->cert = e.cert;
        memcpy(s->hash, e.hash256, 32);
        memcpy(s->hash384, e.hash384, 48);
        if (e.above != TRUST_ROOT)
            memcpy(s->issuer, trust_issuer_at(t->store, e.above).hash256, 32);
        s->key = verify_key_ref(e.key);
        return true;
    }
    return false;
}

/* A trust list manager is believed because the operator named it; its own signature only shows that it is whole. */
static struct verify_key *manager_key(const struct cert *c) {
    struct verify_key *key = verify_key_new(c->key_curve, &c->key);
    struct verify_item item = {.key = key};
    size_t n = 0;
    bool ok = key != NULL && c->has_signature && verify_item_signature(&item, &c->signature);
    if (ok) {
        cert_digest(c, NULL, c->self_hash == CERT_HASH_SHA384, item.digest, &n);
        item.digest_octets = (uint8_t)n;
        ok = verify_one(&item) == VERIFY_GOOD;
    }
    if (ok)
        return key;
    verify_key_unref(key);
    return NULL;
}

static enum list_verdict judge_signer(
    const struct cert *c, const struct list_trust *t, uint32_t issued_s, struct signer *s) {
    s->cert = c;
    cert_hash256(c, s->hash);
    cert_hash384(c, s->hash384);
    if (c->issuer_kind == ISSUER_SELF) {
        s->manager = true;
        s->key = manager_key(c);
        return s->key != NULL ? LIST_OK : LIST_SIGNER_INVALID;
    }
    struct trust_result r = trust_check(t->store, c, issued_s);
    memcpy(s->issuer, r.issuer_hash, 32);
    s->key = r.key;
    if (r.verdict == TRUST_UNKNOWN_ISSUER)
        return LIST_SIGNER_UNKNOWN;
    return r.verdict == TRUST_OK ? LIST_OK : LIST_SIGNER_INVALID;
}

static enum list_verdict find_signer(
    const struct signed_list *l, const struct list_trust *t, uint32_t issued_s, struct signer *s) {
    uint8_t shown[32] = {0};
    if (l->spdu.signer == SIGNER_SELF)
        return LIST_SIGNER_UNKNOWN;
    if (from_store(l, t, s))
        return LIST_OK;
    bool whole = l->spdu.signer == SIGNER_CERTIFICATE;
    if (whole)
        cert_hash256(&l->spdu.cert, shown);
    for (size_t i = 0; i < t->n_others; i++) {
        uint8_t hash[32], hash384[48];
        cert_hash256(&t->others[i], hash);
        cert_hash384(&t->others[i], hash384);
        if (whole ? memcmp(hash, shown, 32) == 0 : names(&l->spdu, hash, hash384))
            return judge_signer(&t->others[i], t, issued_s, s);
    }
    /* A self-signed certificate that the operator did not name proves nothing. */
    if (!whole || l->spdu.cert.issuer_kind == ISSUER_SELF)
        return LIST_SIGNER_UNKNOWN;
    return judge_signer(&l->spdu.cert, t, issued_s, s);
}

static bool signature_good(const struct signed_list *l, const struct signer *s) {
    struct verify_item item = {.key = s->key};
    size_t n = 0;
    struct span hash = l->spdu.hash_id == 1 ? span_of(s->hash384, 48) : span_of(s->hash, 32);
    if (!spdu_digest(&l->spdu, hash, item.digest, &n) ||
        !verify_item_signature(&item, &l->spdu.signature))
        return false;
    item.digest_octets = (uint8_t)n;
    return verify_one(&item) == VERIFY_GOOD;
}

/* ---- rights ---- */

/* Deployed SCMS lists carry PSID 35 in their header, the standard's is 256; the signer's rights are always under that.
 * CrlSsp: preamble, version 1, is the CRACA or its issuer is, series that may be signed. */
static enum list_verdict crl_rights(
    const struct signed_list *l, const struct signer *s, uint8_t *ret_authority) {
    struct span ssp = {NULL, 0};
    bool bitmap;
    if ((l->spdu.psid != PSID_CRL && l->spdu.psid != PSID_SECURITY_MGMT) ||
        !cert_app_permission(s->cert, l->spdu.psid, &ssp, &bitmap) ||
        !cert_app_permission(s->cert, PSID_CRL, &ssp, &bitmap) || bitmap)
        return LIST_NO_PERMISSION;
    struct coer c = coer_of(ssp);
    (void)coer_preamble(&c, 0x7f);
    bool known = coer_u8(&c) == 1;
    uint8_t craca = coer_u8(&c);
    size_t n = coer_count(&c, 4096);
    bool permitted = false;
    for (size_t i = 0; i < n && c.fail == COER_OK; i++)
        permitted |= coer_u16(&c) == l->crl.series;
    if (c.fail != COER_OK || !known || craca > 1 || !permitted)
        return LIST_NO_PERMISSION;
    memcpy(ret_authority, craca == 0 ? s->hash : s->issuer, 32);
    /* Deployed lists of a delegate name the delegate itself. */
    bool named = memcmp(l->crl.craca, ret_authority + 24, 8) == 0 ||
                 memcmp(l->crl.craca, s->hash + 24, 8) == 0 ||
                 memcmp(l->crl.craca, s->hash384 + 40, 8) == 0;
    return named ? LIST_OK : LIST_WRONG_AUTHORITY;
}

static enum list_verdict etsi_rights(
    const struct signed_list *l, const struct signer *s, uint8_t *ret_authority) {
    struct span ssp = {NULL, 0};
    bool bitmap;
    bool crl = l->kind == LIST_ETSI_CRL;
    uint64_t psid = crl ? PSID_ETSI_CRL : PSID_ETSI_CTL;
    if (l->spdu.psid != psid || !cert_app_permission(s->cert, psid, &ssp, &bitmap) ||
        ssp.n < (crl ? 1U : 2U) || ssp.p[0] != 1)
        return LIST_NO_PERMISSION;
    if (!crl && (l->ctl.kinds & ~ssp.p[1]) != 0)
        return LIST_NO_PERMISSION;
    /* Roots speak about what is under them, a manager about roots; neither may do the other's work. */
    const uint8_t above = ctl_permission_bit(CTL_ROOT) | ctl_permission_bit(CTL_TLM);
    const uint8_t below = ctl_permission_bit(CTL_EA) | ctl_permission_bit(CTL_AA);
    if (s->cert->issuer_kind != ISSUER_SELF || s->manager != (l->kind == LIST_ECTL) ||
        (!crl && (l->ctl.kinds & (l->kind == LIST_ECTL ? below : above)) != 0))
        return LIST_WRONG_AUTHORITY;
    memcpy(ret_authority, s->hash, 32);
    return LIST_OK;
}

enum list_verdict list_check(
    const struct signed_list *l, const struct list_trust *t, uint8_t ret_authority[static 32]) {
    struct signer s = {0};
    uint32_t issued_s = list_facts(l).issued_s;
    bool trust_list = l->kind == LIST_RCA_CTL || l->kind == LIST_ECTL;
    if (trust_list && !l->spdu.has_generation_time)
        issued_s = t->now_s;
    if (l->spdu.unsupported != NULL)
        return LIST_ALGORITHM;
    if (issued_s > t->now_s && issued_s - t->now_s > t->ahead_s)
        return LIST_NOT_YET;
    enum list_verdict v = find_signer(l, t, issued_s, &s);
    if (v == LIST_OK && (issued_s < s.cert->valid_from_s || issued_s >= s.cert->valid_until_s))
        v = LIST_SIGNER_INVALID;
    if (v == LIST_OK)
        v = l->kind == LIST_CRL ? crl_rights(l, &s, ret_authority)
                                : etsi_rights(l, &s, ret_authority);
    if (v == LIST_OK && !signature_good(l, &s))
        v = LIST_BAD_SIGNATURE;
    if (v == LIST_OK && trust_list && l->ctl.next_update_s < t->now_s)
        v = LIST_OUTDATED;
    verify_key_unref(s.key);
    return v;
}
