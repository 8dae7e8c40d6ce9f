/* ledger/policy: scripts are run the same way everywhere, or refused in the same words. */
#include "tests/support/cm.h"

#include "ledger/policy/lua_host.h"
#include "tests/unit/ledger/policy_cases.h"

#include <locale.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { N = 3 };

static int run(const char *script, int64_t *values, struct ws_err *err) {
    const struct policy_limits limits = POLICY_LIMITS_DEFAULT;
    return policy_evaluate(
        span_of(script, strlen(script)), "p.lua", &policy_test_schema, &limits, values, err);
}

/* ---- refusals ---- */

static void refused(void **state) {
    const struct policy_case *c = *state;
    int64_t values[N] = {71, 72, 73};
    struct ws_err err = {0};
    int rc = run(c->script, values, &err);
    assert_string_equal(err.text, c->text);
    assert_int_equal(rc, c->code);
    assert_int_equal(err.code, c->code);
    assert_true(values[0] == 71 && values[1] == 72 && values[2] == 73);
}

static void source_too_long(void **state) {
    (void)state;
    struct policy_limits limits = POLICY_LIMITS_DEFAULT;
    static const char script[] = "return {a={x=1,b={y=2}},z=3}";
    struct span s = span_of(script, sizeof(script) - 1);
    int64_t values[N];
    struct ws_err err;
    limits.source = (uint32_t)s.n;
    assert_int_equal(policy_evaluate(s, "p.lua", &policy_test_schema, &limits, values, &err), 0);
    limits.source--;
    assert_int_equal(
        policy_evaluate(s, "p.lua", &policy_test_schema, &limits, values, &err), WS_ELIMIT);
    assert_string_equal(err.text, "p.lua: the script has 28 octets; 27 are allowed");
}

/* Every limit, from nothing up: first always refused, later never again, and usage tells where. */
static void limits_are_exact(void **state) {
    (void)state;
    static const char script[] =
        "local t = {}\nfor i = 1, 20 do t[i] = 'x' .. i end\nreturn {a={x=len(t),b={y=2}},z=3}";
    struct span s = span_of(script, sizeof(script) - 1);
    struct policy_limits limits = POLICY_LIMITS_DEFAULT;
    int64_t values[N];
    struct policy_usage used = {0};
    struct ws_err err;
    assert_int_equal(
        policy_measure(s, "p.lua", &policy_test_schema, &limits, values, &used, &err), 0);
    assert_in_range(used.steps, 100, 5000);
    assert_in_range(used.memory, 1000, 50000);
    for (uint32_t steps = 0; steps <= used.steps + 1; steps += steps < 50 ? 1 : 17) {
        limits.steps = steps;
        int rc = policy_evaluate(s, "p.lua", &policy_test_schema, &limits, values, &err);
        assert_int_equal(rc, steps < used.steps ? WS_ELIMIT : 0);
    }
    limits = POLICY_LIMITS_DEFAULT;
    limits.steps = (uint32_t)used.steps;
    assert_int_equal(policy_evaluate(s, "p.lua", &policy_test_schema, &limits, values, &err), 0);
    for (uint32_t memory = 0; memory <= used.memory + 16; memory += 8) {
        limits.memory = memory;
        int rc = policy_evaluate(s, "p.lua", &policy_test_schema, &limits, values, &err);
        assert_int_equal(rc, memory < used.memory ? WS_ELIMIT : 0);
        if (rc != 0)
            assert_non_null(strstr(err.text, "octets of memory"));
    }
}

static void chunk_names_are_cut_and_printable(void **state) {
    (void)state;
    const struct policy_limits limits = POLICY_LIMITS_DEFAULT;
    int64_t values[N];
    struct ws_err err;
    static const char script[] = "local x =\n= 1";
    struct span s = span_of(script, sizeof(script) - 1);
    assert_int_equal(
        policy_evaluate(s, "/etc/wayside/policies/regions/north/of/the/river/urban.lua",
            &policy_test_schema, &limits, values, &err),
        WS_EINPUT);
    assert_string_equal(
        err.text, "...policies/regions/north/of/the/river/urban.lua:2: unexpected symbol near '='");
    assert_int_equal(
        policy_evaluate(s, "a\033b", &policy_test_schema, &limits, values, &err), WS_EINPUT);
    assert_string_equal(err.text, "a b:2: unexpected symbol near '='");
}

/* ---- what works ---- */

static int64_t result_of(const char *expression) {
    char script[512];
    (void)snprintf(script, sizeof(script), "return {a={x=1,b={y=%s}},z=3}", expression);
    int64_t values[N] = {0};
    struct ws_err err = {0};
    int rc = run(script, values, &err);
    if (rc != 0)
        print_error("%s: %s\n", expression, err.text);
    assert_int_equal(rc, 0);
    return values[1];
}

static void values_come_in_schema_order(void **state) {
    (void)state;
    int64_t values[N];
    struct ws_err err;
    assert_int_equal(run("-- caf\xc3\xa9\r\nreturn {\r\n z = -5, a = { b = { y = math.mininteger "
                         "}, x = 0x64 } }",
                         values, &err),
        0);
    assert_true(values[0] == 100 && values[1] == INT64_MIN && values[2] == -5);
}

static void functions_compute(void **state) {
    (void)state;
    assert_int_equal(result_of("math.max(3, 9, -2)"), 9);
    assert_int_equal(result_of("math.min(3, 9, -2)"), -2);
    assert_int_equal(result_of("math.abs(-7)"), 7);
    assert_int_equal(result_of("math.tointeger(7)"), 7);
    assert_int_equal(result_of("math.ult(1, -1) and 1 or 0"), 1);
    assert_true(result_of("math.maxinteger") == INT64_MAX);
    assert_int_equal(result_of("-7 // 2"), -4);
    assert_int_equal(result_of("-7 % 3"), 2);
    assert_int_equal(result_of("(1 << 20 | 5) >> 1"), (1 << 19) + 2);
    assert_int_equal(result_of("0xFF & ~0xF"), 0xf0);
    assert_int_equal(result_of("len({5, 6, 7, nil, 9})"), 3);
    assert_int_equal(result_of("len(sorted_keys({b=1, a=2, 9, [-4]=1}))"), 4);
    assert_int_equal(result_of("sorted_keys({b=1, a=2, 9, [-4]=1})[1]"), -4);
    assert_int_equal(result_of("sorted_keys({b=1, a=2, 9})[2] == 'a' and 1 or 0"), 1);
    assert_int_equal(result_of("string.len(table.concat({'a', 10, 'b'}, ', '))"), 8);
    assert_int_equal(
        result_of("tonumber('-9223372036854775808') == math.mininteger and 1 or 0"), 1);
    assert_int_equal(result_of("tonumber('9223372036854775808') == nil and 1 or 0"), 1);
    assert_int_equal(result_of("tonumber('1e3') == nil and tonumber('') == nil and "
                               "tonumber('-') == nil and tonumber(' 1') == nil and 1 or 0"),
        1);
    assert_int_equal(result_of("tonumber(tostring(-12)) + 1"), -11);
    assert_int_equal(result_of("tostring(nil) .. tostring(true) == 'niltrue' and 1 or 0"), 1);
    assert_int_equal(result_of("type({}) == 'table' and type(nil) == 'nil' and 1 or 0"), 1);
    assert_int_equal(
        result_of("string.sub('urban', 2, -2) == 'rba' and string.sub('urban', -99, 1) == 'u' "
                  "and string.sub('urban', 4) == 'an' and string.sub('u', 2, 1) == '' and 1 or 0"),
        1);
    assert_int_equal(result_of("string.upper('a\xc3\xa4z') == 'A\xc3\xa4Z' and 1 or 0"), 1);
    assert_int_equal(result_of("string.lower('A\xc3\x84Z') == 'a\xc3\x84z' and 1 or 0"), 1);
    assert_int_equal(result_of("[==[\n]]]==] == ']]' and 1 or 0"), 1);
}

static void lists_are_sorted_and_grow(void **state) {
    (void)state;
    int64_t values[N];
    struct ws_err err = {0};
    /* More than 100 elements: there Lua's own sort would look at the clock. */
    assert_int_equal(run("local t = {}\n"
                         "for i = 1, 300 do table.insert(t, i * 7919 % 1000 - 500) end\n"
                         "table.sort(t)\n"
                         "for i, v in ipairs(t) do assert(i == 1 or t[i - 1] <= v) end\n"
                         "local w = {'b', 'a', 3, '', 1}\n"
                         "table.sort(w)\n"
                         "assert(table.concat(w, '|') == '1|3||a|b')\n"
                         "return {a={x=0,b={y=len(t)}},z=0}",
                         values, &err),
        0);
    assert_int_equal(values[1], 300);
}

/* A script cannot prepare the ground for the next one. */
static void states_are_fresh(void **state) {
    (void)state;
    int64_t values[N];
    struct ws_err err;
    assert_int_equal(
        run("table.insert(math, 5) return {a={x=1,b={y=len(math)}},z=3}", values, &err), 0);
    assert_int_equal(values[1], 1);
    assert_int_equal(result_of("len(math)"), 0);
}

/* ---- the same everywhere ---- */

/* Near the edge of every limit, and with tables whose inner layout depends on Lua's random hash seed. */
static const char *const edges[] = {
    "local t = {}\nfor i = 1, 200 do t['k' .. i % 37] = i t['k' .. i % 29] = nil end\n"
    "local s = 0\nfor i, k in ipairs(sorted_keys(t)) do s = s * 31 + t[k] * string.len(k) end\n"
    "return {a={x=1,b={y=s}},z=3}",
    "local t = {}\nlocal n = 0\nwhile true do n = n + 1 t['k' .. n] = {} t['k' .. n // 2] = nil "
    "end",
    "local t = {}\nfor i = 1, 2000 do t[{}] = i t[{i}] = nil end return {a={x=1,b={y=4}},z=3}",
    "local t = {}\nfor i = 1, 900 do t[i] = 'v' .. i end\nfor i = 1, 900, 2 do t[i] = nil t['x' .. "
    "i] = i end\n"
    "return {a={x=1,b={y=len(t) + len(sorted_keys(t))}},z=3}",
    "return {a={x=1,b={y=1,c1=1,c2=1,c3=1,c4=1,c5=1}},z=3}",
    "return {a={x=1,b={y=7}},z=3}",
};

/* One line for each script: verdict, cost, and the hash of the table if there is one. */
static void verdicts(struct buf *out) {
    const struct policy_limits limits = POLICY_LIMITS_DEFAULT;
    for (size_t i = 0; i < policy_n_cases + ARRAY_LEN(edges); i++) {
        const char *script =
            i < policy_n_cases ? policy_cases[i].script : edges[i - policy_n_cases];
        int64_t values[N];
        struct policy_usage used;
        struct ws_err err = {0};
        struct span s = span_of(script, strlen(script));
        int rc = policy_measure(s, "p.lua", &policy_test_schema, &limits, values, &used, &err);
        buf_printf(out, "%zu %d %llu %llu %s", i, rc, (unsigned long long)used.steps,
            (unsigned long long)used.memory, rc == 0 ? "" : err.text);
        if (rc == 0) {
            struct buf table = {0};
            policy_table_encode(&policy_test_schema, values, &table);
            uint8_t hash[32];
            policy_hash(s, buf_span(&table), hash);
            char hex[65];
            hex_encode(hex, hash, sizeof(hash));
            buf_printf(out, "%s", hex);
            buf_free(&table);
        }
        buf_printf(out, "\n");
    }
}

static void hundred_runs_agree(void **state) {
    (void)state;
    const struct policy_limits limits = POLICY_LIMITS_DEFAULT;
    for (size_t i = 0; i < ARRAY_LEN(edges); i++) {
        struct span s = span_of(edges[i], strlen(edges[i]));
        int64_t first[N] = {0};
        struct policy_usage first_used = {0};
        struct ws_err first_err = {0};
        int first_rc = policy_measure(
            s, "p.lua", &policy_test_schema, &limits, first, &first_used, &first_err);
        void *between[100]; /* other addresses each time */
        for (size_t k = 0; k < ARRAY_LEN(between); k++) {
            between[k] = ws_alloc(1 + k * 523 % 4096);
            int64_t values[N] = {0};
            struct policy_usage used = {0};
            struct ws_err err = {0};
            int rc = policy_measure(s, "p.lua", &policy_test_schema, &limits, values, &used, &err);
            assert_int_equal(rc, first_rc);
            assert_string_equal(err.text, first_err.text);
            assert_true(used.steps == first_used.steps && used.memory == first_used.memory);
            assert_memory_equal(values, first, sizeof(values));
        }
        for (size_t k = 0; k < ARRAY_LEN(between); k++)
            free(between[k]);
    }
}

/* Other processes have other addresses and another second on the clock. */
static void processes_agree(void **state) {
    const char *self = *state;
    struct buf mine = {0};
    verdicts(&mine);
    for (int i = 0; i < 3; i++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            (void)dup2(ends[1], STDOUT_FILENO);
            (void)execl(self, self, "verdicts", (char *)NULL);
            _exit(127);
        }
        (void)close(ends[1]);
        struct buf theirs = {0};
        ssize_t n = 0;
        do {
            theirs.n += (size_t)n;
            (void)buf_grow(&theirs, 4096);
            theirs.n -= 4096;
            n = read(ends[0], theirs.p + theirs.n, 4096);
        } while (n > 0);
        (void)close(ends[0]);
        int status = 0;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_int_equal(theirs.n, mine.n);
        assert_memory_equal(theirs.p, mine.p, mine.n);
        buf_free(&theirs);
    }
    buf_free(&mine);
}

static void locale_does_not_matter(void **state) {
    (void)state;
    struct buf plain = {0};
    verdicts(&plain);
    locale_t before = uselocale((locale_t)0);
    locale_t other = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0);
    assert_true(other != (locale_t)0);
    (void)uselocale(other);
    struct buf again = {0};
    verdicts(&again);
    assert_true(uselocale((locale_t)0) == other); /* given back to the caller */
    (void)uselocale(before);
    freelocale(other);
    assert_int_equal(again.n, plain.n);
    assert_memory_equal(again.p, plain.p, plain.n);
    buf_free(&plain);
    buf_free(&again);
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "verdicts") == 0) {
        struct buf out = {0};
        verdicts(&out);
        bool ok = fwrite(out.p, 1, out.n, stdout) == out.n && fflush(stdout) == 0;
        buf_free(&out);
        return ok ? 0 : 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(source_too_long),
        cmocka_unit_test(limits_are_exact),
        cmocka_unit_test(chunk_names_are_cut_and_printable),
        cmocka_unit_test(values_come_in_schema_order),
        cmocka_unit_test(functions_compute),
        cmocka_unit_test(lists_are_sorted_and_grow),
        cmocka_unit_test(states_are_fresh),
        cmocka_unit_test(hundred_runs_agree),
        cmocka_unit_test_prestate(processes_agree, argv[0]),
        cmocka_unit_test(locale_does_not_matter),
    };
    struct policy_case *cases = ws_memdup(policy_cases, policy_n_cases * sizeof(*cases));
    struct CMUnitTest *refusals = ws_calloc(policy_n_cases, sizeof(*refusals));
    for (size_t i = 0; i < policy_n_cases; i++) {
        refusals[i] = (struct CMUnitTest){
            .name = policy_cases[i].name, .test_func = refused, .initial_state = &cases[i]};
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    failed += _cmocka_run_group_tests("refused", refusals, policy_n_cases, NULL, NULL);
    free(refusals);
    free(cases);
    return failed;
}
