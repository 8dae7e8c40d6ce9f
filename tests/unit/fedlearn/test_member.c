/* Validators that act by themselves: whole rounds without a word of the test's own, whoever crashes and wherever; what they complain about,
 * what they wait for, and what they never say twice. */
#include "base/mem.h"
#include "fedlearn/round/member.h"
#include "tests/unit/fedlearn/round_rig.h"

#include <stdlib.h>

enum { FILES = 8 };

struct file {
    char name[32];
    struct buf octets;
};

struct unit {
    struct cell *cell;
    struct fl_member *member;
    struct file file[FILES];
    bool disk_full;
    uint64_t lacks; /* bit i: vehicle i's material is not here */
    uint64_t mangled; /* bit i: what is here is not what was sent */
    struct buf copy;
    bool down, slow; /* its looks take a while */
    struct fl_look *looking[RIG_VEHICLES];
    size_t n_looks;
    size_t said[6]; /* records, by kind */
};

struct cell {
    struct rig *rig;
    struct unit unit[RIG_VALIDATORS];
};

/* ---- a unit's disk and store ---- */

static struct file *find(struct unit *u, const char *name, bool make) {
    for (size_t i = 0; i < FILES; i++)
        if (strcmp(u->file[i].name, name) == 0)
            return &u->file[i];
    for (size_t i = 0; make && i < FILES; i++) {
        if (u->file[i].name[0] == '\0') {
            (void)snprintf(u->file[i].name, sizeof(u->file[i].name), "%s", name);
            return &u->file[i];
        }
    }
    return NULL;
}

static bool load(void *ctx, const char *name, struct buf *ret) {
    struct file *f = find(ctx, name, false);
    if (f != NULL)
        buf_put(ret, f->octets.p, f->octets.n);
    return f != NULL;
}

static int save(void *ctx, const char *name, struct span octets, struct ws_err *err) {
    struct unit *u = ctx;
    if (u->disk_full)
        return ws_fail(err, WS_EIO, "no space");
    struct file *f = find(u, name, true);
    assert_non_null(f);
    buf_clear(&f->octets);
    buf_put(&f->octets, octets.p, octets.n);
    return WS_OK;
}

static void erase(void *ctx, const char *name) {
    struct file *f = find(ctx, name, false);
    if (f == NULL)
        return;
    buf_free(&f->octets);
    memset(f, 0, sizeof(*f));
}

static bool material(struct unit *u, const uint8_t id[static 32], struct fl_material *ret) {
    struct rig *r = u->cell->rig;
    for (size_t i = 0; i < RIG_VEHICLES; i++) {
        const struct rig_vehicle *c = &r->vehicle[i];
        if (memcmp(c->submission.id, id, 32) != 0)
            continue;
        if ((u->lacks >> i & 1) != 0)
            return false;
        buf_clear(&u->copy);
        buf_put(&u->copy, c->wire.p, c->wire.n);
        if ((u->mangled >> i & 1) != 0)
            u->copy.p[7] ^= 4;
        ret->cover = span_of(c->cover, fl_cover_octets((unsigned)r->n));
        ret->bundles =
            span_of(c->bundles, fl_bundle_offset(&c->submission.plan, (unsigned)r->n + 1));
        ret->wire = buf_span(&u->copy);
        return true;
    }
    return false;
}

static bool look(void *ctx, struct fl_look *l) {
    struct unit *u = ctx;
    struct fl_material have;
    if (!material(u, l->id, &have))
        return false;
    fl_look_run(l, &have);
    if (u->slow) {
        assert_true(u->n_looks < RIG_VEHICLES);
        u->looking[u->n_looks++] = l;
    } else {
        fl_member_looked(u->member, l);
    }
    return true;
}

/* The last come back first. */
static void looks_end(struct unit *u) {
    while (u->n_looks > 0)
        fl_member_looked(u->member, u->looking[--u->n_looks]);
}

static void boot(struct cell *c, unsigned v) {
    struct unit *u = &c->unit[v - 1];
    const struct fl_member_io io = {load, save, erase, look, &c->rig->random, u};
    struct fl_member_limits limits = fl_member_limits_default();
    limits.looks = 7;
    looks_end(u);
    fl_member_free(u->member);
    u->member = fl_member_new(c->rig->host.cell_id, c->rig->set[v - 1].address, &limits, &io);
}

static struct cell *cell_open(void) {
    struct cell *c = ws_alloc(sizeof(*c));
    c->rig = rig_new(RIG_VALIDATORS);
    for (unsigned v = 1; v <= RIG_VALIDATORS; v++) {
        c->unit[v - 1].cell = c;
        boot(c, v);
    }
    return c;
}

static void cell_close(struct cell *c) {
    for (size_t v = 0; v < RIG_VALIDATORS; v++) {
        struct unit *u = &c->unit[v];
        looks_end(u);
        fl_member_free(u->member);
        buf_free(&u->copy);
        for (size_t i = 0; i < FILES; i++)
            buf_free(&u->file[i].octets);
    }
    rig_close(c->rig);
    free(c);
}

/* One block: what everybody wished for after the last one is in it. */
static void block(struct cell *c) {
    struct rig *r = c->rig;
    const struct fl_wish *wish[RIG_VALIDATORS];
    size_t n[RIG_VALIDATORS] = {0};
    for (size_t v = 0; v < RIG_VALIDATORS; v++) {
        struct unit *u = &c->unit[v];
        if (!u->down)
            n[v] =
                fl_member_step(u->member, r->contract.self, r->host.height, r->host.time, &wish[v]);
    }
    rig_begin(r, RIG_SECOND);
    for (size_t v = 0; v < RIG_VALIDATORS; v++) {
        for (size_t i = 0; i < n[v]; i++) {
            struct buf copy = {0};
            buf_put(&copy, wish[v][i].body.p, wish[v][i].body.n);
            exec_code code = rig_record(r, (unsigned)v + 1, wish[v][i].kind, &copy);
            /* Somebody else may have complained first. */
            assert_true(code == FL_ROUND_OK ||
                        (wish[v][i].kind == FL_RECORD_COMPLAINT && code == FL_ROUND_ALREADY));
            c->unit[v].said[wish[v][i].kind]++;
        }
    }
    rig_end(r);
}

static void until(struct cell *c, enum fl_phase phase) {
    for (unsigned i = 0; rig_view(c->rig).phase != phase; i++) {
        assert_true(i < 300);
        block(c);
    }
}

/* The model, then submissions of that many vehicles. */
static void submit(struct cell *c, size_t vehicles) {
    until(c, FL_SUBMITTING);
    rig_begin(c->rig, RIG_SECOND);
    for (size_t i = 0; i < vehicles; i++) {
        rig_make(c->rig, i);
        assert_int_equal(rig_submit(c->rig, i), FL_ROUND_OK);
    }
    rig_end(c->rig);
}

static void order(struct cell *c) {
    rig_begin(c->rig, RIG_SECOND);
    assert_int_equal(rig_order_model(c->rig), FL_ROUND_OK);
    rig_end(c->rig);
}

static void close_round(struct cell *c) {
    struct fl_outcome *o = ws_alloc(sizeof(*o));
    until(c, FL_JUDGING);
    rig_outcome(c->rig, o);
    for (size_t v = 0; v < RIG_VALIDATORS; v++)
        fl_member_outcome(c->unit[v].member, o);
    for (unsigned i = 0; rig_view(c->rig).phase == FL_JUDGING; i++) {
        assert_true(i < 20);
        block(c);
    }
    assert_int_equal(rig_view(c->rig).phase, FL_IDLE);
    assert_int_equal(rig_view(c->rig).why, FL_ABORT_NONE);
    rig_move_on(c->rig, o);
    free(o);
}

static struct fl_model_view model(const struct cell *c) {
    struct fl_model_view m;
    fl_contract_model(c->rig->contract.self, &m);
    return m;
}

static void a_round_by_itself(void **state) {
    (void)state;
    struct cell *c = cell_open();
    order(c);
    submit(c, 20);
    close_round(c);
    assert_int_equal(model(c).version, 2);
    for (size_t v = 0; v < RIG_VALIDATORS; v++) {
        assert_int_equal(fl_member_read(c->unit[v].member)->good, 20);
        for (enum fl_record k = FL_RECORD_KEY; k <= FL_RECORD_OUTCOME; k++)
            assert_int_equal(c->unit[v].said[k], k == FL_RECORD_COMPLAINT ? 0 : 1);
    }
    cell_close(c);
}

/* Unit 2 loses its memory at some block of the round: the round ends as it would have. */
static void a_crash_at_any_block(void **state) {
    (void)state;
    for (unsigned at = 0; at < 12; at++) {
        struct cell *c = cell_open();
        order(c);
        submit(c, 17);
        until(c, FL_ATTESTING);
        for (unsigned i = 0; rig_view(c->rig).phase != FL_JUDGING; i++) {
            assert_true(i < 60);
            if (i == at)
                boot(c, 2);
            block(c);
        }
        close_round(c);
        assert_int_equal(model(c).version, 2);
        /* The others may be done before it has looked at everything again. */
        assert_in_range(c->unit[1].said[FL_RECORD_SHARES], at < 3, 1);
        assert_int_equal(fl_member_read(c->unit[1].member)->refused_to_open, 0);
        cell_close(c);
    }
}

/* One of four is gone from the start of the round, or from the attestation on. */
static void three_are_enough(void **state) {
    (void)state;
    for (int late = 0; late < 2; late++) {
        struct cell *c = cell_open();
        order(c);
        until(c, FL_SUBMITTING);
        c->unit[2].down = late == 0;
        submit(c, 17);
        until(c, FL_DRAWING);
        c->unit[2].down = true;
        close_round(c);
        assert_int_equal(model(c).version, 2);
        cell_close(c);
    }
}

/* A bundle that cannot be read is complained about, and the vehicle is out. */
static void bad_bundles_are_told_of(void **state) {
    (void)state;
    struct cell *c = cell_open();
    struct fl_submission_view s;
    order(c);
    submit(c, 17);
    rig_begin(c->rig, RIG_SECOND);
    rig_make_unreadable(c->rig, 17, 4);
    assert_int_equal(rig_submit(c->rig, 17), FL_ROUND_OK);
    rig_end(c->rig);
    until(c, FL_DRAWING);
    assert_true(fl_contract_submission(c->rig->contract.self, 17, &s));
    assert_true(s.excluded && !s.included);
    assert_int_equal(rig_view(c->rig).included, 17);
    assert_int_equal(c->unit[3].said[FL_RECORD_COMPLAINT], 1);
    assert_int_equal(fl_member_read(c->unit[3].member)->bad, 1);
    assert_int_equal(c->unit[0].said[FL_RECORD_COMPLAINT], 0);
    close_round(c);
    cell_close(c);
}

/* What does not come in half of the time is left out; what is here and is not what was sent is looked at again. */
static void what_is_not_here(void **state) {
    (void)state;
    struct cell *c = cell_open();
    struct fl_submission_view s;
    order(c);
    submit(c, 20);
    c->unit[0].lacks = 1 << 4 | 1 << 5;
    c->unit[1].lacks = 1 << 5;
    c->unit[2].mangled = 1 << 6;
    until(c, FL_ATTESTING);
    for (unsigned i = 0; i < 10; i++)
        block(c);
    assert_true(fl_contract_has_attested(c->rig->contract.self, 4));
    assert_false(fl_contract_has_attested(c->rig->contract.self, 3));
    assert_true(fl_member_read(c->unit[2].member)->other > 0);
    c->unit[2].mangled = 0;
    until(c, FL_DRAWING);
    assert_true(fl_contract_submission(c->rig->contract.self, 4, &s) && s.included);
    assert_true(fl_contract_submission(c->rig->contract.self, 5, &s) && !s.included);
    assert_true(fl_contract_submission(c->rig->contract.self, 6, &s) && s.included);
    c->unit[0].lacks = 0; /* a peer hands it on */
    close_round(c);
    cell_close(c);
}

/* Vehicles that say they take part and send nothing are in nobody's way, however many a unit may look at in one go. */
static void who_sends_nothing(void **state) {
    (void)state;
    struct cell *c = cell_open();
    struct fl_submission_view s;
    order(c);
    submit(c, 30);
    for (size_t v = 0; v < RIG_VALIDATORS; v++)
        c->unit[v].lacks = 0x3ff; /* more than seven, and the first */
    close_round(c);
    assert_int_equal(fl_contract_submission(c->rig->contract.self, 0, &s), false);
    for (size_t v = 0; v < RIG_VALIDATORS; v++)
        assert_int_equal(fl_member_read(c->unit[v].member)->good, 20);
    cell_close(c);
}

/* A unit starts again late in ATTESTING, and its looks take a block: it does not say that it holds nothing, there being one attestation only. */
static void who_comes_late(void **state) {
    (void)state;
    struct cell *c = cell_open();
    order(c);
    submit(c, 20);
    c->unit[0].down = c->unit[3].down = true;
    until(c, FL_ATTESTING);
    const uint64_t end = rig_view(c->rig).until_us;
    while (c->rig->host.time + 13 * (uint64_t)RIG_SECOND < end)
        block(c);
    assert_int_equal(rig_view(c->rig).phase, FL_ATTESTING);
    boot(c, 1);
    c->unit[0].down = false;
    c->unit[0].slow = true;
    for (unsigned i = 0; i < 5; i++) {
        block(c);
        assert_int_equal(c->unit[0].said[FL_RECORD_ATTEST], i >= 3);
        looks_end(&c->unit[0]);
    }
    until(c, FL_DRAWING);
    assert_int_equal(c->unit[0].said[FL_RECORD_ATTEST], 1);
    assert_int_equal(rig_view(c->rig).included, 20);
    c->unit[0].slow = false;
    close_round(c);
    cell_close(c);
}

/* Looks that take some blocks, come back in another order, and partly when the round is over and its key is gone. */
static void looks_take_a_while(void **state) {
    (void)state;
    struct cell *c = cell_open();
    order(c);
    submit(c, 20);
    for (size_t v = 0; v < RIG_VALIDATORS; v++)
        c->unit[v].slow = true;
    for (unsigned i = 0; i < 12; i++) {
        block(c);
        for (size_t v = 0; v < RIG_VALIDATORS; v++) {
            struct unit *u = &c->unit[v];
            assert_true(fl_member_looking(u->member) <= 7);
            assert_int_equal(fl_member_looking(u->member), u->n_looks);
            if (v != 3 && i % 3 == 2)
                looks_end(u);
        }
    }
    assert_int_equal(fl_member_read(c->unit[3].member)->good, 0);
    for (size_t v = 0; v < 3; v++) {
        assert_int_equal(fl_member_read(c->unit[v].member)->good, 20);
        c->unit[v].slow = false;
    }
    close_round(c);
    assert_int_equal(c->unit[3].n_looks, 7);
    for (unsigned i = 0; i < 400; i++) /* into the next round, with another key */
        block(c);
    looks_end(&c->unit[3]);
    assert_int_equal(fl_member_read(c->unit[3].member)->good, 0);
    cell_close(c);
}

/* The ledger was put back, and the groups are others: nothing is said about these. Nor is anything said that is not written down. */
static void opened_once(void **state) {
    (void)state;
    struct cell *c = cell_open();
    order(c);
    submit(c, 17);
    until(c, FL_DRAWING);
    c->unit[3].disk_full = true;
    uint8_t other[40] = {0};
    put_be64(other, rig_view(c->rig).number);
    assert_int_equal(save(&c->unit[0], "opened", span_of(other, sizeof(other)), NULL), WS_OK);
    until(c, FL_OPENING);
    for (unsigned i = 0; i < 10; i++)
        block(c);
    assert_int_equal(c->unit[0].said[FL_RECORD_SHARES], 0);
    assert_true(fl_member_read(c->unit[0].member)->refused_to_open > 0);
    assert_int_equal(c->unit[3].said[FL_RECORD_SHARES], 0);
    assert_true(fl_member_read(c->unit[3].member)->io_failed > 0);
    assert_int_equal(c->unit[1].said[FL_RECORD_SHARES], 1);
    c->unit[3].disk_full = false;
    close_round(c); /* three are enough */
    cell_close(c);
}

/* Keys are renewed between rounds when they are old, and the old secret is gone then. */
/* The whole cell goes on from its backups, hours after the round's time: what was said before nobody knows any more. */
static void a_round_out_of_its_time(void **state) {
    (void)state;
    struct cell *c = cell_open();
    order(c);
    submit(c, 17);
    until(c, FL_ATTESTING);
    rig_begin(c->rig, 4 * 3600 * (uint64_t)RIG_SECOND);
    rig_end(c->rig);
    for (unsigned i = 0; i < 200 && rig_view(c->rig).phase != FL_IDLE; i++)
        block(c);
    assert_int_equal(rig_view(c->rig).phase, FL_IDLE);
    for (unsigned v = 0; v < RIG_VALIDATORS; v++)
        assert_int_equal(c->unit[v].said[FL_RECORD_SHARES], 0);
    cell_close(c);
}

static void keys_grow_old(void **state) {
    (void)state;
    struct cell *c = cell_open();
    order(c);
    submit(c, 16);
    assert_non_null(find(&c->unit[0], "key-1", false));
    close_round(c);
    for (unsigned i = 0; i < 4; i++)
        block(c);
    assert_null(find(&c->unit[0], "key-1", false)); /* a key a round */
    assert_non_null(find(&c->unit[0], "key-2", false));
    rig_set_policy(c->rig, "every_s", 31536000); /* no round comes in between */
    assert_int_equal(rig_view(c->rig).phase, FL_IDLE);
    /* A day later, and the power went before an old key had been erased. */
    rig_begin(c->rig, 86400 * (uint64_t)RIG_SECOND);
    rig_end(c->rig);
    for (unsigned i = 0; i < 4; i++)
        block(c);
    assert_int_equal(save(&c->unit[0], "key-1", span_of("left behind", 11), NULL), WS_OK);
    boot(c, 1);
    block(c);
    for (unsigned v = 1; v <= RIG_VALIDATORS; v++) {
        assert_int_equal(
            fl_contract_key_serial(c->rig->contract.self, c->rig->set[v - 1].address), 3);
        assert_null(find(&c->unit[v - 1], "key-1", false));
        assert_null(find(&c->unit[v - 1], "key-2", false));
        assert_non_null(find(&c->unit[v - 1], "key-3", false));
    }
    cell_close(c);
}

/* A unit that has lost its key registers a new one, and opens nothing in the round that still has the old. */
static void a_lost_key(void **state) {
    (void)state;
    struct cell *c = cell_open();
    order(c);
    submit(c, 17);
    erase(&c->unit[1], "key-1");
    boot(c, 2);
    close_round(c);
    assert_int_equal(c->unit[1].said[FL_RECORD_ATTEST], 0);
    assert_int_equal(c->unit[1].said[FL_RECORD_SHARES], 0);
    assert_int_equal(c->unit[1].said[FL_RECORD_OUTCOME], 1); /* what everybody can compute */
    rig_set_policy(c->rig, "every_s", 60);
    assert_int_equal(fl_contract_key_serial(c->rig->contract.self, c->rig->set[1].address), 2);
    submit(c, 16);
    close_round(c);
    assert_int_equal(c->unit[1].said[FL_RECORD_ATTEST], 1);
    cell_close(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_round_by_itself),
        cmocka_unit_test(a_crash_at_any_block),
        cmocka_unit_test(three_are_enough),
        cmocka_unit_test(bad_bundles_are_told_of),
        cmocka_unit_test(what_is_not_here),
        cmocka_unit_test(who_sends_nothing),
        cmocka_unit_test(who_comes_late),
        cmocka_unit_test(looks_take_a_while),
        cmocka_unit_test(opened_once),
        cmocka_unit_test(a_round_out_of_its_time),
        cmocka_unit_test(keys_grow_old),
        cmocka_unit_test(a_lost_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
