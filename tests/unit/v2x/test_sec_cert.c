/* v2x/cert.h and v2x/spdu.h on samples with every part: canonical hashes, permissions, regions, refusals. */
#include "tests/support/cm.h"

#include "tests/fuzz/v2x_samples.h"
#include "tests/unit/v2x/sec_support.h"

static struct cert parsed(const struct buf *b) {
    struct cert c;
    size_t at;
    enum coer_fail fail = cert_parse(buf_span(b), &c, &at);
    if (fail != COER_OK)
        fail_msg("octet %zu: %s", at, coer_fail_text(fail));
    return c;
}

static const struct sample_shape everything = {.id = CERT_ID_LINKAGE,
    .group = true,
    .region = 3,
    .permissions = true,
    .encryption_key = true,
    .additions = true};

/* Points with both coordinates and rSig as a point change the octets, but neither hash nor digest. */
static void hashes_are_of_the_canonical_form(void **state) {
    (void)state;
    static const struct {
        enum cert_type type;
        enum ec_curve key, signature;
    } v[] = {{CERT_EXPLICIT, CURVE_P256, CURVE_BP256}, {CERT_EXPLICIT, CURVE_P384, CURVE_BP384},
        {CERT_EXPLICIT, CURVE_BP256, CURVE_P384}, {CERT_IMPLICIT, CURVE_P256, CURVE_P256}};
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        for (unsigned with_key = 0; with_key < 2; with_key++) {
            struct sample_shape shape = everything;
            shape.type = v[i].type;
            shape.key = v[i].key;
            shape.signature = v[i].signature;
            shape.encryption_key = with_key == 1;
            struct buf canonical = {0}, other = {0};
            sample_cert(&canonical, &shape);
            shape.uncompressed = true;
            sample_cert(&other, &shape);
            assert_false(span_equal(buf_span(&canonical), buf_span(&other)));
            struct cert a = parsed(&canonical), b = parsed(&other);
            uint8_t ha[48], hb[48];
            size_t n;
            v2x_sha256(a.all, (struct span){NULL, 0}, hb);
            cert_hash256(&a, ha);
            assert_memory_equal(ha, hb, 32); /* as received */
            cert_hash256(&b, hb);
            assert_memory_equal(ha, hb, 32);
            cert_hash384(&a, ha);
            cert_hash384(&b, hb);
            assert_memory_equal(ha, hb, 48);
            for (unsigned sha384 = 0; sha384 < 2; sha384++) {
                cert_digest(&a, ha, sha384 == 1, ha, &n);
                cert_digest(&b, hb, sha384 == 1, hb, &n);
                assert_int_equal(n, sha384 == 1 ? 48 : 32);
                assert_memory_equal(ha, hb, n);
            }
            buf_free(&canonical);
            buf_free(&other);
        }
    }
}

static void fields_of_samples(void **state) {
    (void)state;
    struct buf b = {0};
    sample_cert(&b, &everything);
    struct cert c = parsed(&b);
    assert_int_equal(c.id_kind, CERT_ID_LINKAGE);
    assert_int_equal(c.id.n, 1 + 2 + 9 + 4 + 9);
    assert_memory_equal(c.craca_id, "\x01\x02\x03", 3);
    assert_int_equal(c.crl_series, 4);
    assert_true(c.valid_until_s == 650000000 + UINT64_C(3) * 31556952);
    assert_true(c.region.present);
    assert_int_equal(c.region.kind, 3);
    assert_int_equal(c.n_app, 3);
    assert_int_equal(c.n_issue, 2);
    assert_true(c.has_request_permissions);
    assert_true(c.has_encryption_key);
    assert_true(cert_psids_unique(&c));
    buf_free(&b);
    for (int id = CERT_ID_LINKAGE; id <= CERT_ID_OTHER; id++) {
        for (int issuer = ISSUER_SHA256; issuer <= ISSUER_SM3; issuer++) {
            struct sample_shape shape = {
                .id = (enum cert_id_kind)id, .issuer = (enum cert_issuer_kind)issuer, .region = -1};
            sample_cert(&b, &shape);
            c = parsed(&b);
            assert_int_equal(c.id_kind, id);
            assert_int_equal(c.issuer_kind, issuer);
            if (issuer != ISSUER_SELF)
                assert_memory_equal(c.issuer_id, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
            buf_free(&b);
        }
    }
}

static void cut_samples_are_refused(void **state) {
    (void)state;
    for (unsigned k = 0; k < 4; k++) {
        struct sample_shape shape = everything;
        shape.type = k == 1 ? CERT_IMPLICIT : CERT_EXPLICIT;
        shape.key = k == 2 ? CURVE_BP384 : CURVE_P256;
        shape.uncompressed = k == 3;
        shape.region = (int)k;
        struct buf b = {0};
        sample_cert(&b, &shape);
        for (size_t n = 0; n < b.n; n++) {
            uint8_t *copy = ws_memdup(b.p, n);
            struct cert c;
            size_t at;
            assert_int_equal(cert_parse(span_of(copy, n), &c, &at), COER_TRUNCATED);
            assert_true(at <= n);
            free(copy);
        }
        buf_u8(&b, 0);
        struct cert c;
        size_t at;
        assert_int_equal(cert_parse(buf_span(&b), &c, &at), COER_TRAILING);
        assert_int_equal(at, b.n - 1);
        buf_free(&b);
    }
}

/* One octet of a plain self-signed certificate replaced: the reason and the place. */
static void refusals_have_names(void **state) {
    (void)state;
    static const struct {
        size_t at;
        uint8_t octet;
        enum coer_fail fail;
        size_t fail_at;
    } v[] = {
        {0, 0x81, COER_PREAMBLE, 0}, /* padding */
        {0, 0x00, COER_VALUE, 0}, /* explicit without signature */
        {1, 2, COER_VALUE, 1}, /* version */
        {2, 2, COER_VALUE, 2}, /* type */
        {2, 1, COER_VALUE, 0}, /* implicit with verification key */
        {3, 0x84, COER_CHOICE, 3}, /* issuer */
        {4, 3, COER_VALUE, 4}, /* hash algorithm */
        {6, 0x44, COER_CHOICE, 6}, /* id */
        {7, 0x81, COER_LENGTH_FORM, 7}, /* length of the name */
        {23, 0x87, COER_CHOICE, 23}, /* duration */
        {27, 0x82, COER_CHOICE, 27}, /* verification key indicator */
        {28, 0x85, COER_CHOICE, 28}, /* curve */
        {29, 0x85, COER_CHOICE, 29}, /* form of the point */
        {62, 0x85, COER_CHOICE, 62}, /* curve of the signature */
        {63, 0x81, COER_CHOICE, 63}, /* fill as rSig */
    };
    struct sample_shape shape = {.id = CERT_ID_NAME, .issuer = ISSUER_SELF, .region = -1};
    struct buf b = {0};
    sample_cert(&b, &shape);
    (void)parsed(&b);
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        struct cert c;
        size_t at = 0;
        uint8_t was = b.p[v[i].at];
        b.p[v[i].at] = v[i].octet;
        enum coer_fail fail = cert_parse(buf_span(&b), &c, &at);
        if (fail != v[i].fail || at != v[i].fail_at)
            fail_msg("case %zu: octet %zu: %s", i, at, coer_fail_text(fail));
        b.p[v[i].at] = was;
    }
    buf_free(&b);
}

/* A certificate with these application and issuing permissions, given as their encodings. */
static struct cert with_permissions(struct buf *b, const char *app_hex, const char *issue_hex) {
    struct buf app = test_unhex(app_hex), issue = test_unhex(issue_hex);
    *b = (struct buf){0};
    buf_put(b, "\x80\x03\x00\x81\x00", 5);
    buf_u8(b, (uint8_t)((app.n > 0 ? 0x10 : 0) | (issue.n > 0 ? 0x08 : 0)));
    buf_put(b, "\x83\x00\x00\x00\x00\x00\x00\x00\x00\x01\x84\x00\x01", 13);
    buf_put(b, app.p, app.n);
    buf_put(b, issue.p, issue.n);
    buf_put(b, "\x80\x80\x82", 3);
    memset(buf_grow(b, 32), 1, 32);
    buf_put(b, "\x80\x80", 2);
    memset(buf_grow(b, 64), 1, 64);
    buf_free(&app);
    buf_free(&issue);
    return parsed(b);
}

static bool within(const char *app, const char *issue, const char *issuer_issue) {
    struct buf a, b;
    struct cert c = with_permissions(&a, app, issue);
    struct cert issuer = with_permissions(&b, "", issuer_issue);
    bool yes = cert_permissions_within(&c, &issuer);
    buf_free(&a);
    buf_free(&b);
    return yes;
}

/* Pieces: count, then PsidSsp or PsidGroupPermissions. */
#define APP_36                                                                                     \
    "0101"                                                                                         \
    "00"                                                                                           \
    "0124"
#define APP_36_OPAQUE                                                                              \
    "0101"                                                                                         \
    "80"                                                                                           \
    "0124"                                                                                         \
    "80"                                                                                           \
    "02aabb"
#define APP_36_BITMAP                                                                              \
    "0101"                                                                                         \
    "80"                                                                                           \
    "0124"                                                                                         \
    "81"                                                                                           \
    "04"                                                                                           \
    "03018000"
#define ALL_1                                                                                      \
    "0101"                                                                                         \
    "00"                                                                                           \
    "81"
#define ALL_1_2                                                                                    \
    "0101"                                                                                         \
    "40"                                                                                           \
    "81"                                                                                           \
    "0101"
#define ALL_2                                                                                      \
    "0101"                                                                                         \
    "80"                                                                                           \
    "81"                                                                                           \
    "0102"
#define NAMED_36                                                                                   \
    "0101"                                                                                         \
    "00"                                                                                           \
    "80"                                                                                           \
    "0101"                                                                                         \
    "00"                                                                                           \
    "0124"
#define NAMED_36_ALL                                                                               \
    "0101"                                                                                         \
    "00"                                                                                           \
    "80"                                                                                           \
    "0101"                                                                                         \
    "80"                                                                                           \
    "0124"                                                                                         \
    "81"
#define NAMED_36_NONE_LISTED                                                                       \
    "0101"                                                                                         \
    "00"                                                                                           \
    "80"                                                                                           \
    "0101"                                                                                         \
    "80"                                                                                           \
    "0124"                                                                                         \
    "80"                                                                                           \
    "0100"
#define NAMED_36_AABB                                                                              \
    "0101"                                                                                         \
    "00"                                                                                           \
    "80"                                                                                           \
    "0101"                                                                                         \
    "80"                                                                                           \
    "0124"                                                                                         \
    "80"                                                                                           \
    "0101"                                                                                         \
    "02aabb"
#define NAMED_36_EMPTY                                                                             \
    "0101"                                                                                         \
    "00"                                                                                           \
    "80"                                                                                           \
    "0101"                                                                                         \
    "80"                                                                                           \
    "0124"                                                                                         \
    "80"                                                                                           \
    "0101"                                                                                         \
    "00"
#define NAMED_36_BITMAP                                                                            \
    "0101"                                                                                         \
    "00"                                                                                           \
    "80"                                                                                           \
    "0101"                                                                                         \
    "80"                                                                                           \
    "0124"                                                                                         \
    "82"                                                                                           \
    "08"                                                                                           \
    "03010000"                                                                                     \
    "03ff0001"
#define NAMED_37                                                                                   \
    "0101"                                                                                         \
    "00"                                                                                           \
    "80"                                                                                           \
    "0101"                                                                                         \
    "00"                                                                                           \
    "0125"
/* "all", and 36 only with the listed SSP. */
#define ALL_BUT_36                                                                                 \
    "0102"                                                                                         \
    "00"                                                                                           \
    "81"                                                                                           \
    "00"                                                                                           \
    "80"                                                                                           \
    "0101"                                                                                         \
    "80"                                                                                           \
    "0124"                                                                                         \
    "80"                                                                                           \
    "0101"                                                                                         \
    "02aabb"
#define ENROL_ALL                                                                                  \
    "0101"                                                                                         \
    "20"                                                                                           \
    "81"                                                                                           \
    "40"

static void application_permissions(void **state) {
    (void)state;
    static const struct {
        const char *app, *issuer;
        bool yes;
    } v[] = {
        {APP_36, ALL_1, true},
        {APP_36_BITMAP, ALL_1, true},
        {APP_36, ALL_2, false}, /* only over a further issuer */
        {APP_36, ALL_1_2, true},
        {APP_36, ENROL_ALL, false},
        {APP_36, NAMED_37, false},
        {APP_36, NAMED_36, true},
        {APP_36_OPAQUE, NAMED_36, true},
        {APP_36_OPAQUE, NAMED_36_ALL, true},
        {APP_36_OPAQUE, NAMED_36_NONE_LISTED, true},
        {APP_36_OPAQUE, NAMED_36_AABB, true},
        {APP_36, NAMED_36_AABB, false},
        {APP_36, NAMED_36_EMPTY, true},
        {APP_36_OPAQUE, NAMED_36_EMPTY, false},
        {APP_36_BITMAP, NAMED_36_AABB, false},
        {APP_36_BITMAP, NAMED_36_BITMAP, true},
        {APP_36_OPAQUE, NAMED_36_BITMAP, false},
        {APP_36, NAMED_36_BITMAP, false},
        {"0101"
         "80"
         "0124"
         "81"
         "04"
         "03018001",
            NAMED_36_BITMAP, false}, /* a fixed bit differs */
        {"0101"
         "80"
         "0124"
         "81"
         "03"
         "020180",
            NAMED_36_BITMAP, false}, /* shorter */
        {APP_36_OPAQUE, ALL_BUT_36, true},
        {APP_36, ALL_BUT_36, false},
        {"0101"
         "00"
         "0125",
            ALL_BUT_36, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        if (within(v[i].app, "", v[i].issuer) != v[i].yes)
            fail_msg("case %zu", i);
    }
}

static void issuing_permissions(void **state) {
    (void)state;
    static const struct {
        const char *issue, *issuer;
        bool yes;
    } v[] = {
        {ALL_1, ALL_2, true},
        {ALL_1, ALL_1, false}, /* no room for a further issuer */
        {ALL_1, ALL_1_2, true},
        {ALL_2, ALL_2, false},
        {"0101"
         "40"
         "81"
         "01ff",
            ALL_1_2, false}, /* chains of any length from chains of some */
        {ALL_2,
            "0101"
            "40"
            "81"
            "01ff",
            true},
        {"0101"
         "40"
         "81"
         "01ff",
            "0101"
            "40"
            "81"
            "01ff",
            true},
        {"0101"
         "80"
         "81"
         "0100",
            "0101"
            "40"
            "81"
            "01ff",
            false}, /* minimum 0 is invalid */
        {"0101"
         "20"
         "81"
         "c0",
            ALL_2, false}, /* enrolment from application only */
        {ENROL_ALL,
            "0101"
            "a0"
            "81"
            "0102"
            "c0",
            true},
        {NAMED_36, ALL_2, true},
        {ALL_1,
            "0101"
            "80"
            "80"
            "0101"
            "00"
            "0124"
            "0102",
            false}, /* all from one */
        /* Named in the issuer, not in the subordinate: only when any SSP is granted there. */
        {ALL_1,
            "0102"
            "80"
            "81"
            "0102"
            "80"
            "80"
            "0101"
            "00"
            "0124"
            "0102",
            true},
        {ALL_1,
            "0102"
            "80"
            "81"
            "0102"
            "80"
            "80"
            "0101"
            "80"
            "0124"
            "80"
            "0101"
            "02aabb"
            "0102",
            false},
        {NAMED_36_AABB,
            "0101"
            "80"
            "80"
            "0101"
            "80"
            "0124"
            "80"
            "0102"
            "00"
            "02aabb"
            "0102",
            true},
        {NAMED_36_EMPTY,
            "0101"
            "80"
            "80"
            "0101"
            "80"
            "0124"
            "80"
            "0101"
            "02aabb"
            "0102",
            false},
        {NAMED_36_ALL,
            "0101"
            "80"
            "80"
            "0101"
            "80"
            "0124"
            "80"
            "0101"
            "02aabb"
            "0102",
            false},
        {NAMED_36_BITMAP,
            "0101"
            "80"
            "80"
            "0101"
            "80"
            "0124"
            "82"
            "08"
            "03010000"
            "03ff0000"
            "0102",
            true},
        {NAMED_36_BITMAP,
            "0101"
            "80"
            "80"
            "0101"
            "80"
            "0124"
            "82"
            "08"
            "03010000"
            "03ff0003"
            "0102",
            false}, /* frees a bit */
        {NAMED_36_BITMAP,
            "0101"
            "80"
            "80"
            "0101"
            "80"
            "0124"
            "82"
            "08"
            "03020000"
            "03ff0000"
            "0102",
            false}, /* another value */
        {NAMED_36_AABB,
            "0101"
            "80"
            "80"
            "0101"
            "80"
            "0124"
            "82"
            "08"
            "03010000"
            "03ff0000"
            "0102",
            false},
    };
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        if (within("", v[i].issue, v[i].issuer) != v[i].yes)
            fail_msg("case %zu", i);
    }
}

static void may_issue_and_uniqueness(void **state) {
    (void)state;
    struct buf b;
    struct cert c = with_permissions(&b, "", ALL_BUT_36);
    assert_true(cert_may_issue(&c, 36, 1));
    assert_true(cert_may_issue(&c, 5, 1));
    assert_false(cert_may_issue(&c, 5, 2));
    assert_false(cert_may_issue(&c, 5, 0));
    buf_free(&b);
    c = with_permissions(&b, "", NAMED_37);
    assert_false(cert_may_issue(&c, 36, 1));
    buf_free(&b);
    c = with_permissions(&b, "", ENROL_ALL);
    assert_false(cert_may_issue(&c, 36, 1));
    buf_free(&b);
    c = with_permissions(&b,
        "0103"
        "00"
        "0124"
        "00"
        "0125"
        "00"
        "0124",
        "");
    assert_false(cert_psids_unique(&c));
    buf_free(&b);
}

static struct cert with_region(struct buf *b, const char *hex) {
    struct buf region = test_unhex(hex);
    *b = (struct buf){0};
    buf_put(b, "\x80\x03\x00\x81\x00", 5);
    buf_u8(b, hex[0] == '\0' ? 0 : 0x40);
    buf_put(b, "\x83\x00\x00\x00\x00\x00\x00\x00\x00\x01\x84\x00\x01", 13);
    buf_put(b, region.p, region.n);
    buf_put(b, "\x80\x80\x82", 3);
    memset(buf_grow(b, 32), 1, 32);
    buf_put(b, "\x80\x80", 2);
    memset(buf_grow(b, 64), 1, 64);
    buf_free(&region);
    return parsed(b);
}

/* Encodings of regions, from numbers. */
struct text {
    char hex[1024];
};
static struct text circle(int32_t lat, int32_t lon, unsigned radius) {
    struct text t;
    (void)snprintf(t.hex, sizeof(t.hex), "80%08x%08x%04x", (unsigned)lat, (unsigned)lon, radius);
    return t;
}
static struct text rectangle(int32_t n, int32_t w, int32_t s, int32_t e) {
    struct text t;
    (void)snprintf(t.hex, sizeof(t.hex), "810101%08x%08x%08x%08x", (unsigned)n, (unsigned)w,
        (unsigned)s, (unsigned)e);
    return t;
}
/* Corners as lat, lon pairs in whole units. */
static struct text polygon(const int32_t *at, unsigned n) {
    struct text t;
    int used = snprintf(t.hex, sizeof(t.hex), "8201%02x", n);
    for (unsigned i = 0; i < 2 * n; i++)
        used += snprintf(t.hex + used, sizeof(t.hex) - (size_t)used, "%08x", (unsigned)at[i]);
    return t;
}

static bool contains(struct text region, int32_t lat, int32_t lon) {
    struct buf b;
    struct cert c = with_region(&b, region.hex);
    bool yes = cert_region_contains(&c, lat, lon);
    buf_free(&b);
    return yes;
}

#define DEG 10000000

static void points_in_regions(void **state) {
    (void)state;
    /* 1000 m of latitude are 89932 units; of longitude at 60 degrees, 179864. */
    struct text at60 = circle(60 * DEG, 10 * DEG, 1000);
    assert_true(contains(at60, 60 * DEG, 10 * DEG));
    assert_true(contains(at60, 60 * DEG + 89900, 10 * DEG));
    assert_false(contains(at60, 60 * DEG + 89960, 10 * DEG));
    assert_true(contains(at60, 60 * DEG, 10 * DEG - 179800));
    assert_false(contains(at60, 60 * DEG, 10 * DEG - 179950));
    assert_true(contains(at60, 60 * DEG + 63000, 10 * DEG + 127000));
    assert_false(contains(at60, 60 * DEG + 64000, 10 * DEG + 128000));
    /* Around the antimeridian and at the poles nothing overflows. */
    struct text far = circle(0, 180 * DEG, 1000);
    assert_true(contains(far, 0, -180 * DEG + 80000));
    assert_false(contains(far, 0, -180 * DEG + 90000));
    assert_true(contains(circle(90 * DEG, 0, 1), 90 * DEG, 123 * DEG));
    assert_false(contains(circle(-90 * DEG, 0, 65535), 90 * DEG, 0));
    assert_false(contains(at60, 900000001, 1800000001)); /* unknown position */
    struct text box = rectangle(46 * DEG, 7 * DEG, 45 * DEG, 8 * DEG);
    assert_true(contains(box, 46 * DEG, 7 * DEG));
    assert_true(contains(box, 45 * DEG, 8 * DEG));
    assert_false(contains(box, 46 * DEG + 1, 7 * DEG));
    assert_false(contains(box, 45 * DEG, 8 * DEG + 1));
    struct text dateline = rectangle(1 * DEG, 179 * DEG, -1 * DEG, -179 * DEG);
    assert_true(contains(dateline, 0, 180 * DEG));
    assert_true(contains(dateline, 0, -180 * DEG));
    assert_false(contains(dateline, 0, 0));
    /* An L: the notch is outside, the border inside. */
    static const int32_t l[] = {0, 0, 0, 20, 10, 20, 10, 10, 20, 10, 20, 0};
    struct text shape = polygon(l, 6);
    assert_true(contains(shape, 5, 5));
    assert_true(contains(shape, 15, 5));
    assert_true(contains(shape, 5, 15));
    assert_false(contains(shape, 15, 15));
    assert_true(contains(shape, 10, 15));
    assert_true(contains(shape, 20, 0));
    assert_false(contains(shape, 21, 0));
    assert_false(contains(shape, 10, 21));
    static const int32_t line[] = {0, 0, 10, 10};
    assert_false(contains(polygon(line, 2), 5, 6));
    struct text none = {""};
    assert_true(contains(none, 0, 0));
    struct text country = {"830101800114"};
    assert_true(contains(country, 0, 0));
}

static bool inside(struct text inner, struct text outer) {
    struct buf a, b;
    struct cert c = with_region(&a, inner.hex), issuer = with_region(&b, outer.hex);
    bool yes = cert_region_inside(&c, &issuer);
    buf_free(&a);
    buf_free(&b);
    return yes;
}

static void regions_in_regions(void **state) {
    (void)state;
    struct text none = {""};
    struct text big = circle(45 * DEG, 7 * DEG, 5000), small = circle(45 * DEG, 7 * DEG, 1000);
    struct text box = rectangle(46 * DEG, 6 * DEG, 44 * DEG, 8 * DEG);
    static const int32_t square_at[] = {
        44 * DEG, 6 * DEG, 44 * DEG, 8 * DEG, 46 * DEG, 8 * DEG, 46 * DEG, 6 * DEG};
    struct text square = polygon(square_at, 4);
    /* A U around the point 45, 7: its arms reach up on both sides. */
    static const int32_t u_at[] = {44 * DEG, 6 * DEG, 44 * DEG, 8 * DEG, 46 * DEG, 8 * DEG,
        46 * DEG, 75000000, 445000000, 75000000, 445000000, 65000000, 46 * DEG, 65000000, 46 * DEG,
        6 * DEG};
    struct text u = polygon(u_at, 8);
    assert_true(inside(none, big) && inside(big, none) && inside(none, none));
    assert_true(inside(small, big));
    assert_true(inside(big, big));
    assert_false(inside(big, small));
    assert_true(inside(circle(45 * DEG, 7 * DEG + 120000, 4000), big)); /* 944 m east */
    assert_false(inside(circle(45 * DEG, 7 * DEG + 130000, 4000), big)); /* 1022 m east */
    assert_true(inside(big, box));
    assert_false(inside(circle(46 * DEG, 7 * DEG, 10), box));
    assert_true(inside(big, square));
    assert_false(inside(big, u));
    assert_false(inside(box, big));
    assert_true(inside(rectangle(450010000, 70000000, 450000000, 70010000), big));
    assert_true(inside(box, box) && inside(square, box) && inside(box, square));
    assert_true(inside(square, square) && inside(u, square) && inside(u, box));
    assert_false(inside(square, u));
    assert_true(inside(rectangle(46 * DEG, 6 * DEG, 44 * DEG, 64000000), u)); /* the western arm */
    /* Across both arms: the corners are inside, the middle is not. */
    assert_false(inside(rectangle(455000000, 61000000, 446000000, 79000000), u));
    assert_false(inside(rectangle(1 * DEG, 179 * DEG, -1 * DEG, -179 * DEG), box));
    /* Identified regions: Italy 380 (017c), Germany 276 (0114). */
    struct text italy = {"83010180017c"};
    struct text both = {"83010280017c800114"};
    struct text parts = {"83010181017c01020102"};
    struct text part = {"83010181017c010102"};
    struct text subs = {"83010182017c0101020102000a000b"};
    struct text sub = {"83010182017c0101020101000b"};
    struct text other_sub = {"83010182017c0101020101000c"};
    assert_true(inside(italy, both) && inside(both, both));
    assert_false(inside(both, italy));
    assert_true(inside(part, italy) && inside(part, parts) && inside(sub, part));
    assert_true(inside(sub, subs) && inside(sub, both));
    assert_false(inside(italy, parts));
    assert_false(inside(parts, part));
    assert_false(inside(other_sub, subs));
    assert_false(inside(part, subs));
    assert_true(inside(box, italy)); /* for want of borders */
    assert_false(inside(italy, box));
}

/* All header fields in our own sample; the public key counts in compressed form. */
static void header_sample(void **state) {
    (void)state;
    uint8_t digest[2][48], id[2][32];
    struct buf cert = {0};
    sample_cert(&cert, &everything);
    static const enum ec_form forms[] = {EC_Y_ODD, EC_UNCOMPRESSED, EC_FILL};
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        struct buf b = {0};
        buf_put(&b, "\x03\x81\x00\x40\x03\x80\x01x", 8);
        sample_header(&b, forms[i], buf_span(&cert));
        buf_put(&b, "\x82\x80\x83", 3);
        memset(buf_grow(&b, 64), 1, 64);
        struct spdu m = test_spdu(buf_span(&b));
        assert_int_equal(m.all.n, b.n);
        assert_int_equal(m.signer, SIGNER_SELF);
        assert_true(m.generation_time == 700000000000000 && m.expiry_time == 700000060000000);
        assert_int_equal(m.lat, 450000000);
        assert_int_equal(m.lon, 76000000);
        assert_int_equal(m.elevation, 0xf000);
        assert_true(m.has_p2pcd_learning && m.has_missing_crl && m.has_encryption_key);
        assert_int_equal(m.inline_p2pcd.n, 6);
        assert_true(span_equal(m.requested_cert, buf_span(&cert)));
        assert_int_equal(m.encryption_key.form, forms[i]);
        static const uint8_t hash[48];
        size_t n;
        if (i < 2) {
            assert_true(spdu_digest(&m, span_of(hash, 32), digest[i], &n));
            spdu_identity(&m, hash, id[i]);
        }
        assert_false(spdu_digest(&m, span_of(hash, 48), digest[0], &n));
        for (size_t cut = 0; cut < b.n; cut++) {
            uint8_t *copy = ws_memdup(b.p, cut);
            struct spdu part;
            size_t at;
            assert_int_equal(spdu_parse(span_of(copy, cut), &part, &at), COER_TRUNCATED);
            free(copy);
        }
        buf_free(&b);
    }
    assert_memory_equal(digest[0], digest[1], 32);
    assert_memory_equal(id[0], id[1], 32);
    buf_free(&cert);
}

static void other_contents(void **state) {
    (void)state;
    struct buf b = {0};
    struct spdu m;
    size_t at;
    sample_encrypted(&b);
    size_t n = b.n;
    buf_u32(&b, 0);
    m = test_spdu(buf_span(&b));
    assert_int_equal(m.content, SPDU_ENCRYPTED);
    assert_int_equal(m.all.n, n);
    for (size_t cut = 0; cut < n; cut++)
        assert_int_equal(spdu_parse(span_of(b.p, cut), &m, &at), COER_TRUNCATED);
    buf_free(&b);
    m = test_spdu(span_of("\x03\x80\x03xyz", 6));
    assert_int_equal(m.content, SPDU_UNSECURED);
    assert_true(span_equal(m.payload, span_of("xyz", 3)));
    m = test_spdu(span_of("\x03\x84\x02xy", 5));
    assert_int_equal(m.content, SPDU_X509_REQUEST);
    assert_int_equal(spdu_parse(span_of("\x03\x85\x02xy", 5), &m, &at), COER_CHOICE);
    assert_int_equal(at, 1);
    assert_int_equal(spdu_parse(span_of("\x02\x80\x02xy", 5), &m, &at), COER_VALUE);
    assert_int_equal(at, 0);
    /* A payload that is neither there nor hashed nor omitted. */
    assert_int_equal(spdu_parse(span_of("\x03\x81\x00\x00\x00\x01\x24", 7), &m, &at), COER_VALUE);
    assert_int_equal(at, 3);
}

/* Signed data inside signed data ...: read to a bound, then refused by name. */
static void nesting_is_bounded(void **state) {
    (void)state;
    for (unsigned depth = 1; depth <= SPDU_MAX_DEPTH + 2; depth++) {
        struct buf b = {0};
        for (unsigned i = 0; i + 1 < depth; i++)
            buf_put(&b, "\x03\x81\x00\x40", 4);
        buf_put(&b, "\x03\x80\x00", 3);
        for (unsigned i = 0; i + 1 < depth; i++) {
            buf_put(&b, "\x00\x01\x24\x82\x80\x80", 6);
            memset(buf_grow(&b, 64), 1, 64);
        }
        struct spdu m;
        size_t at;
        enum coer_fail fail = spdu_parse(buf_span(&b), &m, &at);
        assert_int_equal(fail, depth <= SPDU_MAX_DEPTH ? COER_OK : COER_DEPTH);
        if (fail == COER_OK) {
            assert_int_equal(m.all.n, b.n);
            assert_int_equal(m.payload.n, 0);
        }
        buf_free(&b);
    }
}

static void too_much_is_refused(void **state) {
    (void)state;
    struct buf b = {0};
    buf_put(&b, "\x03\x80\x83\x01\x00\x00", 6);
    memset(buf_grow(&b, 65536), 0, 65536);
    struct spdu m;
    size_t at;
    assert_int_equal(spdu_parse(buf_span(&b), &m, &at), COER_LENGTH_FORM);
    buf_free(&b);
    /* More application permissions, and more certificates, than are read. */
    buf_put(&b, "\x80\x03\x00\x81\x00\x10\x83\x00\x00\x00\x00\x00\x00\x00\x00\x01\x84\x00\x01", 19);
    buf_put(&b, "\x01\x81", 2);
    struct cert c;
    assert_int_equal(cert_parse(buf_span(&b), &c, &at), COER_VALUE);
    assert_int_equal(at, 19);
    buf_free(&b);
    buf_put(&b, "\x03\x81\x00\x40\x03\x80\x00\x00\x01\x24\x81\x01", 12);
    buf_u8(&b, SPDU_MAX_CERTS + 1);
    assert_int_equal(spdu_parse(buf_span(&b), &m, &at), COER_VALUE);
    b.p[b.n - 1] = 0;
    assert_int_equal(spdu_parse(buf_span(&b), &m, &at), COER_VALUE);
    buf_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_of_the_canonical_form),
        cmocka_unit_test(fields_of_samples),
        cmocka_unit_test(cut_samples_are_refused),
        cmocka_unit_test(refusals_have_names),
        cmocka_unit_test(application_permissions),
        cmocka_unit_test(issuing_permissions),
        cmocka_unit_test(may_issue_and_uniqueness),
        cmocka_unit_test(points_in_regions),
        cmocka_unit_test(regions_in_regions),
        cmocka_unit_test(header_sample),
        cmocka_unit_test(other_contents),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(too_much_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
