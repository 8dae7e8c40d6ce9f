#include "mapsvc/formats/splice.h"

#include "base/mem.h"

#include <stdlib.h>

void splices_free(struct splices *s) {
    free(s->v);
    buf_free(&s->text);
    *s = (struct splices){0};
}

void splice_add(struct splices *s, size_t at, size_t drop, struct span text) {
    if (s->n == s->cap) {
        s->cap = s->cap == 0 ? 64 : s->cap * 2;
        s->v = ws_realloc(s->v, s->cap * sizeof(s->v[0]));
    }
    s->v[s->n] = (struct splice){at, drop, s->text.n, text.n, s->n};
    s->n++;
    if (text.n > 0)
        buf_put(&s->text, text.p, text.n);
}

/* Of two that begin at one place: what only inserts, then what takes most away. */
static int splice_order(const void *a, const void *b) {
    const struct splice *p = a;
    const struct splice *q = b;
    if (p->at != q->at)
        return p->at < q->at ? -1 : 1;
    if ((p->drop == 0) != (q->drop == 0))
        return p->drop == 0 ? -1 : 1;
    if (p->drop != q->drop)
        return p->drop > q->drop ? -1 : 1;
    return (p->order > q->order) - (p->order < q->order);
}

void splices_apply(struct splices *s, struct span file, struct buf *b) {
    size_t at = 0;
    if (s->n > 1)
        qsort(s->v, s->n, sizeof(s->v[0]), splice_order);
    for (size_t i = 0; i < s->n; i++) {
        const struct splice *c = &s->v[i];
        if (c->at < at || c->at > file.n)
            continue;
        buf_put(b, file.p + at, c->at - at);
        if (c->n > 0)
            buf_put(b, s->text.p + c->text, c->n);
        at = c->drop < file.n - c->at ? c->at + c->drop : file.n;
    }
    buf_put(b, file.p + at, file.n - at);
}

static bool is_space(uint8_t c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

size_t splice_space_before(struct span file, size_t at) {
    while (at > 0 && is_space(file.p[at - 1]))
        at--;
    return at;
}

bool splice_find_attr(struct span tag, const char *name, size_t *ret_at, size_t *ret_n) {
    size_t i = 1;
    while (i < tag.n && !is_space(tag.p[i]) && tag.p[i] != '>' && tag.p[i] != '/')
        i++;
    for (;;) {
        while (i < tag.n && is_space(tag.p[i]))
            i++;
        size_t from = i;
        while (i < tag.n && !is_space(tag.p[i]) && tag.p[i] != '=' && tag.p[i] != '>' &&
               tag.p[i] != '/')
            i++;
        size_t len = i - from;
        while (i < tag.n && (is_space(tag.p[i]) || tag.p[i] == '='))
            i++;
        if (len == 0 || i == tag.n || (tag.p[i] != '"' && tag.p[i] != '\''))
            return false;
        const uint8_t *end = memchr(tag.p + i + 1, tag.p[i], tag.n - i - 1);
        if (end == NULL)
            return false;
        size_t value = i + 1;
        i = (size_t)(end - tag.p) + 1;
        if (len == strlen(name) && memcmp(tag.p + from, name, len) == 0) {
            *ret_at = value;
            *ret_n = (size_t)(end - tag.p) - value;
            return true;
        }
    }
}

/* One character of UTF-8; its length, 0 when it is none. */
static size_t character(const uint8_t *p, uint32_t *ret_c) {
    size_t n = p[0] < 0x80 ? 1 : (p[0] & 0xe0) == 0xc0 ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : 4;
    if (n == 4 && (p[0] & 0xf8) != 0xf0)
        return 0;
    uint32_t c = n == 1 ? p[0] : (uint32_t)p[0] & (0x7fU >> n);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3fU);
    }
    *ret_c = c;
    return n;
}

void splice_put_value(struct buf *b, const char *text) {
    const uint8_t *p = (const uint8_t *)text;
    while (*p != 0) {
        uint32_t c = 0;
        size_t n = character(p, &c);
        if (n == 0)
            c = '?';
        p += n == 0 ? 1 : n;
        if (c >= 0x80 || c < 0x20 || c == '<' || c == '>' || c == '&' || c == '"' || c == '\'')
            buf_printf(b, "&#%u;", (unsigned)c);
        else
            buf_u8(b, (uint8_t)c);
    }
}
