/* Roads of many shapes against a second drawing of them; the same road in two formats; files that careless hands have
 * damaged. Every road is made from a seed, which a failure names. */
#include "base/fileio.h"
#include "mapsvc/formats/export.h"
#include "mapsvc/formats/export_into.h"
#include "tests/support/roads.h"
#include "tests/unit/mapsvc/map_files.h"

#include <math.h>
#include <stdlib.h>

static const struct map_import_options here = {
    .has_origin = true, .lat0 = 487600000, .lon0 = 114200000};

static struct mapset load(struct span text, uint32_t seed, struct map_report *report) {
    struct mapset m;
    struct ws_err err;
    if (import_octets(text, &here, &m, report, &err) != WS_OK)
        fail_msg("seed %u: %s", seed, err.text);
    return m;
}

static struct vr_road road_of(uint32_t seed) {
    struct ws_random rnd = ws_random_seeded(seed);
    return vr_make(&rnd);
}

static double off_segment(double x, double y, const double *a, const double *b) {
    double dx = b[0] - a[0];
    double dy = b[1] - a[1];
    double len2 = dx * dx + dy * dy;
    double t = len2 > 0.0 ? ((x - a[0]) * dx + (y - a[1]) * dy) / len2 : 0.0;
    t = t < 0.0 ? 0.0 : t > 1.0 ? 1.0 : t;
    return hypot(x - a[0] - t * dx, y - a[1] - t * dy);
}

/* How far a point is from a line of metres. */
static double off_line(double x, double y, const double (*line)[2], size_t n) {
    double best = 1e9;
    for (size_t i = 1; i < n; i++) {
        double d = off_segment(x, y, line[i - 1], line[i]);
        best = d < best ? d : best;
    }
    return best;
}

struct drawn {
    double (*p)[2];
    size_t n;
};

/* The line half-way between the edges a and b (equal: the edge), drawn the second way. */
static struct drawn draw(const struct vr_road *r, const struct vr_section *sec, int a, int b) {
    size_t n = (size_t)((sec->end - sec->s) / 0.1) + 400;
    struct drawn d = {calloc(n, sizeof(d.p[0])), n};
    for (size_t i = 0; i < n; i++) {
        double s = sec->s + (sec->end - sec->s) * (double)i / (double)(n - 1);
        double t = (vr_edge(r, sec, a, s) + vr_edge(r, sec, b, s)) / 2.0;
        vr_point(r, s, t, &d.p[i][0], &d.p[i][1]);
    }
    return d;
}

/* e lies on the line, and the line nowhere leaves it by more than a chord may. */
static void check_line(const struct element *e, const struct vr_road *r,
    const struct vr_section *sec, int a, int b, bool reversed, uint32_t seed, const char *alias) {
    if (e == NULL) {
        fail_msg("seed %u: no %s", seed, alias);
        return;
    }
    struct drawn d = draw(r, sec, a, b);
    struct drawn q = {calloc(e->n_points, sizeof(q.p[0])), e->n_points};
    double worst = 0.0;
    for (size_t i = 0; i < q.n; i++) {
        q.p[i][0] = e->points[i].x / 1000.0;
        q.p[i][1] = e->points[i].y / 1000.0;
        worst = fmax(worst, off_line(q.p[i][0], q.p[i][1], (const double(*)[2])d.p, d.n));
    }
    if (worst > 0.003)
        fail_msg("seed %u: %s: a point is %.4f m off", seed, alias, worst);
    for (size_t i = 0; i < d.n; i++)
        worst = fmax(worst, off_line(d.p[i][0], d.p[i][1], (const double(*)[2])q.p, q.n));
    if (worst > 0.02)
        fail_msg("seed %u: %s: a chord is %.4f m off", seed, alias, worst);
    const double *first = q.p[reversed ? q.n - 1 : 0];
    const double *last = q.p[reversed ? 0 : q.n - 1];
    double ends = hypot(first[0] - d.p[0][0], first[1] - d.p[0][1]) +
                  hypot(last[0] - d.p[d.n - 1][0], last[1] - d.p[d.n - 1][1]);
    if (ends > 0.006)
        fail_msg("seed %u: %s: its ends are %.4f m off", seed, alias, ends);
    free(d.p);
    free(q.p);
}

static void check_lane(
    const struct mapset *m, const struct vr_road *r, size_t section, int k, uint32_t seed) {
    const struct vr_section *sec = &r->sections[section];
    const struct vr_lane *l = k < 0 ? &sec->right[-k - 1] : &sec->left[k - 1];
    char alias[96];
    bool along = (k < 0) != r->left_hand;
    (void)snprintf(alias, sizeof(alias), "opendrive:road/1/section/%zu/border/%d", section, k);
    const struct element *e = by_alias(m, EL_BOUNDARY, alias);
    check_line(e, r, sec, k, k, false, seed, alias);
    const char *mark = element_attr(e, "type");
    assert_true(l->mark == NULL ? mark == NULL : mark != NULL && strcmp(mark, l->mark) == 0);
    (void)snprintf(alias, sizeof(alias), "opendrive:road/1/section/%zu/lane/%d", section, k);
    e = by_alias(m, EL_LANE, alias);
    check_line(e, r, sec, k, k < 0 ? k + 1 : k - 1, !along, seed, alias);
    assert_string_equal(element_attr(e, "subtype"), l->type);
    (void)snprintf(
        alias, sizeof(alias), "opendrive:road/1/section/%zu/lane/%d#speed_limit", section, k);
    e = by_alias(m, EL_SPEED_LIMIT, alias);
    if (l->max == NULL) {
        assert_null(e);
        return;
    }
    check_line(e, r, sec, k, k < 0 ? k + 1 : k - 1, !along, seed, alias);
    assert_int_equal(e->value, l->limit);
    assert_string_equal(element_attr(e, "unit"), l->limit_unit);
}

static void check_signal(const struct mapset *m, const struct vr_road *r, uint32_t seed) {
    const struct vr_signal *g = &r->signal;
    size_t i = 0;
    while (i < m->n && m->elements[i].kind != EL_SIGN)
        i++;
    if (i == m->n)
        fail_msg("seed %u: no sign", seed);
    const struct element *e = &m->elements[i];
    double x = 0.0;
    double y = 0.0;
    vr_point(r, g->s, g->t, &x, &y);
    if (hypot(e->points[0].x / 1000.0 - x, e->points[0].y / 1000.0 - y) > 0.003)
        fail_msg("seed %u: the sign stands elsewhere", seed);
    assert_int_equal(e->value, g->value);
    assert_int_equal(e->has_heading, g->orientation != 'n');
    if (!e->has_heading)
        return;
    double want = vr_at(r, g->s).hdg + g->h_offset + (g->orientation == '-' ? acos(-1.0) : 0.0);
    double turn = e->heading / 65536.0 - want / (2.0 * acos(-1.0));
    if (fabs(turn - round(turn)) > 0.0003)
        fail_msg("seed %u: the sign is turned by %.5f", seed, turn - round(turn));
}

static void shapes_agree_with_a_second_drawing(void **state) {
    (void)state;
    for (uint32_t i = 0; i <= 100; i++) {
        uint32_t seed = i == 0 ? 543 : i; /* a width that changes within half a metre */
        struct vr_road r = road_of(seed);
        struct buf b = {0};
        struct map_report report;
        vr_begin_opendrive("", &b);
        vr_put_opendrive(&r, "1", seed % 2 == 0, &b);
        vr_end_opendrive(&b);
        struct mapset m = load(buf_span(&b), seed, &report);
        if (report.skipped > 0)
            fail_msg("seed %u: %s", seed, report.text[0]);
        for (size_t n = 0; n < r.n_sections; n++)
            for (int k = -r.sections[n].n_right; k <= r.sections[n].n_left; k++)
                if (k != 0)
                    check_lane(&m, &r, n, k, seed);
        check_signal(&m, &r, seed);
        mapset_free(&m);
        buf_free(&b);
        vr_free(&r);
    }
}

/* The header's offset turns and shifts the plane; what lies on it keeps its shape. */
static void an_offset_moves_everything(void **state) {
    (void)state;
    for (uint32_t seed = 1; seed <= 10; seed++) {
        struct vr_road r = road_of(seed);
        struct buf b = {0};
        struct map_report report;
        vr_begin_opendrive("<offset x='1500.25' y='-700.5' z='0' hdg='0.75'/>", &b);
        vr_put_opendrive(&r, "1", false, &b);
        vr_end_opendrive(&b);
        struct mapset m = load(buf_span(&b), seed, &report);
        for (size_t i = 0; i < r.n_path; i++) {
            struct vr_sample *p = &r.path[i];
            *p = (struct vr_sample){p->s, p->x * cos(0.75) - p->y * sin(0.75) + 1500.25,
                p->x * sin(0.75) + p->y * cos(0.75) - 700.5, p->hdg + 0.75};
        }
        for (int k = -r.sections[0].n_right; k < 0; k++)
            check_lane(&m, &r, 0, k, seed);
        check_signal(&m, &r, seed);
        mapset_free(&m);
        buf_free(&b);
        vr_free(&r);
    }
}

/* ---- two formats ---- */

static void fail_with_changes(const struct map_delta *d, uint32_t seed) {
    for (size_t i = 0; i < d->n && i < 8; i++) {
        const struct map_change *c = &d->changes[i];
        const struct element *e = c->before != NULL ? c->before : c->after;
        print_error(
            "%d %s %s\n", c->op, element_kind_name(e->kind), e->n_aliases > 0 ? e->aliases[0] : "");
    }
    fail_msg("seed %u: %zu changes", seed, d->n);
}

static void one_road_in_two_formats_is_one_road(void **state) {
    (void)state;
    for (uint32_t seed = 1; seed <= 40; seed++) {
        struct vr_road r = road_of(seed);
        struct buf x = {0};
        struct buf o = {0};
        struct map_report report;
        struct map_delta d;
        r.signal.h_offset = 0.0;
        if (r.signal.orientation == 'n')
            r.signal.orientation = '+';
        vr_begin_opendrive("", &x);
        vr_put_opendrive(&r, "1", false, &x);
        vr_end_opendrive(&x);
        vr_put_lanelet2(&r, &o);
        struct mapset a = load(buf_span(&x), seed, &report);
        struct mapset b = load(buf_span(&o), seed, &report);
        map_compare(&a, &b, &d);
        if (d.n != 0)
            fail_with_changes(&d, seed);
        map_delta_free(&d);
        /* a limit of another figure, or of the same figure in another unit, is one change */
        for (size_t i = 0; i < b.n; i++) {
            struct element *e = &b.elements[i];
            if (e->kind != EL_SPEED_LIMIT)
                continue;
            const char *unit = element_attr(e, "unit");
            bool mph = strcmp(unit, "mph") == 0;
            if (seed % 2 == 0)
                assert_true(element_set_attr(e, "unit", mph ? "km/h" : "mph"));
            else
                e->value += 10;
            map_compare(&a, &b, &d);
            if (d.n != 1 || d.changes[0].before == NULL ||
                d.changes[0].before->kind != EL_SPEED_LIMIT)
                fail_with_changes(&d, seed);
            map_delta_free(&d);
            break;
        }
        mapset_free(&a);
        mapset_free(&b);
        buf_free(&x);
        buf_free(&o);
        vr_free(&r);
    }
}

/* ---- shapes in place ---- */

/* A boundary that bulges by up to 0.3 m to its left, its ends where they were. */
static void bulge(struct element *e) {
    enum { N = 24 };
    struct map_point p[N + 1];
    double total = 0.0;
    for (size_t i = 1; i < e->n_points; i++)
        total += hypot((double)e->points[i].x - e->points[i - 1].x,
            (double)e->points[i].y - e->points[i - 1].y);
    size_t at = 1;
    double before = 0.0;
    for (int k = 0; k <= N; k++) {
        double want = total * k / N;
        const struct map_point *a = &e->points[at - 1];
        const struct map_point *b = &e->points[at];
        double d = hypot((double)b->x - a->x, (double)b->y - a->y);
        while (before + d < want && at + 1 < e->n_points) {
            before += d;
            at++;
            a = &e->points[at - 1];
            b = &e->points[at];
            d = hypot((double)b->x - a->x, (double)b->y - a->y);
        }
        double f = d > 0.0 ? (want - before) / d : 0.0;
        double out = k == 0 || k == N ? 0.0 : 300.0 * sin(acos(-1.0) * k / N) / (d > 0.0 ? d : 1.0);
        double dx = (double)b->x - a->x;
        double dy = (double)b->y - a->y;
        p[k] = (struct map_point){(int32_t)lround(a->x + f * dx - out * dy),
            (int32_t)lround(a->y + f * dy + out * dx), a->z};
    }
    p[0] = e->points[0];
    p[N] = e->points[e->n_points - 1];
    e->n_points = 0;
    for (int k = 0; k <= N; k++)
        assert_true(element_add_point(e, p[k]));
}

/* Written into the file, the edge is where it is wanted, and all others are where they were. */
static void shapes_of_boundaries_are_written_into_the_file(void **state) {
    (void)state;
    size_t written = 0;
    for (uint32_t seed = 1; seed <= 60; seed++) {
        struct vr_road r = road_of(seed);
        struct buf b = {0};
        struct buf out = {0};
        struct map_report report;
        struct ws_err err;
        char path[] = "wayside-map-XXXXXX";
        vr_begin_opendrive("", &b);
        vr_put_opendrive(&r, "1", true, &b);
        vr_end_opendrive(&b);
        int fd = mkstemp(path);
        assert_true(fd >= 0);
        assert_int_equal(close(fd), 0);
        assert_int_equal(file_write(path, buf_span(&b), 0600, NULL), WS_OK);
        struct mapset m = load(buf_span(&b), seed, &report);
        size_t section = seed % r.n_sections;
        int k = -(int)(seed % 3);
        k = k < -r.sections[section].n_right ? -r.sections[section].n_right : k;
        char alias[80];
        (void)snprintf(alias, sizeof(alias), "opendrive:road/1/section/%zu/border/%d", section, k);
        bulge((struct element *)by_alias(&m, EL_BOUNDARY, alias));
        int rc = map_export_into(&m, path, &out, &report, &err);
        assert_int_equal(unlink(path), 0);
        if (rc != WS_OK)
            fail_msg("seed %u: %s", seed, err.text);
        bool may = k != 0 || !r.sections[section].borders;
        if (may && report.skipped > 0)
            fail_msg("seed %u: %s", seed, report.text[0]);
        if (!may)
            assert_true(report_says(&report, "does not go with borders"));
        written += may;
        mapset_free(&m);
        buf_free(&b);
        buf_free(&out);
        vr_free(&r);
    }
    assert_true(written > 40);
}

/* In real files: said, or named with the reason, and never another element moved. */
static void shapes_in_real_files(void **state) {
    (void)state;
    static const char *const names[] = {"carla_town01", "e6mini", "fabriksgatan", "jolengatan",
        "soderleden", "signs500m_v1_852351c1", "testfeld_niedersachsen"};
    size_t said = 0;
    size_t unsaid = 0;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char path[512];
        struct mapset m;
        struct ws_err err;
        (void)snprintf(path, sizeof(path), "%s/maps/opendrive/%s.xodr", test_data_dir(), names[i]);
        if (access(path, R_OK) != 0)
            skip();
        for (size_t nth = 3; nth < 12; nth += 4) {
            struct map_report report;
            struct buf out = {0};
            if (map_import(path, NULL, &m, NULL, &err) != WS_OK)
                fail_msg("%s", err.text);
            struct element *e = NULL;
            for (size_t k = 0, seen = 0; k < m.n && e == NULL; k++)
                if (m.elements[k].kind == EL_BOUNDARY && seen++ == nth)
                    e = &m.elements[k];
            if (e != NULL) {
                bulge(e);
                if (map_export_into(&m, path, &out, &report, &err) != WS_OK)
                    fail_msg("%s: %s", names[i], err.text);
                if (report.skipped > 1 ||
                    (report.skipped == 1 && strstr(report.text[0], e->aliases[0]) == NULL))
                    fail_msg(
                        "%s: %s: %zu, %s", names[i], e->aliases[0], report.skipped, report.text[0]);
                if (report.skipped == 1)
                    print_message("%s: %s\n", names[i], report.text[0]);
                said += report.skipped == 0;
                unsaid += report.skipped;
            }
            buf_free(&out);
            mapset_free(&m);
        }
    }
    print_message("%zu shapes written, %zu named\n", said, unsaid);
    assert_true(said > unsaid);
}

/* ---- damage ---- */

/* Whatever a file says: it is read, or refused with its name and the line; what is left out has a place. And what was
 * read can be written into the file without a change, which then is the same file. */
static void check_damaged(struct span text, uint32_t seed) {
    char path[] = "wayside-map-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(file_write(path, text, 0600, NULL), WS_OK);
    struct mapset m;
    struct map_report report;
    struct map_report unsaid;
    struct ws_err err;
    struct buf out = {0};
    int rc = map_import(path, &here, &m, &report, &err);
    if (rc != WS_OK) {
        if (strstr(err.text, path) == NULL)
            fail_msg("seed %u: \"%s\" names no file", seed, err.text);
        assert_int_equal(unlink(path), 0);
        return;
    }
    for (size_t i = 0; i < report.n; i++)
        if (strncmp(report.text[i], path, strlen(path)) != 0)
            fail_msg("seed %u: \"%s\" names no file", seed, report.text[i]);
    rc = map_export_into(&m, path, &out, &unsaid, &err);
    if (rc == WS_OK && (out.n != text.n || memcmp(out.p, text.p, out.n) != 0))
        fail_msg("seed %u: writing no change changed the file", seed);
    if (rc == WS_OK && unsaid.skipped > 0)
        fail_msg("seed %u: %s", seed, unsaid.text[0]);
    if (rc != WS_OK && strstr(err.text, path) == NULL)
        fail_msg("seed %u: \"%s\" names no file", seed, err.text);
    assert_int_equal(unlink(path), 0);
    buf_free(&out);
    mapset_free(&m);
}

static void damaged(bool lanelet2) {
    for (uint32_t seed = 1; seed <= 250; seed++) {
        struct ws_random rnd = ws_random_seeded(seed);
        struct vr_road r = road_of(1 + seed % 20);
        struct buf b = {0};
        if (lanelet2) {
            vr_put_lanelet2(&r, &b);
        } else {
            vr_begin_opendrive("", &b);
            vr_put_opendrive(&r, "1", true, &b);
            vr_end_opendrive(&b);
        }
        for (uint32_t k = 0; k <= seed % 3; k++) {
            struct buf next = {0};
            vr_damage(&rnd, buf_span(&b), &next);
            buf_free(&b);
            b = next;
        }
        check_damaged(buf_span(&b), seed);
        buf_free(&b);
        vr_free(&r);
    }
}

static void damaged_opendrive_has_a_verdict(void **state) {
    (void)state;
    damaged(false);
}

static void damaged_lanelet2_has_a_verdict(void **state) {
    (void)state;
    damaged(true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_agree_with_a_second_drawing),
        cmocka_unit_test(an_offset_moves_everything),
        cmocka_unit_test(one_road_in_two_formats_is_one_road),
        cmocka_unit_test(shapes_of_boundaries_are_written_into_the_file),
        cmocka_unit_test(shapes_in_real_files),
        cmocka_unit_test(damaged_opendrive_has_a_verdict),
        cmocka_unit_test(damaged_lanelet2_has_a_verdict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
