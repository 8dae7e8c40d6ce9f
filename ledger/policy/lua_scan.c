#include "ledger/policy/lua_scan.h"

#include <stdarg.h>
#include <stdio.h>

struct scan {
    const uint8_t *p;
    size_t n;
    size_t at;
    unsigned line;
    unsigned nesting;
    const char *chunk;
    const struct policy_limits *limits;
    struct ws_err *err;
};

#define REFUSE(s, line_, ...) refuse((s), (line_), WS_EINPUT, __VA_ARGS__)

PRINTF_LIKE(4, 5)
static int refuse(struct scan *s, unsigned line, enum ws_code code, const char *fmt, ...) {
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return ws_fail(s->err, code, "%s:%u: %s", s->chunk, line, text);
}

/* Octet at a distance; 0 (which never occurs in accepted text) past the end. */
static uint8_t peek(const struct scan *s, size_t ahead) {
    return s->n - s->at > ahead ? s->p[s->at + ahead] : 0;
}

static bool is_digit(uint8_t c) {
    return c >= '0' && c <= '9';
}

static bool is_name(uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || is_digit(c);
}

/* ---- characters ---- */

/* Octets of the UTF-8 sequence at p, 0 if it is none (surrogates and overlong forms are none). */
static size_t utf8_length(const uint8_t *p, size_t n, uint32_t *ret_point) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = p[0] < 0x80 ? 1 : p[0] < 0xc0 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (len == 0 || len > n || p[0] > 0xf4)
        return 0;
    uint32_t v = len == 1 ? p[0] : p[0] & (0x7fU >> len);
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        v = v << 6 | (p[i] & 0x3f);
    }
    if (v < least[len] || (v >= 0xd800 && v <= 0xdfff) || v > 0x10ffff)
        return 0;
    *ret_point = v;
    return len;
}

/* Marks that make a reviewer see another text than Lua reads. */
static bool is_hidden(uint32_t v) {
    return v == 0xfeff || (v >= 0x200b && v <= 0x200f) || (v >= 0x202a && v <= 0x202e) ||
           (v >= 0x2060 && v <= 0x2069) || (v >= 0x80 && v < 0xa0);
}

static int check_characters(struct scan *s) {
    unsigned line = 1;
    for (size_t at = 0; at < s->n;) {
        uint8_t c = s->p[at];
        uint32_t v = 0;
        size_t len = utf8_length(s->p + at, s->n - at, &v);
        if (c == 27 && at == 0)
            return REFUSE(s, line, "a compiled script; only source text is accepted");
        if (len == 0)
            return REFUSE(s, line, "not UTF-8 text (octet 0x%02x)", c);
        if (is_hidden(v))
            return REFUSE(s, line, "invisible character U+%04X", v);
        bool end = c == '\n' || (c == '\r' && at + 1 < s->n && s->p[at + 1] == '\n');
        if ((c < ' ' && c != '\t' && !end) || c == 0x7f)
            return REFUSE(s, line, "control character 0x%02x", c);
        line += c == '\n';
        at += len;
    }
    return WS_OK;
}

/* ---- tokens ---- */

static void step(struct scan *s) {
    s->line += s->p[s->at] == '\n';
    s->at++;
}

/* At '[': number of '=' plus 2 if a long bracket opens here, 0 if "[=" leads nowhere, 1 for a plain '['. */
static size_t long_bracket(const struct scan *s) {
    size_t level = 0;
    while (peek(s, 1 + level) == '=')
        level++;
    if (peek(s, 1 + level) == '[')
        return level + 2;
    return level == 0 ? 1 : 0;
}

/* At the first '[' of an opening long bracket with `width` octets; ret_len is the length of its content. */
static int skip_long(struct scan *s, size_t width, const char *what, size_t *ret_len) {
    unsigned opened = s->line;
    s->at += width;
    size_t start = s->at;
    for (; s->at < s->n; step(s)) {
        if (s->p[s->at] != ']')
            continue;
        size_t level = 0;
        while (peek(s, 1 + level) == '=')
            level++;
        if (level + 2 == width && peek(s, 1 + level) == ']') {
            *ret_len = s->at - start;
            s->at += width;
            return WS_OK;
        }
    }
    return REFUSE(s, opened, "unfinished long %s", what);
}

static int check_length(struct scan *s, unsigned line, size_t len) {
    if (len > s->limits->string)
        return refuse(
            s, line, WS_ELIMIT, "text of %zu octets; %u are allowed", len, s->limits->string);
    return WS_OK;
}

static int skip_quoted(struct scan *s) {
    uint8_t quote = s->p[s->at++];
    size_t start = s->at;
    while (s->at < s->n && s->p[s->at] != quote) {
        uint8_t c = s->p[s->at++];
        if (c == '\n' || c == '\r')
            return REFUSE(s, s->line, "unfinished text");
        if (c != '\\')
            continue;
        uint8_t e = peek(s, 0);
        if (e == 0 || strchr("nt\\\"'", e) == NULL)
            return REFUSE(
                s, s->line, "escape sequence in a text; \\n \\t \\\\ \\\" \\' are available");
        s->at++;
    }
    if (s->at == s->n)
        return REFUSE(s, s->line, "unfinished text");
    s->at++;
    return check_length(s, s->line, s->at - 1 - start);
}

/* Whether the numeral is an integer for Lua as well: decimal up to 2^63 - 1 (beyond, Lua reads a float),
 * hexadecimal up to 64 bits (beyond, Lua wraps). */
static bool integer_numeral(const uint8_t *p, size_t n) {
    uint64_t v = 0;
    bool hex = n > 2 && p[0] == '0' && (p[1] == 'x' || p[1] == 'X');
    for (size_t i = hex ? 2 : 0; i < n; i++) {
        unsigned digit = is_digit(p[i]) ? p[i] - '0' : 16;
        if (hex && p[i] >= 'a' && p[i] <= 'f')
            digit = p[i] - 'a' + 10U;
        if (hex && p[i] >= 'A' && p[i] <= 'F')
            digit = p[i] - 'A' + 10U;
        uint64_t base = hex ? 16 : 10;
        uint64_t most = hex ? UINT64_MAX : INT64_MAX;
        if (digit >= base || v > (most - digit) / base)
            return false;
        v = v * base + digit;
    }
    return n > 0;
}

static int skip_numeral(struct scan *s) {
    size_t start = s->at;
    while (is_name(peek(s, 0)) || peek(s, 0) == '.')
        s->at++;
    size_t n = s->at - start;
    if (integer_numeral(s->p + start, n))
        return WS_OK;
    return REFUSE(s, s->line, "%.*s is not a 64-bit integer; policies compute with integers only",
        (int)(n < 40 ? n : 40), (const char *)s->p + start);
}

static int skip_name(struct scan *s) {
    size_t start = s->at;
    while (is_name(peek(s, 0)))
        s->at++;
    if (span_equal(span_of(s->p + start, s->at - start), span_of("_ENV", 4)))
        return REFUSE(s, s->line, "'_ENV' is not available to policies");
    return WS_OK;
}

static int skip_comment(struct scan *s) {
    s->at += 2;
    size_t width = peek(s, 0) == '[' ? long_bracket(s) : 0;
    size_t len = 0;
    if (width >= 2)
        return skip_long(s, width, "comment", &len);
    while (s->at < s->n && s->p[s->at] != '\n')
        s->at++;
    return WS_OK;
}

static int skip_bracket(struct scan *s) {
    size_t width = long_bracket(s);
    if (width == 0)
        return REFUSE(s, s->line, "'[=' opens nothing");
    if (width >= 2) {
        unsigned line = s->line;
        size_t len = 0;
        int rc = skip_long(s, width, "text", &len);
        return rc != WS_OK ? rc : check_length(s, line, len);
    }
    s->at++;
    s->nesting++;
    return WS_OK;
}

static int skip_operator(struct scan *s) {
    uint8_t c = s->p[s->at];
    switch (c) {
    case '/':
        if (peek(s, 1) != '/')
            return REFUSE(s, s->line, "'/' gives fractions; use // (division that rounds down)");
        s->at++;
        break;
    case '^':
        return REFUSE(s, s->line, "'^' gives fractions; multiply, or shift with <<");
    case '#':
        return REFUSE(s, s->line, "'#' is not available to policies; use len(list)");
    case '.':
        if (peek(s, 1) == '.' && peek(s, 2) == '.')
            return REFUSE(s, s->line, "'...' is not available to policies; pass a list");
        if (peek(s, 1) == '.')
            s->at++;
        break;
    case '(':
    case '{':
        s->nesting++;
        break;
    case ')':
    case '}':
    case ']':
        s->nesting -= s->nesting > 0; /* what does not match is Lua's to report */
        break;
    default:
        if (c >= 0x80)
            return REFUSE(s, s->line, "a letter that is not ASCII outside text and comments");
        break;
    }
    step(s);
    return WS_OK;
}

static int skip_token(struct scan *s) {
    uint8_t c = s->p[s->at];
    if (c == '-' && peek(s, 1) == '-')
        return skip_comment(s);
    if (c == '"' || c == '\'')
        return skip_quoted(s);
    if (is_digit(c) || (c == '.' && is_digit(peek(s, 1))))
        return skip_numeral(s);
    if (is_name(c))
        return skip_name(s);
    if (c == '[')
        return skip_bracket(s);
    return skip_operator(s);
}

int lua_scan(
    struct span script, const char *chunk, const struct policy_limits *limits, struct ws_err *err) {
    struct scan s = {
        .p = script.p, .n = script.n, .line = 1, .chunk = chunk, .limits = limits, .err = err};
    if (script.n > limits->source)
        return ws_fail(err, WS_ELIMIT, "%s: the script has %zu octets; %u are allowed", chunk,
            script.n, limits->source);
    int rc = check_characters(&s);
    while (rc == WS_OK && s.at < s.n) {
        rc = skip_token(&s);
        if (rc == WS_OK && s.nesting > limits->nesting)
            rc = refuse(&s, s.line, WS_ELIMIT, "brackets nested deeper than %u", limits->nesting);
    }
    return rc;
}
