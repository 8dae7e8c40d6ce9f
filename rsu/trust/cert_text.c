#include "rsu/trust/cert_text.h"

#include <ctype.h>

static bool is_text(struct span s) {
    for (size_t i = 0; i < s.n; i++) {
        if (isprint(s.p[i]) == 0 && isspace(s.p[i]) == 0)
            return false;
    }
    return s.n > 0;
}

/* The next line without its end; false after the last. */
static bool next_line(struct span *rest, struct span *ret_line) {
    size_t n = 0;
    if (rest->n == 0)
        return false;
    while (n < rest->n && rest->p[n] != '\n')
        n++;
    *ret_line = span_of(rest->p, n);
    size_t step = n < rest->n ? n + 1 : n;
    *rest = span_of(rest->p + step, rest->n - step);
    while (ret_line->n > 0 && isspace(ret_line->p[ret_line->n - 1]) != 0)
        ret_line->n--;
    while (ret_line->n > 0 && isspace(ret_line->p[0]) != 0)
        *ret_line = span_of(ret_line->p + 1, ret_line->n - 1);
    return true;
}

static bool begins(struct span line, const char *with) {
    size_t n = strlen(with);
    return line.n >= n && memcmp(line.p, with, n) == 0;
}

static bool is_comment(struct span line) {
    return line.n == 0 || line.p[0] == '#';
}

static bool hex_or_gap(uint8_t c) {
    return isxdigit(c) != 0 || isspace(c) != 0 || c == ':';
}

enum form { FORM_HEX, FORM_BASE64, FORM_BLOCKS };

static enum form form_of(struct span text) {
    enum form form = FORM_HEX;
    struct span line;
    while (next_line(&text, &line)) {
        if (begins(line, "-----BEGIN"))
            return FORM_BLOCKS;
        for (size_t i = 0; i < line.n && !is_comment(line); i++) {
            if (!hex_or_gap(line.p[i]))
                form = FORM_BASE64;
        }
    }
    return form;
}

/* Six bits, or -1. Both alphabets. */
static int sextet(uint8_t c) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

struct base64 {
    unsigned bits, held; /* bits that make no octet yet */
    unsigned digits, padding; /* of the present group of four */
};

static bool base64_end(struct base64 *b) {
    /* Padding may be left out; what is held besides whole octets must be zero, so that there is one way to write it. */
    bool ok = b->digits != 1 && (b->held & ((1U << b->bits) - 1)) == 0 &&
              (b->padding == 0 || b->digits + b->padding == 4);
    *b = (struct base64){0};
    return ok;
}

static bool base64_line(struct base64 *b, struct span line, struct buf *to) {
    for (size_t i = 0; i < line.n; i++) {
        uint8_t c = line.p[i];
        if (isspace(c) != 0)
            continue;
        if (c == '=') {
            b->padding++;
            if (b->digits + b->padding > 4 || b->digits < 2)
                return false;
            if (b->digits + b->padding == 4 && !base64_end(b))
                return false;
            continue;
        }
        int v = sextet(c);
        if (v < 0 || b->padding > 0)
            return false;
        b->held = (b->held << 6 | (unsigned)v) & 0xfff;
        b->bits += 6;
        if (b->bits >= 8) {
            b->bits -= 8;
            buf_u8(to, (uint8_t)(b->held >> b->bits));
        }
        if (++b->digits == 4)
            *b = (struct base64){0};
    }
    return true;
}

static int text_base64(struct span text, bool blocks, struct buf *to, struct ws_err *err) {
    struct base64 b = {0};
    struct span line;
    bool inside = !blocks;
    size_t n = 0;
    while (next_line(&text, &line)) {
        n++;
        if (is_comment(line))
            continue;
        if (blocks && begins(line, "-----")) {
            bool begin = begins(line, "-----BEGIN");
            if (begin == inside || (!begin && !begins(line, "-----END")))
                return ws_fail(err, WS_EINPUT, "line %zu: BEGIN and END do not alternate", n);
            if (!begin && !base64_end(&b))
                return ws_fail(err, WS_EINPUT, "line %zu: base64 ends within an octet", n);
            inside = begin;
            continue;
        }
        if (inside && !base64_line(&b, line, to))
            return ws_fail(err, WS_EINPUT, "line %zu: neither hex digits nor base64", n);
    }
    if (blocks && inside)
        return ws_fail(err, WS_EINPUT, "line %zu: no END of the last block", n);
    if (!base64_end(&b))
        return ws_fail(err, WS_EINPUT, "line %zu: base64 ends within an octet", n);
    return WS_OK;
}

static int text_hex(struct span text, struct buf *to, struct ws_err *err) {
    struct span line;
    char pair[3] = {0};
    size_t held = 0, n = 0;
    while (next_line(&text, &line)) {
        n++;
        for (size_t i = 0; i < line.n && !is_comment(line); i++) {
            if (isxdigit(line.p[i]) == 0)
                continue;
            pair[held++] = (char)line.p[i];
            if (held == 2) {
                (void)hex_decode(buf_grow(to, 1), 1, pair);
                held = 0;
            }
        }
    }
    return held == 0 ? WS_OK : ws_fail(err, WS_EINPUT, "line %zu: an odd number of hex digits", n);
}

int cert_text_decode(struct buf *io, bool *ret_text, struct ws_err *err) {
    struct buf octets = {0};
    bool text = is_text(buf_span(io));
    int rc = WS_OK;
    if (ret_text != NULL)
        *ret_text = text;
    if (!text)
        return WS_OK;
    enum form form = form_of(buf_span(io));
    if (form == FORM_HEX)
        rc = text_hex(buf_span(io), &octets, err);
    else
        rc = text_base64(buf_span(io), form == FORM_BLOCKS, &octets, err);
    if (rc == WS_OK) {
        buf_free(io);
        *io = octets;
    } else {
        buf_free(&octets);
    }
    return rc;
}
