/* Frames per second through the packet path, with signature checks off and on, from memory and through the DPDK
 * capture port, beside OpenSSL's and our kernel's own rate of verification and the bare reading of the capture in the same
 * run. usage: bench_pktio [SIGNERS] */
#include "tests/bench/bench_traffic.h"

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "pktio/capture.h"
#include "pktio/worker.h"
#include "v2x/carrier.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* WARM: messages of a signer before its tables are asked for; they are built in idle time then. */
enum { SIGNERS = 1000, WARM = 40, ROUNDS = WARM + 20, KERNEL_CAPACITY = 256 };
#define LEAST_S 1.0

/* Both clocks: on a machine that others use, too, the processor's is the one to compare by. */
struct instant {
    double wall, processor;
};

struct bench {
    struct traffic t;
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

static void check(const struct pipeline_counters *n, size_t frames, bool verify) {
    uint64_t good = n->verdict[verify ? PKT_VERIFIED : PKT_UNCHECKED];
    if (good == frames)
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

/* From memory. known: measured after each signer has been heard WARM times; else the first message of each. */
static struct instant pipeline_rate(struct bench *b, bool verify, bool known) {
    struct pipeline_config cfg = traffic_config(&b->t, verify);
    struct instant took = {0};
    size_t done = 0;
    while (took.wall < LEAST_S) {
        struct pipeline *p = pipeline_new(&cfg, take, b, NULL, NULL);
        size_t from = known ? WARM * b->t.n_cars : 0;
        size_t to = known ? b->t.n : b->t.n_cars;
        traffic_run(p, &b->t, 0, from);
        traffic_settle(p);
        struct instant start = now();
        traffic_run(p, &b->t, from, to);
        traffic_settle(p);
        add_since(&took, start);
        check(pipeline_counters(p), to, verify);
        pipeline_free(p);
        done += to - from;
    }
    return rate_of(done, took);
}

/* The kernel alone over the same signatures, their digests made before. */
static void make_items(const struct bench *b, struct verify_item *ret_items) {
    struct verify_key **key = ws_calloc(b->t.n_cars, sizeof(struct verify_key *));
    uint8_t(*hash)[32] = ws_calloc(b->t.n_cars, sizeof(*hash));
    for (size_t i = 0; i < b->t.n; i++) {
        struct carrier c;
        struct spdu m;
        struct cert cert;
        size_t at;
        size_t car = i % b->t.n_cars;
        bool ok = carrier_read(LINK_ETHERNET, b->t.frame[i].data, &c) == CARRIER_SECURED &&
                  spdu_parse(c.message, &m, &at) == COER_OK;
        if (ok && i < b->t.n_cars) {
            ok = cert_parse(buf_span(&b->t.car[car].cert), &cert, &at) == COER_OK;
            cert_hash256(&cert, hash[car]);
            key[car] = verify_key_new(cert.key_curve, &cert.key);
        }
        ret_items[i].key = key[car];
        spdu_identity(&m, hash[car], ret_items[i].digest);
        ret_items[i].digest_octets = 32;
        ok = ok && verify_item_signature(&ret_items[i], &m.signature);
        WS_ASSERT(ok);
    }
    free((void *)key);
    free(hash);
}

static void run_kernel(struct verify_kernel *k, const struct verify_item *items, size_t n) {
    struct verify_answer answers[PIPELINE_BURST_MAX];
    size_t submitted = 0, answered = 0;
    while (answered < n) {
        size_t most = n - submitted < PIPELINE_BURST_MAX ? n - submitted : PIPELINE_BURST_MAX;
        while (most > 0 && verify_in_flight(k) + most <= KERNEL_CAPACITY) {
            submitted += verify_submit(k, items + submitted, most);
            most = n - submitted < PIPELINE_BURST_MAX ? n - submitted : PIPELINE_BURST_MAX;
        }
        size_t got = verify_poll(k, answers, ARRAY_LEN(answers));
        for (size_t i = 0; i < got; i++)
            WS_ASSERT(answers[i].kind == VERIFY_GOOD);
        answered += got;
    }
}

static struct instant kernel_rate(const struct bench *b) {
    struct verify_item *items = ws_calloc(b->t.n, sizeof(*items));
    make_items(b, items);
    struct instant took = {0};
    size_t done = 0;
    size_t from = WARM * b->t.n_cars;
    while (took.wall < LEAST_S) {
        struct verify_config cfg = verify_config_default(KERNEL_CAPACITY);
        struct verify_kernel *k = verify_kernel_new(&cfg);
        run_kernel(k, items, from);
        while (verify_build(k))
            ;
        struct instant start = now();
        run_kernel(k, items + from, b->t.n - from);
        add_since(&took, start);
        done += b->t.n - from;
        verify_kernel_free(k);
    }
    for (size_t i = 0; i < b->t.n_cars; i++)
        verify_key_unref(items[i].key);
    free(items);
    return rate_of(done, took);
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
    if (f->number == WARM * b->t.n_cars + 1)
        b->first = now();
    if (f->number == b->t.n)
        b->last = now();
}

static bool drain(struct bench *b, struct ring *out) {
    void *m[PIPELINE_BURST_MAX];
    bool any = false;
    for (size_t n; (n = ring_pop_some(out, m, ARRAY_LEN(m))) > 0; any = true) {
        for (size_t i = 0; i < n; i++)
            (void)take(b, m[i]);
    }
    return any;
}

/* The same frames from the capture through reader, ring, port and worker, and out through the ring to a consumer:
 * everything that stands between a file and the ledger. */
static struct instant port_rate(struct bench *b, bool verify) {
    struct pipeline_config cfg = traffic_config(&b->t, verify);
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
            c.finished = false;
            (void)poll(&p, 1, 20);
            (void)eventfd_read(fd, &n);
            if (!drain(b, out))
                worker_read_counters(w, &c);
        } while (!c.finished);
        worker_stop(w);
        (void)drain(b, out);
        took.wall += b->last.wall - b->first.wall;
        took.processor += b->last.processor - b->first.processor;
        if (c.failure[0] != '\0') {
            (void)fprintf(stderr, "%s\n", c.failure);
            exit(3);
        }
        check(&c.pipe, b->t.n, verify);
        worker_free(w);
        ring_destroy(out);
        (void)close(fd);
        done += b->t.n - WARM * b->t.n_cars - 1;
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
    for (size_t i = 0; i < b->t.n; i++)
        capture_put(w, b->t.frame[i].stamp_ns, b->t.frame[i].data);
    if (capture_finish(w, &err) != WS_OK)
        die(&err);
}

int main(int argc, char **argv) {
    static struct bench b;
    struct ws_err err;
    char *end = NULL;
    size_t signers = argc < 2 ? SIGNERS : strtoul(argv[1], &end, 10);
    if (argc > 2 || (end != NULL && *end != '\0') || signers == 0 || signers > 20000) {
        (void)fprintf(stderr, "usage: bench_pktio [SIGNERS]\n");
        return 2;
    }
    traffic_make(&b.t, signers, ROUNDS);
    write_capture(&b);
    ws_log_set_level(WS_LOG_WARN);
    if (pktio_start(64, &err) != WS_OK)
        die(&err);
    (void)printf("signed CAM of %zu signers, %zu octets on average, P-256, one core, each signer "
                 "heard %d times before\n",
        signers, b.t.octets.n / b.t.n, WARM);
    (void)printf("%-46s %9s %9s\n", "frames or checks per second of", "the wall", "processor");
    struct instant openssl = openssl_rate();
    line("OpenSSL alone, one signature after another", openssl, openssl, NULL);
    struct instant kernel = kernel_rate(&b);
    line("verification kernel alone", kernel, openssl, "OpenSSL");
    struct instant reading = reading_rate(&b);
    line("reading the capture alone", reading, reading, NULL);
    line("pipeline, signatures off", pipeline_rate(&b, false, true), reading, "reading");
    line("pipeline, signatures on", pipeline_rate(&b, true, true), kernel, "the kernel");
    line("pipeline, first message of a signer", pipeline_rate(&b, true, false), openssl,
        "OpenSSL (two checks a frame)");
    line("capture through DPDK, signatures off", port_rate(&b, false), reading, "reading");
    line("capture through DPDK, signatures on", port_rate(&b, true), kernel, "the kernel");
    pktio_stop();
    (void)unlink(b.path);
    traffic_free(&b.t);
    return b.delivered == 0;
}
