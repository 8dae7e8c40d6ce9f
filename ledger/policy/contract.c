#include "ledger/policy/contract.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdlib.h>

enum { RECORD_VERSION = 1 };

static const char key_current[] = "current";
static const char key_script[] = "script/";

/* One deployed policy. */
struct policy {
    uint64_t sequence;
    uint8_t hash[32];
    struct buf name;
    struct buf script;
    int64_t *values;
};

struct policy_contract {
    struct policy_schema schema;
    struct policy_limits limits;
    struct policy in_force; /* during this block */
    struct policy latest; /* from the next block on; what state holds */
};

/* ---- policies in memory and in state ---- */

static void policy_clear(struct policy *p) {
    buf_free(&p->name);
    buf_free(&p->script);
    free(p->values);
    *p = (struct policy){0};
}

static void policy_set(struct policy *p, uint64_t sequence, struct span name, struct span script,
    const uint8_t hash[32], const int64_t *values, size_t n) {
    struct policy fresh = {.sequence = sequence, .values = ws_calloc(n, sizeof(*values))};
    memcpy(fresh.values, values, n * sizeof(*values));
    memcpy(fresh.hash, hash, sizeof(fresh.hash));
    buf_put(&fresh.name, name.p, name.n);
    buf_put(&fresh.script, script.p, script.n);
    policy_clear(p); /* last: name and script may be its own */
    *p = fresh;
}

static void policy_copy(struct policy *to, const struct policy *from, size_t n) {
    policy_set(to, from->sequence, buf_span(&from->name), buf_span(&from->script), from->hash,
        from->values, n);
}

static struct span script_key(const uint8_t hash[32], uint8_t key[sizeof(key_script) - 1 + 32]) {
    memcpy(key, key_script, sizeof(key_script) - 1);
    memcpy(key + sizeof(key_script) - 1, hash, 32);
    return span_of(key, sizeof(key_script) - 1 + 32);
}

/* Takes a checked body over into state and memory; tells the world. */
static void deploy(struct policy_contract *c, struct exec_host *h, uint64_t sequence,
    const struct policy_body *b, const int64_t *values) {
    uint8_t hash[32];
    policy_hash(b->script, b->table, hash);
    struct buf record = {0};
    buf_u8(&record, RECORD_VERSION);
    buf_u64(&record, sequence);
    buf_var(&record, b->name);
    buf_put(&record, hash, sizeof(hash));
    buf_var(&record, b->table);
    uint8_t key[sizeof(key_script) - 1 + 32];
    exec_put(h, script_key(hash, key), b->script);
    exec_put(h, span_of(key_current, sizeof(key_current) - 1), buf_span(&record));
    exec_event(h, POLICY_EVENT_DEPLOYED, buf_span(&record));
    buf_free(&record);
    policy_set(&c->latest, sequence, b->name, b->script, hash, values, c->schema.n);
}

/* ---- the contract ---- */

static int on_genesis(void *self, struct exec_host *h, struct span section, struct ws_err *err) {
    struct policy_contract *c = self;
    struct policy_body b;
    int64_t values[POLICY_FIELDS_MAX] = {0};
    if (policy_body_check(section, &c->schema, &c->limits, &b, values, err) != POLICY_OK)
        return ws_fail_in(err, "first policy");
    deploy(c, h, 0, &b, values);
    policy_copy(&c->in_force, &c->latest, c->schema.n);
    return WS_OK;
}

static int load_record(
    struct policy_contract *c, struct exec_host *h, struct span record, struct ws_err *err) {
    struct rd r = rd_of(record);
    uint8_t version = rd_u8(&r);
    uint64_t sequence = rd_u64(&r);
    struct span name = rd_var(&r, POLICY_NAME_MAX);
    uint8_t hash[32];
    rd_copy(&r, hash, sizeof(hash));
    struct span table = rd_var(&r, POLICY_TABLE_MAX);
    if (!rd_done(&r) || version != RECORD_VERSION || !policy_name_ok(name))
        return ws_fail(err, WS_EINPUT, "the record of the current policy is damaged");
    int64_t values[POLICY_FIELDS_MAX] = {0};
    int rc = policy_table_decode(&c->schema, table, values, err);
    if (rc != WS_OK)
        return rc;
    uint8_t key[sizeof(key_script) - 1 + 32];
    struct span script;
    if (!exec_get(h, script_key(hash, key), &script))
        return ws_fail(err, WS_ENOTFOUND, "the current policy's script is missing");
    uint8_t again[32];
    policy_hash(script, table, again);
    if (memcmp(again, hash, sizeof(hash)) != 0)
        return ws_fail(err, WS_EINPUT, "the current policy's script is not the one deployed");
    policy_set(&c->latest, sequence, name, script, hash, values, c->schema.n);
    policy_copy(&c->in_force, &c->latest, c->schema.n);
    return WS_OK;
}

static int on_load(void *self, struct exec_host *h, struct ws_err *err) {
    struct span record;
    if (!exec_get(h, span_of(key_current, sizeof(key_current) - 1), &record))
        return ws_fail(err, WS_ENOTFOUND, "state holds no policy");
    return load_record(self, h, record, err);
}

static bool on_takes_order(enum exec_role role, uint16_t kind) {
    return role == ROLE_POLICY && kind == POLICY_DEPLOY;
}

static void on_begin_block(void *self, struct exec_host *h) {
    (void)h;
    struct policy_contract *c = self;
    if (c->in_force.sequence != c->latest.sequence)
        policy_copy(&c->in_force, &c->latest, c->schema.n);
}

static exec_code on_order(void *self, struct exec_host *h, const struct exec_order *o) {
    struct policy_contract *c = self;
    WS_ASSERT(on_takes_order(o->role, o->kind));
    struct policy_body b;
    int64_t values[POLICY_FIELDS_MAX] = {0};
    struct ws_err err;
    enum policy_code code = policy_body_check(o->body, &c->schema, &c->limits, &b, values, &err);
    if (code == POLICY_OK)
        deploy(c, h, c->latest.sequence + 1, &b, values);
    return (exec_code)code;
}

/* The recomputation that decision 5 wants before the prevote; the limits bound what it costs. */
static exec_code on_check_order(const void *self, const struct exec_order *o) {
    const struct policy_contract *c = self;
    struct policy_body b;
    int64_t values[POLICY_FIELDS_MAX] = {0};
    return (exec_code)policy_body_check(o->body, &c->schema, &c->limits, &b, values, NULL);
}

static const char *on_code_name(exec_code code) {
    static const char *const names[] = {
#define X(id, text) [id] = (text),
        POLICY_CODES(X)
#undef X
    };
    return code < POLICY_CODE_COUNT ? names[code] : "unknown";
}

static void on_free(void *self) {
    struct policy_contract *c = self;
    if (c == NULL)
        return;
    policy_clear(&c->in_force);
    policy_clear(&c->latest);
    free(c);
}

static const struct contract_ops ops = {
    .name = "policy",
    .genesis = on_genesis,
    .load = on_load,
    .takes_order = on_takes_order,
    .check_order = on_check_order,
    .begin_block = on_begin_block,
    .order = on_order,
    .code_name = on_code_name,
    .free = on_free,
};

struct contract policy_contract_new(
    const struct policy_schema *schema, const struct policy_limits *limits) {
    WS_ASSERT(policy_schema_check(schema, NULL) == WS_OK);
    struct policy_contract *c = ws_alloc(sizeof(*c));
    c->schema = *schema;
    c->limits = *limits;
    return (struct contract){.ops = &ops, .self = c};
}

/* ---- views ---- */

const int64_t *policy_contract_values(const void *self, size_t *ret_n) {
    const struct policy_contract *c = self;
    if (ret_n != NULL)
        *ret_n = c->schema.n;
    return c->in_force.values;
}

const uint8_t *policy_contract_hash(const void *self) {
    return ((const struct policy_contract *)self)->in_force.hash;
}

struct span policy_contract_name(const void *self) {
    return buf_span(&((const struct policy_contract *)self)->in_force.name);
}

struct span policy_contract_script(const void *self) {
    return buf_span(&((const struct policy_contract *)self)->in_force.script);
}

uint64_t policy_contract_sequence(const void *self) {
    return ((const struct policy_contract *)self)->in_force.sequence;
}
