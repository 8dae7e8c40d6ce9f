/* Orders and evidence as they reach the committee's contract: what is accepted has one form, and whatever it says leaves a set
 * that is one. */
#include "base/assert.h"
#include "ledger/committee/change.h"
#include "ledger/committee/court.h"
#include "ledger/exec/hash.h"
#include "tests/support/fake_exec.h"
#include "tests/support/light_samples.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_bodies(struct span s) {
    struct set_change c;
    struct cell_params p;
    struct buf again = {0};
    if (set_change_decode(exec_sha256, s, &c, NULL) == WS_OK) {
        set_change_encode(&c, &again);
        WS_ASSERT(span_equal(buf_span(&again), s));
        buf_clear(&again);
    }
    if (params_change_decode(s, &p, NULL) == WS_OK) {
        params_change_encode(&p, &again);
        WS_ASSERT(span_equal(buf_span(&again), s));
        struct cell_params founded = cell_params_default();
        if (params_change_check(&founded, &p) == COMMITTEE_OK)
            WS_ASSERT(cell_params_check(&p, NULL) == WS_OK);
    }
    buf_free(&again);
}

/* Signatures are taken for good: the more there is to judge. */
static void run_block(const struct contract *c, struct exec_host *h, struct header *hd,
    struct span s, unsigned what) {
    static const struct commit none = {0};
    struct evidence e;
    struct ws_err err;
    h->height++;
    h->time += 1000000;
    hd->height = h->height;
    hd->time = h->time;
    memcpy(hd->validators, committee_set_hash(c->self, h->height), 32);
    memcpy(hd->next_validators, committee_set_hash(c->self, h->height + 1), 32);
    committee_block(c->self, h, hd, &none);
    if (what == 0 && evidence_decode(exec_sha256, s, &e, &err) == WS_OK)
        (void)court_take(c->self, h, &e);
    const struct exec_order o = {.role = ROLE_COMMITTEE, .kind = (uint16_t)what, .body = s};
    if (what > 0 && c->ops->check_order(c->self, &o) == EXEC_OK)
        (void)c->ops->order(c->self, h, &o);
    c->ops->end_block(c->self, h);
    committee_block_end(c->self, h);
    struct validator_set now = *committee_coming_set(c->self);
    WS_ASSERT(now.n >= COMMITTEE_LEAST);
    WS_ASSERT(validator_set_prepare(exec_sha256, &now, NULL) == WS_OK);
    WS_ASSERT(cell_params_check(committee_coming_params(c->self), NULL) == WS_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct sample_cell cell; /* made once: keys are dear */
    if (cell.octets.n == 0)
        sample_cell_make(&cell, 6, NULL);
    try_bodies(span_of(data, size));
    struct exec_host h = {.time = cell.genesis.time};
    struct header hd = {0};
    struct contract c = committee_contract_new(&cell.genesis);
    memcpy(h.cell_id, cell.id, 32);
    memcpy(hd.cell_id, cell.id, 32);
    WS_ASSERT(c.ops->genesis(c.self, &h, span_of("", 0), NULL) == WS_OK);
    for (unsigned what = 0; what < 9; what++) /* each twice and more: also what was done already */
        run_block(&c, &h, &hd, span_of(data, size), what % 3);
    c.ops->free(c.self);
    fake_exec_free(&h);
    return 0;
}
