/* Successors of OpenDRIVE lanes by where they meet: the end of one is the beginning of the other, running the
 * same way. Junction tables say the same in another way and are often incomplete. */
#include "base/mem.h"
#include "mapsvc/ieee.h"
#include "mapsvc/opendrive.h"

#include <stdio.h>
#include <stdlib.h>

enum { MEET_MM = 100, CANDIDATES_MAX = 256, TURN_MAX = 65536 / 12 };

struct start {
    struct map_point p;
    uint16_t heading;
    size_t element;
};

static int start_order(const void *a, const void *b) {
    const struct start *p = a;
    const struct start *q = b;
    if (p->p.x != q->p.x)
        return p->p.x < q->p.x ? -1 : 1;
    if (p->p.y != q->p.y)
        return p->p.y < q->p.y ? -1 : 1;
    return (p->element > q->element) - (p->element < q->element);
}

static uint16_t heading_of(struct map_point a, struct map_point b) {
    return ieee_heading((double)b.x - a.x, (double)b.y - a.y);
}

static bool continues(const struct element *e, const struct start *next) {
    struct map_point end = e->points[e->n_points - 1];
    int64_t dx = (int64_t)next->p.x - end.x;
    int64_t dy = (int64_t)next->p.y - end.y;
    if (dx * dx + dy * dy > (int64_t)MEET_MM * MEET_MM)
        return false;
    int d = (int16_t)(uint16_t)(heading_of(e->points[e->n_points - 2], end) - next->heading);
    return d <= TURN_MAX && d >= -TURN_MAX;
}

static bool add_successor(struct element *e, const struct element *next) {
    const char *old = element_attr(e, "successors");
    char text[ELEMENT_MAX_TEXT + 1];
    int n = snprintf(text, sizeof(text), "%s%s%s", old == NULL ? "" : old, old == NULL ? "" : " ",
        next->aliases[0]);
    return n > 0 && n <= ELEMENT_MAX_TEXT && element_set_attr(e, "successors", text);
}

void opendrive_link(struct od_build *b, size_t first) {
    struct mapset *m = b->r->map;
    struct start *starts = ws_calloc(m->n - first, sizeof(starts[0]));
    size_t n = 0;
    for (size_t i = first; i < m->n; i++) {
        const struct element *e = &m->elements[i];
        if (e->kind == EL_LANE)
            starts[n++] = (struct start){e->points[0], heading_of(e->points[0], e->points[1]), i};
    }
    if (n > 1)
        qsort(starts, n, sizeof(starts[0]), start_order);
    size_t cut = 0;
    for (size_t i = first; i < m->n; i++) {
        struct element *e = &m->elements[i];
        if (e->kind != EL_LANE)
            continue;
        struct map_point end = e->points[e->n_points - 1];
        size_t lo = 0;
        size_t hi = n;
        while (lo < hi) {
            size_t mid = lo + (hi - lo) / 2;
            if ((int64_t)starts[mid].p.x < (int64_t)end.x - MEET_MM)
                lo = mid + 1;
            else
                hi = mid;
        }
        const char *type = element_attr(e, "subtype");
        for (size_t seen = 0; lo < n && (int64_t)starts[lo].p.x <= (int64_t)end.x + MEET_MM; lo++) {
            if (++seen > CANDIDATES_MAX) {
                cut++;
                break;
            }
            const struct element *next = &m->elements[starts[lo].element];
            const char *next_type = element_attr(next, "subtype");
            if (starts[lo].element == i || !continues(e, &starts[lo]) || type == NULL ||
                next_type == NULL || strcmp(type, next_type) != 0)
                continue;
            if (!add_successor(e, next)) {
                cut++;
                break;
            }
        }
    }
    if (cut > 0)
        map_note(b->r, 0, "%zu lanes have more successors than are kept", cut);
    free(starts);
}
