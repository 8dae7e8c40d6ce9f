/* The committee's contract: orders and convictions, in force two blocks on, refused by name, never below four. */
#include "tests/support/cm.h"
#include "tests/support/fake_exec.h"
#include "tests/support/light_samples.h"

#include "ledger/committee/change.h"
#include "ledger/committee/court.h"
#include "ledger/exec/hash.h"

#include <stdio.h>

static struct sample_cell cell;
static struct exec_host host;
static struct contract contract;
static struct header last; /* of the block that ran last */
static struct header running;

static void found(size_t n) {
    sample_cell_make(&cell, n, NULL);
    contract = committee_contract_new(&cell.genesis);
    memset(&host, 0, sizeof(host));
    memset(&last, 0, sizeof(last));
    memcpy(host.cell_id, cell.id, 32);
    host.time = cell.genesis.time;
    struct ws_err err;
    assert_int_equal(contract.ops->genesis(contract.self, &host, span_of("", 0), &err), WS_OK);
}

static int close_cell(void **state) {
    (void)state;
    contract.ops->free(contract.self);
    fake_exec_free(&host);
    sample_cell_free(&cell);
    return 0;
}

static void begin(uint64_t step_us) {
    struct commit c = {0};
    struct ws_random r = ws_random_seeded(host.height + 1);
    running = sample_header(&r);
    memset(running.extension, 0, 32);
    memcpy(running.cell_id, cell.id, 32);
    host.height++;
    host.time += step_us;
    running.height = host.height;
    running.time = host.time;
    memcpy(running.validators, committee_set_hash(contract.self, host.height), 32);
    memcpy(running.next_validators, committee_set_hash(contract.self, host.height + 1), 32);
    if (host.height > 1) {
        header_id(exec_sha256, &last, running.previous);
        memcpy(c.id, running.previous, 32);
        c.height = last.height;
        c.n = committee_set(contract.self, last.height)->n;
        for (size_t i = 0; i < c.n; i++)
            c.present[i] = i != 3;
    }
    committee_block(contract.self, &host, &running, &c);
}

static void finish(void) {
    contract.ops->end_block(contract.self, &host);
    committee_block_end(contract.self, &host);
    last = running;
}

static void pass(size_t blocks) {
    for (size_t i = 0; i < blocks; i++) {
        begin(1000000);
        finish();
    }
}

static exec_code order(uint16_t kind, struct span body) {
    const struct exec_order o = {.role = ROLE_COMMITTEE, .kind = kind, .body = body};
    exec_code code = contract.ops->check_order(contract.self, &o);
    return code != EXEC_OK ? code : contract.ops->order(contract.self, &host, &o);
}

/* A newcomer of the tests; `number` as in the sample cell for its founders. */
static struct validator person(uint64_t number, uint64_t power) {
    struct validator v = {.alg = KEY_ED25519, .power = power};
    struct test_key k = test_key_of(number);
    memcpy(v.key, k.key, KEY_OCTETS);
    put_be64(v.curve_key, number);
    (void)snprintf(v.owner, sizeof(v.owner), "agency %d", (int)number);
    (void)snprintf(v.mast, sizeof(v.mast), "mast %d", (int)number);
    validator_address(exec_sha256, &v);
    return v;
}

static exec_code change(struct set_change *c) {
    struct buf b = {0};
    set_change_prepare(exec_sha256, c);
    set_change_encode(c, &b);
    exec_code code = order(COMMITTEE_ORDER_SET, buf_span(&b));
    buf_free(&b);
    return code;
}

static exec_code join(uint64_t number, uint64_t power) {
    struct set_change c = {.n_in = 1};
    c.in[0] = person(number, power);
    return change(&c);
}

static exec_code leave(const hash32 address) {
    struct set_change c = {.n_out = 1};
    memcpy(c.out[0], address, 32);
    return change(&c);
}

static size_t members(uint64_t height) {
    return committee_set(contract.self, height)->n;
}

static bool member(uint64_t height, const hash32 address) {
    return validator_set_find(committee_set(contract.self, height), address) >= 0;
}

static size_t events(uint16_t type) {
    size_t n = 0;
    for (size_t i = 0; i < host.n_events; i++)
        n += host.events[i].type == type;
    return n;
}

/* ---- orders ---- */

static void in_force_two_blocks_on(void **state) {
    (void)state;
    found(4);
    pass(4);
    begin(1000000); /* 5 */
    fake_exec_clear_events(&host);
    assert_int_equal(join(3000, 10), COMMITTEE_OK);
    assert_int_equal(join(3001, 7), COMMITTEE_OK); /* two orders of one block are one boundary */
    finish();
    assert_int_equal(events(COMMITTEE_EVENT_SET), 1);
    struct rd r = rd_of(buf_span(&host.events[0].body));
    struct validator_set told;
    assert_int_equal(rd_u8(&r), LEDGER_VERSION);
    assert_int_equal(rd_u64(&r), 7);
    assert_true(validator_set_read(&r, &told) && rd_done(&r));
    assert_int_equal(told.n, 6);
    assert_int_equal(members(5), 4);
    assert_int_equal(members(6), 4);
    assert_int_equal(members(7), 6);
    assert_memory_not_equal(
        committee_set_hash(contract.self, 6), committee_set_hash(contract.self, 7), 32);
    begin(1000000); /* 6 commits to the set of 7 */
    assert_memory_equal(running.next_validators, committee_set_hash(contract.self, 7), 32);
    assert_int_equal(leave(person(3000, 1).address), COMMITTEE_OK);
    finish();
    pass(1);
    assert_int_equal(members(7), 6);
    assert_int_equal(members(8), 5);
    assert_int_equal(committee_proposers(contract.self)->n, 5);
}

static void each_refusal_has_its_name(void **state) {
    (void)state;
    found(5);
    begin(1000000);
    const struct validator_set set = *committee_set(contract.self, 1);
    struct set_change c = {0};
    assert_int_equal(change(&c), COMMITTEE_BAD_BODY); /* nothing in it */
    assert_int_equal(leave(cell.id), COMMITTEE_UNKNOWN_VALIDATOR);
    c = (struct set_change){.n_out = 1, .n_in = 1};
    memcpy(c.out[0], set.v[0].address, 32);
    c.in[0] = set.v[0];
    assert_int_equal(change(&c), COMMITTEE_BAD_BODY); /* goes and comes */
    c = (struct set_change){.n_in = 2};
    c.in[0] = c.in[1] = person(3000, 10);
    assert_int_equal(change(&c), COMMITTEE_BAD_BODY); /* the same twice */
    c = (struct set_change){.n_out = 2};
    memcpy(c.out[0], set.v[0].address, 32);
    memcpy(c.out[1], set.v[0].address, 32);
    assert_int_equal(change(&c), COMMITTEE_BAD_BODY);
    memcpy(c.out[1], set.v[1].address, 32);
    assert_int_equal(change(&c), COMMITTEE_TOO_FEW);
    c = (struct set_change){.n_in = 1};
    c.in[0] = set.v[2];
    assert_int_equal(change(&c), COMMITTEE_NO_CHANGE);
    c.in[0].power = 0;
    assert_int_equal(change(&c), COMMITTEE_BAD_SET);
    c.in[0].power = POWER_MAX;
    assert_int_equal(change(&c), COMMITTEE_BAD_SET);
    c.in[0] = person(3000, 10);
    memcpy(c.in[0].curve_key, set.v[1].curve_key, KEY_OCTETS);
    assert_int_equal(change(&c), COMMITTEE_BAD_SET);
    assert_int_equal(join(3000, 25), COMMITTEE_TOO_HEAVY); /* 25 of 75: without it no quorum */
    assert_int_equal(members(2), 5);
    c = (struct set_change){.n_in = VALIDATORS_MAX - 4};
    for (size_t i = 0; i < c.n_in; i++)
        c.in[i] = person(4000 + i, 10);
    assert_int_equal(change(&c), COMMITTEE_TOO_MANY);
    /* Nothing of all that left a trace. */
    assert_ptr_equal(committee_coming_set(contract.self), committee_set(contract.self, 2));
    assert_int_equal(join(3000, 24), COMMITTEE_OK);
    finish();
    /* A committee can be replaced as a whole. */
    begin(1000000);
    c = (struct set_change){.n_out = 6, .n_in = 4};
    for (size_t i = 0; i < 6; i++)
        memcpy(c.out[i], committee_coming_set(contract.self)->v[i].address, 32);
    for (size_t i = 0; i < 4; i++)
        c.in[i] = person(5000 + i, 3);
    assert_int_equal(change(&c), COMMITTEE_OK);
    finish();
    begin(1000000);
    assert_int_equal(members(4), 4);
    finish();
}

static void bodies_of_orders(void **state) {
    (void)state;
    found(5);
    begin(1000000);
    struct set_change c = {.n_out = 1, .n_in = 2};
    struct buf b = {0};
    memcpy(c.out[0], committee_set(contract.self, 1)->v[0].address, 32);
    c.in[0] = person(3000, 10);
    c.in[1] = person(3001, 10);
    set_change_prepare(exec_sha256, &c);
    set_change_encode(&c, &b);
    for (size_t n = 0; n < b.n; n++)
        assert_int_equal(order(COMMITTEE_ORDER_SET, span_of(b.p, n)), COMMITTEE_BAD_BODY);
    for (size_t i = 0; i < b.n; i++) {
        struct set_change back;
        struct buf again = {0};
        b.p[i] ^= 0x11;
        if (set_change_decode(exec_sha256, buf_span(&b), &back, NULL) == WS_OK) {
            set_change_encode(&back, &again);
            assert_true(span_equal(buf_span(&again), buf_span(&b)));
        }
        buf_free(&again);
        b.p[i] ^= 0x11;
    }
    buf_u8(&b, 0);
    assert_int_equal(order(COMMITTEE_ORDER_SET, buf_span(&b)), COMMITTEE_BAD_BODY);
    buf_clear(&b);
    params_change_encode(&cell.genesis.params, &b);
    for (size_t n = 0; n < b.n; n++)
        assert_int_equal(order(COMMITTEE_ORDER_PARAMS, span_of(b.p, n)), COMMITTEE_BAD_BODY);
    b.p[0] = 2;
    assert_int_equal(order(COMMITTEE_ORDER_PARAMS, buf_span(&b)), COMMITTEE_BAD_BODY);
    buf_free(&b);
    assert_true(contract.ops->takes_order(ROLE_COMMITTEE, COMMITTEE_ORDER_SET));
    assert_false(contract.ops->takes_order(ROLE_COMMITTEE, 3));
    assert_false(contract.ops->takes_order(ROLE_POLICY, COMMITTEE_ORDER_SET));
    finish();
}

static exec_code set_params(const struct cell_params *p) {
    struct buf b = {0};
    params_change_encode(p, &b);
    exec_code code = order(COMMITTEE_ORDER_PARAMS, buf_span(&b));
    buf_free(&b);
    return code;
}

static void parameters_as_a_whole(void **state) {
    (void)state;
    found(4);
    begin(1000000);
    struct cell_params p = cell.genesis.params;
    p.block_interval_us = 0;
    assert_int_equal(set_params(&p), COMMITTEE_BAD_PARAMS);
    p = cell.genesis.params;
    p.tx_octets_max = p.block_octets_max + 1;
    assert_int_equal(set_params(&p), COMMITTEE_BAD_PARAMS);
    p.tx_octets_max =
        COMMITTEE_TX_OCTETS_LEAST - 1; /* genesis may, but then nothing could mend it */
    assert_int_equal(set_params(&p), COMMITTEE_UNSAFE_PARAMS);
    /* What links and decoders were made for, and how long personal data may stay, is the genesis' word. */
    uint64_t *const bounded[] = {&p.tx_octets_max, &p.block_octets_max, &p.block_txs_max,
        &p.body_horizon_us, &p.message_age_us};
    for (size_t i = 0; i < ARRAY_LEN(bounded); i++) {
        p = cell.genesis.params;
        ++*bounded[i];
        assert_int_equal(set_params(&p), COMMITTEE_UNSAFE_PARAMS);
    }
    assert_ptr_equal(committee_coming_params(contract.self), committee_params(contract.self, 2));
    p = cell.genesis.params;
    p.block_interval_us = 2000000;
    assert_int_equal(set_params(&p), COMMITTEE_OK);
    finish();
    assert_int_equal(events(COMMITTEE_EVENT_PARAMS), 1);
    assert_int_equal(committee_params(contract.self, 2)->block_interval_us, 1000000);
    assert_int_equal(committee_params(contract.self, 3)->block_interval_us, 2000000);
}

/* ---- evidence ---- */

static struct evidence double_vote(uint64_t height, uint64_t number, int32_t round) {
    struct evidence e = {.kind = EVIDENCE_DOUBLE_VOTE, .alg = KEY_ED25519};
    const struct test_key k = test_key_of(number);
    memcpy(e.key, k.key, KEY_OCTETS);
    for (uint8_t i = 0; i < 2; i++) {
        struct buf b = {0};
        e.vote[i] = (struct vote){.type = VOTE_PRECOMMIT,
            .height = height,
            .round = round,
            .locked_round = -1,
            .valid_round = -1};
        e.vote[i].id[0] = (uint8_t)(i + 1);
        vote_sign_bytes(cell.id, &e.vote[i], &b);
        test_sign(&k, buf_span(&b), e.vote[i].sig);
        buf_free(&b);
    }
    return e;
}

static exec_code judge(const struct evidence *e) {
    struct guilty g;
    exec_code code = court_judge(contract.self, &host, &sample_crypto, e, host.time + 1000000, &g);
    assert_true(code != COMMITTEE_OK || g.n > 0);
    return code;
}

static void convicted_jailed_and_gone(void **state) {
    (void)state;
    found(6);
    const struct validator liar = person(1002, 10);
    pass(9);
    const struct evidence e = double_vote(7, 1002, 1);
    assert_int_equal(judge(&e), COMMITTEE_OK);
    begin(1000000); /* 10 */
    fake_exec_clear_events(&host);
    uint64_t writes = host.writes;
    assert_int_equal(court_take(contract.self, &host, &e), COMMITTEE_OK);
    assert_true(host.writes > writes);
    writes = host.writes;
    assert_int_equal(court_take(contract.self, &host, &e), COMMITTEE_KNOWN);
    assert_int_equal(host.writes, writes); /* a refusal leaves no trace */
    finish();
    assert_int_equal(events(COMMITTEE_EVENT_JAILED), 1);
    assert_int_equal(events(COMMITTEE_EVENT_SET), 1);
    assert_true(member(11, liar.address));
    begin(1000000);
    assert_false(member(12, liar.address));
    assert_int_equal(members(12), 5);
    finish();
    assert_int_equal(judge(&e), COMMITTEE_KNOWN);
    /* Another round of the same height is the same class and height: punished once. */
    const struct evidence more = double_vote(7, 1002, 2);
    assert_int_equal(judge(&more), COMMITTEE_KNOWN);
    const struct evidence other = double_vote(8, 1002, 2);
    begin(1000000);
    fake_exec_clear_events(&host);
    assert_int_equal(court_take(contract.self, &host, &other), COMMITTEE_OK);
    assert_int_equal(join(1002, 10), COMMITTEE_JAILED);
    finish();
    assert_int_equal(events(COMMITTEE_EVENT_SET), 0);
    /* A restart knows it all from state. */
    struct exec_host copy = fake_exec_copy(&host);
    copy.height = host.height;
    copy.time = host.time;
    memcpy(copy.cell_id, host.cell_id, 32);
    struct contract again = committee_contract_new(&cell.genesis);
    assert_int_equal(again.ops->load(again.self, &copy, NULL), WS_OK);
    struct guilty g;
    assert_int_equal(
        court_judge(again.self, &copy, &sample_crypto, &e, host.time + 1, &g), COMMITTEE_KNOWN);
    const struct evidence fresh = double_vote(9, 1003, 0);
    assert_int_equal(
        court_judge(again.self, &copy, &sample_crypto, &fresh, host.time + 1, &g), COMMITTEE_OK);
    again.ops->free(again.self);
    fake_exec_free(&copy);
}

static void refused_by_name(void **state) {
    (void)state;
    found(5);
    pass(5);
    struct evidence e = double_vote(7, 1001, 0);
    assert_int_equal(judge(&e), COMMITTEE_TOO_NEW);
    e = double_vote(6, 1001, 0); /* the height that is being decided: its votes are there */
    assert_int_equal(judge(&e), COMMITTEE_OK);
    e.vote[0].sig[0] ^= 1;
    assert_int_equal(judge(&e), COMMITTEE_BAD_SIGNATURE);
    e = double_vote(3, 9999, 0);
    assert_int_equal(judge(&e), COMMITTEE_NOT_MEMBER);
    e = double_vote(3, 1001, 0);
    e.vote[1] = e.vote[0];
    assert_int_equal(judge(&e), COMMITTEE_NO_OFFENCE);
    assert_true(court_later(COMMITTEE_TOO_NEW));
    assert_false(court_later(COMMITTEE_EXPIRED));
}

/* Both ages must exceed their limits. */
static void expiry(void **state) {
    (void)state;
    static const struct {
        uint64_t heights, us;
        bool expired;
    } rows[] = {{16, 1000000, true}, {10000, 1000000, false}, {16, 3600000000, false},
        {28, 1000000, true}, {29, 1000000, false}, {16, 28999999, true}, {16, 29000000, false}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        sample_cell_make(&cell, 5, NULL);
        cell.genesis.params.evidence_heights = rows[i].heights;
        cell.genesis.params.evidence_us = rows[i].us;
        contract = committee_contract_new(&cell.genesis);
        memset(&host, 0, sizeof(host));
        memset(&last, 0, sizeof(last));
        memcpy(host.cell_id, cell.id, 32);
        assert_int_equal(contract.ops->genesis(contract.self, &host, span_of("", 0), NULL), WS_OK);
        pass(30);
        const struct evidence e = double_vote(2, 1001, 0); /* the next is 31, 29 s later */
        assert_int_equal(judge(&e), rows[i].expired ? COMMITTEE_EXPIRED : COMMITTEE_OK);
        pass(40);
        /* What is too old is forgotten, and nothing else. */
        assert_int_equal(
            fake_exec_count(&host, 'b') < 70, rows[i].heights < 70 && rows[i].us < 70000000);
        if (i + 1 < ARRAY_LEN(rows))
            (void)close_cell(NULL);
    }
}

/* Behind the window nobody needs to know what somebody was convicted of, only that he was. */
static void marks_go_with_their_height(void **state) {
    (void)state;
    sample_cell_make(&cell, 7, NULL);
    cell.genesis.params.evidence_heights = 16;
    cell.genesis.params.evidence_us = 1000000;
    contract = committee_contract_new(&cell.genesis);
    memset(&host, 0, sizeof(host));
    memset(&last, 0, sizeof(last));
    memcpy(host.cell_id, cell.id, 32);
    assert_int_equal(contract.ops->genesis(contract.self, &host, span_of("", 0), NULL), WS_OK);
    pass(19);
    begin(1000000); /* 20 */
    for (uint64_t h = 17; h <= 19; h++) {
        const struct evidence e = double_vote(h, 1001, 0);
        assert_int_equal(court_take(contract.self, &host, &e), COMMITTEE_OK);
    }
    finish();
    pass(10);
    assert_int_equal(fake_exec_count(&host, 'e'), 3);
    pass(5); /* 35: 18 is 17 heights old, 17 was forgotten a block before */
    assert_int_equal(fake_exec_count(&host, 'e'), 1);
    pass(5);
    assert_int_equal(fake_exec_count(&host, 'e'), 0);
    assert_int_equal(fake_exec_count(&host, 'j'), 1);
    const struct evidence e = double_vote(19, 1001, 0);
    assert_int_equal(judge(&e), COMMITTEE_EXPIRED);
}

static void never_below_four(void **state) {
    (void)state;
    found(5);
    pass(3);
    begin(1000000); /* 4: two liars of five */
    fake_exec_clear_events(&host);
    struct evidence e = double_vote(2, 1000, 0);
    assert_int_equal(court_take(contract.self, &host, &e), COMMITTEE_OK);
    e = double_vote(2, 1001, 0);
    assert_int_equal(court_take(contract.self, &host, &e), COMMITTEE_OK);
    finish();
    assert_int_equal(events(COMMITTEE_EVENT_JAILED), 2);
    assert_int_equal(events(COMMITTEE_EVENT_ALARM), 1);
    pass(1);
    assert_int_equal(members(6), 4);
    assert_true(member(6, person(1001, 1).address)); /* convicted, still needed */
    begin(1000000); /* 6: somebody comes, so he goes */
    fake_exec_clear_events(&host);
    assert_int_equal(join(3000, 10), COMMITTEE_OK);
    finish();
    assert_int_equal(events(COMMITTEE_EVENT_ALARM), 0);
    pass(1);
    assert_int_equal(members(8), 4);
    assert_false(member(8, person(1001, 1).address));
    assert_true(member(8, person(3000, 1).address));
}

/* An order and evidence about the same member in one block: the same set, whichever comes first. */
static void orders_and_convictions_merge(void **state) {
    (void)state;
    hash32 set[2];
    for (int first = 0; first < 2; first++) {
        found(7);
        pass(3);
        begin(1000000);
        const struct evidence e = double_vote(2, 1004, 0);
        struct set_change c = {.n_out = 1, .n_in = 1};
        memcpy(c.out[0], person(1004, 1).address, 32);
        c.in[0] = person(3000, 10);
        for (int i = 0; i < 2; i++) {
            if (i == first)
                assert_int_equal(court_take(contract.self, &host, &e), COMMITTEE_OK);
            else
                assert_int_equal(change(&c), COMMITTEE_OK);
        }
        finish();
        pass(1);
        assert_int_equal(members(6), 7);
        memcpy(set[first], committee_set_hash(contract.self, 6), 32);
        if (first == 0)
            (void)close_cell(NULL);
    }
    assert_memory_equal(set[0], set[1], 32);
    /* More power for somebody convicted in the same block is refused, not granted. */
    begin(1000000);
    const struct evidence e = double_vote(3, 1005, 0);
    assert_int_equal(court_take(contract.self, &host, &e), COMMITTEE_OK);
    assert_int_equal(join(1005, 11), COMMITTEE_JAILED);
    finish();
}

static void turns_of_the_past(void **state) {
    (void)state;
    found(5);
    enum { HEIGHTS = 300 };
    hash32 turn[HEIGHTS + 1][3];
    for (uint64_t h = 1; h <= HEIGHTS; h++) {
        for (int32_t r = 0; r < 3; r++) {
            const struct validator_set *set = committee_set(contract.self, h);
            size_t who = proposer_of_round(committee_proposers(contract.self), set, r);
            memcpy(turn[h][r], set->v[who].address, 32);
        }
        begin(1000000);
        if (h % 50 == 0)
            assert_int_equal(join(3000 + h, 5 + h % 7), COMMITTEE_OK);
        if (h % 70 == 0)
            assert_int_equal(
                leave(committee_coming_set(contract.self)->v[1].address), COMMITTEE_OK);
        finish();
    }
    for (uint64_t h = 1; h <= HEIGHTS; h++) {
        for (int32_t r = 0; r < 3; r++) {
            hash32 got;
            assert_true(court_proposer(contract.self, &host, h, r, got));
            assert_memory_equal(got, turn[h][r], 32);
        }
    }
    hash32 got;
    assert_false(court_proposer(contract.self, &host, 0, 0, got));
    assert_false(court_proposer(contract.self, &host, HEIGHTS + 2, 0, got));
    /* A proposal out of turn convicts; in turn it does not. */
    size_t guilty = 0;
    for (uint64_t k = 0; k < 5; k++) {
        struct evidence e = {.kind = EVIDENCE_BAD_PROPOSAL, .alg = KEY_ED25519};
        const struct test_key key = test_key_of(1000 + k);
        struct signed_proposal *p = &e.proposal[0];
        struct buf b = {0};
        memcpy(e.key, key.key, KEY_OCTETS);
        *p = (struct signed_proposal){.height = 40, .round = 1, .valid_round = -1};
        proposal_sign_bytes(cell.id, p->height, p->round, p->id, p->valid_round, &b);
        test_sign(&key, buf_span(&b), p->sig);
        buf_free(&b);
        exec_code code = judge(&e);
        assert_true(code == COMMITTEE_OK || code == COMMITTEE_NO_OFFENCE);
        guilty += code == COMMITTEE_OK;
    }
    assert_int_equal(guilty, 4);
}

static size_t verified;
static bool count_verify(enum key_alg alg, const uint8_t key[static KEY_OCTETS], struct span msg,
    const uint8_t sig[static SIG_OCTETS]) {
    verified++;
    return sample_crypto.verify(alg, key, msg, sig);
}

/* Membership, then signatures, then whose turn it was; and what is known is known before any of it. */
static void cheap_questions_come_first(void **state) {
    (void)state;
    const struct light_crypto counting = {exec_sha256, count_verify};
    struct guilty g;
    found(5);
    pass(5);
    struct evidence e = {.kind = EVIDENCE_BAD_PROPOSAL, .alg = KEY_ED25519};
    const struct test_key stranger = test_key_of(7777);
    memcpy(e.key, stranger.key, KEY_OCTETS);
    e.proposal[0] = (struct signed_proposal){.height = 4, .round = 4095, .valid_round = -1};
    verified = 0;
    assert_int_equal(
        court_judge(contract.self, &host, &counting, &e, host.time, &g), COMMITTEE_NOT_MEMBER);
    assert_int_equal(verified, 0);
    /* Unsigned, in the name of whose turn it was: the signature is asked first. */
    hash32 turn;
    assert_true(court_proposer(contract.self, &host, 4, 4095, turn));
    const struct validator_set *set = committee_set(contract.self, 4);
    memcpy(e.key, set->v[validator_set_find(set, turn)].key, KEY_OCTETS);
    assert_int_equal(
        court_judge(contract.self, &host, &counting, &e, host.time, &g), COMMITTEE_BAD_SIGNATURE);
    assert_int_equal(verified, 1);
    /* Convicted: nothing is checked again, whatever stands in its signatures. */
    struct evidence twice = double_vote(3, 1001, 0);
    begin(1000000);
    assert_int_equal(court_take(contract.self, &host, &twice), COMMITTEE_OK);
    finish();
    verified = 0;
    twice.vote[0].sig[0] ^= 1;
    assert_int_equal(
        court_judge(contract.self, &host, &counting, &twice, host.time, &g), COMMITTEE_KNOWN);
    assert_int_equal(verified, 0);
}

static void a_header_shown_to_a_client(void **state) {
    (void)state;
    found(6);
    pass(8);
    struct header canonical = last; /* 8 */
    pass(4);
    struct evidence e = {.kind = EVIDENCE_ATTACK, .header = canonical, .common = 3};
    e.header.state_root[0] ^= 1;
    hash32 id;
    header_id(exec_sha256, &e.header, id);
    e.commit = sample_signed(&cell, 8, 5, id, 0x1f);
    begin(1000000);
    fake_exec_clear_events(&host);
    assert_int_equal(court_take(contract.self, &host, &e), COMMITTEE_OK);
    finish();
    assert_int_equal(events(COMMITTEE_EVENT_JAILED), 5);
    assert_int_equal(events(COMMITTEE_EVENT_ALARM), 3); /* two could go */
    pass(1);
    assert_int_equal(members(15), 4);
    /* The same time twice in the round of the chain's own commit: who signed both (validator 3 did not). */
    e.header = canonical;
    e.header.time++;
    header_id(exec_sha256, &e.header, id);
    e.commit = sample_signed(&cell, 8, 0, id, 0x38);
    struct guilty g;
    assert_int_equal(
        court_judge(contract.self, &host, &sample_crypto, &e, host.time, &g), COMMITTEE_OK);
    assert_int_equal(g.n, 1);
    e.commit = sample_signed(&cell, 8, 1, id, 0x3f);
    assert_int_equal(judge(&e), COMMITTEE_NOBODY);
    e.header = canonical;
    header_id(exec_sha256, &e.header, id);
    e.commit = sample_signed(&cell, 8, 0, id, 0x3f);
    assert_int_equal(judge(&e), COMMITTEE_NO_OFFENCE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_teardown(name, close_cell)
        T(in_force_two_blocks_on),
        T(each_refusal_has_its_name),
        T(bodies_of_orders),
        T(parameters_as_a_whole),
        T(convicted_jailed_and_gone),
        T(refused_by_name),
        T(expiry),
        T(marks_go_with_their_height),
        T(never_below_four),
        T(orders_and_convictions_merge),
        T(turns_of_the_past),
        T(cheap_questions_come_first),
        T(a_header_shown_to_a_client),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
