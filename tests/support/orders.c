#include "tests/support/orders.h"

#include "base/mem.h"
#include "ledger/committee/change.h"
#include "ledger/exec/hash.h"
#include "tests/support/signed_order.h"

#include <stdlib.h>

enum { VALID_US = 60000000 };

enum tx_verdict orders_submit(struct nodes *w, size_t i, enum exec_role role, uint16_t kind,
    struct span body, uint64_t sequence) {
    struct order *o = ws_alloc(sizeof(*o));
    o->sequence = sequence;
    o->expiry = w->now.its_us + VALID_US;
    o->role = role;
    o->kind = kind;
    o->body = body;
    struct buf b = {0};
    struct signer *authority = town_authority();
    signed_order_put(&b, w->cell_id, o, &authority, 1);
    signer_free(authority);
    enum tx_verdict v = nodes_submit(w, i, buf_span(&b));
    buf_free(&b);
    free(o);
    return v;
}

enum tx_verdict orders_change_set(
    struct nodes *w, size_t i, uint32_t out, uint32_t in, uint64_t sequence) {
    struct set_change *c = ws_alloc(sizeof(*c));
    struct buf body = {0};
    for (size_t k = 0; k < w->n_validators; k++) {
        if ((out >> k & 1U) != 0)
            memcpy(c->out[c->n_out++], w->who[k].address, sizeof(hash32));
        if ((in >> k & 1U) != 0)
            c->in[c->n_in++] = w->who[k];
    }
    set_change_prepare(exec_sha256, c);
    set_change_encode(c, &body);
    enum tx_verdict v =
        orders_submit(w, i, ROLE_COMMITTEE, COMMITTEE_ORDER_SET, buf_span(&body), sequence);
    buf_free(&body);
    free(c);
    return v;
}

enum tx_verdict orders_change_params(
    struct nodes *w, size_t i, const struct cell_params *params, uint64_t sequence) {
    struct buf body = {0};
    params_change_encode(params, &body);
    enum tx_verdict v =
        orders_submit(w, i, ROLE_COMMITTEE, COMMITTEE_ORDER_PARAMS, buf_span(&body), sequence);
    buf_free(&body);
    return v;
}
