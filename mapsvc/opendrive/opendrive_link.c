/* Successors of OpenDRIVE lanes: what links and junctions declare, where the lanes do meet, and lanes of one type
 * that meet and run the same way (declarations are often incomplete). */
#include "base/mem.h"
#include "mapsvc/model/ieee.h"
#include "mapsvc/opendrive/opendrive.h"

#include <stdio.h>
#include <stdlib.h>

enum { SILENT_MM = 10, MEET_MM = 100, CANDIDATES_MAX = 256, TURN_MAX = 65536 / 12 };

struct step { /* from one element to the next, by index in the map */
    size_t from, to;
};
struct steps {
    struct step *p;
    size_t n, cap;
    size_t against, missing, far;
};

static void add_step(struct steps *l, size_t from, size_t to) {
    if (l->n == l->cap) {
        l->cap = l->cap == 0 ? 256 : l->cap * 2;
        l->p = ws_realloc(l->p, l->cap * sizeof(l->p[0]));
    }
    l->p[l->n++] = (struct step){from, to};
}

static int step_order(const void *a, const void *b) {
    const struct step *p = a;
    const struct step *q = b;
    if (p->from != q->from)
        return p->from < q->from ? -1 : 1;
    return (p->to > q->to) - (p->to < q->to);
}

/* ---- declared ---- */

struct lane_end { /* of a lane of a road, where the road's s begins or ends */
    const struct od_road *road;
    const struct od_lane *lane;
    bool end;
};

/* A link between two ends: silent up to 0.01 m, told up to 0.1 m, not followed beyond. */
static void join(
    struct od_build *b, struct steps *l, struct lane_end a, struct lane_end o, unsigned line) {
    if (a.lane == NULL || o.lane == NULL) {
        l->missing++;
        return;
    }
    if (a.lane->element == 0 || o.lane->element == 0)
        return; /* left out, which is told elsewhere */
    bool a_exits = od_runs_along(a.road, a.lane) == a.end;
    bool o_exits = od_runs_along(o.road, o.lane) == o.end;
    size_t from = (a_exits ? a.lane : o.lane)->element - 1;
    size_t to = (a_exits ? o.lane : a.lane)->element - 1;
    const struct element *e = &b->r->map->elements[from];
    const struct element *next = &b->r->map->elements[to];
    double dx = (double)e->points[e->n_points - 1].x - next->points[0].x;
    double dy = (double)e->points[e->n_points - 1].y - next->points[0].y;
    double gap = ieee_sqrt(dx * dx + dy * dy);
    /* A road can name one contact only: of a loop with both ends at one place, one of them is the wrong one. */
    if (a_exits == o_exits && gap > MEET_MM) {
        l->against += od_is_driven(a.lane) && od_is_driven(o.lane);
        return;
    }
    if (from == to) {
        map_note(b->r, line, "%s: is linked to itself; not followed", e->aliases[0]);
    } else if (gap > MEET_MM) {
        l->far++;
        map_note(b->r, line, "%s -> %s: the link joins ends %.3f m apart; not followed",
            e->aliases[0], next->aliases[0], gap / 1000.0);
    } else {
        if (gap > SILENT_MM)
            map_note(b->r, line, "%s -> %s: ends are %.3f m apart", e->aliases[0], next->aliases[0],
                gap / 1000.0);
        add_step(l, from, to);
    }
}

static const struct od_section *outer_section(
    const struct od_map *m, const struct od_road *road, bool end, int id) {
    if (road->sections.n == 0)
        return NULL;
    return od_section_at(m, road, id < 0 ? -1 : 1, end ? road->length : 0.0);
}

static struct lane_end end_of(
    const struct od_map *m, const struct od_road *road, bool end, int id) {
    struct lane_end v = {road, NULL, end};
    const struct od_section *sec = outer_section(m, road, end, id);
    if (sec != NULL)
        v.lane = od_lane_in(m, sec, id);
    return v;
}

/* The lane's own words about what follows it along s, or comes before. */
static void lane_links(struct od_build *b, struct steps *l, const struct od_road *road,
    const struct od_section *sec, const struct od_lane *lane) {
    const struct od_map *m = b->m;
    int side = lane->id < 0 ? -1 : 1;
    for (uint32_t i = 0; i < lane->links.n && b->budget > 0; i++) {
        const struct od_lane_link *v = &m->lane_links[lane->links.first + i];
        b->budget--;
        const struct od_section *next = NULL;
        if (v->successor)
            next = od_next_section(m, road, sec, side);
        else if (sec > m->sections + road->sections.first)
            next = od_section_at(m, road, side, sec[-1].s);
        struct lane_end here = {road, lane, v->successor};
        if (next != NULL) {
            join(b, l, here, (struct lane_end){road, od_lane_in(m, next, v->id), !v->successor},
                v->line);
            continue;
        }
        const struct od_neighbour *n = v->successor ? &road->after : &road->before;
        const struct od_road *other =
            n->what == OD_NEXT_ROAD ? od_road_named(m, od_text(m, n->id)) : NULL;
        if (other != NULL && n->contact != OD_CONTACT_UNKNOWN)
            join(b, l, here, end_of(m, other, n->contact == OD_CONTACT_END, v->id), v->line);
    }
}

static void check_neighbour(
    struct od_build *b, const struct od_road *road, const struct od_neighbour *n) {
    const char *id = od_text(b->m, n->id);
    if (n->what != OD_NEXT_ROAD)
        return;
    if (od_road_named(b->m, id) == NULL)
        map_note(b->r, n->line, "road %s: is linked to road %s, which is not there",
            od_text(b->m, road->id), id);
    else if (n->contact == OD_CONTACT_UNKNOWN)
        map_note(b->r, n->line, "road %s: the link to road %s has no contactPoint; not followed",
            od_text(b->m, road->id), id);
}

/* Which end of an incoming road lies at the junction: false when it does not say. */
static bool incoming_end(
    const struct od_map *m, const struct od_road *road, const char *junction, bool *ret_end) {
    bool before =
        road->before.what == OD_NEXT_JUNCTION && strcmp(od_text(m, road->before.id), junction) == 0;
    bool after =
        road->after.what == OD_NEXT_JUNCTION && strcmp(od_text(m, road->after.id), junction) == 0;
    *ret_end = after;
    return before != after;
}

static double end_gap2(const struct od_map *m, const struct od_road *a, bool a_end,
    const struct od_road *o, bool o_end) {
    struct od_pose p = od_road_at(m, a, a_end ? a->length : 0.0);
    struct od_pose q = od_road_at(m, o, o_end ? o->length : 0.0);
    return (p.x - q.x) * (p.x - q.x) + (p.y - q.y) * (p.y - q.y);
}

static void connection_links(struct od_build *b, struct steps *l, const struct od_connection *c) {
    const struct od_map *m = b->m;
    const struct od_road *in = od_road_named(m, od_text(m, c->incoming));
    const struct od_road *to = od_road_named(m, od_text(m, c->to));
    if (in == NULL || to == NULL || c->contact == OD_CONTACT_UNKNOWN) {
        map_note(b->r, c->line, "junction %s: connection %s -> %s: %s; not followed",
            od_text(m, c->junction), od_text(m, c->incoming), od_text(m, c->to),
            in == NULL || to == NULL ? "a road is not there" : "no contactPoint");
        return;
    }
    bool to_end = c->contact == OD_CONTACT_END;
    bool in_end = false;
    /* A road may reach one junction with both ends: the nearer one is meant. */
    if (!incoming_end(m, in, od_text(m, c->junction), &in_end))
        in_end = end_gap2(m, in, true, to, to_end) < end_gap2(m, in, false, to, to_end);
    for (uint32_t i = 0; i < c->links.n && b->budget > 0; i++) {
        const struct od_pair *v = &m->pairs[c->links.first + i];
        b->budget--;
        join(b, l, end_of(m, in, in_end, v->from), end_of(m, to, to_end, v->to), c->line);
    }
}

static void declared(struct od_build *b, struct steps *l) {
    const struct od_map *m = b->m;
    for (size_t i = 0; i < m->n_roads; i++) {
        const struct od_road *road = &m->roads[i];
        if (road->broken != NULL)
            continue;
        check_neighbour(b, road, &road->before);
        check_neighbour(b, road, &road->after);
        for (uint32_t k = 0; k < road->sections.n; k++) {
            const struct od_section *sec = &m->sections[road->sections.first + k];
            for (uint32_t j = 0; j < sec->lanes.n; j++)
                lane_links(b, l, road, sec, &m->lanes[sec->lanes.first + j]);
        }
    }
    for (size_t i = 0; i < m->n_connections; i++)
        connection_links(b, l, &m->connections[i]);
    if (l->against > 0)
        map_note(
            b->r, 0, "%zu links join lanes that run against each other; not followed", l->against);
    if (l->missing > 0)
        map_note(b->r, 0, "%zu links name lanes that are not there", l->missing);
}

/* ---- by place ---- */

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

static bool same_type(const struct element *a, const struct element *b) {
    const char *p = element_attr(a, "subtype");
    const char *q = element_attr(b, "subtype");
    return p != NULL && q != NULL && strcmp(p, q) == 0;
}

static size_t by_place(const struct od_build *b, struct steps *l) {
    const struct mapset *m = b->r->map;
    struct start *starts = ws_calloc(m->n - b->first, sizeof(starts[0]));
    size_t n = 0;
    for (size_t i = b->first; i < m->n; i++) {
        const struct element *e = &m->elements[i];
        if (e->kind == EL_LANE)
            starts[n++] = (struct start){e->points[0], heading_of(e->points[0], e->points[1]), i};
    }
    if (n > 1)
        qsort(starts, n, sizeof(starts[0]), start_order);
    size_t cut = 0;
    for (size_t i = b->first; i < m->n; i++) {
        const struct element *e = &m->elements[i];
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
        for (size_t seen = 0; lo < n && (int64_t)starts[lo].p.x <= (int64_t)end.x + MEET_MM; lo++) {
            if (++seen > CANDIDATES_MAX) {
                cut++;
                break;
            }
            if (starts[lo].element != i && continues(e, &starts[lo]) &&
                same_type(e, &m->elements[starts[lo].element]))
                add_step(l, i, starts[lo].element);
        }
    }
    free(starts);
    return cut;
}

static bool add_successor(struct element *e, const struct element *next) {
    const char *old = element_attr(e, "successors");
    char text[ELEMENT_MAX_TEXT + 1];
    int n = snprintf(text, sizeof(text), "%s%s%s", old == NULL ? "" : old, old == NULL ? "" : " ",
        next->aliases[0]);
    return n > 0 && n <= ELEMENT_MAX_TEXT && element_set_attr(e, "successors", text);
}

void opendrive_link(struct od_build *b) {
    struct mapset *m = b->r->map;
    struct steps l = {0};
    declared(b, &l);
    size_t cut = by_place(b, &l);
    if (l.n > 1)
        qsort(l.p, l.n, sizeof(l.p[0]), step_order);
    for (size_t i = 0; i < l.n; i++)
        if (i == 0 || step_order(&l.p[i - 1], &l.p[i]) != 0)
            cut += !add_successor(&m->elements[l.p[i].from], &m->elements[l.p[i].to]);
    if (cut > 0)
        map_note(b->r, 0, "%zu lanes have more successors than are kept", cut);
    free(l.p);
}
