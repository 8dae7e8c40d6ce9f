/* Careless hands on a map file; see roads.h. */
#include "tests/support/roads.h"

/* A place where `c` stands, from a random place on; SIZE_MAX: nowhere. */
static size_t find(struct ws_random *rnd, struct span t, char c) {
    size_t from = ws_random_below(rnd, t.n);
    for (size_t i = 0; i < t.n; i++)
        if (t.p[(from + i) % t.n] == (uint8_t)c)
            return (from + i) % t.n;
    return SIZE_MAX;
}

static size_t behind(struct span t, size_t at, char c) {
    while (at < t.n && t.p[at] != (uint8_t)c)
        at++;
    return at < t.n ? at + 1 : t.n;
}

/* The end of the element whose start tag begins at `at`, as far as counting tags tells. */
static size_t element_end(struct span t, size_t at) {
    int depth = 0;
    for (size_t i = at; i < t.n; i = behind(t, i, '<') - 1) {
        size_t end = behind(t, i, '>');
        bool closes = i + 1 < t.n && t.p[i + 1] == '/';
        bool empty = end >= 2 && t.p[end - 2] == '/';
        depth += closes ? -1 : empty ? 0 : 1;
        if (depth <= 0 || end == t.n)
            return end;
        i = end;
        if (i >= t.n || memchr(t.p + i, '<', t.n - i) == NULL)
            return t.n;
    }
    return t.n;
}

static void splice(
    struct span t, size_t at, size_t drop, const char *text, size_t n, struct buf *b) {
    buf_put(b, t.p, at);
    if (n > 0)
        buf_put(b, text, n);
    if (at + drop < t.n)
        buf_put(b, t.p + at + drop, t.n - at - drop);
}

static void damage_value(struct ws_random *rnd, struct span t, struct buf *b) {
    static const char *const values[] = {"", "nan", "inf", "-inf", "1e308", "-1e308", "1e-308",
        "-1", "0", "99999999999999999999", "abc", "0x10", " 5 ", "1,5", "&#65;", "&amp;", "1e9",
        "-0", "\xc3\xa9", "true", "3.4e38", "200", "-200", "1e6"};
    size_t at = find(rnd, t, '\'');
    if (at == SIZE_MAX) {
        buf_put(b, t.p, t.n);
        return;
    }
    size_t end = behind(t, at + 1, '\'') - 1;
    const char *v = values[ws_random_below(rnd, ARRAY_LEN(values))];
    splice(t, at + 1, end > at ? end - at - 1 : 0, v, strlen(v), b);
}

void vr_damage(struct ws_random *rnd, struct span t, struct buf *b) {
    unsigned how = (unsigned)ws_random_below(rnd, 8);
    size_t at = find(rnd, t, how == 4 ? ' ' : '<');
    if (how < 4 || at == SIZE_MAX) {
        damage_value(rnd, t, b);
        return;
    }
    size_t end = how == 4 ? behind(t, behind(t, at, '\''), '\'') : element_end(t, at);
    if (how == 5) { /* twice */
        splice(t, end, 0, (const char *)t.p + at, end - at, b);
    } else if (how == 6) { /* a tag alone */
        splice(t, at, behind(t, at, '>') - at, NULL, 0, b);
    } else if (how == 7) { /* moved to somewhere before it */
        size_t to = ws_random_below(rnd, at + 1);
        while (to > 0 && t.p[to] != '<')
            to--;
        splice(t, to, t.n, (const char *)t.p + at, end - at, b);
        buf_put(b, t.p + to, at - to);
        buf_put(b, t.p + end, t.n - end);
    } else {
        splice(t, at, end - at, NULL, 0, b);
    }
}
