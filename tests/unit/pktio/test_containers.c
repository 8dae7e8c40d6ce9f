/* One verified message in every carrier, written into every kind of capture file by hand: each frame comes out with its
 * octets, link type and stamp, and is verified. */
#include "tests/support/cm.h"
#include "tests/support/dot2.h"
#include "tests/support/wrap.h"

#include "base/clock.h"
#include "pktio/capture.h"
#include "v2x/facility.h"
#include "v2x/gn.h"
#include "v2x/psid.h"

#include <stdio.h>
#include <unistd.h>

enum { FRAMES_MAX = 600, LINKS_MAX = 16 };

struct file_frame {
    struct wrapped w;
    uint64_t stamp_ns;
};

struct set {
    struct file_frame at[FRAMES_MAX];
    size_t n;
    uint32_t link[LINKS_MAX];
    size_t n_links;
    struct trust_store *trust;
    struct pipeline *p;
    unsigned verified;
    char path[64];
};

static const uint64_t PSIDS[] = {PSID_CAM};

static void note_link(struct set *s, uint32_t link) {
    for (size_t i = 0; i < s->n_links; i++) {
        if (s->link[i] == link)
            return;
    }
    assert_true(s->n_links < LINKS_MAX);
    s->link[s->n_links++] = link;
}

/* A millisecond between two frames; stamps are whole milliseconds, so that each resolution below holds them but that of
 * 2^-20, which is compared to a microsecond. */
static void make_frames(struct set *s) {
    struct ws_random rnd = ws_random_seeded(81);
    struct dot2_cert root, ticket;
    struct dot2_cert_spec spec = {.curve = DOT2_BP256,
        .authority = true,
        .chain_length = 1,
        .key_form = DOT2_COMPRESSED,
        .from_s = 700000000,
        .hours = 2000};
    dot2_cert_make(&root, &spec, NULL, &rnd);
    spec = (struct dot2_cert_spec){.curve = DOT2_P256,
        .key_form = DOT2_COMPRESSED,
        .from_s = 700000000,
        .hours = 168,
        .psids = PSIDS,
        .n_psids = 1};
    dot2_cert_make(&ticket, &spec, &root, &rnd);
    struct ws_err err;
    s->trust = trust_store_new(2);
    assert_int_equal(trust_add_root(s->trust, buf_span(&root.octets), &err), WS_OK);
    uint64_t its_us = UINT64_C(700003600000000);
    const struct cam_fields fields = {.station_id = 7, .station_type = 5};
    const struct gn_source src = {.address = 0x1400021122334455};
    struct buf cam = {0}, payload = {0};
    cam_put(&cam, &fields);
    gn_put_shb(&payload, &src, 2001, buf_span(&cam));
    for (size_t link = 0; link < wrap_links(); link++) {
        for (size_t network = 0; network < wrap_networks(); network++) {
            if (!wrap_goes(link, network))
                continue;
            struct buf m = {0};
            struct dot2_free_octets no_matter;
            struct dot2_message_spec ms = {.psid = PSID_CAM,
                .generation_us = its_us,
                .payload = buf_span(&payload),
                .with_certificate = s->n % 2 == 0,
                .r_form = s->n % DOT2_FORMS};
            assert_true(s->n < FRAMES_MAX);
            struct file_frame *f = &s->at[s->n++];
            dot2_message(&m, &ms, &ticket, &rnd, &no_matter);
            assert_true(wrap(link, network, buf_span(&m), PSID_CAM, (uint16_t)link, &f->w));
            f->stamp_ns = (uint64_t)its_to_unix_us(its_us) * 1000;
            note_link(s, f->w.link);
            its_us += 1000;
            buf_free(&m);
        }
    }
    buf_free(&cam);
    buf_free(&payload);
    dot2_cert_free(&ticket);
    dot2_cert_free(&root);
}

static int setup(void **state) {
    struct set *s = ws_alloc(sizeof(*s));
    make_frames(s);
    (void)snprintf(s->path, sizeof(s->path), "/tmp/wayside-containers-XXXXXX");
    int fd = mkstemp(s->path);
    assert_true(fd >= 0);
    (void)close(fd);
    *state = s;
    return 0;
}

static int teardown(void **state) {
    struct set *s = *state;
    for (size_t i = 0; i < s->n; i++)
        buf_free(&s->at[i].w.frame);
    trust_store_free(s->trust);
    (void)unlink(s->path);
    free(s);
    return 0;
}

/* ---- octets in either order ---- */

struct out {
    struct buf b;
    bool big;
};

static void put16(struct out *o, uint16_t v) {
    buf_u16(&o->b, o->big ? v : __builtin_bswap16(v));
}

static void put32(struct out *o, uint32_t v) {
    buf_u32(&o->b, o->big ? v : __builtin_bswap32(v));
}

static void store(const struct set *s, struct out *o) {
    FILE *f = fopen(s->path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(o->b.p, 1, o->b.n, f), o->b.n);
    assert_int_equal(fclose(f), 0);
    buf_free(&o->b);
}

/* ---- reading back ---- */

static bool sink(void *ctx, struct pkt_message *m) {
    struct set *s = ctx;
    s->verified++;
    pkt_message_release(m);
    return true;
}

static void note(void *ctx, const struct pkt_frame *f, enum pkt_verdict v, const char *detail) {
    (void)ctx;
    if (v != PKT_VERIFIED)
        fail_msg("frame %llu, link %d: %s (%s)", (unsigned long long)f->number, (int)f->link,
            pkt_verdict_name(v), detail);
}

/* Frames of this link type, 0: of all, in their order. off_ns: how far a stamp may be off. */
static void expect(struct set *s, uint32_t link, uint64_t off_ns) {
    struct pipeline_config cfg = {
        .limits = {.source_slots = 64,
            .source_burst = 1000,
            .replay_slots = 1024,
            .cert_slots = 64,
            .message_pool = 4,
            .freshness_us = 2000000,
            .freshness_own_us = 2000000,
            .future_us = 2000000,
            .table_octets = 1U << 20},
        .trust = s->trust,
        .verify = true,
    };
    struct capture *c;
    struct pkt_frame f;
    struct ws_err err;
    unsigned want = 0;
    uint64_t its_us = 0;
    s->verified = 0;
    s->p = pipeline_new(&cfg, sink, s, note, s);
    if (capture_open(s->path, 0, &c, &err) != WS_OK)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < s->n; i++) {
        const struct file_frame *e = &s->at[i];
        if (link != 0 && e->w.link != link)
            continue;
        int got = capture_next(c, &f, &err);
        if (got != 1)
            fail_msg("frame %u: %s", want + 1, got == 0 ? "end of file" : err.text);
        want++;
        assert_int_equal(f.link, e->w.link);
        assert_true(span_equal(f.data, buf_span(&e->w.frame)));
        assert_int_equal(f.original_octets, e->w.frame.n);
        assert_true(f.stamp_ns <= e->stamp_ns && e->stamp_ns - f.stamp_ns <= off_ns);
        its_us = its_from_unix_us((int64_t)(e->stamp_ns / 1000));
        pipeline_take(s->p, &f, 1, its_us);
        (void)pipeline_work(s->p, its_us);
    }
    assert_int_equal(capture_next(c, &f, &err), 0);
    pipeline_finish(s->p, its_us);
    assert_int_equal(s->verified, want);
    assert_true(want > 0);
    capture_close(c);
    pipeline_free(s->p);
}

/* ---- classic files ---- */

static void classic(void **state) {
    struct set *s = *state;
    for (unsigned kind = 0; kind < 4; kind++) {
        for (size_t k = 0; k < s->n_links; k++) {
            struct out o = {.big = (kind & 1) != 0};
            bool nano = (kind & 2) != 0;
            put32(&o, nano ? 0xa1b23c4d : 0xa1b2c3d4);
            put16(&o, 2);
            put16(&o, 4);
            put32(&o, 0);
            put32(&o, 0);
            put32(&o, 65535);
            put32(&o, s->link[k]);
            for (size_t i = 0; i < s->n; i++) {
                const struct file_frame *f = &s->at[i];
                if (f->w.link != s->link[k])
                    continue;
                put32(&o, (uint32_t)(f->stamp_ns / 1000000000));
                put32(&o, (uint32_t)(f->stamp_ns % 1000000000 / (nano ? 1 : 1000)));
                put32(&o, (uint32_t)f->w.frame.n);
                put32(&o, (uint32_t)f->w.frame.n);
                buf_put(&o.b, f->w.frame.p, f->w.frame.n);
            }
            store(s, &o);
            expect(s, s->link[k], 0);
        }
    }
}

/* ---- pcapng ---- */

/* Begins a block; its lengths are set at its end. */
static size_t begin(struct out *o, uint32_t type) {
    put32(o, type);
    put32(o, 0);
    return o->b.n - 8;
}

static void end(struct out *o, size_t at) {
    uint32_t n = (uint32_t)(o->b.n - at) + 4;
    put32(o, n);
    uint32_t v = o->big ? n : __builtin_bswap32(n);
    put_be32(o->b.p + at + 4, v);
}

static void pad(struct out *o) {
    while (o->b.n % 4 != 0)
        buf_u8(&o->b, 0);
}

static void option(struct out *o, uint16_t code, struct span value) {
    put16(o, code);
    put16(o, (uint16_t)value.n);
    buf_put(&o->b, value.p, value.n);
    pad(o);
}

/* Blocks that say nothing about frames: names, statistics, somebody's own, one that nobody knows. */
static void other_blocks(struct out *o) {
    static const uint32_t types[] = {4, 5, 0x0bad, 0x40000bad, 0x80001234};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        size_t at = begin(o, types[i]);
        for (size_t k = 0; k < 3 + i; k++)
            put32(o, 0x01020304);
        end(o, at);
    }
}

static void section(struct out *o) {
    size_t at = begin(o, 0x0a0d0d0a);
    put32(o, 0x1a2b3c4d);
    put16(o, 1);
    put16(o, 0);
    put32(o, 0xffffffff);
    put32(o, 0xffffffff);
    option(o, 3, span_of("an os", 5));
    option(o, 4, span_of("a tool", 6));
    option(o, 0, span_of("", 0));
    end(o, at);
}

/* Resolutions by turns: none said (microseconds), 10^-9, 10^-6 with an offset of a day, 2^-20, 10^-3. */
enum { RESOLUTIONS = 5, DAY = 86400 };

static uint64_t ticks_of(size_t interface, uint64_t ns) {
    switch (interface % RESOLUTIONS) {
    case 1:
        return ns;
    case 2:
        return ns / 1000 - (uint64_t)DAY * 1000000;
    case 3:
        return (uint64_t)(((unsigned __int128)ns << 20) / 1000000000);
    case 4:
        return ns / 1000000;
    default:
        return ns / 1000;
    }
}

static void interface(struct out *o, size_t number, uint32_t link) {
    static const uint8_t resolution[RESOLUTIONS] = {6, 9, 6, 0x80 | 20, 3};
    size_t at = begin(o, 1);
    put16(o, (uint16_t)link);
    put16(o, 0);
    put32(o, number % 2 == 0 ? 0 : 65535);
    option(o, 2, span_of("wlan0", 5));
    if (number % RESOLUTIONS != 0)
        option(o, 9, span_of(&resolution[number % RESOLUTIONS], 1));
    if (number % RESOLUTIONS == 2) {
        struct out v = {.big = o->big};
        put32(&v, o->big ? 0 : DAY);
        put32(&v, o->big ? DAY : 0);
        option(o, 14, buf_span(&v.b));
        buf_free(&v.b);
    }
    if (number % 3 != 0) /* the end of the options may be left out */
        option(o, 0, span_of("", 0));
    end(o, at);
}

static void packet(
    struct out *o, size_t turn, size_t interface_number, const struct file_frame *f) {
    uint64_t ticks = ticks_of(interface_number, f->stamp_ns);
    bool old = turn % 4 == 3;
    size_t at = begin(o, old ? 2 : 6);
    if (old) {
        put16(o, (uint16_t)interface_number);
        put16(o, 0xffff); /* drops: not known */
    } else {
        put32(o, (uint32_t)interface_number);
    }
    put32(o, (uint32_t)(ticks >> 32));
    put32(o, (uint32_t)ticks);
    put32(o, (uint32_t)f->w.frame.n);
    put32(o, (uint32_t)f->w.frame.n);
    buf_put(&o->b, f->w.frame.p, f->w.frame.n);
    pad(o);
    if (turn % 3 == 1) {
        option(o, 1, span_of(f->w.name, strlen(f->w.name)));
        option(o, 2, span_of("\0\0\0\1", 4));
        option(o, 2988,
            span_of("\0\0\0\7mine", 8)); /* somebody's own, by the number of an enterprise */
        option(o, 0, span_of("", 0));
    }
    end(o, at);
}

static size_t number_of(const struct set *s, uint32_t link) {
    for (size_t i = 0; i < s->n_links; i++) {
        if (s->link[i] == link)
            return i;
    }
    fail();
    return 0;
}

/* Interfaces of every link type in one section; a second section, in the other order, holds the second half. */
static void sections_and_interfaces(void **state) {
    struct set *s = *state;
    for (unsigned kind = 0; kind < 4; kind++) {
        struct out o = {.big = (kind & 1) != 0};
        for (size_t i = 0; i < s->n; i++) {
            if (i == 0 || (i == s->n / 2 && (kind & 2) != 0)) {
                /* Blocks stand at multiples of four; the other order begins with the section. */
                o.big ^= i != 0;
                section(&o);
                for (size_t k = 0; k < s->n_links; k++)
                    interface(&o, k, s->link[k]);
            }
            if (i % 7 == 0)
                other_blocks(&o);
            packet(&o, i, number_of(s, s->at[i].w.link), &s->at[i]);
        }
        store(s, &o);
        expect(s, 0, 1000);
    }
}

/* Is the network layer there in the dissector's line: malformed; psid of 1609.2; psid of WSMP; port of UDP? It takes
 * 1609.2 apart in GeoNetworking only, and knows neither user link types nor elements in WSMP's T-header. */
static bool is_found(const char *name, const char *line) {
    if (strstr(name, ", GN") != NULL)
        return strcmp(line, ";36;;") == 0;
    if (strstr(name, ", WSMP") != NULL)
        return strncmp(line, ";;0x", 4) == 0 && strtoul(line + 2, NULL, 16) == 36;
    return strcmp(line, ";;;1516") == 0;
}

/* The frames themselves, which tests made by hand, before an independent dissector. */
static void a_dissector_reads_the_same(void **state) {
    struct set *s = *state;
    if (system("command -v tshark >/dev/null 2>&1") != 0)
        skip();
    struct out o = {.big = false};
    section(&o);
    for (size_t k = 0; k < s->n_links; k++)
        interface(&o, k, s->link[k]);
    for (size_t i = 0; i < s->n; i++)
        packet(&o, i, number_of(s, s->at[i].w.link), &s->at[i]);
    store(s, &o);
    char command[256];
    (void)snprintf(command, sizeof(command),
        "tshark -r %s -T fields -E occurrence=f -E separator=';' -e _ws.malformed "
        "-e ieee1609dot2.psid -e wsmp.psid -e udp.dstport 2>/dev/null",
        s->path);
    FILE *answer = popen(command, "r");
    assert_non_null(answer);
    char *line = NULL;
    size_t cap = 0, n = 0;
    unsigned found = 0, asked = 0;
    for (; n < s->n && getline(&line, &cap, answer) > 0; n++) {
        const char *name = s->at[n].w.name;
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(name, "user", 4) == 0 || strstr(name, "T elements") != NULL)
            continue;
        asked++;
        found += is_found(name, line);
        if (!is_found(name, line))
            print_message("%s: \"%s\"\n", name, line);
    }
    free(line);
    if (pclose(answer) != 0)
        skip();
    assert_int_equal(n, s->n);
    print_message("%u of %u\n", found, asked);
    assert_int_equal(found, asked);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(classic, setup, teardown),
        cmocka_unit_test_setup_teardown(sections_and_interfaces, setup, teardown),
        cmocka_unit_test_setup_teardown(a_dissector_reads_the_same, setup, teardown),
    };
    return cmocka_run_group_tests_name("capture files of every kind", tests, NULL, NULL);
}
