/* ledger/snapshot: trees, chunks, manifests, files, restoring. */
#include "tests/support/cm.h"
#include "tests/support/folder.h"

#include "base/fileio.h"
#include "ledger/exec/hash.h"
#include "ledger/snapshot/make.h"
#include "ledger/snapshot/meta.h"
#include "ledger/snapshot/restore.h"
#include "tests/support/chain.h"

struct place {
    struct folder folder;
    struct store *s;
    struct chain chain;
};

static int set_up(void **state) {
    struct place *p = ws_alloc(sizeof(*p));
    if (folder_make(&p->folder) != 0)
        return -1;
    p->s = store_open_memory();
    chain_open(&p->chain, p->s, 4, 11);
    *state = p;
    return 0;
}

static int tear_down(void **state) {
    struct place *p = *state;
    chain_close(&p->chain);
    store_close(p->s);
    int rc = folder_remove(&p->folder);
    free(p);
    return rc;
}

/* ---- trees ---- */

static int by_key(const void *a, const void *b) {
    return memcmp(((const struct tree_entry *)a)->key, ((const struct tree_entry *)b)->key, 32);
}

/* Against the tree of the state itself, with few and many keys, and every prefix shown under the root. */
static void runs_make_the_root_of_the_whole(void **state) {
    (void)state;
    struct ws_random random = ws_random_seeded(3);
    static const size_t counts[] = {0, 1, 2, 3, 5, 17, 300};
    for (size_t k = 0; k < ARRAY_LEN(counts); k++) {
        size_t n = counts[k];
        struct state *s = state_new(1);
        struct tree_entry *e = ws_calloc(n, sizeof(*e));
        for (size_t i = 0; i < n; i++) {
            uint8_t key[8];
            uint8_t value[8];
            ws_random_bytes(&random, key, 8);
            ws_random_bytes(&random, value, 8);
            state_put(s, 0, span_of(key, 8), span_of(value, 8));
            exec_sha256_one(span_of(key, 8), e[i].key);
            exec_sha256_one(span_of(value, 8), e[i].value);
        }
        if (n > 1)
            qsort(e, n, sizeof(*e), by_key);
        hash32 want;
        hash32 got;
        state_contract_root(s, 0, want);
        tree_root(e, n, 0, got);
        assert_memory_equal(got, want, 32);
        for (unsigned bits = 0; bits <= 9; bits++) {
            struct tree_top top = tree_top_new(bits);
            size_t at = 0;
            for (uint32_t prefix = 0; prefix < 1U << bits; prefix++) {
                size_t from = at;
                while (at < n && tree_prefix(e[at].key, bits) == prefix)
                    at++;
                tree_top_set(&top, prefix, e + from, at - from);
            }
            tree_top_fold(&top);
            assert_memory_equal(tree_top_root(&top), want, 32);
            at = 0;
            for (uint32_t prefix = 0; prefix < 1U << bits; prefix++) {
                size_t from = at;
                while (at < n && tree_prefix(e[at].key, bits) == prefix)
                    at++;
                struct tree_way way;
                tree_top_way(&top, prefix, &way);
                assert_true(tree_way_verify(&way, bits, prefix, e + from, at - from, want));
                /* Nothing may be left out, added, or stand elsewhere. */
                if (at > from) {
                    assert_false(
                        tree_way_verify(&way, bits, prefix, e + from, at - from - 1, want));
                    assert_false(
                        tree_way_verify(&way, bits, prefix, e + from + 1, at - from - 1, want));
                    struct tree_entry changed = e[from];
                    e[from].value[7] ^= 1;
                    assert_false(tree_way_verify(&way, bits, prefix, e + from, at - from, want));
                    e[from] = changed;
                } else if (n > 0) {
                    assert_false(tree_way_verify(&way, bits, prefix, e, 1, want));
                }
                if (bits > 0 && at > from)
                    assert_false(
                        tree_way_verify(&way, bits, prefix ^ 1U, e + from, at - from, want));
            }
            tree_top_free(&top);
        }
        state_free(s);
        free(e);
    }
}

/* An inner node shown as somebody else's leaf would hide everything below it. */
static void entries_cannot_be_hidden(void **state) {
    (void)state;
    struct tree_entry e[3] = {{.key = {0x00}}, {.key = {0x40}}, {.key = {0x80}}};
    hash32 root;
    tree_root(e, 3, 0, root);
    struct tree_top top = tree_top_new(2);
    for (uint32_t i = 0; i < 3; i++)
        tree_top_set(&top, i, &e[i], 1);
    tree_top_fold(&top);
    struct tree_way way;
    /* Prefix 1 (0x40) claimed empty, with the inner node over 0 and 1 as the end of the way. */
    tree_top_way(&top, 1, &way);
    assert_int_equal(way.n, 2);
    assert_true(tree_way_verify(&way, 2, 1, &e[1], 1, root));
    struct tree_way lie = way;
    assert_false(tree_way_verify(&lie, 2, 1, NULL, 0, root));
    lie.n = 1;
    memcpy(lie.siblings[0], way.siblings[0], 32);
    lie.other = true;
    lie.leaf = e[0];
    assert_false(tree_way_verify(&lie, 2, 1, NULL, 0, root));
    lie.leaf = e[1]; /* the key itself stands in the prefix */
    lie.n = 2;
    memcpy(lie.siblings[1], way.siblings[1], 32);
    assert_false(tree_way_verify(&lie, 2, 1, NULL, 0, root));
    /* Prefix 3 is empty: 0x80 stands alone above it and says so. */
    tree_top_way(&top, 3, &way);
    assert_true(way.other);
    assert_int_equal(way.n, 1);
    assert_true(tree_way_verify(&way, 2, 3, NULL, 0, root));
    assert_false(tree_way_verify(&way, 2, 0, NULL, 0, root));
    lie = way;
    lie.n = 17;
    assert_false(tree_way_verify(&lie, 2, 3, NULL, 0, root));
    assert_false(tree_way_verify(&way, 2, 4, NULL, 0, root));
    tree_top_free(&top);
}

/* ---- making and reading ---- */

static void grow(struct place *p, size_t blocks, size_t puts, size_t octets) {
    for (size_t i = 0; i < blocks; i++)
        chain_block(&p->chain, puts, octets);
}

static void make_ok(struct place *p, struct manifest *ret) {
    struct ws_err err = {0};
    struct snapshot_make how = {.store = p->s, .folder = p->folder.top};
    if (snapshot_make(&how, ret, &err) != WS_OK)
        fail_msg("%s", err.text);
}

static const char *file_of(struct place *p, uint64_t height, char *dst) {
    char name[SNAPSHOT_NAME];
    snapshot_name(name, height);
    return folder_path(&p->folder, dst, name);
}

static struct snapshot *open_ok(const char *path) {
    struct ws_err err = {0};
    struct snapshot *s = NULL;
    if (snapshot_open(path, &s, &err) != WS_OK)
        fail_msg("%s", err.text);
    return s;
}

static bool put_pair(void *ctx, struct span key, struct span value) {
    buf_var(ctx, key);
    buf_var(ctx, value);
    return true;
}

static void state_of(struct store *s, struct buf *ret) {
    assert_int_equal(
        store_each(s, STORE_STATE, span_of("", 0), span_of("", 0), put_pair, ret, NULL), WS_OK);
}

static void a_snapshot_comes_back_as_it_was(void **state) {
    struct place *p = *state;
    struct manifest *m = ws_alloc(sizeof(*m));
    grow(p, 5, 60, 300);
    /* Large enough that contracts have several chunks. */
    grow(p, 1, 400, 60000);
    struct buf before = {0};
    state_of(p->s, &before);
    struct meta_node at;
    assert_int_equal(meta_read_node(p->s, &at, NULL), WS_OK);
    grow(p, 1, 80, 300);
    make_ok(p, m);
    assert_int_equal(m->last.height, 6);
    assert_int_equal(m->n, 4);
    assert_memory_equal(m->next.state_root, at.state_root, 32);
    assert_true(m->contract[0].bits > 0);
    char path[FOLDER_PATH];
    struct snapshot *s = open_ok(file_of(p, 6, path));
    assert_int_equal(manifest_check_set(
                         snapshot_manifest(s), exec_verify, p->chain.cell_id, &p->chain.set, NULL),
        WS_OK);
    struct store *fresh = store_open_memory();
    struct snapshot_restore how = {.from = s, .into = fresh};
    struct ws_err err = {0};
    if (snapshot_restore(&how, &err) != WS_OK)
        fail_msg("%s", err.text);
    struct buf after = {0};
    state_of(fresh, &after);
    assert_int_equal(after.n, before.n);
    assert_memory_equal(after.p, before.p, before.n);
    struct meta_node got;
    assert_int_equal(meta_read_node(fresh, &got, NULL), WS_OK);
    assert_int_equal(got.height, 6);
    assert_memory_equal(got.state_root, at.state_root, 32);
    assert_false(got.events_pending);
    struct meta_pruned pruned;
    assert_int_equal(meta_read_pruned(fresh, &pruned, NULL), WS_OK);
    assert_int_equal(pruned.bodies_from, 7);
    assert_int_equal(pruned.headers_from, 6);
    uint64_t tip = 0;
    assert_int_equal(snapshot_tip(fresh, &tip, NULL), WS_OK);
    assert_int_equal(tip, 6);
    /* Only once. */
    assert_int_equal(snapshot_restore(&how, &err), WS_EEXIST);
    /* And the state read back has the root. */
    struct scan scan = {.store = fresh};
    hash32 roots[STATE_CONTRACTS_MAX];
    hash32 root;
    assert_int_equal(scan_state_root(&scan, 4, roots, root, NULL), WS_OK);
    assert_memory_equal(root, at.state_root, 32);
    buf_free(&before);
    buf_free(&after);
    store_close(fresh);
    snapshot_close(s);
    free(m);
}

/* Two nodes that wrote the same state in other ways make the same chunks. */
static void everybody_makes_the_same_chunks(void **state) {
    struct place *p = *state;
    struct manifest *m = ws_alloc(sizeof(*m));
    grow(p, 4, 50, 3000);
    make_ok(p, m);
    char path[FOLDER_PATH];
    struct buf first = {0};
    struct buf second = {0};
    assert_int_equal(file_read(file_of(p, 3, path), 1U << 28, &first, NULL), WS_OK);
    assert_int_equal(remove(path), 0);
    struct store *view = store_view(p->s);
    struct snapshot_make how = {.store = view, .folder = p->folder.top};
    grow(p, 2, 50, 3000); /* the view does not move */
    assert_int_equal(snapshot_make(&how, m, NULL), WS_OK);
    assert_int_equal(file_read(path, 1U << 28, &second, NULL), WS_OK);
    assert_int_equal(first.n, second.n);
    assert_memory_equal(first.p, second.p, first.n);
    assert_int_equal(snapshot_make(&how, m, NULL), WS_EEXIST);
    store_close(view);
    buf_free(&first);
    buf_free(&second);
    free(m);
}

/* State that is not what the header says goes into no snapshot. */
static void diverged_state_is_not_written(void **state) {
    struct place *p = *state;
    struct manifest *m = ws_alloc(sizeof(*m));
    grow(p, 3, 50, 300);
    struct buf key = {0};
    entry_key_put(&key, 2, span_of("surplus", 7));
    struct store_batch *b = store_batch_new(p->s);
    store_batch_put(b, STORE_STATE, buf_span(&key), span_of("x", 1));
    assert_int_equal(store_batch_write(b, NULL), WS_OK);
    struct snapshot_make how = {.store = p->s, .folder = p->folder.top};
    struct ws_err err = {0};
    assert_int_equal(snapshot_make(&how, m, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "not what header 3 commits to"));
    /* A key under a hash that is not its own. */
    b = store_batch_new(p->s);
    key.p[3] ^= 1;
    store_batch_put(b, STORE_STATE, buf_span(&key), span_of("x", 1));
    assert_int_equal(store_batch_write(b, NULL), WS_OK);
    assert_int_equal(snapshot_make(&how, m, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "a key in the state of contract 2 is damaged"));
    /* Too little. */
    struct store *none = store_open_memory();
    how.store = none;
    assert_int_equal(snapshot_make(&how, m, &err), WS_ENOTFOUND);
    store_close(none);
    buf_free(&key);
    free(m);
}

/* ---- damage ---- */

/* Reads everything a file gives; false when something is refused, with a text. */
static bool reads_well(const char *path, struct ws_err *err) {
    struct snapshot *s = NULL;
    if (snapshot_open(path, &s, err) != WS_OK)
        return false;
    bool good = true;
    struct buf b = {0};
    for (size_t i = 0; i < manifest_chunks(snapshot_manifest(s)) && good; i++) {
        struct chunk c;
        buf_clear(&b);
        good = snapshot_read(s, i, &b, &c, err) == WS_OK;
        chunk_entries_free(&c.entries);
    }
    buf_free(&b);
    snapshot_close(s);
    return good;
}

static void every_damage_is_named(void **state) {
    struct place *p = *state;
    struct manifest *m = ws_alloc(sizeof(*m));
    grow(p, 3, 6, 40);
    make_ok(p, m);
    char path[FOLDER_PATH];
    char bad[FOLDER_PATH];
    (void)folder_path(&p->folder, bad, "bad.wsnap");
    struct buf good = {0};
    assert_int_equal(file_read(file_of(p, 2, path), 1U << 20, &good, NULL), WS_OK);
    struct ws_err err = {0};
    assert_true(reads_well(path, &err));
    for (size_t n = 0; n < good.n; n++) {
        assert_int_equal(file_write(bad, span_of(good.p, n), 0600, NULL), WS_OK);
        err.text[0] = '\0';
        assert_false(reads_well(bad, &err));
        assert_non_null(strstr(err.text, "bad.wsnap"));
    }
    for (size_t i = 0; i < good.n; i++) {
        good.p[i] ^= (uint8_t)(1U << (i % 8));
        assert_int_equal(file_write(bad, buf_span(&good), 0600, NULL), WS_OK);
        err.text[0] = '\0';
        assert_false(reads_well(bad, &err));
        assert_non_null(strstr(err.text, "bad.wsnap"));
        good.p[i] ^= (uint8_t)(1U << (i % 8));
    }
    struct snapshot *none = NULL;
    assert_int_equal(snapshot_open("/nowhere/x.wsnap", &none, &err), WS_ENOTFOUND);
    assert_int_equal(snapshot_open(p->folder.top, &none, &err), WS_EINPUT);
    buf_free(&good);
    free(m);
}

/* Checksums are for accidents; whoever makes the file can make them fit. */
static void liars_are_refused_chunk_by_chunk(void **state) {
    struct place *p = *state;
    struct manifest *m = ws_alloc(sizeof(*m));
    grow(p, 3, 40, 400);
    make_ok(p, m);
    char path[FOLDER_PATH];
    struct snapshot *s = open_ok(file_of(p, 2, path));
    struct ws_err err = {0};
    size_t n = manifest_chunks(m);
    struct buf b = {0};
    for (size_t i = 0; i < n; i++) {
        buf_clear(&b);
        assert_int_equal(snapshot_chunk(s, i, &b, NULL), WS_OK);
        struct chunk c;
        assert_int_equal(chunk_open(m, buf_span(&b), &c, &err), WS_OK);
        chunk_entries_free(&c.entries);
        for (size_t k = 0; k < b.n; k++) {
            b.p[k] ^= (uint8_t)(1U << (k % 8));
            assert_int_not_equal(chunk_open(m, buf_span(&b), &c, &err), WS_OK);
            chunk_entries_free(&c.entries);
            b.p[k] ^= (uint8_t)(1U << (k % 8));
        }
        for (size_t k = 0; k < b.n; k++) {
            assert_int_not_equal(chunk_open(m, span_of(b.p, k), &c, &err), WS_OK);
            chunk_entries_free(&c.entries);
        }
    }
    /* A manifest with another root, header, commit, number of contracts. */
    struct buf octets = {0};
    manifest_encode(m, &octets);
    struct manifest *got = ws_alloc(sizeof(*got));
    assert_int_equal(manifest_decode(buf_span(&octets), got, &err), WS_OK);
    size_t accepted = 0;
    for (size_t k = 0; k < octets.n; k++) {
        octets.p[k] ^= (uint8_t)(1U << (k % 8));
        int rc = manifest_decode(buf_span(&octets), got, &err);
        hash32 a;
        hash32 z;
        manifest_id(m, a);
        if (rc == WS_OK) {
            manifest_id(got, z);
            /* Signatures of the last commit are checked with the set; bits and counts are what chunks must fit. */
            bool commit = memcmp(a, z, 32) == 0;
            accepted++;
            if (commit)
                assert_int_not_equal(
                    manifest_check_set(got, exec_verify, p->chain.cell_id, &p->chain.set, &err),
                    WS_OK);
        }
        octets.p[k] ^= (uint8_t)(1U << (k % 8));
    }
    assert_true(accepted < 64 + 4 + 17 * 4 + 8);
    for (size_t k = 0; k < octets.n; k++)
        assert_int_not_equal(manifest_decode(span_of(octets.p, k), got, &err), WS_OK);
    /* Who signs is checked against a set, or an id that is known. */
    assert_int_equal(manifest_check_id(m, m->next_commit.id, NULL), WS_OK);
    assert_int_equal(manifest_check_id(m, m->last_commit.id, &err), WS_EINPUT);
    struct validator_set other = p->chain.set;
    other.v[0].power = 2;
    assert_int_equal(validator_set_prepare(exec_sha256, &other, NULL), WS_OK);
    assert_int_equal(manifest_check_set(m, exec_verify, p->chain.cell_id, &other, &err), WS_EINPUT);
    assert_int_equal(
        manifest_check_set(m, exec_verify, m->last_commit.id, &p->chain.set, &err), WS_EINPUT);
    buf_free(&octets);
    buf_free(&b);
    free(got);
    snapshot_close(s);
    free(m);
}

/* ---- coming in ---- */

static void chunks_come_in_any_order_and_stay(void **state) {
    struct place *p = *state;
    struct manifest *m = ws_alloc(sizeof(*m));
    grow(p, 2, 500, 30000);
    grow(p, 1, 10, 100);
    make_ok(p, m);
    char path[FOLDER_PATH];
    char in[FOLDER_PATH];
    char temp[FOLDER_PATH];
    struct snapshot *s = open_ok(file_of(p, 2, path));
    (void)folder_path(&p->folder, in, "in.wsnap");
    (void)folder_path(&p->folder, temp, "in.wsnap.part");
    size_t n = manifest_chunks(m);
    assert_true(n > 8);
    struct ws_err err = {0};
    struct snapshot_part *part = NULL;
    struct buf b = {0};
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        size_t chunk =
            (i * 7 + 3) % n; /* n is no multiple of 7 in this rig, or some come again below */
        assert_true(snapshot_part_open(in, m, &part, &err) == WS_OK);
        struct snapshot_part *second = NULL;
        assert_int_equal(snapshot_part_open(in, m, &second, &err), WS_EBUSY);
        buf_clear(&b);
        assert_int_equal(snapshot_chunk(s, chunk, &b, NULL), WS_OK);
        b.p[b.n - 1] ^= 1;
        assert_int_equal(snapshot_part_take(part, buf_span(&b), &at, &err), WS_EINPUT);
        b.p[b.n - 1] ^= 1;
        assert_int_equal(snapshot_part_take(part, buf_span(&b), &at, &err), WS_OK);
        assert_int_equal(at, chunk);
        assert_true(snapshot_part_has(part, chunk));
        size_t missing = snapshot_part_missing(part);
        assert_int_equal(snapshot_part_take(part, buf_span(&b), NULL, &err), WS_OK);
        assert_int_equal(snapshot_part_missing(part), missing);
        snapshot_part_close(part, true); /* a restart */
        if (i % 3 == 0) { /* and a torn end */
            FILE *f = fopen(temp, "a");
            assert_non_null(f);
            (void)fwrite("\0\0\1\0 torn", 1, 9, f);
            (void)fclose(f);
        }
    }
    assert_int_equal(snapshot_part_open(in, m, &part, &err), WS_OK);
    for (size_t i = 0; i < n; i++) {
        if (snapshot_part_has(part, i))
            continue;
        buf_clear(&b);
        assert_int_equal(snapshot_chunk(s, i, &b, NULL), WS_OK);
        assert_int_equal(snapshot_part_take(part, buf_span(&b), NULL, &err), WS_OK);
    }
    assert_int_equal(snapshot_part_missing(part), 0);
    assert_int_equal(snapshot_part_finish(part, &err), WS_OK);
    assert_true(reads_well(in, &err));
    /* Another snapshot's part is no use. */
    assert_int_equal(snapshot_part_open(in, m, &part, &err), WS_OK);
    assert_int_equal(snapshot_part_take(part, buf_span(&b), NULL, &err), WS_OK);
    snapshot_part_close(part, true);
    grow(p, 1, 10, 100);
    struct manifest *later = ws_alloc(sizeof(*later));
    make_ok(p, later);
    assert_int_equal(snapshot_part_open(in, later, &part, &err), WS_OK);
    assert_int_equal(snapshot_part_missing(part), manifest_chunks(later));
    snapshot_part_close(part, false);
    assert_int_not_equal(access(temp, F_OK), 0);
    buf_free(&b);
    snapshot_close(s);
    free(m);
    free(later);
}

static bool stop_after(void *ctx, uint64_t octets) {
    (void)octets;
    size_t *left = ctx;
    return (*left)-- > 1;
}

/* A restore that ends in the middle leaves a store that says so, and can be begun again. */
static void half_a_restore_is_no_state(void **state) {
    struct place *p = *state;
    struct manifest *m = ws_alloc(sizeof(*m));
    grow(p, 3, 40, 400);
    make_ok(p, m);
    char path[FOLDER_PATH];
    struct snapshot *s = open_ok(file_of(p, 2, path));
    struct store *fresh = store_open_memory();
    size_t left = 2;
    struct snapshot_restore how = {.from = s, .into = fresh, .go_on = stop_after, .ctx = &left};
    assert_int_equal(snapshot_restore(&how, NULL), WS_EBUSY);
    uint64_t height = 0;
    assert_int_equal(meta_read_restoring(fresh, &height, NULL), WS_OK);
    assert_int_equal(height, 2);
    struct meta_node at;
    assert_int_equal(meta_read_node(fresh, &at, NULL), WS_ENOTFOUND);
    how.go_on = NULL;
    assert_int_equal(snapshot_restore(&how, NULL), WS_OK);
    assert_int_equal(meta_read_restoring(fresh, &height, NULL), WS_OK);
    assert_int_equal(height, 0);
    store_close(fresh);
    snapshot_close(s);
    free(m);
}

static bool fail_at(void *ctx, enum snapshot_point at) {
    return at != *(enum snapshot_point *)ctx;
}

/* Whatever ends the writer: the next one gets a whole file. */
static void a_writer_may_die_anywhere(void **state) {
    struct place *p = *state;
    struct manifest *m = ws_alloc(sizeof(*m));
    grow(p, 3, 40, 400);
    char path[FOLDER_PATH];
    (void)file_of(p, 2, path);
    for (enum snapshot_point at = 0; at < SNAPSHOT_POINT_COUNT; at++) {
        struct snapshot_make how = {
            .store = p->s, .folder = p->folder.top, .point = fail_at, .point_ctx = &at};
        assert_int_equal(snapshot_make(&how, m, NULL), WS_EIO);
        struct ws_err err = {0};
        if (at < SNAPSHOT_POINT_RENAMED) {
            assert_int_not_equal(access(path, F_OK), 0);
            make_ok(p, m);
        }
        assert_true(reads_well(path, &err));
        assert_int_equal(remove(path), 0);
    }
    free(m);
}

static void the_newest_are_kept(void **state) {
    struct place *p = *state;
    struct manifest *m = ws_alloc(sizeof(*m));
    for (uint64_t h = 2; h < 8; h++) {
        while (p->chain.height < h)
            grow(p, 1, 5, 50);
        make_ok(p, m);
    }
    char path[FOLDER_PATH];
    assert_int_equal(file_write(folder_path(&p->folder, path, "00000000000000000003.wsnap.part"),
                         span_of("x", 1), 0600, NULL),
        WS_OK);
    assert_int_equal(
        file_write(folder_path(&p->folder, path, "something.wsnap"), span_of("x", 1), 0600, NULL),
        WS_OK);
    uint64_t newest = 0;
    assert_int_equal(snapshot_keep(p->folder.top, 2, &newest, NULL), WS_OK);
    assert_int_equal(newest, 6);
    for (uint64_t h = 1; h < 7; h++)
        assert_int_equal(access(file_of(p, h, path), F_OK) == 0, h >= 5);
    assert_int_equal(access(folder_path(&p->folder, path, "something.wsnap"), F_OK), 0);
    assert_int_not_equal(
        access(folder_path(&p->folder, path, "00000000000000000003.wsnap.part"), F_OK), 0);
    assert_int_equal(snapshot_keep("/nowhere", 2, &newest, NULL), WS_OK);
    assert_int_equal(newest, 0);
    free(m);
}

#define HERE(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_make_the_root_of_the_whole),
        cmocka_unit_test(entries_cannot_be_hidden),
        HERE(a_snapshot_comes_back_as_it_was),
        HERE(everybody_makes_the_same_chunks),
        HERE(diverged_state_is_not_written),
        HERE(every_damage_is_named),
        HERE(liars_are_refused_chunk_by_chunk),
        HERE(chunks_come_in_any_order_and_stay),
        HERE(half_a_restore_is_no_state),
        HERE(a_writer_may_die_anywhere),
        HERE(the_newest_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
