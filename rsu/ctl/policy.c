/* rsuctl policy check, policy show. */
#include "rsu/ctl/ctl.h"
#include "rsu/ctl/http.h"

#include "base/fileio.h"
#include "base/mem.h"
#include "ledger/policy/lua_host.h"
#include "rsu/cell/cell.h"

#include <stdlib.h>
#include <string.h>

struct verdict {
    int rc;
    struct ws_err err;
    int64_t *values;
    struct policy_usage usage;
    uint8_t hash[32];
};

static void evaluate(const char *path, struct span script, struct verdict *ret) {
    const struct policy_schema *schema = cell_policy_schema();
    const char *slash = strrchr(path, '/');
    ret->values = ws_calloc(schema->n, sizeof(*ret->values));
    ret->rc = policy_measure(script, slash == NULL ? path : slash + 1, schema, cell_policy_limits(),
        ret->values, &ret->usage, &ret->err);
    if (ret->rc == WS_OK)
        ret->rc = cell_policy_check(ret->values, &ret->err);
    if (ret->rc != WS_OK)
        return;
    struct buf table = {0};
    policy_table_encode(schema, ret->values, &table);
    policy_hash(script, buf_span(&table), ret->hash);
    buf_free(&table);
}

static json_t *verdict_json(const struct verdict *t) {
    const struct policy_schema *schema = cell_policy_schema();
    const struct policy_limits *limits = cell_policy_limits();
    char hex[65];
    json_t *o = json_pack("{s:b, s:I, s:I, s:I, s:I}", "good", t->rc == WS_OK, "steps",
        (json_int_t)t->usage.steps, "steps_max", (json_int_t)limits->steps, "memory",
        (json_int_t)t->usage.memory, "memory_max", (json_int_t)limits->memory);
    if (t->rc != WS_OK) {
        (void)json_object_set_new(o, "error", json_string(t->err.text));
        return o;
    }
    json_t *table = json_object();
    for (size_t i = 0; i < schema->n; i++)
        (void)json_object_set_new(table, schema->fields[i]->name, json_integer(t->values[i]));
    hex_encode(hex, t->hash, 32);
    (void)json_object_set_new(o, "hash", json_string(hex));
    (void)json_object_set_new(o, "table", table);
    return o;
}

static void put_verdict(const struct verdict *t, struct buf *b) {
    const struct policy_schema *schema = cell_policy_schema();
    const struct policy_limits *limits = cell_policy_limits();
    char hex[65];
    for (size_t i = 0; i < schema->n; i++)
        buf_printf(b, "%-34s %lld %s\n", schema->fields[i]->name, (long long)t->values[i],
            strcmp(schema->fields[i]->unit, "1") == 0 ? "" : schema->fields[i]->unit);
    hex_encode(hex, t->hash, 32);
    buf_printf(b, "steps: %llu of %u; memory: %llu of %u octets\nhash: %s\n",
        (unsigned long long)t->usage.steps, limits->steps, (unsigned long long)t->usage.memory,
        limits->memory, hex);
}

static int run_check(const struct ctl_verb *v, int argc, char **argv) {
    bool json = false;
    struct ctl_list words = {0};
    const struct ctl_option options[] = {{"json", CTL_FLAG, &json, 0, 0}};
    int code;
    if (!ctl_options(v, argc, argv, options, ARRAY_LEN(options), &words, 1, 1, &code))
        return code;
    struct buf script = {0};
    struct ws_err err = {0};
    /* One octet more than may be, so that the refusal is the host's own. */
    int rc = file_read(words.v[0], (size_t)cell_policy_limits()->source + 1, &script, &err);
    if (rc != WS_OK) {
        buf_free(&script);
        return ctl_fail(v, rc == WS_ELIMIT ? CTL_NO : CTL_UNREACHABLE, &err);
    }
    struct verdict t = {0};
    evaluate(words.v[0], buf_span(&script), &t);
    if (json) {
        json_t *o = verdict_json(&t);
        code = ctl_print_json(v, o);
        json_decref(o);
    } else if (t.rc == WS_OK) {
        struct buf b = {0};
        put_verdict(&t, &b);
        code = ctl_print(v, buf_span(&b));
        buf_free(&b);
    } else {
        code = ctl_fail(v, CTL_NO, &t.err);
    }
    if (code == CTL_DONE && t.rc != WS_OK)
        code = CTL_NO;
    free(t.values);
    buf_free(&script);
    return code;
}

const struct ctl_verb ctl_policy_check = {"policy", "check",
    "what a policy script gives, before it is deployed",
    "FILE.lua [--json]\n"
    "\n"
    "Runs the script as every validator would and prints its table, what it cost and its hash. "
    "Exit code 1: it is\n"
    "refused, with the line or the field, or learning could not work, or find offenders, with its "
    "numbers.\n"
    "\n"
    "  --json   print JSON\n",
    run_check};

/* ---- show ---- */

static void put_policy(const json_t *policy, struct buf *b) {
    size_t i;
    json_t *f;
    buf_printf(b, "policy: %s, sequence %lld\nhash: %s\n", ctl_json_text(policy, "name"),
        ctl_json_number(policy, "sequence"), ctl_json_text(policy, "hash"));
    json_array_foreach(json_object_get(policy, "table"), i, f) {
        const char *unit = ctl_json_text(f, "unit");
        buf_printf(b, "%-34s %lld %s\n", ctl_json_text(f, "field"), ctl_json_number(f, "value"),
            strcmp(unit, "1") == 0 ? "" : unit);
    }
}

static int run_show(const struct ctl_verb *v, int argc, char **argv) {
    struct ctl_face face = {.address = CTL_FACE_HERE};
    bool json = false;
    bool script = false;
    const struct ctl_option options[] = {
        {"http", CTL_FACE, &face, 0, 0},
        {"script", CTL_FLAG, &script, 0, 0},
        {"json", CTL_FLAG, &json, 0, 0},
    };
    int code;
    if (!ctl_options(v, argc, argv, options, ARRAY_LEN(options), NULL, 0, 0, &code))
        return code;
    struct ctl_http *h = NULL;
    json_t *page = NULL;
    struct ws_err err = {0};
    int rc = ctl_http_open(&face, &h, &err);
    if (rc == WS_OK)
        rc = ctl_http_json_most(h, "/v1/policies", CTL_POLICIES_MAX, &page, &err);
    ctl_http_close(h);
    if (rc != WS_OK)
        return ctl_fail(v, CTL_UNREACHABLE, &err);
    struct buf b = {0};
    if (json) {
        code = ctl_print_json(v, page);
    } else {
        const json_t *policy = json_object_get(page, "current");
        if (script)
            buf_printf(&b, "%s", ctl_json_text(policy, "script"));
        else
            put_policy(policy, &b);
        code = ctl_print(v, buf_span(&b));
    }
    buf_free(&b);
    json_decref(page);
    return code;
}

const struct ctl_verb ctl_policy_show = {"policy", "show", "the policy in force",
    "[--http ADDR] [--script] [--json]\n"
    "\n"
    "  --http ADDR   of the unit: HOST:PORT or unix:PATH; 127.0.0.1:8100 unless given\n"
    "  --script      print the script instead of its table\n"
    "  --json        print JSON\n",
    run_show};
