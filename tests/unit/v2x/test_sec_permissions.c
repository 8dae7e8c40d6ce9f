/* What a certificate permits, and whether its issuer may permit that. */
#include "tests/support/cm.h"

#include "tests/unit/v2x/sec_support.h"

/* A certificate with these application and issuing permissions, given as their encodings. */
static struct cert with_permissions(struct buf *b, const char *app_hex, const char *issue_hex) {
    unsigned optional = (app_hex[0] != '\0' ? 0x10U : 0) | (issue_hex[0] != '\0' ? 0x08U : 0);
    return test_bare_cert(b, optional, app_hex, issue_hex);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(application_permissions),
        cmocka_unit_test(issuing_permissions),
        cmocka_unit_test(may_issue_and_uniqueness),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
