/* What is revoked, for look-up by packet threads: an immutable set made from all lists that count. How it
 * is made: further below, by the owner only. */
#ifndef WAYSIDE_V2X_REVOCATION_H
#define WAYSIDE_V2X_REVOCATION_H

#include "v2x/cert.h"

enum revocation_kind {
    REVOCATION_NONE,
    REVOCATION_HASH, /* the certificate itself, by HashedId10 or HashedId8 */
    REVOCATION_LINKAGE, /* one device, by the linkage value of this period */
    REVOCATION_GROUP, /* a group of devices, by the group linkage value */
    REVOCATION_ISSUER, /* an issuing certificate above it */
};

struct revocation_answer {
    enum revocation_kind kind;
    const char *list; /* name of the list, lives as long as the set; "" for REVOCATION_NONE */
};

/* Words for the kind, static: "certificate", "linkage value", ... */
const char *revocation_kind_text(enum revocation_kind k);

struct revocation_set;

/* See trust_view_revoked. Any thread. */
struct revocation_answer revocation_find(const struct revocation_set *s, const struct cert *c,
    const uint8_t hash[static 32], const uint8_t *issuer_hash);

/* Any thread. */
struct revocation_set *revocation_ref(struct revocation_set *s);
void revocation_unref(struct revocation_set *s); /* NULL is fine */

#endif
