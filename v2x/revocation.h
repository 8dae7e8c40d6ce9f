/* What is revoked: an immutable, reference-counted set for look-up by packet threads, and the source that the owner
 * makes it from.
 *
 * Who a list speaks about: certificates of its CRL series that chain up to the authority of the list. The cracaId
 * in a certificate is not asked for: deployed certificates name their direct issuer there and deployed lists name
 * the list's own signer, so they would never meet; the chain is what gives a list its right anyway. */
#ifndef WAYSIDE_V2X_REVOCATION_H
#define WAYSIDE_V2X_REVOCATION_H

#include "v2x/cert.h"
#include "v2x/crl.h"
#include "v2x/trust.h"

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

/* ---- for the owner ---- */

/* Linkage periods of certificates: period i begins at start_s + i * length_s. The usual values are those of the US
 * SCMS, and real certificates and lists agree: period 0 began on 2015-01-06 at 09:00 UTC, one lasts a week. */
struct revocation_clock {
    uint32_t start_s; /* Time32 */
    uint32_t length_s; /* > 0 */
};
#define REVOCATION_CLOCK_SCMS ((struct revocation_clock){347619603, 604800})

struct revocation_limits {
    size_t entries; /* hashes and seeds together */
    size_t values; /* linkage values of all periods kept */
    size_t
        groups; /* group seeds: each costs two AES blocks when a certificate with a group is first seen */
};
struct revocation_limits revocation_limits_default(void);

/* One thread. A source takes lists once and then yields a set for each linkage period. */
struct revocation_source;
struct revocation_source *revocation_source_new(
    const struct revocation_limits *l, const struct revocation_clock *clock);
void revocation_source_free(struct revocation_source *s);
/* authority: SHA-256 of the certificate that certificates in question chain up to. name: for answers. Refused with
 * WS_ELIMIT when a limit is reached; the source is then of no further use. */
WARN_UNUSED int revocation_add_crl(struct revocation_source *s, const struct crl *crl,
    const uint8_t authority[static 32], const char *name, struct ws_err *err);
/* Issuing certificates by HashedId8 (n * 8 octets), if they are the authority's or stand under it. */
WARN_UNUSED int revocation_add_issuers(struct revocation_source *s, struct span ids,
    const uint8_t authority[static 32], const char *name, struct ws_err *err);
/* Works towards the linkage values that are needed at now_s (the last, the present and the next period) for about
 * `work` seed steps (each some hundred nanoseconds); false when all are there. */
bool revocation_step(struct revocation_source *s, uint32_t now_s, size_t work);
/* A set of what is ready, over the issuers of the store; the caller's reference. Periods that are complete are shared
 * with earlier sets. */
struct revocation_set *revocation_take(
    struct revocation_source *s, const struct trust_store *store, uint32_t now_s);
/* Sizes, for showing: linkage values in the tables of a set and their octets. */
size_t revocation_values(const struct revocation_set *s);
size_t revocation_octets(const struct revocation_set *s);

#endif
