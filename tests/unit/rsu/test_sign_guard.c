/* ledger/store/sign_guard and rsu/sign_command: a disk put back from a copy does not sign. */
#include "tests/support/cm.h"
#include "tests/support/folder.h"

#include "base/fileio.h"
#include "ledger/store/sign_guard.h"
#include "rsu/host/sign_command.h"

struct place {
    struct folder folder;
    char record[FOLDER_PATH], copy[FOLDER_PATH], counter_path[FOLDER_PATH];
    struct sign_counter counter;
    bool dies; /* before the counter is advanced */
};

static int advance_or_die(void *ctx, uint64_t *ret_value, struct ws_err *err) {
    struct place *p = ctx;
    return p->dies ? ws_fail(err, WS_EIO, "power")
                   : sign_counter_file_advance(p->counter_path, ret_value, err);
}

static int read_it(void *ctx, uint64_t *ret_value, struct ws_err *err) {
    struct place *p = ctx;
    return sign_counter_file_read(p->counter_path, ret_value, err);
}

static int set_up(void **state) {
    struct place *p = ws_alloc(sizeof(*p));
    if (folder_make(&p->folder) != 0)
        return -1;
    (void)folder_path(&p->folder, p->record, "sign-guard");
    (void)folder_path(&p->folder, p->copy, "copy");
    (void)folder_path(&p->folder, p->counter_path, "counter");
    p->counter = (struct sign_counter){read_it, advance_or_die, p};
    *state = p;
    return 0;
}

static int tear_down(void **state) {
    struct place *p = *state;
    int rc = folder_remove(&p->folder);
    free(p);
    return rc;
}

static const uint8_t instance[SIGN_INSTANCE_OCTETS] = {7};

static int open_guard(struct place *p, struct sign_guard *g, struct ws_err *err) {
    return sign_guard_open(p->record, &p->counter, 10, instance, g, err);
}

static void copy_to(const char *from, const char *to) {
    struct buf b = {0};
    assert_int_equal(file_read(from, 1000, &b, NULL), WS_OK);
    assert_int_equal(file_write(to, buf_span(&b), 0600, NULL), WS_OK);
    buf_free(&b);
}

static void a_copy_does_not_sign(void **state) {
    struct place *p = *state;
    struct sign_guard g;
    struct ws_err err = {0};
    assert_int_equal(open_guard(p, &g, &err), WS_OK);
    assert_int_equal(g.starts, 1);
    copy_to(p->record, p->copy);
    assert_int_equal(open_guard(p, &g, &err), WS_OK); /* an honest restart */
    assert_int_equal(g.starts, 2);
    assert_memory_equal(g.instance, instance, sizeof(instance));
    copy_to(p->copy, p->record);
    assert_int_equal(open_guard(p, &g, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "put back from a copy"));
    assert_int_equal(open_guard(p, &g, &err), WS_EINPUT); /* asking again changes nothing */
    assert_int_equal(remove(p->record), 0);
    assert_int_equal(open_guard(p, &g, &err), WS_OK);
    assert_int_equal(g.starts, 1);
}

static void a_copy_of_a_running_unit_neither(void **state) {
    struct place *p = *state;
    struct sign_guard g;
    struct ws_err err = {0};
    assert_int_equal(open_guard(p, &g, &err), WS_OK);
    assert_int_equal(sign_guard_height(&g, 9, &err), WS_OK);
    copy_to(p->record, p->copy);
    uint64_t before = g.at;
    assert_int_equal(sign_guard_height(&g, 10, &err), WS_OK);
    assert_int_equal(g.at, before + 1);
    assert_int_equal(sign_guard_height(&g, 19, &err), WS_OK);
    assert_int_equal(g.at, before + 1);
    assert_int_equal(sign_guard_height(&g, 20, &err), WS_OK);
    copy_to(p->copy, p->record);
    assert_int_equal(open_guard(p, &g, &err), WS_EINPUT);
}

/* Somebody removed it, or the copy does not have it: the counter may have moved for anything that was said. */
static void without_its_record_a_unit_listens(void **state) {
    struct place *p = *state;
    struct sign_guard g;
    struct ws_err err = {0};
    for (int life = 0; life < 2;
         life++) { /* the first of all has said nothing, and cannot know it */
        assert_int_equal(open_guard(p, &g, &err), WS_OK);
        assert_true(g.listen != 0);
        /* A crash before a height was told: the next start has not forgotten it. */
        p->dies = true;
        assert_int_equal(sign_guard_height(&g, 500, &err), WS_EIO);
        p->dies = false;
        assert_int_equal(open_guard(p, &g, &err), WS_OK);
        assert_int_equal(g.listen, 502);
        assert_int_equal(sign_guard_height(&g, 502, &err), WS_OK);
        assert_int_equal(g.listen, 502);
        assert_int_equal(sign_guard_height(&g, 503, &err), WS_OK);
        assert_int_equal(g.listen, 0);
        assert_int_equal(sign_guard_height(&g, 520, &err), WS_OK);
        assert_int_equal(open_guard(p, &g, &err), WS_OK); /* written with the move */
        assert_int_equal(g.listen, 0);
        assert_int_equal(remove(p->record), 0);
    }
    assert_int_equal(sign_guard_open(p->record, NULL, 10, instance, &g, NULL), WS_OK);
    assert_int_equal(g.listen, 0); /* no counter, no guard: the node's own rules hold */
}

/* Between the record and the counter. */
static void a_crash_in_between_locks_nobody_out(void **state) {
    struct place *p = *state;
    struct sign_guard g;
    struct ws_err err = {0};
    assert_int_equal(open_guard(p, &g, &err), WS_OK);
    for (int i = 0; i < 3; i++) {
        p->dies = true;
        assert_int_equal(open_guard(p, &g, &err), WS_EIO);
        p->dies = false;
        assert_int_equal(open_guard(p, &g, &err), WS_OK);
        p->dies = true;
        assert_int_equal(sign_guard_height(&g, 1000 * ((uint64_t)i + 1), &err), WS_EIO);
        p->dies = false;
    }
    assert_int_equal(open_guard(p, &g, &err), WS_OK);
}

static void another_machine_is_told(void **state) {
    struct place *p = *state;
    struct sign_guard g;
    struct ws_err err = {0};
    for (int i = 0; i < 5; i++)
        assert_int_equal(open_guard(p, &g, &err), WS_OK);
    assert_int_equal(remove(p->counter_path), 0); /* a counter that begins anew */
    assert_int_equal(open_guard(p, &g, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "another machine"));
}

static void damage_is_named(void **state) {
    struct place *p = *state;
    struct sign_guard g;
    struct ws_err err = {0};
    assert_int_equal(open_guard(p, &g, &err), WS_OK);
    struct buf b = {0};
    assert_int_equal(file_read(p->record, 1000, &b, NULL), WS_OK);
    for (size_t i = 0; i < b.n; i++) {
        b.p[i] ^= (uint8_t)(1U << (i % 8));
        assert_int_equal(file_write(p->record, buf_span(&b), 0600, NULL), WS_OK);
        assert_int_equal(open_guard(p, &g, &err), WS_EINPUT);
        assert_non_null(strstr(err.text, "sign-guard"));
        b.p[i] ^= (uint8_t)(1U << (i % 8));
        assert_int_equal(file_write(p->record, span_of(b.p, i), 0600, NULL), WS_OK);
        assert_int_equal(open_guard(p, &g, &err), WS_EINPUT);
    }
    assert_int_equal(file_write(p->counter_path, span_of("zork", 4), 0600, NULL), WS_OK);
    assert_int_equal(file_write(p->record, buf_span(&b), 0600, NULL), WS_OK);
    assert_int_equal(open_guard(p, &g, &err), WS_EIO);
    buf_free(&b);
}

static void without_a_counter_starts_are_counted(void **state) {
    struct place *p = *state;
    struct sign_guard g;
    for (uint64_t i = 1; i < 4; i++) {
        assert_int_equal(sign_guard_open(p->record, NULL, 10, instance, &g, NULL), WS_OK);
        assert_int_equal(g.starts, i);
        assert_int_equal(sign_guard_height(&g, 100000, NULL), WS_OK);
    }
}

/* ---- a program ---- */

static void program(struct place *p, const char *text) {
    assert_int_equal(file_write(p->copy, span_of(text, strlen(text)), 0700, NULL), WS_OK);
}

static void a_program_is_a_counter(void **state) {
    struct place *p = *state;
    struct sign_counter by_program = {sign_command_read, sign_command_advance, p->copy};
    struct sign_guard g;
    struct ws_err err = {0};
    struct buf b = {0};
    buf_printf(&b,
        "#!/bin/sh\nn=$(cat %s 2>/dev/null || echo 41)\n[ $1 = advance ] && n=$((n + 1))\n"
        "echo $n > %s\necho $n\n",
        p->counter_path, p->counter_path);
    buf_u8(&b, 0);
    program(p, (const char *)b.p);
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(sign_guard_open(p->record, &by_program, 10, instance, &g, &err), WS_OK);
        assert_int_equal(g.at, 42 + i);
    }
    static const char *const bad[] = {"#!/bin/sh\necho zork\n", "#!/bin/sh\necho 45\nexit 1\n",
        "#!/bin/sh\nexit 0\n", "#!/bin/sh\nwhile :; do echo 1111111111111111; done\n"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        program(p, bad[i]);
        assert_int_equal(sign_guard_open(p->record, &by_program, 10, instance, &g, &err), WS_EIO);
        assert_non_null(strstr(err.text, "gave no number"));
    }
    assert_int_equal(remove(p->copy), 0);
    assert_int_equal(sign_guard_open(p->record, &by_program, 10, instance, &g, &err), WS_EIO);
    buf_free(&b);
}

#define HERE(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        HERE(a_copy_does_not_sign),
        HERE(without_its_record_a_unit_listens),
        HERE(a_copy_of_a_running_unit_neither),
        HERE(a_crash_in_between_locks_nobody_out),
        HERE(another_machine_is_told),
        HERE(damage_is_named),
        HERE(without_a_counter_starts_are_counted),
        HERE(a_program_is_a_counter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
