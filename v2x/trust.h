/* Chains of certificates, explicit and implicit, up to configured roots (1609.2 5.1, TS 103 097 6 and 7).
 *
 * A store holds roots (given by the operator or by genesis, trusted as they are after their
 * self-signature was checked) and issuing certificates verified under them. End-entity certificates are
 * checked against it; caching them is the caller's business (pktio's cache, the ledger's identity
 * contract). Bounded: `max_issuers`. One thread writes; reading threads need the caller's lock. */
#ifndef WAYSIDE_V2X_TRUST_H
#define WAYSIDE_V2X_TRUST_H

#include "base/error.h"
#include "v2x/cert_profile.h"
#include "v2x/verify.h"

#define TRUST_VERDICTS(X)                                                                          \
    X(TRUST_OK, "ok")                                                                              \
    X(TRUST_MALFORMED, "cert_malformed")                                                           \
    X(TRUST_UNKNOWN_ISSUER, "issuer_unknown")                                                      \
    X(TRUST_NOT_YET_VALID, "cert_not_yet_valid")                                                   \
    X(TRUST_EXPIRED, "cert_expired")                                                               \
    X(TRUST_BAD_SIGNATURE, "cert_bad_signature")                                                   \
    X(TRUST_CURVE_MISMATCH, "cert_curve_mismatch")                                                 \
    X(TRUST_PERMISSION, "cert_permission") /* issuer may not issue what the certificate claims */  \
    X(TRUST_REGION, "cert_region") /* not inside the issuer's region */                            \
    X(TRUST_VALIDITY_OUTSIDE, "cert_validity") /* not inside the issuer's validity */              \
    X(TRUST_PROFILE, "cert_profile") /* breaks a rule of its type */                               \
    X(TRUST_BAD_KEY, "cert_bad_key") /* key is no point of its curve */                            \
    X(TRUST_ALGORITHM,                                                                             \
        "cert_algorithm") /* well formed, but with SM2 or SM3, which are not read */               \
    X(TRUST_STORE_FULL, "trust_store_full") /* only from trust_add_issuer */

enum trust_verdict {
#define X(id, text) id,
    TRUST_VERDICTS(X)
#undef X
        TRUST_VERDICT_COUNT
};
const char *trust_verdict_text(enum trust_verdict v);

struct trust_store;

struct trust_store *trust_store_new(size_t max_issuers);
void trust_store_free(struct trust_store *t);
/* A root or an issuing certificate; roots must be self-signed and verify, others must chain to what is
 * already in the store. Octets are copied. Adding one twice is fine. The text says which rule failed. */
WARN_UNUSED int trust_add_root(struct trust_store *t, struct span cert, struct ws_err *err);
enum trust_verdict trust_add_issuer(struct trust_store *t, struct span cert);
/* What trust_add_issuer would say, of a store with room; adds nothing. */
enum trust_verdict trust_issuer_verdict(const struct trust_store *t, struct span cert);
size_t trust_count(const struct trust_store *t);

/* What the store holds, for signed lists (who may sign one, what stands under a revoked authority) and for
 * showing it. Spans and pointers are the store's. */
#define TRUST_ROOT SIZE_MAX
struct trust_issuer {
    const struct cert *cert;
    const uint8_t *hash256; /* 32 octets */
    const uint8_t *hash384; /* 48 octets */
    struct verify_key *key; /* borrowed */
    enum ec_curve curve; /* of the key */
    const struct ec_point *point; /* the same key as a point */
    enum cert_family family; /* of its root */
    size_t
        above; /* index of the issuer it was verified under, always smaller; TRUST_ROOT for a root */
};
struct trust_issuer trust_issuer_at(
    const struct trust_store *t, size_t i); /* i < trust_count, asserted */

struct trust_result {
    enum trust_verdict verdict;
    uint8_t hash[32]; /* SHA-256 of the checked certificate, set unless MALFORMED */
    uint8_t issuer_hash[32]; /* SHA-256 of the direct issuer, set when the issuer is known */
    /* TRUST_OK: an authority's signature over the certificate was checked. False for an implicit one, which
     * anybody can make up: it counts only once a signature of its holder fits the key. */
    bool proven;
    struct verify_key *key; /* TRUST_OK: a new reference, the caller's; otherwise NULL */
};

/* Checks an end-entity certificate at time now_s (Time32 scale), cheapest first: algorithms, profile (application
 * permissions, each PSID once, no right to issue), issuer, time, the profile of the issuer's family, validity inside the
 * issuer's, permissions, region, signature (or, of an implicit certificate, reconstruction from the issuer's key), key.
 * The issuer's own validity is not asked for: the certificate's must lie inside it. When several issuers
 * share the HashedId8, the verdict is TRUST_OK if one of them signed, else that of the first. */
struct trust_result trust_check(const struct trust_store *t, const struct cert *c, uint32_t now_s);

/* The same in two halves, for a caller that has the elliptic-curve work done in batches: begin does everything else and leaves
 * the authority's signature open, answer takes what became of it. Both are cheap (implicit certificates apart: they are
 * reconstructed in begin, as above). Several certificates may be in the making at once. */
struct trust_check {
    /* .verdict is final unless open. .key stays NULL; .proven is set with the verdict. */
    struct trust_result result;
    /* `item` waits for its answer. tag is the caller's; the key is borrowed from the store, and is like any proven key: a
     * kernel makes tables for issuers that are heard of often. */
    bool open;
    struct verify_item item;
    /* below: trust's own */
    size_t at, first; /* issuers: the one asked, the first with that HashedId8 */
    enum trust_verdict first_verdict;
    enum ec_curve curve;
    enum ec_form form;
    uint8_t octets[2 * EC_MAX_OCTETS];
};
void trust_check_begin(
    const struct trust_store *t, const struct cert *c, uint32_t now_s, struct trust_check *ret);
/* Open only, asserted; t may have grown since, c is the same. May leave it open again: another issuer has the same HashedId8,
 * and the next item asks for it. Anything but GOOD says that this issuer did not sign. */
void trust_check_answer(const struct trust_store *t, const struct cert *c,
    struct trust_check *check, enum verify_answer_kind answer);
/* What its holder signs with, for verify_keys_new (NULL from there: TRUST_BAD_KEY). While the check is open, or its verdict is
 * TRUST_OK; else asserted. Marked unproven while it is open: such a key may be asked about messages, side by side with the
 * question here, and verify_key_prove when that is answered. The span points into `check`. */
struct verify_key_source trust_check_key(const struct trust_check *check);

/* Is the place inside the region in which c counts? A certificate without region inherits its issuer's
 * (6.4.8), which only the store knows. Every issuer in the store with the HashedId8 that c names must
 * agree; unknown issuers restrict nothing. For a signer that was checked; lat/lon in 0.1 microdegree. */
bool trust_region_contains(
    const struct trust_store *t, const struct cert *c, int32_t lat, int32_t lon);

/* The certificate whose region counts for c: c itself, else the next above it in the store that has one; NULL: none
 * restricts it. issuer_hash: SHA-256 of its direct issuer (trust_result.issuer_hash), in the store or not. The answer
 * points to c or into the store. */
const struct cert *trust_region_from(
    const struct trust_store *t, const struct cert *c, const uint8_t issuer_hash[static 32]);

/* Key of a certificate whose chain could not be checked, so that "signature good, issuer unknown" can be
 * told from "signature bad". Never admits anything. NULL for bad keys, and for implicit certificates, whose key
 * nobody knows without the issuer. */
struct verify_key *trust_unproven_key(const struct cert *c);

#endif
