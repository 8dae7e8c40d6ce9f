#include "mapsvc/model/text.h"

#include "base/mem.h"

/* Length of the clean character at s, 0 if there is none: UTF-8 in shortest form (RFC 3629), no
 * surrogates, no C0 or C1 controls, no U+FFFE and U+FFFF. */
static size_t char_length(const uint8_t *s, size_t n) {
    uint8_t c = s[0];
    if (c < 0x80)
        return c >= 0x20 && c != 0x7f ? 1 : 0;
    size_t len = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    if (c < 0xc2 || c > 0xf4 || n < len)
        return 0;
    uint32_t v = c & (0xffU >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        v = v << 6 | (s[i] & 0x3fU);
    }
    static const uint32_t least[] = {0, 0, 0xa0, 0x800, 0x10000};
    if (v < least[len] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff) || (v & 0xfffe) == 0xfffe)
        return 0;
    return len;
}

bool text_is_clean(struct span s) {
    for (size_t i = 0; i < s.n;) {
        size_t len = char_length(s.p + i, s.n - i);
        if (len == 0)
            return false;
        i += len;
    }
    return true;
}

char *text_clean(const char *s, size_t max) {
    size_t n = strlen(s);
    const uint8_t *p = (const uint8_t *)s;
    char *out = ws_alloc((n < max ? n : max) + 1);
    size_t at = 0;
    for (size_t i = 0; i < n;) {
        size_t len = char_length(p + i, n - i);
        size_t need = len == 0 ? 1 : len;
        if (at + need > max)
            break;
        if (len == 0)
            out[at] = p[i] < 0x20 || p[i] == 0x7f ? ' ' : '?';
        else
            memcpy(out + at, p + i, len);
        at += need;
        i += need;
    }
    return out;
}

void text_put_json(struct buf *b, const char *s) {
    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            buf_printf(b, "\\%c", c);
        else if (c < 0x20)
            buf_printf(b, "\\u%04x", c);
        else
            buf_u8(b, c);
    }
}

static void put_literal(struct buf *b, const char *s) {
    buf_put(b, s, strlen(s));
}

void text_put_xml(struct buf *b, const char *s) {
    for (; *s != '\0'; s++) {
        switch (*s) {
        case '&':
            put_literal(b, "&amp;");
            break;
        case '<':
            put_literal(b, "&lt;");
            break;
        case '>':
            put_literal(b, "&gt;");
            break;
        case '"':
            put_literal(b, "&quot;");
            break;
        case '\'':
            put_literal(b, "&apos;");
            break;
        default:
            buf_u8(b, (uint8_t)*s);
            break;
        }
    }
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static const char *skip_space(const char *s) {
    while (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\r')
        s++;
    return s;
}

/* sign, digits, exponent: value = digits * 10^exponent; digits holds at most 19 of them. */
struct decimal {
    bool negative;
    uint64_t digits;
    int exponent;
};

static bool read_decimal(const char *s, struct decimal *ret) {
    struct decimal d = {0};
    s = skip_space(s);
    if (*s == '-' || *s == '+')
        d.negative = *s++ == '-';
    int kept = 0;
    bool any = false;
    bool fraction = false;
    for (; is_digit(*s) || (*s == '.' && !fraction); s++) {
        if (*s == '.') {
            fraction = true;
            continue;
        }
        any = true;
        if (kept < 19) {
            d.digits = d.digits * 10 + (uint64_t)(*s - '0');
            kept += d.digits != 0;
            d.exponent -= fraction;
        } else {
            d.exponent += !fraction;
        }
        if (d.exponent > 100 || d.exponent < -400)
            return false;
    }
    if (any && (*s == 'e' || *s == 'E')) {
        s++;
        bool minus = *s == '-';
        if (*s == '-' || *s == '+')
            s++;
        int e = 0;
        if (!is_digit(*s))
            return false;
        for (; is_digit(*s); s++) {
            e = e * 10 + (*s - '0');
            if (e > 1000)
                return false;
        }
        d.exponent += minus ? -e : e;
    }
    if (!any || *skip_space(s) != '\0')
        return false;
    *ret = d;
    return true;
}

bool text_to_double(const char *s, double *ret_v) {
    /* Exact powers; larger exponents go in steps of 22. */
    static const double pow10[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
        1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    struct decimal d;
    if (!read_decimal(s, &d))
        return false;
    double v = (double)d.digits;
    int e = d.exponent;
    while (e < 0 && v > 0.0) {
        int step = e < -22 ? 22 : -e;
        v /= pow10[step];
        e += step;
    }
    while (e > 0 && v > 0.0 && v < 1e30) {
        int step = e > 22 ? 22 : e;
        v *= pow10[step];
        e -= step;
    }
    if (v >= 1e30)
        return false;
    *ret_v = d.negative ? -v : v;
    return true;
}

bool text_to_fixed(const char *s, int places, int64_t max, int64_t *ret_v) {
    struct decimal d;
    if (!read_decimal(s, &d))
        return false;
    int e = d.exponent + places;
    uint64_t v = d.digits;
    bool half = false;
    for (; e < 0 && (v > 0 || half); e++) {
        half = v % 10 >= 5;
        v /= 10;
    }
    if (half)
        v++;
    for (; e > 0 && v > 0; e--) {
        if (v > UINT64_MAX / 10)
            return false;
        v *= 10;
    }
    if (v > (uint64_t)max)
        return false;
    *ret_v = d.negative ? -(int64_t)v : (int64_t)v;
    return true;
}

bool text_to_i64(const char *s, int64_t *ret_v) {
    s = skip_space(s);
    bool minus = *s == '-';
    if (*s == '-' || *s == '+')
        s++;
    if (!is_digit(*s))
        return false;
    uint64_t v = 0;
    for (; is_digit(*s); s++) {
        if (v > (UINT64_MAX - 9) / 10)
            return false;
        v = v * 10 + (uint64_t)(*s - '0');
    }
    if (*skip_space(s) != '\0' || v > (uint64_t)INT64_MAX)
        return false;
    *ret_v = minus ? -(int64_t)v : (int64_t)v;
    return true;
}
