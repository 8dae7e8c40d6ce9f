/* Traffic on real maps on which nothing has changed: honest, wrong in groups, and lying. Whatever the contract confirms is
 * false. Baselines of the same reports: how many false claims three vehicles agreed on. And real maps that did change, where a
 * share of the vehicles denies it: how much of what is found without them is found all the same.
 *
 * usage: bench_map_lies [full] [WORD]     seeded; `full` has the passes of the goals (a quarter of an hour); WORD: only plays
 * with it in their name. WAYSIDE_DATA names the folder of the data. Exits 77 without it. */
#include "tests/bench/bench_map_drive.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { WRONG_BY = 10, GROUP_MS = 600000, FLAP_MS = 1800000, RANGE_LIE_MM = 50000 };

/* Who says what is not so. */
enum mischief {
    HONEST, /* but for the 2 % that all get wrong */
    GROUPS, /* a share of groups (thing, family, direction, ten minutes) is wrong as one */
    ONE_ISSUER, /* all vehicles of one issuer lie about everything */
    ONE_FAMILY,
    ANYBODY, /* a share of all vehicles, over all issuers and families */
    NOW_AND_THEN, /* the same, but they are honest every other half hour */
    PHANTOMS, /* the same, and what they agree on is a sign where there is none */
};
struct play {
    const char *name;
    enum mischief what;
    uint32_t ppm;
    unsigned h;
    uint64_t passes, full; /* of elements */
};

struct run {
    struct bench_drive d;
    const struct play *play;
    uint64_t seed, passes, most, lies, trips_lying;
    uint32_t last_trip;
    uint8_t *agreed; /* vehicles that said it of each thing, up to 3 */
};

static uint64_t mix(uint64_t a, uint64_t b) {
    uint64_t v = (a ^ b) * UINT64_C(0x9e3779b97f4a7c15);
    v = (v ^ v >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
    return v ^ v >> 32;
}

static bool draw(uint64_t v, uint32_t ppm) {
    return v % 1000000 < ppm;
}

static size_t thing_of(const struct run *r, const struct obs_report *p) {
    uint64_t at = mix(be64(p->element_id), r->seed);
    return (size_t)(at % r->d.world.n);
}

static bool lies(const struct run *r, const struct bench_car *car, const struct obs_report *p) {
    uint64_t now = r->d.rig.now_ms;
    switch (r->play->what) {
    case HONEST:
        break;
    case GROUPS:
        return draw(mix(mix(be64(p->element_id), now / GROUP_MS),
                        mix(car->car.family * 8U + (car->v.pose.heading >> 13), r->seed)),
            r->play->ppm);
    case ONE_ISSUER:
        return car->car.issuer == 0;
    case ONE_FAMILY:
        return car->car.family == 1;
    case NOW_AND_THEN:
        if (now / FLAP_MS % 2 == 0)
            return false;
        return draw(mix(car->trip, r->seed), r->play->ppm);
    case ANYBODY:
    case PHANTOMS:
        return draw(mix(car->trip, r->seed), r->play->ppm);
    }
    return false;
}

/* What all liars say of this thing: that it shows another figure, or is gone. */
static void lie(struct run *r, const struct bench_car *car, struct obs_report *p) {
    struct obs_report told = {
        .kind = REPORT_NOT_DETECTED, .element_kind = p->element_kind, .has_element = true};
    memcpy(told.element_id, p->element_id, sizeof(told.element_id));
    const struct element *e = mapset_find(&r->d.rig.base, p->element_id);
    if (e != NULL && e->has_value && be16(p->element_id) % 2 == 0) {
        told.kind = REPORT_MISMATCH;
        told.has_value = true;
        told.value = e->value + WRONG_BY;
    }
    *p = told;
    r->lies++;
    uint8_t *n = &r->agreed[thing_of(r, p)];
    if (*n < 3 && car->trip != r->last_trip)
        (*n)++;
}

/* A sign 20 m ahead of where a lane begins, 4 m to the right: every liar on the lane knows where. */
static void add_phantom(struct run *r, const struct bench_car *car, struct sim_look *look) {
    if (car->v.lane == SIM_NONE || look->n == OBS_MAX_REPORTS)
        return;
    const struct sim_lane *l = &r->d.roads.lanes[car->v.lane];
    struct sim_pose at = sim_lane_pose(l, l->length < 20000 ? l->length / 2 : 20000);
    int32_t ux = 0;
    int32_t uy = 0;
    heading_vector(at.heading, &ux, &uy);
    int32_t x = at.x + (int32_t)((int64_t)uy * 4000 / (1 << 30));
    int32_t y = at.y - (int32_t)((int64_t)ux * 4000 / (1 << 30));
    if (distance2(x, y, look->from.x, look->from.y) > (uint64_t)RANGE_LIE_MM * RANGE_LIE_MM)
        return;
    struct obs_report *p = &look->reports[look->n++];
    *p = (struct obs_report){.kind = REPORT_DETECTED,
        .element_kind = EL_SIGN,
        .has_position = true,
        .sigma_mm = 300,
        .has_value = true,
        .value = 10,
        .has_heading = true,
        .heading = at.heading};
    frame_to_wgs(&r->d.world.map.frame, x, y, &p->lat, &p->lon);
    r->lies++;
}

static void told(void *self, struct bench_car *car, struct sim_look *look) {
    struct run *r = self;
    r->passes += look->n;
    if (r->play->what == PHANTOMS) {
        if (draw(mix(car->trip, r->seed), r->play->ppm))
            add_phantom(r, car, look);
    } else {
        for (size_t i = 0; i < look->n; i++)
            if (look->reports[i].has_element && lies(r, car, &look->reports[i]))
                lie(r, car, &look->reports[i]);
    }
    r->last_trip = car->trip;
}

static bool done(void *self) {
    const struct run *r = self;
    return r->passes >= r->most;
}

struct outcome {
    size_t changes, advisories, agreed;
    uint64_t passes, lies;
    bool ok;
};

static struct outcome play_on(
    const struct play *p, const char *map, uint64_t passes, uint64_t seed) {
    int64_t policy[MAP_POLICY_COUNT];
    struct outcome o = {0};
    if (!bench_policy(p->h > 20 ? "motorway.lua" : "urban.lua", policy))
        return o;
    policy[MAP_POLICY_CONFIRM_BITS] = p->h;
    struct run r = {.d = {.told = told, .done = done}, .play = p, .seed = seed, .most = passes};
    r.d.self = &r;
    o.ok = bench_drive_start(&r.d, map, NULL, policy, seed);
    if (o.ok) {
        r.agreed = ws_calloc(r.d.world.n + 1, 1);
        bench_drive_run(&r.d, 60, UINT64_C(1) << 24);
        for (size_t i = 0; i < r.d.rig.n_versions; i++)
            o.changes += r.d.rig.versions[i].n_changes;
        for (size_t i = 0; i < r.d.world.n; i++)
            o.agreed += r.agreed[i] == 3 ? 1 : 0;
        o.advisories = r.d.rig.advisories;
        o.passes = r.passes;
        o.lies = r.lies;
    }
    bench_drive_free(&r.d);
    free(r.agreed);
    return o;
}

/* ---- what is true, and denied ---- */

enum { DENIED_SPACING_S = 60, NEAR_MM = 4000 };
/* Passes of each lane after which it is looked at what is out. */
static const unsigned denied_after[] = {15, 30, 60, 120, 240};

struct denied {
    struct bench_drive d;
    uint64_t seed;
    uint32_t ppm;
    size_t n_taken, wrong;
    bool *found; /* of the world's things */
    size_t n_found[ARRAY_LEN(denied_after)];
};

static bool denies(void *self, const struct bench_car *car) {
    const struct denied *r = self;
    return draw(mix(car->trip, r->seed), r->ppm);
}

static void tells_all(void *self, struct bench_car *car, struct sim_look *look) {
    (void)self;
    (void)car;
    (void)look;
}

/* Whether the change is of this thing: it came, went, or shows something else. */
static bool is_of(const struct sim_thing *t, const struct change_record *c) {
    int32_t x = 0;
    int32_t y = 0;
    if (c->has_after)
        element_anchor(&c->after, &x, &y);
    bool there = c->has_after && c->after.kind == t->kind && t->face[1].there &&
                 distance2(x, y, t->face[1].x, t->face[1].y) <= (uint64_t)NEAR_MM * NEAR_MM;
    if (!t->registered)
        return there; /* new here, or moved to here */
    return memcmp(c->element_id, t->id, 16) == 0 && (c->op == MAP_MODIFY || !t->face[1].there);
}

static void take_versions(void *self) {
    struct denied *r = self;
    for (; r->n_taken < r->d.rig.n_versions; r->n_taken++) {
        const struct map_version *v = &r->d.rig.versions[r->n_taken];
        for (size_t i = 0; i < v->n_changes; i++) {
            bool right = false;
            for (size_t k = 0; k < r->d.world.n; k++)
                if (r->d.world.things[k].changed && is_of(&r->d.world.things[k], &v->changes[i]))
                    right = r->found[k] = true;
            r->wrong += right ? 0 : 1;
        }
    }
    uint64_t passes = r->d.rig.now_ms / 1000 / DENIED_SPACING_S;
    size_t n = 0;
    for (size_t k = 0; k < r->d.world.n; k++)
        n += r->found[k] ? 1 : 0;
    for (size_t i = 0; i < ARRAY_LEN(denied_after); i++)
        if (passes < denied_after[i])
            r->n_found[i] = n;
}

static bool deny(unsigned h, uint32_t ppm, uint64_t passes, struct denied *sum) {
    static const char *const maps[][2] = {
        {"lanelet2/kashiwanoha_base.osm", "lanelet2/kashiwanoha_private_road_walkway.osm"},
        {"lanelet2/zalazone_smartcity_mapversion9.osm",
            "lanelet2/zalazone_smartcity_mapversion13.osm"}};
    int64_t policy[MAP_POLICY_COUNT];
    if (!bench_policy(h > 20 ? "motorway.lua" : "urban.lua", policy))
        return false;
    policy[MAP_POLICY_CONFIRM_BITS] = h;
    for (size_t m = 0; m < ARRAY_LEN(maps); m++) {
        struct denied r = {.seed = 7 + m, .ppm = ppm};
        r.d.told = tells_all;
        r.d.block = take_versions;
        r.d.denies = denies;
        r.d.self = &r;
        bool ok = bench_drive_start(&r.d, maps[m][0], maps[m][1], policy, 30 + m);
        if (ok) {
            r.found = ws_calloc(r.d.world.n + 1, sizeof(r.found[0]));
            bench_drive_run(&r.d, DENIED_SPACING_S, passes * DENIED_SPACING_S);
            for (size_t i = 0; i < ARRAY_LEN(denied_after); i++)
                sum->n_found[i] += r.n_found[i];
            sum->wrong += r.wrong;
        }
        bench_drive_free(&r.d);
        free(r.found);
        if (!ok)
            return false;
    }
    return true;
}

static bool print_denied(bool full, unsigned h) {
    size_t n = ARRAY_LEN(denied_after) - (full ? 0 : 1);
    size_t all = 0;
    for (uint32_t percent = 0; percent <= 50; percent += percent < 20 ? 10 : 5) {
        struct denied sum = {0};
        if (!deny(h, percent * 10000, denied_after[n - 1], &sum))
            return false;
        all = percent == 0 ? sum.n_found[n - 1] : all;
        (void)printf(
            "a real change denied by %u %% of all, h = %u: of %zu that are found when nobody "
            "does",
            percent, h, all);
        for (size_t i = 0; i < n; i++)
            (void)printf(", %.1f %% within %u passes",
                100.0 * (double)sum.n_found[i] / (double)(all > 0 ? all : 1), denied_after[i]);
        (void)printf("; %zu other changes\n", sum.wrong);
        (void)fflush(stdout);
    }
    return true;
}

int main(int argc, char **argv) {
    bool full = argc > 1 && strcmp(argv[1], "full") == 0;
    const char *word = argc > (full ? 2 : 1) ? argv[full ? 2 : 1] : "";
    if (bench_maps() == NULL)
        return 77;
    static const char *const maps[] = {"lanelet2/zalazone_smartcity_mapversion13.osm",
        "lanelet2/kashiwanoha_base.osm", "opendrive/carla_town10hd.xodr"};
    static const struct play plays[] = {
        {"honest", HONEST, 0, 31, 300000, 10000000},
        {"honest", HONEST, 0, 20, 300000, 1000000},
        {"1 % of groups wrong as one", GROUPS, 10000, 20, 150000, 450000},
        {"1 % of groups wrong as one", GROUPS, 10000, 31, 150000, 450000},
        {"all of one issuer lie", ONE_ISSUER, 0, 20, 60000, 450000},
        {"all of one issuer lie", ONE_ISSUER, 0, 31, 60000, 450000},
        {"all of one software family lie", ONE_FAMILY, 0, 20, 60000, 450000},
        {"all of one software family lie", ONE_FAMILY, 0, 31, 60000, 450000},
        {"5 % of all lie", ANYBODY, 50000, 20, 60000, 150000},
        {"10 % of all lie", ANYBODY, 100000, 20, 60000, 150000},
        {"20 % of all lie", ANYBODY, 200000, 20, 60000, 150000},
        {"33 % of all lie", ANYBODY, 333333, 20, 60000, 150000},
        {"5 % of all lie", ANYBODY, 50000, 31, 60000, 150000},
        {"10 % of all lie", ANYBODY, 100000, 31, 60000, 150000},
        {"20 % of all lie", ANYBODY, 200000, 31, 60000, 150000},
        {"33 % of all lie", ANYBODY, 333333, 31, 60000, 150000},
        {"10 % lie every other half hour", NOW_AND_THEN, 100000, 31, 60000, 150000},
        {"20 % lie every other half hour", NOW_AND_THEN, 200000, 31, 60000, 150000},
        {"10 % see signs that are not there", PHANTOMS, 100000, 31, 60000, 150000},
        {"33 % see signs that are not there", PHANTOMS, 333333, 31, 60000, 150000},
    };
    for (size_t i = 0; i < ARRAY_LEN(plays); i++) {
        struct outcome sum = {0};
        if (strstr(plays[i].name, word) == NULL)
            continue;
        for (size_t m = 0; m < ARRAY_LEN(maps); m++) {
            uint64_t passes = (full ? plays[i].full : plays[i].passes) / ARRAY_LEN(maps);
            struct outcome o = play_on(&plays[i], maps[m], passes, 100 * i + m);
            if (!o.ok)
                return 1;
            sum.changes += o.changes;
            sum.advisories += o.advisories;
            sum.passes += o.passes;
            sum.lies += o.lies;
            sum.agreed += o.agreed;
        }
        (void)printf("%s, h = %u: %" PRIu64 " element passes, %" PRIu64
                     " lies: %zu false changes, %zu false advisories (three liars agreed on %zu "
                     "things)\n",
            plays[i].name, plays[i].h, sum.passes, sum.lies, sum.changes, sum.advisories,
            sum.agreed);
        (void)fflush(stdout);
    }
    if (strstr("a real change denied", word) == NULL)
        return 0;
    return print_denied(full, 20) && print_denied(full, 31) ? 0 : 1;
}
