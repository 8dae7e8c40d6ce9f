/* The words of a schema. */
#include "fedlearn/vehicle/features.h"
#include "fedlearn/vehicle/features_text.h"

#include <math.h>
#include <string.h>

enum { WORDS = 2 + FL_MAX_CLASSES };

struct word {
    struct span text;
    bool quoted;
};

/* Words of one line; -1: a quote without end, -2: too many. */
static int words_of(struct span line, struct word *ret) {
    int n = 0;
    size_t i = 0;
    for (;;) {
        while (i < line.n && (line.p[i] == ' ' || line.p[i] == '\t' || line.p[i] == '\r'))
            i++;
        if (i == line.n || line.p[i] == '#')
            return n;
        if (n == WORDS)
            return -2;
        size_t from = i;
        bool in_quotes = false;
        while (i < line.n &&
               (in_quotes || (line.p[i] != ' ' && line.p[i] != '\t' && line.p[i] != '\r')))
            in_quotes ^= line.p[i++] == '"';
        if (in_quotes)
            return -1;
        ret[n++] = (struct word){{line.p + from, i - from}, line.p[from] == '"'};
    }
}

static bool word_is(const struct word *w, const char *text) {
    return !w->quoted && span_equal(w->text, span_of(text, strlen(text)));
}

/* A name without its quotes. */
static int name_of(struct span text, char *ret, struct ws_err *err) {
    if (text.n >= 2 && text.p[0] == '"' && text.p[text.n - 1] == '"')
        text = (struct span){text.p + 1, text.n - 2};
    if (text.n == 0)
        return ws_fail(err, WS_EINPUT, "an empty name");
    if (text.n >= FL_NAME)
        return ws_fail(err, WS_EINPUT, "a name of %zu octets; %d at most", text.n, FL_NAME - 1);
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] < 0x20 || text.p[i] == 0x7f || text.p[i] == '"')
            return ws_fail(err, WS_EINPUT, "a control character or quote in a name");
    memcpy(ret, text.p, text.n);
    ret[text.n] = '\0';
    return 0;
}

static int column_of(struct span text, struct fl_column *ret, struct ws_err *err) {
    *ret = (struct fl_column){0};
    size_t from = 0;
    size_t names = 0;
    bool in_quotes = false;
    for (size_t i = 0; i <= text.n; i++) {
        if (i < text.n && text.p[i] == '"')
            in_quotes = !in_quotes;
        if (i < text.n && (in_quotes || text.p[i] != '|'))
            continue;
        if (names == FL_SCHEMA_NAMES)
            return ws_fail(err, WS_EINPUT, "more than %d names of one column", FL_SCHEMA_NAMES);
        if (name_of((struct span){text.p + from, i - from}, ret->names[names++], err) != 0)
            return WS_EINPUT;
        from = i + 1;
    }
    return 0;
}

static int read_label(const struct word *w, int n, struct fl_schema *s, struct ws_err *err) {
    if (s->classes != 0)
        return ws_fail(err, WS_EINPUT, "a second label");
    if (n < 4)
        return ws_fail(err, WS_EINPUT, "label: a column and two values at least");
    if (column_of(w[1].text, &s->label, err) != 0)
        return WS_EINPUT;
    for (int i = 2; i < n; i++) {
        if (name_of(w[i].text, s->values[i - 2], err) != 0)
            return WS_EINPUT;
        for (int k = 0; k < i - 2; k++)
            if (strcmp(s->values[k], s->values[i - 2]) == 0)
                return ws_fail(err, WS_EINPUT, "value %s stands there twice", s->values[k]);
    }
    s->classes = (uint16_t)(n - 2);
    return 0;
}

static int read_feature(const struct word *w, int n, struct fl_schema *s, struct ws_err *err) {
    if (s->features == FL_SCHEMA_FEATURES)
        return ws_fail(err, WS_EINPUT, "more than %d features", FL_SCHEMA_FEATURES);
    struct fl_feature *f = &s->feature[s->features];
    *f = (struct fl_feature){0};
    int at = 2;
    if (n < 2)
        return ws_fail(err, WS_EINPUT, "feature: of which column?");
    if (column_of(w[1].text, &f->column, err) != 0)
        return WS_EINPUT;
    if (n >= 4 && word_is(&w[2], "-")) {
        f->difference = true;
        at = 4;
        if (column_of(w[3].text, &f->minus, err) != 0)
            return WS_EINPUT;
    }
    if (n == at + 2 && word_is(&w[at], "else")) {
        f->has_else = true;
        if (!fl_number(w[at + 1].text, &f->else_value))
            return ws_fail(err, WS_EINPUT, "else: not a number");
        at += 2;
    }
    if (n != at)
        return ws_fail(err, WS_EINPUT, "feature: NAME [- NAME] [else VALUE]");
    s->features++;
    return 0;
}

static int read_count(
    const struct word *w, int n, uint32_t max, uint32_t *ret, struct ws_err *err) {
    double v;
    if (n != 2 || !fl_number(w[1].text, &v) || v < 1 || v > max || v != floor(v))
        return ws_fail(err, WS_EINPUT, "one whole number from 1 to %u is needed", max);
    if (*ret != 0)
        return ws_fail(err, WS_EINPUT, "said twice");
    *ret = (uint32_t)v;
    return 0;
}

static int read_line(struct span line, struct fl_schema *s, struct ws_err *err) {
    struct word w[WORDS];
    int n = words_of(line, w);
    if (n < 0)
        return ws_fail(err, WS_EINPUT, n == -1 ? "a quote without end" : "too many words");
    if (n == 0)
        return 0;
    if (word_is(&w[0], "label"))
        return read_label(w, n, s, err);
    if (word_is(&w[0], "feature"))
        return read_feature(w, n, s, err);
    if (word_is(&w[0], "window"))
        return read_count(w, n, FL_MAX_WINDOW, &s->window, err);
    if (word_is(&w[0], "block"))
        return read_count(w, n, FL_MAX_ROWS, &s->block, err);
    return ws_fail(err, WS_EINPUT, "a line begins with label, feature, window or block");
}

int fl_schema_read(struct span text, struct fl_schema *ret, struct ws_err *err) {
    *ret = (struct fl_schema){0};
    size_t at = 0;
    for (size_t number = 1; at < text.n; number++) {
        struct span line = fl_line(text, &at);
        if (read_line(line, ret, err) != 0)
            return ws_fail_in(err, "line %zu of the schema", number);
    }
    if (ret->classes == 0)
        return ws_fail(err, WS_EINPUT, "the schema names no label");
    if (ret->features == 0)
        return ws_fail(err, WS_EINPUT, "the schema names no feature");
    if (ret->block == 0)
        ret->block = 1;
    return 0;
}
