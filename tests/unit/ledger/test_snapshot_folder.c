/* ledger/snapshot/folder: wherever the power goes while a snapshot is put onto the folder of a validator, the restore can be begun
 * again, and nothing starts on the folder that does not know what the validator may have said. */
#include "tests/support/cm.h"
#include "tests/support/folder.h"

#include "ledger/snapshot/folder.h"
#include "ledger/snapshot/make.h"
#include "ledger/snapshot/meta.h"
#include "ledger/snapshot/scan.h"
#include "ledger/store/fault.h"
#include "ledger/store/wal.h"
#include "tests/support/chain.h"

enum { SAID = 42 }; /* the highest height of which the logs speak */

struct place {
    struct folder folder;
    struct store *s;
    struct chain chain;
    struct snapshot *snapshot;
    struct store *into;
};

static const char *const names[] = {FOLDER_LOG_EVEN, FOLDER_LOG_ODD};

static int set_up(void **state) {
    struct place *p = ws_alloc(sizeof(*p));
    if (folder_make(&p->folder) != 0)
        return -1;
    p->s = store_open_memory();
    chain_open(&p->chain, p->s, 3, 11);
    for (int i = 0; i < 3; i++)
        chain_block(&p->chain, 30, 200);
    struct manifest *m = ws_alloc(sizeof(*m));
    char name[SNAPSHOT_NAME];
    char path[FOLDER_PATH];
    struct snapshot_make how = {.store = p->s, .folder = p->folder.top};
    if (snapshot_make(&how, m, NULL) != WS_OK)
        return -1;
    snapshot_name(name, m->last.height);
    free(m);
    *state = p;
    return snapshot_open(folder_path(&p->folder, path, name), &p->snapshot, NULL) == WS_OK ? 0 : -1;
}

static int tear_down(void **state) {
    struct place *p = *state;
    snapshot_close(p->snapshot);
    chain_close(&p->chain);
    store_close(p->s);
    int rc = folder_remove(&p->folder);
    free(p);
    return rc;
}

/* ---- a folder ---- */

static void write_log(struct place *p, size_t log, uint64_t height) {
    char path[FOLDER_PATH];
    struct wal *w = NULL;
    uint8_t event[10] = {1};
    put_be64(event + 1, height);
    assert_int_equal(
        wal_open_file(folder_path(&p->folder, path, names[log]), &w, NULL, NULL), WS_OK);
    assert_int_equal(wal_append(w, 1, span_of(event, sizeof(event)), NULL), WS_OK);
    assert_int_equal(wal_append(w, 2, span_of("a block", 7), NULL), WS_OK);
    assert_int_equal(wal_sync(w, NULL), WS_OK);
    wal_close(w);
}

static bool has_log(struct place *p, size_t log, const char *more) {
    char name[64];
    char path[FOLDER_PATH];
    (void)snprintf(name, sizeof(name), "%s%s", names[log], more);
    return access(folder_path(&p->folder, path, name), F_OK) == 0;
}

/* A validator that said its last word at SAID; its store is gone. */
static void lose_store(struct place *p) {
    for (size_t i = 0; i < 2; i++) {
        char name[64];
        char path[FOLDER_PATH];
        (void)snprintf(name, sizeof(name), "%s" FOLDER_LOG_ASIDE, names[i]);
        (void)remove(folder_path(&p->folder, path, name));
        (void)remove(folder_path(&p->folder, path, names[i]));
        write_log(p, i, SAID - i);
    }
    p->into = store_open_memory();
}

static uint64_t floor_of(struct place *p) {
    uint64_t floor = 0;
    assert_int_equal(meta_read_floor(p->into, &floor, NULL), WS_OK);
    return floor;
}

static bool is_marked(struct place *p) {
    uint64_t height = 0;
    assert_int_equal(meta_read_restoring(p->into, &height, NULL), WS_OK);
    return height != 0;
}

static bool is_whole(struct place *p) {
    struct meta_node at = {.height = 0};
    return meta_read_node(p->into, &at, NULL) == WS_OK && at.height > 0;
}

/* ---- where it ends ---- */

enum { PLACES = FOLDER_POINT_COUNT + 4 };

struct end {
    int at; /* folder points, then before and after the first batch, before and after the second */
    int batches;
    bool met;
};

static bool stop_at(void *ctx, enum folder_point at) {
    struct end *e = ctx;
    e->met = e->met || (int)at == e->at;
    return (int)at != e->at;
}

static bool stop_in_batch(void *ctx, enum store_point at) {
    struct end *e = ctx;
    e->batches += at == STORE_POINT_WRITE;
    bool here = e->at == FOLDER_POINT_COUNT + 2 * (e->batches - 1) + (at == STORE_POINT_WRITTEN);
    e->met = e->met || here;
    return !here;
}

static int restore(struct place *p, struct end *e, struct ws_err *err) {
    struct folder_restore how = {.from = p->snapshot,
        .data = p->folder.top,
        .into = p->into,
        .point = e == NULL ? NULL : stop_at,
        .ctx = e};
    store_on_point(p->into, e == NULL ? NULL : stop_in_batch, e);
    int rc = folder_restore(&how, err);
    store_on_point(p->into, NULL, NULL);
    store_memory_reopen(p->into); /* the next process */
    return rc;
}

/* What a daemon that is started now could do. */
static void assert_safe(struct place *p, int at) {
    if (is_marked(p)) /* it refuses (recover_state) */
        return;
    bool logs = has_log(p, 0, "") && has_log(p, 1, "");
    if (is_whole(p) ? floor_of(p) != SAID || logs : !logs)
        fail_msg("place %d: whole %d, floor %llu, logs %d", at, is_whole(p),
            (unsigned long long)floor_of(p), logs);
}

static void assert_restored(struct place *p) {
    struct meta_node at;
    hash32 roots[STATE_CONTRACTS_MAX];
    hash32 root;
    struct scan scan = {.store = p->into};
    assert_false(is_marked(p));
    assert_int_equal(floor_of(p), SAID);
    assert_int_equal(meta_read_node(p->into, &at, NULL), WS_OK);
    assert_int_equal(at.height, snapshot_manifest(p->snapshot)->last.height);
    assert_int_equal(scan_state_root(&scan, 3, roots, root, NULL), WS_OK);
    assert_memory_equal(root, at.state_root, 32);
    for (size_t i = 0; i < 2; i++) {
        assert_false(has_log(p, i, ""));
        assert_true(has_log(p, i, FOLDER_LOG_ASIDE));
    }
}

/* Once, and a second time at any place of the second try. */
static void power_may_go_anywhere(void **state) {
    struct place *p = *state;
    for (int first = 0; first < PLACES; first++) {
        for (int second = 0; second <= PLACES; second++) {
            struct ws_err err = {0};
            struct end a = {.at = first};
            struct end b = {.at = second};
            lose_store(p);
            assert_int_not_equal(restore(p, &a, &err), WS_OK);
            assert_true(a.met);
            assert_safe(p, first);
            bool whole = is_whole(p);
            int rc = restore(p, second == PLACES ? NULL : &b, &err);
            assert_safe(p, second);
            if (whole)
                assert_int_equal(rc, b.met ? WS_EIO : WS_EEXIST);
            else
                assert_int_equal(rc == WS_OK, second == PLACES);
            if (rc != WS_OK && !is_whole(p))
                assert_int_equal(restore(p, NULL, &err), WS_OK);
            assert_restored(p);
            store_close(p->into);
        }
    }
}

/* What was put aside speaks for the validator as long as it is there, and a floor never sinks. */
static void what_was_put_aside_counts(void **state) {
    struct place *p = *state;
    lose_store(p);
    assert_int_equal(restore(p, NULL, NULL), WS_OK);
    assert_restored(p);
    store_close(p->into);
    p->into = store_open_memory(); /* lost again */
    write_log(p, 1, 7);
    assert_int_equal(restore(p, NULL, NULL), WS_OK);
    assert_int_equal(floor_of(p), SAID);
    store_close(p->into);
    lose_store(p);
    struct store_batch *b = store_batch_new(p->into);
    meta_put_floor(b, SAID + 10);
    assert_int_equal(store_batch_write(b, NULL), WS_OK);
    assert_int_equal(restore(p, NULL, NULL), WS_OK);
    assert_int_equal(floor_of(p), SAID + 10);
    store_close(p->into);
}

/* A log that cannot be read is no reason to forget it: nothing has changed. */
static void a_damaged_log_stops_it(void **state) {
    struct place *p = *state;
    char path[FOLDER_PATH];
    struct ws_err err = {0};
    lose_store(p);
    FILE *f = fopen(folder_path(&p->folder, path, FOLDER_LOG_ODD), "r+b");
    assert_non_null(f);
    assert_int_equal(fputc('x', f), 'x');
    assert_int_equal(fclose(f), 0);
    assert_int_not_equal(restore(p, NULL, &err), WS_OK);
    assert_non_null(strstr(err.text, FOLDER_LOG_ODD));
    assert_false(is_marked(p));
    assert_false(is_whole(p));
    assert_true(has_log(p, 0, "") && has_log(p, 1, ""));
    store_close(p->into);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define HERE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        HERE(power_may_go_anywhere),
        HERE(what_was_put_aside_counts),
        HERE(a_damaged_log_stops_it),
#undef HERE
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
