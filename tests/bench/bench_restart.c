/* How long a killed unit takes to vote again: a validator of its own cell makes many blocks on a real disk, is killed, and is
 * started on what it left. Beside it: the time for reading the same folder's octets once.
 * usage: bench_restart [BLOCKS] */
#include "base/mem.h"
#include "ledger/node/node.h"
#include "rsu/cell/cell.h"
#include "tests/support/town.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Making the blocks is not what is measured, and a process that is killed leaves what it wrote, synced or not: these
 * take the place of the C library's while blocks are made. */
static bool lazy;
int fdatasync(int fd) {
    return lazy ? 0 : (int)syscall(SYS_fdatasync, fd);
}
int fsync(int fd) {
    return lazy ? 0 : (int)syscall(SYS_fsync, fd);
}

struct unit {
    struct town town;
    struct buf genesis;
    struct cell cell;
    struct store *store;
    struct wal *wal[2];
    struct signer *signer;
    struct node *node;
    struct ws_now now;
};

static void die(const char *what, const struct ws_err *err) {
    (void)fprintf(stderr, "%s: %s\n", what, err->text);
    exit(1);
}

static double seconds(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void nowhere(void *ctx, size_t peer, struct span msg) {
    (void)ctx;
    (void)peer;
    (void)msg;
}

static void begin(struct unit *u) {
    uint8_t seed[1][32] = {{7}};
    memset(u, 0, sizeof(*u));
    town_build(&u->town, 1);
    town_genesis(&u->town, (const uint8_t(*)[32])seed, 1, &u->genesis);
    u->signer = signer_new(seed[0]);
    u->now = (struct ws_now){.mono_us = 1000000, .its_us = u->town.epoch};
}

static void start(struct unit *u, const char *dir) {
    struct ws_err err = {0};
    char path[4200];
    if (cell_open(buf_span(&u->genesis), &u->town.map, &u->cell, &err) != WS_OK)
        die("cell", &err);
    (void)snprintf(path, sizeof(path), "%s/store", dir);
    if (store_open_rocks(path, (size_t)32 << 20, &u->store, &err) != WS_OK)
        die("store", &err);
    for (int i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof(path), "%s/log-%d", dir, i);
        if (wal_open_file(path, &u->wal[i], NULL, &err) != WS_OK)
            die("log", &err);
    }
    struct node_io io = {
        .send = nowhere, .store = u->store, .wal = {u->wal[0], u->wal[1]}, .signer = u->signer};
    struct node_limits limits = node_limits_default();
    struct executor *ex = u->cell.ex;
    u->cell.ex = NULL;
    if (node_open(ex, u->cell.sections, &io, &limits, u->now, &u->node, &err) != WS_OK)
        die("node", &err);
}

static uint64_t height(const struct unit *u) {
    struct node_status s;
    const char *why = "";
    node_status(u->node, &s);
    if (!node_healthy(u->node, &why)) {
        (void)fprintf(stderr, "%s\n", why);
        exit(1);
    }
    return s.height;
}

static void report(struct unit *u, size_t car) {
    struct buf spdu = {0};
    struct buf tx = {0};
    if (!node_has_cert(u->node, u->town.car_hash[car])) {
        tx_put_certificate(&tx, buf_span(&u->town.car_cert[car]));
        (void)node_submit(u->node, buf_span(&tx), false, u->now, NULL);
        buf_clear(&tx);
    }
    town_report(&u->town, car, u->now.its_us, 50, &spdu);
    tx_put_message(&tx, u->town.car_hash[car], buf_span(&spdu));
    (void)node_submit(u->node, buf_span(&tx), true, u->now, NULL);
    buf_free(&spdu);
    buf_free(&tx);
}

/* A block a second, each with what one car saw; then killed where it stands, inside a height. */
static void make_blocks(const char *dir, uint64_t blocks) {
    struct unit u;
    lazy = true;
    begin(&u);
    start(&u, dir);
    for (uint64_t h = 1; height(&u) < blocks; h++) {
        report(&u, h % TOWN_CARS);
        u.now.mono_us += 1000000;
        u.now.its_us += 1000000;
        node_tick(u.node, u.now);
    }
    (void)kill(getpid(), SIGKILL);
}

static uint64_t read_all(const char *dir) {
    DIR *d = opendir(dir);
    uint64_t octets = 0;
    static uint8_t buf[1 << 20];
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        char path[4600];
        (void)snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
        FILE *f = fopen(path, "re");
        for (size_t n; f != NULL && (n = fread(buf, 1, sizeof(buf), f)) > 0;)
            octets += n;
        if (f != NULL)
            (void)fclose(f);
    }
    if (d != NULL)
        (void)closedir(d);
    return octets;
}

int main(int argc, char **argv) {
    uint64_t blocks = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000;
    char dir[] = "/tmp/bench-restart-XXXXXX";
    if (blocks == 0 || mkdtemp(dir) == NULL) {
        (void)fprintf(stderr, "usage: bench_restart [BLOCKS]\n");
        return 2;
    }
    double t = seconds();
    pid_t child = fork();
    if (child == 0)
        make_blocks(dir, blocks);
    int status = 0;
    (void)waitpid(child, &status, 0);
    double making = seconds() - t;

    struct unit u;
    begin(&u);
    u.now.mono_us += blocks * 1000000;
    u.now.its_us += blocks * 1000000;
    struct ws_now at_start = u.now;
    t = seconds();
    start(&u, dir);
    double opened = seconds() - t;
    uint64_t had = height(&u);
    while (height(&u) == had) { /* real time from here */
        uint64_t gone = (uint64_t)((seconds() - t) * 1e6);
        u.now.mono_us = at_start.mono_us + gone;
        u.now.its_us = at_start.its_us + gone;
        node_tick(u.node, u.now);
        (void)usleep(1000);
    }
    double voting = seconds() - t;
    char path[64];
    (void)snprintf(path, sizeof(path), "%s/store", dir);
    t = seconds();
    uint64_t octets = read_all(path);
    double reading = seconds() - t;
    (void)printf("restart after kill -9 with %llu blocks (made in %.0f s, %llu MiB): open %.2f s, "
                 "next block %.2f s; reading the folder once %.2f s\n",
        (unsigned long long)had, making, (unsigned long long)(octets >> 20), opened, voting,
        reading);
    node_close(u.node);
    cell_close(&u.cell);
    store_close(u.store);
    wal_close(u.wal[0]);
    wal_close(u.wal[1]);
    signer_free(u.signer);
    buf_free(&u.genesis);
    town_free(&u.town);
    char command[80];
    (void)snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command) == 0 ? 0 : 1;
}
