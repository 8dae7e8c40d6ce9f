/* DPDK's environment: one start in the life of a process (dpdk facts, section 2). */
#include "pktio/eal.h"

#include "base/log.h"
#include "base/mem.h"
#include "pktio/port_check.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>

enum { MEMORY_MB_MIN = 16 };

/* ---- logs ---- */

static enum ws_log_level level_of(int dpdk) {
    if (dpdk <= (int)RTE_LOG_ERR)
        return WS_LOG_ERROR;
    if (dpdk == (int)RTE_LOG_WARNING)
        return WS_LOG_WARN;
    return WS_LOG_DEBUG; /* notices of the library are no events of ours */
}

/* A driver may complain about each frame. The stream calls us one thread at a time. */
static ssize_t log_write(void *cookie, const char *text, size_t n) {
    static const struct ws_clock clock = {.kind = WS_CLOCK_SYSTEM};
    struct ws_log_limit *limit = cookie;
    enum ws_log_level level = level_of(rte_log_cur_msg_loglevel());
    size_t at = 0;
    while (at < n) {
        const char *end = memchr(text + at, '\n', n - at);
        size_t len = end == NULL ? n - at : (size_t)(end - (text + at));
        if (len > 0)
            ws_log_limited(
                limit, ws_clock_now(&clock).mono_us, level, "dpdk", "%.*s", (int)len, text + at);
        at += len + 1;
    }
    return (ssize_t)n;
}

static int log_close(void *cookie) {
    free(cookie);
    return 0;
}

/* Returns the stream that was in use before. */
static FILE *redirect_log(void) {
    FILE *before = rte_log_get_stream();
    struct ws_log_limit *limit = ws_alloc(sizeof(*limit));
    *limit = (struct ws_log_limit){.burst = 50, .period_us = 10000000};
    FILE *f =
        fopencookie(limit, "w", (cookie_io_functions_t){.write = log_write, .close = log_close});
    if (f == NULL) {
        free(limit);
        return before; /* then the lines go where DPDK puts them */
    }
    (void)setvbuf(f, NULL, _IOLBF, 1024);
    if (rte_openlog_stream(f) != 0)
        (void)fclose(f);
    return before;
}

static void restore_log(FILE *before) {
    FILE *f = rte_log_get_stream();
    if (rte_openlog_stream(before) == 0 && f != stderr && f != before)
        (void)fclose(f);
}

/* ---- arguments ---- */

/* "0@(0,1,5)": one logical core that may run on every CPU this process may run on, so that EAL pins nobody. */
static void put_lcores(struct buf *b, const cpu_set_t *cpus) {
    buf_printf(b, "0@(");
    const char *comma = "";
    for (unsigned i = 0; i < CPU_SETSIZE; i++) {
        if (!CPU_ISSET(i, cpus))
            continue;
        buf_printf(b, "%s%u", comma, i);
        comma = ",";
    }
    buf_printf(b, ")");
}

static unsigned put(struct buf *b, const char *argument) {
    buf_put(b, argument, strlen(argument) + 1);
    return 1;
}

unsigned eal_line(const struct eal_wish *wish, struct buf *b) {
    unsigned n = put(b, "wayside") + put(b, "--no-telemetry");
    if (wish->n_nics == 0)
        n += put(b, "--no-pci");
    for (size_t i = 0; i < wish->n_nics; i++)
        n += put(b, "-a") + put(b, wish->nics[i]);
    /* --no-huge and --in-memory exclude each other; either way nothing is shared with other processes. */
    n += wish->huge ? put(b, "--in-memory") : put(b, "--no-huge") + put(b, "--no-shconf");
    n += put(b, "-m");
    buf_printf(b, "%u", wish->memory_mb);
    buf_u8(b, 0);
    n += put(b, "--lcores");
    put_lcores(b, wish->cpus);
    buf_u8(b, 0);
    return n + 2;
}

static int init(const struct eal_wish *wish, struct ws_err *err) {
    struct buf line = {0};
    unsigned argc = eal_line(wish, &line);
    /* EAL reorders and overwrites its arguments: private, writable copies. */
    char **argv = ws_calloc(argc + 1, sizeof(*argv));
    char *at = (char *)line.p;
    for (unsigned i = 0; i < argc; i++) {
        argv[i] = at;
        at += strlen(at) + 1;
    }
    int rc = rte_eal_init((int)argc, argv);
    free((void *)argv);
    buf_free(&line);
    if (rc >= 0)
        return WS_OK;
    if (rte_errno == EALREADY)
        return ws_fail(err, WS_EEXIST,
            "DPDK was started before in this process and cannot be started a second time");
    return ws_fail(err, WS_EIO,
        "DPDK could not start with %u MB %s: %s (its own words are in the log)", wish->memory_mb,
        wish->huge ? "of huge pages" : "without huge pages", rte_strerror(rte_errno));
}

static int check_nics(unsigned memory_mb, const char *const *nics, size_t n, struct ws_err *err) {
    int rc = n == 0 ? WS_OK : port_check_huge_pages("", memory_mb, err);
    for (size_t i = 0; i < n && rc == WS_OK; i++)
        rc = port_check_nic("", nics[i], err);
    return rc;
}

int pktio_start(unsigned memory_mb, struct ws_err *err) {
    return pktio_start_nics(memory_mb, NULL, 0, err);
}

int pktio_start_nics(
    unsigned memory_mb, const char *const *addresses, size_t n, struct ws_err *err) {
    if (memory_mb < MEMORY_MB_MIN)
        return ws_fail(
            err, WS_EINPUT, "%u MB for packets: at least %u are needed", memory_mb, MEMORY_MB_MIN);
    int rc = check_nics(memory_mb, addresses, n, err);
    if (rc != WS_OK)
        return rc;
    cpu_set_t cpus;
    if (sched_getaffinity(0, sizeof(cpus), &cpus) != 0)
        return ws_fail(err, WS_EIO, "the CPUs of this process: %s", strerror(errno));
    FILE *log_before = redirect_log();
    const struct eal_wish wish = {.memory_mb = memory_mb,
        .huge = port_huge_pages("") >= (uint64_t)memory_mb << 20,
        .cpus = &cpus,
        .nics = addresses,
        .n_nics = n};
    rc = init(&wish, err);
    /* Belt and braces: whatever EAL did, the caller may run where it could run before. */
    (void)pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus);
    if (rc != WS_OK) {
        restore_log(log_before);
        return rc;
    }
    ws_log(WS_LOG_INFO, "pktio", "DPDK runs with %u MB %s", memory_mb,
        wish.huge ? "of huge pages" : "without huge pages");
    return WS_OK;
}

void pktio_stop(void) {
    (void)rte_eal_cleanup();
    restore_log(NULL);
}
