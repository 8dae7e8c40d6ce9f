/* A whole cell on this machine: N replica processes, each the shipped node with RocksDB, its consensus log and CURVE
 * links, under signed load, every signature verified by every replica and state synced to disk. Prints figures beside
 * baselines of the same run; never fails for being slow. `bench_ledger --help` lists the options. */
#include "tests/bench/bench_ledger.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

uint64_t bench_mono_us(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

void bench_die(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    (void)fputs("bench_ledger: ", stderr);
    (void)vfprintf(stderr, fmt, ap);
    (void)fputc('\n', stderr);
    va_end(ap);
    exit(1);
}

size_t bench_bucket(uint64_t us) {
    if (us < 16)
        return (size_t)us;
    unsigned top = 63 - (unsigned)__builtin_clzll(us);
    return (size_t)(top - 3) * 16 + (size_t)(us >> (top - 4) & 15);
}

uint64_t bench_bucket_us(size_t b) {
    return b < 16 ? b : (uint64_t)(16 + b % 16) << (b / 16 - 1);
}

/* ---- options ---- */

static const char help[] =
    "usage: bench_ledger [options]\n"
    "  A cell of replica processes on this machine under signed load; prints committed "
    "transactions per second,\n"
    "  latency from handing in to durable commit, blocks, CPU and memory, beside baselines of the "
    "same run.\n"
    "  --validators N   replica processes (4)\n"
    "  --rate R         open loop, R transactions a second for all replicas together; else "
    "saturation:\n"
    "                   each replica keeps --window transactions under way\n"
    "  --overload X     first saturation, then X times that rate, open loop\n"
    "  --dead K         K replicas are killed before measuring\n"
    "  --sync           a replica is killed, and after measuring comes back without its data: how "
    "fast it\n"
    "                   catches up, beside the rate at which the blocks were made\n"
    "  --seconds S      measured (10)\n"
    "  --warm S         load before that (4)\n"
    "  --signers N      vehicles, one certificate each (1000)\n"
    "  --messages N     signed ahead (400000)\n"
    "  --cache FILE     where signed messages are kept between runs (wayside-bench-load under "
    "TMPDIR)\n"
    "  --dir D          where replicas keep their data (a new folder under TMPDIR)\n"
    "  --age S          message_age of the cell: how long identities are remembered (60)\n"
    "  --window N       saturation: own transactions that a replica has under way (6000)\n"
    "  --block-ms N     block_min_us of the cell, in ms (20)\n"
    "  --block-txs N    block_txs_max of the cell (8192)\n"
    "  --timeout-ms N   timeout_propose of the cell; the others are half of it (300)\n"
    "  --backend B      verification engine: auto, ifma, portable, openssl (auto)\n"
    "  --table-mb N     memory for signers' tables in each replica (256)\n"
    "  --port P         first TCP port on the loopback interface (23400)\n"
    "  --verbose        each replica's counters at the end\n"
    "  --short          what `make bench` runs: a few seconds of each\n";

static double number(const char *text, const char *name) {
    char *end = NULL;
    double v = strtod(text, &end);
    if (*end != '\0' || v < 0)
        bench_die("--%s %s: not a number", name, text);
    return v;
}

struct plan {
    double overload;
    bool brief;
};

static void read_options(int argc, char **argv, struct bench_options *o, struct plan *p) {
    static const struct option longs[] = {{"validators", 1, NULL, 'n'}, {"rate", 1, NULL, 'r'},
        {"overload", 1, NULL, 'o'}, {"dead", 1, NULL, 'd'}, {"seconds", 1, NULL, 's'},
        {"warm", 1, NULL, 'w'}, {"signers", 1, NULL, 'c'}, {"messages", 1, NULL, 'm'},
        {"cache", 1, NULL, 'f'}, {"age", 1, NULL, 'a'}, {"timeout-ms", 1, NULL, 'T'},
        {"dir", 1, NULL, 'D'}, {"window", 1, NULL, 'W'}, {"block-ms", 1, NULL, 'b'},
        {"block-txs", 1, NULL, 'B'}, {"backend", 1, NULL, 'e'}, {"table-mb", 1, NULL, 't'},
        {"port", 1, NULL, 'p'}, {"short", 0, NULL, 'S'}, {"sync", 0, NULL, 'y'},
        {"verbose", 0, NULL, 'v'}, {"help", 0, NULL, 'h'}, {0}};
    int at = 0;
    for (int c; (c = getopt_long(argc, argv, "", longs, &at)) != -1;) {
        if (c == 'h') {
            (void)fputs(help, stdout);
            exit(0);
        }
        if (c == '?') {
            (void)fputs(help, stderr);
            exit(2);
        }
        if (c == 'v')
            o->verbose = true;
        else if (c == 'S')
            p->brief = true;
        else if (c == 'y')
            o->sync = true;
        else if (c == 'f')
            o->cache = optarg;
        else if (c == 'D')
            o->dir = optarg;
        else if (c == 'e') {
            if (!verify_backend_of_name(optarg, &o->backend) || !verify_backend_usable(o->backend))
                bench_die("--backend %s: not on this machine", optarg);
        } else {
            double v = number(optarg, longs[at].name);
            switch (c) {
            case 'n':
                o->replicas = (size_t)v;
                break;
            case 'r':
                o->mode = BENCH_RATE;
                o->rate = v;
                break;
            case 'o':
                p->overload = v;
                break;
            case 'd':
                o->dead = (size_t)v;
                break;
            case 's':
                o->seconds = v;
                break;
            case 'w':
                o->warm_s = v;
                break;
            case 'c':
                o->signers = (size_t)v;
                break;
            case 'm':
                o->messages = (size_t)v;
                break;
            case 'T':
                o->timeout_ms = (unsigned)v;
                break;
            case 'a':
                o->age_s = v;
                break;
            case 'W':
                o->window = (size_t)v;
                break;
            case 'b':
                o->block_min_ms = (unsigned)v;
                break;
            case 'B':
                o->block_txs = (unsigned)v;
                break;
            case 't':
                o->table_mb = (unsigned)v;
                break;
            default:
                o->port = (unsigned)v;
                break;
            }
        }
    }
    if (o->sync && o->dead == 0)
        o->dead = 1;
    if (o->replicas < 1 || o->replicas > BENCH_REPLICAS_MAX || o->dead >= o->replicas ||
        o->signers < 1 || o->messages < 1)
        bench_die("1 to %d validators, fewer dead ones, at least one signer and message",
            BENCH_REPLICAS_MAX);
}

/* ---- baselines ---- */

static void baseline_verify(void) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    uint8_t msg[32] = {1};
    uint8_t sig[128];
    size_t n = sizeof(sig);
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key, NULL);
    bool good = EVP_PKEY_sign_init(c) == 1 && EVP_PKEY_sign(c, sig, &n, msg, 32) == 1 &&
                EVP_PKEY_verify_init(c) == 1;
    uint64_t t0 = bench_mono_us();
    unsigned done = 0;
    for (; bench_mono_us() - t0 < 300000; done++)
        good = good && EVP_PKEY_verify(c, sig, n, msg, 32) == 1;
    if (!good)
        bench_die("OpenSSL does not verify");
    printf("baseline: OpenSSL P-256 verify, one core      %8.0f /s\n",
        done * 1e6 / (double)(bench_mono_us() - t0));
    EVP_PKEY_CTX_free(c);
    EVP_PKEY_free(key);
}

static void baseline_disk(const char *dir, size_t octets) {
    char path[4200];
    (void)snprintf(path, sizeof(path), "%s/sync", dir);
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    uint8_t *block = ws_alloc(octets);
    uint64_t t0 = bench_mono_us();
    enum { TURNS = 20 };
    for (int i = 0; i < TURNS; i++) {
        if (write(fd, block, octets) != (ssize_t)octets || fdatasync(fd) != 0)
            bench_die("%s: %s", path, strerror(errno));
    }
    printf("baseline: append %4zu KiB and fdatasync        %8.2f ms\n", octets / 1024,
        (double)(bench_mono_us() - t0) / 1000 / TURNS);
    free(block);
    (void)close(fd);
    (void)unlink(path);
}

/* ---- one run ---- */

struct figures {
    double seconds, tx_s, blocks_s, txs_block, cpu_us;
    double p50_ms, p99_ms, gap_ms, gap_max_ms, late_ms;
    uint64_t late, refused, offered, rejected;
    uint64_t rss_start, rss_end; /* the largest replica's, KiB */
    bool exhausted;
    char first_rejected[32];
};

static uint64_t cpu_us(pid_t pid) {
    clockid_t c;
    struct timespec t;
    if (clock_getcpuclockid(pid, &c) != 0 || clock_gettime(c, &t) != 0)
        return 0;
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint64_t rss_kib(pid_t pid) {
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
    FILE *f = fopen(path, "r");
    unsigned long size = 0;
    unsigned long resident = 0;
    unsigned long shared = 0;
    if (f != NULL) {
        if (fscanf(f, "%lu %lu %lu", &size, &resident, &shared) != 3) /* NOLINT(cert-err34-c) */
            resident = shared = 0;
        (void)fclose(f);
    }
    /* The load is mapped, shared and no replica's own. */
    return (resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
}

static void set_phase(struct bench_page *p, int phase) {
    p->phase_mono_us = bench_mono_us();
    p->phase = phase;
}

static void pause_ms(unsigned ms) {
    (void)usleep(ms * 1000);
}

struct run {
    const struct bench_options *o;
    struct bench_page *page;
    pid_t pid[BENCH_REPLICAS_MAX];
    size_t alive;
};

static void check_alive(struct run *r) {
    for (size_t i = 0; i < r->alive; i++) {
        int status;
        if (r->page->replica[i].failed || waitpid(r->pid[i], &status, WNOHANG) == r->pid[i])
            bench_die("replica %zu stopped", i);
    }
}

static void wait_until(struct run *r, const char *what, bool (*there)(const struct run *)) {
    for (unsigned i = 0; !there(r); i++) {
        check_alive(r);
        if (i > 6000)
            bench_die("%s: not within a minute", what);
        pause_ms(10);
    }
}

static bool all_linked(const struct run *r) {
    for (size_t i = 0; i < r->o->replicas; i++) {
        if (r->page->replica[i].linked < r->o->replicas - 1)
            return false;
    }
    return true;
}

static bool all_certs(const struct run *r) {
    for (size_t i = 0; i < r->o->replicas; i++) {
        if (r->page->replica[i].certs < r->o->signers)
            return false;
    }
    return true;
}

static double percentile(const struct run *r, double share) {
    uint64_t all = 0;
    for (size_t i = 0; i < r->alive; i++) {
        for (size_t b = 0; b < BENCH_BUCKETS; b++)
            all += r->page->replica[i].bucket[b];
    }
    uint64_t seen = 0;
    for (size_t b = 0; b < BENCH_BUCKETS; b++) {
        for (size_t i = 0; i < r->alive; i++)
            seen += r->page->replica[i].bucket[b];
        if (all > 0 && (double)seen >= share * (double)all)
            return (double)bench_bucket_us(b) / 1000;
    }
    return 0;
}

static void measure(struct run *r, struct figures *f) {
    const struct bench_replica *first = &r->page->replica[0];
    set_phase(r->page, PHASE_MEASURE);
    pause_ms(100); /* everybody has noticed */
    uint64_t t0 = bench_mono_us();
    uint64_t txs = first->txs;
    uint64_t blocks = first->blocks;
    uint64_t cpu = 0;
    uint64_t refused = 0;
    uint64_t offered = 0;
    for (size_t i = 0; i < r->alive; i++) {
        cpu -= cpu_us(r->pid[i]);
        refused -= r->page->replica[i].refused;
        offered -= r->page->replica[i].offered;
        uint64_t rss = rss_kib(r->pid[i]);
        f->rss_start = rss > f->rss_start ? rss : f->rss_start;
    }
    while ((double)(bench_mono_us() - t0) < r->o->seconds * 1e6 && !first->exhausted) {
        check_alive(r);
        pause_ms(20);
    }
    f->seconds = (double)(bench_mono_us() - t0) / 1e6;
    txs = first->txs - txs;
    blocks = first->blocks - blocks;
    for (size_t i = 0; i < r->alive; i++) {
        cpu += cpu_us(r->pid[i]);
        refused += r->page->replica[i].refused;
        offered += r->page->replica[i].offered;
        uint64_t rss = rss_kib(r->pid[i]);
        f->rss_end = rss > f->rss_end ? rss : f->rss_end;
    }
    f->exhausted = first->exhausted;
    f->tx_s = (double)txs / f->seconds;
    f->blocks_s = (double)blocks / f->seconds;
    f->txs_block = blocks == 0 ? 0 : (double)txs / (double)blocks;
    f->cpu_us = txs == 0 ? 0 : (double)cpu / (double)txs / (double)r->alive;
    f->p50_ms = percentile(r, 0.5);
    f->p99_ms = percentile(r, 0.99);
    f->gap_ms = blocks == 0 ? 0 : (double)first->gaps_us / 1000 / (double)blocks;
    f->gap_max_ms = (double)first->gap_us_max / 1000;
    f->late = first->late_blocks;
    f->late_ms = f->late == 0 ? 0 : (double)first->late_us / 1000 / (double)f->late;
    f->refused = refused;
    f->rejected = first->rejected;
    memcpy(f->first_rejected, first->first_rejected, sizeof(f->first_rejected));
    f->offered = offered;
}

static void remove_data(const struct bench_options *o) {
    char command[4400];
    for (size_t i = 0; i < o->replicas; i++) {
        (void)snprintf(command, sizeof(command), "rm -rf '%s/%zu-'*", o->dir, i);
        if (system(command) != 0) /* NOLINT(cert-env33-c): a folder of our own */
            (void)fprintf(stderr, "%s: could not be emptied\n", o->dir);
    }
}

static bool caught_up(const struct run *r) {
    const struct bench_replica *late = &r->page->replica[r->o->replicas - 1];
    return late->height + 1 >= r->page->replica[0].height;
}

/* The last replica begins at the genesis again, while the others go on without load. */
static void catch_up(struct run *r, const struct bench_load *l, const struct figures *f) {
    size_t last = r->o->replicas - 1;
    char command[4400];
    struct bench_replica *late = &r->page->replica[last];
    set_phase(r->page, PHASE_SYNC);
    pause_ms(2000);
    (void)snprintf(command, sizeof(command), "rm -rf '%s/%zu-'*", r->o->dir, last);
    if (system(command) != 0) /* NOLINT(cert-env33-c): a folder of our own */
        bench_die("%s: could not be emptied", r->o->dir);
    late->height = 0;
    late->linked = 0;
    uint64_t txs = r->page->replica[0].txs;
    uint64_t blocks = r->page->replica[0].height;
    (void)fflush(stdout);
    r->pid[last] = fork();
    if (r->pid[last] == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(bench_replica_run(r->o, l, r->page, last));
    }
    while (late->height == 0) {
        check_alive(r);
        pause_ms(1);
    }
    uint64_t t0 = bench_mono_us();
    wait_until(r, "catching up", caught_up);
    double s = (double)(bench_mono_us() - t0) / 1e6;
    printf(
        "%-34s %8.0f tx/s   %llu blocks with %llu transactions in %.2f s: %.1f times the rate at "
        "which they were made\n",
        "catching up from the genesis", (double)txs / s, (unsigned long long)blocks,
        (unsigned long long)txs, s, (double)txs / s / f->tx_s);
    (void)kill(r->pid[last], SIGKILL);
    (void)waitpid(r->pid[last], NULL, 0);
}

static void run_once(const struct bench_options *o, const struct bench_load *l, struct figures *f) {
    struct run r = {.o = o, .alive = o->replicas};
    *f = (struct figures){0};
    r.page = mmap(NULL, sizeof(*r.page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (r.page == MAP_FAILED)
        bench_die("no memory");
    r.page->start_mono_us = bench_mono_us();
    r.page->n_feeding = o->replicas - o->dead;
    remove_data(o);
    (void)fflush(stdout);
    for (size_t i = 0; i < o->replicas; i++) {
        r.pid[i] = fork();
        if (r.pid[i] == 0) {
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
            _exit(bench_replica_run(o, l, r.page, i));
        }
    }
    wait_until(&r, "links", all_linked);
    set_phase(r.page, PHASE_CERTS);
    wait_until(&r, "certificates", all_certs);
    for (size_t i = 0; i < o->dead; i++) {
        (void)kill(r.pid[o->replicas - 1 - i], SIGKILL);
        (void)waitpid(r.pid[o->replicas - 1 - i], NULL, 0);
        r.alive--;
    }
    set_phase(r.page, PHASE_WARM);
    pause_ms((unsigned)(o->warm_s * 1000));
    measure(&r, f);
    if (o->sync)
        catch_up(&r, l, f);
    set_phase(r.page, PHASE_STOP);
    for (size_t i = 0; i < r.alive; i++)
        (void)waitpid(r.pid[i], NULL, 0);
    (void)munmap(r.page, sizeof(*r.page));
    remove_data(o);
}

static void print(const char *what, const struct bench_options *o, const struct figures *f) {
    printf("%-34s %8.0f tx/s   p50 %7.1f ms  p99 %7.1f ms   %5.1f blocks/s of %6.0f   %5.1f us CPU "
           "per tx and replica"
           "   RSS %4.0f -> %4.0f MiB\n",
        what, f->tx_s, f->p50_ms, f->p99_ms, f->blocks_s, f->txs_block, f->cpu_us,
        (double)f->rss_start / 1024, (double)f->rss_end / 1024);
    if (f->refused > 0)
        printf("%-34s %8.0f offered/s, %.0f answered busy\n", "", (double)f->offered / f->seconds,
            (double)f->refused / f->seconds);
    if (o->dead > 0)
        printf("%-34s %8.1f ms between blocks, %.1f ms before one that the first proposer left out "
               "(%llu), "
               "at most %.1f ms\n",
            "", f->gap_ms, f->late_ms, (unsigned long long)f->late, f->gap_max_ms);
    if (f->rejected > 0)
        printf("%-34s %8llu committed transactions were turned down by their contract (%s, ...)\n",
            "", (unsigned long long)f->rejected, f->first_rejected);
    if (f->exhausted)
        printf("%-34s the load ran out after %.1f s: more --messages\n", "", f->seconds);
}

/* ---- what is measured ---- */

static void run_named(const char *what, const struct bench_options *o, const struct bench_load *l,
    struct figures *f) {
    run_once(o, l, f);
    print(what, o, f);
}

static void run_brief(struct bench_options o, const struct bench_load *l) {
    struct figures f;
    o.seconds = 4;
    o.warm_s = 3;
    run_named("4 validators, saturation", &o, l, &f);
    double peak = f.tx_s;
    struct bench_options at = o;
    at.mode = BENCH_RATE;
    at.rate = 2000;
    run_named("4 validators, 2000 tx/s", &at, l, &f);
    at.rate = 4 * peak;
    run_named("4 validators, 4 times the peak", &at, l, &f);
    at = o;
    at.dead = 1;
    run_named("one of four dead", &at, l, &f);
    at = o;
    at.sync = true;
    at.dead = 1;
    at.mode = BENCH_RATE;
    at.rate = 1000;
    at.seconds = 10;
    run_named("catching up, 1000 tx/s", &at, l, &f);
    at = o;
    at.backend = VERIFY_PORTABLE;
    run_named("4 validators, portable kernel", &at, l, &f);
}

int main(int argc, char **argv) {
    struct bench_options o = {.replicas = 4,
        .signers = 1000,
        .messages = 400000,
        .warm_s = 4,
        .seconds = 10,
        .age_s = 60,
        .window = 6000,
        .block_min_ms = 20,
        .timeout_ms = 300,
        .block_txs = 8192,
        .table_mb = 256,
        .port = 23400};
    struct plan p = {0};
    char dir[4096];
    char cache[4096];
    const char *tmp = getenv("TMPDIR");
    tmp = tmp == NULL ? "/tmp" : tmp;
    (void)snprintf(cache, sizeof(cache), "%s/wayside-bench-load", tmp);
    o.cache = cache;
    read_options(argc, argv, &o, &p);
    bool own_dir = o.dir == NULL;
    if (own_dir) {
        (void)snprintf(dir, sizeof(dir), "%s/bench-ledger-XXXXXX", tmp);
        o.dir = mkdtemp(dir);
        if (o.dir == NULL)
            bench_die("%s: %s", dir, strerror(errno));
    }
    struct bench_load l;
    bench_load_make(&o, &l);
    printf("%zu replicas, %zu signers, transactions of %.0f octets, engine %s\n", o.replicas,
        o.signers, (double)l.at[l.n] / (double)l.n,
        verify_backend_name(verify_backend_resolve(o.backend)));
    baseline_verify();
    baseline_disk(o.dir, 4096);
    baseline_disk(o.dir, (size_t)1 << 20);
    struct figures f;
    char what[64];
    if (p.brief) {
        run_brief(o, &l);
    } else {
        (void)snprintf(what, sizeof(what), "%zu validators, %zu dead, %s", o.replicas, o.dead,
            o.mode == BENCH_RATE ? "open loop" : "saturation");
        run_named(what, &o, &l, &f);
        if (p.overload > 0) {
            o.mode = BENCH_RATE;
            o.rate = p.overload * f.tx_s;
            run_named("overload", &o, &l, &f);
        }
    }
    bench_load_free(&l);
    if (own_dir)
        (void)rmdir(o.dir);
    return 0;
}
