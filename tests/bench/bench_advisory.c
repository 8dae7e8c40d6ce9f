/* From the frame that decides an advisory to the advisory on the event stream of another unit: the two ends of
 * tests/bench/advisory.sh, which starts the cell in between.
 *
 *   bench_advisory make FOLDER SIGNS   map.wmap, trust/, unit1.pcap to unit4.pcap and the plan
 *   bench_advisory watch FOLDER PORT   listens to /v1/live of the units at PORT to PORT + 3, prints the figures
 *
 * Along some roads all signs have changed. Three cars pass each sign, of three makes and three issuers; all frames about one
 * sign reach one unit only. The third car decides (checked against what the units say). Four more see the old figure again, so
 * that the advisory is withdrawn and makes room. Every car is new to the cell and brings its certificate. The instants are drawn
 * from a seed; captures are paced by the cell's clock, which runs on the machine's monotonic clock, so that each process
 * knows when a frame was due. Fails when an advisory does not come, or comes before it could; never for being slow. */
#include "base/clock.h"
#include "base/fileio.h"
#include "base/mem.h"
#include "rsu/obus/obusim.h"
#include "v2x/carrier.h"
#include "v2x/psid.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    UNITS = 4,
    ISSUERS = 3,
    SIGNS_MAX = 4096,
    PER_ROAD = 40,
    PITCH_MM = 60000,
    LOOKS = 3, /* the last one decides, under the policy that a cell has from the start */
    AGAINST = 4,
    FIRST_MS = 8000, /* the cell is up and proposes */
    EVERY_MS = 400, /* an advisory, on average */
    BEFORE_MS = 1500, /* between looks */
    AFTER_MS = 3000, /* until the first that says otherwise */
    RADIO_US = 2000, /* from signing to the air's end */
    PATIENCE_S = 30
};
/* 2026-06-01T08:00:00Z, as advisory.sh tells the cell. */
#define START_UNIX_US INT64_C(1780300800000000)

struct sign {
    uint8_t id[16];
    unsigned unit; /* that hears of it */
    uint64_t due; /* Time64 of the deciding frame's arrival */
};

static void die(const char *what, const struct ws_err *err) {
    (void)fprintf(stderr, "bench_advisory: %s%s%s\n", what, err == NULL ? "" : ": ",
        err == NULL ? "" : err->text);
    exit(1);
}

static void path_of(char dst[static PATH_MAX], const char *dir, const char *name) {
    if (snprintf(dst, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
        die("name of the folder is too long", NULL);
}

/* ---- make ---- */

static struct map_point sign_place(unsigned k) {
    return (struct map_point){
        (int32_t)(k % PER_ROAD) * PITCH_MM, (int32_t)(k / PER_ROAD) * 100000 - 4000, 0};
}

static void sign_id(unsigned k, uint8_t ret_id[static 16]) {
    static const uint8_t digest[32] = {0};
    char name[32];
    (void)snprintf(name, sizeof(name), "sign/%u", k);
    element_id_import("bench", digest, name, ret_id);
}

static void write_map(const char *dir, unsigned signs, struct cell_frame frame) {
    struct mapset m = {.frame = frame, .ns = "bench"};
    struct ws_err err;
    struct buf b = {0};
    char path[PATH_MAX];
    for (unsigned k = 0; k < signs; k++) {
        struct element e = {.kind = EL_SIGN,
            .has_value = true,
            .value = 50,
            .has_heading = true,
            .valid_to_ms = INT64_MAX};
        sign_id(k, e.id);
        if (!element_add_point(&e, sign_place(k)) || !element_set_attr(&e, "code", "de274-50"))
            die("no room in an element", NULL);
        mapset_add(&m, &e);
    }
    mapset_sort(&m);
    mapset_encode(&m, &b);
    path_of(path, dir, "map.wmap");
    if (file_write(path, buf_span(&b), 0644, &err) != WS_OK)
        die("map", &err);
    buf_free(&b);
    mapset_free(&m);
}

struct frame {
    uint64_t due;
    struct buf octets;
};

struct making {
    struct ws_random rnd;
    struct sim_pki pki;
    struct cell_frame frame;
    uint64_t start;
    uint64_t lasts; /* us */
    struct frame *frames[UNITS];
    size_t n[UNITS];
    unsigned cars;
};

/* What a car sees that comes 15 m before the sign. */
static void look(struct making *m, unsigned k, unsigned unit, uint64_t due, int32_t value) {
    const unsigned car = m->cars++;
    const struct observer_class c = {SENSOR_CAMERA_GOOD, (uint16_t)(1 + car % 4)};
    struct sim_station s;
    sim_station_new(&m->pki, car % ISSUERS, &c, m->start, m->lasts, &m->rnd, &s);
    struct map_point at = sign_place(k);
    struct observation *o = ws_alloc(sizeof(*o));
    *o = (struct observation){.map_version = 1,
        .time = due - RADIO_US - 40000,
        .range_mm = SIM_RANGE_MM,
        .half_angle = 8192,
        .n_reports = 1};
    frame_to_wgs(&m->frame, at.x - 15000, at.y + 4000, &o->lat, &o->lon);
    struct obs_report *r = &o->reports[0];
    *r = (struct obs_report){.kind = REPORT_DETECTED,
        .element_kind = EL_SIGN,
        .has_position = true,
        .sigma_mm = 500,
        .has_value = true,
        .value = value,
        .has_heading = true};
    int32_t off = (int32_t)ws_random_below(&m->rnd, 801) - 400;
    frame_to_wgs(&m->frame, at.x + off, at.y - off, &r->lat, &r->lon);
    struct buf payload = {0};
    struct buf spdu = {0};
    observation_put(&payload, o);
    struct spdu_request rq = {.psid = PSID_MAP_OBSERVATION,
        .generation_time = due - RADIO_US,
        .has_location = true,
        .lat = o->lat,
        .lon = o->lon,
        .payload = buf_span(&payload),
        .with_certificate = true};
    spdu_put_signed(&spdu, &rq, s.key, buf_span(&s.cert));
    struct frame *f = &m->frames[unit][m->n[unit]++];
    f->due = due;
    carrier_put_wsmp(&f->octets, s.mac, PSID_MAP_OBSERVATION, buf_span(&spdu));
    buf_free(&payload);
    buf_free(&spdu);
    free(o);
    sim_station_free(&s);
}

static int by_due(const void *a, const void *b) {
    const struct frame *x = a;
    const struct frame *y = b;
    return (x->due > y->due) - (x->due < y->due);
}

static void write_capture(struct making *m, const char *dir, unsigned unit) {
    char name[32];
    char path[PATH_MAX];
    struct ws_err err;
    struct capture_writer *w = NULL;
    (void)snprintf(name, sizeof(name), "unit%u.pcap", unit + 1);
    path_of(path, dir, name);
    if (capture_create(path, &w, &err) != WS_OK)
        die("capture", &err);
    qsort(m->frames[unit], m->n[unit], sizeof(m->frames[unit][0]), by_due);
    for (size_t i = 0; i < m->n[unit]; i++) {
        struct frame *f = &m->frames[unit][i];
        capture_put(w, (uint64_t)its_to_unix_us(f->due) * 1000, buf_span(&f->octets));
        buf_free(&f->octets);
    }
    if (capture_finish(w, &err) != WS_OK)
        die("capture", &err);
    free(m->frames[unit]);
}

static int make(const char *dir, unsigned signs) {
    struct making m = {.rnd = ws_random_seeded(11),
        .frame = frame_at(487600000, 114200000),
        .start = its_from_unix_us(START_UNIX_US),
        .lasts = ((uint64_t)signs * EVERY_MS + 60000) * 1000};
    struct ws_err err;
    struct buf plan = {0};
    char path[PATH_MAX];
    write_map(dir, signs, m.frame);
    sim_pki_new(&m.pki, ISSUERS, m.start, 11, &m.rnd);
    path_of(path, dir, "trust");
    if (sim_pki_write(&m.pki, path, &err) != WS_OK)
        die("trust", &err);
    for (unsigned u = 0; u < UNITS; u++)
        m.frames[u] =
            ws_calloc(((size_t)signs / UNITS + 1) * (LOOKS + AGAINST), sizeof(*m.frames[u]));
    for (unsigned k = 0; k < signs; k++) {
        const unsigned unit = k % UNITS;
        uint64_t due = m.start + (FIRST_MS + (uint64_t)k * EVERY_MS) * 1000 +
                       ws_random_below(&m.rnd, EVERY_MS * 1000);
        for (unsigned i = 0; i < LOOKS; i++)
            look(&m, k, unit, due - (uint64_t)(LOOKS - 1 - i) * BEFORE_MS * 1000, 30);
        for (unsigned i = 0; i < AGAINST; i++)
            look(&m, k, unit, due + (AFTER_MS + (uint64_t)i * 100) * 1000, 50);
        uint8_t id[16];
        char hex[33];
        sign_id(k, id);
        hex_encode(hex, id, sizeof(id));
        buf_printf(&plan, "%s %u %" PRIu64 "\n", hex, unit, due);
    }
    for (unsigned u = 0; u < UNITS; u++)
        write_capture(&m, dir, u);
    path_of(path, dir, "plan");
    if (file_write(path, buf_span(&plan), 0644, &err) != WS_OK)
        die("plan", &err);
    buf_free(&plan);
    sim_pki_free(&m.pki);
    return 0;
}

/* ---- watch ---- */

struct unit {
    struct watch *all;
    struct buf line; /* of the event stream, as far as it is there */
    double p50, p99; /* commit latency, as it says itself */
    uint64_t *seen; /* by sign: when it told of the advisory; 0: not yet */
};

struct watch {
    struct ws_clock clock;
    struct sign *signs; /* ascending id */
    size_t n, told; /* advisories that every unit told of */
    struct unit unit[UNITS];
};

static int by_id(const void *a, const void *b) {
    return memcmp(((const struct sign *)a)->id, ((const struct sign *)b)->id, 16);
}

static void read_plan(struct watch *w, const char *dir) {
    char path[PATH_MAX];
    struct ws_err err;
    struct buf b = {0};
    path_of(path, dir, "plan");
    if (file_read(path, 1 << 20, &b, &err) != WS_OK)
        die("plan", &err);
    buf_u8(&b, 0);
    w->signs = ws_calloc(SIGNS_MAX, sizeof(*w->signs));
    for (char *p = (char *)b.p; *p != '\0' && w->n < SIGNS_MAX; w->n++) {
        struct sign *s = &w->signs[w->n];
        char hex[33];
        (void)snprintf(hex, sizeof(hex), "%.32s", p);
        if (!hex_decode(s->id, sizeof(s->id), hex))
            die("plan: no id", NULL);
        s->unit = (unsigned)strtoul(p + 32, &p, 10) % UNITS;
        s->due = strtoull(p, &p, 10);
        p += *p == '\n' ? 1 : 0;
    }
    qsort(w->signs, w->n, sizeof(*w->signs), by_id);
    buf_free(&b);
}

/* As `rsuctl cell init` wrote it. */
static void read_clock(struct watch *w, const char *dir) {
    char path[PATH_MAX];
    struct ws_err err;
    struct buf b = {0};
    path_of(path, dir, "cell/rsu1/rsud.yaml");
    if (file_read(path, 1 << 20, &b, &err) != WS_OK)
        die("configuration", &err);
    buf_u8(&b, 0);
    const char *epoch = strstr((const char *)b.p, "epoch: ");
    const char *mono = strstr((const char *)b.p, "start_mono_us: ");
    if (epoch == NULL || mono == NULL)
        die("configuration: no scaled clock", NULL);
    w->clock = (struct ws_clock){.kind = WS_CLOCK_SCALED,
        .epoch_its_us = strtoull(epoch + strlen("epoch: "), NULL, 10),
        .start_mono_us = strtoull(mono + strlen("start_mono_us: "), NULL, 10),
        .rate_ppm = 1000000};
    buf_free(&b);
}

static void candidate(struct unit *u, const json_t *o, uint64_t now) {
    struct watch *w = u->all;
    struct sign key;
    const char *id = json_string_value(json_object_get(o, "subject"));
    if (!json_is_object(json_object_get(o, "advisory")) || id == NULL ||
        !hex_decode(key.id, sizeof(key.id), id))
        return;
    const struct sign *s = bsearch(&key, w->signs, w->n, sizeof(*w->signs), by_id);
    if (s == NULL || u->seen[s - w->signs] != 0)
        return;
    if (now < s->due)
        die("an advisory was there before the frame that decides it", NULL);
    u->seen[s - w->signs] = now;
    bool all = true;
    for (unsigned i = 0; i < UNITS; i++)
        all = all && w->unit[i].seen[s - w->signs] != 0;
    w->told += all ? 1 : 0;
}

static void event(struct unit *u) {
    uint64_t now = ws_clock_now(&u->all->clock).its_us;
    if (u->line.n < 6 || memcmp(u->line.p, "data: ", 6) != 0)
        return;
    json_t *o = json_loadb((const char *)u->line.p + 6, u->line.n - 6, 0, NULL);
    const json_t *latency = json_object_get(json_object_get(o, "status"), "commit_latency_ms");
    u->p50 = json_number_value(json_object_get(latency, "p50"));
    u->p99 = json_number_value(json_object_get(latency, "p99"));
    size_t i;
    json_t *c;
    json_array_foreach(json_object_get(json_object_get(o, "candidates"), "candidates"), i, c)
        candidate(u, c, now);
    json_decref(o);
}

static size_t hear(char *p, size_t size, size_t n, void *ctx) {
    struct unit *u = ctx;
    for (size_t i = 0; i < size * n; i++) {
        if (p[i] != '\n') {
            buf_u8(&u->line, (uint8_t)p[i]);
            continue;
        }
        event(u);
        buf_clear(&u->line);
    }
    return size * n;
}

static void follow(struct watch *w, unsigned port) {
    CURLM *multi = curl_multi_init();
    CURL *one[UNITS];
    for (unsigned i = 0; i < UNITS; i++) {
        char url[64];
        (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/v1/live", port + i);
        one[i] = curl_easy_init();
        (void)curl_easy_setopt(one[i], CURLOPT_URL, url);
        (void)curl_easy_setopt(one[i], CURLOPT_WRITEFUNCTION, hear);
        (void)curl_easy_setopt(one[i], CURLOPT_WRITEDATA, &w->unit[i]);
        (void)curl_multi_add_handle(multi, one[i]);
    }
    uint64_t last = 0;
    for (size_t i = 0; i < w->n; i++)
        last = w->signs[i].due > last ? w->signs[i].due : last;
    last += (uint64_t)PATIENCE_S * 1000000;
    int running = UNITS;
    while (w->told < w->n && running == UNITS && ws_clock_now(&w->clock).its_us < last) {
        (void)curl_multi_perform(multi, &running);
        (void)curl_multi_poll(multi, NULL, 0, 200, NULL);
    }
    for (unsigned i = 0; i < UNITS; i++) {
        (void)curl_multi_remove_handle(multi, one[i]);
        curl_easy_cleanup(one[i]);
    }
    (void)curl_multi_cleanup(multi);
    if (running < UNITS)
        die("a unit closed its event stream", NULL);
}

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static double ms(const uint64_t *sorted, size_t n, unsigned percent) {
    size_t at = n * percent / 100;
    return (double)sorted[at < n ? at : n - 1] / 1000;
}

/* step 0: the unit that heard the frames; 1 and on: the others; UNITS: the last of all. */
static void print(const struct watch *w, unsigned step, const char *where) {
    uint64_t *took = ws_calloc(w->n, sizeof(*took));
    for (size_t k = 0; k < w->n; k++) {
        const struct sign *s = &w->signs[k];
        uint64_t at = w->unit[(s->unit + step) % UNITS].seen[k];
        for (unsigned i = 0; step == UNITS && i < UNITS; i++)
            at = w->unit[i].seen[k] > at ? w->unit[i].seen[k] : at;
        took[k] = at - s->due;
    }
    qsort(took, w->n, sizeof(*took), by_value);
    (void)printf(
        "  advisory on the event stream of %-26s p50 %4.0f ms, p99 %4.0f ms, max %4.0f ms\n", where,
        ms(took, w->n, 50), ms(took, w->n, 99), ms(took, w->n, 100));
    free(took);
}

static int watch(const char *dir, unsigned port) {
    struct watch w = {0};
    read_plan(&w, dir);
    read_clock(&w, dir);
    for (unsigned i = 0; i < UNITS; i++) {
        w.unit[i].all = &w;
        w.unit[i].seen = ws_calloc(w.n, sizeof(uint64_t));
    }
    follow(&w, port);
    if (w.told < w.n) {
        for (size_t k = 0; k < w.n; k++)
            for (unsigned i = 0; i < UNITS; i++)
                if (w.unit[i].seen[k] == 0)
                    (void)fprintf(stderr, "sign %zu: not from unit %u\n", k, i + 1);
        die("not every advisory came", NULL);
    }
    (void)printf("advisories: %zu, each decided by one frame that one of four units heard:\n", w.n);
    print(&w, 1, "another unit:");
    print(&w, 0, "the unit that heard it:");
    print(&w, UNITS, "the last of the four:");
    (void)printf(
        "  baseline, commit latency of the same transactions:        p50 %4.0f ms, p99 %4.0f ms\n",
        w.unit[0].p50, w.unit[0].p99);
    for (unsigned i = 0; i < UNITS; i++) {
        free(w.unit[i].seen);
        buf_free(&w.unit[i].line);
    }
    free(w.signs);
    return 0;
}

int main(int argc, char **argv) {
    unsigned n = argc == 4 ? (unsigned)strtoul(argv[3], NULL, 10) : 0;
    if (n > 0 && n <= SIGNS_MAX && strcmp(argv[1], "make") == 0)
        return make(argv[2], n);
    if (n > 0 && n < 65536 - UNITS && strcmp(argv[1], "watch") == 0)
        return watch(argv[2], n);
    (void)fprintf(stderr, "usage: bench_advisory make FOLDER SIGNS | watch FOLDER PORT\n");
    return 2;
}
