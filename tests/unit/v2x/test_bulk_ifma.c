/* Verification of the IFMA engine: random and altered signatures, and exceptional cases made on purpose, mixed into
 * batches of all sizes, in every tier. What the engine does not decide (BULK_ASK) must never be a random signature. */
#include "tests/unit/v2x/bulk_craft.h"

#include "base/random.h"
#include "tests/support/cm.h"
#include "v2x/bulk/scalar.h"

#include <stdio.h>

#define SEED 11
#define MOST 640

struct sample {
    struct bulk_point key;
    struct bulk_job job;
    bool good, crafted;
};

struct samples {
    enum bulk_curve curve;
    EC_GROUP *group;
    BN_CTX *ctx;
    size_t n;
    struct sample v[MOST];
};

static uint64_t rnd_word(struct ws_random *rnd) {
    uint64_t w;
    ws_random_bytes(rnd, &w, sizeof(w));
    return w;
}

static void rnd_below(struct ws_random *rnd, const BIGNUM *n, BIGNUM *ret, BN_CTX *ctx) {
    uint8_t octets[40];
    ws_random_bytes(rnd, octets, sizeof(octets));
    BN_bin2bn(octets, sizeof(octets), ret);
    BN_nnmod(ret, ret, n, ctx);
}

/* Adds the valid signature of d with these multipliers, and one with another e. */
static void add_pair(struct samples *s, const BIGNUM *d, const BIGNUM *u1, const BIGNUM *u2) {
    struct sample *v = &s->v[s->n];
    if (BN_is_zero(u2) || !craft_point(s->group, d, &v->key) ||
        !craft_job(s->group, d, u1, u2, &v->job))
        return;
    assert_true(s->n + 2 <= MOST);
    v->good = v->crafted = true;
    v[1] = v[0];
    v[1].good = false;
    v[1].job.e[0] ^= 2;
    s->n += 2;
}

static void add_random(struct samples *s, struct ws_random *rnd, size_t count) {
    const BIGNUM *n = EC_GROUP_get0_order(s->group);
    BIGNUM *d = BN_new(), *u1 = BN_new(), *u2 = BN_new();
    for (size_t i = 0; i < count; i++) {
        struct sample *v = &s->v[s->n++];
        rnd_below(rnd, n, d, s->ctx);
        rnd_below(rnd, n, u1, s->ctx);
        rnd_below(rnd, n, u2, s->ctx);
        assert_true(craft_point(s->group, d, &v->key));
        assert_true(craft_job(s->group, d, u1, u2, &v->job));
        v->good = i % 4 != 0;
        uint64_t *altered[] = {v->job.r, v->job.s, v->job.e, v->key.y};
        if (i % 16 == 12) /* another point, still on the curve */
            assert_true(craft_point(s->group, u1, &v->key));
        else if (!v->good)
            altered[i / 4 % 4][rnd_word(rnd) % 3] ^= 1ULL << (rnd_word(rnd) % 64);
    }
    BN_free(d);
    BN_free(u1);
    BN_free(u2);
}

/* Multipliers and keys at which sums of table points meet: facts of section 7 of the method's notes. */
static void add_crafted(struct samples *s, struct ws_random *rnd) {
    const BIGNUM *n = EC_GROUP_get0_order(s->group);
    BIGNUM *d = BN_new(), *u = BN_new(), *v = BN_new(), *w = BN_new();
    /* Windows below b give n - 2^b and windows above the rest of the same size: equal halves at a merge. */
    static const int boundary[] = {
        26, 52, 104, 208, 234, 247, 96, 192, 228, 240, 246, 252, 64, 128, 224, 48, 176, 250, 255};
    for (size_t i = 0; i < sizeof(boundary) / sizeof(boundary[0]); i++) {
        BN_zero(w);
        BN_set_bit(w, boundary[i]);
        BN_sub(u, n, w);
        BN_nnmod(v, n, w, s->ctx);
        BN_sub(v, w, v); /* -n mod 2^b */
        BN_sub(v, v, w);
        BN_lshift1(v, v);
        BN_add(v, v, n); /* n + 2 S */
        BN_nnmod(v, v, n, s->ctx);
        rnd_below(rnd, n, d, s->ctx);
        rnd_below(rnd, n, w, s->ctx);
        add_pair(s, d, v, w);
        add_pair(s, d, w, v);
        add_pair(s, d, w, u);
    }
    /* Small, large and halved multipliers; keys with a small logarithm. */
    static const long small[] = {1, 2, 3, 4, 5, 16, 31, 32, -1, -2, -3, -4, -16};
    for (size_t i = 0; i < sizeof(small) / sizeof(small[0]); i++) {
        BN_set_word(u, (BN_ULONG)labs(small[i]));
        if (small[i] < 0)
            BN_sub(u, n, u);
        rnd_below(rnd, n, d, s->ctx);
        rnd_below(rnd, n, w, s->ctx);
        add_pair(s, d, u, w);
        add_pair(s, d, w, u);
        add_pair(s, d, u, u);
        add_pair(s, u, w, d);
        add_pair(s, u, w, w); /* Q = +-G and the like, equal multipliers */
        BN_mod_inverse(v, u, n, s->ctx);
        add_pair(s, v, w, d);
        /* u1 G = u2 Q: valid, and the last addition is a doubling. */
        BN_mod_mul(v, w, d, n, s->ctx);
        add_pair(s, d, v, w);
    }
    BN_zero(u); /* e = 0 */
    add_pair(s, d, u, w);
    BN_zero(u);
    BN_set_bit(u, 255);
    BN_nnmod(u, u, n, s->ctx);
    add_pair(s, d, u, w);
    add_pair(s, d, w, u);
    /* e = n + something: the digest is not reduced. Valid when it still fits. */
    BN_set_word(u, 5);
    struct sample *last = &s->v[s->n];
    const size_t before = s->n;
    add_pair(s, d, u, w);
    if (s->n > before) {
        BIGNUM *e = craft_in(last->job.e);
        BN_add(e, e, n);
        if (BN_num_bits(e) <= 256)
            craft_out(e, last->job.e);
        BN_free(e);
    }
    /* u1 G = -u2 Q: infinity for any r, never valid. e = -r d, s = 1. */
    for (int i = 0; i < 4; i++) {
        struct sample *bad = &s->v[s->n++];
        memset(bad, 0, sizeof(*bad));
        bad->crafted = true;
        assert_true(craft_point(s->group, d, &bad->key));
        rnd_below(rnd, n, u, s->ctx);
        BN_mod_mul(v, u, d, n, s->ctx);
        BN_sub(v, n, v);
        craft_out(u, bad->job.r);
        bad->job.s[0] = 1;
        craft_out(v, bad->job.e);
    }
    BN_free(d);
    BN_free(u);
    BN_free(v);
    BN_free(w);
}

/* x(R) = n + r: R chosen first, then Q = (R - u1 G) / u2. */
static void add_wrapped(struct samples *s, struct ws_random *rnd) {
    const BIGNUM *n = EC_GROUP_get0_order(s->group);
    BIGNUM *x = BN_new(), *y = BN_new(), *u1 = BN_new(), *u2 = BN_new(), *r = BN_new();
    EC_POINT *at = EC_POINT_new(s->group), *q = EC_POINT_new(s->group);
    for (unsigned t = 1, found = 0; found < 3; t++) {
        BN_set_word(r, t);
        BN_add(x, n, r);
        if (EC_POINT_set_compressed_coordinates(s->group, at, x, (int)(t & 1), s->ctx) != 1)
            continue;
        found++;
        rnd_below(rnd, n, u1, s->ctx);
        rnd_below(rnd, n, u2, s->ctx);
        struct sample *v = &s->v[s->n];
        memset(v, 0, sizeof(*v));
        EC_POINT_mul(s->group, q, u1, NULL, NULL, s->ctx);
        EC_POINT_invert(s->group, q, s->ctx);
        EC_POINT_add(s->group, q, q, at, s->ctx);
        BN_mod_inverse(u2, u2, n, s->ctx); /* now 1 / u2 */
        EC_POINT_mul(s->group, q, NULL, q, u2, s->ctx);
        assert_true(EC_POINT_get_affine_coordinates(s->group, q, x, y, s->ctx));
        craft_out(x, v->key.x);
        craft_out(y, v->key.y);
        craft_out(r, v->job.r);
        BN_mod_mul(x, r, u2, n, s->ctx);
        craft_out(x, v->job.s);
        BN_mod_mul(x, x, u1, n, s->ctx);
        craft_out(x, v->job.e);
        v->good = v->crafted = true;
        v[1] = v[0];
        v[1].good = false;
        v[1].job.r[0]++;
        s->n += 2;
    }
    EC_POINT_free(at);
    EC_POINT_free(q);
    BN_free(x);
    BN_free(y);
    BN_free(u1);
    BN_free(u2);
    BN_free(r);
}

static void check_tier(struct samples *s, const struct bulk_base *base, enum bulk_tier tier) {
    const struct bulk_engine *e = &bulk_ifma;
    const size_t octets = e->table_octets[tier];
    uint8_t *tables = aligned_alloc(64, (s->n + 1) * (octets == 0 ? 64 : octets));
    void *scratch = aligned_alloc(64, e->scratch_octets);
    void *batch[2] = {aligned_alloc(64, e->batch_octets), aligned_alloc(64, e->batch_octets)};
    for (size_t at = 0; tier != BULK_COLD && at < s->n; at += BULK_BUILD) {
        const struct bulk_point *key[BULK_BUILD];
        void *table[BULK_BUILD];
        size_t n = 0;
        for (; n < BULK_BUILD && at + n < s->n; n++) {
            key[n] = &s->v[at + n].key;
            table[n] = tables + (at + n) * octets;
        }
        assert_true(e->build(base, tier, key, table, n, scratch));
    }
    size_t asked = 0, size = 1, from[2] = {0}, count[2] = {0};
    for (size_t at = 0, k = 0; at < s->n || k > 0;) {
        /* Two in flight, as in use: one prepared, the other computed. */
        if (at < s->n) {
            struct bulk_job jobs[BULK_BATCH];
            const size_t n = s->n - at < size ? s->n - at : size;
            for (size_t i = 0; i < n; i++) {
                jobs[i] = s->v[at + i].job;
                jobs[i].key = &s->v[at + i].key;
                jobs[i].table = tier == BULK_COLD ? NULL : tables + (at + i) * octets;
            }
            e->prepare(base, tier, jobs, n, batch[k]);
            from[k] = at;
            count[k++] = n;
            at += n;
            size = size == 9 ? 31 : size == 31 ? 64 : size == 64 ? 2 : size + 1;
            if (k < 2 && at < s->n)
                continue;
        }
        enum bulk_answer answer[BULK_BATCH];
        e->compute(batch[0], k == 2 ? batch[1] : NULL, scratch, answer);
        for (size_t i = 0; i < count[0]; i++) {
            const struct sample *v = &s->v[from[0] + i];
            if (answer[i] == BULK_ASK)
                asked++;
            if (answer[i] == BULK_ASK ? !v->crafted : answer[i] != (v->good ? BULK_GOOD : BULK_BAD))
                fail_msg("curve %d tier %d sample %zu: answer %d, good %d", (int)s->curve,
                    (int)tier, from[0] + i, (int)answer[i], (int)v->good);
        }
        void *spent = batch[0];
        batch[0] = batch[1];
        batch[1] = spent;
        from[0] = from[1];
        count[0] = count[1];
        k--;
    }
    printf("curve %d tier %d: %zu signatures, %zu left to the reference\n", (int)s->curve,
        (int)tier, s->n, asked);
    free(tables);
    free(scratch);
    free(batch[0]);
    free(batch[1]);
}

/* Equal points inside a tree cannot be reached by choosing multipliers in these layouts, so tables with one and the same
 * point in all places stand in: their signatures go to the reference, those in the lanes beside them do not suffer. */
static void equal_points(void **state) {
    (void)state;
    const struct bulk_engine *e = &bulk_ifma;
    struct ws_random rnd = ws_random_seeded(SEED + 1);
    struct samples *s = ws_alloc(sizeof(*s));
    void *scratch = aligned_alloc(64, e->scratch_octets);
    void *batch = aligned_alloc(64, e->batch_octets);
    s->ctx = BN_CTX_new();
    for (s->curve = BULK_P256; s->curve < BULK_CURVES; s->curve++) {
        s->group = craft_group(s->curve);
        struct bulk_base *base = e->base_new(s->curve);
        for (enum bulk_tier tier = BULK_MID; tier < BULK_TIERS; tier++) {
            const size_t octets = e->table_octets[tier];
            uint8_t *tables = aligned_alloc(64, 24 * octets);
            struct bulk_job jobs[24];
            s->n = 0;
            add_random(s, &rnd, 24);
            for (size_t i = 0; i < 24; i++) {
                const struct bulk_point *key = &s->v[i].key;
                void *table = tables + i * octets;
                /* Altered keys are off the curve, which a table cannot come from. */
                if (i % 16 == 12)
                    key = &s->v[0].key;
                assert_true(e->build(base, tier, &key, &table, 1, scratch));
                jobs[i] = s->v[i].job;
                jobs[i].table = table;
            }
            static const size_t same[] = {3, 11, 12, 16};
            for (size_t k = 0; k < 4; k++)
                for (size_t at = 64; at < octets; at += 64)
                    memcpy(tables + same[k] * octets + at, tables + same[k] * octets, 64);
            enum bulk_answer answer[24];
            e->prepare(base, tier, jobs, 24, batch);
            e->compute(batch, NULL, scratch, answer);
            for (size_t i = 0; i < 24; i++) {
                const bool twin = i == 3 || i == 11 || i == 12 || i == 16;
                assert_int_equal(answer[i], twin ? BULK_ASK : s->v[i].good ? BULK_GOOD : BULK_BAD);
            }
            free(tables);
        }
        free(base);
        EC_GROUP_free(s->group);
    }
    BN_CTX_free(s->ctx);
    free(scratch);
    free(batch);
    free(s);
}

static void verify(void **state) {
    (void)state;
    struct ws_random rnd = ws_random_seeded(SEED);
    struct samples *s = ws_alloc(sizeof(*s));
    s->ctx = BN_CTX_new();
    for (s->curve = BULK_P256; s->curve < BULK_CURVES; s->curve++) {
        s->group = craft_group(s->curve);
        s->n = 0;
        add_random(s, &rnd, 300);
        add_crafted(s, &rnd);
        add_wrapped(s, &rnd);
        for (size_t i = s->n; i-- > 1;) { /* exceptional ones anywhere among the others */
            const size_t j = rnd_word(&rnd) % (i + 1);
            const struct sample t = s->v[i];
            s->v[i] = s->v[j];
            s->v[j] = t;
        }
        /* A key that was altered to a point off the curve is not the engine's to judge. */
        size_t kept = 0;
        for (size_t i = 0; i < s->n; i++) {
            BIGNUM *x = craft_in(s->v[i].key.x), *y = craft_in(s->v[i].key.y);
            EC_POINT *p = EC_POINT_new(s->group);
            const BIGNUM *n = EC_GROUP_get0_order(s->group);
            BIGNUM *r = craft_in(s->v[i].job.r), *sig = craft_in(s->v[i].job.s);
            if (EC_POINT_set_affine_coordinates(s->group, p, x, y, s->ctx) == 1 &&
                BN_cmp(r, n) < 0 && BN_cmp(sig, n) < 0)
                s->v[kept++] = s->v[i];
            EC_POINT_free(p);
            BN_free(x);
            BN_free(y);
            BN_free(r);
            BN_free(sig);
        }
        s->n = kept;
        struct bulk_base *base = bulk_ifma.base_new(s->curve);
        for (enum bulk_tier tier = BULK_COLD; tier < BULK_TIERS; tier++)
            check_tier(s, base, tier);
        free(base);
        EC_GROUP_free(s->group);
    }
    BN_CTX_free(s->ctx);
    free(s);
}

static void decompress(void **state) {
    (void)state;
    struct ws_random rnd = ws_random_seeded(SEED);
    BN_CTX *ctx = BN_CTX_new();
    for (enum bulk_curve c = BULK_P256; c < BULK_CURVES; c++) {
        EC_GROUP *g = craft_group(c);
        enum { N = 61 };
        uint64_t x[N][4];
        bool odd[N], ok[N];
        struct bulk_point point[N];
        for (size_t i = 0; i < N; i++) {
            for (int k = 0; k < 4; k++)
                x[i][k] = i == 0 ? 0 : i == 1 ? UINT64_MAX : rnd_word(&rnd);
            if (i == 2)
                memcpy(x[i], bulk_params(c)->p, 32);
            if (i == 3) { /* p + gx fits in neither curve's range: must not be taken for gx */
                memcpy(x[i], bulk_params(c)->p, 32);
                x[i][0]++;
            }
            if (i > 8)
                x[i][3] >>= 1;
            odd[i] = (i & 1) != 0;
        }
        for (size_t n = 1; n <= N; n += n < 18 ? 1 : 43) {
            bulk_ifma.decompress(c, (const uint64_t(*)[4])x, odd, n, point, ok);
            for (size_t i = 0; i < n; i++) {
                BIGNUM *bx = craft_in(x[i]), *by = BN_new(), *p = craft_in(bulk_params(c)->p);
                EC_POINT *want = EC_POINT_new(g);
                const bool exists = BN_cmp(bx, p) < 0 && EC_POINT_set_compressed_coordinates(
                                                             g, want, bx, odd[i], ctx) == 1;
                assert_int_equal(ok[i], exists);
                if (exists) {
                    uint64_t y[4];
                    EC_POINT_get_affine_coordinates(g, want, bx, by, ctx);
                    craft_out(by, y);
                    assert_memory_equal(point[i].x, x[i], 32);
                    assert_memory_equal(point[i].y, y, 32);
                }
                EC_POINT_free(want);
                BN_free(bx);
                BN_free(by);
                BN_free(p);
            }
        }
        EC_GROUP_free(g);
    }
    BN_CTX_free(ctx);
}

int main(void) {
    if (!bulk_ifma.usable()) {
        printf("nothing checked: this processor has no AVX-512 IFMA\n");
        return 0;
    }
    printf("seed %d\n", SEED);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verify), cmocka_unit_test(equal_points), cmocka_unit_test(decompress)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
