/* DPDK's environment: one start in the life of a process (dpdk facts, section 2). */
#include "pktio/worker.h"

#include "base/bytes.h"
#include "base/log.h"

#include <dirent.h>
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

enum { ARGS_MAX = 12, MEMORY_MB_MIN = 16 };

/* ---- logs ---- */

static enum ws_log_level level_of(int dpdk) {
    if (dpdk <= (int)RTE_LOG_ERR)
        return WS_LOG_ERROR;
    if (dpdk == (int)RTE_LOG_WARNING)
        return WS_LOG_WARN;
    return WS_LOG_DEBUG; /* notices of the library are no events of ours */
}

static ssize_t log_write(void *cookie, const char *text, size_t n) {
    (void)cookie;
    enum ws_log_level level = level_of(rte_log_cur_msg_loglevel());
    size_t at = 0;
    while (at < n) {
        const char *end = memchr(text + at, '\n', n - at);
        size_t len = end == NULL ? n - at : (size_t)(end - (text + at));
        if (len > 0)
            ws_log(level, "dpdk", "%.*s", (int)len, text + at);
        at += len + 1;
    }
    return (ssize_t)n;
}

/* Returns the stream that was in use before. */
static FILE *redirect_log(void) {
    FILE *before = rte_log_get_stream();
    FILE *f = fopencookie(NULL, "w", (cookie_io_functions_t){.write = log_write});
    if (f == NULL)
        return before; /* then the lines go where DPDK puts them */
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

/* Free octets in huge pages of the default size or any other; 0 where there are none. */
static uint64_t huge_free(void) {
    static const char root[] = "/sys/kernel/mm/hugepages";
    uint64_t octets = 0;
    DIR *dir = opendir(root);
    if (dir == NULL)
        return 0;
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        unsigned long kb = 0;
        unsigned long pages = 0;
        char path[300];
        if (strncmp(e->d_name, "hugepages-", 10) != 0)
            continue;
        kb = strtoul(e->d_name + 10, NULL, 10);
        (void)snprintf(path, sizeof(path), "%s/%s/free_hugepages", root, e->d_name);
        FILE *f = fopen(path, "re");
        if (f == NULL)
            continue;
        char line[32] = "";
        if (fgets(line, sizeof(line), f) != NULL)
            pages = strtoul(line, NULL, 10);
        (void)fclose(f);
        octets += (uint64_t)kb * 1024 * pages;
    }
    (void)closedir(dir);
    return octets;
}

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
    buf_u8(b, 0);
}

static int init(unsigned memory_mb, bool huge, char *lcores, struct ws_err *err) {
    char memory[16];
    (void)snprintf(memory, sizeof(memory), "%u", memory_mb);
    /* EAL reorders and overwrites its arguments: private, writable copies. */
    char name[] = "wayside";
    char no_pci[] = "--no-pci";
    char no_telemetry[] = "--no-telemetry";
    char in_memory[] = "--in-memory";
    char no_huge[] = "--no-huge";
    char no_shconf[] = "--no-shconf";
    char m[] = "-m";
    char l[] = "--lcores";
    char *argv[ARGS_MAX] = {name, no_pci, no_telemetry, m, memory, l, lcores};
    int argc = 7;
    if (huge) {
        argv[argc++] = in_memory;
    } else {
        argv[argc++] = no_huge;
        argv[argc++] = no_shconf;
    }
    if (rte_eal_init(argc, argv) >= 0)
        return WS_OK;
    if (rte_errno == EALREADY)
        return ws_fail(err, WS_EEXIST,
            "DPDK was started before in this process and cannot be started a second time");
    return ws_fail(err, WS_EIO,
        "DPDK could not start with %u MB %s: %s (its own words are in the log)", memory_mb,
        huge ? "of huge pages" : "without huge pages", rte_strerror(rte_errno));
}

int pktio_start(unsigned memory_mb, struct ws_err *err) {
    if (memory_mb < MEMORY_MB_MIN)
        return ws_fail(
            err, WS_EINPUT, "%u MB for packets: at least %u are needed", memory_mb, MEMORY_MB_MIN);
    cpu_set_t cpus;
    if (sched_getaffinity(0, sizeof(cpus), &cpus) != 0)
        return ws_fail(err, WS_EIO, "the CPUs of this process: %s", strerror(errno));
    struct buf lcores = {0};
    put_lcores(&lcores, &cpus);
    FILE *log_before = redirect_log();
    bool huge = huge_free() >= (uint64_t)memory_mb << 20;
    int rc = init(memory_mb, huge, (char *)lcores.p, err);
    /* Belt and braces: whatever EAL did, the caller may run where it could run before. */
    (void)pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus);
    buf_free(&lcores);
    if (rc != WS_OK) {
        restore_log(log_before);
        return rc;
    }
    ws_log(WS_LOG_INFO, "pktio", "DPDK runs with %u MB %s", memory_mb,
        huge ? "of huge pages" : "without huge pages");
    return WS_OK;
}

void pktio_stop(void) {
    (void)rte_eal_cleanup();
    restore_log(NULL);
}
