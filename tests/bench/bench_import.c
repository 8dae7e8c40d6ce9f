/* Importing a large Lanelet2 map: a generated grid of one-way streets with limits, signs and stop lines, and asking it
 * for a tile. Seconds and
 * peak memory beside expat alone on the same file. `bench_import [ELEMENTS]`, by default 1,000,000. Prints; fails only
 * when the map is not what was generated. */
#include "base/fileio.h"
#include "base/mem.h"
#include "mapsvc/mapset.h"
#include "mapsvc/tiles.h"
#include "rsu/tile_file.h"

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

/* Peak memory is a process's: each figure in a child of its own. */
static void measure(const char *what, int (*work)(const char *path, size_t elements),
    const char *path, size_t elements) {
    double t = seconds();
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
    (void)printf("  %-28s %7.2f s, peak %5ld MiB\n", what, seconds() - t, use.ru_maxrss / 1024);
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
        (void)fprintf(stderr, "bench_import: %s\n", rc != WS_OK ? err.text : "another map");
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

int main(int argc, char **argv) {
    size_t want = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
    char path[] = "bench-import-XXXXXX";
    int fd = mkstemp(path);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "wb");
    struct stat st;
    if (want == 0 || f == NULL)
        return 2;
    size_t elements = generate(f, want);
    if (fclose(f) != 0 || stat(path, &st) != 0)
        return 1;
    (void)printf("Lanelet2 import: %zu elements, %.0f MB\n", elements, (double)st.st_size / 1e6);
    measure("baseline: expat alone", expat_alone, path, elements);
    measure("import", import, path, elements);
    measure("import, written as .wmap", import_and_write, path, elements);
    measure("import, tiles, queries", query, path, elements);
    return unlink(path) == 0 ? 0 : 1;
}
