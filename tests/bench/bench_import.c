/* Importing large maps, as Lanelet2, OpenDRIVE and TN-ITS, and asking the first for a tile (in memory, and as the file that a
 * unit serves; the way over HTTP is not in it): a generated grid of one-way streets with limits, signs and stop lines.
 * Seconds and peak memory beside expat alone on the same file. `bench_import [ELEMENTS [FORMAT]]`, by default 1,000,000 and all three. Prints; fails
 * only when the map is not what was generated. */
#include "base/fileio.h"
#include "base/mem.h"
#include "mapsvc/fuse/tiles.h"
#include "mapsvc/model/mapset.h"
#include "rsu/proofs/tile_file.h"

#include <expat.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { STEP = 40, ROW = 500, POINTS = 5 };

static double seconds(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Node k of the line `side` (0 left, 1 right) of segment i in street r; the last is the next one's first. */
static long node_of(long r, long i, long side, long k) {
    return ((r * (ROW + 1) + i) * 2 + side) * (POINTS - 1) + k + 1 -
           (k == POINTS - 1 ? (POINTS - 1) : 0) + (k == POINTS - 1 ? 2 * (POINTS - 1) : 0);
}

static void put_node(FILE *f, long id, long x_cm, long y_cm) {
    /* about 9 mm to 1e-7 degree at the equator's scale; only the shape matters */
    (void)fprintf(f,
        "  <node id='%ld' lat='48.%09ld' lon='11.%09ld'>\n    <tag k='ele' v='%ld.25'/>\n  "
        "</node>\n",
        id, 100000000 + y_cm * 90, 100000000 + x_cm * 135, x_cm % 97);
}

/* Each segment: two lines, a lane, a limit; every fourth a sign with its rule and a stop line. */
static size_t generate(FILE *f, size_t want) {
    size_t elements = 0;
    long sign_nodes = 1000000000;
    (void)fprintf(f, "<?xml version='1.0'?>\n<osm version='0.6'>\n");
    for (long r = 0; elements < want; r++) {
        for (long i = 0; i <= ROW; i++)
            for (long side = 0; side < 2; side++)
                for (long k = 0; k < (i < ROW ? POINTS - 1 : 1); k++)
                    put_node(f, node_of(r, i, side, k), (i * STEP * 100 + k * STEP * 25),
                        r * 2000 - side * 350);
        for (long i = 0; i < ROW && elements < want; i++) {
            long id = r * ROW + i;
            for (long side = 0; side < 2; side++) {
                (void)fprintf(f, "  <way id='%ld'>\n", id * 2 + side + 1);
                for (long k = 0; k < POINTS; k++)
                    (void)fprintf(f, "    <nd ref='%ld'/>\n", node_of(r, i, side, k));
                (void)fprintf(f,
                    "    <tag k='type' v='line_thin'/>\n    <tag k='subtype' v='%s'/>\n  </way>\n",
                    side == 0 ? "dashed" : "solid");
            }
            bool sign = i % 4 == 0;
            if (sign) {
                put_node(f, sign_nodes, i * STEP * 100, r * 2000 - 600);
                put_node(f, sign_nodes + 1, i * STEP * 100, r * 2000 - 660);
                (void)fprintf(f,
                    "  <way id='%ld'>\n    <nd ref='%ld'/>\n    <nd ref='%ld'/>\n    <tag k='type' "
                    "v='traffic_sign'/>\n    <tag k='subtype' v='de274-50'/>\n  </way>\n",
                    100000000 + id, sign_nodes, sign_nodes + 1);
                (void)fprintf(f,
                    "  <way id='%ld'>\n    <nd ref='%ld'/>\n    <nd ref='%ld'/>\n    <tag k='type' "
                    "v='stop_line'/>\n  </way>\n",
                    200000000 + id, node_of(r, i, 0, 0), node_of(r, i, 1, 0));
                (void)fprintf(f,
                    "  <relation id='%ld'>\n    <member type='way' ref='%ld' role='refers'/>\n    "
                    "<member type='way' ref='%ld' role='ref_line'/>\n    <tag k='type' "
                    "v='regulatory_element'/>\n    <tag k='subtype' v='traffic_sign'/>\n  "
                    "</relation>\n",
                    100000000 + id, 100000000 + id, 200000000 + id);
                sign_nodes += 2;
            }
            (void)fprintf(f,
                "  <relation id='%ld'>\n    <member type='way' ref='%ld' role='left'/>\n    "
                "<member type='way' ref='%ld' role='right'/>\n",
                id + 1, id * 2 + 1, id * 2 + 2);
            if (sign)
                (void)fprintf(f,
                    "    <member type='relation' ref='%ld' role='regulatory_element'/>\n",
                    100000000 + id);
            (void)fprintf(f,
                "    <tag k='type' v='lanelet'/>\n    <tag k='subtype' v='road'/>\n    <tag "
                "k='location' v='urban'/>\n    <tag k='one_way' v='yes'/>\n    <tag "
                "k='speed_limit' v='50'/>\n  </relation>\n");
            elements += sign ? 6 : 4;
        }
    }
    (void)fprintf(f, "</osm>\n");
    return elements;
}

/* Each road bends: a line, a spiral, an arc and a line. One section with a lane, its limit and both its edges, and a sign. */
static size_t generate_opendrive(FILE *f, size_t want) {
    enum { LENGTH = 200, ELEMENTS = 5 };
    size_t roads = want / ELEMENTS + 1;
    (void)fprintf(f,
        "<?xml version='1.0'?>\n<OpenDRIVE>\n  <header revMajor='1' revMinor='6'><geoReference>"
        "<![CDATA[+proj=utm +zone=32 +datum=WGS84]]></geoReference></header>\n");
    for (size_t r = 0; r < roads; r++) {
        double x = 600000.0 + (double)(r % 300) * 150.0;
        size_t row = r / 300;
        double y = 5400000.0 + (double)row * 60.0;
        (void)fprintf(f,
            "  <road id='%zu' length='%d.0' junction='-1'>\n    <type s='0' type='town'/>\n    "
            "<planView>\n      <geometry s='0' x='%.4f' y='%.4f' hdg='0.1' length='50.0'>"
            "<line/></geometry>\n      <geometry s='50' x='%.4f' y='%.4f' hdg='0.1' "
            "length='50.0'><spiral curvStart='0' curvEnd='0.01'/></geometry>\n      <geometry "
            "s='100' x='%.4f' y='%.4f' hdg='0.35' length='50.0'><arc curvature='0.01'/>"
            "</geometry>\n      <geometry s='150' x='%.4f' y='%.4f' hdg='0.85' length='50.0'>"
            "<line/></geometry>\n    </planView>\n    <lanes><laneSection s='0'><center><lane "
            "id='0' type='none'><roadMark sOffset='0' type='solid'/></lane></center><right><lane "
            "id='-1' type='driving'><width sOffset='0' a='3.5' b='0' c='0' d='0'/><roadMark "
            "sOffset='0' type='broken'/><speed sOffset='0' max='50' unit='km/h'/></lane></right>"
            "</laneSection></lanes>\n    <signals><signal id='%zu' s='20.0' t='-5.0' "
            "dynamic='no' orientation='+' type='274' subtype='-1' country='DE' value='50' "
            "unit='km/h'/></signals>\n  </road>\n",
            r + 1, LENGTH, x, y, x + 49.7502, y + 4.9917, x + 98.7763, y + 14.0796, x + 139.6145,
            y + 42.0186, r + 1);
    }
    (void)fprintf(f, "</OpenDRIVE>\n");
    return roads * ELEMENTS;
}

/* Limits along lines of five points, which is what TN-ITS has most of. */
static size_t generate_tnits(FILE *f, size_t want) {
    (void)fprintf(f,
        "<?xml version='1.0'?>\n<RoadFeatureDataset xmlns:gml='http://www.opengis.net/gml/3.2' "
        "xmlns:xlink='http://www.w3.org/1999/xlink'><metadata><Metadata><datasetId>bench"
        "</datasetId></Metadata></metadata><type>Snapshot</type>\n");
    for (size_t i = 0; i < want; i++) {
        (void)fprintf(f,
            "<roadFeatures><RoadFeature><validFrom>2026-01-01</validFrom><source "
            "xlink:href='c#regulation'/><type xlink:href='c#speedLimit'/><properties>"
            "<GenericRoadFeatureProperty><type xlink:href='c#maximumSpeedLimit'/><value>"
            "<gml:measure uom='kph'>50</gml:measure></value></GenericRoadFeatureProperty>"
            "</properties><id><RoadFeatureId><providerId>P</providerId><id>%zu</id>"
            "</RoadFeatureId></id><locationReference><GeometryLocationReference>"
            "<encodedGeometry><gml:LineString srsName='EPSG:4326'><gml:posList>",
            i + 1);
        size_t row = i / 1000;
        for (size_t k = 0; k < POINTS; k++)
            (void)fprintf(f, "%s%.7f %.7f", k == 0 ? "" : " ",
                11.0 + (double)(i % 1000) * 5e-4 + (double)k * 1e-4, 48.0 + (double)row * 4e-4);
        (void)fprintf(f, "</gml:posList></gml:LineString></encodedGeometry>"
                         "</GeometryLocationReference></locationReference></RoadFeature>"
                         "</roadFeatures>\n");
    }
    (void)fprintf(f, "</RoadFeatureDataset>\n");
    return want;
}

/* Peak memory is a process's: each figure in a child of its own. */
static void measure(const char *what, int (*work)(const char *path, size_t elements),
    const char *path, size_t elements) {
    double t = seconds();
    (void)fflush(stdout); /* or the child has it too */
    pid_t child = fork();
    if (child == 0)
        _exit(work(path, elements));
    int status = 0;
    struct rusage use;
    if (child < 0 || wait4(child, &status, 0, &use) != child || !WIFEXITED(status) ||
        WEXITSTATUS(status) != 0) {
        (void)fprintf(stderr, "bench_import: %s failed\n", what);
        exit(1);
    }
    double cpu = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
                 (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
    (void)printf("  %-28s %7.2f s of the processor (%.2f s passed), peak %5ld MiB\n", what, cpu,
        seconds() - t, use.ru_maxrss / 1024);
}

static void XMLCALL nothing(void *user, const XML_Char *name, const XML_Char **attrs) {
    (void)name;
    (void)attrs;
    ++*(size_t *)user;
}

static int expat_alone(const char *path, size_t elements) {
    char block[1 << 16];
    size_t seen = 0;
    FILE *f = fopen(path, "rb");
    XML_Parser p = XML_ParserCreate(NULL);
    XML_SetUserData(p, &seen);
    XML_SetStartElementHandler(p, nothing);
    bool ok = f != NULL;
    while (ok) {
        size_t n = fread(block, 1, sizeof(block), f);
        ok = XML_Parse(p, block, (int)n, n == 0) == XML_STATUS_OK;
        if (n == 0)
            break;
    }
    XML_ParserFree(p);
    if (f != NULL)
        (void)fclose(f);
    return ok && seen > elements ? 0 : 1;
}

static int import_as(const char *path, size_t elements, const char *out) {
    struct mapset m;
    struct ws_err err;
    struct map_report *report = ws_alloc(sizeof(*report));
    int rc = map_import(path, NULL, &m, report, &err);
    if (rc != WS_OK || report->skipped > 0 || m.n != elements) {
        (void)fprintf(stderr, "bench_import: %s; %zu elements, %zu left out: %s\n",
            rc != WS_OK ? err.text : "another map", rc == WS_OK ? m.n : 0, report->skipped,
            report->n > 0 ? report->text[0] : "");
        return 1;
    }
    if (out != NULL) {
        struct buf b = {0};
        mapset_encode(&m, &b);
        rc = file_write(out, buf_span(&b), 0600, &err);
        buf_free(&b);
    }
    mapset_free(&m);
    free(report);
    return rc == WS_OK ? 0 : 1;
}

static int import(const char *path, size_t elements) {
    return import_as(path, elements, NULL);
}

static int import_and_write(const char *path, size_t elements) {
    char out[64];
    (void)snprintf(out, sizeof(out), "%s.wmap", path);
    int rc = import_as(path, elements, out);
    return unlink(out) == 0 ? rc : 1;
}

/* The elements of the fullest tile, found by the map's tiles; the baseline looks at every element. */
static int query(const char *path, size_t elements) {
    struct mapset m;
    struct tiles tiles = {0};
    if (map_import(path, NULL, &m, NULL, NULL) != WS_OK || m.n != elements)
        return 1;
    double t = seconds();
    tiles_build(&tiles, &m);
    double built = seconds() - t;
    const struct tile *full = &tiles.v[0];
    for (size_t i = 0; i < tiles.n; i++)
        full = tiles.v[i].n > full->n ? &tiles.v[i] : full;
    size_t scanned = 0;
    t = seconds();
    for (size_t i = 0; i < m.n; i++)
        scanned += tile_of(&m.frame, &m.elements[i]) == full->id;
    double scan = seconds() - t;
    double best = 1e9;
    double searched = 1e9;
    double written = 1e9;
    struct buf file = {0};
    size_t points = 0;
    for (int run = 0; run < 5; run++) {
        t = seconds();
        const struct tile *found = &tiles.v[tiles_find(&tiles, full->id)];
        points = 0;
        for (size_t i = 0; i < found->n; i++)
            points += tiles_element(&tiles, &m, &found->members[i])->n_points;
        double took = seconds() - t;
        best = took < best ? took : best;
        t = seconds();
        size_t again = 0;
        for (size_t i = 0; i < found->n; i++)
            again += mapset_find(&m, found->members[i].id)->n_points;
        took = seconds() - t;
        searched = took < searched ? took : searched;
        if (again != points)
            return 1;
        static const uint8_t cell[32];
        buf_clear(&file);
        t = seconds();
        tile_file_encode(cell, 1, &tiles, tiles_find(&tiles, full->id), &m, &file);
        took = seconds() - t;
        written = took < written ? took : written;
    }
    (void)printf(
        "  one tile of %zu: %zu elements, %zu points: %.2f ms (each searched by its id: %.2f "
        "ms; all elements looked at: %.0f ms; "
        "tiles built in %.2f s)\n",
        tiles.n, full->n, points, best * 1000.0, searched * 1000.0, scan * 1000.0, built);
    (void)fflush(stdout);
    (void)printf("  the same as a file with the path to the root: %.2f ms, %zu octets\n",
        written * 1000.0, file.n);
    (void)fflush(stdout);
    buf_free(&file);
    bool same = scanned == full->n;
    tiles_free(&tiles);
    mapset_free(&m);
    return same ? 0 : 1;
}

static bool bench(
    const char *format, size_t (*write)(FILE *f, size_t want), size_t want, bool with_queries) {
    char path[] = "bench-import-XXXXXX";
    int fd = mkstemp(path);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "wb");
    struct stat st;
    if (f == NULL)
        return false;
    size_t elements = write(f, want);
    if (fclose(f) != 0 || stat(path, &st) != 0)
        return false;
    (void)printf("%s import: %zu elements, %.0f MB\n", format, elements, (double)st.st_size / 1e6);
    measure("baseline: expat alone", expat_alone, path, elements);
    measure("import", import, path, elements);
    if (with_queries) {
        measure("import, written as .wmap", import_and_write, path, elements);
        measure("import, tiles, queries", query, path, elements);
    }
    return unlink(path) == 0;
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        size_t (*write)(FILE *f, size_t want);
        bool queries;
    } formats[] = {{"Lanelet2", generate, true}, {"OpenDRIVE", generate_opendrive, false},
        {"TN-ITS", generate_tnits, false}};
    size_t want = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
    bool good = want > 0;
    for (size_t i = 0; i < ARRAY_LEN(formats) && good; i++)
        if (argc < 3 || strcmp(argv[2], formats[i].name) == 0)
            good = bench(formats[i].name, formats[i].write, want, formats[i].queries);
    return good ? 0 : 1;
}
