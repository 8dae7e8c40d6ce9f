/* What comes out when twice as much is offered as one core can check, and when every other frame brings a new ticket that
 * nobody issued: beside the most that comes out without either, in the same run. Time is that of the processor, so that
 * what else runs on the machine counts for neither. usage: bench_load [SIGNERS] */
#include "tests/bench/bench_traffic.h"

#include "base/assert.h"
#include "base/mem.h"
#include "v2x/psid.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SIGNERS = 1000, WARM = 40, EACH = 100, AGES = 1000, SAFETY_EVERY = 50, RUNS = 5 };

/* Sections of the traffic, by first frame. */
struct sections {
    size_t known, overload, flood, end;
    size_t safety; /* events in the overload */
};

struct load {
    double start;
    uint64_t now_us; /* cell time of the work that is going on */
    uint64_t age[AGES + 1]; /* messages by age in milliseconds when they came out */
    uint64_t out, safety_out;
};

static double processor_s(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t load_time(struct load *l) {
    l->now_us = PKI_NOW_US + (uint64_t)((processor_s() - l->start) * 1e6);
    return l->now_us;
}

static bool take(void *ctx, struct pkt_message *m) {
    struct load *l = ctx;
    uint64_t ms = l->now_us < m->received_its_us ? 0 : (l->now_us - m->received_its_us) / 1000;
    l->out++;
    l->safety_out += m->psid == PSID_DENM;
    l->age[ms < AGES ? ms : AGES]++;
    pkt_message_release(m);
    return true;
}

static unsigned age_p99(const struct load *l) {
    uint64_t sum = 0;
    unsigned ms = 0;
    while (ms < AGES && (sum += l->age[ms]) * 100 < l->out * 99)
        ms++;
    return ms;
}

/* ---- traffic ---- */

static struct sections make_traffic(struct traffic *t, size_t signers) {
    struct sections s = {.known = signers * WARM};
    traffic_make(t, signers, WARM + EACH);
    uint64_t gen = PKI_NOW_US + t->n;
    s.overload = t->n;
    for (size_t i = 0; i < signers * EACH; i++) {
        bool safety = i % SAFETY_EVERY == 0;
        s.safety += safety;
        traffic_add(t, &t->car[i % signers], safety ? PSID_DENM : PSID_CAM, gen++, safety);
    }
    s.flood = t->n;
    struct station bad = {.key = t->car[0].key, .mac = {6}};
    for (size_t i = 0; i < signers * EACH; i++) {
        const struct station *car = &t->car[i % signers];
        traffic_add(t, car, PSID_CAM, gen++, false);
        buf_clear(&bad.cert);
        buf_put(&bad.cert, car->cert.p, car->cert.n);
        for (unsigned k = 0; k < 4; k++) { /* another signature, from another address */
            bad.cert.p[bad.cert.n - 1 - k] ^= (uint8_t)((i + 1) >> 8 * k);
            bad.mac[k + 2] = (uint8_t)(i >> 8 * k);
        }
        traffic_add(t, &bad, PSID_CAM, gen++, true);
    }
    buf_free(&bad.cert);
    s.end = t->n;
    traffic_done(t);
    return s;
}

/* ---- runs ---- */

static struct pipeline *warm(const struct traffic *t, const struct sections *s, struct load *l) {
    struct pipeline_config cfg = traffic_config(t, true);
    *l = (struct load){.start = processor_s()};
    struct pipeline *p = pipeline_new(&cfg, take, l, NULL, NULL);
    traffic_run(p, t, 0, s->known);
    traffic_settle(p);
    *l = (struct load){.start = processor_s()};
    return p;
}

/* The most: as fast as it goes. */
static double most_rate(const struct traffic *t, const struct sections *s) {
    struct load l;
    struct pipeline *p = warm(t, s, &l);
    traffic_run(p, t, s->known, s->overload);
    traffic_settle(p);
    double rate = (double)l.out / (processor_s() - l.start);
    WS_ASSERT(l.out == s->overload - s->known);
    pipeline_free(p);
    return rate;
}

/* Offers frames[from, to) at a rate and works on a batch between two helpings, as a worker does. */
static double offer(struct pipeline *p, struct load *l, const struct traffic *t, size_t from,
    size_t to, double rate) {
    size_t at = from;
    while (at < to) {
        uint64_t now_us = load_time(l); /* once a round, as a worker does */
        double due = (double)(now_us - PKI_NOW_US) / 1e6 * rate;
        while (at < to && (double)(at - from) < due) {
            size_t n = (size_t)(due - (double)(at - from)) + 1;
            n = n < PIPELINE_BURST_MAX ? n : PIPELINE_BURST_MAX;
            n = n < to - at ? n : to - at;
            pipeline_take(p, &t->frame[at], n, now_us);
            at += n;
        }
        (void)pipeline_work(p, now_us);
    }
    while (pipeline_work(p, load_time(l)))
        ;
    return (double)l->out / (processor_s() - l->start);
}

struct outcome {
    double share; /* of the most */
    unsigned p99_ms;
    uint64_t safety_out;
};

static struct outcome run(
    const struct traffic *t, const struct sections *s, size_t from, size_t to, double most) {
    struct load l;
    struct pipeline *p = warm(t, s, &l);
    double out = offer(p, &l, t, from, to, 2 * most);
    pipeline_free(p);
    return (struct outcome){.share = out / most, .p99_ms = age_p99(&l), .safety_out = l.safety_out};
}

static int by_share(const void *a, const void *b) {
    double d = ((const struct outcome *)a)->share - ((const struct outcome *)b)->share;
    return d < 0 ? -1 : d > 0;
}

static struct outcome median(struct outcome o[static RUNS]) {
    qsort(o, RUNS, sizeof(*o), by_share);
    return o[RUNS / 2];
}

static double least(const double v[static RUNS]) {
    double m = v[0];
    for (unsigned i = 1; i < RUNS; i++)
        m = v[i] < m ? v[i] : m;
    return m;
}

static double greatest(const double v[static RUNS]) {
    double m = v[0];
    for (unsigned i = 1; i < RUNS; i++)
        m = v[i] > m ? v[i] : m;
    return m;
}

int main(int argc, char **argv) {
    static struct traffic t;
    char *end = NULL;
    size_t signers = argc < 2 ? SIGNERS : strtoul(argv[1], &end, 10);
    if (argc > 2 || (end != NULL && *end != '\0') || signers == 0 || signers > 5000) {
        (void)fprintf(stderr, "usage: bench_load [SIGNERS]\n");
        return 2;
    }
    struct sections s = make_traffic(&t, signers);
    static struct outcome overload[RUNS], flood[RUNS];
    double most[RUNS];
    for (unsigned i = 0; i < RUNS; i++) {
        most[i] = most_rate(&t, &s);
        overload[i] = run(&t, &s, s.overload, s.flood, most[i]);
        flood[i] = run(&t, &s, s.flood, s.end, most[i]);
    }
    struct outcome o = median(overload);
    struct outcome f = median(flood);
    (void)printf("the most of %zu known signers: %.0f to %.0f messages/s in %d runs; medians of:\n",
        signers, least(most), greatest(most), RUNS);
    (void)printf(
        "2 x overload: out %.2f of the most, p99 age %u ms, safety events out %llu of %zu\n",
        o.share, o.p99_ms, (unsigned long long)o.safety_out, s.safety);
    (void)printf(
        "as many new invalid tickets as known frames: out %.2f of the most, p99 age %u ms\n",
        f.share, f.p99_ms);
    traffic_free(&t);
    return 0;
}
