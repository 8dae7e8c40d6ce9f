/* A snapshot of a large state: written out of a store on disk, verified, restored into a new store, read back, and loaded as a
 * node loads it. Baselines of the same run: memcpy, SHA-256, the disk. usage: bench_snapshot [MIB [VALUE-OCTETS [FOLDER]]] */
#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "ledger/snapshot/make.h"
#include "ledger/snapshot/restore.h"
#include "tests/support/chain.h"
#include "tests/support/folder.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { CONTRACTS = 4, CACHE = 64 << 20 };

static double now(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Of all threads of this process: on a busy machine the steadier figure. */
static double cpu_now(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* `seconds` until now, since the last call; processor time since then, too. */
static void say(const char *what, double seconds, uint64_t octets, const char *more) {
    static double cpu_before;
    double cpu = cpu_now();
    printf("%-32s %7.2f s %7.0f MiB/s, processor %6.2f s  %s\n", what, seconds,
        (double)octets / (1 << 20) / (seconds > 0 ? seconds : 1), cpu - cpu_before, more);
    cpu_before = cpu;
    (void)fflush(stdout);
}

static void die(const char *what, const struct ws_err *err) {
    (void)fprintf(stderr, "%s: %s\n", what, err->text);
    exit(1);
}

/* ---- baselines ---- */

static void baselines(const char *folder, uint64_t octets) {
    enum { PIECE = 64 << 20 };
    uint8_t *a = ws_alloc(PIECE);
    uint8_t *b = ws_alloc(PIECE);
    memset(a, 0x5a, PIECE);
    double t = now();
    for (uint64_t n = 0; n < octets; n += PIECE) {
        memcpy(b, a, PIECE);
        a[n % PIECE] ^= b[(n * 7) % PIECE];
    }
    say("baseline: memcpy", now() - t, octets, "");
    hash32 hash;
    t = now();
    for (uint64_t n = 0; n < octets; n += PIECE)
        exec_sha256_one(span_of(a, PIECE), hash);
    say("baseline: SHA-256", now() - t, octets, "one core, long runs");
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/baseline", folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    WS_ASSERT(fd >= 0);
    t = now();
    for (uint64_t n = 0; n < octets; n += PIECE) {
        ssize_t put = write(fd, a, PIECE);
        WS_ASSERT(put == PIECE);
    }
    int rc = fsync(fd);
    WS_ASSERT(rc == 0);
    say("baseline: disk, write and fsync", now() - t, octets, "");
    (void)close(fd);
    (void)unlink(path);
    free(a);
    free(b);
}

/* ---- the state ---- */

static uint64_t fill(struct store *s, uint64_t octets, size_t value_octets) {
    struct ws_random random = ws_random_seeded(17);
    struct ws_err err = {0};
    struct store_batch *b = store_batch_new(s);
    struct buf key = {0};
    uint8_t *value = ws_alloc(2 * value_octets + 1);
    uint64_t n = 0;
    uint64_t put = 0;
    size_t waiting = 0;
    while (put < octets) {
        uint8_t raw[33];
        ws_random_bytes(&random, raw, sizeof(raw));
        size_t size = (size_t)ws_random_below(&random, 2 * value_octets + 1);
        ws_random_bytes(&random, value, size);
        buf_clear(&key);
        entry_key_put(&key, raw[0] % CONTRACTS, span_of(raw, sizeof(raw)));
        store_batch_put(b, STORE_STATE, buf_span(&key), span_of(value, size));
        put += sizeof(raw) + size;
        waiting += size;
        n++;
        if (waiting > 4 << 20) {
            if (store_batch_write_later(b, &err) != WS_OK)
                die("filling", &err);
            b = store_batch_new(s);
            waiting = 0;
        }
    }
    if (store_batch_write(b, &err) != WS_OK)
        die("filling", &err);
    buf_free(&key);
    free(value);
    return n;
}

/* Two blocks around it: the second commits to the state. */
static void found(struct chain *c, struct store *s) {
    struct scan scan = {.store = s};
    hash32 roots[CONTRACTS];
    struct ws_err err = {0};
    chain_commit(c);
    if (scan_state_root(&scan, CONTRACTS, roots, c->last.extension, &err) != WS_OK)
        die("root", &err);
    chain_commit(c);
}

static bool load_entry(void *ctx, struct span stored, struct span value) {
    uint8_t contract = 0;
    struct span key;
    if (entry_key_read(stored, &contract, &key))
        state_restore(ctx, contract, key, value);
    return true;
}

static uint64_t load(struct store *s, const hash32 want) {
    struct state *state = state_new(CONTRACTS);
    hash32 root;
    int rc = store_each(s, STORE_STATE, span_of("", 0), span_of("", 0), load_entry, state, NULL);
    WS_ASSERT(rc == WS_OK);
    state_root(state, root);
    WS_ASSERT(memcmp(root, want, 32) == 0);
    uint64_t n = 0;
    for (size_t i = 0; i < CONTRACTS; i++)
        n += state_entries(state, i);
    state_free(state);
    return n;
}

static long peak_mib(void) {
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss / 1024;
}

static void verify(const char *path) {
    struct snapshot *s = NULL;
    struct ws_err err = {0};
    struct buf b = {0};
    if (snapshot_open(path, &s, &err) != WS_OK)
        die("verifying", &err);
    for (size_t i = 0; i < manifest_chunks(snapshot_manifest(s)); i++) {
        struct chunk c;
        buf_clear(&b);
        if (snapshot_read(s, i, &b, &c, &err) != WS_OK)
            die("verifying", &err);
        chunk_entries_free(&c.entries);
    }
    buf_free(&b);
    snapshot_close(s);
}

static void restore(const char *path, struct store *into) {
    struct snapshot *s = NULL;
    struct ws_err err = {0};
    if (snapshot_open(path, &s, &err) != WS_OK)
        die("restoring", &err);
    struct snapshot_restore how = {.from = s, .into = into};
    if (snapshot_restore(&how, &err) != WS_OK)
        die("restoring", &err);
    snapshot_close(s);
}

static void measure(const struct folder *f, uint64_t octets, size_t value_octets) {
    struct ws_err err = {0};
    char path[FOLDER_PATH];
    char more[96];
    struct store *s = NULL;
    struct chain c;
    if (store_open_rocks(folder_path(f, path, "store"), CACHE, &s, &err) != WS_OK)
        die("store", &err);
    chain_open(&c, s, CONTRACTS, 1);
    double t = now();
    uint64_t n = fill(s, octets, value_octets);
    (void)snprintf(more, sizeof(more), "%llu entries", (unsigned long long)n);
    say("(filling the first store)", now() - t, octets, more);
    found(&c, s);
    struct manifest *m = ws_alloc(sizeof(*m));
    struct snapshot_make how = {.store = s, .folder = f->top};
    long before = peak_mib();
    t = now();
    if (snapshot_make(&how, m, &err) != WS_OK)
        die("snapshot", &err);
    double written = now() - t;
    (void)snprintf(more, sizeof(more), "%zu chunks; peak memory %ld MiB, %ld before",
        manifest_chunks(m), peak_mib(), before);
    say("snapshot written", written, octets, more);
    char name[SNAPSHOT_NAME];
    snapshot_name(name, 1);
    (void)folder_path(f, path, name);
    t = now();
    verify(path);
    say("snapshot verified", now() - t, octets, "every chunk under the state root");
    char into[FOLDER_PATH];
    struct store *fresh = NULL;
    if (store_open_rocks(folder_path(f, into, "fresh"), CACHE, &fresh, &err) != WS_OK)
        die("store", &err);
    t = now();
    restore(path, fresh);
    double restored = now() - t;
    say("snapshot verified and restored", restored, octets, "into a new store, synced");
    t = now();
    uint64_t loaded = load(fresh, m->next.state_root);
    double ready = now() - t;
    (void)snprintf(more, sizeof(more), "%llu entries, root compared; peak memory %ld MiB",
        (unsigned long long)loaded, peak_mib());
    say("loaded as a node loads it", ready, octets, more);
    printf("joined (restored and loaded): %.1f s; goal for 1 GiB: 60 s\n", restored + ready);
    WS_ASSERT(loaded == n);
    store_close(fresh);
    chain_close(&c);
    store_close(s);
    free(m);
}

int main(int argc, char **argv) {
    uint64_t octets = (argc > 1 ? strtoull(argv[1], NULL, 10) : 1024) << 20;
    size_t value_octets = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000;
    struct folder f;
    if (argc > 3)
        (void)setenv("TMPDIR", argv[3], 1);
    if (octets == 0 || value_octets == 0 || folder_make(&f) != 0)
        return 2;
    baselines(f.top, octets);
    measure(&f, octets, value_octets);
    return folder_remove(&f) == 0 ? 0 : 1;
}
