/* The decision service in the daemon: what beacons say goes to its thread, with the model in force, the map and hazards of
 * the ledger; what it finds is said to the cell in the name of one of the unit's sensors. */
#include "fedlearn/round/rounds.h"
#include "mapsvc/fuse/diff.h"
#include "rsu/daemon/rsud_internal.h"
#include "rsu/decide/log.h"
#include "rsu/decide/service.h"
#include "rsu/sensors/sensors.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SIGMA_MM = 2000, /* as vague as what the map's contract opens a new place for */
    RECALL_BLOCKS = 100000,
};

static struct decide_config config_of(const struct daemon *d) {
    const struct config_decide *c = &d->config.decide;
    const struct config_sensor *s = &d->config.sensors[c->at];
    struct ws_random random = ws_random_system();
    return (struct decide_config){.frame = map_contract_current(d->face.cell.map)->frame,
        .lat = s->lat,
        .lon = s->lon,
        .range_mm = (int32_t)s->range_mm,
        .looks = {.vehicles = c->watched,
            .window = c->window,
            .look_us = c->look_us,
            .reach_mm = c->reach_mm,
            .salt = ws_random_u64(&random)},
        .risk = {.square_mm = c->place_mm,
            .vehicles = c->vehicles,
            .share_percent = c->share_percent,
            .within_us = c->within_us,
            .quiet_us = c->quiet_us,
            .places = c->places},
        .class_name = c->class_name,
        .utc_offset_min = c->utc_offset_min,
        .repeat_us = c->repeat_us};
}

/* ---- hazards of the ledger, but for our own kind: what is said must not become what is seen ---- */

static void take_advisory(struct daemon *d, struct span body) {
    struct map_advisory a;
    struct ws_err err;
    if (map_advisory_decode(body, &a, &err) != WS_OK)
        return;
    const struct element *e = &a.change.after;
    if (a.change.has_after && e->kind == EL_HAZARD && e->n_points > 0 &&
        (!e->has_value || e->value != DECIDE_CAUSE)) {
        struct decide_hazard h = {.x = e->points[0].x, .y = e->points[0].y, .until_us = a.valid_to};
        memcpy(h.id, a.change.id, sizeof(h.id));
        decide_service_hazard(d->face.decide, &h);
    }
    change_free(&a.change);
}

static void take_end(struct daemon *d, struct span body) {
    struct map_advisory_end e;
    struct ws_err err;
    if (map_advisory_end_decode(body, &e, &err) == WS_OK)
        decide_service_hazard_ends(d->face.decide, e.change_id);
}

static bool recall_one(void *ctx, const struct event *e) {
    if (e->type == MAP_EVENT_ADVISORY)
        take_advisory(ctx, e->body);
    else
        take_end(ctx, e->body);
    return true;
}

/* What was in force before this start. */
static int recall(struct daemon *d, struct ws_err *err) {
    static const uint16_t types[] = {MAP_EVENT_ADVISORY, MAP_EVENT_ADVISORY_END};
    struct node_status s;
    int rc = WS_OK;
    node_status(d->face.node, &s);
    const uint64_t from = s.height > RECALL_BLOCKS ? s.height - RECALL_BLOCKS : 1;
    for (size_t i = 0; i < ARRAY_LEN(types) && rc == WS_OK; i++)
        rc = query_events(d->face.store, CELL_CONTRACT_MAP, types[i], from, recall_one, d, err);
    return rc;
}

void daemon_tell_decide(struct daemon *d, const struct exec_outcome *o) {
    for (size_t i = 0; d->face.decide != NULL && i < o->n_events; i++) {
        const struct event *e = &o->events[i];
        if (e->contract != CELL_CONTRACT_MAP)
            continue;
        if (e->type == MAP_EVENT_ADVISORY)
            take_advisory(d, e->body);
        else if (e->type == MAP_EVENT_ADVISORY_END)
            take_end(d, e->body);
    }
}

/* ---- life ---- */

/* As the configuration says, and no longer than bodies of blocks: what is in them about the same drives is erased by then. */
static uint64_t keep_of(const struct daemon *d) {
    const uint64_t bodies = executor_params(node_executor(d->face.node))->body_horizon_us;
    const uint64_t own = d->config.decide.keep_us;
    return d->config.decide.sensor != NULL && own < bodies ? own : bodies;
}

/* What is left of a service that the unit had goes when its time is over. */
static int forget_log(const struct daemon *d, const char *folder, struct ws_err *err) {
    struct decide_log log = {0};
    const struct ws_now now = ws_clock_now(&d->face.clock);
    const uint64_t keep = keep_of(d);
    int n = snprintf(log.folder, sizeof(log.folder), "%s", folder);
    if (n < 0 || (size_t)n >= sizeof(log.folder))
        return WS_OK; /* nor could a service have had it */
    return decide_log_forget(&log, now.its_us > keep ? now.its_us - keep : 0, err);
}

int daemon_open_decide(struct daemon *d, struct ws_err *err) {
    char folder[4096];
    (void)snprintf(folder, sizeof(folder), "%s/decide", d->config.data);
    if (d->config.decide.sensor == NULL)
        return forget_log(d, folder, err);
    const struct decide_service_config cfg = {.decide = config_of(d),
        .materials = d->face.materials,
        .folder = folder,
        .log_octets = d->config.decide.log_octets,
        .keep_us = keep_of(d),
        .site = d->config.decide.site,
        .site_us = d->config.decide.site_us,
        .clock = d->face.clock};
    int rc = decide_service_open(&cfg, &d->face.decide, err);
    return rc == WS_OK ? recall(d, err) : ws_fail_in(err, "decide");
}

void daemon_close_decide(struct daemon *d) {
    decide_service_close(d->face.decide);
    d->face.decide = NULL;
}

void daemon_hear_for_decide(
    struct daemon *d, const struct pkt_message *m, const struct plausibility_sample *s) {
    if (!s->beacon || !s->has_position || !decide_is_driven(s->station_type))
        return;
    struct decide_heard h = {.its_us = s->position_time_us,
        .lat = s->lat,
        .lon = s->lon,
        .speed = s->speed,
        .heading = s->heading,
        .accel_long = s->accel_long,
        .accel_lat = s->accel_lat,
        .yaw_rate = s->yaw_rate};
    memcpy(h.vehicle, s->signer, sizeof(h.vehicle));
    decide_service_heard(d->face.decide, &h, m->plausibility.flags != 0);
}

/* ---- each turn ---- */

static void follow_ledger(struct daemon *d) {
    struct fl_model_view model;
    const uint64_t height = executor_height(node_executor(d->face.node));
    const uint64_t version = map_contract_version(d->face.cell.map);
    if (height == d->decide_height && version == d->decide_map)
        return;
    d->decide_height = height;
    decide_service_keep(d->face.decide, keep_of(d));
    fl_contract_model(d->face.cell.learn, &model);
    decide_service_model(d->face.decide, model.name[0] == '\0' ? NULL : model.hash, model.version);
    if (version == d->decide_map)
        return;
    d->decide_map = version;
    const struct config_sensor *s = &d->config.sensors[d->config.decide.at];
    const struct mapset *map = map_contract_current(d->face.cell.map);
    int32_t x = 0;
    int32_t y = 0;
    (void)frame_from_wgs(&map->frame, s->lat, s->lon, &x, &y);
    decide_service_ground(d->face.decide,
        ground_of(map, x, y, (int32_t)s->range_mm + d->config.decide.reach_mm, DECIDE_CAUSE));
}

static void file_one(struct daemon *d, const struct decide_filing *f, struct ws_now now) {
    struct observation *o = ws_alloc(sizeof(*o));
    struct ws_err err = {0};
    uint8_t tx[32];
    *o = (struct observation){.n_reports = 1};
    o->reports[0] = (struct obs_report){.kind = REPORT_DETECTED,
        .element_kind = EL_HAZARD,
        .has_position = true,
        .lat = f->lat,
        .lon = f->lon,
        .sigma_mm = SIGMA_MM,
        .has_value = true,
        .value = DECIDE_CAUSE,
        .has_heading = true,
        .heading = f->heading};
    enum sensor_outcome out = sensors_file(d->face.sensors, d->config.decide.at, o, now,
        map_contract_version(d->face.cell.map), tx, &err);
    const bool taken = out == SENSOR_TAKEN || out == SENSOR_KNOWN;
    decide_service_filed(d->face.decide, f->number, taken ? tx : NULL);
    if (!taken)
        ws_log(WS_LOG_WARN, "decide", "risk %llu is not said to the cell yet: %s: %s",
            (unsigned long long)f->number, sensor_outcome_name(out), err.text);
    free(o);
}

void daemon_run_decide(struct daemon *d) {
    struct decide_filing f;
    if (d->face.decide == NULL)
        return;
    const struct ws_now now = ws_clock_now(&d->face.clock);
    follow_ledger(d);
    while (decide_service_next(d->face.decide, &f))
        file_one(d, &f, now);
}
