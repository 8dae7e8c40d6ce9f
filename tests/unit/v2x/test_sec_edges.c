/* The edges of trust_check: certificates that exceed their issuer by a bit, a unit, a second or a country. */
#include "tests/unit/v2x/cert_world.h"

#include <stdio.h>

/* 36 with a bitmap: octet 1 is 01, of octets 2 and 3 the mask fixes the bits of 0f03 to zero. */
#define RANGE_36                                                                                   \
    "80012482"                                                                                     \
    "08"                                                                                           \
    "03010000"                                                                                     \
    "03ff0f03"
#define ISSUE_36                                                                                   \
    "0101"                                                                                         \
    "2080"                                                                                         \
    "0101" RANGE_36 "c0"
#define SSP_36(bits)                                                                               \
    "0101"                                                                                         \
    "80012481"                                                                                     \
    "04"                                                                                           \
    "0301" bits

static void one_bit_too_many(void **state) {
    (void)state;
    struct cert_world w;
    struct cert_parts ca = PLAIN_CA;
    ca.issue = ISSUE_36;
    cert_world_make(&w, &PLAIN_ROOT, &ca);
    struct cert_parts p = w.ticket;
    for (unsigned bit = 0; bit < 16; bit++) {
        char app[64], bits[5];
        (void)snprintf(bits, sizeof(bits), "%04x", 1U << bit);
        (void)snprintf(app, sizeof(app),
            "0101"
            "80012481"
            "04"
            "0301"
            "%s",
            bits);
        p.app = app;
        cert_world_expect(&w, &p, (0x0f03U >> bit & 1) != 0 ? TRUST_PERMISSION : TRUST_OK);
    }
    p.app = SSP_36("f0fc");
    cert_world_expect(&w, &p, TRUST_OK);
    p.app = "0101"
            "80012481"
            "04"
            "03000000"; /* a fixed bit that is missing */
    cert_world_expect(&w, &p, TRUST_PERMISSION);
    p.app = "0101"
            "80012481"
            "03"
            "020100"; /* shorter, */
    cert_world_expect(&w, &p, TRUST_PERMISSION);
    p.app = "0101"
            "80012481"
            "05"
            "0401000000"; /* longer, */
    cert_world_expect(&w, &p, TRUST_PERMISSION);
    p.app = "0101"
            "80012480"
            "03010000"; /* opaque instead, */
    cert_world_expect(&w, &p, TRUST_PERMISSION);
    p.app = PARTS_APP_36; /* none instead, */
    cert_world_expect(&w, &p, TRUST_PERMISSION);
    p.app = "0102"
            "80012481"
            "04"
            "03010000"
            "000125"; /* a PSID more */
    cert_world_expect(&w, &p, TRUST_PERMISSION);
    cert_world_free(&w);
}

/* "all" does not speak of a PSID that is named beside it, in the same group list, whatever the order. */
static void all_beside_explicit(void **state) {
    (void)state;
    static const char *const issue[] = {
        "0102"
        "2081c0"
        "2080"
        "0101" RANGE_36 "c0",
        "0102"
        "2080"
        "0101" RANGE_36 "c0"
        "2081c0",
    };
    for (size_t i = 0; i < ARRAY_LEN(issue); i++) {
        struct cert_world w;
        struct cert_parts ca = PLAIN_CA;
        ca.issue = issue[i];
        cert_world_make(&w, &PLAIN_ROOT, &ca);
        struct cert_parts p = w.ticket;
        p.app = "0101000125";
        cert_world_expect(&w, &p, TRUST_OK);
        p.app = SSP_36("0000");
        cert_world_expect(&w, &p, TRUST_OK);
        p.app = SSP_36("0001");
        cert_world_expect(&w, &p, TRUST_PERMISSION);
        p.app = PARTS_APP_36;
        cert_world_expect(&w, &p, TRUST_PERMISSION);
        cert_world_free(&w);
    }
}

/* Lists of opaque SSPs: the octets are one of them, or they are not. */
static void opaque_by_list(void **state) {
    (void)state;
    struct cert_world w;
    struct cert_parts ca = PLAIN_CA;
    ca.issue = "0101"
               "2080"
               "0101"
               "80012480"
               "0102"
               "02aabb"
               "03aabbcc"
               "c0";
    cert_world_make(&w, &PLAIN_ROOT, &ca);
    struct cert_parts p = w.ticket;
    static const struct {
        const char *app;
        enum trust_verdict v;
    } v[] = {
        {"0101"
         "80012480"
         "02aabb",
            TRUST_OK},
        {"0101"
         "80012480"
         "03aabbcc",
            TRUST_OK},
        {"0101"
         "80012480"
         "02aaba",
            TRUST_PERMISSION},
        {"0101"
         "80012480"
         "01aa",
            TRUST_PERMISSION},
        {"0101"
         "80012480"
         "00",
            TRUST_PERMISSION},
        {"0101"
         "80012481"
         "03"
         "02aabb",
            TRUST_PERMISSION}, /* as a bitmap */
        {PARTS_APP_36, TRUST_PERMISSION},
    };
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        p.app = v[i].app;
        cert_world_expect(&w, &p, v[i].v);
    }
    cert_world_free(&w);
}

static void one_second_too_many(void **state) {
    (void)state;
    struct cert_world w;
    cert_world_make(&w, &PLAIN_ROOT, &PLAIN_CA);
    struct cert_parts p = w.ticket; /* 100 hours from CERT_WORLD_T0, as its issuer */
    cert_world_expect(&w, &p, TRUST_OK);
    p.from_s = CERT_WORLD_T0 - 1;
    cert_world_expect(&w, &p, TRUST_VALIDITY_OUTSIDE);
    p.from_s = CERT_WORLD_T0 + 1;
    p.duration = "821388"; /* 5000 s */
    struct cert_parts late = p;
    late.from_s = CERT_WORLD_T0 + 360000 - 5000;
    struct buf b = {0};
    for (uint32_t more = 0; more < 2; more++) {
        late.from_s += more;
        buf_clear(&b);
        struct cert c;
        size_t at;
        cert_put_parts(&b, &late, w.key, w.ca_key, buf_span(&w.ca));
        assert_int_equal(cert_parse(buf_span(&b), &c, &at), COER_OK);
        struct trust_result r = trust_check(w.store, &c, late.from_s);
        assert_int_equal(r.verdict, more == 0 ? TRUST_OK : TRUST_VALIDITY_OUTSIDE);
        verify_key_unref(r.key);
    }
    /* Longer by a microsecond: the end is rounded up to a whole second. */
    p.from_s = CERT_WORLD_T0 + 359999;
    p.duration = "808001";
    buf_clear(&b);
    cert_put_parts(&b, &p, w.key, w.ca_key, buf_span(&w.ca));
    struct cert c;
    size_t at;
    assert_int_equal(cert_parse(buf_span(&b), &c, &at), COER_OK);
    struct trust_result r = trust_check(w.store, &c, CERT_WORLD_T0 + 359999);
    assert_int_equal(r.verdict, TRUST_OK);
    verify_key_unref(r.key);
    /* A duration of nothing is never. */
    p.duration = "820000";
    p.from_s = CERT_WORLD_T0 + 1;
    cert_world_expect(&w, &p, TRUST_EXPIRED);
    buf_free(&b);
    cert_world_free(&w);
}

/* Rectangle: 46 N 7 E to 45 N 8 E in 0.1 microdegree. */
#define BOX(nw, se) "810101" nw se
static void one_unit_outside(void **state) {
    (void)state;
    struct cert_world w;
    struct cert_parts ca = PLAIN_CA;
    ca.region = BOX("1b6b0b00042c1d80", "1ad27480"
                                        "04c4b400");
    cert_world_make(&w, &PLAIN_ROOT, &ca);
    static const struct {
        const char *region;
        enum trust_verdict v;
    } v[] = {
        {BOX("1b6b0b00042c1d80", "1ad2748004c4b400"), TRUST_OK},
        {BOX("1b6b0b01042c1d80", "1ad2748004c4b400"), TRUST_REGION},
        {BOX("1b6b0b00042c1d7f", "1ad2748004c4b400"), TRUST_REGION},
        {BOX("1b6b0b00042c1d80", "1ad2747f04c4b400"), TRUST_REGION},
        {BOX("1b6b0b00042c1d80", "1ad2748004c4b401"), TRUST_REGION},
        {BOX("1b6b0aff042c1d81", "1ad2748104c4b3ff"), TRUST_OK},
        /* two rectangles, one of them outside by a unit */
        {"810102"
         "1b6b0b00042c1d80"
         "1ad2748004c4b400"
         "1b6b0b01042c1d80"
         "1ad2748004c4b400",
            TRUST_REGION},
        /* corners the wrong way round: across the antimeridian, all around the earth */
        {BOX("1b6b0b0004c4b400", "1ad27480042c1d80"), TRUST_REGION},
        /* a country, which nobody can measure */
        {"83010180017c", TRUST_REGION},
    };
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        struct cert_parts p = w.ticket;
        p.region = v[i].region;
        cert_world_expect(&w, &p, v[i].v);
    }
    cert_world_free(&w);
}

static void one_country_too_many(void **state) {
    (void)state;
    /* Italy (380), of Germany (276) regions 9 and 10, of Austria (40) region 1 with subregions 7 and 8. */
    struct cert_world w;
    struct cert_parts ca = PLAIN_CA;
    ca.region = "830103"
                "80017c"
                "8101140102090a"
                "8200280101010102"
                "00070008";
    cert_world_make(&w, &PLAIN_ROOT, &ca);
    static const struct {
        const char *region;
        enum trust_verdict v;
    } v[] = {
        {"830101"
         "80017c",
            TRUST_OK},
        {"830101"
         "81017c010103",
            TRUST_OK},
        {"830102"
         "80017c"
         "8101140101"
         "09",
            TRUST_OK},
        {"830101"
         "800114",
            TRUST_REGION}, /* all of Germany */
        {"830101"
         "81011401020908",
            TRUST_REGION}, /* region 8 */
        {"830101"
         "82011401010a01020001"
         "0002",
            TRUST_OK}, /* within region 10 */
        {"830101"
         "82002801010101010007",
            TRUST_OK},
        {"830101"
         "82002801010101010009",
            TRUST_REGION}, /* subregion 9 */
        {"830101"
         "810028010101",
            TRUST_REGION}, /* region 1 as a whole */
        {"830102"
         "80017c"
         "8000fa",
            TRUST_REGION}, /* and France */
    };
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        struct cert_parts p = w.ticket;
        p.region = v[i].region;
        cert_world_expect(&w, &p, v[i].v);
    }
    cert_world_free(&w);
}

/* Chain lengths and end-entity types of an authority below an authority. */
static void chain_lengths(void **state) {
    (void)state;
    /* The root: chains of 2 or 3 below it, applications only. */
    struct cert_parts root = {.issue = "0101"
                                       "e081"
                                       "0102"
                                       "0101"
                                       "80"};
    struct cert_parts ca = {.issue = "0101"
                                     "e081"
                                     "0101"
                                     "0101"
                                     "80"};
    struct cert_world w;
    cert_world_make(&w, &root, &ca);
    static const struct {
        const char *issue;
        enum trust_verdict v;
    } under_root[] = {
        {"0101"
         "e081"
         "0101"
         "0100"
         "80",
            TRUST_OK}, /* 2 */
        {"0101"
         "e081"
         "0102"
         "0100"
         "80",
            TRUST_OK}, /* 3 */
        {"0101"
         "e081"
         "0103"
         "0100"
         "80",
            TRUST_PERMISSION}, /* 4 */
        {"0101"
         "e081"
         "0101"
         "0102"
         "80",
            TRUST_PERMISSION}, /* 2 to 4 */
        {"0101"
         "e081"
         "0101"
         "01ff"
         "80",
            TRUST_PERMISSION}, /* 2 and more */
        {"0101"
         "e081"
         "0100"
         "0101"
         "80",
            TRUST_PERMISSION}, /* 0 is no length */
        {"0101"
         "e081"
         "0101"
         "0100"
         "40",
            TRUST_PERMISSION}, /* enrolment */
        {"0101"
         "e081"
         "0101"
         "0100"
         "c0",
            TRUST_PERMISSION}, /* both */
        {"0102"
         "e081"
         "0101"
         "0100"
         "80"
         "e081"
         "0103"
         "0100"
         "80",
            TRUST_PERMISSION},
    };
    for (size_t i = 0; i < ARRAY_LEN(under_root); i++) {
        struct cert_parts p = {.from_s = CERT_WORLD_T0, .issue = under_root[i].issue};
        struct buf b = {0};
        char serial[16];
        (void)snprintf(serial, sizeof(serial), "8101%02zx", 0x41 + i);
        p.id = serial;
        cert_put_parts(&b, &p, w.key, w.root_key, buf_span(&w.root));
        enum trust_verdict v = trust_add_issuer(w.store, buf_span(&b));
        if (v != under_root[i].v)
            fail_msg("case %zu: %s", i, trust_verdict_text(v));
        buf_free(&b);
    }
    cert_world_expect(&w, &w.ticket, TRUST_OK);
    cert_world_free(&w);
    /* An authority for enrolment alone issues no tickets. */
    struct cert_parts enrol = {.issue = "0101"
                                        "208140"};
    struct cert_parts any = {.issue = PARTS_ISSUE_BOTH};
    cert_world_make(&w, &any, &enrol);
    cert_world_expect(&w, &w.ticket, TRUST_PERMISSION);
    cert_world_free(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_bit_too_many),
        cmocka_unit_test(all_beside_explicit),
        cmocka_unit_test(opaque_by_list),
        cmocka_unit_test(one_second_too_many),
        cmocka_unit_test(one_unit_outside),
        cmocka_unit_test(one_country_too_many),
        cmocka_unit_test(chain_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
