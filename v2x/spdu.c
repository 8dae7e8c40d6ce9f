/* Reading of Ieee1609Dot2Data: clause 6.3 of IEEE 1609.2, editions 2016 to 2022. */
#include "v2x/spdu.h"

#include "v2x/cert_parts.h"
#include "v2x/verify.h"

enum {
    HEADER_EXTENSION = 0x80,
    HEADER_GENERATION_TIME = 0x40,
    HEADER_EXPIRY_TIME = 0x20,
    HEADER_LOCATION = 0x10,
    HEADER_P2PCD_LEARNING = 0x08,
    HEADER_MISSING_CRL = 0x04,
    HEADER_ENCRYPTION_KEY = 0x02,
    HEADER_PADDING = 0x01,
};
enum { HASH_SM3 = 2 };
enum { PAYLOAD_EXTENSION = 0x80, PAYLOAD_DATA = 0x40, PAYLOAD_HASH = 0x20 };
enum { ADDITION_INLINE_P2PCD = 0, ADDITION_REQUESTED_CERT = 1, ADDITION_FUNCTIONAL_TYPE = 2 };

/* Reads one Ieee1609Dot2Data. m is NULL for nested data, of which only the extent matters. */
static void data_read(struct coer *c, struct spdu *m, unsigned depth);

static void expect_choice(struct coer *c, unsigned least, unsigned most) {
    size_t at = coer_at(c);
    unsigned alternative = coer_choice(c);
    if (alternative < least || alternative > most)
        coer_set_fail_at(c, at, COER_CHOICE);
}

static void location_read(struct coer *c, struct spdu *m) {
    size_t at = coer_at(c);
    m->lat = (int32_t)coer_u32(c);
    m->lon = (int32_t)coer_u32(c);
    m->elevation = coer_u16(c);
    m->has_location = true;
    /* The values just above 90 and 180 degrees stand for "unknown". */
    if (m->lat < -900000000 || m->lat > 900000001 || m->lon < -1800000000 || m->lon > 1800000001)
        coer_set_fail_at(c, at, COER_VALUE);
}

static void header_key_read(struct coer *c, struct spdu *m) {
    size_t at = coer_at(c);
    switch (coer_choice(c)) {
    case 0:
        public_encryption_key_read(c, &m->encryption_key);
        break;
    case 1:
        at = coer_at(c);
        switch (coer_choice(c)) {
        case 0: /* aes128Ccm */
            (void)coer_take(c, 16);
            break;
        case 1: /* sm4Ccm, behind the extension marker */
            (void)coer_octets(c);
            break;
        default:
            coer_set_fail_at(c, at, COER_CHOICE);
        }
        break;
    default:
        coer_set_fail_at(c, at, COER_CHOICE);
    }
}

static void header_additions_read(struct coer *c, struct spdu *m) {
    struct coer_additions a = coer_read_additions(c);
    for (;;) {
        size_t index = coer_next_addition(c, &a);
        if (index == SIZE_MAX)
            return;
        struct coer inner = coer_open(c);
        switch (index) {
        case ADDITION_INLINE_P2PCD:
            m->inline_p2pcd = coer_take(&inner, 3 * coer_count(&inner, SPDU_MAX_OCTETS));
            coer_close(c, &inner);
            break;
        case ADDITION_REQUESTED_CERT: {
            struct cert cert;
            if (cert_read(&inner, &cert))
                m->requested_cert = cert.all;
            coer_close(c, &inner);
            break;
        }
        case ADDITION_FUNCTIONAL_TYPE:
            m->functional_type = coer_u8(&inner);
            m->has_functional_type = true;
            coer_close(c, &inner);
            break;
        default: /* contributed extensions and whatever later editions add */
            break;
        }
    }
}

static void header_read(struct coer *c, struct spdu *m) {
    uint8_t present = coer_preamble(c, HEADER_PADDING);
    m->psid = coer_uint(c);
    m->has_generation_time = (present & HEADER_GENERATION_TIME) != 0;
    if (m->has_generation_time)
        m->generation_time = coer_u64(c);
    m->has_expiry_time = (present & HEADER_EXPIRY_TIME) != 0;
    if (m->has_expiry_time)
        m->expiry_time = coer_u64(c);
    if ((present & HEADER_LOCATION) != 0)
        location_read(c, m);
    m->has_p2pcd_learning = (present & HEADER_P2PCD_LEARNING) != 0;
    if (m->has_p2pcd_learning)
        (void)coer_take(c, 3);
    m->has_missing_crl = (present & HEADER_MISSING_CRL) != 0;
    if (m->has_missing_crl) {
        bool extended = coer_preamble(c, 0x7f) != 0;
        (void)coer_take(c, 3 + 2); /* cracaId, crlSeries */
        if (extended)
            coer_skip_additions(c);
    }
    m->has_encryption_key = (present & HEADER_ENCRYPTION_KEY) != 0;
    if (m->has_encryption_key)
        header_key_read(c, m);
    if ((present & HEADER_EXTENSION) != 0)
        header_additions_read(c, m);
}

static void payload_read(struct coer *c, struct spdu *m, unsigned depth) {
    size_t at = coer_at(c);
    uint8_t present = coer_preamble(c, 0x1f);
    if (present == 0) /* 6.3.7: data, its hash, or an explicit "omitted" */
        coer_set_fail_at(c, at, COER_VALUE);
    if ((present & PAYLOAD_DATA) != 0) {
        struct spdu inner = {0};
        data_read(c, &inner, depth + 1);
        if (inner.content == SPDU_UNSECURED)
            m->payload = inner.payload;
    }
    m->has_ext_hash = (present & PAYLOAD_HASH) != 0;
    if (m->has_ext_hash) {
        size_t tag_at = coer_at(c);
        switch (coer_choice(c)) {
        case 0:
            (void)coer_take(c, 32);
            break;
        case 1: /* SHA-384 and */
        case 2: { /* SM3, both after the extension marker */
            struct coer hash = coer_open(c);
            (void)coer_take(&hash, (size_t)(hash.end - hash.p));
            coer_close(c, &hash);
            break;
        }
        default:
            coer_set_fail_at(c, tag_at, COER_CHOICE);
        }
    }
    if ((present & PAYLOAD_EXTENSION) != 0)
        coer_skip_additions(c);
}

static void signer_read(struct coer *c, struct spdu *m) {
    size_t at = coer_at(c);
    switch (coer_choice(c)) {
    case SIGNER_DIGEST: {
        m->signer = SIGNER_DIGEST;
        struct span id = coer_take(c, 8);
        if (id.p != NULL)
            memcpy(m->digest, id.p, 8);
        break;
    }
    case SIGNER_CERTIFICATE: {
        m->signer = SIGNER_CERTIFICATE;
        size_t count_at = coer_at(c);
        m->n_certs = coer_count(c, SPDU_MAX_CERTS);
        if (m->n_certs == 0)
            coer_set_fail_at(c, count_at, COER_VALUE);
        struct cert further;
        bool ok = true;
        for (size_t i = 0; i < m->n_certs && ok; i++)
            ok = cert_read(c, i == 0 ? &m->cert : &further);
        break;
    }
    case SIGNER_SELF:
        m->signer = SIGNER_SELF;
        break;
    default:
        coer_set_fail_at(c, at, COER_CHOICE);
    }
}

static void signed_read(struct coer *c, struct spdu *m, unsigned depth) {
    size_t at = coer_at(c);
    m->hash_id = coer_u8(c);
    if (m->hash_id > HASH_SM3)
        coer_set_fail_at(c, at, COER_VALUE);
    const uint8_t *from = c->p;
    payload_read(c, m, depth);
    header_read(c, m);
    m->tbs = span_of(from, (size_t)(c->p - from));
    signer_read(c, m);
    ec_signature_read(c, &m->signature);
    if (m->hash_id == HASH_SM3)
        m->unsupported = "hash algorithm SM3";
    else if (m->signature.r.form == EC_FILL)
        m->unsupported = "signature algorithm SM2";
}

static void symmetric_ciphertext_read(struct coer *c) {
    expect_choice(c, 0, 0); /* aes128Ccm: nonce, then ciphertext with its tag */
    (void)coer_take(c, 12);
    (void)coer_octets(c);
}

static void encrypted_key_read(struct coer *c) {
    struct ec_point v;
    expect_choice(c, 0, 1); /* ECIES on NIST P-256, Brainpool P256r1 */
    ec_point_read(c, 32, &v);
    (void)coer_take(c, 16 + 16);
}

/* Encrypted data is not decrypted here; it is walked through to know where it ends. */
static void encrypted_read(struct coer *c) {
    size_t n = coer_count(c, SPDU_MAX_OCTETS);
    for (size_t i = 0; i < n && c->fail == COER_OK; i++) {
        size_t at = coer_at(c);
        unsigned kind = coer_choice(c);
        (void)coer_take(c, 8); /* every kind of recipient begins with a HashedId8 */
        if (kind == 1) /* symmRecipInfo */
            symmetric_ciphertext_read(c);
        else if (kind >= 2 && kind <= 4) /* certificate, signed data, response key */
            encrypted_key_read(c);
        else if (kind != 0) /* pre-shared key */
            coer_set_fail_at(c, at, COER_CHOICE);
    }
    symmetric_ciphertext_read(c);
}

static void data_read(struct coer *c, struct spdu *m, unsigned depth) {
    const uint8_t *from = c->p;
    size_t at = coer_at(c);
    if (depth >= SPDU_MAX_DEPTH) {
        coer_set_fail(c, COER_DEPTH);
        return;
    }
    if (coer_u8(c) != 3)
        coer_set_fail_at(c, at, COER_VALUE);
    at = coer_at(c);
    unsigned content = coer_choice(c);
    switch (content) {
    case SPDU_UNSECURED:
        m->payload = coer_octets(c);
        break;
    case SPDU_SIGNED:
        signed_read(c, m, depth);
        break;
    case SPDU_ENCRYPTED:
        encrypted_read(c);
        break;
    case SPDU_CERT_REQUEST: /* length and octets, */
    case SPDU_X509_REQUEST: /* as has the open type after the extension marker */
        (void)coer_octets(c);
        break;
    default:
        coer_set_fail_at(c, at, COER_CHOICE);
        return;
    }
    m->content = (enum spdu_content)content;
    m->all = span_of(from, (size_t)(c->p - from));
}

static enum coer_fail parse(
    struct span octets, size_t max, struct spdu *ret_spdu, size_t *ret_fail_at) {
    struct coer c = coer_of(octets);
    memset(ret_spdu, 0, offsetof(struct spdu, cert));
    ret_spdu->encryption_key.form = EC_FILL;
    ret_spdu->cert.all = (struct span){NULL, 0};
    if (octets.n > max)
        coer_set_fail(&c, COER_LENGTH_FORM);
    data_read(&c, ret_spdu, 0);
    *ret_fail_at = c.fail_at;
    return c.fail;
}

enum coer_fail spdu_parse(struct span octets, struct spdu *ret_spdu, size_t *ret_fail_at) {
    return parse(octets, SPDU_MAX_OCTETS, ret_spdu, ret_fail_at);
}

enum coer_fail spdu_parse_list(struct span octets, struct spdu *ret_spdu, size_t *ret_fail_at) {
    return parse(octets, SPDU_MAX_LIST_OCTETS, ret_spdu, ret_fail_at);
}

/* Hash of ToBeSignedData: as received, but for a public encryption key in the header, which counts in
 * compressed form (6.3.4). */
static void tbs_hash(const struct spdu *m, bool sha384, uint8_t *ret_hash) {
    struct span tbs = m->tbs;
    struct buf b = {0};
    const struct ec_point *key = &m->encryption_key;
    if (key->form == EC_UNCOMPRESSED) {
        const uint8_t *point = key->octets.p - 1;
        const uint8_t *rest = key->octets.p + key->octets.n;
        buf_put(&b, tbs.p, (size_t)(point - tbs.p));
        ec_point_put_compressed(&b, key);
        buf_put(&b, rest, (size_t)(tbs.p + tbs.n - rest));
        tbs = buf_span(&b);
    }
    if (sha384)
        v2x_sha384(tbs, (struct span){NULL, 0}, ret_hash);
    else
        v2x_sha256(tbs, (struct span){NULL, 0}, ret_hash);
    buf_free(&b);
}

bool spdu_digest(
    const struct spdu *m, struct span signer_hash, uint8_t ret_digest[static 48], size_t *ret_len) {
    uint8_t tbs[48];
    bool sha384 = m->hash_id == 1;
    size_t n = sha384 ? 48 : 32;
    if (signer_hash.n != n || m->hash_id > 1)
        return false;
    tbs_hash(m, sha384, tbs);
    if (sha384)
        v2x_sha384(span_of(tbs, n), signer_hash, ret_digest);
    else
        v2x_sha256(span_of(tbs, n), signer_hash, ret_digest);
    *ret_len = n;
    return true;
}

void spdu_identity(
    const struct spdu *m, const uint8_t cert_hash256[static 32], uint8_t ret_id[static 32]) {
    uint8_t tbs[32];
    tbs_hash(m, false, tbs);
    v2x_sha256(span_of(tbs, 32), span_of(cert_hash256, 32), ret_id);
}

bool spdu_peek_psid(struct span octets, uint64_t *ret_psid) {
    static const uint8_t before[] = {3, 0x81}, within[] = {PAYLOAD_DATA, 3, 0x80};
    struct coer c = coer_of(octets);
    if (octets.n < 16 || memcmp(octets.p, before, sizeof(before)) != 0 ||
        memcmp(octets.p + 3, within, sizeof(within)) != 0)
        return false;
    (void)coer_take(&c, 6);
    (void)coer_octets(&c); /* the payload */
    (void)coer_preamble(&c, 0);
    *ret_psid = coer_uint(&c);
    return c.fail == COER_OK;
}
