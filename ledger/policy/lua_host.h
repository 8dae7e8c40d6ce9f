/* Runs a region's policy script and turns it into integers (design, decision 5).
 *
 * Every validator runs the script and must come to the same verdict, so a verdict depends on the script's
 * octets, the schema and the limits alone: never on time, on an address, on the locale, or on the order
 * in which Lua happens to keep a table. README.md in this folder says how each of these is kept out, and
 * why the limits below are what they are. Any thread; nothing survives a call. */
#ifndef WAYSIDE_LEDGER_POLICY_LUA_HOST_H
#define WAYSIDE_LEDGER_POLICY_LUA_HOST_H

#include "base/error.h"
#include "base/span.h"
#include "ledger/policy/table.h"

/* Limits are part of what the validators agree on: all of them must use the same. */
struct policy_limits {
    uint32_t source; /* octets of the script */
    uint32_t memory; /* octets of all strings, tables and functions the script makes, together */
    uint32_t steps; /* instructions, plus what library functions charge for their work */
    uint32_t calls; /* calls inside one another */
    uint32_t string; /* octets of any one string */
    uint32_t nesting; /* brackets inside one another in the source; tables in the answer */
    uint32_t entries; /* elements of a list that a library function works on; keys in the answer */
};

#define POLICY_LIMITS_DEFAULT                                                                      \
    ((struct policy_limits){.source = 64 * 1024,                                                   \
        .memory = 1024 * 1024,                                                                     \
        .steps = 100000,                                                                           \
        .calls = 50,                                                                               \
        .string = 1024,                                                                            \
        .nesting = 32,                                                                             \
        .entries = 4096})

/* What a run cost, for `rsuctl policy check`. Deterministic like the verdict. */
struct policy_usage {
    uint64_t steps;
    uint64_t memory;
};

/* Runs `script` and fills ret_values (schema->n slots, written only on success) from the nested table that
 * it returns; "map.confirm_bits" is confirm_bits in the table map in the table returned. `chunk_name` stands
 * for the script in messages: its file name or its policy's name.
 * return 0; WS_ELIMIT when a limit is reached; WS_EINPUT when the script is refused for anything else. The
 * text names the chunk and the line, or the field. */
WARN_UNUSED int policy_evaluate(struct span script, const char *chunk_name,
    const struct policy_schema *schema, const struct policy_limits *limits, int64_t *ret_values,
    struct ws_err *err);

/* The same; ret_usage (may be NULL) is written on failure too. */
WARN_UNUSED int policy_measure(struct span script, const char *chunk_name,
    const struct policy_schema *schema, const struct policy_limits *limits, int64_t *ret_values,
    struct policy_usage *ret_usage, struct ws_err *err);

#endif
