/* ledger/store: views, reading a folder, ranges, disk given back, undo records. */
#include "tests/support/cm.h"
#include "tests/support/folder.h"

#include "base/random.h"
#include "ledger/store/fault.h"
#include "ledger/store/undo.h"

enum { CACHE = 4 << 20 };

struct place {
    struct folder folder;
    char dir[FOLDER_PATH];
    bool disk;
    struct store *s;
};

static int set_up(void **state, bool disk) {
    struct place *p = ws_alloc(sizeof(*p));
    p->disk = disk;
    if (disk && folder_make(&p->folder) != 0)
        return -1;
    if (disk)
        assert_int_equal(
            store_open_rocks(folder_path(&p->folder, p->dir, "store"), CACHE, &p->s, NULL), WS_OK);
    else
        p->s = store_open_memory();
    *state = p;
    return 0;
}
static int set_up_rocks(void **state) {
    return set_up(state, true);
}
static int set_up_memory(void **state) {
    return set_up(state, false);
}
static int tear_down(void **state) {
    struct place *p = *state;
    store_close(p->s);
    int rc = p->disk ? folder_remove(&p->folder) : 0;
    free(p);
    return rc;
}

static struct span text(const char *s) {
    return span_of(s, strlen(s));
}

static void put(struct store_batch *b, enum store_space space, const char *key, const char *value) {
    store_batch_put(b, space, text(key), text(value));
}

static void write_ok(struct store_batch *b) {
    struct ws_err err = {0};
    if (store_batch_write(b, &err) != WS_OK)
        fail_msg("%s", err.text);
}

static bool join(void *ctx, struct span key, struct span value) {
    buf_printf(
        ctx, "%.*s=%.*s;", (int)key.n, (const char *)key.p, (int)value.n, (const char *)value.p);
    return true;
}

static void holds(struct store *s, enum store_space space, const char *want) {
    struct buf b = {0};
    assert_int_equal(store_each(s, space, text(""), text(""), join, &b, NULL), WS_OK);
    buf_u8(&b, 0);
    assert_string_equal((const char *)b.p, want);
    buf_free(&b);
}

static void a_view_stays_as_it_was(void **state) {
    struct place *p = *state;
    struct store_batch *b = store_batch_new(p->s);
    put(b, STORE_STATE, "", "empty");
    put(b, STORE_STATE, "a", "1");
    put(b, STORE_STATE, "b", "2");
    write_ok(b);
    struct store *v = store_view(p->s);
    b = store_batch_new(p->s);
    put(b, STORE_STATE, "a", "changed");
    put(b, STORE_STATE, "c", "3");
    store_batch_del(b, STORE_STATE, text("b"));
    write_ok(b);
    holds(v, STORE_STATE, "=empty;a=1;b=2;");
    holds(p->s, STORE_STATE, "=empty;a=changed;c=3;");
    struct buf key = {0};
    struct buf value = {0};
    assert_int_equal(store_last(v, STORE_STATE, text(""), &key, &value, NULL), WS_OK);
    assert_true(span_equal(buf_span(&key), text("b")));
    buf_clear(&value);
    assert_int_equal(store_get(v, STORE_STATE, text("a"), &value, NULL), WS_OK);
    assert_true(span_equal(buf_span(&value), text("1")));
    assert_int_equal(store_get(v, STORE_STATE, text("c"), &value, NULL), WS_ENOTFOUND);
    buf_free(&key);
    buf_free(&value);
    store_close(v);
}

static void ranges_go_in_the_order_of_the_batch(void **state) {
    struct place *p = *state;
    struct store_batch *b = store_batch_new(p->s);
    put(b, STORE_EVENT, "a", "1");
    put(b, STORE_EVENT, "b", "2");
    put(b, STORE_EVENT, "bb", "3");
    put(b, STORE_EVENT, "c", "4");
    put(b, STORE_BLOCK, "b", "another space");
    write_ok(b);
    b = store_batch_new(p->s);
    store_batch_del_range(b, STORE_EVENT, text("b"), text("c"));
    put(b, STORE_EVENT, "bz", "5");
    store_batch_del_range(b, STORE_EVENT, text("x"), text("x"));
    write_ok(b);
    holds(p->s, STORE_EVENT, "a=1;bz=5;c=4;");
    holds(p->s, STORE_BLOCK, "b=another space;");
}

static void reading_needs_no_lock_and_changes_nothing(void **state) {
    struct place *p = *state;
    struct store_batch *b = store_batch_new(p->s);
    put(b, STORE_META, "k", "v");
    write_ok(b);
    struct store *r = NULL;
    struct ws_err err = {0};
    /* Once beside the writer, once alone. */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(store_open_rocks_read(p->dir, CACHE, &r, &err), WS_OK);
        holds(r, STORE_META, "k=v;");
        struct store *v = store_view(r);
        holds(v, STORE_META, "k=v;");
        store_close(v);
        store_close(r);
        if (i == 0) {
            store_close(p->s);
            p->s = NULL;
        }
    }
    char none[FOLDER_PATH];
    assert_int_equal(
        store_open_rocks_read(folder_path(&p->folder, none, "none"), CACHE, &r, &err), WS_EIO);
    assert_int_equal(store_open_rocks_read(p->folder.top, CACHE, &r, &err), WS_ENOTFOUND);
    assert_non_null(strstr(err.text, "no store is here"));
}

static void height_key(uint8_t dst[8], uint64_t h) {
    put_be64(dst, h);
}

/* 64 MiB that does not compress; deleted, compacted, and the disk is free again. */
static void disk_is_given_back(void **state) {
    struct place *p = *state;
    enum { HEIGHTS = 512, OCTETS = 128 << 10 };
    struct ws_random random = ws_random_seeded(7);
    uint8_t *value = ws_alloc(OCTETS);
    uint8_t key[8];
    for (uint64_t h = 1; h <= HEIGHTS; h++) {
        struct store_batch *b = store_batch_new(p->s);
        ws_random_bytes(&random, value, OCTETS);
        height_key(key, h);
        store_batch_put(b, STORE_BLOCK, span_of(key, 8), span_of(value, OCTETS));
        write_ok(b);
    }
    free(value);
    uint64_t full = store_disk_octets(p->s);
    assert_true(full > (uint64_t)HEIGHTS * OCTETS);
    struct store_batch *b = store_batch_new(p->s);
    uint8_t from[8] = {0};
    height_key(key, HEIGHTS - 8);
    store_batch_del_range(b, STORE_BLOCK, span_of(from, 8), span_of(key, 8));
    write_ok(b);
    struct ws_err err = {0};
    if (store_compact(p->s, STORE_BLOCK, span_of(from, 8), span_of(key, 8), &err) != WS_OK)
        fail_msg("%s", err.text);
    uint64_t after = store_disk_octets(p->s);
    print_message(
        "%llu octets before, %llu after\n", (unsigned long long)full, (unsigned long long)after);
    assert_true(after < full / 4);
    struct buf v = {0};
    assert_int_equal(store_get(p->s, STORE_BLOCK, span_of(key, 8), &v, NULL), WS_OK);
    assert_int_equal(v.n, OCTETS);
    buf_free(&v);
}

/* ---- undo ---- */

static void block(struct place *p, uint64_t height, const char *const *changes, size_t n) {
    struct store_batch *b = store_batch_new(p->s);
    for (size_t i = 0; i < n; i += 2) {
        if (changes[i + 1] == NULL)
            store_batch_del(b, STORE_STATE, text(changes[i]));
        else
            put(b, STORE_STATE, changes[i], changes[i + 1]);
    }
    put(b, STORE_META, "not state", "1");
    struct ws_err err = {0};
    assert_int_equal(undo_put(b, height, 2, &err), WS_OK);
    write_ok(b);
}

static void undo_is(struct place *p, uint64_t height, const char *want) {
    struct undo u;
    struct buf b = {0};
    assert_int_equal(undo_read(p->s, height, &u, NULL), WS_OK);
    for (size_t i = 0; i < u.n; i++) {
        buf_put(&b, u.entry[i].key.p, u.entry[i].key.n);
        buf_printf(&b, "%s", u.entry[i].had ? "=" : "-");
        if (u.entry[i].had)
            buf_put(&b, u.entry[i].value.p, u.entry[i].value.n);
        buf_printf(&b, ";");
    }
    buf_u8(&b, 0);
    assert_string_equal((const char *)b.p, want);
    buf_free(&b);
    undo_free(&u);
}

static void undo_says_what_was_before(void **state) {
    struct place *p = *state;
    const char *const one[] = {"b", "1", "a", "1", "b", "2"};
    const char *const two[] = {"a", NULL, "c", "", "b", "3", "never", NULL};
    const char *const three[] = {"c", NULL};
    block(p, 1, one, 6);
    undo_is(p, 1, "a-;b-;");
    block(p, 2, two, 8);
    undo_is(p, 2, "a=1;b=2;c-;never-;");
    block(p, 3, three, 2);
    undo_is(p, 3, "c=;");
    /* Two are kept. */
    struct undo u;
    struct ws_err err = {0};
    assert_int_equal(undo_read(p->s, 1, &u, &err), WS_ENOTFOUND);
    assert_non_null(strstr(err.text, "block 1"));
    undo_is(p, 2, "a=1;b=2;c-;never-;");
}

static void a_damaged_undo_is_refused(void **state) {
    struct place *p = *state;
    const char *const one[] = {"a", "1", "b", "2"};
    block(p, 1, one, 4);
    block(p, 2, one, 4);
    uint8_t key[8];
    height_key(key, 2);
    struct buf good = {0};
    assert_int_equal(store_get(p->s, STORE_UNDO, span_of(key, 8), &good, NULL), WS_OK);
    for (size_t n = 0; n <= good.n; n++) {
        struct store_batch *b = store_batch_new(p->s);
        struct buf bad = {0};
        buf_put(&bad, good.p, n);
        if (n == good.n)
            buf_u8(&bad, 0); /* one octet more */
        store_batch_put(b, STORE_UNDO, span_of(key, 8), buf_span(&bad));
        write_ok(b);
        struct undo u;
        struct ws_err err = {0};
        assert_int_equal(undo_read(p->s, 2, &u, &err), WS_EINPUT);
        assert_non_null(strstr(err.text, "undo record of block 2 is damaged"));
        buf_free(&bad);
    }
    buf_free(&good);
}

/* ---- filling ---- */

static void sorted_pairs_fill_a_space(void **state) {
    struct place *p = *state;
    enum { PAIRS = 200, OCTETS = 1 << 20 }; /* several files */
    uint8_t *value = ws_alloc(OCTETS);
    struct ws_err err = {0};
    struct store_batch *b = store_batch_new(p->s);
    put(b, STORE_STATE, "\x01zz",
        "old"); /* deleted below: must not come back, nor hide what is filled in */
    write_ok(b);
    b = store_batch_new(p->s);
    store_batch_del_range(b, STORE_STATE, text(""), text("\x7f"));
    put(b, STORE_META, "mark", "1");
    write_ok(b);
    struct store_bulk *bulk = store_bulk_new(p->s, STORE_STATE);
    struct ws_random random = ws_random_seeded(9);
    for (uint32_t i = 0; i < PAIRS; i++) {
        uint8_t key[6] = {1};
        put_be32(key + 1, i);
        ws_random_bytes(&random, value, OCTETS);
        if (store_bulk_put(bulk, span_of(key, i == 7 ? 5 : 6), span_of(value, OCTETS), &err) !=
            WS_OK)
            fail_msg("%s", err.text);
    }
    assert_int_equal(store_bulk_end(bulk, &err), WS_OK);
    b = store_batch_new(p->s);
    put(b, STORE_STATE, "\x02", "after");
    store_batch_del(b, STORE_META, text("mark"));
    write_ok(b);
    if (p->disk) {
        store_close(p->s);
        assert_int_equal(store_open_rocks(p->dir, CACHE, &p->s, NULL), WS_OK);
    }
    struct buf v = {0};
    random = ws_random_seeded(9);
    for (uint32_t i = 0; i < PAIRS; i++) {
        uint8_t key[6] = {1};
        put_be32(key + 1, i);
        ws_random_bytes(&random, value, OCTETS);
        buf_clear(&v);
        assert_int_equal(
            store_get(p->s, STORE_STATE, span_of(key, i == 7 ? 5 : 6), &v, NULL), WS_OK);
        assert_true(span_equal(buf_span(&v), span_of(value, OCTETS)));
    }
    buf_clear(&v);
    assert_int_equal(store_get(p->s, STORE_STATE, text("\x01zz"), &v, NULL), WS_ENOTFOUND);
    assert_int_equal(store_get(p->s, STORE_STATE, text("\x02"), &v, NULL), WS_OK);
    buf_free(&v);
    free(value);
    /* Given up: nothing is left in the way of the next. */
    bulk = store_bulk_new(p->s, STORE_STATE);
    assert_int_equal(store_bulk_put(bulk, text("\x03"), text("x"), &err), WS_OK);
    store_bulk_free(bulk);
    bulk = store_bulk_new(p->s, STORE_STATE);
    assert_int_equal(store_bulk_put(bulk, text("\x04"), text("x"), &err), WS_OK);
    assert_int_equal(store_bulk_end(bulk, &err), WS_OK);
}

/* ---- points ---- */

static bool fail_at(void *ctx, enum store_point at) {
    return at != *(enum store_point *)ctx;
}

static void a_batch_can_fail_before_and_after(void **state) {
    struct place *p = *state;
    for (enum store_point at = 0; at < STORE_POINT_COUNT; at++) {
        void *made = NULL;
        if (set_up(&made, p->disk) != 0 || made == NULL)
            fail();
        if (made == NULL)
            return;
        struct place *fresh = made;
        store_on_point(fresh->s, fail_at, &at);
        struct store_batch *b = store_batch_new(fresh->s);
        put(b, STORE_META, "k", "v");
        struct ws_err err = {0};
        assert_int_equal(store_batch_write(b, &err), WS_EIO);
        /* Nobody is told anything any more until it is opened again. */
        struct buf v = {0};
        assert_int_equal(store_get(fresh->s, STORE_META, text("k"), &v, &err), WS_EIO);
        if (fresh->disk) {
            store_close(fresh->s);
            assert_int_equal(store_open_rocks(fresh->dir, CACHE, &fresh->s, NULL), WS_OK);
        } else {
            store_memory_reopen(fresh->s);
        }
        holds(fresh->s, STORE_META, at == STORE_POINT_WRITTEN ? "k=v;" : "");
        assert_int_equal(tear_down(&made), 0);
    }
}

#define BOTH(t)                                                                                    \
    {#t " (memory)", t, set_up_memory, tear_down, NULL}, {                                         \
#t " (rocks)", t, set_up_rocks, tear_down, NULL                                            \
    }

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(a_view_stays_as_it_was),
        BOTH(ranges_go_in_the_order_of_the_batch),
        cmocka_unit_test_setup_teardown(
            reading_needs_no_lock_and_changes_nothing, set_up_rocks, tear_down),
        cmocka_unit_test_setup_teardown(disk_is_given_back, set_up_rocks, tear_down),
        BOTH(undo_says_what_was_before),
        BOTH(a_damaged_undo_is_refused),
        BOTH(sorted_pairs_fill_a_space),
        BOTH(a_batch_can_fail_before_and_after),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
