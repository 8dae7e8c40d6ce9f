/* Signed frames of an honest car and of five attackers through a whole replay: every message is verified, the column
 * `plausibility` of frames.csv says what is wrong with whom, and says the same in every run. */
#include "tests/support/cm.h"

#include "base/clock.h"
#include "base/fileio.h"
#include "pktio/capture.h"
#include "rsu/replay/replay.h"
#include "tests/support/pki.h"
#include "v2x/carrier.h"
#include "v2x/facility.h"
#include "v2x/gn.h"
#include "v2x/psid.h"

#include <stdio.h>
#include <unistd.h>

enum { BEACONS = 50, LAT = 487660000, LON = 114230000 };
enum who { HONEST, TELEPORT, FROZEN, TWIN, THIEF, FAR, WHO };

struct scene {
    struct pki pki;
    struct station car[WHO];
    uint32_t id[WHO]; /* last octets of the ticket's hash, as production cars have it */
    char dir[64];
};

static void put_cert(const struct scene *s, const char *name, const struct buf *cert) {
    char path[128];
    struct ws_err err;
    (void)snprintf(path, sizeof(path), "%s/trust/%s", s->dir, name);
    assert_int_equal(file_write(path, buf_span(cert), 0644, &err), WS_OK);
}

static void open_scene(struct scene *s) {
    struct ws_err err;
    pki_init(&s->pki, 3);
    for (int i = 0; i < WHO; i++) {
        struct cert c;
        size_t at;
        uint8_t hash[32];
        pki_vehicle(&s->pki, &s->car[i]);
        assert_int_equal(cert_parse(buf_span(&s->car[i].cert), &c, &at), COER_OK);
        cert_hash256(&c, hash);
        s->id[i] = be32(hash + 28);
    }
    s->id[THIEF] = s->id[HONEST];
    (void)snprintf(s->dir, sizeof(s->dir), "/tmp/wayside-replay-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/trust", s->dir);
    assert_int_equal(dir_make(path, &err), WS_OK);
    put_cert(s, "root.cert", &s->pki.root);
    put_cert(s, "ca.cert", &s->pki.ca);
}

static void close_scene(struct scene *s) {
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", s->dir);
    assert_int_equal(system(command), 0);
    for (int i = 0; i < WHO; i++)
        station_free(&s->car[i]);
    pki_free(&s->pki);
}

/* Everybody drives north at 20 m/s, 179.7 units of latitude in a tenth of a second, or says so. */
static struct cam_fields state_of(const struct scene *s, enum who who, unsigned beacon) {
    struct cam_fields f = {.station_id = s->id[who],
        .station_type = 5,
        .lat = LAT + (int32_t)(beacon * 17967 / 1000) * 10,
        .lon = LON + (int32_t)who * 2000,
        .heading = 0,
        .speed = 2000};
    if (who == TELEPORT && beacon >= 25)
        f.lat += 300000; /* 3.3 km */
    if (who == FROZEN)
        f.lat = LAT;
    if (who == TWIN && beacon % 2 == 1)
        f.lon += 200000; /* 1.5 km */
    if (who == FAR)
        f.lat += 2000000; /* 22 km */
    return f;
}

static void put_frame(struct scene *s, struct capture_writer *w, enum who who, unsigned beacon) {
    uint64_t now = PKI_NOW_US + beacon * 100000U + (unsigned)who * 1000U;
    struct cam_fields c = state_of(s, who, beacon);
    c.generation_delta_ms = (uint16_t)(now / 1000);
    struct buf cam = {0};
    struct buf gn = {0};
    struct buf spdu = {0};
    struct buf frame = {0};
    cam_put(&cam, &c);
    const uint8_t *mac = s->car[who].mac;
    struct gn_source src = {
        .address = UINT64_C(0x1400) << 48 | (uint64_t)be32(mac) << 16 | mac[4] << 8 | mac[5],
        .timestamp_ms = (uint32_t)(now / 1000),
        .lat = c.lat,
        .lon = c.lon};
    gn_put_shb(&gn, &src, 2001, buf_span(&cam));
    struct spdu_request rq = {.psid = PSID_CAM,
        .generation_time = now,
        .payload = buf_span(&gn),
        .with_certificate = true};
    spdu_put_signed(&spdu, &rq, s->car[who].key, buf_span(&s->car[who].cert));
    carrier_put_gn_secured(&frame, mac, buf_span(&spdu));
    capture_put(w, (uint64_t)its_to_unix_us(now + 500) * 1000, buf_span(&frame));
    buf_free(&cam);
    buf_free(&gn);
    buf_free(&spdu);
    buf_free(&frame);
}

static struct buf replay_once(struct scene *s, const char *capture, const char *name) {
    char trust[128];
    char out[128];
    char table[160];
    (void)snprintf(trust, sizeof(trust), "%s/trust", s->dir);
    (void)snprintf(out, sizeof(out), "%s/%s", s->dir, name);
    (void)snprintf(table, sizeof(table), "%s/frames.csv", out);
    const char *const captures[] = {capture};
    struct replay_options opt = {.captures = captures,
        .n_captures = 1,
        .map = "configs/demo/town.osm",
        .trust = trust,
        .validators = 1,
        .freshness_us = 60000000,
        .has_place = true,
        .place_lat = LAT,
        .place_lon = LON,
        .reach_m = 5000,
        .out = out};
    struct replay_summary sum;
    struct ws_err err = {0};
    struct buf b = {0};
    if (replay_run(&opt, &sum, &err) != WS_OK || file_read(table, 1U << 20, &b, &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(sum.verified, WHO * BEACONS);
    return b;
}

static void attackers_are_named_in_frames_csv(void **state) {
    (void)state;
    struct scene s;
    char capture[128];
    struct ws_err err = {0};
    struct capture_writer *w = NULL;
    open_scene(&s);
    (void)snprintf(capture, sizeof(capture), "%s/drive.pcap", s.dir);
    assert_int_equal(capture_create(capture, &w, &err), WS_OK);
    for (unsigned beacon = 0; beacon < BEACONS; beacon++) {
        for (int who = 0; who < WHO; who++)
            put_frame(&s, w, (enum who)who, beacon);
    }
    assert_int_equal(capture_finish(w, &err), WS_OK);
    struct buf one = replay_once(&s, capture, "one");
    struct buf two = replay_once(&s, capture, "two");
    assert_true(span_equal(buf_span(&one), buf_span(&two)));
    buf_u8(&one, 0);

    static const char *const flag[WHO] = {
        "clean", "jump", "frozen", "two_places", "station_taken", "reach"};
    unsigned flagged[WHO] = {0};
    unsigned clean[WHO] = {0};
    char *at = NULL;
    unsigned line = 0;
    for (char *l = strtok_r((char *)one.p, "\n", &at); l != NULL; l = strtok_r(NULL, "\n", &at)) {
        const char *last = strrchr(l, ',') + 1;
        if (line++ == 0) {
            assert_string_equal(last, "plausibility");
            continue;
        }
        unsigned who = (line - 2) % WHO;
        if (strcmp(last, "clean") == 0)
            clean[who]++;
        else if (strstr(last, flag[who]) == NULL)
            fail_msg("frame %u: '%s' without %s", line - 1, last, flag[who]);
        else
            flagged[who]++;
    }
    for (unsigned who = 0; who < WHO; who++)
        assert_int_equal(clean[who] + flagged[who], BEACONS);
    assert_int_equal(clean[HONEST], BEACONS);
    assert_int_equal(flagged[TELEPORT], 1);
    assert_in_range(flagged[FROZEN], 1, BEACONS - 10);
    assert_int_equal(flagged[TWIN], BEACONS - 1);
    assert_int_equal(flagged[THIEF], BEACONS);
    assert_int_equal(flagged[FAR], BEACONS);
    buf_free(&one);
    buf_free(&two);
    close_scene(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(attackers_are_named_in_frames_csv)};
    return cmocka_run_group_tests_name("replay_plausibility", tests, NULL, NULL);
}
