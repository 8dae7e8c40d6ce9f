/* What a month costs a light client: a header a day, and a change of the committee at a stated rate. Octets, time, and
 * beside it the time of the same number of plain OpenSSL Ed25519 checks in the same run. */
#include "ledger/exec/crypto.h"
#include "ledger/exec/hash.h"
#include "tests/support/light_chain.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { DAYS = 30, RUNS = 5, TERM = 4 /* heights of a committee; how many does not matter here */ };

struct row {
    size_t changes, headers; /* a day */
    const char *text;
};

struct month {
    struct chain chain;
    size_t per_day; /* committees */
    bool headers;
    struct buf handover[DAYS * 8], header[DAYS];
    size_t octets;
};

/* Of this process alone: machines are shared. */
static uint64_t cpu_us(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Committees share nobody: nothing can be skipped over a boundary. */
static void make(struct month *m, const struct row *row) {
    size_t terms = row->changes == 0 ? 1 : row->changes;
    const struct chain_plan plan = {22, row->changes == 0 ? 0 : 22, TERM, DAYS * terms * TERM + 1,
        UINT64_C(86400000000) / (terms * TERM)};
    memset(m, 0, sizeof(*m));
    size_t per_day = row->changes;
    m->per_day = per_day;
    m->headers = row->headers > 0;
    chain_make(&m->chain, &plan);
    for (size_t i = 0; i < DAYS * per_day; i++) {
        struct handover o;
        chain_handover(&m->chain, i, &o);
        handover_encode(&o, &m->handover[i]);
        m->octets += m->handover[i].n;
    }
    for (size_t d = 0; d < DAYS && m->headers; d++) { /* the day's last change is behind it */
        uint64_t height = (d + 1) * terms * TERM + 1;
        const struct header *hd = chain_header(&m->chain, height);
        struct commit c = chain_commit(&m->chain, height, UINT64_MAX);
        (void)commit_trim(&m->chain.sets[chain_set_at(&m->chain, height)], &c);
        header_encode(hd, &m->header[d]);
        commit_encode(&c, &m->header[d]);
        m->octets += m->header[d].n;
    }
}

static void drop(struct month *m) {
    for (size_t i = 0; i < DAYS * m->per_day; i++)
        buf_free(&m->handover[i]);
    for (size_t d = 0; d < DAYS; d++)
        buf_free(&m->header[d]);
    chain_free(&m->chain);
}

static size_t checks;

static bool counting_verify(enum key_alg alg, const uint8_t key[static KEY_OCTETS], struct span msg,
    const uint8_t sig[static SIG_OCTETS]) {
    checks++;
    return exec_verify(alg, key, msg, sig);
}

/* Every day the client comes back with a clock and a trusting period of two days. */
static int follow(const struct month *m) {
    const struct light_crypto crypto = {exec_sha256, counting_verify};
    const struct light_params p = {
        .trusting_period = UINT64_C(2) * 86400000000, .clock_drift = 10000000};
    struct light_trust t;
    struct handover o;
    struct ws_err err = {0};
    if (light_trust_genesis(exec_sha256, buf_span(&m->chain.cell.octets), &t, &err) != WS_OK)
        return 1;
    for (size_t d = 0; d < DAYS; d++) {
        uint64_t last = (d + 1) * (m->per_day == 0 ? 1 : m->per_day) * TERM + 1;
        uint64_t now = chain_header(&m->chain, last)->time + 3600000000;
        for (size_t k = 0; k < m->per_day; k++) {
            if (handover_decode(
                    exec_sha256, buf_span(&m->handover[d * m->per_day + k]), &o, &err) != WS_OK ||
                light_cross(&crypto, &p, &t, &o, now, &err) != LIGHT_OK) {
                (void)fprintf(stderr, "day %zu: %s\n", d, err.text);
                return 1;
            }
        }
        if (!m->headers)
            continue;
        struct rd r = rd_of(buf_span(&m->header[d]));
        struct header hd;
        struct commit c;
        if (!header_read(&r, &hd) || !commit_read(&r, &c) || !rd_done(&r) ||
            light_advance(&crypto, &p, &t, &hd, &c, NULL, now, &err) != LIGHT_OK) {
            (void)fprintf(stderr, "day %zu: %s\n", d, err.text);
            return 1;
        }
    }
    return 0;
}

/* One signature over and over, as fast as OpenSSL is when it is asked like this. */
static uint64_t baseline(size_t n) {
    const struct test_key k = test_key_of(1);
    uint8_t msg[103] = {7};
    uint8_t sig[SIG_OCTETS];
    test_sign(&k, span_of(msg, sizeof(msg)), sig);
    uint64_t from = cpu_us();
    for (size_t i = 0; i < n; i++) {
        if (!exec_verify(KEY_ED25519, k.key, span_of(msg, sizeof(msg)), sig))
            abort();
    }
    return cpu_us() - from;
}

int main(void) {
    static const struct row rows[] = {{0, 1, "none; a header a day"},
        {1, 0, "one a day, which is the day's header"}, {1, 1, "one a day; a header a day"},
        {2, 0, "two a day"}, {2, 1, "two a day; a header a day"}};
    struct month *m = calloc(1, sizeof(*m));
    int rc = m == NULL ? 1 : 0;
    (void)printf(
        "30 days of a client that comes once a day, committees of 22 that share nobody (CPU time, "
        "best of %d runs; goal <= 100 ms, <= 200 kB)\n",
        RUNS);
    (void)printf("%-38s %8s %8s %8s %15s\n", "changes of the committee", "octets", "checks", "ms",
        "OpenSSL alone");
    for (size_t i = 0; i < ARRAY_LEN(rows) && rc == 0; i++) {
        uint64_t best = UINT64_MAX;
        uint64_t plain = UINT64_MAX;
        make(m, &rows[i]);
        for (int run = 0; run < RUNS && rc == 0; run++) {
            checks = 0;
            uint64_t from = cpu_us();
            rc = follow(m);
            uint64_t took = cpu_us() - from;
            best = took < best ? took : best;
            took = baseline(checks);
            plain = took < plain ? took : plain;
        }
        (void)printf("%-38s %8zu %8zu %8.1f %12.1f ms\n", rows[i].text, m->octets, checks,
            (double)best / 1000, (double)plain / 1000);
        drop(m);
    }
    free(m);
    return rc;
}
