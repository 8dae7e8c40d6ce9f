/* Hashes and verifications a second, one core, each beside OpenSSL's own figure from the same run, by the processor's
 * clock. usage: bench_verify [SIGNERS] */
#include "base/assert.h"
#include "base/mem.h"
#include "base/random.h"
#include "v2x/sign.h"
#include "v2x/verify.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LEAST_S 0.4

static double processor_s(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- hashes ---- */

enum { HASHES = 64 };

struct hashing {
    uint8_t text[HASHES][512];
    uint8_t hash[HASHES][32];
    struct span part[HASHES];
    struct v2x_sha256_job job[HASHES];
};

static void hash_by_evp(struct hashing *h) {
    for (size_t i = 0; i < HASHES; i++) {
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        WS_ASSERT(ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1);
        WS_ASSERT(EVP_DigestUpdate(ctx, h->part[i].p, h->part[i].n) == 1);
        WS_ASSERT(EVP_DigestFinal_ex(ctx, h->hash[i], NULL) == 1);
        EVP_MD_CTX_free(ctx);
    }
}

static void hash_singly(struct hashing *h) {
    for (size_t i = 0; i < HASHES; i++)
        v2x_sha256(h->part[i], (struct span){NULL, 0}, h->hash[i]);
}

static void hash_together(struct hashing *h) {
    v2x_sha256_batch(h->job, HASHES);
}

/* What a signature is over (1609.2 5.3.1): H(H(data) || H(certificate)). The second hash is of 64 octets. */
struct digesting {
    struct hashing first;
    uint8_t pair[HASHES][64]; /* the first half is written by the first hash */
    struct span part[HASHES];
    uint8_t digest[HASHES][32];
    struct v2x_sha256_job job[HASHES];
};

static void digest_singly(struct digesting *d) {
    for (size_t i = 0; i < HASHES; i++) {
        v2x_sha256(d->first.part[i], (struct span){NULL, 0}, d->pair[i]);
        v2x_sha256(d->part[i], (struct span){NULL, 0}, d->digest[i]);
    }
}

static void digest_together(struct digesting *d) {
    v2x_sha256_batch(d->first.job, HASHES);
    v2x_sha256_batch(d->job, HASHES);
}

static double ns_per_digest(struct digesting *d, void (*way)(struct digesting *)) {
    double best = 1e9;
    for (unsigned k = 0; k < 20; k++) {
        const double start = processor_s();
        for (unsigned i = 0; i < 50; i++)
            way(d);
        const double took = (processor_s() - start) * 1e9 / (50 * HASHES);
        best = took < best ? took : best;
    }
    return best;
}

static void bench_digests(void) {
    static struct digesting d;
    for (size_t i = 0; i < HASHES; i++) {
        d.first.part[i] = span_of(d.first.text[i], 300);
        d.first.job[i] = (struct v2x_sha256_job){&d.first.part[i], 1, d.pair[i]};
        d.part[i] = span_of(d.pair[i], 64);
        d.job[i] = (struct v2x_sha256_job){&d.part[i], 1, d.digest[i]};
    }
    const double singly = ns_per_digest(&d, digest_singly);
    const double together = ns_per_digest(&d, digest_together);
    (void)printf(
        "digest over 300 octets and a signer: one by one %4.0f ns, in batches of %d %4.0f ns "
        "(%.2f times one by one)\n",
        singly, HASHES, together, singly / together);
}

static double ns_per_hash(struct hashing *h, void (*way)(struct hashing *)) {
    size_t rounds = 0;
    double start = processor_s(), took;
    do {
        for (unsigned i = 0; i < 200; i++)
            way(h);
        rounds += 200;
        took = processor_s() - start;
    } while (took < LEAST_S / 4);
    return took * 1e9 / (double)(rounds * HASHES);
}

static void bench_hashes(void) {
    static struct hashing h;
    static const size_t lengths[] = {64, 100, 200, 300, 400};
    struct ws_random rnd = ws_random_seeded(1);
    ws_random_bytes(&rnd, h.text, sizeof(h.text));
    for (size_t k = 0; k < ARRAY_LEN(lengths); k++) {
        for (size_t i = 0; i < HASHES; i++) {
            h.part[i] = span_of(h.text[i], lengths[k]);
            h.job[i] = (struct v2x_sha256_job){&h.part[i], 1, h.hash[i]};
        }
        double evp = ns_per_hash(&h, hash_by_evp);
        double singly = ns_per_hash(&h, hash_singly);
        double together = ns_per_hash(&h, hash_together);
        (void)printf("SHA-256 of %3zu octets: EVP %4.0f ns, one %4.0f ns, in a batch %4.0f ns "
                     "(%.1f times EVP)\n",
            lengths[k], evp, singly, together, evp / together);
    }
}

/* ---- signatures ---- */

struct signer {
    struct sign_key *secret;
    struct verify_key *key;
    struct verify_item item[2];
};

struct set {
    struct signer *signer;
    size_t n;
    size_t *order; /* random, so that tables come from memory as on a road */
};

static void make_set(struct set *s, enum ec_curve curve, size_t n) {
    struct ws_random rnd = ws_random_seeded(2);
    s->n = n;
    s->signer = ws_calloc(n, sizeof(*s->signer));
    s->order = ws_calloc(n, sizeof(*s->order));
    for (size_t i = 0; i < n; i++) {
        struct signer *g = &s->signer[i];
        g->secret = sign_key_new(curve, &rnd);
        struct buf b = {0};
        struct cert_request rq = {.name = "b", .issue_all = true, .issue_min_chain = 1};
        struct cert c;
        size_t at;
        cert_put(&b, &rq, g->secret, NULL, (struct span){NULL, 0});
        WS_ASSERT(cert_parse(buf_span(&b), &c, &at) == COER_OK);
        g->key = verify_key_new(c.key_curve, &c.key);
        WS_ASSERT(g->key != NULL);
        buf_free(&b);
        for (size_t k = 0; k < ARRAY_LEN(g->item); k++) {
            struct verify_item *item = &g->item[k];
            *item = (struct verify_item){
                .key = g->key, .digest_octets = 32, .r_form = EC_X_ONLY, .tag = i};
            ws_random_bytes(&rnd, item->digest, 32);
            sign_digest(g->secret, item->digest, item->r, item->s);
        }
        s->order[i] = i;
    }
    for (size_t i = n; i-- > 1;) {
        size_t k = ws_random_below(&rnd, i + 1), t = s->order[i];
        s->order[i] = s->order[k];
        s->order[k] = t;
    }
}

static void drop_set(struct set *s) {
    for (size_t i = 0; i < s->n; i++) {
        sign_key_free(s->signer[i].secret);
        verify_key_unref(s->signer[i].key);
    }
    free(s->signer);
    free(s->order);
}

/* Everybody's signature once, as fast as answers come; a wrong answer ends the run. */
static void pass(struct verify_kernel *k, const struct set *s, unsigned which) {
    struct verify_answer answers[64];
    struct verify_item items[64];
    size_t sent = 0, got = 0;
    while (got < s->n) {
        size_t n = 0;
        /* Enough in flight for the next batch to be prepared while one is computed. */
        while (sent < s->n && verify_in_flight(k) <= 256 - 64) {
            for (n = 0; n < 64 && sent + n < s->n; n++)
                items[n] = s->signer[s->order[sent + n]].item[which % 2];
            sent += verify_submit(k, items, n);
        }
        n = verify_poll(k, answers, 64);
        for (size_t i = 0; i < n; i++)
            WS_ASSERT(answers[i].kind == VERIFY_GOOD);
        got += n;
    }
}

static double us_per_check(struct verify_kernel *k, const struct set *s) {
    size_t done = 0;
    double start = processor_s(), took;
    unsigned which = 0;
    do {
        pass(k, s, which++);
        done += s->n;
        took = processor_s() - start;
    } while (took < LEAST_S);
    return took * 1e6 / (double)done;
}

static struct verify_kernel *kernel_of(enum verify_backend b, size_t table_octets) {
    struct verify_config cfg = verify_config_default(512);
    cfg.backend = b;
    cfg.table_octets = table_octets;
    cfg.build_percent = 0;
    return verify_kernel_new(&cfg);
}

static void build_all(struct verify_kernel *k) {
    while (verify_build(k))
        ;
}

static const char *curve_text(enum ec_curve c) {
    return c == CURVE_P256 ? "P-256" : "Brainpool P-256";
}

static void row(
    enum ec_curve c, enum verify_backend b, const char *what, size_t n, double us, double openssl) {
    (void)printf("%-15s %-8s %-14s %5zu signers: %7.2f us, %5.1f times OpenSSL\n", curve_text(c),
        verify_backend_name(b), what, n, us, openssl / us);
}

static double openssl_us(const struct set *s) {
    struct verify_kernel *k = kernel_of(VERIFY_OPENSSL, 0);
    pass(k, s, 0); /* makes its keys */
    double us = us_per_check(k, s);
    verify_kernel_free(k);
    return us;
}

static void bench_signers(enum ec_curve curve, size_t n) {
    struct set s, some;
    make_set(&s, curve, n);
    some = s; /* for what needs no memory: fewer, so that a pass is short */
    some.n = 0;
    for (size_t i = 0; i < n && some.n < 512; i++)
        some.n++;
    double openssl = openssl_us(&some);
    row(curve, VERIFY_OPENSSL, "", some.n, openssl, openssl);
    for (unsigned b = VERIFY_IFMA; b < VERIFY_OPENSSL; b++) {
        enum verify_backend backend = (enum verify_backend)b;
        if (!verify_backend_usable(backend))
            continue;
        struct verify_counters c;
        struct verify_kernel *k = kernel_of(backend, 0);
        row(curve, backend, "first message", n, us_per_check(k, &s), openssl);
        verify_kernel_free(k);
        k = kernel_of(backend, (size_t)1280 << 20);
        for (unsigned i = 0; i < 2 + n / 1024;
             i++) { /* as many as wait at once are built at once */
            pass(k, &s, 0);
            build_all(k);
        }
        verify_kernel_counters(k, &c);
        if (c.tables[VERIFY_MID] == n && c.tables[VERIFY_FULL] == 0)
            row(curve, backend, "small tables", n, us_per_check(k, &s), openssl);
        for (unsigned i = 0; i < 40 + n / 1024; i++) {
            pass(k, &s, i);
            build_all(k);
        }
        openssl = openssl_us(&some);
        row(curve, backend, "large tables", n, us_per_check(k, &s), openssl);
        verify_kernel_counters(k, &c);
        (void)printf("  %zu small and %zu large tables, %.0f MiB of at most %.0f MiB\n",
            c.tables[VERIFY_MID], c.tables[VERIFY_FULL], (double)c.table_octets / 1048576.0,
            (double)c.table_octets_max / 1048576.0);
        verify_kernel_free(k);
    }
    drop_set(&s);
}

int main(int argc, char **argv) {
    bench_hashes();
    bench_digests();
    if (argc == 2) {
        bench_signers(CURVE_P256, strtoull(argv[1], NULL, 10));
        return 0;
    }
    bench_signers(CURVE_P256, 1000);
    bench_signers(CURVE_P256, 10000);
    bench_signers(CURVE_BP256, 1000);
    return 0;
}
