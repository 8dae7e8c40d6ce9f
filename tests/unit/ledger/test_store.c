/* ledger/store: the same tests for RocksDB and for its twin in memory, then what only a disk can do. */
#include "tests/support/cm.h"

#include "base/fileio.h"
#include "base/random.h"
#include "ledger/store/fault.h"
#include "ledger/store/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <rocksdb/c.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CACHE = 4 << 20 };

struct place {
    bool disk;
    char top[256];
    char dir[300];
    struct store *s;
};

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at) {
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static struct store *open_ok(const char *dir) {
    struct ws_err err = {0};
    struct store *s = NULL;
    if (store_open_rocks(dir, CACHE, &s, &err) != WS_OK)
        fail_msg("%s", err.text);
    return s;
}

static int set_up(void **state, bool disk, bool open) {
    struct place *p = ws_alloc(sizeof(*p));
    p->disk = disk;
    if (disk) {
        const char *tmp = getenv("TMPDIR");
        (void)snprintf(p->top, sizeof(p->top), "%s/wayside-XXXXXX", tmp != NULL ? tmp : P_tmpdir);
        if (mkdtemp(p->top) == NULL)
            return -1;
        (void)snprintf(p->dir, sizeof(p->dir), "%s/ledger/store", p->top);
    }
    if (open)
        p->s = disk ? open_ok(p->dir) : store_open_memory();
    *state = p;
    return 0;
}

static int set_up_rocks(void **state) {
    return set_up(state, true, true);
}
static int set_up_memory(void **state) {
    return set_up(state, false, true);
}
static int set_up_folder(void **state) {
    return set_up(state, true, false);
}

static int tear_down(void **state) {
    struct place *p = *state;
    store_close(p->s);
    int rc = p->disk ? nftw(p->top, remove_one, 8, FTW_DEPTH | FTW_PHYS) : 0;
    free(p);
    return rc;
}

/* As after a restart of the process. */
static void reopen(struct place *p) {
    if (!p->disk)
        return;
    store_close(p->s);
    p->s = open_ok(p->dir);
}

static struct span text(const char *s) {
    return span_of(s, strlen(s));
}

static void write_ok(struct store_batch *b) {
    struct ws_err err = {0};
    if (store_batch_write(b, &err) != WS_OK)
        fail_msg("%s", err.text);
}

static void put_one(struct store *s, enum store_space space, const char *key, const char *value) {
    struct store_batch *b = store_batch_new(s);
    store_batch_put(b, space, text(key), text(value));
    write_ok(b);
}

static void is(struct store *s, enum store_space space, const char *key, const char *want) {
    struct buf b = {0};
    struct ws_err err = {.text = "untouched"};
    buf_put(&b, "+", 1);
    int rc = store_get(s, space, text(key), &b, &err);
    if (want == NULL) {
        assert_int_equal(rc, WS_ENOTFOUND);
        assert_int_equal(b.n, 1);
        assert_string_equal(err.text, "untouched");
    } else {
        assert_int_equal(rc, WS_OK);
        assert_int_equal(b.p[0], '+');
        assert_true(span_equal(span_of(b.p + 1, b.n - 1), text(want)));
    }
    buf_free(&b);
}

struct walk {
    struct buf b;
    unsigned stop_after;
};

static bool tell(void *ctx, struct span key, struct span value) {
    struct walk *w = ctx;
    buf_printf(&w->b, "%s%.*s=%.*s", w->b.n == 0 ? "" : " ", (int)key.n, (const char *)key.p,
        (int)value.n, (const char *)value.p);
    return w->stop_after == 0 || --w->stop_after > 0;
}

static void lists(
    struct store *s, const char *prefix, const char *from, unsigned stop_after, const char *want) {
    struct walk w = {.stop_after = stop_after};
    assert_int_equal(store_each(s, STORE_STATE, text(prefix), text(from), tell, &w, NULL), WS_OK);
    buf_u8(&w.b, 0);
    assert_string_equal((const char *)w.b.p, want);
    buf_free(&w.b);
}

static void last_is(struct store *s, const char *prefix, const char *key, const char *value) {
    struct buf k = {0};
    struct buf v = {0};
    struct ws_err err = {.text = "untouched"};
    int rc = store_last(s, STORE_STATE, text(prefix), &k, &v, &err);
    if (key == NULL) {
        assert_int_equal(rc, WS_ENOTFOUND);
        assert_string_equal(err.text, "untouched");
        assert_int_equal(k.n + v.n, 0);
    } else {
        assert_int_equal(rc, WS_OK);
        assert_true(span_equal(buf_span(&k), text(key)));
        assert_true(span_equal(buf_span(&v), text(value)));
    }
    buf_free(&k);
    buf_free(&v);
}

static void put_get_delete(void **state) {
    struct place *p = *state;
    is(p->s, STORE_META, "a", NULL);
    struct store_batch *b = store_batch_new(p->s);
    store_batch_put(b, STORE_META, text("a"), text("1"));
    store_batch_put(b, STORE_BLOCK, text("a"), text("other space"));
    store_batch_put(b, STORE_META, text(""), text("empty key"));
    store_batch_put(b, STORE_META, text("empty value"), span_of(NULL, 0));
    store_batch_put(b, STORE_META, text("twice"), text("first"));
    store_batch_put(b, STORE_META, text("twice"), text("second"));
    store_batch_put(b, STORE_META, text("gone"), text("x"));
    store_batch_del(b, STORE_META, text("gone"));
    store_batch_del(b, STORE_META, text("back"));
    store_batch_put(b, STORE_META, text("back"), text("y"));
    store_batch_del(b, STORE_TX, text("never there"));
    is(p->s, STORE_META, "a", NULL); /* not before it is written */
    write_ok(b);
    for (unsigned round = 0; round < 2; round++) {
        is(p->s, STORE_META, "a", "1");
        is(p->s, STORE_BLOCK, "a", "other space");
        is(p->s, STORE_COMMIT, "a", NULL);
        is(p->s, STORE_META, "", "empty key");
        is(p->s, STORE_META, "empty value", "");
        is(p->s, STORE_META, "twice", "second");
        is(p->s, STORE_META, "gone", NULL);
        is(p->s, STORE_META, "back", "y");
        reopen(p);
    }
    b = store_batch_new(p->s);
    store_batch_del(b, STORE_META, text("a"));
    write_ok(b);
    write_ok(store_batch_new(p->s)); /* an empty batch is fine */
    b = store_batch_new(p->s);
    store_batch_put(b, STORE_META, text("a"), text("never written"));
    store_batch_free(b);
    store_batch_free(NULL);
    is(p->s, STORE_META, "a", NULL);
    is(p->s, STORE_BLOCK, "a", "other space");
}

static void walks_in_order(void **state) {
    struct place *p = *state;
    static const char *const keys[] = {
        "b", "ab", "a", "abc", "\xff\xff", "ac", "\xff", "b\xff", "ba"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        put_one(p->s, STORE_STATE, keys[i], "v");
    put_one(p->s, STORE_EVENT, "abd", "elsewhere");
    for (unsigned round = 0; round < 2; round++) {
        lists(p->s, "", "", 0, "a=v ab=v abc=v ac=v b=v ba=v b\xff=v \xff=v \xff\xff=v");
        lists(p->s, "a", "", 0, "a=v ab=v abc=v ac=v");
        lists(p->s, "ab", "", 0, "ab=v abc=v");
        lists(p->s, "a", "abb", 0, "abc=v ac=v");
        lists(p->s, "a", "abc", 0, "abc=v ac=v");
        lists(p->s, "b", "a", 0, "b=v ba=v b\xff=v"); /* from before the prefix */
        lists(p->s, "a", "b", 0, ""); /* from behind it */
        lists(p->s, "a", "", 2, "a=v ab=v");
        lists(p->s, "\xff", "", 0, "\xff=v \xff\xff=v");
        lists(p->s, "zz", "", 0, "");
        last_is(p->s, "", "\xff\xff", "v");
        last_is(p->s, "a", "ac", "v");
        last_is(p->s, "ab", "abc", "v");
        last_is(p->s, "b", "b\xff", "v");
        last_is(p->s, "b\xff", "b\xff", "v");
        last_is(p->s, "\xff", "\xff\xff", "v");
        last_is(p->s, "aa", NULL, NULL);
        last_is(p->s, "\xff\xff\xff", NULL, NULL);
        last_is(p->s, "abcd", NULL, NULL);
        reopen(p);
    }
    struct buf k = {0};
    struct buf v = {0};
    assert_int_equal(
        store_last(p->s, STORE_INDEX, text(""), &k, &v, NULL), WS_ENOTFOUND); /* empty space */
    buf_free(&k);
    buf_free(&v);
}

static bool look_up(void *ctx, struct span key, struct span value) {
    struct store *s = ctx;
    struct buf b = {0};
    assert_int_equal(store_get(s, STORE_STATE, key, &b, NULL), WS_OK);
    assert_true(span_equal(buf_span(&b), value));
    buf_free(&b);
    return true;
}

static void may_read_while_walking(void **state) {
    struct place *p = *state;
    put_one(p->s, STORE_STATE, "a", "1");
    put_one(p->s, STORE_STATE, "b", "2");
    assert_int_equal(store_each(p->s, STORE_STATE, text(""), text(""), look_up, p->s, NULL), WS_OK);
}

static void the_folder_keeps_others_out(void **state) {
    struct place *p = *state;
    struct ws_err err = {0};
    struct stat st;
    assert_int_equal(dir_make(p->dir, &err), WS_OK); /* made by hand, or by an older version */
    assert_int_equal(chmod(p->dir, 0755), 0);
    p->s = open_ok(p->dir);
    assert_int_equal(stat(p->dir, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
}

/* A model that cannot be wrong: an array of slots, key i present or not. */
enum { MODEL = 600, ROUNDS = 300 };

static void key_of(uint8_t dst[static 5], unsigned i, struct span *ret_key) {
    dst[0] = (uint8_t)(i % 3);
    put_be32(dst + 1, i * 2654435761U);
    *ret_key = span_of(dst, 1 + (i % 5 == 0 ? 3 : 4)); /* of two lengths */
}

struct count {
    uint8_t before[8];
    size_t before_n;
    unsigned n;
    uint64_t sum;
};

static bool count_one(void *ctx, struct span key, struct span value) {
    struct count *c = ctx;
    if (c->n > 0)
        assert_true(span_compare(span_of(c->before, c->before_n), key) < 0);
    memcpy(c->before, key.p, key.n);
    c->before_n = key.n;
    c->n++;
    c->sum += be64(value.p);
    return true;
}

static void agrees_with_a_model(void **state) {
    struct place *p = *state;
    uint64_t *model = ws_calloc(MODEL, sizeof(*model)); /* 0: absent */
    struct ws_random rnd = ws_random_seeded(11);
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct store_batch *b = store_batch_new(p->s);
        unsigned n = 1 + (unsigned)ws_random_below(&rnd, 20);
        for (unsigned k = 0; k < n; k++) {
            unsigned i = (unsigned)ws_random_below(&rnd, MODEL);
            uint8_t octets[5];
            struct span key;
            key_of(octets, i, &key);
            if (ws_random_below(&rnd, 3) == 0) {
                store_batch_del(b, STORE_STATE, key);
                model[i] = 0;
            } else {
                model[i] = 1 + ws_random_below(&rnd, 1000);
                uint8_t value[8];
                put_be64(value, model[i]);
                store_batch_put(b, STORE_STATE, key, span_of(value, 8));
            }
        }
        write_ok(b);
        if (round == ROUNDS / 2)
            reopen(p);
    }
    for (unsigned prefix = 0; prefix < 4; prefix++) {
        struct count want = {0};
        for (unsigned i = 0; i < MODEL; i++) {
            uint8_t octets[5];
            struct span key;
            key_of(octets, i, &key);
            struct buf b = {0};
            int rc = store_get(p->s, STORE_STATE, key, &b, NULL);
            assert_int_equal(rc, model[i] == 0 ? WS_ENOTFOUND : WS_OK);
            if (model[i] != 0)
                assert_true(be64(b.p) == model[i]);
            buf_free(&b);
            if (model[i] != 0 && (prefix == 3 || octets[0] == prefix)) {
                want.n++;
                want.sum += model[i];
            }
        }
        struct count got = {0};
        uint8_t first = (uint8_t)prefix;
        struct span pre = span_of(&first, prefix == 3 ? 0 : 1);
        assert_int_equal(
            store_each(p->s, STORE_STATE, pre, text(""), count_one, &got, NULL), WS_OK);
        assert_int_equal(got.n, want.n);
        assert_true(got.sum == want.sum);
        struct buf k = {0};
        struct buf v = {0};
        assert_int_equal(store_last(p->s, STORE_STATE, pre, &k, &v, NULL), WS_OK);
        assert_true(span_equal(buf_span(&k), span_of(got.before, got.before_n)));
        buf_free(&k);
        buf_free(&v);
    }
    free(model);
}

struct readers {
    struct store *s;
    atomic_bool stop;
    atomic_uint seen;
};

struct pair {
    uint64_t value[2];
    unsigned n;
};

static bool take_pair(void *ctx, struct span key, struct span value) {
    (void)key;
    struct pair *two = ctx;
    two->value[two->n++] = be64(value.p);
    return true;
}

static void *read_pairs(void *arg) {
    struct readers *r = arg;
    while (!atomic_load(&r->stop)) {
        struct pair two = {0};
        if (store_each(r->s, STORE_STATE, span_of("p", 1), span_of(NULL, 0), take_pair, &two,
                NULL) != WS_OK ||
            two.n != 2 || two.value[0] != two.value[1])
            return arg;
        atomic_fetch_add(&r->seen, 1);
    }
    return NULL;
}

static void put_pair(struct store *s, uint64_t i) {
    uint8_t value[8];
    put_be64(value, i);
    struct store_batch *b = store_batch_new(s);
    store_batch_put(b, STORE_STATE, text("pa"), span_of(value, 8));
    store_batch_put(b, STORE_STATE, text("pb"), span_of(value, 8));
    write_ok(b);
}

/* Readers in other threads see whole batches only. */
static void readers_see_whole_batches(void **state) {
    struct place *p = *state;
    struct readers r = {.s = p->s};
    put_pair(p->s, 0);
    pthread_t t[2];
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&t[i], NULL, read_pairs, &r), 0);
    for (uint64_t i = 1; i < 400 || atomic_load(&r.seen) < 100; i++)
        put_pair(p->s, i);
    atomic_store(&r.stop, true);
    for (unsigned i = 0; i < 2; i++) {
        void *bad = NULL;
        assert_int_equal(pthread_join(t[i], &bad), 0);
        assert_null(bad);
    }
}

static void names_are_distinct(void **state) {
    (void)state;
    for (unsigned i = 0; i < STORE_SPACE_COUNT; i++) {
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(
                store_space_name((enum store_space)i), store_space_name((enum store_space)k));
    }
}

/* RocksDB's threads do not live on in a forked child, so each child is this program started anew. */
static pid_t start_child(const char *what, const char *dir, int fd) {
    char number[16];
    (void)snprintf(number, sizeof(number), "%d", fd);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)execl("/proc/self/exe", "test_store", what, dir, number, (char *)NULL);
        _exit(100);
    }
    return child;
}

static int wait_for(pid_t child) {
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void exits_well(pid_t child) {
    int status = wait_for(child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* Batches 0..n-1 are there in all spaces, and no other; returns n. */
static unsigned whole_batches(struct store *s) {
    for (unsigned n = 0;; n++) {
        uint8_t key[4];
        put_be32(key, n);
        unsigned there = 0;
        for (unsigned k = 0; k < STORE_SPACE_COUNT; k++) {
            struct buf v = {0};
            there += store_get(s, (enum store_space)k, span_of(key, 4), &v, NULL) == WS_OK;
            buf_free(&v);
        }
        if (there == 0)
            return n;
        assert_int_equal(there, STORE_SPACE_COUNT);
    }
}

static int write_numbered(struct store *s, uint32_t i, struct span value, struct ws_err *err) {
    uint8_t key[4];
    put_be32(key, i);
    struct store_batch *b = store_batch_new(s);
    for (unsigned k = 0; k < STORE_SPACE_COUNT; k++)
        store_batch_put(b, (enum store_space)k, span_of(key, 4), value);
    return store_batch_write(b, err);
}

static int child_second(const char *dir) {
    struct store *s = NULL;
    struct ws_err err = {0};
    int rc = store_open_rocks(dir, CACHE, &s, &err);
    return rc == WS_EBUSY && strstr(err.text, "in use by another process") != NULL ? 0 : 1;
}

static int child_five_and_die(const char *dir) {
    struct store *s = NULL;
    if (store_open_rocks(dir, CACHE, &s, NULL) != WS_OK)
        return 2;
    for (uint32_t i = 0; i < 5; i++) {
        uint8_t value[600];
        memset(value, (int)i, sizeof(value));
        if (write_numbered(s, i, span_of(value, sizeof(value)), NULL) != WS_OK)
            return 3;
    }
    (void)raise(SIGKILL);
    return 4;
}

static int child_write_for_ever(const char *dir, int fd) {
    struct store *s = NULL;
    if (store_open_rocks(dir, CACHE, &s, NULL) != WS_OK)
        return 2;
    static uint8_t value[20000];
    for (uint32_t i = whole_batches(s);; i++) {
        memset(value, (int)i, sizeof(value));
        if (write_numbered(s, i, span_of(value, (i * 7919) % sizeof(value)), NULL) != WS_OK)
            return 3;
        if (write(fd, &i, sizeof(i)) != sizeof(i))
            return 4;
    }
}

static void everything_is_refused(struct store *s, const char *why) {
    struct ws_err err = {0};
    struct buf b = {0};
    assert_int_equal(store_get(s, STORE_META, text("k"), &b, &err), WS_EIO);
    assert_non_null(strstr(err.text, why));
    struct walk w = {0};
    assert_int_equal(store_each(s, STORE_META, text(""), text(""), tell, &w, &err), WS_EIO);
    assert_int_equal(store_last(s, STORE_META, text(""), &b, &b, &err), WS_EIO);
    struct store_batch *batch = store_batch_new(s);
    store_batch_put(batch, STORE_META, text("k"), text("v"));
    err.text[0] = 0;
    assert_int_equal(store_batch_write(batch, &err), WS_EIO);
    assert_non_null(strstr(err.text, why));
    buf_free(&b);
}

/* A full disk, by way of the limit on a file's size. */
static int child_full_disk(const char *dir) {
    struct store *s = NULL;
    (void)signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = {200000, 200000};
    if (store_open_rocks(dir, CACHE, &s, NULL) != WS_OK || setrlimit(RLIMIT_FSIZE, &limit) != 0)
        return 2;
    struct ws_err err = {0};
    int rc = WS_OK;
    uint32_t i = 0;
    for (; rc == WS_OK && i < 100; i++) {
        uint8_t value[3000];
        struct ws_random rnd = ws_random_seeded(i);
        ws_random_bytes(&rnd, value, sizeof(value));
        rc = write_numbered(s, i, span_of(value, sizeof(value)), &err);
    }
    if (rc != WS_EIO || i < 2 || i > 20)
        return 3;
    everything_is_refused(s, err.text);
    store_close(s);
    return 0;
}

static void memory_failure_on_order(void **state) {
    struct place *p = *state;
    for (unsigned applied = 0; applied < 2; applied++) {
        if (applied)
            store_memory_fail_after_applying(p->s, 2);
        else
            store_memory_fail_after(p->s, 2);
        put_one(p->s, STORE_META, "k", "0");
        put_one(p->s, STORE_META, "k", "1");
        struct store_batch *b = store_batch_new(p->s);
        store_batch_put(b, STORE_META, text("k"), text("2"));
        struct ws_err err = {0};
        assert_int_equal(store_batch_write(b, &err), WS_EIO);
        everything_is_refused(p->s, err.text);
        store_memory_reopen(p->s);
        is(p->s, STORE_META, "k", applied ? "2" : "1");
        put_one(p->s, STORE_META, "k", "3");
        is(p->s, STORE_META, "k", "3");
    }
    assert_true(store_disk_octets(p->s) == 0);
}

static void memory_takes_a_million_keys(void **state) {
    struct place *p = *state;
    enum { MANY = 1000000, EACH = 1000 };
    for (unsigned i = 0; i < MANY; i += EACH) {
        struct store_batch *b = store_batch_new(p->s);
        for (unsigned k = i; k < i + EACH; k++) {
            uint8_t key[4];
            put_be32(key, k * 2654435761U);
            store_batch_put(b, STORE_STATE, span_of(key, 4), span_of(key, 1));
        }
        write_ok(b);
    }
    struct buf v = {0};
    for (unsigned i = 0; i < MANY; i += 7) {
        uint8_t key[4];
        put_be32(key, i * 2654435761U);
        buf_clear(&v);
        assert_int_equal(store_get(p->s, STORE_STATE, span_of(key, 4), &v, NULL), WS_OK);
        assert_int_equal(v.p[0], key[0]);
    }
    buf_free(&v);
}

static void second_opener_is_told(void **state) {
    struct place *p = *state;
    struct ws_err err = {0};
    struct store *s = NULL;
    assert_int_equal(store_open_rocks(p->dir, CACHE, &s, &err), WS_EBUSY);
    assert_non_null(strstr(err.text, "in use"));
    exits_well(start_child("second", p->dir, -1));
    assert_true(store_disk_octets(p->s) > 0);
}

/* Path of the newest file in the folder that ends so. */
static bool find_file(const char *dir, const char *end, char *ret_path, size_t n) {
    DIR *d = opendir(dir);
    assert_non_null(d);
    char best[256] = "";
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        size_t have = strlen(e->d_name);
        if (have > strlen(end) && strcmp(e->d_name + have - strlen(end), end) == 0 &&
            strcmp(e->d_name, best) > 0)
            (void)snprintf(best, sizeof(best), "%s", e->d_name);
    }
    (void)closedir(d);
    (void)snprintf(ret_path, n, "%s/%s", dir, best);
    return best[0] != '\0';
}

static void torn_tail_is_cut(void **state) {
    struct place *p = *state;
    assert_true(WIFSIGNALED(wait_for(start_child("five", p->dir, -1))));
    char log[600];
    assert_true(find_file(p->dir, ".log", log, sizeof(log)));
    struct stat st;
    assert_int_equal(stat(log, &st), 0);
    assert_int_equal(truncate(log, st.st_size - 100), 0);
    p->s = open_ok(p->dir);
    assert_int_equal(whole_batches(p->s), 4);
}

static void damage_before_the_tail_is_refused(void **state) {
    struct place *p = *state;
    assert_true(WIFSIGNALED(wait_for(start_child("five", p->dir, -1))));
    char log[600];
    assert_true(find_file(p->dir, ".log", log, sizeof(log)));
    int fd = open(log, O_RDWR);
    assert_true(fd >= 0);
    uint8_t octet = 0;
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    off_t middle = st.st_size / 2;
    assert_int_equal(pread(fd, &octet, 1, middle), 1);
    octet ^= 0x40;
    assert_int_equal(pwrite(fd, &octet, 1, middle), 1);
    (void)close(fd);
    struct ws_err err = {0};
    struct store *s = NULL;
    assert_int_equal(store_open_rocks(p->dir, CACHE, &s, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "damaged"));
}

static void missing_current_is_refused(void **state) {
    struct place *p = *state;
    put_one(p->s, STORE_META, "k", "v");
    store_close(p->s);
    p->s = NULL;
    char current[600];
    (void)snprintf(current, sizeof(current), "%s/CURRENT", p->dir);
    assert_int_equal(unlink(current), 0);
    struct ws_err err = {0};
    assert_int_equal(store_open_rocks(p->dir, CACHE, &p->s, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "CURRENT is missing"));
    assert_null(p->s);
}

static void later_versions_are_refused(void **state) {
    struct place *p = *state;
    store_close(p->s);
    p->s = NULL;
    rocksdb_options_t *o = rocksdb_options_create();
    const char *names[STORE_SPACE_COUNT + 1] = {"default"};
    const rocksdb_options_t *options[STORE_SPACE_COUNT + 1] = {o};
    rocksdb_column_family_handle_t *spaces[STORE_SPACE_COUNT + 1];
    for (unsigned i = 0; i < STORE_SPACE_COUNT; i++) {
        names[i + 1] = store_space_name((enum store_space)i);
        options[i + 1] = o;
    }
    char *why = NULL;
    rocksdb_t *db = rocksdb_open_column_families(
        o, p->dir, STORE_SPACE_COUNT + 1, names, options, spaces, &why);
    assert_null(why);
    rocksdb_column_family_handle_t *more = rocksdb_create_column_family(db, o, "holograms", &why);
    assert_null(why);
    rocksdb_column_family_handle_destroy(more);
    for (unsigned i = 0; i <= STORE_SPACE_COUNT; i++)
        rocksdb_column_family_handle_destroy(spaces[i]);
    rocksdb_close(db);
    rocksdb_options_destroy(o);
    struct ws_err err = {0};
    assert_int_equal(store_open_rocks(p->dir, CACHE, &p->s, &err), WS_ENOTSUP);
    assert_non_null(strstr(err.text, "holograms"));
}

static void write_error_stops_the_store(void **state) {
    struct place *p = *state;
    exits_well(start_child("full", p->dir, -1));
    p->s = open_ok(p->dir);
    assert_true(whole_batches(p->s) >= 1);
}

/* kill -9 at any moment: batches are whole or absent, and acknowledged ones are there. */
static void killed_while_writing(void **state) {
    struct place *p = *state;
    struct ws_random rnd = ws_random_seeded(6);
    for (unsigned round = 0; round < 4; round++) {
        int pipes[2];
        assert_int_equal(pipe(pipes), 0);
        pid_t child = start_child("forever", p->dir, pipes[1]);
        (void)close(pipes[1]);
        uint32_t acked = 0;
        unsigned wanted = 5 + (unsigned)ws_random_below(&rnd, 60);
        for (unsigned i = 0; i < wanted; i++)
            assert_int_equal(read(pipes[0], &acked, sizeof(acked)), sizeof(acked));
        (void)usleep((useconds_t)ws_random_below(&rnd, 5000));
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_true(WIFSIGNALED(wait_for(child)));
        uint32_t more = 0;
        while (read(pipes[0], &more, sizeof(more)) == sizeof(more))
            acked = more;
        (void)close(pipes[0]);
        p->s = open_ok(p->dir);
        assert_in_range(whole_batches(p->s), acked + 1, acked + 2);
        store_close(p->s);
        p->s = NULL;
    }
}

static void bad_folder_is_named(void **state) {
    struct place *p = *state;
    struct ws_err err = {0};
    char file[600];
    (void)snprintf(file, sizeof(file), "%s/file", p->top);
    assert_int_equal(file_write(file, text("x"), 0600, NULL), WS_OK);
    assert_int_equal(store_open_rocks(file, CACHE, &p->s, &err), WS_EIO);
    assert_non_null(strstr(err.text, file));
    store_close(NULL);
}

#define BOTH(t)                                                                                    \
    {#t " (memory)", t, set_up_memory, tear_down, NULL}, {                                         \
#t " (rocks)", t, set_up_rocks, tear_down, NULL                                            \
    }

static int run_child(char **argv) {
    if (strcmp(argv[1], "second") == 0)
        return child_second(argv[2]);
    if (strcmp(argv[1], "five") == 0)
        return child_five_and_die(argv[2]);
    if (strcmp(argv[1], "full") == 0)
        return child_full_disk(argv[2]);
    if (strcmp(argv[1], "forever") == 0)
        return child_write_for_ever(argv[2], (int)strtol(argv[3], NULL, 10));
    return 99;
}

int main(int argc, char **argv) {
    if (argc == 4)
        return run_child(argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_distinct),
        BOTH(put_get_delete),
        BOTH(walks_in_order),
        BOTH(may_read_while_walking),
        BOTH(agrees_with_a_model),
        BOTH(readers_see_whole_batches),
        cmocka_unit_test_setup_teardown(memory_failure_on_order, set_up_memory, tear_down),
        cmocka_unit_test_setup_teardown(memory_takes_a_million_keys, set_up_memory, tear_down),
        cmocka_unit_test_setup_teardown(second_opener_is_told, set_up_rocks, tear_down),
        cmocka_unit_test_setup_teardown(missing_current_is_refused, set_up_rocks, tear_down),
        cmocka_unit_test_setup_teardown(later_versions_are_refused, set_up_rocks, tear_down),
        cmocka_unit_test_setup_teardown(torn_tail_is_cut, set_up_folder, tear_down),
        cmocka_unit_test_setup_teardown(
            damage_before_the_tail_is_refused, set_up_folder, tear_down),
        cmocka_unit_test_setup_teardown(write_error_stops_the_store, set_up_folder, tear_down),
        cmocka_unit_test_setup_teardown(killed_while_writing, set_up_folder, tear_down),
        cmocka_unit_test_setup_teardown(the_folder_keeps_others_out, set_up_folder, tear_down),
        cmocka_unit_test_setup_teardown(bad_folder_is_named, set_up_folder, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
