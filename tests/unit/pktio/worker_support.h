/* What the tests of DPDK workers share: a folder, a capture, a worker run to its end. */
#ifndef WAYSIDE_TESTS_UNIT_PKTIO_WORKER_SUPPORT_H
#define WAYSIDE_TESTS_UNIT_PKTIO_WORKER_SUPPORT_H

#include "tests/support/cm.h"
#include "tests/support/pki.h"

#include "pktio/capture.h"
#include "pktio/worker.h"

enum { SEEN_MAX = 4096, OUT_RING = 2048 };

struct seen {
    uint64_t number, stamp_ns;
    uint32_t capture, original_octets;
    size_t octets;
    enum pkt_verdict verdict;
};

struct bench {
    struct pki pki;
    struct station car;
    struct pipeline_config cfg;
    struct ws_clock clock;
    struct ring *out;
    int out_fd;
    char dir[256];
    char path[300];
    /* written by the worker's thread, read after it finished */
    struct seen seen[SEEN_MAX];
    size_t n_seen;
    useconds_t slow_us; /* the worker takes so long for each frame */
};

struct bench *bench_new(void);
void bench_free(struct bench *b);
/* Unix time of PKI_NOW_US. */
uint64_t bench_stamp_ns(void);
/* A capture of n signed CAM, `gap_us` apart in generation time and stamp. */
void bench_capture(struct bench *b, const char *path, size_t n, uint64_t gap_us);
/* Starts a worker on b->path unless cfg names other captures. */
struct worker *bench_start(struct bench *b, struct port_config *cfg);
/* Waits until the end marker was processed; fails the test after half a minute. */
void bench_wait(struct worker *w, struct worker_counters *ret);
size_t bench_drain(struct bench *b); /* releases the messages that came out; how many */

#endif
