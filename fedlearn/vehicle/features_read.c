/* Tables of text: lines, fields, numbers, windows. */
#include "fedlearn/vehicle/features.h"
#include "fedlearn/vehicle/features_text.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

enum { NUMBER_OCTETS = 40, ABSENT = FL_MAX_COLUMNS };

static struct span trimmed(struct span s) {
    while (s.n != 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = (struct span){s.p + 1, s.n - 1};
    while (s.n != 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t' || s.p[s.n - 1] == '\r'))
        s.n--;
    return s;
}

static bool digit(uint8_t c) {
    return c >= '0' && c <= '9';
}

/* HH:MM or HH:MM:SS */
static bool time_of_day(struct span s, double *ret) {
    if ((s.n != 5 && s.n != 8) || s.p[2] != ':' || (s.n == 8 && s.p[5] != ':'))
        return false;
    unsigned part[3] = {0};
    for (size_t k = 0; k * 3 < s.n; k++) {
        if (!digit(s.p[3 * k]) || !digit(s.p[3 * k + 1]))
            return false;
        part[k] = (s.p[3 * k] - (unsigned)'0') * 10 + (s.p[3 * k + 1] - (unsigned)'0');
    }
    if (part[0] > 23 || part[1] > 59 || part[2] > 60)
        return false;
    *ret = part[0] + part[1] / 60.0 + part[2] / 3600.0;
    return true;
}

bool fl_number(struct span text, double *ret) {
    struct span s = trimmed(text);
    if (s.n == 0 || s.n > NUMBER_OCTETS)
        return false;
    if (time_of_day(s, ret))
        return true;
    size_t i = s.p[0] == '-' || s.p[0] == '+';
    bool minus = s.p[0] == '-';
    double v = 0;
    int exponent = 0;
    size_t digits = 0;
    for (bool point = false; i < s.n && (digit(s.p[i]) || (s.p[i] == '.' && !point)); i++) {
        if (s.p[i] == '.') {
            point = true;
            continue;
        }
        v = v * 10 + (s.p[i] - '0');
        exponent -= point;
        digits++;
    }
    if (digits == 0)
        return false;
    if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
        i++;
        bool down = i < s.n && s.p[i] == '-';
        i += i < s.n && (s.p[i] == '-' || s.p[i] == '+');
        int e = 0;
        size_t from = i;
        for (; i < s.n && digit(s.p[i]) && e < 1000; i++)
            e = e * 10 + (s.p[i] - '0');
        if (i == from)
            return false;
        exponent += down ? -e : e;
    }
    if (i != s.n)
        return false;
    /* Powers up to 10^22 are exact; more digits than that cost an ulp, which no sensor has. */
    v = exponent < 0 ? v / pow(10, -exponent) : v * pow(10, exponent);
    *ret = minus ? -v : v;
    return isfinite(v);
}

struct fields {
    struct span f[FL_MAX_COLUMNS];
    size_t n;
};

/* False: a quote without end, or too many fields. A quoted field may hold the separator, not the end of a line; a
 * doubled quote inside it is left doubled (no name or number needs it). */
static bool fields_of(struct span line, uint8_t separator, struct fields *ret) {
    ret->n = 0;
    size_t i = 0;
    for (;;) {
        if (ret->n == FL_MAX_COLUMNS)
            return false;
        size_t from = i;
        bool quotes = false;
        while (i < line.n && (quotes || line.p[i] != separator))
            quotes ^= line.p[i++] == '"';
        if (quotes)
            return false;
        struct span f = trimmed((struct span){line.p + from, i - from});
        if (f.n >= 2 && f.p[0] == '"' && f.p[f.n - 1] == '"')
            f = (struct span){f.p + 1, f.n - 2};
        ret->f[ret->n++] = f;
        if (i == line.n)
            return true;
        i++;
    }
}

static uint8_t separator_of(struct span line) {
    static const char choice[] = ",;\t";
    size_t best = 0;
    uint8_t ret = ',';
    for (size_t k = 0; k < sizeof(choice) - 1; k++) {
        size_t n = 0;
        for (size_t i = 0; i < line.n; i++)
            n += line.p[i] == (uint8_t)choice[k];
        if (n > best) {
            best = n;
            ret = (uint8_t)choice[k];
        }
    }
    return ret;
}

static size_t find(const struct fields *names, const struct fl_column *column) {
    for (size_t a = 0; a < FL_SCHEMA_NAMES && column->names[a][0] != '\0'; a++) {
        struct span want = span_of(column->names[a], strlen(column->names[a]));
        for (size_t i = 0; i < names->n; i++)
            if (span_equal(names->f[i], want))
                return i;
    }
    return ABSENT;
}

struct reading {
    const struct fl_schema *schema;
    struct fl_dataset got; /* what this table adds */
    size_t cap;
    size_t columns;
    size_t label;
    size_t column[FL_SCHEMA_FEATURES], minus[FL_SCHEMA_FEATURES];
    /* rows of the window being filled */
    double *window;
    size_t filled;
    uint8_t class;
    size_t line, window_line;
};

static int find_columns(struct reading *r, const struct fields *names, struct ws_err *err) {
    const struct fl_schema *s = r->schema;
    r->columns = names->n;
    r->label = find(names, &s->label);
    if (r->label == ABSENT)
        return ws_fail(err, WS_EINPUT, "the table has no column %s", s->label.names[0]);
    for (size_t i = 0; i < s->features; i++) {
        const struct fl_feature *f = &s->feature[i];
        r->column[i] = find(names, &f->column);
        r->minus[i] = f->difference ? find(names, &f->minus) : 0;
        if (f->has_else || (r->column[i] != ABSENT && r->minus[i] != ABSENT))
            continue;
        return ws_fail(err, WS_EINPUT, "the table has no column %s",
            r->column[i] == ABSENT ? f->column.names[0] : f->minus.names[0]);
    }
    return 0;
}

static void bad(struct reading *r, enum fl_bad_row kind, size_t line, size_t rows) {
    if (r->got.bad[kind] == 0)
        r->got.first_bad[kind] = line;
    r->got.bad[kind] += rows;
}

static int keep(
    struct reading *r, const double *x, uint8_t class, size_t already, struct ws_err *err) {
    struct fl_dataset *g = &r->got;
    if (already + g->n == FL_MAX_ROWS)
        return ws_fail(err, WS_ELIMIT, "more than %d rows", FL_MAX_ROWS);
    if (g->n == r->cap) {
        r->cap = r->cap != 0 ? r->cap * 2 : 1024;
        g->x = ws_realloc(g->x, r->cap * g->inputs * sizeof(*g->x));
        g->y = ws_realloc(g->y, r->cap);
    }
    memcpy(g->x + g->n * g->inputs, x, g->inputs * sizeof(*x));
    g->y[g->n++] = class;
    return 0;
}

void fl_window_statistics(const double *rows, size_t features, size_t n, double *ret) {
    for (size_t f = 0; f < features; f++) {
        const double *v = rows + f;
        double sum = 0;
        double least = v[0];
        double most = v[0];
        double steps = 0;
        for (size_t i = 0; i < n; i++) {
            sum += v[i * features];
            least = fmin(least, v[i * features]);
            most = fmax(most, v[i * features]);
            if (i != 0)
                steps += fabs(v[i * features] - v[(i - 1) * features]);
        }
        double mean = sum / (double)n;
        double squares = 0;
        for (size_t i = 0; i < n; i++)
            squares += (v[i * features] - mean) * (v[i * features] - mean);
        double *out = ret + f * FL_WINDOW_STATISTICS;
        out[0] = mean;
        out[1] = sqrt(squares / (double)n);
        out[2] = least;
        out[3] = most;
        out[4] = n > 1 ? steps / (double)(n - 1) : 0;
    }
}

static void break_window(struct reading *r) {
    if (r->filled != 0)
        bad(r, FL_ROW_WINDOW, r->window_line, r->filled);
    r->filled = 0;
}

static int take(
    struct reading *r, const double *x, uint8_t class, size_t already, struct ws_err *err) {
    size_t features = r->schema->features;
    if (r->schema->window == 0)
        return keep(r, x, class, already, err);
    if (r->filled != 0 && r->class != class)
        break_window(r);
    if (r->filled == 0)
        r->window_line = r->line;
    r->class = class;
    memcpy(r->window + r->filled++ * features, x, features * sizeof(*x));
    if (r->filled != r->schema->window)
        return 0;
    double out[FL_SCHEMA_FEATURES * FL_WINDOW_STATISTICS];
    fl_window_statistics(r->window, features, r->filled, out);
    r->filled = 0;
    return keep(r, out, class, already, err);
}

/* A class is the text of its value, or the same number written otherwise (1 and 1.0). */
static bool class_of(const struct fl_schema *s, struct span text, uint8_t *ret) {
    double v = 0;
    bool number = fl_number(text, &v);
    for (size_t i = 0; i < s->classes; i++) {
        struct span want = span_of(s->values[i], strlen(s->values[i]));
        double w;
        if (!span_equal(want, text) && !(number && fl_number(want, &w) && v == w))
            continue;
        *ret = (uint8_t)i;
        return true;
    }
    return false;
}

static enum fl_bad_row read_row(const struct reading *r, struct span line, uint8_t separator,
    struct fields *fields, double *ret_x, uint8_t *ret_class) {
    const struct fl_schema *s = r->schema;
    if (line.n > FL_MAX_LINE || memchr(line.p, 0, line.n) != NULL)
        return FL_ROW_LONG;
    if (!fields_of(line, separator, fields) || fields->n != r->columns)
        return FL_ROW_FIELDS;
    if (!class_of(s, fields->f[r->label], ret_class))
        return FL_ROW_LABEL;
    for (size_t i = 0; i < s->features; i++) {
        double minus = 0;
        ret_x[i] = s->feature[i].else_value;
        if (r->column[i] == ABSENT || r->minus[i] == ABSENT)
            continue;
        if (!fl_number(fields->f[r->column[i]], &ret_x[i]))
            return FL_ROW_NUMBER;
        if (s->feature[i].difference && !fl_number(fields->f[r->minus[i]], &minus))
            return FL_ROW_NUMBER;
        ret_x[i] -= minus;
        if (!isfinite(ret_x[i]))
            return FL_ROW_NUMBER;
    }
    return FL_BAD_ROW_COUNT;
}

static int read_table(struct reading *r, struct span table, size_t already, struct fields *fields,
    struct ws_err *err) {
    size_t at = table.n >= 3 && memcmp(table.p, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    struct span head = at < table.n ? fl_line(table, &at) : (struct span){NULL, 0};
    if (head.n == 0 || head.n > FL_MAX_LINE || trimmed(head).n == 0)
        return ws_fail(err, WS_EINPUT, "the table begins with no line of names");
    uint8_t separator = separator_of(head);
    if (!fields_of(head, separator, fields))
        return ws_fail(
            err, WS_EINPUT, "line 1: a quote without end, or more than %d columns", FL_MAX_COLUMNS);
    if (find_columns(r, fields, err) != 0)
        return WS_EINPUT;
    for (r->line = 2; at < table.n; r->line++) {
        struct span line = fl_line(table, &at);
        if (trimmed(line).n == 0)
            continue;
        double x[FL_SCHEMA_FEATURES];
        uint8_t class;
        enum fl_bad_row why = read_row(r, line, separator, fields, x, &class);
        if (why != FL_BAD_ROW_COUNT) {
            bad(r, why, r->line, 1);
            break_window(r);
            continue;
        }
        int rc = take(r, x, class, already, err);
        if (rc != 0)
            return rc;
    }
    break_window(r);
    return 0;
}

static void append(struct fl_dataset *set, const struct reading *r) {
    const struct fl_dataset *g = &r->got;
    set->inputs = g->inputs;
    set->classes = g->classes;
    set->block = r->schema->block;
    size_t n = set->n + g->n;
    if (g->n != 0) {
        set->x = ws_realloc(set->x, n * g->inputs * sizeof(*set->x));
        set->y = ws_realloc(set->y, n);
        set->part = ws_realloc(set->part, n * sizeof(*set->part));
        memcpy(set->x + set->n * g->inputs, g->x, g->n * g->inputs * sizeof(*set->x));
        memcpy(set->y + set->n, g->y, g->n);
    }
    for (size_t i = set->n; i < n; i++)
        set->part[i] = set->parts;
    set->n = n;
    set->parts++;
    for (size_t k = 0; k < FL_BAD_ROW_COUNT; k++) {
        if (set->bad[k] == 0)
            set->first_bad[k] = g->first_bad[k];
        set->bad[k] += g->bad[k];
    }
}

int fl_dataset_read(
    struct fl_dataset *set, const struct fl_schema *schema, struct span table, struct ws_err *err) {
    struct reading r = {
        .schema = schema, .got = {.inputs = fl_schema_inputs(schema), .classes = schema->classes}};
    if (set->parts != 0 && (set->inputs != r.got.inputs || set->classes != r.got.classes))
        return ws_fail(err, WS_EINPUT,
            "the schema gives %u inputs and %u classes, the set has %u "
            "and %u",
            r.got.inputs, r.got.classes, set->inputs, set->classes);
    r.window =
        ws_calloc(schema->window != 0 ? schema->window : 1, schema->features * sizeof(double));
    struct fields *fields = ws_alloc(sizeof(*fields));
    int rc = read_table(&r, table, set->n, fields, err);
    if (rc == 0)
        append(set, &r);
    free(fields);
    free(r.window);
    free(r.got.x);
    free(r.got.y);
    return rc;
}
