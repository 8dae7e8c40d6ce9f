/* Key handles: the point as the engines want it, and as OpenSSL wants it once it is asked. */
#include "v2x/verify_parts.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "v2x/ec_curve.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <stdlib.h>

enum { SEC1_MAX = 1 + 2 * EC_MAX_OCTETS, POINTS_MAX = 32 };

static EVP_PKEY *pkey_of(enum ec_curve curve, uint8_t *sec1, size_t n) {
    /* The parameters only borrow; fromdata decompresses and refuses what is not on the curve. */
    char group[32];
    (void)strncpy(group, ec_curve_name(curve), sizeof(group) - 1);
    group[sizeof(group) - 1] = '\0';
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, sec1, n),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *pkey = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1)
        (void)EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params);
    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
    return pkey;
}

/* ---- octets and limbs ---- */

static void limbs_of(uint64_t ret_v[static 4], const uint8_t be[static 32]) {
    for (unsigned i = 0; i < 4; i++)
        ret_v[i] = be64(be + 24 - 8 * (size_t)i);
}

static void octets_of(uint8_t ret_be[static 32], const uint64_t v[static 4]) {
    for (unsigned i = 0; i < 4; i++)
        put_be64(ret_be + 24 - 8 * (size_t)i, v[i]);
}

EVP_PKEY *verify_key_pkey(struct verify_key *key) {
    EVP_PKEY *pkey = atomic_load_explicit(&key->pkey, memory_order_acquire);
    if (pkey != NULL)
        return pkey;
    uint8_t sec1[65] = {4};
    octets_of(sec1 + 1, key->point.x);
    octets_of(sec1 + 33, key->point.y);
    EVP_PKEY *fresh = pkey_of(key->curve, sec1, sizeof(sec1));
    if (fresh == NULL)
        return NULL;
    if (atomic_compare_exchange_strong_explicit(
            &key->pkey, &pkey, fresh, memory_order_acq_rel, memory_order_acquire))
        return fresh;
    EVP_PKEY_free(fresh); /* another thread was first */
    return pkey;
}

/* ---- making ---- */

/* SEC 1 encoding of a point: 02/03 and x, or 04 and both coordinates; 0 if it is none of these. */
static size_t sec1_of(
    enum ec_curve curve, const struct ec_point *point, uint8_t ret_sec1[static SEC1_MAX]) {
    size_t coordinate = ec_octets(curve);
    bool compressed = point->form == EC_Y_EVEN || point->form == EC_Y_ODD;
    if (!compressed && point->form != EC_UNCOMPRESSED)
        return 0;
    if (point->octets.n != (compressed ? coordinate : 2 * coordinate))
        return 0;
    ret_sec1[0] = point->form == EC_UNCOMPRESSED ? 4 : point->form == EC_Y_EVEN ? 2 : 3;
    memcpy(ret_sec1 + 1, point->octets.p, point->octets.n);
    return 1 + point->octets.n;
}

static struct verify_key *key_of(enum ec_curve curve, bool unproven) {
    /* 64 bits do not come round. Starts at 1: 0 marks a free slot of a table. */
    static _Atomic uint64_t last_serial;
    struct verify_key *key = ws_alloc(sizeof(*key));
    key->curve = curve;
    atomic_init(&key->unproven, unproven);
    key->serial = atomic_fetch_add_explicit(&last_serial, 1, memory_order_relaxed) + 1;
    atomic_init(&key->refs, 1);
    atomic_init(&key->pkey, NULL);
    return key;
}

/* 384-bit curves: OpenSSL looks whether the point is on the curve, so its form of the key is there at once. */
static struct verify_key *new_by_openssl(const struct verify_key_source *src) {
    uint8_t sec1[SEC1_MAX];
    size_t n = sec1_of(src->curve, &src->point, sec1);
    EVP_PKEY *pkey = n == 0 ? NULL : pkey_of(src->curve, sec1, n);
    if (pkey == NULL)
        return NULL;
    struct verify_key *key = key_of(src->curve, src->unproven);
    atomic_init(&key->pkey, pkey);
    return key;
}

/* Points of one 256-bit curve, waiting for their y. */
struct points {
    size_t n;
    size_t source[POINTS_MAX];
    uint64_t x[POINTS_MAX][4];
    bool odd[POINTS_MAX];
};

static void finish(enum bulk_curve curve, struct points *w, const struct verify_key_source *sources,
    struct verify_key **ret_keys) {
    struct bulk_point point[POINTS_MAX];
    bool ok[POINTS_MAX];
    /* Eight lanes cost as much for one point as for eight. */
    const struct bulk_engine *engine = w->n < 4 ? NULL : verify_engine(VERIFY_IFMA);
    if (engine == NULL)
        engine = verify_engine(VERIFY_PORTABLE);
    engine->decompress(curve, (const uint64_t(*)[4])w->x, w->odd, w->n, point, ok);
    for (size_t i = 0; i < w->n; i++) {
        const struct verify_key_source *src = &sources[w->source[i]];
        if (!ok[i])
            continue;
        if (src->point.form == EC_UNCOMPRESSED) {
            /* On the curve if, and only if, its y is one of the two that x has. */
            uint64_t y[4];
            limbs_of(y, src->point.octets.p + 32);
            if (memcmp(y, point[i].y, sizeof(y)) != 0)
                continue;
        }
        struct verify_key *key = key_of(src->curve, src->unproven);
        key->point = point[i];
        ret_keys[w->source[i]] = key;
    }
    w->n = 0;
}

void verify_keys_new(
    const struct verify_key_source *sources, size_t n, struct verify_key **ret_keys) {
    struct points waiting[BULK_CURVES];
    for (unsigned c = 0; c < BULK_CURVES; c++)
        waiting[c].n = 0;
    for (size_t i = 0; i < n; i++) {
        enum bulk_curve curve;
        uint8_t sec1[SEC1_MAX];
        ret_keys[i] = NULL;
        if (!verify_bulk_curve(sources[i].curve, &curve)) {
            ret_keys[i] = new_by_openssl(&sources[i]);
            continue;
        }
        size_t octets = sec1_of(sources[i].curve, &sources[i].point, sec1);
        if (octets == 0)
            continue;
        struct points *w = &waiting[curve];
        w->source[w->n] = i;
        limbs_of(w->x[w->n], sec1 + 1);
        w->odd[w->n] = sec1[0] == 4 ? (sec1[64] & 1) != 0 : sec1[0] == 3;
        if (++w->n == POINTS_MAX)
            finish(curve, w, sources, ret_keys);
    }
    for (unsigned c = 0; c < BULK_CURVES; c++) {
        if (waiting[c].n > 0)
            finish((enum bulk_curve)c, &waiting[c], sources, ret_keys);
    }
}

struct verify_key *verify_key_new(enum ec_curve curve, const struct ec_point *point) {
    struct verify_key_source source = {curve, *point, false};
    struct verify_key *key;
    verify_keys_new(&source, 1, &key);
    return key;
}

struct verify_key *verify_key_new_unproven(enum ec_curve curve, const struct ec_point *point) {
    struct verify_key_source source = {curve, *point, true};
    struct verify_key *key;
    verify_keys_new(&source, 1, &key);
    return key;
}

void verify_key_prove(struct verify_key *key) {
    atomic_store_explicit(&key->unproven, false, memory_order_relaxed);
}

struct verify_key *verify_key_ref(struct verify_key *key) {
    unsigned before = atomic_fetch_add_explicit(&key->refs, 1, memory_order_relaxed);
    WS_ASSERT(before > 0);
    return key;
}

void verify_key_unref(struct verify_key *key) {
    if (key == NULL)
        return;
    /* Release what this holder did with the key; the last one acquires what all others did. */
    unsigned before = atomic_fetch_sub_explicit(&key->refs, 1, memory_order_acq_rel);
    WS_ASSERT(before > 0);
    if (before != 1)
        return;
    EVP_PKEY_free(atomic_load_explicit(&key->pkey, memory_order_relaxed));
    free(key);
}

enum ec_curve verify_key_curve(const struct verify_key *key) {
    return key->curve;
}
