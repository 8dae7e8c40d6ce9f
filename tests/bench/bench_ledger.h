/* What the parts of bench_ledger share: the options, the signed load, and the page that the parent and the replica
 * processes look at together. */
#ifndef WAYSIDE_TESTS_BENCH_BENCH_LEDGER_H
#define WAYSIDE_TESTS_BENCH_BENCH_LEDGER_H

#include "ledger/light/types.h"
#include "mapsvc/model/mapset.h"
#include "v2x/verify.h"

#include <stdatomic.h>

enum {
    BENCH_REPLICAS_MAX = 32,
    BENCH_BUCKETS = 64 * 16,
    /* Generation times of messages are as far apart as at 25,000 a second. */
    BENCH_STEP_US = 40,
};

enum bench_mode { BENCH_SATURATION, BENCH_RATE };

struct bench_options {
    size_t replicas, signers, messages, dead;
    enum bench_mode mode;
    double rate; /* BENCH_RATE: transactions per second, all replicas together */
    double warm_s, seconds, age_s;
    size_t window; /* saturation: own transactions that a replica has under way */
    unsigned block_min_ms, block_txs, timeout_ms;
    enum verify_backend backend;
    unsigned table_mb; /* of each replica's verification kernel */
    const char *cache, *dir;
    unsigned port;
    bool verbose;
    bool sync; /* who was killed comes back without its data */
};

/* Transactions ready to be handed in; mapped, so that all replicas read one copy. */
struct bench_load {
    struct mapset map;
    struct buf genesis;
    uint64_t epoch; /* Time64 us: the cell clock when the run begins */
    struct buf certs; /* var each: certificate transactions */
    size_t n_certs;
    const uint8_t *octets; /* of messages, one after the other */
    const uint64_t *at; /* n + 1 offsets */
    size_t n;
};

/* Builds keys, certificates and genesis; messages come from the cache file or are signed into it. Stops the process
 * with a text when something fails. */
void bench_load_make(const struct bench_options *o, struct bench_load *ret);
void bench_load_free(struct bench_load *l);
/* Secrets of replica i, the same in each run. */
void bench_secrets(size_t i, uint8_t ret_seed[static 32], uint8_t ret_curve[static 32]);

enum bench_phase { PHASE_LINK, PHASE_CERTS, PHASE_WARM, PHASE_MEASURE, PHASE_SYNC, PHASE_STOP };

/* Written by one replica, read by the parent. */
struct bench_replica {
    _Atomic uint64_t linked, txs, blocks, height, certs, refused, offered, exhausted, failed,
        rejected;
    _Atomic uint64_t rounds, gap_us_max, late_blocks, late_us, gaps_us, largest;
    char first_rejected[32];
    _Atomic uint64_t bucket[BENCH_BUCKETS];
};

struct bench_page {
    _Atomic int phase;
    _Atomic uint64_t phase_mono_us; /* when it began */
    uint64_t start_mono_us;
    _Atomic size_t n_feeding; /* replicas that take part, 0..n-1 */
    struct bench_replica replica[BENCH_REPLICAS_MAX];
};

uint64_t bench_mono_us(void);
_Noreturn void bench_die(const char *fmt, ...);
/* The replica's process; returns its exit code. */
int bench_replica_run(
    const struct bench_options *o, const struct bench_load *l, struct bench_page *page, size_t me);

/* Buckets of a sixteenth of a power of two. */
size_t bench_bucket(uint64_t us);
uint64_t bench_bucket_us(size_t bucket);

#endif
