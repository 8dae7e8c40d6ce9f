/* What our writers make, as an independent dissector reads it: fields as meant, nothing malformed, UDP
 * checksum good. Skipped where tshark is not installed or does not know the fields. */
#include "tests/support/cm.h"
#include "v2x/carrier.h"
#include "v2x/facility.h"
#include "v2x/gn.h"

#include <pcap/pcap.h>
#include <stdio.h>
#include <unistd.h>

static const uint8_t mac[6] = {0x02, 0x11, 0x22, 0x33, 0x44, 0x55};

static void dump(pcap_dumper_t *out, struct buf *frame) {
    struct pcap_pkthdr header = {.caplen = (bpf_u_int32)frame->n, .len = (bpf_u_int32)frame->n};
    pcap_dump((u_char *)out, &header, frame->p);
    buf_free(frame);
}

/* unsecuredData around a payload of 128 to 255 octets or below 128. */
static struct buf unsecured(struct span payload) {
    struct buf b = {0};
    buf_u16(&b, 0x0380);
    if (payload.n >= 0x80)
        buf_u8(&b, 0x81);
    buf_u8(&b, (uint8_t)payload.n);
    buf_put(&b, payload.p, payload.n);
    return b;
}

/* The same PDU bare, as a secured packet, in WSMP with two forms of PSID, and in UDP. */
static void dump_carriers(pcap_dumper_t *out, uint16_t port, struct span facility) {
    static const struct gn_source src = {
        .address = 0x1400021122334455,
        .timestamp_ms = 881120559,
        .lat = 488410612,
        .lon = 91636504,
        .speed = -2006,
        .heading = 747,
    };
    static const uint8_t from[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 7};
    static const uint8_t to[16] = {0xff, 0x02, [15] = 1};
    struct buf frame = test_unhex("ffffffffffff021122334455"
                                  "894711000501");
    gn_put_shb(&frame, &src, port, facility);
    struct buf spdu = unsecured(span_of(frame.p + 18, frame.n - 18));
    dump(out, &frame);
    carrier_put_gn_secured(&frame, mac, buf_span(&spdu));
    dump(out, &frame);
    carrier_put_wsmp(&frame, mac, 0x20, buf_span(&spdu));
    dump(out, &frame);
    carrier_put_wsmp(&frame, mac, 2113687, buf_span(&spdu));
    dump(out, &frame);
    carrier_put_udp6(&frame, mac, from, to, 1516, buf_span(&spdu));
    dump(out, &frame);
    buf_free(&spdu);
}

static void write_capture(const char *path) {
    static const struct cam_fields cam = {
        .station_id = 469130859,
        .generation_delta_ms = 54867,
        .station_type = 5,
        .lat = 488410769,
        .lon = 91637345,
        .heading = 747,
        .speed = 1997,
    };
    struct denm_fields denm = {
        .station_id = 778,
        .action_station = 777,
        .action_sequence = 42,
        .detection_time_ms = 570367376000,
        .reference_time_ms = 570367581176,
        .lat = 599065792,
        .lon = 107412024,
        .validity_s = 3600,
        .station_type = 5,
        .quality = 3,
        .cause = 94,
        .sub_cause = 2,
        .has_relevance = true,
        .relevance_distance = 3,
        .relevance_direction = 2,
        .has_location = true,
        .heading = 900,
        .speed = 321,
    };
    const struct cam_fields unit = {
        .station_id = 779, .station_type = 15, .lat = 488410769, .lon = 91637345, .rsu = true};
    pcap_t *dead = pcap_open_dead(DLT_EN10MB, 65535);
    assert_non_null(dead);
    pcap_dumper_t *out = pcap_dump_open(dead, path);
    assert_non_null(out);
    struct buf b = {0};
    cam_put(&b, &cam);
    dump_carriers(out, 2001, buf_span(&b));
    buf_clear(&b);
    denm_put(&b, &denm);
    dump_carriers(out, 2002, buf_span(&b));
    buf_clear(&b);
    denm.terminate = true;
    denm_put(&b, &denm);
    dump_carriers(out, 2002, buf_span(&b));
    buf_clear(&b);
    cam_put(&b, &unit);
    dump_carriers(out, 2001, buf_span(&b));
    buf_free(&b);
    pcap_dump_close(out);
    pcap_close(dead);
}

static void frames_are_understood(void **state) {
    (void)state;
    char folder[] = "/tmp/wayside-dissector-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char path[64];
    (void)snprintf(path, sizeof(path), "%s/frames.pcap", folder);
    write_capture(path);
    char command[512];
    (void)snprintf(command, sizeof(command),
        "tshark -o udp.check_checksum:TRUE -r %s -T fields -E separator=: -e _ws.malformed "
        "-e btpb.dstport -e wsmp.psid -e udp.checksum.status -e its.stationID -e its.speedValue "
        "-e its.originatingStationID -e its.sequenceNumber -e its.causeCode 2>/dev/null",
        path);
    FILE *answer = popen(command, "r");
    assert_non_null(answer);
    char text[4096];
    size_t n = fread(text, 1, sizeof(text) - 1, answer);
    text[n] = '\0';
    int status = pclose(answer);
    (void)unlink(path);
    (void)rmdir(folder);
    if (status != 0)
        skip();
#define CARRIERS "::::::::\n::0x00000020::::::\n::0x00204097::::::\n:::1:::::\n"
    assert_string_equal(text,
        ":2001:::469130859:1997:::\n" CARRIERS ":2002:::778:321:777:42:94\n" CARRIERS
        ":2002:::778::777:42:\n" CARRIERS ":2001:::779::::\n" CARRIERS);
}

int main(void) {
    if (system("command -v tshark >/dev/null 2>&1") != 0)
        return TEST_SKIPPED;
    const struct CMUnitTest tests[] = {cmocka_unit_test(frames_are_understood)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
