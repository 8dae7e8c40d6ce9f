/* OpenDRIVE: the way from a file to elements, and where its plane lies on the globe. */
#include "mapsvc/opendrive/opendrive.h"

#include "base/mem.h"
#include "mapsvc/formats/xml.h"
#include "mapsvc/model/ieee.h"

#include <stdio.h>
#include <stdlib.h>

/* A small file may ask for much, a large one has more roads: minutes at most for a gigabyte. */
#define EVALUATIONS_MAX 200000000U
#define EVALUATIONS_OF_AN_OCTET 2U
#define GAP_SILENT 0.01 /* metres between two records of one road (hd-map facts, 3) */
#define GAP_MAX 0.1

bool od_place(const struct od_build *b, double x, double y, double z, struct map_point *ret_p) {
    struct map_point p = {0};
    double s = 0.0;
    double c = 1.0;
    ieee_sincos(b->m->shift_hdg, &s, &c);
    double px = x * c - y * s + b->m->shift_x;
    double py = x * s + y * c + b->m->shift_y;
    if (!ieee_round_i32(z * 1000.0, &p.z))
        return false;
    if (b->has_projection) {
        int64_t lat = 0;
        int64_t lon = 0;
        if (!tmerc_inverse(&b->projection, px, py, &lat, &lon) ||
            !frame_from_wgs10(&b->frame, lat, lon, &p.x, &p.y))
            return false;
    } else if (!ieee_round_i32(px * 1000.0, &p.x) || !ieee_round_i32(py * 1000.0, &p.y) ||
               !frame_convert(&b->own, &b->frame, p.x, p.y, &p.x, &p.y)) {
        return false;
    }
    *ret_p = p;
    return true;
}

/* Around the records' beginnings. False: none is on the globe. */
static bool frame_by_projection(struct od_build *b) {
    const struct od_map *m = b->m;
    int64_t *lat = ws_calloc(m->n_geometry, sizeof(lat[0]));
    int64_t *lon = ws_calloc(m->n_geometry, sizeof(lon[0]));
    double s = 0.0;
    double c = 1.0;
    ieee_sincos(m->shift_hdg, &s, &c);
    size_t n = 0;
    for (size_t i = 0; i < m->n_geometry; i++) {
        const struct od_geometry *g = &m->geometry[i];
        if (tmerc_inverse(&b->projection, g->x * c - g->y * s + m->shift_x,
                g->x * s + g->y * c + m->shift_y, &lat[n], &lon[n]))
            n++;
    }
    if (n > 0)
        b->frame = map_frame_of_places(b->r->opt, lat, lon, n);
    free(lat);
    free(lon);
    return n > 0;
}

static void choose_frame(struct od_build *b) {
    const char *proj = (const char *)b->m->geo_reference.p;
    char why[100];
    size_t i = 0;
    while (proj[i] == ' ' || proj[i] == '\n' || proj[i] == '\r' || proj[i] == '\t')
        i++;
    bool given = proj[i] != '\0';
    b->has_projection = given && tmerc_parse(proj + i, &b->projection, why, sizeof(why));
    if (given && !b->has_projection)
        map_note(b->r, 0,
            "element geoReference: not read (%s); read are tmerc, utm, EPSG codes of these and "
            "WKT, "
            "on WGS 84 in metres",
            why);
    if (b->has_projection && !frame_by_projection(b)) {
        map_note(b->r, 0, "element geoReference: puts no road on the globe");
        b->has_projection = false;
    }
    if (!b->has_projection) {
        b->own = map_frame_local(b->r);
        b->frame = b->r->opt->has_frame ? b->r->opt->frame : b->own;
    }
    b->r->map->frame = b->frame;
}

struct named {
    const char *id;
    uint32_t road;
};

static int named_order(const void *a, const void *b) {
    const struct named *p = a;
    const struct named *q = b;
    int c = strcmp(p->id, q->id);
    return c != 0 ? c : (p->road > q->road) - (p->road < q->road);
}

static void refuse_repeated_roads(struct od_map *m) {
    struct named *list = ws_calloc(m->n_roads, sizeof(list[0]));
    for (size_t i = 0; i < m->n_roads; i++)
        list[i] = (struct named){od_text(m, m->roads[i].id), (uint32_t)i};
    if (m->n_roads > 1)
        qsort(list, m->n_roads, sizeof(list[0]), named_order);
    for (size_t i = 1; i < m->n_roads; i++) {
        struct od_road *road = &m->roads[list[i].road];
        if (strcmp(list[i].id, list[i - 1].id) == 0 && road->broken == NULL) {
            road->broken = "the id is used before in this file";
            road->broken_line = road->line;
        }
    }
    m->by_id = ws_calloc(m->n_roads, sizeof(m->by_id[0]));
    for (size_t i = 0; i < m->n_roads; i++)
        m->by_id[i] = list[i].road;
    free(list);
}

/* What lies behind the end of the reference line lies nowhere. */
static void cut_to_line(struct od_build *b, struct od_road *road, const char *what) {
    const struct od_geometry *last = &b->m->geometry[road->geometry.first + road->geometry.n - 1];
    double end = last->s + last->length;
    if (road->length > end + GAP_MAX)
        map_note(b->r, road->line,
            "%s: is %.2f m long, but its reference line ends at %.2f m; cut there", what,
            road->length, end);
    if (road->length > end)
        road->length = end;
}

static void check_roads(struct od_build *b) {
    struct od_map *m = b->m;
    size_t guessed = 0;
    refuse_repeated_roads(m);
    for (size_t i = 0; i < m->n_roads && b->r->rc == WS_OK; i++) {
        struct od_road *road = &m->roads[i];
        char what[80];
        (void)snprintf(what, sizeof(what), "road %s", od_text(m, road->id));
        if (road->broken == NULL && road->geometry.n == 0) {
            road->broken = "no planView geometry";
            road->broken_line = road->line;
        }
        double gap = road->broken != NULL ? 0.0 : od_settle_geometry(m, road, &guessed);
        if (!(gap <= GAP_MAX)) {
            road->broken = "records of the reference line are more than 0.1 m apart";
            road->broken_line = road->line;
        } else if (gap > GAP_SILENT) {
            map_note(b->r, road->line, "%s: records of the reference line are up to %.3f m apart",
                what, gap);
        }
        if (road->broken == NULL)
            cut_to_line(b, road, what);
        if (road->broken != NULL)
            map_skip(b->r, road->broken_line, what, "%s", road->broken);
    }
    if (guessed > 0)
        map_note(b->r, 0,
            "%zu paramPoly3 do not say pRange; the one that meets the next record is "
            "taken",
            guessed);
}

static void note_version(const struct od_build *b) {
    const struct od_map *m = b->m;
    bool said = m->major >= 0 && m->minor >= 0;
    if (said && (m->major != 1 || m->minor < 4 || m->minor > 8))
        map_note(b->r, 0,
            "element header: version %lld.%lld; read as OpenDRIVE 1.8, which may "
            "differ (known are 1.4 to 1.8)",
            (long long)m->major, (long long)m->minor);
}

static void note_unread(const struct od_build *b) {
    const struct od_map *m = b->m;
    if (m->other_objects > 0)
        map_note(b->r, 0, "%zu elements object are no crosswalk or stop line and not read",
            m->other_objects);
    if (m->includes > 0)
        map_note(b->r, 0, "%zu elements include name other files, which are not read", m->includes);
    if (m->superelevations > 0)
        map_note(
            b->r, 0, "%zu elements superelevation are not applied to heights", m->superelevations);
    if (b->no_width > 0)
        map_note(b->r, 0, "%zu lanes have no width and are left out", b->no_width);
}

void opendrive_read(
    struct map_reader *r, struct span data, struct od_map *m, struct od_build *ret_b) {
    struct od_build b = {.r = r,
        .m = m,
        .budget = EVALUATIONS_MAX + (uint64_t)EVALUATIONS_OF_AN_OCTET * data.n,
        .first = r->map->n};
    opendrive_parse(r, data, m);
    if (r->octets != NULL)
        buf_free(r->octets);
    if (r->rc == WS_OK) {
        note_version(&b);
        check_roads(&b);
    }
    if (r->rc == WS_OK) {
        choose_frame(&b);
        opendrive_lanes(&b);
        opendrive_link(&b);
        opendrive_signals(&b);
        opendrive_repeats(&b);
        opendrive_objects(&b);
        note_unread(&b);
    }
    if (r->rc == WS_OK && b.budget == 0)
        r->rc = ws_fail(
            r->err, WS_ELIMIT, "%s: element road: more geometry than the reader draws", r->file);
    *ret_b = b;
}

void opendrive_import(struct map_reader *r, struct span data) {
    struct od_map m = {0};
    struct od_build b;
    opendrive_read(r, data, &m, &b);
    od_map_free(&m);
}
