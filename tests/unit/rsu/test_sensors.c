/* The unit's own sensors: lines become observations, are signed with the sensor's certificate, and whatever else comes in is
 * refused by name. */
#include "tests/support/cm.h"

#include "base/fileio.h"
#include "base/mem.h"
#include "mapsvc/fuse/associate.h"
#include "rsu/host/secret.h"
#include "rsu/sensors/sensors.h"
#include "v2x/psid.h"
#include "v2x/sign.h"
#include "v2x/spdu.h"
#include "v2x/verify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define ITS_US (UINT64_C(700003600) * 1000000)
static const struct sensor_mount mount = {487600000, 114150000, 0, 8192, 60000};

static const char good[] = "{\"age_ms\": 250, \"map_version\": 2, \"heading_deg\": 180, "
                           "\"view_deg\": 120, \"range_m\": 80.5, "
                           "\"occluded\": true, \"detections\": ["
                           "{\"report\": \"detected\", \"kind\": \"sign\", \"lat\": 48.7601, "
                           "\"lon\": 11.4152, \"sigma_mm\": 200, "
                           "\"value\": -30, \"heading_deg\": 90},"
                           "{\"report\": \"detected\", \"kind\": \"hazard\", \"x_mm\": 12345, "
                           "\"y_mm\": -2000, \"sigma_mm\": 1},"
                           "{\"report\": \"not_detected\", \"kind\": \"light\", \"element\": "
                           "\"00112233445566778899aabbccddeeff\"},"
                           "{\"report\": \"covered\", \"kind\": \"sign\", \"element\": "
                           "\"00112233445566778899AABBCCDDEEFF\"},"
                           "{\"report\": \"mismatch\", \"kind\": \"speed_limit\", \"element\": "
                           "\"00112233445566778899aabbccddeeff\", "
                           "\"value\": 70}]}";

static struct cell_frame frame(void) {
    return frame_at(487600000, 114150000);
}

static enum sensor_outcome read_text(const char *text, struct observation *o, struct ws_err *err) {
    struct cell_frame f = frame();
    return sensor_line_read(span_of(text, strlen(text)), &mount, &f, ITS_US, 3, o, err);
}

static void test_line(void **state) {
    (void)state;
    struct observation o;
    struct observation again;
    struct ws_err err = {0};
    if (read_text(good, &o, &err) != SENSOR_TAKEN)
        fail_msg("%s", err.text);
    assert_int_equal(o.time, ITS_US - 250000);
    assert_int_equal(o.map_version, 2);
    assert_int_equal(o.lat, 487600000);
    assert_int_equal(o.heading, 49152); /* south, a quarter to the right of east */
    assert_int_equal(o.half_angle, 10923);
    assert_int_equal(o.range_mm, 80500);
    assert_true(o.occluded);
    assert_int_equal(o.n_reports, 5);
    assert_int_equal(o.reports[0].kind, REPORT_DETECTED);
    assert_int_equal(o.reports[0].lat, 487601000);
    assert_int_equal(o.reports[0].lon, 114152000);
    assert_int_equal(o.reports[0].value, -30);
    assert_true(o.reports[0].has_heading);
    assert_int_equal(o.reports[0].heading, 0);
    struct cell_frame f = frame();
    int32_t x = 0;
    int32_t y = 0;
    assert_true(frame_from_wgs(&f, o.reports[1].lat, o.reports[1].lon, &x, &y));
    assert_in_range(x, 12345 - 10, 12345 + 10);
    assert_in_range(y + 3000, 1000 - 10, 1000 + 10);
    assert_int_equal(o.reports[1].element_kind, EL_HAZARD);
    assert_false(o.reports[1].has_value);
    assert_int_equal(o.reports[2].kind, REPORT_NOT_DETECTED);
    assert_int_equal(o.reports[2].element_id[15], 0xff);
    assert_int_equal(o.reports[3].kind, REPORT_COVERED);
    assert_int_equal(o.reports[4].kind, REPORT_MISMATCH);
    assert_int_equal(o.reports[4].value, 70);
    struct buf b = {0};
    observation_put(&b, &o);
    assert_int_equal(observation_read(buf_span(&b), &again, &err), WS_OK);
    buf_free(&b);
    /* What is not said is how the sensor is mounted, and now. */
    assert_int_equal(read_text("{\"detections\": []}", &o, &err), SENSOR_TAKEN);
    assert_int_equal(o.time, ITS_US);
    assert_int_equal(o.map_version, 3);
    assert_int_equal(o.heading, 0);
    assert_int_equal(o.half_angle, 8192);
    assert_int_equal(o.range_mm, 60000);
    assert_false(o.occluded);
    assert_int_equal(o.n_reports, 0);
}

static void test_headings(void **state) {
    (void)state;
    assert_int_equal(sensor_heading(90), 0);
    assert_int_equal(sensor_heading(0), 16384);
    assert_int_equal(sensor_heading(270), 32768);
    assert_int_equal(sensor_heading(180), 49152);
    assert_int_equal(sensor_heading(89.999), 0);
    assert_int_equal(sensor_heading(91), 65536 - 182);
}

#define D(fields) "{\"detections\": [{" fields "}]}"
#define SIGN "\"report\": \"detected\", \"kind\": \"sign\", "
#define HERE "\"lat\": 48.7601, \"lon\": 11.4152, \"sigma_mm\": 200"
#define ID "\"element\": \"00112233445566778899aabbccddeeff\""

static void test_refusals(void **state) {
    (void)state;
    static const struct {
        const char *line;
        enum sensor_outcome o;
        const char *says;
    } cases[] = {
        {"", SENSOR_NOT_JSON, "not a JSON object"},
        {"[]", SENSOR_NOT_JSON, "not a JSON object"},
        {"{\"detections\": []} x", SENSOR_NOT_JSON, "octet"},
        {"{\"detections\": [], \"detections\": []}", SENSOR_NOT_JSON, "octet"},
        {"{\"detections\": [NaN]}", SENSOR_NOT_JSON, "octet"},
        {"{}", SENSOR_MALFORMED, "detections: missing"},
        {"{\"detections\": {}}", SENSOR_MALFORMED, "not a list of at most 64"},
        {"{\"detections\": [3]}", SENSOR_MALFORMED, "detections[1].: no object"},
        {"{\"detections\": [], \"class\": 3}", SENSOR_MALFORMED, "class: no field"},
        {"{\"detections\": [], \"age_ms\": -1}", SENSOR_MALFORMED, "age_ms: not an integer from 0"},
        {"{\"detections\": [], \"age_ms\": 600001}", SENSOR_MALFORMED, "to 600000"},
        {"{\"detections\": [], \"age_ms\": 1.5}", SENSOR_MALFORMED, "age_ms"},
        {"{\"detections\": [], \"map_version\": 4}", SENSOR_MALFORMED, "map_version"},
        {"{\"detections\": [], \"map_version\": 0}", SENSOR_MALFORMED, "map_version"},
        {"{\"detections\": [], \"heading_deg\": 360}", SENSOR_MALFORMED, "heading_deg"},
        {"{\"detections\": [], \"view_deg\": 361}", SENSOR_MALFORMED, "view_deg"},
        {"{\"detections\": [], \"range_m\": 0}", SENSOR_MALFORMED, "range_m"},
        {"{\"detections\": [], \"range_m\": 1000.5}", SENSOR_MALFORMED, "range_m"},
        {"{\"detections\": [], \"occluded\": 1}", SENSOR_MALFORMED, "occluded: not true or false"},
        {D("\"kind\": \"sign\", " HERE), SENSOR_MALFORMED, "detections[1].report"},
        {D("\"report\": \"seen\", \"kind\": \"sign\", " HERE), SENSOR_MALFORMED, "report: none"},
        {D("\"report\": \"detected\", " HERE), SENSOR_MALFORMED, "kind: missing"},
        {D("\"report\": \"detected\", \"kind\": \"cow\", " HERE), SENSOR_MALFORMED, "kind: none"},
        {D(SIGN "\"sigma_mm\": 3"), SENSOR_MALFORMED, "sigma_mm: without a place"},
        {D(SIGN "\"value\": 3"), SENSOR_MALFORMED, "lat: missing"},
        {D(SIGN "\"lat\": 48.7601, \"sigma_mm\": 3"), SENSOR_MALFORMED, "lon: missing"},
        {D(SIGN "\"lat\": 48.7601, \"lon\": 11.4152"), SENSOR_MALFORMED, "sigma_mm: missing"},
        {D(SIGN HERE ", \"x_mm\": 1"), SENSOR_MALFORMED, "given once"},
        {D(SIGN "\"lat\": 90.1, \"lon\": 0, \"sigma_mm\": 3"), SENSOR_MALFORMED,
            "lat: not a number"},
        {D(SIGN "\"lat\": 0, \"lon\": -181, \"sigma_mm\": 3"), SENSOR_MALFORMED,
            "lon: not a number"},
        {D(SIGN "\"x_mm\": 1.0, \"y_mm\": 2, \"sigma_mm\": 3"), SENSOR_MALFORMED,
            "x_mm: not an integer"},
        {D(SIGN HERE ", \"value\": 2147483648"), SENSOR_MALFORMED, "value"},
        {D(SIGN HERE ", \"family\": 7"), SENSOR_MALFORMED, "detections[1].family: no field"},
        {D(SIGN "\"lat\": 48.7601, \"lon\": 11.4152, \"sigma_mm\": 0"), SENSOR_MALFORMED,
            "sigma_mm"},
        {D("\"report\": \"not_detected\", \"kind\": \"sign\""), SENSOR_MALFORMED,
            "element: missing"},
        {D("\"report\": \"mismatch\", \"kind\": \"sign\", " ID), SENSOR_MALFORMED,
            "value: missing"},
        {D("\"report\": \"covered\", \"kind\": \"sign\", \"element\": \"0011\""), SENSOR_MALFORMED,
            "element: not 32 hex digits"},
        {D(SIGN "\"lat\": 48.77, \"lon\": 11.4152, \"sigma_mm\": 3"), SENSOR_IMPOSSIBLE_PLACE,
            "further away"},
        {D(SIGN "\"lat\": -48, \"lon\": -170, \"sigma_mm\": 3"), SENSOR_IMPOSSIBLE_PLACE,
            "further away"},
        {D(SIGN "\"x_mm\": 2147483647, \"y_mm\": -2147483648, \"sigma_mm\": 3"),
            SENSOR_IMPOSSIBLE_PLACE, "further away"},
        {D(SIGN "\"x_mm\": 65500, \"y_mm\": 0, \"sigma_mm\": 3"), SENSOR_IMPOSSIBLE_PLACE,
            "further"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct observation o;
        struct ws_err err = {0};
        enum sensor_outcome got = read_text(cases[i].line, &o, &err);
        if (got != cases[i].o || strstr(err.text, cases[i].says) == NULL)
            fail_msg("%s: %s: %s", cases[i].line, sensor_outcome_name(got), err.text);
    }
    /* Just within reach. */
    struct observation o;
    assert_int_equal(
        read_text(D(SIGN "\"x_mm\": 64900, \"y_mm\": 0, \"sigma_mm\": 1"), &o, NULL), SENSOR_TAKEN);
}

/* 64 are taken, one more is not. */
static void test_many(void **state) {
    (void)state;
    for (size_t n = 64; n <= 65; n++) {
        struct buf b = {0};
        struct observation o;
        buf_printf(&b, "{\"detections\": [");
        for (size_t i = 0; i < n; i++)
            buf_printf(&b, "%s{" SIGN HERE "}", i == 0 ? "" : ",");
        buf_printf(&b, "]}");
        buf_u8(&b, 0);
        assert_int_equal(
            read_text((const char *)b.p, &o, NULL), n == 64 ? SENSOR_TAKEN : SENSOR_MALFORMED);
        buf_free(&b);
    }
}

/* Cut anywhere it is no JSON; with a bit turned over it is what it says, or refused: never outside the payload's ranges. */
static void test_damage(void **state) {
    (void)state;
    struct observation o;
    struct observation again;
    struct cell_frame f = frame();
    for (size_t n = 0; n < sizeof(good) - 1; n++)
        assert_int_equal(
            sensor_line_read(span_of(good, n), &mount, &f, ITS_US, 3, &o, NULL), SENSOR_NOT_JSON);
    for (size_t bit = 0; bit < 8 * (sizeof(good) - 1); bit++) {
        char text[sizeof(good)];
        memcpy(text, good, sizeof(good));
        text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
        struct ws_err err = {0};
        enum sensor_outcome got =
            sensor_line_read(span_of(text, sizeof(good) - 1), &mount, &f, ITS_US, 3, &o, &err);
        if (got != SENSOR_TAKEN) {
            assert_string_not_equal(err.text, "");
            continue;
        }
        struct buf b = {0};
        observation_put(&b, &o);
        if (observation_read(buf_span(&b), &again, &err) != WS_OK)
            fail_msg("bit %zu: %s", bit, err.text);
        buf_free(&b);
    }
}

/* ---- sockets ---- */

struct rig {
    char dir[64], socket[96], ticket[96], key[96];
    struct config_sensor cfg;
    struct cell_frame frame;
    struct sensors *s;
    uint64_t mono_us;
    /* what was handed on */
    enum sensor_outcome answer;
    size_t n;
    struct buf cert, spdu;
};

static enum sensor_outcome submit(void *ctx, const uint8_t cert_hash[static 32], struct span cert,
    struct span spdu, struct ws_err *err) {
    struct rig *r = ctx;
    struct cert c;
    size_t at = 0;
    uint8_t hash[32];
    assert_int_equal(cert_parse(cert, &c, &at), COER_OK);
    cert_hash256(&c, hash);
    assert_memory_equal(hash, cert_hash, 32);
    r->n++;
    buf_clear(&r->cert);
    buf_clear(&r->spdu);
    buf_put(&r->cert, cert.p, cert.n);
    buf_put(&r->spdu, spdu.p, spdu.n);
    if (r->answer != SENSOR_TAKEN)
        (void)ws_fail(err, WS_EBUSY, "because \"so\"");
    return r->answer;
}

static void write_ticket(const struct rig *r, enum sensor_class sensor, uint64_t psid) {
    struct ws_random rnd = ws_random_seeded(11);
    struct ws_err err = {0};
    uint8_t ssp[OBS_SSP_OCTETS];
    uint8_t scalar[32];
    struct buf b = {0};
    const struct observer_class who = {sensor, 77};
    observer_put_ssp(ssp, &who);
    const struct sign_permission app[] = {{psid, span_of(ssp, sizeof(ssp)), false}};
    struct cert_request rq = {
        .valid_from_s = 700000000, .valid_hours = 100, .app = app, .n_app = 1};
    struct sign_key *issuer = sign_key_new(CURVE_P256, &rnd);
    struct sign_key *own = sign_key_new(CURVE_P256, &rnd);
    struct cert_request ca = {.name = "ca",
        .valid_from_s = 700000000,
        .valid_hours = 1000,
        .issue_all = true,
        .issue_min_chain = 1};
    struct buf ca_cert = {0};
    cert_put(&ca_cert, &ca, issuer, NULL, (struct span){0});
    cert_put(&b, &rq, own, issuer, buf_span(&ca_cert));
    assert_int_equal(file_write(r->ticket, buf_span(&b), 0644, &err), WS_OK);
    sign_key_octets(own, scalar);
    (void)unlink(r->key);
    assert_int_equal(secret_write(r->key, scalar, &err), WS_OK);
    sign_key_free(own);
    sign_key_free(issuer);
    buf_free(&b);
    buf_free(&ca_cert);
}

static int setup(void **state) {
    struct rig *r = ws_alloc(sizeof(*r));
    (void)snprintf(r->dir, sizeof(r->dir), "sensors-XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    (void)snprintf(r->socket, sizeof(r->socket), "%s/s.sock", r->dir);
    (void)snprintf(r->ticket, sizeof(r->ticket), "%s/t.cert", r->dir);
    (void)snprintf(r->key, sizeof(r->key), "%s/t.key", r->dir);
    r->frame = frame();
    r->mono_us = 1000000;
    r->cfg = (struct config_sensor){.name = r->dir,
        .socket = r->socket,
        .mode = 0600,
        .ticket = r->ticket,
        .ticket_key = r->key,
        .lat = mount.lat,
        .lon = mount.lon,
        .heading = mount.heading,
        .half_angle = mount.half_angle,
        .range_mm = mount.range_mm,
        .rate = 2,
        .burst = 3,
        .line_octets = 2000,
        .clients = 2};
    write_ticket(r, SENSOR_ROADSIDE, PSID_MAP_OBSERVATION);
    *state = r;
    return 0;
}

static int teardown(void **state) {
    struct rig *r = *state;
    sensors_close(r->s);
    buf_free(&r->cert);
    buf_free(&r->spdu);
    (void)unlink(r->ticket);
    (void)unlink(r->key);
    (void)rmdir(r->dir);
    free(r);
    return 0;
}

static void open_rig(struct rig *r) {
    struct ws_err err = {0};
    if (sensors_open(&r->cfg, 1, &r->frame, submit, r, &r->s, &err) != WS_OK)
        fail_msg("%s", err.text);
}

static int join(const struct rig *r) {
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    memcpy(sa.sun_path, r->socket, strlen(r->socket));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&sa, sizeof(sa)), 0);
    return fd;
}

static void serve(struct rig *r) {
    struct ws_now now = {.mono_us = r->mono_us, .its_us = ITS_US};
    for (int i = 0; i < 8; i++)
        sensors_serve(r->s, now, 3);
}

static void say(struct rig *r, int fd, const char *text) {
    assert_int_equal(send(fd, text, strlen(text), 0), (ssize_t)strlen(text));
    serve(r);
}

/* Everything that has been answered so far. */
static const char *heard(int fd) {
    static char text[4096];
    ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static uint64_t count(const struct rig *r, enum sensor_outcome o) {
    return sensors_counters(r->s, 0)->outcome[o];
}

static void test_signed(void **state) {
    struct rig *r = *state;
    struct stat st;
    open_rig(r);
    assert_int_equal(stat(r->socket, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(sensors_counters(r->s, 0)->family, 77);
    int fd = join(r);
    say(r, fd, "{\"detections\": [{" SIGN HERE "}]}\r\n\n");
    assert_string_equal(heard(fd), "{\"outcome\": \"taken\"}\n");
    assert_int_equal(r->n, 1);
    assert_int_equal(count(r, SENSOR_TAKEN), 1);
    assert_int_equal(sensors_counters(r->s, 0)->reports, 1);
    assert_int_equal(sensors_counters(r->s, 0)->clients, 1);
    /* The message holds under the certificate, and says what a contract wants to know. */
    struct spdu m;
    struct cert c;
    size_t at = 0;
    uint16_t port = 0;
    uint8_t hash[32];
    struct observation o;
    assert_int_equal(spdu_parse(buf_span(&r->spdu), &m, &at), COER_OK);
    assert_int_equal(cert_parse(buf_span(&r->cert), &c, &at), COER_OK);
    assert_int_equal(m.psid, PSID_MAP_OBSERVATION);
    assert_int_equal(m.generation_time, ITS_US);
    assert_true(m.has_location);
    assert_int_equal(m.lat, mount.lat);
    assert_int_equal(observation_read(spdu_app_payload(&m, &port), &o, NULL), WS_OK);
    assert_int_equal(o.n_reports, 1);
    struct verify_item item = {.key = verify_key_new(c.key_curve, &c.key)};
    size_t n = 0;
    cert_hash256(&c, hash);
    assert_true(spdu_digest(&m, span_of(hash, 32), item.digest, &n));
    item.digest_octets = (uint8_t)n;
    memcpy(item.r, m.signature.r.octets.p, 32);
    memcpy(item.s, m.signature.s.p, 32);
    assert_int_equal(verify_one(&item), VERIFY_GOOD);
    item.digest[3] ^= 1;
    assert_int_not_equal(verify_one(&item), VERIFY_GOOD);
    verify_key_unref(item.key);
    (void)close(fd);
    serve(r);
    assert_int_equal(sensors_counters(r->s, 0)->clients, 0);
}

/* What the unit has found out itself: as the software's lines are, and no word about what it does not name. */
static void test_filed(void **state) {
    struct rig *r = *state;
    struct spdu m;
    struct cert c;
    struct ws_err err = {0};
    size_t at = 0;
    uint16_t port = 0;
    uint8_t tx[32];
    uint8_t hash[32];
    uint8_t id[32];
    struct observation o = {.n_reports = 1};
    struct observation read;
    const struct ws_now now = {.mono_us = 1000000, .its_us = ITS_US};
    o.reports[0] = (struct obs_report){.kind = REPORT_DETECTED,
        .element_kind = EL_HAZARD,
        .has_position = true,
        .lat = 487601000,
        .lon = 114152000,
        .sigma_mm = 2000,
        .has_value = true,
        .value = 99};
    open_rig(r);
    assert_int_equal(sensors_file(r->s, 0, &o, now, 3, tx, &err), SENSOR_TAKEN);
    assert_int_equal(r->n, 1);
    assert_int_equal(count(r, SENSOR_TAKEN), 1);
    assert_int_equal(sensors_counters(r->s, 0)->reports, 1);
    assert_int_equal(spdu_parse(buf_span(&r->spdu), &m, &at), COER_OK);
    at = 0;
    assert_int_equal(cert_parse(buf_span(&r->cert), &c, &at), COER_OK);
    cert_hash256(&c, hash);
    spdu_identity(&m, hash, id);
    assert_memory_equal(tx, id, 32);
    assert_int_equal(observation_read(spdu_app_payload(&m, &port), &read, NULL), WS_OK);
    assert_true(read.occluded);
    assert_true(read.judged);
    assert_int_equal(read.lat, mount.lat);
    assert_int_equal(read.range_mm, mount.range_mm);
    assert_int_equal(read.map_version, 3);
    assert_int_equal(read.reports[0].value, 99);
    /* No two of one instant are the same message; the rate holds for these, too. */
    assert_int_equal(sensors_file(r->s, 0, &o, now, 3, id, &err), SENSOR_TAKEN);
    assert_memory_not_equal(tx, id, 32);
    assert_int_equal(sensors_file(r->s, 0, &o, now, 3, id, &err), SENSOR_TAKEN);
    assert_int_equal(sensors_file(r->s, 0, &o, now, 3, id, &err), SENSOR_TOO_OFTEN);
    assert_int_equal(count(r, SENSOR_TOO_OFTEN), 1);
    assert_int_equal(r->n, 3);
}

/* Two equal lines of one instant are two messages, else the second would be a duplicate of the first. */
static void test_no_two_alike(void **state) {
    struct rig *r = *state;
    struct buf first = {0};
    open_rig(r);
    int fd = join(r);
    say(r, fd, "{\"detections\": []}\n");
    buf_put(&first, r->spdu.p, r->spdu.n);
    say(r, fd, "{\"detections\": []}\n");
    assert_int_equal(r->n, 2);
    assert_false(span_equal(buf_span(&first), buf_span(&r->spdu)));
    buf_free(&first);
    (void)close(fd);
}

static void test_rate(void **state) {
    struct rig *r = *state;
    open_rig(r);
    int fd = join(r);
    for (int i = 0; i < 5; i++)
        say(r, fd, "{\"detections\": []}\n");
    assert_int_equal(count(r, SENSOR_TAKEN), 3);
    assert_int_equal(count(r, SENSOR_TOO_OFTEN), 2);
    assert_non_null(
        strstr(heard(fd), "{\"outcome\": \"too_often\", \"why\": \"more than 2 a second\"}"));
    r->mono_us += 499999;
    say(r, fd, "{\"detections\": []}\n");
    assert_int_equal(count(r, SENSOR_TAKEN), 3);
    r->mono_us += 1;
    say(r, fd, "{\"detections\": []}\n");
    assert_int_equal(count(r, SENSOR_TAKEN), 4);
    r->mono_us +=
        UINT64_C(3600000000) * 24 * 365; /* however long it was silent: no more than burst */
    for (int i = 0; i < 5; i++)
        say(r, fd, "{\"detections\": []}\n");
    assert_int_equal(count(r, SENSOR_TAKEN), 7);
    (void)close(fd);
}

static void test_lines(void **state) {
    struct rig *r = *state;
    r->cfg.burst = 1000;
    open_rig(r);
    int fd = join(r);
    /* in pieces */
    say(r, fd, "{\"detec");
    assert_int_equal(r->n, 0);
    say(r, fd, "tions\": []}\n{\"detections\": []}\n{");
    assert_int_equal(r->n, 2);
    say(r, fd, "}\n");
    assert_int_equal(count(r, SENSOR_MALFORMED), 1);
    assert_non_null(strstr(heard(fd), "\"why\": \"detections: missing\""));
    /* too long, in one piece and in many; what follows is read again */
    char longer[3001];
    memset(longer, 'x', 3000);
    longer[3000] = '\0';
    say(r, fd, longer);
    say(r, fd, longer);
    say(r, fd, "\n{\"detections\": []}\n");
    assert_int_equal(count(r, SENSOR_TOO_LONG), 1);
    assert_int_equal(r->n, 3);
    longer[2999] = '\n';
    say(r, fd, longer);
    assert_int_equal(count(r, SENSOR_TOO_LONG), 2);
    say(r, fd, "{\"detections\": []}\n");
    assert_int_equal(r->n, 4);
    /* what the ledger says */
    static const enum sensor_outcome ledger[] = {
        SENSOR_KNOWN, SENSOR_BEHIND, SENSOR_REFUSED, SENSOR_FULL};
    (void)heard(fd);
    for (size_t i = 0; i < ARRAY_LEN(ledger); i++) {
        char words[80];
        r->answer = ledger[i];
        say(r, fd, "{\"detections\": []}\n");
        assert_int_equal(count(r, ledger[i]), 1);
        (void)snprintf(words, sizeof(words), "{\"outcome\": \"%s\", \"why\": \"because 'so'\"}\n",
            sensor_outcome_name(ledger[i]));
        assert_string_equal(heard(fd), words);
    }
    /* an end in the middle of a line */
    say(r, fd, "{\"detections\": []}");
    (void)shutdown(fd, SHUT_WR);
    serve(r);
    assert_int_equal(count(r, SENSOR_CUT_OFF), 1);
    assert_non_null(strstr(heard(fd), "cut_off"));
    (void)close(fd);
}

/* Who never reads gets no more answers than there is room for, and is heard all the same. */
static void test_deaf(void **state) {
    struct rig *r = *state;
    r->cfg.burst = 1;
    open_rig(r);
    int fd = join(r);
    struct buf b = {0};
    for (int i = 0; i < 100; i++)
        buf_printf(&b, "x\n");
    buf_u8(&b, 0);
    for (int i = 0; i < 200; i++)
        say(r, fd, (const char *)b.p);
    buf_free(&b);
    assert_int_equal(count(r, SENSOR_TOO_OFTEN) + count(r, SENSOR_NOT_JSON), 20000);
    assert_true(sensors_counters(r->s, 0)->unread_answers > 0);
    assert_int_equal(sensors_counters(r->s, 0)->clients, 1);
    /* Once it reads, it gets every answer that there was room for, although it has said that it is done. */
    (void)shutdown(fd, SHUT_WR);
    serve(r);
    assert_int_equal(sensors_counters(r->s, 0)->clients, 1);
    size_t answers = 0;
    for (;;) {
        char chunk[4096];
        ssize_t n = recv(fd, chunk, sizeof(chunk), MSG_DONTWAIT);
        for (ssize_t i = 0; i < n; i++)
            answers += chunk[i] == '\n';
        if (n == 0)
            break;
        serve(r);
    }
    assert_int_equal(answers, 20000 - sensors_counters(r->s, 0)->unread_answers);
    assert_int_equal(sensors_counters(r->s, 0)->clients, 0);
    (void)close(fd);
    /* Or it does not, and goes after a while. */
    fd = join(r);
    serve(r);
    struct buf many = {0};
    for (int i = 0; i < 100; i++)
        buf_printf(&many, "x\n");
    buf_u8(&many, 0);
    for (int i = 0; i < 200; i++)
        say(r, fd, (const char *)many.p);
    buf_free(&many);
    (void)shutdown(fd, SHUT_WR);
    serve(r);
    r->mono_us += 5000000;
    serve(r);
    assert_int_equal(sensors_counters(r->s, 0)->clients, 1);
    r->mono_us += 1;
    serve(r);
    assert_int_equal(sensors_counters(r->s, 0)->clients, 0);
    (void)close(fd);
}

static void test_clients(void **state) {
    struct rig *r = *state;
    open_rig(r);
    int fd[3];
    for (size_t i = 0; i < 3; i++) {
        fd[i] = join(r);
        serve(r);
    }
    assert_int_equal(sensors_counters(r->s, 0)->clients, 2);
    assert_int_equal(sensors_counters(r->s, 0)->refused_clients, 1);
    char c;
    assert_int_equal(recv(fd[2], &c, 1, 0), 0);
    (void)close(fd[0]);
    (void)close(fd[2]);
    serve(r);
    fd[0] = join(r);
    say(r, fd[0], "{\"detections\": []}\n");
    assert_int_equal(r->n, 1);
    (void)close(fd[0]);
    (void)close(fd[1]);
}

static void refused(struct rig *r, const char *says) {
    struct ws_err err = {0};
    assert_int_not_equal(sensors_check(&r->cfg, 1, &err), WS_OK);
    if (strstr(err.text, says) == NULL || strstr(err.text, "sensors[1]") == NULL)
        fail_msg("%s", err.text);
    assert_int_not_equal(sensors_open(&r->cfg, 1, &r->frame, submit, r, &r->s, &err), WS_OK);
    assert_null(r->s);
}

/* Class and permission are the certificate's. */
static void test_certificates(void **state) {
    struct rig *r = *state;
    struct ws_err err = {0};
    assert_int_equal(sensors_check(&r->cfg, 1, &err), WS_OK);
    write_ticket(r, SENSOR_CAMERA_GOOD, PSID_MAP_OBSERVATION);
    refused(r, "its class of sensor is 1");
    write_ticket(r, SENSOR_ROADSIDE, PSID_CAM);
    refused(r, "does not permit observations");
    write_ticket(r, SENSOR_ROADSIDE, PSID_MAP_OBSERVATION);
    uint8_t other[32] = {9};
    (void)unlink(r->key);
    assert_int_equal(secret_write(r->key, other, &err), WS_OK);
    refused(r, "not the key of");
    assert_int_equal(file_write(r->ticket, span_of("nonsense", 8), 0644, &err), WS_OK);
    refused(r, "no certificate");
    (void)unlink(r->ticket);
    refused(r, "ticket");
    write_ticket(r, SENSOR_ROADSIDE, PSID_MAP_OBSERVATION);
    r->cfg.lat = -487600000;
    assert_int_equal(sensors_open(&r->cfg, 1, &r->frame, submit, r, &r->s, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "sensors[1].place"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_headings),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_damage),
        cmocka_unit_test_setup_teardown(test_signed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_filed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_two_alike, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rate, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deaf, setup, teardown),
        cmocka_unit_test_setup_teardown(test_clients, setup, teardown),
        cmocka_unit_test_setup_teardown(test_certificates, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
