/* From the table that a script returned to values in schema order. Every refusal names the field, and which
 * one is named does not depend on the order in which Lua keeps the table. */
#include "ledger/policy/lua_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    SHOWN_MAX = 200, /* of a field; anything longer is unknown and only shown in part */
    TABLES_MAX = 64, /* as many as there can be groups of fields */
};

struct walk {
    const struct policy_schema *schema;
    int64_t *values;
    bool found[POLICY_FIELDS_MAX];
    lua_Integer keys;
    struct {
        const void *at;
        char path[SHOWN_MAX];
    } tables[TABLES_MAX];
    size_t n_tables;
};

static const struct policy_field *find_field(
    const struct walk *w, const char *path, size_t *ret_index) {
    for (size_t i = 0; i < w->schema->n; i++) {
        if (strcmp(w->schema->fields[i]->name, path) == 0) {
            *ret_index = i;
            return w->schema->fields[i];
        }
    }
    return NULL;
}

static bool is_group(const struct walk *w, const char *path) {
    size_t n = strlen(path);
    for (size_t i = 0; i < w->schema->n; i++) {
        const char *name = w->schema->fields[i]->name;
        if (n == 0 || (strncmp(name, path, n) == 0 && name[n] == '.'))
            return true;
    }
    return false;
}

MAY_THROW static void take_value(lua_State *L, struct walk *w, const char *path) {
    size_t i = 0;
    const struct policy_field *f = find_field(w, path, &i);
    if (f == NULL && is_group(w, path))
        lua_host_refuse(L, WS_EINPUT, "field %s is a %s; it takes a table of fields", path,
            lua_typename(L, lua_type(L, -1)));
    if (f == NULL)
        lua_host_refuse(L, WS_EINPUT, "field %s is unknown", path);
    if (lua_type(L, -1) == LUA_TNUMBER && !lua_isinteger(L, -1))
        lua_host_refuse(L, WS_EINPUT, "field %s is a float (%.17g); it takes an integer", path,
            (double)lua_tonumber(L, -1));
    if (!lua_isinteger(L, -1))
        lua_host_refuse(L, WS_EINPUT, "field %s is a %s; it takes an integer", path,
            lua_typename(L, lua_type(L, -1)));
    int64_t v = lua_tointeger(L, -1);
    if (v < f->min || v > f->max)
        lua_host_refuse(L, WS_EINPUT,
            "field %s is %" PRId64 "; it takes %" PRId64 " to %" PRId64 " (%s)", path, v, f->min,
            f->max, f->unit);
    w->values[i] = v;
    w->found[i] = true;
}

MAY_THROW static void enter(lua_State *L, struct walk *w, const char *path) {
    const void *at = lua_topointer(L, -1);
    const char *shown = path[0] == '\0' ? "the returned table" : path;
    for (size_t i = 0; i < w->n_tables; i++) {
        if (w->tables[i].at == at)
            lua_host_refuse(L, WS_EINPUT, "field %s is the same table as %s; each takes its own",
                shown, w->tables[i].path);
    }
    if (!is_group(w, path))
        lua_host_refuse(
            L, WS_EINPUT, "field %s is a table; it takes an integer or is unknown", shown);
    if (w->n_tables == TABLES_MAX)
        lua_host_refuse(L, WS_ELIMIT, "field %s: more than %d tables", shown, TABLES_MAX);
    w->tables[w->n_tables].at = at;
    (void)snprintf(w->tables[w->n_tables].path, SHOWN_MAX, "%s", shown);
    w->n_tables++;
}

/* Reads the table on top of the stack. */
MAY_THROW static void take_table(lua_State *L, struct walk *w, const char *path, uint32_t depth) {
    if (depth > lua_host_of(L)->limits->nesting || !lua_checkstack(L, LUA_MINSTACK))
        lua_host_refuse(L, WS_ELIMIT, "field %s: tables nested too deep", path);
    enter(L, w, path);
    int table = lua_gettop(L);
    lua_Integer n = lua_env_sorted_keys(L, table, path[0] == '\0' ? "the returned table" : path);
    w->keys += n;
    if (w->keys > lua_host_of(L)->limits->entries)
        lua_host_refuse(
            L, WS_ELIMIT, "more than %u keys returned", lua_host_of(L)->limits->entries);
    for (lua_Integer i = 1; i <= n; i++) {
        const char *dot = path[0] == '\0' ? "" : ".";
        (void)lua_rawgeti(L, table + 1, i);
        if (lua_type(L, -1) != LUA_TSTRING)
            lua_host_refuse(L, WS_EINPUT, "field %s[%lld]: fields have names, not numbers", path,
                (long long)lua_tointeger(L, -1));
        const char *key = lua_tostring(L, -1);
        if (strchr(key, '.') != NULL)
            lua_host_refuse(L, WS_EINPUT,
                "field %s%s[\"%.64s\"]: write tables inside tables, not dots", path, dot, key);
        char inner[SHOWN_MAX];
        int len = snprintf(inner, sizeof(inner), "%s%s%s", path, dot, key);
        if (len < 0 || (size_t)len >= sizeof(inner))
            lua_host_refuse(L, WS_EINPUT, "field %.64s... is unknown", inner);
        if (lua_rawget(L, table) == LUA_TTABLE)
            take_table(L, w, inner, depth + 1);
        else
            take_value(L, w, inner);
        lua_settop(L, table + 1);
    }
    lua_settop(L, table);
}

void lua_result_read(lua_State *L, const struct policy_schema *schema, int64_t *ret_values) {
    struct walk w = {.schema = schema, .values = ret_values};
    take_table(L, &w, "", 1);
    for (size_t i = 0; i < schema->n; i++) {
        const struct policy_field *f = schema->fields[i];
        if (!w.found[i])
            lua_host_refuse(L, WS_EINPUT,
                "field %s is missing: %s (%" PRId64 " to %" PRId64 ", %s)", f->name, f->help,
                f->min, f->max, f->unit);
    }
}
