/* ledger/snapshot: taking blocks back, finding where two states differ, bundles of a divergence. */
#include "tests/support/cm.h"
#include "tests/support/folder.h"

#include "ledger/exec/hash.h"
#include "ledger/snapshot/diff.h"
#include "ledger/snapshot/make.h"
#include "ledger/snapshot/meta.h"
#include "ledger/snapshot/rollback.h"
#include "tests/support/chain.h"

struct place {
    struct folder folder;
    struct store *s[2];
    struct chain c[2];
};

/* Two nodes of one cell that have done the same so far. */
static int set_up(void **state) {
    struct place *p = ws_alloc(sizeof(*p));
    if (folder_make(&p->folder) != 0)
        return -1;
    for (int i = 0; i < 2; i++) {
        p->s[i] = store_open_memory();
        chain_open(&p->c[i], p->s[i], 3, 5);
        for (int k = 0; k < 6; k++)
            chain_block(&p->c[i], 40, 200);
    }
    *state = p;
    return 0;
}

static int tear_down(void **state) {
    struct place *p = *state;
    for (int i = 0; i < 2; i++) {
        chain_close(&p->c[i]);
        store_close(p->s[i]);
    }
    int rc = folder_remove(&p->folder);
    free(p);
    return rc;
}

static struct span text(const char *s) {
    return span_of(s, strlen(s));
}

static bool put_pair(void *ctx, struct span key, struct span value) {
    buf_var(ctx, key);
    buf_var(ctx, value);
    return true;
}

static void all_of(struct store *s, enum store_space space, struct buf *ret) {
    buf_clear(ret);
    assert_int_equal(store_each(s, space, text(""), text(""), put_pair, ret, NULL), WS_OK);
}

/* ---- rollback ---- */

static void a_block_is_taken_back(void **state) {
    struct place *p = *state;
    struct buf want = {0};
    struct buf got = {0};
    struct ws_err err = {0};
    struct rollback_done done;
    struct meta_node before;
    struct meta_node after;
    all_of(p->s[0], STORE_STATE, &want);
    assert_int_equal(meta_read_node(p->s[0], &before, NULL), WS_OK);
    chain_block(&p->c[0], 60, 300);
    chain_block(&p->c[0], 60, 300);
    /* A transaction and an event of the last block, one of an older one. */
    struct store_batch *b = store_batch_new(p->s[0]);
    struct event e = {.contract = 2, .type = 7, .height = 8, .body = text("body")};
    struct buf o = {0};
    event_encode(&e, &o);
    uint8_t index[15] = {2, 0, 7, 0, 0, 0, 0, 0, 0, 0, 8};
    store_batch_put(b, STORE_EVENT, span_of(index + 3, 12), buf_span(&o));
    store_batch_put(b, STORE_INDEX, span_of(index, 15), text(""));
    uint8_t where[15] = {0, 0, 0, 0, 0, 0, 0, 8};
    store_batch_put(b, STORE_TX, text("of 8"), span_of(where, 15));
    where[7] = 6;
    store_batch_put(b, STORE_TX, text("of 6"), span_of(where, 15));
    assert_int_equal(store_batch_write(b, NULL), WS_OK);
    buf_free(&o);

    if (rollback(p->s[0], 6, &done, &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(done.from, 8);
    assert_int_equal(done.to, 6);
    all_of(p->s[0], STORE_STATE, &got);
    assert_int_equal(got.n, want.n);
    assert_memory_equal(got.p, want.p, want.n);
    assert_int_equal(meta_read_node(p->s[0], &after, NULL), WS_OK);
    assert_int_equal(after.height, 6);
    assert_memory_equal(after.state_root, before.state_root, 32);
    assert_memory_equal(after.cell_id, before.cell_id, 32);
    uint64_t floor = 0;
    assert_int_equal(meta_read_floor(p->s[0], &floor, NULL), WS_OK);
    assert_int_equal(floor, 8);
    uint64_t tip = 0;
    assert_int_equal(snapshot_tip(p->s[0], &tip, NULL), WS_OK);
    assert_int_equal(tip, 6);
    all_of(p->s[0], STORE_EVENT, &got);
    assert_int_equal(got.n, 0);
    all_of(p->s[0], STORE_INDEX, &got);
    assert_int_equal(got.n, 0);
    buf_clear(&got);
    assert_int_equal(store_get(p->s[0], STORE_TX, text("of 8"), &got, NULL), WS_ENOTFOUND);
    assert_int_equal(store_get(p->s[0], STORE_TX, text("of 6"), &got, NULL), WS_OK);
    /* Committed blocks stay. */
    uint8_t key[8] = {0, 0, 0, 0, 0, 0, 0, 8};
    assert_int_equal(store_get(p->s[0], STORE_BLOCK, span_of(key, 8), &got, NULL), WS_OK);
    assert_int_equal(store_get(p->s[0], STORE_COMMIT, span_of(key, 8), &got, NULL), WS_OK);
    /* Once more, and not forward. */
    assert_int_equal(rollback(p->s[0], 6, &done, &err), WS_EINPUT);
    assert_int_equal(rollback(p->s[0], 0, &done, &err), WS_EINPUT);
    assert_int_equal(rollback(p->s[0], 5, &done, &err), WS_OK);
    assert_int_equal(meta_read_floor(p->s[0], &floor, NULL), WS_OK);
    assert_int_equal(floor, 8);
    buf_free(&want);
    buf_free(&got);
}

static void too_far_back_is_refused(void **state) {
    struct place *p = *state;
    struct rollback_done done;
    struct ws_err err = {0};
    for (int i = 0; i < 20; i++)
        chain_block(&p->c[0], 5, 50);
    struct buf want = {0};
    struct buf got = {0};
    all_of(p->s[0], STORE_STATE, &want);
    assert_int_equal(rollback(p->s[0], 9, &done, &err), WS_ENOTFOUND); /* 16 are kept */
    assert_non_null(strstr(err.text, "undo records of 16 blocks"));
    /* State that was already wrong then does not come right. */
    struct buf key = {0};
    entry_key_put(&key, 1, text("surplus"));
    struct store_batch *b = store_batch_new(p->s[0]);
    store_batch_put(b, STORE_STATE, buf_span(&key), text("x"));
    assert_int_equal(store_batch_write(b, NULL), WS_OK);
    assert_int_equal(rollback(p->s[0], 20, &done, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "nothing was changed"));
    b = store_batch_new(p->s[0]);
    store_batch_del(b, STORE_STATE, buf_span(&key));
    assert_int_equal(store_batch_write(b, NULL), WS_OK);
    all_of(p->s[0], STORE_STATE, &got);
    assert_int_equal(got.n, want.n);
    assert_int_equal(rollback(p->s[0], 20, &done, &err), WS_OK);
    struct store *none = store_open_memory();
    assert_int_equal(rollback(none, 1, &done, &err), WS_ENOTFOUND);
    store_close(none);
    buf_free(&key);
    buf_free(&want);
    buf_free(&got);
}

/* ---- differences ---- */

static void first_key(
    const struct diff *d, size_t contract, const char *key, const char *a, const char *b) {
    const struct diff_contract *c = &d->contract[contract];
    assert_true(c->differs);
    assert_true(c->found);
    assert_true(span_equal(buf_span(&c->key), text(key)));
    assert_int_equal(c->value[0].there, a != NULL);
    assert_int_equal(c->value[1].there, b != NULL);
    if (a != NULL)
        assert_true(span_equal(buf_span(&c->value[0].octets), text(a)));
    if (b != NULL)
        assert_true(span_equal(buf_span(&c->value[1].octets), text(b)));
}

static void stores(struct place *p, struct diff *ret) {
    struct diff_side *a = NULL;
    struct diff_side *b = NULL;
    struct ws_err err = {0};
    assert_int_equal(diff_of_store(p->s[0], &a, &err), WS_OK);
    assert_int_equal(diff_of_store(p->s[1], &b, &err), WS_OK);
    if (diff_states(a, b, ret, &err) != WS_OK)
        fail_msg("%s", err.text);
    diff_side_free(a);
    diff_side_free(b);
}

static void stores_are_compared_key_by_key(void **state) {
    struct place *p = *state;
    struct diff d;
    stores(p, &d);
    assert_int_equal(d.height, 6);
    assert_int_equal(d.n, 3);
    for (size_t i = 0; i < 3; i++)
        assert_false(d.contract[i].differs);
    diff_free(&d);
    static const struct {
        const char *a, *b;
    } cases[] = {{"1", "2"}, {"1", NULL}, {NULL, "2"}, {"", NULL}, {"", "x"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char key[16];
        (void)snprintf(key, sizeof(key), "key %zu", i);
        for (int k = 0; k < 2; k++) {
            const char *v = k == 0 ? cases[i].a : cases[i].b;
            if (v != NULL)
                chain_put(&p->c[k], 1, text(key), text(v));
            chain_commit(&p->c[k]);
        }
        stores(p, &d);
        assert_false(d.contract[0].differs);
        first_key(&d, 1, key, cases[i].a, cases[i].b);
        assert_false(d.contract[2].differs);
        diff_free(&d);
        /* Both sides are back together. */
        for (int k = 0; k < 2; k++) {
            state_del(p->c[k].state, 1, text(key));
            chain_commit(&p->c[k]);
        }
    }
    /* One is ahead: it is taken back. */
    chain_put(&p->c[0], 2, text("only here"), text("1"));
    chain_commit(&p->c[0]);
    stores(p, &d);
    for (size_t i = 0; i < 3; i++)
        assert_false(d.contract[i].differs);
    diff_free(&d);
    for (int i = 0; i < 20; i++)
        chain_commit(&p->c[0]);
    struct diff_side *a = NULL;
    struct diff_side *b = NULL;
    struct ws_err err = {0};
    assert_int_equal(diff_of_store(p->s[0], &a, NULL), WS_OK);
    assert_int_equal(diff_of_store(p->s[1], &b, NULL), WS_OK);
    assert_int_equal(diff_states(a, b, &d, &err), WS_ENOTFOUND);
    assert_non_null(strstr(err.text, "no height in common"));
    diff_free(&d);
    diff_side_free(a);
    diff_side_free(b);
}

/* Large contracts, so that the trees have an upper part to walk. */
static void a_snapshot_against_a_store(void **state) {
    struct place *p = *state;
    for (int k = 0; k < 2; k++)
        chain_block(&p->c[k], 600, 20000);
    chain_put(&p->c[1], 2, text("late"), text("surplus"));
    for (int k = 0; k < 2; k++)
        chain_commit(&p->c[k]); /* height 8: state differs */
    struct manifest *m = ws_alloc(sizeof(*m));
    struct ws_err err = {0};
    chain_commit(&p->c[0]);
    struct snapshot_make how = {.store = p->s[0], .folder = p->folder.top};
    assert_int_equal(snapshot_make(&how, m, &err), WS_OK);
    char path[FOLDER_PATH];
    char name[SNAPSHOT_NAME];
    snapshot_name(name, 8);
    struct snapshot *s = NULL;
    assert_int_equal(snapshot_open(folder_path(&p->folder, path, name), &s, &err), WS_OK);
    for (int swap = 0; swap < 2; swap++) {
        struct diff_side *a = diff_of_snapshot(s);
        struct diff_side *b = NULL;
        struct diff d;
        assert_int_equal(diff_of_store(p->s[1], &b, NULL), WS_OK);
        int rc = swap == 0 ? diff_states(a, b, &d, &err) : diff_states(b, a, &d, &err);
        if (rc != WS_OK)
            fail_msg("%s", err.text);
        assert_int_equal(d.height, 8);
        assert_false(d.contract[0].differs);
        assert_false(d.contract[1].differs);
        if (swap == 0)
            first_key(&d, 2, "late", NULL, "surplus");
        else
            first_key(&d, 2, "late", "surplus", NULL);
        diff_free(&d);
        /* With itself. */
        assert_int_equal(diff_states(a, a, &d, NULL), WS_OK);
        for (size_t i = 0; i < 3; i++)
            assert_false(d.contract[i].differs);
        diff_free(&d);
        diff_side_free(a);
        diff_side_free(b);
    }
    snapshot_close(s);
    free(m);
}

/* ---- bundles ---- */

static void bundle_of(struct store *s, struct buf *octets, struct bundle *ret) {
    struct ws_err err = {0};
    struct header next = {.height = 8};
    struct commit commit = {.height = 8, .n = 1, .present = {true}};
    struct bundle_about about = {"wayside test", "roots differ", NULL, &next, &commit, 0};
    buf_clear(octets);
    if (bundle_make(s, &about, octets, &err) != WS_OK)
        fail_msg("%s", err.text);
    if (bundle_read(buf_span(octets), ret, &err) != WS_OK)
        fail_msg("%s", err.text);
}

static void bundles_name_the_key(void **state) {
    struct place *p = *state;
    chain_put(&p->c[0], 1, text("both"), text("1"));
    chain_put(&p->c[1], 1, text("both"), text("2"));
    chain_put(&p->c[1], 2, text("one side"), text("3"));
    for (int k = 0; k < 2; k++)
        chain_commit(&p->c[k]);
    struct bundle b[2];
    struct buf o[2] = {{0}};
    for (int k = 0; k < 2; k++)
        bundle_of(p->s[k], &o[k], &b[k]);
    assert_int_equal(b[0].height, 7);
    assert_string_equal(b[0].software, "wayside test");
    assert_string_equal(b[0].why, "roots differ");
    assert_int_equal(b[0].n, 3);
    assert_int_equal(b[0].n_recent, 7);
    assert_int_equal(b[0].recent[0].height, 7);
    assert_int_equal(b[0].n_changes, 1);
    assert_int_equal(b[1].n_changes, 2);
    assert_true(b[0].has_next);
    assert_true(b[0].block.n > HEADER_OCTETS);
    struct diff d;
    struct ws_err err = {0};
    struct diff_side *side[3] = {diff_of_bundle(&b[0]), diff_of_bundle(&b[1]), NULL};
    assert_int_equal(diff_states(side[0], side[1], &d, &err), WS_OK);
    assert_false(d.contract[0].differs);
    first_key(&d, 1, "both", "1", "2");
    first_key(&d, 2, "one side", NULL, "3");
    diff_free(&d);
    /* Against the store of the other, which is ahead by now. */
    chain_commit(&p->c[1]);
    assert_int_equal(diff_of_store(p->s[1], &side[2], NULL), WS_OK);
    assert_int_equal(diff_states(side[0], side[2], &d, &err), WS_OK);
    first_key(&d, 1, "both", "1", "2");
    assert_true(d.contract[2].differs); /* seen by the root alone */
    assert_false(d.contract[2].found);
    diff_free(&d);
    for (int k = 0; k < 3; k++)
        diff_side_free(side[k]);
    for (int k = 0; k < 2; k++) {
        bundle_free(&b[k]);
        buf_free(&o[k]);
    }
}

static void damaged_bundles_are_refused(void **state) {
    struct place *p = *state;
    chain_put(&p->c[0], 1, text("both"), text("1"));
    chain_commit(&p->c[0]);
    struct bundle b;
    struct buf o = {0};
    bundle_of(p->s[0], &o, &b);
    bundle_free(&b);
    struct ws_err err = {0};
    for (size_t n = 0; n < o.n; n++)
        assert_int_not_equal(bundle_read(span_of(o.p, n), &b, &err), WS_OK);
    for (size_t i = 0; i < o.n; i++) {
        o.p[i] ^= (uint8_t)(1U << (i % 8));
        assert_int_not_equal(bundle_read(buf_span(&o), &b, &err), WS_OK);
        o.p[i] ^= (uint8_t)(1U << (i % 8));
    }
    buf_free(&o);
}

#define HERE(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        HERE(a_block_is_taken_back),
        HERE(too_far_back_is_refused),
        HERE(stores_are_compared_key_by_key),
        HERE(a_snapshot_against_a_store),
        HERE(bundles_name_the_key),
        HERE(damaged_bundles_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
