/* Every backend that this machine can run, in every tier, against OpenSSL: random and altered signatures, those made from
 * their multipliers so as to meet an exceptional case, and Wycheproof's vectors. All go through the kernel, as a vehicle's do. */
#include "tests/support/cm.h"

#include "tests/unit/v2x/sec_support.h"

#include "base/mem.h"
#include "v2x/ec_curve.h"
#include "v2x/verify_parts.h"

#include <dirent.h>
#include <jansson.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <stdlib.h>

/* ---- signers and signatures made from u1, u2 ---- */

struct maker {
    enum ec_curve curve;
    EC_GROUP *group;
    const BIGNUM *n;
    BN_CTX *ctx;
    struct ws_random rnd;
};

static struct maker maker_of(enum ec_curve curve, uint64_t seed) {
    struct maker m = {.curve = curve, .rnd = ws_random_seeded(seed)};
    m.group = EC_GROUP_new_by_curve_name(
        curve == CURVE_P256 ? NID_X9_62_prime256v1 : NID_brainpoolP256r1);
    m.n = EC_GROUP_get0_order(m.group);
    m.ctx = BN_CTX_new();
    return m;
}

static void maker_free(struct maker *m) {
    EC_GROUP_free(m->group);
    BN_CTX_free(m->ctx);
}

static BIGNUM *any_number(struct maker *m) {
    uint8_t octets[40];
    BIGNUM *v = BN_new();
    ws_random_bytes(&m->rnd, octets, sizeof(octets));
    BN_bin2bn(octets, sizeof(octets), v);
    BN_nnmod(v, v, m->n, m->ctx);
    return v;
}

struct signer {
    BIGNUM *d;
    struct verify_key *key;
};

static struct signer signer_of(struct maker *m, BIGNUM *d /* taken */) {
    uint8_t sec1[65];
    EC_POINT *q = EC_POINT_new(m->group);
    assert_int_equal(EC_POINT_mul(m->group, q, d, NULL, NULL, m->ctx), 1);
    assert_int_equal(
        EC_POINT_point2oct(m->group, q, POINT_CONVERSION_UNCOMPRESSED, sec1, 65, m->ctx), 65);
    EC_POINT_free(q);
    struct ec_point point = {EC_UNCOMPRESSED, span_of(sec1 + 1, 64)};
    struct signer s = {d, verify_key_new(m->curve, &point)};
    assert_non_null(s.key);
    return s;
}

static void signer_free(struct signer *s) {
    BN_free(s->d);
    verify_key_unref(s->key);
}

/* R = u1 G + u2 Q, r = x(R), s = r / u2, e = u1 s: valid by construction, or r = 1 when R is infinity (never valid). */
static struct verify_item item_from(
    struct maker *m, const struct signer *by, const BIGNUM *u1, const BIGNUM *u2) {
    struct verify_item item = {.key = by->key, .digest_octets = 32, .r_form = EC_X_ONLY};
    BIGNUM *k = BN_new(), *x = BN_new(), *s = BN_new(), *e = BN_new();
    EC_POINT *p = EC_POINT_new(m->group);
    BN_mod_mul(k, u2, by->d, m->n, m->ctx);
    BN_mod_add(k, k, u1, m->n, m->ctx);
    EC_POINT_mul(m->group, p, k, NULL, NULL, m->ctx);
    if (EC_POINT_is_at_infinity(m->group, p) != 0)
        BN_one(x);
    else
        EC_POINT_get_affine_coordinates(m->group, p, x, NULL, m->ctx);
    BN_nnmod(x, x, m->n, m->ctx);
    BN_mod_inverse(s, u2, m->n, m->ctx);
    BN_mod_mul(s, s, x, m->n, m->ctx);
    BN_mod_mul(e, u1, s, m->n, m->ctx);
    BN_bn2binpad(x, item.r, 32);
    BN_bn2binpad(s, item.s, 32);
    BN_bn2binpad(e, item.digest, 32);
    EC_POINT_free(p);
    BN_free(k);
    BN_free(x);
    BN_free(s);
    BN_free(e);
    return item;
}

/* ---- a set of items, asked of every backend in every tier ---- */

struct set {
    struct verify_item *items;
    enum verify_answer_kind *want;
    size_t n, cap;
};

static void set_add(struct set *s, struct verify_item item) {
    if (s->n == s->cap) {
        s->cap = s->cap == 0 ? 256 : 2 * s->cap;
        s->items = ws_realloc(s->items, s->cap * sizeof(*s->items));
        s->want = ws_realloc(s->want, s->cap * sizeof(*s->want));
    }
    s->want[s->n] = verify_one(&item);
    assert_int_not_equal(s->want[s->n], VERIFY_BROKEN);
    item.tag = s->n;
    s->items[s->n++] = item;
}

/* As it is, and altered in r, s and e: one of these is a keyless try. */
static void set_add_altered(struct set *s, struct verify_item item) {
    set_add(s, item);
    struct verify_item other = item;
    other.digest[31] ^= 1;
    set_add(s, other);
    other = item;
    other.r[5] ^= 0x10;
    set_add(s, other);
    other = item;
    other.s[31] ^= 4;
    set_add(s, other);
}

static void set_free(struct set *s) {
    free(s->items);
    free(s->want);
}

static void ask_all(struct verify_kernel *k, const struct set *s, size_t chunk, const char *what) {
    struct verify_answer answers[64];
    size_t sent = 0, got = 0;
    while (got < s->n) {
        size_t n = s->n - sent < chunk ? s->n - sent : chunk;
        sent += verify_submit(k, s->items + sent, n);
        size_t now;
        while ((now = verify_poll(k, answers, 64)) > 0) {
            for (size_t i = 0; i < now; i++) {
                if (answers[i].kind != s->want[answers[i].tag])
                    fail_msg("%s: item %zu: answer %d, OpenSSL says %d", what,
                        (size_t)answers[i].tag, (int)answers[i].kind, (int)s->want[answers[i].tag]);
            }
            got += now;
        }
    }
    assert_int_equal(got, s->n);
}

/* Lets the signers earn their next table: `times` good signatures each, then idle time until nothing is built any more. */
static void warm(struct verify_kernel *k, const struct set *goods, unsigned times) {
    for (unsigned i = 0; i < times; i++)
        ask_all(k, goods, 256, "warm");
    while (verify_build(k))
        ;
}

/* goods: one good signature of each key in s. */
static void check(const struct set *s, const struct set *goods) {
    static const size_t chunks[] = {256, 1, 7, 33, 64};
    for (unsigned b = VERIFY_IFMA; b < VERIFY_BACKENDS; b++) {
        enum verify_backend backend = (enum verify_backend)b;
        if (!verify_backend_usable(backend))
            continue;
        struct verify_config cfg = {.capacity = 512,
            .backend = backend,
            .table_octets = (size_t)64 << 20,
            .build_percent = 0,
            .exceptional_percent = VERIFY_EXCEPTIONAL_ALL};
        struct verify_kernel *k = verify_kernel_new(&cfg);
        struct verify_counters c;
        char what[64];
        (void)snprintf(what, sizeof(what), "%s cold", verify_backend_name(backend));
        for (size_t i = 0; i < ARRAY_LEN(chunks) - 2; i++)
            ask_all(k, s, chunks[i], what);
        verify_kernel_counters(k, &c);
        if (backend != VERIFY_OPENSSL)
            assert_true(c.answered[VERIFY_COLD] > 0);
        /* Good ones among the items have let their keys in already. */
        warm(k, goods, 1);
        (void)snprintf(what, sizeof(what), "%s mid", verify_backend_name(backend));
        for (size_t i = 0; i < ARRAY_LEN(chunks); i++)
            ask_all(k, s, chunks[i], what);
        verify_kernel_counters(k, &c);
        if (backend != VERIFY_OPENSSL) {
            assert_true(c.answered[VERIFY_MID] > 0);
            assert_int_equal(c.built[VERIFY_MID] + c.build_failed, goods->n);
        }
        warm(k, goods, 31);
        (void)snprintf(what, sizeof(what), "%s full", verify_backend_name(backend));
        for (size_t i = 0; i < ARRAY_LEN(chunks); i++)
            ask_all(k, s, chunks[i], what);
        verify_kernel_counters(k, &c);
        if (backend != VERIFY_OPENSSL) {
            assert_true(c.answered[VERIFY_FULL] > 0);
            assert_int_equal(c.tables[VERIFY_FULL] + c.build_failed, goods->n);
        }
        assert_int_equal(c.declined, 0);
        verify_kernel_free(k);
    }
}

static const enum ec_curve curves[] = {CURVE_P256, CURVE_BP256};

/* ---- tests ---- */

static void random_and_altered(void **state) {
    (void)state;
    enum { SIGNERS = 24, EACH = 12 };
    for (size_t c = 0; c < ARRAY_LEN(curves); c++) {
        struct maker m = maker_of(curves[c], 100 + c);
        struct set s = {0}, goods = {0};
        struct signer by[SIGNERS];
        for (size_t i = 0; i < SIGNERS; i++) {
            by[i] = signer_of(&m, any_number(&m));
            for (size_t k = 0; k < EACH; k++) {
                BIGNUM *u1 = any_number(&m), *u2 = any_number(&m);
                struct verify_item item = item_from(&m, &by[i], u1, u2);
                if (k == 0)
                    set_add(&goods, item);
                switch (ws_random_below(&m.rnd, 14)) {
                case 0:
                    item.r[ws_random_below(&m.rnd, 32)] ^= 1;
                    break;
                case 1:
                    item.s[ws_random_below(&m.rnd, 32)] ^= 1;
                    break;
                case 2:
                    item.digest[ws_random_below(&m.rnd, 32)] ^= 1;
                    break;
                case 3:
                    item.key = by[(i + 1) % (i + 1 > 1 ? i : 1)].key;
                    break;
                default:
                    break;
                }
                set_add(&s, item);
                BN_free(u1);
                BN_free(u2);
            }
        }
        check(&s, &goods);
        for (size_t i = 0; i < SIGNERS; i++)
            signer_free(&by[i]);
        set_free(&s);
        set_free(&goods);
        maker_free(&m);
    }
}

static BIGNUM *power(unsigned bit) {
    BIGNUM *v = BN_new();
    BN_set_bit(v, (int)bit);
    return v;
}

/* The numbers at which windows, halves and boundaries of the layouts meet: {1,2,3,(n+-1)/2,2^128,2^255} and their negatives. */
static size_t special_numbers(struct maker *m, BIGNUM **ret, size_t max) {
    size_t n = 0;
    static const unsigned bits[] = {0, 1, 4, 8, 52, 128, 208, 255};
    for (size_t i = 0; i < ARRAY_LEN(bits) && n + 2 <= max; i++) {
        ret[n] = power(bits[i]);
        BN_nnmod(ret[n], ret[n], m->n, m->ctx);
        ret[n + 1] = BN_new();
        BN_sub(ret[n + 1], m->n, ret[n]);
        n += 2;
    }
    ret[n] = BN_dup(m->n); /* (n-1)/2, (n+1)/2 */
    BN_rshift1(ret[n], ret[n]);
    ret[n + 1] = BN_dup(ret[n]);
    BN_add_word(ret[n + 1], 1);
    n += 2;
    ret[n] = BN_new();
    BN_set_word(ret[n++], 3);
    return n;
}

/* Small, inverse and shifted multiples of the base point as keys, with special multipliers: sums that meet each other, equal
 * halves, u1 G = u2 Q (valid: the last addition is a doubling) and u1 G = -u2 Q (infinity, never valid). */
static void keys_that_are_multiples_of_g(void **state) {
    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(curves); c++) {
        struct maker m = maker_of(curves[c], 200 + c);
        struct set s = {0}, goods = {0};
        BIGNUM *u[32];
        size_t n_u = special_numbers(&m, u, 24);
        struct signer by[16];
        size_t n_by = 0;
        static const unsigned small[] = {1, 2, 3, 16, 31};
        for (size_t i = 0; i < ARRAY_LEN(small); i++) {
            BIGNUM *d = BN_new(), *minus = BN_new();
            BN_set_word(d, small[i]);
            BN_sub(minus, m.n, d);
            by[n_by++] = signer_of(&m, d);
            by[n_by++] = signer_of(&m, minus);
        }
        BIGNUM *half = BN_dup(u[17]); /* 1/2 = (n+1)/2 */
        by[n_by++] = signer_of(&m, half);
        by[n_by++] = signer_of(&m, power(52));
        by[n_by++] = signer_of(&m, any_number(&m));
        for (size_t i = 0; i < n_by; i++) {
            BIGNUM *a = any_number(&m), *b = any_number(&m);
            set_add(&goods, item_from(&m, &by[i], a, b));
            for (size_t j = 0; j < n_u; j += 2) {
                set_add(&s, item_from(&m, &by[i], a, u[j]));
                set_add(&s, item_from(&m, &by[i], u[j + 1 < n_u ? j + 1 : 0], b));
                set_add(&s, item_from(&m, &by[i], u[j], u[(j + i) % n_u]));
            }
            /* u1 = d u2: equal halves in the last addition; its forged twins must not pass. */
            BN_mod_mul(a, by[i].d, b, m.n, m.ctx);
            struct verify_item equal = item_from(&m, &by[i], a, b);
            assert_int_equal(verify_one(&equal), VERIFY_GOOD);
            set_add_altered(&s, equal);
            BN_sub(a, m.n, a);
            struct verify_item infinity = item_from(&m, &by[i], a, b);
            assert_int_equal(verify_one(&infinity), VERIFY_BAD);
            set_add_altered(&s, infinity);
            BN_free(a);
            BN_free(b);
        }
        check(&s, &goods);
        for (size_t i = 0; i < n_by; i++)
            signer_free(&by[i]);
        for (size_t i = 0; i < n_u; i++)
            BN_free(u[i]);
        set_free(&s);
        set_free(&goods);
        maker_free(&m);
    }
}

/* Facts 7.3: u = n + 2 S, S = (-n mod 2^b) - 2^b, gives equal halves at a merge with boundary b, without any key. Tried for
 * each boundary of each window width, as u1 and as u2, valid and altered. */
static void keyless_provocation(void **state) {
    (void)state;
    static const unsigned widths[] = {4, 5, 6, 8, 13};
    for (size_t c = 0; c < ARRAY_LEN(curves); c++) {
        struct maker m = maker_of(curves[c], 300 + c);
        struct set s = {0}, goods = {0};
        struct signer by = signer_of(&m, any_number(&m));
        BIGNUM *a = any_number(&m), *b = any_number(&m), *u = BN_new(), *p;
        set_add(&goods, item_from(&m, &by, a, b));
        bool done[257] = {false};
        for (size_t w = 0; w < ARRAY_LEN(widths); w++) {
            for (unsigned bit = widths[w]; bit < 256; bit += widths[w]) {
                if (done[bit])
                    continue;
                done[bit] = true;
                p = power(bit);
                BN_mod(u, m.n, p, m.ctx); /* n mod 2^b */
                BN_sub(u, p, u); /* -n mod 2^b */
                BN_sub(u, u, p);
                BN_lshift1(u, u);
                BN_add(u, u, m.n);
                BN_nnmod(u, u, m.n, m.ctx);
                BN_free(p);
                if (BN_is_zero(u))
                    continue;
                set_add_altered(&s, item_from(&m, &by, u, b));
                set_add_altered(&s, item_from(&m, &by, a, u));
            }
        }
        check(&s, &goods);
        BN_free(a);
        BN_free(b);
        BN_free(u);
        signer_free(&by);
        set_free(&s);
        set_free(&goods);
        maker_free(&m);
    }
}

/* e = 0, e = n, e > n, a 48-octet digest (leftmost 32 count), r below p - n, r and s at the ends of their ranges. */
static void digests_and_ranges(void **state) {
    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(curves); c++) {
        struct maker m = maker_of(curves[c], 400 + c);
        struct set s = {0}, goods = {0};
        struct signer by = signer_of(&m, any_number(&m));
        BIGNUM *zero = BN_new(), *one = BN_new(), *b = any_number(&m);
        BN_one(one);
        struct verify_item good = item_from(&m, &by, one, b);
        set_add(&goods, good);
        struct verify_item item = item_from(&m, &by, zero, b); /* e = 0 */
        assert_int_equal(verify_one(&item), VERIFY_GOOD);
        set_add_altered(&s, item);
        memcpy(item.digest, ec_curve_order(curves[c]), 32); /* e = n is 0 as well */
        assert_int_equal(verify_one(&item), VERIFY_GOOD);
        set_add_altered(&s, item);
        /* e + n, where that is below 2^256: choose e small by choosing s = e / u1. */
        for (unsigned small = 1; small < 4; small++) {
            /* r = x(kG); s = (e + r d) / k for a chosen e */
            BIGNUM *k = any_number(&m), *x = BN_new(), *sn = BN_new(), *e = BN_new();
            EC_POINT *p = EC_POINT_new(m.group);
            BN_set_word(e, small);
            EC_POINT_mul(m.group, p, k, NULL, NULL, m.ctx);
            EC_POINT_get_affine_coordinates(m.group, p, x, NULL, m.ctx);
            BN_nnmod(x, x, m.n, m.ctx);
            BN_mod_mul(sn, x, by.d, m.n, m.ctx);
            BN_mod_add(sn, sn, e, m.n, m.ctx);
            BN_mod_inverse(k, k, m.n, m.ctx);
            BN_mod_mul(sn, sn, k, m.n, m.ctx);
            struct verify_item above = good;
            BN_bn2binpad(x, above.r, 32);
            BN_bn2binpad(sn, above.s, 32);
            BN_add(e, e, m.n);
            BN_bn2binpad(e, above.digest, 32);
            assert_int_equal(verify_one(&above), VERIFY_GOOD);
            set_add_altered(&s, above);
            EC_POINT_free(p);
            BN_free(k);
            BN_free(x);
            BN_free(sn);
            BN_free(e);
        }
        item = good;
        memset(item.digest, 0xff, 32);
        set_add(&s, item);
        item = good;
        item.digest_octets = 48;
        memset(item.digest + 32, 0x5a, 16);
        assert_int_equal(verify_one(&item), VERIFY_GOOD);
        set_add_altered(&s, item);
        for (uint8_t small = 1; small < 12; small++) { /* r < p - n: also x = r + n would fit */
            item = good;
            memset(item.r, 0, 32);
            item.r[31] = small;
            set_add(&s, item);
            item.s[31] ^= small;
            set_add(&s, item);
        }
        static const uint8_t ends[] = {0, 1, 2};
        for (size_t i = 0; i < ARRAY_LEN(ends); i++) { /* n - 2, n - 1, n and 0, 1, 2 */
            for (unsigned field = 0; field < 4; field++) {
                item = good;
                uint8_t *v = field % 2 == 0 ? item.r : item.s;
                if (field < 2) {
                    memset(v, 0, 32);
                    v[31] = ends[i];
                } else {
                    memcpy(v, ec_curve_order(curves[c]), 32);
                    v[31] = (uint8_t)(v[31] - ends[i]);
                }
                set_add(&s, item);
            }
        }
        check(&s, &goods);
        BN_free(zero);
        BN_free(one);
        BN_free(b);
        signer_free(&by);
        set_free(&s);
        set_free(&goods);
        maker_free(&m);
    }
}

/* x(R) between n and p: valid, with r = x - n; made by choosing R and recovering the key. P-256 and Brainpool alike. */
static void x_of_r_above_the_order(void **state) {
    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(curves); c++) {
        struct maker m = maker_of(curves[c], 500 + c);
        struct set s = {0}, goods = {0};
        BIGNUM *x = BN_dup(m.n), *r = BN_new(), *minus = BN_new();
        EC_POINT *point = EC_POINT_new(m.group), *q = EC_POINT_new(m.group);
        do {
            BN_add_word(x, 1);
        } while (EC_POINT_set_compressed_coordinates(m.group, point, x, 0, m.ctx) != 1);
        BN_sub(r, x, m.n);
        BIGNUM *inverse = BN_mod_inverse(NULL, r, m.n, m.ctx);
        BN_sub(minus, m.n, inverse);
        assert_int_equal(EC_POINT_mul(m.group, q, minus, point, inverse, m.ctx), 1);
        uint8_t sec1[65];
        EC_POINT_point2oct(m.group, q, POINT_CONVERSION_UNCOMPRESSED, sec1, 65, m.ctx);
        struct ec_point key_point = {EC_UNCOMPRESSED, span_of(sec1 + 1, 64)};
        struct verify_item item = {
            .key = verify_key_new(curves[c], &key_point), .digest_octets = 32, .r_form = EC_X_ONLY};
        assert_non_null(item.key);
        item.digest[31] = 1;
        item.s[31] = 1;
        BN_bn2binpad(r, item.r, 32);
        assert_int_equal(verify_one(&item), VERIFY_GOOD);
        set_add(&goods, item);
        set_add_altered(&s, item);
        BN_bn2binpad(x, item.r, 32);
        set_add(&s, item); /* no r */
        item.r_form = EC_Y_EVEN; /* but a coordinate */
        assert_int_equal(verify_one(&item), VERIFY_GOOD);
        set_add_altered(&s, item);
        check(&s, &goods);
        verify_key_unref(item.key);
        EC_POINT_free(point);
        EC_POINT_free(q);
        BN_free(x);
        BN_free(r);
        BN_free(minus);
        BN_free(inverse);
        set_free(&s);
        set_free(&goods);
        maker_free(&m);
    }
}

/* ---- Wycheproof: every file of ECDSA vectors that is there ---- */

static const struct {
    const char *name;
    enum ec_curve curve;
} curve_names[] = {{"secp256r1", CURVE_P256}, {"secp384r1", CURVE_P384},
    {"brainpoolP256r1", CURVE_BP256}, {"brainpoolP384r1", CURVE_BP384}};

static const char *text_at(const json_t *o, const char *key) {
    const char *t = json_string_value(json_object_get(o, key));
    return t == NULL ? "" : t;
}

/* r and s of a signature of either kind, n octets each; false: such a signature does not fit into a message. */
static bool numbers_of(struct span sig, bool p1363, size_t n, struct verify_item *item) {
    if (p1363) {
        if (sig.n != 2 * n)
            return false;
        memcpy(item->r, sig.p, n);
        memcpy(item->s, sig.p + n, n);
        return true;
    }
    const uint8_t *at = sig.p;
    ECDSA_SIG *parsed = d2i_ECDSA_SIG(NULL, &at, (long)sig.n);
    uint8_t *again = NULL;
    int again_n = parsed == NULL ? 0 : i2d_ECDSA_SIG(parsed, &again);
    /* Only the one proper encoding: the others test a parser of DER. */
    bool ok = again_n == (int)sig.n && again != NULL && memcmp(again, sig.p, sig.n) == 0 &&
              !BN_is_negative(ECDSA_SIG_get0_r(parsed)) &&
              !BN_is_negative(ECDSA_SIG_get0_s(parsed)) &&
              BN_bn2binpad(ECDSA_SIG_get0_r(parsed), item->r, (int)n) >= 0 &&
              BN_bn2binpad(ECDSA_SIG_get0_s(parsed), item->s, (int)n) >= 0;
    OPENSSL_free(again);
    ECDSA_SIG_free(parsed);
    return ok;
}

/* Curve, hash and form of the signatures are what the file says of each group. False: none of a curve and hash of ours. */
static bool wycheproof_file(const char *name, size_t *ret_asked) {
    char path[512], file[256];
    (void)snprintf(file, sizeof(file), "wycheproof/%s", name);
    test_sec_path(path, file);
    json_t *root = json_load_file(path, 0, NULL);
    assert_non_null(root);
    const json_t *groups = json_object_get(root, "testGroups");
    struct set s = {0}, goods = {0};
    struct verify_key **keys = ws_calloc(json_array_size(groups) + 1, sizeof(struct verify_key *));
    size_t n_keys = 0;
    int64_t seen = 0;
    for (size_t g = 0; g < json_array_size(groups); g++) {
        const json_t *group = json_array_get(groups, g);
        bool p1363 = strcmp(text_at(group, "type"), "EcdsaP1363Verify") == 0;
        seen += (int64_t)json_array_size(json_object_get(group, "tests"));
        const json_t *shown = json_object_get(group, "publicKey");
        if (shown == NULL)
            shown = json_object_get(group, "key");
        size_t c = 0;
        while (
            c < ARRAY_LEN(curve_names) && strcmp(curve_names[c].name, text_at(shown, "curve")) != 0)
            c++;
        const char *sha = text_at(group, "sha");
        const EVP_MD *md = strcmp(sha, "SHA-256") == 0   ? EVP_sha256()
                           : strcmp(sha, "SHA-384") == 0 ? EVP_sha384()
                           : strcmp(sha, "SHA-512") == 0 ? EVP_sha512()
                                                         : NULL;
        if (c == ARRAY_LEN(curve_names) || md == NULL)
            continue;
        enum ec_curve curve = curve_names[c].curve;
        size_t n = ec_octets(curve);
        struct buf point = test_unhex(text_at(shown, "uncompressed"));
        struct ec_point p = {EC_UNCOMPRESSED, span_of(point.p + 1, point.n - 1)};
        struct verify_key *key = verify_key_new(curve, &p);
        buf_free(&point);
        assert_non_null(key);
        keys[n_keys++] = key;
        bool have_good = false;
        const json_t *tests = json_object_get(group, "tests");
        for (size_t i = 0; i < json_array_size(tests); i++) {
            const json_t *t = json_array_get(tests, i);
            bool want = strcmp(text_at(t, "result"), "valid") == 0;
            if (strcmp(text_at(t, "result"), "acceptable") == 0)
                continue; /* either answer is right */
            struct buf sig = test_unhex(text_at(t, "sig"));
            struct buf message = test_unhex(text_at(t, "msg"));
            struct verify_item item = {.key = key, .r_form = EC_X_ONLY};
            uint8_t digest[64];
            unsigned len = 0;
            assert_int_equal(EVP_Digest(message.p, message.n, digest, &len, md, NULL), 1);
            /* SHA-512's leftmost 48 octets are more than any of our orders has bits. */
            item.digest_octets = len == 32 ? 32 : 48;
            memcpy(item.digest, digest, item.digest_octets);
            bool fits = numbers_of(buf_span(&sig), p1363, n, &item);
            buf_free(&sig);
            buf_free(&message);
            if (!fits) {
                assert_false(want);
                continue;
            }
            set_add(&s, item);
            if (s.want[s.n - 1] != (want ? VERIFY_GOOD : VERIFY_BAD))
                fail_msg("%s: test %lld", name, json_integer_value(json_object_get(t, "tcId")));
            if (want && !have_good && n == 32) {
                set_add(&goods, item);
                have_good = true;
            }
        }
    }
    *ret_asked = s.n;
    if (s.n > 0 && goods.n > 0) {
        check(&s, &goods);
    } else if (s.n > 0) {
        struct verify_config cfg = verify_config_default(512);
        struct verify_kernel *k = verify_kernel_new(&cfg);
        ask_all(k, &s, 64, name);
        verify_kernel_free(k);
    }
    for (size_t i = 0; i < n_keys; i++)
        verify_key_unref(keys[i]);
    free(keys);
    assert_int_equal(seen, json_integer_value(json_object_get(root, "numberOfTests")));
    set_free(&s);
    set_free(&goods);
    json_decref(root);
    return *ret_asked > 0;
}

static void wycheproof(void **state) {
    (void)state;
    char path[512];
    if (!test_sec_have("wycheproof"))
        skip();
    test_sec_path(path, "wycheproof");
    DIR *dir = opendir(path);
    assert_non_null(dir);
    unsigned files = 0;
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        size_t n = strlen(e->d_name), asked = 0;
        if (strncmp(e->d_name, "ecdsa_", 6) != 0 || n < 10 ||
            strcmp(e->d_name + n - 10, "_test.json") != 0)
            continue;
        files += wycheproof_file(e->d_name, &asked);
        print_message("%s: %zu vectors asked in every tier\n", e->d_name, asked);
    }
    (void)closedir(dir);
    assert_true(files > 0);
}

/* Keys made many at a time are those made one by one. */
static void keys_in_batches(void **state) {
    (void)state;
    enum { KEYS = 75 };
    uint8_t octets[KEYS][64];
    struct verify_key_source src[KEYS];
    struct verify_key *keys[KEYS];
    struct ws_random rnd = ws_random_seeded(11);
    ws_random_bytes(&rnd, octets, sizeof(octets));
    for (size_t i = 0; i < KEYS; i++) {
        static const enum ec_form forms[] = {
            EC_Y_EVEN, EC_Y_ODD, EC_UNCOMPRESSED, EC_X_ONLY, EC_FILL, EC_Y_ODD};
        src[i] = (struct verify_key_source){.curve = i % 2 == 0 ? CURVE_P256 : CURVE_BP256,
            .point = {forms[i % 6], span_of(octets[i], forms[i % 6] == EC_UNCOMPRESSED ? 64 : 32)},
            .unproven = i % 5 == 0};
        octets[i][0] &= 0x7f; /* below both primes */
    }
    verify_keys_new(src, KEYS, keys);
    unsigned made = 0;
    for (size_t i = 0; i < KEYS; i++) {
        struct verify_key *one = verify_key_new(src[i].curve, &src[i].point);
        assert_int_equal(keys[i] == NULL, one == NULL);
        made += one != NULL;
        if (one != NULL) {
            assert_memory_equal(&keys[i]->point, &one->point, sizeof(one->point));
            assert_int_equal(keys[i]->unproven, src[i].unproven);
            assert_non_null(verify_key_pkey(one)); /* OpenSSL takes it for a point, too */
        }
        verify_key_unref(one);
        verify_key_unref(keys[i]);
    }
    assert_in_range(made, 8, 60);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_in_batches),
        cmocka_unit_test(random_and_altered),
        cmocka_unit_test(keys_that_are_multiples_of_g),
        cmocka_unit_test(keyless_provocation),
        cmocka_unit_test(digests_and_ranges),
        cmocka_unit_test(x_of_r_above_the_order),
        cmocka_unit_test(wycheproof),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
