/* A policy on its way to the cell: name, script, and the table that the script gives.
 *
 * A body, as in the genesis section and in the order of kind POLICY_DEPLOY: version 01, name (length u32,
 * octets), script (likewise), table (likewise; see table.h). The table that the script gives here must be the
 * body's, octet for octet. Any thread. */
#ifndef WAYSIDE_LEDGER_POLICY_BODY_H
#define WAYSIDE_LEDGER_POLICY_BODY_H

#include "base/bytes.h"
#include "base/error.h"
#include "ledger/policy/lua_host.h"

/* What the contract answers to a body. */
#define POLICY_CODES(X)                                                                            \
    X(POLICY_OK, "ok")                                                                             \
    X(POLICY_BAD_BODY, "bad_body") /* not the layout above, or a name that cannot be */            \
    X(POLICY_SCRIPT_REFUSED, "script_refused") /* the script gives no table */                     \
    X(POLICY_TABLE_MISMATCH, "table_mismatch") /* it gives another table than the body's */
enum policy_code {
#define X(id, text) id,
    POLICY_CODES(X)
#undef X
        POLICY_CODE_COUNT
};

/* Runs the script and appends the body; on failure nothing is appended. */
WARN_UNUSED int policy_make_body(const char *name, struct span script,
    const struct policy_schema *schema, const struct policy_limits *limits, struct buf *ret_body,
    struct ws_err *err);

struct policy_body {
    struct span name, script, table; /* borrowed from the body */
};

/* Takes a body apart. Does not run the script. */
WARN_UNUSED int policy_body_read(struct span body, const struct policy_limits *limits,
    struct policy_body *ret, struct ws_err *err);

/* What the contract would answer to this body, and why: what a validator asks before it prevotes.
 * `ret_values` (schema->n slots) is written on POLICY_OK only, err otherwise. */
enum policy_code policy_body_check(struct span body, const struct policy_schema *schema,
    const struct policy_limits *limits, struct policy_body *ret, int64_t *ret_values,
    struct ws_err *err);

#endif
