#include "tests/unit/v2x/cert_parts.h"

#include "tests/support/cm.h"

#include "base/assert.h"
#include "v2x/sign_parts.h"
#include "v2x/verify.h"

static bool given(const char *hex) {
    return hex != NULL && hex[0] != '\0';
}

static void put_hex(struct buf *b, const char *hex, const char *usual) {
    struct buf octets = test_unhex(given(hex) ? hex : usual);
    buf_put(b, octets.p, octets.n);
    buf_free(&octets);
}

static void put_tbs(struct buf *b, const struct cert_parts *p, const struct sign_key *subject) {
    buf_u8(b, (uint8_t)((given(p->additions) ? 0x80 : 0) | (given(p->region) ? 0x40 : 0) |
                        (given(p->assurance) ? 0x20 : 0) | (given(p->app) ? 0x10 : 0) |
                        (given(p->issue) ? 0x08 : 0) | (given(p->request) ? 0x04 : 0) |
                        (p->rollover ? 0x02 : 0) | (given(p->encryption_key) ? 0x01 : 0)));
    put_hex(b, p->id, "83");
    put_hex(b, p->crl, "0000000000");
    buf_u32(b, p->from_s);
    put_hex(b, p->duration, "840064");
    put_hex(b, p->region, "");
    put_hex(b, p->assurance, "");
    put_hex(b, p->app, "");
    put_hex(b, p->issue, "");
    put_hex(b, p->request, "");
    put_hex(b, p->encryption_key, "");
    if (given(p->key)) {
        put_hex(b, p->key, "");
    } else {
        struct ec_point_octets key = sign_key_public(subject);
        buf_u8(b, 0x80);
        buf_u8(b, (uint8_t)(0x80 + sign_key_curve(subject)));
        buf_u8(b, (uint8_t)(0x80 + key.form));
        buf_put(b, key.x, sizeof(key.x));
    }
    put_hex(b, p->additions, "");
}

void cert_put_parts(struct buf *b, const struct cert_parts *p, const struct sign_key *subject,
    const struct sign_key *issuer, struct span issuer_cert) {
    uint8_t issuer_hash[32], tbs_hash[32], digest[32];
    struct span none = {NULL, 0};
    struct cert above;
    size_t at;
    v2x_sha256(none, none, issuer_hash);
    if (issuer != NULL) {
        WS_ASSERT(cert_parse(issuer_cert, &above, &at) == COER_OK);
        cert_hash256(&above, issuer_hash);
    }
    buf_put(b, "\x80\x03\x00", 3);
    if (given(p->issuer)) {
        put_hex(b, p->issuer, "");
    } else if (issuer == NULL) {
        buf_put(b, "\x81\x00", 2);
    } else {
        buf_u8(b, 0x80);
        buf_put(b, issuer_hash + 24, 8);
    }
    size_t tbs = b->n;
    put_tbs(b, p, subject);
    if (given(p->signature)) {
        put_hex(b, p->signature, "");
        return;
    }
    v2x_sha256(span_of(b->p + tbs, b->n - tbs), none, tbs_hash);
    v2x_sha256(span_of(tbs_hash, 32), span_of(issuer_hash, 32), digest);
    put_signature(b, issuer == NULL ? subject : issuer, digest);
}
