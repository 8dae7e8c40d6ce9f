/* Reads a script's tokens before Lua compiles it and refuses what policies must not contain, with the
 * line. Internal to ledger/policy. */
#ifndef WAYSIDE_LEDGER_POLICY_LUA_SCAN_H
#define WAYSIDE_LEDGER_POLICY_LUA_SCAN_H

#include "base/error.h"
#include "base/span.h"
#include "ledger/policy/lua_host.h"

/* 0, or an error "chunk:line: ...". What passes is UTF-8 text without control characters whose numerals
 * are all 64-bit integers and that has no '/', '^', '#', '...' or _ENV, no escape sequence but
 * \n \t \\ \" \', no literal longer and no bracket deeper than the limits say. */
WARN_UNUSED int lua_scan(
    struct span script, const char *chunk, const struct policy_limits *limits, struct ws_err *err);

#endif
