/* Frames per second through the packet path, with signature checks off and on, from memory and through the DPDK
 * capture port, beside OpenSSL's own rate of verification and the bare reading of the capture in the same run.
 * usage: bench_pktio [SIGNERS [FRAMES]] */
#include "tests/support/pki.h"

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "pktio/capture.h"
#include "pktio/worker.h"
#include "v2x/carrier.h"
#include "v2x/facility.h"
#include "v2x/gn.h"
#include "v2x/psid.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { SIGNERS = 1000, FRAMES = 20000, POOL = 4096 };
#define LEAST_S 1.0

/* Both clocks: on a machine that others use, too, the processor's is the one to compare by. */
struct instant {
    double wall, processor;
};

struct bench {
    struct pki pki;
    struct station *car;
    size_t n_cars;
    struct buf octets;
    struct pkt_frame *frame;
    size_t n_frames;
    char path[300];
    uint64_t delivered;
    struct instant first, last; /* port: of the first and the last frame's verdict */
};

static double seconds_of(clockid_t id) {
    struct timespec t;
    (void)clock_gettime(id, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct instant now(void) {
    return (struct instant){seconds_of(CLOCK_MONOTONIC), seconds_of(CLOCK_PROCESS_CPUTIME_ID)};
}

static void add_since(struct instant *sum, struct instant start) {
    struct instant t = now();
    sum->wall += t.wall - start.wall;
    sum->processor += t.processor - start.processor;
}

static struct instant rate_of(size_t done, struct instant took) {
    return (struct instant){(double)done / took.wall, (double)done / took.processor};
}

static void die(const struct ws_err *err) {
    (void)fprintf(stderr, "%s\n", err->text);
    exit(3);
}

/* ---- the traffic ---- */

static void make_cam(struct buf *b, uint32_t station) {
    struct cam_fields cam = {.station_id = station,
        .station_type = 5,
        .lat = 480000000,
        .lon = 110000000,
        .heading = 900,
        .speed = 1389};
    struct gn_source src = {.address = station, .lat = 480000000, .lon = 110000000};
    struct buf payload = {0};
    cam_put(&payload, &cam);
    gn_put_shb(b, &src, 2001, buf_span(&payload));
    buf_free(&payload);
}

/* Every signer once with its certificate, then by turns with the digest, as once a second at 10 Hz. */
static void make_traffic(struct bench *b, size_t signers, size_t frames) {
    pki_init(&b->pki, 1);
    b->n_cars = signers;
    b->car = ws_calloc(signers, sizeof(*b->car));
    for (size_t i = 0; i < signers; i++)
        pki_vehicle(&b->pki, &b->car[i]);
    b->n_frames = frames;
    b->frame = ws_calloc(frames, sizeof(*b->frame));
    struct buf cam = {0};
    for (size_t i = 0; i < frames; i++) {
        size_t at = b->octets.n;
        const struct station *s = &b->car[i % signers];
        buf_clear(&cam);
        make_cam(&cam, (uint32_t)(i % signers));
        station_frame(
            &b->octets, s, PSID_CAM, PKI_NOW_US + i, buf_span(&cam), i / signers % 10 == 0);
        b->frame[i] = (struct pkt_frame){
            .data = {NULL, b->octets.n - at},
            .link = LINK_ETHERNET,
            .original_octets = (uint32_t)(b->octets.n - at),
            .stamp_ns = (uint64_t)its_to_unix_us(PKI_NOW_US + i) * 1000,
            .number = i + 1,
        };
    }
    buf_free(&cam);
    size_t at = 0;
    for (size_t i = 0; i < frames; i++) {
        b->frame[i].data.p = b->octets.p + at;
        at += b->frame[i].data.n;
    }
}

static struct pipeline_config config_of(const struct bench *b, bool verify) {
    size_t slots = 1;
    while (slots < 2 * b->n_cars)
        slots *= 2;
    return (struct pipeline_config){
        .limits =
            {
                .source_slots = slots < 8 ? 8 : slots,
                .source_rate = 1000000,
                .source_burst = 1000000,
                .replay_slots = 2 * b->n_frames,
                .cert_slots = slots,
                .message_pool = POOL,
                .freshness_us = 3600000000U,
                .freshness_own_us = 3600000000U,
                .future_us = 3600000000U,
            },
        .trust = b->pki.trust,
        .verify = verify,
    };
}

static void check(const struct bench *b, const struct pipeline_counters *n, bool verify) {
    uint64_t good = n->verdict[verify ? PKT_VERIFIED : PKT_UNCHECKED];
    if (good == b->n_frames)
        return;
    for (unsigned v = 0; v < PKT_VERDICT_COUNT; v++) {
        if (n->verdict[v] > 0)
            (void)fprintf(stderr, "%s: %llu\n", pkt_verdict_name((enum pkt_verdict)v),
                (unsigned long long)n->verdict[v]);
    }
    exit(1);
}

/* ---- what is measured ---- */

static void line(const char *what, struct instant rate, struct instant base, const char *of) {
    (void)printf("%-46s %9.0f %9.0f", what, rate.wall, rate.processor);
    if (of != NULL)
        (void)printf("   %5.2f x %s", rate.processor / base.processor, of);
    (void)printf("\n");
}

/* OpenSSL alone: one key, one digest, the signature in DER, nothing of ours around it. */
static struct instant openssl_rate(void) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    uint8_t digest[32] = {1};
    uint8_t sig[80];
    size_t n = sizeof(sig);
    WS_ASSERT(EVP_PKEY_sign_init(ctx) == 1);
    WS_ASSERT(EVP_PKEY_sign(ctx, sig, &n, digest, sizeof(digest)) == 1);
    WS_ASSERT(EVP_PKEY_verify_init(ctx) == 1);
    struct instant took = {0};
    size_t done = 0;
    while (took.wall < LEAST_S) {
        struct instant start = now();
        for (unsigned i = 0; i < 256; i++) {
            int good = EVP_PKEY_verify(ctx, sig, n, digest, sizeof(digest));
            WS_ASSERT(good == 1);
        }
        done += 256;
        add_since(&took, start);
    }
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    return rate_of(done, took);
}

static bool take(void *ctx, struct pkt_message *m) {
    struct bench *b = ctx;
    b->delivered++;
    pkt_message_release(m);
    return true;
}

/* frames[from, to) through the pipeline, in bursts. */
static void run(struct pipeline *p, const struct bench *b, size_t from, size_t to) {
    while (from < to) {
        size_t n = to - from < PIPELINE_BURST_MAX ? to - from : PIPELINE_BURST_MAX;
        pipeline_take(p, &b->frame[from], n, PKI_NOW_US);
        while (pipeline_work(p, PKI_NOW_US))
            ;
        from += n;
    }
}

/* From memory. known: measured after every signer has been heard once; else only that first round. */
static struct instant pipeline_rate(struct bench *b, bool verify, bool known) {
    struct pipeline_config cfg = config_of(b, verify);
    struct instant took = {0};
    size_t done = 0;
    while (took.wall < LEAST_S) {
        struct pipeline *p = pipeline_new(&cfg, take, b, NULL, NULL);
        struct instant start = now();
        run(p, b, 0, b->n_cars);
        if (known)
            start = now();
        else
            add_since(&took, start);
        run(p, b, b->n_cars, b->n_frames);
        if (known)
            add_since(&took, start);
        check(b, pipeline_counters(p), verify);
        pipeline_free(p);
        done += known ? b->n_frames - b->n_cars : b->n_cars;
    }
    return rate_of(done, took);
}

/* ---- more than one core can do ---- */

enum { AGES = 1000, SAFETY_EVERY = 50 };

struct load {
    struct bench *b;
    uint64_t start_us, now_us; /* of the monotonic clock; what the pipeline was told last */
    uint64_t age[AGES + 1]; /* messages by age in milliseconds when they came out */
    uint64_t out, safety_out;
    bool count;
};

static uint64_t load_time(struct load *l) {
    l->now_us = PKI_NOW_US + (uint64_t)(seconds_of(CLOCK_MONOTONIC) * 1e6) - l->start_us;
    return l->now_us;
}

static bool take_loaded(void *ctx, struct pkt_message *m) {
    struct load *l = ctx;
    uint64_t ms = (load_time(l) - m->received_its_us) / 1000;
    if (l->count) {
        l->out++;
        l->safety_out += m->psid == PSID_DENM;
        l->age[ms < AGES ? ms : AGES]++;
    }
    pkt_message_release(m);
    return true;
}

/* Offers frames at a rate, in real time, and works on a batch between two helpings, as a worker does. */
static double offer(
    struct pipeline *p, struct load *l, const struct pkt_frame *f, size_t n, double rate) {
    double start = seconds_of(CLOCK_MONOTONIC);
    size_t done = 0;
    while (done < n) {
        double due = (seconds_of(CLOCK_MONOTONIC) - start) * rate;
        while (done < n && (double)done < due) {
            size_t left = (size_t)(due - (double)done) + 1;
            size_t k = n - done < PIPELINE_BURST_MAX ? n - done : PIPELINE_BURST_MAX;
            k = left < k ? left : k;
            pipeline_take(p, &f[done], k, load_time(l));
            done += k;
        }
        (void)pipeline_work(p, load_time(l));
    }
    double took = seconds_of(CLOCK_MONOTONIC) - start;
    while (pipeline_work(p, load_time(l)))
        ;
    return took;
}

static unsigned age_p99(const struct load *l) {
    uint64_t sum = 0;
    unsigned ms = 0;
    while (ms < AGES && (sum += l->age[ms]) * 100 < l->out * 99)
        ms++;
    return ms;
}

/* Frames of known signers, each after the first round: other ones in between as `make_other` says. */
struct offered {
    struct buf octets;
    struct pkt_frame *frame;
    size_t n, safety, known;
};

static void offered_add(
    struct offered *o, const struct station *s, uint64_t psid, uint64_t gen, bool cert) {
    size_t at = o->octets.n;
    struct buf cam = {0};
    make_cam(&cam, (uint32_t)o->n);
    station_frame(&o->octets, s, psid, gen, buf_span(&cam), cert);
    buf_free(&cam);
    o->frame[o->n++] = (struct pkt_frame){.data = {NULL, o->octets.n - at},
        .link = LINK_ETHERNET,
        .original_octets = (uint32_t)(o->octets.n - at),
        .number = o->n + 1};
}

/* flood: every other frame brings a new ticket with a wrong signature, from a new address. */
static void offered_make(struct offered *o, const struct bench *b, bool flood) {
    size_t n = b->n_frames;
    WS_ASSERT(b->n_cars > 0);
    o->frame = ws_calloc(n, sizeof(*o->frame));
    struct station bad = {.key = b->car[0].key};
    for (size_t i = 0; i < n; i++) {
        const struct station *s = &b->car[i % b->n_cars];
        uint64_t gen = PKI_NOW_US + b->n_frames + i;
        if (flood && i % 2 == 1) {
            buf_clear(&bad.cert);
            buf_put(&bad.cert, s->cert.p, s->cert.n);
            for (unsigned k = 0; k < 4; k++)
                bad.cert.p[bad.cert.n - 1 - k] ^= (uint8_t)((i + 1) >> 8 * k);
            for (unsigned k = 0; k < 4; k++)
                bad.mac[k + 2] = (uint8_t)(i >> 8 * k);
            bad.mac[0] = 6;
            offered_add(o, &bad, PSID_CAM, gen, true);
            continue;
        }
        bool safety = !flood && i % SAFETY_EVERY == 0;
        o->safety += safety;
        o->known++;
        offered_add(o, s, safety ? PSID_DENM : PSID_CAM, gen, safety);
    }
    buf_free(&bad.cert);
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        o->frame[i].data.p = o->octets.p + at;
        at += o->frame[i].data.n;
    }
}

static void load_rows(struct bench *b, struct instant most) {
    struct pipeline_config cfg = config_of(b, true);
    for (unsigned flood = 0; flood < 2; flood++) {
        struct offered o = {0};
        struct load l = {.b = b, .start_us = (uint64_t)(seconds_of(CLOCK_MONOTONIC) * 1e6)};
        offered_make(&o, b, flood == 1);
        struct pipeline *p = pipeline_new(&cfg, take_loaded, &l, NULL, NULL);
        for (size_t i = 0; i < b->n_cars; i++) {
            pipeline_take(p, &b->frame[i], 1, load_time(&l));
            (void)pipeline_work(p, load_time(&l));
        }
        l.count = true;
        double took = offer(p, &l, o.frame, o.n, 2 * most.wall);
        double goodput = (double)l.out / took;
        (void)printf(
            flood == 0 ? "2 x overload: out" : "as many new invalid tickets as known frames: out");
        (void)printf(" %.0f/s, %.2f of the most without, p99 age %u ms", goodput,
            goodput / most.wall, age_p99(&l));
        if (flood == 0)
            (void)printf(
                ", safety events out %llu of %zu", (unsigned long long)l.safety_out, o.safety);
        (void)printf("\n");
        pipeline_free(p);
        free(o.frame);
        buf_free(&o.octets);
    }
}

static struct instant reading_rate(const struct bench *b) {
    struct instant took = {0};
    size_t done = 0;
    while (took.wall < LEAST_S) {
        struct capture *c = NULL;
        struct pkt_frame f;
        struct ws_err err;
        struct instant start = now();
        if (capture_open(b->path, 0, &c, &err) != WS_OK)
            die(&err);
        while (capture_next(c, &f, &err) == 1)
            done++;
        capture_close(c);
        add_since(&took, start);
    }
    return rate_of(done, took);
}

static void note_time(
    void *ctx, const struct pkt_frame *f, enum pkt_verdict v, const char *detail) {
    struct bench *b = ctx;
    (void)v;
    (void)detail;
    if (f->number == 1)
        b->first = now();
    if (f->number == b->n_frames)
        b->last = now();
}

static void drain(struct bench *b, struct ring *out) {
    for (struct pkt_message *m = ring_pop(out); m != NULL; m = ring_pop(out))
        (void)take(b, m);
}

/* The same frames from the capture through reader, ring, port and worker, and out through the ring to a consumer:
 * everything that stands between a file and the ledger. */
static struct instant port_rate(struct bench *b, bool verify) {
    struct pipeline_config cfg = config_of(b, verify);
    struct ws_clock clock = {.kind = WS_CLOCK_SYSTEM};
    const char *paths[] = {b->path};
    struct port_config port = {.kind = PORT_CAPTURE, .captures = paths, .n_captures = 1};
    struct instant took = {0};
    size_t done = 0;
    while (took.wall < LEAST_S) {
        struct ring *out = ring_create(cfg.limits.message_pool);
        int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        struct worker *w = NULL;
        struct ws_err err;
        struct worker_counters c;
        if (worker_start(&port, &cfg, &clock, &out, fd, note_time, b, &w, &err) != WS_OK)
            die(&err);
        do {
            struct pollfd p = {.fd = fd, .events = POLLIN};
            eventfd_t n;
            (void)poll(&p, 1, 1000);
            (void)eventfd_read(fd, &n);
            worker_read_counters(w, &c);
            drain(b, out);
        } while (!c.finished);
        worker_stop(w);
        drain(b, out);
        took.wall += b->last.wall - b->first.wall;
        took.processor += b->last.processor - b->first.processor;
        if (c.failure[0] != '\0') {
            (void)fprintf(stderr, "%s\n", c.failure);
            exit(3);
        }
        check(b, &c.pipe, verify);
        worker_free(w);
        ring_destroy(out);
        (void)close(fd);
        done += b->n_frames - 1;
    }
    return rate_of(done, took);
}

static void write_capture(struct bench *b) {
    const char *tmp = getenv("TMPDIR");
    struct capture_writer *w = NULL;
    struct ws_err err;
    (void)snprintf(b->path, sizeof(b->path), "%s/wayside-bench-%ld.pcap",
        tmp != NULL ? tmp : P_tmpdir, (long)getpid());
    if (capture_create(b->path, &w, &err) != WS_OK)
        die(&err);
    for (size_t i = 0; i < b->n_frames; i++)
        capture_put(w, b->frame[i].stamp_ns, b->frame[i].data);
    if (capture_finish(w, &err) != WS_OK)
        die(&err);
}

static size_t number(int argc, char **argv, int i, size_t otherwise) {
    char *end = NULL;
    if (argc <= i)
        return otherwise;
    unsigned long v = strtoul(argv[i], &end, 10);
    if (*end != '\0' || v == 0 || v > 1000000) {
        (void)fprintf(stderr, "usage: bench_pktio [SIGNERS [FRAMES]]\n");
        exit(2);
    }
    return v;
}

int main(int argc, char **argv) {
    static struct bench b;
    struct ws_err err;
    size_t signers = number(argc, argv, 1, SIGNERS);
    size_t frames = number(argc, argv, 2, FRAMES);
    if (frames < 2 * signers) {
        (void)fprintf(stderr, "at least two frames for each signer\n");
        return 2;
    }
    make_traffic(&b, signers, frames);
    write_capture(&b);
    ws_log_set_level(WS_LOG_WARN);
    if (pktio_start(64, &err) != WS_OK)
        die(&err);
    (void)printf("%zu signed CAM of %zu signers, %zu octets on average, P-256, seed 1\n", frames,
        signers, b.octets.n / frames);
    (void)printf("%-46s %9s %9s\n", "frames or checks per second of", "the wall", "processor");
    struct instant openssl = openssl_rate();
    line("OpenSSL alone, one signature after another", openssl, openssl, NULL);
    struct instant reading = reading_rate(&b);
    line("reading the capture alone (libpcap)", reading, reading, NULL);
    line("pipeline, signatures off", pipeline_rate(&b, false, true), reading, "reading");
    struct instant known = pipeline_rate(&b, true, true);
    line("pipeline, signatures on, signers known", known, openssl, "OpenSSL");
    line("pipeline, signatures on, signers new", pipeline_rate(&b, true, false), openssl,
        "OpenSSL (two checks a frame)");
    line("capture through DPDK, signatures off", port_rate(&b, false), reading, "reading");
    line("capture through DPDK, signatures on", port_rate(&b, true), openssl, "OpenSSL");
    load_rows(&b, known);
    pktio_stop();
    (void)unlink(b.path);
    return b.delivered == 0;
}
