/* What masking costs: encryption, sums of ciphertexts, opening, and a validator's arithmetic of a whole round, on every path this
 * processor has, beside memory bandwidth and libcrypto's AES, SHA-256 and X25519 in the same run. Best of several, in processor time of the thread
 * that took longest, since a shared machine's wall clock measures the neighbours.
 * usage: bench_fl_mask [SECONDS-EACH [VEHICLES]] */
#include "base/assert.h"
#include "base/mem.h"
#include "base/random.h"
#include "fedlearn/vehicle/mask.h"
#include "ledger/exec/hash.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

enum { D = 100000, GROUP = 16, THREADS = 2, DISTINCT = 64 };

static double seconds_each = 0.4;
static size_t vehicles = 1024;

static double now(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Runs fn(b) in a second thread beside fn(a); returns how much longer the second ran than this one, at least 0. */
struct task {
    void (*fn)(void *);
    void *arg;
    double spent;
};
static void *task_run(void *arg) {
    struct task *t = arg;
    t->fn(t->arg);
    t->spent = now();
    return NULL;
}
static double other_excess;
static void both(void (*fn)(void *), void *a, void *b) {
    struct task t = {fn, b, 0};
    pthread_t id;
    const double start = now();
    WS_ASSERT(pthread_create(&id, NULL, task_run, &t) == 0);
    fn(a);
    const double mine = now() - start;
    WS_ASSERT(pthread_join(id, NULL) == 0);
    other_excess = t.spent > mine ? t.spent - mine : 0;
}

/* Best time of one call, seconds: other work on the machine only ever adds. */
static double best(void (*fn)(void *), void *arg) {
    const double end = now() + seconds_each;
    double least = 1e9;
    unsigned n = 0;
    do {
        const double start = now();
        other_excess = 0;
        fn(arg);
        const double spent = now() - start + other_excess;
        if (spent > 0) /* a clock of processor time can stand still across a migration */
            least = spent < least ? spent : least;
    } while (++n < 3 || now() < end);
    return least;
}

/* ---- baselines ---- */

struct memory {
    const uint8_t *p;
    size_t n;
    uint64_t sum;
    size_t stride; /* of vehicles */
};

__attribute__((target_clones("avx512f", "avx2", "default"))) static uint64_t sum_words(
    const uint64_t *p, size_t n) {
    uint64_t lane[32] = {0};
    for (size_t i = 0; i + 32 <= n; i += 32) {
        for (size_t k = 0; k < 32; k++)
            lane[k] += p[i + k];
    }
    uint64_t sum = 0;
    for (size_t k = 0; k < 32; k++)
        sum += lane[k];
    return sum;
}
static void read_all(void *arg) {
    struct memory *m = arg;
    m->sum += sum_words((const uint64_t *)(const void *)m->p, m->n / 8);
}
/* The same octets in the order of a group's sum: a chunk of each of 64 wires in turn. */
static void read_chunks(void *arg) {
    struct memory *m = arg;
    const struct fl_profile *p = fl_profile_by_name("standard");
    for (size_t g = 0; g < vehicles; g += 64) {
        for (size_t c = 0; c < fl_chunks(p, D); c++) {
            for (size_t v = g; v < g + 64; v++)
                m->sum += sum_words(
                    (const uint64_t *)(const void *)(m->p + v * m->stride + c * fl_full_octets(p)),
                    fl_chunk_octets(p, D, c) / 8);
        }
    }
}
static void read_twice(void *arg) {
    const struct memory *m = arg;
    const size_t half = m->n / 128 * 64;
    struct memory parts[2] = {{m->p, half, 0, 0}, {m->p + half, half, 0, 0}};
    both(read_all, &parts[0], &parts[1]);
}
static void sha_all(void *arg) {
    const struct memory *m = arg;
    uint8_t hash[32];
    WS_ASSERT(EVP_Digest(m->p, m->n, hash, NULL, EVP_sha256(), NULL) == 1);
}
static uint8_t page[1 << 16];
static void aes_page(void *arg) {
    struct fl_stream *s = arg;
    fl_stream_read(s, page, sizeof(page));
}
static void x25519(void *arg) {
    EVP_PKEY **pair = arg;
    uint8_t shared[32];
    size_t n = sizeof(shared);
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(pair[0], NULL);
    WS_ASSERT(EVP_PKEY_derive_init(c) == 1);
    WS_ASSERT(EVP_PKEY_derive_set_peer(c, pair[1]) == 1);
    WS_ASSERT(EVP_PKEY_derive(c, shared, &n) == 1);
    EVP_PKEY_CTX_free(c);
}

/* ---- a client ---- */

struct client {
    struct fl_mask mask;
    const struct fl_profile *p;
    size_t d;
    int32_t *u;
    uint8_t *wire;
    uint64_t *sum;
    int32_t *got;
    int16_t s[FL_N]; /* the key, as one opened for a group of one */
};
static const uint8_t seed[FL_SEED_OCTETS] = "sixteen octets!";
static const uint8_t round_seed[32] = "the round of the bench";

static void encrypt(void *arg) {
    struct client *c = arg;
    int8_t s[FL_N];
    fl_mask_draw_key(&c->mask, seed, s);
    for (size_t i = 0; i < FL_N; i++)
        c->s[i] = (int16_t)(0 + s[i]);
    for (size_t i = 0; i < fl_chunks(c->p, c->d); i++)
        fl_mask_encrypt(&c->mask, c->p, c->d, i, c->u + i * fl_full_params(c->p),
            c->wire + i * fl_full_octets(c->p));
}
static void add_one(void *arg) {
    struct client *c = arg;
    fl_sum_add(c->mask.ring, c->p, c->d, c->wire, 1, c->sum);
}
static void open_group(void *arg) {
    struct client *c = arg;
    const struct fl_weights w = {1, 1};
    struct fl_opening o = FL_OPENING_NONE;
    fl_mask_open_key(&c->mask, c->s);
    for (size_t i = 0; i < fl_chunks(c->p, c->d); i++)
        fl_mask_unmask(
            &c->mask, c->p, c->d, i, w, c->sum + i * FL_N, c->got + i * fl_full_params(c->p), &o);
    WS_ASSERT(fl_opening_judge(c->p, w, &o) == FL_OPENING_GOOD);
}

static void client(const struct fl_ring *ring, const char *name, size_t d) {
    struct client *c = aligned_alloc(64, (sizeof(*c) + 63) / 64 * 64);
    struct ws_random rnd = ws_random_seeded(1);
    WS_ASSERT(c != NULL && fl_mask_open(&c->mask, ring, NULL) == WS_OK);
    c->p = fl_profile_by_name(name);
    c->d = d;
    c->u = ws_calloc(d, sizeof(*c->u));
    c->got = ws_calloc(d, sizeof(*c->got));
    c->wire = ws_alloc(fl_wire_octets(c->p, d));
    c->sum = ws_calloc(fl_coefs(c->p, d), sizeof(*c->sum));
    for (size_t i = 0; i < d; i++)
        c->u[i] = (int32_t)ws_random_below(&rnd, 2 * (uint64_t)c->p->limit + 1) - c->p->limit;
    fl_mask_round(&c->mask, round_seed);
    const double e = best(encrypt, c);
    const double a = best(add_one, c);
    memset(c->sum, 0, fl_coefs(c->p, d) * sizeof(*c->sum));
    add_one(c);
    const double o = best(open_group, c);
    printf("  %-10s %8zu   %7.2f   %12.3f   %7.2f\n", name, d, e / (double)d * 1e9,
        a / (double)d * 1e9, o / (double)d * 1e9);
    fl_mask_close(&c->mask);
    free(c->u);
    free(c->got);
    free(c->wire);
    free(c->sum);
    free(c);
}

/* ---- a validator's round ---- */

struct round {
    const struct fl_ring *ring;
    const struct fl_profile *p;
    const uint8_t **wires;
    const int8_t (*keys)[FL_N]; /* of the DISTINCT first vehicles */
    size_t group; /* vehicles in one */
    size_t groups;
    int32_t **got;
    uint8_t (*hashes)[32];
};
struct worker {
    struct round *r;
    struct fl_mask *mask;
    uint64_t *sum; /* of a chunk */
    size_t index;
    size_t of;
    enum { HASH, SUM, OPEN /* sums and unmasks */ } what;
};

/* Work is shared by vehicles (hash), and by groups (sum, open): neither thread waits for the other. */
static void work(void *arg) {
    const struct worker *w = arg;
    const struct round *r = w->r;
    const size_t chunks = fl_chunks(r->p, D);
    if (w->what == HASH) {
        struct span data[8];
        for (size_t v = w->index * 8; v + 8 <= vehicles; v += w->of * 8) {
            for (size_t k = 0; k < 8; k++)
                data[k] = span_of(r->wires[v + k], fl_wire_octets(r->p, D));
            exec_sha256_many(data, 8, r->hashes + v);
        }
    }
    for (size_t g = w->index; g < r->groups && w->what != HASH; g += w->of) {
        const uint8_t *const *wires = r->wires + g * r->group;
        const struct fl_weights weights = {(uint32_t)r->group, (uint32_t)r->group};
        struct fl_opening o = FL_OPENING_NONE;
        int16_t s[FL_N] = {0};
        for (size_t v = g * r->group; v < (g + 1) * r->group && w->what == OPEN; v++) {
            for (size_t i = 0; i < FL_N; i++)
                s[i] = (int16_t)(s[i] + r->keys[v % DISTINCT][i]);
        }
        if (w->what == OPEN)
            fl_mask_open_key(w->mask, s);
        for (size_t i = 0; i < chunks; i++) {
            fl_sum_chunk(r->ring, r->p, D, wires, NULL, r->group, i, w->sum);
            if (w->what == OPEN)
                fl_mask_unmask(
                    w->mask, r->p, D, i, weights, w->sum, r->got[g] + i * fl_full_params(r->p), &o);
        }
        if (w->what == OPEN)
            WS_ASSERT(fl_opening_judge(r->p, weights, &o) == FL_OPENING_GOOD);
    }
}
static void two(void *arg) {
    struct worker *w = arg;
    both(work, &w[0], &w[1]);
}
static void one(void *arg) {
    struct worker *w = arg;
    struct worker whole = w[0];
    whole.of = 1;
    work(&whole);
}

static void round_of(const struct fl_ring *ring, const uint8_t *all, const int8_t (*keys)[FL_N],
    size_t group, const double bandwidth[2]) {
    struct round r = {.ring = ring,
        .p = fl_profile_by_name("standard"),
        .keys = keys,
        .group = group,
        .groups = vehicles / group};
    const size_t octets = fl_wire_octets(r.p, D);
    const size_t stride = (octets + 4095) / 4096 * 4096 + 64;
    r.wires = ws_calloc(vehicles, sizeof(*r.wires));
    r.got = ws_calloc(r.groups, sizeof(*r.got));
    r.hashes = ws_calloc(vehicles, 32);
    for (size_t v = 0; v < vehicles; v++)
        r.wires[v] = all + v * stride;
    for (size_t g = 0; g < r.groups; g++) {
        r.got[g] = ws_calloc(D, 4);
        memset(r.got[g], 1, D * 4UL); /* pages are there before the clock runs */
    }
    struct worker w[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        w[i] = (struct worker){.r = &r, .index = i, .of = THREADS};
        w[i].mask = aligned_alloc(64, (sizeof(struct fl_mask) + 63) / 64 * 64);
        WS_ASSERT(w[i].mask != NULL && fl_mask_open(w[i].mask, ring, NULL) == WS_OK);
        fl_mask_round(w[i].mask, round_seed);
        w[i].sum = ws_calloc(FL_N, sizeof(*w[i].sum));
    }
    const double data = (double)octets * (double)vehicles;
    double t[3][2];
    for (unsigned what = HASH; what <= OPEN; what++) {
        for (size_t i = 0; i < THREADS; i++)
            w[i].what = what;
        t[what][0] = best(one, w);
        t[what][1] = best(two, w);
    }
    static const char *const cores[] = {"one core", "two cores"};
    for (unsigned c = 0; c < 2; c++) {
        const double whole = t[HASH][c] + t[OPEN][c];
        printf("  %3zu groups of %2zu, %-9s: hash %6.1f, sums %6.1f (%4.1f GB/s, %3.0f %% of "
               "reading), "
               "sums and openings %6.1f; together %6.1f ms, %2.0f %% of it hashing\n",
            r.groups, group, cores[c], t[HASH][c] * 1e3, t[SUM][c] * 1e3, data / t[SUM][c] / 1e9,
            data / t[SUM][c] / bandwidth[c] * 100, t[OPEN][c] * 1e3, whole * 1e3,
            t[HASH][c] / whole * 100);
    }
    for (size_t i = 0; i < THREADS; i++) {
        fl_mask_close(w[i].mask);
        free(w[i].mask);
        free(w[i].sum);
    }
    for (size_t g = 0; g < r.groups; g++) {
        free(r.got[g]);
    }
    free(r.hashes);
    free(r.wires);
    free((void *)r.got);
}

/* DISTINCT real ones, again and again. */
static void ciphertexts(uint8_t *all, size_t stride, int8_t (*keys)[FL_N]) {
    static struct fl_ring ring;
    struct fl_mask *m = aligned_alloc(64, (sizeof(*m) + 63) / 64 * 64);
    struct ws_random rnd = ws_random_seeded(2);
    const struct fl_profile *p = fl_profile_by_name("standard");
    int32_t *u = ws_calloc(D, sizeof(*u));
    WS_ASSERT(fl_ring_init(&ring, NULL, NULL) == WS_OK);
    WS_ASSERT(m != NULL && fl_mask_open(m, &ring, NULL) == WS_OK);
    fl_mask_round(m, round_seed);
    for (size_t v = 0; v < vehicles; v++) {
        if (v >= DISTINCT) {
            memcpy(all + v * stride, all + v % DISTINCT * stride, stride);
            continue;
        }
        uint8_t own[FL_SEED_OCTETS];
        ws_random_bytes(&rnd, own, sizeof(own));
        for (size_t i = 0; i < D; i++)
            u[i] = (int32_t)ws_random_below(&rnd, 2 * (uint64_t)p->limit + 1) - p->limit;
        fl_mask_draw_key(m, own, keys[v]);
        for (size_t c = 0; c < fl_chunks(p, D); c++)
            fl_mask_encrypt(
                m, p, D, c, u + c * fl_full_params(p), all + v * stride + c * fl_full_octets(p));
    }
    fl_mask_close(m);
    free(m);
    free(u);
}

int main(int argc, char **argv) {
    if (argc > 1)
        seconds_each = strtod(argv[1], NULL);
    if (argc > 2)
        vehicles = strtoul(argv[2], NULL, 10) / 64 * 64;
    if (vehicles == 0)
        vehicles = 64;
    const struct fl_profile *standard = fl_profile_by_name("standard");
    const size_t octets = fl_wire_octets(standard, D);
    const size_t stride = (octets + 4095) / 4096 * 4096 + 64;
    struct memory m = {.n = vehicles * stride, .stride = stride};
    uint8_t *all = mmap(NULL, m.n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    WS_ASSERT(all != MAP_FAILED);
    (void)madvise(all, m.n, MADV_HUGEPAGE); /* where the machine has them */
    static int8_t keys[DISTINCT][FL_N];
    ciphertexts(all, stride, keys);
    m.p = all;
    const double reading[2] = {
        (double)m.n / best(read_all, &m), (double)m.n / best(read_twice, &m)};
    struct memory sha = {.p = all, .n = m.n < (8U << 20) ? m.n : (8U << 20)};
    const double sha_rate = (double)sha.n / best(sha_all, &sha);
    struct fl_stream aes = {0};
    WS_ASSERT(fl_stream_open(&aes, NULL) == WS_OK);
    const double aes_rate = sizeof(page) / best(aes_page, &aes);
    fl_stream_close(&aes);
    EVP_PKEY *pair[2] = {
        EVP_PKEY_Q_keygen(NULL, NULL, "X25519"), EVP_PKEY_Q_keygen(NULL, NULL, "X25519")};
    const double x = best(x25519, pair);
    EVP_PKEY_free(pair[0]);
    EVP_PKEY_free(pair[1]);
    const double by_chunks = (double)(vehicles * octets) / best(read_chunks, &m);
    printf("baselines: reading %.0f MB %.1f GB/s with one core (%.1f chunk by chunk, as sums "
           "must), %.1f with two; libcrypto "
           "AES-128-CTR %.1f GB/s, SHA-256 %.2f GB/s, X25519 %.1f us\n",
        (double)m.n / 1e6, reading[0] / 1e9, by_chunks / 1e9, reading[1] / 1e9, aes_rate / 1e9,
        sha_rate / 1e9, x * 1e6);

    const char *names[FL_RING_PATHS_MAX];
    const size_t n = fl_ring_paths(names);
    static struct fl_ring ring;
    for (size_t i = 0; i < n; i++) {
        WS_ASSERT(fl_ring_init(&ring, names[i], NULL) == WS_OK);
        printf("%s                     ns a parameter: encrypt   add to a sum   open a group\n",
            names[i]);
        client(&ring, "standard", 1000);
        client(&ring, "standard", D);
        client(&ring, "standard", 10 * (size_t)D);
        client(&ring, "compact", D);
        client(&ring, "precise", D);
        client(&ring, "cell", D);
        client(&ring, "tiny", D);
        round_of(&ring, all, keys, 64, reading);
        round_of(&ring, all, keys, GROUP, reading);
    }
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    printf("resident at most %.0f MB, of it %.0f MB ciphertexts; a thread's working space %zu kB "
           "and 16 kB of sums, tables %zu kB, "
           "a group's opened sum %zu kB\n",
        (double)usage.ru_maxrss / 1024, (double)m.n / 1048576, sizeof(struct fl_mask) / 1024,
        sizeof(struct fl_ring) / 1024, D * 4UL / 1024);
    (void)munmap(all, m.n);
    return 0;
}
