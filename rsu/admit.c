#include "rsu/admit.h"

const char *admit_outcome_name(enum admit_outcome o) {
    static const char *const names[] = {
#define X(id, name, text) name,
        ADMIT_OUTCOMES(X)
#undef X
    };
    return names[o];
}

static bool some_contract_takes(struct node *n, uint64_t psid) {
    const struct executor *ex = node_executor(n);
    for (size_t i = 0; i < executor_contracts(ex); i++) {
        const struct contract_ops *ops = executor_contract(ex, i)->ops;
        if (ops->takes_psid != NULL && ops->takes_psid(psid))
            return true;
    }
    return false;
}

static enum admit_outcome outcome_of(enum tx_verdict v) {
    if (v == TX_GOOD)
        return ADMIT_TAKEN;
    if (v == TX_DUPLICATE)
        return ADMIT_KNOWN;
    return v == TX_TOO_LARGE ? ADMIT_FULL : ADMIT_REFUSED;
}

static enum admit_outcome submit(struct node *n, const struct pkt_message *m, struct ws_now now,
    struct admit_counters *counters) {
    struct buf b = {0};
    if (!node_has_cert(n, m->cert_hash)) {
        tx_put_certificate(&b, m->cert);
        if (node_submit(n, buf_span(&b), false, now, NULL) == TX_GOOD)
            counters->certificates++;
        buf_clear(&b);
    }
    tx_put_message(&b, m->cert_hash, m->spdu);
    enum tx_verdict v = node_submit(n, buf_span(&b), true, now, NULL);
    buf_free(&b);
    return outcome_of(v);
}

enum admit_outcome admit_message(struct node *n, const struct pkt_message *m, struct ws_now now,
    struct admit_counters *counters) {
    enum admit_outcome o =
        some_contract_takes(n, m->psid) ? submit(n, m, now, counters) : ADMIT_BEACON;
    counters->outcome[o]++;
    return o;
}
