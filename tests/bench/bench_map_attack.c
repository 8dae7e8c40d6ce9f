/* What the worst blocks that we know of cost the map contract, with a full table of suspicions, beside an honest one of as
 * many messages in the same run. Prints; never fails on speed.
 *
 * usage: bench_map_attack [MESSAGES]     of each block; 10000 unless given */
#include "mapsvc/fuse/contract_internal.h"
#include "tests/support/map_rig.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    SIGNS = 20000,
    SIGN_PITCH = 25000,
    SIDE = 256,
    PITCH = 12000,
    BLOCKS = 4,
    FIELD_Y = -4000000,
    WINDOW_MS = 20000
};

/* Of this core, whoever else uses the machine. */
static double seconds(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct prepared {
    struct buf payload;
    uint8_t ssp[OBS_SSP_OCTETS];
    struct exec_message m;
};
struct bench {
    struct map_rig r;
    struct ws_random rnd;
    struct prepared *list;
    size_t n;
    uint32_t next_id; /* of a certificate */
};

static int32_t sign_x(uint32_t n) {
    return (int32_t)(n % 1000) * SIGN_PITCH;
}
static int32_t sign_y(uint32_t n) {
    return (int32_t)(n / 1000) * 100000;
}

static void put(struct bench *b, size_t i, const struct rig_car *car, const struct observation *o) {
    struct prepared *p = &b->list[i];
    buf_clear(&p->payload);
    observation_put(&p->payload, o);
    struct observer_class c = {car->sensor, car->family};
    observer_put_ssp(p->ssp, &c);
    p->m = (struct exec_message){.psid = 0x1d,
        .payload = buf_span(&p->payload),
        .ssp = span_of(p->ssp, sizeof(p->ssp)),
        .generation_time = b->r.host.time - 1000};
    put_be32(p->m.signer, car->id);
    put_be32(p->m.leaf, car->id);
    put_be32(p->m.leaf + 4, (uint32_t)i);
    put_be64(p->m.leaf + 8, b->r.host.height);
    memset(p->m.issuer, (int)car->issuer, 32);
}

static struct rig_car car_of(uint32_t id, int32_t x, int32_t y) {
    return (struct rig_car){.id = id,
        .issuer = (uint16_t)(id % 3),
        .family = (uint16_t)(1 + id % 4),
        .sensor = SENSOR_CAMERA_GOOD,
        .x = x,
        .y = y};
}

/* Four signs, one report in fifty wrong. */
static void honest(struct bench *b, size_t i) {
    uint32_t first = (uint32_t)ws_random_below(&b->rnd, SIGNS / 1000) * 1000 +
                     (uint32_t)ws_random_below(&b->rnd, 996);
    struct rig_car car = car_of(b->next_id++, sign_x(first) - 10000, sign_y(first) + 4000);
    struct observation o = rig_look(&b->r, &car);
    o.range_mm = 110000;
    for (uint32_t k = 0; k < 4; k++)
        rig_saw(&b->r, &o, EL_SIGN, sign_x(first + k), sign_y(first + k), 500,
            ws_random_below(&b->rnd, 50) == 0 ? 30 : 50, 0);
    put(b, i, &car, &o);
}

/* Nothing seen, a kilometre all round, from anywhere in the field of places. */
static void empty_look(struct bench *b, size_t i, uint32_t id) {
    struct rig_car car = car_of(id, (int32_t)ws_random_below(&b->rnd, SIDE * (uint64_t)PITCH),
        FIELD_Y + (int32_t)ws_random_below(&b->rnd, SIDE * (uint64_t)PITCH));
    struct observation o = rig_look(&b->r, &car);
    o.range_mm = 1000000;
    o.half_angle = 32768;
    put(b, i, &car, &o);
}
static void empty_looks(struct bench *b, size_t i) {
    empty_look(b, i, b->next_id++);
}
static void empty_looks_of_one(struct bench *b, size_t i) {
    empty_look(b, i, 7);
}

static void open_row(
    struct bench *b, size_t i, uint32_t id, int32_t x, int32_t y, int32_t dx, int32_t dy) {
    struct rig_car car = car_of(id, x, y);
    struct observation o = rig_look(&b->r, &car);
    o.range_mm = 1000000;
    o.occluded = true;
    for (int32_t k = 0; k < OBS_MAX_REPORTS; k++)
        rig_saw(&b->r, &o, EL_STOP_LINE, x + k * dx, y + k * dy, 300, 0, 0);
    put(b, i, &car, &o);
}
/* 64 new places in each message, anywhere. */
static void new_places(struct bench *b, size_t i) {
    open_row(b, i, b->next_id++, (int32_t)ws_random_below(&b->rnd, 20000000),
        10000000 + (int32_t)ws_random_below(&b->rnd, 20000000), 12000, 0);
}
/* All on one line from south to north. */
static void one_line(struct bench *b, size_t i) {
    open_row(b, i, b->next_id++, 40000000, (int32_t)i * 32000, 0, 500);
}
/* Everything said of one thing. */
static void one_sign(struct bench *b, size_t i) {
    struct rig_car car = car_of(b->next_id++, -20000, 4000);
    struct observation o = rig_look(&b->r, &car);
    for (int32_t k = 0; k < OBS_MAX_REPORTS; k++)
        rig_saw(&b->r, &o, EL_SIGN, 0, 0, 500, 30 + (int32_t)(i % 8), 0);
    put(b, i, &car, &o);
}

/* A place every 12 m, until the table is full. */
static void fill(struct bench *b) {
    uint32_t at = 0;
    while (b->r.host.height < 100 && at < SIDE * SIDE) {
        rig_begin(&b->r, b->r.now_ms + 1000);
        for (size_t i = 0; i < 64; i++, at += OBS_MAX_REPORTS) {
            open_row(b, i, b->next_id++, (int32_t)(at % SIDE) * PITCH,
                FIELD_Y + (int32_t)(at / SIDE) * PITCH, PITCH, 0);
            (void)b->r.contract.ops->message(b->r.contract.self, &b->r.host, &b->list[i].m);
        }
        rig_end(&b->r);
    }
}

struct cost {
    double messages, end; /* of the worst block, seconds */
};

static struct cost run(struct bench *b, void (*make)(struct bench *b, size_t i)) {
    struct cost worst = {0};
    for (unsigned k = 0; k < BLOCKS; k++) {
        /* Each block is in a window of its own: everybody counts. */
        rig_begin(&b->r, b->r.now_ms + WINDOW_MS);
        for (size_t i = 0; i < b->n; i++)
            make(b, i);
        double t0 = seconds();
        for (size_t i = 0; i < b->n; i++)
            (void)b->r.contract.ops->message(b->r.contract.self, &b->r.host, &b->list[i].m);
        double t1 = seconds();
        rig_end(&b->r);
        double t2 = seconds();
        if (t2 - t0 > worst.messages + worst.end)
            worst = (struct cost){t1 - t0, t2 - t1};
    }
    return worst;
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        bool full;
        void (*make)(struct bench *b, size_t i);
    } plays[] = {
        {"honest traffic", false, honest},
        {"honest traffic, the table is full", true, honest},
        {"empty looks all round, each of another vehicle", true, empty_looks},
        {"empty looks all round, all of one vehicle", true, empty_looks_of_one},
        {"64 new places in each message", true, new_places},
        {"64 sightings in each message, all on one line", true, one_line},
        {"64 reports in each message, all on one sign", true, one_sign},
    };
    struct bench b = {.n = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000};
    if (b.n < 64 || b.n > 65535) {
        (void)fprintf(stderr, "usage: bench_map_attack [64..65535]\n");
        return 2;
    }
    double usual = 0;
    for (size_t p = 0; p < ARRAY_LEN(plays); p++) {
        struct mapset m = {.ns = "bench"};
        for (uint32_t i = 0; i < SIGNS; i++) {
            struct element e = rig_sign(i, 50, sign_x(i), sign_y(i), 0);
            mapset_add(&m, &e);
        }
        rig_start(&b.r, &m);
        rig_set(&b.r, MAP_POLICY_WINDOW_MS, WINDOW_MS);
        b.rnd = ws_random_seeded(p);
        b.next_id = 100;
        b.list = ws_calloc(b.n, sizeof(b.list[0]));
        if (plays[p].full)
            fill(&b);
        struct cost c = run(&b, plays[p].make);
        usual = p == 0 ? c.messages + c.end : usual;
        struct map_fill f;
        map_contract_fill(b.r.contract.self, &f);
        (void)printf(
            "%s: worst block of %zu messages %.0f ms (messages %.0f, end %.0f), %.1f times the "
            "honest one; %" PRIu64 " suspicions\n",
            plays[p].name, b.n, (c.messages + c.end) * 1e3, c.messages * 1e3, c.end * 1e3,
            (c.messages + c.end) / usual, f.n[MAP_TABLE_SUSPICIONS]);
        (void)fflush(stdout);
        for (size_t i = 0; i < b.n; i++)
            buf_free(&b.list[i].payload);
        free(b.list);
        rig_free(&b.r);
    }
    return 0;
}
