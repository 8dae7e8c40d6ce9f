#include "rsu/json/block.h"

#include "ledger/exec/hash.h"

json_t *json_header(const struct header *hd) {
    hash32 id;
    header_id(exec_sha256, hd, id);
    json_t *o = json_object();
    json_put(o, "id", json_hex(id, 32));
    json_put(o, "cell_id", json_hex(hd->cell_id, 32));
    json_put(o, "height", json_count(hd->height));
    json_put(o, "time", json_instant(hd->time));
    json_put(o, "time_its_us", json_count(hd->time));
    json_put(o, "previous", json_hex(hd->previous, 32));
    json_put(o, "last_commit", json_hex(hd->last_commit, 32));
    json_put(o, "tx_root", json_hex(hd->tx_root, 32));
    json_put(o, "tx_count", json_count(hd->tx_count));
    json_put(o, "state_root", json_hex(hd->state_root, 32));
    json_put(o, "result_root", json_hex(hd->result_root, 32));
    json_put(o, "event_root", json_hex(hd->event_root, 32));
    json_put(o, "validators", json_hex(hd->validators, 32));
    json_put(o, "next_validators", json_hex(hd->next_validators, 32));
    json_put(o, "params", json_hex(hd->params, 32));
    json_put(o, "proposer", json_hex(hd->proposer, 32));
    json_put(o, "extension", json_hex(hd->extension, 32));
    return o;
}

static json_t *text(const char *s) {
    return json_words(span_of(s, strlen(s)));
}

json_t *json_commit(const struct commit *c, const struct validator_set *set) {
    json_t *signers = json_array();
    uint64_t power = 0;
    for (size_t i = 0; i < c->n && i < set->n; i++) {
        if (!c->present[i])
            continue;
        json_t *s = json_object();
        json_put(s, "index", json_count(i));
        json_put(s, "address", json_hex(set->v[i].address, 32));
        json_put(s, "owner", text(set->v[i].owner));
        json_put(s, "mast", text(set->v[i].mast));
        json_put(s, "power", json_count(set->v[i].power));
        json_add(signers, s);
        power += set->v[i].power;
    }
    json_t *o = json_object();
    json_put(o, "round", json_integer(c->round));
    json_put(o, "id", json_hex(c->id, 32));
    json_put(o, "power", json_count(power));
    json_put(o, "total_power", json_count(set->total));
    json_put(o, "signers", signers);
    return o;
}

const char *json_tx_kind(enum tx_kind k) {
    switch (k) {
    case TX_MESSAGE:
        return "message";
    case TX_CERTIFICATE:
        return "certificate";
    case TX_ORDER:
        return "order";
    case TX_RECORD:
        return "record";
    case TX_EVIDENCE:
        return "evidence";
    }
    return "unknown";
}

static const char *role_name(enum exec_role r) {
    switch (r) {
    case ROLE_POLICY:
        return "policy";
    case ROLE_COMMITTEE:
        return "committee";
    case ROLE_MAP:
        return "map";
    case ROLE_IDENTITY:
        return "identity";
    }
    return "unknown";
}

json_t *json_tx(const struct tx *t) {
    json_t *o = json_object();
    json_put(o, "identity", json_hex(t->id, 32));
    json_put(o, "leaf", json_hex(t->leaf, 32));
    json_put(o, "kind", json_string(json_tx_kind(t->kind)));
    json_put(o, "octets", json_count(t->octets.n));
    if (t->kind == TX_ORDER) {
        json_put(o, "role", json_string(role_name(t->order.role)));
        json_put(o, "order_kind", json_count(t->order.kind));
        json_put(o, "sequence", json_count(t->order.sequence));
        json_put(o, "expiry", json_instant(t->order.expiry));
    }
    if (t->kind == TX_RECORD) {
        json_put(o, "record_kind", json_count(t->record.kind));
        json_put(o, "signer", json_hex(t->record.signer, 32));
    }
    if (t->kind == TX_EVIDENCE) {
        json_put(o, "evidence_kind", json_string(evidence_kind_text(t->evidence->kind)));
        json_put(o, "evidence_height", json_count(evidence_height(t->evidence)));
    }
    return o;
}

json_t *json_event_bundle(const struct event_bundle *p, const struct event *e) {
    json_t *o = json_object();
    json_put(o, "height", json_count(e->height));
    json_put(o, "sequence", json_count(e->sequence));
    json_put(o, "contract", json_count(e->contract));
    json_put(o, "type", json_count(e->type));
    json_put(o, "body", json_hex(e->body.p, e->body.n));
    json_put(o, "events_at_height", json_count(p->proof.total));
    json_put(o, "header", json_header(&p->header));
    return o;
}

json_t *json_state_bundle(const struct state_bundle *p) {
    json_t *o = json_object();
    json_put(o, "contract", json_count(p->contract.index));
    json_put(o, "key", json_hex(p->key.p, p->key.n));
    json_put(o, "present", json_boolean(p->present));
    json_put(o, "value", p->present ? json_hex(p->value.p, p->value.n) : json_null());
    /* The header commits to the state after the block before it. */
    json_put(o, "state_after", json_count(p->header.height - 1));
    json_put(o, "contract_root", json_hex(p->contract_root, 32));
    json_put(o, "header", json_header(&p->header));
    return o;
}
