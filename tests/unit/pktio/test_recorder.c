/* Frames with their verdicts into files: in order, bounded, whatever the disk does, and read back to the same verdicts. */
#include "tests/support/cm.h"
#include "tests/support/pki.h"

#include "base/mem.h"
#include "base/ring.h"
#include "pktio/capture.h"
#include "pktio/record_queue.h"
#include "pktio/recorder.h"
#include "v2x/psid.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAMES_MAX = 64 };

struct folder {
    char path[256];
    size_t n;
    char name[NAMES_MAX][80]; /* sorted */
};

static int by_name(const void *a, const void *b) {
    return strcmp(a, b);
}

static void look(struct folder *f) {
    DIR *dir = opendir(f->path);
    f->n = 0;
    assert_non_null(dir);
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        if (e->d_name[0] == '.')
            continue;
        assert_true(f->n < NAMES_MAX);
        (void)snprintf(f->name[f->n++], sizeof(f->name[0]), "%s", e->d_name);
    }
    (void)closedir(dir);
    qsort(f->name, f->n, sizeof(f->name[0]), by_name);
}

static void path_in(const struct folder *f, const char *name, char *dst, size_t size) {
    (void)snprintf(dst, size, "%s/%s", f->path, name);
}

static int setup(void **state) {
    struct folder *f = ws_alloc(sizeof(*f));
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(f->path, sizeof(f->path), "%s/wayside-XXXXXX", tmp != NULL ? tmp : P_tmpdir);
    assert_non_null(mkdtemp(f->path));
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct folder *f = *state;
    char path[400];
    look(f);
    for (size_t i = 0; i < f->n; i++) {
        path_in(f, f->name[i], path, sizeof(path));
        (void)unlink(path);
    }
    assert_int_equal(rmdir(f->path), 0);
    free(f);
    return 0;
}

/* ---- the queue ---- */

static struct pkt_frame frame_of(const uint8_t *p, size_t n, uint64_t stamp_ns) {
    return (struct pkt_frame){.data = span_of(p, n),
        .link = LINK_ETHERNET,
        .original_octets = (uint32_t)n,
        .stamp_ns = stamp_ns};
}

/* Random sizes and stamps, put and taken by turns: all come out once, whole, and in the order of their stamps among those
 * that are there. */
static void the_queue_sorts_and_keeps(void **state) {
    (void)state;
    enum { TURNS = 20000, BOX = 4096 };
    struct record_queue *q = record_queue_new(40000);
    struct ws_random rnd = ws_random_seeded(5);
    uint8_t octets[3000];
    char detail[300];
    uint64_t put = 0, refused = 0, taken = 0, sum_in = 0, sum_out = 0;
    memset(detail, 'x', sizeof(detail));
    for (unsigned turn = 0; turn < TURNS; turn++) {
        if (ws_random_below(&rnd, 100) < 60) {
            size_t n = (size_t)ws_random_below(&rnd, ws_random_below(&rnd, sizeof(octets)) + 1);
            size_t words = (size_t)ws_random_below(&rnd, sizeof(detail));
            uint64_t stamp = 1000 + turn - ws_random_below(&rnd, 500);
            memset(octets, (int)(stamp & 255), n);
            detail[words] = '\0';
            struct pkt_frame f = frame_of(octets, n, stamp);
            if (record_queue_put(
                    q, (uint16_t)(stamp % 5), &f, (enum pkt_verdict)(stamp % 7), detail)) {
                put++;
                sum_in += stamp + n;
            } else {
                refused++;
            }
            detail[words] = 'x';
        } else {
            struct record r;
            uint64_t last = 0;
            record_queue_look(q, turn);
            for (size_t k = (size_t)ws_random_below(&rnd, 3); k > 0; k--) {
                if (!record_queue_first(q, UINT64_MAX, &r))
                    break;
                assert_true(r.frame.stamp_ns >= last);
                last = r.frame.stamp_ns;
                assert_int_equal(r.verdict, last % 7);
                assert_int_equal(r.port, last % 5);
                for (size_t i = 0; i < r.frame.data.n; i++)
                    assert_int_equal(r.frame.data.p[i], last & 255);
                assert_true(r.detail.n < 256);
                for (size_t i = 0; i < r.detail.n; i++)
                    assert_int_equal(r.detail.p[i], 'x');
                sum_out += last + r.frame.data.n;
                taken++;
                record_queue_drop(q);
            }
        }
    }
    struct record r;
    record_queue_look(q, TURNS);
    for (; record_queue_first(q, UINT64_MAX, &r); taken++) {
        sum_out += r.frame.stamp_ns + r.frame.data.n;
        record_queue_drop(q);
    }
    assert_int_equal(taken, put);
    assert_int_equal(sum_out, sum_in);
    assert_true(refused > 100 && put > 1000);
    assert_int_equal(record_queue_used(q), 0);
    record_queue_free(q);
}

/* A late verdict finds its place if it is not too late. */
static void the_queue_holds(void **state) {
    (void)state;
    struct record_queue *q = record_queue_new(100000);
    struct record r;
    struct pkt_frame late = frame_of((const uint8_t *)"late", 4, 500);
    struct pkt_frame f = frame_of((const uint8_t *)"f", 1, 1000);
    assert_true(record_queue_put(q, 0, &f, PKT_VERIFIED, NULL));
    record_queue_look(q, 10);
    assert_false(record_queue_first(q, 9, &r));
    assert_true(record_queue_put(q, 0, &late, PKT_STALE, "too old"));
    record_queue_look(q, 20);
    /* As soon as the one may go, the other goes before it. */
    assert_true(record_queue_first(q, 10, &r));
    assert_int_equal(r.frame.stamp_ns, 500);
    assert_int_equal(r.verdict, PKT_STALE);
    assert_memory_equal(r.detail.p, "too old", 7);
    record_queue_drop(q);
    assert_true(record_queue_first(q, 10, &r));
    assert_int_equal(r.frame.stamp_ns, 1000);
    assert_int_equal(r.detail.n, 0);
    record_queue_drop(q);
    assert_false(record_queue_first(q, UINT64_MAX, &r));
    /* Never longer than the memory. */
    static const uint8_t big[200000];
    struct pkt_frame longest = frame_of(big, sizeof(big), 1);
    assert_false(record_queue_put(q, 0, &longest, PKT_STALE, NULL));
    record_queue_free(q);
}

/* ---- the recorder ---- */

static struct recorder_config config_of(const struct folder *f) {
    return (struct recorder_config){.folder = f->path,
        .file_octets = 1 << 20,
        .files = 10,
        .total_octets = 100U << 20,
        .queue_octets = 4 << 20,
        .hold_us = 50000};
}

static struct recorder *open_in(const struct recorder_config *cfg) {
    struct recorder *r = NULL;
    struct ws_err err = {0};
    if (recorder_open(cfg, &r, &err) != WS_OK)
        fail_msg("%s", err.text);
    return r;
}

#define STAMP_NS UINT64_C(1780300800000000000) /* 2026-06-01T08:00:00Z */

/* Frames in the file, and whether it reads to its end. */
static size_t read_file(const struct folder *f, const char *name, uint64_t *last_stamp_ns) {
    char path[400];
    struct capture *c = NULL;
    struct ws_err err = {0};
    struct pkt_frame frame;
    struct stat st;
    size_t n = 0;
    int rc;
    path_in(f, name, path, sizeof(path));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    if (capture_open(path, 0, &c, &err) != WS_OK)
        fail_msg("%s", err.text);
    for (; (rc = capture_next(c, &frame, &err)) == 1; n++) {
        assert_true(frame.stamp_ns >= *last_stamp_ns);
        *last_stamp_ns = frame.stamp_ns;
        assert_true(capture_comment(c).n > 0);
    }
    if (rc != 0)
        fail_msg("%s", err.text);
    capture_close(c);
    return n;
}

/* Two ports, two link types: four interfaces, each called after its port; a port that nobody knows has no name. */
static void frames_name_their_port(void **state) {
    static const char *const ports[] = {"port 0 eth1", "port 1 eth2"};
    static const enum frame_link links[] = {LINK_ETHERNET, LINK_RAW_IP};
    enum { FRAMES = 60 };
    struct folder *f = *state;
    uint8_t octets[60] = {1};
    struct recorder_config cfg = config_of(f);
    cfg.ports = ports;
    cfg.n_ports = ARRAY_LEN(ports);
    struct recorder *r = open_in(&cfg);
    for (unsigned i = 0; i < FRAMES; i++) {
        struct pkt_frame fr = frame_of(octets, sizeof(octets), STAMP_NS + i);
        fr.link = links[i / 3 % 2];
        recorder_put(r, (uint16_t)(i % 3), &fr, PKT_VERIFIED, "");
    }
    recorder_close(r);
    look(f);
    assert_int_equal(f->n, 1);
    char path[400];
    struct capture *c = NULL;
    struct pkt_frame fr;
    struct ws_err err;
    path_in(f, f->name[0], path, sizeof(path));
    assert_int_equal(capture_open(path, 0, &c, &err), WS_OK);
    for (unsigned i = 0; i < FRAMES; i++) {
        assert_int_equal(capture_next(c, &fr, &err), 1);
        assert_int_equal(fr.link, links[i / 3 % 2]);
        struct span name = capture_interface(c);
        const char *want = i % 3 < 2 ? ports[i % 3] : "";
        assert_true(span_equal(name, span_of(want, strlen(want))));
    }
    assert_int_equal(capture_next(c, &fr, &err), 0);
    capture_close(c);
}

/* Until nothing waits for the disk, which may be slow. */
static void wait_written(struct recorder *r, struct recorder_counters *n) {
    for (unsigned i = 0; i < 120000; i++) {
        recorder_read_counters(r, n);
        if (n->queued == 0)
            return;
        (void)usleep(1000);
    }
    fail_msg("frames are not written");
}

static void files_are_rotated_and_bounded(void **state) {
    struct folder *f = *state;
    enum { FRAMES = 4000 };
    uint8_t octets[600] = {1};
    struct recorder_config cfg = config_of(f);
    char other[400];
    cfg.file_octets = 200000;
    cfg.files = 4;
    /* What is not ours stays. */
    path_in(f, "wayside-note.txt", other, sizeof(other));
    assert_int_equal(close(open(other, O_CREAT | O_WRONLY | O_CLOEXEC, 0644)), 0);
    struct recorder_counters n;
    for (unsigned turn = 0; turn < 2; turn++) {
        struct recorder *r = open_in(&cfg);
        for (size_t i = 0; i < FRAMES; i++) {
            struct pkt_frame fr = frame_of(octets, sizeof(octets), STAMP_NS + i * 1000);
            recorder_put(r, 0, &fr, PKT_VERIFIED, i % 2 == 0 ? "" : "why");
            if (i % 500 == 0)
                wait_written(r, &n);
        }
        wait_written(r, &n);
        assert_int_equal(n.dropped_queue, 0);
        assert_int_equal(n.dropped_disk, 0);
        assert_int_equal(n.queued, 0);
        assert_true(n.files > 5 && n.deleted > 0);
        recorder_close(r);
        look(f);
        assert_int_equal(f->n, 1 + 4);
        uint64_t octets_kept = 0;
        for (size_t i = 0; i < 4; i++) {
            char path[400];
            struct stat st;
            uint64_t stamp = 0;
            assert_true(read_file(f, f->name[i], &stamp) > 0);
            path_in(f, f->name[i], path, sizeof(path));
            assert_int_equal(stat(path, &st), 0);
            octets_kept += (uint64_t)st.st_size;
        }
        assert_true(octets_kept < 4 * (cfg.file_octets + 2000));
        assert_string_equal(f->name[4], "wayside-note.txt");
    }
    /* The numbers went on over the restart: the newest of 2 * n.files or so. */
    assert_true(strtoul(f->name[3] + 8, NULL, 10) > n.files);
}

/* By octets of all files together. */
static void the_total_is_bounded(void **state) {
    struct folder *f = *state;
    uint8_t octets[1000] = {1};
    struct recorder_config cfg = config_of(f);
    cfg.file_octets = 100000;
    cfg.total_octets = 350000;
    cfg.files = 100;
    struct recorder *r = open_in(&cfg);
    for (size_t i = 0; i < 2000; i++) {
        struct pkt_frame fr = frame_of(octets, sizeof(octets), STAMP_NS + i);
        recorder_put(r, 0, &fr, PKT_STALE, "old");
    }
    recorder_close(r);
    look(f);
    uint64_t sum = 0;
    for (size_t i = 0; i < f->n; i++) {
        char path[400];
        struct stat st;
        path_in(f, f->name[i], path, sizeof(path));
        assert_int_equal(stat(path, &st), 0);
        sum += (uint64_t)st.st_size;
    }
    assert_true(f->n >= 2 && sum <= cfg.total_octets);
}

/* What a killed process left is kept under its own name, and read as far as it goes. */
static void what_was_left_is_kept(void **state) {
    struct folder *f = *state;
    struct recorder_config cfg = config_of(f);
    char from[400], to[400];
    struct recorder *r = open_in(&cfg);
    struct pkt_frame fr = frame_of((const uint8_t *)"frame", 5, STAMP_NS);
    recorder_put(r, 0, &fr, PKT_NOT_V2X, NULL);
    recorder_close(r);
    look(f);
    assert_int_equal(f->n, 1);
    assert_string_equal(f->name[0], "wayside-00000000-20260601T080000Z.pcapng");
    path_in(f, f->name[0], from, sizeof(from));
    path_in(f, "wayside-00000007-20260601T080000Z.pcapng.tmp.99", to, sizeof(to));
    assert_int_equal(rename(from, to), 0);
    r = open_in(&cfg);
    recorder_put(r, 0, &fr, PKT_NOT_V2X, NULL);
    recorder_close(r);
    look(f);
    assert_int_equal(f->n, 2);
    assert_string_equal(f->name[0], "wayside-00000007-20260601T080000Z.pcapng");
    assert_string_equal(f->name[1], "wayside-00000008-20260601T080000Z.pcapng");
    uint64_t stamp = 0;
    assert_int_equal(read_file(f, f->name[0], &stamp), 1);
}

static void set_file_limit(rlim_t octets) {
    struct rlimit l;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &l), 0);
    l.rlim_cur = octets;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

static void wait_stuck(struct recorder *r, bool want, struct recorder_counters *n) {
    for (unsigned i = 0; i < 12000; i++) {
        recorder_read_counters(r, n);
        if (n->stuck == want)
            return;
        (void)usleep(10000);
    }
    fail_msg("the recorder is%s stuck", want ? " not" : "");
}

/* A write fails in the middle of a file; later it goes on. Every frame is counted once, and what was kept reads. */
static void a_full_disk_is_survived(void **state) {
    struct folder *f = *state;
    uint8_t octets[1000] = {1};
    struct recorder_config cfg = config_of(f);
    struct recorder_counters n;
    uint64_t put = 0;
    cfg.hold_us = 1000;
    (void)signal(SIGXFSZ, SIG_IGN);
    set_file_limit(300000);
    struct recorder *r = open_in(&cfg);
    do {
        for (unsigned i = 0; i < 50; i++) {
            struct pkt_frame fr = frame_of(octets, sizeof(octets), STAMP_NS + put++);
            recorder_put(r, 0, &fr, PKT_VERIFIED, NULL);
        }
        do { /* a slow disk is not to fill the queue */
            (void)usleep(1000);
            recorder_read_counters(r, &n);
        } while (!n.stuck && n.queued > cfg.queue_octets / 2);
    } while (!n.stuck && put < 100000);
    assert_true(n.stuck);
    set_file_limit(RLIM_INFINITY);
    do {
        struct pkt_frame fr = frame_of(octets, sizeof(octets), STAMP_NS + put++);
        recorder_put(r, 0, &fr, PKT_VERIFIED, NULL);
        (void)usleep(10000);
        recorder_read_counters(r, &n);
    } while (n.stuck && put < 100000);
    assert_false(n.stuck);
    uint64_t last = 0, frames = 0;
    recorder_close(r);
    look(f);
    assert_true(f->n >= 2);
    for (size_t i = 0; i < f->n; i++)
        frames += read_file(f, f->name[i], &last);
    assert_true(frames > 200 && frames < put);
    assert_int_equal(last, STAMP_NS + put - 1); /* the last one put is there */
    /* The counters say the same: what is not in a file was dropped. */
    assert_true(n.dropped_disk > 0);
    assert_int_equal(n.dropped_queue, 0);
    assert_true(frames + n.dropped_disk == put);
}

static void others_need_the_disk(void **state) {
    struct folder *f = *state;
    struct recorder_config cfg = config_of(f);
    struct recorder_counters n;
    cfg.reserve_octets = UINT64_MAX;
    struct recorder *r = open_in(&cfg);
    struct pkt_frame fr = frame_of((const uint8_t *)"frame", 5, STAMP_NS);
    for (unsigned i = 0; i < 10; i++)
        recorder_put(r, 0, &fr, PKT_VERIFIED, NULL);
    wait_stuck(r, true, &n);
    for (unsigned i = 0; i < 12000 && n.dropped_disk < 10; i++) {
        (void)usleep(10000);
        recorder_read_counters(r, &n);
    }
    assert_int_equal(n.dropped_disk, 10);
    assert_int_equal(n.frames, 0);
    recorder_close(r);
    look(f);
    assert_int_equal(f->n, 0);
}

struct putter {
    struct recorder *r;
    unsigned nth;
};

static void *put_many(void *arg) {
    struct putter *p = arg;
    uint8_t octets[300] = {(uint8_t)p->nth};
    for (size_t i = 0; i < 20000; i++) {
        struct pkt_frame fr = frame_of(octets, sizeof(octets), STAMP_NS + i * 3 + p->nth);
        recorder_put(p->r, 0, &fr, PKT_VERIFIED, "x");
    }
    return NULL;
}

/* From several threads, faster than it is written: dropped or written, nothing else. */
static void several_threads_put(void **state) {
    struct folder *f = *state;
    struct recorder_config cfg = config_of(f);
    struct recorder_counters n;
    cfg.queue_octets = 1 << 20;
    cfg.file_octets = 100U << 20;
    struct putter p[3];
    pthread_t t[3];
    struct recorder *r = open_in(&cfg);
    for (unsigned i = 0; i < 3; i++) {
        p[i] = (struct putter){r, i};
        assert_int_equal(pthread_create(&t[i], NULL, put_many, &p[i]), 0);
    }
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(pthread_join(t[i], NULL), 0);
    recorder_read_counters(r, &n);
    recorder_close(r);
    look(f);
    assert_int_equal(f->n, 1);
    char path[400];
    struct capture *c = NULL;
    struct ws_err err;
    struct pkt_frame frame;
    uint64_t frames = 0;
    path_in(f, f->name[0], path, sizeof(path));
    assert_int_equal(capture_open(path, 0, &c, &err), WS_OK);
    for (; capture_next(c, &frame, &err) == 1; frames++)
        assert_true(frame.data.p[0] < 3);
    capture_close(c);
    assert_int_equal(frames + n.dropped_queue, 60000);
}

/* ---- the same verdicts again ---- */

struct heard {
    struct recorder *r; /* or: */
    char (*want)[300]; /* comments by frame number */
    size_t n;
};

static void note(void *ctx, const struct pkt_frame *f, enum pkt_verdict v, const char *detail) {
    struct heard *h = ctx;
    if (h->r != NULL) {
        recorder_put(h->r, 0, f, v, detail);
        return;
    }
    const char *want = h->want[f->number];
    size_t n = strcspn(want, ":");
    assert_int_equal(n, strlen(pkt_verdict_name(v)));
    assert_memory_equal(want, pkt_verdict_name(v), n);
    h->n++;
}

static bool release(void *ctx, struct pkt_message *m) {
    (void)ctx;
    pkt_message_release(m);
    return true;
}

static void the_same_verdicts_again(void **state) {
    struct folder *f = *state;
    enum { ROUNDS = 60, CARS = 5 };
    struct pki pki;
    struct station car[CARS];
    struct heard h = {0};
    struct recorder_config cfg = config_of(f);
    pki_init(&pki, 1);
    for (size_t i = 0; i < CARS; i++)
        pki_vehicle(&pki, &car[i]);
    const struct pipeline_config pipe = {
        .limits = {.source_slots = 64,
            .replay_slots = 4096,
            .cert_slots = 64,
            .message_pool = 64,
            .freshness_us = 2000000,
            .freshness_own_us = 2000000,
            .future_us = 500000},
        .trust = pki.trust,
        .verify = true,
    };
    cfg.hold_us = 10000000; /* everything is put in order before it is written */
    h.r = open_in(&cfg);
    struct pipeline *p = pipeline_new(&pipe, release, NULL, note, &h);
    struct buf frame = {0};
    size_t n = 0;
    for (size_t r = 0; r < ROUNDS; r++) {
        for (size_t i = 0; i < CARS; i++) {
            uint64_t now = PKI_NOW_US + r * 100000 + i * 1000;
            buf_clear(&frame);
            /* Some tickets come late or not at all, so that messages wait, in vain or not. */
            station_frame(&frame, &car[i], PSID_CAM, r % 13 == 5 ? now - 3000000 : now,
                span_of("hello", 5), i < 4 && r % 10 == 3 + i);
            if ((r + i) % 7 == 6)
                frame.p[frame.n - 3] ^= 1;
            struct pkt_frame fr = frame_of(frame.p, frame.n, (uint64_t)its_to_unix_us(now) * 1000);
            for (unsigned twice = 0; twice < ((r + i) % 9 == 0 ? 2 : 1); twice++, n++) {
                pipeline_tick(p, now);
                pipeline_take(p, &fr, 1, now);
                while (pipeline_work(p, now))
                    ;
            }
        }
    }
    pipeline_finish(p, PKI_NOW_US + ROUNDS * 100000);
    struct pipeline_counters first = *pipeline_counters(p);
    pipeline_free(p);
    recorder_close(h.r);
    h.r = NULL;
    assert_int_equal(first.frames, n);

    look(f);
    assert_int_equal(f->n, 1);
    char path[400];
    struct capture *c = NULL;
    struct ws_err err;
    struct pkt_frame fr;
    path_in(f, f->name[0], path, sizeof(path));
    h.want = ws_calloc(n + 1, sizeof(*h.want));
    assert_int_equal(capture_open(path, 0, &c, &err), WS_OK);
    p = pipeline_new(&pipe, release, NULL, note, &h);
    uint64_t now = 0, last = 0;
    while (capture_next(c, &fr, &err) == 1) {
        assert_true(fr.stamp_ns >= last);
        last = fr.stamp_ns;
        assert_true(fr.number <= n);
        (void)snprintf(h.want[fr.number], sizeof(h.want[0]), "%.*s", (int)capture_comment(c).n,
            (const char *)capture_comment(c).p);
        now = its_from_unix_us((int64_t)(fr.stamp_ns / 1000));
        pipeline_tick(p, now);
        pipeline_take(p, &fr, 1, now);
        while (pipeline_work(p, now))
            ;
    }
    pipeline_finish(p, PKI_NOW_US + ROUNDS * 100000);
    assert_int_equal(h.n, n);
    for (unsigned v = 0; v < PKT_VERDICT_COUNT; v++)
        assert_int_equal(pipeline_counters(p)->verdict[v], first.verdict[v]);
    /* All kinds were there. */
    assert_true(first.verdict[PKT_VERIFIED] > 50);
    assert_true(first.verdict[PKT_DUPLICATE] > 10);
    assert_true(first.verdict[PKT_BAD_SIGNATURE] > 10);
    assert_true(first.verdict[PKT_STALE] > 10);
    assert_true(first.verdict[PKT_SIGNER_UNKNOWN] > 10);
    pipeline_free(p);
    capture_close(c);
    free(h.want);
    buf_free(&frame);
    for (size_t i = 0; i < CARS; i++)
        station_free(&car[i]);
    pki_free(&pki);
}

static void refused_with_a_reason(void **state) {
    struct folder *f = *state;
    struct recorder_config cfg = config_of(f);
    struct recorder *r = NULL;
    struct ws_err err = {0};
    char path[400];
    path_in(f, "no/folder", path, sizeof(path));
    cfg.folder = path;
    assert_int_equal(recorder_open(&cfg, &r, &err), WS_EIO);
    assert_non_null(strstr(err.text, "no/folder"));
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_queue_sorts_and_keeps),
        cmocka_unit_test(the_queue_holds),
        T(frames_name_their_port),
        T(files_are_rotated_and_bounded),
        T(the_total_is_bounded),
        T(what_was_left_is_kept),
        T(a_full_disk_is_survived),
        T(others_need_the_disk),
        T(several_threads_put),
        T(the_same_verdicts_again),
        T(refused_with_a_reason),
    };
    return cmocka_run_group_tests_name("the recorder", tests, NULL, NULL);
}
