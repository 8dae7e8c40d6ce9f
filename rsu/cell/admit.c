#include "rsu/cell/admit.h"

#include "ledger/light/fragment.h"
#include "mapsvc/fuse/notice.h"
#include "mapsvc/fuse/observation.h"
#include "v2x/psid.h"

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

enum admit_outcome admit_submit(struct node *n, const uint8_t cert_hash[static 32],
    struct span cert, struct span spdu, bool signature_good, struct ws_now now,
    uint64_t *certificates, struct ws_err *err) {
    struct buf b = {0};
    if (!node_has_cert(n, cert_hash)) {
        tx_put_certificate(&b, cert);
        if (node_submit(n, buf_span(&b), false, now, NULL) == TX_GOOD)
            ++*certificates;
        buf_clear(&b);
    }
    tx_put_message(&b, cert_hash, spdu);
    enum tx_verdict v = node_submit(n, buf_span(&b), signature_good, now, err);
    buf_free(&b);
    return outcome_of(v);
}

static struct span content_of(const struct pkt_message *m) {
    struct spdu s;
    size_t at = 0;
    uint16_t port = 0;
    if (spdu_parse(m->spdu, &s, &at) != COER_OK)
        return (struct span){0};
    return spdu_app_payload(&s, &port);
}

/* A neighbour's broadcast has the PSID of observations, and another first octet. */
static bool is_notice(const struct pkt_message *m) {
    if (m->psid != PSID_MAP_OBSERVATION)
        return false;
    struct span app = content_of(m);
    return app.n > 0 && (app.p[0] == NOTICE_VERSION || app.p[0] == FRAGMENT_ON_AIR);
}

void admit_judge(
    struct plausibility_tracks *t, struct pkt_message *m, struct plausibility_sample *ret_sample) {
    struct plausibility_sample s;
    struct observation o;
    plausibility_read(m, &s);
    if (m->psid == PSID_MAP_OBSERVATION && observation_read(content_of(m), &o, NULL) == WS_OK) {
        s.has_position = true;
        s.lat = o.lat;
        s.lon = o.lon;
        s.position_time_us = o.time;
        s.direct = false; /* it may have waited for coverage, far from where it was seen */
    }
    plausibility_judge(t, &s, &m->plausibility);
    if (ret_sample != NULL)
        *ret_sample = s;
}

enum admit_outcome admit_message(struct node *n, const struct pkt_message *m, struct ws_now now,
    struct admit_counters *counters) {
    enum admit_outcome o = ADMIT_BEACON;
    if (is_notice(m))
        o = ADMIT_NOTICE;
    else if (some_contract_takes(n, m->psid))
        o = admit_submit(
            n, m->cert_hash, m->cert, m->spdu, true, now, &counters->certificates, NULL);
    counters->outcome[o]++;
    return o;
}
