/* Transactions and blocks from outside: what is taken has one form, and judging it does not hurt. The first octet
 * says what follows: a transaction, a whole block or a compact one. */
#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/block.h"
#include "tests/support/exec_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct exec_rig *rig; /* made once; nothing that is fuzzed changes it */

static void try_tx(struct span s) {
    struct tx *t = NULL;
    struct ws_err err = {0};
    if (tx_parse(s, &t, &err) != WS_OK) {
        WS_ASSERT(err.text[0] != '\0');
        return;
    }
    struct buf b = {0};
    if (t->kind == TX_MESSAGE)
        tx_put_message(&b, t->cert_hash, t->spdu.all);
    else if (t->kind == TX_CERTIFICATE)
        tx_put_certificate(&b, t->cert.all);
    else
        tx_put_order(&b, &t->order);
    WS_ASSERT(span_equal(buf_span(&b), s));
    buf_free(&b);
    struct check *c = check_new(rig->ex, rig->town.epoch + 1);
    enum tx_verdict v = check_tx(c, t);
    WS_ASSERT(v != TX_GOOD || check_tx(c, t) != TX_GOOD); /* nothing goes into a block twice */
    check_free(c);
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
