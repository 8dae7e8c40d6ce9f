/* What kind of certificate may look how: IEEE 1609.2 for all, TS 103 097 (clauses 6 and 7.2) under European roots, the SCMS
 * conventions of IEEE 1609.2.1 under those of the US and Korea. The root says which: certificates themselves do not.
 * Any thread. */
#ifndef WAYSIDE_V2X_CERT_PROFILE_H
#define WAYSIDE_V2X_CERT_PROFILE_H

#include "v2x/cert.h"

/* PLAIN: a root that is recognised as neither; only what IEEE 1609.2 itself asks for counts under it. */
enum cert_family { CERT_FAMILY_PLAIN, CERT_FAMILY_ETSI, CERT_FAMILY_SCMS };
const char *cert_family_text(enum cert_family f); /* "IEEE 1609.2", "ETSI", "SCMS" */

/* A European root signs lists under ITS-AID 622 or 624; one of an SCMS says under PSID 35 that it is a root. One that does
 * both, or signs lists of both kinds, is PLAIN. */
enum cert_family cert_family_of_root(const struct cert *root);

enum cert_role { CERT_ROLE_ROOT, CERT_ROLE_ISSUER, CERT_ROLE_TICKET };

/* The first rule that a certificate in this role breaks, in words; NULL: none. Only what the certificate itself shows:
 * nothing of its issuer, no cryptography. */
const char *cert_profile_broken(const struct cert *c, enum cert_role role, enum cert_family family);

#endif
