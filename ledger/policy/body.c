#include "ledger/policy/body.h"

#include <stdio.h>

enum { BODY_VERSION = 1 };

static void write_body(
    struct span name, struct span script, struct span table, struct buf *ret_body) {
    buf_u8(ret_body, BODY_VERSION);
    buf_var(ret_body, name);
    buf_var(ret_body, script);
    buf_var(ret_body, table);
}

int policy_make_body(const char *name, struct span script, const struct policy_schema *schema,
    const struct policy_limits *limits, struct buf *ret_body, struct ws_err *err) {
    struct span called = span_of(name, strlen(name));
    if (!policy_name_ok(called))
        return ws_fail(err, WS_EINPUT,
            "'%.64s' is no name for a policy: 1 to %d of a-z 0-9 . _ -, first a letter, digit or _",
            name, POLICY_NAME_MAX);
    int64_t values[POLICY_FIELDS_MAX] = {0};
    int rc = policy_evaluate(script, name, schema, limits, values, err);
    if (rc != WS_OK)
        return rc;
    struct buf table = {0};
    policy_table_encode(schema, values, &table);
    write_body(called, script, buf_span(&table), ret_body);
    buf_free(&table);
    return WS_OK;
}

int policy_body_read(struct span body, const struct policy_limits *limits, struct policy_body *ret,
    struct ws_err *err) {
    struct rd r = rd_of(body);
    uint8_t version = rd_u8(&r);
    struct policy_body b = {0};
    b.name = rd_var(&r, POLICY_NAME_MAX);
    b.script = rd_var(&r, limits->source);
    b.table = rd_var(&r, POLICY_TABLE_MAX);
    if (!rd_done(&r))
        return ws_fail(err, WS_EINPUT, "policy body: %s at offset %zu",
            r.bad ? "ends too early or a length is too large" : "octets left over", r.at);
    if (version != BODY_VERSION)
        return ws_fail(err, WS_EINPUT, "policy body: version %u, not %d", version, BODY_VERSION);
    if (!policy_name_ok(b.name))
        return ws_fail(err, WS_EINPUT, "policy body: not a name for a policy");
    *ret = b;
    return WS_OK;
}

enum policy_code policy_body_check(struct span body, const struct policy_schema *schema,
    const struct policy_limits *limits, struct policy_body *ret, int64_t *ret_values,
    struct ws_err *err) {
    *ret = (struct policy_body){0};
    if (policy_body_read(body, limits, ret, err) != WS_OK)
        return POLICY_BAD_BODY;
    char name[POLICY_NAME_MAX + 1];
    (void)snprintf(name, sizeof(name), "%.*s", (int)ret->name.n, (const char *)ret->name.p);
    int64_t values[POLICY_FIELDS_MAX] = {0};
    if (policy_evaluate(ret->script, name, schema, limits, values, err) != WS_OK)
        return POLICY_SCRIPT_REFUSED;
    struct buf table = {0};
    policy_table_encode(schema, values, &table);
    bool same = span_equal(buf_span(&table), ret->table);
    buf_free(&table);
    if (!same) {
        (void)ws_fail(
            err, WS_EINPUT, "policy %s: the script gives another table than the one sent", name);
        return POLICY_TABLE_MISMATCH;
    }
    memcpy(ret_values, values, schema->n * sizeof(values[0]));
    return POLICY_OK;
}
