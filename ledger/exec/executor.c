#include "ledger/exec/executor_internal.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/crypto.h"
#include "ledger/exec/hash.h"

#include <stdlib.h>

enum { HINT_AHEAD = 8, TRUST_ISSUERS_MAX = 256 };

static int load_trust(struct executor *ex, struct ws_err *err) {
    ex->trust = trust_store_new(TRUST_ISSUERS_MAX);
    for (size_t i = 0; i < ex->genesis.n_roots; i++) {
        struct cert c;
        size_t at = 0;
        if (cert_parse(ex->genesis.roots[i], &c, &at) != COER_OK)
            return ws_fail(
                err, WS_EINPUT, "genesis: trust certificate %zu is malformed at octet %zu", i, at);
        if (c.issuer_kind == ISSUER_SELF) {
            if (trust_add_root(ex->trust, ex->genesis.roots[i], err) != WS_OK)
                return ws_fail_in(err, "genesis: trust certificate %zu", i);
            continue;
        }
        enum trust_verdict v = trust_add_issuer(ex->trust, ex->genesis.roots[i]);
        if (v != TRUST_OK)
            return ws_fail(
                err, WS_EINPUT, "genesis: trust certificate %zu: %s", i, trust_verdict_text(v));
    }
    return WS_OK;
}

int executor_new(struct span genesis_octets, const struct contract *contracts, size_t n,
    const struct exec_policy_source *policy, struct executor **ret_executor, struct ws_err *err) {
    WS_ASSERT(n + EXECUTOR_OWN <= STATE_CONTRACTS_MAX);
    struct executor *ex = ws_alloc(sizeof(*ex));
    ex->n = n + EXECUTOR_OWN;
    for (size_t i = 0; i < n; i++)
        ex->contract[EXECUTOR_OWN + i] = contracts[i];
    for (size_t i = 0; i < n; i++)
        WS_ASSERT(contracts[i].ops->record_heights == NULL ||
                  contracts[i].ops->record_heights(contracts[i].self) <= COMMITTEE_KEEP_HEIGHTS);
    ex->policy = *policy;
    buf_put(&ex->genesis_octets, genesis_octets.p, genesis_octets.n);
    int rc = genesis_decode(exec_sha256, buf_span(&ex->genesis_octets), &ex->genesis, err);
    if (rc == WS_OK)
        rc = load_trust(ex, err);
    if (rc != WS_OK) {
        executor_free(ex);
        return rc;
    }
    genesis_cell_id(exec_sha256, buf_span(&ex->genesis_octets), ex->cell_id);
    ex->contract[EXECUTOR_IDENTITY] = identity_contract_new(&ex->genesis.params, ex->trust);
    ex->contract[EXECUTOR_COMMITTEE] = committee_contract_new(&ex->genesis);
    size_t base = 0;
    for (size_t i = 0; i < ex->n; i++) {
        ex->field_base[i] = base;
        base += ex->contract[i].ops->n_fields;
    }
    ex->state = state_new(ex->n);
    *ret_executor = ex;
    return WS_OK;
}

static void drop_events(struct executor *ex) {
    for (size_t i = 0; i < ex->n_events; i++)
        free((void *)ex->events[i].body.p);
    free(ex->events);
    ex->events = NULL;
    ex->n_events = 0;
    ex->cap_events = 0;
}

void executor_free(struct executor *ex) {
    if (ex == NULL)
        return;
    for (size_t i = 0; i < ex->n; i++) {
        if (ex->contract[i].ops != NULL)
            ex->contract[i].ops->free(ex->contract[i].self);
    }
    drop_events(ex);
    state_free(ex->state);
    trust_store_free(ex->trust);
    buf_free(&ex->genesis_octets);
    free(ex);
}

/* ---- views ---- */

const struct genesis *executor_genesis_of(const struct executor *ex) {
    return &ex->genesis;
}

const void *executor_committee(const struct executor *ex) {
    return ex->contract[EXECUTOR_COMMITTEE].self;
}

const struct cell_params *executor_params(const struct executor *ex) {
    return committee_params(executor_committee(ex), ex->height + 1);
}

const uint8_t *executor_cell_id(const struct executor *ex) {
    return ex->cell_id;
}

const struct trust_store *executor_trust(const struct executor *ex) {
    return ex->trust;
}

size_t executor_contracts(const struct executor *ex) {
    return ex->n;
}

const struct contract *executor_contract(const struct executor *ex, size_t i) {
    WS_ASSERT(i < ex->n);
    return &ex->contract[i];
}

int executor_contract_index(const struct executor *ex, const char *name) {
    for (size_t i = 0; i < ex->n; i++) {
        if (strcmp(ex->contract[i].ops->name, name) == 0)
            return (int)i;
    }
    return -1;
}

struct state *executor_state(struct executor *ex) {
    return ex->state;
}

uint64_t executor_height(const struct executor *ex) {
    return ex->height;
}

int executor_for_psid(const struct executor *ex, uint64_t psid) {
    for (size_t i = 0; i < ex->n; i++) {
        const struct contract_ops *ops = ex->contract[i].ops;
        if (ops->takes_psid != NULL && ops->takes_psid(psid))
            return (int)i;
    }
    return -1;
}

int executor_for_order(const struct executor *ex, enum exec_role role, uint16_t kind) {
    for (size_t i = 0; i < ex->n; i++) {
        const struct contract_ops *ops = ex->contract[i].ops;
        if (ops->takes_order != NULL && ops->takes_order(role, kind))
            return (int)i;
    }
    return -1;
}

const char *executor_code_name(const struct executor *ex, struct tx_result r) {
    return r.contract < ex->n ? ex->contract[r.contract].ops->code_name(r.code) : "unknown";
}

/* ---- what contracts call ---- */

uint64_t exec_height(const struct exec_host *h) {
    return h->ex->run_height;
}

uint64_t exec_block_time(const struct exec_host *h) {
    return h->ex->run_time;
}

const uint8_t *exec_cell_id(const struct exec_host *h) {
    return h->ex->cell_id;
}

bool exec_get(struct exec_host *h, struct span key, struct span *ret_value) {
    return state_get(h->ex->state, h->contract, key, ret_value);
}

void exec_put(struct exec_host *h, struct span key, struct span value) {
    WS_ASSERT(key.n >= 1 && key.n <= EXEC_KEY_MAX);
    WS_ASSERT(value.n <= EXEC_VALUE_MAX);
    state_put(h->ex->state, h->contract, key, value);
}

void exec_del(struct exec_host *h, struct span key) {
    state_del(h->ex->state, h->contract, key);
}

bool exec_next(struct exec_host *h, struct span prefix, struct span after, struct span *ret_key,
    struct span *ret_value) {
    return state_next(h->ex->state, h->contract, prefix, after, ret_key, ret_value);
}

void exec_event(struct exec_host *h, uint16_t type, struct span body) {
    struct executor *ex = h->ex;
    WS_ASSERT(body.n <= EXEC_EVENT_MAX);
    if (ex->n_events == ex->cap_events) {
        ex->cap_events = ex->cap_events == 0 ? 16 : ex->cap_events * 2;
        ex->events = ws_realloc(ex->events, ex->cap_events * sizeof(*ex->events));
    }
    ex->events[ex->n_events] = (struct event){.contract = (uint8_t)h->contract,
        .type = type,
        .height = ex->run_height,
        .sequence = (uint32_t)ex->n_events,
        .body = span_of(ws_memdup(body.p, body.n), body.n)};
    ex->n_events++;
}

int64_t exec_policy(const struct exec_host *h, size_t index) {
    const struct executor *ex = h->ex;
    size_t n = 0;
    const int64_t *values = ex->policy.values(ex->policy.self, &n);
    size_t at = ex->field_base[h->contract] + index;
    WS_ASSERT(index < ex->contract[h->contract].ops->n_fields);
    WS_ASSERT(at < n);
    return values[at];
}

const uint8_t *exec_policy_hash(const struct exec_host *h) {
    return h->ex->policy.hash(h->ex->policy.self);
}

void executor_set_beacon(struct executor *ex, const struct exec_beacon_source *source) {
    ex->beacon = *source;
}

enum beacon_answer exec_beacon(
    const struct exec_host *h, uint64_t height, uint8_t ret_value[static 32]) {
    const struct exec_beacon_source *b = &h->ex->beacon;
    return b->self != NULL ? b->value(b->self, height, ret_value) : BEACON_NEVER;
}

uint64_t exec_beacon_height(const struct exec_host *h, uint64_t height) {
    const struct exec_beacon_source *b = &h->ex->beacon;
    return b->self != NULL ? b->height(b->self, height) : height;
}

/* ---- starting ---- */

/* What the parameters of the next block change for the contracts that the executor made. */
static void at_height(struct executor *ex, uint64_t height) {
    ex->height = height;
    identity_set_params(ex->contract[EXECUTOR_IDENTITY].self, executor_params(ex));
}

int executor_init(struct executor *ex, const struct span *sections, struct ws_err *err) {
    ex->run_height = 0;
    ex->run_time = ex->genesis.time;
    for (size_t i = 0; i < ex->n; i++) {
        struct exec_host h = {ex, i};
        struct span section = i < EXECUTOR_OWN ? span_of("", 0) : sections[i - EXECUTOR_OWN];
        if (ex->contract[i].ops->genesis(ex->contract[i].self, &h, section, err) != WS_OK)
            return ws_fail_in(err, "genesis of contract %s", ex->contract[i].ops->name);
    }
    drop_events(ex); /* height 0 has no header that could commit to events */
    at_height(ex, 0);
    state_mark(ex->state);
    return WS_OK;
}

void executor_restore(struct executor *ex, size_t contract, struct span key, struct span value) {
    if (contract < ex->n)
        state_restore(ex->state, contract, key, value);
}

int executor_resume(struct executor *ex, uint64_t height, struct ws_err *err) {
    state_changes_clear(ex->state); /* what was restored is in the store already */
    ex->run_height = height;
    for (size_t i = 0; i < ex->n; i++) {
        struct exec_host h = {ex, i};
        if (ex->contract[i].ops->load(ex->contract[i].self, &h, err) != WS_OK)
            return ws_fail_in(err, "state of contract %s", ex->contract[i].ops->name);
    }
    at_height(ex, height);
    state_mark(ex->state);
    return WS_OK;
}

/* ---- running ---- */

void executor_record(
    const struct executor *ex, const struct tx *t, uint32_t index, struct exec_record *ret) {
    const struct validator_set *set = committee_set(executor_committee(ex), ex->height + 1);
    *ret = (struct exec_record){.index = index,
        .kind = t->record.kind,
        .validator = validator_set_find(set, t->record.signer),
        .body = t->record.body};
    memcpy(ret->signer, t->record.signer, 32);
    memcpy(ret->leaf, t->leaf, 32);
}

static struct tx_result run_message(struct executor *ex, const struct tx *t, uint32_t index) {
    struct tx_result r = {EXECUTOR_IDENTITY, IDENTITY_UNTRUSTED};
    void *identity = ex->contract[EXECUTOR_IDENTITY].self;
    const struct identity_cert *signer = identity_find(identity, t->cert_hash);
    int to = executor_for_psid(ex, t->spdu.psid);
    if (signer == NULL || to < 0)
        return r; /* a valid block has none of these; the answer is the same everywhere all the same */
    r.code = identity_add_message(identity, t->id, t->spdu.generation_time);
    if (r.code != IDENTITY_OK)
        return r;
    struct exec_message m = {
        .index = index,
        .psid = t->spdu.psid,
        .payload = spdu_app_payload(&t->spdu, &(uint16_t){0}),
        .permissions = (uint32_t)signer->cert.n_app,
        .valid_from_s = signer->cert.valid_from_s,
        .valid_until_s = signer->cert.valid_until_s,
        .generation_time = t->spdu.generation_time,
        .has_location = t->spdu.has_location,
        .lat = t->spdu.lat,
        .lon = t->spdu.lon,
    };
    memcpy(m.id, t->id, 32);
    memcpy(m.leaf, t->leaf, 32);
    memcpy(m.signer, signer->hash, 32);
    memcpy(m.issuer, signer->issuer, 32);
    bool bitmap = false;
    (void)cert_app_permission(&signer->cert, m.psid, &m.ssp, &bitmap);
    struct exec_host h = {ex, (size_t)to};
    r.contract = (uint8_t)to;
    r.code = ex->contract[to].ops->message(ex->contract[to].self, &h, &m);
    return r;
}

static struct tx_result run_order(struct executor *ex, const struct tx *t, uint32_t index) {
    struct tx_result r = {EXECUTOR_IDENTITY, IDENTITY_UNTRUSTED};
    int to = executor_for_order(ex, t->order.role, t->order.kind);
    if (to < 0)
        return r;
    struct exec_host own = {ex, EXECUTOR_IDENTITY};
    identity_set_sequence(&own, t->order.role, t->order.sequence);
    struct exec_order o = {
        .index = index, .role = t->order.role, .kind = t->order.kind, .body = t->order.body};
    memcpy(o.id, t->id, 32);
    memcpy(o.leaf, t->leaf, 32);
    struct exec_host h = {ex, (size_t)to};
    r.contract = (uint8_t)to;
    r.code = ex->contract[to].ops->order(ex->contract[to].self, &h, &o);
    return r;
}

static struct tx_result run_record(struct executor *ex, const struct tx *t, uint32_t index) {
    struct tx_result r = {EXECUTOR_IDENTITY, IDENTITY_UNTRUSTED};
    const struct record *k = &t->record;
    if (k->contract >= ex->n || ex->contract[k->contract].ops->record == NULL)
        return r;
    struct exec_record m;
    executor_record(ex, t, index, &m);
    struct exec_host h = {ex, k->contract};
    r.contract = k->contract;
    r.code = ex->contract[k->contract].ops->record(ex->contract[k->contract].self, &h, &m);
    return r;
}

static struct tx_result run_tx(struct executor *ex, const struct tx *t, uint32_t index) {
    if (t->kind == TX_MESSAGE)
        return run_message(ex, t, index);
    if (t->kind == TX_ORDER)
        return run_order(ex, t, index);
    if (t->kind == TX_RECORD)
        return run_record(ex, t, index);
    if (t->kind == TX_EVIDENCE) {
        struct exec_host court = {ex, EXECUTOR_COMMITTEE};
        void *committee = ex->contract[EXECUTOR_COMMITTEE].self;
        return (struct tx_result){EXECUTOR_COMMITTEE, court_take(committee, &court, t->evidence)};
    }
    struct exec_host own = {ex, EXECUTOR_IDENTITY};
    void *identity = ex->contract[EXECUTOR_IDENTITY].self;
    return (struct tx_result){
        EXECUTOR_IDENTITY, identity_add_cert(identity, &own, t->cert.all, t->checked)};
}

/* Leaves of all results: the list tree's prefix, then version, index, contract and code. */
static void result_leaves(const struct tx_result *r, size_t n, hash32 *ret_leaves) {
    enum { OCTETS = 9, TOGETHER = 64 };
    uint8_t octets[TOGETHER][OCTETS];
    struct span data[TOGETHER];
    for (size_t done = 0; done < n;) {
        size_t k = 0;
        for (; k < TOGETHER && done + k < n; k++) {
            octets[k][0] = 0;
            octets[k][1] = LEDGER_VERSION;
            put_be32(octets[k] + 2, (uint32_t)(done + k));
            octets[k][6] = r[done + k].contract;
            put_be16(octets[k] + 7, r[done + k].code);
            data[k] = span_of(octets[k], OCTETS);
        }
        exec_sha256_many(data, k, ret_leaves + done);
        done += k;
    }
}

static void event_leaf(const struct event *e, hash32 ret_leaf) {
    struct buf b = {0};
    event_encode(e, &b);
    list_leaf(exec_sha256, buf_span(&b), ret_leaf);
    buf_free(&b);
}

static void fill_roots(struct executor *ex, struct exec_outcome *o) {
    size_t most = o->n_results > o->n_events ? o->n_results : o->n_events;
    hash32 *leaves = ws_calloc(most, sizeof(hash32));
    result_leaves(o->results, o->n_results, leaves);
    exec_list_root((const uint8_t(*)[32])leaves, o->n_results, o->result_root);
    for (size_t i = 0; i < o->n_events; i++)
        event_leaf(&o->events[i], leaves[i]);
    exec_list_root((const uint8_t(*)[32])leaves, o->n_events, o->event_root);
    free(leaves);
    state_root(ex->state, o->state_root);
}

void executor_first_roots(struct executor *ex, struct exec_outcome *ret_outcome) {
    memset(ret_outcome, 0, sizeof(*ret_outcome));
    fill_roots(ex, ret_outcome);
}

void executor_run(struct executor *ex, const struct block *b, struct exec_outcome *ret_outcome) {
    WS_ASSERT(b->header.height == ex->height + 1);
    memset(ret_outcome, 0, sizeof(*ret_outcome));
    state_mark(ex->state);
    ex->run_height = b->header.height;
    ex->run_time = b->header.time;
    struct exec_host committee = {ex, EXECUTOR_COMMITTEE};
    committee_block(ex->contract[EXECUTOR_COMMITTEE].self, &committee, &b->header, &b->last_commit);
    for (size_t i = 0; i < ex->n; i++) {
        struct exec_host h = {ex, i};
        if (ex->contract[i].ops->begin_block != NULL)
            ex->contract[i].ops->begin_block(ex->contract[i].self, &h);
    }
    ret_outcome->n_results = b->n_txs;
    ret_outcome->results = ws_calloc(b->n_txs, sizeof(struct tx_result));
    for (size_t i = 0; i < b->n_txs; i++) {
        if (i + HINT_AHEAD < b->n_txs)
            identity_hint(ex->contract[EXECUTOR_IDENTITY].self, b->txs[i + HINT_AHEAD]->id);
        ret_outcome->results[i] = run_tx(ex, b->txs[i], (uint32_t)i);
    }
    for (size_t i = 0; i < ex->n; i++) {
        struct exec_host h = {ex, i};
        if (ex->contract[i].ops->end_block != NULL)
            ex->contract[i].ops->end_block(ex->contract[i].self, &h);
    }
    ret_outcome->events = ex->events;
    ret_outcome->n_events = ex->n_events;
    ex->events = NULL;
    ex->n_events = 0;
    ex->cap_events = 0;
    committee_block_end(ex->contract[EXECUTOR_COMMITTEE].self, &committee);
    fill_roots(ex, ret_outcome);
    at_height(ex, b->header.height);
}

void exec_outcome_free(struct exec_outcome *o) {
    for (size_t i = 0; i < o->n_events; i++)
        free((void *)o->events[i].body.p);
    free(o->events);
    free(o->results);
    memset(o, 0, sizeof(*o));
}
