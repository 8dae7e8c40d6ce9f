/* What the parts of the Lua host share while one script runs. Internal to ledger/policy.
 *
 * Functions marked MAY_THROW leave by Lua's longjmp: their callers hold nothing that needs freeing. */
#ifndef WAYSIDE_LEDGER_POLICY_LUA_STATE_H
#define WAYSIDE_LEDGER_POLICY_LUA_STATE_H

#include "ledger/policy/lua_host.h"

#include <lua.h>

#define MAY_THROW

enum { LUA_CHUNK_MAX = 48 }; /* below Lua's own LUA_IDSIZE, which would shorten it unasked */

struct lua_host {
    char chunk[LUA_CHUNK_MAX + 1];
    const struct policy_limits *limits;
    unsigned line; /* being compiled or run; 0 before and after */
    uint64_t steps;
    uint64_t
        objects; /* octets of strings, tables, functions so far; nothing is collected while running */
    uint64_t held; /* octets in use, with Lua's own vectors */
    bool refused; /* a verdict of ours is in err; Lua's message, if any, is a consequence */
    struct ws_err err;
};

static inline struct lua_host *lua_host_of(lua_State *L) {
    return *(struct lua_host **)lua_getextraspace(L);
}

/* Ends the run with "chunk:line: ..." (only "chunk: ..." outside of lines). The first verdict stays. */
MAY_THROW NORETURN void lua_host_refuse(lua_State *L, enum ws_code code, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
MAY_THROW void lua_host_charge(lua_State *L, uint64_t steps);

/* lua_env.c: sets the globals of a fresh state, all that a script can reach. */
MAY_THROW void lua_env_open(lua_State *L);
/* Pushes the list of the keys of the table at `index`, integers first and rising, then texts in octet order.
 * `what` names the table in refusals (other keys, too many keys). Returns how many there are. */
MAY_THROW lua_Integer lua_env_sorted_keys(lua_State *L, int index, const char *what);

/* lua_result.c: the table on top of the stack becomes values, or a refusal that names the field. */
MAY_THROW void lua_result_read(
    lua_State *L, const struct policy_schema *schema, int64_t *ret_values);

#endif
