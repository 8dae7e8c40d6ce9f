/* Scripts that must be refused, each with the exact words. */
#ifndef WAYSIDE_TESTS_POLICY_CASES_H
#define WAYSIDE_TESTS_POLICY_CASES_H

#include "ledger/policy/lua_host.h"

struct policy_case {
    const char *name;
    const char *script;
    enum ws_code code;
    const char *text;
};
extern const struct policy_case policy_cases[];
extern const size_t policy_n_cases;

/* The schema the cases are written for: a.x 0..100, a.b.y any, z -5..5. */
extern const struct policy_schema policy_test_schema;

#endif
