/* What 10,000 revoked devices cost: the set of each linkage period, and a look-up, beside asking the list itself for each
 * certificate. By the processor's clock. usage: bench_lists [DEVICES] */
#include "base/assert.h"
#include "base/mem.h"
#include "base/random.h"
#include "tests/support/lists.h"
#include "tests/support/pki.h"
#include "v2x/linkage.h"
#include "v2x/revocation.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { JMAX = 20, ASKED = 200000, STEP = 4096 };

static double processor_s(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct list {
    struct crl_seeds *seeds;
    uint8_t (*octets)[32];
    struct buf payload;
    struct crl crl;
    uint16_t i;
};

static void list_make(
    struct list *l, size_t n, uint16_t i, const uint8_t *authority, struct ws_random *rnd) {
    *l = (struct list){.i = i};
    l->seeds = ws_calloc(n, sizeof(*l->seeds));
    l->octets = ws_calloc(n, sizeof(*l->octets));
    for (size_t k = 0; k < n; k++) {
        ws_random_bytes(rnd, l->octets[k], 32);
        l->seeds[k] = (struct crl_seeds){.jmax = JMAX,
            .i_max = (uint16_t)(i + 150),
            .la1 = 1,
            .la2 = 2,
            .seed1 = l->octets[k],
            .seed2 = l->octets[k] + 16};
    }
    struct crl_writer w = {.form = CRL_LINKED_FULL,
        .craca = authority + 24,
        .issued_s = PKI_FROM_S,
        .next_s = PKI_FROM_S + 604800,
        .serial = (uint32_t)i << 8,
        .seeds = l->seeds,
        .n_seeds = n};
    list_put_crl(&l->payload, &w);
    struct coer c = coer_of(buf_span(&l->payload));
    bool ok = crl_read(&c, &l->crl);
    WS_ASSERT(ok);
}

static void list_free(struct list *l) {
    free(l->seeds);
    free(l->octets);
    buf_free(&l->payload);
}

static double work_until_done(struct revocation_source *s, uint32_t now_s, double *longest) {
    double start = processor_s();
    bool more = true;
    *longest = 0;
    while (more) {
        double slice = processor_s();
        more = revocation_step(s, now_s, STEP);
        slice = processor_s() - slice;
        *longest = slice > *longest ? slice : *longest;
    }
    return processor_s() - start;
}

/* A certificate asked about the direct way: the value of every device for the certificate's j. */
static double ns_without_a_set(const struct list *l, size_t n) {
    struct linkage *k = linkage_new();
    uint8_t value[LINKAGE_OCTETS];
    unsigned sum = 0;
    double start = processor_s();
    for (size_t d = 0; d < n; d++) {
        struct linkage_seeds seeds = {1, 2, l->octets[d], l->octets[d] + 16};
        linkage_values(k, &seeds, 5, 1, value);
        sum += value[0];
    }
    double took = (processor_s() - start) * 1e9;
    WS_ASSERT(n < 100 || sum > 0);
    linkage_free(k);
    return took;
}

static double ns_of_a_look_up(const struct revocation_set *set, const struct list *l, size_t n,
    const uint8_t *issuer, bool revoked) {
    static uint8_t id[256][12];
    struct cert c[256];
    uint8_t hash[32] = {0};
    struct linkage *k = linkage_new();
    for (size_t a = 0; a < ARRAY_LEN(c); a++) {
        size_t d = a * 37 % n;
        struct linkage_seeds seeds = {1, 2, l->octets[d], l->octets[d] + 16};
        put_be16(id[a] + 1, l->i);
        linkage_values(k, &seeds, 5, 1, id[a] + 3);
        id[a][11] ^= revoked ? 0 : 1;
        c[a] = (struct cert){.id_kind = CERT_ID_LINKAGE, .id = span_of(id[a], 12)};
    }
    size_t found = 0;
    double start = processor_s();
    for (size_t a = 0; a < ASKED; a++)
        found += revocation_find(set, &c[a % ARRAY_LEN(c)], hash, issuer).kind != REVOCATION_NONE;
    double took = (processor_s() - start) * 1e9 / ASKED;
    WS_ASSERT(found == (revoked ? ASKED : 0));
    linkage_free(k);
    return took;
}

int main(int argc, char **argv) {
    size_t n = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 10000;
    struct pki pki;
    struct list l;
    struct ws_err err = {0};
    uint8_t root[32], ca[32];
    const struct revocation_clock clock = REVOCATION_CLOCK_SCMS;
    const struct revocation_limits limits = {.entries = n, .values = 100 * n, .groups = 0};
    pki_init(&pki, 1);
    memcpy(root, trust_issuer_at(pki.trust, 0).hash256, 32);
    memcpy(ca, trust_issuer_at(pki.trust, 1).hash256, 32);
    uint32_t now_s = PKI_FROM_S + 3600;
    list_make(&l, n, (uint16_t)((now_s - clock.start_s) / clock.length_s), root, &pki.rnd);
    struct revocation_source *s = revocation_source_new(&limits, &clock);
    double start = processor_s();
    int rc = revocation_add_crl(s, &l.crl, root, "bench", &err);
    WS_ASSERT(rc == WS_OK);
    printf("%zu devices, %d certificates a week each, list of %zu octets\n", n, JMAX, l.payload.n);
    printf("  take the list apart        %8.1f ms\n", (processor_s() - start) * 1e3);
    double longest;
    double first = work_until_done(s, now_s, &longest);
    printf("  first set, three periods   %8.1f ms, longest slice %.1f ms\n", first * 1e3,
        longest * 1e3);
    struct revocation_set *set = revocation_take(s, pki.trust, now_s);
    printf("  memory of the set          %8.1f MiB, %zu values\n",
        (double)revocation_octets(set) / 1048576, revocation_values(set));
    double next = work_until_done(s, now_s + clock.length_s, &longest);
    printf("  each further period        %8.1f ms, longest slice %.1f ms\n", next * 1e3,
        longest * 1e3);
    double direct = ns_without_a_set(&l, n);
    double hit = ns_of_a_look_up(set, &l, n, ca, true);
    double miss = ns_of_a_look_up(set, &l, n, ca, false);
    printf("  a certificate, by the set  %8.0f ns revoked, %.0f ns not\n", hit, miss);
    printf("  a certificate, by the list %8.0f ns: %.0f times as much\n", direct, direct / miss);
    revocation_unref(set);
    revocation_source_free(s);
    list_free(&l);
    pki_free(&pki);
    return 0;
}
