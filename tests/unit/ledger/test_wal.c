/* ledger/store: the consensus log in a file and in memory. */
#include "tests/support/cm.h"

#include "base/fileio.h"
#include "base/random.h"
#include "ledger/store/crc32c.h"
#include "ledger/store/fault.h"
#include "ledger/store/wal.h"
#include "ledger/store/wal_scan.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct folder {
    char dir[256];
    char path[300];
};

static int set_up(void **state) {
    struct folder *f = ws_alloc(sizeof(*f));
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(f->dir, sizeof(f->dir), "%s/wayside-XXXXXX", tmp != NULL ? tmp : P_tmpdir);
    if (mkdtemp(f->dir) == NULL)
        return -1;
    (void)snprintf(f->path, sizeof(f->path), "%s/log", f->dir);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct folder *f = *state;
    char temp[320];
    (void)snprintf(temp, sizeof(temp), "%s.new", f->path);
    (void)unlink(temp);
    (void)unlink(f->path);
    int rc = rmdir(f->dir);
    free(f);
    return rc;
}

static void open_ok(const char *path, struct wal **w, uint64_t *cut) {
    struct ws_err err = {0};
    if (wal_open_file(path, w, cut, &err) != WS_OK)
        fail_msg("%s", err.text);
}

static void append_ok(struct wal *w, uint8_t type, const char *text) {
    struct ws_err err = {0};
    if (wal_append(w, type, span_of(text, strlen(text)), &err) != WS_OK)
        fail_msg("%s", err.text);
}

/* "1:abc 2: 3:x" */
static int tell(void *ctx, uint8_t type, struct span payload, struct ws_err *err) {
    (void)err;
    struct buf *b = ctx;
    buf_printf(b, "%s%u:%.*s", b->n == 0 ? "" : " ", type, (int)payload.n, (const char *)payload.p);
    return WS_OK;
}

static void holds(struct wal *w, const char *want) {
    struct buf b = {0};
    struct ws_err err = {0};
    if (wal_replay(w, tell, &b, &err) != WS_OK)
        fail_msg("%s", err.text);
    buf_u8(&b, 0);
    assert_string_equal((const char *)b.p, want);
    buf_free(&b);
}

static void crc_is_castagnoli(void **state) {
    (void)state;
    assert_int_equal(crc32c(0, "123456789", 9), 0xE3069283);
    assert_int_equal(crc32c_portable(0, "123456789", 9), 0xE3069283);
    /* RFC 3720, B.4. */
    uint8_t b[4096] = {0};
    assert_int_equal(crc32c(0, b, 32), 0x8A9136AA);
    memset(b, 0xff, 32);
    assert_int_equal(crc32c(0, b, 32), 0x62A8AB43);
    struct ws_random rnd = ws_random_seeded(3);
    ws_random_bytes(&rnd, b, sizeof(b));
    for (unsigned i = 0; i < 300; i++) {
        size_t at = ws_random_below(&rnd, 64);
        size_t n = ws_random_below(&rnd, sizeof(b) - at);
        size_t cut = ws_random_below(&rnd, n + 1);
        uint32_t whole = crc32c_portable(0, b + at, n);
        assert_int_equal(crc32c(0, b + at, n), whole);
        assert_int_equal(crc32c(crc32c(0, b + at, cut), b + at + cut, n - cut), whole);
    }
}

static void keeps_records(void **state) {
    struct folder *f = *state;
    struct wal *w = NULL;
    uint64_t cut = 7;
    open_ok(f->path, &w, &cut);
    assert_int_equal(cut, 0);
    assert_int_equal(wal_octets(w), 0);
    holds(w, "");
    append_ok(w, 1, "one");
    append_ok(w, 255, "");
    assert_int_equal(wal_sync(w, NULL), WS_OK);
    assert_int_equal(wal_sync(w, NULL), WS_OK);
    append_ok(w, 2, "three");
    assert_true(wal_octets(w) > 8);
    wal_close(w);
    open_ok(f->path, &w, &cut);
    assert_int_equal(cut, 0);
    holds(w, "1:one 255: 2:three");
    append_ok(w, 3, "four");
    wal_close(w);
    open_ok(f->path, &w, NULL);
    holds(w, "1:one 255: 2:three 3:four");
    struct stat st;
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    wal_close(w);
    wal_close(NULL);
}

static void large_records(void **state) {
    struct folder *f = *state;
    struct wal *w = NULL;
    open_ok(f->path, &w, NULL);
    size_t n = 300000; /* several chunks */
    uint8_t *p = ws_alloc(n);
    struct ws_random rnd = ws_random_seeded(9);
    ws_random_bytes(&rnd, p, n);
    assert_int_equal(wal_append(w, 5, span_of(p, n), NULL), WS_OK);
    append_ok(w, 6, "after");
    struct ws_err err = {0};
    assert_int_equal(wal_append(w, 5, span_of(p, (size_t)WAL_RECORD_MAX + 1), &err), WS_ELIMIT);
    append_ok(w, 7, "not stopped by it");
    wal_close(w);
    open_ok(f->path, &w, NULL);
    struct buf b = {0};
    assert_int_equal(wal_replay(w, tell, &b, NULL), WS_OK);
    buf_free(&b);
    wal_close(w);
    /* Damage deep inside the large record, seen from behind several chunks. */
    open_ok(f->path, &w, NULL);
    assert_int_equal(wal_sync(w, NULL), WS_OK);
    append_ok(w, 8, "x");
    wal_close(w);
    int fd = open(f->path, O_RDWR);
    assert_true(fd >= 0);
    uint8_t o = (uint8_t)(p[1000] ^ 1);
    assert_int_equal(pwrite(fd, &o, 1, WAL_START_OCTETS + WAL_HEAD_OCTETS + 1000), 1);
    (void)close(fd);
    free(p);
    assert_int_equal(wal_open_file(f->path, &w, NULL, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "damaged at offset 20:"));
    assert_non_null(strstr(err.text, "The 0 records before it"));
}

static int refuse_second(void *ctx, uint8_t type, struct span payload, struct ws_err *err) {
    (void)payload;
    unsigned *n = ctx;
    ++*n;
    return type == 2 ? ws_fail(err, WS_EINPUT, "not this one") : WS_OK;
}

static void replay_ends_at_an_error(void **state) {
    (void)state;
    struct wal *w = wal_open_memory();
    append_ok(w, 1, "a");
    append_ok(w, 2, "b");
    append_ok(w, 3, "c");
    unsigned n = 0;
    struct ws_err err = {0};
    assert_int_equal(wal_replay(w, refuse_second, &n, &err), WS_EINPUT);
    assert_string_equal(err.text, "not this one");
    assert_int_equal(n, 2);
    wal_close(w);
}

static void restart_empties(void **state) {
    struct folder *f = *state;
    struct wal *w = NULL;
    open_ok(f->path, &w, NULL);
    for (unsigned i = 0; i < 3; i++) {
        append_ok(w, 1, "old");
        assert_int_equal(wal_sync(w, NULL), WS_OK);
        assert_int_equal(wal_restart(w, NULL), WS_OK);
        assert_int_equal(wal_octets(w), 0);
        holds(w, "");
    }
    append_ok(w, 2, "new");
    wal_close(w);
    open_ok(f->path, &w, NULL);
    holds(w, "2:new");
    /* The lock moves with the name. */
    assert_int_equal(wal_restart(w, NULL), WS_OK);
    struct wal *second = NULL;
    struct ws_err err = {0};
    assert_int_equal(wal_open_file(f->path, &second, NULL, &err), WS_EBUSY);
    assert_non_null(strstr(err.text, "in use"));
    wal_close(w);
    open_ok(f->path, &w, NULL);
    wal_close(w);
}

/* A log as a kill leaves it: records, some synced, without the mark of an orderly end. */
struct made {
    struct buf all;
    size_t end[8]; /* after each record; end[0] is before the first */
    size_t synced; /* of the records, how many a later mark vouches for */
};

static const char *const texts[] = {"", "1:alpha", "1:alpha 2:bet", "1:alpha 2:bet 3:gamma",
    "1:alpha 2:bet 3:gamma 4:", "1:alpha 2:bet 3:gamma 4: 5:eps",
    "1:alpha 2:bet 3:gamma 4: 5:eps 6:zeta"};

static void make(const char *path, struct made *m) {
    static const char *const payload[] = {"alpha", "bet", "gamma", "", "eps", "zeta"};
    struct wal *w = NULL;
    open_ok(path, &w, NULL);
    m->end[0] = WAL_START_OCTETS;
    for (unsigned i = 0; i < 6; i++) {
        append_ok(w, (uint8_t)(i + 1), payload[i]);
        m->end[i + 1] = (size_t)(WAL_START_OCTETS + wal_octets(w));
        if (i == 1 || i == 3)
            assert_int_equal(wal_sync(w, NULL), WS_OK);
    }
    m->synced = 4;
    m->all = (struct buf){0};
    assert_int_equal(file_read(path, 4096, &m->all, NULL), WS_OK);
    assert_int_equal(m->all.n, m->end[6]);
    wal_close(w);
}

static void put_file(const char *path, struct span s) {
    assert_int_equal(file_write(path, s, 0600, NULL), WS_OK);
}

static void every_cut(void **state) {
    struct folder *f = *state;
    struct made m;
    make(f->path, &m);
    for (size_t n = 0; n <= m.all.n; n++) {
        put_file(f->path, span_of(m.all.p, n));
        struct wal *w = NULL;
        struct ws_err err = {0};
        uint64_t cut = 0;
        int rc = wal_open_file(f->path, &w, &cut, &err);
        if (n < WAL_START_OCTETS) {
            assert_int_equal(rc, WS_EINPUT);
            assert_non_null(strstr(err.text, "shorter than the start"));
            continue;
        }
        assert_int_equal(rc, WS_OK);
        size_t whole = 0;
        while (whole < 6 && m.end[whole + 1] <= n)
            whole++;
        holds(w, texts[whole]);
        /* A whole mark after the last whole record is kept. */
        size_t left = n - m.end[whole];
        assert_int_equal(cut,
            left >= WAL_MARK_OCTETS && (whole == 2 || whole == 4) ? left - WAL_MARK_OCTETS : left);
        /* What follows a cut is read back, and the cut is not reported twice. */
        append_ok(w, 9, "next");
        wal_close(w);
        open_ok(f->path, &w, &cut);
        assert_int_equal(cut, 0);
        char want[128];
        (void)snprintf(want, sizeof(want), "%s%s9:next", texts[whole], whole == 0 ? "" : " ");
        holds(w, want);
        wal_close(w);
    }
    buf_free(&m.all);
}

static void every_flip(void **state) {
    struct folder *f = *state;
    struct made m;
    make(f->path, &m);
    for (size_t at = 0; at < m.all.n; at++) {
        for (unsigned how = 0; how < 10; how++) {
            uint8_t keep = m.all.p[at];
            m.all.p[at] ^= (uint8_t)(how < 8 ? 1U << how : how == 8 ? 0xff : 0x5a);
            struct wal *w = NULL;
            struct ws_err err = {0};
            uint64_t cut = 0;
            int rc = wal_open_medium(wal_medium_octets(buf_span(&m.all)), false, 0, &w, &cut, &err);
            m.all.p[at] = keep;
            if (at < m.end[m.synced]) {
                /* On the disk when a later mark was written: never silently lost. */
                assert_int_equal(rc, WS_EINPUT);
                size_t begin = 0;
                while (begin < 6 && m.end[begin + 1] <= at)
                    begin++;
                char want[64];
                (void)snprintf(want, sizeof(want), "damaged at offset %zu:",
                    at >= m.end[2] + WAL_MARK_OCTETS && begin == 2 ? m.end[2] + WAL_MARK_OCTETS
                                                                   : m.end[begin]);
                if (at >= WAL_START_OCTETS)
                    assert_non_null(strstr(err.text, want));
            } else {
                /* Behind the last mark: a torn tail, cut where it begins. */
                assert_int_equal(rc, WS_OK);
                size_t whole = m.synced;
                while (whole < 6 && m.end[whole + 1] <= at)
                    whole++;
                holds(w, texts[whole]);
                assert_true(cut > 0);
                wal_close(w);
            }
        }
    }
    buf_free(&m.all);
}

/* After an orderly close the last records are vouched for, too. */
static void flips_after_close(void **state) {
    struct folder *f = *state;
    struct wal *w = NULL;
    open_ok(f->path, &w, NULL);
    append_ok(w, 1, "signature");
    assert_int_equal(wal_sync(w, NULL), WS_OK);
    wal_close(w);
    struct buf all = {0};
    assert_int_equal(file_read(f->path, 4096, &all, NULL), WS_OK);
    for (size_t at = WAL_START_OCTETS; at < all.n - WAL_MARK_OCTETS; at++) {
        all.p[at] ^= 0x10;
        struct ws_err err = {0};
        assert_int_equal(
            wal_open_medium(wal_medium_octets(buf_span(&all)), false, 0, &w, NULL, &err),
            WS_EINPUT);
        all.p[at] ^= 0x10;
    }
    buf_free(&all);
}

/* A peer's proposal lies in the log; what looks like a mark inside it must not turn a torn tail into damage. */
static void payload_cannot_pose_as_mark(void **state) {
    (void)state;
    struct wal *w = wal_open_memory();
    append_ok(w, 1, "first");
    uint8_t fake[WAL_MARK_OCTETS + 1];
    /* The right offset, but a number nobody outside knows. */
    uint64_t at = WAL_START_OCTETS + wal_octets(w) + WAL_HEAD_OCTETS;
    wal_mark_encode(fake, at, 12345);
    fake[WAL_MARK_OCTETS] = 'x';
    assert_int_equal(wal_append(w, 2, span_of(fake, sizeof(fake)), NULL), WS_OK);
    assert_int_equal(wal_memory_crash(w, wal_octets(w) - 1), WAL_HEAD_OCTETS + WAL_MARK_OCTETS);
    holds(w, "1:first");
    wal_close(w);
}

static void unknown_version_and_foreign_files(void **state) {
    struct folder *f = *state;
    struct wal *w = NULL;
    struct ws_err err = {0};
    uint8_t start[WAL_START_OCTETS];
    wal_start_encode(start, 77);
    start[7]++;
    put_be32(start + 16, crc32c(0, start, 16));
    put_file(f->path, span_of(start, sizeof(start)));
    assert_int_equal(wal_open_file(f->path, &w, NULL, &err), WS_ENOTSUP);
    put_file(f->path, span_of("#!/bin/sh\necho this is no log\n", 30));
    assert_int_equal(wal_open_file(f->path, &w, NULL, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "not a consensus log"));
    assert_int_equal(wal_open_file("", &w, NULL, &err), WS_EINPUT);
    assert_int_equal(wal_open_file("no/such/folder/log", &w, NULL, &err), WS_EIO);
    assert_int_equal(wal_open_file(f->dir, &w, NULL, &err), WS_EIO);
}

/* Fault hook: the countdown reaches zero at a point, which fails or kills. */
struct fault {
    enum wal_point at;
    unsigned left;
    bool kill;
};

static bool on_point(void *ctx, enum wal_point at) {
    struct fault *f = ctx;
    if (at != f->at || f->left == 0 || --f->left > 0)
        return true;
    if (f->kill)
        (void)raise(SIGKILL);
    return false;
}

/* One height's work; stops at the first failure. *ret_acked: what was promised to be durable. */
static int work(struct wal *w, unsigned *ret_acked, struct ws_err *err) {
    static const char *const step[] = {"p", "q", "r"};
    int rc = WS_OK;
    for (unsigned height = 0; height < 2 && rc == WS_OK; height++) {
        for (unsigned i = 0; i < 3 && rc == WS_OK; i++) {
            rc = wal_append(w, (uint8_t)(i + 1), span_of(step[i], 1), err);
            if (rc == WS_OK)
                rc = wal_append(w, 9, span_of("more", 4), err);
            if (rc == WS_OK)
                rc = wal_sync(w, err);
            if (rc == WS_OK)
                ++*ret_acked;
        }
        if (rc == WS_OK && height == 0) {
            rc = wal_restart(w, err);
            if (rc == WS_OK)
                *ret_acked = 10;
        }
    }
    return rc;
}

static void latches(struct wal *w, const struct ws_err *first) {
    struct ws_err err = {0};
    assert_int_equal(wal_append(w, 1, span_of("z", 1), &err), WS_EIO);
    assert_non_null(strstr(err.text, first->text));
    assert_int_equal(wal_sync(w, &err), WS_EIO);
    assert_int_equal(wal_restart(w, &err), WS_EIO);
    struct buf b = {0};
    assert_int_equal(wal_replay(w, tell, &b, &err), WS_EIO);
    buf_free(&b);
}

static int count_steps(void *ctx, uint8_t type, struct span payload, struct ws_err *err) {
    (void)payload;
    (void)err;
    unsigned *n = ctx;
    *n += type < 9;
    return WS_OK;
}

/* What was acknowledged is there, and at most one step more; a restart has happened or not. */
static void check_left(struct wal *w, unsigned acked) {
    unsigned n = 0;
    assert_int_equal(wal_replay(w, count_steps, &n, NULL), WS_OK);
    if (acked >= 10)
        assert_in_range(n, acked - 10, acked - 10 + 1);
    else if (acked == 3)
        assert_true(n == 3 || n == 0); /* the log of a height that is durable elsewhere */
    else
        assert_in_range(n, acked, acked + 1);
}

static void every_fault_stops_the_log(void **state) {
    struct folder *f = *state;
    for (unsigned memory = 0; memory < 2; memory++) {
        for (unsigned at = 0; at < WAL_POINT_COUNT; at++) {
            unsigned hits = 0;
            for (unsigned nth = 1;; nth++) {
                (void)unlink(f->path);
                struct wal *w = NULL;
                if (memory)
                    w = wal_open_memory();
                else
                    open_ok(f->path, &w, NULL);
                struct fault fault = {(enum wal_point)at, nth, false};
                wal_on_point(w, on_point, &fault);
                unsigned acked = 0;
                struct ws_err err = {0};
                int rc = work(w, &acked, &err);
                if (rc == WS_OK) {
                    wal_close(w);
                    break;
                }
                hits++;
                assert_int_equal(rc, WS_EIO);
                latches(w, &err);
                wal_on_point(w, NULL, NULL);
                if (memory) {
                    (void)wal_memory_crash(w, nth); /* a few octets more than were synced */
                } else {
                    wal_close(w);
                    open_ok(f->path, &w, NULL);
                }
                check_left(w, acked);
                append_ok(w, 4, "goes on");
                wal_close(w);
            }
            assert_true(hits > 0); /* every point is really passed */
        }
    }
}

static void kill_at_every_point(void **state) {
    struct folder *f = *state;
    for (unsigned at = 0; at < WAL_POINT_COUNT; at++) {
        for (unsigned nth = 1;; nth++) {
            (void)unlink(f->path);
            int pipes[2];
            assert_int_equal(pipe(pipes), 0);
            pid_t child = fork();
            assert_true(child >= 0);
            if (child == 0) {
                struct wal *w = NULL;
                if (wal_open_file(f->path, &w, NULL, NULL) != WS_OK)
                    _exit(2);
                struct fault fault = {(enum wal_point)at, nth, true};
                wal_on_point(w, on_point, &fault);
                unsigned acked = 0;
                _exit(work(w, &acked, NULL) == WS_OK ? 0 : 3);
            }
            (void)close(pipes[0]);
            (void)close(pipes[1]);
            int status = 0;
            assert_int_equal(waitpid(child, &status, 0), child);
            if (WIFEXITED(status)) {
                assert_int_equal(WEXITSTATUS(status), 0);
                assert_true(nth > 1);
                break;
            }
            struct wal *w = NULL;
            open_ok(f->path, &w, NULL);
            unsigned n = 0;
            assert_int_equal(wal_replay(w, count_steps, &n, NULL), WS_OK);
            assert_in_range(n, 0, 3);
            append_ok(w, 4, "goes on");
            assert_int_equal(wal_sync(w, NULL), WS_OK);
            wal_close(w);
        }
    }
}

static int last_number(void *ctx, uint8_t type, struct span payload, struct ws_err *err) {
    (void)type;
    uint64_t *next = ctx;
    if (payload.n < 8 || be64(payload.p) != *next)
        return ws_fail(err, WS_EINPUT, "expected number %llu", (unsigned long long)*next);
    ++*next;
    return WS_OK;
}

/* kill -9 at any moment: everything acknowledged through the pipe is replayed, in order, whole. */
static void killed_while_appending(void **state) {
    struct folder *f = *state;
    uint64_t next = 0;
    struct ws_random rnd = ws_random_seeded(5);
    for (unsigned round = 0; round < 6; round++) {
        int pipes[2];
        assert_int_equal(pipe(pipes), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct wal *w = NULL;
            if (wal_open_file(f->path, &w, NULL, NULL) != WS_OK)
                _exit(2);
            uint64_t i = 0;
            if (wal_replay(w, last_number, &i, NULL) != WS_OK)
                _exit(3);
            static uint8_t payload[70000];
            for (;; i++) {
                put_be64(payload, i);
                size_t n = 8 + (i * 7919) % (sizeof(payload) - 8);
                if (wal_append(w, 1, span_of(payload, n), NULL) != WS_OK ||
                    wal_sync(w, NULL) != WS_OK)
                    _exit(4);
                if (write(pipes[1], &i, sizeof(i)) != sizeof(i))
                    _exit(5);
            }
        }
        (void)close(pipes[1]);
        uint64_t acked = 0;
        unsigned wanted = 5 + (unsigned)ws_random_below(&rnd, 40);
        for (unsigned i = 0; i < wanted; i++)
            assert_int_equal(read(pipes[0], &acked, sizeof(acked)), sizeof(acked));
        (void)usleep((useconds_t)ws_random_below(&rnd, 3000));
        assert_int_equal(kill(child, SIGKILL), 0);
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        uint64_t more = 0;
        while (read(pipes[0], &more, sizeof(more)) == sizeof(more))
            acked = more;
        (void)close(pipes[0]);
        struct wal *w = NULL;
        open_ok(f->path, &w, NULL);
        next = 0;
        struct ws_err err = {0};
        if (wal_replay(w, last_number, &next, &err) != WS_OK)
            fail_msg("%s", err.text);
        assert_in_range(next, acked + 1, acked + 2);
        wal_close(w);
    }
}

/* A full disk, by way of the limit on a file's size: a child so that the limit dies with it. */
static void full_disk_stops_the_log(void **state) {
    struct folder *f = *state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)signal(SIGXFSZ, SIG_IGN);
        struct rlimit limit = {1000, 1000};
        struct wal *w = NULL;
        if (setrlimit(RLIMIT_FSIZE, &limit) != 0 || wal_open_file(f->path, &w, NULL, NULL) != WS_OK)
            _exit(2);
        uint8_t payload[100] = {1};
        struct ws_err err = {0};
        unsigned i = 0;
        while (wal_append(w, 1, span_of(payload, sizeof(payload)), &err) == WS_OK)
            i++;
        bool stopped = wal_append(w, 1, span_of(payload, 1), &err) == WS_EIO &&
                       strstr(err.text, "stopped by an earlier failure") != NULL &&
                       strstr(err.text, "too large") != NULL;
        _exit(i == 8 && stopped ? 0 : 3);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    struct wal *w = NULL;
    uint64_t cut = 0;
    open_ok(f->path, &w, &cut);
    assert_int_equal(cut, 1000 - 20 - 8 * 109);
    wal_close(w);
}

static void memory_loses_what_was_not_synced(void **state) {
    (void)state;
    struct wal *w = wal_open_memory();
    append_ok(w, 1, "kept");
    assert_int_equal(wal_sync(w, NULL), WS_OK);
    append_ok(w, 2, "lost");
    append_ok(w, 3, "too");
    assert_int_equal(wal_memory_crash(w, 0), 0);
    holds(w, "1:kept");
    append_ok(w, 2, "half");
    assert_int_equal(wal_memory_crash(w, WAL_MARK_OCTETS + 5), 5);
    holds(w, "1:kept");
    append_ok(w, 2, "whole");
    assert_int_equal(wal_memory_crash(w, UINT64_MAX), 0);
    holds(w, "1:kept 2:whole");
    /* A restart is on the disk with the next sync; before that a crash may leave either log. */
    assert_int_equal(wal_restart(w, NULL), WS_OK);
    assert_int_equal(wal_memory_crash(w, 0), 0);
    holds(w, "1:kept 2:whole");
    assert_int_equal(wal_restart(w, NULL), WS_OK);
    assert_int_equal(wal_memory_crash(w, 1), 0);
    holds(w, "");
    append_ok(w, 5, "next height");
    assert_int_equal(wal_sync(w, NULL), WS_OK);
    wal_memory_lose_unsynced(w);
    holds(w, "5:next height");
    wal_memory_fail_after(w, 1);
    append_ok(w, 6, "ok");
    assert_int_equal(wal_sync(w, NULL), WS_OK);
    append_ok(w, 7, "not");
    struct ws_err err = {0};
    assert_int_equal(wal_sync(w, &err), WS_EIO);
    latches(w, &err);
    wal_memory_lose_unsynced(w);
    holds(w, "5:next height 6:ok");
    wal_close(w);
}

#define WITH_FOLDER(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc_is_castagnoli),
        WITH_FOLDER(keeps_records),
        WITH_FOLDER(large_records),
        cmocka_unit_test(replay_ends_at_an_error),
        WITH_FOLDER(restart_empties),
        WITH_FOLDER(every_cut),
        WITH_FOLDER(every_flip),
        WITH_FOLDER(flips_after_close),
        cmocka_unit_test(payload_cannot_pose_as_mark),
        WITH_FOLDER(unknown_version_and_foreign_files),
        WITH_FOLDER(every_fault_stops_the_log),
        WITH_FOLDER(kill_at_every_point),
        WITH_FOLDER(killed_while_appending),
        WITH_FOLDER(full_disk_stops_the_log),
        cmocka_unit_test(memory_loses_what_was_not_synced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
