/* What keeps one use of a hash apart from another: every hash of shares, bundles, commitments and groups begins with
 * tag || version || purpose (docs/formats/learning.md). Pure; any thread. */
#ifndef WAYSIDE_FEDLEARN_VEHICLE_SHARE_DOMAIN_H
#define WAYSIDE_FEDLEARN_VEHICLE_SHARE_DOMAIN_H

#include "base/span.h"

#define FL_FORMAT_VERSION 1
#define FL_HASH 32

enum fl_purpose {
    FL_FOR_SALT = 1, /* what all expansions of one submission are bound to */
    FL_FOR_EXPANSION = 2, /* secret: a seed becomes a row of the sharing */
    FL_FOR_CHALLENGE = 3, /* the linear check of a sharing */
    FL_FOR_LOCATING = 4, /* combination in which liars are looked for */
    FL_FOR_GROUPS = 5, /* the draw of groups */
    FL_FOR_BUNDLE = 6, /* secret: a bundle's key */
    FL_FOR_SENDER_PROOF = 7, /* the vehicle knows its ephemeral secret */
    FL_FOR_KEY_PROOF = 8, /* a validator knows the secret of its encryption key */
    FL_FOR_COMPLAINT = 9, /* a complaint's proof */
    FL_FOR_NONCE = 10, /* secret: nonces of proofs */
    FL_FOR_OWN_KEY = 11, /* secret: a validator's encryption key */
    FL_FOR_EPHEMERAL = 12, /* secret: a submission's ephemeral scalar */
    FL_FOR_HEADER = 13, /* first leaf of a submission's commitment */
    FL_FOR_UPLOAD = 14, /* name of an upload */
    FL_FOR_UPLOAD_KEYS = 15, /* secret: the keys of an upload between one vehicle and one unit */
    FL_FOR_UNIT_KEY = 16, /* a unit's key for uploads, signed */
    FL_FOR_RECEIPT = 17, /* signed */
    FL_FOR_KEPT = 18, /* digest of a cover on disk */
    FL_FOR_NOBODY = 19, /* the key of a seat that nobody has a key for */
    FL_FOR_ROUND = 32, /* round seed */
};

enum { FL_DOMAIN_OCTETS = 18 };
void fl_domain(enum fl_purpose purpose, uint8_t ret[static FL_DOMAIN_OCTETS]);
/* SHA-256 of the domain and the parts. */
void fl_hash(
    enum fl_purpose purpose, const struct span *parts, size_t n, uint8_t ret_hash[static FL_HASH]);

#endif
