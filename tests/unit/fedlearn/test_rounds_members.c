/* Members of a round that are not there, or lie when it matters least to say so: a seat without a key, and sums that come after a group has
 * been opened. What was told must not hang on what a validator remembers. */
#include "base/mem.h"
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
    fl_open_round(rig_view(r).open, r->host.cell_id, &r->round);
    fl_mask_round(&r->mask, rig_view(r).seed);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seat_without_key),
        cmocka_unit_test(two_seats_of_four_without_key),
        cmocka_unit_test(nobody_has_a_key_of_its_own),
        cmocka_unit_test(a_group_is_opened_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
