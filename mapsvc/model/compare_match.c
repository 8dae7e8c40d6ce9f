/* Which element of one map is which of the other: by alias, then by place. */
#include "base/mem.h"
#include "mapsvc/model/compare.h"
#include "mapsvc/model/ieee.h"

#include <stdlib.h>

struct name {
    unsigned kind;
    const char *alias;
    uint32_t element;
};

static int name_order(const void *a, const void *b) {
    const struct name *p = a;
    const struct name *q = b;
    if (p->kind != q->kind)
        return p->kind < q->kind ? -1 : 1;
    int c = strcmp(p->alias, q->alias);
    if (c != 0)
        return c;
    return (p->element > q->element) - (p->element < q->element);
}

static struct name *names_of(const struct mapset *m, size_t *ret_n) {
    size_t total = 0;
    for (size_t i = 0; i < m->n; i++)
        total += m->elements[i].n_aliases;
    struct name *names = ws_calloc(total, sizeof(names[0]));
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++)
        for (size_t k = 0; k < m->elements[i].n_aliases; k++)
            names[n++] = (struct name){m->elements[i].kind, m->elements[i].aliases[k], (uint32_t)i};
    if (n > 1)
        qsort(names, n, sizeof(names[0]), name_order);
    *ret_n = n;
    return names;
}

static void pair(struct compare *c, size_t i, size_t k) {
    c->of_a[i] = (uint32_t)k + 1;
    c->of_b[k] = (uint32_t)i + 1;
}

void compare_match_alias(struct compare *c) {
    c->of_a = ws_calloc(c->a->n, sizeof(c->of_a[0]));
    c->of_b = ws_calloc(c->b->n, sizeof(c->of_b[0]));
    size_t na = 0;
    size_t nb = 0;
    struct name *a = names_of(c->a, &na);
    struct name *b = names_of(c->b, &nb);
    size_t k = 0;
    for (size_t i = 0; i < na; i++) {
        struct name key = a[i];
        key.element = 0;
        while (k < nb && name_order(&b[k], &key) < 0)
            k++;
        for (size_t j = k; j < nb && c->of_a[a[i].element] == 0; j++) {
            if (b[j].kind != key.kind || strcmp(b[j].alias, key.alias) != 0)
                break;
            if (c->of_b[b[j].element] == 0)
                pair(c, a[i].element, b[j].element);
        }
    }
    free(a);
    free(b);
}

/* ---- by place ---- */

enum { GATE_MM = 1000, LINE_GATE_MM = 2000, CELL_MM = 4096 };

/* An unmatched element: where it begins, lies and ends. */
struct spot {
    unsigned kind;
    int32_t cell_x, cell_y;
    struct map_point first, mid, last;
    bool line;
    bool lasts; /* and its id says what it is */
    uint32_t element;
};

static int32_t cell_of(int32_t v) {
    return v >= 0 ? v / CELL_MM : -((-(v + 1)) / CELL_MM) - 1;
}

/* Lanelet2 ids are kept over a map's life, so an id that is gone is an element that is gone; negative
 * ones are the editor's own until it saves. OpenDRIVE has no lasting ids for lanes. */
static bool id_lasts(const struct element *e) {
    static const char *const lasting[] = {"lanelet2:way/", "lanelet2:relation/"};
    for (size_t i = 0; i < e->n_aliases; i++)
        for (size_t k = 0; k < ARRAY_LEN(lasting); k++)
            if (strncmp(e->aliases[i], lasting[k], strlen(lasting[k])) == 0 &&
                e->aliases[i][strlen(lasting[k])] != '-')
                return true;
    return false;
}

/* What the cell or an editor adds under a number of its own until a survey gives it one: there, one thing may have an
 * id that lasts in one map only. Lanes and their edges are redrawn instead. */
static bool is_renamed(enum element_kind k) {
    return k == EL_SIGN || k == EL_LIGHT || k == EL_STOP_LINE || k == EL_CROSSWALK ||
           k == EL_HAZARD;
}

/* Of two versions of one map most ids meet; where they do not, a tool has numbered all anew. */
static bool ids_meet(const struct compare *c) {
    size_t met = 0;
    for (size_t i = 0; i < c->a->n; i++)
        met += c->of_a[i] != 0;
    size_t smaller = c->a->n < c->b->n ? c->a->n : c->b->n;
    return c->same_ns && met * 2 >= smaller;
}

static double dist2(struct map_point a, struct map_point b) {
    double dx = (double)a.x - b.x;
    double dy = (double)a.y - b.y;
    return dx * dx + dy * dy;
}

/* Where half of a line's length is, however many points it has. */
static struct map_point half_way(const struct map_point *p, size_t n) {
    double total = 0.0;
    for (size_t i = 1; i < n; i++)
        total += ieee_sqrt(dist2(p[i - 1], p[i]));
    double at = 0.0;
    for (size_t i = 1; i < n; i++) {
        double d = ieee_sqrt(dist2(p[i - 1], p[i]));
        if (d > 0.0 && at + d >= total / 2.0) {
            double f = (total / 2.0 - at) / d;
            struct map_point q = {0};
            (void)ieee_round_i32(p[i - 1].x + f * ((double)p[i].x - p[i - 1].x), &q.x);
            (void)ieee_round_i32(p[i - 1].y + f * ((double)p[i].y - p[i - 1].y), &q.y);
            return q;
        }
        at += d;
    }
    return p[0];
}

static bool spot_of(
    const struct compare *c, const struct element *e, bool of_b, uint32_t index, struct spot *ret) {
    if (e->n_points == 0)
        return false;
    struct spot s = {.kind = e->kind,
        .line = e->n_points > 1,
        .element = index,
        .first = e->points[0],
        .mid = half_way(e->points, e->n_points),
        .last = e->points[e->n_points - 1]};
    if (!c->same_ns && e->kind == EL_CROSSWALK) { /* some formats know its middle only */
        s.line = false;
        s.first = s.mid = s.last = compare_middle(e->points, e->n_points);
    }
    if (of_b && (!compare_place(c, s.first, &s.first) || !compare_place(c, s.mid, &s.mid) ||
                    !compare_place(c, s.last, &s.last)))
        return false;
    /* Two formats draw a line in either direction: it begins where it lies furthest along one. */
    if (!c->same_ns && (e->kind == EL_BOUNDARY || e->kind == EL_STOP_LINE) &&
        c->along_x * ((int64_t)s.last.x - s.first.x) +
                c->along_y * ((int64_t)s.last.y - s.first.y) <
            0) {
        struct map_point t = s.first;
        s.first = s.last;
        s.last = t;
    }
    /* Lines are found by their beginning: their middle depends on how many points they have. */
    s.cell_x = cell_of(s.first.x);
    s.cell_y = cell_of(s.first.y);
    *ret = s;
    return true;
}

static int spot_order(const void *a, const void *b) {
    const struct spot *p = a;
    const struct spot *q = b;
    if (p->kind != q->kind)
        return p->kind < q->kind ? -1 : 1;
    if (p->cell_x != q->cell_x)
        return p->cell_x < q->cell_x ? -1 : 1;
    if (p->cell_y != q->cell_y)
        return p->cell_y < q->cell_y ? -1 : 1;
    return (p->element > q->element) - (p->element < q->element);
}

static bool same_figure(const struct compare *c, const struct spot *a, const struct spot *b) {
    const struct element *x = &c->a->elements[a->element];
    const struct element *y = &c->b->elements[b->element];
    const char *p = element_attr(x, "code");
    const char *q = element_attr(y, "code");
    return x->has_value == y->has_value && (!x->has_value || x->value == y->value) &&
           (p == NULL || q == NULL || strcmp(p, q) == 0);
}

/* Square of a distance that orders candidates; negative: not the same thing. */
static double apart(const struct compare *c, const struct spot *a, const struct spot *b) {
    double first = dist2(a->first, b->first);
    if (a->line != b->line || (a->lasts && b->lasts))
        return -1.0;
    if (a->lasts != b->lasts && !same_figure(c, a, b))
        return -1.0;
    if (!a->line) {
        const struct element *x = &c->a->elements[a->element];
        const struct element *y = &c->b->elements[b->element];
        int d = (int16_t)(uint16_t)(x->heading - y->heading);
        bool turned = x->has_heading && y->has_heading && (d > 8192 || d < -8192);
        return turned || first > (double)GATE_MM * GATE_MM ? -1.0 : first;
    }
    double last = dist2(a->last, b->last);
    double worst = first > last ? first : last;
    /* of two lines between the same ends the one with the same course */
    return worst > (double)LINE_GATE_MM * LINE_GATE_MM ? -1.0 : worst + dist2(a->mid, b->mid);
}

struct nearest {
    uint32_t other; /* 1 + index among the spots */
    double first, second; /* squared; negative: none */
};

static void consider(struct nearest *n, uint32_t other, double d) {
    if (n->first < 0.0 || d < n->first) {
        n->second = n->first;
        n->first = d;
        n->other = other + 1;
    } else if (n->second < 0.0 || d < n->second) {
        n->second = d;
    }
}

/* Nobody else within twice the distance, so that neither of two neighbours is a guess. */
static bool is_clear(const struct nearest *n) {
    return n->other != 0 && (n->second < 0.0 || n->second > 4.0 * n->first + 1.0);
}

static size_t lower(const struct spot *s, size_t n, const struct spot *key) {
    size_t lo = 0;
    size_t hi = n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (spot_order(&s[mid], key) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

void compare_unmatch_far(struct compare *c) {
    for (size_t i = 0; i < c->a->n; i++) {
        const struct element *a = &c->a->elements[i];
        if (c->of_a[i] == 0 || a->n_points < 2 || id_lasts(a))
            continue;
        size_t k = c->of_a[i] - 1;
        struct spot p;
        struct spot q;
        if (!spot_of(c, a, false, (uint32_t)i, &p) ||
            !spot_of(c, &c->b->elements[k], true, (uint32_t)k, &q))
            continue;
        double gate = (double)LINE_GATE_MM * LINE_GATE_MM;
        if (dist2(p.first, q.first) > gate && dist2(p.last, q.last) > gate) {
            c->of_a[i] = 0;
            c->of_b[k] = 0;
        }
    }
}

enum { CROWD_MAX = 64 }; /* elements of one kind beginning in one cell that are looked at */

static void find_nearest(const struct compare *c, const struct spot *a, size_t na,
    const struct spot *b, size_t nb, struct nearest *of_a, struct nearest *of_b) {
    for (size_t i = 0; i < na; i++) {
        for (int dx = -1; dx <= 1; dx++) {
            for (int dy = -1; dy <= 1; dy++) {
                struct spot key = {
                    .kind = a[i].kind, .cell_x = a[i].cell_x + dx, .cell_y = a[i].cell_y + dy};
                size_t seen = 0;
                for (size_t k = lower(b, nb, &key); k < nb && seen < CROWD_MAX; k++, seen++) {
                    if (b[k].kind != key.kind || b[k].cell_x != key.cell_x ||
                        b[k].cell_y != key.cell_y)
                        break;
                    double d = apart(c, &a[i], &b[k]);
                    if (d < 0.0)
                        continue;
                    consider(&of_a[i], (uint32_t)k, d);
                    consider(&of_b[k], (uint32_t)i, d);
                }
            }
        }
    }
}

/* Lines that lie on each other (two lanes' common edge, drawn twice) are not told apart by place, nor need they
 * be: any pairing of them is right. alike: figures and codes are. */
static void pair_coincident(struct compare *c, const struct spot *a, size_t na,
    const struct spot *b, size_t nb, bool alike) {
    const double same = 50.0 * 50.0;
    for (size_t i = 0; i < na; i++) {
        struct spot key = {.kind = a[i].kind};
        for (int dx = -1; dx <= 1 && c->of_a[a[i].element] == 0; dx++) {
            for (int dy = -1; dy <= 1 && c->of_a[a[i].element] == 0; dy++) {
                key.cell_x = a[i].cell_x + dx;
                key.cell_y = a[i].cell_y + dy;
                size_t seen = 0;
                for (size_t k = lower(b, nb, &key); k < nb && seen < CROWD_MAX; k++, seen++) {
                    if (b[k].kind != key.kind || b[k].cell_x != key.cell_x ||
                        b[k].cell_y != key.cell_y)
                        break;
                    if (alike && !same_figure(c, &a[i], &b[k]))
                        continue;
                    double d = c->of_b[b[k].element] != 0 ? -1.0 : apart(c, &a[i], &b[k]);
                    double mid = a[i].line ? dist2(a[i].mid, b[k].mid) : 0.0;
                    if (d >= 0.0 && d - mid <= same && mid <= (alike ? same : 100.0 * same)) {
                        pair(c, a[i].element, b[k].element);
                        break;
                    }
                }
            }
        }
    }
}

/* Elements without a partner, by kind and place, as malloc'd memory. ids: those that last have told who is who, and two
 * of them are two things. */
static struct spot *spots_of(const struct compare *c, bool of_b, bool ids, size_t *ret_n) {
    const struct mapset *m = of_b ? c->b : c->a;
    const uint32_t *partner = of_b ? c->of_b : c->of_a;
    struct spot *s = ws_calloc(m->n, sizeof(s[0]));
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++) {
        const struct element *e = &m->elements[i];
        bool lasts = ids && id_lasts(e);
        if (partner[i] != 0 || (lasts && !is_renamed(e->kind)) ||
            !spot_of(c, e, of_b, (uint32_t)i, &s[n]))
            continue;
        s[n++].lasts = lasts;
    }
    if (n > 1)
        qsort(s, n, sizeof(s[0]), spot_order);
    *ret_n = n;
    return s;
}

static void match_place(struct compare *c) {
    size_t na = 0;
    size_t nb = 0;
    bool ids = ids_meet(c);
    struct spot *a = spots_of(c, false, ids, &na);
    struct spot *b = spots_of(c, true, ids, &nb);
    struct nearest *of_a = ws_calloc(na, sizeof(of_a[0]));
    struct nearest *of_b = ws_calloc(nb, sizeof(of_b[0]));
    for (size_t i = 0; i < na; i++)
        of_a[i] = (struct nearest){0, -1.0, -1.0};
    for (size_t k = 0; k < nb; k++)
        of_b[k] = (struct nearest){0, -1.0, -1.0};
    find_nearest(c, a, na, b, nb, of_a, of_b);
    for (size_t i = 0; i < na; i++) {
        if (!is_clear(&of_a[i]))
            continue;
        size_t k = of_a[i].other - 1;
        if (is_clear(&of_b[k]) && of_b[k].other == i + 1)
            pair(c, a[i].element, b[k].element);
    }
    pair_coincident(
        c, a, na, b, nb, true); /* of two plates on one pole the one that says the same */
    pair_coincident(c, a, na, b, nb, false);
    free(a);
    free(b);
    free(of_a);
    free(of_b);
}

void compare_match_place(struct compare *c) {
    /* a line that lies across one of these directions does not lie across the other */
    c->along_x = 4;
    c->along_y = 3;
    match_place(c);
    if (c->same_ns)
        return;
    c->along_x = 3;
    c->along_y = -4;
    match_place(c);
}
