/* The store of what vehicles sent: whole or not at all, erased and expired on time, within its budgets, over restarts. */
#include "tests/support/cm.h"

#include "base/fileio.h"
#include "ledger/exec/hash.h"
#include "rsu/learning/erase.h"
#include "rsu/learning/materials.h"
#include "tests/support/folder.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { COVER = 300, BUNDLES = 900, WIRE = 5000, WHOLE = 4 + COVER + BUNDLES + WIRE };
#define HOUR UINT64_C(3600000000)

static struct materials *store;
static struct folder own;
static const char *const folder = own.top;
static uint8_t octets[COVER + BUNDLES + WIRE];

static void reopen(uint64_t room, uint64_t blob_room) {
    struct ws_err err = {0};
    const struct materials_limits limits = {room, blob_room, 10 * HOUR};
    materials_close(store);
    if (materials_open(folder, &limits, &store, &err) != WS_OK)
        fail_msg("%s", err.text);
}

static int begin(void **state) {
    (void)state;
    assert_int_equal(folder_make(&own), 0);
    for (size_t i = 0; i < sizeof(octets); i++)
        octets[i] = (uint8_t)(1 + i * 31 % 251);
    reopen(UINT64_MAX, UINT64_MAX);
    return 0;
}

static int end(void **state) {
    (void)state;
    materials_close(store);
    store = NULL;
    return folder_remove(&own);
}

static struct fl_material material(void) {
    return (struct fl_material){.cover = span_of(octets, COVER),
        .bundles = span_of(octets + COVER, BUNDLES),
        .wire = span_of(octets + COVER + BUNDLES, WIRE)};
}

static void id_of(unsigned i, uint8_t ret[static 32]) {
    uint8_t number[4];
    put_be32(number, i);
    exec_sha256_one(span_of(number, sizeof(number)), ret);
}

static int put(uint64_t round, unsigned i) {
    uint8_t id[32];
    const struct fl_material m = material();
    id_of(i, id);
    return materials_put(store, round, id, &m, NULL);
}

static bool has(unsigned i) {
    uint8_t id[32];
    id_of(i, id);
    return materials_has(store, id);
}

/* Octets of bundles: 0 once they are erased. Fails when anything else is not as it was put. */
static size_t bundles_of(unsigned i) {
    uint8_t id[32];
    struct materials_hold h;
    id_of(i, id);
    assert_true(materials_get(store, id, &h));
    assert_int_equal(h.material.cover.n, COVER);
    assert_memory_equal(h.material.cover.p, octets, COVER);
    assert_int_equal(h.material.wire.n, WIRE);
    assert_memory_equal(h.material.wire.p, octets + COVER + BUNDLES, WIRE);
    size_t n = h.material.bundles.n;
    if (n > 0)
        assert_memory_equal(h.material.bundles.p, octets + COVER, n);
    materials_release(&h);
    return n;
}

static void path_of(uint64_t round, unsigned i, const char *tail, char ret[static 512]) {
    uint8_t id[32];
    char hex[65];
    id_of(i, id);
    hex_encode(hex, id, 32);
    (void)snprintf(ret, 512, "%s/rounds/%llu/%s%s", folder, (unsigned long long)round, hex, tail);
}

static void what_is_put_comes_back(void **state) {
    (void)state;
    assert_int_equal(put(1, 7), WS_OK);
    assert_int_equal(put(1, 7), WS_EEXIST);
    assert_int_equal(bundles_of(7), BUNDLES);
    assert_false(has(8));
    reopen(UINT64_MAX, UINT64_MAX);
    assert_int_equal(bundles_of(7), BUNDLES);
    assert_int_equal(materials_read(store).octets, WHOLE);
    char path[512];
    path_of(1, 7, ".bundles", path);
    assert_int_equal(access(path, R_OK), 0);
}

static void bundles_go_when_the_round_is_over(void **state) {
    (void)state;
    assert_int_equal(put(1, 1), WS_OK);
    assert_int_equal(put(2, 2), WS_OK);
    materials_round(store, 2, 100 * HOUR);
    assert_true(materials_to_sweep(store, 100 * HOUR));
    materials_sweep(store, 100 * HOUR);
    assert_false(materials_to_sweep(store, 100 * HOUR));
    assert_int_equal(bundles_of(1), 0);
    assert_int_equal(bundles_of(2), BUNDLES);
    char path[512];
    path_of(1, 1, ".bundles", path);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(
        materials_read(store).octets, 2 * WHOLE - BUNDLES); /* there is room for others */
    /* A restart knows that it is over, and since when. */
    reopen(UINT64_MAX, UINT64_MAX);
    assert_int_equal(materials_read(store).octets, 2 * WHOLE - BUNDLES);
    materials_round(store, 2, 105 * HOUR);
    assert_false(materials_to_sweep(store, 110 * HOUR));
    materials_sweep(store, 110 * HOUR);
    assert_true(has(1));
    assert_true(materials_to_sweep(store, 110 * HOUR + 1));
    materials_sweep(store, 110 * HOUR + 1);
    assert_false(has(1));
    assert_true(has(2));
    assert_int_equal(materials_read(store).expired, 1);
    assert_int_equal(materials_read(store).octets, WHOLE);
}

/* The power goes between the end of a round and the sweep: the next start finds out. */
static void a_round_ends_while_nobody_looks(void **state) {
    (void)state;
    assert_int_equal(put(1, 1), WS_OK);
    materials_round(store, 0, 50 * HOUR);
    reopen(UINT64_MAX, UINT64_MAX);
    assert_int_equal(bundles_of(1), BUNDLES);
    materials_round(store, 0, 51 * HOUR);
    materials_sweep(store, 51 * HOUR);
    assert_int_equal(bundles_of(1), 0);
}

static void halves_are_removed(void **state) {
    (void)state;
    char path[512];
    assert_int_equal(put(3, 1), WS_OK);
    assert_int_equal(put(3, 2), WS_OK);
    path_of(3, 1, "", path);
    assert_int_equal(unlink(path), 0); /* power went before the second file was there */
    path_of(3, 9, ".tmp.123", path);
    assert_int_equal(file_write(path, span_of("x", 1), 0600, NULL), WS_OK);
    reopen(UINT64_MAX, UINT64_MAX);
    assert_false(has(1));
    assert_int_equal(bundles_of(2), BUNDLES);
    assert_int_not_equal(access(path, F_OK), 0);
    path_of(3, 1, ".bundles", path);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(put(3, 1), WS_OK);
    assert_int_equal(bundles_of(1), BUNDLES);
}

/* A file that lost its end, and one with a length that lies. */
static void damage_is_not_given_out_as_whole(void **state) {
    (void)state;
    char path[512];
    uint8_t id[32];
    struct materials_hold h;
    assert_int_equal(put(3, 1), WS_OK);
    path_of(3, 1, "", path);
    assert_int_equal(truncate(path, 3), 0);
    id_of(1, id);
    assert_false(materials_get(store, id, &h));
    assert_false(has(1));
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(put(3, 1), WS_OK);
    assert_int_equal(file_write(path, span_of("\xff\xff\xff\xff----", 8), 0600, NULL), WS_OK);
    assert_false(materials_get(store, id, &h));
}

static void room_is_made_of_what_is_over(void **state) {
    (void)state;
    struct ws_err err = {0};
    uint8_t id[32];
    const struct fl_material m = material();
    reopen(3 * WHOLE, UINT64_MAX);
    materials_round(store, 1, HOUR);
    assert_int_equal(put(1, 1), WS_OK);
    materials_round(store, 2, 2 * HOUR);
    assert_int_equal(put(2, 2), WS_OK);
    assert_int_equal(put(2, 3), WS_OK);
    assert_int_equal(put(2, 4), WS_OK); /* the first round goes */
    assert_false(has(1));
    id_of(5, id);
    assert_int_equal(materials_put(store, 2, id, &m, &err), WS_ELIMIT);
    assert_non_null(strstr(err.text, "no room"));
    assert_int_equal(materials_read(store).no_room, 1);
    for (unsigned i = 2; i <= 4; i++)
        assert_int_equal(bundles_of(i), BUNDLES);
    reopen(3 * WHOLE, UINT64_MAX);
    assert_false(has(1));
    assert_int_equal(materials_read(store).octets, 3 * WHOLE);
}

/* ---- blobs and records ---- */

static int put_blob(const char *text, uint8_t ret_hash[static 32]) {
    exec_sha256_one(span_of(text, strlen(text)), ret_hash);
    return materials_put_blob(store, ret_hash, span_of(text, strlen(text)), NULL);
}

static void blobs_are_of_their_hash(void **state) {
    (void)state;
    uint8_t hash[32], other[32];
    struct materials_hold h;
    assert_int_equal(put_blob("a model", hash), WS_OK);
    assert_int_equal(put_blob("a model", hash), WS_EEXIST);
    memcpy(other, hash, 32);
    other[0] ^= 1;
    assert_int_equal(materials_put_blob(store, other, span_of("a model", 7), NULL), WS_EINPUT);
    assert_false(materials_get_blob(store, other, &h));
    reopen(UINT64_MAX, UINT64_MAX);
    assert_true(materials_get_blob(store, hash, &h));
    assert_int_equal(h.blob.n, 7);
    assert_memory_equal(h.blob.p, "a model", 7);
    materials_release(&h);
    /* Damaged: not given out, and it can be put again. */
    char hex[65], path[512];
    hex_encode(hex, hash, 32);
    (void)snprintf(path, sizeof(path), "%s/blobs/%s", folder, hex);
    assert_int_equal(file_write(path, span_of("a modal", 7), 0600, NULL), WS_OK);
    assert_false(materials_get_blob(store, hash, &h));
    assert_false(materials_has_blob(store, hash));
    assert_int_equal(materials_read(store).bad_blobs, 1);
    assert_int_equal(put_blob("a model", hash), WS_OK);
    assert_true(materials_get_blob(store, hash, &h));
    materials_release(&h);
}

static void blobs_stay_within_their_budget(void **state) {
    (void)state;
    uint8_t hash[4][32];
    reopen(UINT64_MAX, 16);
    assert_int_equal(put_blob("12345678", hash[0]), WS_OK);
    assert_int_equal(put_blob("abcdefgh", hash[1]), WS_OK);
    materials_pin(store, (const uint8_t(*)[32])hash, 1);
    assert_false(materials_to_sweep(store, HOUR));
    assert_int_equal(put_blob("ABCDEFGH", hash[2]), WS_OK);
    assert_true(materials_to_sweep(store, HOUR));
    materials_sweep(store, HOUR);
    assert_true(materials_has_blob(store, hash[0])); /* the oldest, and needed */
    assert_false(materials_has_blob(store, hash[1]));
    assert_true(materials_has_blob(store, hash[2]));
    assert_false(materials_to_sweep(store, HOUR));
}

static void records_go_with_their_round(void **state) {
    (void)state;
    struct materials_hold h;
    assert_false(materials_get_record(store, 4, &h));
    assert_int_equal(materials_put_record(store, 4, span_of("record", 6), NULL), WS_OK);
    assert_true(materials_get_record(store, 4, &h));
    assert_int_equal(h.blob.n, 6);
    materials_release(&h);
    materials_round(store, 5, HOUR);
    materials_sweep(store, HOUR);
    reopen(UINT64_MAX, UINT64_MAX);
    assert_true(materials_get_record(store, 4, &h));
    materials_release(&h);
    materials_round(store, 5, 2 * HOUR);
    materials_sweep(store, 12 * HOUR);
    assert_false(materials_get_record(store, 4, &h));
}

/* ---- erasing ---- */

static void erased_octets_are_written_over(void **state) {
    (void)state;
    char path[512], other[520];
    (void)snprintf(path, sizeof(path), "%s/secret", folder);
    (void)snprintf(other, sizeof(other), "%s.link", path);
    assert_int_equal(file_write(path, span_of(octets, sizeof(octets)), 0600, NULL), WS_OK);
    assert_int_equal(link(path, other), 0); /* the same octets by another name */
    assert_int_equal(file_erase(path, NULL), WS_OK);
    assert_int_not_equal(access(path, F_OK), 0);
    struct buf b = {0};
    assert_int_equal(file_read(other, sizeof(octets), &b, NULL), WS_OK);
    assert_int_equal(b.n, sizeof(octets));
    for (size_t i = 0; i < b.n; i++)
        assert_int_equal(b.p[i], 0);
    buf_free(&b);
    assert_int_equal(file_erase(path, NULL), WS_OK); /* again */
}

/* ---- crashes ---- */

static void copy_file(const char *from, const char *to) {
    struct buf b = {0};
    assert_int_equal(file_read(from, 1 << 20, &b, NULL), WS_OK);
    assert_int_equal(file_write(to, buf_span(&b), 0600, NULL), WS_OK);
    buf_free(&b);
}

/* All that a crash may leave of a put: each file missing, half there under its other name, or whole. What was not whole is not here, nothing of its
 * shares is left, and it can be put again. */
static void a_put_is_cut_anywhere(void **state) {
    (void)state;
    char whole[512], bundles[512], whole_half[512], bundles_half[512];
    path_of(3, 1, "", whole);
    path_of(3, 1, ".bundles", bundles);
    path_of(3, 1, ".tmp.99", whole_half);
    path_of(3, 1, ".bundles.tmp.99", bundles_half);
    for (unsigned at = 0; at < 6; at++) {
        assert_int_equal(put(3, 1), WS_OK);
        if (at < 5) { /* the last name was not there yet */
            copy_file(whole, whole_half);
            assert_int_equal(unlink(whole), 0);
        }
        if (at < 4) {
            copy_file(bundles, bundles_half);
            assert_int_equal(unlink(bundles), 0);
        }
        if (at < 3)
            assert_int_equal(truncate(whole_half, 100), 0);
        if (at < 2)
            assert_int_equal(unlink(whole_half), 0);
        if (at < 1)
            assert_int_equal(truncate(bundles_half, 0), 0);
        reopen(UINT64_MAX, UINT64_MAX);
        assert_int_equal(has(1), at == 5);
        assert_int_not_equal(access(whole_half, F_OK), 0);
        assert_int_not_equal(access(bundles_half, F_OK), 0);
        assert_int_equal(access(bundles, F_OK) == 0, at == 5);
        assert_int_equal(put(3, 1), at == 5 ? WS_EEXIST : WS_OK);
        assert_int_equal(bundles_of(1), BUNDLES);
        materials_round(store, 4, HOUR);
        materials_sweep(store, 20 * HOUR); /* gone, for the next */
        assert_false(has(1));
    }
}

/* Shares that were erased stay so over a restart; those that a crash left are erased then, also when the end of the round was noted already. */
static void erasing_is_cut_anywhere(void **state) {
    (void)state;
    char ended[512], kept[512], bundles[512];
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(put(7, i), WS_OK);
    path_of(7, 2, ".bundles", bundles);
    (void)snprintf(kept, sizeof(kept), "%s/kept", folder);
    copy_file(bundles, kept);
    materials_round(store, 8, HOUR);
    materials_sweep(store, HOUR);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(bundles_of(i), 0);
    (void)snprintf(ended, sizeof(ended), "%s/rounds/7/ended", folder);
    for (unsigned noted = 0; noted <= 1; noted++) {
        if (noted == 0)
            assert_int_equal(unlink(ended), 0);
        copy_file(kept, bundles); /* as if the power had gone before its turn */
        reopen(UINT64_MAX, UINT64_MAX);
        materials_round(store, 8, 2 * HOUR);
        assert_true(materials_to_sweep(store, 2 * HOUR));
        materials_sweep(store, 2 * HOUR);
        assert_int_not_equal(access(bundles, F_OK), 0);
        assert_int_equal(access(ended, F_OK), 0);
        assert_false(materials_to_sweep(store, 2 * HOUR));
        for (unsigned i = 0; i < 4; i++) {
            assert_true(has(i));
            assert_int_equal(bundles_of(i), 0);
        }
    }
    reopen(UINT64_MAX, UINT64_MAX);
    materials_round(store, 8, 3 * HOUR);
    assert_false(materials_to_sweep(store, 3 * HOUR));
}

/* What is written while its round ends is erased behind the others. */
static void what_comes_late_is_erased(void **state) {
    (void)state;
    assert_int_equal(put(7, 1), WS_OK);
    materials_round(store, 8, HOUR);
    materials_sweep(store, HOUR);
    assert_int_equal(put(7, 2), WS_OK);
    assert_true(materials_to_sweep(store, HOUR));
    materials_sweep(store, HOUR);
    assert_int_equal(bundles_of(2), 0);
    assert_false(materials_to_sweep(store, HOUR));
    assert_int_equal(materials_read(store).erased, 2);
}

/* A disk that does not let shares be erased: the end of the round is not noted, and it is tried again, now and after a start. */
static void erasing_that_fails(void **state) {
    (void)state;
    char path[512], in[540], ended[512];
    assert_int_equal(put(7, 1), WS_OK);
    assert_int_equal(put(7, 2), WS_OK);
    path_of(7, 1, ".bundles", path);
    (void)snprintf(in, sizeof(in), "%s/x", path);
    (void)snprintf(ended, sizeof(ended), "%s/rounds/7/ended", folder);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0); /* no file that could be written over */
    assert_int_equal(file_write(in, span_of("x", 1), 0600, NULL), WS_OK);
    materials_round(store, 8, HOUR);
    materials_sweep(store, HOUR);
    assert_int_not_equal(access(ended, F_OK), 0);
    assert_int_equal(materials_read(store).erased, 0);
    assert_int_equal(materials_read(store).io_failed, 1);
    assert_int_equal(bundles_of(2), 0);
    assert_false(materials_to_sweep(store, HOUR + 1));
    assert_true(materials_to_sweep(store, HOUR + 60000000));
    assert_int_equal(unlink(in), 0);
    assert_int_equal(rmdir(path), 0);
    materials_sweep(store, HOUR + 60000000);
    assert_int_equal(access(ended, F_OK), 0);
    assert_int_equal(materials_read(store).erased, 2);
    assert_false(materials_to_sweep(store, 2 * HOUR));
}

/* Half a record is none; the whole one is there again when it is put again. */
static void a_record_is_cut(void **state) {
    (void)state;
    char path[512], half[540];
    struct materials_hold h;
    (void)snprintf(path, sizeof(path), "%s/rounds/4/record", folder);
    (void)snprintf(half, sizeof(half), "%s.tmp.99", path);
    assert_int_equal(materials_put_record(store, 4, span_of("record", 6), NULL), WS_OK);
    copy_file(path, half);
    assert_int_equal(truncate(half, 3), 0);
    assert_int_equal(unlink(path), 0);
    reopen(UINT64_MAX, UINT64_MAX);
    assert_false(materials_get_record(store, 4, &h));
    assert_int_not_equal(access(half, F_OK), 0);
    assert_int_equal(materials_put_record(store, 4, span_of("record", 6), NULL), WS_OK);
    reopen(UINT64_MAX, UINT64_MAX);
    assert_true(materials_get_record(store, 4, &h));
    assert_int_equal(h.blob.n, 6);
    materials_release(&h);
}

/* Several in one go: one twice, one that is there, one whose file the disk refuses. */
static void many_at_once(void **state) {
    (void)state;
    const struct fl_material m = material();
    uint8_t id[6][32];
    struct materials_item item[7];
    char path[512];
    for (unsigned i = 0; i < 6; i++)
        id_of(i, id[i]);
    assert_int_equal(put(3, 5), WS_OK);
    path_of(3, 4, "", path);
    assert_int_equal(mkdir(path, 0700), 0); /* no file can have this name */
    char in[540];
    (void)snprintf(in, sizeof(in), "%s/x", path);
    assert_int_equal(file_write(in, span_of("x", 1), 0600, NULL), WS_OK);
    for (unsigned i = 0; i < 7; i++)
        item[i] = (struct materials_item){.round = 3 + (i == 1), .id = id[i % 6], .what = &m};
    materials_put_many(store, item, 7);
    for (unsigned i = 0; i < 7; i++)
        assert_int_equal(item[i].rc, i == 4 ? WS_EIO : i == 5 || i == 6 ? WS_EEXIST : WS_OK);
    assert_non_null(strstr(item[4].err.text, path));
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(bundles_of(i), BUNDLES);
    assert_false(has(4));
    path_of(3, 4, ".bundles", path);
    assert_int_not_equal(access(path, F_OK), 0); /* nor are its shares left */
    assert_int_equal(materials_read(store).io_failed, 1);
    assert_int_equal(materials_read(store).submissions, 5);
    reopen(UINT64_MAX, UINT64_MAX);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(bundles_of(i), BUNDLES);
    path_of(3, 4, "", path);
    (void)snprintf(in, sizeof(in), "%s/x", path);
    (void)unlink(in);
    (void)rmdir(path);
}

/* ---- threads ---- */

static void *putter(void *arg) {
    const unsigned from = *(const unsigned *)arg;
    for (unsigned i = from; i < from + 40; i++) {
        if (put(1 + i % 3, i) != WS_OK)
            return arg;
    }
    return NULL;
}

static void threads_share_it(void **state) {
    (void)state;
    pthread_t thread[2];
    unsigned from[2] = {1000, 2000};
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, putter, &from[i]), 0);
    for (unsigned k = 0; k < 50; k++) {
        materials_round(store, 1 + k % 4, (1 + k) * HOUR / 10);
        materials_sweep(store, (1 + k) * HOUR / 10);
        uint8_t id[32];
        struct materials_hold h;
        id_of(1000 + k % 40, id);
        if (materials_get(store, id, &h))
            materials_release(&h);
    }
    for (size_t i = 0; i < 2; i++) {
        void *failed;
        assert_int_equal(pthread_join(thread[i], &failed), 0);
        assert_null(failed);
    }
    assert_int_equal(materials_read(store).submissions, 80);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_put_comes_back, begin, end),
        cmocka_unit_test_setup_teardown(bundles_go_when_the_round_is_over, begin, end),
        cmocka_unit_test_setup_teardown(a_round_ends_while_nobody_looks, begin, end),
        cmocka_unit_test_setup_teardown(halves_are_removed, begin, end),
        cmocka_unit_test_setup_teardown(damage_is_not_given_out_as_whole, begin, end),
        cmocka_unit_test_setup_teardown(room_is_made_of_what_is_over, begin, end),
        cmocka_unit_test_setup_teardown(blobs_are_of_their_hash, begin, end),
        cmocka_unit_test_setup_teardown(blobs_stay_within_their_budget, begin, end),
        cmocka_unit_test_setup_teardown(records_go_with_their_round, begin, end),
        cmocka_unit_test_setup_teardown(erased_octets_are_written_over, begin, end),
        cmocka_unit_test_setup_teardown(a_put_is_cut_anywhere, begin, end),
        cmocka_unit_test_setup_teardown(erasing_is_cut_anywhere, begin, end),
        cmocka_unit_test_setup_teardown(what_comes_late_is_erased, begin, end),
        cmocka_unit_test_setup_teardown(erasing_that_fails, begin, end),
        cmocka_unit_test_setup_teardown(a_record_is_cut, begin, end),
        cmocka_unit_test_setup_teardown(many_at_once, begin, end),
        cmocka_unit_test_setup_teardown(threads_share_it, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
