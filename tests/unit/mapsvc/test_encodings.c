/* Files in other encodings than UTF-8 are read, and written into in their own. */
#include "base/fileio.h"
#include "mapsvc/formats/export_into.h"
#include "mapsvc/formats/xml_encoding.h"
#include "tests/support/roads.h"
#include "tests/unit/mapsvc/map_files.h"

static const struct map_import_options here = {
    .has_origin = true, .lat0 = 487600000, .lon0 = 114200000};

#define WITH_NAME(encoding, name)                                                                  \
    "<?xml version='1.0' encoding='" encoding "'?><OpenDRIVE><header/><road id='1' length='50'>"   \
    "<planView><geometry s='0' x='0' y='0' hdg='0' length='50'><line/></geometry></planView>"      \
    "<lanes><laneSection s='0'><right><lane id='-1' type='driving'><width sOffset='0' a='3' "      \
    "b='0' "                                                                                       \
    "c='0' d='0'/></lane></right></laneSection></lanes><signals><signal id='5' name='" name        \
    "' s='10' t='-4' type='274' subtype='-1' country='DE' value='50' orientation='+'/></signals>"  \
    "</road></OpenDRIVE>\n"

static struct element *sign_of(struct mapset *m) {
    for (size_t i = 0; i < m->n; i++)
        if (m->elements[i].kind == EL_SIGN)
            return &m->elements[i];
    fail_msg("no sign");
    return NULL;
}

static void names_are_read(void **state) {
    (void)state;
    static const struct {
        const char *text, *name;
    } cases[] = {
        {WITH_NAME("UTF-8", "Stra\xc3\x9f"
                            "e"),
            "Stra\xc3\x9f"
            "e"},
        {WITH_NAME("ISO-8859-1", "Stra\xdf"
                                 "e"),
            "Stra\xc3\x9f"
            "e"},
        {WITH_NAME("iso-8859-15", "5 \xa4"), "5 \xe2\x82\xac"},
        {WITH_NAME("windows-1252", "5 \x80"), "5 \xe2\x82\xac"},
        {"\xef\xbb\xbf" WITH_NAME("ISO-8859-1", "\xc3\x9f"), "\xc3\x9f"}, /* the mark is right */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct mapset m;
        struct ws_err err;
        if (import_text(cases[i].text, &here, &m, NULL, &err) != WS_OK)
            fail_msg("case %zu: %s", i, err.text);
        assert_string_equal(element_attr(sign_of(&m), "name"), cases[i].name);
        mapset_free(&m);
    }
    struct mapset m;
    struct ws_err err;
    assert_int_equal(import_text(WITH_NAME("windows-1252", "\x81"), &here, &m, NULL, &err),
        WS_EINPUT); /* no character */
    assert_int_equal(import_text(WITH_NAME("Shift_JIS", "x"), &here, &m, NULL, &err), WS_EINPUT);
    assert_non_null(strstr(err.text, "encoding"));
}

/* What is written into a file: with the sign's figure as it is, or another one. */
static void write_into(struct span file, bool change, struct buf *ret) {
    char path[] = "wayside-map-XXXXXX";
    struct mapset m;
    struct map_report unsaid;
    struct ws_err err;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(file_write(path, file, 0600, NULL), WS_OK);
    if (map_import(path, &here, &m, NULL, &err) != WS_OK)
        fail_msg("%s", err.text);
    if (change) {
        sign_of(&m)->value = 70;
        sign_of(&m)->has_value = true;
    }
    if (map_export_into(&m, path, ret, &unsaid, &err) != WS_OK)
        fail_msg("%s", err.text);
    assert_int_equal(unsaid.skipped, 0);
    assert_int_equal(unlink(path), 0);
    mapset_free(&m);
}

/* A file in UTF-16 says after a change what the file in UTF-8 says after it, octet for octet. */
static void utf16_is_written_into(void **state) {
    (void)state;
    struct ws_random rnd = ws_random_seeded(5);
    struct vr_road road = vr_make(&rnd);
    struct buf osm = {0};
    vr_put_lanelet2(&road, &osm);
    static const char xodr[] = WITH_NAME("UTF-16", "Stra\xc3\x9f"
                                                   "e \xf0\x9f\x9b\x91");
    for (int i = 0; i < 8; i++) {
        struct utf16_form form = {i % 2 == 0, i / 2 % 2 == 0};
        struct buf plain = {0};
        struct buf wide = {0};
        struct buf a = {0};
        struct buf b = {0};
        struct buf back = {0};
        buf_put(&plain, "\xef\xbb\xbf", 3);
        if (i < 4)
            buf_put(&plain, xodr, strlen(xodr));
        else
            buf_put(&plain, osm.p, osm.n);
        utf16_from_utf8(buf_span(&plain), form, &wide);
        write_into(buf_span(&wide), false, &a);
        assert_int_equal(a.n, wide.n);
        assert_memory_equal(a.p, wide.p, a.n);
        buf_clear(&a);
        write_into(buf_span(&plain), true, &a);
        write_into(buf_span(&wide), true, &b);
        assert_true(utf16_to_utf8(buf_span(&b), form, &back));
        assert_int_equal(a.n, back.n);
        assert_memory_equal(a.p, back.p, a.n);
        buf_free(&plain);
        buf_free(&wide);
        buf_free(&a);
        buf_free(&b);
        buf_free(&back);
    }
    buf_free(&osm);
    vr_free(&road);
}

static void utf16_is_told_from_other_octets(void **state) {
    (void)state;
    struct utf16_form form;
    struct buf b = {0};
    assert_false(utf16_is(span_of("<?xml", 5), &form));
    assert_false(utf16_is(span_of("<\0?", 3), &form));
    assert_true(utf16_is(span_of("<\0?\0", 4), &form));
    assert_true(form.little_endian && !form.marked);
    assert_true(utf16_is(span_of("\0<\0?", 4), &form));
    assert_false(form.little_endian);
    static const char *const halves[] = {
        "\xd8\x00\x00\x41", "\xdc\x00\x00\x41", "\x00\x41\xd8\x00"};
    for (size_t i = 0; i < ARRAY_LEN(halves); i++)
        assert_false(utf16_to_utf8(span_of(halves[i], 4), (struct utf16_form){false, false}, &b));
    buf_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_read),
        cmocka_unit_test(utf16_is_written_into),
        cmocka_unit_test(utf16_is_told_from_other_octets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
