/* Does encryption take longer for some secrets than for others? Two classes in random order, a fixed secret (seed zero,
 * parameters at the limit) and random ones, timed call by call; Welch's t over the faster nine tenths of each (Reparaz, Balasch,
 * Verbauwhede 2017). It complements the watch by valgrind (tests/unit/fedlearn), which cannot run AVX-512. Each path is
 * measured again with a planted leak, which must be seen for the figure to mean anything.
 * usage: bench_fl_ctime [CALLS]; exit 1: a path leaks, or the plant was not seen. */
#include "base/assert.h"
#include "base/mem.h"
#include "base/random.h"
#include "fedlearn/vehicle/mask.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* A leak that grows with the number of calls passes any limit in the end; noise stays within +-5 for ever. */
static const double T_LIMIT = 10;

static size_t calls = 20000;
static struct fl_ring ring;
static struct fl_mask mask;
static volatile uint64_t sink;

static double now_ns(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

struct class {
    size_t n;
    double *ns;
    double mean;
    double variance;
};

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void summarise(struct class *c, double most) {
    double sum = 0;
    double squares = 0;
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++) {
        if (c->ns[i] > most)
            continue;
        sum += c->ns[i];
        n++;
    }
    c->mean = sum / (double)n;
    for (size_t i = 0; i < c->n; i++) {
        if (c->ns[i] <= most)
            squares += (c->ns[i] - c->mean) * (c->ns[i] - c->mean);
    }
    c->variance = squares / (double)(n - 1) / (double)n; /* of the mean */
}

/* The plant: time that depends on the first parameter. */
static void leak(int32_t u) {
    for (int32_t i = 0; i < u / 4; i++)
        sink += (uint64_t)i;
}

static double t_value(bool planted, double *ret_mean) {
    const struct fl_profile *p = fl_profile_by_name("standard");
    struct ws_random rnd = ws_random_seeded(77);
    static int32_t u[FL_N];
    static uint8_t wire[FL_CHUNK_WIRE_MAX];
    struct class both[2] = {
        {.ns = ws_calloc(calls, sizeof(double))}, {.ns = ws_calloc(calls, sizeof(double))}};
    double *all = ws_calloc(2 * calls, sizeof(*all));
    size_t n = 0;
    while (both[0].n < calls && both[1].n < calls) {
        uint8_t seed[FL_SEED_OCTETS];
        const unsigned which = (unsigned)ws_random_below(&rnd, 2);
        ws_random_bytes(&rnd, seed, sizeof(seed));
        for (size_t i = 0; i < FL_N;
             i++) { /* the same work before the clock starts, whichever it is */
            const int32_t some =
                (int32_t)ws_random_below(&rnd, 2 * (uint64_t)p->limit + 1) - p->limit;
            u[i] = which == 0 ? p->limit : some;
        }
        if (which == 0)
            memset(seed, 0, sizeof(seed));
        const double start = now_ns();
        fl_mask_draw_key(&mask, seed, NULL);
        fl_mask_encrypt(&mask, p, FL_N, 0, u, wire);
        if (planted)
            leak(u[0]);
        const double spent = now_ns() - start;
        both[which].ns[both[which].n++] = spent;
        all[n++] = spent;
    }
    qsort(all, n, sizeof(*all), by_size);
    const double most = all[n * 9 / 10];
    summarise(&both[0], most);
    summarise(&both[1], most);
    const double t = (both[0].mean - both[1].mean) / sqrt(both[0].variance + both[1].variance);
    *ret_mean = both[1].mean;
    free(both[0].ns);
    free(both[1].ns);
    free(all);
    return t;
}

int main(int argc, char **argv) {
    static const uint8_t round_seed[32] = "public";
    const char *names[FL_RING_PATHS_MAX];
    const size_t n = fl_ring_paths(names);
    int bad = 0;
    if (argc > 1)
        calls = strtoul(argv[1], NULL, 10);
    if (calls < 1000)
        calls = 1000;
    for (size_t i = 0; i < n; i++) {
        double mean;
        WS_ASSERT(fl_ring_init(&ring, names[i], NULL) == WS_OK);
        WS_ASSERT(fl_mask_open(&mask, &ring, NULL) == WS_OK);
        fl_mask_round(&mask, round_seed);
        (void)t_value(false, &mean); /* warm */
        const double clean = t_value(false, &mean);
        const double planted = t_value(true, &mean);
        printf("%-10s key and chunk %7.1f us; t = %6.2f (leak above %.0f); with a planted leak "
               "%8.2f\n",
            names[i], mean / 1e3, clean, T_LIMIT, planted);
        bad |= fabs(clean) > T_LIMIT || fabs(planted) <= T_LIMIT;
        fl_mask_close(&mask);
    }
    return bad;
}
