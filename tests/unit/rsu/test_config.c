/* The configuration's text: what is taken, and for each kind of mistake a message with the place and what is allowed. */
#include "tests/support/cm.h"

#include "base/random.h"
#include "rsu/config/internal.h"

#include <stdio.h>

#define NEEDED                                                                                     \
    "genesis: g.bin\n"                                                                             \
    "curve_key: /k/curve.key\n"                                                                    \
    "data: d\n"                                                                                    \
    "bind: tcp://127.0.0.1:7100\n"
#define A64 "151f8da8316da58595718728bda303993491a13d3534bb6ac195276cddbd1fbb"
#define B64 "374bbe7ab04c97fa3a1ba4f7e2007a98fea92031291187f6a860deaa410d482b"

static const char whole[] =
    NEEDED "map: base.wmap\n"
           "key: validator.key\n"
           "peers:\n"
           "  - {address: " A64 ", endpoint: \"tcp://10.0.0.2:7100\"}\n"
           "  - {address: " B64 ", endpoint: \"tcp://[fe80::1]:7100\"}\n"
           "clock: {kind: scaled, epoch: 2026-05-01T08:00:00Z, start_mono_us: 12, rate: 2.5}\n"
           "ports:\n"
           "  - {kind: capture, files: [a.pcap, /b.pcap], paced: false}\n"
           "  - {kind: af_packet, interface: eth1, workers: 3}\n"
           "pipeline:\n"
           "  source_slots: 64\n"
           "  freshness_ms: 1500\n"
           "  verify: openssl\n"
           "  table_memory_mb: 3\n"
           "node: {mempool_txs: 99}\n"
           "http: unix:api.sock\n"
           "http_connections: 7\n"
           "admin: admin.sock\n"
           "memory_mb: 33\n"
           "store_cache_mb: 3\n"
           "log_level: debug\n";

static int parse(const char *text, struct config *c, struct ws_err *err) {
    return config_parse("etc/rsud.yaml", span_of(text, strlen(text)), c, err);
}

static void test_whole(void **state) {
    (void)state;
    struct config c;
    struct ws_err err = {0};
    if (parse(whole, &c, &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_string_equal(c.genesis, "etc/g.bin");
    assert_string_equal(c.curve_key, "/k/curve.key");
    assert_string_equal(c.map, "etc/base.wmap");
    assert_string_equal(c.key, "etc/validator.key");
    assert_string_equal(c.data, "etc/d");
    assert_string_equal(c.bind, "tcp://127.0.0.1:7100");
    assert_int_equal(c.n_peers, 2);
    assert_string_equal(c.peers[1].address, B64);
    assert_string_equal(c.peers[1].endpoint, "tcp://[fe80::1]:7100");
    assert_int_equal(c.clock.kind, WS_CLOCK_SCALED);
    assert_int_equal(c.clock.rate_ppm, 2500000);
    assert_int_equal(c.clock.start_mono_us, 12);
    assert_int_equal(c.clock.epoch_its_us, UINT64_C(704707205000000));
    assert_int_equal(c.n_ports, 2);
    assert_int_equal(c.ports[0].kind, PORT_CAPTURE);
    assert_int_equal(c.ports[0].n_captures, 2);
    assert_string_equal(c.ports[0].captures[0], "etc/a.pcap");
    assert_string_equal(c.ports[0].captures[1], "/b.pcap");
    assert_false(c.ports[0].paced);
    assert_int_equal(c.pipeline.backend, VERIFY_OPENSSL);
    assert_int_equal(c.pipeline.table_octets, 3U << 20);
    assert_int_equal(c.ports[1].kind, PORT_AF_PACKET);
    assert_string_equal(c.ports[1].interface, "eth1");
    assert_int_equal(c.ports[0].workers, 1);
    assert_int_equal(c.ports[1].workers, 3);
    assert_int_equal(c.pipeline.source_slots, 64);
    assert_int_equal(c.pipeline.freshness_us, 1500000);
    assert_int_equal(c.node.mempool_txs, 99);
    assert_string_equal(c.http, "unix:etc/api.sock");
    assert_int_equal(c.http_connections, 7);
    assert_string_equal(c.admin, "etc/admin.sock");
    assert_int_equal(c.memory_mb, 33);
    assert_int_equal(c.store_cache_mb, 3);
    assert_string_equal(c.log_level, "debug");
    config_free(&c);
}

/* A short file leaves the rest at what the manual page says. */
static void test_defaults(void **state) {
    (void)state;
    struct config c;
    struct ws_err err = {0};
    assert_int_equal(parse(NEEDED, &c, &err), WS_OK);
    assert_null(c.map);
    assert_null(c.key);
    assert_null(c.http);
    assert_null(c.admin);
    assert_int_equal(c.n_peers, 0);
    assert_int_equal(c.n_ports, 0);
    assert_int_equal(c.clock.kind, WS_CLOCK_SYSTEM);
    assert_string_equal(c.log_level, "info");
    assert_int_equal(c.memory_mb, 64);
    assert_int_equal(c.http_connections, 64);
    assert_int_equal(c.http_octets, 256U << 20);
    assert_int_equal(c.http_waiting, 16);
    assert_int_equal(c.node.mempool_txs, node_limits_default().mempool_txs);
    assert_int_equal(c.node.mempool_octets, node_limits_default().mempool_octets);
    assert_int_equal(c.node.status_us, node_limits_default().status_us);
    assert_int_equal(c.node.sync_blocks, node_limits_default().sync_blocks);
    assert_int_equal(c.pipeline.freshness_us, 2000000);
    assert_int_equal(c.pipeline.source_slots, 16384);
    assert_int_equal(c.pipeline.backend, VERIFY_AUTO);
    assert_int_equal(c.pipeline.table_octets, VERIFY_TABLE_OCTETS_DEFAULT);
    config_free(&c);
    /* A capture is paced unless told otherwise. */
    assert_int_equal(parse(NEEDED "ports: [{kind: capture, files: [a]}]\n", &c, &err), WS_OK);
    assert_true(c.ports[0].paced);
    config_free(&c);
}

#define CAMERA                                                                                     \
    "name: north, socket: n.sock, ticket: n.cert, ticket_key: n.key, place: \"48.5,11.25\", "

static void test_sensors(void **state) {
    (void)state;
    struct config c;
    struct ws_err err = {0};
    static const char two[] = NEEDED
        "sensors:\n"
        "  - {" CAMERA "heading_deg: 0}\n"
        "  - {name: b-2, socket: /s, mode: 0600, ticket: /t, ticket_key: /k, place: \"-1,-2\",\n"
        "     heading_deg: 270, view_deg: 360, range_m: 120, rate: 7, burst: 9,\n"
        "     line_octets: 512, clients: 3}\n";
    if (parse(two, &c, &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(c.n_sensors, 2);
    assert_string_equal(c.sensors[0].socket, "etc/n.sock");
    assert_string_equal(c.sensors[0].ticket_key, "etc/n.key");
    assert_int_equal(c.sensors[0].mode, 0660);
    assert_int_equal(c.sensors[0].lat, 485000000);
    assert_int_equal(c.sensors[0].heading, 16384);
    assert_int_equal(c.sensors[0].half_angle, 8192);
    assert_int_equal(c.sensors[0].range_mm, 60000);
    assert_int_equal(c.sensors[0].rate, 2);
    assert_int_equal(c.sensors[0].burst, 10);
    assert_int_equal(c.sensors[0].line_octets, 65536);
    assert_int_equal(c.sensors[0].clients, 4);
    assert_int_equal(c.sensors[1].mode, 0600);
    assert_int_equal(c.sensors[1].heading, 32768);
    assert_int_equal(c.sensors[1].half_angle, 32768);
    assert_int_equal(c.sensors[1].range_mm, 120000);
    assert_int_equal(c.sensors[1].clients, 3);
    config_free(&c);
    static const char *const bad[][2] = {
        {"sensors: [{" CAMERA "heading_deg: 360}]\n", "sensors[1].heading_deg"},
        {"sensors: [{" CAMERA "heading_deg: 0, mode: 0770}]\n", "sensors[1].mode"},
        {"sensors: [{" CAMERA "heading_deg: 0, mode: 0060}]\n", "sensors[1].mode"},
        {"sensors: [{" CAMERA "heading_deg: 0, clients: 0}]\n", "sensors[1].clients"},
        {"sensors: [{" CAMERA "heading_deg: 0, colour: 3}]\n", "colour"},
        {"sensors: [{name: Bad, socket: n, ticket: n, ticket_key: n, place: \"1,2\", heading_deg: "
         "0}]\n",
            "sensors[1].name"},
        {"sensors: [{name: a, socket: n, ticket: n, ticket_key: n, place: here, heading_deg: 0}]\n",
            "sensors[1].place"},
        {"sensors: [{" CAMERA "heading_deg: 0}, {" CAMERA "heading_deg: 0}]\n",
            "same as in sensors[1]"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char text[1024];
        (void)snprintf(text, sizeof(text), "%s%s", NEEDED, bad[i][0]);
        assert_int_equal(parse(text, &c, &err), WS_EINPUT);
        if (strstr(err.text, bad[i][1]) == NULL)
            fail_msg("%s: %s", bad[i][0], err.text);
    }
}

static void test_decide(void **state) {
    (void)state;
    struct config c;
    struct ws_err err = {0};
    assert_int_equal(parse(NEEDED, &c, &err), WS_OK);
    assert_null(c.decide.sensor);
    config_free(&c);
    static const char usual[] = NEEDED "sensors:\n  - {" CAMERA "heading_deg: 0}\n"
                                       "  - {name: mast, socket: /s, ticket: /t, ticket_key: /k, "
                                       "place: \"1,2\", heading_deg: 0, range_m: 300}\n"
                                       "decide: {sensor: mast, class: high, window: 12, site: w, "
                                       "utc_offset: \"-03:30\"}\n";
    if (parse(usual, &c, &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(c.decide.at, 1);
    assert_string_equal(c.decide.class_name, "high");
    assert_int_equal(c.decide.utc_offset_min, -210);
    assert_string_equal(c.decide.site, "etc/w");
    assert_int_equal(c.decide.site_us, 900000000);
    assert_int_equal(c.decide.vehicles, 3);
    assert_int_equal(c.decide.share_percent, 20);
    assert_int_equal(c.decide.within_us, 60000000);
    assert_int_equal(c.decide.quiet_us, 120000000);
    assert_int_equal(c.decide.place_mm, 100000);
    assert_int_equal(c.decide.look_us, 1000000);
    assert_int_equal(c.decide.window, 12);
    assert_int_equal(c.decide.watched, 4096);
    assert_int_equal(c.decide.log_octets, 16U << 20);
    assert_int_equal(c.decide.keep_us, 7 * UINT64_C(86400000000));
    config_free(&c);
    static const char *const bad[][2] = {
        {"class: high", "sensor"},
        {"sensor: south", "decide.sensor: none of the sensors is called 'south'"},
        {"sensor: north, place_m: 21", "decide.sensor: north reaches 60 m"},
        {"sensor: north, place_m: 20, vehicles: 0", "decide.vehicles"},
        {"sensor: north, place_m: 20, vehicles: 2", "decide.vehicles"}, /* of one by the other */
        {"sensor: north, place_m: 20, log_days: 0", "decide.log_days"},
        {"sensor: north, place_m: 20, vehicles: 65", "decide.vehicles"},
        {"sensor: north, place_m: 20, share_percent: 101", "decide.share_percent"},
        {"sensor: north, place_m: 20, window: 65", "decide.window"},
        {"sensor: north, place_m: 20, watched: 7", "decide.watched"},
        {"sensor: north, place_m: 20, utc_offset: 2", "decide.utc_offset"},
        {"sensor: north, place_m: 20, utc_offset: \"+14:01\"", "decide.utc_offset"},
        {"sensor: north, place_m: 20, utc_offset: \"+01:60\"", "decide.utc_offset"},
        {"sensor: north, place_m: 20, site: s, site_s: 0", "decide.site_s"},
        {"sensor: north, place_m: 20, mood: 3", "mood"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char text[1024];
        (void)snprintf(text, sizeof(text), "%ssensors: [{%sheading_deg: 0}]\ndecide: {%s}\n",
            NEEDED, CAMERA, bad[i][0]);
        assert_int_equal(parse(text, &c, &err), WS_EINPUT);
        if (strstr(err.text, bad[i][1]) == NULL)
            fail_msg("%s: %s", bad[i][0], err.text);
    }
    assert_int_equal(
        parse(NEEDED "decide: {sensor: north}\n", &c, &err), WS_EINPUT); /* without any */
}

static void test_ports(void **state) {
    (void)state;
    struct config c;
    struct ws_err err = {0};
    static const char text[] =
        NEEDED "ports:\n"
               "  - {kind: af_packet, interface: e0, ring_frames: 16384, buffers: 2047}\n"
               "  - {kind: af_xdp, interface: e1, buffers: 4096, workers: 2}\n"
               "  - {kind: tap, interface: t0}\n"
               "  - {kind: ring, ring_frames: 1024}\n"
               "  - {kind: nic, device: \"0000:03:00.1\", ring_frames: 2048}\n";
    if (config_parse("rsud.yaml", span_of(text, sizeof(text) - 1), &c, &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(c.n_ports, 5);
    assert_int_equal(c.ports[0].kind, PORT_AF_PACKET);
    assert_int_equal(c.ports[0].ring_frames, 16384);
    assert_int_equal(c.ports[0].mbufs, 2047);
    assert_int_equal(c.ports[1].kind, PORT_AF_XDP);
    assert_int_equal(c.ports[1].mbufs, 4096);
    assert_int_equal(c.ports[1].workers, 2);
    assert_int_equal(c.ports[2].kind, PORT_TAP);
    assert_string_equal(c.ports[2].interface, "t0");
    assert_int_equal(c.ports[2].ring_frames, 0);
    assert_int_equal(c.ports[3].kind, PORT_RING);
    assert_int_equal(c.ports[3].ring_frames, 1024);
    assert_int_equal(c.ports[4].kind, PORT_NIC);
    assert_string_equal(c.ports[4].device, "0000:03:00.1");
    assert_int_equal(c.ports[4].ring_frames, 2048);
    config_free(&c);
}

/* Paths are left alone where the file's own path has no folder. */
static void test_plain_path(void **state) {
    (void)state;
    struct config c;
    assert_int_equal(config_parse("rsud.yaml", span_of(NEEDED, strlen(NEEDED)), &c, NULL), WS_OK);
    assert_string_equal(c.genesis, "g.bin");
    config_free(&c);
}

static void test_the_antenna(void **state) {
    (void)state;
    static const char listens[] = NEEDED "ports: [{kind: af_packet, interface: eth0}]\n";
    static const char sends[] = NEEDED "ports: [{kind: af_packet, interface: eth0}]\n"
                                       "radio: {ticket: t, ticket_key: k, place: \"48.5,11.25\"}\n";
    struct config c;
    struct ws_err err;
    assert_int_equal(parse(listens, &c, &err), WS_OK);
    assert_false(c.plausibility.has_place);
    assert_int_equal(c.plausibility.tracks, 16384);
    assert_int_equal(c.plausibility.reach_m, 2000);
    assert_int_equal(c.gossip.rate, 20000);
    assert_int_equal(c.gossip.batch_us, 20000);
    assert_null(c.learning.upload);
    config_free(&c);
    assert_int_equal(
        parse(NEEDED "key: k\nlearning: {upload: \"[::]:4750\", audit_days: 7}\n", &c, &err),
        WS_OK);
    assert_string_equal(c.learning.upload, "[::]:4750");
    assert_int_equal(c.learning.uploads, 256);
    assert_int_equal(c.learning.upload_octets, 64 << 20);
    assert_true(c.learning.audit_us == UINT64_C(7) * 86400000000);
    assert_true(c.learning.store_octets == UINT64_C(8192) << 20);
    config_free(&c);
    assert_int_equal(parse(sends, &c, &err), WS_OK);
    assert_true(c.plausibility.has_place);
    assert_int_equal(c.plausibility.lat, 485000000);
    assert_int_equal(c.plausibility.lon, 112500000);
    config_free(&c);
    struct buf b = {0};
    buf_printf(&b, "%splausibility: {place: \"-1.5,2\", reach_m: 700, tracks: 64}\n", sends);
    buf_u8(&b, 0);
    assert_int_equal(parse((const char *)b.p, &c, &err), WS_OK);
    assert_int_equal(c.plausibility.lat, -15000000);
    assert_int_equal(c.plausibility.lon, 20000000);
    assert_int_equal(c.plausibility.reach_m, 700);
    assert_int_equal(c.plausibility.tracks, 64);
    config_free(&c);
    buf_free(&b);
}

struct mistake {
    const char *text;
    const char *says[3]; /* all of them are in the message */
};

static void test_mistakes(void **state) {
    (void)state;
    static const struct mistake mistakes[] = {
        /* YAML itself */
        {"", {"etc/rsud.yaml", "nothing in it", "genesis"}},
        {"# only a comment\n", {"nothing in it"}},
        {NEEDED "http: \"127.0.0.1\n", {"etc/rsud.yaml: at or after line 5", "end of stream"}},
        {NEEDED "pipeline:\n\tsource_slots: 8\n", {"at or after line 5", "cannot start"}},
        {NEEDED "http: a: b\n", {"line", "mapping values"}},
        {NEEDED "---\nhttp: 127.0.0.1:1\n", {"documents after first"}},
        {"- genesis\n", {"MAPPING", "SEQUENCE", "allowed: genesis"}},
        {"hello\n", {"MAPPING", "SCALAR"}},
        {NEEDED "http: &x 127.0.0.1:1\nadmin: *x\n", {":6:", "admin", "alias"}},
        {"genesis: \x01\n", {"control characters"}},
        /* keys */
        {NEEDED "htpp: 127.0.0.1:80\n",
            {":5:", "htpp; perhaps http", "allowed: genesis, map, key"}},
        {NEEDED "colour: red\n", {":5:", "colour; allowed: genesis", "clock_error_ms, log_level"}},
        {NEEDED "\n\nnode: {sync_blocks: 3,\n  zork: 1}\n", {":8: node:", "zork", "mempool_txs"}},
        {NEEDED "ports:\n  - kind: capture\n    file: [a]\n", {":7: ports[1]:", "file", "files"}},
        {NEEDED "\"\\e[31m\": 1\n", {"?[31m"}},
        {"genesis: a\ndata: b\nbind: tcp://h:1\n", {"curve_key", "issing"}},
        {NEEDED "peers: [{address: " A64 "}]\n", {"peers[1]", "endpoint", "issing"}},
        {NEEDED "bind: tcp://127.0.0.1:7101\n", {":4: bind", "already seen"}},
        /* types */
        {NEEDED "memory_mb: [1]\n", {":5: memory_mb", "SEQUENCE"}},
        {NEEDED "pipeline: 3\n", {":5: pipeline", "MAPPING", "allowed: source_slots"}},
        {NEEDED "peers: {}\n", {":5: peers", "a list of 0 to 128"}},
        {NEEDED "http:\n", {":5: http", "allowed: one value"}},
        {NEEDED "ports: [{kind: capture, files: []}]\n", {":5: ports[1].files", "1 to 64"}},
        {NEEDED "ports: [{kind: capture, files: [a], paced: maybe}]\n",
            {":5: ports[1].paced", "allowed: false, true"}},
        {NEEDED "ports: [{kind: pcap, files: [a]}]\n",
            {"ports[1].kind", "capture, af_packet, af_xdp, tap, ring, nic"}},
        {NEEDED "clock: {kind: 1}\n", {"clock.kind", "allowed: system, scaled"}},
        {NEEDED "log_level: loud\n", {":5: log_level", "error, warn, info, debug"}},
        /* numbers: what the library would let through */
        {NEEDED "pipeline: {freshness_ms: 1k}\n",
            {"pipeline.freshness_ms", "'1k'", "1 to 86400000"}},
        {NEEDED "memory_mb: -1\n", {"memory_mb", "'-1'", "16 to"}},
        {NEEDED "memory_mb: 64.5\n", {"memory_mb", "'64.5'"}},
        {NEEDED "memory_mb: 0x40\n", {"memory_mb", "'0x40'"}},
        {NEEDED "memory_mb: ' 64'\n", {"memory_mb"}},
        {NEEDED "memory_mb: 99999999999999999999999\n", {"memory_mb"}},
        {NEEDED "memory_mb: 15\n", {"memory_mb", "16 to"}},
        {NEEDED "node: {sync_blocks: 0}\n", {"node.sync_blocks", "1 to 64"}},
        {NEEDED "http_connections: 0\n", {"http_connections"}},
        {NEEDED "http_octets_mb: 0\n", {"http_octets_mb", "1 to 1048576"}},
        {NEEDED "http_waiting: 4097\n", {"http_waiting", "1 to 4096"}},
        {NEEDED "pipeline: {verify: fast}\n",
            {":5: pipeline", "allowed: auto, ifma, portable, openssl"}},
        {NEEDED "pipeline: {table_memory_mb: 0}\n", {"pipeline.table_memory_mb"}},
        {NEEDED "pipeline: {source_slots: 100}\n", {"pipeline.source_slots", "power of two"}},
        {NEEDED "pipeline: {message_pool: 65}\n", {"pipeline.message_pool", "power of two"}},
        {NEEDED "gossip: {rate: 1000001}\n", {"gossip.rate", "0 to 1000000"}},
        {NEEDED "gossip: {batch_ms: 0}\n", {"gossip.batch_ms", "1 to 1000"}},
        {NEEDED "gossip: {ratio: 1}\n", {":5: gossip", "ratio", "rate, batch_ms"}},
        {NEEDED "learning: {uploads: 0}\n", {"learning.uploads", "1 to 65536"}},
        {NEEDED "learning: {upload_mb: 1}\n", {":5: learning", "upload_mb", "uploads_mb"}},
        {NEEDED "key: k\nlearning: {upload: \"4750\"}\n", {"learning.upload", "ADDRESS:PORT"}},
        {NEEDED "learning: {upload: \"[::]:4750\"}\n", {"learning.upload", "no key"}},
        {NEEDED "plausibility: {tracks: 100}\n", {"plausibility.tracks", "power of two"}},
        {NEEDED "plausibility: {reach_m: 0}\n", {"plausibility.reach_m", "1 to 100000"}},
        {NEEDED "plausibility: {place: here}\n", {"plausibility.place", "'here'"}},
        /* values */
        {NEEDED "http: localhost:80\n", {"http", "ADDRESS:PORT", "unix:PATH"}},
        {NEEDED "http: 127.0.0.1:65536\n", {"http", "65536"}},
        {NEEDED "http: \"[::1\"\n", {"http"}},
        {NEEDED "http: \"unix:\"\n", {"http", "1 to 107"}},
        {"genesis: a\ncurve_key: b\ndata: c\nbind: udp://1.2.3.4:5\n", {"bind", "tcp://"}},
        {NEEDED "peers: [{address: 12, endpoint: tcp://h:1}]\n", {"peers[1].address", "64 hex"}},
        {NEEDED "peers: [{address: " A64 ", endpoint: \"tcp://*:1\"}]\n", {"peers[1].endpoint"}},
        {NEEDED "peers:\n  - {address: " A64 ", endpoint: tcp://h:1}\n  - {address: " A64
                ", endpoint: tcp://h:2}\n",
            {"peers[2].address", "peers[1]"}},
        {NEEDED "ports: [{kind: capture}]\n", {"ports[1]", "files"}},
        {NEEDED "record: {file_mb: 4}\n", {"record", "folder"}},
        {NEEDED "record: {folder: r, file_mb: 0}\n", {"record.file_mb", "from 1 to"}},
        {NEEDED "record: {folder: r, file_mb: 64, total_mb: 63}\n", {"record.total_mb"}},
        {NEEDED "ports: [{kind: capture, files: [a], paced: false, workers: 2}]\n",
            {"ports[1].workers", "one worker"}},
        {NEEDED "ports: [{kind: af_packet, interface: eth0, workers: 17}]\n",
            {"ports[1].workers", "from 1 to 16"}},
        {NEEDED "ports: [{kind: af_packet, interface: eth0, workers: 0}]\n",
            {"ports[1].workers", "from 1 to 16"}},
        {NEEDED "ports: [{kind: capture, files: [a], interface: eth0}]\n", {"ports[1]"}},
        {NEEDED "ports: [{kind: af_packet}]\n", {"ports[1]", "interface"}},
        {NEEDED "ports: [{kind: af_xdp, files: [a]}]\n",
            {"ports[1]", "kind: af_xdp lacks interface", "allowed: buffers, workers"}},
        {NEEDED "ports: [{kind: af_xdp, interface: e, ring_frames: 2048}]\n",
            {"ports[1]", "kind: af_xdp has no ring_frames"}},
        {NEEDED "ports: [{kind: af_xdp, interface: e, buffers: 4095}]\n",
            {"ports[1].buffers", "4096"}},
        {NEEDED "ports: [{kind: af_packet, interface: e, buffers: 255}]\n",
            {"ports[1].buffers", "256"}},
        {NEEDED "ports: [{kind: tap, interface: e, ring_frames: 1023}]\n",
            {"ports[1].ring_frames", "1024 to 16384"}},
        {NEEDED "ports: [{kind: tap, interface: e, ring_frames: 1500}]\n",
            {"ports[1].ring_frames", "power of two"}},
        {NEEDED "ports: [{kind: tap}]\n", {"ports[1]", "kind: tap lacks interface"}},
        {NEEDED "ports: [{kind: ring, interface: e}]\n",
            {"ports[1]", "kind: ring has no interface", "allowed: ring_frames, workers"}},
        {NEEDED "ports: [{kind: nic}]\n", {"ports[1]", "kind: nic lacks device"}},
        {NEEDED "ports: [{kind: nic, device: 03:00.0}]\n", {"ports[1].device", "0000:03:00.0"}},
        {NEEDED "ports: [{kind: af_packet, interface: e}, {kind: af_xdp, interface: e}]\n",
            {"ports[2].interface", "same as in ports[1]"}},
        {NEEDED "ports: [{kind: af_packet, interface: eth0, paced: true}]\n",
            {"ports[1]", "paced"}},
        {NEEDED "ports: [{kind: af_packet, interface: a-name-too-long-by-far}]\n",
            {"ports[1].interface"}},
        {NEEDED "ports: [{kind: af_packet, interface: ../x}]\n", {"ports[1].interface"}},
        /* the clock */
        {NEEDED "clock: {kind: scaled}\n", {"clock", "epoch, start_mono_us and rate"}},
        {NEEDED "clock: {kind: system, rate: 2}\n", {"clock", "kind: scaled"}},
        {NEEDED "clock: {kind: scaled, epoch: yesterday, start_mono_us: 1, rate: 1}\n",
            {"clock.epoch", "yesterday"}},
        {NEEDED "clock: {kind: scaled, epoch: 5, start_mono_us: soon, rate: 1}\n",
            {"clock.start_mono_us", "soon"}},
        {NEEDED "clock: {kind: scaled, epoch: 5, start_mono_us: 1, rate: 0}\n",
            {"clock.rate", "0.001 to 1000"}},
    };
    for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
        struct config c;
        struct ws_err err = {0};
        int rc = parse(mistakes[i].text, &c, &err);
        if (rc != WS_EINPUT)
            fail_msg("taken: %s", mistakes[i].text);
        assert_int_equal(err.code, WS_EINPUT);
        if (strncmp(err.text, "etc/rsud.yaml:", 14) != 0)
            fail_msg("no file in: %s", err.text);
        for (size_t k = 0; k < ARRAY_LEN(mistakes[i].says) && mistakes[i].says[k] != NULL; k++) {
            if (strstr(err.text, mistakes[i].says[k]) == NULL)
                fail_msg("no '%s' in: %s", mistakes[i].says[k], err.text);
        }
    }
}

/* More than one entry too many, told with the limit. */
static void test_lists_too_long(void **state) {
    (void)state;
    struct buf b = {0};
    struct config c;
    struct ws_err err = {0};
    buf_printf(&b, NEEDED "ports:\n");
    for (int i = 0; i <= CONFIG_PORTS_MAX; i++)
        buf_printf(&b, "  - {kind: af_packet, interface: e%d}\n", i);
    assert_int_equal(config_parse("f", buf_span(&b), &c, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "ports"));
    assert_non_null(strstr(err.text, "0 to 8"));
    buf_clear(&b);
    buf_printf(&b, NEEDED "http: ");
    for (int i = 0; i <= CONFIG_TEXT_MAX; i++)
        buf_u8(&b, 'x');
    buf_u8(&b, '\n');
    assert_int_equal(config_parse("f", buf_span(&b), &c, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "http"));
    assert_non_null(strstr(err.text, "4095"));
    buf_free(&b);
}

/* The path of a socket, once the file's folder is before it. */
static void test_long_socket(void **state) {
    (void)state;
    char path[160];
    struct config c;
    struct ws_err err = {0};
    memset(path, 'd', sizeof(path));
    (void)snprintf(path + 110, sizeof(path) - 110, "/rsud.yaml");
    static const char *const keys[] = {"admin: a.sock\n", "http: unix:a.sock\n"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct buf b = {0};
        buf_printf(&b, NEEDED "%s", keys[i]);
        assert_int_equal(config_parse(path, buf_span(&b), &c, &err), WS_EINPUT);
        assert_non_null(strstr(err.text, "107"));
        buf_free(&b);
    }
}

static void try_any(struct span s) {
    struct config c;
    struct ws_err err = {0};
    /* The exact size on the heap, so that a sanitizer sees one octet too far. */
    uint8_t *exact = ws_memdup(s.p, s.n);
    if (config_parse("f", span_of(exact, s.n), &c, &err) == WS_OK)
        config_free(&c);
    else
        assert_true(strncmp(err.text, "f:", 2) == 0);
    free(exact);
}

static void test_cut_and_flipped(void **state) {
    (void)state;
    const size_t n = sizeof(whole) - 1;
    for (size_t i = 0; i <= n; i++)
        try_any(span_of(whole, i));
    char copy[sizeof(whole)];
    for (size_t bit = 0; bit < n * 8; bit++) {
        memcpy(copy, whole, sizeof(whole));
        copy[bit / 8] = (char)(copy[bit / 8] ^ (1 << bit % 8));
        try_any(span_of(copy, n));
    }
}

static void test_load(void **state) {
    (void)state;
    struct config c;
    struct ws_err err = {0};
    assert_int_equal(config_load("no/such/file.yaml", &c, &err), WS_ENOTFOUND);
    assert_non_null(strstr(err.text, "no/such/file.yaml"));
    assert_int_equal(config_load("/", &c, &err), WS_EIO);
    assert_int_equal(config_load("/dev/zero", &c, &err), WS_ELIMIT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_plain_path),
        cmocka_unit_test(test_the_antenna),
        cmocka_unit_test(test_sensors),
        cmocka_unit_test(test_decide),
        cmocka_unit_test(test_ports),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_lists_too_long),
        cmocka_unit_test(test_long_socket),
        cmocka_unit_test(test_cut_and_flipped),
        cmocka_unit_test(test_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
