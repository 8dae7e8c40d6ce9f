/* What a policy can call: nothing but the functions of this file. Each checks the types of its arguments,
 * does bounded work, and charges for what grows with its input. */
#include "base/compiler.h"
#include "ledger/policy/lua_state.h"

#include <lauxlib.h>
#include <stdlib.h>

enum {
    /* One look through a table's slots; what was deleted from it still has slots, so the price has a floor. */
    SCAN_PRICE = 500,
    SORT_PRICE = 8, /* per element */
    WALK_SHARE = 8, /* elements of a list passed for one step */
};

/* ---- arguments ---- */

MAY_THROW static void need(lua_State *L, bool ok, int arg, const char *fn, const char *what) {
    if (ok)
        return;
    const char *got = lua_type(L, arg) == LUA_TNUMBER && !lua_isinteger(L, arg) ? "a float"
                      : lua_isnone(L, arg)                                      ? "nothing"
                                           : luaL_typename(L, arg);
    lua_host_refuse(L, WS_EINPUT, "%s: argument %d is %s; it takes %s", fn, arg, got, what);
}

MAY_THROW static lua_Integer need_integer(lua_State *L, int arg, const char *fn) {
    need(L, lua_isinteger(L, arg) != 0, arg, fn, "an integer");
    return lua_tointeger(L, arg);
}

MAY_THROW static struct span need_text(lua_State *L, int arg, const char *fn) {
    need(L, lua_type(L, arg) == LUA_TSTRING, arg, fn, "a text");
    size_t n = 0;
    const char *p = lua_tolstring(L, arg, &n);
    return span_of(p, n);
}

/* How many elements follow each other from 1. Counted, because the border that Lua itself reports depends
 * on how the table grew. */
MAY_THROW static lua_Integer need_list(lua_State *L, int arg, const char *fn) {
    need(L, lua_istable(L, arg), arg, fn, "a table");
    lua_Integer n = 0;
    while (lua_rawgeti(L, arg, n + 1) != LUA_TNIL) {
        lua_pop(L, 1);
        n++;
        if (n > lua_host_of(L)->limits->entries)
            lua_host_refuse(L, WS_ELIMIT, "%s: a list of more than %u elements", fn,
                lua_host_of(L)->limits->entries);
    }
    lua_pop(L, 1);
    lua_host_charge(L, (uint64_t)n / WALK_SHARE + 1);
    return n;
}

/* ---- sorting ---- */

struct item {
    bool is_text;
    lua_Integer value;
    struct span text;
    lua_Integer from; /* place in the unsorted list */
};

/* A total order on what can be told apart, so every correct sort gives the same list. */
static int item_compare(const void *a, const void *b) {
    const struct item *x = a;
    const struct item *y = b;
    if (x->is_text != y->is_text)
        return x->is_text ? 1 : -1;
    if (x->is_text)
        return span_compare(x->text, y->text);
    return (x->value > y->value) - (x->value < y->value);
}

static bool sortable(lua_State *L, int index) {
    return lua_isinteger(L, index) || lua_type(L, index) == LUA_TSTRING;
}

/* The list of n sortable elements at `index` becomes a sorted list, pushed. */
MAY_THROW static void push_sorted(lua_State *L, int index, lua_Integer n) {
    lua_host_charge(L, (uint64_t)n * SORT_PRICE);
    struct item *items = lua_newuserdatauv(L, (size_t)n * sizeof(*items) + 1, 0);
    for (lua_Integer i = 0; i < n; i++) {
        (void)lua_rawgeti(L, index, i + 1);
        items[i] = (struct item){.is_text = lua_type(L, -1) == LUA_TSTRING, .from = i + 1};
        if (items[i].is_text) { /* the list keeps it alive */
            size_t len = 0;
            const char *p = lua_tolstring(L, -1, &len);
            items[i].text = span_of(p, len);
        } else {
            items[i].value = lua_tointeger(L, -1);
        }
        lua_pop(L, 1);
    }
    qsort(items, (size_t)n, sizeof(*items), item_compare);
    lua_createtable(L, (int)n, 0);
    for (lua_Integer i = 0; i < n; i++) {
        (void)lua_rawgeti(L, index, items[i].from);
        lua_rawseti(L, -2, i + 1);
    }
    lua_remove(L, -2);
}

lua_Integer lua_env_sorted_keys(lua_State *L, int index, const char *what) {
    uint32_t most = lua_host_of(L)->limits->entries;
    index = lua_absindex(L, index);
    lua_host_charge(L, SCAN_PRICE);
    lua_newtable(L);
    int keys = lua_gettop(L);
    lua_Integer n = 0;
    bool other = false; /* which of several wrong keys comes first is chance, so none is named */
    for (lua_pushnil(L); lua_next(L, index) != 0 && n <= most; n++) {
        lua_pop(L, 1);
        other = other || !sortable(L, -1);
        lua_pushvalue(L, -1);
        lua_rawseti(L, keys, n + 1);
    }
    lua_settop(L, keys);
    if (n > most)
        lua_host_refuse(L, WS_ELIMIT, "%s has more than %u keys", what, most);
    if (other)
        lua_host_refuse(L, WS_EINPUT, "%s has a key that is neither an integer nor a text", what);
    push_sorted(L, keys, n);
    lua_remove(L, keys);
    return n;
}

static int env_sorted_keys(lua_State *L) {
    need(L, lua_istable(L, 1), 1, "sorted_keys", "a table");
    (void)lua_env_sorted_keys(L, 1, "sorted_keys: the table");
    return 1;
}

static int table_sort(lua_State *L) {
    lua_Integer n = need_list(L, 1, "table.sort");
    need(L, lua_isnoneornil(L, 2), 2, "table.sort", "a list only and sorts it upwards");
    lua_settop(L, 1);
    for (lua_Integer i = 1; i <= n; i++) {
        (void)lua_rawgeti(L, 1, i);
        if (!sortable(L, -1))
            lua_host_refuse(L, WS_EINPUT,
                "table.sort: element %lld is neither an integer nor a text", (long long)i);
        lua_pop(L, 1);
    }
    push_sorted(L, 1, n);
    for (lua_Integer i = 1; i <= n; i++) {
        (void)lua_rawgeti(L, 2, i);
        lua_rawseti(L, 1, i);
    }
    return 0;
}

/* ---- lists ---- */

static int next_element(lua_State *L) {
    need(L, lua_istable(L, 1), 1, "ipairs", "a table");
    lua_Integer i = need_integer(L, 2, "ipairs");
    if (i < 0 || i >= lua_host_of(L)->limits->entries)
        lua_host_refuse(L, WS_ELIMIT, "ipairs: a list of more than %u elements",
            lua_host_of(L)->limits->entries);
    lua_pushinteger(L, i + 1);
    if (lua_rawgeti(L, 1, i + 1) != LUA_TNIL)
        return 2;
    return 1; /* the nil on top ends the loop */
}

static int env_ipairs(lua_State *L) {
    need(L, lua_istable(L, 1), 1, "ipairs", "a table");
    lua_pushcfunction(L, next_element);
    lua_pushvalue(L, 1);
    lua_pushinteger(L, 0);
    return 3;
}

static int env_len(lua_State *L) {
    lua_pushinteger(L, need_list(L, 1, "len"));
    return 1;
}

static int table_insert(lua_State *L) {
    lua_Integer n = need_list(L, 1, "table.insert");
    need(L, lua_isnone(L, 3), 3, "table.insert", "a list and a value, which becomes the last");
    need(L, !lua_isnoneornil(L, 2), 2, "table.insert", "a value");
    lua_rawseti(L, 1, n + 1);
    return 0;
}

static int table_concat(lua_State *L) {
    lua_Integer n = need_list(L, 1, "table.concat");
    struct span sep = lua_isnoneornil(L, 2) ? span_of("", 0) : need_text(L, 2, "table.concat");
    size_t most = lua_host_of(L)->limits->string;
    char *text = lua_newuserdatauv(L, most + 1, 0);
    size_t used = 0;
    for (lua_Integer i = 1; i <= n; i++) {
        (void)lua_rawgeti(L, 1, i);
        if (!sortable(L, -1))
            lua_host_refuse(L, WS_EINPUT,
                "table.concat: element %lld is neither an integer nor a text", (long long)i);
        struct span part = {0};
        part.p = (const uint8_t *)lua_tolstring(L, -1, &part.n);
        size_t gap = i > 1 ? sep.n : 0;
        if (gap + part.n > most - used)
            lua_host_refuse(L, WS_ELIMIT, "a text of more than %zu octets", most);
        memcpy(text + used, sep.p, gap);
        memcpy(text + used + gap, part.p, part.n);
        used += gap + part.n;
        lua_pop(L, 1);
    }
    lua_pushlstring(L, text, used);
    return 1;
}

/* ---- values ---- */

static int env_type(lua_State *L) {
    need(L, !lua_isnone(L, 1), 1, "type", "a value");
    lua_pushstring(L, luaL_typename(L, 1));
    return 1;
}

static int env_tostring(lua_State *L) {
    switch (lua_type(L, 1)) {
    case LUA_TBOOLEAN:
        lua_pushstring(L, lua_toboolean(L, 1) ? "true" : "false");
        break;
    case LUA_TNIL:
        lua_pushstring(L, "nil");
        break;
    default: /* a table's or a function's text would be its address */
        need(L, sortable(L, 1), 1, "tostring", "an integer, a text, a boolean or nil");
        lua_settop(L, 1);
        (void)lua_tolstring(L, 1, NULL);
        break;
    }
    return 1;
}

/* Decimal digits with an optional minus, in the range of an integer: that number, otherwise nil. */
static int env_tonumber(lua_State *L) {
    need(L, lua_isnone(L, 2), 2, "tonumber", "one value");
    need(L, sortable(L, 1), 1, "tonumber", "an integer or a text");
    if (lua_isinteger(L, 1)) {
        lua_settop(L, 1);
        return 1;
    }
    struct span s = need_text(L, 1, "tonumber");
    bool minus = s.n > 0 && s.p[0] == '-';
    uint64_t most = (uint64_t)INT64_MAX + minus;
    uint64_t v = 0;
    size_t i = minus;
    for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++) {
        unsigned digit = s.p[i] - '0';
        if (v > (most - digit) / 10)
            break;
        v = v * 10 + digit;
    }
    if (i == s.n && i > minus)
        lua_pushinteger(L, (lua_Integer)(minus ? 0 - v : v));
    else
        lua_pushnil(L);
    return 1;
}

MAY_THROW NORETURN static void raise_text(lua_State *L, int arg, const char *fn) {
    need(L, lua_type(L, arg) == LUA_TSTRING, arg, fn, "a text");
    lua_host_refuse(L, WS_EINPUT, "%s", lua_tostring(L, arg));
}

static int env_error(lua_State *L) {
    raise_text(L, 1, "error");
}

static int env_assert(lua_State *L) {
    need(L, !lua_isnone(L, 1), 1, "assert", "a value");
    if (!lua_toboolean(L, 1)) {
        if (!lua_isnoneornil(L, 2))
            raise_text(L, 2, "assert");
        lua_host_refuse(L, WS_EINPUT, "assertion failed");
    }
    lua_settop(L, 1);
    return 1;
}

/* ---- math, string ---- */

MAY_THROW static int extreme(lua_State *L, const char *fn, bool largest) {
    lua_Integer best = need_integer(L, 1, fn);
    for (int i = 2; i <= lua_gettop(L); i++) {
        lua_Integer v = need_integer(L, i, fn);
        if (largest ? v > best : v < best)
            best = v;
    }
    lua_pushinteger(L, best);
    return 1;
}

static int math_max(lua_State *L) {
    return extreme(L, "math.max", true);
}

static int math_min(lua_State *L) {
    return extreme(L, "math.min", false);
}

static int math_abs(lua_State *L) {
    lua_Integer v = need_integer(L, 1, "math.abs");
    if (v == LUA_MININTEGER)
        lua_host_refuse(L, WS_EINPUT, "math.abs: the smallest integer has no opposite");
    lua_pushinteger(L, v < 0 ? -v : v);
    return 1;
}

static int math_ult(lua_State *L) {
    lua_Unsigned a = (lua_Unsigned)need_integer(L, 1, "math.ult");
    lua_Unsigned b = (lua_Unsigned)need_integer(L, 2, "math.ult");
    lua_pushboolean(L, a < b);
    return 1;
}

static int math_tointeger(lua_State *L) {
    if (lua_isinteger(L, 1))
        lua_settop(L, 1);
    else
        lua_pushnil(L);
    return 1;
}

static int string_len(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)need_text(L, 1, "string.len").n);
    return 1;
}

/* Octets first to last, from 1; negative places count from the end, as in Lua. */
static int string_sub(lua_State *L) {
    struct span s = need_text(L, 1, "string.sub");
    lua_Integer n = (lua_Integer)s.n;
    lua_Integer first = need_integer(L, 2, "string.sub");
    lua_Integer last = lua_isnoneornil(L, 3) ? -1 : need_integer(L, 3, "string.sub");
    if (first < 0)
        first = first < -n ? 1 : n + first + 1;
    if (last < 0)
        last = last < -n ? 0 : n + last + 1;
    first = first < 1 ? 1 : first;
    last = last > n ? n : last;
    if (first > last)
        lua_pushlstring(L, "", 0);
    else
        lua_pushlstring(L, (const char *)s.p + first - 1, (size_t)(last - first + 1));
    return 1;
}

MAY_THROW static int change_case(lua_State *L, const char *fn, char from, char to) {
    struct span s = need_text(L, 1, fn);
    char *p = lua_newuserdatauv(L, s.n + 1, 0);
    for (size_t i = 0; i < s.n; i++) {
        char c = (char)s.p[i];
        p[i] = c >= from && c <= from + 25 ? (char)(c - from + to) : c;
    }
    lua_pushlstring(L, p, s.n);
    return 1;
}

static int string_upper(lua_State *L) {
    return change_case(L, "string.upper", 'a', 'A');
}

static int string_lower(lua_State *L) {
    return change_case(L, "string.lower", 'A', 'a');
}

/* ---- names ---- */

/* What Lua has and policies have not; other unknown names are slips of the pen. */
static const char *why_absent(const char *name) {
    static const char *const order[] = {"pairs", "next"};
    static const char *const absent[] = {"_G", "_VERSION", "collectgarbage", "coroutine", "debug",
        "dofile", "getmetatable", "io", "load", "loadfile", "loadstring", "os", "package", "pcall",
        "print", "rawequal", "rawget", "rawlen", "rawset", "require", "select", "setmetatable",
        "utf8", "warn", "xpcall"};
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        if (strcmp(name, order[i]) == 0)
            return "is not available to policies: its order differs between validators; use "
                   "sorted_keys";
    }
    for (size_t i = 0; i < ARRAY_LEN(absent); i++) {
        if (strcmp(name, absent[i]) == 0)
            return "is not available to policies";
    }
    return "is not defined";
}

static int absent_global(lua_State *L) {
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
    lua_host_refuse(L, WS_EINPUT, "'%.64s' %s", name, why_absent(name));
}

static int new_global(lua_State *L) {
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
    lua_host_refuse(
        L, WS_EINPUT, "'%.64s' is not declared; write 'local' before its first use", name);
}

static int absent_member(lua_State *L) {
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
    lua_host_refuse(L, WS_EINPUT, "'%s.%.64s' is not available to policies",
        lua_tostring(L, lua_upvalueindex(1)), name);
}

static int new_member(lua_State *L) {
    lua_host_refuse(
        L, WS_EINPUT, "the table '%s' cannot be changed", lua_tostring(L, lua_upvalueindex(1)));
}

/* The table on top, which holds all that `name` offers, becomes the hidden side of an empty one: reading what
 * it has not calls `read`, writing anything calls `write`, and nothing can reach it to change it. */
MAY_THROW static void protect(
    lua_State *L, const char *name, lua_CFunction read, lua_CFunction write) {
    lua_createtable(L, 0, 1);
    lua_pushstring(L, name);
    lua_pushcclosure(L, read, 1);
    lua_setfield(L, -2, "__index");
    (void)lua_setmetatable(L, -2);

    lua_newtable(L);
    lua_createtable(L, 0, 2);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_pushstring(L, name);
    lua_pushcclosure(L, write, 1);
    lua_setfield(L, -2, "__newindex");
    (void)lua_setmetatable(L, -2);
    lua_remove(L, -2);
}

MAY_THROW static void set_functions(lua_State *L, const luaL_Reg *list, size_t n) {
    for (size_t i = 0; i < n; i++) {
        lua_pushcfunction(L, list[i].func);
        lua_setfield(L, -2, list[i].name);
    }
}

void lua_env_open(lua_State *L) {
    static const luaL_Reg globals[] = {{"assert", env_assert}, {"error", env_error},
        {"ipairs", env_ipairs}, {"len", env_len}, {"sorted_keys", env_sorted_keys},
        {"tonumber", env_tonumber}, {"tostring", env_tostring}, {"type", env_type}};
    static const luaL_Reg math[] = {{"abs", math_abs}, {"max", math_max}, {"min", math_min},
        {"tointeger", math_tointeger}, {"ult", math_ult}};
    static const luaL_Reg string[] = {
        {"len", string_len}, {"lower", string_lower}, {"sub", string_sub}, {"upper", string_upper}};
    static const luaL_Reg table[] = {
        {"concat", table_concat}, {"insert", table_insert}, {"sort", table_sort}};

    lua_newtable(L);
    set_functions(L, globals, ARRAY_LEN(globals));

    lua_newtable(L);
    set_functions(L, math, ARRAY_LEN(math));
    lua_pushinteger(L, LUA_MAXINTEGER);
    lua_setfield(L, -2, "maxinteger");
    lua_pushinteger(L, LUA_MININTEGER);
    lua_setfield(L, -2, "mininteger");
    protect(L, "math", absent_member, new_member);
    lua_setfield(L, -2, "math");

    lua_newtable(L);
    set_functions(L, string, ARRAY_LEN(string));
    protect(L, "string", absent_member, new_member);
    lua_setfield(L, -2, "string");

    lua_newtable(L);
    set_functions(L, table, ARRAY_LEN(table));
    protect(L, "table", absent_member, new_member);
    lua_setfield(L, -2, "table");

    protect(L, "globals", absent_global, new_global);
    lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
}
