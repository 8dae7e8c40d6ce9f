/* What the unit sends: read back by our own parsers and checked under its ticket; when the ticket goes along, how
 * certificates are asked for and given, what the budget lets through; and the same frames under an independent dissector. */
#include "base/clock.h"
#include "pktio/capture.h"
#include "pktio/transmit.h"
#include "tests/support/cm.h"
#include "tests/support/pki.h"
#include "v2x/carrier.h"
#include "v2x/gn.h"
#include "v2x/psid.h"

#include <stdio.h>
#include <unistd.h>

#define LAT 480000000
#define LON 110000000
#define SECOND 1000000U

struct rig {
    struct pki pki;
    struct station unit;
    struct transmit *t;
    struct buf frame; /* the latest */
    size_t n_frames;
    bool full;
    struct buf all; /* every frame, each behind its length */
};

static bool take(void *ctx, struct span frame) {
    struct rig *r = ctx;
    if (r->full)
        return false;
    buf_clear(&r->frame);
    buf_put(&r->frame, frame.p, frame.n);
    buf_var(&r->all, frame);
    r->n_frames++;
    return true;
}

static struct transmit_config config_of(const struct rig *r) {
    return (struct transmit_config){
        .ticket = buf_span(&r->unit.cert),
        .issuer = buf_span(&r->pki.ca),
        .key = r->unit.key,
        .lat = LAT,
        .lon = LON,
        .octets_per_s = 100000,
        .burst_octets = 100000,
    };
}

static void rig_open(struct rig *r, uint32_t octets_per_s, uint32_t burst) {
    struct ws_err err;
    *r = (struct rig){0};
    pki_init(&r->pki, 7);
    pki_vehicle(&r->pki, &r->unit);
    struct transmit_config cfg = config_of(r);
    cfg.octets_per_s = octets_per_s;
    cfg.burst_octets = burst;
    assert_int_equal(transmit_new(&cfg, take, r, &r->t, &err), WS_OK);
}

static void rig_close(struct rig *r) {
    transmit_free(r->t);
    station_free(&r->unit);
    pki_free(&r->pki);
    buf_free(&r->frame);
    buf_free(&r->all);
}

/* The latest frame, its signature checked under the unit's own ticket. */
static struct spdu latest(const struct rig *r) {
    struct carrier c;
    struct spdu m;
    struct cert ticket;
    size_t at = 0;
    uint8_t hash[32] = {0};
    size_t n = 0;
    struct verify_item item = {0};
    assert_int_equal(carrier_read(LINK_ETHERNET, buf_span(&r->frame), &c), CARRIER_SECURED);
    assert_int_equal(spdu_parse(c.message, &m, &at), COER_OK);
    assert_int_equal(m.all.n, c.message.n);
    assert_int_equal(cert_parse(buf_span(&r->unit.cert), &ticket, &at), COER_OK);
    cert_hash256(&ticket, hash);
    assert_true(spdu_digest(&m, span_of(hash, 32), item.digest, &n));
    item.digest_octets = (uint8_t)n;
    item.key = verify_key_new(ticket.key_curve, &ticket.key);
    assert_non_null(item.key);
    assert_true(verify_item_signature(&item, &m.signature));
    assert_int_equal(verify_one(&item), VERIFY_GOOD);
    verify_key_unref(item.key);
    assert_memory_equal(r->frame.p + 6, transmit_mac(r->t), 6);
    return m;
}

static struct gn_pdu packet_of(const struct spdu *m) {
    struct gn_pdu pdu;
    assert_int_equal(gn_read(m->payload, &pdu), GN_OK);
    return pdu;
}

static void test_cam(void **state) {
    (void)state;
    struct rig r;
    struct its_pdu pdu;
    rig_open(&r, 100000, 100000);
    assert_int_equal(transmit_cam(r.t, PKI_NOW_US), TRANSMIT_SENT);
    struct spdu m = latest(&r);
    assert_int_equal(m.psid, PSID_CAM);
    assert_int_equal(m.generation_time, PKI_NOW_US);
    assert_false(m.has_location);
    assert_int_equal(m.signer, SIGNER_CERTIFICATE);
    struct gn_pdu gn = packet_of(&m);
    assert_int_equal(gn.header_type, 0x50);
    assert_int_equal(gn.btp_port, 2001);
    assert_int_equal(gn.lat, LAT);
    assert_int_equal(gn.timestamp_ms, (uint32_t)(PKI_NOW_US / 1000));
    assert_int_equal(gn.address >> 58, 15);
    uint8_t mid[8];
    put_be64(mid, gn.address);
    assert_memory_equal(mid + 2, transmit_mac(r.t), 6);
    assert_int_equal(its_pdu_read(gn.payload, &pdu), ITS_PDU_OK);
    assert_int_equal(pdu.kind, ITS_CAM);
    assert_int_equal(pdu.state.station_type, 15);
    assert_int_equal(pdu.station_id, transmit_station_id(r.t));
    assert_int_equal(pdu.state.lat, LAT);
    assert_int_equal(pdu.state.lon, LON);
    rig_close(&r);
}

/* The ticket: first, then every second, then when asked for; DENM always. */
static void test_ticket_goes_along(void **state) {
    (void)state;
    struct rig r;
    uint8_t hash[32] = {0};
    struct cert ticket;
    size_t at;
    rig_open(&r, 100000, 100000);
    const enum spdu_signer wanted[] = {SIGNER_CERTIFICATE, SIGNER_DIGEST, SIGNER_DIGEST,
        SIGNER_DIGEST, SIGNER_CERTIFICATE, SIGNER_DIGEST};
    uint64_t now = PKI_NOW_US;
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++, now += SECOND / 4) {
        assert_int_equal(transmit_cam(r.t, now), TRANSMIT_SENT);
        assert_int_equal(latest(&r).signer, wanted[i]);
    }
    assert_int_equal(cert_parse(buf_span(&r.unit.cert), &ticket, &at), COER_OK);
    cert_hash256(&ticket, hash);
    const uint8_t asked[6] = {1, 2, 3, hash[29], hash[30], hash[31]};
    transmit_asked(r.t, span_of(asked, 3)); /* somebody else's */
    assert_int_equal(transmit_cam(r.t, now), TRANSMIT_SENT);
    assert_int_equal(latest(&r).signer, SIGNER_DIGEST);
    transmit_asked(r.t, span_of(asked, 6));
    assert_int_equal(transmit_cam(r.t, now), TRANSMIT_SENT);
    assert_int_equal(latest(&r).signer, SIGNER_CERTIFICATE);
    assert_int_equal(transmit_cam(r.t, now), TRANSMIT_SENT);
    assert_int_equal(latest(&r).signer, SIGNER_DIGEST);
    transmit_heard_new(r.t);
    assert_int_equal(transmit_cam(r.t, now), TRANSMIT_SENT);
    assert_int_equal(latest(&r).signer, SIGNER_CERTIFICATE);
    const struct denm_fields denm = {.lat = LAT, .lon = LON, .validity_s = 60, .cause = 9};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(transmit_denm(r.t, &denm, 300, now), TRANSMIT_SENT);
        assert_int_equal(latest(&r).signer, SIGNER_CERTIFICATE);
    }
    assert_int_equal(transmit_counters(r.t)->answered, 2);
    rig_close(&r);
}

static void test_issuer_is_given(void **state) {
    (void)state;
    struct rig r;
    struct cert ca;
    uint8_t hash[32] = {0};
    size_t at;
    rig_open(&r, 100000, 100000);
    assert_int_equal(cert_parse(buf_span(&r.pki.ca), &ca, &at), COER_OK);
    cert_hash256(&ca, hash);
    transmit_asked(r.t, span_of(hash + 29, 3));
    /* The first CAM carries the ticket, and those two never go together. */
    assert_int_equal(transmit_cam(r.t, PKI_NOW_US), TRANSMIT_SENT);
    assert_int_equal(latest(&r).requested_cert.n, 0);
    assert_int_equal(transmit_cam(r.t, PKI_NOW_US + SECOND / 2), TRANSMIT_SENT);
    struct spdu m = latest(&r);
    assert_int_equal(m.signer, SIGNER_DIGEST);
    assert_true(span_equal(m.requested_cert, buf_span(&r.pki.ca)));
    assert_int_equal(transmit_cam(r.t, PKI_NOW_US + SECOND / 2), TRANSMIT_SENT);
    assert_int_equal(latest(&r).requested_cert.n, 0);
    rig_close(&r);
}

/* Eight at a time, each in turn, none for longer than two seconds. */
static void test_asks_for_certificates(void **state) {
    (void)state;
    struct rig r;
    unsigned seen[10] = {0};
    rig_open(&r, 100000, 100000);
    for (uint8_t i = 0; i < 10; i++) {
        const uint8_t id[3] = {0xaa, 0xbb, i};
        transmit_want(r.t, id, PKI_NOW_US);
        transmit_want(r.t, id, PKI_NOW_US);
    }
    for (int k = 0; k < 5; k++) {
        assert_int_equal(transmit_cam(r.t, PKI_NOW_US + SECOND), TRANSMIT_SENT);
        struct spdu m = latest(&r);
        assert_int_equal(m.inline_p2pcd.n, 3 * TRANSMIT_ASK_MAX);
        for (size_t i = 0; i < TRANSMIT_ASK_MAX; i++)
            seen[m.inline_p2pcd.p[3 * i + 2]]++;
    }
    for (size_t i = 0; i < ARRAY_LEN(seen); i++)
        assert_int_equal(seen[i], 4);
    assert_int_equal(transmit_cam(r.t, PKI_NOW_US + 2 * SECOND), TRANSMIT_SENT);
    assert_int_equal(latest(&r).inline_p2pcd.n, 0);
    /* A flood of unknown signers takes no more room than there is. */
    for (unsigned i = 0; i < 1000; i++) {
        const uint8_t id[3] = {1, (uint8_t)(i >> 8), (uint8_t)i};
        transmit_want(r.t, id, PKI_NOW_US + 2 * SECOND + i);
    }
    assert_int_equal(transmit_cam(r.t, PKI_NOW_US + 3 * SECOND), TRANSMIT_SENT);
    assert_int_equal(latest(&r).inline_p2pcd.n, 3 * TRANSMIT_ASK_MAX);
    rig_close(&r);
}

static void test_denm(void **state) {
    (void)state;
    struct rig r;
    struct its_pdu pdu;
    rig_open(&r, 100000, 100000);
    const struct denm_fields denm = {
        .action_sequence = 5,
        .detection_time_ms = PKI_NOW_US / 1000,
        .reference_time_ms = PKI_NOW_US / 1000,
        .lat = LAT + 1000,
        .lon = LON - 1000,
        .validity_s = 60,
        .quality = 3,
        .cause = 10,
    };
    for (uint16_t i = 0; i < 2; i++) {
        assert_int_equal(transmit_denm(r.t, &denm, 300, PKI_NOW_US), TRANSMIT_SENT);
        struct spdu m = latest(&r);
        assert_int_equal(m.psid, PSID_DENM);
        assert_true(m.has_location);
        assert_int_equal(m.lat, LAT);
        struct gn_pdu gn = packet_of(&m);
        assert_int_equal(gn.header_type, 0x40);
        assert_int_equal(gn.btp_port, 2002);
        assert_int_equal(be16(m.payload.p + 8), i); /* sequence number of the GeoBroadcast */
        assert_int_equal((int32_t)be32(m.payload.p + 36), LAT + 1000);
        assert_int_equal(be16(m.payload.p + 44), 300);
        assert_int_equal(its_pdu_read(gn.payload, &pdu), ITS_PDU_OK);
        assert_int_equal(pdu.action_station, transmit_station_id(r.t));
        assert_int_equal(pdu.action_sequence, 5);
        assert_int_equal(pdu.state.station_type, 15);
        assert_int_equal(pdu.cause, 10);
    }
    rig_close(&r);
}

static void test_notice(void **state) {
    (void)state;
    struct rig r;
    uint16_t port = 0;
    static const uint8_t payload[] = {2, 0xaa, 0xbb};
    rig_open(&r, 100000, 100000);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            transmit_notice(r.t, span_of(payload, sizeof(payload)), PKI_NOW_US), TRANSMIT_SENT);
        struct spdu m = latest(&r);
        assert_int_equal(m.psid, PSID_MAP_OBSERVATION);
        assert_int_equal(m.signer, i == 0 ? SIGNER_CERTIFICATE : SIGNER_DIGEST);
        struct span app = spdu_app_payload(&m, &port);
        assert_true(span_equal(app, span_of(payload, sizeof(payload))));
        assert_int_equal(port, BTP_PORT_WAYSIDE);
    }
    struct buf long_one = {0};
    memset(buf_grow(&long_one, 1400), 7, 1400);
    assert_int_equal(
        transmit_notice(r.t, buf_span(&long_one), PKI_NOW_US + SECOND), TRANSMIT_TOO_LONG);
    buf_free(&long_one);
    rig_close(&r);
}

/* Never more than burst plus rate times time, whatever is asked for. */
static void test_budget(void **state) {
    (void)state;
    struct rig r;
    rig_open(&r, 1000, 2000);
    const struct denm_fields denm = {.lat = LAT, .lon = LON, .validity_s = 60, .cause = 9};
    uint64_t refused = 0;
    for (uint64_t us = 0; us < 10 * SECOND; us += SECOND / 20)
        refused += transmit_denm(r.t, &denm, 100, PKI_NOW_US + us) == TRANSMIT_BUDGET;
    const struct transmit_counters *n = transmit_counters(r.t);
    assert_true(n->octets <= 2000 + 10 * 1000);
    assert_true(n->octets >= 2000 + 10 * 1000 - 1000);
    assert_int_equal(n->outcome[TRANSMIT_BUDGET], refused);
    assert_int_equal(n->denm + refused, 200);
    assert_int_equal(n->denm, r.n_frames);
    /* The clock is set back: nothing is owed for it, and sending goes on from there. */
    uint64_t before = n->octets;
    for (uint64_t us = 0; us < 10 * SECOND; us += SECOND / 20)
        (void)transmit_denm(r.t, &denm, 100, PKI_NOW_US - 3600 * (uint64_t)SECOND + us);
    assert_true(n->octets - before <= 10 * 1000 + 1000);
    assert_true(n->octets - before >= 10 * 1000 - 1000);
    rig_close(&r);
}

static void test_refusals(void **state) {
    (void)state;
    struct rig r;
    struct ws_err err;
    struct transmit *t = NULL;
    rig_open(&r, 100000, 100000);
    r.full = true;
    assert_int_equal(transmit_cam(r.t, PKI_NOW_US), TRANSMIT_PORT);
    assert_int_equal(transmit_counters(r.t)->octets, 0);
    r.full = false;
    assert_int_equal(transmit_cam(r.t, PKI_NOW_US), TRANSMIT_SENT);
    assert_int_equal(latest(&r).signer, SIGNER_CERTIFICATE); /* what was not sent did not count */
    assert_int_equal(
        transmit_cam(r.t, (uint64_t)(PKI_FROM_S + 169 * 3600) * SECOND), TRANSMIT_TICKET_TIME);
    assert_int_equal(transmit_cam(r.t, (uint64_t)(PKI_FROM_S - 1) * SECOND), TRANSMIT_TICKET_TIME);

    struct transmit_config cfg = config_of(&r);
    const uint64_t only_denm[] = {PSID_DENM};
    struct station other;
    pki_station(&r.pki, &other, only_denm, 1, PKI_FROM_S, 24);
    cfg.key = other.key;
    assert_int_equal(transmit_new(&cfg, take, &r, &t, &err), WS_EINPUT);
    assert_string_equal(err.text, "the key is not that of the ticket");
    cfg.ticket = buf_span(&other.cert);
    assert_int_equal(transmit_new(&cfg, take, &r, &t, &err), WS_OK);
    assert_int_equal(transmit_cam(t, PKI_NOW_US), TRANSMIT_NO_PERMISSION);
    transmit_free(t);
    cfg.issuer = buf_span(&r.pki.root);
    assert_int_equal(transmit_new(&cfg, take, &r, &t, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "is not the one that the ticket names"));
    cfg.issuer = (struct span){NULL, 0};
    cfg.ticket.n--;
    assert_int_equal(transmit_new(&cfg, take, &r, &t, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "ticket: no certificate"));
    station_free(&other);
    rig_close(&r);
}

/* ---- an independent reader ---- */

static void write_all(const struct rig *r, const char *path) {
    struct capture_writer *w = NULL;
    struct ws_err err;
    struct rd in = rd_of(buf_span(&r->all));
    assert_int_equal(capture_create(path, &w, &err), WS_OK);
    for (uint64_t i = 0; rd_left(&in) > 0; i++)
        capture_put(w, (uint64_t)its_to_unix_us(PKI_NOW_US) * 1000 + i, rd_var(&in, 4096));
    assert_int_equal(capture_finish(w, &err), WS_OK);
}

static void test_dissector(void **state) {
    (void)state;
    struct rig r;
    char path[] = "transmit-XXXXXX";
    char command[512];
    char line[512];
    if (system("command -v tshark >/dev/null 2>&1") != 0)
        skip();
    rig_open(&r, 1000000, 1000000);
    const uint8_t id[3] = {0xaa, 0xbb, 0xcc};
    const struct denm_fields denm = {.action_sequence = 5,
        .detection_time_ms = PKI_NOW_US / 1000,
        .reference_time_ms = PKI_NOW_US / 1000,
        .lat = LAT,
        .lon = LON,
        .validity_s = 60,
        .cause = 10};
    struct denm_fields end = denm;
    end.terminate = true;
    struct cert ca;
    uint8_t hash[32] = {0};
    size_t at;
    assert_int_equal(cert_parse(buf_span(&r.pki.ca), &ca, &at), COER_OK);
    cert_hash256(&ca, hash);
    assert_int_equal(transmit_cam(r.t, PKI_NOW_US), TRANSMIT_SENT);
    transmit_want(r.t, id, PKI_NOW_US);
    transmit_asked(r.t, span_of(hash + 29, 3));
    assert_int_equal(transmit_cam(r.t, PKI_NOW_US + 1), TRANSMIT_SENT);
    assert_int_equal(transmit_cam(r.t, PKI_NOW_US + 2), TRANSMIT_SENT);
    assert_int_equal(transmit_denm(r.t, &denm, 300, PKI_NOW_US), TRANSMIT_SENT);
    assert_int_equal(transmit_denm(r.t, &end, 300, PKI_NOW_US), TRANSMIT_SENT);
    assert_int_equal(
        transmit_notice(r.t, span_of((const uint8_t *)"\2abc", 4), PKI_NOW_US), TRANSMIT_SENT);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)close(fd);
    write_all(&r, path);
    (void)snprintf(command, sizeof(command),
        "tshark -r %s -T fields -e geonw.ch.htype -e btpb.dstport -e its.stationID -e "
        "_ws.malformed "
        "2>/dev/null",
        path);
    FILE *p = popen(command, "r");
    assert_non_null(p);
    /* What is inside a PSID that the dissector does not know stays closed. */
    static const char *const ports[] = {"2001", "2001", "2001", "2002", "2002", ""};
    char station[16];
    (void)snprintf(station, sizeof(station), "%u", transmit_station_id(r.t));
    size_t n = 0;
    while (fgets(line, sizeof(line), p) != NULL) {
        assert_true(n < ARRAY_LEN(ports));
        char *rest = line;
        char *field[4];
        line[strcspn(line, "\n")] = '\0';
        for (size_t i = 0; i < 4; i++) {
            field[i] = strsep(&rest, "\t");
            assert_non_null(field[i]);
        }
        assert_string_equal(field[1], ports[n]);
        if (n < 5)
            assert_string_equal(field[2], station);
        assert_string_equal(field[3], "");
        n++;
    }
    assert_int_equal(n, ARRAY_LEN(ports));
    assert_int_equal(pclose(p), 0);
    (void)unlink(path);
    rig_close(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cam),
        cmocka_unit_test(test_ticket_goes_along),
        cmocka_unit_test(test_issuer_is_given),
        cmocka_unit_test(test_asks_for_certificates),
        cmocka_unit_test(test_denm),
        cmocka_unit_test(test_notice),
        cmocka_unit_test(test_budget),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_dissector),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
