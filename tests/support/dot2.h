/* A second way to make IEEE 1609.2 structures, for tests alone: written from the structure tables, with curve arithmetic
 * of OpenSSL, and sharing nothing with v2x/sign or the readers in v2x/. It makes what our own writers never do: all four
 * curves in every combination of holder and issuer, every form of a point, both hashes, non-canonical certificates. */
#ifndef WAYSIDE_TESTS_SUPPORT_DOT2_H
#define WAYSIDE_TESTS_SUPPORT_DOT2_H

#include "base/bytes.h"
#include "base/random.h"

enum dot2_curve { DOT2_P256, DOT2_BP256, DOT2_BP384, DOT2_P384, DOT2_CURVES };
/* How a point is written: for r; keys take the last three. EVEN and ODD are what the point has. */
enum dot2_form { DOT2_X_ONLY, DOT2_COMPRESSED, DOT2_UNCOMPRESSED, DOT2_FORMS };

struct dot2_key;
struct dot2_key *dot2_key_new(enum dot2_curve curve, struct ws_random *rnd);
void dot2_key_free(struct dot2_key *k);
const char *dot2_curve_name(enum dot2_curve curve);

/* Where changes of an octet mean nothing: of R only x counts, so its form and y do not; of a key that was sent with its y
 * the parity counts (the last octet is among these all the same). */
enum { DOT2_FREE = 3 };
struct dot2_free_octets {
    size_t from[DOT2_FREE], to[DOT2_FREE];
};

struct dot2_cert {
    struct buf octets; /* as sent */
    struct dot2_free_octets no_matter; /* in octets */
    struct buf canonical; /* as hashed */
    struct dot2_key *key;
    enum dot2_curve curve; /* of key */
};
/* Optional members of a ticket, for struct dot2_cert_spec. */
enum {
    DOT2_REGION =
        1, /* 50 km around 48 degrees north, 11 east, in one of the geometric kinds by chain_length */
    DOT2_ASSURANCE = 2,
    DOT2_SSP = 4, /* opaque on the first permission, a bitmap on the second */
    DOT2_ENCRYPTION_KEY = 8,
    DOT2_ENCRYPTION_KEY_Y = 16, /* sent with its y */
    DOT2_ADDITIONS = 32, /* of editions to come */
    DOT2_MINUTES = 64, /* the duration in another unit */
    DOT2_ROLLOVER = 128,
    DOT2_MEMBERS = 256
};

struct dot2_cert_spec {
    enum dot2_curve curve; /* explicit: of the new key */
    bool implicit; /* the key comes out of the issuer's, on its curve */
    bool authority; /* may issue, else an end entity */
    unsigned chain_length; /* authority: how far below it the end entities are, at least 1 */
    enum dot2_form key_form; /* not X_ONLY */
    enum dot2_form r_form;
    uint32_t from_s;
    uint16_t hours;
    unsigned members; /* end entity: of the above */
    const uint8_t *linkage; /* end entity: linkage value, 9 octets; NULL: without id */
    uint16_t i_cert; /* its period */
    const uint64_t *psids; /* end entity */
    size_t n_psids;
};
/* issuer NULL: self-signed. */
void dot2_cert_make(struct dot2_cert *ret, const struct dot2_cert_spec *spec,
    const struct dot2_cert *issuer, struct ws_random *rnd);
void dot2_cert_free(struct dot2_cert *c);

struct dot2_message_spec {
    uint64_t psid;
    uint64_t generation_us;
    bool has_location;
    struct span payload;
    bool with_certificate;
    enum dot2_form r_form;
    bool sha384;
    bool long_additions; /* header additions of later editions, in a bitmap of three octets */
};
/* ret_free: octets of the message. */
void dot2_message(struct buf *ret, const struct dot2_message_spec *spec,
    const struct dot2_cert *signer, struct ws_random *rnd, struct dot2_free_octets *ret_free);

#endif
