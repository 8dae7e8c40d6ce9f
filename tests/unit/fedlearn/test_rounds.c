/* A round from its opening to the model that follows, with honest people: what the ledger says at each step, that the sums are
 * right, and that a restart in any step changes nothing. */
#include "base/fileio.h"
#include "base/mem.h"
#include "tests/unit/fedlearn/round_rig.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void a_round_makes_a_model(void **state) {
    (void)state;
    struct rig *r = rig_open(RIG_VALIDATORS);
    struct fl_model_view m;
    rig_submitting(r, 20);
    assert_int_equal(rig_view(r).phase, FL_ATTESTING);
    assert_int_equal(rig_view(r).submissions, 20);
    rig_attesting(r);
    assert_int_equal(rig_view(r).phase, FL_DRAWING);
    assert_int_equal(rig_view(r).included, 20);
    assert_int_equal(rig_events(r, FL_EVENT_CUT_OFF), 1);
    rig_drawing(r);
    assert_int_equal(rig_view(r).phase, FL_OPENING);
    assert_int_equal(rig_view(r).groups, 2);
    size_t in = 0;
    for (size_t g = 0; g < 2; g++) {
        uint32_t who[RIG_VEHICLES];
        size_t n = fl_contract_members(r->contract.self, g, who, RIG_VEHICLES);
        assert_in_range(n, 8, 12);
        in += n;
    }
    assert_int_equal(in, 20);
    rig_opening(r);
    assert_int_equal(rig_view(r).phase, FL_JUDGING);
    assert_int_equal(rig_events(r, FL_EVENT_OPENED), 1);
    assert_int_equal(rig_events(r, FL_EVENT_FAULT), 0);
    struct fl_outcome *o = ws_alloc(sizeof(*o));
    rig_outcome(r, o);
    for (size_t g = 0; g < 2; g++)
        assert_int_equal(o->group[g].verdict, FL_ACCEPTED);
    assert_true(o->step);
    assert_int_equal(o->vehicles, 20);
    rig_judging(r);
    assert_int_equal(rig_view(r).phase, FL_IDLE);
    assert_int_equal(rig_events(r, FL_EVENT_CLOSED), 1);
    fl_contract_model(r->contract.self, &m);
    assert_int_equal(m.version, 2);
    assert_memory_equal(m.hash, o->model_hash, 32);
    /* Nothing of the round is left but its end. */
    assert_int_equal(fake_exec_count(&r->host, 's'), 0);
    assert_int_equal(fake_exec_count(&r->host, 'a'), 0);
    assert_int_equal(fake_exec_count(&r->host, 'u'), 0);
    assert_int_equal(fake_exec_count(&r->host, 'o'), 0);
    assert_int_equal(fake_exec_count(&r->host, 'h'), 1);
    free(o);
    rig_close(r);
}

/* The sums that come out are those of the updates that went in. */
static void sums_are_the_vehicles(void **state) {
    (void)state;
    struct rig *r = rig_open(RIG_VALIDATORS);
    rig_submitting(r, 17);
    rig_attesting(r);
    rig_drawing(r);
    rig_opening(r);
    const struct fl_round_view view = rig_view(r);
    const struct fl_profile *p = view.open->config.profile;
    for (size_t g = 0; g < view.groups; g++) {
        uint32_t who[RIG_VEHICLES];
        uint64_t sum[FL_N] = {0};
        int32_t u[RIG_PARAMS];
        struct fl_opening o = FL_OPENING_NONE;
        size_t n = fl_contract_members(r->contract.self, g, who, RIG_VEHICLES);
        for (size_t i = 0; i < n; i++)
            fl_sum_add(r->ring, p, RIG_PARAMS, r->vehicle[who[i]].wire.p, 1, sum);
        fl_mask_round(&r->mask, view.seed);
        fl_mask_open_key(&r->mask, fl_contract_key_sum(r->contract.self, g));
        const struct fl_weights w = {(uint32_t)n, (uint32_t)n};
        fl_mask_unmask(&r->mask, p, RIG_PARAMS, 0, w, sum, u, &o);
        assert_int_equal(fl_opening_judge(p, w, &o), FL_OPENING_GOOD);
        for (size_t k = 0; k < RIG_PARAMS; k++) {
            int32_t want = 0;
            for (size_t i = 0; i < n; i++)
                want += r->vehicle[who[i]].update[k];
            assert_int_equal(u[k], want);
        }
    }
    rig_close(r);
}

typedef void (*step_fn)(struct rig *r);

static void submit_17(struct rig *r) {
    rig_submitting(r, 17);
}

/* The same digest at the end, whether the contract was rebuilt after every step or never. */
static void a_restart_in_any_step_changes_nothing(void **state) {
    (void)state;
    static const step_fn step[] = {submit_17, rig_attesting, rig_drawing, rig_opening, rig_judging};
    uint8_t want[32];
    for (size_t at = 0; at <= ARRAY_LEN(step); at++) {
        struct rig *r = rig_open(RIG_VALIDATORS);
        uint8_t got[32];
        for (size_t i = 0; i < ARRAY_LEN(step); i++) {
            if (i == at)
                rig_restart(r);
            step[i](r);
        }
        rig_block(r, 1);
        fake_exec_digest(&r->host, got);
        if (at == 0)
            memcpy(want, got, 32);
        assert_memory_equal(got, want, 32);
        rig_close(r);
    }
}

/* In the middle of a step, too: some have attested, some sums are there, some outcomes. */
static void a_restart_within_a_step_changes_nothing(void **state) {
    (void)state;
    uint8_t digest[2][32];
    for (size_t again = 0; again < 2; again++) {
        struct rig *r = rig_open(RIG_VALIDATORS);
        struct fl_outcome *o = ws_alloc(sizeof(*o));
        rig_submitting(r, 17);
        rig_begin(r, RIG_SECOND);
        assert_int_equal(rig_attest(r, 2, 0), FL_ROUND_OK);
        assert_int_equal(rig_attest(r, 4, 1 << 3), FL_ROUND_OK);
        rig_end(r);
        if (again == 1)
            rig_restart(r);
        rig_begin(r, RIG_SECOND);
        assert_int_equal(rig_attest(r, 2, 0), FL_ROUND_ALREADY);
        assert_int_equal(rig_attest(r, 1, 0), FL_ROUND_OK);
        assert_int_equal(rig_attest(r, 3, 0), FL_ROUND_OK);
        rig_end(r);
        rig_drawing(r);
        rig_begin(r, RIG_SECOND);
        assert_int_equal(rig_shares(r, 1, 0, 2, 0), FL_ROUND_OK);
        assert_int_equal(rig_shares(r, 2, 0, 2, 5), FL_ROUND_OK); /* lies */
        assert_int_equal(rig_shares(r, 3, 1, 1, 0), FL_ROUND_OK);
        rig_end(r);
        if (again == 1)
            rig_restart(r);
        assert_int_equal(rig_view(r).phase, FL_OPENING);
        rig_begin(r, RIG_SECOND);
        assert_int_equal(rig_shares(r, 3, 0, 1, 0), FL_ROUND_OK);
        assert_int_equal(rig_shares(r, 4, 0, 2, 0), FL_ROUND_OK);
        rig_end(r);
        assert_int_equal(rig_events(r, FL_EVENT_FAULT), 2);
        if (again == 1)
            rig_restart(r);
        rig_outcome(r, o);
        rig_begin(r, RIG_SECOND);
        assert_int_equal(rig_say_outcome(r, 3, o), FL_ROUND_OK);
        rig_end(r);
        if (again == 1)
            rig_restart(r);
        rig_begin(r, RIG_SECOND);
        assert_int_equal(rig_say_outcome(r, 3, o), FL_ROUND_ALREADY);
        assert_int_equal(rig_say_outcome(r, 1, o), FL_ROUND_OK);
        assert_int_equal(rig_say_outcome(r, 2, o), FL_ROUND_OK);
        rig_end(r);
        assert_int_equal(rig_view(r).phase, FL_IDLE);
        fake_exec_digest(&r->host, digest[again]);
        free(o);
        rig_close(r);
    }
    assert_memory_equal(digest[0], digest[1], 32);
}

/* One round after the other, each with a seed of its own; 10 minutes apart. */
static void rounds_follow_each_other(void **state) {
    (void)state;
    struct rig *r = rig_open(7);
    uint8_t seed[2][32];
    for (size_t k = 0; k < 2; k++) {
        memcpy(seed[k], rig_view(r).seed, 32);
        rig_submitting(r, 16);
        rig_attesting(r);
        rig_drawing(r);
        rig_opening(r);
        rig_judging(r);
        assert_int_equal(rig_view(r).phase, FL_IDLE);
        rig_block(r, RIG_SECOND);
        assert_int_equal(rig_view(r).phase, FL_IDLE); /* not yet */
        rig_block(r, 600 * (uint64_t)RIG_SECOND);
        assert_int_equal(rig_view(r).phase, FL_SEEDING);
        assert_int_equal(rig_view(r).number, 2 + k);
        rig_block(r, RIG_SECOND);
        rig_block(r, RIG_SECOND);
    }
    assert_memory_not_equal(seed[0], seed[1], 32);
    rig_close(r);
}

/* docs/policies.md has a row for each constant, with the unit and the range of the code. */
static void the_page_has_each_constant(void **state) {
    (void)state;
    struct buf page = {0};
    struct ws_err err;
    assert_int_equal(file_read("docs/policies.md", 1 << 20, &page, &err), WS_OK);
    buf_u8(&page, 0);
    for (size_t i = 0; i < FL_POLICY_FIELDS; i++) {
        const struct policy_field *f = &fl_policy_fields[i];
        char row[128];
        (void)snprintf(row, sizeof(row), "\n| `%s` | %s | %" PRId64 "..%" PRId64 " | ",
            strchr(f->name, '.') + 1, f->unit, f->min, f->max);
        if (strstr((const char *)page.p, row) == NULL)
            fail_msg("docs/policies.md has no row '%s'", row + 1);
    }
    buf_free(&page);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_has_each_constant),
        cmocka_unit_test(a_round_makes_a_model),
        cmocka_unit_test(sums_are_the_vehicles),
        cmocka_unit_test(a_restart_in_any_step_changes_nothing),
        cmocka_unit_test(a_restart_within_a_step_changes_nothing),
        cmocka_unit_test(rounds_follow_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
