#include "fedlearn/vehicle/mask.h"

#include "base/assert.h"
#include "fedlearn/vehicle/ring_path.h"
#include "ledger/exec/hash.h"

#include <openssl/crypto.h>

int fl_mask_open(struct fl_mask *m, const struct fl_ring *ring, struct ws_err *err) {
    memset(m, 0, sizeof(*m));
    m->ring = ring;
    if (fl_stream_open(&m->round, err) != WS_OK || fl_stream_open(&m->own, err) != WS_OK) {
        fl_mask_close(m);
        return WS_ECRYPTO;
    }
    return WS_OK;
}

void fl_mask_forget(struct fl_mask *m) {
    static const uint8_t zero[FL_SEED_OCTETS];
    if (m->own.cipher != NULL)
        fl_stream_key(&m->own, zero);
    OPENSSL_cleanse(&m->key, sizeof(m->key));
    OPENSSL_cleanse(m->a, sizeof(m->a));
    OPENSSL_cleanse(m->m, sizeof(m->m));
    OPENSSL_cleanse(m->small, sizeof(m->small));
    OPENSSL_cleanse(m->octets, sizeof(m->octets));
    m->holds = FL_HOLDS_NONE;
}

void fl_mask_close(struct fl_mask *m) {
    fl_mask_forget(m);
    fl_stream_close(&m->round);
    fl_stream_close(&m->own);
    m->round_set = false;
}

void fl_mask_round(struct fl_mask *m, const uint8_t round_seed[static 32]) {
    uint8_t in[33];
    uint8_t hash[32];
    memcpy(in, round_seed, 32);
    in[32] = 'A';
    exec_sha256_one(span_of(in, sizeof(in)), hash);
    fl_stream_key(&m->round, hash);
    m->round_set = true;
}

static void words(uint64_t *v, size_t n) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    for (size_t i = 0; i < n; i++)
        v[i] = __builtin_bswap64(v[i]);
#endif
    for (size_t i = 0; i < n; i++)
        v[i] &= (UINT64_C(1) << 50) - 1;
}

/* Public: may branch. A word is skipped about once in 2^29. */
void fl_mask_element(struct fl_mask *m, size_t chunk, uint64_t ret_a[static FL_N]) {
    size_t have = 0;
    WS_ASSERT(m->round_set);
    fl_stream_seek(&m->round, chunk);
    while (have < FL_N) {
        uint64_t *drawn = ret_a + have;
        const size_t n = FL_N - have;
        uint64_t bad = 0;
        fl_stream_read(&m->round, (uint8_t *)drawn, 8 * n);
        words(drawn, n);
        for (size_t i = 0; i < n; i++)
            bad |= FL_Q - 1 - drawn[i];
        if (bad >> 63 == 0)
            return;
        for (size_t i = 0; i < n; i++) {
            ret_a[have] = drawn[i]; /* never ahead of what is read */
            have += drawn[i] < FL_Q;
        }
    }
}

static void draw_small(struct fl_mask *m, uint64_t stream) {
    fl_stream_seek(&m->own, stream);
    fl_stream_read(&m->own, m->octets, 16 * FL_N);
    m->ring->path->binomial(m->octets, m->small);
}

void fl_mask_draw_key(
    struct fl_mask *m, const uint8_t seed[static FL_SEED_OCTETS], int8_t ret_s[FL_N]) {
    fl_stream_key(&m->own, seed);
    draw_small(m, FL_STREAM_KEY);
    if (ret_s != NULL)
        memcpy(ret_s, m->small, FL_N);
    for (size_t i = 0; i < FL_N; i++) {
        const uint64_t s = (uint64_t)(int64_t)m->small[i];
        m->a[i] = s + (FL_Q & (0 - (s >> 63)));
    }
    fl_ring_prepare(m->ring, m->a, &m->key);
    m->holds = FL_HOLDS_SECRET;
}

/* Parameters to coefficients, the coefficients that are not there zero. */
static void fill(const struct fl_path *path, const struct fl_profile *p, const int32_t *u, size_t n,
    int64_t *m) {
    size_t coef = n;
    if (p->fields == 1) {
        path->clamp(u, n, p->limit, m);
    } else {
        coef = 0;
        for (size_t at = 0; at < n; coef++) {
            int64_t v = 0;
            for (unsigned k = 0; k < p->fields && at < n; k++, at++)
                v += fl_clamp(u[at], p->limit) * ((int64_t)1 << k * p->field_bits);
            m[coef] = v;
        }
    }
    memset(m + coef, 0, (FL_N - coef) * sizeof(*m));
}

void fl_mask_encrypt(struct fl_mask *m, const struct fl_profile *p, size_t d, size_t chunk,
    const int32_t *u, uint8_t *wire) {
    const struct fl_path *path = m->ring->path;
    const size_t coefs = fl_chunk_coefs(p, d, chunk);
    WS_ASSERT(m->holds == FL_HOLDS_SECRET);
    fl_mask_element(m, chunk, m->a);
    fl_ring_multiply(m->ring, &m->key, m->a);
    draw_small(m, FL_STREAM_ERROR + chunk);
    fill(path, p, u, fl_chunk_params(p, d, chunk), m->m);
    path->blind(m->a, m->small, m->m, p->delta);
    path->pack(p, m->a, coefs, wire);
}
