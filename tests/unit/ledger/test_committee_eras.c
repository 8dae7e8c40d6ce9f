/* What the committee's contract remembers of its past: as much as anything is asked about, the same after a restart, and bounded
 * whatever its authorities order. */
#include "tests/support/cm.h"
#include "tests/support/fake_exec.h"
#include "tests/support/light_samples.h"

#include "ledger/committee/change.h"
#include "ledger/committee/court.h"
#include "ledger/committee/handovers.h"
#include "ledger/exec/hash.h"

#include <stdio.h>

struct chain {
    struct sample_cell cell;
    struct exec_host host;
    struct contract contract;
    struct header last, running;
};

/* Evidence of a few heights only, so that it is the least that is kept which counts. */
static struct chain *found(void) {
    struct chain *c = ws_alloc(sizeof(*c));
    sample_cell_make(&c->cell, 5, NULL);
    c->cell.genesis.params.evidence_heights = 16;
    c->cell.genesis.params.evidence_us = 1000000;
    c->contract = committee_contract_new(&c->cell.genesis);
    memcpy(c->host.cell_id, c->cell.id, 32);
    c->host.time = c->cell.genesis.time;
    assert_int_equal(
        c->contract.ops->genesis(c->contract.self, &c->host, span_of("", 0), NULL), WS_OK);
    return c;
}

static void end(struct chain *c) {
    c->contract.ops->free(c->contract.self);
    fake_exec_free(&c->host);
    sample_cell_free(&c->cell);
    free(c);
}

static void begin(struct chain *c) {
    struct commit commit = {0};
    struct header *hd = &c->running;
    memset(hd, 0, sizeof(*hd));
    memcpy(hd->cell_id, c->cell.id, 32);
    hd->height = ++c->host.height;
    hd->time = c->host.time += 1000000;
    memcpy(hd->validators, committee_set_hash(c->contract.self, hd->height), 32);
    memcpy(hd->next_validators, committee_set_hash(c->contract.self, hd->height + 1), 32);
    if (hd->height > 1) {
        header_id(exec_sha256, &c->last, hd->previous);
        memcpy(commit.id, hd->previous, 32);
        commit.height = c->last.height;
        commit.n = committee_set(c->contract.self, c->last.height)->n;
        memset(commit.present, true, sizeof(commit.present));
    }
    committee_block(c->contract.self, &c->host, hd, &commit);
}

static void finish(struct chain *c) {
    c->contract.ops->end_block(c->contract.self, &c->host);
    committee_block_end(c->contract.self, &c->host);
    fake_exec_clear_events(&c->host);
    c->last = c->running;
}

static exec_code order(struct chain *c, uint16_t kind, struct buf *body) {
    const struct exec_order o = {.role = ROLE_COMMITTEE, .kind = kind, .body = buf_span(body)};
    exec_code code = c->contract.ops->check_order(c->contract.self, &o);
    if (code == EXEC_OK)
        code = c->contract.ops->order(c->contract.self, &c->host, &o);
    buf_free(body);
    return code;
}

/* The newcomer's power says which set it is. */
static exec_code join(struct chain *c, uint64_t power) {
    struct set_change change = {.n_in = 1};
    struct validator *v = &change.in[0];
    struct buf b = {0};
    *v = (struct validator){.alg = KEY_ED25519, .power = power};
    memset(v->key, 0x77, KEY_OCTETS);
    memset(v->curve_key, 0x78, KEY_OCTETS);
    (void)snprintf(v->owner, sizeof(v->owner), "agency");
    (void)snprintf(v->mast, sizeof(v->mast), "mast");
    set_change_prepare(exec_sha256, &change);
    set_change_encode(&change, &b);
    return order(c, COMMITTEE_ORDER_SET, &b);
}

static exec_code leave(struct chain *c) {
    struct set_change change = {.n_out = 1};
    struct validator v = {.alg = KEY_ED25519};
    struct buf b = {0};
    memset(v.key, 0x77, KEY_OCTETS);
    validator_address(exec_sha256, &v);
    memcpy(change.out[0], v.address, 32);
    set_change_encode(&change, &b);
    return order(c, COMMITTEE_ORDER_SET, &b);
}

static exec_code set_interval(struct chain *c, uint64_t us) {
    struct cell_params p = c->cell.genesis.params;
    struct buf b = {0};
    p.block_interval_us = us;
    params_change_encode(&p, &b);
    return order(c, COMMITTEE_ORDER_PARAMS, &b);
}

/* Blocks up to a height, each `every`th with a change of both kinds. */
static void pass(struct chain *c, uint64_t to, uint64_t every) {
    while (c->host.height < to) {
        begin(c);
        if (c->host.height % every == 0) {
            uint64_t n = c->host.height / every;
            assert_int_equal(join(c, 1 + n % 7), COMMITTEE_OK);
            assert_int_equal(set_interval(c, 1000000 + n % 7), COMMITTEE_OK);
        }
        finish(c);
    }
}

/* Another contract on a copy of the state: what a restart, or a unit that began with a snapshot, has. */
static struct chain *restart(const struct chain *c) {
    struct chain *again = ws_alloc(sizeof(*again));
    sample_cell_make(&again->cell, 5, NULL);
    again->cell.genesis.params = c->cell.genesis.params;
    again->host = fake_exec_copy(&c->host);
    again->host.height = c->host.height;
    again->host.time = c->host.time;
    memcpy(again->host.cell_id, c->host.cell_id, 32);
    again->last = c->last;
    again->contract = committee_contract_new(&again->cell.genesis);
    again->host.writes = 0;
    assert_int_equal(again->contract.ops->load(again->contract.self, &again->host, NULL), WS_OK);
    assert_int_equal(again->host.writes, 0);
    return again;
}

static void assert_same(const struct chain *a, const struct chain *b) {
    uint8_t x[32];
    uint8_t y[32];
    fake_exec_digest(&a->host, x);
    fake_exec_digest(&b->host, y);
    assert_memory_equal(x, y, 32);
    assert_int_equal(committee_set_eras(a->contract.self), committee_set_eras(b->contract.self));
    assert_int_equal(
        committee_params_eras(a->contract.self), committee_params_eras(b->contract.self));
    for (uint64_t h = 1; h <= a->host.height + 2; h += 7) {
        const uint8_t *p = committee_set_hash(a->contract.self, h);
        const uint8_t *q = committee_set_hash(b->contract.self, h);
        assert_true((p == NULL) == (q == NULL));
        if (p != NULL)
            assert_memory_equal(p, q, 32);
        assert_int_equal(committee_params(a->contract.self, h)->block_interval_us,
            committee_params(b->contract.self, h)->block_interval_us);
    }
}

enum { EVERY = 33, KEPT = COMMITTEE_KEEP_HEIGHTS };

static void eras_end(void **state) {
    (void)state;
    struct chain *c = found();
    pass(c, KEPT, EVERY);
    assert_int_equal(committee_set_eras(c->contract.self), 1 + KEPT / EVERY);
    assert_non_null(committee_set(c->contract.self, 1));
    for (uint64_t to = KEPT + 1000; to < 2 * KEPT; to += 2117) {
        pass(c, to, EVERY);
        uint64_t oldest = c->host.height + 1 - KEPT;
        assert_non_null(committee_set(c->contract.self, oldest));
        assert_null(committee_set(c->contract.self, oldest - EVERY));
        assert_in_range(committee_set_eras(c->contract.self), KEPT / EVERY, KEPT / EVERY + 2);
        assert_int_equal(fake_exec_count(&c->host, 'p'), committee_params_eras(c->contract.self));
        assert_in_range(fake_exec_count(&c->host, 'q'), 1, 5);
        assert_in_range(fake_exec_count(&c->host, 'b'), 1, 20);
        /* A restart has the same, and goes on the same way. */
        struct chain *again = restart(c);
        assert_same(c, again);
        pass(again, to + 100, EVERY);
        pass(c, to + 100, EVERY);
        assert_same(c, again);
        end(again);
    }
    end(c);
}

/* Sets stay in the state for those who look at old headers, as long as a handover leads to them. */
static void sets_in_state_go_with_their_handovers(void **state) {
    (void)state;
    struct chain *c = found();
    pass(c, (uint64_t)EVERY * (HANDOVERS_KEPT - 1), EVERY);
    assert_int_equal(fake_exec_count(&c->host, 's'), HANDOVERS_KEPT);
    pass(c, (uint64_t)EVERY * (HANDOVERS_KEPT + 40), EVERY);
    pass(c, c->host.height + 5, 1000000);
    assert_int_equal(fake_exec_count(&c->host, 'h'), HANDOVERS_KEPT);
    /* The set before the first kept handover is not told any more, but for the one it leads to and those after it. */
    assert_int_equal(fake_exec_count(&c->host, 's'), HANDOVERS_KEPT);
    struct span count;
    struct span first;
    uint8_t key[9];
    assert_true(exec_get(&c->host, span_of(HANDOVERS_KEY_COUNT, 1), &count));
    assert_true(exec_get(&c->host, handovers_key(key, be64(count.p)), &first));
    uint8_t set[9] = {'s'};
    struct span v;
    put_be64(set + 1, handover_height(first) + 1);
    assert_true(exec_get(&c->host, span_of(set, 9), &v));
    struct chain *again = restart(c);
    assert_same(c, again);
    end(again);
    end(c);
}

static void changes_are_bounded(void **state) {
    (void)state;
    struct chain *c = found();
    for (uint64_t n = 1; n < COMMITTEE_ERAS_MAX; n++) {
        begin(c);
        assert_int_equal(join(c, 1 + n % 7), COMMITTEE_OK);
        assert_int_equal(set_interval(c, 1000000 + n % 7), COMMITTEE_OK);
        finish(c);
    }
    begin(c);
    uint64_t writes = c->host.writes;
    assert_int_equal(join(c, 9), COMMITTEE_TOO_OFTEN);
    assert_int_equal(set_interval(c, 2000000), COMMITTEE_TOO_OFTEN);
    assert_int_equal(c->host.writes, writes);
    assert_string_equal(c->contract.ops->code_name(COMMITTEE_TOO_OFTEN), "too_often");
    finish(c);
    assert_int_equal(committee_set_eras(c->contract.self), COMMITTEE_ERAS_MAX);
    /* Later there is room again. */
    pass(c, KEPT + 10, 1000000);
    begin(c);
    assert_int_equal(join(c, 9), COMMITTEE_OK);
    assert_int_equal(join(c, 8), COMMITTEE_OK);
    assert_int_equal(set_interval(c, 2000000), COMMITTEE_OK);
    finish(c);
    end(c);
}

static void who_comes_and_goes_in_one_block_is_no_change(void **state) {
    (void)state;
    struct chain *c = found();
    pass(c, 5, 1000000);
    begin(c);
    assert_int_equal(join(c, 9), COMMITTEE_OK);
    assert_int_equal(leave(c), COMMITTEE_OK);
    c->contract.ops->end_block(c->contract.self, &c->host);
    for (size_t i = 0; i < c->host.n_events; i++)
        assert_int_not_equal(c->host.events[i].type, COMMITTEE_EVENT_SET);
    committee_block_end(c->contract.self, &c->host);
    c->last = c->running;
    assert_int_equal(committee_set_eras(c->contract.self), 1);
    assert_int_equal(fake_exec_count(&c->host, 's'), 1);
    pass(c, 10, 1000000);
    assert_int_equal(fake_exec_count(&c->host, 'h'), 0);
    end(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eras_end),
        cmocka_unit_test(sets_in_state_go_with_their_handovers),
        cmocka_unit_test(changes_are_bounded),
        cmocka_unit_test(who_comes_and_goes_in_one_block_is_no_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
