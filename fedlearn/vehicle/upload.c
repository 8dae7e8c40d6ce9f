#include "fedlearn/vehicle/upload.h"

#include "base/assert.h"

#include <sodium.h>

enum { TAG = crypto_aead_chacha20poly1305_ietf_ABYTES, ED25519 = 1 };

const char *fl_upload_reason_name(enum fl_upload_reason r) {
    static const char *const names[] = {
#define X(id, text) [(id)] = (text),
        FL_UPLOAD_REASONS(X)
#undef X
    };
    return (unsigned)r < FL_UPLOAD_REASON_COUNT ? names[r] : "unknown";
}

bool fl_upload_is_final(enum fl_upload_reason r) {
    return r == FL_UPLOAD_ROUND_OVER || r == FL_UPLOAD_TOO_LARGE || r == FL_UPLOAD_WRONG_LENGTH ||
           r == FL_UPLOAD_OTHER || r == FL_UPLOAD_EXCLUDED;
}

/* ---- keys ---- */

void fl_upload_name(const uint8_t cell[static 32], const uint8_t id[static 32],
    const uint8_t upload_key[static 32], uint8_t ret_name[static 32]) {
    const struct span parts[] = {span_of(cell, 32), span_of(id, 32), span_of(upload_key, 32)};
    fl_hash(FL_FOR_UPLOAD, parts, ARRAY_LEN(parts), ret_name);
}

void fl_upload_draw(struct ws_random *random, struct fl_upload_pair *ret) {
    int rc = sodium_init();
    WS_ASSERT(rc >= 0);
    ws_random_bytes(random, ret->secret, sizeof(ret->secret));
    rc = crypto_scalarmult_base(ret->public, ret->secret);
    WS_ASSERT(rc == 0);
}

static void hmac(const uint8_t key[static 32], struct span a, struct span b, const uint8_t *last,
    uint8_t ret[static 32]) {
    crypto_auth_hmacsha256_state h;
    crypto_auth_hmacsha256_init(&h, key, 32);
    crypto_auth_hmacsha256_update(&h, a.p, a.n);
    crypto_auth_hmacsha256_update(&h, b.p, b.n);
    crypto_auth_hmacsha256_update(&h, last, last != NULL);
    crypto_auth_hmacsha256_final(&h, ret);
    sodium_memzero(&h, sizeof(h));
}

/* RFC 5869 without salt: two blocks, one for each direction. */
bool fl_upload_agree(const struct fl_upload_pair *own, const uint8_t other[static 32], bool is_unit,
    const uint8_t cell[static 32], const uint8_t name[static 32], struct fl_upload_keys *ret) {
    static const uint8_t no_salt[32];
    static const uint8_t one = 1, two = 2;
    uint8_t shared[32], prk[32], info[FL_DOMAIN_OCTETS + 4 * 32];
    const struct span none = {no_salt, 0};
    if (crypto_scalarmult(shared, own->secret, other) != 0)
        return false;
    fl_domain(FL_FOR_UPLOAD_KEYS, info);
    memcpy(info + FL_DOMAIN_OCTETS, cell, 32);
    memcpy(info + FL_DOMAIN_OCTETS + 32, name, 32);
    memcpy(info + FL_DOMAIN_OCTETS + 64, is_unit ? other : own->public, 32);
    memcpy(info + FL_DOMAIN_OCTETS + 96, is_unit ? own->public : other, 32);
    hmac(no_salt, span_of(shared, sizeof(shared)), none, NULL, prk);
    hmac(prk, none, span_of(info, sizeof(info)), &one, ret->up);
    hmac(prk, span_of(ret->up, 32), span_of(info, sizeof(info)), &two, ret->down);
    sodium_memzero(shared, sizeof(shared));
    sodium_memzero(prk, sizeof(prk));
    return true;
}

/* Kind and number are never the same for two texts under one key. */
static void nonce_of(enum fl_upload_kind kind, uint64_t number,
    uint8_t ret[static crypto_aead_chacha20poly1305_ietf_NPUBBYTES]) {
    memset(ret, 0, 4);
    ret[0] = (uint8_t)kind;
    put_be64(ret + 4, number);
}

/* The head of the datagram (its first n octets) goes with it unsealed. */
static void seal(uint8_t *octets, size_t head, enum fl_upload_kind kind, uint64_t number,
    struct span text, const uint8_t key[static 32]) {
    uint8_t nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];
    nonce_of(kind, number, nonce);
    int rc = crypto_aead_chacha20poly1305_ietf_encrypt(
        octets + head, NULL, text.p, text.n, octets, head, NULL, nonce, key);
    WS_ASSERT(rc == 0);
}

static bool unseal(struct span octets, size_t head, enum fl_upload_kind kind, uint64_t number,
    const uint8_t key[static 32], uint8_t *ret_text) {
    uint8_t nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];
    nonce_of(kind, number, nonce);
    return crypto_aead_chacha20poly1305_ietf_decrypt(ret_text, NULL, NULL, octets.p + head,
               octets.n - head, octets.p, head, nonce, key) == 0;
}

/* ---- pieces ---- */

static uint32_t pieces_of(uint32_t octets) {
    return (uint32_t)fl_leaf_count(octets);
}

uint32_t fl_upload_pieces(const struct fl_upload_shape *s) {
    return pieces_of(s->cover + s->bundles) + pieces_of(s->wire);
}

size_t fl_upload_piece(const struct fl_upload_shape *s, uint32_t i, size_t *ret_at) {
    const uint32_t head = s->cover + s->bundles;
    const uint32_t first = pieces_of(head);
    WS_ASSERT(i < fl_upload_pieces(s));
    const size_t at = (size_t)(i < first ? i : i - first) * FL_UPLOAD_PIECE;
    const size_t left = (i < first ? head : s->wire) - at;
    *ret_at = at + (i < first ? 0 : head);
    return left < FL_UPLOAD_PIECE ? left : FL_UPLOAD_PIECE;
}

/* ---- writing and reading ---- */

struct out {
    uint8_t *p;
    size_t n;
};
static void put(struct out *o, const void *p, size_t n) {
    memcpy(o->p + o->n, p, n);
    o->n += n;
}
static void put_u8(struct out *o, uint8_t v) {
    o->p[o->n++] = v;
}
static void put_u32(struct out *o, uint32_t v) {
    put_be32(o->p + o->n, v);
    o->n += 4;
}
static void put_u64(struct out *o, uint64_t v) {
    put_be64(o->p + o->n, v);
    o->n += 8;
}
static struct out begin(uint8_t *octets, enum fl_upload_kind kind, const uint8_t name[static 32]) {
    struct out o = {octets, 0};
    put_u8(&o, FL_UPLOAD_VERSION);
    put_u8(&o, (uint8_t)kind);
    put(&o, name, 32);
    return o;
}

bool fl_upload_head(
    struct span octets, enum fl_upload_kind *ret_kind, uint8_t ret_name[static 32]) {
    if (octets.n < FL_UPLOAD_HEAD || octets.n > FL_UPLOAD_DATAGRAM_MAX ||
        octets.p[0] != FL_UPLOAD_VERSION || octets.p[1] < FL_UPLOAD_ASK ||
        octets.p[1] > FL_UPLOAD_RECEIPT)
        return false;
    *ret_kind = (enum fl_upload_kind)octets.p[1];
    memcpy(ret_name, octets.p + 2, 32);
    return true;
}

static bool opened(
    struct span octets, enum fl_upload_kind want, struct rd *ret, uint8_t ret_name[static 32]) {
    enum fl_upload_kind kind;
    if (!fl_upload_head(octets, &kind, ret_name) || kind != want)
        return false;
    *ret = rd_of(octets);
    (void)rd_take(ret, FL_UPLOAD_HEAD);
    return true;
}

static bool zeros_follow(struct rd *r, size_t n) {
    const struct span s = rd_take(r, n);
    return !r->bad && (n == 0 || sodium_is_zero(s.p, n) == 1);
}

/* ---- in the clear ---- */

void fl_upload_ask_put(
    const struct fl_upload_ask *a, uint8_t ret_octets[static FL_UPLOAD_REQUEST_OCTETS]) {
    struct out o = begin(ret_octets, FL_UPLOAD_ASK, a->name);
    put_u64(&o, a->nonce);
    put_u32(&o, a->length);
    memset(o.p + o.n, 0, FL_UPLOAD_REQUEST_OCTETS - o.n);
}

bool fl_upload_ask_read(struct span octets, struct fl_upload_ask *ret) {
    struct rd r;
    if (octets.n != FL_UPLOAD_REQUEST_OCTETS || !opened(octets, FL_UPLOAD_ASK, &r, ret->name))
        return false;
    ret->nonce = rd_u64(&r);
    ret->length = rd_u32(&r);
    return zeros_follow(&r, rd_left(&r)) && rd_done(&r);
}

void fl_unit_key_signed(const uint8_t cell[static 32], const struct fl_unit_key *k,
    uint8_t ret_octets[static FL_UNIT_KEY_SIGNED]) {
    struct out o = {ret_octets, FL_DOMAIN_OCTETS};
    fl_domain(FL_FOR_UNIT_KEY, ret_octets);
    put(&o, cell, 32);
    put(&o, k->key, sizeof(k->key));
    put_u64(&o, k->since_us);
}

void fl_upload_welcome_put(
    const struct fl_upload_welcome *w, uint8_t ret_octets[static FL_UPLOAD_WELCOME_OCTETS]) {
    struct out o = begin(ret_octets, FL_UPLOAD_WELCOME, w->name);
    put_u64(&o, w->nonce);
    put(&o, w->unit.key, sizeof(w->unit.key));
    put_u8(&o, w->unit.alg);
    put(&o, w->unit.signer, sizeof(w->unit.signer));
    put_u64(&o, w->unit.since_us);
    put(&o, w->unit.signature, sizeof(w->unit.signature));
}

bool fl_upload_welcome_read(struct span octets, struct fl_upload_welcome *ret) {
    struct rd r;
    if (!opened(octets, FL_UPLOAD_WELCOME, &r, ret->name))
        return false;
    ret->nonce = rd_u64(&r);
    rd_copy(&r, ret->unit.key, sizeof(ret->unit.key));
    ret->unit.alg = rd_u8(&r);
    rd_copy(&r, ret->unit.signer, sizeof(ret->unit.signer));
    ret->unit.since_us = rd_u64(&r);
    rd_copy(&r, ret->unit.signature, sizeof(ret->unit.signature));
    return rd_done(&r);
}

static bool signed_by_member(const struct fl_round *round, uint8_t alg,
    const uint8_t signer[static 32], struct span octets, const uint8_t signature[static 64]) {
    /* The address of a validator, docs/formats/ledger.md. */
    static const uint8_t tag[16] = "WAYSIDE-ADDRESS";
    uint8_t address[32];
    crypto_hash_sha256_state h;
    bool is_member = false;
    crypto_hash_sha256_init(&h);
    crypto_hash_sha256_update(&h, tag, sizeof(tag));
    crypto_hash_sha256_update(&h, &alg, 1);
    crypto_hash_sha256_update(&h, signer, 32);
    crypto_hash_sha256_final(&h, address);
    for (size_t v = 0; v < round->n; v++)
        is_member = is_member || memcmp(round->seat[v].address, address, sizeof(address)) == 0;
    return is_member && alg == ED25519 &&
           crypto_sign_verify_detached(signature, octets.p, octets.n, signer) == 0;
}

bool fl_unit_key_check(const struct fl_unit_key *k, const struct fl_round *round, uint64_t its_us) {
    uint8_t octets[FL_UNIT_KEY_SIGNED];
    if (k->since_us > its_us + FL_UPLOAD_SKEW_US ||
        its_us > k->since_us + FL_UPLOAD_KEY_US + FL_UPLOAD_SKEW_US)
        return false;
    fl_unit_key_signed(round->cell, k, octets);
    return signed_by_member(
        round, k->alg, k->signer, span_of(octets, sizeof(octets)), k->signature);
}

static void put_reason(struct out *o, const struct fl_upload_refusal *r) {
    put_u8(o, (uint8_t)r->reason);
    put_u32(o, r->wait_ms);
}

static bool read_reason(struct rd *r, struct fl_upload_refusal *ret) {
    const uint8_t reason = rd_u8(r);
    ret->wait_ms = rd_u32(r);
    if (!rd_done(r) || reason == FL_UPLOAD_NONE || reason >= FL_UPLOAD_REASON_COUNT)
        return false;
    ret->reason = (enum fl_upload_reason)reason;
    return true;
}

void fl_upload_refusal_put(
    const struct fl_upload_refusal *r, uint8_t ret_octets[static FL_UPLOAD_REFUSAL_OCTETS]) {
    struct out o = begin(ret_octets, FL_UPLOAD_REFUSAL, r->name);
    put_u64(&o, r->nonce);
    put_reason(&o, r);
}

bool fl_upload_refusal_read(struct span octets, struct fl_upload_refusal *ret) {
    struct rd r;
    if (!opened(octets, FL_UPLOAD_REFUSAL, &r, ret->name))
        return false;
    ret->nonce = rd_u64(&r);
    return read_reason(&r, ret);
}

/* ---- sealed ---- */

void fl_upload_denial_put(const struct fl_upload_refusal *r, const struct fl_upload_keys *keys,
    uint8_t ret_octets[static FL_UPLOAD_DENIAL_OCTETS]) {
    struct out o = begin(ret_octets, FL_UPLOAD_DENIAL, r->name);
    uint8_t text[5];
    struct out t = {text, 0};
    put_u64(&o, r->nonce);
    put_reason(&t, r);
    seal(ret_octets, o.n, FL_UPLOAD_DENIAL, r->nonce, span_of(text, sizeof(text)), keys->down);
}

bool fl_upload_denial_read(
    struct span octets, const struct fl_upload_keys *keys, struct fl_upload_refusal *ret) {
    struct rd r;
    uint8_t text[5];
    if (octets.n != FL_UPLOAD_DENIAL_OCTETS || !opened(octets, FL_UPLOAD_DENIAL, &r, ret->name))
        return false;
    ret->nonce = rd_u64(&r);
    if (!unseal(octets, FL_UPLOAD_HEAD + 8, FL_UPLOAD_DENIAL, ret->nonce, keys->down, text))
        return false;
    r = rd_of(span_of(text, sizeof(text)));
    return read_reason(&r, ret);
}

void fl_upload_probe_put(const uint8_t name[static 32], uint64_t number,
    const struct fl_upload_keys *keys, uint8_t ret_octets[static FL_UPLOAD_REQUEST_OCTETS]) {
    const size_t head = FL_UPLOAD_REQUEST_OCTETS - TAG;
    struct out o = begin(ret_octets, FL_UPLOAD_PROBE, name);
    put_u64(&o, number);
    memset(o.p + o.n, 0, head - o.n);
    seal(ret_octets, head, FL_UPLOAD_PROBE, number, span_of(ret_octets, 0), keys->up);
}

bool fl_upload_probe_read(
    struct span octets, const struct fl_upload_keys *keys, uint64_t *ret_number) {
    struct rd r;
    uint8_t name[32], nothing[1];
    if (octets.n != FL_UPLOAD_REQUEST_OCTETS || !opened(octets, FL_UPLOAD_PROBE, &r, name))
        return false;
    *ret_number = rd_u64(&r);
    return zeros_follow(&r, rd_left(&r) - TAG) && *ret_number > 0 &&
           unseal(octets, octets.n - TAG, FL_UPLOAD_PROBE, *ret_number, keys->up, nothing);
}

size_t fl_upload_part_put(const uint8_t name[static 32], uint32_t index, struct span piece,
    const struct fl_upload_keys *keys, uint8_t ret_octets[static FL_UPLOAD_PART_OCTETS_MAX]) {
    struct out o = begin(ret_octets, FL_UPLOAD_PART, name);
    WS_ASSERT(piece.n > 0 && piece.n <= FL_UPLOAD_PIECE);
    put_u32(&o, index);
    seal(ret_octets, o.n, FL_UPLOAD_PART, index, piece, keys->up);
    return o.n + piece.n + TAG;
}

bool fl_upload_part_peek(
    struct span octets, const struct fl_upload_shape *shape, uint32_t *ret_index, size_t *ret_n) {
    struct rd r;
    uint8_t name[32];
    size_t at = 0;
    if (!opened(octets, FL_UPLOAD_PART, &r, name))
        return false;
    *ret_index = rd_u32(&r);
    if (r.bad || *ret_index >= fl_upload_pieces(shape))
        return false;
    *ret_n = fl_upload_piece(shape, *ret_index, &at);
    return rd_left(&r) == *ret_n + TAG;
}

bool fl_upload_part_open(
    struct span octets, const struct fl_upload_keys *keys, uint8_t *ret_piece) {
    return unseal(octets, FL_UPLOAD_HEAD + 4, FL_UPLOAD_PART, be32(octets.p + FL_UPLOAD_HEAD),
        keys->up, ret_piece);
}

size_t fl_upload_have_put(const struct fl_upload_have *h, const struct fl_upload_keys *keys,
    uint8_t ret_octets[static FL_UPLOAD_HAVE_OCTETS_MAX]) {
    struct out o = begin(ret_octets, FL_UPLOAD_HAVE, h->name);
    uint8_t text[12 + sizeof(h->bits)];
    struct out t = {text, 0};
    size_t n = sizeof(h->bits);
    while (n > 0 && h->bits[n - 1] == 0)
        n--;
    put_u64(&o, h->number);
    put_u64(&t, h->probe);
    put_u32(&t, h->first);
    put(&t, h->bits, n);
    seal(ret_octets, o.n, FL_UPLOAD_HAVE, h->number, span_of(text, t.n), keys->down);
    return o.n + t.n + TAG;
}

bool fl_upload_have_read(
    struct span octets, const struct fl_upload_keys *keys, struct fl_upload_have *ret) {
    struct rd r;
    uint8_t text[12 + sizeof(ret->bits)];
    const size_t head = FL_UPLOAD_HEAD + 8;
    if (octets.n < head + 12 + TAG || octets.n > FL_UPLOAD_HAVE_OCTETS_MAX ||
        !opened(octets, FL_UPLOAD_HAVE, &r, ret->name))
        return false;
    const size_t n = octets.n - head - TAG;
    ret->number = rd_u64(&r);
    if (!unseal(octets, head, FL_UPLOAD_HAVE, ret->number, keys->down, text))
        return false;
    r = rd_of(span_of(text, n));
    ret->probe = rd_u64(&r);
    ret->first = rd_u32(&r);
    memset(ret->bits, 0, sizeof(ret->bits));
    rd_copy(&r, ret->bits, n - 12);
    return rd_done(&r) && (n == 12 || text[n - 1] != 0);
}

/* ---- the receipt ---- */

static void put_receipt(struct out *o, const struct fl_receipt *r) {
    put_u64(o, r->round);
    put(o, r->id, sizeof(r->id));
    put_u32(o, r->octets);
    put_u64(o, r->time_us);
    put_u64(o, r->deadline_us);
}

void fl_receipt_signed(const uint8_t cell[static 32], const struct fl_receipt *r,
    uint8_t ret_octets[static FL_RECEIPT_SIGNED]) {
    struct out o = {ret_octets, FL_DOMAIN_OCTETS};
    fl_domain(FL_FOR_RECEIPT, ret_octets);
    put(&o, cell, 32);
    put_receipt(&o, r);
}

void fl_upload_receipt_put(const uint8_t name[static 32], uint64_t nonce,
    const struct fl_receipt *r, uint8_t ret_octets[static FL_UPLOAD_RECEIPT_OCTETS]) {
    struct out o = begin(ret_octets, FL_UPLOAD_RECEIPT, name);
    put_u64(&o, nonce);
    put_receipt(&o, r);
    put_u8(&o, r->alg);
    put(&o, r->signer, sizeof(r->signer));
    put(&o, r->signature, sizeof(r->signature));
}

bool fl_upload_receipt_read(struct span octets, struct fl_receipt *ret) {
    struct rd r;
    uint8_t name[32];
    if (!opened(octets, FL_UPLOAD_RECEIPT, &r, name))
        return false;
    (void)rd_u64(&r); /* nonce: the signature says all there is to say */
    ret->round = rd_u64(&r);
    rd_copy(&r, ret->id, sizeof(ret->id));
    ret->octets = rd_u32(&r);
    ret->time_us = rd_u64(&r);
    ret->deadline_us = rd_u64(&r);
    ret->alg = rd_u8(&r);
    rd_copy(&r, ret->signer, sizeof(ret->signer));
    rd_copy(&r, ret->signature, sizeof(ret->signature));
    return rd_done(&r);
}

bool fl_receipt_check(const struct fl_receipt *r, const struct fl_round *round) {
    uint8_t octets[FL_RECEIPT_SIGNED];
    fl_receipt_signed(round->cell, r, octets);
    return signed_by_member(
        round, r->alg, r->signer, span_of(octets, sizeof(octets)), r->signature);
}
