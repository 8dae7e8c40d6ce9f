/* Revocation lists, zero-copy: CrlContents of IEEE 1609.2 clause 7 (editions 2016 and 2022, as the SCMS issues them)
 * and ToBeSignedCrl of ETSI TS 102 941. This is the signed payload; envelope, signer and freshness are lists.h's
 * business. Spans point into the given octets. Any thread; allocates nothing. */
#ifndef WAYSIDE_V2X_CRL_H
#define WAYSIDE_V2X_CRL_H

#include "v2x/coer.h"

enum crl_form {
    CRL_HASH_FULL,
    CRL_HASH_DELTA,
    CRL_LINKED_FULL,
    CRL_LINKED_DELTA,
    CRL_LINKED_FULL_ALG, /* 2022: the same with the algorithms named */
    CRL_LINKED_DELTA_ALG,
};

struct crl {
    enum crl_form form;
    uint16_t series;
    uint8_t craca[8]; /* HashedId8 that the list names as its authority */
    uint32_t issued_s, next_s; /* Time32 */
    /* Hash lists: crlSerial; linked lists: iRev * 256 + indexWithinI. Grows with each list of a series. */
    uint32_t serial;
    uint16_t i_rev; /* linked: the period that the seeds are for */
    size_t n_hashes, n_devices, n_groups; /* revoked certificates, devices, groups */
    struct span body; /* for crl_walk: behind the CHOICE of the form */
};
static inline bool crl_is_delta(const struct crl *c) {
    return c->form == CRL_HASH_DELTA || c->form == CRL_LINKED_DELTA ||
           c->form == CRL_LINKED_DELTA_ALG;
}
static inline bool crl_is_linked(const struct crl *c) {
    return c->form >= CRL_LINKED_FULL;
}

/* Reads one CrlContents to the end of the cursor; all of it, so that crl_walk cannot fail. */
WARN_UNUSED bool crl_read(struct coer *c, struct crl *ret_crl);

struct crl_seeds {
    bool group; /* j comes from the certificate, not from jmax */
    uint8_t jmax; /* device: certificates in a period */
    uint16_t i_max; /* last period with certificates */
    uint16_t la1, la2;
    const uint8_t *seed1; /* 16 octets */
    const uint8_t *seed2; /* NULL: a single seed */
};
struct crl_visitor {
    void (*hash)(void *ctx, const uint8_t id[static 10], uint32_t expiry_s);
    void (*seeds)(void *ctx, const struct crl_seeds *s);
};
/* Visits each entry in order. */
void crl_walk(const struct crl *c, const struct crl_visitor *v, void *ctx);

/* ETSI: HashedId8 of issuing certificates; tickets are never listed. */
struct etsi_crl {
    uint32_t this_update_s, next_update_s; /* Time32 */
    struct span ids; /* 8 octets each */
};
/* The cursor is behind the CHOICE of the content; reads to its end. */
WARN_UNUSED bool etsi_crl_read(struct coer *c, struct etsi_crl *ret_crl);

#endif
