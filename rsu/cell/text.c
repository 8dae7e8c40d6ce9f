#include "rsu/cell/text.h"

void text_html(struct buf *b, const char *s) {
    for (; *s != '\0'; s++) {
        switch (*s) {
        case '&':
            buf_printf(b, "&amp;");
            break;
        case '<':
            buf_printf(b, "&lt;");
            break;
        case '>':
            buf_printf(b, "&gt;");
            break;
        case '"':
            buf_printf(b, "&quot;");
            break;
        default:
            buf_u8(b, (uint8_t)*s);
        }
    }
}
