/* Figures of the map contract: fused reports per second beside what reading the same messages costs, publishing on a large
 * map, delays, false changes, liars, positions. Seeded; `bench_map` runs the short form, `bench_map full` the one of the published
 * figures. The rows of traffic are of 20 signs whose figures are read, rightly or wrongly: nobody misses one or sees one too
 * many. Rows with all kinds of reports on real roads: bench_map_pairs (every real change) and bench_map_lies (false ones).
 * Prints; never fails on speed. */
#include "mapsvc/fuse/contract_internal.h"
#include "tests/support/map_rig.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { PITCH = 25000 };

/* Of this core, whoever else uses the machine. */
static double seconds(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool chance(struct ws_random *rnd, uint32_t ppm) {
    return ws_random_below(rnd, 1000000) < ppm;
}

/* Sum of twelve uniforms: a bell of standard deviation sigma. */
static int32_t bell(struct ws_random *rnd, int32_t sigma) {
    int64_t sum = 0;
    for (int i = 0; i < 12; i++)
        sum += (int64_t)ws_random_below(rnd, 2000001) - 1000000;
    return (int32_t)(sum * sigma / 2000000);
}

/* Signs along parallel roads 100 m apart, 1000 to a road. */
static int32_t sign_x(uint32_t n) {
    return (int32_t)(n % 1000) * PITCH;
}
static int32_t sign_y(uint32_t n) {
    return (int32_t)(n / 1000) * 100000 - 4000;
}

static void city(struct map_rig *r, uint32_t signs) {
    struct mapset m = {.ns = "bench"};
    for (uint32_t i = 0; i < signs; i++) {
        struct element e = rig_sign(i, 50, sign_x(i), sign_y(i), 0);
        mapset_add(&m, &e);
    }
    rig_start(r, &m);
}

/* ---- throughput ---- */

struct prepared {
    struct buf payload;
    struct exec_message m;
    uint8_t ssp[OBS_SSP_OCTETS];
};

static void prepare(struct map_rig *r, struct prepared *p, uint32_t id, uint32_t signs,
    struct ws_random *rnd, uint32_t fpr_ppm) {
    uint32_t first = (uint32_t)ws_random_below(rnd, signs - 4);
    struct rig_car car = {.id = id,
        .issuer = (uint16_t)(id % 3),
        .family = (uint16_t)(1 + id % 4),
        .sensor = SENSOR_CAMERA_GOOD,
        .x = sign_x(first) - 10000,
        .y = sign_y(first) + 4000};
    struct observation o = rig_look(r, &car);
    o.range_mm = 110000;
    for (uint32_t i = 0; i < 4; i++) {
        /* One draw after the other: in one call their order would be the compiler's. */
        int32_t value = chance(rnd, fpr_ppm) ? 30 : 50;
        int32_t off_y = bell(rnd, 500);
        int32_t off_x = bell(rnd, 500);
        rig_saw(
            r, &o, EL_SIGN, sign_x(first + i) + off_x, sign_y(first + i) + off_y, 500, value, 0);
    }
    if (sign_y(first) != sign_y(first + 3))
        o.n_reports = 1; /* the road ends */
    observation_put(&p->payload, &o);
    struct observer_class c = {car.sensor, car.family};
    observer_put_ssp(p->ssp, &c);
    p->m = (struct exec_message){.psid = 0x1d,
        .payload = buf_span(&p->payload),
        .ssp = span_of(p->ssp, sizeof(p->ssp)),
        .generation_time = r->host.time - 1000};
    put_be32(p->m.signer, id);
    put_be32(p->m.leaf, id);
    memset(p->m.issuer, (int)car.issuer, 32);
}

static void throughput(uint32_t signs, uint32_t fpr_ppm) {
    enum { PER_BLOCK = 4000, BLOCKS = 10 };
    struct map_rig r;
    city(&r, signs);
    struct ws_random rnd = ws_random_seeded(3);
    struct prepared *p = ws_calloc(PER_BLOCK, sizeof(*p));
    double fused = 0;
    double read = 0;
    double ending = 0;
    uint64_t reports = 0;
    uint32_t id = 0;
    for (unsigned b = 0; b < BLOCKS; b++) {
        rig_begin(&r, 1000 * (b + 1));
        for (size_t i = 0; i < PER_BLOCK; i++) {
            buf_clear(&p[i].payload);
            prepare(&r, &p[i], id++, signs, &rnd, fpr_ppm);
        }
        double t0 = seconds();
        for (size_t i = 0; i < PER_BLOCK; i++) {
            struct observation o;
            if (observation_read(p[i].m.payload, &o, NULL) == WS_OK)
                reports += o.n_reports;
        }
        double t1 = seconds();
        for (size_t i = 0; i < PER_BLOCK; i++)
            (void)r.contract.ops->message(r.contract.self, &r.host, &p[i].m);
        double t2 = seconds();
        rig_end(&r);
        read += t1 - t0;
        fused += t2 - t1;
        ending += seconds() - t2;
    }
    (void)printf(
        "%7u signs, %4.1f %% wrong: %.0f reports/s fused (messages %.0f ns, block end %.0f ns a "
        "report); reading alone %.0f reports/s; %zu suspicions kept\n",
        signs, fpr_ppm / 10000.0, (double)reports / (fused + ending), fused / (double)reports * 1e9,
        ending / (double)reports * 1e9, (double)reports / read, fake_exec_count(&r.host, 'h'));
    for (size_t i = 0; i < PER_BLOCK; i++)
        buf_free(&p[i].payload);
    free(p);
    rig_free(&r);
}

/* ---- publishing on a large map ---- */

static double end_of_block(struct map_rig *r) {
    double t = seconds();
    rig_end(r);
    return seconds() - t;
}

/* A block that publishes one change of so many signs, by order, so that nothing else is in it. */
static double publish_one(struct map_rig *r, const struct map_order *o, unsigned runs) {
    double best = 1e9;
    for (unsigned k = 0; k < runs; k++) {
        struct map_order one = *o;
        struct map_point at = o->element.points[0];
        uint8_t id[32];
        struct buf body = {0};
        at.x += (int32_t)k * 1000;
        one.element.points = &at;
        rig_begin(r, r->now_ms + 1000);
        map_order_encode(&one, &body);
        exec_code rc = rig_order(r, MAP_ORDER_CHANGE, buf_span(&body), id);
        size_t versions = r->n_versions;
        double took = end_of_block(r);
        if (rc != EXEC_OK || r->n_versions != versions + 1) {
            (void)fprintf(stderr, "bench_map: the order is not published\n");
            exit(1);
        }
        best = took < best ? took : best;
        buf_free(&body);
    }
    return best;
}

static void publish(uint32_t signs) {
    enum { RUNS = 5 };
    struct map_rig r;
    city(&r, signs);
    struct map_contract *c = r.contract.self;
    rig_begin(&r, 1000);
    double nothing = end_of_block(&r);
    double t = seconds();
    mapset_sort(&c->map);
    double sorted = seconds() - t;
    t = seconds();
    contract_index(c);
    double indexed = seconds() - t;
    struct map_point at = {510000, 270000, 0};
    struct map_order o = {.op = MAP_CREATE,
        .element = {.kind = EL_SIGN,
            .has_value = true,
            .value = 70,
            .has_heading = true,
            .valid_to_ms = INT64_MAX,
            .points = &at,
            .n_points = 1}};
    double created = publish_one(&r, &o, RUNS);
    o.op = MAP_MODIFY;
    rig_id(signs / 2, o.element.id);
    o.element.has_value = false;
    double moved = publish_one(&r, &o, 1);
    (void)printf("one change published on a map of %u signs: a new sign %.1f ms, one moved %.1f ms "
                 "(sorting the map %.0f ms, "
                 "indexing it %.0f ms; a block without change %.1f ms)\n",
        signs, created * 1e3, moved * 1e3, sorted * 1e3, indexed * 1e3, nothing * 1e3);
    rig_free(&r);
}

/* ---- traffic past 20 signs ---- */

struct traffic {
    unsigned passes, h;
    uint32_t bad_group_ppm; /* groups that are wrong as one */
    uint32_t liar_ppm; /* vehicles that lie together, over all families and issuers */
    uint64_t seed;
};

static size_t drive(const struct traffic *t, size_t *ret_advisories) {
    enum { SIGNS = 20, FAMILIES = 4 };
    struct ws_random rnd = ws_random_seeded(t->seed);
    struct map_rig r;
    city(&r, SIGNS);
    rig_set(&r, MAP_POLICY_CONFIRM_BITS, t->h);
    bool bad[FAMILIES][2] = {{false}};
    uint32_t id = 0;
    for (unsigned n = 0; n < t->passes;) {
        uint64_t at = r.now_ms + 10000;
        if (at / 600000 != r.now_ms / 600000)
            for (unsigned f = 0; f < FAMILIES; f++)
                for (unsigned d = 0; d < 2; d++)
                    bad[f][d] = chance(&rnd, t->bad_group_ppm);
        rig_begin(&r, at);
        for (unsigned k = 0; k < 16; k++, n++) {
            unsigned f = (unsigned)ws_random_below(&rnd, FAMILIES);
            unsigned d = (unsigned)ws_random_below(&rnd, 2);
            uint32_t s = (uint32_t)ws_random_below(&rnd, SIGNS);
            struct rig_car car = {.id = id++,
                .issuer = (uint16_t)ws_random_below(&rnd, 3),
                .family = (uint16_t)(1 + f),
                .sensor = SENSOR_CAMERA_GOOD,
                .x = sign_x(s) - 12000,
                .heading = d == 0 ? 100 : 8292};
            struct observation o = rig_look(&r, &car);
            bool wrong = bad[f][d] || chance(&rnd, t->liar_ppm) || chance(&rnd, 20000);
            rig_saw(&r, &o, EL_SIGN, sign_x(s), -4000, 300, wrong ? 30 : 50, 0);
            (void)rig_send(&r, &car, &o);
        }
        rig_end(&r);
    }
    size_t versions = r.n_versions;
    *ret_advisories = r.advisories;
    rig_free(&r);
    return versions;
}

static void traffic(const char *what, struct traffic t) {
    size_t advisories = 0;
    size_t versions = drive(&t, &advisories);
    (void)printf(
        "%s, h = %u, %u passes, values of 20 signs only: %zu false map versions, %zu false "
        "advisories\n",
        what, t.h, t.passes, versions, advisories);
}

static void liars(unsigned runs, unsigned h) {
    (void)printf("liars over all issuers and families, 20000 passes of 20 signs (values only), h = "
                 "%u: share "
                 "of runs with a false change\n",
        h);
    for (uint32_t percent = 5; percent <= 50; percent += 5) {
        unsigned fell = 0;
        for (unsigned k = 0; k < runs; k++) {
            struct traffic t = {
                .passes = 20000, .h = h, .liar_ppm = percent * 10000, .seed = 100 + k};
            size_t advisories = 0;
            fell += drive(&t, &advisories) > 0 ? 1 : 0;
        }
        (void)printf("  %2u %% liars: %u of %u\n", percent, fell, runs);
    }
}

/* ---- one change: passes to confirm, place of a new sign ---- */

static int by_number(const void *a, const void *b) {
    unsigned x = *(const unsigned *)a;
    unsigned y = *(const unsigned *)b;
    return (x > y) - (x < y);
}

static void new_sign(unsigned runs, unsigned h) {
    struct ws_random rnd = ws_random_seeded(12);
    unsigned *passes = ws_calloc(runs, sizeof(*passes));
    uint64_t square[2] = {0, 0};
    unsigned found = 0;
    for (unsigned k = 0; k < runs; k++) {
        struct map_rig r;
        city(&r, 2);
        rig_set(&r, MAP_POLICY_CONFIRM_BITS, h);
        rig_set(&r, MAP_POLICY_VERSION_AGE_MS, 0);
        unsigned n = 0;
        for (; n < 200 && r.n_versions == 0; n++) {
            rig_begin(&r, 20000 * n);
            struct rig_car car = {.id = n,
                .issuer = (uint16_t)ws_random_below(&rnd, 3),
                .family = (uint16_t)(1 + ws_random_below(&rnd, 4)),
                .sensor = SENSOR_CAMERA_GOOD,
                .x = 60000 + (int32_t)ws_random_below(&rnd, 20000)};
            struct observation o = rig_look(&r, &car);
            if (chance(&rnd, 950000)) {
                uint16_t heading = (uint16_t)bell(&rnd, 500);
                int32_t off_y = bell(&rnd, 500);
                int32_t off_x = bell(&rnd, 500);
                rig_saw(&r, &o, EL_SIGN, 100000 + off_x, -4000 + off_y, 500, 70, heading);
            }
            (void)rig_send(&r, &car, &o);
            rig_end(&r);
        }
        if (r.n_versions > 0) {
            struct map_point at = r.versions[0].changes[0].after.points[0];
            int64_t dx = at.x - 100000;
            int64_t dy = at.y + 4000;
            square[0] += (uint64_t)(dx * dx);
            square[1] += (uint64_t)(dy * dy);
            passes[found++] = n;
        }
        rig_free(&r);
    }
    qsort(passes, found, sizeof(*passes), by_number);
    if (found > 0)
        (void)printf(
            "new sign, h = %u: %u of %u runs confirm, median %u passes, p98 %u; position RMSE "
            "%" PRIu32 " mm and %" PRIu32 " mm (sightings: 500 mm)\n",
            h, found, runs, passes[found / 2], passes[found * 98 / 100],
            fusion_sqrt(square[0] / found), fusion_sqrt(square[1] / found));
    free(passes);
}

int main(int argc, char **argv) {
    bool full = argc > 1 && strcmp(argv[1], "full") == 0;
    if (argc < 2 || strcmp(argv[1], "publish") != 0) {
        throughput(1000, 0);
        throughput(20000, 0);
        throughput(20000, 20000);
    }
    if (argc > 1 && strcmp(argv[1], "speed") == 0)
        return 0;
    publish(20000);
    publish(1000000);
    if (argc > 1 && strcmp(argv[1], "publish") == 0)
        return 0;
    new_sign(full ? 2000 : 200, 20);
    new_sign(full ? 2000 : 200, 31);
    traffic(
        "clean traffic", (struct traffic){.passes = full ? 10000000 : 300000, .h = 31, .seed = 1});
    traffic("1 % bad groups",
        (struct traffic){
            .passes = full ? 450000 : 100000, .h = 20, .bad_group_ppm = 10000, .seed = 2});
    traffic("1 % bad groups",
        (struct traffic){
            .passes = full ? 450000 : 100000, .h = 31, .bad_group_ppm = 10000, .seed = 3});
    liars(full ? 20 : 3, 20);
    if (full)
        liars(20, 31);
    return 0;
}
