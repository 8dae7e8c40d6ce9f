#include "rsu/decide/inputs.h"

#include "mapsvc/model/ints.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *decide_quantity_name(enum decide_quantity q) {
    static const char *const names[] = {
#define X(id, name, ...) name,
        DECIDE_QUANTITIES(X)
#undef X
    };
    return names[q];
}

const char *decide_quantity_unit(enum decide_quantity q) {
    static const char *const units[] = {
#define X(id, name, unit, step, text) unit,
        DECIDE_QUANTITIES(X)
#undef X
    };
    return units[q];
}

void decide_quantity_step(
    enum decide_quantity q, int32_t v, int32_t *ret_least, int32_t *ret_most) {
    static const int32_t steps[] = {
#define X(id, name, unit, step, text) step,
        DECIDE_QUANTITIES(X)
#undef X
    };
    const int32_t step = steps[q];
    *ret_least = *ret_most = v;
    if (step == 0)
        return;
    const int64_t least = floor_div(v, step) * step;
    *ret_least = (int32_t)(least < INT32_MIN ? INT32_MIN : least);
    *ret_most = (int32_t)(least + step > INT32_MAX ? INT32_MAX : least + step);
}

/* What published tables call the same thing. */
static const struct {
    const char *name;
    enum decide_quantity q;
} also[] = {{"design_speed", DECIDE_LIMIT}, {"observation_hour", DECIDE_HOUR}};

static bool is_name(const char *text, size_t n, const char *name) {
    return strlen(name) == n && memcmp(text, name, n) == 0;
}

static uint8_t quantity_of(const char *text, size_t n) {
    for (unsigned q = 0; q < DECIDE_QUANTITY_COUNT; q++)
        if (is_name(text, n, decide_quantity_name((enum decide_quantity)q)))
            return (uint8_t)q;
    for (size_t i = 0; i < ARRAY_LEN(also); i++)
        if (is_name(text, n, also[i].name))
            return (uint8_t)also[i].q;
    return DECIDE_NOTHING;
}

/* Cuts ".mean" and the like off. */
static uint8_t statistic_of(const char *text, size_t *n) {
    static const char *const names[FL_WINDOW_STATISTICS] = {
        ".mean", ".deviation", ".least", ".greatest", ".step"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        size_t k = strlen(names[i]);
        if (*n > k && memcmp(text + *n - k, names[i], k) == 0) {
            *n -= k;
            return (uint8_t)i;
        }
    }
    return DECIDE_NOTHING;
}

/* "a" or "a - b"; false: the part of the text that is not known. */
static bool feature_of(
    const char *text, size_t n, uint8_t *ret_of, uint8_t *ret_minus, struct span *ret_unknown) {
    static const char between[] = " - ";
    const size_t gap = sizeof(between) - 1;
    size_t at = 0;
    while (at + gap <= n && memcmp(text + at, between, gap) != 0)
        at++;
    bool difference = at + gap <= n;
    size_t first = difference ? at : n;
    *ret_of = quantity_of(text, first);
    *ret_minus = DECIDE_NOTHING;
    *ret_unknown = span_of(text, first);
    if (*ret_of == DECIDE_NOTHING || !difference)
        return *ret_of != DECIDE_NOTHING;
    *ret_unknown = span_of(text + at + gap, n - at - gap);
    *ret_minus = quantity_of(text + at + gap, n - at - gap);
    return *ret_minus != DECIDE_NOTHING;
}

static size_t find_or_add(struct decide_binding *b, uint8_t of, uint8_t minus) {
    size_t i = 0;
    while (i < b->features && (b->feature[i].of != of || b->feature[i].minus != minus))
        i++;
    if (i == b->features && i < DECIDE_FEATURES) {
        b->feature[i].of = of;
        b->feature[i].minus = minus;
        b->features++;
        b->needs |= 1U << of | (minus == DECIDE_NOTHING ? 0 : 1U << minus);
    }
    return i;
}

int decide_bind(const struct fl_model *m, unsigned window, struct decide_binding *ret_binding,
    struct ws_err *err) {
    struct decide_binding *b = ret_binding;
    memset(b, 0, sizeof(*b));
    b->window = 1;
    for (size_t i = 0; i < m->shape.inputs; i++) {
        const char *name = m->inputs[i];
        size_t n = strlen(name);
        uint8_t of = 0;
        uint8_t minus = 0;
        struct span unknown;
        uint8_t statistic = statistic_of(name, &n);
        if (!feature_of(name, n, &of, &minus, &unknown))
            return ws_fail(err, WS_EINPUT, "input %zu '%s': a unit does not know '%.*s'", i + 1,
                name, (int)unknown.n, (const char *)unknown.p);
        if (statistic != DECIDE_NOTHING && window == 0)
            return ws_fail(err, WS_EINPUT,
                "input %zu '%s': over a window, and decide.window does not say of how many looks",
                i + 1, name);
        size_t at = find_or_add(b, of, minus);
        if (at == DECIDE_FEATURES)
            return ws_fail(err, WS_ELIMIT, "input %zu '%s': more than %d different columns", i + 1,
                name, DECIDE_FEATURES);
        if (statistic != DECIDE_NOTHING)
            b->window = (uint16_t)window;
        b->input[i].feature = (uint8_t)at;
        b->input[i].statistic = statistic;
    }
    b->inputs = m->shape.inputs;
    return WS_OK;
}

static double value_of(const struct decide_row *r, uint8_t of, uint8_t minus) {
    double v = r->v[of] / 1000.0;
    return minus == DECIDE_NOTHING ? v : v - r->v[minus] / 1000.0;
}

void decide_inputs(
    const struct decide_binding *b, const struct decide_row *rows, double *ret_inputs) {
    double v[DECIDE_WINDOW_MAX * DECIDE_FEATURES];
    double statistics[DECIDE_FEATURES * FL_WINDOW_STATISTICS];
    const size_t n = b->window;
    for (size_t i = 0; i < n; i++)
        for (size_t f = 0; f < b->features; f++)
            v[i * b->features + f] = value_of(&rows[i], b->feature[f].of, b->feature[f].minus);
    if (n > 1)
        fl_window_statistics(v, b->features, n, statistics);
    for (size_t i = 0; i < b->inputs; i++) {
        size_t f = b->input[i].feature;
        uint8_t s = b->input[i].statistic;
        /* A window of one row has these: no deviation, no step. */
        if (n == 1 && s != DECIDE_NOTHING)
            ret_inputs[i] = s == 1 || s == 4 ? 0 : v[f];
        else
            ret_inputs[i] = s == DECIDE_NOTHING ? v[(n - 1) * b->features + f]
                                                : statistics[f * FL_WINDOW_STATISTICS + s];
    }
}

/* ---- the site ---- */

/* Up to a blank or the end; what is left is moved on. */
static struct span next_word(struct span *line) {
    size_t from = 0;
    while (from < line->n && (line->p[from] == ' ' || line->p[from] == '\t'))
        from++;
    size_t to = from;
    while (to < line->n && line->p[to] != ' ' && line->p[to] != '\t')
        to++;
    struct span word = {line->p + from, to - from};
    *line = (struct span){line->p + to, line->n - to};
    return word;
}

/* Decimal digits with a point, a sign before them; thousandths, what is finer is rounded. */
static bool thousandths_of(struct span word, int32_t *ret) {
    char text[32];
    char *end = NULL;
    if (word.n == 0 || word.n >= sizeof(text))
        return false;
    memcpy(text, word.p, word.n);
    text[word.n] = '\0';
    if (strspn(text, "0123456789.-") != word.n)
        return false;
    double v = strtod(text, &end);
    if (*end != '\0' || !(fabs(v) < 1e6))
        return false;
    *ret = (int32_t)lround(v * 1000);
    return true;
}

static int take_site_line(
    struct span line, unsigned number, struct decide_row *site, struct ws_err *err) {
    int32_t v = 0;
    for (size_t i = 0; i < line.n; i++)
        if (line.p[i] == '#' || line.p[i] == '\r')
            line.n = i;
    struct span name = next_word(&line);
    struct span value = next_word(&line);
    if (name.n == 0)
        return WS_OK;
    uint8_t q = quantity_of((const char *)name.p, name.n);
    if (q == DECIDE_NOTHING || (DECIDE_OF_SITE >> q & 1) == 0)
        return ws_fail(err, WS_EINPUT, "line %u: '%.*s' is nothing of a site", number,
            (int)(name.n < 60 ? name.n : 60), (const char *)name.p);
    if ((site->known >> q & 1) != 0)
        return ws_fail(err, WS_EINPUT, "line %u: '%s' twice", number,
            decide_quantity_name((enum decide_quantity)q));
    if (!thousandths_of(value, &v) || next_word(&line).n != 0)
        return ws_fail(err, WS_EINPUT, "line %u: '%s' and no number below 1000000", number,
            decide_quantity_name((enum decide_quantity)q));
    site->known |= 1U << q;
    site->v[q] = v;
    return WS_OK;
}

int decide_read_site(struct span text, struct decide_row *ret_site, struct ws_err *err) {
    struct decide_row site = {0};
    size_t at = 0;
    for (unsigned number = 1; at < text.n; number++) {
        size_t end = at;
        while (end < text.n && text.p[end] != '\n')
            end++;
        int rc = take_site_line((struct span){text.p + at, end - at}, number, &site, err);
        if (rc != WS_OK)
            return rc;
        at = end + 1;
    }
    *ret_site = site;
    return WS_OK;
}
