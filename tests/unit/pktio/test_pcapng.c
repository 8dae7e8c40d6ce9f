/* What the writer writes, the reader of captures reads: link types, stamps, lengths, octets, and any prefix. */
#include "tests/support/cm.h"

#include "base/fileio.h"
#include "pktio/capture.h"
#include "pktio/pcapng.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FRAMES = 40 };
static const enum frame_link links[] = {LINK_ETHERNET, LINK_RAW_IP, LINK_IPV6};
static const uint8_t octets[FRAMES] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x89, 0x47, 7, 9};

static struct pkt_frame frame_at(unsigned i) {
    return (struct pkt_frame){.data = span_of(octets, i),
        .link = links[i % ARRAY_LEN(links)],
        .original_octets = i + i % 2 * 100,
        .stamp_ns = 1700000000123456789ULL + i};
}

/* *ret_ends[i]: where frame i ends. */
static void make(struct buf *b, size_t *ret_ends) {
    pcapng_put_section(b, "wayside");
    for (unsigned i = 0; i < ARRAY_LEN(links); i++)
        pcapng_put_interface(b, links[i], i == 0 ? "eth1" : "raw");
    for (unsigned i = 0; i < FRAMES; i++) {
        struct pkt_frame f = frame_at(i);
        pcapng_put_frame(b, i % (unsigned)ARRAY_LEN(links), &f,
            i % 2 == 0 ? PCAPNG_INBOUND : PCAPNG_OUTBOUND,
            i % 5 == 0 ? NULL : "cert_invalid: no chain");
        ret_ends[i] = b->n;
    }
}

static void check_prefix(const char *path, struct span text, size_t want, bool whole) {
    struct ws_err err = {0};
    struct capture *c = NULL;
    struct pkt_frame f;
    assert_int_equal(file_write(path, text, 0600, &err), WS_OK);
    assert_int_equal(capture_open(path, 3, &c, &err), WS_OK);
    for (unsigned i = 0; i < want; i++) {
        struct pkt_frame expect = frame_at(i);
        assert_int_equal(capture_next(c, &f, &err), 1);
        assert_int_equal(f.link, expect.link);
        assert_int_equal(f.stamp_ns, expect.stamp_ns);
        assert_int_equal(f.original_octets, expect.original_octets);
        assert_int_equal(f.capture, 3);
        assert_true(span_equal(f.data, expect.data));
    }
    int rc = capture_next(c, &f, &err);
    assert_true(whole ? rc == 0 : rc < 0);
    capture_close(c);
}

/* Cut at every octet behind the interfaces, as a killed writer may leave it. */
static void every_prefix_reads(void **state) {
    (void)state;
    struct buf b = {0};
    size_t ends[FRAMES];
    char dir[] = "/tmp/wayside-XXXXXX";
    char path[64];
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/c.pcapng", dir);
    make(&b, ends);
    assert_int_equal(b.n % 4, 0);
    check_prefix(path, buf_span(&b), FRAMES, true);
    size_t k = 1;
    for (size_t n = ends[0]; n < ends[5]; n++) {
        if (n == ends[k])
            k++;
        check_prefix(path, span_of(b.p, n), k, n == ends[k - 1]);
    }
    (void)unlink(path);
    assert_int_equal(rmdir(dir), 0);
    buf_free(&b);
}

static void a_long_comment_is_cut(void **state) {
    (void)state;
    static char text[100001];
    struct buf b = {0};
    struct pkt_frame f = frame_at(9);
    memset(text, 'x', sizeof(text) - 1);
    pcapng_put_frame(&b, 0, &f, PCAPNG_UNKNOWN, text);
    assert_int_equal(b.n, 28 + 12 + 4 + PCAPNG_COMMENT_MAX + 4 + 4);
    buf_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_prefix_reads), cmocka_unit_test(a_long_comment_is_cut)};
    return cmocka_run_group_tests_name("pcapng blocks", tests, NULL, NULL);
}
