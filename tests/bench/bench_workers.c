/* What a second thread brings: to the verification kernel alone, and to the whole path from a capture through a port with
 * two workers; beside one thread in the same run. And what an idle worker on a kernel interface costs, and how soon it is
 * there (needs root, for a network name space). On a machine that others use, too, compare by the processor's time: a
 * row's rate is then that of its slowest thread, as if it had its core to itself. usage: bench_workers [SIGNERS] */
#include "tests/bench/bench_traffic.h"

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/ring.h"
#include "pktio/capture.h"
#include "pktio/worker.h"
#include "v2x/psid.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    SIGNERS = 1000,
    WARM = 60, /* messages of each signer before what is measured */
    ROUNDS = 160,
    THREADS_MAX = 2,
    LOOK_EVERY = 64, /* frames between two looks at the clock */
    CAPACITY = 512, /* of a kernel */
    IDLE_S = 4,
    PINGS = 300,
    TRIES = 5, /* one and two by turns; of each the best, which others disturbed least */
};

static double seconds_of(clockid_t id) {
    struct timespec t;
    (void)clock_gettime(id, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *text) {
    (void)fprintf(stderr, "bench_workers: %s\n", text);
    exit(3);
}

struct rate {
    double wall, processor; /* per second */
};

static void better(struct rate *best, struct rate r) {
    best->wall = r.wall > best->wall ? r.wall : best->wall;
    best->processor = r.processor > best->processor ? r.processor : best->processor;
}

static void line(const char *what, struct rate r, const struct rate *one) {
    (void)printf("%-34s %9.0f %9.0f", what, r.wall, r.processor);
    if (one != NULL)
        (void)printf("   %4.2f x / %4.2f x one", r.wall / one->wall, r.processor / one->processor);
    (void)printf("\n");
}

/* What one thread did. */
struct share {
    size_t n;
    double first_s, last_s, first_wall, last_wall;
};

static struct rate rate_of(const struct share *s, unsigned n) {
    size_t all = 0;
    double busiest = 0, from = 1e300, to = 0;
    for (unsigned i = 0; i < n; i++) {
        double took = s[i].last_s - s[i].first_s;
        all += s[i].n;
        busiest = took > busiest ? took : busiest;
        from = s[i].first_wall < from ? s[i].first_wall : from;
        to = s[i].last_wall > to ? s[i].last_wall : to;
    }
    return (struct rate){(double)all / (to - from), (double)all / busiest};
}

/* ---- the kernel alone ---- */

struct check {
    const struct verify_item *items;
    size_t warm, n;
    pthread_barrier_t *start;
    struct share share;
    pthread_t thread;
};

/* Each key once, in turns, as the traffic has them; a thread's share is every nth signer. */
static size_t make_items(
    const struct traffic *t, unsigned of, unsigned nth, struct verify_item *ret) {
    size_t n = 0;
    struct verify_key **key = ws_calloc(t->n_cars, sizeof(struct verify_key *));
    uint8_t(*hash)[32] = ws_calloc(t->n_cars, sizeof(*hash));
    for (size_t i = 0; i < t->n; i++) {
        struct carrier c;
        struct spdu m;
        struct cert cert;
        size_t at;
        size_t car = i % t->n_cars;
        if (car % of != nth)
            continue;
        bool ok = carrier_read(LINK_ETHERNET, t->frame[i].data, &c) == CARRIER_SECURED &&
                  spdu_parse(c.message, &m, &at) == COER_OK;
        if (ok && key[car] == NULL) {
            ok = cert_parse(buf_span(&t->car[car].cert), &cert, &at) == COER_OK;
            cert_hash256(&cert, hash[car]);
            key[car] = verify_key_new(cert.key_curve, &cert.key);
        }
        ret[n].key = key[car];
        ret[n].digest_octets = 32;
        spdu_identity(&m, hash[car], ret[n].digest);
        ok = ok && verify_item_signature(&ret[n++], &m.signature);
        WS_ASSERT(ok);
    }
    free((void *)key);
    free(hash);
    return n;
}

static void run_kernel(struct verify_kernel *k, const struct verify_item *items, size_t n) {
    struct verify_answer answers[PIPELINE_BURST_MAX];
    size_t submitted = 0, answered = 0;
    while (answered < n) {
        submitted += verify_submit(k, items + submitted,
            n - submitted < PIPELINE_BURST_MAX ? n - submitted : PIPELINE_BURST_MAX);
        if (submitted < n && verify_in_flight(k) + PIPELINE_BURST_MAX <= CAPACITY)
            continue;
        size_t got = verify_poll(k, answers, ARRAY_LEN(answers));
        for (size_t i = 0; i < got; i++)
            WS_ASSERT(answers[i].kind == VERIFY_GOOD);
        answered += got;
    }
}

static void *check_all(void *arg) {
    struct check *c = arg;
    struct verify_config cfg = verify_config_default(CAPACITY);
    cfg.table_octets /= THREADS_MAX;
    struct verify_kernel *k = verify_kernel_new(&cfg);
    run_kernel(k, c->items, c->warm);
    while (verify_build(k))
        ;
    (void)pthread_barrier_wait(c->start);
    c->share.first_wall = seconds_of(CLOCK_MONOTONIC);
    c->share.first_s = seconds_of(CLOCK_THREAD_CPUTIME_ID);
    run_kernel(k, c->items + c->warm, c->n - c->warm);
    c->share.last_s = seconds_of(CLOCK_THREAD_CPUTIME_ID);
    c->share.last_wall = seconds_of(CLOCK_MONOTONIC);
    c->share.n = c->n - c->warm;
    verify_kernel_free(k);
    return NULL;
}

static struct rate kernel_rate(const struct traffic *t, unsigned threads) {
    struct check c[THREADS_MAX] = {0};
    struct share share[THREADS_MAX];
    pthread_barrier_t start;
    (void)pthread_barrier_init(&start, NULL, threads);
    for (unsigned i = 0; i < threads; i++) {
        struct verify_item *items = ws_calloc(t->n, sizeof(*items));
        c[i].n = make_items(t, threads, i, items);
        c[i].warm = c[i].n * WARM / ROUNDS;
        c[i].items = items;
        c[i].start = &start;
    }
    for (unsigned i = 0; i < threads; i++)
        WS_ASSERT(pthread_create(&c[i].thread, NULL, check_all, &c[i]) == 0);
    for (unsigned i = 0; i < threads; i++) {
        (void)pthread_join(c[i].thread, NULL);
        share[i] = c[i].share;
    }
    (void)pthread_barrier_destroy(&start);
    for (unsigned i = 0; i < threads; i++) {
        for (size_t k = 0; k < t->n_cars / threads + 1 && k < c[i].n; k++) {
            bool again = k > 0 && c[i].items[k].key == c[i].items[0].key;
            if (again)
                break;
            verify_key_unref(c[i].items[k].key);
        }
        free((void *)c[i].items);
    }
    return rate_of(share, threads);
}

/* ---- the whole path ---- */

struct path {
    size_t warm; /* frames that are not measured */
    struct share share[THREADS_MAX];
    atomic_uint n_shares;
};

static _Thread_local struct share *own_share;

static void note(void *ctx, const struct pkt_frame *f, enum pkt_verdict v, const char *detail) {
    struct path *p = ctx;
    (void)v;
    (void)detail;
    if (f->number <= p->warm)
        return;
    if (own_share == NULL) {
        unsigned at = atomic_fetch_add(&p->n_shares, 1);
        WS_ASSERT(at < THREADS_MAX);
        own_share = &p->share[at];
        own_share->first_wall = seconds_of(CLOCK_MONOTONIC);
        own_share->first_s = seconds_of(CLOCK_THREAD_CPUTIME_ID);
    }
    if (++own_share->n % LOOK_EVERY == 0) {
        own_share->last_wall = seconds_of(CLOCK_MONOTONIC);
        own_share->last_s = seconds_of(CLOCK_THREAD_CPUTIME_ID);
    }
}

static size_t drain(struct ring *const *out, unsigned n) {
    size_t got = 0;
    for (unsigned i = 0; i < n; i++) {
        for (struct pkt_message *m; (m = ring_pop(out[i])) != NULL; got++)
            pkt_message_release(m);
    }
    return got;
}

static struct ws_clock clock_at(uint64_t its_us) {
    struct ws_clock mono = {.kind = WS_CLOCK_SYSTEM};
    return (struct ws_clock){.kind = WS_CLOCK_SCALED,
        .epoch_its_us = its_us,
        .start_mono_us = ws_clock_now(&mono).mono_us,
        .rate_ppm = 1000000};
}

static struct rate path_rate(const struct traffic *t, const char *file, unsigned workers) {
    struct pipeline_config cfg = traffic_config(t, true);
    cfg.limits.table_octets = VERIFY_TABLE_OCTETS_DEFAULT / workers;
    cfg.limits.max_age_us = cfg.limits.max_age_safety_us = 600000000;
    cfg.salt = 1;
    struct ws_clock clock = clock_at(PKI_NOW_US + 60000000); /* every frame is due */
    struct port_config port = {.kind = PORT_CAPTURE,
        .captures = &file,
        .n_captures = 1,
        .paced = true,
        .mbufs = 16383, /* the reader is always ahead */
        .workers = workers};
    struct path p = {.warm = (size_t)WARM * t->n_cars};
    struct ring *out[THREADS_MAX] = {0};
    struct worker *w = NULL;
    struct worker_counters c;
    struct ws_err err = {0};
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    size_t got = 0;
    for (unsigned i = 0; i < workers; i++)
        out[i] = ring_create(cfg.limits.message_pool);
    if (worker_start(&port, &cfg, &clock, out, fd, note, &p, &w, &err) != WS_OK)
        die(err.text);
    do {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        eventfd_t n;
        (void)poll(&wait, 1, 100);
        (void)eventfd_read(fd, &n);
        worker_read_counters(w, &c);
        got += drain(out, workers);
    } while (!c.finished);
    worker_stop(w);
    got += drain(out, workers);
    /* Where the consumer was kept waiting by others, the work was done all the same. */
    if (got + c.pipe.verdict[PKT_RING_FULL] != t->n)
        die("not every frame was verified");
    worker_free(w);
    for (unsigned i = 0; i < workers; i++)
        ring_destroy(out[i]);
    (void)close(fd);
    for (unsigned i = 0; i < workers; i++) {
        p.share[i].n -= p.share[i].n % LOOK_EVERY;
        if (p.share[i].n == 0)
            die("a thread had nothing to do");
    }
    return rate_of(p.share, workers);
}

static void write_capture(const struct traffic *t, const char *file) {
    struct capture_writer *w = NULL;
    struct ws_err err = {0};
    if (capture_create(file, &w, &err) != WS_OK)
        die(err.text);
    for (size_t i = 0; i < t->n; i++)
        capture_put(w, t->frame[i].stamp_ns, t->frame[i].data);
    if (capture_finish(w, &err) != WS_OK)
        die(err.text);
}

/* ---- idle ---- */

static int make_pair(void) {
    /* NOLINTNEXTLINE(cert-env33-c): fixed command lines */
    if (unshare(CLONE_NEWNET) != 0 || system("ip link add wsb0 type veth peer name wsb1 && "
                                             "ip link set wsb0 up && ip link set wsb1 up") != 0)
        return -1;
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex("wsb1")};
    return fd >= 0 && bind(fd, (struct sockaddr *)&to, sizeof(to)) == 0 ? fd : -1;
}

static void note_instant(
    void *ctx, const struct pkt_frame *f, enum pkt_verdict v, const char *detail) {
    _Atomic double *at = ctx;
    (void)f;
    (void)v;
    (void)detail;
    atomic_store(at, seconds_of(CLOCK_MONOTONIC));
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Frames of ever other senders, so that with two workers both have some. */
static void ping(
    struct traffic *t, const struct ws_clock *clock, int fd, _Atomic double *seen, double *ret_us) {
    struct buf frame = {0};
    for (unsigned i = 0; i < PINGS; i++) {
        (void)usleep(5000 + (useconds_t)(i * 7919 % 20000));
        struct station *s = &t->car[i % t->n_cars];
        buf_clear(&frame);
        station_frame(
            &frame, s, PSID_CAM, ws_clock_now(clock).its_us, span_of("hello", 5), i < t->n_cars);
        atomic_store(seen, 0);
        double sent = seconds_of(CLOCK_MONOTONIC);
        if (send(fd, frame.p, frame.n, 0) != (ssize_t)frame.n)
            die("a frame could not be sent");
        for (unsigned k = 0; atomic_load(seen) == 0; k++) {
            if (k == 200000)
                die("a frame was not heard");
            (void)usleep(20);
        }
        ret_us[i] = (atomic_load(seen) - sent) * 1e6;
    }
    buf_free(&frame);
    qsort(ret_us, PINGS, sizeof(*ret_us), ascending);
}

static void idle_row(struct traffic *t, int fd, unsigned workers) {
    struct pipeline_config cfg = traffic_config(t, true);
    struct ws_clock clock = clock_at(PKI_NOW_US);
    struct port_config port = {.kind = PORT_AF_PACKET, .interface = "wsb0", .workers = workers};
    struct ring *out[THREADS_MAX] = {ring_create(2048), ring_create(2048)};
    struct worker *w = NULL;
    struct worker_counters before, after;
    struct ws_err err = {0};
    _Atomic double seen = 0;
    double us[PINGS];
    if (worker_start(&port, &cfg, &clock, out, -1, note_instant, &seen, &w, &err) != WS_OK)
        die(err.text);
    (void)usleep(300000);
    worker_read_counters(w, &before);
    double cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    (void)usleep(IDLE_S * 1000000);
    cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    worker_read_counters(w, &after);
    (void)printf("idle, %u worker%s: %.3f %% of a core, %.0f sleeps/s", workers,
        workers == 1 ? " " : "s", cpu / IDLE_S * 100,
        (double)(after.sleeps - before.sleeps) / IDLE_S);
    ping(t, &clock, fd, &seen, us);
    (void)printf("; frame to verdict after idle: p50 %.0f us, p99 %.0f us, longest %.0f us\n",
        us[PINGS / 2], us[PINGS * 99 / 100], us[PINGS - 1]);
    worker_stop(w);
    (void)drain(out, THREADS_MAX);
    worker_free(w);
    for (unsigned i = 0; i < THREADS_MAX; i++)
        ring_destroy(out[i]);
}

int main(int argc, char **argv) {
    static struct traffic t;
    char *end = NULL;
    char file[300];
    struct ws_err err = {0};
    size_t signers = argc < 2 ? SIGNERS : strtoul(argv[1], &end, 10);
    if (argc > 2 || (end != NULL && *end != '\0') || signers < 8 || signers > 20000) {
        (void)fprintf(stderr, "usage: bench_workers [SIGNERS]\n");
        return 2;
    }
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(file, sizeof(file), "%s/wayside-bench-%ld.pcap", tmp != NULL ? tmp : P_tmpdir,
        (long)getpid());
    ws_log_set_level(WS_LOG_WARN);
    traffic_make(&t, signers, ROUNDS);
    write_capture(&t, file);
    int fd = make_pair();
    if (pktio_start(128, &err) != WS_OK)
        die(err.text);
    (void)printf("signed CAM of %zu signers, each heard %d times before; %ld processors\n", signers,
        WARM, sysconf(_SC_NPROCESSORS_ONLN));
    (void)printf("%-34s %9s %9s\n", "per second, by", "the wall", "processor");
    struct rate one = {0}, two = {0};
    for (unsigned i = 0; i < TRIES; i++) {
        better(&one, kernel_rate(&t, 1));
        better(&two, kernel_rate(&t, 2));
    }
    line("kernel alone, one thread", one, NULL);
    line("kernel alone, two threads", two, &one);
    one = two = (struct rate){0};
    for (unsigned i = 0; i < TRIES; i++) {
        better(&one, path_rate(&t, file, 1));
        better(&two, path_rate(&t, file, 2));
    }
    line("whole path, one worker", one, NULL);
    line("whole path, two workers", two, &one);
    (void)unlink(file);
    for (unsigned workers = 1; workers <= THREADS_MAX && fd >= 0; workers++)
        idle_row(&t, fd, workers);
    if (fd < 0)
        (void)printf("idle: no network name space for this user\n");
    pktio_stop();
    traffic_free(&t);
    return 0;
}
