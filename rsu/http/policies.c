/* /v1/policies: the policy in force, with the meaning of every integer in it. */
#include "rsu/http/internal.h"

#include "base/mem.h"
#include "ledger/policy/contract.h"

#include <stdlib.h>

struct policy_copy {
    char name[POLICY_NAME_MAX + 1];
    uint64_t sequence;
    uint8_t hash[32];
    size_t n;
    int64_t *values;
    struct buf script;
};

static void copy(void *owner, void *ctx) {
    const struct rsud *d = owner;
    struct policy_copy *p = ctx;
    struct span name = policy_contract_name(d->cell.policy);
    memcpy(p->name, name.p, name.n < POLICY_NAME_MAX ? name.n : POLICY_NAME_MAX);
    p->sequence = policy_contract_sequence(d->cell.policy);
    memcpy(p->hash, policy_contract_hash(d->cell.policy), 32);
    const int64_t *values = policy_contract_values(d->cell.policy, &p->n);
    p->values = ws_memdup(values, p->n * sizeof(*values));
    struct span script = policy_contract_script(d->cell.policy);
    buf_put(&p->script, script.p, script.n);
}

static json_t *table(const struct policy_copy *p) {
    const struct policy_schema *schema = cell_policy_schema();
    json_t *list = json_array();
    for (size_t i = 0; i < p->n && i < schema->n; i++) {
        const struct policy_field *f = schema->fields[i];
        json_t *o = json_object();
        json_put(o, "field", json_string(f->name));
        json_put(o, "value", json_integer(p->values[i]));
        json_put(o, "unit", json_string(f->unit));
        json_put(o, "min", json_integer(f->min));
        json_put(o, "max", json_integer(f->max));
        json_put(o, "help", json_string(f->help));
        json_add(list, o);
    }
    return list;
}

void http_get_policies(struct http *h, const struct http_call *c, struct http_reply *r) {
    (void)c;
    struct policy_copy p = {0};
    if (!http_ask(h, copy, &p, r))
        return;
    json_t *o = json_object();
    json_put(o, "name", json_words(span_of(p.name, strlen(p.name))));
    json_put(o, "sequence", json_count(p.sequence));
    json_put(o, "hash", json_hex(p.hash, 32));
    json_put(o, "table", table(&p));
    json_put(o, "script", json_words(buf_span(&p.script)));
    json_t *page = json_object();
    json_put(page, "current", o);
    http_json(r, page);
    free(p.values);
    buf_free(&p.script);
}
