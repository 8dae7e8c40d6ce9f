/* Verification of vehicles' ECDSA signatures: submit and poll (decision 3 of the design).
 *
 * Key handles are reference-counted and made only from certificates that were fully verified (or are
 * configured roots), so that precomputed tables stay this module's business. Keys may be shared
 * between threads; a kernel belongs to one thread. Answers come in any order; a bad signature is an
 * answer, not an error. Backend today: OpenSSL 3.0 EVP. */
#ifndef WAYSIDE_V2X_VERIFY_H
#define WAYSIDE_V2X_VERIFY_H

#include "v2x/cert.h"

struct verify_key;
struct verify_kernel;

/* NULL if the octets are no point of the curve (x-only and fill are refused as well). */
struct verify_key *verify_key_new(enum ec_curve curve, const struct ec_point *point);
struct verify_key *verify_key_ref(struct verify_key *key);
void verify_key_unref(struct verify_key *key); /* NULL is fine */
enum ec_curve verify_key_curve(const struct verify_key *key);

enum verify_answer_kind { VERIFY_GOOD, VERIFY_BAD, VERIFY_BROKEN /* the library failed */ };

struct verify_item {
    struct verify_key *key; /* borrowed until the answer was polled */
    uint8_t digest[48];
    uint8_t digest_octets; /* 32 or 48 */
    enum ec_form r_form;
    uint8_t r[48], s[48]; /* ec_octets(curve of the key) octets used */
    uint64_t tag; /* comes back with the answer */
};
struct verify_answer {
    uint64_t tag;
    enum verify_answer_kind kind;
};

struct verify_kernel *verify_kernel_new(size_t capacity); /* items in flight, > 0 */
void verify_kernel_free(struct verify_kernel *k); /* items in flight are dropped */
size_t verify_submit(struct verify_kernel *k, const struct verify_item *items,
    size_t n); /* accepted: the first so many */
size_t verify_poll(struct verify_kernel *k, struct verify_answer *ret_answers, size_t max);

/* One signature at once, for certificates and cold paths. */
enum verify_answer_kind verify_one(const struct verify_item *item);
/* Fills r, s and r_form from a parsed signature; false if its curve is not the key's. */
bool verify_item_signature(struct verify_item *item, const struct ec_signature *sig);

/* SHA-256 / SHA-384 of the concatenation of two runs (b may be empty). */
void v2x_sha256(struct span a, struct span b, uint8_t ret_hash[static 32]);
void v2x_sha384(struct span a, struct span b, uint8_t ret_hash[static 48]);

#endif
