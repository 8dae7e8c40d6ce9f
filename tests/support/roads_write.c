/* Roads of roads.h in the formats' words. */
#include "tests/support/roads.h"

#include <math.h>
#include <string.h>

/* ---- OpenDRIVE ---- */

static void put_polys(
    const struct vr_polys *l, const char *name, const char *s, double sign, struct buf *b) {
    for (size_t i = 0; i < l->n; i++)
        buf_printf(b, "<%s %s='%.17g' a='%.17g' b='%.17g' c='%.17g' d='%.17g'/>\n", name, s,
            l->p[i].s, sign * l->p[i].c[0], sign * l->p[i].c[1], sign * l->p[i].c[2],
            sign * l->p[i].c[3]);
}

static void put_geometry(const struct vr_geometry *g, struct buf *b) {
    buf_printf(b, "<geometry s='%.17g' x='%.17g' y='%.17g' hdg='%.17g' length='%.17g'>", g->s, g->x,
        g->y, g->hdg, g->length);
    const double *p = g->p;
    switch (g->shape) {
    case VR_LINE:
    case VR_SHAPES:
        buf_printf(b, "<line/>");
        break;
    case VR_ARC:
        buf_printf(b, "<arc curvature='%.17g'/>", p[0]);
        break;
    case VR_SPIRAL:
        buf_printf(b, "<spiral curvStart='%.17g' curvEnd='%.17g'/>", p[0], p[1]);
        break;
    case VR_POLY3:
        buf_printf(b, "<poly3 a='%.17g' b='%.17g' c='%.17g' d='%.17g'/>", p[0], p[1], p[2], p[3]);
        break;
    case VR_PARAM_POLY3:
        buf_printf(b,
            "<paramPoly3 aU='%.17g' bU='%.17g' cU='%.17g' dU='%.17g' aV='%.17g' bV='%.17g' "
            "cV='%.17g' dV='%.17g' pRange='%s'/>",
            p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7],
            g->normalized ? "normalized" : "arcLength");
        break;
    }
    buf_printf(b, "</geometry>\n");
}

static void put_lane(
    const struct vr_section *sec, const struct vr_lane *l, int id, bool noise, struct buf *b) {
    buf_printf(b, "<lane id='%d' type='%s' level='false'>\n", id, l->type);
    if (noise)
        buf_printf(b, "<link/>");
    if (sec->borders)
        put_polys(&l->width, "border", "sOffset", id < 0 ? -1.0 : 1.0, b);
    else
        put_polys(&l->width, "width", "sOffset", 1.0, b);
    if (l->mark != NULL)
        buf_printf(b, "<roadMark sOffset='0' type='%s' color='white' width='0.12'/>\n", l->mark);
    if (noise)
        buf_printf(b, "<material sOffset='0' friction='0.8'/><height sOffset='0' inner='0.1' "
                      "outer='0.1'/><access sOffset='0' rule='deny' restriction='trucks'/>"
                      "<userData code='x'><lane id='77'/><width a='99'/></userData>\n");
    if (l->max != NULL && l->unit != NULL)
        buf_printf(b, "<speed sOffset='0' max='%s' unit='%s'/>\n", l->max, l->unit);
    else if (l->max != NULL)
        buf_printf(b, "<speed sOffset='0' max='%s'/>\n", l->max);
    buf_printf(b, "</lane>\n");
}

static void put_section(const struct vr_section *sec, bool noise, struct buf *b) {
    buf_printf(b, "<laneSection s='%.17g'>\n", sec->s);
    if (sec->n_left > 0) {
        buf_printf(b, "<left>");
        for (int k = sec->n_left; k > 0; k--)
            put_lane(sec, &sec->left[k - 1], k, noise, b);
        buf_printf(b, "</left>\n");
    }
    buf_printf(b, "<center><lane id='0' type='none'><roadMark sOffset='0' type='broken'/></lane>"
                  "</center>\n<right>");
    for (int k = 1; k <= sec->n_right; k++)
        put_lane(sec, &sec->right[k - 1], -k, noise, b);
    buf_printf(b, "</right></laneSection>\n");
}

void vr_begin_opendrive(const char *header, struct buf *b) {
    buf_printf(b,
        "<?xml version='1.0' standalone='yes'?>\n<OpenDRIVE>\n<header revMajor='1' "
        "revMinor='8' name='varied'>%s</header>\n",
        header);
}

void vr_end_opendrive(struct buf *b) {
    buf_printf(b, "</OpenDRIVE>\n");
}

void vr_put_opendrive(const struct vr_road *r, const char *id, bool noise, struct buf *b) {
    buf_printf(b, "<road name='' length='%.17g' id='%s' junction='-1' rule='%s'>\n", r->length, id,
        r->left_hand ? "LHT" : "RHT");
    if (noise)
        buf_printf(b,
            "<!-- <road id='no'> --><link/><type s='0' type='townPrivate' country='DE'/>\n"
            "<userData code='lanes'><geometry s='0' x='1e308'/></userData>\n");
    buf_printf(b, "<planView>\n");
    for (size_t i = 0; i < r->n_geometry; i++)
        put_geometry(&r->geometry[i], b);
    buf_printf(b, "</planView>\n");
    if (noise)
        buf_printf(b, "<elevationProfile/><lateralProfile><crossfall side='both' s='0' a='0' b='0' "
                      "c='0' d='0'/></lateralProfile>\n");
    buf_printf(b, "<lanes>\n");
    put_polys(&r->offset, "laneOffset", "s", 1.0, b);
    for (size_t i = 0; i < r->n_sections; i++)
        put_section(&r->sections[i], noise, b);
    buf_printf(b, "</lanes>\n");
    if (noise)
        buf_printf(b, "<objects><object id='h1' type='building' s='1' t='20'><repeat s='1' "
                      "length='2' distance='1'/><outlines><outline id='0'><cornerLocal u='1' "
                      "v='1'/></outline></outlines></object><tunnel s='0' length='3' id='t' "
                      "type='standard'/><bridge s='1' length='2' id='b' type='concrete'/>"
                      "<objectReference s='1' t='1' id='h1'/></objects>\n");
    const struct vr_signal *g = &r->signal;
    buf_printf(b,
        "<signals><signal id='%s' name='' s='%.17g' t='%.17g' zOffset='2' hOffset='%.17g' "
        "orientation='%s' dynamic='no' country='DE' type='%s' subtype='%s' value='%d' "
        "unit='km/h'/></signals>\n",
        id, g->s, g->t, g->h_offset,
        g->orientation == 'n'   ? "none"
        : g->orientation == '+' ? "+"
                                : "-",
        g->type, g->subtype, g->value);
    if (noise)
        buf_printf(
            b, "<surface/><railroad><switch id='1' name='x' position='straight'/></railroad>\n");
    buf_printf(b, "</road>\n");
    if (noise)
        buf_printf(b,
            "<junction id='j%s' name='' type='virtual' mainRoad='%s' sStart='1' sEnd='2' "
            "orientation='+'><connection id='0' type='virtual' incomingRoad='%s' "
            "connectingRoad='nobody' contactPoint='start'/><priority high='1' low='2'/>"
            "<controller id='9'/></junction><junctionGroup id='g%s' type='roundabout'/>\n"
            "<junction id='c%s' type='crossing'><roadSection id='0' roadId='%s' "
            "sStart='1' sEnd='2'/><crossPath id='0' crossingRoad='nobody'/></junction>\n",
            id, id, id, id, id, id);
}

/* ---- Lanelet2 ---- */

struct writer {
    const struct vr_road *r;
    struct buf *b;
    int64_t next;
};

static void put_node(struct writer *w, double x, double y) {
    buf_printf(w->b,
        "<node id='%lld' lat='' lon=''><tag k='local_x' v='%.4f'/><tag k='local_y' "
        "v='%.4f'/></node>\n",
        (long long)w->next++, x, y);
}

/* A line every quarter of a metre as a way; its id. */
static int64_t put_edge(struct writer *w, const struct vr_section *sec, int k, const char *type) {
    double length = sec->end - sec->s;
    size_t n = (size_t)(length / 0.25) + 1;
    int64_t first = w->next;
    for (size_t i = 0; i <= n; i++) {
        double s = sec->s + length * (double)i / (double)n;
        double x = 0.0;
        double y = 0.0;
        vr_point(w->r, s, vr_edge(w->r, sec, k, s), &x, &y);
        put_node(w, x, y);
    }
    int64_t id = w->next++;
    buf_printf(w->b, "<way id='%lld'>", (long long)id);
    for (size_t i = 0; i <= n; i++)
        buf_printf(w->b, "<nd ref='%lld'/>", (long long)first + (long long)i);
    buf_printf(w->b, "<tag k='type' v='%s'/></way>\n", type);
    return id;
}

static void put_lanelet(
    struct writer *w, const struct vr_lane *l, int64_t inner, int64_t outer, bool inner_is_left) {
    buf_printf(w->b,
        "<relation id='%lld'><member type='way' ref='%lld' role='left'/><member type='way' "
        "ref='%lld' role='right'/><tag k='type' v='lanelet'/><tag k='subtype' v='road'/>",
        (long long)w->next++, (long long)(inner_is_left ? inner : outer),
        (long long)(inner_is_left ? outer : inner));
    if (l->max != NULL)
        buf_printf(w->b, "<tag k='speed_limit' v='%d%s'/>", l->limit,
            strcmp(l->limit_unit, "mph") == 0 ? " mph" : "");
    buf_printf(w->b, "</relation>\n");
}

void vr_put_lanelet2(const struct vr_road *r, struct buf *b) {
    struct writer w = {r, b, 1};
    buf_printf(b, "<osm version='0.6'>\n");
    for (size_t i = 0; i < r->n_sections; i++) {
        const struct vr_section *sec = &r->sections[i];
        int64_t middle = put_edge(&w, sec, 0, "line_thin");
        for (int side = -1; side <= 1; side += 2) {
            int64_t inner = middle;
            int n = side < 0 ? sec->n_right : sec->n_left;
            for (int k = 0; k < n; k++) {
                int64_t outer = put_edge(&w, sec, side * (k + 1), "line_thin");
                put_lanelet(
                    &w, side < 0 ? &sec->right[k] : &sec->left[k], inner, outer, !r->left_hand);
                inner = outer;
            }
        }
    }
    /* the plate from its left to its right edge as who drives towards it sees it */
    const struct vr_signal *g = &r->signal;
    double x = 0.0;
    double y = 0.0;
    vr_point(r, g->s, g->t, &x, &y);
    double hdg = vr_at(r, g->s).hdg + g->h_offset + (g->orientation == '-' ? acos(-1.0) : 0.0);
    put_node(&w, x - 0.3 * sin(hdg), y + 0.3 * cos(hdg));
    put_node(&w, x + 0.3 * sin(hdg), y - 0.3 * cos(hdg));
    buf_printf(b,
        "<way id='%lld'><nd ref='%lld'/><nd ref='%lld'/><tag k='type' v='traffic_sign'/><tag "
        "k='subtype' v='de%s-%d'/></way>\n</osm>\n",
        (long long)w.next, (long long)w.next - 2, (long long)w.next - 1, g->type, g->value);
}
