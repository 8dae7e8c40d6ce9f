#include "v2x/cert_profile.h"

#include "base/assert.h"
#include "v2x/cert_parts.h"
#include "v2x/psid.h"

/* SecurityMgmtPsidSsp is a CHOICE of roles, elector 0, root 1. */
enum { ROLE_ROOT = 0x81 };

const char *cert_family_text(enum cert_family f) {
    static const char *const text[] = {"IEEE 1609.2", "ETSI", "SCMS"};
    WS_ASSERT((size_t)f < ARRAY_LEN(text));
    return text[f];
}

/* The role that a certificate claims in an SCMS: the first octet of its SSP under PSID 35; 0: none. */
static uint8_t scms_role(const struct cert *c) {
    struct span ssp = {NULL, 0};
    bool bitmap = false;
    bool has = cert_app_permission(c, PSID_SECURITY_MGMT, &ssp, &bitmap);
    return has && !bitmap && ssp.n > 0 ? ssp.p[0] : 0;
}

enum cert_family cert_family_of_root(const struct cert *root) {
    bool etsi = cert_app_permission(root, PSID_ETSI_CRL, NULL, NULL) ||
                cert_app_permission(root, PSID_ETSI_CTL, NULL, NULL);
    bool scms = scms_role(root) == ROLE_ROOT;
    if (etsi == scms || (etsi && cert_app_permission(root, PSID_CRL, NULL, NULL)))
        return CERT_FAMILY_PLAIN;
    return etsi ? CERT_FAMILY_ETSI : CERT_FAMILY_SCMS;
}

/* 6.4.28: the right to issue at chain length 0 makes a certificate invalid. */
static bool issues_at_no_length(const struct cert *c) {
    struct coer list = coer_of(c->issue_permissions);
    for (size_t i = 0; i < c->n_issue; i++) {
        struct issue_group g;
        issue_group_read(&list, &g);
        if (g.min_chain < 1)
            return true;
    }
    return false;
}

/* IEEE 1609.2, whatever the family. */
static const char *broken_common(const struct cert *c, enum cert_role role) {
    bool self = c->issuer_kind == ISSUER_SELF;
    switch (role) {
    case CERT_ROLE_ROOT:
        if (c->type != CERT_EXPLICIT || !self || c->n_issue == 0)
            return "a root is explicit, self-signed and has the right to issue";
        if (issues_at_no_length(c))
            return "right to issue with minChainLength 0";
        break;
    case CERT_ROLE_ISSUER:
        if (self)
            return "self-signed, and not a root here";
        if (c->n_issue == 0)
            return "no right to issue";
        break;
    case CERT_ROLE_TICKET:
        if (self)
            return "self-signed";
        if (c->n_issue > 0)
            return "an issuing certificate signs no messages";
        if (c->has_request_permissions)
            return "an enrolment certificate: may ask for certificates, not sign messages";
        if (c->n_app == 0)
            return "no permission to sign anything";
        break;
    }
    return cert_psids_unique(c) ? NULL : "a PSID twice among the application permissions";
}

/* TS 103 097 6 for every certificate, 7.2.1 for tickets. */
static const char *broken_etsi(const struct cert *c, enum cert_role role) {
    static const uint8_t none[3];
    if (c->type != CERT_EXPLICIT)
        return "ETSI: not explicit";
    if (c->id_kind != CERT_ID_NAME && c->id_kind != CERT_ID_NONE)
        return "ETSI: id is neither a name nor none";
    if (role == CERT_ROLE_TICKET && c->id_kind != CERT_ID_NONE)
        return "ETSI: a ticket with a name";
    if (memcmp(c->craca_id, none, sizeof(none)) != 0)
        return "ETSI: cracaId is not 000000";
    if (c->crl_series != 0)
        return "ETSI: crlSeries is not 0";
    if (c->has_request_permissions)
        return "ETSI: certRequestPermissions is present";
    if (c->can_request_rollover)
        return "ETSI: canRequestRollover is present";
    return NULL;
}

static const char *broken_scms(const struct cert *c, enum cert_role role) {
    if (role != CERT_ROLE_ROOT && scms_role(c) == ROLE_ROOT)
        return "SCMS: names itself a root";
    /* Series 0 is that of certificates which no list speaks of (6.4.8), and a linkage value is for lists only. */
    if (c->id_kind == CERT_ID_LINKAGE && c->crl_series == 0)
        return "SCMS: linkage data without CRL series";
    if (c->id_kind == CERT_ID_LINKAGE && role != CERT_ROLE_TICKET)
        return "SCMS: an authority with linkage data";
    return NULL;
}

const char *cert_profile_broken(
    const struct cert *c, enum cert_role role, enum cert_family family) {
    const char *broken = broken_common(c, role);
    if (broken != NULL)
        return broken;
    switch (family) {
    case CERT_FAMILY_PLAIN:
        break;
    case CERT_FAMILY_ETSI:
        return broken_etsi(c, role);
    case CERT_FAMILY_SCMS:
        return broken_scms(c, role);
    }
    return NULL;
}
