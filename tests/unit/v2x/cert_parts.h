/* Certificates put together from parts given as hex digits, for what the builder of v2x/sign.h does not make. */
#ifndef WAYSIDE_TESTS_UNIT_V2X_CERT_PARTS_H
#define WAYSIDE_TESTS_UNIT_V2X_CERT_PARTS_H

#include "v2x/sign.h"

/* Encodings, NULL or "": absent, or what is usual. */
struct cert_parts {
    const char *issuer; /* CHOICE and value; usual: by SHA-256, or self */
    const char *id; /* usual: "83", none */
    const char *crl; /* cracaId and series; usual: zeros */
    uint32_t from_s;
    const char *duration; /* usual: "840064", 100 hours */
    const char *region, *assurance, *app, *issue, *request;
    bool rollover;
    const char *encryption_key;
    const char *key; /* verifyKeyIndicator; usual: subject's */
    const char *additions; /* what follows the key when the extension bit is set */
    const char *signature; /* usual: a good one */
};

/* issuer NULL: self-signed. Explicit; SHA-256. */
void cert_put_parts(struct buf *b, const struct cert_parts *p, const struct sign_key *subject,
    const struct sign_key *issuer, struct span issuer_cert);

#endif
