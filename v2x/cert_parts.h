/* Parts of certificates that several files of this folder read; not for other folders. Every reader
 * leaves its failure in the cursor. Any thread. */
#ifndef WAYSIDE_V2X_CERT_PARTS_H
#define WAYSIDE_V2X_CERT_PARTS_H

#include "v2x/cert.h"

/* EccP256CurvePoint or EccP384CurvePoint, by the octets of a coordinate. */
void ec_point_read(struct coer *c, size_t coordinate, struct ec_point *ret_point);
/* Signature (6.3.28). `fill` as rSig is refused: it carries no r. */
void ec_signature_read(struct coer *c, struct ec_signature *ret_signature);
/* PublicEncryptionKey (6.3.23). */
void public_encryption_key_read(struct coer *c, struct ec_point *ret_point);
/* Canonical form of a point: x with the parity of y. */
void ec_point_put_compressed(struct buf *b, const struct ec_point *point);

struct psid_ssp {
    uint64_t psid;
    bool has_ssp;
    bool bitmap;
    struct span ssp;
};
void psid_ssp_read(struct coer *c, struct psid_ssp *ret_entry);

enum ssp_range_kind { SSP_RANGE_ABSENT, SSP_RANGE_OPAQUE, SSP_RANGE_ALL, SSP_RANGE_BITMAP };
struct ssp_range {
    uint64_t psid;
    enum ssp_range_kind kind;
    size_t n_opaque;
    struct span opaque; /* n_opaque octet strings */
    struct span value, mask; /* SSP_RANGE_BITMAP */
};
void ssp_range_read(struct coer *c, struct ssp_range *ret_range);

#define EE_TYPE_APP 0x80
struct issue_group {
    uint8_t ee_type;
    int64_t min_chain;
    int64_t chain_range; /* -1: no upper bound */
    bool all;
    size_t n_ranges;
    struct span ranges;
};
void issue_group_read(struct coer *c, struct issue_group *ret_group);

/* GeographicRegion (6.4.17): checks the shape, keeps the octets. */
void region_read(struct coer *c, struct cert_region *ret_region);

#endif
