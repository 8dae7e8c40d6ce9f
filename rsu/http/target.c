#include "rsu/http/target.h"

#include <inttypes.h>

static int hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* One octet from raw[*at], which moves on. */
static int decode(const char *raw, size_t *at, char *ret, struct ws_err *err) {
    unsigned char c = (unsigned char)raw[*at];
    size_t place = *at + 1;
    if (c <= 0x20 || c >= 0x7f || c == '#')
        return ws_fail(err, WS_EINPUT, "target, octet %zu: 0x%02x may not be there", place, c);
    (*at)++;
    if (c == '%') {
        int high = hex_value(raw[*at]);
        int low = high < 0 ? -1 : hex_value(raw[*at + 1]);
        if (low < 0)
            return ws_fail(err, WS_EINPUT, "target, octet %zu: '%%' without two hex digits", place);
        c = (unsigned char)(high << 4 | low);
        *at += 2;
        if (c < 0x20 || c == 0x7f)
            return ws_fail(err, WS_EINPUT, "target, octet %zu: encoded control character", place);
    }
    *ret = (char)c;
    return WS_OK;
}

/* Copies up to one of `ends` or the end of raw; the piece ends with a zero in the text. */
static int piece(const char *raw, size_t *at, const char *ends, struct http_target *t, size_t *used,
    const char **ret, struct ws_err *err) {
    *ret = t->text + *used;
    while (raw[*at] != '\0' && strchr(ends, raw[*at]) == NULL) {
        int rc = decode(raw, at, &t->text[*used], err);
        if (rc != WS_OK)
            return rc;
        (*used)++;
    }
    t->text[(*used)++] = '\0';
    return WS_OK;
}

static int argument(
    const char *raw, size_t *at, struct http_target *t, size_t *used, struct ws_err *err) {
    if (t->n_args == HTTP_ARGS_MAX)
        return ws_fail(err, WS_ELIMIT, "target: more than %d parameters", HTTP_ARGS_MAX);
    struct http_arg *a = &t->arg[t->n_args];
    a->value = "";
    int rc = piece(raw, at, "=&", t, used, &a->key, err);
    if (rc == WS_OK && raw[*at] == '=') {
        (*at)++;
        rc = piece(raw, at, "&", t, used, &a->value, err);
    }
    if (rc != WS_OK)
        return rc;
    if (http_target_arg(t, a->key) != NULL)
        return ws_fail(err, WS_EINPUT, "parameter \"%s\" is given twice", a->key);
    t->n_args++;
    return WS_OK;
}

int http_target_parse(const char *raw, struct http_target *ret_target, struct ws_err *err) {
    struct http_target *t = ret_target;
    t->n_segments = 0;
    t->n_args = 0;
    size_t length = strnlen(raw, HTTP_TARGET_MAX + 1);
    if (length > HTTP_TARGET_MAX)
        return ws_fail(err, WS_ELIMIT, "target: longer than %d octets", HTTP_TARGET_MAX);
    if (raw[0] != '/')
        return ws_fail(err, WS_EINPUT, "target, octet 1: a path starts with '/'");
    size_t at = 0;
    size_t used = 0;
    while (raw[at] == '/') {
        at++;
        if (t->n_segments == HTTP_SEGMENTS_MAX)
            return ws_fail(
                err, WS_ELIMIT, "target: more than %d parts in the path", HTTP_SEGMENTS_MAX);
        int rc = piece(raw, &at, "/?", t, &used, &t->segment[t->n_segments], err);
        if (rc != WS_OK)
            return rc;
        t->n_segments++;
    }
    while (raw[at] != '\0') {
        at++; /* '?' or '&' */
        int rc = raw[at] == '\0' ? WS_OK : argument(raw, &at, t, &used, err);
        if (rc != WS_OK)
            return rc;
    }
    return WS_OK;
}

const char *http_target_arg(const struct http_target *t, const char *key) {
    for (size_t i = 0; i < t->n_args; i++) {
        if (strcmp(t->arg[i].key, key) == 0)
            return t->arg[i].value;
    }
    return NULL;
}

bool http_target_is(const struct http_target *t, const char *pattern) {
    size_t i = 0;
    while (*pattern == '/') {
        pattern++;
        size_t n = strcspn(pattern, "/");
        if (i == t->n_segments)
            return false;
        const char *s = t->segment[i++];
        bool same =
            n == 1 && *pattern == '*' ? *s != '\0' : strlen(s) == n && memcmp(s, pattern, n) == 0;
        if (!same)
            return false;
        pattern += n;
    }
    return i == t->n_segments;
}

int http_number(
    const char *text, const char *what, uint64_t max, uint64_t *ret_value, struct ws_err *err) {
    uint64_t v = 0;
    if (text[0] == '\0')
        return ws_fail(err, WS_EINPUT, "%s: a whole number is missing", what);
    for (size_t i = 0; text[i] != '\0'; i++) {
        if (text[i] < '0' || text[i] > '9')
            return ws_fail(
                err, WS_EINPUT, "%s: character %zu is not a digit of a whole number", what, i + 1);
        uint64_t digit = (uint64_t)(text[i] - '0');
        if (digit > max || v > (max - digit) / 10)
            return ws_fail(err, WS_EINPUT, "%s: larger than %" PRIu64, what, max);
        v = v * 10 + digit;
    }
    *ret_value = v;
    return WS_OK;
}

int http_hex(
    const char *text, const char *what, size_t max, struct buf *ret_octets, struct ws_err *err) {
    size_t n = strlen(text);
    for (size_t i = 0; i < n; i++) {
        if (hex_value(text[i]) < 0)
            return ws_fail(err, WS_EINPUT, "%s: character %zu is not a hex digit", what, i + 1);
    }
    if (n == 0 || n % 2 != 0)
        return ws_fail(err, WS_EINPUT, "%s: %zu hex digits; an even number is needed", what, n);
    if (n / 2 > max)
        return ws_fail(
            err, WS_EINPUT, "%s: %zu octets; at most %zu are possible", what, n / 2, max);
    for (size_t i = 0; i < n; i += 2)
        buf_u8(ret_octets, (uint8_t)(hex_value(text[i]) << 4 | hex_value(text[i + 1])));
    return WS_OK;
}
