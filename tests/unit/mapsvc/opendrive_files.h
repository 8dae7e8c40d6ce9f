/* Small OpenDRIVE files written inline, and what maps made of them are asked for. */
#ifndef WAYSIDE_TESTS_OPENDRIVE_FILES_H
#define WAYSIDE_TESTS_OPENDRIVE_FILES_H

#include "mapsvc/formats/export_into.h"
#include "tests/unit/mapsvc/map_files.h"

#define WIDTH(a) "<width sOffset='0' a='" #a "' b='0' c='0' d='0'/>"
#define XODR(body) "<OpenDRIVE><header revMajor='1' revMinor='6'/>" body "</OpenDRIVE>"
/* One lane to the left, two to the right. */
#define LANES                                                                                      \
    "<lanes><laneSection s='0'><left><lane id='1' type='driving'>"                                 \
    "<width sOffset='0' a='3' b='0' c='0' d='0'/></lane></left><center><lane id='0' type='none'>"  \
    "<roadMark sOffset='0' type='solid' color='white'/></lane></center><right>"                    \
    "<lane id='-1' type='driving'><width sOffset='0' a='4' b='0' c='0' d='0'/></lane>"             \
    "<lane id='-2' type='sidewalk'><width sOffset='0' a='2' b='0' c='0' d='0'/></lane>"            \
    "</right></laneSection></lanes>"
#define LINE100                                                                                    \
    "<planView><geometry s='0' x='10' y='20' hdg='0' length='100'><line/></geometry></planView>"
#define ROAD(id, inside) "<road id='" id "' length='100' junction='-1'>" inside "</road>"

static const struct map_import_options here = {
    .has_origin = true, .lat0 = 487600000, .lon0 = 114200000};

static inline struct mapset read_map(const char *text, struct map_report *report) {
    struct mapset m;
    struct ws_err err;
    if (import_text(text, &here, &m, report, &err) != WS_OK)
        fail_msg("%s", err.text);
    return m;
}

static inline void check_point(const struct element *e, size_t i, int32_t x, int32_t y) {
    assert_non_null(e);
    assert_true(i < e->n_points);
    assert_in_range(e->points[i].x - x + 1, 0, 2);
    assert_in_range(e->points[i].y - y + 1, 0, 2);
}

/* ---- written into their file ---- */

static inline struct buf into(const struct mapset *m, struct span base, struct map_report *unsaid) {
    struct buf out = {0};
    struct ws_err err;
    *unsaid = (struct map_report){0};
    if (opendrive_export_into(m, "base.xodr", base, &out, unsaid, &err) != WS_OK)
        fail_msg("%s", err.text);
    return out;
}

static inline struct mapset read_again(const struct buf *out, const struct mapset *like) {
    struct map_import_options how = {.has_origin = true,
        .lat0 = like->frame.lat0,
        .lon0 = like->frame.lon0,
        .has_frame = true,
        .frame = like->frame};
    struct mapset m;
    struct ws_err err;
    if (import_octets(buf_span(out), &how, &m, NULL, &err) != WS_OK)
        fail_msg("%s", err.text);
    return m;
}

/* Both maps say the same under the same names. */
static inline void check_same(const struct mapset *a, const struct mapset *b) {
    assert_int_equal(a->n, b->n);
    for (size_t i = 0; i < a->n; i++) {
        const struct element *e = &a->elements[i];
        const struct element *o = by_alias(b, e->kind, e->aliases[0]);
        if (o == NULL)
            fail_msg("%s is not there", e->aliases[0]);
        else if (!element_same_content(e, o))
            fail_msg("%s is another", e->aliases[0]);
    }
}

static inline void drop(struct mapset *m, size_t i) {
    element_free(&m->elements[i]);
    memmove(&m->elements[i], &m->elements[i + 1], (--m->n - i) * sizeof(m->elements[0]));
}

#endif
