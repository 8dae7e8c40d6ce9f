#include "fedlearn/round/harm.h"

#include "base/mem.h"
#include "fedlearn/round/model_eval.h"

#include <stdlib.h>
#include <string.h>

/* How many rows there is time for. */
static size_t rows_of(const struct fl_harm *h, size_t n_groups) {
    const uint64_t most = FL_HARM_TRIAL / ((n_groups + 1) * fl_shape_params(h->shape));
    return h->root_set->n < most ? h->root_set->n : (size_t)most;
}

/* Every so-manieth row, since a root set may be in order of its classes. */
static struct fl_rows spread(const struct fl_rows *all, size_t inputs, size_t n) {
    struct fl_rows some = {
        ws_calloc(n * inputs, sizeof(*some.x)), ws_calloc(n, sizeof(*some.y)), n};
    for (size_t i = 0; i < n; i++) {
        const size_t from = (size_t)((uint64_t)i * all->n / n);
        memcpy((int32_t *)some.x + i * inputs, all->x + from * inputs, inputs * sizeof(*some.x));
        ((uint8_t *)some.y)[i] = all->y[from];
    }
    return some;
}

static uint32_t right(const struct fl_harm *h, const int32_t *model, const struct fl_rows *rows) {
    struct fl_confusion c;
    fl_confuse(h->shape, model, rows, &c);
    return fl_confusion_right(&c);
}

void fl_harm_mark(const struct fl_harm *h, struct fl_group *groups, size_t n) {
    for (size_t g = 0; g < n; g++)
        groups[g].harmful = false;
    if (h->root_set == NULL || h->rules->harm_ppm == 1000000)
        return;
    const size_t n_rows = rows_of(h, n);
    if (n_rows < FL_HARM_ROWS)
        return;
    const size_t d = fl_shape_params(h->shape);
    const struct fl_rows rows = spread(h->root_set, h->shape->inputs, n_rows);
    const uint32_t before = right(h, h->model, &rows);
    int32_t *step = ws_calloc(d, sizeof(*step));
    int32_t *next = ws_calloc(d, sizeof(*next));
    for (size_t g = 0; g < n; g++) {
        if (groups[g].found != FL_ACCEPTED)
            continue;
        fl_group_step(h->scale, &groups[g], d, step);
        memcpy(next, h->model, d * sizeof(*next));
        (void)fl_model_apply(next, step, d);
        const int64_t lost = (int64_t)before - right(h, next, &rows);
        groups[g].harmful =
            lost > 1 && lost * 1000000 > (int64_t)h->rules->harm_ppm * (int64_t)n_rows;
    }
    free(next);
    free(step);
    free((void *)rows.x);
    free((void *)rows.y);
}
