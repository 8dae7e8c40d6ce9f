#include "mapsvc/formats/xml_encoding.h"

#include <strings.h>

bool xml_single_octets(const char *name, int ret_map[static 256]) {
    /* octets 80 to 9f; ISO-8859-15 has its own in a4 to be */
    static const int windows_1252[32] = {0x20ac, -1, 0x201a, 0x192, 0x201e, 0x2026, 0x2020, 0x2021,
        0x2c6, 0x2030, 0x160, 0x2039, 0x152, -1, 0x17d, -1, -1, 0x2018, 0x2019, 0x201c, 0x201d,
        0x2022, 0x2013, 0x2014, 0x2dc, 0x2122, 0x161, 0x203a, 0x153, -1, 0x17e, 0x178};
    static const int iso_15[][2] = {{0xa4, 0x20ac}, {0xa6, 0x160}, {0xa8, 0x161}, {0xb4, 0x17d},
        {0xb8, 0x17e}, {0xbc, 0x152}, {0xbd, 0x153}, {0xbe, 0x178}};
    bool windows = strcasecmp(name, "windows-1252") == 0 || strcasecmp(name, "cp1252") == 0;
    if (!windows && strcasecmp(name, "ISO-8859-15") != 0)
        return false;
    for (int i = 0; i < 256; i++)
        ret_map[i] = i;
    for (size_t i = 0; windows && i < 32; i++)
        ret_map[0x80 + i] = windows_1252[i];
    for (size_t i = 0; !windows && i < sizeof(iso_15) / sizeof(iso_15[0]); i++)
        ret_map[iso_15[i][0]] = iso_15[i][1];
    return true;
}

/* ---- UTF-16 ---- */

bool utf16_is(struct span file, struct utf16_form *ret_form) {
    if (file.n < 4 || file.n % 2 != 0)
        return false;
    const uint8_t *p = file.p;
    bool marked = (p[0] == 0xff && p[1] == 0xfe) || (p[0] == 0xfe && p[1] == 0xff);
    bool little = marked ? p[0] == 0xff : p[0] == '<' && p[1] == 0;
    if (!marked && !little && !(p[0] == 0 && p[1] == '<'))
        return false;
    *ret_form = (struct utf16_form){little, marked};
    return true;
}

static uint32_t unit(const uint8_t *p, struct utf16_form form) {
    return form.little_endian ? p[0] | (uint32_t)p[1] << 8 : (uint32_t)p[0] << 8 | p[1];
}

static void put_utf8(struct buf *b, uint32_t c) {
    if (c < 0x80) {
        buf_u8(b, (uint8_t)c);
    } else if (c < 0x800) {
        buf_u8(b, (uint8_t)(0xc0 | c >> 6));
        buf_u8(b, (uint8_t)(0x80 | (c & 0x3f)));
    } else {
        buf_u8(b, (uint8_t)(c < 0x10000 ? 0xe0 | c >> 12 : 0xf0 | c >> 18));
        if (c >= 0x10000)
            buf_u8(b, (uint8_t)(0x80 | (c >> 12 & 0x3f)));
        buf_u8(b, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
        buf_u8(b, (uint8_t)(0x80 | (c & 0x3f)));
    }
}

bool utf16_to_utf8(struct span file, struct utf16_form form, struct buf *b) {
    put_utf8(b, 0xfeff);
    for (size_t i = form.marked ? 2 : 0; i + 1 < file.n; i += 2) {
        uint32_t c = unit(file.p + i, form);
        if (c >= 0xdc00 && c < 0xe000)
            return false;
        if (c >= 0xd800 && c < 0xdc00) {
            uint32_t low = i + 3 < file.n ? unit(file.p + i + 2, form) : 0;
            if (low < 0xdc00 || low >= 0xe000)
                return false;
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
            i += 2;
        }
        put_utf8(b, c);
    }
    return true;
}

static void put_unit(struct buf *b, uint32_t c, struct utf16_form form) {
    buf_u8(b, (uint8_t)(form.little_endian ? c : c >> 8));
    buf_u8(b, (uint8_t)(form.little_endian ? c >> 8 : c));
}

void utf16_from_utf8(struct span utf8, struct utf16_form form, struct buf *b) {
    for (size_t i = 0; i < utf8.n;) {
        const uint8_t *p = utf8.p + i;
        size_t n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
        uint32_t c = n == 1 ? p[0] : p[0] & (0x7fU >> n);
        for (size_t k = 1; k < n && i + k < utf8.n; k++)
            c = c << 6 | (p[k] & 0x3fU);
        if (i > 0 || form.marked) {
            if (c >= 0x10000) {
                put_unit(b, 0xd800 + ((c - 0x10000) >> 10), form);
                put_unit(b, 0xdc00 + ((c - 0x10000) & 0x3ff), form);
            } else {
                put_unit(b, c, form);
            }
        }
        i += n;
    }
}
