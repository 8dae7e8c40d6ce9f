/* OpenDRIVE import: curves against long-double integration, and the same integers everywhere. */
#include "mapsvc/opendrive/opendrive.h"
#include "tests/unit/mapsvc/opendrive_files.h"

#include <math.h>

/* End of a curve by summing up its direction in many small steps. */
static void integrate(
    long double k0, long double k1, long double len, long double *x, long double *y) {
    enum { STEPS = 200000 };
    *x = *y = 0;
    for (int i = 0; i < STEPS; i++) {
        long double s = (i + 0.5L) * len / STEPS;
        long double h = k0 * s + (k1 - k0) / (2 * len) * s * s;
        *x += cosl(h) * len / STEPS;
        *y += sinl(h) * len / STEPS;
    }
}

static void arcs_and_spirals(void **state) {
    (void)state;
    static const struct {
        enum od_shape shape;
        double k0, k1, length;
    } cases[] = {{OD_ARC, 0.05, 0.05, 90}, {OD_ARC, -1e-9, -1e-9, 500}, {OD_ARC, 1e-14, 1e-14, 500},
        {OD_SPIRAL, 0, 0.02, 100}, {OD_SPIRAL, -0.03, 0.01, 80}, {OD_SPIRAL, 0.1, 0.1, 60},
        {OD_SPIRAL, 0, 0, 50}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct od_geometry g = {
            .length = cases[i].length, .shape = cases[i].shape, .p = {cases[i].k0, cases[i].k1}};
        assert_null(od_geometry_fault(&g));
        for (int part = 1; part <= 4; part++) {
            double ds = g.length * part / 4;
            long double x = 0;
            long double y = 0;
            long double k = cases[i].k0 + (cases[i].k1 - cases[i].k0) * ds / g.length;
            integrate(cases[i].k0, k, ds, &x, &y);
            struct od_pose at = od_geometry_at(&g, ds);
            assert_true(fabsl(x - (long double)at.x) < 1e-7L);
            assert_true(fabsl(y - (long double)at.y) < 1e-7L);
            assert_true(fabsl((cases[i].k0 + k) / 2 * ds - (long double)at.hdg) < 1e-9L);
        }
    }
    struct od_geometry mad = {.length = 1e6, .shape = OD_ARC, .p = {1e6}};
    assert_non_null(od_geometry_fault(&mad));
}

static void polynomials(void **state) {
    (void)state;
    /* v = 0.01 u^2: the point at arc length s, by small steps. */
    struct od_geometry g = {
        .x = 5, .y = 6, .hdg = 0.5, .length = 60, .shape = OD_POLY3, .p = {0, 0, 0.01, 0}};
    long double u = 0;
    long double s = 0;
    const long double step = 1e-4L;
    while (s < 40) {
        long double m = 0.02L * (u + step / 2);
        s += step * sqrtl(1 + m * m);
        u += step;
    }
    struct od_pose at = od_geometry_at(&g, 40);
    long double v = 0.01L * u * u;
    assert_true(fabsl(5 + u * cosl(0.5L) - v * sinl(0.5L) - (long double)at.x) < 1e-3L);
    assert_true(fabsl(6 + u * sinl(0.5L) + v * cosl(0.5L) - (long double)at.y) < 1e-3L);
    assert_true(fabs(at.hdg - 0.5 - atan(0.02 * (double)u)) < 1e-4);
    /* The same curve with a parameter from 0 to 1 and one from 0 to length. */
    struct od_geometry n = {.length = 50,
        .shape = OD_PARAM_POLY3,
        .range = OD_RANGE_NORMALIZED,
        .p = {0, 50, 0, 0, 0, 0, 5, 0}};
    struct od_geometry l = {.length = 50,
        .shape = OD_PARAM_POLY3,
        .range = OD_RANGE_ARC_LENGTH,
        .p = {0, 1, 0, 0, 0, 0, 0.002, 0}};
    for (int i = 0; i <= 10; i++) {
        struct od_pose p = od_geometry_at(&n, i * 5.0);
        struct od_pose q = od_geometry_at(&l, i * 5.0);
        assert_true(fabs(p.x - q.x) < 1e-9);
        assert_true(fabs(p.y - q.y) < 1e-9);
        assert_true(fabs(p.hdg - q.hdg) < 1e-9);
    }
}

#define PARAM(s, x, len, bu)                                                                       \
    "<geometry s='" s "' x='" x "' y='0' hdg='0' length='" len "'><paramPoly3 aU='0' bU='" bu      \
    "' cU='0' dU='0' aV='0' bV='0' cV='0' dV='0'/></geometry>"
static void a_missing_range_is_found_out(void **state) {
    (void)state;
    struct map_report report;
    static const char *const texts[] = {
        XODR(ROAD("1", "<planView>" PARAM("0", "0", "40", "1")
                           PARAM("40", "40", "60", "1") "</planView>" LANES)),
        XODR(ROAD("1", "<planView>" PARAM("0", "0", "40", "40")
                           PARAM("40", "40", "60", "60") "</planView>" LANES)),
    };
    for (size_t i = 0; i < 2; i++) {
        struct mapset m = read_map(texts[i], &report);
        assert_true(report_says(&report, "2 paramPoly3 do not say pRange"));
        const struct element *e = by_alias(&m, EL_BOUNDARY, "opendrive:road/1/section/0/border/0");
        check_point(e, e->n_points - 1, 100000, 0);
        mapset_free(&m);
    }
}

/* Every point of a drawn arc lies on it, and chords stay within 2 cm. */
static void arcs_are_drawn_closely(void **state) {
    (void)state;
    struct map_report report;
    struct mapset m =
        read_map(XODR(ROAD("1", "<planView><geometry s='0' x='0' y='0' hdg='0' length='100'>"
                                "<arc curvature='0.02'/></geometry></planView>" LANES)),
            &report);
    const struct element *e = by_alias(&m, EL_BOUNDARY, "opendrive:road/1/section/0/border/-2");
    assert_non_null(e);
    for (size_t i = 0; i < e->n_points; i++) {
        double r = hypot(e->points[i].x / 1000.0, e->points[i].y / 1000.0 - 50.0);
        assert_true(fabs(r - 56.0) < 0.002);
        if (i == 0)
            continue;
        double mx = (e->points[i].x + e->points[i - 1].x) / 2000.0;
        double my = (e->points[i].y + e->points[i - 1].y) / 2000.0 - 50.0;
        assert_true(56.0 - hypot(mx, my) < 0.02);
    }
    assert_true(e->n_points < 100);
    mapset_free(&m);
}

/* Every shape, tapers and the projection in one map: its digest is the same with every compiler, at every level of
 * optimisation and on every machine, or the validators' maps differ. A change of the importer's output
 * changes it; then, and only then, write the new one here. */
static void every_machine_gets_the_same_integers(void **state) {
    (void)state;
    static const char text[] =
        "<OpenDRIVE><header><geoReference>+proj=utm +zone=32</geoReference>"
        "<offset x='690000' y='5337000' hdg='0.3'/></header><road id='1' length='250' "
        "junction='-1'>"
        "<planView><geometry s='0' x='0' y='0' hdg='0.1' length='50'><spiral curvStart='0' "
        "curvEnd='0.02'/>"
        "</geometry></planView>" LANES "</road><road id='2' length='50' junction='-1'><planView>"
        "<geometry s='0' x='100' y='7' hdg='1.7' length='50'><poly3 a='0' b='0.1' c='0.01' "
        "d='-0.0001'/>"
        "</geometry></planView>" LANES "</road><road id='3' length='50' junction='-1'><planView>"
        "<geometry s='0' x='-100' y='7' hdg='-2.9' length='50'><paramPoly3 pRange='normalized' "
        "aU='0' "
        "bU='48' cU='1.5' dU='-0.7' aV='0' bV='0' cV='9' dV='-4'/></geometry></planView>" LANES
        "</road><road id='4' length='70' junction='-1'><planView><geometry s='0' x='30' y='-50' "
        "hdg='3' "
        "length='70'><arc curvature='-0.033'/></geometry></planView>" LANES "</road></OpenDRIVE>";
    struct map_report report;
    struct mapset m = read_map(text, &report);
    uint8_t digest[32];
    char hex[65];
    mapset_digest(&m, digest);
    hex_encode(hex, digest, sizeof(digest));
    assert_string_equal(hex, "4060966e1d70d8082738f1ef792284f9847e199ad40b3e6c80ef1c6d421b9af6");
    mapset_free(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arcs_and_spirals),
        cmocka_unit_test(polynomials),
        cmocka_unit_test(a_missing_range_is_found_out),
        cmocka_unit_test(arcs_are_drawn_closely),
        cmocka_unit_test(every_machine_gets_the_same_integers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
