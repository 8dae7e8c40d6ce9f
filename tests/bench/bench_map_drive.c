#include "tests/bench/bench_map_drive.h"

#include "base/fileio.h"
#include "base/mem.h"
#include "fedlearn/round/rounds.h"
#include "ledger/policy/lua_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *bench_maps(void) {
    static char path[512];
    const char *dir = getenv("WAYSIDE_DATA");
    (void)snprintf(
        path, sizeof(path), "%s/maps", dir != NULL && dir[0] != '\0' ? dir : "../shared/data");
    if (access(path, R_OK) == 0)
        return path;
    (void)fprintf(stderr, "%s is not there; WAYSIDE_DATA names the folder above it\n", path);
    return NULL;
}

bool bench_policy(const char *name, int64_t *values) {
    const struct policy_field *fields[MAP_POLICY_COUNT + FL_POLICY_FIELDS];
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        fields[i] =
            i < MAP_POLICY_COUNT ? &map_policy_fields[i] : &fl_policy_fields[i - MAP_POLICY_COUNT];
    const struct policy_schema schema = {fields, ARRAY_LEN(fields)};
    int64_t all[ARRAY_LEN(fields)];
    struct policy_limits limits = POLICY_LIMITS_DEFAULT;
    char path[256];
    (void)snprintf(path, sizeof(path), "scripts/policies/%s", name);
    struct buf script = {0};
    struct ws_err err;
    int rc = file_read(path, limits.source, &script, &err);
    if (rc == WS_OK)
        rc = policy_evaluate(buf_span(&script), name, &schema, &limits, all, &err);
    if (rc == WS_OK)
        memcpy(values, all, MAP_POLICY_COUNT * sizeof(all[0]));
    buf_free(&script);
    if (rc != WS_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        return false;
    }
    for (size_t k = 0; k < RATE_KIND_COUNT; k++) {
        values[map_policy_tpr((enum map_rate_kind)k, SENSOR_CAMERA_GOOD)] = 950000;
        values[map_policy_fpr((enum map_rate_kind)k, SENSOR_CAMERA_GOOD)] = 20000;
    }
    return true;
}

static bool load(const char *name, struct mapset *m) {
    const char *dir = bench_maps();
    if (dir == NULL)
        return false;
    char path[768];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    struct ws_err err;
    if (map_import(path, NULL, m, NULL, &err) == WS_OK)
        return true;
    (void)fprintf(stderr, "%s\n", err.text);
    return false;
}

static struct mapset copy_of(const struct mapset *m) {
    struct mapset r = *m;
    r.elements = NULL;
    r.n = r.cap = 0;
    for (size_t i = 0; i < m->n; i++) {
        struct element e = element_copy(&m->elements[i]);
        mapset_add(&r, &e);
    }
    return r;
}

bool bench_drive_start(
    struct bench_drive *d, const char *a, const char *b, const int64_t *policy, uint64_t seed) {
    d->rnd = ws_random_seeded(seed);
    struct mapset registered = {0};
    struct mapset map = {0};
    struct mapset actual = {0};
    bool ok = load(a, &map) && (b == NULL || load(b, &actual));
    registered = copy_of(&map);
    rig_start_as_is(&d->rig, &registered);
    memcpy(d->rig.host.policy, policy, MAP_POLICY_COUNT * sizeof(policy[0]));
    if (ok) {
        struct buf notes = {0};
        sim_world_make(&d->world, &map, b == NULL ? NULL : &actual, &notes);
        buf_free(&notes);
        struct ws_err err;
        ok = sim_roads_make(&d->roads, &d->world, &err) == WS_OK;
        if (!ok)
            (void)fprintf(stderr, "%s: %s\n", a, err.text);
    }
    mapset_free(&map);
    mapset_free(&actual);
    return ok;
}

void bench_drive_free(struct bench_drive *d) {
    sim_roads_free(&d->roads);
    sim_world_free(&d->world);
    rig_free(&d->rig);
}

static void new_trip(struct bench_drive *d, struct bench_car *car) {
    car->trip = ++d->trips;
    car->car = (struct rig_car){.id = car->trip,
        .issuer = (uint16_t)ws_random_below(&d->rnd, BENCH_ISSUERS),
        .family = (uint16_t)(1 + ws_random_below(&d->rnd, BENCH_FAMILIES)),
        .sensor = SENSOR_CAMERA_GOOD};
}

static void send(struct bench_drive *d, const struct bench_car *car, const struct sim_look *look,
    uint64_t tick) {
    struct observation o = {.map_version = 1,
        .time = d->rig.host.time - (BENCH_BLOCK_TICKS - tick % BENCH_BLOCK_TICKS) * SIM_TICK_US,
        .heading = look->from.heading,
        .range_mm = look->range_mm,
        .half_angle = SIM_HALF_ANGLE};
    frame_to_wgs(&d->world.map.frame, look->from.x, look->from.y, &o.lat, &o.lon);
    for (size_t at = 0; at == 0 || at < look->n; at += SIM_REPORTS_MAX) {
        o.n_reports = look->n - at < SIM_REPORTS_MAX ? look->n - at : SIM_REPORTS_MAX;
        if (o.n_reports > 0)
            memcpy(o.reports, look->reports + at, o.n_reports * sizeof(o.reports[0]));
        (void)rig_send(&d->rig, &car->car, &o);
    }
}

/* So many vehicles that each lane is driven on once in `spacing`. */
static size_t fleet(const struct sim_roads *roads, unsigned spacing_s) {
    int64_t ms = 0;
    for (size_t i = 0; i < roads->n; i++)
        ms += roads->lanes[i].length * 1000 / roads->lanes[i].speed_mm_s;
    int64_t n = ms / 1000 / spacing_s;
    return n < 1 ? 1 : (size_t)n;
}

void bench_drive_run(struct bench_drive *d, unsigned spacing_s, uint64_t seconds) {
    static const struct sim_senses senses = {950000, 20000, 500, {0}};
    size_t n = fleet(&d->roads, spacing_s);
    struct bench_car *cars = ws_calloc(n, sizeof(*cars));
    struct sim_look *look = ws_alloc(sizeof(*look));
    for (size_t i = 0; i < n; i++) {
        cars[i].v.index = i;
        sim_drive_start(&cars[i].v, &d->rnd);
    }
    uint64_t ticks = seconds * 1000000 / SIM_TICK_US;
    for (uint64_t tick = 0; tick < ticks; tick++) {
        if (tick % (60 * BENCH_BLOCK_TICKS) == 0 && d->done != NULL && d->done(d->self))
            break;
        if (tick % BENCH_BLOCK_TICKS == 0)
            rig_begin(&d->rig, tick * SIM_TICK_US / 1000 + 1000);
        for (size_t i = 0; i < n; i++) {
            struct bench_car *car = &cars[i];
            bool was = car->v.on_road;
            sim_drive(&car->v, &d->roads, tick * SIM_TICK_US, true, &d->rnd);
            if (!was && car->v.on_road)
                new_trip(d, car);
            bool now = d->denies == NULL || !d->denies(d->self, car);
            sim_sense(&car->v, &d->world, &d->roads, &senses, now, &d->rnd, look);
            if (!look->any)
                continue;
            d->told(d->self, car, look);
            if (look->any)
                send(d, car, look, tick);
        }
        if (tick % BENCH_BLOCK_TICKS != BENCH_BLOCK_TICKS - 1)
            continue;
        rig_end(&d->rig);
        if (d->block != NULL)
            d->block(d->self);
    }
    for (size_t i = 0; i < n; i++)
        free(cars[i].v.reported);
    free(cars);
    free(look);
}
