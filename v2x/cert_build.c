/* Certificates with SHA-256 hashes, canonical by construction. */
#include "base/assert.h"
#include "v2x/sign_parts.h"
#include "v2x/verify.h"

void put_signature(struct buf *b, const struct sign_key *k, const uint8_t digest[static 32]) {
    uint8_t r[32], s[32];
    sign_digest(k, digest, r, s);
    buf_u8(b, (uint8_t)(0x80 + sign_key_curve(k)));
    buf_u8(b, 0x80 + EC_X_ONLY);
    buf_put(b, r, sizeof(r));
    buf_put(b, s, sizeof(s));
}

static void put_app_permission(struct buf *b, const struct sign_permission *p) {
    bool has_ssp = p->ssp.n > 0;
    buf_u8(b, has_ssp ? 0x80 : 0);
    coer_put_uint(b, p->psid);
    if (!has_ssp)
        return;
    buf_u8(b, p->bitmap ? 0x81 : 0x80);
    if (!p->bitmap) {
        coer_put_octets(b, p->ssp);
        return;
    }
    /* After the extension marker, hence inside an open type. */
    struct buf inner = {0};
    coer_put_octets(&inner, p->ssp);
    coer_put_octets(b, buf_span(&inner));
    buf_free(&inner);
}

/* One group: all PSIDs, application certificates. Default values are left out, as canonical OER has it. */
static void put_issue_permissions(struct buf *b, const struct cert_request *rq) {
    bool has_min = rq->issue_min_chain != 1;
    bool has_range = rq->issue_chain_range != 0;
    coer_put_count(b, 1);
    buf_u8(b, (uint8_t)((has_min ? 0x80 : 0) | (has_range ? 0x40 : 0)));
    buf_u8(b, 0x81);
    if (has_min)
        coer_put_int(b, rq->issue_min_chain);
    if (has_range)
        coer_put_int(b, rq->issue_chain_range);
}

/* subject: the holder's key, or the reconstruction value of an implicit certificate. */
static void put_tbs(struct buf *b, const struct cert_request *rq, const struct sign_key *subject,
    enum cert_type type) {
    uint8_t present = 0;
    if (rq->has_circle)
        present |= 0x40;
    if (rq->n_app > 0)
        present |= 0x10;
    if (rq->issue_all)
        present |= 0x08;
    buf_u8(b, present);
    if (rq->name != NULL) {
        buf_u8(b, 0x80 + CERT_ID_NAME);
        coer_put_octets(b, span_of(rq->name, strlen(rq->name)));
    } else {
        buf_u8(b, 0x80 + CERT_ID_NONE);
    }
    static const uint8_t no_crl[3 + 2];
    buf_put(b, no_crl, sizeof(no_crl));
    buf_u32(b, rq->valid_from_s);
    buf_u8(b, 0x84);
    buf_u16(b, rq->valid_hours);
    if (rq->has_circle) {
        buf_u8(b, 0x80);
        buf_i32(b, rq->circle_lat);
        buf_i32(b, rq->circle_lon);
        buf_u16(b, rq->circle_radius_m);
    }
    if (rq->n_app > 0)
        coer_put_count(b, rq->n_app);
    for (size_t i = 0; i < rq->n_app; i++)
        put_app_permission(b, &rq->app[i]);
    if (rq->issue_all)
        put_issue_permissions(b, rq);
    struct ec_point_octets key = sign_key_public(subject);
    if (type == CERT_EXPLICIT) {
        buf_u8(b, 0x80); /* verificationKey */
        buf_u8(b, (uint8_t)(0x80 + sign_key_curve(subject)));
    } else {
        buf_u8(b, 0x81); /* reconstructionValue */
    }
    buf_u8(b, (uint8_t)(0x80 + key.form));
    buf_put(b, key.x, sizeof(key.x));
}

static void put_issuer(struct buf *b, struct span issuer_cert, uint8_t ret_hash[static 32]) {
    struct cert parsed;
    size_t at;
    WS_ASSERT(cert_parse(issuer_cert, &parsed, &at) == COER_OK);
    cert_hash256(&parsed, ret_hash);
    buf_u8(b, 0x80 + ISSUER_SHA256);
    buf_put(b, ret_hash + 24, 8);
}

struct sign_key *cert_put_implicit(struct buf *b, const struct cert_request *rq,
    const struct sign_key *issuer, struct span issuer_cert, struct ws_random *rnd) {
    uint8_t issuer_hash[32], tbs_hash[32], e[32];
    struct span none = {NULL, 0};
    size_t start = b->n;
    WS_ASSERT(rq->n_app <= CERT_MAX_PERMISSIONS);
    for (;;) {
        struct sign_key *ephemeral = sign_key_new(sign_key_curve(issuer), rnd);
        b->n = start;
        buf_u8(b, 0); /* no signature */
        buf_u8(b, 3);
        buf_u8(b, CERT_IMPLICIT);
        put_issuer(b, issuer_cert, issuer_hash);
        size_t tbs = b->n;
        put_tbs(b, rq, ephemeral, CERT_IMPLICIT);
        v2x_sha256(span_of(b->p + tbs, b->n - tbs), none, tbs_hash);
        v2x_sha256(span_of(tbs_hash, 32), span_of(issuer_hash, 32), e);
        struct sign_key *key = sign_key_derive(ephemeral, e, issuer);
        sign_key_free(ephemeral);
        if (key != NULL)
            return key;
    }
}

void cert_put(struct buf *b, const struct cert_request *rq, const struct sign_key *subject,
    const struct sign_key *issuer, struct span issuer_cert) {
    uint8_t issuer_hash[32], tbs_hash[32], digest[32];
    struct span none = {NULL, 0};
    WS_ASSERT(rq->n_app <= CERT_MAX_PERMISSIONS);
    buf_u8(b, 0x80); /* a signature follows */
    buf_u8(b, 3);
    buf_u8(b, CERT_EXPLICIT);
    if (issuer == NULL) {
        buf_u8(b, 0x80 + ISSUER_SELF);
        buf_u8(b, CERT_HASH_SHA256);
        v2x_sha256(none, none, issuer_hash);
    } else {
        put_issuer(b, issuer_cert, issuer_hash);
    }
    size_t tbs = b->n;
    put_tbs(b, rq, subject, CERT_EXPLICIT);
    v2x_sha256(span_of(b->p + tbs, b->n - tbs), none, tbs_hash);
    v2x_sha256(span_of(tbs_hash, 32), span_of(issuer_hash, 32), digest);
    put_signature(b, issuer == NULL ? subject : issuer, digest);
}
