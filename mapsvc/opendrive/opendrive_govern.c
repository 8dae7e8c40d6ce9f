/* Which lanes an OpenDRIVE signal is for: its own validity, the references to it from other roads, and the
 * controllers it hangs on. */
#include "base/mem.h"
#include "mapsvc/opendrive/opendrive.h"

#include <stdio.h>
#include <stdlib.h>

struct od_entry {
    const char *id;
    uint32_t at;
};
struct od_entries {
    struct od_entry *p;
    size_t n;
};
struct od_index {
    struct od_entries references, controls, signals;
    struct buf lanes, controllers; /* of the signal at hand */
};

static int entry_order(const void *a, const void *b) {
    const struct od_entry *p = a;
    const struct od_entry *q = b;
    int c = strcmp(p->id, q->id);
    return c != 0 ? c : (p->at > q->at) - (p->at < q->at);
}

static size_t first_of(const struct od_entries *l, const char *id) {
    size_t lo = 0;
    size_t hi = l->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (strcmp(l->p[mid].id, id) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool is_at(const struct od_entries *l, size_t i, const char *id) {
    return i < l->n && strcmp(l->p[i].id, id) == 0;
}

static void sort(struct od_entries *l) {
    if (l->n > 1)
        qsort(l->p, l->n, sizeof(l->p[0]), entry_order);
}

/* References and controllers that name nobody, or one of several. */
static void check_name(
    struct od_build *b, unsigned line, const char *what, const char *by, const char *id) {
    size_t i = first_of(&b->index->signals, id);
    if (!is_at(&b->index->signals, i, id))
        map_note(b->r, line, "%s %s: names signal %s, which is not there", what, by, id);
    else if (is_at(&b->index->signals, i + 1, id))
        map_note(b->r, line, "%s %s: names signal %s, of which there are several; all are meant",
            what, by, id);
}

void od_govern_begin(struct od_build *b) {
    const struct od_map *m = b->m;
    b->index = ws_calloc(1, sizeof(*b->index));
    struct od_index *x = b->index;
    x->references =
        (struct od_entries){ws_calloc(m->n_references, sizeof(struct od_entry)), m->n_references};
    x->controls =
        (struct od_entries){ws_calloc(m->n_controls, sizeof(struct od_entry)), m->n_controls};
    x->signals =
        (struct od_entries){ws_calloc(m->n_signals, sizeof(struct od_entry)), m->n_signals};
    for (size_t i = 0; i < m->n_references; i++)
        x->references.p[i] = (struct od_entry){od_text(m, m->references[i].id), (uint32_t)i};
    for (size_t i = 0; i < m->n_controls; i++)
        x->controls.p[i] = (struct od_entry){od_text(m, m->controls[i].signal), (uint32_t)i};
    for (size_t i = 0; i < m->n_signals; i++)
        x->signals.p[i] = (struct od_entry){od_text(m, m->signals[i].id), (uint32_t)i};
    sort(&x->references);
    sort(&x->controls);
    sort(&x->signals);
    for (size_t i = 0; i < m->n_references; i++)
        check_name(b, m->references[i].line, "signalReference on road",
            od_text(m, m->roads[m->references[i].road].id), od_text(m, m->references[i].id));
    for (size_t i = 0; i < m->n_controls; i++)
        check_name(b, m->controls[i].line, "controller", od_text(m, m->controls[i].controller),
            od_text(m, m->controls[i].signal));
}

void od_govern_end(struct od_build *b) {
    free(b->index->references.p);
    free(b->index->controls.p);
    free(b->index->signals.p);
    buf_free(&b->index->lanes);
    buf_free(&b->index->controllers);
    free(b->index);
    b->index = NULL;
}

/* ---- lanes ---- */

struct where {
    const struct od_road *road;
    double s;
    char orientation;
    struct od_run validity;
};

static bool is_meant(const struct od_build *b, const struct where *w, const struct od_lane *lane) {
    for (uint32_t i = 0; i < w->validity.n; i++) {
        const struct od_validity *v = &b->m->validities[w->validity.first + i];
        if (lane->id >= v->from && lane->id <= v->to)
            return true;
    }
    if (w->validity.n > 0 || !od_is_driven(lane))
        return false;
    bool along = od_runs_along(w->road, lane);
    return w->orientation == '+' ? along : w->orientation == '-' ? !along : true;
}

static void put_lane(struct buf *to, const char *text) {
    size_t n = strlen(text);
    /* each once: several references may name one lane */
    for (size_t i = 0; to->n > 0 && i + n <= to->n; i++)
        if (memcmp(to->p + i, text, n) == 0 && (i + n == to->n || to->p[i + n] == ' ') &&
            (i == 0 || to->p[i - 1] == ' '))
            return;
    if (to->n > 0)
        buf_u8(to, ' ');
    buf_put(to, text, n);
}

enum { LANES_TEXT_MAX = 8 * ELEMENT_MAX_TEXT };

static void put_lanes(struct od_build *b, const struct where *w) {
    const struct od_map *m = b->m;
    for (int side = -1; side <= 1; side += 2) {
        const struct od_section *sec =
            w->road->broken == NULL ? od_section_at(m, w->road, side, w->s) : NULL;
        for (uint32_t i = 0; sec != NULL && i < sec->lanes.n && b->budget > 0; i++) {
            const struct od_lane *lane = &m->lanes[sec->lanes.first + i];
            b->budget--;
            if (lane->id * side <= 0 || lane->element == 0 || !is_meant(b, w, lane) ||
                b->index->lanes.n > LANES_TEXT_MAX)
                continue;
            const char *alias = b->r->map->elements[lane->element - 1].aliases[0];
            put_lane(&b->index->lanes, strchr(alias, ':') + 1);
        }
    }
}

/* Cuts a list at blanks into attributes key, key.2, ...; what does not fit into eight of them is told. */
static void set_list(
    struct od_build *b, const struct buf *list, const char *key, unsigned line, struct element *e) {
    size_t at = 0;
    for (int part = 1; at < list->n; part++) {
        size_t n = list->n - at;
        if (n > ELEMENT_MAX_TEXT) {
            n = ELEMENT_MAX_TEXT;
            while (n > 0 && list->p[at + n] != ' ')
                n--;
        }
        char name[32];
        char text[ELEMENT_MAX_TEXT + 1];
        if (part > 8 || n == 0) {
            map_note(b->r, line, "signal: is for more lanes than are kept");
            return;
        }
        (void)snprintf(name, sizeof(name), part == 1 ? "%s" : "%s.%d", key, part);
        memcpy(text, list->p + at, n);
        text[n] = '\0';
        (void)element_set_attr(e, name, text);
        at += n;
        while (at < list->n && list->p[at] == ' ')
            at++;
    }
}

void od_govern(struct od_build *b, const struct od_signal *g, struct element *e) {
    const struct od_map *m = b->m;
    struct od_index *x = b->index;
    const char *id = od_text(m, g->id);
    buf_clear(&x->lanes);
    buf_clear(&x->controllers);
    size_t first = first_of(&x->references, id);
    /* A sign that says nothing else is for all who see it; a light must say whom it stops. */
    bool own = g->validity.n > 0 || is_at(&x->references, first, id);
    if (own || e->kind != EL_SIGN) {
        const struct where w = {&m->roads[g->road], g->s, g->orientation, g->validity};
        /* where only references name lanes, its own road has none to add */
        if (g->validity.n > 0 || !is_at(&x->references, first, id) || e->kind == EL_SIGN)
            put_lanes(b, &w);
    }
    for (size_t i = first; is_at(&x->references, i, id) && b->budget > 0; i++) {
        const struct od_reference *v = &m->references[x->references.p[i].at];
        const struct where w = {&m->roads[v->road], v->s, v->orientation, v->validity};
        b->budget--;
        put_lanes(b, &w);
    }
    set_list(b, &x->lanes, "lanes", g->line, e);
    for (size_t i = first_of(&x->controls, id); is_at(&x->controls, i, id) && b->budget > 0; i++) {
        b->budget--;
        const char *name = od_text(m, m->controls[x->controls.p[i].at].controller);
        if (name[0] != '\0' && x->controllers.n + strlen(name) < ELEMENT_MAX_TEXT)
            put_lane(&x->controllers, name);
    }
    set_list(b, &x->controllers, "controllers", g->line, e);
}
