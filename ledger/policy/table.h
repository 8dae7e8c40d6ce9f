/* The policy table: the integers a region's script computed, in the one octet form that validators
 * compare and hash (design, decision 5 and section 5). Any thread; nothing here keeps state. */
#ifndef WAYSIDE_LEDGER_POLICY_TABLE_H
#define WAYSIDE_LEDGER_POLICY_TABLE_H

#include "base/bytes.h"
#include "base/error.h"
#include "ledger/exec/contract.h"

enum {
    POLICY_FIELDS_MAX = 1024,
    POLICY_FIELD_NAME_MAX = 96, /* octets of a dotted name */
    POLICY_NAME_MAX = 48, /* octets of a policy's name */
    POLICY_TABLE_MAX = 3 + POLICY_FIELDS_MAX * (1 + POLICY_FIELD_NAME_MAX + 8),
};

/* The fields of all contracts in registration order, each contract's in its own order. Borrowed. */
struct policy_schema {
    const struct policy_field *const *fields;
    size_t n;
};

/* Whether a schema can be used: 1..POLICY_FIELDS_MAX fields, names of lower-case words ([a-z0-9_])
 * joined by single dots, no name twice, no name that is also the group of another, min <= max.
 * Everything else here takes a schema that has passed. */
WARN_UNUSED int policy_schema_check(const struct policy_schema *schema, struct ws_err *err);

/* Whether a policy may be called so: 1..POLICY_NAME_MAX of [a-z0-9._-], not starting with '.' or '-'. */
bool policy_name_ok(struct span name);

/* Appends the table: version 01, count u16, then for each field in schema order name length u8, name,
 * value int64; big-endian. Every value must be inside its field's range (asserted: whoever computes
 * values has checked them). */
void policy_table_encode(
    const struct policy_schema *schema, const int64_t *values, struct buf *ret_table);

/* Accepts exactly what policy_table_encode writes for this schema. `ret_values` has schema->n slots and
 * is written only on success; the error names the field or the offset. */
WARN_UNUSED int policy_table_decode(
    const struct policy_schema *schema, struct span table, int64_t *ret_values, struct ws_err *err);

/* SHA-256 over "wayside/policy/1", script and table, each after its length (u32). */
void policy_hash(struct span script, struct span table, uint8_t ret_hash[static 32]);

#endif
