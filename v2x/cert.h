/* IEEE 1609.2 certificates (clause 6.4; TS 103 097 profile): reading, hashes, fields a receiver needs.
 * Zero-copy: every span points into the octets given to cert_parse and lives as long as they do.
 * Any thread. */
#ifndef WAYSIDE_V2X_CERT_H
#define WAYSIDE_V2X_CERT_H

#include "base/span.h"
#include "v2x/coer.h"

enum ec_curve { CURVE_P256, CURVE_BP256, CURVE_BP384, CURVE_P384 }; /* octets: 32, 32, 48, 48 */
#define EC_MAX_OCTETS 48
static inline size_t ec_octets(enum ec_curve c) {
    return c == CURVE_P256 || c == CURVE_BP256 ? 32 : 48;
}

/* EccP256CurvePoint / EccP384CurvePoint: the CHOICE alternatives in order. */
enum ec_form { EC_X_ONLY, EC_FILL, EC_Y_EVEN, EC_Y_ODD, EC_UNCOMPRESSED };
struct ec_point {
    enum ec_form form;
    struct span octets; /* 32/48, uncompressed 64/96 */
};
struct ec_signature {
    enum ec_curve curve;
    struct ec_point
        r; /* form EC_FILL: an SM2 signature, which is passed over; nothing else is set then */
    struct span s;
};

enum cert_type { CERT_EXPLICIT, CERT_IMPLICIT };
enum cert_issuer_kind { ISSUER_SHA256, ISSUER_SELF, ISSUER_SHA384, ISSUER_SM3 };
/* OTHER: an alternative that later editions put behind the extension marker. */
enum cert_id_kind { CERT_ID_LINKAGE, CERT_ID_NAME, CERT_ID_BINARY, CERT_ID_NONE, CERT_ID_OTHER };
enum cert_hash_alg { CERT_HASH_SHA256, CERT_HASH_SHA384 };
/* Algorithms that a well-formed certificate may have and that are not read. */
enum cert_unsupported { CERT_SM2_KEY = 1, CERT_SM2_SIGNATURE = 2, CERT_SM3_HASH = 4 };
const char *cert_unsupported_text(unsigned bits); /* the first of them, in words; NULL for 0 */

struct cert_region {
    bool present;
    uint8_t kind; /* 0 circle, 1 rectangles, 2 polygon, 3 identified */
    struct span octets; /* encoding after the CHOICE octet; see cert_region_contains */
};

struct cert {
    struct span all; /* the whole certificate, as received */
    struct span tbs; /* ToBeSignedCertificate */
    enum cert_type type;
    enum cert_issuer_kind issuer_kind;
    enum cert_hash_alg self_hash; /* ISSUER_SELF: algorithm named there */
    uint8_t issuer_id[8]; /* HashedId8, unless ISSUER_SELF */
    enum cert_id_kind id_kind;
    struct span id; /* name or binary id; linkage data encoding */
    uint8_t craca_id[3];
    uint16_t crl_series;
    uint32_t valid_from_s; /* Time32 */
    uint64_t valid_until_s; /* Time32 scale, exclusive */
    struct cert_region region;
    bool has_assurance;
    uint8_t assurance; /* level in bits 7 to 5, confidence in bits 1 and 0; nothing depends on it */
    bool has_encryption_key;
    struct ec_point encryption_key; /* 32-octet curve; EC_FILL for SM2 */
    struct span app_permissions; /* encoding of the elements, after the count; n_app of them */
    size_t n_app;
    struct span issue_permissions;
    size_t n_issue;
    bool has_request_permissions;
    struct span request_permissions;
    size_t n_request;
    bool can_request_rollover;
    bool has_additions; /* flags and extensions of 2022 and later: passed over, but hashed */
    bool verify_is_reconstruction; /* implicit: the point is the reconstruction value */
    enum ec_curve key_curve;
    /* Never EC_UNCOMPRESSED: of a point sent with its y only x and the parity are hashed and signed (6.4.3), so nothing
     * else of y may decide anything: else an altered copy of a certificate would be judged under the true one's hash. */
    struct ec_point key;
    bool key_uncompressed; /* that is how it was sent */
    bool has_signature;
    struct ec_signature signature;
    struct span key_encoding; /* PublicVerificationKey, or the point of a reconstruction value */
    uint8_t
        unsupported; /* enum cert_unsupported; then key and signature cannot be used, hashes are as received */
};

/* Most elements of the lists in a certificate that are read; more is COER_VALUE. The standard asks a
 * receiver for 8 of each. */
#define CERT_MAX_PERMISSIONS 128
#define CERT_MAX_REGION_PARTS 128

/* Reads one certificate from the cursor (other structures may follow). On failure the cursor carries
 * the reason and offset and *ret_cert is unspecified. */
WARN_UNUSED bool cert_read(struct coer *c, struct cert *ret_cert);
/* The whole span is one certificate; trailing octets are a failure. */
WARN_UNUSED enum coer_fail cert_parse(
    struct span octets, struct cert *ret_cert, size_t *ret_fail_at);

/* Hash of the certificate in canonical form (1609.2 6.4.3: points compressed, rSig x-only), with
 * SHA-256; deployed certificates already are canonical and are hashed as received. HashedId8 = last 8. */
void cert_hash256(const struct cert *c, uint8_t ret_hash[static 32]);
void cert_hash384(const struct cert *c, uint8_t ret_hash[static 48]);
/* ECDSA digest input of the certificate's own signature (5.3.1): H(H(ToBeSigned) || H(issuer
 * certificate)), with SHA-384 if sha384, else SHA-256. issuer_hash is made with the same algorithm; NULL
 * for a self-signed certificate. *ret_len is 32 or 48. */
void cert_digest(const struct cert *c, const uint8_t *issuer_hash, bool sha384,
    uint8_t ret_digest[static 48], size_t *ret_len);

/* Permission to sign under psid; *ret_ssp (may be NULL) is the service specific permissions' octets,
 * empty when absent, *ret_bitmap says which form. */
bool cert_app_permission(
    const struct cert *c, uint64_t psid, struct span *ret_ssp, bool *ret_bitmap);
/* True if no PSID occurs twice among the application permissions (6.4.8). */
bool cert_psids_unique(const struct cert *c);
/* True if c, as an issuer, may issue certificates for psid at chain distance `depth` (1 = directly). */
bool cert_may_issue(const struct cert *c, uint64_t psid, unsigned depth);
/* True if the issuer may have issued c: each application permission with its SSP is one it may issue
 * directly, and each issuing permission is one of its own, one step shorter (6.4.8, 6.4.28 to 6.4.34). */
bool cert_permissions_within(const struct cert *c, const struct cert *issuer);

/* True if the region is absent or contains the point; identified regions cannot be decided from
 * coordinates and count as containing. lat/lon in 0.1 microdegree. Integer arithmetic only. */
bool cert_region_contains(const struct cert *c, int32_t lat, int32_t lon);
/* True if c's region lies inside the issuer's. An absent region is inherited, hence inside. Decided for
 * every pair of circle, rectangles and polygon, on the safe side: each rectangle must lie in one part of
 * the issuer's region (parts are not joined), and a circle is replaced by its bounding box unless the
 * issuer's is a circle too. An identified region inside a geometric one cannot be decided and is refused;
 * a geometric one inside an identified one is accepted for want of borders. */
bool cert_region_inside(const struct cert *c, const struct cert *issuer);

#endif
