/* Policy scripts and bodies. Any octets give a table or a refusal in printable words, and twice the same. */
#include "base/assert.h"
#include "base/compiler.h"
#include "ledger/policy/body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { N = 3 };
static const struct policy_field fields[N] = {
    {"a.x", "1", 0, 100, "the first"},
    {"a.b.y", "1", INT64_MIN, INT64_MAX, "the second"},
    {"z", "1", -5, 5, "the third"},
};
static const struct policy_field *const pointers[N] = {&fields[0], &fields[1], &fields[2]};
static const struct policy_schema schema = {pointers, N};

static void try_script(struct span script, const struct policy_limits *limits) {
    int64_t values[2][N];
    struct policy_usage used[2];
    struct ws_err err[2] = {{0}, {0}};
    int rc = policy_measure(script, "f.lua", &schema, limits, values[0], &used[0], &err[0]);
    WS_ASSERT(policy_measure(script, "f.lua", &schema, limits, values[1], &used[1], &err[1]) == rc);
    WS_ASSERT(used[0].steps == used[1].steps && used[0].memory == used[1].memory);
    WS_ASSERT(used[0].memory <= limits->memory);
    WS_ASSERT(strcmp(err[0].text, err[1].text) == 0);
    if (rc != WS_OK) {
        WS_ASSERT(rc == (int)err[0].code && (rc == WS_EINPUT || rc == WS_ELIMIT));
        WS_ASSERT(strncmp(err[0].text, "f.lua:", 6) == 0);
        for (const char *c = err[0].text; *c != '\0'; c++)
            WS_ASSERT((unsigned char)*c >= ' ' && *c != 0x7f);
        return;
    }
    WS_ASSERT(used[0].steps <= limits->steps);
    struct buf table = {0};
    policy_table_encode(&schema, values[0], &table);
    WS_ASSERT(policy_table_decode(&schema, buf_span(&table), values[1], NULL) == WS_OK);
    WS_ASSERT(memcmp(values[0], values[1], sizeof(values[0])) == 0);
    buf_free(&table);
}

static void try_body(struct span body, const struct policy_limits *limits) {
    struct policy_body parts;
    int64_t values[N];
    struct ws_err err = {0};
    enum policy_code code = policy_body_check(body, &schema, limits, &parts, values, &err);
    WS_ASSERT(code == POLICY_OK || err.text[0] != '\0');
    if (code != POLICY_OK)
        return;
    char name[POLICY_NAME_MAX + 1] = {0};
    memcpy(name, parts.name.p, parts.name.n);
    struct buf again = {0};
    WS_ASSERT(policy_make_body(name, parts.script, &schema, limits, &again, NULL) == WS_OK);
    WS_ASSERT(span_equal(buf_span(&again), body));
    buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct policy_limits limits = POLICY_LIMITS_DEFAULT;
    limits.steps = 3000; /* the same road to the limit, sooner */
    limits.memory = 64 * 1024;
    struct span s = span_of(data, size);
    int64_t values[N];
    (void)!policy_table_decode(&schema, s, values, NULL);
    try_body(s, &limits);
    try_script(s, &limits);
    return 0;
}
