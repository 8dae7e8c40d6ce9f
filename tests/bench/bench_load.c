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

enum { SIGNERS = 1000, WARM = 40, EACH = 100, AGES = 1000, SAFETY_EVERY = 50 };

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
        double due = (processor_s() - l->start) * rate;
        while (at < to && (double)(at - from) < due) {
            size_t n = (size_t)(due - (double)(at - from)) + 1;
            n = n < PIPELINE_BURST_MAX ? n : PIPELINE_BURST_MAX;
            n = n < to - at ? n : to - at;
            pipeline_take(p, &t->frame[at], n, load_time(l));
            at += n;
        }
        (void)pipeline_work(p, load_time(l));
    }
    while (pipeline_work(p, load_time(l)))
        ;
    return (double)l->out / (processor_s() - l->start);
}

int main(int argc, char **argv) {
    static struct traffic t;
    struct load l;
    char *end = NULL;
    size_t signers = argc < 2 ? SIGNERS : strtoul(argv[1], &end, 10);
    if (argc > 2 || (end != NULL && *end != '\0') || signers == 0 || signers > 5000) {
        (void)fprintf(stderr, "usage: bench_load [SIGNERS]\n");
        return 2;
    }
    struct sections s = make_traffic(&t, signers);
    double most = most_rate(&t, &s);
    (void)printf("the most: %.0f messages/s of %zu known signers\n", most, signers);

    struct pipeline *p = warm(&t, &s, &l);
    double out = offer(p, &l, &t, s.overload, s.flood, 2 * most);
    (void)printf(
        "2 x overload: out %.0f/s, %.2f of the most, p99 age %u ms, safety events out %llu of "
        "%zu\n",
        out, out / most, age_p99(&l), (unsigned long long)l.safety_out, s.safety);
    pipeline_free(p);

    p = warm(&t, &s, &l);
    out = offer(p, &l, &t, s.flood, s.end, 2 * most);
    (void)printf("as many new invalid tickets as known frames: out %.0f/s, %.2f of the most, p99 "
                 "age %u ms\n",
        out, out / most, age_p99(&l));
    pipeline_free(p);
    traffic_free(&t);
    return 0;
}
