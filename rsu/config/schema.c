/* What the YAML file may hold, as libcyaml's schema, and libcyaml's log made into one message with file,
 * line, key and what is allowed there. */
#include "rsu/config/internal.h"

#include "base/log.h"

#include <cyaml/cyaml.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The schema types' size fields are plain macros of the library, which these switch for us. */
#define TEXT(key, flags, type)                                                                     \
    CYAML_FIELD_STRING_PTR(#key, CYAML_FLAG_POINTER | (flags), type, key, 1, CONFIG_TEXT_MAX)
#define OPTIONAL CYAML_FLAG_OPTIONAL

static const cyaml_strval_t bools[] = {{"false", 0}, {"true", 1}};
static const cyaml_strval_t clocks[] = {{"system", WS_CLOCK_SYSTEM}, {"scaled", WS_CLOCK_SCALED}};
static const cyaml_strval_t ports[] = {{"capture", PORT_CAPTURE}, {"af_packet", PORT_AF_PACKET},
    {"af_xdp", PORT_AF_XDP}, {"tap", PORT_TAP}, {"ring", PORT_RING}, {"nic", PORT_NIC}};
static const cyaml_strval_t backends[] = {{"auto", VERIFY_AUTO}, {"ifma", VERIFY_IFMA},
    {"portable", VERIFY_PORTABLE}, {"openssl", VERIFY_OPENSSL}};
static const cyaml_strval_t levels[] = {
    {"error", WS_LOG_ERROR}, {"warn", WS_LOG_WARN}, {"info", WS_LOG_INFO}, {"debug", WS_LOG_DEBUG}};

static const cyaml_schema_field_t peer_fields[] = {TEXT(address, 0, struct yaml_peer),
    TEXT(endpoint, 0, struct yaml_peer), TEXT(key, OPTIONAL, struct yaml_peer), CYAML_FIELD_END};
static const cyaml_schema_value_t peer_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct yaml_peer, peer_fields)};

static const cyaml_schema_field_t follower_fields[] = {
    TEXT(key, 0, struct yaml_follower), TEXT(endpoint, 0, struct yaml_follower), CYAML_FIELD_END};
static const cyaml_schema_value_t follower_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct yaml_follower, follower_fields)};

static const cyaml_schema_field_t clock_fields[] = {
    CYAML_FIELD_ENUM(
        "kind", CYAML_FLAG_STRICT, struct yaml_clock, kind, clocks, CYAML_ARRAY_LEN(clocks)),
    TEXT(epoch, OPTIONAL, struct yaml_clock), TEXT(start_mono_us, OPTIONAL, struct yaml_clock),
    TEXT(rate, OPTIONAL, struct yaml_clock), CYAML_FIELD_END};

static const cyaml_schema_value_t file_value = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 1, CONFIG_TEXT_MAX)};
static const cyaml_schema_field_t port_fields[] = {
    CYAML_FIELD_ENUM(
        "kind", CYAML_FLAG_STRICT, struct yaml_port, kind, ports, CYAML_ARRAY_LEN(ports)),
    CYAML_FIELD_SEQUENCE("files", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct yaml_port, files,
        &file_value, 1, CONFIG_FILES_MAX),
    CYAML_FIELD_ENUM_PTR("paced", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT,
        struct yaml_port, paced, bools, CYAML_ARRAY_LEN(bools)),
    TEXT(interface, OPTIONAL, struct yaml_port), TEXT(device, OPTIONAL, struct yaml_port),
    TEXT(ring_frames, OPTIONAL, struct yaml_port), TEXT(buffers, OPTIONAL, struct yaml_port),
    TEXT(workers, OPTIONAL, struct yaml_port), CYAML_FIELD_END};
static const cyaml_schema_value_t port_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct yaml_port, port_fields)};

#define X(key, ...) TEXT(key, OPTIONAL, struct yaml_pipeline),
static const cyaml_schema_field_t pipeline_fields[] = {
    CONFIG_PIPELINE(X)
        CYAML_FIELD_ENUM_PTR("verify", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT,
            struct yaml_pipeline, verify, backends, CYAML_ARRAY_LEN(backends)),
    CYAML_FIELD_END};
#undef X
#define X(key, ...) TEXT(key, OPTIONAL, struct yaml_node),
static const cyaml_schema_field_t node_fields[] = {CONFIG_NODE(X) CYAML_FIELD_END};
#undef X
#define X(key, ...) TEXT(key, OPTIONAL, struct yaml_links),
static const cyaml_schema_field_t links_fields[] = {CONFIG_LINKS(X) CYAML_FIELD_END};
#undef X
#define X(key, ...) TEXT(key, OPTIONAL, struct yaml_plausibility),
static const cyaml_schema_field_t plausibility_fields[] = {
    TEXT(place, OPTIONAL, struct yaml_plausibility), CONFIG_PLAUSIBILITY(X) CYAML_FIELD_END};
#undef X
#define X(key, ...) TEXT(key, OPTIONAL, struct yaml_gossip),
static const cyaml_schema_field_t gossip_fields[] = {CONFIG_GOSSIP(X) CYAML_FIELD_END};
#undef X
#define X(key, ...) TEXT(key, OPTIONAL, struct yaml_learning),
static const cyaml_schema_field_t learning_fields[] = {
    TEXT(upload, OPTIONAL, struct yaml_learning), CONFIG_LEARNING(X) CYAML_FIELD_END};
#undef X
#define X(key, ...) TEXT(key, OPTIONAL, struct yaml_decide),
static const cyaml_schema_field_t decide_fields[] = {TEXT(sensor, 0, struct yaml_decide),
    TEXT(class, OPTIONAL, struct yaml_decide), TEXT(utc_offset, OPTIONAL, struct yaml_decide),
    TEXT(site, OPTIONAL, struct yaml_decide), CONFIG_DECIDE(X) CYAML_FIELD_END};
#undef X
#define X(key, ...) TEXT(key, OPTIONAL, struct yaml_lists),
static const cyaml_schema_field_t lists_fields[] = {CONFIG_LISTS(X) CYAML_FIELD_END};
#undef X
#define X(key, ...) TEXT(key, OPTIONAL, struct yaml_radio),
static const cyaml_schema_field_t radio_fields[] = {TEXT(ticket, 0, struct yaml_radio),
    TEXT(issuer, OPTIONAL, struct yaml_radio), TEXT(ticket_key, 0, struct yaml_radio),
    TEXT(place, 0, struct yaml_radio), CONFIG_RADIO(X) CYAML_FIELD_END};
#undef X

#define X(key, ...) TEXT(key, OPTIONAL, struct yaml_sensor),
static const cyaml_schema_field_t sensor_fields[] = {TEXT(name, 0, struct yaml_sensor),
    TEXT(socket, 0, struct yaml_sensor), TEXT(mode, OPTIONAL, struct yaml_sensor),
    TEXT(ticket, 0, struct yaml_sensor), TEXT(ticket_key, 0, struct yaml_sensor),
    TEXT(place, 0, struct yaml_sensor), TEXT(heading_deg, 0, struct yaml_sensor),
    CONFIG_SENSOR(X) CYAML_FIELD_END};
static const cyaml_schema_value_t sensor_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct yaml_sensor, sensor_fields)};
#undef X
#define X(key, ...) TEXT(key, OPTIONAL, struct yaml_disk),
static const cyaml_schema_field_t disk_fields[] = {CONFIG_DISK(X) CYAML_FIELD_END};
#undef X
#define X(key, ...) TEXT(key, OPTIONAL, struct yaml_record),
static const cyaml_schema_field_t record_fields[] = {
    TEXT(folder, 0, struct yaml_record), CONFIG_RECORD(X) CYAML_FIELD_END};
#undef X

#define X(key, ...) TEXT(key, OPTIONAL, struct yaml_file),
static const cyaml_schema_field_t top_fields[] = {
    TEXT(genesis, 0, struct yaml_file),
    TEXT(map, OPTIONAL, struct yaml_file),
    TEXT(key, OPTIONAL, struct yaml_file),
    TEXT(curve_key, 0, struct yaml_file),
    TEXT(data, 0, struct yaml_file),
    TEXT(bind, 0, struct yaml_file),
    CYAML_FIELD_SEQUENCE("peers", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct yaml_file, peers,
        &peer_value, 0, NET_PEERS_MAX),
    CYAML_FIELD_SEQUENCE("followers", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct yaml_file,
        followers, &follower_value, 0, NET_PEERS_MAX),
    CYAML_FIELD_MAPPING_PTR(
        "clock", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct yaml_file, clock, clock_fields),
    CYAML_FIELD_SEQUENCE("ports", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct yaml_file, ports,
        &port_value, 0, CONFIG_PORTS_MAX),
    CYAML_FIELD_MAPPING_PTR("pipeline", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct yaml_file,
        pipeline, pipeline_fields),
    CYAML_FIELD_MAPPING_PTR(
        "node", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct yaml_file, node, node_fields),
    CYAML_FIELD_MAPPING_PTR(
        "links", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct yaml_file, links, links_fields),
    CYAML_FIELD_MAPPING_PTR(
        "radio", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct yaml_file, radio, radio_fields),
    CYAML_FIELD_SEQUENCE("sensors", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct yaml_file,
        sensors, &sensor_value, 0, CONFIG_SENSORS_MAX),
    CYAML_FIELD_MAPPING_PTR("plausibility", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
        struct yaml_file, plausibility, plausibility_fields),
    CYAML_FIELD_MAPPING_PTR("gossip", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct yaml_file,
        gossip, gossip_fields),
    CYAML_FIELD_MAPPING_PTR("learning", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct yaml_file,
        learning, learning_fields),
    CYAML_FIELD_MAPPING_PTR("decide", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct yaml_file,
        decide, decide_fields),
    CYAML_FIELD_MAPPING_PTR(
        "lists", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct yaml_file, lists, lists_fields),
    CYAML_FIELD_MAPPING_PTR(
        "disk", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct yaml_file, disk, disk_fields),
    CYAML_FIELD_MAPPING_PTR("record", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct yaml_file,
        record, record_fields),
    TEXT(http, OPTIONAL, struct yaml_file),
    TEXT(admin, OPTIONAL, struct yaml_file),
    TEXT(revocations, OPTIONAL, struct yaml_file),
    TEXT(list_manager, OPTIONAL, struct yaml_file),
    TEXT(sign_counter, OPTIONAL, struct yaml_file),
    CONFIG_TOP(X) CYAML_FIELD_ENUM_PTR("log_level",
        CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, struct yaml_file, log_level,
        levels, CYAML_ARRAY_LEN(levels)),
    CYAML_FIELD_END,
};
#undef X
static const cyaml_schema_value_t top_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct yaml_file, top_fields)};

/* ---- messages ---- */

#define DEPTH_MAX 6

/* What the library said about its first failure. */
struct story {
    char what[256];
    unsigned line;
    size_t n; /* steps of the way to the place, innermost first */
    struct step {
        char key[64]; /* empty: entry of a sequence */
        unsigned entry; /* from 1 */
    } step[DEPTH_MAX];
};

static bool take_unsigned(const char *s, unsigned *ret) {
    char *end;
    unsigned long v = strtoul(s, &end, 10);
    if (end == s || v > UINT32_MAX)
        return false;
    *ret = (unsigned)v;
    return true;
}

/* "  in mapping field 'KEY' (line: L, column: C)", "  in sequence entry 'N' (...)", "  in mapping (...)". */
static void take_step(struct story *s, const char *text) {
    const char *line = strstr(text, "(line: ");
    if (s->line == 0 && line != NULL)
        (void)take_unsigned(line + strlen("(line: "), &s->line);
    const char *quote = strchr(text, '\'');
    const char *end = quote == NULL ? NULL : strchr(quote + 1, '\'');
    if (end == NULL || s->n == DEPTH_MAX)
        return;
    struct step *p = &s->step[s->n++];
    if (strstr(text, "entry") != NULL)
        (void)take_unsigned(quote + 1, &p->entry);
    else
        (void)snprintf(p->key, sizeof(p->key), "%.*s", (int)(end - quote - 1), quote + 1);
}

static void hear(cyaml_log_t level, void *ctx, const char *fmt, va_list args) {
    struct story *s = ctx;
    char text[512];
    (void)vsnprintf(text, sizeof(text), fmt, args);
    text[strcspn(text, "\n")] = '\0';
    if (level != CYAML_LOG_ERROR && level != CYAML_LOG_WARNING)
        return;
    const char *t = strncmp(text, "Load: ", 6) == 0 ? text + 6 : text;
    if (strncmp(t, "Backtrace", 9) == 0)
        return;
    if (strncmp(t, "  in ", 5) == 0)
        take_step(s, t);
    else if (s->what[0] == '\0')
        (void)snprintf(s->what, sizeof(s->what), "%s", t);
}

/* "ports[1].kind" */
static void place(const struct story *s, char *dst, size_t size) {
    size_t at = 0;
    dst[0] = '\0';
    for (size_t i = s->n; i-- > 0 && at < size;) {
        const struct step *p = &s->step[i];
        int put = p->key[0] == '\0'
                      ? snprintf(dst + at, size - at, "[%u]", p->entry)
                      : snprintf(dst + at, size - at, "%s%s", at > 0 ? "." : "", p->key);
        at += put < 0 ? 0 : (size_t)put;
    }
}

/* The schema at the end of the story's way; NULL if it leads nowhere. */
static const cyaml_schema_value_t *schema_at(const struct story *s) {
    const cyaml_schema_value_t *v = &top_value;
    for (size_t i = s->n; i-- > 0;) {
        const struct step *p = &s->step[i];
        const cyaml_schema_value_t *next = NULL;
        if (v->type == CYAML_SEQUENCE && p->key[0] == '\0')
            next = v->sequence.entry;
        for (size_t k = 0; v->type == CYAML_MAPPING && v->mapping.fields[k].key != NULL; k++) {
            if (strcmp(v->mapping.fields[k].key, p->key) == 0)
                next = &v->mapping.fields[k].value;
        }
        if (next == NULL)
            return NULL;
        v = next;
    }
    return v;
}

/* The k-th name that may stand there; NULL behind the last. */
static const char *name_at(const cyaml_schema_value_t *v, size_t k) {
    if (v->type == CYAML_MAPPING)
        return v->mapping.fields[k].key;
    return v->type == CYAML_ENUM && k < v->enumeration.count ? v->enumeration.strings[k].str : NULL;
}

/* Whole names, as many as fit; how many do not is said. */
static void list_names(const cyaml_schema_value_t *v, char *dst, size_t size) {
    static const char more[] = " and 000 more, see rsud.yaml(5)";
    size_t at = 0;
    for (size_t k = 0; name_at(v, k) != NULL; k++) {
        const char *name = name_at(v, k);
        const char *before = k == 0 ? "; allowed: " : ", ";
        bool last = name_at(v, k + 1) == NULL;
        if (at + strlen(before) + strlen(name) + (last ? 1 : sizeof(more)) > size) {
            unsigned left = 0;
            while (name_at(v, k + left) != NULL)
                left++;
            (void)snprintf(dst + at, size - at, " and %u more, see rsud.yaml(5)", left % 1000);
            return;
        }
        at += (size_t)snprintf(dst + at, size - at, "%s%s", before, name);
    }
}

static void allowed(const cyaml_schema_value_t *v, char *dst, size_t size) {
    dst[0] = '\0';
    if (v == NULL)
        return;
    list_names(v, dst, size);
    if (v->type == CYAML_SEQUENCE)
        (void)snprintf(
            dst, size, "; allowed: a list of %u to %u entries", v->sequence.min, v->sequence.max);
    else if (v->type == CYAML_STRING)
        (void)snprintf(dst, size, "; allowed: one value of 1 to %u octets", v->string.max);
}

enum { WORD_MAX = 64 };

/* Letters to add, take away or change to get from one to the other, two neighbours in the wrong order counted as one. */
static unsigned edits(const char *a, const char *b) {
    unsigned row[3][WORD_MAX + 1];
    size_t n = strlen(b);
    for (size_t k = 0; k <= n; k++)
        row[0][k] = (unsigned)k;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        unsigned *now = row[i % 3];
        const unsigned *last = row[(i - 1) % 3];
        now[0] = (unsigned)i;
        for (size_t k = 1; k <= n; k++) {
            unsigned best = last[k - 1] + (a[i - 1] != b[k - 1]);
            best = last[k] + 1 < best ? last[k] + 1 : best;
            best = now[k - 1] + 1 < best ? now[k - 1] + 1 : best;
            if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1] &&
                row[(i - 2) % 3][k - 2] + 1 < best)
                best = row[(i - 2) % 3][k - 2] + 1;
            now[k] = best;
        }
    }
    return row[strlen(a) % 3][n];
}

/* "; perhaps http", when one of the names is a slip away. */
static void guess(const cyaml_schema_value_t *v, const char *key, char *dst, size_t size) {
    unsigned least = strlen(key) < 5 ? 2 : 3; /* fewer edits than this */
    if (v == NULL || strlen(key) > WORD_MAX)
        return;
    for (size_t k = 0; name_at(v, k) != NULL; k++) {
        const char *name = name_at(v, k);
        unsigned n = strlen(name) > WORD_MAX ? least : edits(key, name);
        if (n < least) {
            least = n;
            (void)snprintf(dst, size, "; perhaps %s", name);
        }
    }
}

/* The library gives the place of an unknown key's mapping, or of the last key it understood: look for the key itself
 * from there on. 0: not found. */
static unsigned line_of_key(struct span text, unsigned from, const char *key) {
    size_t n = strlen(key);
    unsigned line = 1;
    bool word = false; /* inside one */
    for (size_t i = 0; i < text.n; i++) {
        char c = (char)text.p[i];
        bool starts = !word && line >= from && i + n < text.n && memcmp(text.p + i, key, n) == 0;
        if (starts) {
            size_t at = i + n;
            while (at < text.n && (text.p[at] == ' ' || text.p[at] == '"' || text.p[at] == '\''))
                at++;
            if (at < text.n && text.p[at] == ':')
                return line;
        }
        word =
            !(c == ' ' || c == '\n' || c == '{' || c == ',' || c == '"' || c == '\'' || c == '?');
        line += c == '\n';
    }
    return 0;
}

/* The innermost step names the key or entry before the place, not the place. */
static void drop_step(struct story *s) {
    if (s->n == 0)
        return;
    s->n--;
    memmove(s->step, s->step + 1, s->n * sizeof(s->step[0]));
}

static int tell(const char *path, struct span text, const struct story *s, cyaml_err_t why,
    struct ws_err *err) {
    static const char unknown[] = "Unexpected key: ";
    char where[192];
    char options[WS_ERR_TEXT] = "";
    char near_name[80] = "";
    char line[32] = "";
    struct story at = *s;
    unsigned near = at.line;
    const cyaml_schema_value_t *asked = NULL;
    switch (why) {
    case CYAML_ERR_MAPPING_FIELD_MISSING:
        drop_step(&at);
        break;
    case CYAML_ERR_SEQUENCE_ENTRIES_MIN:
    case CYAML_ERR_SEQUENCE_ENTRIES_MAX:
        drop_step(&at);
        asked = schema_at(&at);
        break;
    case CYAML_ERR_INVALID_KEY:
        if (strncmp(at.what, unknown, sizeof(unknown) - 1) == 0) {
            const char *key = at.what + sizeof(unknown) - 1;
            unsigned found = line_of_key(text, near, key);
            near = found > 0 ? found : near;
            guess(schema_at(&at), key, near_name, sizeof(near_name));
        }
        asked = schema_at(&at);
        break;
    case CYAML_ERR_INVALID_VALUE:
    case CYAML_ERR_STRING_LENGTH_MIN:
    case CYAML_ERR_STRING_LENGTH_MAX:
        asked = schema_at(&at);
        break;
    case CYAML_ERR_LIBYAML_PARSER: /* the library keeps where to itself */
        (void)snprintf(line, sizeof(line), " at or after line %u:", near);
        at.n = 0;
        break;
    default:
        break;
    }
    place(&at, where, sizeof(where));
    if (near > 0 && line[0] == '\0')
        (void)snprintf(line, sizeof(line), "%u:", near);
    const char *what = at.what[0] == '\0' ? cyaml_strerror(why) : at.what;
    int used = snprintf(NULL, 0, "%s:%s %s: %s%s", path, line, where, what, near_name);
    if (used + 64 < (int)sizeof(options))
        allowed(asked, options, sizeof(options) - (size_t)used);
    return ws_fail(err, why == CYAML_ERR_OOM ? WS_ENOMEM : WS_EINPUT, "%s:%s %s%s%s%s%s", path,
        line, where, where[0] == '\0' ? "" : ": ", what, near_name, options);
}

static cyaml_config_t reader(struct story *s) {
    return (cyaml_config_t){.log_fn = hear,
        .log_ctx = s,
        .mem_fn = cyaml_mem,
        .log_level = CYAML_LOG_WARNING,
        .flags = CYAML_CFG_NO_ALIAS};
}

int config_yaml_load(
    const char *path, struct span text, struct yaml_file **ret_file, struct ws_err *err) {
    struct story s = {0};
    cyaml_config_t cfg = reader(&s);
    void *data = NULL;
    cyaml_err_t rc = cyaml_load_data(text.p, text.n, &cfg, &top_value, &data, NULL);
    if (rc != CYAML_OK)
        return tell(path, text, &s, rc, err);
    if (data == NULL)
        return ws_fail(err, WS_EINPUT,
            "%s: nothing in it; genesis, curve_key, data and bind are "
            "needed at least",
            path);
    if (s.what[0] != '\0') { /* a warning: more than one document */
        config_yaml_free(data);
        return ws_fail(err, WS_EINPUT, "%s: %s", path, s.what);
    }
    *ret_file = data;
    return WS_OK;
}

void config_yaml_free(struct yaml_file *f) {
    struct story s = {0};
    cyaml_config_t cfg = reader(&s);
    (void)cyaml_free(&cfg, &top_value, f, 0);
}
