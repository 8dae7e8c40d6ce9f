/* Members of a round that are not there, or lie when it matters least to say so: a seat without a key, and sums that come after a group has
 * been opened. What was told must not hang on what a validator remembers. */
#include "base/mem.h"
#include "fedlearn/round/round_record.h"
#include "tests/unit/fedlearn/round_rig.h"

#include <stdlib.h>

/* ---- a seat without a key ---- */

static void all_but(struct rig *r, unsigned silent, exec_code (*say)(struct rig *r, unsigned v)) {
    rig_begin(r, RIG_SECOND);
    for (unsigned v = 1; v <= r->n; v++)
        assert_int_equal(say(r, v), v == silent ? FL_ROUND_NO_MEMBER : FL_ROUND_OK);
    rig_end(r);
}

static exec_code attest(struct rig *r, unsigned v) {
    return rig_attest(r, v, 0);
}

/* The one without a key cannot know its sums; it sends something. */
static exec_code open_all(struct rig *r, unsigned v) {
    const uint8_t sums[FL_SUM_OCTETS] = {0};
    const struct fl_shares_record rec = {
        .round = 1, .first = 0, .n = 1, .sums = span_of(sums, sizeof(sums))};
    struct buf b = {0};
    if (v == 4) {
        fl_shares_record_encode(&rec, &b);
        return rig_record(r, v, FL_RECORD_SHARES, &b);
    }
    return rig_shares(r, v, 0, rig_view(r).groups, 0);
}

static void a_seat_without_key(void **state) {
    (void)state;
    struct rig *r = rig_new(RIG_VALIDATORS);
    rig_begin(r, RIG_SECOND);
    for (unsigned v = 1; v < RIG_VALIDATORS; v++)
        assert_int_equal(rig_key(r, v), FL_ROUND_OK);
    assert_int_equal(rig_order_model(r), FL_ROUND_OK);
    rig_end(r);
    assert_int_equal(rig_view(r).why, FL_ABORT_KEYS); /* it may still come */
    rig_restart(r);
    rig_block(r, RIG_SECOND);
    assert_int_equal(rig_view(r).phase, FL_IDLE);
    rig_block(r, 60 * (uint64_t)RIG_SECOND);
    assert_int_equal(rig_view(r).phase, FL_SEEDING);
    for (size_t i = 0; i < RIG_VALIDATORS; i++)
        assert_int_equal(fl_seat_is_empty(&rig_view(r).open->seat[i]), i == 3);
    rig_block(r, RIG_SECOND);
    rig_block(r, RIG_SECOND);
    assert_int_equal(rig_view(r).phase, FL_SUBMITTING);
    rig_submitting(r, 16);
    all_but(r, 4, attest);
    assert_int_equal(rig_view(r).phase, FL_DRAWING); /* nobody waits for it */
    rig_restart(r);
    rig_drawing(r);
    all_but(r, 4, open_all);
    assert_int_equal(rig_view(r).phase, FL_JUDGING);
    rig_judging(r); /* what everybody can compute, it may say */
    assert_int_equal(rig_view(r).why, FL_ABORT_NONE);
    rig_close(r);
}

static void two_seats_of_four_without_key(void **state) {
    (void)state;
    struct rig *r = rig_new(RIG_VALIDATORS);
    rig_begin(r, RIG_SECOND);
    assert_int_equal(rig_key(r, 1), FL_ROUND_OK);
    assert_int_equal(rig_key(r, 3), FL_ROUND_OK);
    assert_int_equal(rig_order_model(r), FL_ROUND_OK);
    rig_end(r);
    for (size_t i = 0; i < 4; i++)
        rig_block(r, 3600 * (uint64_t)RIG_SECOND);
    assert_int_equal(rig_view(r).phase, FL_IDLE);
    assert_int_equal(rig_view(r).why, FL_ABORT_KEYS);
    rig_begin(r, RIG_SECOND);
    assert_int_equal(rig_key(r, 2), FL_ROUND_OK);
    rig_end(r);
    assert_int_equal(rig_view(r).phase, FL_SEEDING); /* it has waited long enough */
    rig_close(r);
}

static void nobody_has_a_key_of_its_own(void **state) {
    (void)state;
    struct fl_point one;
    struct fl_point other;
    uint8_t address[32] = {1};
    fl_key_nobody(address, &one);
    struct rd r = rd_of(span_of(one.b, sizeof(one.b)));
    fl_point_read(&r, &other);
    assert_true(rd_done(&r)); /* a point like any other */
    address[0] = 2;
    fl_key_nobody(address, &other);
    assert_memory_not_equal(one.b, other.b, sizeof(one.b));
}

/* ---- a group is opened once ---- */

enum { SIX = 6, SAYS = 24 };
struct story {
    uint8_t fault[SAYS][2]; /* block, member */
    size_t n;
    int16_t key[FL_KEY_VALUES];
};

/* A sum of group 0 in each block, in this order; 4 and 5 lie. */
static void tell(struct rig *r, const unsigned order[SIX], size_t restart, struct story *ret) {
    bool open = false;
    memset(ret, 0, sizeof(*ret));
    for (size_t i = 0; i < SIX; i++) {
        const unsigned v = order[i];
        if (i == restart)
            rig_restart(r);
        rig_begin(r, RIG_SECOND);
        assert_int_equal(
            rig_shares(r, v, 0, 1, v == 4 || v == 5 ? (uint16_t)(7 * v) : 0), FL_ROUND_OK);
        rig_end(r);
        const int16_t *key = fl_contract_key_sum(r->contract.self, 0);
        assert_false(open && key == NULL); /* never closed again */
        if (key != NULL && open)
            assert_memory_equal(key, ret->key, sizeof(ret->key));
        else if (key != NULL)
            memcpy(ret->key, key, sizeof(ret->key));
        open = key != NULL;
        for (size_t e = 0; e < r->host.n_events; e++) {
            const struct fake_event *event = &r->host.events[e];
            if (event->type != FL_EVENT_FAULT)
                continue;
            assert_true(ret->n < SAYS && event->body.p[41] == FL_FAULT_WRONG_SUM);
            for (unsigned w = 1; w <= SIX; w++)
                if (memcmp(event->body.p + 9, r->set[w - 1].address, 32) == 0)
                    ret->fault[ret->n][1] = (uint8_t)w;
            ret->fault[ret->n++][0] = (uint8_t)i;
        }
    }
    assert_true(open);
}

static void to_opening(struct rig *r) {
    rig_submitting(r, 16);
    rig_attesting(r);
    rig_drawing(r);
}

static void a_group_is_opened_once(void **state) {
    (void)state;
    static const unsigned orders[][SIX] = {
        {1, 2, 3, 4, 5, 6}, {4, 1, 2, 3, 5, 6}, {6, 3, 2, 5, 1, 4}, {1, 2, 3, 6, 5, 4}};
    for (size_t o = 0; o < ARRAY_LEN(orders); o++) {
        struct story was;
        for (size_t restart = SIX; restart > 0; restart--) { /* the first time: none */
            struct rig *r = rig_open(SIX);
            struct story is;
            to_opening(r);
            tell(r, orders[o], restart, &is);
            assert_int_equal(is.n, 2);
            if (restart == SIX)
                was = is;
            assert_int_equal(is.n, was.n);
            assert_memory_equal(is.fault, was.fault, sizeof(is.fault));
            assert_memory_equal(is.key, was.key, sizeof(is.key));
            rig_close(r);
        }
    }
}

/* ---- a bundle that turns out to be bad too late ---- */

/* Vehicle 7's bundle for member 1 is bad, and member 1 gets it after the cut-off. Member 4 has attested to it, and says nothing any more. */
static struct rig *late_rig(void) {
    struct rig *r = rig_open(RIG_VALIDATORS);
    rig_submitting_bad(r, 24, 1 << 7, 1);
    rig_attesting_without(r, 1 << 7, 1);
    assert_int_equal(rig_view(r).phase, FL_DRAWING);
    assert_int_equal(rig_view(r).included, 24);
    return r;
}

static size_t group_of(const struct rig *r, size_t i) {
    struct fl_submission_view s;
    assert_true(fl_contract_submission(r->contract.self, i, &s));
    return s.group;
}

static void complain_late(struct rig *r) {
    rig_begin(r, RIG_SECOND);
    assert_int_equal(rig_complain(r, 4, 7), FL_ROUND_TOO_LATE); /* it has vouched for it */
    assert_int_equal(rig_complain(r, 1, 7), FL_ROUND_OK);
    assert_int_equal(rig_events(r, FL_EVENT_EXCLUDED), 1);
    assert_int_equal(rig_complain(r, 1, 7), FL_ROUND_ALREADY);
    rig_end(r);
}

/* Members 1 to 3 open what can be opened; the round closes, without the group. */
static void open_the_rest(struct rig *r, size_t without) {
    for (unsigned v = 1; v <= 3; v++) {
        rig_begin(r, RIG_SECOND);
        for (size_t g = 0; g < rig_view(r).groups; g++)
            if (g != without && !fl_contract_has_sum(r->contract.self, g, v))
                assert_int_equal(rig_shares(r, v, g, 1, 0), FL_ROUND_OK);
        rig_end(r);
        rig_restart(r);
    }
    assert_int_equal(rig_view(r).phase, FL_JUDGING);
    assert_true(without == SIZE_MAX || fl_contract_given_up(r->contract.self, without));
    assert_true(without == SIZE_MAX || fl_contract_key_sum(r->contract.self, without) == NULL);
}

/* What auditors are given says it, and can be read in one way only. */
static void record_has(const struct rig *r, size_t without) {
    struct fl_round_record rec;
    struct fl_round_record again;
    struct buf b = {0};
    static const uint8_t zero[32];
    fl_round_record_of(r->contract.self, &rec);
    fl_round_record_encode(&rec, &b);
    assert_int_equal(fl_round_record_decode(buf_span(&b), &again, NULL), WS_OK);
    for (size_t g = 0; g < again.n_groups; g++) {
        uint8_t hash[32];
        fl_round_record_key(&again, g, hash);
        assert_int_equal(again.given_up[g], g == without);
        assert_int_equal(memcmp(hash, zero, 32) == 0, g == without);
    }
    fl_round_record_free(&again);
    if (without != SIZE_MAX) {
        rec.key[without][3] = 1; /* a key where there is none */
        buf_clear(&b);
        fl_round_record_encode(&rec, &b);
        assert_int_equal(fl_round_record_decode(buf_span(&b), &again, NULL), WS_EINPUT);
    }
    fl_round_record_free(&rec);
    buf_free(&b);
}

static void close_it(struct rig *r, size_t without) {
    record_has(r, without);
    struct fl_outcome *o = ws_alloc(sizeof(*o));
    rig_outcome(r, o);
    for (size_t g = 0; g < o->n_groups; g++)
        assert_int_equal(o->group[g].verdict == FL_GIVEN_UP, g == without);
    struct fl_outcome *lie = ws_memdup(o, sizeof(*o));
    lie->group[without == SIZE_MAX ? 0 : without].verdict =
        without == SIZE_MAX ? FL_GIVEN_UP : FL_DISTANT;
    lie->group[0].clipped = false;
    rig_begin(r, RIG_SECOND);
    assert_int_equal(rig_say_outcome(r, 2, lie), FL_ROUND_WRONG_COUNT);
    for (unsigned v = 1; v <= 3; v++)
        assert_int_equal(rig_say_outcome(r, v, o), FL_ROUND_OK);
    rig_end(r);
    assert_int_equal(rig_view(r).why, FL_ABORT_NONE);
    assert_int_equal(rig_view(r).phase, FL_IDLE);
    /* Out, and nobody else of its group has a mark. */
    const struct fl_suspicion *s = fl_contract_suspicion(r->contract.self);
    for (size_t i = 0; i < 24; i++)
        assert_int_equal(
            fl_suspicion_standing(s, r->vehicle[i].token), i == 7 ? FL_EXCLUDED : FL_FREE);
    free(lie);
    free(o);
    rig_restart(r);
}

static void shown_while_groups_are_drawn(void **state) {
    (void)state;
    struct rig *r = late_rig();
    complain_late(r); /* the randomness comes in the next block */
    rig_restart(r);
    rig_block(r, RIG_SECOND);
    assert_int_equal(rig_view(r).phase, FL_OPENING);
    size_t without = group_of(r, 7);
    assert_true(fl_contract_given_up(r->contract.self, without));
    rig_restart(r);
    assert_true(fl_contract_given_up(r->contract.self, without));
    rig_begin(r, RIG_SECOND);
    assert_int_equal(rig_shares(r, 2, without, 1, 0), FL_ROUND_ALREADY); /* of no use any more */
    rig_end(r);
    open_the_rest(r, without);
    close_it(r, without);
    rig_close(r);
}

static void shown_while_groups_are_opened(void **state) {
    (void)state;
    struct rig *r = late_rig();
    rig_drawing(r);
    size_t without = group_of(r, 7);
    rig_begin(r, RIG_SECOND);
    assert_int_equal(rig_shares(r, 2, without, 1, 0), FL_ROUND_OK);
    assert_int_equal(rig_shares(r, 3, without, 1, 0), FL_ROUND_OK);
    rig_end(r);
    rig_restart(r);
    complain_late(r);
    rig_restart(r);
    open_the_rest(r, without);
    close_it(r, without);
    rig_close(r);
}

/* Member 4 has spoken after all: the group is open, and stays so. */
static void shown_when_its_group_is_open(void **state) {
    (void)state;
    struct rig *r = late_rig();
    rig_drawing(r);
    size_t of = group_of(r, 7);
    rig_begin(r, RIG_SECOND);
    for (unsigned v = 2; v <= 4; v++)
        assert_int_equal(rig_shares(r, v, of, 1, 0), FL_ROUND_OK);
    rig_end(r);
    assert_non_null(fl_contract_key_sum(r->contract.self, of));
    complain_late(r);
    rig_restart(r);
    assert_non_null(fl_contract_key_sum(r->contract.self, of));
    assert_false(fl_contract_given_up(r->contract.self, of));
    rig_begin(r, RIG_SECOND);
    for (unsigned v = 2; v <= 4; v++)
        for (size_t g = 0; g < rig_view(r).groups; g++)
            if (g != of)
                assert_int_equal(rig_shares(r, v, g, 1, 0), FL_ROUND_OK);
    rig_end(r);
    assert_int_equal(rig_view(r).phase, FL_JUDGING);
    close_it(r, SIZE_MAX);
    rig_close(r);
}

/* Who was not counted in is in nobody's way: nothing is taken up after the cut-off that could change the draw. */
static void shown_though_it_is_not_in(void **state) {
    (void)state;
    struct rig *r = rig_open(RIG_VALIDATORS);
    rig_submitting_bad(r, 24, 1 << 7, 1);
    rig_attesting_without(r, 1 << 7, 2);
    assert_int_equal(rig_view(r).included, 23);
    for (unsigned step = 0; step < 2; step++) {
        rig_begin(r, RIG_SECOND);
        assert_int_equal(rig_complain(r, 1, 7), FL_ROUND_TOO_LATE);
        assert_int_equal(rig_events(r, FL_EVENT_EXCLUDED), 0);
        rig_end(r);
        if (step == 0)
            rig_drawing(r);
    }
    assert_int_equal(rig_view(r).phase, FL_OPENING);
    rig_close(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seat_without_key),
        cmocka_unit_test(two_seats_of_four_without_key),
        cmocka_unit_test(nobody_has_a_key_of_its_own),
        cmocka_unit_test(a_group_is_opened_once),
        cmocka_unit_test(shown_while_groups_are_drawn),
        cmocka_unit_test(shown_while_groups_are_opened),
        cmocka_unit_test(shown_when_its_group_is_open),
        cmocka_unit_test(shown_though_it_is_not_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
