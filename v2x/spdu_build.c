#include "base/assert.h"
#include "v2x/sign_parts.h"
#include "v2x/verify.h"

/* HeaderInfo's additions 0 and 1 (6.3.9), as the edition of 2016 knows them: a bitmap of two bits. */
static void put_additions(struct buf *b, const struct spdu_request *rq) {
    struct buf open = {0};
    WS_ASSERT(rq->ask.n % 3 == 0 && rq->ask.n <= (size_t)8 * 3);
    buf_u8(b, 2); /* length of the bitmap with the count of its unused bits */
    buf_u8(b, 6);
    buf_u8(b, (uint8_t)((rq->ask.n > 0 ? 0x80 : 0) | (rq->give.n > 0 ? 0x40 : 0)));
    if (rq->ask.n > 0) {
        coer_put_count(&open, rq->ask.n / 3);
        buf_put(&open, rq->ask.p, rq->ask.n);
        coer_put_octets(b, buf_span(&open));
    }
    if (rq->give.n > 0)
        coer_put_octets(b, rq->give);
    buf_free(&open);
}

void spdu_put_signed(
    struct buf *b, const struct spdu_request *rq, const struct sign_key *key, struct span cert) {
    struct cert parsed;
    size_t at;
    uint8_t cert_hash[32], tbs_hash[32], digest[32];
    struct span none = {NULL, 0};
    WS_ASSERT(cert_parse(cert, &parsed, &at) == COER_OK);
    cert_hash256(&parsed, cert_hash);
    buf_u8(b, 3);
    buf_u8(b, 0x81); /* signedData */
    buf_u8(b, 0); /* SHA-256 */
    size_t tbs = b->n;
    buf_u8(b, 0x40); /* the payload is data, */
    buf_u8(b, 3);
    buf_u8(b, 0x80); /* unsecured */
    coer_put_octets(b, rq->payload);
    bool additions = rq->ask.n > 0 || rq->give.n > 0;
    buf_u8(b, (uint8_t)((additions ? 0x80 : 0) | 0x40 | (rq->has_location ? 0x10 : 0)));
    coer_put_uint(b, rq->psid);
    buf_u64(b, rq->generation_time);
    if (rq->has_location) {
        buf_i32(b, rq->lat);
        buf_i32(b, rq->lon);
        buf_u16(b, 0xf000); /* elevation unknown, in the edition that can say so */
    }
    if (additions)
        put_additions(b, rq);
    v2x_sha256(span_of(b->p + tbs, b->n - tbs), none, tbs_hash);
    v2x_sha256(span_of(tbs_hash, 32), span_of(cert_hash, 32), digest);
    if (rq->with_certificate) {
        buf_u8(b, 0x81);
        coer_put_count(b, 1);
        buf_put(b, cert.p, cert.n);
    } else {
        buf_u8(b, 0x80);
        buf_put(b, cert_hash + 24, 8);
    }
    put_signature(b, key, digest);
}
