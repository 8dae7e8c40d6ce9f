/* Captures packed with gzip read as if they were not; what is cut or damaged is told after everything before it. */
#include "tests/support/cm.h"

#include "base/fileio.h"
#include "base/mem.h"
#include "pktio/capture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { FRAMES = 20 };

struct fixture {
    char dir[256];
    char path[300], packed[300];
};

static int setup(void **state) {
    struct fixture *f = ws_alloc(sizeof(*f));
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(f->dir, sizeof(f->dir), "%s/wayside-XXXXXX", tmp != NULL ? tmp : P_tmpdir);
    if (mkdtemp(f->dir) == NULL)
        return -1;
    (void)snprintf(f->path, sizeof(f->path), "%s/c.pcap", f->dir);
    (void)snprintf(f->packed, sizeof(f->packed), "%s/c.pcap.gz", f->dir);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    (void)unlink(f->path);
    (void)unlink(f->packed);
    int rc = rmdir(f->dir);
    free(f);
    return rc;
}

/* Frames of different lengths, each beginning with its number. */
static struct buf capture_octets(const struct fixture *f, bool ng) {
    struct capture_writer *w = NULL;
    struct ws_err err;
    struct buf b = {0};
    uint8_t octets[400];
    assert_int_equal(
        ng ? capture_create_annotated(f->path, 0600, &w, &err) : capture_create(f->path, &w, &err),
        WS_OK);
    for (uint32_t i = 0; i < FRAMES; i++) {
        for (size_t k = 0; k < sizeof(octets); k++)
            octets[k] = (uint8_t)((i + 1) * k * 2654435761U >> 13);
        put_be32(octets, i);
        struct span data = span_of(octets, 40 + 5 * i);
        struct pkt_frame frame = {.data = data,
            .link = LINK_ETHERNET,
            .original_octets = (uint32_t)data.n,
            .stamp_ns = 1700000000000000000U + i};
        if (ng)
            capture_put_annotated(w, &frame, NULL, "seen");
        else
            capture_put(w, frame.stamp_ns, data);
    }
    assert_int_equal(capture_finish(w, &err), WS_OK);
    assert_int_equal(file_read(f->path, 1U << 20, &b, &err), WS_OK);
    return b;
}

/* Appends one gzip member. */
static void pack(struct span s, struct buf *b) {
    z_stream z = {0};
    uint8_t *copy = ws_memdup(s.p, s.n);
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t most = deflateBound(&z, s.n) + 32;
    z.next_in = copy;
    z.avail_in = (uInt)s.n;
    z.next_out = buf_grow(b, most);
    z.avail_out = (uInt)most;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    b->n -= z.avail_out;
    assert_int_equal(deflateEnd(&z), Z_OK);
    free(copy);
}

/* Thousands of times: nothing waits for the disk. */
static void put(const char *path, struct span octets) {
    FILE *out = fopen(path, "wbe");
    assert_non_null(out);
    assert_int_equal(fwrite(octets.p, 1, octets.n, out), octets.n);
    assert_int_equal(fclose(out), 0);
}

/* Frames in order from the first on; returns how many, *ret_rc how it ended. */
static uint32_t read_frames(const char *path, int *ret_rc, struct ws_err *err) {
    struct capture *c = NULL;
    struct pkt_frame f;
    uint32_t n = 0;
    err->text[0] = '\0';
    *ret_rc = capture_open(path, 0, &c, err);
    if (*ret_rc != WS_OK)
        return 0;
    while ((*ret_rc = capture_next(c, &f, err)) == 1) {
        assert_int_equal(f.data.n, 40 + 5 * n);
        assert_int_equal(be32(f.data.p), n);
        assert_int_equal(f.stamp_ns, 1700000000000000000U + n);
        n++;
    }
    if (*ret_rc < 0) /* and stays so */
        assert_true(capture_next(c, &f, err) < 0);
    capture_close(c);
    return n;
}

static void packed_captures_read_like_plain_ones(void **state) {
    struct fixture *f = *state;
    for (int ng = 0; ng < 2; ng++) {
        struct ws_err err;
        struct buf packed = {0};
        struct buf plain = capture_octets(f, ng == 1);
        int rc;
        pack(buf_span(&plain), &packed);
        put(f->packed, buf_span(&packed));
        assert_int_equal(read_frames(f->packed, &rc, &err), FRAMES);
        assert_int_equal(rc, 0);
        /* Members one behind the other, as rotated logs are put together, an empty one among them, and a tape's padding. */
        for (size_t cut = 0; cut <= plain.n; cut += plain.n / 7) {
            buf_clear(&packed);
            pack(span_of(plain.p, cut), &packed);
            pack(span_of("", 0), &packed);
            pack(span_of(plain.p + cut, plain.n - cut), &packed);
            for (int i = 0; i < 512; i++)
                buf_u8(&packed, 0);
            put(f->packed, buf_span(&packed));
            assert_int_equal(read_frames(f->packed, &rc, &err), FRAMES);
            assert_int_equal(rc, 0);
        }
        buf_free(&packed);
        buf_free(&plain);
    }
}

static void cut_at_every_octet_it_gives_what_was_before_and_says_so(void **state) {
    struct fixture *f = *state;
    for (int ng = 0; ng < 2; ng++) {
        struct ws_err err;
        struct buf packed = {0};
        struct buf plain = capture_octets(f, ng == 1);
        uint32_t before = 0;
        int rc;
        pack(buf_span(&plain), &packed);
        for (size_t n = 0; n < packed.n; n++) {
            put(f->packed, span_of(packed.p, n));
            uint32_t frames = read_frames(f->packed, &rc, &err);
            assert_true(rc < 0);
            assert_true(frames >= before);
            before = frames;
            assert_non_null(strstr(err.text, f->packed));
            if (frames > 0)
                assert_non_null(strstr(err.text, "the gzip stream is cut"));
        }
        assert_int_equal(before, FRAMES); /* without the last octets of the check sum */
        buf_free(&packed);
        buf_free(&plain);
    }
}

/* A flipped bit is found by the check sum at the latest, unless it is one of the few that say nothing about the content: the
 * header's time, flags and system, and padding before what is stored as it is. */
static void damage_is_told(void **state) {
    struct fixture *f = *state;
    struct ws_err err;
    struct buf packed = {0};
    struct buf plain = capture_octets(f, false);
    int rc;
    size_t unharmed = 0;
    pack(buf_span(&plain), &packed);
    for (size_t at = 0; at < packed.n; at++) {
        packed.p[at] ^= 0x10;
        put(f->packed, buf_span(&packed));
        struct capture *c = NULL;
        struct pkt_frame frame;
        rc = capture_open(f->packed, 0, &c, &err);
        for (unsigned n = 0; rc >= 0 && (rc = capture_next(c, &frame, &err)) == 1; n++)
            assert_true(n < 100000);
        if (c != NULL)
            capture_close(c);
        if (rc == 0) {
            assert_int_equal(read_frames(f->packed, &rc, &err), FRAMES);
            unharmed++;
        }
        packed.p[at] ^= 0x10;
    }
    assert_in_range(unharmed, 1, 12);
    buf_clear(&packed);
    pack(buf_span(&plain), &packed);
    buf_put(&packed, "more", 4);
    put(f->packed, buf_span(&packed));
    assert_int_equal(read_frames(f->packed, &rc, &err), FRAMES);
    assert_int_equal(rc, WS_EINPUT);
    assert_non_null(strstr(err.text, "something else stands behind the gzip stream"));
    buf_free(&packed);
    buf_free(&plain);
}

static void what_is_no_capture_inside_is_refused(void **state) {
    struct fixture *f = *state;
    struct ws_err err;
    struct buf once = {0};
    struct buf twice = {0};
    struct buf plain = capture_octets(f, false);
    struct capture *c = NULL;
    pack(span_of("a map, not a capture", 20), &once);
    put(f->packed, buf_span(&once));
    assert_int_equal(capture_open(f->packed, 0, &c, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "not a capture"));
    buf_clear(&once);
    pack(buf_span(&plain), &once);
    pack(buf_span(&once), &twice);
    put(f->packed, buf_span(&twice));
    assert_int_equal(capture_open(f->packed, 0, &c, &err), WS_ENOTSUP);
    assert_non_null(strstr(err.text, "twice"));
    buf_free(&once);
    buf_free(&twice);
    buf_free(&plain);
}

struct feed {
    const char *path;
    struct span octets;
};

static void *feed_fifo(void *arg) {
    const struct feed *feed = arg;
    FILE *out = fopen(feed->path, "wbe");
    if (out == NULL)
        return NULL;
    for (size_t at = 0; at < feed->octets.n; at += 100) {
        size_t left = feed->octets.n - at;
        (void)fwrite(feed->octets.p + at, 1, left < 100 ? left : 100, out);
        (void)fflush(out);
    }
    (void)fclose(out);
    return NULL;
}

static void from_a_fifo(void **state) {
    struct fixture *f = *state;
    struct ws_err err;
    struct buf packed = {0};
    struct buf plain = capture_octets(f, true);
    pthread_t t;
    int stop[2];
    pack(buf_span(&plain), &packed);
    struct feed feed = {f->packed, buf_span(&packed)};
    assert_int_equal(mkfifo(f->packed, 0600), 0);
    assert_int_equal(pipe(stop), 0);
    assert_int_equal(pthread_create(&t, NULL, feed_fifo, &feed), 0);
    struct capture *c = NULL;
    struct pkt_frame frame;
    assert_int_equal(capture_open_until(f->packed, 0, stop[0], &c, &err), WS_OK);
    uint32_t n = 0;
    while (capture_next(c, &frame, &err) == 1)
        assert_int_equal(be32(frame.data.p), n++);
    assert_int_equal(n, FRAMES);
    capture_close(c);
    assert_int_equal(pthread_join(t, NULL), 0);
    assert_int_equal(close(stop[0]), 0);
    assert_int_equal(close(stop[1]), 0);
    buf_free(&packed);
    buf_free(&plain);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(packed_captures_read_like_plain_ones),
        T(cut_at_every_octet_it_gives_what_was_before_and_says_so),
        T(damage_is_told),
        T(what_is_no_capture_inside_is_refused),
        T(from_a_fifo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
