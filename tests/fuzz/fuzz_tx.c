/* Transactions and blocks from outside: what is taken has one form, and judging it does not hurt. The first octet
 * says what follows: a transaction, a whole block or a compact one. */
#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/block.h"
#include "tests/support/exec_rig.h"
#include "tests/support/signed_order.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct exec_rig *rig; /* made once; nothing that is fuzzed changes it */

/* Orders go on where their signatures would have ended them: those named sign again, or all who may (tests/support/exec_rig.h). */
static void try_signed(const struct order *unsigned_order) {
    static const unsigned all[] = {[ROLE_POLICY] = 7, [ROLE_MAP] = 3, [ROLE_IDENTITY] = 1};
    struct order *o = ws_memdup(unsigned_order, sizeof(*o));
    unsigned who = 0;
    for (size_t i = 0; i < o->n_sigs; i++)
        who |= o->sigs[i].authority < RIG_AUTHORITIES ? 1U << o->sigs[i].authority : 0;
    o->n_sigs = 0;
    struct buf b = {0};
    signed_order_put(
        &b, executor_cell_id(rig->ex), o, rig->authority, who == 0 ? all[o->role] : who);
    struct tx *t = NULL;
    int rc = tx_parse(buf_span(&b), &t, NULL);
    WS_ASSERT(rc == WS_OK);
    struct check *c = check_new(rig->ex, rig->town.epoch + 1);
    enum tx_verdict v = check_tx(c, t);
    WS_ASSERT(who != 0 || o->role == ROLE_COMMITTEE || v != TX_ORDER_QUORUM);
    WS_ASSERT(v != TX_GOOD || check_tx(c, t) != TX_GOOD);
    check_free(c);
    tx_unref(t);
    buf_free(&b);
    free(o);
}

static void put_again(const struct tx *t, struct buf *b) {
    switch (t->kind) {
    case TX_MESSAGE:
        tx_put_message(b, t->cert_hash, t->spdu.all);
        return;
    case TX_CERTIFICATE:
        tx_put_certificate(b, t->cert.all);
        return;
    case TX_ORDER:
        tx_put_order(b, &t->order);
        return;
    case TX_RECORD:
        tx_put_record(b, &t->record);
        return;
    case TX_EVIDENCE:
        tx_put_evidence(b, t->evidence);
        return;
    }
}

static void try_tx(struct span s) {
    struct tx *t = NULL;
    struct ws_err err = {0};
    if (tx_parse(s, &t, &err) != WS_OK) {
        WS_ASSERT(err.text[0] != '\0');
        return;
    }
    struct buf b = {0};
    put_again(t, &b);
    WS_ASSERT(span_equal(buf_span(&b), s));
    buf_free(&b);
    struct check *c = check_new(rig->ex, rig->town.epoch + 1);
    enum tx_verdict v = check_tx(c, t);
    WS_ASSERT(v != TX_GOOD || check_tx(c, t) != TX_GOOD); /* nothing goes into a block twice */
    check_free(c);
    if (t->kind == TX_ORDER)
        try_signed(&t->order);
    tx_unref(t);
}

static void try_block(struct span s, bool compact) {
    struct cell_params p = cell_params_default();
    struct block *b = NULL;
    int rc = (compact ? block_decode_compact : block_decode)(s, &p, &b, NULL);
    if (rc != WS_OK)
        return;
    struct buf again = {0};
    (compact ? block_encode_compact : block_encode)(b, &again);
    WS_ASSERT(span_equal(buf_span(&again), s));
    if (!compact) {
        struct block *c = NULL;
        buf_clear(&again);
        block_encode_compact(b, &again);
        rc = block_decode_compact(buf_span(&again), &p, &c, NULL);
        WS_ASSERT(rc == WS_OK);
        WS_ASSERT(memcmp(b->id, c->id, 32) == 0);
        block_free(c);
    }
    buf_free(&again);
    block_free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (rig == NULL) {
        rig = ws_alloc(sizeof(*rig));
        exec_rig_open(rig, NULL);
        struct tx *cert = rig_cert(rig, 0);
        rig_run(rig, rig->town.epoch, &cert, 1);
        tx_unref(cert);
    }
    if (size == 0)
        return 0;
    struct span rest = span_of(data + 1, size - 1);
    if (data[0] % 3 == 0)
        try_tx(rest);
    else
        try_block(rest, data[0] % 3 == 2);
    return 0;
}
