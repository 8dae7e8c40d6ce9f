/* A whole cell whose stores are taken back, lost and restored, pruned, and whose states come apart. */
#include "tests/support/cm.h"
#include "tests/support/folder.h"

#include "ledger/exec/hash.h"
#include "ledger/snapshot/diff.h"
#include "ledger/snapshot/make.h"
#include "ledger/snapshot/meta.h"
#include "ledger/snapshot/prune.h"
#include "ledger/snapshot/restore.h"
#include "ledger/snapshot/rollback.h"
#include "tests/support/nodes.h"

#define SECOND UINT64_C(1000000)

struct place {
    struct folder folder;
    struct nodes w;
    struct manifest m;
};

static void short_horizon(struct genesis *g, void *ctx) {
    (void)ctx;
    g->params.body_horizon_us = 60 * SECOND;
    g->params.evidence_us = 30 * SECOND;
    g->params.evidence_heights = 16;
    g->params.message_age_us = 10 * SECOND;
}

static int set_up(void **state) {
    struct place *p = ws_alloc(sizeof(*p));
    if (folder_make(&p->folder) != 0)
        return -1;
    struct nodes_plan plan = {.n = 4, .seed = 21, .edit = short_horizon};
    nodes_begin(&p->w, &plan);
    p->w.limits.header_us = 0;
    for (size_t i = 0; i < 4; i++) {
        nodes_kill(&p->w, i, false);
        assert_int_equal(nodes_start(&p->w, i, NULL), WS_OK);
    }
    *state = p;
    return 0;
}

static int tear_down(void **state) {
    struct place *p = *state;
    nodes_close(&p->w);
    int rc = folder_remove(&p->folder);
    free(p);
    return rc;
}

static void sound(struct place *p) {
    if (p->w.broken[0] != '\0')
        fail_msg("%s", p->w.broken);
}

/* Cars report; blocks are made. */
static void drive(struct place *p, uint64_t seconds) {
    for (uint64_t i = 0; i < seconds; i++) {
        if (p->w.m[i % 3].node != NULL)
            (void)nodes_report(&p->w, i % 3, 0, (int32_t)(p->w.now.mono_us / 1000000));
        nodes_run(&p->w, SECOND);
    }
    sound(p);
}

static void rest(struct place *p, uint64_t seconds) {
    nodes_run(&p->w, seconds * SECOND);
    sound(p);
}

static void snapshot_of(struct place *p, size_t i) {
    struct ws_err err = {0};
    struct store *view = store_view(p->w.m[i].store);
    struct snapshot_make how = {.store = view, .folder = p->folder.top};
    if (snapshot_make(&how, &p->m, &err) != WS_OK)
        fail_msg("%s", err.text);
    store_close(view);
}

static void restore_to(struct place *p, struct store *s) {
    char name[SNAPSHOT_NAME];
    char path[FOLDER_PATH];
    struct ws_err err = {0};
    struct snapshot *from = NULL;
    snapshot_name(name, p->m.last.height);
    assert_int_equal(snapshot_open(folder_path(&p->folder, path, name), &from, &err), WS_OK);
    assert_int_equal(
        manifest_check_set(snapshot_manifest(from), exec_verify, p->w.cell_id, &p->w.set, &err),
        WS_OK);
    struct snapshot_restore how = {.from = from, .into = s};
    if (snapshot_restore(&how, &err) != WS_OK)
        fail_msg("%s", err.text);
    snapshot_close(from);
}

/* The disk is gone; nothing that this life ever promised is demanded of it before it has caught up. */
static void lose_disk(struct place *p, size_t i) {
    struct nodes_member *m = &p->w.m[i];
    store_close(m->store);
    m->store = store_open_memory();
    for (int k = 0; k < 2; k++) {
        wal_close(m->wal[k]);
        m->wal[k] = wal_open_memory();
    }
    m->promised = 0;
}

static void start_ok(struct place *p, size_t i) {
    struct ws_err err = {0};
    struct nodes_member *m = &p->w.m[i];
    uint64_t promised = m->promised;
    m->promised = 0;
    if (nodes_start(&p->w, i, &err) != WS_OK)
        fail_msg("validator %zu: %s", i, err.text);
    m->told = nodes_height(&p->w, i);
    m->promised = promised < m->told ? m->told : promised;
    sound(p);
}

/* ---- joining by a snapshot ---- */

static void a_node_joins_by_a_snapshot(void **state) {
    struct place *p = *state;
    drive(p, 12);
    snapshot_of(p, 0);
    assert_true(p->m.last.height > 5);
    drive(p, 5);
    nodes_kill(&p->w, 3, true);
    drive(p, 3);
    lose_disk(p, 3);
    restore_to(p, p->w.m[3].store);
    start_ok(p, 3);
    assert_int_equal(nodes_height(&p->w, 3), p->m.last.height);
    drive(p, 10);
    assert_true(nodes_height(&p->w, 3) + 1 >= p->w.highest);
    struct node_status s;
    node_status(p->w.m[3].node, &s);
    assert_int_equal(s.bodies_from, p->m.next.height);
    /* It votes: without it there is no quorum. */
    uint64_t before = p->w.highest;
    nodes_kill(&p->w, 2, false);
    drive(p, 10);
    assert_true(p->w.highest > before + 3);
    start_ok(p, 2);
    drive(p, 5);
    assert_true(nodes_healthy(&p->w, 3));
}

/* ---- pruning ---- */

static bool count_one(void *ctx, struct span key, struct span value) {
    (void)key;
    (void)value;
    (*(size_t *)ctx)++;
    return true;
}

static size_t entries(struct store *s, enum store_space space) {
    size_t n = 0;
    assert_int_equal(
        store_each(s, space, span_of("", 0), span_of("", 0), count_one, &n, NULL), WS_OK);
    return n;
}

static void old_bodies_go_and_nobody_is_locked_out(void **state) {
    struct place *p = *state;
    /* A certificate that has left the state could be committed again: reports end before that. */
    drive(p, 30);
    rest(p, 90);
    uint64_t height = nodes_height(&p->w, 0);
    assert_int_equal(entries(p->w.m[0].store, STORE_BLOCK), height); /* no snapshot, no pruning */
    size_t txs = entries(p->w.m[0].store, STORE_TX);
    for (size_t i = 0; i < 3; i++) {
        if (i == 0)
            snapshot_of(p, 0);
        node_set_snapshot(p->w.m[i].node, p->m.last.height);
    }
    rest(p, 120);
    struct store *s = p->w.m[0].store;
    struct meta_pruned pruned;
    assert_int_equal(meta_read_pruned(s, &pruned, NULL), WS_OK);
    height = nodes_height(&p->w, 0);
    /* Everything up to the snapshot is beyond the horizon by now; nothing above it went. */
    assert_int_equal(pruned.bodies_from, p->m.next.height);
    assert_int_equal(entries(s, STORE_BLOCK), height - p->m.last.height);
    assert_true(pruned.headers_from > height / 4);
    assert_true(pruned.headers_from < pruned.bodies_from);
    assert_int_equal(entries(s, STORE_HEADER), height - pruned.headers_from + 1);
    assert_int_equal(entries(s, STORE_COMMIT), height - pruned.headers_from + 1);
    assert_true(txs > 20);
    assert_int_equal(entries(s, STORE_TX), 0);
    assert_int_equal(entries(p->w.m[3].store, STORE_TX), txs);
    /* The one without a snapshot has everything; so it can still be restored from itself. */
    assert_int_equal(entries(p->w.m[3].store, STORE_BLOCK), nodes_height(&p->w, 3));
    /* Restarts keep what they know of it, and a new disk joins by snapshot. */
    nodes_kill(&p->w, 0, true);
    start_ok(p, 0);
    struct node_status st;
    node_status(p->w.m[0].node, &st);
    assert_int_equal(st.bodies_from, pruned.bodies_from);
    nodes_kill(&p->w, 3, true);
    lose_disk(p, 3);
    restore_to(p, p->w.m[3].store);
    start_ok(p, 3);
    rest(p, 30);
    assert_true(nodes_height(&p->w, 3) + 1 >= p->w.highest);
}

/* ---- taking back ---- */

static void take_back(struct place *p, size_t i, uint64_t blocks) {
    struct rollback_done done;
    struct ws_err err = {0};
    struct meta_node at;
    assert_int_equal(meta_read_node(p->w.m[i].store, &at, NULL), WS_OK);
    if (rollback(p->w.m[i].store, at.height - blocks, &done, &err) != WS_OK)
        fail_msg("%s", err.text);
}

/* Even when all units of a cell go back, every committed block is there again and nobody says two things. */
static void a_cell_taken_back_loses_nothing(void **state) {
    struct place *p = *state;
    drive(p, 15);
    uint64_t highest = p->w.highest;
    for (size_t i = 0; i < 4; i++)
        nodes_kill(&p->w, i, i % 2 == 0);
    for (size_t i = 0; i < 4; i++)
        take_back(p, i, 1 + i);
    for (size_t i = 0; i < 4; i++)
        start_ok(p, i);
    for (size_t i = 0; i < 4; i++)
        assert_true(nodes_height(&p->w, i) + 1 >= highest);
    drive(p, 10);
    assert_true(p->w.highest > highest + 3);
    nodes_check_end(&p->w);
    sound(p);
}

/* ---- coming apart ---- */

static void divergence_is_named(void **state) {
    struct place *p = *state;
    drive(p, 10);
    /* A cosmic ray in the memory of one of them. */
    struct state *s = executor_state(node_executor(p->w.m[2].node));
    p->w.m[2].may_fail = true;
    p->w.m[2].liar = true; /* nothing is demanded of it */
    state_put(s, 3, span_of("ray", 3), span_of("\x01", 1));
    drive(p, 10);
    struct header next;
    struct commit commit;
    assert_false(nodes_healthy(&p->w, 2));
    assert_true(node_diverged(p->w.m[2].node, &next, &commit));
    assert_false(node_diverged(p->w.m[0].node, &next, &commit));
    assert_true(node_diverged(p->w.m[2].node, &next, &commit));
    const char *told = "";
    char why[WS_ERR_TEXT];
    (void)node_healthy(p->w.m[2].node, &told);
    (void)snprintf(why, sizeof(why), "%s", told);
    struct buf octets = {0};
    struct bundle b;
    struct ws_err err = {0};
    struct bundle_about about = {"wayside test", why, NULL, &next, &commit, 0};
    nodes_kill(&p->w, 2, false);
    assert_int_equal(bundle_make(p->w.m[2].store, &about, &octets, &err), WS_OK);
    assert_int_equal(bundle_read(buf_span(&octets), &b, &err), WS_OK);
    assert_int_equal(b.height + 1, next.height);
    assert_non_null(strstr(b.why, "state root differs"));
    assert_memory_not_equal(b.state_root, next.state_root, 32);
    struct diff_side *sick = diff_of_bundle(&b);
    struct diff_side *well = NULL;
    struct diff d;
    assert_int_equal(diff_of_store(p->w.m[0].store, &well, &err), WS_OK);
    if (diff_states(sick, well, &d, &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_true(d.contract[3].found);
    assert_true(span_equal(buf_span(&d.contract[3].key), span_of("ray", 3)));
    assert_true(d.contract[3].value[0].there);
    assert_false(d.contract[3].value[1].there);
    diff_free(&d);
    diff_side_free(sick);
    diff_side_free(well);
    bundle_free(&b);
    buf_free(&octets);
    /* One block back, and it goes on with the others. */
    struct rollback_done done;
    if (rollback(p->w.m[2].store, next.height - 2, &done, &err) != WS_OK)
        fail_msg("%s", err.text);
    start_ok(p, 2);
    drive(p, 10);
    assert_true(nodes_healthy(&p->w, 2));
    assert_true(nodes_height(&p->w, 2) + 1 >= p->w.highest);
}

#define HERE(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        HERE(a_node_joins_by_a_snapshot),
        HERE(old_bodies_go_and_nobody_is_locked_out),
        HERE(a_cell_taken_back_loses_nothing),
        HERE(divergence_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
