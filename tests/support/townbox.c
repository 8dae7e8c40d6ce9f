#include "tests/support/townbox.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/committee/committee.h"
#include "ledger/exec/hash.h"
#include "tests/support/signed_order.h"

#include <stdio.h>
#include <stdlib.h>

enum { SECOND = 1000000, STEP_US = 50000, ORDER_VALID_US = 60 * SECOND };

static void must(int rc, const struct ws_err *err) {
    if (rc != WS_OK)
        (void)fprintf(stderr, "townbox: %s\n", err->text);
    WS_ASSERT(rc == WS_OK);
}

static void on_committed(void *ctx, size_t validator, const struct block *block,
    const struct commit *c, const struct exec_outcome *o) {
    struct townbox *b = ctx;
    (void)validator;
    (void)c;
    b->highest = block->header.height;
    for (size_t i = 0; i < o->n_results; i++) {
        if (o->results[i].contract == EXECUTOR_COMMITTEE)
            b->committee_code = o->results[i].code;
    }
    if (b->plan.committed != NULL)
        b->plan.committed(b->plan.ctx, block, o);
}

static void on_taken(void *ctx, size_t validator, const struct tx *t) {
    struct townbox *b = ctx;
    if (b->plan.taken != NULL)
        b->plan.taken(b->plan.ctx, validator, t);
}

/* The seeds are in no order; a validator's place in the genesis set says which is its own. */
static void take_signers(struct townbox *b, const uint8_t (*seeds)[32]) {
    struct genesis *g = ws_alloc(sizeof(*g));
    struct ws_err err = {0};
    must(genesis_decode(exec_sha256, buf_span(&b->genesis), g, &err), &err);
    for (size_t k = 0; k < b->n; k++) {
        struct signer *s = signer_new(seeds[k]);
        WS_ASSERT(s != NULL);
        struct validator v = {.alg = KEY_ED25519};
        signer_public(s, v.key);
        validator_address(exec_sha256, &v);
        int i = validator_set_find(&g->validators, v.address);
        WS_ASSERT(i >= 0 && b->signer[i] == NULL);
        b->signer[i] = s;
    }
    free(g);
}

void townbox_open(struct townbox *b, const struct townbox_plan *plan) {
    WS_ASSERT(plan->n > 0 && plan->n <= TOWNBOX_MAX);
    memset(b, 0, sizeof(*b));
    b->plan = *plan;
    b->n = plan->n;
    uint8_t seeds[TOWNBOX_MAX][32];
    for (size_t i = 0; i < b->n; i++)
        memset(seeds[i], (int)(i + 1), sizeof(seeds[i]));
    town_build(&b->town, 1);
    town_genesis(&b->town, (const uint8_t(*)[32])seeds, b->n, &b->genesis);
    genesis_cell_id(exec_sha256, buf_span(&b->genesis), b->cell_id);
    take_signers(b, (const uint8_t(*)[32])seeds);
    struct onebox_config cfg = {.genesis = buf_span(&b->genesis),
        .map = &b->town.map,
        .n = b->n,
        .seeds = (const uint8_t(*)[32])seeds,
        .delay_us = plan->delay_us == 0 ? TOWNBOX_DELAY_US : plan->delay_us,
        .limits = plan->limits == NULL ? node_limits_default() : *plan->limits,
        .start = {.mono_us = plan->mono_us == 0 ? SECOND : plan->mono_us, .its_us = b->town.epoch},
        .committed = on_committed,
        .taken = on_taken,
        .ctx = b};
    struct ws_err err = {0};
    must(onebox_new(&cfg, &b->box, &err), &err);
}

void townbox_close(struct townbox *b) {
    onebox_free(b->box);
    for (size_t i = 0; i < b->n; i++)
        signer_free(b->signer[i]);
    town_free(&b->town);
    buf_free(&b->genesis);
}

void townbox_run(struct townbox *b, uint64_t us) {
    struct ws_err err = {0};
    must(onebox_run_until(b->box, onebox_now(b->box).mono_us + us, &err), &err);
}

void townbox_run_to(struct townbox *b, uint64_t height, uint64_t us) {
    uint64_t end = onebox_now(b->box).mono_us + us;
    while (b->highest < height) {
        WS_ASSERT(onebox_now(b->box).mono_us < end);
        townbox_run(b, STEP_US);
    }
}

void townbox_restart(struct townbox *b, size_t validator) {
    struct ws_err err = {0};
    must(onebox_restart(b->box, validator, &err), &err);
}

enum tx_verdict townbox_hand_in(
    struct townbox *b, size_t validator, size_t car, struct span spdu, bool signature_good) {
    struct buf tx = {0};
    struct node *n = onebox_node(b->box, validator);
    struct ws_now now = onebox_now(b->box);
    if (!node_has_cert(n, b->town.car_hash[car])) {
        tx_put_certificate(&tx, buf_span(&b->town.car_cert[car]));
        (void)node_submit(n, buf_span(&tx), false, now, NULL);
        buf_clear(&tx);
    }
    tx_put_message(&tx, b->town.car_hash[car], spdu);
    enum tx_verdict v = node_submit(n, buf_span(&tx), signature_good, now, NULL);
    buf_free(&tx);
    return v;
}

enum tx_verdict townbox_report(struct townbox *b, size_t validator, size_t car, int32_t value) {
    struct buf spdu = {0};
    town_report(&b->town, car, onebox_now(b->box).its_us, value, &spdu);
    enum tx_verdict v = townbox_hand_in(b, validator, car, buf_span(&spdu), false);
    buf_free(&spdu);
    return v;
}

enum tx_verdict townbox_order(struct townbox *b, size_t validator, enum exec_role role,
    uint16_t kind, struct span body, uint64_t sequence) {
    struct ws_now now = onebox_now(b->box);
    struct order o = {.sequence = sequence,
        .expiry = now.its_us + ORDER_VALID_US,
        .role = role,
        .kind = kind,
        .body = body};
    struct signer *authority = town_authority();
    struct buf tx = {0};
    signed_order_put(&tx, b->cell_id, &o, &authority, 1);
    struct ws_err err = {0};
    enum tx_verdict v =
        node_submit(onebox_node(b->box, validator), buf_span(&tx), false, now, &err);
    signer_free(authority);
    buf_free(&tx);
    return v;
}

const struct validator_set *townbox_set(struct townbox *b) {
    const void *committee = executor_committee(node_executor(onebox_node(b->box, 0)));
    return committee_set(committee, committee_next(committee));
}
