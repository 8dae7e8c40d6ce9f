#include "tests/unit/rsu/described.h"

#include <regex.h>
#include <stdio.h>
#include <yaml.h>

/* ---- YAML to JSON ---- */

static json_t *scalar(const yaml_node_t *n) {
    const char *text = (const char *)n->data.scalar.value;
    char *end = NULL;
    if (n->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return json_string(text);
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
        return json_boolean(text[0] == 't');
    if (strcmp(text, "null") == 0 || text[0] == '\0')
        return json_null();
    long long number = strtoll(text, &end, 10);
    return *end == '\0' ? json_integer(number) : json_string(text);
}

static json_t *convert(yaml_document_t *d, int index) {
    const yaml_node_t *n = yaml_document_get_node(d, index);
    assert_non_null(n);
    if (n->type == YAML_SCALAR_NODE)
        return scalar(n);
    if (n->type == YAML_SEQUENCE_NODE) {
        json_t *list = json_array();
        for (const int *i = n->data.sequence.items.start; i < n->data.sequence.items.top; i++)
            json_array_append_new(list, convert(d, *i));
        return list;
    }
    json_t *o = json_object();
    for (const yaml_node_pair_t *p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top;
         p++) {
        const yaml_node_t *key = yaml_document_get_node(d, p->key);
        const char *name = (const char *)key->data.scalar.value;
        if (json_object_get(o, name) != NULL)
            fail_msg("line %zu: %s a second time", key->start_mark.line + 1, name);
        json_object_set_new(o, name, convert(d, p->value));
    }
    return o;
}

json_t *described_load(const char *file) {
    yaml_parser_t parser;
    yaml_document_t document;
    FILE *f = fopen(file, "rb");
    if (f == NULL)
        fail_msg("%s is not there", file);
    assert_true(yaml_parser_initialize(&parser));
    yaml_parser_set_input_file(&parser, f);
    if (!yaml_parser_load(&parser, &document))
        fail_msg("%s, line %zu: %s", file, parser.problem_mark.line + 1, parser.problem);
    json_t *page = convert(&document, 1);
    yaml_document_delete(&document);
    yaml_parser_delete(&parser);
    assert_int_equal(fclose(f), 0);
    return page;
}

/* ---- finding ---- */

/* "#/components/schemas/Hash" */
static const json_t *follow(const json_t *page, const json_t *o) {
    const char *ref = json_string_value(json_object_get(o, "$ref"));
    if (ref == NULL)
        return o;
    char path[200];
    char *rest = NULL;
    const json_t *at = page;
    (void)snprintf(path, sizeof(path), "%s", ref);
    for (char *part = strtok_r(path, "/", &rest); part != NULL; part = strtok_r(NULL, "/", &rest))
        at = strcmp(part, "#") == 0 ? page : json_object_get(at, part);
    if (at == NULL)
        fail_msg("%s refers to nothing", ref);
    return follow(page, at);
}

const json_t *described_response(const json_t *page, const char *path, unsigned status) {
    char number[8];
    (void)snprintf(number, sizeof(number), "%u", status);
    const json_t *get =
        json_object_get(json_object_get(json_object_get(page, "paths"), path), "get");
    const json_t *r = json_object_get(json_object_get(get, "responses"), number);
    return r == NULL ? NULL : follow(page, r);
}

const json_t *described_schema(const json_t *page, const json_t *response, const char *type) {
    const json_t *media = json_object_get(json_object_get(response, "content"), type);
    const json_t *schema = json_object_get(media, "schema");
    return schema == NULL ? NULL : follow(page, schema);
}

/* ---- checking ---- */

static bool is_type(const json_t *v, const char *type) {
    if (strcmp(type, "number") == 0)
        return json_is_number(v);
    return (strcmp(type, "integer") == 0 && json_is_integer(v)) ||
           (strcmp(type, "string") == 0 && json_is_string(v)) ||
           (strcmp(type, "boolean") == 0 && json_is_boolean(v)) ||
           (strcmp(type, "array") == 0 && json_is_array(v)) ||
           (strcmp(type, "object") == 0 && json_is_object(v));
}

static bool matches(const char *pattern, const char *text) {
    regex_t re;
    assert_int_equal(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
    bool good = regexec(&re, text, 0, NULL, 0) == 0;
    regfree(&re);
    return good;
}

static void check_text(const json_t *schema, const char *text, const char *where) {
    const char *pattern = json_string_value(json_object_get(schema, "pattern"));
    const char *format = json_string_value(json_object_get(schema, "format"));
    const json_t *words = json_object_get(schema, "enum");
    if (pattern != NULL && !matches(pattern, text))
        fail_msg("%s: '%.200s' is not %s", where, text, pattern);
    if (format != NULL && strcmp(format, "date-time") == 0 &&
        !matches("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]+)?Z$", text))
        fail_msg("%s: '%s' is no instant", where, text);
    bool among = words == NULL;
    size_t i;
    json_t *word;
    json_array_foreach(words, i, word) among =
        among || (json_is_string(word) && strcmp(json_string_value(word), text) == 0);
    if (!among)
        fail_msg("%s: '%s' is not among the values described", where, text);
}

/* A member's schema, among all parts of the object's. *ret_open: more members than the described ones may be there. */
static const json_t *member_schema(
    const json_t *page, const json_t *schema, const char *name, bool *ret_open) {
    const json_t *found = json_object_get(json_object_get(schema, "properties"), name);
    const json_t *parts = json_object_get(schema, "allOf");
    const json_t *more = json_object_get(schema, "additionalProperties");
    size_t i;
    json_t *part;
    json_array_foreach(parts, i, part) {
        const json_t *in = member_schema(page, follow(page, part), name, ret_open);
        found = found == NULL ? in : found;
    }
    if (found == NULL && json_is_object(more))
        found = more;
    if (parts == NULL && json_object_get(schema, "properties") == NULL && more == NULL)
        *ret_open = true; /* of elsewhere: GeoJSON */
    return found == NULL ? NULL : follow(page, found);
}

static void check_members(
    const json_t *page, const json_t *schema, const json_t *value, const char *where) {
    const char *name;
    json_t *member;
    json_object_foreach((json_t *)value, name, member) {
        char at[400];
        bool open = false;
        const json_t *of = member_schema(page, schema, name, &open);
        (void)snprintf(at, sizeof(at), "%s.%s", where, name);
        if (of != NULL)
            described_check(page, of, member, at);
        else if (!open)
            fail_msg("%s is not described", at);
    }
}

static void check_required(
    const json_t *page, const json_t *schema, const json_t *value, const char *where) {
    size_t i;
    json_t *name;
    json_array_foreach(json_object_get(schema, "required"), i, name) {
        if (json_object_get(value, json_string_value(name)) == NULL)
            fail_msg("%s has no %s", where, json_string_value(name));
    }
    json_array_foreach(json_object_get(schema, "allOf"), i, name)
        check_required(page, follow(page, name), value, where);
}

void described_check(
    const json_t *page, const json_t *schema, const json_t *value, const char *where) {
    const char *type = json_string_value(json_object_get(schema, "type"));
    size_t i;
    json_t *part;
    if (json_is_null(value)) {
        if (!json_is_true(json_object_get(schema, "nullable")))
            fail_msg("%s is null", where);
        return;
    }
    if (type != NULL && !is_type(value, type))
        fail_msg("%s is no %s", where, type);
    if (json_is_string(value))
        check_text(schema, json_string_value(value), where);
    const json_t *least = json_object_get(schema, "minimum");
    if (json_is_number(value) && least != NULL &&
        json_number_value(value) < json_number_value(least))
        fail_msg("%s is less than described", where);
    json_array_foreach(value, i, part) {
        char at[400];
        const json_t *items = json_object_get(schema, "items");
        (void)snprintf(at, sizeof(at), "%s[%zu]", where, i);
        if (items == NULL)
            fail_msg("%s is not described", at);
        described_check(page, follow(page, items), part, at);
    }
    if (json_is_object(value)) {
        check_required(page, schema, value, where);
        check_members(page, schema, value, where);
        return;
    }
    json_array_foreach(json_object_get(schema, "allOf"), i, part)
        described_check(page, follow(page, part), value, where);
}
