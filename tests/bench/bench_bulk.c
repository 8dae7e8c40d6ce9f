/* Rates of the bulk engines, each beside OpenSSL's verification in the same run (parsed keys and signatures, one core,
 * nothing hashed): bench_bulk [seconds per row]. Every answer is checked; a wrong one ends the run with 1. */
#include "tests/unit/v2x/bulk_craft.h"

#include "base/mem.h"
#include "v2x/bulk/portable.h"

#include <openssl/ecdsa.h>
#include <stdio.h>
#include <time.h>

#define POOL 256 /* signatures: jobs draw on them in turn */

struct set {
    enum bulk_curve curve;
    struct bulk_point key[POOL];
    struct bulk_job job[POOL];
    EC_KEY *ec[POOL];
    ECDSA_SIG *sig[POOL];
    uint8_t hash[POOL][32];
};

static double seconds_per_row = 0.3;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void fail(const char *what) {
    (void)fprintf(stderr, "bench_bulk: %s\n", what);
    exit(1);
}

static void fill(struct set *s) {
    EC_GROUP *g = craft_group(s->curve);
    const BIGNUM *n = EC_GROUP_get0_order(g);
    BIGNUM *d = BN_new(), *u1 = BN_new(), *u2 = BN_new();
    for (size_t i = 0; i < POOL; i++) {
        BN_rand_range(d, n);
        BN_rand_range(u1, n);
        BN_rand_range(u2, n);
        if (!craft_point(g, d, &s->key[i]) || !craft_job(g, d, u1, u2, &s->job[i]))
            fail("no signature");
        s->job[i].key = &s->key[i];
        BIGNUM *x = craft_in(s->key[i].x), *y = craft_in(s->key[i].y), *e = craft_in(s->job[i].e);
        s->ec[i] = EC_KEY_new();
        EC_KEY_set_group(s->ec[i], g);
        EC_KEY_set_public_key_affine_coordinates(s->ec[i], x, y);
        s->sig[i] = ECDSA_SIG_new();
        ECDSA_SIG_set0(s->sig[i], craft_in(s->job[i].r), craft_in(s->job[i].s));
        BN_bn2binpad(e, s->hash[i], 32);
        BN_free(x);
        BN_free(y);
        BN_free(e);
    }
    BN_free(d);
    BN_free(u1);
    BN_free(u2);
    EC_GROUP_free(g);
}

static double openssl_us(struct set *s) {
    size_t n = 0;
    const double from = now();
    do {
        for (size_t i = 0; i < 16; i++, n++)
            if (ECDSA_do_verify(s->hash[n % POOL], 32, s->sig[n % POOL], s->ec[n % POOL]) != 1)
                fail("OpenSSL disagrees");
    } while (now() - from < seconds_per_row);
    return 1e6 * (now() - from) / (double)n;
}

/* Signers differ in memory only: tables are copies of POOL different ones. */
static double verify_us(const struct bulk_engine *e, const struct bulk_base *base, struct set *s,
    enum bulk_tier tier, uint8_t *tables, size_t signers, size_t batch) {
    void *prepared[2] = {aligned_alloc(64, e->batch_octets), aligned_alloc(64, e->batch_octets)};
    void *scratch = aligned_alloc(64, e->scratch_octets);
    struct bulk_job jobs[2][BULK_BATCH];
    enum bulk_answer answer[BULK_BATCH];
    uint32_t seed = 1;
    size_t n = 0;
    double from = 0;
    for (size_t round = 0;; round++) {
        if (round == 5) { /* the first few warm up */
            from = now();
            n = 0;
        }
        struct bulk_job *j = jobs[round % 2];
        for (size_t i = 0; i < batch; i++) {
            seed = seed * 1664525 + 1013904223;
            const size_t signer = (seed >> 8) % signers;
            j[i] = s->job[signer % POOL];
            j[i].table = tier == BULK_COLD ? NULL : tables + signer * e->table_octets[tier];
        }
        e->prepare(base, tier, j, batch, prepared[round % 2]);
        if (round > 0) {
            e->compute(prepared[1 - round % 2], prepared[round % 2], scratch, answer);
            for (size_t i = 0; i < batch; i++)
                if (answer[i] != BULK_GOOD)
                    fail("a good signature was not found good");
            n += batch;
        }
        if (round > 8 && round % 8 == 0 && now() - from > seconds_per_row)
            break;
    }
    const double us = 1e6 * (now() - from) / (double)n;
    free(prepared[0]);
    free(prepared[1]);
    free(scratch);
    return us;
}

static double build_us(const struct bulk_engine *e, const struct bulk_base *base, struct set *s,
    enum bulk_tier tier, uint8_t *tables, size_t signers) {
    void *scratch = aligned_alloc(64, e->scratch_octets);
    double best = 1e9;
    const size_t octets = e->table_octets[tier];
    for (size_t at = 0; at < POOL; at += BULK_BUILD) {
        const struct bulk_point *key[BULK_BUILD];
        void *table[BULK_BUILD];
        for (size_t i = 0; i < BULK_BUILD; i++) {
            key[i] = &s->key[at + i];
            table[i] = tables + (at + i) * octets;
        }
        const double from = now();
        if (!e->build(base, tier, key, table, BULK_BUILD, scratch))
            fail("no table");
        const double us = 1e6 * (now() - from) / BULK_BUILD;
        best = us < best ? us : best;
    }
    for (size_t at = POOL; at < signers; at++)
        memcpy(tables + at * octets, tables + at % POOL * octets, octets);
    free(scratch);
    return best;
}

static double decompress_us(const struct bulk_engine *e, struct set *s) {
    static uint64_t x[POOL][4];
    static bool odd[POOL], ok[POOL];
    static struct bulk_point point[POOL];
    for (size_t i = 0; i < POOL; i++) {
        memcpy(x[i], s->key[i].x, 32);
        odd[i] = (s->key[i].y[0] & 1) != 0;
    }
    size_t n = 0;
    const double from = now();
    do {
        e->decompress(s->curve, (const uint64_t(*)[4])x, odd, POOL, point, ok);
        n += POOL;
    } while (now() - from < seconds_per_row);
    const double us = 1e6 * (now() - from) / (double)n;
    for (size_t i = 0; i < POOL; i++)
        if (!ok[i] || memcmp(&point[i], &s->key[i], sizeof(point[i])) != 0)
            fail("decompressed to another point");
    return us;
}

static void run(const struct bulk_engine *e, struct set *s) {
    static const char *const name[BULK_TIERS] = {"cold", "mid", "full"};
    static const size_t signers[] = {8, 1000, 10000}, batch[] = {8, 16, 32, 64};
    const char *curve = s->curve == BULK_P256 ? "P-256" : "Brainpool";
    double from = now();
    struct bulk_base *base = e->base_new(s->curve);
    printf("%s %s: base table %.1f ms, decompress %.2f us\n", e->name, curve, 1e3 * (now() - from),
        decompress_us(e, s));
    for (enum bulk_tier tier = BULK_COLD; tier < BULK_TIERS; tier++) {
        uint8_t *tables = NULL;
        if (tier != BULK_COLD) {
            tables = aligned_alloc(64, 10000 * e->table_octets[tier]);
            if (tables == NULL)
                fail("no memory");
            printf("%s %s %s: table of %zu octets, build %.2f us\n", e->name, curve, name[tier],
                e->table_octets[tier], build_us(e, base, s, tier, tables, 10000));
        }
        for (size_t i = 0; i < 3; i++)
            for (size_t k = i == 1 ? 0 : 3; k < 4; k++) {
                if (tier == BULK_COLD && i != 1)
                    continue;
                const double ours = verify_us(e, base, s, tier, tables, signers[i], batch[k]);
                const double theirs = openssl_us(s);
                printf("%s %s %s: %5zu signers, batch %2zu: %6.2f us, OpenSSL %6.1f us, %5.1fx\n",
                    e->name, curve, name[tier], signers[i], batch[k], ours, theirs, theirs / ours);
            }
        free(tables);
    }
    free(base);
}

int main(int argc, char **argv) {
    static const struct bulk_engine *const engines[] = {
#if defined(__x86_64__)
        &bulk_ifma,
#endif
        &bulk_portable,
        &bulk_portable_plain
    };
    if (argc > 1)
        seconds_per_row = strtod(argv[1], NULL);
    struct set *s = ws_alloc(sizeof(*s));
    for (s->curve = BULK_P256; s->curve < BULK_CURVES; s->curve++) {
        fill(s);
        for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++)
            if (engines[i]->usable())
                run(engines[i], s);
            else
                printf("%s: not on this processor\n", engines[i]->name);
        for (size_t i = 0; i < POOL; i++) {
            EC_KEY_free(s->ec[i]);
            ECDSA_SIG_free(s->sig[i]);
        }
    }
    free(s);
    return 0;
}
