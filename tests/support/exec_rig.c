#include "tests/support/exec_rig.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/exec/hash.h"
#include "tests/support/signed_order.h"
#include "v2x/psid.h"

#include <stdlib.h>

/* ---- the probe ---- */

static int probe_start(void *self, struct exec_host *h, struct span section, struct ws_err *err) {
    (void)self;
    (void)err;
    exec_put(h, span_of("section", 7), section);
    return WS_OK;
}

static int probe_load(void *self, struct exec_host *h, struct ws_err *err) {
    (void)self;
    (void)h;
    (void)err;
    return WS_OK;
}

static bool probe_takes_psid(uint64_t psid) {
    return psid == PSID_MAP_OBSERVATION || psid == PSID_DENM || psid == PSID_LEARNING_RECORD;
}

static bool probe_hides_place(uint64_t psid) {
    return psid == PSID_LEARNING_RECORD;
}

static bool probe_takes_order(enum exec_role role, uint16_t kind) {
    (void)role;
    return kind == 1;
}

static bool body_is(const struct exec_order *o, const char *text) {
    return span_equal(o->body, span_of(text, strlen(text)));
}

static exec_code probe_check_order(const void *self, const struct exec_order *o) {
    (void)self;
    return body_is(o, "refuse") ? RIG_REFUSED : EXEC_OK;
}

static exec_code probe_message(void *self, struct exec_host *h, const struct exec_message *m) {
    (void)self;
    exec_put(h, span_of(m->id, 32), span_of(m->leaf, 32));
    exec_event(h, 5, span_of(m->leaf, m->leaf[0] % 32));
    return EXEC_OK;
}

static exec_code probe_order(void *self, struct exec_host *h, const struct exec_order *o) {
    (void)self;
    if (body_is(o, "fail"))
        return RIG_REFUSED;
    uint8_t key[2] = {'o', (uint8_t)o->role};
    exec_put(h, span_of(key, 2), o->body);
    return EXEC_OK;
}

static const char *probe_code_name(exec_code code) {
    return code == EXEC_OK ? "ok" : code == RIG_REFUSED ? "refused" : "unknown";
}

static void probe_free(void *self) {
    (void)self;
}

static const struct contract_ops probe_ops = {
    .name = "probe",
    .genesis = probe_start,
    .load = probe_load,
    .takes_psid = probe_takes_psid,
    .hides_place = probe_hides_place,
    .takes_order = probe_takes_order,
    .check_order = probe_check_order,
    .message = probe_message,
    .order = probe_order,
    .code_name = probe_code_name,
    .free = probe_free,
};
/* Stands where the policy contract would. */
static const struct contract_ops idle_ops = {
    .name = "idle",
    .genesis = probe_start,
    .load = probe_load,
    .code_name = probe_code_name,
    .free = probe_free,
};

static const int64_t *no_values(const void *self, size_t *ret_n) {
    (void)self;
    *ret_n = 0;
    return NULL;
}

static const uint8_t *no_hash(const void *self) {
    return self;
}

/* ---- the rig ---- */

static struct executor *new_executor(const struct exec_rig *r) {
    static const hash32 zero = {0};
    struct contract contracts[] = {{&idle_ops, NULL}, {&probe_ops, NULL}};
    struct exec_policy_source source = {no_values, no_hash, zero};
    struct executor *ex = NULL;
    struct ws_err err;
    int rc =
        executor_new(buf_span(&r->genesis), contracts, ARRAY_LEN(contracts), &source, &ex, &err);
    WS_ASSERT(rc == WS_OK);
    return ex;
}

static void set_authorities(struct exec_rig *r, struct genesis *g) {
    static const uint8_t roles[RIG_AUTHORITIES] = {0x0d, 0x05, 0x01};
    g->n_authorities = RIG_AUTHORITIES;
    for (size_t i = 0; i < RIG_AUTHORITIES; i++) {
        uint8_t seed[32];
        memset(seed, (int)(0xa0 + i), 32);
        r->authority[i] = signer_new(seed);
        signer_public(r->authority[i], g->authorities[i].key);
        g->authorities[i].roles = roles[i];
    }
    memset(g->quorum, 0, sizeof(g->quorum));
    g->quorum[ROLE_POLICY - 1] = 2;
    g->quorum[ROLE_MAP - 1] = 1;
    g->quorum[ROLE_IDENTITY - 1] = 1;
}

void exec_rig_open(struct exec_rig *r, rig_edit_fn edit) {
    memset(r, 0, sizeof(*r));
    town_build(&r->town, 1);
    uint8_t seeds[4][32];
    for (size_t i = 0; i < 4; i++)
        memset(seeds[i], (int)(i + 1), 32);
    struct buf octets = {0};
    town_genesis(&r->town, (const uint8_t(*)[32])seeds, 4, &octets);
    struct genesis *g = ws_alloc(sizeof(*g));
    int rc = genesis_decode(exec_sha256, buf_span(&octets), g, NULL);
    WS_ASSERT(rc == WS_OK);
    set_authorities(r, g);
    if (edit != NULL)
        edit(g);
    genesis_encode(g, &r->genesis);
    free(g);
    buf_free(&octets);
    r->ex = new_executor(r);
    struct span sections[] = {span_of("one", 3), span_of("two", 3)};
    rc = executor_init(r->ex, sections, NULL);
    WS_ASSERT(rc == WS_OK);
    r->time = executor_genesis_of(r->ex)->time;
}

void exec_rig_close(struct exec_rig *r) {
    exec_outcome_free(&r->outcome);
    executor_free(r->ex);
    for (size_t i = 0; i < RIG_AUTHORITIES; i++)
        signer_free(r->authority[i]);
    buf_free(&r->genesis);
    town_free(&r->town);
}

struct executor *exec_rig_restarted(struct exec_rig *r) {
    struct executor *ex = new_executor(r);
    for (size_t c = executor_contracts(r->ex); c-- > 0;) {
        struct span k = {NULL, 0};
        struct span v;
        struct span at = k;
        while (state_next(executor_state(r->ex), c, span_of("", 0), at, &k, &v)) {
            executor_restore(ex, c, k, v);
            at = k;
        }
    }
    int rc = executor_resume(ex, executor_height(r->ex), NULL);
    WS_ASSERT(rc == WS_OK);
    return ex;
}

/* ---- transactions ---- */

static struct tx *parsed(struct buf *b) {
    struct tx *t = NULL;
    struct ws_err err;
    int rc = tx_parse(buf_span(b), &t, &err);
    WS_ASSERT(rc == WS_OK);
    buf_free(b);
    return t;
}

struct tx *rig_cert(const struct exec_rig *r, size_t car) {
    struct buf b = {0};
    tx_put_certificate(&b, buf_span(&r->town.car_cert[car]));
    return parsed(&b);
}

struct tx *rig_message(const struct exec_rig *r, size_t car, uint64_t time, int32_t value) {
    struct buf b = {0};
    struct buf spdu = {0};
    town_report(&r->town, car, time, value, &spdu);
    tx_put_message(&b, r->town.car_hash[car], buf_span(&spdu));
    buf_free(&spdu);
    return parsed(&b);
}

struct tx *rig_spdu(const struct exec_rig *r, size_t car, const struct spdu_request *rq) {
    struct buf b = {0};
    struct buf spdu = {0};
    spdu_put_signed(&spdu, rq, r->town.car_key[car], buf_span(&r->town.car_cert[car]));
    tx_put_message(&b, r->town.car_hash[car], buf_span(&spdu));
    buf_free(&spdu);
    return parsed(&b);
}

struct tx *rig_order(const struct exec_rig *r, const struct rig_order *ro) {
    struct order *o = ws_alloc(sizeof(*o));
    o->sequence = ro->sequence;
    o->expiry = ro->expiry;
    o->role = ro->role;
    o->kind = ro->kind;
    o->body = span_of(ro->body, strlen(ro->body));
    struct buf b = {0};
    signed_order_put(&b, executor_cell_id(r->ex), o, r->authority, ro->signers);
    free(o);
    return parsed(&b);
}

/* ---- blocks ---- */

enum tx_verdict rig_verdict(struct exec_rig *r, uint64_t time, struct tx *t) {
    struct check *c = check_new(r->ex, time);
    enum tx_verdict v = check_tx(c, t);
    check_free(c);
    return v;
}

void rig_run_on(struct executor *ex, uint64_t time, struct tx *const *txs, size_t n,
    struct exec_outcome *ret_outcome) {
    WS_ASSERT(n <= RIG_TXS_MAX);
    struct block *b = ws_alloc(sizeof(*b));
    b->header.height = executor_height(ex) + 1;
    b->header.time = time;
    b->n_txs = n;
    b->txs = (struct tx **)ws_calloc(n, sizeof(struct tx *));
    for (size_t i = 0; i < n; i++)
        b->txs[i] = tx_ref(txs[i]);
    executor_run(ex, b, ret_outcome);
    block_free(b);
}

void rig_run(struct exec_rig *r, uint64_t time, struct tx *const *txs, size_t n) {
    exec_outcome_free(&r->outcome);
    rig_run_on(r->ex, time, txs, n, &r->outcome);
    r->time = time;
}
