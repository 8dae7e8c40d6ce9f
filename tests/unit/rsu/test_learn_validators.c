/* What validators may try against a round of learning, and what may happen to them in the middle of one (docs/learning-attacks.md), before
 * whole nodes: up to f are named and do not matter, more than f end the round cleanly, and nothing is opened twice. */
#include "tests/unit/rsu/learn_world.h"

#include "base/fileio.h"
#include "base/mem.h"
#include "rsu/cell/own_record.h"
#include "tests/support/orders.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CARS = WORLD_CARS, MANY = 600 };
#define SECOND WORLD_SECOND

static uint32_t all(const struct world *x) {
    return (1U << x->n) - 1;
}

static void begin(struct world *x, const struct world_plan *plan) {
    world_open_as(x, plan);
    world_order_model(x);
    world_until(x, FL_SUBMITTING, 120 * SECOND);
}

/* The units' learning goes on until a step begins; ends in the block that begins it, before anybody has spoken in it. */
static void until_before(struct world *x, enum fl_phase phase) {
    for (unsigned t = 0; t < 10 * MANY; t++) {
        world_tick(x);
        if (world_round(x, 0).phase == phase)
            return;
        for (size_t i = 0; i < x->n; i++)
            world_learn(x, i);
    }
    fail_msg("%s never comes", fl_phase_name(phase));
}

static void expect_end(struct world *x, enum fl_abort why) {
    world_until(x, FL_IDLE, 1000 * SECOND);
    for (size_t i = 0; i < x->n; i++)
        assert_int_equal(world_round(x, i).why, why);
}

static uint64_t model_version(const struct world *x, size_t i) {
    struct fl_model_view m;
    fl_contract_model(x->w->m[i].cell.learn, &m);
    return m.version;
}

/* ---- records that a liar's machine would sign ---- */

static enum tx_verdict say(
    struct world *x, size_t liar, size_t at, enum fl_record kind, struct buf *body) {
    uint8_t address[32];
    own_record_address(x->w->m[liar].signer, address);
    const struct own_record who = {x->w->cell_id, address, x->w->m[liar].signer};
    const enum tx_verdict v = own_record_submit(&who, CELL_CONTRACT_LEARN, (uint16_t)kind,
        buf_span(body), x->w->m[at].node, nodes_now(x->w, at));
    buf_free(body);
    return v;
}

/* Sums that belong to nothing, of all groups. */
static enum tx_verdict say_sums(struct world *x, size_t liar, size_t at, uint64_t seed) {
    const struct fl_round_view view = world_round(x, at);
    struct ws_random random = ws_random_seeded(seed);
    uint8_t *sums = ws_alloc((size_t)view.groups * FL_SUM_OCTETS);
    struct fl_share_sum sum;
    struct buf body = {0};
    for (size_t g = 0; g < view.groups; g++) {
        for (size_t i = 0; i < FL_KEY_VALUES; i++)
            sum.v[i] = (uint16_t)ws_random_below(&random, FL_SHARE_PRIME);
        fl_share_sum_put(&sum, sums + g * FL_SUM_OCTETS);
    }
    const struct fl_shares_record rec = {.round = view.number,
        .n = view.groups,
        .sums = span_of(sums, (size_t)view.groups * FL_SUM_OCTETS)};
    fl_shares_record_encode(&rec, &body);
    free(sums);
    return say(x, liar, at, FL_RECORD_SHARES, &body);
}

static enum tx_verdict say_attest(struct world *x, size_t liar, size_t at, uint8_t first) {
    uint8_t bits[CARS / 8] = {first, 0xff, 0xff};
    const struct fl_attest a = {
        .round = world_round(x, at).number, .n = CARS, .bits = span_of(bits, sizeof(bits))};
    struct buf body = {0};
    fl_attest_encode(&a, &body);
    return say(x, liar, at, FL_RECORD_ATTEST, &body);
}

/* ---- blame ---- */

struct blamed {
    uint8_t address[32];
    enum fl_fault fault;
    unsigned n, others;
};

/* version, round (8), validator's address (32), fault (1), group or submission (4) */
static void see_fault(void *ctx, struct span body) {
    struct blamed *b = ctx;
    assert_int_equal(body.n, 1 + 8 + 32 + 1 + 4);
    const bool is = memcmp(body.p + 9, b->address, 32) == 0 && body.p[41] == b->fault;
    b->n += is;
    b->others += !is;
}

/* `n` such faults of that validator are on the ledger at every unit, and none of anybody else when `alone`. */
static void expect_fault(
    const struct world *x, size_t liar, enum fl_fault fault, unsigned n, bool alone) {
    for (size_t i = 0; i < x->n; i++) {
        struct blamed b = {.fault = fault};
        own_record_address(x->w->m[liar].signer, b.address);
        (void)world_events(x, i, FL_EVENT_FAULT, see_fault, &b);
        assert_int_equal(b.n, n);
        if (alone)
            assert_int_equal(b.others, 0);
    }
}

/* ---- share sums ---- */

/* Attack list: wrong share sums, 1..f liars. */
static void a_wrong_sum(void **state) {
    (void)state;
    struct world x;
    const struct world_plan plan = {.seed = 41};
    begin(&x, &plan);
    world_drive_all(&x, all(&x));
    until_before(&x, FL_OPENING);
    x.mute[3] = true;
    assert_int_equal(say_sums(&x, 3, 0, 1), TX_GOOD);
    expect_end(&x, FL_ABORT_NONE);
    assert_int_equal(model_version(&x, 0), 2);
    expect_fault(&x, 3, FL_FAULT_WRONG_SUM, 3, true); /* of each group */
    x.mute[3] = false;
    world_expect_erased(&x, CARS);
    world_close(&x);
}

/* Seven members, two of them bad: one lies, one is silent; then both lie. */
static void as_many_as_may(void **state) {
    (void)state;
    for (unsigned liars = 1; liars <= 2; liars++) {
        struct world x;
        const struct world_plan plan = {.seed = 41 + liars, .n = 7};
        begin(&x, &plan);
        world_drive_all(&x, all(&x));
        until_before(&x, FL_OPENING);
        x.mute[2] = x.mute[5] = true;
        assert_int_equal(say_sums(&x, 2, 0, 1), TX_GOOD);
        if (liars == 2)
            assert_int_equal(say_sums(&x, 5, 1, 2), TX_GOOD);
        expect_end(&x, FL_ABORT_NONE);
        assert_int_equal(model_version(&x, 0), 2);
        expect_fault(&x, 2, FL_FAULT_WRONG_SUM, 3, liars == 1);
        expect_fault(&x, 5, FL_FAULT_WRONG_SUM, liars == 2 ? 3 : 0, false);
        world_close(&x);
    }
}

/* f + 1 lie or say nothing: nothing is opened, nobody innocent is blamed, all shares are erased, and the next round works. */
static void one_too_many(void **state) {
    (void)state;
    for (unsigned silent = 0; silent <= 1; silent++) {
        struct world x;
        const struct world_plan plan = {
            .seed = 45 + silent, .edit = {{"every_s = in_seconds(hours(1))", "every_s = 300"}}};
        begin(&x, &plan);
        world_drive_all(&x, all(&x));
        until_before(&x, FL_OPENING);
        x.mute[2] = x.mute[3] = true;
        for (size_t i = 2; i < 4 && silent == 0; i++)
            assert_int_equal(say_sums(&x, i, 0, i), TX_GOOD);
        expect_end(&x, FL_ABORT_NOT_OPENED);
        assert_int_equal(model_version(&x, 0), 1);
        assert_int_equal(world_events(&x, 0, FL_EVENT_FAULT, NULL, NULL), 0);
        assert_int_equal(world_events(&x, 0, FL_EVENT_OPENED, NULL, NULL), 0);
        assert_int_equal(world_events(&x, 0, FL_EVENT_ABORTED, NULL, NULL), 1);
        x.mute[2] = x.mute[3] = false;
        world_expect_erased(&x, CARS);
        world_until(&x, FL_SUBMITTING, 600 * SECOND);
        world_drive_all(&x, all(&x));
        expect_end(&x, FL_ABORT_NONE);
        assert_int_equal(model_version(&x, 0), 2);
        world_close(&x);
    }
}

/* Late share sums: the round has gone on with three, and takes none any more. */
static void a_late_sum(void **state) {
    (void)state;
    struct world x;
    const struct world_plan plan = {.seed = 47};
    begin(&x, &plan);
    world_drive_all(&x, all(&x));
    until_before(&x, FL_OPENING);
    x.mute[3] = true;
    until_before(&x, FL_JUDGING);
    assert_int_not_equal(say_sums(&x, 3, 0, 1), TX_GOOD);
    x.mute[3] = false;
    expect_end(&x, FL_ABORT_NONE);
    assert_int_equal(model_version(&x, 0), 2);
    assert_int_equal(world_events(&x, 0, FL_EVENT_FAULT, NULL, NULL), 0);
    assert_int_equal(learning_read(x.l[3]).sent[FL_RECORD_SHARES], 0);
    world_close(&x);
}

/* Two different sums for one group under one key: the second is the evidence, and the first counts. */
static void two_sums(void **state) {
    (void)state;
    struct world x;
    const struct world_plan plan = {.seed = 48};
    begin(&x, &plan);
    world_drive_all(&x, all(&x));
    until_before(&x, FL_OPENING);
    x.mute[1] = x.mute[2] =
        true; /* so that the step is not over before the liar has spoken twice */
    for (unsigned t = 0; t < MANY && learning_read(x.l[3]).sent[FL_RECORD_SHARES] == 0; t++)
        world_run(&x, SECOND / 10);
    world_run(&x, 3 * SECOND);
    assert_int_equal(say_sums(&x, 3, 0, 1), TX_GOOD);
    world_run(&x, 3 * SECOND);
    expect_fault(&x, 3, FL_FAULT_TWO_SUMS, 1, true);
    x.mute[1] = x.mute[2] = false;
    expect_end(&x, FL_ABORT_NONE);
    assert_int_equal(model_version(&x, 0), 2);
    world_close(&x);
}

/* ---- the included set ---- */

/* Attack list: a validator equivocating on the included set. It signs two attestations and says each to another node: one gets into a
 * block, the same one for all, and what it says alone decides nothing. */
static void two_attestations(void **state) {
    (void)state;
    struct world x;
    const struct world_plan plan = {.seed = 49};
    begin(&x, &plan);
    x.mute[3] = true;
    world_drive_all(&x, all(&x));
    until_before(&x, FL_ATTESTING);
    assert_int_equal(say_attest(&x, 3, 0, 0x0f), TX_GOOD); /* without the first four */
    assert_int_equal(say_attest(&x, 3, 1, 0xf0), TX_GOOD); /* without the next four */
    world_run(&x, SECOND);
    x.mute[3] = false;
    world_until(&x, FL_OPENING, 400 * SECOND);
    for (size_t i = 0; i < CARS; i++) {
        struct fl_submission_view v[2];
        for (size_t k = 0; k < x.n; k++) {
            assert_true(fl_contract_submission(x.w->m[k].cell.learn, i, &v[k > 0]));
            assert_true(v[k > 0].included);
            assert_int_equal(v[0].attested, v[k > 0].attested);
        }
    }
    expect_end(&x, FL_ABORT_NONE);
    assert_int_equal(model_version(&x, 0), 2);
    world_close(&x);
}

/* A validator that attests what is not there brings nobody in: car 0 sent to two units only, and two of four are too few. */
static void attested_by_a_liar(void **state) {
    (void)state;
    struct world x;
    const struct world_plan plan = {.seed = 50,
        .edit = {
            {"min_groups = 3,\n        norm_clip = 2000", "min_groups = 2, norm_clip = 2000"}}};
    begin(&x, &plan);
    x.mute[3] = true;
    struct fl_client *c = world_client();
    world_drive(&x, c, 0, 1);
    world_client_free(c);
    world_drive_from(&x, 1, all(&x));
    until_before(&x, FL_ATTESTING);
    assert_int_equal(say_attest(&x, 3, 0, 0xff), TX_GOOD);
    world_until(&x, FL_OPENING, 400 * SECOND);
    assert_int_equal(world_round(&x, 0).included, CARS - 1);
    x.mute[3] = false;
    expect_end(&x, FL_ABORT_NONE);
    world_close(&x);
}

/* Attack list: opening asked twice with sets that differ in one vehicle. A unit's ledger is put back (here: it finds itself in the same
 * cell, where the round has another set): what it opened is written down, and it says nothing. The others do without. */
static void opened_once(void **state) {
    (void)state;
    struct world x;
    struct buf opened = {0};
    const struct world_plan plan = {.seed = 51,
        .edit = {
            {"min_groups = 3,\n        norm_clip = 2000", "min_groups = 2, norm_clip = 2000"}}};
    char path[300];
    uint8_t cell[32];
    begin(&x, &plan);
    world_drive_all(&x, all(&x));
    expect_end(&x, FL_ABORT_NONE);
    (void)snprintf(path, sizeof(path), "%s/learning/opened", x.folder[2].top);
    assert_int_equal(file_read(path, 100, &opened, NULL), WS_OK);
    memcpy(cell, x.w->cell_id, 32);
    world_close(&x);

    begin(&x, &plan);
    assert_memory_equal(cell, x.w->cell_id, 32);
    world_drive_from(&x, 1, all(&x));
    (void)snprintf(path, sizeof(path), "%s/learning/opened", x.folder[2].top);
    assert_int_equal(file_write(path, buf_span(&opened), 0600, NULL), WS_OK);
    expect_end(&x, FL_ABORT_NONE);
    assert_int_equal(model_version(&x, 0), 2);
    assert_true(learning_read(x.l[2]).member.refused_to_open > 0);
    assert_int_equal(learning_read(x.l[2]).sent[FL_RECORD_SHARES], 0);
    assert_int_equal(world_events(&x, 0, FL_EVENT_FAULT, NULL, NULL), 0);
    buf_free(&opened);
    world_close(&x);
}

/* ---- who is in which group ---- */

/* Groups of the round as member 0 has them. */
static void groups_of(const struct world *x, uint16_t ret[static CARS]) {
    for (size_t car = 0; car < CARS; car++)
        for (size_t i = 0; i < CARS; i++) {
            struct fl_submission_view v;
            assert_true(fl_contract_submission(x->w->m[0].cell.learn, i, &v));
            if (memcmp(v.id, x->ids[car], 32) == 0)
                ret[car] = v.group;
        }
}

/* Attack list: group grinding by the proposer. What proposers can choose between cut-off and draw (other transactions, no block of
 * their own at all) changes no group: they follow from the included set and a value that f validators alone cannot make. */
static void proposers_choose_nothing(void **state) {
    (void)state;
    uint16_t group[4][CARS];
    uint8_t seed[4][32];
    for (size_t k = 0; k < 4; k++) {
        struct world x;
        const struct world_plan plan = {.seed = 52};
        begin(&x, &plan);
        memcpy(seed[k], world_round(&x, 0).seed, 32);
        world_drive_all(&x, all(&x));
        until_before(&x, FL_DRAWING);
        if (k == 1) /* blocks with something else in them */
            for (size_t car = 25; car < 31; car++)
                assert_int_equal(nodes_report(x.w, car % 4, car, (int32_t)car), TX_GOOD);
        if (k >= 2) /* a proposer that does not come to it */
            nodes_cut(x.w, k - 1, true);
        for (unsigned t = 0; t < MANY && world_round(&x, 0).phase == FL_DRAWING; t++) {
            world_tick(&x);
            if (t == 20 && k >= 2)
                nodes_cut(x.w, k - 1, false);
        }
        assert_int_equal(world_round(&x, 0).phase, FL_OPENING);
        groups_of(&x, group[k]);
        assert_memory_equal(seed[k], seed[0], 32);
        assert_memory_equal(group[k], group[0], sizeof(group[0]));
        world_close(&x);
    }
    /* And of another cell's randomness the same cars get other groups. */
    struct world x;
    const struct world_plan plan = {.seed = 53};
    begin(&x, &plan);
    world_drive_all(&x, all(&x));
    world_until(&x, FL_OPENING, 400 * SECOND);
    groups_of(&x, group[1]);
    assert_memory_not_equal(group[1], group[0], sizeof(group[0]));
    world_close(&x);
}

/* ---- the committee changes ---- */

/* Attack list: committee change mid-round. The round belongs to who opened it; who comes serves from the next one on. */
static void the_committee_changes(void **state) {
    (void)state;
    struct world x;
    const struct world_plan plan = {
        .seed = 54, .spares = 1, .edit = {{"every_s = in_seconds(hours(1))", "every_s = 300"}}};
    begin(&x, &plan);
    uint8_t leaves[32], comes[32];
    own_record_address(x.w->m[3].signer, leaves);
    own_record_address(x.w->m[4].signer, comes);
    world_drive_all(&x, all(&x));
    assert_int_equal(orders_change_set(x.w, 0, 1U << 3, 1U << 4, 1), TX_GOOD);
    until_before(&x, FL_OPENING);
    const struct fl_open *open = world_round(&x, 0).open;
    bool is_in = false;
    for (size_t i = 0; i < open->n; i++) {
        is_in = is_in || memcmp(open->seat[i].address, leaves, 32) == 0;
        assert_memory_not_equal(open->seat[i].address, comes, 32);
    }
    assert_true(is_in);
    x.mute[0] =
        true; /* of the members that stay two are left: without the one that has gone there is no quorum */
    expect_end(&x, FL_ABORT_NONE);
    x.mute[0] = false;
    assert_int_equal(model_version(&x, 0), 2);
    assert_int_equal(learning_read(x.l[4]).sent[FL_RECORD_SHARES], 0);
    assert_true(learning_read(x.l[3]).sent[FL_RECORD_SHARES] > 0);
    assert_int_equal(world_events(&x, 0, FL_EVENT_FAULT, NULL, NULL), 0);

    world_until(&x, FL_SUBMITTING, 900 * SECOND);
    open = world_round(&x, 0).open;
    is_in = false;
    for (size_t i = 0; i < open->n; i++) {
        is_in = is_in || memcmp(open->seat[i].address, comes, 32) == 0;
        assert_memory_not_equal(open->seat[i].address, leaves, 32);
    }
    assert_true(is_in);
    world_drive_all(&x, all(&x));
    expect_end(&x, FL_ABORT_NONE);
    assert_int_equal(model_version(&x, 0), 3);
    assert_true(learning_read(x.l[4]).sent[FL_RECORD_SHARES] > 0);
    world_close(&x);
}

/* ---- crashes ---- */

static bool has_opened(const struct world *x, size_t i) {
    char path[300];
    (void)snprintf(path, sizeof(path), "%s/learning/opened", x->folder[i].top);
    return access(path, F_OK) == 0;
}

static void back(struct world *x, size_t i) {
    struct ws_err err = {0};
    nodes_cut(x->w, i, false);
    if (nodes_start(x->w, i, &err) != 0)
        fail_msg("%s", err.text);
    world_start(x, i);
}

/* Attack list: a crash between "opened flag stored" and "share sent", and one step before and behind. The share that was never sent, or
 * that nobody can know was sent, is said again, the same; nobody is blamed. */
static void crashes_around_the_share(void **state) {
    (void)state;
    enum { BEFORE_STORED, BEFORE_SENT, SENT, POINTS };
    for (unsigned at = 0; at < POINTS; at++) {
        struct world x;
        const struct world_plan plan = {.seed = 55 + at};
        begin(&x, &plan);
        world_drive_all(&x, all(&x));
        until_before(&x, FL_OPENING);
        /* One of the others is silent: what unit 2 says is needed. */
        x.mute[0] = true;
        assert_false(has_opened(&x, 2));
        if (at == BEFORE_SENT)
            nodes_cut(x.w, 2, true); /* what it says stays in its memory */
        if (at >= BEFORE_SENT) {
            world_learn(&x, 2);
            assert_true(has_opened(&x, 2));
            assert_int_equal(learning_read(x.l[2]).sent[FL_RECORD_SHARES], 1);
        }
        if (at == SENT)
            nodes_run(x.w, SECOND / 20);
        world_stop(&x, 2);
        nodes_kill(x.w, 2, true);
        world_run(&x, 5 * SECOND);
        if (at != SENT) /* nothing of it has got out */
            assert_int_equal(world_round(&x, 1).phase, FL_OPENING);
        back(&x, 2);
        world_until(&x, FL_JUDGING, 100 * SECOND);
        x.mute[0] = false;
        expect_end(&x, FL_ABORT_NONE);
        assert_int_equal(model_version(&x, 0), 2);
        assert_int_equal(world_events(&x, 0, FL_EVENT_FAULT, NULL, NULL), 0);
        world_close(&x);
    }
}

/* The power goes at each point of the ledger's log while shares are said and taken. */
static void crashes_at_every_write(void **state) {
    (void)state;
    for (unsigned at = 0; at < WAL_POINT_RESTART; at++) {
        struct world x;
        const struct world_plan plan = {.seed = 60 + at};
        begin(&x, &plan);
        world_drive_all(&x, all(&x));
        until_before(&x, FL_OPENING);
        const uint64_t life = x.w->m[2].life;
        nodes_crash_at(x.w, 2, (enum wal_point)at, 2);
        for (unsigned t = 0; t < 100 && x.w->m[2].life == life; t++) {
            world_tick(&x);
            for (size_t i = 0; i < x.n; i++)
                world_learn(&x, i);
        }
        assert_int_equal(x.w->crashes_at[at], 1);
        world_stop(&x, 2);
        for (unsigned t = 0; t < 100 && x.w->m[2].node == NULL; t++)
            world_tick(&x);
        world_start(&x, 2);
        expect_end(&x, FL_ABORT_NONE);
        assert_int_equal(model_version(&x, 0), 2);
        assert_int_equal(world_events(&x, 0, FL_EVENT_FAULT, NULL, NULL), 0);
        world_close(&x);
    }
}

/* A disk that does not take the flag: the unit says no share. */
static void no_flag_no_share(void **state) {
    (void)state;
    struct world x;
    struct folder learning;
    const struct world_plan plan = {.seed = 70};
    begin(&x, &plan);
    world_drive_all(&x, all(&x));
    until_before(&x, FL_OPENING);
    (void)snprintf(learning.top, sizeof(learning.top), "%.240s/learning", x.folder[2].top);
    assert_int_equal(folder_remove(&learning), 0);
    expect_end(&x, FL_ABORT_NONE);
    assert_int_equal(model_version(&x, 0), 2);
    assert_true(learning_read(x.l[2]).member.io_failed > 0);
    assert_int_equal(learning_read(x.l[2]).sent[FL_RECORD_SHARES], 0);
    assert_int_equal(world_events(&x, 0, FL_EVENT_FAULT, NULL, NULL), 0);
    world_close(&x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_sum),
        cmocka_unit_test(as_many_as_may),
        cmocka_unit_test(one_too_many),
        cmocka_unit_test(a_late_sum),
        cmocka_unit_test(two_sums),
        cmocka_unit_test(two_attestations),
        cmocka_unit_test(attested_by_a_liar),
        cmocka_unit_test(opened_once),
        cmocka_unit_test(proposers_choose_nothing),
        cmocka_unit_test(the_committee_changes),
        cmocka_unit_test(crashes_around_the_share),
        cmocka_unit_test(crashes_at_every_write),
        cmocka_unit_test(no_flag_no_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
