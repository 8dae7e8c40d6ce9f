#include "tests/support/signed_order.h"

void signed_order_put(struct buf *ret_tx, const hash32 cell_id, struct order *o,
    struct signer *const *authority, unsigned who) {
    struct buf b = {0};
    order_sign_bytes(cell_id, o, &b);
    for (unsigned i = 0; who >> i != 0; i++) {
        if ((who >> i & 1U) == 0)
            continue;
        o->sigs[o->n_sigs].authority = (uint8_t)i;
        signer_sign(authority[i], buf_span(&b), o->sigs[o->n_sigs++].sig);
    }
    buf_free(&b);
    tx_put_order(ret_tx, o);
}
