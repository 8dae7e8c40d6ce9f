#include "ledger/policy/lua_host.h"

#include "base/assert.h"
#include "base/mem.h"
#include "ledger/policy/lua_scan.h"
#include "ledger/policy/lua_state.h"

#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Validators compare what objects cost; that is the same on every 64-bit machine and on no other. */
_Static_assert(sizeof(void *) == 8 && sizeof(lua_Integer) == 8, "policies need a 64-bit machine");
_Static_assert(LUA_VERSION_NUM == 504, "hooks, sizes and messages are those of Lua 5.4");

enum {
    /* A long string is this much larger than its octets (header and final zero). */
    STRING_EXTRA = 25,
    /* Lua's own vectors depend, within a factor, on the hash seed, so they get no verdict of their own; the
     * limits on source, steps and calls keep them below a quarter of this. Beyond it the machine is protected. */
    VECTORS_MAX = 256 << 20,
};

/* ---- verdicts ---- */

static void verdict(struct lua_host *h, enum ws_code code, const char *fmt, va_list ap) {
    if (h->refused)
        return;
    char text[WS_ERR_TEXT];
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    h->refused = true;
    if (h->line > 0)
        (void)ws_fail(&h->err, code, "%s:%u: %s", h->chunk, h->line, text);
    else
        (void)ws_fail(&h->err, code, "%s: %s", h->chunk, text);
}

PRINTF_LIKE(3, 4)
static void refuse(struct lua_host *h, enum ws_code code, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    verdict(h, code, fmt, ap);
    va_end(ap);
}

void lua_host_refuse(lua_State *L, enum ws_code code, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    verdict(lua_host_of(L), code, fmt, ap);
    va_end(ap);
    lua_pushnil(L);
    (void)lua_error(L);
    abort(); /* lua_error does not return */
}

void lua_host_charge(lua_State *L, uint64_t steps) {
    struct lua_host *h = lua_host_of(L);
    h->steps += steps;
    if (h->steps > h->limits->steps)
        lua_host_refuse(
            L, WS_ELIMIT, "more than %u steps; is there a loop without end?", h->limits->steps);
}

/* ---- memory and instructions ---- */

/* Lua says what a new object is in `osize` when ptr is NULL. Objects are counted and never freed before the
 * verdict (the collector is off), so their sum is the same in every run; see README.md. */
static void *grant(void *ud, void *ptr, size_t osize, size_t nsize) {
    struct lua_host *h = ud;
    bool is_object = ptr == NULL && osize >= LUA_TSTRING;
    size_t before = ptr == NULL ? 0 : osize;
    if (nsize == 0) {
        free(ptr);
        h->held -= before;
        return NULL;
    }
    if (nsize > before) {
        if (h->refused)
            return NULL;
        if (is_object && osize == LUA_TSTRING && nsize > (size_t)h->limits->string + STRING_EXTRA)
            refuse(h, WS_ELIMIT, "a text of more than %u octets", h->limits->string);
        else if (is_object && h->objects + nsize > h->limits->memory)
            refuse(h, WS_ELIMIT, "more than %u octets of memory", h->limits->memory);
        else if (h->held + (nsize - before) > (uint64_t)h->limits->memory + VECTORS_MAX)
            refuse(h, WS_ELIMIT, "more than %d octets of tables", VECTORS_MAX);
        if (h->refused)
            return NULL;
    }
    h->objects += is_object ? nsize : 0;
    h->held += nsize;
    h->held -= before;
    return ws_realloc(ptr, nsize);
}

/* Fires at every instruction (which costs little at this budget and makes line and count exact), call and
 * return. Values handed over are charged: one instruction can hand over many. */
static void watch(lua_State *L, lua_Debug *ar) {
    struct lua_host *h = lua_host_of(L);
    if (ar->event == LUA_HOOKCOUNT) {
        (void)lua_getinfo(L, "l", ar);
        if (ar->currentline > 0)
            h->line = (unsigned)ar->currentline;
        lua_host_charge(L, 1);
        return;
    }
    (void)lua_getinfo(L, "r", ar);
    lua_host_charge(L, ar->ntransfer);
    lua_Debug deep;
    if (ar->event != LUA_HOOKRET && lua_getstack(L, (int)h->limits->calls, &deep) == 1)
        lua_host_refuse(L, WS_ELIMIT, "calls nested deeper than %u", h->limits->calls);
}

/* ---- one run ---- */

struct run {
    struct lua_host host;
    struct span rest; /* of the source, not given to the compiler yet */
    const struct policy_schema *schema;
    int64_t *values;
};

/* Line by line, so that an error of the compiler that names no line still has one. */
static const char *next_line(lua_State *L, void *ud, size_t *ret_size) {
    (void)L;
    struct run *run = ud;
    if (run->rest.n == 0) {
        *ret_size = 0;
        return NULL;
    }
    const uint8_t *start = run->rest.p;
    const uint8_t *end = memchr(start, '\n', run->rest.n);
    size_t n = end == NULL ? run->rest.n : (size_t)(end - start) + 1;
    run->rest = span_of(start + n, run->rest.n - n);
    run->host.line++;
    *ret_size = n;
    return (const char *)start;
}

static int run_protected(lua_State *L) {
    struct run *run = lua_touserdata(L, 1);
    lua_settop(L, 0);
    lua_env_open(L);
    char source[LUA_CHUNK_MAX + 2];
    (void)snprintf(source, sizeof(source), "=%s", run->host.chunk);
    if (lua_load(L, next_line, run, source, "t") != LUA_OK)
        return lua_error(L);
    lua_sethook(L, watch, LUA_MASKCOUNT | LUA_MASKCALL | LUA_MASKRET, 1);
    lua_call(L, 0, LUA_MULTRET);
    lua_sethook(L, NULL, 0, 0);
    run->host.line = 0;
    if (lua_gettop(L) != 1 || !lua_istable(L, 1))
        lua_host_refuse(L, WS_EINPUT, "the script must end with 'return' and one table");
    lua_result_read(L, run->schema, run->values);
    return 0;
}

/* Lua's own message names chunk and line, or is a sentence without a place. */
static void take_message(struct lua_host *h, lua_State *L) {
    size_t n = strlen(h->chunk);
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "no message";
    if (strcmp(text, "C stack overflow") == 0)
        text = "statements or operators nested too deep";
    if (strncmp(text, h->chunk, n) == 0 && text[n] == ':') {
        (void)ws_fail(&h->err, WS_EINPUT, "%s", text);
        h->refused = true;
    } else {
        refuse(h, WS_EINPUT, "%s", text);
    }
}

static void set_chunk(struct lua_host *h, const char *name) {
    size_t n = strlen(name);
    if (n <= LUA_CHUNK_MAX)
        (void)snprintf(h->chunk, sizeof(h->chunk), "%s", name);
    else
        (void)snprintf(h->chunk, sizeof(h->chunk), "...%s", name + n - (LUA_CHUNK_MAX - 3));
}

/* Texts of a script go to terminals and logs. */
static void make_printable(char *text) {
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = ' ';
    }
}

static int evaluate(struct run *run, struct span script, struct ws_err *err) {
    int rc = lua_scan(script, run->host.chunk, run->host.limits, err);
    if (rc != WS_OK)
        return rc;
    run->rest = script;
    lua_State *L = lua_newstate(grant, &run->host);
    if (L == NULL)
        return ws_fail(err, WS_ELIMIT, "%s", run->host.err.text);
    *(struct lua_host **)lua_getextraspace(L) = &run->host;
    (void)lua_gc(L, LUA_GCSTOP);
    lua_pushcfunction(L, run_protected);
    lua_pushlightuserdata(L, run);
    int status = lua_pcall(L, 1, 0, 0);
    if (status != LUA_OK && !run->host.refused)
        take_message(&run->host, L);
    lua_close(L);
    if (status == LUA_OK)
        return WS_OK;
    make_printable(run->host.err.text);
    return ws_fail(err, run->host.err.code, "%s", run->host.err.text);
}

int policy_measure(struct span script, const char *chunk_name, const struct policy_schema *schema,
    const struct policy_limits *limits, int64_t *ret_values, struct policy_usage *ret_usage,
    struct ws_err *err) {
    int64_t values[POLICY_FIELDS_MAX];
    WS_ASSERT(schema->n <= POLICY_FIELDS_MAX);
    struct run run = {.host = {.limits = limits}, .schema = schema, .values = values};
    set_chunk(&run.host, chunk_name);
    /* Lua compares texts and reads numerals by the locale; this thread's is "C" while it does. */
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    WS_ASSERT(plain != (locale_t)0);
    locale_t usual = uselocale(plain);
    int rc = evaluate(&run, script, err);
    (void)uselocale(usual);
    freelocale(plain);
    if (rc == WS_OK)
        memcpy(ret_values, values, schema->n * sizeof(values[0]));
    if (ret_usage != NULL)
        *ret_usage = (struct policy_usage){.steps = run.host.steps, .memory = run.host.objects};
    return rc;
}

int policy_evaluate(struct span script, const char *chunk_name, const struct policy_schema *schema,
    const struct policy_limits *limits, int64_t *ret_values, struct ws_err *err) {
    return policy_measure(script, chunk_name, schema, limits, ret_values, NULL, err);
}
