/* Hashes over certificates. What is hashed is the canonical form (6.4.3): curve points compressed, rSig as
 * x-only. Deployed certificates are canonical already, so the received octets are hashed in place and
 * only others are encoded anew. */
#include "v2x/cert_parts.h"
#include "v2x/verify.h"

static bool tbs_is_canonical(const struct cert *c) {
    return !c->key_uncompressed &&
           (!c->has_encryption_key || c->encryption_key.form != EC_UNCOMPRESSED);
}

static bool is_canonical(const struct cert *c) {
    bool read = (c->unsupported & CERT_SM2_SIGNATURE) == 0;
    return tbs_is_canonical(c) && (!c->has_signature || !read || c->signature.r.form == EC_X_ONLY);
}

/* What comes from the air is encoded anew in memory of the caller's, for a bad frame must not cost an allocation. The
 * canonical form is no longer than what was received: points only get shorter. */
enum { ROOM = 4096, POINT_ROOM = 128 };

static struct buf buf_in(uint8_t *room, size_t size, size_t need) {
    return need <= size ? (struct buf){.p = room, .cap = size} : (struct buf){0};
}

static void buf_done(struct buf *b, const uint8_t *room) {
    if (b->p != room)
        buf_free(b);
}

/* CHOICE of the curve; alternatives after the extension marker wrap their value in a length. */
static void put_choice(struct buf *b, enum ec_curve curve, struct span value) {
    buf_u8(b, (uint8_t)(0x80 + curve));
    if (curve >= CURVE_BP384)
        coer_put_length(b, value.n);
    buf_put(b, value.p, value.n);
}

static void put_tbs(struct buf *b, const struct cert *c) {
    const uint8_t *from = c->tbs.p;
    if (c->has_encryption_key && c->encryption_key.form == EC_UNCOMPRESSED) {
        const uint8_t *point = c->encryption_key.octets.p - 1; /* its CHOICE octet */
        buf_put(b, from, (size_t)(point - from));
        ec_point_put_compressed(b, &c->encryption_key);
        from = c->encryption_key.octets.p + c->encryption_key.octets.n;
    }
    if (c->key_uncompressed) {
        buf_put(b, from, (size_t)(c->key_encoding.p - from));
        uint8_t room[POINT_ROOM];
        struct buf point = buf_in(room, sizeof(room), 1 + EC_MAX_OCTETS);
        ec_point_put_compressed(&point, &c->key);
        if (c->verify_is_reconstruction)
            buf_put(b, point.p, point.n);
        else
            put_choice(b, c->key_curve, buf_span(&point));
        buf_done(&point, room);
        from = c->key_encoding.p + c->key_encoding.n;
    }
    buf_put(b, from, (size_t)(c->tbs.p + c->tbs.n - from));
}

static void put_canonical(struct buf *b, const struct cert *c) {
    buf_put(b, c->all.p, (size_t)(c->tbs.p - c->all.p));
    put_tbs(b, c);
    if (!c->has_signature)
        return;
    if ((c->unsupported & CERT_SM2_SIGNATURE) != 0) {
        const uint8_t *from = c->tbs.p + c->tbs.n;
        buf_put(b, from, (size_t)(c->all.p + c->all.n - from));
        return;
    }
    uint8_t room[POINT_ROOM];
    struct buf value = buf_in(room, sizeof(room), 1 + 2 * EC_MAX_OCTETS);
    buf_u8(&value, 0x80 + EC_X_ONLY);
    buf_put(&value, c->signature.r.octets.p, ec_octets(c->signature.curve));
    buf_put(&value, c->signature.s.p, c->signature.s.n);
    put_choice(b, c->signature.curve, buf_span(&value));
    buf_done(&value, room);
}

static void hash(struct span a, struct span b, bool sha384, uint8_t *ret_hash) {
    if (sha384)
        v2x_sha384(a, b, ret_hash);
    else
        v2x_sha256(a, b, ret_hash);
}

static void cert_hash(const struct cert *c, bool sha384, uint8_t *ret_hash) {
    struct span none = {NULL, 0};
    if (is_canonical(c)) {
        hash(c->all, none, sha384, ret_hash);
        return;
    }
    uint8_t room[ROOM];
    struct buf b = buf_in(room, sizeof(room), c->all.n + POINT_ROOM);
    put_canonical(&b, c);
    hash(buf_span(&b), none, sha384, ret_hash);
    buf_done(&b, room);
}

void cert_hash256(const struct cert *c, uint8_t ret_hash[static 32]) {
    cert_hash(c, false, ret_hash);
}

void cert_hash384(const struct cert *c, uint8_t ret_hash[static 48]) {
    cert_hash(c, true, ret_hash);
}

void cert_digest(const struct cert *c, const uint8_t *issuer_hash, bool sha384,
    uint8_t ret_digest[static 48], size_t *ret_len) {
    struct span none = {NULL, 0};
    size_t n = sha384 ? 48 : 32;
    uint8_t tbs[48], issuer[48];
    if (tbs_is_canonical(c)) {
        hash(c->tbs, none, sha384, tbs);
    } else {
        uint8_t room[ROOM];
        struct buf b = buf_in(room, sizeof(room), c->tbs.n + POINT_ROOM);
        put_tbs(&b, c);
        hash(buf_span(&b), none, sha384, tbs);
        buf_done(&b, room);
    }
    if (issuer_hash != NULL)
        memcpy(issuer, issuer_hash, n);
    else
        hash(none, none, sha384, issuer);
    hash(span_of(tbs, n), span_of(issuer, n), sha384, ret_digest);
    *ret_len = n;
}
