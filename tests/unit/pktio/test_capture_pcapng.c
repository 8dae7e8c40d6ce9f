/* pcapng block by block: both byte orders, every kind of packet block, stamps of any resolution, comments, and a
 * place for everything that is wrong. */
#include "tests/support/cm.h"

#include "pktio/capture_pcapng.h"

/* Writer of blocks in either order. */
struct ng {
    struct buf b;
    bool big;
};

static void p16(struct ng *g, uint16_t v) {
    buf_u16(&g->b, g->big ? v : __builtin_bswap16(v));
}

static void p32(struct ng *g, uint32_t v) {
    buf_u32(&g->b, g->big ? v : __builtin_bswap32(v));
}

static void p64(struct ng *g, uint64_t v) {
    buf_u64(&g->b, g->big ? v : __builtin_bswap64(v));
}

static void pad(struct ng *g) {
    while (g->b.n % 4 != 0)
        buf_u8(&g->b, 0);
}

static size_t begin(struct ng *g, uint32_t type) {
    size_t at = g->b.n;
    p32(g, type);
    p32(g, 0);
    return at;
}

static void end(struct ng *g, size_t at) {
    pad(g);
    uint32_t length = (uint32_t)(g->b.n - at + 4);
    p32(g, length);
    put_be32(g->b.p + at + 4, g->big ? length : __builtin_bswap32(length));
}

static void option(struct ng *g, uint16_t code, const void *value, uint16_t n) {
    p16(g, code);
    p16(g, n);
    buf_put(&g->b, value, n);
    pad(g);
}

static void section(struct ng *g) {
    size_t at = begin(g, 0x0a0d0d0a);
    p32(g, 0x1a2b3c4d);
    p16(g, 1);
    p16(g, 0);
    p64(g, UINT64_MAX);
    option(g, 4, "a test", 6);
    p32(g, 0);
    end(g, at);
}

/* resolution: 0 leaves the option out. */
static void interface(
    struct ng *g, uint16_t link, uint32_t snaplen, uint8_t resolution, int64_t offset) {
    size_t at = begin(g, 1);
    p16(g, link);
    p16(g, 0);
    p32(g, snaplen);
    option(g, 2, "wlan0", 5);
    if (resolution != 0)
        option(g, 9, &resolution, 1);
    if (offset != 0) {
        p16(g, 14);
        p16(g, 8);
        p64(g, (uint64_t)offset);
    }
    p32(g, 0);
    end(g, at);
}

static void packet(struct ng *g, uint32_t type, uint32_t number, uint64_t ticks, const char *octets,
    const char *comment) {
    size_t at = begin(g, type);
    uint32_t n = (uint32_t)strlen(octets);
    if (type == 6) {
        p32(g, number);
    } else {
        p16(g, (uint16_t)number);
        p16(g, 7); /* drops */
    }
    p32(g, (uint32_t)(ticks >> 32));
    p32(g, (uint32_t)ticks);
    p32(g, n);
    p32(g, n + 10);
    buf_put(&g->b, octets, n);
    pad(g);
    if (comment != NULL) {
        option(g, 1, comment, (uint16_t)strlen(comment));
        option(g, 2, "\0\0\0\1", 4);
        option(g, 1, "again", 5); /* and no end of options */
    }
    end(g, at);
}

static void simple(struct ng *g, uint32_t original, const char *octets) {
    size_t at = begin(g, 3);
    p32(g, original);
    buf_put(&g->b, octets, strlen(octets));
    end(g, at);
}

struct reading {
    FILE *f;
    struct pcapng *g;
    struct pcapng_packet p;
    struct ws_err err;
};

static void open_octets(struct reading *r, struct span s) {
    union {
        const void *in;
        void *out;
    } octets = {.in = s.p}; /* opened for reading only */
    r->f = s.n > 0 ? fmemopen(octets.out, s.n, "rb") : fopen("/dev/null", "rb");
    assert_non_null(r->f);
    r->g = pcapng_new(r->f, "x.pcapng");
    r->err.text[0] = '\0';
}

static void shut(struct reading *r) {
    pcapng_free(r->g);
    (void)fclose(r->f);
}

static int next(struct reading *r) {
    return pcapng_next(r->g, &r->p, &r->err);
}

static bool is_text(struct span s, const char *text) {
    return span_equal(s, span_of(text, strlen(text)));
}

static void everything(struct ng *g) {
    section(g);
    interface(g, 1, 262144, 9, 0);
    interface(g, 127, 4, 0, 100);
    size_t at = begin(g, 4); /* names */
    p32(g, 0);
    end(g, at);
    packet(g, 6, 0, 1700000000123456789U, "first", "verdict: verified");
    packet(g, 6, 1, 1700000000123456U, "second!!", NULL);
    at = begin(g, 0xbad); /* somebody's own */
    buf_put(&g->b, "whatever", 8);
    end(g, at);
    packet(g, 2, 1, 5000000U, "old", "c");
    simple(g, 6, "simple");
}

static void both_byte_orders(void **state) {
    (void)state;
    for (unsigned big = 0; big < 2; big++) {
        struct ng g = {.big = big == 1};
        everything(&g);
        g.big = !g.big; /* a second section of the other order, with interfaces of its own */
        section(&g);
        interface(&g, 276, 3, 6, 0);
        simple(&g, 9, "cut");
        struct reading r;
        open_octets(&r, buf_span(&g.b));
        assert_int_equal(next(&r), 1);
        assert_true(is_text(r.p.data, "first"));
        assert_true(is_text(r.p.comment, "verdict: verified\nagain"));
        assert_true(is_text(r.p.name, "wlan0"));
        assert_int_equal(r.p.link, 1);
        assert_true(r.p.stamp_ns == 1700000000123456789U);
        assert_int_equal(r.p.original_octets, 15);
        assert_int_equal(next(&r), 1);
        assert_true(is_text(r.p.data, "second!!")); /* longer than the snapshot length: kept */
        assert_int_equal(r.p.comment.n, 0);
        assert_int_equal(r.p.link, 127);
        assert_int_equal(r.p.interface, 1);
        assert_true(r.p.stamp_ns == 1700000100123456000U);
        assert_int_equal(next(&r), 1);
        assert_true(is_text(r.p.data, "old"));
        assert_true(is_text(r.p.comment, "c\nagain"));
        assert_true(r.p.stamp_ns == 105000000000U);
        assert_int_equal(next(&r), 1);
        assert_true(is_text(r.p.data, "simple"));
        assert_true(r.p.stamp_ns == 105000000000U);
        assert_int_equal(r.p.comment.n, 0);
        assert_int_equal(next(&r), 1);
        assert_true(is_text(r.p.data, "cut"));
        assert_int_equal(r.p.original_octets, 9);
        assert_int_equal(r.p.link, 276);
        assert_int_equal(next(&r), 0);
        assert_int_equal(next(&r), 0);
        shut(&r);
        buf_free(&g.b);
    }
}

static void resolutions(void **state) {
    (void)state;
    static const struct {
        uint8_t resolution;
        int64_t offset;
        uint64_t ticks, want;
    } cases[] = {
        {3, 0, 1700000000123, 1700000000123000000U},
        {12, 0, 1700000000123456U, 1700000000123U},
        {127, 0, UINT64_MAX, 0},
        {0x80, 0, 1700000000, 1700000000000000000U},
        {0x80 | 10, 0, 1700000000ULL * 1024 + 512, 1700000000500000000U},
        {0x80 | 63, 0, 1ULL << 63, 1000000000},
        {0x80 | 127, 0, UINT64_MAX, 0},
        {6, -1700000000, 1700000001000000, 1000000000},
        {6, -10, 5000000, 0}, /* before 1970 */
        {6, 0, UINT64_MAX, UINT64_MAX}, /* after 2554 */
        {6, INT64_MAX, UINT64_MAX, UINT64_MAX},
        {9, INT64_MIN, 5, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ng g = {.big = i % 2 == 0};
        section(&g);
        interface(&g, 1, 0, cases[i].resolution, cases[i].offset);
        packet(&g, 6, 0, cases[i].ticks, "x", NULL);
        struct reading r;
        open_octets(&r, buf_span(&g.b));
        assert_int_equal(next(&r), 1);
        assert_true(r.p.stamp_ns == cases[i].want);
        shut(&r);
        buf_free(&g.b);
    }
}

/* A cut is noticed unless it falls between two blocks, and the text says where. */
static void cut_everywhere(void **state) {
    (void)state;
    struct ng g = {0};
    everything(&g);
    unsigned clean = 0;
    for (size_t n = 0; n < g.b.n; n++) {
        uint8_t *exact = ws_memdup(g.b.p, n);
        struct reading r;
        open_octets(&r, span_of(exact, n));
        int rc;
        uint64_t packets = 0;
        while ((rc = next(&r)) == 1)
            packets++;
        if (rc == 0) {
            clean++;
        } else {
            char record[40];
            (void)snprintf(record, sizeof(record), "x.pcapng: record %u, ", (unsigned)packets + 1);
            assert_int_equal(rc, WS_EINPUT);
            assert_non_null(strstr(r.err.text, record));
            assert_non_null(strstr(r.err.text, "octet"));
            assert_int_equal(next(&r), WS_EINPUT); /* and stays so */
        }
        shut(&r);
        free(exact);
    }
    assert_int_equal(clean, 9); /* nothing, and behind each block but the last */
    buf_free(&g.b);
}

static void refused(void **state) {
    (void)state;
    struct ng g = {0};
    section(&g);
    interface(&g, 1, 0, 9, 0);
    size_t start = g.b.n;
    packet(&g, 6, 0, 1, "abcd", NULL);
    static const struct {
        size_t at; /* in the packet block */
        uint32_t value;
        enum ws_code code;
        const char *text;
    } cases[] = {
        {4, 8, WS_EINPUT, "length is impossible"},
        {4, 38, WS_EINPUT, "length is impossible"},
        {4, 0x10000000, WS_ELIMIT, "16 MiB"},
        {8, 1, WS_EINPUT, "was not described"},
        {20, 5, WS_EINPUT, "runs past the block"},
        {20, UINT32_MAX, WS_EINPUT, "runs past the block"},
        {32, 32, WS_EINPUT, "two lengths differ"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t *copy = ws_memdup(g.b.p, g.b.n);
        put_be32(copy + start + cases[i].at, __builtin_bswap32(cases[i].value));
        struct reading r;
        open_octets(&r, span_of(copy, g.b.n));
        assert_int_equal(next(&r), cases[i].code);
        assert_non_null(strstr(r.err.text, cases[i].text));
        shut(&r);
        free(copy);
    }
    struct reading r;
    open_octets(&r, span_of(g.b.p + start, g.b.n - start));
    assert_int_equal(next(&r), WS_EINPUT);
    assert_non_null(strstr(r.err.text, "no section header"));
    shut(&r);
    g.b.p[8] ^= 1;
    open_octets(&r, buf_span(&g.b));
    assert_int_equal(next(&r), WS_EINPUT);
    assert_non_null(strstr(r.err.text, "byte-order magic"));
    shut(&r);
    buf_free(&g.b);
}

/* An option that runs past its block: on a packet the frame is whole, on an interface every stamp is in doubt. */
static void damaged_options(void **state) {
    (void)state;
    for (unsigned on_interface = 0; on_interface < 2; on_interface++) {
        struct ng g = {0};
        section(&g);
        size_t at = begin(&g, 1);
        p32(&g, 1);
        p32(&g, 0);
        if (on_interface == 1)
            p32(&g, 0x00ff0009);
        end(&g, at);
        at = begin(&g, 6);
        p32(&g, 0);
        p64(&g, 0);
        p32(&g, 4);
        p32(&g, 4);
        buf_put(&g.b, "abcd", 4);
        option(&g, 1, "kept", 4);
        p32(&g, 0x00ff0001);
        end(&g, at);
        struct reading r;
        open_octets(&r, buf_span(&g.b));
        assert_int_equal(next(&r), on_interface == 1 ? WS_EINPUT : 1);
        if (on_interface == 0)
            assert_true(is_text(r.p.comment, "kept"));
        shut(&r);
        buf_free(&g.b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_byte_orders),
        cmocka_unit_test(resolutions),
        cmocka_unit_test(cut_everywhere),
        cmocka_unit_test(refused),
        cmocka_unit_test(damaged_options),
    };
    return cmocka_run_group_tests_name("capture_pcapng", tests, NULL, NULL);
}
