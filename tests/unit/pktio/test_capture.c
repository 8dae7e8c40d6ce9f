/* Capture files: what is written comes back, and every way a file can be wrong has its own message. */
#include "tests/support/cm.h"

#include "base/fileio.h"
#include "pktio/capture.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    char dir[256];
    char path[300];
};

static int setup(void **state) {
    struct fixture *f = ws_alloc(sizeof(*f));
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(f->dir, sizeof(f->dir), "%s/wayside-XXXXXX", tmp != NULL ? tmp : P_tmpdir);
    if (mkdtemp(f->dir) == NULL)
        return -1;
    (void)snprintf(f->path, sizeof(f->path), "%s/c.pcap", f->dir);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    (void)unlink(f->path);
    int rc = rmdir(f->dir); /* fails when a writer left something behind */
    free(f);
    return rc;
}

static void write_file(const char *path, struct span octets) {
    struct ws_err err;
    assert_int_equal(file_write(path, octets, 0600, &err), WS_OK);
}

/* Reads to the end; returns the records read, *ret_rc the last answer. */
static uint64_t read_all(const char *path, int *ret_rc, struct ws_err *err) {
    struct capture *c = NULL;
    err->text[0] = '\0';
    *ret_rc = capture_open(path, 3, &c, err);
    if (*ret_rc != WS_OK)
        return 0;
    struct pkt_frame f;
    uint64_t n = 0;
    while ((*ret_rc = capture_next(c, &f, err)) == 1) {
        n++;
        assert_int_equal(f.number, n);
        assert_int_equal(f.capture, 3);
    }
    capture_close(c);
    return n;
}

static void le32(struct buf *b, uint32_t v) {
    buf_u32(b, __builtin_bswap32(v));
}

static void pcap_header(struct buf *b, uint32_t magic, uint32_t link) {
    le32(b, magic);
    le32(b, 0x00040002);
    le32(b, 0);
    le32(b, 0);
    le32(b, 262144);
    le32(b, link);
}

static void pcap_record(struct buf *b, uint32_t s, uint32_t frac, uint32_t caplen, uint32_t len) {
    le32(b, s);
    le32(b, frac);
    le32(b, caplen);
    le32(b, len);
    for (uint32_t i = 0; i < caplen; i++)
        buf_u8(b, (uint8_t)i);
}

static void stamps_and_octets_survive(void **state) {
    struct fixture *f = *state;
    const uint64_t stamps[] = {1700000000123456789U, 1, 4294967295999999999U, 1699999999000000001U};
    struct capture_writer *w = NULL;
    struct ws_err err;
    assert_int_equal(capture_create(f->path, &w, &err), WS_OK);
    uint8_t octets[1500];
    for (size_t i = 0; i < sizeof(octets); i++)
        octets[i] = (uint8_t)(i * 7);
    for (size_t i = 0; i < ARRAY_LEN(stamps); i++)
        capture_put(w, stamps[i], span_of(octets, 100 * (i + 1)));
    assert_int_equal(access(f->path, F_OK), -1); /* nobody sees half of it */
    assert_int_equal(capture_finish(w, &err), WS_OK);

    struct capture *c = NULL;
    assert_int_equal(capture_open(f->path, 7, &c, &err), WS_OK);
    struct pkt_frame fr;
    for (size_t i = 0; i < ARRAY_LEN(stamps); i++) {
        assert_int_equal(capture_next(c, &fr, &err), 1);
        assert_int_equal(fr.stamp_ns, stamps[i]);
        assert_int_equal(fr.number, i + 1);
        assert_int_equal(fr.capture, 7);
        assert_int_equal(fr.link, LINK_ETHERNET);
        assert_int_equal(fr.original_octets, 100 * (i + 1));
        assert_true(span_equal(fr.data, span_of(octets, 100 * (i + 1))));
    }
    assert_int_equal(capture_next(c, &fr, &err), 0);
    assert_int_equal(capture_next(c, &fr, &err), 0); /* and stays there */
    capture_close(c);
}

/* As many names as a file can come to hold keep theirs; after that frames are kept without. */
static void interfaces_keep_their_names_while_there_is_room(void **state) {
    enum { NAMES = 400, NAMED = 224, TURNS = 2 };
    struct fixture *f = *state;
    struct capture_writer *w = NULL;
    struct ws_err err;
    char name[32];
    uint8_t octets[20] = {0};
    assert_int_equal(capture_create_annotated(f->path, 0600, &w, &err), WS_OK);
    for (uint32_t i = 0; i < NAMES * TURNS; i++) {
        struct pkt_frame fr = {.data = span_of(octets, sizeof(octets)),
            .link = i % 2 == 0 ? LINK_ETHERNET : LINK_RAW_IP,
            .original_octets = sizeof(octets),
            .stamp_ns = i};
        (void)snprintf(name, sizeof(name), "wlan%u", i % NAMES);
        capture_put_annotated(w, &fr, name, NULL);
    }
    assert_int_equal(capture_finish(w, &err), WS_OK);
    struct capture *c = NULL;
    struct pkt_frame fr;
    assert_int_equal(capture_open(f->path, 0, &c, &err), WS_OK);
    for (uint32_t i = 0; i < NAMES * TURNS; i++) {
        assert_int_equal(capture_next(c, &fr, &err), 1);
        assert_int_equal(fr.link, i % 2 == 0 ? LINK_ETHERNET : LINK_RAW_IP);
        (void)snprintf(name, sizeof(name), "wlan%u", i % NAMES);
        struct span got = capture_interface(c);
        assert_true(i % NAMES < NAMED ? span_equal(got, span_of(name, strlen(name))) : got.n == 0);
    }
    assert_int_equal(capture_next(c, &fr, &err), 0);
    capture_close(c);
}

static void many_frames_are_flushed_in_order(void **state) {
    struct fixture *f = *state;
    struct capture_writer *w = NULL;
    struct ws_err err;
    assert_int_equal(capture_create(f->path, &w, &err), WS_OK);
    uint8_t octets[1000] = {0};
    for (uint32_t i = 0; i < 2000; i++) {
        put_be32(octets, i);
        capture_put(w, i, span_of(octets, sizeof(octets)));
    }
    assert_int_equal(capture_finish(w, &err), WS_OK);
    struct capture *c = NULL;
    assert_int_equal(capture_open(f->path, 0, &c, &err), WS_OK);
    struct pkt_frame fr;
    for (uint32_t i = 0; i < 2000; i++) {
        assert_int_equal(capture_next(c, &fr, &err), 1);
        assert_int_equal(be32(fr.data.p), i);
    }
    assert_int_equal(capture_next(c, &fr, &err), 0);
    capture_close(c);
}

static void microsecond_file_and_cut_frame(void **state) {
    struct fixture *f = *state;
    struct buf b = {0};
    pcap_header(&b, 0xa1b2c3d4, 1);
    pcap_record(&b, 1700000000, 999999, 60, 1400);
    pcap_record(&b, 3000000000U, 0, 60, 10); /* after 2038; length on the air below what is there */
    write_file(f->path, buf_span(&b));
    struct capture *c = NULL;
    struct ws_err err;
    struct pkt_frame fr;
    assert_int_equal(capture_open(f->path, 0, &c, &err), WS_OK);
    assert_int_equal(capture_next(c, &fr, &err), 1);
    assert_int_equal(fr.stamp_ns, 1700000000999999000U);
    assert_int_equal(fr.data.n, 60);
    assert_int_equal(fr.original_octets, 1400);
    assert_int_equal(capture_next(c, &fr, &err), 1);
    assert_int_equal(fr.stamp_ns, 3000000000000000000U);
    assert_int_equal(fr.original_octets, 60);
    capture_close(c);
    buf_free(&b);
}

static void cut_at_every_length(void **state) {
    struct fixture *f = *state;
    struct buf b = {0};
    pcap_header(&b, 0xa1b23c4d, 1);
    size_t ends[4] = {b.n};
    for (size_t i = 1; i < ARRAY_LEN(ends); i++) {
        pcap_record(&b, 1700000000, (uint32_t)i, 40, 40);
        ends[i] = b.n;
    }
    for (size_t n = 0; n <= b.n; n++) {
        write_file(f->path, span_of(b.p, n));
        struct ws_err err;
        int rc;
        uint64_t got = read_all(f->path, &rc, &err);
        uint64_t whole = 0;
        bool at_end = false;
        for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
            whole = n >= ends[i] ? i : whole;
            at_end = at_end || n == ends[i];
        }
        assert_int_equal(got, whole);
        if (at_end) {
            assert_int_equal(rc, 0);
            continue;
        }
        assert_int_equal(rc, WS_EINPUT);
        assert_non_null(strstr(err.text, f->path));
        if (n > ends[0]) {
            char record[32];
            (void)snprintf(record, sizeof(record), "record %llu:", (unsigned long long)whole + 1);
            assert_non_null(strstr(err.text, record));
        }
    }
    buf_free(&b);
}

static void damaged_record_length(void **state) {
    struct fixture *f = *state;
    struct buf b = {0};
    pcap_header(&b, 0xa1b23c4d, 1);
    pcap_record(&b, 1700000000, 1, 40, 40);
    le32(&b, 1700000000);
    le32(&b, 2);
    le32(&b, 0xfffffff0);
    le32(&b, 0xfffffff0);
    write_file(f->path, buf_span(&b));
    struct ws_err err;
    int rc;
    assert_int_equal(read_all(f->path, &rc, &err), 1);
    assert_int_equal(rc, WS_EINPUT);
    assert_non_null(strstr(err.text, "record 2:"));
    buf_free(&b);
}

static void link_type_refused_by_name(void **state) {
    struct fixture *f = *state;
    struct buf b = {0};
    pcap_header(&b, 0xa1b23c4d, 195);
    pcap_record(&b, 1700000000, 1, 40, 40);
    write_file(f->path, buf_span(&b));
    struct ws_err err;
    int rc;
    assert_int_equal(read_all(f->path, &rc, &err), 0);
    assert_int_equal(rc, WS_ENOTSUP);
    assert_non_null(strstr(err.text, f->path));
    assert_non_null(strstr(err.text, "195"));
    assert_non_null(strstr(err.text, "IEEE802_15_4"));
    buf_free(&b);
}

static void link_types_that_are_read(void **state) {
    struct fixture *f = *state;
    const enum frame_link links[] = {LINK_RAW_IP, LINK_IPV4, LINK_IPV6, LINK_80211, LINK_RADIOTAP,
        LINK_PPI, LINK_COOKED, LINK_COOKED2, LINK_USER_FIRST, LINK_USER_LAST};
    for (size_t i = 0; i < ARRAY_LEN(links); i++) {
        struct buf b = {0};
        pcap_header(&b, 0xa1b23c4d, links[i]);
        pcap_record(&b, 1, 1, 40, 40);
        write_file(f->path, buf_span(&b));
        struct capture *c = NULL;
        struct ws_err err;
        struct pkt_frame fr;
        assert_int_equal(capture_open(f->path, 0, &c, &err), WS_OK);
        assert_int_equal(capture_next(c, &fr, &err), 1);
        assert_int_equal(fr.link, links[i]);
        capture_close(c);
        buf_free(&b);
    }
}

/* pcapng blocks, little-endian. */
static void ng_section(struct buf *b) {
    le32(b, 0x0a0d0d0a);
    le32(b, 28);
    le32(b, 0x1a2b3c4d);
    le32(b, 0x00000001);
    le32(b, 0xffffffff);
    le32(b, 0xffffffff);
    le32(b, 28);
}

static void ng_interface(struct buf *b, uint32_t link) {
    le32(b, 1);
    le32(b, 32);
    le32(b, link);
    le32(b, 0);
    le32(b, 0x00010009); /* if_tsresol, one octet */
    le32(b, 9); /* ns */
    le32(b, 0);
    le32(b, 32);
}

static void ng_packet(struct buf *b, uint32_t interface, uint64_t stamp_ns) {
    le32(b, 6);
    le32(b, 32 + 40);
    le32(b, interface);
    le32(b, (uint32_t)(stamp_ns >> 32));
    le32(b, (uint32_t)stamp_ns);
    le32(b, 40);
    le32(b, 99);
    memset(buf_grow(b, 40), 0x5a, 40);
    le32(b, 32 + 40);
}

static void pcapng_is_read(void **state) {
    struct fixture *f = *state;
    struct buf b = {0};
    ng_section(&b);
    ng_interface(&b, 1);
    ng_interface(&b, 1);
    ng_packet(&b, 0, 1700000000123456789U);
    ng_packet(&b, 1, 1700000000123456790U);
    write_file(f->path, buf_span(&b));
    struct capture *c = NULL;
    struct ws_err err;
    struct pkt_frame fr;
    assert_int_equal(capture_open(f->path, 0, &c, &err), WS_OK);
    assert_int_equal(capture_next(c, &fr, &err), 1);
    assert_int_equal(fr.stamp_ns, 1700000000123456789U);
    assert_int_equal(fr.original_octets, 99);
    assert_int_equal(fr.data.n, 40);
    assert_int_equal(capture_next(c, &fr, &err), 1);
    assert_int_equal(fr.stamp_ns, 1700000000123456790U);
    assert_int_equal(capture_next(c, &fr, &err), 0);
    capture_close(c);
    buf_free(&b);
}

static void pcapng_of_several_link_types(void **state) {
    struct fixture *f = *state;
    struct buf b = {0};
    ng_section(&b);
    ng_interface(&b, 1);
    ng_packet(&b, 0, 1);
    ng_interface(&b, 127);
    ng_interface(&b, 220); /* USB */
    ng_interface(&b, 12); /* raw IP in files of other systems */
    ng_packet(&b, 1, 2);
    ng_packet(&b, 2, 3);
    ng_packet(&b, 3, 4);
    ng_packet(&b, 0, 5);
    write_file(f->path, buf_span(&b));
    const uint32_t want[] = {1, 127, 220, 101, 1};
    struct capture *c = NULL;
    struct ws_err err;
    struct pkt_frame fr;
    assert_int_equal(capture_open(f->path, 0, &c, &err), WS_OK);
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert_int_equal(capture_next(c, &fr, &err), 1);
        assert_int_equal(fr.link, want[i]);
        assert_int_equal(fr.number, i + 1);
        assert_int_equal(fr.stamp_ns, i + 1);
        assert_int_equal(capture_comment(c).n, 0);
    }
    assert_int_equal(capture_next(c, &fr, &err), 0);
    capture_close(c);
    buf_free(&b);
}

static void pcapng_of_an_unread_link_type_alone(void **state) {
    struct fixture *f = *state;
    struct buf b = {0};
    ng_section(&b);
    ng_interface(&b, 195);
    ng_packet(&b, 0, 1);
    ng_packet(&b, 0, 2);
    write_file(f->path, buf_span(&b));
    struct ws_err err;
    int rc;
    assert_int_equal(read_all(f->path, &rc, &err), 2);
    assert_int_equal(rc, WS_ENOTSUP);
    assert_non_null(strstr(err.text, "IEEE802_15_4"));
    buf_free(&b);
}

static void stump_of_a_packed_file(void **state) {
    struct fixture *f = *state;
    write_file(f->path, span_of("\x1f\x8b\x08\x00", 4));
    struct capture *c = NULL;
    struct ws_err err;
    assert_int_equal(capture_open(f->path, 0, &c, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "gzip"));
}

static void absent_and_foreign_files(void **state) {
    struct fixture *f = *state;
    struct capture *c = NULL;
    struct ws_err err;
    assert_int_equal(capture_open(f->path, 0, &c, &err), WS_ENOTFOUND);
    assert_non_null(strstr(err.text, f->path));
    write_file(f->path, span_of("a map, not a capture", 20));
    assert_int_equal(capture_open(f->path, 0, &c, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, f->path));
}

static void *feed_fifo(void *path) {
    struct capture_writer *w = NULL;
    struct ws_err err;
    if (capture_create(path, &w, &err) != WS_OK)
        return NULL;
    uint8_t octets[60] = {1};
    for (uint64_t i = 0; i < 500; i++)
        capture_put(w, i * 1000 + 1, span_of(octets, sizeof(octets)));
    return capture_finish(w, &err) == WS_OK ? path : NULL;
}

static void fifo_is_read_and_written(void **state) {
    struct fixture *f = *state;
    assert_int_equal(mkfifo(f->path, 0600), 0);
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, feed_fifo, f->path), 0);
    struct ws_err err;
    int rc;
    assert_int_equal(read_all(f->path, &rc, &err), 500);
    assert_int_equal(rc, 0);
    void *written = NULL;
    assert_int_equal(pthread_join(t, &written), 0);
    assert_non_null(written);
    struct stat st;
    assert_int_equal(stat(f->path, &st), 0);
    assert_true(S_ISFIFO(st.st_mode)); /* not replaced by a file */
}

static void writer_reports_what_failed(void **state) {
    struct fixture *f = *state;
    struct capture_writer *w = NULL;
    struct ws_err err;
    char deep[400];
    (void)snprintf(deep, sizeof(deep), "%s/absent/c.pcap", f->dir);
    assert_int_equal(capture_create(deep, &w, &err), WS_EIO);
    assert_non_null(strstr(err.text, "absent"));

    assert_int_equal(capture_create(f->path, &w, &err), WS_OK);
    uint8_t octets[60] = {0};
    capture_put(w, 1, span_of(octets, sizeof(octets)));
    capture_put(w, 4294967296000000000U, span_of(octets, sizeof(octets)));
    assert_int_equal(capture_finish(w, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "frame 2"));
    assert_int_equal(access(f->path, F_OK), -1);

    if (access("/dev/full", W_OK) != 0)
        return;
    assert_int_equal(capture_create("/dev/full", &w, &err), WS_OK);
    capture_put(w, 1, span_of(octets, sizeof(octets)));
    assert_int_equal(capture_finish(w, &err), WS_EIO);
}

static void real_captures_to_the_last_frame(void **state) {
    (void)state;
    const struct {
        const char *name;
        uint64_t frames;
    } files[] = {
        {"its-g5-cam-secured-boslx.pcapng", 9},
        {"its-g5-cam-cpm-unsecured-msvan3t.pcapng", 929},
        {"its-g5-cam-secured-vanetza.pcap", 2},
        {"its-g5-denm-secured-npra.pcap", 5},
        {"wsmp-bsm-signed-commsignia.pcap", 511},
        {"wsmp-map-signed-commsignia.pcap", 103},
    };
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/v2x/captures", test_data_dir());
    if (access(path, R_OK) != 0)
        skip();
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        (void)snprintf(path, sizeof(path), "%s/v2x/captures/%s", test_data_dir(), files[i].name);
        struct ws_err err;
        int rc;
        assert_int_equal(read_all(path, &rc, &err), files[i].frames);
        assert_int_equal(rc, 0);
    }
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(stamps_and_octets_survive),
        T(interfaces_keep_their_names_while_there_is_room),
        T(many_frames_are_flushed_in_order),
        T(microsecond_file_and_cut_frame),
        T(cut_at_every_length),
        T(damaged_record_length),
        T(link_type_refused_by_name),
        T(link_types_that_are_read),
        T(pcapng_is_read),
        T(pcapng_of_several_link_types),
        T(pcapng_of_an_unread_link_type_alone),
        T(stump_of_a_packed_file),
        T(absent_and_foreign_files),
        T(fifo_is_read_and_written),
        T(writer_reports_what_failed),
        cmocka_unit_test(real_captures_to_the_last_frame),
    };
    return cmocka_run_group_tests_name("capture", tests, NULL, NULL);
}
