/* CAM and DENM of both versions, made at random out of every container and every optional member, as an independent
 * dissector reads them. Whatever we read of a message has to be what it reads there. */
#include "tests/support/cm.h"

#include "base/random.h"
#include "v2x/facility.h"
#include "v2x/gn.h"
#include "v2x/uper.h"

#include <pcap/pcap.h>
#include <stdio.h>
#include <unistd.h>

enum { MESSAGES = 300, FIELDS_MAX = 64 };

struct maker {
    struct ws_random rnd;
    struct buf b;
    struct uper_out w;
    unsigned version;
};

/* ---- writing at random ---- */

static bool maybe(struct maker *m) {
    return ws_random_below(&m->rnd, 2) == 1;
}

/* Often one of the ends, where "unavailable" is. */
static int64_t any(struct maker *m, int64_t lo, int64_t hi) {
    switch (ws_random_below(&m->rnd, 8)) {
    case 0:
        return lo;
    case 1:
        return hi;
    default:
        return lo + (int64_t)ws_random_below(&m->rnd, (uint64_t)(hi - lo) + 1);
    }
}

static void put(struct maker *m, int64_t lo, int64_t hi) {
    uper_put_int(&m->w, lo, hi, any(m, lo, hi));
}

static void bits(struct maker *m, unsigned n) {
    uper_put_bits(&m->w, n, ws_random_u64(&m->rnd) & ((n == 64 ? 0 : UINT64_C(1) << n) - 1));
}

static bool flag(struct maker *m) {
    bool v = maybe(m);
    uper_put_bits(&m->w, 1, v);
    return v;
}

static void zero(struct maker *m, unsigned n) {
    uper_put_bits(&m->w, n, 0);
}

static void header(struct maker *m, unsigned message) {
    buf_clear(&m->b);
    m->w = (struct uper_out){.b = &m->b};
    uper_put_bits(&m->w, 8, m->version);
    uper_put_bits(&m->w, 8, message);
    bits(m, 32);
}

static void position(struct maker *m) {
    put(m, -900000000, 900000001);
    put(m, -1800000000, 1800000001);
    put(m, 0, 4095);
    put(m, 0, 4095);
    put(m, 0, 3601);
    put(m, -100000, 800001);
    bits(m, 4);
}

static void offset(struct maker *m) {
    put(m, -131071, 131072);
    put(m, -131071, 131072);
    put(m, -12700, 12800);
}

static void path_point(struct maker *m) {
    bool has_time = flag(m);
    offset(m);
    if (has_time) {
        zero(m, 1);
        put(m, 1, 65535);
    }
}

static void path(struct maker *m) {
    unsigned n = (unsigned)any(m, 0, 40);
    uper_put_int(&m->w, 0, 40, n);
    for (; n > 0; n--)
        path_point(m);
}

/* 0 means "none" in what we make of it, so it is not sent. */
static void cause(struct maker *m) {
    if (m->version == 2)
        zero(m, 1);
    uper_put_bits(&m->w, 8, 1 + ws_random_below(&m->rnd, 255));
    uper_put_bits(&m->w, 8, 1 + ws_random_below(&m->rnd, 255));
}

/* ---- CAM ---- */

static void vehicle(struct maker *m) {
    unsigned present = (unsigned)ws_random_below(&m->rnd, 128);
    uper_put_bits(&m->w, 7, present);
    put(m, 0, 3601);
    put(m, 1, 127);
    put(m, 0, 16383);
    put(m, 1, 127);
    put(m, 0, 2);
    put(m, 1, 1023);
    put(m, 0, 4);
    put(m, 1, 62);
    put(m, -160, 161);
    put(m, 0, 102);
    if (m->version == 1)
        put(m, -30000, 30001);
    else
        put(m, -1023, 1023);
    put(m, 0, 7);
    zero(m, 1);
    put(m, 0, 2);
    put(m, -32766, 32767);
    put(m, 0, 8);
    if ((present & 0x40) != 0)
        bits(m, 7);
    if ((present & 0x20) != 0)
        put(m, -1, 14);
    if ((present & 0x10) != 0) {
        put(m, -511, 512);
        put(m, 1, 127);
    }
    for (unsigned bit = 0x08; bit >= 0x04; bit >>= 1) {
        if ((present & bit) == 0)
            continue;
        uper_put_int(
            &m->w, -160, 161, any(m, -160, 160)); /* "unavailable" is as if it were absent */
        put(m, 0, 102);
    }
    if ((present & 0x02) != 0)
        put(m, 0, 7);
    if ((present & 0x01) != 0) {
        if (m->version == 2)
            zero(m, 1);
        bool has_id = flag(m);
        put(m, -900000000, 900000001);
        put(m, -1800000000, 1800000001);
        if (has_id)
            put(m, 0, 134217727);
    }
}

static void special(struct maker *m) {
    zero(m, 1);
    unsigned kind = (unsigned)ws_random_below(&m->rnd, 7);
    uper_put_bits(&m->w, 3, kind);
    bool a = kind == 0 || kind == 3 || kind == 5 || kind == 6 ? flag(m) : false;
    bool b = kind == 3 || kind == 5 || kind == 6 ? flag(m) : false;
    bool c = kind == 6 ? flag(m) : false;
    switch (kind) {
    case 0:
        (void)flag(m);
        if (a) {
            bits(m, 8);
            uper_put_int(&m->w, 1, 20, 3);
            bits(m, 24);
        }
        break;
    case 1:
        bits(m, 4);
        bits(m, 2);
        break;
    case 2:
        put(m, 0, 19);
        break;
    case 3:
        if (a)
            uper_put_bits(&m->w, 8, 1 + ws_random_below(&m->rnd, 255));
        bits(m, 2);
        if (b) {
            zero(m, 1);
            zero(m, m->version == 2 ? 3 : 1);
            if (m->version == 1) {
                uper_put_int(&m->w, 1, 14, 5);
                bits(m, 5);
            }
        }
        break;
    case 4:
        bits(m, 2);
        break;
    case 5:
    case 6:
        bits(m, 2);
        if (a)
            cause(m);
        if (b && kind == 5)
            bits(m, 2);
        if (b && kind == 6) {
            zero(m, 1);
            bits(m, 2);
        }
        if (c)
            put(m, 1, 255);
        break;
    default:
        break;
    }
}

static void cam(struct maker *m) {
    header(m, 2);
    bits(m, 16);
    zero(m, 1);
    bool has_low = flag(m);
    bool has_special = flag(m);
    zero(m, 1);
    bits(m, 8);
    position(m);
    zero(m, 2);
    vehicle(m);
    if (has_low) {
        zero(m, 1);
        bits(m, 4);
        bits(m, 8);
        path(m);
    }
    if (has_special)
        special(m);
    uper_put_end(&m->w);
}

/* ---- DENM ---- */

static void management(struct maker *m) {
    zero(m, 1);
    unsigned present = (unsigned)ws_random_below(&m->rnd, 32);
    uper_put_bits(&m->w, 5, present);
    bits(m, 32);
    bits(m, 16);
    bits(m, 41 + 1);
    bits(m, 42);
    if ((present & 0x10) != 0)
        bits(m, 1);
    position(m);
    if ((present & 0x08) != 0)
        bits(m, 3);
    if ((present & 0x04) != 0)
        bits(m, 2);
    if ((present & 0x02) != 0)
        put(m, 0, 86400);
    if ((present & 0x01) != 0)
        put(m, 1, 10000);
    bits(m, 8);
}

static void situation(struct maker *m) {
    zero(m, 1);
    bool has_linked = flag(m);
    bool has_history = flag(m);
    bits(m, 3);
    cause(m);
    if (has_linked)
        cause(m);
    if (has_history) {
        unsigned n = (unsigned)any(m, 1, 23);
        uper_put_int(&m->w, 1, 23, n);
        for (; n > 0; n--) {
            path_point(m);
            bits(m, 3);
        }
    }
}

static void location(struct maker *m) {
    zero(m, 1);
    bool has_speed = flag(m), has_heading = flag(m), has_road = flag(m);
    if (has_speed) {
        put(m, 0, 16383);
        put(m, 1, 127);
    }
    if (has_heading) {
        put(m, 0, 3601);
        put(m, 1, 127);
    }
    unsigned n = (unsigned)any(m, 1, 7);
    uper_put_int(&m->w, 1, 7, n);
    for (; n > 0; n--)
        path(m);
    if (has_road)
        bits(m, 2);
}

static void impact(struct maker *m) {
    put(m, 1, 100);
    put(m, 1, 100);
    put(m, 1, 127);
    put(m, 1, 127);
    zero(m, 1);
    unsigned n = (unsigned)any(m, 1, 3);
    uper_put_int(&m->w, 1, 3, n);
    for (; n > 0; n--)
        put(m, 1, 30);
    put(m, 1, 63);
    put(m, 1, 127);
    put(m, 1, 255);
    put(m, 1, 20);
    bits(m, 20);
    put(m, 1, 1024);
    bits(m, 1);
}

static void closed_lanes(struct maker *m) {
    zero(m, 1);
    bool a = flag(m);
    bool b = m->version == 2 ? flag(m) : false;
    bool c = m->version == 2 ? flag(m) : true;
    if (a)
        put(m, 0, 2);
    if (b)
        put(m, 0, 2);
    if (!c)
        return;
    unsigned most = m->version == 2 ? 13 : 14;
    unsigned n = (unsigned)any(m, 1, most);
    uper_put_int(&m->w, 1, most, n);
    bits(m, n);
}

static void roadworks(struct maker *m) {
    unsigned present = (unsigned)ws_random_below(&m->rnd, 512);
    uper_put_bits(&m->w, 9, present);
    if ((present & 0x100) != 0)
        bits(m, 2);
    if ((present & 0x080) != 0)
        closed_lanes(m);
    if ((present & 0x040) != 0) {
        zero(m, 1);
        uper_put_int(&m->w, 1, 3, 2);
        bits(m, 16);
    }
    if ((present & 0x020) != 0)
        put(m, 1, 255);
    if ((present & 0x010) != 0)
        cause(m);
    if ((present & 0x008) != 0) {
        uper_put_int(&m->w, 1, 40, 2);
        position(m);
        position(m);
    }
    if ((present & 0x004) != 0)
        offset(m);
    if ((present & 0x002) != 0) {
        zero(m, 1);
        bits(m, 2);
    }
    if ((present & 0x001) != 0) {
        zero(m, 1);
        uper_put_int(&m->w, 1, 8, 1);
        bits(m, 48);
    }
}

static void alacarte(struct maker *m) {
    zero(m, 1);
    unsigned present = (unsigned)ws_random_below(&m->rnd, 64);
    uper_put_bits(&m->w, 6, present);
    if ((present & 0x20) != 0)
        put(m, -1, 14);
    if ((present & 0x10) != 0)
        impact(m);
    if ((present & 0x08) != 0)
        put(m, -60, 67);
    if ((present & 0x04) != 0)
        roadworks(m);
    if ((present & 0x02) != 0) {
        zero(m, 1);
        put(m, 0, 6);
    }
    if ((present & 0x01) != 0) {
        bool since = flag(m), why = flag(m);
        zero(m, 1);
        bool occupants = flag(m);
        zero(m, 2);
        if (since)
            bits(m, 2);
        if (why)
            cause(m);
        if (occupants)
            bits(m, 7);
    }
}

static void denm(struct maker *m) {
    header(m, 1);
    bool a = flag(m), b = flag(m), c = flag(m);
    management(m);
    if (a)
        situation(m);
    if (b)
        location(m);
    if (c)
        alacarte(m);
    uper_put_end(&m->w);
}

/* ---- what we read, in the dissector's words ---- */

/* Columns of one message. A column that the dissector may have more of than we read is compared as far as ours goes. */
struct line {
    char name[FIELDS_MAX][64];
    struct buf value[FIELDS_MAX];
    bool is_start[FIELDS_MAX];
    unsigned n;
};

static struct buf *column(struct line *l, const char *prefix, const char *name) {
    assert_true(l->n < FIELDS_MAX);
    (void)snprintf(l->name[l->n], sizeof(l->name[0]), "%s.%s", prefix, name);
    return &l->value[l->n++];
}

static void number(struct line *l, const char *prefix, const char *name, long long v) {
    buf_printf(column(l, prefix, name), "%lld", v);
}

static void number_if(
    struct line *l, const char *prefix, const char *name, bool there, long long v) {
    struct buf *b = column(l, prefix, name);
    if (there)
        buf_printf(b, "%lld", v);
}

static void describe_position(struct line *l, const char *its, const struct station_state *s) {
    number(l, its, "latitude", s->lat);
    l->is_start[l->n - 1] = true; /* a recommended path has more */
    number(l, its, "longitude", s->lon);
    l->is_start[l->n - 1] = true;
    number(l, its, "semiMajorConfidence", s->semi_major_cm);
    l->is_start[l->n - 1] = true;
    number(l, its, "semiMinorConfidence", s->semi_minor_cm);
    l->is_start[l->n - 1] = true;
    number(l, its, "semiMajorOrientation", s->semi_major_orientation);
    l->is_start[l->n - 1] = true;
    number(l, its, "altitudeValue", s->altitude_cm);
    l->is_start[l->n - 1] = true;
    number(l, its, "altitudeConfidence", s->altitude_confidence);
    l->is_start[l->n - 1] = true;
}

static void append(struct buf *b, long long v) {
    buf_printf(b, "%s%lld", b->n > 0 ? "," : "", v);
}

static void describe_points(struct line *l, const char *its, const struct station_path_point *a,
    unsigned n_a, const struct station_path_point *b, unsigned n_b) {
    static const char *const names[] = {"deltaLatitude", "deltaLongitude", "deltaAltitude"};
    for (unsigned k = 0; k < 3; k++) {
        struct buf *c = column(l, its, names[k]);
        l->is_start[l->n - 1] = true;
        for (unsigned i = 0; i < n_a + n_b; i++) {
            const struct station_path_point *p = i < n_a ? &a[i] : &b[i - n_a];
            int32_t v = k == 0 ? p->lat : k == 1 ? p->lon : p->altitude_cm;
            append(c, v != STATION_OFFSET_UNAVAILABLE ? v : k == 2 ? 12800 : 131072);
        }
    }
}

static long long accel(int16_t v) {
    return v == STATION_UNAVAILABLE ? 161 : v / 10;
}

static void describe_special(
    struct line *l, const char *its, const char *m, const struct its_pdu *p) {
    const struct cam_special *s = &p->special;
    enum cam_special_kind k = p->has_special ? s->kind : SPECIAL_UNKNOWN;
    bool bar = k == SPECIAL_TRANSPORT || (k >= SPECIAL_ROADWORKS && k <= SPECIAL_SAFETY_CAR);
    bool incident = k == SPECIAL_EMERGENCY || k == SPECIAL_SAFETY_CAR;
    number_if(l, m, "specialVehicleContainer", p->has_special, (long long)k);
    number_if(l, its, "LightBarSirenInUse.lightBarActivated", bar, s->light_bar);
    number_if(l, its, "LightBarSirenInUse.sirenActivated", bar, s->siren);
    number_if(l, m, "embarkationStatus", k == SPECIAL_PUBLIC_TRANSPORT, s->embarkation);
    number_if(l, m, "dangerousGoodsBasic", k == SPECIAL_DANGEROUS_GOODS, s->goods);
    static const char *const loads[] = {"heavyLoad", "excessWidth", "excessLength", "excessHeight"};
    for (unsigned i = 0; i < 4; i++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "SpecialTransportType.%s", loads[i]);
        number_if(l, its, name, k == SPECIAL_TRANSPORT, s->transport >> (3 - i) & 1);
    }
    number_if(l, m, "roadworksSubCauseCode", k == SPECIAL_ROADWORKS && s->roadworks_sub_cause != 0,
        s->roadworks_sub_cause);
    number_if(l, its, "causeCode", incident && s->cause != 0, s->cause);
    number_if(l, its, "subCauseCode", incident && s->cause != 0, s->sub_cause);
    number_if(
        l, m, "speedLimit", k == SPECIAL_SAFETY_CAR && s->speed_limit_kmh != 0, s->speed_limit_kmh);
}

static void describe_cam(struct line *l, bool first, const struct its_pdu *p) {
    const char *its = first ? "itsv1" : "its", *m = first ? "camv1" : "cam";
    const struct station_state *s = &p->state;
    bool low = p->has_low_frequency;
    number(l, "its", "stationID", p->station_id);
    number(l, m, "generationDeltaTime", p->generation_delta_ms);
    number(l, m, "stationType", s->station_type);
    describe_position(l, its, s);
    number(l, its, "headingValue", s->heading);
    number(l, its, "headingConfidence", s->heading_confidence);
    number(l, its, "speedValue", s->speed);
    number(l, its, "speedConfidence", s->speed_confidence);
    number(l, m, "driveDirection", s->direction);
    number(l, its, "vehicleLengthValue", s->length_cm == 0 ? 1023 : s->length_cm / 10);
    number(l, m, "vehicleWidth", s->width_cm == 0 ? 62 : s->width_cm / 10);
    number(l, its, "longitudinalAccelerationValue", accel(s->accel_long));
    number_if(l, its, "lateralAccelerationValue", s->accel_lat != STATION_UNAVAILABLE,
        accel(s->accel_lat));
    number_if(l, its, "verticalAccelerationValue", s->accel_vert != STATION_UNAVAILABLE,
        accel(s->accel_vert));
    number(l, its, "curvatureValue",
        s->curvature != STATION_UNAVAILABLE ? s->curvature
        : first                             ? 30001
                                            : 1023);
    number(l, its, "yawRateValue", s->yaw_rate);
    number_if(l, m, "vehicleRole", low, s->role);
    static const char *const lights[] = {"lowBeamHeadlightsOn", "highBeamHeadlightsOn",
        "leftTurnSignalOn", "rightTurnSignalOn", "daytimeRunningLightsOn", "reverseLightOn",
        "fogLightOn", "parkingLightsOn"};
    for (unsigned i = 0; i < 8; i++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "ExteriorLights.%s", lights[i]);
        number_if(l, its, name, low, s->lights >> (7 - i) & 1);
    }
    describe_points(l, its, s->path, s->n_path, NULL, 0);
    struct buf *times = column(l, its, "pathDeltaTime");
    for (unsigned i = 0; i < s->n_path; i++) {
        if (s->path[i].delta_10ms != 0)
            append(times, s->path[i].delta_10ms);
    }
    describe_special(l, its, m, p);
}

static void describe_denm(struct line *l, bool first, const struct its_pdu *p) {
    const char *its = first ? "itsv1" : "its", *m = first ? "denmv1" : "denm";
    const struct station_state *s = &p->state;
    number(l, "its", "stationID", p->station_id);
    number(l, its, "originatingStationID", p->action_station);
    l->is_start[l->n - 1] = true; /* others that it refers to */
    number(l, its, "sequenceNumber", p->action_sequence);
    l->is_start[l->n - 1] = true;
    number(l, m, "detectionTime", (long long)p->detection_time_ms);
    number(l, m, "referenceTime", (long long)p->reference_time_ms);
    describe_position(l, its, s);
    number_if(l, m, "relevanceDistance", p->has_relevance_distance, p->relevance_distance);
    number_if(
        l, m, "relevanceTrafficDirection", p->has_relevance_direction, p->relevance_direction);
    number_if(l, m, "validityDuration", p->validity_s != 600,
        p->validity_s); /* the default is not sent */
    number(l, m, "stationType", s->station_type);
    number_if(l, m, "informationQuality", p->has_event, p->quality);
    struct buf *c = column(l, its, "causeCode");
    l->is_start[l->n - 1] = true;
    if (p->has_event)
        append(c, p->cause);
    if (p->linked_cause != 0)
        append(c, p->linked_cause);
    c = column(l, its, "subCauseCode");
    l->is_start[l->n - 1] = true;
    if (p->has_event)
        append(c, p->sub_cause);
    if (p->linked_cause != 0)
        append(c, p->linked_sub_cause);
    number_if(l, m, "eventHistory", p->n_history > 0, p->n_history);
    describe_points(l, its, p->history, p->n_history, s->path, s->n_path);
    number_if(l, m, "traces", p->has_location, p->n_traces);
    number_if(l, m, "lanePosition", p->has_lane, p->lane);
    number_if(l, m, "speedLimit", p->speed_limit_kmh != 0, p->speed_limit_kmh);
    number_if(l, m, "stationarySince", p->has_stationary && p->stationary_since != 255,
        p->stationary_since);
}

static void line_clear(struct line *l) {
    for (unsigned i = 0; i < l->n; i++) {
        buf_clear(&l->value[i]);
        l->is_start[i] = false;
    }
    l->n = 0;
}

/* ---- asking the dissector ---- */

static void dump(pcap_dumper_t *out, const struct maker *m, uint16_t port) {
    static const struct gn_source src = {.address = 0x1400021122334455};
    struct buf frame = test_unhex("ffffffffffff021122334455"
                                  "894711000501");
    gn_put_shb(&frame, &src, port, buf_span(&m->b));
    struct pcap_pkthdr h = {.caplen = (bpf_u_int32)frame.n, .len = (bpf_u_int32)frame.n};
    pcap_dump((u_char *)out, &h, frame.p);
    buf_free(&frame);
}

static FILE *ask(const char *path, const struct line *columns) {
    struct buf command = {0};
    buf_printf(&command, "tshark -r %s -T fields -E separator=';' -e _ws.malformed", path);
    for (unsigned i = 0; i < columns->n; i++)
        buf_printf(&command, " -e %s", columns->name[i]);
    buf_printf(&command, " 2>/dev/null");
    buf_u8(&command, 0);
    FILE *f = popen((const char *)command.p, "r");
    assert_non_null(f);
    buf_free(&command);
    return f;
}

static void read_one(const struct buf *octets, bool is_cam, bool first, struct line *l) {
    struct its_pdu pdu;
    enum its_pdu_fail fail = its_pdu_read(buf_span(octets), &pdu);
    assert_int_equal(fail, ITS_PDU_OK);
    line_clear(l);
    if (is_cam)
        describe_cam(l, first, &pdu);
    else
        describe_denm(l, first, &pdu);
}

/* The dissector writes flags as 1 and 0 or in words, by its version. */
static const char *plain(const char *v) {
    return strcmp(v, "True") == 0 ? "1" : strcmp(v, "False") == 0 ? "0" : v;
}

static void compare(unsigned n, const struct line *want, char *text) {
    char *rest = text;
    char *malformed = strsep(&rest, ";");
    if (malformed[0] != '\0')
        fail_msg("message %u is malformed to the dissector", n);
    for (unsigned i = 0; i < want->n; i++) {
        char *field = strsep(&rest, ";");
        assert_non_null(field);
        const char *got = plain(field);
        size_t len = want->value[i].n;
        const char *ours = len > 0 ? (const char *)want->value[i].p : "";
        bool same = strncmp(got, ours, len) == 0 &&
                    (got[len] == '\0' || (want->is_start[i] && (len == 0 || got[len] == ',')));
        if (!same)
            fail_msg("message %u: %s is %s to the dissector, %.*s to us", n, want->name[i], got,
                (int)len, ours);
    }
}

static void both_readers_agree(bool is_cam, unsigned version) {
    static struct line line;
    struct maker m = {.rnd = ws_random_seeded(90 + version), .version = version};
    struct buf *kept = ws_calloc(MESSAGES, sizeof(*kept));
    char path[] = "/tmp/wayside-dictionary-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)close(fd);
    pcap_t *dead = pcap_open_dead(DLT_EN10MB, 65535);
    pcap_dumper_t *out = pcap_dump_open(dead, path);
    assert_non_null(out);
    for (unsigned i = 0; i < MESSAGES; i++) {
        if (is_cam)
            cam(&m);
        else
            denm(&m);
        buf_put(&kept[i], m.b.p, m.b.n);
        dump(out, &m, is_cam ? 2001 : 2002);
    }
    pcap_dump_close(out);
    pcap_close(dead);
    read_one(&kept[0], is_cam, version == 1, &line);
    FILE *f = ask(path, &line);
    char *text = NULL;
    size_t cap = 0;
    unsigned n = 0;
    for (; getline(&text, &cap, f) > 0; n++) {
        text[strcspn(text, "\n")] = '\0';
        assert_true(n < MESSAGES);
        read_one(&kept[n], is_cam, version == 1, &line);
        compare(n, &line, text);
    }
    int status = pclose(f);
    free(text);
    (void)unlink(path);
    for (unsigned i = 0; i < MESSAGES; i++)
        buf_free(&kept[i]);
    free(kept);
    buf_free(&m.b);
    if (status != 0)
        skip(); /* one that does not know these fields */
    assert_int_equal(n, MESSAGES);
}

static void cam_of_version_1(void **state) {
    (void)state;
    both_readers_agree(true, 1);
}

static void cam_of_version_2(void **state) {
    (void)state;
    both_readers_agree(true, 2);
}

static void denm_of_version_1(void **state) {
    (void)state;
    both_readers_agree(false, 1);
}

static void denm_of_version_2(void **state) {
    (void)state;
    both_readers_agree(false, 2);
}

int main(void) {
    if (system("command -v tshark >/dev/null 2>&1") != 0)
        return TEST_SKIPPED;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cam_of_version_1),
        cmocka_unit_test(cam_of_version_2),
        cmocka_unit_test(denm_of_version_1),
        cmocka_unit_test(denm_of_version_2),
    };
    return cmocka_run_group_tests_name("random messages and a dissector", tests, NULL, NULL);
}
