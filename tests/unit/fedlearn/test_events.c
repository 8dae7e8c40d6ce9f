/* What the contract says of a round, read back: each kind of event as a whole round gives it, every cut and longer body refused, and
 * no octet of any value makes more of it than it is. */
#include "base/mem.h"
#include "fedlearn/round/events.h"
#include "tests/unit/fedlearn/round_rig.h"

#include <stdlib.h>

struct kept {
    struct buf body[FL_EVENT_SUSPECT + 1]; /* the first of each type */
};

static void keep(const struct rig *r, struct kept *k) {
    for (size_t i = 0; i < r->host.n_events; i++) {
        const struct fake_event *e = &r->host.events[i];
        assert_true(e->type >= 1 && e->type <= FL_EVENT_SUSPECT);
        if (k->body[e->type].n == 0)
            buf_put(&k->body[e->type], e->body.p, e->body.n);
    }
}

static struct fl_event_body *read_kept(const struct kept *k, enum fl_event type) {
    struct fl_event_body *e = ws_alloc(sizeof(*e));
    assert_true(k->body[type].n > 0);
    assert_true(fl_event_decode((uint16_t)type, buf_span(&k->body[type]), e));
    assert_int_equal(e->type, type);
    return e;
}

/* One round to its end, another that an order aborts; one validator lies, one vehicle comes twice. */
static void play(struct rig *r, struct kept *k, struct fl_outcome *ret_outcome) {
    rig_begin(r, RIG_SECOND);
    for (unsigned v = 1; v <= RIG_VALIDATORS; v++)
        assert_int_equal(rig_key(r, v), FL_ROUND_OK);
    assert_int_equal(rig_order_model(r), FL_ROUND_OK);
    rig_end(r);
    keep(r, k); /* MODEL, OPEN */
    rig_block(r, RIG_SECOND);
    rig_block(r, RIG_SECOND);
    keep(r, k); /* SEED */
    assert_int_equal(rig_view(r).phase, FL_SUBMITTING);
    rig_begin(r, RIG_SECOND);
    for (size_t i = 0; i < 18; i++) {
        rig_make(r, i);
        assert_int_equal(rig_submit(r, i), FL_ROUND_OK);
    }
    struct fl_submit other = rig_submit_of(r, 5);
    other.id[0] ^= 1;
    assert_int_equal(rig_message(r, r->vehicle[5].token, &other), FL_ROUND_TWO_SUBMISSIONS);
    rig_end(r);
    keep(r, k); /* EXCLUDED */
    rig_block(r, 3600 * (uint64_t)RIG_SECOND);
    rig_attesting(r);
    keep(r, k); /* CUT_OFF */
    rig_drawing(r);
    keep(r, k); /* GROUPS */
    const size_t groups = rig_view(r).groups;
    rig_begin(r, RIG_SECOND);
    for (unsigned v = 1; v <= RIG_VALIDATORS; v++)
        assert_int_equal(rig_shares(r, v, 0, groups, v == 2 ? 1 : 0), FL_ROUND_OK);
    rig_end(r);
    keep(r, k); /* OPENED, FAULT */
    assert_int_equal(rig_view(r).phase, FL_JUDGING);
    rig_outcome(r, ret_outcome);
    rig_begin(r, RIG_SECOND);
    for (unsigned v = 1; v <= RIG_VALIDATORS; v++)
        assert_int_equal(rig_say_outcome(r, v, ret_outcome), FL_ROUND_OK);
    rig_end(r);
    keep(r, k); /* CLOSED */
    rig_move_on(r, ret_outcome);
    for (unsigned i = 0; i < 20 && rig_view(r).phase == FL_IDLE; i++)
        rig_block(r, 600 * (uint64_t)RIG_SECOND);
    rig_begin(r, RIG_SECOND);
    assert_int_equal(rig_order(r, FL_ORDER_STOP, span_of("", 0)), FL_ROUND_OK);
    keep(r, k); /* ABORTED */
    rig_end(r);
}

static void what_is_said_is_read(
    const struct rig *r, const struct kept *k, const struct fl_outcome *found) {
    struct fl_event_body *e = read_kept(k, FL_EVENT_MODEL);
    uint8_t hash[32];
    assert_int_equal(e->round, 0);
    assert_int_equal(e->model.version, 1);
    assert_int_equal(e->model.order.params, RIG_PARAMS);
    free(e);
    e = read_kept(k, FL_EVENT_OPEN);
    assert_int_equal(e->round, 1);
    assert_int_equal(e->open.n, RIG_VALIDATORS);
    memcpy(hash, e->open.model_hash, 32);
    free(e);
    e = read_kept(k, FL_EVENT_SEED);
    assert_int_equal(e->round, 1);
    free(e);
    e = read_kept(k, FL_EVENT_CUT_OFF);
    assert_int_equal(e->cut_off.included, 17);
    assert_true(e->cut_off.draw_height > 0);
    free(e);
    e = read_kept(k, FL_EVENT_GROUPS);
    assert_int_equal(e->groups.n, found->n_groups);
    assert_int_equal(e->groups.n_free, found->n_groups);
    assert_true(e->groups.height > 0);
    free(e);
    e = read_kept(k, FL_EVENT_OPENED);
    assert_int_equal(e->opened.n, found->n_groups);
    assert_int_equal(e->opened.hashes.n, 32 * (size_t)found->n_groups);
    free(e);
    e = read_kept(k, FL_EVENT_CLOSED);
    assert_int_equal(e->round, 1);
    assert_memory_equal(e->closed.parent, hash, 32);
    assert_memory_equal(e->closed.outcome.model_hash, found->model_hash, 32);
    assert_int_equal(e->closed.model_version, found->step && !found->vetoed ? 2 : 1);
    free(e);
    e = read_kept(k, FL_EVENT_SUSPECT);
    assert_int_equal(e->round, 1);
    assert_int_equal(e->suspects.n, 0); /* nobody was found by the score */
    assert_int_equal(e->suspects.scored, 1); /* who was excluded */
    free(e);
    e = read_kept(k, FL_EVENT_ABORTED);
    assert_int_equal(e->round, 2);
    assert_int_equal(e->aborted, FL_ABORT_ORDERED);
    free(e);
    e = read_kept(k, FL_EVENT_FAULT);
    assert_int_equal(e->fault.fault, FL_FAULT_WRONG_SUM);
    assert_memory_equal(e->fault.address, r->set[1].address, 32);
    free(e);
    e = read_kept(k, FL_EVENT_EXCLUDED);
    assert_int_equal(e->excluded.reason, FL_EXCLUDED_TWO_SUBMISSIONS);
    assert_memory_equal(e->excluded.token, r->vehicle[5].token, 32);
    assert_int_equal(e->excluded.submission, 5);
    free(e);
}

/* Two tokens in an event of our own, ascending; a third that is not, and a standing that there is none of. */
static void test_suspects(void **state) {
    (void)state;
    struct fl_event_body *e = ws_alloc(sizeof(*e));
    struct fl_suspect s;
    struct buf b = {0};
    buf_u8(&b, FL_RECORDS_VERSION);
    buf_u64(&b, 9);
    for (unsigned i = 0; i < 32; i++)
        buf_u8(&b, 0xaa);
    buf_u32(&b, 70);
    buf_u32(&b, 2);
    const size_t first = b.n;
    for (uint8_t t = 1; t <= 2; t++) {
        for (unsigned i = 0; i < 32; i++)
            buf_u8(&b, t);
        buf_u8(&b, t == 1 ? FL_QUARANTINED : FL_FREE);
        buf_i32(&b, -5 * t);
        buf_u64(&b, UINT64_C(8) << 16 | t);
    }
    assert_true(fl_event_decode(FL_EVENT_SUSPECT, buf_span(&b), e));
    assert_int_equal(e->round, 9);
    assert_int_equal(e->suspects.scored, 70);
    assert_int_equal(e->suspects.n, 2);
    fl_event_suspect(e, 1, &s);
    assert_int_equal(s.token[31], 2);
    assert_int_equal(s.standing, FL_FREE);
    assert_int_equal(s.score, -10);
    assert_true(s.evidence == (UINT64_C(8) << 16 | 2));
    for (size_t n = 0; n < b.n; n++)
        assert_false(fl_event_decode(FL_EVENT_SUSPECT, span_of(b.p, n), e));
    b.p[first + 32] = FL_STANDING_COUNT;
    assert_false(fl_event_decode(FL_EVENT_SUSPECT, buf_span(&b), e));
    b.p[first + 32] = FL_EXCLUDED;
    assert_true(fl_event_decode(FL_EVENT_SUSPECT, buf_span(&b), e));
    b.p[first] = 2;
    for (unsigned i = 0; i < 32; i++)
        b.p[first + i] = 2;
    assert_false(fl_event_decode(FL_EVENT_SUSPECT, buf_span(&b), e));
    assert_string_equal(fl_standing_name(FL_QUARANTINED), "quarantined");
    assert_string_equal(fl_standing_name(FL_STANDING_COUNT), "unknown");
    buf_free(&b);
    free(e);
}

/* Ranges hold whatever the octets are. */
static void in_range(const struct fl_event_body *e) {
    assert_true(e->round > 0 || e->type == FL_EVENT_MODEL);
    if (e->type == FL_EVENT_GROUPS)
        assert_in_range(e->groups.n_free, 1, e->groups.n);
    if (e->type == FL_EVENT_GROUPS)
        assert_in_range(e->groups.n, 1, FL_MAX_GROUPS);
    if (e->type == FL_EVENT_OPENED)
        assert_int_equal(e->opened.hashes.n, 32 * (size_t)e->opened.n);
    if (e->type == FL_EVENT_CUT_OFF)
        assert_in_range(e->cut_off.included, 1, FL_SUBMISSIONS_MAX);
    if (e->type == FL_EVENT_ABORTED)
        assert_string_not_equal(fl_abort_name(e->aborted), "unknown");
    if (e->type == FL_EVENT_FAULT)
        assert_string_not_equal(fl_fault_name(e->fault.fault), "unknown");
    if (e->type == FL_EVENT_EXCLUDED)
        assert_string_not_equal(fl_exclusion_name(e->excluded.reason), "unknown");
}

static void attack(enum fl_event type, struct buf *b) {
    struct fl_event_body *e = ws_alloc(sizeof(*e));
    for (size_t n = 0; n < b->n; n++)
        assert_false(fl_event_decode((uint16_t)type, span_of(b->p, n), e));
    buf_u8(b, 0);
    assert_false(fl_event_decode((uint16_t)type, buf_span(b), e));
    b->n--;
    for (size_t i = 0; i < 8 * b->n; i++) {
        b->p[i / 8] ^= (uint8_t)(1U << (i % 8));
        if (fl_event_decode((uint16_t)type, buf_span(b), e))
            in_range(e);
        b->p[i / 8] ^= (uint8_t)(1U << (i % 8));
    }
    b->p[0] = 2;
    assert_false(fl_event_decode((uint16_t)type, buf_span(b), e));
    free(e);
}

static void test_events_of_rounds(void **state) {
    (void)state;
    struct rig *r = rig_new(RIG_VALIDATORS);
    struct fl_outcome *found = ws_alloc(sizeof(*found));
    struct kept k = {0};
    play(r, &k, found);
    what_is_said_is_read(r, &k, found);
    for (int t = FL_EVENT_OPEN; t <= FL_EVENT_SUSPECT; t++) {
        assert_string_not_equal(fl_event_name((enum fl_event)t), "unknown");
        attack((enum fl_event)t, &k.body[t]);
        buf_free(&k.body[t]);
    }
    free(found);
    rig_close(r);
}

static void test_no_such_event(void **state) {
    (void)state;
    struct fl_event_body *e = ws_alloc(sizeof(*e));
    const uint8_t body[41] = {1, 0, 0, 0, 0, 0, 0, 0, 7};
    assert_true(fl_event_decode(FL_EVENT_SEED, span_of(body, sizeof(body)), e));
    assert_false(fl_event_decode(0, span_of(body, sizeof(body)), e));
    assert_false(fl_event_decode(FL_EVENT_SUSPECT + 1, span_of(body, sizeof(body)), e));
    assert_false(fl_event_decode(UINT16_MAX, span_of(body, sizeof(body)), e));
    assert_string_equal(fl_event_name((enum fl_event)0), "unknown");
    assert_string_equal(fl_event_name((enum fl_event)12), "unknown");
    assert_string_equal(fl_fault_name((enum fl_fault)0), "unknown");
    assert_string_equal(fl_exclusion_name((enum fl_exclusion)9), "unknown");
    free(e);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_of_rounds),
        cmocka_unit_test(test_suspects),
        cmocka_unit_test(test_no_such_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
