/* What became of a frame: one verdict each, one counter each. "Other" does not exist.
 * The same list makes the enum, the names in frames.csv and metrics, and the classes. */
#ifndef WAYSIDE_PKTIO_VERDICT_H
#define WAYSIDE_PKTIO_VERDICT_H

/* X(identifier, name, what it means) in the order of the stages. */
#define PKT_VERDICTS(X)                                                                            \
    X(PKT_VERIFIED, "verified", "signature and chain good; handed on")                             \
    /* classify */                                                                                 \
    X(PKT_NOT_V2X, "not_v2x", "no V2X carrier")                                                    \
    X(PKT_TRUNCATED_CARRIER, "carrier_truncated", "a carrier header runs past the frame")          \
    X(PKT_BAD_CARRIER, "carrier_malformed",                                                        \
        "GeoNetworking, WSMP, IP or link header that no edition has")                              \
    X(PKT_LINK_UNREAD, "link_unread",                                                              \
        "link type that is not read, or an aggregated, fragmented or encrypted 802.11 frame")      \
    X(PKT_BAD_FCS, "bad_fcs", "marked as damaged by the radio that received it")                   \
    X(PKT_IP_FRAGMENT, "ip_fragment", "fragments are not reassembled")                             \
    X(PKT_CUT_FRAME, "cut_frame", "captured shorter than it was sent")                             \
    X(PKT_UNSECURED, "unsecured", "no 1609.2 signature around the message")                        \
    /* source budget */                                                                            \
    X(PKT_SOURCE_BUDGET, "source_budget", "this sender used up its share")                         \
    /* decode */                                                                                   \
    X(PKT_BAD_SPDU, "spdu_malformed", "1609.2 structure is malformed")                             \
    X(PKT_NOT_SIGNED, "not_signed", "1609.2 data of another kind than signed")                     \
    X(PKT_BAD_PROFILE, "profile", "breaks a rule of the security profile")                         \
    X(PKT_PSID_MISMATCH, "psid_mismatch", "carrier and message name different PSIDs")              \
    X(PKT_TELLS_PLACE, "tells_place",                                                              \
        "learning message with a generation location: where its vehicle is, nobody is to learn")   \
    X(PKT_NOT_COUNTED_ALG, "algorithm_unsupported", "hash or curve that is not read")              \
    /* freshness */                                                                                \
    X(PKT_STALE, "stale", "generation time too long ago, or expired")                              \
    X(PKT_FUTURE, "future", "generation time ahead of the cell clock")                             \
    X(PKT_OUT_OF_REGION, "out_of_region", "generation location outside the cell's region")         \
    /* replay look-up */                                                                           \
    X(PKT_DUPLICATE, "duplicate", "this very message was verified before")                         \
    /* signer */                                                                                   \
    X(PKT_SIGNER_UNKNOWN, "signer_unknown", "digest of a certificate that was not heard in time")  \
    X(PKT_BAD_CERT, "cert_malformed", "signer certificate is malformed or breaks its profile")     \
    X(PKT_ISSUER_UNKNOWN, "issuer_unknown",                                                        \
        "implicit certificate without its issuer: not verifiable")                                 \
    X(PKT_CERT_INVALID, "cert_invalid",                                                            \
        "chain is known and fails: validity, permission, region or signature")                     \
    X(PKT_REVOKED, "revoked", "certificate, or an issuer above it, is on a revocation list")       \
    X(PKT_NO_PERMISSION, "no_permission", "certificate does not permit this PSID")                 \
    X(PKT_CERT_TIME, "cert_time", "generation time outside the certificate's validity")            \
    /* verify */                                                                                   \
    X(PKT_BAD_SIGNATURE, "bad_signature", "signature does not fit")                                \
    X(PKT_GOOD_ISSUER_UNKNOWN, "signature_good_issuer_unknown",                                    \
        "signature fits, chain cannot be checked; not admitted")                                   \
    X(PKT_UNCHECKED, "unchecked", "signature checks are switched off; not admitted")               \
    X(PKT_VERIFY_BROKEN, "verify_broken", "the cryptographic library failed")                      \
    /* overload */                                                                                 \
    X(PKT_SHED_OVERLOAD, "shed_overload", "gave way to messages of a higher or newer kind")        \
    X(PKT_SHED_AGE, "shed_age", "too old by the time its turn came")                               \
    X(PKT_HANDOVER_FULL, "handover_full", "the thread that has this sender's frames was too slow") \
    /* hand-over */                                                                                \
    X(PKT_RING_FULL, "ring_full", "the ledger's side was too slow")

enum pkt_verdict {
#define X(id, name, text) id,
    PKT_VERDICTS(X)
#undef X
        PKT_VERDICT_COUNT
};
const char *pkt_verdict_name(enum pkt_verdict v);
const char *pkt_verdict_text(enum pkt_verdict v);

#endif
