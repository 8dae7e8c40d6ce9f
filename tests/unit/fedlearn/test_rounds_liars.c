/* What vehicles and validators may try on a round: each attempt has its name, blame where one is due, and a round that closes or
 * aborts cleanly. (What a vehicle may do to shares and bundles is test_bundle.c's and test_share.c's, to ciphertexts test_mask.c's.) */
#include "base/mem.h"
#include "tests/unit/fedlearn/round_rig.h"

#include <stdlib.h>

static bool has_fault(const struct rig *r, unsigned v, enum fl_fault fault) {
    for (size_t i = 0; i < r->host.n_events; i++) {
        const struct fake_event *e = &r->host.events[i];
        if (e->type == FL_EVENT_FAULT && memcmp(e->body.p + 9, r->set[v - 1].address, 32) == 0 &&
            e->body.p[41] == fault)
            return true;
    }
    return false;
}

static enum fl_abort aborted(const struct rig *r) {
    for (size_t i = 0; i < r->host.n_events; i++)
        if (r->host.events[i].type == FL_EVENT_ABORTED)
            return (enum fl_abort)r->host.events[i].body.p[9];
    return FL_ABORT_NONE;
}

static void nothing_is_left(const struct rig *r) {
    static const char kinds[] = "sauod";
    for (size_t i = 0; i + 1 < sizeof(kinds); i++)
        assert_int_equal(fake_exec_count(&r->host, kinds[i]), 0);
    assert_int_equal(rig_view(r).phase, FL_IDLE);
}

/* ---- vehicles ---- */

static void two_submissions_of_one_token(void **state) {
    (void)state;
    struct rig *r = rig_open(RIG_VALIDATORS);
    rig_begin(r, RIG_SECOND);
    for (size_t i = 0; i < 18; i++) {
        rig_make(r, i);
        assert_int_equal(rig_submit(r, i), FL_ROUND_OK);
    }
    assert_int_equal(rig_submit(r, 5), FL_ROUND_ALREADY); /* the same again is nothing bad */
    assert_int_equal(rig_events(r, FL_EVENT_EXCLUDED), 0);
    struct fl_submit other = rig_submit_of(r, 5);
    other.id[0] ^= 1;
    assert_int_equal(rig_message(r, r->vehicle[5].token, &other), FL_ROUND_TWO_SUBMISSIONS);
    assert_int_equal(rig_message(r, r->vehicle[5].token, &other), FL_ROUND_TWO_SUBMISSIONS);
    assert_int_equal(rig_events(r, FL_EVENT_EXCLUDED), 1);
    rig_end(r);
    rig_restart(r);
    rig_block(r, 60 * (uint64_t)RIG_SECOND);
    rig_attesting(r);
    assert_int_equal(rig_view(r).included, 17);
    rig_drawing(r);
    rig_opening(r);
    rig_judging(r);
    /* Out of the next round, too. */
    rig_block(r, 600 * (uint64_t)RIG_SECOND);
    rig_block(r, RIG_SECOND);
    rig_block(r, RIG_SECOND);
    rig_begin(r, RIG_SECOND);
    rig_make(r, 5);
    assert_int_equal(rig_submit(r, 5), FL_ROUND_EXCLUDED);
    rig_end(r);
    rig_close(r);
}

static void submissions_out_of_place(void **state) {
    (void)state;
    struct rig *r = rig_new(RIG_VALIDATORS);
    struct fl_submit s = {.round = 1, .profile = FL_STANDARD, .params = RIG_PARAMS, .id = {1}};
    const uint8_t token[32] = {9};
    rig_begin(r, RIG_SECOND);
    assert_int_equal(rig_message(r, token, &s), FL_ROUND_OTHER_ROUND); /* there is none */
    for (unsigned v = 1; v <= RIG_VALIDATORS; v++)
        assert_int_equal(rig_key(r, v), FL_ROUND_OK);
    assert_int_equal(rig_order_model(r), FL_ROUND_OK);
    rig_end(r);
    rig_begin(r, RIG_SECOND);
    assert_int_equal(rig_message(r, token, &s), FL_ROUND_TOO_EARLY); /* its seed is not known */
    rig_end(r);
    rig_block(r, RIG_SECOND);
    rig_begin(r, RIG_SECOND);
    assert_int_equal(rig_view(r).phase, FL_SUBMITTING);
    s.round = 2;
    assert_int_equal(rig_message(r, token, &s), FL_ROUND_OTHER_ROUND);
    s.round = 1;
    s.profile = FL_COMPACT;
    assert_int_equal(rig_message(r, token, &s), FL_ROUND_OTHER_PROFILE);
    s.profile = FL_STANDARD;
    s.params++;
    assert_int_equal(rig_message(r, token, &s), FL_ROUND_OTHER_MODEL);
    s.params--;
    struct exec_message m = {.psid = FL_PSID, .payload = span_of("\1garbage", 8)};
    assert_int_equal(r->contract.ops->message(r->contract.self, &r->host, &m), FL_ROUND_MALFORMED);
    /* Full at the policy's bound; the round goes on at once. */
    for (uint32_t i = 0; i < 64; i++) {
        uint8_t t[32] = {(uint8_t)(i + 1)};
        s.id[1] = (uint8_t)i;
        assert_int_equal(rig_message(r, t, &s), FL_ROUND_OK);
    }
    assert_int_equal(rig_message(r, (const uint8_t[32]){200}, &s), FL_ROUND_FULL);
    rig_end(r);
    assert_int_equal(rig_view(r).phase, FL_ATTESTING);
    rig_begin(r, RIG_SECOND);
    assert_int_equal(rig_message(r, token, &s), FL_ROUND_TOO_LATE);
    rig_end(r);
    rig_close(r);
}

/* A certificate that is for something else, too, or good for more than an epoch or in another, is no ticket: one vehicle would be many. */
static void only_tickets_count(void **state) {
    (void)state;
    struct rig *r = rig_open(RIG_VALIDATORS);
    const uint64_t day = r->host.time / 1000000 / 86400 * 86400; /* the rig's epoch is a day */
    const struct {
        uint32_t permissions;
        uint64_t from_s, until_s;
        enum fl_round_code want;
    } what[] = {{2, day, day + 86400, FL_ROUND_NO_TICKET},
        {0, day, day + 86400, FL_ROUND_NO_TICKET}, {1, day - 1, day + 86400, FL_ROUND_NO_TICKET},
        {1, day, day + 86401, FL_ROUND_NO_TICKET}, {1, day + 7, day + 7, FL_ROUND_NO_TICKET},
        {1, day - 86400, day, FL_ROUND_NO_TICKET},
        {1, day + 86400, day + 2 * 86400, FL_ROUND_NO_TICKET}, {1, day, day + 86400, FL_ROUND_OK}};
    rig_begin(r, RIG_SECOND);
    rig_make(r, 0);
    const struct fl_submit s = rig_submit_of(r, 0);
    struct buf payload = {0};
    fl_submit_encode(&s, &payload);
    for (size_t i = 0; i < ARRAY_LEN(what); i++) {
        struct exec_message m = {.psid = FL_PSID,
            .payload = buf_span(&payload),
            .permissions = what[i].permissions,
            .valid_from_s = what[i].from_s,
            .valid_until_s = what[i].until_s};
        memcpy(m.signer, r->vehicle[0].token, 32);
        assert_int_equal(r->contract.ops->message(r->contract.self, &r->host, &m), what[i].want);
        assert_int_equal(rig_view(r).submissions, what[i].want == FL_ROUND_OK);
    }
    buf_free(&payload);
    rig_end(r);
    rig_close(r);
}

static void a_bad_bundle_is_shown_to_all(void **state) {
    (void)state;
    struct rig *r = rig_open(RIG_VALIDATORS);
    uint16_t share[FL_SHARE_VALUES];
    rig_submitting_bad(r, 18, 1 << 7, 3);
    rig_begin(r, RIG_SECOND);
    assert_int_equal(rig_share(r, 7, 3, share), FL_BUNDLE_UNREADABLE);
    assert_int_equal(rig_share(r, 7, 2, share), FL_BUNDLE_GOOD);
    /* A complaint about a good bundle is its maker's fault, once. */
    assert_int_equal(rig_complain(r, 2, 4), FL_ROUND_OK);
    assert_true(has_fault(r, 2, FL_FAULT_FALSE_COMPLAINT));
    assert_int_equal(rig_complain(r, 2, 3), FL_ROUND_ALREADY);
    assert_int_equal(rig_events(r, FL_EVENT_EXCLUDED), 0);
    assert_int_equal(rig_complain(r, 3, 7), FL_ROUND_OK);
    assert_int_equal(rig_events(r, FL_EVENT_EXCLUDED), 1);
    assert_int_equal(rig_complain(r, 3, 7), FL_ROUND_ALREADY);
    rig_end(r);
    rig_restart(r);
    rig_attesting(r);
    assert_int_equal(rig_view(r).included, 17);
    rig_close(r);
}

/* ---- validators ---- */

static void keys_need_proof(void **state) {
    (void)state;
    struct rig *r = rig_new(RIG_VALIDATORS);
    rig_begin(r, RIG_SECOND);
    assert_int_equal(rig_key(r, 1), FL_ROUND_OK);
    assert_int_equal(rig_key(r, 1), FL_ROUND_OK); /* a new one, serial 2 */
    assert_int_equal(fl_contract_key_serial(r->contract.self, r->set[0].address), 2);
    /* Validator 1's key and proof as if it were validator 2's. */
    struct fl_key_record k = {.serial = 1};
    struct buf b = {0};
    fl_reader_public(r->reader[0], &k.key);
    fl_key_prove(r->reader[0], r->host.cell_id, r->set[0].address, 1, &k.proof);
    fl_key_record_encode(&k, &b);
    assert_int_equal(rig_record(r, 2, FL_RECORD_KEY, &b), FL_ROUND_BAD_PROOF);
    fl_key_record_encode(&k, &b);
    assert_int_equal(rig_record(r, 1, FL_RECORD_KEY, &b), FL_ROUND_ALREADY); /* a replay */
    rig_end(r);
    rig_close(r);
}

static void no_round_without(void **state) {
    (void)state;
    struct rig *r = rig_new(RIG_VALIDATORS);
    rig_block(r, RIG_SECOND);
    assert_int_equal(rig_view(r).why, FL_ABORT_NO_MODEL);
    rig_begin(r, RIG_SECOND);
    assert_int_equal(rig_order(r, FL_ORDER_STOP, span_of("", 0)), FL_ROUND_NO_MODEL);
    assert_int_equal(rig_order(r, FL_ORDER_MODEL, span_of("x", 1)), FL_ROUND_MALFORMED);
    assert_int_equal(rig_order_model(r), FL_ROUND_OK);
    rig_end(r);
    assert_int_equal(rig_view(r).why, FL_ABORT_KEYS);
    rig_begin(r, RIG_SECOND);
    for (unsigned v = 1; v <= RIG_VALIDATORS; v++)
        assert_int_equal(rig_key(r, v), FL_ROUND_OK);
    r->set[2].power = 11;
    rig_end(r);
    assert_int_equal(rig_view(r).why, FL_ABORT_POWERS);
    r->set[2].power = 10;
    rig_set_policy(r, "group", 33); /* two of them do not fit into one sum */
    rig_set_policy(r, "group_min", 33);
    rig_block(r, RIG_SECOND);
    assert_int_equal(rig_view(r).why, FL_ABORT_POLICY);
    rig_set_policy(r, "group", 8);
    rig_set_policy(r, "group_min", 8);
    r->n = 3;
    rig_block(r, RIG_SECOND);
    assert_int_equal(rig_view(r).why, FL_ABORT_COMMITTEE);
    r->n = RIG_VALIDATORS;
    rig_set_policy(r, "every_s", 0);
    rig_block(r, RIG_SECOND);
    assert_int_equal(rig_view(r).phase, FL_IDLE);
    rig_set_policy(r, "every_s", 600);
    rig_block(r, RIG_SECOND);
    assert_int_equal(rig_view(r).phase, FL_SEEDING);
    rig_close(r);
}

/* Up to f liars and silent ones: the key comes out, and who lied is named. */
static void a_liar_is_named(void **state) {
    (void)state;
    struct rig *r = rig_open(RIG_VALIDATORS);
    rig_submitting(r, 16);
    rig_attesting(r);
    rig_drawing(r);
    rig_begin(r, RIG_SECOND);
    assert_int_equal(rig_shares(r, 3, 0, 2, 77), FL_ROUND_OK);
    assert_int_equal(rig_shares(r, 1, 0, 2, 0), FL_ROUND_OK);
    assert_int_equal(rig_shares(r, 2, 0, 2, 0), FL_ROUND_OK);
    rig_end(r);
    assert_int_equal(
        rig_view(r).phase, FL_OPENING); /* three sums, two of which agree: not enough */
    rig_begin(r, RIG_SECOND);
    assert_int_equal(rig_shares(r, 3, 0, 2, 78), FL_ROUND_OK); /* signs another one, too */
    assert_true(has_fault(r, 3, FL_FAULT_TWO_SUMS));
    assert_int_equal(rig_shares(r, 3, 0, 2, 79), FL_ROUND_ALREADY);
    assert_int_equal(rig_shares(r, 4, 0, 2, 0), FL_ROUND_OK);
    rig_end(r);
    assert_true(has_fault(r, 3, FL_FAULT_WRONG_SUM));
    assert_int_equal(rig_events(r, FL_EVENT_FAULT), 3);
    assert_int_equal(rig_view(r).phase, FL_JUDGING);
    /* It says another outcome than the others: named when they agree. */
    struct fl_outcome *o = ws_alloc(sizeof(*o));
    rig_outcome(r, o);
    rig_begin(r, RIG_SECOND);
    struct fl_outcome *lie = ws_memdup(o, sizeof(*o));
    lie->group[0].verdict = FL_DISTANT;
    lie->model_hash[0] ^= 1;
    assert_int_equal(rig_say_outcome(r, 3, lie), FL_ROUND_OK);
    assert_int_equal(rig_say_outcome(r, 1, o), FL_ROUND_OK);
    assert_int_equal(rig_say_outcome(r, 2, o), FL_ROUND_OK);
    rig_end(r);
    assert_int_equal(rig_view(r).phase, FL_JUDGING);
    rig_begin(r, RIG_SECOND);
    lie->n_groups = 1;
    lie->accepted = 1;
    assert_int_equal(rig_say_outcome(r, 4, lie), FL_ROUND_WRONG_COUNT);
    assert_int_equal(rig_say_outcome(r, 4, o), FL_ROUND_OK);
    rig_end(r);
    assert_true(has_fault(r, 3, FL_FAULT_OTHER_OUTCOME));
    assert_int_equal(rig_view(r).why, FL_ABORT_NONE);
    nothing_is_left(r);
    free(lie);
    free(o);
    rig_close(r);
}

/* More than f: no key comes out, and no wrong one either. */
static void two_liars_of_four_stop_the_round(void **state) {
    (void)state;
    struct rig *r = rig_open(RIG_VALIDATORS);
    rig_submitting(r, 16);
    rig_attesting(r);
    rig_drawing(r);
    rig_begin(r, RIG_SECOND);
    for (unsigned v = 1; v <= RIG_VALIDATORS; v++)
        assert_int_equal(rig_shares(r, v, 0, 2, v <= 2 ? (uint16_t)(v * 9) : 0), FL_ROUND_OK);
    rig_end(r);
    assert_int_equal(rig_view(r).opened, 0);
    assert_int_equal(rig_events(r, FL_EVENT_FAULT), 0); /* nobody can be blamed */
    rig_block(r, 60 * (uint64_t)RIG_SECOND);
    assert_int_equal(aborted(r), FL_ABORT_NOT_OPENED);
    nothing_is_left(r);
    struct fl_model_view m;
    fl_contract_model(r->contract.self, &m);
    assert_int_equal(m.version, 1);
    rig_close(r);
}

/* Whoever is missing at whichever step. */
static void silence(void **state) {
    (void)state;
    static const enum fl_abort want[] = {
        FL_ABORT_TOO_FEW, FL_ABORT_TOO_FEW, FL_ABORT_NOT_OPENED, FL_ABORT_NO_AGREEMENT};
    for (size_t at = 0; at < ARRAY_LEN(want); at++) {
        struct rig *r = rig_open(RIG_VALIDATORS);
        if (at == 0) {
            rig_submitting(r, 15);
        } else {
            rig_submitting(r, 16);
            if (at > 1) {
                rig_attesting(r);
                rig_drawing(r);
            }
            if (at > 2)
                rig_opening(r);
            rig_begin(r, RIG_SECOND); /* two of four go on: one too few */
            for (unsigned v = 1; v <= 2; v++) {
                struct fl_outcome *o = ws_alloc(sizeof(*o));
                if (at == 1)
                    assert_int_equal(rig_attest(r, v, 0), FL_ROUND_OK);
                else if (at == 2)
                    assert_int_equal(rig_shares(r, v, 0, 2, 0), FL_ROUND_OK);
                else
                    rig_outcome(r, o);
                if (at == 3)
                    assert_int_equal(rig_say_outcome(r, v, o), FL_ROUND_OK);
                free(o);
            }
            rig_end(r);
            assert_int_not_equal(rig_view(r).phase, FL_IDLE);
            rig_block(r, 60 * (uint64_t)RIG_SECOND);
        }
        assert_int_equal(aborted(r), want[at]);
        nothing_is_left(r);
        assert_int_equal(fake_exec_count(&r->host, 'h'), 1);
        rig_close(r);
    }
}

/* One validator does not hold everything: what n - f hold is in, the rest is not. */
static void what_too_few_hold_is_out(void **state) {
    (void)state;
    struct rig *r = rig_open(RIG_VALIDATORS);
    rig_submitting(r, 20);
    rig_begin(r, RIG_SECOND);
    assert_int_equal(rig_attest(r, 1, 1 << 2 | 1 << 3), FL_ROUND_OK);
    assert_int_equal(rig_attest(r, 2, 1 << 3), FL_ROUND_OK);
    assert_int_equal(rig_attest(r, 3, 0), FL_ROUND_OK);
    assert_int_equal(rig_attest(r, 4, 0), FL_ROUND_OK);
    rig_end(r);
    assert_int_equal(rig_view(r).included, 19);
    struct fl_submission_view s;
    assert_true(fl_contract_submission(r->contract.self, 2, &s) && s.included);
    assert_true(fl_contract_submission(r->contract.self, 3, &s) && !s.included);
    assert_false(fl_contract_submission(r->contract.self, 20, &s));
    rig_close(r);
}

static void records_out_of_place(void **state) {
    (void)state;
    struct rig *r = rig_open(RIG_VALIDATORS);
    struct buf b = {0};
    rig_begin(r, RIG_SECOND);
    assert_int_equal(rig_attest(r, 1, 0), FL_ROUND_TOO_EARLY);
    buf_put(&b, "\1x", 2);
    assert_int_equal(rig_record(r, 1, FL_RECORD_ATTEST, &b), FL_ROUND_MALFORMED);
    assert_int_equal(rig_record(r, 1, (enum fl_record)9, &b), FL_ROUND_UNKNOWN_KIND);
    rig_end(r);
    rig_submitting(r, 16);
    rig_attesting(r);
    rig_begin(r, RIG_SECOND);
    assert_int_equal(rig_attest(r, 1, 0), FL_ROUND_TOO_LATE);
    rig_end(r);
    rig_block(r, RIG_SECOND);
    assert_int_equal(rig_view(r).phase, FL_OPENING);
    rig_begin(r, RIG_SECOND);
    uint8_t sums[FL_SUM_OCTETS] = {0};
    struct fl_shares_record rec = {
        .round = 1, .first = 2, .n = 1, .sums = span_of(sums, sizeof(sums))};
    fl_shares_record_encode(&rec, &b);
    assert_int_equal(rig_record(r, 1, FL_RECORD_SHARES, &b), FL_ROUND_WRONG_COUNT);
    rec.first = 0;
    sums[0] = 0xff;
    sums[1] = 0xff;
    rec.sums = span_of(sums, sizeof(sums));
    fl_shares_record_encode(&rec, &b);
    assert_int_equal(rig_record(r, 1, FL_RECORD_SHARES, &b), FL_ROUND_MALFORMED); /* 4095 */
    rec.round = 2;
    sums[0] = sums[1] = 0;
    fl_shares_record_encode(&rec, &b);
    assert_int_equal(rig_record(r, 1, FL_RECORD_SHARES, &b), FL_ROUND_OTHER_ROUND);
    rig_end(r);
    rig_close(r);
}

/* An order ends the round that is on; what was sent for it is of no use in another one. */
static void an_order_ends_the_round(void **state) {
    (void)state;
    struct rig *r = rig_open(RIG_VALIDATORS);
    rig_submitting(r, 16);
    rig_begin(r, RIG_SECOND);
    assert_int_equal(rig_order(r, FL_ORDER_STOP, span_of("", 0)), FL_ROUND_OK);
    rig_end(r);
    assert_int_equal(aborted(r), FL_ABORT_ORDERED);
    nothing_is_left(r);
    rig_block(r, 1200 * (uint64_t)RIG_SECOND);
    assert_int_equal(rig_view(r).phase, FL_IDLE);
    assert_int_equal(rig_view(r).why, FL_ABORT_NO_MODEL);
    rig_restart(r);
    rig_begin(r, RIG_SECOND);
    assert_int_equal(rig_order_model(r), FL_ROUND_OK);
    rig_end(r);
    assert_int_equal(rig_view(r).phase, FL_SEEDING);
    assert_int_equal(rig_view(r).number, 2);
    rig_block(r, RIG_SECOND);
    rig_block(r, RIG_SECOND);
    rig_begin(r, RIG_SECOND);
    struct fl_submission got;
    struct fl_round now;
    fl_open_round(rig_view(r).open, r->host.cell_id, &now);
    assert_int_equal(
        fl_submission_accept(&now, r->vehicle[0].token, &r->vehicle[0].submission.cover, &got),
        FL_ACCEPT_OTHER_ROUND);
    rig_end(r);
    rig_close(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_submissions_of_one_token),
        cmocka_unit_test(submissions_out_of_place),
        cmocka_unit_test(only_tickets_count),
        cmocka_unit_test(a_bad_bundle_is_shown_to_all),
        cmocka_unit_test(keys_need_proof),
        cmocka_unit_test(no_round_without),
        cmocka_unit_test(a_liar_is_named),
        cmocka_unit_test(two_liars_of_four_stop_the_round),
        cmocka_unit_test(silence),
        cmocka_unit_test(what_too_few_hold_is_out),
        cmocka_unit_test(records_out_of_place),
        cmocka_unit_test(an_order_ends_the_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
