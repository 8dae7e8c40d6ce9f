/* Ieee1609Dot2Data (IEEE 1609.2 6.3): what a receiver needs of a secured message, zero-copy.
 * Spans point into the given octets. Any thread; allocates nothing. */
#ifndef WAYSIDE_V2X_SPDU_H
#define WAYSIDE_V2X_SPDU_H

#include "v2x/cert.h"

enum spdu_content {
    SPDU_UNSECURED,
    SPDU_SIGNED,
    SPDU_ENCRYPTED,
    SPDU_CERT_REQUEST,
    SPDU_X509_REQUEST
};
enum spdu_signer { SIGNER_DIGEST, SIGNER_CERTIFICATE, SIGNER_SELF };

struct spdu {
    struct span all; /* exactly the structure, without trailing octets of the frame */
    enum spdu_content content;
    /* the rest only for SPDU_SIGNED, but payload also for SPDU_UNSECURED */
    uint8_t hash_id; /* 0 SHA-256, 1 SHA-384, 2 SM3 */
    const char
        *unsupported; /* algorithm of hash or signature that is not read, in words; else NULL */
    bool has_ext_hash;
    bool has_generation_time, has_expiry_time, has_location;
    bool has_p2pcd_learning, has_missing_crl, has_encryption_key;
    bool has_functional_type; /* meant for a part of the station that is no application (6.3.27) */
    uint8_t functional_type;
    uint16_t elevation; /* raw: the editions disagree, never drop on it */
    struct span tbs; /* ToBeSignedData as received: the hashed octets */
    struct span payload; /* octets of the inner unsecuredData; empty when it is none */
    uint64_t psid;
    uint64_t generation_time; /* Time64, us */
    uint64_t expiry_time;
    int32_t lat, lon; /* 0.1 microdegree */
    struct ec_point encryption_key; /* public; form EC_FILL when absent or symmetric */
    struct span inline_p2pcd; /* n * 3 octets */
    struct span requested_cert;
    enum spdu_signer signer;
    uint8_t digest[8]; /* SIGNER_DIGEST */
    size_t n_certs; /* SIGNER_CERTIFICATE: how many, end entity first */
    struct ec_signature signature;
    /* Last, for it is long, and most messages have none. */
    struct cert cert; /* SIGNER_CERTIFICATE: the first; else only .all is set, and empty */
};

/* Most certificates a signer may attach; the profiles allow one. */
#define SPDU_MAX_CERTS 8
/* Data inside the payload of data inside ... */
#define SPDU_MAX_DEPTH 4
/* Largest structure accepted; longer input is refused before anything else is looked at. */
#define SPDU_MAX_OCTETS 65535

/* Reads the structure at the start of octets; trailing octets of the frame may follow. */
WARN_UNUSED enum coer_fail spdu_parse(
    struct span octets, struct spdu *ret_spdu, size_t *ret_fail_at);
/* The PSID of signed data, without reading the rest, for whoever has to choose what to read at all. False: only spdu_parse
 * can tell. What it says of data that spdu_parse refuses means nothing. */
WARN_UNUSED bool spdu_peek_psid(struct span octets, uint64_t *ret_psid);
/* The same for signed lists, which come from files and may be long. */
#define SPDU_MAX_LIST_OCTETS (64U << 20)
WARN_UNUSED enum coer_fail spdu_parse_list(
    struct span octets, struct spdu *ret_spdu, size_t *ret_fail_at);

/* ECDSA digest input of 1609.2 5.3.1: H(H(tbs) || H(signer certificate)), H as the message names it
 * (hash_id). signer_hash: full hash of the signer certificate with that algorithm (cert_hash256 or
 * cert_hash384), for SIGNER_SELF the hash of the empty string. False, and nothing written, if its length
 * is not that of the algorithm: hash_id is the sender's choice. *ret_len is 32 or 48. */
WARN_UNUSED bool spdu_digest(
    const struct spdu *m, struct span signer_hash, uint8_t ret_digest[static 48], size_t *ret_len);

/* Identity of a message in the cell (design, section 5): SHA-256(SHA-256(ToBeSignedData) ||
 * SHA-256(full signer certificate)); the same for digest and certificate signers, for s and n - s. */
void spdu_identity(
    const struct spdu *m, const uint8_t cert_hash256[static 32], uint8_t ret_id[static 32]);

/* Application payload inside m->payload: with GeoNetworking framing (common header, extended header,
 * BTP) stripped when it is there, else the payload itself. Our own records begin with a version octet
 * 01, which no GeoNetworking common header does. *ret_port: BTP destination port, or 0. */
struct span spdu_app_payload(const struct spdu *m, uint16_t *ret_port);

#endif
