/* The whole way from recorded frames to the fields of CAM and DENM. The values asked for were read off
 * an independent dissector once. */
#include "tests/unit/v2x/net_frames.h"

#include "v2x/facility.h"
#include "v2x/gn.h"

#include <pcap/pcap.h>
#include <stdio.h>
#include <unistd.h>

typedef void (*frame_fn)(unsigned number, const uint8_t *p, size_t n, void *arg);

/* Frames of one capture; 0 if the data folder is absent. */
static unsigned each_frame(const char *name, frame_fn fn, void *arg) {
    char path[4096];
    char why[PCAP_ERRBUF_SIZE];
    (void)snprintf(path, sizeof(path), "%s/v2x/captures/%s", test_data_dir(), name);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return 0;
    pcap_t *capture = pcap_fopen_offline(file, why);
    assert_non_null(capture);
    assert_int_equal(pcap_datalink(capture), LINK_ETHERNET);
    unsigned number = 0;
    struct pcap_pkthdr *header;
    const uint8_t *data;
    int more;
    while ((more = pcap_next_ex(capture, &header, &data)) == 1)
        fn(++number, data, header->caplen, arg);
    assert_int_equal(more, PCAP_ERROR_BREAK);
    pcap_close(capture);
    return number;
}

/* The unsecuredData octets of a signed message: enough for messages known to be good, which
 * v2x/spdu.h reads properly. */
static struct span inner_payload(struct span message) {
    struct rd r = rd_of(message);
    assert_int_equal(rd_u32(&r), 0x03810040); /* version, signed, SHA-256, data present */
    assert_int_equal(rd_u16(&r), 0x0380);
    size_t n = rd_u8(&r);
    if (n == 0x81)
        n = rd_u8(&r);
    else if (n == 0x82)
        n = rd_u16(&r);
    else
        assert_true(n < 0x80);
    struct span s = rd_take(&r, n);
    assert_false(r.bad);
    return s;
}

struct tally {
    unsigned secured, cam, denm, other, port[3];
    uint64_t psid;
    struct its_pdu pdu[512]; /* by frame number */
    struct gn_pdu gn[512];
    struct buf lines; /* of every CAM, as the dissector prints it */
};

static void cut_everywhere(const uint8_t *p, size_t n, size_t from) {
    for (size_t cut = 0; cut < from; cut++) {
        enum carrier_verdict v = verdict_of(LINK_ETHERNET, p, cut);
        assert_true(v == CARRIER_TRUNCATED || (v == CARRIER_EMPTY && cut == 18));
    }
    for (size_t cut = from; cut < n; cut++)
        assert_int_equal(verdict_of(LINK_ETHERNET, p, cut), CARRIER_SECURED);
}

/* CAM and position vector of one station are of nearly the same moment. */
static void check_agreement(const struct its_pdu *pdu, const struct gn_pdu *gn) {
    assert_true(pdu->state.has_position);
    assert_true(gn->has_position);
    assert_true(labs((long)pdu->state.lat - gn->lat) < 5000);
    assert_true(labs((long)pdu->state.lon - gn->lon) < 5000);
}

static int or_unavailable(int v, int none, int unavailable, int unit) {
    return v == none ? unavailable : v / unit;
}

static void describe_path(struct buf *b, const struct station_state *s, int member) {
    for (unsigned i = 0; i < s->n_path; i++) {
        const struct station_path_point *p = &s->path[i];
        int v = member == 0 ? p->lat : member == 1 ? p->lon : p->altitude_cm;
        int unavailable = member == 2 ? 12800 : 131072;
        buf_printf(b, "%s%d", i == 0 ? "" : ",",
            or_unavailable(v, STATION_OFFSET_UNAVAILABLE, unavailable, 1));
    }
}

static void describe_cam(struct buf *b, unsigned number, const struct its_pdu *pdu) {
    const struct station_state *s = &pdu->state;
    buf_printf(b, "%u:%u:%d:%d:%u:%u:%u:%d:%u:%u:%u:%u:%d:%d:%d:%d", number, pdu->station_id,
        s->lat, s->lon, s->semi_major_cm, s->semi_minor_cm, s->semi_major_orientation,
        s->altitude_cm, s->heading, s->heading_confidence, s->speed, s->speed_confidence,
        or_unavailable(s->length_cm, 0, 1023, 10),
        or_unavailable(s->accel_long, STATION_UNAVAILABLE, 161, 10),
        or_unavailable(s->curvature, STATION_UNAVAILABLE, 1023, 1), s->yaw_rate);
    for (int member = 0; member < 3; member++) {
        buf_u8(b, ':');
        describe_path(b, s, member);
    }
    buf_u8(b, '\n');
}

/* Every CAM of the capture, field by field, as an independent dissector reads it. */
static void compare_with_dissector(const char *name, struct tally *t) {
    static const char fields[] =
        "-e frame.number -e its.stationID -e its.latitude -e its.longitude "
        "-e its.semiMajorConfidence -e its.semiMinorConfidence -e its.semiMajorOrientation "
        "-e its.altitudeValue -e its.headingValue -e its.headingConfidence -e its.speedValue "
        "-e its.speedConfidence -e its.vehicleLengthValue -e its.longitudinalAccelerationValue "
        "-e its.curvatureValue -e its.yawRateValue -e its.deltaLatitude -e its.deltaLongitude "
        "-e its.deltaAltitude";
    char command[4096];
    (void)snprintf(command, sizeof(command),
        "tshark -r '%s/v2x/captures/%s' -Y 'its.messageID == 2' -T fields -E separator=: %s "
        "2>/dev/null",
        test_data_dir(), name, fields);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    struct buf want = {0};
    char part[4096];
    size_t n;
    while ((n = fread(part, 1, sizeof(part), f)) > 0)
        buf_put(&want, part, n);
    if (pclose(f) == 0) {
        buf_u8(&want, 0);
        buf_u8(&t->lines, 0);
        assert_string_equal((char *)t->lines.p, (char *)want.p);
    } else {
        print_message("no dissector that knows these fields: %s not compared\n", name);
    }
    buf_free(&want);
    buf_free(&t->lines);
}

static void check_facility(struct tally *t, unsigned number, const struct gn_pdu *gn) {
    struct its_pdu pdu;
    assert_int_equal(its_pdu_read(gn->payload, &pdu), ITS_PDU_OK);
    for (size_t cut = 0; cut < gn->payload.n; cut++) {
        struct its_pdu part;
        uint8_t *exact = ws_memdup(gn->payload.p, cut);
        enum its_pdu_fail fail = its_pdu_read(span_of(exact, cut), &part);
        assert_true(fail == ITS_PDU_TRUNCATED || (fail == ITS_PDU_OK && cut >= 6));
        free(exact);
    }
    if (pdu.kind == ITS_CAM) {
        t->cam++;
        assert_int_equal(gn->btp_port, 2001);
        assert_true(pdu.state.has_dynamics);
        check_agreement(&pdu, gn);
        describe_cam(&t->lines, number, &pdu);
    } else if (pdu.kind == ITS_DENM) {
        t->denm++;
        assert_int_equal(gn->btp_port, 2002);
        assert_true(pdu.has_event);
    } else {
        t->other++;
    }
    if (number < ARRAY_LEN(t->pdu)) {
        t->pdu[number] = pdu;
        t->gn[number] = *gn;
        t->gn[number].payload = span_of(NULL, 0);
    }
}

static void secured_frame(unsigned number, const uint8_t *p, size_t n, void *arg) {
    struct tally *t = arg;
    struct read_frame f = read_octets(LINK_ETHERNET, p, n);
    assert_int_equal(f.verdict, CARRIER_SECURED);
    assert_int_equal(f.carrier.kind, CARRIER_GN);
    assert_int_equal(f.carrier.message.n, n - 18);
    struct gn_pdu gn;
    assert_int_equal(gn_read(inner_payload(f.carrier.message), &gn), GN_OK);
    check_facility(t, number, &gn);
    cut_everywhere(p, n, 20);
    t->secured++;
    free(f.copy);
}

static void bare_frame(unsigned number, const uint8_t *p, size_t n, void *arg) {
    struct tally *t = arg;
    struct read_frame f = read_octets(LINK_ETHERNET, p, n);
    assert_int_equal(f.verdict, CARRIER_BARE);
    assert_int_equal(f.carrier.kind, CARRIER_GN);
    assert_int_equal(f.carrier.gn_header_type, 0x50);
    struct gn_pdu gn;
    assert_int_equal(gn_read(f.carrier.gn_pdu, &gn), GN_OK);
    assert_true(span_equal(gn.payload, f.carrier.message));
    assert_int_equal(gn.btp_port, f.carrier.btp_port);
    t->port[gn.btp_port == 2001 ? 0 : gn.btp_port == 2009 ? 1 : 2]++;
    check_facility(t, number, &gn);
    free(f.copy);
}

static void wsmp_frame(unsigned number, const uint8_t *p, size_t n, void *arg) {
    (void)number;
    struct tally *t = arg;
    struct read_frame f = read_octets(LINK_ETHERNET, p, n);
    assert_int_equal(f.verdict, CARRIER_SECURED);
    assert_int_equal(f.carrier.kind, CARRIER_WSMP);
    assert_true(f.carrier.has_psid);
    assert_true(f.carrier.psid == t->psid);
    assert_true(f.carrier.source == 0x020000000001U);
    assert_true(f.carrier.message.p + f.carrier.message.n == f.copy + n);
    assert_int_equal(f.carrier.message.p[1], 0x81);
    cut_everywhere(p, n, n);
    t->secured++;
    free(f.copy);
}

static void car_cam(void **state) {
    (void)state;
    static struct tally t;
    if (each_frame("its-g5-cam-secured-boslx.pcapng", secured_frame, &t) == 0)
        skip();
    assert_int_equal(t.secured, 9);
    assert_int_equal(t.cam, 9);
    compare_with_dissector("its-g5-cam-secured-boslx.pcapng", &t);
    assert_int_equal(t.pdu[1].state.width_cm, 180);
    assert_int_equal(t.pdu[1].state.direction, 0);
    assert_true(t.pdu[1].has_low_frequency);
    assert_int_equal(t.pdu[1].state.lights, 0x08);
    assert_int_equal(t.pdu[1].state.role, 0);
    assert_true(t.gn[1].address == 0x1400ae931bf65e6bU);
    assert_true(t.gn[1].timestamp_ms == 881120559);
    assert_int_equal(t.gn[1].lat, 488410612);
    assert_int_equal(t.gn[1].lon, 91636504);
    assert_int_equal(t.gn[1].speed, 2006);
    assert_int_equal(t.gn[1].heading, 747);
    assert_int_equal(t.pdu[1].protocol_version, 2);
    assert_int_equal(t.pdu[1].station_id, 469130859);
    assert_int_equal(t.pdu[1].generation_delta_ms, 54867);
    assert_int_equal(t.pdu[1].state.station_type, 5);
    assert_int_equal(t.pdu[1].state.lat, 488410769);
    assert_int_equal(t.pdu[1].state.lon, 91637345);
    assert_int_equal(t.pdu[1].state.heading, 747);
    assert_int_equal(t.pdu[1].state.speed, 1997);
    assert_int_equal(t.pdu[9].generation_delta_ms, 56767);
    assert_int_equal(t.pdu[9].state.lat, 488411645);
    assert_int_equal(t.pdu[9].state.lon, 91642199);
    assert_int_equal(t.pdu[9].state.heading, 750);
    assert_int_equal(t.pdu[9].state.speed, 1945);
}

static void second_car_cam(void **state) {
    (void)state;
    static struct tally t;
    if (each_frame("its-g5-cam-secured-vanetza.pcap", secured_frame, &t) == 0)
        skip();
    assert_int_equal(t.secured, 2);
    assert_int_equal(t.cam, 2);
    compare_with_dissector("its-g5-cam-secured-vanetza.pcap", &t);
    assert_true(t.gn[2].address == 0x1400fe384ce0b890U);
    assert_int_equal(t.pdu[2].station_id, 1289795728);
    assert_int_equal(t.pdu[2].generation_delta_ms, 13681);
    assert_int_equal(t.pdu[2].state.lat, 524625967);
    assert_int_equal(t.pdu[2].state.lon, 107220452);
    assert_int_equal(t.pdu[2].state.heading, 958);
    assert_int_equal(t.pdu[2].state.speed, 513);
}

static void roadside_denm(void **state) {
    (void)state;
    static struct tally t;
    if (each_frame("its-g5-denm-secured-npra.pcap", secured_frame, &t) == 0)
        skip();
    assert_int_equal(t.secured, 5);
    assert_int_equal(t.denm, 4);
    assert_int_equal(t.other, 1);
    assert_int_equal(t.pdu[2].message_id, 4);
    static const struct {
        unsigned number;
        uint8_t version, station_type, cause, sub_cause;
        uint16_t sequence;
        uint32_t validity_s;
        uint64_t detection, reference;
        int32_t lat, lon;
    } want[] = {
        {1, 1, 0, 12, 2, 4655, 3600, 570367376000, 570367581176, 599065792, 107412024},
        {3, 2, 0, 3, 2, 148, 86400, 564732000000, 564654019636, 599316736, 111647352},
        {4, 1, 0, 3, 2, 1, 86400, 557396181000, 563548992392, 611455232, 87109088},
        {5, 2, 15, 3, 2, 559, 120, 573712200000, 573142796450, 588236864, 62738980},
    };
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        const struct its_pdu *pdu = &t.pdu[want[i].number];
        assert_int_equal(t.gn[want[i].number].header_type, 0x40);
        assert_int_equal(pdu->protocol_version, want[i].version);
        assert_int_equal(pdu->station_id, 777777777);
        assert_int_equal(pdu->action_station, 777777777);
        assert_int_equal(pdu->action_sequence, want[i].sequence);
        assert_int_equal(pdu->state.station_type, want[i].station_type);
        assert_true(pdu->detection_time_ms == want[i].detection);
        assert_true(pdu->reference_time_ms == want[i].reference);
        assert_true(pdu->state.has_position);
        assert_int_equal(pdu->state.lat, want[i].lat);
        assert_int_equal(pdu->state.lon, want[i].lon);
        assert_false(pdu->terminated);
        assert_int_equal(pdu->validity_s, want[i].validity_s);
        assert_int_equal(pdu->cause, want[i].cause);
        assert_int_equal(pdu->sub_cause, want[i].sub_cause);
    }
}

static void unsecured_station(void **state) {
    (void)state;
    static struct tally t;
    unsigned n = each_frame("its-g5-cam-cpm-unsecured-msvan3t.pcapng", bare_frame, &t);
    if (n == 0)
        skip();
    assert_int_equal(n, 929);
    assert_int_equal(t.port[0], 367);
    assert_int_equal(t.port[1], 562);
    assert_int_equal(t.port[2], 0);
    assert_int_equal(t.cam, 367);
    compare_with_dissector("its-g5-cam-cpm-unsecured-msvan3t.pcapng", &t);
    assert_int_equal(t.other, 562);
    assert_int_equal(t.pdu[1].message_id, 14);
    assert_int_equal(t.pdu[3].station_id, 100);
    assert_int_equal(t.pdu[3].generation_delta_ms, 40397);
    assert_int_equal(t.pdu[3].state.lat, 450147653);
    assert_int_equal(t.pdu[3].state.lon, 75684908);
    assert_int_equal(t.pdu[3].state.heading, 2705);
    assert_int_equal(t.pdu[3].state.speed, 0);
}

static void wsmp_bsm(void **state) {
    (void)state;
    static struct tally t = {.psid = 32};
    if (each_frame("wsmp-bsm-signed-commsignia.pcap", wsmp_frame, &t) == 0)
        skip();
    assert_int_equal(t.secured, 511);
}

static void wsmp_map(void **state) {
    (void)state;
    static struct tally t = {.psid = 2113687};
    if (each_frame("wsmp-map-signed-commsignia.pcap", wsmp_frame, &t) == 0)
        skip();
    assert_int_equal(t.secured, 103);
}

int main(void) {
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/v2x/captures", test_data_dir());
    if (access(path, R_OK) != 0)
        return TEST_SKIPPED;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(car_cam),
        cmocka_unit_test(second_car_cam),
        cmocka_unit_test(roadside_denm),
        cmocka_unit_test(unsecured_station),
        cmocka_unit_test(wsmp_bsm),
        cmocka_unit_test(wsmp_map),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
