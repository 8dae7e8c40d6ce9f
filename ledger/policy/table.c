#include "ledger/policy/table.h"

#include "base/assert.h"
#include "ledger/exec/hash.h"

#include <inttypes.h>

enum { TABLE_VERSION = 1 };

static bool word_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

static bool field_name_ok(const char *name) {
    size_t n = strlen(name);
    if (n == 0 || n > POLICY_FIELD_NAME_MAX || name[n - 1] == '.')
        return false;
    char before = '.';
    for (size_t i = 0; i < n; i++) {
        if (name[i] == '.' ? before == '.' : !word_char(name[i]))
            return false;
        before = name[i];
    }
    return true;
}

int policy_schema_check(const struct policy_schema *schema, struct ws_err *err) {
    if (schema->n == 0 || schema->n > POLICY_FIELDS_MAX)
        return ws_fail(err, WS_EINPUT, "%zu policy fields; 1 to %d are possible", schema->n,
            POLICY_FIELDS_MAX);
    for (size_t i = 0; i < schema->n; i++) {
        const struct policy_field *f = schema->fields[i];
        if (!field_name_ok(f->name))
            return ws_fail(err, WS_EINPUT, "policy field '%s': not a dotted name", f->name);
        if (f->min > f->max)
            return ws_fail(err, WS_EINPUT, "policy field %s: its range is empty", f->name);
        size_t n = strlen(f->name);
        for (size_t k = 0; k < schema->n; k++) {
            const char *other = schema->fields[k]->name;
            if (k != i && strncmp(f->name, other, n) == 0 && (other[n] == '\0' || other[n] == '.'))
                return ws_fail(
                    err, WS_EINPUT, "policy fields %s and %s exclude each other", f->name, other);
        }
    }
    return WS_OK;
}

bool policy_name_ok(struct span name) {
    if (name.n == 0 || name.n > POLICY_NAME_MAX || name.p[0] == '.' || name.p[0] == '-')
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = (char)name.p[i];
        if (!word_char(c) && c != '.' && c != '-')
            return false;
    }
    return true;
}

void policy_table_encode(
    const struct policy_schema *schema, const int64_t *values, struct buf *ret_table) {
    WS_ASSERT(schema->n <= POLICY_FIELDS_MAX);
    buf_u8(ret_table, TABLE_VERSION);
    buf_u16(ret_table, (uint16_t)schema->n);
    for (size_t i = 0; i < schema->n; i++) {
        const struct policy_field *f = schema->fields[i];
        size_t n = strlen(f->name);
        WS_ASSERT(n <= POLICY_FIELD_NAME_MAX && values[i] >= f->min && values[i] <= f->max);
        buf_u8(ret_table, (uint8_t)n);
        buf_put(ret_table, f->name, n);
        buf_i64(ret_table, values[i]);
    }
}

static int decode(
    const struct policy_schema *schema, struct rd *r, int64_t *values, struct ws_err *err) {
    uint8_t version = rd_u8(r);
    if (!r->bad && version != TABLE_VERSION)
        return ws_fail(err, WS_EINPUT, "policy table version %u, not %d", version, TABLE_VERSION);
    uint16_t count = rd_u16(r);
    if (!r->bad && count != schema->n)
        return ws_fail(err, WS_EINPUT, "policy table has %u fields, not %zu", count, schema->n);
    for (size_t i = 0; i < schema->n && !r->bad; i++) {
        const struct policy_field *f = schema->fields[i];
        size_t at = r->at;
        struct span name = rd_take(r, rd_u8(r));
        int64_t value = rd_i64(r);
        if (r->bad)
            break;
        if (!span_equal(name, span_of(f->name, strlen(f->name))))
            return ws_fail(
                err, WS_EINPUT, "policy table offset %zu: expected field %s", at, f->name);
        if (value < f->min || value > f->max)
            return ws_fail(err, WS_EINPUT,
                "policy table: field %s is %" PRId64 ", outside %" PRId64 "..%" PRId64, f->name,
                value, f->min, f->max);
        values[i] = value;
    }
    if (r->bad)
        return ws_fail(err, WS_EINPUT, "policy table ends too early, at offset %zu", r->at);
    if (!rd_done(r))
        return ws_fail(err, WS_EINPUT, "policy table has %zu octets too many at offset %zu",
            rd_left(r), r->at);
    return WS_OK;
}

int policy_table_decode(const struct policy_schema *schema, struct span table, int64_t *ret_values,
    struct ws_err *err) {
    WS_ASSERT(schema->n <= POLICY_FIELDS_MAX);
    int64_t values[POLICY_FIELDS_MAX];
    struct rd r = rd_of(table);
    int rc = decode(schema, &r, values, err);
    if (rc == WS_OK)
        memcpy(ret_values, values, schema->n * sizeof(values[0]));
    return rc;
}

void policy_hash(struct span script, struct span table, uint8_t ret_hash[static 32]) {
    static const char tag[] = "wayside/policy/1";
    WS_ASSERT(script.n <= UINT32_MAX && table.n <= UINT32_MAX);
    uint8_t lengths[2][4];
    put_be32(lengths[0], (uint32_t)script.n);
    put_be32(lengths[1], (uint32_t)table.n);
    const struct span parts[] = {span_of(tag, sizeof(tag) - 1), span_of(lengths[0], 4), script,
        span_of(lengths[1], 4), table};
    exec_sha256(parts, ARRAY_LEN(parts), ret_hash);
}
