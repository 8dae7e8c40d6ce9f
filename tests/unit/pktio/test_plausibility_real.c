/* What real vehicles and roadside units sent is believable: recorded CAM, DENM and BSM, and the satellite fixes of three
 * cars as the CAM they would have sent. The rates go into decision 15. */
#include "tests/support/cm.h"
#include "tests/support/obu_log.h"

#include "base/clock.h"
#include "pktio/capture.h"
#include "pktio/message.h"
#include "v2x/bsm.h"
#include "v2x/facility.h"
#include "v2x/psid.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

struct tally {
    struct plausibility_tracks *t;
    struct pkt_message *m;
};

static struct tally begin(void) {
    struct plausibility_config cfg = {.tracks = 64};
    return (struct tally){plausibility_new(&cfg), ws_alloc(sizeof(struct pkt_message))};
}

/* Messages in it, of which `flagged` at most are not clean. */
static void end(struct tally *y, const char *name, uint64_t messages, uint64_t flagged) {
    struct plausibility_counters n = plausibility_counters(y->t);
    uint64_t all = n.judged + n.unjudged;
    print_message("%s: %llu messages, %llu judged, %llu clean", name, (unsigned long long)all,
        (unsigned long long)n.judged, (unsigned long long)n.clean);
    for (int f = 0; f < PLAUSIBILITY_FLAG_COUNT; f++) {
        if (n.flag[f] > 0)
            print_message(", %s %llu", plausibility_flag_name((enum plausibility_flag)f),
                (unsigned long long)n.flag[f]);
    }
    print_message("\n");
    plausibility_free(y->t);
    free(y->m);
    assert_int_equal(all, messages);
    assert_true(n.judged - n.clean <= flagged);
}

static void judge(struct tally *y, const struct plausibility_sample *s) {
    struct plausibility p;
    plausibility_judge(y->t, s, &p);
    if (p.flags != 0) {
        struct buf b = {0};
        plausibility_print(&p, &b);
        print_message("  at %llu: %.*s\n", (unsigned long long)s->time_us, (int)b.n, b.p);
        buf_free(&b);
    }
}

/* A signed message, whose signer is known by its digest alone; nobody checks a signature here. */
static void take_secured(struct tally *y, struct span message, enum carrier_kind carrier,
    uint64_t source, uint64_t psid) {
    struct spdu s;
    size_t at;
    struct pkt_message *m = y->m;
    assert_int_equal(spdu_parse(message, &s, &at), COER_OK);
    if (s.psid != psid)
        return;
    memset(m->cert_hash, 0, sizeof(m->cert_hash));
    if (s.signer == SIGNER_CERTIFICATE) {
        uint8_t hash[32];
        cert_hash256(&s.cert, hash);
        memcpy(m->cert_hash + 24, hash + 24, 8);
    } else {
        memcpy(m->cert_hash + 24, s.digest, 8);
    }
    memcpy(m->cert_hash, m->cert_hash + 24, 8); /* what tells signers apart stands in front */
    m->spdu = s.all;
    m->psid = s.psid;
    m->generation_time = s.generation_time;
    m->has_location = s.has_location;
    m->lat = s.lat;
    m->lon = s.lon;
    m->carrier = carrier;
    m->source = source;
    struct plausibility_sample sample;
    plausibility_read(m, &sample);
    judge(y, &sample);
}

static void run(const char *name, uint64_t psid, uint64_t messages, uint64_t flagged) {
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/v2x/captures/%s", test_data_dir(), name);
    if (access(path, R_OK) != 0)
        skip();
    struct tally y = begin();
    struct capture *c = NULL;
    struct ws_err err;
    struct pkt_frame f;
    assert_int_equal(capture_open(path, 0, &c, &err), WS_OK);
    while (capture_next(c, &f, &err) == 1) {
        struct carrier k;
        if (carrier_read(f.link, f.data, &k) == CARRIER_SECURED)
            take_secured(&y, k.message, k.kind, k.source, psid);
    }
    capture_close(c);
    end(&y, name, messages, flagged);
}

static void production_cars(void **state) {
    (void)state;
    run("its-g5-cam-secured-boslx.pcapng", PSID_CAM, 9, 0);
    run("its-g5-cam-secured-vanetza.pcap", PSID_CAM, 2, 0);
}

static void roadside_denm(void **state) {
    (void)state;
    run("its-g5-denm-secured-npra.pcap", PSID_DENM, 4, 0);
}

static void american_cars(void **state) {
    (void)state;
    run("wsmp-bsm-signed-commsignia.pcap", PSID_BSM, 511, 0);
}

static void log_of(const char *name, uint64_t messages, uint64_t flagged) {
    struct obu_log log;
    struct obu_record r;
    if (!obu_log_open(test_data_dir(), name, &log))
        skip();
    struct tally y = begin();
    while (obu_log_next(&log, &r)) {
        struct spdu s;
        size_t at;
        if (spdu_parse(r.message, &s, &at) == COER_OK && s.content == SPDU_SIGNED)
            take_secured(&y, r.message, CARRIER_WSMP, 0, PSID_BSM);
    }
    obu_log_close(&log);
    end(&y, name, messages, flagged);
}

static void american_logs(void **state) {
    (void)state;
    log_of("rxMsg_BSM_and_TIM", 243, 0);
    log_of("bsmLogDuringEvent_commsignia", 511, 0);
}

/* Not signed at all: each GeoNetworking address stands for a signer. */
static void a_standing_station(void **state) {
    (void)state;
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/v2x/captures/its-g5-cam-cpm-unsecured-msvan3t.pcapng",
        test_data_dir());
    if (access(path, R_OK) != 0)
        skip();
    struct tally y = begin();
    struct capture *c = NULL;
    struct ws_err err;
    struct pkt_frame f;
    assert_int_equal(capture_open(path, 0, &c, &err), WS_OK);
    while (capture_next(c, &f, &err) == 1) {
        struct carrier k;
        struct its_pdu p;
        if (carrier_read(f.link, f.data, &k) != CARRIER_BARE ||
            its_pdu_read(k.message, &p) != ITS_PDU_OK || p.kind != ITS_CAM)
            continue;
        uint64_t time = its_from_unix_us((int64_t)(f.stamp_ns / 1000));
        struct plausibility_sample s = {.time_us = time,
            .position_time_us = time,
            .beacon = true,
            .has_position = true,
            .lat = p.state.lat,
            .lon = p.state.lon,
            .radius_cm = p.state.semi_major_cm,
            .station_type = p.state.station_type,
            .speed = p.state.speed,
            .heading = p.state.heading,
            .speed_confidence = p.state.speed_confidence,
            .heading_confidence = p.state.heading_confidence,
            .has_station = true,
            .station_id = p.station_id,
            .direct = true,
            .link = k.source};
        put_be64(s.signer, k.source);
        judge(&y, &s);
    }
    capture_close(c);
    end(&y, "its-g5-cam-cpm-unsecured-msvan3t.pcapng", 367, 1);
}

/* Columns: number, number, car, time, latitude, longitude, speed, heading (rad, degree), acceleration, type. */
static void fixes_of_three_cars(void **state) {
    (void)state;
    char path[512];
    char line[512];
    (void)snprintf(
        path, sizeof(path), "%s/v2x/trajectories/gnss-drive-biella-3cars.csv", test_data_dir());
    FILE *f = fopen(path, "re");
    if (f == NULL)
        skip();
    struct tally y = begin();
    uint64_t n = 0;
    assert_non_null(fgets(line, sizeof(line), f));
    while (fgets(line, sizeof(line), f) != NULL) {
        double v[9];
        char *p = line;
        for (size_t i = 0; i < ARRAY_LEN(v); i++) {
            v[i] = strtod(p, &p);
            assert_int_equal(*p++, ',');
        }
        struct plausibility_sample s = {.time_us = (uint64_t)(v[3] * 1e6),
            .position_time_us = (uint64_t)(v[3] * 1e6),
            .has_position = true,
            .lat = (int32_t)lround(v[4] * 1e7),
            .lon = (int32_t)lround(v[5] * 1e7),
            .radius_cm = 300,
            .station_type = 5,
            .speed = (uint16_t)lround(v[6] * 100),
            .heading = (uint16_t)((unsigned)lround(v[8] * 10 + 3600) % 3600),
            .speed_confidence = 30,
            .heading_confidence = 20,
            .forward = true};
        s.signer[0] = (uint8_t)v[2];
        judge(&y, &s);
        n++;
    }
    (void)fclose(f);
    end(&y, "gnss-drive-biella-3cars.csv", n, 0);
}

int main(void) {
    if (access(test_data_dir(), R_OK) != 0)
        return TEST_SKIPPED;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(production_cars),
        cmocka_unit_test(roadside_denm),
        cmocka_unit_test(american_cars),
        cmocka_unit_test(american_logs),
        cmocka_unit_test(a_standing_station),
        cmocka_unit_test(fixes_of_three_cars),
    };
    return cmocka_run_group_tests_name("plausibility of real vehicles", tests, NULL, NULL);
}
