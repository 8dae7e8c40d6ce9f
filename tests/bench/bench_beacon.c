/* What the beacon costs with n validators of one power, beside libsodium's own multiplication and hashing in the same
 * run: each step of the arithmetic, and a whole height as validators and contract live it. Processor time of one core.
 * usage: bench_beacon [SECONDS-EACH] */
#include "tests/support/beacon_rig.h"

#include <stdio.h>
#include <time.h>

static double seconds_each = 0.3;

static double now(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct setting {
    struct generation g;
    uint8_t secret[RIG_PEOPLE][32];
    struct own_key own[RIG_PEOPLE];
    struct dealing *dealing[BEACON_MEMBERS_MAX];
    struct beacon_key key;
    struct scalar share[BEACON_TICKETS_MAX];
    struct point at;
    struct partial partial[RIG_PEOPLE];
    struct complaint complaint;
    /* scratch */
    struct dealing scratch;
    struct beacon_key scratch_key;
    struct point p;
    struct scalar s;
    uint64_t height;
    bool bad[BEACON_MEMBERS_MAX];
    unsigned failures;
};

static void mul(struct setting *w) {
    if (crypto_scalarmult_ristretto255(w->p.b, w->s.b, w->at.b) != 0)
        w->failures++;
}
static void base(struct setting *w) {
    if (crypto_scalarmult_ristretto255_base(w->p.b, w->s.b) != 0)
        w->failures++;
}
static void hash_to_group(struct setting *w) {
    height_point(&w->key, ++w->height, &w->p);
}
static void deal(struct setting *w) {
    dealing_make(&w->g, 0, w->secret[0], &w->scratch);
}
static void check_dealing(struct setting *w) {
    w->failures += !dealing_check(&w->g, 1, w->dealing[1]);
}
static void open_dealing(struct setting *w) {
    struct point dh;
    dealing_exchange(w->dealing[1], &w->own[0].secret, &dh);
    w->failures += !dealing_open(&w->g, 1, w->dealing[1], 0, &dh, &w->s);
}
static void judge_complaint(struct setting *w) {
    w->failures += complaint_judge(&w->g, 0, &w->complaint, w->dealing[1]) != COMPLAINT_FALSE;
}
static void assemble(struct setting *w) {
    w->failures += !key_assemble(&w->g, w->dealing, w->key.qualified, &w->scratch_key);
}
static void make_partial(struct setting *w) {
    partial_make(&w->key, 7, 1, &w->share[0], &w->partial[0]);
}
static void check_partial(struct setting *w) {
    w->failures += !partial_check(&w->key, 7, &w->at, 1, &w->partial[0]);
}
static void combine(struct setting *w) {
    uint16_t tickets[BEACON_TICKETS_MAX];
    struct point values[BEACON_TICKETS_MAX];
    for (uint16_t i = 0; i < w->g.threshold; i++) {
        tickets[i] = (uint16_t)(i + 1);
        values[i] = w->partial[i].value;
    }
    partials_combine(&w->key, tickets, values, &w->p);
}

static double per_call(void (*fn)(struct setting *w), struct setting *w) {
    size_t n = 0;
    const double start = now();
    double spent;
    do {
        fn(w);
        n++;
        spent = now() - start;
    } while (spent < seconds_each);
    return spent / (double)n * 1e6;
}

static void prepare(struct setting *w, size_t n) {
    memset(w, 0, sizeof(*w));
    w->g.n = n;
    w->g.serial = 1;
    bool qualified[BEACON_MEMBERS_MAX] = {0};
    for (size_t i = 0; i < n; i++) {
        w->g.seat[i].address[0] = w->secret[i][0] = (uint8_t)(i + 1);
        w->g.seat[i].power = 10;
        w->g.seat[i].registered = qualified[i] = true;
        own_key_derive(w->secret[i], w->g.cell, w->g.seat[i].address, &w->own[i]);
        w->g.seat[i].key = w->own[i].key;
    }
    generation_finish(&w->g);
    for (size_t i = 0; i < n; i++) {
        w->dealing[i] = ws_alloc(sizeof(struct dealing));
        dealing_make(&w->g, i, w->secret[i], w->dealing[i]);
    }
    w->failures += !key_assemble(&w->g, w->dealing, qualified, &w->key);
    height_point(&w->key, 7, &w->at);
    for (size_t i = n; i-- > 0;) {
        w->failures += !key_shares(&w->key, w->dealing, i, &w->own[i], w->share, w->bad);
        partial_make(&w->key, 7, (uint16_t)(i + 1), &w->share[0], &w->partial[i]);
    }
    w->s = w->share[0];
    complaint_make(&w->g, 0, &w->own[0], 1, w->dealing[1], &w->complaint);
}

static void arithmetic(size_t n) {
    static const struct {
        const char *name;
        void (*fn)(struct setting *w);
    } steps[] = {
        {"a height as a point", hash_to_group},
        {"partial value, made", make_partial},
        {"partial value, checked", check_partial},
        {"values combined", combine},
        {"dealing, made", deal},
        {"dealing, checked by everybody", check_dealing},
        {"dealing, opened by one member", open_dealing},
        {"complaint, judged", judge_complaint},
        {"key assembled", assemble},
    };
    struct setting *w = ws_alloc(sizeof(*w));
    prepare(w, n);
    const double one = per_call(mul, w);
    printf("%zu validators, %u of %u shares make a value\n", n, w->g.threshold, w->g.total);
    printf("  %-32s %10.1f us\n", "baseline: libsodium multiplication", one);
    printf("  %-32s %10.1f us\n", "baseline: of the base point", per_call(base, w));
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        const double us = per_call(steps[i].fn, w);
        printf("  %-32s %10.1f us   %7.1f multiplications\n", steps[i].name, us, us / one);
    }
    if (w->failures > 0)
        printf("  %u FAILURES\n", w->failures);
    for (size_t i = 0; i < n; i++)
        free(w->dealing[i]);
    free(w);
}

/* All members and one contract; on n machines each pays one n-th of the members' part and all of the contract's. */
static void heights(size_t n) {
    enum { HEIGHTS = 100 };
    struct beacon_rig *r = ws_alloc(sizeof(*r));
    const struct beacon_params p = beacon_params_default();
    beacon_rig_open(r, &p, n, NULL);
    r->twin = false;
    r->clock = true;
    beacon_rig_until_key(r, 10);
    printf("  key after %llu heights: validator %.1f ms, contract %.1f ms\n",
        (unsigned long long)r->host.height, (double)r->member_ns / 1e6 / (double)n,
        (double)(r->check_ns + r->block_ns) / 1e6);
    beacon_rig_blocks(r, 10); /* what waited is done */
    r->member_ns = r->check_ns = r->block_ns = r->octets = r->host.writes = 0;
    r->submitted[BEACON_PARTIAL] = 0;
    beacon_rig_blocks(r, HEIGHTS);
    printf("  one height: each validator makes %.2f ms, checks %.2f ms, executes %.2f ms; %.1f "
           "records, "
           "%.0f octets of bodies, %.1f writes of state\n",
        (double)r->member_ns / 1e6 / (double)n / HEIGHTS, (double)r->check_ns / 1e6 / HEIGHTS,
        (double)r->block_ns / 1e6 / HEIGHTS, (double)r->submitted[BEACON_PARTIAL] / HEIGHTS,
        (double)r->octets / HEIGHTS, (double)r->host.writes / HEIGHTS);
    beacon_rig_close(r);
    free(r);
}

int main(int argc, char **argv) {
    if (argc > 1)
        seconds_each = strtod(argv[1], NULL);
    static const size_t sizes[] = {4, 22};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        arithmetic(sizes[i]);
        heights(sizes[i]);
    }
    return 0;
}
