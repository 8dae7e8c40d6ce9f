/* Drives from SUMO's floating-car output: positions at times, in metres of the network's plane. */
#include "rsu/obus/obusim.h"

#include "base/fileio.h"
#include "base/mem.h"
#include "mapsvc/formats/tmerc.h"
#include "mapsvc/formats/xml.h"
#include "mapsvc/fuse/fusion.h"
#include "mapsvc/model/ieee.h"

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#define FILE_MAX_OCTETS ((size_t)1 << 29) /* also unpacked */
enum {
    GAP_US = 3000000, /* longer without a position: off the road */
    NANO = 9, /* decimals that are read */
};

/* ---- files ---- */

static int unpack(const char *path, const struct buf *packed, struct buf *ret, struct ws_err *err) {
    z_stream z = {.next_in = packed->p, .avail_in = (uInt)packed->n};
    if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
        return ws_fail(err, WS_ENOMEM, "%s: no memory to unpack it", path);
    int rc = Z_OK;
    while (rc == Z_OK && ret->n < FILE_MAX_OCTETS) {
        enum { STEP = 1 << 20 };
        size_t before = ret->n;
        z.next_out = buf_grow(ret, STEP);
        z.avail_out = STEP;
        rc = inflate(&z, Z_NO_FLUSH);
        ret->n = before + (STEP - z.avail_out);
    }
    (void)inflateEnd(&z);
    if (rc == Z_STREAM_END)
        return WS_OK;
    return ws_fail(err, rc == Z_OK ? WS_ELIMIT : WS_EINPUT, "%s: %s", path,
        rc == Z_OK ? "longer than 512 MiB unpacked" : "damaged or cut gzip file");
}

static int read_file(const char *path, struct buf *ret, struct ws_err *err) {
    struct buf raw = {0};
    int rc = file_read(path, FILE_MAX_OCTETS, &raw, err);
    if (rc == WS_OK && raw.n >= 2 && raw.p[0] == 0x1f && raw.p[1] == 0x8b) {
        rc = unpack(path, &raw, ret, err);
        buf_free(&raw);
        return rc;
    }
    *ret = raw;
    return rc;
}

/* ---- network: only where it lies ---- */

struct plane {
    int64_t x_nm, y_nm; /* added to the map's coordinates by the network */
    bool projected;
    struct tmerc projection;
    bool found;
};

static void on_net_element(struct xml *x, void *user, const char *name, const char **attrs) {
    struct plane *p = user;
    if (strcmp(name, "location") != 0)
        return;
    const char *offset = xml_attr(attrs, "netOffset");
    const char *proj = xml_attr(attrs, "projParameter");
    char first[48];
    const char *comma = offset == NULL ? NULL : strchr(offset, ',');
    if (comma == NULL || (size_t)(comma - offset) >= sizeof(first)) {
        xml_fail(x, WS_EINPUT, "location: netOffset is missing or not X,Y");
        return;
    }
    memcpy(first, offset, (size_t)(comma - offset));
    first[comma - offset] = '\0';
    if (!sim_decimal(first, NANO, &p->x_nm) || !sim_decimal(comma + 1, NANO, &p->y_nm)) {
        xml_fail(x, WS_EINPUT, "location: netOffset \"%.60s\" is not X,Y", offset);
        return;
    }
    char why[160];
    p->projected = proj != NULL && proj[0] == '+';
    if (p->projected && !tmerc_parse(proj, &p->projection, why, sizeof(why))) {
        xml_fail(x, WS_ENOTSUP, "location: projParameter: %s", why);
        return;
    }
    p->found = true;
    xml_stop(x);
}

static int parse_net(const char *name, struct span data, struct plane *ret, struct ws_err *err) {
    struct xml_handler h = {.user = ret, .start = on_net_element};
    int rc = xml_parse(name, data, &h, err);
    if (rc == WS_OK && !ret->found)
        rc = ws_fail(err, WS_EINPUT, "%s: no <location>; not a SUMO network", name);
    return rc;
}

/* ---- positions ---- */

struct reading {
    struct sim_fcd *f;
    struct plane plane;
    const struct cell_frame *frame;
    int64_t t_us;
    bool in_step;
};

static size_t hash_of(const char *s) {
    uint64_t h = 14695981039346656037U; /* FNV-1a */
    for (; *s != '\0'; s++)
        h = (h ^ (uint8_t)*s) * 1099511628211U;
    return (size_t)(h ^ h >> 32);
}

/* Slot of the name, or where it belongs. */
static size_t *slot_of(struct sim_fcd *f, const char *name) {
    size_t i = hash_of(name) & (f->n_index - 1);
    while (f->index[i] != 0 && strcmp(f->tracks[f->index[i] - 1].name, name) != 0)
        i = (i + 1) & (f->n_index - 1);
    return &f->index[i];
}

static struct sim_fcd_track *track_of(struct sim_fcd *f, const char *name) {
    if (f->n_index == 0) {
        f->n_index = 4 * 16384; /* SIM_VEHICLES_MAX fill it to a sixth */
        f->index = ws_calloc(f->n_index, sizeof(f->index[0]));
    }
    size_t *slot = slot_of(f, name);
    if (*slot != 0)
        return &f->tracks[*slot - 1];
    if (f->n == SIM_VEHICLES_MAX)
        return NULL;
    if (f->n == f->cap) {
        f->cap = f->cap == 0 ? 64 : 2 * f->cap;
        f->tracks = ws_realloc(f->tracks, f->cap * sizeof(f->tracks[0]));
    }
    f->tracks[f->n] = (struct sim_fcd_track){.name = ws_strdup(name)};
    *slot = ++f->n;
    return &f->tracks[f->n - 1];
}

static bool place(const struct reading *r, int64_t x_nm, int64_t y_nm, struct sim_pose *ret) {
    x_nm -= r->plane.x_nm;
    y_nm -= r->plane.y_nm;
    if (r->plane.projected) {
        int64_t lat = 0;
        int64_t lon = 0;
        return tmerc_inverse(
                   &r->plane.projection, (double)x_nm / 1e9, (double)y_nm / 1e9, &lat, &lon) &&
               frame_from_wgs10(r->frame, lat, lon, &ret->x, &ret->y) &&
               sim_within_reach(ret->x, ret->y);
    }
    return ieee_round_i32((double)x_nm / 1e6, &ret->x) &&
           ieee_round_i32((double)y_nm / 1e6, &ret->y) && sim_within_reach(ret->x, ret->y);
}

/* "angle" is in degrees clockwise from north. */
static uint16_t heading_from(int64_t angle_nano) {
    const int64_t turn = INT64_C(360000000000);
    int64_t a = angle_nano % turn;
    a = a < 0 ? a + turn : a;
    return (uint16_t)(16384 - a / 1000 * 65536 / (turn / 1000));
}

static void on_vehicle(struct xml *x, struct reading *r, const char **attrs) {
    const char *id = xml_attr(attrs, "id");
    const char *text[] = {xml_attr(attrs, "x"), xml_attr(attrs, "y"), xml_attr(attrs, "angle")};
    int64_t v[3] = {0};
    if (id == NULL || id[0] == '\0') {
        xml_fail(x, WS_EINPUT, "vehicle without id");
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(text); i++) {
        static const char *const names[] = {"x", "y", "angle"};
        if (text[i] == NULL || !sim_decimal(text[i], NANO, &v[i])) {
            xml_fail(x, WS_EINPUT, "vehicle %.64s: %s is missing or no number", id, names[i]);
            return;
        }
    }
    struct sim_fcd_sample s = {.t_us = r->t_us, .pose = {.heading = heading_from(v[2])}};
    if (!place(r, v[0], v[1], &s.pose)) {
        xml_fail(x, WS_EINPUT, "vehicle %.64s: position %.32s,%.32s is out of the map's reach", id,
            text[0], text[1]);
        return;
    }
    struct sim_fcd_track *t = track_of(r->f, id);
    if (t == NULL) {
        xml_fail(x, WS_ELIMIT, "more than %u vehicles", SIM_VEHICLES_MAX);
        return;
    }
    if (t->n > 0 && t->s[t->n - 1].t_us >= s.t_us) {
        xml_fail(x, WS_EINPUT, "vehicle %.64s: time does not grow", id);
        return;
    }
    if (t->n == t->cap) {
        t->cap = t->cap == 0 ? 16 : 2 * t->cap;
        t->s = ws_realloc(t->s, t->cap * sizeof(t->s[0]));
    }
    t->s[t->n++] = s;
}

static void on_fcd_element(struct xml *x, void *user, const char *name, const char **attrs) {
    struct reading *r = user;
    if (xml_depth(x) == 1 && strcmp(name, "fcd-export") != 0) {
        xml_fail(x, WS_EINPUT, "<%.40s>, not SUMO's <fcd-export>", name);
    } else if (strcmp(name, "timestep") == 0) {
        const char *time = xml_attr(attrs, "time");
        int64_t t = 0;
        r->in_step = time != NULL && sim_decimal(time, NANO, &t) && t >= 0;
        r->t_us = t / 1000;
        if (!r->in_step)
            xml_fail(x, WS_EINPUT, "timestep: time is missing or no number of seconds");
    } else if (strcmp(name, "vehicle") == 0) {
        if (r->in_step)
            on_vehicle(x, r, attrs);
        else
            xml_fail(x, WS_EINPUT, "vehicle outside of a timestep");
    }
}

static void find_ends(struct sim_fcd *f) {
    for (size_t i = 0; i < f->n; i++) {
        const struct sim_fcd_track *t = &f->tracks[i];
        int64_t first = t->s[0].t_us;
        int64_t last = t->s[t->n - 1].t_us;
        f->first_us = i == 0 || first < f->first_us ? first : f->first_us;
        f->last_us = i == 0 || last > f->last_us ? last : f->last_us;
    }
}

int sim_fcd_parse(const char *name, struct span positions, const char *net_name, struct span net,
    const struct cell_frame *frame, struct sim_fcd *ret_fcd, struct ws_err *err) {
    struct sim_fcd f = {0};
    struct reading r = {.f = &f, .frame = frame};
    struct xml_handler h = {.user = &r, .start = on_fcd_element};
    int rc = net_name == NULL ? WS_OK : parse_net(net_name, net, &r.plane, err);
    if (rc == WS_OK)
        rc = xml_parse(name, positions, &h, err);
    if (rc == WS_OK && f.n == 0)
        rc = ws_fail(err, WS_EINPUT, "%s: no vehicle in it", name);
    if (rc == WS_OK)
        find_ends(&f);
    if (rc == WS_OK && f.last_us - f.first_us > INT64_C(86400000000))
        rc = ws_fail(err, WS_ELIMIT, "%s: longer than a day", name);
    if (rc == WS_OK)
        *ret_fcd = f;
    else
        sim_fcd_free(&f);
    return rc;
}

int sim_fcd_load(const char *path, const char *net, const struct cell_frame *frame,
    struct sim_fcd *ret_fcd, struct ws_err *err) {
    struct buf data = {0};
    struct buf net_data = {0};
    int rc = net == NULL ? WS_OK : read_file(net, &net_data, err);
    if (rc == WS_OK)
        rc = read_file(path, &data, err);
    if (rc == WS_OK)
        rc = sim_fcd_parse(path, buf_span(&data), net, buf_span(&net_data), frame, ret_fcd, err);
    buf_free(&data);
    buf_free(&net_data);
    return rc;
}

void sim_fcd_free(struct sim_fcd *f) {
    for (size_t i = 0; i < f->n; i++) {
        free(f->tracks[i].name);
        free(f->tracks[i].s);
    }
    free(f->tracks);
    free(f->index);
    *f = (struct sim_fcd){0};
}

unsigned sim_fcd_on_lanes(const struct sim_fcd *f, const struct sim_roads *r) {
    uint64_t n = 0;
    uint64_t on = 0;
    for (size_t i = 0; i < f->n; i++)
        for (size_t k = 0; k < f->tracks[i].n; k += 5) {
            int64_t along = 0;
            n++;
            on += sim_roads_find(r, f->tracks[i].s[k].pose, true, &along) != SIM_NONE ? 1 : 0;
        }
    return n == 0 ? 0 : (unsigned)(on * 1000 / n);
}

/* ---- driving ---- */

static int32_t between(int32_t a, int32_t b, int64_t part, int64_t whole) {
    return (int32_t)(a + ((int64_t)b - a) * part / whole);
}

void sim_fcd_drive(struct sim_vehicle *v, const struct sim_fcd *f, const struct sim_roads *r,
    uint64_t now_us, bool changed) {
    const struct sim_fcd_track *t = &f->tracks[v->index];
    int64_t now = f->first_us + (int64_t)now_us;
    while (v->fcd_at + 1 < t->n && t->s[v->fcd_at + 1].t_us <= now)
        v->fcd_at++;
    v->on_road = false;
    v->lane = SIM_NONE;
    if (now < t->s[0].t_us || v->fcd_at + 1 >= t->n)
        return;
    const struct sim_fcd_sample *a = &t->s[v->fcd_at];
    const struct sim_fcd_sample *b = a + 1;
    int64_t whole = b->t_us - a->t_us;
    if (whole > GAP_US)
        return;
    int64_t part = now - a->t_us;
    v->on_road = true;
    v->pose.x = between(a->pose.x, b->pose.x, part, whole);
    v->pose.y = between(a->pose.y, b->pose.y, part, whole);
    int16_t turn = (int16_t)(uint16_t)(b->pose.heading - a->pose.heading);
    v->pose.heading = (uint16_t)(a->pose.heading + (int64_t)turn * part / whole);
    uint64_t d2 = distance2(a->pose.x, a->pose.y, b->pose.x, b->pose.y);
    uint64_t speed = (uint64_t)fusion_sqrt(d2) * 1000000 / (uint64_t)whole;
    v->speed_mm_s = (uint32_t)(speed > 100000 ? 100000 : speed);
    v->lane = sim_roads_find(r, v->pose, changed, &v->along);
    v->lane_ends =
        v->lane != SIM_NONE &&
        v->along + (int64_t)v->speed_mm_s * SIM_TICK_US / 1000000 >= r->lanes[v->lane].length;
}
