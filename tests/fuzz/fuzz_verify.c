/* Signatures made from the fuzzer's octets, honest, altered and adversarial: every engine in every tier, and every kernel,
 * must answer as OpenSSL does. A difference aborts. An engine may leave a case open (ASK); a kernel may not. The kernels
 * go on from input to input, so their tables differ with what came before; the engines' part depends on the input alone. */
#include "tests/fuzz/verify_cases.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "v2x/bulk/portable.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ENGINES = 3 };

struct engine {
    const struct bulk_engine *e; /* NULL: not on this machine */
    struct bulk_base *base;
    void *table[BULK_TIERS]; /* of KEYS keys each */
    void *prepared[BULK_TIERS], *scratch;
    struct verify_kernel *kernel;
};

struct world {
    struct signers signers;
    struct engine engine[ENGINES];
    struct verify_kernel *reference;
};

static void *aligned(size_t octets) {
    void *p = aligned_alloc(64, (octets + 63) / 64 * 64);
    WS_ASSERT(p != NULL);
    return p;
}

static void *table_of(const struct engine *g, enum bulk_tier tier, size_t key) {
    return tier == BULK_COLD ? NULL : (uint8_t *)g->table[tier] + key * g->e->table_octets[tier];
}

/* All together. No two multiples below 2^256 of a point of prime order meet on the way, so it must succeed. */
static void build(const struct engine *g, struct verify_key *const *keys, size_t first, size_t n) {
    for (enum bulk_tier tier = BULK_MID; tier < BULK_TIERS; tier++) {
        for (size_t at = 0, some; at < n; at += some) {
            const struct bulk_point *point[BULK_BUILD];
            void *table[BULK_BUILD];
            for (some = 0; some < BULK_BUILD && at + some < n; some++) {
                point[some] = &keys[first + at + some]->point;
                table[some] = table_of(g, tier, first + at + some);
            }
            WS_ASSERT(g->e->build(g->base, tier, point, table, some, g->scratch));
        }
    }
}

static struct verify_kernel *kernel_over(const struct bulk_engine *e) {
    /* Room for a few signers only, so that tables change hands. */
    const struct verify_config cfg = {.capacity = 2 * BULK_BATCH,
        .table_octets = (size_t)1 << 20,
        .build_percent = 100,
        .exceptional_percent = VERIFY_EXCEPTIONAL_ALL};
    return verify_kernel_over(&cfg, e);
}

static void make_engine(struct world *w, struct engine *g, const struct bulk_engine *e) {
    if (!e->usable())
        return;
    g->e = e;
    g->base = e->base_new(w->signers.curve == CURVE_P256 ? BULK_P256 : BULK_BP256);
    g->scratch = aligned(e->scratch_octets);
    for (enum bulk_tier tier = BULK_COLD; tier < BULK_TIERS; tier++) {
        g->table[tier] = aligned(KEYS * e->table_octets[tier] + 64);
        g->prepared[tier] = aligned(e->batch_octets);
    }
    build(g, w->signers.key, 0, POOL);
    g->kernel = kernel_over(e);
}

static const struct world *world_of(enum ec_curve curve) {
    static struct world made[2];
    struct world *w = &made[curve != CURVE_P256];
    if (w->reference != NULL)
        return w;
    signers_fill(&w->signers, curve);
#if defined(__x86_64__)
    make_engine(w, &w->engine[0], &bulk_ifma);
#endif
    make_engine(w, &w->engine[1], &bulk_portable);
    make_engine(w, &w->engine[2], &bulk_portable_plain);
    w->reference = kernel_over(NULL);
    return w;
}

/* ---- engines ---- */

/* What the engines see of the cases: those in range. */
struct batch {
    size_t n;
    struct bulk_job job[CASES];
    size_t key[CASES];
    enum verify_answer_kind answer[CASES];
};

static void limbs_of(uint64_t ret[4], const uint8_t be[static 32]) {
    for (size_t i = 0; i < 4; i++)
        ret[i] = be64(be + 24 - 8 * i);
}

static void put_job(struct batch *b, const struct one *o, enum verify_answer_kind answer) {
    uint8_t r[EC_MAX_OCTETS];
    if (!verify_ranges(&o->item, r)) {
        WS_ASSERT(answer == VERIFY_BAD);
        return;
    }
    struct bulk_job *job = &b->job[b->n];
    job->key = &o->item.key->point;
    limbs_of(job->r, r);
    limbs_of(job->s, o->item.s);
    limbs_of(job->e, o->item.digest);
    b->key[b->n] = o->key;
    b->answer[b->n++] = answer;
}

/* A batch of `fill` jobs, the cases in turn. */
static void prepare(
    const struct engine *g, enum bulk_tier tier, const struct batch *b, size_t fill) {
    struct bulk_job job[BULK_BATCH];
    for (size_t i = 0; i < fill; i++) {
        job[i] = b->job[i % b->n];
        job[i].table = table_of(g, tier, b->key[i % b->n]);
    }
    g->e->prepare(g->base, tier, job, fill, g->prepared[tier]);
}

static void check_engine(const struct engine *g, const struct batch *b, size_t fill, bool next) {
    enum bulk_answer ret[BULK_BATCH];
    for (enum bulk_tier tier = BULK_COLD; tier < BULK_TIERS; tier++)
        prepare(g, tier, b, fill);
    for (enum bulk_tier tier = BULK_COLD; tier < BULK_TIERS; tier++) {
        const void *after = next ? g->prepared[(tier + 1) % BULK_TIERS] : NULL;
        g->e->compute(g->prepared[tier], after, g->scratch, ret);
        for (size_t i = 0; i < fill; i++) {
            WS_ASSERT(ret[i] == BULK_ASK ||
                      (ret[i] == BULK_GOOD) == (b->answer[i % b->n] == VERIFY_GOOD));
        }
    }
}

/* Any x: the same point, or none, whoever looks for it. */
static void check_decompress(const struct world *w, struct in *in) {
    uint64_t x[4] = {0};
    const bool odd = (take(in) & 1) != 0;
    for (size_t i = 0; i < 32; i++)
        x[i / 8] |= (uint64_t)take(in) << i % 8 * 8;
    uint8_t be[32];
    for (size_t i = 0; i < 4; i++)
        put_be64(be + 8 * i, x[3 - i]);
    const struct signers *s = &w->signers;
    BIGNUM *number = BN_bin2bn(be, 32, NULL);
    EC_POINT *q = EC_POINT_new(s->group);
    const bool there = BN_cmp(number, s->p) < 0 &&
                       EC_POINT_set_compressed_coordinates(s->group, q, number, odd, s->ctx) == 1;
    for (size_t i = 0; i < ENGINES; i++) {
        struct bulk_point point;
        bool ok;
        if (w->engine[i].e == NULL)
            continue;
        w->engine[i].e->decompress(s->curve == CURVE_P256 ? BULK_P256 : BULK_BP256,
            (const uint64_t(*)[4])x, &odd, 1, &point, &ok);
        WS_ASSERT(ok == there);
        if (!ok)
            continue;
        uint8_t sec1[65] = {4};
        for (size_t k = 0; k < 4; k++) {
            put_be64(sec1 + 1 + 8 * k, point.x[3 - k]);
            put_be64(sec1 + 33 + 8 * k, point.y[3 - k]);
        }
        EC_POINT *same = EC_POINT_new(s->group);
        WS_ASSERT(EC_POINT_oct2point(s->group, same, sec1, 65, s->ctx) == 1);
        WS_ASSERT(EC_POINT_cmp(s->group, same, q, s->ctx) == 0);
        EC_POINT_free(same);
    }
    EC_POINT_free(q);
    BN_free(number);
}

/* ---- kernels ---- */

static void check_kernel(
    struct verify_kernel *k, const struct cases *c, const enum verify_answer_kind *answer) {
    struct verify_item items[CASES];
    struct verify_answer got[2 * CASES];
    for (size_t i = 0; i < c->n; i++)
        items[i] = c->one[i].item;
    WS_ASSERT(verify_submit(k, items, c->n) == c->n);
    unsigned seen = 0;
    while (verify_in_flight(k) > 0) {
        const size_t n = verify_poll(k, got, ARRAY_LEN(got));
        WS_ASSERT(n > 0);
        for (size_t i = 0; i < n; i++) {
            WS_ASSERT(got[i].tag < c->n && (seen & 1U << got[i].tag) == 0);
            WS_ASSERT(got[i].kind == answer[got[i].tag]);
            seen |= 1U << got[i].tag;
        }
    }
    WS_ASSERT(seen == (1U << c->n) - 1);
    (void)verify_build(k);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct in in = {data, size};
    const uint8_t how = take(&in), many = take(&in);
    const struct world *w = world_of((how & 1) != 0 ? CURVE_BP256 : CURVE_P256);
    if ((how & 0x70) == 0x70)
        check_decompress(w, &in);
    struct cases c;
    struct batch b = {.n = 0};
    enum verify_answer_kind answer[CASES];
    cases_read(&w->signers, &in, &c);
    for (size_t i = 0; i < c.n; i++) {
        answer[i] = openssl_says(&w->signers, &c.one[i]);
        WS_ASSERT(answer[i] == VERIFY_GOOD || !c.one[i].must);
        put_job(&b, &c.one[i], answer[i]);
    }
    const size_t fill = many >= 0xf8 ? BULK_BATCH - (many & 7U) : b.n + many % 12U;
    for (size_t i = 0; i < ENGINES && b.n > 0; i++) {
        const struct engine *g = &w->engine[i];
        if (g->e == NULL)
            continue;
        build(g, c.key, POOL, c.n_keys - POOL);
        check_engine(g, &b, fill, (how & 2) != 0);
    }
    for (size_t i = 0; i < ENGINES; i++) {
        if (w->engine[i].kernel != NULL)
            check_kernel(w->engine[i].kernel, &c, answer);
    }
    check_kernel(w->reference, &c, answer);
    cases_free(&c);
    return 0;
}
